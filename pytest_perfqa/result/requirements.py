"""Requirements written in a scenario file, and the one that every run has, judged on a result.

Artillery's ``ensure`` states what is wanted, ``thresholds`` and ``abort`` what is a failure. Where
neither says how many errors there may be, every run is held to a share of them; and where nothing
at all was answered as expected, nothing passes.
"""

from __future__ import annotations

import contextlib
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..base.conditions import Condition
from ..base.units import Estimate, Quantity, Unit, show
from ..errors import DisturbedRun, Inconclusive, NoData, RequirementMissed
from ..load.wire.tally import Spell, Tallies, Watch, is_time
from ..scenario.artillery.ensure import ERROR_KINDS, parsed
from ..scenario.spans import Spans, edges
from .attributes.queueing import Pending
from .run_result import ADVICE, disturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..load.wire.tally import Tally
    from ..scenario.records import Ensure, Threshold
    from .attributes.latency import Distribution
    from .run_result import RunResult, Slice

__tracebackhide__ = True

_ROUNDING = 1e-9
# Where errors are what a run is about, its user says so.
_UNLESS = "config.perfqa.errors: expected in the scenario, or errors='expected' in the marker"
_NOT_ALL = "error_rate < 100 %"
_OPPOSITES: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.le,
    ">=": operator.lt,
    "<": operator.ge,
    "<=": operator.gt,
}


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


def judge(result: RunResult, *, held: bool = False) -> tuple[Finding, ...]:
    """Judge every requirement of the scenario.

    Args:
        result: of the run.
        held: whether it is held to the one that every run has, too.
    """
    guarded, scenario = result.guarded, result.definition
    findings = [_judge(guarded, requirement) for requirement in scenario.ensure]
    if scenario.max_error_rate is not None:
        findings.append(_judge_error_rate(guarded, scenario.max_error_rate))
    findings += (_judge_undisturbed(guarded, threshold) for threshold in scenario.thresholds)
    # A run that was stopped has been judged by what stopped it.
    if held and not scenario.errors_expected and not result.aborted:
        stated = scenario.states_error_rate
        findings.append(judge_own(result, None if stated else result.max_error_rate))
    return tuple(findings)


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


def _judge(result: RunResult, requirement: Ensure) -> Finding:
    tree, names = parsed(requirement.text)
    figures = {name: _figure(result, name) for name in names}
    truth = Condition(tree, tuple(figures.values())).holds()
    if isinstance(truth, bool):
        found = ", ".join(_told(name, figure) for name, figure in figures.items())
        return Finding(requirement.text, truth, found, requirement.strict)
    disturbed = [cause for why in truth if isinstance(why, DisturbedRun) for cause in why.causes]
    reasons = dict.fromkeys(why.reason for why in truth if isinstance(why, Inconclusive))
    said = "; ".join([*reasons, _NOT_JUDGED] if disturbed else reasons)
    return Finding(requirement.text, None, said, requirement.strict, disturbed=tuple(disturbed))


def _figure(result: RunResult, name: str) -> float | Inconclusive | DisturbedRun | NoData:
    """Give the value of a metric, or why there is none."""
    try:
        return metric(result, name)
    except (Inconclusive, DisturbedRun, NoData) as error:
        return error


def _told(name: str, figure: float | Exception) -> str:
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


def _judge_undisturbed(result: RunResult, threshold: Threshold) -> Finding:
    with contextlib.suppress(NoData):  # whoever asks for a figure is told
        try:
            _scope(result, threshold).refuse_disturbed()
        except DisturbedRun as error:
            said, causes = threshold.text, error.causes
            return Finding(said, None, _NOT_JUDGED, True, "thresholds", None, causes)
    return _judge_threshold(result, threshold)


