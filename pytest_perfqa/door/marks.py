"""What tests say of themselves in markers and fixtures; light, for it is asked of every test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from ..measuring.chosen import Options

__tracebackhide__ = True

MARKER = "perfqa"
SERVICE_FIXTURE = "perf_service"
# What tests are parametrised with: what overrides perf_service has its own scope, then.
SERVICE_PARAMETER = "_perfqa_service"
RUN_FIXTURE = "perf_run"
LOAD_FIXTURE = "perf_load"
BASELINE_FIXTURE = "perf_baseline"
_KEYS = ("services", "scenario", "environment", "errors")
_EXPECTED = "expected"
_SCENARIOS = "scenarios"


@dataclass(frozen=True)
class Wish:
    """What a test asks for in its markers; None is what it leaves open."""

    services: tuple[str, ...] | None
    scenario: Path | None
    environment: str | None


def service_of(item: pytest.Item) -> str | None:
    """Give the service that a perf test is parametrised with, None where there was none."""
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get(SERVICE_PARAMETER) if callspec else None
    return None if name is None else str(name)


def required_service(item: pytest.Item) -> str:
    """Give the service that a test, which has asked for it, is parametrised with."""
    name = service_of(item)
    assert name is not None  # noqa: S101 - perf_service would have said so
    return name


def wish(item: Any) -> Wish:
    """Read the markers of a test; the nearest one that says something about a key counts.

    Raises:
        ConfigurationError: an argument is unknown or of the wrong kind, or no such scenario.
    """
    said: dict[str, Any] = {}
    for mark in item.iter_markers(MARKER):
        strangers = [*map(repr, mark.args), *(key for key in mark.kwargs if key not in _KEYS)]
        if strangers:
            accepted = ", ".join(f"{key}=" for key in _KEYS)
            raise ConfigurationError(f"{MARKER}({', '.join(strangers)}): accepted: {accepted}")
        said = {**mark.kwargs, **said}
    if isinstance(said.get("scenario"), Path):
        said["scenario"] = str(said["scenario"])
    scenario = _text(said, "scenario")
    _check_errors(said.get("errors"))
    return Wish(
        services=_services(said.get("services")),
        scenario=None if scenario is None else scenario_path(scenario, item.path.parent),
        environment=_text(said, "environment"),
    )


def are_errors_expected(item: pytest.Item) -> bool:
    """Whether answers that are not as expected are what a test is about.

    What else its markers say has been checked, or is told of a test that has marked itself.
    """
    said = (mark.kwargs["errors"] for mark in item.iter_markers(MARKER) if "errors" in mark.kwargs)
    return next(said, None) is not None


def _check_errors(value: Any) -> None:
    if value is not None and value != _EXPECTED:
        raise ConfigurationError(f"{MARKER}(errors={value!r}): accepted: {_EXPECTED!r}")


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{MARKER}({key}={value!r}): accepted: a text")
    return value


def _services(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    if not (isinstance(names, Sequence) and names and all(isinstance(n, str) for n in names)):
        raise ConfigurationError(f"{MARKER}(services={value!r}): accepted: a list of names")
    return tuple(dict.fromkeys(names))


def scenario_path(name: str, folder: Path) -> Path:
    """Find a scenario file from the folder of a test.

    Raises:
        ConfigurationError: there is none.
    """
    places = [folder / name, folder / _SCENARIOS / name]
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = " and ".join(map(str, places))
    raise ConfigurationError(f"{MARKER}(scenario={name!r}): no such file; looked for {looked}")


def is_perf_test(item: pytest.Item) -> bool:
    """Whether a test needs a service."""
    needs = {SERVICE_FIXTURE, BASELINE_FIXTURE}
    return service_of(item) is not None or not needs.isdisjoint(getattr(item, "fixturenames", ()))


def is_asked_for(item: Any, fixture: str) -> bool:
    """Whether a test, or its definition, asks for one of our fixtures.

    One that users override is asked for if whatever overrides it has it as an argument; else nobody
    knows before.
    """
    ours, *overriding = item._fixtureinfo.name2fixturedefs.get(fixture, (None,))
    return ours is not None and all(fixture in one.argnames for one in overriding)


def asks_for_run(item: pytest.Item) -> bool:
    """Whether a test asks for runs, of its own parameters or not."""
    asked = getattr(item, "fixturenames", ())
    return service_of(item) is not None and (RUN_FIXTURE in asked or LOAD_FIXTURE in asked)


def is_compared(item: pytest.Item) -> bool:
    """Whether a test compares its service with a base."""
    asked = getattr(item, "fixturenames", ())
    return service_of(item) is not None and BASELINE_FIXTURE in asked


def services_for(item: Any, options: Options) -> tuple[str, ...]:
    """Give the services that a test is to run on, empty if none of its own was chosen."""
    try:
        wanted = wish(item).services
    except ConfigurationError:
        wanted = None  # said, with all other mistakes, once the tests are selected
    if wanted is None or options.url is not None:
        wanted = tuple(options.known_services())
    return tuple(name for name in wanted if options.only is None or name in options.only)
