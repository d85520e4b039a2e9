"""A JSON Schema (draft 2020-12) as a document of places, read once, checked for form and bounded in size.

- A place is a schema where it stands: its keywords and its JSON pointer, like `#/properties/age`.
- `$ref` is followed within the document only, and only to a place; anything else leads nowhere.
- Work is counted against a `Budget`, so that no schema can take long, however it is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

MOST_VALUES: Final = 20_000
"""JSON values in one schema; a larger one is not read."""
MOST_LEVELS: Final = 100
"""Levels of nesting in one schema."""
MOST_PATTERNS: Final = 1000
"""Patterns in one schema."""
_THINGS_IN_A_STEP: Final = 16
_DIALECTS: Final = tuple(f"https://json-schema.org/draft/2020-12/schema{end}" for end in ("", "#"))
_ATOMS: Final[dict[str, frozenset[str]]] = {
    "null": frozenset({"null"}),
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"integer"}),
    "number": frozenset({"integer", "fraction"}),
    "string": frozenset({"string"}),
    "array": frozenset({"array"}),
    "object": frozenset({"object"}),
}
ALL_ATOMS: Final = frozenset().union(*_ATOMS.values())
"""The types that share no instance: a number is either an integer or a fraction."""

ONE_SCHEMA: Final = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
LIST_OF_SCHEMAS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
MAP_OF_SCHEMAS: Final = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
ANNOTATIONS: Final = frozenset({
    *("$anchor", "$comment", "$defs", "$dynamicAnchor", "$id", "$schema", "$vocabulary", "contentEncoding"),
    *("contentMediaType", "contentSchema", "default", "definitions", "deprecated", "description", "examples"),
    *("readOnly", "title", "writeOnly"),
})  # fmt: skip
ASSERTIONS: Final = frozenset({
    *("$dynamicRef", "$ref", "additionalProperties", "allOf", "anyOf", "const", "contains", "dependentRequired"),
    *("dependentSchemas", "else", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items"),
    *("maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength"),
    *("minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems"),
    *("properties", "propertyNames", "required", "then", "type", "unevaluatedItems", "unevaluatedProperties"),
    "uniqueItems",
})  # fmt: skip
"""The keywords that can refuse an instance; any other is an annotation."""


class Undecided(Exception):  # noqa: N818 - an answer that is not given, not an error
    """What was asked cannot be decided; carries why."""


@dataclass(slots=True)
class Budget:
    """What may still be spent on one question: steps in all, and levels at one time."""

    steps: int
    levels: int = 40

    def spend(self, things: int = 0) -> None:
        """Take one step, and more where many things are looked at; `Undecided` where none is left."""
        self.steps -= 1 + things // _THINGS_IN_A_STEP
        if self.steps < 0:
            raise Undecided("the schemas are too large to be compared")

    def __enter__(self) -> None:
        """Take one step, a level down."""
        self.spend()
        if self.levels == 0:
            raise Undecided("the schemas lead too deep to be compared")
        self.levels -= 1

    def __exit__(self, *_: object) -> None:
        self.levels += 1


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One schema of a document, and where it stands."""

    value: Any
    path: str
    document: Document

    @property
    def key(self) -> tuple[int, str]:
        """Say which place this is, whichever way led to it."""
        return id(self.document), self.path

    @property
    def keywords(self) -> Mapping[str, Any]:
        """The keywords that can refuse; `true` has none, and `false` is not asked."""
        return self.value if isinstance(self.value, dict) else {}

    def at(self, *steps: str | int) -> Place:
        """Go to a schema within this one."""
        value = self.value
        for step in steps:
            value = value[step]
        return Place(value, self.path + "".join(f"/{_escaped(step)}" for step in steps), self.document)

    def each(self, keyword: str) -> Iterator[Place]:
        """Go to each schema of a keyword that holds a list or a map of them."""
        held = self.keywords.get(keyword, ())
        for step in range(len(held)) if isinstance(held, list) else held:
            yield self.at(keyword, step)

    def target(self) -> Place | None:
        """Follow `$ref`; None where it leads out of the document or to no schema."""
        ref = self.keywords["$ref"]
        if not self.document.has_one_base or not ref.startswith("#"):
            return None
        path = unquote(ref)
        found = self.document.values.get(path if path != "#/" else "", _NOWHERE)
        return None if found is _NOWHERE else Place(found, path, self.document)


