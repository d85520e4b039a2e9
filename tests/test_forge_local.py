"""A forge in Git: proposals are there whole or not at all, and two that do not fit together never both land."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cli_support import git
from effort import tries
from forge_support import (
    AUTHOR,
    BASE,
    OWNER,
    Files,
    aliases,
    content,
    forge_of,
    founded,
    landed,
    model,
    namespace,
    path_of,
    put_forward,
    queue_of,
)

from gitreg.errors import (
    ConflictError,
    Exit,
    GitregError,
    NotFoundError,
    Rejected,
    RepositoryError,
    Severity,
    UsageError,
)
from gitreg.forges import Opening, Queue
from gitreg.forges.forge import HeadMoved, identity_of, slug_of
from gitreg.forges.local import LocalForge
from gitreg.forges.queue import Gate, Verdict
from gitreg.forges.refs import NOTES, OwnRefs, RemoteRefs
from gitreg.manifests import edit_manifest
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import swap, write_commit
from gitreg.validation import Change, Circumstances, Fault, Rule, validate


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return founded(tmp_path / "registry.git")


def add(name: str, version: str = "1.0.0", **spec: Any) -> Files:
    return {path_of(name, version): model(name, version, **spec)}


# Proposals


def test_a_proposal_is_a_branch_and_a_note(registry: Registry) -> None:
    before = registry.repo.tip()
    proposal = put_forward(registry, forge_of(registry), add("new"), "Add acme/new 1.0.0!")
    assert (proposal.number, proposal.state, proposal.author) == (1, "open", str(AUTHOR))
    assert proposal.branch == "proposals/1-add-acme-new-1-0-0"
    folder = registry.repo.git_dir
    assert git(folder, "rev-parse", f"refs/heads/{proposal.branch}").strip() == proposal.head
    note = json.loads(git(folder, "show", "refs/gitreg/proposals/1:proposal.json"))
    assert note["title"] == "Add acme/new 1.0.0!"
    assert proposal.head in git(folder, "rev-list", "refs/gitreg/proposals/1")
    assert registry.repo.tip() == before
    assert git(folder, "fsck", "--strict", "--no-dangling") == ""


def test_numbers_go_up_and_are_never_used_again(registry: Registry) -> None:
    forge = forge_of(registry)
    first = put_forward(registry, forge, add("one"))
    forge.close(first)
    second = put_forward(registry, forge, add("two"))
    queue_of(registry).merge(second.number, OWNER)
    third = put_forward(registry, forge, add("three"))
    assert [first.number, second.number, third.number] == [1, 2, 3]
    assert [(p.number, p.state) for p in forge.proposals()] == [(3, "open"), (2, "merged"), (1, "closed")]
    assert [p.number for p in forge.proposals("closed")] == [1]
    assert f"refs/heads/{first.branch}" not in git(registry.repo.git_dir, "show-ref")


def test_writers_at_once_all_get_numbers_of_their_own(registry: Registry) -> None:
    def one(n: int) -> int:
        own = Registry.open(registry.repo.git_dir)
        return put_forward(own, forge_of(own), add(f"model-{n}"), f"Add {n}").number

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(one, range(16)))
    assert numbers == list(range(1, 17))
    assert {p.title for p in forge_of(registry).proposals("open")} == {f"Add {n}" for n in range(16)}


def test_whoever_pushes_to_the_branch_moves_the_head(registry: Registry) -> None:
    forge = forge_of(registry)
    proposal = put_forward(registry, forge, add("new"))
    more = pushed(registry, proposal.branch, add("more"))
    assert forge.get(1).head == more
    with pytest.raises(HeadMoved):
        forge.approve(proposal, OWNER, ())


def pushed(registry: Registry, branch: str, files: Files) -> str:
    """Put a commit on top of a branch, as a push does."""
    ref = f"refs/heads/{branch}"
    old = str(registry.repo.handle.references[ref].target)
    new = write_commit(registry.repo, parent=old, changes=files, author=AUTHOR, committer=AUTHOR, message="More")
    swap(registry.repo, ref, new=new, old=old, message="push")
    return new


def test_an_approval_is_for_one_head(registry: Registry) -> None:
    forge = forge_of(registry)
    proposal = put_forward(registry, forge, add("new"))
    approved = forge.approve(proposal, OWNER, ("GR-012",))
    assert [(a.by, a.rules) for a in approved.standing_approvals()] == [(str(OWNER), ("GR-012",))]
    pushed(registry, proposal.branch, add("more"))
    moved = forge.get(1)
    assert moved.standing_approvals() == ()
    assert moved.as_data()["approvals"][0]["void"] is True


def test_nobody_approves_their_own(registry: Registry) -> None:
    proposal = put_forward(registry, forge_of(registry), add("new"))
    with pytest.raises(UsageError, match="by its author"):
        forge_of(registry).approve(proposal, replace(AUTHOR, name="Another Name", email="AUTHOR@example.com"), ())


def test_a_comment_is_edited_in_place(registry: Registry) -> None:
    forge = forge_of(registry)
    proposal = put_forward(registry, forge, add("new"))
    for body in ("first", "second"):
        forge.comment(proposal, "gitreg", body)
    note = json.loads(git(registry.repo.git_dir, "show", f"{NOTES}1:proposal.json"))
    assert note["comments"] == {"gitreg": "second"}


def test_every_event_is_a_commit_of_the_note(registry: Registry) -> None:
    forge = forge_of(registry)
    proposal = put_forward(registry, forge, add("new"))
    forge.approve(proposal, OWNER, ())
    queue_of(registry).merge(1, OWNER)
    log = git(registry.repo.git_dir, "log", "--first-parent", "--format=%s", f"{NOTES}1").splitlines()
    assert [line.split()[0] for line in log if "proposal 1" in line] == ["Merge", "Approve", "Open"]


def test_an_unknown_number_is_told(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="there is no proposal 7"):
        forge_of(registry).get(7)


@pytest.mark.parametrize(
    "note",
    [b"{", b"[]", b'{"format": 1}', b'{"format": 2, "number": 1}', b'{"format": 1, "number": 2}'],
    ids=["no JSON", "a list", "no fields", "another format", "another number"],
)
def test_a_broken_note_is_told_and_hides_no_other(registry: Registry, note: bytes) -> None:
    forge = forge_of(registry)
    for name in ("one", "two"):
        put_forward(registry, forge, add(name))
    ref = f"{NOTES}1"
    old = git(registry.repo.git_dir, "rev-parse", ref).strip()
    changes = {"proposal.json": note}
    bad = write_commit(registry.repo, parent=old, changes=changes, author=AUTHOR, committer=AUTHOR, message="Break")
    swap(registry.repo, ref, new=bad, old=old, message="break")
    with pytest.raises(RepositoryError, match="note of proposal 1 cannot be read"):
        forge.get(1)
    assert [p.number for p in forge.proposals()] == [2]
    assert put_forward(registry, forge, add("three")).number == 3


def test_the_words_of_a_title_make_the_branch() -> None:
    assert slug_of("Ünïcode & more: v1.0!") == "n-code-more-v1-0"
    assert slug_of("日本語") == "change"
    assert identity_of("Example Author <Author@Example.com>") == identity_of("author@example.com")


# Merging


def test_a_merge_is_one_commit_with_two_parents(registry: Registry) -> None:
    proposal = put_forward(registry, forge_of(registry), add("new"))
    done = queue_of(registry).merge(1, OWNER)
    commit = registry.repo.commit(done.merged.commit)
    assert registry.repo.tip() == done.merged.commit
    assert commit.parents == (proposal.base, proposal.head)
    assert commit.tree == registry.repo.commit(proposal.head).tree
    assert "Gitreg-Proposal: 1" in commit.message
    assert content(registry, path_of("new")) == model("new")
    after = forge_of(registry).get(1)
    assert (after.state, after.merge) == ("merged", done.merged.commit)
    assert git(registry.repo.git_dir, "fsck", "--strict", "--no-dangling") == ""


def test_checkouts_follow_a_merge(tmp_path: Path) -> None:
    registry = founded(tmp_path / "registry", bare=False)
    put_forward(registry, forge_of(registry), add("new"))
    queue_of(registry).merge(1, OWNER)
    assert (tmp_path / "registry" / path_of("new")).read_bytes() == model("new")
    assert git(tmp_path / "registry", "status", "--porcelain") == ""


class Counting:
    """The registry's gate, counting how often it is asked; with rules of its own where that is wanted."""

    def __init__(self, registry: Registry, *rules: Rule) -> None:
        self._registry = registry
        self._rules = rules or None
        self.asked: list[str] = []

    def __call__(self, base: str, head: str, circumstances: Circumstances) -> Verdict:
        self.asked.append(base)
        report = validate(Change.between(self._registry.repo, base, head, circumstances), self._rules)
        return Verdict(report.findings, report.footprint)


