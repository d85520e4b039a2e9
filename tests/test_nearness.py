"""Searching by nearness as users meet it: over HTTP, on the command line, now and then, and while vectors are made."""

from __future__ import annotations

import asyncio
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest
from api_support import CHAT, Api, api_on, commit, model, refs, small_registry, talk
from cli_support import fine, run
from embeddings_server import Fault, embeddings_server
from index_support import Files, indexed
from index_support import commit as land
from index_support import model as file_of
from semantic_support import Counting

from gitreg.errors import ConflictError, GitregError, UsageError
from gitreg.refs import Ref
from gitreg_api.routes import NEAR_AT_ONCE
from gitreg_indexer import Index, Reader, nearness
from gitreg_indexer.lock import writing
from gitreg_indexer.nearness import VECTORS_LOCK, Filler, VectorsNotReadyError
from gitreg_indexer.searching import Asked
from gitreg_indexer.searching import run as search
from gitreg_indexer.semantic import EmbedderAwayError
from gitreg_indexer.semantic.embedders import Floats
from gitreg_indexer.watching import Watcher

FILES: Final[Files] = {
    **file_of("ticket-classifier", description="Sorts support tickets into queues.", tags=["support"]),
    **file_of("ticket-classifier", "2.0.0", description="Sorts support tickets into queues.", tags=["support"]),
    **file_of("ticket-router", description="Routes support tickets.", tags=["support"]),
    **file_of("speech", spec={"type": "audio-transcription"}, description="Writes down what is said."),
}
NEAR: Final = Asked(text="tiket clasifier", mode="semantic", kind="Model")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Index:
    _, index = indexed(tmp_path_factory.mktemp("filled"), FILES)
    nearness.catch_up(index)
    return index


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    made = api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"), patience=0.05)
    nearness.catch_up(made.index)
    return made


def found(reader: Reader, asked: Asked) -> list[str]:
    return [fact.ref.removeprefix("model:acme/") for fact in search(reader, asked).page.items]


@contextmanager
def filling(filler: Filler, ended: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=filler.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        filler.ring()
        thread.join(10)
        assert not thread.is_alive()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# Searching


def test_misspelt_words_in_another_order_find_what_is_meant(filled: Index) -> None:
    reader = filled.reader()
    assert found(reader, NEAR)[:2] == ["ticket-classifier@2.0.0", "ticket-classifier@1.0.0"]
    assert len(found(reader, NEAR)) == 4
    assert found(reader, replace(NEAR, text="speech support", mode="hybrid"))[0] == "speech@1.0.0"


def test_filters_and_facets_hold_in_each_mode(filled: Index) -> None:
    reader = filled.reader()
    for mode in ("semantic", "hybrid"):
        asked = replace(NEAR, mode=mode, filter="NOT version = 2.0.0 AND type = completion", facets=("name",), limit=1)
        result = search(reader, asked)
        assert (found(reader, asked), result.page.total) == (["ticket-classifier@1.0.0"], 2)
        assert result.beside_items()["facets"]["name"] == [
            {"value": "ticket-classifier", "count": 1},
            {"value": "ticket-router", "count": 1},
        ]


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("tickets -queues", {"ticket-router@1.0.0", "speech@1.0.0"}, id="an excluded word"),
        pytest.param("tickets -que*", {"ticket-router@1.0.0", "speech@1.0.0"}, id="an excluded beginning"),
        pytest.param('speech -"routes support"', {"ticket-classifier", "speech@1.0.0"}, id="an excluded phrase"),
        pytest.param('speech "routes support"', {"ticket-router@1.0.0"}, id="a phrase"),
        pytest.param('tickets "routes"', {"ticket-router@1.0.0", "ticket-classifier", "speech@1.0.0"}, id="a word"),
    ],
)
def test_what_is_excluded_and_phrases_hold_in_each_mode(filled: Index, mode: str, text: str, left: set[str]) -> None:
    told = found(filled.reader(), replace(NEAR, text=text, mode=mode))
    assert {ref.removesuffix("@1.0.0") if "classifier" in ref else ref for ref in told if "@2" not in ref} == left


