"""The process backend, on real processes: start, watch, disturb, stop, and leave nothing."""

from __future__ import annotations

import collections
import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import carrying
from waiting import wait_for

from pytest_perfqa.errors import ConfigurationError, PrerequisiteMissing, ServiceError
from pytest_perfqa.machine import children, reaper
from pytest_perfqa.service import external
from pytest_perfqa.service.config import Command, Limits, Nginx, Ready, ServiceConfig
from pytest_perfqa.service.process import programs
from pytest_perfqa.service.process import service as process
from pytest_perfqa.service.service_file import read_service
from pytest_perfqa.service.shared import affinity, ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_perfqa.service.backend import Service

    Starter = Callable[[ServiceConfig], Service]

SERVICES = Path(__file__).parents[2] / "services"

# One request at a time: /sleep keeps the next one waiting, as a busy replica does.
SERVER = """
import http.server, json, os, signal, subprocess, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/sleep/"):
            time.sleep(float(self.path.rpartition("/")[2]))
        facts = {"env": dict(os.environ), "cpus": sorted(os.sched_getaffinity(0))}
        body = json.dumps(facts).encode()
        self.send_response(503 if self.path == "/never" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

if "polite" in sys.argv:
    def leave(*_):
        print("bye")
        sys.exit()
    signal.signal(signal.SIGTERM, leave)
if "stubborn" in sys.argv:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    subprocess.Popen([sys.executable, "-c", code])
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("listening on", sys.argv[1])
server.serve_forever()
"""
TEMPLATE = """
upstream app { ${UPSTREAM_SERVERS} }
server {
    listen ${LISTEN};
    add_header X-Upstream $upstream_addr always;
    location / { proxy_pass http://app; proxy_read_timeout ${PROXY_TIMEOUT_MS}ms; }
}
"""
READ_TIMEOUT = "proxy_read_timeout ${PROXY_TIMEOUT_MS}ms;"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start services that are stopped after the test."""
    started: list[Service] = []

    def starter(config: ServiceConfig) -> Service:
        started.append(process.start_processes(config, tmp_path / f"run{len(started)}"))
        return started[-1]

    yield starter
    for service in started:
        service.stop()


def single(folder: Path, arguments: str = "", **changes: Any) -> ServiceConfig:
    """Make a configuration of one Python server."""
    (folder / "server.py").write_text(SERVER)
    app = Command("app", f"python server.py {{port}} {arguments}")
    config = ServiceConfig(
        "single", folder, folder / "service.yaml", sections={"process": {"app": app}}
    )
    return dataclasses.replace(config, **changes)


def replicated(folder: Path) -> ServiceConfig:
    """Make a configuration of three Python servers behind nginx."""
    (folder / "server.py").write_text(SERVER)
    (folder / "nginx.tmpl").write_text(TEMPLATE)
    parts: dict[str, Command | Nginx] = {
        "app": Command("app", "python server.py {port}", replicas=3),
        "proxy": Nginx("proxy", folder / "nginx.tmpl", "app"),
    }
    return ServiceConfig(
        "replicated",
        folder,
        folder / "service.yaml",
        endpoint="proxy",
        env={"PROXY_TIMEOUT_SECONDS": "20", "PROXY_FAIL_TIMEOUT_SECONDS": "1"},
        replica_header="X-Upstream",
        sections={"process": parts},
    )


def skip_without(config: ServiceConfig) -> ServiceConfig:
    """Give the configuration, or skip the test if its programs aren't installed."""
    try:
        programs.check_programs(config)
    except PrerequisiteMissing as error:
        pytest.skip(str(error))
    return config


def ask(service: Service, path: str = "/", timeout: float = 10) -> Any:
    """Give what a Python server says about itself."""
    with urllib.request.urlopen(service.url + path, timeout=timeout) as answer:  # noqa: S310
        return json.load(answer)


