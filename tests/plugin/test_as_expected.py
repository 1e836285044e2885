"""No empty pass: every run is held to a share of errors, and nothing as expected passes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Project

# It answers the same to everything, /good aside; so it is never ready but by its port.
GUARDED = """
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        is_good = self.path.startswith("/good")
        body = b"ok" if is_good else json.dumps({"error": "no token"}).encode()
        self.send_response(200 if is_good else int(sys.argv[2]))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SERVICE = """
endpoint: app
ready: {{tcp: true}}
process:
  app: {{command: "python guarded.py {{port}} {status}"}}
"""
# The first example of the README, word for word but for its services.
README = """
    pytestmark = pytest.mark.perfqa(scenario="endurance_heavy.yaml")


    @pytest.mark.perfqa(services=["node_replicated"])
    def test_node_replicated_endurance_yields_zero_5xx(perf_run):
        assert perf_run.status["5xx"] == 0
        assert perf_run.latency.p95 < "5.5s"


    @pytest.mark.perfqa(services=["node_replicated"])
    def test_gunicorn_queues(perf_run):
        assert perf_run.pending.grows


    def test_that_asserts_nothing(perf_run):
        pass


    def test_that_can_not_tell(perf_run):
        assert perf_run.latency.p99 < "5.5s"


    def test_with_parameters_of_its_own(perf_load):
        assert perf_load(rate="40/s").status["5xx"] == 0


    @pytest.mark.perfqa(errors="expected")
    def test_that_it_is_guarded(perf_run):
        assert perf_run.error_rate == 1
        assert perf_run.availability.ratio == 0
"""
SCENARIO = """
config:
  phases: [{{duration: 2, arrivalRate: {rate}}}]
  {config}
scenarios:
  - flow: [{{post: {{url: /login}}}}]
"""
# Half of the arrivals get what they ask for, exactly.
HALF = """
config:
  payload: {{path: paths.csv, fields: [path], order: sequence}}
  phases: [{{duration: 1, arrivalRate: 20}}]
  {config}
scenarios:
  - flow: [{{get: {{url: "/{{{{ path }}}}", name: page{expect}}}}}]
"""


@pytest.fixture
def guarded(project: Project) -> Project:
    """A project whose service answers 401 to everything but /good."""
    service(project, 401)
    (project.path / "paths.csv").write_text("secret\ngood\n")
    return project


def service(project: Project, status: int) -> None:
    """Add a service."""
    folder: Path = project.path / "services" / "node_replicated"
    folder.mkdir(parents=True)
    (folder / "guarded.py").write_text(GUARDED)
    (folder / "service.yaml").write_text(SERVICE.format(status=status))


@pytest.mark.parametrize("status", [401, 404])
def test_the_first_example_fails_where_everything_is_refused(project: Project, status: int) -> None:
    """All tests of the run, whatever they assert; the message is enough to find the mistake."""
    service(project, status)
    text = SCENARIO.format(rate=40, config="http: {timeout: 6}")
    (project.path / "endurance_heavy.yaml").write_text(text)
    project.test(README)
    result = project.run("--junitxml=junit.xml", "--perfqa-inconclusive=pass", "-rA")
    result.assert_outcomes(failed=5, passed=1)
    said = f'80 of 80 answers were not as expected: 80 x {status} at POST /login, first: at * ms, "'
    body = r'{\"error\": \"no token\"}"'
    result.stdout.fnmatch_lines(
        [
            f"E *RequirementMissed: {said}{body}",
            "*accepted: error_rate <= 1 %, another ensure.maxErrorRate, config.perfqa.errors: *",
        ]
    )
    # A test that stumbles over something else has it beside that.
    result.stdout.fnmatch_lines(
        ["E *NoData: pending: not one good answer*", "*perfqa answers of endurance*", f"{said}*"]
    )
    result.stdout.fnmatch_lines(["PASSED *test_that_it_is_guarded*"])
    result.stdout.no_fnmatch_line("*answers were 4xx*")
    failed = ET.parse(project.path / "junit.xml").findall(".//failure")  # noqa: S314
    assert len(failed) == 5
    shares = [
        one.get("value")
        for one in ET.parse(project.path / "junit.xml").iter("property")  # noqa: S314
        if one.get("name") == "perfqa_error_rate"
    ]
    assert shares == ["1"] * 6


