"""Exports and what a CI shows: well-formed whatever the names."""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from demo_report import (
    cell,
    character,
    characters,
    conclusions,
    per_second,
    records,
    searches,
    seconds,
)
from openmetrics_text import runs_in, strictly
from synthetic import run, samples
from test_report_folder import HOSTILE, hostile

from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.capacity.limits.found import BreakingPoint, Capacity
from pytest_perfqa.errors import ConfigurationError
from pytest_perfqa.load.driver.generator import Progress
from pytest_perfqa.measuring.searches import Search
from pytest_perfqa.report.ci.github import annotation
from pytest_perfqa.report.ci.markdown import markdown_summary
from pytest_perfqa.report.ci.properties import properties
from pytest_perfqa.report.export import openmetrics
from pytest_perfqa.report.export.graphite import GraphiteExport, GraphiteServer, recorded, segment
from pytest_perfqa.report.export.targets import targets
from pytest_perfqa.report.record.schema import Series

NUMBER = r"-?[\d.]+(?:e[+-]\d+)?"
SAMPLE = re.compile(
    r'(?P<name>perfqa_[a-z_]+)\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\} '
    rf"{NUMBER} (?P<at>{NUMBER})"
)


@pytest.mark.parametrize("name", HOSTILE)
def test_openmetrics_stays_well_formed(name: str) -> None:
    """Every line is a comment or a sample; what a service calls itself is in quotes."""
    text = openmetrics.exposition([hostile(records()[2], name)])
    text.encode()
    *lines, end, nothing = text.split("\n")
    assert (end, nothing) == ("# EOF", "")
    for line in lines:
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line


def test_openmetrics_families_stand_together_and_time_goes_on() -> None:
    """Counters rise, series aren't interleaved, the sums are those of the run."""
    record = records()[0]
    assert record.measured is not None
    lines = openmetrics.exposition([record]).splitlines()
    declared = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    placed = [family.name for family in openmetrics.FAMILIES]
    assert declared[: len(placed)] == placed
    series: dict[str, list[tuple[float, float]]] = {}
    order = []
    for line in lines:
        if not line.startswith("#"):
            name, value, at = line.rsplit(" ", 2)
            if not order or order[-1] != name:
                order.append(name)
            series.setdefault(name, []).append((float(at), float(value)))
    assert len(order) == len(set(order))
    for name, points in series.items():
        moments = [moment for moment, _ in points]
        assert moments == sorted(set(moments)), name
        if "_total{" in name:
            values = [value for _, value in points]
            assert values == sorted(values), name
    launched = series['perfqa_launched_total{scenario="spike_heavy",service="node"}']
    assert launched[-1][1] == sum(record.measured.windows.launched)


def test_openmetrics_of_many_runs_has_no_series_twice() -> None:
    """Those of one name, at one time, are told apart; each has its own sums."""
    one = next(record for record in records() if record.measured is not None)
    others = [replace(one, scenario="spike_heavy #2"), replace(one, service="other")]
    text = openmetrics.exposition([one, one, *others, *records(), one])
    node = [(name, "node") for name in ("spike_heavy", *(f"spike_heavy #{n}" for n in range(2, 5)))]
    found = runs_in(text)
    assert {*node, ("spike_heavy #2 #2", "node"), ("spike_heavy", "other")} <= found
    assert ("endurance", "gunicorn") in found
    for labels, points in strictly(text)["perfqa_launched"].items():
        if (dict(labels)["scenario"], dict(labels)["service"]) in node:
            assert points[-1][1] == sum(one.measured.windows.launched)


def test_openmetrics_of_names_that_print_alike() -> None:
    """What can't be printed becomes what somebody may have written."""
    one = next(record for record in records() if record.measured is not None)
    text = openmetrics.exposition(
        [replace(one, scenario=name) for name in ("a\x01", "a\\x01", "a\nb", "a b")]
    )
    assert len(runs_in(text)) == 4


def test_openmetrics_of_two_looks_in_a_millisecond() -> None:
    """The later one counts."""
    one = next(record for record in records() if record.measured is not None)
    looks = Series((1.0, 2.0, 2.0001, 3.0), (0.1, 0.2, 0.3, 0.4))
    part = replace(one.measured.parts[0], cpu=looks, memory=None)
    record = replace(one, measured=replace(one.measured, parts=(part,)))
    (points,) = strictly(openmetrics.exposition([record]))["perfqa_cpu_ratio"].values()
    assert [value for _, value in points] == [0.1, 0.3, 0.4]


