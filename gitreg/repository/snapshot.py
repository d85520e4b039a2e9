"""A commit seen as records, lazily; and what one state does to another.

- Nothing is read before it is asked for; a parsed manifest is remembered by its blob's id, which names its bytes.
- An `Overlay` is a snapshot with files put over it or taken away: rules see it like any other.
- A `Footprint` tells what was looked at, so that one can tell later whether the answer still stands.
- A change comes from comparing trees (mode and id of each entry), never from diff text, and renames are not guessed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Final

import pygit2

from gitreg.errors import NotFoundError
from gitreg.kinds import Aliases, Manifest, Registry, status_of
from gitreg.manifests import MAX_BYTES, Reading, read_manifest
from gitreg.refs import KINDS, Address, Ref, addresses_at, is_name, is_namespace, is_version
from gitreg.repository.git import PLAIN, TREE, Entry, EntryChange, GitRepository
from gitreg.repository.lookups import Lookups, fold, words_in
from gitreg.resolution import ENDED, choose, why_nothing
from gitreg.versions import Version

REGISTRY_PATH: Final = "registry.yaml"
_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Record:
    """A manifest where it stands: its address, its bytes and its blob's id."""

    address: Address
    manifest: Manifest
    raw: bytes
    blob: str


class Memory:
    """What reading a repository has taught so far: blobs that were parsed (bounded), and where digests stand."""

    def __init__(self, repo: GitRepository, size: int = _REMEMBERED) -> None:
        self._repo = repo
        self._size = size
        self._readings: OrderedDict[str, Reading] = OrderedDict()
        self._records: OrderedDict[tuple[str, str], Record | None] = OrderedDict()

    def read(self, blob: str, raw: bytes) -> Reading:
        """Read the bytes of a blob, or remember what came of it."""
        known = self._readings.get(blob)
        if known is None:
            known = self._readings[blob] = read_manifest(raw)
            if len(self._readings) > self._size:
                self._readings.popitem(last=False)
        return known

    def record(self, path: str, blob: str, content: Callable[[], bytes]) -> Record | None:
        """Give the record that a blob is at a path, or remember what it was; None where it is none."""
        key = (path, blob)
        if key in self._records:
            return self._records[key]
        raw = content()
        manifest = self.read(blob, raw).manifest
        is_here = manifest is not None and manifest.address in addresses_at(path)
        found = Record(manifest.address, manifest, raw, blob) if is_here and manifest is not None else None
        self._records[key] = found
        if len(self._records) > self._size:
            self._records.popitem(last=False)
        return found

    def after_fork(self) -> None:
        """Let go, in a forked child, of what only its parent may use."""
        self._repo.after_fork()
        self.__dict__.pop("lookups", None)

    @cached_property
    def lookups(self) -> Lookups:
        """Who mentions what, and what was removed."""
        return Lookups(self._repo)


@dataclass(slots=True)
class Footprint:
    """What was looked at in a state: paths, folders, whole subtrees, words and names."""

    paths: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    subtrees: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    folds: set[tuple[str, str]] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)

    def meets(self, repo: GitRepository, changes: Iterable[EntryChange]) -> bool:
        """Tell whether what was looked at may be different after some changes."""
        return any(self._meets(repo, change) for change in changes)

    def _meets(self, repo: GitRepository, change: EntryChange) -> bool:
        path = change.path
        if path in self.paths or path.rpartition("/")[0] in self.folders or "" in self.subtrees:
            return True
        parts = path.split("/")
        if any("/".join(parts[:n]) in self.subtrees for n in range(1, len(parts))):
            return True
        for address in addresses_at(path):
            folder = path.partition("/")[0]
            if (folder, fold(address.name)) in self.folds or (folder, address.name) in self.names:
                return True
        entries = [entry for entry in (change.old, change.new) if entry is not None and entry.is_plain]
        return bool(self.words) and any(not self.words.isdisjoint(_words_of(repo, entry.oid)) for entry in entries)