def shares(service: Service, path: str, count: int) -> collections.Counter[str]:
    """Count which part answered."""
    found: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        with urllib.request.urlopen(service.url + path, timeout=10) as answer:  # noqa: S310
            found[service.replicas[answer.headers["X-Upstream"]]] += 1
    return found


def is_open(port: int) -> bool:
    """Tell whether something accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def keep_busy(port: int, seconds: float) -> None:
    """Send a request that occupies a server for a while, and give it up at once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.05)
    try:
        connection.request("GET", f"/sleep/{seconds}")
        connection.getresponse()
    except TimeoutError:
        pass
    else:
        pytest.fail("the server didn't sleep")
    finally:
        connection.close()


# The study's own services ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["node", "gunicorn", "node_replicated"])
def test_the_studys_services_answer_and_follow_the_time_scale(name: str, start: Starter) -> None:
    """At a fiftieth, /heavy and /timeout take 0.1 s each, and round robin is even."""
    service = start(skip_without(read_service(SERVICES / name)).scaled(0.02))
    for path in ("/heavy", "/timeout"):
        begin = time.monotonic()
        found = shares(service, path, 3)
        assert 0.3 <= time.monotonic() - begin < 5
        assert set(found.values()) == ({1} if name == "node_replicated" else {3})


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HEAVY_SECONDS", "much", "not a number of seconds"),
        ("TIMEOUT_SECONDS", "-1", "not a number of seconds"),
        ("PORT", "70000", "is not a port"),
    ],
)
@pytest.mark.parametrize("name", ["node", "gunicorn"])
def test_the_studys_applications_check_their_environment(
    name: str, variable: str, value: str, message: str
) -> None:
    """A bad value ends them with code 1 and says what is accepted."""
    config = skip_without(read_service(SERVICES / name))
    argv = programs.command_line(config.commands[0].command, config.folder)
    env = {**os.environ, variable: value}
    done = subprocess.run(
        argv, cwd=config.folder, env=env, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert variable in done.stderr


# Start -------------------------------------------------------------------------------------


def test_three_replicas_share_evenly_from_the_start(tmp_path: Path, start: Starter) -> None:
    """Probing left round robin where it began: at the first."""
    service = start(skip_without(replicated(tmp_path)))
    for name in ("app#1", "app#2", "app#3"):
        assert shares(service, "/", 1) == {name: 1}
    assert list(service.parts) == ["app#1", "app#2", "app#3", "proxy"]
    assert shares(service, "/", 30) == {"app#1": 10, "app#2": 10, "app#3": 10}


def test_environment_reaches_commands_and_templates(tmp_path: Path, start: Starter) -> None:
    """Scaled durations, what is derived of them, and the replica's port."""
    config = skip_without(replicated(tmp_path)).scaled(0.1)
    app = Command("app", "python server.py {port}", {"MY_PORT": "{port}", "NAP_SECONDS": "0.2"})
    config = dataclasses.replace(config, sections={"process": {**config.process, "app": app}})
    service = start(config)
    env = ask(service)["env"]
    assert env["PROXY_TIMEOUT_SECONDS"] == "2"
    assert env["PROXY_TIMEOUT_MS"] == "2000"
    assert env["NAP_MS"] == "200"
    assert env["MY_PORT"] == str(service.parts["app"].port)
    server = (service.parts["proxy"].log.parent / "proxy" / "server.conf").read_text()
    assert "proxy_read_timeout 2000ms;" in server
    assert f"server 127.0.0.1:{env['MY_PORT']} max_fails=1 fail_timeout=1s;" in server


def test_the_proxys_own_patience_follows_the_time_scale(tmp_path: Path, start: Starter) -> None:
    """Its template names no time: at a hundredth, nginx's 60 s are 0.6 s."""
    config = skip_without(replicated(tmp_path))
    (tmp_path / "nginx.tmpl").write_text(TEMPLATE.replace(READ_TIMEOUT, ""))
    service = start(dataclasses.replace(config, env={}).scaled(0.01))
    started = time.monotonic()
    with pytest.raises(urllib.error.HTTPError, match="504"):
        ask(service, "/sleep/8")
    # Two replicas, at most, have been asked when the third's time is up.
    assert 0.5 < time.monotonic() - started < 3 * 0.6 + 3


@pytest.mark.parametrize("ready", [Ready(tcp=True), Ready(log=r"listening on \d+")])
def test_other_notions_of_ready(tmp_path: Path, start: Starter, ready: Ready) -> None:
    """A port that accepts, or a line in the log."""
    service = start(single(tmp_path, ready=ready))
    assert ask(service)["env"]
    service.restart()
    assert ask(service)["env"]


def test_a_child_that_dies_while_starting_shows_its_log(tmp_path: Path) -> None:
    """The message has its ending, its command line and its last words."""
    code = "print('last words'); raise SystemExit(7)"
    config = single(tmp_path, sections={"process": {"app": Command("app", f'python -c "{code}"')}})
    with pytest.raises(ServiceError) as caught:
        process.start_processes(config, tmp_path / "run")
    message = str(caught.value)
    assert "app exited with code 7" in message
    assert "SystemExit(7)" in message
    assert "    last words" in message


def test_a_server_that_is_told_no_port_is_not_reached(tmp_path: Path) -> None:
    """It may well run, on a port of its own: the message says what to write."""
    silent = Command("app", 'python -c "import time; time.sleep(60)"')
    ready = Ready(path="/", within=0.5)
    with pytest.raises(ServiceError, match=r"expected on port \d+, .* write \{port\} into"):
        process.start_processes(
            single(tmp_path, ready=ready, sections={"process": {"app": silent}}), tmp_path / "run"
        )
    told = dataclasses.replace(silent, env={"PORT": "{port}"})
    with pytest.raises(ServiceError) as caught:
        process.start_processes(
            single(tmp_path, ready=ready, sections={"process": {"app": told}}), tmp_path / "run"
        )
    assert "{port}" not in str(caught.value)


def test_one_that_never_becomes_ready_is_stopped(tmp_path: Path) -> None:
    """The message has the last probe and the logs; nothing is left running."""
    config = single(tmp_path, ready=Ready(path="/never", within=1.0))
    with pytest.raises(ServiceError) as caught:
        process.start_processes(config, tmp_path / "run")
    message = str(caught.value)
    assert "not ready within 1 s" in message
    assert f"ready: {{path: /health, within: 60s}} in {tmp_path}" in message
    assert "GET /never: 503" in message
    assert "listening on" in message
    port = int(message.rpartition("listening on ")[2].split()[0])
    assert not is_open(port)


def test_a_taken_port_is_exchanged(
    tmp_path: Path, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone who takes the port between choice and use costs one more attempt."""
    with socket.create_server(("127.0.0.1", ports.take())) as squatter:
        taken = squatter.getsockname()[1]
        choices = iter([taken])
        free = ports.take
        monkeypatch.setattr(ports, "take", lambda: next(choices, None) or free())
        service = start(single(tmp_path, ready=Ready(log="listening")))
        assert service.parts["app"].port != taken
        assert ask(service)["env"]


def test_ports_are_not_ephemeral_and_not_given_twice() -> None:
    """Outgoing connections of the generator can't take them."""
    given = [ports.take() for _ in range(50)]
    first, last = map(
        int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    )
    assert len(set(given)) == 50
    if not (first <= 20_000 and last >= 32_000):
        assert not [port for port in given if first <= port <= last]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU can't be divided")
def test_the_service_is_bound_to_its_cpus(tmp_path: Path, start: Starter) -> None:
    """One CPU for the service, the others for the generator, and pytest's own unchanged."""
    before = os.sched_getaffinity(0)
    limits = Limits(cpus=1, memory=10**9)
    service = start(single(tmp_path, limits=limits))
    last = max(before)
    assert ask(service)["cpus"] == [last]
    assert os.sched_getaffinity(0) == before
    assert affinity.spare_cpus(limits) == before - {last}
    assert service.limits_note == f"1 CPU (affinity to CPU {last}); memory limit not enforced"


@pytest.mark.parametrize("cpus", [0.5, 4096])
def test_limits_that_affinity_cannot_express_are_said(cpus: float) -> None:
    """No silent promise: the note says why, and all CPUs remain for the generator."""
    limits = Limits(cpus=cpus)
    assert "not enforced: " in affinity.limits_note(limits)
    assert affinity.spare_cpus(limits) == os.sched_getaffinity(0)


# Missing programs --------------------------------------------------------------------------


def test_a_program_beside_the_interpreter_needs_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment's pytest is often called without activating it."""
    program = tmp_path / "bin" / "shop-server"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program.parent / "python"))
    argv = programs.command_line("shop-server --quick", tmp_path)
    assert argv == [str(program), "--quick"]


