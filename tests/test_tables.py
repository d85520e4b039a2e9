"""A query that is prepared gives what the same query gives unprepared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa

from gitreg_indexer.tables import LISTED, Prepared, in_parts, meta, metadata, rows_of

KEYS: Final = [f"key {number}" for number in range(1_500)]
ODD: Final = ["", "'", '"', "[1]", ":listed", "é\u2028\U0001f600", "\\u0000"]


@pytest.fixture(scope="module")
def db() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(meta.insert(), [{"key": key, "value": f"of {key}"} for key in (*KEYS, *ODD)])
        yield connection
    engine.dispose()


def told(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in rows)


@pytest.mark.parametrize(
    "values",
    [[], KEYS[:1], KEYS[3:10] * 2, KEYS, ODD, ["none such"]],
    ids=["none", "one", "twice", "more-than-go-into-one", "odd", "unknown"],
)
def test_listed_values_are_found(db: sa.Connection, values: list[str]) -> None:
    query = sa.select(meta).where(meta.c.key.in_(LISTED), meta.c.value != "of key 5")
    expected = sorted((key, f"of {key}") for key in set(values) - {"key 5", "none such"})
    assert told(Prepared(query).rows_in(db, values)) == expected
    assert sorted(set(told(in_parts(db, query, values)))) == expected


@pytest.mark.parametrize("key", [KEYS[0], *ODD, "none such"])
def test_parameters_and_constants_both_hold(db: sa.Connection, key: str) -> None:
    query = sa.select(meta.c.value).where(meta.c.key == sa.bindparam("key"), meta.c.value != "of '").limit(3)
    asked = {"key": key, "not": "asked for"}
    assert told(Prepared(query).rows(db, asked)) == told(db.execute(query, {"key": key}))


def test_rows_come_one_by_one(db: sa.Connection) -> None:
    rows = rows_of(db, "SELECT key FROM meta WHERE key >= :least ORDER BY key", {"least": "key 7"})
    assert [next(rows), next(rows)] == [("key 7",), ("key 70",)]
    rows.close()  # type: ignore[attr-defined]
    assert told(Prepared(sa.select(sa.func.count()).select_from(meta)).rows(db)) == [(len(KEYS) + len(ODD),)]
