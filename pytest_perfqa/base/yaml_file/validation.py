"""Files into records: every mistake at once, with its line, what was found and what is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from ...errors import FileProblems, Problem
from ..wording import did_you_mean, shown
from .reading import Document, Loc, dotted, has_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationInfo

M = TypeVar("M", bound=BaseModel)


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
            if has_item(value, part):
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
