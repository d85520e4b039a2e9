"""What of a stored document can be filtered, counted and sorted by: its leaves, by canonical path.

- A path has no list positions: the items of a list all stand at the path of the list.
- Numbers are floats; a text that is a day or a moment stands there a second time as a number: seconds since 1970.
"""

from __future__ import annotations

from typing import Any

from gitreg.repository.moments import seconds_of
from gitreg_indexer.engine import Scalar

__all__ = ["seconds_of", "values_of"]


def values_of(data: dict[str, Any]) -> list[tuple[str, Scalar]]:
    """Give each leaf of a document with its path; a leaf may come twice."""
    found: list[tuple[str, Scalar]] = []
    _add_below(data, "", found)
    return found


def _add_below(value: dict[str, Any] | list[Any], path: str, found: list[tuple[str, Scalar]]) -> None:
    if isinstance(value, list):
        pairs = [(path, inner) for inner in value]
    elif path:
        pairs = [(f"{path}.{key}", inner) for key, inner in value.items()]
    else:
        pairs = list(value.items())
    for at, inner in pairs:
        kind = inner.__class__
        if kind is str:
            found.append((at, inner))
            if inner[:1].isdigit() and (seconds := seconds_of(inner)) is not None:
                found.append((at, seconds))
        elif kind is dict or kind is list:
            _add_below(inner, at, found)
        elif kind is bool:
            found.append((at, inner))
        elif kind is int or kind is float:
            found.append((at, float(inner)))
