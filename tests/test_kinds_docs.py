"""The vocabulary's pages, schemas and examples say what the code does, and map the whole specification."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from gitreg.kinds import FACT_TYPES, KIND_TYPES, mutable_paths
from gitreg.kinds.schema import json_schema, schema_names
from gitreg.manifests import read_manifest, write_manifest
from gitreg.refs import KINDS
from gitreg_api.demo import steps

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "registry_repo_template"
PAGES = ROOT / "docs/kinds"
SPEC = ROOT.parent / "shared/spec/llm-registry-specification.md"
ALL_KINDS = [*KIND_TYPES, *FACT_TYPES]

Names = dict[str, list[str]]
Row = tuple[str, str, str]
Schema = dict[str, Any]

schema_of = cache(json_schema)


@pytest.fixture(scope="module")
def generate() -> dict[str, Any]:
    """What `tools/generate.py` defines."""
    return run_path(str(ROOT / "tools/generate.py"))


# The specification's own names


def declared_names(text: str) -> dict[str, Names]:
    """Extract the fields of the TypeScript interfaces in a text, its unions' values, and those of single fields."""
    interfaces: Names = {}
    unions: Names = {}
    literals: Names = {}
    for block in re.findall(r"```typescript\n(.*?)```", text, re.DOTALL):
        code = re.sub(r"//.*", "", block)
        shape = r"^(?:interface (\w+)|type (\w+) =) \{\n(.*?)^\};?$"
        for interface, alias, body in re.findall(shape, code, re.DOTALL | re.MULTILINE):
            interfaces[interface or alias] = list(_fields_in(body))
            for field, values in re.findall(r"^  (\w+)\??: ('.*');$", body, re.MULTILINE):
                literals[f"{interface or alias}.{field}"] = re.findall(r"'([^']+)'", values)
        for name, body in re.findall(r"^type (\w+) =\s*([^{;]*);", code, re.MULTILINE):
            unions[name] = [value.strip().strip("'") for value in body.split("|") if value.strip()]
    return {"interfaces": interfaces, "unions": unions, "literals": literals}


def _fields_in(body: str) -> Iterator[str]:
    for name, kind in re.findall(r"^  (\w+)\??: (.*)$", body, re.MULTILINE):
        yield name
        inline = re.match(r"\{ (.*) \};", kind)
        if inline:
            yield from (f"{name}.{inner}" for inner in re.findall(r"(\w+)\??:", inline[1]))


def spec_names() -> dict[str, Names]:
    names: dict[str, Names] = json.loads((ROOT / "tests/data/spec_fields.json").read_text())
    return names


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not at hand")
def test_the_list_of_names_is_the_specifications() -> None:
    text = SPEC.read_text(encoding="utf-8").partition("## 5. ")[2].partition("## 6. ")[0]
    assert declared_names(text) == spec_names()


def mapping() -> dict[str, list[Row]]:
    """Read the mapping page: the rows of each interface's or union's table."""
    tables: dict[str, list[Row]] = {}
    for section in (PAGES / "spec-mapping.md").read_text(encoding="utf-8").split("\n### ")[1:]:
        name, _, body = section.partition("\n")
        rows = re.findall(r"^\| `(.+?)` \| (.*?) \| (.*?) \|$", body, re.MULTILINE)
        tables[name] = [(field, ours, why) for field, ours, why in rows]
    return tables


def test_every_name_of_the_specification_is_mapped_once() -> None:
    names = spec_names()
    mapped = {table: [field for field, _, _ in rows] for table, rows in mapping().items()}
    assert mapped == names["interfaces"] | names["unions"]


def test_every_row_says_a_path_or_how_else_it_is_answered() -> None:
    for table, rows in mapping().items():
        for field, ours, _ in rows:
            says = re.search(r"`[A-Z]\w+` `\S+`|^derived: \S|^planned: \S|^not kept$", ours)
            assert says, f"{table}.{field}: {ours!r}"


