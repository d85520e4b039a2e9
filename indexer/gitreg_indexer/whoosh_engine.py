"""A search engine in pure Python, for where tantivy has no wheel: whoosh, embedded, on disk.

- The same terms and plans as for tantivy; whoosh keeps the postings, sets of documents are combined in Python, and
  what is found is sorted in memory. That is good to some ten thousand entries (docs/search-engines.md).
- What is searched is a view, one state of the index; it is replaced whole, by `apply` and by `refresh`.
- Beside whoosh's files stands a list of their checksums, for whoosh keeps none. A file that is not listed, for the
  process ended before the list was written, is taken to be whole.
"""

from __future__ import annotations

import json
import shutil
import threading
import zlib
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from whoosh import fields, formats, index
from whoosh.reading import TermNotFound

from gitreg.errors import GitregError
from gitreg_indexer.engine import MOST_COUNTED, Document, Facet, Found, Query, unusable
from gitreg_indexer.fields import columns
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.plans import Plan, corrected, plan
from gitreg_indexer.terms import (
    AnyBetween,
    AnyId,
    AnyPrefixed,
    AnyTerm,
    AnyWord,
    Asked,
    Begun,
    Both,
    Either,
    InOrder,
    Neither,
    OneOfFew,
    T,
    TermMaker,
    WordPrefixed,
    all_terms,
    in_column,
    value_at,
    value_prefixes,
)

_FORMAT: Final = "4"
_TERM: Final = "term"
_TEXT: Final = "text"
_STORED: Final = "stored"
_MARK: Final = "mark"
_BREAK: Final = "|"
_CHECKSUMS: Final = "checksums.json"
_MEMORY_MB: Final = 128
_REMEMBERED: Final = 2_000

Docs = frozenset[int]
_NONE: Final[Docs] = frozenset()


_NO_ANALYZER: Final[Any] = None  # what is put comes as terms
_PLACES: Final = formats.Positions()


class _Terms(fields.FieldType):
    """A field whose terms are given, with blanks between."""

    def __init__(self) -> None:
        super().__init__(formats.Existence(), _NO_ANALYZER)

    def index(self, value: Any, **_: Any) -> Generator[tuple[bytes, int, float | int, bytes], Any, None]:
        """Give each term once."""
        for term in all_terms(value):
            yield term.encode(), 1, 1.0, b""


class _Passages(fields.FieldType):
    """A field of words, given with blanks between; each is kept with its places."""

    def __init__(self) -> None:
        super().__init__(_PLACES, _NO_ANALYZER)

    def index(self, value: Any, **_: Any) -> Generator[tuple[bytes, int, float | int, bytes], Any, None]:
        """Give each word with its places; a break takes a place, and is none."""
        places: dict[str, list[int]] = {}
        for place, word in enumerate(value.split(" ")):
            if word and word != _BREAK:
                places.setdefault(word, []).append(place)
        for word, found in places.items():
            yield word.encode(), len(found), 1.0, _PLACES.encode(found)


def _schema() -> Any:
    return fields.Schema(**{_TERM: _Terms(), _TEXT: _Passages(), _STORED: fields.STORED()})


def _made_by() -> str:
    """Give a text that is another when terms or columns are."""
    return blake2b(json.dumps([_FORMAT, sorted(columns().items())]).encode(), digest_size=8).hexdigest()


