"""Write commits so that an acknowledged one survives a crash, and move the branch so that no update is lost.

- `write_commit` only adds objects; until `advance` moves the branch nobody sees them, and a failure leaves
  nothing but unreachable objects, which `git gc` sweeps.
- Every object is on disk (fsync) before `write_commit` returns, and the ref before `advance` returns.
- Children are written before what points at them: a crash never leaves a commit without its tree.
- Objects are made here, byte for byte; the two lanes (loose objects, one pack) only store them. The same call
  gives the same commit id through either.
- A merge is written the same way: its first parent is the branch, the others are what came in, and what came in is
  made durable before the branch can name it.
- `advance` compares and swaps while it holds Git's own lock of the ref: `git push`, `git commit` and other
  gitreg processes are all kept out, and the first commit of an unborn branch is as safe as any other. `swap` does
  so for any ref. The lock that a killed writer leaves is cleared away by the next one (`claims`).
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha1
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from gitreg.errors import ConflictError, GitregError, RepositoryError, UsageError
from gitreg.repository.claims import claimed
from gitreg.repository.git import (
    Entry,
    GitRepository,
    RawTree,
    Signature,
    encode_path,
    explained,
    mend_of,
    printable,
    text_of,
)

PACK_ABOVE = 32
"""More objects than this go into one pack. Measured: 0.6 ms an object, 6 ms a pack; but packs pile up."""

LOCK_PATIENCE = 5.0
"""Seconds to wait for a ref that another process holds."""

_DEEPEST = 64
_LONGEST = 4095
_FILE = b"100644"
_TREE = b"40000"
_PACK_KINDS = {ObjectType.COMMIT: 1, ObjectType.TREE: 2, ObjectType.BLOB: 3}
_KIND_NAMES = {ObjectType.COMMIT: b"commit", ObjectType.TREE: b"tree", ObjectType.BLOB: b"blob"}
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_LOCAL_VARIABLES = frozenset(
    f"GIT_{name}"
    for name in (
        *("ALTERNATE_OBJECT_DIRECTORIES", "COMMON_DIR", "CONFIG", "CONFIG_COUNT", "CONFIG_PARAMETERS", "DIR"),
        *("GRAFT_FILE", "IMPLICIT_WORK_TREE", "INDEX_FILE", "NAMESPACE", "OBJECT_DIRECTORY", "PREFIX"),
        *("QUARANTINE_PATH", "SHALLOW_FILE", "WORK_TREE"),
    )
)
"""What points git at one repository (`git rev-parse --local-env-vars`)."""

_SWAPPING = threading.Lock()

Objects = dict[str, tuple[ObjectType, bytes]]

Changes = Mapping[str, bytes | Entry | None]
"""What is wanted at each path: a file's bytes, a file that the repository has already, or no file."""


class RefMoved(ConflictError):  # noqa: N818 - it is what happened
    """Somebody else moved the branch first: read the new tip, decide again, and retry."""

    code = "ref-moved"


class _Held(Exception):  # noqa: N818 - it is what is so
    """Another gitreg process holds the claim on the ref."""


def write_commit(
    repo: GitRepository,
    *,
    parent: str | None,
    changes: Changes,
    author: Signature,
    committer: Signature,
    message: str,
    merged: Sequence[str] = (),
) -> str:
    """Write `changes` on top of `parent` as a durable commit that no ref names yet, and give its id.

    None removes a file; to remove what is not there is no change. Folders come and go with their files. When
    nothing differs, the commit's tree is its parent's. UsageError, and nothing written, for a bad path. `merged` are
    further parents, of which only the history is taken.
    """
    objects: Objects = {}
    wanted = _plan(changes)
    base = None if parent is None else repo.commit(parent).tree
    tree = _rewrite(repo, base, wanted, "", objects) or _add(objects, ObjectType.TREE, b"")
    parents = [*([parent] if parent else []), *merged]
    oid = _add(objects, ObjectType.COMMIT, _commit_bytes(tree, parents, author, committer, message))
    if len(objects) > PACK_ABOVE and _store_packed(repo, objects):
        return oid
    _store_loose(repo, objects)
    return oid


def write_merge(
    repo: GitRepository,
    *,
    onto: str,
    head: str,
    changes: Changes,
    author: Signature,
    committer: Signature,
    message: str,
) -> str:
    """Write the merge of `head` onto `onto` as a durable commit that no ref names yet; `changes` are against `onto`."""
    with explained("the merge could not be written; nothing has changed", where=repo.git_dir):
        for oid in {*_objects_of(repo, onto, head), *(e.oid for e in changes.values() if isinstance(e, Entry))}:
            _make_durable(repo.git_dir / "objects" / oid[:2] / oid[2:])
    return write_commit(
        repo, parent=onto, changes=changes, author=author, committer=committer, message=message, merged=(head,)
    )


