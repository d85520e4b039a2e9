"""Read a Git repository as it is: paths, blobs, trees, commits.

- Knows nothing of manifests, and never needs a checkout: bare repositories and work trees read alike.
- Object ids are 40 hex digits, as `str`. An id names its bytes for ever: what is read by id may be cached.
- A path is `str` with `/` between its parts; bytes that are not UTF-8 are kept as lone surrogates
  (`surrogateescape`), so every path can be given back to Git; `printable` makes one fit to be shown.
- Trees and commits are parsed here, from their raw bytes: no setting (rename detection, `core.fileMode`,
  `diff.ignoreSubmodules`, replace refs, grafts) can change what is seen, and odd commits still read.
- A missing or broken object is a `RepositoryError` that names it. Nothing here writes to the repository,
  apart from `create` and one advisory file of known commit positions.
- One object may be used by several threads.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import pygit2
from pygit2.enums import ObjectType, Option

from gitreg.errors import GitregError, RepositoryError, UsageError
from gitreg.repository.loose import LooseObjects

PLAIN = 0o100644
EXECUTABLE = 0o100755
SYMLINK = 0o120000
SUBMODULE = 0o160000
TREE = 0o040000
_SORTS = {PLAIN: "a plain file", EXECUTABLE: "an executable file", SYMLINK: "a symlink", SUBMODULE: "a submodule"}

_IDENTITY = re.compile(r"\s*([^<>]*?)\s*<\s*([^<>]*?)\s*>\s*")
_RAW_IDENTITY = re.compile(rb"(.*?) ?<(.*?)>(?: (-?\d+))?(?: ([+-]\d{4}))?\s*", re.DOTALL)
_REVISION_NAME = re.compile(r"[^~^:@{}]+")
_NAMED = ("refs/heads/", "refs/tags/")
"""Where branches and tags stand, in the order in which a short name is looked for."""
_HEX = re.compile(r"[0-9a-f]{40}")
_RAW_TREE = re.compile(rb"(?:0*[1-7][0-7]{4,5} [^\0/]+\0.{20})*", re.DOTALL)
_RAW_ENTRY = re.compile(rb"0*([1-7][0-7]{4,5}) ([^\0]+)\0(.{20})", re.DOTALL)
_MODES = frozenset((b"40000", b"100644", b"100755", b"120000", b"160000"))
_POSITION_LINE = re.compile(r"([0-9a-f]{40}) ([0-9]{1,18}) ([0-9a-f]{8})")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CACHED_TREE_BYTES = 1 << 20
_CACHED_TREE_ENTRIES = 100_000
_WAYPOINT_EVERY = 1024
_REMEMBERED_POSITIONS = 65_536

_MENDS = (
    ("No space left on device", "free some space on that disk, then try again"),
    ("quota exceeded", "raise the disk quota or free some space, then try again"),
    ("Read-only file system", "mount the file system read-write, or work on a writable clone"),
    ("Permission denied", "give the user that runs gitreg the right to this folder"),
    ("Operation not permitted", "give the user that runs gitreg the right to this folder"),
)

_KINDS = {
    ObjectType.COMMIT: "commit",
    ObjectType.TREE: "tree",
    ObjectType.BLOB: "blob",
    ObjectType.TAG: "tag",
}

RawTree = Mapping[bytes, tuple[bytes, bytes]]

# Both are options of the whole process. The first makes libgit2 fsync each object and ref that it writes; it
# counts only for repositories opened after it. The second lets wide directories into its cache (else 4 KiB).
pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
pygit2.option(Option.SET_CACHE_OBJECT_LIMIT, ObjectType.TREE, _CACHED_TREE_BYTES)
# Packs are mapped piece by piece: whole, a pack of 1 GB counts as 1 GB of memory in each process that reads it.
pygit2.settings.mwindow_size = 16 * 1024 * 1024
pygit2.settings.mwindow_mapped_limit = 256 * 1024 * 1024


class HistoryRewritten(RepositoryError):  # noqa: N818 - it is what happened
    """The branch no longer descends from a commit that was once on it."""

    code = "history-rewritten"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when. What is read from a commit is kept as it stands; `check` tells what may be written."""

    name: str
    email: str
    when: datetime

    @classmethod
    def parse(cls, text: str, *, when: datetime) -> Signature:
        """Read `Name <email>`; UsageError says what is wrong with it."""
        found = _IDENTITY.fullmatch(text)
        if found is None:
            raise UsageError(
                f"{text!r} is not a name and an email",
                got=repr(text),
                expected="Name <email>",
                mend="write it as `Example Author <author@example.com>`",
            )
        return cls(found[1], found[2], when).check()

    def check(self) -> Signature:
        """Give the signature back when Git can hold it; UsageError otherwise."""
        for label, text in (("name", self.name), ("email", self.email)):
            fault = _fault_of_identity(text)
            if fault is not None:
                raise UsageError(
                    f"the {label} of a signature {fault}",
                    got=repr(text),
                    expected=f"one line of text without '<' and '>', as the {label}",
                    mend=f"correct the {label}, as in `Example Author <author@example.com>`",
                )
        if self.when.tzinfo is None or self.when < _EPOCH:
            raise UsageError(
                "the time of a signature must have a time zone and be later than 1970",
                got=repr(self.when),
                mend="pass an aware datetime, such as datetime.now(UTC)",
            )
        return self

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; its message is decoded leniently, so that old and odd ones read too."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


