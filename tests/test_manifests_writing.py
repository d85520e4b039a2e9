"""One value has one text; comments stay with the field that they were written at; edits touch what they name."""

from __future__ import annotations

from typing import Any

import pytest

from gitreg.errors import UsageError
from gitreg.kinds import KIND_TYPES, Config, Model
from gitreg.manifests import (
    dump_yaml,
    edit_manifest,
    format_manifest,
    manifest_from_data,
    read_manifest,
    schema_line,
    to_data,
    write_manifest,
)
from gitreg.refs import Address

HEAD = """\
# yaml-language-server: $schema=../../../.gitreg/schemas/v1/config.schema.json
apiVersion: gitreg/v1
kind: Config
metadata:
  namespace: acme
  name: c
  version: 1.0.0
"""


def formatted(text: str) -> str:
    made, findings = format_manifest(text.encode())
    assert made is not None, findings
    again, _ = format_manifest(made)
    assert again == made, "formatting twice is formatting once"
    assert read_manifest(made).manifest == read_manifest(text.encode()).manifest
    return made.decode()


# The schema line


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(Address("Registry", "", "registry"), ".gitreg/schemas/v1/registry.schema.json", id="top"),
        pytest.param(Address("Role", "", "reader"), "../.gitreg/schemas/v1/role.schema.json", id="one-down"),
        pytest.param(
            Address("Namespace", "acme", "acme"), "../.gitreg/schemas/v1/namespace.schema.json", id="namespace"
        ),
        pytest.param(
            Address("Namespace", "a/b/c", "a/b/c"), "../../../.gitreg/schemas/v1/namespace.schema.json", id="deep"
        ),
        pytest.param(
            Address("Model", "acme", "m", "1.0.0"), "../../../.gitreg/schemas/v1/model.schema.json", id="model"
        ),
        pytest.param(
            Address("TestSuite", "a/b/c", "m", "1.0.0"),
            "../../../../../.gitreg/schemas/v1/suite.schema.json",
            id="suite",
        ),
        pytest.param(
            Address("Aliases", "a", "m", of="Dataset"), "../../../.gitreg/schemas/v1/aliases.schema.json", id="aliases"
        ),
    ],
)
def test_the_schema_line_leads_from_the_file_to_the_schema(address: Address, expected: str) -> None:
    assert schema_line(address) == f"# yaml-language-server: $schema={expected}\n"


def test_an_old_schema_line_is_replaced_and_not_doubled() -> None:
    text = "# yaml-language-server: $schema=elsewhere.json\n" + Model.example
    assert formatted(text) == formatted(Model.example)
    assert formatted(text).count("yaml-language-server") == 1