def _objects_of(repo: GitRepository, base: str, head: str) -> Iterator[str]:
    """Find the commits, trees and files that came with `head` and that `base` does not have."""
    walker = repo.handle.walk(head)
    walker.hide(base)
    for commit in walker:
        parent = str(commit.parents[0].tree_id) if commit.parent_ids else None
        yield str(commit.id)
        pairs: list[tuple[str | None, str]] = [(parent, str(commit.tree_id))]
        while pairs:
            old, new = pairs.pop()
            if old == new:
                continue
            yield new
            before: RawTree = {} if old is None else repo.raw_tree(old)
            for name, (mode, below) in repo.raw_tree(new).items():
                was = before.get(name)
                if was == (mode, below):
                    continue
                if mode == _TREE:
                    pairs.append((was[1].hex() if was and was[0] == _TREE else None, below.hex()))
                else:
                    yield below.hex()


def tree_with(repo: GitRepository, parent: str | None, changes: Changes) -> str:
    """Give the id of the tree that `changes` make of a commit's, writing nothing."""
    base = None if parent is None else repo.commit(parent).tree
    return _rewrite(repo, base, _plan(changes), "", {}) or _oid_of(ObjectType.TREE, b"")


def advance(repo: GitRepository, *, new: str, old: str | None, message: str) -> None:
    """Move the branch from `old` to `new`, durably; None is a branch that is not born yet.

    RefMoved when the branch stands elsewhere; ConflictError when its lock stays held past LOCK_PATIENCE.
    """
    swap(repo, repo.branch, new=new, old=old, message=message)


def swap(repo: GitRepository, ref: str, *, new: str | None, old: str | None, message: str) -> None:
    """Move a ref from `old` to `new`, durably; None is a ref that is not there. As `advance` otherwise."""
    who = _who_moves(repo, new or old)
    started = time.monotonic()
    pause = 0.002
    while True:
        try:
            _swap(repo, ref, new=new, old=old, message=message, who=who)
        except (pygit2.GitError, OSError, KeyError, ValueError, _Held) as error:
            if not isinstance(error, _Held) and not _is_held_lock(error):
                raise RepositoryError(
                    "the branch could not be moved",
                    where=f"{repo.git_dir}: {ref}",
                    got=text_of(error),
                    mend=mend_of(error) or f"run `git fsck` in {repo.git_dir}, and see whether the ref reads",
                ) from error
            _give_up_after_patience(repo, ref, started, is_claimed=isinstance(error, _Held))
        else:
            return
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - keeps two writers from meeting again
        pause = min(pause * 2, 0.2)


def _swap(
    repo: GitRepository, ref: str, *, new: str | None, old: str | None, message: str, who: Signature | None
) -> None:
    with _SWAPPING, claimed(repo, ref) as claim, repo.handle.transaction() as transaction:
        if claim is None:
            raise _Held
        claim.intends()
        transaction.lock_ref(ref)
        claim.says(new)
        _refuse_moved(repo, ref, old)
        if who is not None:
            repo.handle.set_ident(who.name, who.email)  # for the reflog; pygit2 1.21 cannot pass a signature
        if new is not None:
            transaction.set_target(ref, new, message=message)
        elif old is not None:
            transaction.remove(ref)


@dataclass(slots=True)
class _Wanted:
    """What is wanted at one name: a file's bytes, no file, and what is wanted below it."""

    content: bytes | Entry | None = None
    absent: bool = False
    below: dict[bytes, _Wanted] = field(default_factory=dict)


def _plan(changes: Changes) -> dict[bytes, _Wanted]:
    """Sort the changes by folder; UsageError when a path cannot be written."""
    top = _Wanted()
    for path, content in changes.items():
        _check_path(path, removed=content is None)
        at = top
        for name in encode_path(path).split(b"/"):
            at = at.below.setdefault(name, _Wanted())
        at.content = content
        at.absent = content is None
    return top.below


def _check_path(path: str, *, removed: bool) -> None:
    fault = fault_of_path(path, removed=removed)
    if fault is not None:
        raise UsageError(
            f"the path {fault}",
            where=repr(path),
            expected="a relative path with `/` between its parts, such as `models/acme/chat/1.0.0.yaml`",
            mend="correct the path",
        )


