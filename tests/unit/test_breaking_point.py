"""Breaking points of simulated services, whose truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from simulated_service import (
    Fifo,
    RoundRobin,
    Server,
    Sharing,
    SimulatedProber,
    constant,
    gamma,
)

from pytest_perfqa.capacity.limits.breaking_point import inquiry, search
from pytest_perfqa.capacity.limits.found import BreakingPoint, Capacity
from pytest_perfqa.capacity.probing.target import Declared, ProbeRequest, Target, only_request
from pytest_perfqa.errors import (
    ConfigurationError,
    DisturbedRun,
    Inconclusive,
    InvalidRun,
    ServiceError,
)
from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_perfqa.capacity.probing.volley import Volley

INSTANT = 1e-3
T = 6.0


def find(
    server: Server,
    *,
    scale: float = 1.0,
    at_once: int = 1024,
    patience: float = math.inf,
    timeout: float = math.inf,
    lag: float = 0.0,
    fastest: float = math.inf,
    budget: float = math.inf,
    declared: Declared = Declared(),  # noqa: B008 - frozen
    **asked: object,
) -> BreakingPoint:
    """Search on a simulated service."""
    prober = SimulatedProber(server, patience, timeout, budget, lag, fastest)
    target = Target(
        "http://simulated",
        ProbeRequest("/"),
        "simulated",
        canary="/ping",
        time_scale=scale,
        declared=declared,
    )
    return search(prober, target, inquiry(**asked), at_once)  # type: ignore[arg-type]


def sizes(found: BreakingPoint) -> list[tuple[int, str]]:
    """The probes and their verdicts."""
    return [(probe.size, probe.verdict.name) for probe in found.probes]


def test_the_studys_heavy_at_a_tenth_of_its_times() -> None:
    """One worker of 0.5 s behind a proxy of 6 s: 12 at once, 13 within 1 s, as the study saw."""
    found = find(Fifo(1, constant(0.5)), scale=0.1, patience=T, burst_within="10s")
    assert sizes(found) == [(16, "FAILED"), (14, "FAILED"), (13, "PASSED")]
    assert found.rate == pytest.approx(1.3, rel=0.1)
    assert found.rate == "1.3/s"
    assert (found.size, found.low, found.high, found.cause) == (13, "1.3/s", "1.4/s", "5xx")
    assert found.measured_rate == pytest.approx(13)
    assert found.measured_rate == "1.3/s"
    assert found.broken
    assert found.confirmed
    assert found.capacity is Capacity.BURST
    assert found.probes[-1].why.startswith("the first 13 of the burst of 14")
    assert found.probes[-1].counts == {"200": 13}
    # A single one twice, 6.8 s until the first gives up and 1.7 s to drain, 6.9 s.
    assert 16 < found.wall < 17


def test_it_begins_where_the_service_file_says() -> None:
    """What is declared saves the search, and is checked: one burst shows both sides."""
    declared = Declared(workers=1, patience=60)
    found = find(
        Fifo(1, constant(0.5)), scale=0.1, patience=T, declared=declared, burst_within="10s"
    )
    assert sizes(found) == [(14, "FAILED"), (13, "PASSED")]
    assert (found.size, found.high, found.confirmed) == (13, "1.4/s", True)
    assert found.wall < 8.5


@pytest.mark.parametrize(
    "declared",
    [
        Declared(workers=4, patience=6),
        Declared(workers=1, patience=2),
        Declared(workers=1),
        Declared(patience=6),
        Declared(workers=math.inf, patience=6),
        Declared(workers=1000, patience=6),
        Declared(workers=1, patience=0.1),
    ],
)
def test_what_is_declared_wrongly_changes_nothing(declared: Declared) -> None:
    """Nothing rests on it."""
    found = find(Fifo(1, constant(0.5)), patience=T, declared=declared, burst_within=1.0)
    assert (found.size, found.high, found.confirmed) == (13, 14, True)


def test_a_guess_beyond_the_generator() -> None:
    """It grows then, as without one."""
    declared = Declared(workers=100, patience=6)
    server = Fifo(5000, constant(0.5))
    found = find(server, fastest=100, declared=declared, burst_within=1.0)
    assert (found.broken, found.size) == (False, 64)


def test_the_same_at_full_scale() -> None:
    """The figures don't depend on the time scale."""
    found = find(Fifo(1, constant(5.0)), patience=60, burst_within="10s")
    assert (found.rate, found.measured_rate) == ("1.3/s", "1.3/s")


