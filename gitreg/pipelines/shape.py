"""The shape of a pipeline: its stages, what flows between them and whether it fits, the order, the times, the loads.

- All of it is read off the manifest alone. A pipeline that the gate would refuse has a shape too, and its faults show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitreg.kinds.pipeline import Edge, Node, Pipeline
from gitreg.pipelines.ends import End, fit_of_inputs, fit_of_outputs, inputs_of, outputs_of
from gitreg.pipelines.flows import Fit, Verdict, edge_fit, nodes_of, overall, port_text, ways_of
from gitreg.pipelines.loads import Load, load_of
from gitreg.pipelines.order import RunOrder, run_order
from gitreg.pipelines.timing import CriticalPath, critical_path


@dataclass(frozen=True, slots=True)
class Flow:
    """One edge, and whether what flows along it fits."""

    edge: Edge
    fit: Fit


@dataclass(frozen=True, slots=True)
class Shape:
    """What there is to know of a pipeline's graph; `inputs_fit` and `outputs_fit` judge the open ports together."""

    stages: tuple[Node, ...]
    flows: tuple[Flow, ...]
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    inputs_fit: Fit
    outputs_fit: Fit
    order: RunOrder
    path: CriticalPath
    load: Load

    @property
    def verdict(self) -> Verdict:
        """Judge the pipeline from end to end."""
        if self.order.stuck:
            return "does-not"
        return overall([*(flow.fit for flow in self.flows), self.inputs_fit, self.outputs_fit])

    def reasons(self) -> Iterator[str]:
        """Give all that keeps the verdict from `fits`, one line each."""
        if self.order.stuck:
            yield f"on a circle or behind one, and never run: {', '.join(self.order.stuck)}"
        for flow in self.flows:
            if flow.fit.verdict != "fits":
                yield f"{port_text(flow.edge.source)} -> {port_text(flow.edge.target)}: {flow.fit.why}"
        for word, ends, fit in (("input", self.inputs, self.inputs_fit), ("output", self.outputs, self.outputs_fit)):
            told = [end for end in ends if end.fit.verdict != "fits"] if fit.verdict != "fits" else []
            yield from (f"{word} -> {_of(end)}: {end.fit.why}" for end in told if word == "input")
            yield from (f"{_of(end)} -> {word}: {end.fit.why}" for end in told if word == "output")
            if fit.why:
                yield f"{word}: {fit.why}"


def shape_of(pipeline: Pipeline) -> Shape:
    """Read the shape of a pipeline off its manifest."""
    dag = pipeline.spec.dag
    nodes, ways = nodes_of(dag), ways_of(dag)
    order = run_order(list(nodes), ways)
    inputs, outputs = inputs_of(pipeline), outputs_of(pipeline)
    return Shape(
        stages=tuple(nodes.values()),
        flows=tuple(Flow(edge, edge_fit(edge, nodes)) for edge in dag.edges),
        inputs=inputs,
        outputs=outputs,
        inputs_fit=fit_of_inputs(inputs),
        outputs_fit=fit_of_outputs(outputs, pipeline.spec.output_schema),
        order=order,
        path=critical_path(nodes, order, ways),
        load=load_of(nodes, order),
    )


def _of(end: End) -> str:
    return end.node if end.port is None else f"{end.node}.{end.port}"