def fault_of_path(path: str, *, removed: bool) -> str | None:
    """Tell why a path cannot be written; what is there may be removed, however odd its name."""
    parts = path.split("/")
    if path.startswith("/"):
        return "is absolute"
    if "" in parts:
        return "has an empty part" if path else "is empty"
    if "\0" in path:
        return "has a NUL character in it"
    if len(parts) > _DEEPEST or len(encode_path(path)) > _LONGEST:
        return f"is deeper than {_DEEPEST} folders or longer than {_LONGEST} bytes"
    if removed:
        return None
    if "\\" in path:
        return "has a backslash in it"
    if any("\ud800" <= mark <= "\udfff" for mark in path):
        return "is not valid Unicode"
    bad = next((part for part in parts if part in {".", ".."} or _is_dot_git(part)), None)
    return None if bad is None else f"has {bad!r} as a part"


def _is_dot_git(name: str) -> bool:
    """Tell whether some file system takes a name for `.git` (as `git fsck` does for HFS+ and NTFS)."""
    plain = _IGNORED_BY_HFS.sub("", name).lower().split(":")[0].rstrip(" .")
    return plain in {".git", "git~1"}


def _rewrite(
    repo: GitRepository, tree: str | None, wanted: dict[bytes, _Wanted], prefix: str, objects: Objects
) -> str | None:
    """Make the tree that the changes turn `tree` into, and those below; None when nothing is left."""
    before: RawTree = {} if tree is None else repo.raw_tree(tree)
    after = dict(before)
    for name, want in wanted.items():
        path = prefix + name.decode("utf-8", "surrogateescape")
        found = _apply(repo, before.get(name), want, path, objects)
        if found is None:
            after.pop(name, None)
        else:
            after[name] = found
    if not after:
        return None
    if after == before:
        return tree
    return _add(objects, ObjectType.TREE, _tree_bytes(after))


def _apply(
    repo: GitRepository, found: tuple[bytes, bytes] | None, want: _Wanted, path: str, objects: Objects
) -> tuple[bytes, bytes] | None:
    """Turn one entry of a tree into what is wanted at its name."""
    if want.below:
        found = _apply_below(repo, found, want, path, objects)
    if want.content is None:
        if want.absent and not want.below:
            _refuse_folder(found, path, "a folder is there, so it cannot be removed as a file")
            return None
        return found
    _refuse_folder(found, path, "a folder is there, so no file can have its name")
    if isinstance(want.content, Entry):
        return f"{want.content.mode:o}".encode(), bytes.fromhex(want.content.oid)
    fresh = (_FILE, bytes.fromhex(_oid_of(ObjectType.BLOB, want.content)))
    if fresh != found:
        _add(objects, ObjectType.BLOB, want.content)
    return fresh


def _apply_below(
    repo: GitRepository, found: tuple[bytes, bytes] | None, want: _Wanted, path: str, objects: Objects
) -> tuple[bytes, bytes] | None:
    """Turn one entry of a tree into the folder that holds what is wanted below its name."""
    tree = found[1].hex() if found is not None and found[0] == _TREE else None
    below = _rewrite(repo, tree, want.below, f"{path}/", objects)
    stays = found is not None and tree is None and not want.absent
    if below is None:
        return found if stays else None
    if stays:
        raise UsageError(
            "a file is there, so no folder can have its name",
            where=printable(path),
            mend="choose another path, or remove that file in the same commit",
        )
    return _TREE, bytes.fromhex(below)


def _refuse_folder(found: tuple[bytes, bytes] | None, path: str, says: str) -> None:
    if found is not None and found[0] == _TREE:
        raise UsageError(
            says,
            where=printable(path),
            mend="choose another path, or remove the files in that folder as well",
        )


def _add(objects: Objects, kind: ObjectType, data: bytes) -> str:
    oid = _oid_of(kind, data)
    objects[oid] = (kind, data)
    return oid


def _oid_of(kind: ObjectType, data: bytes) -> str:
    return sha1(b"%s %d\0" % (_KIND_NAMES[kind], len(data)) + data, usedforsecurity=False).hexdigest()


def _tree_bytes(tree: RawTree) -> bytes:
    """Write a tree as Git does: sorted as if each folder's name ended with a slash."""
    named = ((name + b"/" if mode == _TREE else name, name, mode, oid) for name, (mode, oid) in tree.items())
    entries = sorted(named)
    return b"".join(b"%s %s\0%s" % (mode, name, oid) for _, name, mode, oid in entries)


def _commit_bytes(tree: str, parents: Sequence[str], author: Signature, committer: Signature, message: str) -> bytes:
    if "\0" in message or any("\ud800" <= mark <= "\udfff" for mark in message) or not message.strip():
        raise UsageError(
            "the message of a commit must be Unicode text without NUL, and not empty",
            got=repr(message[:200]),
            mend="give the commit a message such as `Register acme/chat 1.0.0`",
        )
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {_stamp(author)}", f"committer {_stamp(committer)}", "", message.rstrip("\n") + "\n"]
    return "\n".join(lines).encode()


