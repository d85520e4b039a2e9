"""The tables of the catalog, and how many rows are put in and asked for at once.

- Every fact and every edge carries `[seq_from, seq_to)`, in commits of main.
- The rows follow from Git alone, but for their ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

_MANY: Final = 512
"""Values in one `IN (...)`."""
_TOGETHER: Final = 1_000
"""Rows that are taken from a server at a time: who has enough takes no more."""
_NUMBER: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
metadata = sa.MetaData()
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
commits = sa.Table(
    "commits",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("oid", sa.String(64), nullable=False, index=True),
    sa.Column("time", sa.String(32), nullable=False, index=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("namespace", sa.String(256), nullable=False),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("version", sa.String(256), nullable=False),
    sa.Column("version_key", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("blob", sa.String(64), nullable=False),
    sa.Column("status", sa.String(32)),
    sa.Column("severity", sa.String(16)),
    sa.Column("seq_from", sa.BigInteger, nullable=False),
    sa.Column("seq_to", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.String(32), nullable=False),
    sa.Column("doc", sa.LargeBinary, nullable=False),
    # the rest beside the name, so that a graph is read off the index alone
    sa.Index("facts_by_name", "kind", "namespace", "name", "seq_to", "seq_from", "version", "status", "severity"),
    sa.Index("facts_by_path", "path", "seq_to"),
    sa.Index("facts_by_start", "seq_from"),
    sa.Index("facts_by_end", "seq_to"),
)
edges = sa.Table(
    "edges",
    metadata,
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("source_key", sa.BigInteger, nullable=False),
    sa.Column("target_key", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("relation", sa.String(16), nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("selector", sa.Text, nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("upstream", sa.Boolean, nullable=False),  # whether the target comes before the source
    sa.Column("seq_from", sa.BigInteger, nullable=False),
    sa.Column("seq_to", sa.BigInteger, nullable=False),
    sa.Index("edges_by_source", "source_key", "upstream", "seq_to"),
    sa.Index("edges_by_target", "target_key", "upstream", "seq_to"),
    sa.Index("edges_by_start", "seq_from"),
    sa.Index("edges_by_end", "seq_to"),
)
births = sa.Table(
    "births",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("registered_by", sa.Text, nullable=False),
)
quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("blob", sa.String(64), nullable=False),
    sa.Column("findings", sa.LargeBinary, nullable=False),
    sa.Column("seq_from", sa.BigInteger, nullable=False),
    sa.Column("seq_to", sa.BigInteger, nullable=False),
    sa.Index("quarantine_by_path", "path", "seq_to"),
    sa.Index("quarantine_by_start", "seq_from"),
    sa.Index("quarantine_by_end", "seq_to"),
)
counts = sa.Table(
    "counts",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("live", sa.BigInteger, nullable=False),
)
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("rank", sa.BigInteger, nullable=False, index=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("moved", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)


for _column in [column for table in metadata.tables.values() for column in table.c]:
    if isinstance(_column.type, sa.String):  # texts are compared by code point, as SQLite and Python do
        _column.type = _column.type.with_variant(sa.Text(collation="C"), "postgresql")


LISTED: Final[sa.BindParameter[Any]] = sa.bindparam("listed", expanding=True)
"""Stands for the values of `in_parts` in a query."""


def in_parts(db: sa.Connection, query: sa.Select[Any], values: Iterable[Any]) -> Iterator[Any]:
    """Ask a query, whose `LISTED` stands for some of the values, for all of them."""
    listed = list(values)
    for start in range(0, len(listed), _MANY):
        yield from db.execute(query, {"listed": _padded(listed[start : start + _MANY])})


def _padded(values: list[Any]) -> list[Any]:
    """Repeat the last value up to a power of two: statements of few lengths are prepared only once."""
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values))


def rows_of(db: sa.Connection, query: str, asked: Mapping[str, Any]) -> Iterator[Any]:
    """Ask a query that is written for the database, its parameters as `:name`; give its rows one by one.

    SQLite is asked through its own driver: SQLAlchemy takes 0.1 ms more for a statement, and as long for a row.
    """
    if db.dialect.name == "sqlite":
        driver: Any = db.connection.driver_connection
        yield from driver.execute(query, asked)
    else:
        for part in db.execute(sa.text(query), asked).partitions(_TOGETHER):
            yield from part


class Prepared:
    """A query that is asked often: for SQLite it is written once, and asked as `rows_of` does.

    It may hold `LISTED` once, and no type that a driver does not know by itself.
    """

    def __init__(self, query: sa.Select[Any]) -> None:
        self._query = query
        written = query.compile(dialect=sqlite.dialect(paramstyle="named"))
        self._text = _ANY_LISTED.sub("(SELECT value FROM json_each(:listed))", str(written))
        self._fixed = {name: value for name, value in written.params.items() if value is not None}

    def rows(self, db: sa.Connection, asked: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Ask it."""
        if db.dialect.name == "sqlite":
            return rows_of(db, self._text, {**self._fixed, **(asked or {})})
        return iter(db.execute(self._query, asked or {}))

    def rows_in(self, db: sa.Connection, values: Iterable[Any]) -> Iterator[Any]:
        """Ask it for all of some values, for which `LISTED` stands."""
        if db.dialect.name == "sqlite":
            return self.rows(db, {"listed": orjson.dumps(list(values)).decode()})
        return in_parts(db, self._query, values)


_ANY_LISTED: Final = re.compile(r"\(__\[POSTCOMPILE_listed\]\)")


def insert_rows(db: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that have the same columns; SQLite is given them as they are, which takes half the time."""
    if db.dialect.name != "sqlite":
        db.execute(table.insert(), rows)
        return
    names = list(rows[0])
    marks = ", ".join("?" * len(names))
    db.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - names of our own
        [tuple(row.values()) for row in rows],
    )
