"""Role and RoleBinding: who may read, write, delete and administer what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gitreg.kinds._base import (
    Day,
    Identity,
    LabelKey,
    Line,
    Manifest,
    Name,
    NamedMetadata,
    NamespacePath,
    Part,
    RefText,
)

Permission = Annotated[str, StringConstraints(pattern=r"^registry:(read|write|delete|admin)$")]


class RoleSpec(Part):
    """What a role may do."""

    permissions: tuple[Permission, ...] = Field(
        min_length=1, description="registry:read, registry:write, registry:delete, registry:admin."
    )
    kinds: tuple[Line, ...] = Field((), description="The kinds that it is for; all where none is named.")


class Role(Manifest):
    """A set of permissions with a name."""

    example = """\
apiVersion: gitreg/v1
kind: Role
metadata:
  name: publisher
  description: Registers and changes records.
spec:
  permissions:
  - registry:read
  - registry:write
"""

    kind: Literal["Role"] = Field(description="The kind of record.")
    metadata: NamedMetadata = Field(description="Who it is.")
    spec: RoleSpec = Field(description="What it is.")


class Scope(Part):
    """Where a binding holds: everywhere, in namespaces (with all below), or on single records."""

    namespaces: tuple[NamespacePath, ...] = Field((), description="Namespaces, each with all below it.")
    refs: tuple[RefText, ...] = Field((), description="Single records.")
    labels: dict[LabelKey, Line] = Field({}, description="Labels that the record must have.")


class RoleBindingSpec(Part):
    """Who has the role, and where."""

    role: Name = Field(description="The role's name.")
    subjects: tuple[Identity, ...] = Field(
        min_length=1,
        description="People (`name@example.com`), teams (`@acme/nlp`) and service accounts (`svc:ci`).",
    )
    scope: Scope = Field(default_factory=Scope, description="Where it holds; everywhere where nothing is named.")
    expires_at: Day | None = Field(None, description="The last day on which it holds.")


class RoleBinding(Manifest):
    """Who has a role, and where."""

    example = """\
apiVersion: gitreg/v1
kind: RoleBinding
metadata:
  name: nlp-publishers
spec:
  role: publisher
  subjects:
  - '@acme/nlp'
  - svc:nlp-ci
  scope:
    namespaces:
    - acme/nlp
"""

    kind: Literal["RoleBinding"] = Field(description="The kind of record.")
    metadata: NamedMetadata = Field(description="Who it is.")
    spec: RoleBindingSpec = Field(description="What it is.")
