"""Documents and conditions as terms: what an engine with postings keeps, and what a condition asks of it.

- A term is one text without white space; all terms of a document stand in one field. What a term means is told by its
  first letters (`_EQUAL` and so on), and where it is of a path, by the path's key: 13 letters, whatever its length.
- Everything can be asked by terms: equality, words, presence, prefixes, ranges of numbers, the time in which a document
  holds (docs/adr/0019-terms-instead-of-ranges.md). An engine may ask a column where that is quicker, and says the same.
- Texts of more than `LONGEST_KEPT` characters are kept by their beginning and a digest.
"""

from __future__ import annotations

import re
import struct
from base64 import b32encode
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Protocol, TypeAlias, TypeVar

from gitreg.errors import UsageError
from gitreg.versions import InvalidVersion, Range, Version
from gitreg_indexer.conditions import (
    WHOLE,
    All,
    Any,
    Between,
    Condition,
    Has,
    Is,
    Not,
    Satisfies,
    Says,
    StartsWith,
    Within,
)
from gitreg_indexer.engine import (
    LONGEST_KEPT,
    LONGEST_PREFIX,
    Document,
    Scalar,
    all_words_of,
    folded,
    is_shown,
    label_of,
    words_of,
)
from gitreg_indexer.fields import columns
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.values import seconds_of

LIVE: Final = "live"
ENDED: Final = "ended"
MARK: Final = "mark"
"""The term of the one document that is none: it says which state the index is in. All others are live or have ended."""
_EQUAL: Final = "="
"""A text that is folded already, as it is."""
_CASED: Final = "!"
"""A text that folding changes, as it is; `_FOLDED` is the same text folded."""
_FOLDED: Final = "~"
_WORD: Final = "w"
"""A word of the nth worded text at a path: `w`, n, `.`, key, word."""
_TRUTH: Final = "b"
_NUMBER: Final = "nc"
_MOMENT: Final = "nd"
"""The number that a day or a moment stands for: facets do not show it."""
_NUMBER_TIERS: Final = (("na", 48), ("nb", 36), (_NUMBER, 0))
"""A number's 64 bits in the order of numbers, cut short, in hex: coarse ones cover a range's middle, fine its ends."""
_STATED: Final = "?"
_VERSION: Final = "v"
_NAME_WORDS: Final = "M"
"""How many different words a name has."""
_LONG: Final = "C"
"""What stands in the path's column, where it is long."""
_FIRST_LETTERS: Final = "p"
"""The first letters of a text that is often asked for by these, folded: `p`, how many, `.`, key, letters."""
_BY_FIRST_LETTERS: Final = frozenset({"metadata.name"})
_MOST_LETTERS: Final = 8
_COLUMN: Final = "c"
"""Something that the path's column sorts by is stated."""
_NAMESPACE: Final = "/"
_NAME_WORD: Final = "N"
_HEADING_WORD: Final = "H"
_FORM: Final = "x"
_SPAN: Final = "s"
_RANK: Final = "r"
RANKS: Final = tuple(f"{_RANK}{digits}." for digits in range(1, 5))
"""The beginnings of the terms of ranks: a rank's first bits, in one to four hexadecimal digits."""
_RANK_BITS: Final = 62
_DEEPEST: Final = 300
FEW: Final = 64
"""Up to how many values of a path are gone through, or asked for, one by one."""
_CACHED: Final = 60_000
T = TypeVar("T")


# ------------------------------------------------------------------------------------------------ what is asked


@dataclass(frozen=True, slots=True)
class AnyTerm:
    """The document has one of these terms."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OneOfFew:
    """The document has one of `terms`; which is to say that all of `instead` hold. An engine asks what is quicker."""

    terms: tuple[str, ...]
    instead: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class AnyPrefixed:
    """The document has a term that begins with one of these, and is longer than it or the same."""

    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyBetween:
    """The document has a term in one of these intervals, ends included; the terms are letters and digits only.

    `between` is what this asks for; where its path has a column of numbers only, an engine may ask that.
    """

    intervals: tuple[tuple[str, str], ...]
    between: Between | None = None


@dataclass(frozen=True, slots=True)
class AnyId:
    """The document has one of these ids."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnyWord:
    """One of these words stands in the passages."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordPrefixed:
    """A word in the passages begins with this."""

    prefix: str


@dataclass(frozen=True, slots=True)
class InOrder:
    """These words, two or more, follow one another in a passage."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """The document began at one of these seqs, both included; None is no bound."""

    since: int | None
    by: int | None


@dataclass(frozen=True, slots=True)
class Both:
    """All of these hold."""

    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these holds; where they are apart, no document has two."""

    asked: tuple[Asked, ...]
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class Neither:
    """It does not hold."""

    asked: Asked


