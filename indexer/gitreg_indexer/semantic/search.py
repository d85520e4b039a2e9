"""Order facts by nearness, as of any moment and under any filter, whatever the search engine is.

- What passes the filters at the moment asked about is the engine's to say (`Passing`), always in the order that it
  gives to equals: namespace, name, newest version.
- The nearest are taken in steps until enough of them pass. A step ends with all that are as near as its last, so the
  order, nearest first and equals as the engine has them, is the same for every index of the same history, and a page
  deeper goes on where the one before ended.
- Where few pass, the engine names them all, and they are scored directly: the same order, sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy.typing as npt

from gitreg_indexer.semantic.fusion import fuse
from gitreg_indexer.semantic.vectors import Near, Ranking, Vectors

STEPS: Final = (1_000, 10_000, 100_000)
DEEPEST: Final = 1_000
"""Results that a semantic search goes down to: everything is near to some degree, so somewhere it must end."""
FUSED: Final = 200
"""Results of either order that a hybrid search brings together."""
FEW: Final = 10_000
"""Up to so many facts that pass, naming them all is quicker than asking which of the nearest do."""


@dataclass(frozen=True, slots=True)
class Passing:
    """What passes the filters at one moment: how many, which of some ids, and which at all, in the order of equals."""

    total: int
    among: Callable[[Sequence[int]], Sequence[int]]
    everything: Callable[[], Sequence[int]]


def walk(ranking: Ranking, passing: Passing) -> Iterator[Near]:
    """Give what passes, nearest first, for as long as the caller wants more."""
    if passing.total <= FEW:
        yield from _nearest_first(ranking.of(passing.everything()))
        return
    passed = 0
    for count in (*STEPS, len(ranking)):
        if passed >= len(ranking):
            return
        step = ranking.best(count)[passed:]
        passed += len(step)
        scores = dict(step)
        yield from _nearest_first([Near(id_, scores[id_]) for id_ in passing.among(list(scores))])


def semantic_ids(vectors: Vectors, vector: npt.ArrayLike, passing: Passing, wanted: int) -> list[int]:
    """Give the ids of the nearest `wanted` facts that pass, nearest first."""
    return _ids(walk(vectors.near(vector), passing), 0, wanted)


def similar_ids(vectors: Vectors, id_: int, passing: Passing, wanted: int) -> list[int]:
    """Give the ids of the facts most like one. What is not to be among them, itself say, the filters leave out."""
    ranking = vectors.near_fact(id_)
    return [] if ranking is None else _ids(walk(ranking, passing), 0, wanted)


def semantic_page(ranking: Ranking, passing: Passing, *, offset: int, limit: int) -> tuple[list[int], int]:
    """Give a page of ids, nearest first, and how many there are to page through: `DEEPEST` at most."""
    total = min(passing.total, DEEPEST) if len(ranking) else 0
    return _ids(walk(ranking, passing), min(offset, total), min(offset + limit, total)), total


def hybrid_page(
    ranking: Ranking, passing: Passing, lexical: Sequence[int], *, offset: int, limit: int
) -> tuple[list[int], int]:
    """Give a page of ids of both orders in one, and how many there are to page through.

    `lexical` is the order of the search by words; `FUSED` of it count. It comes first among equals.
    """
    fused = fuse((lexical[:FUSED], _ids(walk(ranking, passing), 0, FUSED)))
    return fused[max(offset, 0) : max(offset + limit, 0)], len(fused)


def _ids(walked: Iterator[Near], start: int, stop: int) -> list[int]:
    return [near.id for near in islice(walked, max(start, 0), max(start, stop, 0))]


def _nearest_first(nears: list[Near]) -> list[Near]:
    """Order by score; equals stay as they are."""
    return sorted(nears, key=lambda near: -near.score)
