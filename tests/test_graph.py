"""The graph that records draw: what a reference admits and means, who is affected, where it runs in circles."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from effort import tries
from gate_support import (
    BASE,
    aliases,
    change_of,
    config,
    dataset,
    model,
    new_registry,
    path_of,
    pipeline,
    versioned,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitreg.graph import CONSUMING, Graph, TooLarge, ref_at
from gitreg.refs import Address, Ref
from gitreg.repository.snapshot import Snapshot

CHAT, CHAT_1_1 = path_of(), path_of(version="1.1.0")
B, B2, B3 = path_of("b"), path_of("b", "2.0.0"), path_of("b", "3.0.0-rc.1")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("graph"), BASE).snapshot()


def needing(name: str, *refs: str, version: str = "1.0.0") -> bytes:
    return model(name, version, dependencies=[{"ref": ref} for ref in refs])


def suite(name: str, target: str) -> bytes:
    case = {"id": "a", "name": "A", "type": "functional", "priority": "high", "input": 1}
    return versioned("TestSuite", name, target=target, cases=[case])


def state_of(base: Snapshot, files: Mapping[str, bytes]) -> Snapshot:
    return change_of(base, files).head


THREE = {
    B: model("b"),
    B2: model("b", "2.0.0", lifecycle={"status": "retired"}),
    B3: model("b", "3.0.0-rc.1"),
    "models/acme/b/aliases.yaml": aliases("b", good="2.0.0"),
}


@pytest.mark.parametrize(
    ("ref", "admitted", "meant"),
    [
        pytest.param("acme/b", [B3, B2, B], B, id="every-version"),
        pytest.param("acme/b@*", [B2, B], B, id="a-range"),
        pytest.param("acme/b@^1", [B], B, id="a-range-of-one"),
        pytest.param("acme/b@^9", [], None, id="a-range-of-none"),
        pytest.param("acme/b@2.0.0", [B2], B2, id="a-version"),
        pytest.param("acme/b@2.0.1", [], None, id="no-version"),
        pytest.param("acme/b@good", [B2], B2, id="an-alias"),
        pytest.param("acme/b@bad", [], None, id="no-alias"),
        pytest.param("acme/b@latest", [B], B, id="latest"),
        pytest.param("acme/no", [], None, id="no-name"),
        pytest.param("role:tester", ["access/tester.yaml"], "access/tester.yaml", id="a-role"),
        pytest.param("role:no", ["access/no.yaml"], None, id="no-role"),
    ],
)
def test_what_a_reference_admits_and_means(base: Snapshot, ref: str, admitted: list[str], meant: str | None) -> None:
    graph = Graph(state_of(base, THREE))
    for _ in range(2):  # asked, and remembered
        assert list(graph.admitted(Ref.parse(ref))) == admitted
        found = graph.meant(Ref.parse(ref))
        assert (found.path if found else None) == meant


def test_an_edge_is_a_relation_that_is_followed(base: Snapshot) -> None:
    files = {
        **THREE,
        path_of("a"): model(
            "a",
            dependencies=[{"ref": "acme/b@<=2"}, {"ref": "acme/b@^1"}],
            derivedFrom=[{"ref": "acme/chat@1.0.0"}],
            lifecycle={"successor": "acme/chat@1.1.0"},
        ),
        "suites/acme/s/1.0.0.yaml": suite("s", "acme/chat@^1"),
        path_of("x"): b"a: [",
    }
    state = state_of(base, files)
    assert Graph(state).edges(path_of("a")) == (CHAT, B2, B)
    assert Graph(state).edges("suites/acme/s/1.0.0.yaml") == ()
    assert Graph(state, CONSUMING).edges("suites/acme/s/1.0.0.yaml") == (CHAT_1_1, CHAT)
    assert Graph(state).edges(path_of("x")) == Graph(state).edges(path_of("no")) == ()


def test_a_graph_reads_no_more_than_it_may(base: Snapshot) -> None:
    graph = Graph(state_of(base, THREE), limit=2)
    assert (graph.edges(B), graph.edges(B2)) == ((), ())
    assert graph.edges(B) == ()
    with pytest.raises(TooLarge):
        graph.edges(B3)


def test_who_refers_to_a_name(base: Snapshot) -> None:
    files = {
        path_of("a"): needing("a", "acme/b@^1", "acme/chat@^1", "acme/b@^9"),
        path_of("c"): model("c", description="Not like acme/b."),
        path_of("d"): needing("d", "dataset:acme/b@^1"),
        B: needing("b", "acme/chat@^1"),
    }
    graph = Graph(state_of(base, files))
    named = [Address("Model", "acme", "b", "1.0.0")]
    assert [(record.address.name, found.field) for record, found in graph.referrers(named)] == [
        ("a", "spec.dependencies[0].ref"),
        ("a", "spec.dependencies[2].ref"),
    ]
    assert list(graph.referrers([Address("Role", "", "tester")])) == []
    two = [*named, Address("Model", "acme", "chat", "1.0.0")]
    assert [record.address.name for record, _ in graph.referrers(two)] == ["a", "a", "a", "b"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, False, id="nobody"),
        pytest.param({path_of("a"): needing("a", "acme/b@^1")}, True, id="another-one"),
        pytest.param({B2: needing("b", "acme/b@^1", version="2.0.0")}, True, id="its-own-other-version"),
        pytest.param({B2: model("b", "2.0.0", description="After acme/b@1.")}, False, id="only-prose-of-its-own"),
        pytest.param({path_of("b-c"): needing("b-c", "acme/b-c@^1")}, False, id="a-longer-name"),
        pytest.param({B2: b"a: [acme/b"}, False, id="nothing-that-can-be-read"),
    ],
)
def test_whether_a_name_is_mentioned(base: Snapshot, files: Mapping[str, bytes], expected: bool) -> None:
    graph = Graph(state_of(base, {B: model("b"), **files}))
    assert graph.is_mentioned(Address("Model", "acme", "b", "1.0.0")) is expected


def test_consumers_come_by_breadth_with_their_way(base: Snapshot) -> None:
    files = {
        B: model("b"),
        B2: model("b", "2.0.0"),
        path_of("a"): needing("a", "acme/b@^1"),
        path_of("c"): needing("c", "acme/a@^1", "acme/b@1.0.0"),
        path_of("d"): needing("d", "acme/c@^1"),
        path_of("e"): needing("e", "acme/b@^2"),
        path_of("f"): model("f", lifecycle={"successor": "acme/b@1.0.0"}),
        path_of("g"): needing("g", "acme/b@^9"),
        "suites/acme/s/1.0.0.yaml": suite("s", "acme/b@^1"),
    }
    found = list(Graph(state_of(base, files), CONSUMING).consumers(Address("Model", "acme", "b", "1.0.0")))
    assert [(each.address.name, each.distance, each.relation, each.field) for each in found] == [
        ("a", 1, "depends_on", "spec.dependencies[0].ref"),
        ("c", 1, "depends_on", "spec.dependencies[1].ref"),
        ("s", 1, "validates", "spec.target"),
        ("d", 2, "depends_on", "spec.dependencies[0].ref"),
    ]
    assert found[-1].path == ("model:acme/b@1.0.0", "model:acme/c@1.0.0", "model:acme/d@1.0.0")
    assert len(list(Graph(state_of(base, files)).consumers(Address("Model", "acme", "b", "1.0.0")))) == 3


FLOW = {
    "datasets/acme/raw/1.0.0.yaml": dataset("raw"),
    "datasets/acme/clean/1.0.0.yaml": dataset("clean"),
    "pipelines/acme/p/1.0.0.yaml": pipeline("p", reads=["acme/raw@^1"], writes=["acme/clean@^1"]),
    path_of("m"): model("m", dependencies=[{"ref": "dataset:acme/clean@^1"}]),
    "configs/acme/c/1.0.0.yaml": config("c", appliesTo=["acme/m", "acme/no"]),
    path_of("m", "2.0.0"): model("m", "2.0.0"),
}


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        pytest.param(
            Address("Dataset", "acme", "raw", "1.0.0"),
            [
                ("pipeline:acme/p@1.0.0", "spec.reads[0]", 1),
                ("dataset:acme/clean@1.0.0", "spec.writes[0]", 2),
                ("model:acme/m@1.0.0", "spec.dependencies[0].ref", 3),
            ],
            id="what-a-pipeline-reads",
        ),
        pytest.param(
            Address("Dataset", "acme", "clean", "1.0.0"),
            [("model:acme/m@1.0.0", "spec.dependencies[0].ref", 1)],
            id="what-a-pipeline-writes",
        ),
        pytest.param(
            Address("Config", "acme", "c", "1.0.0"),
            [("model:acme/m@2.0.0", "spec.appliesTo[0]", 1), ("model:acme/m@1.0.0", "spec.appliesTo[0]", 1)],
            id="settings",
        ),
        pytest.param(Address("Model", "acme", "m", "1.0.0"), [], id="what-settings-are-for"),
    ],
)
def test_consumers_are_found_as_data_flow(base: Snapshot, start: Address, expected: list[tuple[str, str, int]]) -> None:
    found = Graph(state_of(base, FLOW), CONSUMING).consumers(start)
    assert [(each.address.ref, each.field, each.distance) for each in found] == expected


def test_consumers_of_a_circle_end_and_are_bounded(base: Snapshot) -> None:
    ring = {path_of(f"r{n}"): needing(f"r{n}", f"acme/r{(n + 1) % 4}@^1") for n in range(4)}
    graph = Graph(state_of(base, ring))
    start = Address("Model", "acme", "r0", "1.0.0")
    assert [each.address.name for each in graph.consumers(start)] == ["r3", "r2", "r1"]
    assert len(list(graph.consumers(start, limit=4))) == 3
    with pytest.raises(TooLarge):
        list(graph.consumers(start, limit=3))


def test_a_path_is_shown_as_a_ref() -> None:
    assert (ref_at(CHAT), ref_at("docs/a.md")) == ("model:acme/chat@1.0.0", "docs/a.md")


class Drawn(Graph):
    """A graph of edges that are given, not read."""

    def __init__(self, state: Snapshot, drawn: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(state)
        self._edges = dict(drawn)


def test_a_chain_and_a_circle_of_any_length_are_walked(base: Snapshot) -> None:
    chain = {str(n): (str(n + 1),) for n in range(3000)} | {"3000": ()}
    assert list(Drawn(base, chain).circles(["0"])) == []
    circle = Drawn(base, {**chain, "3000": ("0",)})
    (part,) = circle.circles(["1500", "0"])
    assert part == frozenset(circle._edges)
    assert len(circle.circle_through("7", part)) == 3002


def test_a_chain_of_records_is_walked(base: Snapshot) -> None:
    files = {path_of(f"c{n}"): needing(f"c{n}", f"acme/c{n + 1}@1.0.0") for n in range(300)}
    state = state_of(base, files)
    assert list(Graph(state).circles([path_of("c0")])) == []
    assert len(list(Graph(state).consumers(Address("Model", "acme", "c299", "1.0.0")))) == 299


def reached(edges: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    """Give what can be reached from a node in one step or more."""
    found: set[str] = set()
    left = list(edges[start])
    while left:
        here = left.pop()
        if here not in found:
            found.add(here)
            left.extend(edges[here])
    return found


NODES = tuple("abcdefg")
EDGES = st.fixed_dictionaries({node: st.lists(st.sampled_from(NODES), max_size=3).map(tuple) for node in NODES})


def expected_circles(edges: Mapping[str, tuple[str, ...]], starts: list[str]) -> set[frozenset[str]]:
    below = {node: reached(edges, node) for node in edges}
    seen = set(starts).union(*(below[start] for start in starts))
    return {frozenset(other for other in below[node] if node in below[other]) for node in seen if node in below[node]}


@settings(max_examples=tries(100, 900), deadline=None, derandomize=True, database=None)
@given(EDGES, st.lists(st.sampled_from(NODES), min_size=1, unique=True))
def test_circles_are_those_that_anybody_would_find(edges: dict[str, tuple[str, ...]], starts: list[str]) -> None:
    graph = Drawn(Snapshot.__new__(Snapshot), edges)
    found = list(graph.circles(starts))
    assert set(found) == expected_circles(edges, starts)
    assert len(found) == len(set(found))
    for part in found:
        for node in part:
            way = graph.circle_through(node, part)
            assert way[0] == way[-1] == node
            assert len(way) > 1
            assert all(after in edges[before] for before, after in pairwise(way))
            assert len(set(way[1:])) == len(way) - 1


SELECTORS = {"": {1, 2, 3}, "@^1": {1}, "@>=2.0.0 <4.0.0": {2, 3}, "@3.0.0": {3}, "@*": {1, 2, 3}, "@^9": set()}
RECORDS = [(name, version) for name in "xyz" for version in (1, 2, 3)]
WANTS = st.dictionaries(
    st.sampled_from(RECORDS),
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(sorted(SELECTORS))), max_size=2),
    min_size=1,
)


@settings(
    max_examples=tries(30, 200),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(WANTS)
def test_circles_go_through_every_version_that_satisfies(
    base: Snapshot, wants: dict[tuple[str, int], list[tuple[str, str]]]
) -> None:
    files = {
        path_of(name, f"{version}.0.0"): needing(
            name, *(f"acme/{to}{how}" for to, how in refs), version=f"{version}.0.0"
        )
        for (name, version), refs in wants.items()
    }
    edges = {
        path_of(name, f"{version}.0.0"): tuple(
            path_of(to, f"{major}.0.0") for to, how in refs for major in SELECTORS[how] if (to, major) in wants
        )
        for (name, version), refs in wants.items()
    }
    found = set(Graph(state_of(base, files)).circles(sorted(files)))
    assert found == expected_circles(edges, sorted(files))
