"""The graph over HTTP: lineage, ways, loose ends, differences, circles, impact, and the parts of pipelines."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest
from api_graph_support import DIFF, IMPACT, LAST, TRIAGE, TUNED, WAYS, at, dataset, graph_registry, model
from api_support import Api, api_on, ask_all, commit, digest, raw, talk

from gitreg.pipelines.locking import read_lock
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg_api import graph
from gitreg_api import pipelines as pipeline_answers
from gitreg_api.answers import CACHE_CONTROL, FOR_AN_HOUR, FOR_EVER
from gitreg_api.app import create_app, slow_lane
from gitreg_api.hot import FastLane
from gitreg_api.source import Source
from gitreg_indexer import Index
from gitreg_indexer.graph.answers import asked_of, lineage_at
from gitreg_indexer.graph.data import lineage_data
from gitreg_indexer.graph.impact_data import analyse, analysis_data
from gitreg_indexer.pipelines import dag_of, matrix_of

CHECK: Final = "/api/v1/graph/check?from=acme/base@2.0.0&to=acme/tuned@^2"
READS: Final = (
    TUNED,
    f"{TUNED}?direction=up&depth=1",
    f"{TUNED}@1.0.0?relation=derived_from&reading=admitted",
    f"{TUNED}?kind=dataset,models",
    f"{TUNED}?limit=2",
    *(f"{TUNED}?format={form}" for form in ("mermaid", "dot", "svg", "text")),
    "/api/v1/lineage/dataset:acme%2Fclean@%5E1",
    "/api/v1/lineage/pipeline:acme/triage",
    WAYS,
    "/api/v1/graph/path?from=acme/base&to=pipeline:acme/triage&all=true&reading=admitted",
    "/api/v1/graph/path?from=pipeline:acme/triage&to=acme/tuned",
    *(f"{WAYS}&format={form}" for form in ("mermaid", "dot", "svg", "text")),
    "/api/v1/graph/orphans",
    "/api/v1/graph/orphans?kind=dataset&limit=1",
    CHECK,
    IMPACT,
    f"{IMPACT}?change=retire&plan=true&depth=1",
    f"{TRIAGE}/dag",
    *(f"{TRIAGE}/dag?format={form}" for form in ("mermaid", "dot", "svg")),
    f"{TRIAGE}@1.0.0/lock",
    f"{TRIAGE}/matrix",
    f"{TRIAGE}/matrix?model=acme/tuned",
)
SEQS: Final = (2, 4, 7, LAST)


def body(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    """Give what an answer says and what names its bytes."""
    return answer.status_code, answer.content, answer.headers.get("etag")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(graph_registry(tmp_path_factory.mktemp("api") / "registry"), patience=0.05)


def oid_of(api: Api, seq: int) -> str:
    return list(api.registry.repo.first_parents(api.registry.repo.tip() or ""))[seq - 1]


# What every answer carries


@pytest.mark.parametrize("path", [*READS, DIFF])
def test_an_answer_carries_its_position_and_can_be_revalidated(api: Api, path: str) -> None:
    moment = path if path == DIFF else at(path, 7)
    for asked, seq in ((moment, "8" if path == DIFF else "7"), (path, "8")):
        answer = api.get(asked)
        if answer.status_code == 404:
            assert "lock" in path, answer.text
            continue
        assert answer.status_code == 200, answer.text
        assert (answer.headers["x-gitreg-seq"], answer.headers["x-gitreg-commit"]) == (seq, oid_of(api, int(seq)))
        assert answer.headers["etag"] == f'"{digest(answer.content)}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = api.get(asked, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content, again.headers["x-gitreg-seq"]) == (304, b"", seq)
        head = api.ask("HEAD", asked)
        assert (head.content, head.headers) == (b"", answer.headers)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[int, bytes, str | None]]]:
    """What each read answers on an index of each commit, made when nothing later had landed."""
    told = {}
    for seq in SEQS:
        registry = graph_registry(tmp_path_factory.mktemp("then") / "registry")
        oid = list(registry.repo.first_parents(registry.repo.tip() or ""))[seq - 1]
        registry.repo.handle.references["refs/heads/main"].set_target(oid)
        api = api_on(Registry.open(registry.repo.git_dir))
        told[seq] = [body(answer) for answer in ask_all(api.app, READS)]
    return told


_LINK_OF_THEN = re.compile(rb"(/api/v1/[^\"?]+)\?at=\d+")


@pytest.mark.parametrize("seq", SEQS)
def test_the_past_is_answered_as_an_index_of_then_does(api: Api, cold: dict[int, list[Any]], seq: int) -> None:
    for moment in (seq, oid_of(api, seq)):
        for path, then in zip(READS, cold[seq], strict=True):
            answer = api.get(at(path, moment))
            status, told, _ = then
            assert answer.status_code == status, path
            if status == 200:
                assert _LINK_OF_THEN.sub(rb"\1", answer.content) == told, path
                assert answer.headers["x-gitreg-commit"] == oid_of(api, seq)


def test_there_is_something_to_tell_of_each_commit(cold: dict[int, list[Any]]) -> None:
    assert len({str(told) for told in cold.values()}) == len(SEQS)
    assert {status for status, _, _ in cold[7]} == {200}


def test_both_lanes_give_the_same_answers(api: Api) -> None:
    source = Source(api.index, patience=0.05)
    slow = slow_lane(source)
    fast = FastLane(slow, source)
    paths = [*READS, DIFF, *(at(path, 5) for path in READS), f"{TUNED}?depth=0", "/api/v1/lineage/acme/nobody"]
    first = [raw(answer) for answer in ask_all(slow, paths)]
    assert [raw(answer) for answer in ask_all(fast, paths)] == first
    assert [raw(answer) for answer in ask_all(fast, paths)] == first
    assert any(b"lineage" in asked for asked in fast._answers)


def test_an_answer_says_how_long_it_holds(api: Api) -> None:
    held = {oid_of(api, 7): FOR_EVER, "7": FOR_AN_HOUR, "main": CACHE_CONTROL, "2025-01-02": CACHE_CONTROL}
    for moment, cache_control in held.items():
        for path in READS:
            answer = api.get(at(path, moment))
            if answer.status_code == 200:
                assert answer.headers["cache-control"] == cache_control.decode(), (path, moment)


@pytest.mark.parametrize(
    ("asked", "cache_control"),
    [
        pytest.param("from={4}&to={6}", FOR_EVER, id="two commits"),
        pytest.param("from=4&to={6}", FOR_AN_HOUR, id="a seq and a commit"),
        pytest.param("from={4}&to=6", FOR_AN_HOUR, id="a commit and a seq"),
        pytest.param("from={4}", CACHE_CONTROL, id="a commit and now"),
        pytest.param("from={4}&to=main", CACHE_CONTROL, id="a commit and a branch"),
    ],
)
def test_a_difference_holds_as_long_as_both_of_its_moments(api: Api, asked: str, cache_control: bytes) -> None:
    named = re.sub(r"\{(\d)\}", lambda seq: oid_of(api, int(seq.group(1))), asked)
    answer = api.get(f"/api/v1/graph/diff?{named}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, cache_control.decode())


def test_a_seq_that_is_on_its_way_is_waited_for(tmp_path: Path) -> None:
    api = api_on(graph_registry(tmp_path / "registry"), patience=30)
    paths = [
        at(TUNED, 9),
        f"{TUNED}?min_seq=9",
        f"{DIFF}&to=9",
        "/api/v1/graph/orphans?cursor=9:records:",
        f"{IMPACT}?at=9",
    ]

    async def read(client: httpx.AsyncClient) -> list[httpx.Response]:
        waiting = [asyncio.create_task(client.get(path)) for path in paths]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        commit(api.registry, 9, dataset("raw", "2.0.0"))
        await asyncio.to_thread(api.index.catch_up)
        return await asyncio.gather(*waiting)

    for answer in talk(api.app, read):
        assert (answer.status_code, answer.headers["x-gitreg-seq"]) == (200, "9"), answer.text


def test_what_is_not_there_is_said_only_of_a_state_that_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record lands after it was looked for in vain, and before that is said: it is looked for again."""
    api = api_on(graph_registry(tmp_path / "registry"))

    def moving(*words: Any) -> Any:
        if api.registry.repo.seq(api.registry.repo.tip() or "") == LAST:
            commit(api.registry, 9, model("late", "1.0.0"))
            try:
                return lineage_at(*words).__enter__()
            finally:
                api.index.catch_up()
        return lineage_at(*words)

    monkeypatch.setattr(graph, "lineage_at", moving)
    answer = api.get("/api/v1/lineage/acme/late")
    assert (answer.status_code, answer.headers["x-gitreg-seq"]) == (200, "9")


