"""Each kind is frozen and strict, its example is canonical, and its marks stand where they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from gitreg.kinds import (
    FACT_TYPES,
    KIND_TYPES,
    WELL_KNOWN_PROVIDERS,
    ComplianceDecision,
    Manifest,
    Model,
    Part,
    TestResult,
    data_path,
    mutable_paths,
    part_at,
)
from gitreg.manifests import (
    differences,
    manifest_from_data,
    read_manifest,
    schema_line,
    to_data,
    without,
    write_manifest,
)
from gitreg.refs import KINDS, Address

FACTS: dict[str, dict[str, Any]] = {
    "TestResult": {
        "apiVersion": "gitreg/v1",
        "id": "5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10",
        "kind": "TestResult",
        "suite": "suite:acme/nlp/acceptance@1.0.0",
        "target": "acme/nlp/summarizer@1.2.0",
        "executedAt": "2026-03-02T10:00:00Z",
        "duration": 12.5,
        "status": "failed",
        "cases": [
            {
                "case": "short",
                "status": "error",
                "duration": 3,
                "assertions": [{"type": "equals", "passed": False, "expected": 1, "actual": None}],
                "error": {"type": "Timeout", "message": "too slow", "context": {"limit": 3}},
            }
        ],
        "metrics": {"p95Latency": 12.5, "errorRate": 100},
        "artifacts": [{"name": "log", "type": "log", "uri": "https://ci.example/1"}],
    },
    "ComplianceDecision": {
        "apiVersion": "gitreg/v1",
        "id": "5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10",
        "kind": "ComplianceDecision",
        "target": "acme/nlp/summarizer@1.2.0",
        "policies": ["policy:acme/pii@1.0.0"],
        "status": "non-compliant",
        "decidedAt": "2026-03-02T10:00:00+01:00",
        "decidedBy": "svc:engine",
        "violations": [{"policy": "policy:acme/pii@1.0.0", "severity": "high", "message": "names in it"}],
        "score": 40,
    },
}

ADDRESSES = {
    "Registry": Address("Registry", "", "registry"),
    "Namespace": Address("Namespace", "acme/nlp", "acme/nlp"),
    "Model": Address("Model", "acme/nlp", "summarizer", "1.2.0"),
    "Dataset": Address("Dataset", "acme/nlp", "tickets", "1.0.0"),
    "Config": Address("Config", "acme/nlp", "summarizer-defaults", "1.0.0"),
    "Pipeline": Address("Pipeline", "acme/nlp", "ticket-digest", "1.0.0"),
    "PipelineTemplate": Address("PipelineTemplate", "acme/nlp", "one-model", "1.0.0"),
    "TestSuite": Address("TestSuite", "acme/nlp", "summarizer-acceptance", "1.0.0"),
    "Policy": Address("Policy", "acme/governance", "licence-known", "1.0.0"),
    "PolicyLink": Address("PolicyLink", "acme/governance", "production-models"),
    "MetadataSchema": Address("MetadataSchema", "acme", "accounting", "1.0.0"),
    "Aliases": Address("Aliases", "acme/nlp", "summarizer", of="Model"),
    "Role": Address("Role", "", "publisher"),
    "RoleBinding": Address("RoleBinding", "", "nlp-publishers"),
    "Waiver": Address("Waiver", "", "mirrored-weights"),
}


def example_of(kind: str) -> Manifest:
    reading = read_manifest(KIND_TYPES[kind].example.encode())
    assert reading.manifest is not None, reading.findings
    return reading.manifest


# Examples


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_an_example_is_canonical(kind: str) -> None:
    manifest = example_of(kind)
    assert type(manifest) is KIND_TYPES[kind]
    assert write_manifest(manifest).decode() == schema_line(manifest.address) + KIND_TYPES[kind].example


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_an_example_carries_its_address(kind: str) -> None:
    assert example_of(kind).address == ADDRESSES[kind]


def test_every_kind_has_an_address_and_a_type() -> None:
    assert list(KIND_TYPES) == list(KINDS)
    assert {kind for kind in KIND_TYPES if example_of(kind).is_versioned} == {
        kind for kind, place in KINDS.items() if place.is_versioned
    }


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_a_fact_is_read_from_json(kind: str) -> None:
    fact = FACT_TYPES[kind].model_validate_json(as_json(FACTS[kind]), by_alias=True, by_name=False)
    assert to_data(fact) == FACTS[kind]


def as_json(data: Any) -> bytes:
    import orjson

    return orjson.dumps(data)


# Strictness


def parts_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Find the path of each part of a value: the mappings whose keys the types know."""
    if isinstance(value, BaseModel):
        yield path
        for name, field in type(value).model_fields.items():
            if name in value.model_fields_set:
                yield from parts_of(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from parts_of(item, (*path, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from parts_of(item, (*path, key))


def with_key(data: Any, path: tuple[str | int, ...], key: str, value: Any) -> Any:
    if not path:
        return {**data, key: value}
    if isinstance(data, list):
        return [with_key(item, path[1:], key, value) if n == path[0] else item for n, item in enumerate(data)]
    return {**data, path[0]: with_key(data[path[0]], path[1:], key, value)}


def dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


EVERY_PART = [
    pytest.param(kind, path, id=f"{kind}-{dotted(path) or 'top'}")
    for kind in KIND_TYPES
    for path in parts_of(example_of(kind))
]


@pytest.mark.parametrize(("kind", "path"), EVERY_PART)
def test_an_unknown_key_is_refused_at_every_level(kind: str, path: tuple[str | int, ...]) -> None:
    reading = manifest_from_data(with_key(to_data(example_of(kind)), path, "zzUnknown", 1))
    assert reading.manifest is None
    assert [(finding.rule, finding.field) for finding in reading.findings] == [("GR-003", dotted((*path, "zzUnknown")))]
    assert "unknown key 'zzUnknown'" in reading.findings[0].says


@pytest.mark.parametrize(("kind", "path"), EVERY_PART)
def test_a_misspelt_key_is_answered_with_the_nearest_at_every_level(kind: str, path: tuple[str | int, ...]) -> None:
    part = part_at(KIND_TYPES[kind], loc_of(kind, path))
    assert part is not None
    alias = max((field.alias or name for name, field in part.model_fields.items()), key=len)
    reading = manifest_from_data(with_key(to_data(example_of(kind)), path, f"{alias}s", 1))
    assert [finding.mend for finding in reading.findings] == [f"did you mean {alias!r}?"]


def loc_of(kind: str, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Give pydantic's own path to a part, tags of unions and all."""
    with pytest.raises(ValidationError) as caught:
        KIND_TYPES[kind].model_validate_json(as_json(with_key(to_data(example_of(kind)), path, "zzUnknown", 1)))
    loc = tuple(caught.value.errors()[0]["loc"])
    assert data_path(KIND_TYPES[kind], loc) == (*path, "zzUnknown")
    return loc[:-1]


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_an_unknown_key_of_a_fact_is_refused_at_every_level(kind: str) -> None:
    fact = FACT_TYPES[kind].model_validate_json(as_json(FACTS[kind]))
    for path in parts_of(fact):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            FACT_TYPES[kind].model_validate_json(as_json(with_key(FACTS[kind], path, "zzUnknown", 1)))


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_a_key_is_not_known_by_its_python_name(kind: str) -> None:
    data = to_data(example_of(kind))
    data["api_version"] = data.pop("apiVersion")
    reading = manifest_from_data(data)
    assert {(finding.field, finding.mend.split(":")[0]) for finding in reading.findings} == {
        ("apiVersion", "add `apiVersion`"),
        ("api_version", "did you mean 'apiVersion'?"),
    }


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        pytest.param(("metadata", "name"), 5, "text", id="integer-for-text"),
        pytest.param(("metadata", "name"), True, "text", id="boolean-for-text"),
        pytest.param(("metadata", "name"), None, "text", id="null-for-text"),
        pytest.param(("metadata", "tags"), "a", "a list", id="text-for-list"),
        pytest.param(("metadata", "tags"), {"a": 1}, "a list", id="mapping-for-list"),
        pytest.param(("metadata", "labels"), ["a"], "a mapping", id="list-for-mapping"),
        pytest.param(("metadata", "labels"), {"tier": 1}, "text", id="integer-for-label"),
        pytest.param(("metadata",), [], "a mapping", id="list-for-part"),
        pytest.param(("spec",), "x", "a mapping", id="text-for-part"),
        pytest.param(("spec", "capabilities", "contextLength"), "100", "an integer", id="text-for-integer"),
        pytest.param(("spec", "capabilities", "contextLength"), 100.0, "an integer", id="float-for-integer"),
        pytest.param(("spec", "capabilities", "contextLength"), True, "an integer", id="boolean-for-integer"),
        pytest.param(("spec", "capabilities", "contextLength"), 0, "at least 1", id="zero-tokens"),
        pytest.param(("spec", "capabilities", "supportsVision"), "yes", "true or false", id="text-for-boolean"),
        pytest.param(("spec", "capabilities", "supportsVision"), 1, "true or false", id="integer-for-boolean"),
        pytest.param(("spec", "pricing", "perMillionTokens", "input"), "1", "a number", id="text-for-number"),
        pytest.param(("spec", "pricing", "perMillionTokens", "input"), True, "a number", id="boolean-for-number"),
        pytest.param(("spec", "pricing", "perMillionTokens", "input"), -1, "at least 0", id="negative-price"),
        pytest.param(("spec", "pricing", "perMillionTokens", "input"), -1.5, "at least 0", id="negative-fraction"),
        pytest.param(("spec", "pricing", "effectiveDate"), 20260101, "a date like", id="integer-for-date"),
        pytest.param(("spec", "pricing", "effectiveDate"), "20260101", "a date like", id="date-without-dashes"),
        pytest.param(("spec", "pricing", "effectiveDate"), "1767225600", "a date like", id="timestamp-for-date"),
        pytest.param(("spec", "pricing", "effectiveDate"), "2026-01-01T00:00:00Z", "a date like", id="time-for-date"),
        pytest.param(("spec", "pricing", "effectiveDate"), "2026-02-30", "a date like", id="no-such-day"),
        pytest.param(("spec", "inputSchema"), 5, "a mapping or true or false", id="integer-for-json-schema"),
        pytest.param(("spec", "inputSchema"), [1], "a mapping or true or false", id="list-for-json-schema"),
        pytest.param(("spec", "custom"), {"acme": 1}, "a mapping", id="custom-without-a-namespace"),
    ],
)
def test_nothing_is_coerced(field: tuple[str, ...], value: Any, expected: str) -> None:
    reading = manifest_from_data(with_key(to_data(example_of("Model")), field[:-1], field[-1], value))
    assert reading.manifest is None
    assert len(reading.findings) == 1, reading.findings
    assert reading.findings[0].says.partition("expected ")[2].startswith(expected)
    assert (reading.findings[0].field or "").startswith(dotted(field))


@pytest.mark.parametrize(
    ("field", "word", "mend"),
    [
        pytest.param(("spec", "type"), "completon", "did you mean 'completion'?", id="model-type"),
        pytest.param(("spec", "type"), "Completion", "did you mean 'completion'?", id="case-counts"),
        pytest.param(("spec", "type"), "quantum", "write one of: completion, embedding", id="nothing-near"),
        pytest.param(("spec", "lifecycle", "status"), "depricated", "did you mean 'deprecated'?", id="status"),
        pytest.param(("spec", "checksum", "of"), "artefact", "did you mean 'artifact'?", id="checksum-of"),
        pytest.param(("spec", "checksum", "algorithm"), "md5", "write one of: sha256", id="algorithm"),
    ],
)
def test_a_word_that_is_not_one_of_the_list_is_refused_with_the_nearest(
    field: tuple[str, ...], word: str, mend: str
) -> None:
    reading = manifest_from_data(with_key(to_data(example_of("Model")), field[:-1], field[-1], word))
    assert [(finding.rule, finding.field) for finding in reading.findings] == [("GR-003", dotted(field))]
    assert reading.findings[0].says.startswith(f"got {word!r}; expected one of ")
    assert reading.findings[0].mend.startswith(mend)


@pytest.mark.parametrize(
    ("kind", "path", "value", "field", "says"),
    [
        pytest.param(
            "Aliases", ("spec", "aliases"), {"latest": "1.0.0"}, "spec.aliases.latest", "computed", id="latest"
        ),
        pytest.param("Aliases", ("spec", "aliases"), {"v": "1.0.0"}, "spec.aliases.v", "", id="alias-v-is-fine"),
        pytest.param("Aliases", ("spec", "aliases"), {"x": "1.0.0"}, "spec.aliases.x", "read as", id="range"),
        pytest.param("Aliases", ("spec", "aliases"), {"A": "1.0.0"}, "spec.aliases.A", "matches", id="upper-case"),
        pytest.param(
            "Aliases", ("spec", "aliases"), {"a": "^1"}, "spec.aliases.a", "major.minor", id="range-for-version"
        ),
        pytest.param("Aliases", ("spec", "of"), "Role", "spec.of", "expected one of", id="of-what-has-no-versions"),
        pytest.param("Namespace", ("spec", "owners"), [], "spec.owners", "at least 1", id="no-owner"),
        pytest.param(
            "Namespace",
            ("spec", "requiredPolicies"),
            ["policy:a/b@1"],
            "spec.requiredPolicies[0]",
            "without a version",
            id="name-ref-with-version",
        ),
        pytest.param("Config", ("spec", "appliesTo"), ["Acme/x"], "spec.appliesTo[0]", "not a ref", id="bad-ref"),
        pytest.param("Registry", ("spec", "uid"), "abc", "spec.uid", "UUID", id="bad-uid"),
        pytest.param("Registry", ("spec", "formatVersion"), 2, "spec.formatVersion", "one of 1", id="format-version"),
        pytest.param(
            "Registry",
            ("spec", "gate", "severities"),
            {"GR-1": "off"},
            "spec.gate.severities.GR-1",
            "matches",
            id="rule-code",
        ),
        pytest.param(
            "Registry",
            ("spec", "limits", "manifestBytes"),
            65_537,
            "spec.limits.manifestBytes",
            "at most 65536",
            id="limit-too-high",
        ),
        pytest.param(
            "Role", ("spec", "permissions"), ["registry:own"], "spec.permissions[0]", "matches", id="permission"
        ),
        pytest.param("Waiver", ("spec", "expiresAt"), None, "spec.expiresAt", "a date", id="waiver-without-an-end"),
        pytest.param(
            "Policy", ("spec", "rule", "language"), "lua", "spec.rule.language", "one of 'conditions'", id="language"
        ),
        pytest.param("Policy", ("spec", "rule"), {}, "spec.rule.language", "`language` is missing", id="no-language"),
        pytest.param("Pipeline", ("spec", "dag", "nodes"), [], "spec.dag.nodes", "at least 1", id="no-nodes"),
        pytest.param(
            "Pipeline", ("spec", "resources", "memory"), "4 GB", "spec.resources.memory", "a quantity as", id="quantity"
        ),
        pytest.param(
            "Pipeline", ("spec", "resources", "cpu"), "9" * 33, "spec.resources.cpu", "at most 32", id="many-cores"
        ),
        pytest.param(
            "Pipeline",
            ("spec", "resources", "storage"),
            f"{'9' * 400_000}Gi",
            "spec.resources.storage",
            "at most 32",
            id="many-bytes",
        ),
        pytest.param(
            "TestSuite",
            ("spec", "config"),
            {"coverage": {"enabled": True, "threshold": 101}},
            "spec.config.coverage.threshold",
            "at most 100",
            id="percentage",
        ),
        pytest.param("Model", ("spec", "artifactUri"), "not a url", "spec.artifactUri", "matches", id="url"),
        pytest.param(
            "Model",
            ("spec", "checksum", "digest"),
            "A" * 64,
            "spec.checksum.digest",
            "matches",
            id="digest-in-capitals",
        ),
        pytest.param(
            "Model",
            ("metadata", "description"),
            "",
            "metadata.description",
            "text of at least 1 character",
            id="empty-description",
        ),
        pytest.param("Model", ("spec", "license"), "a\nb", "spec.license", "matches", id="two-lines"),
    ],
)
def test_a_kind_refuses_what_its_grammar_does_not_hold(
    kind: str, path: tuple[str, ...], value: Any, field: str, says: str
) -> None:
    reading = manifest_from_data(with_key(to_data(example_of(kind)), path[:-1], path[-1], value))
    if not says:
        assert reading.manifest is not None, reading.findings
        return
    assert [finding.field for finding in reading.findings] == [field]
    assert says in reading.findings[0].says


# Frozen values, and marks


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_a_manifest_cannot_be_changed(kind: str) -> None:
    manifest = example_of(kind)
    parts: list[tuple[BaseModel, str]] = [
        (manifest, "kind"),
        (manifest.metadata, "description"),
        (manifest.spec, next(iter(type(manifest.spec).model_fields))),
    ]
    for part, name in parts:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, None)


def marked(annotation: Any, path: tuple[str, ...] = (), inside: bool = False) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Find every field with the mark, wherever it is: its path, and whether it is in a list, a mapping or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            here = (*path, field.alias or name)
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("x-gitreg-mutable"):
                yield here, inside
            else:
                yield from marked(field.annotation, here, inside)
        return
    if get_origin(annotation) in (Union, UnionType) or get_origin(annotation) is not None:
        for inner in get_args(annotation):
            yield from marked(inner, path, inside=True)


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_the_mark_of_mutability_stands_only_where_it_is_read(kind: str) -> None:
    found = list(marked(KIND_TYPES[kind]))
    assert [path for path, inside in found if inside] == []
    assert {path for path, _ in found} == mutable_paths(kind)


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_a_fact_has_nothing_mutable(kind: str) -> None:
    assert list(marked(FACT_TYPES[kind])) == []


def test_what_may_change_of_a_landed_model_is_this() -> None:
    assert mutable_paths("Model") == {
        ("metadata", "description"),
        ("metadata", "docs"),
        ("metadata", "tags"),
        ("metadata", "labels"),
        ("metadata", "owner"),
        ("metadata", "externalIds"),
        ("spec", "lifecycle"),
        ("spec", "endpoints"),
        ("spec", "pricing"),
        ("spec", "custom"),
    }


@pytest.mark.parametrize("kind", [kind for kind in KIND_TYPES if KINDS[kind].is_versioned])
def test_a_versioned_kind_may_be_described_and_retired_after_it_landed(kind: str) -> None:
    assert {("metadata", "description"), ("metadata", "tags"), ("spec", "lifecycle")} <= mutable_paths(kind)
    identity = {("metadata", "name"), ("metadata", "namespace"), ("metadata", "version"), ("kind",), ("apiVersion",)}
    assert not identity & mutable_paths(kind)


def test_providers_that_are_well_known_are_slugs_with_a_name() -> None:
    slug = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
    assert all(slug.fullmatch(provider) for provider in WELL_KNOWN_PROVIDERS)
    assert all(name.strip() for name in WELL_KNOWN_PROVIDERS.values())
    assert list(WELL_KNOWN_PROVIDERS) == sorted(WELL_KNOWN_PROVIDERS)
    assert {"openai", "anthropic", "huggingface", "cohere", "google", "custom"} <= set(WELL_KNOWN_PROVIDERS)


def test_a_provider_need_not_be_well_known() -> None:
    data = to_data(example_of("Model"))
    data["spec"]["provider"] = "nobody-knows-me"
    assert manifest_from_data(data).manifest is not None


def test_python_callers_may_use_python_names() -> None:
    made = Model.model_validate(
        {**to_data(example_of("Model")), "metadata": {"namespace": "a", "name": "b", "version": "1.0.0"}}, strict=False
    )
    assert made.api_version == "gitreg/v1"
    assert issubclass(TestResult, Part)
    assert issubclass(ComplianceDecision, Part)


# What differs


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"a": 1}, {"a": 1.0}, [], id="one-number-in-two-spellings"),
        pytest.param({"a": 1}, {"a": True}, [("a", 1, True)], id="one-is-not-true"),
        pytest.param({"a": 0}, {"a": False}, [("a", 0, False)], id="nought-is-not-false"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": True}}, [("a.b", 1, True)], id="deep"),
        pytest.param({"a": [1]}, {"a": [True]}, [("a", [1], [True])], id="in-a-list"),
        pytest.param({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}, [], id="lists-alike"),
        pytest.param({"a": 1}, {"a": "1"}, [("a", 1, "1")], id="text-is-not-a-number"),
        pytest.param({}, {"a": None}, [("a", None, None)], id="null-is-not-absence"),
        pytest.param({}, {"a": {"b": 1, "c": 2}}, [("a.b", None, 1), ("a.c", None, 2)], id="a-mapping-came"),
        pytest.param({"a": {"b": 1}}, {}, [("a.b", 1, None)], id="a-mapping-went"),
        pytest.param({}, {"a": {}}, [("a", None, {})], id="an-empty-mapping-came"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, [("a.b", 1, None)], id="a-mapping-was-emptied"),
        pytest.param({"a": {"b": 1}}, {"a": 5}, [("a", {"b": 1}, 5)], id="a-mapping-became-a-number"),
        pytest.param({"b": 1, "a": 1}, {"a": 2, "b": 2}, [("a", 1, 2), ("b", 1, 2)], id="by-path"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, [("a", [1, 2], [2, 1])], id="order-of-a-list"),
    ],
)
def test_differences_are_told_by_field(before: Any, after: Any, expected: list[tuple[str, Any, Any]]) -> None:
    found = [(change.path, change.before, change.after) for change in differences(before, after)]
    assert found == expected
    assert list(map(str, found)) == list(map(str, expected)), "1 == True in Python, and not in JSON"


def test_a_path_that_is_taken_out_leaves_the_rest() -> None:
    data = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert without(data, [("a", "b"), ("x", "y"), ("d", "e")]) == {"a": {"c": 2}, "d": [1]}
    assert data == {"a": {"b": 1, "c": 2}, "d": [1]}
