"""What of a stored document can be filtered, counted and sorted by: its leaves, by canonical path.

- A path has no list positions: the items of a list all stand at the path of the list.
- Numbers are floats; a text that is a day or a moment stands there a second time as a number: seconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from gitreg_indexer.engine import Scalar

_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)


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


def seconds_of(text: str) -> float | None:
    """Read a day (its beginning, UTC) or an RFC 3339 moment as seconds since 1970; None where it is neither."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
