"""What the reading commands answer where no index can be kept, or where it holds no past: read through Git.

- The shapes are those of the answers from the index; it takes longer, and cannot search.
- A moment means what it means to the index: a commit of main's own line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gitreg.errors import GitregError, NotFoundError
from gitreg.refs import LATEST, Ref
from gitreg.registry import Registry
from gitreg.repository.moments import position_of
from gitreg_indexer.catalog import Position


def position(registry: Registry, when: str | None) -> Position:
    """Find the commit that is asked of: main's tip, or that of a moment; seq 0 where there is none yet."""
    if when is not None:
        return Position(*position_of(registry.repo, when))
    tip = registry.repo.tip()
    return Position(registry.repo.seq(tip), tip) if tip else Position(0, "")


def record(registry: Registry, ref: Ref, of: Position) -> dict[str, Any]:
    """Give one record with what Git knows of it."""
    at = of.commit or None
    return registry.describe(registry.get(str(ref), at=at), at=at)


def listed(registry: Registry, kind: str | None, namespace: str | None, of: Position) -> list[dict[str, Any]]:
    """List records by path, those that can be read."""
    at = of.commit or None
    snapshot = registry.snapshot(at)
    records = [snapshot.record(address) for address in snapshot.addresses(kind, namespace)]
    found = sorted(filter(None, records), key=lambda each: each.address.path)
    return [registry.describe(each, at=at) for each in found]


def history(registry: Registry, ref: Ref, of: Position) -> list[dict[str, Any]]:
    """Tell which commits touched a record, newest first, and what each changed."""
    return [entry.as_data() for entry in registry.history(str(ref), at=of.commit or None)]


def versions(registry: Registry, ref: Ref, of: Position) -> list[dict[str, Any]]:
    """Give the versions of a name, highest first, those that can be read."""
    at = of.commit or None
    snapshot = registry.snapshot(at)
    addresses = [ref.address(str(version)) for version in snapshot.versions(ref.kind, ref.namespace, ref.name)]
    if not addresses:
        snapshot.resolve(ref)
    return [registry.describe(each, at=at) for each in filter(None, map(snapshot.record, addresses))]


def aliases(registry: Registry, ref: Ref, of: Position) -> tuple[dict[str, str], str | None]:
    """Give the aliases of a name, and the version that `latest` means."""
    snapshot = registry.snapshot(of.commit or None)
    if not snapshot.versions(ref.kind, ref.namespace, ref.name):
        snapshot.resolve(ref)
    try:
        latest = snapshot.resolve(replace(ref, selector=LATEST)).version
    except NotFoundError:
        latest = None
    return dict(sorted(snapshot.aliases(ref.kind, ref.namespace, ref.name).items())), latest


def refuse(options: Sequence[str]) -> None:
    """Refuse what takes an index."""
    if options:
        raise GitregError(
            f"reading through Git cannot answer {', '.join(options)}",
            got=", ".join(options),
            mend="name a folder that can be written with --index, or leave them out",
        )
