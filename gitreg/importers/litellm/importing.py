"""Import a catalogue into a registry: plan every row against what has landed, then land one commit.

- Every entry of the file ends in exactly one of registered, updated, unchanged and skipped.
- Planning reads one snapshot; the registry checks the drafts against the state that they land on.
- A row that is no longer in the file is left alone, and named in the report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gitreg.errors import ConflictError, Rejected
from gitreg.importers.litellm.catalogue import Catalogue, read_catalogue
from gitreg.importers.litellm.mapping import CATALOGUE, Skipped, Wanted, map_row
from gitreg.importers.litellm.merging import edits, is_frozen_same, merge, next_version
from gitreg.importers.litellm.wording import changelog_in_line, changes_in_words, one_line
from gitreg.kinds import API_VERSION, WELL_KNOWN_PROVIDERS
from gitreg.kinds._base import VersionedMetadata
from gitreg.manifests import (
    MAX_BYTES,
    Reading,
    edit_manifest,
    manifest_from_data,
    read_manifest,
    to_data,
    write_manifest,
)
from gitreg.refs import Address
from gitreg.registry import Draft
from gitreg.repository.writing import RefMoved

if TYPE_CHECKING:
    from gitreg.registry import Receipt, Registry
    from gitreg.repository.git import Signature
    from gitreg.repository.snapshot import Record, Snapshot

_LISTED: Final = 50
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one row: its address, and the file to land; no file where nothing changes."""

    key: str
    address: Address
    status: str
    raw: bytes | None
    warnings: tuple[str, ...]
    digest: str | None = None
    """The checksum of a version that follows another; None for all else."""
    changes: str = ""
    """What changed against the landed version, in a line; empty for a first registration."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every entry of a catalogue. `gone` are landed rows that the file no longer has."""

    read: int
    registered: int
    updated: int
    unchanged: int
    skipped: tuple[Skipped, ...]
    commit: str | None
    warnings: tuple[tuple[str, str], ...] = ()
    gone: tuple[tuple[str, str], ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Give the report as JSON data."""
        return {
            "read": self.read,
            "registered": self.registered,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": [{"key": each.key, "reason": each.reason} for each in self.skipped],
            "commit": self.commit,
            "warnings": [{"key": key, "says": says} for key, says in self.warnings],
            "gone": [{"key": key, "ref": ref} for key, ref in self.gone],
        }


def import_catalogue(
    registry: Registry,
    raw: bytes,
    *,
    author: Signature,
    when: datetime | None = None,
    origin: str = "the catalogue",
) -> ImportReport:
    """Land what a catalogue says as one commit; `Rejected` where it cannot be read or the gate refuses."""
    catalogue = read_catalogue(raw, origin=origin)
    for _ in range(_ATTEMPTS):
        with suppress(RefMoved):
            return _import(registry, catalogue, raw, author=author, when=when, origin=origin)
    raise ConflictError(
        f"the branch moved {_ATTEMPTS} times while the catalogue was being imported",
        where=registry.repo.branch,
        mend="try again when fewer people write",
    )


def _import(
    registry: Registry, catalogue: Catalogue, raw: bytes, *, author: Signature, when: datetime | None, origin: str
) -> ImportReport:
    snapshot = registry.snapshot()
    outcomes = plan(catalogue, snapshot)
    try:
        receipt = _land(registry, outcomes, snapshot, raw, author=author, when=when, origin=origin)
    except Rejected as refused:
        outcomes = _without_refused(outcomes, refused, origin)
        receipt = _land(registry, outcomes, snapshot, raw, author=author, when=when, origin=origin)
    gone = tuple(_gone(catalogue, [each for each in outcomes if isinstance(each, Step)], snapshot))
    return _report(catalogue, outcomes, receipt, gone)


def _land(
    registry: Registry,
    outcomes: Iterable[Step | Skipped],
    snapshot: Snapshot,
    raw: bytes,
    *,
    author: Signature,
    when: datetime | None,
    origin: str,
) -> Receipt | None:
    steps = [each for each in outcomes if isinstance(each, Step)]
    drafts = [Draft(step.raw, f"{origin}: {step.key}") for step in steps if step.raw is not None]
    if not drafts:
        return None
    new = _namespaces(steps, snapshot, author, origin)
    return registry.register(
        [*new, *drafts],
        author=author,
        when=when,
        message=_message(steps, len(new), origin, hashlib.sha256(raw).hexdigest()),
        approve=_approved(steps, snapshot),
        bulk=True,
        onto=snapshot.commit,
    )


def _without_refused(outcomes: Iterable[Step | Skipped], refused: Rejected, origin: str) -> list[Step | Skipped]:
    """Skip the rows that the gate refuses, for its reason; raise the refusal where it is not about rows alone."""
    reasons = {finding.path: f"{finding.rule} {finding.slug}: {finding.says}" for finding in reversed(refused.findings)}
    kept: list[Step | Skipped] = []
    for each in outcomes:
        reason = reasons.pop(f"{origin}: {each.key}", None)
        kept.append(each if reason is None or isinstance(each, Skipped) else Skipped(each.key, reason, each.warnings))
    if reasons:
        raise refused
    return kept


def plan(catalogue: Catalogue, snapshot: Snapshot) -> list[Step | Skipped]:
    """Decide for every entry, in the file's order, what is to be done."""
    outcomes: list[Step | Skipped] = []
    owners: dict[tuple[str, str], str] = {}
    for key, value in catalogue.entries.items():
        wanted = map_row(key, value, as_of=catalogue.as_of)
        if isinstance(wanted, Wanted):
            metadata = wanted.data["metadata"]
            owner = owners.setdefault((metadata["namespace"], metadata["name"]), key)
            clash = f"its name, {metadata['namespace']}/{metadata['name']}, is that of the row {owner!r}"
            outcomes.append(_settle(wanted, snapshot) if owner == key else Skipped(key, clash, wanted.warnings))
        else:
            outcomes.append(wanted)
    return outcomes


def _settle(wanted: Wanted, snapshot: Snapshot) -> Step | Skipped:
    metadata = wanted.data["metadata"]
    versions = snapshot.versions("Model", metadata["namespace"], metadata["name"])
    if not versions:
        return _drafted(wanted, wanted.data, "registered")
    address = Address("Model", metadata["namespace"], metadata["name"], str(versions[0]))
    record = snapshot.record(address)
    if record is None:
        return Skipped(wanted.key, f"{address.path} has landed and cannot be read; mend it first", wanted.warnings)
    if _owner(record) != wanted.key:
        return Skipped(wanted.key, _why_not_ours(address, _owner(record), wanted.key), wanted.warnings)
    landed = to_data(record.manifest)
    merged = merge(landed, wanted.data)
    if not is_frozen_same(landed, merged):
        data = next_version(landed, merged)
        step = _drafted(wanted, data, "registered")
        changes = changelog_in_line(data["spec"]["release"]["changelog"])
        digest = data["spec"]["checksum"]["digest"]
        return replace(step, digest=digest, changes=changes) if isinstance(step, Step) else step
    if merged == landed:
        return Step(wanted.key, address, "unchanged", None, wanted.warnings)
    return _edited(wanted, record, landed, merged)


def _why_not_ours(address: Address, owner: str | None, key: str) -> str:
    if owner is not None:
        return f"{address.ref} belongs to the row {owner!r}"
    mend = f"add `metadata.externalIds.{CATALOGUE}: {key}` to it to hand it to the importer"
    return f"{address.ref} was registered by somebody else; {mend}"


def _drafted(wanted: Wanted, data: dict[str, Any], status: str) -> Step | Skipped:
    reading = manifest_from_data(data)
    if reading.manifest is None:
        return _unfit(wanted, reading)
    raw = write_manifest(reading.manifest)
    if _is_odd(raw):
        again = read_manifest(raw)
        if again.manifest != reading.manifest:
            return _unfit(wanted, again)
    return Step(wanted.key, reading.manifest.address, status, raw, wanted.warnings)


def _edited(wanted: Wanted, record: Record, landed: dict[str, Any], merged: dict[str, Any]) -> Step | Skipped:
    put, remove = edits(landed, merged)
    raw, reading = edit_manifest(record.raw, put=put, remove=remove, path=record.address.path)
    if raw is not None and _is_odd(raw):
        reading = read_manifest(raw, path=record.address.path)
    if raw is None or reading.manifest is None:
        return _unfit(wanted, reading)
    changes = changes_in_words(landed, to_data(reading.manifest))
    return Step(wanted.key, record.address, "updated", raw, wanted.warnings, changes=changes)


def _is_odd(raw: bytes) -> bool:
    """Tell whether a text wants reading back: it is long, or has characters that do not print."""
    return len(raw) > MAX_BYTES or not raw.decode().replace("\n", "").isprintable()


def _unfit(wanted: Wanted, reading: Reading) -> Skipped:
    finding = reading.findings[0] if reading.findings else None
    where = f"`{finding.field}`: " if finding and finding.field else ""
    says = finding.says if finding else "it does not read back as it was written"
    return Skipped(wanted.key, f"no manifest can be made of it: {where}{says}", wanted.warnings)


def _approved(steps: Iterable[Step], snapshot: Snapshot) -> tuple[str, ...]:
    """Approve the second use of a checksum (GR-012) where a row is again what an earlier version of it was.

    A checksum covers the row's key, so nothing but another version of the same name can have it.
    """
    digests = (step.digest for step in steps if step.digest is not None)
    return ("GR-012",) if any(snapshot.paths_with_digest(digest) for digest in digests) else ()


def _namespaces(steps: Iterable[Step], snapshot: Snapshot, author: Signature, origin: str) -> list[Draft]:
    """Draft the namespaces that the steps need and that are not there."""
    names = sorted({step.address.namespace for step in steps if step.raw is not None})
    drafts: list[Draft] = []
    for name in names:
        address = Address("Namespace", name, name)
        if snapshot.entry(address.path) is not None:
            continue
        title = WELL_KNOWN_PROVIDERS.get(name)
        data = {
            "apiVersion": API_VERSION,
            "kind": "Namespace",
            "metadata": {"name": name, "description": f"Models served by {title or name}."},
            "spec": {"owners": [author.email], **({"displayName": title} if title else {})},
        }
        manifest = manifest_from_data(data).manifest
        if manifest is not None:
            drafts.append(Draft(write_manifest(manifest), f"{origin}: namespace {name}"))
    return drafts


def _message(steps: Iterable[Step], namespaces: int, origin: str, digest: str) -> str:
    """Write the commit's message: counts in the subject, what changed in the body, bounded."""
    changed = [step for step in steps if step.raw is not None]
    statuses = [step.status for step in changed]
    counts = [f"{statuses.count(word)} {word}" for word in ("registered", "updated") if word in statuses]
    subject = f"Import litellm catalogue: {', '.join(counts)}"
    listed = [f"- {step.status} {step.address.ref}{_after_colon(step.changes)}" for step in changed[:_LISTED]]
    if len(changed) > _LISTED:
        listed.append(f"- and {len(changed) - _LISTED} more")
    file = one_line(origin.replace("\\", "/").rpartition("/")[2])
    notes = [f"Source: {file}, SHA-256 {digest}"]
    if namespaces:
        notes.append(f"New namespaces: {namespaces}")
    return "\n".join([subject, "", *listed, "", *notes])


def _after_colon(changes: str) -> str:
    return f": {changes}" if changes else ""


def _gone(catalogue: Catalogue, steps: Iterable[Step], snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Find landed rows of the file's namespaces that the file no longer has: (key, newest ref)."""
    planned: dict[str, set[str]] = {}
    for step in steps:
        planned.setdefault(step.address.namespace, set()).add(step.address.name)
    for namespace in sorted(planned):
        for name in snapshot.names("Model", namespace):
            if name in planned[namespace]:
                continue
            version = snapshot.versions("Model", namespace, name)[0]
            record = snapshot.record(Address("Model", namespace, name, str(version)))
            key = _owner(record) if record else None
            if record is not None and key is not None and key not in catalogue.entries:
                yield key, record.address.ref


def _owner(record: Record) -> str | None:
    """Say which row a landed record belongs to."""
    metadata = record.manifest.metadata
    return metadata.external_ids.get(CATALOGUE) if isinstance(metadata, VersionedMetadata) else None


def _report(
    catalogue: Catalogue,
    outcomes: list[Step | Skipped],
    receipt: Receipt | None,
    gone: tuple[tuple[str, str], ...],
) -> ImportReport:
    landed = {record.path: record.status for record in receipt.records} if receipt else {}
    ends = [landed.get(each.address.path, each.status) for each in outcomes if isinstance(each, Step)]
    return ImportReport(
        read=len(catalogue.entries),
        registered=ends.count("registered"),
        updated=ends.count("updated"),
        unchanged=ends.count("unchanged"),
        skipped=tuple(each for each in outcomes if isinstance(each, Skipped)),
        commit=receipt.commit if receipt and receipt.is_new else None,
        warnings=tuple((each.key, says) for each in outcomes for says in each.warnings),
        gone=gone,
    )
