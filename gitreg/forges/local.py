"""A forge that is nothing but a Git repository: this one, or the remote that it was cloned from.

- A proposal is a note, `refs/gitreg/proposals/<n>`, and a branch, `refs/heads/proposals/<n>-<title>`. The note is a
  chain of commits, one an event, each holding `proposal.json` whole; heads are further parents of it, so nothing that
  was proposed or approved is ever swept away.
- The note alone decides. It appears, and changes, by one compare and swap, so a crash leaves a proposal or none, and
  two writers get two numbers. A branch that a crash kept from being made is made by the next event.
- Whoever pushes to the branch moves the head. A proposal whose head main contains is merged, whoever merged it.
- Names here are claims: whoever may write to the repository may write any of them. A hook, or GitHub, can know people.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import pygit2

from gitreg.errors import ConflictError, GitregError, RepositoryError, UsageError
from gitreg.forges.forge import (
    Approval,
    Check,
    HeadMoved,
    Landing,
    Merged,
    Opening,
    Proposal,
    State,
    identity_of,
    no_such_proposal,
    slug_of,
)
from gitreg.forges.refs import BRANCHES, NOTES, Move, Refs
from gitreg.registry import timestamp
from gitreg.repository.git import GitRepository, Signature, explained
from gitreg.repository.writing import RefMoved, write_commit, write_merge

NOTE: Final = "proposal.json"
FORMAT: Final = 1
ATTEMPTS: Final = 100
_MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_COMMITS: Final = 100_000
_NUMBER: Final = re.compile(r"([1-9][0-9]{0,8})(?:-.*)?")

Event = Callable[[dict[str, Any]], dict[str, Any]]


class LocalForge:
    """Proposals kept in a Git repository."""

    def __init__(
        self, repo: GitRepository, refs: Refs, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._repo = repo
        self._refs = refs
        self._now = now
        refs.refresh()

    @property
    def place(self) -> str:
        """Say where it is."""
        return self._refs.place

    def tip(self) -> str:
        """Give main's tip."""
        self._refs.refresh()
        found = self._refs.get(self._repo.branch)
        if found is None:
            raise RepositoryError(
                "there is no main branch to propose to",
                where=f"{self.place}: {self._repo.branch}",
                mend="run `gitreg init`, or push a registry there first",
            )
        return found

    def propose(self, opening: Opening) -> Proposal:
        """Open a proposal under the next number; where somebody takes that first, under the one after."""
        if opening.branch is not None:
            self._refuse_taken(opening.branch)
        for _ in _attempts():
            number = self._next_number()
            branch = opening.branch or f"proposals/{number}-{slug_of(opening.title)}"
            data = _opened(opening, number, branch, timestamp(self._now()))
            note = self._written(data, None, (opening.commit,), opening.author, f"Open proposal {number}")
            moves = Move(f"{NOTES}{number}", None, note), Move(f"refs/heads/{branch}", None, opening.commit)
            try:
                self._refs.swap(*moves, message=f"gitreg: open proposal {number}")
            except RefMoved:
                self._refs.refresh()
                continue
            return self.get(number)
        raise _worn_out(self.place)

    def proposals(self, state: State | None = None) -> Sequence[Proposal]:
        """List the proposals, the newest first; a note that cannot be read is left out, `get` says why."""
        self._refs.refresh()
        found = []
        for ref in self._refs.below(NOTES):
            number = _number_of(ref.removeprefix(NOTES))
            if number is not None and ref == f"{NOTES}{number}":
                with suppress(GitregError):
                    found.append(self._seen(number, self._read(number)[1]))
        chosen = [each for each in found if state in (None, each.state)]
        return sorted(chosen, key=lambda each: -each.number)

    def get(self, number: int) -> Proposal:
        """Give a proposal."""
        self._refs.refresh()
        return self._seen(number, self._read(number)[1])

    def approve(self, proposal: Proposal, who: Signature | None, rules: Sequence[str]) -> Proposal:
        """Record an approval of this head."""
        by = who or self._repo.identity()
        if by is None:
            raise UsageError(
                "who approves is not known",
                mend='give --as "Name <email>", or run `git config --global user.name` and `user.email`',
            )
        if identity_of(str(by)) == identity_of(proposal.author):
            raise UsageError(
                f"proposal {proposal.number} cannot be approved by its author",
                got=str(by),
                expected="somebody else",
                mend="ask somebody else to run this",
            )
        approval = Approval(str(by), proposal.head, timestamp(self._now()), tuple(rules))

        def event(data: dict[str, Any]) -> dict[str, Any]:
            return {**data, "approvals": [*data["approvals"], approval.as_data()]}

        said = f"Approve proposal {proposal.number} at {proposal.head}"
        self._record(proposal, event, said, by)
        return self.get(proposal.number)

    def conclude(self, proposal: Proposal, check: Check) -> None:
        """Keep what a check said; the same again is no event."""

        def event(data: dict[str, Any]) -> dict[str, Any]:
            said = check.as_data()
            is_same = data["check"] is not None and {**data["check"], "at": ""} == {**said, "at": ""}
            return data if is_same else {**data, "check": said}

        said = f"Check proposal {proposal.number}: {check.outcome}\n\nBase: {check.base}\nHead: {check.head}"
        self._record(proposal, event, said, None)

    def comment(self, proposal: Proposal, marker: str, body: str) -> None:
        """Write the comment that carries the marker."""

        def event(data: dict[str, Any]) -> dict[str, Any]:
            return {**data, "comments": {**data["comments"], marker: body}}

        self._record(proposal, event, f"Comment on proposal {proposal.number}", None)

    def close(self, proposal: Proposal) -> Proposal:
        """Close a proposal; its branch goes, its note and its commits stay."""
        self._record(proposal, _ended("closed", None), f"Close proposal {proposal.number}", None, drops_branch=True)
        return self.get(proposal.number)

    def merge(self, proposal: Proposal, landing: Landing) -> Merged:
        """Land a proposal: main moves first, and decides."""
        note, data = self._read(proposal.number)
        self._refuse_moved(proposal, data)
        commit = write_merge(
            self._repo,
            onto=landing.onto,
            head=landing.head,
            changes=landing.changes,
            author=landing.by,
            committer=landing.by,
            message=landing.message,
        )
        ended = {**_ended("merged", commit)(data), "head": landing.head, "updatedAt": timestamp(self._now())}
        said = f"Merge proposal {proposal.number} as {commit}"
        new = self._written(ended, note, _other_head(data, landing.head), landing.by, said)
        left = self._refs.swap(
            Move(self._repo.branch, landing.onto, commit),
            Move(f"{NOTES}{proposal.number}", note, new),
            *self._dropping(proposal.branch, landing.head),
            message=f"gitreg: {landing.message.splitlines()[0]}",
        )
        return Merged(commit, left)

    # Notes

    def _record(
        self, proposal: Proposal, event: Event, says: str, who: Signature | None, *, drops_branch: bool = False
    ) -> None:
        """Write an event on the note of a proposal, on top of those that others wrote meanwhile."""
        by = who or self._repo.identity() or Signature("gitreg", "gitreg@localhost", self._now())
        for _ in _attempts():
            note, data = self._read(proposal.number)
            self._refuse_moved(proposal, data)
            changed = {**event(data), "head": proposal.head}
            if changed == data:
                return
            changed["updatedAt"] = timestamp(self._now())
            new = self._written(changed, note, _other_head(data, proposal.head), by, says)
            follows = self._dropping(proposal.branch, proposal.head) if drops_branch else self._healing(proposal)
            try:
                self._refs.swap(Move(f"{NOTES}{proposal.number}", note, new), *follows, message=f"gitreg: {says}")
            except RefMoved:
                self._refs.refresh()
            else:
                return
        raise _worn_out(self.place)

    def _dropping(self, branch: str, head: str) -> tuple[Move, ...]:
        ref = f"refs/heads/{branch}"
        return (Move(ref, head, None),) if self._refs.get(ref) == head and ref != self._repo.branch else ()

    def _healing(self, proposal: Proposal) -> tuple[Move, ...]:
        """Make the branch that a crash kept from being made."""
        ref = f"refs/heads/{proposal.branch}"
        is_absent = proposal.state == "open" and self._refs.get(ref) is None
        return (Move(ref, None, proposal.head),) if is_absent else ()

    def _written(
        self, data: dict[str, Any], parent: str | None, heads: Sequence[str], who: Signature, says: str
    ) -> str:
        raw = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        by = replace(who, when=self._now())
        return write_commit(
            self._repo, parent=parent, changes={NOTE: raw}, author=by, committer=by, message=says, merged=heads
        )

    def _read(self, number: int) -> tuple[str, dict[str, Any]]:
        """Read a note: its commit, and what it says."""
        ref = f"{NOTES}{number}"
        note = self._refs.get(ref)
        if note is None:
            raise no_such_proposal(number, self.place)
        entry = self._repo.entry(note, NOTE)
        try:
            raw = self._repo.read_blob(entry.oid, limit=_MOST_BYTES) if entry else b"nothing"
            return note, _checked(orjson.loads(raw), number)
        except (ValueError, KeyError, TypeError) as error:
            raise RepositoryError(
                f"the note of proposal {number} cannot be read",
                where=f"{self.place}: {ref}: {NOTE}",
                got=str(error) or type(error).__name__,
                mend=f"`git log {ref}` shows who wrote it; move the ref back to the last commit that is sound",
            ) from error

    def _seen(self, number: int, data: Mapping[str, Any]) -> Proposal:
        """Give a proposal as it is now: its branch may have moved, and main may contain it."""
        recorded: Proposal = _proposal(number, data)
        if recorded.state != "open":
            return recorded
        branch = self._refs.get(f"refs/heads/{recorded.branch}")
        seen = replace(recorded, head=branch or recorded.head)
        if seen.head != recorded.head:
            moved = timestamp(self._repo.commit(seen.head).committer.when)
            seen = replace(seen, updated_at=max(recorded.updated_at, moved))
        tip = self._refs.get(self._repo.branch)
        if tip is None or not self._contains(tip, seen.head):
            return seen
        return replace(seen, state="merged", merge=self._merge_of(tip, seen))

    def _contains(self, tip: str, head: str) -> bool:
        with explained("the history cannot be followed", where=self._repo.git_dir):
            return tip == head or bool(self._repo.handle.descendant_of(tip, head))

    def _merge_of(self, tip: str, proposal: Proposal) -> str | None:
        """Find the commit of main that brought a head in."""
        at: str | None = tip
        for _ in range(_MOST_COMMITS):
            if at is None or at == proposal.base:
                return None
            parents = self._repo.commit(at).parents
            if at == proposal.head or proposal.head in parents[1:]:
                return at
            at = parents[0] if parents else None
        return None

    def _refuse_moved(self, proposal: Proposal, data: Mapping[str, Any]) -> None:
        now = self._seen(proposal.number, data)
        if now.state != "open":
            raise ConflictError(
                f"proposal {proposal.number} is {now.state}",
                where=self.place,
                got=now.state,
                expected="open",
                mend=f"`gitreg proposals show {proposal.number}` says how it ended",
            )
        if now.head != proposal.head:
            raise HeadMoved(
                f"proposal {proposal.number} was changed meanwhile",
                where=f"{self.place}: {proposal.branch}",
                got=now.head,
                expected=proposal.head,
                mend="look at what it is now, and decide again",
            )

    def _refuse_taken(self, branch: str) -> None:
        ref = f"refs/heads/{branch}"
        if not pygit2.reference_is_valid_name(ref):
            raise UsageError(
                f"{branch!r} cannot be the name of a branch", got=repr(branch), mend="choose one such as `add-chat-2`"
            )
        self._refs.refresh()
        if ref == self._repo.branch or self._refs.get(ref) is not None:
            raise UsageError(
                f"there is a branch {branch!r} already",
                where=self.place,
                got=branch,
                mend="choose another name with --branch, or leave it out",
            )

    def _next_number(self) -> int:
        taken = [ref.removeprefix(NOTES) for ref in self._refs.below(NOTES)]
        taken += [ref.removeprefix(BRANCHES) for ref in self._refs.below(BRANCHES)]
        return 1 + max((_number_of(name) or 0 for name in taken), default=0)


