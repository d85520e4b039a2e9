"""Whatever comes in whatever batches, with however little room: ranks rise with the keys, and movements are told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import UID

from gitreg_indexer import ranks
from gitreg_indexer.catalog import Catalog, Making
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.ranks import paths_moved_since, rank_new
from gitreg_indexer.tables import facts, orders

laws = settings(max_examples=tries(15, 100), deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.text("ab\x01/~\xff😀", min_size=1, max_size=4)
batches = st.lists(st.lists(st.tuples(names, st.sampled_from(["", "1", "2"])), max_size=8), min_size=1, max_size=8)
Batch = Iterable[tuple[str, str]]


def put(catalog: Catalog, seq: int, batch: Batch) -> set[str]:
    """Put facts of these names and sort keys; give the paths whose rank is said to have moved."""
    rows = [
        {
            **dict.fromkeys(("kind", "version", "blob", "etag"), "x"),
            "namespace": "n",
            "name": name,
            "version_key": key,
            "ref": f"{name}@{key}",
            "path": f"{name}@{key}",
            "doc": b"{}",
            "seq_from": seq,
            "seq_to": FOREVER,
        }
        for name, key in batch
    ]
    with catalog.writing() as written:
        if rows:
            written.db.execute(facts.insert(), rows)
        rank_new(written.db, since=seq - 1, seq=seq)
    with catalog.reading() as db:
        return set(paths_moved_since(db, seq - 1))


def ranked(catalog: Catalog) -> dict[str, int]:
    """Give the ranks by path; they rise with the keys."""
    with catalog.reading() as db:
        found = sorted(
            (key, rank, path) for key, rank, path in db.execute(sa.select(orders.c.key, orders.c.rank, orders.c.path))
        )
    values = [rank for _, rank, _ in found]
    assert values == sorted(set(values))
    assert all(0 < rank < ranks.TOP for rank in values)
    return {path: rank for _, rank, path in found}


@laws
@given(batches, st.integers(min_value=7, max_value=62), st.sampled_from([0, 3, 1_000]), st.sampled_from([1, 4, 2**20]))
def test_ranks_rise_with_the_keys_and_movements_are_told(
    drawn: list[list[tuple[str, str]]], bits: int, many: int, step: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in (("BITS", bits), ("TOP", 2**bits), ("_MANY", many), ("_STEP", step)):
            patch.setattr(ranks, name, value)
        with closing(Catalog.open(Path(folder) / "catalog.sqlite3", Making(UID))) as catalog:
            before: dict[str, int] = {}
            for seq, batch in enumerate(drawn, start=1):
                moved = put(catalog, seq, batch)
                after = ranked(catalog)
                assert {path for path, rank in after.items() if before.get(path) != rank} <= moved
                assert set(after) == set(before) | {f"{name}@{key}" for name, key in batch}
                before = after


ENDS: Final = st.sampled_from(["up", "down", "gap", "ends"])


@laws
@given(ENDS, st.integers(min_value=1, max_value=100), st.integers(min_value=8, max_value=20))
def test_no_sequence_is_too_hard(way: str, count: int, bits: int) -> None:
    numbers = {
        "up": range(count),
        "down": range(count, 0, -1),
        "gap": [0, *range(999, 999 - count, -1)],
        "ends": [number if number % 2 else 999 - number for number in range(count)],
    }[way]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "BITS", bits)
        patch.setattr(ranks, "TOP", 2**bits)
        with closing(Catalog.open(Path(folder) / "catalog.sqlite3", Making(UID))) as catalog:
            for seq, number in enumerate(numbers, start=1):
                put(catalog, seq, [(f"{number:03}", "")])
            assert len(ranked(catalog)) == len(set(numbers))