def _words_of(repo: GitRepository, blob: str) -> set[str]:
    return words_in(repo.read_blob(blob)) if repo.blob_size(blob) <= MAX_BYTES else set()


class Snapshot:
    """The records of one commit; an empty one where there is no commit yet."""

    def __init__(
        self,
        repo: GitRepository,
        commit: str | None,
        memory: Memory | None = None,
        footprint: Footprint | None = None,
    ) -> None:
        self.repo = repo
        self.commit = commit
        self.memory = memory or Memory(repo)
        self.footprint = footprint if footprint is not None else Footprint()
        self._versions: dict[str, tuple[Version, ...]] = {}
        self._resolved: dict[Ref, Address] = {}

    @cached_property
    def tree(self) -> str | None:
        """The commit's tree."""
        return self.repo.commit(self.commit).tree if self.commit else None

    def entry(self, path: str) -> Entry | None:
        """Find what stands at a path."""
        self.footprint.paths.add(path)
        return self.repo.entry(self.tree, path) if self.tree else None

    def children(self, folder: str) -> list[Entry]:
        """List what stands directly in a folder."""
        self.footprint.folders.add(folder)
        return self.repo.children(self.tree, folder) if self.tree else []

    def walk(self, under: str) -> Iterator[Entry]:
        """Go through all that is not a directory, below a folder."""
        self.footprint.subtrees.add(under)
        return self.repo.walk(self.tree, under) if self.tree else iter(())

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Read the file at a path: its blob's id and its bytes; None where there is no plain file."""
        entry = self.entry(path)
        if entry is None or not entry.is_plain:
            return None
        return entry.oid, self.content(entry)

    def content(self, entry: Entry) -> bytes:
        """Read a file; one that is too large to be a manifest is not read, blanks stand for its bytes."""
        size = self.repo.blob_size(entry.oid)
        return self.repo.read_blob(entry.oid) if size <= MAX_BYTES else bytes(min(size, 256 * MAX_BYTES))

    def reading(self, path: str) -> Reading | None:
        """Read the manifest at a path, faults included; None where there is no plain file."""
        found = self.read(path)
        return self.memory.read(*found) if found else None

    def record_at(self, path: str) -> Record | None:
        """Give the record at a path; None where there is none that can be read."""
        entry = self.entry(path)
        if entry is None or not entry.is_plain:
            return None
        return self.memory.record(path, entry.oid, lambda: self.content(entry))

    def record(self, address: Address) -> Record | None:
        """Give the record of an address; None where there is none that can be read."""
        found = self.record_at(address.path)
        return found if found and found.address == address else None

    def versions(self, kind: str, namespace: str, name: str) -> tuple[Version, ...]:
        """List the versions of a name, highest first."""
        folder = Address(kind, namespace, name, "0.0.0").folder
        known = self._versions.get(folder)
        if known is None:
            stems = (entry.path.rpartition("/")[2].removesuffix(".yaml") for entry in self.children(folder))
            found = (Version.parse(stem) for stem in stems if is_version(stem))
            known = self._versions[folder] = tuple(sorted(found, reverse=True))
        return known

    def aliases(self, kind: str, namespace: str, name: str) -> Mapping[str, str]:
        """Give the aliases of a name and the version that each names."""
        record = self.record(Address("Aliases", namespace, name, of=kind))
        return record.manifest.spec.aliases if record and isinstance(record.manifest, Aliases) else {}

    def addresses(self, kind: str | None = None, namespace: str | None = None) -> Iterator[Address]:
        """List the records, by path; of one kind, and of a namespace with all below it, where that is asked."""
        for entry in self._entries(kind, namespace):
            for address in addresses_at(entry.path):
                if kind is not None and address.kind != kind:
                    continue
                if namespace is not None and not within(address.namespace, namespace):
                    continue
                if len(addresses_at(entry.path)) == 1 or self.record(address):
                    yield address

    def _entries(self, kind: str | None, namespace: str | None) -> Iterator[Entry]:
        for folder in sorted({address.folder for address in KINDS.values() if address.folder}):
            if kind not in (None, "Aliases") and KINDS[kind].folder != folder:
                continue
            if folder == REGISTRY_PATH:
                entry = self.entry(folder)
                yield from [entry] if entry else []
                continue
            shape_has_namespace = folder not in ("access", "waivers", "namespaces")
            under = f"{folder}/{namespace}" if namespace and shape_has_namespace else folder
            yield from self.walk(under)

    def names(self, kind: str, namespace: str) -> tuple[str, ...]:
        """List the names of a kind directly in a namespace."""
        folder = f"{KINDS[kind].folder}/{namespace}"
        return tuple(
            entry.path.rpartition("/")[2]
            for entry in self.children(folder)
            if entry.is_tree and is_name(entry.path.rpartition("/")[2]) and self._holds_versions(entry.path)
        )

    def _holds_versions(self, folder: str) -> bool:
        return any(is_version(e.path.rpartition("/")[2].removesuffix(".yaml")) for e in self.children(folder))

    def resolve(self, ref: Ref) -> Address:
        """Find the one record that a ref means; `NotFoundError` says what there is instead."""
        known = self._resolved.get(ref)
        if known is None:
            if len(self._resolved) > _REMEMBERED:
                self._resolved.clear()
            known = self._resolved[ref] = self._resolve(ref)
        return known

    def _resolve(self, ref: Ref) -> Address:
        if not KINDS[ref.kind].is_versioned:
            address = ref.address()
            if self.record(address) is None:
                raise NotFoundError(f"there is no {ref.place}", got=str(ref), mend="`gitreg list` shows what there is")
            return address
        if isinstance(ref.selector, Version):
            exact = ref.address(str(ref.selector))
            if self.entry(exact.path) is not None:
                return exact
        versions = self.versions(ref.kind, ref.namespace, ref.name)
        if not versions:
            raise self._unknown_name(ref)
        aliases = self.aliases(ref.kind, ref.namespace, ref.name)
        chosen = choose(ref.selector, versions, aliases, lambda version: self._is_retired(ref, version))
        if chosen is None:
            raise NotFoundError(
                f"{ref} means nothing: {why_nothing(ref.selector, versions, aliases)}",
                got=str(ref),
                mend="ask for one of those",
            )
        return ref.address(str(chosen))

    def _is_retired(self, ref: Ref, version: Version) -> bool:
        record = self.record(ref.address(str(version)))
        return status_of(record.manifest if record else None) in ENDED

    def _unknown_name(self, ref: Ref) -> NotFoundError:
        near = nearest(ref.name, self.names(ref.kind, ref.namespace)) if is_namespace(ref.namespace) else None
        hint = f"did you mean {ref.namespace}/{near}? " if near else ""
        return NotFoundError(
            f"there is no {ref.place}",
            got=str(ref),
            mend=f"{hint}`gitreg list {KINDS[ref.kind].word}` shows what there is",
        )

    @cached_property
    def settings(self) -> Registry | None:
        """The registry's own record; None where there is none that can be read."""
        record = self.record_at(REGISTRY_PATH)
        return record.manifest if record and isinstance(record.manifest, Registry) else None

    def mentioning(self, words: Iterable[str]) -> tuple[str, ...]:
        """Find the paths whose text may have one of these words in it: digests, places, keys of custom fields."""
        wanted = set(words)
        self.footprint.words |= wanted
        found = self.memory.lookups.mentioning(self.tree, wanted) if self.tree else ()
        return tuple(path for path in found if self.repo.entry(self.tree or "", path) is not None)

    def names_spelt(self, kind: str, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Find (namespace, name) of a kind's names that are spelt like one of these."""
        wanted, folder = set(names), KINDS[kind].folder
        self.footprint.names |= {(folder, name) for name in wanted}
        found = self.memory.lookups.named(self.tree, folder, wanted) if self.tree else ()
        return self._standing(kind, found)

    def names_folding(self, kind: str, folds: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Find (namespace, name) of a kind's names that fold to one of these (`lookups.fold`)."""
        wanted, folder = set(folds), KINDS[kind].folder
        self.footprint.folds |= {(folder, each) for each in wanted}
        found = self.memory.lookups.folded(self.tree, folder, wanted) if self.tree else ()
        return self._standing(kind, found)

    def _standing(self, kind: str, names: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((space, name) for space, name in names if self.versions(kind, space, name))

    def removed_at(self, path: str) -> Iterator[tuple[str, Reading]]:
        """Give what once stood at a path and was removed by a commit since, newest first: the blob and its reading."""
        for blob in self.memory.lookups.removed(self.commit, path) if self.commit else ():
            yield blob, self.memory.read(blob, self.content(Entry(path, blob, PLAIN)))

    def paths_with_digest(self, digest: str) -> tuple[str, ...]:
        """Find the records whose checksum is this digest."""
        return tuple(path for path in self.mentioning((digest,)) if self._digest_at(path) == digest)

    def _digest_at(self, path: str) -> str | None:
        record = self.record_at(path)
        checksum = getattr(record.manifest.spec, "checksum", None) if record else None
        return checksum.digest if checksum else None


class Overlay(Snapshot):
    """A snapshot with files put over it or taken away, as it would be after they land.

    `files` are bytes by path, None for one that is taken away; `entries` are files of the repository, of any mode.
    """

    def __init__(
        self,
        base: Snapshot,
        files: Mapping[str, bytes | None],
        entries: Mapping[str, Entry | None] | None = None,
    ) -> None:
        super().__init__(base.repo, base.commit, base.memory, base.footprint)
        self.base = base
        self._raw: dict[str, bytes] = {}
        self._over: dict[str, Entry | None] = dict(entries or {})
        for path, raw in files.items():
            entry = self._over[path] = None if raw is None else Entry(path, str(pygit2.hash(raw)), PLAIN)
            if raw is not None and entry is not None:
                self._raw[entry.oid] = raw
        self._by_folder: dict[str, list[str]] = {}
        for path in self._over:
            self._by_folder.setdefault(path.rpartition("/")[0], []).append(path)

    @property
    def touched(self) -> Mapping[str, Entry | None]:
        """What is put over the base, by path; None for what is taken away."""
        return self._over

    def and_also(self, files: Mapping[str, bytes | None], entries: Mapping[str, Entry | None]) -> Overlay:
        """Put more over the same base, on top of what is there."""
        more = Overlay(self.base, files, {**self._over, **entries})
        more._raw.update(self._raw)
        return more

    def entry(self, path: str) -> Entry | None:
        """Find what stands at a path."""
        if path in self._over:
            return self._over[path]
        found = self.base.entry(path)
        return None if found is not None and self._is_below_a_file(path) else found

    def _is_below_a_file(self, path: str) -> bool:
        """Tell whether a folder on the way was replaced by a file."""
        above = path.rpartition("/")[0]
        while above:
            if self._over.get(above) is not None:
                return True
            above = above.rpartition("/")[0]
        return False

    def children(self, folder: str) -> list[Entry]:
        """List what stands directly in a folder, new folders included."""
        entries = {entry.path: entry for entry in self.base.children(folder)}
        for path in self._by_folder.get(folder, ()):
            entry = self._over[path]
            if entry is None:
                entries.pop(path, None)
            else:
                entries[path] = entry
        for path in self._new_folders.get(folder, ()):
            entries.setdefault(path, Entry(path, "", TREE))
        return [entries[path] for path in sorted(entries)]

    @cached_property
    def _new_folders(self) -> dict[str, set[str]]:
        """The folders that hold something of the overlay, by the folder that they stand in."""
        found: dict[str, set[str]] = {}
        for folder, paths in self._by_folder.items():
            below = folder
            if not any(self._over[path] for path in paths):
                continue
            while below:
                above = below.rpartition("/")[0]
                found.setdefault(above, set()).add(below)
                below = above
        return found

    def walk(self, under: str) -> Iterator[Entry]:
        """Go through all that is not a directory, below a folder."""
        landed = {entry.path: entry for entry in self.base.walk(under) if entry.path not in self._over}
        prefix = f"{under}/" if under else ""
        over = {path: entry for path, entry in self._over.items() if entry is not None and path.startswith(prefix)}
        yield from (entry for _, entry in sorted({**landed, **over}.items()))

    def content(self, entry: Entry) -> bytes:
        """Read a file."""
        raw = self._raw.get(entry.oid)
        return raw if raw is not None else self.base.content(entry)

    def mentioning(self, words: Iterable[str]) -> tuple[str, ...]:
        """Find the paths whose text may have one of these words in it, in what has landed and what is put over it."""
        wanted = set(words)
        landed = {path for path in self.base.mentioning(wanted) if path not in self._over}
        over = {path for word in wanted for path in self._words_over.get(word, ())}
        return tuple(sorted(landed | over))

    @cached_property
    def _words_over(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path, entry in self._over.items():
            if entry is not None and entry.is_plain and addresses_at(path):
                for word in words_in(self.content(entry)):
                    found.setdefault(word, set()).add(path)
        return found

    def names_spelt(self, kind: str, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Find (namespace, name) of a kind's names that are spelt like one of these."""
        wanted = set(names)
        over = {(space, name) for space, name in self._names_over.get(kind, ()) if name in wanted}
        return self._standing(kind, sorted({*self.base.names_spelt(kind, wanted), *over}))

    def names_folding(self, kind: str, folds: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Find (namespace, name) of a kind's names that fold to one of these."""
        wanted = set(folds)
        over = {(space, name) for space, name in self._names_over.get(kind, ()) if fold(name) in wanted}
        return self._standing(kind, sorted({*self.base.names_folding(kind, wanted), *over}))

    @cached_property
    def _names_over(self) -> dict[str, set[tuple[str, str]]]:
        found: dict[str, set[tuple[str, str]]] = {}
        for path, entry in self._over.items():
            for address in addresses_at(path) if entry is not None else ():
                found.setdefault(address.kind, set()).add((address.namespace, address.name))
        return found


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What happened at one path: the entries and the readings before and after; None where there was nothing."""

    path: str
    old: Entry | None
    new: Entry | None
    before: Reading | None
    after: Reading | None

    @property
    def address(self) -> Address | None:
        """Say who it is about, as far as either side can be read."""
        for reading in (self.after, self.before):
            if reading is not None and reading.manifest is not None:
                return reading.manifest.address
        found = addresses_at(self.path)
        return found[0] if found else None


def changes_between(base: Snapshot, head: Snapshot) -> Iterator[RecordChange]:
    """Find what `head` does to the records of `base`, by path."""
    for change in entries_between(base, head):
        if addresses_at(change.path):
            before = base.reading(change.path) if change.old else None
            after = head.reading(change.path) if change.new else None
            yield RecordChange(change.path, change.old, change.new, before, after)


def entries_between(base: Snapshot, head: Snapshot) -> Iterator[EntryChange]:
    """Find each path that differs between two states, records or not, by path."""
    if isinstance(head, Overlay):
        paths = head.touched if head.base is base else {entry.path for each in (base, head) for entry in each.walk("")}
        for path in sorted(paths):
            old, new = base.entry(path), head.entry(path)
            if old is not None and old.is_tree:
                old = None
            if old != new:
                yield EntryChange(path, old, new)
        return
    for change in base.repo.diff(base.tree, head.tree):
        base.footprint.paths.add(change.path)
        yield change


def within(namespace: str, above: str) -> bool:
    """Tell whether a namespace is another one or lies below it."""
    return namespace == above or namespace.startswith(f"{above}/")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that is nearest to a misspelt one."""
    found = get_close_matches(word, list(known), n=1)
    return found[0] if found else None
