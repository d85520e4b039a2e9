"""The vocabulary: every kind of record as a frozen, strict type.

- One module per kind; `KIND_TYPES` lists those that land on main, `FACT_TYPES` those that live on the facts branch.
- What may change after landing is marked on the fields; `mutable_paths` reads the marks.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from gitreg.kinds._base import API_VERSION, Manifest, Metadata, Part
from gitreg.kinds.access import Role, RoleBinding
from gitreg.kinds.aliases import Aliases
from gitreg.kinds.config import Config
from gitreg.kinds.dataset import Dataset
from gitreg.kinds.facts import ComplianceDecision, Fact, TestResult
from gitreg.kinds.metadata_schema import MetadataSchema
from gitreg.kinds.model import WELL_KNOWN_PROVIDERS, Model
from gitreg.kinds.namespace import Namespace
from gitreg.kinds.pipeline import Pipeline
from gitreg.kinds.policy import Policy
from gitreg.kinds.policy_link import PolicyLink
from gitreg.kinds.registry import Registry
from gitreg.kinds.suite import TestSuite
from gitreg.kinds.template import PipelineTemplate
from gitreg.kinds.waiver import Waiver

__all__ = [
    "API_VERSION",
    "FACT_TYPES",
    "KIND_TYPES",
    "WELL_KNOWN_PROVIDERS",
    "Aliases",
    "ComplianceDecision",
    "Config",
    "Dataset",
    "Fact",
    "Manifest",
    "Metadata",
    "MetadataSchema",
    "Model",
    "Namespace",
    "Part",
    "Pipeline",
    "PipelineTemplate",
    "Policy",
    "PolicyLink",
    "Registry",
    "Role",
    "RoleBinding",
    "TestResult",
    "TestSuite",
    "Waiver",
    "mutable_paths",
    "part_at",
]

KIND_TYPES: Final[dict[str, type[Manifest]]] = {
    "Registry": Registry,
    "Namespace": Namespace,
    "Model": Model,
    "Dataset": Dataset,
    "Config": Config,
    "Pipeline": Pipeline,
    "PipelineTemplate": PipelineTemplate,
    "TestSuite": TestSuite,
    "Policy": Policy,
    "PolicyLink": PolicyLink,
    "MetadataSchema": MetadataSchema,
    "Aliases": Aliases,
    "Role": Role,
    "RoleBinding": RoleBinding,
    "Waiver": Waiver,
}
FACT_TYPES: Final[dict[str, type[Fact]]] = {
    "TestResult": TestResult,
    "ComplianceDecision": ComplianceDecision,
}


@cache
def mutable_paths(kind: str) -> frozenset[tuple[str, ...]]:
    """Give the paths of a kind's mutable fields as keys, `("spec", "lifecycle")`; all below such a path may change."""
    return frozenset(_marked(KIND_TYPES[kind], ()))


def _marked(part: type[BaseModel], prefix: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, field in part.model_fields.items():
        path = (*prefix, field.alias or name)
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("x-gitreg-mutable"):
            found.append(path)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found.extend(_marked(field.annotation, path))
    return found


def part_at(kind: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Find the part of a kind that a path leads to, for suggesting its keys; None where the path leaves the parts."""
    here: Any = kind
    for step in path:
        candidates = _parts_in(here)
        if isinstance(step, int):
            continue
        nexts = [
            field.annotation
            for part in candidates
            for name, field in part.model_fields.items()
            if step in (field.alias, name)
        ]
        if nexts:
            here = Union[tuple(nexts)]  # noqa: UP007 - built at run time
        elif not any(part.__name__ == step for part in candidates):
            return None
    parts = _parts_in(here)
    return parts[0] if parts else None


def _parts_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, tuple, list, dict) or get_origin(annotation) is not None:
        return [part for inner in get_args(annotation) for part in _parts_in(inner)]
    return []
