"""The API's description: what FastAPI knows of the routes, and the schemas of the kinds in the answers.

- The kinds' schemas are those of `gitreg.kinds.schema`, with the block `registry` that every answer adds.
- What is said often is said once, under `components`, and pointed at.
- `openapi.json` beside this file is the golden copy: `make generate` writes it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gitreg.kinds import KIND_TYPES
from gitreg.kinds.schema import json_schema
from gitreg.refs import KINDS
from gitreg_api.drawn import MEDIA_TYPES
from gitreg_api.graph_schemas import graph_schemas
from gitreg_api.paths import COLLECTIONS
from gitreg_api.shapes import COMPONENTS, COUNT, POSITION, STRING, Schema, list_of, object_of, or_null, to

GOLDEN: Final = Path(__file__).with_name("openapi.json")
API_RELEASE: Final = "1.0.0"

_DESCRIPTION: Final = """\
The read API of a gitreg registry. Every answer comes from an index of the registry's Git history and says which
commit it speaks of: `X-Gitreg-Commit` and `X-Gitreg-Seq` (the commit's position on main, from 1). With `at` it is that
of a moment of the past. The `ETag` is strong and names the body's bytes: send it back as `If-None-Match` and get a 304.
`HEAD` works wherever `GET` does. Errors are problem documents (RFC 9457) with a `mend`. Unknown query parameters are
refused; one without a value counts as not given. Nothing is written through this API."""

_PAGING: Final[dict[str, Schema]] = {
    "total": {**COUNT, "description": "How many there are altogether."},
    "limit": {"type": "integer", "minimum": 1},
    "offset": COUNT,
}
_PROVENANCE_EXAMPLE: Final = {
    "id": "6f7f3f3a-8d6a-5d7e-9a57-1f8a5c2b7d10",
    "ref": "model:acme/nlp/summarizer@1.2.0",
    "path": "models/acme/nlp/summarizer/1.2.0.yaml",
    "blob": "9c56cc51b374c3ba189210d5b6d4bf57790d351c",
    "commit": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "seq": 42,
    "createdAt": "2025-01-02T03:04:05Z",
    "updatedAt": "2025-06-07T08:09:10Z",
    "registeredBy": "Example Author <author@example.com>",
}


def about(operation: str, summary: str, schema: str, tag: str, *, forms: tuple[str, ...] = ()) -> dict[str, Any]:
    """Describe a route for FastAPI: its name, what it does, what it answers with, and in which other forms."""
    types = [MEDIA_TYPES[form].partition(";")[0] for form in forms if form in MEDIA_TYPES]
    return {
        "operation_id": operation,
        "summary": summary,
        "tags": [tag],
        "responses": {
            200: {
                "description": "The answer.",
                "headers": _headers(with_etag=tag != "service"),
                "content": {
                    "application/json": {"schema": to(schema)},
                    **{each: {"schema": STRING} for each in types},
                },
            },
            **({} if tag == "service" else {304: {"$ref": f"{COMPONENTS}/responses/NotModified"}}),
            "4XX": {"$ref": f"{COMPONENTS}/responses/Problem"},
            "5XX": {"$ref": f"{COMPONENTS}/responses/Problem"},
        },
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Make the whole description of an application."""
    made = get_openapi(
        title="gitreg",
        version=API_RELEASE,
        summary="Models, datasets, pipelines, suites and policies, by name, version and alias.",
        description=_DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=_tags(),
    )
    parameters: dict[str, Any] = {}
    for item in made["paths"].values():
        for operation in item.values():
            operation["responses"] = {
                code: _without_description(answer) for code, answer in operation["responses"].items()
            }
            listed = operation.get("parameters", [])
            operation["parameters"] = [_shared(parameter, parameters) for parameter in listed]
    made["components"] = {
        "schemas": dict(sorted(_schemas().items())),
        "parameters": dict(sorted(parameters.items())),
        "responses": _responses(),
        "headers": _header_components(),
    }
    return made


def written(described: dict[str, Any]) -> bytes:
    """Write a description as the golden copy holds it."""
    return json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _tags() -> list[dict[str, str]]:
    kinds = {name: (KIND_TYPES[place.kind].__doc__ or "").splitlines()[0] for name, place in COLLECTIONS.items()}
    own = {
        "registry": "The registry as a whole, across its kinds.",
        "graph": "What records have to do with each other.",
        "service": "The service itself.",
    }
    return [{"name": name, "description": said} for name, said in {**own, **kinds}.items()]


def _without_description(answer: dict[str, Any]) -> dict[str, Any]:
    """Undo what FastAPI adds beside a `$ref`."""
    return {"$ref": answer["$ref"]} if "$ref" in answer else answer


def _shared(parameter: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Put a query parameter under `components` the first time, and point at it; a different namesake stays."""
    name = parameter["name"]
    if parameter["in"] != "query" or known.setdefault(name, parameter) != parameter:
        return parameter
    return {"$ref": f"{COMPONENTS}/parameters/{name}"}


def _headers(*, with_etag: bool) -> dict[str, Any]:
    names = ("X-Gitreg-Commit", "X-Gitreg-Seq", "ETag", "Cache-Control") if with_etag else ("Cache-Control",)
    return {name: {"$ref": f"{COMPONENTS}/headers/{name}"} for name in names}


def _header_components() -> dict[str, Any]:
    said: dict[str, tuple[str, Schema]] = {
        "X-Gitreg-Commit": ("The commit that the answer is of.", POSITION["commit"]),
        "X-Gitreg-Seq": ("The commit's position on main, from 1.", POSITION["seq"]),
        "ETag": ("Names the body's bytes; strong.", {"type": "string", "pattern": '^"[0-9a-f]{32}"$'}),
        "Cache-Control": ("How long the answer may be kept.", STRING),
        "Retry-After": ("Seconds after which to try again.", COUNT),
    }
    return {name: {"description": text, "schema": schema} for name, (text, schema) in said.items()}


def _responses() -> dict[str, Any]:
    problem = {
        "type": "urn:gitreg:problem:not-found",
        "title": "Nothing answers to that name",
        "status": 404,
        "detail": "there is no model:acme/nlp/sumarizer",
        "instance": "/api/v1/models/acme/nlp/sumarizer",
        "mend": "did you mean acme/nlp/summarizer? `gitreg list model` shows what there is",
        "got": "model:acme/nlp/sumarizer",
    }
    return {
        "NotModified": {
            "description": "The body is still the one that `If-None-Match` names.",
            "headers": _headers(with_etag=True),
        },
        "Problem": {
            "description": "What is wrong, and how to mend it.",
            "headers": {"Retry-After": {"$ref": f"{COMPONENTS}/headers/Retry-After"}},
            "content": {"application/problem+json": {"schema": to("Problem"), "example": problem}},
        },
    }


def _schemas() -> dict[str, Schema]:
    schemas: dict[str, Schema] = {**_own_schemas(), **_schemas_beside_items(), **graph_schemas()}
    for kind in KINDS:
        schemas.update(_schemas_of(kind, schemas))
    records = [to(f"{kind}Record") for kind in KINDS]
    mapping = {kind: f"{COMPONENTS}/schemas/{kind}Record" for kind in KINDS}
    schemas["Record"] = {"oneOf": records, "discriminator": {"propertyName": "kind", "mapping": mapping}}
    schemas["RecordPage"] = _page("Record")
    return schemas


def _schemas_of(kind: str, known: dict[str, Schema]) -> dict[str, Schema]:
    """Give the schemas of one kind's answers: its parts, the record with its block `registry`, a page of records."""
    schema = json_schema(kind)
    parts: dict[str, Schema] = schema.pop("$defs", {})
    names = _names_of(kind, parts, known)
    record: Schema = _pointing({key: value for key, value in schema.items() if not key.startswith("$")}, names)
    record["properties"] = {**record["properties"], "registry": to("Provenance")}
    record["required"] = [*record["required"], "registry"]
    example = yaml.safe_load(KIND_TYPES[kind].example)
    record["examples"] = [{**example, "registry": _PROVENANCE_EXAMPLE}]
    moved = {names[name]: _pointing(part, names) for name, part in parts.items()}
    made = {**moved, f"{kind}Record": record, f"{kind}Page": _page(f"{kind}Record")}
    return {**made, f"{kind}Similar": _similar(f"{kind}Record")} if KINDS[kind].is_versioned else made


def _names_of(kind: str, parts: dict[str, Schema], known: dict[str, Schema]) -> dict[str, str]:
    """Name a kind's parts; one that differs from a known namesake gets the kind's name in front."""
    names = {name: name for name in parts}
    while True:
        clashing = [
            name
            for name, part in parts.items()
            if names[name] == name and known.get(name, _pointing(part, names)) != _pointing(part, names)
        ]
        if not clashing:
            return names
        names.update({name: f"{kind}{name}" for name in clashing})


def _pointing(schema: Any, names: dict[str, str]) -> Any:
    """Point a schema's references at `components`."""
    if isinstance(schema, list):
        return [_pointing(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _target(value, names) if key == "$ref" else _pointing(value, names) for key, value in schema.items()}


def _target(ref: Any, names: dict[str, str]) -> Any:
    if isinstance(ref, str) and ref.startswith("#/$defs/"):
        return f"{COMPONENTS}/schemas/{names[ref.removeprefix('#/$defs/')]}"
    return ref


def _page(schema: str) -> Schema:
    beside = {name: to(name.capitalize()) for name in _BESIDE}
    parts = {"items": list_of(to(schema)), **_PAGING, **beside, "cursor": _CURSOR, **POSITION}
    return object_of(parts, optional=(*_BESIDE, "cursor"))


def _similar(schema: str) -> Schema:
    scores = {
        "type": "object",
        "additionalProperties": {"type": "number", "maximum": 1},
        "description": "How much each item is like the one asked about, by ref: 1 for what says the same.",
    }
    return object_of({"items": list_of(to(schema)), "scores": scores, **POSITION})


_BESIDE: Final = ("facets", "highlights", "meant")
_CURSOR: Final[Schema] = {
    "type": ["string", "null"],
    "description": "What asks for the next page, as of the same commit; null on the last. Lists and searches have it.",
}


def _schemas_beside_items() -> dict[str, Schema]:
    """Give the schemas of what a page says beside its items, where it is asked for."""
    counted = list_of(object_of({"value": STRING, "count": COUNT}))
    span = {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}
    fragment = object_of({"path": STRING, "text": STRING, "spans": list_of(span)})
    return {
        "Facets": {
            "type": "object",
            "additionalProperties": counted,
            "description": "How often each value of a field stands in what was found, the most frequent first; by the "
            "names that `facets` asked for.",
            "examples": [{"provider": [{"value": "openai", "count": 12}, {"value": "anthropic", "count": 7}]}],
        },
        "Highlights": {
            "type": "object",
            "additionalProperties": list_of(fragment),
            "description": "Where the words of `q` stand, by the ref of the item. A span is the beginning and the end "
            "of a place in `text`, in characters.",
            "examples": [
                {
                    "model:acme/nlp/summarizer@1.2.0": [
                        {"path": "metadata.description", "text": "Sums up support tickets.", "spans": [[8, 15]]}
                    ]
                }
            ],
        },
        "Meant": {
            **list_of(object_of({"asked": STRING, "taken": STRING})),
            "description": "Words that nothing has, and the ones that they were taken for.",
        },
    }


def _own_schemas() -> dict[str, Schema]:
    fault = {"anyOf": [object_of({"says": STRING, "mend": STRING}), {"type": "null"}]}
    change = object_of({"path": STRING, "before": {}, "after": {}}, optional=("before", "after"))
    collection = object_of({"kind": STRING, "href": STRING, "records": COUNT})
    return {
        "Provenance": _provenance(),
        "Problem": _problem(),
        "History": object_of(
            {
                "items": list_of(
                    object_of(
                        {
                            **POSITION,
                            "time": {"type": "string", "format": "date-time"},
                            "author": STRING,
                            "message": STRING,
                            "change": {"enum": ["added", "changed", "removed", "quarantined"]},
                            "fields": list_of(change),
                        }
                    )
                ),
                **_PAGING,
                **POSITION,
            },
            says="The commits that touched a record, newest first, and what each changed. `quarantined` means that the "
            "file cannot be read since; it changes no field.",
        ),
        "AliasesOf": object_of(
            {
                "aliases": {"type": "object", "additionalProperties": STRING},
                "latest": {**or_null("string"), "description": "The highest version neither prerelease nor retired."},
                **POSITION,
            }
        ),
        "Resolved": object_of(
            {
                **dict.fromkeys(("ref", "kind"), STRING),
                "namespace": or_null("string"),
                "name": STRING,
                "version": or_null("string"),
                "status": or_null("string"),
                "id": {"type": "string", "format": "uuid"},
                **dict.fromkeys(("path", "blob", "href"), STRING),
                **POSITION,
            }
        ),
        "Quarantine": object_of(
            {
                "items": list_of(
                    object_of(
                        {
                            **dict.fromkeys(("path", "blob"), STRING),
                            "seq": POSITION["seq"],
                            "findings": list_of({"type": "object"}),
                        }
                    )
                ),
                **_PAGING,
                **POSITION,
            }
        ),
        "Overview": object_of(
            {
                **{name: or_null("string") for name in ("name", "uid", "description")},
                "records": COUNT,
                "quarantined": COUNT,
                "collections": {"type": "object", "additionalProperties": collection},
                "links": {"type": "object", "additionalProperties": STRING},
                **POSITION,
            }
        ),
        "Changes": object_of(
            {
                "items": list_of(
                    object_of(
                        {
                            **POSITION,
                            "time": {"type": "string", "format": "date-time"},
                            "author": STRING,
                            "message": STRING,
                            "changes": list_of(
                                object_of(
                                    {
                                        "change": {"enum": ["added", "changed", "removed", "quarantined"]},
                                        "kind": or_null("string"),
                                        "ref": or_null("string"),
                                        "path": STRING,
                                    }
                                )
                            ),
                        }
                    )
                ),
                "next": {**COUNT, "description": "The seq of the last commit that was told."},
                "nextCommit": {**STRING, "description": "Its id: what to ask for next with `since`."},
                **POSITION,
            },
            says="What each commit did to records, oldest first; `commit` and `seq` at the end are the index's own.",
        ),
        "Health": object_of({"status": {"const": "ok"}}),
        "Ready": object_of(
            {
                "status": {"const": "ready"},
                "behind": {**or_null("boolean"), "description": "Whether main has moved on; null without Git."},
                "following": object_of({"on": {"type": "boolean"}, "fault": fault}),
                "alarm": {"oneOf": [_alarm(), {"type": "null"}]},
                **POSITION,
            }
        ),
    }


def _alarm() -> Schema:
    return {
        **object_of(
            {
                **dict.fromkeys(("says", "mend", "from", "to"), STRING),
                "fromSeq": COUNT,
                "seen": {**or_null("string"), "format": "date-time"},
            }
        ),
        "description": "Main was rewritten, from which commit to which; until that is accepted, it is not followed.",
    }


def _provenance() -> Schema:
    said = {
        "id": ({"type": "string", "format": "uuid"}, "UUIDv5 of the registry's uid and the ref."),
        "ref": (STRING, "The ref that names exactly this record."),
        "path": (STRING, "Its file in the registry repo."),
        "blob": (STRING, "The Git object id of that file."),
        "commit": (POSITION["commit"], "The commit that last touched it."),
        "seq": (POSITION["seq"], "That commit's position on main."),
        "createdAt": ({"type": "string", "format": "date-time"}, "When its file first landed."),
        "updatedAt": ({"type": "string", "format": "date-time"}, "When it was last touched."),
        "registeredBy": (STRING, "Who registered it."),
    }
    properties = {name: {**schema, "description": text} for name, (schema, text) in said.items()}
    return object_of(properties, says="What Git knows of a record; derived, never written in manifests.")


def _problem() -> Schema:
    place: Schema = {"type": "integer", "minimum": 1}
    words = dict.fromkeys(("says", "mend", "got", "expected"), STRING)
    fault = object_of({"line": place, "column": place, **words}, optional=("got", "expected"))
    said = {
        "type": ({"type": "string", "format": "uri"}, "What sort of problem it is: `urn:gitreg:problem:<code>`."),
        "title": (STRING, "The sort of problem, for people."),
        "status": ({"type": "integer"}, "The HTTP status."),
        "detail": (STRING, "What is wrong here."),
        "instance": (STRING, "The path that was asked for."),
        "mend": (STRING, "How to mend it."),
        "got": (STRING, "What was given."),
        "expected": (STRING, "What would do."),
        "line": (place, "Of a filter: the line of the first fault, from 1."),
        "column": (place, "Of a filter: the column of the first fault, from 1, in characters."),
        "faults": (list_of(fault), "Of a filter: all that is wrong with it."),
        "findings": (list_of({"type": "object"}), "Of a record that cannot be read: what is wrong with its file."),
    }
    properties = {name: {**schema, "description": text} for name, (schema, text) in said.items()}
    return object_of(properties, optional=tuple(said)[6:], says="A problem document (RFC 9457).")
