"""The order in which a pipeline's stages run, and the longest way through them.

- A batch holds stages that may run side by side: all that they take comes from batches before it.
- The order is that of the manifest wherever the flow leaves it open, so one manifest has one order.
- Stages on a circle or behind one never run: they are `stuck`, and in no batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from gitreg.pipelines.flows import Way


@dataclass(frozen=True, slots=True)
class RunOrder:
    """The stages in batches, and those that never get their turn."""

    batches: tuple[tuple[str, ...], ...]
    stuck: tuple[str, ...] = ()


def run_order(stages: Sequence[str], ways: Iterable[Way]) -> RunOrder:
    """Put stages in batches, each as early as what it takes allows (Kahn, 1962)."""
    known = set(ways)
    waits = Counter(other for _, other in known)
    leading = _leading(known)
    place = {stage: n for n, stage in enumerate(stages)}
    batch = [stage for stage in stages if not waits[stage]]
    batches: list[tuple[str, ...]] = []
    while batch:
        batches.append(tuple(batch))
        ready = []
        for other in chain.from_iterable(leading.get(stage, ()) for stage in batch):
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
        batch = sorted(ready, key=place.__getitem__)
    return RunOrder(tuple(batches), tuple(stage for stage in stages if waits[stage] > 0))


def longest_way(order: RunOrder, ways: Iterable[Way], lengths: Mapping[str, int]) -> tuple[tuple[str, ...], int]:
    """Find the way through the stages whose lengths sum to the most, and that sum; of equals the first."""
    best: dict[str, int] = {}
    before: dict[str, str] = {}
    leading = _leading(set(ways))
    flat = list(chain.from_iterable(order.batches))
    for stage in flat:
        best[stage] = best.get(stage, 0) + lengths[stage]
        for other in leading.get(stage, ()):
            if other not in before or best[stage] > best[other]:
                best[other], before[other] = best[stage], stage
    if not flat:
        return (), 0
    way = [max(flat, key=best.__getitem__)]
    while way[-1] in before:
        way.append(before[way[-1]])
    return tuple(reversed(way)), best[way[0]]


def _leading(ways: set[Way]) -> dict[str, list[str]]:
    leading: dict[str, list[str]] = {}
    for one, other in sorted(ways):
        leading.setdefault(one, []).append(other)
    return leading
