"""A field compared with a value: what the sign means for the field's type, and what is wrong where it means nothing.

- `=` is exact, `:` asks for words, keys, parts and ranges; a bare star at the end leaves it open how a text goes on.
- A day is the whole day: `=` is within it, `>` after it, `<=` not after it.
- An order of versions counts prereleases in; a range (`:`) takes them as npm does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Final

from gitreg.refs import is_namespace
from gitreg.versions import InvalidRange, InvalidVersion, Range, Version
from gitreg_indexer.conditions import Between, Condition, Has, Is, Satisfies, Says, StartsWith, Within
from gitreg_indexer.engine import LONGEST_PREFIX, folded
from gitreg_indexer.fields import NAMESPACE, CustomFields, Field, FieldType, find, nearest
from gitreg_indexer.filters.evaluation import says
from gitreg_indexer.filters.faults import Fault, shown
from gitreg_indexer.filters.forms import any_of, negation_of
from gitreg_indexer.filters.literals import NUMBER, number_of, scalar_of, time_span, written
from gitreg_indexer.filters.nodes import Operator, Written

MOST_ALTERNATIVES: Final = 20
"""How many ranges may stand in one, with || between: each is held against every version that there is."""


class Wrong(Exception):  # noqa: N818 - it is caught where the faults are collected
    """A comparison makes no sense."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.says)
        self.fault = fault


def compare_with_each(
    field: Field, operator: Operator, at: int, values: tuple[Written, ...], custom: CustomFields
) -> Condition:
    """Compare a field with the values of a list: it is one of them, or none (`!=`)."""
    if operator not in ("=", "!=", ":"):
        told = f"{operator} compares with one value, and here is a list"
        raise Wrong(Fault(at, told, "compare with each in parentheses, with OR between", operator, "= != : or IN"))
    sign: Operator = ":" if operator == ":" else "="
    found = any_of([compare(field, sign, at, value, custom) for value in values])
    return negation_of(found) if operator == "!=" else found


def compare(field: Field, operator: Operator, at: int, value: Written, custom: CustomFields) -> Condition:
    """Compare a field with a value; `Wrong` where that makes no sense."""
    if operator == "!=":
        return negation_of(compare(field, "=", at, value, custom))
    if value.raw == "*" and not value.is_quoted and operator in ("=", ":"):
        return Has(field.path)
    if value.raw == "null" and not value.is_quoted:
        mend = f"write `NOT has({field.name})` for what is not stated"
        raise Wrong(Fault(value.at, "nothing is ever null", mend, "null"))
    if field.type in ("part", "map"):
        return _key(field, operator, at, value, custom)
    if operator not in ("=", ":") and field.type not in _ORDERED:
        told = f"{shown(field.name)} is {_KINDS[field.type]}, and that has no order"
        raise Wrong(Fault(at, told, f"write `{field.name} = …`, or `:` for its words", operator, "= != : or IN"))
    return _BY_TYPE[field.type](field, operator, value)


def _word(field: Field, operator: Operator, value: Written) -> Condition:
    if value.has_star_inside:
        mend = "a star stands for anything only at the end; write \\* in quotes for the character itself"
        raise Wrong(Fault(value.at, f"{shown(value.raw)} has a star that is not at its end", mend, value.raw))
    if value.is_open:
        begin = folded(value.text)
        if len(begin) > LONGEST_PREFIX:
            told = f"the beginning of {len(begin)} characters is too long to look for"
            raise Wrong(
                Fault(value.at, told, "ask for a shorter one", value.raw, f"at most {LONGEST_PREFIX} characters")
            )
        _check_known(field, value, lambda known: folded(known).startswith(begin))
        return StartsWith(field.path, value.text) if value.text else Has(field.path)
    if operator == "=":
        _check_known(field, value, lambda known: known == value.text)
        return Is(field.path, value.text)
    if field.path == NAMESPACE:
        return _within(value)
    _check_known(field, value, lambda known: says(known, value.text))
    return Says(field.path, value.text)


def _check_known(field: Field, value: Written, fits: Callable[[str], bool]) -> None:
    """Refuse a value that no record can have."""
    if not field.values or any(fits(known) for known in field.values):
        return
    lower = {known.lower(): known for known in field.values}
    near = get_close_matches(value.text.lower(), lower, n=1)
    mend = f"did you mean {lower[near[0]]!r}?" if near else "use one of these"
    expected = ", ".join(field.values)
    raise Wrong(Fault(value.at, f"no record has {shown(value.raw)} as its {field.name}", mend, value.raw, expected))


def _within(value: Written) -> Condition:
    if is_namespace(value.text):
        return Within(value.text)
    mend = 'write `namespace : "acme/nlp"` for it and all below it'
    raise Wrong(
        Fault(value.at, f"{shown(value.raw)} is no namespace", mend, value.raw, "names in lower case, like acme/nlp")
    )


def _number(field: Field, operator: Operator, value: Written) -> Condition:
    number = number_of(value.raw)
    if number is None:
        told = f"{shown(field.name)} is a number, and {shown(value.raw)} is none"
        raise Wrong(Fault(value.at, told, _written_out(value.raw), value.raw, "a number, like 8000 or 0.15"))
    return _ordered(field, operator, number, number)


def _written_out(text: str) -> str:
    """Say how to write a number, where a text is one in short."""
    match = re.fullmatch(r"([0-9]+)([kKmM])", text[:12])
    if match:
        return f"write {int(match[1]) * {'k': 1_000, 'm': 1_000_000}[match[2].lower()]}"
    digits = text.replace("_", "").replace("'", "")
    return f"write {digits}" if digits != text and NUMBER.fullmatch(digits) else "compare it with a number"


