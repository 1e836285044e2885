"""No empty pass: every run is held to a share of errors, and nothing as expected passes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from inner import QUARTER, inner

if TYPE_CHECKING:
    from inner import Told
    from project import Project

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
ready: {{{{tcp: true}}}}
process:
  app: {{{{command: "python guarded.py {{{{port}}}} {status}"}}}}
"""
# The first example of the README, word for word but for its services.
README = """
    pytestmark = pytest.mark.perfqa(scenario="endurance_heavy.yaml", services=["node_replicated"])


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
        assert perf_load(rate="50/s").status["5xx"] == 0


    @pytest.mark.perfqa(errors="expected")
    def test_that_it_is_guarded(perf_run):
        assert perf_run.error_rate == 1
        assert perf_run.availability.ratio == 0
"""
SCENARIO = """
config:
  phases: [{{duration: {seconds}, arrivalRate: {rate}}}]
  {config}
scenarios:
  - flow: [{{post: {{url: /login}}}}]
"""
# Half of the arrivals get what they ask for, exactly.
HALF = """
config:
  payload: {{path: paths.csv, fields: [path], order: sequence}}
  phases: [{{duration: {seconds}, arrivalRate: {rate}}}]
  {config}
scenarios:
  - flow: [{{get: {{url: "/{{{{ path }}}}", name: page{expect}}}}}]
"""


def half(config: str = "", expect: str = "", seconds: float = 0.1) -> str:
    """Give a scenario of 20 arrivals of which half get what they ask for."""
    return HALF.format(config=config, expect=expect, seconds=seconds, rate=20 / seconds)


PATHS = "secret\ngood\n"


def guarded(
    text: str, files: dict[str, str], *, status: int = 401, name: str = "guarded", **options: Any
) -> pytest.MarkDecorator:
    """Have tests of counts run on a service that answers so to everything but /good."""
    files = {f"services/{name}/guarded.py": GUARDED, "paths.csv": PATHS, **files}
    services = {name: SERVICE.format(status=status)}
    return inner(text, files, services=services, among_others=True, **options)


def first_example(status: int) -> Any:
    """Have the first example of the README run on a service that refuses everything so."""
    name = f"refuses_{status}"
    scenario = SCENARIO.format(seconds=1.6, rate=50, config="http: {timeout: 60}")
    mark = guarded(
        README.replace("node_replicated", name),
        {"endurance_heavy.yaml": scenario},
        status=status,
        name=name,
        arguments=QUARTER,
    )
    return pytest.param(status, marks=mark)


@pytest.mark.parametrize("status", [first_example(401), first_example(404)])
def test_the_first_example_fails_where_everything_is_refused(told: Told, status: int) -> None:
    """All tests of the run, whatever they assert; the message is enough to find the mistake."""
    told.assert_outcomes(failed=5, passed=1)
    said = f'80 of 80 answers were not as expected: 80 x {status} at POST /login, first: at * ms, "'
    body = r'{\"error\": \"no token\"}"'
    told.stdout.fnmatch_lines(
        [
            f"E *RequirementMissed: {said}{body}",
            "*accepted: error_rate <= 1 %, another ensure.maxErrorRate, config.perfqa.errors: *",
        ]
    )
    # A test that stumbles over something else has it beside that.
    told.stdout.fnmatch_lines(
        ["E *NoData: pending: not one good answer*", "*perfqa answers of endurance*", f"{said}*"]
    )
    told.stdout.fnmatch_lines(["PASSED *test_that_it_is_guarded*"])
    told.session.no_fnmatch_line("*answers were 4xx*")
    cases = [
        case
        for case in ET.parse(told.path / "junit.xml").iter("testcase")  # noqa: S314
        if case.get("classname") == told.file.removesuffix(".py")
    ]
    assert len([failed for case in cases for failed in case.iter("failure")]) == 5
    shares = [
        one.get("value")
        for case in cases
        for one in case.iter("property")
        if one.get("name") == "perfqa_error_rate"
    ]
    assert shares == ["1"] * 6


