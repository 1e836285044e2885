"""A scenario with other parameters: what a test may change without another file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..base.units import Unit, parse
from ..base.wording import did_you_mean, shown
from ..errors import ConfigurationError, UnitError
from .schedule import emptiness

if TYPE_CHECKING:
    from .records import Phase, Scenario

_MAX_ARRIVALS = 1e9


@dataclass(frozen=True)
class Parameters:
    """What is to be different; None leaves it as the file has it.

    Attributes:
        rate: the highest rate of arrivals; those of all phases are multiplied alike.
        duration: of all phases together; they are stretched alike, counts of arrivals stay.
        variables: new values, or lists of alternatives, for some of the scenario's variables.
    """

    rate: str | float | None = None
    duration: str | float | None = None
    variables: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        said = [
            f"{name}={value if isinstance(value, str) else f'{value:g}'}"
            for name, value in (("rate", self.rate), ("duration", self.duration))
            if value is not None
        ]
        said += (f"{name}={shown(value)}" for name, value in (self.variables or {}).items())
        return ", ".join(said)


def labelled(name: str, said: str) -> str:
    """Put what is different about a scenario behind its name, beside what stands there already."""
    return f"{name[:-1]}, {said}]" if name.endswith("]") else f"{name}[{said}]"


def varied(scenario: Scenario, parameters: Parameters, time_scale: float = 1.0) -> Scenario:
    """Give a scenario, at full scale, with these parameters.

    As everywhere in tests, a text is as it is at full scale, a number as it is in the run.

    Raises:
        ConfigurationError: with everything that can't be.
    """
    variation = _Variation(scenario, time_scale)
    found = variation.apply(parameters)
    if variation.mistakes:
        raise ConfigurationError("\n".join(variation.mistakes))
    return found


class _Variation:
    def __init__(self, scenario: Scenario, time_scale: float) -> None:
        self._scenario = scenario
        self._time_scale = time_scale
        self.mistakes: list[str] = []

    def apply(self, parameters: Parameters) -> Scenario:
        """Give the new scenario, of no use where there are mistakes."""
        found = self._scenario
        if parameters.duration is not None:
            seconds = self._number("duration", parameters.duration, Unit.SECOND, "10s")
            found = found if seconds is None else self._stretched(found, seconds)
        if parameters.rate is not None:
            rate = self._number("rate", parameters.rate, Unit.PER_SECOND, "5/s")
            found = found if rate is None else self._at_rate(found, rate)
        if parameters.variables is not None:
            found = self._with_variables(found, parameters.variables)
        if not self.mistakes:
            self._check_arrivals(found)
        return found

    def _number(self, name: str, value: object, unit: Unit, example: str) -> float | None:
        try:
            if isinstance(value, str):
                number = float(parse(value, unit))
            elif isinstance(value, int | float) and not isinstance(value, bool):
                number = float(value) / self._time_scale**unit.time_exponent
            else:
                number = math.nan
        except UnitError:
            number = math.nan
        if math.isfinite(number) and number > 0:
            return number
        self.mistakes.append(
            f"perf_load({name}={shown(value)}): accepted: a number above 0, or a text such as "
            f"{example!r}"
        )
        return None

    def _stretched(self, scenario: Scenario, duration: float) -> Scenario:
        factor = duration / scenario.duration
        phases = tuple(
            replace(phase, duration=phase.duration * factor) for phase in scenario.phases
        )
        for threshold in scenario.thresholds:
            if threshold.lasting is not None and threshold.lasting > duration:
                self.mistakes.append(
                    f"perf_load: {threshold.text!r} of {scenario.name} can never be met within "
                    f"{duration:g} s; take a longer duration"
                )
        return replace(
            scenario,
            phases=phases,
            faults=tuple(replace(one, at=one.at * factor) for one in scenario.faults),
            thresholds=tuple(replace(one, after=one.after * factor) for one in scenario.thresholds),
        )

    def _at_rate(self, scenario: Scenario, rate: float) -> Scenario:
        if scenario.model == "closed":
            self.mistakes.append(
                f"perf_load(rate=...): {scenario.name} has users, who come at no rate"
            )
            return scenario
        highest = max(phase.highest_rate for phase in scenario.phases)
        phases = tuple(_faster(phase, rate / highest) for phase in scenario.phases)
        return replace(scenario, phases=phases)

    def _with_variables(self, scenario: Scenario, variables: object) -> Scenario:
        if not isinstance(variables, Mapping):
            self.mistakes.append(
                f"perf_load(variables={shown(variables)}): accepted: a mapping of names to values"
            )
            return scenario
        known = ", ".join(scenario.variables) or "none"
        for name, value in variables.items():
            if name not in scenario.variables:
                self.mistakes.append(
                    f"perf_load: {scenario.name} has no variable {shown(name)}; accepted: {known}"
                    f"{did_you_mean(str(name), scenario.variables)}"
                )
            elif value == [] or not _is_json(value):
                self.mistakes.append(
                    f"perf_load(variables={{{name!r}: {shown(value)}}}): accepted: a value that "
                    "JSON has, or a list of at least one"
                )
        new = {
            name: tuple(value) if isinstance(value, list) else (value,)
            for name, value in variables.items()
        }
        return replace(scenario, variables={**scenario.variables, **new})

    def _check_arrivals(self, scenario: Scenario) -> None:
        expected = sum(phase.expected for phase in scenario.phases)
        if (nothing := emptiness(scenario)) is not None:
            self.mistakes.append(f"perf_load: {scenario.name} would bring no {nothing}")
        elif scenario.model == "open" and expected > _MAX_ARRIVALS:
            self.mistakes.append(
                f"perf_load: {expected:.3g} arrivals; accepted: at most {_MAX_ARRIVALS:.0e}"
            )


def _faster(phase: Phase, factor: float) -> Phase:
    count = None if phase.count is None else max(1, round(phase.count * factor))
    if phase.count == 0:
        count = 0
    return replace(phase, rate=phase.rate * factor, rate_end=phase.rate_end * factor, count=count)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
