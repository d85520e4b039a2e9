"""Brings a search engine up to its catalog: the facts that began, ended or moved in the order since its own position.

- An engine that cannot be read, or that was filled from another catalog, is filled from nothing.
- What is lost on the way is found by the next one: the engine's position is stored with its documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg_indexer.catalog import (
    FACT_COLUMNS,
    LISTED,
    BrokenIndexError,
    Catalog,
    Position,
    fact_of,
    facts,
    in_parts,
    number_of,
)
from gitreg_indexer.documents import document_of, order_of
from gitreg_indexer.engine import Document, SearchEngine
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.ranks import paths_moved_since, rank_new, ranks_of

_PART: Final = 1_000


def fill(catalog: Catalog, engine: SearchEngine) -> None:
    """Bring an engine up to its catalog."""
    try:
        engine.refresh()
        instance, seq = engine.position()
    except GitregError:  # what cannot be read is made again
        instance, seq = "", 0
    about = catalog.about()
    position, ranked = Position(number_of(about, "seq"), about.get("commit", "")), number_of(about, "ranked")
    if ranked < position.seq:
        with catalog.writing() as written:
            rank_new(written.db, since=ranked, seq=position.seq)
            written.note(ranked=str(position.seq))
    if instance != about["instance"] or seq > position.seq:
        engine.clear()
        seq = 0
    elif seq == position.seq:
        return
    engine.apply(_documents_since(catalog, seq), instance=about["instance"], seq=position.seq)


def _documents_since(catalog: Catalog, seq: int) -> Iterator[Document]:
    with catalog.reading() as db:
        seen: set[int] = set()
        if seq > 0:
            moved = in_parts(db, _SELECTED.where(facts.c.path.in_(LISTED)), paths_moved_since(db, seq))
            rows = list(moved)
            seen = {row.id for row in rows}
            yield from _documents(db, rows)
        began = facts.c.seq_from > seq
        ended = sa.and_(facts.c.seq_to > seq, facts.c.seq_to < FOREVER)
        found = db.execution_options(yield_per=_PART).execute(_SELECTED.where(sa.or_(began, ended)))
        for part in found.partitions(_PART):
            yield from _documents(db, [row for row in part if row.id not in seen])


_SELECTED: Final = sa.select(*FACT_COLUMNS, facts.c.namespace, facts.c.name, facts.c.version_key).order_by(facts.c.id)


def _documents(db: sa.Connection, rows: Sequence[Any]) -> Iterator[Document]:
    keys = [order_of(row.namespace, row.name, row.version_key, row.kind, row.ref) for row in rows]
    ranks = ranks_of(db, keys)
    for row, key in zip(rows, keys, strict=True):
        if key not in ranks:
            raise BrokenIndexError(
                "a record of the index has no place in the order of records",
                where=row.ref,
                got=f"no rank, though seq {row.seq_from} was ranked",
                mend="run `gitreg index verify --repair`",
            )
        yield document_of(fact_of(row[: len(FACT_COLUMNS)]), row.version_key, ranks[key])
