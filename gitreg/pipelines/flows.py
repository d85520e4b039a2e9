"""The flow of data through a pipeline's graph: its stages, ports and edges, its circles and its parts.

- Nothing recurses and nothing is looked through once more for each stage: a graph of any size is walked with lists.
- A stage that declares no ports in a direction says nothing about them: any port name will do there.
"""

from __future__ import annotations

from collections import Counter
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
    core = _core_of(ways)
    for start in sorted(core.left):
        way, places = [start], {start: 0}
        while start in core.left:
            following = core.first_after(way[-1])
            if following not in places:
                places[following] = len(way)
                way.append(following)
                continue
            circle = way[places[following] :]
            yield circle
            core.take(circle)
            while way and way[-1] not in core.left:
                del places[way.pop()]


@dataclass(frozen=True, slots=True)
class _Core:
    """The stages on circles or between them, `left` of which get fewer: who goes takes along who hangs on it alone.

    `after` and `before` tell where the ways of each stage lead and come from, the first by name at the end.
    """

    left: set[str]
    after: Mapping[str, list[str]]
    before: Mapping[str, list[str]]
    leading: Counter[str]
    coming: Counter[str]

    def take(self, stages: Iterable[str]) -> None:
        """Take stages away, and then all that nothing leads to or that leads nowhere."""
        waiting = list(stages)
        while waiting:
            here = waiting.pop()
            if here not in self.left:
                continue
            self.left.remove(here)
            for beside, counted in ((self.after, self.coming), (self.before, self.leading)):
                for other in beside[here]:
                    counted[other] -= 1
                    if not counted[other]:
                        waiting.append(other)

    def first_after(self, stage: str) -> str:
        """Give the first by name of the stages that are left and that one which is left leads to."""
        others = self.after[stage]
        while others[-1] not in self.left:
            others.pop()
        return others[-1]


def _core_of(ways: Collection[Way]) -> _Core:
    after: dict[str, list[str]] = {stage: [] for way in ways for stage in way}
    before: dict[str, list[str]] = {stage: [] for stage in after}
    for one, other in sorted(set(ways), reverse=True):
        after[one].append(other)
        before[other].append(one)
    leading, coming = (Counter({stage: len(others) for stage, others in each.items()}) for each in (after, before))
    core = _Core(set(after), after, before, leading, coming)
    core.take([stage for stage in after if not leading[stage] or not coming[stage]])
    return core


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
