"""The default engine: tantivy, embedded, on disk.

- Relevance comes in tiers, not in scores: an exact identifier, then all words in the name, then in the heading (tags,
  provider, other catalogues' ids), then anywhere. Term statistics differ between an index that grew and one that was
  rebuilt; tiers do not.
- Within a tier, and for every other sort, ties go by `order`, which is unique: paging never repeats or skips.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import tantivy
from tantivy import FieldType, Occur, Order

from gitreg.errors import GitregError
from gitreg_indexer.engine import Document, Query

_MARK: Final = "position"
_MAX_WORD_BYTES: Final = 40
_MAX_WORDS: Final = 32
_NUMERIC_SORTS: Final = {
    "updatedAt": "seq_from",
    "createdAt": "created",
    "contextLength": "context_length",
    "inputPrice": "input_price",
}
_ABSENT: Final = -1
_HEAP: Final = 64_000_000

_Tier = tuple[Any, str | None, bool]


class TantivyEngine:
    """A tantivy index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schema = _schema()
        self._lock = threading.Lock()
        self._writer: Any = None
        self._index = self._open()

    def _open(self) -> tantivy.Index:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return tantivy.Index(self._schema, path=str(self._folder), reuse=True)
        except (ValueError, OSError) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> GitregError:
        text = str(error)
        mend = "run `gitreg index --rebuild`: the index can always be made again from Git"
        if "Read-only" in text or "Permission" in text:
            mend = "make the folder writable, or name another one with --index"
        elif "No space" in text:
            mend = "free some space on that disk, then run `gitreg index`"
        return GitregError("the search index cannot be used", where=str(self._folder), got=text, mend=mend)

    def position(self) -> tuple[str, int]:
        """Tell which catalog it was filled from, and up to which seq."""
        return self._position(self._index.searcher())

    def _position(self, searcher: tantivy.Searcher) -> tuple[str, int]:
        hits = searcher.search(_term(self._schema, "mark", _MARK), 1, count=False).hits
        if not hits:
            return "", 0
        stored = searcher.doc(hits[0][1])
        return str(stored.get_first("instance")), int(stored.get_first("seq") or 0)

    def apply(self, documents: Iterable[Document], *, instance: str, seq: int) -> None:
        """Put documents, each in place of the one with its id, and move to `seq`, all or nothing."""
        with self._lock:
            try:
                self._apply(documents, instance, seq)
            except (ValueError, OSError) as error:
                self._writer = None
                raise self._broken(error) from error

    def _apply(self, documents: Iterable[Document], instance: str, seq: int) -> None:
        writer = self._writer = self._writer or self._index.writer(heap_size=_HEAP, num_threads=1)
        try:
            known = self._position(self._index.searcher())[1]
            for document in documents:
                if document.seq_from <= known:
                    writer.delete_documents_by_term("id", document.id)
                writer.add_document(_stored(document))
            writer.delete_documents_by_term("mark", _MARK)
            writer.add_document(tantivy.Document(mark=_MARK, instance=instance, seq=seq))
            writer.commit()
        except BaseException:
            with suppress(Exception):
                writer.rollback()
            self._writer = None
            raise
        self._index.reload()

    def clear(self) -> None:
        """Forget everything, files included."""
        with self._lock:
            self._writer = None
            shutil.rmtree(self._folder, ignore_errors=True)
            self._index = self._open()

    def refresh(self) -> None:
        """See what another process has written."""
        self._index.reload()

    def close(self) -> None:
        """Let go of the writer and its threads."""
        with self._lock:
            if self._writer is not None:
                writer, self._writer = self._writer, None
                writer.wait_merging_threads()

    def search(self, query: Query, *, offset: int, limit: int, at: int | None = None) -> tuple[int, Sequence[int], int]:
        """Give the number of matches, the ids of one page, and the seq that the answer is of."""
        searcher = self._index.searcher()
        seq = self._position(searcher)[1]
        filters = self._filters(query, at)
        tiers = self._tiers(query, filters)
        total = 0
        page: list[int] = []
        for tier_query, sort, is_reversed in tiers:
            wanted = limit - len(page)
            skip = max(0, offset - total)
            count, ids = self._page(searcher, tier_query, sort, is_reversed, skip, wanted)
            total += count
            page.extend(ids)
        return total, page, seq

    def _filters(self, query: Query, at: int | None) -> list[Any]:
        schema = self._schema
        if at is None:
            filters = [_term(schema, "live", 1)]
        else:
            filters = [_range(schema, "seq_from", None, at), _range(schema, "seq_to", at + 1, None)]
        if query.kind:
            filters.append(_term(schema, "kind", query.kind))
        if query.namespace:
            filters.append(_term(schema, "namespace", query.namespace))
        for field, values in (("provider", query.provider), ("type", query.type), ("status", query.status)):
            if values:
                filters.append(_any([_term(schema, field, value) for value in values]))
        filters.extend(_term(schema, "tag", tag) for tag in query.tag)
        return filters

    def _tiers(self, query: Query, filters: list[Any]) -> list[_Tier]:
        sort, is_reversed = query.order()
        text = (query.text or "").strip()
        matching = self._text_tiers(text) if text else []
        if sort == "relevance" and matching:
            tiers = _disjoint(matching, filters)
            return [(tier, None, False) for tier in (reversed(tiers) if is_reversed else tiers)]
        everything = _all([*filters, _any(matching)] if matching else filters)
        if sort in ("name", "relevance"):
            return [(everything, None, is_reversed)]
        if sort == "version":
            return [(everything, "version_key", is_reversed)]
        field = _NUMERIC_SORTS[sort]
        if sort in ("updatedAt", "createdAt"):
            return [(everything, field, is_reversed)]
        absent = _number(self._schema, field, _ABSENT)
        stated = everything.and_must_not_match(absent)
        return [(stated, field, is_reversed), (everything.and_must_match(absent), None, False)]

    def _text_tiers(self, text: str) -> list[Any]:
        schema = self._schema
        exact = _term(schema, "exact", text.casefold())
        words = words_of(text)
        if not words:
            return [exact]
        return [
            exact,
            *(_all([_term(schema, field, word) for word in words]) for field in ("name", "heading", "text")),
        ]

    def _page(
        self,
        searcher: tantivy.Searcher,
        query: Any,
        sort: str | None,
        is_reversed: bool,
        offset: int,
        limit: int,
    ) -> tuple[int, list[int]]:
        if sort is None:
            return self._by(searcher, query, "order", is_reversed, offset, limit)
        return self._by_value(searcher, query, sort, is_reversed, offset, limit)

    def _by(
        self, searcher: tantivy.Searcher, query: Any, field: str, is_reversed: bool, offset: int, limit: int
    ) -> tuple[int, list[int]]:
        order = Order.Desc if is_reversed else Order.Asc
        result: Any = searcher.search(query, max(limit, 1), True, field, offset, order)
        ids = self._ids(searcher, result)
        return result.count, ids[: max(limit, 0)]

    def _ids(self, searcher: tantivy.Searcher, result: Any) -> list[int]:
        addresses = [address for _, address in result.hits]
        return [int(value or 0) for value in searcher.fast_field_values("id", addresses)] if addresses else []

    def _by_value(
        self, searcher: tantivy.Searcher, query: Any, field: str, is_reversed: bool, offset: int, limit: int
    ) -> tuple[int, list[int]]:
        """Page through values that may be equal: groups of equal values are walked in the unique order."""
        order = Order.Desc if is_reversed else Order.Asc
        end = offset + max(limit, 0)
        result: Any = searcher.search(query, max(end, 1), True, field, 0, order)
        values = [value for value, _ in result.hits]
        ids: list[int] = []
        start = 0
        while start < len(values) and start < end:
            value = values[start]
            stop = start + values[start:].count(value)
            if stop > offset:
                group = query.and_must_match(_number(self._schema, field, value))
                skip = max(0, offset - start)
                _, found = self._by(searcher, group, "order", False, skip, min(stop, end) - start - skip)
                ids.extend(found)
            start = stop
        return result.count, ids


