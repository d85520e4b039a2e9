"""Whether a lock still holds, as of a commit: the records say what they said, and are still what is wanted.

- Errors are what a lock must not have: content that may never change is another one, a record is gone or at its end, a
  version is not what is wanted, the lock names more or less than what is needed.
- Warnings are what may happen to a good lock: mutable fields were edited, a version was deprecated, or was at its end
  already when it was locked.
- That a fresh lock would mean other versions is no fault; it is told beside the findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gitreg.errors import Finding, NotFoundError, Rejected, Severity
from gitreg.pipelines.locking import Lock, Pin, Resolve, Standing, Wanted, make_lock, missing_of, needs_of, pin_of
from gitreg.refs import KINDS, Ref
from gitreg.resolution import ENDED
from gitreg.versions import Range, Version

RULE: Final = "lock"
_LEAVE: Final = "plan the move to its successor"
_RELOCK: Final = "lock again, and look at what differs"


@dataclass(frozen=True, slots=True)
class Drift:
    """A reference that a fresh lock would resolve otherwise; None where one of the two has it not, or means nothing."""

    by: str
    field: str
    wants: str
    locked: str | None
    fresh: str | None

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "by": self.by,
            "field": self.field,
            "wants": self.wants,
            "locked": self.locked,
            "fresh": self.fresh,
        }


@dataclass(frozen=True, slots=True)
class LockCheck:
    """What became of a lock: what is found, and what a fresh lock would differ in."""

    findings: tuple[Finding, ...]
    drifts: tuple[Drift, ...]

    @property
    def holds(self) -> bool:
        """Tell whether nothing stands against the lock."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def check_lock(lock: Lock, resolve: Resolve, *, registry: str, commit: str, seq: int) -> LockCheck:
    """Check a lock against what a registry holds at a commit."""
    if lock.registry != registry:
        says = f"it is a lock of the registry {lock.registry}, and this one is {registry}"
        return LockCheck((_error("other-registry", lock.pipeline, says, "check it where it was made"),), ())
    standing = {pin.ref: _standing(resolve, pin.ref) for pin in lock.records}
    findings: list[Finding] = []
    for pin in lock.records:
        findings.extend(_pin_findings(pin, standing[pin.ref]))
    sound = {ref: found for ref, found in standing.items() if isinstance(found, Standing)}
    changed = {finding.ref for finding in findings if finding.slug == "content"}
    findings.extend(_reference_findings(lock, sound, resolve))
    findings.extend(_closure_findings(lock, {ref: found for ref, found in sound.items() if ref not in changed}))
    drifts = _drifts(lock, sound, resolve, registry=registry, commit=commit, seq=seq)
    return LockCheck(tuple(findings), tuple(drifts))


def _error(slug: str, ref: str, says: str, mend: str, field: str | None = None) -> Finding:
    return Finding(RULE, slug, says, mend, ref=ref, field=field)


def _warning(slug: str, ref: str, says: str, mend: str) -> Finding:
    return Finding(RULE, slug, says, mend, Severity.WARNING, ref=ref)


def _standing(resolve: Resolve, ref: str) -> Standing | Finding:
    try:
        return resolve(Ref.parse(ref))
    except NotFoundError:
        return _error("gone", ref, "it is not in the registry", "look who removed it: `gitreg history`")
    except Rejected as error:
        return _error("gone", ref, f"its file cannot be read: {error.says}", error.mend)


def _pin_findings(pin: Pin, found: Standing | Finding) -> Iterator[Finding]:
    if isinstance(found, Finding):
        yield found
        return
    now = pin_of(found)
    if pin.blob == now.blob:
        if pin != now:
            says = "its file is the one that was locked, and the lock tells otherwise of it: "
            says += "the lock was written by another version of gitreg, or edited by hand"
            yield _error("content", pin.ref, says, f"{_RELOCK}: `git log -p` of the lock tells who changed it")
    elif _fixed(pin) != _fixed(now) or (pin.content == now.content and pin.status != now.status):
        says = "it is not what was locked: what may never change is another, here or in the lock"
        yield _error("content", pin.ref, says, "find out who changed which: `git log -p` of its file and of the lock")
    elif pin.content != now.content:
        says = "fields that may change have changed since it was locked"
        yield _warning("edited", pin.ref, says, f"see what: `gitreg history {pin.ref}`; lock again to take it in")
    else:
        yield _warning("rewritten", pin.ref, "its comments or its layout have changed since it was locked", _RELOCK)
    if now.status in ENDED and pin.status in ENDED:
        yield _warning("ended", pin.ref, f"it is {now.status}, as it was when it was locked", _LEAVE)
    elif now.status in ENDED:
        yield _error("ended", pin.ref, f"it is {now.status}", "move to a version that is kept, and lock again")
    elif now.status == "deprecated":
        yield _warning("deprecated", pin.ref, "it is deprecated", _LEAVE)


