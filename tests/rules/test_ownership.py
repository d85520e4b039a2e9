"""Who may change what: owners and bindings as of the base, one namespace at a time, signed commits."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import (
    BASE,
    OWNER,
    Case,
    aliases,
    change_of,
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

from gitreg.errors import Severity
from gitreg.repository.git import Entry
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.validation import Change, Signing, check
from gitreg_validators.ownership import RULES, SETTINGS
from gitreg_validators.rights import known_as, levels_of, listed, owners_of

OTHER = "other@example.com"


def role(name: str, *permissions: str, **spec: Any) -> bytes:
    return manifest("Role", {"name": name}, {"permissions": [f"registry:{word}" for word in permissions], **spec})


def binding(role: str, *subjects: str, name: str = "bound", **spec: Any) -> dict[str, bytes]:
    return {
        f"access/{name}.yaml": manifest(
            "RoleBinding", {"name": name}, {"role": role, "subjects": list(subjects) or [OWNER], **spec}
        )
    }


LANDED = {
    **BASE,
    "namespaces/other.yaml": namespace("other", OTHER, "@other/team", "svc:ci"),
    "namespaces/teams.yaml": namespace("teams", "@teams/a", "@teams/b"),
    "namespaces/mixed.yaml": namespace("mixed", "@mixed/a", "boss@example.com"),
    "namespaces/acme/deep.yaml": namespace("acme/deep", OTHER),
    "access/writer.yaml": role("writer", "read", "write"),
    "access/reader.yaml": role("reader", "read", "delete"),
    "access/admin.yaml": role("admin", "admin"),
    "access/model-writer.yaml": role("model-writer", "write", kinds=["models"]),
    "access/dataset-writer.yaml": role("dataset-writer", "write", kinds=["Dataset"]),
    path_of(namespace="other"): model(namespace="other", labels={"tier": "gold"}),
    path_of("plain", namespace="other"): model("plain", namespace="other"),
    path_of(namespace="wild"): model(namespace="wild"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("ownership"), LANDED).snapshot()


def new(space: str = "other", name: str = "fresh", **spec: Any) -> dict[str, bytes | None]:
    return {path_of(name, namespace=space): model(name, namespace=space, **spec)}


def edited(space: str = "other", name: str = "chat", **spec: Any) -> dict[str, bytes | None]:
    return {path_of(name, namespace=space): model(name, namespace=space, description="New.", **spec)}


def bound(case: str, files: dict[str, bytes | None], role: str, is_enough: bool, **spec: Any) -> Case:
    over = binding(role, *spec.pop("subjects", ()), **spec)
    return Case(case, files, None if is_enough else "other is owned by other@example.com", over=over)


GOLD: dict[str, Any] = {"labels": {"tier": "gold"}}
OWNED = [
    Case("the owner adds", new("acme")),
    Case("the owner edits", edited("acme")),
    Case("the owner's whole signature", new("acme"), said={"author": "Example Author <AUTHOR@example.com>"}),
    Case("an owner of the namespace above", new("acme/deep")),
    Case("an owner of a namespace below", new("acme"), "acme is owned by author@example.com", said={"author": OTHER}),
    Case("its own owner, below another's", new("acme/deep"), said={"author": OTHER}),
    Case(
        "somebody else",
        new(),
        "other is owned by other@example.com, @other/team, svc:ci, and this changes model:other/fresh@1.0.0 in the "
        "name of author@example.com",
    ),
    Case("somebody else edits", edited(), "this changes model:other/chat@1.0.0 in"),
    Case("somebody else removes", {path_of(namespace="other"): None}, "model:other/chat@1.0.0 in"),
    Case(
        "somebody else sets an alias", {"models/other/chat/aliases.yaml": aliases(namespace="other")}, "aliases:model"
    ),
    Case("what cannot be read", {path_of("fresh", namespace="other"): b"nothing"}, "model:other/fresh@1.0.0 in"),
    Case("several", {**new(), **edited(), **new(name="zzz")}, "and 2 more of its records in"),
    Case("two", {**new(), **edited()}, "model:other/chat@1.0.0 and 1 more of its records in"),
    Case("an approver", new(), said={"approvers": ("nobody@example.com", "Other <other@example.com>")}),
    Case(
        "an approver who owns nothing",
        new(),
        "author@example.com, nobody@",
        said={"approvers": ("nobody@example.com",)},
    ),
    Case("only an approver", new(), said={"author": None, "approvers": (OTHER,)}),
    Case(
        "only an approver, the wrong one",
        new(),
        "in the name of me@",
        said={"author": None, "approvers": ("me@example.com",)},
    ),
    Case("a team", new(), said={"approvers": ("@other/team",)}),
    Case("a team in other letters", new(), "is owned by", said={"approvers": ("@Other/team",)}),
    Case("a team's name for an email", new(), "is owned by", said={"author": "Me <@other/team>"}),
    Case("a service account", new(), said={"author": "svc:ci"}),
    Case("the email in the name", new(), "is owned by", said={"author": "other@example.com <me@example.com>"}),
    Case("an unfounded namespace", new("wild")),
    Case("a new top-level namespace", {"namespaces/fresh.yaml": namespace("fresh"), **new("fresh")}),
    Case(
        "a namespace below another's",
        {"namespaces/other/mine.yaml": namespace("other/mine")},
        "other/mine is owned by other@example.com, @other/team, svc:ci, and this changes namespace:other/mine",
    ),
    Case(
        "records of a namespace that is founded below another's",
        {"namespaces/other/mine.yaml": namespace("other/mine"), **new("other/mine")},
        "other/mine is owned by",
    ),
    Case("a namespace below one's own", {"namespaces/acme/mine.yaml": namespace("acme/mine")}),
    Case(
        "another's namespace", {"namespaces/other.yaml": namespace("other", OWNER)}, "this changes namespace:other in"
    ),
    Case("settings are no namespace's", binding("writer")),
    bound("a writer", edited(), "writer", True),
    bound("a writer of a new record", new(), "writer", True),
    bound("a reader", edited(), "reader", False),
    bound("an administrator", edited(), "admin", True),
    bound("a role that is not there", edited(), "nothing", False),
    bound("somebody else's binding", edited(), "writer", False, subjects=["me@example.com"]),
    bound("one of two subjects", edited(), "writer", True, subjects=["me@example.com", "AUTHOR@example.com"]),
    bound("a binding that ends today", edited(), "writer", True, expiresAt="2026-06-01"),
    bound("a binding that ended", edited(), "writer", False, expiresAt="2026-05-31"),
    bound("in the namespace", edited(), "writer", True, scope={"namespaces": ["acme", "other"]}),
    bound("in another namespace", edited(), "writer", False, scope={"namespaces": ["acme"]}),
    bound("in a namespace below", edited(), "writer", False, scope={"namespaces": ["other/below"]}),
    bound("on the record", edited(), "writer", True, scope={"refs": ["model:other/chat@^1"]}),
    bound("on another version", edited(), "writer", False, scope={"refs": ["model:other/chat@^2"]}),
    bound("on all its versions", edited(), "writer", True, scope={"refs": ["other/chat"]}),
    bound("on one of two records", {**new(), **edited()}, "writer", False, scope={"refs": ["other/chat"]}),
    bound(
        "in a namespace or on a record",
        edited(),
        "writer",
        True,
        scope={"namespaces": ["acme"], "refs": ["other/chat"]},
    ),
    bound("with the label", edited(**GOLD), "writer", True, scope=GOLD),
    bound("the label is put with it", edited(name="plain", **GOLD), "writer", False, scope=GOLD),
    bound("the label is taken away with it", edited(), "writer", False, scope=GOLD),
    bound("a new record with the label", new(**GOLD), "writer", True, scope=GOLD),
    bound("a new record without the label", new(), "writer", False, scope=GOLD),
    bound("with the label, elsewhere", edited(**GOLD), "writer", False, scope={**GOLD, "namespaces": ["acme"]}),
    bound("for the kind, by its folder", edited(), "model-writer", True),
    bound("for another kind", edited(), "dataset-writer", False),
    bound(
        "for the kind, by its name",
        {"datasets/other/d/1.0.0.yaml": b"nothing"},
        "dataset-writer",
        True,
    ),
    Case(
        "a writer founds a namespace",
        {"namespaces/other/mine.yaml": namespace("other/mine")},
        "other/mine is owned by",
        over=binding("writer"),
    ),
    Case(
        "an administrator founds a namespace",
        {"namespaces/other/mine.yaml": namespace("other/mine")},
        over=binding("admin"),
    ),
    Case("a binding that comes with the change", {**edited(), **binding("writer")}, "other is owned by"),
    Case(
        "an owner who comes with the change",
        {**edited(), "namespaces/other.yaml": namespace("other", OWNER)},
        "and 1 more of its records",
    ),
]


def owners_rules() -> list[Any]:
    return [rule for rule in RULES if rule.code == "GR-050" and not rule.on_state]


@pytest.mark.parametrize("case", OWNED, ids=lambda case: case.name)
def test_owners_are_asked(base: Snapshot, case: Case) -> None:
    expect(base, case, owners_rules())


def test_there_is_one_finding_for_each_namespace(base: Snapshot) -> None:
    found = found_by(base, {**new(), **edited(), **new("teams"), **new("acme")}, owners_rules())
    assert [(finding.path, finding.ref) for finding in found] == [
        (path_of(namespace="other"), "model:other/chat@1.0.0"),
        (path_of("fresh", namespace="teams"), "model:teams/fresh@1.0.0"),
    ]
    assert {finding.severity for finding in found} == {Severity.ERROR}


@pytest.mark.parametrize(
    ("space", "mend"),
    [
        ("teams", "whoever knows the team, the forge, then says `--approver @teams/a`"),
        ("mixed", "have an owner approve it (`--approver boss@example.com`)"),
    ],
)
def test_the_mend_says_who_can_approve(base: Snapshot, space: str, mend: str) -> None:
    (finding,) = found_by(base, new(space), owners_rules())
    assert mend in finding.mend


def test_the_finding_is_about_the_records_that_nothing_covers(base: Snapshot) -> None:
    case = Case("", {**new(), **edited()}, over=binding("writer", scope={"refs": ["other/chat"]}))
    (finding,) = judge(base, case, owners_rules())
    assert finding.path == path_of("fresh", namespace="other")
    assert "more of its records" not in finding.says


ANONYMOUS = [
    Case(
        "nobody said who",
        {**new(), **new("acme"), **new("wild")},
        "not known whether they own acme, other",
        severity="warning",
    ),
    Case("nobody is wanted", new("wild")),
    Case("only settings", binding("writer")),
]


@pytest.mark.parametrize("case", ANONYMOUS, ids=lambda case: case.name)
@pytest.mark.parametrize("author", [None, ""])
def test_a_change_of_nobody(base: Snapshot, case: Case, author: str | None) -> None:
    said = {"author": author}
    expect(base, Case(case.name, case.files, case.says, None, None, said, case.severity), owners_rules())


UNFOUNDED = [
    Case("an owned namespace", new("acme")),
    Case("below an owned namespace", new("acme/some/where")),
    Case("an unfounded one", new("wild"), "nobody owns the namespace 'wild'", "metadata.namespace", severity="warning"),
    Case("below an unfounded one", new("wild/deep"), "nobody owns the namespace 'wild/deep'", "metadata.namespace"),
    Case("it is founded with it", {**new("fresh"), "namespaces/fresh.yaml": namespace("fresh")}),
    Case("it is founded above with it", {**new("fresh/deep"), "namespaces/fresh.yaml": namespace("fresh")}),
    Case(
        "only one below is founded",
        {**new("fresh"), "namespaces/fresh/deep.yaml": namespace("fresh/deep")},
        "'fresh'",
        "metadata.namespace",
    ),
    Case("a record that has landed", edited("wild")),
    Case("what has no namespace", binding("writer")),
    Case("a namespace itself", {"namespaces/fresh.yaml": namespace("fresh")}),
]


@pytest.mark.parametrize("case", UNFOUNDED, ids=lambda case: case.name)
def test_somebody_owns_the_namespace(base: Snapshot, case: Case) -> None:
    expect(base, case, [rule for rule in RULES if rule.code == "GR-050" and rule.on_state])


def test_a_state_is_asked_only_whether_its_namespaces_are_founded(base: Snapshot) -> None:
    found = check(Change.state(base), RULES)
    assert [(finding.rule, finding.ref) for finding in found] == [("GR-050", "model:wild/chat@1.0.0")]


TOGETHER = [
    Case("one namespace", {**new("acme"), **edited("acme")}),
    Case("two below one", {**new("acme/one"), **new("acme/two")}),
    Case("two", {**new("acme"), **new()}, "2 top-level namespaces: acme, other"),
    Case("two in a bulk change", {**new("acme"), **new()}, said={"is_bulk": True}),
    Case(
        "a namespace and records of another",
        {**new("acme"), "namespaces/fresh.yaml": namespace("fresh")},
        "acme, fresh",
    ),
    Case("a namespace and its records", {**new("fresh"), "namespaces/fresh.yaml": namespace("fresh")}),
    Case("four", {**new("a1"), **new("a2"), **new("a3"), **new("a4")}, "4 top-level namespaces: a1, a2, a3 and 1 more"),
    Case("three", {**new("a1"), **new("a2"), **new("a3")}, "3 top-level namespaces: a1, a2, a3"),
    Case("settings alone", {**binding("writer"), "waivers/x.yaml": b""}),
    Case(
        "access and records",
        {**new("acme"), **binding("writer")},
        "settings of the registry (access/bound.yaml) together",
    ),
    Case("a waiver and records", {**new("acme"), "waivers/x.yaml": b""}, "(waivers/x.yaml) together with records"),
    Case("the registry and records", {**new("acme"), "registry.yaml": b""}, "(registry.yaml) together with records"),
    Case("settings and records in bulk", {**new("acme"), "waivers/x.yaml": b""}, "settings", said={"is_bulk": True}),
    Case("settings and a namespace", {**binding("writer"), "namespaces/fresh.yaml": namespace("fresh")}),
    Case("a page beside records", {**new("acme"), "README.md": b"Read me."}),
    Case("an alias beside settings", {"models/acme/chat/aliases.yaml": aliases(), **binding("writer")}, "settings"),
]


@pytest.mark.parametrize("case", TOGETHER, ids=lambda case: case.name)
def test_a_change_is_about_one_thing(base: Snapshot, case: Case) -> None:
    rules = rules_with(RULES, "GR-051")
    expect(base, case, rules)
    found = judge(base, case, rules)
    assert {finding.severity.value for finding in found} <= {"warning"}
    assert all(("more" in finding.says) is (case.name == "four") for finding in found)


def test_a_mixed_change_points_at_what_does_not_belong(base: Snapshot) -> None:
    files = {**new("acme"), **new("other"), **{f"access/a{n}.yaml": b"" for n in range(4)}}
    found = found_by(base, files, rules_with(RULES, "GR-051"))
    assert [finding.path for finding in found] == ["access/a0.yaml", path_of("fresh", namespace="other")]
    assert "(access/a0.yaml, access/a1.yaml, access/a2.yaml and 1 more)" in found[0].says
    assert len(SETTINGS) == 3


GOOD, BAD = Signing("a" * 40, "author@example.com"), Signing("b" * 40, None, "the key is not known")
BARE = Signing("c" * 40, None)


@pytest.mark.parametrize(
    ("demand", "signings", "says"),
    [
        pytest.param("off", None, [], id="off, nobody looked"),
        pytest.param("off", (BAD,), [], id="off, unsigned"),
        pytest.param("required", (GOOD, GOOD), [], id="required, signed"),
        pytest.param("required", (), [], id="required, no commits"),
        pytest.param(
            "required",
            (GOOD, BAD),
            ["bbbbbbbbbbbb is not signed by an authorised key: the key is not known"],
            id="one is not",
        ),
        pytest.param(
            "required", (BARE, BAD), ["the commit cccccccccccc is", "the commit bbbbbbbbbbbb is"], id="two are not"
        ),
        pytest.param("required", None, ["required here, and nobody looked"], id="required, nobody looked"),
        pytest.param("warned", (BARE,), ["it has no signature"], id="warned, unsigned"),
        pytest.param("warned", (GOOD,), [], id="warned, signed"),
        pytest.param("warned", None, ["warned here, and nobody looked"], id="warned, nobody looked"),
    ],
)
def test_signatures(base: Snapshot, demand: str, signings: tuple[Signing, ...] | None, says: list[str]) -> None:
    over = {"registry.yaml": registry_yaml(base, spec__gate__signatures=demand)}
    case = Case("", new("acme"), over=over, said={"signings": signings})
    found = judge(base, case, rules_with(RULES, "GR-053"))
    assert len(found) == len(says)
    assert all(any(piece in finding.says for finding in found) for piece in says)
    assert {finding.severity.value for finding in found} <= {"error" if demand == "required" else "warning"}


def test_a_state_has_no_signatures(base: Snapshot) -> None:
    demanding = {"registry.yaml": registry_yaml(base, spec__gate__signatures="required")}
    assert not check(Change.state(Overlay(base, demanding)), rules_with(RULES, "GR-053"))


def test_what_the_change_says_of_signatures_does_not_count(base: Snapshot) -> None:
    files = {"registry.yaml": registry_yaml(base, spec__gate__signatures="required")}
    assert not found_by(base, files, rules_with(RULES, "GR-053"))


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("Me@Example.com", "me@example.com"),
        (" Me Myself <Me@Example.com> ", "me@example.com"),
        ("<me@example.com>", "me@example.com"),
        ("@Acme/NLP", "@Acme/NLP"),
        ("svc:CI", "svc:CI"),
        ("Me <@acme/nlp>", "Me <@acme/nlp>"),
        ("Me <svc:ci>", "Me <svc:ci>"),
        ("a@b <c@d> <e@f>", "a@b <c@d> <e@f>"),
        ("A <B@c>D", "A <B@c>D"),
    ],
)
def test_an_identity_has_one_spelling(said: str, known: str) -> None:
    assert known_as(said) == known


def test_owners_are_inherited(base: Snapshot) -> None:
    assert levels_of("a/b/c") == ("a/b/c", "a/b", "a")
    assert owners_of(base, "acme/deep/er") == (OTHER, OWNER)
    assert owners_of(base, "wild") == ()
    assert (listed([]), listed(["a"]), listed(["a", "b"])) == ("nobody", "a", "a, b")


def test_an_entry_of_another_mode_is_touched_too(base: Snapshot) -> None:
    path = path_of(namespace="other")
    landed = base.entry(path)
    assert landed
    change = change_of(base, {}, {path: Entry(path, landed.oid, 0o120000)})
    assert [finding.path for finding in check(change, owners_rules())] == [path]
