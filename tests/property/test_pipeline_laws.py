"""What holds of any pipeline: its order, its longest way, its circles, against the plainest way to find them."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Final

from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.pipelines.flows import circles, parts
from gitreg.pipelines.order import longest_way, run_order

LAW: Final = settings(max_examples=tries(150, 3000), deadline=None, derandomize=True, database=None)
NAMES: Final = ["a", "b", "c", "d", "e", "f"]
WAYS: Final = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12)
FORWARD: Final = WAYS.map(lambda ways: [(min(way), max(way)) for way in ways if way[0] != way[1]])
ORDERS: Final = st.permutations(NAMES)


def depth(stage: str, ways: list[tuple[str, str]], trail: tuple[str, ...] = ()) -> int | None:
    """Count the stages on the longest way to a stage; None where a circle lies on a way to it."""
    if stage in trail:
        return None
    depths = [depth(one, ways, (*trail, stage)) for one, other in ways if other == stage]
    known = [each for each in depths if each is not None]
    return None if len(known) < len(depths) else max(known, default=-1) + 1


@LAW
@given(ORDERS, WAYS)
def test_each_stage_runs_right_after_the_last_that_it_waits_for(names: list[str], ways: list[tuple[str, str]]) -> None:
    order = run_order(names, ways)
    place = {stage: n for n, batch in enumerate(order.batches) for stage in batch}
    assert {stage: place.get(stage) for stage in names} == {stage: depth(stage, ways) for stage in names}
    assert order.stuck == tuple(stage for stage in names if stage not in place)
    assert all(list(batch) == sorted(batch, key=names.index) for batch in order.batches)
    assert all(place[one] < place[other] for one, other in ways if one in place and other in place)


@LAW
@given(ORDERS, FORWARD, st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_no_way_is_longer_than_the_longest(names: list[str], ways: list[tuple[str, str]], times: list[int]) -> None:
    lengths = dict(zip(NAMES, times, strict=True))
    way, total = longest_way(run_order(names, ways), ways, lengths)
    assert all(step in ways for step in pairwise(way))
    assert sum(lengths[stage] for stage in way) == total
    every = (some for n in range(1, 5) for some in permutations(NAMES, n))
    assert total >= max(sum(lengths[s] for s in some) for some in every if all(s in ways for s in pairwise(some)))


def on_circles(ways: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Keep the ways that lie on circles or between them, taking away the others again and again."""
    kept = set(ways)
    while True:
        sources, targets = {one for one, _ in kept}, {other for _, other in kept}
        both = {(one, other) for one, other in kept if one in targets and other in sources}
        if both == kept:
            return kept
        kept = both


@LAW
@given(WAYS)
def test_circles_have_nothing_in_common_and_break_all_others(ways: list[tuple[str, str]]) -> None:
    found = list(circles(ways))
    gone = [stage for circle in found for stage in circle]
    assert len(set(gone)) == len(gone)
    assert all(step in ways for circle in found for step in pairwise([*circle, circle[0]]))
    assert on_circles([way for way in ways if not set(gone) & set(way)]) == set()
    assert bool(found) == bool(on_circles(ways))


@LAW
@given(ORDERS, WAYS)
def test_parts_hold_every_stage_once_and_no_way_leads_between_them(
    names: list[str], ways: list[tuple[str, str]]
) -> None:
    found = parts(names, ways)
    assert sorted(stage for part in found for stage in part) == sorted(names)
    assert all(any({one, other} <= part for part in found) for one, other in ways)
    assert [min(part, key=names.index) for part in found] == sorted(
        (min(part, key=names.index) for part in found), key=names.index
    )
