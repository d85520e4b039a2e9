"""What differs between two manifests, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_ABSENT: Any = None


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
    """Find the differing fields of two manifests given as plain data, by path; lists count as one value."""
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
        return
    if isinstance(before, dict) and after is None:
        yield from differences(before, {}, path) if before else [FieldChange(path, before, None)]
        return
    if isinstance(after, dict) and before is None:
        yield from differences({}, after, path) if after else [FieldChange(path, None, after)]
        return
    if before != after:
        yield FieldChange(path, before, after)


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