class Entry(NamedTuple):
    """What a tree says of one path."""

    path: str
    oid: str
    mode: int

    @property
    def is_plain(self) -> bool:
        """Tell whether it is an ordinary file: not executable, no symlink, no submodule, no directory."""
        return self.mode == PLAIN

    @property
    def sort(self) -> str:
        """Say what it is, for people: `a symlink`."""
        return _SORTS.get(self.mode, f"an entry of mode {self.mode:o}")

    @property
    def is_tree(self) -> bool:
        """Tell whether it is a directory."""
        return self.mode == TREE


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One path before and after; at least one of the two is there."""

    path: str
    old: Entry | None
    new: Entry | None


def printable(path: str) -> str:
    """Give a path that can be printed and sent as JSON: bytes that are not UTF-8 become `\\xff`."""
    return encode_path(path).decode("utf-8", "backslashreplace")


def encode_path(path: str) -> bytes:
    """Give a path as the bytes that Git keeps."""
    return path.encode("utf-8", "surrogateescape")


def decode_path(raw: bytes) -> str:
    """Give the bytes of a path as text, losing nothing."""
    return raw.decode("utf-8", "surrogateescape")


@contextmanager
def explained(says: str, *, where: object, mend: str | None = None) -> Iterator[None]:
    """Turn what libgit2 and the file system raise inside the block into a RepositoryError."""
    try:
        yield
    except GitregError:
        raise
    except (pygit2.GitError, OSError, KeyError, ValueError) as error:
        raise RepositoryError(
            says,
            where=str(where),
            got=text_of(error),
            mend=mend_of(error) or mend or f"run `git fsck` in {where} and look at what it reports",
        ) from error


class GitRepository:
    """A Git repository, and the branch in it that the registry lives on."""

    def __init__(self, repo: pygit2.Repository) -> None:
        opened = Path(repo.path or ".")
        self._repo = repo
        self.git_dir: Path = _common_dir(opened)
        """The git folder that all work trees share."""
        self.workdir: Path | None = Path(repo.workdir) if repo.workdir else None
        """The work tree that the repository was opened through; None when it is bare."""
        self._loose = LooseObjects(self.git_dir / "objects")
        self._trees = _TreeCache()
        self._positions = _Positions(self.state_dir / "positions")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> GitRepository:
        """Open the repository at `path`, or the one that the folder `path` lies in."""
        where = Path(path)
        if not where.is_dir():
            raise RepositoryError(
                "there is no such folder" if not where.exists() else "this is a file, not a folder",
                where=str(where),
                expected="a Git repository, or a folder inside one",
                mend="check the path, or make a registry there with `gitreg init`",
            )
        with explained("the folder cannot be searched for a Git repository", where=where):
            found = pygit2.discover_repository(str(where))
        if found is None:
            raise RepositoryError(
                "this is not a Git repository, and no folder above it is one",
                where=str(where),
                mend=f"check the path, or make a registry there with `gitreg init {where}`",
            )
        opened = _open_found(found)
        _add_quarantine(opened)
        return cls(opened)

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, bare: bool = False, branch: str = "main") -> GitRepository:
        """Make an empty repository at `path`, whole or not at all."""
        where = Path(path)
        if not pygit2.reference_is_valid_name(f"refs/heads/{branch}"):
            raise UsageError(
                f"{branch!r} cannot be the name of a branch",
                got=repr(branch),
                mend="choose a name such as `main`",
            )
        if where.exists() and (not where.is_dir() or any(where.iterdir())):
            raise RepositoryError(
                "a repository can only be made in a new or an empty folder",
                where=str(where),
                got="a folder with files in it" if where.is_dir() else "a file",
                expected="no such path, or an empty folder",
                mend="choose another path, or use the repository that is there",
            )
        with explained("the repository could not be made", where=where):
            (_create_inside if where.exists() else _create_beside)(where, bare=bare, branch=branch)
        return cls.open(where)

    @property
    def state_dir(self) -> Path:
        """Where gitreg may keep what can be made again; not created here."""
        return self.git_dir / "gitreg"

    @cached_property
    def branch(self) -> str:
        """Name the registry's ref in full: `gitreg.branch` in the git config, else main, else HEAD's.

        Read once: the registry does not change its branch while it is open.
        """
        with explained("the name of the registry's branch cannot be read", where=self.git_dir):
            named = self._config("gitreg.branch")
            if named is not None:
                full = named if named.startswith("refs/") else f"refs/heads/{named}"
                if pygit2.reference_is_valid_name(full):
                    return self.follow_symbolic(full)
                raise RepositoryError(
                    "the git config names a branch that cannot exist",
                    where=str(self.git_dir / "config"),
                    got=f"gitreg.branch = {named!r}",
                    mend="run `git config gitreg.branch main`",
                )
            if "refs/heads/main" in self._repo.references:
                return self.follow_symbolic("refs/heads/main")
            target = head_of(self.git_dir)
        if target is None:
            raise RepositoryError(
                "the registry's branch is not known: there is no main, and HEAD is detached",
                where=str(self.git_dir),
                mend="run `git config gitreg.branch <name>` in the repository",
            )
        return self.follow_symbolic(target)

    def follow_symbolic(self, name: str) -> str:
        """Name the ref that a symbolic ref stands for in the end; any other stands for itself."""
        for _ in range(5):  # as deep as Git goes
            ref = self._repo.references.get(name)
            if ref is None or not isinstance(ref.raw_target, bytes):
                break
            name = ref.raw_target.decode("utf-8", "surrogateescape")
        return name

    def tip(self) -> str | None:
        """Give the commit that the branch stands at; None when there is no commit yet."""
        with explained("the branch cannot be read", where=f"{self.git_dir}: {self.branch}"):
            ref = self._repo.references.get(self.branch)
            return None if ref is None else str(ref.resolve().target)

    def resolve(self, rev: str) -> str:
        """Give the commit that a revision stands for: a branch, a tag, a short id, `HEAD~3`.

        A branch comes before a tag of the same name: tags are less guarded than what lands on main.
        """
        try:
            found = self._repo.revparse_single(self._branch_first(rev))
        except KeyError:
            says, got = f"nothing in the repository answers to {rev!r}", None
        except ValueError as error:
            says, got = f"{rev!r} is not one revision", text_of(error)
        except (pygit2.GitError, OSError) as error:
            says, got = f"{rev!r} cannot be looked up", text_of(error)
        else:
            try:
                return str(found.peel(ObjectType.COMMIT).id)
            except (pygit2.GitError, ValueError, KeyError):
                says, got = f"{rev!r} is not a commit", f"a {found.type_str}"
        raise RepositoryError(
            says,
            where=str(self.git_dir),
            got=got,
            expected="a branch, a tag or a commit id",
            mend="see what there is with `git log --oneline` and `git tag`, or `git fetch` what is missing",
        )

    def named(self, name: str) -> str | None:
        """Give the commit of a branch or a tag, short or whole (`refs/tags/v1`); None where there is none such.

        One look at a reference: nothing is walked and nothing is searched, unlike what a revision may set going.
        """
        if not name.isprintable():  # nor can it be written as UTF-8, maybe
            return None
        whole = (name,) if name.startswith(_NAMED) else tuple(f"{start}{name}" for start in _NAMED)
        with explained("a branch or a tag cannot be read", where=f"{self.git_dir}: {name}"):
            for each in whole:
                ref = self._repo.references.get(each) if pygit2.reference_is_valid_name(each) else None
                if ref is None:
                    continue
                try:
                    return str(ref.peel(ObjectType.COMMIT).id)
                except (pygit2.GitError, KeyError, ValueError):  # it stands for no commit
                    return None
        return None

    def _branch_first(self, rev: str) -> str:
        name = _REVISION_NAME.match(rev)
        branch = f"refs/heads/{name[0]}" if name else ""
        if name is None or not pygit2.reference_is_valid_name(branch) or branch not in self._repo.references:
            return rev
        return f"refs/heads/{rev}"

    def commit(self, oid: str) -> Commit:
        """Read one commit."""
        return _parse_commit(oid, self._read(oid, ObjectType.COMMIT))

    def entry(self, oid: str, path: str) -> Entry | None:
        """Look up what the commit or tree `oid` has at `path`; None when nothing."""
        at = self._tree_of(oid)
        names = encode_path(path).split(b"/")
        for name in names[:-1]:
            mode, below = self.raw_tree(at).get(name, (b"", b""))
            if mode != b"40000":
                return None
            at = below.hex()
        found = self.raw_tree(at).get(names[-1])
        return None if found is None else _entry(path, found)

    def children(self, oid: str, path: str = "") -> list[Entry]:
        """List what stands directly in the directory `path`, with full paths; nothing when it is absent."""
        tree = self._directory(oid, path)
        prefix = f"{path}/" if path else ""
        if tree is None:
            return []
        return [_entry(prefix + decode_path(name), found) for name, found in self.raw_tree(tree).items()]

    def walk(self, oid: str, under: str = "") -> Iterator[Entry]:
        """Go through all that is not a directory, below `under`, in Git's order."""
        tree = self._directory(oid, under)
        prefix = f"{under}/" if under else ""
        levels = [] if tree is None else [(prefix, iter(self.raw_tree(tree).items()))]
        while levels:
            prefix, entries = levels[-1]
            name, found = next(entries, (None, None))
            if name is None or found is None:
                levels.pop()
            elif found[0] == b"40000":
                below = self.raw_tree(found[1].hex())
                levels.append((f"{prefix}{decode_path(name)}/", iter(below.items())))
            else:
                yield _entry(prefix + decode_path(name), found)

    def read_blob(self, oid: str, *, limit: int | None = None) -> bytes:
        """Read the bytes of a file; RepositoryError when there are more than `limit` of them."""
        if limit is not None:
            size = self.blob_size(oid)
            if size > limit:
                raise RepositoryError(
                    "the file is larger than what is read here",
                    where=f"{self.git_dir}: blob {oid}",
                    got=f"{size} bytes",
                    expected=f"at most {limit} bytes",
                    mend="make the file smaller, or keep its content elsewhere and name it by digest",
                )
        return self._read(oid, ObjectType.BLOB)

    def blob_size(self, oid: str) -> int:
        """Give the size of a file in bytes, without reading it."""
        with self._reading(oid):
            kind, size = self._loose.header(_checked(oid)) or self._repo.odb.read_header(oid)
            _expect(oid, kind, ObjectType.BLOB)
            return size

    def diff(self, old: str | None, new: str | None) -> Iterator[EntryChange]:
        """Find each path whose mode or content differs between two commits or trees, sorted by path.

        None is the empty tree. Renames are a removal and an addition. Directories do not show: a file that
        becomes a directory is the removal of the file and the additions below it.
        """
        before = None if old is None else self._tree_of(old)
        after = None if new is None else self._tree_of(new)
        found = list(self._compare(before, after))
        return iter(sorted(found, key=lambda change: encode_path(change.path)))

    def first_parents(self, until: str, since: str | None = None) -> Iterator[str]:
        """List the commits of the first-parent chain up to `until`, oldest first, `since` not among them.

        HistoryRewritten, at the call, when `since` is not on that chain.
        """
        chain = bytearray()  # 20 bytes a commit: a million of them are 20 MB
        at: str | None = until
        while at is not None and at != since:
            chain += bytes.fromhex(_checked(at))
            at = self._first_parent(at)
        if at is None and since is not None:
            raise HistoryRewritten(
                "the branch no longer descends from a commit that was on it",
                where=str(self.git_dir),
                got=f"{until} and its first parents",
                expected=f"{since} among them",
                mend="find out who rewrote the history; if it was meant, run `gitreg index accept-rewrite`",
            )
        return (chain[n : n + 20].hex() for n in range(len(chain) - 20, -1, -20))

    def first_parents_back(self, oid: str) -> Iterator[str]:
        """List the first-parent chain from a commit back to its root, newest first."""
        at: str | None = oid
        while at is not None:
            yield at
            at = self._first_parent(at)

    def seq(self, oid: str) -> int:
        """Give the position of a commit on its first-parent chain; the root is 1."""
        passed: list[str] = []
        at: str | None = oid
        base = 0
        while at is not None:
            known = self._positions.get(at)
            if known is not None:
                base = known
                break
            passed.append(at)
            at = self._first_parent(at)
        self._positions.learn(base, passed)
        return base + len(passed)

    def path_history(self, path: str, until: str) -> Iterator[tuple[Commit, EntryChange]]:
        """Find the commits of the first-parent chain that changed mode or content at `path`, newest first."""
        at: str | None = until
        new = self.entry(until, path)
        while at is not None:
            commit = self.commit(at)
            parent = commit.parents[0] if commit.parents else None
            old = None if parent is None else self._entry_unless_same_tree(parent, commit.tree, path, new)
            if old != new:
                yield commit, EntryChange(path, old, new)
            at, new = parent, old

    def identity(self) -> Signature | None:
        """Tell who is at work, as Git would: the environment, then the git config; None when not known."""
        with explained("the git config cannot be read", where=self.git_dir):
            name = os.environ.get("GIT_AUTHOR_NAME") or self._config("user.name")
            email = os.environ.get("GIT_AUTHOR_EMAIL") or self._config("user.email")
        if not name or not email:
            return None
        return Signature(name, email, datetime.now().astimezone()).check()

    @property
    def handle(self) -> pygit2.Repository:
        """The libgit2 repository, for the modules of this package that write."""
        return self._repo

    def after_fork(self) -> None:
        """Forget, in a forked child, the locks that other threads of its parent may hold."""
        self._trees = _TreeCache()
        self._positions = _Positions(self.state_dir / "positions")

    def raw_tree(self, oid: str) -> RawTree:
        """Give a tree as name -> (mode in octal digits, binary id), in Git's order; not to be changed."""
        tree = self._trees.get(oid)
        if tree is None:
            tree = _parse_tree(oid, self._read(oid, ObjectType.TREE))
            self._trees.put(oid, tree)
        return tree

    def _compare(self, old: str | None, new: str | None, prefix: str = "") -> Iterator[EntryChange]:
        """Compare two trees level by level, unequal ones only, with a list for a stack."""
        pairs: list[tuple[str | None, str | None, str]] = [(old, new, prefix)]
        while pairs:
            old, new, prefix = pairs.pop()
            if old == new:
                continue
            before: RawTree = {} if old is None else self.raw_tree(old)
            after: RawTree = {} if new is None else self.raw_tree(new)
            names = [name for name, found in after.items() if before.get(name) != found]
            names += [name for name in before if name not in after]
            for name in names:
                path = prefix + decode_path(name)
                was_file, was_tree = _file_or_tree(path, before.get(name))
                is_file, is_tree = _file_or_tree(path, after.get(name))
                if was_file is not None or is_file is not None:
                    yield EntryChange(path, was_file, is_file)
                if was_tree is not None or is_tree is not None:
                    pairs.append((was_tree, is_tree, f"{path}/"))

    def _entry_unless_same_tree(self, parent: str, tree: str, path: str, known: Entry | None) -> Entry | None:
        """Look up `path` in a parent, descending only where its tree and the child's differ."""
        before, after = self._tree_of(parent), tree
        *folders, _ = encode_path(path).split(b"/")
        for name in folders:
            if before == after:
                return known
            was, now = self.raw_tree(before).get(name), self.raw_tree(after).get(name)
            if was is None or now is None or was[0] != b"40000" or now[0] != b"40000":
                return self.entry(parent, path)
            before, after = was[1].hex(), now[1].hex()
        return known if before == after else self.entry(parent, path)

    def _tree_of(self, oid: str) -> str:
        kind, data = self._read_any(oid)
        if kind == ObjectType.TREE:
            return oid
        _expect(oid, kind, ObjectType.COMMIT)
        return data[5:45].decode("ascii", "replace")

    def _directory(self, oid: str, path: str) -> str | None:
        if not path:
            return self._tree_of(oid)
        found = self.entry(oid, path)
        return found.oid if found is not None and found.is_tree else None

    def _first_parent(self, oid: str) -> str | None:
        try:
            data = self._read(oid, ObjectType.COMMIT)
        except RepositoryError as error:
            if not (self.git_dir / "shallow").exists():
                raise
            raise RepositoryError(
                "the repository is a shallow clone: its history is cut off, so positions in it are not known",
                where=str(self.git_dir),
                got=f"commit {oid} is not there",
                mend="run `git fetch --unshallow` in it",
            ) from error
        # the headers come in a fixed order, `tree` (46 bytes with its newline) first
        return data[53:93].decode("ascii", "replace") if data[46:53] == b"parent " else None

    def _read(self, oid: str, kind: ObjectType) -> bytes:
        got, data = self._read_any(oid)
        _expect(oid, got, kind)
        return data

    def _read_any(self, oid: str) -> tuple[ObjectType, bytes]:
        with self._reading(oid):
            return self._loose.read(_checked(oid)) or self._repo.odb.read(oid)

    @contextmanager
    def _reading(self, oid: str) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise RepositoryError(
                "an object is missing from the repository",
                where=str(self.git_dir),
                got=f"no object {oid}",
                mend="run `git fsck` in it; `git fetch` brings back what a remote still has",
            ) from error
        except (pygit2.GitError, OSError, ValueError) as error:
            raise RepositoryError(
                "an object of the repository cannot be read",
                where=f"{self.git_dir}: object {oid}",
                got=text_of(error),
                mend=mend_of(error) or "run `git fsck` in it, and bring the object back from a clone or a backup",
            ) from error

    def _config(self, name: str) -> str | None:
        config = self._repo.config
        return str(config[name]) if name in config else None


