"""One state of a tantivy index, and all that is asked of it.

- A view never changes: what it finds, what it counts and its position are of one commit.
- What is worth remembering of a state (versions in a range, facets of all that is live) is remembered by the view, as
  much as fits (`memory.py`).
- What matches equally is ordered by `rank`, a number. A column orders by its values, what has none coming last in both
  directions; runs of equal values are put in order of rank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import tantivy
from tantivy import FieldType, Occur, Order

from gitreg_indexer.engine import LONGEST_PREFIX, MOST_COUNTED, Facet, Found, Query, is_shown
from gitreg_indexer.memory import Memory
from gitreg_indexer.plans import Plan, corrected, plan
from gitreg_indexer.terms import (
    WITHOUT_VERSION,
    AnyBetween,
    AnyId,
    AnyPrefixed,
    AnyTerm,
    AnyWord,
    Asked,
    BegunBy,
    Both,
    Either,
    InOrder,
    Neither,
    OneOfFew,
    T,
    WordPrefixed,
    having_in_column,
    other_than_text,
    value_at,
    value_prefixes,
    version_term,
)

TERM: Final = "term"
TEXT: Final = "text"
ID: Final = "id"
RANK: Final = "rank"
SEQ: Final = "seq_from"
DIGEST: Final = "digest"
VERSION: Final = "version_key"
MARK: Final = "mark"
_SET_FROM: Final = 200
"""From how many terms on a set of them is quicker than a union."""
_SPREAD: Final = 64
"""Up to how many parts a union is asked part by part."""
_PART: Final = 1_000
"""What asking for one more part costs, in documents looked at."""
_RECENT: Final = 64
"""The newest commits that are looked at first for what was updated last."""
_PROBED: Final = 1_000
_BUCKETS: Final = 20_000
"""The most values that are counted by a fast field; where there are more, terms are counted."""
_LISTED: Final = 10_000
"""How many of the most frequent terms are listed: more than are shown, for some are none that facets show."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A fast field to order by; `having` asks for the documents with a value, or with none."""

    field: str
    having: Callable[[Any], Any]


