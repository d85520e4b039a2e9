"""Laws of versions and ranges."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from gitreg.versions import InvalidRange, InvalidVersion, Range, Version

numbers = st.one_of(st.integers(0, 3), st.integers(0, 2**53 - 1))
words = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12).filter(
    lambda text: not text.isdigit()
)
identifiers = st.one_of(st.integers(0, 3), st.integers(0, 10**40), st.sampled_from(["a", "b", "-"]), words)
builds = st.lists(st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=5), max_size=2)
prereleases = st.lists(identifiers, max_size=3).map(tuple)
versions = st.builds(Version, numbers, numbers, numbers, prereleases, builds.map(tuple))
releases = st.builds(Version, numbers, numbers, numbers)

digits = st.integers(0, 3)
tails = st.sampled_from([(), (), (0,), (1,), ("a",), ("a", 1)])
near = st.builds(Version, digits, digits, digits, tails)
operators = st.sampled_from(["", "<", "<=", ">", ">=", "^", "~"])
partials = st.one_of(near.map(str), digits.map(str), st.builds("{}.{}".format, digits, digits), st.just("*"))
comparators = st.builds("{}{}".format, operators, partials)
simple_sets = st.lists(comparators, min_size=1, max_size=3).map(" ".join)
hyphens = st.builds("{} - {}".format, partials, partials)
range_texts = st.lists(st.one_of(simple_sets, hyphens), min_size=1, max_size=3).map(" || ".join)
ranges = st.builds(Range.parse, range_texts, include_prerelease=st.booleans())


@given(versions, versions, versions)
def test_order_is_total(one: Version, two: Version, three: Version) -> None:
    assert (one < two) + (one == two) + (one > two) == 1
    assert (one <= two) == (not two < one)
    if one <= two <= three:
        assert one <= three
    if one == two:
        assert hash(one) == hash(two)


@given(versions, versions)
def test_sort_keys_order_as_versions_do(one: Version, two: Version) -> None:
    a, b = one.sort_key(), two.sort_key()
    assert (a < b, a == b) == (one < two, one == two)
    assert (a.encode("ascii") < b.encode("ascii")) == (one < two)


@given(near, near)
def test_sort_keys_order_as_versions_do_when_close(one: Version, two: Version) -> None:
    assert (one.sort_key() < two.sort_key()) == (one < two)


@given(versions)
def test_a_version_is_read_back(version: Version) -> None:
    again = Version.parse(str(version))
    assert again == version
    assert str(again) == str(version)
    assert (again.prerelease, again.build) == (version.prerelease, version.build)
    assert Version.parse_npm(str(version)) == Version.parse_npm(str(version), loose=True) == version


@given(st.text(), st.booleans())
def test_any_text_is_read_or_refused(text: str, loose: bool) -> None:
    for read in (lambda: Version.parse_npm(text, loose=loose), lambda: Range.parse(text, loose=loose)):
        try:
            read()
        except (InvalidVersion, InvalidRange) as fault:
            assert fault.text == text  # noqa: PT017 - both outcomes are good
            assert fault.why  # noqa: PT017
            assert fault.mend  # noqa: PT017


@given(st.builds(Version, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), prereleases))
def test_a_bump_goes_up_to_a_release(version: Version) -> None:
    steps = version.bump("patch"), version.bump("minor"), version.bump("major")
    assert version < steps[0] <= steps[1] <= steps[2]
    assert not any(step.is_prerelease for step in steps)


@given(ranges)
def test_canonical_text_is_read_back(wanted: Range) -> None:
    assert Range.parse(str(wanted), include_prerelease=wanted.include_prerelease) == wanted


@given(range_texts, range_texts, near, st.booleans())
def test_either_is_allowed_iff_one_is_but_for_a_bare_star(one: str, two: str, version: Version, free: bool) -> None:
    both = Range.parse(f"{one} || {two}", include_prerelease=free)
    each = [Range.parse(text, include_prerelease=free).allows(version) for text in (one, two)]
    if str(both) or free or not version.is_prerelease:  # `* || 1.2.3-a` is `*`, to npm and so to us
        assert both.allows(version) == any(each)


@given(range_texts, near)
def test_the_flag_only_widens_for_prereleases(text: str, version: Version) -> None:
    plain, free = Range.parse(text), Range.parse(text, include_prerelease=True)
    if version.is_prerelease:
        assert free.allows(version) or not plain.allows(version)


@given(ranges, ranges)
def test_intersects_is_symmetric_but_for_a_bare_star(one: Range, two: Range) -> None:
    if str(one) and str(two):
        assert one.intersects(two) == two.intersects(one)


@given(range_texts, range_texts, near, st.booleans())
def test_a_release_in_both_is_a_witness(one: str, two: str, version: Version, free: bool) -> None:
    a, b = (Range.parse(text, include_prerelease=free) for text in (one, two))
    if a.allows(version) and b.allows(version) and (free or not version.is_prerelease):
        assert a.intersects(b)


@given(ranges)
def test_a_range_is_a_subset_of_itself(wanted: Range) -> None:
    assert wanted.is_subset(wanted)


@given(range_texts, range_texts, near, st.booleans())
def test_a_subset_allows_no_more(one: str, two: str, version: Version, free: bool) -> None:
    small, big = (Range.parse(text, include_prerelease=free) for text in (one, two))
    if small.is_subset(big) and small.allows(version) and (free or not version.is_prerelease):
        assert big.allows(version)


@given(ranges, st.lists(near, max_size=8))
def test_best_is_the_highest_allowed(wanted: Range, offered: list[Version]) -> None:
    allowed = [version for version in offered if wanted.allows(version)]
    assert wanted.best(offered) == max(allowed, default=None)
    assert wanted.worst(offered) == min(allowed, default=None)


@given(near, near)
def test_caret_keeps_the_leftmost_number_that_is_not_zero(base: Version, version: Version) -> None:
    top = base.major or base.minor or base.patch
    kept = 1 if base.major else 2 if base.minor else 3
    same = version.order[:kept] == base.order[:kept]
    expected = version >= base and same if top else version.order[:3] == (0, 0, 0) and version >= base
    if not version.is_prerelease:
        assert Range.parse(f"^{base}").allows(version) == expected


@given(near, near)
def test_tilde_keeps_major_and_minor(base: Version, version: Version) -> None:
    if not version.is_prerelease:
        expected = version >= base and version.order[:2] == base.order[:2]
        assert Range.parse(f"~{base}").allows(version) == expected


@given(near, near)
def test_a_prerelease_enters_only_where_it_is_named(base: Version, version: Version) -> None:
    if version.is_prerelease and Range.parse(f">={base}").allows(version):
        assert base.is_prerelease
        assert version.order[:3] == base.order[:3]


@given(releases)
def test_exact_allows_itself(version: Version) -> None:
    assert Range.parse(str(version)).allows(version)
