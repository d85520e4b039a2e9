"""Policies: the required ones are linked, exceptions are sound, and what is linked is kept."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import pytest
from gate_support import (
    BASE,
    OWNER,
    Case,
    change_of,
    config,
    dataset,
    expect,
    judge,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    pipeline,
    rules_with,
    versioned,
)

from gitreg.kinds.policy import Condition
from gitreg.kinds.policy_link import Selector
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.validation import Change, check
from gitreg_validators.data_paths import values_at
from gitreg_validators.policies import OPERATORS, RULES, has_links, is_selected

LICENSED = [{"field": "spec.license", "operator": "exists"}]
Files = dict[str, bytes]


def policy(name: str = "p", version: str = "1.0.0", *, rule: Any = None, where: str = "gov", **spec: Any) -> Files:
    said = {"title": "It is so", "severity": "high", "enforcement": "block", **spec}
    put = versioned("Policy", name, version, where, rule=rule or {"language": "conditions", "allOf": LICENSED}, **said)
    return {path_of(name, version, where, "policies"): put}


def link(*policies: str, name: str = "l", where: str = "gov", exceptions: Any = (), **selector: Any) -> Files:
    spec: dict[str, Any] = {"selector": selector, "policies": list(policies) or ["policy:gov/p@^1"]}
    spec |= {"exceptions": list(exceptions)} if exceptions else {}
    return {f"policy-links/{where}/{name}.yaml": manifest("PolicyLink", {"namespace": where, "name": name}, spec)}


def exception(**put: Any) -> dict[str, Any]:
    said = {
        "id": "x",
        "policy": "policy:gov/p@^1",
        "record": "acme/new",
        "reason": "Because.",
        "approvedBy": "boss@example.com",
    }
    given = {**said, "approvedAt": "2026-01-01", "expiresAt": "2026-12-31", **put}
    return {key: value for key, value in given.items() if value is not None}


def asked(name: str, *policies: str) -> Files:
    return {f"namespaces/{name}.yaml": namespace(name, requiredPolicies=list(policies))}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("policies"), {**BASE, **policy()}).snapshot()


NEW: Files = {path_of("new"): model("new")}
DEEP: Files = {path_of("new", namespace="acme/nlp"): model("new", namespace="acme/nlp")}
P = "policy:gov/p"
UNBOUND = "the namespace acme requires the policy policy:gov/p, and no link binds"
PLACE = "metadata.namespace"

COVERED = [
    Case("nothing is required", NEW),
    Case("it is linked", NEW, over={**asked("acme", P), **link()}),
    Case("it is not linked", NEW, UNBOUND, PLACE, over=asked("acme", P)),
    Case(
        "it is required without its kind's word", NEW, "requires the policy gov/p", PLACE, over=asked("acme", "gov/p")
    ),
    Case("it is required above", DEEP, UNBOUND, PLACE, over=asked("acme", P)),
    Case("it is required below", NEW, over=asked("acme/nlp", P)),
    Case("it is linked by the same change", {**NEW, **link()}, over=asked("acme", P)),
    Case("it is linked elsewhere", NEW, over={**asked("acme", P), **link(where="other")}),
    Case(
        "another policy is linked",
        NEW,
        UNBOUND,
        PLACE,
        over={**asked("acme", P), **policy("q"), **link("policy:gov/q@^1")},
    ),
    Case(
        "a policy of the name elsewhere is linked",
        NEW,
        UNBOUND,
        PLACE,
        over={**asked("acme", P), **policy(where="o"), **link("policy:o/p@^1")},
    ),
    Case(
        "a version that is not there is linked",
        NEW,
        UNBOUND,
        PLACE,
        over={**asked("acme", P), **link("policy:gov/p@^2")},
    ),
    Case(
        "one of two",
        NEW,
        "requires the policy policy:gov/q",
        PLACE,
        over={**asked("acme", P, "policy:gov/q"), **policy("q"), **link()},
    ),
    Case(
        "both in one link",
        NEW,
        over={**asked("acme", P, "policy:gov/q"), **policy("q"), **link("gov/q@^1", "gov/p@^1")},
    ),
    Case("required twice", NEW, UNBOUND, PLACE, over=asked("acme", P, P)),
    Case("for another kind", NEW, over={**asked("acme", "policy:gov/d"), **policy("d", appliesTo=["Dataset"])}),
    Case(
        "for its kind",
        {path_of("new", folder="datasets"): dataset("new")},
        "requires the policy policy:gov/d",
        PLACE,
        over={**asked("acme", "policy:gov/d"), **policy("d", appliesTo=["Dataset"])},
    ),
    Case(
        "the highest version says for which kinds",
        NEW,
        over={**asked("acme", P), **policy(version="1.1.0", appliesTo=["Pipeline"])},
    ),
    Case(
        "a pipeline",
        {path_of("new", folder="pipelines"): pipeline("new")},
        "policy:gov/n, and no link",
        PLACE,
        over={**asked("acme", "policy:gov/n"), **policy("n", appliesTo=["Pipeline"])},
    ),
    Case("a kind that no policy is for", {"namespaces/acme/x.yaml": namespace("acme/x")}, over=asked("acme", P)),
    Case("a policy that is not there", NEW, over=asked("acme", "policy:gov/none")),
    Case("the link is for another kind", NEW, UNBOUND, PLACE, over={**asked("acme", P), **link(kinds=["Dataset"])}),
    Case("the link is for its kind among others", NEW, over={**asked("acme", P), **link(kinds=["Dataset", "Model"])}),
    Case("a landed record that nothing bound", {path_of(): model(description="New.")}, over=asked("acme", P)),
    Case(
        "the link is taken from a record",
        {path_of(): model(description="New."), **link(tags=["x"])},
        UNBOUND,
        PLACE,
        over={**asked("acme", P), **link()},
    ),
    Case("what the change requires is for the next", {**NEW, **asked("acme", P)}),
    Case(
        "what a founded namespace requires",
        {**asked("fresh", P), path_of("new", namespace="fresh"): model("new", namespace="fresh")},
        "the namespace fresh requires",
        PLACE,
    ),
    Case(
        "what the change no longer requires",
        {**NEW, "namespaces/acme.yaml": namespace("acme")},
        UNBOUND,
        PLACE,
        over=asked("acme", P),
    ),
    Case(
        "a link that cannot be read",
        NEW,
        UNBOUND,
        PLACE,
        over={**asked("acme", P), "policy-links/gov/l.yaml": b"nothing"},
    ),
]


@pytest.mark.parametrize("case", COVERED, ids=lambda case: case.name)
def test_required_policies_are_linked(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-070"))


def test_a_state_is_asked_by_its_own_namespaces(base: Snapshot) -> None:
    case = Case("", {}, over={**asked("acme", P), **NEW})
    state = landed(base, case)
    found = {finding.ref for finding in check(Change.state(state), rules_with(RULES, "GR-070"))}
    assert found == {"model:acme/chat@1.0.0", "model:acme/chat@1.1.0", "model:acme/new@1.0.0"}


def landed(base: Snapshot, case: Case) -> Snapshot:
    return Overlay(base, dict(case.over or {}))


SELECTED = [
    ("everything of its kind", {}, True),
    ("another kind", {"kinds": ["Dataset"]}, False),
    ("its namespace", {"namespaces": ["acme/nlp"]}, True),
    ("the namespace above", {"namespaces": ["other", "acme"]}, True),
    ("a namespace beside", {"namespaces": ["acme/n"]}, False),
    ("the record", {"refs": ["acme/nlp/new"]}, True),
    ("a range with it", {"refs": ["acme/x", "acme/nlp/new@^1"]}, True),
    ("a range without it", {"refs": ["acme/nlp/new@^2"]}, False),
    ("its version", {"refs": ["acme/nlp/new@1.0.0"]}, True),
    ("another version", {"refs": ["acme/nlp/new@1.0.1"]}, False),
    ("another kind's ref", {"refs": ["dataset:acme/nlp/new"]}, False),
    ("an alias that names it", {"refs": ["acme/nlp/new@stable"]}, True),
    ("an alias that names another", {"refs": ["acme/nlp/new@other"]}, False),
    ("an alias that is not there", {"refs": ["acme/nlp/new@none"]}, False),
    ("its tags", {"tags": ["a", "b"]}, True),
    ("a tag that it has not", {"tags": ["a", "d"]}, False),
    ("its labels", {"labels": {"tier": "gold"}}, True),
    ("another value", {"labels": {"tier": "tin"}}, False),
    ("a label that it has not", {"labels": {"tier": "gold", "x": "y"}}, False),
    ("all at once", {"namespaces": ["acme"], "refs": ["acme/nlp/new"], "tags": ["c"], "labels": {"area": "x"}}, True),
    ("all but the namespace", {"namespaces": ["other"], "refs": ["acme/nlp/new"]}, False),
    ("all but the ref", {"namespaces": ["acme"], "refs": ["acme/chat"]}, False),
]


@pytest.mark.parametrize(("name", "selector", "is_meant"), SELECTED, ids=[row[0] for row in SELECTED])
def test_a_selector_wants_everything_that_it_gives(
    base: Snapshot, name: str, selector: dict[str, Any], is_meant: bool
) -> None:
    put: dict[str, Any] = {"labels": {"tier": "gold", "area": "x"}, "tags": ["a", "b", "c"]}
    names = {"of": "Model", "aliases": {"stable": "1.0.0", "other": "1.1.0"}}
    files = {
        path_of("new", "1.0.0", "acme/nlp"): model("new", namespace="acme/nlp", **put),
        path_of("new", "1.1.0", "acme/nlp"): model("new", "1.1.0", "acme/nlp"),
        "models/acme/nlp/new/aliases.yaml": manifest("Aliases", {"namespace": "acme/nlp", "name": "new"}, names),
    }
    state = landed(base, Case("", {}, over=files))
    record = state.record_at(path_of("new", "1.0.0", "acme/nlp"))
    assert record
    listed: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in selector.items()
    }
    assert is_selected(state, Selector(**listed), record.manifest) is is_meant


EXCEPTIONS = [
    Case("sound", link(exceptions=[exception()])),
    Case("none", link()),
    Case("it ends today", link(exceptions=[exception(expiresAt="2026-06-01")])),
    Case(
        "it ended",
        link(exceptions=[exception(expiresAt="2026-05-31")]),
        "'x' ended on 2026-05-31",
        "spec.exceptions[0].expiresAt",
        severity="error",
    ),
    Case(
        "it has no end",
        link(exceptions=[exception(expiresAt=None)]),
        "the exception 'x' has no end",
        "spec.exceptions[0]",
        severity="warning",
    ),
    Case(
        "it has no reason",
        link(exceptions=[exception(reason=" \n")]),
        "'x' has no reason",
        "spec.exceptions[0].reason",
        severity="error",
    ),
    Case(
        "the second",
        link(exceptions=[exception(), exception(id="y", reason=" ")]),
        "'y' has no reason",
        "spec.exceptions[1].reason",
    ),
    Case(
        "it has ended since",
        link(name="l", exceptions=[exception(expiresAt="2026-05-31")], tags=["a"]),
        over=link(exceptions=[exception(expiresAt="2026-05-31")]),
    ),
]


@pytest.mark.parametrize("case", EXCEPTIONS, ids=lambda case: case.name)
def test_exceptions_are_sound(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-070"))


def test_an_exception_with_two_faults_has_two_findings(base: Snapshot) -> None:
    case = Case("", link(exceptions=[exception(reason=" ", expiresAt="2020-01-01")]))
    assert len(judge(base, case, rules_with(RULES, "GR-070"))) == 2


BROKEN = "policy:gov/p@1.0.0 is not kept (It is so): spec.license is not stated, wanted: exists"
KEPT: Files = {path_of("new"): model("new", license="mit")}
RESULTS: list[Case] = [
    Case("it is kept", KEPT, over=link()),
    Case("it is broken", NEW, BROKEN, "spec.license", over=link(), severity="error"),
    Case("it is linked with the change", {**NEW, **link()}, BROKEN, "spec.license"),
    Case("nothing links it", NEW),
    Case("the link selects others", NEW, over=link(tags=["x"])),
    Case(
        "it only warns",
        NEW,
        "policy:gov/w@1.0.0 is not kept",
        "spec.license",
        over={**policy("w", enforcement="warn"), **link("policy:gov/w@^1")},
        severity="warning",
    ),
    Case("it only reports", NEW, over={**policy("w", enforcement="report"), **link("policy:gov/w@^1")}),
    Case("it is for another kind", NEW, over={**policy("d", appliesTo=["Dataset"]), **link("policy:gov/d@^1")}),
    Case("it is retired", NEW, over={**policy("r", lifecycle={"status": "retired"}), **link("policy:gov/r@1.0.0")}),
    Case(
        "it is deprecated",
        NEW,
        "policy:gov/r@1.0.0 is not kept",
        "spec.license",
        over={**policy("r", lifecycle={"status": "deprecated"}), **link("policy:gov/r@1.0.0")},
    ),
    Case("the highest version counts", NEW, over={**policy(version="1.1.0", enforcement="report"), **link()}),
    Case(
        "the highest version that is allowed counts",
        NEW,
        BROKEN,
        "spec.license",
        over={**policy(version="1.1.0", enforcement="report"), **link("policy:gov/p@~1.0")},
    ),
    Case("two links, one policy", NEW, BROKEN, "spec.license", over={**link(), **link(name="m")}),
    Case("a version that is not there", NEW, over=link("policy:gov/p@^3")),
    Case(
        "its own message and mend",
        NEW,
        "(No licence.)",
        "spec.license",
        over={**policy("m", message="No licence.", remediation="Put one."), **link("gov/m@^1")},
    ),
    Case("a landed record that breaks it already", {path_of(): model(description="New.")}, over=link()),
    Case(
        "a landed record that breaks it now",
        {path_of(): model(description="New.", labels={"a": "b"})},
        BROKEN,
        "spec.license",
        over=link(labels={"a": "b"}),
    ),
    Case(
        "a config",
        {path_of("new", folder="configs"): config("new")},
        "spec.license is not stated",
        "spec.license",
        over={**policy("c", appliesTo=["Config"]), **link("gov/c@^1", kinds=["Config"])},
    ),
    Case("excepted", NEW, over=link(exceptions=[exception()])),
    Case("excepted for its version", NEW, over=link(exceptions=[exception(record="acme/new@1.0.0")])),
    Case(
        "excepted for another version",
        NEW,
        BROKEN,
        "spec.license",
        over=link(exceptions=[exception(record="acme/new@^2")]),
    ),
    Case(
        "another record is excepted", NEW, BROKEN, "spec.license", over=link(exceptions=[exception(record="acme/chat")])
    ),
    Case(
        "excepted from another policy",
        NEW,
        BROKEN,
        "spec.license",
        over=link(exceptions=[exception(policy="policy:gov/q")]),
    ),
    Case(
        "excepted from another version of it",
        NEW,
        BROKEN,
        "spec.license",
        over=link(exceptions=[exception(policy="policy:gov/p@^2")]),
    ),
    Case("excepted from the policy whatever its version", NEW, over=link(exceptions=[exception(policy="gov/p")])),
    Case(
        "excepted with the record, by nobody who speaks",
        {**NEW, **link(exceptions=[exception()])},
        BROKEN,
        "spec.license",
    ),
    Case(
        "excepted with the record, by who approves the change",
        {**NEW, **link(exceptions=[exception()])},
        said={"approvers": (exception()["approvedBy"],)},
    ),
    Case(
        "excepted by a link of a namespace that the policy does not belong to",
        NEW,
        BROKEN,
        "spec.license",
        over={**link(), **link(name="m", where="acme", exceptions=[exception()])},
    ),
    Case(
        "excepted by a link of the namespace above the policy's",
        NEW,
        over={**policy(where="gov/deep"), **link("policy:gov/deep/p@^1", exceptions=[exception(policy="gov/deep/p")])},
    ),
    Case("excepted until today", NEW, over=link(exceptions=[exception(expiresAt="2026-06-01")])),
    Case(
        "excepted until yesterday",
        NEW,
        BROKEN,
        "spec.license",
        over=link(exceptions=[exception(expiresAt="2026-05-31")]),
    ),
    Case("excepted without an end", NEW, over=link(exceptions=[exception(expiresAt=None)])),
    Case("excepted without a reason", NEW, BROKEN, "spec.license", over=link(exceptions=[exception(reason=" ")])),
    Case(
        "excepted by its author",
        NEW,
        BROKEN,
        "spec.license",
        over=link(exceptions=[exception(approvedBy=OWNER.upper())]),
    ),
    Case(
        "excepted by its author, who is not known",
        NEW,
        over=link(exceptions=[exception(approvedBy=OWNER)]),
        said={"author": None},
    ),
    Case("excepted in another link that selects it", NEW, over={**link(), **link(name="m", exceptions=[exception()])}),
    Case(
        "excepted in a link that does not select it",
        NEW,
        BROKEN,
        "spec.license",
        over={**link(), **link(name="m", tags=["x"], exceptions=[exception()])},
    ),
    Case("the second exception holds", NEW, over=link(exceptions=[exception(reason=" "), exception(id="y")])),
    Case(
        "cel that blocks",
        NEW,
        "gov/c@1.0.0 is not decided here: its language is cel",
        over={**policy("c", rule={"language": "cel", "expression": "true"}), **link("gov/c@^1")},
        severity="review",
    ),
    Case(
        "cel that warns",
        NEW,
        over={**policy("c", rule={"language": "cel", "expression": "true"}, enforcement="warn"), **link("gov/c@^1")},
    ),
    Case(
        "rego that blocks",
        NEW,
        "its language is rego",
        over={**policy("c", rule={"language": "rego"}), **link("gov/c@^1")},
        severity="review",
    ),
    Case(
        "an engine's that blocks, excepted",
        NEW,
        over={**policy(rule={"language": "external"}, version="1.2.0"), **link(exceptions=[exception()])},
    ),
    Case(
        "a condition that makes no sense",
        NEW,
        "not decided here: matches_regex cannot be asked with '('",
        over={
            **policy(
                "c",
                rule={
                    "language": "conditions",
                    "allOf": [{"field": "spec.type", "operator": "matches_regex", "value": "("}],
                },
            ),
            **link("gov/c@^1"),
        },
        severity="review",
    ),
    Case(
        "a default counts as stated",
        NEW,
        over={
            **policy(
                "c",
                rule={
                    "language": "conditions",
                    "allOf": [{"field": "spec.lifecycle.status", "operator": "equals", "value": "active"}],
                },
            ),
            **link("gov/c@^1"),
        },
    ),
    Case(
        "an empty list does not",
        NEW,
        "metadata.tags is not stated, wanted: exists",
        "metadata.tags",
        over={
            **policy("c", rule={"language": "conditions", "allOf": [{"field": "metadata.tags", "operator": "exists"}]}),
            **link("gov/c@^1"),
        },
    ),
]


@pytest.mark.parametrize("case", RESULTS, ids=lambda case: case.name)
def test_linked_policies_are_kept(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-071"))


def test_each_condition_that_is_broken_is_told(base: Snapshot) -> None:
    conditions = [
        {"field": "spec.provider", "operator": "in", "value": ["cohere", "google"]},
        {"field": "spec.type", "operator": "equals", "value": "completion"},
        {"field": "spec.license", "operator": "exists"},
    ]
    over = {**policy("c", rule={"language": "conditions", "allOf": conditions}), **link("gov/c@^1")}
    found = judge(base, Case("", NEW, over=over), rules_with(RULES, "GR-071"))
    assert {finding.field for finding in found} == {"spec.provider", "spec.license"}
    (first,) = [finding for finding in found if finding.field == "spec.provider"]
    assert first.says.endswith("spec.provider is 'openai', wanted: in ['cohere', 'google']")
    assert first.mend == "mend spec.provider, or have an exception approved in the PolicyLink"
    assert all(rule.runs_apart for rule in rules_with(RULES, "GR-071"))


def test_the_policys_own_mend_is_told(base: Snapshot) -> None:
    over = {**policy("m", remediation="Put one."), **link("gov/m@^1")}
    (finding,) = judge(base, Case("", NEW, over=over), rules_with(RULES, "GR-071"))
    assert finding.mend == "Put one."


def test_only_the_first_values_are_shown(base: Snapshot) -> None:
    condition = {"field": "metadata.docs.title", "operator": "equals", "value": "z"}
    over = {**policy("c", rule={"language": "conditions", "allOf": [condition]}), **link("gov/c@^1")}
    raw = model("new").replace(
        b"spec:",
        b"  docs:\n" + b"".join(f"  - title: {c}\n    url: https://x.example\n".encode() for c in "abcd") + b"spec:",
    )
    (finding,) = judge(base, Case("", {path_of("new"): raw}, over=over), rules_with(RULES, "GR-071"))
    assert "metadata.docs.title is 'a', 'b', 'c', wanted" in finding.says


DECIDED: list[tuple[str, list[Any], Any, bool | None]] = [
    ("exists", [0], None, True),
    ("exists", [], None, False),
    ("absent", [], None, True),
    ("absent", [0], None, False),
    ("equals", [1], 1.0, True),
    ("equals", [1, 1], 1, True),
    ("equals", [1, 2], 1, False),
    ("equals", [True], 1, False),
    ("equals", [], None, False),
    ("equals", [["a"]], ["a"], True),
    ("not_equals", [1, 2], 3, True),
    ("not_equals", [1, 2], 2, False),
    ("not_equals", [], 2, True),
    ("in", ["a", "b"], ["a", "b", "c"], True),
    ("in", [["a", "b"]], ["a", "b"], True),
    ("in", ["a", "d"], ["a", "b"], False),
    ("in", [], ["a"], False),
    ("in", ["a"], "abc", None),
    ("not_in", ["a"], ["b", "c"], True),
    ("not_in", [["x", "b"]], ["b", "c"], False),
    ("not_in", ["x", "b"], ["b", "c"], False),
    ("not_in", [], ["a"], True),
    ("not_in", ["a"], "a", None),
    ("contains", [["a", "b"]], "a", True),
    ("contains", [["a", "b"]], "c", False),
    ("contains", [["a"], ["b"]], "a", False),
    ("contains", ["abc"], "bc", True),
    ("contains", ["abc"], "d", False),
    ("contains", ["1"], 1, False),
    ("contains", [1], "1", False),
    ("contains", [], "a", False),
    ("matches_regex", ["abc"], "b", True),
    ("matches_regex", ["abc", "x"], "b", False),
    ("matches_regex", [["abc", "cb"]], "b", True),
    ("matches_regex", [1], "1", False),
    ("matches_regex", [], ".*", False),
    ("matches_regex", ["a"], "(", None),
    ("matches_regex", ["a"], 7, None),
    ("less_than", [1], 2, True),
    ("less_than", [2], 2, False),
    ("greater_than", [3], 2.5, True),
    ("greater_than", [2], 2, False),
    ("at_least", [2, 3], 2, True),
    ("at_least", [1, 3], 2, False),
    ("at_most", [2], 2, True),
    ("at_most", [3], 2, False),
    ("at_most", [], 2, False),
    ("at_most", [True], 2, False),
    ("at_most", ["1"], 2, False),
    ("at_most", [1], "2", None),
    ("at_most", [1], True, None),
    ("at_most", [1], None, None),
    ("at_most", ["2026-06-01"], "2026-06-01", True),
    ("less_than", ["2026-06-01"], "2026-06-01", False),
    ("less_than", ["2026-06-01"], "2026-06-02x", None),
    ("less_than", [20260601], "2026-06-02", False),
    ("at_least", [[1, 2]], 1, True),
]


@pytest.mark.parametrize(("operator", "found", "value", "kept"), DECIDED, ids=repr)
def test_conditions(operator: str, found: list[Any], value: Any, kept: bool | None) -> None:
    assert OPERATORS[operator](found, value) is kept


def test_every_operator_is_known() -> None:
    assert set(OPERATORS) == set(get_args(Condition.model_fields["operator"].annotation))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", [1]),
        ("b.c", ["x", "y"]),
        ("b[0].c", ["x"]),
        ("b[1].c", ["y"]),
        ("b[2].c", []),
        ("b", [[{"c": "x"}, {"c": "y"}, 7]]),
        ("labels.team.name", ["dotted"]),
        ("labels.team", []),
        ("list[1]", [2]),
        ("list[3]", []),
        ("list", [[1, 2, 3]]),
        ("map[0]", ["zero"]),
        ("a.b", []),
        ("nothing", []),
        ("", []),
        ("...", []),
        ("nested.x", [1, 2]),
    ],
)
def test_values_at_a_path(path: str, found: list[Any]) -> None:
    data = {
        "a": 1,
        "b": [{"c": "x"}, {"c": "y"}, 7],
        "labels": {"team.name": "dotted"},
        "list": [1, 2, 3],
        "map": {"0": "zero"},
        "nested": [[{"x": 1}], [{"x": 2}]],
    }
    assert values_at(data, path) == found


def test_an_exception_is_judged_by_the_day_of_the_change(base: Snapshot) -> None:
    case = Case("", NEW, over=link(exceptions=[exception()]), said={"today": date(2027, 1, 1)})
    assert len(judge(base, case, rules_with(RULES, "GR-071"))) == 1


@pytest.mark.parametrize(
    ("files", "has"),
    [
        pytest.param(NEW, False, id="no link"),
        pytest.param({"policy-links/gov/README.md": b"Read me."}, False, id="no record"),
        pytest.param({**NEW, **link()}, True, id="a link and a record"),
    ],
)
def test_policies_are_asked_where_there_are_links_and_records(base: Snapshot, files: Files, has: bool) -> None:
    assert has_links(change_of(base, files)) is has


def asking(operator: str, value: Any = None, **more: Any) -> Files:
    condition = {"field": "spec.type", "operator": operator, "value": value}
    return policy("c", rule={"language": "conditions", "allOf": [*LICENSED, condition]}, **more)


VALUE = "spec.rule.allOf[1].value"
ASKABLE = [
    Case("a pattern", asking("matches_regex", "^(a|b)$")),
    Case("a pattern that is none", asking("matches_regex", "("), "cannot be asked with '(': it is no pattern", VALUE),
    Case("why it is none", asking("matches_regex", "("), "(missing ), unterminated subpattern at position 0)", VALUE),
    Case("a number for a pattern", asking("matches_regex", 1), "it is no pattern (it is not a text)", VALUE),
    Case("a pattern that is not compared as one", asking("contains", "(")),
    Case("in a list", asking("in", ["a"])),
    Case("in a text", asking("in", "a"), "in cannot be asked with 'a': a list is wanted", VALUE),
    Case("not in a list", asking("not_in", [])),
    Case("not in a mapping", asking("not_in", {"a": 1}), "not_in cannot be asked with {'a': 1}: a list", VALUE),
    Case("less than a number", asking("less_than", 1.5)),
    Case("less than a day", asking("less_than", "2026-12-31")),
    Case("less than a text", asking("less_than", "a"), "a number is wanted, or a day like 2026-12-31", VALUE),
    Case("at least nothing", asking("at_least"), "at_least cannot be asked with None: a number", VALUE),
    Case("nothing is compared", asking("exists", "(")),
    Case("a policy that only reports", asking("in", "a", enforcement="report"), "a list is wanted", VALUE),
    Case("an expression", policy("c", rule={"language": "cel", "expression": "("})),
    Case("another kind", NEW),
    Case("landed before", asking("in", "a", lifecycle={"status": "retired"}), over=asking("in", "a")),
]


@pytest.mark.parametrize("case", ASKABLE, ids=lambda case: case.name)
def test_what_a_policy_asks_can_be_asked(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-071"))


def test_each_condition_that_cannot_be_asked_is_told(base: Snapshot) -> None:
    conditions = [{"field": "spec.type", "operator": word, "value": "("} for word in ("in", "matches_regex", "at_most")]
    files = policy("c", rule={"language": "conditions", "allOf": conditions})
    found = judge(base, Case("", files), rules_with(RULES, "GR-071"))
    assert [finding.field for finding in found] == [f"spec.rule.allOf[{n}].value" for n in range(3)]
    assert {finding.severity.value for finding in found} == {"error"}
