"""Which names templates may use where: variables, payload fields, captures, a loop's counter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...base.wording import did_you_mean, shown
from .. import template
from .environment import is_filled_in
from .walk import each_mapping, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...base.yaml_file.reading import Document, Loc
    from ...errors import Problem


@dataclass(frozen=True)
class Scope:
    """The names known at a place of the file; captures add to those of the whole flow."""

    document: Document
    names: set[str]
    in_loop: bool = False

    @classmethod
    def of_file(cls, document: Document) -> Scope:
        """Give what is known in the whole file: variables and payload fields."""
        variables = document.value(("config", "variables"))
        names = set(variables) if isinstance(variables, dict) else set()
        for _, raw in each_mapping(document, ("config", "payload")):
            fields = raw.get("fields")
            if isinstance(fields, list):
                names.update(field for field in fields if isinstance(field, str))
        return cls(document, names)

    def of_flow(self) -> Scope:
        """Give a scope whose captures are its own."""
        return replace(self, names=set(self.names))

    def of_loop(self) -> Scope:
        """Give the scope of the steps within a loop; what they capture outlives it."""
        return replace(self, in_loop=True)

    def problems(self, loc: Loc, raw: object) -> Iterator[Problem]:
        """Check the templates in all texts within a value."""
        for place, text in texts(loc, raw):
            expressions = list(template.expressions(text))
            if text.count("{{") > len(expressions):
                yield self.document.problem(place, f"'{{{{' without '}}}}' in {shown(text)}")
            for expression in expressions:
                yield from self._expression_problems(place, expression)

    def _expression_problems(self, loc: Loc, expression: str) -> Iterator[Problem]:
        if is_filled_in(expression):
            return  # told where it could not be filled in
        try:
            if template.function_call(expression) is None:
                yield from self.name_problems(loc, expression)
        except ValueError as error:
            yield self.document.problem(loc, str(error))

    def name_problems(self, loc: Loc, expression: str) -> Iterator[Problem]:
        """Check that the variable an expression reads from is known."""
        known = self.names | set(template.LOOP_NAMES if self.in_loop else ())
        if {expression, template.variable(expression)} & known:
            return
        names = [*sorted(known), *template.FUNCTIONS]
        hint = did_you_mean(expression, names)
        message = f"nothing is known as {shown(expression)} here; accepted: {', '.join(names)}"
        yield self.document.problem(loc, message + hint)
