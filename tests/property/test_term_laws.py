"""Terms stand for what they are made of: numbers for their order, spans for the seqs in them, texts for themselves."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_support import document

from gitreg_indexer.conditions import Between
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.terms import (
    AnyBetween,
    AnyTerm,
    Begun,
    Both,
    Either,
    TermMaker,
    all_terms,
    ask,
    holding_at,
    read,
    written,
)

numbers = st.one_of(st.floats(allow_nan=False), st.integers(-1000, 1000).map(float), st.floats(1.7e9, 1.8e9))
seqs = st.one_of(st.integers(1, 40), st.integers(1, 2**40 - 1))


class ManyNumbers:
    """A vocabulary in which every path has more numbers than are worth naming."""

    def has(self, *_: object) -> bool:
        return True

    def starting(self, prefix: str) -> list[str]:
        return [prefix] * 1000

    def words_starting(self, *_: object) -> list[str]:
        return []

    def is_any(self, *_: object) -> bool:
        return True

    def remembered(self, _: object, make: Any) -> Any:
        return make()


MANY: Final = ManyNumbers()


def terms_of(**more: Any) -> set[str]:
    return set(all_terms(TermMaker().terms_of(document(1, **more))))


@given(numbers, st.one_of(st.none(), numbers), st.one_of(st.none(), numbers), st.booleans(), st.booleans())
def test_a_number_has_a_term_in_a_range_where_it_lies_in_it(
    number: float, low: float | None, high: float | None, with_low: bool, with_high: bool
) -> None:
    asked = ask(Between("size", low, high, with_low, with_high), MANY)
    intervals = asked.intervals if isinstance(asked, AnyBetween) else ()
    assert isinstance(asked, AnyBetween) or asked == Either(())
    assert len(intervals) <= 7
    terms = terms_of(values=(("size", number),))
    found = sum(first <= term <= last for term in terms for first, last in intervals)
    above = low is None or number > low or (with_low and number == low)
    below = high is None or number < high or (with_high and number == high)
    assert found == (above and below)


@given(seqs, st.one_of(st.just(FOREVER), seqs), st.one_of(st.just(0), seqs))
def test_what_holds_at_a_seq_is_found_in_exactly_one_way(begins: int, ends: int, at: int) -> None:
    terms = terms_of(seq_from=begins, seq_to=ends)
    match holding_at(at, MANY):
        case Either((Both((AnyTerm(live), Begun(None, int(by)))), AnyTerm(spans))):
            assert len(spans) <= 42
            ways = len(terms & set(spans)) + (begins <= by and bool(terms & set(live)))
            assert ways == (begins <= at < ends)
        case other:
            pytest.fail(str(other))


@given(st.text(st.characters(), max_size=20))
def test_a_text_is_written_without_blanks_and_read_again(text: str) -> None:
    assert read(written(text)) == text
    assert not any(char.isspace() for char in written(text))
    written(text).encode()
