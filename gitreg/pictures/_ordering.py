"""The order of the vertices within each layer, with few crossings of the edges between neighbouring layers.

- The best order that was seen is kept: it never has more crossings than the first. A tree that grows one way has none.
- The same graph gives the same order; how long is searched depends on its size, not on a clock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Final

from gitreg.pictures._layers import Edge, neighbours

Order = list[list[int]]
_WORK: Final = 80_000
"""Steps, seen once a sweep, that the search may cost."""


def ordered(layers: Sequence[int], steps: Sequence[Edge]) -> Order:
    """Give each layer's vertices from the top down; a step joins a layer with the next."""
    before, after = neighbours(len(layers), steps)
    sweeps = min(24, max(4, _WORK // (len(steps) + 1)))
    found = [_swept(first, before, after, sweeps) for first in first_orders(layers, steps)]
    return min(found, key=lambda order: _badness(order, after))


def first_orders(layers: Sequence[int], steps: Sequence[Edge]) -> list[Order]:
    """Give the orders that the search begins with: as a walk in depth meets the vertices, onward and backward."""
    before, after = neighbours(len(layers), steps)
    onward = _walked(layers, [v for v, tails in enumerate(before) if not tails], after, before)
    backward = _walked(layers, [v for v, heads in enumerate(after) if not heads], before, after)
    return [onward, backward]


def _walked(
    layers: Sequence[int], starts: Iterable[int], first: Sequence[Sequence[int]], then: Sequence[Sequence[int]]
) -> Order:
    order: Order = [[] for _ in range(max(layers, default=-1) + 1)]
    seen = [False] * len(layers)
    waiting = [*starts][::-1]
    while waiting:
        vertex = waiting.pop()
        if seen[vertex]:
            continue
        seen[vertex] = True
        order[layers[vertex]].append(vertex)
        waiting.extend(reversed(then[vertex]))
        waiting.extend(reversed(first[vertex]))
    return order


def crossings(order: Order, after: Sequence[Sequence[int]]) -> int:
    """Count the pairs of steps that cross, where `after` tells where each vertex's steps lead."""
    return sum(_crossings_between(upper, _places(lower), after) for upper, lower in pairwise(order))


def _crossings_between(upper: Sequence[int], places: dict[int, int], after: Sequence[Sequence[int]]) -> int:
    seen: list[int] = []
    count = 0
    for vertex in upper:
        ends = sorted(places[head] for head in after[vertex])
        count += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _places(layer: Sequence[int]) -> dict[int, int]:
    return {vertex: place for place, vertex in enumerate(layer)}


def _badness(order: Order, after: Sequence[Sequence[int]]) -> tuple[int, float]:
    """Weigh an order: first by its crossings, then by how far apart the ends of its steps are."""
    middles = {vertex: place - len(layer) / 2 for layer in order for place, vertex in enumerate(layer)}
    apart = sum(abs(middle - middles[head]) for vertex, middle in middles.items() for head in after[vertex])
    return crossings(order, after), apart


def _swept(first: Order, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], sweeps: int) -> Order:
    """Sweep over the layers there and back, each ordered by the one before; give the best order that was met."""
    order = [list(layer) for layer in first]
    best, least = first, _badness(first, after)
    stale = 0
    for sweep in range(sweeps):
        if stale > 7 or not any(least):
            break
        is_onward, are_ties_turned = sweep % 2 == 0, sweep % 4 >= 2
        _sweep(order, before if is_onward else after, is_onward, are_ties_turned)
        _swap_neighbours(order, before, after)
        badness = _badness(order, after)
        stale += 1
        if badness < least:
            best, least, stale = [list(layer) for layer in order], badness, 0
    return best


def _sweep(order: Order, fixed: Sequence[Sequence[int]], is_onward: bool, are_ties_turned: bool) -> None:
    numbers = range(1, len(order)) if is_onward else range(len(order) - 2, -1, -1)
    for number in numbers:
        places = _places(order[number - 1 if is_onward else number + 1])
        layer = order[number]
        if are_ties_turned:
            layer.reverse()
        layer.sort(key=_Centres(layer, fixed, places).__getitem__)


class _Centres(dict[int, float]):
    """The mean place of each vertex's neighbours; one that has none keeps the place where it is."""

    def __init__(self, layer: Sequence[int], fixed: Sequence[Sequence[int]], places: dict[int, int]) -> None:
        scale = len(places) / (len(layer) or 1)
        for place, vertex in enumerate(layer):
            ends = fixed[vertex]
            self[vertex] = sum(places[end] for end in ends) / len(ends) if ends else place * scale


def _swap_neighbours(order: Order, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> None:
    """Swap vertices that are next to each other where this saves crossings; again where something beside it changed."""
    waiting: Collection[int] = range(len(order))
    for _ in range(4):
        saved = [number for number in waiting if _swap_in_layer(order, number, before, after)]
        around = {number + step for number in saved for step in (-1, 0, 1)}
        waiting = sorted(around & set(range(len(order))))


def _swap_in_layer(order: Order, number: int, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> bool:
    layer = order[number]
    above = _ends(layer, order[number - 1] if number else (), before)
    below = _ends(layer, order[number + 1] if number + 1 < len(order) else (), after)
    is_saving = False
    for n in range(len(layer) - 1):
        one, two = layer[n], layer[n + 1]
        kept = _crossed(above[one], above[two]) + _crossed(below[one], below[two])
        if kept and kept > _crossed(above[two], above[one]) + _crossed(below[two], below[one]):
            layer[n], layer[n + 1] = two, one
            is_saving = True
    return is_saving


def _ends(layer: Sequence[int], other: Sequence[int], edges: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    places = _places(other)
    return {vertex: sorted([places[end] for end in edges[vertex]]) if other else [] for vertex in layer}


def _crossed(one: Sequence[int], two: Sequence[int]) -> int:
    """Count the pairs of an end of the first and an end of the second that cross where the first is above."""
    if not one or not two or one[-1] <= two[0]:
        return 0
    return sum([bisect_left(two, end) for end in one])
