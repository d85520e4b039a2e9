"""Impact and the way out of it as one answer, in the words of spec 5.4 (ImpactAnalysis).

- `analyse` looks at the graph as of one moment, now or then; what it gives are values.
- The blast radius counts those who may break, so that changes can be compared; the list has all whom a change reaches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from gitreg.errors import UsageError
from gitreg.refs import LATEST, Ref
from gitreg.versions import Range, Version
from gitreg_indexer.facts import SEVERITIES
from gitreg_indexer.graph.analysis import Analysis, actions_of, namespace_of
from gitreg_indexer.graph.asking import KIND_OF_WORD
from gitreg_indexer.graph.destination import destination_of
from gitreg_indexer.graph.impact import CHANGES, IMPACTS, Change, Impacted, Tie, impacted_by, ties_from
from gitreg_indexer.graph.migration import planned
from gitreg_indexer.graph.state import State, name_of, selector_of
from gitreg_indexer.reader import Reader

_FEW: Final = 200
"""Consumers for whom a plan is made unasked, since what is recommended is what it says."""


def analyse(
    reader: Reader,
    ref: str | Ref,
    *,
    change: str = "breaking",
    to: str | None = None,
    depth: int | None = None,
    at: int | None = None,
    plan: bool = False,
    most: int | None = None,
) -> Analysis:
    """Find who is affected by a change of what a ref means, and with `plan` how they move on, if at most `most` are.

    `at` is a seq, the present without it. `NotFoundError` where the ref, or `to`, means nothing; `UsageError` where one
    of the words is none, or where too many are affected.
    """
    asked = Ref.parse(ref) if isinstance(ref, str) else ref
    kind = _checked_change(change)
    _check_depth(depth)
    with reader.graph(at=at) as (state, position, resolve):
        found = resolve(asked)
        target = found.ref
        state.read_names([name_of(target)])
        ties = ties_from(state, target, kind, None if plan else depth)
        impacted = impacted_by(state, ties, target, depth)
        whole = impacted_by(state, ties, target) if plan and depth is not None else impacted
        broken = {each.ref for each in whole if each.impact == "breaking"}
        destination = destination_of(state, target, to, _successor(found.data()), broken, resolve)
        named = _aliases_of(state, target)
        if plan:
            _check_few(target, len(impacted), most)
        is_whole = plan or depth is None or all(each.distance < depth for each in impacted)
        moves = None
        if plan:
            moves = planned(state, kind, target, destination, ties, impacted, broken)
        elif is_whole and len(impacted) <= _FEW:
            with suppress(UsageError):  # what nobody asked for may lead to more than may be read
                moves = planned(state, kind, target, destination, ties, impacted, broken)
        new = _next_release(state.versions(name_of(target)))
        takers = _takers(ties.get(target, ()), new)
    return Analysis(target, kind, position, impacted, destination, new, moves if plan else None, takers, moves, named)


def _aliases_of(state: State, target: str) -> tuple[str, ...]:
    name, _, text = target.partition("@")
    return tuple(sorted(alias for alias, version in state.aliases(name).items() if version == text)) if text else ()


def _next_release(versions: Iterable[Version]) -> Version | None:
    highest = next(iter(versions), None)
    return None if highest is None else highest.bump("major" if highest.major else "minor")


def _takers(ties: Iterable[Tie], new: Version | None) -> tuple[str, ...]:
    """Find who is harmed by a version, and would get the next release by itself as well."""
    if new is None:
        return ()
    harmed = (tie for tie in ties if tie.impact != "non-breaking")
    return tuple(sorted({tie.consumer for tie in harmed if tie.is_forward or _takes(tie.edge.selector, new)}))


def _takes(written: str, new: Version) -> bool:
    """Tell whether a selector means, or may mean, a release that is higher than all others."""
    selector = selector_of(written)
    return selector.allows(new) if isinstance(selector, Range) else selector in (None, LATEST, new)


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


def _check_few(target: str, count: int, most: int | None) -> None:
    if most is not None and count > most:
        raise UsageError(
            f"{count:,} records are affected, too many for one plan",
            got=target,
            expected=f"at most {most:,}",
            mend="leave the plan out, or make it with `gitreg impact` beside the registry",
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
    words = Counter(each.ref.partition(":")[0] for each in found.impacted)
    kinds = {KIND_OF_WORD[word]: count for word, count in words.items()}
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
        "actions": list(actions_of(found, harmed)),
    }


def _blast_radius(harmed: Sequence[Impacted]) -> dict[str, int]:
    names = {name_of(each.ref) for each in harmed}
    return {
        "records": len(harmed),
        "direct": sum(each.distance == 1 for each in harmed),
        "names": len(names),
        "namespaces": len({namespace_of(name) for name in names}),
        "kinds": len({name.partition(":")[0] for name in names}),
        "depth": max((each.distance for each in harmed), default=0),
    }
