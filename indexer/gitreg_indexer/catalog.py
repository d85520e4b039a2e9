"""The catalog: every fact with its interval, through SQLAlchemy Core, on SQLite or PostgreSQL (`store`).

- Commits are applied whole or not at all; the position is stored in the same transaction.
- What is read in one `reading()` is of one state.
- Nothing is deleted: closing a fact sets its end. Making it again from Git gives the same rows.
- Documents are JSON bytes, ready to send.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gitreg.errors import Finding, GitregError, Severity
from gitreg_indexer.catalog_sqlite import SqliteStore
from gitreg_indexer.edges import draw, erase
from gitreg_indexer.facts import Birth, CommitFacts, Folded, Opened
from gitreg_indexer.layout import FOREVER, FORMAT
from gitreg_indexer.store import ANEW, Store
from gitreg_indexer.store import BrokenIndexError as BrokenIndexError
from gitreg_indexer.tables import (
    LISTED,
    Prepared,
    births,
    commits,
    counts,
    facts,
    in_parts,
    insert_rows,
    meta,
    metadata,
    quarantine,
)

History = Literal["full", "none"]
"""Whether the catalog holds all that ever was, or only what stood when it was made and what came since."""
QUARANTINED: Final = ""
"""The row of `counts` for files that cannot be read."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the index has come: the last commit that was applied whole. seq 0 is before the first."""

    seq: int
    commit: str


