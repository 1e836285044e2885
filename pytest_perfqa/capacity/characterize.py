"""Characterisation, step by step: alone, growing bursts, held requests; then what they say."""

from __future__ import annotations

import functools
import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConfigurationError, InvalidRun, ServiceError
from ..units import Quantity, Unit, parse
from . import accept_queue, likelihood, shapes
from .character import Character, Scalability, Staircase, Step
from .likelihood import Burst, Posterior
from .probe import Bounds, Prober

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .character import Kind
    from .exchange import Exchange
    from .probe import Volley

__tracebackhide__ = True

#: Most likely answered with 404, at once, by the same workers.
NO_SUCH_PATH = "/perfqa-no-such-path"

_SINGLES = 6
_MOST_SINGLES = 20
_SINGLES_SECONDS = 0.6
_SINGLES_SHARE = 0.2
_LEAST_SINGLES = 3
_COLD_SHARE = 0.2
_COLD_DEVIATIONS = 6.0
_COLD_FLOOR_SECONDS = 0.005
_PINGS = 6
_UNCLEAR = range(2, 4)  # of so many, waiting
_QUICK_SHARE = 0.3
_FIRST_BURST = 4
_LEAST_REQUESTS = 50
_GROWTH = 4
_LEAST_BURST = 12
_SURE = 0.99
_SURE_ENOUGH = 0.95
_AGREES = 0.01
_HELD_WITHOUT_BOUND = 64
# Behind all workers a request waits for two service times and more. An event loop, or one that
# starts threads, may need a part of one to take in what is held.
_WAITS_SHARE = 0.5
_TURNS_SHARE = 0.2
_WAITS_PINGS = 5.0
_RESERVED_SHARE = 0.25
_UNBOUNDED = 100
_FAIR = 4
_SPACED_SHARE = 0.3
_OVERSIZE_SHARE = 0.1
_ALIKE = 0.1
_ALIKE_ALONE = 0.07
_INFLATED = 0.12
_TURNS_PROBES = 12
_LEAST_TURNS_PROBES = 6
_TURNS_SECONDS = 0.005
_HOLD_FOR_QUEUE_SECONDS = 0.3
_LONGEST_REQUEST_SHARE = 0.5


@dataclass(frozen=True)
class Question:
    """What is to be characterised, and what may be spent on it.

    Attributes:
        url, path: of the service.
        service: its name.
        quick: a path that is answered at once; one that doesn't exist will do in most services.
        budget: seconds, of real time.
        requests: sent at most.
        concurrency: open at one time at most.
        replica_header: an answer's header that tells the replica, where there is one.
        headers: sent with each request.
        time_scale: of the session: its texts are compared at full scale.
    """

    url: str
    path: str = "/"
    service: str = ""
    quick: str = NO_SUCH_PATH
    budget: float = 60.0
    requests: int = 1500
    concurrency: int = 256
    replica_header: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    time_scale: float = 1.0


