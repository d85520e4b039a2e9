"""The default engine: tantivy, embedded, on disk.

- All terms of a document stand in one field, the words of its passages in another; what is sorted by, and what facets
  count most, stands in fast fields besides. What a term is: `terms`; what a query asks for: `plans`.
- What is searched is a view, one state of the index; it is replaced whole, by `apply` and by `refresh`.
- A folder that another version of gitreg has filled, or that is sorted by other paths, counts as empty.
"""

from __future__ import annotations

import json
import shutil
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from uuid import UUID

import tantivy

from gitreg.errors import GitregError
from gitreg_indexer.engine import LONGEST_PREFIX, TAGS, Document, Facet, Found, Query, Scalar, unusable
from gitreg_indexer.fields import columns
from gitreg_indexer.tantivy_pages import ONE, RANK, VERSION
from gitreg_indexer.tantivy_queries import ID, SEQ, TERM, TEXT
from gitreg_indexer.tantivy_view import DIGEST, View
from gitreg_indexer.terms import MARK, Shape, TermMaker, key_of, rank_terms

_FORMAT: Final = "made_by_5"
"""A field that is there for its name: it changes when terms do, and makes the folder one of another schema."""
_HEAP: Final = 256_000_000
_BREAK: Final = " | "
"""Stands between passages, and takes a place there: no phrase goes on over it."""
_COUNTED: Final = (TAGS, "spec.category", "spec.capabilities.modalities", "spec.capabilities.languages")
"""Paths with several values that facets are likely to be asked for."""
_STATED_BY_ALL: Final = (
    "kind",
    "metadata.name",
    "registry.ref",
    "registry.seq",
    "registry.createdAt",
    "registry.updatedAt",
    "registry.registeredBy",
)
"""Paths that every record has something at; their columns have no gaps."""
_FOOTER: Final = 1337
_CHUNK: Final = 1 << 20
_META: Final = "meta.json"
"""The one file that tantivy lists and that ends with no checksum."""


