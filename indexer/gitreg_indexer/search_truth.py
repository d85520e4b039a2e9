"""Compares what a search engine keeps with its catalog: its files, its position, and every document.

- A document is not read back: what it was made of has a digest (`documents.digest_of`), which the engine keeps.
- Both may move on meanwhile; what differs is looked at again before it is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg_indexer.catalog import Catalog, number_of
from gitreg_indexer.damage import Damage, shown
from gitreg_indexer.documents import digest_of, order_of
from gitreg_indexer.engine import SearchEngine
from gitreg_indexer.ranks import ranks_of
from gitreg_indexer.tables import LISTED, facts, in_parts

PART: Final = 500
_TRIES: Final = 20
_LOOKS: Final = 3
_PAUSE: Final = 0.25
REFILL: Final = "run `gitreg index verify --repair`: the search index is filled again from the catalog"

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Made:
    """What a document of the engine was made of."""

    id: int
    path: str
    seq_from: int
    digest: int


def check_search(
    engine: SearchEngine,
    folder: Path,
    catalog: Catalog | None,
    *,
    is_writing: Callable[[], bool],
    checked: dict[str, int],
    progress: Progress | None = None,
) -> Iterator[Damage]:
    """Find what is wrong with a search engine, and count the documents that were compared.

    Without a catalog that is sound, only its files are checked. `is_writing` tells whether somebody brings it up to
    date just now.
    """
    try:
        for fault in engine.faults():
            yield Damage(str(folder), f"a file of the search index is damaged: {fault}", mend=REFILL)
        if catalog is None:
            return
        late = _wait(catalog, engine, is_writing)
        if late is not None:
            yield Damage(str(folder), *late, REFILL)
            return
        yield from _Documents(catalog, engine, folder, checked).check(progress)
    except GitregError as error:
        yield Damage.of(error, where=str(folder), mend=REFILL)


def _wait(catalog: Catalog, engine: SearchEngine, is_writing: Callable[[], bool]) -> tuple[str, str, str] | None:
    """Wait until the engine stands where its catalog does; tell where it stands if it is not brought up."""
    for _ in range(_TRIES):
        engine.refresh()
        about, (instance, seq) = catalog.about(), engine.position()
        if instance != about.get("instance"):
            what = "the search index was filled from another catalog" if instance else "the search index is empty"
            return what, f"catalog {instance or 'none'}", f"catalog {about.get('instance')}"
        if seq == number_of(about, "seq"):
            return None
        if not is_writing() and engine.position()[1] == seq and catalog.position().seq == number_of(about, "seq"):
            return "the search index does not stand where its catalog does", f"seq {seq}", f"seq {about.get('seq')}"
        time.sleep(_PAUSE)
    return None


class _Documents:
    """Compares documents by their digests."""

    def __init__(self, catalog: Catalog, engine: SearchEngine, folder: Path, checked: dict[str, int]) -> None:
        self._catalog = catalog
        self._engine = engine
        self._folder = folder
        self._checked = checked

    def check(self, progress: Progress | None) -> Iterator[Damage]:
        """Compare every document."""
        doubtful = [fact.id for fact in self._differing(self._all(), progress)]
        for _ in range(_LOOKS):
            if not doubtful:
                break
            time.sleep(_PAUSE)
            self._engine.refresh()
            differing = list(self._differing(self._some(doubtful), None))
            doubtful = [fact.id for fact in differing]
        else:
            yield from map(self._damage, differing)
        yield from self._count()

    def _differing(self, parts: Iterator[list[_Made]], progress: Progress | None) -> Iterator[_Made]:
        for part in parts:
            kept = self._engine.digests([fact.id for fact in part])
            yield from (fact for fact in part if kept.get(fact.id) != fact.digest)
            self._checked["documents"] = self._checked.get("documents", 0) + len(part)
            if progress is not None:
                progress(len(part))

    def _all(self) -> Iterator[list[_Made]]:
        after = -1
        while True:
            with self._catalog.reading() as db:
                query = _COLUMNS.where(facts.c.id > after).order_by(facts.c.id).limit(PART)
                rows = db.execute(query).all()
                if not rows:
                    return
                after = rows[-1].id
                part = self._made(db, rows)
            yield part

    def _some(self, ids: Sequence[int]) -> Iterator[list[_Made]]:
        for start in range(0, len(ids), PART):
            with self._catalog.reading() as db:
                part = self._made(
                    db, list(in_parts(db, _COLUMNS.where(facts.c.id.in_(LISTED)), ids[start : start + PART]))
                )
            yield part

    def _made(self, db: sa.Connection, rows: Sequence[Any]) -> list[_Made]:
        keys = [order_of(row.namespace, row.name, row.version_key, row.kind, row.ref) for row in rows]
        ranks = ranks_of(db, keys)
        return [
            _Made(row.id, row.path, row.seq_from, _digest(row, ranks.get(key, 0)))
            for row, key in zip(rows, keys, strict=True)
        ]

    def _damage(self, fact: _Made) -> Damage:
        kept = self._engine.digests([fact.id]).get(fact.id)
        where = f"{self._folder}: the document of {shown(fact.path)} from seq {fact.seq_from} (id {fact.id})"
        if kept is None:
            return Damage(where, "the document is missing", mend=REFILL)
        return Damage(where, "the document is not what the catalog says", f"{kept:x}", f"{fact.digest:x}", REFILL)

    def _count(self) -> Iterator[Damage]:
        """Find documents that no fact stands behind."""
        for _ in range(_LOOKS):
            with self._catalog.reading() as db:
                expected = db.execute(sa.select(sa.func.count()).select_from(facts)).scalar_one()
            self._engine.refresh()
            got = self._engine.count()
            if got == expected:
                return
            time.sleep(_PAUSE)
        yield Damage(str(self._folder), "the number of documents is another", str(got), str(expected), REFILL)


def _digest(row: Any, rank: int) -> int:
    held = (row.seq_from, row.seq_to, rank)
    return digest_of(row.etag, row.kind, row.ref, row.status, row.version_key, held)


_COLUMNS: Final = sa.select(
    *(facts.c[name] for name in ("id", "path", "seq_from", "seq_to", "etag", "status", "version_key", "kind", "ref")),
    facts.c.namespace,
    facts.c.name,
)
