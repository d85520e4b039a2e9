"""Propose drafts: read, checked against main's tip, committed on a branch of their own, and opened on a forge.

- Errors refuse, and nothing is made. What waits for a human does not: the proposal is where humans decide.
- Main and the work tree stay as they are.
- What stands on main already, and what is proposed already, is not proposed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gitreg.errors import Finding, Rejected, UsageError
from gitreg.forges.forge import Forge, Opening, Proposal, checked_title
from gitreg.forges.queue import Checked, Gate, Queue, gate_of, refusing
from gitreg.forges.rendering import render_body
from gitreg.registry import Draft, Landed, Registry
from gitreg.repository.git import Signature
from gitreg.repository.writing import tree_with, write_commit
from gitreg.validation import Circumstances


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of drafts: their proposal, None where all of it stands on main; what each would do; the check."""

    proposal: Proposal | None
    records: tuple[Landed, ...]
    checked: Checked | None = None
    is_new: bool = True

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the gate found that does not stand in the way of proposing."""
        return self.checked.findings if self.checked else ()


def propose(
    registry: Registry,
    forge: Forge,
    drafts: Sequence[Draft],
    *,
    title: str,
    body: str = "",
    branch: str | None = None,
    author: Signature | None = None,
    when: datetime | None = None,
    gate: Gate | None = None,
) -> Proposed:
    """Open a proposal that puts drafts into the registry; `Rejected` carries every finding that refuses it."""
    if not drafts:
        raise UsageError("there is nothing to propose", mend="name at least one file")
    title = checked_title(title)
    who = registry.signature(author, when)
    base = forge.tip()
    files, records = registry.drafted(drafts, base)
    if not files:
        return Proposed(None, records, is_new=False)
    known = _already_proposed(registry, forge, tree_with(registry.repo, base, files))
    if known is not None:
        return Proposed(known, records, is_new=False)
    message = f"{title}\n\n{body.strip()}".strip() + "\n"
    commit = write_commit(registry.repo, parent=base, changes=files, author=who, committer=who, message=message)
    judge = gate or gate_of(registry)
    circumstances = Circumstances(author=str(who))
    verdict = judge(base, commit, circumstances)
    origins = {record.path: draft.origin for record, draft in zip(records, drafts, strict=True)}
    errors = refusing(verdict.findings)
    if errors:
        raise _rejected([finding.at(path=origins.get(finding.path or "")) for finding in errors], len(drafts))
    text = render_body(body, records, verdict.findings)
    proposal = forge.propose(Opening(title, text, base, commit, who, branch))
    queue = Queue(registry, forge, gate=judge)
    if proposal.head == commit:
        checked = queue.keep(proposal, base, verdict, circumstances)
    else:  # the forge made a commit of its own of the same files
        checked = queue.check(proposal.number)
    return Proposed(forge.get(proposal.number), records, checked)


def _already_proposed(registry: Registry, forge: Forge, tree: str) -> Proposal | None:
    """Find an open proposal of just this: whoever retries must not propose twice."""
    for proposal in forge.proposals("open"):
        known = registry.repo.handle.get(proposal.head)
        if known is not None and registry.repo.commit(proposal.head).tree == tree:
            return forge.get(proposal.number)
    return None


def _rejected(errors: Sequence[Finding], count: int) -> Rejected:
    files = f"{count} file{'s' * (count != 1)}"
    said = f"nothing was proposed ({files}): {len(errors)} error{'s' * (len(errors) != 1)}"
    return Rejected(said, errors, mend="mend them, and propose again")
