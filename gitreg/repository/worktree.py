"""Bring checked-out files along when the registry's branch moves under them.

- What a person has made and not committed is never lost: a file that is neither the old nor the new version
  stays as it is, and so does anything staged; the paths are given back.
- Git's index goes on to the new version where it held the old one, edited file or not: a later `git commit`
  must not take back what has landed.
- Nothing is written or removed through a symlink, nor outside the work tree, nor in `.git`.
- A file takes its name whole (written beside, then renamed); the index changes under Git's own lock.
- The branch has moved already, so nothing here is fatal: what cannot be done is left, and told.
"""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from gitreg.errors import GitregError
from gitreg.repository.git import (
    EXECUTABLE,
    PLAIN,
    SYMLINK,
    Entry,
    EntryChange,
    GitRepository,
    decode_path,
    explained,
    head_of,
    printable,
)
from gitreg.repository.writing import fault_of_path, git_environment

INDEX_PATIENCE = 0.5
"""Seconds to wait for a `git status` or the like to let go of the index."""

_FILES = (PLAIN, EXECUTABLE)
_UNDER_WAY = {
    "MERGE_HEAD": "a merge is",
    "CHERRY_PICK_HEAD": "a cherry-pick is",
    "REVERT_HEAD": "a revert is",
    "rebase-merge": "a rebase is",
    "rebase-apply": "a rebase is",
}


def follow(repo: GitRepository, *, old: str | None, new: str) -> tuple[str, ...]:
    """Bring each work tree that has the branch checked out along; tell which paths were left as they were."""
    places = list(_checked_out(repo))
    if not places:
        return ()
    changes = list(repo.diff(old, new))
    left: set[str] = set()
    for admin, top in places:
        left.update(_follow_in(repo, admin, top, changes))
    return tuple(sorted(left))


def busy_with(repo: GitRepository) -> str | None:
    """Say what somebody does in a work tree that has the branch: edits that are not committed, a merge, a rebase.

    None where nothing would be in the way of `follow`. Files that Git does not track do not count.
    """
    for admin, top in _work_trees(repo):
        for mark, work in _UNDER_WAY.items():
            if (admin / mark).exists() and (_is_rebasing(repo, admin) or _has_branch(repo, admin)):
                return f"{work} under way in {top}"
    for _, top in _checked_out(repo):
        edits = _edits_in(top)
        if edits:
            more = f" and {len(edits) - 1} more" if len(edits) > 1 else ""
            return f"uncommitted edits in {top}: {edits[0]}{more}"
    return None


def _is_rebasing(repo: GitRepository, admin: Path) -> bool:
    """Tell whether the branch is being rebased there; HEAD does not name it meanwhile."""
    for folder in ("rebase-merge", "rebase-apply"):
        with suppress(OSError):
            if (admin / folder / "head-name").read_text("utf-8", "surrogateescape").strip() == repo.branch:
                return True
    return False


def _edits_in(top: Path) -> list[str]:
    """List the tracked paths of a work tree that are not as HEAD has them."""
    words = ("status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all")
    with explained("the work tree cannot be compared with what is committed", where=top):
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(top), *words],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=git_environment(),
            check=False,
        )
        if done.returncode != 0:
            raise OSError(done.stderr.decode("utf-8", "replace").strip() or f"git status: {done.returncode}")
    return [printable(decode_path(line[3:])) for line in done.stdout.split(b"\0") if line]


def _checked_out(repo: GitRepository) -> Iterator[tuple[Path, Path]]:
    """Find each work tree whose HEAD names the branch, as (its own git folder, its top folder)."""
    for admin, top in _work_trees(repo):
        if _has_branch(repo, admin) and top.is_dir():
            yield admin, top


def _has_branch(repo: GitRepository, admin: Path) -> bool:
    with suppress(OSError):
        head = head_of(admin)
        return head is not None and repo.follow_symbolic(head) == repo.branch
    return False


def _work_trees(repo: GitRepository) -> list[tuple[Path, Path]]:
    """List all work trees, as (its own git folder, its top folder)."""
    main = pygit2.Repository(str(repo.git_dir)).workdir
    places = [] if main is None else [(repo.git_dir, Path(main))]
    linked = repo.git_dir / "worktrees"
    for admin in sorted(linked.iterdir()) if linked.is_dir() else []:
        with suppress(OSError):
            places.append((admin, Path((admin / "gitdir").read_text("utf-8", "surrogateescape").strip()).parent))
    return places


def _follow_in(repo: GitRepository, admin: Path, top: Path, changes: list[EntryChange]) -> Iterable[str]:
    everything = [change.path for change in changes]
    try:
        with _locked_index(admin) as index:
            tree = _WorkTree(repo, pygit2.Repository(str(top)), top)
            removals = [change for change in changes if change.new is None]
            others = [change for change in changes if change.new is not None]
            # removals first: they make room where a folder becomes a file, or a file a folder
            return [change.path for change in removals + others if not _bring(tree, index, change)]
    except (pygit2.GitError, OSError, ValueError, KeyError, GitregError):
        return everything


def _bring(tree: _WorkTree, index: pygit2.Index, change: EntryChange) -> bool:
    """Bring one path along, file and index; tell whether both are now as the new commit has them."""
    if fault_of_path(change.path, removed=False) is not None:
        return False
    staged = _staged(index, change.path)
    if not (_same(staged, change.old) or _same(staged, change.new)) or _is_conflicted(index, change.path):
        return False
    done = tree.bring(change)
    if not _same(staged, change.new):
        _stage(index, change)
    return done


