"""What is remembered of a state that never changes: as much as fits, by its weight in bytes and not by its number.

- Weights are estimates, on the heavy side. What fits no longer makes room for itself: all that was there is forgotten.
- Several threads may use a memory at once; what two of them make at the same time is made twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, Final

from gitreg_indexer.terms import AnyPrefixed, T, WordPrefixed

MOST_BYTES: Final = 32 << 20
HEAVIEST: Final = MOST_BYTES // 4
"""What is heavier is made anew each time: it would drive out too much."""
_OBJECT: Final = 100
_NUMBER: Final = 32
_PREFIX: Final = 150_000
_PREFIX_BYTE: Final = 4_500
"""What an automaton for a prefix takes, measured: 140 kB for five characters, 900 kB for two hundred."""
_ABSENT: Final = object()


class Memory:
    """Things by their keys."""

    def __init__(self) -> None:
        self.weight = 0
        self._things: dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made under a key before, or make it."""
        known = self._things.get(key, _ABSENT)
        if known is not _ABSENT:
            found: T = known
            return found
        made = make()
        self._keep(key, made, weight_of(key) + weight_of(made))
        return made

    def _keep(self, key: Hashable, made: Any, weight: int) -> None:
        if weight > HEAVIEST:
            return
        with self._lock:
            if self.weight + weight > MOST_BYTES:
                self._things, self.weight = {}, 0
            self._things[key] = made
            self.weight += weight


def weight_of(thing: Any) -> int:
    """Estimate how many bytes something takes, an automaton that is made of it included."""
    match thing:
        case str():
            return _OBJECT + len(thing)
        case int() | float() | None:
            return _NUMBER
        case AnyPrefixed(prefixes):
            return sum(map(_weight_of_prefix, prefixes))
        case WordPrefixed(prefix):
            return _weight_of_prefix(prefix)
        case tuple() | list():
            return _OBJECT + sum(map(weight_of, thing))
        case dict():
            return _OBJECT + sum(weight_of(key) + weight_of(value) for key, value in thing.items())
    if is_dataclass(thing):
        return _OBJECT + sum(weight_of(getattr(thing, field.name)) for field in fields(thing))
    return _OBJECT


def _weight_of_prefix(prefix: str) -> int:
    return _PREFIX + _PREFIX_BYTE * len(prefix.encode("utf-8", "surrogatepass"))
