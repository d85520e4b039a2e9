"""An analysis of impact as values, and what it recommends.

- What is recommended is what a plan would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gitreg.versions import Version
from gitreg_indexer.catalog import Position
from gitreg_indexer.graph.impact import Change, Impacted
from gitreg_indexer.graph.moving import Step
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


def actions_of(found: Analysis, harmed: Sequence[Impacted]) -> Iterator[str]:
    """Recommend what to do, in the order in which it is done."""
    if not found.impacted:
        yield f"nothing refers to {found.target} in a way that could break: go ahead"
        return
    if not harmed:
        yield "nothing breaks: tell the owners of " + _listed(_namespaces(found.impacted))
    breaking = [each for each in harmed if each.impact == "breaking"]
    direct = [each for each in breaking if each.distance == 1]
    if found.change == "breaking" and direct and found.next_release:
        yield _released_instead(found, direct)
    yield from _moves(found, direct)
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
    if all(each.ref in found.takers for each in direct):
        return (
            f"a release as {found.next_release} instead would help nobody: {_listed(found.takers)} would get that too"
        )
    return (
        f"release the change as {found.next_release} instead: of these only {_listed(found.takers)} would get that too"
    )


def _moves(found: Analysis, direct: Sequence[Impacted]) -> Iterator[str]:
    """Say who has to be moved first, and where to."""
    if not direct:
        return
    aliases = sorted(
        {edge.selector for each in direct if isinstance(selector_of((edge := each.tie.edge).selector), str)}
    )
    where = f"to {found.destination}" if found.destination else "to another version, of which there is none yet"
    if aliases:
        yield f"move the alias{'es' * (len(aliases) > 1)} {_listed(aliases)} {where} first"
    made = [each.ref for each in direct if each.tie.edge.relation == "derived_from"]
    if made and found.destination:
        yield f"make {_listed(made)} again from {found.destination}"
    held = [each for each in direct if isinstance(selector_of(each.tie.edge.selector), Version)]
    pinned = [each.ref for each in held if each.ref not in made]
    if pinned:
        yield f"pin {_listed(pinned)} {where}"
    others = len(direct) - len(pinned) - len(made)
    if others and not aliases:
        yield f"move {others} direct consumer{'s' * (others > 1)} {where}: a plan (--plan) says how"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _namespaces(impacted: Iterable[Impacted]) -> list[str]:
    return sorted({namespace_of(each.ref) for each in impacted})


def namespace_of(ref: str) -> str:
    word, _, rest = name_of(ref).partition(":")
    return rest if word == "namespace" else rest.rpartition("/")[0]
