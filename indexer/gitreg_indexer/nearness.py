"""Where semantic search meets the index: its vectors are brought up to the catalog, and ask the engine what passes.

- The vectors lie beside the generations of an index: what a text's vector is does not depend on the catalog, so an
  index that is made anew embeds nothing again.
- They are filled by `gitreg index`, by who watches, and by who searches by nearness on the command line; never by who
  only reads words, since an embedder may be slow or away.
- Near is what is near to the words that are wanted; a phrase and what is excluded hold as they do in a search by words.
- A search by nearness is of the last commit that both the engine and the vectors have come to.
- Nothing of this is imported or opened before somebody asks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from gitreg.errors import ConflictError, GitregError
from gitreg_indexer.catalog import FACT_COLUMNS, Catalog, fact_of
from gitreg_indexer.engine import Found, Query
from gitreg_indexer.lock import writing
from gitreg_indexer.semantic import FOLDER, open_vectors, text_of, why_none
from gitreg_indexer.tables import facts
from gitreg_indexer.texts import bounds_of, parse_text

if TYPE_CHECKING:
    from gitreg_indexer.index import Generation, Index
    from gitreg_indexer.semantic.search import Passing
    from gitreg_indexer.semantic.vectors import Near, Ranking, Vectors

VECTORS_LOCK: Final = "semantic.lock"
_PART: Final = 1_000
Progress = Callable[[int], None]


class VectorsNotReadyError(GitregError):
    """The vectors of semantic search have not been made yet; trying again helps where they are being made."""

    code = "not-ready"


@dataclass(frozen=True, slots=True)
class Likeness:
    """A fact that is like another one, and how much: 1 for what says the same."""

    id: int
    score: float


class Nearness:
    """The vectors of an index, asked together with its search engine; from any thread.

    `is_hasty` has an embedder that may be slow asked once, for a short time: somebody else waits for the same threads.
    """

    def __init__(self, index: Index, *, is_hasty: bool = False) -> None:
        self._index = index
        self._is_hasty = is_hasty
        self._opening = threading.Lock()
        self._opened: Vectors | None = None

    def search(
        self,
        generation: Generation,
        query: Query,
        mode: str,
        *,
        offset: int,
        limit: int,
        at: int | None = None,
        facets: Sequence[str] = (),
    ) -> Found:
        """Find what is nearest to the query's text, or that and what has its words (`hybrid`), in one order."""
        from gitreg_indexer.semantic.search import DEEPEST, FUSED, hybrid_page, semantic_page

        ranking = self._vectors().near_text(parse_text(query.text or "").plain, is_hasty=self._is_hasty)
        seq = _common_seq(generation, ranking, at)
        passing = _passing(generation, query, seq)
        most = max(DEEPEST, 2 * FUSED)
        first, count = (0, most) if facets else (offset, limit)
        meant: tuple[tuple[str, str], ...] = ()
        if mode == "semantic":
            ids, total = semantic_page(ranking, passing, offset=first, limit=count)
        else:
            worded = generation.engine.search(query, offset=0, limit=FUSED, at=seq)
            ids, total = hybrid_page(ranking, passing, worded.ids, offset=first, limit=count)
            meant = worded.meant
        if not facets:
            return Found(total, tuple(ids), ranking.position.instance, seq, meant=meant)
        counted = generation.engine.search(Query(ids=tuple(ids)), offset=0, limit=0, at=seq, facets=facets)
        page = tuple(ids[offset : offset + limit])
        return Found(total, page, ranking.position.instance, seq, counted.facets, meant)

    def seq(self, generation: Generation) -> int:
        """Tell which seq a search by nearness is of now."""
        return min(generation.engine.position()[1], self._checked(generation).position().seq)

    def like(self, generation: Generation, id_: int, query: Query, seq: int) -> Iterator[Likeness]:
        """Give the facts that pass a query at a seq, the most like one first."""
        from gitreg_indexer.semantic.search import walk

        ranking = self._checked(generation).near_fact(id_)
        if ranking is None:
            raise _not_ready()
        near: Iterator[Near] = walk(ranking, _passing(generation, query, seq))
        return (Likeness(each.id, each.score) for each in near)

    def _vectors(self) -> Vectors:
        with self._opening:
            if self._opened is None:
                self._opened = open_vectors(self._index.folder / FOLDER)
            if self._opened is None:
                raise why_none()
            self._opened.refresh()
            return self._opened

    def _checked(self, generation: Generation) -> Vectors:
        vectors = self._vectors()
        if vectors.position().instance != generation.engine.position()[0]:
            raise _not_ready()
        return vectors


