"""Versions are semver 2.0, ranges are npm's; both are values that know how to compare themselves.

- `Version.parse` takes semver 2.0 and nothing else. `Version.parse_npm` also takes what npm does: blanks
  around, a leading `v`, and in loose mode `=v1.2.3`, `01.2.3`, `1.2.3beta`.
- Build metadata is kept and printed, and takes no part in order, equality or hash: `1.0.0+a == 1.0.0+b`.
- As in npm, a version is at most 256 characters, and its three numbers at most 2**53 - 1.
- `sort_key` orders as the versions do under a plain byte comparison (SQL: `COLLATE "C"` or `BINARY`).
- A `Range` means what npm's `semver` 7.8 makes of the same text and flags; `tests/npm` asks the real one.
  It is held as comparator sets; `allows` reads only half-open spans computed from them once.
- npm's oddities are kept: `* || 1.2.3-a` is `*` and so refuses 1.2.3-a; a word `+a` is a `*`.
- `intersects` and `is_subset` keep npm's answers even where those are rough: both compare bounds, not
  versions, so `>1.2.3 <1.2.4` intersects `*`; and `*` intersects `1.2.3-a`, which does not intersect `*`.
- Left different from npm: numbers of a prerelease are compared exactly (npm rounds above 2**53, and in loose
  mode keeps the leading zeros of such a number); a loose range refuses a bound of 22 digits (npm drops it).
- This module imports nothing but the standard library, and does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache, total_ordering
from typing import Any, Final, Literal, NamedTuple, TypeAlias

MAX_LENGTH: Final = 256
"""The longest version text, in characters."""
MAX_NUMBER: Final = 2**53 - 1
"""The greatest major, minor or patch: JavaScript's `Number.MAX_SAFE_INTEGER`."""

Part: TypeAlias = Literal["major", "minor", "patch"]
Operator: TypeAlias = Literal["", "<", "<=", ">", ">="]
# (major, minor, patch, identifiers): see `_prerelease_order`. The ends of spans are keys too, or shorter.
_Key: TypeAlias = tuple[Any, ...]

_RELEASE: Final = ((2,),)  # above every identifier: (0, number) and (1, text)
_LEAST: Final = ()  # below every identifier: `key + _LEAST` is the next thing after `key`
_BOTTOM: Final[_Key] = ()
_TOP: Final[_Key] = (float("inf"),)

# What JavaScript calls white space; Python's `\s` has a few more.
_BLANKS: Final = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_STRIPPED: Final = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + _BLANKS[-6:]

# Bounds on repetition are npm's. They matter only where a prerelease is ignored and may be long: `1.2.x-aaa`.
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,256})"
_NUMBER_LOOSE: Final = r"[0-9]{1,256}"
_WORD: Final = r"[0-9]{0,256}[a-zA-Z-][a-zA-Z0-9-]{0,250}"
_BUILD: Final = r"\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)"


def _prerelease_pattern(*, loose: bool) -> str:
    one = f"(?:{_WORD}|{_NUMBER_LOOSE if loose else _NUMBER})"
    return rf"{'-?' if loose else '-'}({one}(?:\.{one})*)"


def _full_pattern(*, loose: bool) -> str:
    number = _NUMBER_LOOSE if loose else _NUMBER
    return rf"({number})\.({number})\.({number})(?:{_prerelease_pattern(loose=loose)})?"


def _partial_pattern(*, loose: bool) -> str:
    """Give a version of which parts may be `x` or absent, behind any mix of `v`, `=` and blanks."""
    piece = rf"({_NUMBER_LOOSE if loose else _NUMBER}|[xX*])"
    return rf"[v= ]*{piece}(?:\.{piece}(?:\.{piece}(?:{_prerelease_pattern(loose=loose)})?)?)?"