def _stamp(signature: Signature) -> str:
    when = signature.check().when
    minutes = (when.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    return f"{signature} {int(when.timestamp())} {sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def _store_loose(repo: GitRepository, objects: Objects) -> None:
    """Store each object in a file of its own, fsynced by libgit2."""
    odb = repo.handle.odb
    folder = repo.git_dir / "objects"
    with explained("the commit could not be written; nothing has changed", where=repo.git_dir):
        fans_out = not all((folder / oid[:2]).exists() for oid in objects)
        for oid, (kind, data) in objects.items():
            if oid in odb:
                _make_durable(folder / oid[:2] / oid[2:])
            else:
                odb.write(kind, data)
        if fans_out:  # libgit2 flushes a file and its folder, not the folder that a new folder is in
            _fsync(folder)


def _make_durable(path: Path) -> None:
    """Fsync an object that somebody else wrote: Git itself leaves loose ones to the kernel."""
    with suppress(FileNotFoundError):  # it lies in a pack, and those Git fsyncs
        _fsync(path)
        _fsync(path.parent)


def _store_packed(repo: GitRepository, objects: Objects) -> bool:
    """Store all objects as one fsynced pack; False when there is no `git` to index it."""
    command = ["git", f"--git-dir={repo.git_dir}", "-c", "core.fsync=all", "index-pack", "--stdin"]
    with explained("the commit could not be written; nothing has changed", where=repo.git_dir):
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=git_environment(),
            )
        except FileNotFoundError:
            return False
        packed = b"".join(_pack_bytes(objects.values()))
        out, err = process.communicate(packed)
        if process.returncode != 0 or packed[-20:].hex().encode() not in out:
            raise OSError(err.decode("utf-8", "replace").strip() or f"git index-pack: {process.returncode}")
        _fsync(repo.git_dir / "objects" / "pack")
    return True


def _pack_bytes(objects: Iterable[tuple[ObjectType, bytes]]) -> Iterator[bytes]:
    """Write a version 2 pack of whole objects (gitformat-pack(5)); deltas are left to `git gc`."""
    entries = list(objects)
    digest = sha1(usedforsecurity=False)
    head = b"PACK" + (2).to_bytes(4) + len(entries).to_bytes(4)
    digest.update(head)
    yield head
    for kind, data in entries:
        packed = _pack_entry_head(_PACK_KINDS[kind], len(data)) + zlib.compress(data, 1)
        digest.update(packed)
        yield packed
    yield digest.digest()


def _pack_entry_head(kind: int, size: int) -> bytes:
    """Write kind and size: 4 bits of size in the first byte, 7 in each that follows, the lowest first."""
    head = bytearray()
    byte, size = kind << 4 | size & 15, size >> 4
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head)


def git_environment() -> dict[str, str]:
    """Give git our environment, less what points it at another repository."""
    kept = {name: value for name, value in os.environ.items() if name not in _LOCAL_VARIABLES}
    return {**kept, "LC_ALL": "C"}


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _who_moves(repo: GitRepository, commit: str | None) -> Signature | None:
    """Tell who the reflog names: whoever is at work, else the committer of what the branch moves to."""
    committer = repo.commit(commit).committer if commit else None
    who: Signature | None = None
    with suppress(GitregError):
        who = repo.identity()
    return who or committer


def _refuse_moved(repo: GitRepository, name: str, old: str | None) -> None:
    """Compare, while the ref is locked."""
    ref = repo.handle.references.get(name)
    got = None if ref is None else str(ref.target)
    if got != old:
        raise RefMoved(
            "somebody else's commit came first",
            where=f"{repo.git_dir}: {name}",
            got=got or "no commit",
            expected=old or "no commit",
            mend="look at what changed, and try again",
        )


def _is_held_lock(error: Exception) -> bool:
    text = str(error)
    return "failed to lock file" in text or (".lock" in text and "File exists" in text)


def _give_up_after_patience(repo: GitRepository, ref: str, started: float, *, is_claimed: bool) -> None:
    waited = time.monotonic() - started
    if waited < LOCK_PATIENCE:
        return
    lock = repo.git_dir / f"{ref}.lock"
    if is_claimed:
        raise ConflictError(
            "another gitreg process is moving the branch",
            where=f"{repo.git_dir}: {ref}",
            got=f"busy for {waited:.1f} s",
            mend="wait for it, then try again; it lets go when it ends",
        )
    raise ConflictError(
        "another process holds the lock of the branch",
        where=str(lock),
        got=f"held for {waited:.1f} s",
        mend=f"wait for it; when no git and no gitreg process is at work on this repository, a crash "
        f"has left the lock behind: remove it with `rm {lock}` and try again",
    )
