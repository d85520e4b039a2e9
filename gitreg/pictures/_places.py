"""Where each vertex stands across the flow, its order within the layer kept, so that edges are short and run straight.

- In sweeps over the layers, each vertex is drawn to the mean of its neighbours, lanes most of all. Within a layer this
  is solved exactly: of all places that keep the order and the gaps, those with the least sum of squares.
- Then rows, such as the lanes of one edge, are put on one height wherever their layers have room for it.
- Two vertices of a layer never come closer than half their sizes and a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import Final

from gitreg.pictures._layers import Edge, neighbours
from gitreg.pictures._ordering import Order

BOX_GAP: Final = 12.0
LANE_GAP: Final = 7.0
_SWEEPS: Final = 24
_IDLE: Final = 0.01
"""The weight of where a vertex is, for one that nothing draws."""


class Column:
    """One layer: its vertices from the top down, and how far below the first one each must be at least."""

    def __init__(self, layer: Sequence[int], sizes: Sequence[float], boxes: int) -> None:
        self.layer = layer
        gaps = [
            (sizes[one] + sizes[two]) / 2 + (LANE_GAP if one >= boxes or two >= boxes else BOX_GAP)
            for one, two in pairwise(layer)
        ]
        self.depths = list(accumulate(gaps, initial=0.0))

    def settle(self, centres: list[float], wanted: Sequence[tuple[float, float]]) -> None:
        """Put the vertices as near as can be to where they are wanted, each by its weight."""
        runs: list[tuple[float, float, int]] = []
        for (place, weight), depth in zip(wanted, self.depths, strict=False):
            total, sum_, count = weight, (place - depth) * weight, 1
            while runs and runs[-1][1] * total > sum_ * runs[-1][0]:
                upper = runs.pop()
                total, sum_, count = total + upper[0], sum_ + upper[1], count + upper[2]
            runs.append((total, sum_, count))
        places = (sum_ / total for total, sum_, count in runs for _ in range(count))
        for vertex, place, depth in zip(self.layer, places, self.depths, strict=False):
            centres[vertex] = place + depth


def centres_of(order: Order, steps: Sequence[Edge], sizes: Sequence[float], boxes: int) -> list[float]:
    """Give each vertex its centre in px from 0 on; vertices from number `boxes` on are lanes."""
    before, after = neighbours(len(sizes), steps)
    columns = [Column(layer, sizes, boxes) for layer in order]
    centres = [0.0] * len(sizes)
    for column in columns:
        for vertex, depth in zip(column.layer, column.depths, strict=True):
            centres[vertex] = depth - column.depths[-1] / 2
    for sweep in range(_SWEEPS):
        near = (before, after) if sweep >= _SWEEPS // 2 else ((before,) if sweep % 2 == 0 else (after,))
        for column in columns if sweep % 2 == 0 else reversed(columns):
            column.settle(centres, [_wanted(vertex, near, centres, boxes) for vertex in column.layer])
    for _ in range(3):
        _straighten(_rows(order, before, after, boxes), columns, centres)
    top = min((centre - size / 2 for centre, size in zip(centres, sizes, strict=True)), default=0.0)
    return [centre - top for centre in centres]


def _wanted(
    vertex: int, near: Iterable[Sequence[Sequence[int]]], centres: Sequence[float], boxes: int
) -> tuple[float, float]:
    """Give where a vertex is drawn, and how strongly."""
    total, weights = centres[vertex] * _IDLE, _IDLE
    for ends in near:
        for end in ends[vertex]:
            weight = 1.0 if vertex < boxes and end < boxes else 2.0 if vertex < boxes or end < boxes else 8.0
            total, weights = total + centres[end] * weight, weights + weight
    return total / weights, weights


def _rows(order: Order, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], boxes: int) -> list[list[int]]:
    """Find what should be on one height, the longest first: lanes that follow each other, what leads to one thing."""
    rows: list[list[int]] = []
    row_of: dict[int, list[int]] = {}
    for layer in order:
        for vertex in layer:
            end = _straight_before(vertex, before, after, boxes)
            if end is None:
                row_of[vertex] = [vertex]
                rows.append(row_of[vertex])
            else:
                row_of[vertex] = row_of[end]
                row_of[vertex].append(vertex)
    return sorted((row for row in rows if len(row) > 1), key=lambda row: -len(row))


def _straight_before(
    vertex: int, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], boxes: int
) -> int | None:
    if vertex >= boxes:
        lane = next((end for end in before[vertex] if end >= boxes), None)
        if lane is not None:
            return lane
    if len(before[vertex]) == 1:
        end = before[vertex][0]
        lanes = [other for other in after[end] if other >= boxes] if end >= boxes else []
        if len(after[end]) == 1 and (not lanes or lanes == [vertex]):
            return end
    return None


def _straighten(rows: Iterable[Sequence[int]], columns: Sequence[Column], centres: list[float]) -> None:
    """Put each row on its mean height, or as near as its layers have room; leave it where they have none in common."""
    spot = {vertex: (column, n) for column in columns for n, vertex in enumerate(column.layer)}
    for row in rows:
        low, high = -inf, inf
        for vertex in row:
            column, n = spot[vertex]
            if n:
                low = max(low, centres[column.layer[n - 1]] + column.depths[n] - column.depths[n - 1])
            if n + 1 < len(column.layer):
                high = min(high, centres[column.layer[n + 1]] - column.depths[n + 1] + column.depths[n])
        if low <= high:
            mean = sum(centres[vertex] for vertex in row) / len(row)
            for vertex in row:
                centres[vertex] = min(max(mean, low), high)
