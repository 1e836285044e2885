"""The docker backend, on real containers: start, watch, disturb, stop, and leave nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker_engine import COMPOSE, ROOT, base_images, everything, write_compose

from pytest_perfqa.errors import (
    ConfigurationError,
    PerfqaError,
    PrerequisiteMissing,
    ServiceError,
)
from pytest_perfqa.service import selection
from pytest_perfqa.service.config import Docker, Limits, Ready, ServiceConfig
from pytest_perfqa.service.docker import backend, budget, compose, engine, ownership
from pytest_perfqa.service.docker import images as service_images
from pytest_perfqa.service.docker import service as docker
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_perfqa.service.backend import Service

    Starter = Callable[[ServiceConfig], Service]

pytestmark = pytest.mark.equipped

SIDE = """
  side:
    image: ${PYTHON_IMAGE}
    command: [python, -u, /server.py]
    init: true
    volumes: ["./server.py:/server.py:ro"]
"""


@pytest.fixture
def images(
    monkeypatch: pytest.MonkeyPatch,
    engine_alone: None,  # noqa: ARG001
) -> dict[str, str]:
    """The base images that are here, in the environment, and the engine to oneself."""
    found = base_images()
    for name, image in found.items():
        monkeypatch.setenv(name, image)
    return found


@pytest.fixture
def start(tmp_path: Path, images: dict[str, str]) -> Iterator[Starter]:  # noqa: ARG001
    """Start services that are stopped after the test; nothing is left of them."""
    before = everything()
    started: list[Service] = []

    def starter(config: ServiceConfig) -> Service:
        started.append(docker.start_containers(config, tmp_path / f"run{len(started)}"))
        return started[-1]

    yield starter
    for service in started:
        service.stop()
    assert everything() == before


def single(folder: Path, text: str = COMPOSE, **changes: Any) -> ServiceConfig:
    """Make a configuration of a user's compose file, in a folder of its own."""
    file = write_compose(folder / "user", text)
    config = ServiceConfig(
        "single",
        file.parent,
        file.parent / "service.yaml",
        sections={"docker": Docker(file, "web:9000")},
    )
    return dataclasses.replace(config, **changes)


