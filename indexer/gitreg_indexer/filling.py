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
    Catalog,
    about_in,
    fact_of,
    facts,
    in_parts,
)
from gitreg_indexer.documents import document_of, order_of
from gitreg_indexer.engine import Document, SearchEngine
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.ranks import paths_moved_since, rank_new, ranks_of

_PART: Final = 1_000


def rank(catalog: Catalog) -> None:
    """Give ranks to the records that have none yet; for whoever writes the catalog."""
    about = catalog.about()
    ranked, seq = int(about.get("ranked", 0)), int(about.get("seq", 0))
    if ranked < seq:
        with catalog.writing() as written:
            rank_new(written.db, since=ranked, seq=seq)
            written.note(ranked=str(seq))


def fill(catalog: Catalog, engine: SearchEngine) -> None:
    """Bring an engine up to its catalog, as far as that is ranked; whoever writes the catalog is not waited for."""
    try:
        engine.refresh()
        instance, seq = engine.position()
    except GitregError:  # what cannot be read is made again
        instance, seq = "", 0
    with catalog.reading() as db:
        about = about_in(db)
        stands = int(about.get("seq", 0))
        if int(about.get("ranked", 0)) < stands:
            return
        if instance != about["instance"] or seq > stands:
            engine.clear()
            seq = 0
        elif seq == stands:
            return
        engine.apply(_documents_since(db, seq), instance=about["instance"], seq=stands)


def is_filled(catalog: Catalog, engine: SearchEngine) -> bool:
    """Tell whether an engine stands where its catalog does."""
    about = catalog.about()
    wanted = about.get("instance", ""), int(about.get("seq", 0))
    try:
        if engine.position() != wanted:
            engine.refresh()
        return engine.position() == wanted
    except GitregError:
        return False


def _documents_since(db: sa.Connection, seq: int) -> Iterator[Document]:
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
        yield document_of(fact_of(row[: len(FACT_COLUMNS)]), row.version_key, ranks[key])
