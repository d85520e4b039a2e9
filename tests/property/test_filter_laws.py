"""Laws of filters: what is written reads back, logic is logic, and nothing that anybody types breaks the reader."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitreg_indexer.conditions import All, Any, Condition, Not
from gitreg_indexer.custom_fields import custom_fields
from gitreg_indexer.engine import Scalar
from gitreg_indexer.fields import find, known_fields
from gitreg_indexer.filters import FilterError, format_filter, holds, parse_filter
from gitreg_indexer.filters.syntax import DEEPEST, LONGEST, MOST
from gitreg_indexer.values import values_of

CUSTOM: Final = custom_fields(
    [
        {
            "metadata": {"namespace": "acme/nlp", "name": "accounting", "version": "1.0.0"},
            "spec": {
                "appliesTo": known_fields()["spec.custom"].kinds,
                "schema": {
                    "properties": {
                        "day": {"type": "string", "format": "date"},
                        "cost": {"type": "number"},
                        "open": {"type": "boolean"},
                    }
                },
            },
        }
    ]
)
FREE: Final = ("custom.acme.x", "custom.acme/nlp.other", "value.threshold", "inputSchema.type", 'custom.acme."a key"')
CUSTOM_NAMES: Final = tuple(f"custom.acme/nlp.{name}" for name in ("day", "cost", "open"))


def names_of(*types: str) -> list[str]:
    fields = {field.name: field for field in known_fields().values() if not field.values}
    custom = {name: found for name in CUSTOM_NAMES if (found := find(name, CUSTOM)) is not None}
    return [name for name, field in {**fields, **custom}.items() if field.type in types]


def quoted(text: str) -> str:
    """Put a text in quotes; the other way round than the writer does."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


few_words = st.sampled_from(["a", "b", "gpt-4o", "GPT 4o", "chat", "Straße", "a.b", ""])
words = few_words | st.text(max_size=12)
starred = words.map(lambda text: text.replace("*", "\\*"))
numbers = st.one_of(
    st.sampled_from(["0", "-0", "1", "8000", "0.15", "1e3", "1E-7", "12345678901234567890", "1e22"]),
    st.integers(-(10**6), 10**6).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
days = st.one_of(
    st.sampled_from(["0001-01-01", "1969-12-31", "1970-01-01", "2026-01-31", "9999-12-31"]),
    st.dates(date(1, 1, 1), date(9999, 12, 31)).map(str),
)
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)).map(lambda when: f"{when.isoformat()}Z")  # noqa: DTZ001
versions = st.sampled_from(["0.0.0", "1.0.0", "1.2.3", "2.0.0-rc.1", "2.0.0"])
ranges = st.sampled_from(["^1", "~1.2", "*", "1.x || >=3.0.0 <4", ">=0.0.0-0", "<0.0.0-0", "1.2.3", "1.0.0 - 2.0.0"])
orders = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"])
matches = st.sampled_from(["=", "!=", ":"])


def compared(
    names: list[str], operators: st.SearchStrategy[str], values: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    """Make comparisons of any of the fields with any of the values."""
    return st.builds("{} {} {}".format, st.sampled_from(names), operators, values)


bare_words = st.sampled_from(["a", "gpt-4o", "and", "NOT", "a/b:c@1", "4711", "0042", "4711.0", "true", "x*"])
literals = starred.map(lambda text: quoted(text).replace("\\\\*", "\\*")) | starred.map(
    lambda text: quoted(text).replace("\\\\*", "\\*")[:-1] + "*'"
)
lists = st.lists(literals | bare_words, min_size=1, max_size=3).map(lambda values: f"({', '.join(values)})")
TEXTS: Final = [name for name in names_of("word", "text") if name != "namespace"]
comparisons = st.one_of(
    compared(TEXTS, matches, literals | bare_words | lists),
    compared(["labels.tier", 'labels."my key"', 'externalIds."x y".z', "tags", "provider"], matches, literals | lists),
    compared(names_of("number"), orders, numbers | numbers.map(quoted)),
    compared(names_of("time"), orders, days | moments | moments.map(quoted)),
    compared(names_of("boolean"), matches, st.sampled_from(["true", "false"])),
    compared(["version", "release.previousVersion"], st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), versions),
    compared(["version"], st.just(":"), ranges.map(quoted)),
    compared(list(FREE), matches, literals | bare_words | numbers | days | lists),
    compared(list(FREE), orders, numbers | days | moments),
    compared(["namespace"], matches, st.sampled_from(["acme", "acme/nlp", "'acme*'"])),
    compared(["labels", "custom.acme", "splits"], st.just(":"), st.sampled_from(["tier", "'my key'", "*"])),
    st.sampled_from(sorted(known_fields())).map("has({})".format),
    st.sampled_from(["status = active", "status : Retired", "kind IN (Model, Dataset)", "type = 'image*'"]),
)
filters = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' AND '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' '.join(parts)})"),
        inner.map("NOT ({})".format),
        inner.map("-({})".format),
    ),
    max_leaves=8,
)

