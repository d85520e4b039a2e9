"""What the index knows, as values, and how one commit changes it.

- A fact is a record as it stood from one commit (`seq_from`) until another (`seq_to`, exclusive); facts are never
  changed but for being closed, so the past stays answerable.
- Folding is reconciling: (old, new) at a path -> close, open, quarantine or nothing. Twice is the same as once.
- It is done in two steps, so that files can be read elsewhere: what to read is planned, then folded with what was read.
- No I/O here: Git and the catalog stand around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson
from pydantic import BaseModel

from gitreg.errors import Finding
from gitreg.kinds import KIND_TYPES, Manifest, PipelineLifecycle, VersionLifecycle, status_of
from gitreg.kinds.references import Reference, references_in, references_of
from gitreg.manifests import Reading
from gitreg.refs import Address, addresses_at
from gitreg.registry import Provenance, answer
from gitreg.repository.git import Entry, EntryChange
from gitreg.versions import Version

SEVERITIES: Final = ("critical", "high", "medium", "low")
"""The gravest first."""
_OF_ENVIRONMENT: Final = {
    "production": "high",
    "prod": "high",
    "staging": "medium",
    "development": "low",
    "dev": "low",
    "test": "low",
}


class Birth(NamedTuple):
    """When a path was first seen, and whose commit that was."""

    seq: int
    created_at: str
    registered_by: str


class CommitFacts(NamedTuple):
    """What folding needs to know of a commit."""

    seq: int
    oid: str
    time: str
    author: str
    message: str


class Link(NamedTuple):
    """What a record says of another: in which field, in what relation, of which name, of which of its versions."""

    field: str
    relation: str
    target: str
    """The name as a ref without selector; a record without versions by its whole ref."""
    selector: str
    """As it is written; empty where there is none."""
    required: bool


class Opened(NamedTuple):
    """A record that stands from this commit on; `doc` is the answer, ready to send. `name` is the catalog's column.

    `severity` is how grave it is when the record breaks, where its labels say so.
    """

    kind: str
    namespace: str
    name: str
    version: str
    version_key: str
    ref: str
    path: str
    blob: str
    seq: int
    status: str | None
    severity: str | None
    etag: str
    doc: bytes
    links: tuple[Link, ...] = ()


class Quarantined(NamedTuple):
    """A file that stands from this commit on and cannot be read as a record, with what is wrong."""

    path: str
    blob: str
    seq: int
    findings: bytes


class Standing(NamedTuple):
    """A file that stands from a commit on and has to be read."""

    commit: CommitFacts
    entry: Entry
    path: str
    birth: Birth


@dataclass(frozen=True, slots=True)
class Plan:
    """What some changes of one commit do, as far as it can be told without reading a file."""

    closed: tuple[str, ...]
    standing: tuple[Standing, ...]
    born: tuple[tuple[str, Birth], ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """What some changes of one commit do: paths whose facts end, facts and quarantines that begin, paths first seen."""

    closed: tuple[str, ...]
    opened: tuple[Opened, ...]
    quarantined: tuple[Quarantined, ...]
    born: tuple[tuple[str, Birth], ...]


def plan_changes(
    commit: CommitFacts, changes: Iterable[EntryChange], *, birth_of: Callable[[str], Birth | None]
) -> Plan:
    """Plan what some changes of a commit do; `birth_of` tells when a path was first seen before."""
    closed: list[str] = []
    standing: list[Standing] = []
    born: list[tuple[str, Birth]] = []
    for change in changes:
        if not is_told_of(change.path):
            continue
        if change.old is not None:
            closed.append(change.path)
        if change.new is None:
            continue
        birth = birth_of(change.path)
        if birth is None:
            birth = Birth(commit.seq, commit.time, commit.author)
            born.append((change.path, birth))
        standing.append(Standing(commit, change.new, change.path, birth))
    return Plan(tuple(closed), tuple(standing), tuple(born))


def fold(plan: Plan, outcomes: Iterable[Opened | Quarantined]) -> Folded:
    """Put together what was planned and what came of reading the files."""
    read = tuple(outcomes)
    opened = tuple(outcome for outcome in read if isinstance(outcome, Opened))
    quarantined = tuple(outcome for outcome in read if isinstance(outcome, Quarantined))
    return Folded(plan.closed, opened, quarantined, plan.born)


def outcome_of(standing: Standing, reading: Reading, *, uid: str) -> Opened | Quarantined:
    """Say what a file is, after reading it: a record, or what is wrong with it."""
    findings = _faults(standing.path, standing.entry, reading, addresses_at(standing.path))
    if findings or reading.manifest is None:
        listed = orjson.dumps([finding.as_data() for finding in findings])
        return Quarantined(standing.path, standing.entry.oid, standing.commit.seq, listed)
    return _open(standing, reading.manifest, uid)


def is_told_of(path: str) -> bool:
    """Tell whether a file at a path is a record, or stands where only records stand."""
    return bool(addresses_at(path)) or _is_misplaced(path)


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


def _open(standing: Standing, manifest: Manifest, uid: str) -> Opened:
    address = manifest.address
    doc = orjson.dumps(answer(address, manifest, standing.entry.oid, uid, provenance_of(standing)))
    kind, namespace, name, version, version_key = _columns_of(address)
    return Opened(
        kind=kind,
        namespace=namespace,
        name=name,
        version=version,
        version_key=version_key,
        ref=address.ref,
        path=address.path,
        blob=standing.entry.oid,
        seq=standing.commit.seq,
        status=status_of(manifest),
        severity=severity_of(manifest.metadata.labels),
        etag=etag_of(doc),
        doc=doc,
        links=tuple(map(_link, references_of(manifest))),
    )


def reopened(standing: Standing, known: Opened) -> Opened | None:
    """Say what a file is that was read before, at the same path with the same bytes, from what came of it then.

    None where what is stored of it is damaged: its columns and its document do not say the same.
    """
    if etag_of(known.doc) != known.etag:
        return None
    data = orjson.loads(known.doc)
    if not _is_of_one_piece(known, data):
        return None
    provenance = provenance_of(standing)
    data["registry"].update(
        commit=provenance.commit,
        seq=provenance.seq,
        createdAt=provenance.created_at,
        updatedAt=provenance.updated_at,
        registeredBy=provenance.registered_by,
    )
    doc = orjson.dumps(data)
    links = tuple(map(_link, references_in(data)))
    return known._replace(seq=standing.commit.seq, doc=doc, etag=etag_of(doc), links=links)


def _is_of_one_piece(known: Opened, data: dict[str, Any]) -> bool:
    kind, said = data["kind"], data["registry"]
    for address in addresses_at(known.path):
        if address.kind == kind:
            status = data["spec"].get("lifecycle", {}).get("status", _first_status(kind))
            severity = severity_of(data["metadata"].get("labels", {}))
            derived = (said["ref"], said["path"], said["blob"], status, severity, *_columns_of(address))
            return derived == (
                *(known.ref, known.path, known.blob, known.status, known.severity),
                *(known.kind, known.namespace, known.name, known.version, known.version_key),
            )
    return False


def _link(reference: Reference) -> Link:
    ref = reference.ref
    selector = "" if ref.selector is None else ref.written or str(ref.selector)
    return Link(reference.field, reference.relation, ref.place, selector, reference.required)


def severity_of(labels: Mapping[str, str]) -> str | None:
    """Tell how grave it is when a record breaks: its label `criticality`, else what its label `environment` stands for.

    None where the labels say nothing of the sort.
    """
    stated = labels.get("criticality", "").casefold()
    return stated if stated in SEVERITIES else _OF_ENVIRONMENT.get(labels.get("environment", "").casefold())


def _columns_of(address: Address) -> tuple[str, str, str, str, str]:
    """Give kind, namespace, name, version and its sort key as the catalog stores them."""
    key = Version.parse(address.version).sort_key() if address.version else ""
    return address.kind, address.namespace, name_column(address), address.version or "", key


@cache
def _first_status(kind: str) -> str | None:
    """Give the lifecycle status that a record has which states none."""
    spec = KIND_TYPES[kind].model_fields["spec"].annotation
    lifecycle = spec.model_fields.get("lifecycle") if isinstance(spec, type) and issubclass(spec, BaseModel) else None
    stage = lifecycle.annotation if lifecycle is not None else None
    if isinstance(stage, type) and issubclass(stage, (VersionLifecycle, PipelineLifecycle)):
        return stage().status
    return None


def provenance_of(standing: Standing) -> Provenance:
    """Give what Git knows of a record that stands."""
    return Provenance(
        commit=standing.commit.oid,
        seq=standing.commit.seq,
        created_at=standing.birth.created_at,
        updated_at=standing.commit.time,
        registered_by=standing.birth.registered_by,
    )


def name_column(address: Address) -> str:
    """Give what stands in the catalog's column `name`: aliases of several kinds may have one name."""
    return address.name if address.kind != "Aliases" else f"{address.of}/{address.name}"


def etag_of(body: bytes) -> str:
    """Give the hex digest that names a body: 128 bits of BLAKE2b."""
    return blake2b(body, digest_size=16).hexdigest()
