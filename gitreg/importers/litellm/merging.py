"""Bring a landed version and what the catalogue now says together.

- The importer sets what it owns and nothing else: provider, type, checksum, its capabilities, pricing, the
  external id, its own link, `custom.litellm`, and, where the row states one, the deprecation date.
- What people wrote stays: tags, labels, owner, a description, links, endpoints, other custom namespaces,
  further capabilities, category, licence, and an effective date for as long as the prices are those that it
  was given for.
- A status only ever moves forward, from experimental or active to deprecated.
- Frozen fields that differ make a new version: major where something was taken away or the type changed,
  minor where something was added or grew, patch where neither can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gitreg.compatibility import Bump, compare, deserved
from gitreg.importers.litellm.catalogue import Json
from gitreg.importers.litellm.mapping import CATALOGUE, DOCS_TITLE
from gitreg.kinds import mutable_paths
from gitreg.manifests import manifest_from_data
from gitreg.versions import Version

CATALOGUE_PAGE: Final = "https://models.litellm.ai/"
"""Where people look a row of the catalogue up."""
Weight = Literal["major", "minor", "patch"]
_ORDER: Final[dict[Weight, int]] = {"major": 0, "minor": 1, "patch": 2}
_FROZEN: Final = ("provider", "type")
_NUMBERS: Final = ("contextLength", "maxOutputTokens", "embeddingDimensions")
_FLAGS: Final = ("supportsFunctions", "supportsVision", "supportsStreaming")
_LISTS: Final = ("modalities", "inputModalities", "outputModalities", "features")
_OWNED_CAPABILITIES: Final = frozenset((*_NUMBERS, *_FLAGS, *_LISTS))
_OWNED_MUTABLE: Final = (
    ("metadata", "description"),
    ("metadata", "docs"),
    ("metadata", "externalIds"),
    ("spec", "lifecycle"),
    ("spec", "pricing"),
    ("spec", "custom"),
)
_SAID_IN_CUSTOM: Final = ("litellm_provider", "mode")


@dataclass(frozen=True, slots=True)
class Difference:
    """One frozen field that differs: how much it weighs, and the change in words."""

    weight: Weight
    words: str


def merge(landed: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Give the landed manifest's data with what the importer owns set as the row wants it."""
    return {
        **landed,
        "metadata": _merge_metadata(landed["metadata"], wanted["metadata"]),
        "spec": _merge_spec(landed["spec"], wanted["spec"]),
    }


