"""The fields that filters and sorting know: what they are called, of which type they are, and who types custom ones."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import UsageError
from gitreg.kinds import KIND_TYPES
from gitreg.manifests import read_manifest, to_data
from gitreg_indexer.custom_fields import custom_fields
from gitreg_indexer.engine import Query
from gitreg_indexer.field_table import SORTED_WORDS, UNSORTED, all_fields, table
from gitreg_indexer.fields import (
    NO_CUSTOM_FIELDS,
    SHORT_NAMES,
    CustomFields,
    Field,
    columns,
    find,
    known_fields,
    name_of,
    nearest,
    resolve,
)
from gitreg_indexer.values import values_of

NAMED: dict[str, str] = {
    "kind": "kind",
    "name": "metadata.name",
    "namespace": "metadata.namespace",
    "version": "metadata.version",
    "tags": "metadata.tags",
    "owner": "metadata.owner",
    "status": "spec.lifecycle.status",
    "lifecycle.status": "spec.lifecycle.status",
    "spec.lifecycle.status": "spec.lifecycle.status",
    "provider": "spec.provider",
    "type": "spec.type",
    "contextLength": "spec.capabilities.contextLength",
    "capabilities.contextLength": "spec.capabilities.contextLength",
    "inputPrice": "spec.pricing.perMillionTokens.input",
    "outputPrice": "spec.pricing.perMillionTokens.output",
    "createdAt": "registry.createdAt",
    "updatedAt": "registry.updatedAt",
    "ref": "registry.ref",
    "id": "registry.id",
    "labels": "metadata.labels",
    "labels.tier": "metadata.labels.tier",
    "labels.app.kubernetes.io/name": "metadata.labels.app.kubernetes.io/name",
    "metadata.externalIds.litellm": "metadata.externalIds.litellm",
    "tiers.service": "",
    "pricing.tiers.service": "spec.pricing.tiers.service",
    "custom": "spec.custom",
    "custom.acme/nlp.costCentre": "spec.custom.acme/nlp.costCentre",
    "spec.custom.acme/nlp.costCentre": "spec.custom.acme/nlp.costCentre",
    "value.threshold.low": "spec.value.threshold.low",
    "": "",
    "labels.": "",
    "labels..a": "",
    ".name": "",
    "provider.x": "",
    "Provider": "",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_field_goes_by_its_names(name: str) -> None:
    found = find(name)
    assert (found.path if found else "") == NAMED[name]


TYPED: dict[str, tuple[str, bool]] = {
    "kind": ("word", False),
    "apiVersion": ("word", False),
    "name": ("word", False),
    "description": ("text", False),
    "version": ("version", False),
    "release.previousVersion": ("version", False),
    "tags": ("word", True),
    "labels": ("map", False),
    "labels.tier": ("word", False),
    "splits.train": ("number", False),
    "aliases.production": ("version", False),
    "contextLength": ("number", False),
    "supportsVision": ("boolean", False),
    "createdAt": ("time", False),
    "deprecationDate": ("time", False),
    "seq": ("number", False),
    "pricing": ("part", False),
    "pricing.tiers": ("part", True),
    "pricing.tiers.perMillionTokens.input": ("number", True),
    "category": ("word", True),  # a list in models, one in policies
    "template": ("word", False),  # a word in configs, a part in pipelines
    "dag.nodes.type": ("word", True),
    "inputSchema": ("any", False),
    "inputSchema.properties.x.type": ("any", False),
    "value": ("map", False),
    "value.x": ("any", False),
    "custom.acme.x": ("any", False),
}


@pytest.mark.parametrize("name", TYPED)
def test_a_field_has_the_type_that_its_schema_gives_it(name: str) -> None:
    found = resolve(name)
    assert (found.type, found.several) == TYPED[name]


def test_a_field_knows_its_kinds_and_values() -> None:
    assert resolve("provider").kinds == ("Model",)
    assert resolve("license").kinds == ("Model", "Dataset")
    assert resolve("name").kinds == tuple(KIND_TYPES)
    assert resolve("kind").values == tuple(KIND_TYPES)
    assert set(resolve("status").values) >= {"experimental", "active", "deprecated", "retired", "draft", "archived"}
    assert resolve("appliesTo").values == ()  # a policy's are kinds, a config's are refs
    assert resolve("gate.severities.GR-011").values == ("error", "review", "warning", "off")


def test_the_nearest_field_is_named_where_there_is_none() -> None:
    with pytest.raises(UsageError) as refused:
        resolve("contextLenght")
    assert refused.value.says == "there is no field 'contextLenght'"
    assert refused.value.mend == "did you mean 'contextLength'?"


NEAREST: dict[str, str | None] = {
    "contextLenght": "contextLength",
    "capabilites.contextLength": "capabilities.contextLength",
    "spec.capabilities.contextLenght": "capabilities.contextLength",
    "metadata.contextLength": "contextLength",
    "Provider": "provider",
    "createdat": "createdAt",
    "tag": "tags",
    "perMilionTokens": "pricing.perMillionTokens",
    "perMillionTokens.input": "pricing.perMillionTokens.input",
    "prov": "provider",
    "spec.prov": "provider",
    "lifecycle.statu": "lifecycle.status",
    "label.tier": "labels.tier",
    "custm.acme.x": "custom.acme.x",
    "externalId.litellm": "externalIds.litellm",
    "derivedFrom.metod": "derivedFrom.method",
    "model.name": "name",
    "nodes": "dag.nodes",
    "nope": None,
    "node": None,  # of an edge's two ends
    "input": None,
    "cont": None,
    "contextSize": None,
    "capabilities.provider": None,
    "provider.name": None,
    "labels.": "labels",
    "zzzz": None,
    "x" * 5000: None,
}


@pytest.mark.parametrize("name", NEAREST, ids=lambda name: name[:40])
def test_the_nearest_field_is_the_one_that_was_meant(name: str) -> None:
    assert nearest(name) == NEAREST[name]


def test_the_nearest_field_of_a_kind_is_one_that_it_has() -> None:
    assert nearest("provdier", kind="Model") == "provider"
    assert nearest("provdier", kind="Dataset") is None
    assert nearest("record", kind="Dataset") == "records"


def test_short_names_are_short_for_fields_and_hide_none() -> None:
    fields = known_fields()
    for name, path in SHORT_NAMES.items():
        assert path in fields, name
        assert find(name) == fields[path]
        assert not any(other.partition(".")[2] == name for other in fields), f"{name} is a field of its own"


def test_every_name_leads_back_to_its_field() -> None:
    for path, field in known_fields().items():
        assert find(path) == field
        assert find(field.name) == field
    assert name_of("spec.custom.acme/nlp.x") == "custom.acme/nlp.x"
    assert name_of("spec.pricing.perMillionTokens.input") == "inputPrice"
    assert name_of("nowhere.at.all") == "nowhere.at.all"


def test_the_table_is_what_the_kinds_say() -> None:
    assert list(known_fields().values()) == all_fields()
    assert orjson.loads(table())["columns"] == columns()


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_every_value_of_an_example_stands_at_a_known_field(kind: str) -> None:
    manifest = read_manifest(KIND_TYPES[kind].example.encode()).manifest
    assert manifest is not None
    counts: dict[str, set[Any]] = {}
    for path, value in values_of(to_data(manifest)):
        field = find(path)
        assert field is not None, path
        assert kind in field.kinds
        counts.setdefault(path, set()).add(value)
        if field.type == "number":
            assert isinstance(value, float), path
        if field.type == "boolean":
            assert isinstance(value, bool), path
    for path in columns():
        assert len({type(value) for value in counts.get(path, ())}) <= 2
        assert len(counts.get(path, ())) <= 2, f"{path} is sorted by and has more than one value"


def test_what_is_sorted_by_has_one_value_and_an_order() -> None:
    fields = known_fields()
    for path, column in columns().items():
        assert not fields[path].several
        assert column == ("text" if fields[path].type == "word" else "number"), path
    assert columns().keys() >= SORTED_WORDS
    assert not columns().keys() & UNSORTED
    assert fields.keys() >= UNSORTED
    assert "metadata.tags" not in columns()
    assert "metadata.description" not in columns()
    assert "metadata.version" not in columns()  # its order is no text's
    assert columns()["registry.createdAt"] == "number"
    assert columns()["spec.provider"] == "text"
    assert len(columns()) <= 100


SORTS: dict[str, tuple[str, bool]] = {
    "relevance": ("relevance", False),
    "-name": ("name", True),
    "version": ("version", False),
    "updatedAt": ("updatedAt", False),
    "contextLength": ("spec.capabilities.contextLength", False),
    "-capabilities.contextLength": ("spec.capabilities.contextLength", True),
    "-maxOutputTokens": ("spec.capabilities.maxOutputTokens", True),
    "spec.provider": ("spec.provider", False),
    "provider": ("spec.provider", False),
    "status": ("spec.lifecycle.status", False),
}


@pytest.mark.parametrize("sort", SORTS)
def test_a_sort_goes_by_any_name_of_a_sortable_field(sort: str) -> None:
    assert Query(sort=sort).order() == SORTS[sort]


_TABLE = "sort by one like `name`, `updatedAt` or `provider`; docs/query-language.md says which fields are sortable"
NO_SORTS: dict[str, tuple[str, str]] = {
    "tags": ("'tags', of which a record may have several", _TABLE),
    "description": ("'description', which has no order", _TABLE),
    "-inputPrise": ("'inputPrise', which no field goes by", "did you mean 'inputPrice'?"),
    "maxOutputToken": ("'maxOutputToken', which no field goes by", "did you mean 'maxOutputTokens'?"),
    "relevanc": ("'relevanc', which no field goes by", "did you mean 'relevance'?"),
    "prov": ("'prov', which no field goes by", "did you mean 'provider'?"),
    "tag": ("'tag', which no field goes by", _TABLE),
    "nope": ("'nope', which no field goes by", _TABLE),
    "quotas": ("'quotas', which has fields of its own", "sort by a field of it: quotas.names, "),
    "labels": ("'labels', which has fields of its own", _TABLE),
    "custom.acme.x": ("'custom.acme.x': fields of a namespace's own have no order", _TABLE),
}


@pytest.mark.parametrize("sort", NO_SORTS)
def test_what_has_no_order_is_not_sorted_by(sort: str) -> None:
    with pytest.raises(UsageError) as refused:
        Query(sort=sort).order()
    says, mend = NO_SORTS[sort]
    assert refused.value.says.startswith(f"results cannot be sorted by {says}")
    assert refused.value.mend is not None
    assert refused.value.mend.startswith(mend)


# Custom fields

keywords = st.sampled_from(
    [
        *("$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "format", "items", "maxLength"),
        *("oneOf", "pattern", "patternProperties", "prefixItems", "properties", "type", "unevaluatedProperties", "x"),
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "object", "array", "#", "#/$defs/x"])
json_values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keywords, inner, max_size=4), max_leaves=20
)


def metadata_schema(schema: Any, version: str = "1.0.0", namespace: str = "acme/nlp", **more: Any) -> dict[str, Any]:
    """Make the data of a MetadataSchema record; it applies to every kind unless it says otherwise."""
    name = more.pop("name", "accounting")
    more.setdefault("appliesTo", list(known_fields()["spec.custom"].kinds))
    return {
        "kind": "MetadataSchema",
        "metadata": {"namespace": namespace, "name": name, "version": version},
        "spec": {"schema": schema, **more},
    }


def typed(properties: dict[str, Any], **more: Any) -> CustomFields:
    return custom_fields([metadata_schema({"type": "object", "properties": properties, **more})])


CUSTOM_TYPES: dict[str, tuple[Any, str, bool, tuple[str, ...]]] = {
    "integer": ({"type": "integer"}, "number", False, ()),
    "number": ({"type": "number"}, "number", False, ()),
    "boolean": ({"type": "boolean"}, "boolean", False, ()),
    "short text": ({"type": "string", "maxLength": 20}, "word", False, ()),
    "pattern": ({"type": "string", "pattern": "^x"}, "word", False, ()),
    "text": ({"type": "string"}, "text", False, ()),
    "day": ({"type": "string", "format": "date"}, "time", False, ()),
    "moment": ({"type": "string", "format": "date-time"}, "time", False, ()),
    "enum": ({"enum": ["a", "b"]}, "word", False, ("a", "b")),
    "const": ({"const": "a"}, "word", False, ("a",)),
    "numbers": ({"enum": [1, 2]}, "number", False, ()),
    "mixed enum": ({"enum": [1, "a"]}, "any", False, ()),
    "or null": ({"type": ["integer", "null"]}, "number", False, ()),
    "any of null": ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "time", False, ()),
    "two types": ({"type": ["integer", "string"]}, "any", False, ()),
    "one of two": ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "any", False, ()),
    "list": ({"type": "array", "items": {"type": "integer"}}, "number", True, ()),
    "open list": ({"type": "array"}, "any", True, ()),
    "reference": ({"$ref": "#/$defs/day"}, "time", False, ()),
    "reference to nowhere": ({"$ref": "#/$defs/nowhere"}, "any", False, ()),
    "reference to itself": ({"$ref": "#/properties/field"}, "any", False, ()),
    "reference elsewhere": ({"$ref": "https://example.com/x"}, "any", False, ()),
    "all of": ({"allOf": [{"type": "string"}, {"format": "date"}]}, "time", False, ()),
    "true": (True, "any", False, ()),
    "nothing": ({}, "any", False, ()),
    "map": ({"type": "object", "additionalProperties": {"type": "integer"}}, "map", False, ()),
    "no schema at all": ({"type": 7, "enum": 3, "anyOf": []}, "any", False, ()),
}


@pytest.mark.parametrize("case", CUSTOM_TYPES)
def test_a_custom_field_has_the_type_that_its_schema_gives_it(case: str) -> None:
    schema, kind, several, values = CUSTOM_TYPES[case]
    custom = typed({"field": schema}, **{"$defs": {"day": {"type": "string", "format": "date"}}})
    found = resolve("custom.acme/nlp.field", custom)
    assert (found.type, found.several, found.values) == (kind, several, values)
    assert found.kinds == known_fields()["spec.custom"].kinds


PARTLY: dict[str, Any] = {
    "properties": {
        "level": {"enum": ["low", "high"]},
        "budget": {"type": "number"},
        "owner": {"type": "object", "properties": {"team": {"type": "string"}}, "additionalProperties": False},
        "limits": {"type": "object", "additionalProperties": {"enum": ["low", "high"]}},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize("more", [{"appliesTo": ["Model", "Dataset"]}, {"appliesTo": ("Model",)}])
def test_a_schema_that_is_not_for_every_kind_types_and_closes_nothing(more: dict[str, Any]) -> None:
    custom = custom_fields([metadata_schema(PARTLY, **more)])
    for name in ("level", "budget", "owner.team", "owner.other", "limits.x", "other", "other.more"):
        found = resolve(f"custom.acme/nlp.{name}", custom)
        assert (found.type, found.values) == ("any", ())
    assert resolve("custom.acme/nlp.owner", custom).type == "part"


def test_schemas_that_are_for_every_kind_together_type_what_all_of_them_say() -> None:
    first, *others = known_fields()["spec.custom"].kinds
    one = metadata_schema({"properties": {"x": {"type": "number"}, "y": {"type": "number"}}}, appliesTo=[first])
    two = metadata_schema({"properties": {"x": {"type": "number"}}}, name="two", appliesTo=others)
    custom = custom_fields([one, two])
    assert resolve("custom.acme/nlp.x", custom).type == "number"
    assert resolve("custom.acme/nlp.y", custom).type == "any"


@pytest.mark.parametrize("word", ["then", "else", "dependentSchemas"])
def test_a_field_that_is_described_on_a_condition_is_not_refused(word: str) -> None:
    custom = typed({"x": {"type": "number"}}, unevaluatedProperties=False, **{word: {"properties": {"y": True}}})
    assert resolve("custom.acme/nlp.y", custom).type == "any"
    closed = typed({"x": {"type": "number"}}, unevaluatedProperties=False)
    assert find("custom.acme/nlp.y", closed) is None


def test_custom_fields_lie_as_deep_as_their_schema_says() -> None:
    custom = typed({"cost": {"type": "object", "properties": {"centre": {"type": "integer"}}}})
    assert resolve("custom.acme/nlp.cost.centre", custom).type == "number"
    assert resolve("custom.acme/nlp.cost", custom).type == "part"


def test_a_schema_that_refers_to_itself_ends() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/properties/tree"}, "size": {"type": "integer"}}}
    custom = typed({"tree": tree})
    assert resolve("custom.acme/nlp.tree.child.child.size", custom).type == "number"
    assert len(custom.fields) < 100


def test_a_schema_that_doubles_at_every_step_ends() -> None:
    defs = {f"n{n}": {"properties": {key: {"$ref": f"#/$defs/n{n + 1}"} for key in "ab"}} for n in range(30)}
    custom = typed({"field": {"$ref": "#/$defs/n0"}}, **{"$defs": defs})
    assert len(custom.fields) < 5000


CIRCLES: dict[str, Any] = {
    "free keys": {"type": "object", "additionalProperties": {"$ref": "#"}},
    "patterns": {"type": "object", "patternProperties": {"^a": {"$ref": "#"}, "^b": {"$ref": "#"}}},
    "what is left": {"type": "object", "properties": {"x": {"$ref": "#"}}, "unevaluatedProperties": {"$ref": "#"}},
    "lists": {"type": "object", "additionalProperties": {"type": "array", "items": {"$ref": "#"}}},
    "a step on the way": {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/step"},
        "$defs": {"step": {"type": "object", "additionalProperties": {"$ref": "#"}}},
    },
}


@pytest.mark.parametrize("case", CIRCLES)
def test_free_keys_that_lead_back_to_their_schema_end(case: str) -> None:
    custom = custom_fields([metadata_schema(CIRCLES[case])])
    assert resolve("custom.acme/nlp.a.b.c", custom).type == "any"


def test_a_schema_that_cannot_be_read_types_nothing_and_spares_the_others() -> None:
    unreadable = metadata_schema({"type": "object"}, indexedFields=[{"index": "fulltext"}])
    custom = custom_fields([unreadable, metadata_schema({"properties": {"x": {"type": "integer"}}}, namespace="other")])
    assert resolve("custom.acme/nlp.x", custom).type == "any"
    assert resolve("custom.other.x", custom).type == "number"


def test_a_closed_schema_has_no_other_fields_and_names_the_nearest() -> None:
    custom = typed({"costCentre": {"type": "integer"}}, additionalProperties=False)
    with pytest.raises(UsageError) as refused:
        resolve("custom.acme/nlp.costCenter", custom)
    assert refused.value.mend == "did you mean 'custom.acme/nlp.costCentre'?"
    assert resolve("custom.acme/nlp", custom).type == "part"
    assert resolve("custom.acme.costCenter", custom).type == "any"  # of another namespace


def test_an_open_schema_leaves_other_fields_untyped() -> None:
    custom = typed({"costCentre": {"type": "integer"}})
    assert resolve("custom.acme/nlp.costCenter", custom).type == "any"
    assert resolve("custom.acme/nlp.costCenter.more", custom).type == "any"


def test_a_namespace_with_a_dot_is_not_taken_for_a_field_of_the_one_before_it() -> None:
    closed = {"properties": {"x": {"type": "integer"}}, "additionalProperties": False}
    custom = custom_fields([metadata_schema(closed, namespace="acme")])
    assert resolve("custom.acme.ai.cost", custom).type == "any"
    dotted = custom_fields([metadata_schema(closed, namespace="acme"), metadata_schema(closed, namespace="acme.ai")])
    assert resolve("custom.acme.ai.x", dotted).type == "number"
    assert find("custom.acme.ai.y", dotted) is None


def test_the_highest_version_that_is_not_retired_types_the_fields() -> None:
    def with_type(kind: str) -> dict[str, Any]:
        return {"properties": {"x": {"type": kind}}}

    versions = [
        metadata_schema(with_type("integer"), "1.0.0"),
        metadata_schema(with_type("boolean"), "1.10.0"),
        metadata_schema(with_type("string"), "1.9.0"),
        metadata_schema(with_type("array"), "2.0.0", lifecycle={"status": "retired"}),
    ]
    for order in (versions, versions[::-1]):
        assert resolve("custom.acme/nlp.x", custom_fields(order)).type == "boolean"


def test_all_schemas_of_a_namespace_count_together() -> None:
    one = metadata_schema({"properties": {"x": {"type": "integer"}, "y": {"type": "string"}}}, name="one")
    two = metadata_schema(
        {"properties": {"y": {"type": "integer"}, "z": {"type": "boolean"}}}, name="two", appliesTo=["Dataset"]
    )
    custom = custom_fields([one, two])
    assert resolve("custom.acme/nlp.x", custom).type == "number"
    assert resolve("custom.acme/nlp.y", custom).type == "any"
    assert resolve("custom.acme/nlp.z", custom).kinds == ("Dataset",)


def test_an_indexed_field_is_known_and_full_text_is_text() -> None:
    indexed = [{"path": "items[0].code", "index": "hash"}, {"path": "note", "index": "fulltext"}, {"path": "code"}]
    schema = {"properties": {"code": {"type": "string", "maxLength": 9}}, "additionalProperties": False}
    custom = custom_fields([metadata_schema(schema, indexedFields=indexed)])
    assert resolve("custom.acme/nlp.items.code", custom).type == "any"
    assert resolve("custom.acme/nlp.note", custom).type == "text"
    assert resolve("custom.acme/nlp.code", custom).type == "word"


def test_a_schema_that_is_true_types_nothing() -> None:
    custom = custom_fields([metadata_schema(True)])
    assert resolve("custom.acme/nlp.x", custom).type == "any"


@given(json_values)
def test_whatever_stands_as_a_schema_is_read(schema: Any) -> None:
    custom = custom_fields([metadata_schema(schema)])
    assert all(path.startswith("spec.custom.acme/nlp") for path in custom.fields)
    find("custom.acme/nlp.properties.x", custom)


def test_without_schemas_every_custom_field_is_untyped() -> None:
    found = resolve("custom.acme.x", NO_CUSTOM_FIELDS)
    assert found == Field("spec.custom.acme.x", "any", found.kinds, entries="any")
    assert set(found.kinds) == {"Model", "Dataset", "Config", "Pipeline", "PipelineTemplate", "TestSuite", "Policy"}
