"""Who a record is: what can be read of it, where it stands, what it is called."""

from __future__ import annotations

import pytest
from gate_support import (
    BASE,
    Case,
    aliases,
    change_of,
    config,
    expect,
    found_by,
    judge,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    rules_with,
    versioned,
)

from gitreg.errors import Severity
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators.identity import RULES

NEW = path_of("new")
LONG = "a" * 64


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("identity"), BASE).snapshot()


def deep(levels: int) -> bytes:
    """Nest lists below a manifest's spec, so that the text is so many levels deep in all."""
    return b"a:\n  b: " + b"[" * (levels - 2) + b"]" * (levels - 2) + b"\n"


def padded(size: int) -> bytes:
    raw = model("new")
    return raw + b"#" * (size - len(raw) - 1) + b"\n"


SUBSET = [
    Case("a plain manifest", {NEW: model("new")}),
    Case("a comment", {NEW: b"# a comment\n" + model("new")}),
    Case("as large as may be", {NEW: padded(65_536)}),
    Case("removed", {path_of(): None}),
    Case("an odd file that is no record", {"docs/a.yaml": b"a: ["}),
    Case("one byte too large", {NEW: padded(65_537)}, "65,537 bytes"),
    Case("not YAML", {NEW: b"a: ["}, "not YAML"),
    Case("empty", {NEW: b""}, "the file is empty"),
    Case("not UTF-8", {NEW: b"\xff"}, "is not UTF-8"),
    Case("a landed file that is not UTF-8 now", {path_of(): b"\xff"}, "is not UTF-8"),
    Case("an anchor", {NEW: model("new") + b"x: &a 1\n"}, "anchors (&a) are not allowed"),
    Case("a tag", {NEW: model("new") + b"x: !!str 1\n"}, "tags (tag:yaml.org,2002:str)"),
    Case("a key twice", {NEW: model("new") + b"kind: Model\n"}, "'kind' stands here twice"),
    Case("two documents", {NEW: model("new") + b"---\na: 1\n"}, "a second document begins here"),
    Case("a number of two readings", {NEW: model("new") + b"x: 012\n"}, "read this number differently"),
    Case("too deep", {NEW: deep(21)}, "nested deeper than 20"),
]

SCHEMA = [
    Case("every field known", {NEW: model("new", license="mit", capabilities={"contextLength": 1})}),
    Case("fields of one's own", {NEW: model("new", custom={"acme": {"any": [1, None]}})}),
    Case("a wrong type", {NEW: model("new", provider=5)}, "expected text", "spec.provider"),
    Case("an unknown key", {NEW: model("new", licence="mit")}, "unknown key 'licence'", "spec.licence"),
    Case(
        "an unknown key far down",
        {NEW: model("new", capabilities={"contextLenght": 1})},
        "unknown key 'contextLenght'",
        "spec.capabilities.contextLenght",
    ),
    Case("a missing key", {NEW: versioned("Model", "new", provider="openai")}, "`type` is missing", "spec.type"),
    Case("no kind", {NEW: b"apiVersion: gitreg/v1\n"}, "`kind` is missing"),
    Case("a kind that is not one", {NEW: manifest("Modell", {}, {})}, "kind 'Modell' is not one"),
    Case("latest as an alias", {"models/acme/chat/aliases.yaml": aliases(latest="1.0.0")}, "", "spec.aliases.latest"),
]

SPELLING = [
    Case("as long as may be", {path_of(LONG): model(LONG)}),
    Case("one letter", {path_of("x"): model("x")}),
    Case("too long", {NEW: model(LONG + "a")}, "text that matches", "metadata.name"),
    Case("capitals", {NEW: model("New")}, "got 'New'", "metadata.name"),
    Case("ends with a dot", {NEW: model("new.")}, "got 'new.'", "metadata.name"),
    Case("four namespaces deep", {NEW: model("new", namespace="a/b/c/d")}, "got 'a/b/c/d'", "metadata.namespace"),
    Case("no text at all", {NEW: model("new", namespace="")}, "got ''", "metadata.namespace"),
]

AUX = "acme/aux"
ROLE = manifest("Role", {"name": "x"}, {"permissions": ["registry:read"]})
NAMES = [
    Case("nearly reserved", {path_of("cone"): model("cone"), path_of("locked"): model("locked")}),
    Case("a device after a dot", {path_of("a.nul"): model("a.nul")}),
    Case("lock within", {path_of("a.lock.b"): model("a.lock.b")}),
    Case("reserved is only a whole name", {path_of("search.x"): model("search.x")}),
    Case("no namespace to look at", {"access/x.yaml": ROLE}),
    Case("reserved by the API", {path_of("search"): model("search")}, "'search' is reserved for", "metadata.name"),
    Case("ends with .lock", {path_of("x.lock"): model("x.lock")}, "'x.lock' ends with .lock", "metadata.name"),
    Case("a device", {path_of("con"): model("con")}, "'con' cannot be a file on Windows", "metadata.name"),
    Case("a device with an ending", {path_of("nul.txt"): model("nul.txt")}, "on Windows", "metadata.name"),
    Case("a namespace", {path_of("new", namespace=AUX): model("new", namespace=AUX)}, "'aux' cannot", "metadata.name"),
    Case("a namespace above", {path_of(namespace="con/x"): model(namespace="con/x")}, "'con' cannot", "metadata.name"),
    Case("a namespace's record", {"namespaces/a/history.yaml": namespace("a/history")}, "'history'", "metadata.name"),
    Case("a role", {"access/nul.yaml": ROLE.replace(b"name: x", b"name: nul")}, "'nul'", "metadata.name"),
    Case("the path is too long", {path_of(LONG, namespace=f"acme/{LONG}/{'b' * 48}"):
         model(LONG, namespace=f"acme/{LONG}/{'b' * 48}")}, "has 201 characters, and at most 200", "metadata.name"),
    Case("as long as a path may be", {path_of(LONG, namespace=f"acme/{LONG}/{'b' * 47}"):
         model(LONG, namespace=f"acme/{LONG}/{'b' * 47}")}),
]  # fmt: skip