def words_of(text: str) -> list[str]:
    """Split text into words as the index does: runs of letters and digits, lower case."""
    spaced = "".join(char if char.isalnum() else " " for char in text)
    words = (word.lower() for word in spaced.split())
    return list(dict.fromkeys(word for word in words if len(word.encode()) < _MAX_WORD_BYTES))[:_MAX_WORDS]


def _disjoint(tiers: Sequence[Any], filters: Sequence[Any]) -> list[Any]:
    made: list[Any] = []
    for number, tier in enumerate(tiers):
        wanted = [(Occur.Must, tier), *((Occur.Must, item) for item in filters)]
        wanted += [(Occur.MustNot, earlier) for earlier in tiers[:number]]
        made.append(tantivy.Query.boolean_query(wanted))
    return made


def _term(schema: tantivy.Schema, field: str, value: Any) -> Any:
    return tantivy.Query.term_query(schema, field, value, "basic")


def _number(schema: tantivy.Schema, field: str, value: Any) -> Any:
    if isinstance(value, str):
        return _term(schema, field, value)
    kind = FieldType.Float if field == "input_price" else FieldType.Integer
    return tantivy.Query.range_query(schema, field, kind, value, value)


def _range(schema: tantivy.Schema, field: str, low: int | None, high: int | None) -> Any:
    return tantivy.Query.range_query(schema, field, FieldType.Integer, low, high)


def _all(queries: Sequence[Any]) -> Any:
    return tantivy.Query.boolean_query([(Occur.Must, query) for query in queries])


def _any(queries: Sequence[Any]) -> Any:
    return tantivy.Query.boolean_query([(Occur.Should, query) for query in queries])


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", indexed=True, fast=True)
    for field in ("kind", "namespace", "provider", "type", "status", "tag", "exact", "mark"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    for field in ("name", "heading", "text"):
        builder.add_text_field(field, tokenizer_name="default", index_option="basic")
    for field in ("order", "version_key"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic", fast=True)
    for field in ("seq_from", "seq_to", "created", "context_length", "live"):
        builder.add_integer_field(field, indexed=True, fast=True)
    builder.add_float_field("input_price", indexed=True, fast=True)
    builder.add_text_field("instance", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("seq", stored=True)
    return builder.build()


def _stored(document: Document) -> tantivy.Document:
    made = tantivy.Document()
    made.add_integer("id", document.id)
    for field, value in (
        ("kind", document.kind),
        ("provider", document.provider),
        ("type", document.type),
        ("status", document.status),
        ("name", document.name),
        ("heading", document.heading),
        ("text", document.text),
        ("order", document.order),
        ("version_key", document.version_key),
    ):
        if value is not None:
            made.add_text(field, value)
    for field, values in (
        ("namespace", document.namespaces),
        ("tag", document.tags),
        ("exact", document.exact),
    ):
        for value in values:
            made.add_text(field, value)
    for field, number in (
        ("seq_from", document.seq_from),
        ("seq_to", document.seq_to),
        ("created", document.created),
        ("live", int(document.is_live)),
        ("context_length", _ABSENT if document.context_length is None else document.context_length),
    ):
        made.add_integer(field, number)
    made.add_float("input_price", float(_ABSENT) if document.input_price is None else document.input_price)
    return made
