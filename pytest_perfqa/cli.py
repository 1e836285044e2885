"""The command line, for those who have no tests yet: ``perfqa breaking-point``, ``characterize``.

Exit codes: 0 found; 1 the service failed: it didn't answer, died or didn't come to rest; 2 a wrong
argument; 3 the measurement can't be trusted (INVALID); 4 the data can't tell (INCONCLUSIVE), or
what was found could not be confirmed; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    ConfigurationError,
    GeneratorError,
    Inconclusive,
    InvalidRun,
    PerfqaError,
    UnitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .capacity.character import Character
    from .capacity.found import BreakingPoint

OK, FAILED, USAGE, INVALID, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        return command(chosen)
    except (ConfigurationError, UnitError) as error:
        return _complain(error, USAGE)
    except (InvalidRun, GeneratorError) as error:
        return _complain(error, INVALID)
    except Inconclusive as error:
        return _complain(error, INCONCLUSIVE)
    except PerfqaError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)


def _complain(error: object, code: int) -> int:
    _say(f"perfqa: {error}")
    return code


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="perfqa", description="Find out what a running HTTP service can do."
    )
    commands = parser.add_subparsers(title="commands", required=True)
    common = _common()
    breaking = commands.add_parser(
        "breaking-point",
        parents=[common],
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
    character = commands.add_parser(
        "characterize",
        parents=[common],
        help="what kind of service it is",
        description="Synchronous or not, how many workers, how long a request takes.",
    )
    character.set_defaults(command=_characterize, budget="60s")
    return parser


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("url", metavar="URL", help="of the service: http://127.0.0.1:8080")
    common.add_argument("--path", default="/", help="what is asked for; / by default")
    common.add_argument("--budget", metavar="TIME", help="how long it may take")
    common.add_argument("--json", action="store_true", help="print JSON instead of a table")
    common.add_argument(
        "--report", metavar="DIR", type=_folder, help="write a page and result.json to this folder"
    )
    common.add_argument(
        "--allow-remote",
        action="store_true",
        help="let load go to hosts that are neither loopback nor private",
    )
    return common


def _folder(written: str) -> Path:
    path = Path(written)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{written} is a file; accepted: a folder")
    return path


def _breaking_point(chosen: argparse.Namespace) -> int:
    from .capacity.breaking_point import find_breaking_point, inquiry
    from .capacity.target import Request, Target

    asked = inquiry(
        burst_within=chosen.burst_within,
        slo=chosen.slo,
        ceiling=chosen.ceiling,
        arrivals=chosen.arrivals,
        timeout=chosen.timeout,
        budget=chosen.budget,
    )
    target = Target(_url(chosen), Request(_path(chosen)), chosen.url, canary=chosen.canary)
    with _machine():
        found = find_breaking_point(target, asked)
    _tell(chosen, found)
    return OK if found.confirmed else INCONCLUSIVE


def _characterize(chosen: argparse.Namespace) -> int:
    from .capacity.characterize import characterize
    from .capacity.question import question

    asked = question(
        _url(chosen),
        _path(chosen),
        service=chosen.url,
        time_scale=1.0,
        ready=None,
        replica_header=None,
        budget=chosen.budget,
    )
    with _machine():
        found = characterize(asked)
    _tell(chosen, found)
    return OK


def _url(chosen: argparse.Namespace) -> str:
    from .service import address

    url = str(chosen.url)
    try:
        host = address.split(url).hostname or ""
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    if not chosen.allow_remote and not address.is_test_host(host):
        raise ConfigurationError(address.remote_refused(host, "--allow-remote"))
    return url.rstrip("/")


def _path(chosen: argparse.Namespace) -> str:
    path = str(chosen.path)
    if not path.startswith("/"):
        raise ConfigurationError(f"--path={path!r}: accepted: a path such as '/heavy'")
    return path


def _machine() -> Any:
    from .machine import alone

    return alone(lambda line: _say(f"perfqa: {line}"))


def _tell(chosen: argparse.Namespace, found: BreakingPoint | Character) -> None:
    """Print what was found, and write the report where one is wanted."""
    from .report import capacity_page

    lines = [capacity_page.record(found)] if chosen.json else capacity_page.described(found)
    sys.stdout.write("\n".join(lines) + "\n")
    if chosen.report is not None:
        _say(f"perfqa: report in {capacity_page.write(chosen.report, found)}")


if __name__ == "__main__":
    sys.exit(main())
