"""Whatever the bytes are, reading gives a manifest or says what is wrong, where, and how to mend it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitreg.errors import Finding
from gitreg.kinds import KIND_TYPES, Config, Model
from gitreg.manifests import MAX_BYTES, MAX_DEPTH, manifest_from_data, point_at, read_manifest, split_path

EXAMPLE = Model.example


def findings_of(raw: bytes | str) -> tuple[Finding, ...]:
    reading = read_manifest(raw if isinstance(raw, bytes) else raw.encode())
    assert (reading.manifest is None) == bool(reading.findings)
    return reading.findings


def only(raw: bytes | str) -> Finding:
    (finding,) = findings_of(raw)
    return finding


def replaced(old: str, new: str, text: str = EXAMPLE) -> str:
    assert old in text
    return text.replace(old, new)


def config(value: str) -> str:
    """Give a Config whose value is this YAML, in flow or on one line."""
    head = "apiVersion: gitreg/v1\nkind: Config\nmetadata:\n  namespace: acme\n  name: c\n  version: 1.0.0\n"
    return f"{head}spec:\n  value:\n    x: {value}\n"


def value_of(text: str) -> Any:
    reading = read_manifest(config(text).encode())
    assert isinstance(reading.manifest, Config), reading.findings
    return reading.manifest.spec.value["x"]


# Texts that are not the subset: GR-001

OUTSIDE_THE_SUBSET = [
    pytest.param(b"a: 1\nb: \xff\n", 2, 4, "byte 0xff at offset 8 is not UTF-8", "as UTF-8", id="broken-utf-8"),
    pytest.param("a: é\nb: ".encode() + b"\xc3\n", 2, 4, "byte 0xc3 at offset 9", "as UTF-8", id="cut-utf-8"),
    pytest.param("ä: 1".encode("utf-16"), 1, 1, "byte 0xff at offset 0", "as UTF-8", id="utf-16"),
    pytest.param(b"\xed\xa0\x80: 1\n", 1, 1, "byte 0xed at offset 0", "as UTF-8", id="surrogate-in-utf-8"),
    pytest.param(b"\xef\xbb\xbfa: 1\n", 1, 1, "byte order mark", "without a byte order mark", id="bom"),
    pytest.param("a: \0\n", 1, 4, "control characters", "remove the control character", id="nul"),
    pytest.param("a: é\nb: é\x07\n", 2, 5, "control characters", "remove the control character", id="bell"),
    pytest.param("a: 1\n\tb: 2\n", 2, 1, "not YAML", "spaces, not tabs", id="tab-indentation"),
    pytest.param("a:\n\t- 1\n", 2, 1, "not YAML", "spaces, not tabs", id="tab-before-a-list"),
    pytest.param("a: x\u2028y\n", 1, 5, "U+2028 ends a line for some", r"write \u2028", id="line-separator"),
    pytest.param("a: x\u0085y\n", 1, 5, "U+0085 ends a line for some", r"write \u0085", id="next-line"),
    pytest.param("a: 1\rb: 2\n", 1, 5, "U+000D ends a line for some", "end lines with U+000A", id="old-mac"),
    pytest.param("a: &x 1\n", 1, 4, "anchors (&x)", "write the value out", id="anchor"),
    pytest.param("a: *x\n", 1, 4, "aliases (*x)", "write the value out", id="alias"),
    pytest.param("*x : 1\n", 1, 1, "aliases (*x)", "write the value out", id="alias-as-key"),
    pytest.param("*x\n", 1, 1, "aliases (*x)", "write the value out", id="alias-alone"),
    pytest.param("a: !secret x\n", 1, 4, "tags (!secret)", "remove the tag", id="custom-tag"),
    pytest.param("a: !!str 1\n", 1, 4, "tags (tag:yaml.org,2002:str)", "remove the tag", id="core-tag"),
    pytest.param(
        "a: !!python/object/apply:os.system [x]\n",
        1,
        4,
        "tags (tag:yaml.org,2002:python/object/apply:os.system)",
        "remove the tag",
        id="python-tag",
    ),
    pytest.param("a: !x {b: 1}\n", 1, 4, "tags (!x)", "remove the tag", id="tag-of-a-mapping"),
    pytest.param("a: 1\na: 2\n", 2, 1, "'a' stands here twice", "keep one of the two", id="duplicate-key"),
    pytest.param("a:\n  b: {c: 1, c: 2}\n", 2, 13, "'c' stands here twice", "keep one", id="duplicate-key-nested"),
    pytest.param("a: 1\n'a': 2\n", 2, 1, "'a' stands here twice", "keep one", id="duplicate-key-quoted"),
    pytest.param("- {a: 1}\n- {a: 1, a: 1}\n", 2, 10, "'a' stands here twice", "keep one", id="duplicate-in-a-list"),
    pytest.param("a:\n  <<: {b: 1}\n", 2, 3, "merge keys", "write the fields out", id="merge-key"),
    pytest.param("1: a\n", 1, 1, "the key '1' is not a string", "quote it: '1'", id="integer-key"),
    pytest.param("true: a\n", 1, 1, "the key 'true' is not a string", "quote it: 'true'", id="boolean-key"),
    pytest.param("~: a\n", 1, 1, "the key '~' is not a string", "quote it", id="null-key"),
    pytest.param("1.5: a\n", 1, 1, "the key '1.5' is not a string", "quote it", id="float-key"),
    pytest.param("? [a]\n: b\n", 1, 3, "cannot be a key", "a key of letters", id="list-key"),
    pytest.param("? {a: 1}\n: b\n", 1, 3, "cannot be a key", "a key of letters", id="mapping-key"),
    pytest.param("a: 1\n---\nb: 1\n", 2, 1, "a second document", "one manifest", id="two-documents"),
    pytest.param("%YAML 1.1\n---\na: 1\n", 1, 1, "directives (%)", "remove the line", id="yaml-directive"),
    pytest.param("%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1, "directives (%)", "remove the line", id="tag-directive"),
    pytest.param("", 1, 1, "the file is empty", "gitreg schema KIND --example", id="empty"),
    pytest.param("\n\n", 1, 1, "the file is empty", "gitreg schema KIND --example", id="blank"),
    pytest.param("# a\n# b\n", 1, 1, "the file is empty", "gitreg schema KIND --example", id="only-comments"),
    pytest.param("a" * (MAX_BYTES + 1), 1, 1, "65,537 bytes", "link to it", id="too-large"),
    pytest.param(b"\xff" * 10_000_000, 1, 1, "10,000,000 bytes", "link to it", id="ten-megabytes"),
    pytest.param("[" * 21 + "]" * 21, 1, 21, "deeper than 20", "flatten it", id="21-deep"),
    pytest.param("a: .inf\n", 1, 4, "not finite", "quote it if it is text: '.inf'", id="infinity"),
    pytest.param("a: -.Inf\n", 1, 4, "not finite", "quote it", id="minus-infinity"),
    pytest.param("a: .NaN\n", 1, 4, "not finite", "quote it", id="nan"),
    pytest.param("a: 1e999\n", 1, 4, "not finite", "quote it", id="1e999"),
    pytest.param("a: 9007199254740992\n", 1, 4, "beyond 2^53 - 1", "quote it", id="2-to-the-53"),
    pytest.param("a: -9007199254740992\n", 1, 4, "beyond 2^53 - 1", "quote it", id="minus-2-to-the-53"),
    pytest.param("a: " + "9" * 60_000 + "\n", 1, 4, "beyond 2^53 - 1", "quote it", id="60000-digits"),
    pytest.param("a: 012\n", 1, 4, "read this number differently", "quote it if it is text: '012'", id="octal-1.1"),
    pytest.param("a: 0o14\n", 1, 4, "read this number differently", "quote it", id="octal-1.2"),
    pytest.param("a: 0x1f\n", 1, 4, "read this number differently", "quote it", id="hexadecimal"),
    pytest.param("a: 0b11\n", 1, 4, "read this number differently", "quote it", id="binary"),
    pytest.param("a: 1_000\n", 1, 4, "read this number differently", "quote it", id="underscore"),
    pytest.param("a: 1_000.5\n", 1, 4, "read this number differently", "quote it", id="underscore-in-a-float"),
    pytest.param('a: "\\ud800"\n', 1, 7, "not YAML", "mend the syntax", id="lone-surrogate"),
    pytest.param('a: "\\udc00x"\n', 1, 7, "not YAML", "mend the syntax", id="lone-low-surrogate"),
    pytest.param("a: b: c\n", 1, 5, "mapping values", "quote the text that has a ': '", id="colon-in-text"),
    pytest.param("a: [1\n", 2, 1, "not YAML", "mend the syntax", id="open-bracket"),
    pytest.param("a: 'x\n", 2, 1, "not YAML", "mend the syntax", id="open-quote"),
    pytest.param("a: @x\n", 1, 4, "not YAML", "mend the syntax", id="reserved-character"),
    pytest.param("a: |\n x\n  y\nb\n", 5, 1, "not YAML", "mend the syntax", id="text-without-a-colon"),
]


@pytest.mark.parametrize(("raw", "line", "column", "says", "mend"), OUTSIDE_THE_SUBSET)
def test_what_is_not_the_subset_is_refused_with_its_place(
    raw: bytes | str, line: int, column: int, says: str, mend: str
) -> None:
    (finding,) = (found for found in findings_of(raw) if found.rule == "GR-001")
    assert finding.slug == "yaml-subset"
    assert finding == findings_of(raw)[0]
    assert (finding.line, finding.column) == (line, column)
    assert says in finding.says
    assert mend in finding.mend


def test_twenty_levels_are_not_too_deep() -> None:
    inner = MAX_DEPTH - 3  # the manifest, spec and value are levels too
    assert value_of("[" * inner + "]" * inner) is not None
    assert "deeper than 20" in only(config("[" * (inner + 1) + "]" * (inner + 1))).says


def test_a_file_of_64_kib_is_not_too_large() -> None:
    padding = "#" * (MAX_BYTES - len(EXAMPLE.encode()) - 1) + "\n"
    raw = (EXAMPLE + padding).encode()
    assert len(raw) == MAX_BYTES
    assert findings_of(raw) == ()


BOMBS = [
    pytest.param(
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)),
        id="billion-laughs",
    ),
    pytest.param("- *a\n" * 13_000, id="aliases"),
    pytest.param("- &a\n" * 13_000, id="anchors"),
    pytest.param("- 012\n" * 10_000, id="bad-numbers"),
    pytest.param("a: 1\n" * 13_000, id="duplicate-keys"),
    pytest.param("[" * 60_000, id="brackets"),
    pytest.param("- " * 30_000, id="dashes"),
    pytest.param("? " * 30_000, id="question-marks"),
    pytest.param("{a: " * 10_000, id="mappings"),
    pytest.param("\r" * 60_000, id="carriage-returns"),
    pytest.param(EXAMPLE + "".join(f"k{n}: 1\n" for n in range(7000)), id="unknown-keys"),
    pytest.param(replaced("  - support\n", "  - S\n" * 10_000), id="bad-tags"),
]


@pytest.mark.parametrize("text", BOMBS)
def test_a_bomb_costs_no_more_than_its_bytes(text: str) -> None:
    assert len(text) <= MAX_BYTES
    started = time.monotonic()
    assert findings_of(text)
    assert time.monotonic() - started < 5, "not a benchmark: only against what grows faster than its input"


# What plain words mean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("no", "no", id="no"),
        pytest.param("yes", "yes", id="yes"),
        pytest.param("on", "on", id="on"),
        pytest.param("off", "off", id="off"),
        pytest.param("y", "y", id="y"),
        pytest.param("2026-01-01", "2026-01-01", id="date"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z", id="time"),
        pytest.param("1:30", "1:30", id="sexagesimal"),
        pytest.param("1:30.5", "1:30.5", id="sexagesimal-float"),
        pytest.param("1.0.0", "1.0.0", id="version"),
        pytest.param("=", "=", id="equals"),
        pytest.param("<<", "<<", id="merge-as-value"),
        pytest.param("true", True, id="true"),
        pytest.param("False", False, id="False"),
        pytest.param("tRue", "tRue", id="odd-case"),
        pytest.param("null", None, id="null"),
        pytest.param("~", None, id="tilde"),
        pytest.param("", None, id="nothing"),
        pytest.param("0", 0, id="zero"),
        pytest.param("-0", 0, id="minus-zero"),
        pytest.param("+7", 7, id="plus"),
        pytest.param("9007199254740991", 2**53 - 1, id="greatest"),
        pytest.param("1.0", 1.0, id="float"),
        pytest.param("1e3", 1000.0, id="exponent"),
        pytest.param("1.5E-7", 1.5e-7, id="small"),
        pytest.param(".5", 0.5, id="leading-dot"),
        pytest.param("5.", 5.0, id="trailing-dot"),
        pytest.param("1e", "1e", id="not-quite-a-float"),
        pytest.param("--1", "--1", id="two-dashes"),
        pytest.param("'012'", "012", id="quoted-octal"),
        pytest.param('".inf"', ".inf", id="quoted-infinity"),
        pytest.param('"a\\tb"', "a\tb", id="escape"),
        pytest.param('"\\U0001F99C"', "🦜", id="escape-beyond-the-plane"),
        pytest.param("{a: [1, b]}", {"a": [1, "b"]}, id="flow"),
        pytest.param("|\n      a\n      b\n", "a\nb\n", id="literal"),
        pytest.param(">-\n      a\n      b\n", "a b", id="folded"),
    ],
)
def test_a_plain_word_means_what_yaml_1_2_says(text: str, expected: Any) -> None:
    got = value_of(text)
    assert got == expected
    assert type(got) is type(expected)


def test_windows_line_ends_are_read() -> None:
    assert read_manifest(EXAMPLE.replace("\n", "\r\n").encode()).manifest == read_manifest(EXAMPLE.encode()).manifest


def test_three_dashes_and_three_dots_are_read() -> None:
    assert findings_of(f"---\n{EXAMPLE}...\n") == ()


# Texts that are YAML and no manifest

NOT_A_MANIFEST = [
    pytest.param("- a\n", 1, 1, None, "GR-003", "not a list", "apiVersion: gitreg/v1", id="list"),
    pytest.param("hello\n", 1, 1, None, "GR-003", "not text", "apiVersion: gitreg/v1", id="text"),
    pytest.param("5\n", 1, 1, None, "GR-003", "not a number", "apiVersion: gitreg/v1", id="number"),
    pytest.param("~\n", 1, 1, None, "GR-003", "not nothing", "apiVersion: gitreg/v1", id="null"),
    pytest.param("{}\n", 1, 1, None, "GR-003", "`kind` is missing", "add `kind: Model`", id="no-kind"),
    pytest.param("knd: Model\n", 1, 1, None, "GR-003", "`kind` is missing", "did you mean `kind` for 'knd'", id="knd"),
    pytest.param("a: 1\nkind: Modle\n", 2, 7, None, "GR-003", "kind 'Modle'", "did you mean 'Model'?", id="Modle"),
    pytest.param("kind: model\n", 1, 7, None, "GR-003", "kind 'model'", "did you mean 'Model'?", id="lower-case"),
    pytest.param("kind: TestResult\n", 1, 7, None, "GR-003", "kind 'TestResult'", "", id="a-fact"),
    pytest.param("kind: Zebra\n", 1, 7, None, "GR-003", "kind 'Zebra'", "write one of: Registry", id="unknown"),
    pytest.param("kind: [Model]\n", 1, 7, None, "GR-003", "kind ['Model']", "", id="list-as-kind"),
    pytest.param("kind: 5\n", 1, 7, None, "GR-003", "kind 5", "write one of", id="number-as-kind"),
]


@pytest.mark.parametrize(("text", "line", "column", "field", "rule", "says", "mend"), NOT_A_MANIFEST)
def test_what_is_no_manifest_is_refused_with_its_place(
    text: str, line: int, column: int, field: str | None, rule: str, says: str, mend: str
) -> None:
    finding = findings_of(text)[0]
    assert (finding.line, finding.column, finding.field, finding.rule) == (line, column, field, rule)
    assert says in finding.says
    assert mend in finding.mend


def test_faults_of_every_layer_are_told_at_once() -> None:
    text = "apiVersion: gitreg/v2\nkind: Modle\nspec:\n  provider: x\n  provider: y\n  description: hm\n"
    told = [(found.rule, found.line, found.field) for found in findings_of(text)]
    assert told == [
        ("GR-001", 5, None),
        ("GR-003", 2, None),
        ("GR-003", 1, "metadata"),
        ("GR-003", 1, "apiVersion"),
        ("GR-003", 3, "spec.type"),
        ("GR-003", 3, "spec.checksum"),
        ("GR-003", 6, "spec.description"),
    ]
    assert findings_of(text)[-1].mend == "did you mean `metadata.description`?"


def test_a_line_is_told_of_once_whatever_layer_finds_it_wrong() -> None:
    text = replaced("contextLength: 32768", "contextLength: 0x1f")
    assert [found.rule for found in findings_of(text)] == ["GR-001"]


WRONG_FIELDS = [
    pytest.param(
        "gitreg/v1",
        "gitreg/v2",
        1,
        13,
        "apiVersion",
        "GR-003",
        "expected 'gitreg/v1'",
        "write `apiVersion",
        id="api-version",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: 1.0",
        6,
        12,
        "metadata.version",
        "GR-010",
        "got 1.0; expected text",
        "major.minor.patch",
        id="version-1.0",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: 1",
        6,
        12,
        "metadata.version",
        "GR-010",
        "got 1; expected text",
        "major.minor.patch",
        id="version-1",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: '1.0'",
        6,
        12,
        "metadata.version",
        "GR-010",
        "major.minor.patch",
        "major.minor.patch",
        id="version-1.0-quoted",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: 01.0.0",
        6,
        12,
        "metadata.version",
        "GR-010",
        "major.minor.patch",
        "no leading zeros",
        id="version-01.0.0",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: 1.0.0+build",
        6,
        12,
        "metadata.version",
        "GR-010",
        "no build metadata",
        "no build metadata",
        id="version-with-build",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: v1.0.0",
        6,
        12,
        "metadata.version",
        "GR-010",
        "major.minor.patch",
        "major.minor.patch",
        id="version-v",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: ' 1.0.0'",
        6,
        12,
        "metadata.version",
        "GR-010",
        "major.minor.patch",
        "major.minor.patch",
        id="version-with-a-blank",
    ),
    pytest.param(
        "version: 1.2.0",
        "version: latest",
        6,
        12,
        "metadata.version",
        "GR-010",
        "major.minor.patch",
        "major.minor.patch",
        id="version-latest",
    ),
    pytest.param(
        "name: summarizer",
        "name: Summarizer",
        5,
        9,
        "metadata.name",
        "GR-005",
        "text that matches",
        "lower-case letters",
        id="name",
    ),
    pytest.param(
        "namespace: acme/nlp",
        "namespace: a/b/c/d",
        4,
        14,
        "metadata.namespace",
        "GR-005",
        "text that matches",
        "one to three",
        id="namespace",
    ),
    pytest.param(
        "  version: 1.2.0\n",
        "",
        3,
        1,
        "metadata.version",
        "GR-003",
        "`version` is missing in `metadata`",
        "add `version`: Its semantic version",
        id="no-version",
    ),
    pytest.param(
        "digest: 3f5a",
        "digest: 3F5A",
        19,
        13,
        "spec.checksum.digest",
        "GR-060",
        "text that matches",
        "sha256sum",
        id="digest-in-capitals",
    ),
    pytest.param(
        "effectiveDate: '2026-07-01'",
        "effectiveDate: 2026-02-30",
        52,
        20,
        "spec.pricing.effectiveDate",
        "GR-003",
        "'2026-02-30'; expected a date",
        "write a date",
        id="no-such-day",
    ),
    pytest.param(
        "effectiveDate: '2026-07-01'",
        "effectiveDate: soon",
        52,
        20,
        "spec.pricing.effectiveDate",
        "GR-003",
        "'soon'; expected a date",
        "write a date",
        id="soon",
    ),
    pytest.param(
        "contextLength",
        "contextLenght",
        23,
        5,
        "spec.capabilities.contextLenght",
        "GR-003",
        "unknown key",
        "did you mean 'contextLength'?",
        id="near-key",
    ),
    pytest.param(
        "contextLength",
        "CONTEXTLENGTH",
        23,
        5,
        "spec.capabilities.CONTEXTLENGTH",
        "GR-003",
        "unknown key",
        "did you mean 'contextLength'?",
        id="key-in-capitals",
    ),
    pytest.param(
        "contextLength",
        "context_length",
        23,
        5,
        "spec.capabilities.context_length",
        "GR-003",
        "unknown key",
        "did you mean 'contextLength'?",
        id="key-as-in-python",
    ),
    pytest.param(
        "contextLength",
        "qqq",
        23,
        5,
        "spec.capabilities.qqq",
        "GR-003",
        "it knows contextLength, ",
        "spec.custom.<namespace>",
        id="far-key",
    ),
    pytest.param(
        "type: completion",
        "type: completon",
        14,
        9,
        "spec.type",
        "GR-003",
        "got 'completon'; expected one of",
        "did you mean 'completion'?",
        id="near-word",
    ),
    pytest.param(
        "type: completion",
        "type: no",
        14,
        9,
        "spec.type",
        "GR-003",
        "got 'no'; expected one of",
        "one of: completion",
        id="norway",
    ),
    pytest.param(
        "    contextLength: 32768",
        "    contextLength: '32768'",
        23,
        20,
        "spec.capabilities.contextLength",
        "GR-003",
        "expected an integer",
        "without quotes",
        id="quoted-integer",
    ),
    pytest.param(
        "    contextLength: 32768",
        "    contextLength: many",
        23,
        20,
        "spec.capabilities.contextLength",
        "GR-003",
        "expected an integer",
        "write an integer",
        id="text-for-integer",
    ),
    pytest.param(
        "supportsStreaming: true",
        "supportsStreaming: yes",
        25,
        24,
        "spec.capabilities.supportsStreaming",
        "GR-003",
        "expected true or false",
        "write true or false",
        id="yes-for-true",
    ),
    pytest.param(
        "owner: nlp-team",
        "owner: 5",
        11,
        10,
        "metadata.owner",
        "GR-003",
        "got 5; expected text",
        "quote it: '5'",
        id="unquoted-number",
    ),
    pytest.param(
        "owner: nlp-team",
        "owner: 129e6",
        11,
        10,
        "metadata.owner",
        "GR-003",
        "got 129000000.0; expected text",
        "quote it: '129e6'",
        id="unquoted-number-that-is-written-otherwise",
    ),
    pytest.param(
        "owner: nlp-team",
        "owner: true",
        11,
        10,
        "metadata.owner",
        "GR-003",
        "got True; expected text",
        "quote it: 'true'",
        id="unquoted-boolean",
    ),
    pytest.param(
        "  - general\n",
        "    general\n",
        16,
        5,
        "spec.category",
        "GR-003",
        "expected a list",
        "begins with '- '",
        id="text-for-list",
    ),
    pytest.param(
        "dataset:acme/nlp/tickets@^1.0",
        "dataset:acme/nlp/tickets@",
        35,
        10,
        "spec.dependencies[0].ref",
        "GR-003",
        "neither a version",
        "write ",
        id="ref-in-a-list",
    ),
    pytest.param(
        "    acme:\n",
        "    Acme:\n",
        57,
        5,
        "spec.custom.Acme",
        "GR-003",
        "got 'Acme'; expected text that matches",
        "",
        id="bad-key-of-a-map",
    ),
    pytest.param(
        "spec:\n",
        "spec:\n  id: abc\n",
        13,
        3,
        "spec.id",
        "GR-019",
        "never written by hand",
        "remove `id`",
        id="derived-id",
    ),
    pytest.param(
        "  tags:\n",
        "  createdAt: '2026-01-01'\n  tags:\n",
        8,
        3,
        "metadata.createdAt",
        "GR-019",
        "derived from Git",
        "under `registry`",
        id="derived-created-at",
    ),
    pytest.param(
        "spec:\n",
        "registry: {}\nspec:\n",
        12,
        1,
        "registry",
        "GR-019",
        "never written by hand",
        "remove `registry`",
        id="derived-registry",
    ),
    pytest.param(
        "    url: https",
        "    id: x\n    url: https",
        44,
        5,
        "spec.endpoints[0].id",
        "GR-003",
        "unknown key 'id'",
        "spec.custom",
        id="an-id-deeper-is-only-unknown",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "column", "field", "rule", "says", "mend"), WRONG_FIELDS)
def test_a_wrong_field_is_refused_with_its_place(
    old: str, new: str, line: int, column: int, field: str, rule: str, says: str, mend: str
) -> None:
    finding = only(replaced(old, new))
    assert (finding.rule, finding.line, finding.column, finding.field) == (rule, line, column, field)
    assert says in finding.says
    assert mend in finding.mend
    assert finding.source == replaced(old, new).split("\n")[line - 1]


@pytest.mark.parametrize(
    ("kind", "old", "new", "line", "column", "field", "mend"),
    [
        pytest.param(
            "Pipeline",
            "timeout: 30000",
            "timeout: soon",
            51,
            14,
            "spec.execution.timeout",
            "write an integer",
            id="plain",
        ),
        pytest.param(
            "Pipeline",
            "      type: model\n",
            "      type: modle\n",
            32,
            13,
            "spec.dag.nodes[1].type",
            "did you mean 'model'?",
            id="tag",
        ),
        pytest.param("Pipeline", "      type: model\n", "", 23, 7, "spec.dag.nodes[1].type", "add `type`", id="no-tag"),
        pytest.param(
            "Pipeline",
            "model: acme/nlp/summarizer@^1.2",
            "model: 5",
            33,
            14,
            "spec.dag.nodes[1].model",
            "quote it",
            id="field-named-as-its-tag",
        ),
        pytest.param(
            "Pipeline",
            "maxAttempts: 3",
            "maxAttempt: 3",
            31,
            9,
            "spec.dag.nodes[1].retry.maxAttempt",
            "did you mean 'maxAttempts'?",
            id="key-below-a-tag",
        ),
        pytest.param(
            "Policy",
            "operator: exists",
            "operator: exist",
            18,
            17,
            "spec.rule.allOf[0].operator",
            "did you mean 'exists'?",
            id="policy",
        ),
    ],
)
def test_a_fault_below_a_choice_of_types_has_the_path_of_the_data(
    kind: str, old: str, new: str, line: int, column: int, field: str, mend: str
) -> None:
    text = replaced(old, new, KIND_TYPES[kind].example)
    finding = next(found for found in findings_of(text) if found.field == field)
    assert (finding.line, finding.column) == (line, column)
    assert mend in finding.mend


@pytest.mark.parametrize(
    "missing",
    [pytest.param(key, id=key) for key in ("apiVersion", "metadata", "spec")],
)
def test_a_missing_block_is_told(missing: str) -> None:
    lines = EXAMPLE.split("\n")
    begins = next(n for n, line in enumerate(lines) if line.startswith(missing))
    ends = next((n for n, line in enumerate(lines) if n > begins and line[:1].isalpha()), len(lines))
    finding = only("\n".join(lines[:begins] + lines[ends:]) + "\n")
    assert (finding.rule, finding.line, finding.column, finding.field) == ("GR-003", 1, 1, missing)
    assert finding.says == f"`{missing}` is missing"


def test_every_fault_is_told_at_once_and_in_the_order_of_the_text() -> None:
    text = EXAMPLE
    for old, new in [
        ("gitreg/v1", "v1"),
        ("name: summarizer", "name: Summarizer"),
        ("version: 1.2.0", "version: 1.0"),
        ("type: completion", "type: magic"),
        ("contextLength: 32768", "contextLenght: 32768"),
        ("method: fine-tuning", "method: 5"),
        ("currency: USD", "currency: dollars"),
        ("input: 0.2", "input: -1"),
    ]:
        text = replaced(old, new, text)
    found = findings_of(text)
    assert [finding.field for finding in found] == [
        "apiVersion",
        "metadata.name",
        "metadata.version",
        "spec.type",
        "spec.capabilities.contextLenght",
        "spec.derivedFrom[0].method",
        "spec.pricing.currency",
        "spec.pricing.perMillionTokens.input",
    ]
    assert [finding.line for finding in found] == sorted(finding.line or 0 for finding in found)


def test_every_fault_of_the_text_is_told_at_once() -> None:
    text = "a: &x 1\nb: *x\nc: !t 1\nc: 012\n5: .inf\n<<: {}\n"
    assert [(finding.line, finding.column) for finding in findings_of(text)] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 1),
        (4, 4),
        (5, 1),
        (5, 4),
        (6, 1),
    ]


def test_the_path_is_named_and_changes_nothing() -> None:
    reading = read_manifest(b"a: [", path="models/x.yaml")
    assert [finding.path for finding in reading.findings] == ["models/x.yaml"]
    assert reading.findings[0].explain().startswith("models/x.yaml:1:5: error GR-001 yaml-subset: not YAML")


def test_an_explanation_shows_the_line_and_a_caret() -> None:
    finding = only(replaced("contextLength", "contextLenght")).at(path="m.yaml")
    assert finding.explain().split("\n") == [
        "m.yaml:23:5: error GR-003 schema: spec.capabilities.contextLenght: unknown key 'contextLenght'",
        "    23 |     contextLenght: 32768",
        "             ^",
        "    mend: did you mean 'contextLength'?",
    ]


def test_a_source_line_is_cut_and_has_no_control_characters() -> None:
    finding = only("a: \x1b[31m" + "x" * 1000)
    assert finding.source is not None
    assert len(finding.source) <= 160
    assert finding.source.isprintable()


# Data without a text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(None, "not nothing", id="none"),
        pytest.param([], "not a list", id="list"),
        pytest.param({"kind": "Zebra"}, "kind 'Zebra'", id="kind"),
        pytest.param({"kind": "Role", "metadata": {1, 2}}, "the data is not JSON", id="a-set"),
        pytest.param({"kind": "Role", 5: 1}, "the data is not JSON", id="integer-key"),
        pytest.param({"kind": "Role", "metadata": "\ud800"}, "the data is not JSON", id="surrogate"),
        pytest.param({"kind": "Role", "metadata": 2**64}, "the data is not JSON", id="huge-integer"),
    ],
)
def test_data_that_is_no_manifest_is_told_and_nothing_is_raised(data: Any, says: str) -> None:
    reading = manifest_from_data(data)
    assert reading.manifest is None
    assert says in reading.findings[0].says


@pytest.mark.parametrize(
    ("field", "line", "column"),
    [
        pytest.param("spec.endpoints[0].url", 44, 10, id="index"),
        pytest.param("spec.endpoints.0.url", 44, 10, id="dotted-index"),
        pytest.param("spec.capabilities.nothing", 22, 3, id="nearest-above"),
        pytest.param("spec.nothing.at.all", 12, 1, id="far-above"),
        pytest.param("nothing", 1, 1, id="the-top"),
    ],
)
def test_a_finding_is_pointed_at_its_field_or_at_the_nearest_above(field: str, line: int, column: int) -> None:
    pointed = point_at(Finding("GR-999", "x", "says", "mend", field=field), EXAMPLE.encode())
    assert (pointed.line, pointed.column) == (line, column)
    assert pointed.source == EXAMPLE.split("\n")[line - 1]


def test_a_path_is_split_at_dots_and_brackets() -> None:
    assert (
        split_path("spec.endpoints[0].url") == ("spec", "endpoints", "0", "url") == split_path("spec.endpoints.0.url")
    )


# Laws

LAW = settings(
    max_examples=tries(150, 1_500),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def assert_answered(raw: bytes) -> None:
    reading = read_manifest(raw)
    assert (reading.manifest is None) == bool(reading.findings)
    lines = raw.decode("utf-8", "replace").split("\n")
    for finding in reading.findings:
        assert finding.says
        assert finding.mend
        assert finding.line is not None
        assert finding.column is not None
        assert 1 <= finding.line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1
        finding.explain()


@LAW
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.text("ab01:-?[]{},&*!|>'\"%@#. \t\n\r\u2028é", max_size=60).map(str.encode),
    )
)
def test_any_bytes_are_answered(raw: bytes) -> None:
    assert_answered(raw)


ODD_PIECES = (
    *(b"\t", b": ", b"- ", b"\n", b"\r\n", b"&a ", b"*a ", b"!t ", b"'", b'"', b"|\n", b">\n", b"#", b"{", b"[", b"}"),
    *("\u2028".encode(), b"\xff", b"\0", b"5", b"~", b"---\n", b"? ", b"<<: *a\n", b"true", b".inf", b"\xef\xbb\xbf"),
)
PIECES = st.one_of(st.binary(max_size=6), st.sampled_from(ODD_PIECES))


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Insert, delete, replace and duplicate slices of an example."""
    raw = draw(st.sampled_from([kind.example.encode() for kind in KIND_TYPES.values()]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 40)))
        match draw(st.sampled_from(["insert", "delete", "replace", "duplicate"])):
            case "insert":
                raw = raw[:start] + draw(PIECES) + raw[start:]
            case "delete":
                raw = raw[:start] + raw[end:]
            case "replace":
                raw = raw[:start] + draw(PIECES) + raw[end:]
            case _:
                raw = raw[:end] + raw[start:end] + raw[end:]
    return raw


@settings(LAW, max_examples=tries(300, 3_000))
@given(mutations())
def test_any_mutation_of_an_example_is_answered(raw: bytes) -> None:
    assert_answered(raw)