def test_only_the_words_that_are_wanted_are_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Counting()
    monkeypatch.setattr("gitreg_indexer.semantic.embedders.configured", lambda _variables: embedder)
    _, index = indexed(tmp_path, FILES)
    nearness.catch_up(index)
    embedder.asked.clear()
    found(index.reader(), replace(NEAR, text='tickets -queues "routes support" -"no such"'))
    assert embedder.asked == ["tickets routes support"]


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_pages_go_on_while_the_index_moves(tmp_path: Path, mode: str) -> None:
    registry, index = indexed(tmp_path, FILES)
    nearness.catch_up(index)
    reader, asked = index.reader(), replace(NEAR, mode=mode)
    whole = found(reader, asked)
    walked: list[str] = []
    result = search(reader, replace(asked, limit=1))
    while True:
        walked += [fact.ref.removeprefix("model:acme/") for fact in result.page.items]
        if result.cursor is None:
            break
        land(registry.repo, file_of("tiket-clasifier", f"1.{len(walked)}.0"))
        index.catch_up()
        nearness.catch_up(index)
        result = search(reader, replace(asked, limit=1, cursor=result.cursor))
    assert walked == whole
    assert found(reader, asked)[0].startswith("tiket-clasifier")


@pytest.mark.parametrize(
    ("asked", "says", "mend"),
    [
        pytest.param(replace(NEAR, mode="hybrd"), "no mode 'hybrd'", "'hybrid'", id="a misspelt mode"),
        pytest.param(replace(NEAR, text=None), "there is none", "give a text", id="no text"),
        pytest.param(replace(NEAR, text="  "), "there is none", "give a text", id="a blank text"),
        pytest.param(replace(NEAR, text="-ticket"), "there is none", "give a text", id="only what is excluded"),
        pytest.param(replace(NEAR, sort="name"), "an order itself", "leave the sort out", id="a sort"),
    ],
)
def test_what_a_mode_cannot_be_asked_is_refused(filled: Index, asked: Asked, says: str, mend: str) -> None:
    with pytest.raises(UsageError) as refused:
        search(filled.reader(), asked)
    assert says in refused.value.says
    assert mend in refused.value.mend


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_behind_the_last_page_there_is_nothing(filled: Index, mode: str) -> None:
    for offset in (4, 1_000_000, 2**70):
        assert found(filled.reader(), replace(NEAR, mode=mode, offset=offset)) == []