def _time(field: Field, operator: Operator, value: Written) -> Condition:
    span = time_span(value.raw)
    if span is None:
        told = f"{shown(field.name)} is a date or a time, and {shown(value.raw)} is none"
        expected = "a day like 2026-01-31, or a moment like 2026-01-31T09:30:00Z"
        raise Wrong(Fault(value.at, told, 'write it like "2026-01-31"', value.raw, expected))
    return _ordered(field, operator, *span)


def _ordered(field: Field, operator: Operator, first: float, after: float) -> Condition:
    """Compare with what begins at `first`, and ends before `after`, or is one point where both are the same."""
    is_point = first == after
    match operator:
        case "<":
            return Between(field.path, high=first, includes_high=False)
        case "<=":
            return Between(field.path, high=after, includes_high=is_point)
        case ">":
            return Between(field.path, low=after, includes_low=not is_point)
        case ">=":
            return Between(field.path, low=first)
    return Is(field.path, first) if is_point else Between(field.path, first, after, includes_high=False)


def _boolean(field: Field, _operator: Operator, value: Written) -> Condition:
    if value.raw not in ("true", "false"):
        told = f"{shown(field.name)} is true or false, and {shown(value.raw)} is neither"
        mend = f"write `{field.name} = true`"
        raise Wrong(Fault(value.at, told, mend, value.raw, "true or false"))
    return Is(field.path, value.raw == "true")


def _version(field: Field, operator: Operator, value: Written) -> Condition:
    text = value.raw
    alternatives = text.count("||") + 1
    if alternatives > MOST_ALTERNATIVES:
        told = f"the range has {alternatives} alternatives"
        mend = "write a wider range, like >=1.2.0 <3.0.0"
        raise Wrong(Fault(value.at, told, mend, value.raw, f"at most {MOST_ALTERNATIVES}"))
    try:
        return _of_version(field, operator, text)
    except (InvalidVersion, InvalidRange) as error:
        mend = error.mend if operator != "=" or not _is_range(text) else f'write `{field.name} : "{text}"` for a range'
        told = f"{shown(text)} is no {error.what}: {error.why}"
        raise Wrong(Fault(value.at, told, mend, text, "1.2.0" if operator != ":" else "^1.2 or >=1.2.0 <2")) from None


def _of_version(field: Field, operator: Operator, text: str) -> Condition:
    if operator == "=":
        return Is(field.path, str(Version.parse(text, build=False)))
    if operator == ":":
        return Satisfies(field.path, _range(text))
    if not _PARTIAL.fullmatch(text):
        raise InvalidVersion(text, "one version follows the sign", 'write `version > "1.2.0"`')
    return Satisfies(field.path, Range.parse(f"{operator}{text}", include_prerelease=True))


_PARTIAL: Final = re.compile(r"[0-9]+(?:\.[0-9]+(?:\.[0-9]+(?:-[0-9A-Za-z.-]+)?)?)?")


def _range(text: str) -> Range:
    if not text.strip():
        raise InvalidRange(text, "it is empty", "write one such as ^1.2.0 or >=1.2.0 <2.0.0")
    return Range.parse(text)


def _is_range(text: str) -> bool:
    try:
        return bool(_range(text))
    except InvalidRange:
        return False


def _free(field: Field, operator: Operator, value: Written) -> Condition:
    """Compare what no schema has typed: the value that it is compared with decides."""
    span = time_span(value.raw)
    if span is not None:
        return _ordered(field, operator, *span)
    known = None if value.is_quoted else scalar_of(value.raw)
    if operator in ("=", ":"):
        text = _word(field, operator, value)
        if known is None:
            return text
        same = Is(field.path, known)
        return any_of([text, same]) if written(known) == value.raw else same
    if known is None or isinstance(known, bool):
        told = f"{shown(value.raw)} has no order"
        mend = "compare it with a number, without quotes, or with a date"
        raise Wrong(Fault(value.at, told, mend, value.raw, "a number or a date"))
    return _ordered(field, operator, known, known)


def _key(field: Field, operator: Operator, at: int, value: Written, custom: CustomFields) -> Condition:
    """Ask whether a map has a key, or a part a field."""
    example = f'{field.name}.tier = "gold"' if field.type == "map" else f"has({field.name})"
    if operator != ":":
        told = f"{shown(field.name)} is {_KINDS[field.type]}, and no value"
        mend = f'write `{example}`, or `{field.name} : "key"` for whether something stands under a key'
        raise Wrong(Fault(at, told, mend, operator, ":"))
    name = f"{field.path}.{value.raw}"
    found = find(name, custom) if not (value.is_open or value.has_star_inside) else None
    if found is None:
        near = nearest(name, custom) if field.type == "part" else None
        mend = f"did you mean {near!r}?" if near else f"write a whole key, or `{example}`"
        raise Wrong(Fault(value.at, f"{shown(field.name)} has no key {shown(value.raw)}", mend, value.raw))
    return Has(found.path)


_KINDS: Final[dict[FieldType, str]] = {
    "word": "text",
    "text": "text",
    "number": "a number",
    "time": "a date or a time",
    "boolean": "true or false",
    "version": "a version",
    "part": "a group of fields",
    "map": "a map",
    "any": "free JSON",
}
_ORDERED: Final = frozenset({"number", "time", "version", "any"})
_BY_TYPE: Final[dict[FieldType, Callable[[Field, Operator, Written], Condition]]] = {
    "word": _word,
    "text": _word,
    "number": _number,
    "time": _time,
    "boolean": _boolean,
    "version": _version,
    "any": _free,
}