def cpu_seconds(pid: int) -> float:
    """Give the CPU time of a process and its children, those that run only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(cpu_seconds, map(int, children)))


def get(service: Service, path: str = "/", timeout: float = 10) -> Any:
    """Give what the server says about itself."""
    with urllib.request.urlopen(service.url + path, timeout=timeout) as answer:  # noqa: S310
        return json.load(answer)


def shares(service: Service, path: str, count: int) -> dict[str, int]:
    """Count which part answered."""
    found: dict[str, int] = {}
    for _ in range(count):
        with urllib.request.urlopen(service.url + path, timeout=10) as answer:  # noqa: S310
            name = service.replicas[answer.headers["X-Upstream"]]
            found[name] = found.get(name, 0) + 1
    return found


# Starting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["node", "gunicorn", "node_replicated"])
def test_the_studys_services_answer_and_follow_the_time_scale(name: str, start: Starter) -> None:
    """At a fiftieth, /heavy and /timeout take 0.1 s each, and round robin is even."""
    service = start(read_service(ROOT / "services" / name).scaled(0.02))
    for path in ("/heavy", "/timeout"):
        begin = time.monotonic()
        found = shares(service, path, 3)
        assert 0.3 <= time.monotonic() - begin < 5
        assert set(found.values()) == ({1} if name == "node_replicated" else {3})
    assert set(service.replicas.values()) == (
        {"app#1", "app#2", "app#3"} if name == "node_replicated" else {"app"}
    )
    assert all(part.alive and part.pid for part in service.parts.values())


def test_a_users_own_compose_file_works_untouched(tmp_path: Path, start: Starter) -> None:
    """Its port is exchanged for a free one of 127.0.0.1; variables reach it, scaled."""
    config = single(tmp_path, env={"NAP_SECONDS": "5"}).scaled(0.1)
    service = start(config)
    assert service.url.startswith("http://127.0.0.1:")
    assert not service.url.endswith(":9000")
    assert get(service)["env"]["NAP_SECONDS"] == "0.5"
    assert list(service.parts) == ["web"]
    assert "listening" in service.logs()
    assert (tmp_path / "user" / "compose.yaml").read_text() == COMPOSE
    published = engine.inspect([service.parts["web"].container])[0]["NetworkSettings"]["Ports"]  # type: ignore[attr-defined]
    assert {each["HostIp"] for ports in published.values() for each in ports} == {"127.0.0.1"}


def test_what_the_user_keeps_under_fixed_names_is_left_alone(
    tmp_path: Path, start: Starter, request: pytest.FixtureRequest
) -> None:
    """A container and a volume of theirs may be there, in use; ours are others."""
    name = f"precious-{os.getpid()}"
    engine.run_docker("volume", "create", name)
    request.addfinalizer(lambda: engine.run_docker("volume", "rm", name))
    text = COMPOSE.replace('["./server.py', '["data:/data", "./server.py')
    text += f"    container_name: {name}\nvolumes: {{data: {{name: {name}}}}}\n"
    service = start(single(tmp_path, text))
    facts = engine.inspect([service.parts["web"].container])[0]  # type: ignore[attr-defined]
    assert facts["Name"].startswith("/perfqa-")
    assert name not in [mount.get("Name") for mount in facts["Mounts"]]
    service.stop()
    assert engine.run_docker("volume", "ls", "--quiet", "--filter", f"name={name}").split() == [
        name
    ]


def test_a_build_is_told_while_it_runs(
    tmp_path: Path, start: Starter, images: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Line by line to the logger, and to a file."""
    caplog.set_level("INFO", "pytest_perfqa.service.docker.compose")
    text = COMPOSE.replace("image: ${PYTHON_IMAGE}", "build: .")
    name = f"told-{os.getpid()}"
    config = single(tmp_path, text.replace("web:\n", f"web:\n    image: {name}\n"))
    (tmp_path / "user" / "Dockerfile").write_text(f"FROM {images['PYTHON_IMAGE']}\n")
    start(config).stop()
    engine.run_docker("image", "rm", name)
    said = [record.getMessage() for record in caplog.records]
    assert any("FROM" in line for line in said)
    assert any("Started" in line or "done" in line for line in said)
    assert "FROM" in (tmp_path / "run0" / "compose.log").read_text()


@pytest.mark.parametrize("ready", [Ready(tcp=True), Ready(log=r"^listening$")])
def test_other_notions_of_ready(tmp_path: Path, start: Starter, ready: Ready) -> None:
    """A port that is kept open, or a line in the log: Docker itself accepts before anyone does."""
    service = start(single(tmp_path, ready=ready))
    assert get(service)["env"]


def test_preparations_may_end(tmp_path: Path, start: Starter) -> None:
    """A container that ends with success before the service is ready hasn't died."""
    text = COMPOSE + "  prepare: {image: '${PYTHON_IMAGE}', command: ['true']}\n"
    service = start(single(tmp_path, text))
    service.check()