scalars: st.SearchStrategy[Scalar] = st.one_of(
    few_words, st.sampled_from([0.0, 1.0, 8000.0, 4711.0]), st.booleans(), versions, days, moments, st.just("4711")
)
paths = st.sampled_from(
    [find(name, CUSTOM).path for name in (*FREE[:4], *CUSTOM_NAMES)]  # type: ignore[union-attr]  # they are there
    + ["metadata.labels.tier", "metadata.tags", "spec.provider", "metadata.version", "spec.lifecycle.status", "kind"]
    + ["registry.createdAt", "registry.seq", "spec.capabilities.contextLength", "spec.capabilities.supportsVision"]
)
records = st.lists(st.tuples(paths, scalars), max_size=12).map(
    lambda stated: [each for path, value in stated for each in values_of({path: value})]
)
namespaces = st.sampled_from([(), ("acme",), ("acme", "acme/nlp")])

Values = list[tuple[str, Scalar]]


def read(text: str) -> Condition:
    assume(len(text) <= LONGEST)
    return parse_filter(text, CUSTOM)


@given(filters)
def test_what_is_written_reads_back(text: str) -> None:
    condition = read(text)
    written = format_filter(condition, CUSTOM)
    assert repr(read(written)) == repr(condition)  # by repr, for to Python 1.0 and True are the same
    assert format_filter(read(written), CUSTOM) == written


@given(filters, filters, records, namespaces)
def test_de_morgan(one: str, two: str, values: Values, within: tuple[str, ...]) -> None:
    def asked(text: str) -> bool:
        return holds(read(text), values, within)

    assert asked(f"NOT ({one} AND {two})") == asked(f"NOT ({one}) OR NOT ({two})")
    assert asked(f"NOT ({one} OR {two})") == asked(f"NOT ({one}) AND NOT ({two})")
    assert asked(f"-({one})") != asked(one)


@given(filters, filters, filters, records, namespaces)
def test_what_binds_tighter(one: str, two: str, three: str, values: Values, within: tuple[str, ...]) -> None:
    a, b, c = (holds(read(text), values, within) for text in (one, two, three))

    def asked(text: str) -> bool:
        return holds(read(text), values, within)

    assert asked(f"{one} AND {two} OR {three}") == (a and (b or c))
    assert asked(f"{one} OR {two} AND {three}") == ((a or b) and c)
    assert asked(f"{one} {two} OR {three}") == (a and (b or c))
    assert asked(f"NOT ({one}) OR {two}") == ((not a) or b)


@given(filters, records, namespaces)
def test_the_simplest_form_means_the_same(text: str, values: Values, within: tuple[str, ...]) -> None:
    condition = read(text)
    for same in (All((condition,)), Any((condition, Any(()))), Not(Not(condition)), All((condition, condition))):
        assert holds(same, values, within) == holds(condition, values, within)
        assert holds(read(format_filter(same, CUSTOM)), values, within) == holds(condition, values, within)


@given(days | moments, days | moments)
def test_a_time_is_before_within_or_after_a_time(stated: str, asked: str) -> None:
    values = list(values_of({"registry": {"createdAt": stated}}))
    before, within, after = (holds(read(f"createdAt {sign} {asked}"), values) for sign in ("<", "=", ">"))
    assert before + within + after == 1
    assert holds(read(f"createdAt <= {asked}"), values) == (before or within)
    assert holds(read(f"createdAt >= {asked}"), values) == (within or after)


