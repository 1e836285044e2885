"""Do the quick unit tests notice when core logic is wrong? Breaks it, one place at a time.

    ./run python bench/mutations.py [WORD ...]

Each mutation is made in a copy of the tree, and the tests named beside it are run there: one of
them must fail. WORDs choose mutations by parts of their names. The exit code is 1 if one survives,
if what it replaces does not stand in its file exactly once any more, or if its tests don't pass
without it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("pytest_perfqa", "tests", "services", "docs", "pyproject.toml", "README.md")
# A mutation may make a loop endless.
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Mutation:
    """One way to be wrong.

    Attributes:
        name: what is wrong then.
        file: where, below ``pytest_perfqa``.
        old: the text that stands there, exactly once.
        new: what takes its place.
        tests: which of ``tests/unit`` are to fail: files, or parts of one (``FILE::NAME``).
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def make(self, tree: Path) -> str | None:
        """Put it into a tree; give what it took out, or None if that wasn't there once."""
        path = tree / "pytest_perfqa" / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            return None
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
        return text

    def undo(self, tree: Path, text: str) -> None:
        """Put back what ``make`` took out."""
        (tree / "pytest_perfqa" / self.file).write_text(text, encoding="utf-8")


def broken(file: str, tests: tuple[str, ...], *ways: tuple[str, str, str]) -> tuple[Mutation, ...]:
    """Give several mutations of one file: the name of each, what it replaces, and by what."""
    return tuple(Mutation(name, file, old, new, tests) for name, old, new in ways)


