"""What pairs say of what is checked: more of them are asked for until it is decided.

Where what is asked is of all requests and there are several endpoints, each of them is checked,
too: what is slower in one place is found there. What was asked decides when it has PASSED; an
endpoint can only keep it from that, as long as it seems to be worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..base.units import show
from ..base.verdicts import Verdict
from ..compare.boundaries import FIRST, is_look
from ..compare.check import Share, ShareCheck
from ..compare.figures import FigurePairs
from ..compare.gate import Gate
from ..compare.shares import SharePairs
from ..errors import Inconclusive, NoData, RequirementMissed
from .slice_figures import check_of, figure, metric_checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..base.units import Estimate
    from ..compare.check import Check
    from ..compare.gate import GateFinding
    from ..result.run_result import RunResult
    from .comparison import Comparison
    from .pairs import Pair

    Figures = tuple[float, float] | tuple[Share, Share]

__tracebackhide__ = True

_CPU = "cpu_per_request"
# Of each end of an interval, as ``Estimate`` has them.
_SHOWN = 0.05
# An endpoint with fewer requests in a slice is not checked for itself.
_TELLING = 10
# So many requests without one good answer are no accident.
_IN_VAIN = 5
# The standard deviation of a normal distribution over its median absolute deviation.
_MAD = 1.4826
_STEP_SECONDS = 10


@dataclass(frozen=True)
class CheckFinding:
    """What is said of a check.

    Attributes:
        found: by the gate.
        verdict: of what was asked; of an endpoint besides, None where it says nothing.
        seconds: how long the pairs took.
        levels: of head and of base, printed; None of shares, whose counts are told.
        noise: by how much pairs differ, as a standard deviation of the ratio; None of shares.
    """

    found: GateFinding
    verdict: Verdict | None
    seconds: float
    levels: tuple[str, str] | None = None
    noise: float | None = None

    @property
    def check(self) -> Check:
        """What it is about."""
        return self.found.check

    @property
    def change(self) -> str:
        """What has changed: ``+12.8 % (+9.1 to +16.7 %)``; without interval where it has no end."""
        if all(map(math.isfinite, self.found.ratio.ends)) or isinstance(self.check, ShareCheck):
            return self.found.change
        return f"{100 * (float(self.found.ratio) - 1):+.1f} %"

    def __str__(self) -> str:
        levels = f"{self.levels[0]}, was {self.levels[1]}: " if self.levels else ""
        pairs = f"{self.found.pairs} pairs in {self.seconds:.0f} s"
        return f"{self.check}: {levels}{self.change}, {pairs}, limit {_percent(self.check.within)}"


@dataclass
class Checked:
    """What was asked together, and what it came to.

    Attributes:
        comparison: whose pairs it rests on.
        verdict: PASSED, FAILED or INCONCLUSIVE.
        findings: of what was asked, and then of endpoints besides.
        lines: what it says, for the message of a test.
        tests: those that asked.
    """

    comparison: Comparison
    asked: tuple[Check, ...]
    verdict: Verdict
    findings: tuple[CheckFinding, ...]
    lines: tuple[str, ...]
    tests: set[str] = field(default_factory=set)

    def require(self) -> None:
        """Make sure that it has PASSED.

        Raises:
            RequirementMissed: head is worse.
            Inconclusive: that can't be told.
        """
        said = "\n".join(self.lines)
        if self.verdict is Verdict.FAILED:
            raise RequirementMissed(said)
        if self.verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(said)


def judged(comparison: Comparison, asked: tuple[Check, ...], error: float) -> Checked:
    """Look at pairs as they come until what is asked is decided, or there is no more time.

    Args:
        error: the probability of any FAILED where nothing differs.

    Raises:
        NoData: there is nothing to compare; says on which side.
        RequirementMissed: head doesn't do what base does.
        Inconclusive: slices have too few requests for what is asked.
        PerfqaError: a slice could not be made; says on which side.
    """
    comparison.at_least(min(comparison.pieces, FIRST))
    for check in asked:
        _require_figures(comparison, check)
    checks = (*asked, *_of_endpoints(comparison, asked))
    gate = Gate(checks, error)
    fed = 0
    while True:
        for pair in comparison.made[fed:]:
            gate.add(_all_figures(pair, checks))
            fed += 1
            if _is_settled(gate, asked):
                break
        if _is_settled(gate, asked):
            break
        if is_look(fed):
            _tell(comparison, gate, asked, fed)
        if not comparison.another():
            gate.close()
            break
    _require_answers(comparison, asked)
    return _compared(comparison, asked, gate, fed)


def ratio(comparison: Comparison, check: Check) -> Estimate:
    """Give head / base on the pairs that there are, with its interval.

    Raises:
        NoData: there is nothing to compare; says on which side.
        Inconclusive: slices have too few requests for it.
    """
    _require_figures(comparison, check)
    return _pairs_of(comparison.made, check).ratio(_SHOWN)


def _pairs_of(made: Sequence[Pair], check: Check) -> FigurePairs | SharePairs:
    pairs = SharePairs(check) if isinstance(check, ShareCheck) else FigurePairs(check)
    for pair in made:
        if (found := _figures(pair, check)) is not None:
            pairs.add(*found)
    return pairs


def _figures(pair: Pair, check: Check) -> Figures | None:
    """Give the figures of both; None where one has none."""
    base, head = _figure(pair.base, check), _figure(pair.head, check)
    return None if base is None or head is None else (base, head)  # type: ignore[return-value]


def _figure(result: RunResult, check: Check) -> float | Share | None:
    try:
        return figure(result, check)
    except (NoData, Inconclusive):
        return None


def _all_figures(pair: Pair, checks: Sequence[Check]) -> Mapping[Check, Figures]:
    found = {check: _figures(pair, check) for check in checks}
    return {check: figures for check, figures in found.items() if figures is not None}


def _require_figures(comparison: Comparison, check: Check) -> None:
    """Make sure that there is something to compare.

    Raises:
        NoData: there is not; says on which side.
        Inconclusive: slices have too few requests for it.
    """
    _require_answers(comparison, (check,))
    if any(_figures(pair, check) is not None for pair in comparison.made):
        return
    for pair in comparison.made:
        for side, result in ((comparison.base, pair.base), (comparison.head, pair.head)):
            try:
                figure(result, check)
            except NoData as error:
                raise NoData(f"{side.label}: {error}") from None
    for pair in comparison.made:
        figure(pair.base, check)
        figure(pair.head, check)
    raise Inconclusive(f"{check}: there was no time for a single pair; accepted: a longer budget")


def _require_answers(comparison: Comparison, asked: Sequence[Check]) -> None:
    """Make sure that both do what is compared: an endpoint may be in one of them only.

    Of shares that is not asked: they tell it themselves.

    Raises:
        NoData: base has never answered as expected, where head has.
        RequirementMissed: head has not, where base has.
    """
    endpoints = {check.endpoint for check in asked if not isinstance(check, ShareCheck)}
    if None in endpoints:
        endpoints |= set(_endpoints(comparison.made))
    for endpoint in sorted(endpoints, key=str):
        base = _answers([pair.base for pair in comparison.made], endpoint)
        head = _answers([pair.head for pair in comparison.made], endpoint)
        if head.good and base.is_in_vain:
            raise NoData(
                f"{comparison.base.label}: {base}, those of head are: that can't be compared; "
                "accepted: scenarios of what both can do"
            )
        if base.good and head.is_in_vain:
            raise RequirementMissed(
                f"{comparison.head.label}: {head}, those of {comparison.base.label} are"
            )


@dataclass(frozen=True)
class _Answers:
    """How many requests were answered as expected, of those to an endpoint or of all."""

    endpoint: str | None
    good: int
    requests: int
    said: str

    @property
    def is_in_vain(self) -> bool:
        return not self.good and self.requests >= _IN_VAIN

    def __str__(self) -> str:
        what = f"requests to {self.endpoint}" if self.endpoint else "requests"
        said = f" ({self.said})" if self.said else ""
        return f"not one of {self.requests} {what} is answered as expected{said}"


def _answers(results: Sequence[RunResult], endpoint: str | None) -> _Answers:
    good = requests = 0
    said = ""
    for result in results:
        if endpoint is not None and endpoint not in result.endpoints:
            continue
        part = result if endpoint is None else result.endpoint(endpoint)
        recorded = part.samples.requests
        good += recorded.as_expected.count
        requests += recorded.ended.count
        kinds = part.unexpected.kinds
        said = said or ", ".join(f"{count} x {kind}" for (kind, _), count in kinds.items())
    return _Answers(endpoint, good, requests, said)


def _endpoints(made: Sequence[Pair]) -> list[str]:
    """Give all that were seen, of either side; none where there is one only."""
    seen = {name: None for pair in made for result in pair for name in result.endpoints}
    return list(seen) if len(seen) > 1 else []


def _of_endpoints(comparison: Comparison, asked: Sequence[Check]) -> Iterator[Check]:
    """Give the checks of endpoints that go without saying: where most slices have enough of them.

    That doesn't depend on how they were answered.
    """
    made = comparison.made
    for check in asked:
        if check.endpoint is not None or metric_checked(check).of != "requests":
            continue
        for endpoint in _endpoints(made):
            one = replace(check, endpoint=endpoint)
            telling = sum(
                _figures(pair, one) is not None
                and all(result.endpoint(endpoint).requests >= _TELLING for result in pair)
                for pair in made
            )
            if one not in asked and 2 * telling >= len(made):
                yield one


def _is_settled(gate: Gate, asked: Sequence[Check]) -> bool:
    """Whether nothing more is to be learnt: something has FAILED, or all that was asked PASSED."""
    findings = gate.findings
    if any(found.verdict is Verdict.FAILED for found in findings.values()):
        return True
    return all(findings[check].verdict is Verdict.PASSED for check in asked) and not any(
        _is_doubtful(found) for check, found in findings.items() if check not in asked
    )


def _is_doubtful(found: GateFinding) -> bool:
    """Whether an endpoint seems to be worse than it may be, which isn't shown.

    Of a share single requests would do that.
    """
    check = found.check
    if isinstance(check, ShareCheck) or found.verdict is Verdict.PASSED or not found.pairs:
        return False
    if check.worse == "higher":
        return float(found.ratio) > 1 + check.within
    return float(found.ratio) < 1 - check.within


def _tell(comparison: Comparison, gate: Gate, asked: Sequence[Check], pairs: int) -> None:
    said = ", ".join(f"{check} {gate.findings[check].change}" for check in asked)
    comparison.say(
        f"{comparison.scenario} on {comparison.service} against {comparison.base.label}: "
        f"{said} after {pairs} pairs"
    )


def _compared(comparison: Comparison, asked: tuple[Check, ...], gate: Gate, pairs: int) -> Checked:
    made = comparison.made[:pairs]
    findings = tuple(
        _finding(comparison, made, found, is_asked=check in asked)
        for check, found in gate.findings.items()
    )
    gone = tuple(filter(None, (_gone(made, check) for check in asked)))
    verdicts = [one.verdict for one in findings]
    verdict = Verdict.PASSED
    if Verdict.FAILED in verdicts:
        verdict = Verdict.FAILED
    elif Verdict.INCONCLUSIVE in verdicts or gone:
        verdict = Verdict.INCONCLUSIVE
    lines = (*_lines(comparison, made, findings, verdict), *gone)
    return Checked(comparison, asked, verdict, findings, lines)


def _gone(made: Sequence[Pair], check: Check) -> str | None:
    """Say that head has no figure in slices where base has one; None if it has.

    Such pairs can't be compared, and the others are no reason to be content: a service
    that answers nothing for some time is not as quick as before.
    """
    lost = [
        pair.head
        for pair in made
        if _figure(pair.base, check) is not None and _figure(pair.head, check) is None
    ]
    if not lost:
        return None
    said = f"{check}: head has none in {len(lost)} of {len(made)} slices, base has"
    unexpected = max((one.unexpected for one in lost), key=lambda one: one.count)
    return f"{said}; {unexpected}" if unexpected.count else said


def _finding(
    comparison: Comparison, made: Sequence[Pair], found: GateFinding, *, is_asked: bool
) -> CheckFinding:
    check, verdict = found.check, found.verdict
    if not is_asked and verdict is Verdict.INCONCLUSIVE and not _is_doubtful(found):
        verdict = None
    seconds = comparison.seconds(len(made))
    if isinstance(check, ShareCheck):
        return CheckFinding(found, verdict, seconds)
    figures = [pair for pair in (_figures(pair, check) for pair in made) if pair is not None]
    if not figures:
        return CheckFinding(found, verdict, seconds)
    base, head = np.median(np.array(figures, float), axis=0).tolist()
    unit = metric_checked(check).unit
    levels = show(head, unit), show(base, unit)
    return CheckFinding(found, verdict, seconds, levels, _noise(figures))


def _noise(figures: Sequence[Figures]) -> float | None:
    values = np.array(figures, float)
    values = values[(values > 0).all(axis=1)]
    if len(values) < 2:
        return None
    differences = np.log(values[:, 1] / values[:, 0])
    return float(_MAD * np.median(np.abs(differences - np.median(differences))))


def _lines(
    comparison: Comparison, made: Sequence[Pair], findings: Sequence[CheckFinding], verdict: Verdict
) -> Iterator[str]:
    """Give what a test says: what it is about first, then what helps to understand it."""
    of_verdict = [one for one in findings if one.verdict is verdict]
    for one in of_verdict:
        yield f"{one}{_settling(one)}" if verdict is Verdict.INCONCLUSIVE else str(one)
    worst = _worst_endpoint(findings, of_verdict)
    if worst is not None and verdict is not Verdict.PASSED:
        yield f"worst endpoint: {worst}"
    yield from (f"better: {one}" for one in findings if one.found.better)
    if verdict is Verdict.PASSED:
        return
    if (cpu := _cpu_beside(made, of_verdict)) is not None:
        yield cpu
    if verdict is Verdict.FAILED and any(isinstance(one.check, ShareCheck) for one in of_verdict):
        worst_slice = max((pair.head for pair in made), key=lambda one: one.unexpected.count)
        yield f"head, the worst slice: {worst_slice.unexpected}"
    noise = [one for one in of_verdict if one.noise is not None]
    if noise:
        told = ", ".join(f"{_percent(one.noise or 0.0)} in {one.check}" for one in noise)
        yield f"noise of this machine, from pair to pair: {told}"
    yield f"{comparison.scenario} on {comparison.service}, head against {comparison.base.label}"
    yield from comparison.notes


def _settling(one: CheckFinding) -> str:
    """Say what would settle what is INCONCLUSIVE."""
    found = one.found
    pairs = FIRST if found.settled_by is None else found.settled_by
    least = " at least" if found.settled_by is None else ""
    said = f"; {'' if least else 'about '}{pairs} pairs{least} would settle it"
    if not found.pairs:
        return said
    seconds = _STEP_SECONDS * math.ceil(pairs * one.seconds / found.pairs / _STEP_SECONDS)
    return f"{said}: --perfqa-budget={seconds}s"


def _worst_endpoint(
    findings: Sequence[CheckFinding], told: Sequence[CheckFinding]
) -> CheckFinding | None:
    """Give the endpoint that is worst in the first of what is told of all; None if it is told."""
    if not told or told[0].check.endpoint is not None:
        return None
    check = told[0].check
    sign = 1 if check.worse == "higher" else -1
    others = [
        one
        for one in findings
        if one.check.metric == check.metric and one.check.endpoint is not None and one.found.pairs
    ]
    worst = max(others, key=lambda one: sign * float(one.found.ratio), default=None)
    return None if worst in told else worst


def _cpu_beside(made: Sequence[Pair], told: Sequence[CheckFinding]) -> str | None:
    """Say what became of the CPU time of an answer, which tells why it takes longer."""
    times = [one for one in told if metric_checked(one.check).is_time_of_requests]
    if not times or not made:
        return None
    check = check_of(_CPU, "5%")
    pairs = _pairs_of(made, check)
    if not pairs.pairs:
        return None
    estimate = pairs.ratio(_SHOWN)
    low, high = estimate.ends
    if not math.isfinite(high):
        return f"{_CPU}: {100 * (float(estimate) - 1):+.1f} %"
    said = f"{_CPU}: {pairs.change(_SHOWN)}"
    if low > 1:
        return f"{said}: it computes more"
    slower = times[0].found.ratio.ends[0]
    return f"{said}: slower without more CPU, it waits longer" if high < slower else said


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