# Styles


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("plain words", "plain words", id="plain"),
        pytest.param("no", "'no'", id="norway"),
        pytest.param("y", "'y'", id="y"),
        pytest.param("true", "'true'", id="true"),
        pytest.param("null", "'null'", id="null"),
        pytest.param("~", "'~'", id="tilde"),
        pytest.param("", "''", id="empty"),
        pytest.param("1", "'1'", id="integer"),
        pytest.param("1.5", "'1.5'", id="float"),
        pytest.param("1e3", "'1e3'", id="float-of-1.2-only"),
        pytest.param("012", "'012'", id="octal"),
        pytest.param("0x1f", "'0x1f'", id="hexadecimal"),
        pytest.param("1_000", "'1_000'", id="underscore"),
        pytest.param("1:30", "'1:30'", id="sexagesimal"),
        pytest.param(".inf", "'.inf'", id="infinity"),
        pytest.param("2026-01-01", "'2026-01-01'", id="date"),
        pytest.param("1.2.3", "1.2.3", id="version"),
        pytest.param("<<", "'<<'", id="merge"),
        pytest.param("=", "'='", id="equals"),
        pytest.param("a: b", "'a: b'", id="colon"),
        pytest.param("a #b", "'a #b'", id="hash"),
        pytest.param("a#b", "a#b", id="hash-inside"),
        pytest.param("it's", "it's", id="apostrophe"),
        pytest.param("- a", "'- a'", id="dash"),
        pytest.param(" a", "' a'", id="leading-blank"),
        pytest.param("a\tb", '"a\\tb"', id="tab"),
        pytest.param("ä", "ä", id="letters"),
        pytest.param("a\nb", "|-\n  a\n  b", id="two-lines"),
        pytest.param("a\nb\n", "|\n  a\n  b", id="two-lines-and-an-end"),
        pytest.param("a\n\nb\n", "|\n  a\n\n  b", id="a-blank-line"),
        pytest.param("a\n# b\n", "|\n  a\n  # b", id="no-comment"),
        pytest.param("a\n\n", '"a\\n\\n"', id="blank-lines-at-the-end"),
        pytest.param("\na", '"\\na"', id="begins-with-a-line-end"),
        pytest.param("  a\nb", '"  a\\nb"', id="begins-with-blanks"),
        pytest.param("a \nb", '"a \\nb"', id="blank-before-a-line-end"),
        pytest.param("a\r\nb", '"a\\r\\nb"', id="carriage-return"),
        pytest.param("a\u2028b", '"a\\Lb"', id="line-separator"),
        pytest.param("a\x85b", '"a\\Nb"', id="next-line"),
        pytest.param("a\0b", '"a\\0b"', id="nul"),
        pytest.param("\ufeff", '"\\uFEFF"', id="bom"),
        pytest.param("x" * 500 + " y", "x" * 500 + " y", id="long-lines-are-not-folded"),
        pytest.param(True, "true", id="boolean"),
        pytest.param(None, "null", id="nothing"),
        pytest.param(1, "1", id="one"),
        pytest.param(1.0, "1.0", id="one-point-nought"),
        pytest.param(1e-7, "1.0e-07", id="small"),
        pytest.param(5e-324, "5.0e-324", id="smallest"),
        pytest.param(1e22, "1.0e+22", id="large"),
        pytest.param([], "[]", id="no-items"),
        pytest.param({}, "{}", id="no-fields"),
        pytest.param([[1], {"a": []}], "\n- - 1\n- a: []", id="nested"),
    ],
)
def test_a_value_has_one_spelling(value: Any, expected: str) -> None:
    written = dump_yaml({"x": value})
    assert written == f"x:{'' if expected.startswith(chr(10)) else ' '}{expected}\n"
    data = {
        "apiVersion": "gitreg/v1",
        "kind": "Config",
        "metadata": {"namespace": "acme", "name": "c", "version": "1.0.0"},
        "spec": {"value": {"x": value}},
    }
    manifest = manifest_from_data(data).manifest
    assert manifest is not None
    again = read_manifest(write_manifest(manifest)).manifest
    assert isinstance(again, Config)
    got = again.spec.value["x"]
    assert got == value
    assert type(got) is type(value)


def test_keys_stand_in_the_order_of_the_schema_and_free_keys_in_their_own() -> None:
    text = HEAD + "spec:\n  valueSchema: true\n  value:\n    b: {d: 1, c: 2}\n    a: [2, 1]\n"
    assert formatted(text) == HEAD + (
        "spec:\n  value:\n    a:\n    - 2\n    - 1\n    b:\n      c: 2\n      d: 1\n  valueSchema: true\n"
    )


def test_what_is_null_where_nothing_may_stand_is_left_out() -> None:
    text = Model.example.replace("  license: apache-2.0\n", "  license: null\n")
    assert "license" not in formatted(text)


