"""What an index knows of files that Git has lost, so that the rest of it can be made anew all the same.

- Only files whose bytes are damaged are answered for; all others are read.
- What the index knows is taken where its columns and its document say the same; else the file stands as one that
  cannot be read, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import sqlalchemy as sa

from gitreg.errors import Finding, GitregError
from gitreg_indexer.catalog import Catalog
from gitreg_indexer.facts import Opened, Quarantined, Standing, reopened
from gitreg_indexer.git_truth import GitTruth
from gitreg_indexer.tables import facts, quarantine


class Salvage:
    """What a catalog knows of the damaged files; where there is no catalog, nothing."""

    def __init__(self, truth: GitTruth, catalog: Catalog | None) -> None:
        self._truth = truth
        self._catalog = catalog

    def outcomes(self, standing: Sequence[Standing]) -> tuple[Opened | Quarantined | None, ...]:
        """Give what is known of files that stand; None for each that can be read."""
        return tuple(self._known(one) if self._is_lost(one) else None for one in standing)

    def close(self) -> None:
        """Let go of nothing: the catalog is somebody else's."""

    def _is_lost(self, one: Standing) -> bool:
        return one.entry.is_plain and self._truth.is_damaged(one.entry.oid)

    def _known(self, one: Standing) -> Opened | Quarantined:
        try:
            return self._opened(one) or self._quarantined(one) or _lost(one)
        except (GitregError, TypeError, ValueError):  # what the catalog holds is damaged, too
            return _lost(one)

    def _opened(self, one: Standing) -> Opened | None:
        if self._catalog is None:
            return None
        names = (
            "kind",
            "namespace",
            "name",
            "version",
            "version_key",
            "ref",
            "path",
            "blob",
            "seq_from",
            "status",
            "severity",
        )
        query = sa.select(*(facts.c[name] for name in (*names, "etag", "doc")))
        with self._catalog.reading() as db:
            row = db.execute(query.where(*_same(facts, one))).first()
        return None if row is None else reopened(one, Opened(*row))

    def _quarantined(self, one: Standing) -> Quarantined | None:
        if self._catalog is None:
            return None
        with self._catalog.reading() as db:
            raw = db.execute(sa.select(quarantine.c.findings).where(*_same(quarantine, one))).scalar()
        if raw is None or not isinstance(orjson.loads(raw), list):
            return None
        return Quarantined(one.path, one.entry.oid, one.commit.seq, raw)


def _same(table: sa.Table, one: Standing) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.path == one.path, table.c.blob == one.entry.oid, table.c.seq_from == one.commit.seq


def _lost(one: Standing) -> Quarantined:
    says = f"the Git object {one.entry.oid} is damaged or missing, so the file cannot be read"
    mend = "bring the object back from a clone or a backup, then run `gitreg index verify --repair`"
    found = Finding("GR-006", "file-hygiene", says, mend, path=one.path)
    return Quarantined(one.path, one.entry.oid, one.commit.seq, orjson.dumps([found.as_data()]))