@pytest.mark.parametrize(
    ("server", "patience", "window", "largest"),
    [
        (lambda: Fifo(1, constant(0.25)), 3.0, INSTANT, 12),
        (lambda: Fifo(1, constant(0.5)), 6.0, 1.0, 13),
        (lambda: RoundRobin([Fifo(1, constant(0.5)) for _ in range(3)]), 6.0, 1.0, 39),
        (lambda: Fifo(4, constant(0.2)), 2.0, INSTANT, 40),
        (lambda: Fifo(12, constant(0.8)), 4.1, INSTANT, 60),
        # As many as there is room for, and what leaves in time.
        (lambda: Fifo(4, constant(0.2), queue=20), math.inf, INSTANT, 24),
        # All are done at the same time: nothing can be read off one that breaks.
        (lambda: Sharing(2, constant(0.1)), 2.0, INSTANT, 40),
        (lambda: Fifo(1, constant(0.5)), 0.6, INSTANT, 1),
    ],
)
def test_bursts_of_all_kinds_of_services(
    server: object, patience: float, window: float, largest: int
) -> None:
    """The largest burst that passes is found exactly, and the next larger one (2 %) fails."""
    found = find(server(), patience=patience, burst_within=window)  # type: ignore[operator]
    assert found.size == largest
    failed = round(float(found.high) * window)
    assert largest < failed <= max(largest + 1, largest * 1.02)
    assert found.confirmed


def test_jitter_moves_the_edge_but_the_bracket_is_of_real_probes() -> None:
    """With varying service times the edge is where two probes said it is."""
    found = find(Fifo(4, gamma(0.2, 0.3)), patience=2.0, burst_within=INSTANT)
    passed = [probe.rate for probe in found.probes if probe.passed]
    failed = [probe.rate for probe in found.probes if probe.failed]
    assert found.low == max(passed)
    assert found.high == min(failed)
    assert 34 <= (found.size or 0) <= 44


def test_a_latency_limit_ends_a_burst_before_the_service_does() -> None:
    """What waits for longer than the limit counts before it is answered."""
    found = find(Fifo(1, constant(0.5)), burst_within=INSTANT, slo="max <= 3.1s")
    assert (found.size, found.cause) == (6, "latency")
    assert max(probe.seconds for probe in found.probes) < 3.5


def test_a_share_of_errors_may_be_allowed() -> None:
    """Of 14, 13 come back: 10 % may fail."""
    found = find(Fifo(1, constant(0.5)), patience=T, burst_within=1.0, slo="5xx <= 10%")
    assert found.size == 14


def test_not_broken_up_to_a_ceiling() -> None:
    """That is an answer, too: the rate is a lower bound."""
    found = find(Fifo(500, constant(0.1)), burst_within=1.0, ceiling="100/s")
    assert (found.broken, found.rate, found.cause) == (False, 100, "")
    assert math.isinf(found.high)
    assert found.summary == "not broken up to 100/s (100 within 1 s)"


def test_nothing_passes() -> None:
    """Where even a burst of one breaks the objective, the capacity is 0."""
    found = find(Fifo(1, constant(0.5)), burst_within=1.0, slo="p50 <= 100ms")
    assert (found.rate, found.size, found.high, found.cause) == (0, 0, 1, "latency")


def test_a_budget_that_is_too_small_gives_what_there_is() -> None:
    """The bracket is of what was seen, and it says that it is not confirmed."""
    found = find(Fifo(1, constant(0.5)), patience=T, budget=12, burst_within=1.0)
    assert (found.low, found.high) == (13, 16)
    assert not found.confirmed
    assert "budget" in found.notes[0]
    assert sizes(found) == [(16, "FAILED"), (14, "INCONCLUSIVE"), (13, "PASSED")]


def test_no_time_for_anything_is_inconclusive() -> None:
    """Not one answer: nothing was found, and nothing is made up."""
    with pytest.raises(Inconclusive, match="budget"):
        find(Fifo(1, constant(0.5)), budget=0.1, burst_within=1.0)


