"""Questions as tantivy's queries: how each is asked quickest of one state of an index.

- What is asked of terms (`terms`) becomes postings; unions are asked part by part where something else leaves little.
- How many documents a question can match at most is told from the frequencies of its terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

import tantivy
from tantivy import FieldType, Occur

from gitreg_indexer.memory import Memory
from gitreg_indexer.terms import (
    ENDED,
    IS_LIVE,
    MARK,
    NOTHING,
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
    WordPrefixed,
    column,
    truths,
)

TERM: Final = "term"
TEXT: Final = "text"
ID: Final = "id"
SEQ: Final = "seq_from"
_SET_FROM: Final = 200
"""From how many terms on a set of them is quicker than a union."""
_SPREAD: Final = 64
"""Up to how many parts a union is asked part by part."""
_KNOWN: Final = 20_000
"""Of how many values it is remembered how frequent they are."""
_TOO_MANY: Final = 16
"""How many times as many documents as are wanted are no longer the first ones."""
_PART: Final = 1_000
"""What asking for one more part costs, in documents looked at."""
_NOT_ENDED: Final = Neither(AnyTerm((ENDED, MARK)))
_MUCH_LIVE: Final = 2
"""How many times as much must be live as has ended, for asking for what has not ended."""


class Queries:
    """Makes the queries of one state of an index; what is worth remembering of it is remembered in its memory.

    `numbers` gives the columns of paths that have one of numbers.
    """

    def __init__(
        self, index: tantivy.Index, searcher: tantivy.Searcher, memory: Memory, numbers: Mapping[str, str]
    ) -> None:
        self._index = index
        self._schema = index.schema
        self._searcher = searcher
        self._memory = memory
        self._numbers = numbers
        self._frequencies: dict[tuple[str, Any], int] = {}

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made under a key before, or make it."""
        return self._memory.get(key, make)

    def has(self, term: str) -> bool:
        """Tell whether there is such a term."""
        return self._searcher.doc_freq(TERM, term) > 0

    def query(self, asked: Asked) -> Any:
        """Give what is asked as tantivy's query; None where nothing can match."""
        match asked:
            case Both(each):
                return self._both(each)
            case Either(each):
                return either([made for made in map(self.query, each) if made is not None])
            case Neither():
                return self._both((asked,))
            case AnyId(ids):  # many, and hardly the same again
                return tantivy.Query.term_set_query(self._schema, ID, list(ids)) if ids else None
            case _:
                return self.remembered(asked, lambda: self._leaf(asked))

    def _leaf(self, asked: Asked) -> Any:
        match asked:
            case AnyTerm(terms) | OneOfFew(terms):
                return self._terms(terms)
            case AnyPrefixed(prefixes):
                return either([self._prefixed(TERM, prefix) for prefix in prefixes])
            case AnyBetween():
                return self._between(asked)
            case AnyWord(words):
                known = [word for word in words if self._searcher.doc_freq(TEXT, word)]
                return either([self.of(TEXT, word) for word in known])
            case WordPrefixed(prefix):
                return self._prefixed(TEXT, prefix)
            case Begun():
                return self._begun(asked)
            case InOrder(words):
                if all(self._searcher.doc_freq(TEXT, word) for word in words):
                    return tantivy.Query.phrase_query(self._schema, TEXT, list(words))
                return None
            case _:
                raise TypeError(f"{asked!r} cannot be asked")

    def _begun(self, asked: Begun) -> Any:
        if asked.since is not None and asked.since == asked.by:
            return self.of(SEQ, asked.since)
        return tantivy.Query.range_query(self._schema, SEQ, FieldType.Integer, asked.since, asked.by)

    def _between(self, asked: AnyBetween) -> Any:
        between = asked.between
        if between is None or not self.is_told(between.path):
            text = " OR ".join(f"{TERM}:[{low} TO {high}]" for low, high in asked.intervals)
            return self._index.parse_query(text)
        low, high = (None if end is None else float(end) + 0.0 for end in (between.low, between.high))
        if low is None and high is None:
            return self.term(column(between.path))
        ends = {
            "include_lower": low is None or between.includes_low,
            "include_upper": high is None or between.includes_high,
        }
        return tantivy.Query.range_query(self._schema, self._numbers[between.path], FieldType.Float, low, high, **ends)

    def is_told(self, path: str) -> bool:
        """Tell whether a path has a column that has all numbers which stand there, and nothing else."""
        if path not in self._numbers:
            return False
        return self.remembered(("told", path), lambda: not self._searcher.terms_with_prefix(TERM, truths(path)))

    def _both(self, conditions: Sequence[Asked]) -> Any:
        asked = self._quicker(conditions)
        wanted: list[tuple[Occur, Any]] = []
        spread = self._worth_spreading(asked)
        for place, each in enumerate(asked):
            query = self.query(each.asked if isinstance(each, Neither) else each) if place != spread else None
            if isinstance(each, Neither):
                if query is not None:
                    wanted.append((Occur.MustNot, query))
            elif query is not None:
                wanted.append((Occur.Must, query))
            elif place != spread:
                return None
        if spread is not None:
            parts = [part for part in map(self.query, _parts(asked[spread])) if part is not None]
            return either([tantivy.Query.boolean_query([*wanted, (Occur.Must, part)]) for part in parts])
        if all(occur == Occur.MustNot for occur, _ in wanted):
            wanted.append((Occur.Must, tantivy.Query.all_query()))
        return wanted[0][1] if len(wanted) == 1 else tantivy.Query.boolean_query(wanted)

    def _quicker(self, asked: Sequence[Asked]) -> list[Asked]:
        """Ask without what nothing can match, and for one of a few values in the quicker of two ways."""
        made = _one_begun([part for each in asked for part in self._possible(each)])
        if IS_LIVE in made and self._is_quicker_without_live(made):
            made = [_NOT_ENDED if each == IS_LIVE else each for each in made]
        if any(isinstance(each, OneOfFew) for each in made):
            others = (self.size(each) for each in made if not isinstance(each, OneOfFew))
            fewest = min(others, default=self._searcher.num_docs)
            made = [part for each in made for part in self._few(each, fewest)]
        return made

    def _is_quicker_without_live(self, asked: Sequence[Asked]) -> bool:
        """Tell whether to leave out what has ended, since that is little: to go along all that is live takes longer."""
        if all(isinstance(each, Neither) for each in asked if each != IS_LIVE):
            return False
        return _MUCH_LIVE * self.size(_NOT_ENDED.asked) < self.size(IS_LIVE)

    def _few(self, asked: Asked, fewest: int) -> tuple[Asked, ...]:
        """Ask for one of a few values by naming the others, where something else leaves few documents anyway."""
        if not isinstance(asked, OneOfFew):
            return (asked,)
        named = AnyTerm(asked.terms)
        return asked.instead if 2 * fewest < self.size(named) else (named,)

    def _possible(self, asked: Asked) -> tuple[Asked, ...]:
        """Give what must hold all of where a question does: of a union with one possible part, that part's own."""
        if not isinstance(asked, Either):
            return (asked,)
        parts = tuple(part for part in _parts(asked) if self.size(part))
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
            narrows = any(not isinstance(one, Neither) for one in rest)
            if _is_union(each) and narrows and all(map(_is_simple, rest)):
                saved = self._saved_by_spreading(each, min(map(self.size, rest)))
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
            return [size for size in map(self.size, _parts(union)) if size]
        return self.remembered(("sizes", union), lambda: [n for n in map(self.size, _parts(union)) if n])

    def size(self, asked: Asked) -> int:
        """Give an upper bound of how many documents match; for what cannot be told, all."""
        match asked:
            case AnyTerm(terms):
                return self._frequency(TERM, terms[0]) if len(terms) == 1 else self._sum_of(asked)
            case AnyWord(words):
                return self._frequency(TEXT, words[0]) if len(words) == 1 else self._sum_of(asked)
            case Begun(since, by) if since is not None and since == by:
                return self._frequency(SEQ, since)
            case OneOfFew(terms):
                return self.size(AnyTerm(terms))
            case Both(each):
                return min(map(self.size, each), default=self._searcher.num_docs)
            case Either(each):
                return sum(map(self.size, each))
            case AnyId(ids):
                return len(ids)
            case InOrder(words):
                return min(self.size(AnyWord((word,))) for word in words)
            case _:
                return self._searcher.num_docs

    def likely(self, asked: Asked) -> float:
        """Estimate how many documents match, as if no condition had to do with another."""
        documents = max(int(self._searcher.num_docs), 1)
        match asked:
            case Both(each):
                share = 1.0
                for one in each:
                    share *= self.likely(one) / documents
                return share * documents
            case Either(each):
                return min(sum(map(self.likely, each)), documents)
            case Neither(inner):
                return documents - self.likely(inner)
            case _:
                return min(self.size(asked), documents)

    def is_costly(self, asked: Asked) -> bool:
        """Tell whether the query gathers all that matches a part of it before anything else narrows it down."""
        match asked:
            case AnyPrefixed() | WordPrefixed():
                return True
            case AnyBetween(_, between):
                return between is None or not self.is_told(between.path)
            case AnyTerm(terms):
                return len(terms) >= _SET_FROM
            case Neither(inner):
                return self.is_costly(inner)
            case Both(each) | Either(each):
                for one in each:  # noqa: SIM110 - a generator would take a second frame a level
                    if self.is_costly(one):
                        return True
                return False
            case _:
                return False

    def first(self, ladder: Sequence[str], wanted: int, *, is_reversed: bool) -> AnyTerm | None:
        """Ask for the first documents of an order: for so many, and hardly more; None where there are not so many.

        A rung of the ladder is the beginning of terms that are in this order, and each term of a lower rung goes on
        from the end of one of the rung above, which it is a part of. Of the terms of a rung all that are surely needed
        are taken, and the next is looked at more closely.
        """
        key = ("first", ladder, wanted, is_reversed)
        return self.remembered(key, lambda: self._first(ladder, wanted, is_reversed))

    def _first(self, ladder: Sequence[str], wanted: int, is_reversed: bool) -> AnyTerm | None:
        taken: list[str] = []
        left, within, inside = wanted, "", 0
        for rung in ladder:
            for term, count in sorted(self._searcher.terms_with_prefix(TERM, rung + within), reverse=is_reversed):
                if term == rung:
                    continue
                if count >= left:
                    within, inside = term[len(rung) :], count
                    break
                taken.append(term)
                left -= count
            else:
                return None if not within else AnyTerm((*taken,))
            if inside <= 2 * left:
                return AnyTerm((*taken, rung + within))
        if inside <= _TOO_MANY * wanted:
            return AnyTerm((*taken, rung + within))
        return None

    def _sum_of(self, union: AnyTerm | AnyWord) -> int:
        return sum(self._sizes_of_parts(union))

    def _frequency(self, field: str, value: Any) -> int:
        """Tell how many documents have a value."""
        known = self._frequencies.get((field, value))
        if known is None:
            if len(self._frequencies) > _KNOWN:
                self._frequencies = {}
            known = self._frequencies[field, value] = int(self._searcher.doc_freq(field, value))
        return known

    def _terms(self, terms: Sequence[str]) -> Any:
        known = [term for term in terms if self.has(term)]
        if len(known) >= _SET_FROM:
            return tantivy.Query.term_set_query(self._schema, TERM, known)
        return either([self.term(term) for term in known])

    def term(self, term: str) -> Any:
        """Ask for one term."""
        return self.of(TERM, term)

    def of(self, field: str, value: Any) -> Any:
        """Ask for one value of a field."""
        return tantivy.Query.term_query(self._schema, field, value, "basic")

    def _prefixed(self, field: str, prefix: str) -> Any:
        return tantivy.Query.regex_query(self._schema, field, f"{re.escape(prefix)}.*")


def _one_begun(asked: list[Asked]) -> list[Asked]:
    """Put all that is asked of the beginning into one range."""
    begun = [each for each in asked if isinstance(each, Begun)]
    if len(begun) < 2:
        return asked
    since = max((each.since for each in begun if each.since is not None), default=None)
    by = min((each.by for each in begun if each.by is not None), default=None)
    if since is not None and by is not None and since > by:
        return [NOTHING]
    return [*(each for each in asked if not isinstance(each, Begun)), Begun(since, by)]


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


def either(queries: Sequence[Any]) -> Any:
    """Ask for what matches one of several queries; None where there is none."""
    if len(queries) < 2:
        return queries[0] if queries else None
    return tantivy.Query.boolean_query([(Occur.Should, query) for query in queries])
