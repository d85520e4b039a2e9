"""The service says what it is, whether it is up and whether it can answer; and it is described as it is."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any, Final

import pytest
from api_support import CHAT, Api, api_on, ask, commit, model, small_registry
from demo_support import demo_at
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry as Schemas
from referencing import Resource
from referencing.jsonschema import DRAFT202012

from gitreg.errors import ConflictError, GitregError
from gitreg.registry import Registry
from gitreg_api.app import create_app, described_app
from gitreg_api.following import Follower
from gitreg_api.openapi import GOLDEN, document, written
from gitreg_api.paths import COLLECTIONS
from gitreg_indexer import Index, nearness


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(small_registry(tmp_path_factory.mktemp("api") / "registry"))


def test_the_overview_says_what_there_is(api: Api) -> None:
    answer = api.get("/api/v1").json()
    assert (answer["name"], answer["uid"]) == ("example", api.registry.uid)
    assert set(answer["collections"]) == set(COLLECTIONS)
    for collection in answer["collections"].values():
        assert api.get(collection["href"]).json()["total"] == collection["records"]
    for href in answer["links"].values():
        assert api.get(href).status_code in (200, 400)


def test_the_overview_moves_with_the_index(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    before = api.get("/api/v1").json()
    commit(api.registry, 7, model("more", "1.0.0"))
    api.index.catch_up()
    after = api.get("/api/v1").json()
    assert (after["records"], after["seq"]) == (before["records"] + 1, before["seq"] + 1)


def test_ready_says_whether_the_index_is_behind(tmp_path: Path) -> None:
    api = api_on(small_registry(tmp_path / "registry"))
    assert api.get("/readyz").json()["behind"] is False
    commit(api.registry, 7, model("more", "1.0.0"))
    answer = api.get("/readyz")
    assert answer.json()["behind"] is True
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


def test_a_file_that_cannot_be_read_is_listed(tmp_path: Path, commit_to: Any) -> None:
    registry = small_registry(tmp_path / "registry")
    commit_to(registry.repo, {"models/acme/nlp/bad/1.0.0.yaml": b"kind: [\n"})
    api = api_on(registry)
    answer = api.get("/api/v1/quarantine").json()
    assert [item["path"] for item in answer["items"]] == ["models/acme/nlp/bad/1.0.0.yaml"]
    assert answer["items"][0]["findings"][0]["mend"]
    assert (answer["total"], answer["seq"]) == (1, 7)
    assert "1 unreadable" in api.get("/").text


def test_the_page_loads_nothing_and_escapes_what_it_shows(tmp_path: Path, commit_to: Any) -> None:
    registry = small_registry(tmp_path / "registry")
    raw = (registry.repo.workdir or Path()) / "registry.yaml"
    text = re.sub(r"description: .*", "description: <script>alert(1)</script> & more", raw.read_text())
    commit_to(registry.repo, {"registry.yaml": text.encode()})
    answer = api_on(registry).get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in answer.text
    assert "{{" not in answer.text
    assert not re.search(r"(src|href)=.(https?:)?//", answer.text)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_asks_what_the_search_takes(api: Api) -> None:
    text = api.get("/?q=chat&kind=models&filter=name%20=%20chat&at=3").text
    asked = set(re.findall(r'<(?:input|select) name="(\w+)"', text)) | set(re.findall(r'asked\.set\("(\w+)"', text))
    assert asked == {"q", "kind", "filter", "at", "limit", "highlight", "cursor", "facets"}
    counted = ",".join(re.findall(r'"(\w+)"', re.findall(r"const counted = \[(.*)\]", text)[0]))
    answer = api.get(f"/api/v1/search?q=chat&kind=&filter=&at=&limit=20&highlight=true&facets={counted}")
    assert list(answer.json()["facets"]) == counted.split(",")


def test_the_description_is_the_golden_one() -> None:
    made = written(document(described_app()))
    assert made == GOLDEN.read_bytes(), "run `make generate`, and look at what changed"


def test_the_description_is_valid_and_served(api: Api) -> None:
    described = api.get("/openapi.json").json()
    assert described == json.loads(GOLDEN.read_bytes())
    assert described["openapi"] == "3.1.0"
    validate(described)


def test_every_operation_is_described_whole() -> None:
    described = json.loads(GOLDEN.read_bytes())
    names = [operation["operationId"] for item in described["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))
    for parameter in described["components"]["parameters"].values():
        assert parameter["description"]
    for path, item in described["paths"].items():
        assert list(item) == ["get"]
        assert {"200", "4XX", "5XX"} <= set(item["get"]["responses"]), path


def test_answers_keep_their_schemas(tmp_path: Path) -> None:
    api = api_on(Registry.open(demo_at(tmp_path / "demo")))
    nearness.catch_up(api.index)
    described = json.loads(GOLDEN.read_bytes())
    schemas = Schemas().with_resource("urn:api", Resource.from_contents(described, DRAFT202012))
    checked = 0
    for path, item in described["paths"].items():
        for asked in _asked(api, path):
            answer = api.get(asked)
            assert answer.status_code == 200, asked
            schema = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            Draft202012Validator({"$ref": f"urn:api{schema}"}, registry=schemas).validate(answer.json())
            checked += 1
    assert checked > 60


CLASSIFIER: Final = "northwind/support/ticket-classifier"
_ASKED: Final = {
    "/api/v1/resolve": [f"?ref={CLASSIFIER}"],
    "/api/v1/lineage/{ref}": ["", "?direction=up&at=40"],
    "/api/v1/impact/{ref}": ["", "?change=retire&plan=true"],
    "/api/v1/graph/path": [
        f"?from=dataset:northwind/support/tickets-raw&to={CLASSIFIER}",
        f"?from={CLASSIFIER}&to=northwind/platform/command-r-plus",
    ],
    "/api/v1/graph/diff": ["?from=30", f"?from=30&to=40&ref={CLASSIFIER}"],
    "/api/v1/graph/check": [f"?from={CLASSIFIER}&to=northwind/platform/command-r-plus"],
}


def _asked(api: Api, path: str) -> list[str]:
    """Give a request for a described path: of the first record of its collection, where it is about a record."""
    if path in _ASKED:
        return [path.replace("{ref}", CLASSIFIER) + each for each in _ASKED[path]]
    if "{ref}" not in path:
        return [path]
    items = api.get(path.partition("/{ref}")[0]).json()["items"]
    is_of_name = path.endswith(("/versions", "/aliases", "/matrix"))
    bodies = [item["registry"]["ref"].partition(":")[2] or item["registry"]["ref"] for item in items[:2]]
    return [path.replace("{ref}", body.partition("@")[0] if is_of_name else body) for body in bodies]


class Misbehaving:
    """An index that fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.caught_up = 0

    def is_behind(self) -> bool:
        return True

    def catch_up(self, *, progress: object) -> None:  # noqa: ARG002
        if self.error is not None:
            raise self.error
        self.caught_up += 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(GitregError("main was rewritten", mend="put it back"), id="one that explains itself"),
        pytest.param(ZeroDivisionError("a secret"), id="one that nobody foresaw"),
    ],
)
def test_a_fault_of_following_is_logged_once_and_over_when_it_is_over(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    index: Any = Misbehaving()
    follower = Follower(index)
    index.error = error
    with caplog.at_level(logging.WARNING):
        follower.look()
        follower.look()
    assert len(caplog.records) == 1
    assert follower.fault is not None
    assert "secret" not in follower.fault.says
    index.error = None
    follower.look()
    assert index.caught_up == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_another_process_that_indexes_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    index: Any = Misbehaving()
    index.error = ConflictError("process 1 is writing this index", mend="wait")
    follower = Follower(index)
    follower.look()
    assert (follower.fault, caplog.records) == (None, [])


def test_a_rewritten_main_is_told_and_the_last_good_state_served(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    index = Index.open(registry)
    index.catch_up()
    root = next(iter(registry.repo.first_parents(registry.repo.tip() or "")))
    registry.repo.handle.references.create(registry.repo.branch, root, force=True)
    follower = Follower(index)
    follower.look()
    assert follower.fault is not None
    assert "rewritten" in follower.fault.says
    app = create_app(index, follow=False)
    assert ask(app, "GET", CHAT).json()["metadata"]["version"] == "2.0.0"
