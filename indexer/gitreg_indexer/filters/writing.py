"""Conditions as filters: the text that reads back as the condition.

- What `parse_filter` gave is written so that reading it gives the same again; any other condition is written so that
  it means the same, as far as the language can say it.
- Fields go by their shortest names, and texts stand in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from gitreg.versions import Comparator
from gitreg_indexer.conditions import All, Any, Between, Condition, Has, Is, Not, Satisfies, Says, StartsWith, Within
from gitreg_indexer.fields import CustomFields, find, name_of
from gitreg_indexer.filters.forms import all_of, any_of, negation_of
from gitreg_indexer.filters.literals import DAY, written

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = "9999-12-31"
_NEVER: Final = "NOT has(kind)"  # every record has a kind
_PLAIN: Final = re.compile(r"[\w/-]+")
_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "*": "\\*", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write(condition: Condition, custom: CustomFields) -> str:
    """Write a condition as a filter."""
    match _simple(condition):
        case All(()):
            return ""
        case Any(()):
            return _NEVER
        case All(parts):
            return " AND ".join(_Writer(custom).inner(part) for part in parts)
        case Any(parts):
            return " OR ".join(_Writer(custom).alternatives(parts))
        case simple:
            return _Writer(custom).inner(simple)


def _simple(condition: Condition) -> Condition:
    """Give a condition without the parts that always or never hold, and without groups of one."""
    match condition:
        case All(parts):
            inner = [_simple(part) for part in parts]
            return Any(()) if Any(()) in inner else all_of(inner)
        case Any(parts):
            inner = [_simple(part) for part in parts]
            return All(()) if All(()) in inner else any_of(inner)
        case Not(part):
            turned = _simple(part)
            if turned in (All(()), Any(())):
                return Any(()) if turned == All(()) else All(())
            return negation_of(turned)
    return condition


class _Writer:
    def __init__(self, custom: CustomFields) -> None:
        self.custom = custom

    def inner(self, condition: Condition) -> str:
        """Write a condition so that it can stand beside others."""
        match condition:
            case All(parts):
                return f"({' AND '.join(self.inner(part) for part in parts)})"
            case Any(parts):
                found = list(self.alternatives(parts))
                return found[0] if len(found) == 1 else f"({' OR '.join(found)})"
            case Not(Is(path, value)):
                return f"{_name(path)} != {self.value(path, value)}"
            case Not(part):
                return f"NOT {self.inner(part)}"
        return self.comparison(condition)

    def alternatives(self, parts: tuple[Condition, ...]) -> Iterator[str]:
        """Write the parts of an alternative: values of one field that follow one another as a list."""
        for (name, sign), items in groupby(self.items(parts), key=lambda item: item[:2]):
            values = [value for _, _, value in items]
            if not name:
                yield from values
            elif len(values) == 1:
                yield f"{name} {sign} {values[0]}"
            else:
                yield f"{name} {'IN' if sign == '=' else sign} ({', '.join(values)})"

    def items(self, parts: tuple[Condition, ...]) -> Iterator[tuple[str, str, str]]:
        """Give name, sign and value of each part, or just its text where it is no such comparison.

        A text and a number that were written as one value are one again.
        """
        waiting = list(parts)
        while waiting:
            part = waiting.pop(0)
            if not isinstance(part, (Is, Says)):
                yield "", "", self.inner(part)
                continue
            other = waiting[0] if waiting else None
            sign = "=" if isinstance(part, Is) else ":"
            if isinstance(other, Is) and self.is_pair(part, other):
                waiting.pop(0)
                yield _name(part.path), sign, _text_of(part)
            else:
                value = self.value(part.path, part.value) if isinstance(part, Is) else _quoted(part.text)
                yield _name(part.path), sign, value

    def is_pair(self, part: Is | Says, other: Is) -> bool:
        if part.path != other.path or isinstance(other.value, str) or not self.is_free(part.path):
            return False
        return written(other.value) == _text_of(part)

    def is_free(self, path: str) -> bool:
        return self.type_at(path) == "any"

    def type_at(self, path: str) -> str:
        field = find(path, self.custom)
        return field.type if field else "any"

    def comparison(self, condition: Condition) -> str:
        match condition:
            case Is(path, value):
                return f"{_name(path)} = {self.value(path, value)}"
            case StartsWith(path, prefix):
                return f'{_name(path)} = {_quoted(prefix)[:-1]}*"'
            case Says(path, text):
                return f"{_name(path)} : {_quoted(text)}"
            case Between():
                return self.between(condition)
            case Satisfies():
                return _version(condition)
            case Within(namespace):
                return f"namespace : {_quoted(namespace)}"
            case Has(path):
                return f"has({_name(path)})"
        raise AssertionError(condition)

    def value(self, path: str, value: str | float | bool) -> str:
        if isinstance(value, str):
            return _quoted(value)
        if not isinstance(value, bool) and self.type_at(path) == "time":
            return _moment(value)
        text = written(value)
        if isinstance(value, bool) or not self.is_free(path):
            return text
        return text.upper() if "e" in text else f"{text}e0"  # not the shortest form: the number only, not its text

    def between(self, asked: Between) -> str:
        name, kind = _name(asked.path), self.type_at(asked.path)
        is_time = kind == "time"
        if kind in ("time", "any") and _is_a_day(asked):
            return f'{name} = "{_day(asked.low or 0.0)}"'
        bounds: list[str] = []
        if asked.low is not None:
            sign, value = (">=" if asked.includes_low else ">"), asked.low
            bounds.append(f"{name} {_bound(sign, value)}" if is_time else f"{name} {sign} {written(value)}")
        if asked.high is not None:
            sign, value = ("<=" if asked.includes_high else "<"), asked.high
            bounds.append(f"{name} {_bound(sign, value)}" if is_time else f"{name} {sign} {written(value)}")
        if not bounds:
            return f"has({name})"
        return bounds[0] if len(bounds) == 1 else f"({' AND '.join(bounds)})"


def _text_of(condition: Is | Says) -> str:
    return str(condition.value) if isinstance(condition, Is) else condition.text


def _version(asked: Satisfies) -> str:
    name, sets = _name(asked.path), asked.range.sets
    if asked.range.include_prerelease:
        only = sets[0][0] if len(sets) == 1 and len(sets[0]) == 1 else Comparator("", None)
        if only.version is None:
            return f'{name} >= "0.0.0-0"'
        if only.operator:
            return f'{name} {only.operator} "{only.version}"'
    return f'{name} : "{str(asked.range) or "*"}"'


def _is_a_day(asked: Between) -> bool:
    if asked.low is None or asked.high != asked.low + DAY or asked.includes_high or not asked.includes_low:
        return False
    return asked.low % DAY == 0 and _day(asked.low) is not None


def _bound(sign: str, seconds: float) -> str:
    """Write one side of a span of time."""
    if (day := _day(seconds)) is not None:
        return f'{sign} "{day}"' if sign in (">=", "<") else f"{sign} {_moment(seconds)}"
    if _moment(seconds) != '""':
        return f"{sign} {_moment(seconds)}"
    return f'{">" if sign[0] == ">" else "<="} "{_LAST_DAY}"'


def _day(seconds: float) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).date().isoformat() if seconds % DAY == 0 else None
    except OverflowError:
        return None


def _moment(seconds: float) -> str:
    """Write a moment; empty where no calendar has it."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return '""'
    text = moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return f'"{text.removesuffix("+00:00")}Z"'


def _name(path: str) -> str:
    """Write the name of a field; keys that are no words stand in quotes."""
    segments = name_of(path).split(".")
    return ".".join(part if _PLAIN.fullmatch(part) else _quoted(part, stars=False) for part in segments)


def _quoted(text: str, *, stars: bool = True) -> str:
    return '"' + "".join(_character(char, stars=stars) for char in text) + '"'


def _character(char: str, *, stars: bool) -> str:
    if char == "*" and not stars:
        return char
    return _ESCAPED.get(char, char) if char.isprintable() or char in _ESCAPED else _code(char)


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else char
