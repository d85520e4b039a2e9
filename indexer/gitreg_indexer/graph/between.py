"""What differs between the graph at two moments: records, references, and what standing references resolve to.

- Of the whole registry, what commits between the moments touched is compared, so the cost follows these, not the graph.
- Of the lineage of one record, the lineages of both moments are compared: what is only in one of them may stand at the
  other moment too, and has come into the lineage or left it then.
- From a later moment to an earlier one the difference is the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import UsageError
from gitreg.kinds.references import is_about_all, is_upstream
from gitreg.refs import KINDS
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.lineage import Asked, Lineage
from gitreg_indexer.graph.state import State, name_of
from gitreg_indexer.tables import edges, facts

MOST_TOUCHED: Final = 200_000
"""Rows between two moments that are compared at most."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A reference that stands at both moments, and what it resolves to at each. One about all versions never moves."""

    edge: Edge
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What came and went: refs of records, references by where they stand, and references that moved.

    What `entered` a lineage or `left` it stands at both moments. `roots` are the records whose lineages are compared.
    """

    records_added: tuple[str, ...] = ()
    records_removed: tuple[str, ...] = ()
    added: tuple[Edge, ...] = ()
    removed: tuple[Edge, ...] = ()
    moved: tuple[Moved, ...] = ()
    records_entered: tuple[str, ...] = ()
    records_left: tuple[str, ...] = ()
    entered: tuple[Edge, ...] = ()
    left: tuple[Edge, ...] = ()
    roots: tuple[str | None, str | None] = (None, None)


def difference(before: State, after: State, first: int, last: int, asked: Asked) -> Difference:
    """Compare the whole graph at two seqs, of which the states are."""
    low, high = min(first, last), max(first, last)
    records, names = _touched_records(after.db, low, high)
    gone, come = (_listed(records, seq, other) for seq, other in ((first, last), (last, first)))
    spoken = [edge for edge in _touched_edges(after.db, low, high) if edge[0].relation in asked.relations]
    old = {_key(edge): edge for edge, begins, ends in spoken if begins <= first < ends}
    new = {_key(edge): edge for edge, begins, ends in spoken if begins <= last < ends}
    moved = _moved(before, after, names, asked)
    return Difference(come, gone, _only_in(new, old), _only_in(old, new), tuple(moved))


def difference_of(old: State, new: State, before: Lineage | None, after: Lineage | None) -> Difference:
    """Compare the lineage of a record at two moments, of which the states are; None where it did not stand."""
    came, went = sorted(_nodes(after) - _nodes(before)), sorted(_nodes(before) - _nodes(after))
    old.read_names(map(name_of, came))
    new.read_names(map(name_of, went))
    old_edges, new_edges = _edges_of(before), _edges_of(after)
    come, gone = _only_in(new_edges, old_edges), _only_in(old_edges, new_edges)
    stood, stands = _spoken_by(old, come), _spoken_by(new, gone)
    kept = [new_edges[key] for key in old_edges.keys() & new_edges.keys()]
    kept += [edge for edges, keys in ((come, stood), (gone, stands)) for edge in edges if _key(edge) in keys]
    moved = {_key(edge): each for edge in kept for each in _moved_at_both(old, new, edge)}
    return Difference(
        records_added=tuple(ref for ref in came if old.standing(ref) is None),
        records_removed=tuple(ref for ref in went if new.standing(ref) is None),
        added=tuple(edge for edge in come if _key(edge) not in stood),
        removed=tuple(edge for edge in gone if _key(edge) not in stands),
        moved=tuple(moved[key] for key in sorted(moved)),
        records_entered=tuple(ref for ref in came if old.standing(ref) is not None),
        records_left=tuple(ref for ref in went if new.standing(ref) is not None),
        entered=tuple(edge for edge in come if _key(edge) in stood and _key(edge) not in moved),
        left=tuple(edge for edge in gone if _key(edge) in stands and _key(edge) not in moved),
        roots=(before.root if before else None, after.root if after else None),
    )


def _spoken_by(state: State, edges: Iterable[Edge]) -> set[_Key]:
    """Give the keys of all references that the records which hold some have at another moment."""
    sources = {edge.source for edge in edges}
    for upstream in (True, False):
        state.read_out(sources, upstream=upstream)
    return {_key(edge) for source in sources for flow in (True, False) for edge in state.out(source, upstream=flow)}


def _moved_at_both(old: State, new: State, edge: Edge) -> Iterator[Moved]:
    if not is_about_all(edge.relation, edge.field):
        moved = Moved(edge, old.meant(edge), new.meant(edge))
        yield from [moved] if moved.before != moved.after else []


_Key = tuple[str, str, str, bool, bool]
"""What a reference says, in whatever field: who refers, in what relation, to what, whether that is required and comes
first: a pipeline that reads a dataset says another thing than one that writes it."""


def _nodes(lineage: Lineage | None) -> set[str]:
    return {node.ref for node in lineage.nodes if not node.is_missing} if lineage else set()


def _edges_of(lineage: Lineage | None) -> dict[_Key, Edge]:
    return {_key(line.edge): line.edge for line in lineage.lines} if lineage else {}


def _key(edge: Edge) -> _Key:
    return edge.source, edge.relation, edge.wanted, edge.required, is_upstream(edge.relation, edge.field)


def _only_in(some: Mapping[_Key, Edge], others: Mapping[_Key, Any]) -> tuple[Edge, ...]:
    return tuple(some[key] for key in sorted(some.keys() - others.keys()))


_Span = tuple[int, int]


def _touched_records(db: sa.Connection, low: int, high: int) -> tuple[dict[str, list[_Span]], set[str]]:
    """Give the intervals of records that began or ended after one seq and until another, and the names concerned."""
    columns = (facts.c.kind, facts.c.namespace, facts.c.name, facts.c.ref, facts.c.seq_from, facts.c.seq_to)
    records: dict[str, list[_Span]] = {}
    names: set[str] = set()
    for kind, namespace, name, ref, begins, ends in _rows(db, facts, columns, low, high):
        records.setdefault(ref, []).append((begins, ends))
        names.add(_name(kind, namespace, name, ref))
    return records, names


def _name(kind: str, namespace: str, name: str, ref: str) -> str:
    """Give the name whose meaning a record is part of: aliases are part of what the versions of their name mean."""
    if kind == "Aliases":
        of, _, bare = name.partition("/")
        return f"{KINDS[of].word}:{namespace}/{bare}"
    return ref.partition("@")[0]


def _listed(records: Mapping[str, list[_Span]], stands: int, not_at: int) -> tuple[str, ...]:
    """List the records that stand at one seq and not at another."""

    def holds(spans: list[_Span], seq: int) -> bool:
        return any(begins <= seq < ends for begins, ends in spans)

    return tuple(sorted(ref for ref, spans in records.items() if holds(spans, stands) and not holds(spans, not_at)))


def _touched_edges(db: sa.Connection, low: int, high: int) -> list[tuple[Edge, int, int]]:
    columns = [edges.c[name] for name in ("source", "field", "relation", "target", "selector", "required", "seq_from")]
    rows = _rows(db, edges, [*columns, edges.c.seq_to], low, high)
    return [(Edge._make(row[:-1]), row.seq_from, row.seq_to) for row in rows]


def _rows(db: sa.Connection, table: sa.Table, columns: Iterable[Any], low: int, high: int) -> list[Any]:
    """Read the rows that begin or end after one seq and until another."""
    listed = list(columns)
    parts = (sa.select(table.c.id, *listed).where(end > low, end <= high) for end in (table.c.seq_from, table.c.seq_to))
    either = sa.union(*parts).subquery()
    query = sa.select(*(either.c[column.name] for column in listed)).order_by(either.c.id).limit(MOST_TOUCHED + 1)
    rows = list(db.execute(query))
    if len(rows) > MOST_TOUCHED:
        raise UsageError(
            f"more than {MOST_TOUCHED:,} records and references changed between these moments",
            got=f"seq {low} to seq {high}",
            mend="name moments that are nearer to each other, or a record whose lineage is to be compared",
        )
    return rows


def _moved(before: State, after: State, names: set[str], asked: Asked) -> Iterable[Moved]:
    """Find the references to some names that stand at both moments and resolve to another record."""
    for state in (before, after):
        for upstream in (True, False):
            state.read_into(names, upstream=upstream)
    found = (each for name in names for each in _of_name(before, after, name, asked))
    return sorted(found, key=lambda each: _key(each.edge))


def _of_name(before: State, after: State, name: str, asked: Asked) -> Iterator[Moved]:
    for upstream in (True, False):
        stood = {_key(edge) for edge in before.into(name, upstream=upstream)}
        for edge in after.into(name, upstream=upstream):
            if edge.relation in asked.relations and _key(edge) in stood:
                yield from _moved_at_both(before, after, edge)