Asked: TypeAlias = (
    AnyTerm
    | OneOfFew
    | AnyPrefixed
    | AnyBetween
    | AnyId
    | AnyWord
    | WordPrefixed
    | InOrder
    | Begun
    | Both
    | Either
    | Neither
)
NOTHING: Final = Either(())
EVERYTHING: Final = Both(())
IS_LIVE: Final = AnyTerm((LIVE,))
WITHOUT_VERSION: Final = Neither(AnyTerm((_VERSION,)))


class Vocabulary(Protocol):
    """The terms that an engine has; those that no document has any more may be among them."""

    def has(self, term: str) -> bool:
        """Tell whether there is such a term."""
        raise NotImplementedError

    def starting(self, prefix: str) -> list[str]:
        """List the terms that begin with a text."""
        raise NotImplementedError

    def words_starting(self, prefix: str) -> list[str]:
        """List the words of passages that begin with a text."""
        raise NotImplementedError

    def is_any(self, asked: Asked) -> bool:
        """Tell whether any document matches."""
        raise NotImplementedError

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made under a key before, as long as the terms are the same; or make it."""
        raise NotImplementedError


# ------------------------------------------------------------------------------------------------ escaping, keys


_ESCAPED: Final = re.compile("[\\s\\\\\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\([0-9a-f]+);")
_CUT: Final = "\\#"


def written(text: str) -> str:
    """Give a text without white space and half characters, from which `read` makes it again."""
    return _ESCAPED.sub(lambda match: f"\\{ord(match[0]):x};", text)


def read(text: str) -> str:
    """Give the text that was written so."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "\\" in text else text


@lru_cache(maxsize=65_536)
def key_of(path: str) -> str:
    """Give the key of a path: 64 bits of BLAKE2b as 13 letters and digits."""
    digest = blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return b32encode(digest)[:13].decode("ascii").lower()


def _value(text: str) -> str:
    """Give a value as it stands in a term: whole, or by its beginning and a digest."""
    if len(text) > LONGEST_KEPT:
        return f"{written(text[:LONGEST_PREFIX])}{_CUT}{_digest(text)}"
    return text if text.isprintable() and " " not in text and "\\" not in text else written(text)


def _cased(text: str) -> str:
    """Give a text that folding changes: where facets do not show it, a digest is all that is needed."""
    return _value(text) if is_shown(text) else f"{_CUT}{_digest(text)}"


def _digest(text: str) -> str:
    """Give 80 bits of a text's BLAKE2b in hex."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def version_term(key: str) -> str:
    """Give the term of a version, by its sort key."""
    return _VERSION + key


def name_word(word: str) -> str:
    """Give the term of a word of a name."""
    return _NAME_WORD + written(word)


def heading_word(word: str) -> str:
    """Give the term of a word of a heading."""
    return _HEADING_WORD + written(word)


def column(path: str) -> str:
    """Give the term of the documents that have something in a path's column."""
    return _COLUMN + key_of(path)


def in_column(value: Scalar, kind: str) -> str | float | None:
    """Give what a value is in a column of a kind: a text's beginning, a number, 0 or 1; None where it is of another."""
    if isinstance(value, str):
        return value[:LONGEST_PREFIX] if kind == "text" else None
    return float(value) if kind == "number" and value == value else None


def having_in_column(path: str, value: str | float | None) -> Asked:
    """Ask for the documents that have this in a path's column; with None, for those that have nothing."""
    if value is None:
        return Neither(AnyTerm((column(path),)))
    if isinstance(value, str):
        return AnyTerm((_equal(path, value) if len(value) < LONGEST_PREFIX else _long_in_column(path, value),))
    truth = (_equal(path, bool(value)),) if value in (0.0, 1.0) else ()
    return AnyTerm((*_is_number(path, value), *truth))


