"""The way off a version: what has to be edited in whom, what is first depended on coming first.

- A landed version is frozen, so an edit is a new version of the consumer; where its own consumers hold on to the old
  one, they have a step too. What has no versions, and an alias, is edited in place.
- A new constraint keeps the style of the old one, and leads off the version; where none does, a person decides.
- What was made from a version (a derived model, a rendered pipeline, a written dataset) cannot be edited into having
  been made from another: that is for a person as well.
- Values only: nothing is read but the graph, and nothing written.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from gitreg.errors import NotFoundError, UsageError
from gitreg.refs import LATEST, Ref
from gitreg.resolution import ENDED
from gitreg.versions import Range, Version
from gitreg_indexer.catalog import Fact
from gitreg_indexer.graph.impact import IMPACTS, Change, Impacted, Tie, Ties, is_about, is_linked
from gitreg_indexer.graph.lineage import kind_of
from gitreg_indexer.graph.state import Selector, Standing, State, name_of, selector_of

Action = Literal["edit", "none", "decide"]
_ALIVE: Final = Standing(None, None)
_RETIRED: Final = Standing("retired", None)


@dataclass(frozen=True, slots=True)
class Step:
    """What one reference of a record needs.

    `ref` is who refers; where settings or a pipeline refer to what comes after them, it is that.
    """

    ref: str
    field: str
    constraint: str
    """What is referred to, as a ref with the selector as it is written."""
    action: Action
    why: str
    to: str | None = None
    """What the reference says after the edit."""
    satisfied_by: str | None = None
    """Another version that satisfies the constraint as it is."""
    new_version: str | None = None
    """The version as which the edited record is registered; None where it is edited in place."""

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "ref": self.ref,
            "field": self.field,
            "constraint": self.constraint,
            "action": self.action,
            "to": self.to,
            "satisfiedBy": self.satisfied_by,
            "newVersion": self.new_version,
            "why": self.why,
        }


class _Outcome(NamedTuple):
    """What becomes of a record: another ref to move to, nothing (`is_open`: nobody knows yet)."""

    moved: str | None = None
    is_open: bool = False


@dataclass(slots=True)
class _Planning:
    """What is known so far while a plan is made."""

    state: State
    change: Change
    target: str
    ties: Ties
    statuses: Mapping[str, str | None]
    broken: Collection[str]
    outcomes: dict[str, _Outcome]
    taken: dict[str, set[Version]] = field(default_factory=dict)
    moved_aliases: set[tuple[str, str]] = field(default_factory=set)


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
    first = _Outcome(destination, is_open=destination is None)
    planning = _Planning(state, change, target, ties, statuses, broken, {target: first})
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
    """Give consumers after all that they depend on (Kahn, 1962), of several the least ref; circles begin at theirs."""
    waits = {ref: {tie.provider for tie in ties} - {first, ref} for ref, ties in into.items()}
    leads: dict[str, list[str]] = defaultdict(list)
    for ref, providers in waits.items():
        for provider in providers:
            leads[provider].append(ref)
    ready = [ref for ref, providers in waits.items() if not providers]
    heapq.heapify(ready)
    left = iter(sorted(waits))
    done: set[str] = set()
    while len(done) < len(waits):
        ref = heapq.heappop(ready) if ready else next(each for each in left if each not in done)
        if ref in done:
            continue
        done.add(ref)
        yield ref
        for consumer in leads[ref]:
            waits[consumer].discard(ref)
            if not waits[consumer] and consumer not in done:
                heapq.heappush(ready, consumer)


def _steps_of(planning: _Planning, ref: str, ties: Iterable[Tie]) -> list[Step]:
    """Plan all references of one consumer, and note what becomes of it."""
    idle = _why_idle(planning, ref)
    listed = _one_a_reference(ties)
    if idle is not None:
        planning.outcomes[ref] = _Outcome(idle.moved)
        return [_none(tie, idle.why) for tie in listed]
    found = [list(_step(planning, tie)) for tie in listed]
    steps = [step for steps in found for step in steps]
    open_ = next((step.field for step in steps if step.ref == ref and step.action == "decide"), None)
    edits = [step for step in steps if step.ref == ref and step.action == "edit"]
    why = None if open_ is None else f"one new version for all edits, once it is decided on {open_}"
    later = _later_release(planning, ref) if any(map(_is_narrowing, edits)) else None
    if why is None and later is not None and later not in planning.broken:
        planning.outcomes[ref] = _Outcome(later)
        moved = f"{later} does not break: move on to that"
        return [replace(step, action="none", to=None, why=moved) if step in edits else step for step in steps]
    if later is not None:
        why = why or f"fewer versions of a dependency are a breaking change, and {later} is released: move on to that"
    if why is not None:
        planning.outcomes[ref] = _Outcome(is_open=True)
        return [replace(step, action="decide", why=why) if step in edits else step for step in steps]
    new = _new_version(planning, ref, edits) if edits else None
    planning.outcomes[ref] = _Outcome(None if new is None else f"{name_of(ref)}@{new}")
    return [replace(step, new_version=new) if step in edits else step for step in steps]


def _is_narrowing(step: Step) -> bool:
    """Tell whether an edit leaves versions of a dependency out, which breaks whoever holds one of these."""
    return step.field.startswith("spec.dependencies[") and name_of(step.to or "") == name_of(step.constraint)


def _later_release(planning: _Planning, ref: str) -> str | None:
    """Find the highest release after a version, behind which none that breaks can be put."""
    name, _, text = ref.partition("@")
    if not text or Version.parse(text).is_prerelease:
        return None
    own, versions = Version.parse(text), planning.state.versions(name)
    later = (version for version in versions if version > own and not version.is_prerelease)
    found = next(later, None)
    return None if found is None else f"{name}@{found}"


def _one_a_reference(ties: Iterable[Tie]) -> list[Tie]:
    """Give of the ties of each reference, which may admit several versions that change, the gravest."""
    found: dict[tuple[str, str], Tie] = {}
    for tie in sorted(ties, key=lambda tie: (IMPACTS.index(tie.impact), tie.provider)):
        found.setdefault((tie.edge.source, tie.edge.field), tie)
    return sorted(found.values(), key=lambda tie: (tie.edge.field, tie.edge.source))


class _Idle(NamedTuple):
    """Why nothing needs to be done for a consumer, whatever it refers to, and what has taken its place."""

    why: str
    moved: str | None = None


def _why_idle(planning: _Planning, ref: str) -> _Idle | None:
    status = planning.statuses.get(ref)
    if status in ENDED:
        return _Idle(f"it is {status}")
    later = _later_in_line(planning, ref)
    if later is None:
        return None
    if later not in planning.broken:
        return _Idle(f"{later} has taken its place, and does not break", later)
    is_meant = any(tie.means == ref for tie in planning.ties.get(ref, ()))
    return None if is_meant or _aliases_of(planning, ref) else _Idle(f"nothing resolves to it, but to {later}")


def _later_in_line(planning: _Planning, ref: str) -> str | None:
    """Find the release that ranges mean instead of a version."""
    name, _, text = ref.partition("@")
    versions = planning.state.versions(name).items() if text else ()
    own = Version.parse(text) if text else Version(0, 0, 0)
    return next((f"{name}@{version}" for version, known in versions if _takes_over(own, version, known)), None)


def _aliases_of(planning: _Planning, ref: str) -> list[str]:
    """List the aliases that name a version."""
    name, _, text = ref.partition("@")
    return sorted(alias for alias, version in planning.state.aliases(name).items() if version == text)


def _aliases_left(planning: _Planning) -> Iterator[Step]:
    """Plan for the aliases of what is left behind that no record asks for: people and deployments do."""
    moved = {ref: outcome.moved for ref, outcome in planning.outcomes.items() if outcome.moved and "@" in ref}
    for ref in sorted(moved) if planning.change != "deprecate" else ():
        for alias in _aliases_of(planning, ref):
            holder = _alias_record(name_of(ref))
            if (holder, alias) not in planning.moved_aliases:
                is_same = name_of(moved[ref] or "") == name_of(ref)
                why = "no record asks for it, but people and deployments may: move it when they are ready"
                yield Step(holder, f"spec.aliases.{alias}", ref, "decide", why, moved[ref] if is_same else None)


def _alias_record(name: str) -> str:
    return f"aliases:{name.replace(':', '/', 1)}"


def _takes_over(own: Version, other: Version, known: Standing) -> bool:
    """Tell whether a caret range of a version means another one instead."""
    if known.status in ENDED or other.is_prerelease or other <= own:
        return False
    return other.major == own.major and (own.major > 0 or other.minor == own.minor)


def _new_version(planning: _Planning, ref: str, edits: Iterable[Step]) -> str | None:
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


def _step(planning: _Planning, tie: Tie) -> Iterator[Step]:
    """Plan one reference, and the alias that it goes by."""
    outcome = planning.outcomes.get(tie.provider, _Outcome())
    moved, relation = outcome.moved, tie.edge.relation
    if tie.impact == "non-breaking":
        yield _none(tie, _why_unharmed(planning, tie), tie.moves_to)
    elif tie.impact == "unknown":
        why = f"it resolves to {tie.means}; what was locked to {tie.provider} before has to be locked anew"
        yield _none(tie, why, tie.means)
    elif outcome.is_open:
        is_target = tie.provider == planning.target
        why = "there is no version to move to: name one with --to" if is_target else f"{tie.provider} is not decided on"
        yield _decide(tie, why)
    elif moved is None:
        yield _none(tie, f"{tie.provider} stays as it is")
    elif tie.is_forward:
        yield _forward_step(planning, tie, moved)
    elif relation == "derived_from":
        yield _decide(tie, f"it was made from {tie.provider}: make it again from {moved}, and register that")
    elif tie.edge.field == "spec.template.ref":
        yield _decide(tie, f"it was rendered from {tie.provider}: instantiate it again from {moved}, and register that")
    else:
        yield from _moving(planning, tie, moved)


def _why_unharmed(planning: _Planning, tie: Tie) -> str:
    if planning.change == "deprecate":
        return f"{tie.provider} goes on to work: move when it suits"
    if not tie.edge.required:
        return "it can do without"
    if is_about(tie.edge):
        return f"it is about {tie.provider}, and does not run on it"
    return f"it moves on to {tie.moves_to} by itself" if tie.moves_to else f"it resolves to {tie.means}"


def _forward_step(planning: _Planning, tie: Tie, moved: str) -> Step:
    """Plan for what settings are made for, or a pipeline writes: the reference to it stands in these."""
    does, done = ("configures", "configured") if tie.edge.relation == "configures" else ("writes", "written")
    is_copy = tie.provider != planning.target
    if is_copy or is_linked(planning.state, moved, tie.edge.relation, tie.consumer):
        return _none(tie, f"{moved} {does} it as well", moved)
    return _decide(tie, f"it is {done} by {tie.provider}, and not by {moved}: run it with that, or make it anew")


def _moving(planning: _Planning, tie: Tie, moved: str) -> Iterator[Step]:
    """Move one reference that resolves to its provider over to what that moves to."""
    edge, selector = tie.edge, selector_of(tie.edge.selector)
    name, is_stored = name_of(moved), isinstance(selector, str) and selector != LATEST
    is_asked = name == edge.target or isinstance(selector, str)
    after = _chosen(planning, tie, moved, selector) if is_asked else None
    if name == edge.target and after is not None and after != tie.provider:
        yield _none(tie, f"it resolves to {after} then", after)
    elif name == edge.target and is_stored:
        alias = _alias_record(name), str(selector)
        if alias not in planning.moved_aliases:
            planning.moved_aliases.add(alias)
            yield _alias_step(tie, alias, moved)
        yield _none(tie, f"the alias {selector!r} moves to {moved}", moved)
    elif isinstance(selector, str) and after != moved:
        why = f"{selector!r} is computed" if selector == LATEST else f"{name} has no alias {selector!r} for {moved}"
        yield _decide(tie, f"{why}: name a version or a range, or retire {tie.provider}")
    else:
        yield _edit(planning, tie, moved, selector)


def _edit(planning: _Planning, tie: Tie, moved: str, selector: Selector) -> Step:
    edge, name = tie.edge, name_of(moved)
    version = Version.parse(moved[len(name) + 1 :])
    for written in _in_style(edge.selector, selector, version):
        wanted = selector_of(written)
        fits = wanted.allows(version) if isinstance(wanted, Range) else wanted in (None, version)
        after = _chosen(planning, tie, moved, wanted)
        if isinstance(wanted, str) or (fits and after is not None and after != tie.provider):
            to = f"{name}@{written}" if written else name
            return Step(tie.consumer, edge.field, edge.wanted, "edit", _why_edited(tie), to, _satisfying(planning, tie))
    why = f"without a selector it resolves to {tie.provider}: name a version or a range, or retire that"
    return _decide(tie, why)


def _in_style(written: str, selector: Selector, version: Version) -> Iterator[str]:
    """Give selectors for a version, in the style of another one, the first choice first."""
    if isinstance(selector, Range):
        sign = "~" if written.lstrip().startswith("~") else "^"
        yield f"{sign}{version.major}.{version.minor}"
        yield f"{sign}{version}"
    elif not isinstance(selector, Version):
        yield written
        return
    yield str(version)


def _why_edited(tie: Tie) -> str:
    if isinstance(selector_of(tie.edge.selector), Version):
        return f"it is pinned to {tie.provider}"
    return f"it resolves to {tie.provider}"


def _satisfying(planning: _Planning, tie: Tie) -> str | None:
    state = planning.state
    others = (ref for ref in state.admitted(tie.edge) if ref != tie.provider)
    return next((ref for ref in others if (known := state.standing(ref)) and known.status not in ENDED), None)


def _chosen(planning: _Planning, tie: Tie, moved: str, selector: Selector) -> str | None:
    """Give what a selector means of the name that is moved to, once the move and the change are done."""
    name = name_of(moved)
    versions = {**planning.state.versions(name)}
    versions.setdefault(Version.parse(moved[len(name) + 1 :]), _ALIVE)
    if planning.change == "retire" and tie.provider == planning.target and name_of(tie.provider) == name:
        versions[Version.parse(tie.provider[len(name) + 1 :])] = _RETIRED
    ordered = dict(sorted(versions.items(), key=lambda item: item[0], reverse=True))
    chosen = planning.state.choose(name, selector, ordered)
    return None if chosen is None else f"{name}@{chosen}"


def _alias_step(tie: Tie, alias: tuple[str, str], moved: str) -> Step:
    ref, named = alias
    why = f"{tie.edge.wanted} is asked for by {tie.consumer}, and perhaps by others"
    return Step(ref, f"spec.aliases.{named}", tie.provider, "edit", why, moved)


def _none(tie: Tie, why: str, satisfied_by: str | None = None) -> Step:
    return Step(tie.consumer, tie.edge.field, tie.edge.wanted, "none", why, satisfied_by=satisfied_by)


def _decide(tie: Tie, why: str) -> Step:
    return Step(tie.consumer, tie.edge.field, tie.edge.wanted, "decide", why)


def destination_of(
    state: State, target: str, to: str | None, successor: str | None, resolve: Callable[[Ref], Fact]
) -> str | None:
    """Find what to move to: what is named, else the successor that is stated, else the highest other release alive.

    `UsageError` and `NotFoundError` where what is named will not do.
    """
    name, kind = name_of(target), kind_of(target)
    if to is not None:
        found = resolve(Ref.parse(to if "/" in to else f"{name}@{to}", kind=kind)) if "@" in target else None
        return _named(target, found, to)
    with suppress(NotFoundError):
        stated = resolve(Ref.parse(successor, kind=kind)) if successor else None
        if stated and stated.kind == kind and stated.ref != target:
            return stated.ref
    alive = (version for version, known in state.versions(name).items() if known.status not in ENDED)
    releases = (f"{name}@{version}" for version in alive if not version.is_prerelease)
    return next((ref for ref in releases if ref != target), None)


def _named(target: str, found: Fact | None, to: str) -> str:
    if found and found.kind == kind_of(target) and found.ref != target:
        return found.ref
    raise UsageError(
        f"{found.ref if found else to} cannot take the place of {target}",
        got=f"--to {to}",
        expected=f"another {kind_of(target)}",
        mend="name another version, or another record of the same kind as namespace/name@version",
    )