def test_a_check_that_still_stands_is_not_made_again(registry: Registry) -> None:
    gate = Counting(registry)
    queue = queue_of(registry, gate=gate)
    put_forward(registry, forge_of(registry), add("new"))
    assert queue.check(1).outcome == "pass"
    landed(registry, {path_of("far", space="beta"): model("far", space="beta")})
    done = queue.merge(1, OWNER)
    assert done.is_fast
    assert len(gate.asked) == 1
    assert content(registry, path_of("new")) is not None
    assert content(registry, path_of("far", space="beta")) is not None


def test_a_main_that_moved_under_what_was_looked_at_is_checked_again(registry: Registry) -> None:
    gate = Counting(registry)
    queue = queue_of(registry, gate=gate)
    put_forward(registry, forge_of(registry), add("new", dependencies=[{"ref": "acme/chat@^1"}]))
    assert queue.check(1).outcome == "pass"
    tip = landed(registry, add("chat", "1.2.0"))
    assert not queue.merge(1, OWNER).is_fast
    assert gate.asked[1:] == [tip]


def test_what_was_done_and_taken_back_since_counts_as_moved(registry: Registry) -> None:
    gate = Counting(registry)
    queue = queue_of(registry, gate=gate)
    put_forward(registry, forge_of(registry), add("new"))
    queue.check(1)
    landed(registry, {path_of("new"): model("new", provider="anthropic")})
    landed(registry, {path_of("new"): None})
    with pytest.raises(Rejected) as refused:
        queue.merge(1, OWNER)
    assert "GR-014" in {finding.rule for finding in refused.value.findings}


