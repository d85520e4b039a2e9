#!/usr/bin/env python
"""Regenerate everything that is generated: schemas, the template's copies and examples, the docs' tables.

- A step is a function from the project's root to the files that it owns: path -> bytes, or None for one that
  must go. Steps read, they never write; `main` writes what differs. So a test can ask what would change.
- The same code gives the same bytes, whatever stood there before. Text outside the markers stays as it is.
- To add something generated, write a step and put it on `STEPS`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gitreg.cli.reference import cli_reference
from gitreg.kinds import FACT_TYPES, KIND_TYPES
from gitreg.kinds.schema import json_schema, schema_names
from gitreg.manifests import SCHEMA_FOLDER
from gitreg.refs import KINDS
from gitreg_api.app import described_app
from gitreg_api.openapi import document, written
from gitreg_indexer.field_table import reference, table
from gitreg_indexer.fields import TABLE
from gitreg_validators.owners_file import HEAD, PLACE

ROOT: Final = Path(__file__).resolve().parent.parent
TEMPLATE: Final = "registry_repo_template"
BEGIN: Final = "<!-- generated: fields -->"
END: Final = "<!-- end -->"
_WHO: Final = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "Registry": ("apiVersion", "kind", "spec.uid", "spec.formatVersion"),
    "Aliases": (*_WHO, "spec.of"),
}

Files = dict[str, bytes | None]
Schema = dict[str, Any]
Step = Callable[[Path], Files]


def pretty(data: object) -> bytes:
    """Give JSON as people read it: two spaces, keys in the order given, a final newline."""
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def words() -> dict[str, str]:
    """Give each kind and its word, which names its schema, its example and its page."""
    return {kind: name.removesuffix(".schema.json") for kind, name in schema_names().items()}


def owned(root: Path, folder: str, pattern: str, files: Files) -> Files:
    """Add a None for each file of a folder that matches the pattern and that nothing generates any more."""
    stale = {f"{folder}/{path.name}" for path in (root / folder).glob(pattern)} - files.keys()
    return {**files, **dict.fromkeys(sorted(stale))}


def schemas(root: Path) -> Files:
    """Make `schemas/v1`."""
    return _schemas_in(root, "schemas/v1")


def template_schemas(root: Path) -> Files:
    """Make the template's copy of the schemas, which the editors of its users read."""
    return _schemas_in(root, f"{TEMPLATE}/{SCHEMA_FOLDER}")


def _schemas_in(root: Path, folder: str) -> Files:
    made: Files = {f"{folder}/{name}": pretty(json_schema(kind)) for kind, name in schema_names().items()}
    return owned(root, folder, "*.json", made)


def template_examples(root: Path) -> Files:
    """Make one example file for each kind of record."""
    folder = f"{TEMPLATE}/examples"
    made: Files = {f"{folder}/{KINDS[kind].word}.yaml": _example_file(kind) for kind in KIND_TYPES}
    return owned(root, folder, "*.yaml", made)


def _example_file(kind: str) -> bytes:
    word = KINDS[kind].word
    text = KIND_TYPES[kind].example
    return (
        f"# yaml-language-server: $schema=../{SCHEMA_FOLDER}/{word}.schema.json\n"
        f"# An example of the kind {kind}; not part of the registry. A real one stands at {_place_of(kind)}\n"
        f"{text}"
    ).encode()


def _place_of(kind: str) -> str:
    if kind == "Aliases":
        return "models/<namespace>/<name>/aliases.yaml"
    folder = KINDS[kind].folder
    shapes = {
        "VERSION": f"{folder}/<namespace>/<name>/<version>.yaml",
        "NAME": f"{folder}/<namespace>/<name>.yaml",
        "NAMESPACE": f"{folder}/<namespace>.yaml",
        "FLAT": f"{folder}/<name>.yaml",
        "SINGLE": folder,
    }
    return shapes[KINDS[kind].shape.name]