@dataclass(frozen=True, slots=True)
class Making:
    """How a catalog is made. `parser` names what reads the manifests: what another one read is not used again."""

    uid: str
    history: History = "full"
    parser: str = ""


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
        try:
            loaded: dict[str, Any] = orjson.loads(self.doc)
        except orjson.JSONDecodeError as error:
            raise BrokenIndexError(
                "a document of the index cannot be read",
                where=f"{self.ref}, seq {self.seq}",
                got=str(error),
                mend=ANEW,
            ) from error
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

    def __init__(self, store: Store, uid: str) -> None:
        self._store = store
        self.engine = store.engine
        self.where = store.where
        self.uid = uid

    @classmethod
    def open(cls, place: Path | Store, making: Making) -> Catalog:
        """Open the catalog at a place, a file of SQLite's or a store, making it where there is none.

        It refuses one of another registry or format.
        """
        catalog = cls(SqliteStore(place) if isinstance(place, Path) else place, making.uid)
        try:
            with catalog._explained():
                catalog._lay_out(making)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def _lay_out(self, making: Making) -> None:
        if not sa.inspect(self.engine).has_table("meta"):
            laid = {"format": FORMAT, "instance": uuid.uuid4().hex, **asdict(making)}
            with self._store.laying_out() as db:
                metadata.create_all(db)
                if not about_in(db):
                    db.execute(meta.insert(), [{"key": key, "value": value} for key, value in laid.items()])
        found = self.about()
        if found.get("format") != FORMAT:
            raise IndexFormatError(
                "the index was made by another version of gitreg",
                where=self.where,
                got=f"format {found.get('format')}",
                expected=f"format {FORMAT}",
                mend="run `gitreg index --rebuild`",
            )
        if found.get("uid") != making.uid:
            raise ForeignIndexError(
                "this is the index of another registry",
                where=self.where,
                got=f"registry {found.get('uid')}",
                expected=f"registry {making.uid}",
                mend="name another folder with --index, or run `gitreg index --rebuild` to make it this registry's",
            )
        if found.get("history") not in get_args(History) or not found.get("instance"):
            raise BrokenIndexError(
                "what the index says of itself cannot be read",
                where=self.where,
                got=", ".join(f"{key}: {found.get(key)!r}" for key in ("history", "instance")),
                mend=ANEW,
            )
        with self.reading() as db:
            position_in(db)

    def about(self) -> dict[str, str]:
        """Tell how it was made and how far it has come, as it is stored."""
        with self.reading() as db:
            return about_in(db)

    @property
    def instance(self) -> str:
        """The catalog's own random id; a search index that was made from another one is made again."""
        return self.about().get("instance", "")

    def position(self) -> Position:
        """Tell how far the catalog has come."""
        with self._explained(), self.engine.connect() as db:
            return position_in(db)

    def knows(self, oid: str) -> bool:
        """Tell whether a commit has been applied."""
        with self.reading() as db:
            return bool(db.execute(sa.select(sa.func.count()).where(commits.c.oid == oid)).scalar())

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Read several things from one state."""
        with self._explained(), self.engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Change it: all that is done in here, or nothing."""
        with self._explained(), self._store.begin() as db:
            written = Writing(db)
            yield written
            written.end()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Be the only one who writes it; `ConflictError` where another process does so already."""
        with self._explained(), self._store.holding():
            yield

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout, sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # the last where even the words of a damaged file are damaged
            raise self._store.explain(error) from error
        except BrokenIndexError as error:
            error.where = error.where or self.where
            raise


class Writing:
    """One transaction that writes; what it counted is stored at its end."""

    def __init__(self, db: sa.Connection) -> None:
        self.db = db
        self._counted: Counter[str] = Counter()

    def position(self) -> Position:
        """Tell how far the catalog has come, this transaction included."""
        return position_in(self.db)

    def births_of(self, paths: Iterable[str]) -> dict[str, Birth]:
        """Tell when paths were first seen."""
        query = sa.select(births).where(births.c.path.in_(LISTED))
        rows = in_parts(self.db, query, paths)
        return {path: Birth(seq, created_at, registered_by) for path, seq, created_at, registered_by in rows}

    def begin(self, commit: CommitFacts) -> None:
        """Note a commit; what it does is put afterwards, in as many parts as there are."""
        self.db.execute(commits.insert(), commit._asdict())

    def put(self, seq: int, folded: Folded) -> None:
        """Apply a part of a commit."""
        ended = self._close(seq, folded.closed)
        draw(self.db, seq, ended, folded.opened)
        if folded.born:
            insert_rows(self.db, births, [{"path": path, **_as_row(birth)} for path, birth in folded.born])
        if folded.opened:
            insert_rows(self.db, facts, [_row(opened) for opened in folded.opened])
            self._counted.update(opened.kind for opened in folded.opened)
        if folded.quarantined:
            self.db.execute(
                quarantine.insert(),
                [
                    {"path": q.path, "blob": q.blob, "findings": q.findings, "seq_from": q.seq, "seq_to": FOREVER}
                    for q in folded.quarantined
                ],
            )
            self._counted[QUARANTINED] += len(folded.quarantined)

    def _close(self, seq: int, paths: Sequence[str]) -> list[str]:
        """Close what stands at paths; give the refs of the records that did."""
        if not paths:
            return []
        query = sa.select(facts.c.kind, facts.c.ref).where(facts.c.path.in_(LISTED), facts.c.seq_to == FOREVER)
        stood = [(kind, ref) for kind, ref in in_parts(self.db, query, paths)]
        self._counted.subtract(kind for kind, _ in stood)
        gone = sa.select(sa.func.count()).where(quarantine.c.path.in_(LISTED), quarantine.c.seq_to == FOREVER)
        self._counted[QUARANTINED] -= sum(int(number) for (number,) in in_parts(self.db, gone, paths))
        ended = [{"at": path, "until": seq} for path in paths]
        self.db.execute(_CLOSE_FACT, ended)
        self.db.execute(_CLOSE_QUARANTINE, ended)
        return [ref for _, ref in stood]

    def renew_past(self, walked: Sequence[CommitFacts], seen: dict[str, Birth]) -> None:
        """Store all commits and when each path was first seen, in place of what was stored of that."""
        self.db.execute(commits.delete())
        self.db.execute(births.delete())
        self.db.execute(commits.insert(), [commit._asdict() for commit in walked])
        if seen:
            self.db.execute(births.insert(), [{"path": path, **_as_row(birth)} for path, birth in seen.items()])

    def standing(self) -> set[tuple[str, int]]:
        """Tell which files stand in the catalog already: path, and the seq that each stands from."""
        found: set[tuple[str, int]] = set()
        for table in (facts, quarantine):
            query = sa.select(table.c.path, table.c.seq_from).where(table.c.seq_to == FOREVER)
            found.update((path, seq) for path, seq in self.db.execute(query))
        return found

    def forget(self, standing: Iterable[tuple[str, int]]) -> None:
        """Remove what was taken for standing, and stands no more: nobody was answered from it yet."""
        for path, seq in standing:
            refs = self.db.execute(sa.select(facts.c.ref).where(facts.c.path == path, facts.c.seq_from == seq))
            erase(self.db, [ref for (ref,) in refs])
            for table, kinds in ((facts, facts.c.kind), (quarantine, sa.literal(QUARANTINED))):
                here = sa.and_(table.c.path == path, table.c.seq_from == seq)
                self._counted.subtract(kind for (kind,) in self.db.execute(sa.select(kinds).where(here)))
                self.db.execute(table.delete().where(here))

    def move(self, seq: int, oid: str) -> None:
        """Say how far the catalog has come."""
        self.note(seq=str(seq), commit=oid)

    def note(self, **values: str) -> None:
        """Store some of what `about` tells."""
        for key, value in values.items():
            self.db.execute(meta.delete().where(meta.c.key == key))
            self.db.execute(meta.insert().values(key=key, value=value))

    def end(self) -> None:
        """Store what was counted."""
        for kind, change in self._counted.items():
            if not change:
                continue
            known = counts.c.kind == kind
            done = self.db.execute(counts.update().where(known).values(live=counts.c.live + change))
            if not done.rowcount:
                self.db.execute(counts.insert().values(kind=kind, live=change))
        self._counted.clear()


class ForeignIndexError(GitregError):
    """The index belongs to another registry."""

    code = "foreign-index"


class IndexFormatError(GitregError):
    """The index has another format."""

    code = "index-format"


def position_in(db: sa.Connection) -> Position:
    """Tell how far the catalog has come, in the state that a connection sees."""
    return position_of(dict(_POSITION.rows(db)))


def position_of(about: Mapping[str, str]) -> Position:
    """Tell how far the catalog has come, from what it says of itself."""
    return Position(number_of(about, "seq"), str(about.get("commit", "")))


def number_of(about: Mapping[str, str], key: str, default: int = 0) -> int:
    """Read a number that the catalog says of itself; `BrokenIndexError` where it is none."""
    text = about.get(key, str(default))
    if isinstance(text, str) and text.isascii() and text.isdigit():
        return int(text)
    raise BrokenIndexError(
        "what the index says of itself cannot be read", got=f"{key}: {text!r}", expected="a number", mend=ANEW
    )


def about_in(db: sa.Connection) -> dict[str, str]:
    """Tell how a catalog was made and how far it has come, in the state that a connection sees."""
    return dict(_ABOUT.rows(db))


def live_in(db: sa.Connection) -> dict[str, int]:
    """Count what stands of each kind, and under `QUARANTINED` the files that cannot be read."""
    found: dict[str, int] = dict(_COUNTS.rows(db))
    for kind, live in found.items():
        if not isinstance(kind, str) or not isinstance(live, int):
            raise BrokenIndexError("the counts of the index cannot be read", got=f"{kind!r}: {live!r}", mend=ANEW)
    return found


def findings_in(raw: bytes, path: str) -> tuple[Finding, ...]:
    """Read what is wrong with a file that is quarantined."""
    try:
        return tuple(Finding(**{**told, "severity": Severity(told["severity"])}) for told in orjson.loads(raw))
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenIndexError(
            "what the index says of a file that cannot be read is damaged", where=str(path), got=str(error), mend=ANEW
        ) from error


_COUNTS: Final = Prepared(sa.select(counts.c.kind, counts.c.live).order_by(counts.c.kind))
_ABOUT: Final = Prepared(sa.select(meta.c.key, meta.c.value))
_POSITION: Final = Prepared(
    sa.select(meta.c.key, meta.c.value).where(sa.or_(meta.c.key == "seq", meta.c.key == "commit"))
)
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


def _as_row(birth: Birth) -> dict[str, Any]:
    return {"seq": birth.seq, "created_at": birth.created_at, "registered_by": birth.registered_by}


def _row(opened: Opened) -> dict[str, Any]:
    return {
        "kind": opened.kind,
        "namespace": opened.namespace,
        "name": opened.name,
        "version": opened.version,
        "version_key": opened.version_key,
        "ref": opened.ref,
        "path": opened.path,
        "blob": opened.blob,
        "status": opened.status,
        "severity": opened.severity,
        "seq_from": opened.seq,
        "seq_to": FOREVER,
        "etag": opened.etag,
        "doc": opened.doc,
    }


def fact_of(row: Any) -> Fact:
    """Make a fact of a row of `select_facts`."""
    return Fact(*row)


FACT_COLUMNS: Final = _FACT_COLUMNS
NOW: Final = facts.c.seq_to == FOREVER
AT: Final = sa.and_(facts.c.seq_from <= sa.bindparam("at"), facts.c.seq_to > sa.bindparam("at"))


def select_facts(*where: Any, at: int | None = None) -> sa.Select[Any]:
    """Select facts that hold now, or held at a seq."""
    query = sa.select(*_FACT_COLUMNS).where(*where)
    if at is None:
        return query.where(facts.c.seq_to == FOREVER)
    return query.where(facts.c.seq_from <= at, facts.c.seq_to > at)
