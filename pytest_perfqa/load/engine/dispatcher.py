"""Sends every arrival at its time, whether or not earlier ones have been answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.hub import get_hub

from ...scenario.schedule import schedule
from ..wire.plan import FELL_BEHIND, HOPELESS_SECONDS
from .clock import Alarm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..wire.plan import Plan, Summary
    from .account import Account

# Without a limit, one late wake-up starts everything overdue at once, each on a connection of its
# own (measured at 25,000/s offered: 78 % of arrivals lost; with 32 per turn all were sent).
_PER_TURN = 32
# Arrival times are turned into Python floats in blocks: ten million at once would take 0.3 GB.
_BLOCK = 16_384


class Work(Protocol):
    """What arrivals do."""

    def begin(self, index: int, due: float, phase: int) -> None:
        """Send an arrival on its way, without waiting for anything; the account has its end."""

    def drain(self) -> None:
        """Wait until no arrival is at work."""

    def abandon(self) -> None:
        """End what is under way as pending; called on the hub."""

    def close(self) -> None:
        """Give back what arrivals shared."""


class Dispatcher:
    """The arrivals of one plan, sent at the times of its schedule."""

    def __init__(self, plan: Plan, account: Account, work: Work) -> None:
        self._plan = plan
        self._account = account
        self._work = work
        self._limits = [
            None if phase.max_vusers is None else _share(phase.max_vusers, plan.shard, plan.shards)
            for phase in plan.scenario.phases
        ]
        self._schedule = schedule(plan.scenario).shard(plan.shard, plan.shards)
        self._alarm = Alarm()
        self._stopped: str | None = None

    def run(self, start: float) -> Summary:
        """Send all arrivals, the first counted from ``start``, and wait until all have ended."""
        self._account.open(start)
        self._dispatch(start)
        self._work.drain()
        self._work.close()
        self._alarm.close()
        return self._account.summary(len(self._schedule), self._stopped)

    def stop(self, reason: str) -> None:
        """Send no more, and end what is under way as pending."""
        if self._stopped is None:
            self._stopped = reason or "it was told to"
            self._alarm.interrupt()
            get_hub().loop.run_callback(self._work.abandon)

    def _dispatch(self, start: float) -> None:
        sent_in_turn = 0
        for index, offset, phase in self._arrivals():
            due = start + offset
            if due > time.monotonic():
                self._alarm.wait_until(due)
                sent_in_turn = 0
            elif sent_in_turn >= _PER_TURN:
                gevent.sleep(0)
                sent_in_turn = 0
            if time.monotonic() - due > HOPELESS_SECONDS:
                self.stop(FELL_BEHIND)
            if self._stopped is not None:
                break
            sent_in_turn += 1
            self._launch(index, due, phase)

    def _arrivals(self) -> Iterator[tuple[int, float, int]]:
        times, phases = self._schedule.times, self._schedule.phases
        for first in range(0, len(times), _BLOCK):
            block = slice(first, first + _BLOCK)
            pairs = zip(times[block].tolist(), phases[block].tolist(), strict=True)
            for index, (offset, phase) in enumerate(pairs, first):
                number = index * self._plan.shards + self._plan.shard
                yield self._schedule.first + number, offset, phase

    def _launch(self, index: int, due: float, phase: int) -> None:
        limit = self._limits[phase]
        if limit is not None and self._account.running >= limit:
            self._account.skipped += 1
        else:
            self._work.begin(index, due, phase)


def _share(limit: int, shard: int, shards: int) -> int:
    """Give one generator's part of a limit on all of them together."""
    return limit * (shard + 1) // shards - limit * shard // shards
