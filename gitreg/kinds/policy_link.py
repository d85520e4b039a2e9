"""PolicyLink: which records answer to which policies, and who is excepted until when."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitreg.kinds._base import (
    Day,
    Identity,
    LabelKey,
    Line,
    Manifest,
    NamespacedMetadata,
    NamespacePath,
    Part,
    RefText,
    Slug,
    Tag,
    Text,
)


class Selector(Part):
    """Which records are meant: those that meet everything that is given here."""

    kinds: tuple[Literal["Model", "Dataset", "Pipeline", "Config", "TestSuite"], ...] = Field(
        ("Model",), min_length=1, description="The kinds."
    )
    namespaces: tuple[NamespacePath, ...] = Field((), description="Namespaces, each with all below it.")
    refs: tuple[RefText, ...] = Field((), description="Single records, with the versions that are meant.")
    tags: tuple[Tag, ...] = Field((), description="Tags that it must all have.")
    labels: dict[LabelKey, Line] = Field({}, description="Labels that it must all have.")


class PolicyException(Part):
    """A record that a policy does not hold for, with a reason, an approver and an end."""

    id: Slug = Field(description="Its id within the link.")
    policy: RefText = Field(description="The policy that is not held against it.")
    record: RefText = Field(description="The record, with the versions that are meant.")
    reason: Text = Field(description="Why.")
    approved_by: Identity = Field(description="Who allowed it.")
    approved_at: Day = Field(description="The day on which it was allowed.")
    expires_at: Day | None = Field(None, description="The last day on which it holds.")


class PolicyLinkSpec(Part):
    """What is linked."""

    selector: Selector = Field(description="The records.")
    policies: tuple[RefText, ...] = Field(
        min_length=1, description="The policies, with versions: `policy:acme/governance/licence-known@^1`."
    )
    exceptions: tuple[PolicyException, ...] = Field((), description="Records that are let off.")


class PolicyLink(Manifest):
    """A link between records and policies."""

    example = """\
apiVersion: gitreg/v1
kind: PolicyLink
metadata:
  namespace: acme/governance
  name: production-models
  description: What everything that serves customers must keep.
spec:
  selector:
    kinds:
    - Model
    namespaces:
    - acme/nlp
    labels:
      tier: production
  policies:
  - policy:acme/governance/licence-known@^1
  exceptions:
  - id: summarizer-beta
    policy: policy:acme/governance/licence-known@^1
    record: acme/nlp/summarizer@<1.0.0
    reason: The beta ran on a licence that was still being negotiated.
    approvedBy: governance@acme.example
    approvedAt: '2026-03-02'
    expiresAt: '2026-12-31'
"""

    kind: Literal["PolicyLink"] = Field(description="The kind of record.")
    metadata: NamespacedMetadata = Field(description="Who it is.")
    spec: PolicyLinkSpec = Field(description="What it is.")
