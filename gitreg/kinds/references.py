"""Which fields of a manifest speak of other records, and in what relation (spec 5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal

from gitreg.kinds import (
    Config,
    Dataset,
    Manifest,
    Model,
    Namespace,
    Pipeline,
    PipelineTemplate,
    PolicyLink,
    TestSuite,
    lifecycle_of,
)
from gitreg.kinds.pipeline import ModelNode
from gitreg.refs import Ref

Relation = Literal["depends_on", "derived_from", "transforms", "validates", "configures", "replaces", "uses"]


@dataclass(frozen=True, slots=True)
class Reference:
    """One mention of another record: where, in what relation, and whether this record can do without it."""

    field: str
    relation: Relation
    ref: Ref
    required: bool = True


def references_of(manifest: Manifest) -> Iterator[Reference]:
    """Find every reference in a manifest: those of its kind first, then what any kind may have."""
    yield from _own(manifest)
    spec: Any = manifest.spec
    for n, dependency in enumerate(getattr(spec, "dependencies", ())):
        ref = Ref.parse(dependency.ref)
        yield Reference(f"spec.dependencies[{n}].ref", "depends_on", ref, dependency.required)
    lifecycle = lifecycle_of(manifest)
    if lifecycle is not None and lifecycle.successor:
        yield Reference("spec.lifecycle.successor", "replaces", Ref.parse(lifecycle.successor, kind=manifest.kind))


@singledispatch
def _own(_manifest: Manifest) -> Iterator[Reference]:
    yield from ()


def _each(field: str, relation: Relation, texts: Iterable[str], kind: str = "Model") -> Iterator[Reference]:
    for n, text in enumerate(texts):
        yield Reference(field.format(n), relation, Ref.parse(text, kind=kind))


@_own.register
def _(manifest: Model) -> Iterator[Reference]:
    return _each("spec.derivedFrom[{}].ref", "derived_from", (parent.ref for parent in manifest.spec.derived_from))


@_own.register
def _(manifest: Dataset) -> Iterator[Reference]:
    return _each("spec.sources[{}].ref", "derived_from", (source.ref for source in manifest.spec.sources), "Dataset")


@_own.register
def _(manifest: Config) -> Iterator[Reference]:
    return _each("spec.appliesTo[{}]", "configures", manifest.spec.applies_to)


@_own.register
def _(manifest: PipelineTemplate) -> Iterator[Reference]:
    if manifest.spec.extends:
        yield Reference("spec.extends", "depends_on", Ref.parse(manifest.spec.extends, kind="PipelineTemplate"))
    yield from _each("spec.includes[{}]", "depends_on", manifest.spec.includes, "PipelineTemplate")


@_own.register
def _(manifest: TestSuite) -> Iterator[Reference]:
    yield Reference("spec.target", "validates", Ref.parse(manifest.spec.target))


@_own.register
def _(manifest: Namespace) -> Iterator[Reference]:
    return _each("spec.requiredPolicies[{}]", "uses", manifest.spec.required_policies, "Policy")


@_own.register
def _(manifest: Pipeline) -> Iterator[Reference]:
    for n, node in enumerate(manifest.spec.dag.nodes):
        if isinstance(node, ModelNode):
            yield Reference(f"spec.dag.nodes[{n}].model", "uses", Ref.parse(node.model))
    if manifest.spec.template:
        yield Reference("spec.template.ref", "uses", Ref.parse(manifest.spec.template.ref, kind="PipelineTemplate"))


@_own.register
def _(manifest: PolicyLink) -> Iterator[Reference]:
    spec = manifest.spec
    yield from _each("spec.policies[{}]", "uses", spec.policies, "Policy")
    yield from _each("spec.selector.refs[{}]", "uses", spec.selector.refs)
    yield from _each("spec.exceptions[{}].policy", "uses", (e.policy for e in spec.exceptions), "Policy")
    yield from _each("spec.exceptions[{}].record", "uses", (e.record for e in spec.exceptions))
