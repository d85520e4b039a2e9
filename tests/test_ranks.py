"""Ranks are in the order of the keys whatever comes in whatever order, and whose rank moved is told."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from index_support import UID

from gitreg.versions import Version
from gitreg_indexer import ranks
from gitreg_indexer.catalog import Catalog, Making, Writing
from gitreg_indexer.documents import order_of
from gitreg_indexer.facts import Folded, Opened, etag_of
from gitreg_indexer.ranks import paths_moved_since, rank_new, ranks_of
from gitreg_indexer.tables import orders


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with closing(Catalog.open(tmp_path / "catalog.sqlite3", Making(UID))) as opened:
        yield opened


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> int:
    """Leave so little room that it is spread anew at every other insertion; give the number of bits."""
    bits = 8
    monkeypatch.setattr(ranks, "BITS", bits)
    monkeypatch.setattr(ranks, "TOP", 2**bits)
    return bits


def record(name: str, version: str = "1.0.0", *, namespace: str = "acme", seq: int = 1) -> Opened:
    doc = b"{}"
    path, ref = f"models/{namespace}/{name}/{version}.yaml", f"model:{namespace}/{name}@{version}"
    key = Version.parse(version).sort_key()
    return Opened("Model", namespace, name, version, key, ref, path, "0" * 40, seq, "active", None, etag_of(doc), doc)


def key_of(opened: Opened) -> str:
    return order_of(opened.namespace, opened.name, opened.version_key, opened.kind, opened.ref)


def put(catalog: Catalog, seq: int, opened: Iterable[Opened]) -> list[str]:
    """Commit some records and rank them; give the paths that moved."""
    listed = list(opened)
    with catalog.writing() as written:
        written.put(seq, Folded((), tuple(listed), (), ()))
        rank_new(written.db, since=seq - 1, seq=seq)
    with catalog.reading() as db:
        return paths_moved_since(db, seq - 1)


def kept(catalog: Catalog) -> list[tuple[str, int]]:
    with catalog.reading() as db:
        return [(key, rank) for key, rank in db.execute(sa.select(orders.c.key, orders.c.rank).order_by(orders.c.key))]


def check(catalog: Catalog, wanted: Iterable[Opened]) -> dict[str, int]:
    """Hold that the ranks of what was put are in the order of its keys; give them by path."""
    by_key = {key_of(opened): opened.path for opened in wanted}
    found = kept(catalog)
    assert [key for key, _ in found] == sorted(by_key)
    values = [rank for _, rank in found]
    assert values == sorted(set(values))
    assert all(0 < rank < ranks.TOP for rank in values)
    return {by_key[key]: rank for key, rank in found}


def one_by_one(catalog: Catalog, records: Sequence[Opened]) -> int:
    """Put records one a commit, checking order and movements after each; count the movements of others."""
    before: dict[str, int] = {}
    others = 0
    for number, opened in enumerate(records, start=1):
        moved = put(catalog, number, [record(opened.name, opened.version, namespace=opened.namespace, seq=number)])
        after = check(catalog, records[:number])
        changed = {path for path, rank in after.items() if before.get(path) != rank}
        assert changed <= set(moved)
        others += len(set(moved) - {opened.path})
        before = after
    return others


def named(numbers: Iterable[int]) -> list[Opened]:
    return [record(f"n{number:04}") for number in numbers]


def at_one_gap(count: int) -> list[int]:
    """Each comes just before the last one, and after all the others."""
    return [0, *range(9_000, 9_000 - count, -1)]


def alternating(count: int) -> list[int]:
    """From both ends to the middle."""
    return [number if number % 2 else 9_000 - number for number in range(count)]


SHUFFLED = random.Random(3).sample(range(9_000), 60)  # noqa: S311 - the same every time


@pytest.mark.parametrize(
    "numbers",
    [range(60), range(60, 0, -1), at_one_gap(60), alternating(60), SHUFFLED],
    ids=["ascending", "descending", "at one gap", "from both ends", "in any order"],
)
def test_ranks_are_in_the_order_of_keys_after_every_one(catalog: Catalog, narrow: int, numbers: Iterable[int]) -> None:
    assert one_by_one(catalog, named(numbers)) > 0


def test_versions_of_one_name_leave_each_other_in_peace(catalog: Catalog) -> None:
    """New versions come before the ones they follow, always at the same gap: there is room for many."""
    rising = [record("a", f"1.{number}.0") for number in range(100)]
    falling = [record("b", f"1.{number}.0") for number in range(100, 0, -1)]
    assert one_by_one(catalog, [record("z"), *rising, *falling]) == 0


def test_where_room_runs_out_few_are_moved(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_MANY", 10_000)
    put(catalog, 1, named(range(0, 9_000, 9)))
    moved = 0
    for number, opened in enumerate(named(at_one_gap(200)[1:]), start=2):
        moved += len(put(catalog, number, [record(opened.name, seq=number)])) - 1
    assert moved < 200 * 20


def test_the_newest_version_comes_first_and_names_in_the_order_of_their_texts(catalog: Catalog) -> None:
    records = [
        *(record("a", version) for version in ("1.0.0-rc.1", "1.0.0", "1.10.0", "1.9.0", "2.0.0+build")),
        *(record("a-b"), record("a"), record("B", namespace="acme-x"), record("b", namespace="acme/nlp")),
    ]
    unique = {opened.path: opened for opened in records}
    put(catalog, 1, unique.values())
    found = check(catalog, unique.values())
    assert sorted(found, key=found.__getitem__)[:6] == [
        "models/acme-x/B/1.0.0.yaml",
        "models/acme/a/2.0.0+build.yaml",
        "models/acme/a/1.10.0.yaml",
        "models/acme/a/1.9.0.yaml",
        "models/acme/a/1.0.0.yaml",
        "models/acme/a/1.0.0-rc.1.yaml",
    ]


def test_many_at_once_are_spread_anew_together_with_all(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_MANY", 5)
    first, second = named(range(0, 40, 2)), named(range(1, 40, 2))
    assert len(put(catalog, 1, first)) == 20
    assert len(put(catalog, 2, [record(opened.name, seq=2) for opened in second])) == 40
    found = sorted(check(catalog, [*first, *second]).values())
    gaps = {after - before for before, after in zip([0, *found], [*found, ranks.TOP], strict=True)}
    assert max(gaps) - min(gaps) <= 1


def test_records_that_were_changed_at_once_count_once_among_many(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "_MANY", 5)
    records = named(range(20))
    put(catalog, 1, [records[0], *records[:3], *records])
    found = sorted(check(catalog, records).values())
    gaps = {after - before for before, after in zip([0, *found], [*found, ranks.TOP], strict=True)}
    assert max(gaps) - min(gaps) <= 1


def test_as_many_as_there_is_room_for_fit(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "BITS", 4)
    monkeypatch.setattr(ranks, "TOP", 16)
    one_by_one(catalog, named(range(8)))
    assert [rank for _, rank in kept(catalog)] == sorted({rank for _, rank in kept(catalog)})


def test_what_is_ranked_already_keeps_its_rank(catalog: Catalog) -> None:
    put(catalog, 1, named(range(5)))
    before = kept(catalog)
    assert put(catalog, 2, []) == []
    with catalog.writing() as written:
        rank_new(written.db, since=0, seq=2)
    assert kept(catalog) == before


def test_a_record_that_comes_back_has_its_rank_again(catalog: Catalog) -> None:
    put(catalog, 1, named(range(3)))
    with catalog.writing() as written:
        written.put(2, Folded(("models/acme/n0001/1.0.0.yaml",), (), (), ()))
        written.put(3, Folded((), (record("n0001", seq=3),), (), ()))
        rank_new(written.db, since=1, seq=3)
    assert len(kept(catalog)) == 3
    with catalog.reading() as db:
        assert paths_moved_since(db, 1) == []


def test_ranks_are_given_by_key(catalog: Catalog) -> None:
    records = named(range(1200))
    put(catalog, 1, records)
    with catalog.reading() as db:
        assert ranks_of(db, []) == {}
        assert ranks_of(db, ["nothing"]) == {}
        assert ranks_of(db, map(key_of, records)) == dict(kept(catalog))


def test_a_transaction_that_fails_ranks_nothing(catalog: Catalog) -> None:
    def fail(written: Writing) -> None:
        written.put(1, Folded((), tuple(named(range(3))), (), ()))
        rank_new(written.db, since=0, seq=1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), catalog.writing() as written:
        fail(written)
    assert kept(catalog) == []


def test_aliases_come_after_the_versions_that_they_name() -> None:
    def place(name: str, version: str, kind: str = "Model") -> str:
        key = Version.parse(version).sort_key() if version else ""
        return order_of("acme", name, key, kind, f"{kind}:{name}@{version}")

    wanted = [
        place("a", "2.0.0"),
        place("a", "1.0.0"),
        place("Dataset/a", "", "Aliases"),
        place("Model/a", "", "Aliases"),
        place("a-b", "1.0.0"),
        place("b", "1.0.0"),
    ]
    assert sorted(wanted) == wanted
    assert len(set(wanted)) == len(wanted)