class TantivyEngine:
    """A tantivy index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fields = _Fields()
        self._lock = threading.Lock()
        self._index: tantivy.Index | None = None
        self._view: View | None = None
        self._is_foreign = False
        with suppress(GitregError):  # what is broken is told when it is asked, so that it can be cleared
            self.refresh()

    def _opened(self) -> tantivy.Index:
        index = tantivy.Index(self._fields.schema, path=str(self._folder), reuse=True)
        index.config_reader("manual")
        blanks = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
        index.register_tokenizer(_BLANKS, blanks.build())
        blanks = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
        nothing = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).filter(tantivy.Filter.remove_long(1))
        index.register_tokenizer(_NOTHING, nothing.build())
        whole = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
        index.register_fast_field_tokenizer(_NOTHING, whole.build())
        index.register_tokenizer(_PASSAGES, blanks.filter(tantivy.Filter.custom_stopword([_BREAK.strip()])).build())
        return index

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise unusable(self._folder, error) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # how tantivy gives up on files that it cannot make sense of
                raise
            raise unusable(self._folder, error) from error

    @property
    def view(self) -> View | None:
        """Give the state that is shown; None where the folder is of another schema."""
        if self._view is None and not self._is_foreign:
            self.refresh()
        return self._view

    def position(self) -> tuple[str, int]:
        """Tell which catalog it was filled from, and up to which seq."""
        view = self.view
        return (view.instance, view.seq) if view else ("", 0)

    @staticmethod
    def preparer() -> Callable[[Document], tuple[Any, ...]]:
        """Give what lays documents out; it needs no folder, so other processes may do it.

        They send plain tuples, which takes half as long as `Laid` ones.
        """
        lay = _Fields().laid
        return lambda document: tuple(lay(document))

    def apply(self, documents: Iterable[Document | tuple[Any, ...]], *, instance: str, seq: int) -> None:
        """Put documents, each in place of the one with its id, and move to `seq`, all or nothing."""
        with self._lock:
            if self.view is None:
                self._clear()
            self.refresh()
            known = self.position()[1]
            with self._explained():
                writer: Any = self._index.writer(heap_size=_HEAP, num_threads=1) if self._index else None
            try:
                for document in documents:
                    laid = self._fields.laid(document) if isinstance(document, Document) else Laid(*document)
                    if laid.seq_from <= known:
                        writer.delete_documents_by_term(ID, laid.id)
                    writer.add_document(laid.stored())
                with self._explained():
                    writer.delete_documents_by_term(TERM, MARK)
                    writer.add_document(self._fields.mark(instance, seq))
                    writer.commit()
            except BaseException:
                with suppress(Exception):
                    writer.rollback()
                raise
            self._settle(writer)

    def _settle(self, writer: Any) -> None:
        """Show what was committed, then let merges end and the writer go: another process may be the next to write."""
        self.refresh()
        with self._explained():
            writer.wait_merging_threads()
        self.refresh()

    def clear(self) -> None:
        """Forget everything, files included."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._index, self._view, self._is_foreign = None, None, False
        shutil.rmtree(self._folder, ignore_errors=True)
        self.refresh()

    def refresh(self) -> None:
        """See what another process has written."""
        with self._explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._index = self._index or self._opened()
            except ValueError as error:
                self._is_foreign = "schema does not match" in str(error)
                if not self._is_foreign:
                    raise
            else:
                self._index.reload()
                self._view = View(self._index, self._fields.columns, self._fields.counted)
                self._is_foreign = False

    def close(self) -> None:
        """Let go of files, which are mapped; whoever asks again opens them again."""
        with self._lock:
            self._index, self._view = None, None

    def search(
        self, query: Query, *, offset: int, limit: int, at: int | None = None, facets: Sequence[str] = ()
    ) -> Found:
        """Find documents that are live, or that held at a seq; offset and limit may be of any size."""
        query.order()
        view = self.view
        if view is None:
            return Found(0, (), "", 0, tuple(Facet(path, ()) for path in facets))
        with self._explained():
            return view.search(query, offset=offset, limit=limit, at=at, facets=facets)

    def count(self) -> int:
        """Count the documents that it keeps."""
        view = self._view
        return view.documents if view else 0

    def digests(self, ids: Sequence[int]) -> dict[int, int]:
        """Give the digests of documents by id."""
        view = self._view
        with self._explained():
            return view.digests(ids) if view else {}

    def faults(self) -> list[str]:
        """Read all its files and name those that are damaged: each ends with the checksum of what stands before."""
        try:
            listed = json.loads((self._folder / ".managed.json").read_bytes())
            meta = json.loads((self._folder / _META).read_bytes())
        except (OSError, ValueError) as error:
            return [f"the list of the search index's files cannot be read: {error}"]
        if not self._is_foreign and not _is_as_written(meta):
            return [f"{self._folder / _META}: it is not as this version of tantivy writes it"]
        files = (self._folder / name for name in sorted(listed) if name != _META)
        return [fault for file in files if (fault := _fault(file)) is not None]


_BLANKS: Final = "blanks"
_PASSAGES: Final = "passages"
_NOTHING: Final = "nothing"
"""Gives no terms, and the whole text to the column: such a field is there to sort by, to count, or to be given back."""


class Laid(NamedTuple):
    """A document laid out for tantivy: what is left is to hand it over."""

    id: int
    rank: int
    seq_from: int
    digest: int
    version_key: str
    terms: str
    text: str
    numbers: list[tuple[str, float]]
    texts: list[tuple[str, str]]

    def stored(self) -> tantivy.Document:
        """Give it as tantivy keeps it."""
        made = tantivy.Document()
        made.add_integer(ID, self.id)
        made.add_integer(RANK, self.rank)
        made.add_integer(SEQ, self.seq_from)
        made.add_integer(DIGEST, self.digest)
        made.add_text(ONE, "1")
        if self.version_key:
            made.add_text(VERSION, self.version_key)
        made.add_text(TERM, self.terms)
        made.add_text(TEXT, self.text)
        for field, number in self.numbers:
            made.add_float(field, number)
        for field, text in self.texts:
            made.add_text(field, text)
        return made