# What can go wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: [", ["compose.yaml", "command: ", " config"]),
        ("services: {web: {imagee: x}}", ["compose.yaml", "imagee", "command: "]),
        (COMPOSE.replace("web:", "wen:"), ["compose.yaml", "'web'", "did you mean 'wen'"]),
        (COMPOSE + "    network_mode: host\n", ["compose.yaml", "network_mode: host"]),
        (
            COMPOSE.replace("${PYTHON_IMAGE}", "perfqa-no-such-image:none"),
            ["compose.", "perfqa-no-such-image", "command: ", " pull web"],
        ),
        (
            COMPOSE.replace("image: ${PYTHON_IMAGE}", "build: ."),
            ["compose.", "command: ", " build", "unknown instruction: NONSENSE"],
        ),
        (COMPOSE.replace("/server.py]", "/missing.py]"), ["web exited with code 2", "missing.py"]),
    ],
    ids=["yaml", "key", "endpoint", "network", "image", "build", "death"],
)
def test_one_clear_error_within_ten_seconds(
    tmp_path: Path,
    images: dict[str, str],  # noqa: ARG001
    text: str,
    words: list[str],
) -> None:
    """Each names the file and the command, or the container and its log; nothing is left."""
    config = single(tmp_path, text)
    (tmp_path / "user" / "Dockerfile").write_text("FROM ${PYTHON_IMAGE}\nNONSENSE\n")
    before = everything()
    begin = time.monotonic()
    with pytest.raises(PerfqaError) as caught:
        docker.start_containers(config, tmp_path / "run")
    assert time.monotonic() - begin < 10
    assert [word for word in words if word not in str(caught.value)] == []
    assert everything() == before


def test_a_failing_build_leaves_no_image(tmp_path: Path, images: dict[str, str]) -> None:
    """The log of the step that failed is in the message; neither layers nor containers stay."""
    config = single(tmp_path, COMPOSE.replace("image: ${PYTHON_IMAGE}", "build: ."))
    (tmp_path / "user" / "Dockerfile").write_text(
        f"FROM {images['PYTHON_IMAGE']}\nRUN echo {tmp_path} > /first\nRUN echo oh no; exit 3\n"
    )
    before = everything()
    with pytest.raises(ServiceError, match="oh no"):
        docker.start_containers(config, tmp_path / "run")
    assert everything() == before


def test_a_layer_that_a_builder_ends_unheard_is_removed(
    tmp_path: Path, images: dict[str, str]
) -> None:
    """It stands in no log. What was there before stays: it is somebody else's."""
    base = images["PYTHON_IMAGE"]
    log = tmp_path / "build.log"
    log.write_text(f"Step 1/3 : FROM {base}\n ---> {engine.run_docker('image', 'ls', '-q', base)}")
    container = engine.run_docker("container", "create", base).strip()
    made = []
    try:
        made.append(
            engine.run_docker("container", "commit", "--message", "other", container).strip()
        )
        before = service_images.unnamed()
        assert set(made) <= before
        made.append(
            engine.run_docker("container", "commit", "--message", "ours", container).strip()
        )
        service_images.remove_unfinished(log, before)
        left = service_images.unnamed()
        assert made[0] in left
        assert made[1] not in left
    finally:
        engine.run_docker("container", "rm", container)
        service_images.remove_unnamed(made)


def test_a_taken_port_is_named(tmp_path: Path, images: dict[str, str]) -> None:  # noqa: ARG001
    """A fixed port beside the endpoint's is the user's own: the error says who wants it."""
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        config = single(tmp_path, COMPOSE + SIDE + f'    ports: ["{port}:9000"]\n')
        before = everything()
        with pytest.raises(ServiceError) as caught:
            docker.start_containers(config, tmp_path / "run")
    message = str(caught.value)
    assert str(port) in message
    assert "already in use" in message or "already allocated" in message
    assert everything() == before


def test_one_that_never_becomes_ready_shows_its_log(
    tmp_path: Path,
    images: dict[str, str],  # noqa: ARG001
) -> None:
    """The message has the last probe and the logs; nothing is left running."""
    before = everything()
    with pytest.raises(ServiceError) as caught:
        docker.start_containers(
            single(tmp_path, ready=Ready(path="/never", within=1.5)), tmp_path / "run"
        )
    message = str(caught.value)
    assert "not ready within 1.5 s" in message
    assert "GET /never: 503" in message
    assert "    listening" in message
    assert everything() == before