# ------------------------------------------------------------------------------------------------ numbers


def _ordered_bits(number: float) -> int:
    """Give a number's bits, such that they are in the order of the numbers."""
    bits: int = struct.unpack(">Q", struct.pack(">d", number + 0.0))[0]
    return bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63


def _number_at(tier: str, shift: int, key: str, bits: int) -> str:
    return f"{tier}{key}{bits >> shift:0{16 - shift // 4}x}"


def _number_terms(path: str, number: float, exact: str = _NUMBER) -> str:
    key, bits = key_of(path), f"{_ordered_bits(number):016x}"
    return f"na{key}{bits[:4]} nb{key}{bits[:7]} {exact}{key}{bits}"


def _is_number(path: str, number: float) -> tuple[str, str]:
    """Give the terms of exactly this number at a path: one that is stated, and one that a moment stands for."""
    end = f"{key_of(path)}{_ordered_bits(number):016x}"
    return f"{_NUMBER}{end}", f"{_MOMENT}{end}"


def _number_of(bits: str) -> float:
    ordered = int(bits, 16)
    raw = ordered & ~(1 << 63) if ordered >> 63 else ordered ^ 0xFFFF_FFFF_FFFF_FFFF
    number: float = struct.unpack(">d", struct.pack(">Q", raw))[0]
    return number


