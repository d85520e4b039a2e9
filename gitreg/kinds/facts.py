"""TestResult and ComplianceDecision: facts that arrive too often for main; they live on the `facts` branch.

- A fact has no path and no version: it is one line of an append-only segment.
- It names exactly the versions that it speaks of.
"""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from gitreg.kinds._base import (
    Count,
    Identity,
    Line,
    NonNegative,
    Part,
    Percentage,
    RefText,
    Text,
    Url,
    VersionText,
)
from gitreg.kinds.policy import Severity
from gitreg.kinds.suite import AssertionType, CaseId

Outcome = Literal["passed", "failed", "error", "skipped"]


class ErrorInfo(Part):
    """What went wrong while a case was run."""

    type: Line = Field(description="The error's type.")
    message: Text = Field(description="What it said.")
    stack: Text | None = Field(None, description="Where it came from.")
    context: dict[str, JsonValue] = Field({}, description="What else is known.")


class AssertionResult(Part):
    """How one assertion came out."""

    type: AssertionType = Field(description="The comparison.")
    passed: bool = Field(description="Whether it held.")
    message: Text | None = Field(None, description="What there is to say.")
    expected: JsonValue = Field(None, description="What was wanted.")
    actual: JsonValue = Field(None, description="What was got.")


class TestCaseResult(Part):
    """How one case came out."""

    __test__: ClassVar[bool] = False  # pytest: a value, not a test

    case: CaseId = Field(description="The case's id.")
    status: Outcome = Field(description="How it came out.")
    duration: NonNegative = Field(description="How long it took, in milliseconds.")
    actual_output: JsonValue = Field(None, description="What came back.")
    assertions: tuple[AssertionResult, ...] = Field((), description="How each assertion came out.")
    error: ErrorInfo | None = Field(None, description="What went wrong.")


class PerformanceMetrics(Part):
    """How fast the target was."""

    average_latency: NonNegative | None = Field(None, description="Milliseconds.")
    p50_latency: NonNegative | None = Field(None, description="Milliseconds.")
    p95_latency: NonNegative | None = Field(None, description="Milliseconds.")
    p99_latency: NonNegative | None = Field(None, description="Milliseconds.")
    throughput: NonNegative | None = Field(None, description="Operations a second.")
    error_rate: Percentage | None = Field(None, description="Percent.")


class Artifact(Part):
    """Something that a run left behind."""

    name: Line = Field(description="Its name.")
    type: Literal["log", "screenshot", "report", "coverage", "trace"] = Field(description="What it is.")
    uri: Url = Field(description="Where it lies.")
    size: Count | None = Field(None, description="Bytes.")


class Fact(Part):
    """One fact; subclasses say of what."""

    example: ClassVar[str]

    api_version: Literal["gitreg/v1"] = Field(description="The version of the format.")
    id: UUID = Field(description="The fact's id, made by who reports it; the same id twice is the same fact.")


class TestResult(Fact):
    """One run of a suite against one version. Counts and the pass rate are derived from the cases."""

    __test__: ClassVar[bool] = False  # pytest: a value, not a test

    example = """\
apiVersion: gitreg/v1
id: 0b0ad5ff-7d1c-4a2e-9a43-5f3a1c1f2d10
kind: TestResult
suite: suite:acme/nlp/summarizer-acceptance@1.0.0
target: model:acme/nlp/summarizer@1.2.0
executedAt: '2026-07-02T08:15:00Z'
duration: 1840
status: passed
cases:
- case: short-ticket
  status: passed
  duration: 912
  assertions:
  - type: contains
    passed: true
metrics:
  p95Latency: 1104
quality:
  accuracy: 0.93
"""

    kind: Literal["TestResult"] = Field(description="The kind of fact.")
    suite: RefText = Field(description="The suite's exact version.")
    target: RefText = Field(description="The exact version that was tested.")
    executed_at: AwareDatetime = Field(description="When the run began.")
    duration: NonNegative = Field(description="How long it took, in milliseconds.")
    status: Outcome = Field(description="How it came out.")
    cases: tuple[TestCaseResult, ...] = Field((), description="How each case came out.")
    metrics: PerformanceMetrics | None = Field(None, description="How fast the target was.")
    quality: dict[Line, NonNegative] = Field({}, description="Quality figures, like `accuracy: 0.93`.")
    artifacts: tuple[Artifact, ...] = Field((), description="What the run left behind.")
    environment: dict[Line, Line] = Field({}, description="Where it ran.")


class Violation(Part):
    """One way in which a policy is broken."""

    policy: RefText = Field(description="The policy's exact version.")
    severity: Severity = Field(description="How bad it is.")
    message: Text = Field(description="What is wrong.")
    field: Line | None = Field(None, description="The field at fault.")
    remediation: Text | None = Field(None, description="How to mend it.")


class ComplianceDecision(Fact):
    """What a policy engine decided of one version."""

    example = """\
apiVersion: gitreg/v1
id: 5f4f8c2e-3f2b-4a55-8f2d-6f0a0a6d1b77
kind: ComplianceDecision
target: model:acme/nlp/summarizer@1.2.0
policies:
- policy:acme/governance/licence-known@1.0.0
status: non-compliant
decidedAt: '2026-07-02T08:20:00Z'
decidedBy: svc:policy-engine
violations:
- policy: policy:acme/governance/licence-known@1.0.0
  severity: high
  message: The licence is not stated.
  field: spec.license
  remediation: Write the SPDX expression of the licence into spec.license.
score: 80
"""

    kind: Literal["ComplianceDecision"] = Field(description="The kind of fact.")
    target: RefText = Field(description="The exact version that was judged.")
    policies: tuple[RefText, ...] = Field(description="The exact policy versions that were applied.")
    status: Literal["compliant", "non-compliant", "pending", "exempt", "unknown"] = Field(
        description="What was decided."
    )
    decided_at: AwareDatetime = Field(description="When.")
    decided_by: Identity = Field(description="Which engine or person.")
    violations: tuple[Violation, ...] = Field((), description="How policies are broken.")
    score: Percentage | None = Field(None, description="0 to 100.")
    engine_version: VersionText | None = Field(None, description="The engine's version.")
