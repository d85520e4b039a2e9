"""What has landed stays as it landed."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from gate_support import (
    AUTHOR,
    BASE,
    Case,
    Files,
    aliases,
    change_of,
    commit,
    config,
    dataset,
    expect,
    found_by,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    registry_yaml,
    rules_with,
    write_entries,
)

from gitreg.errors import Severity
from gitreg.registry import Draft
from gitreg.repository.git import PLAIN, Entry
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators import RULES as ALL
from gitreg_validators.immutability import RULES

CHAT = path_of()
LICENSED = path_of(version="1.1.0")
DEFAULTS = "configs/acme/defaults/1.0.0.yaml"
ALIASES = "models/acme/chat/aliases.yaml"
DIGEST = sha256(b"acme/chat@1.0.0").hexdigest()
EXECUTABLE, SYMLINK, SUBMODULE = 0o100755, 0o120000, 0o160000


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("immutability"), BASE).snapshot()


def copies(count: int) -> Files:
    return {path_of(f"copy{n}"): model(f"copy{n}", digest=DIGEST) for n in range(count)}


FROZEN = [
    Case("a mutable field", {CHAT: model(description="New words.", tags=["a"], custom={"acme": {"a": 1}})}),
    Case("a comment and another layout", {CHAT: b"# a comment\n" + model()}),
    Case("one that was not there", {path_of("new"): model("new")}),
    Case("one that goes", {CHAT: None}),
    Case("a record without versions", {"access/tester.yaml": manifest(
        "Role", {"name": "tester"}, {"permissions": ["registry:write"]})}),
    Case("an alias that moves", {ALIASES: aliases(stable="1.1.0")}),
    Case("what could not be read and has no versions", {"namespaces/acme.yaml": namespace("acme")},
         over={"namespaces/acme.yaml": b"a: ["}),
    Case("what cannot be read and is left so", {CHAT: b"b: ["}, over={CHAT: b"a: ["}),
    Case("changed", {CHAT: model(provider="anthropic")}, "frozen: 'openai' became 'anthropic'", "spec.provider"),
    Case("added", {CHAT: model(license="mit")}, "frozen: None became 'mit'", "spec.license"),
    Case("removed", {LICENSED: model(version="1.1.0")}, "frozen: 'mit' became None", "spec.license"),
    Case("true for one", {DEFAULTS: config(value={"on": 1, "n": 1})}, "True became 1", "spec.value.on"),
    Case("a free field removed", {DEFAULTS: config(value={"on": True})}, "1 became None", "spec.value.n"),
    Case("another version in its place", {CHAT: model(version="3.0.0", digest=DIGEST)}, "'1.0.0' became '3.0.0'",
         "metadata.version"),
    Case("another kind in its place", {CHAT: config("chat")}, "from Model to Config", "kind"),
    Case("a role becomes a binding", {"access/tester.yaml": manifest(
        "RoleBinding", {"name": "tester"}, {"role": "tester", "subjects": ["svc:ci"]})}, "from Role to RoleBinding",
         "kind"),
    Case("a role is renamed", {"access/tester.yaml": manifest(
        "Role", {"name": "other"}, {"permissions": ["registry:read"]})}, "renamed from role:tester to role:other",
         "metadata.name"),
    Case("aliases of another name", {ALIASES: aliases("talk", stable="1.0.0")}, "to aliases:model/acme/talk",
         "metadata.name"),
    Case("a mend of what could not be read", {CHAT: model()}, "cannot be read, so nobody can tell",
         over={CHAT: b"a: ["}, severity="review"),
]  # fmt: skip

UNREADABLE = [
    Case("readable", {CHAT: model(description="New words.")}),
    Case("never read", {path_of("new"): b"a: ["}),
    Case("not read before", {CHAT: b"b: ["}, over={CHAT: b"a: ["}),
    Case("gone is another matter", {CHAT: None}),
    Case("not YAML", {CHAT: b"a: ["}, "is not a manifest any more"),
    Case("emptied", {"namespaces/acme.yaml": b""}, "is not a manifest any more"),
    Case("not of its kind any more", {ALIASES: aliases(latest="1.0.0")}, "is not a manifest any more"),
]

SECOND = [
    Case("another version", {path_of(version="1.2.0"): model(version="1.2.0")}),
    Case("an example", {"examples/chat.yaml": model()}),
    Case("a hidden file", {".gitreg/chat.yaml": model()}),
    Case("a text", {"docs/chat.txt": model()}),
    Case("of nothing that has landed", {"docs/new.yaml": model("new"), path_of("new"): model("new")}),
    Case("an unreadable one", {"models/acme/chat/1.0.0.yml": b"a: ["}),
    Case("one that goes", {"docs/chat.yaml": None}, over={"docs/chat.yaml": model()}),
    Case("with the other ending", {"models/acme/chat/1.0.0.yml": model()}, "this is a second file for it"),
    Case("in capitals", {"models/acme/chat/1.0.0.YAML": model()}, "this is a second file for it"),
    Case("in a folder of another case", {"models/acme/Chat/1.0.0.yaml": model()}, "model:acme/chat@1.0.0 has landed"),
    Case("in another folder", {"docs/chat.yaml": model()}, "has landed at models/acme/chat/1.0.0.yaml"),
    Case("of a namespace", {"namespaces/other.yaml": namespace("acme")}, "namespace:acme has landed"),
    Case("at another version's place", {LICENSED: model(license="mit")}, "model:acme/chat@1.0.0 has landed"),
]

DUPLICATE = [
    Case("another artifact", {path_of("new"): model("new")}),
    Case("no artifact", {"configs/acme/c/1.0.0.yaml": config("c")}),
    Case("its own, edited", {CHAT: model(description="New words.")}),
    Case("a copy that has landed, edited", {path_of("copy0"): model("copy0", digest=DIGEST, description="New.")},
         over=copies(1)),
    Case("a mention that is no checksum", {path_of("new"): model("new", description=f"Not {DIGEST}.")}),
    Case("a new name", {path_of("new"): model("new", digest=DIGEST)}, f"already: {CHAT}", "spec.checksum.digest"),
    Case("a new version", {path_of(version="1.2.0"): model(version="1.2.0", digest=DIGEST)},
         f"({DIGEST[:12]}...) is registered already: {CHAT}", "spec.checksum.digest"),
    Case("another kind", {"datasets/acme/tickets/1.0.0.yaml": dataset(digest=DIGEST)}, f"already: {CHAT}",
         "spec.checksum.digest"),
]  # fmt: skip

DELISTING = [
    Case("edited", {CHAT: model(description="New words.")}),
    Case("a file that is no record", {"docs/a.yaml": None}, over={"docs/a.yaml": b"a: 1\n"}),
    Case("removed", {CHAT: None}, "a landed record disappears"),
    Case("removed though nobody can read it", {CHAT: None}, "a landed record disappears", over={CHAT: b"a: ["}),
    Case("moved", {CHAT: None, path_of("talk"): model()}, "a landed record disappears"),
    Case("a role", {"access/tester.yaml": None}, "a landed record disappears"),
]


@pytest.mark.parametrize(
    ("function", "case"),
    [
        pytest.param(function, case, id=f"{function} {case.name}")
        for function, cases in (
            ("check_frozen", FROZEN),
            ("check_unreadable", UNREADABLE),
            ("check_second_file", SECOND),
            ("check_duplicate", DUPLICATE),
            ("check_delisting", DELISTING),
        )
        for case in cases
    ],
)
def test_immutability(base: Snapshot, function: str, case: Case) -> None:
    expect(base, case, [rule for rule in RULES if rule.name == function])


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, CHAT),
        (2, f"{CHAT}, {path_of('copy0')}, {path_of('copy1')}"),
        (3, f"{CHAT}, {path_of('copy0')}, {path_of('copy1')} and 1 more"),
    ],
)
def test_three_others_are_shown(base: Snapshot, count: int, shown: str) -> None:
    state = landed(base, {path: (PLAIN, raw) for path, raw in copies(count).items() if raw})
    (found,) = found_by(state, {path_of("new"): model("new", digest=DIGEST)}, rules_with(RULES, "GR-012"))
    assert found.says == f"the same artifact ({DIGEST[:12]}...) is registered already: {shown}"


def test_every_frozen_field_is_told_and_its_record_named(base: Snapshot) -> None:
    found = found_by(base, {CHAT: model(provider="anthropic", type="vision")}, RULES)
    assert [(f.rule, f.field, f.ref, f.path) for f in found] == [
        ("GR-011", "spec.provider", "model:acme/chat@1.0.0", CHAT),
        ("GR-011", "spec.type", "model:acme/chat@1.0.0", CHAT),
    ]
    assert "these may change in place: metadata.description, metadata.docs" in found[0].mend


ENTRIES: Mapping[str, tuple[int, str | None]] = {
    "plain": (PLAIN, None),
    "executable": (EXECUTABLE, "became an executable file"),
    "symlink": (SYMLINK, "became a symlink"),
    "submodule": (SUBMODULE, "became a submodule"),
    "unheard of": (0o100600, "became an entry of mode 100600"),
}


def entry_of(state: Snapshot, path: str, mode: int) -> dict[str, Entry | None]:
    entry = state.entry(path)
    assert entry
    return {path: Entry(path, entry.oid, mode)}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_landed_record_stays_a_plain_file(base: Snapshot, name: str) -> None:
    mode, says = ENTRIES[name]
    found = found_by(base, {}, RULES, entry_of(base, CHAT, mode))
    assert [finding.says for finding in found] == ([f"the file of a landed record {says}"] if says else [])
    assert [finding.ref for finding in found] == ["model:acme/chat@1.0.0"] * len(found)


def landed(base: Snapshot, entries: Mapping[str, tuple[int, bytes] | None]) -> Snapshot:
    return Snapshot(base.repo, write_entries(base, entries), base.memory)


def test_a_record_of_another_sort_is_named_by_its_place(base: Snapshot) -> None:
    broken = landed(base, {CHAT: (PLAIN, b"a: [")})
    (found,) = found_by(broken, {}, RULES, entry_of(broken, CHAT, SYMLINK))
    assert (found.says, found.ref) == ("the file of a landed record became a symlink", "model:acme/chat@1.0.0")


def test_a_new_file_of_another_sort_is_not_a_matter_of_what_has_landed(base: Snapshot) -> None:
    entry = base.entry(CHAT)
    assert entry
    assert found_by(base, {}, RULES, {path_of("new"): Entry(path_of("new"), entry.oid, SYMLINK)}) == []


def test_what_landed_as_no_plain_file_may_become_one(base: Snapshot) -> None:
    executable = landed(base, {CHAT: (EXECUTABLE, model())})
    found = found_by(executable, {CHAT: model()}, RULES)
    assert [(finding.rule, finding.severity) for finding in found] == [("GR-011", Severity.REVIEW)]


def test_the_uid_never_changes(base: Snapshot) -> None:
    uid = "00000000-0000-4000-8000-00000000000f"
    (found,) = found_by(base, {"registry.yaml": registry_yaml(base, spec__uid=uid)}, RULES)
    assert base.settings
    assert (found.rule, found.field, found.path) == ("GR-011", "spec.uid", "registry.yaml")
    assert found.mend == f"put back uid: {base.settings.spec.uid}"
    assert found_by(base, {"registry.yaml": registry_yaml(base, metadata__description="Ours.")}, RULES) == []
    assert [f.says for f in found_by(base, {"registry.yaml": b"a: ["}, RULES)] == [
        "the file of a landed record is not a manifest any more"
    ]
    mended = {"registry.yaml": registry_yaml(base, spec__uid=uid)}
    assert found_by(landed(base, {"registry.yaml": (PLAIN, b"a: [")}), mended, RULES) == []


NOT_AGAIN = "was removed once, and comes back with other content"
TALK = path_of("talk")
HISTORIES: Mapping[str, tuple[list[Files], Files, bool]] = {
    "never there": ([], {TALK: model("talk")}, True),
    "the same": ([{TALK: model("talk")}, {TALK: None}], {TALK: model("talk")}, True),
    "the same but for what may change": (
        [{TALK: model("talk")}, {TALK: None}],
        {TALK: model("talk", description="Back again.", lifecycle={"status": "retired"})},
        True,
    ),
    "never removed": ([{TALK: model("talk")}], {TALK: model("talk", license="mit")}, True),
    "no version": (
        [{"access/x.yaml": BASE["access/tester.yaml"].replace(b"tester", b"x")}, {"access/x.yaml": None}],
        {"access/x.yaml": BASE["access/tester.yaml"].replace(b"tester", b"x").replace(b"read", b"write")},
        True,
    ),
    "another name was removed": ([{path_of("x"): model("x")}, {path_of("x"): None}], {TALK: model("talk")}, True),
    "put back past the gate, then edited": (
        [{TALK: model("talk")}, {TALK: None}, {TALK: model("talk", license="mit")}],
        {TALK: model("talk", license="mit", description="Described.")},
        True,
    ),
    "put back unreadable, then mended": (
        [{TALK: model("talk")}, {TALK: None}, {TALK: b"a: ["}],
        {TALK: model("talk", license="mit")},
        True,
    ),
    "another artifact": ([{TALK: model("talk")}, {TALK: None}], {TALK: model("talk", digest="1" * 64)}, False),
    "a field more": ([{TALK: model("talk")}, {TALK: None}], {TALK: model("talk", license="mit")}, False),
    "as it was the first time, not the second": (
        [{TALK: model("talk")}, {TALK: None}, {TALK: model("talk", license="mit")}, {TALK: None}],
        {TALK: model("talk")},
        False,
    ),
    "nobody can tell what it was": ([{TALK: b"a: ["}, {TALK: None}], {TALK: model("talk")}, False),
    "long ago": (
        [{TALK: model("talk")}, {TALK: None}, *({path_of(f"n{n}"): model(f"n{n}")} for n in range(20))],
        {TALK: model("talk", license="mit")},
        False,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_removed_version_comes_back_as_it_was_or_not_at_all(tmp_path: Path, name: str) -> None:
    history, files, is_fine = HISTORIES[name]
    registry = new_registry(tmp_path)
    for files_then in history:
        commit(registry, files_then)
    found = found_by(registry.snapshot(), files, rules_with(RULES, "GR-014"))
    assert [finding.says for finding in found] == ([] if is_fine else [f"model:acme/talk@1.0.0 {NOT_AGAIN}"])


def test_each_kind_is_told_how_it_may_end(base: Snapshot) -> None:
    waived = {"rule": "GR-012", "scope": {}, "reason": "a", "approvedBy": "a", "expiresAt": "2026-01-01"}
    bound = {"role": "tester", "subjects": ["svc:ci"]}
    over = {
        "waivers/w.yaml": (PLAIN, manifest("Waiver", {"name": "w"}, waived)),
        "access/bound.yaml": (PLAIN, manifest("RoleBinding", {"name": "bound"}, bound)),
    }
    gone = [*over, "access/tester.yaml", "namespaces/acme.yaml", ALIASES, CHAT, "registry.yaml"]
    found = found_by(landed(base, over), dict.fromkeys(gone), rules_with(RULES, "GR-018"))
    mends = {finding.path: finding.mend for finding in found}
    assert {path: mend.partition("; ")[2] for path, mend in mends.items()} == {
        "waivers/w.yaml": "to end it, set spec.expiresAt to a day that has passed",
        "access/bound.yaml": "to end it, set spec.expiresAt to a day that has passed",
        "access/tester.yaml": "it may be emptied, and stays as a mark of what was",
        "namespaces/acme.yaml": "it may be emptied, and stays as a mark of what was",
        "registry.yaml": "it may be emptied, and stays as a mark of what was",
        ALIASES: "to end them, take the entries out of spec.aliases",
        CHAT: "to end it, set spec.lifecycle.status",
    }


def test_a_mend_of_what_could_not_be_read_waits_for_a_human(tmp_path: Path) -> None:
    registry = new_registry(tmp_path, {**BASE, CHAT: b"a: ["})
    receipt = registry.register([Draft(model(), "mended")], author=AUTHOR, approve=["GR-011"])
    assert "Gitreg-Approved: GR-011" in registry.repo.commit(receipt.commit or "").message


def test_a_whole_state_is_asked_for_artifacts_alone(base: Snapshot) -> None:
    state = change_of(base, {**copies(1), "docs/chat.yaml": model()}).head
    found = check(Change.state(state), RULES)
    assert [(finding.rule, finding.path) for finding in found] == [("GR-012", CHAT), ("GR-012", path_of("copy0"))]
    assert {rule.code for rule in ALL if rule in RULES and rule.on_state} == {"GR-012"}
