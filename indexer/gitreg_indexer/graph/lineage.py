"""Lineage: what a record comes from and what comes from it, to any depth, as a graph of its own (spec 5.4).

- Upstream is where data and needs flow from: what is derived from, depended on, used, read; settings before what they
  are made for. Downstream is the other way.
- `replaces` is followed only where it is asked for: a successor is made of nothing that it replaces.
- Nodes come nearest first, then by ref; the same moment gives the same answer, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, takewhile
from operator import attrgetter
from typing import Final, Literal, NamedTuple, get_args

from gitreg.kinds.references import Relation, is_upstream
from gitreg.refs import Ref
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.state import Reading, State, name_of

Direction = Literal["up", "down", "both"]
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)
FOLLOWED: Final[tuple[Relation, ...]] = tuple(each for each in RELATIONS if each != "replaces")
"""The relations that are followed unless others are named."""
MOST_NODES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """How far and along what lineage is followed; `kinds` are those that are entered, all where none is named."""

    direction: Direction = "both"
    depth: int | None = None
    relations: Collection[str] = FOLLOWED
    kinds: Collection[str] = ()
    reading: Reading = "resolved"
    limit: int = MOST_NODES


@dataclass(frozen=True, slots=True)
class Node:
    """A record of the graph; `distance` counts edges from the root on the shortest way, below 0 upstream.

    What is referred to and is not there is `missing`; its ref is the reference as it is written.
    """

    ref: str
    kind: str
    status: str | None
    distance: int
    is_missing: bool = False


class Line(NamedTuple):
    """An edge of the graph in one of its readings, from who refers to what is referred to."""

    source: str
    target: str
    edge: Edge
    is_missing: bool = False
    """Whether the target is not there; it is the reference as it is written then."""

    @property
    def upstream(self) -> str:
        """Give the end that data and needs flow from."""
        return self.target if is_upstream(self.edge.relation, self.edge.field) else self.source

    @property
    def downstream(self) -> str:
        """Give the end that they flow to."""
        return self.source if self.upstream == self.target else self.target


@dataclass(frozen=True, slots=True)
class Lineage:
    """A part of the graph around a record. `is_cut` tells that there was more than may be told at once."""

    root: str
    depth: int
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    is_cut: bool = False


def trace(state: State, root: str, asked: Asked) -> Lineage:
    """Follow lineage from a record that stands."""
    found = _Found({root: 0}, {})
    ups = {"up": (True,), "down": (False,), "both": (True, False)}[asked.direction]
    walks = [_Walk(state, root, asked, found, is_up=is_up) for is_up in ups]
    steps = count(1) if asked.depth is None else range(1, asked.depth + 1)
    for distance in takewhile(lambda _: any(walk.breadth for walk in walks), steps):
        for walk in walks:
            walk.step(distance)
    missing = {line.target for line in found.lines.values() if line.is_missing}
    state.read_names(name_of(ref) for ref in found.distances if ref not in missing)
    nodes = [_node(state, ref, distance, is_missing=ref in missing) for ref, distance in found.distances.items()]
    depth = max(abs(node.distance) for node in nodes)
    lines = (found.lines[key] for key in sorted(found.lines))
    return Lineage(root, depth, tuple(sorted(nodes, key=_order)), tuple(lines), any(walk.is_cut for walk in walks))


@dataclass(frozen=True, slots=True)
class _Found:
    """What walks have found: how far nodes are, and edges by who refers, where, and to what."""

    distances: dict[str, int]
    lines: dict[tuple[str, str, str], Line]


def _order(node: Node) -> tuple[int, bool, str]:
    return abs(node.distance), node.distance > 0, node.ref


def _node(state: State, ref: str, distance: int, *, is_missing: bool) -> Node:
    standing = None if is_missing else state.standing(ref)
    return Node(ref, kind_of(ref), standing.status if standing else None, distance, is_missing)


class _Walk:
    """A walk in one direction. Several go on in turn, so that what is nearest is found first, in whatever direction."""

    def __init__(self, state: State, root: str, asked: Asked, found: _Found, *, is_up: bool) -> None:
        self._state, self._asked, self._found, self._is_up = state, asked, found, is_up
        self._seen = {root}
        self.breadth = [root]
        self.is_cut = False

    def step(self, distance: int) -> None:
        """Go to what is so far away; where the bound is reached, the walk ends."""
        above: list[str] = []
        led = self._state.counted(led_from(self._state, self.breadth, self._asked, is_up=self._is_up))
        for _, there, line in sorted(led, key=_THERE):
            if there not in self._seen:
                if not self._is_taken(there, distance):
                    self.breadth, self.is_cut = [], True
                    return
                self._seen.add(there)
                if not line.is_missing:
                    above.append(there)
            self._found.lines[line.source, line.edge.field, line.target] = line
        self.breadth = above

    def _is_taken(self, ref: str, distance: int) -> bool:
        """Take a record in, unless there are as many as there may be."""
        distances = self._found.distances
        known = distances.get(ref)
        if known is None and len(distances) >= self._asked.limit:
            return False
        if known is None or distance < abs(known):
            distances[ref] = -distance if self._is_up else distance
        return True


class Led(NamedTuple):
    """A line, and the two records that it leads from and to in the direction that is gone."""

    here: str
    there: str
    line: Line


_THERE: Final = attrgetter("there")


def led_from(state: State, refs: Collection[str], asked: Asked, *, is_up: bool) -> Iterator[Led]:
    """Give the edges that lead from records one step upstream or downstream, and where to."""
    ways = _ways_on(asked.relations, is_up=is_up)
    for way in ways:
        if way.is_out:
            state.read_out(refs, upstream=way.upstream)
        else:
            state.read_into({name_of(ref) for ref in refs}, upstream=way.upstream)
    kinds = frozenset(asked.kinds)
    for ref in refs:
        for way in ways:
            for led in _led_out(state, ref, asked, way) if way.is_out else _led_back(state, ref, asked, way):
                if not kinds or kind_of(led.there) in kinds:
                    yield led


class _WayOn(NamedTuple):
    """One of the ways in which edges lead on: from who refers or what is referred to, and by which of two flows."""

    is_out: bool
    upstream: bool


def _ways_on(relations: Collection[str], *, is_up: bool) -> list[_WayOn]:
    """Tell how edges lead upstream or downstream; what only rare relations do is left out where none is asked for."""
    usual, rare = _WayOn(is_up, upstream=True), _WayOn(not is_up, upstream=False)
    return [usual, rare] if _LEADING_DOWN.intersection(relations) else [usual]


_LEADING_DOWN: Final = frozenset({"configures", "replaces", "transforms"})
"""The relations in which what a record names may come after it."""


def _led_out(state: State, ref: str, asked: Asked, way: _WayOn) -> Iterator[Led]:
    for edge in state.out(ref, upstream=way.upstream):
        if edge.relation not in asked.relations:
            continue
        targets = state.targets(edge, asked.reading)
        for target in state.looked_at(targets):
            yield Led(ref, target, Line(ref, target, edge))
        if not targets:
            yield Led(ref, edge.wanted, Line(ref, edge.wanted, edge, is_missing=True))


def _led_back(state: State, ref: str, asked: Asked, way: _WayOn) -> Iterator[Led]:
    for edge in state.looked_at(state.into(name_of(ref), upstream=way.upstream)):
        if edge.relation in asked.relations and state.leads_to(edge, ref, asked.reading):
            yield Led(ref, edge.source, Line(edge.source, ref, edge))


@lru_cache(maxsize=65536)
def kind_of(ref: str) -> str:
    """Give the kind of the record that a ref names."""
    return Ref.parse(name_of(ref)).kind
