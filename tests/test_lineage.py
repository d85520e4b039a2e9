"""Lineage as readers ask for it: of a registry that grows, at any of its moments, in files and in PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from graph_support import (
    BAD,
    Change,
    Mention,
    Said,
    World,
    as_expected,
    catalog_at,
    expected_lineage,
    state_in,
    ways_to_ask,
)
from index_support import aliases, commit, found, indexed, manifest, model, of

from gitreg_indexer import Index
from gitreg_indexer.catalog import Catalog
from gitreg_indexer.facts import Folded, Link, Opened, etag_of
from gitreg_indexer.graph import asking
from gitreg_indexer.graph.lineage import RELATIONS, Asked, Direction, Lineage, Node, kind_of, trace
from gitreg_indexer.graph.state import name_of
from gitreg_indexer.tables import rows_of

pytestmark = pytest.mark.usefixtures("each_catalog")


def mention(text: str) -> Mention:
    kind, _, rest = text.rpartition(":")
    name, _, selector = rest.partition("@")
    return Mention(kind or "Model", name, selector)


def said(name: str, version: str = "1.0.0", status: str = "active", **slots: str) -> Said:
    """Make a record; each slot holds refs with spaces between them."""
    kind, _, name = name.rpartition(":")
    held = {slot: tuple(map(mention, texts.split(" "))) for slot, texts in slots.items()}
    return Said(kind or "Model", name, version, status, held)


HISTORY: Final = (
    Change(
        (
            said("base"),
            said("Dataset:raw"),
            said("Dataset:clean", sources="Dataset:raw@^1"),
            said("a", derivedFrom="base@1.0.0", dependencies="Dataset:clean@^1 gone@^1"),
            said("Config:c", appliesTo="a"),
            said("TestSuite:s", target="a@latest"),
            said("Pipeline:p", models="a@^1", reads="Dataset:raw", writes="Dataset:clean@1.0.0"),
        )
    ),
    Change((said("a", "1.1.0", derivedFrom="a@1.0.0 base@stable"), said("base", "2.0.0"))),
    Change((said("base", "2.0.0", "retired"),), aliases={("Model", "base"): {"stable": "2.0.0"}}),
    Change(
        (said("gone", next="a@^1"), said("x", dependencies="y@^1 base base@>=1"), said("y", dependencies="x@1.0.0 y"))
    ),
    Change((said("a", "1.1.0", "deprecated", derivedFrom="a@1.0.0"),), removed=(said("Dataset:raw").path,)),
    Change((), broken=(said("a").path,), aliases={("Model", "base"): {"stable": "1.0.0"}}),
)


@pytest.fixture(scope="module")
def grown(each_catalog: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Index, list[World]]]:
    """An index of HISTORY, and what stood after each of its commits."""
    registry, index = indexed(tmp_path_factory.mktemp("grown"))
    worlds, world = [], World({}, {})
    for change in HISTORY:
        commit(registry.repo, change.files())
        index.catch_up()
        world = world.then(change)
        worlds.append(world)
    with closing(index):
        yield index, worlds


@pytest.mark.parametrize("number", range(len(HISTORY)))
def test_lineage_as_of_a_commit(grown: tuple[Index, list[World]], number: int) -> None:
    index, worlds = grown
    world, at = worlds[number], number + 2
    is_now = number == len(worlds) - 1
    with index.reader().graph(at=at) as then, index.reader().graph() as now:
        assert then.position.seq == at
        assert now.position == index.reader().position()
        for one in world.records.values():
            root = then.resolve(of(one.ref)).ref
            for asked in ways_to_ask(RELATIONS):
                told = trace(then.state, root, asked)
                assert as_expected(told) == expected_lineage(world, root, asked)
                if is_now:
                    assert trace(now.state, root, asked) == told


def test_since_when_one_speaks_of_another_is_told(grown: tuple[Index, list[World]]) -> None:
    index, _ = grown
    with index.reader().graph(at=6) as graph:
        lines = trace(graph.state, "model:acme/a@1.1.0", Asked("up", depth=1)).lines
        assert [(line.source, line.target, line.edge.since) for line in lines] == [
            ("config:acme/c@1.0.0", "model:acme/a@1.1.0", 2),  # said before there was this version of it
            ("model:acme/a@1.1.0", "model:acme/a@1.0.0", 3),
        ]
        (line,) = trace(graph.state, "suite:acme/s@1.0.0", Asked("up", depth=1)).lines
        assert (line.target, line.edge.since, line.edge.wanted) == ("model:acme/a@1.1.0", 2, "model:acme/a@latest")


def test_what_is_known_of_records(grown: tuple[Index, list[World]]) -> None:
    index, _ = grown
    with index.reader().graph() as graph:
        state = graph.state
        assert [str(version) for version in state.versions("model:acme/base")] == ["2.0.0", "1.0.0"]
        assert list(state.versions("model:acme/nobody")) == []
        (standing, nothing) = state.standing("model:acme/base@2.0.0"), state.standing("model:acme/a@1.0.0")
        assert standing is not None
        assert (standing.status, standing.severity, nothing) == ("retired", None, None)
        registry = state.standing("registry")
        assert registry is not None
        assert registry.status is None
        assert (kind_of("suite:acme/s@1.0.0"), kind_of("registry")) == ("TestSuite", "Registry")


def test_records_of_kinds_without_versions_are_part_of_the_graph(tmp_path: Path) -> None:
    policy: dict[str, Any] = {
        "title": "T",
        "severity": "high",
        "category": "licensing",
        "appliesTo": ["Model"],
        "remediation": "R.",
    }
    policy |= {"rule": {"language": "conditions", "allOf": [{"field": "spec.license", "operator": "exists"}]}}
    metadata = {"namespace": "acme", "name": "lic", "version": "1.0.0"}
    files = {
        "policies/acme/lic/1.0.0.yaml": manifest("Policy", metadata, policy),
        "policy-links/acme/all.yaml": manifest(
            "PolicyLink",
            {"namespace": "acme", "name": "all"},
            {"policies": ["acme/lic@^1"], "selector": {"refs": ["acme/a"]}},
        ),
        "namespaces/acme/nlp.yaml": manifest(
            "Namespace", {"name": "acme/nlp"}, {"owners": ["author@example.com"], "requiredPolicies": ["acme/lic"]}
        ),
        "access/tester.yaml": manifest("Role", {"name": "tester"}, {"permissions": ["registry:read"]}),
        **model("a", spec={"dependencies": [{"ref": "role:tester"}, {"ref": "role:nobody"}]}),
        **model("a", "1.1.0", labels={"criticality": "high"}),
        **aliases("a", good="1.0.0"),
        **model("b", spec={"dependencies": [{"ref": "aliases:model/acme/a"}, {"ref": "namespace:acme/nlp"}]}),
    }
    _, index = indexed(tmp_path, files)
    with index.reader().graph() as graph:
        up = trace(graph.state, "policy-link:acme/all", Asked("up"))
        assert [(node.ref, node.distance) for node in up.nodes[1:]] == [
            ("model:acme/a@1.0.0", -1),
            ("model:acme/a@1.1.0", -1),
            ("policy:acme/lic@1.0.0", -1),
            ("role:nobody", -2),
            ("role:tester", -2),
        ]
        assert [node.ref for node in up.nodes if node.is_missing] == ["role:nobody"]
        down = trace(graph.state, "policy:acme/lic@1.0.0", Asked("down"))
        assert [node.ref for node in down.nodes[1:]] == [
            "namespace:acme/nlp",
            "policy-link:acme/all",
            "model:acme/b@1.0.0",
        ]
        assert [node.ref for node in trace(graph.state, "role:tester", Asked("down")).nodes[1:]] == [
            "model:acme/a@1.0.0",
            "policy-link:acme/all",
        ]
        assert [node.ref for node in trace(graph.state, "aliases:model/acme/a", Asked("down")).nodes[1:]] == [
            "model:acme/b@1.0.0"
        ]
        standing = graph.state.standing("model:acme/a@1.1.0")
        assert standing is not None
        assert standing.severity == "high"
    index.close()


def test_successors_are_followed_only_where_they_are_asked_for(grown: tuple[Index, list[World]]) -> None:
    index, _ = grown
    with index.reader().graph(at=5) as graph:
        usual = trace(graph.state, "model:acme/gone@1.0.0", Asked("down"))
        asked = trace(graph.state, "model:acme/gone@1.0.0", Asked("down", relations=["replaces"]))
    assert "replaces" not in {line.edge.relation for line in usual.lines}
    assert [(node.ref, node.distance) for node in asked.nodes] == [
        ("model:acme/gone@1.0.0", 0),
        ("model:acme/a@1.1.0", 1),
    ]


def test_a_reading_is_of_one_state_whatever_is_committed_meanwhile(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, {**model("b"), **model("a", spec={"dependencies": [{"ref": "acme/b@^1"}]})})
    with index.reader().graph() as graph:
        before = trace(graph.state, "model:acme/a@1.0.0", Asked())
    with index.reader().graph(at=2) as graph:
        commit(registry.repo, {**model("b", "1.1.0"), "models/acme/a/1.0.0.yaml": BAD})
        index.catch_up()
        assert trace(graph.state, "model:acme/a@1.0.0", Asked()) == before
    with index.reader().graph(at=2) as graph:
        assert trace(graph.state, "model:acme/a@1.0.0", Asked()) == before
    with index.reader().graph() as graph:
        assert graph.state.standing("model:acme/a@1.0.0") is None
        assert trace(graph.state, "model:acme/b@1.0.0", Asked()).lines == ()
    index.close()


# Made by hand: many


def record(name: str, *targets: str) -> Opened:
    doc, ref = b"{}", f"model:acme/{name}@1.0.0"
    links = tuple(
        Link(f"spec.dependencies[{n}].ref", "depends_on", f"model:acme/{target}", "^1", True)
        for n, target in enumerate(targets)
    )
    path = f"models/acme/{name}/1.0.0.yaml"
    return Opened("Model", "acme", name, "1.0.0", "1", ref, path, "0" * 40, 1, "active", None, etag_of(doc), doc, links)


@contextmanager
def catalog_of(folder: Path, *records: Opened) -> Iterator[Catalog]:
    with catalog_at(folder / "catalog.sqlite3") as catalog:
        with catalog.writing() as written:
            written.put(1, Folded((), records, (), ()))
        yield catalog


LENGTH: Final = 10_000


@pytest.mark.own_catalog
@pytest.mark.parametrize("is_closed", [False, True], ids=["a chain", "a circle"])
def test_chains_and_circles_of_any_length_are_walked(tmp_path: Path, is_closed: bool) -> None:
    records = [record(f"n{n}", f"n{n + 1}") for n in range(LENGTH - 1)]
    records.append(record(f"n{LENGTH - 1}", *(["n0"] if is_closed else [])))
    with catalog_of(tmp_path, *records) as catalog, catalog.reading() as db:
        state = state_in(db)
        for upstream in (False, True):  # all at once; a walk would ask for each breadth
            state.read_out([one.ref for one in records], upstream=upstream)
            state.read_into([name_of(one.ref) for one in records], upstream=upstream)
        ends: dict[Direction, str] = {"up": "n0", "down": f"n{LENGTH - 1}"}
        for direction, root in ends.items():
            told = trace(state, f"model:acme/{root}@1.0.0", Asked(direction, limit=LENGTH))
            assert (len(told.nodes), len(told.lines)) == (LENGTH, LENGTH if is_closed else LENGTH - 1)
            assert (told.depth, told.is_cut) == (LENGTH - 1, False)
            assert abs(told.nodes[-1].distance) == LENGTH - 1


def lineage_of(catalog: Catalog, root: str, asked: Asked) -> Lineage:
    with catalog.reading() as db:
        return trace(state_in(db), root, asked)


def test_the_shorter_way_round_a_circle_is_told(tmp_path: Path) -> None:
    ring = [record(f"n{n}", f"n{(n + 1) % 5}") for n in range(5)]
    with catalog_of(tmp_path, *ring) as catalog:
        told = lineage_of(catalog, "model:acme/n0@1.0.0", Asked())
    assert [(node.ref[11:13], node.distance) for node in told.nodes] == [
        *(("n0", 0), ("n1", -1), ("n4", 1), ("n2", -2), ("n3", 2)),
    ]
    assert (len(told.lines), told.depth) == (5, 2)


def test_what_was_found_upstream_is_not_cut_off_downstream(tmp_path: Path) -> None:
    with catalog_of(tmp_path, record("a", "b"), record("b", "a")) as catalog:
        told = lineage_of(catalog, "model:acme/a@1.0.0", Asked(limit=2))
        assert (told.is_cut, len(told.nodes), len(told.lines)) == (False, 2, 2)
        told = lineage_of(catalog, "model:acme/a@1.0.0", Asked(limit=1))
        assert (told.is_cut, len(told.nodes), len(told.lines)) == (True, 1, 0)


def test_what_is_cut_off_does_not_depend_on_the_order_in_which_edges_came(tmp_path: Path) -> None:
    names = [f"n{n}" for n in range(40)]
    told = []
    for number in range(3):
        random.Random(number).shuffle(names)  # noqa: S311 - the same every time
        records = [record("hub", "z"), *(record(name, "hub") for name in names)]
        folder = tmp_path / str(number)
        folder.mkdir()
        with catalog_of(folder, *records) as catalog:
            told.append(lineage_of(catalog, "model:acme/hub@1.0.0", Asked("down", limit=11)))
    assert told[0] == told[1] == told[2]
    assert told[0].is_cut
    nearest = sorted(f"model:acme/{name}@1.0.0" for name in names)[:10]
    assert [node.ref for node in told[0].nodes] == ["model:acme/hub@1.0.0", *nearest]


def test_what_is_referred_to_twice_is_two_edges_to_one_node(tmp_path: Path) -> None:
    with catalog_of(tmp_path, record("a", "b", "b", "gone"), record("b")) as catalog:
        told = lineage_of(catalog, "model:acme/a@1.0.0", Asked())
    assert [(line.edge.field, line.target, line.is_missing) for line in told.lines] == [
        ("spec.dependencies[0].ref", "model:acme/b@1.0.0", False),
        ("spec.dependencies[1].ref", "model:acme/b@1.0.0", False),
        ("spec.dependencies[2].ref", "model:acme/gone@^1", True),
    ]
    assert told.nodes == (
        Node("model:acme/a@1.0.0", "Model", "active", 0),
        Node("model:acme/b@1.0.0", "Model", "active", -1),
        Node("model:acme/gone@^1", "Model", None, -1, is_missing=True),
    )


def test_each_record_and_each_name_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A breadth costs three statements, however many records there are in it."""
    wide = [record("top", *(f"m{n}" for n in range(30))), *(record(f"m{n}", "base", "top") for n in range(30))]
    with catalog_of(tmp_path, *wide, record("base")) as catalog, catalog.reading() as db:
        asked: list[Any] = []
        real = rows_of

        def count(*words: Any) -> Any:
            asked.append(words)
            return real(*words)

        monkeypatch.setattr(asking, "rows_of", count)
        state = state_in(db)
        told = trace(state, "model:acme/top@1.0.0", Asked())
        count_first = len(asked)
        assert trace(state, "model:acme/top@1.0.0", Asked()) == told
    assert len(told.nodes) == 32
    assert (count_first, len(asked)) == (13, 13)


def test_refs_decide_where_keys_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edges are looked up by digests; should two ever be one, the refs beside them decide."""
    records = [record("a", "b", "c"), record("b", "c"), record("c"), record("d", "c")]
    told = []
    for name in ("apart", "alike"):
        (tmp_path / name).mkdir()
        with catalog_of(tmp_path / name, *records) as catalog:
            told.append([lineage_of(catalog, one.ref, Asked()) for one in records])
        monkeypatch.setattr("gitreg_indexer.edges.edge_key", lambda _: 7)
        monkeypatch.setattr("gitreg_indexer.graph.asking.edge_key", lambda _: 7)
    assert told[0] == told[1]


def test_an_empty_registry_has_no_edges(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    index = Index.open(registry)
    index.catch_up()
    with index.reader().graph() as graph:
        told = trace(graph.state, "registry", Asked())
    assert (told.nodes, told.lines, told.depth) == ((Node("registry", "Registry", None, 0),), (), 0)
    index.close()