def catch_up(index: Index, *, progress: Progress | None = None) -> None:
    """Bring the vectors up to the catalog, where semantic search is installed.

    `ConflictError` where another process is at it; `GitregError` where the embedder fails: what it has done is kept.
    """
    vectors = open_vectors(index.folder / FOLDER)
    if vectors is not None:
        _bring_up(vectors, index, progress)


def _bring_up(vectors: Vectors, index: Index, progress: Progress | None) -> None:
    catalog = index.catalog
    instance, seq = catalog.instance, catalog.position().seq
    if _stands_at(vectors, instance, seq):
        return
    with writing(index.folder, VECTORS_LOCK):
        known = vectors.known(instance=instance, seq=seq)
        if known < seq:
            vectors.apply(_texts_since(catalog, known, seq), instance=instance, seq=seq, progress=progress)


def _stands_at(vectors: Vectors, instance: str, seq: int) -> bool:
    from gitreg_indexer.semantic.store import BrokenVectorsError

    try:
        vectors.refresh()
        position = vectors.position()
    except BrokenVectorsError:  # who fills them makes them again
        return False
    return (position.instance, position.seq, position.embedder) == (instance, seq, vectors.embedder.name)


class Filler:
    """Keeps the vectors up to the catalog, in a thread of its own, so that a slow embedder holds nothing up.

    What stands in the way is told once, and once more when it is over.
    """

    def __init__(self, index: Index, ended: threading.Event, tell: Callable[[str], None]) -> None:
        self._index = index
        self._ended = ended
        self._tell = tell
        self._rang = threading.Event()
        self._fault: str | None = None

    def ring(self) -> None:
        """Have it look now."""
        self._rang.set()

    def run(self) -> None:
        """Fill them until the end, whenever it rings and every so often."""
        patience = _QUICK
        vectors: Vectors | None = None
        while not self._ended.is_set():
            self._rang.clear()
            try:
                vectors = vectors or open_vectors(self._index.folder / FOLDER)
                if vectors is None:
                    return
                _bring_up(vectors, self._index, self._step)
            except (_Ended, ConflictError):
                pass
            except Exception as error:  # noqa: BLE001 - search by words and watching go on whatever happens here
                self._note(error)
                patience = min(patience * 2, _LONGEST)
            else:
                self._note(None)
                patience = _QUICK
            self._rang.wait(patience)

    def _note(self, error: Exception | None) -> None:
        says = f"{error.says}; {error.mend}" if isinstance(error, GitregError) else repr(error) if error else None
        if says == self._fault:
            return
        self._fault = says
        told = f"cannot be brought up to date: {says}" if says else "is brought up to date again"
        self._tell(f"semantic search {told}")

    def _step(self, _facts: int) -> None:
        if self._ended.is_set():
            raise _Ended


class _Ended(Exception):  # noqa: N818 - it is no error
    """Filling was ended; what was embedded is kept."""


_QUICK: Final = 1.0
_LONGEST: Final = 60.0


def _passing(generation: Generation, query: Query, seq: int) -> Passing:
    from gitreg_indexer.semantic.search import Passing

    engine, bare = generation.engine, replace(query, text=bounds_of(query.text or "") or None, sort="name")
    total = engine.search(bare, offset=0, limit=0, at=seq).total
    return Passing(
        total=total,
        among=lambda ids: engine.search(replace(bare, ids=tuple(ids)), offset=0, limit=len(ids), at=seq).ids,
        everything=lambda: engine.search(bare, offset=0, limit=total, at=seq).ids,
    )


def _common_seq(generation: Generation, ranking: Ranking, at: int | None) -> int:
    instance, seq = generation.engine.position()
    if ranking.position.instance != instance:
        raise _not_ready()
    reached = min(seq, ranking.position.seq)
    return reached if at is None else min(at, reached)


def _not_ready() -> VectorsNotReadyError:
    return VectorsNotReadyError(
        "the vectors of semantic search have not been made yet",
        mend="try again in a moment, or run `gitreg index`; search by words goes on meanwhile",
    )


def _texts_since(catalog: Catalog, since: int, until: int) -> Iterator[tuple[int, str]]:
    """Give each fact that began after a seq, with the text that stands for it."""
    query = sa.select(*FACT_COLUMNS).where(facts.c.seq_from > since, facts.c.seq_from <= until).order_by(facts.c.id)
    with catalog.reading() as db:
        rows: Iterator[Any] = iter(db.execution_options(yield_per=_PART).execute(query))
        while part := list(islice(rows, _PART)):
            yield from ((fact.id, text_of(fact.data())) for fact in map(fact_of, part))
