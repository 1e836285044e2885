"""The command line: ``breaking-point`` and ``characterize`` without tests, and what was kept.

Exit codes: 0 found, or shown; 1 the service failed: it didn't answer, died or didn't come to rest;
2 a wrong argument; 3 the measurement can't be trusted (INVALID); 4 the data can't tell, or not all
of it, or what was found could not be confirmed (INCONCLUSIVE); 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    ConfigurationError,
    GeneratorError,
    Inconclusive,
    InvalidRun,
    PerfqaError,
    PrerequisiteMissing,
    UnitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .base.verdicts import Verdict
    from .capacity.character.kind import Character
    from .report.record.schema import CharacterRecord, SearchRecord

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

OK, FAILED, USAGE, INVALID, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        _check_report(chosen)
        return command(chosen)
    except KeyboardInterrupt as error:
        _say("perfqa: interrupted")
        return _code(error)
    except PerfqaError as error:
        _say(f"perfqa: {error}")
        return _code(error)


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, ConfigurationError | UnitError):
        return USAGE
    if isinstance(error, InvalidRun | GeneratorError):
        return INVALID
    return INCONCLUSIVE if isinstance(error, Inconclusive) else FAILED


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="perfqa",
        description="Find out what a running HTTP service can do; show what was kept of it.",
    )
    commands = parser.add_subparsers(title="commands", required=True)
    _add_show(commands)
    _add_compare(commands)
    _add_history(commands)
    _add_breaking_point(commands)
    _add_characterize(commands)
    return parser


def _add_show(commands: _Commands) -> None:
    shown = commands.add_parser(
        "show",
        parents=[_outcome()],
        help="what --perfqa-keep or perf_run.save(...) has kept",
        description="Print the summary of kept sessions and results, several side by side.",
    )
    shown.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="+",
        type=Path,
        help="of a session, of a result, or the DIR of --perfqa-keep with all its sessions",
    )
    shown.set_defaults(command=_show)


def _add_compare(commands: _Commands) -> None:
    compared = commands.add_parser(
        "compare",
        parents=[_as_json()],
        help="two of them side by side, with ratios",
        description=(
            "Print two kept results or sessions, metric by metric, with ratios, and what they were "
            "not alike in. Nothing is judged: one run against one can't tell a regression."
        ),
    )
    for name, which in (("first", "the one that the other is compared with"), ("second", "other")):
        compared.add_argument(name, metavar=name.upper(), type=Path, help=which)
    compared.set_defaults(command=_compare, report=None)


def _add_history(commands: _Commands) -> None:
    past = commands.add_parser(
        "history",
        parents=[_as_json()],
        help="key figures of all of them over time, and where they changed",
        description=(
            "List what --perfqa-save and --perfqa-keep have written in the order of time, and mark "
            "from which run on a figure is another. It judges nothing."
        ),
    )
    past.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        type=Path,
        help="the DIR of --perfqa-keep; by default, .perfqa/baselines",
    )
    past.add_argument(
        "--last", metavar="N", type=_count, default=100, help="of each, the youngest; 100"
    )
    past.set_defaults(command=_history, report=None)


def _add_breaking_point(commands: _Commands) -> None:
    breaking = commands.add_parser(
        "breaking-point",
        parents=[_common()],
        help="how much it takes",
        description=(
            "With --burst-within, the largest burst that is served; with --slo alone, the highest "
            "rate at which that holds; with neither, the highest rate at which its queue stays "
            "bounded."
        ),
    )
    breaking.add_argument("--burst-within", metavar="TIME", help="spread bursts over this: 10s")
    breaking.add_argument("--slo", metavar="TEXT", help="such as 'p95 <= 2s and error_rate <= 1%%'")
    breaking.add_argument("--ceiling", metavar="RATE", help="the highest rate to try: 500/s")
    breaking.add_argument(
        "--arrivals", choices=["poisson", "uniform"], help="under an SLO; poisson by default"
    )
    breaking.add_argument("--timeout", metavar="TIME", default="120s", help="for one request")
    breaking.add_argument("--canary", metavar="PATH", help="a quick path of the same workers")
    breaking.set_defaults(command=_breaking_point, budget="10 min")


def _add_characterize(commands: _Commands) -> None:
    character = commands.add_parser(
        "characterize",
        parents=[_common()],
        help="what kind of service it is",
        description="Synchronous or not, how many workers, how long a request takes.",
    )
    character.add_argument("--quick", metavar="PATH", help="a quick path of the same workers")
    character.set_defaults(command=_characterize, budget="60s")


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, parents=[_outcome()])
    common.add_argument("url", metavar="URL", help="of the service: http://127.0.0.1:8080")
    common.add_argument("--path", default="/", help="what is asked for; / by default")
    common.add_argument("--budget", metavar="TIME", help="how long it may take")
    common.add_argument(
        "--allow-remote",
        action="store_true",
        help="let load go to hosts that are neither loopback nor private",
    )
    return common


def _outcome() -> argparse.ArgumentParser:
    outcome = argparse.ArgumentParser(add_help=False, parents=[_as_json()])
    outcome.add_argument(
        "--report", metavar="DIR", type=Path, help="write a report in HTML and JSON to this folder"
    )
    return outcome


def _as_json() -> argparse.ArgumentParser:
    printed = argparse.ArgumentParser(add_help=False)
    printed.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return printed


def _count(written: str) -> int:
    if not written.isdecimal() or int(written) < 1:
        raise argparse.ArgumentTypeError(f"found {written}; accepted: a whole number from 1 on")
    return int(written)


def _check_report(chosen: argparse.Namespace) -> None:
    if chosen.report is not None:
        from .report.html import folder

        folder.check_writable(chosen.report, "--report")


def _breaking_point(chosen: argparse.Namespace) -> int:
    from .capacity.limits.breaking_point import find_breaking_point, inquiry
    from .capacity.probing.target import ProbeRequest, Target
    from .machine.environment import machine, versions
    from .measuring.searches import Search
    from .report.record.recorder import record_of_search
    from .report.text import breaking_points

    asked = inquiry(
        burst_within=chosen.burst_within,
        slo=chosen.slo,
        ceiling=chosen.ceiling,
        arrivals=chosen.arrivals,
        timeout=chosen.timeout,
        budget=chosen.budget,
    )
    target = Target(_url(chosen), ProbeRequest(_path(chosen)), chosen.url, canary=chosen.canary)
    search = Search(chosen.url, target.name)
    with _reported(chosen, lambda: record_of_search(search, 1.0, machine(), versions())):
        try:
            with _machine():
                search.found = find_breaking_point(target, asked)
        except BaseException as error:
            search.error = error
            search.judge(_verdict(_code(error)))
            raise
        code = OK if search.found.confirmed else INCONCLUSIVE
        search.judge(_verdict(code))
        _tell(chosen, breaking_points.breaking_point_details(search.found))
    return code


def _characterize(chosen: argparse.Namespace) -> int:
    from .capacity.character.characterize import characterize
    from .capacity.character.question import question
    from .machine.environment import machine, versions
    from .report.record.characterisation import record_of_character, record_of_failure
    from .report.text import character

    asked = question(
        _url(chosen),
        _path(chosen),
        service=chosen.url,
        time_scale=1.0,
        ready=None,
        replica_header=None,
        budget=chosen.budget,
        quick=chosen.quick,
    )
    came_to: Character | BaseException

    def record() -> CharacterRecord:
        here = (machine(), versions())
        if isinstance(came_to, BaseException):
            return record_of_failure(asked.service, asked.path, came_to, 1.0, *here)
        return record_of_character(came_to, *here)

    with _reported(chosen, record):
        try:
            with _machine():
                came_to = characterize(asked)
        except BaseException as error:
            came_to = error
            raise
        _tell(chosen, character.character_details(came_to).splitlines())
    if came_to.untold:
        _say(f"perfqa: the data can't tell {', nor '.join(came_to.untold)}")
        return INCONCLUSIVE
    return OK


def _show(chosen: argparse.Namespace) -> int:
    from .report.record.schema import to_json
    from .report.shown import Shown
    from .report.terminal.section import section

    shown = Shown(chosen.folders)
    if chosen.json:
        documents = ",\n".join(to_json(one).decode() for one in shown.records())
        sys.stdout.write(f"[{documents}]\n")
    _tell(chosen, section(shown.findings))
    if chosen.report is not None:
        return OK if _written(lambda: shown.report(chosen.report)) else USAGE
    return OK


def _compare(chosen: argparse.Namespace) -> int:
    from .report.compared import Compared

    compared = Compared(chosen.first, chosen.second)
    sys.stdout.write("\n".join([compared.document()] if chosen.json else compared.lines()) + "\n")
    return OK


def _history(chosen: argparse.Namespace) -> int:
    from .baseline.saved import BASELINES
    from .report.history import history_document, read_histories, with_changes
    from .report.text.history import history_text

    histories = read_histories(chosen.folders or [BASELINES], chosen.last)
    try:
        histories = with_changes(histories)
    except PrerequisiteMissing as error:
        _say(f"perfqa: {error}")
    lines = [history_document(histories)] if chosen.json else history_text(histories)
    sys.stdout.write("\n".join(lines) + "\n")
    return OK


def _url(chosen: argparse.Namespace) -> str:
    from .base.address import permitted

    url = str(chosen.url)
    try:
        permitted(url, allow_remote=chosen.allow_remote, by="--allow-remote")
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return url.rstrip("/")


def _path(chosen: argparse.Namespace) -> str:
    path = str(chosen.path)
    if not path.startswith("/"):
        raise ConfigurationError(f"--path={path!r}: accepted: a path such as '/heavy'")
    return path


def _machine() -> Any:
    from .machine.alone import alone

    return alone(lambda line: _say(f"perfqa: {line}"))


def _verdict(code: int) -> Verdict:
    """Give what a test would be told that asks for no more than an answer."""
    from .base.verdicts import Verdict

    return {
        OK: Verdict.PASSED,
        FAILED: Verdict.FAILED,
        INVALID: Verdict.INVALID,
        INCONCLUSIVE: Verdict.INCONCLUSIVE,
    }.get(code, Verdict.UNTESTED)


def _tell(chosen: argparse.Namespace, lines: Sequence[str]) -> None:
    if not chosen.json:
        sys.stdout.write("\n".join(lines) + "\n")


@contextlib.contextmanager
def _reported(
    chosen: argparse.Namespace, record: Callable[[], SearchRecord | CharacterRecord]
) -> Iterator[None]:
    """Write down what was found, as JSON or as a report where one is wanted.

    Even what came to nothing: the record says why.
    """
    ended: BaseException | None = None
    try:
        yield
    except BaseException as error:
        ended = error
        raise
    finally:
        interrupted = isinstance(ended, KeyboardInterrupt)
        if chosen.json and not interrupted and not isinstance(ended, ConfigurationError):
            from .report.record.schema import to_json

            sys.stdout.write(to_json(record()).decode() + "\n")
        if chosen.report is not None:
            _write(chosen.report, record(), interrupted=interrupted)


def _write(directory: Path, record: SearchRecord | CharacterRecord, *, interrupted: bool) -> None:
    from .report.html import folder
    from .report.record.schema import SearchRecord

    searches = [record] if isinstance(record, SearchRecord) else []
    characters = [] if isinstance(record, SearchRecord) else [record]
    _written(
        lambda: folder.write_pages(directory, (), searches, characters, interrupted=interrupted)
    )


def _written(write: Callable[[], Path]) -> bool:
    """Write a report and say where it is; or why it isn't."""
    try:
        page = write()
    except OSError as error:
        _say(f"perfqa: report: not written: {error}")
        return False
    _say(f"perfqa: report: {page}")
    return True


if __name__ == "__main__":
    sys.exit(main())