@given(versions, versions)
def test_a_version_is_below_equal_to_or_above_a_version(stated: str, asked: str) -> None:
    values: Values = [("metadata.version", stated)]
    below, same, above = (holds(read(f"version {sign} {asked}"), values) for sign in ("<", "=", ">"))
    assert below + same + above == 1
    assert holds(read(f"version <= {asked}"), values) == (below or same)
    assert holds(read(f"version >= {asked}"), values) == (same or above)


@given(st.dates(date(1, 1, 1), date(9999, 12, 30)), st.timedeltas(timedelta(0), timedelta(days=1, microseconds=-1)))
def test_a_moment_is_within_its_day(day: date, into: timedelta) -> None:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + into
    values = list(values_of({"registry": {"createdAt": f"{moment.isoformat().removesuffix('+00:00')}Z"}}))
    assert holds(read(f"createdAt = {day}"), values)
    assert not holds(read(f"createdAt = {day + timedelta(days=1)}"), values)


# Whatever anybody types

PIECES: Final = (
    *("AND", "OR", "NOT", "-", "(", ")", ",", "=", "!=", "<", "<=", ">", ">=", ":", "IN", "and", "in", "has(", "foo("),
    *(
        "provider",
        "contextLength",
        "labels.",
        "tags",
        '"',
        "'",
        "\\",
        "*",
        "~",
        "!",
        ".",
        "\n",
        "\t",
        " ",
        "\x00",
        "8000",
    ),
    *('"a"', "'b'", "custom.acme.x", 'labels."k"', "version", "^1", "createdAt", "2026-01-31", "é", "🎉", "\ud800"),
)
garbage = (
    st.text()
    | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
    | (st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
)


@given(garbage)
def test_garbage_is_refused_and_nothing_else_happens(text: str) -> None:
    found = tried(text)
    if not isinstance(found, FilterError):
        assert repr(parse_filter(format_filter(found, CUSTOM), CUSTOM)) == repr(found)
        return
    assert found.faults
    assert all(0 <= fault.at <= len(text) and fault.says and fault.mend for fault in found.faults)
    assert 1 <= found.column <= len(text) + 1
    assert found.explain()
    assert len(found.as_data()["faults"]) == len(found.faults)


def tried(text: str) -> Condition | FilterError:
    try:
        return parse_filter(text, CUSTOM)
    except FilterError as error:
        return error


HOSTILE: Final = {
    "parentheses": "(" * LONGEST,
    "closing parentheses": ")" * LONGEST,
    "quotes": '"' * LONGEST,
    "escapes": '"' + "\\" * (LONGEST - 1),
    "one name": "a" * LONGEST,
    "dots": "a." * (LONGEST // 2),
    "quoted keys": 'a."b"' * (LONGEST // 5),
    "open quoted keys": 'a."' * (LONGEST // 3),
    "negations": "NOT " * (LONGEST // 4),
    "minus signs": "-" * LONGEST,
    "commas": "a=(" + "b," * 1998,
    "equal signs": "=" * LONGEST,
    "blanks": " " * LONGEST,
    "calls": "a (" * (LONGEST // 3),
    "unknown fields": "a=b " * (LONGEST // 4),
    "unknown fields of all sorts": " ".join(f"contextLenght{n}=1" for n in range(MOST)),
    "in front of parentheses": "a IN" + " " * (LONGEST - 4),
    "stars": f'name = "{"*" * (LONGEST - 9)}"',
    "a range of many": f'version : "{"1.2.3 || " * 400}"',
    "a range of one long word": f'version : "{"1" * 3900}"',
    "words": f'tags : "{"a " * 1990}"',
    "deep": f"{'(NOT ' * DEEPEST}provider = a{')' * DEEPEST}",
    "deep and wide": f"{'(seq = 1 OR ' * DEEPEST}provider = a{' AND seq = 2)' * DEEPEST}",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_filter_is_answered(case: str) -> None:
    """A reader that takes more than linear time would not come back from these."""
    found = tried(HOSTILE[case][:LONGEST])
    if isinstance(found, FilterError):
        assert len(found.explain()) < 10_000
    else:
        assert isinstance(holds(found, [("spec.provider", "a")]), bool)