def test_what_does_not_come_is_not_waited_for_for_ever(api: Api) -> None:
    for path in (at(TUNED, 9), f"{WAYS}&min_seq=9", f"{DIFF}&to=9", "/api/v1/graph/diff?from=9", f"{TRIAGE}/dag?at=9"):
        answer = api.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_not_indexed_yet_is_never_an_empty_graph(tmp_path: Path) -> None:
    app = create_app(Index.open(graph_registry(tmp_path / "registry")), follow=False, patience=0.05)
    for answer in ask_all(app, [*READS, DIFF]):
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:gitreg:problem:not-ready")


# What is answered


def test_lineage_is_that_of_the_library(api: Api) -> None:
    asked = asked_of(direction="up", depth=2, kinds=["model"])
    with lineage_at(api.index.reader(), "acme/tuned", asked, "6") as (state, found):
        told = lineage_data(state.state, found, asked, state.position)
    assert api.get(f"{TUNED}?direction=up&depth=2&kind=model&at=6").json() == told
    assert [node["id"] for node in told["nodes"]] == ["model:acme/tuned@2.0.0", "model:acme/base@1.1.0"]


def test_lineage_beyond_the_limit_is_cut_and_says_so(api: Api) -> None:
    told = api.get(f"{TUNED}?limit=2").json()
    assert (len(told["nodes"]), told["metadata"]["isCut"]) == (2, True)
    assert api.get(TUNED).json()["metadata"]["isCut"] is False


