"""Whether what a pipeline takes and gives as a whole goes together with the stages at its two ends.

- An open input is a port that no edge feeds: it gets the pipeline's input. An open output is a port that feeds nothing:
  it makes the pipeline's output.
- A manifest does not say how the whole and several ports go together. A port stands for the whole, or for the property
  that has its name; it fits where one of the two does, and `does-not` only where neither can.
- A stage at an end that declares no ports leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gitreg.compatibility.schemas import covers
from gitreg.kinds.pipeline import Node, Pipeline
from gitreg.pipelines.flows import Direction, Fit, fit_of, nodes_of, overall, ports_of

Reading = Literal["whole", "property"]


@dataclass(frozen=True, slots=True)
class End:
    """A port at an end; `port` is None where its stage declares none, `reads_as` where it does not fit."""

    node: str
    port: str | None
    fit: Fit
    reads_as: Reading | None = None


def inputs_of(pipeline: Pipeline) -> tuple[End, ...]:
    """Judge the open inputs: each must take what the pipeline's input may be."""
    whole = pipeline.spec.input_schema
    fed = {(edge.target.node, edge.target.port) for edge in pipeline.spec.dag.edges}
    return tuple(_ends(nodes_of(pipeline.spec.dag), fed, "input", whole))


def outputs_of(pipeline: Pipeline) -> tuple[End, ...]:
    """Judge the open outputs: what each gives must be what the pipeline promises."""
    whole = pipeline.spec.output_schema
    used = {(edge.source.node, edge.source.port) for edge in pipeline.spec.dag.edges}
    return tuple(_ends(nodes_of(pipeline.spec.dag), used, "output", whole))


def fit_of_inputs(ends: Sequence[End]) -> Fit:
    """Judge the inputs together: a port that cannot take the input starves its stage."""
    return Fit(overall(end.fit for end in ends))


def fit_of_outputs(ends: Sequence[End], whole: Any) -> Fit:
    """Judge the outputs together: of several, those that are no part of the output may be left aside."""
    verdicts = {end.fit.verdict for end in ends}
    if len(verdicts) > 1:
        return Fit("unknown", "which of the open outputs make the output is not stated")
    if verdicts - {"fits"}:
        return Fit(verdicts.pop())
    named = [end.port for end in ends if end.reads_as == "property"]
    lacking = [name for name in _required(whole) if name not in named]
    if len(set(named)) < len(named):
        return Fit("unknown", "two open outputs have the name of one property of the output")
    if named and len(named) == len(ends) and lacking:
        return Fit("unknown", f"no open output gives the property {lacking[0]!r} of the output")
    return Fit("fits")


def _required(whole: Any) -> list[Any]:
    required = whole.get("required") if isinstance(whole, dict) else None
    return required if isinstance(required, list) else []


def _ends(nodes: Mapping[str, Node], joined: set[tuple[str, str]], direction: Direction, whole: Any) -> Iterator[End]:
    met = {node for node, _ in joined}
    for name, node in nodes.items():
        declared = ports_of(node, direction)
        if not declared and name not in met:
            yield End(name, None, Fit("unknown", f"the stage {name!r} declares no {direction}s"))
        for port, schema in declared.items():
            if (name, port) not in joined:
                yield _end(name, port, direction, schema, whole)


def _end(node: str, port: str, direction: Direction, schema: Any, whole: Any) -> End:
    readings = list(_readings(port, direction, schema, whole))
    for reads_as, fit in readings:
        if fit.verdict == "fits":
            return End(node, port, fit, reads_as)
    return End(node, port, _worst(fit for _, fit in readings))


def _worst(fits: Iterable[Fit]) -> Fit:
    """Give the answer where none of the readings fits: it is open as long as one of them is."""
    found = list(fits)
    return next((fit for fit in found if fit.verdict == "unknown"), found[0])


def _readings(port: str, direction: Direction, schema: Any, whole: Any) -> Iterator[tuple[Reading, Fit]]:
    yield "whole", fit_of(covers(schema, whole) if direction == "input" else covers(whole, schema))
    properties = whole.get("properties") if isinstance(whole, dict) else None
    if isinstance(properties, dict) and port in properties:
        fit = _taken(port, schema, whole) if direction == "input" else _given(schema, properties[port])
        yield "property", fit


def _taken(port: str, schema: Any, whole: Any) -> Fit:
    """Judge whether a port takes the property of the input that has its name."""
    if _refers(schema):
        return Fit("unknown", _REFERS)
    within = {"properties": {port: schema}}
    if covers({"type": "object", "required": [port], **within}, whole).is_yes:
        return Fit("fits")
    fit = fit_of(covers(within, whole))
    return Fit("unknown", f"the input may come without its property {port!r}") if fit.verdict == "fits" else fit


def _given(schema: Any, own: Any) -> Fit:
    return Fit("unknown", _REFERS) if _refers(own) else fit_of(covers(own, schema))


_REFERS: Final = "a schema that refers to parts of its document is not compared by its property"


def _refers(schema: Any) -> bool:
    """Tell whether a schema means something else where it stands in another document."""
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            if "$ref" in here or "$dynamicRef" in here:
                return True
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
    return False
