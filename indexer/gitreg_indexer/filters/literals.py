"""Values as filters write them: numbers, truth values, days and moments; both ways.

- A number is written as JSON writes it, so `007` is a text; `written` has one form for each number.
"""

from __future__ import annotations

import re
from typing import Final

from gitreg_indexer.values import seconds_of

DAY: Final = 86_400.0
NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_IS_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST: Final = -62_135_596_800.0  # 0001-01-01, the first day that can be written
_END_OF_TIME: Final = 253_402_300_800.0  # 10000-01-01


def number_of(text: str) -> float | None:
    """Read a number as JSON writes it; None where it is none, or too large to be one."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text) + 0.0  # there is one zero
    return number if abs(number) != float("inf") else None


def scalar_of(text: str) -> float | bool | None:
    """Read a value without quotes as the number or truth value that it may be."""
    return text == "true" if text in ("true", "false") else number_of(text)


def written(value: float | bool) -> str:
    """Write a number or a truth value in its one shortest form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e16 else repr(value)


def time_span(text: str) -> tuple[float, float] | None:
    """Give the beginning of a day and of the next, or a moment twice; None where a text is neither."""
    seconds = seconds_of(text)
    if seconds is None or not _EARLIEST <= seconds < _END_OF_TIME:
        return None
    return (seconds, seconds + DAY) if _IS_DAY.fullmatch(text) else (seconds, seconds)
