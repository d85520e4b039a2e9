"""Rules on what a change does to those who use a record: its version says so, its notes help, a human has looked.

- A new version is compared with the release before it, field by field, by what each field promises
  (`gitreg.compatibility`).
- Who is affected is read off the graph: every record whose reference means what changes, and everything that uses that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from gitreg.compatibility import Difference, Impact, compare, deserved, is_enough, next_version, step_between
from gitreg.errors import Severity
from gitreg.graph import CONSUMING, Consumer, Graph, TooLarge
from gitreg.kinds import Aliases, Manifest, status_of
from gitreg.refs import Address
from gitreg.repository.snapshot import Snapshot
from gitreg.resolution import ENDED
from gitreg.validation import Change, Fault, Rule, Subject, each
from gitreg.versions import Version

THRESHOLD: Final = 10
"""Consumers above which a human decides, where the registry does not say (`impactThreshold`)."""
_SHOWN: Final = 10
_ENDING: Final = frozenset({"deprecated", *ENDED})


def previous_release(state: Snapshot, address: Address) -> Manifest | None:
    """Give the highest release below a version that can be read; None for the first of its name."""
    own = Version.parse(address.version or "0.0.0")
    for version in state.versions(address.kind, address.namespace, address.name):
        if version < own and not version.is_prerelease:
            record = state.record(Address(address.kind, address.namespace, address.name, str(version)))
            return record.manifest if record else None
    return None


def breaking_differences(before: Manifest, after: Manifest) -> list[Difference]:
    """Give the differences that break those who use a record."""
    return [difference for difference in compare(before, after) if difference.impact is Impact.BREAKING]


def check_major(subject: Subject) -> Iterator[Fault]:
    """What breaks those who use a record comes as a new major version (a new minor one while it is 0.x)."""
    address = subject.manifest.address
    if address.version is None or not subject.is_new:
        return
    before = previous_release(subject.state, address)
    if before is None or before.address.version is None:
        return
    found = breaking_differences(before, subject.manifest)
    previous, own = Version.parse(before.address.version), Version.parse(address.version)
    bump = deserved(previous, found)
    if found and not is_enough(previous, own, bump):
        step = step_between(previous, own)
        for difference in found:
            yield Fault(
                f"it breaks those who use {previous}, and {own} is only a {step} version: {difference.says}",
                f"register it as {next_version(previous, bump)}, or keep what {previous} promised",
                field=difference.path,
            )


def check_notes(subject: Subject) -> Iterator[Fault]:
    """A version that breaks says that it does, what changed and how to move to it."""
    address = subject.manifest.address
    if address.version is None or not subject.is_new:
        return
    before = previous_release(subject.state, address)
    release: Any = getattr(subject.manifest.spec, "release", None)
    is_said = bool(getattr(release, "breaking_changes", False))
    found = breaking_differences(before, subject.manifest) if before else []
    if before is None or not (found or is_said):
        return
    why = found[0].says if found else "spec.release.breakingChanges says so"
    for field, value, mend in (
        ("breakingChanges", is_said or None, "set it to true, so that it is found by search and shown to who upgrades"),
        ("changelog", getattr(release, "changelog", None), "say in it what changed since the previous version"),
        ("migrationGuide", getattr(release, "migration_guide", None), "link to a page that says how to move to it"),
    ):
        if value is None:
            says = f"it breaks those who use {before.address.version} ({why}), and spec.release.{field} is not stated"
            yield Fault(says, mend, field=f"spec.release.{field}")


def check_blast(change: Change) -> Iterator[Fault]:
    """Who breaks, deprecates or retires what others use knows who they are; above the threshold a human decides."""
    threshold = change.gate.impact_threshold or THRESHOLD
    graphs = (Graph(change.base, CONSUMING), Graph(change.head, CONSUMING))
    for subject in change.subjects:
        for reason, target, graph, field in _impacts(subject, *graphs):
            fault = _blast_fault(reason, target, graph, threshold)
            if fault:
                yield Fault(*fault[:2], field=field, path=subject.path, ref=subject.ref, severity=fault[2])


def _impacts(subject: Subject, before: Graph, after: Graph) -> Iterator[tuple[str, Address, Graph, str]]:
    """Tell what the change of a record does to others: the reason, whose consumers to count and in which state."""
    address, manifest, earlier = subject.manifest.address, subject.manifest, subject.before
    if isinstance(manifest, Aliases):
        yield from _moved_aliases(subject, manifest, after)
    elif earlier is not None:
        ends = status_of(manifest)
        if ends in _ENDING and ends != status_of(earlier):
            yield f"it becomes {ends}", address, before, "spec.lifecycle.status"
        for found in breaking_differences(earlier, manifest)[:1]:
            yield found.says, address, before, found.path
    elif manifest.is_versioned:
        previous = previous_release(subject.state, address)
        for found in breaking_differences(previous, manifest)[:1] if previous else ():
            yield f"it breaks what {previous.address.version if previous else ''} promised", address, after, found.path


def _moved_aliases(subject: Subject, manifest: Aliases, after: Graph) -> Iterator[tuple[str, Address, Graph, str]]:
    earlier = subject.before.spec.aliases if isinstance(subject.before, Aliases) else {}
    place = manifest.metadata
    for alias, version in sorted(manifest.spec.aliases.items()):
        old = _at(subject.state, manifest, earlier.get(alias))
        new = _at(subject.state, manifest, version)
        if old is None or new is None or old.address == new.address:
            continue
        if breaking_differences(old, new):
            address = Address(manifest.spec.of, place.namespace, place.name, version)
            says = f"the alias {alias!r} moves from {earlier[alias]} to {version}, which breaks what that promised"
            yield says, address, after, f"spec.aliases.{alias}"


def _at(state: Snapshot, manifest: Aliases, version: str | None) -> Manifest | None:
    place = manifest.metadata
    record = state.record(Address(manifest.spec.of, place.namespace, place.name, version)) if version else None
    return record.manifest if record else None


def _blast_fault(reason: str, target: Address, graph: Graph, threshold: int) -> tuple[str, str, Severity | None] | None:
    try:
        found = list(graph.consumers(target))
    except TooLarge:
        return f"{reason}, and more records use it than can be counted", _mend(threshold), None
    if not found:
        return None
    records = "record uses" if len(found) == 1 else "records use"
    says = f"{reason}, and {len(found)} {records} it: {_listed(found)}"
    is_much = len(found) > threshold
    return says, _mend(threshold if is_much else None), None if is_much else Severity.WARNING


def _mend(threshold: int | None) -> str:
    told = "tell them, and say in the change how they move on; `gitreg diff` shows the ways"
    if threshold is None:
        return told
    return f"{told}; above {threshold} somebody has to decide (`impactThreshold` in registry.yaml)"


def _listed(found: Sequence[Consumer]) -> str:
    nearest = sorted(found, key=lambda consumer: (consumer.distance, consumer.address.ref))
    shown = ", ".join(consumer.address.ref for consumer in nearest[:_SHOWN])
    return shown + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


RULES: Final = (
    Rule("GR-015", "breaking-needs-major", Severity.ERROR, each(check_major)),
    Rule("GR-016", "breaking-needs-notes", Severity.ERROR, each(check_notes)),
    Rule("GR-035", "blast-radius", Severity.REVIEW, check_blast, on_state=False),
)