@pytest.mark.parametrize(
    ("kind", "old", "new", "kept"),
    [
        pytest.param(
            "TestSuite",
            "    input:\n      ticket: My invoice is wrong.\n",
            "    input: null\n",
            "    input: null\n",
            id="required",
        ),
        pytest.param(
            "TestSuite",
            "    timeout: 5000\n",
            "    expectedOutput: null\n",
            "    expectedOutput: null\n",
            id="optional",
        ),
        pytest.param(
            "PipelineTemplate", "      default: 30000\n", "      default: null\n", "      default: null\n", id="default"
        ),
    ],
)
def test_what_is_null_where_any_value_may_stand_is_kept(kind: str, old: str, new: str, kept: str) -> None:
    assert old in KIND_TYPES[kind].example
    assert kept in formatted(KIND_TYPES[kind].example.replace(old, new))


def test_windows_line_ends_become_unix_ones() -> None:
    assert formatted(Model.example.replace("\n", "\r\n")) == formatted(Model.example)


def test_a_text_that_cannot_be_read_is_not_formatted() -> None:
    made, findings = format_manifest(b"a: [", path="x.yaml")
    assert made is None
    assert [(finding.rule, finding.path) for finding in findings] == [("GR-001", "x.yaml")]


# Comments

SPEC = "spec:\n  value: {}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "# first\n" + HEAD.split("\n", 1)[1] + SPEC, HEAD.replace("apiV", "# first\napiV") + SPEC, id="at-the-top"
        ),
        pytest.param(HEAD + SPEC + "# last\n", HEAD + SPEC + "# last\n", id="at-the-end"),
        pytest.param(HEAD + "spec:  # why\n  value: {}\n", HEAD + "spec: # why\n  value: {}\n", id="behind-a-mapping"),
        pytest.param(
            HEAD + "spec:\n  value: {}   # why\n", HEAD + "spec:\n  value: {} # why\n", id="behind-an-empty-mapping"
        ),
        pytest.param(
            HEAD + "spec:\n  # a\n\n\n  # b\n  value: {}\n",
            HEAD + "spec:\n  # a\n\n  # b\n  value: {}\n",
            id="blank-lines",
        ),
        pytest.param(
            HEAD + "spec:\n# not indented\n  value: {}\n",
            HEAD + "spec:\n  # not indented\n  value: {}\n",
            id="indentation",
        ),
        pytest.param(
            HEAD + "spec:\n  value:\n    b: 1 # of b\n    # above a\n    a: 2\n",
            HEAD + "spec:\n  value:\n    # above a\n    a: 2\n    b: 1 # of b\n",
            id="a-comment-moves-with-its-field",
        ),
        pytest.param(
            HEAD
            + "spec:\n  value:\n    a:\n      # of the first\n      - 1\n      - 2 # the second\n      # the end\n",
            HEAD + "spec:\n  value:\n    a:\n    # of the first\n    - 1\n    - 2 # the second\n# the end\n",
            id="in-a-list",
        ),
        pytest.param(
            HEAD + "spec:\n  value:\n    a: |  # why\n      # text\n      b # text\n    c: 1\n",
            HEAD + "spec:\n  value:\n    # why\n    a: |\n      # text\n      b # text\n    c: 1\n",
            id="a-block-of-text",
        ),
        pytest.param(
            HEAD + "spec:\n  value:\n    a: |\n      b\n\n    # of c\n    c: 1\n",
            HEAD + "spec:\n  value:\n    a: |\n      b\n\n    # of c\n    c: 1\n",
            id="a-blank-line-below-a-block-of-text",
        ),
        pytest.param(
            HEAD + 'spec:\n  value:\n    a: \'x # y\'  # z\n    b: x#y # z\n    c: "\\"# x" # z\n',
            HEAD + "spec:\n  value:\n    a: 'x # y' # z\n    b: x#y # z\n    c: '\"# x' # z\n",
            id="a-hash-in-a-text",
        ),
        pytest.param(
            HEAD + 'spec:\n  value:\n    a: "x\n      # y\n      z" # w\n',
            HEAD + "spec:\n  value:\n    a: 'x # y z' # w\n",
            id="a-quoted-text-of-many-lines",
        ),
        pytest.param(
            HEAD + "spec:\n  value: {a: 1, # of a\n    b: 2} # of b\n",
            HEAD + "spec:\n  value:\n    a: 1 # of a\n    b: 2 # of b\n",
            id="flow",
        ),
        pytest.param(
            HEAD + "spec:\n  value:\n    a:\n      - b: 1 # of b\n        a: 2 # of a\n",
            HEAD + "spec:\n  value:\n    a:\n    - a: 2 # of a\n      b: 1 # of b\n",
            id="in-a-list-of-mappings",
        ),
        pytest.param(
            HEAD + "spec:\n  value: {}\n  release: null # gone\n",
            HEAD + "# gone\nspec:\n  value: {}\n",
            id="of-a-field-that-goes",
        ),
        pytest.param(HEAD + SPEC + "# a\n...\n", HEAD + SPEC + "# a\n", id="before-the-end-marker"),
        pytest.param("# a\n---\n# b\n" + HEAD + SPEC, HEAD.replace("apiV", "# a\n# b\napiV") + SPEC, id="start-marker"),
        pytest.param(
            "---  # x\n" + HEAD + SPEC, HEAD.replace("apiV", "# x\napiV") + SPEC, id="behind-the-start-marker"
        ),
        pytest.param("\ufeff".lstrip("\ufeff") + HEAD + SPEC + "\n\n\n", HEAD + SPEC, id="blank-lines-at-the-end"),
    ],
)
def test_a_comment_stays_with_its_field(text: str, expected: str) -> None:
    assert formatted(text) == expected


