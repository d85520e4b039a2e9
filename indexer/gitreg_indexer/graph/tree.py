"""Lineage as text, a tree upstream and one downstream, each record opened once; and ways, a line for each step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from gitreg_indexer.graph.lineage import Line, Lineage, Node
from gitreg_indexer.graph.ways import Ways

DEEPEST: Final = 40
"""The depth from which lines are not set in any further: the depth stands before them as a number."""
_Steps = Mapping[str, Sequence[tuple[str, str]]]


class _Spot(NamedTuple):
    """A place in the tree that is still to be shown: the record, how it is come to, and what stands before it."""

    ref: str
    relation: str
    lead: str
    depth: int
    is_last: bool


def tree_of(lineage: Lineage) -> Iterator[str]:
    """Give the lines of text of a lineage."""
    nodes = {node.ref: node for node in lineage.nodes}
    yield _named(nodes[lineage.root])
    for title, is_up in (("upstream", True), ("downstream", False)):
        steps = _steps(lineage.lines, is_up=is_up)
        if steps.get(lineage.root) and _reached(lineage, is_up=is_up):
            yield title
            yield from _branches(lineage.root, steps, nodes)
    if lineage.is_cut:
        yield "(there is more)"


def _reached(lineage: Lineage, *, is_up: bool) -> bool:
    return any(node.distance < 0 if is_up else node.distance > 0 for node in lineage.nodes)


def _steps(lines: Iterable[Line], *, is_up: bool) -> _Steps:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        here, there = (line.downstream, line.upstream) if is_up else (line.upstream, line.downstream)
        if line.edge.relation not in found[here][there]:
            found[here][there].append(line.edge.relation)
    return {here: [(there, ", ".join(how)) for there, how in sorted(ends.items())] for here, ends in found.items()}


def _branches(root: str, steps: _Steps, nodes: Mapping[str, Node]) -> Iterator[str]:
    opened = {root}
    waiting = _spots(steps.get(root, ()), "", 1)
    while waiting:
        spot = waiting.pop()
        inner = steps.get(spot.ref, ())
        is_known = spot.ref in opened and bool(inner)
        corner = "`- " if spot.is_last else "|- "
        remark = "  (opened above)" if is_known else ""
        yield f"{spot.lead}{corner}{spot.relation}  {_named(nodes[spot.ref])}{remark}"
        if not is_known:
            opened.add(spot.ref)
            waiting += _spots(inner, _lead(spot), spot.depth + 1)


def _spots(steps: Sequence[tuple[str, str]], lead: str, depth: int) -> list[_Spot]:
    """Give the places below one, the first last, so that it is taken first."""
    made = [_Spot(ref, how, lead, depth, n == len(steps) - 1) for n, (ref, how) in enumerate(steps)]
    return made[::-1]


def _lead(spot: _Spot) -> str:
    if spot.depth < DEEPEST:
        return spot.lead + ("   " if spot.is_last else "|  ")
    return f"[{spot.depth + 1}] "


def _named(node: Node) -> str:
    if node.is_missing:
        return f"{node.ref}  (not there)"
    return node.ref if node.status in (None, "active") else f"{node.ref}  {node.status}"


def ways_text(found: Ways) -> Iterator[str]:
    """Give the lines of text of ways between two records, with an empty one between ways."""
    relations: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in found.lines:
        if line.edge.relation not in relations[line.upstream, line.downstream]:
            relations[line.upstream, line.downstream].append(line.edge.relation)
    for n, way in enumerate(found.ways):
        if n:
            yield ""
        yield way[0]
        for step in pairwise(way):
            yield f"  {', '.join(relations[step])}  {step[1]}"
    if found.is_cut:
        yield "(there may be more ways)"
