"""One state of a tantivy index, and all that is asked of it.

- A view never changes: what it finds, what it counts and its position are of one commit.
- What is worth remembering of a state (versions in a range, facets of all that is live) is remembered by the view, as
  much as fits (`memory.py`).
- How questions are asked of it is in `tantivy_queries`, how pages are found in `tantivy_pages`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

import tantivy

from gitreg_indexer.engine import LONGEST_PREFIX, MOST_COUNTED, Facet, Found, Query, is_shown
from gitreg_indexer.fields import columns as _types
from gitreg_indexer.memory import Memory
from gitreg_indexer.plans import Plan, corrected, plan
from gitreg_indexer.tantivy_pages import ONE, VERSION, Column, Matches, Pages
from gitreg_indexer.tantivy_queries import ID, SEQ, TERM, TEXT, Queries
from gitreg_indexer.terms import (
    FEW,
    IS_LIVE,
    MARK,
    VERSION_LADDER,
    WITHOUT_VERSION,
    AnyTerm,
    Asked,
    Begun,
    Both,
    Neither,
    T,
    few_values,
    having_in_column,
    number_ladder,
    other_than_text,
    value_at,
    value_prefixes,
    version_term,
)

DIGEST: Final = "digest"
_BUCKETS: Final = 20_000
"""The most values that are counted by a fast field; where there are more, terms are counted."""
_LISTED: Final = 10_000
"""How many of the most frequent terms are listed: more than are shown, for some are none that facets show."""
_SEVERAL: Final = 8
"""Where more than one in so many documents is found, values of which each has several are counted by terms."""


class View:
    """A state of the index. `columns` gives the fast field of each path that has one, `counted` those for facets."""

    def __init__(self, index: tantivy.Index, columns: Mapping[str, str], counted: Mapping[str, str]) -> None:
        self.index = index
        self.schema = index.schema
        self.columns = columns
        self.counted = counted
        self.searcher = index.searcher()
        self._memory = Memory()
        numbers = {path: field for path, field in self.columns.items() if _types().get(path) == "number"}
        self._queries = Queries(index, self.searcher, self._memory, numbers)
        self.pages = Pages(self.searcher, self.schema, self._queries)
        self.instance, self.seq = self._position()

    def _position(self) -> tuple[str, int]:
        hits = self.searcher.search(self._queries.term(MARK), 1, count=False).hits
        if not hits:
            return "", 0
        stored = self.searcher.doc(hits[0][1])
        return str(stored.get_first("instance")), int(stored.get_first("seq") or 0)

    # -------------------------------------------------------------------------------------------- vocabulary

    def has(self, term: str) -> bool:
        """Tell whether there is such a term."""
        return self._queries.has(term)

    def starting(self, prefix: str) -> list[str]:
        """List the terms that begin with a text."""
        return [term for term, _ in self.searcher.terms_with_prefix(TERM, prefix)]

    def words_starting(self, prefix: str) -> list[str]:
        """List the words of passages that begin with a text."""
        return [word for word, _ in self.searcher.terms_with_prefix(TEXT, prefix)]

    def is_any(self, asked: Asked) -> bool:
        """Tell whether any document matches."""
        return self.pages.is_any(asked.asked if isinstance(asked, Both) else (asked,))

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
        pairs = zip(self.pages.ids(hits), self.searcher.fast_field_values(DIGEST, addresses), strict=True)
        return {id_: int(digest or 0) for id_, digest in pairs}

    # -------------------------------------------------------------------------------------------- searching

    def search(self, query: Query, *, offset: int, limit: int, at: int | None, facets: Sequence[str]) -> Found:
        """Find documents; offset and limit may be of any size."""
        made = plan(query, at, self)
        found, ids, counted = self._found(query, made, at, offset, limit, facets)
        if not found.total and (better := corrected(made, self)) is not None:
            made = better
            found, ids, counted = self._found(query, made, at, offset, limit, facets)
        return Found(found.total, tuple(ids), self.instance, self.seq, counted, made.meant)

    def _found(
        self, query: Query, made: Plan, at: int | None, offset: int, limit: int, facets: Sequence[str]
    ) -> tuple[Matches, list[int], tuple[Facet, ...]]:
        """Give all that is found, the ids of one page of it, and its facets."""
        found = self.pages.matching((*made.filters, made.anything))
        if made.is_everything:
            found.total = self.remembered(("total", made.filters), lambda: found.total)
        ids = self._ordered(query, made, found, at, offset, limit)
        return found, ids, self._facets(facets, found, made)

    def _ordered(self, query: Query, made: Plan, found: Matches, at: int | None, offset: int, limit: int) -> list[int]:
        """Give one page of what is found.

        The collector sets aside memory for offset + limit, and ends the process where there is none: it is never asked
        for more than there is.
        """
        room = max(self.searcher.num_docs, 1)
        offset, limit = min(max(offset, 0), room), min(max(limit, 0), room)
        if not limit or not found.most:
            return []
        if found.is_much:  # to know how many is needed anyway, and tells what is worth asking
            limit = min(limit, max(found.total - offset, 0))
        if not limit:
            return []
        name, is_reversed = query.order()
        if name == "relevance" and made.is_tiered:
            return self._by_tier(made, found, is_reversed, offset, limit)
        if name in ("relevance", "name"):
            return self.pages.by_rank(found, offset, limit, is_reversed=is_reversed)
        if name == "updatedAt" and is_reversed:
            return self.pages.newest(found, self.seq if at is None else min(at, self.seq), offset, limit)
        return self.pages.by_value(found, self._column(name, found), offset, limit, is_reversed=is_reversed)

    def _by_tier(self, made: Plan, everything: Matches, is_reversed: bool, offset: int, limit: int) -> list[int]:
        """Take one page from tiers that follow each other; those beyond the page are not looked at."""
        possible = [tier for tier in made.tiers if self._queries.size(tier)]
        if len(possible) < 2:
            return self.pages.by_rank(everything, offset, limit)
        limit = min(limit, max(everything.total - offset, 0))
        passed = 0
        page: list[int] = []
        for number in reversed(range(len(possible))) if is_reversed else range(len(possible)):
            if len(page) >= limit:
                break
            apart = map(Neither, possible[:number])
            tier = self.pages.matching((possible[number], *made.filters, *apart))
            page += self.pages.by_rank(tier, max(0, offset - passed), limit - len(page))
            if len(page) < limit:
                passed += tier.total
        return page

    def _column(self, name: str, found: Matches) -> Column:
        """Give what to order by; the values are listed only where that is worth while."""
        if name == "updatedAt":
            return Column(SEQ, lambda seq: Begun(seq, seq))
        few = self.remembered(("few", name), lambda: self._few(name)) if found.is_much else None
        if name == "version":
            return Column(VERSION, _having_version, VERSION_LADDER, few)
        is_number = _types().get(name) == "number" and self._queries.is_told(name)
        ladder = number_ladder(name) if is_number else ()
        return Column(self.columns[name], lambda value: having_in_column(name, value), ladder, few)

    def _few(self, name: str) -> tuple[str | float, ...] | None:
        """Give all values of a column in their order, where they are few."""
        if _types().get(name) == "number":
            return few_values(name, self) if self._queries.is_told(name) else None
        field = VERSION if name == "version" else self.columns[name]
        asked = {"found": {"terms": {"field": field, "size": FEW, "segment_size": FEW + 1}}}
        told = self.searcher.aggregate(tantivy.Query.all_query(), asked)["found"]
        return None if told["sum_other_doc_count"] else tuple(sorted(each["key"] for each in told["buckets"]))

    # -------------------------------------------------------------------------------------------- facets

    def _facets(self, paths: Sequence[str], found: Matches, made: Plan) -> tuple[Facet, ...]:
        """Count the values of paths in what is found; all that is live is counted once."""
        asked = tuple(dict.fromkeys(paths))
        if made.is_everything and made.filters == (IS_LIVE,):
            facets = {path: self._facet_of_all(path, found) for path in asked}
        else:
            facets = {path: _most_frequent(path, counts) for path, counts in self._counts(asked, found).items()}
        return tuple(facets[path] for path in paths)

    def _facet_of_all(self, path: str, found: Matches) -> Facet:
        """Count the values of all that is live; of these, only what is shown is remembered."""
        return self.remembered(("facet", path), lambda: _most_frequent(path, self._counts((path,), found)[path]))

    def _counts(self, paths: Sequence[str], found: Matches) -> dict[str, dict[str, int]]:
        """Count values: by columns of texts, all in one pass; where there is none, or it has too many, by terms."""
        query = found.query()
        if query is None:
            return {path: {} for path in paths}
        is_much = found.most * _SEVERAL > self.searcher.num_docs
        by_column = [
            path
            for path in paths
            if path in self.counted and not (is_much and path not in self.columns) and self._is_text(path)
        ]
        counts = self._from_columns(by_column, found, query)
        return {path: counts[path] if path in counts else self._from_terms(path, found, query) for path in paths}

    def _from_columns(self, paths: Sequence[str], found: Matches, query: Any) -> dict[str, dict[str, int]]:
        """Count by columns, and how many are found besides; a path whose column cannot tell is left out.

        tantivy refuses to count more than 65,000 values in one pass: then each path has a pass of its own.
        """
        if not paths:
            return {}
        bounds = {"size": _BUCKETS, "segment_size": _BUCKETS}
        asked: dict[str, Any] = {path: {"terms": {"field": self.counted[path], **bounds}} for path in paths}
        asked[""] = {"value_count": {"field": ONE}}
        try:
            told = self.searcher.aggregate(query, asked)
        except ValueError:
            alone = [self._from_columns((path,), found, query) for path in paths] if len(paths) > 1 else []
            return {path: counts for each in alone for path, counts in each.items()}
        found.total = int(told[""]["value"])
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

    def _from_terms(self, path: str, found: Matches, query: Any) -> dict[str, int]:
        """Count by terms, of which the most frequent are looked at: the others would not be shown."""
        counts: dict[str, int] = {}
        twice: dict[str, list[str]] = {}
        for prefix in self.remembered(("prefixes", path), lambda: tuple(filter(self.starting, value_prefixes(path)))):
            for term, count in self.searcher.terms_with_prefix(TERM, prefix, query, _LISTED):
                value = value_at(prefix, term)
                if value is not None and count:
                    twice.setdefault(value, []).append(term)
                    counts[value] = count
        for value, terms in twice.items():
            if len(terms) > 1:  # a number, a truth value and a text may look alike
                counts[value] = found.having(AnyTerm(tuple(terms))).total
        return counts


def _most_frequent(path: str, counts: Mapping[str, int]) -> Facet:
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Facet(path, tuple(listed[:MOST_COUNTED]))


def _having_version(value: str | None) -> Asked:
    return WITHOUT_VERSION if value is None else AnyTerm((version_term(value),))