@pytest.mark.parametrize("what", ["day", "approvals", "head", "gitreg"])
def test_a_check_is_bound_to_more_than_the_base(registry: Registry, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Counting(registry)
    proposal = put_forward(registry, forge_of(registry), add("new"))
    queue_of(registry, gate=gate, today=lambda: date(2026, 6, 1)).check(1)
    day = date(2026, 6, 2) if what == "day" else date(2026, 6, 1)
    if what == "approvals":
        forge_of(registry).approve(proposal, OWNER, ("GR-012",))
    if what == "head":
        pushed(registry, proposal.branch, add("more"))
    if what == "gitreg":
        monkeypatch.setattr("gitreg.forges.checks.metadata.version", lambda _: "99.0.0")
    queue_of(registry, gate=gate, today=lambda: day).merge(1, OWNER)
    assert len(gate.asked) == 2


def test_a_check_that_somebody_pushed_is_not_trusted(registry: Registry) -> None:
    """The note is for people: whoever can push a proposal can write one that says that it passes."""
    forge = forge_of(registry)
    proposal = put_forward(registry, forge, {path_of("bad"): model("bad", provider="x" * 5000)})
    tip = registry.repo.tip()
    assert tip is not None
    good = replace(queue_of(registry).check(1), outcome="pass", findings=(), waits=()).as_check()
    forge.conclude(forge.get(proposal.number), good)
    with pytest.raises(Rejected):
        queue_of(registry).merge(1, OWNER)
    assert registry.repo.tip() == tip


def test_a_damaged_kept_check_is_no_check(registry: Registry) -> None:
    gate = Counting(registry)
    queue = queue_of(registry, gate=gate)
    proposal = put_forward(registry, forge_of(registry), add("new"))
    queue.check(1)
    path = registry.repo.state_dir / "checks" / f"{proposal.head}.json"
    path.write_bytes(path.read_bytes()[:-20])
    assert not queue.merge(1, OWNER).is_fast
    assert len(gate.asked) == 2


def quota_rule(most: int) -> Rule:
    def check(change: Change) -> Iterator[Fault]:
        names = {entry.path.split("/")[2] for entry in change.head.walk("models/acme")}
        if len(names) > most:
            yield Fault(f"acme has {len(names)} names", "remove some")

    return Rule("XX-001", "quota", Severity.ERROR, check)


def cycle(n: int) -> Files:
    one, other = ("draft", "chat") if n == 0 else ("chat", "draft")
    version = "1.1.0" if n == 0 else "1.2.0"
    return add(one, version, dependencies=[{"ref": f"acme/{other}@^1"}])


PAIRS: dict[str, tuple[Files, Files]] = {
    "one alias, two places": (
        {"models/acme/chat/aliases.yaml": aliases(stable="1.1.0")},
        {"models/acme/chat/aliases.yaml": aliases(stable="1.0.1")},
    ),
    "the same new alias file": (
        {"models/acme/draft/aliases.yaml": aliases("draft", stable="1.0.0")},
        {"models/acme/draft/aliases.yaml": aliases("draft", canary="1.0.0")},
    ),
    "the same version": (add("new"), add("new", provider="anthropic")),
    "a cycle": (cycle(0), cycle(1)),
    "a quota": (add("new"), add("newer")),
}


@pytest.mark.parametrize("name", PAIRS)
def test_two_that_are_fine_alone_but_not_together_never_both_land(registry: Registry, name: str) -> None:
    rules = (quota_rule(3),) if name == "a quota" else ()
    gate = Counting(registry, *rules)
    queue = queue_of(registry, gate=gate)
    forge = forge_of(registry)
    for files in PAIRS[name]:
        put_forward(registry, forge, files)
    assert [queue.check(n).outcome for n in (1, 2)] == ["pass", "pass"]
    queue.merge(1, OWNER)
    tip = registry.repo.tip()
    with pytest.raises(Rejected) as refused:
        queue.merge(2, OWNER)
    assert refused.value.exit_code is Exit.FAULTS
    assert registry.repo.tip() == tip
    assert forge.get(2).state == "open"
    told = forge.get(2).check
    assert told is not None
    assert (told.outcome, told.base) == ("fail", tip)


@pytest.mark.parametrize("name", PAIRS)
def test_two_at_once_never_both_land(registry: Registry, name: str) -> None:
    rules = (quota_rule(3),) if name == "a quota" else ()
    forge = forge_of(registry)
    for files in PAIRS[name]:
        put_forward(registry, forge, files)
    for n in (1, 2):
        queue_of(registry, gate=Counting(registry, *rules)).check(n)

    def one(number: int) -> str:
        own = Registry.open(registry.repo.git_dir)
        try:
            queue_of(own, gate=Counting(own, *rules)).merge(number, OWNER)
        except GitregError as error:
            return error.code
        return "landed"

    with ThreadPoolExecutor(2) as pool:
        ends = sorted(pool.map(one, (1, 2)))
    assert ends == ["landed", "rejected"]


def test_changes_of_different_lines_of_a_file_land_together(registry: Registry) -> None:
    text = namespace("acme", displayName="Acme", quotas={"names": 50, "versions": 100})
    landed(registry, {"namespaces/acme.yaml": text})
    forge = forge_of(registry)
    for put in ({"spec.displayName": "Acme Inc."}, {"spec.quotas.versions": 200}):
        edited, _ = edit_manifest(text, put=put)
        put_forward(registry, forge, {"namespaces/acme.yaml": edited})
    gate = Counting(registry, *())
    loose: Gate = lambda base, head, around: replace(gate(base, head, around), findings=())  # noqa: E731
    for n in (1, 2):
        queue_of(registry, gate=loose).merge(n, OWNER)
    merged = content(registry, "namespaces/acme.yaml") or b""
    assert b"Acme Inc." in merged
    assert b"versions: 200" in merged


def test_many_merges_from_many_processes_all_land(registry: Registry) -> None:
    forge = forge_of(registry)
    for n in range(3):
        put_forward(registry, forge, add(f"model-{n}"))
    words = ["--repo", str(registry.repo.git_dir), "--author", str(OWNER), "--json"]
    calls = [[sys.executable, "-m", "gitreg", "proposals", "merge", str(n + 1), *words] for n in range(3)]
    running = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for call in calls]
    ends = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert [code for _, code in ends] == [0] * 3, ends
    assert all(content(registry, path_of(f"model-{n}")) for n in range(3))
    chain = list(registry.repo.first_parents(registry.repo.tip() or ""))
    assert len(chain) == 5
    assert git(registry.repo.git_dir, "fsck", "--strict", "--no-dangling") == ""


