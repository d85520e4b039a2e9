"""Versions and ranges: what they read, what they refuse and why, how they compare."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypedDict

import pytest

from gitreg.versions import InvalidRange, InvalidVersion, Range, Version, satisfies


class Fact(TypedDict):
    version: str
    range: str
    include_prerelease: bool
    loose: bool
    expected: bool | Literal["invalid"]


TABLE: list[Fact] = json.loads((Path(__file__).parent / "data/npm_ranges.json").read_text(encoding="utf-8"))
# In the order that semver.org gives, and some more.
ASCENDING = [
    "0.0.0-0",
    "0.0.0",
    "0.0.1",
    "0.2.0",
    "0.10.0",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-123456789",
    "1.0.0-1234567890123",
    "1.0.0--",
    "1.0.0-0a",
    "1.0.0-A",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.1.0",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-",
    "1.0.0-alpha0",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.9",
    "1.0.99999999",
    "1.0.100000000",
    "9007199254740991.0.0",
]


def test_a_version_has_parts() -> None:
    version = Version.parse("1.2.3-rc.1+build.05")
    assert (version.major, version.minor, version.patch) == (1, 2, 3)
    assert version.prerelease == ("rc", 1)
    assert version.build == ("build", "05")
    assert version.is_prerelease
    assert str(version) == "1.2.3-rc.1+build.05"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("1.2", "fewer than three", id="two numbers"),
        pytest.param("1", "fewer than three", id="one number"),
        pytest.param("1.2.3.4", "more than three", id="four numbers"),
        pytest.param("v1.2.3", "starts with 'v'", id="v"),
        pytest.param("=1.2.3", "starts with 'v' or '='", id="equals"),
        pytest.param(" 1.2.3", "white space", id="blank before"),
        pytest.param("1.2.3\n", "white space", id="newline after"),
        pytest.param("01.2.3", "leading zero", id="leading zero"),
        pytest.param("1.2.03", "leading zero", id="leading zero in patch"),
        pytest.param("1.2.3-rc.01", "prerelease number has a leading zero", id="leading zero in prerelease"),
        pytest.param("1.2.3beta", "follows the third number", id="no dash"),
        pytest.param("1.2.3-", "identifier is empty", id="empty prerelease"),
        pytest.param("1.2.3-a..b", "identifier is empty", id="empty identifier"),
        pytest.param("1.2.3+", "identifier is empty", id="empty build"),
        pytest.param("1.2.3-a_b", "not major.minor.patch", id="underscore"),
        pytest.param("1.2.\u0663", "not major.minor.patch", id="arabic digit"),
        pytest.param("9007199254740992.0.0", "too large", id="above the safe integers"),
        pytest.param("1.2.3-" + "a" * 251, "257 characters", id="too long"),
    ],
)
def test_what_is_not_a_version_is_told_why(text: str, why: str) -> None:
    with pytest.raises(InvalidVersion) as caught:
        Version.parse(text)
    assert why in caught.value.why
    assert caught.value.text == text
    assert caught.value.mend
    assert len(str(caught.value)) < 300


def test_build_metadata_can_be_refused() -> None:
    assert Version.parse("1.0.0", build=False) == Version(1, 0, 0)
    with pytest.raises(InvalidVersion, match=r"drop '\+b'"):
        Version.parse("1.0.0+b", build=False)


@pytest.mark.parametrize(
    ("text", "loose", "expected"),
    [
        pytest.param(" v1.2.3\n", False, "1.2.3", id="v and blanks"),
        pytest.param("= v 01.2.3beta.01", True, "1.2.3-beta.1", id="loose"),
        pytest.param("1.2.3-", True, "1.2.3--", id="loose dash"),
    ],
)
def test_npm_forgives(text: str, loose: bool, expected: str) -> None:
    assert str(Version.parse_npm(text, loose=loose)) == expected


def test_a_version_cannot_be_made_of_nonsense() -> None:
    with pytest.raises(InvalidVersion):
        Version(-1, 0, 0)
    with pytest.raises(InvalidVersion, match="wrong type"):
        Version(1, 0, 0, ("1",))
    with pytest.raises(InvalidVersion, match="wrong type"):
        Version(1, 0, 0, ("a.b",))
    with pytest.raises(InvalidVersion):
        Version(2**53, 0, 0)


def test_versions_ascend_as_semver_says() -> None:
    versions = [Version.parse(text) for text in ASCENDING]
    for low, high in pairwise(versions):
        assert low < high
        assert high > low
        assert low != high


def test_sort_keys_ascend_as_versions_do() -> None:
    keys = [Version.parse(text).sort_key() for text in ASCENDING]
    assert sorted(keys) == keys
    assert len(set(keys)) == len(keys)
    assert all(key.isascii() for key in keys)
    assert Version.parse("1.2.3-rc.1").sort_key() == "111213-1rc!011"


def test_build_metadata_takes_no_part_in_order() -> None:
    one, two = Version.parse("1.0.0+a"), Version.parse("1.0.0+b")
    assert one == two
    assert hash(one) == hash(two)
    assert one.sort_key() == two.sort_key()
    assert not one < two
    assert one != "1.0.0+a"


@pytest.mark.parametrize(
    ("text", "major", "minor", "patch"),
    [
        pytest.param("1.2.3", "2.0.0", "1.3.0", "1.2.4", id="release"),
        pytest.param("1.2.3-rc.1+b", "2.0.0", "1.3.0", "1.2.3", id="prerelease of a patch"),
        pytest.param("1.2.0-rc.1", "2.0.0", "1.2.0", "1.2.0", id="prerelease of a minor"),
        pytest.param("2.0.0-rc.1", "2.0.0", "2.0.0", "2.0.0", id="prerelease of a major"),
    ],
)
def test_bump_gives_the_next_release(text: str, major: str, minor: str, patch: str) -> None:
    version = Version.parse(text)
    assert (str(version.bump("major")), str(version.bump("minor")), str(version.bump("patch"))) == (
        major,
        minor,
        patch,
    )


def test_values_survive_a_pickle() -> None:
    version, wanted = Version.parse("1.2.3-rc.1+b"), Range.parse("^1.2.3-rc.1 || 3")
    assert pickle.loads(pickle.dumps(version)) == version  # noqa: S301 - our own bytes
    again = pickle.loads(pickle.dumps(wanted))  # noqa: S301 - our own bytes
    assert again == wanted
    assert again.allows(version)


@pytest.mark.parametrize("fact", [pytest.param(fact, id=f"{n}-{fact['range']!r}") for n, fact in enumerate(TABLE)])
def test_ranges_mean_what_npm_says(fact: Fact) -> None:
    flags = {"include_prerelease": fact["include_prerelease"], "loose": fact["loose"]}
    if fact["expected"] == "invalid":
        with pytest.raises((InvalidRange, InvalidVersion)):
            satisfies(fact["version"], fact["range"], **flags)
    else:
        assert satisfies(fact["version"], fact["range"], **flags) is fact["expected"]


def test_the_table_is_varied() -> None:
    assert len(TABLE) >= 300
    for answer in (True, False, "invalid"):
        assert sum(fact["expected"] == answer for fact in TABLE) >= 40


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("^1.2.3", ">=1.2.3 <2.0.0-0", id="caret"),
        pytest.param("^0.2.3", ">=0.2.3 <0.3.0-0", id="caret below 1"),
        pytest.param("^0.0.3", ">=0.0.3 <0.0.4-0", id="caret below 0.1"),
        pytest.param("~1.2", ">=1.2.0 <1.3.0-0", id="tilde"),
        pytest.param("1.2 - 2", ">=1.2.0 <3.0.0-0", id="hyphen"),
        pytest.param("*", "", id="star"),
        pytest.param(">*", "<0.0.0-0", id="above all"),
        pytest.param("1.x||>=3.0.0+b", ">=1.0.0 <2.0.0-0||>=3.0.0", id="two sets"),
    ],
)
def test_a_range_has_one_canonical_text(text: str, canonical: str) -> None:
    assert str(Range.parse(text)) == canonical
    assert Range.parse(text) == Range.parse(canonical)
    assert hash(Range.parse(text)) == hash(Range.parse(canonical))


def test_the_flag_makes_another_range() -> None:
    assert Range.parse("^1.2.3") != Range.parse("^1.2.3", include_prerelease=True)
    assert repr(Range.parse("1.2.3", include_prerelease=True)) == "Range.parse('1.2.3', include_prerelease=True)"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("latest", "'latest' is not a comparator", id="a word"),
        pytest.param("^1.2.3 foo", "'foo' is not a comparator", id="a word among others"),
        pytest.param("1.x.3", "'1.x.3' is not a comparator", id="a number behind an x"),
        pytest.param("^9007199254740992.0.0", "too large", id="a number too large"),
    ],
)
def test_what_is_not_a_range_is_told_why(text: str, why: str) -> None:
    with pytest.raises(InvalidRange) as caught:
        Range.parse(text)
    assert why in caught.value.why
    assert caught.value.text == text


def test_a_loose_range_of_nothing_but_noise_is_refused() -> None:
    with pytest.raises(InvalidRange, match="no part of it"):
        Range.parse("foo bar", loose=True)


def test_satisfies_raises_where_npm_says_false() -> None:
    with pytest.raises(InvalidVersion):
        satisfies("one", "^1")
    with pytest.raises(InvalidRange):
        satisfies("1.0.0", "one")


def test_best_and_worst_choose_among_the_allowed() -> None:
    versions = [Version.parse(text) for text in ("1.0.0", "1.4.0+a", "1.4.0+b", "2.0.0-rc.1", "2.0.0")]
    wanted = Range.parse("^1.0.0")
    assert str(wanted.best(versions)) == "1.4.0+a"
    assert str(wanted.worst(versions)) == "1.0.0"
    assert wanted.best([]) is None
    assert Range.parse(">2").worst(versions) is None


@pytest.mark.parametrize(
    ("one", "two", "meet", "within"),
    [
        pytest.param("^1.2.0", "^1.0.0", True, True, id="within"),
        pytest.param("^1.0.0", "^1.2.0", True, False, id="around"),
        pytest.param("<1.0.0", ">=1.0.0", False, False, id="touching"),
        pytest.param("1.2.3", "1.x || 3.x", True, True, id="one version"),
        pytest.param(">2 <1", "5", False, True, id="the empty range is a subset"),
        pytest.param(">=1.0.0-a <2", ">=1.0.0 <2", True, False, id="a prerelease sticks out"),
        pytest.param("*", "*", True, True, id="everything"),
    ],
)
def test_ranges_compare_as_npm_says(one: str, two: str, meet: bool, within: bool) -> None:
    assert Range.parse(one).intersects(Range.parse(two)) is meet
    assert Range.parse(one).is_subset(Range.parse(two)) is within
