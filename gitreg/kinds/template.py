"""PipelineTemplate: one version of a pipeline with blanks, which parameters fill in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from gitreg.kinds._base import (
    Custom,
    JsonSchema,
    Line,
    Manifest,
    Part,
    RefText,
    Release,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)

ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-zA-Z0-9_]{0,62}$")]


class Parameter(Part):
    """One blank of the template."""

    value_schema: JsonSchema = Field(alias="schema", description="JSON Schema of the value.")
    default: JsonValue = Field(None, description="The value where none is given; without it the parameter is required.")
    description: Line | None = Field(None, description="What it decides.")


class PipelineTemplateSpec(Part):
    """What one version of a template is."""

    extends: RefText | None = Field(None, description="The template that this one changes, in an exact version.")
    includes: tuple[RefText, ...] = Field(
        (), description="Templates whose stages are taken in, each in an exact version."
    )
    parameters: dict[ParameterName, Parameter] = Field({}, description="The blanks.")
    body: dict[str, JsonValue] = Field(
        description="A pipeline's spec, with `{{ parameter }}` where a value is filled in."
    )
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")
    custom: Custom = mutable({})


class PipelineTemplate(Manifest):
    """One version of a pipeline template."""

    example = """\
apiVersion: gitreg/v1
kind: PipelineTemplate
metadata:
  namespace: acme/nlp
  name: one-model
  version: 1.0.0
  description: One model between an input and an output.
spec:
  parameters:
    model:
      schema:
        type: string
      description: The model that answers.
    timeoutMs:
      schema:
        minimum: 1
        type: integer
      default: 30000
  body:
    dag:
      nodes:
      - id: answer
        inputs:
          text:
            type: string
        model: '{{ model }}'
        outputs:
          text:
            type: string
        type: model
    execution:
      timeout: '{{ timeoutMs }}'
    inputSchema:
      type: string
    outputSchema:
      type: string
"""

    kind: Literal["PipelineTemplate"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: PipelineTemplateSpec = Field(description="What it is.")
