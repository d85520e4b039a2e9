"""The graph that records draw by what they say of each other, read off a state one breadth at a time.

- A node is one record; an edge is a reference. What a reference admits (every version that satisfies it) and what it
  means (the one that it resolves to) are two readings, and both are here.
- Forward costs what is reached; backward goes by who mentions the name, so it costs the number of those.
- Nothing recurses: chains and cycles of any length are walked with a list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gitreg.errors import NotFoundError
from gitreg.kinds.references import NEEDING, Reference, Relation, is_about_all, is_upstream, references_of
from gitreg.refs import KINDS, Address, Ref, addresses_at
from gitreg.repository.snapshot import Record, Snapshot
from gitreg.versions import Range

CONSUMING: Final[frozenset[Relation]] = frozenset({*NEEDING, "validates", "configures", "transforms"})
"""The relations by which one record is affected by another: all but that of a successor."""


class TooLarge(Exception):  # noqa: N818 - an answer, caught by whoever set the bound
    """The part of the graph that a question is about has more records than may be read for it."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A record that is affected by another: how far away, and by which way, the nearest first."""

    address: Address
    relation: Relation
    field: str
    path: tuple[str, ...]
    """Refs from the record itself to this consumer, both included."""

    @property
    def distance(self) -> int:
        """Count the references on the way."""
        return len(self.path) - 1