def test_a_missing_program_and_module_are_named_together(tmp_path: Path) -> None:
    """Everything that is missing comes at once, before anything starts."""
    parts = {
        "one": Command("one", "no-such-program --port {port}"),
        "two": Command("two", "python -m no_such_module"),
    }
    with pytest.raises(PrerequisiteMissing) as caught:
        process.start_processes(
            single(tmp_path, endpoint="one", sections={"process": parts}), tmp_path / "run"
        )
    assert "'no-such-program' is missing" in str(caught.value)
    assert "pip install no_such_module" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_missing_embedded_program_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the wheel and without one on the PATH, the message says what to install."""
    monkeypatch.setattr(programs, "_in_package", lambda *_: None)
    monkeypatch.setattr(programs, "_on_path", lambda *_: None)
    config = single(tmp_path, sections={"process": {"app": Command("app", "node server.js")}})
    with pytest.raises(PrerequisiteMissing, match=r"'pytest-perfqa\[embedded\]'"):
        programs.check_programs(config)


def test_missing_node_packages_name_the_command(tmp_path: Path) -> None:
    """A package.json with dependencies needs its node_modules."""
    (tmp_path / "package.json").write_text('{"dependencies": {"express": "5"}}')
    config = single(tmp_path, sections={"process": {"app": Command("app", "node server.js")}})
    if "'node' is missing" in (message := _missing(config)):
        pytest.skip("node isn't installed")
    assert "npm ci --prefix" in message
    (tmp_path / "node_modules").mkdir()
    assert _missing(config) == ""


def _missing(config: ServiceConfig) -> str:
    try:
        programs.check_programs(config)
    except PrerequisiteMissing as error:
        return str(error)
    return ""


def test_a_service_without_processes_is_refused(tmp_path: Path) -> None:
    """Each backend needs its own part of the file."""
    with pytest.raises(ConfigurationError, match="no process backend"):
        process.start_processes(ServiceConfig("x", tmp_path, tmp_path), tmp_path / "run")


# Disturbing --------------------------------------------------------------------------------


def test_kill_and_restart(tmp_path: Path, start: Starter) -> None:
    """A killed part isn't an accident; a restart brings it back on the same port."""
    service = start(single(tmp_path))
    part = service.parts["app"]
    pid, port = part.pid, part.port
    service.kill("app")
    assert not part.alive
    assert not is_open(port)
    service.check()
    service.restart("app")
    assert part.alive
    assert part.pid != pid
    assert part.port == port
    assert ask(service)["env"]


