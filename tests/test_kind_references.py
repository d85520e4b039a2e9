"""One table says which fields refer to others: a manifest and the plain data of it tell the same references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import orjson
import pytest
import sqlalchemy as sa
from demo_support import demo_at
from pydantic import BaseModel

from gitreg.kinds import KIND_TYPES, Manifest, references
from gitreg.kinds._base import NameRef, RefText
from gitreg.kinds.references import Reference, is_about_all, is_upstream, references_in, references_of
from gitreg.manifests import manifest_from_data, read_manifest, to_data
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg_indexer import Index
from gitreg_indexer.facts import Link
from gitreg_indexer.tables import edges, facts

CHECKSUM = {"of": "artifact", "digest": "3f5a1c7d9e2b4860a1f3c5d7e9b2846050f1e3d5c7b9a8642013579bdf02468a"}
MODEL = {"provider": "openai", "type": "completion", "checksum": CHECKSUM}
CASE = {"id": "a", "name": "A", "type": "functional", "priority": "high", "input": 1}
PIPELINE = {"dag": {"nodes": [{"id": "m", "type": "model", "model": "a/m@^1"}]}, "inputSchema": True}
PIPELINE |= {"outputSchema": True}
CODE = {"id": "c", "type": "transform", "language": "sql", "logic": "SELECT 1"}
POLICY_LINK = {"policies": ["a/p@1.0.0"], "selector": {"refs": ["a/m", "dataset:a/d@^1"]}}

EXCEPTION = {"id": "x", "policy": "a/p", "record": "a/m@1.0.0", "reason": "R.", "expiresAt": "2027-01-01"}
EXCEPTION |= {"approvedBy": "author@example.com", "approvedAt": "2026-01-01"}


def read(kind: str, spec: Mapping[str, Any]) -> Manifest:
    metadata = {"Namespace": {"name": "a"}, "PolicyLink": {"namespace": "a", "name": "x"}}.get(
        kind, {"namespace": "a", "name": "x", "version": "2.0.0"}
    )
    data = {"apiVersion": "gitreg/v1", "kind": kind, "metadata": metadata, "spec": spec}
    reading = manifest_from_data(data)
    assert reading.manifest is not None, [finding.explain() for finding in reading.findings]
    return reading.manifest


def told(references: Any) -> list[str]:
    """Give references as lines: the field, the relation, the ref, and whether it can be done without."""
    return [f"{r.field} {r.relation} {r.ref}{'' if r.required else ' ?'}" for r in references]


def both(manifest: Manifest) -> list[Reference]:
    """Give the references of a manifest, which its plain data tells just so."""
    found = list(references_of(manifest))
    assert list(references_in(to_data(manifest))) == found
    return found


TABLE = [
    pytest.param("Model", MODEL, [], id="a-model-alone"),
    pytest.param(
        "Model",
        {
            **MODEL,
            "derivedFrom": [{"ref": "a/base@1.0.0"}, {"ref": "model:a/more@2.0.0"}],
            "dependencies": [
                {"ref": "a/m@^1"},
                {"ref": "dataset:a/d@>=1 <2", "required": False},
                {"ref": "role:tester", "required": True},
            ],
            "lifecycle": {"successor": "a/next@latest"},
        },
        [
            "spec.derivedFrom[0].ref derived_from model:a/base@1.0.0",
            "spec.derivedFrom[1].ref derived_from model:a/more@2.0.0",
            "spec.dependencies[0].ref depends_on model:a/m@^1",
            "spec.dependencies[1].ref depends_on dataset:a/d@>=1 <2 ?",
            "spec.dependencies[2].ref depends_on role:tester",
            "spec.lifecycle.successor replaces model:a/next@latest",
        ],
        id="a-model-of-all",
    ),
    pytest.param(
        "Dataset",
        {
            "format": "jsonl",
            "checksum": CHECKSUM,
            "sources": [{"ref": "a/raw@1.0.0"}, {"ref": "model:a/m@1.0.0"}],
            "lifecycle": {"successor": "a/next"},
        },
        [
            "spec.sources[0].ref derived_from dataset:a/raw@1.0.0",
            "spec.sources[1].ref derived_from model:a/m@1.0.0",
            "spec.lifecycle.successor replaces dataset:a/next",
        ],
        id="a-dataset-means-datasets",
    ),
    pytest.param(
        "Config",
        {"value": {}, "appliesTo": ["a/m", "pipeline:a/p"]},
        ["spec.appliesTo[0] configures model:a/m", "spec.appliesTo[1] configures pipeline:a/p"],
        id="a-config-is-for-models-unless-it-says",
    ),
    pytest.param(
        "PipelineTemplate",
        {"body": {}, "extends": "a/t@1.0.0", "includes": ["a/u@^1", "template:a/v@^2"]},
        [
            "spec.extends depends_on template:a/t@1.0.0",
            "spec.includes[0] depends_on template:a/u@^1",
            "spec.includes[1] depends_on template:a/v@^2",
        ],
        id="a-template-means-templates",
    ),
    pytest.param(
        "TestSuite", {"target": "a/m@^1", "cases": [CASE]}, ["spec.target validates model:a/m@^1"], id="a-suite"
    ),
    pytest.param(
        "Namespace",
        {"owners": ["author@example.com"], "requiredPolicies": ["a/p", "a/q"]},
        ["spec.requiredPolicies[0] uses policy:a/p", "spec.requiredPolicies[1] uses policy:a/q"],
        id="a-namespace-means-policies",
    ),
    pytest.param("Pipeline", PIPELINE, ["spec.dag.nodes[0].model uses model:a/m@^1"], id="a-pipeline"),
    pytest.param(
        "Pipeline",
        {
            **PIPELINE,
            "dag": {"nodes": [CODE, {"id": "m", "type": "model", "model": "a/m@stable"}]},
            "reads": ["a/raw@^1", "dataset:a/more"],
            "writes": ["a/out@1.0.0"],
            "template": {"ref": "a/t@1.0.0"},
            "dependencies": [{"ref": "config:a/c@^1"}],
            "lifecycle": {"successor": "a/next@^2"},
        },
        [
            "spec.dag.nodes[1].model uses model:a/m@stable",
            "spec.reads[0] transforms dataset:a/raw@^1",
            "spec.reads[1] transforms dataset:a/more",
            "spec.writes[0] transforms dataset:a/out@1.0.0",
            "spec.template.ref uses template:a/t@1.0.0",
            "spec.dependencies[0].ref depends_on config:a/c@^1",
            "spec.lifecycle.successor replaces pipeline:a/next@^2",
        ],
        id="a-pipeline-of-all",
    ),
    pytest.param(
        "PolicyLink",
        {**POLICY_LINK, "exceptions": [EXCEPTION]},
        [
            "spec.policies[0] uses policy:a/p@1.0.0",
            "spec.selector.refs[0] uses model:a/m",
            "spec.selector.refs[1] uses dataset:a/d@^1",
            "spec.exceptions[0].policy uses policy:a/p",
            "spec.exceptions[0].record uses model:a/m@1.0.0",
        ],
        id="a-policy-link",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "expected"), TABLE)
def test_what_a_record_says_of_others(kind: str, spec: Mapping[str, Any], expected: list[str]) -> None:
    assert told(both(read(kind, spec))) == expected


def test_a_range_is_told_as_it_is_written() -> None:
    (found,) = both(read("TestSuite", {"target": "a/m@1.x || >=3", "cases": [CASE]}))
    assert (found.ref.written, str(found.ref)) == ("1.x || >=3", "model:a/m@1.x || >=3")


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_the_example_of_a_kind_and_its_data_tell_the_same(kind: str) -> None:
    manifest = read_manifest(KIND_TYPES[kind].example.encode()).manifest
    assert manifest is not None
    both(manifest)


def test_the_records_of_the_demo_and_the_answers_of_its_index_tell_the_same(tmp_path: Path) -> None:
    registry = Registry.open(demo_at(tmp_path / "demo"))
    index = Index.open(registry)
    index.catch_up()
    with index.catalog.reading() as db:
        standing = facts.c.seq_to > 10**9
        docs = [orjson.loads(doc) for (doc,) in db.execute(sa.select(facts.c.doc).where(standing))]
        rows = db.execute(
            sa.select(edges.c.source, *(edges.c[name] for name in Link._fields)).where(edges.c.seq_to > 10**9)
        )
        drawn = sorted((source, Link(*link)) for source, *link in rows)
    kinds, expected = set(), []
    for doc in docs:
        snapshot_record = registry.snapshot().record_at(doc["registry"]["path"])
        assert snapshot_record is not None
        found = both(snapshot_record.manifest)
        assert list(references_in(doc)) == found
        kinds |= {doc["kind"]} if found else set()
        expected += [(doc["registry"]["ref"], link_of(reference)) for reference in found]
    assert len(kinds) >= 5
    assert drawn == sorted(expected)


def link_of(reference: Reference) -> Link:
    ref = reference.ref
    return Link(
        reference.field,
        reference.relation,
        str(Ref(ref.kind, ref.namespace, ref.name, of=ref.of)),
        ref.written or "",
        reference.required,
    )


@pytest.mark.parametrize(
    ("relation", "field", "upstream", "about_all"),
    [
        ("depends_on", "spec.dependencies[0].ref", True, False),
        ("derived_from", "spec.derivedFrom[0].ref", True, False),
        ("validates", "spec.target", True, False),
        ("uses", "spec.dag.nodes[0].model", True, False),
        ("uses", "spec.policies[0]", True, False),
        ("uses", "spec.selector.refs[1]", True, True),
        ("uses", "spec.exceptions[0].policy", True, True),
        ("uses", "spec.exceptions[0].record", True, True),
        ("transforms", "spec.reads[0]", True, False),
        ("transforms", "spec.writes[0]", False, False),
        ("configures", "spec.appliesTo[0]", False, True),
        ("replaces", "spec.lifecycle.successor", False, False),
    ],
)
def test_which_end_comes_first_and_how_many_versions_are_meant(
    relation: str, field: str, upstream: bool, about_all: bool
) -> None:
    assert (is_upstream(relation, field), is_about_all(relation, field)) == (upstream, about_all)


def ref_fields(annotation: Any, path: str = "") -> Iterator[str]:
    """Give the paths of all fields of a type that hold a ref."""
    if annotation in (RefText, NameRef):
        yield path
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        hints = get_type_hints(annotation, include_extras=True)
        for name, field in annotation.model_fields.items():
            yield from ref_fields(hints[name], f"{path}.{field.alias or name}".removeprefix("."))
    elif get_origin(annotation) is Annotated:
        yield from ref_fields(get_args(annotation)[0], path)
    else:
        mark = "[]" if get_origin(annotation) is tuple else ""
        for inner in get_args(annotation):
            yield from ref_fields(inner, path + mark)


RIGHTS = {"RoleBinding": {"spec.scope.refs[]"}, "Waiver": {"spec.scope.refs[]"}}
"""Where refs say whom a right is for: nothing is made of them."""


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_every_field_that_holds_a_ref_is_in_the_table(kind: str) -> None:
    fields = set(ref_fields(KIND_TYPES[kind]))
    own, of_any = (
        {place.path for place in places} for places in (references._OF_KINDS.get(kind, ()), references._OF_ANY)
    )
    assert fields - RIGHTS.get(kind, set()) == own | (of_any & fields)
