"""Rules on what a record says of others: that they exist, are alive, and are named with bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitreg.errors import NotFoundError, Severity
from gitreg.kinds import Aliases, Namespace, RoleBinding, lifecycle_of
from gitreg.kinds.references import Reference, is_upstream, references_of
from gitreg.refs import KINDS, Address, Ref
from gitreg.repository.snapshot import Snapshot
from gitreg.resolution import ENDED
from gitreg.validation import Fault, Rule, Subject, each
from gitreg.versions import Range, Version

DEPENDING: Final = frozenset({"depends_on", "derived_from", "uses", "validates"})
"""The relations in which a record needs another; and it needs what it reads."""
_OPEN: Final = Version(9_007_199_254_740_991, 0, 0)


def check_references(subject: Subject) -> Iterator[Fault]:
    """Whatever a record refers to exists, in a version that the reference allows."""
    for reference in references_of(subject.manifest):
        why = _why_missing(subject.state, reference)
        if why:
            severity = None if reference.required else Severity.WARNING
            yield Fault(why, _mend(reference), field=reference.field, severity=severity)


def _why_missing(state: Snapshot, reference: Reference) -> str | None:
    ref = reference.ref
    if ref.selector is None and KINDS[ref.kind].is_versioned:
        return None if state.versions(ref.kind, ref.namespace, ref.name) else f"there is no {ref}"
    try:
        state.resolve(ref)
    except NotFoundError as error:
        return error.says
    return None


def _mend(reference: Reference) -> str:
    ref = Ref(reference.ref.kind, reference.ref.namespace, reference.ref.name, of=reference.ref.of)
    return f"register {ref.place} first or with it, or correct the reference"


def check_roles(subject: Subject) -> Iterator[Fault]:
    """A role that is bound exists."""
    manifest = subject.manifest
    if isinstance(manifest, RoleBinding):
        role = Address("Role", "", manifest.spec.role)
        if subject.state.record(role) is None:
            yield Fault(
                f"there is no role {manifest.spec.role!r}",
                f"register {role.path} first or with it, or name a role that exists",
                field="spec.role",
            )


def check_alive(subject: Subject) -> Iterator[Fault]:
    """Nothing new depends on what is retired, nor, if it can be helped, on what is deprecated."""
    for reference in references_of(subject.manifest):
        ref = reference.ref
        if not _is_needed(reference):
            continue
        target = _resolved(subject.state, ref)
        record = subject.state.record(target) if target else None
        lifecycle = lifecycle_of(record.manifest) if record else None
        if record is None or lifecycle is None or lifecycle.status not in ("deprecated", *ENDED):
            continue
        mend = f"depend on {lifecycle.successor}" if lifecycle.successor else "depend on a version that is active"
        severity = Severity.WARNING if lifecycle.status == "deprecated" else None
        says = f"{ref} means {record.address.ref}, which is {lifecycle.status}"
        yield Fault(says, mend, field=reference.field, severity=severity)


def _is_needed(reference: Reference) -> bool:
    """Tell whether a record needs versions of another: what a pipeline reads it needs, what it writes it makes."""
    is_read = reference.relation == "transforms" and is_upstream(reference.relation, reference.field)
    return (is_read or reference.relation in DEPENDING) and KINDS[reference.ref.kind].is_versioned


def _resolved(state: Snapshot, ref: Ref) -> Address | None:
    try:
        return state.resolve(ref)
    except NotFoundError:
        return None


def check_bounded(subject: Subject) -> Iterator[Fault]:
    """A range says which majors it is for: what breaks tomorrow is not taken today."""
    for reference in references_of(subject.manifest):
        ref = reference.ref
        if not _is_needed(reference):
            continue
        if isinstance(subject.manifest, Namespace):  # it names policies, whose versions the links choose
            continue
        if ref.selector is None:
            says = f"{ref} names no versions, so every later one will do, whatever it breaks"
        elif isinstance(ref.selector, Range) and ref.selector.allows(_OPEN):
            says = f"the range {ref.written} has no upper bound, so every later major will do, whatever it breaks"
        else:
            continue
        yield Fault(says, f"bound it: {_bounded(subject.state, ref)}", field=reference.field)


def _bounded(state: Snapshot, ref: Ref) -> str:
    target = _resolved(state, ref)
    return f"{ref.place}@^{target.version}" if target else f"{ref.place}@^1"


def check_lost_aliases(subject: Subject) -> Iterator[Fault]:
    """An alias that somebody refers to is not taken away."""
    manifest, earlier = subject.manifest, subject.earlier
    if not isinstance(manifest, Aliases) or earlier is None:
        return
    before = earlier.manifest
    gone = set(before.spec.aliases) - set(manifest.spec.aliases) if isinstance(before, Aliases) else set()
    of, place = manifest.spec.of, manifest.metadata
    for path in subject.state.mentioning([f"{place.namespace}/{place.name}"]) if gone else ():
        record = subject.state.record_at(path)
        for reference in references_of(record.manifest) if record else ():
            ref = reference.ref
            is_it = (ref.kind, ref.namespace, ref.name) == (of, place.namespace, place.name)
            if record is not None and is_it and ref.selector in gone:
                yield Fault(
                    f"the alias {ref.selector!r} is taken away, and {record.address.ref} refers to it",
                    "keep the alias, or change that reference first",
                    field="spec.aliases",
                )


RULES: Final = (
    Rule("GR-030", "ref-exists", Severity.ERROR, each(check_references)),
    Rule("GR-030", "ref-exists", Severity.ERROR, each(check_roles)),
    Rule("GR-030", "ref-exists", Severity.ERROR, each(check_lost_aliases)),
    Rule("GR-031", "ref-alive", Severity.ERROR, each(check_alive), on_state=False),
    Rule("GR-032", "bounded-range", Severity.WARNING, each(check_bounded)),
)
