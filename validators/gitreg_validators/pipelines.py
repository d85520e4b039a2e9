"""Rules on pipelines: that the graph can be run, that what flows fits, and that a template's instance is one.

- A node that declares no ports in a direction says nothing about them: any port name will do there.
- Schemas are compared, and templates rendered, in a process of their own: both execute what a manifest says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from gitreg.errors import NotFoundError, Severity
from gitreg.kinds import Pipeline, PipelineTemplate
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
from gitreg.refs import Ref
from gitreg.repository.snapshot import Snapshot, nearest
from gitreg.templates import faults_of, instance_faults
from gitreg.validation import Fault, Rule, Subject, each, touches

_DAG: Final = "spec.dag"


def _spec_of(subject: Subject) -> PipelineSpec | None:
    return subject.manifest.spec if isinstance(subject.manifest, Pipeline) else None


def check_edges(subject: Subject) -> Iterator[Fault]:
    """Node ids are unique, edges lead from one node's output to another's input, and an input has one source."""
    spec = _spec_of(subject)
    if spec is None:
        return
    seen: set[str] = set()
    for n, node in enumerate(spec.dag.nodes):
        if node.id in seen:
            yield Fault(f"two nodes are called {node.id!r}", "call one of them otherwise", f"{_DAG}.nodes[{n}].id")
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
            yield Fault(says, "feed it from one place; gather with an aggregate node", f"{_DAG}.edges[{n}].to")
        fed.setdefault(port, edge.source)


def _end_faults(end: PortRef, nodes: Mapping[str, Node], field: str, direction: Direction) -> Iterator[Fault]:
    node = nodes.get(end.node)
    if node is None:
        mend = _mend(end.node, nodes, "a node of this pipeline")
        yield Fault(f"there is no node {end.node!r}", mend, f"{field}.node")
        return
    ports = ports_of(node, direction)
    if ports and end.port not in ports:
        says = f"the node {end.node!r} has no {direction} {end.port!r}; it has {', '.join(ports)}"
        yield Fault(says, _mend(end.port, ports, f"one of its {direction}s"), f"{field}.port")


def _mend(word: str, known: Mapping[str, Any], otherwise: str) -> str:
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else f"name {otherwise}"


def check_flow(subject: Subject) -> Iterator[Fault]:
    """Data flows one way through a pipeline, and reaches every node."""
    spec = _spec_of(subject)
    if spec is None:
        return
    nodes, ways = nodes_of(spec.dag), ways_of(spec.dag)
    for circle in circles(ways):
        way = " -> ".join([*circle, circle[0]])
        last = ways[circle[-1], circle[0]]
        yield Fault(f"data flows in a circle: {way}", "take one of these edges away", f"{_DAG}.edges[{last}]")
    _, *others = sorted(parts(nodes, ways), key=len, reverse=True)
    for part in others:
        names = ", ".join(repr(node) for node in nodes if node in part)
        first = next(n for n, node in enumerate(spec.dag.nodes) if node.id in part)
        says = f"nothing flows between {names} and the rest of the pipeline"
        yield Fault(says, "connect them with an edge, or make a pipeline of their own", f"{_DAG}.nodes[{first}]")


def check_schemas_fit(subject: Subject) -> Iterator[Fault]:
    """What flows into an input is what the input takes."""
    spec = _spec_of(subject)
    if spec is None:
        return
    nodes = nodes_of(spec.dag)
    for n, edge in enumerate(spec.dag.edges):
        cover = schemas_fit(edge, nodes) if edge.transform is None else None
        if cover and cover.is_no:
            yield Fault(
                f"{port_text(edge.source)} may give what {port_text(edge.target)} does not take: {cover.why}",
                "make the two schemas agree, or put a transform on the edge",
                f"{_DAG}.edges[{n}]",
            )


def check_resources(subject: Subject) -> Iterator[Fault]:
    """A pipeline asks for compute that there can be, and no node for more than the pipeline has."""
    spec = _spec_of(subject)
    if spec is None:
        return
    total = amounts_of(spec.resources)
    yield from _nothing_faults(total, "spec.resources")
    for n, node in enumerate(spec.dag.nodes):
        asked, field = amounts_of(node.resources), f"{_DAG}.nodes[{n}].resources"
        yield from _nothing_faults(asked, field)
        for what, (amount, text) in asked.items():
            if what in total and amount > total[what][0]:
                says = f"the node {node.id!r} asks for {what} {text}, and the whole pipeline has {total[what][1]}"
                yield Fault(says, "ask for less here, or for more in spec.resources", f"{field}.{what}")


def _nothing_faults(amounts: Mapping[str, tuple[Fraction, str]], field: str) -> Iterator[Fault]:
    for what, (amount, text) in amounts.items():
        if amount == 0:
            yield Fault(f"{what} is {text}, which is nothing", "ask for more, or leave it out", f"{field}.{what}")


def check_timing(subject: Subject) -> Iterator[Fault]:
    """Retries and timeouts can be kept: delays below their limit, a node's time within the pipeline's."""
    spec = _spec_of(subject)
    if spec is None:
        return
    yield from _retry_faults(spec.execution.retry, "spec.execution.retry")
    whole = spec.execution.timeout
    for n, node in enumerate(spec.dag.nodes):
        yield from _retry_faults(node.retry, f"{_DAG}.nodes[{n}].retry")
        if node.timeout is not None and whole is not None and node.timeout > whole:
            says = f"the node {node.id!r} may take {node.timeout} ms, and the whole run {whole} ms"
            yield Fault(says, "give the node less time, or the run more", f"{_DAG}.nodes[{n}].timeout")


def _retry_faults(retry: RetryPolicy | None, field: str) -> Iterator[Fault]:
    if retry is None:
        return
    if retry.initial_delay > retry.max_delay:
        says = f"the first delay is {retry.initial_delay} ms, and the longest {retry.max_delay} ms"
        stated = "initialDelay" if "initial_delay" in retry.model_fields_set else "maxDelay"
        yield Fault(says, "begin with a shorter delay, or allow a longer one", f"{field}.{stated}")
    if retry.initial_delay == 0 and retry.backoff != "constant" and "backoff" in retry.model_fields_set:
        says = f"the delay is to grow ({retry.backoff}), and from 0 ms it never does"
        yield Fault(says, "begin with a delay of more than 0, or write `backoff: constant`", f"{field}.backoff")


def check_instance(subject: Subject) -> Iterator[Fault]:
    """A pipeline that was made from a template is what the template gives for its parameters."""
    if isinstance(subject.manifest, Pipeline):
        for fault in instance_faults(subject.manifest, lambda ref: _template(subject.state, ref)):
            yield Fault(fault.says, fault.mend, fault.field)


def _template(state: Snapshot, ref: Ref) -> PipelineTemplate | None:
    """Give the template that a ref means; whether there is one is `ref-exists`' matter."""
    try:
        record = state.record(state.resolve(ref))
    except NotFoundError:
        return None
    return record.manifest if record and isinstance(record.manifest, PipelineTemplate) else None


def check_body(subject: Subject) -> Iterator[Fault]:
    """A template's body holds only expressions that parameters can fill in."""
    manifest = subject.manifest
    for fault in faults_of(manifest) if isinstance(manifest, PipelineTemplate) else ():
        yield Fault(f"it can never be rendered: {fault.says}", fault.mend, fault.field)


RULES: Final = (
    Rule("GR-034", "pipeline-dag", Severity.ERROR, each(check_edges)),
    Rule("GR-034", "pipeline-dag", Severity.ERROR, each(check_flow)),
    Rule(
        "GR-034", "pipeline-dag", Severity.ERROR, each(check_schemas_fit), runs_apart=True, concerns=touches(Pipeline)
    ),
    Rule("GR-034", "pipeline-dag", Severity.ERROR, each(check_resources)),
    Rule("GR-034", "pipeline-dag", Severity.ERROR, each(check_timing)),
    Rule(
        "GR-037", "template-instance", Severity.ERROR, each(check_instance), runs_apart=True, concerns=touches(Pipeline)
    ),
    Rule(
        "GR-037",
        "template-instance",
        Severity.ERROR,
        each(check_body),
        runs_apart=True,
        concerns=touches(PipelineTemplate),
    ),
)
