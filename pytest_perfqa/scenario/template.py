"""Templates in scenario files: ``{{ name }}`` and functions such as ``{{ $randomString(8) }}``.

A text that is one template alone keeps the value's type, so that ``json: {id: "{{ id }}"}`` sends
a number where ``id`` is one; within a longer text the value is printed.
"""

from __future__ import annotations

import json
import re
import string
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_CALL = re.compile(r"(\$[A-Za-z]+)\s*\(\s*([^()]*?)\s*\)\Z")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")

#: Functions and how many whole numbers they take.
FUNCTIONS = {"$randomString": (0, 1), "$randomNumber": (0, 2), "$uuid": (0,)}
#: Values known within a loop: the number of the pass, counted from 0, and the element.
LOOP_NAMES = ("$loopCount", "$loopElement")

_DEFAULT_LENGTH = 10
_DEFAULT_RANGE = (0, 100)


def expressions(value: Any) -> Iterator[str]:
    """Give what stands between the braces in all texts within ``value``."""
    if isinstance(value, str):
        yield from (match[1] for match in _TEMPLATE.finditer(value))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from expressions(key)
            yield from expressions(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from expressions(inner)


def function_call(expression: str) -> tuple[str, tuple[int, ...]] | None:
    """Read ``$function(1, 2)``, or give None where the expression is the name of a variable.

    Raises:
        ValueError: an unknown function, or arguments it doesn't take.
    """
    match = _CALL.match(expression)
    name = match[1] if match else expression
    if name not in FUNCTIONS:
        if match:
            raise ValueError(f"unknown function {name}; accepted: {', '.join(FUNCTIONS)}")
        return None
    texts = [text.strip() for text in match[2].split(",")] if match and match[2] else []
    accepted = FUNCTIONS[name]
    if len(texts) not in accepted or not all(re.fullmatch(r"-?\d{1,9}", one) for one in texts):
        numbers = " or ".join(map(str, accepted))
        raise ValueError(f"{expression}: {name} takes {numbers} whole numbers")
    if name == "$randomString" and any(text.startswith("-") for text in texts):
        raise ValueError(f"{expression}: a length is no less than 0")
    return name, tuple(map(int, texts))


def variable(expression: str) -> str:
    """Give the variable that an expression such as ``user.address[0]`` reads from."""
    match = _STEP.match(expression)
    return match[1] if match and match[1] else expression


def render_templates(value: Any, variables: Mapping[str, Any], random: random.Random) -> Any:
    """Replace every template within texts, lists and mappings.

    Raises:
        LookupError: a variable is not known, or has no such part.
    """
    if isinstance(value, str):
        return _render_text(value, variables, random)
    if isinstance(value, Mapping):
        return {
            str(render_templates(key, variables, random)): render_templates(
                inner, variables, random
            )
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [render_templates(inner, variables, random) for inner in value]
    return value


def _render_text(text: str, variables: Mapping[str, Any], random: random.Random) -> Any:
    whole = _TEMPLATE.match(text)
    if whole and whole.end() == len(text):
        return _evaluate(whole[1], variables, random)
    return _TEMPLATE.sub(lambda match: template_text(_evaluate(match[1], variables, random)), text)


def template_text(value: Any) -> str:
    """Print a value as it goes into a text: JSON for anything but a text."""
    return value if isinstance(value, str) else json.dumps(value)


def _evaluate(expression: str, variables: Mapping[str, Any], random: random.Random) -> Any:
    called = function_call(expression)
    if called is not None:
        return _FUNCTIONS[called[0]](random, *called[1])
    if expression in variables:
        return variables[expression]
    name = variable(expression)
    if name not in variables:
        raise LookupError(f"no variable {name!r}")
    value = variables[name]
    for match in _STEP.finditer(expression, len(name)):
        value = value[int(match[2])] if match[2] else value[match[1]]
    return value


def _random_string(random: random.Random, length: int = _DEFAULT_LENGTH) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def _random_number(random: random.Random, *bounds: int) -> int:
    low, high = bounds if len(bounds) == 2 else _DEFAULT_RANGE
    return random.randint(min(low, high), max(low, high))


def _uuid(random: random.Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "$randomString": _random_string,
    "$randomNumber": _random_number,
    "$uuid": _uuid,
}