def test_an_accidental_death_is_noticed(tmp_path: Path, start: Starter) -> None:
    """``check`` tells the signal and the log."""
    service = start(single(tmp_path))
    os.kill(service.parts["app"].pid, signal.SIGKILL)
    wait_for(lambda: not service.parts["app"].alive)
    with pytest.raises(ServiceError, match=r"app was killed by SIGKILL[\s\S]*listening on"):
        service.check()


def test_pause_and_resume(tmp_path: Path, start: Starter) -> None:
    """A paused part accepts and doesn't answer, until it goes on."""
    service = start(single(tmp_path))
    service.pause("app")
    assert service.parts["app"].alive
    assert is_open(service.parts["app"].port)
    with pytest.raises(TimeoutError):
        ask(service, timeout=0.2)
    service.resume("app")
    assert ask(service)["env"]


def test_a_paused_part_can_be_restarted(tmp_path: Path, start: Starter) -> None:
    """SIGTERM reaches it nevertheless: it can still leave by itself."""
    service = start(single(tmp_path, "polite"))
    service.pause("app")
    service.restart("app")
    assert "bye" in service.logs("app")
    assert ask(service)["env"]


def test_a_part_with_replicas_is_named_as_a_whole(tmp_path: Path, start: Starter) -> None:
    """``app`` means all of ``app#1`` to ``app#3``; an unknown name is refused with a hint."""
    service = start(skip_without(replicated(tmp_path)))
    service.kill("app#2")
    assert [part.alive for part in service.parts.values()] == [True, False, True, True]
    service.kill("app")
    assert [part.alive for part in service.parts.values()] == [False, False, False, True]
    with pytest.raises(ServiceError, match=r"no part 'prox'.*did you mean 'proxy'"):
        service.kill("prox")


