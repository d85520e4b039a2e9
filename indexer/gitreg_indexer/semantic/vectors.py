"""The vectors of an index's facts, made by one embedder, and how near they are to something.

- Equal texts are embedded once and share a vector, however many facts say them; a fact's text never changes.
- `apply` is all or nothing for facts. What was embedded before a failure is kept all the same, and not paid for twice.
- A search looks at every vector: there is no approximation, and no order of insertion in the answer.
- What holds when is not known here: whoever asks keeps those of the facts that hold at the moment it asks about.
- Scores depend on texts alone, not on ids or on what else there is: an index that grew and one that was made anew
  score the same. An embedder that asks a server is as steady as that server.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gitreg.errors import GitregError
from gitreg_indexer.semantic.codes import Bytes, Floats, cosines, quantise
from gitreg_indexer.semantic.embedders import Embedder, Hasty
from gitreg_indexer.semantic.store import DIGEST_BYTES, Digests, Header, Integers, Store, View, Writer
from gitreg_indexer.semantic.texts import asked_text

Progress = Callable[[int], None]
"""Counts facts as they are put."""
BATCH: Final = 1_024
KEPT_EVERY: Final = 8_192
"""New vectors after which they are made to last, within one `apply`."""
_REMEMBERED: Final = 1_000
_FEW: Final = 32
_MOST_FAULTS: Final = 100
_ANEW: Final = "remove the folder `semantic` of the index, then run `gitreg index`: all of them are made again"


class Position(NamedTuple):
    """Which catalog's facts there are, up to which seq, and by which embedder; ("", 0, name) when empty."""

    instance: str
    seq: int
    embedder: str


class Near(NamedTuple):
    """A fact, and how near it is: 1 for the same direction, 0 for nothing in common."""

    id: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """How near every fact is to something, as of a position."""

    position: Position
    ids: Integers
    scores: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def best(self, count: int) -> list[Near]:
        """Give the nearest `count` facts and all that are as near as the last of them, best first, equals by id.

        What is given is all that scores so high: a caller may put equals into an order of its own, and a larger
        count goes on where this one ends.
        """
        count = min(count, len(self.ids))
        if count <= 0:
            return []
        least = np.partition(self.scores, len(self.scores) - count)[len(self.scores) - count]
        chosen = np.flatnonzero(self.scores >= least)
        ids, scores = self.ids[chosen], self.scores[chosen]
        order = np.lexsort((ids, -scores))
        return [Near(*pair) for pair in zip(ids[order].tolist(), scores[order].tolist(), strict=True)]

    def of(self, ids: Sequence[int]) -> list[Near]:
        """Give those of some facts that have a vector, in the order in which they are named."""
        asked = np.asarray(ids, np.int64)
        at = np.searchsorted(self.ids, asked)
        at[at == len(self.ids)] = 0
        is_here = self.ids[at] == asked if len(self.ids) else np.zeros(len(asked), bool)
        pairs = zip(asked[is_here].tolist(), self.scores[at[is_here]].tolist(), strict=True)
        return [Near(*pair) for pair in pairs]


