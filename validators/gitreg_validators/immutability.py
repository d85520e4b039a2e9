"""Rules that keep what has landed as it landed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from gitreg.errors import Finding, Severity
from gitreg.kinds import Manifest, mutable_paths
from gitreg.manifests import differences, to_data, without
from gitreg.validation import Change, Rule


def _check_frozen(change: Change) -> Iterator[Finding]:
    """Find changes of frozen fields of a landed version."""
    for record in change.records:
        before = record.before.manifest if record.before else None
        after = record.after.manifest if record.after else None
        if after is not None and before is None and record.old is not None and after.is_versioned:
            yield replace(
                version_immutable.finding(
                    "the file that has landed here cannot be read, so nobody can tell what of it is frozen",
                    "compare it with its last readable state (`git log -p`), then have somebody approve the mend "
                    "(`--approve GR-011`)",
                    path=record.path,
                ).at(ref=after.address.ref),
                severity=Severity.REVIEW,
            )
        if before is None or after is None or not before.is_versioned:
            continue
        for field, says in _frozen_differences(before, after):
            yield version_immutable.finding(says, _mend(before), field=field, path=record.path).at(
                ref=before.address.ref
            )


def _frozen_differences(before: Manifest, after: Manifest) -> Iterator[tuple[str, str]]:
    if before.kind != after.kind:
        yield "kind", f"the kind of a landed version changed from {before.kind} to {after.kind}"
        return
    paths = mutable_paths(before.kind)
    for found in differences(without(to_data(before), paths), without(to_data(after), paths)):
        yield (
            found.path,
            f"{found.path} of a landed version is frozen: {found.before!r} became {found.after!r}",
        )


def _mend(manifest: Manifest) -> str:
    mutable = ", ".join(sorted(".".join(path) for path in mutable_paths(manifest.kind)))
    return f"register the change as a new version; only these may change in place: {mutable}"


def _check_uid(change: Change) -> Iterator[Finding]:
    """Find a change of the registry's uid, from which every id is derived."""
    before, after = change.base.settings, change.head.settings
    if before and after and before.spec.uid != after.spec.uid:
        yield version_immutable.finding(
            "the registry's uid changed, and with it the id of every record",
            f"put back uid: {before.spec.uid}",
            field="spec.uid",
            path="registry.yaml",
        )


def _check_duplicate(change: Change) -> Iterator[Finding]:
    """Find artifacts that are registered already under another name or version."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        checksum = getattr(manifest.spec, "checksum", None) if manifest else None
        if manifest is None or checksum is None or record.before is not None:
            continue
        others = [path for path in change.head.paths_with_digest(checksum.digest) if path != record.path]
        if others:
            shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
            yield duplicate_artifact.finding(
                f"the same artifact ({checksum.digest[:12]}...) is registered already: {shown}",
                "use the record that is there, or have somebody approve the second name (`--approve GR-012`)",
                field="spec.checksum.digest",
                path=record.path,
            ).at(ref=manifest.address.ref)


version_immutable = Rule("GR-011", "version-immutable", Severity.ERROR, _check_frozen, is_fixed=True)
uid_immutable = Rule("GR-011", "version-immutable", Severity.ERROR, _check_uid, is_fixed=True)
duplicate_artifact = Rule("GR-012", "duplicate-artifact", Severity.REVIEW, _check_duplicate)

RULES: Final = (version_immutable, uid_immutable, duplicate_artifact)
