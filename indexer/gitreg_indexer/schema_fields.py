"""The fields that a JSON Schema describes: of a kind, or of a namespace's own fields.

- Where alternatives differ, what stands there is `any`; null stands for "not stated" and is no alternative.
- References within the schema are followed, so far as a path gets no deeper than `DEEPEST`; what cannot be read is
  `any`, never an error: a schema is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from typing import Any, Final

from gitreg_indexer.fields import Field, FieldType

DEEPEST: Final = 12
MOST: Final = 2000
MOST_CHOICES: Final = 50
LONG: Final = 512
"""A text that may be longer than this is not a word."""

Schema = Any


def fields_of_schema(schema: Schema, at: str, kinds: tuple[str, ...], *, versions: str | None = None) -> list[Field]:
    """Give the fields of a schema whose values stand at a path, that path first.

    `versions` is the pattern by which a text is known to be a version.
    """
    walk = _Walk(schema, kinds, versions)
    return merged(walk.fields(schema, at))


def merged(fields: Iterable[Field]) -> list[Field]:
    """Make one field of those with one path, in the order in which the paths come."""
    by_path: dict[str, list[Field]] = {}
    for field in fields:
        by_path.setdefault(field.path, []).append(field)
    return [reduce(_both, same) for same in by_path.values()]


def _both(one: Field, two: Field) -> Field:
    kinds = tuple(dict.fromkeys((*one.kinds, *two.kinds)))
    has_values = bool(one.values and two.values)
    values = tuple(dict.fromkeys((*one.values, *two.values))) if has_values else ()
    kind = _common(one.type, two.type)
    entries: FieldType | None = one.entries or two.entries
    if one.entries and two.entries and one.entries != two.entries:
        entries = "any"
    several = one.several or two.several
    return Field(one.path, kind, kinds, several, values, "any" if kind == "any" else entries)


def _common(one: FieldType, two: FieldType) -> FieldType:
    """Give the type of a field that is of two; beside a part, whose fields speak for themselves, the other."""
    if one == two or two == "part":
        return one
    if one == "part":
        return two
    return "text" if {one, two} == {"word", "text"} else "any"


class _Walk:
    """A walk through one schema."""

    def __init__(self, root: Schema, kinds: tuple[str, ...], versions: str | None) -> None:
        self.root = root
        self.kinds = kinds
        self.versions = versions
        self.left = MOST

    def fields(
        self, schema: Schema, path: str, *, several: bool = False, depth: int = 0, alone: bool = False
    ) -> Iterator[Field]:
        """Give the field at a path, once for each alternative, and those below it; none of these where it is alone."""
        for option in self.options(schema):
            self.left -= 1
            if self.left < 0:
                return
            yield from self.of_option(option, path, several=several, depth=depth, alone=alone)

    def of_option(self, option: Schema, path: str, *, several: bool, depth: int, alone: bool) -> Iterator[Field]:
        kind = self.type_of(option)
        if kind == "list":
            for inner in option.get("prefixItems", ()) or (option.get("items", True),):
                if depth < DEEPEST:
                    yield from self.fields(inner, path, several=True, depth=depth + 1, alone=alone)
            return
        here = Field(path, kind, self.kinds, several, _words(option))
        if alone:
            yield here
            return
        if kind in ("part", "map"):
            here = self.with_entries(here, option)
        elif kind == "any":
            here = replace(here, entries="any")
        yield here
        if kind == "part" and depth < DEEPEST:
            for name, inner in option["properties"].items():
                yield from self.fields(inner, f"{path}.{name}" if path else name, several=several, depth=depth + 1)

    def with_entries(self, here: Field, option: Schema) -> Field:
        """Say what stands under free keys; what stands below them is not looked at, and cannot lead back here."""
        entries = [*option.get("patternProperties", {}).values()]
        unevaluated = option.get("unevaluatedProperties", not entries)
        rest = option.get("additionalProperties", unevaluated or not _CONDITIONAL.isdisjoint(option))
        entries.extend([rest] if rest not in (False, None) else [])
        found = [field for entry in entries for field in self.fields(entry, here.path, depth=DEEPEST - 1, alone=True)]
        if not found:
            return here
        one = reduce(_both, found)
        if one.type in ("part", "map"):
            return replace(here, entries="any")
        return replace(here, entries=one.type, several=here.several or one.several, values=one.values)

    def options(self, schema: Schema, depth: int = 0) -> Iterator[Schema]:
        """Give the alternatives of a schema, references followed and null left out."""
        here = self.resolved(schema) if depth < DEEPEST and self.left > 0 else {}
        if not isinstance(here, dict):
            if here is not False:
                yield {}
            return
        choices = [*here.get("anyOf", ()), *here.get("oneOf", ())]
        if choices:
            for choice in choices[:MOST_CHOICES]:
                self.left -= 1
                yield from self.options(choice, depth + 1)
        elif not _is_null(here):
            yield here

    def resolved(self, schema: Schema, depth: int = 0) -> Schema:
        """Follow references, and put together what must all hold."""
        schema = _sound(schema)
        for _ in range(DEEPEST):
            if not isinstance(schema, dict) or "$ref" not in schema:
                break
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            target = _sound(self.target(schema["$ref"]))
            schema = {**target, **beside} if isinstance(target, dict) else beside
        if not isinstance(schema, dict) or "allOf" not in schema:
            return schema
        whole = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"][:MOST_CHOICES] if depth < DEEPEST and self.left > 0 else ():
            self.left -= 1
            here = self.resolved(part, depth + 1)
            if isinstance(here, dict):
                properties = {**whole.get("properties", {}), **here.get("properties", {})}
                whole = {**whole, **here, **({"properties": properties} if properties else {})}
        return whole

    def target(self, ref: str) -> Schema:
        """Give what a reference within the schema leads to; None where it leads nowhere."""
        here = self.root
        for step in ref.removeprefix("#").split("/")[1:] if ref.startswith("#") else ["nowhere"]:
            key = step.replace("~1", "/").replace("~0", "~")
            here = here.get(key) if isinstance(here, dict) else None
        return here

    def type_of(self, option: Schema) -> Any:
        """Give the type of an alternative; `list` where it is one of its items that matters."""
        if values := _stated(option):
            return _type_of_values(values)
        match _type_name(option):
            case "string":
                return self.type_of_text(option)
            case "number" | "boolean" | "list" as same:
                return same
            case "object":
                return "part" if "properties" in option else "map"
        return "any"

    def type_of_text(self, option: Schema) -> FieldType:
        if option.get("format") in ("date", "date-time"):
            return "time"
        if "pattern" in option or "format" in option:
            return "version" if self.versions and option.get("pattern") == self.versions else "word"
        longest = option.get("maxLength", LONG + 1)
        return "text" if longest > LONG else "word"


_CONDITIONAL: Final = frozenset({"if", "then", "else", "dependentSchemas"})
"""What may describe further fields, which are not looked at."""
_SORTS: Final[dict[str, tuple[type, ...]]] = {
    "$ref": (str,),
    "additionalProperties": (bool, dict),
    "allOf": (list,),
    "anyOf": (list,),
    "enum": (list,),
    "format": (str,),
    "items": (bool, dict),
    "maxLength": (int, float),
    "oneOf": (list,),
    "pattern": (str,),
    "patternProperties": (dict,),
    "prefixItems": (list,),
    "properties": (dict,),
    "type": (str, list),
    "unevaluatedProperties": (bool, dict),
}


def _sound(schema: Schema) -> Schema:
    """Give a schema without the keywords whose values make no sense."""
    if not isinstance(schema, dict):
        return schema
    return {key: value for key, value in schema.items() if isinstance(value, _SORTS.get(key, (object,)))}


def _type_name(option: Schema) -> str | None:
    """Give the one type that an alternative has, in our words; None where there is none or more than one."""
    named = option.get("type")
    names = {named} if isinstance(named, str) else {name for name in named or () if isinstance(name, str)}
    names = {{"integer": "number", "array": "list"}.get(name, name) for name in names} - {"null"}
    if not names:
        keys = (("properties", "object"), ("items", "list"), ("pattern", "string"), ("minimum", "number"))
        names = {name for key, name in keys if key in option}
    return names.pop() if len(names) == 1 else None


def _stated(option: Schema) -> list[Any]:
    values = option.get("enum", [option["const"]] if "const" in option else [])
    return [value for value in values if value is not None]


def _words(option: Schema) -> tuple[str, ...]:
    values = _stated(option)
    return tuple(values) if all(isinstance(value, str) for value in values) else ()


def _type_of_values(values: list[Any]) -> FieldType:
    for kind, types in (("boolean", bool), ("word", str), ("number", (int, float))):
        if all(isinstance(value, types) for value in values):
            return kind  # type: ignore[return-value]  # the three are field types
    return "any"


def _is_null(schema: Schema) -> bool:
    return isinstance(schema, dict) and (schema.get("type") == "null" or schema.get("const", 0) is None)
