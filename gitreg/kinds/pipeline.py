"""Pipeline: one version of a directed acyclic graph of stages that models, transforms and filters run in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, JsonValue, StringConstraints

from gitreg.kinds._base import (
    Custom,
    Day,
    Dependency,
    JsonSchema,
    Line,
    Manifest,
    Milliseconds,
    Part,
    RefText,
    Release,
    Resources,
    RetryPolicy,
    Slug,
    Text,
    Url,
    VersionedMetadata,
    mutable,
)

NodeId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]
PortName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]


class _Node(Part):
    id: NodeId = Field(description="Its id within the pipeline.")
    description: Line | None = Field(None, description="What it does.")
    inputs: dict[PortName, JsonSchema] = Field({}, description="Input ports, each with the JSON Schema it takes.")
    outputs: dict[PortName, JsonSchema] = Field({}, description="Output ports, each with the JSON Schema it gives.")
    resources: Resources | None = Field(None, description="Compute that this stage asks for.")
    timeout: Milliseconds | None = Field(None, description="How long it may take, in milliseconds.")
    retry: RetryPolicy | None = Field(None, description="How it is tried again.")


class ModelNode(_Node):
    """A stage that calls a model of the registry."""

    type: Literal["model"] = Field(description="The type of stage.")
    model: RefText = Field(description="The model and the versions that will do: `acme/nlp/summarizer@^1.2`.")
    parameters: dict[str, JsonValue] = Field({}, description="Parameters of the call.")


class CodeNode(_Node):
    """A stage that reshapes, filters or gathers data with a piece of code."""

    type: Literal["transform", "filter", "aggregate"] = Field(description="The type of stage.")
    transform_type: Slug | None = Field(None, description="What sort of transform it is, like `chunk` or `redact`.")
    language: Literal["javascript", "python", "sql"] = Field(description="The language of the code.")
    logic: Text = Field(description="The code, or a URL to it.")


class CustomNode(_Node):
    """A stage that a handler of one's own carries out."""

    type: Literal["custom"] = Field(description="The type of stage.")
    handler_uri: Url = Field(description="The handler.")
    configuration: dict[str, JsonValue] = Field({}, description="What the handler is told.")


Node = Annotated[ModelNode | CodeNode | CustomNode, Discriminator("type")]


class PortRef(Part):
    """One end of an edge."""

    node: NodeId = Field(description="The node's id.")
    port: PortName = Field(description="The port's name.")


class DataTransform(Part):
    """What happens to data on its way along an edge."""

    type: Literal["map", "filter", "validate"] = Field(description="The type of transform.")
    logic: Text = Field(description="The expression.")


class Edge(Part):
    """Data that flows from one node's output to another's input."""

    source: PortRef = Field(alias="from", description="Where it comes from.")
    target: PortRef = Field(alias="to", description="Where it goes.")
    transform: DataTransform | None = Field(None, description="What happens on the way.")


class Dag(Part):
    """The stages and how data flows between them."""

    nodes: tuple[Node, ...] = Field(min_length=1, description="The stages.")
    edges: tuple[Edge, ...] = Field((), description="The flow.")


class Execution(Part):
    """How the pipeline is run."""

    timeout: Milliseconds | None = Field(None, description="How long a run may take, in milliseconds.")
    retry: RetryPolicy | None = Field(None, description="How a run is tried again.")
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = Field(1, description="Runs at a time.")
    priority: Literal["low", "normal", "high"] = Field("normal", description="Its place in the queue.")
    environment: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(
        {}, description="Environment variables; never secrets."
    )


class TemplateInstance(Part):
    """The template that this pipeline was made from."""

    ref: RefText = Field(description="The template's exact version: `template:acme/rag@1.0.0`.")
    parameters: dict[str, JsonValue] = Field({}, description="The parameters that it was rendered with.")


class PipelineLifecycle(Part):
    """Where a pipeline version stands."""

    status: Literal["draft", "active", "paused", "deprecated", "archived"] = Field(
        "active", description="draft, active, paused, deprecated or archived."
    )
    deprecation_date: Day | None = Field(None, description="The day from which it is deprecated.")
    retirement_date: Day | None = Field(None, description="The day on which it stops being run.")
    successor: RefText | None = Field(None, description="What to move to.")
    reason: Text | None = Field(None, description="Why it goes, or where it goes to if there is no successor.")


class PipelineSpec(Part):
    """What one version of a pipeline is."""

    dag: Dag = Field(description="The stages and the flow.")
    input_schema: JsonSchema = Field(description="JSON Schema of what the pipeline takes.")
    output_schema: JsonSchema = Field(description="JSON Schema of what the pipeline gives.")
    resources: Resources | None = Field(None, description="Compute that a run asks for in all.")
    execution: Execution = Field(default_factory=Execution, description="How it is run.")
    dependencies: tuple[Dependency, ...] = Field((), description="What it needs beside its models.")
    reads: tuple[RefText, ...] = Field((), description="The datasets that it reads: `dataset:acme/tickets-raw@^1`.")
    writes: tuple[RefText, ...] = Field((), description="The datasets that it makes, in exact versions as a rule.")
    template: TemplateInstance | None = Field(None, description="The template that it was made from.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: PipelineLifecycle = mutable(default_factory=PipelineLifecycle, description="Where it stands.")
    custom: Custom = mutable({})


class Pipeline(Manifest):
    """One version of a pipeline."""

    example = """\
apiVersion: gitreg/v1
kind: Pipeline
metadata:
  namespace: acme/nlp
  name: ticket-digest
  version: 1.0.0
  description: Redacts a ticket, summarises it and checks the length.
  owner: nlp-team
spec:
  dag:
    nodes:
    - id: redact
      inputs:
        ticket:
          type: string
      outputs:
        text:
          type: string
      type: transform
      transformType: redact
      language: python
      logic: https://git.acme.example/redact/v3/redact.py
    - id: summarize
      inputs:
        text:
          type: string
      outputs:
        summary:
          type: string
      retry:
        maxAttempts: 3
      type: model
      model: acme/nlp/summarizer@^1.2
      parameters:
        temperature: 0.2
    edges:
    - from:
        node: redact
        port: text
      to:
        node: summarize
        port: text
  inputSchema:
    type: string
  outputSchema:
    type: string
  resources:
    cpu: '2'
    memory: 4Gi
  execution:
    timeout: 30000
    concurrency: 8
  dependencies:
  - ref: config:acme/nlp/summarizer-defaults@^1
"""

    kind: Literal["Pipeline"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: PipelineSpec = Field(description="What it is.")
