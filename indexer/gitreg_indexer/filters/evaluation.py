"""What a condition means, said in Python: whether it holds of a record's values.

- This is the measure for every engine: what an engine finds is what this says holds.
- A number, a text and a truth value are never the same, and what cannot be read as a version is in no range.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gitreg.versions import InvalidVersion, Range, Version
from gitreg_indexer.conditions import (
    WHOLE,
    All,
    Any,
    Between,
    Condition,
    Has,
    Is,
    Not,
    Satisfies,
    Says,
    StartsWith,
    Within,
)
from gitreg_indexer.engine import Scalar, folded, words_of

Values = Mapping[str, Sequence[Scalar]]


def holds(condition: Condition, values: Iterable[tuple[str, Scalar]], namespaces: Collection[str] = ()) -> bool:
    """Tell whether a condition holds of a record.

    `values` are its values as `values.values_of` gives them; `namespaces` are those that it stands in: its own and all
    above it (`Document.namespaces`).
    """
    by_path: dict[str, list[Scalar]] = {}
    for path, value in values:
        by_path.setdefault(path, []).append(value)
    return _holds(condition, by_path, namespaces)


def _holds(condition: Condition, values: Values, namespaces: Collection[str]) -> bool:
    match condition:
        case All(parts):
            return all(_holds(part, values, namespaces) for part in parts)
        case Any(parts):
            return any(_holds(part, values, namespaces) for part in parts)
        case Not(part):
            return not _holds(part, values, namespaces)
        case Within(namespace):
            return namespace in namespaces
        case Has(path):
            return path in values or any(stated.startswith(f"{path}.") for stated in values)
    return any(matches(condition, value) for value in values.get(condition.path, ()))


def matches(condition: Is | StartsWith | Says | Between | Satisfies, value: Scalar) -> bool:
    """Tell whether one value at the path is what a condition asks for."""
    match condition:
        case Is(_, wanted):
            return isinstance(value, bool) is isinstance(wanted, bool) and value == wanted
        case StartsWith(_, prefix):
            return isinstance(value, str) and folded(value).startswith(folded(prefix))
        case Says(path, text):
            return isinstance(value, str) and (folded(value) == folded(text) if path in WHOLE else says(value, text))
        case Between():
            return isinstance(value, (int, float)) and not isinstance(value, bool) and _is_between(value, condition)
        case Satisfies(_, wanted_range):
            return isinstance(value, str) and _is_in(value, wanted_range)


def says(value: str, text: str) -> bool:
    """Tell whether a text is another one in any case, or has all its words."""
    if folded(value) == folded(text):
        return True
    words = words_of(text)
    return bool(words) and set(words) <= set(words_of(value))


def _is_between(value: float, bounds: Between) -> bool:
    low, high = bounds.low, bounds.high
    is_above = low is None or value > low or (bounds.includes_low and value == low)
    return is_above and (high is None or value < high or (bounds.includes_high and value == high))


def _is_in(text: str, wanted: Range) -> bool:
    try:
        return wanted.allows(Version.parse(text))
    except InvalidVersion:
        return False
