"""Requirements written in a scenario file, and the one that every run has, judged on a result.

Artillery's ``ensure`` states what is wanted, ``thresholds`` and ``abort`` what is a failure. Where
neither says how many errors there may be, every run is held to a share of them; and where nothing
at all was answered as expected, nothing passes.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from ..base.conditions import Expression
from ..base.metrics import find
from ..base.units import Estimate, Quantity, Unit, show
from ..errors import ConfigurationError, DisturbedRun, Inconclusive, NoData, RequirementMissed
from ..load.wire.tally import Spell, Tallies, Watch, is_level
from ..scenario.artillery.ensure import metric_of, parsed
from ..scenario.spans import Spans, edges
from .attributes.queueing import Pending
from .undisturbed import ADVICE, disturbed

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator, Sequence

    from ..base.conditions import Condition
    from ..load.wire.tally import Tally
    from ..scenario.records import Ensure, Scenario
    from .run_result import RunResult
    from .slice import Slice

__tracebackhide__ = True

_ROUNDING = 1e-9
# Where errors are what a run is about, its user says so.
_UNLESS = "config.perfqa.errors: expected in the scenario, or errors='expected' in the marker"
_NOT_ALL = "error_rate < 100 %"
_NOT_JUDGED = "INVALID: others disturbed the service"


@dataclass(frozen=True)
class Finding:
    """What became of a requirement.

    Attributes:
        text: as it stands in the file, or would.
        met: whether the run is as required; None if the data can't tell.
        found: the values of its metrics, or why there are none.
        strict: whether a miss is a failure, or is only told.
        source: the key that it stands under; "own" if every run is held to it.
        about_errors: whether what was not as expected explains it.
        spell: for how long it was not met, in seconds from the start of the run, if that is known.
        disturbed: how others disturbed the stretch that it is about; then nothing is concluded.
    """

    text: str
    met: bool | None
    found: str
    strict: bool
    source: Literal["ensure", "thresholds", "own"] = "ensure"
    spell: Spell | None = None
    disturbed: tuple[str, ...] = ()
    about_errors: bool = False

    def __str__(self) -> str:
        if self.source == "thresholds":
            return f"{self.text}, which is a failure: {self.found}"
        if self.source == "own":
            other = "" if self.text == _NOT_ALL else "another ensure.maxErrorRate, "
            return f"{self.found}\naccepted: {self.text}, {other}{_UNLESS}"
        return f"{self.text}: found {self.found}"


@dataclass(frozen=True)
class Judged:
    """What became of the requirements of a run.

    Attributes:
        stated: of those that its scenario states, in their order.
        own: of the one that every run has; None where errors are what it is about, or where the run
            was stopped: then it has been judged by what stopped it.
    """

    stated: tuple[Finding, ...]
    own: Finding | None


# Of each run, for as long as it is there: whoever asks after the first reads what was found then.
_JUDGED: WeakKeyDictionary[RunResult, tuple[Scenario, Judged]] = WeakKeyDictionary()


def judge(result: RunResult, *, held: bool = False) -> tuple[Finding, ...]:
    """Give what became of every requirement of the scenario; each is judged once per run.

    Args:
        result: of the run.
        held: whether it is held to the one that every run has, too.
    """
    scenario, judged = _JUDGED.get(result, (None, None))
    if judged is None or scenario is not result.definition:
        judged = _judged(result)
        _JUDGED[result] = result.definition, judged
    return judged.stated if judged.own is None or not held else (*judged.stated, judged.own)


def _judged(result: RunResult) -> Judged:
    guarded, scenario = result.guarded, result.definition
    findings = [_judge(guarded, requirement) for requirement in scenario.ensure]
    if scenario.max_error_rate is not None:
        findings.append(_judge_error_rate(guarded, scenario.max_error_rate))
    findings += (_judge_undisturbed(guarded, threshold) for threshold in scenario.thresholds)
    own = None
    if not (scenario.errors_expected or result.aborted):
        own = judge_own(result, None if scenario.states_error_rate else result.max_error_rate)
    return Judged(tuple(findings), own)


def judge_own(scope: Slice, most: float | None) -> Finding:
    """Judge what every run is held to unless errors are what it is about.

    What was due while others disturbed the service is left out.

    Args:
        scope: the run, or what is to count of it; not guarded.
        most: the share of errors that there may be; None where the scenario says it, and it only
            matters that not everything was one.
    """
    found = scope.unexpected.of(scope.undisturbed)
    text = _NOT_ALL if most is None else f"error_rate <= {show(most, Unit.RATIO)}"
    if not found.ended and scope.disturbances:
        causes = (*disturbed(scope), ADVICE)
        return Finding(text, None, _NOT_JUDGED, True, "own", disturbed=causes)
    met = not found.is_all and (most is None or found.share <= most + _ROUNDING)
    said = f"error_rate = {show(found.share, Unit.RATIO)}" if met else str(found)
    return Finding(text, met, said, strict=True, source="own", about_errors=True)


def require(result: RunResult, *, held: bool = False) -> None:
    """Make sure that the strict requirements are met.

    Args:
        result: of the run.
        held: whether it is held to the one that every run has, too.

    Raises:
        RequirementMissed: with all that are not.
        DisturbedRun: none is missed, but some are about stretches that others disturbed.
        Inconclusive: none is missed, but of some the data can't tell.
    """
    strict = [finding for finding in judge(result, held=held) if finding.strict]
    missed = [one for one in strict if one.met is False]
    if missed:
        explains = held and any(one.about_errors for one in missed)
        happened = (str(result.unexpected),) if explains else ()
        raise RequirementMissed("\n".join(_by_source(missed, happened)))
    if causes := [cause for one in strict for cause in one.disturbed]:
        raise DisturbedRun(dict.fromkeys(causes))
    unknown = [one for one in strict if one.met is None]
    if unknown:
        # Only percentiles and means have intervals here, and their samples add up.
        said = "; ".join(f"{one.text}: {one.found}" for one in unknown)
        raise Inconclusive(said, pools=True)


def about_errors(result: RunResult, *, held: bool) -> str | None:
    """Say what was not as expected, and which requirement that is too much for; None of nothing."""
    findings = judge(result, held=held)
    missed = [one for one in findings if one.about_errors and one.met is False]
    if not (missed or result.unexpected.count):
        return None
    return "\n".join(_by_source(missed, (str(result.unexpected),)))


def is_told(result: RunResult, said: str) -> bool:
    """Whether a message says already what was not as expected, in a run or its clean rest."""
    found = result.unexpected
    return any(one.summary in said for one in (found, found.of(result.undisturbed)))


def _by_source(missed: list[Finding], happened: tuple[str, ...]) -> Iterator[str]:
    """Give what is missed by where it stands, and then what happened; its own says it itself."""
    said: dict[str, list[str]] = {}
    for finding in missed:
        said.setdefault(finding.source, []).append(str(finding))
    own = said.pop("own", None)
    if said:
        yield "; ".join(f"{source}: {'; '.join(each)}" for source, each in said.items())
    yield from own or happened


# Why there is no figure.
_Missing = Inconclusive | DisturbedRun | NoData


def _judge(result: RunResult, requirement: Ensure) -> Finding:
    tree, names = parsed(requirement.text)
    figures = [_figure(partial(metric, result, name)) for name in names]
    told = (_told(*one) for one in zip(names, figures, strict=True))
    met, found, causes = _evaluated(tree, figures, ", ".join(told))
    return Finding(requirement.text, met, found, requirement.strict, disturbed=causes)


def _evaluated(
    tree: ast.expr, figures: Sequence[float | _Missing], told: str
) -> tuple[bool | None, str, tuple[str, ...]]:
    """Tell whether a condition holds on a whole run, what to say of it, and how others disturbed.

    Args:
        tree: the condition, of the figures ``m0``, ``m1``...
        told: the figures, for those who want to know what was found.
    """
    truth = Expression(tree, figures).holds()
    if isinstance(truth, bool):
        return truth, told, ()
    causes = [cause for why in truth if isinstance(why, DisturbedRun) for cause in why.causes]
    reasons = dict.fromkeys(why.reason for why in truth if isinstance(why, Inconclusive))
    return None, "; ".join([*reasons, _NOT_JUDGED] if causes else reasons), tuple(causes)


def _figure(figure: Callable[[], float]) -> float | _Missing:
    """Give a figure, or why there is none."""
    try:
        return figure()
    except (Inconclusive, DisturbedRun, NoData) as error:
        return error


def _told(name: str, figure: float | _Missing) -> str:
    if isinstance(figure, Inconclusive):
        return figure.reason
    return str(figure) if isinstance(figure, Exception) else f"{name} = {figure:.6g}"


def _judge_error_rate(result: RunResult, limit: float) -> Finding:
    text = f"maxErrorRate {limit * 100:g} %"
    try:
        bad, ended = result.unexpected.arrivals
    except DisturbedRun as error:
        return Finding(text, None, _NOT_JUDGED, strict=True, disturbed=error.causes)
    if not ended:
        return Finding(text, met=False, found="no arrival has come to an end", strict=True)
    what = "failed" if bad == result.failed else "did not get what they asked for"
    found = f"{bad / ended * 100:.4g} % of virtual users {what}"
    return Finding(text, bad / ended <= limit, found, strict=True, about_errors=True)


def _judge_undisturbed(result: RunResult, threshold: Condition) -> Finding:
    with contextlib.suppress(NoData):  # whoever asks for a figure is told
        try:
            _scope(result, threshold).refuse_disturbed()
        except DisturbedRun as error:
            said, causes = threshold.text, error.causes
            return Finding(said, None, _NOT_JUDGED, True, "thresholds", None, causes)
    return _judge_threshold(result, threshold)


def _judge_threshold(result: RunResult, threshold: Condition) -> Finding:
    about_errors = threshold.metric == "error_rate"

    def finding(met: bool | None, found: str, spell: Spell | None = None) -> Finding:
        return Finding(
            threshold.text, met, found, True, "thresholds", spell, about_errors=about_errors
        )

    aborted = result.aborted
    if aborted is not None and aborted.threshold == threshold.text and threshold.abort:
        found = f"the run was stopped after {aborted.at}, so it was {aborted.spell}"
        return finding(False, found, aborted.spell)
    try:
        _ = threshold.of if threshold.lasting is None else threshold.counted
    except ConfigurationError as error:  # it was kept where a package was that is not here
        return finding(None, str(error))
    if threshold.lasting is None:
        return finding(*_judge_whole(result, threshold))
    try:
        spell = lasting_spell(result, threshold)
    except NoData as error:
        return finding(False, str(error))
    if spell is None:
        return finding(True, "never for so long")
    return finding(False, f"so it was {spell}", spell)


def _judge_whole(result: RunResult, threshold: Condition) -> tuple[bool | None, str]:
    figure = _figure(lambda: threshold.of.take(_scope(result, threshold), threshold.unit))
    limit = Quantity(threshold.limit, threshold.unit)
    is_missing = isinstance(figure, Exception)
    told = f"{threshold.metric} = {figure!r}, limit {limit!r}"
    # As a test would have it: what is required is the opposite of the condition.
    tree = threshold.opposite.expression
    met, found, _ = _evaluated(tree, [figure], str(figure) if is_missing else told)
    return met, found


def _scope(result: RunResult, threshold: Condition) -> Slice:
    found: Slice = result
    if threshold.phase is not None:
        found = found.phase(threshold.phase)
    if threshold.endpoint is not None:
        found = found.endpoint(threshold.endpoint)
    if threshold.after:
        found = found.between(threshold.after, math.inf)
    return found


def lasting_spell(result: RunResult, threshold: Condition) -> Spell | None:
    """Find the first stretch in which a threshold that must last was met, up to its end.

    Raises:
        NoData: there was nothing to judge.
    """
    scenario = result.definition
    tallies = Tallies([threshold], scenario, result.endpoint_number)
    tallies.add(result.everything.requests.rows)
    over = edges(0.0, float(result.everything.ends.max(initial=0.0)), scenario.window)[1:]
    if is_level(threshold):
        pending = Pending(result.everything.arrivals, Spans(((0.0, float(over[-1])),)))
        for window, count in enumerate(pending.at(over).tolist()):
            tallies.note_pending(window, count)
    windows = [tally for (tally,) in tallies.close(float(over[-1]))]
    if not any(tally.total for tally in windows):
        raise NoData(f"the run has no request that {threshold.text!r} is about")
    return _first_spell(Watch(threshold, scenario), windows, scenario.window)


def _first_spell(watch: Watch, windows: list[Tally], width: float) -> Spell | None:
    found = None
    for number, tally in enumerate(windows):
        spell = watch.see(number * width, tally)
        if found is not None and watch.since != found.start:
            break
        found = spell or found
    return found


def metric(result: RunResult, name: str) -> float:
    """Give the value of one of Artillery's metrics: times in milliseconds, at full scale.

    An estimate of a time stays one, so that it may be inconclusive.

    Raises:
        NoData: there is nothing to take it from.
        Inconclusive: too few samples for a percentile.
    """
    found = find(metric_of(name))
    if found is None:
        raise NoData(f"{name} is no metric")
    figure = found.take(result)
    factor = result.time_scale**-found.unit.time_exponent
    if found.unit is Unit.SECOND:
        factor *= 1000
        if isinstance(figure, Estimate):
            return figure.times(factor, Unit.COUNT, f"{name} (ms)")
    return float(figure) * factor