class _TreeCache:
    """The parsed trees used last, up to a number of entries; shared by threads."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, RawTree] = OrderedDict()
        self._entries = 0
        self._lock = threading.Lock()

    def get(self, oid: str) -> RawTree | None:
        with self._lock:
            tree = self._trees.get(oid)
            if tree is not None:
                self._trees.move_to_end(oid)
            return tree

    def put(self, oid: str, tree: RawTree) -> None:
        with self._lock:
            if oid not in self._trees:
                self._entries += len(tree) + 1
            self._trees[oid] = tree
            while self._entries > _CACHED_TREE_ENTRIES and len(self._trees) > 1:
                _, gone = self._trees.popitem(last=False)
                self._entries -= len(gone) + 1


class _Positions:
    """Known positions of commits. A pair never becomes wrong, so it may be kept, lost or written at any time.

    A file holds a waypoint every thousand commits or so, each line with its checksum; a torn line is no line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded = False
        self._waypoints: dict[str, int] = {}
        self._recent: dict[str, int] = {}
        self._lock = threading.Lock()

    def get(self, oid: str) -> int | None:
        if not self._loaded:
            self._load()
        return self._recent.get(oid) or self._waypoints.get(oid)

    def learn(self, base: int, passed: list[str]) -> None:
        """Take in that `passed`, newest first, stand directly on top of the position `base`."""
        if not passed:
            return
        with self._lock:
            self._recent[passed[0]] = base + len(passed)
            if len(self._recent) > _REMEMBERED_POSITIONS:
                del self._recent[next(iter(self._recent))]
            if (base + len(passed)) % _WAYPOINT_EVERY == 0 or len(passed) >= _WAYPOINT_EVERY:
                for n in range(0, len(passed), _WAYPOINT_EVERY):
                    self._waypoints[passed[n]] = base + len(passed) - n
                self._store()

    def _load(self) -> None:
        text = ""
        with suppress(OSError):
            text = self._path.read_bytes().decode("ascii", "replace")
        with self._lock:
            for line in text.splitlines():
                found = _POSITION_LINE.fullmatch(line)
                if found and line == _position_line(found[1], int(found[2])):
                    self._waypoints.setdefault(found[1], int(found[2]))
            self._loaded = True

    def _store(self) -> None:
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}.new")
            lines = (_position_line(oid, seq) for oid, seq in self._waypoints.items())
            fresh.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
            fresh.replace(self._path)


