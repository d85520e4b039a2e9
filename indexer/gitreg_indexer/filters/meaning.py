"""The meaning of a filter: from the tree of what was written to a condition, by the types of the fields.

- All faults are told together; a filter with a fault has no meaning at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from gitreg_indexer.conditions import All, Condition, Has
from gitreg_indexer.fields import CustomFields, Field, find, nearest
from gitreg_indexer.filters.comparing import Wrong, compare, compare_with_each
from gitreg_indexer.filters.faults import Fault, FilterError, shown
from gitreg_indexer.filters.forms import all_of, any_of, negation_of
from gitreg_indexer.filters.nodes import Bare, Call, Comparison, Group, Name, Negation, Node

_MOST_GUESSED: Final = 10


def condition_of(node: Node | None, faults: Iterable[Fault], text: str, custom: CustomFields) -> Condition:
    """Give the condition that a filter asks for; `FilterError` with all that is wrong in it, these faults included."""
    reader = _Reader(custom)
    found = reader.condition(node) if node is not None else All(())
    if told := [*faults, *reader.faults]:
        raise FilterError(text, told)
    return found


class _Reader:
    def __init__(self, custom: CustomFields) -> None:
        self.custom = custom
        self.faults: list[Fault] = []
        self.unknown: set[str] = set()

    def condition(self, node: Node) -> Condition:
        """Give the condition of a node; where there is a fault, any."""
        match node:
            case Group("all", parts):
                return all_of([self.condition(part) for part in _one_of_a_row(parts)])
            case Group(_, parts):
                return any_of([self.condition(part) for part in parts])
            case Negation(inner):
                return negation_of(self.condition(inner))
        try:
            return self.comparison(node)
        except Wrong as wrong:
            self.faults.append(wrong.fault)
            return All(())

    def comparison(self, node: Node) -> Condition:
        match node:
            case Call(name, arguments):
                return self.call(name, arguments)
            case Comparison(name, operator, at, values, is_list):
                field = self.field(name, "" if values[0].is_quoted else values[0].raw)
                if is_list:
                    return compare_with_each(field, operator, at, values, self.custom)
                return compare(field, operator, at, values[0], self.custom)
            case Bare(name):
                raise Wrong(_alone(name, self.custom))
        raise AssertionError(node)

    def call(self, name: Name, arguments: tuple[Name, ...]) -> Condition:
        if name.text != "has":
            raise Wrong(_no_function(name))
        if len(arguments) != 1:
            got = f"{len(arguments)} of them"
            raise Wrong(Fault(name.at, "has() takes one field", "write has(license)", got, "one field"))
        return Has(self.field(arguments[0]).path)

    def field(self, name: Name, compared: str = "") -> Field:
        found = find(name.text, self.custom)
        if found is not None:
            return found
        if find(compared, self.custom) is not None:
            mend = f"write the field first: `{compared} = …`"
            raise Wrong(
                Fault(name.at, f"{shown(name.text)} is no field, and {shown(compared)} is one", mend, name.text)
            )
        self.unknown.add(name.text)
        near = nearest(name.text, self.custom) if len(self.unknown) <= _MOST_GUESSED else None
        mend = f"did you mean {near!r}?" if near else "docs/query-language.md lists the fields"
        raise Wrong(Fault(name.at, f"there is no field {shown(name.text)}", mend, name.text))


def _one_of_a_row(parts: Iterable[Node]) -> Iterator[Node]:
    """Give the parts; of words that stand alone side by side only the one that tells most, for they are one fault."""
    for is_bare, row in groupby(parts, lambda part: isinstance(part, Bare)):
        if is_bare:
            words = [part for part in row if isinstance(part, Bare)]
            yield next((word for word in words if word.name.text.lower() in _INSTEAD), words[0])
        else:
            yield from row


_INSTEAD: Final = {
    "and": "write AND between two comparisons",
    "or": "write OR between two comparisons",
    "not": "write NOT once, in front of a comparison",
    "is": "write `has(license)` for what is stated, `NOT has(license)` for what is not",
    "exists": "write `has(license)` for what is stated",
    "like": 'write `name = "qwen*"` for how it begins, `name : "qwen"` for its words',
    "contains": 'write `tags : "chat"`',
    "matches": 'write `name = "qwen*"` for how it begins, `name : "qwen"` for its words',
    "between": "write `contextLength >= 8000 AND contextLength <= 32000`",
    "in": 'write a list behind it: `provider IN ("openai", "anthropic")`',
}


_EXAMPLES: Final = {"boolean": "true", "number": "8000", "time": '"2026-01-31"', "version": '"1.2.0"'}


def _alone(name: Name, custom: CustomFields) -> Fault:
    """Say that a word is compared with nothing."""
    field = find(name.text, custom)
    instead = _INSTEAD.get(name.text.lower())
    if field is not None:
        value = {"boolean": "true", "number": "8000", "time": '"2026-01-31"', "version": '"1.2.0"'}.get(
            field.type, '"…"'
        )
        mend = f"write `{name.text} = {value}`, or `has({name.text})` for whether it is stated"
        return Fault(name.at, f"the field {shown(name.text)} is compared with nothing", mend)
    mend = 'write `FIELD = "…"`; several words of one value stand in quotes; free text is the search\'s own words'
    return Fault(name.at, f"{shown(name.text)} stands alone, and compares nothing", instead or mend, name.text)


def _no_function(name: Name) -> Fault:
    if name.text.lower() == "in":
        return Fault(name.at, "IN stands behind no field", 'write `NOT provider IN ("openai", "anthropic")`', name.text)
    mend = "write `has(license)`; everything else is a comparison"
    return Fault(name.at, f"there is no function {shown(name.text)}", mend, name.text, "has(FIELD)")
