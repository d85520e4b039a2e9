"""Brings a search engine up to its catalog: the facts that began, ended or moved in the order since its own position.

- An engine that cannot be read, or that was filled from another catalog, is filled from nothing.
- What is lost on the way is found by the next one: the engine's position is stored with its documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg_indexer.catalog import FACT_COLUMNS, BrokenIndexError, Catalog, about_in, fact_of, number_of
from gitreg_indexer.documents import document_of, order_of
from gitreg_indexer.engine import SearchEngine
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.parsing import Crew
from gitreg_indexer.ranks import paths_moved_since, rank_new, ranks_of
from gitreg_indexer.tables import LISTED, facts, in_parts

_PART: Final = 500


def rank(catalog: Catalog) -> None:
    """Give ranks to the records that have none yet; for whoever may write the catalog."""
    about = catalog.about()
    ranked, seq = number_of(about, "ranked"), number_of(about, "seq")
    if ranked < seq:
        with catalog.writing() as written:
            rank_new(written.db, since=ranked, seq=seq)
            written.note(ranked=str(seq))


def fill(catalog: Catalog, engine: SearchEngine, *, ranks: bool = True) -> None:
    """Bring an engine up to its catalog.

    `ranks` has what is new ranked first, which changes the catalog; without it, an engine waits until whoever writes
    the catalog has done that.
    """
    if ranks:
        rank(catalog)
    try:
        engine.refresh()
        instance, seq = engine.position()
    except GitregError:  # what cannot be read is made again
        instance, seq = "", 0
    with catalog.reading() as db:
        about = about_in(db)
        stands = number_of(about, "seq")
        if number_of(about, "ranked") < stands:
            return
        if instance != about["instance"] or seq > stands:
            engine.clear()
            seq = 0
        elif seq == stands:
            return
        engine.apply(_prepared_since(db, engine, seq), instance=about["instance"], seq=stands)


def is_filled(catalog: Catalog, engine: SearchEngine) -> bool:
    """Tell whether an engine stands where its catalog does."""
    about = catalog.about()
    wanted = about.get("instance", ""), number_of(about, "seq")
    try:
        if engine.position() != wanted:
            engine.refresh()
        return engine.position() == wanted
    except GitregError:
        return False


def _prepared_since(db: sa.Connection, engine: SearchEngine, seq: int) -> Iterator[Any]:
    """Make and prepare documents, in other processes where there are many."""
    named = f"{type(engine).__module__}:{type(engine).__qualname__}"
    crew: Crew[Standing, Any] = Crew("documents", maker_of_documents(named), (named,))
    for _, prepared in crew.map((None, part) for part in _standing_since(db, seq)):
        yield from prepared


Standing = tuple[Any, str, int]
"""A fact's row, its version's sort key, and its rank."""


def maker_of_documents(engine: str) -> Callable[[Standing], Any]:
    """Give what makes a prepared document of a fact, for an engine by the name of its class."""
    module, _, name = engine.partition(":")
    preparer = getattr(attrgetter(name)(import_module(module)), "preparer", None)
    prepare = preparer() if preparer is not None else lambda document: document
    return lambda standing: prepare(document_of(fact_of(standing[0]), standing[1], standing[2]))


def _standing_since(db: sa.Connection, seq: int) -> Iterator[list[Standing]]:
    seen: set[int] = set()
    if seq > 0:
        moved = in_parts(db, _SELECTED.where(facts.c.path.in_(LISTED)), paths_moved_since(db, seq))
        while rows := list(islice(moved, _PART)):  # of all records, where all ranks were spread anew
            fresh = {row.id: row for row in rows if row.id not in seen}
            seen.update(fresh)
            yield _ranked(db, list(fresh.values()))
    began = _SELECTED.where(facts.c.seq_from > seq).order_by(facts.c.seq_from)
    ended = _SELECTED.where(facts.c.seq_from <= seq, facts.c.seq_to > seq, facts.c.seq_to < FOREVER)
    # each in the order of its own index: in that of ids, SQLite would look through the whole table to find them
    for query in (began if seq > 0 else _SELECTED.order_by(facts.c.id), ended.order_by(facts.c.seq_to)):
        found = db.execution_options(yield_per=_PART).execute(query)
        for part in found.partitions(_PART):
            yield _ranked(db, [row for row in part if row.id not in seen])


_SELECTED: Final = sa.select(*FACT_COLUMNS, facts.c.namespace, facts.c.name, facts.c.version_key)


def _ranked(db: sa.Connection, rows: Sequence[Any]) -> list[Standing]:
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
    return [(tuple(row[: len(FACT_COLUMNS)]), row.version_key, ranks[key]) for row, key in zip(rows, keys, strict=True)]