def test_ways_lead_down_or_up_or_nowhere(api: Api) -> None:
    told = api.get(WAYS).json()
    assert (told["direction"], told["paths"]) == ("down", [["dataset:acme/clean@1.0.0", "model:acme/tuned@2.0.0"]])
    assert api.get("/api/v1/graph/path?from=acme/tuned&to=acme/base@1.1.0").json()["direction"] == "up"
    none = "/api/v1/graph/path?from=acme/base@1.0.0&to=dataset:acme/clean"
    assert (api.get(none).json()["direction"], api.get(none).json()["paths"]) == (None, [])
    assert "no way leads from model:acme/base@1.0.0" in api.get(f"{none}&format=text").text


def test_all_ways_are_given_up_to_a_limit(api: Api) -> None:
    asked = "/api/v1/graph/path?from=acme/base&to=pipeline:acme/triage@1.0.0&reading=admitted&at=5"
    assert len(api.get(f"{asked}&all=true").json()["paths"]) == 1
    wide = "/api/v1/graph/path?from=dataset:acme/clean&to=pipeline:acme/dag&all=true&reading=admitted"
    told = api.get(f"{wide}&limit=1").json()
    assert len(told["paths"]) == 1


def test_loose_ends_are_gone_through_as_of_one_commit(tmp_path: Path) -> None:
    api = api_on(graph_registry(tmp_path / "registry"))
    whole = api.get("/api/v1/graph/orphans").json()
    assert whole["cursor"] is None
    assert [each["constraint"] for each in whole["dangling"]] == ["dataset:acme/raw@^1"]
    assert "model:acme/base@1.0.0" not in [each["ref"] for each in whole["orphans"]]
    page = api.get("/api/v1/graph/orphans?limit=1").json()
    found = list(page["orphans"]), list(page["dangling"])
    commit(api.registry, 9, dataset("raw", "1.2.0"), model("aside", "1.0.0"))
    api.index.catch_up()
    while page["cursor"]:
        answer = api.get(f"/api/v1/graph/orphans?limit=1&cursor={page['cursor']}")
        assert (answer.headers["x-gitreg-seq"], answer.headers["cache-control"]) == ("8", FOR_AN_HOUR.decode())
        page = answer.json()
        found = found[0] + page["orphans"], found[1] + page["dangling"]
    assert found == (whole["orphans"], whole["dangling"])
    assert api.get("/api/v1/graph/orphans").json()["dangling"] == []


