"""Values in plain data by a dotted path: `spec.endpoints[0].url`, `spec.endpoints.url` for those of every item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_STEP: Final = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")


def values_at(data: Any, path: str) -> list[Any]:
    """Find the values at a path; none where it leads nowhere.

    A list is gone through item by item unless the path has an index. Keys may have dots in them.
    """
    steps = [int(index) if index else key for index, key in _STEP.findall(path)]
    return list(_values(data, steps)) if steps else []


def _values(data: Any, steps: Sequence[int | str]) -> Iterator[Any]:
    if not steps:
        yield data
    elif isinstance(data, dict):
        for n in range(1, len(steps) + 1):
            key = ".".join(map(str, steps[:n]))
            if key in data:
                yield from _values(data[key], steps[n:])
    elif isinstance(data, list):
        yield from _items(data, steps)


def _items(data: list[Any], steps: Sequence[int | str]) -> Iterator[Any]:
    step = steps[0]
    if isinstance(step, int):
        if step < len(data):
            yield from _values(data[step], steps[1:])
        return
    for item in data:
        yield from _values(item, steps)
