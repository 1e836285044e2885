"""Payloads: CSV files whose rows are given to virtual users."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from ...base.wording import shown
from ...base.yaml_file.validation import unaccepted, validate
from ...errors import FileProblems, Problem
from ..records import Payload
from .fields import Flag, Section, cannot
from .walk import each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...base.yaml_file.reading import Document, Loc

_WHERE = ("config", "payload")
_MAX_BYTES = 50_000_000
_MAX_PROBLEMS = 20
_CELL = re.compile(r"true|false|-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?")
_Row = tuple[str | int | float | bool, ...]


def _delimiter(value: str) -> str:
    if len(value) != 1 or value in '\r\n"' or not (value.isprintable() or value == "\t"):
        raise unaccepted("one character, such as ';'")
    return value


class PayloadSpec(Section):
    """A payload as it is written."""

    path: str
    fields: Annotated[list[str], Field(min_length=1)]
    order: Literal["sequence", "random"] = "random"
    skip_header: Flag = False
    skip_empty_lines: Flag = True
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    cast: Flag = True
    load_all: Annotated[object, cannot("each virtual user gets one row")] = None
    name: Annotated[object, cannot("it belongs to 'loadAll'")] = None
    options: Annotated[object, cannot("it belongs to Artillery's CSV parser")] = None


def read_payloads(document: Document) -> tuple[tuple[Payload, ...], list[Problem]]:
    """Read all CSV files of a scenario file, and give what is wrong with them."""
    payloads: list[Payload] = []
    problems: list[Problem] = []
    for loc, raw in each(_WHERE, document.value(_WHERE)):
        if raw is None:
            continue
        try:
            payloads.append(_payload(document, loc))
        except FileProblems as error:
            problems += error.problems
    return tuple(payloads), problems


def _payload(document: Document, loc: Loc) -> Payload:
    spec = validate(document, PayloadSpec, loc)
    path = document.path.parent / spec.path
    try:
        if path.stat().st_size > _MAX_BYTES:
            message = f"{spec.path} is larger than {_MAX_BYTES // 1_000_000} MB"
        elif not path.is_file():
            message = f"{shown(spec.path)} can't be read: it is not a file"
        else:
            text = path.read_text(encoding="utf-8-sig")
            return Payload(tuple(spec.fields), _rows(path, text, spec), spec.order)
    except UnicodeDecodeError as error:
        message = f"{spec.path} is not UTF-8: {error.reason} at byte {error.start}"
    except (OSError, ValueError) as error:
        message = f"{shown(spec.path)} can't be read: {error}"
    raise FileProblems([document.problem((*loc, "path"), message)])


def _rows(path: Path, text: str, spec: PayloadSpec) -> tuple[_Row, ...]:
    rows: list[_Row] = []
    problems: list[Problem] = []
    width: int | None = None
    for line, row in _numbered_rows(path, text, spec):
        width = width or len(row)
        if len(row) != width or width < len(spec.fields):
            message = f"{len(row)} columns; accepted: {max(width, len(spec.fields))}"
            problems.append(Problem(path, line, message))
        cells = row[: len(spec.fields)]
        rows.append(tuple(map(_cast, cells)) if spec.cast else tuple(cells))
    if not rows:
        problems.append(Problem(path, 1, "there are no rows"))
    if problems:
        raise FileProblems(problems[:_MAX_PROBLEMS])
    return tuple(rows)


def _numbered_rows(path: Path, text: str, spec: PayloadSpec) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=spec.delimiter, strict=True)
    line, header = 1, spec.skip_header
    try:
        for row in reader:
            if not header and (row or not spec.skip_empty_lines):
                yield line, row
            line, header = reader.line_num + 1, False
    except csv.Error as error:
        raise FileProblems([Problem(path, line, f"is no CSV: {error}")]) from None


def _cast(cell: str) -> str | int | float | bool:
    # Leading zeros and very long numbers stay texts: as numbers they would lose something.
    if not _CELL.fullmatch(cell):
        return cell
    value: int | float | bool = json.loads(cell)
    return value