def test_what_waits_for_a_human_lands_with_an_approval_by_another(registry: Registry) -> None:
    same = model("copy", digest=json_digest(model()))
    proposal = put_forward(registry, forge_of(registry), {path_of("copy"): same})
    queue = queue_of(registry)
    checked = queue.check(1)
    assert (checked.outcome, checked.waits) == ("review", ("GR-012",))
    with pytest.raises(Rejected) as refused:
        queue.merge(1, OWNER)
    assert refused.value.exit_code is Exit.REVIEW
    with pytest.raises(UsageError):
        queue.approve(1, AUTHOR)
    approved = queue.approve(1, OWNER)
    assert approved.standing_approvals()[0].rules == ("GR-012",)
    done = queue.merge(1, OWNER)
    message = registry.repo.commit(done.merged.commit).message
    assert "Gitreg-Approved: GR-012" in message
    assert f"Reviewed-by: {OWNER}" in message
    assert done.proposal.head == proposal.head


def test_who_wrote_any_commit_of_it_does_not_decide_about_it(registry: Registry) -> None:
    same = model("copy", digest=json_digest(model()))
    proposal = put_forward(registry, forge_of(registry), {path_of("copy"): same})
    ref = f"refs/heads/{proposal.branch}"
    for who, files in ((OWNER, add("theirs")), (AUTHOR, add("mine"))):
        old = str(registry.repo.handle.references[ref].target)
        new = write_commit(registry.repo, parent=old, changes=files, author=who, committer=who, message="more")
        swap(registry.repo, ref, new=new, old=old, message="push")
    queue = queue_of(registry)
    with suppress(UsageError):
        queue.approve(1, OWNER)
    with pytest.raises(Rejected) as refused:
        queue.merge(1, OWNER)
    assert refused.value.exit_code is Exit.REVIEW


