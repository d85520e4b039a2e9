"""Free text as people type it, read into what must and must not be found.

- `word` must be found, `"a phrase"` must be found as it stands, `begin*` is the beginning of a word, and a `-` in front
  of any of them excludes it. Every text can be read: what makes no sense as a sign is a plain character.
- A sign counts only where a word begins: `gpt-4o` excludes nothing, and a quote within a word opens no phrase.
- The first `MOST_PREFIXES` prefixes and `MOST_PHRASES` phrases count as such, each costing a search of its own. Further
  ones are their words; where they exclude, they are left out.
- `plain` is what is looked for as it was written: an identifier is compared with it, not with its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gitreg_indexer.engine import all_words_of

NOT_SEARCHED: Final = frozenset({"registry", "apiVersion", "digest", "algorithm"})
"""The keys of a record below which no words are looked for."""

LONGEST: Final = 1000
"""Characters that a text may have where it comes from people: over HTTP and on the command line."""

MOST_PREFIXES: Final = 8
MOST_PHRASES: Final = 20
Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a text asks for: all of `words`, `prefixes` and `phrases`, and nothing that is excluded.

    Words are folded, as `words_of` gives them, each once; a phrase is two words or more, which follow one another.
    """

    words: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    excluded_words: tuple[str, ...] = ()
    excluded_prefixes: tuple[str, ...] = ()
    excluded_phrases: tuple[Phrase, ...] = ()
    plain: str = ""

    @property
    def asks(self) -> bool:
        """Whether something must be found."""
        return bool(self.words or self.prefixes or self.phrases)

    @property
    def excludes(self) -> bool:
        """Whether something must not be found."""
        return bool(self.excluded_words or self.excluded_prefixes or self.excluded_phrases)


_ANYTHING: Final = "*"
_PIECE: Final = re.compile(r'(?<!\S)(?P<not>-?)"(?P<phrase>[^"]*)"|\S+')


def parse_text(text: str) -> TextQuery:
    """Read a text; never fails."""
    wanted, excluded = _Gathered(), _Gathered(excluded=True)
    plain: list[str] = []
    is_as_written = True
    for match in _PIECE.finditer(text):
        piece, phrase = match[0], match["phrase"]
        if piece == _ANYTHING:
            is_as_written = False
            continue
        is_excluded = match["not"] == "-" if phrase is not None else bool(piece[0] == "-" and all_words_of(piece))
        into = excluded if is_excluded else wanted
        if phrase is not None:
            into.add_phrase(phrase)
        else:
            into.add_piece(piece)
        is_as_written = is_as_written and not is_excluded and phrase is None
        if not is_excluded:
            plain.append(piece if phrase is None else phrase)
    return TextQuery(
        words=tuple(wanted.words),
        prefixes=tuple(wanted.prefixes),
        phrases=tuple(wanted.phrases),
        excluded_words=tuple(excluded.words),
        excluded_prefixes=tuple(excluded.prefixes),
        excluded_phrases=tuple(excluded.phrases),
        plain=text.strip() if is_as_written else " ".join(plain).strip(),
    )


def bounds_of(text: str) -> str:
    """Give the part of a text that holds however the rest is compared: phrases, and what is excluded, as written."""
    return " ".join(match[0] for match in _PIECE.finditer(text) if _is_bound(parse_text(match[0])))


def _is_bound(piece: TextQuery) -> bool:
    return piece.excludes or bool(piece.phrases)


class _Gathered:
    """Words, prefixes and phrases as they come, each once."""

    def __init__(self, *, excluded: bool = False) -> None:
        self.is_excluded = excluded
        self.words: dict[str, None] = {}
        self.prefixes: dict[str, None] = {}
        self.phrases: dict[Phrase, None] = {}

    def add_phrase(self, text: str) -> None:
        self._add_in_order(all_words_of(text))

    def add_piece(self, piece: str) -> None:
        """Add what stands between blanks; excluded, its words count only together: `-gpt-4o` spares `gpt-4`."""
        words = all_words_of(piece)
        if words and _is_prefix(piece):
            if self.is_excluded and len(words) > 1:
                self._add_in_order(words)
                return
            self._add_prefix(words.pop())
        if self.is_excluded:
            self._add_in_order(words)
        else:
            self.words.update(dict.fromkeys(words))

    def _add_prefix(self, prefix: str) -> None:
        if prefix in self.prefixes or len(self.prefixes) < MOST_PREFIXES:
            self.prefixes[prefix] = None
        elif not self.is_excluded:
            self.words[prefix] = None

    def _add_in_order(self, words: list[str]) -> None:
        phrase = tuple(words)
        if len(words) < 2:
            self.words.update(dict.fromkeys(words))
        elif phrase in self.phrases or len(self.phrases) < MOST_PHRASES:
            self.phrases[phrase] = None
        elif not self.is_excluded:
            self.words.update(dict.fromkeys(words))


def _is_prefix(piece: str) -> bool:
    """Tell whether a word's end is left open: a star, right behind a letter or a digit."""
    body = piece.rstrip("*")
    return body != piece and bool(all_words_of(body[-1:]))
