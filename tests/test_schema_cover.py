"""One schema covers another, does not, or it is not decided; each answer says where and why."""

from __future__ import annotations

from typing import Any

import pytest
from effort import tries

from gitreg.compatibility import Cover, covers

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def closed(**properties: Any) -> dict[str, Any]:
    return {**of(**properties), "additionalProperties": False}


def tree(leaf: Any, name: str = "node") -> dict[str, Any]:
    node = {"type": "object", "properties": {"leaf": leaf, "below": {"items": {"$ref": f"#/$defs/{name}"}}}}
    return {"$defs": {name: node}, "$ref": f"#/$defs/{name}"}


KIND_A = {**of(kind={"const": "a"}, x=NUMBER), "required": ["kind"]}
KIND_B = {**of(kind={"const": "b"}, y=NUMBER), "required": ["kind"]}


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        pytest.param(True, TEXT, id="true"),
        pytest.param({}, TEXT, id="empty"),
        pytest.param({"title": "x", "default": 1, "x-mine": 2}, TEXT, id="annotations"),
        pytest.param(TEXT, False, id="false-is-covered-by-all"),
        pytest.param(NUMBER, WHOLE, id="integer-is-a-number"),
        pytest.param(WHOLE, {"type": "number", "multipleOf": 2}, id="number-of-whole-steps"),
        pytest.param({"type": ["integer", "null"]}, WHOLE, id="types"),
        pytest.param({"enum": [1, 2.0, "a"]}, {"enum": [2, "a"]}, id="enum"),
        pytest.param({"enum": ["a", "b"]}, {"const": "b"}, id="const"),
        pytest.param(TEXT, {"enum": ["a", 5], "type": "string"}, id="enum-of-a-type"),
        pytest.param({"enum": [1, 2, 3]}, {"type": "integer", "minimum": 1, "exclusiveMaximum": 4}, id="few-integers"),
        pytest.param({"minimum": 1}, {"type": "number", "exclusiveMinimum": 1}, id="exclusive-within-inclusive"),
        pytest.param({"exclusiveMinimum": 1}, {"type": "integer", "minimum": 1.5}, id="integers-round"),
        pytest.param({"multipleOf": 2}, {"multipleOf": 6}, id="multiple"),
        pytest.param({"minLength": 1}, {"minLength": 2, "type": "string"}, id="length"),
        pytest.param({"pattern": "^a"}, {"pattern": "^a", "maxLength": 3}, id="same-pattern"),
        pytest.param({"format": "date"}, {"format": "date", "type": "string"}, id="same-format"),
        pytest.param({"minLength": 5}, WHOLE, id="of-another-type"),
        pytest.param({"items": NUMBER}, {"items": WHOLE, "minItems": 1}, id="items"),
        pytest.param({"items": NUMBER}, {"prefixItems": [WHOLE], "items": False}, id="prefix-only"),
        pytest.param({"maxItems": 2}, {"type": "array", "prefixItems": [True, True], "items": False}, id="prefix-ends"),
        pytest.param({"uniqueItems": True}, {"type": "array", "maxItems": 1}, id="one-item-is-unique"),
        pytest.param(of(a=NUMBER), {**closed(a=WHOLE), "required": ["a"]}, id="properties"),
        pytest.param({"minProperties": 2}, {"type": "object", "required": ["a", "b"]}, id="required-are-counted"),
        pytest.param({"maxProperties": 1}, closed(a=TEXT), id="closed-is-counted"),
        pytest.param({"additionalProperties": NUMBER}, closed(a=WHOLE), id="additional"),
        pytest.param(
            {"patternProperties": {"^a": NUMBER}, "additionalProperties": False},
            {"type": "object", "patternProperties": {"^a": WHOLE}, "additionalProperties": False},
            id="pattern-properties",
        ),
        pytest.param({"anyOf": [TEXT, NUMBER]}, {"type": ["string", "integer"]}, id="any-of-by-type"),
        pytest.param({"type": ["string", "number"]}, {"anyOf": [TEXT, WHOLE]}, id="each-of-any"),
        pytest.param({"oneOf": [KIND_A, KIND_B]}, KIND_A, id="one-of-by-a-word"),
        pytest.param({"oneOf": [TEXT, {"type": "null"}]}, {"type": ["null", "string"]}, id="one-of-by-type"),
        pytest.param({"anyOf": [KIND_A, KIND_B]}, {"oneOf": [KIND_B, KIND_A]}, id="one-of-within-any-of"),
        pytest.param({"allOf": [NUMBER, {"minimum": 1}]}, {"type": "integer", "minimum": 2}, id="all-of"),
        pytest.param({"type": "integer", "minimum": 2}, {"allOf": [WHOLE, {"minimum": 3}]}, id="within-all-of"),
        pytest.param({"not": TEXT}, NUMBER, id="not"),
        pytest.param({"if": TEXT, "then": {"minLength": 1}}, {"type": "string", "minLength": 2}, id="then"),
        pytest.param({"if": TEXT, "then": False}, NUMBER, id="never-then"),
        pytest.param({"dependentRequired": {"a": ["b"]}}, {"type": "object", "required": ["b"]}, id="dependent"),
        pytest.param({"$defs": {"t": TEXT}, "$ref": "#/$defs/t"}, TEXT, id="reference"),
        pytest.param(TEXT, {"$defs": {"a/b": TEXT}, "$ref": "#/$defs/a~1b"}, id="escaped-reference"),
        pytest.param(tree(NUMBER), tree(WHOLE, "other"), id="recursive"),
    ],
)
def test_it_covers(wide: Any, narrow: Any) -> None:
    assert covers(wide, narrow) == Cover("yes", "")