def test_what_is_left_out_or_not_built_says_why() -> None:
    unexplained = [
        f"{table}.{field}"
        for table, rows in mapping().items()
        for field, ours, why in rows
        if ours == "not kept" and not why
    ]
    assert unexplained == []


def test_every_path_of_ours_in_the_mapping_exists_in_its_schema() -> None:
    absent = [
        f"{table}.{field}: {kind} {path}"
        for table, rows in mapping().items()
        for field, ours, _ in rows
        for kind, path in re.findall(r"`([A-Z]\w+)` `([^`=]+)`", ours)
        if not leads_to(schema_of(kind), path)
    ]
    assert absent == []


def test_every_value_that_is_mapped_to_a_value_of_ours_is_allowed_there() -> None:
    refused = [
        f"{table}: {value}"
        for table, rows in mapping().items()
        for _, ours, _ in rows
        for kind, path, value in re.findall(r"`(\w+)` `([^`]+)` = `([^`]+)`", ours)
        if not any(_allows(schema_of(kind), part, value) for part in leads_to(schema_of(kind), path))
    ]
    assert refused == []


def test_every_value_of_a_single_field_is_allowed_in_ours_or_named_with_the_reason() -> None:
    literals = spec_names()["literals"]
    refused = [
        f"{table}.{field}: {value}"
        for table, rows in mapping().items()
        for field, ours, why in rows
        for value in literals.get(f"{table}.{field}", ())
        for kind, path in re.findall(r"`([A-Z]\w+)` `([^`=]+)`", ours)
        if table != "JSONSchema" and f"`{value}`" not in why
        if not any(_allows(schema_of(kind), part, value) for part in leads_to(schema_of(kind), path))
    ]
    assert refused == []


def _allows(root: Schema, part: Schema, value: str) -> bool:
    return Draft202012Validator({**part, "$defs": root.get("$defs", {})}).is_valid(value)


def leads_to(root: Schema, path: str) -> list[Schema]:
    """Follow a dotted path through a schema, through every variant; nothing where it leads nowhere."""
    here = [root]
    for step in path.replace("[]", ".[]").split("."):
        here = [child for part in here for whole in _variants(root, part) for child in _step(whole, step)]
    return here


def _step(schema: Schema, step: str) -> list[Schema]:
    if step == "[]":
        return [schema["items"]] if "items" in schema else []
    return [schema["properties"][step]] if step in schema.get("properties", {}) else []


