"""What the values of all keys are made of: annotated types, and why some keys are refused."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ...base.yaml_file.fields import CountField
from ...base.yaml_file.validation import Refused, Strict, unaccepted
from .url import has_host, path_of


class Section(Strict):
    """A mapping of the file, its keys written as Artillery has them."""

    model_config = ConfigDict(alias_generator=to_camel)


def scalar_text(value: object) -> str:
    """Write a text, number or boolean as JavaScript prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if not isinstance(value, str):
        raise unaccepted("a text")
    return value


def _one_line(value: str) -> str:
    # A line break in a header or an URL would smuggle in another header.
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise unaccepted("a text without line breaks or other control characters")
    return value


def _flag(value: object) -> bool:
    flags = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in flags:
        raise unaccepted("true or false")
    return flags[value]


def _list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _url(value: str) -> str:
    # Another host is found where the target is known.
    if not path_of(value, None).startswith(("/", "{{")) and not has_host(value):
        raise unaccepted("a path that begins with '/'")
    return value


def _jsonpath(value: str) -> str:
    from jsonpath_ng.ext.parser import parse  # noqa: PLC0415 - 50 ms for those who use it

    if "{{" in value:
        raise unaccepted("an expression without templates")
    try:
        parse(value)
    except Exception:  # noqa: BLE001 - the parser lets errors of many types through
        raise unaccepted("a JSONPath such as '$.items[0].id'") from None
    return value


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise unaccepted("finite numbers, which is all that JSON has")
    for inner in value.values() if isinstance(value, dict) else ():
        _finite(inner)
    for inner in value if isinstance(value, list) else ():
        _finite(inner)
    return value


def _some(value: object) -> object:
    if value == []:
        raise unaccepted("a value, or a list of at least one")
    return value


def _status(value: object) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"\{\{[^{}]*\}\}", value):
        return value
    if not isinstance(value, bool) and re.fullmatch(r"[1-5]\d\d", str(value)):
        return int(str(value))
    raise unaccepted("a status code such as 200")


Text = Annotated[str, BeforeValidator(scalar_text)]
Line = Annotated[Text, AfterValidator(_one_line)]
Lines = Line | list[Line]
Flag = Annotated[bool, BeforeValidator(_flag)]
Url = Annotated[Line, AfterValidator(_url)]
JsonPath = Annotated[str, AfterValidator(_jsonpath)]
Positive = Annotated[CountField, Field(ge=1)]
Json = Annotated[Any, AfterValidator(_finite)]
Alternatives = Annotated[Json, AfterValidator(_some)]
Status = Annotated[int | str, BeforeValidator(_status)]

#: Before a list: one value without a list stands for a list of it.
OneOrMore = BeforeValidator(_list)


def cannot(reason: str) -> Refused:
    """Mark a key of Artillery's that can't be honoured, for a reason."""
    return Refused(f"can't be honoured: {reason}")


Script = Annotated[object, cannot("JavaScript is not run")]
OtherEngine = Annotated[object, cannot("only HTTP requests are sent")]
