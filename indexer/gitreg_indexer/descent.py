"""Whether main goes on from the commit that a catalog stands at.

- Hosts that share a catalog fetch at different times. Where the repository here has not got the commit, or has fetched
  it and not moved main to it yet, it is behind, which tells nothing of main.
- Where it has the commit, and main's first parents do not lead to it, main was rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import pygit2

from gitreg.errors import ConflictError, RepositoryError
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg_indexer.catalog import Catalog, Position

_FETCHED: Final = ("refs/remotes/", "refs/gitreg/remotes/")


class BehindError(ConflictError):
    """The repository here has not got the commits that a shared catalog was made from."""

    code = "behind"


def new_commits(repo: GitRepository, tip: str, known: str) -> Iterable[str]:
    """List the commits after the last indexed one; `HistoryRewritten` where main does not descend from it."""
    try:
        return repo.first_parents(tip, known or None)
    except HistoryRewritten as error:
        raise rewritten_error(repo, tip, known) from error


def rewritten_error(repo: GitRepository, tip: str, known: str) -> HistoryRewritten:
    """Say that main does not descend from the last indexed commit."""
    return HistoryRewritten(
        "main was rewritten: it no longer descends from the last indexed commit",
        where=repo.branch,
        got=f"{tip[:12]}, which does not descend from {known[:12]}",
        mend="find out who did it and put the branch back; to follow it all the same, "
        "run `gitreg index accept-rewrite`",
    )


def is_behind(repo: GitRepository, catalog: Catalog) -> bool:
    """Tell whether the repository here only lacks commits that a shared catalog was made from."""
    known, tip = catalog.position().commit, repo.tip() or ""
    if not known or known == tip:
        return False
    try:
        if known not in repo.handle:
            return True
    except ValueError:  # no id of a commit
        return False
    return catalog.knows(tip) and _is_fetched(repo, known)


def _is_fetched(repo: GitRepository, commit: str) -> bool:
    """Tell whether what was fetched from a remote leads to a commit."""
    for name in repo.handle.references:
        if name.startswith(_FETCHED):
            with suppress(RepositoryError, pygit2.GitError):  # it leads to nothing, or to no commit
                target = repo.resolve(name)
                if target == commit or repo.handle.descendant_of(target, commit):
                    return True
    return False


def behind_error(repo: GitRepository, position: Position) -> BehindError:
    """Say that nothing can be judged by a clone which is behind the shared catalog."""
    return BehindError(
        "this clone is behind: main here has not come to the commit that the shared catalog stands at",
        where=str(repo.git_dir),
        got=f"no {position.commit[:12]} (seq {position.seq}) on main",
        mend="fetch main, or do this on a host that has it",
    )