def edits(landed: Mapping[str, Any], merged: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give the mutable fields that differ as edits by dotted path: (to put, to remove)."""
    put: dict[str, Any] = {}
    remove: list[str] = []
    for block, name in _OWNED_MUTABLE:
        before, after = landed[block].get(name), merged[block].get(name)
        if after is None and before is not None:
            remove.append(f"{block}.{name}")
        elif after != before:
            put[f"{block}.{name}"] = after
    return put, remove


def is_frozen_same(landed: Mapping[str, Any], merged: Mapping[str, Any]) -> bool:
    """Tell whether two manifests' data differ at most in mutable fields."""
    return _frozen(landed) == _frozen(merged)


def next_version(landed: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """Give merged data the version that follows the landed one, with the changes in words."""
    differences = list(_differences(landed["spec"], merged["spec"]))
    weights: set[Weight] = {each.weight for each in differences}
    if deserved_of(landed, merged) == "major":
        weights.add("major")
    weight = min(weights, key=lambda each: _ORDER[each])
    previous = Version.parse(landed["metadata"]["version"])
    words = "\n".join(each.words for each in differences)
    release: dict[str, Any] = {"changelog": words, "previousVersion": str(previous)}
    if weight == "major":
        release |= {"breakingChanges": True, "migrationGuide": _guide(merged)}
    metadata = {**merged["metadata"], "version": str(previous.bump(weight))}
    return {**merged, "metadata": metadata, "spec": {**merged["spec"], "release": release}}


def deserved_of(landed: Mapping[str, Any], merged: Mapping[str, Any]) -> Bump:
    """Tell which bump the difference deserves, as the gate will see it."""
    before, after = manifest_from_data(landed).manifest, manifest_from_data(merged).manifest
    if before is None or after is None:
        return "none"
    return deserved(Version.parse(landed["metadata"]["version"]), compare(before, after))


def _guide(merged: Mapping[str, Any]) -> str:
    """Give the page that tells most of what a model became: the provider's, where the row names it."""
    links = (link["url"] for link in merged["metadata"].get("docs", ()) if link["title"] == DOCS_TITLE)
    return next(links, CATALOGUE_PAGE)


def _merge_metadata(landed: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    docs = _merge_docs(landed.get("docs", []), wanted.get("docs", []))
    merged = {**landed, "externalIds": {**landed.get("externalIds", {}), **wanted["externalIds"]}}
    if "description" in wanted:
        merged.setdefault("description", wanted["description"])
    return _with(merged, "docs", docs)


def _merge_docs(landed: list[Any], wanted: list[Any]) -> list[Any]:
    """Put the importer's own link where it stood, or last."""
    own = [n for n, link in enumerate(landed) if link["title"] == DOCS_TITLE]
    if not own:
        return [*landed, *wanted]
    return [
        *landed[: own[0]],
        *wanted,
        *(link for link in landed[own[0] + 1 :] if link["title"] != DOCS_TITLE),
    ]


def _merge_spec(landed: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in landed.get("capabilities", {}).items() if name not in _OWNED_CAPABILITIES}
    custom = {name: value for name, value in landed.get("custom", {}).items() if name != CATALOGUE}
    merged = {
        **landed,
        **{name: wanted[name] for name in _FROZEN},
        "checksum": {**landed["checksum"], **wanted["checksum"]},
    }
    merged = _with(merged, "capabilities", {**others, **wanted.get("capabilities", {})})
    merged = _with(merged, "lifecycle", _merge_lifecycle(landed.get("lifecycle", {}), wanted.get("lifecycle", {})))
    merged = _with(merged, "pricing", _merge_pricing(landed.get("pricing"), wanted.get("pricing")))
    return _with(merged, "custom", {**custom, **wanted.get("custom", {})})


def _with(data: Mapping[str, Any], name: str, value: Json) -> dict[str, Any]:
    """Set a field, or leave it out where there is nothing to set; an empty one that stood there stays."""
    if value or (name in data and data[name] == value):
        return {**data, name: value}
    return {each: kept for each, kept in data.items() if each != name}


def _merge_lifecycle(landed: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**landed, **wanted}
    if "reason" in landed:  # what people say of it counts more than that nothing is known
        merged["reason"] = landed["reason"]
    elif "successor" in landed:
        merged.pop("reason", None)
    if landed.get("status", "active") not in ("experimental", "active") and "status" in landed:
        merged["status"] = landed["status"]
    return merged


def _merge_pricing(landed: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if landed is not None and wanted is not None and "effectiveDate" in landed:
        dated = {**wanted, "effectiveDate": landed["effectiveDate"]}
        return dated if dated == landed else wanted
    return wanted


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what may change, and an emptied capability block, which says nothing."""
    mutable = mutable_paths("Model")
    return {
        block: {name: value for name, value in data[block].items() if (block, name) not in mutable and value != {}}
        for block in ("metadata", "spec")
    }


# ---- What differs, in words


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    found = [*_type_differences(before, after), *_capability_differences(before, after)]
    yield from found or [Difference("patch", words) for words in _record_differences(before, after)]


def _type_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in _FROZEN:
        if before[name] != after[name]:
            yield Difference("major", f"{name} {before[name]} -> {after[name]}")


def _capability_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = before.get("capabilities", {}), after.get("capabilities", {})
    for name in (*_NUMBERS, *_FLAGS, *_LISTS):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if name in _LISTS:
            yield _list_difference(name, was or [], now or [])
        else:
            yield Difference(_weigh(name, was, now), f"{name} {_shown(was)} -> {_shown(now)}")


def _weigh(name: str, was: Json, now: Json) -> Weight:
    """Weigh a changed number or flag: less is major, more is minor, `false` for nothing said is patch."""
    if name in _FLAGS:
        return "major" if was else "minor" if now else "patch"
    if was is None:
        return "minor"
    return "major" if now is None or now < was or name == "embeddingDimensions" else "minor"


def _list_difference(name: str, was: list[str], now: list[str]) -> Difference:
    gone = [word for word in was if word not in now]
    added = [word for word in now if word not in was]
    words = " ".join([*(f"-{word}" for word in gone), *(f"+{word}" for word in added)])
    weight: Weight = "major" if gone else "minor" if added else "patch"
    return Difference(weight, f"{name} {words or 'in another order'}")


def _record_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say what of the source record differs where no other frozen field does."""
    old, new = (spec.get("custom", {}).get(CATALOGUE, {}) for spec in (before, after))
    said = [
        f"litellm's {name.removeprefix('litellm_')} {_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in _SAID_IN_CUSTOM
        if old.get(name) != new.get(name)
    ]
    return said or ["the source record changed in a way that no other field shows"]


def _shown(value: Json) -> str:
    if value is None:
        return "not stated"
    return str(value).lower() if isinstance(value, bool) else str(value)
