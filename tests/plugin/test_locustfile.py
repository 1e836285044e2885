"""A user's own Locust classes, and a closed model, through perf_run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from inner import QUARTER, inner

if TYPE_CHECKING:
    from inner import Told
    from project import Project

USERS = """
from locust import HttpUser, task

class Someone(HttpUser):
    @task
    def ask(self):
        self.client.get("/", name="home")
        self.client.get("/status/503")
"""


OWN = "config: {phases: [{duration: 1, arrivalRate: 20}], perfqa: {locustfile: users.py}}\n"
CLOSED = """
config: {phases: [{duration: 0.5}], perfqa: {users: 4}}
scenarios: [{flow: [{get: {url: /sleep/0.05}}]}]
"""


@inner(
    """
    import sys

    @pytest.mark.perfqa(scenario="own.yaml", errors="expected")
    def test_it(perf_run):
        assert perf_run.launched == perf_run.completed == 20
        assert perf_run.load_model == "open"
        assert perf_run.endpoint("GET home").status[200] == 20
        assert perf_run.status[503] == 20
        assert perf_run.errors["user code"] == 0
        assert "locust" not in sys.modules and "gevent" not in sys.modules
    """,
    {"users.py": USERS, "own.yaml": OWN},
    arguments=QUARTER,
    among_others=True,
)
def test_a_locustfile_is_run_outside_pytest(told: Told) -> None:
    """Exact counts from the user's classes; Locust never gets into the pytest process."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["users.py: its own times are not scaled by 0.25"])


@inner(
    """
    @pytest.mark.perfqa(scenario="closed.yaml")
    def test_it(perf_run):
        assert perf_run.load_model == "closed"
        assert 30 <= perf_run.launched <= 44
        assert perf_run.launched == perf_run.completed
    """,
    {"closed.yaml": CLOSED},
)
def test_a_closed_model_says_so(told: Told) -> None:
    """In the notes of the terminal: it slows down with the service."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["closed: a closed model, up to 4 users who each wait*slows down*"])


@pytest.mark.usefixtures("without_locust")
def test_a_broken_locustfile_is_a_usage_error(toy: Project) -> None:
    """Told with its line, before anything starts."""
    (toy.path / "users.py").write_text("class A(:\n")
    (toy.path / "own.yaml").write_text(OWN)
    toy.test("""
        @pytest.mark.perfqa(scenario="own.yaml")
        def test_it(perf_run): pass
    """)
    result = toy.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*users.py:1: not Python: invalid syntax*"])
    assert toy.starts() == 0
