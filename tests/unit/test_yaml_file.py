# ruff: noqa: ISC004 - long messages
"""YAML with lines, and validation that says everything at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_perfqa.base.yaml_file.fields import CountField, DurationField, PauseField, RateField
from pytest_perfqa.base.yaml_file.reading import MAX_BYTES, load_yaml
from pytest_perfqa.base.yaml_file.validation import Refused, Strict, validate
from pytest_perfqa.errors import FileProblems

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.base.yaml_file.reading import Loc


class Part(Strict):
    """A part of a file with a field of every kind."""

    duration: DurationField | None = None
    pause: PauseField | None = None
    rate: RateField | None = None
    count: CountField | None = None
    kind: Literal["uniform", "poisson"] = "uniform"
    port: int | str | None = None
    script: Annotated[object, Refused("can't be honoured: no scripts")] = None


class File(Strict):
    """A file of parts."""

    parts: list[Part]
    names: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it


def written(folder: Path, content: str | bytes) -> Path:
    """Write a file and give its path."""
    path = folder / "file.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems(folder: Path, content: str | bytes) -> list[str]:
    """Give what is wrong with a file, as ``line: message``."""
    with pytest.raises(FileProblems) as caught:
        validate(load_yaml(written(folder, content)), File)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n"
    for old, new in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1: the file is empty"),
        ("# nothing\n", "1: the file is empty"),
        ("a: [1\nb: 2\n", "2: is no YAML"),
        ("a: 1\n b: 2\n", "2: is no YAML: mapping values are not allowed here"),
        ("a: 'x", "1: is no YAML"),
        ("a: *b", "1: is no YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 2\n", "2: holds more than one document"),
        (b"a: 1\nb: \xff\n", "2: is not UTF-8"),
        ("a: \x01", "1: is no YAML: the character U+0001 is not allowed"),
        ('a: "\\UFFFFFFFF"', "1: is no YAML"),
        ("&a [*a]", "1: an alias is recursive"),
        ("x:\n  &a\n  y: *a\n", "2: an alias is recursive"),
        ("[" * 5000, "1: is nested too deep"),
        (BOMB, "1: unfolds its aliases into more than"),
        ("a: 1\nb: !!python/name:os.system x\n", "2: the tag '!!python/name:os.system' is not"),
        ("a: !!timestamp x", "1: the tag '!!timestamp' is not accepted"),
        ("a: !!int x", "1: holds a value that can't be read"),
        ("a: " + "9" * 5000, "1: holds a value that can't be read"),
        ("? [1]\n: 2\n", "1: a key is a list or a mapping"),
        ("<<: 3", "1: is no YAML"),
        ('a: "\\ud800"', "1: half a surrogate pair"),
    ],
)
def test_unreadable(tmp_path: Path, content: str | bytes, expected: str) -> None:
    """What is no plain YAML document is told with its line."""
    found = problems(tmp_path, content)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_duplicate_keys_are_all_told(tmp_path: Path) -> None:
    """Each duplicate is a problem of its own, quoted or not."""
    found = problems(tmp_path, 'a: 1\na: 2\nb: {c: 1, "c": 2}\n1: x\n"1": y\n')
    assert found == [
        "2: duplicate key 'a', first in line 1",
        "3: duplicate key 'c', first in line 3",
        "5: duplicate key '1', first in line 4",
    ]


@pytest.mark.parametrize("name", ["missing.yaml", ".", "nul\0"])
def test_no_file(tmp_path: Path, name: str) -> None:
    """A missing file, a folder and an impossible name are problems in line 1."""
    with pytest.raises(FileProblems) as caught:
        load_yaml(tmp_path / name)
    assert caught.value.problems[0].line == 1


def test_too_large(tmp_path: Path) -> None:
    """A file over the limit is refused before it is read."""
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(FileProblems, match="larger than 5 MB"):
        load_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("012", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1_000", "1_000"),
        ("~", None),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_values_are_those_of_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    """Values mean what they mean to the JavaScript tools that share the files."""
    assert load_yaml(written(tmp_path, f"a: {text}")).data == {"a": value}


def test_keys_are_texts(tmp_path: Path) -> None:
    """A number as a key is its text, and an alias to it stays a number elsewhere."""
    document = load_yaml(written(tmp_path, "200: &x 5\ntrue: *x\n"))
    assert document.data == {"200": 5, "true": 5}


@pytest.mark.parametrize(
    ("loc", "key", "line"),
    [
        ((), False, 1),
        (("a",), True, 1),
        (("a",), False, 2),
        (("a", 1), False, 3),
        (("a", 1, "b"), False, 4),
        (("a", 1, "b"), True, 3),
        (("a", 1, "b", "deeper", 3), False, 4),
        (("a", 9), False, 2),
        (("none",), True, 1),
    ],
)
def test_lines(tmp_path: Path, loc: Loc, key: bool, line: int) -> None:
    """A place gives the line of its value or key, or of the nearest known parent."""
    document = load_yaml(written(tmp_path, "a:\n- 1\n- b:\n    text\n"))
    assert document.line(loc, key=key) == line


def test_merged_keys_have_the_lines_they_were_written_in(tmp_path: Path) -> None:
    """What ``<<`` brings is found at its anchor, what overrides it in its own line."""
    document = load_yaml(
        written(tmp_path, "base: &base\n  a: 1\n  b: 2\nuse:\n  <<: *base\n  b: 3\n")
    )
    assert document.data["use"] == {"a": 1, "b": 3}
    assert (document.line(("use", "a")), document.line(("use", "b"))) == (2, 6)


def test_overlaid(tmp_path: Path) -> None:
    """Mappings merge by key, lists by position, and lines follow what won."""
    document = load_yaml(
        written(tmp_path, "a: {x: 1, l: [1, {p: 1, q: 2}]}\nb:\n  x: 5\n  l: [7, {q: 8}, 9]\n")
    ).overlaid(("a",), ("b",))
    assert document.data["a"] == {"x": 5, "l": [7, {"p": 1, "q": 8}, 9]}
    assert document.data["b"] == {"x": 5, "l": [7, {"q": 8}, 9]}
    assert [document.line(("a", *loc)) for loc in [("x",), ("l", 1, "p"), ("l", 2)]] == [3, 1, 4]


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """Each mistake has its line, its place, what was found and what is accepted."""
    found = problems(
        tmp_path,
        "parts:\n- durations: 3\n  kind: poison\n- port: [1]\n  script: x\n- 5\nnames: {200: 3}\n",
    )
    assert found == [
        "2: parts[0]: unknown key 'durations'; accepted: duration, pause, rate, count, kind, port;"
        " did you mean 'duration'?",
        "3: parts[0].kind: found 'poison'; accepted: 'uniform' or 'poisson'",
        "4: parts[1].port: found [1]; accepted: a whole number or a text",
        "5: parts[1].script: can't be honoured: no scripts",
        "6: parts[2]: found 5; accepted: a mapping of keys to values",
        "7: names.200: found 3; accepted: a text",
    ]


def test_missing_key_and_long_value(tmp_path: Path) -> None:
    """A missing key is told at its parent; a long value is shortened."""
    assert problems(tmp_path, "names: {a b: 1}") == [
        "1: names['a b']: found 1; accepted: a text",
        "1: the file: the key 'parts' is missing",
    ]
    assert len(problems(tmp_path, f"parts: {'x' * 500}")[0]) < 120


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10),
        ("'10'", 10),
        ("0.5", 0.5),
        ("10s", 10),
        ("0.5 min", 30),
        ("2m", 120),
        ("500ms", 0.5),
        ("1h", 3600),
    ],
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    """Durations are seconds, or texts with a unit."""
    file = validate(load_yaml(written(tmp_path, f"parts: [{{duration: {text}, pause: 0}}]")), File)
    assert (file.parts[0].duration, file.parts[0].pause) == (seconds, 0)


@pytest.mark.parametrize(
    "field",
    [
        *(f"duration: {text}" for text in ("0", "-1", "true", ".nan", ".inf", "10 B", "x", "[]")),
        *(f"duration: {text}" for text in ("'1e999'", "'nan'", "''", "1" + "0" * 400)),
        *(f"rate: {text}" for text in ("-1", "true", ".nan", ".inf", "x", "5/s", "{}")),
        *(f"count: {text}" for text in ("-1", "1.5", "true", ".inf", "x")),
        "pause: -1",
    ],
)
def test_refused_numbers(tmp_path: Path, field: str) -> None:
    """What is no finite number of the right sign is refused with what is accepted."""
    (found,) = problems(tmp_path, f"parts:\n- {field}\n")
    assert found.startswith(f"2: parts[0].{field.split(':', maxsplit=1)[0]}: found ")
    assert "; accepted: " in found


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(st.one_of(st.text(), st.binary(), st.text("[]{}&*a:- \n!<,'\"?|>#%@`1.")))
def test_any_text(tmp_path: Path, content: str | bytes) -> None:
    """Whatever a file holds, it is read or a FileProblems tells why not."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    try:
        validate(load_yaml(written(tmp_path, raw)), File)
    except FileProblems as error:
        assert error.problems  # noqa: PT017 - not raising is right too
