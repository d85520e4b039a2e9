"""Changes of who decides need those who decide now; CODEOWNERS follows; main is only added to."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import (
    BASE,
    OWNER,
    TODAY,
    Case,
    expect,
    found_by,
    judge,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    registry_yaml,
    rules_with,
)

from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg_validators.governance import RULES
from gitreg_validators.owners_file import HEAD, PLACE, codeowners_of

A, B, C, D = (f"{letter}@example.com" for letter in "abcd")
POLICY = "policy:acme/gov/p"
LANDED = {
    **BASE,
    "namespaces/two.yaml": namespace("two", A, B),
    "namespaces/two/deep.yaml": namespace("two/deep", C, D, "@two/team"),
    "namespaces/three.yaml": namespace("three", A, "B@example.com", "@three/team"),
    "namespaces/four.yaml": namespace("four", A, B, C, D),
    "namespaces/twice.yaml": namespace("twice", A, "A@example.com", B),
    "namespaces/free/deep.yaml": namespace("free/deep", A),
    "namespaces/rich.yaml": namespace("rich", A, quotas={"names": 3}, requiredPolicies=[POLICY, f"{POLICY}2"]),
    "access/admin.yaml": manifest("Role", {"name": "admin"}, {"permissions": ["registry:admin"]}),
    "access/model-admin.yaml": manifest(
        "Role", {"name": "model-admin"}, {"permissions": ["registry:admin"], "kinds": ["Model"]}
    ),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("governance"), LANDED).snapshot()


def put(name: str, *owners: str, **spec: Any) -> dict[str, bytes | None]:
    return {f"namespaces/{name}.yaml": namespace(name, *owners, **spec)}


def by(*names: str) -> dict[str, Any]:
    return {"author": names[0] if names else None, "approvers": names[1:]}


NEW = "new@example.com"
RICH: dict[str, Any] = {"quotas": {"names": 3}, "requiredPolicies": [POLICY, f"{POLICY}2"]}
NAMESPACES = [
    Case("its only owner", put("acme", NEW)),
    Case("somebody else", put("acme", NEW), "agreed: nobody", "spec.owners", said=by(A)),
    Case(
        "half of two",
        put("two", A),
        "owners of the namespace two changed; asked are a@example.com, b@example.com, of whom 2 must agree; "
        "agreed: a@example.com",
        "spec.owners",
        said=by(A),
    ),
    Case("both of two", put("two", A), said=by(A, B)),
    Case("an approver counts as the author does", put("two", A), said=by(NEW, A, B)),
    Case("one of three", put("three", A), "of whom 2 must agree", "spec.owners", said=by("@three/team")),
    Case("two of three, in other letters", put("three", A), said=by("b@EXAMPLE.com", "@three/team")),
    Case(
        "two of four", put("four", A), "of whom 3 must agree; agreed: a@example.com, b@", "spec.owners", said=by(A, B)
    ),
    Case("three of four", put("four", A), said=by(A, B, C)),
    Case("one who is named twice counts once", put("twice", A), "of whom 2 must agree", "spec.owners", said=by(A)),
    Case("nobody", put("two", A), "agreed: nobody", "spec.owners", said=by()),
    Case("the owners in another order", put("two", B, A), said=by(NEW)),
    Case("its name for people", put("two", A, B, displayName="Two"), said=by(NEW)),
    Case("those of the namespace above", put("two/deep", C), said=by(A, B)),
    Case("half of those above and one of its own", put("two/deep", C), "asked are c@", "spec.owners", said=by(A, C)),
    Case("two of its own three", put("two/deep", C), said=by(C, "@two/team")),
    Case("those of the namespace below", put("two", A), "asked are a@", "spec.owners", said=by(C, D, "@two/team")),
    Case("nobody owns the namespace above", put("free/deep", B), said=by(A)),
    Case("nobody owns it above, somebody else", put("free/deep", B), "agreed: nobody", "spec.owners", said=by(B)),
    Case(
        "a quota",
        put("rich", A, **{**RICH, "quotas": {"names": 4}}),
        "quotas of the namespace rich",
        "spec.quotas",
        said=by(B),
    ),
    Case(
        "a quota taken away",
        put("rich", A, requiredPolicies=RICH["requiredPolicies"]),
        "quotas of",
        "spec.quotas",
        said=by(B),
    ),
    Case("a quota put", put("two", A, B, quotas={"bytes": 9}), "quotas of", "spec.quotas", said=by(A)),
    Case(
        "a required policy",
        put("rich", A, quotas={"names": 3}, requiredPolicies=[POLICY]),
        "requiredPolicies of the namespace rich",
        "spec.requiredPolicies",
        said=by(B),
    ),
    Case(
        "required policies in another order",
        put("rich", A, quotas={"names": 3}, requiredPolicies=[f"{POLICY}2", POLICY]),
        said=by(B),
    ),
    Case(
        "all of it", put("rich", B), "owners, quotas, requiredPolicies of the namespace rich", "spec.owners", said=by(B)
    ),
    Case("a namespace that is founded", put("fresh", NEW), said=by(B)),
    Case("a namespace that is founded below another's", put("two/fresh", NEW), said=by(B)),
    Case("a record", {path_of(): model(description="New.")}, said=by(B)),
    Case("a namespace that cannot be read any more", {"namespaces/two.yaml": b"nothing"}, said=by(B)),
    Case("a namespace that disappears", {"namespaces/two.yaml": None}, said=by(B)),
    Case(
        "owners who come with the change above",
        {**put("two", NEW, NEW), **put("two/deep", NEW)},
        "owners of the namespace two/deep",
        "spec.owners",
        said=by(NEW),
    ),
]
GOVERNANCE = rules_with(RULES, "GR-052")


@pytest.mark.parametrize("case", NAMESPACES, ids=lambda case: case.name)
def test_a_namespace_changes_hands_by_its_owners(base: Snapshot, case: Case) -> None:
    expect(base, case, GOVERNANCE[:1])
    assert {finding.severity.value for finding in judge(base, case, GOVERNANCE[:1])} <= {"review"}


def test_the_mend_names_an_owner_who_has_not_agreed(base: Snapshot) -> None:
    (finding,) = found_by(base, put("four", A), GOVERNANCE, **by(A, B))
    assert "--approver c@example.com" in finding.mend
    assert finding.mend.endswith("or somebody decide for them")
    assert finding.ref == "namespace:four"


def bind(*subjects: str, role: str = "admin", name: str = "admins", **spec: Any) -> dict[str, bytes]:
    return {
        f"access/{name}.yaml": manifest(
            "RoleBinding", {"name": name}, {"role": role, "subjects": list(subjects), **spec}
        )
    }


WAIVER = {
    "waivers/w.yaml": manifest(
        "Waiver",
        {"name": "w"},
        {
            "rule": "GR-012",
            "scope": {"namespaces": ["acme"]},
            "reason": "Because.",
            "approvedBy": OWNER,
            "expiresAt": "2026-12-31",
        },
    )
}


def settings(
    name: str, files: Any, says: str | None, *spoke: str, admins: Any = None, severity: str = "review"
) -> Case:
    return Case(name, files, says, over=bind(A) if admins is None else admins, said=by(*spoke), severity=severity)


BINDING = bind(NEW, name="more")
NOBODY = "nobody administers it"
SETTINGS = [
    settings("the administrator", BINDING, None, A),
    settings("the administrator approves", BINDING, None, NEW, A),
    settings("somebody else", BINDING, "(access/more.yaml); asked are a@example.com, of whom 1 must agree", NEW),
    settings("an unknown author", BINDING, "agreed: nobody"),
    settings("a waiver", WAIVER, "(waivers/w.yaml); asked are a@", OWNER),
    settings("signers", {"access/allowed_signers": b"me ssh-ed25519 AAAA\n"}, "(access/allowed_signers)", OWNER),
    settings(
        "a workflow", {".github/workflows/validate.yml": b"on: push\n"}, "(.github/workflows/validate.yml)", OWNER
    ),
    settings("a hook", {"hooks/pre-receive": b"exit 0\n"}, "(hooks/pre-receive)", OWNER),
    settings("a role", {"access/admin.yaml": None}, "(access/admin.yaml)", OWNER),
    settings(
        "four",
        {**WAIVER, **{f"access/x{n}.yaml": b"x" for n in range(3)}},
        "x1.yaml, access/x2.yaml and 1 more)",
        OWNER,
    ),
    settings("three", {f"access/x{n}.yaml": b"x" for n in range(3)}, "access/x2.yaml);", OWNER),
    settings("records", {path_of(): model(description="New.")}, None, NEW),
    settings("namespaces", put("fresh"), None, NEW),
    settings("half of two", BINDING, "of whom 2 must agree", A, admins=bind(A, B)),
    settings(
        "of two bindings",
        BINDING,
        "asked are a@example.com, b@example.com,",
        A,
        admins={**bind(A), **bind(B, name="b")},
    ),
    settings("both of two bindings", BINDING, None, A, B, admins={**bind(A), **bind(B, A, name="b")}),
    settings("nobody administers", BINDING, NOBODY, A, admins={}, severity="warning"),
    settings("the binding has ended", BINDING, NOBODY, A, admins=bind(A, expiresAt="2026-05-31"), severity="warning"),
    settings("the binding ends today", BINDING, None, A, admins=bind(A, expiresAt="2026-06-01")),
    settings("of a namespace", BINDING, NOBODY, A, admins=bind(A, scope={"namespaces": ["acme"]}), severity="warning"),
    settings("of records", BINDING, NOBODY, A, admins=bind(A, scope={"refs": ["acme/chat"]}), severity="warning"),
    settings("of a label", BINDING, NOBODY, A, admins=bind(A, scope={"labels": {"a": "b"}}), severity="warning"),
    settings("of a kind", BINDING, NOBODY, A, admins=bind(A, role="model-admin"), severity="warning"),
    settings("not of that permission", BINDING, NOBODY, A, admins=bind(A, role="tester"), severity="warning"),
    settings("of a role that is not there", BINDING, NOBODY, A, admins=bind(A, role="gone"), severity="warning"),
    settings("nobody administers, and no settings change", put("fresh"), None, A, admins={}),
    settings("an administrator who comes with the change", bind(NEW, name="new"), "asked are a@", NEW),
]


@pytest.mark.parametrize("case", SETTINGS, ids=lambda case: case.name)
def test_settings_change_by_the_administrators(base: Snapshot, case: Case) -> None:
    expect(base, case, GOVERNANCE[1:2])


@pytest.mark.parametrize(
    ("put", "says"),
    [
        ({"spec__gate__noticeDays": 7}, "(registry.yaml); asked are a@example.com"),
        ({"spec__gate__severities": {"GR-012": "off"}}, "(registry.yaml)"),
        ({"spec__limits__namespaces": 7}, "(registry.yaml)"),
        ({"spec__homepage": "https://registry.example.com"}, None),
        ({"metadata__description": "Ours."}, None),
    ],
)
def test_the_gate_and_the_limits_are_settings(base: Snapshot, put: dict[str, Any], says: str | None) -> None:
    case = Case("", {"registry.yaml": registry_yaml(base, **put)}, says, over=bind(A))
    expect(base, case, GOVERNANCE)


def test_an_unreadable_registry_is_told_of_by_others(base: Snapshot) -> None:
    expect(base, Case("", {"registry.yaml": b"nothing"}, over=bind(A)), GOVERNANCE)


def test_who_founds_a_registry_asks_nobody(base: Snapshot) -> None:
    nothing = Snapshot(base.repo, None, base.memory)
    found = base.read("registry.yaml")
    assert found
    assert not found_by(nothing, {"registry.yaml": found[1], **bind(A), **WAIVER}, RULES)


def owners_file(base: Snapshot, files: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {PLACE: codeowners_of(Overlay(base, files), TODAY).encode()}


def test_codeowners_follows_owners_and_access(base: Snapshot) -> None:
    stale = owners_file(base, {})
    owners, access = put("fresh", NEW), dict[str, "bytes | None"](bind(NEW, name="more"))
    for files in (owners, access):
        assert not found_by(base, files, GOVERNANCE[2:])
        assert not found_by(base, {**files, **owners_file(base, files)}, GOVERNANCE[2:])
        expect(base, Case("", {**files, **stale}, "does not say what they say now", severity="warning"), GOVERNANCE[2:])
        landed = {PLACE: stale[PLACE] or b""}
        expect(base, Case("", files, "does not say what they say now", over=landed), GOVERNANCE[2:])
        (finding,) = found_by(base, {**files, **stale}, GOVERNANCE[2:])
        assert finding.path == PLACE
        assert "gitreg codeowners > .github/CODEOWNERS" in finding.mend


def test_codeowners_as_a_new_registry_has_it_is_not_in_use_yet(base: Snapshot) -> None:
    standing = base.read(PLACE)
    assert standing is not None
    assert standing[1] == HEAD.encode()
    expect(base, Case("", put("fresh", NEW)), GOVERNANCE[2:])
    other = {PLACE: HEAD.encode() + b"\n/ @somebody\n"}
    expect(base, Case("", put("fresh", NEW), "does not say", over=other), GOVERNANCE[2:])


def test_codeowners_is_left_alone_by_other_changes(base: Snapshot) -> None:
    expect(base, Case("", {path_of(): model(description="New."), PLACE: b"stale"}), GOVERNANCE)


@pytest.mark.parametrize(("descends", "count"), [(True, 0), (False, 1)])
def test_main_is_only_added_to(base: Snapshot, descends: bool, count: int) -> None:
    found = found_by(base, put("fresh", NEW), rules_with(RULES, "GR-055"), descends=descends)
    assert len(found) == count
    assert all("does not descend" in finding.says and finding.severity.value == "error" for finding in found)
