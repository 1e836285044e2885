"""From a file to a ``Scenario``: all mistakes together, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.yaml_file.reading import Document, load_yaml
from ...base.yaml_file.validation import validate
from ...errors import FileProblems, Problem
from ..records import Payload, Scenario
from ..schedule import emptiness
from .beyond import beyond_problems
from .checks import cross_problems
from .ensure import requirements
from .environment import environments, in_environment, resolve, without_anchors
from .faults import faults
from .flow import flows
from .locustfile import locustfile_path
from .payload import read_payloads
from .phases import arrival_problems, phases
from .schema import ConfigSpec, FileSpec
from .thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...base.yaml_file.reading import Loc
    from .ensure import EnsureSpec


def read_scenario(path: Path, environment: str | None = None) -> Scenario:
    """Read a scenario file, at full scale, with the named environment merged into its config.

    Raises:
        FileProblems: with everything that is wrong in it or in its CSV files, or that can't be
            honoured.
    """
    document = without_anchors(load_yaml(path))
    chosen = _read(document, environment)
    payloads, csv_problems = read_payloads(chosen.document)
    problems = {*chosen.problems, *csv_problems}
    problems.update(_elsewhere(document, environment, problems))
    if problems or chosen.file is None:
        raise FileProblems(problems)
    return _scenario(chosen.document, chosen.file, payloads)


@dataclass(frozen=True)
class _Reading:
    """A file in one of its environments.

    Attributes:
        file: None where its keys are not what they should be.
        unset: what the file needs that is not set where it is read.
        mistakes: all else that is wrong.
    """

    document: Document
    file: FileSpec | None
    unset: list[Problem]
    mistakes: list[Problem]

    @property
    def problems(self) -> list[Problem]:
        return [*self.unset, *self.mistakes]


def _read(document: Document, environment: str | None) -> _Reading:
    document, unset = resolve(in_environment(document, environment), environment)
    mistakes = list(cross_problems(document))
    try:
        file = validate(document, FileSpec)
    except FileProblems as error:
        return _Reading(document, None, unset, [*mistakes, *error.problems])
    if not mistakes:
        mistakes += _emptiness_problems(document, file)
    mistakes += arrival_problems(document, file.config.phases)
    if file.config.perfqa.locustfile is None:  # whose users may record any times
        needed = requirements(document, *_ensure(file.config))
        timeout = file.config.http.timeout
        mistakes += beyond_problems(document, needed, thresholds(document), timeout)
    return _Reading(document, file, unset, mistakes)


def _emptiness_problems(document: Document, file: FileSpec) -> Iterator[Problem]:
    """Find that nothing would be measured."""
    unread = tuple(Payload(tuple(spec.fields), ()) for spec in file.config.payload)
    nothing = emptiness(_scenario(document, file, unread))
    if nothing is None:
        return
    if nothing.key == "scenarios":
        yield document.problem(("scenarios",), f"no flow sends any {nothing}")
    else:
        yield document.problem(("config", "phases"), f"no phase brings any {nothing}")


def _elsewhere(document: Document, chosen: str | None, told: set[Problem]) -> Iterator[Problem]:
    """Find the mistakes of environments that were not chosen, where nothing is unset."""
    for name in environments(document):
        reading = None if name == chosen else _read(document, name)
        if reading is None or reading.unset:
            continue
        for problem in set(reading.mistakes) - told:
            message = f"{problem.message} (in environment {name!r})"
            yield Problem(problem.path, problem.line, message)


def _scenario(document: Document, file: FileSpec, payloads: tuple[Payload, ...]) -> Scenario:
    config = file.config
    at, ensure = _ensure(config)
    return Scenario(
        name=document.path.stem,
        phases=phases(config.phases, users=config.perfqa.users is not None),
        flows=flows(file),
        timeout=config.http.timeout,
        keep_connections=config.http.pool is not None,
        verify_certificates=config.tls.reject_unauthorized,
        variables={name: _alternatives(value) for name, value in config.variables.items()},
        payloads=payloads,
        arrivals=config.perfqa.arrivals,
        seed=config.perfqa.seed,
        errors_expected=config.perfqa.errors == "expected",
        warmup=frozenset(config.perfqa.warmup),
        ensure=tuple(requirements(document, at, ensure)),
        max_error_rate=None if ensure.max_error_rate is None else ensure.max_error_rate / 100,
        thresholds=thresholds(document),
        faults=faults(document),
        locustfile=locustfile_path(document) if config.perfqa.locustfile is not None else None,
        users=config.perfqa.users,
    )


def _alternatives(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _ensure(config: ConfigSpec) -> tuple[Loc, EnsureSpec]:
    plugin = config.plugins.ensure
    if "ensure" not in config.model_fields_set and plugin is not None:
        return ("config", "plugins", "ensure"), plugin
    return ("config", "ensure"), config.ensure
