"""Folds main's history into a catalog: commit by commit, or only what stands at its tip.

- Commits are applied whole; what is applied stays when the process ends, and the next one goes on from there.
- Memory does not grow with the size of a commit: its changes are applied in parts, within one transaction.
- A file that an earlier catalog read at the same path with the same bytes is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import gitreg.kinds
import gitreg.manifests
from gitreg.registry import timestamp
from gitreg.repository.git import Commit, Entry, EntryChange, GitRepository, encode_path
from gitreg_indexer.catalog import Catalog, Position, Writing, about_in
from gitreg_indexer.descent import new_commits
from gitreg_indexer.facts import (
    Birth,
    CommitFacts,
    Folded,
    Plan,
    Standing,
    fold,
    is_told_of,
    plan_changes,
)
from gitreg_indexer.parsing import Crew, Outcome, read_file
from gitreg_indexer.reuse import Earlier, Known
from gitreg_indexer.store import Store

Progress = Callable[[int], None]
PART: Final = 500
"""Changes that are planned and read together."""
BATCH: Final = 5_000
"""Changes after which what was applied is stored, at the end of the commit."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some changes of a commit, planned; `is_last` where the commit ends with them."""

    commit: CommitFacts
    plan: Plan
    known: tuple[Outcome | None, ...]
    is_last: bool


class Source(Protocol):
    """Where a catalog comes from: a repository, and the uid that ids are derived from. A `Registry` is one."""

    @property
    def repo(self) -> GitRepository:
        """The repository."""
        raise NotImplementedError

    @property
    def uid(self) -> str:
        """The registry's UUID."""
        raise NotImplementedError


class Builder:
    """Brings a catalog up to main's tip. `earlier` knows, or is the place of a catalog that knows, what files say."""

    def __init__(self, source: Source, catalog: Catalog, earlier: Path | Store | Known | None = None) -> None:
        self._repo = source.repo
        self._uid = source.uid
        self._catalog = catalog
        self._earlier = earlier
        self._recent: dict[str, Birth] = {}

    def follow(self, progress: Progress | None, *, until: str | None = None) -> None:
        """Apply the commits that are not applied yet; `HistoryRewritten` where main does not descend from the last.

        `until` names a commit to stop at instead of main's tip.
        """
        position, tip = self._catalog.position(), until or self._repo.tip()
        if tip is None or tip == position.commit:
            return
        oids = new_commits(self._repo, tip, position.commit)
        with closing(self._known()) as earlier:
            if position.seq == 0 and self._catalog.about().get("history") == "none":
                self._take_tip(oids, earlier, progress)
            else:
                self._take_all(position, oids, earlier, progress)

    def _known(self) -> Known:
        if isinstance(self._earlier, Known):
            return self._earlier
        return Earlier.open(self._earlier, self._uid, parser_name())

    def _take_all(self, position: Position, oids: Iterable[str], earlier: Known, progress: Progress | None) -> None:
        parts = self._read(self._planned(position, oids, earlier))
        more = True
        while more:
            with self._catalog.writing() as written:
                more = self._apply_some(written, parts, progress)

    def _apply_some(self, written: Writing, parts: Iterator[tuple[_Part, Folded]], progress: Progress | None) -> bool:
        """Apply whole commits until there are enough for one transaction; tell whether there may be more."""
        weight = 0
        self._written = written
        begun: int | None = None
        for part, folded in parts:
            if begun != part.commit.seq:
                written.begin(part.commit)
                begun = part.commit.seq
            written.put(part.commit.seq, folded)
            for path, _ in folded.born:
                self._recent.pop(path, None)
            weight += 1 + len(folded.opened) + len(folded.closed)
            if part.is_last:
                written.move(part.commit.seq, part.commit.oid)
                if progress:
                    progress(1)
                if weight >= BATCH:
                    return True
        return False

    def _planned(self, position: Position, oids: Iterable[str], earlier: Known) -> Iterator[_Part]:
        """Plan the commits part by part; what is asked of the catalog is asked in the transaction that is under way."""
        previous = position.commit or None
        for seq, oid in enumerate(oids, start=position.seq + 1):
            commit = commit_facts(seq, self._repo.commit(oid))
            changes = (storable(change) for change in self._repo.diff(previous, oid))
            previous = oid
            part = list(islice(changes, PART))
            while True:
                following = list(islice(changes, PART))
                plan = self._plan(commit, part)
                yield _Part(commit, plan, earlier.outcomes(plan.standing), is_last=not following)
                if not following:
                    break
                part = following

    def _plan(self, commit: CommitFacts, changes: Sequence[EntryChange]) -> Plan:
        asked = [change.path for change in changes if change.path not in self._recent and is_told_of(change.path)]
        stored = self._written.births_of(asked)
        plan = plan_changes(commit, changes, birth_of=lambda path: self._recent.get(path) or stored.get(path))
        self._recent.update(plan.born)
        return plan

    def _read(self, parts: Iterable[_Part]) -> Iterator[tuple[_Part, Folded]]:
        """Read the files of parts, here or in other processes, and give the parts in order."""
        crew: Crew[Standing, Outcome] = Crew(
            "read", partial(read_file, self._repo, self._uid), (str(self._repo.git_dir), self._uid)
        )
        batches = ((part, _unread(part)) for part in parts)
        for part, outcomes in crew.map(batches):
            read = iter(outcomes)
            yield part, fold(part.plan, [known or next(read) for known in part.known])

    def _take_tip(self, oids: Iterable[str], earlier: Known, progress: Progress | None) -> None:
        """Take only what stands at the tip, each with the commit that it stands from.

        What was taken before by a process that ended is kept where it still stands, unless main was rewritten since:
        then another file may stand at the same path from the same seq.
        """
        walked = _walk(self._repo, oids, progress)
        last = walked.commits[-1]
        with self._catalog.writing() as written:
            before = about_in(written.db).get("walked")
            written.renew_past(walked.commits, walked.births)
            have = written.standing()
            still = {(path, seq) for path, (_, seq) in walked.standing.items()} if walked.has(before) else set()
            written.forget(have - still)
            have &= still
            written.note(walked=last.oid)
        parts = self._read(self._standing_parts(walked, have, earlier))
        for part, folded in parts:
            with self._catalog.writing() as written:
                written.put(part.commit.seq, folded)
        with self._catalog.writing() as written:
            written.note(history_from=str(last.seq))
            written.move(last.seq, last.oid)

    def _standing_parts(self, walked: _Walked, have: set[tuple[str, int]], earlier: Known) -> Iterator[_Part]:
        wanted = (
            Standing(walked.commits[seq - 1], entry, path, walked.births[path])
            for path, (entry, seq) in walked.standing.items()
            if (path, seq) not in have
        )
        while part := tuple(islice(wanted, PART)):
            plan = Plan((), part, ())
            yield _Part(part[0].commit, plan, earlier.outcomes(part), is_last=False)


