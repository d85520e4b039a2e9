"""The vocabulary: every kind of record as a frozen, strict type.

- One module per kind; `KIND_TYPES` lists those that land on main, `FACT_TYPES` those that live on the facts branch.
- What may change after landing is marked on the fields; `mutable_paths` reads the marks.
"""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from gitreg.kinds._base import API_VERSION, Manifest, Metadata, Part, VersionLifecycle
from gitreg.kinds.access import Role, RoleBinding
from gitreg.kinds.aliases import Aliases
from gitreg.kinds.config import Config
from gitreg.kinds.dataset import Dataset
from gitreg.kinds.facts import ComplianceDecision, Fact, TestResult
from gitreg.kinds.metadata_schema import MetadataSchema
from gitreg.kinds.model import WELL_KNOWN_PROVIDERS, Model
from gitreg.kinds.namespace import Namespace
from gitreg.kinds.pipeline import Pipeline, PipelineLifecycle
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
    "PipelineLifecycle",
    "PipelineTemplate",
    "Policy",
    "PolicyLink",
    "Registry",
    "Role",
    "RoleBinding",
    "TestResult",
    "TestSuite",
    "VersionLifecycle",
    "Waiver",
    "data_path",
    "lifecycle_of",
    "mutable_paths",
    "part_at",
    "status_of",
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


def lifecycle_of(manifest: Manifest | None) -> VersionLifecycle | PipelineLifecycle | None:
    """Give where a record stands between its release and its end; None where it has no lifecycle."""
    found = getattr(manifest.spec, "lifecycle", None) if manifest is not None else None
    return found if isinstance(found, (VersionLifecycle, PipelineLifecycle)) else None


def status_of(manifest: Manifest | None) -> str | None:
    """Give the lifecycle status of a record; None where it has none."""
    lifecycle = lifecycle_of(manifest)
    return lifecycle.status if lifecycle is not None else None


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


def part_at(kind: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Give the part of a kind that pydantic's path leads to, for its keys; None where it leaves the parts."""
    here: Any = kind
    for step in loc:
        here, _ = _follow(here, step)
    parts = [option for option in _options(here) if _is_part(option)]
    return parts[0] if parts else None


def data_path(kind: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Give the path in the data that pydantic's path means: without the steps that name types of a union."""
    here: Any = kind
    path: list[str | int] = []
    for step in loc:
        here, is_data = _follow(here, step)
        if is_data:
            path.append(step)
    return tuple(path)


def _follow(here: Any, step: str | int) -> tuple[Any, bool]:
    """Take one step of pydantic's path: the annotation it leads to, and whether it is a step in the data too."""
    if step == "[key]":
        return None, False
    options = _options(here)
    if len(options) > 1:
        return next((option for option in options if _answers_to(option, step)), None), False
    option: Any = options[0] if options else None
    if _is_part(option):
        fields = option.model_fields.items()
        return next((field.annotation for name, field in fields if step == (field.alias or name)), None), True
    inner = get_args(option)
    return (inner[-1 if get_origin(option) is dict else 0] if inner else None), True


def _options(annotation: Any) -> tuple[Any, ...]:
    """Give what a value may be, None aside, with what is annotated laid open."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(option for inner in get_args(annotation) for option in _options(inner))
    return () if annotation in (None, NoneType) else (annotation,)


def _answers_to(option: Any, step: str | int) -> bool:
    """Tell whether pydantic calls one option of a union by this word: a part by its tag, the rest by their type."""
    if _is_part(option):
        return any(
            get_origin(field.annotation) is Literal and step in get_args(field.annotation)
            for field in option.model_fields.values()
        )
    word = (get_origin(option) or option).__name__
    return isinstance(step, str) and (step == word or step.startswith(f"{word}["))


def _is_part(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, BaseModel)