def test_graphite_of_names_that_are_one_word_there() -> None:
    """Each run has a path of its own, the same one every time."""
    export = GraphiteExport(GraphiteServer("127.0.0.1", 1, "p"))
    base = run(samples([0.0])).definition
    paths = {}
    for _ in range(2):
        for name in ("a/load", "a_load", "load", "load[rate=5/s]", "load_rate_5_s_"):
            export.begin("toy", replace(base, name=name))
            paths.setdefault(name, set()).add(export._path)
    export.close()
    assert all(len(one) == 1 for one in paths.values())
    assert len(set.union(*paths.values())) == len(paths)


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_names_as_they_are(name: str) -> None:
    """No row has more cells for it, and no tag or link comes of it."""
    text = markdown_summary([hostile(records()[0], name)], interrupted=True)
    row = text.splitlines()[4]
    assert len(re.split(r"(?<!\\)\|", row)) == 11
    assert "<script" not in text
    assert "<img" not in text


@pytest.mark.parametrize("name", ["node", *HOSTILE])
def test_markdown_of_breaking_points_and_characterisations(name: str) -> None:
    """Tables of their own, and why there is no answer."""
    found, missed = (replace(one, service=name, target=name) for one in searches())
    one, failed = (replace(one, service=name, path=name) for one in characters())
    text = markdown_summary([], [found, missed], [one, failed])
    lines = text.splitlines()
    assert lines[0] == "### perfqa: 2 breaking points, 2 characterisations, 1 passed"
    rows = [re.split(r"(?<!\\)\|", line) for line in lines if line.startswith("|")]
    assert [len(row) for row in rows] == [9] * 4 + [8] * 4
    assert rows[2][4:8] == [" 1.3/s ", " 1.3/s ", " 1.4/s ", " 5xx "]
    assert rows[6][3:7] == [" synchronous ", " 3 ", rows[6][5], " 12/s "]
    assert sum(line.startswith("- ") and "it did not start" in line for line in lines) == 2
    assert "<script" not in text


