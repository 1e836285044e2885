"""Runs of one name are told apart wherever they are named: by folder, by environment, by number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from openmetrics_text import runs_in, strictly

if TYPE_CHECKING:
    from project import Project


@pytest.mark.usefixtures("without_load")
def test_files_of_one_name_and_values_that_print_alike(toy: Project) -> None:
    """In the summary, in exports, in the report's records and in JUnit files."""
    for folder, rate in (("a", 10), ("b", 20), ("c", 30)):
        (toy.path / folder).mkdir()
        toy.scenario(f"{folder}/load.yaml", duration=0.5, rate=rate)
    text = (toy.path / "c" / "load.yaml").read_text()
    text = text.replace("config:", "config:\n  variables: {x: [1]}")
    (toy.path / "c" / "load.yaml").write_text(text)
    for folder in "ab":
        toy.test(
            f"""
            @pytest.mark.perfqa(scenario="load.yaml")
            def test_{folder}(perf_run):
                assert perf_run.scenario == "{folder}/load"
            """,
            f"{folder}/test_{folder}.py",
        )
    toy.test("""
        def test_alike(perf_load):
            runs = [perf_load("c/load.yaml", variables={"x": [*range(100), n]}) for n in (1, 2, 1)]
            assert runs[0] is runs[2]
            assert runs[0] is not runs[1]
            assert runs[1].scenario == runs[0].scenario + " #2"
            assert runs[0].scenario.startswith("load[x=")
    """)
    toy.run(
        *("--junitxml=junit.xml", "--perfqa-report=report"),
        *("--perfqa-export=openmetrics:figures.txt", "--import-mode=importlib"),
    ).assert_outcomes(passed=3)
    told = runs_in((toy.path / "figures.txt").read_text())
    names = {name for name, _ in told}
    assert len(told) == len(names) == 4
    assert {"a/load", "b/load"} < names
    launched = strictly((toy.path / "figures.txt").read_text())["perfqa_launched"]
    counts = {dict(labels)["scenario"]: points[-1][1] for labels, points in launched.items()}
    assert (counts["a/load"], counts["b/load"]) == (5, 10)
    records = [json.loads(one.read_text()) for one in (toy.path / "report").glob("*/result.json")]
    assert {one["scenario"] for one in records} == names
    properties = ET.parse(toy.path / "junit.xml").iterfind(".//property")  # noqa: S314
    in_junit = {one.get("value") for one in properties if "scenario" in str(one.get("name"))}
    assert in_junit == names