@dataclass(frozen=True, slots=True)
class _WorkTree:
    """The files of one work tree."""

    repo: GitRepository
    handle: pygit2.Repository
    top: Path

    def bring(self, change: EntryChange) -> bool:
        """Make the file new if it is old; tell whether it is new now."""
        try:
            if not self._holds(change.path, change.old):
                return self._holds(change.path, change.new)
            if change.new is None:
                self._remove(change.path)
                return True
            return self._write(change.new)
        except (OSError, pygit2.GitError, ValueError, KeyError, GitregError):
            return False

    def _holds(self, path: str, entry: Entry | None) -> bool:
        """Tell whether the file at `path` is what `entry` says, as Git sees it (line endings converted)."""
        found = self._look(path)
        if found is None or entry is None:
            return found is None and entry is None
        if entry.mode == SYMLINK:
            target = os.fsdecode(self.repo.read_blob(entry.oid))
            return stat.S_ISLNK(found.st_mode) and str((self.top / path).readlink()) == target
        if entry.mode not in _FILES or not stat.S_ISREG(found.st_mode):
            return False
        if self._trusts_modes() and bool(found.st_mode & 0o100) != (entry.mode == EXECUTABLE):
            return False
        if (self.top / path).read_bytes() == self.repo.read_blob(entry.oid):
            return True
        return str(self.handle.create_blob_fromworkdir(path)) == entry.oid

    def _look(self, path: str) -> os.stat_result | None:
        """Stat the file itself; None when it is not there, ValueError when a folder above is none."""
        at = self.top
        *folders, name = path.split("/")
        for folder in folders:
            at /= folder
            try:
                mode = at.lstat().st_mode
            except FileNotFoundError:
                return None
            if not stat.S_ISDIR(mode):
                raise ValueError(f"{at} is not a folder")
        with suppress(FileNotFoundError):
            return (at / name).lstat()
        return None

    def _write(self, entry: Entry) -> bool:
        where = self.top / entry.path
        where.parent.mkdir(parents=True, exist_ok=True)
        fresh = where.with_name(f".gitreg-{os.getpid()}-{time.monotonic_ns()}.new")
        try:
            if entry.mode == SYMLINK:
                fresh.symlink_to(os.fsdecode(self.repo.read_blob(entry.oid)))
            elif entry.mode in _FILES:
                _write_new(fresh, self._smudged(entry), 0o777 if entry.mode == EXECUTABLE else 0o666)
            else:
                return False  # a submodule: its files are not ours
            fresh.replace(where)
        finally:
            fresh.unlink(missing_ok=True)
        return True

    def _remove(self, path: str) -> None:
        where = self.top / path
        where.unlink()
        for folder in where.parents:
            if folder == self.top:
                break
            try:
                folder.rmdir()
            except OSError:  # not empty
                break

    def _smudged(self, entry: Entry) -> bytes:
        """Give the bytes that Git would check out, with this work tree's line endings."""
        blob = self.handle[entry.oid]
        if not isinstance(blob, pygit2.Blob):
            raise ValueError(f"{entry.oid} is not a file")  # noqa: TRY004 - a fault of the data
        with pygit2.BlobIO(blob, as_path=entry.path) as stream:
            return bytes(stream.read())

    def _trusts_modes(self) -> bool:
        config = self.handle.config
        return "core.filemode" not in config or config.get_bool("core.filemode")


@contextmanager
def _locked_index(admin: Path) -> Iterator[pygit2.Index]:
    """Hold Git's lock of the index, and put the index in place at the end; OSError when it stays held."""
    path, lock = admin / "index", admin / "index.lock"
    fresh = admin / f"index.gitreg-{os.getpid()}"
    _take(lock)
    try:
        before = None
        with suppress(FileNotFoundError):
            fresh.write_bytes(_sound_index(path.read_bytes()))
            before = path.stat().st_mtime_ns
        index = pygit2.Index(str(fresh))
        index.read()
        yield index
        index.write()
        if before is not None:
            # entries that were too young to be trusted by their times (racy Git) must stay so
            os.utime(fresh, ns=(before, before))
        fresh.replace(lock)
        lock.replace(path)
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
    finally:
        fresh.unlink(missing_ok=True)


def _sound_index(data: bytes) -> bytes:
    """Give an index back when it is whole; pygit2 fails to clean up after one that libgit2 refuses."""
    if data[:4] != b"DIRC" or data[-20:] not in (sha1(data[:-20], usedforsecurity=False).digest(), bytes(20)):
        raise OSError("the index is damaged")
    return data


def _take(lock: Path) -> None:
    started = time.monotonic()
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            if time.monotonic() - started > INDEX_PATIENCE:
                raise
        else:
            return
        time.sleep(0.02)


def _staged(index: pygit2.Index, path: str) -> tuple[str, int] | None:
    try:
        entry = index[path]
    except KeyError:
        return None
    return str(entry.id), int(entry.mode)


def _same(staged: tuple[str, int] | None, entry: Entry | None) -> bool:
    return staged == (None if entry is None else (entry.oid, entry.mode))


def _is_conflicted(index: pygit2.Index, path: str) -> bool:
    return index.conflicts is not None and path in index.conflicts


def _stage(index: pygit2.Index, change: EntryChange) -> None:
    """Record the new version, without times: Git compares the file itself when it next looks."""
    if change.new is None:
        index.remove(change.path)
    else:
        index.add(pygit2.IndexEntry(change.path, pygit2.Oid(hex=change.new.oid), FileMode(change.new.mode)))


def _write_new(where: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(where, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, mode), "wb") as file:
        file.write(data)
