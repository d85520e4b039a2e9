"""Graphs as JSON data, in the words of spec 5.4.

- A node's id is its ref; an edge's is made of its ends and its field, so it is the same at any moment.
- `fromNode relationshipType toNode` reads as a sentence: a successor `replaces` what names it as successor.
- An answer as of a moment tells nothing of what came later: nothing in it is ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

import sqlalchemy as sa

from gitreg.refs import KINDS, Address, Ref
from gitreg_indexer.catalog import Position, about_in, number_of
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.between import Difference
from gitreg_indexer.graph.lineage import Asked, Line, Lineage, Node
from gitreg_indexer.graph.state import State, name_of
from gitreg_indexer.tables import LISTED, births, commits, in_parts

_TYPES: Final = {"TestSuite": "test"}
"""The types of spec 5.4 that are not the kind's word in refs."""


def lineage_data(state: State, lineage: Lineage, asked: Asked, position: Position) -> dict[str, Any]:
    """Give a lineage as the LineageGraph of spec 5.4."""
    begun = _births(state.db, [node.ref for node in lineage.nodes if not node.is_missing])
    times = times_of(state.db, {line.edge.since for line in lineage.lines})
    now = dict(in_parts(state.db, _TIMES, [position.seq]))
    return {
        "nodes": [_node_data(node, begun.get(node.ref)) for node in lineage.nodes],
        "edges": [line_data(state, line, times) for line in lineage.lines],
        "metadata": {
            "rootNode": lineage.root,
            "direction": asked.direction,
            "reading": asked.reading,
            "depth": lineage.depth,
            "nodeCount": len(lineage.nodes),
            "edgeCount": len(lineage.lines),
            "isCut": lineage.is_cut,
            "generatedAt": now.get(position.seq),
            "commit": position.commit,
            "seq": position.seq,
        },
    }


def _node_data(node: Node, begun: str | None) -> dict[str, Any]:
    ref = name_of(node.ref)
    version = node.ref[len(ref) + 1 :]
    return {
        "id": node.ref,
        "type": _TYPES.get(node.kind, KINDS[node.kind].word),
        "name": ref.partition(":")[2],
        "version": version or None,
        "metadata": {
            "kind": node.kind,
            "status": node.status,
            "distance": node.distance,
            "isMissing": node.is_missing,
        },
        "validFrom": begun,
        "validTo": None,
    }


def line_data(state: State, line: Line, times: Mapping[int, str]) -> dict[str, Any]:
    """Give an edge as the LineageEdge of spec 5.4."""
    ends = (line.target, line.source) if line.edge.relation == "replaces" else (line.source, line.target)
    named = blake2b("\n".join((line.source, line.edge.field, line.target)).encode(), digest_size=10)
    return {
        "id": named.hexdigest(),
        "fromNode": ends[0],
        "toNode": ends[1],
        "relationshipType": line.edge.relation,
        "metadata": {
            "field": line.edge.field,
            "constraint": line.edge.wanted,
            "resolvesTo": state.meant(line.edge),
            "required": line.edge.required,
            "upstream": line.upstream,
        },
        "createdAt": times.get(line.edge.since),
        "deletedAt": None,
    }


def edge_data(edge: Edge) -> dict[str, Any]:
    """Give a reference as it stands, whatever it leads to."""
    return {
        "ref": edge.source,
        "field": edge.field,
        "relation": edge.relation,
        "constraint": edge.wanted,
        "required": edge.required,
        "since": edge.since,
    }


def difference_data(found: Difference, before: Position, after: Position) -> dict[str, Any]:
    """Give what differs between two moments."""
    moved = [{**edge_data(each.edge), "before": each.before, "after": each.after} for each in found.moved]
    records = {"added": found.records_added, "removed": found.records_removed}
    records |= {"entered": found.records_entered, "left": found.records_left}
    edges = {"added": found.added, "removed": found.removed, "entered": found.entered, "left": found.left}
    return {
        "from": {"commit": before.commit, "seq": before.seq, "root": found.roots[0]},
        "to": {"commit": after.commit, "seq": after.seq, "root": found.roots[1]},
        "records": {name: list(refs) for name, refs in records.items()},
        "references": {**{name: [edge_data(edge) for edge in each] for name, each in edges.items()}, "moved": moved},
    }


def path_of(ref: str) -> str:
    """Give the place of the record that a ref with an exact version names."""
    name = Ref.parse(name_of(ref))
    return Address(name.kind, name.namespace, name.name, ref.partition("@")[2] or None, name.of).path


def _births(db: sa.Connection, refs: Collection[str]) -> dict[str, str]:
    """Tell when records were first registered, by ref."""
    places = {path_of(ref): ref for ref in refs}
    query = sa.select(births.c.path, births.c.created_at).where(births.c.path.in_(LISTED))
    return {places[path]: moment for path, moment in in_parts(db, query, places)}


def times_of(db: sa.Connection, seqs: Iterable[int]) -> dict[int, str]:
    """Tell the times of commits since which edges stand, by seq; none where they may stand for longer.

    An index without the past knows of what stood at its beginning only that it did.
    """
    begins = number_of(about_in(db), "history_from")
    return dict(in_parts(db, _TIMES, sorted(seq for seq in seqs if seq > begins)))


_TIMES: Final = sa.select(commits.c.seq, commits.c.time).where(commits.c.seq.in_(LISTED))
