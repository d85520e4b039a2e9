"""An analysis of impact as values, and what it recommends.

- What is recommended is what a plan would do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from gitreg.versions import Version
from gitreg_indexer.catalog import Position
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.impact import Change, Impacted
from gitreg_indexer.graph.moving import Step, alias_record
from gitreg_indexer.graph.state import name_of, selector_of

_NAMED: Final = 5
"""Namespaces and versions that a recommended action names."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a change of a record means to others, as of one commit. `steps` is None where no plan was asked for."""

    target: str
    change: Change
    position: Position
    impacted: tuple[Impacted, ...]
    destination: str | None
    """What to move to, where there is something."""
    next_release: Version | None = None
    """The version as which what breaks consumers would be released, where the record has versions."""
    steps: tuple[Step, ...] | None = None
    takers: tuple[str, ...] = ()
    """Direct consumers that are harmed and would get the next release by themselves."""
    moves: tuple[Step, ...] | None = None
    """What a plan does, asked for or not; None where none was made: unasked, for many or for not all of them."""
    aliases: tuple[str, ...] = ()
    """Those that name the target."""


def actions_of(found: Analysis, harmed: Sequence[Impacted]) -> Iterator[str]:
    """Recommend what to do, in the order in which it is done."""
    named = _left_aliases(found)
    if not found.impacted and not named:
        yield f"nothing refers to {found.target} in a way that could break: go ahead"
        return
    if found.impacted and not harmed:
        yield "nothing breaks: tell the owners of " + _listed(_namespaces(found.impacted))
    breaking = [each for each in harmed if each.impact == "breaking"]
    direct = [each for each in breaking if each.distance == 1]
    if found.change == "breaking" and direct and found.next_release:
        yield _released_instead(found, direct)
    yield from _moves(found, direct)
    if named:
        said = f"alias {named[0]} names" if len(named) == 1 else f"aliases {_listed(named)} name"
        yield f"the {said} {found.target}, for which people and deployments may ask: move that first"
    critical = [each for each in breaking if each.severity == "critical"]
    if critical:
        owners = _listed(_namespaces(critical))
        said = "1 critical consumer breaks" if len(critical) == 1 else f"{len(critical)} critical consumers break"
        yield f"{said}: talk to the owners of {owners} before"
    unknown = sum(each.impact == "unknown" for each in harmed)
    if unknown:
        yield f"{unknown} may be locked to what changes, though they resolve to another version now: check their locks"


def _released_instead(found: Analysis, direct: Sequence[Impacted]) -> str:
    """Say whom it would help to release the change as another version."""
    if not found.takers:
        return f"release the change as {found.next_release} instead: none of these takes that by itself"
    takers = frozenset(found.takers)
    said = f"{_listed(found.takers)} would get that too"
    if all(each.ref in takers for each in direct):
        return f"a release as {found.next_release} instead would help nobody: {said}"
    return f"release the change as {found.next_release} instead: of these only {said}"


def _moves(found: Analysis, direct: Sequence[Impacted]) -> Iterator[str]:
    """Say who has to be moved first, and where to, as the plan does."""
    moved = _moved_aliases(found)
    if moved:
        yield f"move the alias{'es' * (len(moved) > 1)} {_listed(list(moved))} to {next(iter(moved.values()))} first"
    steps: dict[str, list[Step]] = defaultdict(list)
    for step in found.moves or ():
        steps[step.ref].append(step)
    fates: dict[_Fate, list[str]] = defaultdict(list)
    for each in direct:
        fate: _Fate = (
            "unplanned" if found.moves is None else _fate_of(each.tie.edge, steps[each.ref], found.destination, moved)
        )
        fates[fate].append(each.ref)
    for fate in get_args(_Fate):
        if fates[fate] and fate != "named":
            yield _told(fate, fates[fate], found.destination)


_Fate = Literal["made", "pinned", "moved", "open", "idle", "unplanned", "named"]
"""What a plan does with a direct consumer; `named`: it goes by an alias that is moved."""


def _fate_of(edge: Edge, steps: Sequence[Step], destination: str | None, moved: Collection[str]) -> _Fate:
    selector = selector_of(edge.selector)
    open_ = [step.field for step in steps if step.action == "decide"]
    if open_:
        is_made = destination and edge.relation == "derived_from" and set(open_) == {edge.field}
        return "made" if is_made else "open"
    edits = [step for step in steps if step.action == "edit"]
    if edits:
        is_pin = isinstance(selector, Version) and all(step.to == destination for step in edits)
        return "pinned" if is_pin else "moved"
    return "named" if selector in moved else "idle"


def _told(fate: _Fate, refs: Sequence[str], destination: str | None) -> str:
    count = f"{len(refs)} direct consumer{'s' * (len(refs) > 1)}"
    if fate == "made":
        return f"make {_listed(refs)} again from {destination}"
    if fate == "pinned":
        return f"pin {_listed(refs)} to {destination}"
    if fate == "moved":
        return f"move {count} to {destination}: a plan says how"
    if fate == "idle":
        return f"{count} need{'s' * (len(refs) == 1)} no edit: a plan says why"
    if fate == "unplanned":
        return f"a plan says how {count} can move"
    if destination is None:
        return f"find something that {count} can move to: there is nothing yet"
    return f"decide on {count}: a plan says why"


def _moved_aliases(found: Analysis) -> dict[str, str | None]:
    """Give the aliases of the target that the plan moves, since records ask for them, and to what: all to the same."""
    holder, prefix = alias_record(name_of(found.target)), "spec.aliases."
    edits = (step for step in found.moves or () if step.ref == holder and step.action == "edit")
    return {alias: step.to for step in edits if (alias := step.field.removeprefix(prefix)) in found.aliases}


def _left_aliases(found: Analysis) -> list[str]:
    """List the aliases that still name what is to break or to go."""
    moved = _moved_aliases(found)
    return [] if found.change == "deprecate" else [alias for alias in found.aliases if alias not in moved]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _namespaces(impacted: Iterable[Impacted]) -> list[str]:
    return sorted({namespace_of(each.ref) for each in impacted})


def namespace_of(ref: str) -> str:
    """Give the namespace of a record; of a namespace itself."""
    word, _, rest = name_of(ref).partition(":")
    return rest if word == "namespace" else rest.rpartition("/")[0]
