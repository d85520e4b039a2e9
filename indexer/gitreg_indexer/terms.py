"""Documents and conditions as terms: what an engine with postings keeps, and what a condition asks of it.

- A term is one text without white space; all terms of a document stand in one field. What a term means is told by its
  first letters (`_EQUAL` and so on), and where it is of a path, by the path's key: 13 letters, whatever its length.
- Everything that is asked is asked by terms: equality, words, presence, prefixes, ranges of numbers, the time in which
  a document holds. No fast fields, no ranges over values (docs/adr/0019-terms-instead-of-ranges.md).
- Texts of more than `LONGEST_VALUE` characters are kept by their beginning and a digest.
"""

from __future__ import annotations

import re
import struct
from base64 import b32encode
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from gitreg.errors import UsageError
from gitreg.versions import InvalidVersion, Range, Version
from gitreg_indexer.conditions import All, Any, Between, Condition, Has, Is, Not, Satisfies, Says, StartsWith, Within
from gitreg_indexer.engine import (
    LONGEST_PREFIX,
    LONGEST_VALUE,
    Document,
    Scalar,
    all_words_of,
    folded,
    label_of,
    words_of,
    words_said,
)
from gitreg_indexer.fields import Column, columns
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.values import seconds_of

LIVE: Final = "live"
_EQUAL: Final = "="
"""A text that is folded already, as it is."""
_CASED: Final = "!"
"""A text that folding changes, as it is; `_FOLDED` is the same text folded."""
_FOLDED: Final = "~"
_WORD: Final = "w"
"""A word of the nth worded text at a path: `w`, n, `.`, key, word."""
_TRUTH: Final = "b"
_LABEL: Final = "#"
"""A number as facets show it; a number that a day or a moment stands for has none."""
_NUMBER_TIERS: Final = (("na", 48), ("nb", 40), ("nc", 32), ("nd", 0))
"""A number's 64 bits in the order of numbers, cut short, in hex: coarse ones cover a range's middle, fine its ends."""
_STATED: Final = "?"
_VERSIONED: Final = "v"
_COLUMN: Final = "c"
"""Something that the path's column sorts by is stated."""
_NAMESPACE: Final = "/"
_NAME_WORD: Final = "N"
_HEADING_WORD: Final = "H"
_FORM: Final = "x"
_SPAN: Final = "s"
_OPEN: Final = "o"
_END_BITS: Final = 40
"""Seqs are below 2^40."""
_DEEPEST: Final = 500
_CACHED: Final = 200_000
T = TypeVar("T")


# ------------------------------------------------------------------------------------------------ what is asked


@dataclass(frozen=True, slots=True)
class AnyTerm:
    """The document has one of these terms."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyPrefixed:
    """The document has a term that begins with one of these, and is longer than it or the same."""

    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyBetween:
    """The document has a term in one of these intervals, ends included; the terms are letters and digits only."""

    intervals: tuple[tuple[str, str], ...]


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
class Both:
    """All of these hold."""

    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these holds."""

    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Neither:
    """It does not hold."""

    asked: Asked


Asked: TypeAlias = (
    AnyTerm | AnyPrefixed | AnyBetween | AnyId | AnyWord | WordPrefixed | InOrder | Both | Either | Neither
)
NOTHING: Final = Either(())
EVERYTHING: Final = Both(())
WITHOUT_VERSION: Final = Neither(AnyTerm((_VERSIONED,)))


class Vocabulary(Protocol):
    """The terms that an engine has; those that no document has any more may be among them."""

    def has(self, term: str) -> bool:
        """Tell whether there is such a term."""
        raise NotImplementedError

    def starting(self, prefix: str, limit: int | None = None) -> list[str]:
        """List the terms that begin with a text, or the first few of them."""
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
    """Give a value as it stands in a term."""
    if len(text) <= LONGEST_VALUE:
        return written(text) if _ESCAPED.search(text) else text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{written(text[:LONGEST_PREFIX])}{_CUT}{digest}"


def name_word(word: str) -> str:
    """Give the term of a word of a name."""
    return _NAME_WORD + written(word)


def heading_word(word: str) -> str:
    """Give the term of a word of a heading."""
    return _HEADING_WORD + written(word)


def column(path: str) -> str:
    """Give the term of the documents that have something in a path's column."""
    return _COLUMN + key_of(path)


def in_column(value: Scalar, kind: Column) -> str | float | None:
    """Give what a value is in a column of a kind: a text's beginning, a number, 0 or 1; None where it is of another."""
    if isinstance(value, str):
        return value[:LONGEST_PREFIX] if kind == "text" else None
    return float(value) if kind == "number" and value == value else None


