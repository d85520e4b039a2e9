"""Checks the Git objects that an index is made from: each is read and hashed, and a damaged one is named.

- Along main's first parents, oldest first: the commit, the trees that differ from the commit before, and the files
  that they bring, records or not. Files of more than `LARGEST` bytes are left out; the index does not read them.
- Packs and their indexes are checked as files, by the checksum that each ends with. A damaged index of a pack is told
  before anything else is looked at, and no object is read then: libgit2 may end the process over it.
- A damaged object ends nothing: what is beside it is checked all the same, and where a commit cannot be read, the
  catalog's own list of commits says which one came before it.
- Memory: 20 bytes a commit, and what is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import Option

from gitreg.errors import RepositoryError
from gitreg.repository.git import GitRepository, RawTree, decode_path, printable
from gitreg_indexer.damage import Damage, shown

LARGEST: Final = 64 * 1024 * 1024
_SUM: Final = 20
_CHUNK: Final = 1 << 20
_TREE: Final = b"40000"
_SUBMODULE: Final = b"160000"
_MEND: Final = (
    "run `git fsck` to see what else is damaged, and bring the object back from a clone, a remote or a backup: "
    "`git fetch --refetch` from a remote, or a copy of its file or pack"
)

Progress = Callable[[int], None]

pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, True)  # the default; here it is what everything rests on


@dataclass(slots=True)
class GitTruth:
    """What came of the check. `chain` is main's first parents; `broken_at` the first seq that cannot be read anew.

    `files` are damages of packs and of what else holds many objects; `damages` those of objects, by their ids.
    """

    chain: Chain
    files: list[Damage] = field(default_factory=list)
    damages: dict[str, Damage] = field(default_factory=dict)
    objects: int = 0
    broken_at: int | None = None

    def is_damaged(self, oid: str) -> bool:
        """Tell whether an object is damaged."""
        return oid in self.damages


class Chain:
    """The commits of main by seq, from 1."""

    def __init__(self) -> None:
        self._newest_first = bytearray()

    def __len__(self) -> int:
        return len(self._newest_first) // 20

    def __iter__(self) -> Iterator[str]:
        return (self.oid(seq) for seq in range(1, len(self) + 1))

    def put_before(self, oid: str) -> None:
        """Put a commit before those that are there."""
        self._newest_first += bytes.fromhex(oid)

    def oid(self, seq: int) -> str:
        """Give the commit at a seq; an empty text where there is none."""
        if not 1 <= seq <= len(self):
            return ""
        start = 20 * (len(self) - seq)
        return self._newest_first[start : start + 20].hex()

    def seq(self, oid: str) -> int | None:
        """Give the seq of a commit; None where it is not on main."""
        wanted, start = bytes.fromhex(oid), -1
        while (start := self._newest_first.find(wanted, start + 1)) >= 0:
            if start % 20 == 0:
                return len(self) - start // 20
        return None


def check_git(
    repo: GitRepository, until: str, *, before: Callable[[str], str | None], progress: Progress | None = None
) -> GitTruth:
    """Check what is needed of Git up to a commit; `before` guesses what came before a commit that cannot be read."""
    checked = GitTruth(Chain())
    checked.files = _check_packs(repo.git_dir / "objects")
    checker = _Checker(repo, checked)
    checker.follow_parents(until, before)
    previous: str | None = None
    for seq, oid in enumerate(checked.chain, start=1):
        previous = checker.check_commit(seq, oid, previous)
        if progress is not None:
            progress(1)
    return checked


def check_pack_indexes(repo: GitRepository) -> list[Damage]:
    """Check the indexes of packs; where one is damaged, no object may be read."""
    damages: list[Damage] = []
    for folder in _pack_folders(repo.git_dir / "objects"):
        for pack in sorted(folder.glob("*.pack")):
            mend = f"`git index-pack {pack}` makes it again"
            damages += _check_sum(pack.with_suffix(".idx"), "the index of a pack is damaged", mend)
        together = folder / "multi-pack-index"
        if together.exists():
            mend = "`git multi-pack-index write` makes it again"
            damages += _check_sum(together, "the index of all packs is damaged", mend)
    return damages


def _check_packs(objects: Path) -> list[Damage]:
    return [
        damage
        for folder in _pack_folders(objects)
        for pack in sorted(folder.glob("*.pack"))
        for damage in _check_sum(pack, "a pack is damaged", _MEND)
    ]


def _pack_folders(objects: Path) -> list[Path]:
    return [objects / "pack", *(other / "pack" for other in _alternates(objects))]


def _check_sum(file: Path, what: str, mend: str) -> list[Damage]:
    """Hash a file that ends with the hash of what stands before."""
    found = sha1(usedforsecurity=False)
    try:
        with file.open("rb") as source:
            left = source.seek(0, 2) - _SUM
            source.seek(0)
            while left > 0 and (chunk := source.read(min(_CHUNK, left))):
                found.update(chunk)
                left -= len(chunk)
            said = source.read()
    except FileNotFoundError:
        return []  # it was packed anew just now; what is missing is found by who needs it
    except OSError as error:
        return [Damage(str(file), what, error.strerror or str(error), None, mend)]
    if said == found.digest():
        return []
    return [Damage(str(file), what, f"bytes that hash to {found.hexdigest()}", said.hex() or "no checksum", mend)]


def _alternates(objects: Path) -> list[Path]:
    """List the folders of objects that this one borrows from, as Git's own file says."""
    try:
        lines = (objects / "info" / "alternates").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    return [objects / line for line in lines if line and not line.startswith("#")]