def test_an_engine_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable engine is one line, at once."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    engine.find_engine.cache_clear()
    begin = time.monotonic()
    with pytest.raises(PrerequisiteMissing, match=r"no Docker|docker' is missing"):
        docker.check_engine()
    assert time.monotonic() - begin < 10
    engine.find_engine.cache_clear()


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://[::1]:2375", True),
        ("tcp://docker:2375", False),
        ("ssh://someone@10.0.0.7", False),
    ],
)
def test_an_engine_elsewhere_is_said(
    monkeypatch: pytest.MonkeyPatch, host: str, is_here: bool
) -> None:
    """Its containers' ports would be on the loopback of another machine."""

    def info(*arguments: str, **_: object) -> str:
        return json.dumps({"ServerVersion": "20", "KernelVersion": "other"} if arguments else {})

    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setattr(engine, "run_docker", info)
    monkeypatch.setattr(engine.shutil, "which", lambda _: "docker")
    engine.find_engine.cache_clear()
    try:
        if is_here:
            assert not engine.find_engine().is_local
        else:
            with pytest.raises(PrerequisiteMissing, match=rf"{host} is on another machine"):
                engine.find_engine()
    finally:
        engine.find_engine.cache_clear()


def test_an_engine_that_is_dead_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that accepts and never answers is given up after a while."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dead.sock"))
        listener.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/dead.sock")
        engine.find_engine.cache_clear()
        said = r"gave no answer within 0.5 s|docker' is missing"
        with pytest.raises(PrerequisiteMissing, match=said):
            engine.find_engine(0.5)
    engine.find_engine.cache_clear()


# While it runs -----------------------------------------------------------------------------


def test_faults_by_name(tmp_path: Path, start: Starter) -> None:
    """Pause, resume, kill and restart, each seen from outside; check knows whom we killed."""
    service = start(single(tmp_path, COMPOSE + SIDE))
    service.pause("web")
    with pytest.raises(TimeoutError):
        get(service, timeout=0.3)
    service.resume("web")
    get(service)
    service.kill("web")
    assert not service.parts["web"].alive
    service.check()
    service.restart("web")
    get(service)
    service.check()
    with pytest.raises(ServiceError, match=r"no part 'wep'; accepted: .*did you mean 'web'"):
        service.kill("wep")


def test_a_death_is_told_with_its_log(tmp_path: Path, start: Starter) -> None:
    """One that ends by itself is an error with its exit code and last words."""
    service = start(single(tmp_path))
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        get(service, "/exit")
    deadline = time.monotonic() + 5
    while service.parts["web"].alive and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(ServiceError) as caught:
        service.check()
    assert "web exited with code 9" in str(caught.value)
    assert "    listening" in str(caught.value)


def test_a_service_that_does_not_drain_is_restarted(tmp_path: Path, start: Starter) -> None:
    """A paused part can't drain: after the limit all of it is restarted, and that is said."""
    service = start(single(tmp_path))
    assert service.settle(5) is None
    service.pause("web")
    note = service.settle(0.5)
    assert note == "service single had not drained after 0.5 s and was restarted"
    get(service)


def test_a_restarted_replica_is_one_of_three_again(start: Starter) -> None:
    """After kill and restart round robin is even again, whatever address the replica has now."""
    service = start(read_service(ROOT / "services" / "node_replicated").scaled(0.02))
    service.kill("app#2")
    service.restart("app#2")
    assert shares(service, "/ping", 30) == {"app#1": 10, "app#2": 10, "app#3": 10}
    service.restart()
    assert shares(service, "/ping", 30) == {"app#1": 10, "app#2": 10, "app#3": 10}


# Limits ------------------------------------------------------------------------------------


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU can't be divided")
@pytest.mark.parametrize("cpus", [1, 0.5], ids=["cpuset", "quota"])
def test_all_containers_share_the_cpus(tmp_path: Path, start: Starter, cpus: float) -> None:
    """Two that want a CPU each get what one budget allows, together."""
    side = SIDE.replace("[python, -u, /server.py]", "[python, -c, 'while True: pass']")
    service = start(single(tmp_path, COMPOSE + side, limits=Limits(cpus=cpus, memory=500_000_000)))
    if "parent cgroup" not in service.limits_note:
        pytest.skip(f"no parent cgroup here: {service.limits_note}")

    def used() -> dict[str, float]:
        return {name: cpu_seconds(part.pid) for name, part in service.parts.items()}

    begin, before = time.monotonic(), used()
    get(service, "/busy/1.5")
    took = {name: seconds - before[name] for name, seconds in used().items()}
    wall = time.monotonic() - begin
    assert min(took.values()) > 0.1 * cpus
    # A quota is given out at the start of each 0.1 s: a time of any length may hold one more.
    assert sum(took.values()) < 1.15 * cpus * (wall + 0.1)