def _opened(opening: Opening, number: int, branch: str, now: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "number": number,
        "title": opening.title,
        "body": opening.body,
        "author": str(opening.author),
        "branch": branch,
        "base": opening.base,
        "head": opening.commit,
        "state": "open",
        "createdAt": now,
        "updatedAt": now,
        "approvals": [],
        "check": None,
        "comments": {},
        "merge": None,
    }


def _ended(state: State, merge: str | None) -> Event:
    return lambda data: {**data, "state": state, "merge": merge}


def _other_head(data: Mapping[str, Any], head: str) -> tuple[str, ...]:
    """Give the head as a further parent where the note does not hold it yet."""
    return () if data["head"] == head else (head,)


def _checked(data: Any, number: int) -> dict[str, Any]:
    """Give a note's data back when a proposal can be made of it."""
    if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("number") != number:
        raise ValueError(f"it is not the note of proposal {number} in format {FORMAT}")
    if data["state"] not in ("open", "merged", "closed") or not isinstance(data["comments"], dict):
        raise ValueError(f"its state is {data['state']!r}")
    if not pygit2.reference_is_valid_name(f"refs/heads/{data['branch']}"):
        raise ValueError(f"{data['branch']!r} cannot be the name of a branch")
    _proposal(number, data)
    return data