class Vectors:
    """The vectors in a folder. May be asked from any thread; one process writes at a time."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.embedder: Final = embedder
        self._store = Store(folder)
        self._seen: View | None = None
        self._writing = threading.Lock()
        self._asked: OrderedDict[str, Bytes] = OrderedDict()
        self._remembering = threading.Lock()

    def position(self) -> Position:
        """Tell which catalog's facts there are, up to which seq, and by which embedder."""
        return _position(self._view().header, self.embedder)

    def known(self, *, instance: str, seq: int) -> int:
        """Tell up to which seq a catalog that stands at `seq` has its facts here; 0 where none counts.

        What is another catalog's, another embedder's, beyond `seq` or unreadable is given up: only a writer asks this.
        """
        try:
            self.refresh()
            header = self._view().header
        except GitregError:  # what cannot be read is made again
            self.clear()
            return 0
        if header.embedder != self.embedder.name:
            return 0
        if header.instance != instance or header.seq > seq:
            self._forget(header)
            return 0
        return header.seq

    def apply(
        self, items: Iterable[tuple[int, str]], *, instance: str, seq: int, progress: Progress | None = None
    ) -> None:
        """Put facts, each an id with its text, and move to `seq`, all or nothing; a known fact costs nothing.

        Facts of another catalog, and vectors of another embedder, are given up first.
        """
        with self._writing:
            self.refresh()
            view = self._view()
            if view.header.embedder != self.embedder.name:
                view = _empty(view.header.renewed(embedder=self.embedder.name))
            elif view.header.instance not in ("", instance):
                self._forget(view.header)
                view = self._view()
            with self._store.writing(view.header) as writer:
                filling = _Filling(view, self.embedder, writer)
                try:
                    for batch in _batches(items, BATCH):
                        filling.put(batch)
                        if progress:
                            progress(len(batch))
                except BaseException:
                    with suppress(OSError):
                        writer.keep_rows()
                    raise
                writer.keep(instance=instance, seq=seq)
            self.refresh()

    def nearest(self, vector: npt.ArrayLike, count: int) -> list[tuple[int, float]]:
        """Give the facts nearest to a vector as (id, score), best first, with all that are as near as the last."""
        return list(self.near(vector).best(count))

    def near(self, vector: npt.ArrayLike) -> Ranking:
        """Tell how near every fact is to a vector; none is, where the vector says nothing."""
        codes, _ = quantise(_rows(np.asarray(vector)[None, :], 1, "the vector that is asked for"))
        return _ranking(self._view(), codes[0], self.embedder)

    def near_text(self, text: str, *, is_hasty: bool = False) -> Ranking:
        """Tell how near every fact is to a text. `GitregError` where the vectors are another embedder's.

        `is_hasty` has an embedder that knows how to be asked once, for a short time, asked like that.
        """
        view = self._view()
        if view.header.embedder not in ("", self.embedder.name):
            raise GitregError(
                "the vectors of semantic search were made by another embedder",
                got=view.header.embedder,
                expected=self.embedder.name,
                mend="run `gitreg index`: it makes them again; or choose the other one",
            )
        if not len(view.ids):
            return _ranking(view, np.zeros(view.header.dimensions, np.int8), self.embedder)
        return _ranking(view, self._code_of(asked_text(text), is_hasty=is_hasty), self.embedder)

    def near_fact(self, id_: int) -> Ranking | None:
        """Tell how near every fact is to one of them, itself included; None where that has no vector."""
        view = self._view()
        row = view.row_of(id_)
        return None if row is None else _ranking(view, view.codes[row], self.embedder)

    def row(self, id_: int) -> Floats | None:
        """Give a fact's vector, of length 1, as it is kept; None where it has none."""
        view = self._view()
        row = view.row_of(id_)
        return None if row is None else view.codes[row].astype(np.float32) * view.lengths[row]

    def adopt(self, folder: Path) -> int:
        """Take over the texts' vectors of another folder, made by the same embedder, before the first `apply`.

        Gives how many there are now. No fact has them yet: they spare the embedder what it has done before.
        """
        with self._writing:
            self.refresh()
            try:
                other = Store(folder).view()
            except GitregError:  # what cannot be read is of no use
                return self._view().header.rows
            here = self._view().header
            if other.header.embedder != self.embedder.name or here.rows or not other.header.rows:
                return here.rows
            with self._store.writing(Header().renewed(embedder=self.embedder.name)) as writer:
                for start in range(0, other.header.rows, KEPT_EVERY):
                    part = slice(start, start + KEPT_EVERY)
                    writer.put_rows(other.digests[part].tobytes(), other.codes[part], other.lengths[part])
                writer.keep_rows()
            self.refresh()
            return self._view().header.rows

    def verify(self, items: Iterable[tuple[int, str]] = ()) -> list[str]:
        """Read everything again; tell which files are not what was written, and which facts have another text's vector.

        At most a hundred faults are told.
        """
        found = self._store.faults()
        if found:
            return [f"{fault.file}: {fault.what}" for fault in found]
        view = self._store.view()
        told = (f"fact {id_}: {what}" for batch in _batches(items, BATCH) for id_, what in strangers(view, batch))
        return list(islice(told, _MOST_FAULTS))

    def clear(self) -> None:
        """Forget everything, files included."""
        self._store.clear()
        self._seen = None

    def refresh(self) -> None:
        """See what another process has written."""
        if self._seen is None or self._store.header() != self._seen.header:
            self._seen = self._store.view()

    def close(self) -> None:
        """Let go of files."""
        self._seen = None

    def _view(self) -> View:
        seen = self._seen
        if seen is None:
            self._seen = seen = self._store.view()
        return seen

    def _forget(self, header: Header) -> None:
        """Give up facts, and keep the vectors of texts."""
        self._store.keep(header.renewed())
        self.refresh()

    def _code_of(self, text: str, *, is_hasty: bool) -> Bytes:
        """Give the bytes of what is asked for; who pages through an answer asks the embedder once."""
        with self._remembering:
            if text in self._asked:
                self._asked.move_to_end(text)
                return self._asked[text]
        embedder = self.embedder
        vectors = embedder.embed_at_once(text) if is_hasty and isinstance(embedder, Hasty) else embedder.embed([text])
        codes, _ = quantise(_rows(vectors, 1, embedder.name))
        made: Bytes = codes[0]
        with self._remembering:
            self._asked[text] = made
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        return made