def having_in_column(path: str, value: str | float | None) -> Asked:
    """Ask for the documents that have this in a path's column; with None, for those that have nothing."""
    if value is None:
        return Neither(AnyTerm((column(path),)))
    if isinstance(value, str):
        key, start = key_of(path), written(value)
        if len(value) < LONGEST_PREFIX:
            return AnyTerm((_equal(path, value),))
        return AnyPrefixed((f"{_EQUAL}{key}{start}", f"{_CASED}{key}{start}"))
    truth = (_equal(path, bool(value)),) if value in (0.0, 1.0) else ()
    return AnyTerm((number_term(path, value), *truth))


# ------------------------------------------------------------------------------------------------ numbers


def _ordered_bits(number: float) -> int:
    """Give a number's bits, such that they are in the order of the numbers."""
    bits: int = struct.unpack(">Q", struct.pack(">d", number + 0.0))[0]
    return bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63


def _number_at(tier: str, shift: int, key: str, bits: int) -> str:
    return f"{tier}{key}{bits >> shift:0{16 - shift // 4}x}"


def number_term(path: str, number: float) -> str:
    """Give the term of exactly this number at a path."""
    tier, shift = _NUMBER_TIERS[-1]
    return _number_at(tier, shift, key_of(path), _ordered_bits(number))


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


def _between(asked: Between) -> Asked:
    low = float("-inf") if asked.low is None else float(asked.low)
    high = float("inf") if asked.high is None else float(asked.high)
    if low != low or high != high:  # NaN lies nowhere
        return NOTHING
    first = _ordered_bits(low) + (asked.low is not None and not asked.includes_low)
    last = _ordered_bits(high) - (asked.high is not None and not asked.includes_high)
    if first > last:
        return NOTHING
    made = tuple(_intervals(key_of(asked.path), first, last))
    return AnyTerm((made[0][0],)) if len(made) == 1 and made[0][0] == made[0][1] else AnyBetween(made)


# ------------------------------------------------------------------------------------------------ time


def _span_terms(seq_from: int, seq_to: int) -> Iterator[str]:
    """Cover an interval of seqs by dyadic ones, of which each seq is in exactly one: `s`, level, `.`, index.

    What goes on for ever is covered from the power of two above its beginning by one term: `o` and its bits.
    """
    end = min(seq_to, 1 << _END_BITS)
    if seq_to >= FOREVER:
        bits = seq_from.bit_length()
        yield f"{_OPEN}{bits}"
        end = 1 << bits
    low, level = seq_from, 0
    while low < end:
        if low & 1:
            yield f"{_SPAN}{level}.{low}"
            low += 1
        if end & 1:
            end -= 1
            yield f"{_SPAN}{level}.{end}"
        low, end, level = low >> 1, end >> 1, level + 1


def holding_at(seq: int) -> AnyTerm:
    """Ask for what held at a seq: of these terms, each document that did has exactly one."""
    if seq < 0:
        return AnyTerm(())
    known = min(seq, (1 << _END_BITS) - 1)
    spans = (f"{_SPAN}{level}.{known >> level}" for level in range(_END_BITS + 1))
    opened = (f"{_OPEN}{bits}" for bits in range(known.bit_length()))
    return AnyTerm((*opened, *spans))


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
        case All(conditions):
            return _both([_ask(each, vocabulary, depth + 1) for each in conditions])
        case Any(conditions):
            return _either([_ask(each, vocabulary, depth + 1) for each in conditions])
        case Not(inner):
            made = _ask(inner, vocabulary, depth + 1)
            return made.asked if isinstance(made, Neither) else Neither(made)
        case _:
            return _compare(condition, vocabulary)


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
            return AnyTerm((_equal(path, value),))
        case StartsWith(path, prefix):
            key, start = key_of(path), written(folded(prefix)[:LONGEST_PREFIX])
            return AnyPrefixed((f"{_EQUAL}{key}{start}", f"{_FOLDED}{key}{start}"))
        case Says(path, text):
            return _says(path, text, vocabulary)
        case Between():
            return _between(condition)
        case Satisfies(path, range_):
            made = vocabulary.remembered((path, range_), lambda: tuple(_satisfying(path, range_, vocabulary)))
            return AnyTerm(made)
        case Has(path):
            return AnyTerm((_STATED + key_of(path),))
        case Within(namespace):
            return AnyTerm((_NAMESPACE + written(namespace),))
        case _:
            raise TypeError(f"{condition!r} is not a condition")


