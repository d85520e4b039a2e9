"""Ways, circles, what hangs loose and what differs are what anybody finds who looks at every edge by hand."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from effort import tries
from graph_support import (
    NAMED,
    SELECTORS,
    SLOTS,
    Change,
    Mention,
    Said,
    Told,
    World,
    catalog_at,
    expected_lineage,
    histories,
    meant,
    satisfying,
    state_in,
    worlds,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import commit, found

from gitreg.kinds.references import NEEDING
from gitreg.refs import Ref
from gitreg_indexer.building import Builder
from gitreg_indexer.catalog import Catalog
from gitreg_indexer.graph import between
from gitreg_indexer.graph.between import Difference, difference, difference_of
from gitreg_indexer.graph.leftovers import USED_KINDS, dangling, orphans
from gitreg_indexer.graph.lineage import FOLLOWED, RELATIONS, Asked, trace
from gitreg_indexer.graph.state import READINGS, State
from gitreg_indexer.graph.ways import closed_by, shortest, ways_between


def laws(usually: int, thoroughly: int) -> settings:
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=tries(usually, thoroughly), deadline=None, suppress_health_check=health)


ASKED: Final = st.builds(
    Asked,
    relations=st.sets(st.sampled_from(RELATIONS), min_size=2).map(sorted),
    reading=st.sampled_from(READINGS),
)


@contextmanager
def _grown(steps: Sequence[Change]) -> Iterator[tuple[Catalog, list[World]]]:
    """Have a catalog of a history, and what stood after each commit: the first is of seq 1, before all of them."""
    with tempfile.TemporaryDirectory() as where:
        registry = found(Path(where) / "r.git")
        stood = [World({}, {})]
        for step in steps:
            commit(registry.repo, step.files())
            stood.append(stood[-1].then(step))
        with catalog_at(Path(where) / "catalog") as catalog:
            Builder(registry, catalog).follow(None)
            yield catalog, stood


@contextmanager
def _standing(world: World) -> Iterator[State]:
    with (
        _grown([Change(tuple(world.records.values()), aliases=world.aliases)]) as (catalog, _),
        catalog.reading() as db,
    ):
        yield state_in(db)


def _steps(edges: Sequence[Told]) -> Mapping[str, set[str]]:
    """Give by record what is one step downstream."""
    found: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        if not edge.is_missing:
            found[edge.upstream].add(edge.downstream)
    return found


def _told(world: World, asked: Asked) -> list[Told]:
    edges = world.resolved if asked.reading == "resolved" else world.admitted
    return [edge for edge in edges if edge.relation in asked.relations]


def _ways(steps: Mapping[str, set[str]], source: str, target: str) -> list[tuple[str, ...]]:
    """Find all ways, by going every one of them."""
    if source == target:
        return [(source,)]
    done: list[tuple[str, ...]] = []
    waiting: list[tuple[str, ...]] = [(source,)]
    while waiting:
        way = waiting.pop()
        for ref in steps.get(way[-1], set()) - set(way):
            (done if ref == target else waiting).append((*way, ref))
    return sorted(done, key=lambda way: (len(way), way))


@laws(12, 300)
@given(worlds(), ASKED)
def test_ways_are_all_ways_the_shortest_first(world: World, asked: Asked) -> None:
    steps = _steps(_told(world, asked))
    refs = sorted(one.ref for one in world.records.values())
    with _standing(world) as state:
        for source in refs:
            for target in refs:
                expected = _ways(steps, source, target)
                told = ways_between(state, source, target, asked, most=100_000)
                assert sorted(told.ways, key=lambda way: (len(way), way)) == expected
                assert [len(way) for way in told.ways] == sorted(len(way) for way in told.ways)
                assert not told.is_cut
                way = shortest(state_in(state.db), source, [target], asked)
                assert (way is None) == (not expected)
                assert way is None or (way in expected and len(way) == len(expected[0]))
                if len(expected) > 1:
                    part = ways_between(state, source, target, asked, most=len(expected) - 1)
                    assert len(part.ways) == len(expected) - 1
                    assert part.is_cut
                    assert set(part.ways) <= set(expected)


@laws(12, 300)
@given(worlds(), st.lists(st.tuples(st.sampled_from(NAMED), st.sampled_from(SELECTORS)), min_size=3, max_size=3))
def test_a_reference_closes_a_circle_just_where_there_is_one_with_it(
    world: World, wanted: list[tuple[tuple[str, str], str]]
) -> None:
    with _standing(world) as state:
        for named, version in [*[(named, "3.0.0") for named in NAMED], *[(named, "1.0.0") for named in NAMED]]:
            source = Mention(*named, version)
            for other, selector in wanted:
                _check_closing(world, state, source, Mention(*other, selector))


def _check_closing(world: World, state: State, source: Mention, wanted: Mention) -> None:
    """Say what the source says already and the new reference, then look for a way from the source back to it."""
    path = Said(source.kind, source.name, source.selector).path
    one = world.records.get(path, Said(source.kind, source.name, source.selector))
    then = World({**world.records, path: one}, world.aliases)
    needs: dict[str, set[str]] = defaultdict(set)
    for edge in then.admitted:
        if edge.relation in NEEDING and not edge.is_missing:
            needs[edge.source].add(edge.target)
    starts = satisfying(then, wanted)
    reached, waiting = set(starts), list(starts)
    while waiting:
        fresh = needs.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting += fresh
    circle = closed_by(state_in(state.db), one.ref, Ref.parse(wanted.text))
    assert (circle is not None) == (one.ref in reached)
    if circle is not None:
        assert circle[0] == circle[-1] == one.ref
        assert circle[1] in starts
        assert all(there in needs[here] for here, there in pairwise(circle[1:]))


@laws(10, 300)
@given(worlds(), st.integers(1, 4))
def test_what_hangs_loose_is_found_in_parts_of_any_size(world: World, size: int) -> None:
    edges = [edge for edge in world.admitted if edge.relation in FOLLOWED]
    used = {edge.upstream for edge in edges if edge.upstream != edge.downstream and not edge.is_missing}
    lonely = [one.ref for one in world.records.values() if one.kind in USED_KINDS and one.ref not in used]
    loose = sorted((edge.source, edge.field) for edge in edges if edge.is_missing)
    told: list[str] = []
    hanging: list[tuple[str, str]] = []
    with _standing(world) as state:
        after, place = "", 0
        while True:
            part = orphans(state_in(state.db), Asked(), after=after, size=size)
            told += [orphan.ref for orphan in part.orphans]
            if part.cursor is None:
                break
            after = part.cursor
        while True:
            part = dangling(state_in(state.db), Asked(), after=place, size=size)
            hanging += [(edge.source, edge.field) for edge in part.dangling]
            if part.cursor is None:
                break
            place = int(part.cursor)
    assert sorted(told) == sorted(lonely)
    assert len(told) == len(set(told))
    assert sorted(hanging) == loose


Sentence = tuple[str, str, str, bool, bool]
Spoken = dict[Sentence, str | None]
"""What records say of others, by who, how and of what, and what that resolves to."""


def _spoken(world: World) -> Spoken:
    found: Spoken = {}
    for one in world.records.values():
        for name, held in one.slots.items():
            slot = SLOTS[one.kind][name]
            for mention in held if slot.relation in FOLLOWED else ():
                reached = meant(world, mention)
                key = one.ref, slot.relation, mention.text, True, slot.is_upstream
                found[key] = reached[0] if reached else None
    return found


@laws(8, 200)
@given(histories)
def test_the_difference_between_two_moments_is_what_came_and_went(steps: list[Change]) -> None:
    with _grown(steps) as (catalog, stood), catalog.reading() as db:
        for first, one in enumerate(stood, start=1):
            for last, other in enumerate(stood, start=1):
                before, after = state_in(db, first), state_in(db, last)
                told = difference(before, after, first, last, Asked())
                _check_difference(told, one, other)
                _check_lineages(before, after, one, other)


def _check_difference(told: Difference, one: World, other: World) -> None:
    old, new = _spoken(one), _spoken(other)
    ones, others = ({record.ref for record in world.records.values()} for world in (one, other))
    kinds = tuple(f"{word}:" for word in ("model", "dataset", "config", "pipeline", "suite", "template"))
    added, removed = (
        [ref for ref in refs if ref.startswith(kinds)] for refs in (told.records_added, told.records_removed)
    )
    assert added == sorted(others - ones)
    assert removed == sorted(ones - others)
    assert [between._key(edge) for edge in told.added] == sorted(new.keys() - old.keys())
    assert [between._key(edge) for edge in told.removed] == sorted(old.keys() - new.keys())
    both_have = [key for key in old.keys() & new.keys() if key[1] != "configures"]
    moved = {key: (old[key], new[key]) for key in both_have if old[key] != new[key]}
    assert {between._key(each.edge): (each.before, each.after) for each in told.moved} == moved


def _check_lineages(before: State, after: State, one: World, other: World) -> None:
    for ref in {record.ref for record in one.records.values()} & {record.ref for record in other.records.values()}:
        traced = trace(before, ref, Asked()), trace(after, ref, Asked())
        told = difference_of(before, after, *traced)
        ways = [{between._key(line.edge) for line in each.lines} for each in traced]
        _check_references(told, _spoken(one), _spoken(other), *ways)
        ones, others = (
            {node[0] for node in expected_lineage(world, ref, Asked()).nodes if not node[4]} for world in (one, other)
        )
        stood, stands = ({record.ref for record in world.records.values()} for world in (one, other))
        assert set(told.records_added) == others - ones - stood
        assert set(told.records_removed) == ones - others - stands
        assert set(told.records_entered) == (others - ones) & stood
        assert set(told.records_left) == (ones - others) & stands
        assert told.roots == (ref, ref)


def _check_references(told: Difference, old: Spoken, new: Spoken, before: set[Sentence], after: set[Sentence]) -> None:
    """A reference that is only in one lineage came, went, moved, or stands at both moments and means the same."""
    both = {key for key in old.keys() & new.keys() if key[1] != "configures"}
    moved = {key for key in (before | after) & both if old[key] != new[key]}
    come, gone = after - before, before - after
    assert {between._key(edge) for edge in told.added} == come - old.keys()
    assert {between._key(edge) for edge in told.removed} == gone - new.keys()
    assert {between._key(edge) for edge in told.entered} == (come & old.keys()) - moved
    assert {between._key(edge) for edge in told.left} == (gone & new.keys()) - moved
    assert {between._key(each.edge): (each.before, each.after) for each in told.moved} == {
        key: (old[key], new[key]) for key in moved
    }
