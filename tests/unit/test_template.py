"""Templates in scenario files: values, parts of values, functions."""

from __future__ import annotations

import random
import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.scenario import template

USER = {"name": "Ann", "tags": ["a", "b"], "home": {"rooms": [{"id": 7}]}}


def render(value: Any, seed: int = 0, **variables: Any) -> Any:
    """Expand with a seeded source of chance."""
    return template.render_templates(value, variables, random.Random(seed))


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain", "plain"),
        ("{{ n }}", 5),
        ("{{n}}", 5),
        ("{{ user.tags }}", ["a", "b"]),
        ("{{ user.tags[1] }}", "b"),
        ("{{ user.home.rooms[0].id }}", 7),
        ("/{{ n }}", "/5"),
        ("{{ n }}{{ n }}", "55"),
        ("{{ n }} and {{ n }}", "5 and 5"),
        ("{{ n }}}", "5}"),
        ("{{ user.tags }}!", '["a", "b"]!'),
        ("{{ yes }}?", "true?"),
        ("{{ none }}?", "null?"),
        ("{{ n }", "{{ n }"),
        (
            {"a{{ n }}": ["{{ n }}", {"b": "{{ yes }}"}], "c": 1.5},
            {"a5": [5, {"b": True}], "c": 1.5},
        ),
        (("{{ n }}", None), [5, None]),
    ],
)
def test_templates_become_values(text: Any, rendered: Any) -> None:
    """A template alone keeps its value's type; within a text it is printed."""
    found = render(text, n=5, user=USER, yes=True, none=None)
    assert found == rendered
    assert type(found) is type(rendered)


def test_a_variable_with_a_dot_in_its_name_is_found_whole() -> None:
    """The whole expression is tried as a name first."""
    assert render("{{ a.b }}", **{"a.b": 1, "a": {"b": 2}}) == 1


@pytest.mark.parametrize("text", ["{{ missing }}", "{{ user.age }}", "{{ user.tags[9] }}", "{{ }}"])
def test_what_is_not_there_is_an_error(text: str) -> None:
    """Nothing is ever replaced by an empty text in silence."""
    with pytest.raises(LookupError):
        render(text, user=USER)


def test_functions_give_what_they_say() -> None:
    """Lengths, bounds and forms."""
    assert re.fullmatch(r"[A-Za-z0-9]{8}", render("{{ $randomString(8) }}"))
    assert re.fullmatch(r"[A-Za-z0-9]{10}", render("{{ $randomString }}"))
    numbers = {render("{{ $randomNumber(3, 5) }}", seed) for seed in range(100)}
    assert numbers == {3, 4, 5}
    assert {render("{{ $randomNumber(-1,-2) }}", seed) for seed in range(50)} == {-1, -2}
    assert uuid.UUID(render("{{ $uuid() }}")).version == 4
    assert render("id-{{ $randomString(3) }}-{{ $randomNumber() }}").count("-") == 2


def test_functions_repeat_with_their_seed() -> None:
    """The same seed gives the same text, another seed another one."""
    texts = [render("{{ $uuid }}{{ $randomString(9) }}", seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$randomStrin(8)", "unknown function .randomStrin; accepted: .randomString"),
        ("$randomString(1, 2)", "takes 0 or 1 whole numbers"),
        ("$randomNumber(5)", "takes 0 or 2 whole numbers"),
        ("$randomString(a)", "whole numbers"),
        ("$randomString(-1)", "no less than 0"),
        ("$uuid(4)", "takes 0 whole numbers"),
    ],
)
def test_a_wrong_call_says_what_is_accepted(expression: str, message: str) -> None:
    """Arguments are never ignored."""
    with pytest.raises(ValueError, match=message):
        template.function_call(expression)


def test_expressions_are_found_everywhere() -> None:
    """In keys, lists, tuples and within texts."""
    value = {"{{ a }}": ["x{{ b }}y{{ c.d }}", ({"k": "{{ $uuid }}"},)], "n": 1}
    assert list(template.expressions(value)) == ["a", "b", "c.d", "$uuid"]


@pytest.mark.parametrize(
    ("expression", "name"),
    [("a", "a"), ("a.b[0]", "a"), ("a[0].b", "a"), ("$loopElement.x", "$loopElement")],
)
def test_the_variable_of_an_expression(expression: str, name: str) -> None:
    """What stands before the first dot or bracket."""
    assert template.variable(expression) == name


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_text_without_templates_stays(text: str) -> None:
    """Whatever is in it."""
    assert render(text) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_any_value_comes_through_a_template_unchanged(value: Any) -> None:
    """What was captured is what is sent, whatever braces are in it."""
    assert render("{{ it }}", it=value) == value
    assert render(["{{ it }}"], it=value) == [value]
