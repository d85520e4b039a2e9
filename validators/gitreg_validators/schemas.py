"""Rules on the JSON Schemas that manifests carry: that they are JSON Schemas at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from gitreg.errors import Severity
from gitreg.kinds import Config as ConfigKind
from gitreg.kinds import Dataset, Manifest, MetadataSchema, Model, Pipeline, PipelineTemplate
from gitreg.validation import Fault, Rule, Subject, each


def check_schemas(subject: Subject) -> Iterator[Fault]:
    """Embedded schemas are JSON Schemas of draft 2020-12."""
    for field, schema in schemas_of(subject.manifest):
        fault = fault_of_schema(schema)
        if fault is not None:
            yield Fault(f"not a JSON Schema: {fault}", "write a schema of draft 2020-12", field=field)


def schemas_of(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """Find the schemas that a manifest carries, by field."""
    found: list[tuple[str, Any]] = []
    match manifest:
        case Model():
            found = [
                ("spec.inputSchema", manifest.spec.input_schema),
                ("spec.outputSchema", manifest.spec.output_schema),
            ]
        case Dataset():
            found = [("spec.recordSchema", manifest.spec.record_schema)]
        case ConfigKind():
            found = [("spec.valueSchema", manifest.spec.value_schema)]
        case MetadataSchema():
            found = [("spec.schema", manifest.spec.value_schema)]
        case PipelineTemplate():
            found = [
                (f"spec.parameters.{name}.schema", parameter.value_schema)
                for name, parameter in manifest.spec.parameters.items()
            ]
        case Pipeline():
            found = [
                ("spec.inputSchema", manifest.spec.input_schema),
                ("spec.outputSchema", manifest.spec.output_schema),
            ]
            for n, node in enumerate(manifest.spec.dag.nodes):
                found += [(f"spec.dag.nodes[{n}].inputs.{port}", schema) for port, schema in node.inputs.items()]
                found += [(f"spec.dag.nodes[{n}].outputs.{port}", schema) for port, schema in node.outputs.items()]
        case _:
            pass
    yield from ((field, schema) for field, schema in found if schema is not None)


def fault_of_schema(schema: Any) -> str | None:
    """Say what is wrong with a JSON Schema; None where nothing is."""
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    error = best_match(meta.iter_errors(schema))
    if error is None:
        return None
    where = "/".join(map(str, error.absolute_path))
    return f"{error.message} at {where or 'its root'}"


RULES: Final = (Rule("GR-003", "schema", Severity.ERROR, each(check_schemas), is_fixed=True),)
