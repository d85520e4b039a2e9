"""`validate` as a library call: two commits of any repository, bare or not, and what the gate says of them.

- A repository is opened once in a process and remembered, with what was read of it: many small changes in a row cost
  only themselves.
- Without a base a whole state is judged by itself; in a work tree that is what its files say now.
- Commits that are to be signed are looked at here: rules know only the outcome.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import DeltaStatus, DiffOption, FileStatus

from gitreg.errors import RepositoryError
from gitreg.manifests import MAX_BYTES
from gitreg.refs import KINDS
from gitreg.repository.git import (
    EXECUTABLE,
    SUBMODULE,
    SYMLINK,
    Commit,
    Entry,
    GitRepository,
    decode_path,
    explained,
)
from gitreg.repository.snapshot import Footprint, Memory, Overlay, Snapshot
from gitreg.validation import Change, Circumstances, Report, Rule
from gitreg.validation import validate as judge
from gitreg_validators.signing import signings_of

_FOLDERS: Final = frozenset(place.folder for place in KINDS.values() if place.folder)
_MOST_READ: Final = 64 * MAX_BYTES
_NO_COMMIT: Final = "0" * 40


class Gate:
    """The gate of one repository; remembers what it has read."""

    def __init__(self, repo: GitRepository) -> None:
        self.repo = repo
        self._memory = Memory(repo)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Gate:
        """Open the repository at a path, or the one that the path lies in."""
        return cls(GitRepository.open(path))

    def validate(
        self,
        base: str | None = None,
        head: str | None = None,
        *,
        around: Circumstances | None = None,
        rules: Iterable[Rule] | None = None,
        is_push: bool = False,
    ) -> Report:
        """Judge `head` as it would land on `base`; without a base, the whole state of `head`.

        A revision is anything that Git resolves. No head is the work tree as it is now, of a bare repository its main.
        `is_push` says that `head` becomes main's tip itself: each commit on the way is judged on the one before it.
        `RepositoryError` where the revisions or their objects cannot be read.
        """
        circumstances = around or Circumstances()
        if base is None:
            return judge(Change.state(self._state(head), circumstances), rules)
        landed = self.repo.resolve(base)
        if head is None and self.repo.workdir is not None:
            return judge(self._uncommitted(landed, circumstances), rules)
        tip = self.repo.resolve(head) if head is not None else self._tip()
        if is_push:
            return self._pushed(landed, tip, circumstances, rules)
        return judge(self._between(landed, tip, circumstances), rules)

    def validate_staged(self, *, around: Circumstances | None = None, rules: Iterable[Rule] | None = None) -> Report:
        """Judge what `git commit` would commit now, as it would land on HEAD; without a commit yet, as a whole state.

        `RepositoryError` where a merge is not finished, or the index cannot be read.
        """
        circumstances = self._at_work(around or Circumstances())
        head, entries = _checked_out(self.repo), staged_changes(self.repo)
        before = Snapshot(self.repo, head, self._memory, Footprint())
        after = Overlay(before, {}, entries)
        if head is None:
            return judge(Change.state(after, circumstances), rules)
        return judge(Change(before, after, circumstances), rules)

    def _between(self, base: str | None, head: str, around: Circumstances) -> Change:
        change = Change.between(self.repo, base, head, memory=self._memory)
        return replace(change, circumstances=self._told(change, around, base, head))

    def _told(self, change: Change, around: Circumstances, base: str | None, head: str | None) -> Circumstances:
        """Add what the commits themselves tell: who wrote them, and whose keys signed them."""
        commits = list(commits_between(self.repo, base, head)) if head else []
        author = around.author or next((str(commit.author) for commit in commits), None)
        signings = around.signings
        if signings is None and commits and change.gate.signatures != "off":
            signings = tuple(signings_of(self.repo, change.law, commits))
        return replace(around, author=author, signings=signings)

    def _at_work(self, around: Circumstances) -> Circumstances:
        """Say who is at work, as Git would, where nobody is named."""
        who = None if around.author else self.repo.identity()
        return replace(around, author=str(who)) if who else around

    def _pushed(self, base: str, head: str, around: Circumstances, rules: Iterable[Rule] | None) -> Report:
        """Judge each commit that a push puts on main's first-parent history; the first that does not pass ends it."""
        chain = _chain(self.repo, base, head)
        if chain is None:
            change = Change.between(self.repo, base, head, replace(around, descends=False), self._memory)
            return judge(change, rules)
        report: Report | None = None
        for commit in chain:
            step = judge(self._between(base, commit, around), rules)
            total = report.seconds if report else 0.0
            records = report.records if report else 0
            report = replace(step, seconds=step.seconds + total, records=step.records + records)
            base = commit
            if step.outcome != "pass":
                break
        return report or judge(self._between(base, head, around), rules)

    def _tip(self) -> str:
        tip = self.repo.tip()
        if tip is None:
            raise RepositoryError(
                "there is nothing to validate: the repository has no commit yet",
                where=f"{self.repo.git_dir} ({self.repo.branch})",
                mend="commit something, or make a registry with `gitreg init`",
            )
        return tip

    def _state(self, head: str | None) -> Snapshot:
        if head is not None:
            return Snapshot(self.repo, self.repo.resolve(head), self._memory)
        if self.repo.workdir is None:
            return Snapshot(self.repo, self._tip(), self._memory)
        tip = _checked_out(self.repo)
        committed = Snapshot(self.repo, tip, self._memory)
        files, entries = work_tree_changes(self.repo)
        return Overlay(committed, files, entries) if files or entries else committed

    def _uncommitted(self, base: str, around: Circumstances) -> Change:
        """See what the work tree would do to a base: what HEAD does to it, and on top what is not committed."""
        head = _checked_out(self.repo)
        change = self._between(base, head or base, self._at_work(around))
        files, entries = work_tree_changes(self.repo)
        over = change.head
        assert isinstance(over, Overlay), "a change between commits is put over its base"  # noqa: S101
        return replace(change, head=over.and_also(files, entries), head_commit=None)


