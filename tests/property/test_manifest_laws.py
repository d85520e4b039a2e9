"""What holds for every manifest there can be: it survives writing, formatting, commenting and editing.

- Manifests are made from the types themselves: a field that is added to a kind is in here without a word.
- Texts are unkind on purpose: what looks like a number, a date, a comment, an anchor, a line end of another age.
"""

from __future__ import annotations

import string
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import annotated_types
import pytest
import yaml
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jsonschema import Draft202012Validator
from pydantic import BaseModel, JsonValue, StringConstraints

from gitreg.kinds import KIND_TYPES, Manifest
from gitreg.kinds._base import (
    JsonSchema,
    NameRef,
    Quantity,
    RangeText,
    RefText,
    Text,
    VersionText,
)
from gitreg.kinds.aliases import AliasName
from gitreg.kinds.references import references_in, references_of
from gitreg.kinds.schema import json_schema
from gitreg.manifests import (
    edit_manifest,
    format_manifest,
    is_same,
    manifest_from_data,
    read_manifest,
    to_data,
    write_manifest,
)
from gitreg.refs import is_alias

LAW: Final = settings(
    max_examples=tries(40, 400),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

UNKIND: Final = (
    *("no", "yes", "on", "off", "y", "n", "~", "null", "Null", "true", "False", "nan", ".nan", ".inf", "-.INF"),
    *("1", "-1", "+1", "012", "0o17", "0x1f", "0b11", "1_000", "1.0", "1e3", "1.5e-7", ".5", "5.", "1:30", "-0"),
    *("2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01 10:00", "=", "<<", "---", "...", "--- a", "%YAML 1.1"),
    *("- a", "a: b", "a:", ": a", "? a", "a ? b", "# a", "a # b", "a#b", "[a", "{a", "a]", "a,b", ",", "*a", "&a"),
    *("!t", "!!str x", "|", ">", "|-", "@a", "`a", "'", '"', "''", "it's", 'say "x"', "\\n", "a\\", "%a", "-", "--"),
    *(" a", "a ", "  ", " ", "\ta", "a\tb", "a\t", "a\nb", "a\n", "a\n\n", "\na", "\n", "a\n  b", "  a\nb", "a \nb"),
    *("a\n\nb\n", "a\n# b", "# a\nb", "a: b\nc: d", "a\n---\nb", "a\n...\n", "- a\n- b\n", "a\n\tb", "a\r\nb", "a\rb"),
    *("a\x85b", "a\u2028b", "a\u2029\nb", "\ufeffa", "a\ufeffb", "\x00", "\x7f", "\x1b[0m", "\u200b", "\u202e"),
    *("ä", "日本語", "🦜 parrot", "e\u0301", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U0010ffff", "x" * 200),
)


def texts(most: int = 40) -> SearchStrategy[str]:
    """Make texts that YAML might mistake for something else."""
    return st.one_of(
        st.sampled_from(UNKIND).filter(lambda text: len(text) <= max(most, 200)),
        st.text(max_size=most),
        st.text("ab:#- \n'\"|>", max_size=most),
        st.lists(st.sampled_from(UNKIND), min_size=2, max_size=3).map("\n".join),
    )


INTEGERS: Final = st.integers(-(2**53 - 1), 2**53 - 1)
FLOATS: Final = st.floats(allow_nan=False, allow_infinity=False)
JSON: Final[SearchStrategy[Any]] = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, FLOATS, texts()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts(), inner, max_size=3)),
    max_leaves=6,
)
NAMES: Final = st.sampled_from(["a", "ab", "a-b", "a.b", "a_b", "1a", "10", "x9", "no", "0x1f", "z" * 64])
NAMESPACES: Final = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
NUMBERS: Final = st.integers(0, 2**53 - 1)
RELEASES: Final = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda parts: "{}.{}.{}".format(*parts))
PRERELEASES: Final = st.sampled_from(["", "", "-rc.1", "-0", "-alpha-x.10", "-a.b.c"])
VERSIONS: Final = st.one_of(
    st.sampled_from(["0.0.0", "1.0.0", "1.2.3-rc.1"]), st.builds("".join, st.tuples(RELEASES, PRERELEASES))
)
RANGES: Final = st.sampled_from(["*", "^1", "~1.2", ">=1.0.0 <2.0.0", "1.x || 2.x", "1.0.0 - 2.0.0", "<1", "1"])
SELECTORS: Final = st.one_of(VERSIONS, RANGES, st.sampled_from(["production", "latest", "no"]))
WORDS: Final = st.sampled_from(["", "", "model:", "dataset:", "pipeline:", "template:", "metadata-schema:"])
NAME_REFS: Final = st.builds("{}{}/{}".format, WORDS, NAMESPACES, NAMES)
REFS: Final = st.one_of(NAME_REFS, st.builds("{}@{}".format, NAME_REFS, SELECTORS))
ALIASES: Final = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True).filter(lambda a: a != "latest" and is_alias(a))
QUANTITIES: Final = st.sampled_from(["2", "500m", ".5", "5.", "129e6", "1.5Gi", "1E", "1E-3", "0100n"])