def test_who_says_how_many_errors_there_may_be_is_held_to_that(guarded: Project) -> None:
    """In the scenario or in a marker, of which the nearest counts; nobody else's word does."""
    scenarios = {
        "silent": ("", ""),
        "most": ("ensure: {maxErrorRate: 60}", ""),
        "fewest": ("ensure: {maxErrorRate: 40}", ""),
        "threshold": ('perfqa: {thresholds: ["error_rate > 60%"]}', ""),
        "abort": ('perfqa: {abort: "error_rate > 90% for 1s"}', ""),
        "other": ('perfqa: {thresholds: ["p95 > 5s", "errors > 0"]}', ""),
        "declared": ("perfqa: {errors: expected}", ""),
        "asked": ("", ", expect: {statusCode: [200, 401]}"),
        "unasked": ("", ", expect: {contentType: json}"),
        "missed": ("", ", expect: {statusCode: 200}"),
    }
    for name, (config, expect) in scenarios.items():
        text = HALF.format(config=config, expect=expect)
        (guarded.path / f"{name}.yaml").write_text(text)
    guarded.test(
        "".join(
            f"""
    @pytest.mark.perfqa(scenario="{name}.yaml")
    def test_{name}(perf_run): pass
"""
            for name in scenarios
        )
        + """
    class TestMarked:
        pytestmark = pytest.mark.perfqa(errors="expected")

        @pytest.mark.perfqa(scenario="silent.yaml")
        def test_far(self, perf_run): pass

        @pytest.mark.perfqa(scenario="silent.yaml", errors=None)
        def test_near(self, perf_run): pass

        def test_load(self, perf_load):
            assert perf_load("silent.yaml").launched == 20
"""
    )
    result = guarded.run("-rA")
    passed = ["most", "threshold", "abort", "declared", "asked", "unasked", "far", "load"]
    failed = ["silent", "fewest", "other", "missed", "near"]
    result.assert_outcomes(passed=len(passed), failed=len(failed))
    for verdict, names in (("PASSED", passed), ("FAILED", failed)):
        result.stdout.fnmatch_lines_random([f"{verdict} *test_{name}?node_rep*" for name in names])
    half = "10 of 20 answers were not as expected: 10 x 401 at page, first: at 50 ms, *no token*"
    result.stdout.fnmatch_lines_random(
        [
            f"E *RequirementMissed: {half}",
            "E *ensure: maxErrorRate 40 %: found 50 % of virtual users did not get what they *",
            f"*{half}",
            "*10 of 20 answers*: 10 x 401 (expectation) at page, first: at 50 ms, expected *",
            # What no test has failed of is told.
            "node_replicated, declared: 10 of 20 answers were 4xx (10 x 401)",
            "node_replicated, unasked: 10 answers met an expect that names no status, and had *",
        ]
    )
    for name in ("silent", "asked", "missed"):
        result.stdout.no_fnmatch_line(f"node_replicated, {name}: *answers *")


def test_nothing_as_expected_is_no_pass_however_much_is_allowed(guarded: Project) -> None:
    """A limit of 100 %, in the scenario or for all; a share for all holds where nobody says."""
    for name, config in (("all", "ensure: {maxErrorRate: 100}"), ("some", "http: {timeout: 5}")):
        (guarded.path / f"{name}.yaml").write_text(SCENARIO.format(rate=10, config=config))
    (guarded.path / "half.yaml").write_text(HALF.format(config="", expect=""))
    (guarded.path / "users.py").write_text("""
from locust import FastHttpUser, task

class Someone(FastHttpUser):
    @task
    def first(self): self.client.get("/secret", name="plain")

    @task
    def second(self):
        with self.client.get("/secret", name="asked", catch_response=True) as answer:
            answer.success()

    @task
    def third(self): raise LookupError("out of cheese")
""")
    (guarded.path / "own.yaml").write_text(
        "config: {phases: [{duration: 1, arrivalRate: 60}], perfqa: {locustfile: users.py}}\n"
    )
    guarded.test("""
        @pytest.mark.perfqa(scenario="all.yaml")
        def test_all(perf_run): pass

        @pytest.mark.perfqa(scenario="some.yaml")
        def test_some(perf_run): pass

        @pytest.mark.perfqa(scenario="half.yaml")
        def test_half(perf_run): pass

        @pytest.mark.perfqa(scenario="own.yaml")
        def test_own(perf_run): pass
    """)
    (guarded.path / "pytest.ini").write_text("[pytest]\nperfqa_max_error_rate = 50%\n")
    result = guarded.run("-rA")
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["PASSED *test_half*"])
    result.stdout.re_match_lines_random(
        [
            r"E .*: 20 of 20 answers were not as expected: 20 x 401 at POST /login, first: at .*",
            r" +accepted: error_rate < 100 %, config.perfqa.errors: expected in the scenario.*",
            r" +accepted: error_rate <= 50 %, another ensure.maxErrorRate, .*",
            r"E .*: \d+ of 60 requests were not answered as expected: .*",
            r"E .*: .*\d+ x 401 at GET plain, first: at .*no token.*",
            r"E .*\d+ x user code, first: at .*, LookupError: out of cheese.*",
        ]
    )
    result.stdout.no_fnmatch_line("*GET asked*")


@pytest.mark.parametrize(
    ("ini", "marker", "config", "said"),
    [
        ("", "errors=True", "", "test_it.py::test_it: perfqa(errors=True): accepted: 'expected'"),
        ("", "errors='none'", "", "perfqa(errors='none'): accepted: 'expected'"),
        ("", "", "perfqa: {errors: 5}", "s.yaml:4: config.perfqa.errors: found 5; accepted: 'exp"),
        ("1", "", "", "found '1'; accepted: a share from 0% to 100%, such as 1% or 0.01"),
        ("101%", "", "", "perfqa_max_error_rate in *pytest.ini: found '101%'; accepted: a share"),
        ("-1%", "", "", "found '-1%'; accepted: a share"),
        ("few", "", "", "found 'few'; accepted: a share"),
        ("1s", "", "", "found '1s'; accepted: a share"),
        ("nan", "", "", "found 'nan'; accepted: a share"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(
    guarded: Project, ini: str, marker: str, config: str, said: str
) -> None:
    """With what was found, where, and what is accepted."""
    (guarded.path / "pytest.ini").write_text(f"[pytest]\nperfqa_max_error_rate = {ini}\n")
    (guarded.path / "s.yaml").write_text(SCENARIO.format(rate=40, config=config))
    guarded.test(f"""
        @pytest.mark.perfqa(scenario="s.yaml", {marker})
        def test_it(perf_run): pass
    """)
    result = guarded.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])