def test_logs(tmp_path: Path, start: Starter) -> None:
    """Of one part as they are, of all with headings."""
    service = start(skip_without(replicated(tmp_path)))
    port = service.parts["app#3"].port
    assert service.logs("app#3").startswith(f"listening on {port}\n")
    assert f"--- app#3\nlistening on {port}\n" in service.logs()


# Settling ----------------------------------------------------------------------------------


def test_settle_waits_for_what_clients_gave_up(tmp_path: Path, start: Starter) -> None:
    """The server still works on an abandoned request: it isn't drained before."""
    service = start(single(tmp_path))
    begin = time.monotonic()
    keep_busy(service.parts["app"].port, 0.6)
    assert service.settle(10) is None
    assert time.monotonic() - begin >= 0.6
    pid = service.parts["app"].pid
    assert service.settle(10) is None
    assert service.parts["app"].pid == pid


def test_settle_restarts_what_does_not_drain(tmp_path: Path, start: Starter) -> None:
    """After the limit the service is started afresh, and that is said."""
    service = start(single(tmp_path))
    pid = service.parts["app"].pid
    keep_busy(service.parts["app"].port, 30)
    note = service.settle(0.3)
    assert note == "service single had not drained after 0.3 s and was restarted"
    assert service.parts["app"].pid != pid
    assert ask(service)["env"]


def test_settle_finds_the_one_busy_replica(tmp_path: Path, start: Starter) -> None:
    """Two idle replicas don't make it drained, even where the proxy hides the third."""
    config = skip_without(replicated(tmp_path))
    env = {**config.env, "PROXY_TIMEOUT_SECONDS": "0.2", "PROXY_FAIL_TIMEOUT_SECONDS": "9"}
    service = start(dataclasses.replace(config, env=env, replica_header=None))
    busy = service.parts["app#1"].port
    begin = time.monotonic()
    keep_busy(busy, 0.8)
    assert service.settle(10) is None
    assert time.monotonic() - begin >= 0.8
    with urllib.request.urlopen(f"http://127.0.0.1:{busy}/", timeout=10) as answer:
        assert answer.status == 200


def test_settle_waits_until_the_proxy_uses_all_replicas(tmp_path: Path, start: Starter) -> None:
    """One that came back after a crash is left out by nginx for a while."""
    service = start(skip_without(replicated(tmp_path)))
    service.kill("app#2")
    for _ in range(3):
        ask(service)
    service.restart("app#2")
    assert service.settle(10) is None
    assert shares(service, "/", 6) == {"app#1": 2, "app#2": 2, "app#3": 2}


