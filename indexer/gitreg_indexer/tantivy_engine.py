"""The default engine: tantivy, embedded, on disk.

- Relevance comes in tiers, not in scores: an identifier as written, then in any case, then a bare name, then a name of
  just these words, then all words in the name, in the heading (tags, provider, other catalogues' ids), anywhere.
  Term statistics differ between an index that grew and one that was rebuilt; tiers do not.
- Within a tier, and for every other sort, ties go by `order`, which is unique: paging never repeats or skips.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import tantivy
from tantivy import FieldType, Occur, Order

from gitreg.errors import GitregError
from gitreg_indexer.engine import Document, Found, Query, folded, words_of

_MARK: Final = "position"
_VALUE_SORTS: Final = {
    "version": "version_key",
    "updatedAt": "seq_from",
    "createdAt": "created",
    "contextLength": "context_length",
    "inputPrice": "input_price",
}
_FIELD_TYPES: Final = {
    "version_key": FieldType.Text,
    "seq_from": FieldType.Integer,
    "created": FieldType.Integer,
    "context_length": FieldType.Integer,
    "input_price": FieldType.Float,
}
_ABSENT: Final[dict[str, str | int | float]] = {"version_key": "", "context_length": -1, "input_price": -1.0}
_HEAP: Final = 256_000_000
_WORD_FIELDS: Final = ("name", "heading", "text")
_WORDS: Final = "words"


@dataclass(frozen=True, slots=True)
class _Tier:
    """Documents that come together in a result: by a field's value and then in the unique order, or by that alone."""

    query: Any
    field: str | None = None
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """What matches, and the tiers that it falls into; no document is in two."""

    everything: Any
    tiers: tuple[_Tier, ...]


