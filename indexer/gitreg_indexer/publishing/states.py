"""What is published, read from the catalog: the names that hold now, and what each commit did.

- All of it is of one state: the caller's transaction.
- Rows come in order and a few at a time; what is held at once is one name, or the identifiers of many facts.
- Texts are ordered by their bytes, whatever the database's own order is.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from gitreg.refs import KINDS
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.publishing.layout import Key
from gitreg_indexer.tables import commits, facts

_AT_ONCE: Final = 500
_KINDS: Final = sorted((place.word, kind) for kind, place in KINDS.items() if kind != "Aliases")


class Live(NamedTuple):
    """A record that holds."""

    namespace: str
    name: str
    kind: str
    ref: str
    version: str
    status: str | None
    blob: str
    doc: bytes


@dataclass(frozen=True, slots=True)
class Name:
    """A name with its versions, highest first, and the aliases at the end; or a record without versions."""

    key: Key
    records: tuple[Live, ...]


class Told(NamedTuple):
    """A commit as the feed tells it."""

    seq: int
    commit: str
    time: str
    author: str
    message: str


class Event(NamedTuple):
    """A fact that began or ended with a commit. `doc` is what began; None where the record ended."""

    seq: int
    path: str
    ref: str
    doc: bytes | None


_TOLD: Final = (commits.c.seq, commits.c.oid, commits.c.time, commits.c.author, commits.c.message)
_LIVE: Final = tuple(facts.c[name] for name in ("namespace", "name", "kind", "ref", "version", "status", "blob", "doc"))


def names_after(db: sa.Connection, after: Key | None = None) -> Iterator[Name]:
    """Give all names that hold in the order of their keys, from the first after a key."""
    for word, kind in _KINDS:
        if after is not None and word < after.word:
            continue
        start = after if after is not None and word == after.word else None
        yield from _grouped(_of_kind(db, kind, start))


def name_at(db: sa.Connection, key: Key) -> Name | None:
    """Give one name as it stands; None where nothing stands under it."""
    kind = dict(_KINDS)[key.word]
    own = (facts.c.kind == kind, facts.c.namespace == key.namespace, facts.c.name == key.name)
    found = list(_live(db, *own))
    if KINDS[kind].is_versioned:
        named = (facts.c.namespace == key.namespace, facts.c.name == f"{kind}/{key.name}")
        found += _live(db, facts.c.kind == "Aliases", *named)
    return Name(key, tuple(found)) if found else None


def _grouped(rows: Iterable[Live]) -> Iterator[Name]:
    for key, found in groupby(rows, key=lambda row: Key.of_columns(row.kind, row.namespace, row.name)):
        yield Name(key, tuple(found))


def _of_kind(db: sa.Connection, kind: str, after: Key | None) -> Iterator[Live]:
    namespace, name = _bytewise(db, facts.c.namespace), _bytewise(db, facts.c.name)
    place = sa.tuple_(namespace, name)
    later = (place > (after.namespace, after.name),) if after else ()
    own = _live(db, facts.c.kind == kind, *later)
    if not KINDS[kind].is_versioned:
        return own
    later = (place > (after.namespace, f"{kind}/{after.name}"),) if after else ()
    aliases = _live(db, facts.c.kind == "Aliases", name > f"{kind}/", name < f"{kind}0", *later)
    return heapq.merge(own, aliases, key=_place)


def _place(row: Live) -> tuple[str, str]:
    key = Key.of_columns(row.kind, row.namespace, row.name)
    return key.namespace, key.name


def _live(db: sa.Connection, *where: Any) -> Iterator[Live]:
    """Select records that hold, by place and highest version first."""
    order = (*(_bytewise(db, facts.c[name]) for name in ("namespace", "name")), _version_order(db))
    query = sa.select(*_LIVE).where(facts.c.seq_to == FOREVER, *where).order_by(*order)
    for row in db.execute(query, execution_options={"yield_per": _AT_ONCE}):
        yield Live(*row)


def _version_order(db: sa.Connection) -> Any:
    return _bytewise(db, facts.c.version_key).desc()


def _bytewise(db: sa.Connection, column: Any) -> Any:
    """Order a text by its bytes; SQLite does so by itself."""
    return column.collate("C") if db.dialect.name == "postgresql" else column


def told_after(db: sa.Connection, seq: int) -> Iterator[Told]:
    """Give the commits after a seq."""
    query = sa.select(*_TOLD).where(commits.c.seq > seq).order_by(commits.c.seq)
    for row in db.execute(query, execution_options={"yield_per": _AT_ONCE}):
        yield Told(*row)


def commit_at(db: sa.Connection, seq: int) -> Told | None:
    """Give a commit by its seq."""
    row = db.execute(sa.select(*_TOLD).where(commits.c.seq == seq)).first()
    return Told(*row) if row else None


def events_after(db: sa.Connection, seq: int) -> Iterator[Event]:
    """Give what began and ended after a seq by commit and path; at one path the end comes first."""
    return heapq.merge(_ended(db, seq), _begun(db, seq), key=lambda event: (event.seq, event.path))


def _ended(db: sa.Connection, seq: int) -> Iterator[Event]:
    query = (
        sa.select(facts.c.seq_to, facts.c.path, facts.c.ref)
        .where(facts.c.seq_to > seq, facts.c.seq_to < FOREVER)
        .order_by(facts.c.seq_to, _bytewise(db, facts.c.path))
    )
    for row in db.execute(query, execution_options={"yield_per": _AT_ONCE}):
        yield Event(*row, None)


def _begun(db: sa.Connection, seq: int) -> Iterator[Event]:
    """Give the facts that began; they are put in order without their documents, which are fetched a few at a time."""
    query = (
        sa.select(facts.c.id, facts.c.seq_from, facts.c.path, facts.c.ref)
        .where(facts.c.seq_from > seq)
        .order_by(facts.c.seq_from, _bytewise(db, facts.c.path))
    )
    rows = iter(db.execute(query, execution_options={"yield_per": _AT_ONCE}))
    while batch := list(islice(rows, _AT_ONCE)):
        wanted = sa.select(facts.c.id, facts.c.doc).where(facts.c.id.in_([row[0] for row in batch]))
        docs = dict(db.execute(wanted).all())
        for id_, seq_from, path, ref in batch:
            yield Event(seq_from, path, ref, bytes(docs[id_]))


def keys_touched(db: sa.Connection, seq: int) -> list[Key]:
    """List the names under which something began or ended after a seq, in order."""
    began, ended = facts.c.seq_from > seq, sa.and_(facts.c.seq_to > seq, facts.c.seq_to < FOREVER)
    columns = sa.select(facts.c.kind, facts.c.namespace, facts.c.name)
    query = sa.union(columns.where(began), columns.where(ended))
    return sorted({Key.of_columns(*row) for row in db.execute(query)})


def counts_of(db: sa.Connection) -> dict[str, int]:
    """Count the records that hold, by the word of their kind."""
    query = sa.select(facts.c.kind, sa.func.count()).where(facts.c.seq_to == FOREVER).group_by(facts.c.kind)
    return {KINDS[kind].word: count for kind, count in db.execute(query)}


def growth_after(db: sa.Connection, seq: int) -> dict[str, int]:
    """Tell by how much the records that hold became more after a seq, by the word of their kind."""
    grown: Counter[str] = Counter()
    interval = sa.select(facts.c.kind, facts.c.seq_from, facts.c.seq_to)
    began = interval.where(facts.c.seq_from > seq)
    ended = interval.where(facts.c.seq_to > seq, facts.c.seq_to < FOREVER)
    # which of them hold is not asked of the database: it would go through all that hold
    for kind, _, until in db.execute(began, execution_options={"yield_per": _AT_ONCE}):
        grown[KINDS[kind].word] += until == FOREVER
    for kind, since, _ in db.execute(ended, execution_options={"yield_per": _AT_ONCE}):
        grown[KINDS[kind].word] -= since <= seq
    return dict(grown)


def registry_document(db: sa.Connection) -> bytes | None:
    """Give the registry's record of itself."""
    where = (facts.c.path == KINDS["Registry"].folder, facts.c.seq_to == FOREVER)
    found = db.execute(sa.select(facts.c.doc).where(*where)).scalar()
    return bytes(found) if found is not None else None
