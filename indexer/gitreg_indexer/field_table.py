"""The table of fields, made from the kinds' JSON Schemas; `make generate` writes it, `fields.py` reads it.

- Sortable are fields of which a record has at most one value: numbers, times and truth values, words of few values, and
  the words of `SORTED_WORDS`; but for `UNSORTED`, and what only the one Registry record has. Each costs every engine a
  column.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from gitreg.kinds import KIND_TYPES
from gitreg.kinds.schema import json_schema
from gitreg.refs import KINDS
from gitreg_indexer.fields import CUSTOM, SHORT_NAMES, Column, Field, FieldType
from gitreg_indexer.schema_fields import fields_of_schema, merged

_OF_REGISTRY: Final[dict[str, FieldType]] = {
    "id": "word",
    "ref": "word",
    "path": "word",
    "blob": "word",
    "commit": "word",
    "seq": "number",
    "createdAt": "time",
    "updatedAt": "time",
    "registeredBy": "word",
}
SORTED_WORDS: Final = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.owner",
        "registry.ref",
        "registry.registeredBy",
        "spec.displayName",
        "spec.format",
        "spec.license",
        "spec.pricing.currency",
        "spec.provider",
        "spec.role",
        "spec.target",
        "spec.template.ref",
        "spec.title",
    }
)
UNSORTED: Final = frozenset(
    {
        "apiVersion",
        "spec.checksum.algorithm",
        "spec.checksum.of",
        "spec.config.coverage.enabled",
        "spec.config.parallel",
        "spec.config.reportFormat",
        "spec.config.stopOnFailure",
        "spec.execution.retry.backoff",
        "spec.execution.retry.initialDelay",
        "spec.execution.retry.maxAttempts",
        "spec.execution.retry.maxDelay",
        "spec.required",
        "spec.rule.language",
    }
)


def table() -> bytes:
    """Make the table, a field a line."""
    fields = all_fields()
    kinds = list(KIND_TYPES)
    sortable = {field.path: column for field in fields if (column := _column(field)) is not None}
    rows = (orjson.dumps(_row(field, kinds)).decode() for field in fields)
    lines = [
        f'"kinds": {orjson.dumps(kinds).decode()}',
        f'"columns": {orjson.dumps(sortable, option=orjson.OPT_INDENT_2).decode()}',
        '"fields": [\n' + ",\n".join(rows) + "\n]",
    ]
    return ("{" + ",\n".join(lines) + "}\n").encode()


def reference() -> str:
    """Make the table that people read: fields that everything has, that have short names, or that are sorted by."""
    shown = [field for field in all_fields() if _is_shown(field)]
    rows = ["| name | path | type | sortable | kinds |", "| --- | --- | --- | --- | --- |"]
    rows.extend(_shown_row(field) for field in sorted(shown, key=lambda field: field.name.lower()))
    return "\n".join(rows) + "\n"


def _is_shown(field: Field) -> bool:
    is_common = field.path.startswith(("metadata.", "registry."))
    return field.type != "part" and (is_common or field.path in SHORT_NAMES.values() or _column(field) is not None)


def _shown_row(field: Field) -> str:
    kinds = _WHOSE.get(field.kinds) or ", ".join(field.kinds)
    of_what = f" of {_NAMES[field.entries]}" if field.type == "map" and field.entries else ""
    several = ", several" if field.several else ""
    type_ = f"{'few values' if field.values else _NAMES[field.type]}{of_what}{several}"
    return f"| `{field.name}` | `{field.path}` | {type_} | {'yes' if _column(field) else ''} | {kinds} |"


_WHOSE: Final = {
    tuple(KIND_TYPES): "all",
    tuple(kind for kind in KIND_TYPES if KINDS[kind].is_versioned): "all with versions",
}
_NAMES: Final[dict[FieldType, str]] = {
    "word": "text",
    "text": "text",
    "number": "number",
    "time": "time",
    "boolean": "true or false",
    "version": "version",
    "map": "map",
    "part": "fields",
    "any": "free JSON",
}


def all_fields() -> list[Field]:
    """Give the fields of all kinds, as their schemas say them, and those that answers add to every record."""
    found = merged(field for kind in KIND_TYPES for field in _of_kind(kind))
    return [field for field in found if not field.path.startswith(f"{CUSTOM}.")]


def _of_kind(kind: str) -> Iterator[Field]:
    versions = json_schema("Model")["$defs"]["VersionedMetadata"]["properties"]["version"]["pattern"]
    yield from fields_of_schema(json_schema(kind), "", (kind,), versions=versions)[1:]
    yield Field("registry", "part", (kind,))
    for name, type_ in _OF_REGISTRY.items():
        yield Field(f"registry.{name}", type_, (kind,))


def _column(field: Field) -> Column | None:
    if field.several or field.kinds == ("Registry",) or field.path in UNSORTED:
        return None
    if field.type in ("number", "time", "boolean"):
        return "number"
    is_sorted = bool(field.values) or field.path in SORTED_WORDS
    return "text" if field.type == "word" and is_sorted else None


def _row(field: Field, kinds: list[str]) -> list[Any]:
    whose = [] if len(field.kinds) == len(kinds) else [kinds.index(kind) for kind in field.kinds]
    row: list[Any] = [field.path, field.type, whose, int(field.several), field.values, field.entries]
    while len(row) > 3 and not row[-1]:
        row.pop()
    return row
