"""Following a main that was rewritten, once somebody has said that it was meant.

- What is given up is told: the position that the index had, the last commit that both have, and the commits since.
- The index is made anew beside the one that serves, which is answered from until then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg_indexer.catalog import Catalog, Position, position_in
from gitreg_indexer.generations import Generations
from gitreg_indexer.index import Index, Report, default_folder
from gitreg_indexer.tables import commits

LISTED: Final = 20
"""How many of the commits that are given up are listed."""

Progress = Callable[[int], None]


class NotRewrittenError(GitregError):
    """There is no rewritten main that could be accepted."""

    code = "not-rewritten"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A commit that main does not have any more."""

    seq: int
    commit: str
    time: str
    author: str
    message: str

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {name: getattr(self, name) for name in ("seq", "commit", "time", "author", "message")}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How main was rewritten: what the index stands at, what main is now, and the last commit that both have."""

    before: Position
    now: Position
    common: Position
    listed: tuple[Dropped, ...]

    @property
    def dropped(self) -> int:
        """Count the commits that main does not have any more."""
        return self.before.seq - self.common.seq

    @property
    def added(self) -> int:
        """Count the commits that main has instead."""
        return self.now.seq - self.common.seq

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data; of the dropped commits, the newest are listed."""
        places = {"before": self.before, "now": self.now, "common": self.common}
        return {
            **{name: {"seq": place.seq, "commit": place.commit} for name, place in places.items()},
            "dropped": self.dropped,
            "added": self.added,
            "commits": [commit.as_data() for commit in self.listed],
        }


def rewrite_of(repo: GitRepository, catalog: Catalog) -> Rewrite:
    """Tell how main was rewritten; `NotRewrittenError` where it was not."""
    tip, position = repo.tip(), catalog.position()
    if tip is None:
        raise NotRewrittenError(
            "main is gone, so there is nothing to follow", where=repo.branch, mend="put the branch back"
        )
    if position.seq == 0:
        raise NotRewrittenError(
            "nothing is indexed yet, so there is nothing that main was rewritten from",
            where=catalog.where,
            mend="run `gitreg index`",
        )
    try:
        repo.first_parents(tip, position.commit)
    except HistoryRewritten:
        return _compare(repo, catalog, tip)
    raise NotRewrittenError(
        "main was not rewritten: it descends from the last indexed commit",
        where=repo.branch,
        got=f"{tip[:12]}, which descends from {position.commit[:12]}",
        mend="nothing has to be accepted; `gitreg index` brings the index up to date",
    )


def _compare(repo: GitRepository, catalog: Catalog, tip: str) -> Rewrite:
    chain = list(repo.first_parents(tip))
    with catalog.reading() as db:
        position = position_in(db)
        common = Position(0, "")
        query = sa.select(commits.c.seq, commits.c.oid).order_by(commits.c.seq)
        for (seq, oid), now in zip(db.execute(query.execution_options(yield_per=1000)), chain, strict=False):
            if oid != now:
                break
            common = Position(seq, oid)
        newest = sa.select(commits).where(commits.c.seq > common.seq).order_by(commits.c.seq.desc()).limit(LISTED)
        listed = tuple(Dropped(*row) for row in db.execute(newest))
    return Rewrite(position, Position(len(chain), tip), common, listed)


def accept_rewrite(
    registry: Registry, folder: Path | None = None, *, catalog: str | None = None, progress: Progress | None = None
) -> tuple[Rewrite, Report]:
    """Make the index anew from a main that was rewritten, and put it in place.

    `BehindError` where the repository here is only behind a catalog that hosts share.
    """
    if catalog is None:  # else another host may have made one
        Generations(folder or default_folder(registry)).must_stand()
    with closing(Index.open(registry, folder, catalog=catalog)) as index:
        index.refuse_behind()
        rewrite = rewrite_of(registry.repo, index.catalog)
    with closing(Index.emptied(registry, folder, catalog=catalog, rewritten=True)) as made:
        return rewrite, made.catch_up(progress=progress)