def _position_line(oid: str, seq: int) -> str:
    pair = f"{oid} {seq}"
    return f"{pair} {crc32(pair.encode()):08x}"


def _open_found(found: str) -> pygit2.Repository:
    try:
        return pygit2.Repository(found)
    except pygit2.GitError as error:
        if "not owned by current user" not in str(error):
            raise RepositoryError(
                "the Git repository cannot be opened",
                where=found,
                got=text_of(error),
                mend=mend_of(error) or "see what `git status` says of it",
            ) from error
        trusted = Path(found).parent if Path(found).name == ".git" else Path(found)
        raise RepositoryError(
            "the Git repository belongs to another user, so Git does not trust it",
            where=found,
            got=text_of(error),
            mend=f"if you trust it, run `git config --global --add safe.directory {trusted}`",
        ) from error
    except (OSError, KeyError, ValueError) as error:
        raise RepositoryError(
            "the Git repository cannot be opened",
            where=found,
            got=text_of(error),
            mend=mend_of(error) or "see what `git status` says of it",
        ) from error


def _add_quarantine(repo: pygit2.Repository) -> None:
    """Show what a push has brought to the hooks that judge it: Git keeps it apart until they have let it in.

    Only the repository that is pushed to has it; any other that a hook opens stays as it is.
    """
    named = os.environ.get("GIT_QUARANTINE_PATH")
    if not named:
        return
    objects = _common_dir(Path(repo.path)) / "objects"
    if os.path.realpath(Path(named).parent) == os.path.realpath(objects):
        with explained("what was pushed cannot be read", where=named, mend="push it again"):
            repo.odb.add_disk_alternate(named)


