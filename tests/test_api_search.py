"""Lists and searches take the same filters, page alike, and answer with stored documents joined as bytes."""

from __future__ import annotations

import pytest
from api_support import Api, api_on, refs, small_registry


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("/api/v1/models?q=embed", {"embed@1.0.0"}, id="text"),
        pytest.param("/api/v1/models?q=acme/nlp/embed", {"embed@1.0.0"}, id="an exact name"),
        pytest.param("/api/v1/models?tag=support&tag=fast", {"chat@1.1.0"}, id="both tags"),
        pytest.param("/api/v1/models?status=deprecated", {"chat@1.0.0"}, id="status"),
        pytest.param("/api/v1/models?status=deprecated&status=retired", {"chat@1.0.0"}, id="either status"),
        pytest.param("/api/v1/models?provider=anthropic", set[str](), id="a provider that nothing has"),
        pytest.param("/api/v1/models?q=talks&status=active", {"chat@2.0.0"}, id="text and a filter"),
        pytest.param("/api/v1/search?kind=model&tag=fast", {"chat@1.1.0"}, id="a search of one kind"),
        pytest.param("/api/v1/search?kind=models&tag=fast", {"chat@1.1.0"}, id="a kind by its collection"),
        pytest.param("/api/v1/search?tag=fast", {"chat@1.1.0"}, id="a search of all kinds"),
        pytest.param("/api/v1/models?namespace=acme&q=embed", {"embed@1.0.0"}, id="a namespace and all below"),
        pytest.param("/api/v1/models?namespace=other", set[str](), id="a namespace with nothing"),
    ],
)
def test_filters_narrow_a_list(api: Api, asked: str, found: set[str]) -> None:
    answer = api.get(asked)
    assert {ref.removeprefix("model:acme/nlp/") for ref in refs(answer)} == found
    assert answer.json()["total"] == len(found)


def test_parameters_without_a_value_count_as_not_given(api: Api) -> None:
    blank = "/api/v1/models?q=&namespace=&provider=&type=&tag=&status=&sort=&limit=&offset="
    assert api.get(blank).content == api.get("/api/v1/models").content


def test_pages_add_up_to_the_whole(api: Api) -> None:
    whole = refs(api.get("/api/v1/search?limit=1000"))
    paged = [
        ref for offset in range(0, len(whole), 3) for ref in refs(api.get(f"/api/v1/search?limit=3&offset={offset}"))
    ]
    assert paged == whole
    page = api.get("/api/v1/search?limit=3&offset=3").json()
    assert (page["total"], page["limit"], page["offset"]) == (len(whole), 3, 3)
    assert list(page) == ["items", "total", "limit", "offset", "cursor", "commit", "seq"]


def test_a_page_past_the_end_is_empty(api: Api) -> None:
    answer = api.get("/api/v1/models?offset=500").json()
    assert (answer["items"], answer["total"]) == ([], 5)


def test_items_are_the_stored_bytes(api: Api) -> None:
    single = api.get("/api/v1/models/acme/nlp/embed").content
    assert b'{"items":[' + single + b"]," in api.get("/api/v1/models?q=embed").content


def test_lists_are_sorted_as_asked(api: Api) -> None:
    up = refs(api.get("/api/v1/models?sort=updatedAt"))
    assert up[-1] == "model:acme/nlp/chat@1.0.0"
    assert refs(api.get("/api/v1/models?sort=-updatedAt"))[0] == "model:acme/nlp/chat@1.0.0"


def test_a_page_names_the_commit_that_its_headers_name(api: Api) -> None:
    answer = api.get("/api/v1/search")
    assert answer.headers["x-gitreg-commit"] == answer.json()["commit"] == api.registry.repo.tip()
    assert answer.headers["x-gitreg-seq"] == str(answer.json()["seq"]) == "6"
