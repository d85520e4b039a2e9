"""What of a stored document can be filtered, counted and sorted by: its leaves, by canonical path.

- A path has no list positions: the items of a list all stand at the path of the list.
- Numbers are floats; a text that is a day or a moment stands there a second time as a number: seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitreg.repository.moments import seconds_of
from gitreg_indexer.engine import Scalar

__all__ = ["seconds_of", "values_of"]


def values_of(data: dict[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """Give each leaf of a document with its path; a leaf may come twice."""
    return _below(data, "")


def _below(value: Any, path: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _below(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _below(inner, path)
    elif isinstance(value, bool):
        yield path, value
    elif isinstance(value, (int, float)):
        yield path, float(value)
    elif isinstance(value, str):
        yield path, value
        seconds = seconds_of(value) if value[:1].isdigit() else None
        if seconds is not None:
            yield path, seconds
