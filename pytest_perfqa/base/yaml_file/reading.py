"""YAML files and the lines of what stands in them.

Values are read as YAML 1.2 has them (``yes`` and ``1:30`` are texts, ``1e3`` is a number), keys
are always texts, as they are in the JavaScript tools that share these files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import yaml

from ...errors import FileProblems, Problem
from ..wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Loc = tuple[str | int, ...]

MAX_BYTES = 5_000_000
# Aliases can make a short file unfold into billions of values ("billion laughs").
_MAX_VALUES = 500_000

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
            if not has_item(value, part):
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


def has_item(value: object, part: str | int) -> bool:
    """Tell whether a value is a list or a mapping with such an item."""
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
