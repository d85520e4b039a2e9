"""Lists take filters, facets, sorts by any field, highlights and cursors, and tell faults with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from api_support import PROBLEM, Api, api_on, commit, model, refs, small_registry

from gitreg_api.paths import COLLECTIONS

MODELS = "/api/v1/models"
LISTS = ("/api/v1/search", *(f"/api/v1/{name}" for name in COLLECTIONS))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"), patience=0.05)


def filtered(text: str, path: str = MODELS) -> str:
    return f"{path}?filter={quote(text, safe='')}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param('name = "embed"', {"embed@1.0.0"}, id="a text"),
        pytest.param("version : ^1", {"chat@1.0.0", "chat@1.1.0", "embed@1.0.0"}, id="a range of versions"),
        pytest.param('tags : "support" AND NOT tags : "fast"', {"chat@1.0.0"}, id="AND NOT"),
        pytest.param("tags : fast OR name = embed", {"chat@1.1.0", "embed@1.0.0"}, id="OR"),
        pytest.param('name = "ch*" status IN (deprecated)', {"chat@1.0.0"}, id="a prefix and a list"),
        pytest.param("has(description) AND status != deprecated", {"chat@2.0.0"}, id="has and not equal"),
        pytest.param("registry.createdAt >= 2025-01-02T07:00:00Z", {"chat@3.0.0-rc.1"}, id="a time"),
        pytest.param('provider = "nobody"', set[str](), id="what nothing has"),
    ],
)
def test_a_filter_narrows_a_list(api: Api, text: str, found: set[str]) -> None:
    for path in (MODELS, "/api/v1/search"):
        answer = api.get(f"{filtered(text, path)}&{'kind=model' if 'search' in path else ''}".rstrip("&"))
        assert {ref.removeprefix("model:acme/nlp/") for ref in refs(answer)} == found
        assert answer.json()["total"] == len(found)


def test_a_filter_holds_beside_everything_else(api: Api) -> None:
    asked = f"{filtered('version : ^1')}&q=talked&tag=support&status=deprecated&namespace=acme"
    assert refs(api.get(asked)) == ["model:acme/nlp/chat@1.0.0"]
    assert refs(api.get(f"{asked}&provider=mistral")) == []


@pytest.mark.parametrize("path", LISTS)
def test_every_list_takes_the_same(api: Api, path: str) -> None:
    everything = api.get(f"{path}?limit=1000").json()
    asked = (
        f"{path}?filter=has(name)%20OR%20NOT%20has(name)&facets=kind,name&highlight=true&q=&sort=-name&at=6&limit=1000"
    )
    answer = api.get(asked)
    assert answer.status_code == 200
    told = answer.json()
    assert told["total"] == everything["total"]
    assert sum(each["count"] for each in told["facets"]["kind"]) == everything["total"]
    assert list(told) == ["items", "total", "limit", "offset", "facets", "highlights", "cursor", "commit", "seq"]


@pytest.mark.parametrize(
    ("text", "column", "says", "mend"),
    [
        pytest.param("provdier = openai", 1, "no field 'provdier'", "'provider'", id="a misspelt field"),
        pytest.param("name = chat AND contextLength > many", 33, "is a number", "", id="a word for a number"),
        pytest.param("name = chat AND", 16, "", "", id="half a filter"),
        pytest.param("(name = chat", 1, "", "", id="an open parenthesis"),
        pytest.param('status = "actve"', 10, "'actve'", "'active'", id="a value that none has"),
        pytest.param("name = größe AND vresion : ^1", 18, "'vresion'", "'version'", id="behind letters of two bytes"),
        pytest.param(r'status = "\ud800"', 10, "half a character", "the character itself", id="half a character"),
        pytest.param("x" * 5000, 4001, "characters", "", id="a very long one"),
    ],
)
def test_a_fault_of_a_filter_is_told_with_its_place(api: Api, text: str, column: int, says: str, mend: str) -> None:
    for path in (MODELS, "/api/v1/search", "/api/v1/roles"):
        answer = api.get(filtered(text, path))
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
        said = answer.json()
        assert said["type"] == "urn:gitreg:problem:usage"
        assert (said["line"], said["column"]) == (1, column)
        assert says in said["detail"]
        assert mend in said["mend"]
        assert said["faults"][0]["column"] == column


def test_all_faults_of_a_filter_are_told_at_once(api: Api) -> None:
    said = api.get(filtered("provdier = openai AND\n vresion = 1.0.0")).json()
    assert [(fault["line"], fault["column"]) for fault in said["faults"]] == [(1, 1), (2, 2)]


# Facets and sorting


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("facets=tags,status", id="separated by commas"),
        pytest.param("facets=tags&facets=status", id="repeated"),
        pytest.param("facets=tags,%20status,&facets=", id="with blanks and nothing"),
    ],
)
def test_facets_are_asked_for_in_two_ways(api: Api, asked: str) -> None:
    told = api.get(f"{MODELS}?{asked}&limit=1").json()
    assert told["facets"] == {
        "tags": [{"value": "support", "count": 2}, {"value": "fast", "count": 1}],
        "status": [{"value": "active", "count": 4}, {"value": "deprecated", "count": 1}],
    }


def test_facets_count_what_is_found_at_the_moment_that_is_asked_of(api: Api) -> None:
    told = api.get(f"{filtered('NOT name = embed')}&facets=status&at=5").json()
    assert told["facets"]["status"] == [{"value": "active", "count": 4}]


def test_any_field_with_one_value_can_be_sorted_by(api: Api) -> None:
    down = refs(api.get(f"{MODELS}?sort=-status"))
    assert down[0] == "model:acme/nlp/chat@1.0.0"
    for name in ("lifecycle.status", "spec.lifecycle.status"):
        assert refs(api.get(f"{MODELS}?sort=-{name}")) == down
    assert refs(api.get(f"{MODELS}?sort=status"))[-1] == down[0]


@pytest.mark.parametrize(
    ("asked", "says", "mend"),
    [
        pytest.param("facets=provdier", "no field 'provdier'", "'provider'", id="a facet that is no field"),
        pytest.param("facets=pricing", "fields of its own", "pricing.<field>", id="a facet with fields of its own"),
        pytest.param(f"facets={','.join(['name'] * 21)}", "21 facets", "another search", id="too many facets"),
        pytest.param("sort=tags", "cannot be sorted by", "", id="a sort by several values"),
        pytest.param("sort=description", "cannot be sorted by", "", id="a sort by long texts"),
        pytest.param("highlight=yes", "`highlight`", "true or false", id="a flag that is neither"),
        pytest.param("cursor=x", "not a cursor", "copy it whole", id="a cursor that is none"),
        pytest.param(f"cursor={'x' * 2000}", "`cursor`", "", id="a very long cursor"),
        pytest.param("highlight=true&highlight=true", "given 2 times", "give it once", id="a flag given twice"),
        pytest.param("filter=a&filter=b", "given 2 times", "give it once", id="a filter given twice"),
    ],
)
def test_what_a_list_cannot_be_asked_is_refused(api: Api, asked: str, says: str, mend: str) -> None:
    answer = api.get(f"{MODELS}?{asked}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert says in answer.json()["detail"]
    assert mend in answer.json()["mend"]


# Words


def test_free_text_takes_phrases_exclusions_and_prefixes(api: Api) -> None:
    def found(text: str) -> set[str]:
        return {ref.partition("@")[2] for ref in refs(api.get(f"{MODELS}?q={quote(text)}"))}

    assert found("talk*") == {"1.0.0", "2.0.0"}
    assert found("chat -talks") == {"1.0.0", "1.1.0", "3.0.0-rc.1"}
    assert found('"support fast"') == {"1.1.0"}
    assert found('"fast support"') == set()


def test_highlights_say_where_the_words_stand(api: Api) -> None:
    told = api.get(f"{MODELS}?q=talked&highlight=true").json()
    assert told["highlights"] == {
        "model:acme/nlp/chat@1.0.0": [{"path": "metadata.description", "text": "Talked.", "spans": [[0, 6]]}]
    }
    for flag in ("false", "0", ""):
        assert "highlights" not in api.get(f"{MODELS}?q=talked&highlight={flag}").json()


def test_what_was_taken_for_a_misspelt_word_is_told(api: Api) -> None:
    told = api.get(f"{MODELS}?q=tallked").json()
    assert told["meant"] == [{"asked": "tallked", "taken": "talked"}]
    assert told["total"] == 1
    assert "meant" not in api.get(f"{MODELS}?q=talked").json()


# Pages


def test_a_cursor_walks_the_commit_of_its_first_page_whatever_lands(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    whole = api.get("/api/v1/search?limit=1000")
    walked: list[Any] = []
    asked, cursor = "/api/v1/search?limit=2", ""
    number = 0
    while cursor is not None:
        answer = api.get(f"{asked}&cursor={cursor}")
        assert answer.headers["x-gitreg-seq"] == "6"
        assert answer.json()["total"] == whole.json()["total"]
        walked += answer.json()["items"]
        cursor = answer.json()["cursor"]
        number += 1
        commit(api.registry, 6 + number, model("aa", f"{number}.0.0"))
        api.index.catch_up()
    assert walked == whole.json()["items"]
    assert number == (len(walked) + 1) // 2
    assert api.get("/api/v1/search").json()["total"] == whole.json()["total"] + number


def test_a_cursor_is_refused_where_it_does_not_belong(api: Api) -> None:
    cursor = api.get(f"{MODELS}?limit=1").json()["cursor"]
    assert api.get(f"{MODELS}?limit=2&cursor={cursor}").status_code == 200
    for asked in (
        f"/api/v1/datasets?cursor={cursor}",
        f"{MODELS}?q=chat&cursor={cursor}",
        f"{MODELS}?offset=1&cursor={cursor}",
        f"{MODELS}?at=2&cursor={cursor}",
        f"{MODELS}?cursor={cursor[:-4]}",
    ):
        answer = api.get(asked)
        assert answer.status_code == 400, asked
        assert answer.json()["mend"]


def test_the_last_page_says_that_it_is_the_last(api: Api) -> None:
    assert api.get(f"{MODELS}?limit=5").json()["cursor"] is None
    assert api.get(f"{MODELS}?limit=4").json()["cursor"] is not None
    assert api.get(f"{MODELS}?limit=4&offset=4").json()["cursor"] is None