class _Checker:
    """Reads objects, and writes down what cannot be read and who needs it."""

    def __init__(self, repo: GitRepository, checked: GitTruth) -> None:
        self._repo = repo
        self._checked = checked
        self._seq = 0
        self._commit = ""

    def follow_parents(self, until: str, before: Callable[[str], str | None]) -> None:
        """Go back from a commit to the first one."""
        at: str | None = until
        needed = "where the index stands"
        while at is not None and not self._checked.is_damaged(at):
            oid = at
            self._checked.chain.put_before(oid)
            try:
                parents = self._repo.commit(oid).parents
            except RepositoryError as error:
                self._note(oid, f"commit {oid}, {needed}", error)
                at = before(oid)
            else:
                at = parents[0] if parents else None
            needed = f"the first parent of {oid}"

    def check_commit(self, seq: int, oid: str, previous: str | None) -> str | None:
        """Check what a commit brings; give its tree, or where that is not known the one before it."""
        self._seq, self._commit = seq, oid
        if self._checked.is_damaged(oid):
            self._break()
            return previous
        tree = self._repo.commit(oid).tree
        self._checked.objects += 1
        self._compare(previous, tree)
        return tree

    def _compare(self, previous: str | None, tree: str) -> None:
        pairs: list[tuple[str | None, str, str]] = [(previous, tree, "")]
        while pairs:
            old, new, prefix = pairs.pop()
            if old == new:
                continue
            known = self._tree_known(old)
            for name, (mode, raw) in self._tree(new, prefix).items():
                if known.get(name) == (mode, raw):
                    continue
                path = prefix + decode_path(name)
                if mode == _TREE:
                    was_mode, was = known.get(name, (b"", b""))
                    pairs.append((was.hex() if was_mode == _TREE else None, raw.hex(), f"{path}/"))
                elif mode != _SUBMODULE:
                    self._check_file(path, raw.hex())

    def _tree_known(self, oid: str | None) -> RawTree:
        """Give a tree that was checked before."""
        if oid is None or self._checked.is_damaged(oid):
            return {}
        return self._repo.raw_tree(oid)

    def _tree(self, oid: str, prefix: str) -> RawTree:
        try:
            self._checked.objects += 1
            return self._repo.raw_tree(oid)
        except RepositoryError as error:
            self._note(oid, f"tree {oid}, the folder /{printable(prefix)}", error)
            self._break()
            return {}

    def _check_file(self, path: str, oid: str) -> None:
        try:
            self._checked.objects += 1
            if self._repo.blob_size(oid) <= LARGEST:
                self._repo.read_blob(oid)
        except RepositoryError as error:
            self._note(oid, f"blob {oid}, the file {printable(path)}", error)

    def _note(self, oid: str, what: str, error: RepositoryError) -> None:
        if self._checked.is_damaged(oid):
            return
        file = self._repo.git_dir / "objects" / oid[:2] / oid[2:]
        stands = file if file.exists() else f"{self._repo.git_dir}: in a pack, or nowhere"
        needed = f" in commit {self._commit} (seq {self._seq})" if self._commit else ""
        self._checked.damages[oid] = Damage(
            f"{stands}: {what}{needed}", error.says, shown(error.got), f"bytes that hash to {oid}", _MEND
        )

    def _break(self) -> None:
        if self._checked.broken_at is None:
            self._checked.broken_at = self._seq