def test_memory_is_one_budget(tmp_path: Path, start: Starter) -> None:
    """Who takes more than all may have is ended, and the error says why."""
    service = start(single(tmp_path, limits=Limits(memory=200_000_000)))
    if "not enforced" in service.limits_note:
        pytest.skip(service.limits_note)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        get(service, "/gobble", timeout=30)
    deadline = time.monotonic() + 5
    while service.parts["web"].alive and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(ServiceError, match=r"web (was killed for want of memory|exited with code)"):
        service.check()


def test_without_a_parent_cgroup_each_container_gets_a_share() -> None:
    """Whole CPUs are shared by binding, memory is divided; the note says which."""
    found = engine.DockerEngine("1", is_local=False, cgroups=("systemd", "2"))
    divided = budget.make(Limits(cpus=1, memory=2**30), found, containers=4, suffix="test")
    assert divided.keys == {"cpus": 0.25, "mem_limit": 2**28}
    assert divided.note == "1 CPU split over 4 containers; 1 GiB split over 4 containers"
    assert budget.make(Limits(), found, containers=1, suffix="test").keys == {}


def test_a_parent_cgroup_weighs_what_its_containers_would(images: dict[str, str]) -> None:
    """Else four containers would get the time of one beside other programs of the machine."""
    del images
    made = budget.make(Limits(memory=2**30), engine.find_engine(), containers=4, suffix="0-weight")
    try:
        if "parent cgroup" not in made.note:
            pytest.skip(f"no parent cgroup here: {made.note}")
        weights = [Path(folder, "cpu.shares") for folder in made.cgroups]
        assert {file.read_text().strip() for file in weights if file.exists()} == {"4096"}
    finally:
        made.release()
    assert not any(folder.exists() for folder in made.cgroups)


def test_limits_of_the_file_give_way_to_shares() -> None:
    """Compose refuses both ways of saying it side by side."""
    model = {
        "services": {
            "a": {
                "deploy": {"resources": {"limits": {"cpus": 2, "memory": "1g", "pids": 9}}},
                "mem_reservation": "2g",
                "memswap_limit": "1m",
            }
        }
    }
    keys = {"cpus": 0.5, "mem_limit": 2**28}
    adapted = compose.adapt(model, folder="f", labels={}, keys=keys, ports=lambda *_: [])
    service = adapted["services"]["a"]
    assert service["deploy"]["resources"]["limits"] == {"pids": 9}
    assert {key: service[key] for key in keys} == keys
    assert not {"mem_reservation", "memswap_limit"} & set(service)


# Leftovers ---------------------------------------------------------------------------------


