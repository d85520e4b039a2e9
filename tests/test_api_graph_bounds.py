"""What the graph over HTTP refuses, and what one question may cost at most."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from api_graph_support import DIFF, IMPACT, TRIAGE, TUNED, WAYS, at, graph_registry, model
from api_support import PROBLEM, Api, api_on, commit, talk

from gitreg_api import drawn, endpoints, graph
from gitreg_indexer import reader as reader_module
from gitreg_indexer.graph import ways
from gitreg_indexer.graph.answers import asked_of, lineage_at

OTHERS: Final = ("/api/v1/models/acme/tuned?min_seq=1", "/api/v1/models?q=tuned", "/api/v1/models/acme/tuned/history")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(graph_registry(tmp_path_factory.mktemp("api") / "registry"), patience=0.05)


@pytest.mark.parametrize(
    ("path", "detail", "mend"),
    [
        pytest.param(f"{TUNED}?dept=1", "no parameter `dept`", "`depth`", id="a misspelt parameter"),
        pytest.param(f"{TUNED}?depth=1&depth=2", "given 2 times", "give it once", id="a depth given twice"),
        pytest.param(f"{TUNED}?depth=0", "`depth` is '0'", "from 1 to 10000", id="no depth"),
        pytest.param(f"{TUNED}?depth=-1", "`depth`", "from 1 to 10000", id="a negative depth"),
        pytest.param(f"{TUNED}?depth=10001", "`depth`", "from 1 to 10000", id="a depth beyond all"),
        pytest.param(f"{TUNED}?depth=%D9%A3", "`depth`", "from 1 to 10000", id="a depth in other digits"),
        pytest.param(f"{TUNED}?limit=10001", "`limit`", "from 1 to 10000", id="too many records"),
        pytest.param(f"{TUNED}?limit=0", "`limit`", "from 1 to 10000", id="no records"),
        pytest.param(f"{TUNED}?limit=2001&format=svg", "at most 2000", "format=json", id="too many for a picture"),
        pytest.param(f"{TUNED}?limit=2001&format=dot", "at most 2000", "format=json", id="too many for a digraph"),
        pytest.param(f"{TUNED}?format=png", "'png' is no format", "formats", id="a form that there is not"),
        pytest.param(f"{TUNED}?format=SVG", "'SVG' is no format", "formats", id="a form in capitals"),
        pytest.param(f"{TUNED}?direction=dwon", "'dwon' is no direction", "down", id="a misspelt direction"),
        pytest.param(f"{TUNED}?relation=derived-form", "no relation", "derived_from", id="a misspelt relation"),
        pytest.param(f"{TUNED}?relation=uses,x", "'x' is no relation", "relations", id="one wrong relation of two"),
        pytest.param(f"{TUNED}?kind=modle", "no kind 'modle'", "'model'", id="a misspelt kind"),
        pytest.param(f"{TUNED}?reading=admits", "no reading", "admitted", id="a misspelt reading"),
        pytest.param("/api/v1/lineage/tuned", "not a ref", "acme/", id="a name without a namespace"),
        pytest.param("/api/v1/lineage/modle:acme/tuned", "no kind", "model", id="a ref of no kind"),
        pytest.param(f"{TUNED}@", "it is empty", "after '@'", id="an empty selector"),
        pytest.param(f"{TUNED}@^^1", "neither a version", "after '@'", id="a range that is none"),
        pytest.param("/api/v1/graph/path?to=acme/tuned", "`from` is missing", "?from=", id="no beginning"),
        pytest.param("/api/v1/graph/path?from=acme/tuned", "`to` is missing", "?to=", id="no end"),
        pytest.param(f"{WAYS}&limit=101", "`limit`", "from 1 to 100", id="too many ways"),
        pytest.param(f"{WAYS}&all=yes", "`all`", "true or false", id="neither all nor one"),
        pytest.param(f"{WAYS}&depth=2", "no parameter `depth`", "at, from, to", id="a depth of ways"),
        pytest.param(f"{WAYS}x y", "not a", "lower case", id="an end that is no ref"),
        pytest.param("/api/v1/graph/orphans?limit=1001", "`limit`", "from 1 to 1000", id="too many loose ends"),
        pytest.param("/api/v1/graph/diff", "`from` is missing", "?from=", id="no first moment"),
        pytest.param("/api/v1/graph/diff?from=", "`from`", "a seq, a commit", id="an empty first moment"),
        pytest.param("/api/v1/graph/diff?from=yesterday", "yesterday", "git log", id="a moment that is none"),
        pytest.param("/api/v1/graph/diff?from=4&to=main~2", "main~2", "its seq", id="a revision"),
        pytest.param("/api/v1/graph/diff?from=4&at=5", "no parameter `at`", "takes min_seq, from", id="a third moment"),
        pytest.param(f"{IMPACT}?change=brake", "no change 'brake'", "break it", id="a misspelt change"),
        pytest.param(f"{IMPACT}?plan=1&to=dataset:acme/clean", "take the place", "kind", id="another kind to move to"),
        pytest.param("/api/v1/lineage/", "'' is not a ref", "acme/", id="no ref"),
        pytest.param(f"{TRIAGE}/dag?format=text", "'text' is no format", "formats", id="a pipeline as text"),
        pytest.param(f"{TRIAGE}/lock?format=svg", "no parameter `format`", "takes min_seq, at", id="a drawn lock"),
        pytest.param(f"{TRIAGE}@^1/matrix", "selects one version", "/matrix", id="the matrix of a version"),
        pytest.param(f"{TRIAGE}/matrix?model=x", "not a ref", "acme/", id="a model that is no ref"),
    ],
)
def test_bad_words_are_refused(api: Api, path: str, detail: str, mend: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM), answer.text
    said = answer.json()
    assert detail in said["detail"] + said["mend"]
    assert mend in said["mend"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("x", id="a word"),
        pytest.param("8", id="a seq alone"),
        pytest.param("8:references:x", id="a place that is no number"),
        pytest.param("8:references:99999999999999999999", id="a number beyond all"),
        pytest.param("8:records:%00", id="a NUL"),
        pytest.param("8:end:", id="a stage that there is not"),
        pytest.param("%D9%A3:records:", id="other digits"),
        pytest.param("8:records:" + "a" * 995, id="a very long one"),
        pytest.param("8:records:&at=7", id="of another moment than is asked for"),
    ],
)
def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    answer = api.get(f"/api/v1/graph/orphans?cursor={cursor}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM), answer.text


@pytest.mark.parametrize(
    ("path", "mend"),
    [
        pytest.param("/api/v1/lineage/acme/tunde", "acme/tuned", id="a misspelt name"),
        pytest.param(f"{TUNED}@9.9.9", "one of those", id="a version that is not"),
        pytest.param(at(TUNED, 2), "", id="what was not there yet"),
        pytest.param("/api/v1/lineage", "", id="no slash"),
        pytest.param("/api/v1/graph", "/api/v1", id="the graph itself"),
        pytest.param("/api/v1/linaege/acme/tuned", "/api/v1/lineage/acme/tuned", id="a misspelt route"),
        pytest.param("/api/v1/graph/path?from=acme/tunde&to=acme/base", "acme/tuned", id="a misspelt beginning"),
        pytest.param("/api/v1/impact/acme/tunde", "acme/tuned", id="the impact of a misspelt name"),
        pytest.param("/api/v1/pipelines/acme/triag/dag", "acme/triage", id="the graph of a misspelt pipeline"),
        pytest.param("/api/v1/pipelines/acme/triag/matrix", "acme/triage", id="the matrix of a misspelt pipeline"),
        pytest.param(f"{TRIAGE}/matrix?model=acme/tunde", "acme/tuned", id="a misspelt model"),
        pytest.param("/api/v1/graph/diff?from=0", "gitreg changes", id="before the beginning"),
    ],
)
def test_what_is_not_there_is_said_with_a_hint(api: Api, path: str, mend: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM), answer.text
    assert mend in answer.json()["mend"]


@pytest.mark.parametrize("path", ["/api/v1/lineage", "/api/v1/graph", "/api/v1/graph/paht"])
def test_a_path_that_leads_nowhere_is_not_what_was_meant(api: Api, path: str) -> None:
    assert "did you mean" not in api.get(path).json()["mend"]


@pytest.mark.parametrize(
    "ref",
    [
        "%00",
        "acme/%00",
        "acme/%FF",
        "acme/%2E%2E/x",
        "../../etc/passwd",
        "acme/<script>alert(1)</script>",
        "%3Csvg%20onload=alert(1)%3E/x",
        "acme/tuned@%3E%3D1%20||%20" + "1.0.0%20||%20" * 300,
        "acme/" + "a" * 5000,
        "acme/" * 2000 + "x",
        "model:model:acme/tuned",
        "aliases:model/acme/tuned",
        "registry",
        "acme/tuned?",
        "%F0%9F%98%80/%F0%9F%98%80",
        "acme/tuned%0D%0ASet-Cookie:%20a=b",
        "' OR 1=1 --/x",
    ],
)
def test_a_hostile_ref_is_answered_and_nothing_breaks(api: Api, ref: str) -> None:
    paths = [f"/api/v1/lineage/{ref}", f"/api/v1/impact/{ref}", f"/api/v1/pipelines/{ref}/dag"]
    paths += [f"/api/v1/graph/path?from={ref}&to=acme/tuned", f"/api/v1/graph/check?from=acme/tuned&to={ref}"]
    for path in paths:
        answer = api.get(path)
        assert answer.status_code in (200, 400, 404), (path, answer.text)
        assert "set-cookie" not in answer.headers
        if answer.status_code != 200:
            assert answer.headers["content-type"] == PROBLEM


# What a question may cost


def test_a_question_reads_only_so_much_of_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MOST_SERVED", 3)
    api = api_on(graph_registry(tmp_path / "registry"))
    for path in (TUNED, WAYS, IMPACT, DIFF, "/api/v1/graph/orphans"):
        answer = api.get(path)
        assert (answer.status_code, "more than 3 references" in answer.json()["detail"]) == (400, True), path
    with lineage_at(api.index.reader(), "acme/tuned", asked_of(), None) as (_, found):
        assert len(found.nodes) > 3


@pytest.mark.parametrize("path", ["/api/v1/lineage/acme/base@1.0.0?reading=admitted", "/api/v1/impact/acme/base@1.0.0"])
def test_edges_between_many_versions_are_counted_as_they_are_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Few references, each of which admits many versions: ten consumers of ten versions are a hundred edges."""
    registry = graph_registry(tmp_path / "registry")
    commit(registry, 9, *(model("many", f"1.0.{n}", derived=("acme/base@1.0.0",)) for n in range(10)))
    commit(registry, 10, *(model("consumer", f"1.0.{n}", derived=("acme/many@^1",)) for n in range(10)))
    api = api_on(registry)
    assert api.get(path).status_code == 200
    monkeypatch.setattr(reader_module, "MOST_SERVED", 100)
    refused = api.get(f"{path}{'&' if '?' in path else '?'}at=10")
    assert (refused.status_code, "100 references" in refused.json()["detail"]) == (400, True)