@pytest.mark.parametrize("name", ["node", *HOSTILE])
def test_markdown_of_configurations_over_all_scenarios(name: str) -> None:
    """A table of its own, a row for each."""
    found = [replace(one, queues={name: True}) for one in conclusions()]
    text = markdown_summary([], conclusions=[replace(found[0], service=name), *found[1:]])
    rows = [re.split(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == ["", " service ", " recovers ", " queue grows under ", ""]
    assert [len(row) for row in rows] == [5] * 5
    assert [row[2] for row in rows[2:]] == [" 0 of 2 peaks ", " 0 of 2 peaks ", " 2 of 2 peaks "]
    assert "<script" not in text


def test_markdown_of_many_runs_has_an_end() -> None:
    """A page of a CI takes so much, and says what it leaves out."""
    text = markdown_summary([replace(records()[0], service=f"s{number}") for number in range(300)])
    assert "100 more are not shown." in text
    assert len(text) < 200_000


def test_annotations_stay_on_one_line() -> None:
    """Percent signs, newlines and what ends a property are escaped."""
    line = annotation("tests/a,b.py", 3, "FAILED: x::y", "50 % of\r\n::error::no")
    assert line == (
        "::error file=tests/a%2Cb.py,line=3,title=FAILED%3A x%3A%3Ay::50 %25 of%0D%0A::error::no"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_junit_takes_hostile_names(name: str, pytester: pytest.Pytester) -> None:
    """What XML has no place for is escaped by pytest; properties are texts."""
    told = properties(Verdict.FAILED, name, [cell(name, name)])
    pytester.makepyfile(f"""
        def test_it(record_property):
            for name, value in {told!a}:
                record_property(name, value)
    """)
    pytester.runpytest_inprocess("--junitxml=junit.xml", "-p", "no:perfqa")
    values = [one.get("value") for one in ET.parse("junit.xml").iter("property")]  # noqa: S314
    assert len(values) == 3
    assert values[0] == "FAILED"


def test_properties_of_several_runs_are_told_apart() -> None:
    """Each run's names have its number; nothing is said without saying of which."""
    loads = [run(samples(np.arange(float(number)))) for number in (80, 2)]
    cells = [cell("toy", f"load{number}", one) for number, one in enumerate(loads)]
    told = properties(Verdict.PASSED, "toy", [*cells, cell("toy", "refused", error=OSError("no"))])
    assert len(dict(told)) == len(told)
    found = dict(told)
    assert (found["perfqa_verdict"], found["perfqa_service"]) == ("PASSED", "toy")
    assert [found[f"perfqa_run{one}_scenario"] for one in (1, 2, 3)] == [
        "load0",
        "load1",
        "refused",
    ]
    assert [found[f"perfqa_run{one}_launched"] for one in (1, 2)] == ["80", "2"]
    assert found["perfqa_run1_latency_p95_seconds"] == "0.1"
    assert "perfqa_run3_launched" not in found
    assert {name for name in found if "run" not in name} == {"perfqa_verdict", "perfqa_service"}


def test_properties_of_breaking_points_and_characterisations() -> None:
    """What was found, in base units; of a search that failed, only what was looked for."""
    found = BreakingPoint(
        capacity=Capacity.BURST,
        rate=per_second(1.3),
        low=per_second(1.3),
        high=per_second(1.4),
        broken=True,
        cause="5xx",
        confirmed=True,
        probes=(),
        wall=seconds(8.0),
        service="node",
        target="GET /heavy",
        window=10.0,
    )
    search = Search("node", "GET /heavy", found=found)
    told = properties(Verdict.PASSED, "node", [], [search], [character()])
    assert dict(told) == {
        "perfqa_verdict": "PASSED",
        "perfqa_service": "node",
        "perfqa_breaking_point_target": "GET /heavy",
        "perfqa_breaking_point_capacity": Capacity.BURST.value,
        "perfqa_breaking_point_rate_per_second": "1.3",
        "perfqa_breaking_point_low_per_second": "1.3",
        "perfqa_breaking_point_high_per_second": "1.4",
        "perfqa_breaking_point_size": "13",
        "perfqa_breaking_point_cause": "5xx",
        "perfqa_characterization_path": "/heavy",
        "perfqa_characterization_kind": "synchronous",
        "perfqa_characterization_workers": "3",
        "perfqa_characterization_service_time_seconds": "0.25",
        "perfqa_characterization_saturation_per_second": "12",
    }
    failed = Search("node", "GET /other")
    two = dict(properties(Verdict.INVALID, "node", [], [search, failed]))
    assert two["perfqa_breaking_point1_rate_per_second"] == "1.3"
    assert two["perfqa_breaking_point2_target"] == "GET /other"
    assert "perfqa_breaking_point2_rate_per_second" not in two


@pytest.mark.parametrize("name", HOSTILE)
def test_a_step_of_a_graphite_path_is_one_step(name: str) -> None:
    """No dot, space or newline gets through, and long names stay apart."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", segment(name))
    assert segment(name + "a" * 300) != segment(name + "b" * 300)
    assert segment("größe") != segment("grüße")
    assert [segment(one) for one in ("app#1", "no ports", "node")] == ["app_1", "no_ports", "node"]


def test_what_graphite_is_told_adds_up() -> None:
    """Second by second from the start of the run; counts are those of the run."""
    result = run(samples(np.arange(100) / 10, 0.2, status=np.where(np.arange(100) % 2, 200, 503)))
    told: dict[str, dict[int, float]] = {}
    for name, value, at in recorded(result):
        told.setdefault(name, {})[at] = value
    start = int(result.started_at.timestamp())
    assert min(told["arrivals.launched"]) == start
    assert sum(told["arrivals.launched"].values()) == 100
    assert sum(told["status.503"].values()) == 50
    assert told["latency.p95"][start + 3] == pytest.approx(0.2)


def test_what_graphite_is_told_while_a_run_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates since the time before, names in one step; a code that has gone is told to be 0."""
    sent: list[str] = []
    export = GraphiteExport(GraphiteServer("127.0.0.1", 9))
    monkeypatch.setattr(export._sender, "put", sent.extend)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    hostile = dict.fromkeys(HOSTILE, 3)
    export.begin("toy", run(samples([0.0])).definition)
    export.progress(Progress(1.0, 10, 2, 7, 1, 0.1, {"200": 5, "503": 2}, {"no ports": 1}))
    export.progress(Progress(3.0, 30, 2, 23, 5, None, {"200": 21, "503": 2}, hostile))
    assert all(re.fullmatch(r"[\w.-]+ [\d.e-]+ 1000\n", line) for line in sent)
    told = [line.removeprefix("perfqa.toy.steady.").split()[:2] for line in sent]
    assert told[:9] == [
        ["arrivals.launched", "10"],
        ["arrivals.completed", "7"],
        ["arrivals.failed", "1"],
        ["status.200", "5"],
        ["status.503", "2"],
        ["errors.no_ports", "1"],
        ["arrivals.pending", "2"],
        ["latency.p95", "0.1"],
        ["arrivals.launched", "10"],
    ]
    later = dict(told[8:])
    assert (later["status.200"], later["status.503"], later["arrivals.failed"]) == ("8", "0", "2")
    errors = [name for name in later if name.startswith("errors.")]
    assert len(errors) == len(HOSTILE)
    assert {later[name] for name in errors} == {"1.5"}


def test_a_receiver_that_is_gone_costs_nothing_but_a_note() -> None:
    """Nobody listens; then somebody who never reads."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        export = GraphiteExport(GraphiteServer("127.0.0.1", listener.getsockname()[1]))
        result = run(samples(np.arange(20) / 10))
        export.begin("toy", result.definition)
        export.progress(Progress(1.0, 10, 1, 9, 0, 0.1))
        export.end(result)
        export.close()
    (note,) = export.notes
    assert re.match(r"graphite 127\.0\.0\.1:\d+: \d+ values were not sent: .*refused", note)


def test_a_receiver_gets_every_second_at_once() -> None:
    """It never says anything, and nobody waits for that: one connection takes all."""
    received: list[bytes] = []

    def receive() -> None:
        connection, _ = listener.accept()
        with connection:
            received.append(connection.makefile("rb").read())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        export = GraphiteExport(GraphiteServer("127.0.0.1", listener.getsockname()[1]))
        export.begin("toy", run(samples([0.0])).definition)
        for second in range(1, 61):
            export.progress(Progress(second, second, 0, second, 0, None))
        started = time.monotonic()
        export.close()
        assert time.monotonic() - started < 3
        thread.join(10)
    assert export.notes == ()
    assert received[0].count(b"arrivals.launched 1 ") == 60


def test_a_receiver_that_comes_back_is_found_again() -> None:
    """Each connection takes what is sent while it lasts."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        export = GraphiteExport(GraphiteServer("127.0.0.1", listener.getsockname()[1], "p"))
        export.begin("toy", run(samples([0.0])).definition)
        export.progress(Progress(1.0, 10, 1, 9, 0, 0.1))
        connection, _ = listener.accept()
        received.append(connection.recv(65536))
        connection.close()
        done = threading.Event()

        def again() -> None:
            other, _ = listener.accept()
            with other:
                received.append(other.makefile("rb").read())
            done.set()

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        while not done.wait(0.05) and len(received) < 2:
            export.progress(Progress(2.0, 25, 1, 9, 0, None))
            export.close()
            break
        thread.join(10)
    assert b"p.toy.steady.arrivals.launched 10 " in received[0]
    assert b"p.toy.steady.arrivals.launched 15 " in received[1]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("graphite:127.0.0.1:2003", GraphiteServer("127.0.0.1", 2003)),
        ("graphite:carbon:2003/a.b", GraphiteServer("carbon", 2003, "a.b")),
        ("graphite:[::1]:2003/x", GraphiteServer("::1", 2003, "x")),
    ],
)
def test_addresses_of_graphite(written: str, read: GraphiteServer) -> None:
    """Host, port and prefix."""
    (found,) = targets(written, Path())
    assert isinstance(found, GraphiteExport)
    assert found.server == read


@pytest.mark.parametrize(
    "written",
    [
        "graphite:host",
        "graphite:host:99999",
        "graphite::1",
        "graphite:h:1/a b",
        "openmetrics:",
        "x",
    ],
)
def test_targets_that_can_not_be(written: str) -> None:
    """One line says what is accepted."""
    with pytest.raises(ConfigurationError, match="accepted: graphite:HOST:PORT"):
        targets(written, Path())
