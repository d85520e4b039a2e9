"""Config: one version of settings that models and pipelines are run with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from gitreg.kinds._base import (
    Custom,
    Dependency,
    JsonSchema,
    Manifest,
    NameRef,
    Part,
    Release,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)


class ConfigSpec(Part):
    """What one version of a configuration says."""

    applies_to: tuple[NameRef, ...] = Field((), description="The models and pipelines that it is made for.")
    value: dict[str, JsonValue] = Field(description="The settings themselves; never secrets.")
    value_schema: JsonSchema | None = Field(None, description="JSON Schema that the settings keep.")
    template: Literal["none", "jinja2"] = Field("none", description="Whether strings in it are templates.")
    dependencies: tuple[Dependency, ...] = Field((), description="What it needs, with version ranges.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")
    custom: Custom = mutable({})


class Config(Manifest):
    """One version of settings."""

    example = """\
apiVersion: gitreg/v1
kind: Config
metadata:
  namespace: acme/nlp
  name: summarizer-defaults
  version: 1.0.0
  description: How the summarizer is called in production.
spec:
  appliesTo:
  - model:acme/nlp/summarizer
  value:
    max_tokens: 400
    stop:
    - "\\n\\n"
    temperature: 0.2
"""

    kind: Literal["Config"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: ConfigSpec = Field(description="What it is.")
