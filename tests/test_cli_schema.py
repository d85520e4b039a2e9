"""`gitreg schema` prints what the schema files hold, and examples that read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import AUTHOR, new_registry, run

from gitreg.kinds import KIND_TYPES
from gitreg.kinds.schema import schema_names
from gitreg.manifests import read_manifest

SCHEMAS = Path(__file__).parent.parent / "schemas/v1"


@pytest.mark.parametrize(("kind", "name"), schema_names().items(), ids=list(schema_names()))
def test_a_schema_is_its_file(kind: str, name: str) -> None:
    by_word, by_kind = run("schema", name.removesuffix(".schema.json")), run("schema", kind, "--json")
    assert by_word.code == by_kind.code == 0
    assert by_word.out == by_kind.out == (SCHEMAS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_an_example_reads_back(kind: str) -> None:
    done = run("schema", kind, "--example")
    assert done.out.startswith("# yaml-language-server: $schema=")
    manifest = read_manifest(done.out.encode()).manifest
    assert manifest is not None
    assert manifest.kind == kind
    assert run("schema", kind, "--example", "--json").json == {"kind": kind, "example": done.out}


def test_the_kinds_are_listed() -> None:
    rows = run("schema", "--list", "--json").json
    assert {row["kind"] for row in rows} == set(schema_names())
    assert "model\tModel\tmodels\n" in run("schema", "--list").out


def test_all_are_written_into_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "schemas"
    done = run("schema", "--write", folder, "--json")
    assert done.code == 0
    assert {Path(path).name for path in done.json["written"]} == set(schema_names().values())
    assert all(json.loads(path.read_bytes())["$id"] for path in folder.iterdir())


@pytest.mark.parametrize(
    ("words", "says", "mend"),
    [
        pytest.param(["modle"], "there is no kind 'modle'", "did you mean 'model'?", id="nearly right"),
        pytest.param(["zzz"], "there is no kind 'zzz'", "--list", id="unknown"),
        pytest.param([], "one thing is wanted", "exactly one", id="nothing"),
        pytest.param(["model", "--list"], "one thing is wanted", "exactly one", id="two things"),
        pytest.param(["test-result", "--example"], "it is a fact", "gitreg schema test-result", id="fact"),
        pytest.param(["--write", "/dev/null/x"], "cannot be written", "may write", id="no folder"),
    ],
)
def test_wrong_words_are_refused(words: list[str], says: str, mend: str) -> None:
    refused = run("schema", *words)
    assert (refused.code, refused.out) == (2, "")
    assert says in refused.err
    assert mend in refused.err


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_a_minimal_example_reads_back(kind: str) -> None:
    done = run("schema", kind, "--minimal")
    assert done.code == 0, done.err
    manifest = read_manifest(done.out.encode()).manifest
    assert manifest is not None
    assert manifest.kind == kind
    assert len(done.out) <= len(run("schema", kind, "--example").out)


@pytest.mark.parametrize("kind", ["Model", "Dataset", "Config", "Policy", "Role", "Namespace"])
def test_a_minimal_example_registers_in_a_fresh_registry(tmp_path: Path, kind: str) -> None:
    registry = new_registry(tmp_path / "registry")
    text = run("schema", kind, "--minimal").out
    done = run("register", "-", "--repo", registry, "--author", AUTHOR, "--json", stdin=text.encode())
    assert done.code == 0, done.err
    assert len(done.json["records"]) == 1
