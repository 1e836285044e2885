"""YAML files with line numbers, and their validation: every mistake at once, with its line.

Values are read as YAML 1.2 has them (``yes`` and ``1:30`` are texts, ``1e3`` is a number), keys
are always texts, as they are in the JavaScript tools that share these files.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from ..errors import FileProblems, Problem, UnitError
from . import units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pydantic import ValidationInfo

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

MAX_BYTES = 5_000_000
# Aliases can make a short file unfold into billions of values ("billion laughs").
_MAX_VALUES = 500_000
_SHOWN = 60

_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's idea of what is a number or a boolean."""

    # A copy would keep YAML 1.1's.
    yaml_implicit_resolvers = {}  # noqa: RUF012

    def construct_int(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        base = {"0x": 16, "0o": 8}.get(text.lstrip("+-")[:2], 10)
        return int(text, base)


_RESOLVERS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf)|\.(?:nan|NaN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)
for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z", re.ASCII), _first)
_Loader.add_constructor(_TAG + "int", _Loader.construct_int)


@dataclass(frozen=True)
class Document:
    """A YAML file as it was read.

    Attributes:
        path: the file.
        data: its content: mappings with text keys, lists, texts, numbers, booleans and None.
    """

    path: Path
    data: Any
    root: yaml.Node

    def line(self, loc: Loc, *, key: bool = False) -> int:
        """Tell the line, counted from 1, of the value at ``loc``; with ``key`` that of its key.

        A ``loc`` that goes deeper than the file gives the line of the nearest known parent.
        """
        found = self.root.start_mark.line
        node: yaml.Node | None = self.root
        for part in loc:
            key_line, node = _child(node, part)
            if node is None:
                break
            found = key_line if key and part is loc[-1] else node.start_mark.line
        return int(found) + 1

    def value(self, loc: Loc) -> object:
        """Give the value at ``loc``, or None if the file has nothing there."""
        value = self.data
        for part in loc:
            if not _holds(value, part):
                return None
            value = value[part]
        return value

    def overlaid(self, at: Loc, by: Loc) -> Document:
        """Give the document with the part at ``by`` merged into the one at ``at``.

        Mappings are merged key by key and lists item by item, as lodash's ``merge`` does; lines
        are those of the values that won.
        """
        over = self._node(by)
        if over is None:
            return self
        root = _replaced(self.root, at, over)
        return Document(self.path, _construct(self.path, root), root)

    def _node(self, loc: Loc) -> yaml.Node | None:
        node: yaml.Node | None = self.root
        for part in loc:
            node = _child(node, part)[1]
        return node

    def problem(self, loc: Loc, message: str, *, key: bool = False) -> Problem:
        """Make a problem of ``message``, with the place written before it.

        Its line is that of the value at ``loc``, or of its key if ``key`` is set.
        """
        return Problem(self.path, self.line(loc, key=key), f"{dotted(loc)}: {message}")


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line, item
    if isinstance(node, yaml.MappingNode):
        # The last one wins, since a merge ("<<") puts what it brings first.
        for key, value in reversed(node.value):
            if key.value == str(part):
                return key.start_mark.line, value
    return 0, None


def _replaced(node: yaml.Node, at: Loc, over: yaml.Node) -> yaml.Node:
    if not at:
        return _merged(node, over)
    pairs = [
        (key, _replaced(value, at[1:], over) if key.value == at[0] else value)
        for key, value in node.value
    ]
    return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)


def _merged(node: yaml.Node | None, over: yaml.Node) -> yaml.Node:
    if isinstance(node, yaml.MappingNode) and isinstance(over, yaml.MappingNode):
        pairs = {key.value: (key, value) for key, value in node.value}
        for key, value in over.value:
            pairs[key.value] = (key, _merged(pairs.get(key.value, (None, None))[1], value))
        return yaml.MappingNode(over.tag, list(pairs.values()), over.start_mark, over.end_mark)
    if isinstance(node, yaml.SequenceNode) and isinstance(over, yaml.SequenceNode):
        both = zip_longest(node.value, over.value)
        items = [old if new is None else _merged(old, new) for old, new in both]
        return yaml.SequenceNode(over.tag, items, over.start_mark, over.end_mark)
    return over