class WhooshEngine:
    """A whoosh index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._maker = TermMaker()
        self._columns = columns()
        self._view: _View | None = None
        with suppress(GitregError):  # what is broken is told when it is asked
            self.refresh()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except GitregError:
            raise
        except Exception as error:  # what whoosh says of damaged files is anything at all
            raise unusable(self._folder, error) from error

    def _shown(self) -> _View:
        if self._view is None:
            self.refresh()
        assert self._view is not None  # noqa: S101 - `refresh` sets it, or raises
        return self._view

    def position(self) -> tuple[str, int]:
        """Tell which catalog it was filled from, and up to which seq."""
        view = self._shown()
        return view.instance, view.seq

    def refresh(self) -> None:
        """See what another process has written."""
        with self._explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            damaged = self._damaged(".toc")
            if damaged:  # whoosh leaves such a file open
                raise ValueError(damaged[0])
            if not index.exists_in(str(self._folder)):
                index.create_in(str(self._folder), _schema())
            self._view = _View(index.open_dir(str(self._folder)))

    def apply(self, documents: Iterable[Document], *, instance: str, seq: int) -> None:
        """Put documents, each in place of the one with its id, and move to `seq`, all or nothing."""
        with self._lock:
            self.refresh()
            view = self._shown()
            if not view.is_ours:
                self._clear()
                view = self._shown()
            with self._explained():
                writer: Any = view.index.writer(limitmb=_MEMORY_MB)
            try:
                for document in documents:
                    if document.seq_from <= view.seq and document.id in view.numbers:
                        writer.delete_document(view.numbers[document.id])
                    writer.add_document(**self._laid_out(document))
                with self._explained():
                    if view.mark is not None:
                        writer.delete_document(view.mark)
                    writer.add_document(term=_MARK, stored=(instance, seq, _made_by()))
                    writer.commit()
            except BaseException:
                with suppress(Exception):
                    writer.cancel()
                raise
            self.refresh()
            with self._explained():
                _write_checksums(self._folder)

    def _laid_out(self, document: Document) -> dict[str, Any]:
        terms, shape = self._maker.laid_out(document)
        words = self._maker.passages(document, f" {_BREAK} ")
        kept: dict[str, Any] = {}
        for path, places in shape.places.items():
            if path in self._columns:
                found = (in_column(document.values[place][1], self._columns[path]) for place in places)
                value = next((each for each in found if each is not None), None)
                if value is not None:
                    kept[path] = value
        stored = (document.id, document.rank, document.seq_from, document.version_key, kept, document.digest)
        return {_TERM: terms, _TEXT: words, _STORED: stored}

    def clear(self) -> None:
        """Forget everything, files included."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._view = None
        shutil.rmtree(self._folder, ignore_errors=True)
        self.refresh()

    def close(self) -> None:
        """Let go of files: nothing is held but what is mapped."""

    def search(
        self, query: Query, *, offset: int, limit: int, at: int | None = None, facets: Sequence[str] = ()
    ) -> Found:
        """Find documents that are live, or that held at a seq; offset and limit may be of any size."""
        query.order()
        with self._explained():
            return self._shown().search(query, offset=offset, limit=limit, at=at, facets=facets)

    def count(self) -> int:
        """Count the documents that it keeps."""
        with self._explained():
            return len(self._shown().kept)

    def digests(self, ids: Sequence[int]) -> dict[int, int]:
        """Give the digests of documents by id."""
        with self._explained():
            view = self._shown()
            numbers = {id_: view.numbers[id_] for id_ in ids if id_ in view.numbers}
            return {id_: view.kept[number].digest for id_, number in numbers.items()}

    def faults(self) -> list[str]:
        """Read all its files and name those whose checksum is another than when they were written."""
        return self._damaged(".toc", ".seg")

    def _damaged(self, *suffixes: str) -> list[str]:
        try:
            known: dict[str, int] = json.loads((self._folder / _CHECKSUMS).read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            return [f"{self._folder / _CHECKSUMS}: it cannot be read: {error}"]
        is_newest = all((self._folder / name).exists() for name in known if name.endswith(".toc"))
        asked = [(self._folder / name, checksum) for name, checksum in sorted(known.items()) if name.endswith(suffixes)]
        found = (_fault(file, checksum, is_newest) for file, checksum in asked)
        return [fault for fault in found if fault is not None]


def _fault(file: Path, checksum: int, is_wanted: bool) -> str | None:
    try:
        return None if _checksum(file) == checksum else f"{file}: its content is damaged"
    except FileNotFoundError:
        return f"{file}: it is missing" if is_wanted else None
    except OSError as error:
        return f"{file}: it cannot be read: {error}"


def _checksum(file: Path) -> int:
    return zlib.crc32(file.read_bytes())


def _write_checksums(folder: Path) -> None:
    files = [file for file in folder.iterdir() if file.suffix in (".toc", ".seg")]
    text = json.dumps({file.name: _checksum(file) for file in sorted(files)}, indent=1)
    new = folder / f"{_CHECKSUMS}.new"
    new.write_text(text)
    new.replace(folder / _CHECKSUMS)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What of a document is not a term."""

    id: int
    rank: int
    seq_from: int
    version_key: str
    columns: dict[str, str | float]
    digest: int

    def sorted_by(self, name: str) -> Any:
        """Give what it is sorted by; None where it has none."""
        if name == "version":
            return self.version_key or None
        return self.seq_from if name == "updatedAt" else self.columns.get(name)


class _View:
    """One state of the index."""

    def __init__(self, opened: Any) -> None:
        self.index = opened
        self._reader = opened.reader()
        self._lock = threading.RLock()
        self._known: dict[tuple[str, str], Docs] = {}
        self._remembered: dict[Hashable, Any] = {}
        self._loaded: dict[int, _Kept] | None = None
        self._numbers: dict[int, int] = {}
        self.mark: int | None = next(iter(self._docs(_TERM, _MARK)), None)
        stored = ("", 0, _made_by()) if self.mark is None else self._reader.stored_fields(self.mark)[_STORED]
        self.is_ours = stored[2] == _made_by()
        self.instance, self.seq = (stored[0], stored[1]) if self.is_ours else ("", 0)

    @property
    def kept(self) -> dict[int, _Kept]:
        """Give what is kept of each document, by whoosh's number."""
        with self._lock:
            if self._loaded is None:
                stored = ((number, each[_STORED]) for number, each in self._reader.iter_docs())
                self._loaded = {number: _Kept(*each) for number, each in stored if number != self.mark}
                self._numbers = {each.id: number for number, each in self._loaded.items()}
            return self._loaded

    @property
    def numbers(self) -> dict[int, int]:
        """Give whoosh's numbers by id."""
        return self._numbers if self.kept else {}

    # -------------------------------------------------------------------------------------------- vocabulary

    def has(self, term: str) -> bool:
        """Tell whether there is such a term."""
        return bool(self._docs(_TERM, term))

    def starting(self, prefix: str) -> list[str]:
        """List the terms that begin with a text."""
        return self._prefixed(_TERM, prefix)

    def words_starting(self, prefix: str) -> list[str]:
        """List the words of passages that begin with a text."""
        return self._prefixed(_TEXT, prefix)

    def is_any(self, asked: Asked) -> bool:
        """Tell whether any document matches."""
        return bool(self._matching(asked))

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made under a key before, or make it."""
        if key not in self._remembered:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = make()
        known: T = self._remembered[key]
        return known

    def _prefixed(self, field: str, prefix: str) -> list[str]:
        if not self._has_terms():
            return []
        return [term.decode() for term in self._reader.expand_prefix(field, prefix.encode())]

    def _has_terms(self) -> bool:
        return bool(self._reader.doc_count_all())

    def _docs(self, field: str, term: str) -> Docs:
        known = self._known.get((field, term))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            try:
                known = frozenset(self._reader.postings(field, term.encode()).all_ids())
            except TermNotFound:
                known = _NONE
            self._known[field, term] = known
        return known

    # -------------------------------------------------------------------------------------------- searching

    def search(self, query: Query, *, offset: int, limit: int, at: int | None, facets: Sequence[str]) -> Found:
        """Find documents; offset and limit may be of any size."""
        with self._lock:
            if not self.is_ours:
                return Found(0, (), "", 0, tuple(Facet(path, ()) for path in facets))
            made = plan(query, at, self)
            allowed = self._matching(Both(made.filters))
            if not allowed & self._matching(made.anything):
                made = corrected(made, self) or made
            found = self._ordered(query, made, allowed)
            ids = [self.kept[number].id for number in found[max(offset, 0) :][: max(limit, 0)]]
            counted = tuple(self._facet(path, frozenset(found)) for path in facets)
            return Found(len(found), tuple(ids), self.instance, self.seq, counted, made.meant)

    def _ordered(self, query: Query, made: Plan, allowed: Docs) -> list[int]:
        name, is_reversed = query.order()
        if name == "relevance" and made.is_tiered:
            tiers = list(self._apart(made, allowed))
            return [one for tier in (tiers[::-1] if is_reversed else tiers) for one in sorted(tier, key=self._rank)]
        found = allowed & self._matching(made.anything)
        if name in ("relevance", "name"):
            return sorted(found, key=self._rank, reverse=is_reversed)
        values = {number: self.kept[number].sorted_by(name) for number in found}
        stated = sorted((number for number in found if values[number] is not None), key=self._rank)
        absent = sorted((number for number in found if values[number] is None), key=self._rank)
        return sorted(stated, key=values.__getitem__, reverse=is_reversed) + absent

    def _apart(self, made: Plan, allowed: Docs) -> Iterator[Docs]:
        left = allowed
        for tier in made.tiers:
            found = left & self._matching(tier)
            yield found
            left -= found

    def _rank(self, number: int) -> int:
        return self.kept[number].rank

    def _facet(self, path: str, found: Docs) -> Facet:
        having: dict[str, Docs] = {}
        for prefix in value_prefixes(path):
            for term in self.starting(prefix):
                value = value_at(prefix, term)
                if value is not None:
                    having[value] = having.get(value, _NONE) | self._docs(_TERM, term)
        counts = {value: len(docs & found) for value, docs in having.items()}
        listed = sorted(((v, n) for v, n in counts.items() if n), key=lambda item: (-item[1], item[0]))
        return Facet(path, tuple(listed[:MOST_COUNTED]))

    # -------------------------------------------------------------------------------------------- what matches

    def _matching(self, asked: Asked) -> Docs:
        match asked:
            case Both(each):
                return self._all(each)
            case Either(each):
                return _NONE.union(*map(self._matching, each))
            case Neither(inner):
                return frozenset(self.kept) - self._matching(inner)
            case AnyTerm(terms) | OneOfFew(terms):
                return _NONE.union(*(self._docs(_TERM, term) for term in terms))
            case AnyWord(words):
                return _NONE.union(*(self._docs(_TEXT, word) for word in words))
            case _:
                return self._leaf(asked)

    def _all(self, asked: Sequence[Asked]) -> Docs:
        """Give what matches all; what does not match is taken away last, so that nobody looks at all documents."""
        found: Docs | None = None
        for each in asked:
            if not isinstance(each, Neither):
                matching = self._matching(each)
                found = matching if found is None else found & matching
                if not found:
                    return _NONE
        left = frozenset(self.kept) if found is None else found
        for each in asked:
            if isinstance(each, Neither):
                left -= self._matching(each.asked)
        return left

    def _leaf(self, asked: Asked) -> Docs:
        match asked:
            case AnyPrefixed(prefixes):
                terms = [term for prefix in prefixes for term in self.starting(prefix)]
                return _NONE.union(*(self._docs(_TERM, term) for term in terms))
            case AnyBetween(intervals):
                return _NONE.union(*(self._between(low, high) for low, high in intervals))
            case AnyId(ids):
                return frozenset(self.numbers[id_] for id_ in ids if id_ in self.numbers)
            case WordPrefixed(prefix):
                return _NONE.union(*(self._docs(_TEXT, word) for word in self.words_starting(prefix)))
            case Begun(since, by):
                low, high = since or 0, FOREVER if by is None else by
                return frozenset(number for number, each in self.kept.items() if low <= each.seq_from <= high)
            case InOrder(words):
                return self._in_order(words)
            case _:
                raise TypeError(f"{asked!r} cannot be asked")

    def _between(self, low: str, high: str) -> Docs:
        found: list[Docs] = []
        if self._has_terms():
            for field, term in self._reader.terms_from(_TERM, low.encode()):
                if field != _TERM or term > high.encode():
                    break
                found.append(self._docs(_TERM, term.decode()))
        return _NONE.union(*found)

    def _in_order(self, words: Sequence[str]) -> Docs:
        places = [self._places(word) for word in words]
        docs = _NONE.union(places[0]).intersection(*places)
        return frozenset(
            number
            for number in docs
            if set.intersection(*({at - n for at in found[number]} for n, found in enumerate(places)))
        )

    def _places(self, word: str) -> dict[int, list[int]]:
        """Give the places of a word in each document that has it."""
        found: dict[int, list[int]] = {}
        with suppress(TermNotFound):
            matcher = self._reader.postings(_TEXT, word.encode())
            while matcher.is_active():
                found[matcher.id()] = matcher.value_as("positions")
                matcher.next()
        return found
