"""Impact and the way out of it as one answer, in the words of spec 5.4 (ImpactAnalysis).

- `analyse` looks at the graph as of one moment, now or then; what it gives are values.
- The blast radius counts those who may break, so that changes can be compared; the list has all whom a change reaches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gitreg.errors import UsageError
from gitreg.refs import Ref
from gitreg.versions import Version
from gitreg_indexer.catalog import Position
from gitreg_indexer.facts import SEVERITIES
from gitreg_indexer.graph.impact import CHANGES, IMPACTS, Change, Impacted, impacted_by, ties_from
from gitreg_indexer.graph.migration import Step, destination_of, planned
from gitreg_indexer.graph.state import name_of, selector_of
from gitreg_indexer.reader import Reader

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


def impact_of(
    reader: Reader,
    ref: str | Ref,
    *,
    change: str = "breaking",
    to: str | None = None,
    depth: int | None = None,
    at: int | None = None,
    plan: bool = False,
) -> dict[str, Any]:
    """Tell as JSON data who is affected by a change of what a ref means; `at` is a seq, the present without it.

    `NotFoundError` where the ref, or `to`, means nothing; `UsageError` where one of the words is none.
    """
    return analysis_data(analyse(reader, ref, change=change, to=to, depth=depth, at=at, plan=plan))


def analyse(
    reader: Reader,
    ref: str | Ref,
    *,
    change: str = "breaking",
    to: str | None = None,
    depth: int | None = None,
    at: int | None = None,
    plan: bool = False,
) -> Analysis:
    """Find who is affected by a change of what a ref means, and with `plan` how they move on."""
    asked = Ref.parse(ref) if isinstance(ref, str) else ref
    kind = _checked_change(change)
    _check_depth(depth)
    with reader.graph(at=at) as (state, position, resolve):
        found = resolve(asked)
        target = found.ref
        state.read_names([name_of(target)])
        destination = destination_of(state, target, to, _successor(found.data()), resolve)
        ties = ties_from(state, target, kind, None if plan else depth)
        impacted = impacted_by(state, ties, target, depth)
        steps = None
        if plan:
            whole = impacted if depth is None else impacted_by(state, ties, target)
            broken = {each.ref for each in whole if each.impact == "breaking"}
            steps = planned(state, kind, target, destination, ties, impacted, broken)
        new = _next_release(state.versions(name_of(target)))
    return Analysis(target, kind, position, impacted, destination, new, steps)


def _next_release(versions: Iterable[Version]) -> Version | None:
    highest = next(iter(versions), None)
    return None if highest is None else highest.bump("major" if highest.major else "minor")


def _checked_change(change: str) -> Change:
    for known in CHANGES:
        if change == known:
            return known
    raise UsageError(
        f"there is no change {change!r}",
        got=change,
        expected=", ".join(CHANGES),
        mend="say what is to be done with the record: break it, deprecate it or retire it",
    )


def _check_depth(depth: int | None) -> None:
    if depth is not None and depth < 1:
        raise UsageError(
            "consumers are at least one reference away",
            got=f"depth {depth}",
            expected="1 or more",
            mend="give 1 for those who refer to the record themselves, or leave it out for all",
        )


def _successor(data: dict[str, Any]) -> str | None:
    found = data["spec"].get("lifecycle", {}).get("successor")
    return found if isinstance(found, str) else None


def analysis_data(found: Analysis) -> dict[str, Any]:
    """Give an analysis as JSON data."""
    told: dict[str, Any] = {
        "target": found.target,
        "change": found.change,
        "commit": found.position.commit,
        "seq": found.position.seq,
        "impacted": [_impacted_data(each) for each in found.impacted],
        "summary": summary_of(found),
    }
    if found.steps is not None:
        told["to"] = found.destination
        told["plan"] = [step.as_data() for step in found.steps]
    return told


def _impacted_data(each: Impacted) -> dict[str, Any]:
    edge = each.tie.edge
    return {
        "ref": each.ref,
        "kind": each.kind,
        "distance": each.distance,
        "impact": each.impact,
        "severity": each.severity,
        "path": each.path,
        "relation": edge.relation,
        "field": edge.field,
        "constraint": edge.wanted,
        "resolvesTo": each.tie.means,
        "movesTo": each.tie.moves_to,
    }


def summary_of(found: Analysis) -> dict[str, Any]:
    """Sum an analysis up: how many are affected and how, how far it goes, and what to do about it."""
    impacts = Counter(each.impact for each in found.impacted)
    kinds = Counter(each.kind for each in found.impacted)
    severities = Counter(each.severity for each in found.impacted)
    harmed = [each for each in found.impacted if each.impact != "non-breaking"]
    return {
        "total": len(found.impacted),
        **{key: impacts[impact] for key, impact in zip(("breaking", "unknown", "nonBreaking"), IMPACTS, strict=True)},
        "critical": sum(each.severity == "critical" for each in harmed),
        "byKind": dict(sorted(kinds.items())),
        "bySeverity": {severity: severities[severity] for severity in SEVERITIES},
        "blastRadius": _blast_radius(harmed),
        "depth": max((each.distance for each in found.impacted), default=0),
        "actions": list(_actions(found, harmed)),
    }


def _blast_radius(harmed: Sequence[Impacted]) -> dict[str, int]:
    return {
        "records": len(harmed),
        "direct": sum(each.distance == 1 for each in harmed),
        "names": len({name_of(each.ref) for each in harmed}),
        "namespaces": len(_namespaces(harmed)),
        "kinds": len({each.kind for each in harmed}),
        "depth": max((each.distance for each in harmed), default=0),
    }


def _namespaces(impacted: Iterable[Impacted]) -> list[str]:
    return sorted({_namespace_of(each.ref) for each in impacted})


def _namespace_of(ref: str) -> str:
    word, _, rest = name_of(ref).partition(":")
    return rest if word == "namespace" else rest.rpartition("/")[0]


def _actions(found: Analysis, harmed: Sequence[Impacted]) -> Iterator[str]:
    """Recommend what to do, in the order in which it is done."""
    if not found.impacted:
        yield f"nothing refers to {found.target} in a way that could break: go ahead"
        return
    if not harmed:
        yield "nothing breaks: tell the owners of " + _listed(_namespaces(found.impacted))
    breaking = [each for each in harmed if each.impact == "breaking"]
    direct = [each for each in breaking if each.distance == 1]
    if found.change == "breaking" and direct and found.next_release:
        yield f"release the change as {found.next_release} instead: no range for an earlier release takes that"
    yield from _moves(found, direct)
    critical = [each for each in breaking if each.severity == "critical"]
    if critical:
        owners = _listed(_namespaces(critical))
        said = "1 critical consumer breaks" if len(critical) == 1 else f"{len(critical)} critical consumers break"
        yield f"{said}: talk to the owners of {owners} before"
    unknown = sum(each.impact == "unknown" for each in harmed)
    if unknown:
        yield f"{unknown} may be locked to what changes, though they resolve to another version now: check their locks"


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
    pinned = [each for each in direct if isinstance(selector_of(each.tie.edge.selector), Version)]
    if pinned:
        yield f"pin {_listed([each.ref for each in pinned])} {where}"
    others = len(direct) - len(pinned)
    if others and not aliases:
        yield f"move {others} direct consumer{'s' * (others > 1)} {where}: a plan (--plan) says how"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