def test_a_late_generator_is_invalid() -> None:
    """It is not the service that broke."""
    with pytest.raises(InvalidRun, match="sent late"):
        find(Fifo(1, constant(0.5)), lag=0.3, burst_within=1.0)


def test_as_far_as_the_generator_goes() -> None:
    """What passed is a lower bound, where a higher load could not be made."""
    found = find(Fifo(5000, constant(0.1)), fastest=100, burst_within=1.0)
    assert (found.broken, found.size) == (False, 64)
    assert "generator" in found.notes[0]
    assert found.probes[-1].verdict.name == "INVALID"


@dataclass
class Disturbed(SimulatedProber):
    """A prober on a machine where others disturb some of the bursts.

    Attributes:
        times: how many, from the second on.
    """

    times: int = 0
    bursts: int = 0

    def send(self, offsets: Sequence[float], **named: Any) -> Volley:
        """Send them; who disturbs is only told."""
        volley = super().send(offsets, **named)
        self.bursts += len(offsets) > 1
        if 1 < self.bursts <= 1 + self.times and len(offsets) > 1:
            volley.disturbed = ("others took 2 s of its CPUs",)
        return volley


def test_a_probe_that_others_disturbed_is_made_again() -> None:
    """It decides nothing, and what was found is what is found on a quiet machine."""
    target = Target("http://simulated", ProbeRequest("/"), "simulated", canary="/ping")
    asked = inquiry(burst_within=1.0)
    quiet = search(SimulatedProber(Fifo(1, constant(0.5)), T), target, asked, 1024)
    found = search(Disturbed(Fifo(1, constant(0.5)), T, times=2), target, asked, 1024)
    assert (found.size, found.confirmed) == (quiet.size, quiet.confirmed)
    again = [probe for probe in found.probes if probe.verdict.name == "INVALID"]
    assert [(probe.cause, probe.why) for probe in again] == 2 * [
        ("others", "others took 2 s of its CPUs")
    ]


def test_a_probe_that_others_disturb_again_and_again_is_no_bound() -> None:
    """Not as where the generator can't: what has passed before says nothing of what is beyond."""
    target = Target("http://simulated", ProbeRequest("/"), "simulated", canary="/ping")
    for asked in (inquiry(burst_within=1.0), inquiry(slo="p95 <= 5s"), inquiry()):
        with pytest.raises(DisturbedRun, match="others took 2 s"):
            search(Disturbed(Fifo(3, constant(0.5)), T, budget=600, times=99), target, asked, 1024)


def test_a_service_that_fails_a_single_request_is_no_breaking_point() -> None:
    """A wrong path never breaks, nor does it pass."""
    with pytest.raises(ServiceError, match="503"):
        find(Closed(), burst_within=1.0)


class Closed(Fifo):
    """Turns everybody away."""

    def __init__(self) -> None:
        super().__init__(1, constant(0.1))

    def arrive(self, now: float) -> None:
        """Take nothing."""
        del now


@pytest.mark.parametrize(
    ("workers", "service", "variation", "tolerance"),
    [(4, 0.2, 0.0, 0.01), (12, 0.8, 0.05, 0.02), (8, 0.1, 0.3, 0.05), (40, 0.25, 0.1, 0.03)],
)
def test_sustained_capacity(
    workers: int, service: float, variation: float, tolerance: float
) -> None:
    """Workers / service time, within a minute, confirmed 5 % below and above."""
    times = gamma(service, variation) if variation else constant(service)
    found = find(Fifo(workers, times), budget=60)
    truth = workers / service
    assert found.capacity is Capacity.SUSTAINED
    assert found.rate == pytest.approx(truth, rel=tolerance)
    assert found.low < truth < found.high
    assert (found.cause, found.confirmed) == ("queue", True)
    assert found.wall < 60


def test_sustained_capacity_where_no_number_of_workers_fits() -> None:
    """Two CPUs shared by all requests: the rate shows, how many work on it doesn't."""
    found = find(Sharing(2, constant(0.1)), budget=120)
    assert found.rate == pytest.approx(20, rel=0.03)
    assert found.low < 20 < found.high
    assert found.confirmed


