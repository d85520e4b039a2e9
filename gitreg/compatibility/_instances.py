"""Whether a schema accepts an instance, in three answers.

- `yes` and `no` are what any validator of draft 2020-12 says, whether or not it asserts formats.
- `unknown` is said of what is not decided here: patterns that are not tried, most formats, `unevaluated*`,
  `$dynamicRef`, references out of the document, fractions as `multipleOf`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from gitreg.compatibility._cover import YES, Cover, every, no, opposite, some, unknown
from gitreg.compatibility._documents import ASSERTIONS, Budget, Place, Undecided, atoms_of
from gitreg.compatibility._patterns import matches
from gitreg.manifests.difference import is_same

FORMAT_SAMPLES: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T10:00:00Z",
    "email": "a@example.com",
    "hostname": "a.example",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "10:00:00Z",
    "uri": "https://a.example/b",
    "uri-reference": "/b",
    "uuid": "5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10",
}
"""One text that keeps each format for certain."""
_MOST_EXACT: Final = 10**9

Judge = Callable[[Place, Any, Budget], Cover]


def judge(place: Place, instance: Any, budget: Budget) -> Cover:
    """Answer whether a schema accepts an instance; the why of a `no` says where and what refuses it."""
    if isinstance(place.value, bool):
        return YES if place.value else no(place.path, "nothing is accepted here")
    with budget:
        return every(_each_answer(place, instance, budget))


def atom_of(instance: Any) -> str:
    """Give the type of an instance, a number being an integer or a fraction."""
    if instance is None:
        return "null"
    if isinstance(instance, bool):
        return "boolean"
    if isinstance(instance, (int, float)):
        return "integer" if instance == math.floor(instance) else "fraction"
    return "string" if isinstance(instance, str) else "array" if isinstance(instance, list) else "object"


def _each_answer(place: Place, instance: Any, budget: Budget) -> Iterator[Cover]:
    atom = atom_of(instance)
    family = "number" if atom in ("integer", "fraction") else atom
    for keyword in place.keywords:
        if keyword in _OF_ANY:
            yield _OF_ANY[keyword](place, instance, budget)
        elif keyword in _OF_FAMILY[family]:
            yield _OF_FAMILY[family][keyword](place, instance, budget)
        elif keyword in _UNDECIDED:
            yield unknown(f"{place.path}/{keyword}", "this keyword is not decided")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# Any type


def _type(place: Place, instance: Any, _: Budget) -> Cover:
    wanted = place.keywords["type"]
    if atom_of(instance) in atoms_of(wanted):
        return YES
    return no(f"{place.path}/type", f"{_short(instance)} is not of type {wanted!r}")


def _enum(place: Place, instance: Any, budget: Budget) -> Cover:
    budget.spend(len(place.keywords["enum"]))
    if any(is_same(instance, value) for value in place.keywords["enum"]):
        return YES
    return no(f"{place.path}/enum", f"{_short(instance)} is not one of them")


def _const(place: Place, instance: Any, _: Budget) -> Cover:
    if is_same(instance, place.keywords["const"]):
        return YES
    return no(f"{place.path}/const", f"{_short(instance)} is not {_short(place.keywords['const'])}")


def _all_of(place: Place, instance: Any, budget: Budget) -> Cover:
    return every(judge(part, instance, budget) for part in place.each("allOf"))


def _any_of(place: Place, instance: Any, budget: Budget) -> Cover:
    otherwise = no(f"{place.path}/anyOf", f"none of them accepts {_short(instance)}")
    return some((judge(part, instance, budget) for part in place.each("anyOf")), otherwise)


def _one_of(place: Place, instance: Any, budget: Budget) -> Cover:
    answers = [judge(part, instance, budget) for part in place.each("oneOf")]
    sure = sum(answer.is_yes for answer in answers)
    if sure > 1:
        return no(f"{place.path}/oneOf", f"{sure} of them accept {_short(instance)}")
    open_ones = [answer for answer in answers if answer.verdict == "unknown"]
    if open_ones:
        return open_ones[0]
    return YES if sure else no(f"{place.path}/oneOf", f"none of them accepts {_short(instance)}")


def _not(place: Place, instance: Any, budget: Budget) -> Cover:
    return opposite(judge(place.at("not"), instance, budget), f"{place.path}/not", f"{_short(instance)} is refused")


def _if(place: Place, instance: Any, budget: Budget) -> Cover:
    condition = judge(place.at("if"), instance, budget)
    branches = [judge(place.at(word), instance, budget) if word in place.keywords else YES for word in ("then", "else")]
    if condition.verdict == "unknown":
        return every(branches) if every(branches).is_yes else condition
    return branches[0] if condition.is_yes else branches[1]


def _ref(place: Place, instance: Any, budget: Budget) -> Cover:
    target = place.target()
    if target is None:
        return unknown(f"{place.path}/$ref", f"{place.keywords['$ref']!r} is not followed")
    return judge(target, instance, budget)


# Numbers


def _bound(keyword: str, holds: Callable[[Any, Any], bool], words: str) -> Judge:
    def check(place: Place, instance: Any, _: Budget) -> Cover:
        limit = place.keywords[keyword]
        return (
            YES if holds(instance, limit) else no(f"{place.path}/{keyword}", f"{_short(instance)} is {words} {limit}")
        )

    return check


def _multiple_of(place: Place, instance: Any, _: Budget) -> Cover:
    step = place.keywords["multipleOf"]
    if step != math.floor(step) or max(step, abs(instance)) > _MOST_EXACT:
        return unknown(f"{place.path}/multipleOf", "fractions and great numbers are not divided")
    if instance % step == 0:
        return YES
    return no(f"{place.path}/multipleOf", f"{_short(instance)} is no multiple of {step}")


# Texts


def _length(keyword: str, holds: Callable[[int, Any], bool], words: str) -> Judge:
    def check(place: Place, instance: Any, _: Budget) -> Cover:
        if holds(len(instance), place.keywords[keyword]):
            return YES
        return no(f"{place.path}/{keyword}", f"{_short(instance)} has {words} than {place.keywords[keyword]}")

    return check


def _pattern(place: Place, instance: Any, _: Budget) -> Cover:
    found = matches(place.keywords["pattern"], instance)
    if found is None:
        return unknown(f"{place.path}/pattern", "this pattern is not tried on this text")
    return YES if found else no(f"{place.path}/pattern", f"{_short(instance)} does not match")


def _format(place: Place, instance: Any, _: Budget) -> Cover:
    if FORMAT_SAMPLES.get(place.keywords["format"]) == instance:
        return YES
    return unknown(f"{place.path}/format", "whether a format is asserted is for the validator to say")


# Arrays


def item_at(place: Place, index: int) -> Place | None:
    """Go to the schema of the item at an index; None where anything may stand there."""
    prefix = place.keywords.get("prefixItems", [])
    if index < len(prefix):
        return place.at("prefixItems", index)
    return place.at("items") if "items" in place.keywords else None


def _prefix_items(place: Place, instance: Any, budget: Budget) -> Cover:
    pairs = zip(place.each("prefixItems"), instance, strict=False)
    return every(judge(part, item, budget) for part, item in pairs)


def _items(place: Place, instance: Any, budget: Budget) -> Cover:
    first = len(place.keywords.get("prefixItems", []))
    return every(judge(place.at("items"), item, budget) for item in instance[first:])


def _unique_items(place: Place, instance: Any, budget: Budget) -> Cover:
    if not place.keywords["uniqueItems"]:
        return YES
    if len(instance) > 200:
        return unknown(f"{place.path}/uniqueItems", "so many items are not compared")
    budget.spend(len(instance) ** 2)
    repeated = any(is_same(item, other) for n, item in enumerate(instance) for other in instance[:n])
    return no(f"{place.path}/uniqueItems", f"{_short(instance)} repeats an item") if repeated else YES


def _contains(place: Place, instance: Any, budget: Budget) -> Cover:
    least, most = place.keywords.get("minContains", 1), place.keywords.get("maxContains", math.inf)
    answers = [judge(place.at("contains"), item, budget) for item in instance]
    low = sum(answer.is_yes for answer in answers)
    high = low + sum(answer.verdict == "unknown" for answer in answers)
    if least <= low and high <= most:
        return YES
    path = f"{place.path}/contains"
    if high < least or low > most:
        return no(path, f"{_short(instance)} holds {low} such items")
    return unknown(path, "whether an item counts is not decided")


# Objects


def _required(place: Place, instance: Any, _: Budget) -> Cover:
    missing = [name for name in place.keywords["required"] if name not in instance]
    return no(f"{place.path}/required", f"{missing[0]!r} is missing") if missing else YES


def _properties(place: Place, instance: Any, budget: Budget) -> Cover:
    names = [name for name in place.keywords["properties"] if name in instance]
    return every(judge(place.at("properties", name), instance[name], budget) for name in names)


def _pattern_properties(place: Place, instance: Any, budget: Budget) -> Cover:
    def each() -> Iterator[Cover]:
        for pattern in place.keywords["patternProperties"]:
            budget.spend(len(instance))
            part = place.at("patternProperties", pattern)
            for name, value in instance.items():
                found = matches(pattern, name)
                answer = judge(part, value, budget) if found is not False else YES
                yield answer if found or answer.is_yes else unknown(part.path, f"not tried on {_short(name)}")

    return every(each())


def is_listed(place: Place, name: str) -> bool | None:
    """Tell whether `properties` or `patternProperties` speak of a name; None where a pattern is not tried."""
    if name in place.keywords.get("properties", {}):
        return True
    found = [matches(pattern, name) for pattern in place.keywords.get("patternProperties", {})]
    return True if True in found else None if None in found else False


def _additional_properties(place: Place, instance: Any, budget: Budget) -> Cover:
    def each() -> Iterator[Cover]:
        part = place.at("additionalProperties")
        for name, value in instance.items():
            budget.spend(len(place.keywords.get("patternProperties", ())))
            listed = is_listed(place, name)
            answer = YES if listed else judge(part, value, budget)
            if part.value is False and answer.is_no:
                answer = no(part.path, f"{_short(name)} is not accepted")
            yield answer if listed is not None or answer.is_yes else unknown(part.path, f"not tried on {_short(name)}")

    return every(each())


def _property_names(place: Place, instance: Any, budget: Budget) -> Cover:
    return every(judge(place.at("propertyNames"), name, budget) for name in instance)


def _dependent_required(place: Place, instance: Any, _: Budget) -> Cover:
    for name, wanted in place.keywords["dependentRequired"].items():
        missing = [other for other in wanted if name in instance and other not in instance]
        if missing:
            return no(f"{place.path}/dependentRequired", f"{name!r} wants {missing[0]!r}")
    return YES


def _dependent_schemas(place: Place, instance: Any, budget: Budget) -> Cover:
    names = [name for name in place.keywords["dependentSchemas"] if name in instance]
    return every(judge(place.at("dependentSchemas", name), instance, budget) for name in names)


_OF_ANY: Final[dict[str, Judge]] = {
    "$ref": _ref,
    "allOf": _all_of,
    "anyOf": _any_of,
    "const": _const,
    "enum": _enum,
    "if": _if,
    "not": _not,
    "oneOf": _one_of,
    "type": _type,
}
_OF_FAMILY: Final[dict[str, dict[str, Judge]]] = {
    "null": {},
    "boolean": {},
    "number": {
        "minimum": _bound("minimum", lambda number, limit: number >= limit, "below"),
        "exclusiveMinimum": _bound("exclusiveMinimum", lambda number, limit: number > limit, "not above"),
        "maximum": _bound("maximum", lambda number, limit: number <= limit, "above"),
        "exclusiveMaximum": _bound("exclusiveMaximum", lambda number, limit: number < limit, "not below"),
        "multipleOf": _multiple_of,
    },
    "string": {
        "minLength": _length("minLength", lambda size, limit: size >= limit, "fewer characters"),
        "maxLength": _length("maxLength", lambda size, limit: size <= limit, "more characters"),
        "pattern": _pattern,
        "format": _format,
    },
    "array": {
        "minItems": _length("minItems", lambda size, limit: size >= limit, "fewer items"),
        "maxItems": _length("maxItems", lambda size, limit: size <= limit, "more items"),
        "prefixItems": _prefix_items,
        "items": _items,
        "uniqueItems": _unique_items,
        "contains": _contains,
    },
    "object": {
        "minProperties": _length("minProperties", lambda size, limit: size >= limit, "fewer properties"),
        "maxProperties": _length("maxProperties", lambda size, limit: size <= limit, "more properties"),
        "required": _required,
        "properties": _properties,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
        "dependentRequired": _dependent_required,
        "dependentSchemas": _dependent_schemas,
    },
}
_ELSEWHERE: Final = {"then", "else", "minContains", "maxContains"}
_OF_TYPES: Final = {keyword for family in _OF_FAMILY.values() for keyword in family}
_UNDECIDED: Final = ASSERTIONS - set(_OF_ANY) - _OF_TYPES - _ELSEWHERE

__all__ = ["FORMAT_SAMPLES", "Undecided", "atom_of", "is_listed", "item_at", "judge"]
