"""How a query is answered, in terms: what is found, and the tiers of relevance that it falls into.

- The tiers, the surest first: an identifier as written, in any case, a bare name, a name of just these words; then all
  words in the name, in the heading, anywhere. Phrases and excluded words are looked for anywhere, in every tier.
- If nothing is found at all, a word that no document of the time in question has is misspelt: the words near to it, of
  documents that the filters let through, stand in for it, the nearest first. Words of documents that do not hold have
  no say, so an index that grew answers as one made anew does. More than `MOST_MISSPELT` such words are no slips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gitreg_indexer.engine import Query
from gitreg_indexer.terms import (
    EVERYTHING,
    IDENTIFIERS,
    IS_LIVE,
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

_NO_TEXT: Final = TextQuery()
Meant = tuple[tuple[str, str], ...]
MOST_MISSPELT: Final = 5
"""In how many words of a text slips are looked for; where more are unknown, nothing stands in for any."""
_MOST_COMPARED: Final = 200_000
"""With how many words that are known one that is not is compared."""


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
    def is_everything(self) -> bool:
        """Tell whether it finds all that holds at its time."""
        return len(self.filters) == 1 and not self.is_tiered


def plan(query: Query, at: int | None, vocabulary: Vocabulary) -> Plan:
    """Plan how to answer a query of now, or as of a seq."""
    filters: list[Asked] = [IS_LIVE if at is None else holding_at(at, vocabulary)]
    if query.ids is not None:
        filters.append(AnyId(query.ids))
    asked = ask(query.condition(), vocabulary)
    filters += asked.asked if isinstance(asked, Both) else (asked,)
    text = parse_text(query.text or "")
    filters += _excluded(text)
    if not text.asks and not text.plain:
        return Plan(tuple(filters))
    forms = _forms(text) if text.plain else ()
    worded = _tiers(text, [(word,) for word in text.words]) if text.asks else []
    # who has a name has its words; not so with a version behind it
    others = forms[:IDENTIFIERS] if worded and "@" not in text.plain else forms
    return Plan(tuple(filters), (*forms, *worded), Either((*others, *worded[-1:])), (), text)


def _forms(text: TextQuery) -> tuple[Asked, ...]:
    """Ask for the forms of an identifier that a text may be; a name of just its words has its phrases too."""
    forms = asked_forms(text.plain)
    if not text.phrases:
        return forms
    return (*forms[:-1], Both((forms[-1], *map(InOrder, text.phrases))))


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
    unknown = _unknown(text.words, filters[0], vocabulary)
    if not 0 < len(unknown) <= MOST_MISSPELT:
        return None
    taken: dict[str, dict[str, int]] = {}
    for word in unknown:
        taken[word] = _meant_for(word, filters, vocabulary)
        if not taken[word]:
            return None
    near = [_nearest(taken[word]) if word in taken else (word,) for word in text.words]
    far = [tuple(taken[word]) if word in taken else (word,) for word in text.words]
    worded = _tiers(text, near)
    if far != near:
        worded += _tiers(text, far)
    if not vocabulary.is_any(Both((*filters, worded[-1]))):
        return None
    meant = tuple((word, other) for word, found in taken.items() for other in found)
    return Plan(filters, tuple(worded), worded[-1], meant)


def _unknown(words: Sequence[str], time: Asked, vocabulary: Vocabulary) -> list[str]:
    """Give the words that no document of a time has; of many, one more than can be misspelt."""
    unknown = (word for word in words if not vocabulary.is_any(Both((time, AnyWord((word,))))))
    return list(islice(unknown, MOST_MISSPELT + 1))


def _nearest(found: dict[str, int]) -> tuple[str, ...]:
    fewest = min(found.values())
    return tuple(word for word, faults in found.items() if faults == fewest)


def _meant_for(word: str, filters: tuple[Asked, ...], vocabulary: Vocabulary) -> dict[str, int]:
    """Give the words that an unknown one was meant for, with their faults."""
    near = vocabulary.remembered(("near", word), lambda: _near(word, vocabulary)) if faults_allowed(word) else {}
    return {other: n for other, n in near.items() if vocabulary.is_any(Both((*filters, AnyWord((other,)))))}


def _near(word: str, vocabulary: Vocabulary) -> dict[str, int]:
    known = (other for start in beginnings(word) for other in vocabulary.words_starting(start))
    return near_words(word, islice(known, _MOST_COMPARED))
