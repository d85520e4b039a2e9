"""What a change means to consumers: every field has an impact, and the impacts say which version is deserved."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from gitreg.compatibility import (
    Bump,
    Difference,
    Impact,
    compare,
    deserved,
    is_enough,
    next_version,
    step_between,
)
from gitreg.errors import UsageError
from gitreg.kinds import KIND_TYPES, Manifest
from gitreg.kinds.schema import json_schema
from gitreg.manifests import manifest_from_data, read_manifest, split_path, to_data
from gitreg.refs import VERSIONED_KINDS
from gitreg.versions import Version

GONE: Any = object()
BREAKING, COMPATIBLE, COSMETIC = Impact.BREAKING, Impact.COMPATIBLE, Impact.COSMETIC


def example_of(kind: str) -> dict[str, Any]:
    manifest = read_manifest(KIND_TYPES[kind].example.encode()).manifest
    assert manifest is not None
    data: dict[str, Any] = to_data(manifest)
    return data


def manifest_of(data: Any) -> Manifest:
    reading = manifest_from_data(data)
    assert reading.manifest is not None, reading.findings
    return reading.manifest


def put(data: Any, path: str, value: Any) -> Any:
    """Give data with a value at a dotted path; `GONE` takes it away, and what is missing on the way is made."""
    return _put(data, split_path(path), value)


def _put(data: Any, steps: tuple[str, ...], value: Any) -> Any:
    step, rest = steps[0], steps[1:]
    if isinstance(data, list):
        inner = _put(data[int(step)], rest, value) if rest else value
        kept = [inner if n == int(step) else item for n, item in enumerate(data)]
        return [item for item in kept if item is not GONE]
    if not rest:
        return {key: item for key, item in {**data, step: value}.items() if item is not GONE}
    return {**data, step: _put(data.get(step, {}), rest, value)}


def found(kind: str, path: str, before: Any, after: Any) -> tuple[Difference, ...]:
    base = example_of(kind)
    return compare(manifest_of(put(base, path, before)), manifest_of(put(base, path, after)))


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
ENDPOINT: dict[str, Any] = {
    "type": "rest",
    "url": "https://a.example/v1",
    "authentication": {"type": "api-key", "headerName": "X-Key"},
}
OTHER_ENDPOINT = {**ENDPOINT, "region": "eu"}
NODE: dict[str, Any] = {
    "id": "a",
    "type": "model",
    "model": "acme/m@^1",
    "inputs": {"in": TEXT},
    "outputs": {"out": TEXT},
}
CHECK = {"type": "regex", "path": "a", "config": {"pattern": "x"}, "message": "m"}
CASE = {"id": "a", "name": "A", "type": "functional", "input": 1}
ONE = {"field": "spec.license", "operator": "exists"}


def bound(operator: str, value: Any) -> list[dict[str, Any]]:
    return [{"field": "spec.x", "operator": operator, "value": value}]


def needs(*refs: str, **more: Any) -> list[dict[str, Any]]:
    return [{"ref": ref, **more} for ref in refs]


CAPABILITIES = "spec.capabilities."
CASES = [
    ("Model", "spec.type", "completion", "vision", BREAKING, "another-type"),
    ("Model", "spec.provider", "acme", "custom", BREAKING, "another-provider"),
    ("Model", "spec.license", "mit", "proprietary", COMPATIBLE, "licence"),
    ("Model", CAPABILITIES + "supportsVision", True, False, BREAKING, "ability-lost"),
    ("Model", CAPABILITIES + "supportsVision", True, GONE, BREAKING, "ability-unstated"),
    ("Model", CAPABILITIES + "supportsVision", False, True, COMPATIBLE, "ability-won"),
    ("Model", CAPABILITIES + "supportsVision", GONE, False, COMPATIBLE, "inability-stated"),
    ("Model", CAPABILITIES + "contextLength", 100, 99, BREAKING, "context-reduced"),
    ("Model", CAPABILITIES + "contextLength", 100, GONE, BREAKING, "context-unstated"),
    ("Model", CAPABILITIES + "contextLength", 100, 101, COMPATIBLE, "context-raised"),
    ("Model", CAPABILITIES + "maxOutputTokens", GONE, 5, COMPATIBLE, "output-stated"),
    ("Model", CAPABILITIES + "languages", ["en", "de"], ["en"], BREAKING, "language-removed"),
    ("Model", CAPABILITIES + "languages", ["en"], ["en", "de"], COMPATIBLE, "language-added"),
    ("Model", CAPABILITIES + "languages", ["en", "de"], ["de", "en"], COSMETIC, "languages-in-another-order"),
    ("Model", CAPABILITIES + "modalities", ["text"], GONE, BREAKING, "modalities-unstated"),
    ("Model", CAPABILITIES + "inputModalities", ["text", "image"], ["text"], BREAKING, "input-removed"),
    ("Model", CAPABILITIES + "features", ["a"], ["b"], BREAKING, "feature-exchanged"),
    ("Model", CAPABILITIES + "embeddingDimensions", 10, 20, BREAKING, "dimensions-changed"),
    ("Model", CAPABILITIES + "embeddingDimensions", GONE, 20, COMPATIBLE, "dimensions-stated"),
    ("Model", "spec.inputSchema", NUMBER, WHOLE, BREAKING, "input-narrowed"),
    ("Model", "spec.inputSchema", WHOLE, NUMBER, COMPATIBLE, "input-widened"),
    ("Model", "spec.inputSchema", WHOLE, {**WHOLE, "title": "x"}, COSMETIC, "input-in-other-words"),
    ("Model", "spec.inputSchema", TEXT, {**TEXT, "format": "date"}, COMPATIBLE, "input-undecided"),
    ("Model", "spec.inputSchema", GONE, TEXT, COMPATIBLE, "input-stated"),
    ("Model", "spec.outputSchema", WHOLE, NUMBER, BREAKING, "output-widened"),
    ("Model", "spec.outputSchema", NUMBER, WHOLE, COMPATIBLE, "output-narrowed"),
    ("Model", "spec.outputSchema", TEXT, GONE, BREAKING, "output-unstated"),
    ("Model", "spec.endpoints", [ENDPOINT, OTHER_ENDPOINT], [ENDPOINT], BREAKING, "endpoint-removed"),
    ("Model", "spec.endpoints", [ENDPOINT], [OTHER_ENDPOINT, ENDPOINT], COMPATIBLE, "endpoint-added"),
    ("Model", "spec.endpoints", [ENDPOINT, OTHER_ENDPOINT], [OTHER_ENDPOINT, ENDPOINT], COSMETIC, "endpoints-order"),
    ("Model", "spec.endpoints", [ENDPOINT], [put(ENDPOINT, "authentication.type", "mtls")], BREAKING, "auth-type"),
    ("Model", "spec.endpoints", [ENDPOINT], [put(ENDPOINT, "authentication.headerName", "Y")], BREAKING, "auth-header"),
    ("Model", "spec.endpoints", [ENDPOINT], [put(ENDPOINT, "authentication.scopes", ["a"])], BREAKING, "auth-scope"),
    ("Model", "spec.endpoints", [ENDPOINT], [put(ENDPOINT, "rateLimit.requestsPerDay", 5)], COMPATIBLE, "rate-limit"),
    ("Model", "spec.endpoints", [ENDPOINT], [put(ENDPOINT, "timeout", 5)], COMPATIBLE, "timeout"),
    ("Model", "spec.dependencies", needs("acme/x@^1.1"), needs("acme/x@^1.2"), BREAKING, "range-narrowed"),
    ("Model", "spec.dependencies", needs("acme/x@^1.2"), needs("acme/x@^1.1"), COMPATIBLE, "range-widened"),
    ("Model", "spec.dependencies", needs("acme/x"), needs("acme/x@^1"), BREAKING, "range-from-any"),
    ("Model", "spec.dependencies", needs("acme/x@1.0.0"), needs("acme/x"), COMPATIBLE, "range-to-any"),
    ("Model", "spec.dependencies", needs("acme/x@1.0.0"), needs("acme/x@1.0.1"), BREAKING, "pin-moved"),
    ("Model", "spec.dependencies", needs("acme/x@1.0.0"), needs("acme/x@^1"), COMPATIBLE, "pin-loosened"),
    ("Model", "spec.dependencies", needs("acme/x@stable"), needs("acme/x@^1"), COMPATIBLE, "alias-undecided"),
    ("Model", "spec.dependencies", needs("acme/x@^1"), needs("acme/x@^1", "acme/y@^1"), COMPATIBLE, "dependency-added"),
    ("Model", "spec.dependencies", needs("acme/x@^1"), GONE, COMPATIBLE, "dependency-removed"),
    ("Model", "spec.dependencies", needs("acme/x@1"), needs("acme/x@1", purpose="p"), COSMETIC, "purpose"),
    ("Model", "spec.dependencies", needs("acme/x@1"), needs("acme/x@1", required=False), COMPATIBLE, "optional"),
    ("Model", "spec.pricing.perMillionTokens.input", 1, 2, COMPATIBLE, "price"),
    ("Model", "spec.lifecycle.status", "active", "deprecated", COMPATIBLE, "lifecycle"),
    ("Model", "spec.lifecycle.reason", "a", "b", COSMETIC, "lifecycle-reason"),
    ("Model", "spec.release.changelog", "a", "b", COSMETIC, "changelog"),
    ("Model", "spec.checksum.digest", "a" * 64, "b" * 64, COMPATIBLE, "digest"),
    ("Model", "spec.custom.acme", {"a": True}, {"a": 1}, COMPATIBLE, "custom-true-is-not-one"),
    ("Model", "spec.custom.acme", {"a": None}, {}, COMPATIBLE, "custom-null"),
    ("Model", "metadata.description", "a", "b", COSMETIC, "description"),
    ("Model", "metadata.tags", ["a"], ["b"], COSMETIC, "tags"),
    ("Model", "metadata.owner", "a", GONE, COSMETIC, "owner"),
    ("Dataset", "spec.format", "jsonl", "csv", BREAKING, "another-format"),
    ("Dataset", "spec.recordSchema", WHOLE, NUMBER, BREAKING, "records-widened"),
    ("Dataset", "spec.recordSchema", NUMBER, WHOLE, COMPATIBLE, "records-narrowed"),
    ("Dataset", "spec.languages", ["en"], GONE, BREAKING, "language-removed"),
    ("Dataset", "spec.splits", {"a": 1, "b": 1}, {"a": 1}, BREAKING, "split-removed"),
    ("Dataset", "spec.splits", {"a": 1}, {"a": 2}, COMPATIBLE, "split-of-another-size"),
    ("Dataset", "spec.license", "mit", GONE, COMPATIBLE, "licence"),
    ("Config", "spec.value", {"a": {"b": 1, "c": 1}}, {"a": {"b": 1}}, BREAKING, "setting-removed"),
    ("Config", "spec.value", {"a": 1}, {"a": "1"}, BREAKING, "setting-of-another-type"),
    ("Config", "spec.value", {"a": 1}, {"a": 2, "b": 1}, COMPATIBLE, "setting-changed-and-added"),
    ("Config", "spec.valueSchema", WHOLE, NUMBER, BREAKING, "settings-widened"),
    ("Config", "spec.appliesTo", ["acme/a", "acme/b"], ["acme/a"], BREAKING, "no-longer-for"),
    ("Config", "spec.template", "none", "jinja2", BREAKING, "strings-become-templates"),
    ("Pipeline", "spec.inputSchema", NUMBER, WHOLE, BREAKING, "input-narrowed"),
    ("Pipeline", "spec.outputSchema", NUMBER, WHOLE, COMPATIBLE, "output-narrowed"),
    ("Pipeline", "spec.dag", {"nodes": [NODE]}, {"nodes": [{**NODE, "model": "acme/n@1"}]}, COMPATIBLE, "stage"),
    ("Pipeline", "spec.dag", {"nodes": [NODE]}, {"nodes": [{**NODE, "description": "x"}]}, COSMETIC, "stage-words"),
    ("Pipeline", "spec.dag", {"nodes": [NODE]}, {"nodes": [{**NODE, "id": "b"}]}, COMPATIBLE, "stage-renamed"),
    ("Pipeline", "spec.dag", {"nodes": [NODE]}, {"nodes": [put(NODE, "outputs", {})]}, BREAKING, "outer-port-gone"),
    ("Pipeline", "spec.dag", {"nodes": [NODE]}, {"nodes": [put(NODE, "inputs.in", WHOLE)]}, BREAKING, "outer-port"),
    ("Pipeline", "spec.dag.nodes.1.inputs.text", TEXT, WHOLE, COMPATIBLE, "inner-port"),
    ("Pipeline", "spec.execution.concurrency", 1, 2, COMPATIBLE, "execution"),
    ("PipelineTemplate", "spec.parameters", {"a": {"schema": TEXT}}, {}, BREAKING, "parameter-removed"),
    ("PipelineTemplate", "spec.parameters", {}, {"a": {"schema": TEXT}}, BREAKING, "parameter-required"),
    ("PipelineTemplate", "spec.parameters", {}, {"a": {"schema": TEXT, "default": ""}}, COMPATIBLE, "parameter-added"),
    ("PipelineTemplate", "spec.parameters.a", {"schema": NUMBER}, {"schema": WHOLE}, BREAKING, "parameter-narrowed"),
    (
        "PipelineTemplate",
        "spec.parameters.a",
        {"schema": {}, "default": 1},
        {"schema": {}},
        BREAKING,
        "default-removed",
    ),
    ("PipelineTemplate", "spec.parameters.a.schema", WHOLE, NUMBER, COMPATIBLE, "parameter-widened"),
    ("PipelineTemplate", "spec.body", {"a": 1}, {"a": 2}, COMPATIBLE, "body"),
    ("TestSuite", "spec.cases", [CASE], [{**CASE, "input": 2}], COMPATIBLE, "case"),
    ("TestSuite", "spec.cases", [CASE], [{**CASE, "name": "B"}], COSMETIC, "case-name"),
    ("TestSuite", "spec.target", "acme/a@1", "acme/a@2", COMPATIBLE, "target"),
    ("Policy", "spec.enforcement", "warn", "block", BREAKING, "enforcement-up"),
    ("Policy", "spec.enforcement", "warn", "report", COMPATIBLE, "enforcement-down"),
    ("Policy", "spec.appliesTo", ["Model"], ["Model", "Dataset"], BREAKING, "more-kinds"),
    ("Policy", "spec.appliesTo", ["Model", "Dataset"], ["Model"], COMPATIBLE, "fewer-kinds"),
    ("Policy", "spec.rule.allOf", [ONE], [ONE, *bound("at_least", 1)], BREAKING, "condition-added"),
    ("Policy", "spec.rule.allOf", [ONE, *bound("at_least", 1)], [ONE], COMPATIBLE, "condition-removed"),
    ("Policy", "spec.rule.allOf", bound("at_least", 1), bound("at_least", 2), BREAKING, "least-raised"),
    ("Policy", "spec.rule.allOf", bound("at_most", 1), bound("at_most", 2), COMPATIBLE, "most-raised"),
    ("Policy", "spec.rule.allOf", bound("in", ["a", "b"]), bound("in", ["a"]), BREAKING, "fewer-allowed"),
    ("Policy", "spec.rule.allOf", bound("not_in", ["a", "b"]), bound("not_in", ["a"]), COMPATIBLE, "fewer-refused"),
    ("Policy", "spec.rule.allOf", bound("equals", 1), bound("equals", 2), BREAKING, "another-value"),
    ("Policy", "spec.rule.allOf", bound("matches_regex", "a"), bound("matches_regex", "b"), COMPATIBLE, "regex"),
    ("Policy", "spec.rule.allOf", [ONE, *bound("in", [])], [*bound("in", []), ONE], COSMETIC, "conditions-order"),
    ("Policy", "spec.rule.allOf", [ONE, ONE], [ONE], COMPATIBLE, "condition-said-once"),
    (
        *("Policy", "spec.rule", {"language": "cel", "expression": "a"}, {"language": "cel", "expression": "b"}),
        *(COMPATIBLE, "expression"),
    ),
    ("Policy", "spec.rule", {"language": "cel", "expression": "a"}, {"language": "rego"}, COMPATIBLE, "language"),
    ("Policy", "spec.title", "a", "b", COSMETIC, "title"),
    ("MetadataSchema", "spec.schema", NUMBER, WHOLE, BREAKING, "narrowed"),
    ("MetadataSchema", "spec.schema", WHOLE, NUMBER, COMPATIBLE, "widened"),
    ("MetadataSchema", "spec.required", False, True, BREAKING, "required"),
    ("MetadataSchema", "spec.required", True, False, COMPATIBLE, "optional"),
    ("MetadataSchema", "spec.appliesTo", ["Model"], ["Model", "Dataset"], BREAKING, "more-kinds"),
    ("MetadataSchema", "spec.indexedFields", [{"path": "a"}], [], BREAKING, "index-removed"),
    ("MetadataSchema", "spec.indexedFields", [], [{"path": "a"}], COMPATIBLE, "index-added"),
    ("MetadataSchema", "spec.indexedFields", [{"path": "a"}], [{"path": "a", "unique": True}], BREAKING, "unique"),
    ("MetadataSchema", "spec.validationRules", [], [CHECK], BREAKING, "check-added"),
    ("MetadataSchema", "spec.validationRules", [CHECK], [], COMPATIBLE, "check-removed"),
    ("MetadataSchema", "spec.validationRules", [CHECK], [{**CHECK, "message": "n"}], COSMETIC, "check-message"),
    ("MetadataSchema", "spec.validationRules", [CHECK], [{**CHECK, "config": {}}], COMPATIBLE, "check-changed"),
    ("Namespace", "spec.owners", ["a"], ["b"], COMPATIBLE, "owners"),
    ("Namespace", "spec.displayName", "a", "b", COSMETIC, "display-name"),
    ("Aliases", "spec.aliases", {"stable": "1.0.0"}, {"stable": "2.0.0"}, COMPATIBLE, "alias"),
    ("Waiver", "spec.reason", "a", "b", COSMETIC, "reason"),
    ("Registry", "spec.gate.noticeDays", 1, 2, COMPATIBLE, "gate"),
]


@pytest.mark.parametrize(
    ("kind", "path", "before", "after", "impact"),
    [pytest.param(*case[:5], id=f"{case[0]}-{case[5]}") for case in CASES],
)
def test_a_change_has_its_impact(kind: str, path: str, before: Any, after: Any, impact: Impact) -> None:
    differences = found(kind, path, before, after)
    assert differences
    worst = min(differences, key=lambda difference: list(Impact).index(difference.impact))
    assert worst.impact is impact, differences
    assert all(difference.says and difference.path.startswith(path.split(".")[0]) for difference in differences)


@pytest.mark.parametrize(
    ("path", "before", "after", "says"),
    [
        pytest.param("spec.inputSchema", TEXT, {**TEXT, "format": "date"}, "could not be decided", id="schema"),
        pytest.param("spec.dependencies", needs("acme/x@a"), needs("acme/x@b"), "could not be decided", id="alias"),
        pytest.param("spec.capabilities.languages", ["en", "de"], ["en"], "no longer: de", id="language"),
        pytest.param("spec.license", "mit", "x", "from 'mit' to 'x'", id="licence"),
        pytest.param("spec.license", GONE, "{x}", "to '{x}'", id="licence-with-braces"),
        pytest.param("spec.inputSchema", NUMBER, WHOLE, "narrowed: #/type: 0.5", id="witness"),
    ],
)
def test_the_words_say_what_happened(path: str, before: Any, after: Any, says: str) -> None:
    assert says in " ".join(difference.says for difference in found("Model", path, before, after))


def test_a_difference_in_a_list_has_the_place_of_its_part() -> None:
    before, after = [ENDPOINT, OTHER_ENDPOINT], [put(OTHER_ENDPOINT, "authentication.type", "none")]
    paths = {(difference.path, difference.impact) for difference in found("Model", "spec.endpoints", before, after)}
    assert paths == {("spec.endpoints[0]", BREAKING), ("spec.endpoints[0].authentication.type", BREAKING)}


def test_a_difference_is_given_as_data() -> None:
    assert found("Model", "spec.type", "vision", "ocr")[0].as_data() == {
        "path": "spec.type",
        "impact": "breaking",
        "before": "vision",
        "after": "ocr",
        "says": "consumers are built on 'vision'",
    }


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_nothing_differs_from_itself_nor_by_its_version_or_by_a_default_that_is_said(kind: str) -> None:
    data = example_of(kind)
    assert compare(manifest_of(data), manifest_of(data)) == ()
    if kind in VERSIONED_KINDS:
        other = put(data, "metadata.version", "9.9.9")
        assert compare(manifest_of(data), manifest_of(put(other, "spec.lifecycle.status", "active"))) == ()


def test_two_kinds_are_not_compared() -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        compare(manifest_of(example_of("Model")), manifest_of(example_of("Dataset")))


# Every field


def fields_of(part: type[BaseModel], path: str = "") -> Iterator[str]:
    """Give the path of each field of a kind that can differ; parts are entered, lists and maps are not."""
    for name, field in part.model_fields.items():
        inner = f"{path}.{field.alias or name}".lstrip(".")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields_of(field.annotation, inner)
        elif get_origin(field.annotation) is not Literal or len(get_args(field.annotation)) > 1:
            yield inner


EVERY_FIELD = [
    pytest.param(kind, path, id=f"{kind}-{path}")
    for kind in VERSIONED_KINDS
    for path in fields_of(KIND_TYPES[kind])
    if path != "metadata.version"
]


def values_for(kind: str, path: str) -> Iterator[Any]:
    """Give values that a field might take, as its schema has them."""
    root = json_schema(kind)
    places = [root]
    for step in path.split("."):
        places = [whole["properties"][step] for place in places for whole in variants(root, place)]
    for place in [whole for found in places for whole in variants(root, found)]:
        yield from sample(root, place)


def variants(root: Any, schema: Any) -> list[Any]:
    if "$ref" in schema:
        return variants(root, root["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [merged(rest, whole) for choice in choices for whole in variants(root, choice)] or [schema]


def merged(one: Any, other: Any) -> Any:
    return {**one, **other, "required": [*one.get("required", ()), *other.get("required", ())]}


TEXTS = ["a", "b", "a/b", "1.0.0", "^1.0", "acme/x@^1", "template:acme/x@^1", "model:acme/x", "https://a.example/b"]
TEXTS += ["2026-01-31", "a" * 64, "b" * 64, "USD", "EUR", "x: 1", "100m", "5Gi"]


def sample(root: Any, schema: Any, depth: int = 6) -> Iterator[Any]:
    if depth == 0:
        return
    if "const" in schema or "enum" in schema:
        yield from schema.get("enum", [schema.get("const")])
    elif schema.get("type") == "object" or "properties" in schema:
        yield from sample_mappings(root, schema, depth)
    elif schema.get("type") == "array":
        for whole in variants(root, schema["items"]):
            yield from ([item] for item in sample(root, whole, depth - 1))
    elif schema.get("type") == ["object", "boolean"]:
        yield from (True, False, {"type": "string"})
    elif schema.get("type") in ("integer", "number"):
        yield from (1, 2, 50)
    elif schema.get("type") == "boolean":
        yield from (True, False)
    else:
        yield from TEXTS


def sample_mappings(root: Any, schema: Any, depth: int) -> Iterator[Any]:
    required = schema.get("required", [])
    wholes = {name: variants(root, schema["properties"][name])[0] for name in required}
    choices = {name: list(sample(root, whole, depth - 1)) for name, whole in wholes.items()}
    if prod(map(len, choices.values())) <= 1_000:
        yield from (dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
    for n in range(max(map(len, choices.values()), default=1)):
        yield {name: values[n % len(values)] for name, values in choices.items()}
    inner = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {"": None}).values()))
    if not required and isinstance(inner, dict):
        for whole in variants(root, inner):
            yield from ({key: value} for key in ("a", "gpu") for value in sample(root, whole, depth - 1))
    elif not required and inner:
        yield from ({"a": 1}, {"a": 2})


@pytest.mark.parametrize(("kind", "path"), EVERY_FIELD)
def test_a_change_of_any_field_is_a_difference_with_an_impact(kind: str, path: str) -> None:
    base = example_of(kind)
    readings = (manifest_from_data(put(base, path, value)).manifest for value in (GONE, *values_for(kind, path)))
    valid = [manifest for manifest in readings if manifest is not None]
    before = manifest_from_data(base).manifest
    assert before is not None
    pairs = [(one, other) for one in (before, *valid[:3]) for other in valid]
    differences = [difference for one, other in pairs for difference in compare(one, other)]
    touched = [difference for difference in differences if is_about(difference.path, path)]
    assert touched, [manifest.spec for manifest in valid][:3]
    assert all(isinstance(difference.impact, Impact) and difference.says for difference in touched)


def is_about(found: str, path: str) -> bool:
    return found.startswith(path) or path.startswith(found)


# Versions


def difference(impact: Impact) -> Difference:
    return Difference("spec.x", impact, 1, 2, "it changed")


@pytest.mark.parametrize(
    ("previous", "impacts", "bump"),
    [
        pytest.param("1.2.3", [], "none", id="nothing"),
        pytest.param("1.2.3", [COSMETIC], "patch", id="cosmetic"),
        pytest.param("1.2.3", [COSMETIC, COMPATIBLE], "minor", id="compatible"),
        pytest.param("1.2.3", [COSMETIC, BREAKING, COMPATIBLE], "major", id="breaking"),
        pytest.param("0.2.3", [BREAKING, COMPATIBLE], "minor", id="breaking-before-1"),
        pytest.param("0.2.3", [COMPATIBLE], "patch", id="compatible-before-1"),
        pytest.param("0.0.3", [BREAKING], "minor", id="breaking-before-0.1"),
    ],
)
def test_differences_deserve_a_bump(previous: str, impacts: list[Impact], bump: Bump) -> None:
    assert deserved(Version.parse(previous), map(difference, impacts)) == bump


@pytest.mark.parametrize(
    ("previous", "following", "bump", "enough"),
    [
        ("1.2.3", "1.2.4", "patch", True),
        ("1.2.3", "1.2.4", "minor", False),
        ("1.2.3", "1.9.0", "minor", True),
        ("1.2.3", "1.9.0", "major", False),
        ("1.2.3", "2.0.0", "minor", True),
        ("1.2.3", "2.0.0-rc.1", "major", True),
        ("1.2.3", "1.2.3", "none", True),
        ("1.2.3", "1.2.3", "patch", False),
        ("1.2.3", "1.2.2", "none", False),
        ("2.0.0", "1.9.9", "patch", False),
        ("2.0.0-rc.1", "2.0.0-rc.2", "major", True),
        ("2.0.0-rc.1", "2.0.0", "major", True),
        ("2.0.0-rc.2", "2.0.0-rc.1", "major", False),
        ("0.3.0", "0.4.0", "minor", True),
        ("0.3.0", "1.0.0", "minor", True),
    ],
)
def test_a_step_is_enough_or_not(previous: str, following: str, bump: Bump, enough: bool) -> None:
    assert is_enough(Version.parse(previous), Version.parse(following), bump) is enough


@pytest.mark.parametrize("previous", ["0.0.0", "0.3.1", "1.2.3", "2.0.0-rc.1", "1.1.0-a", "1.1.1-a"])
@pytest.mark.parametrize("bump", ["none", "patch", "minor", "major"])
def test_the_next_version_is_enough(previous: str, bump: Bump) -> None:
    start = Version.parse(previous)
    following = next_version(start, bump)
    assert is_enough(start, following, bump)
    assert start.is_prerelease or step_between(start, following) == bump