def _holds(value: object, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def dotted(loc: Loc) -> str:
    """Write a place as a path into the user's YAML, such as ``config.phases[1].duration``."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w$-]+", part, re.ASCII):
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text or "the file"


def shown(value: object) -> str:
    """Write a value for a message, shortened to 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        text = "a huge number"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def did_you_mean(wrong: str, accepted: Iterable[str]) -> str:
    """Give ``"; did you mean 'x'?"`` if one of the accepted names is close, else nothing."""
    near = difflib.get_close_matches(wrong, list(accepted), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


# Reading -----------------------------------------------------------------------------------


def load_yaml(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        FileProblems: the file is missing, unreadable, over 5 MB, not UTF-8 or empty; it is no
            YAML, holds several documents, duplicate keys, recursive aliases or foreign tags.
    """
    root = _compose(path, _text(path))
    problems = [Problem(path, line + 1, message) for line, message in _Walk(root).mistakes()]
    if problems:
        raise FileProblems(problems)
    data = _construct(path, root)
    if data is None:
        raise _at(path, 1, "the file is empty")
    return Document(path, data, root)


def _at(path: Path, line: int, message: str) -> FileProblems:
    return FileProblems([Problem(path, line, message)])


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise _at(path, 1, "can't be read: it is not a file")
        if path.stat().st_size > MAX_BYTES:
            raise _at(path, 1, f"is larger than {MAX_BYTES // 1_000_000} MB")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise _at(path, 1, "the file does not exist") from None
    except (OSError, ValueError) as error:
        raise _at(path, 1, f"can't be read: {error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _at(path, line, f"is not UTF-8: {error.reason} at byte {error.start}") from error


def _compose(path: Path, text: str) -> yaml.Node:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"is no YAML: the character U+{int(error.character):04X} is not allowed"
        raise _at(path, line, message) from error
    except yaml.MarkedYAMLError as error:
        raise _at(path, _marked_line(error), _syntax(error)) from error
    except RecursionError as error:
        raise _at(path, 1, "is nested too deep") from error
    except (ValueError, OverflowError) as error:  # PyYAML lets escapes such as "\UFFFFFFFF" pass
        raise _at(path, 1, f"is no YAML: {error}") from error
    if root is None:
        raise _at(path, 1, "the file is empty")
    return root


def _marked_line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _syntax(error: yaml.MarkedYAMLError) -> str:
    if "single document" in (error.context or ""):
        return "holds more than one document; accepted: one, without '---' between parts"
    return "is no YAML: " + " ".join(filter(None, [error.context, error.problem]))


def _construct(path: Path, root: yaml.Node) -> object:
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise _at(path, _marked_line(error), _syntax(error)) from error
    except RecursionError as error:
        raise _at(path, 1, "is nested too deep") from error
    except ValueError as error:
        raise _at(path, 1, f"holds a value that can't be read: {error}") from error


class _Walk:
    """Looks at every node once, before any Python value is made of them."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def mistakes(self) -> list[tuple[int, str]]:
        """Give line (counted from 0) and message of each."""
        try:
            found = list(self._visit(self._root))
        except RecursionError:
            return [(0, "is nested too deep")]
        if not found and self._sizes[id(self._root)] > _MAX_VALUES:
            return [(0, f"unfolds its aliases into more than {_MAX_VALUES} values")]
        return found

    def _visit(self, node: yaml.Node) -> Iterator[tuple[int, str]]:
        if id(node) in self._open:
            yield node.start_mark.line, "an alias is recursive: it contains itself"
        if id(node) in self._open or id(node) in self._sizes:
            return
        self._open.add(id(node))
        yield from _tag_mistakes(node)
        if isinstance(node, yaml.MappingNode):
            yield from _key_mistakes(node)
        children = list(_values(node))
        for child in children:
            yield from self._visit(child)
        self._open.remove(id(node))
        self._sizes[id(node)] = 1 + sum(self._sizes.get(id(child), 0) for child in children)


def _values(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _tag_mistakes(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if node.tag not in _TAGS:
        tag = node.tag.replace(_TAG, "!!")
        yield node.start_mark.line, f"the tag {shown(tag)} is not accepted: write a plain value"
    if isinstance(node, yaml.ScalarNode) and not node.value.isascii():
        yield from _join_surrogates(node)


def _join_surrogates(node: yaml.ScalarNode) -> Iterator[tuple[int, str]]:
    # JSON writes a character above U+FFFF as two escapes, which PyYAML leaves apart.
    try:
        node.value = node.value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        yield node.start_mark.line, f"half a surrogate pair in {shown(node.value)}"


def _key_mistakes(node: yaml.MappingNode) -> Iterator[tuple[int, str]]:
    seen: dict[str, int] = {}
    pairs = []
    for key, value in node.value:
        line = key.start_mark.line
        if not isinstance(key, yaml.ScalarNode):
            yield line, "a key is a list or a mapping; accepted: a text"
            continue
        yield from _tag_mistakes(key)
        if key.value in seen:
            yield line, f"duplicate key {shown(key.value)}, first in line {seen[key.value] + 1}"
        seen.setdefault(key.value, line)
        pairs.append((_text_key(key), value))
    node.value = pairs


def _text_key(key: yaml.ScalarNode) -> yaml.ScalarNode:
    if key.tag == _TAG + "merge":
        return key
    # A new node: the old one may be an alias that is a number elsewhere.
    return yaml.ScalarNode(_TAG + "str", key.value, key.start_mark, key.end_mark)


# Validating --------------------------------------------------------------------------------


class Strict(BaseModel):
    """A part of a file: unknown keys are mistakes, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _remember_accepted(cls, data: object, info: ValidationInfo) -> object:
        # pydantic's error for an unknown key doesn't say which keys are known.
        if isinstance(info.context, _Context) and isinstance(data, dict):
            info.context.accepted[id(data)] = cls._accepted()
        return data

    @classmethod
    def _accepted(cls) -> list[str]:
        return [
            field.alias or name
            for name, field in cls.model_fields.items()
            if not any(isinstance(mark, Refused) for mark in field.metadata)
        ]


@dataclass(frozen=True)
class Refused:
    """Marks a field of a known key that can't be honoured: whoever writes it gets the reason."""

    reason: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Refuse whatever value the key has."""
        return core_schema.no_info_before_validator_function(self._refuse, handler(source))

    def _refuse(self, _value: object) -> object:
        raise PydanticCustomError("refused", "{reason}", {"reason": self.reason})


class _Context:
    """Which keys the model accepts that each mapping of the file was validated against."""

    def __init__(self) -> None:
        self.accepted: dict[int, list[str]] = {}


def unaccepted(accepted: str) -> PydanticCustomError:
    """Make the error of a field validator; ``accepted`` says what would do."""
    return PydanticCustomError("unaccepted", "{accepted}", {"accepted": accepted})


def validate(document: Document, model: type[M], at: Loc = ()) -> M:
    """Turn a file, or the part of it at ``at``, into a record of ``model``.

    A ``ValueError`` from a validator is taken as a whole sentence; ``unaccepted`` gets what was
    found written before it.

    Raises:
        FileProblems: with every mistake, its line, what was found and what is accepted.
    """
    context = _Context()
    try:
        return model.model_validate(document.value(at), context=context)
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            detail["loc"] = at + detail["loc"]
        raise FileProblems(_Explain(document, context.accepted).problems(details)) from None


class _Explain:
    """Turns pydantic's errors into sentences about the user's file."""

    def __init__(self, document: Document, accepted: Mapping[int, list[str]]) -> None:
        self._document = document
        self._accepted = accepted

    def problems(self, details: Iterable[ErrorDetails]) -> list[Problem]:
        problems = []
        # The branches of a union each have an error for one place: one sentence says it all.
        alternatives: dict[Loc, list[ErrorDetails]] = {}
        for detail in details:
            loc = self._real(detail)
            if detail["type"] in ("missing", "extra_forbidden", "value_error", "refused"):
                problems.append(self._single(loc, detail))
            else:
                alternatives.setdefault(loc, []).append(detail)
        problems += [self._found(loc, errors) for loc, errors in alternatives.items()]
        return problems

    def _real(self, detail: ErrorDetails) -> Loc:
        """Drop from pydantic's place what isn't in the file: names of union branches."""
        real: list[str | int] = []
        value = self._document.data
        for part in detail["loc"]:
            if _holds(value, part):
                value = value[part]
                real.append(part)
        return (*real, detail["loc"][-1]) if detail["type"] == "missing" else tuple(real)

    def _single(self, loc: Loc, detail: ErrorDetails) -> Problem:
        if detail["type"] == "missing":
            return self._document.problem(loc[:-1], f"the key {loc[-1]!r} is missing")
        if detail["type"] == "extra_forbidden":
            return self._unknown(loc)
        if detail["type"] == "refused":
            return self._document.problem(loc, detail["msg"], key=True)
        return self._document.problem(loc, str(detail["ctx"]["error"]))

    def _unknown(self, loc: Loc) -> Problem:
        accepted = self._accepted.get(id(self._document.value(loc[:-1])), [])
        message = unknown_key(str(loc[-1]), accepted)
        line = self._document.line(loc, key=True)
        return Problem(self._document.path, line, f"{dotted(loc[:-1])}: {message}")

    def _found(self, loc: Loc, errors: list[ErrorDetails]) -> Problem:
        accepted = " or ".join(dict.fromkeys(map(_accepted, errors)))
        found = shown(self._document.value(loc))
        return self._document.problem(loc, f"found {found}; accepted: {accepted}")


def unknown_key(key: str, accepted: Iterable[str]) -> str:
    """Write the sentence about a key that isn't one of ``accepted``."""
    names = list(accepted)
    return f"unknown key {shown(key)}; accepted: {', '.join(names)}{did_you_mean(key, names)}"


_ACCEPTED = {
    "unaccepted": "{accepted}",
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "none_required": "nothing",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "too_short": "at least {min_length} item(s)",
    "too_long": "at most {max_length} item(s)",
    "string_too_short": "a text of at least {min_length} characters",
}


def _accepted(detail: ErrorDetails) -> str:
    template = _ACCEPTED.get(detail["type"])
    # What pydantic says otherwise is short and has no braces to fill.
    return template.format_map(detail.get("ctx", {})) if template else detail["msg"].lower()


# Fields ------------------------------------------------------------------------------------

_SECONDS = "seconds as a number, or a text such as '10s', '0.5 min', '500ms'"
_RATE = "a number of at least 0, per second"
_COUNT = "a whole number of at least 0"


def _number(value: object, accepted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise unaccepted(accepted)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise unaccepted(accepted) from None
    if not math.isfinite(number):
        raise unaccepted(accepted)
    return number


def seconds(value: object, *, zero: bool = False) -> float:
    """Read a duration as files have it: seconds, or a text with a unit.

    Raises:
        PydanticCustomError: it is no finite time above 0 (or from 0, with ``zero``).
    """
    accepted = f"{_SECONDS}, {'not negative' if zero else 'above 0'}"
    try:
        number = _number(value, accepted)
    except PydanticCustomError:
        number = _with_unit(value, accepted)
    if number < 0 or (number == 0 and not zero):
        raise unaccepted(accepted)
    return number


def _with_unit(value: object, accepted: str) -> float:
    if not isinstance(value, str):
        raise unaccepted(accepted)
    try:
        return float(units.parse(value, units.Unit.SECOND))
    except UnitError:
        raise unaccepted(accepted) from None


def _rate(value: object) -> float:
    number = _number(value, _RATE)
    if number < 0:
        raise unaccepted(_RATE)
    return number


def _count(value: object) -> int:
    number = _number(value, _COUNT)
    if number < 0 or number != int(number):
        raise unaccepted(_COUNT)
    return int(number)


def _seconds_or_zero(value: object) -> float:
    return seconds(value, zero=True)


DurationField = Annotated[float, BeforeValidator(seconds)]
"""Seconds above 0, from a number, a numeric text or a text with a unit such as ``"10s"``."""

PauseField = Annotated[float, BeforeValidator(_seconds_or_zero)]
"""As ``DurationField``, and 0 is accepted."""

RateField = Annotated[float, BeforeValidator(_rate)]
"""A finite rate per second of at least 0, from a number or a numeric text."""

CountField = Annotated[int, BeforeValidator(_count)]
"""A whole number of at least 0, from a number or a numeric text."""
