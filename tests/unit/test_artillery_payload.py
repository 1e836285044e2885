"""Payloads: CSV files whose rows virtual users get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from artillery_files import problems, read, with_config
from pydantic import TypeAdapter

from pytest_perfqa.errors import FileProblems
from pytest_perfqa.scenario.records import Payload, Scenario

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        ("ann,1\nbob,2\n", {}, (("ann", 1), ("bob", 2))),
        ("name,id\nann,1\n", {"skipHeader": True}, (("ann", 1),)),
        ("ann;007\n\nbob;1.5\n", {"delimiter": ";"}, (("ann", "007"), ("bob", 1.5))),
        ("ann,1\n", {"cast": False}, (("ann", "1"),)),
        ('"a\nb",true,extra\n', {"order": "sequence"}, (("a\nb", True),)),
        ("\ufeffann,-0.5\r\n", {"skipEmptyLines": "true"}, (("ann", -0.5),)),
    ],
)
def test_payload(
    tmp_path: Path, content: str, options: dict[str, object], rows: tuple[tuple[object, ...], ...]
) -> None:
    """CSV rows become tuples, as the options say."""
    (tmp_path / "users.csv").write_text(content, newline="")
    payload = {"path": "users.csv", "fields": ["name", "id"]} | options
    for given_ in (payload, [payload]):
        found = read(tmp_path, with_config(payload=given_)).payloads
        assert found == (Payload(("name", "id"), rows, options.get("order", "random")),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\nc\nd,e\nf,g,h\n", ["users.csv:2: 1 columns; accepted: 2", "users.csv:4: 3 col"]),
        ("a\n", ["users.csv:1: 1 columns; accepted: 2"]),
        ("", ["users.csv:1: there are no rows"]),
        ('a,b\nc,"d', ["users.csv:2: is no CSV"]),
        ("\xff".encode("latin-1"), ["load.yaml:6: config.payload.path: users.csv is not UTF-8"]),
        (None, ["load.yaml:6: config.payload.path: 'users.csv' can't be read"]),
    ],
)
def test_refused_csv(tmp_path: Path, content: str | bytes | None, expected: list[str]) -> None:
    """What is wrong with a CSV file has its own line in it; a missing one that of the YAML."""
    if content is not None:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "users.csv").write_bytes(raw)
    data = with_config(payload={"path": "users.csv", "fields": ["a", "b"]})
    with pytest.raises(FileProblems) as caught:
        read(tmp_path, data)
    found = [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected))


def test_huge_csv_is_refused_unread(tmp_path: Path) -> None:
    """A CSV file of 1 GB is refused by its size."""
    with (tmp_path / "users.csv").open("wb") as file:
        file.truncate(10**9)
    data = with_config(payload={"path": "users.csv", "fields": ["a"]})
    assert "users.csv is larger than 50 MB" in problems(tmp_path, data)[0]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("loadAll", True, "loadAll: can't be honoured"),
        ("name", "x", "name: can't be honoured"),
        ("delimiter", "ab", "delimiter: found 'ab'; accepted: one character"),
        ("order", "up", "order: found 'up'; accepted: 'sequence' or 'random'"),
        ("fields", [], "fields: found []; accepted: at least 1"),
        ("path", ".", "path: '.' can't be read"),
        ("path", "nul\0", "path: 'nul\\x00' can't be read"),
    ],
)
def test_refused_payload(tmp_path: Path, key: str, value: object, expected: str) -> None:
    """What is wrong with a payload's keys is told once."""
    (tmp_path / "users.csv").write_text("a\n")
    payload = {"path": "users.csv", "fields": ["a"]} | {key: value}
    (found,) = problems(tmp_path, with_config(payload=payload))
    assert found.split(": ", 1)[1].startswith(f"config.payload.{expected}")


def test_cells_keep_their_types_on_the_way_to_the_generator(tmp_path: Path) -> None:
    """A scenario is the same after a trip through JSON, which is how generators get it."""
    (tmp_path / "users.csv").write_text("ann,1,1.5,true,007\n")
    payload = {"path": "users.csv", "fields": list("abcde")}
    scenario = read(tmp_path, with_config(payload=payload, variables={"n": [1, "1", None]}))
    adapter = TypeAdapter(Scenario)
    again = adapter.validate_json(adapter.dump_json(scenario))
    assert again == scenario
    assert repr(again.payloads[0].rows) == "(('ann', 1, 1.5, True, '007'),)"