@pytest.mark.parametrize(
    ("wide", "narrow", "why"),
    [
        pytest.param(False, True, "#: nothing is accepted", id="false"),
        pytest.param(TEXT, True, "#/type", id="type-added"),
        pytest.param(WHOLE, NUMBER, "#/type: 0.5", id="number-is-no-integer"),
        pytest.param({"const": True}, {"const": 1}, "#/const", id="true-is-not-one"),
        pytest.param({"enum": ["a"]}, {"enum": ["a", "b"]}, "#/enum: 'b'", id="value-removed"),
        pytest.param({"enum": ["a"]}, TEXT, "#/enum", id="enum-added"),
        pytest.param({"minimum": 2}, {"type": "integer", "minimum": 1}, "#/minimum: 1 is below 2", id="minimum"),
        pytest.param({"exclusiveMaximum": 1}, {"type": "number", "maximum": 1}, "#/exclusiveMaximum", id="exclusive"),
        pytest.param({"multipleOf": 4}, {"multipleOf": 2}, "#/multipleOf", id="multiple"),
        pytest.param({"maxLength": 3}, {"type": "string", "maxLength": 4}, "#/maxLength", id="length"),
        pytest.param({"pattern": "^[0-9]+$"}, TEXT, "#/pattern", id="pattern-added"),
        pytest.param({"maxItems": 1}, {"type": "array", "maxItems": 2}, "#/maxItems", id="items-fewer"),
        pytest.param({"items": WHOLE}, {"type": "array", "items": NUMBER}, "#/items/type", id="items-narrowed"),
        pytest.param({"uniqueItems": True}, {"items": WHOLE}, "#/uniqueItems", id="unique"),
        pytest.param({"contains": TEXT}, {"type": "array"}, "#/contains", id="contains"),
        pytest.param({**of(a=TEXT), "required": ["a"]}, of(a=TEXT), "#/required: 'a' is missing", id="required"),
        pytest.param(closed(a=TEXT), of(a=TEXT), "#/additionalProperties", id="closed"),
        pytest.param(closed(a=TEXT), closed(a=TEXT, b=TEXT), "#/additionalProperties: 'b'", id="property-removed"),
        pytest.param(of(a=of(b=WHOLE)), of(a=of(b=NUMBER)), "#/properties/a/properties/b/type", id="deep"),
        pytest.param(
            {**of(), "required": ["id", "n"]},
            {**of(id={"type": "string", "pattern": "^[0-9]{4}$"}), "required": ["id"]},
            "#/required: 'n'",
            id="beside-a-pattern",
        ),
        pytest.param({"anyOf": [TEXT, WHOLE]}, {"type": ["string", "null"]}, "#/anyOf", id="any-of"),
        pytest.param({"oneOf": [NUMBER, WHOLE]}, WHOLE, "#/oneOf: 2 of them", id="one-of-overlaps"),
        pytest.param({"not": TEXT}, {"type": ["string", "null"]}, "#/not", id="not"),
        pytest.param({"if": TEXT, "then": {"minLength": 1}}, TEXT, "#/then/minLength", id="then"),
        pytest.param({"dependentRequired": {"a": ["b"]}}, of(a=TEXT), "#/dependentRequired", id="dependent"),
        pytest.param(tree(WHOLE), tree(NUMBER, "other"), "#/$defs/node/properties/leaf/type", id="recursive"),
    ],
)
def test_it_does_not_cover(wide: Any, narrow: Any, why: str) -> None:
    answer = covers(wide, narrow)
    assert answer.verdict == "no"
    assert answer.why.startswith(why)
    assert "; shown by " in answer.why