def test_settle_revives_a_killed_replica(tmp_path: Path, start: Starter) -> None:
    """After a fault all replicas take part again before the next run."""
    service = start(skip_without(replicated(tmp_path)))
    service.kill("app#2")
    assert service.settle(0.3) is not None
    assert shares(service, "/", 6) == {"app#1": 2, "app#2": 2, "app#3": 2}


# Stop --------------------------------------------------------------------------------------


def test_stop_leaves_no_process_and_no_port(tmp_path: Path, start: Starter) -> None:
    """Not even a grandchild that ignores SIGTERM, nor a paused part; twice does no harm."""
    service = start(single(tmp_path, "stubborn"))
    part = service.parts["app"]
    members = reaper.live_members(part.pid)
    assert len(members) == 2
    service.pause("app")
    service.stop()
    assert not [pid for pid in members if _is_alive(pid)]
    assert not is_open(part.port)
    service.stop()
    with pytest.raises(ServiceError, match="has been stopped"):
        service.restart("app")


def _is_alive(pid: int) -> bool:
    status = reaper.status(pid)
    return status is not None and status.is_live


DRIVER = """
import json, os, sys, tempfile, time
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
import test_process_backend as tests
from pytest_perfqa.service.process import service as process
from pytest_perfqa.machine.children import Reaper

folder = Path(sys.argv[2])
reaper = Reaper()
tempfile.tempdir = str(folder)
reaper.folder()
service = process.start_processes(tests.single(folder, "stubborn"), folder / "run", reaper=reaper)
if os.fork() == 0:  # as multiprocessing does; it holds the reaper's pipe open
    time.sleep(20)
    os._exit(0)
print(json.dumps([service.parts["app"].pid, service.parts["app"].port]), flush=True)
time.sleep(20)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_pytest(tmp_path: Path, number: signal.Signals) -> None:
    """Even kill -9 of the Python that started a service ends all of it, and its folder."""
    here = Path(__file__).parent
    argv = [sys.executable, "-c", DRIVER, f"{here}:{here.parent}", str(tmp_path)]
    driver = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert driver.stdout is not None
        leader, port = json.loads(driver.stdout.readline())
        members = reaper.live_members(leader)
        assert len(members) == 2
        assert is_open(port)
        assert list(tmp_path.glob("perfqa-*"))
        os.kill(driver.pid, number)
        wait_for(lambda: not [pid for pid in members if _is_alive(pid)])
        assert not is_open(port)
        wait_for(lambda: not list(tmp_path.glob("perfqa-*")))
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()


STARTER = """
import os, subprocess, sys
from pathlib import Path
from pytest_perfqa.machine import children

class Cut(subprocess.Popen):
    def __init__(self, argv, **options):
        super().__init__(argv, **options)
        if "-I" not in argv:  # it isn't the reaper
            {end}

children.subprocess.Popen = Cut
folder = Path(sys.argv[1])
with children.Reaper() as reaper:
    code = "import time; time.sleep(60)"
    children.spawn([sys.executable, "-S", "-c", code], log=folder / "log", cwd=folder,
                   env={{"OWN": str(folder)}}, reaper=reaper)