def _equal(path: str, value: Scalar) -> str:
    if isinstance(value, bool):
        return f"{_TRUTH}{key_of(path)}{'true' if value else 'false'}"
    if isinstance(value, str):
        return f"{_EQUAL if folded(value) == value else _CASED}{key_of(path)}{_value(value)}"
    return number_term(path, float(value))


def _says(path: str, text: str, vocabulary: Vocabulary) -> Asked:
    key, words = key_of(path), words_of(text)
    whole = dict.fromkeys([folded(text), *(words if len(words) == 1 else ())])
    made: list[Asked] = [AnyTerm(tuple(f"{mark}{key}{_value(each)}" for each in whole for mark in (_EQUAL, _FOLDED)))]
    number = 0
    while words and (not number or vocabulary.starting(f"{_WORD}{number}.{key}", 1)):
        terms = [f"{_WORD}{number}.{key}{written(word)}" for word in words]
        if all(vocabulary.has(term) for term in terms):
            made.append(_both([AnyTerm((term,)) for term in terms]))
        number += 1
    return _either(made)


def _satisfying(path: str, range_: Range, vocabulary: Vocabulary) -> Iterator[str]:
    """Give the terms of those versions at a path that are in a range."""
    key = key_of(path)
    for mark in (_EQUAL, _CASED):
        for term in vocabulary.starting(mark + key):
            if _is_in(range_, read(term[len(mark) + len(key) :])):
                yield term


def _is_in(range_: Range, text: str) -> bool:
    try:
        return range_.allows(Version.parse(text))
    except InvalidVersion:
        return False


# ------------------------------------------------------------------------------------------------ facets


def value_prefixes(path: str) -> tuple[str, ...]:
    """Give all prefixes under which the values of a path stand, as facets show them.

    The same may be shown for a number, for a truth value, and for a text.
    """
    key = key_of(path)
    return f"{_EQUAL}{key}", f"{_CASED}{key}", f"{_TRUTH}{key}", f"{_LABEL}{key}"


def other_than_text(path: str) -> tuple[str, ...]:
    """Give those of the prefixes that are not of texts."""
    return value_prefixes(path)[2:]


def value_at(prefix: str, term: str) -> str | None:
    """Give the value of a term that begins with a prefix of values; None where it holds only the value's beginning."""
    rest = term[len(prefix) :]
    return None if _CUT in rest else read(rest)


# ------------------------------------------------------------------------------------------------ documents


class _Leaf(NamedTuple):
    """The terms of one text at one path, joined; its words apart, for they are numbered in a document."""

    terms: str
    words: list[str]
    first: str
    """The terms of the words where no other text at the path has any."""
    seconds: float | None


