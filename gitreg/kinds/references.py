"""Which fields of a manifest speak of other records, and in what relation (spec 5.4).

- One table says it for all kinds; it reads typed manifests and plain data alike, so that both say the same.
- A reference reads as a sentence: the record that holds it, the relation, the record that it names. For `replaces` it
  is the other way round: it is written on what is replaced, since that is where it is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from gitreg.kinds import Manifest
from gitreg.refs import Ref

Relation = Literal["depends_on", "derived_from", "transforms", "validates", "configures", "replaces", "uses"]

NEEDING: Final[frozenset[Relation]] = frozenset({"depends_on", "derived_from", "uses"})
"""The relations by which a record needs another; these must not close a circle."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One mention of another record: where, in what relation, and whether this record can do without it."""

    field: str
    relation: Relation
    ref: Ref
    required: bool = True


@dataclass(frozen=True, slots=True)
class _Place:
    """Where references of one sort stand; `kind` is meant where a text names none (the record's own, if None)."""

    path: str
    relation: Relation
    kind: str | None = "Model"


_OF_ANY: Final = (
    _Place("spec.dependencies[].ref", "depends_on"),
    _Place("spec.lifecycle.successor", "replaces", None),
)
_OF_KINDS: Final[Mapping[str, tuple[_Place, ...]]] = {
    "Model": (_Place("spec.derivedFrom[].ref", "derived_from"),),
    "Dataset": (_Place("spec.sources[].ref", "derived_from", "Dataset"),),
    "Config": (_Place("spec.appliesTo[]", "configures"),),
    "PipelineTemplate": (
        _Place("spec.extends", "depends_on", "PipelineTemplate"),
        _Place("spec.includes[]", "depends_on", "PipelineTemplate"),
    ),
    "TestSuite": (_Place("spec.target", "validates"),),
    "Namespace": (_Place("spec.requiredPolicies[]", "uses", "Policy"),),
    "Pipeline": (
        _Place("spec.dag.nodes[].model", "uses"),
        _Place("spec.reads[]", "transforms", "Dataset"),
        _Place("spec.writes[]", "transforms", "Dataset"),
        _Place("spec.template.ref", "uses", "PipelineTemplate"),
    ),
    "PolicyLink": (
        _Place("spec.policies[]", "uses", "Policy"),
        _Place("spec.selector.refs[]", "uses"),
        _Place("spec.exceptions[].policy", "uses", "Policy"),
        _Place("spec.exceptions[].record", "uses"),
    ),
}


def references_of(manifest: Manifest) -> Iterator[Reference]:
    """Find every reference in a manifest: those of its kind first, then what any kind may have."""
    return _found(manifest.kind, manifest.spec)


def references_in(data: Mapping[str, Any]) -> Iterator[Reference]:
    """Find the same in a manifest as plain data."""
    return _found(data["kind"], data["spec"])


def _found(kind: str, spec: Any) -> Iterator[Reference]:
    for place in (*_OF_KINDS.get(kind, ()), *_OF_ANY):
        for field, text, holder in _texts(spec, "spec", _steps(place.path)):
            required = _value(holder, "required") if place.relation == "depends_on" else None
            ref = Ref.parse(text, kind=place.kind or kind)
            yield Reference(field, place.relation, ref, required=required is not False)


def _texts(value: Any, field: str, steps: tuple[str, ...]) -> Iterator[tuple[str, str, Any]]:
    """Follow steps from a value: give each text there with its field, and what holds it."""
    name, *rest = steps
    inner = _value(value, name.removesuffix("[]"))
    if not inner:
        return
    field = f"{field}.{name.removesuffix('[]')}"
    items = [(f"{field}[{n}]", item) for n, item in enumerate(inner)] if name.endswith("[]") else [(field, inner)]
    for place, item in items:
        if rest:
            yield from _texts(item, place, tuple(rest))
        else:
            yield place, item, value


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split(".")[1:])


def _value(holder: Any, name: str) -> Any:
    """Give what a field of a typed part or of plain data holds; None where there is no such field."""
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, _attribute(name), None)


@cache
def _attribute(name: str) -> str:
    """Give the attribute's name of a field: `derivedFrom` is `derived_from`."""
    return re.sub("([A-Z])", lambda found: f"_{found.group(1).lower()}", name)


def is_upstream(relation: str, field: str) -> bool:
    """Tell whether what a reference names comes before the record that holds it, as data and needs flow.

    Settings come before what they are made for, a dataset after the pipeline that writes it, a successor after what it
    replaces.
    """
    return relation not in ("configures", "replaces") and not field.startswith("spec.writes")


def is_about_all(relation: str, field: str) -> bool:
    """Tell whether a reference is about every version that it admits, and not about the one that it resolves to."""
    return relation == "configures" or field.startswith(("spec.selector.refs", "spec.exceptions"))
