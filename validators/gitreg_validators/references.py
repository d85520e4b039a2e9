"""Rules on what a record says of others: that it exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from gitreg.errors import Finding, NotFoundError, Severity
from gitreg.kinds import Aliases, RoleBinding
from gitreg.kinds.references import Reference, references_of
from gitreg.refs import KINDS, Address, Ref
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, Rule


def _check_references(change: Change) -> Iterator[Finding]:
    """Find references that nothing answers to."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        if manifest is None:
            continue
        before = record.before.manifest if record.before else None
        known = {(reference.field, reference.ref) for reference in references_of(before)} if before else set()
        for reference in references_of(manifest):
            if (reference.field, reference.ref) in known:
                continue
            why = _why_missing(change.head, reference)
            if why:
                finding = ref_exists.finding(why, _mend(reference), field=reference.field, path=record.path)
                weighed = finding if reference.required else replace(finding, severity=Severity.WARNING)
                yield weighed.at(ref=manifest.address.ref)


def _why_missing(head: Snapshot, reference: Reference) -> str | None:
    ref = reference.ref
    if ref.selector is None and KINDS[ref.kind].is_versioned:
        return None if head.versions(ref.kind, ref.namespace, ref.name) else f"there is no {ref}"
    try:
        head.resolve(ref)
    except NotFoundError as error:
        return error.says
    return None


def _mend(reference: Reference) -> str:
    ref = Ref(reference.ref.kind, reference.ref.namespace, reference.ref.name, of=reference.ref.of)
    return f"register {ref.place} first or with it, or correct the reference"


def _check_aliases(change: Change) -> Iterator[Finding]:
    """Find aliases that name a version that does not exist."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        if not isinstance(manifest, Aliases):
            continue
        of, place = manifest.spec.of, manifest.metadata
        for alias, version in sorted(manifest.spec.aliases.items()):
            target = Address(of, place.namespace, place.name, version)
            if change.head.record(target) is None:
                yield alias_target.finding(
                    f"the alias {alias!r} names {target.ref}, which does not exist",
                    "name a version that has landed; "
                    f"`gitreg list {KINDS[of].word} --namespace {place.namespace}` shows them",
                    field=f"spec.aliases.{alias}",
                    path=record.path,
                ).at(ref=manifest.address.ref)


def _check_roles(change: Change) -> Iterator[Finding]:
    """Find bindings of a role that does not exist."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        if not isinstance(manifest, RoleBinding):
            continue
        role = Address("Role", "", manifest.spec.role)
        if change.head.record(role) is None:
            yield ref_exists.finding(
                f"there is no role {manifest.spec.role!r}",
                f"register {role.path} first or with it, or name a role that exists",
                field="spec.role",
                path=record.path,
            ).at(ref=manifest.address.ref)


ref_exists = Rule("GR-030", "ref-exists", Severity.ERROR, _check_references)
role_exists = Rule("GR-030", "ref-exists", Severity.ERROR, _check_roles)
alias_target = Rule("GR-020", "alias-target", Severity.ERROR, _check_aliases)

RULES: Final = (ref_exists, role_exists, alias_target)