class TermMaker:
    """Makes the terms of documents; what many have in common is made once."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, _Leaf]] = {}
        self._numbers: dict[str, dict[float, tuple[str, str]]] = {}
        self._shapes: dict[tuple[str, ...], str] = {}
        self._columns = columns()
        self._kept = 0

    def terms_of(self, document: Document) -> str:
        """Give all terms of a document, with blanks between; a term may stand there twice."""
        made: list[str] = [LIVE] if document.seq_to >= FOREVER else []
        if document.version_key:
            made.append(_VERSIONED)
        made += _span_terms(document.seq_from, document.seq_to)
        made += [_NAMESPACE + written(namespace) for namespace in document.namespaces]
        made.append(_joined(_NAME_WORD, all_words_of(document.name)))
        made.append(_joined(_HEADING_WORD, all_words_of(document.heading)))
        made += _kept_forms(document)
        self._add_values(document, made)
        return " ".join(made)

    def _add_values(self, document: Document, made: list[str]) -> None:
        numbers: list[tuple[str, float | bool]] = []
        moments: set[tuple[str, float]] = set()
        worded: dict[str, int] = {}
        if self._kept > _CACHED:
            self._forget()
        for path, value in document.values:
            if not isinstance(value, str):
                numbers.append((path, value))
                continue
            known = self._texts.get(path)
            leaf = (known and known.get(value)) or self._add_text(path, value)
            made.append(leaf.terms)
            if leaf.words:
                number = worded[path] = worded.get(path, -1) + 1
                made.append(_joined(f"{_WORD}{number}.{key_of(path)}", leaf.words) if number else leaf.first)
            if leaf.seconds is not None:
                moments.add((path, leaf.seconds))
        for path, number_ in numbers:
            if number_ is True or number_ is False:
                made.append(self._truth(path, number_))
                continue
            terms, label = self._numbers.get(path, _NONE).get(number_) or self._add_number(path, number_)
            made.append(terms)
            if (path, number_) not in moments:
                made.append(label)
        paths = tuple([path for path, _ in document.values])
        made.append(self._shapes.get(paths) or self._add_shape(paths))

    def _truth(self, path: str, value: bool) -> str:
        made = _equal(path, value)
        return f"{made} {column(path)}" if self._columns.get(path) == "number" else made

    def _forget(self) -> None:
        self._texts.clear()
        self._numbers.clear()
        self._shapes.clear()
        self._kept = 0

    def _add_text(self, path: str, text: str) -> _Leaf:
        leaf = _text_leaf(path, text, is_column=self._columns.get(path) == "text")
        self._texts.setdefault(path, {})[text] = leaf
        self._kept += 1
        return leaf

    def _add_number(self, path: str, number: float) -> tuple[str, str]:
        if number != number:  # NaN is no number
            return "", ""
        key, bits = key_of(path), _ordered_bits(number)
        whole = f"{bits:016x}"
        terms = [f"na{key}{whole[:4]} nb{key}{whole[:6]} nc{key}{whole[:8]} nd{key}{whole}"]
        if self._columns.get(path) == "number":
            terms.append(column(path))
        made = " ".join(terms), f"{_LABEL}{key}{label_of(number)}"
        self._numbers.setdefault(path, {})[number] = made
        self._kept += 1
        return made

    def _add_shape(self, paths: tuple[str, ...]) -> str:
        """Give the terms for what is stated: each path, and each above it."""
        stated = dict.fromkeys(above for path in paths for above in _with_those_above(path))
        made = self._shapes[paths] = _joined(_STATED, [key_of(path) for path in stated])
        self._kept += 10 + len(paths)
        return made


_NONE: Final[dict[float, tuple[str, str]]] = {}


def _joined(start: str, words: Sequence[str]) -> str:
    return start + f" {start}".join(words) if words else ""


def _text_leaf(path: str, text: str, *, is_column: bool) -> _Leaf:
    key, any_case, words = key_of(path), folded(text), words_said(text)
    if any_case == text:
        terms = f"{_EQUAL}{key}{_value(text)}"
    else:
        terms = f"{_CASED}{key}{_value(text)} {_FOLDED}{key}{_value(any_case)}"
    if is_column:
        terms = f"{terms} {column(path)}"
    if words == [any_case]:
        words = []
    seconds = seconds_of(text) if text[:1].isdigit() else None
    return _Leaf(terms, words, _joined(f"{_WORD}0.{key}", words), seconds)


def _with_those_above(path: str) -> Iterator[str]:
    yield path
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


# ------------------------------------------------------------------------------------------------ identifiers


def _kept_forms(document: Document) -> Iterator[str]:
    """Give the forms under which a document is found surely: its identifiers, `@` its name, `#` the words of that."""
    for identifier in document.identifiers:
        yield from _form("", identifier)
    name = folded(document.name)
    yield f"{_FORM}@{_value(name)}"
    if document.version:
        yield f"{_FORM}@{_value(f'{name}@{folded(document.version)}')}"
    yield f"{_FORM}#{_value(' '.join(words_of(document.name)))}"


def _form(start: str, text: str) -> Iterator[str]:
    any_case = folded(text)
    if any_case == text:
        yield f"{_FORM}{_EQUAL}{start}{_value(text)}"
    else:
        yield f"{_FORM}{_CASED}{start}{_value(text)}"
        yield f"{_FORM}{_FOLDED}{start}{_value(any_case)}"


def asked_forms(text: str) -> tuple[AnyTerm, ...]:
    """Ask for the forms of an identifier that a text may be, the surest first.

    As written, in any case, a bare name, the words of a name (`gpt 4o mini` is `gpt-4o-mini` before any longer name).
    """
    any_case = folded(text)
    as_written = f"{_FORM}{_EQUAL if any_case == text else _CASED}{_value(text)}"
    either_case = (f"{_FORM}{_EQUAL}{_value(any_case)}", f"{_FORM}{_FOLDED}{_value(any_case)}")
    words = " ".join(words_of(text))
    asked = [AnyTerm((as_written,)), AnyTerm(either_case), AnyTerm((f"{_FORM}@{_value(any_case)}",))]
    return (*asked, AnyTerm((f"{_FORM}#{_value(words)}",))) if words else tuple(asked)


def all_terms(made: str) -> Iterable[str]:
    """Give the different terms that stand in a text with blanks between."""
    return dict.fromkeys(made.split(" "))