def _fixed(pin: Pin) -> tuple[Any, ...]:
    """Give what a pin says that is true of its record for ever."""
    return pin.kind, pin.version, pin.frozen, pin.artifact


def _reference_findings(lock: Lock, standing: dict[str, Standing], resolve: Resolve) -> Iterator[Finding]:
    known = {pin.ref for pin in lock.records}
    for each in lock.references:
        if each.means is None:
            continue
        if each.means not in known:
            yield _error("left-out", each.by, f"{each.means} is not among the records", _RELOCK, each.field)
        elif not is_admitted(each, resolve):
            says = f"{each.means} is not what {each.wants} allows"
            yield _error("not-allowed", each.by, says, _RELOCK, each.field)
    if lock.pipeline in standing:
        for each in missing_of(lock):
            if each.required:
                says = f"{each.wants} is needed, and the lock has nothing for it"
                yield _error("left-out", each.by, says, _RELOCK, each.field)


def is_admitted(each: Wanted, resolve: Resolve) -> bool:
    """Tell whether what a reference was locked to is what it wants; an alias wants what it names at the moment."""
    wants, means = Ref.parse(each.wants), Ref.parse(each.means or "")
    if (wants.kind, wants.place) != (means.kind, means.place):
        return False
    if not KINDS[means.kind].is_versioned:
        return True
    if not isinstance(means.selector, Version):
        return False
    if isinstance(wants.selector, Range):
        return wants.selector.allows(means.selector)
    if isinstance(wants.selector, str):
        found = _standing(resolve, each.wants)
        return isinstance(found, Standing) and found.manifest.address.ref == each.means
    return wants.selector in (None, means.selector)


def _closure_findings(lock: Lock, standing: dict[str, Standing]) -> Iterator[Finding]:
    """Find what a lock names too little of, and too much."""
    stated: dict[str, set[tuple[Any, ...]]] = {}
    for each in lock.references:
        stated.setdefault(each.by, set()).add((each.field, each.relation, each.wants, each.required))
    for ref, found in standing.items():
        needs = {(n.field, n.relation, str(n.ref), n.required) for n in needs_of(found.manifest)}
        for field, _, wants, _ in sorted(needs - stated.get(ref, set())):
            yield _error("left-out", ref, f"it needs {wants}, and the lock does not say so", _RELOCK, field)
        for field, _, wants, _ in sorted(stated.get(ref, set()) - needs):
            yield _error("unasked", ref, f"it does not ask for {wants} there", _RELOCK, field)
    meant = {lock.pipeline, *(each.means for each in lock.references)}
    for pin in lock.records:
        if pin.ref not in meant:
            yield _error("unasked", pin.ref, "nothing in the lock refers to it", _RELOCK)
    if lock.pipeline not in {pin.ref for pin in lock.records}:
        yield _error("left-out", lock.pipeline, "the pipeline itself is not among the records", _RELOCK)


def _drifts(
    lock: Lock, standing: dict[str, Standing], resolve: Resolve, *, registry: str, commit: str, seq: int
) -> Iterator[Drift]:
    """Compare with a lock made now, as far as one can be made."""
    pipeline = standing.get(lock.pipeline)
    if pipeline is None:
        return
    try:
        fresh = make_lock(pipeline, resolve, registry=registry, commit=commit, seq=seq)
    except (NotFoundError, Rejected):  # what it is about is found already, or not a matter of this lock
        return
    then, now = ({(each.by, each.field): each for each in each_lock.references} for each_lock in (lock, fresh))
    for key in dict.fromkeys((*now, *then)):
        one, other = then.get(key), now.get(key)
        locked, meant = (each.means if each else None for each in (one, other))
        wants = (other or one or lock.references[0]).wants
        if locked != meant:
            yield Drift(*key, wants, locked, meant)
