"""Policy: one version of a rule that models and pipelines are judged by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, JsonValue

from gitreg.kinds._base import (
    Custom,
    Line,
    Manifest,
    Part,
    Release,
    Slug,
    Text,
    Url,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)

Severity = Literal["critical", "high", "medium", "low"]


class Condition(Part):
    """One condition on a field of the record."""

    field: Line = Field(description="The field's path, like `spec.capabilities.contextLength`.")
    operator: Literal[
        "exists",
        "absent",
        "equals",
        "not_equals",
        "in",
        "not_in",
        "contains",
        "matches_regex",
        "less_than",
        "greater_than",
        "at_least",
        "at_most",
    ] = Field(description="The comparison.")
    value: JsonValue = Field(None, description="What it is compared with.")


class DeclarativeRule(Part):
    """A rule made of conditions: all must hold."""

    language: Literal["conditions"] = Field(description="How the rule is written.")
    all_of: tuple[Condition, ...] = Field(min_length=1, description="The conditions.")


class ExpressionRule(Part):
    """A rule written in the Common Expression Language; the record is `record`."""

    language: Literal["cel"] = Field(description="How the rule is written.")
    expression: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        description="An expression that is true where the policy is kept."
    )


class EngineRule(Part):
    """A rule that a policy engine decides."""

    language: Literal["rego", "external"] = Field(description="How the rule is written.")
    query: Line | None = Field(None, description="What the engine is asked, like `data.models.allow`.")
    source: Url | None = Field(None, description="Where the rule's text lies.")


Rule = Annotated[DeclarativeRule | ExpressionRule | EngineRule, Discriminator("language")]


class PolicySpec(Part):
    """What one version of a policy demands."""

    title: Line = Field(description="What it demands, in a line.")
    severity: Severity = Field(description="How bad it is to break it.")
    category: Slug | None = Field(None, description="What it is about, like `privacy`, `safety` or `licensing`.")
    applies_to: tuple[Literal["Model", "Dataset", "Pipeline", "Config", "TestSuite"], ...] = Field(
        ("Model",), min_length=1, description="The kinds that it judges."
    )
    rule: Rule = Field(description="How it is decided.")
    message: Text | None = Field(None, description="What to say where it is broken.")
    remediation: Text | None = Field(None, description="How to mend it.")
    enforcement: Literal["block", "warn", "report"] = Field("report", description="What a failure does to a change.")
    references: tuple[Url, ...] = Field((), description="Laws, standards and pages that it rests on.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")
    custom: Custom = mutable({})


class Policy(Manifest):
    """One version of a policy."""

    example = """\
apiVersion: gitreg/v1
kind: Policy
metadata:
  namespace: acme/governance
  name: licence-known
  version: 1.0.0
  description: Nobody ships a model whose licence is unknown.
spec:
  title: The licence is stated
  severity: high
  category: licensing
  appliesTo:
  - Model
  rule:
    language: conditions
    allOf:
    - field: spec.license
      operator: exists
  remediation: Write the SPDX expression of the licence into spec.license.
  enforcement: warn
"""

    kind: Literal["Policy"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: PolicySpec = Field(description="What it is.")