# What each scenario says: in its config, and in its only step.
WORDS = {
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


@guarded(
    "".join(
        f"""
    @pytest.mark.perfqa(scenario="{name}.yaml")
    def test_{name}(perf_run): pass
"""
        for name in WORDS
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
""",
    {
        # An abort looks at whole seconds.
        f"{name}.yaml": half(config, expect, seconds=1 if name == "abort" else 0.1)
        for name, (config, expect) in WORDS.items()
    },
)
def test_who_says_how_many_errors_there_may_be_is_held_to_that(told: Told) -> None:
    """In the scenario or in a marker, of which the nearest counts; nobody else's word does."""
    passed = ["most", "threshold", "abort", "declared", "asked", "unasked", "far", "load"]
    failed = ["silent", "fewest", "other", "missed", "near"]
    told.assert_outcomes(passed=len(passed), failed=len(failed))
    for verdict, names in (("PASSED", passed), ("FAILED", failed)):
        told.stdout.fnmatch_lines_random([f"{verdict} *test_{name}?guarded?" for name in names])
    half = "10 of 20 answers were not as expected: 10 x 401 at page, first: at 5 ms, *no token*"
    told.stdout.fnmatch_lines_random(
        [
            f"E *RequirementMissed: {half}",
            "E *ensure: maxErrorRate 40 %: found 50 % of virtual users did not get what they *",
            f"*{half}",
            "*10 of 20 answers*: 10 x 401 (expectation) at page, first: at 5 ms, expected *",
        ]
    )
    # What no test has failed of is told.
    told.session.fnmatch_lines_random(
        [
            "guarded, declared: 10 of 20 answers were 4xx (10 x 401)",
            "guarded, unasked: 10 answers met an expect that names no status, and had *",
        ]
    )
    for name in ("silent", "asked", "missed"):
        told.session.no_fnmatch_line(f"guarded, {name}: *answers *")


USERS = """
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
"""


@guarded(
    """
    @pytest.mark.perfqa(scenario="all.yaml")
    def test_all(perf_run): pass

    @pytest.mark.perfqa(scenario="some.yaml")
    def test_some(perf_run): pass

    @pytest.mark.perfqa(scenario="half.yaml")
    def test_half(perf_run): pass

    @pytest.mark.perfqa(scenario="own.yaml")
    def test_own(perf_run): pass
    """,
    {
        "all.yaml": SCENARIO.format(seconds=0.2, rate=100, config="ensure: {maxErrorRate: 100}"),
        "some.yaml": SCENARIO.format(seconds=0.2, rate=100, config="http: {timeout: 15}"),
        "half.yaml": half(),
        "users.py": USERS,
        "own.yaml": (
            "config: {phases: [{duration: 0.3, arrivalRate: 200}], perfqa: {locustfile: users.py}}"
        ),
    },
    ini="perfqa_max_error_rate = 50%",
)
def test_nothing_as_expected_is_no_pass_however_much_is_allowed(told: Told) -> None:
    """A limit of 100 %, in the scenario or for all; a share for all holds where nobody says."""
    told.assert_outcomes(passed=1, failed=3)
    told.stdout.fnmatch_lines(["PASSED *test_half*"])
    told.stdout.re_match_lines_random(
        [
            r"E .*: 20 of 20 answers were not as expected: 20 x 401 at POST /login, first: at .*",
            r" +accepted: error_rate < 100 %, config.perfqa.errors: expected in the scenario.*",
            r" +accepted: error_rate <= 50 %, another ensure.maxErrorRate, .*",
            r"E .*: \d+ of 60 requests were not answered as expected: .*",
            r"E .*: .*\d+ x 401 at GET plain, first: at .*no token.*",
            r"E .*\d+ x user code, first: at .*, LookupError: out of cheese.*",
        ]
    )
    told.stdout.no_fnmatch_line("*GET asked*")


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
    toy: Project, ini: str, marker: str, config: str, said: str
) -> None:
    """With what was found, where, and what is accepted."""
    (toy.path / "pytest.ini").write_text(f"[pytest]\nperfqa_max_error_rate = {ini}\n")
    (toy.path / "s.yaml").write_text(SCENARIO.format(seconds=2, rate=40, config=config))
    toy.test(f"""
        @pytest.mark.perfqa(scenario="s.yaml", {marker})
        def test_it(perf_run): pass
    """)
    result = toy.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])
