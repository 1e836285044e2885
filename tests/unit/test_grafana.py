"""The dashboards in docs/grafana, asked of real Graphite and real Prometheus."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from demo_report import records
from synthetic import run, samples

from pytest_perfqa.load.driver.generator import Progress
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.monitor.readings import Metric, Readings
from pytest_perfqa.monitor.readings import ReadingSeries as Reading
from pytest_perfqa.report.export import openmetrics
from pytest_perfqa.report.export.graphite import GraphiteExport, GraphiteServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DASHBOARDS = Path(__file__).parents[2] / "docs" / "grafana"
LIMIT = 30.0
CHARTS = ["Load", "Latency", "Status codes and errors", "CPU", "Memory"]
CARBON = """
[cache]
STORAGE_DIR = {folder}/storage
LOCAL_DATA_DIR = {folder}/storage/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {line}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
"""
SCHEMAS = """
[perfqa]
pattern = ^perfqa\\.
retentions = 1s:1h
"""
SETTINGS = """
SECRET_KEY = "only for this test"
ALLOWED_HOSTS = ["*"]
STORAGE_DIR = {folder!r} + "/storage"
WHISPER_DIR = STORAGE_DIR + "/whisper"
INDEX_FILE = STORAGE_DIR + "/index"
CONF_DIR = LOG_DIR = {folder!r}
CARBONLINK_HOSTS = []
TIME_ZONE = "UTC"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": STORAGE_DIR + "/db"}}}}
"""
GRAPHITE_WEB = """
import sys
from wsgiref.simple_server import make_server
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, run_syncdb=True)
from graphite.wsgi import application
make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
"""


def dashboard(name: str) -> dict[str, Any]:
    """Read a dashboard."""
    found: dict[str, Any] = json.loads((DASHBOARDS / f"{name}.json").read_text())
    return found


def free_ports(number: int) -> list[int]:
    """Give ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def eventually(ask: Callable[[], Any]) -> Any:
    """Ask until there is an answer that is not empty."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            if answer := ask():
                return answer
        except OSError:
            pass
        assert time.monotonic() < deadline, "no answer came"
        time.sleep(0.1)


def eventually_holds(check: Callable[[], None]) -> None:
    """Check until nothing is wrong; what is still wrong at the limit is raised."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            return check()
        except (AssertionError, LookupError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def fetched(url: str, **query: object) -> Any:
    """Give the JSON document at an address."""
    address = f"{url}?{urllib.parse.urlencode(query, doseq=True)}"
    with urllib.request.urlopen(address, timeout=LIMIT) as answer:  # noqa: S310
        return json.load(answer)


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("name", ["graphite", "prometheus"])
def test_dashboards_have_the_charts_of_the_study(name: str) -> None:
    """Load, latency, codes and errors, CPU and memory, on one time axis."""
    found = dashboard(name)
    assert [panel["title"] for panel in found["panels"]] == CHARTS
    for panel in found["panels"]:
        assert panel["targets"]
        assert panel["datasource"] == {"type": name, "uid": "${datasource}"}


def result(start: datetime) -> Any:
    """Give a run of a minute with errors, and with readings of two parts."""
    due = np.arange(600) / 10
    recorded = samples(
        due,
        0.2,
        status=np.where(due < 50, 200, 503),
        outcome=np.where(np.arange(600) % 100 == 7, Outcome.RESET, Outcome.ANSWERED),
    )
    made = run(recorded, service="node")
    made.started_at = start
    times = np.arange(-1.0, 62.0)
    series = {
        Metric.CPU: Reading(times, 0.5 * np.arange(len(times))),
        Metric.MEMORY: Reading(times, np.full(len(times), 5e7)),
    }
    context = replace(made._context, readings=Readings({"app#1": series, "proxy": series}))
    made._context = context
    return made


@pytest.fixture
def graphite(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Real carbon and graphite-web on loopback: the port for lines, and the address of the web."""
    carbon = shutil.which("carbon-cache")
    python = "/usr/bin/python3"
    if (
        carbon is None
        or subprocess.run(
            [python, "-c", "import graphite, django"], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("needs apt-get install graphite-carbon graphite-web")
    line, pickle, query, web = free_ports(4)
    (tmp_path / "storage" / "whisper").mkdir(parents=True)
    (tmp_path / "carbon.conf").write_text(
        CARBON.format(folder=tmp_path, line=line, pickle=pickle, query=query)
    )
    (tmp_path / "storage-schemas.conf").write_text(SCHEMAS)
    (tmp_path / "perfqa_settings.py").write_text(SETTINGS.format(folder=str(tmp_path)))
    (tmp_path / "web.py").write_text(GRAPHITE_WEB)
    environment = {
        "PYTHONPATH": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "graphite.settings",
        "GRAPHITE_SETTINGS_MODULE": "perfqa_settings",
    }
    options = (f"config={tmp_path}/carbon.conf", f"pidfile={tmp_path}/pid", f"logdir={tmp_path}")
    options = (*options, "nodaemon")
    commands = (
        [carbon, *(f"--{name}" for name in options), "start"],
        [python, str(tmp_path / "web.py"), str(web)],
    )
    with (tmp_path / "out.txt").open("w") as log:
        running = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
            for command in commands
        ]
        try:
            eventually(lambda: is_open(line) and is_open(web))
            yield line, f"http://127.0.0.1:{web}"
        finally:
            for process in running:
                process.kill()
                process.wait()


@pytest.mark.equipped
def test_graphite_answers_every_query(graphite: tuple[int, str]) -> None:
    """Each panel of the dashboard has the curves of a run that was exported; sums are the run's."""
    port, web = graphite
    start = datetime.now(UTC) - timedelta(minutes=5)
    export = GraphiteExport(GraphiteServer("127.0.0.1", port))
    exported = result(start)
    export.begin("node", exported.definition)
    export.end(exported)
    export.close()
    assert export.notes == ()
    # Carbon takes its time to write what it has received.
    eventually_holds(lambda: check_curves(curves(web, start)))
    services = fetched(f"{web}/metrics/find", query="perfqa.*", format="json")
    assert [one["path"] for one in services] == ["perfqa.node"]


@pytest.mark.equipped
def test_graphite_draws_a_run_while_it_goes(
    graphite: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load, latency, status codes and errors, from what is told every second."""
    port, web = graphite
    start = datetime.now(UTC) - timedelta(minutes=5)
    export = GraphiteExport(GraphiteServer("127.0.0.1", port))
    export.begin("node", result(start).definition)
    for second in range(1, 31):
        moment = start.timestamp() + second
        monkeypatch.setattr(
            "pytest_perfqa.report.export.graphite.time.time", lambda now=moment: now
        )
        bad = max(second - 20, 0)
        status = {"200": 9 * second - 2 * bad} | ({"503": 2 * bad} if bad else {})
        export.progress(
            Progress(second, 10 * second, 4, 9 * second, second, 0.2, status, {"no ports": second})
        )
    monkeypatch.undo()
    export.close()
    assert export.notes == ()

    def check() -> None:
        found = curves(web, start)
        load, statuses = found["Load"], found["Status codes and errors"]
        assert {name: set(values) for name, values in load.items()} == {
            "node.launched": {10.0},
            "node.completed": {9.0},
            "node.failed": {1.0},
            "node.pending": {4.0},
        }
        assert {name: (sum(values), len(values)) for name, values in statuses.items()} == {
            "node.200": (250, 30),
            "node.503": (20, 10),
            "node.no_ports": (30, 30),
        }
        assert set(found["Latency"]["node.latency.p95"]) == {0.2}

    # Carbon takes its time to write what it has received.
    eventually_holds(check)


def curves(web: str, start: datetime) -> dict[str, dict[str, list[float]]]:
    """Ask graphite-web for all panels of the dashboard: values by curve."""
    chosen = {"$prefix": "perfqa", "$service": "*", "$scenario": "steady"}
    begin = int(start.timestamp())
    found: dict[str, dict[str, list[float]]] = {}
    for panel in dashboard("graphite")["panels"]:
        drawn = found.setdefault(panel["title"], {})
        for target in panel["targets"]:
            asked = target["target"]
            for name, value in chosen.items():
                asked = asked.replace(name, value)
            span = {"from": begin - 5, "until": begin + 100}
            for curve in fetched(f"{web}/render", target=asked, format="json", **span):
                drawn[curve["target"]] = [y for y, _ in curve["datapoints"] if y is not None]
    return found


def check_curves(found: dict[str, dict[str, list[float]]]) -> None:
    """Hold what Graphite draws to the run that was exported."""
    load, statuses = found["Load"], found["Status codes and errors"]
    counts = ("launched", "completed", "failed", "pending")
    assert set(load) == {f"node.{name}" for name in counts}
    assert sum(load["node.launched"]) == 600
    assert {name: sum(values) for name, values in statuses.items()} == {
        "node.200": 495,
        "node.503": 99,
        "node.reset": 6,
    }
    assert found["Latency"]["node.latency.p95"][3] == pytest.approx(0.2)
    assert found["Latency"]["node.response.p95"][3] == pytest.approx(0.2)
    assert set(found["CPU"]) == set(found["Memory"]) == {"node.app_1", "node.proxy"}
    assert found["CPU"]["node.proxy"][5] == pytest.approx(0.5)
    assert found["Memory"]["node.app_1"][5] == pytest.approx(5e7)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[tuple[datetime, str]]:
    """Real Prometheus with the demonstration's runs; when the first began, and its address."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("needs apt-get install prometheus")
    start = datetime.now(UTC) - timedelta(minutes=60)
    made = [
        replace(record, measured=replace(record.measured, started_at=moment.isoformat()))
        for number, record in enumerate(records()[:3])
        if record.measured
        for moment in [start + timedelta(minutes=15 * number)]
    ]
    (tmp_path / "metrics.txt").write_text(openmetrics.exposition(made))
    (tmp_path / "prometheus.yml").write_text("")
    data = tmp_path / "data"
    tool = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*tool, tmp_path / "metrics.txt", data], check=True, capture_output=True)
    (port,) = free_ports(1)
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml"]
    command += [f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}"]
    with (tmp_path / "out.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            ready = f"{url}/-/ready"
            eventually(lambda: urllib.request.urlopen(ready, timeout=5).status == 200)  # noqa: S310
            yield start, url
        finally:
            process.kill()
            process.wait()


@pytest.mark.equipped
def test_prometheus_answers_every_query(prometheus: tuple[datetime, str]) -> None:
    """Each panel of the dashboard has curves of every configuration that was exported."""
    start, url = prometheus
    chosen = {"$service": ".*", "$scenario": "spike_heavy", "$__rate_interval": "4s"}
    begin = start.timestamp()
    drawn: dict[str, list[dict[str, Any]]] = {}
    for panel in dashboard("prometheus")["panels"]:
        for target in panel["targets"]:
            asked = target["expr"]
            for name, value in chosen.items():
                asked = asked.replace(name, value)
            window = {"start": begin, "end": begin + 3600, "step": 1}
            answer = fetched(f"{url}/api/v1/query_range", query=asked, **window)
            assert answer["status"] == "success"
            drawn.setdefault(panel["title"], []).append(answer["data"]["result"])
    names = {"node", "gunicorn", "node_replicated"}
    for title, targets in drawn.items():
        for curves in targets:
            assert curves, title
        assert {curve["metric"]["service"] for curve in targets[0]} == names, title
    (launched,) = [c for c in drawn["Load"][0] if c["metric"]["service"] == "node"]
    plateau = [float(y) for x, y in launched["values"] if begin + 100 < x < begin + 340]
    assert np.mean(plateau) == pytest.approx(4.2, rel=0.02)
    codes = {curve["metric"]["code"] for curve in drawn["Status codes and errors"][0]}
    assert {"200", "504"} <= codes
    labels = fetched(f"{url}/api/v1/label/service/values")
    assert set(labels["data"]) == names
