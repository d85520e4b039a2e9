"""Rules that keep what has landed as it landed.

- They look at tree entries, mode and id, of every path that differs; renames are a removal and an addition.
- A record stays for ever: it may end (retired, expired, emptied), never disappear.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitreg.errors import Severity
from gitreg.kinds import Manifest, Registry, mutable_paths
from gitreg.manifests import differences, is_same, to_data, without
from gitreg.refs import Address, addresses_at
from gitreg.repository.snapshot import RecordChange
from gitreg.validation import Change, Fault, Rule


def check_frozen(change: Change) -> Iterator[Fault]:
    """A landed version changes in nothing but its mutable fields."""
    for record in change.records:
        before = record.before.manifest if record.before else None
        after = record.after.manifest if record.after else None
        if after is not None and before is None and record.old is not None and after.is_versioned:
            yield Fault(
                "the file that has landed here cannot be read, so nobody can tell what of it is frozen",
                "compare it with its last readable state (`git log -p`), then have somebody approve the mend",
                path=record.path,
                ref=after.address.ref,
                severity=Severity.REVIEW,
            )
        if before is None or after is None:
            continue
        yield from _frozen_faults(record, before, after)


def _frozen_faults(record: RecordChange, before: Manifest, after: Manifest) -> Iterator[Fault]:
    ref = before.address.ref
    if before.kind != after.kind:
        yield Fault(
            f"the kind of a landed record changed from {before.kind} to {after.kind}",
            f"put back what stood here; a {after.kind} has a path of its own",
            "kind",
            record.path,
            ref,
        )
    elif before.is_versioned:
        paths = mutable_paths(before.kind)
        for found in differences(without(to_data(before), paths), without(to_data(after), paths)):
            says = f"{found.path} of a landed version is frozen: {found.before!r} became {found.after!r}"
            yield Fault(says, _mend(before), found.path, record.path, ref)
    elif before.address != after.address:
        says = f"a landed record is renamed from {ref} to {after.address.ref}"
        yield Fault(says, f"put {ref} back, and register the other beside it", "metadata.name", record.path, ref)


def _mend(manifest: Manifest) -> str:
    mutable = ", ".join(sorted(".".join(path) for path in mutable_paths(manifest.kind)))
    return f"register the change as a new version; only these may change in place: {mutable}"


def check_entry(change: Change) -> Iterator[Fault]:
    """A landed record stays a plain file."""
    for record in change.records:
        old, new = record.old, record.new
        if old is None or new is None or old.mode == new.mode or not old.is_plain:
            continue
        yield Fault(
            f"the file of a landed record became {new.sort}",
            f"put it back as a plain file (mode 100644) with the content it had: `git checkout BASE -- {record.path}`",
            path=record.path,
            ref=_ref_at(record),
        )


def check_unreadable(change: Change) -> Iterator[Fault]:
    """A landed record stays readable."""
    for record in change.records:
        was_read = record.before is not None and record.before.manifest is not None
        if was_read and record.new is not None and record.new.is_plain and _manifest_after(record) is None:
            yield Fault(
                "the file of a landed record is not a manifest any more",
                f"put back what stood here: `git checkout BASE -- {record.path}`",
                path=record.path,
                ref=_ref_at(record),
            )


def _manifest_after(record: RecordChange) -> Manifest | None:
    return record.after.manifest if record.after else None


def _ref_at(record: RecordChange) -> str | None:
    address = record.address
    return address.ref if address else None


def check_second_file(change: Change) -> Iterator[Fault]:
    """A landed version has one file, and no second one beside it."""
    for file in change.files:
        if file.new is None or not file.new.is_plain or not _may_hold_a_record(file.path):
            continue
        reading = change.head.reading(file.path)
        manifest = reading.manifest if reading else None
        if manifest is None or manifest.address in addresses_at(file.path):
            continue
        if change.base.entry(manifest.address.path) is not None:
            yield Fault(
                f"{manifest.address.ref} has landed at {manifest.address.path}, and this is a second file for it",
                "remove this file; what is new is a new version",
                path=file.path,
                ref=manifest.address.ref,
            )


def _may_hold_a_record(path: str) -> bool:
    return not path.startswith(("examples/", ".")) and path.casefold().endswith((".yaml", ".yml"))


def check_uid(change: Change) -> Iterator[Fault]:
    """The registry's uid, from which every id is derived, never changes."""
    before, after = change.base.settings, change.head.settings
    if isinstance(before, Registry) and isinstance(after, Registry) and before.spec.uid != after.spec.uid:
        yield Fault(
            "the registry's uid changed, and with it the id of every record",
            f"put back uid: {before.spec.uid}",
            field="spec.uid",
            path="registry.yaml",
            ref="registry",
        )