def test_a_slow_service_is_confirmed_within_a_wider_margin() -> None:
    """What the budget doesn't allow at 5 % is confirmed at 10 or 20 %, and the bracket says so."""
    found = find(Fifo(1, constant(0.5)), budget=60)
    assert found.rate == pytest.approx(2.0, rel=0.01)
    assert (found.low, found.high) == (pytest.approx(1.8), pytest.approx(2.2))


def test_what_can_not_be_confirmed_says_so() -> None:
    """The rate is read off bursts; no probe stands behind it."""
    found = find(Fifo(1, constant(0.5)), budget=40)
    assert found.rate == pytest.approx(2.0, rel=0.01)
    assert (found.broken, found.confirmed, found.low) == (True, False, 0)
    assert "budget" in found.notes[0]


def test_sustained_capacity_where_requests_are_turned_away() -> None:
    """A service with hardly any queue breaks by refusing."""
    found = find(Fifo(4, constant(0.1), queue=8), budget=120)
    assert 36 < found.low <= 40 < found.high < 46
    assert found.cause in {"5xx", "queue"}


def test_sustained_capacity_beyond_a_ceiling() -> None:
    """An asynchronous service doesn't queue: not broken up to the ceiling."""
    found = find(Fifo(5000, constant(0.05)), ceiling="400/s", budget=60)
    assert (found.broken, found.rate) == (False, pytest.approx(400))


@pytest.mark.parametrize(
    ("workers", "service", "slo", "truth"),
    [
        # Steady-state rates of these queues under Poisson arrivals, from 200,000 arrivals each.
        (1, 0.1, "p95 <= 300ms", 4.93),
        (12, 0.8, "p95 <= 1.2s and error_rate <= 1%", 12.27),
    ],
)
def test_slo_capacity(workers: int, service: float, slo: str, truth: float) -> None:
    """The twin of the service gives the rate; a probe below it held."""
    found = find(Fifo(workers, constant(service)), slo=slo, budget=300)
    assert found.capacity is Capacity.SLO
    assert found.rate == pytest.approx(truth, rel=0.03)
    assert found.low == pytest.approx(0.9 * float(found.rate))
    assert found.slo == slo


def test_slo_capacity_without_a_twin() -> None:
    """Workers that share CPUs are no queue in order: the rate is looked for by probes."""
    found = find(Sharing(2, constant(0.1)), slo="p95 <= 500ms", budget=300)
    assert found.confirmed
    assert 12 < found.low < found.high <= 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"burst_within": "10/s"}, "burst_within='10/s': accepted: such as '10s' or 10"),
        ({"burst_within": 0}, "burst_within=0"),
        ({"ceiling": "1s"}, "ceiling='1s': accepted: such as '50/s' or 50"),
        ({"slo": "latency ok"}, "is no condition"),
        ({"arrivals": "poisson"}, "sustained capacity is measured with evenly spaced arrivals"),
        ({"slo": "errors <= 2"}, "of a rate that lasts, a share is accepted"),
        ({"slo": "max <= 1s", "arrivals": "random"}, "accepted: 'uniform', 'poisson'"),
        ({"budget": "soon"}, "budget='soon'"),
        ({"timeout": -1}, "timeout=-1"),
    ],
)
def test_arguments_that_can_not_be(arguments: dict[str, object], message: str) -> None:
    """Each says what was found and what is accepted."""
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        inquiry(**arguments)  # type: ignore[arg-type]


def test_all_mistakes_are_said_at_once() -> None:
    """Not one after the other."""
    with pytest.raises(ConfigurationError) as raised:
        inquiry(burst_within="x", ceiling="y", slo="z", budget="w")
    assert len(str(raised.value).splitlines()) == 4


@pytest.mark.parametrize("verify", [True, False])
def test_a_search_trusts_whom_its_scenario_trusts(*, verify: bool) -> None:
    """As the load does: tls.rejectUnauthorized."""
    flows = (Flow("", 1, (Request("GET", "/", "GET /"),)),)
    one = Scenario("s", (Phase("", 1.0, 1, 1),), flows, timeout=1.0, verify_certificates=verify)
    assert only_request(one, Path("s.yaml")) == ProbeRequest("/", verify=verify)