def test_a_cursor_beyond_all_is_refused(filled: Index) -> None:
    here = filled.reader().position()
    told = [here.seq, here.commit, 2**63, NEAR.digest(here, 2**63)]
    with pytest.raises(UsageError, match="not a cursor"):
        search(filled.reader(), replace(NEAR, cursor=urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")))


def test_a_cursor_of_one_mode_is_none_of_another(filled: Index) -> None:
    cursor = search(filled.reader(), replace(NEAR, limit=1)).cursor
    with pytest.raises(UsageError, match="of another query"):
        search(filled.reader(), replace(NEAR, limit=1, mode="hybrid", cursor=cursor))


def test_where_it_is_switched_off_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_EMBEDDER", "none")
    _, index = indexed(tmp_path, FILES)
    nearness.catch_up(index)
    assert not (index.folder / "semantic").exists()
    with pytest.raises(UsageError, match="switched off"):
        search(index.reader(), NEAR)
    assert found(index.reader(), replace(NEAR, mode="lexical", text="speech")) == ["speech@1.0.0"]


# What is there when


def test_no_vectors_are_no_empty_answer(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, FILES)
    for ask in (lambda: search(index.reader(), NEAR), lambda: index.reader().similar(Ref.parse("acme/speech"))):
        with pytest.raises(VectorsNotReadyError, match="not been made yet"):
            ask()


def test_an_answer_is_of_what_engine_and_vectors_have_both_come_to(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, FILES)
    nearness.catch_up(index)
    before = search(index.reader(), NEAR)
    land(registry.repo, file_of("tiket-clasifier"))
    index.catch_up()
    behind = search(index.reader(), NEAR)
    assert (behind.page.position, behind.page.items) == (before.page.position, before.page.items)
    nearness.catch_up(index)
    assert found(index.reader(), NEAR)[0] == "tiket-clasifier@1.0.0"


def test_an_index_that_is_made_anew_embeds_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Counting()
    monkeypatch.setattr("gitreg_indexer.semantic.embedders.configured", lambda _variables: embedder)
    registry, index = indexed(tmp_path, FILES)
    nearness.catch_up(index)
    told = found(index.reader(), NEAR)
    index.close()
    embedded = len(embedder.asked)
    made = Index.emptied(registry)
    made.catch_up()
    with pytest.raises(VectorsNotReadyError):
        search(made.reader(), NEAR)
    nearness.catch_up(made)
    assert found(made.reader(), NEAR) == told
    assert set(embedder.asked[embedded:]) == {NEAR.text}


def test_one_process_fills_at_a_time(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, FILES)
    with writing(index.folder, VECTORS_LOCK), pytest.raises(ConflictError):
        nearness.catch_up(index)
    nearness.catch_up(index)
    with writing(index.folder, VECTORS_LOCK):
        nearness.catch_up(index)  # there is nothing to do


# Similar


def similar(reader: Reader, ref: str, **more: Any) -> list[tuple[str, float]]:
    items, _ = reader.similar(Ref.parse(ref), **more)
    return [(fact.ref.removeprefix("model:acme/"), score) for fact, score in items]


def test_the_similar_are_of_other_names_one_version_each(filled: Index) -> None:
    reader = filled.reader()
    told = similar(reader, "acme/ticket-router")
    assert [ref for ref, _ in told] == ["ticket-classifier@2.0.0", "speech@1.0.0"]
    assert told[0][1] > told[1][1]
    assert [ref for ref, _ in similar(reader, "acme/ticket-classifier@1.0.0")] == [
        "ticket-router@1.0.0",
        "speech@1.0.0",
    ]
    assert len(similar(reader, "acme/ticket-router", limit=1)) == 1


def test_the_similar_are_those_of_the_moment(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, FILES)
    land(registry.repo, file_of("ticket-router-live", description="Routes support tickets.", tags=["support"]))
    land(registry.repo, {"models/acme/ticket-classifier/2.0.0.yaml": None})
    index.catch_up()
    nearness.catch_up(index)
    reader = index.reader()
    assert [ref for ref, _ in similar(reader, "acme/ticket-router")][:2] == [
        "ticket-router-live@1.0.0",
        "ticket-classifier@1.0.0",
    ]
    assert [ref for ref, _ in similar(reader, "acme/ticket-router", at=2)] == [
        "ticket-classifier@2.0.0",
        "speech@1.0.0",
    ]
    with pytest.raises(GitregError, match="there is no model"):
        similar(reader, "acme/ticket-router-live", at=2)


# Filling while it is watched


def test_who_watches_fills_the_vectors_too(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, FILES)
    watcher = Watcher(index)
    watcher.start()
    try:
        land(registry.repo, file_of("tiket-clasifier"))

        def is_found() -> bool:
            try:
                return found(index.reader(), NEAR)[0] == "tiket-clasifier@1.0.0"
            except VectorsNotReadyError:
                return False

        until(is_found)
    finally:
        watcher.stop()


def test_an_embedder_that_fails_is_told_once_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Counting(fails_after=0)
    monkeypatch.setattr("gitreg_indexer.semantic.embedders.configured", lambda _variables: embedder)
    monkeypatch.setattr("gitreg_indexer.nearness._QUICK", 0.01)
    monkeypatch.setattr("gitreg_indexer.nearness._LONGEST", 0.01)
    _, index = indexed(tmp_path, FILES)
    told: list[str] = []
    ended = threading.Event()
    filler = Filler(index, ended, told.append)
    with filling(filler, ended):
        until(lambda: bool(told))
        assert told == ["semantic search cannot be brought up to date: the server is gone; wait"]
        assert found(index.reader(), replace(NEAR, mode="lexical", text="speech")) == ["speech@1.0.0"]
        embedder.fails_after = None
        until(lambda: len(told) == 2)
    assert told[1] == "semantic search is brought up to date again"
    assert found(index.reader(), NEAR)[0] == "ticket-classifier@2.0.0"


def test_where_it_is_switched_off_nothing_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_EMBEDDER", "none")
    _, index = indexed(tmp_path, FILES)
    Filler(index, threading.Event(), lambda _: None).run()


# Over HTTP


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/search"])
def test_every_list_takes_the_mode(api: Api, path: str) -> None:
    assert api.get(f"{path}?q=chta").json()["meant"]
    near = api.get(f"{path}?q=embd&mode=semantic&limit=1")
    assert refs(near) == ["model:acme/nlp/embed@1.0.0"]
    assert near.json()["cursor"] is not None
    assert refs(api.get(f"{path}?q=embd&mode=hybrid&limit=1&at=3")) == ["model:acme/nlp/embed@1.0.0"]
    assert api.get(f"{path}?q=chat&mode=lexical").content == api.get(f"{path}?q=chat&mode=").content


def test_similar_records_are_a_part_of_a_record(api: Api) -> None:
    answer = api.get(f"{CHAT}/similar")
    told = answer.json()
    assert list(told) == ["items", "scores", "commit", "seq"]
    assert refs(answer) == ["model:acme/nlp/embed@1.0.0"] == list(told["scores"])
    assert answer.headers["x-gitreg-seq"] == str(told["seq"]) == "6"
    assert refs(api.get(f"{CHAT}@1.0.0/similar?at=3&limit=1")) == ["model:acme/nlp/embed@1.0.0"]
    assert refs(api.get(f"{CHAT}/similar?filter=provider%20=%20mistral")) == []
    then = api.get(f"{CHAT}/similar?at=2")
    assert (then.status_code, then.headers["x-gitreg-seq"]) == (404, "2")


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        pytest.param("/api/v1/models?q=a&mode=semntic", 400, "no mode 'semntic'", id="a misspelt mode"),
        pytest.param("/api/v1/models?mode=semantic", 400, "there is none", id="no text"),
        pytest.param("/api/v1/models?q=a&mode=hybrid&sort=name", 400, "an order itself", id="a sort"),
        pytest.param(f"{CHAT}/similar?offset=1", 400, "no parameter `offset`", id="an offset"),
        pytest.param(f"{CHAT}/similar?filter=nme%20=%20x", 400, "no field 'nme'", id="a fault in the filter"),
        pytest.param("/api/v1/models/acme/nlp/chta/similar", 404, "there is no model", id="a misspelt name"),
        pytest.param("/api/v1/roles/reader/similar", 400, "", id="what has no versions"),
        pytest.param("/api/v1/models?q=a&mode=semantic&min_seq=7", 503, "seq 7", id="what has not come"),
    ],
)
def test_what_cannot_be_near_is_refused_with_a_mend(api: Api, asked: str, status: int, says: str) -> None:
    answer = api.get(asked)
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert answer.json()["mend"]