SEMVER = [
    Case("a release", {path_of("new", "0.0.0"): model("new", "0.0.0")}),
    Case("a prerelease", {path_of("new", "1.0.0-rc.1"): model("new", "1.0.0-rc.1")}),
    Case("two numbers", {NEW: model("new", "1.0")}, "got '1.0'; expected major.minor.patch", "metadata.version"),
    Case("a leading zero", {NEW: model("new", "1.0.00")}, "no leading zeros", "metadata.version"),
    Case("build metadata", {NEW: model("new", "1.0.0+cuda")}, "no build metadata", "metadata.version"),
    Case("a letter before", {NEW: model("new", "v1.0.0")}, "got 'v1.0.0'", "metadata.version"),
]

TIME = "'2026-01-01'"
DERIVED = [
    Case("nothing derived", {NEW: model("new")}),
    Case("deeper down it is somebody's own", {NEW: model("new", custom={"acme": {"id": 1, "createdAt": TIME}})}),
    Case("an id", {NEW: model("new", id="x")}, "`spec.id` is derived from Git", "spec.id"),
    Case("at the top", {NEW: model("new") + b"registeredBy: me\n"}, "`registeredBy` is derived", "registeredBy"),
    Case(
        "a time in the metadata",
        {NEW: model("new").replace(b"  name:", b"  createdAt: x\n  name:")},
        "`metadata.createdAt` is derived",
        "metadata.createdAt",
    ),
]

PATHS = [
    Case("where it belongs", {NEW: model("new")}),
    Case("a role and a binding have one folder", {"access/x.yaml": manifest(
        "RoleBinding", {"name": "x"}, {"role": "tester", "subjects": ["svc:ci"]})}),
    Case("a file that is no record", {"docs/new.yaml": model("new")}),
    Case("another name", {path_of("other"): model("new")}, "says that it is model:acme/new@1.0.0", "metadata.name"),
    Case("another version", {path_of("new", "1.0.1"): model("new")}, "stands at models/acme/new/1.0.1.yaml",
         "metadata.name"),
    Case("another namespace", {path_of("new", namespace="acme/x"): model("new")}, "", "metadata.name"),
    Case("another kind", {"datasets/acme/new/1.0.0.yaml": model("new")}, "model:acme/new@1.0.0", "metadata.name"),
    Case("aliases of another name", {"models/acme/x/aliases.yaml": aliases()}, "aliases:model/acme/chat",
         "metadata.name"),
    Case("aliases of another kind", {"datasets/acme/chat/aliases.yaml": aliases()}, "aliases:model/acme/chat",
         "metadata.name"),
    Case("a second copy of a role", {"access/other.yaml": BASE["access/tester.yaml"]}, "it is role:tester",
         "metadata.name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "case"),
    [
        pytest.param(code, case, id=f"{code} {case.name}")
        for code, cases in (
            ("GR-001", SUBSET),
            ("GR-003", SCHEMA),
            ("GR-004", PATHS),
            ("GR-005", [*SPELLING, *NAMES]),
            ("GR-010", SEMVER),
            ("GR-019", DERIVED),
        )
        for case in cases
    ],
)
def test_identity(base: Snapshot, code: str, case: Case) -> None:
    expect(base, case, rules_with(RULES, code))


def test_what_cannot_be_read_is_found_by_one_rule_and_has_its_line(base: Snapshot) -> None:
    (found,) = judge(base, Case("", {NEW: model("new", provider=5)}), RULES)
    assert (found.rule, found.path, found.line, found.column) == ("GR-003", NEW, 8, 13)
    assert found.source == "  provider: 5"


def test_the_deepest_text_that_may_be_is_only_not_a_manifest(base: Snapshot) -> None:
    assert {finding.rule for finding in found_by(base, {NEW: deep(20)}, RULES)} == {"GR-003"}


def test_every_part_of_a_name_counts_and_one_fault_is_told(base: Snapshot) -> None:
    found = found_by(base, {path_of("con", namespace="aux/nul"): model("con", namespace="aux/nul")}, RULES)
    assert [finding.says for finding in found] == ["the name 'con' cannot be a file on Windows"]


def test_a_name_that_has_landed_is_not_asked_again(base: Snapshot) -> None:
    over = {path_of("con"): model("con"), NEW: model("other")}
    files = {path_of("con"): model("con", description="Described."), NEW: model("other", description="Described.")}
    assert [f.rule for f in judge(base, Case("", files, over=over), RULES)] == ["GR-004"]


def test_a_whole_state_is_judged_too(base: Snapshot) -> None:
    assert check(Change.state(base), RULES) == []
    state = change_of(base, {path_of("con"): model("con"), path_of("x"): config("x"), NEW: b"a: ["}).head
    found = check(Change.state(state), RULES)
    assert [(finding.rule, finding.path) for finding in found] == [
        ("GR-005", path_of("con")),
        ("GR-001", NEW),
        ("GR-004", path_of("x")),
    ]


def test_nobody_can_make_these_rules_weigh_less() -> None:
    assert all(rule.is_fixed and rule.severity is Severity.ERROR and not rule.runs_apart for rule in RULES)
