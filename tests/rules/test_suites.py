"""Suites that can be run, and that can fail."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import BASE, Case, expect, judge, new_registry, path_of, versioned

from gitreg.kinds import KIND_TYPES
from gitreg.kinds import TestSuite as Suite
from gitreg.manifests import read_manifest
from gitreg.repository.snapshot import Snapshot
from gitreg_validators.suites import RULES

PATH = path_of("s", folder="suites")
CONFIG = "spec.cases[0].assertions[0].config"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("suites"), BASE).snapshot()


def case(name: str = "one", *assertions: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "name": "A case", "type": "functional", "input": "hello", "assertions": list(assertions)}


def suite(*cases: dict[str, Any], **spec: Any) -> bytes:
    return versioned("TestSuite", "s", **{"target": "acme/chat@^1", "cases": list(cases) or [case()], **spec})


def said(name: str, says: str | None = None, field: str | None = None, **spec: Any) -> Case:
    return Case(name, {PATH: suite(**spec)}, says, field)


def holds(name: str, kind: str, config: dict[str, Any], says: str | None = None, field: str | None = None) -> Case:
    place = None if says is None else f"{CONFIG}.{field}" if field else CONFIG
    return Case(name, {PATH: suite(case("one", {"type": kind, "config": config}))}, says, place)


TARGETS = [
    said("a model"),
    said("a pipeline", target="pipeline:acme/p@^1"),
    said(
        "a dataset", "dataset:acme/tickets@^1 is a dataset; expected", "spec.target", target="dataset:acme/tickets@^1"
    ),
    said("a suite", "suite:acme/s is a suite; expected", "spec.target", target="suite:acme/s"),
    said(
        "a namespace",
        "namespace:acme is a namespace; expected a model or a pipeline",
        "spec.target",
        target="namespace:acme",
    ),
]
CASES = [
    Case("ids of their own", {PATH: suite(case("one"), case("two"))}),
    Case(
        "one id twice", {PATH: suite(case("a"), case("b"), case("a"))}, "two cases are called 'a'", "spec.cases[2].id"
    ),
    holds("equals something", "equals", {"value": "x"}),
    holds("equals nothing", "equals", {"value": None}),
    holds("equals without a value", "equals", {}, "an assertion of type equals needs `value`, and has none"),
    holds("contains a piece", "contains", {"value": "x"}),
    holds("contains a number", "contains", {"value": 0}),
    holds("contains false", "contains", {"value": False}),
    holds("contains without a value", "contains", {"path": "a"}, "contains needs `value`"),
    holds("contains an empty text", "contains", {"value": ""}, "`value` of a contains is empty", "value"),
    holds("contains an empty list", "contains", {"value": []}, "`value` of a contains is empty", "value"),
    holds("contains null", "contains", {"value": None}, "`value` of a contains is empty", "value"),
    holds("less than an integer", "less_than", {"value": 0}),
    holds("greater than a number", "greater_than", {"value": 0.5}),
    holds("less than a text", "less_than", {"value": "5"}, "`value` of a less_than is '5'; expected a number", "value"),
    holds("greater than true", "greater_than", {"value": True}, "is True; expected a number", "value"),
    holds("greater than nothing", "greater_than", {}, "greater_than needs `value`"),
    holds("a schema", "schema_valid", {"schema": {"type": "string"}}),
    holds("a schema that is true", "schema_valid", {"schema": True}),
    holds("no schema", "schema_valid", {}, "schema_valid needs `schema`"),
    holds("not a schema", "schema_valid", {"schema": {"type": "text"}}, "is not a JSON Schema: 'text'", "schema"),
    holds("a handler", "custom", {"handler": "acme.judge", "strict": True}),
    holds("no handler", "custom", {"handle": "x"}, "custom needs `handler`"),
    holds(
        "a handler without a name", "custom", {"handler": ""}, "`handler` of a custom is ''; expected text", "handler"
    ),
    holds("a handler that is a number", "custom", {"handler": 1}, "is 1; expected text", "handler"),
    holds("a pattern", "matches_regex", {"pattern": r"^\d+ days?$"}),
    holds("no pattern", "matches_regex", {"value": "x"}, "matches_regex needs `pattern`"),
    holds("an empty pattern", "matches_regex", {"pattern": ""}, "is ''; expected text", "pattern"),
    holds("a pattern that is a list", "matches_regex", {"pattern": ["x"]}, "is ['x']; expected text", "pattern"),
    holds(
        "a pattern that does not compile",
        "matches_regex",
        {"pattern": "ab(c"},
        "'ab(c' is not a regular expression: missing ), unterminated subpattern at character 3",
        "pattern",
    ),
    holds(
        "a pattern of a range that is none", "matches_regex", {"pattern": "[z-a]"}, "bad character range z-a", "pattern"
    ),
    holds(
        "a pattern that repeats too often",
        "matches_regex",
        {"pattern": "a{99999999999999}"},
        "cannot be compiled: OverflowError",
        "pattern",
    ),
    holds("a pattern that is only warned of", "matches_regex", {"pattern": "[[a]]"}),
    holds("a pattern of another type", "equals", {"value": 1, "pattern": "("}),
    Case(
        "the second of a second",
        {PATH: suite(case("a"), case("b", {"type": "equals", "config": {"value": 1}}, {"type": "custom"}))},
        "custom needs `handler`",
        "spec.cases[1].assertions[1].config",
    ),
    Case(
        "the second pattern of a second",
        {
            PATH: suite(
                case("a"),
                case(
                    "b",
                    {"type": "equals", "config": {"value": 1}},
                    {"type": "matches_regex", "config": {"pattern": "*"}},
                ),
            )
        },
        "nothing to repeat at character 1",
        "spec.cases[1].assertions[1].config.pattern",
    ),
    Case(
        "it was so already",
        {PATH: suite(case("one", {"type": "custom"}), benchmarks=[{"metric": "a", "atMost": 1}])},
        over={PATH: suite(case("one", {"type": "custom"}))},
    ),
]


def figures(name: str, *benchmarks: dict[str, Any], says: str | None = None, at: int = 0) -> Case:
    field = f"spec.benchmarks[{at}]" if says else None
    return said(name, says, field, benchmarks=[{"metric": "m", **each} for each in benchmarks])


def coverage(name: str, says: str | None = None, field: str | None = None, **put: Any) -> Case:
    place = f"spec.config.coverage.{field}" if field else None
    return said(name, says, place, config={"coverage": {"enabled": True, **put}})


NONE = "no figure passes"
FIGURES = [
    figures("at most", {"atMost": 0}),
    figures("at least", {"atLeast": 5}),
    figures("both", {"atMost": 5, "atLeast": 4}),
    figures("just one figure", {"atMost": 5, "atLeast": 5}),
    figures("neither", {}, says="the benchmark 'm' has neither `atMost` nor `atLeast`"),
    figures(
        "no figure", {"atMost": 5, "atLeast": 5.5}, says="'m' is to be at least 5.5 and at most 5: no figure passes"
    ),
    figures("at least and then at most", {"atLeast": 6}, {"atMost": 5}, says=NONE, at=1),
    figures("at most and then at least", {"atMost": 5}, {"atLeast": 6}, says=NONE, at=1),
    figures("the strictest of several", {"atMost": 9}, {"atMost": 5}, {"atMost": 7}, {"atLeast": 6}, says=NONE, at=3),
    figures("the strictest of others", {"atLeast": 6}, {"atLeast": 9}, {"atLeast": 2}, {"atMost": 8}, says=NONE, at=3),
    figures("several that agree", {"atMost": 9}, {"atLeast": 2}, {"atMost": 5}, {"atLeast": 5}),
    figures("neither, and then another", {}, {"atMost": 1}, says="has neither"),
    said("two metrics", benchmarks=[{"metric": "a", "atMost": 1}, {"metric": "b", "atLeast": 2}]),
    coverage("measured"),
    coverage("with a threshold", threshold=80),
    coverage("not measured", enabled=False),
    coverage("not measured, and nothing demanded", enabled=False, threshold=0),
    coverage("with lists", includes=["a", "b"], excludes=["c"]),
    coverage("demanded and not measured", "a coverage of 80 % is demanded", "threshold", enabled=False, threshold=80),
    coverage("a little demanded", "a coverage of 0.5 % is demanded", "threshold", enabled=False, threshold=0.5),
    coverage("in both lists", "'b' is both included and excluded", "excludes", includes=["a", "b"], excludes=["b"]),
]


@pytest.mark.parametrize("asked", [*TARGETS, *CASES, *FIGURES], ids=lambda asked: asked.name)
def test_a_suite_can_be_run_and_can_fail(base: Snapshot, asked: Case) -> None:
    assert read_manifest(asked.files[PATH] or b"").manifest
    expect(base, asked, RULES)


def test_everything_wrong_is_told(base: Snapshot) -> None:
    raw = suite(
        case("a", {"type": "custom"}, {"type": "matches_regex", "config": {"pattern": "("}}),
        case("a", {"type": "matches_regex", "config": {"pattern": ")"}}),
        target="config:acme/defaults",
        benchmarks=[{"metric": "a"}, {"metric": "b"}],
        config={"coverage": {"enabled": False, "threshold": 1, "includes": ["x", "y"], "excludes": ["y", "x"]}},
    )
    assert len(judge(base, Case("all", {PATH: raw}), RULES)) == 10


def test_the_mend_names_what_was_meant(base: Snapshot) -> None:
    def mend(config: dict[str, Any]) -> str:
        (found,) = judge(base, Case("", {PATH: suite(case("a", {"type": "equals", "config": config}))}), RULES)
        return found.mend

    assert mend({"vaule": 1}) == "did you mean `value` for 'vaule'?"
    assert mend({"other": 1}) == "add `value` to its config"


@pytest.mark.parametrize(("length", "is_whole"), [(78, True), (79, False)])
def test_long_values_are_shortened(base: Snapshot, length: int, is_whole: bool) -> None:
    value = "x" * length
    raw = suite(case("a", {"type": "less_than", "config": {"value": value}}))
    (found,) = judge(base, Case("", {PATH: raw}), RULES)
    assert (repr(value) in found.says) is is_whole
    assert ("..." in found.says) is not is_whole


def test_other_kinds_and_the_example_have_no_findings(base: Snapshot) -> None:
    examples = {
        f"{folder}/acme/nlp/{name}/{version}.yaml": KIND_TYPES[kind].example.encode()
        for kind, folder, name, version in (
            ("TestSuite", "suites", "summarizer-acceptance", "1.0.0"),
            ("Model", "models", "summarizer", "1.2.0"),
            ("Pipeline", "pipelines", "ticket-digest", "1.0.0"),
        )
    }
    assert judge(base, Case("examples", examples), RULES) == []
    assert Suite.example in {raw.decode() for raw in examples.values()}


def test_patterns_are_compiled_in_a_process_of_their_own() -> None:
    assert [rule.name for rule in RULES if rule.runs_apart] == ["check_patterns"]
