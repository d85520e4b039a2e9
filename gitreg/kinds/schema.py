"""JSON Schemas (draft 2020-12) of the kinds, for editors and other languages; made from the types, never by hand.

- `x-gitreg-mutable: true` marks the fields that may change after a version has landed.
- What a schema cannot say (that a range is a range, that a day exists) the reader still checks.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from gitreg.kinds import FACT_TYPES, KIND_TYPES
from gitreg.refs import KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_FACT_WORDS: Final = {"TestResult": "test-result", "ComplianceDecision": "compliance-decision"}


class _Generator(GenerateJsonSchema):
    """Closes maps whose keys have a grammar, and leaves out defaults that say nothing."""

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default") in (None, (), [], {}):
            made.pop("default", None)
        return made


class _AsWritten(yaml.SafeLoader):
    """Leaves dates and times the text that JSON has for them."""


_AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def schema_names() -> dict[str, str]:
    """Give each kind of record or fact and the name of its schema file: `Model` -> `model.schema.json`."""
    words = {kind: KINDS[kind].word for kind in KIND_TYPES} | _FACT_WORDS
    return {kind: f"{word}.schema.json" for kind, word in words.items()}


def json_schema(kind: str) -> dict[str, Any]:
    """Make the JSON Schema of a kind of record or fact."""
    part = KIND_TYPES[kind] if kind in KIND_TYPES else FACT_TYPES[kind]
    made = part.model_json_schema(by_alias=True, schema_generator=_Generator)
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "$id": f"urn:gitreg:v1:{schema_names()[kind]}",
        "title": kind,
        **{key: value for key, value in made.items() if key not in ("title", "$defs")},
    }
    schema["examples"] = [yaml.load(part.example, Loader=_AsWritten)]  # noqa: S506 - a SafeLoader that reads less
    if "$defs" in made:
        schema["$defs"] = made["$defs"]
    return schema
