"""The merge queue: what lands was checked against exactly what it lands on.

- A check is bound to (base, head, tree). Where main has not moved since, or moved only by what the check never looked
  at, it still stands and the proposal lands at once; else the gate is asked again, on the new tip.
- Main moves by compare and swap from the commit that was looked at. Whoever comes second sees main moved and starts
  over: two changes that are each fine but not together never both land.
- What a human must decide is decided by an approval of this very head, by somebody else than whoever wrote it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib import metadata
from typing import Final, Protocol

from gitreg.errors import ConflictError, Exit, Finding, Rejected, Severity
from gitreg.forges.checks import KeptCheck, KeptChecks, bound_to
from gitreg.forges.forge import Approval, Check, Forge, ForgeError, HeadMoved, Landing, Merged, Outcome, Proposal
from gitreg.registry import Registry, timestamp
from gitreg.repository.git import Entry, GitRepository, Signature, explained
from gitreg.repository.snapshot import Footprint, Snapshot
from gitreg.repository.writing import RefMoved, tree_with
from gitreg.validation import Change, Circumstances, Signing, landing, validate

ATTEMPTS: Final = 50
BY_WHO: Final = frozenset({"GR-050", "GR-052"})
"""Rules that ask who stands behind a change: it is enough, and needed, that the right people approve. A change that
lacks them is proposed all the same, and waits; nobody decides these rules by naming them."""
SIGNINGS: Final = "gitreg.signings"
Landable = Mapping[str, bytes | Entry | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a head on a base."""

    findings: tuple[Finding, ...]
    footprint: Footprint


class Gate(Protocol):
    """Whoever judges a change: `head` as it would land on `base`."""

    def __call__(self, base: str, head: str, circumstances: Circumstances) -> Verdict:
        """Judge."""
        ...


def refusing(findings: Iterable[Finding]) -> list[Finding]:
    """Give the errors that no approval mends."""
    return [f for f in findings if f.severity is Severity.ERROR and not f.waived and f.rule not in BY_WHO]


def gate_of(registry: Registry) -> Gate:
    """Give the gate of a registry."""
    memory = registry.snapshot().memory

    def judge(base: str, head: str, circumstances: Circumstances) -> Verdict:
        change = Change.between(registry.repo, base, head, circumstances, memory)
        if change.gate.signatures != "off":
            signings = _signings(registry.repo, change.law, base, head)
            change = replace(change, circumstances=replace(circumstances, signings=signings))
        report = validate(change)
        return Verdict(report.findings, report.footprint)

    return judge


def _signings(repo: GitRepository, law: Snapshot, base: str, head: str) -> tuple[Signing, ...] | None:
    """Ask who signed the commits of a change; None where nothing that can tell is installed: then the gate refuses."""
    walker = repo.handle.walk(head)
    walker.hide(base)
    commits = [repo.commit(str(found.id)) for found in walker]
    for entry in metadata.entry_points(group=SIGNINGS):
        return tuple(entry.load()(repo, law, commits))
    return None


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal as the gate sees it now: on which tip, to which tree, with which findings; `waits` for a human."""

    proposal: Proposal
    base: str
    tree: str | None
    outcome: Outcome
    findings: tuple[Finding, ...]
    waits: tuple[str, ...]
    is_kept: bool = False
    """Whether an earlier check stood, and the gate was not asked."""

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that stand in the way: errors first, then what waits for a human."""
        waiting = [f for f in self.findings if f.rule in self.waits and f.severity is not Severity.WARNING]
        return (*refusing(self.findings), *(f for f in waiting if not f.waived))

    def as_check(self) -> Check:
        """Give what is kept with the proposal."""
        errors = len(refusing(self.findings))
        now = timestamp(datetime.now(UTC))
        return Check(self.base, self.proposal.head, self.tree, self.outcome, errors, self.waits, now)


@dataclass(frozen=True, slots=True)
class Landed:
    """A proposal that has landed. `is_fast`: by a check that still stood."""

    proposal: Proposal
    merged: Merged
    is_fast: bool


