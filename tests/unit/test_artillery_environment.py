# ruff: noqa: ISC004 - long messages
"""Environments, selected or not, and environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artillery_files import problems, read, with_config

from pytest_perfqa.scenario.records import Phase, Request

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_environments(tmp_path: Path) -> None:
    """A named environment is merged into the config; its mistakes have its lines."""
    text = """\
config:
  phases: [{duration: 10, arrivalRate: 1}]
  http: {timeout: 5}
  environments:
    slow: {http: {timeout: 50}, phases: [{duration: 20}, {pause: 3}]}
scenarios: [{flow: [{get: {url: "/{{ $environment }}"}}]}]
"""
    slow = read(tmp_path, text, "slow")
    assert slow.timeout == 50
    assert slow.phases == (Phase("phase 1", 20, 1, 1), Phase("phase 2", 3))
    assert slow.flows[0].steps == (Request("GET", "/slow", "GET /slow"),)
    more = text.replace("scenarios:", "    bad:\n      http: {timeout: 0}\nscenarios:")
    (bad,) = problems(tmp_path, more, "bad")
    assert bad.startswith("7: config.http.timeout: found 0")
    assert problems(tmp_path, more, "slwo") == [
        "5: config.environments: unknown environment 'slwo'; accepted: slow, bad;"
        " did you mean 'slow'?"
    ]
    assert problems(tmp_path, with_config(), "x")[0].endswith("accepted: none")


def test_mistakes_of_other_environments(tmp_path: Path) -> None:
    """What is wrong in an environment is told whichever is selected, and once."""
    text = """\
config:
  phases: [{name: peak, duration: 10, arrivalRate: 1}]
  perfqa: {warmup: peak}
  environments:
    good: {http: {timeout: 5}}
    bad: {http: {timeout: 0}}
    renamed: {phases: [{name: top}]}
scenarios: [{flow: [{get: {url: "/"}}]}]
"""
    bad = "6: config.http.timeout: found 0; accepted: seconds as a number, or a text such as"
    renamed = "3: config.perfqa.warmup: unknown phase 'peak'; accepted: 'top'"
    for environment in (None, "good"):
        first, second = problems(tmp_path, text, environment)
        assert first == f"{renamed} (in environment 'renamed')"
        assert first.endswith("(in environment 'renamed')")
        assert second.startswith(bad)
        assert second.endswith("(in environment 'bad')")
    first, second = problems(tmp_path, text, "renamed")
    assert first == renamed
    assert second.endswith("(in environment 'bad')")


def test_mistakes_of_the_config_are_told_once(tmp_path: Path) -> None:
    """A mistake that stands outside of the environments is not repeated for each of them."""
    data = with_config(environments={"one": {}, "two": {}}, target=5)
    assert problems(tmp_path, data) == ["8: config.target: found 5; accepted: a text"]


def test_other_environments_may_need_what_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment variables and CSV files are needed only for the selected environment."""
    monkeypatch.delenv("PERFQA_TIMEOUT", raising=False)
    payload = {"path": "missing.csv", "fields": ["a"]}
    environments = {
        "ci": {"http": {"timeout": "{{ $env.PERFQA_TIMEOUT }}"}},
        "big": {"payload": payload},
    }
    data = with_config(environments=environments)
    assert read(tmp_path, data).timeout == 10
    assert len(problems(tmp_path, data, "ci")) == 2
    assert len(problems(tmp_path, data, "big")) == 1


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables are filled in when the file is read, numbers too."""
    monkeypatch.setenv("RATE", "4")
    phases = [{"duration": "{{ $processEnvironment.RATE }}", "arrivalRate": "{{ $env.RATE }}"}]
    assert read(tmp_path, with_config(phases=phases)).phases == (Phase("phase 1", 4, 4, 4),)
