"""What is under test: the state before, the state after, and the circumstances that files do not tell.

- The head is always the base with something put over it: what would stand on main if the change landed. Where main went
  on since the change was made, that is the three-way merge of the two.
- The clock, the author and the approvers are values here; whoever validates says what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property

import pygit2
from pygit2.enums import FileMode

from gitreg.errors import RepositoryError
from gitreg.kinds import Manifest
from gitreg.kinds.registry import GateSettings, Limits
from gitreg.repository.git import Entry, EntryChange, GitRepository
from gitreg.repository.snapshot import (
    REGISTRY_PATH,
    Footprint,
    Memory,
    Overlay,
    RecordChange,
    Snapshot,
    changes_between,
    entries_between,
)


def today() -> date:
    """Read the clock: today in UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Signing:
    """How a commit of the change is signed: by an authorised key (`key` names it), or why not."""

    commit: str
    key: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a change is judged by beside its files.

    `author` and `approvers` are identities as owners are written (`name@example.com`, `@acme/nlp`, `svc:ci`) or whole
    signatures (`Name <name@example.com>`). `approved` are codes of rules whose human decision was taken. `signings` is
    None where nobody looked. `descends` is False where the head is to become main's tip and leaves out what main had.
    """

    today: date = field(default_factory=today)
    author: str | None = None
    approvers: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    is_bulk: bool = False
    signings: tuple[Signing, ...] | None = None
    descends: bool = True


@dataclass(frozen=True)
class Subject:
    """A record in a state of the registry: what a rule on states looks at."""

    path: str
    manifest: Manifest
    state: Snapshot
    change: Change
    is_new: bool
    """Whether nothing that can be read stood here in the base."""
    before: Manifest | None = None

    @cached_property
    def raw(self) -> bytes:
        """The record's text."""
        found = self.state.read(self.path)
        return found[1] if found else b""

    @property
    def ref(self) -> str:
        """The record's ref."""
        return self.manifest.address.ref

    @property
    def today(self) -> date:
        """The day on which it is judged."""
        return self.change.circumstances.today

    @property
    def earlier(self) -> Subject | None:
        """The same record in the base; None for a new one."""
        if self.before is None:
            return None
        return Subject(self.path, self.before, self.change.base, self.change, is_new=False, before=self.before)


@dataclass(frozen=True)
class Change:
    """What is under test. `is_state`: a whole state by itself, as a change of nothing into all of it."""

    base: Snapshot
    head: Snapshot
    circumstances: Circumstances = field(default_factory=Circumstances)
    conflicts: tuple[str, ...] = ()
    """Paths that the change and the base both changed since they parted, each in its way."""
    is_state: bool = False
    head_commit: str | None = None

    @classmethod
    def between(
        cls,
        repo: GitRepository,
        base: str | None,
        head: str,
        circumstances: Circumstances | None = None,
        memory: Memory | None = None,
    ) -> Change:
        """Compare two commits as `head` would land on `base`; `RepositoryError` where their histories never meet."""
        before = Snapshot(repo, base, memory, Footprint())
        entries, conflicts, merged = landing(repo, base, head)
        after = Overlay(before, merged, entries)
        return cls(before, after, circumstances or Circumstances(), conflicts, head_commit=head)

    @classmethod
    def state(cls, head: Snapshot, circumstances: Circumstances | None = None) -> Change:
        """Judge a state by itself."""
        nothing = Snapshot(head.repo, None, head.memory, head.footprint)
        return cls(nothing, head, circumstances or Circumstances(), is_state=True, head_commit=head.commit)

    @cached_property
    def files(self) -> tuple[EntryChange, ...]:
        """Every path that differs, of records and of anything else, by path."""
        return tuple(entries_between(self.base, self.head))

    @cached_property
    def records(self) -> tuple[RecordChange, ...]:
        """The records that differ, by path."""
        return tuple(changes_between(self.base, self.head))

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """The records that the change adds or edits and that can be read, by path."""
        found: list[Subject] = []
        for record in self.records:
            if record.after is None or record.after.manifest is None:
                continue
            before = record.before.manifest if record.before else None
            is_same_kind = before is not None and before.kind == record.after.manifest.kind
            earlier = before if is_same_kind else None
            found.append(Subject(record.path, record.after.manifest, self.head, self, before is None, earlier))
        return tuple(found)

    @property
    def gate(self) -> GateSettings:
        """How strict the gate is: as the base says, never as the change would have it."""
        settings = self.law.settings
        return settings.spec.gate if settings else GateSettings()

    @property
    def limits(self) -> Limits:
        """The widths and sizes that the base keeps below."""
        settings = self.law.settings
        return settings.spec.limits if settings else Limits()

    @property
    def law(self) -> Snapshot:
        """The state whose owners, access, waivers and settings judge: the base.

        A state by itself judges itself, and so does what founds a registry.
        """
        return self.head if self.is_state or self.base.entry(REGISTRY_PATH) is None else self.base


