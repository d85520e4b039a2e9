"""What the gate said of a head, kept where only this repository's user can write: the queue trusts nothing else.

- A kept check is bound to the base, the head, the tree that would stand on main, the day, the author, who approved
  what, the gitreg that looked and the plugins' rules. Where any of those is another, the gate is asked again.
- The folder (`gitreg/checks` in the Git folder) can be deleted at any time; a file that does not read is no file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from typing import Any, Final

import orjson

from gitreg.errors import GitregError
from gitreg.forges.forge import Approval
from gitreg.repository.git import EntryChange, GitRepository
from gitreg.repository.snapshot import Footprint
from gitreg.validation import GROUP, Circumstances

FORMAT: Final = 1
MOST_KEPT: Final = 500
_SETS: Final = ("paths", "folders", "subtrees", "words")
_PAIRS: Final = ("folds", "names")


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """A change that passed: on which base, to which tree, under which circumstances, and what was looked at."""

    base: str
    head: str
    tree: str
    bound_to: tuple[str, ...]
    footprint: Footprint

    def stands(self, repo: GitRepository, onto: str, bound_to: tuple[str, ...]) -> bool:
        """Tell whether the gate would say the same on another tip of main: nothing that it looked at has changed."""
        if self.bound_to != bound_to:
            return False
        if self.base == onto:
            return True
        try:
            return not self.footprint.meets(repo, changes_since(repo, self.base, onto))
        except GitregError:  # the base is no longer on main, or its objects are gone
            return False


def bound_to(circumstances: Circumstances, approvals: Iterable[Approval]) -> tuple[str, ...]:
    """Give what a check is bound to beside the commits, as text."""
    plugins = {
        (each.name, each.value, each.dist.version if each.dist else "") for each in metadata.entry_points(group=GROUP)
    }
    parts: tuple[Any, ...] = (
        metadata.version("llm-gitreg"),
        sorted(plugins),
        date.isoformat(circumstances.today),
        circumstances.author,
        sorted((each.by, "all" if each.rules is None else ",".join(sorted(each.rules))) for each in approvals),
        circumstances.is_bulk,
    )
    return tuple(map(str, parts))


def changes_since(repo: GitRepository, base: str, tip: str) -> Iterable[EntryChange]:
    """Find what each commit of main after `base` changed: also what one did and a later one took back."""
    before = base
    for commit in repo.first_parents(tip, base):
        yield from repo.diff(before, commit)
        before = commit


class KeptChecks:
    """The checks that this repository keeps, one a head."""

    def __init__(self, repo: GitRepository) -> None:
        self._folder = repo.state_dir / "checks"

    def find(self, head: str) -> KeptCheck | None:
        """Give the check of a head; None where there is none that reads."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return _check(orjson.loads((self._folder / f"{head}.json").read_bytes()))
        return None

    def keep(self, check: KeptCheck) -> None:
        """Keep a check, whole or not at all; a disk that refuses costs a check more later, and nothing else."""
        path = self._folder / f"{check.head}.json"
        fresh = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(orjson.dumps(_data(check)))
            fresh.replace(path)
            self._sweep()

    def forget(self, head: str) -> None:
        """Drop the check of a head."""
        with suppress(OSError):
            (self._folder / f"{head}.json").unlink()

    def _sweep(self) -> None:
        """Drop the oldest where there are too many."""
        kept = list(self._folder.iterdir())
        if len(kept) > MOST_KEPT:
            for path in sorted(kept, key=lambda path: path.stat().st_mtime)[: len(kept) - MOST_KEPT // 2]:
                path.unlink(missing_ok=True)


def _data(check: KeptCheck) -> dict[str, Any]:
    footprint = {name: sorted(getattr(check.footprint, name)) for name in (*_SETS, *_PAIRS)}
    return {
        "format": FORMAT,
        "base": check.base,
        "head": check.head,
        "tree": check.tree,
        "boundTo": check.bound_to,
        "footprint": footprint,
    }


def _check(data: dict[str, Any]) -> KeptCheck:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r}")
    found = data["footprint"]
    looked_at: dict[str, Any] = {name: set(found[name]) for name in _SETS}
    looked_at |= {name: {(one, two) for one, two in found[name]} for name in _PAIRS}
    return KeptCheck(data["base"], data["head"], data["tree"], tuple(data["boundTo"]), Footprint(**looked_at))
