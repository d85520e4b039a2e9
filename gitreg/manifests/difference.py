"""What differs between two manifests, field by field."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field and its values before and after; None where the field was not stated."""

    path: str
    before: Any
    after: Any

    def as_data(self) -> dict[str, Any]:
        """Give the change as JSON data."""
        return {"path": self.path, "before": self.before, "after": self.after}


def differences(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """Find the differing fields of two manifests given as plain data, by path; lists count as one value.

    Values are compared as JSON has them: `1` is `1.0`, and is neither `true` nor `"1"`; `null` is not absence.
    """
    if is_same(before, after):
        return
    if (isinstance(before, dict) and isinstance(after, dict)) or _is_beginning_or_end(before, after):
        olds, news = (side if isinstance(side, dict) else {} for side in (before, after))
        for key in sorted({*olds, *news}):
            inner = f"{path}.{key}" if path else key
            yield from differences(olds.get(key, _ABSENT), news.get(key, _ABSENT), inner)
        return
    yield FieldChange(path, *(None if side is _ABSENT else side for side in (before, after)))


def _is_beginning_or_end(before: Any, after: Any) -> bool:
    """Tell whether a mapping that holds something came or went whole: then each of its fields did."""
    here = after if before is _ABSENT else before
    return (before is _ABSENT or after is _ABSENT) and isinstance(here, dict) and bool(here)


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two pieces of plain data are the same JSON value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def sameness(value: Any) -> Hashable:
    """Give a piece of plain data as what is equal for two just where `is_same` says so, to look it up among many."""
    if isinstance(value, dict):
        return dict, tuple((key, sameness(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return list, tuple(map(sameness, value))
    return (bool, value) if isinstance(value, bool) else value  # Python hashes 1 and 1.0 alike, and True too


def without(data: Any, paths: Iterable[tuple[str, ...]]) -> Any:
    """Give plain data without what stands at some paths."""
    kept = data
    for path in paths:
        kept = _without(kept, path)
    return kept


def _without(data: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(data, dict) or path[0] not in data:
        return data
    if len(path) == 1:
        return {key: value for key, value in data.items() if key != path[0]}
    return {**data, path[0]: _without(data[path[0]], path[1:])}