def commits_between(repo: GitRepository, base: str | None, head: str) -> Iterator[Commit]:
    """Give the commits that `head` has and `base` has not, newest first."""
    walker = repo.handle.walk(head)
    if base is not None:
        walker.hide(base)
    for found in walker:
        yield repo.commit(str(found.id))


def _chain(repo: GitRepository, base: str, head: str) -> list[str] | None:
    """Give the first-parent commits after `base` up to `head`, oldest first; None where `base` is not on that chain."""
    found: list[str] = []
    at: str | None = head
    while at is not None and at != base:
        found.append(at)
        at = next(iter(repo.commit(at).parents), None)
    return found[::-1] if at == base else None


def _checked_out(repo: GitRepository) -> str | None:
    if repo.handle.head_is_unborn:
        return None
    return str(repo.handle.head.target)


def work_tree_changes(repo: GitRepository) -> tuple[dict[str, bytes | None], dict[str, Entry | None]]:
    """Find what the work tree has and HEAD has not: bytes by path, None for what is gone.

    What is not a plain file comes as an entry of its mode. Left out is what is ignored, and what Git does not know
    yet and lies outside the folders of records: drafts and notes.
    """
    top = repo.workdir
    files: dict[str, bytes | None] = {}
    entries: dict[str, Entry | None] = {}
    if top is None:
        return files, entries
    is_sparse = _is_set(repo, "core.sparsecheckout", default=False)
    for name, status in _status_of(repo).items():
        path = name.rstrip("/")
        where = top / path
        if status & FileStatus.IGNORED or status == FileStatus.CURRENT or _is_a_draft(path, status):
            continue
        if where.is_symlink():
            entries[path] = _linked(path, where)
        elif (where / ".git").exists():
            entries[path] = Entry(path, _NO_COMMIT, SUBMODULE)
        elif not where.is_file():
            if not (status & FileStatus.WT_NEW or (is_sparse and status == FileStatus.WT_DELETED)):
                files[path] = None
        elif _is_executable(repo, where):
            entries[path] = Entry(path, str(pygit2.hash(_bytes_of(where))), EXECUTABLE)
        else:
            files[path] = _bytes_of(where)
    return files, entries