BY_TYPE: Final[tuple[tuple[Any, SearchStrategy[Any]], ...]] = (
    (VersionText, VERSIONS),
    (RangeText, RANGES),
    (RefText, REFS),
    (NameRef, NAME_REFS),
    (AliasName, ALIASES),
    (Quantity, QUANTITIES),
    (Text, texts().filter(bool)),
    (JsonSchema, st.one_of(st.booleans(), st.dictionaries(texts(), JSON, max_size=2))),
    (JsonValue, JSON),
    (UUID, st.uuids().map(str)),
    (date, st.dates().map(date.isoformat)),
    (bool, st.booleans()),
    (str, texts()),
)


def strategy_of(annotation: Any, least: int = 0) -> SearchStrategy[Any]:
    """Make values of a type, as JSON data; lists of at least so many."""
    for known, strategy in BY_TYPE:
        if annotation == known:
            return strategy
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return annotated(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        return st.one_of([strategy_of(option) for option in arguments if option is not NoneType])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(strategy_of(arguments[0]), min_size=least, max_size=2)
    if origin is dict:
        return st.dictionaries(strategy_of(arguments[0]), strategy_of(arguments[1]), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return parts(annotation)
    raise AssertionError(f"no strategy for {annotation}: add one")


def annotated(inner: Any, marks: tuple[Any, ...]) -> SearchStrategy[Any]:
    constraints = [mark for mark in marks if isinstance(mark, StringConstraints)]
    if constraints:
        return strings(constraints[0])
    if inner in (int, int | float):
        return numbers(inner, marks)
    least = sum(limit.min_length for limit in limits_of(marks) if isinstance(limit, annotated_types.MinLen))
    return strategy_of(inner).filter(lambda value: len(value) >= least) if least else strategy_of(inner)


def limits_of(marks: tuple[Any, ...]) -> list[Any]:
    return [limit for mark in marks for limit in getattr(mark, "metadata", ())]


def strings(constraints: StringConstraints) -> SearchStrategy[str]:
    shortest, longest = constraints.min_length or 0, constraints.max_length or 64
    pattern = str(constraints.pattern)
    if pattern.startswith("^[^"):  # a line or an identity: anything that the pattern does not refuse
        bare = st.one_of(texts(), st.text(string.printable, min_size=1, max_size=20))
        joined = bare.map(lambda text: " ".join(text.split()))
        return joined.filter(lambda text: shortest <= len(text) <= longest)
    return st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True, alphabet=string.printable.strip() + "ä").filter(
        lambda text: shortest <= len(text) <= longest
    )


def numbers(inner: Any, marks: tuple[Any, ...]) -> SearchStrategy[Any]:
    bounds: dict[str, Any] = {}
    for limit in limits_of(marks):
        if isinstance(limit, annotated_types.Ge):
            bounds["min_value"] = limit.ge
        if isinstance(limit, annotated_types.Le):
            bounds["max_value"] = limit.le
    whole = st.integers(bounds.get("min_value", -(2**53 - 1)), bounds.get("max_value", 2**53 - 1))
    if inner is int:
        return whole
    tiny = st.sampled_from([0.0, 5e-324, 1e-7, 1.5e-300, 0.1, 1e2])
    return st.one_of(whole, tiny, st.floats(allow_nan=False, allow_infinity=False, **bounds))


@cache
def parts(part: type[BaseModel]) -> SearchStrategy[dict[str, Any]]:
    """Make a part: what it requires, and any of what it may have."""
    hints = get_type_hints(part, include_extras=True)
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for name, field in part.model_fields.items():
        least = sum(mark.min_length for mark in field.metadata if isinstance(mark, annotated_types.MinLen))
        strategy = strategy_of(hints[name], least)
        (required if field.is_required() else optional)[field.alias or name] = strategy
    return st.fixed_dictionaries(required, optional=optional)


@cache
def data_of(kind: str) -> SearchStrategy[dict[str, Any]]:
    made = parts(KIND_TYPES[kind])
    return made.map(lambda data: {**data, "kind": kind, "apiVersion": "gitreg/v1"})


@st.composite
def manifests(draw: DrawFn, kinds: tuple[str, ...] = tuple(KIND_TYPES)) -> Manifest:
    reading = manifest_from_data(draw(data_of(draw(st.sampled_from(kinds)))))
    assert reading.manifest is not None, reading.findings
    return reading.manifest


def read_again(raw: bytes) -> Manifest:
    reading = read_manifest(raw)
    assert reading.manifest is not None, reading.findings
    return reading.manifest


def formatted(raw: bytes) -> bytes:
    made, findings = format_manifest(raw)
    assert made is not None, findings
    return made


# What is written


@LAW
@given(manifests())
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    again = read_again(write_manifest(manifest))
    assert again == manifest
    assert is_same(to_data(again), to_data(manifest))


@LAW
@given(
    manifests(("Model", "Dataset", "Config", "Pipeline", "PipelineTemplate", "TestSuite", "Namespace", "PolicyLink"))
)
def test_a_manifest_and_its_data_refer_to_the_same(manifest: Manifest) -> None:
    found = list(references_of(manifest))
    assert list(references_in(to_data(manifest))) == found
    assert list(references_in(yaml.safe_load(write_manifest(manifest)))) == found
    assert [ref.ref.written for ref in references_in(to_data(manifest))] == [ref.ref.written for ref in found]


@LAW
@given(manifests())
def test_one_value_has_one_text(manifest: Manifest) -> None:
    written = write_manifest(manifest)
    assert write_manifest(read_again(written)) == written
    assert formatted(written) == written


@LAW
@given(manifests())
def test_a_reader_of_yaml_1_1_reads_the_same(manifest: Manifest) -> None:
    assert is_same(yaml.safe_load(write_manifest(manifest)), to_data(manifest))


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_what_is_written_keeps_the_schema(kind: str) -> None:
    validator = Draft202012Validator(json_schema(kind))

    @settings(LAW, max_examples=tries(10, 80))
    @given(manifests((kind,)))
    def keeps(manifest: Manifest) -> None:
        data = yaml.safe_load(write_manifest(manifest))
        faults: list[str] = [error.message for error in validator.iter_errors(data)]
        assert faults == []

    keeps()


# Comments


def safe_lines(text: str) -> tuple[set[int], set[int]]:
    """Find, by PyYAML's scanner in Python, before which lines and behind which lines a comment may stand."""
    inside: set[int] = set()
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark, token.end_mark
            inside.update(range(start.line + 1, end.line if end.column == 0 else end.line + 1))
    count = text.count("\n")
    return set(range(count + 1)) - inside, set(range(count)) - inside


@st.composite
def commented(draw: DrawFn) -> tuple[Manifest, str, list[str]]:
    """Give a manifest, and its text with comments and blank lines put in at random places."""
    manifest = draw(manifests())
    lines = write_manifest(manifest).decode().split("\n")[1:-1]
    before, behind = safe_lines("\n".join(lines) + "\n")
    notes: list[str] = []

    def note() -> str:
        notes.append(f"# note-{len(notes)}!" + draw(st.sampled_from(["", " x", ": y", " # z", " 'q", ' "q', " ü"])))
        return notes[-1]

    out: list[str] = []
    for number, line in enumerate([*lines, ""]):
        indent = line[: len(line) - len(line.lstrip(" "))]
        if number in before:
            blanks = st.sampled_from(["", " ", indent])
            count = draw(st.sampled_from([0, 0, 0, 1, 2]))
            out.extend(draw(blanks) + (note() if draw(st.booleans()) else "") for _ in range(count))
        if number < len(lines):
            trails = number in behind and draw(st.sampled_from([False, False, True]))
            out.append(f"{line} {note()}" if trails else line)
    return manifest, "\n".join(out) + "\n", notes


def counts(notes: list[str], raw: bytes) -> list[int]:
    lines = raw.decode().split("\n")
    return [sum(line.endswith(note) for line in lines) for note in notes]


@LAW
@given(commented())
def test_formatting_keeps_each_comment_once(case: tuple[Manifest, str, list[str]]) -> None:
    manifest, text, notes = case
    assert read_again(text.encode()) == manifest
    made = formatted(text.encode())
    assert read_again(made) == manifest
    assert counts(notes, made) == [1] * len(notes)
    assert formatted(made) == made


@LAW
@given(commented(), st.data())
def test_formatting_keeps_comments_of_a_text_in_another_order(
    case: tuple[Manifest, str, list[str]], data: st.DataObject
) -> None:
    manifest, text, notes = case
    blocks = blocks_of(text)
    shuffled = "".join(data.draw(st.permutations(blocks)))
    made = formatted(shuffled.encode())
    assert read_again(made) == manifest
    assert counts(notes, made) == [1] * len(notes)
    assert formatted(made) == made


def blocks_of(text: str) -> list[str]:
    """Cut a text before each of its top-level fields; comments go with the field that follows."""
    blocks, pending = [], ""
    for line in text.splitlines(keepends=True):
        begins = line[:1].isalpha()
        if begins and blocks_begin(pending):
            blocks.append(pending)
            pending = ""
        pending += line
    return [*blocks, pending]


def blocks_begin(pending: str) -> bool:
    return any(line[:1].isalpha() for line in pending.splitlines())


# Editing


@LAW
@given(commented(), texts().filter(bool), st.booleans())
def test_editing_is_editing_the_data_and_keeps_comments(
    case: tuple[Manifest, str, list[str]], description: str, wants_removal: bool
) -> None:
    manifest, text, notes = case
    data = to_data(manifest)
    removable = [key for key in ("tags", "docs", "labels") if wants_removal and key in data["metadata"]]
    edited, reading = edit_manifest(
        text.encode(),
        put={"metadata.description": description},
        remove=[f"metadata.{key}" for key in removable],
    )
    for key in removable:
        del data["metadata"][key]
    data["metadata"]["description"] = description
    assert edited is not None, reading.findings
    assert reading.manifest == read_again(edited) == manifest_from_data(data).manifest
    assert counts(notes, edited) == [1] * len(notes)