# Editing


def edited(text: str, put: dict[str, Any] | None = None, remove: tuple[str, ...] = ()) -> str:
    made, reading = edit_manifest(text.encode(), put=put or {}, remove=remove)
    assert made is not None, reading.findings
    assert read_manifest(made).manifest == reading.manifest
    return made.decode()


@pytest.mark.parametrize(
    ("put", "remove", "expected"),
    [
        pytest.param({"spec.value": {"b": 2}}, (), "spec:\n  # list\n  value:\n    b: 2\n", id="a-field"),
        pytest.param({"spec.value.b": 2}, (), "spec:\n  value:\n    a: # list\n    - 1\n    - 2\n    b: 2\n", id="new"),
        pytest.param(
            {"spec.value.b.c.d": 2},
            (),
            "spec:\n  value:\n    a: # list\n    - 1\n    - 2\n    b:\n      c:\n        d: 2\n",
            id="new-and-deep",
        ),
        pytest.param({"spec.value.a[0]": 5}, (), "spec:\n  value:\n    a: # list\n    - 5\n    - 2\n", id="an-item"),
        pytest.param(
            {"spec.value.a.1": 5}, (), "spec:\n  value:\n    a: # list\n    - 1\n    - 5\n", id="an-item-dotted"
        ),
        pytest.param(
            {"spec.value.a[2]": 5},
            (),
            "spec:\n  value:\n    a: # list\n    - 1\n    - 2\n    - 5\n",
            id="the-next-item",
        ),
        pytest.param({}, ("spec.value.a[0]",), "spec:\n  value:\n    a: # list\n    - 2\n", id="an-item-goes"),
        pytest.param({}, ("spec.value.a",), "spec:\n  # list\n  value: {}\n", id="a-field-goes"),
        pytest.param(
            {"spec.value.b": 1}, ("spec.value.a",), "spec:\n  # list\n  value:\n    b: 1\n", id="one-goes-and-one-comes"
        ),
        pytest.param({"spec.value.a": None}, (), "spec:\n  value:\n    a: null # list\n", id="null"),
    ],
)
def test_an_edit_touches_what_it_names(put: dict[str, Any], remove: tuple[str, ...], expected: str) -> None:
    text = HEAD + "spec:\n  value:\n    a: # list\n    - 1\n    - 2\n"
    got = edited(text, put, remove)
    assert got == HEAD + expected


