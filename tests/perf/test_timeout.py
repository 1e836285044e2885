"""Exploratory /timeout: answers after 5 s of sleep, under 5 to 50 requests per second.

Times and rates are the study's; a text such as "5s" follows --perfqa-time-scale.
"""

import pytest

pytestmark = [
    pytest.mark.exploratory,
    pytest.mark.perfqa(scenario="exploratory_timeout.yaml"),
]

ASYNCHRONOUS = ["node", "node_replicated"]


@pytest.mark.perfqa(services=["node", "gunicorn", "node_replicated"])
def test_every_arrival_is_accounted_for(perf_run):
    """3,675 arrivals: 5 to 15, 15, 15 to 50, 50, 28 to 2 rps, 30 s each."""
    assert perf_run.launched == 3675
    assert perf_run.completed + perf_run.failed + perf_run.pending.at_end == perf_run.launched
    assert perf_run.pending.at_end == 0


@pytest.mark.perfqa(services=ASYNCHRONOUS)
def test_node_timeout_answers_everything_in_the_service_time(perf_run):
    """The study: about 5 s each while unsaturated, typical of an asynchronous server.

    Beyond, the study saw 500s: an artefact of its machine, perhaps of its nginx, where each request
    takes two of its connections. Node's timers count whole milliseconds, so may be early by one.
    """
    assert perf_run.status["5xx"] == 0
    assert perf_run.status[200] == perf_run.launched
    assert perf_run.errors.total == 0
    assert perf_run.latency.min > "4.95s"
    assert perf_run.phase("plateau light").latency.p95 < "5.5s"
    assert not perf_run.phase("plateau light").drift("latency")


@pytest.mark.perfqa(services=ASYNCHRONOUS)
def test_node_timeout_stays_as_fast_as_load_grows(perf_run):
    """The study's conclusion: the response time of an asynchronous server does not follow load.

    3.3 times the rate, and the same median within 5 %.
    """
    light, steep = perf_run.phase("plateau light"), perf_run.phase("plateau steep")
    assert steep.throughput.offered > 3 * light.throughput.offered
    assert steep.latency.p50 < 1.05 * light.latency.p50


@pytest.mark.perfqa(services=ASYNCHRONOUS)
def test_node_timeout_does_not_queue(perf_run):
    """What is pending is rate x service time, as Little's law has it: 50 rps x 5 s = 250.

    On average over the plateau, once the first of its requests are answered: a machine that stands
    still for 30 ms at scale 0.03 has 50 more in flight for that moment.
    """
    assert not perf_run.pending.grows
    little = 50 * 5
    assert perf_run.pending.max >= little
    assert 0.98 * little <= perf_run.between("96s", "120s").pending.mean <= 1.1 * little


@pytest.mark.perfqa(services=ASYNCHRONOUS)
def test_node_timeout_is_no_queue(perf_run):
    """Without a limit of requests at once, each takes its 5 s."""
    assert perf_run.model.pending_error < "10%"
    assert perf_run.model.p95_error < "10%"
    assert perf_run.model.expected_timeouts() == 0


@pytest.mark.perfqa(services=["gunicorn"])
def test_gunicorn_timeout_queues(perf_run):
    """The study: everything is pending from the start, typical of a synchronous server.

    In the 30 s of the first ramp one worker is done with 6. It never does more than 1 in 5 s.
    """
    assert perf_run.pending.grows
    assert perf_run.throughput.max <= "0.25/s"
    start = perf_run.phase("ramp warm-up")
    assert start.pending.now >= start.launched - 6


@pytest.mark.perfqa(services=["gunicorn"])
def test_gunicorn_timeout_uses_next_to_no_cpu(perf_run):
    """The study: its CPU is about nil, since its worker sleeps; less than its proxy needs."""
    app, proxy = perf_run.resources["app"], perf_run.resources["proxy"]
    assert app.cpu.mean < "5%"
    assert app.cpu_seconds < proxy.cpu_seconds


@pytest.mark.perfqa(services=ASYNCHRONOUS)
def test_node_timeout_uses_cpu_and_a_connection_per_request(perf_run):
    """The study: Node uses more CPU, and Python more memory.

    Here Node uses more of both: 250 requests sleep in it at once, gunicorn's wait in the kernel's
    queue. The CPU is that of 3,675 answers, at every time scale, where gunicorn gives 12.
    """
    app = perf_run.resources["app"]
    assert app.cpu_seconds > 0.2
    assert app.open_files.max > 200


@pytest.mark.perfqa(services=["gunicorn"])
def test_gunicorn_timeout_answers_with_504(perf_run):
    """The study: about 35 of 3,000 succeed, the rest is 500 or 504, after 45 s on average.

    One worker does 1 in 5 s, so 12 within the proxy's 60 s (11 if each takes 4 % longer); then all
    that it works on has been given up. Those get a 504 after 60 s. The proxy's connections are
    enough for 512: the rest is turned away at once, with nothing here, with a 500 in the study,
    whose mean is one of both.
    """
    assert 11 <= perf_run.status[200] <= 12
    assert perf_run.status["5xx"] == perf_run.status[504]
    assert perf_run.status[200] + perf_run.status[504] + perf_run.errors.total == 3675
    assert 508 <= perf_run.between("100s", "119s").pending.mean <= 516
    assert "59s" < perf_run.latency.p50 < "62s"
    assert "59s" < perf_run.latency.p95 < "62s"
