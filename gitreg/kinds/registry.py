"""Registry: the one record that says which registry this is, its limits and how strict its gate is."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gitreg.kinds._base import Line, Manifest, NamedMetadata, Part, PositiveCount, Url
from gitreg.kinds.aliases import AliasName
from gitreg.refs import Address


class Limits(Part):
    """Widths and sizes that the registry keeps below."""

    namespaces: PositiveCount = Field(1000, description="Namespaces in this repo.")
    names_per_namespace: PositiveCount = Field(3000, description="Names of one kind in one namespace.")
    files_per_change: PositiveCount = Field(10_000, description="Files in one change.")
    manifest_bytes: Annotated[int, Field(ge=1, le=65_536)] = Field(65_536, description="Bytes in one manifest.")


class GateSettings(Part):
    """How the gate weighs its rules; rules whose severity is fixed cannot be changed."""

    severities: dict[
        Annotated[str, StringConstraints(pattern=r"^GR-[0-9]{3}$")],
        Literal["error", "review", "warning", "off"],
    ] = Field({}, description="Severities that differ from a rule's own, by code (`GR-012: warning`).")
    allowed_url_schemes: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*$")], ...] = Field(
        (), description="URL schemes beside https that manifests may name, like `s3`."
    )
    allowed_hosts: tuple[Line, ...] = Field((), description="If given, the only hosts that manifests may name.")
    notice_days: PositiveCount | None = Field(None, description="Days between a deprecation and its retirement.")
    impact_threshold: PositiveCount | None = Field(
        None, description="Consumers of a change above which a human decides."
    )
    reserved_prefixes: dict[Line, tuple[Line, ...]] = Field(
        {}, description="Name prefixes that only the listed namespaces may use."
    )
    signatures: Literal["required", "warned", "off"] = Field("off", description="Whether commits must be signed.")
    protected_aliases: tuple[AliasName, ...] = Field(
        ("production", "stable"), description="Aliases that may only name versions that are released and alive."
    )


class RegistrySpec(Part):
    """Which registry this is."""

    uid: UUID = Field(description="The registry's own UUID; the root of every record's id. Never changes.")
    format_version: Literal[1] = Field(1, description="The layout of the registry repo.")
    limits: Limits = Field(default_factory=Limits, description="Widths and sizes.")
    gate: GateSettings = Field(default_factory=GateSettings, description="How strict the gate is.")
    homepage: Url | None = Field(None, description="Where people find it.")


class Registry(Manifest):
    """The registry's own record, `registry.yaml`."""

    example = """\
apiVersion: gitreg/v1
kind: Registry
metadata:
  name: acme-registry
  description: Every model, pipeline and policy that Acme runs.
spec:
  uid: 5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10
  formatVersion: 1
  limits:
    namesPerNamespace: 3000
  gate:
    severities:
      GR-012: warning
    allowedUrlSchemes:
    - s3
    noticeDays: 30
"""

    kind: Literal["Registry"] = Field(description="The kind of record.")
    metadata: NamedMetadata = Field(description="Who it is.")
    spec: RegistrySpec = Field(description="What it is.")

    @property
    def address(self) -> Address:
        """Say who this record is: there is one."""
        return Address("Registry", "", "registry")