def _create_beside(where: Path, *, bare: bool, branch: str) -> None:
    """Make the repository in a sibling folder, then give it its name in one step."""
    where.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{where.name}.", suffix=".new", dir=where.parent))
    try:
        _init(fresh, bare=bare, branch=branch)
        fresh.chmod(0o755 & ~_umask())
        fresh.rename(where)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _create_inside(where: Path, *, bare: bool, branch: str) -> None:
    """Make the repository in a folder that is there and empty, without replacing the folder."""
    try:
        _init(where, bare=bare, branch=branch)
    except BaseException:
        for child in where.iterdir():
            shutil.rmtree(child, ignore_errors=True) if child.is_dir() else child.unlink(missing_ok=True)
        raise


def _init(where: Path, *, bare: bool, branch: str) -> None:
    pygit2.init_repository(str(where), bare=bare, initial_head=branch)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _common_dir(opened: Path) -> Path:
    """Find the folder that a linked worktree shares with the others; the file `commondir` names it."""
    with suppress(OSError):
        named = (opened / "commondir").read_text("utf-8", "surrogateescape").strip()
        return Path(os.path.normpath(opened / named))
    return Path(os.path.normpath(opened))


def head_of(git_dir: Path) -> str | None:
    """Give the ref that HEAD names, born or not; None when it is detached."""
    text = (git_dir / "HEAD").read_text("utf-8", "surrogateescape").strip()
    return text.removeprefix("ref:").strip() if text.startswith("ref:") else None


