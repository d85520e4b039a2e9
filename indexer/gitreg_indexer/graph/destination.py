"""What consumers of a version move to: what is named, what it states as its successor, or the highest release alive."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from gitreg.errors import NotFoundError, UsageError
from gitreg.refs import Ref
from gitreg.resolution import ENDED
from gitreg_indexer.catalog import Fact
from gitreg_indexer.graph.lineage import kind_of
from gitreg_indexer.graph.state import State, name_of


def destination_of(
    state: State,
    target: str,
    to: str | None,
    successor: str | None,
    broken: Collection[str],
    resolve: Callable[[Ref], Fact],
) -> str | None:
    """Find what to move to: what is named, else the successor that is stated, else the highest other release alive.

    What breaks with the target, or is at its end, is none of these. `UsageError` and `NotFoundError` where what is
    named will not do.
    """
    name, kind = name_of(target), kind_of(target)
    if to is not None:
        found = resolve(Ref.parse(to if "/" in to else f"{name}@{to}", kind=kind)) if "@" in target else None
        return _named(state, target, found, to, broken)
    with suppress(NotFoundError):
        stated = resolve(Ref.parse(successor, kind=kind)) if successor else None
        if stated and stated.kind == kind and stated.ref not in (target, *broken) and not _ended(state, stated.ref):
            return stated.ref
    alive = (version for version, known in state.versions(name).items() if known.status not in ENDED)
    releases = (f"{name}@{version}" for version in alive if not version.is_prerelease)
    return next((ref for ref in releases if ref != target and ref not in broken), None)


def _ended(state: State, ref: str) -> str | None:
    """Give the status of what is at its end; None of what is alive."""
    known = state.standing(ref)
    return known.status if known and known.status in ENDED else None


def _named(state: State, target: str, found: Fact | None, to: str, broken: Collection[str]) -> str:
    ended = _ended(state, found.ref) if found else None
    if found and found.kind == kind_of(target) and found.ref != target and found.ref not in broken and not ended:
        return found.ref
    why = ": it breaks with it" if found and found.ref in broken else f": it is {ended}" if ended else ""
    raise UsageError(
        f"{found.ref if found else to} cannot take the place of {target}{why}",
        got=to,
        expected=f"another {kind_of(target)} that is alive",
        mend="name another version, or another record of the same kind as namespace/name@version",
    )
