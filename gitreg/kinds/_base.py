"""What all kinds share: strict frozen parts, the mark of mutability, the field types and the metadata blocks.

- A manifest is a frozen value; unknown keys are refused at every level; nothing is coerced.
- A field of a landed version is frozen unless it carries the mark `mutable(...)`. The mark is written once, here on
  the field, and everybody reads it from there: rules, JSON Schemas (`x-gitreg-mutable`), docs, pages.
- Absent means "not stated", never "no": capabilities and limits that nobody stated are not in the manifest.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.functional_validators import AfterValidator, BeforeValidator

from gitreg.errors import UsageError
from gitreg.refs import KINDS, NAME_PATTERN, NAMESPACE_PATTERN, Address, Ref, is_range, is_version

API_VERSION: Final = "gitreg/v1"
MUTABLE: Final = {"x-gitreg-mutable": True}


class Part(BaseModel):
    """A frozen piece of a manifest: camelCase keys, strict types, no unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        defer_build=True,
    )


def mutable(default: Any = None, **about: Any) -> Any:
    """Declare a field that may change after its version has landed; takes what pydantic's `Field` takes."""
    if "default_factory" not in about:
        about["default"] = default
    return Field(json_schema_extra=dict(MUTABLE), **about)


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NUMBER: Final = r"(0|[1-9]\d*)"
_PRERELEASE: Final = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_QUANTITY: Final = re.compile(r"^([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$")
_VERSION_PATTERN: Final = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRERELEASE}(\.{_PRERELEASE})*)?$"


def _checked_version(text: str) -> str:
    if is_version(text):
        return text
    raise ValueError("major.minor.patch with an optional -prerelease, no leading zeros and no build metadata")


def _checked_quantity(text: str) -> str:
    if _QUANTITY.fullmatch(text):
        return text
    raise ValueError("a quantity as Kubernetes writes it, like 500m, 1.5, 4Gi or 129e6")


def _checked_day(value: object) -> object:
    """Read a day, and refuse the other texts that pydantic takes for one, like seconds since 1970."""
    if not isinstance(value, str):
        return value
    with suppress(ValueError):
        if _DAY.match(value):
            return date.fromisoformat(value)
    raise ValueError("a date like 2026-11-30")


def _checked_range(text: str) -> str:
    if text.strip() and is_range(text):
        return text
    raise ValueError("an npm-style range like ^2.1, ~1.4.0, >=2.0.0 <3.0.0 or 1.x")


def _checked_ref(text: str) -> str:
    try:
        Ref.parse(text)
    except UsageError as error:
        raise ValueError(f"[kind:]namespace/name[@selector] ({error.says})") from error
    return text


