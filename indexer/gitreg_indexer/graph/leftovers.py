"""What hangs loose: records that nothing comes after (orphans), and references that lead nowhere (dangling).

- An orphan is a record that no standing reference admits, of a kind that is there to be used.
- Both are looked for part by part, in a lasting order, so that a registry of any size can be gone through with a
  bounded effort for each part; `cursor` says where the next one begins.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from gitreg_indexer.graph.asking import Edge, wanted_of
from gitreg_indexer.graph.lineage import Asked
from gitreg_indexer.graph.state import State, name_of
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tables import edges, facts

USED_KINDS: Final = ("Config", "Dataset", "Model", "PipelineTemplate", "Policy")
"""The kinds of which records are there to be used by others."""
PART: Final = 2_000
"""Rows that are looked at together."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A record that nothing comes after."""

    ref: str
    kind: str
    status: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """What was found in a part of the registry; `cursor` is where the next part begins, None after the last."""

    orphans: tuple[Orphan, ...] = ()
    dangling: tuple[Edge, ...] = ()
    cursor: str | None = None


def orphans(state: State, asked: Asked, *, after: str = "", size: int = PART) -> Part:
    """Look for orphans among the next so many records of the asked kinds, in the order of their paths."""
    kinds = sorted(asked.kinds or USED_KINDS)
    rows = state.db.execute(_next_records(state.at, kinds, after).limit(size)).all()
    known = {row.ref: Orphan(row.ref, row.kind, row.status) for row in rows}
    used = _used(state, list(known), asked.relations)
    found = tuple(orphan for ref, orphan in known.items() if ref not in used)
    return Part(orphans=found, cursor=rows[-1].path if len(rows) == size else None)


def _used(state: State, refs: Sequence[str], relations: Collection[str]) -> set[str]:
    """Tell after which of some records others come. What many ask for in the same words is looked at once."""
    state.read_names(map(name_of, refs))
    used: set[str] = set()
    for wanted in wanted_of(state.db, map(name_of, refs), relations, state.at):
        edge = Edge(wanted.first, "", "", wanted.target, wanted.selector, True, 0)
        used.update(ref for ref in state.admitted(edge) if ref != wanted.first or ref != wanted.last)
    state.read_out(refs, upstream=False)
    for ref in refs:
        edges = (edge for edge in state.out(ref, upstream=False) if edge.relation in relations)
        if any(target != ref for edge in edges for target in state.admitted(edge)):
            used.add(ref)
    return used


def dangling(state: State, asked: Asked, *, after: int = 0, size: int = PART) -> Part:
    """Look for references that lead nowhere among the next so many references."""
    rows = state.db.execute(_next_edges(state.at, after).limit(size)).all()
    found = [Edge._make(row[1:]) for row in rows]
    state.read_names({edge.target for edge in found})
    loose = (edge for edge in found if edge.relation in asked.relations and not state.admitted(edge))
    return Part(dangling=tuple(loose), cursor=str(rows[-1].id) if len(rows) == size else None)


def _next_records(at: int | None, kinds: Sequence[str], after: str) -> sa.Select[Any]:
    columns = (facts.c.path, facts.c.ref, facts.c.kind, facts.c.status)
    query = sa.select(*columns).where(facts.c.kind.in_(kinds), _holds(facts, at), facts.c.path > after)
    return query.order_by(facts.c.path)


def _next_edges(at: int | None, after: int) -> sa.Select[Any]:
    names = ("source", "field", "relation", "target", "selector", "required", "seq_from")
    query = sa.select(edges.c.id, *(edges.c[name] for name in names))
    return query.where(_holds(edges, at), edges.c.id > after).order_by(edges.c.id)


def _holds(table: sa.Table, at: int | None) -> sa.ColumnElement[bool]:
    if at is None:
        return table.c.seq_to == FOREVER
    return sa.and_(table.c.seq_from <= at, table.c.seq_to > at)
