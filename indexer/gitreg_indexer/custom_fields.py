"""The custom fields that namespaces have typed, read from their MetadataSchema records.

- In force is of each schema its highest version that is not retired; all schemas of a namespace count together.
- A namespace's schema types `spec.custom.<namespace>` of exactly that namespace.
- A schema speaks of the kinds that it applies to. Where it leaves out one that may have custom fields, anything may
  stand there in a record of that kind: nothing is refused, and what it is compared with has the type.
- A field that a schema only lists among its indexed fields is known too; what it is compared with has the type.
- A schema that cannot be read for any reason types nothing, and keeps no other from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitreg.resolution import ENDED
from gitreg.versions import InvalidVersion, Version
from gitreg_indexer.fields import CUSTOM, CustomFields, Field, known_fields, without_positions
from gitreg_indexer.schema_fields import fields_of_schema, merged


def custom_fields(schemas: Iterable[Mapping[str, Any]]) -> CustomFields:
    """Make the custom fields of MetadataSchema records, given as their data."""
    found: list[Field] = []
    for data in in_force(schemas):
        try:
            found.extend(list(_fields_of(data)))
        except Exception:  # noqa: BLE001 - one namespace's schema must not keep the others from being searched
            found.append(_untyped(data))
    kinds = set(known_fields()[CUSTOM].kinds)
    return CustomFields({field.path: field if kinds <= {*field.kinds} else _opened(field) for field in merged(found)})


def in_force(schemas: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Give the highest version of each schema that is not retired."""
    highest: dict[tuple[str, str], tuple[Version, Mapping[str, Any]]] = {}
    for data in schemas:
        metadata = data["metadata"]
        version = _version(metadata.get("version"))
        if version is None or data["spec"].get("lifecycle", {}).get("status") in ENDED:
            continue
        who = (metadata["namespace"], metadata["name"])
        if who not in highest or version > highest[who][0]:
            highest[who] = (version, data)
    for _, (_, data) in sorted(highest.items(), key=lambda item: item[0]):
        yield data


def _fields_of(data: Mapping[str, Any]) -> Iterator[Field]:
    spec = data["spec"]
    at = f"{CUSTOM}.{data['metadata']['namespace']}"
    kinds = tuple(spec.get("appliesTo", ("Model",)))
    stated = {field.path: field for field in fields_of_schema(spec.get("schema", True), at, kinds)}
    indexes = {without_positions(each["path"]): each.get("index") for each in spec.get("indexedFields", ())}
    for path, index in indexes.items():
        whole = f"{at}.{path}"
        if index == "fulltext" and (whole not in stated or stated[whole].type == "word"):
            stated[whole] = replace(stated.get(whole, Field(whole, "text", kinds)), type="text")
        else:
            stated.setdefault(whole, Field(whole, "any", kinds, entries="any"))
    yield from stated.values()


def _opened(field: Field) -> Field:
    """Give a field at which other kinds may have something else."""
    kind = field.type if field.type in ("part", "map") else "any"
    return replace(field, type=kind, values=(), entries="any")


def _untyped(data: Mapping[str, Any]) -> Field:
    """Give the field of a namespace below which anything may stand."""
    return Field(f"{CUSTOM}.{data['metadata']['namespace']}", "map", known_fields()[CUSTOM].kinds, entries="any")


def _version(text: Any) -> Version | None:
    try:
        return Version.parse(text)
    except (InvalidVersion, TypeError):
        return None
