"""Compares a catalog with one that was just made from Git: every column of every row, and how SQLite keeps them.

- Both are read as of one seq, side by side, in the order in which they were written; equal stretches are passed over,
  and rows that stand elsewhere find each other. Memory: some bytes a row that has not found its other.
- What cannot be read is a damage like any other; what is beside it is compared all the same.
- Nothing is written to what is checked.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import orjson
import sqlalchemy as sa
from sqlalchemy import event

from gitreg.errors import GitregError
from gitreg.manifests import differences
from gitreg_indexer import ranks
from gitreg_indexer.catalog import QUARANTINED, BrokenIndexError, Catalog, Making, about_in
from gitreg_indexer.catalog_sqlite import mend_of
from gitreg_indexer.damage import REPAIR, Damage, Ledger, shown
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.store import Store
from gitreg_indexer.tables import births, commits, counts, edges, facts, orders, quarantine

PART: Final = 500
_OID: Final = re.compile(r"[0-9a-f]{40}")
_SAID: Final = ("format", "uid", "history", "history_from", "parser")
"""What all catalogs of a registry that were made alike say of themselves."""
_MANY: Final = 100
_KEPT_WHOLE: Final = 2_000

Progress = Callable[[int], None]
Row = tuple[Any, ...]
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A catalog that is checked, and one that is as it should be, each seen in one state.

    The first stands at `position`, the second at `seq`; they are compared as of `seq`, and whole where the two are one.
    """

    where: str
    got: sa.Connection
    expected: sa.Connection
    seq: int
    position: int

    @property
    def is_whole(self) -> bool:
        """Tell whether all that is checked can be compared."""
        return self.seq == self.position

    def is_later(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Ask whether a column holds a seq that is not compared; what can be no seq of the catalog is."""
        return column.between(self.seq + 1, self.position)


def open_as_it_is(file: Path, making: Making) -> Catalog:
    """Open a catalog, where there is one, and read texts that are no Unicode all the same."""
    if not file.is_file():
        raise BrokenIndexError("there is no catalog", where=str(file), mend="run `gitreg index`")
    with closing(_read_only(file)) as db:
        try:
            known = db.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'").fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            mend = mend_of(str(error), REPAIR)
            kind = BrokenIndexError if mend == REPAIR else GitregError  # a full disk, or no right to it, is no damage
            raise kind("the catalog cannot be read", where=str(file), got=str(error), mend=mend) from error
    if known is None:
        raise BrokenIndexError("the catalog is empty", where=str(file), mend=REPAIR)
    catalog = Catalog.open(file, making)
    catalog.engine.dispose()
    event.listen(catalog.engine, "connect", _be_lenient)
    return catalog


def open_standing(place: Path | Store | None, making: Making) -> Catalog:
    """Open the catalog at a place, where there is one."""
    if isinstance(place, Path):
        return open_as_it_is(place, making)
    if place is None:
        raise BrokenIndexError("there is no catalog", mend="run `gitreg index`")
    return Catalog.open(place, making)


def uid_in(file: Path) -> str | None:
    """Read off a catalog which registry it is of, whatever else is wrong with it."""
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(_read_only(file)) as db:
        found = db.execute("SELECT value FROM meta WHERE key = 'uid'").fetchone()
        return str(found[0]) if found else None
    return None


def seq_of(catalog: Catalog, oid: str) -> int | None:
    """Tell which seq a catalog says that a commit has."""
    with suppress(GitregError), catalog.reading() as db:
        found = db.execute(sa.select(commits.c.seq).where(commits.c.oid == oid)).scalar()
        return found if isinstance(found, int) else None
    return None


def commit_before(catalog: Catalog | None, oid: str) -> str | None:
    """Tell which commit a catalog says came before one."""
    seq = None if catalog is None else seq_of(catalog, oid)
    if catalog is None or seq is None:
        return None
    with suppress(GitregError), catalog.reading() as db:
        found = db.execute(sa.select(commits.c.oid).where(commits.c.seq == seq - 1)).scalar()
        return found if isinstance(found, str) and _OID.fullmatch(found) else None
    return None


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)


def _be_lenient(connection: Any, _record: Any) -> None:
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")


def check_catalog(pair: Pair, ledger: Ledger, *, progress: Progress | None = None) -> dict[str, int]:
    """Compare all that a catalog holds; give how many rows of each table there should be."""
    ledger.add_all(_caught(pair, "how it is kept", _check_keeping))
    ledger.add_all(_caught(pair, "meta", _check_about))
    for table in (*_TABLES, _KEYS) if pair.is_whole else _TABLES:
        ledger.add_all(_caught(pair, table.name, table.check, progress))
    ledger.add_all(_caught(pair, "counts", _check_counts))
    ledger.add_all(_caught(pair, "orders", _check_ranks))
    tables = (facts, quarantine, births, orders, edges)
    return {table.name: _count_of(pair.expected, table) for table in tables}


def _count_of(db: sa.Connection, table: sa.Table) -> int:
    return int(db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _caught(pair: Pair, part: str, check: Callable[..., Iterator[Damage]], *more: Any) -> Iterator[Damage]:
    """Give the damages that a check finds; that it cannot go on is one more."""
    try:
        yield from check(pair, *more)
    except (sa.exc.SQLAlchemyError, sqlite3.Error, GitregError, TypeError, ValueError) as error:
        got = str(getattr(error, "orig", None) or getattr(error, "got", None) or error)
        yield Damage(f"{pair.where}: {part}", "it cannot be read to its end", shown(got))


def _check_keeping(pair: Pair) -> Iterator[Damage]:
    """Have SQLite check its own pages and indexes, and compare the definitions of tables."""
    if pair.got.dialect.name != "sqlite":
        return
    for (says,) in pair.got.exec_driver_sql(f"PRAGMA integrity_check({_MANY})"):
        if says != "ok":
            yield Damage(pair.where, "SQLite finds the file damaged", shown(says), "ok")
    definitions = "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'"
    got = dict(tuple(row) for row in pair.got.exec_driver_sql(definitions))
    expected = dict(tuple(row) for row in pair.expected.exec_driver_sql(definitions))
    for name in sorted({*got, *expected}, key=str):
        if got.get(name) != expected.get(name):
            what = f"the definition of {shown(name)} is another"
            yield Damage(pair.where, what, _or_nothing(got.get(name)), _or_nothing(expected.get(name)))


def _check_about(pair: Pair) -> Iterator[Damage]:
    got, expected = about_in(pair.got), about_in(pair.expected)
    for key in _SAID:
        if got.get(key) == expected.get(key):
            continue
        what = f"{key} is another"
        if key == "parser":
            what = "another version of gitreg read the manifests; this one may read them in another way"
        yield Damage(f"{pair.where}: meta", what, _or_nothing(got.get(key)), _or_nothing(expected.get(key)))


def _check_counts(pair: Pair) -> Iterator[Damage]:
    got = {kind: live for kind, live in pair.got.execute(sa.select(counts.c.kind, counts.c.live)) if live != 0}
    expected = _counted(pair.expected if pair.is_whole else pair.got)
    for kind in sorted({*got, *expected}, key=str):
        if got.get(kind, 0) != expected.get(kind, 0):
            name = shown(kind) if kind != QUARANTINED else "files that cannot be read"
            where = f"{pair.where}: counts: {name}"
            yield Damage(where, "the count is another", shown(got.get(kind, 0)), shown(expected.get(kind, 0)))


def _counted(db: sa.Connection) -> dict[str, int]:
    """Count the rows that hold now."""
    query = sa.select(facts.c.kind, sa.func.count()).where(facts.c.seq_to == FOREVER).group_by(facts.c.kind)
    bad = sa.select(sa.func.count()).select_from(quarantine).where(quarantine.c.seq_to == FOREVER)
    found = {str(kind): int(count) for kind, count in db.execute(query)}
    return {**found, QUARANTINED: db.execute(bad).scalar_one()}


def _check_ranks(pair: Pair) -> Iterator[Damage]:
    """Check that ranks rise with the keys; which keys there are is compared like any table."""
    query = sa.select(orders.c.key, orders.c.rank, orders.c.moved).order_by(orders.c.key)
    before, last = 0, ""
    for key, rank, moved in pair.got.execute(query.execution_options(yield_per=PART)):
        where = f"{pair.where}: orders: {_record(key)}"
        if not isinstance(rank, int) or not before < rank < ranks.TOP:
            expected = f"more than {before}, the rank of {_record(last) if last else 'none'}, and less than {ranks.TOP}"
            yield Damage(where, "the rank is not between those of its neighbours", shown(rank), expected)
        if not isinstance(moved, int) or not 0 < moved <= pair.position:
            yield Damage(where, "moved is no seq", shown(moved), f"1 to {pair.position}")
        before, last = (rank, key) if isinstance(rank, int) else (before, last)


def _record(key: object) -> str:
    """Name the record that a key of the order is of: it ends with the ref."""
    return shown(key.rpartition("\x01")[2] if isinstance(key, str) else key)


class _Table:
    """A table whose rows follow from Git."""

    def __init__(
        self,
        table: sa.Table,
        key: Sequence[str],
        *,
        since: str | None = None,
        without: Sequence[str] = (),
        order: str | None = None,
    ) -> None:
        self.name = table.name
        self._table = table
        self._key = tuple(key)
        self._since = since
        self._order = order
        self._columns = tuple(column.name for column in table.c if column.name not in ("id", *without))
        self._at = tuple(self._columns.index(name) for name in key)

    def check(self, pair: Pair, progress: Progress | None) -> Iterator[Damage]:
        """Compare the rows of the table."""
        sides = _Sides(lambda row: tuple(row[at] for at in self._at))
        got, expected = self._rows(pair.got, pair), self._rows(pair.expected, pair)
        while True:
            part, wanted = list(islice(got, PART)), list(islice(expected, PART))
            if not part and not wanted:
                break
            if part != wanted:
                for there, should, key in sides.match(part, wanted):
                    yield from self._differences(self._named(pair, key), there, should)
            if progress is not None:
                progress(len(wanted))
        for key, count in sides.got.items():
            yield from [Damage(self._named(pair, key), "a row that main does not have")] * len(count)
        for key, count in sides.expected.items():
            yield from [Damage(self._named(pair, key), "the row is missing")] * len(count)

    def _rows(self, db: sa.Connection, pair: Pair) -> Iterator[Row]:
        query = sa.select(*(self._selected(name, pair) for name in self._columns))
        if self._since is not None:
            query = query.where(~pair.is_later(self._table.c[self._since]))
        query = query.order_by(self._ordered(db)).execution_options(yield_per=PART)
        return (tuple(row) for row in db.execute(query))

    def _selected(self, name: str, pair: Pair) -> sa.ColumnElement[Any]:
        column = self._table.c[name]
        if name == "seq_to":
            return sa.case((pair.is_later(column), FOREVER), else_=column)
        return sa.type_coerce(column, sa.types.NullType()) if isinstance(column.type, sa.LargeBinary) else column

    def _ordered(self, db: sa.Connection) -> Any:
        """Order by what the table itself is kept by, not by an index of it, which is checked otherwise."""
        if self._order is not None:
            return self._table.c[self._order]
        return sa.text("rowid") if db.dialect.name == "sqlite" else self._table.c[self._key[0]]

    def _differences(self, where: str, got: Row | None, expected: Row) -> Iterator[Damage]:
        if got is None:
            yield Damage(where, "the row is another")
            return
        for name, there, should in zip(self._columns, got, expected, strict=True):
            if there != should:
                for what, was, wanted in _told(name, there, should):
                    yield Damage(where, what, was, wanted)

    def _named(self, pair: Pair, key: Key) -> str:
        words = {"seq_from": "from seq ", "seq": "seq "}
        parts = zip(self._key, key, strict=True)
        named = " ".join(words.get(name, "") + (_record if name == "key" else shown)(part) for name, part in parts)
        return f"{pair.where}: {self.name}: {named}"


def _told(name: str, got: Any, expected: Any) -> Iterable[tuple[str, str | None, str | None]]:
    """Say how two values of a column differ; documents by field."""
    if name == "doc":
        try:
            changed = list(differences(orjson.loads(expected), orjson.loads(got)))
        except (orjson.JSONDecodeError, TypeError):
            changed = []
        if changed:
            return [(f"doc: {found.path} is another", shown(found.after), shown(found.before)) for found in changed]
    return [(f"{name} is another", shown(got), shown(expected))]


class _Sides:
    """Rows of either side that have not found their other yet; of very many, the digests only."""

    def __init__(self, key_of: Callable[[Row], Key]) -> None:
        self._key_of = key_of
        self.got: dict[Key, list[Row | bytes]] = {}
        self.expected: dict[Key, list[Row | bytes]] = {}

    def match(self, got: Iterable[Row], expected: Iterable[Row]) -> Iterator[tuple[Row | None, Row, Key]]:
        """Take rows in, and give those that found one of their key which is not as it should be."""
        for row in got:
            yield from self._match(row, self.got, self.expected, is_got=True)
        for row in expected:
            yield from self._match(row, self.expected, self.got, is_got=False)

    def _match(
        self, row: Row, own: _Waiting, others: _Waiting, *, is_got: bool
    ) -> Iterator[tuple[Row | None, Row, Key]]:
        key = self._key_of(row)
        if key not in others:
            own.setdefault(key, []).append(row if len(own) < _KEPT_WHOLE else _digest(row))
            return
        other = others[key].pop()
        if not others[key]:
            del others[key]
        if isinstance(other, bytes):
            if other != _digest(row):
                yield None, row, key
        elif other != row:
            yield (row, other, key) if is_got else (other, row, key)


_Waiting: TypeAlias = dict[Key, list[Row | bytes]]


def _digest(row: Row) -> bytes:
    return blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _or_nothing(value: object) -> str:
    return "nothing" if value is None else shown(value)


_TABLES: Final = (
    _Table(commits, ("seq",), since="seq", order="seq"),
    _Table(births, ("path",), since="seq"),
    _Table(facts, ("path", "seq_from"), since="seq_from", order="id"),
    _Table(quarantine, ("path", "seq_from"), since="seq_from", order="id"),
    _Table(edges, ("source", "field", "seq_from"), since="seq_from", order="id"),
)
_KEYS: Final = _Table(orders, ("key",), without=("rank", "moved"), order="key")
