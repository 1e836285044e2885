"""Names in templates: known from where they are set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from artillery_files import get, problems, read, with_config, with_steps

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([get(capture={"json": "$.id", "as": "id"}), get(url="/{{ id }}")], False),
        ([get(url="/{{ id }}"), get(capture={"json": "$.id", "as": "id"})], True),
        ([get(url="/{{ id }}", capture={"json": "$.id", "as": "id"})], True),
        ([get(capture={"json": "$.id", "as": "id"}, expect={"equals": ["{{ id }}", 1]})], False),
        (
            [
                {"loop": [get(capture={"json": "$.u", "as": "u"})], "count": 1},
                get(url="/{{ u.id[0] }}"),
            ],
            False,
        ),
        ([{"loop": [get()], "count": 1}, get(url="/{{ $loopCount }}")], True),
        ([get(url="/{{ $uuid }}/{{ $randomString(3) }}/{{ $randomNumber(1, 9) }}")], False),
        ([get(url="/{{ name }}/{{ a-b }}")], False),
    ],
)
def test_names_are_known_from_where_they_are_set(
    tmp_path: Path,
    steps: list[object],
    wrong: bool,
) -> None:
    """A template may use variables, payload fields, earlier captures and functions."""
    (tmp_path / "users.csv").write_text("x,y\n")
    payload = {"path": "users.csv", "fields": ["a-b", "name"]}
    data = with_steps(*steps, payload=payload)
    if wrong:
        assert len(problems(tmp_path, data)) == 1
    else:
        read(tmp_path, data)


def test_captures_of_another_flow_are_unknown(tmp_path: Path) -> None:
    """Each flow has its own captures."""
    data = with_config() | {
        "scenarios": [
            {"flow": [get(capture={"json": "$.id", "as": "id"})]},
            {"flow": [get(url="/{{ id }}")]},
        ]
    }
    assert "scenarios[1].flow[0].get.url: nothing is known as 'id'" in problems(tmp_path, data)[0]
