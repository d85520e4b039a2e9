"""Lineage is what anybody finds who follows every edge by hand, now and as of any commit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from effort import tries
from graph_support import (
    NAMED,
    SLOTS,
    Change,
    Mention,
    Said,
    World,
    as_expected,
    catalog_at,
    expected_lineage,
    histories,
    state_in,
    ways_to_ask,
    worlds,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import commit, found

from gitreg.refs import KINDS
from gitreg.registry import Registry
from gitreg_indexer.building import Builder
from gitreg_indexer.graph.lineage import DIRECTIONS, RELATIONS, Asked, Lineage, Node, trace
from gitreg_indexer.graph.state import READINGS, State


def laws(usually: int, thoroughly: int) -> settings:
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=tries(usually, thoroughly), deadline=None, suppress_health_check=health)


ASKED: Final = st.builds(
    Asked,
    st.sampled_from(DIRECTIONS),
    st.sampled_from([None, 0, 1, 2, 3]),
    st.sets(st.sampled_from(RELATIONS), min_size=1).map(sorted),
    st.one_of(st.just([]), st.sets(st.sampled_from(["Model", "Dataset", "Pipeline", "Config"])).map(sorted)),
    st.sampled_from(READINGS),
)


@contextmanager
def _founded() -> Iterator[tuple[Registry, Path]]:
    with tempfile.TemporaryDirectory() as where:
        yield found(Path(where) / "r.git"), Path(where)


@contextmanager
def _standing(world: World) -> Iterator[State]:
    """Have a catalog of a registry that stands."""
    with _founded() as (registry, folder), catalog_at(folder / "catalog.sqlite3") as catalog:
        commit(registry.repo, Change(tuple(world.records.values()), aliases=world.aliases).files())
        Builder(registry, catalog).follow(None)
        with catalog.reading() as db:
            yield state_in(db)


@laws(12, 400)
@given(worlds(), st.lists(ASKED, min_size=4, max_size=4))
def test_lineage_is_what_following_every_edge_finds(world: World, asked: list[Asked]) -> None:
    with _standing(world) as state:
        for one in world.records.values():
            for each in (*asked, *ways_to_ask(RELATIONS)):
                lineage = trace(state_in(state.db), one.ref, each)
                assert as_expected(lineage) == expected_lineage(world, one.ref, each)
                assert (lineage.root, lineage.is_cut) == (one.ref, False)
                assert lineage.depth == max(abs(node.distance) for node in lineage.nodes)
                assert trace(state, one.ref, each) == lineage  # a state that has been asked before says the same
                assert list(lineage.nodes) == sorted(lineage.nodes, key=_place)


def _place(node: Node) -> tuple[int, bool, str]:
    return abs(node.distance), node.distance > 0, node.ref


@laws(8, 200)
@given(worlds())
def test_what_is_cut_is_the_nearest_and_says_so(world: World) -> None:
    with _standing(world) as state:
        for one in world.records.values():
            for asked in ways_to_ask(RELATIONS):
                whole = trace(state, one.ref, asked)
                for limit in range(1, len(whole.nodes) + 2):
                    part = trace(state_in(state.db), one.ref, Asked(**{**_words(asked), "limit": limit}))
                    _check_cut(part, whole, limit, is_both=asked.direction == "both")


def _check_cut(part: Lineage, whole: Lineage, limit: int, *, is_both: bool) -> None:
    assert part.is_cut == (len(whole.nodes) > limit)
    assert len(part.nodes) == min(limit, len(whole.nodes))
    known = {node.ref for node in part.nodes}
    assert set(part.lines) <= set(whole.lines)
    assert all({line.source, line.target} <= known for line in part.lines)
    assert {node.ref for node in part.nodes} <= {node.ref for node in whole.nodes}
    assert part.nodes == whole.nodes[:limit]
    if not part.is_cut:
        assert part == whole


def _words(asked: Asked) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Asked.__dataclass_fields__}


@laws(6, 150)
@given(histories, st.lists(ASKED, min_size=3, max_size=3))
def test_the_past_is_told_as_a_catalog_made_then_tells_it(steps: list[Change], asked: list[Asked]) -> None:
    """Grown commit by commit and asked afterwards, made of that commit alone, and made without the past."""
    with _founded() as (registry, folder), catalog_at(folder / "grown") as grown:
        worlds_then, world = [], World({}, {})
        for step in steps:
            commit(registry.repo, step.files())
            Builder(registry, grown).follow(None)
            world = world.then(step)
            worlds_then.append(world)
        with grown.reading() as db:
            for seq, then in enumerate(worlds_then, start=2):
                oid = registry.repo.resolve(f"main~{len(steps) + 1 - seq}")
                with catalog_at(folder / f"cold-{seq}") as cold, catalog_at(folder / f"bare-{seq}", "none") as bare:
                    Builder(registry, cold).follow(None, until=oid)
                    Builder(registry, bare).follow(None, until=oid)
                    with cold.reading() as one, bare.reading() as other:
                        states = state_in(db, seq), state_in(one), state_in(other)
                        _check_alike(then, states, [*asked, *ways_to_ask()])


def _check_alike(world: World, states: tuple[State, State, State], asked: list[Asked]) -> None:
    for one in world.records.values():
        for each in asked:
            grown, cold, bare = (trace(state, one.ref, each) for state in states)
            assert grown == cold
            assert as_expected(bare) == as_expected(cold) == expected_lineage(world, one.ref, each)


@laws(12, 200)
@given(worlds(), st.sampled_from(READINGS))
def test_what_is_upstream_of_one_has_it_downstream(world: World, reading: Any) -> None:
    with _standing(world) as state:
        ups = {one.ref: trace(state, one.ref, Asked("up", reading=reading)) for one in world.records.values()}
        downs = {one.ref: trace(state, one.ref, Asked("down", reading=reading)) for one in world.records.values()}
    above = {(ref, node.ref, -node.distance) for ref, told in ups.items() for node in told.nodes if not node.is_missing}
    below = {
        (node.ref, ref, node.distance) for ref, told in downs.items() for node in told.nodes if not node.is_missing
    }
    assert above == below


def test_these_laws_are_about_records_that_can_be_read() -> None:
    """Hold that what is drawn is written so that it is read; and that there are kinds of every sort."""
    listed = []
    for kind, name in NAMED:
        slots = {
            key: (Mention(slot.kinds[0], "a", "^1" if slot.has_selector else ""),) for key, slot in SLOTS[kind].items()
        }
        listed.append(Said(kind, name, "1.0.0", slots=slots))
    with _standing(World({one.path: one for one in listed}, {})) as state:
        assert all(state.standing(one.ref) for one in listed)
        said = {one.ref: [*state.out(one.ref, upstream=True), *state.out(one.ref, upstream=False)] for one in listed}
        assert all(len(said[one.ref]) == len(one.slots) for one in listed)
    assert {kind for kind, _ in NAMED} < set(KINDS)