def template_actions(root: Path) -> Files:
    """Make the template's copy of the actions, which its workflows run from the registry's own main."""
    found = (path for path in (root / "actions").rglob("*") if path.is_file() and path.suffix != ".pyc")
    folder = f"{TEMPLATE}/.github/actions"
    made: Files = {f"{folder}/{path.relative_to(root / 'actions').as_posix()}": path.read_bytes() for path in found}
    there = (path for path in (root / folder).rglob("*") if path.is_file())
    stale = {path.relative_to(root).as_posix() for path in there} - made.keys()
    return {**dict(sorted(made.items())), **dict.fromkeys(sorted(stale))}


def kind_pages(root: Path) -> Files:
    """Make the generated part of each kind's page."""
    made: Files = {}
    for kind, word in words().items():
        path = f"docs/kinds/{word}.md"
        page = (root / path).read_text(encoding="utf-8")
        made[path] = _with_generated(page, _fields_part(kind), path).encode()
    return made


def _with_generated(page: str, part: str, path: str) -> str:
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no place for its generated part: add the lines {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n{part}{END}{tail}"


def _fields_part(kind: str) -> str:
    schema = json_schema(kind)
    rows = [
        "| field | type | changes | required | description |",
        "| --- | --- | --- | --- | --- |",
        *(_row(field, kind) for field in fields_of(schema)),
    ]
    example = (KIND_TYPES | FACT_TYPES)[kind].example
    return f"```yaml\n{example}```\n\n" + "\n".join(rows) + "\n"


@dataclass(frozen=True)
class SchemaField:
    """One field of a JSON Schema, by dotted path: `[]` is an item of a list, `<key>` an entry of a map."""

    path: str
    schema: Schema
    type: str
    description: str
    is_required: bool
    is_mutable: bool


def fields_of(schema: Schema) -> Iterator[SchemaField]:
    """Walk a JSON Schema field by field, parents before their children."""
    yield from _below(schema, schema, "", False)


def _below(root: Schema, schema: Schema, prefix: str, is_mutable: bool) -> Iterator[SchemaField]:
    here = _resolved(root, schema)
    for name, child in here.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        marked = is_mutable or bool(child.get("x-gitreg-mutable"))
        said = _resolved(root, child).get("description", "")
        is_required = name in here.get("required", ())
        yield SchemaField(path, child, _type_of(root, child), said, is_required, marked)
        yield from _inside(root, child, path, marked)


def _inside(root: Schema, schema: Schema, path: str, is_mutable: bool) -> Iterator[SchemaField]:
    here = _stated(root, schema)
    if "oneOf" in here:
        for variant in here["oneOf"]:
            yield from _below(root, variant, f"{path}({_variant_name(root, variant)})", is_mutable)
    elif here.get("type") == "array":
        yield from _inside(root, here["items"], f"{path}[]", is_mutable)
    elif "properties" in here:
        yield from _below(root, here, path, is_mutable)
    elif entry := _entry_of(here):
        yield from _inside(root, entry, f"{path}.<key>", is_mutable)


def _resolved(root: Schema, schema: Schema) -> Schema:
    """Follow a `$ref`; what stands beside it goes on top."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _stated(root: Schema, schema: Schema) -> Schema:
    """Resolve, and drop the null that stands for "not stated"."""
    here = _resolved(root, schema)
    choices = [choice for choice in here.get("anyOf", ()) if choice.get("type") != "null"]
    return _resolved(root, choices[0]) if len(choices) == 1 else here


def _entry_of(schema: Schema) -> Schema | None:
    entries = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return next((entry for entry in entries if isinstance(entry, dict) and entry), None)


def _variant_name(root: Schema, variant: Schema) -> str:
    """Name a variant by what its discriminator may be: `model`, `transform/filter`."""
    properties = _resolved(root, variant)["properties"]
    mark = properties.get("type") or properties["language"]
    return "/".join(_values(mark))


def _values(schema: Schema) -> list[str]:
    return [str(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else [])]


def _type_of(root: Schema, schema: Schema) -> str:
    here = _stated(root, schema)
    if "oneOf" in here:
        return " or ".join(_variant_name(root, variant) for variant in here["oneOf"])
    if values := _values(here):
        return ", ".join(f"`{value}`" for value in values)
    name = here.get("type")
    if isinstance(name, list):
        return " or ".join(name)
    if name == "array":
        return f"list of {_type_of(root, here['items'])}"
    if name == "object" and "properties" not in here:
        entry = _entry_of(here)
        return f"map of {_type_of(root, entry)}" if entry else "map"
    if "anyOf" in here:
        return " or ".join(_type_of(root, choice) for choice in here["anyOf"])
    return f"{here.get('format', name or 'any')}{_bounds(here)}"


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high < 2**53 - 1:
        return f", {low} to {high}"
    return f", {low} or more" if low is not None else ""


def _row(field: SchemaField, kind: str) -> str:
    description = field.description
    default = field.schema.get("default")
    if default is not None and not isinstance(default, dict):
        description += f" Default: `{json.dumps(default)}`."
    cells = (
        f"`{field.path}`",
        field.type,
        _changes(field, kind),
        "yes" if field.is_required else "",
        description,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _changes(field: SchemaField, kind: str) -> str:
    """Say whether a field may change after landing; a record without versions may, but for who it is."""
    if field.is_mutable:
        return "mutable"
    if kind in FACT_TYPES or KINDS[kind].is_versioned:
        return "frozen"
    return "frozen" if field.path in IDENTITY.get(kind, _WHO) else "mutable"


def template_owners(_root: Path) -> Files:
    """Make the template's CODEOWNERS: what `gitreg codeowners` says of a registry in which nobody owns anything yet."""
    return {f"{TEMPLATE}/{PLACE}": HEAD.encode()}


def api_description(_root: Path) -> Files:
    """Make the API's OpenAPI description."""
    return {"api/gitreg_api/openapi.json": written(document(described_app()))}


def field_table(_root: Path) -> Files:
    """Make the table of the fields that can be filtered and sorted by."""
    return {f"indexer/gitreg_indexer/{TABLE}": table()}


def query_page(root: Path) -> Files:
    """Make the table of fields on the page of the query language."""
    path = "docs/query-language.md"
    return {path: _with_generated((root / path).read_text(encoding="utf-8"), reference(), path).encode()}


def command_reference(_root: Path) -> Files:
    """Make the page of all commands."""
    return {"docs/cli.md": cli_reference().rstrip("\n").encode() + b"\n"}


STEPS: Final[list[tuple[str, Step]]] = [
    ("schemas", schemas),
    ("template-schemas", template_schemas),
    ("template-examples", template_examples),
    ("template-owners", template_owners),
    ("template-actions", template_actions),
    ("kind-pages", kind_pages),
    ("api-description", api_description),
    ("field-table", field_table),
    ("query-page", query_page),
    ("command-reference", command_reference),
]


def differing(root: Path) -> Files:
    """Give what the steps would change: new bytes by path, None for what must go."""
    changes: Files = {}
    for _, step in STEPS:
        for path, content in step(root).items():
            target = root / path
            if (target.read_bytes() if target.is_file() else None) != content:
                changes[path] = content
    return changes


def write(root: Path, changes: Files) -> None:
    """Write the files and remove those that must go."""
    for path, content in changes.items():
        target = root / path
        if content is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def main() -> int:
    """Regenerate; with `--check` write nothing and exit 1 where something is out of date."""
    parser = argparse.ArgumentParser(description="Regenerate everything that is generated.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where something differs")
    is_check = parser.parse_args().check
    changes = differing(ROOT)
    if not is_check:
        write(ROOT, changes)
    said = "is out of date: run `python tools/generate.py`" if is_check else "written"
    for path, content in changes.items():
        sys.stdout.write(f"{path}: {'removed' if content is None and not is_check else said}\n")
    return 1 if is_check and changes else 0


if __name__ == "__main__":
    sys.exit(main())
