"""What an earlier catalog of the same registry read, so that it need not be read again when the index is made anew.

- Only the same bytes at the same path, read by the same parser, are used again; each document is checked against its
  digest, and the columns beside it against the document, so that damage is not handed on.
- An earlier catalog that cannot be read is as good as none.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg_indexer.catalog import Catalog, Making
from gitreg_indexer.facts import Opened, Quarantined, Standing, reopened
from gitreg_indexer.store import Store
from gitreg_indexer.tables import LISTED, facts, in_parts


@runtime_checkable
class Known(Protocol):
    """What knows what some files say, so that they need not be read."""

    def outcomes(self, standing: Sequence[Standing]) -> tuple[Opened | Quarantined | None, ...]:
        """Give what is known of files that stand; None for each that has to be read."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""


class Earlier:
    """An earlier catalog, or none."""

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog

    @classmethod
    def open(cls, place: Path | Store | None, uid: str, parser: str) -> Self:
        """Open the catalog at a place, if there is one that can be used."""
        if place is None or (isinstance(place, Path) and not place.exists()):
            return cls(None)
        with suppress(GitregError):
            catalog = Catalog.open(place, Making(uid))
            if catalog.about().get("parser") == parser:
                return cls(catalog)
            catalog.close()
        return cls(None)

    def outcomes(self, standing: Sequence[Standing]) -> tuple[Opened | None, ...]:
        """Give what is known of files that stand; None for each that has to be read."""
        if self._catalog is None or not standing:
            return (None,) * len(standing)
        try:
            known = self._known(standing)
        except (GitregError, TypeError, ValueError):  # columns that are not what they should be, too
            self.close()
            return (None,) * len(standing)
        return tuple(self._outcome(one, known.get((one.path, one.entry.oid))) for one in standing)

    def _outcome(self, standing: Standing, known: Opened | None) -> Opened | None:
        return reopened(standing, known) if known is not None and standing.entry.is_plain else None

    def _known(self, standing: Sequence[Standing]) -> dict[tuple[str, str], Opened]:
        wanted = {(one.path, one.entry.oid) for one in standing}
        found: dict[tuple[str, str], Opened] = {}
        if self._catalog is None:
            return found
        with self._catalog.reading() as db:
            for row in in_parts(db, _KNOWN, {path for path, _ in wanted}):
                if (row.path, row.blob) in wanted:
                    found[row.path, row.blob] = Opened(*row)
        return found

    def close(self) -> None:
        """Let go of it."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None


_KNOWN = sa.select(
    facts.c.kind,
    facts.c.namespace,
    facts.c.name,
    facts.c.version,
    facts.c.version_key,
    facts.c.ref,
    facts.c.path,
    facts.c.blob,
    facts.c.seq_from,
    facts.c.status,
    facts.c.severity,
    facts.c.etag,
    facts.c.doc,
).where(facts.c.path.in_(LISTED))
