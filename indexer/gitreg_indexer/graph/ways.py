"""Ways from one record to another: the shortest, or all of them, and whether a new reference would close a circle.

- A way goes downstream, from what comes first to what is made of it.
- The shortest is looked for from both ends, each time from the one where a step costs less.
- All ways are given shortest first, each record at most once on a way; where they are too many to go through, it is
  told that there are more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

from gitreg.kinds.references import NEEDING
from gitreg.refs import Ref
from gitreg_indexer.graph.asking import Edge, is_spoken_of
from gitreg_indexer.graph.lineage import Asked, Line, led_from
from gitreg_indexer.graph.state import State, name_of

MOST_STEPS: Final = 50_000
"""Beginnings of ways that are looked at for all ways between two records."""
MOST_ROOM: Final = 2_000_000
"""Records on the beginnings of ways that are remembered at once."""
_LEANING: Final = 32
"""How many records are stepped from upstream for one downstream: a record needs a few, but thousands may need it."""
Way = tuple[str, ...]
"""Refs of records, the first upstream of all others."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways between two records, with the edges that they go along. `is_cut` tells that there may be more."""

    ways: tuple[Way, ...]
    lines: tuple[Line, ...]
    is_cut: bool = False


def shortest(state: State, source: str, targets: Collection[str], asked: Asked) -> Way | None:
    """Find a shortest way downstream from a record to one of others; of equals the first by refs."""
    if source in targets:
        return (source,)
    down, up = _Side(state, asked, [source], is_up=False), _Side(state, asked, targets, is_up=True)
    while down.edge and up.edge:
        side, other = (down, up) if len(down.edge) * _LEANING <= len(up.edge) else (up, down)
        met = side.step() & other.came.keys()
        if met:
            middle = min(met, key=lambda ref: (down.distance[ref] + up.distance[ref], ref))
            return (*reversed(down.trail(middle)), *up.trail(middle)[1:])
    return None


class _Side:
    """One end of a search: the records found from it, and from which record each was come to."""

    def __init__(self, state: State, asked: Asked, starts: Collection[str], *, is_up: bool) -> None:
        self._state, self._asked, self._is_up = state, asked, is_up
        self.came: dict[str, str | None] = dict.fromkeys(sorted(starts))
        self.distance: dict[str, int] = dict.fromkeys(starts, 0)
        self.edge = sorted(starts)

    def step(self) -> set[str]:
        """Go one edge further from every record at the edge; give the records that are new."""
        found: dict[str, str] = {}
        for here, there, line in led_from(self._state, self.edge, self._asked, is_up=self._is_up):
            if there not in self.came and not line.is_missing:
                found[there] = min(here, found.get(there, here))
        reached = {there: self.distance[here] + 1 for there, here in found.items()}
        self.came.update(found)
        self.distance.update(reached)
        self.edge = sorted(found)
        return set(found)

    def trail(self, ref: str) -> list[str]:
        """Give the way back from a record to a start, both included."""
        way = [ref]
        while (before := self.came[way[-1]]) is not None:
            way.append(before)
        return way


def ways_between(state: State, source: str, target: str, asked: Asked, *, most: int | None = None) -> Ways:
    """Find a shortest way downstream from one record to another; with `most` all ways, the shortest first."""
    first = shortest(state, source, [target], asked)
    if first is None:
        return Ways((), ())
    if most is None or source == target:
        return Ways((first,), _lines_on(state, asked, [first]), is_cut=False)
    before, is_cut = _before(state, target, asked)
    found: list[Way] = []
    for way in _all_ways(state, source, target, asked, before):
        if way is None or len(found) == most:
            is_cut = True
            break
        found.append(way)
    ways = tuple(found) or (first,)
    return Ways(ways, _lines_on(state, asked, ways), is_cut)


def _before(state: State, target: str, asked: Asked) -> tuple[dict[str, int], bool]:
    """Tell how far upstream of a record others are, as many as may be entered, and whether there were more."""
    side = _Side(state, asked, [target], is_up=True)
    while side.edge and len(side.distance) < asked.limit:
        side.step()
    return side.distance, bool(side.edge)


def _all_ways(state: State, source: str, target: str, asked: Asked, before: Mapping[str, int]) -> Iterator[Way | None]:
    """Give ways by their length; None where it takes too much to find more."""
    waiting: list[tuple[int, Way]] = [(before.get(source, 0), (source,))]
    nexts: dict[str, list[str]] = {}
    room = 1
    for _ in range(MOST_STEPS):
        if not waiting:
            return
        _, way = heappop(waiting)
        here, room = way[-1], room - len(way)
        if here == target:
            yield way
            continue
        if here not in nexts:
            led = {there for _, there, _ in led_from(state, [here], asked, is_up=False)}
            nexts[here] = sorted(led & before.keys())
        for ref in nexts[here]:
            if ref not in way:
                heappush(waiting, (len(way) + before[ref], (*way, ref)))
                room += len(way) + 1
        if room > MOST_ROOM:
            break
    yield None


def _lines_on(state: State, asked: Asked, ways: Collection[Way]) -> tuple[Line, ...]:
    steps = {step for way in ways for step in pairwise(way)}
    starts = sorted({one for one, _ in steps})
    found = led_from(state, starts, asked, is_up=False)
    on_way = {(led.line.source, led.line.edge.field, led.line.target): led.line for led in found if led[:2] in steps}
    return tuple(on_way[key] for key in sorted(on_way))


_OF_NEEDS: Final = Asked(relations=NEEDING, reading="admitted")


def closed_by(state: State, source: str, wanted: Ref) -> Way | None:
    """Find a circle that a record would close by needing what a ref admits: from the record back to it, by needs.

    The record need not stand yet. None where there would be no circle.
    """
    state.suppose(source)
    edge = Edge(source, "", "depends_on", wanted.place, wanted.written or "", True, 0)
    state.read_names([edge.target])
    starts = state.admitted(edge)
    if source not in starts and not is_spoken_of(state.db, name_of(source), state.at):
        return None
    way = shortest(state, source, starts, _OF_NEEDS)
    return None if way is None else (source, *reversed(way))