@pytest.mark.parametrize(
    ("put", "remove", "says"),
    [
        pytest.param({"": 1}, (), "path is empty", id="empty"),
        pytest.param({"...": 1}, (), "path is empty", id="only-dots"),
        pytest.param({"metadata.name.x": 1}, (), "`metadata.name.x` cannot be set", id="below-a-text"),
        pytest.param({"metadata.name.x.y": 1}, (), "it ends at 'x'", id="far-below-a-text"),
        pytest.param({"spec.value.a[3]": 1}, (), "`spec.value.a[3]` cannot be set", id="beyond-the-next-item"),
        pytest.param({"spec.value.a.x": 1}, (), "`spec.value.a.x` cannot be set", id="a-name-in-a-list"),
        pytest.param({"spec.value.a[-1]": 1}, (), "cannot be set", id="a-negative-index"),
        pytest.param({}, ("spec.nothing",), "no field `spec.nothing`", id="nothing-to-remove"),
        pytest.param({}, ("spec.value.a[2]",), "no field `spec.value.a[2]`", id="no-item-to-remove"),
        pytest.param({}, ("nothing.at.all",), "it ends at 'nothing'", id="nothing-on-the-way"),
        pytest.param({}, ("",), "path is empty", id="empty-removal"),
    ],
)
def test_an_edit_of_what_is_not_there_is_a_fault_of_the_call(
    put: dict[str, Any], remove: tuple[str, ...], says: str
) -> None:
    text = HEAD + "spec:\n  value:\n    a: [1, 2]\n"
    with pytest.raises(UsageError) as caught:
        edit_manifest(text.encode(), put=put, remove=remove)
    assert says in caught.value.says
    assert caught.value.mend


@pytest.mark.parametrize(
    ("put", "rule", "field"),
    [
        pytest.param({"spec.value": 5}, "GR-003", "spec.value", id="wrong-type"),
        pytest.param({"spec.vlaue": {}}, "GR-003", "spec.vlaue", id="unknown-key"),
        pytest.param({"metadata.version": "1.0"}, "GR-010", "metadata.version", id="bad-version"),
        pytest.param({"metadata.id": "x"}, "GR-019", "metadata.id", id="derived"),
        pytest.param({"kind": "Confg"}, "GR-003", None, id="unknown-kind"),
        pytest.param({"spec.value.x": 2**60}, "GR-001", None, id="too-great-a-number"),
        pytest.param({"spec.value.x": {1, 2}}, "GR-003", None, id="not-json"),
        pytest.param({"spec.value.x": "\ud800"}, "GR-003", None, id="not-unicode"),
        pytest.param({"spec.value.x": "y" * 70_000}, "GR-001", None, id="too-large"),
        pytest.param({"spec.value.x": [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]}, "GR-001", None, id="too-deep"),
    ],
)
def test_an_edit_that_would_not_be_a_manifest_gives_findings(put: dict[str, Any], rule: str, field: str | None) -> None:
    made, reading = edit_manifest((HEAD + SPEC).encode(), put=put, path="x.yaml")
    assert made is None
    assert reading.manifest is None
    assert [(finding.rule, finding.field) for finding in reading.findings] == [(rule, field)]
    assert reading.findings[0].path == "x.yaml"


def test_an_edit_of_a_text_that_cannot_be_read_gives_its_findings() -> None:
    made, reading = edit_manifest(b"a: [", put={"a": 1})
    assert made is None
    assert reading.findings


def test_an_edit_does_not_change_what_it_was_given() -> None:
    value = {"z": [1]}
    edited(HEAD + SPEC, {"spec.value": value})
    assert value == {"z": [1]}


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_plain_data_makes_the_same_manifest_again(kind: str) -> None:
    manifest = read_manifest(KIND_TYPES[kind].example.encode()).manifest
    assert manifest is not None
    assert manifest_from_data(to_data(manifest)).manifest == manifest
