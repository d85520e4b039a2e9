"""Compares the vectors of semantic search with their catalog: their files, and whose text each record's vector is of.

- Files are compared with what was written: each has a check, and each text a digest. The embedder is not asked: it may
  be slow, away, or cost money.
- Vectors may be behind their catalog, or of one that was answered from before: who searches is told so, and they are
  brought up by who fills them. That is no damage.
- They may be appended to, or given up for others, meanwhile; what is found in files that were given up is no damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg_indexer.catalog import FACT_COLUMNS, Catalog, fact_of
from gitreg_indexer.damage import Damage, shown
from gitreg_indexer.semantic import is_installed, text_of
from gitreg_indexer.tables import facts

if TYPE_CHECKING:
    from gitreg_indexer.semantic.store import Fault, Store, View

PART: Final = 500
_LOOKS: Final = 5
GIVE_UP: Final = "run `gitreg index verify --repair`: what is damaged is given up, and made again from the catalog"

Progress = Callable[[int], None]


def check_vectors(
    folder: Path,
    catalog: Catalog | None,
    *,
    mend: str,
    checked: dict[str, int],
    progress: Progress | None = None,
) -> Iterator[Damage]:
    """Find what is wrong with the vectors in a folder, where there are any, and count those that were compared.

    Without a catalog that is sound, only their files are checked.
    """
    if not folder.exists() or not is_installed():
        return
    from gitreg_indexer.semantic.store import BrokenVectorsError, Store

    store = Store(folder)
    try:
        faults = _faults(store)
        for fault in faults:
            yield Damage(str(folder / fault.file), f"a file of the vectors is damaged: {fault.what}", mend=mend)
        if not faults and catalog is not None:
            yield from _compare(store.view(), folder, catalog, mend, checked, progress)
    except GitregError as error:
        yield Damage.of(error, where=str(folder), mend=mend if isinstance(error, BrokenVectorsError) else error.mend)


def drop_damaged(folder: Path) -> None:
    """Give up what is damaged of the vectors in a folder; the caller holds the lock of who fills them."""
    from gitreg_indexer.semantic.store import Store

    Store(folder).drop_damaged()


def _faults(store: Store) -> list[Fault]:
    """Look for faults of files, and look again where they were given up meanwhile."""
    faults: list[Fault] = []
    for _ in range(_LOOKS):
        before = store.header()
        faults = store.faults()
        if not faults or store.header() == before:
            break
    return faults


def _compare(
    view: View, folder: Path, catalog: Catalog, mend: str, checked: dict[str, int], progress: Progress | None
) -> Iterator[Damage]:
    """Compare what texts the vectors are of with what the catalog says."""
    from gitreg_indexer.semantic.store import FACTS, POSITION_FILE
    from gitreg_indexer.semantic.vectors import strangers

    header, stands = view.header, catalog.position().seq
    if header.instance != catalog.instance:
        return
    if header.seq > stands:
        what = "the vectors are of a commit that their catalog does not have"
        yield Damage(str(folder / POSITION_FILE), what, f"seq {header.seq}", f"seq {stands} at most", mend)
        return
    where, count = str(folder / header.file(FACTS)), 0
    query = sa.select(*FACT_COLUMNS).where(facts.c.seq_from <= header.seq).order_by(facts.c.id)
    with catalog.reading() as db:
        rows = iter(db.execution_options(yield_per=PART).execute(query))
        while part := {fact.id: fact for fact in map(fact_of, islice(rows, PART))}:
            for id_, what in strangers(view, [(id_, text_of(fact.data())) for id_, fact in part.items()]):
                place = f"{where}: {shown(part[id_].path)} from seq {part[id_].seq} (id {id_})"
                yield Damage(place, what, mend=mend)
            count += len(part)
            if progress is not None:
                progress(len(part))
    checked["vectors"] = count
    if len(view.ids) > count:
        what = "there are vectors of facts that the catalog does not have"
        yield Damage(where, what, str(len(view.ids)), str(count), mend)
