"""A pipeline's shape as JSON data, in the words of the manifest.

- The keys are always all there, in one order; what is not stated is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitreg.kinds.pipeline import ModelNode, Node, Pipeline
from gitreg.manifests import to_data
from gitreg.pipelines.ends import End
from gitreg.pipelines.loads import Load
from gitreg.pipelines.quantities import write_quantity
from gitreg.pipelines.shape import Flow, Shape, shape_of
from gitreg.pipelines.timing import CriticalPath, worst_time


def dag_data(pipeline: Pipeline, means: Mapping[str, str | None] | None = None) -> dict[str, Any]:
    """Give the shape of a pipeline as JSON data; `means` tells the ref that the model of each stage resolves to."""
    shape, spec = shape_of(pipeline), pipeline.spec
    return {
        "ref": pipeline.address.ref,
        "verdict": shape.verdict,
        "why": list(shape.reasons()),
        "stages": [_stage(node, (means or {}).get(node.id)) for node in shape.stages],
        "flows": [_flow(flow) for flow in shape.flows],
        "inputs": [_end(end) for end in shape.inputs],
        "outputs": [_end(end) for end in shape.outputs],
        "order": [list(batch) for batch in shape.order.batches],
        "stuck": list(shape.order.stuck),
        "criticalPath": _path(shape.path, spec.execution.timeout),
        "resources": _load(shape, shape.load, to_data(spec.resources)),
    }


def _stage(node: Node, means: str | None) -> dict[str, Any]:
    return {
        "id": node.id,
        "type": node.type,
        "description": node.description,
        "model": node.model if isinstance(node, ModelNode) else None,
        "means": means,
        "inputs": to_data(node.inputs),
        "outputs": to_data(node.outputs),
        "resources": to_data(node.resources),
        "timeout": node.timeout,
        "retry": node.retry.model_dump(mode="json", by_alias=True) if node.retry else None,
        "worstTime": worst_time(node),
    }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "from": to_data(flow.edge.source),
        "to": to_data(flow.edge.target),
        "transform": to_data(flow.edge.transform),
        "verdict": flow.fit.verdict,
        "why": flow.fit.why or None,
    }


def _end(end: End) -> dict[str, Any]:
    return {
        "node": end.node,
        "port": end.port,
        "readsAs": end.reads_as,
        "verdict": end.fit.verdict,
        "why": end.fit.why or None,
    }


def _path(path: CriticalPath, allowed: int | None) -> dict[str, Any]:
    return {
        "by": path.by,
        "stages": list(path.stages),
        "milliseconds": path.milliseconds,
        "unstated": list(path.unstated),
        "timeout": allowed,
    }


def _load(shape: Shape, load: Load, stated: Any) -> dict[str, Any]:
    peak = {
        what: {"amount": write_quantity(what, amount), "stages": list(shape.order.batches[n])}
        for what, (amount, n) in sorted(load.peak.items())
    }
    largest = {
        what: {"amount": write_quantity(what, amount), "stage": stage}
        for what, (amount, stage) in sorted(load.largest.items())
    }
    return {"stated": stated, "peak": peak, "largest": largest, "unstated": list(load.unstated)}