_SEMVER: Final = re.compile(rf"{_full_pattern(loose=False)}(?:{_BUILD})?")
_NPM_VERSION: Final = re.compile(rf"v?{_full_pattern(loose=False)}(?:{_BUILD})?")
_NPM_VERSION_LOOSE: Final = re.compile(rf"[v={_BLANKS}]*{_full_pattern(loose=True)}(?:{_BUILD})?")


class TextError(ValueError):
    """A text is not what it should be; carries the text, why it is not, and how to mend it."""

    what = "text"

    def __init__(self, text: str, why: str, mend: str) -> None:
        super().__init__(text, why, mend)
        self.text = text
        self.why = why
        self.mend = mend

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        return f"{shown!r} is not a {self.what}: {self.why}; {self.mend}"


class InvalidVersion(TextError):  # noqa: N818 - reads as what it tells
    """A text is not a version."""

    what = "version"


class InvalidRange(TextError):  # noqa: N818 - reads as what it tells
    """A text is not a range."""

    what = "range"


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One semver 2.0 version, ordered, equal and hashed by precedence.

    `order` is the tuple that versions are compared by: all but the build metadata.
    """

    major: int
    minor: int
    patch: int
    prerelease: tuple[int | str, ...] = ()
    build: tuple[str, ...] = ()
    order: _Key = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = str(self)
        same = Version.parse(text)
        if (same.prerelease, same.build) != (self.prerelease, self.build):
            raise InvalidVersion(text, "an identifier is of the wrong type", "give numbers as int, the rest as str")
        object.__setattr__(self, "order", same.order)

    @classmethod
    def parse(cls, text: str, *, build: bool = True) -> Version:
        """Read a semver 2.0 version, to the letter; with `build=False`, refuse build metadata too."""
        _check_length(text)
        match = _SEMVER.fullmatch(text)
        if match is None:
            raise _explain_version(text)
        if match[5] is not None and not build:
            raise InvalidVersion(text, "build metadata has no place here", f"drop '+{match[5]}'")
        return _from_match(match, text)

    @classmethod
    def parse_npm(cls, text: str, *, loose: bool = False) -> Version:
        """Read a version as npm does: blanks around and a leading `v` are dropped; `loose` forgives more."""
        _check_length(text)
        pattern = _NPM_VERSION_LOOSE if loose else _NPM_VERSION
        match = pattern.fullmatch(text.strip(_STRIPPED))
        if match is None:
            raise _explain_version(text)
        return _from_match(match, text)

    @property
    def is_prerelease(self) -> bool:
        """Tell whether the version comes before its release."""
        return bool(self.prerelease)

    def bump(self, part: Part) -> Version:
        """Give the next release in that part, as npm does: a prerelease bumps to its own release first."""
        ahead = self.is_prerelease
        if part == "patch":
            return Version(self.major, self.minor, self.patch + (not ahead))
        if part == "minor":
            return Version(self.major, self.minor + (not ahead or self.patch > 0), 0)
        return Version(self.major + (not ahead or self.minor > 0 or self.patch > 0), 0, 0)

    def sort_key(self) -> str:
        """Give an ASCII text that orders, byte by byte, as the version does.

        Each number is its count of digits, then its digits: `7` is `17`, `12` is `212`; a count above 8 is
        `9` and then the count written the same way, without end. After the three numbers comes `~` for a
        release, or `-` and the identifiers: `0` and a number, or `1`, a text and `!`, which is below all that
        a text may hold. `1.2.10` is `1112210~`; `1.2.3-rc.1` is `111213-1rc!011`.
        """
        numbers = "".join(map(_sort_number, (self.major, self.minor, self.patch)))
        if not self.prerelease:
            return f"{numbers}~"
        return f"{numbers}-{''.join(map(_sort_identifier, self.prerelease))}"

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += f"-{'.'.join(map(str, self.prerelease))}"
        return f"{text}+{'.'.join(self.build)}" if self.build else text

    def __eq__(self, other: object) -> bool:
        return self.order == other.order if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self.order < other.order if isinstance(other, Version) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.order)


def _prerelease_order(prerelease: tuple[int | str, ...]) -> _Key:
    """Give a tuple that orders by semver: numbers below texts, shorter below longer, a release above all."""
    if not prerelease:
        return _RELEASE
    return tuple((0, part) if isinstance(part, int) else (1, part) for part in prerelease)


def _sort_number(number: int) -> str:
    digits = str(number)
    count = len(digits)
    return f"{count}{digits}" if count <= 8 else f"9{_sort_number(count)}{digits}"


def _sort_identifier(part: int | str) -> str:
    return f"0{_sort_number(part)}" if isinstance(part, int) else f"1{part}!"


def _from_match(match: re.Match[str], text: str) -> Version:
    """Make a version of a match without checking it again; `_full_pattern` has made sure of the rest."""
    numbers = int(match[1]), int(match[2]), int(match[3])
    if max(numbers) > MAX_NUMBER:
        raise InvalidVersion(text, f"{max(numbers)} is too large", f"use numbers up to {MAX_NUMBER}")
    prerelease = tuple(int(part) if part.isdigit() else part for part in match[4].split(".")) if match[4] else ()
    build = tuple(match[5].split(".")) if match[5] else ()
    version = object.__new__(Version)
    set_field = object.__setattr__
    set_field(version, "major", numbers[0])
    set_field(version, "minor", numbers[1])
    set_field(version, "patch", numbers[2])
    set_field(version, "prerelease", prerelease)
    set_field(version, "build", build)
    set_field(version, "order", (*numbers, _prerelease_order(prerelease)))
    return version


def _check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise InvalidVersion(text, f"it has {len(text)} characters", f"use at most {MAX_LENGTH}")


_VERSION_FAULTS: Final = (
    (r"\s*", "it is empty", "write major.minor.patch, such as 1.0.0"),
    (r"\s.*|.*\s", "it has white space around it", "drop the white space"),
    (r"[vV=]+\s*[0-9].*", "it starts with 'v' or '='", "start with the number: 1.0.0, not v1.0.0"),
    (
        r"[0-9]+(\.[0-9]+)?([-+].*)?",
        "it has fewer than three numbers",
        "write major.minor.patch, such as 1.0.0",
    ),
    (r"[0-9]+(\.[0-9]+){3,}.*", "it has more than three numbers", "write major.minor.patch, such as 1.0.0"),
    (r"([0-9]+\.){0,2}0[0-9]+.*", "a number has a leading zero", "drop the zero: 1.2.0, not 01.2.0"),
    (r"[0-9]+\.[0-9]+\.[0-9]+[a-zA-Z].*", "text follows the third number", "put '-' between: 1.2.3-beta"),
    (
        r"[^+]*[-.]0[0-9]+([.+].*)?",
        "a prerelease number has a leading zero",
        "drop the zero: rc.1, not rc.01",
    ),
    (r".*([-+.]|[-+.]\..*)", "an identifier is empty", "put letters, digits or '-' between the dots"),
)


def _explain_version(text: str) -> InvalidVersion:
    """Say what is wrong with a text that no pattern took."""
    for pattern, why, mend in _VERSION_FAULTS:
        if re.fullmatch(pattern, text, re.DOTALL | re.ASCII):
            return InvalidVersion(text, why, mend)
    return InvalidVersion(text, "it is not major.minor.patch[-prerelease][+build]", "write it such as 1.0.0-rc.1")


# ---------------------------------------------------------------------------------------------- ranges


@dataclass(frozen=True, slots=True)
class Comparator:
    """An operator and a version; `version` is None for the comparator that any version satisfies."""

    operator: Operator
    version: Version | None

    def __str__(self) -> str:
        return f"{self.operator}{_without_build(self.version)}" if self.version else ""


_Set: TypeAlias = tuple[Comparator, ...]
ANY: Final = Comparator("", None)
_NOTHING: Final = Comparator("<", Version(0, 0, 0, (0,)))


class _Span(NamedTuple):
    """What one comparator set means: low <= order < high, and on which triples a prerelease may enter."""

    low: _Key
    high: _Key
    opened: frozenset[_Key] | None  # None opens them all


@dataclass(frozen=True, slots=True, repr=False)
class Range:
    """A set of versions, as npm's range grammar tells it; equal when the canonical text and the flag are."""

    sets: tuple[_Set, ...] = field(compare=False)
    include_prerelease: bool = False
    _text: str = field(init=False)
    _spans: tuple[_Span, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        spans = tuple(_span(each, free=self.include_prerelease) for each in self.sets)
        object.__setattr__(self, "_spans", spans)
        object.__setattr__(self, "_text", "||".join(" ".join(map(str, each)) for each in self.sets))

    @classmethod
    def parse(cls, text: str, *, include_prerelease: bool = False, loose: bool = False) -> Range:
        """Read a range; the same text and flags give the same object while it is remembered."""
        return _read_range(text, include_prerelease, loose)

    def allows(self, version: Version) -> bool:
        """Tell whether the version is in the range."""
        return _holds(self._spans, version)

    def best(self, versions: Iterable[Version]) -> Version | None:
        """Give the highest version that the range allows; the first of equals."""
        return max(filter(self.allows, versions), default=None)

    def worst(self, versions: Iterable[Version]) -> Version | None:
        """Give the lowest version that the range allows; the first of equals."""
        return min(filter(self.allows, versions), default=None)

    def intersects(self, other: Range) -> bool:
        """Tell whether the bounds of two ranges leave room for both, as npm does.

        Prereleases are free to enter when both ranges say so.
        """
        free = self.include_prerelease and other.include_prerelease
        mine = [each for each in self.sets if _is_satisfiable(each, free=free)]
        theirs = [each for each in other.sets if _is_satisfiable(each, free=free)]
        return any(_all_meet(one, two, free=free) for one in mine for two in theirs)

    def is_subset(self, other: Range) -> bool:
        """Tell whether each set of this range lies within one set of the other, as npm does."""
        free = self.include_prerelease and other.include_prerelease
        if self is other or self == other:
            return True
        seen = False
        for one in self.sets:
            answers = _compare_with_each(one, other.sets, free=free)
            seen = seen or any(answer is not None for answer in answers)
            if not answers[-1] and seen:
                return False
        return True

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        flag = ", include_prerelease=True" if self.include_prerelease else ""
        return f"Range.parse({self._text!r}{flag})"


def satisfies(version: str, range_: str, *, include_prerelease: bool = False, loose: bool = False) -> bool:
    """Tell whether a version is in a range, both as npm reads them; raises InvalidRange or InvalidVersion."""
    wanted = Range.parse(range_, include_prerelease=include_prerelease, loose=loose)
    return wanted.allows(Version.parse_npm(version, loose=loose))


def _without_build(version: Version) -> str:
    return str(version).partition("+")[0]


def _next_key(key: _Key) -> _Key:
    """Give the bound just above a version's key and below the key of any other version above it."""
    return (*key[:3], (*key[3], _LEAST))


def _holds(spans: tuple[_Span, ...], version: Version) -> bool:
    order = version.order
    for low, high, opened in spans:
        if low <= order < high and (not version.prerelease or opened is None or order[:3] in opened):
            return True
    return False


def _span(comparators: _Set, *, free: bool) -> _Span:
    low, high = _BOTTOM, _TOP
    for comparator in comparators:
        lower, upper = _bounds(comparator)
        low, high = max(low, lower), min(high, upper)
    return _Span(low, high, None if free else _opened(comparators))


def _bounds(comparator: Comparator) -> tuple[_Key, _Key]:
    if comparator.version is None:
        return _BOTTOM, _TOP
    key = comparator.version.order
    match comparator.operator:
        case ">":
            return _next_key(key), _TOP
        case ">=":
            return key, _TOP
        case "<":
            return _BOTTOM, key
        case "<=":
            return _BOTTOM, _next_key(key)
        case _:
            return key, _next_key(key)


def _opened(comparators: _Set) -> frozenset[_Key]:
    """Find the triples on which a prerelease may enter: those that the set names with a prerelease."""
    named = (each.version for each in comparators if each.version is not None)
    return frozenset(version.order[:3] for version in named if version.prerelease)


# -------------------------------------------------------------------------------------- reading ranges
# A set is rewritten step by step, as npm's documents describe, into primitive comparators: build metadata is
# dropped, a hyphen range becomes two comparators, blanks behind an operator go, each word is desugared.


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The patterns of one mode."""

    hyphen: re.Pattern[str]
    caret: re.Pattern[str]
    tilde: re.Pattern[str]
    partial: re.Pattern[str]
    primitive: re.Pattern[str]


def _grammar(*, loose: bool) -> _Grammar:
    partial = _partial_pattern(loose=loose)
    prefix = "[v= ]*" if loose else "v?"
    return _Grammar(
        hyphen=re.compile(rf" ?({partial}) - ({partial}) ?"),
        caret=re.compile(rf"\^{partial}"),
        tilde=re.compile(rf"~>?{partial}"),
        partial=re.compile(rf"([<>]?=?){partial}"),
        primitive=re.compile(rf"([<>]?=?)({prefix}{_full_pattern(loose=loose)}(?:{_BUILD})?)"),
    )


_STRICT: Final = _grammar(loose=False)
_LOOSE: Final = _grammar(loose=True)
_ANY_BLANKS: Final = re.compile(f"[{_BLANKS}]+")
_BUILD_ANYWHERE: Final = re.compile(_BUILD)
_BLANK_AFTER_OPERATOR: Final = re.compile(r"([<>]=?|=) ?([v= ]*)(?=(.?))")
_VERSION_STARTS: Final = frozenset("0123456789xX*")
_BLANK_AFTER_TILDE: Final = re.compile(r"~>? +")
_BLANK_AFTER_CARET: Final = re.compile(r"\^ +")
_STAR: Final = re.compile(r"[<>]?=? *\*")


@lru_cache(maxsize=4096)
def _read_range(text: str, include_prerelease: bool, loose: bool) -> Range:
    tidy = _ANY_BLANKS.sub(" ", text.strip(_STRIPPED))
    read = (_read_set(part.strip(" "), text, include_prerelease, loose) for part in tidy.split("||"))
    sets = tuple(each for each in read if each)
    if not sets:
        raise InvalidRange(text, "no part of it is a comparator", "write one such as ^1.2.0 or >=1.2.0 <2.0.0")
    return Range(_drop_idle_sets(sets), include_prerelease)


def _drop_idle_sets(sets: tuple[_Set, ...]) -> tuple[_Set, ...]:
    """Drop sets that allow nothing, and all others when one allows everything."""
    busy = tuple(each for each in sets if each != (_NOTHING,)) or sets[:1]
    return ((ANY,),) if (ANY,) in busy else busy


def _read_set(text: str, whole: str, include_prerelease: bool, loose: bool) -> _Set:
    grammar = _LOOSE if loose else _STRICT
    words = _primitive_words(text, grammar, "-0" if include_prerelease else "")
    if loose:
        words = [word for word in words if not word or grammar.primitive.fullmatch(word)]
    comparators = dict.fromkeys(_read_primitive(word, whole, loose=loose) for word in words)
    if _NOTHING in comparators:
        return (_NOTHING,)
    if len(comparators) > 1:
        comparators.pop(ANY, None)
    return tuple(comparators)


def _primitive_words(text: str, grammar: _Grammar, floor: str) -> list[str]:
    """Rewrite a set into primitive comparators; `floor` is `-0` where bounds should take prereleases in."""
    text = _BUILD_ANYWHERE.sub("", text)
    hyphen = grammar.hyphen.fullmatch(text)
    if hyphen:
        text = _desugar_hyphen(hyphen, floor)
    text = _BLANK_AFTER_OPERATOR.sub(_close_up, text)
    text = _BLANK_AFTER_TILDE.sub("~", text)
    text = _BLANK_AFTER_CARET.sub("^", text)
    plain = " ".join(_desugar(word, grammar, floor) for word in text.split(" "))
    return ["" if word == f">=0.0.0{floor}" else word for word in re.split(" +", plain)]


def _close_up(match: re.Match[str]) -> str:
    """Drop the blank behind an operator where a version follows; the run is consumed, so time is linear."""
    return match[1] + match[2] if match[3] in _VERSION_STARTS else match[0]


def _read_primitive(word: str, whole: str, *, loose: bool) -> Comparator:
    if not word:
        return ANY
    match = (_LOOSE if loose else _STRICT).primitive.fullmatch(word)
    if match is None:
        raise InvalidRange(whole, f"{word!r} is not a comparator", "write one such as ^1.2.0 or >=1.2.0 <2.0.0")
    try:
        version = Version.parse_npm(match[2], loose=loose)
    except InvalidVersion as fault:
        raise InvalidRange(whole, fault.why, fault.mend) from fault
    return Comparator(_operator(match[1]), version)


def _operator(text: str) -> Operator:
    for known in ("<=", ">=", "<", ">"):
        if text == known:
            return known
    return ""


def _is_x(part: str | None) -> bool:
    return part is None or part in "xX*"


def _next(number: str) -> str:
    return str(int(number) + 1)


def _desugar(word: str, grammar: _Grammar, floor: str) -> str:
    if match := grammar.caret.fullmatch(word):
        return _desugar_caret(*match.groups(), floor=floor)
    if match := grammar.tilde.fullmatch(word):
        return _desugar_tilde(*match.groups(), floor=floor)
    match = grammar.partial.fullmatch(word)
    if match and any(map(_is_x, match.groups()[1:4])) and _is_tidy(*match.groups()[1:4]):
        return _desugar_partial(*match.groups()[:3], floor=floor)
    return _STAR.sub("", word, count=1)


def _is_tidy(major: str, minor: str | None, patch: str | None) -> bool:
    """Tell whether no number stands behind an x, as in `1.x.3`."""
    return (_is_x(minor) or not _is_x(major)) and (_is_x(patch) or not _is_x(minor))


def _desugar_caret(major: str, minor: str | None, patch: str | None, prerelease: str | None, *, floor: str) -> str:
    if _is_x(major):
        return ""
    if minor is None or _is_x(minor):
        return f">={major}.0.0{floor} <{_next(major)}.0.0-0"
    if patch is None or _is_x(patch):
        top = _above(major, minor, None)
        return f">={major}.{minor}.0{floor} <{top}-0"
    tail = f"-{prerelease}" if prerelease else ""
    return f">={major}.{minor}.{patch}{tail} <{_above(major, minor, patch)}-0"


def _above(major: str, minor: str, patch: str | None) -> str:
    """Give the first version that changes the leftmost number that is not zero."""
    if major != "0":
        return f"{_next(major)}.0.0"
    if minor != "0" or patch is None:
        return f"0.{_next(minor)}.0"
    return f"0.0.{_next(patch)}"


def _desugar_tilde(major: str, minor: str | None, patch: str | None, prerelease: str | None, *, floor: str) -> str:
    if _is_x(major):
        return ""
    if minor is None or _is_x(minor):
        return f">={major}.0.0{floor} <{_next(major)}.0.0-0"
    if patch is None or _is_x(patch):
        return f">={major}.{minor}.0{floor} <{major}.{_next(minor)}.0-0"
    tail = f"-{prerelease}" if prerelease else ""
    return f">={major}.{minor}.{patch}{tail} <{major}.{_next(minor)}.0-0"


def _desugar_partial(operator: str, major: str, minor: str | None, *, floor: str) -> str:
    """Desugar `1.x`, `>1.2` and the like: at least one part is an x."""
    if _is_x(major):
        return str(_NOTHING) if operator in ("<", ">") else ""
    known = None if _is_x(minor) else minor
    first = f"{major}.{known or 0}.0"
    after = f"{_next(major)}.0.0" if known is None else f"{major}.{_next(known)}.0"
    match operator:
        case ">":
            return f">={after}{floor}"
        case ">=":
            return f">={first}{floor}"
        case "<":
            return f"<{first}-0"
        case "<=":
            return f"<{after}-0"
        case _:
            return f">={first}{floor} <{after}-0"


def _desugar_hyphen(match: re.Match[str], floor: str) -> str:
    low, *low_parts = match.groups()[:5]
    high, *high_parts = match.groups()[5:]
    return f"{_hyphen_low(low, *low_parts, floor=floor)} {_hyphen_high(high, *high_parts, floor=floor)}".strip(" ")


def _hyphen_low(
    text: str, major: str, minor: str | None, patch: str | None, prerelease: str | None, *, floor: str
) -> str:
    if _is_x(major):
        return ""
    if _is_x(minor):
        return f">={major}.0.0{floor}"
    if _is_x(patch):
        return f">={major}.{minor}.0{floor}"
    return f">={text}" if prerelease else f">={text}{floor}"


def _hyphen_high(
    text: str, major: str, minor: str | None, patch: str | None, prerelease: str | None, *, floor: str
) -> str:
    if _is_x(major):
        return ""
    if minor is None or _is_x(minor):
        return f"<{_next(major)}.0.0-0"
    if patch is None or _is_x(patch):
        return f"<{major}.{_next(minor)}.0-0"
    if prerelease:
        return f"<={major}.{minor}.{patch}-{prerelease}"
    return f"<{major}.{minor}.{_next(patch)}-0" if floor else f"<={text}"


# --------------------------------------------------------------------------------- two ranges compared


def _admits(comparator: Comparator, version: Version, *, free: bool) -> bool:
    """Tell whether a range of that one comparator allows the version."""
    return _holds((_span((comparator,), free=free),), version)


def _is_satisfiable(comparators: _Set, *, free: bool) -> bool:
    pairs = ((one, two) for n, one in enumerate(comparators) for two in comparators[:n])
    return all(_meet(one, two, free=free) for one, two in pairs)


def _all_meet(one: _Set, two: _Set, *, free: bool) -> bool:
    return all(_meet(a, b, free=free) for a in one for b in two)


def _meet(one: Comparator, two: Comparator, *, free: bool) -> bool:
    """Tell whether two comparators leave room between them."""
    if one.version is None:
        return True
    if one.operator == "":
        return _admits(two, one.version, free=free)
    if two.version is None:
        return True
    if two.operator == "":
        return _admits(one, two.version, free=free)
    if _is_below_all(one, free=free) or _is_below_all(two, free=free):
        return False
    return one.operator[0] == two.operator[0] or _bounds_cross(one, two)


def _is_below_all(comparator: Comparator, *, free: bool) -> bool:
    """Tell whether npm takes the comparator to allow no version at all."""
    text = str(comparator)
    return text == "<0.0.0-0" if free else text.startswith("<0.0.0")


def _bounds_cross(one: Comparator, two: Comparator) -> bool:
    """Tell whether two opposite bounds overlap; a gap that holds no version counts as room."""
    low, high = (one, two) if one.operator[0] == ">" else (two, one)
    if low.version is None or high.version is None:
        return True
    if low.version == high.version:
        return low.operator == ">=" and high.operator == "<="
    return low.version < high.version


def _compare_with_each(one: _Set, others: tuple[_Set, ...], *, free: bool) -> list[bool | None]:
    """Compare a set with others until one holds it; the last answer tells."""
    answers: list[bool | None] = []
    for other in others:
        answers.append(_set_is_subset(one, other, free=free))
        if answers[-1]:
            break
    return answers


def _set_is_subset(one: _Set, two: _Set, *, free: bool) -> bool | None:
    """Tell whether one set lies within another; None when it allows nothing and the question has no sense."""
    if one == two or (free and two == (ANY,)):
        return True
    small, big = _spell_out(one, free=free), _spell_out(two, free=free)
    exact = [each.version for each in small if each.operator == "" and each.version is not None]
    low, high = _tightest(small, ">"), _tightest(small, "<")
    if len(exact) > 1 or (low and high and _is_void(low, high)):
        return None
    if exact:
        return _exact_is_subset(exact[0], low, high, big, free=free)
    return _bounds_are_subset(low, high, big, free=free)


def _spell_out(comparators: _Set, *, free: bool) -> _Set:
    """Write `*` as the bound that it stands for."""
    if comparators != (ANY,):
        return comparators
    return (Comparator(">=", Version(0, 0, 0, (0,) if free else ())),)


def _tightest(comparators: _Set, side: Literal["<", ">"]) -> Comparator | None:
    """Give the comparator that binds most on that side; the strict one of two with the same version."""
    found: Comparator | None = None
    for each in comparators:
        if each.operator.startswith(side):
            found = _tighter(found, each)
    return found


def _tighter(one: Comparator | None, two: Comparator) -> Comparator:
    """Give the tighter of two bounds of the same side; the first of equals."""
    if one is None:
        return two
    (low, high), (other_low, other_high) = _bounds(one), _bounds(two)
    return two if other_low > low or other_high < high else one


def _is_void(low: Comparator, high: Comparator) -> bool:
    return not _bounds_cross(low, high)


def _exact_is_subset(
    exact: Version, low: Comparator | None, high: Comparator | None, big: _Set, *, free: bool
) -> bool | None:
    if any(bound is not None and not _admits(bound, exact, free=free) for bound in (low, high)):
        return None
    return all(_admits(each, exact, free=free) for each in big)


def _bounds_are_subset(low: Comparator | None, high: Comparator | None, big: _Set, *, free: bool) -> bool:
    if any(bound is not None and not _bound_is_within(bound, big, free=free) for bound in (low, high)):
        return False
    pinned = low is not None and high is not None and low.version == high.version
    if not pinned and any(each.operator == "" for each in big):
        return False
    needs_low = any(each.operator.startswith(">") for each in big) and low is None
    needs_high = any(each.operator.startswith("<") for each in big) and high is None
    if (needs_low and high is not None) or (needs_high and low is not None):
        return False
    return free or not any(_prerelease_escapes(bound, big) for bound in (low, high))


def _bound_is_within(bound: Comparator, big: _Set, *, free: bool) -> bool:
    """Tell whether no comparator of the bigger set binds tighter on the bound's side."""
    return all(_reaches(bound, each, free=free) for each in big)


def _reaches(bound: Comparator, each: Comparator, *, free: bool) -> bool:
    if each.operator[:1] == bound.operator[:1]:
        return _tighter(bound, each) is bound
    if each.operator or bound.version is None or bound.operator in ("<", ">"):
        return True
    return _admits(each, bound.version, free=free)


def _prerelease_escapes(bound: Comparator | None, big: _Set) -> bool:
    """Tell whether the bound lets in prereleases of a triple on which the bigger set lets in none."""
    if bound is None or bound.version is None or not bound.version.prerelease:
        return False
    if bound.operator == "<" and bound.version.prerelease == (0,):
        return False  # <1.2.3-0 lets in no prerelease of 1.2.3
    return bound.version.order[:3] not in _opened(big)
