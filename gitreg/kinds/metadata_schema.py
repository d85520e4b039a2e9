"""MetadataSchema: one version of the types of a namespace's own fields (`spec.custom.<namespace>`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from gitreg.kinds._base import (
    JsonSchema,
    Line,
    Manifest,
    Part,
    Release,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)


class IndexedField(Part):
    """A field that filters know by name."""

    path: Line = Field(description="The field's path within the namespace's custom fields, like `costCentre`.")
    index: Literal["btree", "hash", "fulltext"] = Field(
        "btree",
        description="How filters compare it: `fulltext` by its words, `btree` and `hash` by the type that the schema "
        "gives it. Results are sorted by none of them.",
    )
    unique: bool = Field(False, description="Whether no two names may have the same value.")


class ValidationRule(Part):
    """A check beyond what the JSON Schema says."""

    type: Literal["regex", "range", "enum", "custom"] = Field(description="The check.")
    path: Line = Field(description="The field that is checked.")
    config: dict[str, JsonValue] = Field(description="What it is checked against.")
    message: Line = Field(description="What to say where it fails.")


class MetadataSchemaSpec(Part):
    """What one version of a metadata schema demands."""

    value_schema: JsonSchema = Field(alias="schema", description="JSON Schema of the namespace's custom fields.")
    applies_to: tuple[
        Literal["Model", "Dataset", "Config", "Pipeline", "PipelineTemplate", "TestSuite", "Policy"], ...
    ] = Field(("Model",), min_length=1, description="The kinds whose custom fields it types.")
    required: bool = Field(False, description="Whether every record of those kinds must have the fields.")
    indexed_fields: tuple[IndexedField, ...] = Field(
        (), description="Fields that filters know, also where the schema does not name them."
    )
    validation_rules: tuple[ValidationRule, ...] = Field((), description="Further checks.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")


class MetadataSchema(Manifest):
    """One version of a metadata schema."""

    example = """\
apiVersion: gitreg/v1
kind: MetadataSchema
metadata:
  namespace: acme
  name: accounting
  version: 1.0.0
  description: Who pays for a model.
spec:
  schema:
    additionalProperties: false
    properties:
      costCentre:
        pattern: ^[0-9]{4}$
        type: string
    type: object
  appliesTo:
  - Model
  indexedFields:
  - path: costCentre
    index: hash
"""

    kind: Literal["MetadataSchema"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: MetadataSchemaSpec = Field(description="What it is.")
