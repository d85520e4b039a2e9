"""How one reference moves off a version: what it says then, or why nothing is done, or why a person decides.

- A new constraint keeps the style of the old one, and leads off the version; where none does, a person decides.
- What was made from a version (a derived model, a rendered pipeline, a written dataset) cannot be edited into having
  been made from another: that is for a person as well.
- Values only: nothing is read but the graph, and nothing written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from gitreg.refs import LATEST
from gitreg.resolution import ENDED
from gitreg.versions import Range, Version
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.impact import RETIRED, Change, Tie, Ties, is_about, is_linked
from gitreg_indexer.graph.state import Selector, Standing, State, name_of, selector_of

Action = Literal["edit", "none", "decide"]
_ALIVE: Final = Standing(None, None)
Line = tuple[int, ...]
"""The leading numbers that versions share of which a range takes the highest; all three for prereleases."""


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


class Outcome(NamedTuple):
    """What becomes of a record: another ref to move to, nothing (`is_open`: nobody knows yet)."""

    moved: str | None = None
    is_open: bool = False


@dataclass(slots=True)
class Planning:
    """What is known so far while a plan is made."""

    state: State
    change: Change
    target: str
    ties: Ties
    statuses: Mapping[str, str | None]
    broken: Collection[str]
    """What is to be left: the target, unless it goes on to work, and all that break with it."""
    outcomes: dict[str, Outcome]
    taken: dict[str, set[Version]] = field(default_factory=dict)
    moved_aliases: set[tuple[str, str]] = field(default_factory=set)
    chosen: dict[tuple[str, Selector], str | None] = field(default_factory=dict)
    """What selectors mean once a move is done, by what is moved to and the selector."""
    then: dict[str, Mapping[Version, Standing]] = field(default_factory=dict)
    """The versions of a name once the change is done, or a move to one of them as well, highest first."""
    heads: dict[tuple[str, Line], Version | None] = field(default_factory=dict)
    """The highest version alive in each line of a name."""


def alias_record(name: str) -> str:
    """Give the ref of the record that holds the aliases of a name."""
    return f"aliases:{name.replace(':', '/', 1)}"


def steps_for(planning: Planning, tie: Tie) -> Iterator[Step]:
    """Plan one reference, and the alias that it goes by."""
    outcome = planning.outcomes.get(tie.provider) if tie.provider in planning.broken else Outcome()
    relation = tie.edge.relation
    moved = None if outcome is None else outcome.moved
    if tie.impact == "non-breaking":
        satisfied_by = None if tie.moves_to in planning.broken else tie.moves_to
        yield nothing_to_do(tie, _why_unharmed(planning, tie), satisfied_by)
    elif tie.impact == "unknown":
        means = tie.moves_to or tie.means
        why = f"it resolves to {means}; what was locked to {tie.provider} before has to be locked anew"
        yield nothing_to_do(tie, why, means)
    elif outcome is None and tie.provider in planning.statuses:
        yield _decide(tie, f"{tie.provider} is in a circle, or hangs on one: move what is in that at once")
    elif outcome is None:
        yield nothing_to_do(tie, f"{tie.provider} is further away than was asked for")
    elif outcome.is_open:
        is_target = tie.provider == planning.target
        why = (
            "there is no version to move to yet: release one, or name another record"
            if is_target
            else f"{tie.provider} is not decided on"
        )
        yield _decide(tie, why)
    elif moved is None:
        yield nothing_to_do(tie, f"{tie.provider} stays as it is")
    elif tie.is_forward:
        yield _forward_step(planning, tie, moved)
    elif relation == "derived_from":
        yield _decide(tie, f"it was made from {tie.provider}: make it again from {moved}, and register that")
    elif tie.edge.field == "spec.template.ref":
        yield _decide(tie, f"it was rendered from {tie.provider}: instantiate it again from {moved}, and register that")
    else:
        yield from _moving(planning, tie, moved)


def _why_unharmed(planning: Planning, tie: Tie) -> str:
    if planning.change == "deprecate":
        return f"{tie.provider} goes on to work: move when it suits"
    if not tie.edge.required:
        return "it can do without"
    if is_about(tie.edge):
        return f"it is about {tie.provider}, and does not run on it"
    return f"it moves on to {tie.moves_to} by itself" if tie.moves_to else f"it resolves to {tie.means}"


def _forward_step(planning: Planning, tie: Tie, moved: str) -> Step:
    """Plan for what settings are made for, or a pipeline writes: the reference to it stands in these."""
    is_written, is_new = tie.edge.relation != "configures", planning.state.standing(moved) is None
    if is_new or is_linked(planning.state, moved, tie.edge.relation, tie.consumer):
        if not is_written:
            return nothing_to_do(tie, f"{moved} configures it as well", moved)
        return _decide(tie, f"it was written by {tie.provider}: write it again with {moved}, and register that")
    done = "written" if is_written else "configured"
    return _decide(tie, f"it is {done} by {tie.provider}, and not by {moved}: run it with that, or make it anew")


def _moving(planning: Planning, tie: Tie, moved: str) -> Iterator[Step]:
    """Move one reference that resolves to its provider over to what that moves to."""
    edge, selector = tie.edge, selector_of(tie.edge.selector)
    name, is_stored = name_of(moved), isinstance(selector, str) and selector != LATEST
    is_asked = name == edge.target or isinstance(selector, str)
    after = _chosen(planning, moved, selector) if is_asked else None
    if name == edge.target and _is_off(planning, tie, after):
        yield nothing_to_do(tie, f"it resolves to {after} then", after)
    elif name == edge.target and is_stored:
        alias = alias_record(name), str(selector)
        if alias not in planning.moved_aliases:
            planning.moved_aliases.add(alias)
            yield _alias_step(tie, alias, moved)
        yield nothing_to_do(tie, f"the alias {selector!r} moves to {moved}", moved)
    elif isinstance(selector, str) and after != moved:
        why = f"{selector!r} is computed" if selector == LATEST else f"{name} has no alias {selector!r} for {moved}"
        yield _decide(tie, f"{why}: name a version or a range, or retire {tie.provider}")
    else:
        yield _edit(planning, tie, moved, selector)


def _edit(planning: Planning, tie: Tie, moved: str, selector: Selector) -> Step:
    edge, name = tie.edge, name_of(moved)
    version = Version.parse(moved[len(name) + 1 :])
    for written in _in_style(edge.selector, selector, version):
        wanted = selector_of(written)
        fits = wanted.allows(version) if isinstance(wanted, Range) else wanted in (None, version)
        if isinstance(wanted, str) or (fits and _is_off(planning, tie, _chosen(planning, moved, wanted))):
            to = f"{name}@{written}" if written else name
            return Step(tie.consumer, edge.field, edge.wanted, "edit", _why_edited(tie), to, _satisfying(planning, tie))
    why = f"without a selector it resolves to {tie.provider}: name a version or a range, or retire that"
    return _decide(tie, why)


def _is_off(planning: Planning, tie: Tie, after: str | None) -> bool:
    """Tell whether a reference that means something else then is off its provider, and on nothing else that breaks."""
    return after is not None and after != tie.provider and after not in planning.broken


def is_exemption(edge: Edge) -> bool:
    """Tell whether a reference says which policy a link lets a record off from."""
    return edge.field.startswith("spec.exceptions[") and edge.field.endswith(".policy")


def exemption_step(planning: Planning, tie: Tie) -> Step:
    """Have an exemption cover the policy to which its link moves, as it covered the one before."""
    moved, selector = planning.outcomes[tie.provider].moved or "", selector_of(tie.edge.selector)
    name, version = name_of(moved), Version.parse(moved.partition("@")[2])
    if name == tie.edge.target and (selector is None or (isinstance(selector, Range) and selector.allows(version))):
        return nothing_to_do(tie, f"it covers {moved} as well", moved)
    for written in _in_style(tie.edge.selector, selector, version):
        wanted = selector_of(written)
        if wanted in (None, version) or (isinstance(wanted, Range) and wanted.allows(version)):
            why = f"the policy is moved to {moved} here, and the exemption with it"
            return Step(tie.consumer, tie.edge.field, tie.edge.wanted, "edit", why, f"{name}@{written}".rstrip("@"))
    return _decide(
        tie, f"the policy is moved to {moved} here: say which policies {tie.edge.selector!r} is to exempt from"
    )


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
    return f"it resolves to {tie.provider}" + (f" once {tie.means} is retired" if tie.moves_to else "")


def _satisfying(planning: Planning, tie: Tie) -> str | None:
    state = planning.state
    others = (ref for ref in state.admitted(tie.edge) if ref != tie.provider and ref not in planning.broken)
    return next((ref for ref in others if (known := state.standing(ref)) and known.status not in ENDED), None)


def _chosen(planning: Planning, moved: str, selector: Selector) -> str | None:
    """Give what a selector means of the name that is moved to, once the move and the change are done."""
    key = moved, selector
    if key not in planning.chosen:
        name = name_of(moved)
        chosen = planning.state.choose(name, selector, versions_then(planning, moved))
        planning.chosen[key] = None if chosen is None else f"{name}@{chosen}"
    return planning.chosen[key]


def versions_then(planning: Planning, ref: str) -> Mapping[Version, Standing]:
    """Give the versions of a name, what is moved to among them, with the target at its end where it is retired."""
    if ref not in planning.then:
        name, _, text = ref.partition("@")
        versions = {**planning.state.versions(name)}
        if text:
            versions.setdefault(Version.parse(text), _ALIVE)
        if planning.change == "retire" and name_of(planning.target) == name:
            versions[Version.parse(planning.target[len(name) + 1 :])] = RETIRED
        planning.then[ref] = dict(sorted(versions.items(), key=lambda item: item[0], reverse=True))
    return planning.then[ref]


def _alias_step(tie: Tie, alias: tuple[str, str], moved: str) -> Step:
    ref, named = alias
    why = f"{tie.edge.wanted} is asked for by {tie.consumer}, and perhaps by others"
    return Step(ref, f"spec.aliases.{named}", tie.provider, "edit", why, moved)


def nothing_to_do(tie: Tie, why: str, satisfied_by: str | None = None) -> Step:
    """Say of a reference why nothing is done about it."""
    return Step(tie.consumer, tie.edge.field, tie.edge.wanted, "none", why, satisfied_by=satisfied_by)


def _decide(tie: Tie, why: str) -> Step:
    return Step(tie.consumer, tie.edge.field, tie.edge.wanted, "decide", why)