def check_duplicate(change: Change) -> Iterator[Fault]:
    """No artifact is registered under a second name or version without somebody's decision."""
    for subject in change.subjects:
        checksum = getattr(subject.manifest.spec, "checksum", None)
        if checksum is None or not subject.is_new:
            continue
        others = [path for path in change.head.paths_with_digest(checksum.digest) if path != subject.path]
        if others:
            shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
            yield Fault(
                f"the same artifact ({checksum.digest[:12]}...) is registered already: {shown}",
                "use the record that is there, or have somebody approve the second name",
                field="spec.checksum.digest",
                path=subject.path,
                ref=subject.ref,
            )


def check_resurrection(change: Change) -> Iterator[Fault]:
    """A version that was removed is not added again with other content."""
    for subject in change.subjects:
        if not subject.is_new or not subject.manifest.is_versioned or change.is_state:
            continue
        if change.base.entry(subject.path) is not None:
            continue
        for blob, reading in change.base.removed_at(subject.path):
            landed = reading.manifest
            if landed is None or not _is_frozen_same(landed, subject.manifest):
                yield Fault(
                    f"{subject.ref} was removed once, and comes back with other content",
                    f"register it as a new version; `git show {blob[:12]}` prints what it was",
                    path=subject.path,
                    ref=subject.ref,
                )
                break


def _is_frozen_same(landed: Manifest, now: Manifest) -> bool:
    paths = mutable_paths(landed.kind)
    return is_same(without(to_data(landed), paths), without(to_data(now), paths))


def check_delisting(change: Change) -> Iterator[Fault]:
    """A landed record never disappears."""
    for record in change.records:
        if record.old is None or record.new is not None:
            continue
        yield Fault(
            "a landed record disappears",
            f"put it back (`git checkout BASE -- {record.path}`); {_end_of(record)}",
            path=record.path,
            ref=_ref_at(record),
        )


def _end_of(record: RecordChange) -> str:
    address: Address | None = record.address
    match address.kind if address else None:
        case "RoleBinding" | "Waiver":
            return "to end it, set spec.expiresAt to a day that has passed"
        case "Aliases":
            return "to end them, take the entries out of spec.aliases"
        case "Namespace" | "Role" | "PolicyLink" | "Registry":
            return "it may be emptied, and stays as a mark of what was"
        case _:
            return "to end it, set spec.lifecycle.status"


RULES: Final = (
    Rule("GR-011", "version-immutable", Severity.ERROR, check_frozen, is_fixed=True, on_state=False),
    Rule("GR-011", "version-immutable", Severity.ERROR, check_entry, is_fixed=True, on_state=False),
    Rule("GR-011", "version-immutable", Severity.ERROR, check_unreadable, is_fixed=True, on_state=False),
    Rule("GR-011", "version-immutable", Severity.ERROR, check_second_file, is_fixed=True, on_state=False),
    Rule("GR-011", "version-immutable", Severity.ERROR, check_uid, is_fixed=True, on_state=False),
    Rule("GR-012", "duplicate-artifact", Severity.REVIEW, check_duplicate),
    Rule("GR-014", "no-resurrection", Severity.ERROR, check_resurrection, is_fixed=True, on_state=False),
    Rule("GR-018", "delisting", Severity.ERROR, check_delisting, is_fixed=True, on_state=False),
)
