"""What one state of the registry does to another, in the registry's own terms.

- Each record that differs: what happened to it, field by field with what that means to its users, the version that the
  change deserves, and who uses it, by which way.
- Each alias that moves, and whether that breaks those who follow it.
- The same comparison and the same graph as the rules use; nothing is read but what differs and who mentions it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from gitreg.compatibility import Bump, Difference, Impact, compare, deserved, next_version, step_between
from gitreg.errors import Finding
from gitreg.graph import CONSUMING, Consumer, Graph, TooLarge
from gitreg.kinds import Aliases, Manifest, status_of
from gitreg.refs import KINDS, Address
from gitreg.repository.git import GitRepository
from gitreg.repository.moments import commit_of
from gitreg.repository.snapshot import Footprint, Memory, Overlay, RecordChange, Snapshot
from gitreg.resolution import ENDED
from gitreg.validation import Change
from gitreg.versions import Version
from gitreg_validators.breaking import previous_release

Happening = Literal["added", "changed", "deprecated", "retired", "removed", "unreadable"]
MOST_CONSUMERS: Final = 10_000
_ORDER: Final = {impact: n for n, impact in enumerate((Impact.BREAKING, Impact.COMPATIBLE, Impact.COSMETIC))}


@dataclass(frozen=True, slots=True)
class Deserved:
    """The step that the differences deserve, the step that the version takes, and the version that would do."""

    bump: Bump
    given: Bump
    version: str

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {"deserved": self.bump, "given": self.given, "version": self.version}


@dataclass(frozen=True, slots=True)
class RecordDiff:
    """What happened to one record. `compared_with` is the release before a new version; itself for an edit."""

    ref: str
    kind: str
    path: str
    change: Happening
    compared_with: str | None
    differences: tuple[Difference, ...]
    deserves: Deserved | None
    consumers: tuple[Consumer, ...]
    is_counted: bool
    """Whether all consumers are told; False where there are more than can be read."""
    findings: tuple[Finding, ...] = ()

    @property
    def impact(self) -> Impact | None:
        """The heaviest of its differences; None where nothing differs."""
        return min((each.impact for each in self.differences), key=lambda each: _ORDER[each], default=None)

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "ref": self.ref,
            "kind": self.kind,
            "path": self.path,
            "change": self.change,
            "impact": self.impact.value if self.impact else None,
            "comparedWith": self.compared_with,
            "bump": self.deserves.as_data() if self.deserves else None,
            "differences": [difference.as_data() for difference in self.differences],
            "consumers": [
                {
                    "ref": consumer.address.ref,
                    "kind": consumer.address.kind,
                    "relation": consumer.relation,
                    "field": consumer.field,
                    "distance": consumer.distance,
                    "path": list(consumer.path),
                }
                for consumer in self.consumers
            ],
            "consumersAreAll": self.is_counted,
            "findings": [finding.as_data() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class AliasMove:
    """An alias before and after; None where it is not there."""

    ref: str
    alias: str
    before: str | None
    after: str | None
    impact: Impact | None

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        impact = self.impact.value if self.impact else None
        return {"ref": self.ref, "alias": self.alias, "from": self.before, "to": self.after, "impact": impact}


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two states."""

    base: str | None
    head: str | None
    records: tuple[RecordDiff, ...]
    aliases: tuple[AliasMove, ...]
    others: tuple[str, ...]
    """Paths that differ and are no records."""

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "base": self.base,
            "head": self.head,
            "records": [record.as_data() for record in self.records],
            "aliases": [move.as_data() for move in self.aliases],
            "otherFiles": list(self.others),
            "summary": {
                **{word: sum(record.change == word for record in self.records) for word in HAPPENINGS},
                "breaking": sum(record.impact is Impact.BREAKING for record in self.records),
                "consumers": len({c.address.ref for record in self.records for c in record.consumers}),
            },
        }


HAPPENINGS: Final[tuple[Happening, ...]] = ("added", "changed", "deprecated", "retired", "removed", "unreadable")


def diff_between(repo: GitRepository, base: str, head: str, memory: Memory | None = None) -> Diff:
    """Compare two commits as they stand, whichever is older; `RepositoryError` where one cannot be read.

    Each is a revision, or a seq, a day or a time of main.
    """
    before = Snapshot(repo, commit_of(repo, base), memory, Footprint())
    after_commit = commit_of(repo, head)
    entries = {change.path: change.new for change in repo.diff(before.tree, repo.commit(after_commit).tree)}
    return diff_of(Change(before, Overlay(before, {}, entries), head_commit=after_commit))


