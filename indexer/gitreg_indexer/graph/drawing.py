"""Lineage as a picture: boxes for records, arrows from what comes first to what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gitreg.links import href_of
from gitreg.pictures import Arrow, Box, Picture
from gitreg.resolution import ENDED
from gitreg_indexer.catalog import Position
from gitreg_indexer.graph.lineage import Line, Lineage, Node, kind_of
from gitreg_indexer.graph.state import name_of

if TYPE_CHECKING:
    from gitreg_indexer.graph.answers import Joined

Link = Callable[[str], str | None]
"""Gives the address that a record's box in a picture leads to, by its ref."""


def api_link(base: str = "") -> Link:
    """Make links to the API's records, below an address of the server."""
    return lambda ref: f"{base}{href_of(kind_of(ref), ref)}"


def no_link(_ref: str) -> None:
    """Let boxes lead nowhere."""


def picture_of(lineage: Lineage, position: Position, link: Link) -> Picture:
    """Draw a lineage as of a commit."""
    cut = "; there is more than is drawn" if lineage.is_cut else ""
    return Picture(
        title=f"Lineage of {lineage.root}",
        boxes=tuple(_box(node, lineage.root, link) for node in lineage.nodes),
        arrows=tuple(map(_arrow, lineage.lines)),
        caption=f"as of commit {position.commit[:12]}, seq {position.seq}{cut}",
    )


def picture_of_ways(joined: Joined, link: Link) -> Picture:
    """Draw the ways between two records."""
    ends = (joined.first, joined.last)
    nodes = (Node(ref, kind_of(ref), status, 0) for ref, status in joined.statuses.items())
    boxes = [replace(_box(node, "", link), is_root=node.ref in ends) for node in nodes]
    position = joined.position
    return Picture(
        title=f"From {joined.first} to {joined.last}",
        boxes=tuple(boxes),
        arrows=tuple(map(_arrow, joined.ways.lines)),
        caption=f"as of commit {position.commit[:12]}, seq {position.seq}",
    )


def _box(node: Node, root: str, link: Link) -> Box:
    name = name_of(node.ref)
    namespace, _, rest = name.partition(":")[2].rpartition("/")
    state = "not there" if node.is_missing else node.status
    return Box(
        id=node.ref,
        title=rest + node.ref[len(name) :],
        lines=tuple(text for text in (namespace, state if state != "active" else None) if text),
        kind=node.kind,
        href=None if node.is_missing else link(node.ref),
        is_root=node.ref == root,
        is_faded=node.is_missing or node.status in ENDED,
    )


def _arrow(line: Line) -> Arrow:
    return Arrow(line.upstream, line.downstream, line.edge.relation, is_dashed=not line.edge.required)