class _Filling:
    """Finds the rows of texts, and has those embedded that have none."""

    def __init__(self, view: View, embedder: Embedder, writer: Writer) -> None:
        self._view = view
        self._embedder = embedder
        self._writer = writer
        self._before = _Lookup(view.digests)
        self._made: dict[bytes, int] = {}
        self._lasting = 0

    def put(self, batch: Sequence[tuple[int, str]]) -> None:
        digests = [_digest(text) for _, text in batch]
        texts = {digest: text for digest, (_, text) in zip(digests, batch, strict=True) if digest not in self._made}
        self._made.update(self._before.find(list(texts)))
        self._embed({digest: text for digest, text in texts.items() if digest not in self._made})
        pairs = np.array([(id_, self._made[digest]) for digest, (id_, _) in zip(digests, batch, strict=True)], np.int64)
        self._writer.put_items(pairs[_are_news(self._view, pairs)])

    def _embed(self, texts: dict[bytes, str]) -> None:
        if not texts:
            return
        name, width = self._embedder.name, self._writer.header.dimensions
        vectors = _rows(self._embedder.embed(list(texts.values())), len(texts), name)
        if width not in (0, vectors.shape[1]):
            raise GitregError(
                "the embedder gives vectors of another dimension than those that are there",
                where=name,
                got=vectors.shape[1],
                expected=width,
                mend=_ANEW,
            )
        first = self._writer.put_rows(b"".join(texts), *quantise(vectors))
        self._made.update(zip(texts, range(first, first + len(texts)), strict=True))
        self._lasting += len(texts)
        if self._lasting >= KEPT_EVERY:
            self._writer.keep_rows()
            self._lasting = 0


class _Lookup:
    """Finds the rows of digests: a few by looking through all, many by looking them up in order."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._sorted: tuple[Digests, Integers] | None = None

    def find(self, wanted: Sequence[bytes]) -> dict[bytes, int]:
        if not wanted or not len(self._digests):
            return {}
        keys = np.frombuffer(b"".join(wanted), "<u8").reshape(-1, 2)
        found: dict[bytes, int] = {}
        for digest, key, rows in zip(wanted, keys, self._candidates(keys[:, 0]), strict=True):
            found.update((digest, int(row)) for row in rows if self._digests[row, 1] == key[1])
        return found

    def _candidates(self, heads: Digests) -> Iterator[Integers]:
        """Give, for each first half of a digest, the rows that begin with it."""
        if self._sorted is None and len(heads) <= _FEW:
            yield from (np.flatnonzero(self._digests[:, 0] == head) for head in heads)
            return
        if self._sorted is None:
            order = np.argsort(self._digests[:, 0])
            self._sorted = self._digests[order, 0], order
        known, order = self._sorted
        starts, stops = np.searchsorted(known, heads, "left"), np.searchsorted(known, heads, "right")
        yield from (order[start:stop] for start, stop in zip(starts, stops, strict=True))


def _are_news(view: View, pairs: Integers) -> npt.NDArray[np.bool_]:
    """Tell which ids have no row yet, or another one."""
    if not len(view.ids):
        return np.ones(len(pairs), bool)
    at = np.minimum(np.searchsorted(view.ids, pairs[:, 0]), len(view.ids) - 1)
    are_news: npt.NDArray[np.bool_] = (view.ids[at] != pairs[:, 0]) | (view.rows[at] != pairs[:, 1])
    return are_news


def strangers(view: View, batch: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Tell which facts, each an id with its text, have no vector or that of another text."""
    for id_, text in batch:
        row = view.row_of(id_)
        if row is None:
            yield id_, "the vector is missing"
        elif view.digests[row].tobytes() != _digest(text):
            yield id_, "the vector is that of another text"


def _ranking(view: View, asked: Bytes, embedder: Embedder) -> Ranking:
    position = _position(view.header, embedder)
    if len(asked) != view.header.dimensions and len(view.ids):
        raise GitregError(
            "what is asked for has another dimension than the vectors that are there",
            got=len(asked),
            expected=view.header.dimensions,
            mend=_ANEW,
        )
    if not asked.any() or not len(view.ids):
        return Ranking(position, np.zeros(0, np.int64), np.zeros(0, np.float32))
    return Ranking(position, view.ids, cosines(view.codes, view.lengths, asked)[view.rows])


def _rows(made: Any, count: int, name: str) -> npt.NDArray[np.floating]:
    """Check what an embedder gives: `count` rows of finite numbers."""
    rows = np.asarray(made)
    good = rows.ndim == 2 and len(rows) == count and rows.shape[1] > 0 and np.issubdtype(rows.dtype, np.floating)
    if not good or not np.isfinite(rows).all():
        raise GitregError(
            "an embedder gives what are no vectors",
            where=name,
            got=f"an array of {rows.dtype} of shape {rows.shape}",
            expected=f"{count} rows of finite floating-point numbers",
            mend="choose another embedder, or mend this one",
        )
    return rows


def _position(header: Header, embedder: Embedder) -> Position:
    return Position(header.instance, header.seq, header.embedder or embedder.name)


def _empty(header: Header) -> View:
    nothing = np.zeros(0, np.int64)
    codes = np.zeros((0, header.dimensions), np.int8)
    return View(header, codes, np.zeros(0, np.float32), np.zeros((0, 2), np.uint64), nothing, nothing)


def _batches(items: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