def question(
    url: str,
    path: str,
    *,
    service: str,
    time_scale: float,
    ready: str | None,
    replica_header: str | None,
    budget: float | str = 60.0,
    requests: int = 1500,
    concurrency: int = 256,
    quick: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Question:
    """Make a question of what a user asks.

    Args:
        path: to characterise.
        ready: the path that tells that the service is ready, if there is one: it is quick.
        budget: real time, whatever the time scale: seconds, or a text such as ``"60s"``.
        requests: sent at most.
        concurrency: open at one time at most.
        quick: a path that is answered at once by the same workers. By default the ready path, or
            one that doesn't exist.
        headers: sent with each request.

    Raises:
        ConfigurationError: with all that can't be.
    """
    seconds = float(parse(budget, Unit.SECOND) if isinstance(budget, str) else budget)
    mistakes = [
        f"{name}={value!r}: accepted: {accepted}"
        for name, value, is_accepted, accepted in (
            ("path", path, path.startswith("/"), "a path that begins with /"),
            ("quick", quick, quick is None or quick.startswith("/"), "a path that begins with /"),
            ("budget", budget, seconds > 0, "a time above 0, such as '60s'"),
            ("requests", requests, requests >= _LEAST_REQUESTS, f"{_LEAST_REQUESTS} or more"),
            ("concurrency", concurrency, concurrency >= _FIRST_BURST, f"{_FIRST_BURST} or more"),
        )
        if not is_accepted
    ]
    if mistakes:
        raise ConfigurationError("\n".join(f"perf_characterize: {line}" for line in mistakes))
    return Question(
        url=url,
        path=path,
        service=service,
        quick=quick or (ready if ready not in {None, path} else None) or NO_SUCH_PATH,
        budget=seconds,
        requests=requests,
        concurrency=concurrency,
        replica_header=replica_header,
        headers=tuple((headers or {}).items()),
        time_scale=time_scale,
    )


def characterize(question: Question) -> Character:
    """Find out what kind of service it is.

    Raises:
        ServiceError: it doesn't answer, or not with a good status.
        InvalidRun: this machine ran out of ports or descriptors, or could not keep up.
    """
    bounds = Bounds(question.requests, question.concurrency, question.budget)
    with Prober(
        question.url,
        question.path,
        headers=dict(question.headers),
        timeout=max(1.0, _LONGEST_REQUEST_SHARE * question.budget),
        bounds=bounds,
        replica_header=question.replica_header,
    ) as prober:
        return _Study(question, prober).make()


class _Study:
    """What has been seen so far."""

    def __init__(self, question: Question, prober: Prober) -> None:
        self.question = question
        self.prober = prober
        self.begin = time.monotonic()
        self.evidence: list[str] = []
        self.singles: list[float] = []
        self.cold_start: float | None = None
        self.quick_seconds: float | None = None
        self.bursts: list[Burst] = []
        self.staircases: list[Staircase] = []
        self.points: list[tuple[float, float]] = []
        self.replica_values: set[str] = set()
        self.slice: float | None = None
        self.is_scattered = False
        self.settled: int | None = None
        self.kind: Kind | None = None
        self.replicas: int | None = None
        self.queue_limit: int | None = None
        self.beyond_queue: str | None = None
        self.ceiling = question.concurrency
        self.posterior = Posterior({}, 1, None, np.empty(0))

    @property
    def service(self) -> float:
        """The time of a request that came alone, in seconds."""
        return statistics.median(self.singles)

    @property
    def spread(self) -> float:
        """Its coefficient of variation, whatever one outlier may be."""
        return shapes.robust_spread(np.asarray(self.singles))

    @property
    def waves(self) -> list[int]:
        """How many each burst had in its first wave."""
        return [shapes.first_wave(burst, self.service) for burst in self.bursts]

    def make(self) -> Character:
        self.send_singles()
        self.try_quick_path()
        self.grow(_FIRST_BURST)
        if self.bursts:
            self.hold()
        return _conclude(self)

    # One request at a time

    def send_singles(self) -> None:
        """Measure requests that come alone; the first may find the service cold."""
        begin = time.monotonic()
        failures: list[Exchange] = []
        while self._wants_single(time.monotonic() - begin):
            volley = self.prober.send([0.0])
            self._refuse_shortages(volley)
            if not volley.exchanges or volley.pending:
                break
            one = volley.exchanges[0]
            if one.is_good:
                self.singles.append(one.finished - one.sent)
                self._note_replica(one)
            else:
                failures.append(one)
                if len(failures) >= _LEAST_SINGLES:
                    break
        if len(self.singles) < _LEAST_SINGLES:
            said = ", ".join(sorted({_outcome(one) for one in failures})) or "no answer"
            raise ServiceError(
                f"{self.question.url}{self.question.path}: {len(self.singles)} good answers to "
                f"single requests within {time.monotonic() - begin:.0f} s, else {said}; "
                "characterisation needs a path that is answered with 2xx or 3xx, and a budget of "
                "several times its service time"
            )
        self._look_for_cold_start()

    def _wants_single(self, seconds: float) -> bool:
        """Whether another single request pays: quick ones are cheap, slow ones eat the budget."""
        count = len(self.singles)
        if count < _SINGLES:
            return count < _LEAST_SINGLES or seconds < _SINGLES_SHARE * self.question.budget
        return count < _MOST_SINGLES and seconds < _SINGLES_SECONDS

    def _look_for_cold_start(self) -> None:
        first, rest = self.singles[0], self.singles[1:]
        usual = statistics.median(rest)
        deviation = statistics.median([abs(one - usual) for one in rest])
        limit = max(_COLD_DEVIATIONS * deviation, _COLD_SHARE * usual, _COLD_FLOOR_SECONDS)
        if first - usual > limit:
            self.cold_start = first - usual
            self.singles = rest
            self.evidence.append(
                f"the first request took {_ms(first)}, the {len(rest)} after it {_ms(usual)}: "
                f"cold start {_ms(first - usual)}"
            )

    def try_quick_path(self) -> None:
        """Find out whether the quick path is one: answered, and much faster."""
        pings = [self.prober.send([0.0], path=self.question.quick) for _ in range(_PINGS)]
        answers = [volley.exchanges[0] for volley in pings if volley.exchanges]
        if len(answers) < _PINGS or not all(one.status and one.status < 500 for one in answers):
            self.evidence.append(f"{self.question.quick} is not answered: no quick path to ask")
            return
        seconds = statistics.median(one.response for one in answers)
        if seconds < _QUICK_SHARE * self.service:
            self.quick_seconds = seconds
        else:
            self.evidence.append(
                f"{self.question.quick} takes {_ms(seconds)}, not much less than "
                f"{self.question.path}: no quick path to ask"
            )

    # Bursts

    def grow(self, size: int) -> None:
        """Send ordered bursts until they tell the number of workers, or can grow no more."""
        while size := self._affordable(size):
            if self.cold_start is not None and size > max(
                (burst.size for burst in self.bursts), default=0
            ):
                self._burst(size, is_counted=False)
            if not self._burst(size):
                break
            self.slice = shapes.serial_slice(self.bursts[-1], self.service, self.spread)
            if self.slice is not None:
                return
            self._weigh()
            following = self._following(size)
            if following is None:
                return
            size = following

    def _following(self, size: int) -> int | None:
        """Give the size of the next burst, None if these are enough."""
        if self.is_scattered:
            return self._following_scattered(size)
        workers = self.posterior.workers or 1
        if 2 * workers > self.posterior.most:
            return min(self.ceiling, _GROWTH * size) if size < self.ceiling else None
        if self.posterior.probability >= _SURE:
            return None
        return min(self.ceiling, max(_LEAST_BURST, 6 * workers))

    def _following_scattered(self, size: int) -> int | None:
        """Of several queues some may get too little: long bursts, until two have the largest wave.

        A first wave is never larger than all workers.
        """
        most = max(self.waves)
        fair = [
            wave
            for wave, burst in zip(self.waves, self.bursts, strict=True)
            if burst.size >= _FAIR * most
        ]
        if fair.count(most) > 1:
            self.settled = most
            return None
        return min(self.ceiling, max(size, _FAIR * most))

    def _affordable(self, size: int) -> int:
        """Give the largest burst up to ``size`` that leaves time for what follows; 0 if none."""
        left = self.prober.seconds_left - _RESERVED_SHARE * self.question.budget
        workers = max(1, self.posterior.workers or max(self.waves, default=1))
        waves = int(left / self.service) - 1
        size = min(size, self.ceiling, self.prober.requests_left, waves * workers)
        return size if size >= _FIRST_BURST else 0

    def _burst(self, size: int, *, is_counted: bool = True) -> bool:
        """Send a burst and wait for its end; tell whether the next one makes sense."""
        volley = self.prober.send(self._offsets(size))
        return self._take(volley) if is_counted else True

    def _offsets(self, size: int) -> list[float]:
        """All at once; where workers have queues of their own, with time for each to take some."""
        gap = _SPACED_SHARE * self.service / size if self.is_scattered else 0.0
        return [gap * index for index in range(size)]

    def _take(self, volley: Volley) -> bool:
        """Keep what came of a burst; tell whether the next one makes sense."""
        self._refuse_shortages(volley)
        good = [one for one in volley.exchanges if one.is_good]
        for one in good:
            self._note_replica(one)
        self.staircases.append(_staircase(volley))
        if len(good) > 1:
            burst = Burst(
                np.array([one.sent for one in good]), np.array([one.finished for one in good])
            )
            self.bursts.append(burst)
            self.points.append(_point(burst))
        if volley.bad:
            return self._beyond(volley, len(good))
        return not volley.pending and len(good) > 1

    def _refuse_shortages(self, volley: Volley) -> None:
        """That requests were late doesn't matter here: moments count as they were."""
        if volley.shortages:
            raise InvalidRun(volley.shortages)

    def _beyond(self, volley: Volley, good: int) -> bool:
        """Note that a burst was too much, and let the service recover."""
        bad = [one for one in volley.finished if not one.is_good]
        self.beyond_queue = ", ".join(sorted({_outcome(one) for one in bad}))
        self.ceiling = min(self.ceiling, max(_FIRST_BURST, good))
        self.queue_limit = good
        self.evidence.append(
            f"of {len(volley.exchanges)} requests at once, {good} were answered well, "
            f"{len(bad)} not: {self.beyond_queue}"
        )
        drained = self.prober.drain(
            fast=1.2 * max(self.singles), limit=self.prober.seconds_left / 2
        )
        if not drained.is_drained:
            self.evidence.append(
                f"after that it did not answer as before within {drained.seconds:.1f} s: stopped"
            )
        return drained.is_drained

    def _weigh(self) -> None:
        """Weigh the numbers of workers; notice where they have no common queue."""
        self.posterior = likelihood.posterior(self.singles, self.bursts)
        if not self._fits():
            self._leave_one_out()
        self.is_scattered = not self._fits()

    def _fits(self) -> bool:
        """Whether one queue explains the bursts, as far as that can be told.

        Only where service times are alike: others are expected to stray.
        """
        alone = np.asarray(self.singles)
        is_alike = float(alone.std(ddof=1)) < _ALIKE_ALONE * self.service
        if not self.posterior.probabilities:
            return not is_alike
        services = np.concatenate([alone, self.posterior.services])
        is_alike = is_alike or shapes.robust_spread(services) < _ALIKE
        return not (is_alike and shapes.strays(services))

    def _leave_one_out(self) -> None:
        """See whether the last burst agrees with all but one before it: a machine may hiccup."""
        if len(self.bursts) < 3:
            return
        for left_out in range(len(self.bursts) - 1):
            others = [burst for index, burst in enumerate(self.bursts) if index != left_out]
            found = likelihood.posterior(self.singles, others)
            is_sure = found.probability >= _SURE and 2 * (found.workers or 0) <= found.most
            if is_sure and not shapes.strays(found.services):
                self.posterior = found
                self.bursts = others
                self.evidence.append("one burst that fits nothing was left out")
                return

    # Requests held

    def hold(self) -> None:
        """Ask something quick while the workers are held, and count who waits."""
        if self.slice is not None:
            self.kind = "asynchronous"
            self.evidence.append(
                f"latency grows by {_ms(self.slice)} from each request to the next, along a line: "
                "an event loop that each keeps busy for so long"
            )
            return
        self._ask_behind(self._bound())
        if self.is_scattered and self.settled is None:
            # The requests held were the first to show that there is no common queue.
            self.grow(min(self.ceiling, _FAIR * max(self.waves)))
            if self.kind is None:
                self._ask_behind(self._bound())
        bound = self._bound()
        if self.kind == "synchronous" and bound is not None:
            self._look_for_turns(bound)
            self._look_for_accept_queue(bound)
        if bound is not None and self.beyond_queue is None:
            self._look_for_queue_limit(bound)

    def _bound(self) -> int | None:
        """Give how many are served at one time as far as is known, None if no bound was met."""
        if self.is_scattered:
            return self.settled or max(self.waves, default=None)
        workers = self.posterior.workers
        return workers if workers is not None and 2 * workers <= self.posterior.most else None

    def _ask_behind(self, bound: int | None) -> None:
        """Hold more requests than are served at one time, and see whether quick ones wait."""
        held = min(self.ceiling - _PINGS, self._enough_to_hold(bound))
        if self.quick_seconds is None or held < (bound or 0) + 1:
            return
        if self.prober.requests_left < held + _PINGS or self._seconds_for(held, bound) > (
            self.prober.seconds_left
        ):
            self.evidence.append("too little of the budget was left to hold all workers")
            return
        burst = self.prober.send(
            self._offsets(held), until=lambda volley, _: len(volley.exchanges) == held, keep=True
        )
        waits, asked = self._ask(_PINGS, min(0.01, self.service / 20), _WAITS_SHARE)
        is_held = burst.pending > 0 or sum(waits) > 0
        self.prober.wait(burst)
        self.prober.wait(asked)
        self._take_held(burst, bound)
        if not is_held:
            self.evidence.append("requests could not be held long enough to ask behind them")
            return
        self.evidence.append(
            f"with {held} requests held, {sum(waits)} of {len(waits)} requests to "
            f"{self.question.quick} ({_ms(self.quick_seconds)} at rest) had to wait"
        )
        self.kind = self._kind(sum(waits))

    def _kind(self, waited: int) -> Kind | None:
        """Give what it means that so many quick requests had to wait, None if it's not clear."""
        if self.is_scattered:
            # Some queue may have had a worker to spare; in an event loop, nobody would wait.
            return "synchronous" if waited > 1 else None
        if waited in _UNCLEAR:
            return None
        return "synchronous" if waited > max(_UNCLEAR) else "asynchronous"

    def _enough_to_hold(self, bound: int | None) -> int:
        """Give how many requests keep all workers busy, as far as that is known."""
        if bound is not None:
            # Of several queues some get more than others.
            return _FAIR * bound if self.is_scattered else 3 * bound + 2
        met = self.posterior.workers
        return _HELD_WITHOUT_BOUND if met in {None, self.posterior.most} else self.ceiling

    def _take_held(self, burst: Volley, bound: int | None) -> None:
        """The requests held are one more burst, which may confirm or contradict."""
        if self._take(burst) and bound is not None and not self.is_scattered:
            self._weigh()

    def _ask(self, count: int, gap: float, share: float) -> tuple[list[bool], Volley]:
        """Send quick requests and tell which have to wait, for a share of the service time."""
        quick = self.quick_seconds or 0.0
        limit = max(_WAITS_PINGS * quick, share * self.service)

        def told(volley: Volley, now: float) -> bool:
            return len(volley.exchanges) == count and all(
                not one.pending or now - one.begun > limit for one in volley.exchanges
            )

        volley = self.prober.send(
            [gap * k for k in range(count)], path=self.question.quick, until=told, keep=True
        )
        # Turned away is no better than waiting.
        waits = [
            one.pending or one.response > limit or not 0 < one.status < 500
            for one in volley.exchanges
        ]
        return waits, volley

    def _seconds_for(self, count: int, bound: int | None) -> float:
        return self.service * (math.ceil(count / bound) + 1 if bound else 2)

    def _look_for_turns(self, bound: int) -> None:
        """Hold all workers but one: where replicas take turns, every r-th probe gets through."""
        if len(self.replica_values) > 1:
            self.replicas = len(self.replica_values)
            self.evidence.append(f"{self.replicas} values of {self.question.replica_header}")
            return
        gap = max(1.5 * (self.quick_seconds or 0.0), min(_TURNS_SECONDS, self.service / 40))
        count = min(_TURNS_PROBES, int(0.4 * self.service / gap))
        if bound < 2 or count < _LEAST_TURNS_PROBES or not self._can_hold(bound - 1 + count):
            return
        held = self._hold(bound - 1)
        waits, asked = self._ask(count, gap, _TURNS_SHARE)
        is_held = held.pending == bound - 1
        self.prober.wait(held)
        self.prober.wait(asked)
        pattern = "".join("X" if waits_ else "." for waits_ in waits)
        found = shapes.turns([not waits_ for waits_ in waits]) if is_held else None
        self.evidence.append(
            f"with {bound - 1} of {bound} held, {len(waits)} quick requests went {pattern} "
            "(. at once, X waited): "
            + {None: "no pattern", 1: "one queue"}.get(found, f"{found} replicas in turns")
        )
        if found is not None and found > 1 and bound % found == 0:
            self.replicas = found

    def _look_for_accept_queue(self, bound: int) -> None:
        """Hold all workers and see how many connections are accepted beyond them."""
        most = self.ceiling - bound
        if self.beyond_queue is not None or self.service < _HOLD_FOR_QUEUE_SECONDS:
            return
        if most < 1 or not self._can_hold(bound):
            return
        held = self._hold(bound)
        accepted = accept_queue.accepted(self.prober.peer, most)
        self.prober.wait(held)
        if accepted < most:
            self.queue_limit = accepted
            self.beyond_queue = "connections wait"
            self.evidence.append(
                f"with all {bound} held, {accepted} more connections were accepted at once and "
                "the next had to wait: the length of the accept queue"
            )
        else:
            self.evidence.append(f"no queue limit up to {most} connections that wait")

    def _look_for_queue_limit(self, bound: int) -> None:
        """Send as many at once as a share of the budget allows: are some turned away?"""
        seconds = min(_OVERSIZE_SHARE * self.question.budget, self.prober.seconds_left / 2)
        size = min(self.ceiling, self.prober.requests_left, bound * int(seconds / self.service - 1))
        longest = max(burst.size for burst in self.bursts)
        if size <= longest:
            return
        if self._burst(size) and not self.is_scattered:
            self._weigh()

    def _can_hold(self, count: int) -> bool:
        enough = self.prober.seconds_left > 4 * self.service
        return enough and self.prober.requests_left >= count and count <= self.ceiling

    def _hold(self, count: int) -> Volley:
        return self.prober.send(
            [0.0] * count, until=lambda volley, _: len(volley.exchanges) == count, keep=True
        )

    def _note_replica(self, one: Exchange) -> None:
        if one.replica is not None:
            self.replica_values.add(one.replica)


def _conclude(study: _Study) -> Character:
    """Put together what was seen; nothing is claimed that the bursts don't agree on."""
    question, scale = study.question, study.question.time_scale
    limit, interval = _concurrency(study)
    services = _service_times(study, limit)
    mean, spread = float(services.mean()), float(services.std(ddof=1) / services.mean())
    error = 1.96 * spread / math.sqrt(len(services))
    rate = _rate(study, limit, mean)
    seconds, per_second = (
        functools.partial(Quantity, unit=unit, time_scale=scale)
        for unit in (Unit.SECOND, Unit.PER_SECOND)
    )

    return Character(
        service=question.service or question.url,
        path=question.path,
        kind=study.kind,
        workers=None if study.kind == "asynchronous" else limit,
        workers_interval=interval,
        concurrency_limit=limit,
        service_time=seconds(mean),
        service_time_interval=(seconds(mean * (1 - error)), seconds(mean * (1 + error))),
        spread=spread,
        saturation_rate=None if rate is None else per_second(rate),
        saturation_rate_interval=None
        if rate is None
        else (per_second(rate / (1 + error)), per_second(rate / max(1e-9, 1 - error))),
        cold_start=None if study.cold_start is None else seconds(study.cold_start),
        cpu_slice=None if study.slice is None else seconds(study.slice),
        queue_limit=_queue_limit(study, limit),
        beyond_queue=study.beyond_queue,
        replicas=study.replicas,
        scalability=_scalability(study),
        staircases=tuple(study.staircases),
        evidence=tuple(study.evidence),
        notes=(),
        requests=study.prober.sent,
        wall=time.monotonic() - study.begin,
        time_scale=scale,
    )


def _concurrency(study: _Study) -> tuple[int | None, tuple[int, int | None] | None]:
    """Give how many are served at one time, if that is certain, and the interval."""
    found = study.posterior
    if study.slice is not None:
        return None, (max(burst.in_flight for burst in study.bursts), None)
    if study.is_scattered:
        return _scattered(study)
    interval, workers = found.interval(), found.workers
    if interval is None or workers is None:
        study.evidence.append("the completions fit no number of workers with one queue")
        return None, None
    if 2 * workers > found.most:
        return None, _unbounded(study, interval)
    doubts = _doubts(study, workers)
    largest = max(burst.size for burst in study.bursts)
    sure = f"{found.probability:.2%} from {len(study.bursts)} bursts of up to {largest}"
    study.evidence += doubts or [f"{workers} at one time: probability {sure}"]
    return None if doubts else workers, interval


def _scattered(study: _Study) -> tuple[int | None, tuple[int, int | None] | None]:
    """Give what the first waves say where there is no common queue."""
    most, settled = max(study.waves), study.settled
    study.evidence.append(
        "the completions fit no common queue: workers with queues of their own; the first wave of "
        f"a burst had {most}{'' if settled is None else ', twice'}"
    )
    return (most, (most, most)) if settled == most else (None, (most, None))


def _unbounded(study: _Study, interval: tuple[int, int]) -> tuple[int, int | None]:
    """Say that no bound was met; that many at one time is what an asynchronous service does."""
    most = study.posterior.most
    if study.kind is None and most >= _UNBOUNDED:
        study.kind = "asynchronous"
    study.evidence.append(f"no bound up to {most} at one time")
    return interval[0], None


def _doubts(study: _Study, workers: int) -> list[str]:
    """Give every reason not to claim a number of workers, however probable."""
    probability = study.posterior.probability
    if probability < _SURE_ENOUGH:
        return [f"{workers} at one time has a probability of {probability:.0%} only"]
    doubts = []
    ratio = _inflation(study)
    deviation = 4 * study.spread / math.sqrt(len(study.singles))
    if abs(ratio - 1) > max(_INFLATED, 1 / workers, deviation):
        doubts.append(
            f"{workers} workers would mean that requests take {ratio:.2f} times as long together "
            "as alone: they share something, such as CPUs, so their number can't be told"
        )
    largest = sorted(study.bursts, key=lambda burst: burst.in_flight)[-2:]
    for burst in largest:
        alone = likelihood.posterior(study.singles, [burst])
        share = alone.probabilities.get(min(workers, alone.most), 0.0)
        if share < _AGREES * max(alone.probability, 1e-9):
            doubts.append(f"the burst of {burst.size} alone says {alone.workers}, not {workers}")
    return doubts


def _inflation(study: _Study) -> float:
    """Give how much longer requests take together than alone."""
    return float(np.mean(study.posterior.services)) / statistics.fmean(study.singles)


def _service_times(study: _Study, limit: int | None) -> likelihood.Array:
    """Give the times in service that are known: implied ones, where a limit is certain."""
    if limit is not None and not study.is_scattered:
        return np.concatenate([study.singles, study.posterior.services])
    return np.asarray(study.singles)


def _rate(study: _Study, limit: int | None, mean: float) -> float | None:
    if study.slice is not None:
        return 1 / study.slice
    return None if limit is None else limit / mean


def _queue_limit(study: _Study, limit: int | None) -> int | None:
    """Give how many wait beyond those served."""
    if study.queue_limit is None or study.beyond_queue == "connections wait":
        return study.queue_limit
    return None if limit is None else max(0, study.queue_limit - limit)


def _scalability(study: _Study) -> Scalability | None:
    if not study.points:
        return None
    rate = 1 / study.service
    law = shapes.scalability_law(study.points, rate)
    points = ((1.0, rate), *sorted(study.points))
    return Scalability(points, rate, law.contention, law.coherency)


def _staircase(volley: Volley) -> Staircase:
    steps = (
        Step(one.begun - volley.begin, one.finished - volley.begin, one.is_good)
        for one in volley.exchanges
        if not one.pending
    )
    return Staircase(len(volley.exchanges), tuple(steps))


def _point(burst: Burst) -> tuple[float, float]:
    """Give mean concurrency (Little) and throughput of a burst."""
    lasted = float(burst.finished.max() - burst.sent[0])
    together = float((burst.finished - burst.sent).sum())
    return together / lasted, burst.size / lasted


def _outcome(one: Exchange) -> str:
    return str(one.status) if one.status else one.outcome.label


def _ms(seconds: float) -> str:
    return str(Quantity(seconds, Unit.SECOND))
