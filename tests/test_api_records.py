"""Records are found by ref: newest, exact, by range and by alias; with their versions, history and aliases."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_support import CHAT, Api, api_on, commit, model, refs, small_registry

from gitreg.refs import KINDS
from gitreg_api.paths import COLLECTIONS, href_of, read_path


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"))


@pytest.mark.parametrize(
    ("selector", "version"),
    [
        pytest.param("", "2.0.0", id="the newest that is neither prerelease nor retired"),
        pytest.param("@1.0.0", "1.0.0", id="an exact version"),
        pytest.param("@3.0.0-rc.1", "3.0.0-rc.1", id="a prerelease by its name"),
        pytest.param("@^1", "1.1.0", id="a caret as it stands"),
        pytest.param("@%5E1", "1.1.0", id="a caret, percent-encoded"),
        pytest.param("@~1.0", "1.0.0", id="a tilde"),
        pytest.param("@1.x", "1.1.0", id="an x-range"),
        pytest.param("@>=1.1.0 <3.0.0", "2.0.0", id="two comparators"),
        pytest.param("@%3E%3D1.1.0%20%3C2.0.0", "1.1.0", id="two comparators, percent-encoded"),
        pytest.param("@^1%20||%20^2", "2.0.0", id="one range or another"),
        pytest.param("@production", "1.1.0", id="an alias"),
        pytest.param("@latest", "2.0.0", id="the computed alias"),
    ],
)
def test_a_selector_chooses_a_version(api: Api, selector: str, version: str) -> None:
    for path in (f"{CHAT}{selector}", f"{CHAT}{selector}?min_seq=1"):
        answer = api.get(path)
        assert answer.status_code == 200
        assert answer.json()["metadata"]["version"] == version
        assert answer.json()["registry"]["ref"] == f"model:acme/nlp/chat@{version}"


def test_slashes_may_be_encoded(api: Api) -> None:
    assert api.get("/api/v1/models/acme%2Fnlp%2Fchat").content == api.get(CHAT).content


def test_a_record_is_the_stored_document(api: Api) -> None:
    fact = api.index.reader().resolve(read_path(KINDS["Model"], "acme/nlp/chat").ref)
    answer = api.get(CHAT)
    assert answer.content == fact.doc
    assert answer.headers["etag"] == f'"{fact.etag}"'


def test_versions_come_highest_first(api: Api) -> None:
    answer = api.get(f"{CHAT}/versions").json()
    assert [item["metadata"]["version"] for item in answer["items"]] == ["3.0.0-rc.1", "2.0.0", "1.1.0", "1.0.0"]
    assert (answer["total"], answer["limit"], answer["offset"], answer["seq"]) == (4, 20, 0, 6)
    assert refs(api.get(f"{CHAT}/versions?limit=1&offset=2")) == ["model:acme/nlp/chat@1.1.0"]


def test_history_comes_newest_first_and_names_the_fields(api: Api) -> None:
    answer = api.get(f"{CHAT}@1.0.0/history").json()
    assert [(item["seq"], item["change"]) for item in answer["items"]] == [(6, "changed"), (3, "added")]
    changed = {field["path"]: (field["before"], field["after"]) for field in answer["items"][0]["fields"]}
    assert changed["metadata.description"] == ("Talks.", "Talked.")
    assert answer["total"] == 2


def test_aliases_come_with_the_computed_latest(api: Api) -> None:
    answer = api.get(f"{CHAT}/aliases").json()
    assert answer["aliases"] == {"production": "1.1.0", "stable": "2.0.0"}
    assert (answer["latest"], answer["seq"]) == ("2.0.0", 6)
    assert api.get("/api/v1/models/acme/nlp/embed/aliases").json()["aliases"] == {}


def test_latest_is_null_where_every_version_is_a_prerelease(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    commit(registry, 9, model("young", "0.1.0-alpha"))
    answer = api_on(registry).get("/api/v1/models/acme/nlp/young/aliases").json()
    assert answer["latest"] is None


def test_resolve_says_which_record_a_ref_means(api: Api) -> None:
    answer = api.get("/api/v1/resolve?ref=acme/nlp/chat@production").json()
    assert answer["ref"] == "model:acme/nlp/chat@1.1.0"
    assert (answer["kind"], answer["namespace"], answer["name"], answer["version"]) == (
        "Model",
        "acme/nlp",
        "chat",
        "1.1.0",
    )
    record = api.get(answer["href"]).json()
    assert record["registry"]["id"] == answer["id"]
    assert api.get("/api/v1/resolve?ref=role:reader").json()["version"] is None


def test_every_kind_has_a_collection_of_its_own(api: Api) -> None:
    assert {place.kind for place in COLLECTIONS.values()} == set(KINDS)
    assert {"roles", "role-bindings", "aliases", "registries"} < set(COLLECTIONS)
    for name, place in COLLECTIONS.items():
        answer = api.get(f"/api/v1/{name}?limit=1000").json()
        assert {item["kind"] for item in answer["items"]} <= {place.kind}
        for item in answer["items"]:
            found = api.get(href_of(place.kind, item["registry"]["ref"]))
            assert found.json() == item


@pytest.mark.parametrize(
    ("collection", "rest", "kind", "name", "part"),
    [
        pytest.param("models", "acme/nlp/versions", "Model", "nlp", "versions", id="a part wins over a name"),
        pytest.param("models", "acme/history", "Model", "history", None, id="a model called history"),
        pytest.param("models", "acme/nlp/chat/history", "Model", "chat", "history", id="the history of a model"),
        pytest.param("models", "acme/nlp/history@latest", "Model", "history", None, id="a selector says it is a name"),
        pytest.param("roles", "history", "Role", "history", None, id="a role called history"),
        pytest.param("roles", "reader/history", "Role", "reader", "history", id="the history of a role"),
        pytest.param("namespaces", "acme/history", "Namespace", "acme", "history", id="the history of a namespace"),
        pytest.param("registries", "registry", "Registry", "registry", None, id="the registry"),
        pytest.param("registries", "registry/history", "Registry", "registry", "history", id="the registry's history"),
        pytest.param("aliases", "model/acme/nlp/chat", "Aliases", "chat", None, id="the aliases of a model"),
    ],
)
def test_a_path_is_read_in_one_way(collection: str, rest: str, kind: str, name: str, part: str | None) -> None:
    asked = read_path(COLLECTIONS[collection], rest)
    assert (asked.ref.kind, asked.ref.name, asked.part) == (kind, name, part)
