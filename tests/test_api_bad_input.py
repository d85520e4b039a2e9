"""What is asked wrongly is answered with a problem document that says what, what was expected, and the mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api_support import CHAT, PROBLEM, UID, Api, api_on, ask, small_registry

from gitreg.errors import RepositoryError
from gitreg.registry import Registry
from gitreg_api.app import create_app
from gitreg_indexer import BrokenIndexError, Index, Reader

MODELS = "/api/v1/models"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"), patience=0.05)


def problem(answer: Any, status: int) -> dict[str, Any]:
    """Check that an answer is a problem document, and give it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    said: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "mend"} <= set(said)
    assert said["type"].startswith("urn:gitreg:problem:")
    assert said["status"] == status
    assert all(said[name] for name in ("title", "detail", "mend"))
    return said


@pytest.mark.parametrize(
    ("path", "detail", "mend"),
    [
        pytest.param(f"{MODELS}?providr=openai", "no parameter `providr`", "`provider`", id="a misspelt filter"),
        pytest.param(f"{MODELS}?kind=model", "no parameter `kind`", "this path takes", id="a filter of another path"),
        pytest.param(f"{CHAT}?q=x", "no parameter `q`", "min_seq", id="a filter on a record"),
        pytest.param("/healthz?x=1", "no parameter `x`", "takes none", id="a parameter on a path without"),
        pytest.param("/?x=1", "no parameter `x`", "q, kind", id="a parameter on the page"),
        pytest.param(f"{MODELS}?limit=1&limit=2", "given 2 times", "give it once", id="a limit given twice"),
        pytest.param(f"{MODELS}?limit=0", "`limit`", "from 1 to 1000", id="no items"),
        pytest.param(f"{MODELS}?limit=1001", "`limit`", "from 1 to 1000", id="too many items"),
        pytest.param(f"{MODELS}?limit=ten", "`limit` is 'ten'", "from 1 to 1000", id="a limit in words"),
        pytest.param(f"{MODELS}?limit=1_0", "`limit`", "from 1 to 1000", id="a limit with an underscore"),
        pytest.param(f"{MODELS}?limit=5.0", "`limit`", "from 1 to 1000", id="a limit with a fraction"),
        pytest.param(f"{MODELS}?limit=%D9%A3", "`limit`", "from 1 to 1000", id="a limit in other digits"),
        pytest.param(f"{MODELS}?offset=-1", "`offset`", "whole number", id="a negative offset"),
        pytest.param(f"{MODELS}?offset=9999999999", "`offset`", "whole number", id="an offset beyond all"),
        pytest.param(f"{MODELS}?min_seq=x", "`min_seq`", "seq of a commit", id="a seq that is none"),
        pytest.param(f"{MODELS}?q={'x' * 1001}", "`q`", "at most 1000", id="a text too long"),
        pytest.param(f"{MODELS}?sort=nmae", "sorted by 'nmae'", "'name'", id="a misspelt sort"),
        pytest.param(
            f"{MODELS}?namespace=Acme", "'Acme' is not a namespace", "lower case", id="a namespace in capitals"
        ),
        pytest.param(f"{MODELS}?namespace=acme/", "not a namespace", "slash", id="a namespace with a slash"),
        pytest.param("/api/v1/search?kind=modle", "no kind 'modle'", "'model'", id="a misspelt kind"),
        pytest.param("/api/v1/resolve", "`ref` is missing", "?ref=", id="resolve without a ref"),
        pytest.param("/api/v1/resolve?ref=x", "not a ref", "acme/", id="a ref that is none"),
        pytest.param(f"{MODELS}/chat", "not a ref", "acme/", id="a name without a namespace"),
        pytest.param(f"{MODELS}/acme/Chat", "'Chat' is not a name", "lower case", id="a name in capitals"),
        pytest.param(f"{MODELS}/acme/%2E%2E/x", "not a ref", "acme/", id="dots"),
        pytest.param(f"{MODELS}/acme/%00", "not a ref", "lower case", id="a NUL"),
        pytest.param(f"{MODELS}/acme/%FF", "not a ref", "lower case", id="broken UTF-8"),
        pytest.param(f"{CHAT}@", "it is empty", "part after '@'", id="an empty selector"),
        pytest.param(f"{CHAT}@01.0.0", "neither a version", "part after '@'", id="a version with a zero in front"),
        pytest.param(f"{CHAT}@^^1", "neither a version", "part after '@'", id="a range that is none"),
        pytest.param(f"{CHAT}@^1/versions", "selects one version", "/versions", id="versions of a version"),
        pytest.param(f"{MODELS}/dataset:acme/x", "names a kind", "/api/v1/datasets/acme/x", id="a ref of another kind"),
        pytest.param(f"{MODELS}/model:acme/x", "names a kind", "/api/v1/models/acme/x", id="a ref with its kind"),
    ],
)
def test_bad_words_are_refused(api: Api, path: str, detail: str, mend: str) -> None:
    said = problem(api.get(path), 400)
    assert detail in said["detail"] + said["mend"]
    assert mend in said["mend"]
    assert said["instance"] == path.partition("?")[0]


