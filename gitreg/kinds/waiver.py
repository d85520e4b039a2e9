"""Waiver: a reviewed file that lets somebody off a rule, for a reason, until a day."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gitreg.kinds._base import Day, Identity, Manifest, NamedMetadata, NamespacePath, Part, RefText, Text


class WaiverScope(Part):
    """What the waiver is for; at least one thing is named."""

    namespaces: tuple[NamespacePath, ...] = Field((), description="Namespaces, each with all below it.")
    refs: tuple[RefText, ...] = Field((), description="Single records, with the versions that are meant.")


class WaiverSpec(Part):
    """What is waived."""

    rule: Annotated[str, StringConstraints(pattern=r"^GR-[0-9]{3}$")] = Field(description="The rule's code.")
    scope: WaiverScope = Field(description="What it is for.")
    reason: Text = Field(description="Why.")
    approved_by: Identity = Field(description="Who allowed it.")
    expires_at: Day = Field(description="The last day on which it holds.")


class Waiver(Manifest):
    """A rule that is not held against something, for a while."""

    example = """\
apiVersion: gitreg/v1
kind: Waiver
metadata:
  name: mirrored-weights
  description: The same weights are published under two names during the move.
spec:
  rule: GR-012
  scope:
    namespaces:
    - acme/nlp
  reason: The old name is kept until every consumer has moved.
  approvedBy: governance@acme.example
  expiresAt: '2026-12-31'
"""

    kind: Literal["Waiver"] = Field(description="The kind of record.")
    metadata: NamedMetadata = Field(description="Who it is.")
    spec: WaiverSpec = Field(description="What it is.")