ACCEPTS = "the narrow one accepts"
ODD = {"pattern": "^(ab){9,}c[de]$"}
STEPS = {"type": "number", "multipleOf": 0.37}


@pytest.mark.parametrize(
    ("wide", "narrow", "why"),
    [
        pytest.param({"pattern": "^a"}, {"pattern": "^ab", "type": "string"}, "#/pattern", id="patterns"),
        pytest.param({"format": "date"}, TEXT, "#/format", id="format-added"),
        pytest.param({"$ref": "other.json"}, TEXT, "#/$ref", id="reference-out"),
        pytest.param({"$ref": "#"}, TEXT, "#: the schemas lead too deep", id="reference-to-itself"),
        pytest.param({"$dynamicRef": "#a"}, TEXT, "#/$dynamicRef", id="dynamic"),
        pytest.param({"unevaluatedProperties": False}, of(a=TEXT), "#/unevaluatedProperties", id="unevaluated"),
        pytest.param({"$schema": "http://json-schema.org/draft-07/schema#"}, True, "#/$schema", id="another-draft"),
        pytest.param({"type": "text"}, True, "#/type", id="no-such-type"),
        pytest.param({"properties": []}, True, "#/properties", id="malformed"),
        pytest.param({"items": [TEXT]}, True, "#/items", id="items-of-an-older-draft"),
        pytest.param({"minimum": float("nan")}, True, "#: the schema holds a number", id="not-a-number"),
        pytest.param(5, True, "#: a schema is", id="no-schema"),
        pytest.param({"pattern": "((a+)+)+$|b"}, {"type": "string", "minLength": 1}, "#/pattern", id="wild-pattern"),
        pytest.param(
            {"maxLength": 5}, {**TEXT, **ODD}, f"#/maxLength: {ACCEPTS} any number of characters", id="any-length"
        ),
        pytest.param(
            {"maxItems": 2},
            {"type": "array", "items": {**TEXT, **ODD}},
            f"#/maxItems: {ACCEPTS} any number of items",
            id="any-number-of-items",
        ),
        pytest.param(
            {"maxProperties": 2},
            {"type": "object", "propertyNames": ODD},
            f"#/maxProperties: {ACCEPTS} any number of properties",
            id="any-number-of-properties",
        ),
        pytest.param({"minimum": 2}, STEPS, f"#/minimum: {ACCEPTS} numbers without a lower bound", id="no-lower-bound"),
        pytest.param(
            {"maximum": 2}, STEPS, f"#/maximum: {ACCEPTS} numbers without an upper bound", id="no-upper-bound"
        ),
    ],
)
def test_it_is_not_decided(wide: Any, narrow: Any, why: str) -> None:
    answer = covers(wide, narrow)
    assert answer.verdict == "unknown"
    assert answer.why.startswith(why)