def json_digest(raw: bytes) -> str:
    return raw.split(b"digest: ")[1].split(b"\n")[0].decode().strip("'\"")


def test_an_approval_of_an_earlier_head_lands_nothing(registry: Registry) -> None:
    same = model("copy", digest=json_digest(model()))
    proposal = put_forward(registry, forge_of(registry), {path_of("copy"): same})
    queue = queue_of(registry)
    queue.approve(1, OWNER)
    pushed(registry, proposal.branch, add("more"))
    with pytest.raises(Rejected) as refused:
        queue.merge(1, OWNER)
    assert refused.value.exit_code is Exit.REVIEW


def test_an_approval_of_another_rule_lands_nothing(registry: Registry) -> None:
    same = model("copy", digest=json_digest(model()))
    put_forward(registry, forge_of(registry), {path_of("copy"): same})
    queue = queue_of(registry)
    queue.approve(1, OWNER, ("GR-021",))
    with pytest.raises(Rejected):
        queue.merge(1, OWNER)


def test_owners_change_with_a_quorum_of_owners_and_not_by_naming_the_rule(registry: Registry) -> None:
    third = replace(OWNER, name="Example Third", email="third@example.com")
    owners = [AUTHOR.email, OWNER.email, third.email]
    landed(registry, {"namespaces/acme.yaml": namespace("acme", owners=owners)})
    put_forward(registry, forge_of(registry), {"namespaces/acme.yaml": namespace("acme", owners=owners[1:])})
    queue = queue_of(registry)
    guest = replace(OWNER, name="Example Guest", email="guest@example.com")
    queue.approve(1, guest, ("GR-052",))
    with pytest.raises(Rejected) as refused:
        queue.merge(1, OWNER)
    assert refused.value.exit_code is Exit.REVIEW
    queue.approve(1, OWNER)
    queue.merge(1, OWNER)


def test_where_commits_must_be_signed_the_queue_looks(registry: Registry) -> None:
    put_forward(registry, forge_of(registry), add("new"))
    text = content(registry, "registry.yaml") or b""
    demanding, _ = edit_manifest(text, put={"spec.gate.signatures": "required"})
    landed(registry, {"registry.yaml": demanding})
    with pytest.raises(Rejected) as refused:
        queue_of(registry).merge(1, OWNER)
    found = {finding.rule: finding.says for finding in refused.value.findings}
    assert "is not signed by an authorised key" in found["GR-053"]


