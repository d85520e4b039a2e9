"""The embedder that asks a server: what it sends, what it tries again, what it refuses, and what it never says."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from embeddings_server import EmbeddingsServer, Fault, embeddings_server

from gitreg.errors import GitregError, UsageError
from gitreg_indexer.semantic import EmbedderAwayError, open_vectors, remote
from gitreg_indexer.semantic.embedders import configured
from gitreg_indexer.semantic.remote import KEY, HttpEmbedder

SECRET: Final = "sk-secret-key-value"  # noqa: S105 - it opens nothing
QUICK: Final[dict[str, Any]] = {"timeout": 20.0, "pause": 0.0}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")] + [KEY]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    with embeddings_server() as running:
        yield running


def embedder(server: EmbeddingsServer, **about: Any) -> HttpEmbedder:
    return HttpEmbedder(server.url, "small", **{**QUICK, **about})


def unit(vector: list[float]) -> list[float]:
    return [number / float(np.linalg.norm(vector)) for number in vector]


def test_texts_become_rows_of_length_one_in_their_own_order(server: EmbeddingsServer) -> None:
    texts = ["one", "two", "three"]
    made = embedder(server).embed(texts)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, [unit(server.vector_of(text)) for text in texts], atol=1e-6)


def test_what_is_sent_is_what_openai_takes(server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    embedder(server, key_variable="MY_KEY").embed(["one"])
    (call,) = server.calls
    assert call.path == "/v1/embeddings"
    assert call.body == {"model": "small", "input": ["one"]}
    assert call.headers["Authorization"] == f"Bearer {SECRET}"
    assert call.headers["Content-Type"] == "application/json"


def test_without_a_key_none_is_sent(server: EmbeddingsServer) -> None:
    embedder(server).embed(["one"])
    assert "Authorization" not in server.calls[0].headers


def test_many_texts_go_in_batches(server: EmbeddingsServer) -> None:
    texts = [f"text {number}" for number in range(7)]
    made = embedder(server, batch=3).embed(texts)
    assert server.asked() == [texts[:3], texts[3:6], texts[6:]]
    assert (made == embedder(server).embed(texts)).all()


def test_blank_texts_are_not_asked_for(server: EmbeddingsServer) -> None:
    made = embedder(server).embed(["", "one", "  \n"])
    assert server.asked() == [["one"]]
    assert made[[0, 2]].tolist() == np.zeros((2, 8)).tolist()
    assert embedder(server, dimensions=8).embed([]).shape == (0, 8)


def test_the_dimension_is_learnt_or_asked_for(server: EmbeddingsServer) -> None:
    learning = embedder(server)
    assert (learning.dimensions, learning.dimensions) == (8, 8)
    assert len(server.calls) == 1
    asking = embedder(server, dimensions=8)
    assert asking.dimensions == 8
    assert len(server.calls) == 1
    asking.embed(["one"])
    assert server.calls[-1].body["dimensions"] == 8


def test_a_name_tells_the_model_and_its_dimension(server: EmbeddingsServer) -> None:
    assert embedder(server).name == "openai:small:own"
    assert embedder(server, dimensions=8).name == "openai:small:8"


@pytest.mark.parametrize(
    "path", ["", "/", "/v1", "/v1/", "/v1/embeddings"], ids=["bare", "slash", "v1", "v1 slash", "whole"]
)
def test_a_base_url_may_be_written_in_any_usual_way(server: EmbeddingsServer, path: str) -> None:
    HttpEmbedder(server.url + path, "small", **QUICK).embed(["one"])
    HttpEmbedder(f"{server.url}/below{path}", "small", **QUICK).embed(["one"])
    assert [call.path for call in server.calls] == ["/v1/embeddings", "/below/v1/embeddings"]


# Who does not wait long


def test_at_once_there_is_one_try(server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = embedder(server)
    np.testing.assert_allclose(asking.embed_at_once("one")[0], unit(server.vector_of("one")), atol=1e-6)
    server.faults = [Fault(503, headers={"Retry-After": "30"})]
    with pytest.raises(GitregError, match="refuses"):
        asking.embed_at_once("two")
    monkeypatch.setattr(remote, "AT_ONCE", 0.1)
    server.faults = [Fault(hangs=1.0)]
    with pytest.raises(GitregError, match="did not answer in time"):
        asking.embed_at_once("three")
    assert server.asked() == [["one"], ["two"], ["three"]]
    assert not asking.embed_at_once("  ").any()


def test_a_server_that_fails_again_and_again_is_left_alone_for_a_moment(
    server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("gitreg_indexer.semantic.remote.time.monotonic", lambda: now[0])
    asking = embedder(server)
    server.faults = [Fault(503), Fault(503), Fault(), *[Fault(503)] * (remote.FAILURES + 1)]
    answered = [is_answered(asking) for _ in range(remote.FAILURES + 3)]
    assert answered == [False, False, True, False, False, False]
    for left in (remote.REST, 0.5):
        now[0] = 100 + remote.REST - left
        with pytest.raises(EmbedderAwayError) as caught:
            asking.embed_at_once("one")
        assert caught.value.wait == (10 if left == remote.REST else 1)
    assert len(server.calls) == 6
    now[0] = 100 + remote.REST
    assert not is_answered(asking)
    with pytest.raises(EmbedderAwayError):
        asking.embed_at_once("one")
    now[0] += remote.REST
    assert is_answered(asking)
    assert is_answered(asking)


def is_answered(asking: HttpEmbedder) -> bool:
    try:
        asking.embed_at_once("one")
    except EmbedderAwayError:
        raise
    except GitregError:
        return False
    return True


# What is tried again


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(429)], id="too many requests"),
        pytest.param([Fault(429, headers={"Retry-After": "0"})], id="too many requests, and when to come back"),
        pytest.param([Fault(500), Fault(502), Fault(503)], id="broken three times"),
        pytest.param([Fault(hangs=1.0)], id="too slow"),
        pytest.param([Fault(hangs_up=True)], id="hung up"),
    ],
)
def test_what_passes_is_tried_again(server: EmbeddingsServer, faults: list[Fault]) -> None:
    server.faults = list(faults)
    timeout = 0.3 if any(fault.hangs for fault in faults) else QUICK["timeout"]
    made = embedder(server, timeout=timeout).embed(["one"])
    np.testing.assert_allclose(made[0], unit(server.vector_of("one")), atol=1e-6)
    assert len(server.calls) == len(faults) + 1


@pytest.mark.parametrize(
    ("fault", "says", "got"),
    [
        pytest.param(Fault(429), "refuses", "HTTP 429: a fault", id="too many requests"),
        pytest.param(Fault(503), "refuses", "HTTP 503: a fault", id="broken"),
        pytest.param(Fault(hangs=1.0), "did not answer in time", "ReadTimeoutError", id="too slow"),
        pytest.param(Fault(hangs_up=True), "cannot be reached", "ProtocolError", id="hung up"),
    ],
)
def test_trying_comes_to_an_end(server: EmbeddingsServer, fault: Fault, says: str, got: str) -> None:
    server.faults = [fault] * 9
    with pytest.raises(GitregError, match=says) as caught:
        embedder(server, timeout=0.1).embed(["one"])
    assert got in str(caught.value.got)
    assert len(server.calls) == 4


def test_a_server_that_asks_for_an_hour_gets_half_a_minute() -> None:
    from urllib3 import HTTPResponse

    retries = embedder(EmbeddingsServer(url="http://127.0.0.1:9"))._retries
    assert retries.get_retry_after(HTTPResponse(headers={"Retry-After": "3600"})) == 30.0
    assert retries.get_retry_after(HTTPResponse(headers={"Retry-After": "2"})) == 2
    assert retries.get_retry_after(HTTPResponse()) is None


def test_where_nobody_listens_it_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(GitregError, match="cannot be reached") as caught:
        HttpEmbedder(f"http://127.0.0.1:{port}", "small", **QUICK).embed(["one"])
    assert caught.value.where == f"http://127.0.0.1:{port}/v1/embeddings, model small"
    assert "GITREG_EMBEDDINGS_URL" in caught.value.mend


# What is refused


@pytest.mark.parametrize(
    ("fault", "got", "mend"),
    [
        pytest.param(Fault(401), "HTTP 401: a fault", "set $GITREG_EMBEDDINGS_KEY", id="no key"),
        pytest.param(Fault(404), "HTTP 404: a fault", "no such path or model", id="no such model"),
        pytest.param(Fault(400, body=b'{"error": "too  long"}'), "HTTP 400: too long", "read what", id="another shape"),
        pytest.param(Fault(418, body=b"\xff" * 5_000), "HTTP 418: " + "\ufffd" * 300, "read what", id="noise"),
        pytest.param(Fault(204, body=b""), "HTTP 204", "read what", id="nothing"),
        pytest.param(
            Fault(307, headers={"Location": "http://127.0.0.1:9/"}), "HTTP 307: a fault", "not followed", id="elsewhere"
        ),
    ],
)
def test_a_refusal_is_told_at_once(server: EmbeddingsServer, fault: Fault, got: str, mend: str) -> None:
    server.faults = [fault]
    with pytest.raises(GitregError, match="refuses") as caught:
        embedder(server).embed(["one"])
    assert caught.value.got == got
    assert mend in caught.value.mend
    assert len(server.calls) == 1


def _with(**about: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: {**answer, "data": [{**item, **about} for item in answer["data"]]}


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        pytest.param(Fault(change=lambda answer: {"data": answer["data"][:1]}), "1 vectors", id="too few"),
        pytest.param(Fault(change=lambda answer: {"data": answer["data"] * 2}), "4 vectors", id="too many"),
        pytest.param(Fault(change=lambda _: {"data": "none"}), "0 vectors", id="no list"),
        pytest.param(Fault(change=lambda _: ["none"]), "no list `data`", id="no object"),
        pytest.param(Fault(change=lambda _: {"data": [1, 2]}), "with the index 'None'", id="no objects"),
        pytest.param(Fault(change=_with(index=0)), "with the index '0'", id="one index twice"),
        pytest.param(Fault(change=_with(index=7)), "with the index '7'", id="an index that was not asked for"),
        pytest.param(Fault(change=_with(index="x" * 99)), f"the index '{'x' * 20}'", id="no index"),
        pytest.param(Fault(change=_with(embedding="AACAPw==")), "no list of numbers", id="base64"),
        pytest.param(Fault(change=_with(embedding=[])), "no list of numbers", id="an empty vector"),
        pytest.param(Fault(change=_with(embedding=[1, True])), "no list of numbers", id="no numbers"),
        pytest.param(Fault(change=_with(embedding=[float("nan")])), "unexpected character", id="NaN"),
        pytest.param(
            Fault(body=b'{"data":[{"index":0,"embedding":[1e999]},{"index":1,"embedding":[1]}]}'), "", id="too large"
        ),
        pytest.param(
            Fault(body=b'{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]}'),
            "different lengths",
            id="different lengths",
        ),
        pytest.param(Fault(body=b"<html>"), "unexpected character", id="no JSON"),
    ],
)
def test_an_answer_counts_only_when_it_is_whole(server: EmbeddingsServer, fault: Fault, got: str) -> None:
    server.faults = [fault]
    with pytest.raises(GitregError, match="not what was asked for") as caught:
        embedder(server).embed(["one", "two"])
    assert got in str(caught.value.got)
    assert len(server.calls) == 1


def test_another_dimension_than_before_or_than_was_asked_for_is_refused(server: EmbeddingsServer) -> None:
    learnt = embedder(server)
    learnt.embed(["one"])
    server.dimensions = 5
    for changed in (learnt, embedder(server, dimensions=8)):
        with pytest.raises(GitregError, match="vectors of another dimension") as caught:
            changed.embed(["two"])
        assert (caught.value.got, caught.value.expected) == (5, 8)


def test_the_key_stands_in_no_message(server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    asking = embedder(server)
    server.faults = [Fault(401, body=f'{{"error":{{"message":"Incorrect API key provided: {SECRET}."}}}}'.encode())]
    with pytest.raises(GitregError, match="refuses") as caught:
        asking.embed(["one"])
    assert "Incorrect API key provided: ***." in str(caught.value.got)
    assert SECRET not in caught.value.explain() + str(caught.value.as_data()) + repr(vars(asking))


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel"])
def test_a_key_that_no_header_may_hold_is_told_without_it(
    server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY, key)
    with pytest.raises(GitregError, match="key cannot be sent") as caught:
        embedder(server).embed(["one"])
    assert key not in caught.value.explain()
    assert server.calls == []


@pytest.mark.parametrize(
    ("url", "got"),
    [
        pytest.param("", "nothing", id="nothing"),
        pytest.param("ftp://example.com", "ftp://example.com", id="another scheme"),
        pytest.param("file:///etc/passwd", "file:///etc/passwd", id="a file"),
        pytest.param("example.com", "example.com", id="no scheme"),
        pytest.param("http://", "http://", id="no host"),
        pytest.param("http://example.com:port", "http://example.com:port", id="no port"),
        pytest.param("http://[::1", "http://[::1", id="half an address"),
        pytest.param("http://example.com?key=x", "http://example.com?key=x", id="a query"),
        pytest.param(f"http://me:{SECRET}@example.com", "a URL with credentials", id="credentials"),
        pytest.param(f"ftp://me:{SECRET}@example.com", "example.com", id="credentials and another scheme"),
    ],
)
def test_a_url_that_cannot_be_used_is_told(url: str, got: str) -> None:
    with pytest.raises(UsageError, match="URL cannot be used") as caught:
        HttpEmbedder(url, "small")
    assert caught.value.got == got
    assert SECRET not in caught.value.explain()


def test_a_proxy_of_the_environment_is_used(server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    HttpEmbedder("http://embeddings.invalid", "small", **QUICK).embed(["one"])
    assert server.calls[0].path == "http://embeddings.invalid/v1/embeddings"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    embedder(server).embed(["one"])
    assert server.calls[1].path == "/v1/embeddings"


# What is configured


def test_the_environment_describes_the_embedder(server: EmbeddingsServer, tmp_path: Path) -> None:
    environ = {
        "GITREG_EMBEDDER": "openai",
        "GITREG_EMBEDDINGS_URL": server.url,
        "GITREG_EMBEDDINGS_MODEL": "small",
        "GITREG_EMBEDDINGS_DIMENSIONS": "8",
        "GITREG_EMBEDDINGS_TIMEOUT": "2.5",
        "GITREG_EMBEDDINGS_BATCH": "2",
    }
    vectors = open_vectors(tmp_path / "semantic", environ)
    assert vectors is not None
    vectors.apply([(1, "one"), (2, "two"), (3, "three")], instance="one", seq=1)
    assert vectors.position() == ("one", 1, "openai:small:8")
    assert [near.id for near in vectors.near_text("two").best(1)] == [2]
    assert server.asked() == [["one", "two"], ["three"], ["two"]]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GITREG_EMBEDDINGS_URL", "", "URL cannot be used"),
        ("GITREG_EMBEDDINGS_MODEL", "", "no model of embeddings is named"),
        ("GITREG_EMBEDDINGS_DIMENSIONS", "many", "no number that can be used"),
        ("GITREG_EMBEDDINGS_DIMENSIONS", "0", "no number that can be used"),
        ("GITREG_EMBEDDINGS_DIMENSIONS", "8.5", "no number that can be used"),
        ("GITREG_EMBEDDINGS_TIMEOUT", "nan", "no number that can be used"),
        ("GITREG_EMBEDDINGS_BATCH", "1e9", "no number that can be used"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str, says: str) -> None:
    good = {"GITREG_EMBEDDINGS_URL": "http://127.0.0.1:9", "GITREG_EMBEDDINGS_MODEL": "small"}
    with pytest.raises(UsageError, match=says) as caught:
        configured({"GITREG_EMBEDDER": "openai", **good, name: value})
    assert caught.value.where == f"${name}"