def _judge_threshold(result: RunResult, threshold: Threshold) -> Finding:
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
        if threshold.lasting is None:
            return finding(*_judge_whole(result, threshold))
        spell = lasting_spell(result, threshold)
    except Inconclusive as error:
        return finding(None, error.reason)
    except NoData as error:
        return finding(False, str(error))
    if spell is None:
        return finding(True, "never for so long")
    return finding(False, f"so it was {spell}", spell)


def _judge_whole(result: RunResult, threshold: Threshold) -> tuple[bool, str]:
    value = _whole(_scope(result, threshold), threshold)
    # As a test would have it: what is required is the opposite of the condition.
    is_met = _OPPOSITES[threshold.operator](value, threshold.limit)
    limit = Quantity(threshold.limit, threshold.unit)
    return is_met, f"{threshold.metric} = {value!r}, limit {limit!r}"


def _scope(result: RunResult, threshold: Threshold) -> Slice:
    found: Slice = result
    if threshold.phase is not None:
        found = found.phase(threshold.phase)
    if threshold.endpoint is not None:
        found = found.endpoint(threshold.endpoint)
    if threshold.after:
        found = found.between(threshold.after, math.inf)
    return found


def _whole(scope: Slice, threshold: Threshold) -> Quantity:
    name, _, detail = threshold.metric.partition(".")
    if is_time(threshold):
        times: Distribution = getattr(scope, name)
        if detail.startswith("p"):
            return times.percentile(float(detail.removeprefix("p")))
        return times.mean if detail == "mean" else times.max
    if name == "error_rate":
        return scope.error_rate
    if name in {"errors", "status"}:
        return _counted(scope, name, detail, is_share=threshold.unit is Unit.RATIO)
    return scope.pending.max if name == "pending" else scope.throughput.mean


def _counted(scope: Slice, name: str, detail: str, *, is_share: bool) -> Quantity:
    if name == "status":
        return scope.status.share(detail) if is_share else scope.status[detail]
    if detail:
        return scope.errors.share_of(detail) if is_share else scope.errors[detail]
    return scope.errors.share if is_share else scope.errors.total


def lasting_spell(result: RunResult, threshold: Threshold) -> Spell | None:
    """Find the first stretch in which a threshold that must last was met, up to its end.

    Raises:
        NoData: there was nothing to judge.
    """
    scenario = result.definition
    tallies = Tallies([threshold], scenario, result.endpoint_number)
    tallies.add(result.everything.requests.rows)
    over = edges(0.0, float(result.everything.ends.max(initial=0.0)), scenario.window)[1:]
    if threshold.metric == "pending":
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

    Raises:
        NoData: there is nothing to take it from.
        Inconclusive: too few samples for a percentile.
    """
    if name.startswith("http.response_time."):
        return _milliseconds(name, _time(result, name.rpartition(".")[2]), result.time_scale)
    if name.startswith("http.codes."):
        return float(result.status[name.rpartition(".")[2]])
    if name.startswith("errors."):
        kind = name.partition(".")[2]
        return float(result.errors[ERROR_KINDS[kind]])
    return float(_counts()[name](result))


def _time(result: RunResult, statistic: str) -> Quantity:
    time: Quantity
    if statistic == "p75":
        time = result.latency.percentile(75)
    else:
        time = getattr(result.latency, statistic)
    return time


def _milliseconds(name: str, time: Quantity, scale: float) -> float:
    """Give a time as Artillery has it; an estimate stays one, so that it may be inconclusive."""
    factor = 1000 / scale
    if isinstance(time, Estimate):
        return time.times(factor, Unit.COUNT, f"{name} (ms)")
    return float(time) * factor


def _counts() -> Mapping[str, Callable[[RunResult], float]]:
    return {
        "http.requests": lambda result: result.requests,
        "http.responses": lambda result: sum(result.status[code] for code in result.status),
        "http.request_rate": lambda result: result.throughput.offered * result.time_scale,
        "vusers.created": lambda result: result.launched,
        "vusers.completed": lambda result: result.completed,
        "vusers.failed": lambda result: result.failed,
        "vusers.skipped": lambda result: result.generator.skipped,
    }
