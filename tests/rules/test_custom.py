"""A namespace's own fields keep its schemas, and a schema keeps what has landed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    config,
    expect,
    judge,
    model,
    namespace,
    new_registry,
    path_of,
    rules_with,
    versioned,
)

from gitreg.kinds.metadata_schema import ValidationRule
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.validation import Change, check
from gitreg_validators.custom import MOST_TOLD, RULES, keeps

Files = dict[str, bytes]
CENTRE = {"type": "object", "properties": {"centre": {"type": "string"}}, "additionalProperties": False}


def schema(version: str = "1.0.0", *, name: str = "s", where: str = "acme", put: Any = None, **spec: Any) -> Files:
    raw = versioned("MetadataSchema", name, version, where, schema=CENTRE if put is None else put, **spec)
    return {path_of(name, version, where, "metadata-schemas"): raw}


def has(
    value: Any = None, *, name: str = "new", version: str = "1.0.0", where: str = "acme", of: str = "acme", **spec: Any
) -> Files:
    custom = {} if value is None else {"custom": {of: value}}
    return {path_of(name, version, where): model(name, version, where, **custom, **spec)}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("custom"), BASE).snapshot()


CUSTOM = rules_with(RULES, "GR-082")
OPEN = {"type": "object"}
RANGE = {"type": "range", "path": "n", "config": {"min": 1}, "message": "At least one."}
FIELDS = [
    Case("no schema", has({"centre": 1})),
    Case("no fields", has(), over=schema()),
    Case("it fits", has({"centre": "a"}), over=schema()),
    Case(
        "a wrong type",
        has({"centre": 1}),
        "metadata-schema:acme/s@1.0.0 does not allow it: 1 is not of type",
        "spec.custom.acme.centre",
        over=schema(),
    ),
    Case("an unknown key", has({"center": "a"}), "'center' was unexpected", "spec.custom.acme", over=schema()),
    Case(
        "an item",
        has({"l": ["a", 1]}),
        "1 is not of type 'string'",
        "spec.custom.acme.l[1]",
        over=schema(put={"properties": {"l": {"items": {"type": "string"}}}}),
    ),
    Case("fields of another namespace", has({"centre": 1}, of="other"), over=schema()),
    Case(
        "fields of another namespace that has a schema",
        has({"centre": 1}, of="other"),
        "other/s@1.0.0 does not",
        "spec.custom.other.centre",
        over=schema(where="other"),
    ),
    Case(
        "a record elsewhere",
        has({"centre": 1}, where="other"),
        "acme/s@1.0.0 does not",
        "spec.custom.acme.centre",
        over=schema(),
    ),
    Case("the schema of the namespace above", has({"centre": 1}, of="acme/nlp"), over=schema()),
    Case(
        "another kind", {path_of("new", folder="configs"): config("new", custom={"acme": {"centre": 1}})}, over=schema()
    ),
    Case(
        "its kind",
        {path_of("new", folder="configs"): config("new", custom={"acme": {"centre": 1}})},
        "not of type",
        "spec.custom.acme.centre",
        over=schema(appliesTo=["Model", "Config"]),
    ),
    Case("a kind without such fields", {"namespaces/x.yaml": namespace("x")}, over=schema()),
    Case("the highest version counts", has({"centre": 1}), over={**schema(), **schema("1.1.0", put=OPEN)}),
    Case(
        "a retired one does not count",
        has({"centre": 1}),
        "s@1.0.0 does not",
        "spec.custom.acme.centre",
        over={**schema(), **schema("1.1.0", put=OPEN, lifecycle={"status": "retired"})},
    ),
    Case("all are retired", has({"centre": 1}), over=schema(lifecycle={"status": "retired"})),
    Case(
        "a deprecated one counts",
        has({"centre": 1}),
        "s@1.0.0 does not",
        "spec.custom.acme.centre",
        over=schema(lifecycle={"status": "deprecated"}),
    ),
    Case(
        "one that cannot be read does not count",
        has({"centre": 1}),
        "s@1.0.0 does not",
        "spec.custom.acme.centre",
        over={**schema(), path_of("s", "1.1.0", folder="metadata-schemas"): b"nothing"},
    ),
    Case(
        "two schemas",
        has({"centre": 1}),
        "acme/t@1.0.0 does not",
        "spec.custom.acme.centre",
        over={**schema(put=OPEN), **schema(name="t")},
    ),
    Case("a schema that comes with it", {**has({"centre": 1}), **schema()}, "not of type", "spec.custom.acme.centre"),
    Case(
        "a landed record that never fitted",
        {path_of(): model(custom={"acme": {"centre": 1}}, description="New.")},
        over={path_of(): model(custom={"acme": {"centre": 1}}), **schema()},
    ),
    Case(
        "a landed record that fits no more",
        {path_of(): model(custom={"acme": {"centre": 1}})},
        "not of type",
        "spec.custom.acme.centre",
        over=schema(),
    ),
    Case(
        "a schema that lets nothing pass",
        has({}),
        "False schema does not allow",
        "spec.custom.acme",
        over=schema(put=False),
    ),
    Case(
        "a reference to nowhere",
        has({}),
        "the schema cannot be applied (",
        "spec.custom.acme",
        over=schema(put={"$ref": "https://example.com/s.json"}),
    ),
    Case(
        "a pattern that is none",
        has({"a": "b"}),
        "the schema cannot be applied (",
        "spec.custom.acme",
        over=schema(put={"properties": {"a": {"pattern": "("}}}),
    ),
    Case(
        "a further rule",
        has({"n": 0}),
        "At least one. (got 0)",
        "spec.custom.acme.n",
        over=schema(put=OPEN, validationRules=[RANGE]),
    ),
    Case("a further rule that is kept", has({"n": 1}), over=schema(put=OPEN, validationRules=[RANGE])),
    Case("a further rule on what is not there", has({}), over=schema(put=OPEN, validationRules=[RANGE])),
]


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case.name)
def test_fields_keep_their_schemas(base: Snapshot, case: Case) -> None:
    expect(base, case, CUSTOM)


def test_each_misfit_is_told(base: Snapshot) -> None:
    over = schema(put={"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}, validationRules=[RANGE])
    found = judge(base, Case("", has({"b": 1, "a": 1, "n": 0}), over=over), CUSTOM)
    assert sorted(finding.field or "" for finding in found) == [
        "spec.custom.acme.a",
        "spec.custom.acme.b",
        "spec.custom.acme.n",
    ]
    assert {rule.name: rule.runs_apart for rule in RULES} == {
        "check_compatible": True,
        "check_fields": True,
        "check_required": False,
        "check_schema_is_usable": True,
        "check_unique": False,
    }


@pytest.mark.parametrize(
    ("sort", "config", "value", "kept"),
    [
        ("regex", {"pattern": "^a"}, "abc", True),
        ("regex", {"pattern": "^b"}, "abc", False),
        ("regex", {"pattern": "b"}, "abc", True),
        ("regex", {"pattern": "1"}, 1, False),
        ("regex", {"pattern": "("}, "(", False),
        ("regex", {}, "a", False),
        ("range", {"min": 1, "max": 3}, 1, True),
        ("range", {"min": 1, "max": 3}, 3.0, True),
        ("range", {"min": 1, "max": 3}, 0, False),
        ("range", {"min": 1, "max": 3}, 4, False),
        ("range", {"min": 1}, 99, True),
        ("range", {"max": 3}, -99, True),
        ("range", {"max": 3}, 4, False),
        ("range", {"min": True}, 0, True),
        ("range", {"min": 0}, True, False),
        ("range", {"min": 0}, "1", False),
        ("range", {}, 1, True),
        ("enum", {"values": ["a", 1]}, 1.0, True),
        ("enum", {"values": ["a", 1]}, True, False),
        ("enum", {"values": ["a"]}, "b", False),
        ("enum", {"values": "ab"}, "a", False),
        ("enum", {}, "a", False),
        ("custom", {}, "a", True),
    ],
)
def test_further_rules(sort: Any, config: dict[str, Any], value: Any, kept: bool) -> None:
    assert keeps(ValidationRule(type=sort, path="x", config=config, message="No."), value) is kept


WANTED = "metadata-schema:acme/s@1.0.0 requires the fields spec.custom.acme, and there are none"
REQUIRED = [
    Case("they are there", has({}), over=schema(put=OPEN, required=True)),
    Case("they are not", has(), WANTED, "spec", over=schema(put=OPEN, required=True)),
    Case("only others are", has({}, of="other"), WANTED, "spec", over=schema(put=OPEN, required=True)),
    Case("they need not be", has(), over=schema(put=OPEN)),
    Case("below", has(where="acme/nlp"), WANTED, "spec", over=schema(put=OPEN, required=True)),
    Case("below, and there", has({}, where="acme/nlp"), over=schema(put=OPEN, required=True)),
    Case("above", has(), over=schema(put=OPEN, required=True, where="acme/nlp")),
    Case("of another kind", {path_of("new", folder="configs"): config("new")}, over=schema(put=OPEN, required=True)),
    Case(
        "a kind without a namespace",
        {"access/tester.yaml": BASE["access/tester.yaml"] + b"#"},
        over=schema(put=OPEN, required=True),
    ),
    Case("a landed record", {path_of(): model(description="New.")}, over=schema(put=OPEN, required=True)),
    Case(
        "they are taken away",
        {path_of(): model()},
        WANTED,
        "spec",
        over={**schema(put=OPEN, required=True), path_of(): model(custom={"acme": {}})},
    ),
    Case("retired", has(), over=schema(put=OPEN, required=True, lifecycle={"status": "retired"})),
]


@pytest.mark.parametrize("case", REQUIRED, ids=lambda case: case.name)
def test_required_fields_are_there(base: Snapshot, case: Case) -> None:
    expect(base, case, CUSTOM)


def unique(path: str = "id", **spec: Any) -> Files:
    return schema(put=OPEN, indexedFields=[{"path": "other"}, {"path": path, "unique": True}], **spec)


TAKEN = "id is unique by metadata-schema:acme/s@1.0.0, and models/acme/old has"
ID = "spec.custom.acme.id"
OLD = has({"id": "A1"}, name="old")
UNIQUE = [
    Case("another value", has({"id": "A2"}), over={**unique(), **OLD}),
    Case("the same value", has({"id": "A1"}), f"{TAKEN} 'A1' too", ID, over={**unique(), **OLD}),
    Case("in other letters", has({"id": "a1"}), over={**unique(), **OLD}),
    Case("a version of the same name", has({"id": "A1"}, name="old", version="1.0.1"), over={**unique(), **OLD}),
    Case("a text beside a number", has({"id": "7"}), over={**unique(), **has({"id": 7}, name="old")}),
    Case(
        "a number, written otherwise",
        has({"id": 7.0}),
        f"{TAKEN} 7.0 too",
        ID,
        over={**unique(), **has({"id": 7}, name="old")},
    ),
    Case("a truth", has({"id": True}), f"{TAKEN} True too", ID, over={**unique(), **has({"id": True}, name="old")}),
    Case("a list", has({"id": ["x"]}), over={**unique(), **has({"id": ["x"]}, name="old")}),
    Case("a mapping", has({"id": {"x": "y"}}), over={**unique(), **has({"id": {"x": "y"}}, name="old")}),
    Case("nothing", has({"id": None}), over={**unique(), **has({"id": None}, name="old")}),
    Case("under another key", has({"id": "A1"}), over={**unique(), **has({"other": "A1"}, name="old")}),
    Case(
        "of another namespace's fields",
        has({"id": "A1"}),
        over={**unique(), **has({"id": "A1"}, name="old", of="other")},
    ),
    Case("a field that is not unique", has({"other": "A1"}), over={**unique(), **has({"other": "A1"}, name="old")}),
    Case(
        "deeper",
        has({"a": {"id": "A1"}}),
        "a.id is unique",
        "spec.custom.acme.a.id",
        over={**unique("a.id"), **has({"a": {"id": "A1"}}, name="old")},
    ),
    Case(
        "in a list",
        has({"l": [{"id": "x"}, {"id": "A1"}]}),
        "has 'A1' too",
        "spec.custom.acme.l[1].id",
        over={**unique("l[1].id"), **has({"l": [{"id": "z"}, {"id": "A1"}]}, name="old")},
    ),
    Case(
        "an item of a list",
        has({"l": ["x", "A1"]}),
        "has 'A1' too",
        "spec.custom.acme.l[1]",
        over={**unique("l[1]"), **has({"l": ["z", "A1"]}, name="old")},
    ),
    Case(
        "another kind that the schema is not for",
        has({"id": "A1"}),
        over={**unique(), path_of("old", folder="configs"): config("old", custom={"acme": {"id": "A1"}})},
    ),
    Case(
        "another kind that the schema is for",
        has({"id": "A1"}),
        "configs/acme/old has 'A1' too",
        ID,
        over={
            **unique(appliesTo=["Model", "Config"]),
            path_of("old", folder="configs"): config("old", custom={"acme": {"id": "A1"}}),
        },
    ),
    Case(
        "a kind that the schema is not for",
        {path_of("new", folder="configs"): config("new", custom={"acme": {"id": "A1"}})},
        over={**unique(), **OLD},
    ),
    Case(
        "two others",
        has({"id": "A1"}),
        "models/acme/old, models/acme/older has",
        ID,
        over={**unique(), **OLD, **has({"id": "A1"}, name="older")},
    ),
    Case(
        "two versions of one other",
        has({"id": "A1"}),
        f"{TAKEN} 'A1' too",
        ID,
        over={**unique(), **OLD, **has({"id": "A1"}, name="old", version="1.0.1")},
    ),
    Case(
        "a landed record that shared it already",
        {path_of("old"): model("old", custom={"acme": {"id": "A1"}}, description="New.")},
        over={**unique(), **OLD, **has({"id": "A1"}, name="older")},
    ),
    Case("what has left main", has({"id": "A1"}), over={**unique(), **has({"id": "A2"}, name="old")}),
    Case("no schema", has({"id": "A1"}), over=OLD),
]


@pytest.mark.parametrize("case", UNIQUE, ids=lambda case: case.name)
def test_unique_fields_are_unique(base: Snapshot, case: Case) -> None:
    expect(base, case, CUSTOM)


def test_two_new_records_are_compared(base: Snapshot) -> None:
    files = {**has({"id": "A1"}, name="one"), **has({"id": "A1"}, name="two")}
    found = judge(base, Case("", files, over=unique()), CUSTOM)
    assert [finding.path for finding in found] == [path_of("one"), path_of("two")]


COMPATIBLE = rules_with(RULES, "GR-081")
LANDED = has({"centre": "a"}, name="old")
STRICT = {"properties": {"centre": {"const": "b"}}}
REFUSED = "refuses model:acme/old@1.0.0, which has landed: 'b' was expected (spec.custom.acme.centre)"
COMPATIBILITY = [
    Case("the first version", schema(), over=LANDED),
    Case("the first version refuses", schema(put=STRICT), f"acme/s@1.0.0 {REFUSED}", "spec.schema", over=LANDED),
    Case("a wider one", schema("1.1.0", put=OPEN), over={**schema(), **LANDED}),
    Case(
        "a narrower one that what landed keeps",
        schema("1.1.0", put={"properties": {"centre": {"const": "a"}}}),
        over={**schema(), **LANDED},
    ),
    Case(
        "one that refuses",
        schema("2.0.0", put=STRICT),
        f"acme/s@2.0.0 {REFUSED}",
        "spec.schema",
        over={**schema(), **LANDED},
    ),
    Case(
        "the one before it refused already",
        schema("2.0.0", put={"type": "array"}),
        over={**schema(put=STRICT), **LANDED},
    ),
    Case("one that is not in force", schema("0.9.0", put=STRICT), over={**schema(), **LANDED}),
    Case(
        "one that is retired from the start",
        schema("2.0.0", put=STRICT, lifecycle={"status": "retired"}),
        over={**schema(), **LANDED},
    ),
    Case(
        "the one in force is retired",
        schema("2.0.0", put=OPEN, lifecycle={"status": "retired"}),
        f"acme/s@1.0.0 {REFUSED}",
        "spec.schema",
        over={**schema(put=STRICT), **schema("2.0.0", put=OPEN), **LANDED},
    ),
    Case("the last one is retired", schema(lifecycle={"status": "retired"}), over={**schema(), **LANDED}),
    Case("only its description", schema(put=STRICT, description="New."), over={**schema(put=STRICT), **LANDED}),
    Case("nothing has landed", schema(put=STRICT)),
    Case("what comes with it is GR-082's", {**schema(put=STRICT), **LANDED}),
    Case("what is mended with it", {**schema(put=STRICT), **has({"centre": "b"}, name="old")}, over=LANDED),
    Case("what is removed with it", {**schema(put=STRICT), path_of("old"): None}, over=LANDED),
    Case("fields of another namespace", schema(put=STRICT), over=has({"centre": "a"}, name="old", of="other")),
    Case("a kind that it is not for", schema(put=STRICT, appliesTo=["Config"]), over=LANDED),
    Case(
        "a kind that it is for now",
        schema("1.1.0", put=STRICT),
        REFUSED,
        "spec.schema",
        over={**schema(put={"type": "array"}, appliesTo=["Config"]), **LANDED},
    ),
    Case(
        "another schema of the namespace",
        schema(name="t", put=STRICT),
        f"acme/t@1.0.0 {REFUSED}",
        "spec.schema",
        over={**schema(), **LANDED},
    ),
    Case(
        "a record elsewhere",
        schema(put=STRICT),
        "refuses model:other/old@1.0.0",
        "spec.schema",
        over=has({"centre": "a"}, name="old", where="other"),
    ),
    Case(
        "two versions at once are asked once",
        {**schema("1.1.0"), **schema("2.0.0", put=STRICT)},
        REFUSED,
        "spec.schema",
        over={**schema(), **LANDED},
    ),
    Case(
        "it does not say where",
        schema(put=False),
        "False schema does not allow {'centre': 'a'}",
        "spec.schema",
        over=LANDED,
    ),
    Case("no schema changes", has({"centre": 7}), over={**schema(), **LANDED}),
]


@pytest.mark.parametrize("case", COMPATIBILITY, ids=lambda case: case.name)
def test_a_schema_accepts_what_has_landed(base: Snapshot, case: Case) -> None:
    expect(base, case, COMPATIBLE)


@pytest.mark.parametrize(("more", "says"), [(0, None), (1, "refuses 1 more records"), (5, "refuses 5 more records")])
def test_only_so_many_are_told(base: Snapshot, more: int, says: str | None) -> None:
    over: Files = {}
    for n in range(MOST_TOLD + more):
        over |= has({"centre": "a"}, name=f"old-{n}")
    found = judge(base, Case("", schema(put=STRICT), over=over), COMPATIBLE)
    assert len(found) == MOST_TOLD + (says is not None)
    assert sum("more records" in finding.says for finding in found) == (says is not None)
    assert says is None or any(says in finding.says for finding in found)
    assert {finding.path for finding in found} == {path_of("s", folder="metadata-schemas")}
    assert MOST_TOLD == 20


def test_a_state_is_held_against_its_schemas(base: Snapshot) -> None:
    state = Overlay(base, {**schema(put=STRICT), **LANDED})
    assert [finding.rule for finding in check(Change.state(state), RULES)] == ["GR-082"]


def ruled(sort: str, **config: Any) -> Files:
    return schema(validationRules=[RANGE, {"type": sort, "path": "x", "config": config, "message": "No."}])


def referring(ref: str, **beside: Any) -> Files:
    return schema(put={"properties": {"a": {"$ref": ref}}, **beside})


CONFIG = "spec.validationRules[1].config"
USABLE = [
    Case("no schema", has({"centre": 1})),
    Case("true", schema(put=True)),
    Case("to a definition", referring("#/$defs/a", **{"$defs": {"a": {"type": "string"}}})),
    Case("to an anchor", referring("#a", **{"$defs": {"a": {"$anchor": "a"}}})),
    Case("to itself", referring("#")),
    Case("to what stands under a key of its own", referring("#/x/y", x={"y": {"type": "string"}})),
    Case("by its own id", referring("#/$defs/a", **{"$id": "https://acme.example/s", "$defs": {"a": True}})),
    Case("by a part's id", referring("part", **{"$id": "https://acme.example/s", "$defs": {"a": {"$id": "part"}}})),
    Case("to the web", referring("https://acme.example/s.json"), "$ref 'https://acme.example/s.json' leads to nothing"),
    Case("to a file", referring("file:///etc/s.json"), "$ref 'file:///etc/s.json' leads to nothing"),
    Case("to another document", referring("other.json#/a"), "$ref 'other.json#/a' leads to nothing"),
    Case("to nowhere", referring("#/$defs/a"), "$ref '#/$defs/a' leads to nothing in this schema"),
    Case("to an anchor that is not there", referring("#a"), "$ref '#a' leads to nothing in this schema"),
    Case("dynamically to nowhere", schema(put={"$dynamicRef": "#a"}), "'#a' leads to nothing in this schema"),
    Case("to what is no schema", referring("#/x", x={"type": "no"}), "$ref '#/x' leads to what is no schema"),
    Case("to a text", referring("#/x", x="a"), "$ref '#/x' leads to what is no schema"),
    Case("on from there", referring("#/x", x={"$ref": "#/y"}), "$ref '#/y' leads to nothing"),
    Case("twice to nowhere", referring("#/y", items={"$ref": "#/y"}), "$ref '#/y' leads to nothing"),
    Case("deep within", schema(put={"allOf": [{"not": {"items": {"$ref": "#/y"}}}]}), "$ref '#/y' leads to nothing"),
    Case("a field called so", schema(put={"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}})),
    Case("a value called so", schema(put={"const": {"$ref": "#/y", "pattern": "("}})),
    Case("a pattern", schema(put={"properties": {"a": {"pattern": "^a$"}}, "patternProperties": {"^b": True}})),
    Case("a pattern that is none", schema(put={"properties": {"a": {"pattern": "("}}}), "'(' is no pattern: missing )"),
    Case("a key that is none", schema(put={"patternProperties": {"^a": True, "[": True}}), "'[' is no pattern"),
    Case("below such a key", schema(put={"patternProperties": {"^a": {"pattern": "["}}}), "'[' is no pattern"),
    Case(
        "landed before",
        schema(put={"pattern": "("}, lifecycle={"status": "retired"}),
        over=schema(put={"pattern": "("}),
    ),
]
RULED = [
    Case("a rule's pattern", ruled("regex", pattern="^a")),
    Case("a rule's pattern that is none", ruled("regex", pattern="("), "'(' is no pattern: missing )", CONFIG),
    Case("a rule without its pattern", ruled("regex"), "None is no pattern: it is not a text", CONFIG),
    Case("a rule's values", ruled("enum", values=[])),
    Case("a rule without its values", ruled("enum", pattern="("), "it has no list of values", CONFIG),
    Case("a rule of another type", ruled("custom", pattern="(")),
]


@pytest.mark.parametrize("case", [*USABLE, *RULED], ids=lambda case: case.name)
def test_a_schema_can_be_applied(base: Snapshot, case: Case) -> None:
    expect(base, replace(case, field=case.field or ("spec.schema" if case.says else None)), COMPATIBLE)


def test_what_is_no_schema_is_told_elsewhere(base: Snapshot) -> None:
    assert judge(base, Case("", schema(put={"type": "no", "pattern": "("})), COMPATIBLE) == []


def test_a_schema_is_looked_at_in_a_state_too(base: Snapshot) -> None:
    found = check(Change.state(Overlay(base, schema(put={"pattern": "(", "patternProperties": {"[": True}}))), RULES)
    assert [finding.rule for finding in found] == ["GR-081", "GR-081"]
    assert all(rule.runs_apart for rule in COMPATIBLE)
