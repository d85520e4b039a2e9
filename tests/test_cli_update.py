"""`gitreg update` changes fields of landed records; `gitreg blame` tells who did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_support import AUTHOR, Run, git, model, namespace, new_registry, registered, run, state_of

from gitreg.cli.settings import value_of
from gitreg.errors import UsageError

REF = "acme/chat@1.0.0"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = new_registry(tmp_path / "registry")
    registered(folder, namespace(), model(more="  description: A model.  # kept\n"))
    return folder


def update(registry: Path, *words: str) -> Run:
    return run("update", *words, "--repo", registry, "--author", AUTHOR)


def test_fields_are_set_and_comments_kept(registry: Path) -> None:
    done = update(registry, REF, "--set", "metadata.tags=[nlp, english]", "--set", "metadata.owner=me", "--json")
    assert done.code == 0, done.err
    assert done.json["records"][0]["status"] == "updated"
    text = git(registry, "show", "main:models/acme/chat/1.0.0.yaml")
    assert "description: A model. # kept" in text
    assert "tags:\n  - nlp\n  - english\n" in text
    assert git(registry, "status", "--porcelain") == ""


def test_fields_are_removed(registry: Path) -> None:
    assert update(registry, REF, "--unset", "metadata.description").code == 0
    assert "A model." not in git(registry, "show", "main:models/acme/chat/1.0.0.yaml")


def test_what_is_so_already_is_unchanged(registry: Path) -> None:
    before = state_of(registry)
    done = update(registry, REF, "--set", "metadata.description=A model.", "--json")
    assert done.json["records"][0]["status"] == "unchanged"
    assert state_of(registry) == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param([REF], 2, "nothing to change", id="nothing"),
        pytest.param([REF, "--set", "metadata.owner"], 2, "does not say what to set", id="no value"),
        pytest.param([REF, "--set", "=x"], 2, "does not say what to set", id="no path"),
        pytest.param([REF, "--set", "a=1", "--set", "a=2"], 2, "'a' is set twice", id="twice"),
        pytest.param([REF, "--set", "metadata.tags=[a"], 2, "begins with '['", id="broken list"),
        pytest.param([REF, "--set", "metadata.nonsense=1"], 1, "unknown key 'nonsense'", id="unknown key"),
        pytest.param([REF, "--set", "metadata.tags=a"], 1, "expected a list", id="wrong type"),
        pytest.param([REF, "--set", "spec.provider=anthropic"], 1, "GR-011", id="frozen field"),
        pytest.param([REF, "--set", "metadata.version=2.0.0"], 2, "who a record is", id="another version"),
        pytest.param([REF, "--unset", "metadata.docs[3]"], 2, "has no field", id="absent field"),
        pytest.param(["acme/absent", "--set", "a=1"], 1, "acme/absent", id="no such record"),
        pytest.param(["Acme/Chat", "--set", "a=1"], 2, "is not a ref", id="not a ref"),
        pytest.param([REF, "--set", "metadata.owner=me", "--message", " "], 2, "message", id="empty message"),
        pytest.param([REF, "--set", "a=1", "--approve", "x\ny"], 2, "there is no rule", id="no such rule"),
    ],
)
def test_what_cannot_be_changed_is_refused(registry: Path, words: list[str], code: int, says: str) -> None:
    before = state_of(registry)
    refused = update(registry, *words)
    assert (refused.code, refused.out) == (code, "")
    assert says in refused.err
    assert "mend: " in refused.err
    assert state_of(registry) == before


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("deprecated", "deprecated", id="word"),
        pytest.param("1.5", 1.5, id="number"),
        pytest.param("42", 42, id="integer"),
        pytest.param("true", True, id="truth"),
        pytest.param("no", "no", id="not a truth in YAML 1.2"),
        pytest.param("null", None, id="nothing"),
        pytest.param("", "", id="empty"),
        pytest.param("Note: it # counts", "Note: it # counts", id="colon and hash"),
        pytest.param("- a", "- a", id="dash"),
        pytest.param("*bold* &c !d", "*bold* &c !d", id="marks of YAML"),
        pytest.param("012", "012", id="ambiguous number"),
        pytest.param("two\nlines", "two\nlines", id="lines"),
        pytest.param('"1.0"', "1.0", id="quoted number"),
        pytest.param("[a, 1]", ["a", 1], id="flow list"),
        pytest.param("{a: b}", {"a": "b"}, id="flow mapping"),
        pytest.param('{"a": [true, null]}', {"a": [True, None]}, id="JSON"),
        pytest.param("2026-11-30", "2026-11-30", id="day"),
    ],
)
def test_a_value_means_what_it_means_in_a_manifest(text: str, value: Any) -> None:
    read = value_of(text, "a")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["[a", "{a: 1, a: 2}", '"open', "[&a b]", "[draft] text", "[\udcff]"])
def test_a_marked_value_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        value_of(text, "a")


def test_blame_names_the_commit_of_a_field(registry: Path) -> None:
    update(registry, REF, "--set", "metadata.owner=me", "--message", "Name an owner")
    done = run("blame", REF, "metadata.owner", "--repo", registry, "--json")
    assert done.code == 0
    assert done.json["message"] == "Name an owner"
    assert done.json["author"] == AUTHOR
    assert done.json["fields"] == [{"path": "metadata.owner", "before": None, "after": "me"}]
    first = run("blame", REF, "spec.provider", "--repo", registry)
    assert "(seq 3)" in first.out
    assert "Register model:acme/chat@1.0.0" in first.out


ENDPOINTS = "[{type: rest, url: 'https://a.example', authentication: {type: none}}]"
BLAMED: dict[str, str] = {
    "provider": "Register model:acme/chat@1.0.0",
    "spec.provider": "Register model:acme/chat@1.0.0",
    "inputPrice": "Price it",
    "spec.pricing": "Price it",
    "metadata.tags[0]": "Tag it",
    "tags": "Tag it",
    "spec.endpoints[0].url": "Serve it",
    "spec.endpoints.0.url": "Serve it",
    "labels.7": "Label it",
}


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_registry(tmp_path_factory.mktemp("blamed") / "registry")
    registered(folder, namespace(), model())
    for setting, message in (
        ("spec.pricing={currency: USD, perMillionTokens: {input: 1, output: 2}}", "Price it"),
        ("metadata.tags=[nlp]", "Tag it"),
        (f"spec.endpoints={ENDPOINTS}", "Serve it"),
        ("metadata.labels={'7': seven}", "Label it"),
        ("metadata.owner=me", "Name an owner"),
    ):
        done = update(folder, REF, "--set", setting, "--message", message)
        assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("field", BLAMED)
def test_blame_takes_the_names_that_filters_know(edited: Path, field: str) -> None:
    done = run("blame", REF, field, "--repo", edited, "--json")
    assert done.code == 0, done.err
    assert done.json["message"] == BLAMED[field]


def test_blame_through_git_is_the_same(edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg_indexer.telling.reader_or_none", lambda *_, **__: None)
    for field, message in BLAMED.items():
        assert run("blame", REF, field, "--repo", edited, "--json").json["message"] == message
    for field in UNKNOWN:
        assert run("blame", REF, field, "--repo", edited, "--json").error["says"] == UNKNOWN[field][0]


def test_blame_of_what_never_was_is_not_found(edited: Path) -> None:
    for field in ("license", "createdAt"):
        done = run("blame", REF, field, "--repo", edited, "--json")
        assert done.code == 1
        assert done.error["code"] == "not-found"
    assert done.error["says"] == f"no commit ever stated `registry.createdAt` of {REF}"


UNKNOWN: dict[str, tuple[str, str]] = {
    "spec.provdier": ("there is no field 'spec.provdier'", "did you mean 'provider'?"),
    "metadata.nonsense": ("there is no field 'metadata.nonsense'", "docs/query-language.md lists the fields"),
    "dag.nodes": ("no model has a field 'dag.nodes'", "Pipeline"),
    "": ("no field is named", "name one"),
    "0": ("no field is named", "name one"),
    "[0]": ("no field is named", "name one"),
}


@pytest.mark.parametrize("field", UNKNOWN)
def test_blame_of_a_field_that_there_is_not_is_refused(edited: Path, field: str) -> None:
    says, mend = UNKNOWN[field]
    done = run("blame", REF, field, "--repo", edited, "--json")
    assert done.code == 2
    assert done.error["says"] == says
    assert mend in done.error["mend"]
