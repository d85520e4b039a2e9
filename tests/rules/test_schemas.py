"""The JSON Schemas that manifests carry are JSON Schemas."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    change_of,
    config,
    dataset,
    expect,
    found_by,
    model,
    new_registry,
    path_of,
    pipeline,
    unreadable,
    versioned,
)

from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators.schemas import RULES

NEW = path_of("new")
PIPELINE = "pipelines/acme/p/1.0.0.yaml"
CONFIG = "configs/acme/c/1.0.0.yaml"
DATASET = "datasets/acme/tickets/1.0.0.yaml"
TEMPLATE = "templates/acme/t/1.0.0.yaml"
METADATA = "metadata-schemas/acme/m/1.0.0.yaml"
BROKEN = {"type": "strnig"}
WRONG = {"type": "wrong"}
SAYS = "not a JSON Schema: 'strnig' is not valid under any of the given schemas at type"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("schemas"), BASE).snapshot()


def stage(**ports: Any) -> bytes:
    return pipeline(dag={"nodes": [{"id": "a", "type": "model", "model": "acme/chat@^1", **ports}]})


def template(**parameters: Any) -> bytes:
    named = {name: {"schema": schema} for name, schema in parameters.items()}
    return versioned("PipelineTemplate", "t", parameters=named, body={"dag": "{{ a }}"})


def nested(levels: int) -> Any:
    schema: Any = BROKEN
    for _ in range(levels):
        schema = {"not": schema}
    return schema


CASES = [
    Case("none", {NEW: model("new"), CONFIG: config("c"), DATASET: dataset(), TEMPLATE: template()}),
    Case("an object and a truth value", {NEW: model("new", inputSchema={"type": "object"}, outputSchema=False)}),
    Case("ports", {PIPELINE: stage(inputs={"in": True}, outputs={"out": {"type": ["string", "null"]}})}),
    Case("all the others", {
        CONFIG: config("c", valueSchema={}),
        DATASET: dataset(recordSchema={"type": "object"}),
        TEMPLATE: template(a={"type": "string"}),
        METADATA: versioned("MetadataSchema", "m", schema={"required": ["a"]}),
    }),
    Case("a kind that carries none", {"access/x.yaml": BASE["access/tester.yaml"].replace(b"tester", b"x")}),
    Case("what is not applied is not a fault", {NEW: model("new", inputSchema={"typ": "strnig"})}),
    Case("a model's input", {NEW: model("new", inputSchema=BROKEN)}, SAYS, "spec.inputSchema"),
    Case("a model's output", {NEW: model("new", outputSchema=BROKEN)}, SAYS, "spec.outputSchema"),
    Case("a dataset's records", {DATASET: dataset(recordSchema=BROKEN)}, SAYS, "spec.recordSchema"),
    Case("a config's value", {CONFIG: config("c", valueSchema=BROKEN)}, SAYS, "spec.valueSchema"),
    Case("a namespace's own fields", {METADATA: versioned("MetadataSchema", "m", schema=BROKEN)}, SAYS, "spec.schema"),
    Case("a template's parameter", {TEMPLATE: template(a=BROKEN)}, SAYS, "spec.parameters.a.schema"),
    Case("a pipeline's input", {PIPELINE: pipeline(inputSchema=BROKEN)}, SAYS, "spec.inputSchema"),
    Case("a pipeline's output", {PIPELINE: pipeline(outputSchema=BROKEN)}, SAYS, "spec.outputSchema"),
    Case("a port that takes", {PIPELINE: stage(inputs={"in": BROKEN})}, SAYS, "spec.dag.nodes[0].inputs.in"),
    Case("a port that gives", {PIPELINE: stage(outputs={"out": BROKEN})}, SAYS, "spec.dag.nodes[0].outputs.out"),
    Case("at its root", {NEW: model("new", inputSchema={"required": "a"})}, "'a' is not of type 'array' at required",
         "spec.inputSchema"),
    Case("far down", {NEW: model("new", inputSchema=nested(16))}, "at not/not/", "spec.inputSchema"),
    Case("another one than before", {NEW: model("new", inputSchema={"type": "other"})}, "'other' is not valid",
         "spec.inputSchema", over={NEW: model("new", inputSchema=BROKEN)}),
    Case("the same as before", {NEW: model("new", inputSchema=BROKEN, description="Described.")},
         over={NEW: model("new", inputSchema=BROKEN)}),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_schemas(base: Snapshot, case: Case) -> None:
    expect(base, case, RULES)


def test_the_cases_can_be_read() -> None:
    assert unreadable(CASES) == []


def test_every_broken_schema_is_told(base: Snapshot) -> None:
    files = {PIPELINE: stage(inputs={"a": BROKEN, "b": WRONG}), TEMPLATE: template(a=BROKEN, b=WRONG)}
    assert [finding.field for finding in found_by(base, files, RULES)] == [
        "spec.dag.nodes[0].inputs.a",
        "spec.dag.nodes[0].inputs.b",
        "spec.parameters.a.schema",
        "spec.parameters.b.schema",
    ]


def test_a_fault_of_the_whole_schema_has_a_place(base: Snapshot) -> None:
    state = change_of(base, {NEW: model("new", inputSchema={"$ref": 5}, outputSchema=BROKEN)}).head
    assert [(finding.rule, finding.says) for finding in check(Change.state(state), RULES)] == [
        ("GR-003", "not a JSON Schema: 5 is not of type 'string' at $ref"),
        ("GR-003", SAYS),
    ]