"""


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), 9)", "raise KeyboardInterrupt"], ids=["killed", "interrupted"]
)
def test_nothing_outlives_pytest_that_it_was_starting(tmp_path: Path, end: str) -> None:
    """Killed or interrupted when a program runs whose number nobody has been told."""
    argv = [sys.executable, "-c", STARTER.format(end=end), str(tmp_path)]
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode in {-signal.SIGKILL, -signal.SIGINT}, done.stderr
    wait_for(lambda: not carrying("OWN", tmp_path))


def test_the_reaper_ends_what_is_under_watch_and_nothing_else(tmp_path: Path) -> None:
    """What was taken back stays; close waits until the rest is gone."""
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    with children.Reaper() as watch:
        kept, ended = (
            children.spawn(argv, log=tmp_path / "log", cwd=tmp_path, env={}, reaper=watch)
            for _ in range(2)
        )
        watch.forget(kept)
    assert _is_alive(kept.pid)
    assert not _is_alive(ended.pid)
    ended.wait()
    children.terminate(kept, 3, reaper=watch)
    watch.close()
    assert not _is_alive(kept.pid)


def test_spawn_can_give_pipes(tmp_path: Path) -> None:
    """For a program that is told what to do and answers; its errors go to the log."""
    code = "import sys; print(input()[::-1]); print('oops', file=sys.stderr)"
    with children.Reaper() as watch:
        child = children.spawn(
            [sys.executable, "-c", code],
            log=tmp_path / "log",
            cwd=tmp_path,
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            reaper=watch,
        )
        assert child.communicate(b"abc\n", timeout=10)[0] == b"cba\n"
        children.terminate(child, 3, reaper=watch)
    assert (tmp_path / "log").read_text() == "oops\n"


def test_a_program_that_cannot_run_is_an_error_with_its_name(tmp_path: Path) -> None:
    """Not a bare OSError."""
    with (
        children.Reaper() as watch,
        pytest.raises(ServiceError, match="can't start /no/such"),
    ):
        children.spawn(["/no/such"], log=tmp_path / "log", cwd=tmp_path, env={}, reaper=watch)


# Started by someone else -------------------------------------------------------------------


def test_an_external_service_is_asked_and_left_alone(tmp_path: Path, start: Starter) -> None:
    """It has no parts; what we can't do is refused in words; settling only waits."""
    other = start(single(tmp_path))
    found = external.attach(external.configuration(other.url))
    assert found.url == other.url
    assert dict(found.parts) == {}
    with pytest.raises(ServiceError, match="was started by someone else"):
        found.kill("app")
    assert found.settle(5) is None
    keep_busy(other.parts["app"].port, 5)
    note = found.settle(0.2)
    assert note is not None
    assert "can't be restarted" in note
    found.stop()
    assert other.parts["app"].alive


def test_an_external_service_whose_process_ends_is_noticed(tmp_path: Path, start: Starter) -> None:
    """Where its process is known, ``check`` looks at it."""
    other = start(single(tmp_path))
    config = external.configuration(other.url)
    assert config.external is not None
    known = dataclasses.replace(config.external, pid=other.parts["app"].pid)
    found = external.attach(dataclasses.replace(config, sections={"external": known}))
    found.check()
    other.kill("app")
    with pytest.raises(ServiceError, match="doesn't exist"):
        found.check()


def test_an_external_service_that_does_not_answer(tmp_path: Path) -> None:
    """The message has the address and what the last probe found."""
    config = external.configuration(f"http://127.0.0.1:{ports.take()}")
    config = dataclasses.replace(config, folder=tmp_path, ready=Ready(path="/", within=0.3))
    with pytest.raises(ServiceError, match=r"not ready within 0.3 s.*ConnectionRefused"):
        external.attach(config)


def test_children_of_two_threads_keep_their_cpus(tmp_path: Path) -> None:
    """Binding is the calling thread's own affair."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("one CPU can't be divided")
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    script = textwrap.dedent(code)

    with children.Reaper() as watch:

        def run(cpu: int) -> None:
            for _ in range(3):
                child = children.spawn(
                    [sys.executable, "-S", "-c", script],
                    log=tmp_path / f"{cpu}.log",
                    cwd=tmp_path,
                    env={},
                    cpus=frozenset({cpu}),
                    reaper=watch,
                )
                child.wait()
                children.terminate(child, 1, reaper=watch)

        threads = [threading.Thread(target=run, args=(cpu,)) for cpu in allowed[:2]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for cpu in allowed[:2]:
        assert (tmp_path / f"{cpu}.log").read_text() == f"[{cpu}]\n" * 3
