"""Bring several orders of the same things into one: reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009).

- It looks at ranks, never at scores: orders that are measured differently need no common scale.
- Equal sums go by the best rank, then by the rank in the first order, the second, and so on. Ids decide nothing, so
  that two indexes of one history, which number their facts differently, give the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

CLOSENESS: Final = 60
"""How little the first ranks are told apart; 60 is the paper's."""


def fuse(rankings: Sequence[Sequence[int]], k: int = CLOSENESS) -> list[int]:
    """Order all ids that stand in any ranking, best first: each rank r, from 1, counts 1 / (k + r)."""
    ranks: dict[int, list[float]] = {}
    for number, ranking in enumerate(rankings):
        for rank, id_ in enumerate(ranking, start=1):
            places = ranks.setdefault(id_, [math.inf] * len(rankings))
            places[number] = min(places[number], rank)

    def place(id_: int) -> tuple[float, float, list[float]]:
        places = ranks[id_]
        return -math.fsum(1 / (k + rank) for rank in places), min(places), places

    return sorted(ranks, key=place)
