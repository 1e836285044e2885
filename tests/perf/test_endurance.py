"""Endurance: a constant 0.3 requests per second on /heavy, a busy loop of 5 s, for minutes.

Times and rates are the study's; a text such as "5s" follows --perfqa-time-scale.
"""

import pytest

pytestmark = [
    pytest.mark.endurance,
    pytest.mark.perfqa(scenario="endurance_heavy.yaml"),
]

SINGLE = ["node", "gunicorn"]


@pytest.mark.perfqa(services=["node", "gunicorn", "node_replicated"])
def test_every_arrival_is_accounted_for(perf_run):
    """60 arrivals are launched at 0.3 rps, and each ends: nothing is lost, nothing left pending."""
    assert perf_run.launched == 60
    assert perf_run.completed + perf_run.failed + perf_run.pending.at_end == perf_run.launched
    assert perf_run.pending.at_end == 0
    assert perf_run.failed == 0


@pytest.mark.perfqa(services=SINGLE)
def test_one_server_queues_until_its_queue_runs_away(perf_run):
    """One server does 0.2 rps of the 0.3 offered.

    The study saw its queue run away after some cycles of catching up; those came from uneven
    arrivals. With even ones it grows from the first minute on.
    """
    assert perf_run.pending.grows
    assert perf_run.throughput.max <= "0.25/s"


@pytest.mark.perfqa(services=SINGLE)
def test_one_server_yields_504s_at_the_proxys_limit(perf_run):
    """The study: 21 % of 504 and p95 60,008 ms with one node; here 45 % of the 60.

    Each waits 5 s - 3.33 s longer than the one before. The 34th, due after 113 s, would be served
    after just 60 s, the proxy's limit, and ends either way; the 26 after it get a 504. If each took
    5 % longer than 5 s, 31 would.
    """
    assert "59s" < perf_run.latency.p95 < "62s"
    assert 26 <= perf_run.status[504] <= 31
    assert perf_run.status["5xx"] == perf_run.status[504]
    assert perf_run.status[200] + perf_run.status[504] == perf_run.launched


@pytest.mark.perfqa(services=SINGLE)
def test_one_server_is_a_queue_of_one(perf_run):
    """What it measured is what such a queue does: pending, latency, and the first 504.

    Which comes 60 s after the 34th arrival, due after 113 s and served in just 60 s; or after one
    before or behind it, so either count may be off by one. The study saw 504s after 240 s, and a
    queue that caught up in between: perhaps its arrivals did not come evenly. 12 requests at once
    are answered in time, 13 in 10 s.
    """
    model = perf_run.model
    assert "4.95s" < model.service_time < "5.3s"
    assert model.pending_error < "10%"
    assert model.p95_error < "5%"
    assert "155s" < model.expected_first_timeout() < "180s"
    assert abs(model.expected_timeouts() - perf_run.status[504]) <= 2
    assert 11 <= model.expected_burst() <= 12
    assert 12 <= model.expected_burst(within="10s") <= 13


@pytest.mark.perfqa(services=SINGLE)
def test_one_server_makes_requests_wait(perf_run):
    """Each waits longer than the one before by 1.67 s, up to the proxy's limit."""
    assert perf_run.pending.wait.max > "50s"
    assert not perf_run.pending.drains


@pytest.mark.perfqa(services=["node_replicated"])
def test_node_replicated_is_a_queue_of_three_that_nobody_waits_in(perf_run):
    """Half of its capacity is asked for, in turn: each finds its replica idle.

    The study's chart shows requests that queue and are served, without end: those in service.
    """
    assert perf_run.model.pending_error < "10%"
    assert perf_run.model.capacity > "0.55/s"
    assert perf_run.pending.drains
    assert perf_run.pending.wait.share_below("0.5s") >= "95%"


@pytest.mark.perfqa(services=["node_replicated"])
def test_node_replicated_endurance_yields_zero_5xx(perf_run):
    """The study: no 5xx with three replicas."""
    assert perf_run.status["5xx"] == 0
    assert perf_run.status[200] == perf_run.launched
    assert not perf_run.pending.grows


@pytest.mark.perfqa(services=["node_replicated"])
def test_node_replicated_answers_in_the_service_time(perf_run):
    """The study: p95 5,009 ms, the time of the busy loop: three of them share the CPU.

    Its p95 is that of the 60 requests at hand, and so is this; what a p95 of 60 says of others is
    decided by the slowest of them, and here the machine's hiccups don't follow the scale.
    """
    assert perf_run.latency.min > "4.95s"
    assert perf_run.latency.share_below("5.5s") >= "95%"


@pytest.mark.perfqa(services=["node_replicated"])
def test_node_replicated_shares_the_load_evenly(perf_run):
    """The study: "durante todo el experimento la carga se dividió de forma pareja".

    Two of its containers were seen on its charts after a minute only; in turns, none comes late.
    """
    assert len(perf_run.replicas) == 3
    for replica in perf_run.replicas:
        assert "28.3%" < perf_run.replicas[replica] < "38.3%"
