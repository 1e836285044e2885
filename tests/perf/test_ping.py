"""Exploratory /ping: answers at once, under 5 to 50 requests per second.

The time an answer takes does not follow --perfqa-time-scale, the rate does: at a tenth of the
times, 500 requests per second come at the top.
"""

import pytest

pytestmark = [
    pytest.mark.exploratory,
    pytest.mark.perfqa(scenario="exploratory_ping.yaml"),
]


@pytest.mark.perfqa(services=["node", "gunicorn", "node_replicated"])
def test_ping_answers_everything(perf_run):
    """The study: both answer in real time. Its 500s came from its nginx's few connections."""
    assert perf_run.launched == 3675
    assert perf_run.status[200] == perf_run.launched
    assert perf_run.errors.total == 0


@pytest.mark.perfqa(services=["node", "gunicorn", "node_replicated"])
def test_ping_does_not_pile_up(perf_run):
    """The study: no request of node's is left pending, one of gunicorn's once."""
    assert perf_run.pending.at_end == 0
    assert not perf_run.pending.grows


@pytest.mark.perfqa(services=["node", "gunicorn", "node_replicated"])
def test_ping_uses_most_cpu_after_the_steep_ramp(perf_run):
    """The study: CPU peaks there. 50 requests per second need more of it than 15.

    Not three times as much: a busier server gets more done each time it wakes up. The study also
    saw gunicorn use more CPU and memory than Node; here it uses a third of the memory.
    """
    light = perf_run.phase("plateau light").resources
    steep = perf_run.phase("plateau steep").resources
    assert steep.total.cpu.mean > 1.2 * light.total.cpu.mean
    assert steep["app"].cpu.mean > 1.2 * light["app"].cpu.mean