def _intervals(key: str, low: int, high: int) -> Iterator[tuple[str, str]]:
    """Cover the bits from low to high, both included, by intervals of terms, each in the coarsest tier that fits."""
    for place in range(len(_NUMBER_TIERS) - 1, -1, -1):
        tier, shift = _NUMBER_TIERS[place]
        block = 1 << _NUMBER_TIERS[place - 1][1] if place else 0
        first = -(-low // block) * block if place else high + 1
        last = (high + 1) // block * block if place else high + 1
        if not place or first >= last:
            yield _number_at(tier, shift, key, low), _number_at(tier, shift, key, high)
            return
        if low < first:
            yield _number_at(tier, shift, key, low), _number_at(tier, shift, key, first - 1)
        if last <= high:
            yield _number_at(tier, shift, key, last), _number_at(tier, shift, key, high)
        low, high = first, last - 1


def _between(asked: Between, vocabulary: Vocabulary) -> Asked:
    low = float("-inf") if asked.low is None else float(asked.low)
    high = float("inf") if asked.high is None else float(asked.high)
    if low != low or high != high:  # NaN lies nowhere
        return NOTHING
    first = _ordered_bits(low) + (asked.low is not None and not asked.includes_low)
    last = _ordered_bits(high) - (asked.high is not None and not asked.includes_high)
    if first > last:
        return NOTHING
    few = vocabulary.remembered(("numbers", asked.path), lambda: _few_numbers(asked.path, vocabulary))
    if few is not None:
        return _one_of_few(asked.path, few, f"{first:016x}", f"{last:016x}")
    made = tuple(_intervals(key_of(asked.path), first, last))
    exact = [(low, high) for low, high in made if low.startswith(_NUMBER)]
    return AnyBetween((*made, *((_MOMENT + low[2:], _MOMENT + high[2:]) for low, high in exact)), asked)


def _few_numbers(path: str, vocabulary: Vocabulary) -> tuple[str, ...] | None:
    """Give the terms of all numbers at a path; None where there are many."""
    found: list[str] = []
    for marks in (("na",), ("nb",), (_NUMBER, _MOMENT)):  # many are likely to be many in the coarse grains already
        found = [term for mark in marks for term in vocabulary.starting(mark + key_of(path))]
        if len(found) > FEW:
            return None
    return tuple(found)


def few_values(path: str, vocabulary: Vocabulary) -> tuple[float, ...] | None:
    """Give all numbers at a path in their order; None where there are many."""
    few = vocabulary.remembered(("numbers", path), lambda: _few_numbers(path, vocabulary))
    return None if few is None else tuple(sorted({_number_of(term[-16:]) for term in few}))


def _one_of_few(path: str, few: tuple[str, ...], first: str, last: str) -> Asked:
    """Ask for those of a few numbers that lie between two: by name, or by naming the others."""
    inside = tuple(term for term in few if first <= term[-16:] <= last)
    outside = tuple(term for term in few if not first <= term[-16:] <= last)
    if len(outside) >= len(inside) or columns().get(path) != "number":
        return AnyTerm(inside) if inside else NOTHING
    truths = (_equal(path, True), _equal(path, False))
    return OneOfFew(inside, (AnyTerm((column(path),)), Neither(AnyTerm((*truths, *outside)))))


def number_ladder(path: str) -> tuple[str, ...]:
    """Give the beginnings of the terms of numbers at a path, in the order of numbers, the coarsest first."""
    return tuple(f"{tier}{key_of(path)}" for tier, shift in _NUMBER_TIERS if shift)


VERSION_LADDER: Final = (_VERSION,)
"""The beginning of the terms of versions, which are in their order."""


def rank_terms(rank: int) -> str:
    """Give the terms of a rank, with blanks between."""
    digits = f"{min(max(rank, 0), (1 << _RANK_BITS) - 1) >> (_RANK_BITS - 16):04x}"
    return " ".join([f"{rung}{digits[:place]}" for place, rung in enumerate(RANKS, start=1)])


# ------------------------------------------------------------------------------------------------ time


def _span_terms(seq_from: int, seq_to: int) -> Iterator[str]:
    """Cover an interval of seqs, from 1, by dyadic ones, of which each seq is in exactly one: `s`, level, `.`, index.

    What goes on for ever has one term, `LIVE`, and its beginning; what does not has `ENDED` besides.
    """
    if seq_to >= FOREVER:
        yield LIVE
        return
    yield ENDED
    low, end, level = seq_from, seq_to, 0
    while low < end:
        if low & 1:
            yield f"{_SPAN}{level}.{low}"
            low += 1
        if end & 1:
            end -= 1
            yield f"{_SPAN}{level}.{end}"
        low, end, level = low >> 1, end >> 1, level + 1


def holding_at(seq: int, vocabulary: Vocabulary) -> Asked:
    """Ask for what held at a seq: what is live and had begun, or has one of these terms; no document has two."""
    if seq < 0:
        return NOTHING
    spans = (f"{_SPAN}{level}.{seq >> level}" for level in range(seq.bit_length() + 1))
    known = vocabulary.remembered(("at", seq), lambda: tuple(filter(vocabulary.has, spans)))
    live = Both((IS_LIVE, Begun(None, seq)))
    return Either((live, AnyTerm(known)), is_apart=True) if known else live


# ------------------------------------------------------------------------------------------------ conditions


def ask(condition: Condition, vocabulary: Vocabulary) -> Asked:
    """Give what a condition asks of terms; `UsageError` where it is nested more deeply than anyone writes."""
    return _ask(condition, vocabulary, 0)


def _ask(condition: Condition, vocabulary: Vocabulary, depth: int) -> Asked:
    if depth > _DEEPEST:
        raise UsageError(
            "the filter is nested too deeply",
            got=f"more than {_DEEPEST} levels",
            mend="write it with fewer parentheses",
        )
    match condition:
        case All(conditions) | Any(conditions):
            parts: list[Asked] = []
            if isinstance(condition, All):
                conditions = _narrowed(conditions)
            for each in conditions:  # no comprehension: it would take a second frame a level
                parts.append(_ask(each, vocabulary, depth + 1))  # noqa: PERF401
            return _both(parts) if isinstance(condition, All) else _either(parts)
        case Not(inner):
            made = _ask(inner, vocabulary, depth + 1)
            return made.asked if isinstance(made, Neither) else Neither(made)
        case _:
            return _compare(condition, vocabulary)


def _narrowed(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Put ranges of a path together that has a column, and one number: each end by itself leaves much."""
    at: dict[str, list[Between]] = {}
    for each in conditions:
        if isinstance(each, Between) and each.low == each.low and each.high == each.high:  # NaN lies nowhere
            at.setdefault(each.path, []).append(each)
    together = {
        path: _overlap(ranges) for path, ranges in at.items() if len(ranges) > 1 and columns().get(path) == "number"
    }
    kept = (each for each in conditions if not isinstance(each, Between) or each.path not in together)
    return (*kept, *together.values()) if together else conditions


def _overlap(ranges: Sequence[Between]) -> Between:
    lows = ((each.low, not each.includes_low) for each in ranges if each.low is not None)
    highs = ((each.high, each.includes_high) for each in ranges if each.high is not None)
    low, is_above = max(lows, default=(None, False))
    high, is_with = min(highs, default=(None, True))
    return Between(ranges[0].path, low, high, not is_above, is_with)


def _both(asked: Sequence[Asked]) -> Asked:
    flat = [inner for each in asked for inner in (each.asked if isinstance(each, Both) else (each,))]
    return flat[0] if len(flat) == 1 else Both(tuple(flat))


def _either(asked: Sequence[Asked]) -> Asked:
    flat = [inner for each in asked for inner in (each.asked if isinstance(each, Either) else (each,))]
    terms = tuple(dict.fromkeys(term for each in flat if isinstance(each, AnyTerm) for term in each.terms))
    others = [each for each in flat if not isinstance(each, AnyTerm)]
    if not others:
        return AnyTerm(terms) if terms else NOTHING
    made = [AnyTerm(terms), *others] if terms else others
    return made[0] if len(made) == 1 else Either(tuple(made))


def _compare(condition: Condition, vocabulary: Vocabulary) -> Asked:
    match condition:
        case Is(path, value):
            is_exact = isinstance(value, (str, bool))
            return AnyTerm((_equal(path, value),) if is_exact else _is_number(path, float(value)))
        case StartsWith(path, prefix):
            return _starts(path, folded(prefix))
        case Says(path, text):
            return _says(path, text, vocabulary)
        case Between():
            return _between(condition, vocabulary)
        case Satisfies(path, range_):
            made = vocabulary.remembered((path, range_), lambda: tuple(_satisfying(path, range_, vocabulary)))
            return AnyTerm(made)
        case Has(path):
            return AnyTerm((_STATED + key_of(path),))
        case Within(namespace):
            return AnyTerm((_NAMESPACE + written(namespace),))
        case _:
            raise TypeError(f"{condition!r} is not a condition")


def _starts(path: str, prefix: str) -> Asked:
    if len(prefix) > LONGEST_PREFIX:
        raise UsageError(
            "the beginning of a text is too long",
            got=f"{len(prefix)} characters",
            expected=f"at most {LONGEST_PREFIX}",
            mend="ask for a shorter one",
        )
    if path in _BY_FIRST_LETTERS and 0 < len(prefix) <= _MOST_LETTERS:
        return AnyTerm((_first_letters(path, prefix),))
    end = f"{key_of(path)}{written(prefix)}"
    return AnyPrefixed((f"{_EQUAL}{end}", f"{_FOLDED}{end}"))


def _first_letters(path: str, letters: str) -> str:
    return f"{_FIRST_LETTERS}{len(letters)}.{key_of(path)}{written(letters)}"


def _all_first_letters(path: str, text: str) -> str:
    begins = folded(text)[:_MOST_LETTERS]
    return " ".join(_first_letters(path, begins[:letters]) for letters in range(1, len(begins) + 1))


def _equal(path: str, value: Scalar) -> str:
    if isinstance(value, bool):
        return f"{_TRUTH}{key_of(path)}{'true' if value else 'false'}"
    if isinstance(value, str):
        any_case = folded(value) == value
        return f"{_EQUAL}{key_of(path)}{_value(value)}" if any_case else f"{_CASED}{key_of(path)}{_cased(value)}"
    return _is_number(path, float(value))[0]


def _says(path: str, text: str, vocabulary: Vocabulary) -> Asked:
    key, words = key_of(path), words_of(text) if path not in WHOLE else []
    whole = dict.fromkeys([folded(text), *(words if len(words) == 1 else ())])
    made: list[Asked] = [AnyTerm(tuple(f"{mark}{key}{_value(each)}" for each in whole for mark in (_EQUAL, _FOLDED)))]
    number = 0
    while words and (not number or _is_worded(f"{_WORD}{number}.{key}", vocabulary)):
        terms = [f"{_WORD}{number}.{key}{written(word)}" for word in words]
        if all(vocabulary.has(term) for term in terms):
            made.append(_both([AnyTerm((term,)) for term in terms]))
        number += 1
    return _either(made)


def _is_worded(start: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.remembered(("worded", start), lambda: bool(vocabulary.starting(start)))


def _satisfying(path: str, range_: Range, vocabulary: Vocabulary) -> Iterator[str]:
    """Give the terms of those versions at a path that are in a range."""
    known = vocabulary.remembered(("versions", path), lambda: tuple(_versions(path, vocabulary)))
    return (term for term, version in known if range_.allows(version))


def _versions(path: str, vocabulary: Vocabulary) -> Iterator[tuple[str, Version]]:
    """Give the terms at a path that are of versions, with these."""
    key = key_of(path)
    for mark in (_EQUAL, _CASED):
        for term in vocabulary.starting(mark + key):
            with suppress(InvalidVersion):
                yield term, Version.parse(read(term[len(mark) + len(key) :]))


# ------------------------------------------------------------------------------------------------ facets


def value_prefixes(path: str) -> tuple[str, ...]:
    """Give all prefixes under which the values of a path stand that facets show.

    The same may be shown for a number, for a truth value, and for a text.
    """
    key = key_of(path)
    return f"{_EQUAL}{key}", f"{_CASED}{key}", f"{_TRUTH}{key}", f"{_NUMBER}{key}"


def other_than_text(path: str) -> tuple[str, ...]:
    """Give those of the prefixes that are not of texts."""
    return value_prefixes(path)[2:]


def truths(path: str) -> str:
    """Give the beginning of the terms of truth values at a path."""
    return f"{_TRUTH}{key_of(path)}"


def value_at(prefix: str, term: str) -> str | None:
    """Give the value of a term that begins with a prefix of values; None where it is not to be shown."""
    rest = term[len(prefix) :]
    if prefix.startswith(_NUMBER):
        return label_of(_number_of(rest))
    return None if _CUT in rest or not is_shown(text := read(rest)) else text


# ------------------------------------------------------------------------------------------------ documents


@dataclass(frozen=True, slots=True)
class Shape:
    """What documents have in common that state values at the same paths in the same order.

    `terms` are for what is stated. `places` gives the places at which each path stands, `repeated` those of the paths
    that stand there more than once.
    """

    terms: str
    places: dict[str, tuple[int, ...]]
    repeated: tuple[tuple[int, ...], ...]


class TermMaker:
    """Makes the terms of documents; what many have in common is made once."""

    def __init__(self) -> None:
        self._columns = columns()
        self._forget()

    def _forget(self) -> None:
        self._made: dict[type, dict[tuple[str, Scalar], str]] = defaultdict(dict)
        self._worded: set[tuple[str, Scalar]] = set()
        self._special: set[tuple[str, Scalar]] = set()
        self._seconds: dict[tuple[str, Scalar], float] = {}
        self._words: dict[str, str] = {}
        self._pairs: dict[tuple[tuple[str, Scalar], ...], tuple[tuple[type, type], str, str]] = {}
        self._spans: dict[tuple[int, int], str] = {}
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._kept = 0

    def terms_of(self, document: Document) -> str:
        """Give all terms of a document, with blanks between; a term may stand there twice."""
        return self.laid_out(document)[0]

    def laid_out(self, document: Document) -> tuple[str, Shape]:
        """Give all terms of a document, with blanks between, and the shape of its values."""
        if self._kept > _CACHED:
            self._forget()
        shape, made = self._of_values(document.values)
        made.append(shape.terms)
        span = document.seq_from, document.seq_to
        made.append(self._spans.get(span) or self._add_span(span))
        made += [_NAMESPACE + _value(namespace) for namespace in document.namespaces]
        words = self.words(document.name)
        if words:
            made.append(_each(_NAME_WORD, words))
            made.append(_word_count(len(set(words.split()))))
        made.append(_each(_HEADING_WORD, self.words(document.heading)))
        made += _kept_forms(document)
        if document.version_key:
            made.append(f"{_VERSION} {version_term(document.version_key)}")
        return " ".join(made), shape

    def words(self, text: str) -> str:
        """Give all words of a text in order, with blanks between."""
        found = self._words.get(text)
        return self._add_words(text) if found is None else found

    def passages(self, document: Document, between: str) -> str:
        """Give the words of all passages, with something between."""
        known, add = self._words, self._add_words
        return between.join([known.get(passage) or add(passage) for passage in document.passages])

    def _add_words(self, text: str) -> str:
        found = self._words[text] = " ".join(all_words_of(text))
        self._kept += 1 + len(text) // 100
        return found

    def _of_values(self, values: tuple[tuple[str, Scalar], ...]) -> tuple[Shape, list[str]]:
        known, make = self._made, self._make
        made = [known[item[1].__class__].get(item) or make(item) for item in values]
        paths = tuple([path for path, _ in values])
        shape = self._shapes.get(paths) or self._add_shape(paths)
        for places in shape.repeated:
            self._tell_apart(values, places, made)
        return shape, made

    def _tell_apart(self, values: tuple[tuple[str, Scalar], ...], places: tuple[int, ...], made: list[str]) -> None:
        """Number the texts with words that stand at one path, and mark the numbers that moments stand for."""
        pair = tuple([values[place] for place in places]) if len(places) == 2 else ()
        if pair and (known := self._pairs.get(pair)) and known[0] == (pair[0][1].__class__, pair[1][1].__class__):
            made[places[0]], made[places[1]] = known[1], known[2]
            return
        if not self._special.isdisjoint([values[place] for place in places]):
            self._tell_apart_anew(values, places, made)
        if pair:
            self._kept += 2
            self._pairs[pair] = (pair[0][1].__class__, pair[1][1].__class__), made[places[0]], made[places[1]]

    def _tell_apart_anew(
        self, values: tuple[tuple[str, Scalar], ...], places: tuple[int, ...], made: list[str]
    ) -> None:
        worded = [place for place in places if values[place] in self._worded]
        for number, place in enumerate(worded[1:], start=1):
            path, text = values[place]
            made[place] = f"{self._whole(path, str(text))} {self._word_terms(path, str(text), number)}"
        moments = {self._seconds[values[place]] for place in places if values[place] in self._seconds}
        for place in places:
            path, value = values[place]
            if value in moments and not isinstance(value, (str, bool)):
                made[place] = f"{self._in_column(path, value)}{_number_terms(path, value, _MOMENT)}"

    def _make(self, item: tuple[str, Scalar]) -> str:
        path, value = item
        if isinstance(value, str):
            made = self._make_text(path, value)
        elif isinstance(value, bool):
            made = _equal(path, value)
        else:
            made = _number_terms(path, float(value)) if value == value else ""  # NaN is no number
        if path in self._columns:
            made = self._in_column(path, value) + made
        self._made[value.__class__][item] = made
        self._kept += 2 + len(made) // 100
        return made

    def _in_column(self, path: str, value: Scalar) -> str:
        kind = self._columns.get(path)
        return "" if kind is None or in_column(value, kind) is None else f"{_column_terms(path, value)} "

    def _make_text(self, path: str, text: str) -> str:
        if text[:1].isdigit() and (seconds := seconds_of(text)) is not None:
            self._seconds[path, text] = seconds
            self._special.add((path, text))
        made = self._whole(path, text)
        words = self._word_terms(path, text, 0) if path not in WHOLE else ""
        if words:
            self._worded.add((path, text))
            self._special.add((path, text))
            made = f"{made} {words}"
        return made

    @staticmethod
    def _whole(path: str, text: str) -> str:
        """Give the terms of a text as a whole, and of its beginnings where these are asked for."""
        made = _text_terms(path, text)
        return f"{made} {_all_first_letters(path, text)}".rstrip() if path in _BY_FIRST_LETTERS else made

    def _word_terms(self, path: str, text: str, number: int) -> str:
        """Give the terms of a text's words; none where its only word is all that it is."""
        words = self.words(text)
        return "" if words == folded(text) and " " not in words else _each(f"{_WORD}{number}.{key_of(path)}", words)

    def _add_span(self, span: tuple[int, int]) -> str:
        made = self._spans[span] = " ".join(_span_terms(*span))
        self._kept += 1
        return made

    def _add_shape(self, paths: tuple[str, ...]) -> Shape:
        stated = dict.fromkeys(above for path in paths for above in _with_those_above(path))
        places = {path: tuple(n for n, other in enumerate(paths) if other == path) for path in dict.fromkeys(paths)}
        terms = " ".join(_STATED + key_of(path) for path in stated)
        made = self._shapes[paths] = Shape(terms, places, tuple(each for each in places.values() if len(each) > 1))
        self._kept += 10 + len(paths)
        return made


def _each(start: str, words: str) -> str:
    """Put a start before each of the words that stand with blanks between."""
    return start + words.replace(" ", f" {start}") if words else ""


def _text_terms(path: str, text: str) -> str:
    key, any_case = key_of(path), folded(text)
    if any_case == text:
        return f"{_EQUAL}{key}{_value(text)}"
    return f"{_CASED}{key}{_cased(text)} {_FOLDED}{key}{_value(any_case)}"


def _column_terms(path: str, value: Scalar) -> str:
    if isinstance(value, str) and len(value) >= LONGEST_PREFIX:
        return f"{column(path)} {_long_in_column(path, value)}"
    return column(path)


def _long_in_column(path: str, text: str) -> str:
    return f"{_LONG}{key_of(path)}{_digest(text[:LONGEST_PREFIX])}"


def _with_those_above(path: str) -> Iterator[str]:
    yield path
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


# ------------------------------------------------------------------------------------------------ identifiers


def _kept_forms(document: Document) -> Iterator[str]:
    """Give the terms by which a document is found surely: its identifiers, `@` its name, and its version.

    An identifier that ends with the version is kept without, `v` before it: the versions of a name have it in common.
    """
    end = f"@{document.version}"
    for identifier in document.identifiers:
        if document.version and identifier.endswith(end):
            yield from _form("v", identifier[: -len(end)])
        else:
            yield from _form("", identifier)
    yield f"{_FORM}@{_value(folded(document.name))}"
    if document.version:
        yield from _form(":", document.version)


def _form(start: str, text: str) -> Iterator[str]:
    any_case = folded(text)
    if any_case == text:
        yield f"{_FORM}{start}{_EQUAL}{_value(text)}"
    else:
        yield f"{_FORM}{start}{_CASED}{_value(text)}"
        yield f"{_FORM}{start}{_FOLDED}{_value(any_case)}"


def _as_written(start: str, text: str) -> AnyTerm:
    return AnyTerm((f"{_FORM}{start}{_EQUAL if folded(text) == text else _CASED}{_value(text)}",))


def _in_any_case(start: str, text: str) -> AnyTerm:
    any_case = _value(folded(text))
    return AnyTerm((f"{_FORM}{start}{_EQUAL}{any_case}", f"{_FORM}{start}{_FOLDED}{any_case}"))


IDENTIFIERS: Final = 2
"""How many of the forms ask for identifiers; the others ask for names."""


def asked_forms(text: str) -> tuple[Asked, ...]:
    """Ask for the forms of an identifier that a text may be, the surest first.

    As written, in any case, a bare name, a name of just these words (`gpt 4o mini` is `gpt-4o-mini` before any longer
    name).
    """
    stem, at, version = text.rpartition("@")
    name = AnyTerm((f"{_FORM}@{_value(folded(text))}",))
    made: list[Asked]
    if at and version:
        stem_name = AnyTerm((f"{_FORM}@{_value(folded(stem))}",))
        made = [
            _either([_as_written("", text), _both([_as_written("v", stem), _as_written(":", version)])]),
            _either([_in_any_case("", text), _both([_in_any_case("v", stem), _in_any_case(":", version)])]),
            _either([name, _both([stem_name, _in_any_case(":", version)])]),
        ]
    else:
        made = [_as_written("", text), _in_any_case("", text), name]
    words = words_of(text)
    if words:
        made.append(_both([*(AnyTerm((name_word(word),)) for word in words), AnyTerm((_word_count(len(words)),))]))
    return tuple(made)


def _word_count(number: int) -> str:
    return f"{_NAME_WORDS}{number}"


def all_terms(made: str) -> Iterable[str]:
    """Give the different terms that stand in a text with blanks between."""
    return dict.fromkeys(made.split(" "))