class View:
    """A state of the index. `columns` gives the fast field of each path that has one, `counted` those for facets."""

    def __init__(self, index: tantivy.Index, columns: Mapping[str, str], counted: Mapping[str, str]) -> None:
        self.index = index
        self.schema = index.schema
        self.columns = columns
        self.counted = counted
        self.searcher = index.searcher()
        self._memory = Memory()
        self.instance, self.seq = self._position()

    def _position(self) -> tuple[str, int]:
        hits = self.searcher.search(self._term(MARK), 1, count=False).hits
        if not hits:
            return "", 0
        stored = self.searcher.doc(hits[0][1])
        return str(stored.get_first("instance")), int(stored.get_first("seq") or 0)

    # -------------------------------------------------------------------------------------------- vocabulary

    def has(self, term: str) -> bool:
        """Tell whether there is such a term."""
        return self.searcher.doc_freq(TERM, term) > 0

    def starting(self, prefix: str) -> list[str]:
        """List the terms that begin with a text."""
        return [term for term, _ in self.searcher.terms_with_prefix(TERM, prefix)]

    def words_starting(self, prefix: str) -> list[str]:
        """List the words of passages that begin with a text."""
        return [word for word, _ in self.searcher.terms_with_prefix(TEXT, prefix)]

    def is_any(self, asked: Asked) -> bool:
        """Tell whether any document matches."""
        query = self._query(asked)
        return query is not None and self._count(query) > 0

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made under a key before, or make it."""
        return self._memory.get(key, make)

    # -------------------------------------------------------------------------------------------- documents

    @property
    def documents(self) -> int:
        """How many documents there are, beside the mark."""
        return int(self.searcher.num_docs) - int(self.has(MARK))

    def digests(self, ids: Sequence[int]) -> dict[int, int]:
        """Give the digests of documents by id."""
        if not ids:
            return {}
        asked = tantivy.Query.term_set_query(self.schema, ID, list(ids))
        hits = self.searcher.search(tantivy.Query.const_score_query(asked, 1.0), len(ids), count=False).hits
        addresses = [address for _, address in hits]
        if not addresses:
            return {}
        pairs = zip(self._ids(hits), self.searcher.fast_field_values(DIGEST, addresses), strict=True)
        return {id_: int(digest or 0) for id_, digest in pairs}

    # -------------------------------------------------------------------------------------------- searching

    def search(self, query: Query, *, offset: int, limit: int, at: int | None, facets: Sequence[str]) -> Found:
        """Find documents; offset and limit may be of any size."""
        made = plan(query, at, self)
        everything = self._query(Both((*made.filters, made.anything)))
        found = (0, []) if everything is None else self._ordered(query, made, everything, offset, limit)
        if not found[0] and (better := corrected(made, self)) is not None:
            made, everything = better, self._query(Both((*better.filters, better.anything)))
            found = self._ordered(query, made, everything, offset, limit)
        total, ids = found
        counted = self._facets(facets, everything if total else None, is_all=made.is_all) if facets else ()
        return Found(total, tuple(ids), self.instance, self.seq, counted, made.meant)

    def _ordered(self, query: Query, made: Plan, everything: Any, offset: int, limit: int) -> tuple[int, list[int]]:
        """Give the count of all that is found, and one page of it.

        The collector sets aside memory for offset + limit, and ends the process where there is none: it is never asked
        for more than there is.
        """
        room = max(self.searcher.num_docs, 1)
        offset, limit = min(max(offset, 0), room), min(max(limit, 0), room)
        if not limit:
            return self._count(everything), []
        name, is_reversed = query.order()
        if name == "relevance" and made.is_tiered:
            return self._by_tier(made, everything, is_reversed, offset, limit)
        if name in ("relevance", "name"):
            return self._by_rank(everything, offset, limit, is_reversed=is_reversed)
        if name == "updatedAt" and is_reversed:
            total = self._total(made, everything)
            newest = self._newest(everything, min(offset + limit, total) + 1)
            return total, self._by_value(newest, self._column(name), is_reversed, offset, limit)[1]
        return self._by_value(everything, self._column(name), is_reversed, offset, limit)

    def _total(self, made: Plan, everything: Any) -> int:
        if made.is_all:
            return self.remembered("total", lambda: self._count(everything))
        return self._count(everything)

    def _newest(self, query: Any, wanted: int) -> Any:
        """Narrow a query down to the newest commits that have as many documents as are wanted.

        Documents come in the order of commits: to look for the newest among all is to find a newer one each time.
        """
        span = _RECENT
        while span < self.seq:
            since = tantivy.Query.range_query(self.schema, SEQ, FieldType.Integer, self.seq - span, None)
            narrow = _all([query, since])
            if self._count(narrow) >= wanted:
                return narrow
            span *= 16
        return query

    def _by_tier(
        self, made: Plan, everything: Any, is_reversed: bool, offset: int, limit: int
    ) -> tuple[int, list[int]]:
        """Take one page from tiers that follow each other; those beyond the page are not looked at."""
        total = self._count(everything)
        start, stop = min(offset, total), min(offset + limit, total)
        passed = 0
        page: list[int] = []
        for number in reversed(range(len(made.tiers))) if is_reversed else range(len(made.tiers)):
            if start + len(page) >= stop:
                break
            if not self._size(made.tiers[number]):
                continue
            apart = (Neither(tier) for tier in made.tiers[:number] if self._size(tier))
            tier = self._query(Both((made.tiers[number], *made.filters, *apart)))
            if tier is not None:
                count, ids = self._by_rank(tier, max(0, start - passed), stop - start - len(page))
                passed += count
                page.extend(ids)
        return total, page

    def _by_rank(self, query: Any, skip: int, take: int, *, is_reversed: bool = False) -> tuple[int, list[int]]:
        result: Any = self.searcher.search(query, take, True, RANK, skip, _direction(is_reversed))
        return result.count, self._ids(result.hits)

    def _column(self, name: str) -> _Column:
        if name == "updatedAt":
            return _Column(SEQ, lambda value: self._field_query(SEQ, value))
        if name == "version":
            return _Column(VERSION, self._having_version)
        return _Column(self.columns[name], lambda value: self._query(having_in_column(name, value)))

    def _having_version(self, value: str | None) -> Any:
        return self._query(WITHOUT_VERSION if value is None else AnyTerm((version_term(value),)))

    def _by_value(self, query: Any, column: _Column, is_reversed: bool, skip: int, take: int) -> tuple[int, list[int]]:
        """Page through values that may be equal, none at all being one of them.

        One value more than the page is asked for on either side, to see whether its runs go on there.
        """
        before = min(skip, 1)
        result = self._in_column(query, column, is_reversed, skip - before, take + before + 1, count=True)
        values = [value for value, _ in result.hits]
        shown = slice(before, before + take)
        beyond = {*values[: shown.start], *values[shown.stop :]}
        page: list[int] = []
        for value, run in groupby(result.hits[shown], key=itemgetter(0)):
            hits = list(run)
            if value not in beyond:
                page += self._in_rank(hits)
                continue
            at = skip + len(page)
            began = self._where_begins(query, column, is_reversed, value, skip) if value in values[:before] else at
            page += self._by_rank(_all([query, column.having(value)]), at - began, len(hits))[1]
        return result.count, page

    def _in_column(
        self, query: Any, column: _Column, is_reversed: bool, skip: int, take: int, *, count: bool = False
    ) -> Any:
        return self.searcher.search(query, take, count, column.field, skip, _direction(is_reversed))

    def _where_begins(self, query: Any, column: _Column, is_reversed: bool, value: Any, known: int) -> int:
        """Tell where the run of a value begins that goes on to a place that is known."""
        if known <= _PROBED:
            hits = self._in_column(query, column, is_reversed, 0, known).hits
            return [found for found, _ in hits].index(value)
        low, high = 0, known
        while low < high:
            middle = (low + high) // 2
            found = self._in_column(query, column, is_reversed, middle, 1).hits[0][0]
            low, high = (low, middle) if found == value else (middle + 1, high)
        return low

    def _in_rank(self, hits: Sequence[Any]) -> list[int]:
        ids = self._ids(hits)
        if len(ids) < 2:
            return ids
        ranks = self.searcher.fast_field_values(RANK, [address for _, address in hits])
        return [id_ for _, id_ in sorted(zip(ranks, ids, strict=True))]

    def _ids(self, hits: Sequence[Any]) -> list[int]:
        addresses = [address for _, address in hits]
        return [int(value or 0) for value in self.searcher.fast_field_values(ID, addresses)] if addresses else []

    def _count(self, query: Any) -> int:
        result: Any = self.searcher.search(query, 1, True, RANK)  # by a field: else unions score what they find
        return int(result.count)

    # -------------------------------------------------------------------------------------------- facets

    def _facets(self, paths: Sequence[str], everything: Any, *, is_all: bool) -> tuple[Facet, ...]:
        """Count the values of paths in what is found; all that is live is counted once."""
        if everything is None:
            return tuple(Facet(path, ()) for path in paths)
        asked = tuple(dict.fromkeys(paths))
        if is_all:
            facets = {path: self._facet_of_all(path, everything) for path in asked}
        else:
            facets = {path: _most_frequent(path, found) for path, found in self._counts(asked, everything).items()}
        return tuple(facets[path] for path in paths)

    def _facet_of_all(self, path: str, everything: Any) -> Facet:
        """Count the values of all that is live; of these, only what is shown is remembered."""
        return self.remembered(("facet", path), lambda: _most_frequent(path, self._counts((path,), everything)[path]))

    def _counts(self, paths: Sequence[str], everything: Any) -> dict[str, dict[str, int]]:
        """Count values: by columns of texts, all in one pass; where there is none, or it has too many, by terms."""
        by_column = [path for path in paths if path in self.counted and self._is_text(path)]
        counts = self._from_columns(by_column, everything)
        return {path: counts[path] if path in counts else self._from_terms(path, everything) for path in paths}

    def _from_columns(self, paths: Sequence[str], everything: Any) -> dict[str, dict[str, int]]:
        """Count by columns; a path whose column cannot tell is left out.

        tantivy refuses to count more than 65,000 values in one pass: then each path has a pass of its own.
        """
        if not paths:
            return {}
        bounds = {"size": _BUCKETS, "segment_size": _BUCKETS}
        asked = {path: {"terms": {"field": self.counted[path], **bounds}} for path in paths}
        try:
            told = self.searcher.aggregate(everything, asked)
        except ValueError:
            alone = [self._from_columns((path,), everything) for path in paths] if len(paths) > 1 else []
            return {path: found for each in alone for path, found in each.items()}
        counts: dict[str, dict[str, int]] = {}
        for path in paths:
            values = {each["key"]: each["doc_count"] for each in told[path]["buckets"]}
            is_cut = any(len(value) >= LONGEST_PREFIX for value in values)
            if not told[path]["sum_other_doc_count"] and not is_cut:
                counts[path] = {value: count for value, count in values.items() if is_shown(value)}
        return counts

    def _is_text(self, path: str) -> bool:
        others = other_than_text(path)
        return self.remembered(("text", path), lambda: not any(map(self.starting, others)))

    def _from_terms(self, path: str, everything: Any) -> dict[str, int]:
        """Count by terms, of which the most frequent are looked at: the others would not be shown."""
        counts: dict[str, int] = {}
        twice: dict[str, list[str]] = {}
        for prefix in value_prefixes(path):
            for term, count in self.searcher.terms_with_prefix(TERM, prefix, everything, _LISTED):
                value = value_at(prefix, term)
                if value is not None and count:
                    twice.setdefault(value, []).append(term)
                    counts[value] = count
        for value, terms in twice.items():
            if len(terms) > 1:  # a number, a truth value and a text may look alike
                counts[value] = self._count(_all([everything, self._terms(terms)]))
        return counts

    # -------------------------------------------------------------------------------------------- queries

    def _query(self, asked: Asked) -> Any:
        """Give what is asked as tantivy's query; None where nothing can match."""
        match asked:
            case Both(each):
                return self._both(each)
            case Either(each):
                return _either([made for made in map(self._query, each) if made is not None])
            case Neither():
                return self._both((asked,))
            case AnyId(ids):  # many, and hardly the same again
                return tantivy.Query.term_set_query(self.schema, ID, list(ids)) if ids else None
            case _:
                return self.remembered(asked, lambda: self._leaf(asked))

    def _leaf(self, asked: Asked) -> Any:
        match asked:
            case AnyTerm(terms) | OneOfFew(terms):
                return self._terms(terms)
            case AnyPrefixed(prefixes):
                return _either([self._prefixed(TERM, prefix) for prefix in prefixes])
            case AnyBetween(intervals):
                text = " OR ".join(f"{TERM}:[{low} TO {high}]" for low, high in intervals)
                return self.index.parse_query(text)
            case AnyWord(words):
                known = [word for word in words if self.searcher.doc_freq(TEXT, word)]
                return _either([self._field_query(TEXT, word) for word in known])
            case WordPrefixed(prefix):
                return self._prefixed(TEXT, prefix)
            case BegunBy(seq):
                return tantivy.Query.range_query(self.schema, SEQ, FieldType.Integer, None, seq)
            case InOrder(words):
                if all(self.searcher.doc_freq(TEXT, word) for word in words):
                    return tantivy.Query.phrase_query(self.schema, TEXT, list(words))
                return None
            case _:
                raise TypeError(f"{asked!r} cannot be asked")

    def _both(self, conditions: Sequence[Asked]) -> Any:
        asked = self._quicker(conditions)
        wanted: list[tuple[Occur, Any]] = []
        spread = self._worth_spreading(asked)
        for place, each in enumerate(asked):
            query = self._query(each.asked if isinstance(each, Neither) else each) if place != spread else None
            if isinstance(each, Neither):
                if query is not None:
                    wanted.append((Occur.MustNot, query))
            elif query is not None:
                wanted.append((Occur.Must, query))
            elif place != spread:
                return None
        if spread is not None:
            parts = [part for part in map(self._query, _parts(asked[spread])) if part is not None]
            return _either([tantivy.Query.boolean_query([*wanted, (Occur.Must, part)]) for part in parts])
        if all(occur == Occur.MustNot for occur, _ in wanted):
            wanted.append((Occur.Must, tantivy.Query.all_query()))
        return wanted[0][1] if len(wanted) == 1 else tantivy.Query.boolean_query(wanted)

    def _quicker(self, asked: Sequence[Asked]) -> list[Asked]:
        """Ask without what nothing can match, and for one of a few values in the quicker of two ways."""
        made = [part for each in asked for part in self._possible(each)]
        if any(isinstance(each, OneOfFew) for each in made):
            others = (self._size(each) for each in made if not isinstance(each, OneOfFew))
            fewest = min(others, default=self.searcher.num_docs)
            made = [part for each in made for part in self._few(each, fewest)]
        return made

    def _few(self, asked: Asked, fewest: int) -> tuple[Asked, ...]:
        """Ask for one of a few values by naming the others, where something else leaves few documents anyway."""
        if not isinstance(asked, OneOfFew):
            return (asked,)
        named = AnyTerm(asked.terms)
        return asked.instead if 2 * fewest < self._size(named) else (named,)

    def _possible(self, asked: Asked) -> tuple[Asked, ...]:
        """Give what must hold all of where a question does: of a union with one possible part, that part's own."""
        if not isinstance(asked, Either):
            return (asked,)
        parts = tuple(part for part in _parts(asked) if self._size(part))
        if len(parts) != 1:
            return (Either(parts),)
        return parts[0].asked if isinstance(parts[0], Both) else parts

    def _worth_spreading(self, asked: Sequence[Asked]) -> int | None:
        """Tell which of several questions should be asked part by part, each with all the others.

        tantivy goes through a whole union, however little the others leave of it; a term it looks up as needed. What
        is asked several times is simple: nothing that is nested is doubled at every level.
        """
        if not any(map(_is_union, asked)):
            return None
        best, most = None, 0.0
        for place, each in enumerate(asked):
            rest = [one for other, one in enumerate(asked) if other != place]
            if _is_union(each) and rest and all(map(_is_simple, rest)):
                saved = self._saved_by_spreading(each, min(map(self._size, rest)))
                if saved > most:
                    best, most = place, saved
        return best

    def _saved_by_spreading(self, union: Asked, fewest: int) -> float:
        """Estimate how many documents less are looked at, where what is asked besides leaves so few."""
        sizes = self._sizes_of_parts(union)
        if len(sizes) > _SPREAD:
            return 0.0
        return sum(sizes) - sum(_PART + 0.9 * min(size, fewest) for size in sizes)

    def _sizes_of_parts(self, union: Asked) -> list[int]:
        if isinstance(union, Either):
            return [size for size in map(self._size, _parts(union)) if size]
        return self.remembered(("sizes", union), lambda: [n for n in map(self._frequency, _parts(union)) if n])

    def _size(self, asked: Asked) -> int:
        """Give an upper bound of how many documents match; for what cannot be told, all."""
        match asked:
            case AnyTerm() | AnyWord():
                return self.remembered(("size", asked), lambda: self._frequency(asked))
            case OneOfFew(terms):
                return self._size(AnyTerm(terms))
            case Both(each):
                return min(map(self._size, each), default=self.searcher.num_docs)
            case Either(each):
                return sum(map(self._size, each))
            case AnyId(ids):
                return len(ids)
            case _:
                return self.searcher.num_docs

    def _frequency(self, asked: Asked) -> int:
        match asked:
            case AnyTerm(terms):
                return sum(self.searcher.doc_freq(TERM, term) for term in terms)
            case AnyWord(words):
                return sum(self.searcher.doc_freq(TEXT, word) for word in words)
            case _:
                return self.searcher.num_docs

    def _terms(self, terms: Sequence[str]) -> Any:
        known = [term for term in terms if self.has(term)]
        if len(known) >= _SET_FROM:
            return tantivy.Query.term_set_query(self.schema, TERM, known)
        return _either([self._term(term) for term in known])

    def _term(self, term: str) -> Any:
        return self._field_query(TERM, term)

    def _field_query(self, field: str, value: Any) -> Any:
        return tantivy.Query.term_query(self.schema, field, value, "basic")

    def _prefixed(self, field: str, prefix: str) -> Any:
        return tantivy.Query.regex_query(self.schema, field, f"{re.escape(prefix)}.*")