def _proposal(number: int, data: Mapping[str, Any]) -> Proposal:
    check = data["check"]
    return Proposal(
        number=number,
        title=_text(data["title"]),
        body=_text(data["body"]),
        author=_text(data["author"]),
        branch=_text(data["branch"]),
        base=_text(data["base"]),
        head=_text(data["head"]),
        state=data["state"],
        created_at=_text(data["createdAt"]),
        updated_at=_text(data["updatedAt"]),
        approvals=tuple(
            Approval(_text(a["by"]), _text(a["head"]), _text(a["at"]), tuple(map(_text, a["rules"])))
            for a in data["approvals"]
        ),
        check=Check(**{**check, "waits": tuple(check["waits"])}) if check else None,
        merge=data["merge"],
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _number_of(name: str) -> int | None:
    found = _NUMBER.fullmatch(name)
    return int(found[1]) if found else None


def _attempts() -> Iterator[int]:
    """Count the tries; between two of them wait a little, at random."""
    for n in range(ATTEMPTS):
        if n:
            time.sleep(random.uniform(0.001, min(0.002 * 2**n, 0.2)))  # noqa: S311 - keeps writers from meeting again
        yield n


def _worn_out(place: str) -> ConflictError:
    return ConflictError(
        f"others wrote first, {ATTEMPTS} times", where=place, mend="try again; see who else is at work there"
    )
