"""The page of the HTTP API: its requests are answered as it says, and its bounds are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from api_support import Api, api_on
from demo_support import demo_at

from gitreg.registry import Registry
from gitreg_api import drawn, endpoints, graph, graph_asking
from gitreg_indexer.graph.lineage import MOST_NODES
from gitreg_indexer.reader import MOST_SERVED

PAGE: Final = (Path(__file__).resolve().parent.parent / "docs/api.md").read_text(encoding="utf-8")
_REQUEST: Final = re.compile(
    r"^\$ curl -s '?http://127\.0\.0\.1:8420(/[^'\s]+)'?\n(.*?)(?=^\$ |^```)", re.MULTILINE | re.DOTALL
)
_COMMIT_ID: Final = re.compile(r"\b[0-9a-f]{40}\b")
REQUESTS: Final = _REQUEST.findall(PAGE)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return api_on(Registry.open(demo_at(tmp_path_factory.mktemp("demo") / "northwind")))


@pytest.mark.parametrize(("path", "said"), REQUESTS)
def test_a_request_is_answered_as_the_page_says(api: Api, path: str, said: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    wanted = ".*".join(re.escape(part) for part in _COMMIT_ID.sub("ID", said.rstrip("\n")).split("..."))
    assert re.fullmatch(wanted, _COMMIT_ID.sub("ID", answer.text.rstrip("\n")), re.DOTALL), answer.text


def test_there_are_requests_to_answer() -> None:
    assert len(REQUESTS) >= 6


@pytest.mark.parametrize(
    "said",
    [
        f"more than {MOST_SERVED:,} references and records",
        f"at most {graph.MOST_IMPACTED:,} are listed",
        f"records: {graph_asking.USUAL_NODES} unless given, at most {MOST_NODES}, of a picture {drawn.MOST_DRAWN}",
        f"ways, at most {graph_asking.MOST_WAYS}",
        f"at most {graph_asking.MOST_LOOSE})",
    ],
)
def test_the_page_says_the_bounds(said: str) -> None:
    assert said in PAGE.replace("\n", " ")


def test_the_page_says_how_many_are_answered_at_once() -> None:
    assert (endpoints.GRAPHS_AT_ONCE, endpoints.DRAWN_AT_ONCE) == (2, 1)
    assert "Two questions are answered at once by each worker, and one SVG" in PAGE.replace("\n", " ")


@pytest.mark.parametrize("form", ["svg", "mermaid", "dot", "text"])
def test_the_page_names_the_type_of_each_form(form: str) -> None:
    assert f"| `{form}` | `{drawn.MEDIA_TYPES[form].partition(';')[0]}`" in PAGE
