"""A commit seen as records, lazily; and what one state does to another.

- Nothing is read before it is asked for; a parsed manifest is remembered by its blob's id, which names its bytes.
- An `Overlay` is a snapshot with files put over it: rules see it like any other.
- A change comes from comparing trees (mode and id of each entry), never from diff text, and renames are not guessed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Final

import pygit2

from gitreg.errors import NotFoundError
from gitreg.kinds import Aliases, Manifest, Registry
from gitreg.manifests import MAX_BYTES, Reading, read_manifest
from gitreg.refs import KINDS, Address, Ref, addresses_at, is_name, is_namespace, is_version
from gitreg.repository.digests import DigestIndex
from gitreg.repository.git import Entry, GitRepository
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

    def read(self, blob: str, raw: bytes) -> Reading:
        """Read the bytes of a blob, or remember what came of it."""
        known = self._readings.get(blob)
        if known is None:
            known = self._readings[blob] = read_manifest(raw)
            if len(self._readings) > self._size:
                self._readings.popitem(last=False)
        return known

    @cached_property
    def digests(self) -> DigestIndex:
        """Where artifacts' digests stand."""
        return DigestIndex(self._repo)


class Snapshot:
    """The records of one commit; an empty one where there is no commit yet."""

    def __init__(self, repo: GitRepository, commit: str | None, memory: Memory | None = None) -> None:
        self.repo = repo
        self.commit = commit
        self.memory = memory or Memory(repo)
        self._versions: dict[str, tuple[Version, ...]] = {}

    @cached_property
    def tree(self) -> str | None:
        """The commit's tree."""
        return self.repo.commit(self.commit).tree if self.commit else None

    def entry(self, path: str) -> Entry | None:
        """Find what stands at a path."""
        return self.repo.entry(self.tree, path) if self.tree else None

    def children(self, folder: str) -> list[Entry]:
        """List what stands directly in a folder."""
        return self.repo.children(self.tree, folder) if self.tree else []

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Read the file at a path: its blob's id and its bytes; None where there is no plain file."""
        entry = self.entry(path)
        if entry is None or not entry.is_plain or self.repo.blob_size(entry.oid) > MAX_BYTES:
            return None
        return entry.oid, self.repo.read_blob(entry.oid)

    def reading(self, path: str) -> Reading | None:
        """Read the manifest at a path, faults included; None where there is no plain file."""
        found = self.read(path)
        return self.memory.read(*found) if found else None

    def record_at(self, path: str) -> Record | None:
        """Give the record at a path; None where there is none that can be read."""
        found = self.read(path)
        if found is None:
            return None
        blob, raw = found
        manifest = self.memory.read(blob, raw).manifest
        if manifest is None or manifest.address not in addresses_at(path):
            return None
        return Record(manifest.address, manifest, raw, blob)

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
        if self.tree is None:
            return
        for folder in sorted({address.folder for address in KINDS.values() if address.folder}):
            if kind not in (None, "Aliases") and KINDS[kind].folder != folder:
                continue
            if folder == REGISTRY_PATH:
                entry = self.entry(folder)
                yield from [entry] if entry else []
                continue
            shape_has_namespace = folder not in ("access", "waivers", "namespaces")
            under = f"{folder}/{namespace}" if namespace and shape_has_namespace else folder
            yield from self.repo.walk(self.tree, under)

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
        lifecycle = getattr(record.manifest.spec, "lifecycle", None) if record else None
        return getattr(lifecycle, "status", None) in ENDED

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

    def paths_with_digest(self, digest: str) -> tuple[str, ...]:
        """Find the records whose checksum is this digest."""
        found = self.memory.digests.paths(self.commit, digest) if self.commit else ()
        return tuple(path for path in found if self._digest_at(path) == digest)

    def _digest_at(self, path: str) -> str | None:
        record = self.record_at(path)
        checksum = getattr(record.manifest.spec, "checksum", None) if record else None
        return checksum.digest if checksum else None


class Overlay(Snapshot):
    """A snapshot with files put over it, as it would be after they land."""

    def __init__(self, base: Snapshot, files: Mapping[str, bytes]) -> None:
        super().__init__(base.repo, base.commit, base.memory)
        self.base = base
        self.files = dict(files)
        self._blobs = {path: str(pygit2.hash(raw)) for path, raw in self.files.items()}
        self._by_folder: dict[str, list[str]] = {}
        for path in self.files:
            self._by_folder.setdefault(path.rpartition("/")[0], []).append(path)

    def entry(self, path: str) -> Entry | None:
        """Find what stands at a path."""
        if path in self.files:
            return Entry(path, self._blobs[path], 0o100644)
        return super().entry(path)

    def children(self, folder: str) -> list[Entry]:
        """List what stands directly in a folder; new folders of the overlay are not listed."""
        entries = {entry.path: entry for entry in super().children(folder)}
        for path in self._by_folder.get(folder, ()):
            entries[path] = Entry(path, self._blobs[path], 0o100644)
        return [entries[path] for path in sorted(entries)]

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Read the file at a path: its blob's id and its bytes."""
        if path in self.files:
            return self._blobs[path], self.files[path]
        return super().read(path)

    def paths_with_digest(self, digest: str) -> tuple[str, ...]:
        """Find the records whose checksum is this digest, among what has landed and what is put over it."""
        landed = {path for path in super().paths_with_digest(digest) if path not in self.files}
        return tuple(sorted(landed | self._drafted_digests.get(digest, set())))

    @cached_property
    def _drafted_digests(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path in self.files:
            digest = self._digest_at(path)
            if digest is not None:
                found.setdefault(digest, set()).add(path)
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
    if isinstance(head, Overlay) and head.base is base:
        yield from changes_at(base, head, sorted(head.files))
        return
    for change in base.repo.diff(base.tree, head.tree):
        if addresses_at(change.path):
            yield _change(base, head, change.path, change.old, change.new)


def changes_at(base: Snapshot, head: Snapshot, paths: Iterable[str]) -> Iterator[RecordChange]:
    """Find what `head` does to the records of `base` at some paths."""
    for path in paths:
        old, new = base.entry(path), head.entry(path)
        if old != new:
            yield _change(base, head, path, old, new)


def _change(base: Snapshot, head: Snapshot, path: str, old: Entry | None, new: Entry | None) -> RecordChange:
    before = base.reading(path) if old else None
    after = head.reading(path) if new else None
    return RecordChange(path, old, new, before, after)


def within(namespace: str, above: str) -> bool:
    """Tell whether a namespace is another one or lies below it."""
    return namespace == above or namespace.startswith(f"{above}/")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that is nearest to a misspelt one."""
    found = get_close_matches(word, list(known), n=1)
    return found[0] if found else None
