"""How a query is answered, in terms: what is found, and the tiers of relevance that it falls into.

- The tiers, the surest first: an identifier as written, in any case, a bare name, a name of just these words; then all
  words in the name, in the heading, anywhere. Phrases and excluded words are looked for anywhere, in every tier.
- If nothing is found at all, a word that no document of the time in question has is misspelt: the words near to it, of
  documents that the filters let through, stand in for it, the nearest first. Words of documents that do not hold have
  no say, so an index that grew answers as one made anew does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gitreg_indexer.engine import Query
from gitreg_indexer.terms import (
    EVERYTHING,
    LIVE,
    AnyId,
    AnyPrefixed,
    AnyTerm,
    AnyWord,
    Asked,
    Both,
    Either,
    InOrder,
    Neither,
    Vocabulary,
    WordPrefixed,
    ask,
    asked_forms,
    heading_word,
    holding_at,
    name_word,
)
from gitreg_indexer.texts import TextQuery, parse_text
from gitreg_indexer.typos import beginnings, faults_allowed, near_words

_LIVE: Final = AnyTerm((LIVE,))
_NO_TEXT: Final = TextQuery()
Meant = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is found: what passes `filters` and is in one of `tiers`, the first that it is in being its own.

    The first filter asks for the time, and for nothing else.
    `anything` asks for all that is in one of the tiers; where that is nothing, `corrected` knows more.
    """

    filters: tuple[Asked, ...]
    tiers: tuple[Asked, ...] = (EVERYTHING,)
    anything: Asked = EVERYTHING
    meant: Meant = ()
    text: TextQuery = _NO_TEXT

    @property
    def is_tiered(self) -> bool:
        """Tell whether there is any text that must be found."""
        return self.tiers != (EVERYTHING,)

    @property
    def is_all(self) -> bool:
        """Tell whether it finds all that is live."""
        return self.filters == (_LIVE,) and not self.is_tiered


def plan(query: Query, at: int | None, vocabulary: Vocabulary) -> Plan:
    """Plan how to answer a query of now, or as of a seq."""
    filters: list[Asked] = [_LIVE if at is None else holding_at(at, vocabulary)]
    if query.ids is not None:
        filters.append(AnyId(query.ids))
    asked = ask(query.condition(), vocabulary)
    filters += asked.asked if isinstance(asked, Both) else (asked,)
    text = parse_text(query.text or "")
    filters += _excluded(text)
    if not text.asks and not text.plain:
        return Plan(tuple(filters))
    forms = asked_forms(text.plain) if text.plain else ()
    worded = _tiers(text, [(word,) for word in text.words]) if text.asks else []
    return Plan(tuple(filters), (*forms, *worded), Either((*forms, *worded[-1:])), (), text)


def _excluded(text: TextQuery) -> list[Asked]:
    found: list[Asked] = [Neither(AnyWord((word,))) for word in text.excluded_words]
    found += [Neither(WordPrefixed(prefix)) for prefix in text.excluded_prefixes]
    found += [Neither(InOrder(phrase)) for phrase in text.excluded_phrases]
    return found


def _tiers(text: TextQuery, words: Sequence[tuple[str, ...]]) -> list[Asked]:
    """Ask for all words of a text, where each may be one of several: in the name, in the heading, anywhere.

    Each tier holds what the one before holds.
    """
    phrases = [InOrder(phrase) for phrase in text.phrases]
    in_order = [(word,) for phrase in text.phrases for word in phrase]
    made: list[Asked] = []
    for term_of in (name_word, heading_word):
        asked: list[Asked] = [AnyTerm(tuple(map(term_of, any_of))) for any_of in (*words, *in_order)]
        asked += [AnyPrefixed((term_of(prefix),)) for prefix in text.prefixes]
        made.append(Both((*asked, *phrases)))
    anywhere: list[Asked] = [AnyWord(any_of) for any_of in words]
    anywhere += [WordPrefixed(prefix) for prefix in text.prefixes]
    return [*made, Both((*anywhere, *phrases))]


def corrected(made: Plan, vocabulary: Vocabulary) -> Plan | None:
    """Plan anew, where a plan finds nothing, with the words that were meant; None where that finds nothing either."""
    text, filters = made.text, made.filters
    taken = {word: _meant_for(word, filters, vocabulary) for word in text.words}
    if not any(taken.values()):
        return None
    near = [tuple(w for w, n in found.items() if n == min(found.values())) or (word,) for word, found in taken.items()]
    far = [tuple(found) or (word,) for word, found in taken.items()]
    worded = _tiers(text, near)
    if far != near:
        worded += _tiers(text, far)
    if not vocabulary.is_any(Both((*filters, worded[-1]))):
        return None
    meant = tuple((word, other) for word, found in taken.items() for other in found)
    return Plan(filters, tuple(worded), worded[-1], meant)


def _meant_for(word: str, filters: tuple[Asked, ...], vocabulary: Vocabulary) -> dict[str, int]:
    """Give the words that one was meant for, with their faults; none where a document of that time has it as it is."""
    if not faults_allowed(word) or vocabulary.is_any(Both((filters[0], AnyWord((word,))))):
        return {}
    known = (other for start in beginnings(word) for other in vocabulary.words_starting(start))
    near = near_words(word, known)
    return {other: n for other, n in near.items() if vocabulary.is_any(Both((*filters, AnyWord((other,)))))}
