"""The pieces that the schemas of answers are made of."""

from __future__ import annotations

from typing import Any, Final

COMPONENTS: Final = "#/components"
Schema = dict[str, Any]

STRING: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
POSITION: Final[dict[str, Schema]] = {
    "commit": {"type": "string", "description": "The commit that the answer is of.", "pattern": "^[0-9a-f]{40,64}$"},
    "seq": {"type": "integer", "minimum": 1, "description": "Its position on main, from 1."},
}


def to(schema: str) -> Schema:
    """Point at a schema of the description by its name."""
    return {"$ref": f"{COMPONENTS}/schemas/{schema}"}


def object_of(properties: dict[str, Schema], *, optional: tuple[str, ...] = (), says: str = "") -> Schema:
    """Describe an object, all of whose properties are there but the optional ones."""
    made: Schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return {**made, "description": says} if says else made


def list_of(schema: Schema) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": schema}


def or_null(kind: str) -> Schema:
    """Describe a value that may be null."""
    return {"type": [kind, "null"]}
