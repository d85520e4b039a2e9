"""Namespace: who owns a part of the registry, how much it may hold and which policies it demands.

- Owners, quotas and required policies hold for the namespaces below it too.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitreg.kinds._base import Identity, Line, Manifest, Metadata, NameRef, NamespacePath, Part, PositiveCount
from gitreg.refs import Address


class _Pathed(Part):
    name: NamespacePath = Field(description="The whole path, like `acme/nlp`.")


class NamespaceMetadata(Metadata, _Pathed):
    """Metadata of a namespace, which is addressed by its whole path."""


class Quotas(Part):
    """How much the namespace may hold."""

    names: PositiveCount | None = Field(None, description="Names of all kinds.")
    versions: PositiveCount | None = Field(None, description="Versions of all names.")
    bytes: PositiveCount | None = Field(None, description="Bytes of all manifests.")


class NamespaceSpec(Part):
    """Who owns the namespace and what holds in it."""

    owners: tuple[Identity, ...] = Field(
        min_length=1, description="People (`name@example.com`) and teams (`@acme/nlp`) who decide here."
    )
    display_name: Line | None = Field(None, description="Its name for people.")
    quotas: Quotas = Field(default_factory=Quotas, description="How much it may hold.")
    required_policies: tuple[NameRef, ...] = Field(
        (), description="Policies that every model and pipeline here must be linked to."
    )


class Namespace(Manifest):
    """A part of the registry with owners of its own."""

    example = """\
apiVersion: gitreg/v1
kind: Namespace
metadata:
  name: acme/nlp
  description: Language models of the support products.
spec:
  owners:
  - '@acme/nlp'
  - nlp-lead@acme.example
  displayName: Acme NLP
  quotas:
    names: 200
  requiredPolicies:
  - policy:acme/governance/no-training-on-pii
"""

    kind: Literal["Namespace"] = Field(description="The kind of record.")
    metadata: NamespaceMetadata = Field(description="Who it is.")
    spec: NamespaceSpec = Field(description="What it is.")

    @property
    def address(self) -> Address:
        """Say who this record is: the whole path is its name."""
        return Address("Namespace", self.metadata.name, self.metadata.name)
