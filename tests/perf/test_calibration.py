"""Calibration: is the CPU that the monitor shows the CPU that the operating system accounts for?

The study compared docker stats with its dashboard under a saturating load: about 95 % in both.
"""

import resource

import psutil
import pytest

pytestmark = [
    pytest.mark.exploratory,
    pytest.mark.perfqa(
        services=["node", "gunicorn", "node_replicated"], scenario="calibration_heavy.yaml"
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
    """The operating system's own account of what a service's replicas use."""

    def __init__(self, service):
        self._service = service
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
def account(perf_service):
    """An account that is opened before the run."""
    return Account(perf_service)


def test_the_monitor_agrees_with_the_operating_system(account, perf_run):
    """Within 5 %: CPU clocks and cgroups against clock ticks and getrusage.

    The server does nothing but this run, so what it used before and after is next to nothing. All
    replicas share one CPU: more than that, and the same 5 %, would mean that nothing limits them.
    """
    app = perf_run.resources["app"]
    assert perf_run.status[200] == 10
    assert "90%" < app.cpu.of_limit < "105%"
    assert app.cpu_seconds == pytest.approx(account.used, rel=0.05)
