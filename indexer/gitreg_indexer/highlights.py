"""Where in a record the words of a search stand: fragments of its fields, with the places to mark.

- The same record and text give the same fragments, at most `MOST`, one a field: what a record is called comes first,
  then what it is, then the rest as it stands in the record.
- A span is (start, end) in characters (code points) of the fragment; spans come in order and do not overlap.
- What is searched as words is looked at: every text of the record, but for digests and what the registry adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from gitreg_indexer.engine import all_words_of
from gitreg_indexer.texts import NOT_SEARCHED, Phrase, TextQuery

MOST: Final = 5
LONGEST: Final = 200
"""The longest fragment, in characters."""
_FIRST: Final = (
    "metadata.name",
    "spec.title",
    "spec.displayName",
    "metadata.description",
    "metadata.tags",
    "spec.category",
    "spec.provider",
    "spec.type",
    "metadata.namespace",
)
_BEFORE: Final = 60
_RUN: Final = re.compile(r"[0-9A-Za-z]+")
_BLANK: Final = re.compile(r"\s")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in a text, and which of the things asked for stands there."""

    start: int
    end: int
    term: str


@dataclass(frozen=True, slots=True)
class _Sought:
    words: frozenset[str]
    prefixes: tuple[str, ...]
    phrases: tuple[Phrase, ...]


def highlights(data: dict[str, Any], text: TextQuery, meant: Iterable[tuple[str, str]] = ()) -> list[dict[str, Any]]:
    """Give the fragments of a record in which a text was found: `{"path", "text", "spans": [[start, end], ...]}`.

    `meant` are the words that were taken for words that nothing has: (asked, taken).
    """
    sought = _Sought(
        frozenset((*text.words, *(word for _, taken in meant for word in all_words_of(taken)))),
        text.prefixes,
        text.phrases,
    )
    if not (sought.words or sought.prefixes or sought.phrases):
        return []
    best: dict[str, tuple[int, str, list[_Mark]]] = {}
    for path, value in _texts(data, ""):
        marks = _marks(value, sought)
        found = len({mark.term for mark in marks})
        if found > best.get(path, (0, "", []))[0]:
            best[path] = (found, value, marks)
    order = sorted(best, key=_rank)  # a stable sort: what has no place of its own stays in the record's order
    return [_fragment(path, best[path][1], best[path][2]) for path in order[:MOST]]


def _rank(path: str) -> int:
    return _FIRST.index(path) if path in _FIRST else len(_FIRST)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in NOT_SEARCHED:
                yield from _texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)


def _marks(text: str, sought: _Sought) -> list[_Mark]:
    words = list(_words(text))
    marks = [_Mark(word.start, word.end, word.text) for word in words if word.text in sought.words]
    for prefix in sought.prefixes:
        marks.extend(_Mark(word.start, word.end, f"{prefix}*") for word in words if word.text.startswith(prefix))
    for phrase in sought.phrases:
        marks.extend(_of_phrase(words, phrase))
    return sorted(marks, key=lambda mark: (mark.start, mark.end, mark.term))


def _of_phrase(words: Sequence[_Word], phrase: Phrase) -> Iterator[_Mark]:
    length = len(phrase)
    for n in range(len(words) - length + 1):
        if words[n].text == phrase[0] and tuple(word.text for word in words[n : n + length]) == phrase:
            yield _Mark(words[n].start, words[n + length - 1].end, " ".join(phrase))


def _words(text: str) -> Iterator[_Word]:
    """Give the words of a text with their places; folding may change lengths, so each is looked for where it stands."""
    if text.isascii():
        for match in _RUN.finditer(text):
            yield from (_Word(word, match.start(), match.end()) for word in all_words_of(match[0]))
        return
    start: int | None = None
    for n, char in enumerate(text + " "):
        if _is_in_word(char):
            start = n if start is None else start
        elif start is not None:
            yield from (_Word(word, start, n) for word in all_words_of(text[start:n]))
            start = None


@lru_cache(maxsize=4096)
def _is_in_word(char: str) -> bool:
    return bool(all_words_of(char))


def _fragment(path: str, text: str, marks: list[_Mark]) -> dict[str, Any]:
    start, end = _window(text, marks)
    shown = _BLANK.sub(" ", text[start:end])
    ahead = "…" if start else ""
    behind = "…" if end < len(text) else ""
    shift = len(ahead) - start
    inside = ((max(mark.start, start), min(mark.end, end)) for mark in marks if mark.start < end and mark.end > start)
    spans = [[a + shift, b + shift] for a, b in _without_overlap(inside)]
    return {"path": path, "text": f"{ahead}{shown}{behind}", "spans": spans}


def _window(text: str, marks: list[_Mark]) -> Span:
    """Choose the part of a text to show: where most of what was asked for stands together, the first of equals."""
    if len(text) <= LONGEST:
        return 0, len(text)
    room = LONGEST - 2  # for the dots at both ends
    counted = [(-_terms_within(marks, n, room - _BEFORE), mark.start) for n, mark in enumerate(marks)]
    first = min(counted)[1]
    start = min(max(first - _BEFORE, 0), len(text) - room)
    start = _after_blank(text, start, first)
    end = min(start + room, len(text))
    return start, _before_blank(text, end, first)


def _terms_within(marks: list[_Mark], first: int, room: int) -> int:
    found = set()
    for mark in marks[first : first + LONGEST]:
        if mark.end > marks[first].start + room:
            break
        found.add(mark.term)
    return len(found)


def _after_blank(text: str, start: int, limit: int) -> int:
    """Move a start on to the next beginning of a word, where one comes soon."""
    if start == 0:
        return 0
    match = _BLANK.search(text, start - 1, min(limit, start + _BEFORE // 2))
    return match.end() if match else start


def _before_blank(text: str, end: int, limit: int) -> int:
    if end == len(text):
        return end
    cut = max((text.rfind(blank, max(limit, end - _BEFORE // 2), end + 1) for blank in " \n\t"), default=-1)
    return cut if cut > limit else end


def _without_overlap(spans: Iterable[Span]) -> Iterator[Span]:
    last: Span | None = None
    for start, end in spans:
        if last is not None and start < last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last