_NOWHERE: Final = object()


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A whole schema: the value of each place by pointer, and whether all of them have the same base address."""

    root: Any
    values: dict[str, Any] = field(default_factory=dict)
    has_one_base: bool = True

    @property
    def start(self) -> Place:
        """The schema as a whole."""
        return Place(self.root, "#", self)


def read_document(schema: Any) -> Document:
    """Read a schema; `Undecided` says what about its form or size keeps it from being read."""
    _check_size(schema)
    document = Document(schema)
    has_one_base, patterns = True, 0
    waiting = [document.start]
    while waiting:
        place = waiting.pop()
        document.values[place.path] = place.value
        _check_form(place)
        patterns += len(place.keywords.get("patternProperties", ())) + ("pattern" in place.keywords)
        if patterns > MOST_PATTERNS:
            raise Undecided(f"the schema holds more than {MOST_PATTERNS} patterns")
        if place.path != "#" and ("$id" in place.keywords or "$schema" in place.keywords):
            has_one_base = False
        waiting.extend(_within(place))
    return Document(schema, document.values, has_one_base)


def atoms_of(types: str | list[str]) -> frozenset[str]:
    """Give the atoms of a `type` keyword."""
    names = [types] if isinstance(types, str) else types
    return frozenset().union(*(_ATOMS[name] for name in names))


def _within(place: Place) -> Iterator[Place]:
    for keyword in ONE_SCHEMA:
        if keyword in place.keywords:
            yield place.at(keyword)
    for keyword in (*LIST_OF_SCHEMAS, *MAP_OF_SCHEMAS):
        yield from place.each(keyword)


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _check_size(schema: Any) -> None:
    count, level = 0, [schema]
    for _ in range(MOST_LEVELS):
        count += len(level)
        if count > MOST_VALUES:
            raise Undecided(f"the schema holds more than {MOST_VALUES} values")
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise Undecided("the schema holds a number that JSON does not have")
        level = [item for value in level for item in _items(value)]
        if not level:
            return
    raise Undecided(f"the schema is nested more than {MOST_LEVELS} levels deep")


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


# Form


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_schema(value: Any) -> bool:
    return isinstance(value, (bool, dict))


def _is_types(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _ATOMS for name in names)


def _is_demands(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_texts, value.values()))


_FORMS: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "maxContains"), _is_count),
    **dict.fromkeys(("pattern", "format", "$ref", "$dynamicRef", "$id"), _is_text),
    **dict.fromkeys(ONE_SCHEMA, _is_schema),
    **dict.fromkeys(LIST_OF_SCHEMAS, lambda value: isinstance(value, list) and all(map(_is_schema, value))),
    **dict.fromkeys(MAP_OF_SCHEMAS, lambda value: isinstance(value, dict) and all(map(_is_schema, value.values()))),
    "$schema": lambda value: value in _DIALECTS,
    "dependentRequired": _is_demands,
    "enum": lambda value: isinstance(value, list),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "required": _is_texts,
    "type": _is_types,
    "uniqueItems": lambda value: isinstance(value, bool),
}


def _check_form(place: Place) -> None:
    if not _is_schema(place.value):
        raise Undecided(f"{place.path}: a schema is a mapping or true or false")
    for keyword, value in place.keywords.items():
        if keyword in _FORMS and not _FORMS[keyword](value):
            raise Undecided(f"{place.path}/{keyword}: not as JSON Schema 2020-12 has it")
