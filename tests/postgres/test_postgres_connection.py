"""What is sent to PostgreSQL comes back as it was, however it is sent; transactions end; lost connections are found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres_support import server_address
from sqlalchemy.exc import DBAPIError

from gitreg_indexer.catalog_postgres import connecting
from gitreg_indexer.postgres_address import Address
from gitreg_indexer.postgres_connection import Connection

pytestmark = pytest.mark.usefixtures("database")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
rows = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | texts, st.none() | st.binary(max_size=20)), max_size=30
)
kept = sa.Table(
    "kept_for_a_test",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
    sa.Column("number", sa.BigInteger),
    sa.Column("text", sa.Text(collation="C")),
    sa.Column("raw", sa.LargeBinary),
    prefixes=["TEMPORARY"],
)
asked = sa.select(kept.c.number, kept.c.text, kept.c.raw).order_by(kept.c.id)


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    made = connecting(Address.parse(server_address()), schema="public", only_reads=False)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def reading() -> Iterator[sa.Engine]:
    made = connecting(Address.parse(server_address()), schema="public", only_reads=True)
    yield made
    made.dispose()


def _put(db: sa.Connection, listed: list[tuple[int, str | None, bytes | None]]) -> None:
    kept.create(db)
    if listed:
        db.execute(kept.insert(), [{"number": n, "text": t, "raw": r} for n, t, r in listed])


@settings(deadline=None)
@given(rows)
def test_values_come_back_as_they_were(engine: sa.Engine, listed: list[tuple[int, str | None, bytes | None]]) -> None:
    with engine.connect() as db:
        _put(db, listed)
        assert [tuple(row) for row in db.execute(asked)] == listed
        in_parts = db.execution_options(yield_per=7).execute(asked)
        assert [tuple(row) for row in in_parts] == listed
        assert db.execute(sa.select(sa.func.count()).select_from(kept)).scalar() == len(listed)


@settings(deadline=None)
@given(st.lists(texts, unique=True, max_size=30))
def test_texts_are_ordered_as_python_orders_them(engine: sa.Engine, listed: list[str]) -> None:
    with engine.connect() as db:
        _put(db, [(0, text, None) for text in listed])
        found = [text for (text,) in db.execute(sa.select(kept.c.text).order_by(kept.c.text))]
        assert found == sorted(listed)
        for text in listed[:3]:
            lower = sa.select(sa.func.count()).where(kept.c.text < text)
            assert db.execute(lower).scalar() == sum(other < text for other in listed)


def test_many_rows_at_once_are_all_put_and_counted(engine: sa.Engine) -> None:
    with engine.connect() as db:
        _put(db, [(number, "x" * 100, b"\0" * 5000) for number in range(2345)])
        changed = db.execute(
            kept.update().where(kept.c.number == sa.bindparam("n")).values(text="y"),
            [{"n": number} for number in range(0, 3000, 2)],
        )
        assert changed.rowcount == 1173
        assert db.execute(sa.select(sa.func.count()).where(kept.c.text == "y")).scalar() == 1173


def test_a_row_that_is_refused_undoes_all_and_the_connection_goes_on(engine: sa.Engine) -> None:
    with engine.connect() as db:
        kept.create(db)
        db.commit()
        with pytest.raises(DBAPIError, match="duplicate key"):
            db.execute(kept.insert(), [{"id": number % 700} for number in range(1000)])
        db.rollback()
        assert db.execute(sa.select(sa.func.count()).select_from(kept)).scalar() == 0
        kept.drop(db)
        db.commit()


def _connection() -> Connection:
    return Connection(only_reads=True, **Address.parse(server_address()).how())


def test_a_statement_is_prepared_once_and_not_for_ever() -> None:
    with closing(_connection()) as connection:
        cursor = connection.cursor()
        for number in range(20):
            cursor.execute("SELECT %s::bigint", (number,))
            assert cursor.fetchall() == ([number],)
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::bigint'")
        assert cursor.fetchall() == ([1],)
        for number in range(600):
            cursor.execute(f"SELECT {number}, %s::text", ("x",))
        cursor.execute("SELECT count(*) <= 256 FROM pg_prepared_statements")
        assert cursor.fetchall() == ([True],)


def test_types_that_are_not_known_in_binary_come_as_text() -> None:
    with closing(_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT %s::numeric, 'x'::text", ("1.50",))
        assert [str(value) for value in cursor.fetchall()[0]] == ["1.50", "x"]


def test_a_reading_ends_although_nobody_waits_for_it(engine: sa.Engine, reading: sa.Engine) -> None:
    with reading.connect() as db:
        pid = db.execute(sa.text("SELECT pg_backend_pid()")).scalar()
    state = sa.text("SELECT state FROM pg_stat_activity WHERE pid = :pid")
    for _ in range(500):
        with engine.connect() as db:
            if db.execute(state, {"pid": pid}).scalar() == "idle":
                return
        time.sleep(0.01)
    raise AssertionError("the transaction is still open")


def test_what_only_reads_cannot_write(reading: sa.Engine) -> None:
    with reading.connect() as db, pytest.raises(DBAPIError, match="read-only transaction"):
        db.execute(sa.text("CREATE TABLE public.refused (id bigint)"))


@pytest.mark.parametrize("ends", range(3))
def test_connections_that_the_server_ended_are_replaced(engine: sa.Engine, reading: sa.Engine, ends: int) -> None:
    with reading.connect() as first, reading.connect() as second:
        pids = [db.execute(sa.text("SELECT pg_backend_pid()")).scalar() for db in (first, second)]
    with engine.begin() as db:
        for pid in pids:
            db.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with reading.connect() as db:
        assert db.execute(sa.text("SELECT pg_backend_pid()")).scalar() not in pids
