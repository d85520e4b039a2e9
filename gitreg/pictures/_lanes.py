"""Long edges get a vertex of their own, a lane, in each layer that they cross; edges of one style may share lanes.

- Edges that end (or begin) at the same box in the same style run together in one lane until they part: a river, which
  has one meaning only, since a lane belongs to one box and one style.
- Lanes are numbered after the boxes. A lane has at most one lane before it and one after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gitreg.pictures._layers import Edge
from gitreg.pictures._picture import too_large

MOST_COLUMNS: Final = 200_000
"""Columns that all edges together may cross."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The layers of boxes and lanes, the short edges between them, and for each edge the vertices on its way."""

    boxes: int
    layers: list[int]
    steps: list[Edge]
    ways: list[tuple[int, ...]]


def lanes_of(layers: Sequence[int], edges: Sequence[Edge], styles: Sequence[Hashable]) -> Lanes:
    """Lead each edge (from a lower layer to a higher one) through the layers, by the lane of its busier end.

    Raise UsageError where that is too long for all of them.
    """
    length = sum(layers[head] - layers[tail] for tail, head in edges)
    if length > MOST_COLUMNS:
        raise too_large(f"arrows that cross {length} columns", f"at most {MOST_COLUMNS}")
    begun = Counter((tail, style) for (tail, _), style in zip(edges, styles, strict=True))
    ended = Counter((head, style) for (_, head), style in zip(edges, styles, strict=True))
    whole = list(layers)
    lanes: dict[tuple[int, Hashable, int], int] = {}
    ways: list[tuple[int, ...]] = []
    for (tail, head), style in zip(edges, styles, strict=True):
        end = tail if begun[tail, style] > ended[head, style] else head
        way = [tail]
        for layer in range(layers[tail] + 1, layers[head]):
            key = (end, style, layer)
            if key not in lanes:
                lanes[key] = len(whole)
                whole.append(layer)
            way.append(lanes[key])
        ways.append((*way, head))
    steps = sorted({step for way in ways for step in pairwise(way)})
    return Lanes(len(layers), whole, steps, ways)
