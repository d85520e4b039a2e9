"""Rules on how a version lives: its number, its aliases, its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from gitreg.errors import Severity
from gitreg.kinds import Aliases, PipelineLifecycle, VersionLifecycle, lifecycle_of
from gitreg.refs import KINDS, Address, Ref
from gitreg.resolution import ENDED
from gitreg.validation import Change, Fault, Rule, Subject, each
from gitreg.versions import Version

Lifecycle = VersionLifecycle | PipelineLifecycle
STEPS: Final[Mapping[str, int]] = {
    "draft": 0,
    "experimental": 0,
    "active": 1,
    "paused": 1,
    "deprecated": 2,
    "retired": 3,
    "archived": 3,
}
"""How far each status is on the way; a version only ever goes forward."""
_DEPRECATED: Final = STEPS["deprecated"]


def check_sequential(subject: Subject) -> Iterator[Fault]:
    """A version is one step after the one before it, and none was released after it in its line."""
    address = subject.manifest.address
    if not subject.is_new or address.version is None:
        return
    own = Version.parse(address.version)
    others = subject.state.versions(address.kind, address.namespace, address.name)
    landed = subject.change.base.versions(address.kind, address.namespace, address.name)
    later = [v for v in landed if v > own and (v.major, v.minor) == (own.major, own.minor) and not v.is_prerelease]
    if later:
        yield Fault(
            f"{own} comes after {max(later)} of the same line",
            f"register {max(later).bump('patch')}, which is the next of that line",
            field="metadata.version",
        )
    previous = max((v for v in others if v < own and not v.is_prerelease), default=None)
    if previous is None:
        return
    core = Version(own.major, own.minor, own.patch)
    steps = [previous.bump("patch"), previous.bump("minor"), previous.bump("major")]
    if core not in steps:
        yield Fault(
            f"{own} leaves versions out after {previous}",
            f"register {steps[0]}, {steps[1]} or {steps[2]}",
            field="metadata.version",
        )


def check_targets(subject: Subject) -> Iterator[Fault]:
    """An alias names a version that exists; a protected one, one that is released and alive."""
    manifest = subject.manifest
    if not isinstance(manifest, Aliases):
        return
    of, place = manifest.spec.of, manifest.metadata
    for alias, version in sorted(manifest.spec.aliases.items()):
        target = Address(of, place.namespace, place.name, version)
        record = subject.state.record(target)
        field = f"spec.aliases.{alias}"
        if record is None:
            listed = f"`gitreg list {KINDS[of].word} --namespace {place.namespace}`"
            mend = f"name a version that has landed; {listed} shows them"
            yield Fault(f"the alias {alias!r} names {target.ref}, which does not exist", mend, field=field)
        elif alias in subject.change.gate.protected_aliases:
            fault = _unfit(Version.parse(version), lifecycle_of(record.manifest))
            if fault:
                says = f"the alias {alias!r} is protected, and {target.ref} is {fault}"
                yield Fault(says, "name a released version that is active", field=field)


def _unfit(version: Version, lifecycle: Lifecycle | None) -> str | None:
    if version.is_prerelease:
        return "a prerelease"
    if lifecycle is not None and STEPS[lifecycle.status] >= _DEPRECATED:
        return lifecycle.status
    return None


def check_still_named(subject: Subject) -> Iterator[Fault]:
    """A version that a protected alias names does not end before the alias has moved."""
    address, lifecycle = subject.manifest.address, lifecycle_of(subject.manifest)
    if lifecycle is None or STEPS[lifecycle.status] < _DEPRECATED or subject.change.is_state or subject.is_new:
        return
    named = subject.state.aliases(address.kind, address.namespace, address.name)
    for alias in sorted(set(subject.change.gate.protected_aliases) & named.keys()):
        if named[alias] == address.version:
            yield Fault(
                f"the protected alias {alias!r} names this version, and it becomes {lifecycle.status}",
                "move the alias first or with it",
                field="spec.lifecycle.status",
            )


def check_regress(change: Change) -> Iterator[Fault]:
    """An alias goes back to a lower major only by somebody's decision."""
    for subject in change.subjects:
        manifest, before = subject.manifest, subject.before
        if not isinstance(manifest, Aliases) or not isinstance(before, Aliases):
            continue
        for alias, version in sorted(manifest.spec.aliases.items()):
            was = before.spec.aliases.get(alias)
            if was is not None and Version.parse(version).major < Version.parse(was).major:
                yield Fault(
                    f"the alias {alias!r} goes back from {was} to {version}",
                    "have somebody approve it: whoever follows it loses what the major brought",
                    field=f"spec.aliases.{alias}",
                    path=subject.path,
                    ref=subject.ref,
                )