def test_what_the_dead_left_is_swept(
    tmp_path: Path, images: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers, networks and cgroups of an owner who is gone; not those of one who lives."""
    del images
    before = everything()
    alive = docker.start_containers(single(tmp_path / "one"), tmp_path / "run1")
    with_alive = everything()
    try:
        dead = ownership.owner().rpartition(":")[0] + ":1"
        monkeypatch.setattr(ownership, "owner", lambda: dead)
        docker.start_containers(single(tmp_path / "two"), tmp_path / "run2")
        monkeypatch.undo()
        assert len(everything()["containers"]) == len(with_alive["containers"]) + 1
        ownership.sweep(engine.find_engine())
        assert everything() == with_alive
    finally:
        alive.stop()
    assert everything() == before


def test_only_who_is_gone_for_sure_is_dead() -> None:
    """An engine may hold what sessions of other machines, or in containers of this one, own."""
    boot, pids, pid, started = ownership.owner().split(":")
    assert ownership.is_dead("other-boot:1:1:1", is_local=True)
    assert not ownership.is_dead("other-boot:1:1:1", is_local=False)
    assert not ownership.is_dead(f"{boot}:{pids}:{pid}:{started}", is_local=True)
    assert ownership.is_dead(f"{boot}:{pids}:{pid}:1", is_local=True)
    assert not ownership.is_dead(f"{boot}:1:{pid}:1", is_local=True)


def test_an_interrupt_while_it_comes_up_leaves_nothing(
    tmp_path: Path,
    images: dict[str, str],  # noqa: ARG001
) -> None:
    """KeyboardInterrupt is what Ctrl-C and SIGTERM become."""
    before = everything()
    text = COMPOSE + "    healthcheck: {test: 'false', interval: 1s, retries: 60}\n"
    text += SIDE + "    depends_on: {web: {condition: service_healthy}}\n"

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while everything()["containers"] == before["containers"] and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        docker.start_containers(single(tmp_path, text), tmp_path / "run")
    thread.join()
    assert everything() == before


# The choice --------------------------------------------------------------------------------


def test_auto_takes_what_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker where there is a compose file and an engine, else processes; each with its reason."""
    both = read_service(ROOT / "services" / "node")
    only_docker = single(tmp_path)
    only_process = dataclasses.replace(both, sections={"process": both.process})
    monkeypatch.setattr(backend, "_engine", lambda: (True, "engine 20 answers"))
    assert selection.choose(both, "auto") == selection.Choice("docker", "engine 20 answers")
    assert selection.choose(only_process, "auto").backend == "process"
    monkeypatch.setattr(backend, "_engine", lambda: (False, "no Docker engine answers: why"))
    answer = selection.choose(both, "auto")
    assert answer == selection.Choice("process", "no Docker engine answers: why")
    assert selection.choose(only_docker, "auto").backend == "docker"
    with pytest.raises(ConfigurationError, match="has no 'process' part"):
        selection.choose(only_docker, "process")
    with pytest.raises(ConfigurationError, match="has no 'docker' part"):
        selection.choose(only_process, "docker")


# Models ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"target": 80, "published": "8080"}, "127.0.0.1:8080:80/tcp"),
        ({"target": 53, "protocol": "udp"}, "127.0.0.1::53/udp"),
        ("0.0.0.0:8080:80/tcp", "127.0.0.1:8080:80/tcp"),
        ("8080:80", "127.0.0.1:8080:80/tcp"),
        ("80", "127.0.0.1::80/tcp"),
    ],
)
def test_ports_are_published_on_loopback(written: Any, read: str) -> None:
    """As v2 and v1 of Compose write them."""
    assert str(compose.Port.read(written)) == read


def test_a_model_can_be_brought_up_beside_itself() -> None:
    """No fixed names of containers, a name for every image, and our labels everywhere."""
    model = {
        "name": "x",
        "services": {"a": {"build": {"context": "."}, "container_name": "a", "restart": "always"}},
        "networks": {"theirs": {"external": True, "name": "x"}, "ours": None},
        "volumes": {"data": {"name": "precious", "labels": ["a=b"]}},
    }
    adapted = compose.adapt(
        model, folder="My F.", labels={"l": "1"}, keys={"cpuset": "1"}, ports=lambda *_: []
    )
    assert adapted["services"]["a"] == {
        "build": {"context": "."},
        "image": "myf-a",
        "labels": {"l": "1"},
        "ports": [],
        "restart": "no",
        "cpuset": "1",
    }
    assert adapted["networks"] == {
        "theirs": {"external": True, "name": "x"},
        "ours": {"labels": {"l": "1"}},
        "default": {"labels": {"l": "1"}},
    }
    assert adapted["volumes"] == {"data": {"labels": {"a": "b", "l": "1"}}}
    assert "name" not in adapted
