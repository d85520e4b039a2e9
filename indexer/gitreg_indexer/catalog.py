"""The catalog: every fact with its interval, in SQLite through SQLAlchemy Core.

- Commits are applied whole or not at all; the position is stored in the same transaction.
- What is read in one `reading()` is of one state; a file that a rebuild has replaced is left for the new one.
- Nothing is deleted: closing a fact sets its end. Deleting the file and rebuilding gives the same rows.
- Documents are JSON bytes, ready to send.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, DisconnectionError

from gitreg.errors import GitregError
from gitreg.refs import Address
from gitreg_indexer.facts import Birth, Folded, Opened
from gitreg_indexer.layout import FOREVER, FORMAT

_WRITES: Final = "gitreg_writes"
_PATIENCE: Final = 30.0

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
    sa.Column("time", sa.String(32), nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("namespace", sa.String(256), nullable=False),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("version", sa.String(256), nullable=False),
    sa.Column("version_key", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("blob", sa.String(64), nullable=False),
    sa.Column("status", sa.String(32)),
    sa.Column("seq_from", sa.BigInteger, nullable=False),
    sa.Column("seq_to", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.String(32), nullable=False),
    sa.Column("doc", sa.LargeBinary, nullable=False),
    sa.Index("facts_by_name", "kind", "namespace", "name", "seq_to"),
    sa.Index("facts_by_path", "path", "seq_to"),
    sa.Index("facts_by_start", "seq_from"),
    sa.Index("facts_by_end", "seq_to"),
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
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("blob", sa.String(64), nullable=False),
    sa.Column("findings", sa.LargeBinary, nullable=False),
    sa.Column("seq_from", sa.BigInteger, nullable=False),
    sa.Column("seq_to", sa.BigInteger, nullable=False),
    sa.Index("quarantine_by_path", "path", "seq_to"),
)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the index has come: the last commit that was applied whole. seq 0 is before the first."""

    seq: int
    commit: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A record as it stood over an interval of commits; `doc` is the JSON answer, ready to send."""

    id: int
    kind: str
    ref: str
    version: str
    path: str
    blob: str
    status: str | None
    seq: int
    seq_to: int
    etag: str
    doc: bytes

    def data(self) -> dict[str, Any]:
        """Give its document as plain data."""
        loaded: dict[str, Any] = orjson.loads(self.doc)
        return loaded


_FACT_COLUMNS: Final[tuple[sa.Column[Any], ...]] = (
    facts.c.id,
    facts.c.kind,
    facts.c.ref,
    facts.c.version,
    facts.c.path,
    facts.c.blob,
    facts.c.status,
    facts.c.seq_from,
    facts.c.seq_to,
    facts.c.etag,
    facts.c.doc,
)


class Catalog:
    """The catalog of one registry. Reads may come from any thread; writes from one holder of the index's lock."""

    def __init__(self, engine: sa.Engine, where: str, uid: str) -> None:
        self.engine = engine
        self.where = where
        self.uid = uid
        self._writes = engine.execution_options(**{_WRITES: True})

    @classmethod
    def open(cls, file: Path, *, uid: str) -> Catalog:
        """Open the catalog in a file, making it where there is none; refuses one of another registry or format."""
        url = sa.URL.create("sqlite", database=str(file))
        engine = sa.create_engine(url, connect_args={"timeout": _PATIENCE, "check_same_thread": False})
        catalog = cls(engine, str(file), uid)
        event.listen(engine, "connect", catalog._prepare_sqlite)
        event.listen(engine, "checkout", catalog._refuse_replaced)
        event.listen(engine, "begin", _begin)
        with catalog._explained():
            catalog._lay_out(uid)
        return catalog

    def _prepare_sqlite(self, connection: Any, record: Any) -> None:
        connection.isolation_level = None  # else the driver begins transactions where it likes; `_begin` does it here
        cursor = connection.cursor()
        _switch_to_wal(cursor)
        for pragma in (
            "synchronous = NORMAL",
            "cache_size = -65536",
            "mmap_size = 268435456",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        record.info["file"] = self._file_id()

    def _refuse_replaced(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """Have the pool connect anew when the file is another one now; a file that is gone is still answered from."""
        now = self._file_id()
        if now is not None and now != record.info.get("file"):
            raise DisconnectionError

    def _file_id(self) -> tuple[int, int] | None:
        try:
            found = Path(self.where).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _lay_out(self, uid: str) -> None:
        known = sa.inspect(self.engine).has_table("meta")
        if not known:
            with self._writes.begin() as db:
                metadata.create_all(db)
                for key, value in (("format", FORMAT), ("uid", uid), ("instance", uuid.uuid4().hex)):
                    db.execute(meta.insert().prefix_with("OR IGNORE").values(key=key, value=value))
        found = self._meta()
        if found.get("format") != FORMAT:
            raise IndexFormatError(
                "the index was made by another version of gitreg",
                where=self.where,
                got=f"format {found.get('format')}",
                expected=f"format {FORMAT}",
                mend="run `gitreg index --rebuild`",
            )
        if found.get("uid") != uid:
            raise ForeignIndexError(
                "this is the index of another registry",
                where=self.where,
                got=f"registry {found.get('uid')}",
                expected=f"registry {uid}",
                mend="name another folder with --index, or run `gitreg index --rebuild` to make it this registry's",
            )

    def _meta(self) -> dict[str, str]:
        with self._explained(), self.engine.connect() as db:
            return dict(db.execute(sa.select(meta.c.key, meta.c.value)).all())

    @property
    def instance(self) -> str:
        """The catalog's own random id; a search index that was made from another one is made again."""
        return self._meta().get("instance", "")

    def position(self) -> Position:
        """Tell how far the catalog has come."""
        with self._explained(), self.engine.connect() as db:
            return position_in(db)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Read several things from one state."""
        with self._explained(), self.engine.connect() as db, db.begin():
            yield db

    def apply(self, batch: Sequence[Folded]) -> None:
        """Apply commits, whole, in one transaction; those that are applied already change nothing."""
        with self._explained(), self._writes.begin() as db:
            position = position_in(db).seq
            for folded in batch:
                if folded.commit.seq <= position:
                    continue
                _apply(db, folded)
            last = batch[-1].commit
            if last.seq > position:
                for key, value in (("seq", str(last.seq)), ("commit", last.oid)):
                    db.execute(meta.delete().where(meta.c.key == key))
                    db.execute(meta.insert().values(key=key, value=value))

    def births_of(self, paths: Iterable[str]) -> dict[str, Birth]:
        """Tell when paths were first seen."""
        found: dict[str, Birth] = {}
        listed = list(paths)
        with self._explained(), self.engine.connect() as db:
            for start in range(0, len(listed), 500):
                query = sa.select(births).where(births.c.path.in_(listed[start : start + 500]))
                for path, seq, created_at, registered_by in db.execute(query):
                    found[path] = Birth(seq, created_at, registered_by)
        return found

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, sqlite3.DatabaseError) as error:
            raise _explain(error, self.where) from error


class ForeignIndexError(GitregError):
    """The index belongs to another registry."""

    code = "foreign-index"


class IndexFormatError(GitregError):
    """The index has another format."""

    code = "index-format"


class BrokenIndexError(GitregError):
    """The index cannot be read or written."""

    code = "broken-index"


def _explain(error: Exception, where: str) -> GitregError:
    text = str(getattr(error, "orig", error))
    if "readonly" in text or "unable to open" in text:
        mend = "make the folder writable, or name another one with --index"
    elif "disk is full" in text or "disk I/O" in text:
        mend = "free some space on that disk, then run `gitreg index`"
    elif "locked" in text:
        mend = "wait for the other process, or end it; then try again"
    else:
        mend = "run `gitreg index --rebuild`: the index can always be made again from Git"
    return BrokenIndexError("the index cannot be used", where=where, got=text, mend=mend)


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Have the file keep a write-ahead log; SQLite does not wait by itself where another process does so just now."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    """Begin a transaction in truth: readers see one state, and a writer never finds its state outdated."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def position_in(db: sa.Connection) -> Position:
    """Tell how far the catalog has come, in the state that a connection sees."""
    found = dict(db.execute(_POSITION).all())
    return Position(int(found.get("seq", 0)), found.get("commit", ""))


def instance_in(db: sa.Connection) -> str:
    """Give the catalog's own random id, in the state that a connection sees."""
    return str(db.execute(_INSTANCE).scalar() or "")


_INSTANCE: Final = sa.select(meta.c.value).where(meta.c.key == "instance")
_POSITION: Final = sa.select(meta.c.key, meta.c.value).where(meta.c.key.in_(("seq", "commit")))
_CLOSE_FACT: Final = (
    facts.update()
    .where(facts.c.path == sa.bindparam("at"), facts.c.seq_to == FOREVER)
    .values(seq_to=sa.bindparam("until"))
)
_CLOSE_QUARANTINE: Final = (
    quarantine.update()
    .where(quarantine.c.path == sa.bindparam("at"), quarantine.c.seq_to == FOREVER)
    .values(seq_to=sa.bindparam("until"))
)


def _apply(db: sa.Connection, folded: Folded) -> None:
    commit = folded.commit
    db.execute(
        commits.insert().values(
            seq=commit.seq, oid=commit.oid, time=commit.time, author=commit.author, message=commit.message
        )
    )
    if folded.closed:
        ended = [{"at": path, "until": commit.seq} for path in folded.closed]
        db.execute(_CLOSE_FACT, ended)
        db.execute(_CLOSE_QUARANTINE, ended)
    if folded.born:
        db.execute(
            births.insert(),
            [
                {"path": path, "seq": b.seq, "created_at": b.created_at, "registered_by": b.registered_by}
                for path, b in folded.born
            ],
        )
    if folded.opened:
        db.execute(facts.insert(), [_row(opened) for opened in folded.opened])
    if folded.quarantined:
        db.execute(
            quarantine.insert(),
            [
                {"path": q.path, "blob": q.blob, "findings": q.findings, "seq_from": q.seq, "seq_to": FOREVER}
                for q in folded.quarantined
            ],
        )


def _row(opened: Opened) -> dict[str, Any]:
    address = opened.address
    return {
        "kind": address.kind,
        "namespace": address.namespace,
        "name": _name_column(address),
        "version": opened.version,
        "version_key": opened.version_key,
        "ref": address.ref,
        "path": opened.path,
        "blob": opened.blob,
        "status": opened.status,
        "seq_from": opened.seq,
        "seq_to": FOREVER,
        "etag": opened.etag,
        "doc": opened.doc,
    }


def _name_column(address: Address) -> str:
    return address.name if address.kind != "Aliases" else f"{address.of}/{address.name}"


def fact_of(row: Any) -> Fact:
    """Make a fact of a row of `select_facts`."""
    return Fact(*row)


def select_facts(*where: Any, at: int | None = None) -> sa.Select[Any]:
    """Select facts that hold now, or held at a seq."""
    query = sa.select(*_FACT_COLUMNS).where(*where)
    if at is None:
        return query.where(facts.c.seq_to == FOREVER)
    return query.where(facts.c.seq_from <= at, facts.c.seq_to > at)
