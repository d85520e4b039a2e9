"""The flow of data through a pipeline's graph: its stages, ports and edges, its circles and its parts.

- Nothing recurses and nothing is looked through once more for each stage: a graph of any size is walked with lists.
- A stage that declares no ports in a direction says nothing about them: any port name will do there.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitreg.compatibility.schemas import Cover, covers
from gitreg.kinds.pipeline import Dag, Edge, Node, PortRef

Direction = Literal["input", "output"]
Way = tuple[str, str]
"""The ids of two stages, from the one to the other."""
Verdict = Literal["fits", "does-not", "unknown"]


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether what comes is what is taken: `fits` and `does-not` are certain, and what is not is `unknown`."""

    verdict: Verdict
    why: str = ""


def fit_of(cover: Cover) -> Fit:
    """Give the answer to whether one schema covers another in the words of a flow."""
    verdicts: dict[str, Verdict] = {"yes": "fits", "no": "does-not", "unknown": "unknown"}
    return Fit(verdicts[cover.verdict], cover.why)


def overall(fits: Iterable[Fit]) -> Verdict:
    """Judge a whole by its parts: one that does not fit spoils it, one that is unknown leaves it open."""
    verdicts = {fit.verdict for fit in fits}
    return "does-not" if "does-not" in verdicts else "unknown" if "unknown" in verdicts else "fits"


def nodes_of(dag: Dag) -> dict[str, Node]:
    """Give the stages by id; of two with one id the first."""
    found: dict[str, Node] = {}
    for node in dag.nodes:
        found.setdefault(node.id, node)
    return found


def ways_of(dag: Dag) -> dict[Way, int]:
    """Give between which stages data flows, each way with the number of the first edge that leads there."""
    nodes = nodes_of(dag)
    ways: dict[Way, int] = {}
    for n, edge in enumerate(dag.edges):
        if edge.source.node in nodes and edge.target.node in nodes:
            ways.setdefault((edge.source.node, edge.target.node), n)
    return ways


def port_text(end: PortRef) -> str:
    """Write one end of an edge as people read it."""
    return f"{end.node}.{end.port}"


def ports_of(node: Node, direction: Direction) -> Mapping[str, Any]:
    """Give the ports that a stage declares in a direction, with their schemas."""
    return node.outputs if direction == "output" else node.inputs


def schemas_fit(edge: Edge, nodes: Mapping[str, Node]) -> Cover | None:
    """Answer whether an input takes all that flows into it; None where one of the two ports is not declared."""
    source, target = nodes.get(edge.source.node), nodes.get(edge.target.node)
    if source is None or target is None:
        return None
    if edge.source.port not in source.outputs or edge.target.port not in target.inputs:
        return None
    return covers(target.inputs[edge.target.port], source.outputs[edge.source.port])


def edge_fit(edge: Edge, nodes: Mapping[str, Node]) -> Fit:
    """Judge one edge: its ends, and what flows along it."""
    ends: tuple[tuple[PortRef, Direction], ...] = ((edge.source, "output"), (edge.target, "input"))
    for end, direction in ends:
        if end.node not in nodes:
            return Fit("does-not", f"there is no stage {end.node!r}")
        declared = ports_of(nodes[end.node], direction)
        if declared and end.port not in declared:
            return Fit("does-not", f"the stage {end.node!r} has no {direction} {end.port!r}")
    if edge.transform is not None:
        return Fit("unknown", f"what the transform on the way ({edge.transform.type}) gives is not known")
    for end, direction in ends:
        if not ports_of(nodes[end.node], direction):
            return Fit("unknown", f"the stage {end.node!r} declares no {direction}s")
    cover = schemas_fit(edge, nodes)
    return fit_of(cover) if cover else Fit("unknown")


def circles(ways: Collection[Way]) -> Iterator[list[str]]:
    """Find circles that have no stage in common, until every other circle goes through one of them."""
    left = on_circles(ways)
    while left:
        after = dict(sorted(left, reverse=True))
        way = [min(after)]
        places = {way[0]: 0}
        while after[way[-1]] not in places:
            way.append(after[way[-1]])
            places[way[-1]] = len(way) - 1
        circle = way[places[after[way[-1]]] :]
        yield circle
        gone = set(circle)
        left = on_circles([each for each in left if not gone & set(each)])


def on_circles(ways: Collection[Way]) -> set[Way]:
    """Keep the ways that lie on circles or between them: those that both come from somewhere and lead somewhere."""
    forward = peeled(ways)
    back = peeled([(other, one) for one, other in forward])
    return {(one, other) for other, one in back}


def peeled(ways: Collection[Way]) -> set[Way]:
    """Take away, as long as there are any, the ways from a stage that nothing leads to."""
    incoming = Counter(other for _, other in set(ways))
    leading: dict[str, list[str]] = {}
    for one, other in set(ways):
        leading.setdefault(one, []).append(other)
    waiting = deque(one for one in leading if not incoming[one])
    while waiting:
        for other in leading.pop(waiting.popleft()):
            incoming[other] -= 1
            if not incoming[other] and other in leading:
                waiting.append(other)
    return {(one, other) for one, others in leading.items() for other in others}


def parts(nodes: Iterable[str], ways: Iterable[Way]) -> list[set[str]]:
    """Give the stages in sets between which no way leads, in the order of their first stages."""
    beside: dict[str, set[str]] = {node: set() for node in nodes}
    for one, other in ways:
        beside[one].add(other)
        beside[other].add(one)
    found: list[set[str]] = []
    placed: set[str] = set()
    for node in beside:
        if node in placed:
            continue
        part, waiting = set[str](), [node]
        while waiting:
            here = waiting.pop()
            if here not in part:
                part.add(here)
                waiting.extend(beside[here])
        found.append(part)
        placed |= part
    return found