def _parse_tree(oid: str, data: bytes) -> RawTree:
    found = _RAW_ENTRY.findall(data)
    tree = {name: (mode, below) for mode, name, below in found}
    if not {mode for mode, _ in tree.values()} <= _MODES:
        tree = {name: (_usual_mode(mode), below) for name, (mode, below) in tree.items()}
    if len(tree) != len(found) or _RAW_TREE.fullmatch(data) is None:
        raise RepositoryError(
            "a directory of the repository is malformed: a name occurs twice, or has a slash in it",
            where=f"tree {oid}",
            mend="run `git fsck` in the repository; `receive.fsckObjects` refuses pushes that bring such",
        )
    return tree


def _usual_mode(mode: bytes) -> bytes:
    """Read an odd mode as Git does (`canon_mode`), so that nothing hides behind one."""
    bits = int(mode, 8)
    kinds = {0o040000: b"40000", 0o120000: b"120000", 0o100000: b"100755" if bits & 0o100 else b"100644"}
    return kinds.get(bits & 0o170000, b"160000")


def _parse_commit(oid: str, data: bytes) -> Commit:
    head, _, message = data.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key:  # a line that starts with a space goes on with a signature or a tag: of no interest
            fields.setdefault(key, []).append(value)
    encoding = fields.get(b"encoding", [b"utf-8"])[0].decode("ascii", "replace")
    return Commit(
        oid=oid,
        tree=fields.get(b"tree", [b""])[0].decode("ascii", "replace"),
        parents=tuple(parent.decode("ascii", "replace") for parent in fields.get(b"parent", [])),
        author=_parse_signature(fields.get(b"author", [b""])[0], encoding),
        committer=_parse_signature(fields.get(b"committer", [b""])[0], encoding),
        message=_decode(message, encoding),
    )


