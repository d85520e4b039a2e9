"""Rules on who may change what: owners and bindings as of the base, one namespace at a time, signed commits.

- Whoever is asked is read from the base; what a change says of its own rights counts for nothing.
- To found a top-level namespace is free, its first owners decide; one below an owned namespace wants the owners above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gitreg.errors import Severity
from gitreg.kinds import Manifest
from gitreg.refs import Address, addresses_at
from gitreg.repository.snapshot import RecordChange
from gitreg.validation import Change, Fault, Rule, Subject, each
from gitreg_validators.rights import (
    ADMIN,
    WRITE,
    Grant,
    grants_in,
    is_team,
    known_as,
    listed,
    owners_of,
    who_spoke,
)

SETTINGS: Final = ("registry.yaml", "access/", "waivers/")
"""What is about the registry itself."""
MOST_NAMED: Final = 3


def check_founded(subject: Subject) -> Iterator[Fault]:
    """A new record stands in a namespace that somebody owns."""
    namespace = subject.manifest.address.namespace
    if not namespace or owners_of(subject.state, namespace):
        return
    yield Fault(
        f"nobody owns the namespace {namespace!r}: it has no record",
        f"register namespaces/{namespace}.yaml; `gitreg schema namespace --minimal` prints one",
        field="metadata.namespace",
        severity=Severity.WARNING,
    )


def check_owners(change: Change) -> Iterator[Fault]:
    """Whoever changes a namespace owns it or was given the right to, or an owner approves."""
    touched = _touched(change)
    owned = {namespace: owners for namespace in touched if (owners := owners_of(change.law, namespace))}
    spoke = who_spoke(change)
    if owned and not spoke:
        yield Fault(
            f"nobody said who made this change, so it is not known whether they own {listed(owned)}",
            "say who made it and who approved it; the owners as of the base are asked",
            severity=Severity.WARNING,
        )
        return
    grants = [
        grant
        for grant in grants_in(change.law, change.circumstances.today)
        if not spoke.isdisjoint(map(known_as, grant.subjects))
    ]
    for namespace, owners in owned.items():
        if not spoke.isdisjoint(map(known_as, owners)):
            continue
        foreign = [record for record in touched[namespace] if not any(_allows(grant, record) for grant in grants)]
        if foreign:
            yield _foreign(namespace, owners, foreign, spoke)


def _touched(change: Change) -> dict[str, list[RecordChange]]:
    """Give what the change adds, edits or removes in each namespace; a namespace's own record counts there too."""
    found: dict[str, list[RecordChange]] = {}
    for record in change.records:
        found.setdefault(addresses_at(record.path)[0].namespace, []).append(record)
    return found


def _allows(grant: Grant, record: RecordChange) -> bool:
    """Tell whether a grant covers a record as it was and as it will be; a Namespace wants an administrator."""
    address = addresses_at(record.path)[0]
    is_enough = grant.gives(ADMIN) or (grant.gives(WRITE) and address.kind != "Namespace")
    return is_enough and grant.covers(address, _manifests(record))


def _manifests(record: RecordChange) -> Sequence[Manifest]:
    readings = (record.before, record.after)
    return [reading.manifest for reading in readings if reading is not None and reading.manifest is not None]


def _foreign(namespace: str, owners: Sequence[str], records: Sequence[RecordChange], spoke: frozenset[str]) -> Fault:
    more = f" and {len(records) - 1} more of its records" if len(records) > 1 else ""
    address: Address = addresses_at(records[0].path)[0]
    return Fault(
        f"{namespace} is owned by {listed(owners)}, and this changes {address.ref}{more} in the name of "
        f"{listed(sorted(spoke))}",
        _mend(owners),
        path=records[0].path,
        ref=address.ref,
    )


def _mend(owners: Sequence[str]) -> str:
    if all(map(is_team, owners)):
        return f"have a member approve it; whoever knows the team, the forge, then says `--approver {owners[0]}`"
    person = next(owner for owner in owners if not is_team(owner))
    return f"have an owner approve it (`--approver {person}`), or ask them for a role binding with registry:write"


def check_one_namespace(change: Change) -> Iterator[Fault]:
    """A change is about one top-level namespace unless it is bulk, and never about settings and records at once."""
    first: dict[str, str] = {}
    settings: list[str] = []
    records: list[str] = []
    for file in change.files:
        if file.path.startswith(SETTINGS):
            settings.append(file.path)
            continue
        address = next(iter(addresses_at(file.path)), None)
        if address is None:
            continue
        first.setdefault(address.namespace.split("/")[0], file.path)
        if address.kind != "Namespace":
            records.append(file.path)
    if len(first) > 1 and not change.circumstances.is_bulk:
        yield Fault(
            f"it touches {len(first)} top-level namespaces: {_shortened(list(first))}",
            "make one change for each, so that its owners decide about theirs alone; or mark it as bulk (`--bulk`)",
            path=list(first.values())[1],
        )
    if settings and records:
        yield Fault(
            f"it changes settings of the registry ({_shortened(settings)}) together with records",
            "make one change of the settings and one of the records: others decide about each",
            path=settings[0],
        )


def _shortened(names: Sequence[str]) -> str:
    return listed(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def check_signatures(change: Change) -> Iterator[Fault]:
    """Commits are signed by a key that the base authorises, where the registry demands it."""
    demand, signings = change.gate.signatures, change.circumstances.signings
    if demand == "off":
        return
    severity = Severity.WARNING if demand == "warned" else None
    if signings is None:
        says = f"signatures are {demand} here, and nobody looked at how the commits are signed"
        yield Fault(
            says, "validate commits, where their signatures can be seen, and not loose files", severity=severity
        )
        return
    for signing in signings:
        if signing.key is None:
            yield Fault(
                f"the commit {signing.commit[:12]} is not signed by an authorised key: "
                f"{signing.why or 'it has no signature'}",
                "sign it (`git commit --amend --no-edit -S`) with a key that access/allowed_signers of main names",
                severity=severity,
            )


RULES: Final = (
    Rule("GR-050", "ownership", Severity.ERROR, check_owners, on_state=False),
    Rule("GR-050", "ownership", Severity.ERROR, each(check_founded)),
    Rule("GR-051", "one-namespace", Severity.WARNING, check_one_namespace, on_state=False),
    Rule("GR-053", "signature", Severity.ERROR, check_signatures, on_state=False),
)