def test_what_fails_cannot_be_approved_away(registry: Registry) -> None:
    put_forward(registry, forge_of(registry), add("new", dependencies=[{"ref": "acme/absent@^1"}]))
    queue = queue_of(registry)
    for decide in (lambda: queue.approve(1, OWNER), lambda: queue.merge(1, OWNER)):
        with pytest.raises(Rejected) as refused:
            decide()
        assert refused.value.exit_code is Exit.FAULTS


@pytest.mark.parametrize("end", ["merged", "closed"])
def test_what_has_ended_is_not_decided_on_again(registry: Registry, end: str) -> None:
    forge, queue = forge_of(registry), queue_of(registry)
    proposal = put_forward(registry, forge, add("new"))
    _ = queue.merge(1, OWNER) if end == "merged" else forge.close(proposal)
    for decide in (
        lambda: queue.merge(1, OWNER),
        lambda: queue.check(1),
        lambda: queue.approve(1, OWNER),
        lambda: forge.close(proposal),
    ):
        with pytest.raises(ConflictError, match=f"is {end}"):
            decide()


def test_what_was_merged_by_hand_is_merged(tmp_path: Path) -> None:
    registry = founded(tmp_path / "registry", bare=False)
    proposal = put_forward(registry, forge_of(registry), add("new"))
    names = ("-c", "user.name=Example Owner", "-c", "user.email=owner@example.com")
    git(tmp_path / "registry", *names, "merge", "--no-ff", "-m", "By hand", proposal.branch)
    seen = forge_of(registry).get(1)
    assert (seen.state, seen.merge) == ("merged", registry.repo.tip())


# Crashes

