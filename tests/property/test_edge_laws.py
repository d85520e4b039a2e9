"""Edges stand while records say so, however the catalog came about."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from effort import tries
from graph_support import SLOTS, Change, World, catalog_at, histories
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import commit, found

from gitreg_indexer.building import Builder
from gitreg_indexer.catalog import Catalog
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tables import edges

Row = tuple[Any, ...]


def rows_of(catalog: Catalog) -> list[Row]:
    with catalog.reading() as db:
        return sorted(tuple(row) for row in db.execute(sa.select(*(c for c in edges.c if c.name != "id"))))


def said_by(world: World) -> set[Row]:
    """Tell what records say of others: source, field, relation, target and selector."""
    return {
        (one.ref, slot.path.format(n), slot.relation, mention._replace(selector="").text, mention.selector)
        for one in world.records.values()
        for key, slot in SLOTS[one.kind].items()
        for n, mention in enumerate(one.slots.get(key, ()))
    }


def expected(steps: list[Change]) -> list[Row]:
    """Work out the edges with their intervals, looking at every commit."""
    world, open_since, ended = World({}, {}), dict[Row, int](), list[Row]()
    for seq, step in enumerate(steps, start=2):
        world = world.then(step)
        now = said_by(world)
        ended += [(*key, since, seq) for key, since in open_since.items() if key not in now]
        open_since = {key: open_since.get(key, seq) for key in now}
    return sorted([*ended, *((*key, since, FOREVER) for key, since in open_since.items())])


@settings(max_examples=tries(10, 200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories, st.lists(st.booleans(), min_size=5, max_size=5))
def test_edges_stand_while_records_say_so(steps: list[Change], pauses: list[bool]) -> None:
    with tempfile.TemporaryDirectory() as where, catalog_at(Path(where) / "grown") as grown:
        registry = found(Path(where) / "r.git")
        for step, pause in zip(steps, pauses, strict=False):
            commit(registry.repo, step.files())
            if pause:
                Builder(registry, grown).follow(None)
        Builder(registry, grown).follow(None)
        told = rows_of(grown)
        assert sorted((*row[2:7], *row[9:]) for row in told) == expected(steps)
        Builder(registry, grown).follow(None)
        assert rows_of(grown) == told
        with catalog_at(Path(where) / "fresh") as fresh, catalog_at(Path(where) / "again") as again:
            Builder(registry, fresh).follow(None)
            assert rows_of(fresh) == told
            Builder(registry, again, Path(where) / "grown").follow(None)
            assert rows_of(again) == told
        with catalog_at(Path(where) / "bare", "none") as bare:
            Builder(registry, bare, Path(where) / "grown").follow(None)
            standing = [row for row in told if row[-1] == FOREVER]
            assert [row[:9] for row in rows_of(bare)] == [row[:9] for row in standing]
            assert all(known[9] >= row[9] for known, row in zip(rows_of(bare), standing, strict=True))
