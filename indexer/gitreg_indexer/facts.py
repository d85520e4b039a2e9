"""What the index knows, as values, and how one commit changes it.

- A fact is a record as it stood from one commit (`seq_from`) until another (`seq_to`, exclusive); facts are never
  changed but for being closed, so the past stays answerable.
- Folding is reconciling: (old, new) at a path -> close, open, quarantine or nothing. Twice is the same as once.
- No I/O here: Git and the catalog stand around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson

from gitreg.errors import Finding
from gitreg.kinds import Manifest, status_of
from gitreg.manifests import Reading
from gitreg.refs import Address, addresses_at
from gitreg.registry import Provenance, answer
from gitreg.repository.git import Entry, EntryChange
from gitreg.versions import Version


@dataclass(frozen=True, slots=True)
class Birth:
    """When a path was first seen, and whose commit that was."""

    seq: int
    created_at: str
    registered_by: str


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """What folding needs to know of a commit."""

    seq: int
    oid: str
    time: str
    author: str
    message: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that stands from this commit on; `doc` is the answer, ready to send."""

    address: Address
    path: str
    blob: str
    seq: int
    doc: bytes
    etag: str
    status: str | None
    version_key: str

    @property
    def version(self) -> str:
        """The version's text; empty where the kind has none."""
        return self.address.version or ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that stands from this commit on and cannot be read as a record, with what is wrong."""

    path: str
    blob: str
    seq: int
    findings: bytes


@dataclass(frozen=True, slots=True)
class Folded:
    """What one commit does: paths whose facts end, facts and quarantines that begin, paths first seen."""

    commit: CommitFacts
    closed: tuple[str, ...]
    opened: tuple[Opened, ...]
    quarantined: tuple[Quarantined, ...]
    born: tuple[tuple[str, Birth], ...]


def fold_commit(
    commit: CommitFacts,
    changes: Iterable[EntryChange],
    *,
    uid: str,
    read: Callable[[Entry], Reading],
    birth_of: Callable[[str], Birth | None],
) -> Folded:
    """Fold one commit's changes; `read` gives what came of reading a file, `birth_of` when a path was first seen."""
    closed: list[str] = []
    opened: list[Opened] = []
    quarantined: list[Quarantined] = []
    born: list[tuple[str, Birth]] = []
    for change in changes:
        candidates = addresses_at(change.path)
        if not candidates and not _is_misplaced(change.path):
            continue
        if change.old is not None:
            closed.append(change.path)
        if change.new is None:
            continue
        birth = birth_of(change.path)
        if birth is None:
            birth = Birth(commit.seq, commit.time, commit.author)
            born.append((change.path, birth))
        reading = read(change.new)
        findings = _faults(change.path, change.new, reading, candidates)
        if findings or reading.manifest is None:
            listed = orjson.dumps([finding.as_data() for finding in findings])
            quarantined.append(Quarantined(change.path, change.new.oid, commit.seq, listed))
        else:
            opened.append(_open(commit, change.new, reading.manifest, uid, birth))
    return Folded(commit, tuple(closed), tuple(opened), tuple(quarantined), tuple(born))


def _is_misplaced(path: str) -> bool:
    """Tell whether a file stands in a registry folder under a name that no record can have."""
    return path.endswith((".yaml", ".yml")) and path.startswith(_FOLDERS)


_FOLDERS: Final = (
    "models/",
    "datasets/",
    "configs/",
    "pipelines/",
    "templates/",
    "suites/",
    "policies/",
    "policy-links/",
    "metadata-schemas/",
    "namespaces/",
    "access/",
    "waivers/",
)


def _faults(path: str, entry: Entry, reading: Reading, candidates: tuple[Address, ...]) -> list[Finding]:
    if not entry.is_plain:
        says = f"the file's mode is {entry.mode:o}: only plain files (100644) are records"
        return [Finding("GR-006", "file-hygiene", says, "replace it by a plain file", path=path)]
    if reading.manifest is None:
        return [finding.at(path=path) for finding in reading.findings]
    address = reading.manifest.address
    if address in candidates:
        return []
    says = f"the file stands at {path}, and says that it is {address.ref}"
    mend = f"move it to {address.path}, or correct its kind, namespace, name or version"
    return [Finding("GR-004", "path-identity", says, mend, path=path, ref=address.ref)]


def _open(commit: CommitFacts, entry: Entry, manifest: Manifest, uid: str, birth: Birth) -> Opened:
    address = manifest.address
    known = Provenance(
        commit=commit.oid,
        seq=commit.seq,
        created_at=birth.created_at,
        updated_at=commit.time,
        registered_by=birth.registered_by,
    )
    doc = orjson.dumps(answer(address, manifest, entry.oid, uid, known))
    return Opened(
        address=address,
        path=address.path,
        blob=entry.oid,
        seq=commit.seq,
        doc=doc,
        etag=etag_of(doc),
        status=status_of(manifest),
        version_key=Version.parse(address.version).sort_key() if address.version else "",
    )


def etag_of(body: bytes) -> str:
    """Give the hex digest that names a body: 128 bits of BLAKE2b."""
    return blake2b(body, digest_size=16).hexdigest()
