"""The way off a version: what has to be edited in whom, what is first depended on coming first.

- A landed version is frozen, so an edit is a new version of the consumer; where its own consumers hold on to the old
  one, they have a step too. What has no versions, and an alias, is edited in place.
- No version is made where a later one does not break: consumers move on to that.
- Carried out twice is the same as once: when what a plan makes has landed, the next one has nothing to edit.
- Values only: nothing is read but the graph, and nothing written.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from gitreg.resolution import ENDED
from gitreg.versions import Version
from gitreg_indexer.graph.impact import IMPACTS, Change, Impacted, Tie, Ties
from gitreg_indexer.graph.moving import (
    Line,
    Outcome,
    Planning,
    Step,
    alias_record,
    exemption_step,
    is_exemption,
    nothing_to_do,
    steps_for,
    versions_then,
)
from gitreg_indexer.graph.state import Standing, State, name_of


def planned(
    state: State,
    change: Change,
    target: str,
    destination: str | None,
    ties: Ties,
    impacted: Iterable[Impacted],
    broken: Collection[str],
) -> tuple[Step, ...]:
    """Plan how consumers move from a target to a destination; None where there is nothing to move to.

    `impacted` are those that are planned for, `broken` the refs of all that break, these or others.
    """
    statuses = {each.ref: each.status for each in impacted}
    state.read_names({name_of(ref) for ref in (*statuses, *([destination] if destination else []))})
    first = Outcome(destination, is_open=destination is None)
    left = broken if change == "deprecate" else {target, *broken}
    planning = Planning(state, change, target, ties, statuses, left, {target: first})
    into = _by_consumer(ties, statuses)
    steps: list[Step] = []
    for ref in in_order(target, into):
        steps += _steps_of(planning, ref, into[ref])
    return (*steps, *_aliases_left(planning))


def _by_consumer(ties: Ties, consumers: Mapping[str, object]) -> dict[str, list[Tie]]:
    into: dict[str, list[Tie]] = defaultdict(list)
    for provided in ties.values():
        for tie in provided:
            if tie.consumer in consumers:
                into[tie.consumer].append(tie)
    return into


def in_order(first: str, into: Mapping[str, Iterable[Tie]]) -> Iterator[str]:
    """Give consumers after all that they depend on (Kahn, 1962), of several the least ref; circles begin at theirs.

    What does not break closes no circle: whoever waits for nothing else comes before it.
    """
    waits = {ref: ({tie.provider for tie in ties} & into.keys()) - {first, ref} for ref, ties in into.items()}
    needs = {ref: {tie.provider for tie in ties if tie.impact == "breaking"} & waits[ref] for ref, ties in into.items()}
    leads: dict[str, list[str]] = defaultdict(list)
    for ref, providers in waits.items():
        for provider in providers:
            leads[provider].append(ref)
    ready = [(bool(waits[ref]), ref) for ref, providers in needs.items() if not providers]
    heapq.heapify(ready)
    left = sorted(waits, reverse=True)
    done: set[str] = set()
    while len(done) < len(waits):
        while left[-1] in done:
            left.pop()
        ref = heapq.heappop(ready)[1] if ready else _in_a_circle(left[-1], needs)
        if ref in done:
            continue
        done.add(ref)
        yield ref
        for consumer in leads[ref]:
            waits[consumer].discard(ref)
            needs[consumer].discard(ref)
            if not needs[consumer] and consumer not in done:
                heapq.heappush(ready, (bool(waits[consumer]), consumer))


def _in_a_circle(ref: str, waits: Mapping[str, Collection[str]]) -> str:
    """Go back from what waits to a record that waits for itself; the least provider first."""
    seen: set[str] = set()
    while ref not in seen:
        seen.add(ref)
        ref = min(waits[ref])
    return ref


def _steps_of(planning: Planning, ref: str, ties: Iterable[Tie]) -> list[Step]:
    """Plan all references of one consumer, and note what becomes of it."""
    idle = _why_idle(planning, ref)
    listed = _one_a_reference(planning, ties)
    if idle is not None:
        planning.outcomes[ref] = Outcome(idle.moved if ref in planning.broken else None)
        return [nothing_to_do(tie, idle.why) for tie in listed]
    found = [list(steps_for(planning, tie)) for tie in listed]
    steps = list(_with_exemptions(planning, listed, found))
    edits = [step for step in steps if step.ref == ref and step.action == "edit"]
    open_ = next((step.field for step in steps if step.ref == ref and step.action == "decide"), None)
    if open_ is not None or any(map(_is_narrowing, edits)):
        later = _later_release(planning, ref)
        amiss = later and _amiss(planning, later)
        if later is not None and amiss is None:
            planning.outcomes[ref] = Outcome(later)
            why = f"{later} does not break: move on to that"
            return [_left(step, why) if step.ref == ref else step for step in steps]
        if open_ is not None or later is not None:
            planning.outcomes[ref] = Outcome(is_open=True)
            why = f"one new version for all edits, once it is decided on {open_}"
            if open_ is None:
                why = f"it narrows a dependency, which breaks, and {later}, which {amiss}, is released"
            return [replace(step, action="decide", why=why) if step in edits else step for step in steps]
    new = _new_version(planning, ref, edits) if edits else None
    planning.outcomes[ref] = Outcome(None if new is None else f"{name_of(ref)}@{new}")
    return [replace(step, new_version=new) if step in edits else step for step in steps]


def _with_exemptions(planning: Planning, ties: Sequence[Tie], found: Sequence[Sequence[Step]]) -> Iterator[Step]:
    """Let what a link lets off from a policy go along with the policy, where that is edited in the same link."""
    moved = {
        tie.provider
        for tie, steps in zip(ties, found, strict=True)
        if tie.edge.field.startswith("spec.policies[") and any(step.action == "edit" for step in steps)
    }
    for tie, steps in zip(ties, found, strict=True):
        if tie.provider in moved and is_exemption(tie.edge):
            yield exemption_step(planning, tie)
        else:
            yield from steps


def _left(step: Step, why: str) -> Step:
    """Have nothing done about a reference that something would have to be done about."""
    return step if step.action == "none" else replace(step, action="none", to=None, satisfied_by=None, why=why)


def _is_narrowing(step: Step) -> bool:
    """Tell whether an edit leaves versions of a dependency out, which breaks whoever holds one of these."""
    return step.field.startswith("spec.dependencies[") and name_of(step.to or "") == name_of(step.constraint)


def _later_release(planning: Planning, ref: str) -> str | None:
    """Find the highest release after a version, behind which none that breaks can be put."""
    name, _, text = ref.partition("@")
    if not text or Version.parse(text).is_prerelease:
        return None
    own, versions = Version.parse(text), planning.state.versions(name)
    highest = next((version for version in versions if not version.is_prerelease), own)
    return f"{name}@{highest}" if highest > own else None


def _amiss(planning: Planning, ref: str) -> str | None:
    """Say why nobody can move on to a version; None where they can."""
    known = planning.state.standing(ref)
    if known and known.status in ENDED:
        return f"is {known.status}"
    if ref == planning.target:
        return "is to be left"
    return "breaks as well" if ref in planning.broken else None


def _one_a_reference(planning: Planning, ties: Iterable[Tie]) -> list[Tie]:
    """Give of the ties of each reference, which may admit several versions, the gravest of those to what is left."""
    found: dict[tuple[str, str], Tie] = {}
    for tie in sorted(
        ties, key=lambda tie: (tie.provider not in planning.broken, IMPACTS.index(tie.impact), tie.provider)
    ):
        found.setdefault((tie.edge.source, tie.edge.field), tie)
    return sorted(found.values(), key=lambda tie: (tie.edge.field, tie.edge.source))


class _Idle(NamedTuple):
    """Why nothing needs to be done for a consumer, whatever it refers to, and what has taken its place."""

    why: str
    moved: str | None = None


def _why_idle(planning: Planning, ref: str) -> _Idle | None:
    status = planning.statuses.get(ref)
    if status in ENDED:
        return _Idle(f"it is {status}")
    later = _later_in_line(planning, ref)
    if later is None:
        return None
    if later not in planning.broken:
        return _Idle(f"{later} has taken its place, and does not break", later)
    is_meant = any(ref in (tie.means, tie.moves_to) for tie in planning.ties.get(ref, ()))
    return None if is_meant or _aliases_of(planning, ref) else _Idle(f"nothing resolves to it, but to {later}")


def _later_in_line(planning: Planning, ref: str) -> str | None:
    """Find the release that ranges mean instead of a version."""
    name, _, text = ref.partition("@")
    if not text:
        return None
    own = Version.parse(text)
    key = name, _line_of(own)
    if key not in planning.heads:
        versions = versions_then(planning, name).items()
        planning.heads[key] = next((each for each, known in versions if _is_in_line(key[1], each, known)), None)
    head = planning.heads[key]
    return None if head is None or head <= own else f"{name}@{head}"


def _line_of(own: Version) -> Line:
    if own.is_prerelease:
        return own.major, own.minor, own.patch
    return (own.major,) if own.major else (0, own.minor)


def _is_in_line(line: Line, other: Version, known: Standing) -> bool:
    """Tell whether a caret range of a version of that line may mean another one."""
    if known.status in ENDED:
        return False
    if other.is_prerelease:
        return line == _line_of(other)
    wide = line[: 1 if line[0] else 2]
    return wide == _line_of(other)


def _aliases_of(planning: Planning, ref: str) -> list[str]:
    """List the aliases that name a version."""
    name, _, text = ref.partition("@")
    return sorted(alias for alias, version in planning.state.aliases(name).items() if version == text)


def _aliases_left(planning: Planning) -> Iterator[Step]:
    """Plan for the aliases of what is left behind that no record asks for: people and deployments do."""
    moved = {ref: outcome.moved for ref, outcome in planning.outcomes.items() if outcome.moved and "@" in ref}
    for ref in sorted(moved) if planning.change != "deprecate" else ():
        for alias in _aliases_of(planning, ref):
            holder = alias_record(name_of(ref))
            if (holder, alias) not in planning.moved_aliases:
                is_same = name_of(moved[ref] or "") == name_of(ref)
                why = "no record asks for it, but people and deployments may: move it when they are ready"
                yield Step(holder, f"spec.aliases.{alias}", ref, "decide", why, moved[ref] if is_same else None)


def _new_version(planning: Planning, ref: str, edits: Iterable[Step]) -> str | None:
    name, _, text = ref.partition("@")
    if not text:
        return None
    taken = planning.taken.setdefault(name, set(planning.state.versions(name)))
    new = next_version(Version.parse(text), taken, is_breaking=any(map(_is_narrowing, edits)))
    taken.add(new)
    return str(new)


def next_version(own: Version, taken: Collection[Version], *, is_breaking: bool = False) -> Version:
    """Give the first free version after one: a patch, or what comes after a break; of a prerelease the next one."""
    new = own
    while new in taken or new == own:
        if new.is_prerelease:
            new = _next_prerelease(new)
        else:
            new = new.bump("patch" if not is_breaking else "major" if new.major else "minor")
    return new


def _next_prerelease(own: Version) -> Version:
    *parts, last = own.prerelease
    following = (*parts, last + 1) if isinstance(last, int) else (*parts, last, 1)
    return Version(own.major, own.minor, own.patch, following)
