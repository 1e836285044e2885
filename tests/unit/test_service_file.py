"""service.yaml: what is read, what is scaled, and what is refused with which words."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import pytest

from pytest_perfqa.errors import ConfigurationError, FileProblems
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.service import external, template
from pytest_perfqa.service.config import Command, Nginx, Ready, template_variables
from pytest_perfqa.service.discovery import discover
from pytest_perfqa.service.process.service import ProcessService
from pytest_perfqa.service.service_file import read_service

SERVICES = Path(__file__).parents[2] / "services"
MINIMAL = "process: {app: {command: python server.py}}\n"


def write(folder: Path, text: str) -> Path:
    """Write a service.yaml and give its folder."""
    (folder / "service.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def problems(folder: Path, text: str) -> list[str]:
    """Give ``line: message`` of everything wrong with a service.yaml."""
    with pytest.raises(FileProblems) as caught:
        read_service(write(folder, text))
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_discovers_only_folders_with_a_service_file_in_order() -> None:
    """Folders such as apps/ and nginx/ are no configurations."""
    assert list(discover(SERVICES)) == [
        "gunicorn",
        "node",
        "node_replicated",
        "server1",
        "server2",
    ]


@pytest.mark.parametrize("name", ["node", "gunicorn", "node_replicated"])
def test_the_studys_services_are_read(name: str) -> None:
    """The three configurations of the study are valid."""
    config = read_service(SERVICES / name)
    assert config.name == name
    assert config.endpoint == "proxy"
    assert config.ready == Ready(path="/ping")
    assert config.limits.cpus == 1
    assert config.limits.memory == 10**9
    assert config.replica_header == "X-Upstream"
    assert isinstance(config.process["proxy"], Nginx)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", {"*": 3}),
        ("unbounded", {"*": math.inf}),
        ("{/heavy: 3, /timeout: unbounded, '*': 2}", {"/heavy": 3, "/timeout": math.inf, "*": 2}),
    ],
)
def test_workers(tmp_path: Path, text: str, expected: dict[str, float]) -> None:
    """How many requests are done at once: one number, or one per path."""
    assert read_service(write(tmp_path, f"{MINIMAL}workers: {text}\n")).workers == expected
    assert read_service(SERVICES / "node").workers == {"/heavy": 1, "/timeout": math.inf}


@pytest.mark.parametrize("text", ["0", "1.5", "true", "many", "[1]", "{heavy: 1}", "{/heavy: 0}"])
def test_no_number_of_workers(tmp_path: Path, text: str) -> None:
    """What is no whole number, or no path."""
    (said,) = problems(tmp_path, f"{MINIMAL}workers: {text}\n")
    assert said.startswith("2: workers: ")
    assert "accepted: " in said


def test_patience(tmp_path: Path) -> None:
    """A time at full scale; nothing is supposed where none is given."""
    assert read_service(write(tmp_path, f"{MINIMAL}patience: 1 min\n")).patience == 60
    assert read_service(write(tmp_path, MINIMAL)).patience is None
    (said,) = problems(tmp_path, f"{MINIMAL}patience: 0\n")
    assert said.startswith("2: patience: ")


def test_the_least_time_scale(tmp_path: Path) -> None:
    """A larger one is kept, a smaller one is not gone below; without, any will do."""
    service = read_service(write(tmp_path, f"{MINIMAL}least_time_scale: 0.1\n"))
    assert [service.time_scale(wanted) for wanted in (0.03, 0.1, 1, 2)] == [0.1, 0.1, 1, 2]
    assert read_service(write(tmp_path, MINIMAL)).time_scale(0.001) == 0.001


@pytest.mark.parametrize("text", ["0", "-0.1", "1.5", "10%", "true"])
def test_no_least_time_scale(tmp_path: Path, text: str) -> None:
    """What would stretch times that nobody asked to be stretched is none."""
    (said,) = problems(tmp_path, f"{MINIMAL}least_time_scale: {text}\n")
    assert said.startswith("2: least_time_scale: ")


def test_workers_of_a_path(tmp_path: Path) -> None:
    """A query makes no other path; what isn't named may fall under all others."""
    service = read_service(write(tmp_path, f"{MINIMAL}workers: {{/heavy: 3, '*': 2}}\n"))
    assert (service.workers_of("/heavy?n=1"), service.workers_of("/")) == (3, 2)
    assert read_service(write(tmp_path, MINIMAL)).workers_of("/") is None


