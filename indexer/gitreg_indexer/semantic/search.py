"""Order facts by nearness, as of any moment and under any filter, whatever the search engine is.

- `keep` is the engine's part: of some ids it gives those that hold at the moment asked about and pass the filters, in
  the order that the engine gives to equals (`Document.order`: namespace, name, newest version).
- The nearest are taken in steps until enough of them hold. A step ends with all that are as near as its last, so the
  order, nearest first and equals as `keep` has them, is the same for every index of the same history, and a page
  deeper goes on where the one before ended.
- Where few hold, whoever asks names them all, in the same order, and the nearest are found among them directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

import numpy.typing as npt

from gitreg_indexer.semantic.fusion import fuse
from gitreg_indexer.semantic.vectors import Near, Ranking, Vectors

Keep = Callable[[Sequence[int]], Sequence[int]]
"""Gives those of some ids that hold, in the order of equals."""
STEPS: Final = (1_000, 10_000, 100_000)
DEEPEST: Final = 1_000
"""Results that a semantic search goes down to: everything is near to some degree, so somewhere it must end."""
FUSED: Final = 200
"""Results of either order that a hybrid search brings together."""
FEW: Final = 10_000
"""Up to so many facts that hold, naming them all is quicker than asking which of the nearest hold."""


def walk(ranking: Ranking, keep: Keep, *, holding: Sequence[int] | None = None) -> Iterator[Near]:
    """Give facts that hold, nearest first, for as long as the caller wants more.

    `holding` are all that hold, in the order of equals, where the caller knows them; `keep` is not asked then.
    """
    if holding is not None:
        yield from _nearest_first(ranking.of(holding))
        return
    passed = 0
    for count in (*STEPS, len(ranking)):
        if passed >= len(ranking):
            return
        step = ranking.best(count)[passed:]
        passed += len(step)
        scores = dict(step)
        yield from _nearest_first([Near(id_, scores[id_]) for id_ in keep(list(scores))])


def semantic_ids(
    vectors: Vectors, vector: npt.ArrayLike, keep: Keep, wanted: int, *, holding: Sequence[int] | None = None
) -> list[int]:
    """Give the ids of the nearest `wanted` facts that hold, nearest first."""
    return first(walk(vectors.near(vector), keep, holding=holding), wanted)


def similar_ids(
    vectors: Vectors, id_: int, keep: Keep, wanted: int, *, holding: Sequence[int] | None = None
) -> list[int]:
    """Give the ids of the facts most like one; what is not to be among them (it, its versions) `keep` leaves out."""
    ranking = vectors.near_fact(id_)
    return [] if ranking is None else first(walk(ranking, keep, holding=holding), wanted)


def first(walked: Iterator[Near], wanted: int) -> list[int]:
    """Give the ids that a walk begins with."""
    return [near.id for near in islice(walked, max(wanted, 0))]


def hybrid_ids(lexical: Sequence[int], semantic: Sequence[int]) -> list[int]:
    """Bring the first `FUSED` of a search by words and of one by nearness into one order: all there is to page through.

    How many these are is the search's total. The order of words comes first among equals.
    """
    return fuse((lexical[:FUSED], semantic[:FUSED]))


def _nearest_first(nears: list[Near]) -> list[Near]:
    """Order by score; equals stay as they are."""
    return sorted(nears, key=lambda near: -near.score)