def _parse_signature(raw: bytes, encoding: str) -> Signature:
    found = _RAW_IDENTITY.fullmatch(raw)
    if found is None:
        return Signature(_decode(raw, encoding), "", _EPOCH)
    zone = found[4] or b"+0000"
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    when = _EPOCH
    with suppress(OverflowError, ValueError):  # a time or a zone that no calendar has
        offset = timezone(timedelta(minutes=-minutes if zone[:1] == b"-" else minutes))
        when = (_EPOCH + timedelta(seconds=int(found[3] or b"0"))).astimezone(offset)
    return Signature(_decode(found[1], encoding), _decode(found[2], encoding), when)


def _decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def _entry(path: str, found: tuple[bytes, bytes]) -> Entry:
    return Entry(path, found[1].hex(), int(found[0], 8))


def _file_or_tree(path: str, found: tuple[bytes, bytes] | None) -> tuple[Entry | None, str | None]:
    if found is None:
        return None, None
    return (None, found[1].hex()) if found[0] == b"40000" else (_entry(path, found), None)


def _checked(oid: str) -> str:
    if _HEX.fullmatch(oid) is None:
        raise RepositoryError(
            f"{oid!r} is not an object id",
            got=repr(oid),
            expected="40 hex digits",
            mend="pass names and short ids through `resolve` first",
        )
    return oid


def _expect(oid: str, got: int, expected: ObjectType) -> None:
    if got != expected:
        raise RepositoryError(
            f"the object is not a {_KINDS[expected]}",
            got=f"{oid} is a {_KINDS.get(ObjectType(got), 'thing of another kind')}",
            expected=f"a {_KINDS[expected]}",
            mend="check where that object id comes from",
        )


def _fault_of_identity(text: str) -> str | None:
    if not text.strip():
        return "is empty"
    if any(mark in text for mark in "<>\n\r\0"):
        return "has a character that Git does not allow"
    if text != text.strip() or any("\ud800" <= mark <= "\udfff" for mark in text):
        return "has blanks around it or is not valid Unicode"
    return None


def text_of(error: BaseException) -> str:
    """Give the words of an error, or its kind when it has none."""
    return str(error).strip() or type(error).__name__


def mend_of(error: BaseException) -> str | None:
    """Tell the mend of a full, read-only or forbidden disk; None for anything else."""
    text = str(error).lower()
    return next((mend for sign, mend in _MENDS if sign.lower() in text), None)
