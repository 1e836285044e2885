"""Requirements in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from artillery_files import problems, read, with_config

from pytest_perfqa.scenario.records import Ensure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("place", ["ensure", "plugins"])
def test_ensure(tmp_path: Path, place: str) -> None:
    """Both forms of requirements become records with text, line and strictness."""
    text = f"""\
config:
  phases: [{{duration: 1, arrivalRate: 1}}]
  {"ensure:" if place == "ensure" else "plugins: {ensure:"} {{
    thresholds: [
      http.response_time.p95: 6000,
      "http.codes.500": "1"],
    conditions: [
      {{expression: "http.response_time.p99 < 2e3 and not (vusers.failed / vusers.created >= 0.1)",
       strict: false}}],
    p95: 200,
    maxErrorRate: 5 }}{"" if place == "ensure" else "}"}
scenarios: [{{flow: [{{get: {{url: /}}}}]}}]
"""
    scenario = read(tmp_path, text)
    condition = "http.response_time.p99 < 2e3 and not (vusers.failed / vusers.created >= 0.1)"
    assert scenario.ensure == (
        Ensure("http.response_time.p95 < 6000", 5),
        Ensure("http.codes.500 < 1", 6),
        Ensure(condition, 8, strict=False),
        Ensure("http.response_time.p95 < 200", 10),
    )
    assert scenario.max_error_rate == pytest.approx(0.05)


def test_limits_that_are_none(tmp_path: Path) -> None:
    """They are in milliseconds or numbers, which is said; none of them is a rate."""
    ensure = {"maxErrorRate": "1%", "p95": "200ms", "thresholds": [{"http.codes.500": -1}]}
    found = problems(tmp_path, with_config(ensure=ensure))
    assert sorted(message.partition(": ")[2] for message in found) == [
        "config.ensure.maxErrorRate: found '1%'; accepted: a number of at least 0",
        "config.ensure.p95: found '200ms'; accepted: a number of at least 0",
        "config.ensure.thresholds[0]['http.codes.500']: found -1; accepted: a number of at least 0",
    ]