def staged_changes(repo: GitRepository) -> dict[str, Entry | None]:
    """Find what the index has and HEAD has not: entries by path, of any mode, None for what is gone."""
    if repo.workdir is None:
        raise RepositoryError(
            "nothing can be staged here: the repository is bare",
            where=str(repo.git_dir),
            mend="leave --staged out: commits are judged with --base and --head",
        )
    with explained("the index cannot be read", where=repo.git_dir):
        index = _index_of(repo)
        unmerged = sorted({side.path for sides in index.conflicts or () for side in sides if side is not None})
        head = _checked_out(repo)
        found = {} if unmerged else _unlike(repo, head, index)
    if unmerged:
        raise RepositoryError(
            "a merge is not finished, so nothing can be committed",
            where=str(repo.workdir),
            got=f"unmerged: {', '.join(unmerged)}",
            mend="resolve the conflicts and `git add` the files, or `git merge --abort`",
        )
    return found


def _unlike(repo: GitRepository, head: str | None, index: pygit2.Index) -> dict[str, Entry | None]:
    """Compare an index with a commit, or with nothing."""
    if head is None:
        return {entry.path: Entry(entry.path, str(entry.id), int(entry.mode)) for entry in index}
    found: dict[str, Entry | None] = {}
    tree = repo.handle[head].peel(pygit2.Tree)
    for delta in tree.diff_to_index(index, DiffOption.INCLUDE_TYPECHANGE, 0).deltas:
        path, file = decode_path(delta.new_file.raw_path), delta.new_file
        found[path] = None if delta.status == DeltaStatus.DELETED else Entry(path, str(file.id), int(file.mode))
    return found


def _index_of(repo: GitRepository) -> pygit2.Index:
    """Read the index; where Git runs a hook, the one that it names, which is another for `git commit FILE`."""
    named = os.environ.get("GIT_INDEX_FILE")
    where = Path(repo.workdir or "", named) if named else None
    if where is not None and os.path.realpath(where.parent) == os.path.realpath(repo.handle.path):
        return pygit2.Index(str(where))
    index: pygit2.Index = repo.handle.index
    index.read()
    return index


def _is_a_draft(path: str, status: int) -> bool:
    return status == FileStatus.WT_NEW and path.split("/")[0] not in _FOLDERS


def _bytes_of(where: Path) -> bytes:
    try:
        size = where.stat().st_size
        return where.read_bytes() if size <= _MOST_READ else bytes(_MOST_READ)  # blanks for what is no manifest anyway
    except OSError as error:
        raise RepositoryError(
            "a file of the work tree cannot be read",
            where=str(where),
            got=error.strerror or str(error),
            mend="give the user that runs gitreg the right to read it, or validate commits: --head HEAD",
        ) from error


def _linked(path: str, where: Path) -> Entry:
    return Entry(path, str(pygit2.hash(os.fsencode(where.readlink()))), SYMLINK)


def _is_executable(repo: GitRepository, where: Path) -> bool:
    return _is_set(repo, "core.filemode", default=True) and bool(where.stat().st_mode & 0o100)


def _is_set(repo: GitRepository, name: str, *, default: bool) -> bool:
    config = repo.handle.config
    return bool(config.get_bool(name)) if name in config else default


def _status_of(repo: GitRepository) -> dict[str, int]:
    with explained("the work tree cannot be compared with what is committed", where=repo.workdir):
        return repo.handle.status(untracked_files="all")


@lru_cache(maxsize=16)
def _opened(path: str) -> Gate:
    return Gate.open(path)


def validate(
    repo: str | os.PathLike[str],
    base: str | None = None,
    head: str | None = None,
    *,
    around: Circumstances | None = None,
    rules: Iterable[Rule] | None = None,
    is_push: bool = False,
) -> Report:
    """Judge a change of a repository, bare or not; see `Gate.validate`. The opened repository is remembered by path."""
    return _opened(str(Path(repo).absolute())).validate(base, head, around=around, rules=rules, is_push=is_push)


__all__ = ["Gate", "commits_between", "staged_changes", "validate", "work_tree_changes"]
