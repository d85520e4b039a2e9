"""What a forge is: it keeps proposals, and lands the one that the queue has decided on.

- A proposal is a branch on top of main with a title, and it has a number that is never used again.
- An approval is for one head: it is void once the head moves.
- A forge decides nothing. Whether a proposal may land is for the queue, which asks the gate; the forge only promises
  that main moves from exactly the commit that the queue looked at, or not at all (`RefMoved`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol

from gitreg.errors import ConflictError, GitregError, NotFoundError, UsageError
from gitreg.repository.git import Entry, Signature

State = Literal["open", "merged", "closed"]
STATES: Final[tuple[State, ...]] = ("open", "merged", "closed")
Outcome = Literal["pass", "fail", "review"]
MARKER: Final = "gitreg"
LONGEST_TITLE: Final = 200
_EMAIL: Final = re.compile(r"<([^<>]*)>\s*$")


class ForgeError(GitregError):
    """The forge, or the way to it, did not do what was asked."""

    code = "forge"


class HeadMoved(ConflictError):  # noqa: N818 - it is what happened
    """The proposal was changed while it was being decided on."""

    code = "head-moved"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved which head. `rules` are those whose human decision it is; None: whatever waits for one."""

    by: str
    head: str
    at: str
    rules: tuple[str, ...] | None = None

    def with_more(self, earlier: Approval | None) -> Approval:
        """Give it with the rules of an earlier one by the same person."""
        if earlier is None or self.rules is None:
            return self
        rules = None if earlier.rules is None else tuple(dict.fromkeys((*earlier.rules, *self.rules)))
        return replace(self, rules=rules)

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {"by": self.by, "head": self.head, "at": self.at, "rules": None if self.rules is None else [*self.rules]}


@dataclass(frozen=True, slots=True)
class Check:
    """What the gate said of a head on a base, for people; `tree` is what would stand on main."""

    base: str
    head: str
    tree: str | None
    outcome: Outcome
    errors: int
    waits: tuple[str, ...]
    """The rules that wait for a human."""
    at: str

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "base": self.base,
            "head": self.head,
            "tree": self.tree,
            "outcome": self.outcome,
            "errors": self.errors,
            "waits": [*self.waits],
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits. Times are RFC 3339; `merge` is the commit by which it landed, where that is known."""

    number: int
    title: str
    body: str
    author: str
    branch: str
    base: str
    head: str
    state: State
    created_at: str
    updated_at: str
    url: str | None = None
    approvals: tuple[Approval, ...] = ()
    check: Check | None = None
    merge: str | None = None

    def standing_approvals(self, *also_not_by: str) -> tuple[Approval, ...]:
        """Give the approvals that count: of this head, by others than its author; one a person, with all its rules."""
        mine = {identity_of(who) for who in (self.author, *also_not_by)}
        found: dict[str, Approval] = {}
        for each in self.approvals:
            who = identity_of(each.by)
            if each.head == self.head and who not in mine:
                found[who] = each.with_more(found.get(who))
        return tuple(found.values())

    def as_row(self) -> dict[str, Any]:
        """Give what a list tells of it as JSON data."""
        return {
            "number": self.number,
            "title": self.title,
            "author": self.author,
            "branch": self.branch,
            "base": self.base,
            "head": self.head,
            "state": self.state,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "url": self.url,
        }

    def as_data(self) -> dict[str, Any]:
        """Give all of it as JSON data."""
        return {
            **self.as_row(),
            "body": self.body,
            "approvals": [{**each.as_data(), "void": each.head != self.head} for each in self.approvals],
            "check": self.check.as_data() if self.check else None,
            "merge": self.merge,
        }


@dataclass(frozen=True, slots=True)
class Opening:
    """A proposal to be opened: `commit`, which is in the repository, stands on `base`, which is main's tip."""

    title: str
    body: str
    base: str
    commit: str
    author: Signature
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Landing:
    """A merge to be made: what `head` does to `onto`, main's tip, by path, and the tree that has to come of it."""

    onto: str
    head: str
    changes: Mapping[str, bytes | Entry | None]
    tree: str
    message: str
    by: Signature


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a merge. `left` names work-tree files with uncommitted edits, which were not touched."""

    commit: str
    left: tuple[str, ...] = field(default=())


class Forge(Protocol):
    """Where proposals are kept. Every method may raise `ForgeError`; an unknown number is `NotFoundError`."""

    @property
    def place(self) -> str:
        """Say where it is, for people."""
        ...

    def tip(self) -> str:
        """Bring main's tip into the repository, and give it."""
        ...

    def propose(self, opening: Opening) -> Proposal:
        """Open a proposal: it is there whole, or not at all."""
        ...

    def proposals(self, state: State | None = None) -> Sequence[Proposal]:
        """List the proposals, the newest first; of one state, or all."""
        ...

    def get(self, number: int) -> Proposal:
        """Give a proposal, and bring its head into the repository."""
        ...

    def approve(self, proposal: Proposal, who: Signature | None, rules: Sequence[str]) -> Proposal:
        """Record that somebody approves this head and decides these rules; without a name, whoever is at work.

        `HeadMoved` where the head is another by now.
        """
        ...

    def conclude(self, proposal: Proposal, check: Check) -> None:
        """Keep with a proposal what a check of it said."""
        ...

    def comment(self, proposal: Proposal, marker: str, body: str) -> None:
        """Write the one comment that carries the marker, or write it anew."""
        ...

    def close(self, proposal: Proposal) -> Proposal:
        """Close a proposal without landing it."""
        ...

    def merge(self, proposal: Proposal, landing: Landing) -> Merged:
        """Land: one commit whose parents are main's tip and the head; `RefMoved` where main stands elsewhere."""
        ...


def identity_of(who: str) -> str:
    """Give what tells people apart: the email of a signature, else the whole text; in one case."""
    found = _EMAIL.search(who)
    return (found[1] if found else who).strip().casefold()


def no_such_proposal(number: int, place: str) -> NotFoundError:
    """Say that a number names nothing."""
    return NotFoundError(
        f"there is no proposal {number}",
        where=place,
        got=str(number),
        mend="`gitreg proposals list --state all` shows what there is",
    )


def checked_title(title: str) -> str:
    """Give a title back when it is one line of text; `UsageError` otherwise."""
    plain = title.strip()
    if not plain or not plain.isprintable() or len(plain) > LONGEST_TITLE:
        raise UsageError(
            "the title of a proposal is one line of text",
            got=repr(title[: LONGEST_TITLE + 20]),
            expected=f"1 to {LONGEST_TITLE} printable characters",
            mend='give one with --title, such as --title "Add acme/chat 1.0.0"',
        )
    return plain


def slug_of(title: str) -> str:
    """Give a title as part of a branch's name."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return words[:40].strip("-") or "change"