def _checked_name_ref(text: str) -> str:
    _checked_ref(text)
    if Ref.parse(text).selector is not None:
        raise ValueError("a ref without a version: nothing from '@' on")
    return text


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
NamespacePath = Annotated[str, StringConstraints(pattern=NAMESPACE_PATTERN)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._:/-]{0,62}[a-z0-9])?$")]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._/-]{0,62}[a-z0-9])?$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\r\n\t]*$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]
Url = Annotated[str, StringConstraints(min_length=4, max_length=2048, pattern=r"^[a-z][a-z0-9+.-]*://[^\s/?#][^\s]*$")]
VersionText = Annotated[
    str,
    StringConstraints(max_length=256),
    AfterValidator(_checked_version),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 256,
            "pattern": _VERSION_PATTERN,
        }
    ),
]
RangeText = Annotated[
    str,
    StringConstraints(max_length=256),
    AfterValidator(_checked_range),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 256, "format": "npm-range"}),
]
RefText = Annotated[
    str,
    StringConstraints(max_length=512),
    AfterValidator(_checked_ref),
    WithJsonSchema({"type": "string", "minLength": 3, "maxLength": 512, "format": "gitreg-ref"}),
]
NameRef = Annotated[
    str,
    StringConstraints(max_length=512),
    AfterValidator(_checked_name_ref),
    WithJsonSchema(
        {"type": "string", "minLength": 3, "maxLength": 512, "format": "gitreg-name-ref", "pattern": "^[^@]+$"}
    ),
]
Identity = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\s]+( [^\s]+)*$")]
Day = Annotated[date, BeforeValidator(_checked_day)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]
PositiveCount = Annotated[int, Field(ge=1, le=9_007_199_254_740_991)]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000 * 31)]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
NonNegative = Annotated[int | float, Field(ge=0, allow_inf_nan=False), WithJsonSchema({"type": "number", "minimum": 0})]
Percentage = Annotated[
    int | float,
    Field(ge=0, le=100, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
]
JsonSchema = Annotated[
    dict[str, JsonValue] | bool,
    WithJsonSchema({"type": ["object", "boolean"], "description": "A JSON Schema (draft 2020-12)."}),
]
Quantity = Annotated[
    str,
    StringConstraints(max_length=32),
    AfterValidator(_checked_quantity),
    WithJsonSchema({"type": "string", "maxLength": 32, "pattern": _QUANTITY.pattern}),
]
Custom = Annotated[
    dict[NamespacePath, dict[str, JsonValue]],
    Field(
        description="Fields of your own, by the namespace that owns them (`custom.acme.costCentre`); "
        "a MetadataSchema may type them."
    ),
]


class Link(Part):
    """A titled link to documentation."""

    title: Line = Field(description="What the link leads to.")
    url: Url = Field(description="Where it leads.")


class Metadata(Part):
    """What every record carries beside its specification."""

    description: Text | None = mutable(description="What it is, for people; searched as full text.")
    docs: tuple[Link, ...] = mutable((), description="Links to documentation.")
    tags: tuple[Tag, ...] = mutable((), description="Words to find it by; lower case.")
    labels: dict[LabelKey, Line] = mutable({}, description="Key and value pairs for selectors, like `tier: gold`.")


class _Named(Part):
    name: Name = Field(description="Its name; unique within its kind.")


class _Namespaced(Part):
    namespace: NamespacePath = Field(description="The `/`-separated path of its owners, at most three deep.")
    name: Name = Field(description="Its name; unique within its kind and namespace.")


class _Versioned(_Namespaced):
    version: VersionText = Field(description="Its semantic version; a landed version is never reused.")


class NamedMetadata(Metadata, _Named):
    """Metadata of a record that is addressed by its name alone."""


class NamespacedMetadata(Metadata, _Namespaced):
    """Metadata of a record that is addressed by namespace and name."""


class VersionedMetadata(Metadata, _Versioned):
    """Metadata of one version of something."""

    owner: Identity | None = mutable(
        description="The person or team to ask; permission comes from the Namespace, not from here."
    )
    external_ids: dict[LabelKey, Line] = mutable(
        {},
        description="What other catalogues call it, by catalogue (`litellm: gpt-4o`); found by exact search.",
    )


class Manifest(Part):
    """One YAML file of the registry. Subclasses say which kind, metadata and spec they hold."""

    example: ClassVar[str]

    api_version: Literal["gitreg/v1"] = Field(description="The version of the manifest format.")
    kind: str
    metadata: Metadata
    spec: Part

    @property
    def address(self) -> Address:
        """Say who this record is."""
        metadata = self.metadata
        name = getattr(metadata, "name", "")
        return Address(self.kind, getattr(metadata, "namespace", ""), name, getattr(metadata, "version", None))

    @property
    def is_versioned(self) -> bool:
        """Tell whether this is one version of something, and so frozen but for its mutable fields."""
        return KINDS[self.kind].is_versioned


class Dependency(Part):
    """What a record needs to work."""

    ref: RefText = Field(
        description="What is needed, with the versions that will do: `dataset:acme/corpus@^1.2`, "
        "`acme/base@>=2.0.0 <3.0.0`.",
        examples=["dataset:acme/corpus@^1.2"],
    )
    required: bool = Field(True, description="Whether it cannot do without.")
    purpose: Line | None = Field(None, description="What it is needed for.")


class RetryPolicy(Part):
    """How often and how fast to try again."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(description="Tries in all, the first one included.")
    backoff: Literal["constant", "linear", "exponential"] = Field("exponential", description="How the delay grows.")
    initial_delay: Milliseconds = Field(1000, description="Delay before the second try, in milliseconds.")
    max_delay: Milliseconds = Field(60_000, description="The longest delay, in milliseconds.")


class GpuRequest(Part):
    """Accelerators that are asked for."""

    type: Line = Field(description="The accelerator's type, like `nvidia-h100`.")
    count: Annotated[int, Field(ge=1, le=4096)] = Field(description="How many.")
    memory: Quantity | None = Field(None, description="Memory of each, like `80Gi`.")


class Resources(Part):
    """Compute that is asked for, in Kubernetes quantities: text, so quote what looks like a number."""

    cpu: Quantity | None = Field(None, description="CPU cores, like `500m` or `'2'`.")
    memory: Quantity | None = Field(None, description="Memory, like `512Mi` or `2Gi`.")
    gpu: GpuRequest | None = Field(None, description="Accelerators.")
    storage: Quantity | None = Field(None, description="Scratch storage, like `10Gi`.")


class VersionLifecycle(Part):
    """Where a version stands between its first release and its end."""

    status: Literal["experimental", "active", "deprecated", "retired"] = Field(
        "active", description="experimental, active, deprecated or retired; only ever forward."
    )
    deprecation_date: Day | None = Field(None, description="The day from which it is deprecated.")
    retirement_date: Day | None = Field(None, description="The day on which it stops being served.")
    successor: RefText | None = Field(None, description="What to move to.")
    reason: Text | None = Field(None, description="Why it goes, or where it goes to if there is no successor.")


class Release(Part):
    """What is new in this version, and how it gets on with others."""

    changelog: Text | None = Field(None, description="What changed since the previous version.")
    breaking_changes: bool = Field(False, description="Whether consumers must change to use it.")
    previous_version: VersionText | None = Field(None, description="The version that this one follows.")
    compatible_with: tuple[RangeText, ...] = Field((), description="Ranges of earlier versions that it can replace.")
    incompatible_with: tuple[RangeText, ...] = Field((), description="Ranges of versions that it cannot replace.")
    migration_guide: Url | None = Field(None, description="How to move to it.")
