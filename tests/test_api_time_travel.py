"""With `at`, every read answers what the registry said then: the same bytes as an index of that commit gives."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import current_thread
from typing import Any, Final

import httpx
import pytest
from api_support import CHAT, PROBLEM, Api, aliases, api_on, ask_all, commit, model, raw, refs, small_registry, talk
from index_support import commit as land

from gitreg.registry import Registry
from gitreg_api.answers import CACHE_CONTROL, FOR_AN_HOUR, FOR_EVER
from gitreg_api.app import create_app, slow_lane
from gitreg_api.hot import FastLane
from gitreg_api.source import Source
from gitreg_indexer import Index, Position, Reader

READS: Final = (
    "/api/v1",
    CHAT,
    f"{CHAT}@1.0.0",
    f"{CHAT}@%5E1",
    f"{CHAT}@production",
    f"{CHAT}@latest",
    f"{CHAT}/versions",
    f"{CHAT}/versions?limit=1&offset=1",
    f"{CHAT}/aliases",
    f"{CHAT}/history",
    f"{CHAT}@1.0.0/history",
    f"{CHAT}@1.0.0/history?field=status",
    "/api/v1/models",
    "/api/v1/models?limit=1&sort=-updatedAt&facets=tags,status",
    "/api/v1/models?q=talks&highlight=true",
    '/api/v1/models?filter=version : "^1" AND NOT status = "retired"',
    "/api/v1/namespaces",
    "/api/v1/search?q=chat&limit=2",
    "/api/v1/search?q=tlaks",
    "/api/v1/resolve?ref=acme/nlp/chat",
    "/api/v1/resolve?ref=acme/nlp/chat@stable",
    "/api/v1/quarantine",
)


def at(path: str, moment: object) -> str:
    return f"{path}{'&' if '?' in path else '?'}at={moment}"


def body(answer: httpx.Response) -> tuple[int, Any, str | None]:
    """Give what an answer says and what names its bytes."""
    return answer.status_code, answer.content, answer.headers.get("etag")


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[int, Any, str | None]]]:
    """What each read answers on an index of each commit, made when nothing later had landed."""
    whole = small_registry(tmp_path_factory.mktemp("whole") / "registry")
    oids = list(whole.repo.first_parents(whole.repo.tip() or ""))
    told = {}
    for seq, oid in enumerate(oids, start=1):
        registry = small_registry(tmp_path_factory.mktemp("then") / "registry")
        registry.repo.handle.references["refs/heads/main"].set_target(oid)
        told[seq] = [body(answer) for answer in ask_all(api_on(Registry.open(registry.repo.git_dir)).app, READS)]
    return told


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """The small registry, on which a seventh commit has landed, with a tag at its third commit."""
    registry = small_registry(tmp_path_factory.mktemp("api") / "registry")
    commit(registry, 6, model("chat", "4.0.0", tags=["new"]), aliases("chat", production="4.0.0"))
    oids = list(registry.repo.first_parents(registry.repo.tip() or ""))
    registry.repo.handle.references.create("refs/tags/v3", oids[2])
    return api_on(registry, patience=0.05)


def oid_of(api: Api, seq: int) -> str:
    return list(api.registry.repo.first_parents(api.registry.repo.tip() or ""))[seq - 1]


@pytest.mark.parametrize("seq", [1, 2, 3, 4, 5, 6])
def test_the_past_is_answered_byte_for_byte(api: Api, cold: dict[int, list[Any]], seq: int) -> None:
    for moment in (seq, oid_of(api, seq)):
        answers = ask_all(api.app, [at(path, moment) for path in READS])
        assert [body(answer) for answer in answers] == cold[seq]
        for answer in answers:
            assert answer.headers["x-gitreg-seq"] == str(seq)
            assert answer.headers["x-gitreg-commit"] == oid_of(api, seq)


def test_there_is_something_to_tell_of_each_commit(cold: dict[int, list[Any]]) -> None:
    assert len({str(told) for told in cold.values()}) == 6
    assert {status for status, _, _ in cold[6]} == {200}
    assert {status for status, _, _ in cold[1]} == {200, 404}


def test_without_it_the_present_is_answered(api: Api) -> None:
    for path in (CHAT, "/api/v1/models", "/api/v1", f"{CHAT}/aliases"):
        assert api.get(path).content == api.get(at(path, 7)).content
        assert api.get(at(path, "")).content == api.get(path).content


@pytest.mark.parametrize(
    ("moment", "seq"),
    [
        pytest.param("3", 3, id="a seq"),
        pytest.param("v3", 3, id="a tag"),
        pytest.param("main", 7, id="a branch"),
        pytest.param("refs/tags/v3", 3, id="a tag by its whole name"),
        pytest.param("2025-01-02", 7, id="a day, at its end"),
        pytest.param("2025-01-02T06:04:05Z", 4, id="the second of a commit"),
        pytest.param("2025-01-02T06:04:04Z", 3, id="the second before"),
        pytest.param("2025-01-02T08:04:04%2B02:00", 3, id="a time with a zone"),
        pytest.param("2025-01-02T08:04:04+02:00", 3, id="a time with a zone whose sign came as a blank"),
        pytest.param("2025-01-02t08:04:04.5%2002:00", 3, id="a time with a blank"),
        pytest.param("2999-12-31", 7, id="a day to come"),
    ],
)
def test_moments_are_named_in_many_ways(api: Api, moment: str, seq: int) -> None:
    for path in ("/api/v1/models", "/api/v1", "/api/v1/quarantine"):
        answer = api.get(at(path, moment))
        assert answer.headers["x-gitreg-seq"] == str(answer.json()["seq"]) == str(seq)


def test_the_beginning_of_an_id_will_do(api: Api) -> None:
    oid = oid_of(api, 4)
    start = next(oid[:length] for length in range(8, 40) if not oid[:length].isdigit())  # digits alone are a seq
    assert api.get(at(CHAT, start)).content == api.get(at(CHAT, oid)).content


@pytest.mark.parametrize(
    ("moment", "status", "code", "mend"),
    [
        pytest.param("0", 404, "not-found", "gitreg changes", id="a seq before the first"),
        pytest.param("2024-12-31", 404, "not-found", "gitreg changes", id="a day before all"),
        pytest.param("8", 503, "not-ready", "/readyz", id="a seq that has not come"),
        pytest.param("1000001", 503, "not-ready", "/readyz", id="a seq of seven digits that has not come"),
        pytest.param("1234567890", 400, "usage", "git log", id="digits that are no id"),
        pytest.param("deadbeef", 400, "usage", "git log", id="an id that is none"),
        pytest.param("yesterday", 400, "usage", "git log", id="a word"),
        pytest.param("main 02:00", 400, "usage", "a tag or a branch", id="a name with a blank"),
        pytest.param("2025-13-01", 400, "usage", "git log", id="no day of the calendar"),
        pytest.param(":/Register", 400, "usage", "a tag or a branch", id="a search through messages"),
        pytest.param("main~999999999", 400, "usage", "its seq or its id", id="a revision"),
        pytest.param("v3^", 400, "usage", "its seq or its id", id="a parent"),
        pytest.param("main@{1}", 400, "usage", "a tag or a branch", id="a reflog"),
        pytest.param("main:registry.yaml", 400, "usage", "a tag or a branch", id="a path"),
        pytest.param("HEAD", 400, "usage", "git log", id="what is neither a branch nor a tag"),
        pytest.param("refs/gitreg/hidden", 400, "usage", "git log", id="a ref that is neither"),
        pytest.param("0" * 40, 404, "not-found", "gitreg changes", id="a whole id that main never had"),
        pytest.param("x" * 201, 400, "usage", "a seq, a commit", id="a very long word"),
    ],
)
def test_what_is_no_moment_is_said_with_a_mend(api: Api, moment: str, status: int, code: str, mend: str) -> None:
    for path in (CHAT, f"{CHAT}/history", "/api/v1/models", "/api/v1/resolve?ref=acme/nlp/chat", "/api/v1"):
        answer = api.get(at(path, moment))
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
        said = answer.json()
        assert said["type"] == f"urn:gitreg:problem:{code}"
        assert mend in said["mend"]
        assert answer.headers["cache-control"] == "no-store"


def test_of_what_stands_beside_main_no_id_is_told(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    repo = api.registry.repo
    tip = repo.tip() or ""
    aside = land(repo, {"README.md": b"aside\n"})
    repo.handle.references["refs/heads/main"].set_target(tip)
    repo.handle.references.create("refs/heads/aside", aside)
    repo.handle.references.create("refs/gitreg/hidden", aside)
    for moment, status in (("aside", 404), ("refs/heads/aside", 404), (aside, 404), ("refs/gitreg/hidden", 400)):
        answer = api.get(at(CHAT, moment))
        assert answer.status_code == status
        assert moment == aside or aside[:7] not in answer.text


def test_a_moment_that_is_named_is_looked_for_beside_the_event_loop(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}
    told = Reader.moment

    def moment(reader: Reader, when: str) -> Position:
        asked.setdefault(when, current_thread().name)
        return told(reader, when)

    monkeypatch.setattr(Reader, "moment", moment)
    for when in ("3", "v3"):
        assert api.get(at(CHAT, when)).status_code == 200
    assert asked["v3"] != asked["3"]


def test_what_was_not_there_yet_is_said_of_that_moment(api: Api) -> None:
    answer = api.get(at(CHAT, 2))
    assert answer.status_code == 404
    assert (answer.headers["x-gitreg-seq"], answer.headers["x-gitreg-commit"]) == ("2", oid_of(api, 2))


def test_an_answer_says_how_long_it_holds(api: Api) -> None:
    held = {
        oid_of(api, 3): FOR_EVER,
        "3": FOR_AN_HOUR,
        **dict.fromkeys(("v3", "main", "2025-01-02", "2999-12-31", oid_of(api, 3)[:12]), CACHE_CONTROL),
    }
    for moment, cache_control in held.items():
        for path in READS[1:]:
            answer = api.get(at(path, moment))
            if answer.status_code == 200:
                assert answer.headers["cache-control"] == cache_control.decode(), (path, moment)


def test_a_page_behind_a_cursor_holds_for_ever(api: Api) -> None:
    first = api.get("/api/v1/models?limit=2")
    assert first.headers["cache-control"] == CACHE_CONTROL.decode()
    second = api.get(f"/api/v1/models?limit=2&cursor={first.json()['cursor']}")
    assert second.headers["cache-control"] == FOR_EVER.decode()


def test_an_answer_of_the_past_can_be_revalidated(api: Api) -> None:
    for path in ("/api/v1/models", CHAT, f"{CHAT}/history"):
        whole = api.get(at(path, 5))
        again = api.get(at(path, 5), headers={"If-None-Match": whole.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["x-gitreg-seq"] == "5"


def test_a_seq_that_is_on_its_way_is_waited_for(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"), patience=30)
    paths = [CHAT, f"{CHAT}/versions", "/api/v1/models", "/api/v1/search?q=chat", "/api/v1"]

    async def read(client: httpx.AsyncClient) -> list[httpx.Response]:
        waiting = [asyncio.create_task(client.get(at(path, 7))) for path in paths]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        commit(api.registry, 7, model("chat", "2.1.0"))
        await asyncio.to_thread(api.index.catch_up)
        return await asyncio.gather(*waiting)

    for answer in talk(api.app, read):
        assert (answer.status_code, answer.headers["x-gitreg-seq"]) == (200, "7")


def test_a_read_of_the_past_waits_for_min_seq_too(api: Api) -> None:
    assert api.get(f"{at(CHAT, 4)}&min_seq=7").headers["x-gitreg-seq"] == "4"
    assert api.get(f"{at('/api/v1/models', 4)}&min_seq=7").headers["x-gitreg-seq"] == "4"
    assert api.get(f"{at(CHAT, 4)}&min_seq=8").status_code == 503
    assert api.get(f"{at('/api/v1/models', 4)}&min_seq=8").status_code == 503


def test_not_indexed_yet_is_never_an_empty_past(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    app = create_app(Index.open(registry), follow=False, patience=0.05)
    for answer in ask_all(app, [at(path, moment) for path in READS for moment in ("1", "main", "2025-01-02")]):
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:gitreg:problem:not-ready"


def test_an_index_without_the_past_says_so(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    index = Index.emptied(registry, history="none")
    index.catch_up()
    app = create_app(index, follow=False)
    paths = [at(CHAT, 5), at("/api/v1/models", 5), f"{CHAT}@1.0.0/history", "/api/v1/changes?since=3"]
    for answer in ask_all(app, paths):
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:gitreg:problem:no-history"
        assert "--history full" in answer.json()["mend"]
    (now,) = ask_all(app, [at(CHAT, 6)])
    assert now.json()["metadata"]["version"] == "2.0.0"


def test_the_fast_lane_gives_what_the_other_lane_gives(api: Api) -> None:
    source = Source(api.index)
    slow = slow_lane(source)
    fast = FastLane(slow, source)
    paths = [at(path, moment) for path in READS for moment in ("2", "7", "v3", oid_of(api, 5), "nowhere")]
    first = [raw(answer) for answer in ask_all(slow, paths)]
    assert [raw(answer) for answer in ask_all(fast, paths)] == first
    assert [raw(answer) for answer in ask_all(fast, paths)] == first
    assert not any(b"at=" in asked for asked in fast._answers)


def test_a_tag_that_moves_while_the_index_stands_is_followed(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    handle = api.registry.repo.handle
    tag = handle.references.create("refs/tags/live", api.registry.repo.tip() or "")
    paths = [at(CHAT, "live"), at("/api/v1/models", "live"), at("/api/v1", "live")]
    assert [api.get(path).headers["x-gitreg-seq"] for path in paths * 2] == ["6"] * 6
    tag.set_target(oid_of(api, 3))
    assert [api.get(path).headers["x-gitreg-seq"] for path in paths] == ["3"] * 3


# The history of a field


def fields_of(answer: httpx.Response) -> list[tuple[int, list[str]]]:
    return [(item["seq"], [field["path"] for field in item["fields"]]) for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        pytest.param("status", [(6, ["spec.lifecycle.status"]), (3, ["spec.lifecycle.status"])], id="a short name"),
        pytest.param(
            "lifecycle",
            [(6, ["spec.lifecycle.reason", "spec.lifecycle.status"]), (3, ["spec.lifecycle.status"])],
            id="a part, with all below it",
        ),
        pytest.param(
            "metadata.description", [(6, ["metadata.description"]), (3, ["metadata.description"])], id="a path"
        ),
        pytest.param("provider", [(3, ["spec.provider"])], id="what never changed"),
        pytest.param("license", [], id="what was never stated"),
    ],
)
def test_the_history_of_a_field_has_only_what_changed_it(
    api: Api, field: str, told: list[tuple[int, list[str]]]
) -> None:
    answer = api.get(f"{CHAT}@1.0.0/history?field={field}")
    assert fields_of(answer) == told
    assert answer.json()["total"] == len(told)
    assert fields_of(api.get(f"{CHAT}@1.0.0/history?field={field}&at=5")) == [each for each in told if each[0] <= 5]


def test_a_field_that_there_is_not_is_refused(api: Api) -> None:
    for field, mend in (("statsu", "'status'"), ("dag", "Pipeline")):
        answer = api.get(f"{CHAT}@1.0.0/history?field={field}")
        assert answer.status_code == 400
        assert mend in answer.json()["mend"]
    assert api.get(f"{CHAT}/versions?field=status").status_code == 400


# The feed of changes


def test_changes_come_oldest_first_with_what_each_did(api: Api) -> None:
    answer = api.get("/api/v1/changes?since=3&limit=2").json()
    assert [item["seq"] for item in answer["items"]] == [4, 5]
    assert list(answer) == ["items", "next", "nextCommit", "commit", "seq"]
    assert (answer["next"], answer["nextCommit"], answer["seq"]) == (5, oid_of(api, 5), 7)
    assert api.get(f"/api/v1/changes?since={oid_of(api, 3)}&limit=2").json() == answer
    first = answer["items"][0]
    assert first["commit"] == oid_of(api, 4)
    assert first["author"] == "Example Author <author@example.com>"
    assert [(change["change"], change["ref"]) for change in first["changes"]] == [
        ("added", "model:acme/nlp/chat@1.1.0"),
        ("added", "model:acme/nlp/chat@2.0.0"),
    ]
    last = api.get("/api/v1/changes?since=6").json()
    assert [change["change"] for change in last["items"][0]["changes"]] == ["added", "changed"]


@pytest.mark.parametrize("place", ["next", "nextCommit"])
def test_who_follows_the_feed_sees_every_commit_once(tmp_path: Path, place: str) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    seen: list[int] = []
    following = 0
    for number in range(8):
        answer = api.get(f"/api/v1/changes?since={following}&limit=3").json()
        seen += [item["seq"] for item in answer["items"]]
        following = answer[place]
        if number < 3:
            commit(api.registry, 7 + number, model("chat", f"5.{number}.0"))
            api.index.catch_up()
    assert seen == list(range(1, 10))
    end = api.get(f"/api/v1/changes?since={following}").json()
    assert (end["items"], end["next"], end["nextCommit"], end["seq"]) == ([], 9, end["commit"], 9)


def test_what_main_has_and_the_index_has_not_yet_is_waited_for(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"), patience=0.05)
    commit(api.registry, 7, model("more", "1.0.0"))
    tip = api.registry.repo.tip()
    for since, named in ((7, "seq 7"), (tip, f"commit {(tip or '')[:12]}")):
        answer = api.get(f"/api/v1/changes?since={since}")
        assert (answer.status_code, answer.json()["expected"]) == (503, named)
    api.index.catch_up()
    assert [api.get(f"/api/v1/changes?since={since}").json()["next"] for since in (7, tip)] == [7, 7]


def test_what_main_has_not_come_to_is_told_at_once(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"), patience=30.0)
    for since, says in ((7, "main has not come to seq 7"), ("f" * 40, f"main does not have commit {'f' * 12}")):
        answer = api.get(f"/api/v1/changes?since={since}")
        assert (answer.status_code, answer.json()["type"]) == (410, "urn:gitreg:problem:since-gone")
        assert (answer.json()["detail"], answer.json()["got"]) == (says, str(since))
        assert "begin anew, since 0" in answer.json()["mend"]


def test_the_feed_tells_of_a_commit_that_was_not_kept(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    Index.having(registry, history="none").catch_up()
    api = api_on(registry)
    answer = api.get(f"/api/v1/changes?since={registry.repo.resolve('main~2')}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:gitreg:problem:no-history")
    assert api.get(f"/api/v1/changes?since={registry.repo.tip()}").json()["items"] == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param("since=-1", "`since`", id="a negative seq"),
        pytest.param("since=x", "`since`", id="a seq in words"),
        pytest.param("since=0123abc", "`since`", id="the beginning of an id"),
        pytest.param(f"since={'F' * 40}", "`since`", id="an id in capitals"),
        pytest.param("since=main", "`since`", id="a branch"),
        pytest.param("limit=0", "`limit`", id="no commits"),
        pytest.param("at=3", "no parameter `at`", id="a moment"),
    ],
)
def test_the_feed_refuses_what_it_does_not_take(api: Api, asked: str, says: str) -> None:
    answer = api.get(f"/api/v1/changes?{asked}")
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_quarantined_files_are_listed_as_of_then(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    repo = api.registry.repo
    land(repo, {"models/acme/nlp/chat/9.0.0.yaml": b"kind: ["})
    land(repo, {"models/acme/nlp/chat/9.0.0.yaml": None})
    api.index.catch_up()
    assert [api.get(f"/api/v1/quarantine?at={seq}").json()["total"] for seq in (6, 7, 8)] == [0, 1, 0]
    assert [api.get(f"/api/v1?at={seq}").json()["quarantined"] for seq in (6, 7, 8)] == [0, 1, 0]
    unreadable = api.get(f"{CHAT}@9.0.0?at=7")
    assert (unreadable.status_code, unreadable.headers["x-gitreg-seq"]) == (422, "7")
    assert refs(api.get(f"{CHAT}/versions?at=7")) == refs(api.get(f"{CHAT}/versions?at=6"))
    changes = api.get("/api/v1/changes?since=6").json()["items"]
    assert [item["changes"][0]["change"] for item in changes] == ["quarantined", "removed"]