def _unread(part: _Part) -> list[Standing]:
    pairs = zip(part.plan.standing, part.known, strict=True)
    return [standing for standing, known in pairs if known is None]


@dataclass(frozen=True, slots=True)
class _Walked:
    """What a walk over the commits tells without reading a manifest."""

    commits: list[CommitFacts]
    births: dict[str, Birth]
    standing: dict[str, tuple[Entry, int]]

    def has(self, oid: str | None) -> bool:
        """Tell whether a commit was passed."""
        return any(commit.oid == oid for commit in self.commits)


def _walk(repo: GitRepository, oids: Iterable[str], progress: Progress | None) -> _Walked:
    walked = _Walked([], {}, {})
    previous: str | None = None
    for seq, oid in enumerate(oids, start=1):
        commit = commit_facts(seq, repo.commit(oid))
        walked.commits.append(commit)
        for change in map(storable, repo.diff(previous, oid)):
            if not is_told_of(change.path):
                continue
            if change.new is None:
                walked.standing.pop(change.path, None)
                continue
            walked.births.setdefault(change.path, Birth(seq, commit.time, commit.author))
            walked.standing[change.path] = change.new, seq
        previous = oid
        if progress:
            progress(1)
    return walked


def commit_facts(seq: int, commit: Commit) -> CommitFacts:
    """Give what is stored of a commit."""
    author, message = str(commit.author), commit.message.rstrip("\n")
    return CommitFacts(seq, commit.oid, timestamp(commit.committer.when), _unicode(author), _unicode(message))


def _unicode(text: str) -> str:
    """Give a text that every database can store: an odd encoding may leave half characters and NULs in a commit."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def storable(change: EntryChange) -> EntryChange:
    """Give a change whose path can be stored: bytes that are not UTF-8 as `\\xff`, and so a backslash as two."""
    if change.path.isascii() and "\\" not in change.path:
        return change
    raw = encode_path(change.path).replace(b"\\", b"\\\\")
    return replace(change, path=raw.decode("utf-8", "backslashreplace"))


@cache
def parser_name() -> str:
    """Name what reads manifests, by its source: another one may read the same bytes in another way."""
    named = blake2b(digest_size=16)
    for package in (gitreg.kinds, gitreg.manifests):
        for file in sorted(Path(package.__path__[0]).glob("*.py")):
            named.update(file.read_bytes())
    for module in ("versions.py", "refs.py", "registry.py"):
        named.update((Path(gitreg.kinds.__path__[0]).parent / module).read_bytes())
    named.update((Path(__file__).parent / "facts.py").read_bytes())
    return named.hexdigest()
