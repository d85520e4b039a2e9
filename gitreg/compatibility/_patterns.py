"""Regular expressions of a schema, tried only where that cannot take long.

- A pattern is tried on short texts alone, and only if it is tame: few repetitions, hardly nested, no back references.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LONGEST_TEXT: Final = 300
"""Characters of a text that the simplest patterns are tried on."""
_SHORT_TEXT: Final = 10
_LONGEST_PATTERN: Final = 256
_MOST_REPEATS: Final = 6
_MOST_REPEATS_WITH_CHOICES: Final = 4
_MOST_CHOICES: Final = 3
_IGNORED: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEAT: Final = re.compile(r"[*+?]|\{[0-9]*,?[0-9]*\}")
_UNTRIED: Final = re.compile(r"\\[1-9]|\(\?(?!:)|\[\^?\[|--|&&|\|\||~~")


def matches(pattern: str, text: str) -> bool | None:
    """Tell whether a pattern is found in a text; None where that is not tried, or the pattern is none."""
    compiled = _compiled(pattern)
    if compiled is None or len(text) > reach(pattern):
        return None
    return compiled.search(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if reach(pattern) >= 0 else None
    except (re.error, OverflowError, RecursionError):
        return None


@lru_cache(maxsize=4096)
def reach(pattern: str) -> int:
    """Give the longest text that a pattern is tried on, in characters; -1 where it is not tried at all."""
    if len(pattern) > _LONGEST_PATTERN or _UNTRIED.search(pattern):
        return -1
    bare = _IGNORED.sub("x", pattern).replace("(?:", "(")
    repeats, groups = len(_REPEAT.findall(bare)), _groups(bare)
    nested = [inner for inner, after in groups if _REPEAT.match(after) and after[0] != "?" and _is_busy(inner)]
    if len(nested) > 1 or any(len(_REPEAT.findall(inner)) > 1 or "|" in inner for inner in nested):
        return -1
    if repeats <= 2 and "|" not in bare and not nested:
        return LONGEST_TEXT
    chosen = sum("|" in inner for inner, _ in groups)
    most = _MOST_REPEATS_WITH_CHOICES if nested or "|" in bare else _MOST_REPEATS
    return _SHORT_TEXT if chosen <= _MOST_CHOICES and repeats <= most else -1


def _is_busy(inner: str) -> bool:
    return bool(_REPEAT.search(inner)) or "|" in inner


def _groups(bare: str) -> list[tuple[str, str]]:
    """Give the inside of each group, and what follows it."""
    found: list[tuple[str, str]] = []
    opened: list[int] = []
    for n, character in enumerate(bare):
        if character == "(":
            opened.append(n)
        elif character == ")" and opened:
            found.append((bare[opened.pop() + 1 : n], bare[n + 1 :]))
    return found