def test_replicas_have_numbered_names() -> None:
    """One replica bears the part's own name, several are counted from 1."""
    assert Command("app", "x", replicas=3).replica_names == ("app#1", "app#2", "app#3")
    assert Command("app", "x").replica_names == ("app",)


def test_docker_and_external_are_kept(tmp_path: Path) -> None:
    """Other backends' parts come through, with paths made from the folder."""
    (tmp_path / "compose.yaml").touch()
    config = read_service(
        write(
            tmp_path,
            """
            docker: {compose: compose.yaml, endpoint: "proxy:80"}
            external: {url: "http://10.1.2.3:8080", pid: 12}
            """,
        )
    )
    assert config.docker is not None
    assert config.docker.compose == tmp_path / "compose.yaml"
    assert config.docker.endpoint == "proxy:80"
    assert config.external is not None
    assert (config.external.url, config.external.pid) == ("http://10.1.2.3:8080", 12)


@pytest.mark.parametrize("endpoint", ["web", "web:0", "web:65536", "we b:80", ":80"])
def test_no_endpoint_of_a_compose_file(tmp_path: Path, endpoint: str) -> None:
    """What is accepted stands there as an example, not as a pattern."""
    (tmp_path / "compose.yaml").touch()
    text = f"docker: {{compose: compose.yaml, endpoint: '{endpoint}'}}\n"
    (said,) = problems(tmp_path, text)
    accepted = "a service of the compose file and a port in it, as 'web:8080'"
    assert said == f"1: docker.endpoint: found '{endpoint}'; accepted: {accepted}"


@pytest.mark.parametrize("ready", ["ping", "/two words"])
def test_no_path_that_tells_readiness(tmp_path: Path, ready: str) -> None:
    """A path begins with a slash."""
    (said,) = problems(tmp_path, f"{MINIMAL}ready: {ready}\n")
    assert said == f"2: ready: found '{ready}'; accepted: a path such as '/health'"


def test_a_single_part_is_the_endpoint(tmp_path: Path) -> None:
    """Nothing else could be meant."""
    config = read_service(write(tmp_path, f"{MINIMAL}limits: {{cpus: 99}}\n"))
    built = ProcessService(config, tmp_path, Reaper())
    assert built.url == f"http://127.0.0.1:{built.parts['app'].port}"


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        ("/up", Ready(path="/up")),
        ("{tcp: true, within: 5s}", Ready(tcp=True, within=5)),
        ("{log: 'ready in \\d+'}", Ready(log="ready in \\d+")),
    ],
)
def test_forms_of_ready(tmp_path: Path, ready: str, expected: Ready) -> None:
    """A path alone, or a mapping that names the notion."""
    assert read_service(write(tmp_path, f"{MINIMAL}ready: {ready}\n")).ready == expected


def test_time_scale_multiplies_durations_only(tmp_path: Path) -> None:
    """``*_SECONDS`` of the service and of its parts follow the scale, without float noise."""
    config = read_service(
        write(
            tmp_path,
            """
            env: {HEAVY_SECONDS: 5, NAP_SECONDS: "3", SIZE: 10}
            ready: {tcp: true, within: 20}
            process: {app: {command: python server.py, env: {OWN_SECONDS: "0.7", PORT: "{port}"}}}
            """,
        )
    ).scaled(0.1)
    assert config.env == {"HEAVY_SECONDS": "0.5", "NAP_SECONDS": "0.3", "SIZE": "10"}
    assert config.process["app"].env == {"OWN_SECONDS": "0.07", "PORT": "{port}"}
    assert config.ready.within == 20


def test_derived_variables_are_whole_and_at_least_one() -> None:
    """Whole milliseconds and whole seconds for programs that take no fractions."""
    derived = template_variables({"A_SECONDS": "0.3", "B_SECONDS": "0.0001", "C_SECONDS": "2.5"})
    assert (derived["A_MS"], derived["A_WHOLE_SECONDS"]) == ("300", "1")
    assert (derived["B_MS"], derived["B_WHOLE_SECONDS"]) == ("1", "1")
    assert (derived["C_MS"], derived["C_WHOLE_SECONDS"]) == ("2500", "3")