def check_order(change: Change) -> Iterator[Fault]:
    """A version only goes forward, and is deprecated before it is retired."""
    for subject in change.subjects:
        now = lifecycle_of(subject.manifest)
        was = lifecycle_of(subject.before)
        if now is None or was is None or now.status == was.status:
            continue
        fault = _step_fault(was.status, now.status)
        if fault:
            says, mend = fault
            yield Fault(says, mend, field="spec.lifecycle.status", path=subject.path, ref=subject.ref)


def _step_fault(was: str, now: str) -> tuple[str, str] | None:
    if STEPS[now] < STEPS[was]:
        return f"the status goes back from {was} to {now}", "register a new version; one that ended does not come back"
    if now in ENDED and STEPS[was] < _DEPRECATED:
        mend = "set status: deprecated with a deprecationDate first; its users need the notice"
        return f"the status goes from {was} to {now} without having been deprecated", mend
    return None


def check_end(subject: Subject) -> Iterator[Fault]:
    """Who deprecates names a successor or says that there is none, and its dates follow each other."""
    lifecycle = lifecycle_of(subject.manifest)
    if lifecycle is None:
        return
    if lifecycle.status == "deprecated" and lifecycle.successor is None and lifecycle.reason is None:
        mend = "set spec.lifecycle.successor to what to move to, or spec.lifecycle.reason to why there is nothing"
        yield Fault("it is deprecated, and nobody says what to move to", mend, field="spec.lifecycle.status")
    if lifecycle.successor is not None and _is_itself(subject.manifest.address, lifecycle.successor):
        mend = "name another version or another record"
        yield Fault("it names itself as its successor", mend, field="spec.lifecycle.successor")
    yield from _date_faults(lifecycle, subject.change.gate.notice_days or 0)


def _is_itself(address: Address, successor: str) -> bool:
    ref = Ref.parse(successor, kind=address.kind)
    return isinstance(ref.selector, Version) and ref.address(str(ref.selector)) == address


def _date_faults(lifecycle: Lifecycle, notice: int) -> Iterator[Fault]:
    begins, ends = lifecycle.deprecation_date, lifecycle.retirement_date
    if begins is None or ends is None:
        return
    if ends < begins:
        says = f"it is retired on {ends}, before it is deprecated on {begins}"
        yield Fault(says, "put the retirement after the deprecation", field="spec.lifecycle.retirementDate")
    elif (ends - begins).days < notice:
        says = f"from its deprecation on {begins} to its retirement on {ends} are {(ends - begins).days} days"
        mend = f"leave at least {notice} days (`noticeDays` in registry.yaml)"
        yield Fault(says, mend, field="spec.lifecycle.retirementDate")


def check_notice(change: Change) -> Iterator[Fault]:
    """Nothing is retired before the day that was announced, nor without the days of notice."""
    for subject in change.subjects:
        now = lifecycle_of(subject.manifest)
        was = lifecycle_of(subject.before)
        if now is None or was is None or now.status not in ENDED or was.status in ENDED:
            continue
        says = _too_early(now, change.circumstances.today, change.gate.notice_days)
        if says:
            mend = "wait for that day; an end without notice wants a waiver of GR-023"
            yield Fault(says, mend, field="spec.lifecycle.status", path=subject.path, ref=subject.ref)


def _too_early(now: Lifecycle, today: date, notice: int | None) -> str | None:
    if now.retirement_date is not None and today < now.retirement_date:
        return f"it becomes {now.status} on {today}, and its retirement is announced for {now.retirement_date}"
    if notice is None:
        return None
    if now.deprecation_date is None:
        return f"it becomes {now.status}, and no deprecationDate says since when it is deprecated"
    days = (today - now.deprecation_date).days
    if days < notice:
        return f"it becomes {now.status} {days} days after its deprecation on {now.deprecation_date}, not {notice}"
    return None


RULES: Final = (
    Rule("GR-013", "sequential", Severity.WARNING, each(check_sequential)),
    Rule("GR-020", "alias-target", Severity.ERROR, each(check_targets)),
    Rule("GR-020", "alias-target", Severity.ERROR, each(check_still_named)),
    Rule("GR-021", "alias-regress", Severity.REVIEW, check_regress, on_state=False),
    Rule("GR-023", "lifecycle-order", Severity.ERROR, check_order, on_state=False),
    Rule("GR-023", "lifecycle-order", Severity.ERROR, each(check_end)),
    Rule("GR-023", "lifecycle-order", Severity.ERROR, check_notice, on_state=False),
)