class Graph:
    """The graph of one state; remembers what it has read."""

    def __init__(self, state: Snapshot, relations: frozenset[Relation] = NEEDING, *, limit: int = 250_000) -> None:
        self.state = state
        self.relations = relations
        self._limit = limit
        self._edges: dict[str, tuple[str, ...]] = {}
        self._admitted: dict[str, tuple[str, ...]] = {}
        self._meant: dict[str, Address | None] = {}

    def admitted(self, ref: Ref) -> tuple[str, ...]:
        """Give the paths of every record that satisfies a reference; without a selector, of every version."""
        text = str(ref)
        known = self._admitted.get(text)
        if known is None:
            known = self._admitted[text] = tuple(self._paths_of(ref))
        return known

    def _paths_of(self, ref: Ref) -> Iterator[str]:
        if not KINDS[ref.kind].is_versioned:
            yield ref.address().path
            return
        selector = ref.selector
        if isinstance(selector, str):
            meant = self.meant(ref)
            yield from [meant.path] if meant else []
            return
        for version in self.state.versions(ref.kind, ref.namespace, ref.name):
            fits = selector.allows(version) if isinstance(selector, Range) else selector in (None, version)
            if fits:
                yield ref.address(str(version)).path

    def meant(self, ref: Ref) -> Address | None:
        """Give the record that a reference resolves to; None where there is none."""
        text = str(ref)
        if text not in self._meant:
            try:
                self._meant[text] = self.state.resolve(ref)
            except NotFoundError:
                self._meant[text] = None
        return self._meant[text]

    def edges(self, path: str) -> tuple[str, ...]:
        """Give the paths of all that the record at a path admits; `TooLarge` past the bound."""
        known = self._edges.get(path)
        if known is None:
            if len(self._edges) >= self._limit:
                raise TooLarge
            record = self.state.record_at(path)
            known = self._edges[path] = tuple(dict.fromkeys(self._targets(record))) if record else ()
        return known

    def _targets(self, record: Record) -> Iterator[str]:
        for reference in references_of(record.manifest):
            if reference.relation in self.relations:
                yield from self.admitted(reference.ref)

    def circles(self, starts: Iterable[str]) -> Iterator[frozenset[str]]:
        """Find the strongly connected parts with a circle in them that some paths reach (Tarjan, 1972)."""
        order: dict[str, int] = {}
        low: dict[str, int] = {}
        waiting: list[str] = []
        is_waiting: set[str] = set()
        for start in starts:
            if start in order:
                continue
            work: list[tuple[str, Iterator[str]]] = []
            self._enter(start, order, low, waiting, is_waiting, work)
            while work:
                path, left = work[-1]
                target = next(left, None)
                if target is None:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[path])
                    if low[path] == order[path]:
                        part = _popped(path, waiting, is_waiting)
                        if len(part) > 1 or path in self.edges(path):
                            yield part
                elif target not in order:
                    self._enter(target, order, low, waiting, is_waiting, work)
                elif target in is_waiting:
                    low[path] = min(low[path], order[target])

    def _enter(
        self,
        path: str,
        order: dict[str, int],
        low: dict[str, int],
        waiting: list[str],
        is_waiting: set[str],
        work: list[tuple[str, Iterator[str]]],
    ) -> None:
        order[path] = low[path] = len(order)
        waiting.append(path)
        is_waiting.add(path)
        work.append((path, iter(self.edges(path))))

    def circle_through(self, path: str, part: frozenset[str]) -> tuple[str, ...]:
        """Give a shortest circle from a path back to it within a strongly connected part."""
        came: dict[str, str] = {}
        left = deque([path])
        while left:
            here = left.popleft()
            for target in self.edges(here):
                if target == path:
                    return tuple(reversed([path, *_way_back(came, here, path)]))
                if target in part and target not in came:
                    came[target] = here
                    left.append(target)
        return (path,)

    def referrers(self, addresses: Sequence[Address]) -> Iterator[tuple[Record, Reference]]:
        """Find the records that refer to one of some names, whatever version they ask for."""
        names = {(address.kind, address.namespace, address.name) for address in addresses}
        words = {f"{address.namespace}/{address.name}" for address in addresses if address.namespace}
        for path in self.state.mentioning(words):
            record = self.state.record_at(path)
            for reference in references_of(record.manifest) if record else ():
                ref = reference.ref
                if record is not None and (ref.kind, ref.namespace, ref.name) in names:
                    yield record, reference

    def is_mentioned(self, address: Address) -> bool:
        """Tell whether any record but those of the name itself may refer to a name."""
        own = address.folder + "/"
        found = self.state.mentioning([f"{address.namespace}/{address.name}"])
        return any(not path.startswith(own) or self._mentions_itself(path, address) for path in found)

    def _mentions_itself(self, path: str, address: Address) -> bool:
        record = self.state.record_at(path)
        found = references_of(record.manifest) if record else ()
        refs = (reference.ref for reference in found)
        return any((r.kind, r.namespace, r.name) == (address.kind, address.namespace, address.name) for r in refs)

    def consumers(self, start: Address, *, limit: int = 100_000) -> Iterator[Consumer]:
        """Find every record that is affected by one, breadth by breadth: those it affects by itself, and theirs.

        `TooLarge` past the bound.
        """
        ways: dict[str, tuple[str, ...]] = {start.path: (start.ref,)}
        breadth = [start]
        while breadth:
            above: list[Address] = []
            for provider, consumer, reference in self._affected(breadth):
                if consumer.path in ways:
                    continue
                way = ways[consumer.path] = (*ways[provider], consumer.ref)
                if len(ways) > limit:
                    raise TooLarge
                above.append(consumer)
                yield Consumer(consumer, reference.relation, reference.field, way)
            breadth = above

    def _affected(self, breadth: Sequence[Address]) -> Iterator[tuple[str, Address, Reference]]:
        """Give each record that one of some affects by itself, after the path of that one.

        It is the one that refers, but for settings, which affect what they are for, and for what a pipeline writes.
        """
        targets = {address.path for address in breadth}
        for record, reference in self.referrers(breadth):
            if self._is_followed(reference, upstream=True):
                providers = (path for path in self._meant_by(reference) if path in targets)
                yield from ((path, record.address, reference) for path in providers)
        for address in breadth:
            provider = self.state.record_at(address.path)
            for reference in references_of(provider.manifest) if provider else ():
                if self._is_followed(reference, upstream=False):
                    found = map(self.state.record_at, self._meant_by(reference))
                    yield from ((address.path, record.address, reference) for record in found if record)

    def _is_followed(self, reference: Reference, *, upstream: bool) -> bool:
        is_asked = reference.relation in self.relations
        return is_asked and is_upstream(reference.relation, reference.field) is upstream

    def _meant_by(self, reference: Reference) -> tuple[str, ...]:
        """Give the paths of what a reference is about."""
        if is_about_all(reference.relation, reference.field):
            return self.admitted(reference.ref)
        meant = self.meant(reference.ref)
        return (meant.path,) if meant else ()


def _popped(path: str, waiting: list[str], is_waiting: set[str]) -> frozenset[str]:
    part: set[str] = set()
    while path not in part:
        last = waiting.pop()
        is_waiting.discard(last)
        part.add(last)
    return frozenset(part)


def _way_back(came: dict[str, str], here: str, start: str) -> Iterator[str]:
    while here != start:
        yield here
        here = came[here]
    yield start


def ref_at(path: str) -> str:
    """Give the ref of the record whose place a path is."""
    found = addresses_at(path)
    return found[0].ref if found else path