def _variants(root: Schema, schema: Schema) -> list[Schema]:
    if "$ref" in schema:
        return _variants(root, root["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [whole for choice in choices for whole in _variants(root, choice)] or [schema]


# Pages and generated files


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_has_a_page_with_words_of_its_own(kind: str) -> None:
    page = (PAGES / schema_names()[kind].replace(".schema.json", ".md")).read_text(encoding="utf-8")
    introduction = page.partition("<!-- generated: fields -->")[0]
    assert introduction.startswith(f"# {kind}\n")
    assert len(introduction.split()) > 30


def test_the_index_names_every_page() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in PAGES.glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_everything_generated_is_current(generate: dict[str, Any]) -> None:
    assert list(generate["differing"](ROOT)) == [], "run `python tools/generate.py`"


def test_generating_leaves_what_people_wrote(generate: dict[str, Any], tmp_path: Path) -> None:
    for page in PAGES.glob("*.md"):
        target = tmp_path / "docs/kinds" / page.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("mine above\n<!-- generated: fields -->\nstale\n<!-- end -->\nmine below\n")
    pages = generate["kind_pages"](tmp_path)
    assert all(page.startswith(b"mine above\n") and page.endswith(b"\nmine below\n") for page in pages.values())
    assert not any(b"stale" in page for page in pages.values())


def test_generating_removes_the_schema_of_a_kind_that_is_gone(generate: dict[str, Any], tmp_path: Path) -> None:
    stale = tmp_path / "schemas/v1/gone.schema.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    generate["write"](tmp_path, generate["schemas"](tmp_path))
    assert not stale.exists()
    assert len(list(stale.parent.iterdir())) == len(ALL_KINDS)


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_the_example_on_a_facts_page_is_one(kind: str) -> None:
    page = (PAGES / schema_names()[kind].replace(".schema.json", ".md")).read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        data = yaml.safe_load(example)
        FACT_TYPES[kind].model_validate_json(json.dumps(data))
        assert faults(kind, data) == []


# Schemas


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_schema_is_valid_and_explains_itself(kind: str) -> None:
    schema = json.loads((ROOT / "schemas/v1" / schema_names()[kind]).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == kind
    assert schema["description"]
    for where, child in _properties_in(schema):
        assert child.get("description") or _target_of(schema, child).get("description"), where


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_schemas_examples_are_valid(kind: str) -> None:
    schema = schema_of(kind)
    assert schema["examples"]
    assert [fault for example in schema["examples"] for fault in faults(kind, example)] == []


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_the_schema_marks_what_may_change_and_nothing_else(kind: str) -> None:
    root = schema_of(kind)
    assert set(_marked(root, root, ())) == mutable_paths(kind)


def _properties_in(schema: Any, where: str = "") -> Iterator[tuple[str, Schema]]:
    parts = [("", schema), *schema.get("$defs", {}).items()]
    for title, part in parts:
        for name, child in part.get("properties", {}).items():
            yield f"{title}.{name}", child


def _target_of(root: Schema, schema: Schema) -> Schema:
    target: Schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else {}
    return target


def _marked(root: Schema, schema: Schema, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    whole = schema | _target_of(root, schema)
    for name, child in whole.get("properties", {}).items():
        if child.get("x-gitreg-mutable"):
            yield (*prefix, name)
        else:
            yield from _marked(root, child, (*prefix, name))


# Manifests, judged by a validator that is not ours


def faults(kind: str, data: Any) -> list[str]:
    """Validate with the `jsonschema` package, formats included."""
    validator = Draft202012Validator(schema_of(kind), format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


TEMPLATE_FILES = sorted(path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("[!.]*.yaml"))


@pytest.mark.parametrize("path", TEMPLATE_FILES)
def test_a_manifest_of_the_template_is_valid_and_canonical(path: str) -> None:
    raw = (TEMPLATE / path).read_bytes()
    manifest = read_manifest(raw, path=path).manifest
    assert manifest is not None
    data = yaml.safe_load(raw)
    assert faults(data["kind"], data) == []
    if path.startswith("examples/"):
        assert path == f"examples/{KINDS[manifest.kind].word}.yaml"
        assert raw.partition(b"apiVersion")[2] == write_manifest(manifest).partition(b"apiVersion")[2]
    else:
        assert path == manifest.address.path
        assert raw == write_manifest(manifest)


def test_the_schema_line_of_every_template_file_leads_to_its_schema() -> None:
    for path in TEMPLATE_FILES:
        text = (TEMPLATE / path).read_text(encoding="utf-8")
        target = ((TEMPLATE / path).parent / text.split("\n")[0].partition("$schema=")[2]).resolve()
        kind = yaml.safe_load(text)["kind"]
        assert target == TEMPLATE / ".gitreg/schemas/v1" / schema_names()[kind], path


def test_the_template_has_the_four_roles_and_an_example_of_each_kind() -> None:
    assert {path for path in TEMPLATE_FILES if path.startswith("access/")} == {
        f"access/{role}.yaml" for role in ("reader", "publisher", "maintainer", "administrator")
    }
    examples = [path for path in TEMPLATE_FILES if path.startswith("examples/")]
    assert len(examples) == len(KIND_TYPES)


def test_the_manifests_in_the_templates_readme_are_valid() -> None:
    text = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    whole = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "kind:" in block]
    assert [read_manifest(block.encode()).findings for block in whole] == [(), (), ()]


def test_every_manifest_of_the_demo_is_valid() -> None:
    validators = {kind: Draft202012Validator(schema_of(kind), format_checker=FormatChecker()) for kind in KIND_TYPES}
    for step in steps():
        for path, raw in step.files.items():
            data = yaml.safe_load(raw)
            assert [error.message for error in validators[data["kind"]].iter_errors(data)] == [], path