MUTATIONS = [
    *broken(
        "base/status.py",
        ("test_as_expected.py", "test_readiness.py"),
        ("a 400 is as expected", "range(200, 400)", "range(200, 401)"),
        ("a 500 is as expected", "range(200, 400)", "range(200, 501)"),
        ("a 100 is as expected", "range(200, 400)", "range(100, 400)"),
        ("a 304 is not as expected", "range(200, 400)", "range(200, 300)"),
        ("an error of the server is an answer", "_SERVER_ERROR = 500", "_SERVER_ERROR = 600"),
    ),
    *broken(
        "result/attributes/availability.py",
        ("test_as_expected.py", "test_attributes.py"),
        (
            "a 500 counts as available",
            "np.average(as_expected(rows), ",
            'np.average(rows["status"] <= 500, ',
        ),
        (
            "a window that just meets the objective is bad",
            "served / totals < wanted",
            "served / totals <= wanted",
        ),
        (
            "an outage ends with a 500",
            "up = np.bincount(places, served, len(moments)) > 0",
            'up = np.bincount(places, samples.rows["status"] <= 500, len(moments)) > 0',
        ),
        ("an outage lasts to its last failure", "moments[ends], last", "moments[ends - 1], last"),
    ),
    *broken(
        "result/kept.py",
        ("test_kept.py",),
        ("a kept result forgets when it was ended", "until=context.until,", "until=None,"),
        (
            "a kept result forgets what is to be said",
            "notes=kept.notes,\n        aborted",
            "notes=(),\n        aborted",
        ),
        ("a damaged file is read", "if hashlib.sha256(content)", "if not hashlib.sha256(content)"),
        ("another version is read", 'if found.get("version") != version:', "if False:"),
    ),
    *broken(
        "report/kept.py",
        ("test_kept_sessions.py",),
        ("a kept run is held to nothing", "run.held,", "False,"),
        ("a service of any session is the same", 'f"{label}: {name}" if label', "name if label"),
    ),
    *broken(
        "result/attributes/throughput.py",
        ("test_throughput.py",),
        (
            "the highest throughput counts the first answer",
            "upto[last] - upto[1:]",
            "upto[last] - upto[:-1]",
        ),
        (
            "an answer at a window's end is not in it",
            'ends + width, side="right"',
            'ends + width, side="left"',
        ),
        ("the highest throughput is below the mean", "width, float(self.mean))", "width, 0.0)"),
        (
            "its window does not follow the time scale",
            "self.max_over(WINDOW * self._scale)",
            "self.max_over(WINDOW)",
        ),
        (
            "what was turned away is throughput",
            "good = self._samples.as_expected\n        order",
            "good = self._samples.ended\n        order",
        ),
    ),
    *broken(
        "result/attributes/recovery.py",
        ("test_recovery.py",),
        ("recovery holds for one look", "needed = round(HOLD / LOOK)", "needed = 1"),
        ("recovery holds for 2 s", "HOLD = 3.0", "HOLD = 2.0"),
        ("recovery holds for 4 s", "HOLD = 3.0", "HOLD = 4.0"),
        ("two are pending, and that is none", "limit = max(1.0,", "limit = max(2.0,"),
        (
            "as many as before is not recovered",
            "course.pending(looks) <= limit",
            "course.pending(looks) < limit",
        ),
        ("what is usual is its average", "_USUAL = 0.95", "_USUAL = 0.5"),
        ("a second of usual load is enough", "LEAST_BASELINE = 50.0", "LEAST_BASELINE = 1.0"),
        ("a service that is down recovers", "len(first) and course.kept_up", "len(first)"),
        (
            "recovery does not follow the time scale",
            "end + 1e-9, LOOK * scale)",
            "end + 1e-9, LOOK)",
        ),
        ("what was not watched is known", "if limit.ends[1] > float(self.bound):", "if False:"),
    ),
    *broken(
        "load/wire/watch.py",
        ("test_tally.py",),
        (
            "abort judges what one process told",
            "self._next < min(self._told)",
            "self._next < max(self._told)",
        ),
        (
            "abort judges a window that is under way",
            "self._next < min(self._told)",
            "self._next <= min(self._told)",
        ),
        ("only the last process counts", "sum_ + Tally(total, part)", "Tally(total, part)"),
        ("abort forgets a process that has ended", "self._told[process] = math.inf", "pass"),
        ("pending is judged by those who looked", "tally.total < alive", "tally.total < 1"),
        ("every threshold stops the run", "if threshold.abort)", ")"),
    ),
    *broken(
        "load/wire/tally.py",
        ("test_tally.py",),
        (
            "a spell lasts one window",
            "end - before.start >= lasting - _ROUNDING",
            "end - before.start >= 0",
        ),
        (
            "a spell must last longer than it says",
            "end - before.start >= lasting - _ROUNDING",
            "end - before.start > lasting",
        ),
        (
            "a good window does not end a spell",
            "            self._spell = None\n            return None",
            "            return None",
        ),
        ("a silence joins two spells", "start > before.end + lasting + _ROUNDING", "start < 0"),
        (
            "at the limit is beyond it",
            "parts = parts <= condition.limit if is_closed else",
            "parts = parts < condition.limit if is_closed else",
        ),
        ("warm-up counts", "else phase.name not in scenario.warmup", "else True"),
        (
            "what is told late is lost",
            "np.maximum(window_number(ends, self._scenario.window), self._closed)",
            "window_number(ends, self._scenario.window)",
        ),
    ),
    *broken(
        "service/shared/settling.py",
        ("test_settling.py",),
        ("a canary is quick at 40 times its idle time", "_SLOWER = 4.0", "_SLOWER = 40.0"),
        ("a canary is quick at 5 times its idle time", "_SLOWER = 4.0", "_SLOWER = 5.0"),
        ("a canary is quick at twice its idle time", "_SLOWER = 4.0", "_SLOWER = 2.0"),
        ("a canary is quick within 0.1 s", "_FLOOR_SECONDS = 0.03", "_FLOOR_SECONDS = 0.1"),
        ("a canary of each replica is enough", "max(3, replicas + 2)", "max(3, replicas)"),
        (
            "a failure that is fast is at rest",
            "answer.is_good and answer.seconds <= fast",
            "answer.seconds <= fast",
        ),
        (
            "a row goes on after a slow canary",
            "            row, seen = 0, set()\n        if row == needed",
            "            pass\n        if row == needed",
        ),
        (
            "a replica may be missing",
            "row == needed and seen.issuperset(replicas)",
            "row == needed",
        ),
        ("usual at rest is the slowest", "statistics.median(", "max("),
    ),
    *broken(
        "report/comparison.py",
        ("test_comparison.py",),
        ("a fall to exactly half is no peak", "<= _FALL * ", "< _FALL * "),
        ("a fall to two thirds is a peak", "_FALL = 0.5", "_FALL = 0.67"),
        ("a fall to a third is no peak", "_FALL = 0.5", "_FALL = 0.33"),
        (
            "a peak ends at the rate it began with",
            "phase.rates[1] > 0 and after.rates[0] <= _FALL * phase.rates[1]",
            "phase.rates[0] > 0 and after.rates[0] <= _FALL * phase.rates[0]",
        ),
    ),
    *broken(
        "machine/reaper.py",
        ("test_reaper.py",),
        (
            "the reaper ends a stranger with a number of ours",
            "process is None or process.start_time == start_time",
            "True",
        ),
        (
            "the reaper ends one that was born a little later",
            "process.start_time == start_time",
            "abs(process.start_time - start_time) <= 1",
        ),
        (
            "without its leader a group is let live",
            "process is None or process.start_time",
            "process is not None and process.start_time",
        ),
        ("what was taken back is ended", "self.groups.pop(int(rest), None)", "pass"),
        ("dead ones count as alive", 'self.state not in "ZX"', 'self.state not in "X"'),
    ),
    *broken(
        "result/validity.py",
        ("test_validity.py",),
        ("a tenth may be late", "_LATE_ARRIVALS = 0.01", "_LATE_ARRIVALS = 0.1"),
        (
            "arrivals that were never sent are no matter",
            "generator.missed and not generator.was_told",
            "False",
        ),
        (
            "records that were lost are no matter",
            "recorded != generator.launched",
            "recorded > generator.launched",
        ),
        (
            "out of ports is the service's fault",
            "outcome.is_generators",
            "outcome is Outcome.NO_DESCRIPTORS",
        ),
        (
            "steps count as arrivals that are late",
            'samples.where(samples.rows["kind"] != RecordKind.STEP)',
            "samples",
        ),
    ),
    *broken(
        "result/attributes/confidence.py",
        ("test_confidence.py",),
        ("p95 needs 50 samples", "math.ceil(math.log(_ALPHA) / math.log(p))", "50"),
        (
            "one sample too few for a percentile",
            "math.ceil(math.log(_ALPHA) / math.log(p))",
            "math.floor(math.log(_ALPHA) / math.log(p))",
        ),
        ("requests in a queue are independent", "spread = math.sqrt(inflation)", "spread = 1.0"),
        (
            "a mean's interval is that of independent samples",
            "deviation = math.sqrt(_variance(means, weights) / float(weights.sum()))",
            "deviation = math.sqrt(np.average((sample.values - mean) ** 2) / sample.count)",
        ),
        (
            "a percentile's upper bound is a rank lower",
            "return int(below), int(above) + 1",
            "return int(below), int(above)",
        ),
        ("a time-out is a time", "np.where(beyond, np.inf, sample.values)", "sample.values"),
        ("ends are passed with 20 %", "_ALPHA = 0.05", "_ALPHA = 0.2"),
    ),
    *broken(
        "scenario/schedule.py",
        ("test_schedule.py",),
        (
            "a phase begins with an arrival",
            "np.arange(1.0, arrival_count(phase) + 1)",
            "np.arange(0.0, arrival_count(phase))",
        ),
        (
            "a phase brings one too few",
            "np.arange(1.0, arrival_count(phase) + 1)",
            "np.arange(1.0, arrival_count(phase))",
        ),
        (
            "0.3 x 200 is 59",
            "np.floor(phase.expected * (1 + _ROUNDING) + _ROUNDING)",
            "np.floor(phase.expected)",
        ),
        ("a ramp is a step", "slope = (end - rate) / phase.duration", "slope = 0.0"),
        ("the root loses its factor", "rate * rate + 2 * slope", "rate * rate + slope"),
        ("generators send the same", "self.times[index::count]", "self.times[::count]"),
        (
            "all phases have the same random arrivals",
            "default_rng([seed, index])",
            "default_rng([seed])",
        ),
        (
            "a Poisson count is not kept",
            "phase.count if phase.count is not None else",
            "0 if False else",
        ),
        ("half a user is nobody", "anybody = int(max(first, last) > 0)", "anybody = 0"),
    ),
    *broken(
        "queues/fifo.py",
        ("test_fifo.py",),
        (
            "a worker is free before it is done",
            "end = max(arrival, free[0]) + service",
            "end = arrival + service",
        ),
        (
            "services are implied by one worker more",
            "np.sort(ends)[: -int(workers)]",
            "np.sort(ends)[1 : len(ends) - int(workers) + 1]",
        ),
    ),
    *broken(
        "queues/queue_trend.py",
        ("test_queue_trend.py", "test_confirm.py"),
        (
            "the first service time counts",
            "_WARM_UP_SERVICE_TIMES = 2.0",
            "_WARM_UP_SERVICE_TIMES = 0.0",
        ),
        ("the queue is not averaged", "max(1, round(self.at_work))", "1"),
        ("half the growth is too much", "+ _MARGIN", "/ 4"),
        ("stable is said too soon", "ratio < -math.log(1 / test.error)", "ratio < 0"),
        ("random arrivals add no variance", "(1.0 if self.poisson else 0.0)", "0.0"),
    ),
    *broken(
        "capacity/limits/burst_search.py",
        ("test_burst_search.py",),
        (
            "a bracket of two is narrow",
            "self.failed - self.passed <= self._resolution",
            "self.failed - self.passed <= 2 * self._resolution",
        ),
        (
            "what was served of a burst that failed does not count",
            "self.passed = max(self.passed, witnessed)",
            "pass",
        ),
        ("the ceiling is no limit", "return min(self.ceiling, wanted)", "return wanted"),
    ),
    *broken(
        "result/attributes/stability.py",
        ("test_stability.py",),
        ("a hundredth is drift", "_GROWTH = 0.10", "_GROWTH = 0.01"),
        ("half as much again is no drift", "_GROWTH = 0.10", "_GROWTH = 0.50"),
        ("chance is drift", "slope > _T_RISES * error", "slope > 0"),
        (
            "batches never depend on each other",
            "lone_error * _inflation(max(correlation, 0.0))",
            "lone_error",
        ),
        ("drift that may be hidden is none", "if at_most > limit:", "if False:"),
        ("the first fifth counts", "_SETTLING = 0.2", "_SETTLING = 0.0"),
    ),
    *broken(
        "result/attributes/growth.py",
        ("test_queueing.py", "test_overload.py"),
        (
            "growth by chance is growth",
            "return float(self.by) > float(self.limit)",
            "return float(self.by) > 0",
        ),
        ("too few arrivals tell", "or self.arrivals >= self.needed", "or True"),
    ),
    *broken(
        "result/attributes/queueing.py",
        ("test_queueing.py", "test_overload.py"),
        (
            "who gives up does not wait",
            "gave_up(self._arrivals)[order]",
            "np.zeros(len(order), bool)",
        ),
        (
            "who is turned away is one of those who wait or don't",
            "count = self._let_in",
            "count = self._within.count",
        ),
        (
            "what never ended has ended",
            "np.where(ended(rows), arrivals.ends, np.inf)",
            "arrivals.ends",
        ),
    ),
    *broken(
        "result/attributes/level.py",
        ("test_level.py",),
        (
            "before the first step is after it",
            "np.maximum(moments - self._moments[last], 0.0)",
            "np.abs(moments - self._moments[last])",
        ),
        (
            "an average leaves out the last stretch",
            "areas: Floats = self._areas[last] + risen",
            "areas: Floats = self._areas[last]",
        ),
    ),
    *broken(
        "result/requirements.py",
        ("test_thresholds.py", "test_ensure_judged.py", "test_disturbed.py"),
        ("what can't be told is met", "[one for one in strict if one.met is None]", "[]"),
        (
            "a run that was stopped is judged by what is left",
            "aborted.threshold == threshold.text and threshold.abort",
            "False",
        ),
        ("times are not at full scale", "factor = result.time_scale**", "factor = 1.0**"),
        (
            "nothing ended, and that is well",
            'met=False, found="no arrival has come to an end"',
            'met=True, found="no arrival has come to an end"',
        ),
        (
            "a soft requirement fails",
            "[finding for finding in judge(result, held=held) if finding.strict]",
            "[*judge(result, held=held)]",
        ),
        (
            "a run is held to nothing",
            "if finding.strict]\n    missed = [one for one in strict if one.met is False]",
            "if finding.strict]\n    missed = []",
        ),
        (
            "a requirement on a disturbed stretch is judged",
            "if causes := [cause for one in strict for cause in one.disturbed]:",
            "if causes := []:",
        ),
    ),
    *broken(
        "result/samples.py",
        ("test_estimates.py", "test_tally.py", "test_confidence.py", "test_attributes.py"),
        ("folded rows count once", "np.add.reduceat(weights, starts)", "np.ones(len(starts))"),
    ),
    *broken(
        "base/units.py",
        ("test_message.py", "test_estimates.py", "test_attributes.py"),
        (
            "a text does not follow the time scale",
            "float(parse(text, self.unit)) * self.time_scale**self.unit.time_exponent",
            "float(parse(text, self.unit))",
        ),
        (
            "milliseconds and units differ, and are added up",
            "if other.unit is not self.unit:",
            "if False:",
        ),
        ("an interval on both sides of a limit decides", "if for_all == for_some:", "if True:"),
    ),
    *broken(
        "service/shared/readiness.py",
        ("test_readiness.py",),
        (
            "a redirect is ready",
            "200 <= response.status_code < 300",
            "200 <= response.status_code < 400",
        ),
        (
            "what was printed before a restart counts",
            "logs.read_log(log, start)",
            "logs.read_log(log, 0)",
        ),
        ("the last word is the first", "if answer.is_good or time", "if time"),
    ),
    *broken(
        "load/wire/plan.py",
        ("test_validity.py",),
        ("late by 100 ms is on time", "LATE_SECONDS = 0.010", "LATE_SECONDS = 0.100"),
    ),
    *broken(
        "scenario/spans.py",
        ("test_slices.py", "test_invariants.py"),
        (
            "a stretch is closed at its start",
            "np.where(edges > 0, upto(edges), edges - EDGE)",
            "edges - EDGE",
        ),
        ("edges are exact", "EDGE = 1e-6", "EDGE = 0.0"),
        (
            "phases of one name are a span",
            "inside: NDArray[np.bool_] = places % 2 == 0",
            "inside: NDArray[np.bool_] = places >= 0",
        ),
        (
            "stretches that touch stay apart",
            "start <= upto(found[-1][1])",
            "start < found[-1][1] - 1",
        ),
        (
            "what overlaps is counted twice",
            "math.fsum(end - start for start, end in self)",
            "self.end - self.start",
        ),
    ),
    *broken(
        "monitor/neighbours.py",
        ("test_neighbours.py",),
        ("half of its CPU may be denied", "_SHARE = 0.15", "_SHARE = 0.5"),
        ("any wait is a disturbance", "_SHARE = 0.15", "_SHARE = 0.0"),
        ("the host takes nothing", "return self.denied + self.steal", "return self.denied"),
        (
            "a process with a number used again has worked backwards",
            "spent if spent >= 0 else clock",
            "spent",
        ),
        ("memory that others took is no matter", " or self.stalled > _STALLED * self.length", ""),
    ),
    *broken(
        "monitor/disturbance.py",
        ("test_neighbours.py", "test_disturbed.py", "test_beside.py"),
        (
            "the service has caught up at once",
            "while debt > 0 and end + 1",
            "while False and end + 1",
        ),
        (
            "who was in the queue before is not touched",
            "while (\n        begin > 0",
            "while (\n        False",
        ),
    ),
    *broken(
        "base/conditions.py",
        ("test_conditions.py", "test_thresholds.py"),
        (
            "a percentile is one rank too low",
            "max(1, math.ceil(percent / 100 * count - _ROUNDING))",
            "max(1, math.ceil(percent / 100 * count - _ROUNDING) - 1)",
        ),
        ("a failure at the limit is none", '{">": "<=",', '{">": "<",'),
        (
            "one decided side decides nothing",
            "        if truth is decides:\n            return decides\n",
            "",
        ),
        (
            "what is about nothing holds",
            "or nothing to divide by\n        return False",
            "or nothing to divide by\n        return True",
        ),
        ("not is nothing", "wanted=not wanted", "wanted=wanted"),
    ),
    *broken(
        "result/attributes/latency.py",
        ("test_attributes.py", "test_beyond_the_time_out.py"),
        ("Apdex tolerates three times the limit", "_TOLERABLE = 4", "_TOLERABLE = 3"),
        (
            "what timed out within a limit was served within it",
            "good = quick & answered(rows)",
            "good = quick",
        ),
    ),
    *broken(
        "result/attributes/fairness.py",
        ("test_attributes.py",),
        (
            "a replica that gave no answer is not there",
            "dict.fromkeys(replicas.values(), 0)",
            "dict[str, int]()",
        ),
    ),
    *broken(
        "result/attributes/cold_start.py",
        ("test_attributes.py",),
        (
            "one that took as long as a first is quicker",
            "self._late >= self._early.min()",
            "self._late > self._early.min()",
        ),
    ),
    *broken(
        "scenario/variation.py",
        ("test_variation.py",),
        (
            "counts do not follow the rate",
            "max(1, round(phase.count * factor))",
            "phase.count",
        ),
        ("faults do not follow the duration", "at=one.at * factor", "at=one.at"),
    ),
    *broken(
        "capacity/limits/rate_search.py",
        ("test_burst_search.py",),
        (
            "the bracket is cut in its arithmetic middle",
            "math.sqrt(self.passed * self.failed)",
            "(self.passed + self.failed) / 2",
        ),
        ("a search without a pass never ends", "_LEAST_SHARE = 1 / 64", "_LEAST_SHARE = 0.0"),
    ),
    *broken(
        "monitor/tree.py",
        ("test_monitor_tree.py",),
        (
            "the CPU of a child that ended counts twice",
            "debt - (after[heir].waited - before[heir].waited)",
            "debt",
        ),
    ),
    *broken(
        "monitor/cgroup.py",
        ("test_monitor_cgroup.py",),
        ("limits above a cgroup hold nobody up", "folder = folder.parent", "folder = None"),
    ),
    *broken(
        "scenario/template.py",
        ("test_template.py",),
        (
            "a text that is one template is printed",
            "if whole and whole.end() == len(text):",
            "if False:",
        ),
        (
            "a name with a point in it is no variable",
            "    if expression in variables:\n        return variables[expression]\n",
            "",
        ),
    ),
]