class TantivyEngine:
    """A tantivy index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schema = _schema()
        self._lock = threading.Lock()
        self._index = self._open()

    def _open(self) -> tantivy.Index:
        with self._explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            index = tantivy.Index(self._schema, path=str(self._folder), reuse=True)
            index.register_tokenizer(_WORDS, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
            return index

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise self._broken(error) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # how tantivy gives up on files that it cannot make sense of
                raise
            raise self._broken(error) from error

    def _broken(self, error: BaseException) -> GitregError:
        text = str(error)
        mend = "run `gitreg index --rebuild`: the index can always be made again from Git"
        if "Read-only" in text or "Permission" in text:
            mend = "make the folder writable, or name another one with --index"
        elif "No space" in text:
            mend = "free some space on that disk, then run `gitreg index`"
        return GitregError("the search index cannot be used", where=str(self._folder), got=text, mend=mend)

    def position(self) -> tuple[str, int]:
        """Tell which catalog it was filled from, and up to which seq."""
        with self._explained():
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
            with self._explained():
                self._index.reload()
                known = self._position(self._index.searcher())[1]
                writer: Any = self._index.writer(heap_size=_HEAP, num_threads=1)
            try:
                for document in documents:
                    if document.seq_from <= known:
                        writer.delete_documents_by_term("id", document.id)
                    writer.add_document(_stored(document))
                with self._explained():
                    writer.delete_documents_by_term("mark", _MARK)
                    writer.add_document(tantivy.Document(mark=_MARK, instance=instance, seq=seq))
                    writer.commit()
            except BaseException:
                with suppress(Exception):
                    writer.rollback()
                raise
            self._settle(writer)

    def _settle(self, writer: Any) -> None:
        """Show what was committed, then let merges end and the writer go: another process may be the next to write."""
        with self._explained():
            self._index.reload()
            writer.wait_merging_threads()
            self._index.reload()

    def clear(self) -> None:
        """Forget everything, files included."""
        with self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._index = self._open()

    def refresh(self) -> None:
        """See what another process has written."""
        with self._explained():
            self._index.reload()

    def close(self) -> None:
        """Let go of files: nothing is held between calls."""

    def search(self, query: Query, *, offset: int, limit: int, at: int | None = None) -> Found:
        """Find documents that are live, or that held at a seq; offset and limit may be of any size."""
        query.order()
        with self._explained():
            searcher = self._index.searcher()
            instance, seq = self._position(searcher)
            plan = self._plan(searcher, query, self._filters(query, at))
            total, ids = self._walk(searcher, plan, max(offset, 0), max(limit, 0))
        return Found(total, tuple(ids), instance, seq)

    def _walk(self, searcher: tantivy.Searcher, plan: _Plan, offset: int, limit: int) -> tuple[int, list[int]]:
        """Take one page from tiers that follow each other; those beyond the page are not looked at.

        The collector sets aside memory for offset + limit, and ends the process where there is none: never ask for
        more than there is.
        """
        room = max(searcher.num_docs, 1)
        if len(plan.tiers) == 1 and limit:
            return self._page(searcher, plan.tiers[0], min(offset, room), min(limit, room))
        total = _count(searcher, plan.everything)
        start, stop = min(offset, total), min(offset + limit, total)
        passed = 0
        page: list[int] = []
        for tier in plan.tiers:
            if start + len(page) >= stop:
                break
            count, ids = self._page(searcher, tier, max(0, start - passed), stop - start - len(page))
            passed += count
            page.extend(ids)
        return total, page

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

    def _plan(self, searcher: tantivy.Searcher, query: Query, filters: list[Any]) -> _Plan:
        sort, is_reversed = query.order()
        text = (query.text or "").strip()
        exact = [_term(self._schema, "exact", form) for form in _forms_kept(searcher, text)] if text else []
        worded = self._worded(searcher, text)
        matching = [*exact, *worded[-1:]] or [tantivy.Query.empty_query()]
        everything = _all([*filters, _any(matching)] if text else filters)
        if sort == "relevance" and text:
            tiers = [_Tier(tier) for tier in _disjoint([*exact, *worded], filters)]
            return _Plan(everything, tuple(reversed(tiers) if is_reversed else tiers))
        if sort in ("name", "relevance"):
            return _Plan(everything, (_Tier(everything, None, is_reversed),))
        field = _VALUE_SORTS[sort]
        if is_reversed or sort in ("updatedAt", "createdAt"):  # what is absent is below all that is stated
            return _Plan(everything, (_Tier(everything, field, is_reversed),))
        absent = _term(self._schema, field, _ABSENT[field])
        return _Plan(
            everything, (_Tier(everything.and_must_not_match(absent), field), _Tier(everything.and_must_match(absent)))
        )

    def _worded(self, searcher: tantivy.Searcher, text: str) -> list[Any]:
        """Ask for all words of a text: in the name, in the heading, anywhere; each holds what the one before does.

        A field that lacks one of the words is not asked.
        """
        words = words_of(text)
        fields = [field for field in _WORD_FIELDS if words and all(searcher.doc_freq(field, word) for word in words)]
        return [_all([_term(self._schema, field, word) for word in words]) for field in fields]

    def _page(self, searcher: tantivy.Searcher, tier: _Tier, skip: int, take: int) -> tuple[int, list[int]]:
        if tier.field is None:
            return self._in_order(searcher, tier.query, tier.is_reversed, skip, take)
        return self._by_value(searcher, tier, tier.field, skip, take)

    def _in_order(
        self, searcher: tantivy.Searcher, query: Any, is_reversed: bool, skip: int, take: int
    ) -> tuple[int, list[int]]:
        result: Any = searcher.search(query, take, True, "order", skip, _direction(is_reversed))
        return result.count, _ids(searcher, result.hits)

    def _by_value(
        self, searcher: tantivy.Searcher, tier: _Tier, field: str, skip: int, take: int
    ) -> tuple[int, list[int]]:
        """Page through values that may be equal: each run of equal values is put into the unique order.

        One value more than the page is asked for on either side, to see whether its runs go on there.
        """
        before = min(skip, 1)
        result: Any = searcher.search(
            tier.query, take + before + 1, True, field, skip - before, _direction(tier.is_reversed)
        )
        values = [value for value, _ in result.hits]
        shown = slice(before, before + take)
        neighbours = {*values[: shown.start], *values[shown.stop :]}
        runs = _runs(values[shown], _ids(searcher, result.hits[shown]))
        ranks = self._ranks(searcher, [run for value, run in runs if value not in neighbours and len(run) > 1])
        page: list[int] = []
        for value, run in runs:
            if value not in neighbours:
                page += sorted(run, key=lambda id_: ranks.get(id_, 0))
                continue
            at = skip + len(page)
            began = self._where_begins(searcher, tier, field, value, skip) if value in values[:before] else at
            group = tier.query.and_must_match(_term(self._schema, field, value))
            page += self._in_order(searcher, group, False, at - began, len(run))[1]
        return result.count, page

    def _ranks(self, searcher: tantivy.Searcher, runs: Sequence[list[int]]) -> dict[int, int]:
        """Tell where ids stand in the unique order."""
        ids = [id_ for run in runs for id_ in run]
        if not ids:
            return {}
        chosen = tantivy.Query.term_set_query(self._schema, "id", ids)
        return {id_: rank for rank, id_ in enumerate(self._in_order(searcher, chosen, False, 0, len(ids))[1])}

    def _where_begins(self, searcher: tantivy.Searcher, tier: _Tier, field: str, value: Any, known: int) -> int:
        """Tell where the run of a value begins that is known to hold the hit before `known`."""
        if isinstance(value, str):  # tantivy has no ranges of text
            result: Any = searcher.search(tier.query, known, False, field, 0, _direction(tier.is_reversed))
            return [found for found, _ in result.hits].index(value)
        bounds = (value, None, False, True) if tier.is_reversed else (None, value, True, False)
        sooner = tantivy.Query.range_query(self._schema, field, _FIELD_TYPES[field], *bounds)
        return _count(searcher, tier.query.and_must_match(sooner))


def _kept_forms(document: Document) -> Iterator[str]:
    for identifier in document.identifiers:
        yield f"={identifier}"
        yield f"~{folded(identifier)}"
    yield f"@{folded(document.name)}"
    if document.version:
        yield f"@{folded(document.name)}@{folded(document.version)}"
    yield f"#{' '.join(words_of(document.name))}"


def _forms_kept(searcher: tantivy.Searcher, text: str) -> list[str]:
    """Give the forms of an identifier that are kept, the surest first.

    As written, in any case, a bare name, the words of a name (`gpt 4o mini` is `gpt-4o-mini` before any longer name).
    """
    any_case = folded(text)
    forms = (f"={text}", f"~{any_case}", f"@{any_case}", f"#{' '.join(words_of(text))}")
    return [form for form in forms if searcher.doc_freq("exact", _storable(form))]


def _storable(text: str) -> str:
    """Give a text that can be asked for: what is no Unicode matches nothing."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _direction(is_reversed: bool) -> Order:
    return Order.Desc if is_reversed else Order.Asc


