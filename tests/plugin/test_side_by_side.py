"""Several services under several scenarios: one table each, and one over all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

pytestmark = pytest.mark.timed


def test_a_matrix_ends_with_its_services_over_all_scenarios(toy: Project) -> None:
    """In the terminal and at the top of the report; the one that does one at a time queues."""
    single = toy.service("single")
    server = (single / "server.py").read_text()
    # Threads are for requests that come together: here one waits for the other.
    (single / "server.py").write_text(server.replace("ThreadingHTTPServer", "HTTPServer"))
    toy.scenario(duration=0.25, rate=160)
    toy.scenario("slow.yaml", duration=0.6, rate=160, url="/sleep/0.0125")
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_steady(perf_run): pass

        @pytest.mark.perfqa(scenario="slow.yaml")
        def test_slow(perf_run): pass
    """)
    result = toy.run("--perfqa-report=report")
    result.assert_outcomes(passed=4)
    lines = result.stdout.str().splitlines()
    assert {"steady, side by side:", "slow, side by side:"} <= set(lines)
    headings, *rows = (line.split() for line in lines[lines.index("over all scenarios:") + 1 :][:3])
    assert headings[-3:] == ["queue", "grows", "under"]
    assert {row[0]: row[-1] for row in rows} == {"single": "slow", "toy": "none"}
    page = (toy.path / "report" / "index.html").read_text()
    assert page.index("By configuration, over all scenarios") < page.index("All runs")