class _Fields:
    """The fields of the index, and how a document is laid into them."""

    def __init__(self) -> None:
        self._maker = TermMaker()
        self._kinds: dict[str, str] = dict(columns())
        self.columns = {path: f"c_{key_of(path)}" for path in self._kinds}
        several = {path: f"m_{key_of(path)}" for path in _COUNTED if path not in self._kinds}
        self._fast = {**self.columns, **several}
        self.counted = {path: field for path, field in self._fast.items() if self._kinds.get(path) != "number"}
        self.schema = self._schema()
        self._laid: dict[int, tuple[Shape, _Layout]] = {}

    def _schema(self) -> tantivy.Schema:
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field(ID, indexed=True, fast=True)
        builder.add_integer_field(RANK, fast=True)
        builder.add_integer_field(SEQ, indexed=True, fast=True)
        builder.add_integer_field(DIGEST, fast=True)
        builder.add_text_field(VERSION, tokenizer_name=_NOTHING, index_option="basic", fast=True)
        builder.add_text_field(ONE, tokenizer_name=_NOTHING, index_option="basic", fast=True)
        builder.add_text_field(TERM, tokenizer_name=_BLANKS, index_option="basic")
        builder.add_text_field(TEXT, tokenizer_name=_PASSAGES, index_option="position")
        for path, field in self._fast.items():
            if self._kinds.get(path) == "number":
                builder.add_float_field(field, fast=True)
            else:
                builder.add_text_field(field, tokenizer_name=_NOTHING, index_option="basic", fast=True)
        builder.add_text_field("instance", stored=True, tokenizer_name=_NOTHING, index_option="basic")
        builder.add_integer_field("seq", stored=True)
        builder.add_integer_field(_FORMAT)
        return builder.build()

    def mark(self, instance: str, seq: int) -> tantivy.Document:
        """Give the document that says which state of which catalog the index is in.

        It has something in every column in which all documents have: tantivy is slower with a column that has gaps.
        """
        made = Laid(-1, 0, 0, 0, "", MARK, "", [], [])
        for path in _STATED_BY_ALL:
            if self._kinds[path] == "number":
                made.numbers.append((self.columns[path], 0.0))
            else:
                made.texts.append((self.columns[path], ""))
        stored = made.stored()
        stored.add_text("instance", instance)
        stored.add_integer("seq", seq)
        return stored

    def laid(self, document: Document) -> Laid:
        """Lay a document out."""
        terms, shape = self._maker.laid_out(document)
        text = self._maker.passages(document, _BREAK)
        numbers, texts = self._columns_of(document.values, shape)
        terms = f"{terms} {rank_terms(document.rank)}"
        key = document.version_key
        return Laid(document.id, document.rank, document.seq_from, document.digest, key, terms, text, numbers, texts)

    def _columns_of(
        self, values: tuple[tuple[str, Scalar], ...], shape: Shape
    ) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
        layout = self._layout(shape)  # a class tells as much as isinstance, and in less time
        numbers = [
            (field, found + 0.0)  # type: ignore[operator]  # -0.0 is 0.0
            for field, place in layout.numbers
            if (found := values[place][1]).__class__ is not str and found == found  # NaN is no number
        ]
        texts = [
            (field, found if len(found) <= LONGEST_PREFIX else found[:LONGEST_PREFIX])
            for field, place in layout.texts
            if (found := values[place][1]).__class__ is str
        ]
        for field, places in layout.numbers_of_several:
            for place in places:
                number = values[place][1]
                if not isinstance(number, str) and number == number:
                    numbers.append((field, number + 0.0))
                    break
        for field, places, is_one in layout.texts_of_several:
            all_found = [text[:LONGEST_PREFIX] for place in places if isinstance(text := values[place][1], str)]
            texts += [(field, text) for text in (all_found[:1] if is_one else dict.fromkeys(all_found))]
        return numbers, texts

    def _layout(self, shape: Shape) -> _Layout:
        """Tell where the values of the fast fields stand in documents of a shape."""
        known = self._laid.get(id(shape))
        if known is None or known[0] is not shape:
            if len(self._laid) > _SHAPES:
                self._laid.clear()
            known = self._laid[id(shape)] = shape, self._lay_out(shape)
        return known[1]

    def _lay_out(self, shape: Shape) -> _Layout:
        layout = _Layout([], [], [], [])
        for path, places in shape.places.items():
            field = self._fast.get(path)
            if field is None:
                continue
            if self._kinds.get(path) == "number":
                if len(places) == 1:
                    layout.numbers.append((field, places[0]))
                else:
                    layout.numbers_of_several.append((field, places))
            elif len(places) == 1:
                layout.texts.append((field, places[0]))
            else:
                layout.texts_of_several.append((field, places, path in self._kinds))
        return layout