def fails(tree: Path, tests: tuple[str, ...]) -> bool | None:
    """Run tests in a tree; None if they could not be run."""
    words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]
    try:
        done = subprocess.run(
            [sys.executable, *words, *(f"tests/unit/{test}" for test in tests)],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return {0: False, 1: True}.get(done.returncode)


def became(mutation: Mutation, tree: Path) -> str:
    """Try a mutation, and say what became of it."""
    taken = mutation.make(tree)
    if taken is None:
        return "does not apply"
    try:
        failed = fails(tree, mutation.tests)
    finally:
        mutation.undo(tree, taken)
    return {True: "killed", False: "SURVIVED", None: "no tests ran"}[failed]


def main(words: list[str]) -> int:
    """Try all mutations, or those that were asked for; give the exit code."""
    chosen = [one for one in MUTATIONS if not words or any(word in one.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="perfqa-mutations-") as folder:
        tree = Path(folder)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tree / name)
        tests = tuple(dict.fromkeys(test for one in chosen for test in one.tests))
        if fails(tree, tests) is not False:
            print("the tests don't pass as it is")
            return 1
        counts: Counter[str] = Counter()
        print("| mutation | file | |\n| --- | --- | --- |")
        for one in chosen:
            said = became(one, tree)
            counts[said] += 1
            print(f"| {one.name} | {one.file} | {said} |", flush=True)
    print("\n" + ", ".join(f"{count} {said}" for said, count in counts.items()))
    return int(counts.total() != counts["killed"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