def diff_of(change: Change) -> Diff:
    """Tell what a change does, in the registry's terms."""
    graphs = (Graph(change.base, CONSUMING), Graph(change.head, CONSUMING))
    records = tuple(_record_diff(change, record, *graphs) for record in change.records)
    moves = tuple(move for record in change.records for move in _moves(change, record))
    known = {record.path for record in change.records}
    others = tuple(file.path for file in change.files if file.path not in known)
    return Diff(change.base.commit, change.head_commit, records, moves, others)


def _record_diff(change: Change, record: RecordChange, before: Graph, after: Graph) -> RecordDiff:
    old, new = _manifest(record.before), _manifest(record.after)
    address = new.address if new else old.address if old else record.address
    if record.new is None and old is not None and address is not None:
        users, is_all = _consumers(before, address)
        return _diff(record, address, "removed", None, (), None, users, is_all)
    if new is None or address is None:
        findings = record.after.findings if record.after else ()
        ref = address or Address("Model", "", record.path)
        return _diff(record, ref, "unreadable", None, (), None, (), True, findings)
    if old is None or old.kind != new.kind:
        return _added(change, record, new, after)
    differences = compare(old, new)
    happening = _happening(old, new)
    users, is_all = _consumers(before, address) if happening != "changed" or _breaks(differences) else ((), True)
    return _diff(record, address, happening, address.ref, differences, None, users, is_all)


def _added(change: Change, record: RecordChange, new: Manifest, after: Graph) -> RecordDiff:
    address = new.address
    previous = previous_release(change.head, address) if address.version else None
    differences = compare(previous, new) if previous else ()
    users, is_all = _consumers(after, address)
    deserves = _deserves(previous, new, differences) if previous else None
    with_ref = previous.address.ref if previous else None
    return _diff(record, address, "added", with_ref, differences, deserves, users, is_all)


def _diff(
    record: RecordChange,
    address: Address,
    happening: Happening,
    compared_with: str | None,
    differences: tuple[Difference, ...],
    deserves: Deserved | None,
    users: tuple[Consumer, ...],
    is_all: bool,
    findings: tuple[Finding, ...] = (),
) -> RecordDiff:
    ref = address.ref if address.kind != "Model" or address.namespace else record.path
    heaviest_first = tuple(sorted(differences, key=lambda each: (_ORDER[each.impact], each.path)))
    return RecordDiff(
        ref, address.kind, record.path, happening, compared_with, heaviest_first, deserves, users, is_all, findings
    )


def _manifest(reading: Any) -> Manifest | None:
    return reading.manifest if reading is not None else None


def _breaks(differences: tuple[Difference, ...]) -> bool:
    return any(difference.impact is Impact.BREAKING for difference in differences)


def _happening(old: Manifest, new: Manifest) -> Happening:
    was, now = status_of(old), status_of(new)
    if was == now:
        return "changed"
    return "deprecated" if now == "deprecated" else "retired" if now in ENDED else "changed"


def _deserves(previous: Manifest, new: Manifest, differences: tuple[Difference, ...]) -> Deserved:
    was, now = (Version.parse(each.address.version or "0.0.0") for each in (previous, new))
    bump = deserved(was, differences)
    return Deserved(bump, step_between(was, now), str(next_version(was, bump)))


def _consumers(graph: Graph, address: Address) -> tuple[tuple[Consumer, ...], bool]:
    if not KINDS[address.kind].is_versioned:
        return (), True
    found: list[Consumer] = []
    try:
        found.extend(graph.consumers(address, limit=MOST_CONSUMERS))
    except TooLarge:
        return tuple(found), False
    return tuple(found), True


def _moves(change: Change, record: RecordChange) -> Iterator[AliasMove]:
    old, new = _manifest(record.before), _manifest(record.after)
    of = new if isinstance(new, Aliases) else old
    if not isinstance(of, Aliases):
        return
    before = old.spec.aliases if isinstance(old, Aliases) else {}
    after = new.spec.aliases if isinstance(new, Aliases) else {}
    ref = of.address.ref
    for alias in sorted(before.keys() | after.keys()):
        was, now = before.get(alias), after.get(alias)
        if was != now:
            yield AliasMove(ref, alias, was, now, _impact_of_move(change, of, was, now))


def _impact_of_move(change: Change, of: Aliases, was: str | None, now: str | None) -> Impact | None:
    if was is None:
        return None
    place, kind = of.metadata, of.spec.of
    old = change.head.record(Address(kind, place.namespace, place.name, was))
    new = change.head.record(Address(kind, place.namespace, place.name, now)) if now else None
    if old is None or new is None:
        return Impact.BREAKING
    found = [difference.impact for difference in compare(old.manifest, new.manifest)]
    return min(found, key=lambda each: _ORDER[each], default=Impact.COSMETIC)
