"""Rules on pipelines: that the graph can be run, that what flows fits, and that a template's instance is one.

- What keeps a graph from being run is found by `gitreg.pipelines.soundness`, what an instance says otherwise than its
  template by `gitreg.templates`; here it is told.
- Schemas are compared, and templates rendered, in a process of their own: both execute what a manifest says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gitreg.errors import NotFoundError, Severity
from gitreg.kinds import Pipeline, PipelineTemplate
from gitreg.kinds.pipeline import PipelineSpec
from gitreg.pipelines.soundness import (
    Unsound,
    edge_faults,
    flow_faults,
    resource_faults,
    schema_faults,
    timing_faults,
)
from gitreg.refs import Ref
from gitreg.repository.snapshot import Snapshot
from gitreg.templates import faults_of, instance_faults
from gitreg.validation import Fault, Rule, Subject, each, touches


def _told(subject: Subject, find: Callable[[PipelineSpec], Iterator[Unsound]]) -> Iterator[Fault]:
    if isinstance(subject.manifest, Pipeline):
        for fault in find(subject.manifest.spec):
            yield Fault(fault.says, fault.mend, fault.field)


def check_edges(subject: Subject) -> Iterator[Fault]:
    """Node ids are unique, edges lead from one node's output to another's input, and an input has one source."""
    return _told(subject, edge_faults)


def check_flow(subject: Subject) -> Iterator[Fault]:
    """Data flows one way through a pipeline, and reaches every node."""
    return _told(subject, flow_faults)


def check_schemas_fit(subject: Subject) -> Iterator[Fault]:
    """What flows into an input is what the input takes."""
    return _told(subject, schema_faults)


def check_resources(subject: Subject) -> Iterator[Fault]:
    """A pipeline asks for compute that there can be, and no node for more than the pipeline has."""
    return _told(subject, resource_faults)


def check_timing(subject: Subject) -> Iterator[Fault]:
    """Retries and timeouts can be kept: delays below their limit, a node's time within the pipeline's."""
    return _told(subject, timing_faults)


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
