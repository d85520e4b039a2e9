"""TestSuite: one version of the tests that a model or pipeline must pass."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints

from gitreg.kinds._base import (
    Custom,
    Line,
    Manifest,
    Milliseconds,
    NonNegative,
    Part,
    Percentage,
    RefText,
    Release,
    Slug,
    Tag,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)

CaseId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?$")]
AssertionType = Literal["equals", "contains", "matches_regex", "less_than", "greater_than", "schema_valid", "custom"]


class Assertion(Part):
    """One thing that must hold of an answer."""

    type: AssertionType = Field(description="The comparison.")
    config: dict[str, JsonValue] = Field(
        {}, description="What it compares with: `value`, `path`, `pattern`, `schema` or a handler's own keys."
    )


class TestCase(Part):
    """One input and what must hold of the answer."""

    __test__: ClassVar[bool] = False  # pytest: a part, not a test

    id: CaseId = Field(description="Its id within the suite.")
    name: Line = Field(description="Its name for people.")
    type: Literal["functional", "performance", "compliance", "security", "integration", "regression"] = Field(
        description="What it looks at."
    )
    category: Slug | None = Field(None, description="The group that it is reported in.")
    priority: Literal["critical", "high", "medium", "low"] = Field("medium", description="How much it weighs.")
    tags: tuple[Tag, ...] = Field((), description="Words to choose it by.")
    input: JsonValue = Field(description="What is sent.")
    expected_output: JsonValue = Field(None, description="What should come back.")
    assertions: tuple[Assertion, ...] = Field((), description="What must hold of it.")
    timeout: Milliseconds | None = Field(None, description="How long it may take, in milliseconds.")
    retries: Annotated[int, Field(ge=0, le=100)] = Field(0, description="How often it is tried again.")


class Benchmark(Part):
    """A performance or quality figure that must be reached."""

    metric: Slug = Field(description="What is measured, like `p95-latency-ms`, `throughput` or `accuracy`.")
    at_most: NonNegative | None = Field(None, description="The highest figure that passes.")
    at_least: NonNegative | None = Field(None, description="The lowest figure that passes.")


class Coverage(Part):
    """How much of the target the suite must touch."""

    enabled: bool = Field(description="Whether coverage is measured.")
    threshold: Percentage = Field(0, description="The least coverage that passes, in percent.")
    includes: tuple[Line, ...] = Field((), description="What counts.")
    excludes: tuple[Line, ...] = Field((), description="What does not.")


class SuiteConfig(Part):
    """How the suite is run."""

    parallel: bool = Field(False, description="Whether cases run side by side.")
    stop_on_failure: bool = Field(False, description="Whether the first failure ends the run.")
    report_format: Literal["json", "junit", "html"] = Field("json", description="The report's format.")
    coverage: Coverage | None = Field(None, description="How much the suite must touch.")


class TestSuiteSpec(Part):
    """What one version of a suite tests."""

    __test__: ClassVar[bool] = False  # pytest: a part, not a test

    target: RefText = Field(
        description="The model or pipeline under test, with the versions it is for: `acme/nlp/summarizer@^1`."
    )
    cases: tuple[TestCase, ...] = Field(min_length=1, description="The cases.")
    benchmarks: tuple[Benchmark, ...] = Field((), description="Figures that must be reached over all cases.")
    config: SuiteConfig = Field(default_factory=SuiteConfig, description="How it is run.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")
    custom: Custom = mutable({})


class TestSuite(Manifest):
    """One version of a test suite."""

    __test__: ClassVar[bool] = False  # pytest: a kind, not a test

    example = """\
apiVersion: gitreg/v1
kind: TestSuite
metadata:
  namespace: acme/nlp
  name: summarizer-acceptance
  version: 1.0.0
  description: What the summarizer must do before it serves customers.
spec:
  target: acme/nlp/summarizer@^1
  cases:
  - id: short-ticket
    name: A short ticket stays short
    type: functional
    priority: high
    input:
      ticket: My invoice is wrong.
    assertions:
    - type: contains
      config:
        value: invoice
    timeout: 5000
  benchmarks:
  - metric: p95-latency-ms
    atMost: 1200
  config:
    parallel: true
    reportFormat: junit
"""

    kind: Literal["TestSuite"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: TestSuiteSpec = Field(description="What it is.")