def _most_frequent(path: str, counts: Mapping[str, int]) -> Facet:
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Facet(path, tuple(listed[:MOST_COUNTED]))


def _is_union(asked: Asked) -> bool:
    match asked:
        case AnyTerm(terms):
            return len(terms) > 1
        case AnyWord(words):
            return len(words) > 1
        case _:
            return isinstance(asked, Either)


def _is_simple(asked: Asked) -> bool:
    match asked:
        case Both() | Either():
            return False
        case Neither(inner):
            return _is_simple(inner)
        case _:
            return True


def _parts(asked: Asked) -> tuple[Asked, ...]:
    match asked:
        case AnyTerm(terms):
            return tuple(AnyTerm((term,)) for term in terms)
        case AnyWord(words):
            return tuple(AnyWord((word,)) for word in words)
        case Either(each):
            return tuple(part for one in each for part in _parts(one))
        case _:
            return (asked,)


def _direction(is_reversed: bool) -> Order:
    return Order.Desc if is_reversed else Order.Asc


def _all(queries: Sequence[Any]) -> Any:
    return tantivy.Query.boolean_query([(Occur.Must, query) for query in queries])


def _either(queries: Sequence[Any]) -> Any:
    if len(queries) < 2:
        return queries[0] if queries else None
    return tantivy.Query.boolean_query([(Occur.Should, query) for query in queries])
