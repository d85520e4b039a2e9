"""`gitreg lineage`, `path`, `orphans` and `graph`: what they print, in every form, and what they say of bad input."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from cli_support import fine, run
from demo_support import demo_at
from docs_support import run_as_written, steps_of

PAGE = Path(__file__).parent.parent / "docs/lineage.md"
CLASSIFIER = "northwind/support/ticket-classifier"
BASE = "northwind/research/mistral-7b-instruct-v0.3"
RAW = "dataset:northwind/support/tickets-raw"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo registry; nothing changes it."""
    return demo_at(tmp_path_factory.mktemp("graph") / "demo")


def told(demo: Path, *words: str) -> Any:
    return fine(*words, "--repo", demo, "--json").json


def test_commands_of_the_page_run_as_written(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo-registry")
    steps = steps_of(PAGE)
    assert len(steps) >= 8
    run_as_written(steps, tmp_path / "demo-registry", tmp_path)


def test_lineage_as_json_is_the_graph_of_the_specification(demo: Path) -> None:
    graph = told(demo, "lineage", CLASSIFIER)
    about = graph["metadata"]
    assert set(graph) == {"nodes", "edges", "metadata"}
    assert about["rootNode"] == graph["nodes"][0]["id"] == f"model:{CLASSIFIER}@2.0.0"
    assert (about["nodeCount"], about["edgeCount"]) == (len(graph["nodes"]), len(graph["edges"])) == (11, 10)
    assert (about["direction"], about["reading"], about["isCut"], about["depth"]) == ("both", "resolved", False, 3)
    ids = {node["id"] for node in graph["nodes"]}
    assert all({edge["fromNode"], edge["toNode"]} <= ids for edge in graph["edges"])
    assert len({edge["id"] for edge in graph["edges"]}) == len(graph["edges"])
    assert all(node["validFrom"] and node["validTo"] is None for node in graph["nodes"])
    suite = next(node for node in graph["nodes"] if node["metadata"]["kind"] == "TestSuite")
    assert (suite["type"], suite["version"], suite["metadata"]["distance"]) == ("test", "2.0.0", 1)


def test_an_edge_says_where_it_is_written_since_when_and_what_it_resolves_to(demo: Path) -> None:
    graph = told(
        demo, "lineage", f"{CLASSIFIER}@1.0.0", "--direction", "up", "--depth", "1", "--relation", "depends_on"
    )
    (edge,) = graph["edges"]
    assert (edge["fromNode"], edge["relationshipType"]) == (f"model:{CLASSIFIER}@1.0.0", "depends_on")
    assert edge["toNode"] == "dataset:northwind/support/tickets-training@1.1.0"
    assert edge["metadata"] == {
        "field": "spec.dependencies[0].ref",
        "constraint": "dataset:northwind/support/tickets-training@^1.0",
        "resolvesTo": "dataset:northwind/support/tickets-training@1.1.0",
        "required": True,
        "upstream": "dataset:northwind/support/tickets-training@1.1.0",
    }
    assert edge["createdAt"] == "2025-11-11T09:33:00Z"


def test_an_index_without_the_past_tells_no_time_that_it_cannot_know(demo: Path, tmp_path: Path) -> None:
    words = ("--repo", demo, "--index", tmp_path / "index")
    fine("index", "--history", "none", *words)
    bare = fine("lineage", CLASSIFIER, *words, "--json").json
    whole = told(demo, "lineage", CLASSIFIER)
    assert {edge["createdAt"] for edge in bare["edges"]} == {None}
    assert [{**edge, "createdAt": None} for edge in whole["edges"]] == bare["edges"]
    assert (bare["nodes"], bare["metadata"]) == (whole["nodes"], whole["metadata"])


def test_a_range_meant_another_version_in_the_past(demo: Path) -> None:
    words = ("lineage", f"{CLASSIFIER}@1.0.0", "--direction", "up", "--depth", "1", "--relation", "depends_on")
    then = told(demo, *words, "--at", "2025-11-30")
    assert then["edges"][0]["toNode"] == "dataset:northwind/support/tickets-training@1.0.0"
    both = told(demo, *words, "--reading", "admitted")
    assert sorted(edge["toNode"][-5:] for edge in both["edges"]) == ["1.0.0", "1.1.0"]


def test_a_successor_is_followed_where_it_is_asked_for(demo: Path) -> None:
    graph = told(demo, "lineage", f"{CLASSIFIER}@1.0.0", "--relation", "replaces")
    (edge,) = graph["edges"]
    assert (edge["fromNode"], edge["toNode"]) == (f"model:{CLASSIFIER}@2.0.0", f"model:{CLASSIFIER}@1.0.0")
    assert [node["metadata"]["distance"] for node in graph["nodes"]] == [0, 1]


@pytest.mark.parametrize(("form", "start"), [("mermaid", "flowchart LR"), ("dot", "digraph"), ("svg", "<svg")])
def test_lineage_is_drawn(demo: Path, form: str, start: str) -> None:
    drawn = fine("lineage", CLASSIFIER, "--repo", demo, "--format", form).out
    assert start in drawn
    assert "ticket-classifier-live" in drawn


def test_boxes_lead_to_the_records_of_a_server(demo: Path) -> None:
    words = ("lineage", CLASSIFIER, "--repo", demo, "--format", "svg")
    drawn = ET.fromstring(fine(*words, "--links", "https://gitreg.example.com/").out)  # noqa: S314 - our own
    links = drawn.iter("{http://www.w3.org/2000/svg}a")
    assert f"https://gitreg.example.com/api/v1/models/{CLASSIFIER}@2.0.0" in {link.get("href") for link in links}
    assert "<a " not in fine(*words).out


def test_the_picture_of_the_page_is_what_is_drawn(demo: Path) -> None:
    drawn = fine("lineage", CLASSIFIER, "--repo", demo, "--format", "svg").out
    kept = (PAGE.parent / "pictures/demo-lineage.svg").read_text(encoding="utf-8")
    assert re.sub("commit [0-9a-f]{12}", "commit", kept) == re.sub("commit [0-9a-f]{12}", "commit", drawn)


def test_json_and_a_picture_exclude_each_other(demo: Path) -> None:
    done = run("lineage", CLASSIFIER, "--format", "svg", "--json", "--repo", demo)
    assert (done.code, "exclude each other" in done.error["says"]) == (2, True)


def test_what_is_cut_off_is_said(demo: Path) -> None:
    done = fine("lineage", RAW, "--repo", demo, "--limit", "3")
    assert done.out.splitlines()[4:] == ["(there is more)"]
    assert "more than --limit 3" in done.err
    assert told(demo, "lineage", RAW, "--limit", "3")["metadata"]["isCut"] is True


def test_a_way_is_told_in_the_direction_in_which_it_was_asked_for(demo: Path) -> None:
    down = told(demo, "path", RAW, CLASSIFIER)
    up = told(demo, "path", CLASSIFIER, RAW)
    assert (down["direction"], up["direction"]) == ("down", "up")
    assert down["paths"] == [way[::-1] for way in up["paths"]]
    assert down["edges"] == up["edges"]
    assert len(down["paths"][0]) == 4


def test_all_ways_are_told_the_shortest_first(demo: Path) -> None:
    ways = told(demo, "path", RAW, "northwind/support/ticket-classifier-live", "--all")["paths"]
    assert [len(way) for way in ways] == [5, 6]
    assert fine("path", RAW, "northwind/support/ticket-classifier-live", "--all", "--repo", demo).out.count("\n\n") == 1


def test_no_way_is_no_error(demo: Path) -> None:
    done = fine("path", "northwind/platform/gpt-4o", BASE, "--repo", demo)
    assert (done.out, "no way leads" in done.err) == ("", True)
    found = told(demo, "path", "northwind/platform/gpt-4o", BASE)
    assert (found["direction"], found["paths"], found["edges"]) == (None, [], [])


def test_orphans_are_what_nothing_comes_after(demo: Path) -> None:
    found = told(demo, "orphans", "--kind", "model")
    refs = {each["ref"] for each in found["orphans"]}
    assert "model:northwind/support/ticket-classifier-live@2.0.0" in refs
    assert f"model:{CLASSIFIER}@2.0.0" not in refs
    assert set(found) == {"orphans", "dangling", "commit", "seq"}
    assert told(demo, "orphans", "--at", "1")["orphans"] == []
    assert fine("orphans", "--at", "1", "--repo", demo).err == "nothing hangs loose\n"


def test_a_reference_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    from index_support import commit, found, model

    registry = found(tmp_path / "r.git")
    commit(registry.repo, model("a", spec={"dependencies": [{"ref": "acme/gone@^1", "required": False}]}))
    loose = told(tmp_path / "r.git", "orphans")["dangling"]
    assert [(each["ref"], each["constraint"], each["required"]) for each in loose] == [
        ("model:acme/a@1.0.0", "model:acme/gone@^1", False)
    ]
    tree = fine("lineage", "acme/a", "--repo", tmp_path / "r.git").out
    assert "depends_on  model:acme/gone@^1  (not there)" in tree


def test_the_difference_the_other_way_round_is_its_opposite(demo: Path) -> None:
    there, back = (told(demo, "graph", "diff", *moments) for moments in (("10", "40"), ("40", "10")))
    assert there["records"]["added"] == back["records"]["removed"] != []
    assert there["references"]["added"] == back["references"]["removed"] != []
    moved = [(each["before"], each["after"]) for each in there["references"]["moved"]]
    assert moved == [(each["after"], each["before"]) for each in back["references"]["moved"]]


def test_what_stands_at_both_moments_has_entered_or_left_a_lineage(tmp_path: Path) -> None:
    from index_support import commit, found, model

    registry, repo = found(tmp_path / "r.git"), tmp_path / "r.git"
    needs = {"dependencies": [{"ref": "acme/base@^1"}]}
    pinned = {"dependencies": [{"ref": "acme/base@1.0.0"}]}
    commit(registry.repo, {**model("base"), **model("user", spec=needs), **model("pinned", spec=pinned)})
    commit(registry.repo, model("base", "1.1.0"))
    exact = fine("graph", "diff", "2", "3", "--ref", "acme/base@1.0.0", "--repo", repo)
    user = "model:acme/user@1.0.0"
    moved = f"~ {user} depends_on model:acme/base@^1: model:acme/base@1.0.0 -> model:acme/base@1.1.0"
    assert exact.out.splitlines() == [f"< {user}", moved]
    assert exact.err == ""
    named = fine("graph", "diff", "2", "3", "--ref", "acme/base", "--repo", repo)
    assert named.out.splitlines() == [
        "+ model:acme/base@1.1.0",
        "< model:acme/base@1.0.0",
        "< model:acme/pinned@1.0.0",
        "< model:acme/pinned@1.0.0 depends_on model:acme/base@1.0.0",
        moved,
    ]
    assert "acme/base meant model:acme/base@1.0.0, and then model:acme/base@1.1.0" in named.err
    back = fine("graph", "diff", "3", "2", "--ref", "acme/base@1.0.0", "--repo", repo).out
    assert back.splitlines()[0] == f"> {user}"


def test_two_lineages_are_compared_in_as_many_statements_however_large_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from index_support import indexed, model

    from gitreg_indexer.graph import asking
    from gitreg_indexer.graph.answers import asked_of, diff_data
    from gitreg_indexer.tables import rows_of

    asked: list[str] = []

    def count(db: Any, query: str, more: Any) -> Any:
        asked.append(query)
        return rows_of(db, query, more)

    monkeypatch.setattr(asking, "rows_of", count)
    counts = []
    for many in (2, 40):
        names = [f"user{n}" for n in range(many)]
        users = {
            path: raw
            for name in names
            for path, raw in model(name, spec={"dependencies": [{"ref": "acme/base@^1"}]}).items()
        }
        _, index = indexed(tmp_path / str(many), {**model("base"), **users}, model("base", "1.1.0"))
        asked.clear()
        found = diff_data(index.reader(), "2", "3", asked_of(), ref="acme/base@1.0.0")
        assert len(found["records"]["left"]) == len(found["references"]["moved"]) == many
        counts.append(len(asked))
        index.close()
    assert counts[0] == counts[1]


def test_a_record_that_cannot_be_read_any_more_is_told_as_gone(tmp_path: Path) -> None:
    from index_support import commit, found, model

    registry = found(tmp_path / "r.git")
    commit(registry.repo, model("a"))
    commit(registry.repo, {"models/acme/a/1.0.0.yaml": b"kind: ["})
    for moments, key in ((("2", "3"), "removed"), (("3", "2"), "added")):
        records = told(tmp_path / "r.git", "graph", "diff", *moments, "--ref", "acme/a@1.0.0")["records"]
        assert records[key] == ["model:acme/a@1.0.0"]


def test_a_reference_that_moves_to_a_new_version_is_told(demo: Path) -> None:
    history = fine("history", "dataset:northwind/support/tickets-training@1.1.0", "--repo", demo, "--json").json
    seq = history[-1]["seq"]
    moved = told(demo, "graph", "diff", str(seq - 1), str(seq))["references"]["moved"]
    assert {(each["before"][-5:], each["after"][-5:]) for each in moved if "training" in each["constraint"]} == {
        ("1.0.0", "1.1.0")
    }


def test_a_circle_that_would_be_closed_is_told_and_exits_1(demo: Path) -> None:
    done = run("graph", "check", f"{BASE}@1.0.0", CLASSIFIER, "--repo", demo, "--json")
    circle = done.json["circle"]
    assert (done.code, done.json["closesCircle"]) == (1, True)
    assert circle[0] == circle[-1] == f"model:{BASE}@1.0.0"
    assert told(demo, "graph", "check", f"{BASE}@7.0.0", "northwind/platform/gpt-4o")["closesCircle"] is False


BAD: tuple[tuple[str, tuple[str, ...], int, str], ...] = (
    ("no such record", ("lineage", "northwind/support/ticket-clasifier"), 1, "did you mean"),
    ("no ref", ("lineage", "a@@b"), 2, "is not a ref"),
    ("no such direction", ("lineage", CLASSIFIER, "--direction", "sideways"), 2, "is no direction"),
    ("a misspelt relation", ("lineage", CLASSIFIER, "--relation", "derived-from"), 2, "did you mean derived_from"),
    ("no such kind", ("lineage", CLASSIFIER, "--kind", "modle"), 2, "modle"),
    ("no such reading", ("lineage", CLASSIFIER, "--reading", "best"), 2, "is no reading"),
    ("no such format", ("lineage", CLASSIFIER, "--format", "png"), 2, "is no format"),
    ("a depth of nothing", ("lineage", CLASSIFIER, "--depth", "0"), 2, "depth"),
    ("no such moment", ("lineage", CLASSIFIER, "--at", "2001-01-01"), 1, "2001-01-01"),
    ("before the record was", ("lineage", CLASSIFIER, "--at", "1"), 1, "there is no"),
    ("a script for links", ("lineage", CLASSIFIER, "--format", "svg", "--links", "javascript:x"), 2, "--links"),
    ("a way to nowhere", ("path", CLASSIFIER, "northwind/support/gone"), 1, "there is no"),
    ("a moment that never was", ("graph", "diff", "10", "9999"), 1, "9999"),
    ("a record that cannot be", ("graph", "check", "northwind/x@^1", CLASSIFIER), 1, "there is no"),
)


@pytest.mark.parametrize(("words", "code", "says"), [pytest.param(*case[1:], id=case[0]) for case in BAD])
def test_bad_input_is_told_with_the_mend(demo: Path, words: tuple[str, ...], code: int, says: str) -> None:
    done = run(*words, "--repo", demo)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "mend:" in done.err