def nested(levels: int) -> Any:
    schema: Any = TEXT
    for _ in range(levels):
        schema = {"anyOf": [{"properties": {"a": schema}}, {"items": schema}]}
    return schema


def doubling(levels: int) -> Any:
    defs = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 3} for n in range(levels)}
    return {"$defs": {**defs, f"d{levels}": {"type": "object", "minProperties": 3}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        pytest.param(nested(60), nested(61), id="deep"),
        pytest.param(nested(12), nested(11), id="branching"),
        pytest.param(doubling(30), {**doubling(30), "title": "x"}, id="references-that-double"),
        pytest.param({"pattern": "^(a|a)*(a|a)*(a|a)*$"}, {"type": "string", "minLength": 9}, id="backtracking"),
        pytest.param({"pattern": "(x+x+)+y"}, {"enum": ["x" * 5000]}, id="backtracking-on-a-value"),
        pytest.param({"enum": list(range(9000))}, {"enum": list(range(9001))}, id="many-values"),
        pytest.param({"minItems": 10**9}, {"type": "array", "minItems": 10**9 - 1}, id="long-arrays"),
        pytest.param({"minLength": 10**15}, {"type": "string", "minLength": 10**15 - 1}, id="long-texts"),
        pytest.param(
            of(**{f"p{n}": TEXT for n in range(5000)}), of(**{f"p{n}": WHOLE for n in range(5001)}), id="wide"
        ),
        pytest.param({"type": "string", "enum": [["x"] * 30_000]}, True, id="huge"),
        pytest.param(
            {"allOf": [{"anyOf": [{"const": n}, {"type": "array"}]} for n in range(20)]},
            {"allOf": [{"anyOf": [{"minItems": n}, {"minLength": n}]} for n in range(20)]},
            id="choices-multiplied",
        ),
        pytest.param(
            {"allOf": [{"anyOf": [TEXT, WHOLE]}] * tries(1000, 2000)},
            {"allOf": [{"anyOf": [NUMBER, {"type": "null"}]}] * tries(1000, 2000)},
            id="many-choices",
        ),
        pytest.param(
            of(**{f"p{n}": NUMBER for n in range(2500)}),
            {"allOf": [of(**{f"q{n}": WHOLE}) for n in range(2500)]},
            id="many-parts",
        ),
        pytest.param(
            {"patternProperties": {f"^p{n}": NUMBER for n in range(tries(500, 1000))}, "additionalProperties": False},
            of(**{f"q{n}": WHOLE for n in range(tries(1200, 2500))}),
            id="many-patterns",
        ),
    ],
)
def test_no_schema_takes_long(wide: Any, narrow: Any) -> None:
    """Without the budget, none of these ends."""
    assert covers(wide, narrow).verdict in ("yes", "no", "unknown")
    assert covers(narrow, wide).verdict in ("yes", "no", "unknown")


def test_a_schema_that_is_the_same_in_other_words_is_covered_both_ways() -> None:
    one = {**of(a=TEXT, b=WHOLE), "required": ["a"], "description": "old"}
    other = {"allOf": [{"required": ["a"]}, of(b={"$ref": "#/$defs/w"}, a={"$ref": "#/$defs/t"})]}
    other["$defs"] = {"t": TEXT, "w": WHOLE}  # type: ignore[assignment]  # a schema is JSON, whatever its first value
    assert covers(one, other).is_yes
    assert covers(other, one).is_yes