def landing(
    repo: GitRepository, base: str | None, head: str
) -> tuple[dict[str, Entry | None], tuple[str, ...], Mapping[str, bytes]]:
    """Find what would differ from `base` if `head` landed on it: entries by path, conflicts, and merged texts.

    Where `head` descends from `base`, that is what differs between them. Otherwise each path that `head` changed since
    they parted: as `head` has it where the base left it alone, merged line by line where both changed it.
    """
    parted = _parting(repo, base, head)
    ours = repo.commit(base).tree if base else None
    theirs = repo.commit(head).tree
    if parted == base:
        return {change.path: change.new for change in repo.diff(ours, theirs)}, (), {}
    entries: dict[str, Entry | None] = {}
    conflicts: list[str] = []
    merged: dict[str, bytes] = {}
    for change in repo.diff(repo.commit(parted).tree if parted else None, theirs):
        landed = repo.entry(ours, change.path) if ours else None
        if change.new is not None and ours and _collides(repo, ours, change.path, landed):
            conflicts.append(change.path)
        landed = None if landed is not None and landed.is_tree else landed
        if landed == change.new:
            continue
        if landed == change.old:
            entries[change.path] = change.new
            continue
        text = _merged(repo, change, landed)
        if text is None:
            conflicts.append(change.path)
            entries[change.path] = change.new
        else:
            merged[change.path] = text
    return entries, tuple(conflicts), merged


def _collides(repo: GitRepository, tree: str, path: str, landed: Entry | None) -> bool:
    """Tell whether a file and a folder want the same name."""
    if landed is not None and landed.is_tree:
        return True
    parts = path.split("/")
    above = (repo.entry(tree, "/".join(parts[:n])) for n in range(1, len(parts)))
    return any(entry is not None and not entry.is_tree for entry in above)


def _parting(repo: GitRepository, base: str | None, head: str) -> str | None:
    if base is None or base == head:
        return base
    try:
        found = repo.handle.merge_base(base, head)
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise RepositoryError(
            "the histories of base and head cannot be followed to where they part",
            where=str(repo.git_dir),
            got=str(error),
            mend="fetch the whole history (`git fetch --unshallow`), and run `git fsck`",
        ) from error
    if found is None:
        raise RepositoryError(
            "base and head have no history in common",
            where=str(repo.git_dir),
            got=f"{head}, which does not come from any commit of {base}",
            expected="a change made on top of the registry's main branch",
            mend="make the change on a branch of the registry; in a shallow clone run `git fetch --unshallow` first",
        )
    return str(found)


def _index_entry(entry: Entry) -> pygit2.IndexEntry:
    return pygit2.IndexEntry(entry.path, pygit2.Oid(hex=entry.oid), FileMode.BLOB)


def _merged(repo: GitRepository, change: EntryChange, landed: Entry | None) -> bytes | None:
    """Merge a file that both sides changed, line by line; None where they collide."""
    old, new = change.old, change.new
    if old is None or new is None or landed is None or not (old.is_plain and new.is_plain and landed.is_plain):
        return None
    if any(b"\0" in repo.read_blob(entry.oid) for entry in (old, new, landed)):
        return None  # the text would end there
    try:
        result = repo.handle.merge_file_from_index(
            _index_entry(old), _index_entry(landed), _index_entry(new), use_deprecated=False
        )
    except (pygit2.GitError, KeyError, ValueError, RuntimeError):  # not text, or not UTF-8
        return None
    return result.contents.encode("utf-8") if result.automergeable and result.contents is not None else None