@pytest.mark.parametrize(
    ("path", "mend"),
    [
        pytest.param("/api/v1/modles", "/api/v1/models", id="a misspelt collection"),
        pytest.param("/api/v1/model/acme/nlp/chat", "/api/v1/models/acme/nlp/chat", id="a kind's word"),
        pytest.param("/api/v2/models", "/api/v1", id="another version of the API"),
        pytest.param("/models", "/api/v1/models", id="without the root"),
        pytest.param("/docs", "/api/v1", id="no documentation page"),
        pytest.param(f"{MODELS}/", "without the slash", id="a slash at the end"),
        pytest.param(f"{MODELS}/acme/nlp/chta", "acme/nlp/chat", id="a misspelt name"),
        pytest.param(f"{MODELS}/acme/nlp/chta/versions", "acme/nlp/chat", id="versions of a misspelt name"),
        pytest.param(f"{MODELS}/acme/nlp/chta/aliases", "acme/nlp/chat", id="aliases of a misspelt name"),
        pytest.param(f"{MODELS}/acme/nlp/chta/history", "acme/nlp/chat", id="history of a misspelt name"),
        pytest.param(f"{CHAT}@9.9.9", "one of those", id="a version that is not"),
        pytest.param(f"{CHAT}@^9", "one of those", id="a range with nothing in it"),
        pytest.param(f"{CHAT}@staging", "one of those", id="an alias that is not"),
        pytest.param("/api/v1/roles/nobody", "gitreg list", id="a role that is not"),
        pytest.param("/api/v1/registries/other", "/api/v1/registries/registry", id="another registry"),
        pytest.param("/api/v1/resolve?ref=acme/nlp/chta", "acme/nlp/chat", id="resolve of a misspelt name"),
    ],
)
def test_what_is_not_there_is_said_with_a_hint(api: Api, path: str, mend: str) -> None:
    answer = api.get(path)
    assert mend in problem(answer, 404)["mend"]
    assert answer.headers["x-gitreg-seq"] == "6"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/api/v1", MODELS, CHAT, f"{CHAT}/versions", "/healthz", "/openapi.json"])
def test_nothing_is_written(api: Api, method: str, path: str) -> None:
    answer = api.ask(method, path, content=b"{}")
    assert problem(answer, 405)["type"] == "urn:gitreg:problem:method-not-allowed"
    assert answer.headers["allow"] == "GET, HEAD"


def test_what_does_not_come_is_not_waited_for_for_ever(api: Api) -> None:
    for path in (f"{CHAT}?min_seq=7", f"{MODELS}?min_seq=7", f"{CHAT}/history?min_seq=7"):
        answer = api.get(path)
        said = problem(answer, 503)
        assert answer.headers["retry-after"] == "1"
        assert (said["got"], said["expected"]) == ("6", "seq 7")


def test_not_indexed_yet_is_never_empty(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    app = create_app(Index.open(registry), follow=False, patience=0.05)
    for path in ("/readyz", "/api/v1", "/", MODELS, CHAT, f"{CHAT}/versions", "/api/v1/search", "/api/v1/quarantine"):
        answer = ask(app, "GET", path)
        assert problem(answer, 503)["type"] == "urn:gitreg:problem:not-ready"
        assert answer.headers["retry-after"] == "1"
    assert ask(app, "GET", "/healthz").json() == {"status": "ok"}


def test_a_broken_index_keeps_its_places_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = api_on(small_registry(tmp_path / "registry"))

    def broken(*_: object, **__: object) -> None:
        raise BrokenIndexError(
            "the index cannot be used", where="/secret/place", got="disk I/O error", mend="rebuild it"
        )

    monkeypatch.setattr(Reader, "resolve", broken)
    answer = api.get(CHAT)
    assert problem(answer, 503)["detail"] == "the index cannot be used"
    assert "secret" not in answer.text
    assert "/secret/place" in caplog.text


def test_an_unforeseen_error_shows_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = api_on(small_registry(tmp_path / "registry"))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret of the trade")

    monkeypatch.setattr(Reader, "resolve", broken)
    monkeypatch.setattr(Reader, "search", broken)
    for path in (CHAT, MODELS):
        answer = api.get(path)
        assert problem(answer, 500)["type"] == "urn:gitreg:problem:internal"
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text


def test_a_folder_that_is_no_registry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        create_app(tmp_path)


def test_an_index_of_another_registry_is_refused(tmp_path: Path) -> None:
    first = small_registry(tmp_path / "first")
    api_on(first, tmp_path / "index")
    other = Registry.init(tmp_path / "other", name="other", author=first.repo.commit(first.repo.tip() or "").author)
    assert other.uid != str(UID)
    with pytest.raises(Exception, match="index of another registry") as refused:
        create_app(tmp_path / "other", index_folder=tmp_path / "index")
    assert getattr(refused.value, "mend", "")
