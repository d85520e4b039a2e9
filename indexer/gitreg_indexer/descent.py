"""Whether main goes on from the commit that a catalog stands at.

- Hosts that share a catalog fetch at different times: where the repository here has not got the commit at all, it is
  behind, which tells nothing of main.
- Where it has the commit, and main's first parents do not lead to it, main was rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable

from gitreg.errors import ConflictError
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg_indexer.catalog import Position


class BehindError(ConflictError):
    """The repository here has not got the commits that a shared catalog was made from."""

    code = "behind"


def new_commits(repo: GitRepository, tip: str, known: str) -> Iterable[str]:
    """List the commits after the last indexed one; `HistoryRewritten` where main does not descend from it."""
    try:
        return repo.first_parents(tip, known or None)
    except HistoryRewritten as error:
        raise HistoryRewritten(
            "main was rewritten: it no longer descends from the last indexed commit",
            where=repo.branch,
            got=f"{tip[:12]}, which does not descend from {known[:12]}",
            mend="find out who did it and put the branch back; to follow it all the same, "
            "run `gitreg index accept-rewrite`",
        ) from error


def refuse_behind(repo: GitRepository, position: Position) -> None:
    """Refuse to judge main by a clone that has not got the commit which the shared catalog stands at."""
    if position.commit and position.commit not in repo.handle:
        raise BehindError(
            "this clone is behind: it has not got the commit that the shared catalog stands at",
            where=str(repo.git_dir),
            got=f"no commit {position.commit[:12]} (seq {position.seq})",
            mend="fetch main, or do this on a host that has it",
        )