CRASHING = """
import os, shutil, signal, sys
from pathlib import Path
template, top, what, every, support = sys.argv[1:]
sys.path.insert(0, support)
from forge_support import *
from gitreg.repository import writing

SORTS = ("_swap", "_store_loose", "_fsync")
steps, last = [], 0

def counted(name, real):
    def call(*words, **named):
        steps.append(name)
        if len(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **named)
    return call

for name in SORTS:
    setattr(writing, name, counted(name, getattr(writing, name)))

def done_in(name):
    registry = Registry.open(shutil.copytree(template, Path(top, name)))
    if what == "propose":
        put_forward(registry, forge_of(registry), {path_of("new"): model("new")}, "Crash")
    else:
        queue_of(registry).merge(1, OWNER)

done_in("whole.git")
whole, steps = steps, []
for name in SORTS:
    for last in [number for number, each in enumerate(whole, start=1) if each == name][:: int(every)]:
        child = os.fork()
        if not child:
            done_in(f"{last}.git")
            os._exit(0)
        print(last, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def crashed(template: Registry, folder: Path, what: str) -> Iterator[tuple[Registry, bool]]:
    """Do something in copies of a registry, first to the end, then in processes killed before steps of each sort.

    Gives each copy, and whether it came to the end there.
    """
    words = [str(template.repo.git_dir), str(folder), what, str(tries(3, 1)), str(Path(__file__).parent)]
    done = subprocess.run([sys.executable, "-c", CRASHING, *words], capture_output=True, text=True, timeout=120)
    ends = dict(line.split() for line in done.stdout.splitlines())
    assert set(ends.values()) == {str(-signal.SIGKILL)}, done.stderr
    for name in ("whole", *ends):
        yield Registry.open(folder / f"{name}.git"), name == "whole"


def test_a_crash_leaves_a_proposal_or_none(registry: Registry, tmp_path: Path) -> None:
    for after, ended in crashed(registry, tmp_path / "copies", "propose"):
        forge = forge_of(after)
        found = forge.proposals()
        assert len(found) <= 1
        assert git(after.repo.git_dir, "fsck", "--strict", "--no-dangling") == ""
        if found:
            assert (found[0].number, found[0].title, found[0].state) == (1, "Crash", "open")
            queue_of(after).merge(1, OWNER)
            assert content(after, path_of("new")) == model("new")
        assert put_forward(after, forge, add("next")).number == len(found) + 1
        assert found or not ended


def test_a_crash_of_a_merge_leaves_it_landed_or_open(registry: Registry, tmp_path: Path) -> None:
    put_forward(registry, forge_of(registry), add("new"))
    for after, ended in crashed(registry, tmp_path / "copies", "merge"):
        seen = forge_of(after).get(1)
        has_landed = content(after, path_of("new")) is not None
        assert seen.state == ("merged" if has_landed else "open")
        assert git(after.repo.git_dir, "fsck", "--strict", "--no-dangling") == ""
        if has_landed:
            assert seen.merge == after.repo.tip()
        else:
            queue_of(after).merge(1, OWNER)
        assert has_landed or not ended


# A remote


@pytest.fixture
def clone(registry: Registry, tmp_path: Path) -> Registry:
    return cloned(registry, tmp_path / "clone")


def cloned(registry: Registry, folder: Path) -> Registry:
    subprocess.run(["git", "clone", "--quiet", str(registry.repo.git_dir), str(folder)], check=True)
    return Registry.open(folder)


def remote_forge(clone: Registry) -> LocalForge:
    return LocalForge(clone.repo, RemoteRefs(clone.repo))


def test_a_clone_proposes_to_where_it_came_from(registry: Registry, clone: Registry, tmp_path: Path) -> None:
    proposal = put_forward(clone, remote_forge(clone), add("new"))
    assert forge_of(registry).get(1) == proposal
    other = cloned(registry, tmp_path / "other")
    assert remote_forge(other).get(1) == proposal
    Queue(other, remote_forge(other)).merge(1, OWNER)
    assert content(Registry.open(registry.repo.git_dir), path_of("new")) == model("new")
    assert remote_forge(clone).get(1).state == "merged"
    assert git(registry.repo.git_dir, "for-each-ref", "refs/heads").count("\n") == 1


def test_clones_at_once_get_numbers_of_their_own(registry: Registry, tmp_path: Path) -> None:
    clones = [cloned(registry, tmp_path / f"clone-{n}") for n in range(3)]

    def one(n: int) -> int:
        return put_forward(clones[n], remote_forge(clones[n]), add(f"model-{n}")).number

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(one, range(3))) == [1, 2, 3]


def test_two_clones_never_land_both_halves_of_a_cycle(registry: Registry, tmp_path: Path) -> None:
    clones = [cloned(registry, tmp_path / f"clone-{n}") for n in range(2)]
    for n, each in enumerate(clones):
        put_forward(each, remote_forge(each), cycle(n))
        Queue(each, remote_forge(each)).check(n + 1)

    def one(n: int) -> str:
        try:
            Queue(clones[n], remote_forge(clones[n])).merge(n + 1, OWNER)
        except Rejected:
            return "rejected"
        return "landed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(one, range(2))) == ["landed", "rejected"]


def test_a_remote_that_is_gone_is_told(registry: Registry, clone: Registry) -> None:
    registry.repo.git_dir.rename(registry.repo.git_dir.with_name("gone.git"))
    with pytest.raises(GitregError, match="cannot be fetched from") as told:
        remote_forge(clone)
    assert told.value.mend


def test_a_remote_that_refuses_is_told(registry: Registry, clone: Registry) -> None:
    hook = registry.repo.git_dir / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no proposals on Fridays >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(GitregError, match="did not take the push") as told:
        put_forward(clone, remote_forge(clone), add("new"))
    assert "pre-receive hook declined" in str(told.value.got)
    assert forge_of(registry).proposals() == []


def test_an_empty_repository_has_nothing_to_propose_to(tmp_path: Path) -> None:
    repo = GitRepository.create(tmp_path / "empty.git", bare=True)
    with pytest.raises(RepositoryError, match="no main branch"):
        LocalForge(repo, OwnRefs(repo)).tip()


def test_a_branch_that_is_there_is_not_taken(registry: Registry) -> None:
    forge = forge_of(registry)
    tip = forge.tip()
    opening_words = {"title": "T", "body": "", "base": tip, "commit": tip, "author": AUTHOR}
    for branch, says in (("main", "already"), ("a..b", "cannot be the name")):
        with pytest.raises(UsageError, match=says):
            forge.propose(Opening(**opening_words, branch=branch))  # type: ignore[arg-type] # the words are of several types
    assert git(registry.repo.git_dir, "for-each-ref", "--format=%(refname)", "refs/heads").split() == [
        "refs/heads/main"
    ]


def test_the_base_has_what_the_tests_mean() -> None:
    assert path_of() in BASE
    assert Signature.parse(str(OWNER), when=OWNER.when) == OWNER