def test_templates_leave_nginx_variables_alone() -> None:
    """Only ``${NAME}`` of ours is filled in, as in the nginx image."""
    text = "listen ${LISTEN}; a $host ${upstream_addr} ${OTHER} $LISTEN;"
    rendered = template.fill_in(text, {"LISTEN": "80", "host": "no"})
    assert rendered == "listen 80; a $host ${upstream_addr} ${OTHER} $LISTEN;"


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Mistakes of form and contradictions come together, each with its line."""
    (tmp_path / "t.conf").write_text("listen ${LISTEN}; read ${PROXY_TIMEOUT_MS}ms;")
    found = problems(
        tmp_path,
        """\
        endpiont: proxy
        endpoint: prxy
        ready: {log: "("}
        limits: {cpus: 0, memory: 1 lightyear}
        env: {SLEEP_SECONDS: 5s, LIST: [1]}
        process:
          app: {command: "", replicas: 0}
          web: {command: "python {prot}"}
          proxy: {nginx: t.conf, upstream: ap}
          gone: {nginx: none.conf, upstream: app}
          both: {nginx: t.conf, command: x}
        external: {url: "http://example.com"}
        """,
    )
    expected = [
        "1: the file: unknown key 'endpiont'",
        "2: endpoint: there is no part 'prxy'",
        "3: ready.log: '(' is no regular expression",
        "4: limits.cpus: found 0",
        "4: limits.memory: found '1 lightyear'",
        "5: env.LIST: found [1]; accepted: a text or a number",
        "5: env.SLEEP_SECONDS: found '5s'; accepted: a number of seconds above 0",
        "7: process.app.command: is empty",
        "7: process.app.replicas: found 0",
        "8: process.web.command: unknown placeholder {prot}; accepted: {port}",
        "9: process.proxy.nginx: the template 't.conf' needs PROXY_TIMEOUT_MS; set PROXY_TIMEOUT_S",
        "9: process.proxy.upstream: there is no part 'ap'; accepted: app, web, both; did you mean",
        "10: process.gone.nginx: the template 'none.conf' can't be read: No such file",
        "11: process.both: accepted: exactly one of command and nginx",
        "12: external.url: 'example.com' is neither loopback nor private",
    ]
    assert len(found) == len(expected), "\n".join(found)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: nothing\n", "none of the keys process, docker and external"),
        ("process: {a: {command: x}, b: {command: y}}", "the key 'endpoint' is missing"),
        ("process: {a: {command: x, replicas: 2}}", "'a' has replicas: put an nginx in front"),
        ("process: {p: {nginx: service.yaml}}", "the key 'upstream' is missing"),
        (MINIMAL + "ready: {path: /a, tcp: true}", "found path, tcp; accepted: one of path, tcp"),
        (MINIMAL + "ready: ping", "ready"),
        (MINIMAL + "env: {A_SECONDS: -1}", "found -1; accepted: a number of seconds above 0"),
        (MINIMAL + "env: {A: '{host}'}", "unknown placeholder {host}"),
        ('process: {a: {command: "x \'y"}}', "can't be split into words"),
        ("docker: {compose: no.yaml, endpoint: 'a:1'}", "there is no file 'no.yaml'"),
        ("external: {url: 'ftp://localhost'}", "is no address such as"),
    ],
)
def test_single_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """Each contradiction has words of its own."""
    assert any(message in line for line in problems(tmp_path, text))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://app:1"])
def test_test_hosts_are_accepted(url: str) -> None:
    """This machine, private networks and names without a domain need no permission."""
    config = external.configuration(url)
    assert config.external is not None
    assert config.external.url == url


def test_a_public_host_needs_permission(tmp_path: Path) -> None:
    """It is refused, unless the file or the option says otherwise."""
    with pytest.raises(ConfigurationError, match="--perfqa-allow-remote"):
        external.configuration("http://8.8.8.8")
    assert external.configuration("http://8.8.8.8", allow_remote=True).external
    folder = write(tmp_path, "external: {url: 'https://example.com', allow_remote: true}")
    assert read_service(folder).external
    folder = write(tmp_path, "external: {url: 'https://example.com'}")
    assert read_service(folder, allow_remote=True).external
