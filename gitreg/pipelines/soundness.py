"""What keeps a pipeline from being run, as far as its spec alone tells: edges, circles, schemas, compute and times.

- The gate's rule GR-034 asks this, and whoever makes a pipeline may ask it before.
- A node that declares no ports in a direction says nothing about them: any port name will do there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, Final

from gitreg.kinds._base import RetryPolicy
from gitreg.kinds.pipeline import Node, PipelineSpec, PortRef
from gitreg.pipelines.flows import (
    Direction,
    circles,
    nodes_of,
    parts,
    port_text,
    ports_of,
    schemas_fit,
    ways_of,
)
from gitreg.pipelines.quantities import amounts_of

_DAG: Final = "spec.dag"


@dataclass(frozen=True, slots=True)
class Unsound:
    """One thing that keeps a pipeline from being run: what is wrong, how to mend it, and the field."""

    says: str
    mend: str
    field: str


def spec_faults(spec: PipelineSpec) -> Iterator[Unsound]:
    """Find all that keeps a pipeline from being run."""
    for faults in (edge_faults, flow_faults, schema_faults, resource_faults, timing_faults):
        yield from faults(spec)


def edge_faults(spec: PipelineSpec) -> Iterator[Unsound]:
    """Find node ids that are not unique, edges that lead from no output or to no input, and inputs with two sources."""
    seen: set[str] = set()
    for n, node in enumerate(spec.dag.nodes):
        if node.id in seen:
            yield Unsound(f"two nodes are called {node.id!r}", "call one of them otherwise", f"{_DAG}.nodes[{n}].id")
        seen.add(node.id)
    nodes = nodes_of(spec.dag)
    fed: dict[tuple[str, str], PortRef] = {}
    for n, edge in enumerate(spec.dag.edges):
        yield from _end_faults(edge.source, nodes, f"{_DAG}.edges[{n}].from", "output")
        yield from _end_faults(edge.target, nodes, f"{_DAG}.edges[{n}].to", "input")
        port = (edge.target.node, edge.target.port)
        if port in fed:
            says = (
                f"the input {port_text(edge.target)} is fed by {port_text(fed[port])} and by {port_text(edge.source)}"
            )
            yield Unsound(says, "feed it from one place; gather with an aggregate node", f"{_DAG}.edges[{n}].to")
        fed.setdefault(port, edge.source)


def _end_faults(end: PortRef, nodes: Mapping[str, Node], field: str, direction: Direction) -> Iterator[Unsound]:
    node = nodes.get(end.node)
    if node is None:
        mend = _mend(end.node, nodes, "a node of this pipeline")
        yield Unsound(f"there is no node {end.node!r}", mend, f"{field}.node")
        return
    ports = ports_of(node, direction)
    if ports and end.port not in ports:
        says = f"the node {end.node!r} has no {direction} {end.port!r}; it has {', '.join(ports)}"
        yield Unsound(says, _mend(end.port, ports, f"one of its {direction}s"), f"{field}.port")


def _mend(word: str, known: Mapping[str, Any], otherwise: str) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"name {otherwise}"


def flow_faults(spec: PipelineSpec) -> Iterator[Unsound]:
    """Find where data flows in a circle, and nodes that it does not reach."""
    nodes, ways = nodes_of(spec.dag), ways_of(spec.dag)
    for circle in circles(ways):
        way = " -> ".join([*circle, circle[0]])
        last = ways[circle[-1], circle[0]]
        yield Unsound(f"data flows in a circle: {way}", "take one of these edges away", f"{_DAG}.edges[{last}]")
    _, *others = sorted(parts(nodes, ways), key=len, reverse=True)
    for part in others:
        names = ", ".join(repr(node) for node in nodes if node in part)
        first = next(n for n, node in enumerate(spec.dag.nodes) if node.id in part)
        says = f"nothing flows between {names} and the rest of the pipeline"
        yield Unsound(says, "connect them with an edge, or make a pipeline of their own", f"{_DAG}.nodes[{first}]")


def schema_faults(spec: PipelineSpec) -> Iterator[Unsound]:
    """Find edges that bring what the input may not take. Schemas may hold patterns, which have no bound in time."""
    nodes = nodes_of(spec.dag)
    for n, edge in enumerate(spec.dag.edges):
        cover = schemas_fit(edge, nodes) if edge.transform is None else None
        if cover and cover.is_no:
            yield Unsound(
                f"{port_text(edge.source)} may give what {port_text(edge.target)} does not take: {cover.why}",
                "make the two schemas agree, or put a transform on the edge",
                f"{_DAG}.edges[{n}]",
            )


def resource_faults(spec: PipelineSpec) -> Iterator[Unsound]:
    """Find compute that there cannot be, and nodes that ask for more than the pipeline has."""
    total = amounts_of(spec.resources)
    yield from _nothing_faults(total, "spec.resources")
    for n, node in enumerate(spec.dag.nodes):
        asked, field = amounts_of(node.resources), f"{_DAG}.nodes[{n}].resources"
        yield from _nothing_faults(asked, field)
        for what, (amount, text) in asked.items():
            if what in total and amount > total[what][0]:
                says = f"the node {node.id!r} asks for {what} {text}, and the whole pipeline has {total[what][1]}"
                yield Unsound(says, "ask for less here, or for more in spec.resources", f"{field}.{what}")


def _nothing_faults(amounts: Mapping[str, tuple[Fraction, str]], field: str) -> Iterator[Unsound]:
    for what, (amount, text) in amounts.items():
        if amount == 0:
            yield Unsound(f"{what} is {text}, which is nothing", "ask for more, or leave it out", f"{field}.{what}")


def timing_faults(spec: PipelineSpec) -> Iterator[Unsound]:
    """Find retries and timeouts that cannot be kept: delays above their limit, a node's time beyond the pipeline's."""
    yield from _retry_faults(spec.execution.retry, "spec.execution.retry")
    whole = spec.execution.timeout
    for n, node in enumerate(spec.dag.nodes):
        yield from _retry_faults(node.retry, f"{_DAG}.nodes[{n}].retry")
        if node.timeout is not None and whole is not None and node.timeout > whole:
            says = f"the node {node.id!r} may take {node.timeout} ms, and the whole run {whole} ms"
            yield Unsound(says, "give the node less time, or the run more", f"{_DAG}.nodes[{n}].timeout")


def _retry_faults(retry: RetryPolicy | None, field: str) -> Iterator[Unsound]:
    if retry is None:
        return
    if retry.initial_delay > retry.max_delay:
        says = f"the first delay is {retry.initial_delay} ms, and the longest {retry.max_delay} ms"
        stated = "initialDelay" if "initial_delay" in retry.model_fields_set else "maxDelay"
        yield Unsound(says, "begin with a shorter delay, or allow a longer one", f"{field}.{stated}")
    if retry.initial_delay == 0 and retry.backoff != "constant" and "backoff" in retry.model_fields_set:
        says = f"the delay is to grow ({retry.backoff}), and from 0 ms it never does"
        yield Unsound(says, "begin with a delay of more than 0, or write `backoff: constant`", f"{field}.backoff")
