"""Records as HTML: an index of all runs, and a page for each."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.units import Unit, show
from ...base.verdicts import Verdict
from ...errors import PrerequisiteMissing
from ..record.schema import CharacterRecord, Record, SearchRecord, to_json
from ..text import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from ..comparison import Conclusion
    from ..record.schema import Measured, RecoveryRecord, Totals

_SOURCES = Path(__file__).parent / "page"
_NOTHING = "\N{EN DASH}"
_NEEDED = ("jinja2", "plotly")
# Long names are better broken here than in the middle of a word.
_WHERE_TO_BREAK = re.compile(r"(?<=[\w\]][-_/.:])(?=\w)")


@dataclass(frozen=True)
class RunPage:
    """A record, and the name of its folder in the report."""

    slug: str
    record: Record

    @property
    def gravity(self) -> int:
        """What verdicts are sorted by."""
        return int(Verdict[self.record.verdict])


@dataclass(frozen=True)
class SearchPage:
    """The record of a breaking point, and the name of its folder in the report."""

    slug: str
    record: SearchRecord

    @property
    def gravity(self) -> int:
        """What verdicts are sorted by."""
        return int(Verdict[self.record.verdict])


@dataclass(frozen=True)
class Characterisation:
    """The record of a characterisation, and the name of its folder in the report."""

    slug: str
    record: CharacterRecord


@dataclass(frozen=True)
class ScenarioRuns:
    """The runs of one scenario, on one configuration each."""

    name: str
    runs: tuple[RunPage, ...]

    @property
    def measured(self) -> tuple[RunPage, ...]:
        """Those that came to a result."""
        return tuple(run for run in self.runs if run.record.measured)

    @property
    def has_peaks(self) -> bool:
        """Whether there is anything to recover from."""
        return any(run.record.measured and run.record.measured.recoveries for run in self.runs)


def check_installed(option: str) -> None:
    """Make sure that pages can be written.

    Raises:
        PrerequisiteMissing: a package of the extra ``report`` is not installed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise PrerequisiteMissing(
            f"{option} needs {' and '.join(missing)}; "
            "install it: pip install 'pytest-perfqa[report]'"
        )


def assets() -> dict[str, Path]:
    """Give the files that all pages share, by their names."""
    found = {name: _SOURCES / name for name in ("report.css", "report.js")}
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.submodule_search_locations is None:
        raise PrerequisiteMissing("a report needs plotly")
    package = Path(next(iter(spec.submodule_search_locations)))
    found[plotly_name()] = package / "package_data" / "plotly.min.js"
    return found


def plotly_name() -> str:
    """Give the name of Plotly's script: a new version is a new file to a browser."""
    return f"plotly-{importlib.metadata.version('plotly')}.min.js"


def index_page(
    runs: Sequence[RunPage],
    searches: Sequence[SearchPage] = (),
    characters: Sequence[Characterisation] = (),
    conclusions: Sequence[Conclusion] = (),
    *,
    interrupted: bool = False,
) -> str:
    """Give the page of all runs, breaking points and characterisations."""
    everything: list[RunPage | SearchPage] = [*runs, *searches]
    first = next((one.record for one in (*everything, *characters)), None)
    names = dict.fromkeys(run.record.scenario for run in runs)
    return _page(
        "index.html.j2",
        "",
        runs=runs,
        searches=searches,
        characters=characters,
        verdicts=Counter(one.record.verdict for one in sorted(everything, key=_gravity)),
        scenarios=[
            ScenarioRuns(name, tuple(run for run in runs if run.record.scenario == name))
            for name in names
        ],
        conclusions=side_by_side.cells(conclusions) if conclusions else (),
        interrupted=interrupted,
        machine=first.machine if first else {},
        versions=first.versions if first else {},
    )


def run_page(run: RunPage, runs: Sequence[RunPage]) -> str:
    """Give the page of one run; ``runs`` are all of the report."""
    scenario = run.record.scenario
    others = [other for other in runs if other.record.measured and other is not run]
    others.sort(key=lambda other: other.record.scenario != scenario)
    return _page("run.html.j2", "../", others=others, **_charted(run))


def search_page(search: SearchPage) -> str:
    """Give the page of a breaking point."""
    return _page("search.html.j2", "../", **_charted(search))


def character_page(found: Characterisation) -> str:
    """Give the page of a characterisation."""
    return _page("character.html.j2", "../", **_charted(found))


def _gravity(one: RunPage | SearchPage) -> int:
    return one.gravity


def data_script(run: RunPage | SearchPage | Characterisation) -> str:
    """Give the record as a script: pages opened from a disk may load nothing else.

    The JSON document stands in it as one ASCII text, so no name can end or become code, nor a key
    such as ``__proto__`` change an object.
    """
    document = to_json(run.record).decode()
    return f"perfqa.receive({json.dumps(run.slug)}, {json.dumps(document)});\n"


def _charted(page: RunPage | SearchPage | Characterisation) -> dict[str, object]:
    return {"slug": page.slug, "record": page.record, "plotly": plotly_name()}


def _page(template: str, root: str, **content: object) -> str:
    """Fill in a template; ``root`` leads from its page to the folder of the report."""
    version = importlib.metadata.version("pytest-perfqa")
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = _environment().get_template(template)
    return page.render(root=root, version=version, written=written, **content)


@cache
def _environment() -> Environment:
    import jinja2  # noqa: PLC0415 - only where a report is written
    import markupsafe  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_SOURCES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "whole": lambda value: _NOTHING if value is None else f"{int(value):,}",
        "seconds": lambda value: _shown(value, Unit.SECOND),
        "rate": lambda value: _NOTHING if value is None else f"{value:.4g}/s",
        "share": lambda value: _shown(value, Unit.RATIO),
        "bytes": lambda value: _shown(value, Unit.BYTE),
        "quantity": lambda metric: _shown(metric.value, Unit(metric.unit)),
        "plain": lambda value: f"{value:g}",
        "moment": _moment,
        "server_errors": _server_errors,
        "cpu": _cpu,
        "memory": _memory,
        "queue": side_by_side.queue,
        "recovered": _recovered,
        "at_one_time": _at_one_time,
        "first_line": lambda text: text.partition("\n")[0],
        "breakable": lambda text: markupsafe.Markup("<wbr>").join(_WHERE_TO_BREAK.split(text)),
    }
    return environment


def _shown(value: float | None, unit: Unit) -> str:
    return _NOTHING if value is None else show(value, unit)


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _server_errors(totals: Totals) -> int | None:
    """Give how many answers were a 5xx; None of nothing."""
    if not totals.status:
        return None
    return sum(count for code, count in totals.status.items() if code.startswith("5"))


def _recovered(found: RecoveryRecord) -> str:
    return side_by_side.recovered(math.inf if found.recovered is False else found.seconds)


def _at_one_time(found: CharacterRecord) -> str:
    """Give how many requests are served at one time, as far as it was told."""
    if found.concurrency_limit is not None:
        return str(found.concurrency_limit)
    if found.workers is not None:
        return str(found.workers)
    if found.workers_interval is None:
        return _NOTHING
    low, high = found.workers_interval
    return f"{low} or more" if high is None else f"{low} to {high}"


def _cpu(measured: Measured) -> float | None:
    known = [part.cpu_mean for part in measured.parts if part.cpu_mean is not None]
    return sum(known) if known else None


def _memory(measured: Measured) -> float | None:
    known = [part.memory_max for part in measured.parts if part.memory_max is not None]
    return sum(known) if known else None