def _ids(searcher: tantivy.Searcher, hits: Sequence[Any]) -> list[int]:
    addresses = [address for _, address in hits]
    return [int(value or 0) for value in searcher.fast_field_values("id", addresses)] if addresses else []


def _count(searcher: tantivy.Searcher, query: Any) -> int:
    result: Any = searcher.search(tantivy.Query.const_score_query(query, 1.0), 1)
    return int(result.count)


def _runs(values: Sequence[Any], ids: Sequence[int]) -> list[tuple[Any, list[int]]]:
    """Gather the ids whose values are equal; they stand side by side."""
    pairs = zip(values, ids, strict=True)
    return [(value, [id_ for _, id_ in run]) for value, run in groupby(pairs, key=itemgetter(0))]


def _disjoint(tiers: Sequence[Any], filters: Sequence[Any]) -> list[Any]:
    made: list[Any] = []
    for number, tier in enumerate(tiers):
        wanted = [(Occur.Must, tier), *((Occur.Must, item) for item in filters)]
        wanted += [(Occur.MustNot, earlier) for earlier in tiers[:number]]
        made.append(tantivy.Query.boolean_query(wanted))
    return made


def _term(schema: tantivy.Schema, field: str, value: Any) -> Any:
    asked = _storable(value) if isinstance(value, str) else value
    return tantivy.Query.term_query(schema, field, asked, "basic")


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
    for field in _WORD_FIELDS:
        builder.add_text_field(field, tokenizer_name=_WORDS, index_option="basic")
    for field in ("order", "version_key"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic", fast=True)
    for field in ("seq_from", "seq_to", "created", "context_length", "live"):
        builder.add_integer_field(field, indexed=True, fast=True)
    builder.add_float_field("input_price", indexed=True, fast=True)
    builder.add_text_field("instance", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("seq", stored=True)
    return builder.build()


def _stated(value: float | None, field: str) -> Any:
    return _ABSENT[field] if value is None else value


def _stored(document: Document) -> tantivy.Document:
    made = tantivy.Document()
    made.add_integer("id", document.id)
    for field, value in (
        ("kind", document.kind),
        ("provider", document.provider),
        ("type", document.type),
        ("status", document.status),
        ("name", " ".join(words_of(document.name))),
        ("heading", " ".join(words_of(document.heading))),
        ("text", " ".join(words_of(document.text))),
        ("order", document.order),
        ("version_key", document.version_key),
    ):
        if value is not None:
            made.add_text(field, value)
    for field, values in (
        ("namespace", document.namespaces),
        ("tag", document.tags),
        ("exact", tuple(_kept_forms(document))),
    ):
        for value in values:
            made.add_text(field, value)
    for field, number in (
        ("seq_from", document.seq_from),
        ("seq_to", document.seq_to),
        ("created", document.created),
        ("live", int(document.is_live)),
        ("context_length", _stated(document.context_length, "context_length")),
    ):
        made.add_integer(field, number)
    made.add_float("input_price", _stated(document.input_price, "input_price"))
    return made