def test_all_ways_end_where_too_many_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = graph_registry(tmp_path / "registry")
    commit(registry, 9, *(model(f"layer-{n}", "1.0.0", derived=("acme/base@1.0.0",)) for n in range(9)))
    commit(registry, 10, model("end", "1.0.0", derived=tuple(f"acme/layer-{n}@1.0.0" for n in range(9))))
    api = api_on(registry)
    path = "/api/v1/graph/path?from=acme/base@1.0.0&to=acme/end&all=true"
    whole = api.get(path).json()
    assert (len(whole["paths"]), whole["isCut"]) == (9, False)
    monkeypatch.setattr(ways, "MOST_ROOM", 10)
    cut = api.get(at(path, 10)).json()
    assert (cut["paths"], cut["isCut"]) == (whole["paths"][:1], True)


def test_a_long_question_holds_up_no_other_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 questions wait on a gate, more than there are threads; other reads are answered meanwhile."""
    let_go, running, most = threading.Event(), [0], [0]

    def slow(*words: Any) -> Any:
        running[0] += 1
        most[0] = max(most[0], running[0])
        assert let_go.wait(60)
        running[0] -= 1
        return lineage_at(*words)

    monkeypatch.setattr(graph, "lineage_at", slow)

    async def read(client: httpx.AsyncClient) -> list[httpx.Response]:
        long = [asyncio.create_task(client.get(f"{TUNED}?min_seq={n % 8 + 1}")) for n in range(60)]
        while running[0] < endpoints.GRAPHS_AT_ONCE:
            await asyncio.sleep(0.005)
        for path in OTHERS:
            assert (await asyncio.wait_for(client.get(path), 30)).status_code == 200
        assert not any(task.done() for task in long)
        let_go.set()
        return await asyncio.gather(*long)

    assert {answer.status_code for answer in talk(api.app, read)} == {200}
    assert most[0] == endpoints.GRAPHS_AT_ONCE


def test_the_drawing_of_a_picture_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "MOST_DRAWN", 5)
    assert api.get(f"{TUNED}?format=svg&limit=6&at=7").status_code == 400
    assert api.get(f"{TUNED}?format=svg&limit=5&at=7").status_code == 200
    assert api.get(f"{TUNED}?limit=6&at=7").status_code == 200
