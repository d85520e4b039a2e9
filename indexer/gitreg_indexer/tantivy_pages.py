"""What matches a question, how many that is, and one page of it in an order.

- A page is looked for among the first documents of its order, a few thousand, that are asked for by terms; only where
  too few of these match are all that match put in order. To count is cheaper than to put in order, and is done apart.
- What matches equally is ordered by `rank`, a number. A column orders by its values, what has none coming last in both
  directions; runs of equal values are put in order of rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import tantivy
from tantivy import Order

from gitreg_indexer.tantivy_queries import ID, SEQ, Queries, either
from gitreg_indexer.terms import RANKS, AnyTerm, Asked, Begun, Both, Either

RANK: Final = "rank"
VERSION: Final = "version_key"
ONE: Final = "one"
"""A column that has the same text for every document: to count its values is the quickest way to count documents."""
_SMALL: Final = 8_000
"""Up to how many matches are put in order without looking for the first ones apart."""
_LOOKED_AT: Final = 128
"""How many documents are looked at first for each that is wanted, their number being rounded up to a power of two."""
_WIDER: Final = 16
_SPARE: Final = 2
"""How many times as many matches as are wanted should be likely among the first documents."""
_SHARE: Final = 4
"""No more than one in so many of all documents is looked at apart from the others."""
_RANGED: Final = 50_000
"""From how many matches on their beginnings are counted rather than looked up in a range."""
_RECENT: Final = 64
"""The newest commits that are looked at first for what was updated last."""
_PROBED: Final = 1_000
_GONE_THROUGH: Final = 1_000
"""Up to which place in an order of few values they are gone through one by one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A fast field to order by.

    `having` asks for the documents with a value, or with none. `ladder` are beginnings of terms that are in the order
    of the values (`Queries.first`). `few` are all values that there are, where these are few.
    """

    field: str
    having: Callable[[Any], Asked]
    ladder: tuple[str, ...] = ()
    few: tuple[Any, ...] | None = None


class Matches:
    """What matches a question: parts of which no document is in two, each one a list of what must hold."""

    def __init__(self, pages: Pages, parts: Sequence[tuple[Asked, ...]]) -> None:
        self._pages = pages
        self._parts = [part for part in parts if pages.queries.size(Both(part))]
        self._total: int | None = None
        self.most = sum(pages.queries.size(Both(part)) for part in self._parts)
        """An upper bound of how many match."""

    def query(self, *besides: Asked) -> Any:
        """Ask for all of it, or for what more holds of; None where nothing can match."""
        made = (self._pages.queries.query(Both((*part, *besides))) for part in self._parts)
        return either([query for query in made if query is not None])

    def having(self, asked: Asked) -> Matches:
        """Give those for which something more holds."""
        return Matches(self._pages, [(*part, asked) for part in self._parts])

    @property
    def total(self) -> int:
        """How many match."""
        if self._total is None:
            self._total = sum(map(self._pages.count_all_of, self._parts))
        return self._total

    @total.setter
    def total(self, known: int) -> None:
        self._total = known

    @property
    def likely(self) -> float:
        """How many match, as far as is known without counting."""
        return (
            sum(self._pages.queries.likely(Both(part)) for part in self._parts) if self._total is None else self._total
        )

    @property
    def is_much(self) -> bool:
        """Whether it is worth while to look among the first of it only."""
        if self.most <= _SMALL or self.likely <= _SMALL:
            return False
        return not any(map(self._pages.queries.is_costly, (one for part in self._parts for one in part)))


class Pages:
    """Finds pages in one state of an index."""

    def __init__(self, searcher: tantivy.Searcher, schema: tantivy.Schema, queries: Queries) -> None:
        self._searcher = searcher
        self._schema = schema
        self.queries = queries

    # -------------------------------------------------------------------------------------------- what matches

    def matching(self, conditions: Sequence[Asked]) -> Matches:
        """Give what meets conditions, of which some may be of parts that no document is in twice."""
        parts: list[tuple[Asked, ...]] = [()]
        for each in conditions:
            split = each.asked if isinstance(each, Either) and each.is_apart else (each,)
            parts = [(*part, *_flat(one)) for part in parts for one in split]
        return Matches(self, parts)

    def is_any(self, conditions: Sequence[Asked]) -> bool:
        """Tell whether anything meets conditions."""
        found = self.matching(conditions)
        return bool(found.most) and bool(self.by_rank(found, 0, 1) or found.total)

    def count(self, query: Any) -> int:
        """Count what matches a query."""
        told = self._searcher.aggregate(query, {"found": {"value_count": {"field": ONE}}})
        return int(told["found"]["value"])

    def count_all_of(self, part: tuple[Asked, ...]) -> int:
        """Count what meets all conditions; of many, those that had begun are told by their column."""
        by = [each.by for each in part if isinstance(each, Begun) and each.since is None and each.by is not None]
        rest = Both(tuple(each for each in part if not isinstance(each, Begun)))
        if len(by) == 1 and len(rest.asked) == len(part) - 1 and self.queries.size(rest) > _RANGED:
            query = self.queries.query(rest)
            asked = {"found": {"range": {"field": SEQ, "ranges": [{"to": by[0] + 1}]}}}
            told = query and self._searcher.aggregate(query, asked)
            return int(told["found"]["buckets"][0]["doc_count"]) if told else 0
        query = self.queries.query(Both(part))
        return 0 if query is None else self.count(query)

    # -------------------------------------------------------------------------------------------- pages

    def by_rank(self, found: Matches, skip: int, take: int, *, is_reversed: bool = False) -> list[int]:
        """Give one page of what matches, in the order of rank."""
        for narrow in self._narrower(found, RANKS, skip + take, is_reversed):
            query = found.query(narrow)
            if query is not None:
                result = self._in_order(query, RANK, is_reversed, skip, take)
                if result.count >= skip + take:
                    return self.ids(result.hits)
        query = found.query()
        if query is None:
            return []
        result = self._in_order(query, RANK, is_reversed, skip, take)
        found.total = result.count
        return self.ids(result.hits)

    def by_value(self, found: Matches, column: Column, skip: int, take: int, *, is_reversed: bool) -> list[int]:
        """Give one page of what matches, in the order of a column."""
        if column.few is not None and skip + take <= _GONE_THROUGH and found.is_much:
            return self._by_few(found, column, column.few[::-1] if is_reversed else column.few, skip, take)
        for narrow in self._narrower(found, column.ladder, skip + take + 1, is_reversed):
            count, page = self._by_value(found, column, is_reversed, skip, take, narrow)
            if count > skip + take:
                return page
        found.total, page = self._by_value(found, column, is_reversed, skip, take)
        return page

    def _by_few(self, found: Matches, column: Column, values: tuple[Any, ...], skip: int, take: int) -> list[int]:
        """Go from value to value; what has none comes last."""
        page: list[int] = []
        passed = 0
        for value in (*values, None):
            having = found.having(column.having(value))
            page += self.by_rank(having, max(0, skip - passed), take - len(page))
            if len(page) >= take:
                return page
            passed += having.total
        found.total = passed
        return page

    def newest(self, found: Matches, last: int, skip: int, take: int) -> list[int]:
        """Give one page of what matches, what began last coming first; nothing began after the seq `last`."""
        column = Column(SEQ, lambda seq: Begun(seq, seq))
        span = _RECENT
        while span < last and found.is_much:
            count, page = self._by_value(found, column, True, skip, take, Begun(last - span, None))
            if count > skip + take:
                return page
            span *= _WIDER
        found.total, page = self._by_value(found, column, True, skip, take)
        return page

    def _narrower(self, found: Matches, ladder: tuple[str, ...], wanted: int, is_reversed: bool) -> Iterator[AnyTerm]:
        """Ask for more and more of the first documents of an order, where as many as are wanted may match."""
        documents = int(self._searcher.num_docs)
        if not ladder or not found.is_much:
            return
        likely = found.likely
        looked_at = _LOOKED_AT << (wanted - 1).bit_length()
        while looked_at * _SHARE < documents:
            if likely * looked_at >= _SPARE * wanted * documents:
                narrow = self.queries.first(ladder, looked_at, is_reversed=is_reversed)
                if narrow is None:
                    return
                yield narrow
            looked_at *= _WIDER

    def _by_value(
        self, found: Matches, column: Column, is_reversed: bool, skip: int, take: int, *narrow: Asked
    ) -> tuple[int, list[int]]:
        """Count, and page through values that may be equal, none at all being one of them.

        What is narrow holds all documents of each value that it has. One value more than the page is asked for on
        either side, to see whether its runs go on there.
        """
        query = found.query(*narrow)
        if query is None:
            return 0, []
        before = min(skip, 1)
        result = self._in_order(query, column.field, is_reversed, skip - before, take + before + 1)
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
            page += self.by_rank(found.having(column.having(value)), at - began, len(hits))
        return result.count, page

    def _in_order(self, query: Any, field: str, is_reversed: bool, skip: int, take: int, *, count: bool = True) -> Any:
        order = Order.Desc if is_reversed else Order.Asc
        return self._searcher.search(query, take, count, field, skip, order)

    def _where_begins(self, query: Any, column: Column, is_reversed: bool, value: Any, known: int) -> int:
        """Tell where the run of a value begins that goes on to a place that is known."""
        if known <= _PROBED:
            hits = self._in_order(query, column.field, is_reversed, 0, known, count=False).hits
            return [found for found, _ in hits].index(value)
        low, high = 0, known
        while low < high:
            middle = (low + high) // 2
            found = self._in_order(query, column.field, is_reversed, middle, 1, count=False).hits[0][0]
            low, high = (low, middle) if found == value else (middle + 1, high)
        return low

    def _in_rank(self, hits: Sequence[Any]) -> list[int]:
        ids = self.ids(hits)
        if len(ids) < 2:
            return ids
        ranks = self._searcher.fast_field_values(RANK, [address for _, address in hits])
        return [id_ for _, id_ in sorted(zip(ranks, ids, strict=True))]

    def ids(self, hits: Sequence[Any]) -> list[int]:
        """Give the ids of hits."""
        addresses = [address for _, address in hits]
        return [int(value or 0) for value in self._searcher.fast_field_values(ID, addresses)] if addresses else []


def _flat(asked: Asked) -> tuple[Asked, ...]:
    return asked.asked if isinstance(asked, Both) else (asked,)
