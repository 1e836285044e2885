"""Calibration: is the CPU that the monitor shows the CPU that the operating system accounts for?

The study compared docker stats with its dashboard under a saturating load: about 95 % in both. Its
endurance is one: 1.5 requests of 5 s are in the service at any time, on one CPU.
"""

import itertools
import resource
from datetime import UTC, datetime

import psutil
import pytest

from pytest_perfqa import InvalidRun

pytestmark = [
    pytest.mark.exploratory,
    pytest.mark.perfqa(
        services=["node", "gunicorn", "node_replicated"], scenario="endurance_heavy.yaml"
    ),
]


def replicas(service):
    """Give the parts that do the work."""
    return [part for name, part in service.parts.items() if name.partition("#")[0] == "app"]


def ticks(part):
    """CPU seconds of a part's processes since their start, as the kernel's clock ticks count."""
    leader = psutil.Process(part.pid)
    tree = [leader, *leader.children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in tree)


def waited_for():
    """CPU seconds of all children of this process that have ended, and of theirs: getrusage."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Account:
    """The operating system's own account of what a service's replicas use.

    Attributes:
        opened: the wall clock when it was opened.
    """

    def __init__(self, service):
        self._service = service
        self.opened = datetime.now(UTC)
        self._before = sum(map(ticks, replicas(service)))

    @property
    def used(self):
        """CPU seconds since it was opened; plain processes are ended for it: then all is known."""
        if any(part.container for part in replicas(self._service)):
            return sum(map(ticks, replicas(self._service))) - self._before
        ended = waited_for()
        self._service.restart("app")
        return waited_for() - ended - self._before


@pytest.fixture
def load_and_account(perf_load, perf_service):
    """Call it for a run, and the CPU seconds that the operating system saw of it.

    What others have left behind is done with before. The run is that of the endurance's tests, if
    they have not made it yet: an account is of a run made while it is open. Whoever asks once more
    gets another one.
    """
    numbers = itertools.count()

    def measure():
        number = next(numbers)
        perf_service.settle(10)
        account = Account(perf_service)
        run = perf_load(variables={"number": number} if number else None)
        if run.started_at < account.opened:
            return measure()
        if any("was measured again" in note for note in run.notes):
            raise InvalidRun(["the account is of more than this run"])
        return run, account.used

    return measure


def test_the_monitor_agrees_with_the_operating_system(load_and_account):
    """Within 5 %: CPU clocks and cgroups against clock ticks and getrusage.

    The server does nothing but this run: what it used before and after, and to end, is some 100
    ms, which don't follow the scale, and at most one request of 5 s, of 200 s or more. All replicas
    share one CPU: more than that, and the same 5 %, would mean that nothing limits them.
    """
    run, accounted = load_and_account()
    app = run.resources["app"]
    assert run.completed == 60
    assert "90%" < app.cpu.of_limit < "105%"
    assert app.cpu_seconds == pytest.approx(accounted, rel=0.05)