def test_what_differs_between_two_moments_is_told(api: Api) -> None:
    told = api.get("/api/v1/graph/diff?from=4&to=5").json()
    assert (told["from"]["seq"], told["to"]["seq"]) == (4, 5)
    assert told["records"] == {"added": ["model:acme/base@1.1.0"], "removed": [], "entered": [], "left": []}
    assert (told["from"]["root"], told["references"]["entered"]) == (None, [])
    (moved,) = told["references"]["moved"]
    assert (moved["before"], moved["after"]) == ("model:acme/base@1.0.0", "model:acme/base@1.1.0")
    zoned = api.get("/api/v1/graph/diff?from=2999-01-01T00:00:00+02:00&to=2999-01-01T00:00:00 02:00")
    assert zoned.json()["records"] == {"added": [], "removed": [], "entered": [], "left": []}
    for no_time in ("2026-06-30 10:00", "main 02:00"):
        assert no_time in api.get(f"/api/v1/graph/diff?from={no_time}").json()["detail"]
    of_one = api.get("/api/v1/graph/diff?from=4&to=7&ref=acme/base&relation=derived_from").json()
    assert "model:acme/tuned@2.0.0" in of_one["records"]["added"]
    assert (of_one["from"]["root"], of_one["to"]["root"]) == ("model:acme/base@1.0.0", "model:acme/base@1.1.0")
    assert api.get("/api/v1/graph/diff?from=4&ref=acme/nobody").status_code == 404


def test_a_circle_is_foretold(api: Api) -> None:
    told = api.get(CHECK).json()
    assert (told["from"], told["closesCircle"]) == ("model:acme/base@2.0.0", False)
    closing = api.get("/api/v1/graph/check?from=acme/base@1.1.0&to=acme/tuned@^2").json()
    assert (closing["closesCircle"], closing["circle"][0]) == (True, "model:acme/base@1.1.0")
    assert api.get("/api/v1/graph/check?from=acme/nobody@^1&to=acme/tuned").status_code == 404


def test_impact_is_that_of_the_library(api: Api) -> None:
    told = analysis_data(analyse(api.index.reader(), "acme/base@1.1.0", change="retire", plan=True))
    answer = api.get(f"{IMPACT}?change=retire&plan=true").json()
    assert answer == {**orjson.loads(orjson.dumps(told)), "isCut": False}
    assert {each["ref"] for each in answer["impacted"]} >= {"model:acme/tuned@2.0.0", "pipeline:acme/triage@2.0.0"}


def test_a_long_list_of_impacted_is_cut_and_its_summary_is_whole(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = api.get(IMPACT).json()
    monkeypatch.setattr(graph, "MOST_IMPACTED", 1)
    cut = api.get(f"{IMPACT}?at=8").json()
    assert (len(cut["impacted"]), cut["isCut"], cut["summary"]) == (1, True, whole["summary"])
    refused = api.get(f"{IMPACT}?plan=true")
    assert (refused.status_code, "leave the plan out" in refused.json()["mend"]) == (400, True)


def test_what_impact_refuses_and_recommends_is_said_without_words_of_the_command_line(api: Api) -> None:
    refused = api.get(f"{IMPACT}?to=1.1.0")
    assert (refused.status_code, refused.json()["got"]) == (400, "1.1.0")
    for query in ("", "?plan=true", "?change=retire&plan=true"):
        assert "--" not in api.get(f"{IMPACT}{query}").text


def test_the_parts_of_a_pipeline_are_those_of_the_library(api: Api) -> None:
    reader, ref = api.index.reader(), Ref.parse("pipeline:acme/triage")
    assert api.get(f"{TRIAGE}/dag").json() == orjson.loads(orjson.dumps(dag_of(reader, ref)))
    assert api.get(f"{TRIAGE}/matrix").json() == orjson.loads(orjson.dumps(matrix_of(reader, ref)))
    lock = read_lock(api.get(f"{TRIAGE}/lock?at=7").content, "triage.lock.json")
    assert (lock.pipeline, lock.seq, lock.commit) == ("pipeline:acme/triage@2.0.0", 7, oid_of(api, 7))
    missing = api.get(f"{TRIAGE}/lock")
    assert (missing.status_code, "dataset:acme/raw@^1" in missing.json()["got"]) == (404, True)


def test_a_pipeline_may_have_the_name_of_a_part(api: Api) -> None:
    for path in ("/api/v1/pipelines/acme/dag", "/api/v1/pipelines/acme/dag?format=svg&at=8"):
        assert api.get(path).json()["metadata"]["name"] == "dag"
    assert api.get("/api/v1/pipelines/acme/dag/dag").json()["ref"] == "pipeline:acme/dag@1.0.0"


def test_only_pipelines_have_those_parts(api: Api) -> None:
    for part in ("dag", "lock", "matrix"):
        assert api.get(f"/api/v1/models/acme/tuned/{part}").status_code == 404


def test_a_matrix_of_too_many_versions_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_answers, "MOST_VERSIONS", 1)
    answer = api.get(f"{TRIAGE}/matrix?at=7")
    assert (answer.status_code, "gitreg pipeline matrix" in answer.json()["mend"]) == (400, True)


