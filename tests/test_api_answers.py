"""Every answer says what it answers from, can be revalidated, and is the same in both lanes."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from api_support import CHAT, Api, api_on, ask_all, commit, digest, model, raw, small_registry, talk
from demo_support import demo_at
from starlette.types import ASGIApp, Receive, Scope, Send

from gitreg.registry import Registry
from gitreg_api.answers import CACHE_CONTROL, is_held
from gitreg_api.app import slow_lane
from gitreg_api.hot import FastLane
from gitreg_api.paths import href_of
from gitreg_api.source import Source
from gitreg_indexer import Query

READS = [
    pytest.param(CHAT, id="a record"),
    pytest.param(f"{CHAT}@^1", id="a record by range"),
    pytest.param(f"{CHAT}/versions", id="versions"),
    pytest.param(f"{CHAT}/history", id="history"),
    pytest.param(f"{CHAT}/aliases", id="aliases"),
    pytest.param("/api/v1/models", id="a list"),
    pytest.param("/api/v1/search?q=talks", id="a search"),
    pytest.param("/api/v1/resolve?ref=acme/nlp/chat", id="resolve"),
    pytest.param("/api/v1/quarantine", id="quarantine"),
    pytest.param("/api/v1", id="the overview"),
    pytest.param("/openapi.json", id="the description"),
    pytest.param("/", id="the page"),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"))


@pytest.mark.parametrize("path", READS)
def test_an_answer_carries_its_position_and_a_strong_etag(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 200
    assert answer.headers["x-gitreg-commit"] == api.registry.repo.tip()
    assert answer.headers["x-gitreg-seq"] == "6"
    assert answer.headers["etag"] == f'"{digest(answer.content)}"'
    assert answer.headers["cache-control"] == CACHE_CONTROL.decode()
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", READS)
def test_who_holds_the_body_gets_a_304_with_the_same_headers(api: Api, path: str) -> None:
    whole = api.get(path)
    again = api.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-length" not in again.headers
    for name in ("etag", "cache-control", "x-gitreg-commit", "x-gitreg-seq"):
        assert again.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", READS)
def test_head_is_get_without_its_body(api: Api, path: str) -> None:
    head, get = api.ask("HEAD", path), api.get(path)
    assert head.content == b""
    assert head.status_code == get.status_code
    assert head.headers == get.headers


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        pytest.param(b'"a"', True, id="the same"),
        pytest.param(b'W/"a"', True, id="the same, weak"),
        pytest.param(b"*", True, id="any"),
        pytest.param(b'"b", "a"', True, id="one of a list"),
        pytest.param(b'"b" , W/"a"', True, id="one of a list, weak"),
        pytest.param(b'"b,a"', False, id="a comma inside a tag"),
        pytest.param(b'"b"', False, id="another"),
        pytest.param(b"a", False, id="without quotes"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_if_none_match_is_compared_as_http_says(asked: bytes, held: bool) -> None:
    assert is_held(asked, b'"a"') is held


def test_both_lanes_give_the_same_answers_byte_for_byte(tmp_path: Path) -> None:
    api = api_on(Registry.open(demo_at(tmp_path / "demo")))
    facts = api.index.reader().search(Query(), limit=1000).items
    assert len({fact.kind for fact in facts}) > 10
    paths = [href_of(fact.kind, fact.ref) for fact in facts]
    named = [path.partition("@")[0] for path in paths if "@" in path]
    paths += named + [f"{path}@%5E1" for path in named] + [f"{path}@production" for path in named]
    paths += [f"{path}/history" for path in named[:5]] + [
        "/api/v1/models/no/such",
        "/api/v1/models/!",
        "/api/v1/models/",
    ]
    source = Source(api.index)
    slow = slow_lane(source)
    first = [raw(answer) for answer in ask_all(slow, paths)]
    fast = FastLane(slow, source)
    assert [raw(answer) for answer in ask_all(fast, paths)] == first
    assert [raw(answer) for answer in ask_all(fast, paths)] == first
    assert {status for status, _, _ in first} == {200, 400, 404}


def test_the_fast_lane_does_answer_by_itself(api: Api) -> None:
    async def nothing(*_: object) -> None:
        raise AssertionError("handed on")

    fast = FastLane(nothing, Source(api.index))
    paths = [CHAT, f"{CHAT}@^1", f"{CHAT}@production", "/api/v1/roles/reader"] * 2
    assert [answer.status_code for answer in ask_all(fast, paths)] == [200] * 8


def counted(app: ASGIApp, handed_on: list[str]) -> ASGIApp:
    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        handed_on.append(scope["path"] + "?" + scope["query_string"].decode())
        await app(scope, receive, send)

    return count


def test_a_list_is_made_once_while_the_index_stands(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    source = Source(api.index)
    handed_on: list[str] = []
    fast = FastLane(counted(slow_lane(source), handed_on), source)
    asked = "/api/v1/models?q=chat&limit=2"
    first, second = ask_all(fast, [asked, asked])
    assert raw(first) == raw(second)
    assert handed_on == [asked]
    commit(api.registry, 8, model("chat", "2.2.0"))
    api.index.catch_up()
    time.sleep(0.02)
    (third,) = ask_all(fast, [asked])
    assert len(handed_on) == 2
    assert third.json()["total"] == first.json()["total"] + 1


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("/api/v1/models?min_seq=1", id="min_seq"),
        pytest.param("/api/v1/models?min%5Fseq=1", id="min_seq escaped"),
        pytest.param("/api/v1/models?limit=0", id="a problem"),
        pytest.param("/readyz", id="what holds for a moment"),
        pytest.param(f"/api/v1/models?q={'x' * 4000}", id="a very long query"),
    ],
)
def test_what_must_be_asked_anew_is_not_kept(api: Api, asked: str) -> None:
    source = Source(api.index)
    handed_on: list[str] = []
    ask_all(FastLane(counted(slow_lane(source), handed_on), source), [asked, asked])
    assert len(handed_on) == 2


def test_what_the_fast_lane_keeps_is_bounded(api: Api) -> None:
    source = Source(api.index)
    few = FastLane(slow_lane(source), source, max_answers=2)
    small = FastLane(slow_lane(source), source, max_bytes=6000)
    paths = [f"{CHAT}@{version}" for version in ("1.0.0", "1.1.0", "2.0.0", "3.0.0-rc.1")]
    for lane in (few, small):
        assert [answer.status_code for answer in ask_all(lane, paths * 2)] == [200] * 8
        assert len(lane._answers) <= 2


def test_a_new_commit_is_answered_at_once_where_min_seq_asks_for_it(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))

    async def read(client: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        before = await client.get(CHAT)
        seq = commit(api.registry, 7, model("chat", "2.1.0"))
        api.index.catch_up()
        asked = await client.get(f"{CHAT}?min_seq={seq}")
        after = await client.get(CHAT)
        return before, asked, after

    before, asked, after = talk(api.app, read)
    assert before.json()["metadata"]["version"] == "2.0.0"
    assert raw(asked) == raw(after)
    assert after.json()["metadata"]["version"] == "2.1.0"
    assert after.headers["x-gitreg-seq"] == "7"


def test_a_record_that_a_commit_leaves_alone_keeps_its_etag(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    etag = api.get("/api/v1/models/acme/nlp/embed").headers["etag"]
    commit(api.registry, 7, model("chat", "2.1.0"))
    api.index.catch_up()
    again = api.get("/api/v1/models/acme/nlp/embed?min_seq=7", headers={"If-None-Match": etag})
    assert (again.status_code, again.headers["x-gitreg-seq"]) == (304, "7")


@pytest.mark.parametrize(
    ("cors", "origin", "allowed", "vary"),
    [
        pytest.param((), "https://a.example", None, None, id="off"),
        pytest.param(("*",), "https://a.example", "*", None, id="anybody"),
        pytest.param(("https://a.example",), "https://a.example", "https://a.example", "Origin", id="named"),
        pytest.param(("https://a.example/",), "https://b.example", None, "Origin", id="another than named"),
        pytest.param(("https://a.example",), None, None, "Origin", id="no origin"),
    ],
)
def test_other_origins_read_only_where_they_may(
    api: Api, cors: tuple[str, ...], origin: str | None, allowed: str | None, vary: str | None
) -> None:
    open_api = api_on(api.registry, cors=cors)
    headers = {} if origin is None else {"Origin": origin}
    for path in (CHAT, "/api/v1/models/no/such"):
        answer = open_api.get(path, headers=headers)
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert answer.headers.get("vary") == vary


def test_a_preflight_is_answered(api: Api) -> None:
    open_api = api_on(api.registry, cors=("*",))
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    answer = open_api.ask("OPTIONS", CHAT, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-headers"] == "If-None-Match"