def test_vectors_that_are_not_made_yet_are_told_to_come(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    for asked in ("/api/v1/models?q=chat&mode=semantic", f"{CHAT}/similar"):
        answer = api.get(asked)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"] == "urn:gitreg:problem:not-ready"
    assert not caplog.records


def test_a_read_with_min_seq_waits_for_the_vectors(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"), patience=30)
    nearness.catch_up(api.index)
    commit(api.registry, 7, model("embd", "1.0.0"))
    api.index.catch_up()
    later = threading.Timer(0.2, nearness.catch_up, [api.index])
    later.start()
    answer = api.get("/api/v1/models?q=embd&mode=semantic&min_seq=7&limit=1")
    later.join()
    assert (refs(answer), answer.headers["x-gitreg-seq"]) == (["model:acme/nlp/embd@1.0.0"], "7")


def test_a_slow_embedder_holds_up_no_search_by_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Slow()
    monkeypatch.setattr("gitreg_indexer.semantic.embedders.configured", lambda _variables: embedder)
    api = api_on(small_registry(tmp_path / "registry"))
    nearness.catch_up(api.index)

    async def read(client: httpx.AsyncClient) -> list[int]:
        near = [asyncio.create_task(client.get(f"/api/v1/models?q=w{n}&mode=semantic")) for n in range(50)]
        while embedder.at_work < NEAR_AT_ONCE:
            await asyncio.sleep(0.01)
        by_words = await asyncio.wait_for(client.get("/api/v1/models?q=chat"), 20)
        assert not any(task.done() for task in near)
        embedder.goes_on.set()
        return [by_words.status_code, *(answer.status_code for answer in await asyncio.gather(*near))]

    assert talk(api.app, read) == [200] * 51
    assert embedder.most == NEAR_AT_ONCE


class Slow(Counting):
    """An embedder that waits to be told to go on, where it is asked at once."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.at_work = self.most = 0
        self._counting = threading.Lock()

    def embed_at_once(self, text: str) -> Floats:
        with self._counting:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        assert self.goes_on.wait(30)
        with self._counting:
            self.at_work -= 1
        return self.embed([text])


def test_an_embedder_that_is_left_alone_is_said_with_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(Counting):
        def embed_at_once(self, text: str) -> Floats:
            error = EmbedderAwayError(f"away from {text}", mend="wait")
            error.wait = 7
            raise error

    monkeypatch.setattr("gitreg_indexer.semantic.embedders.configured", lambda _variables: Away())
    api = api_on(small_registry(tmp_path / "registry"))
    nearness.catch_up(api.index)
    for mode in ("semantic", "hybrid"):
        answer = api.get(f"/api/v1/models?q=chat&mode={mode}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert answer.json()["type"] == "urn:gitreg:problem:not-ready"
        assert answer.json()["detail"] == "away from chat"
    assert api.get("/api/v1/models?q=chat").status_code == 200
    assert api.get(f"{CHAT}/similar").status_code == 200


# On the command line


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry = small_registry(tmp_path_factory.mktemp("cli") / "registry")
    return registry.repo.workdir or registry.repo.git_dir


def test_who_asks_for_nearness_makes_the_vectors(repo: Path) -> None:
    told = fine("search", "embd", "--mode", "semantic", "--limit", "1", "--repo", repo, "--json")
    assert refs_of(told) == ["model:acme/nlp/embed@1.0.0"]
    assert refs_of(fine("search", "embd", "--mode", "hybrid", "--at", "3", "--limit", "1", "--repo", repo, "--json"))
    assert run("search", "embd", "--mode", "semntic", "--repo", repo).code == 2


def refs_of(done: Any) -> list[str]:
    return [item["registry"]["ref"] for item in done.json["items"]]


def test_similar_tells_what_is_like_one(repo: Path) -> None:
    told = fine("similar", "acme/nlp/chat", "--repo", repo, "--json")
    assert list(told.json) == ["items", "scores", "commit", "seq"]
    assert refs_of(told) == ["model:acme/nlp/embed@1.0.0"]
    shown = fine("similar", "acme/nlp/chat", "--repo", repo).out.split("\t")
    assert shown[0] == "model:acme/nlp/embed@1.0.0"
    assert 0 < float(shown[3]) < 1
    assert fine("similar", "acme/nlp/chat", "--filter", "provider = mistral", "--repo", repo).out == ""
    assert run("similar", "acme/nlp/chat", "--at", "2", "--repo", repo).code == 1
    assert run("similar", "acme/nlp/chat", "--filter", "nme = x", "--repo", repo).code == 2


def test_index_makes_the_vectors_and_goes_on_where_the_embedder_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = small_registry(tmp_path / "registry")
    folder = registry.repo.workdir or registry.repo.git_dir
    with embeddings_server() as server:
        for name, value in (("EMBEDDER", "openai"), ("EMBEDDINGS_URL", server.url), ("EMBEDDINGS_MODEL", "small")):
            monkeypatch.setenv(f"GITREG_{name}", value)
        server.faults = [Fault(status=401)] * 2
        failed = fine("index", "--repo", folder)
        assert "semantic search is not up to date" in failed.err
        assert "records at commit" in failed.out
        server.faults = []
        assert fine("index", "--repo", folder).err == ""
        assert len(refs_of(fine("search", "embed", "--mode", "semantic", "--repo", folder, "--json"))) > 1