# Forms


@pytest.mark.parametrize(
    ("form", "content_type", "begins"),
    [
        pytest.param("json", "application/json", b"{", id="json"),
        pytest.param("mermaid", "text/vnd.mermaid; charset=utf-8", b"---\ntitle:", id="mermaid"),
        pytest.param("dot", "text/vnd.graphviz; charset=utf-8", b"digraph", id="dot"),
        pytest.param("svg", "image/svg+xml; charset=utf-8", b"<svg ", id="svg"),
        pytest.param("text", "text/plain; charset=utf-8", b"", id="text"),
    ],
)
def test_each_form_has_its_type(api: Api, form: str, content_type: str, begins: bytes) -> None:
    for path in (TUNED, WAYS, f"{TRIAGE}/dag"):
        if (path, form) == (f"{TRIAGE}/dag", "text"):
            continue
        answer = api.get(f"{path}{'&' if '?' in path else '?'}format={form}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
        assert answer.content.startswith(begins)
        assert ("content-security-policy" in answer.headers) is (form == "svg")


@pytest.mark.parametrize("path", [f"{TUNED}?format=svg", f"{WAYS}&format=svg", f"{TRIAGE}/dag?format=svg"])
def test_a_picture_may_do_nothing_but_show_itself(api: Api, path: str) -> None:
    answer = api.get(path)
    (style,) = re.findall(rb"<style>(.*?)</style>", answer.content)
    named = b64encode(sha256(style).digest()).decode()
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{named}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox"
    )
    assert b"style=" not in answer.content
    again = api.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.headers["content-security-policy"] == answer.headers["content-security-policy"]


@pytest.mark.parametrize("moment", ["", "at=5", "at=main"])
def test_boxes_lead_to_records_that_are_there(api: Api, moment: str) -> None:
    drawn_of = [
        api.get(f"{TUNED}?format=svg&{moment}"),
        api.get(f"{WAYS}&format=svg&{moment}"),
        api.get(f"{TRIAGE}/dag?format=svg&{moment}"),
    ]
    for answer in drawn_of:
        links = [unescape(link) for link in re.findall(r'<a href="([^"]*)"', answer.text)]
        assert links
        for link in links:
            found = api.get(link)
            assert (found.status_code, found.headers["x-gitreg-seq"]) == (200, answer.headers["x-gitreg-seq"]), link


def test_what_is_not_there_is_drawn_without_a_link(api: Api) -> None:
    text = api.get("/api/v1/lineage/dataset:acme/clean?format=svg").text
    assert "not there" in text
    assert "/api/v1/datasets/acme/raw" not in text


def test_the_page_offers_lineage_and_impact(api: Api) -> None:
    answer = api.get("/")
    assert "img-src 'self'" in answer.headers["content-security-policy"]
    assert 'address("lineage", ref, { format: "svg", depth: 3 })' in answer.text
    assert 'address("impact", ref, {})' in answer.text