class Queue:
    """Checks the proposals of a forge, and lands them one after the other."""

    def __init__(
        self,
        registry: Registry,
        forge: Forge,
        *,
        gate: Gate | None = None,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._repo: GitRepository = registry.repo
        self._forge = forge
        self._gate = gate or gate_of(registry)
        self._today = today
        self._kept = KeptChecks(registry.repo)

    def check(self, number: int) -> Checked:
        """Ask the gate about a proposal as it would land now, and keep what it says."""
        proposal = self._open(number)
        checked = self._judged(proposal, self._forge.tip())
        self._conclude(checked)
        return checked

    def keep(self, proposal: Proposal, base: str, verdict: Verdict, circumstances: Circumstances) -> Checked:
        """Keep what the gate said of a proposal just before it was opened."""
        checked = self._kept_as(proposal, base, verdict, circumstances, ())
        self._mention(checked)
        return checked

    def approve(self, number: int, who: Signature | None, rules: Sequence[str] | None = None) -> Proposal:
        """Approve a proposal's head: the rules that are named, else whatever waits for a human now.

        `Rejected` where something else than a human's decision stands in the way.
        """
        proposal = self._open(number)
        if rules is None:
            checked = self._judged(proposal, self._forge.tip())
            if refusing(checked.findings):
                raise _refused(checked, "cannot be approved")
            rules = sorted(_reviews(checked.findings) - BY_WHO)
        return self._forge.approve(proposal, who, rules)

    def merge(self, number: int, by: Signature) -> Landed:
        """Land a proposal; `Rejected` where the gate or a missing approval stands in the way."""
        for n in range(ATTEMPTS):
            if n:
                time.sleep(random.uniform(0.001, min(0.002 * 2**n, 0.5)))  # noqa: S311 - keeps writers from meeting again
            proposal = self._open(number)
            onto = self._forge.tip()
            checked = self._standing(proposal, onto) or self._judged(proposal, onto)
            if checked.outcome != "pass":
                self._mention(checked)
                raise _refused(checked, "was not merged")
            with suppress(RefMoved):
                return self._land(checked, by)
        raise ConflictError(
            f"main moved {ATTEMPTS} times while this was being landed",
            where=self._forge.place,
            mend="try again when there is less going on",
        )

    def _open(self, number: int) -> Proposal:
        proposal = self._forge.get(number)
        if proposal.state != "open":
            raise ConflictError(
                f"proposal {number} is {proposal.state}",
                where=self._forge.place,
                got=proposal.state,
                expected="open",
                mend="`gitreg proposals list` shows what is open",
            )
        return proposal

    def _land(self, checked: Checked, by: Signature) -> Landed:
        proposal, onto = checked.proposal, checked.base
        changes, _ = self._changes(onto, proposal.head)
        approvals = self._approvals(proposal)
        order = Landing(
            onto=onto,
            head=proposal.head,
            changes=changes,
            tree=tree_with(self._repo, onto, changes),
            message=_message(proposal, approvals),
            by=replace(by, when=datetime.now(UTC)),
        )
        merged = self._forge.merge(proposal, order)
        self._kept.forget(proposal.head)
        landed = replace(proposal, state="merged", merge=merged.commit)
        return Landed(landed, merged, checked.is_kept)

    def _standing(self, proposal: Proposal, onto: str) -> Checked | None:
        """Give the check that was made before, where it still stands on this tip."""
        kept = self._kept.find(proposal.head)
        if kept is None:
            return None
        approvals = self._approvals(proposal)
        circumstances = self._circumstances(proposal, approvals)
        if not kept.stands(self._repo, onto, bound_to(circumstances, approvals)):
            return None
        changes, conflicts = self._changes(onto, proposal.head)
        tree = tree_with(self._repo, onto, changes)
        if conflicts or (kept.base == onto and kept.tree != tree):
            return None
        return Checked(proposal, onto, tree, "pass", (), (), is_kept=True)

    def _judged(self, proposal: Proposal, onto: str) -> Checked:
        approvals = self._approvals(proposal)
        circumstances = self._circumstances(proposal, approvals)
        verdict = self._gate(onto, proposal.head, circumstances)
        return self._kept_as(proposal, onto, verdict, circumstances, approvals)

    def _kept_as(
        self,
        proposal: Proposal,
        onto: str,
        verdict: Verdict,
        circumstances: Circumstances,
        approvals: Sequence[Approval],
    ) -> Checked:
        owed = {f.rule for f in verdict.findings if f.severity is Severity.ERROR and not f.waived} & BY_WHO
        waits = owed | _reviews(verdict.findings) - set(circumstances.approved)
        if any(approval.rules is None for approval in approvals):  # on GitHub one approves by a click
            waits &= BY_WHO
        outcome: Outcome = "fail" if refusing(verdict.findings) else "review" if waits else "pass"
        changes, conflicts = self._changes(onto, proposal.head)
        tree = None if conflicts else tree_with(self._repo, onto, changes)
        if outcome == "pass" and tree is not None:
            bound = bound_to(circumstances, approvals)
            self._kept.keep(KeptCheck(onto, proposal.head, tree, bound, verdict.footprint))
        return Checked(proposal, onto, tree, outcome, verdict.findings, tuple(sorted(waits)))

    def _conclude(self, checked: Checked) -> None:
        """Keep a conclusion with the proposal; one that moved meanwhile has nothing to keep it with."""
        with suppress(HeadMoved):
            self._forge.conclude(checked.proposal, checked.as_check())

    def _mention(self, checked: Checked) -> None:
        """Keep a conclusion where that can be done: what matters is told to whoever asked."""
        with suppress(ForgeError):
            self._conclude(checked)

    def _changes(self, onto: str, head: str) -> tuple[Landable, tuple[str, ...]]:
        entries, conflicts, texts = landing(self._repo, onto, head)
        return {**entries, **texts}, conflicts

    def _approvals(self, proposal: Proposal) -> tuple[Approval, ...]:
        """Give the approvals by people who wrote none of the proposal's commits."""
        return proposal.standing_approvals(*self._authors(proposal.head))

    def _authors(self, head: str) -> Iterator[str]:
        with explained("the commits of the proposal cannot be read", where=self._repo.git_dir):
            walker = self._repo.handle.walk(head)
            tip = self._repo.tip()
            if tip is not None and tip != head:
                walker.hide(tip)
            commits = [str(commit.id) for commit in walker]
        yield from (str(self._repo.commit(oid).author) for oid in commits or [head])

    def _circumstances(self, proposal: Proposal, approvals: Sequence[Approval]) -> Circumstances:
        rules = {rule for approval in approvals for rule in approval.rules or ()}
        return Circumstances(
            today=self._today(),
            author=proposal.author,
            approvers=tuple(approval.by for approval in approvals),
            approved=tuple(sorted(rules - BY_WHO)),
        )


def _reviews(findings: Iterable[Finding]) -> set[str]:
    """Give the rules that want a human to decide."""
    return {f.rule for f in findings if f.severity is Severity.REVIEW and not f.waived}


def _refused(checked: Checked, what: str) -> Rejected:
    blocking = checked.blocking
    number = checked.proposal.number
    if checked.outcome == "fail":
        errors = sum(finding.severity is Severity.ERROR for finding in blocking)
        said = f"proposal {number} {what}: {errors} error{'s' * (errors != 1)} on main as it is now"
        return Rejected(said, blocking, mend="mend them on the proposal's branch, and try again")
    waits = " and ".join(checked.waits)
    said = f"proposal {number} {what}: {waits} must be decided by somebody else than its author"
    waiting = Rejected(said, blocking, mend=f"have somebody run `gitreg proposals approve {number}`")
    waiting.exit_code = Exit.REVIEW  # also where it is an error that only an owner's approval is missing
    return waiting


def _message(proposal: Proposal, approvals: Sequence[Approval]) -> str:
    decided = sorted({rule for approval in approvals for rule in approval.rules or ()} - BY_WHO)
    trailers = [f"Gitreg-Proposal: {proposal.number}"]
    trailers += [f"Gitreg-Approved: {rule}" for rule in decided]
    trailers += [f"Reviewed-by: {approval.by}" for approval in approvals]
    return f"Merge proposal {proposal.number}: {proposal.title}\n\n" + "\n".join(trailers) + "\n"