class _Layout(NamedTuple):
    """Where the values of each field stand in documents of one shape; the last tells whether it takes only one."""

    numbers: list[tuple[str, int]]
    texts: list[tuple[str, int]]
    numbers_of_several: list[tuple[str, tuple[int, ...]]]
    texts_of_several: list[tuple[str, tuple[int, ...], bool]]


_SHAPES: Final = 1_000


def _is_as_written(meta: Any) -> bool:
    """Tell whether the list of segments says all that tantivy writes into it, and nothing else.

    tantivy passes over a key that it does not know and takes what belongs there for left out; only a wrong `opstamp`
    cannot be told from a right one.
    """
    expected = _written_at_first()
    try:
        segments, _ = meta["segments"], int(meta["opstamp"])
        are_whole = all(_is_whole(segment) for segment in segments)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    changing = {key: expected[key] for key in ("segments", "opstamp")}
    return are_whole and {**meta, **changing} == expected


@cache
def _written_at_first() -> dict[str, Any]:
    """Give the list of segments of an index that has none yet; tantivy may still be at work when it is removed."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as empty:
        tantivy.Index(_Fields().schema, path=empty)
        made: dict[str, Any] = json.loads((Path(empty) / _META).read_bytes())
        return made


def _is_whole(segment: dict[str, Any]) -> bool:
    """Tell whether a segment has its keys and no others; that its files are there is seen when they are opened."""
    deletes, name = segment["deletes"], segment["segment_id"]
    return (
        segment.keys() == {"segment_id", "max_doc", "deletes"}
        and str(UUID(name)) == name
        and (deletes is None or deletes.keys() == {"num_deleted_docs", "opstamp"})
    )


def _fault(file: Path) -> str | None:
    """Tell what is wrong with one of tantivy's files, if anything is.

    A file ends with its footer: JSON that holds a CRC-32 of the body, the JSON's length, and a number that marks it.
    """
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(size - 8, 0))
            tail = opened.read(8)
            length, mark = int.from_bytes(tail[:4], "little"), int.from_bytes(tail[4:], "little")
            if len(tail) < 8 or mark != _FOOTER or length > size - 8:
                return f"{file}: its end is damaged"
            opened.seek(size - 8 - length)
            footer = json.loads(opened.read(length))
            opened.seek(0)
            found = _checksum(opened, size - 8 - length)
        return None if found == footer["crc"] else f"{file}: its content is damaged"
    except FileNotFoundError:
        return f"{file}: it is missing"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{file}: it cannot be read: {error}"


def _checksum(opened: Any, length: int) -> int:
    found = 0
    while length > 0:
        chunk = opened.read(min(_CHUNK, length))
        if not chunk:
            break
        found = zlib.crc32(chunk, found)
        length -= len(chunk)
    return found
