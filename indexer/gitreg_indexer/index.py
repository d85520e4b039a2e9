"""The index of one registry: brought up to a commit, made anew beside the one that serves, and asked.

- It follows main's first parents; each commit is applied whole or not at all, and twice is the same as once.
- It can be deleted at any time: what is rebuilt from Git alone gives the same answers.
- The catalog goes first, the search engine after it; a search answer says which commit it is of.
- A main that no longer descends from the last indexed commit is an alarm, and is not followed until it is accepted.
- Made anew, it is answered from once it is complete; until then the old one is, and is kept up to date.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gitreg.errors import ConflictError, GitregError, UsageError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg_indexer.alarms import Alarm, alarm_in, end_alarm, raise_alarm
from gitreg_indexer.building import Builder, parser_name
from gitreg_indexer.catalog import (
    BrokenIndexError,
    Catalog,
    Fact,
    ForeignIndexError,
    History,
    IndexFormatError,
    Making,
    Position,
)
from gitreg_indexer.catalogs import catalogs_of
from gitreg_indexer.descent import behind_error, is_behind, new_commits, rewritten_error
from gitreg_indexer.engine import Query, SearchEngine, chosen_engine, open_engine
from gitreg_indexer.filling import fill, is_filled, rank
from gitreg_indexer.generations import Generations, Stamp, Use
from gitreg_indexer.layout import CATALOG_FILE, INDEX_FOLDER
from gitreg_indexer.lock import MAKING_LOCK, writing
from gitreg_indexer.reader import Page, Reader
from gitreg_indexer.store import Store

Progress = Callable[[int], None]
"""Counts commits as they are folded."""
_PATIENCE: Final = 60.0
"""How long, in seconds, who has made an index anew waits for the one that keeps the present one up to date."""
_GRACE: Final = 30.0
"""How long, in seconds, a generation stays open after another took its place: somebody may be reading it."""
_TRIES: Final = 10
_FETCHING: Final = 1.0
"""How long, in seconds, a fetch may take to say what it has brought: until then main seems to have been cut short."""


@dataclass(frozen=True, slots=True)
class Report:
    """What bringing the index up to date came to. `seconds` is wall time."""

    seq: int
    commit: str
    records: int
    quarantined: int
    seconds: float

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "seq": self.seq,
            "commit": self.commit,
            "records": self.records,
            "quarantined": self.quarantined,
            "seconds": round(self.seconds, 3),
        }


class Generation:
    """One catalog with what was made from it, opened."""

    def __init__(self, folder: Path, place: Path | Store, making: Making, engine: str) -> None:
        self.folder = folder
        self._use = Use(folder)
        catalog: Catalog | None = None
        try:
            self.catalog = catalog = Catalog.open(place, making)
            self._inode = _inode_of(folder / CATALOG_FILE)
            self.engine: SearchEngine = open_engine(engine, folder / engine)
        except BaseException:
            if catalog is not None:
                catalog.close()
            self._use.end()
            raise

    @property
    def is_there(self) -> bool:
        """Tell whether its catalog is still the one that was opened."""
        return _inode_of(self.folder / CATALOG_FILE) == self._inode

    @property
    def is_held(self) -> bool:
        """Tell whether nobody was about to remove it when it was opened."""
        return self._use.is_held

    def is_as_far_as(self, other: Generation) -> bool:
        """Tell whether all that another one answers from is found in this one too."""
        return is_filled(self.catalog, self.engine) and self.catalog.position().seq >= other.catalog.position().seq

    def close(self) -> None:
        """Let go of files and threads."""
        self.engine.close()
        self.catalog.close()
        self._use.end()


def _inode_of(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None


class Index:
    """The index of a registry: a folder, and the database that holds the catalog where that is shared."""

    def __init__(
        self, registry: Registry, folder: Path, *, engine: str | None = None, catalog: str | None = None
    ) -> None:
        self.registry = registry
        self.folder = folder
        self._engine_name = engine or chosen_engine()
        self._catalogs = catalogs_of(registry.uid, catalog)
        self._generations = Generations(folder)
        self._swapping = threading.Lock()
        self._catching_up = threading.Lock()
        self._stamp: Stamp | None = None
        self._held: Generation | None = None
        self._left: list[tuple[float, Generation]] = []
        self._is_in_making = False
        self._looking_ahead = threading.Lock()
        self._last_ahead: tuple[str, str, frozenset[str] | None] = ("", "", None)

    @classmethod
    def open(
        cls,
        registry: Registry,
        folder: Path | None = None,
        *,
        engine: str | None = None,
        catalog: str | None = None,
    ) -> Index:
        """Open a registry's index, empty where there is none yet; refuses one that is not this registry's.

        `catalog` is the address of the database that holds the catalog; without it, the folder does. `engine` names
        the search engine, `chosen_engine` else.
        """
        index = cls(registry, folder or default_folder(registry), engine=engine, catalog=catalog)
        with ExitStack() as begun:
            begun.callback(index.close)
            index.generation()
            begun.pop_all()
        return index

    @classmethod
    def emptied(
        cls,
        registry: Registry,
        folder: Path | None = None,
        *,
        engine: str | None = None,
        history: History | None = None,
        catalog: str | None = None,
        rewritten: bool = False,
    ) -> Index:
        """Begin the index anew, beside the one that stands; or go on with what was begun and is sound.

        What comes of it takes the other's place when it has caught up for the first time. `history` is that of the
        one that stands unless it is told. `HistoryRewritten` where main does not descend from where that one stands,
        unless that is known: `rewritten`. One that cannot be read stands nowhere.
        """
        index = cls(registry, folder or default_folder(registry), engine=engine, catalog=catalog)
        with ExitStack() as begun:
            begun.callback(index.close)
            with writing(index.folder, MAKING_LOCK), index._catalogs.making():
                known = index._known_history(rewritten=rewritten)
                making = Making(registry.uid, history or known, parser_name())
                index._held = index._begun(making) or index._begin(making)
            begun.pop_all()
        index._is_in_making = True
        return index

    @classmethod
    def having(
        cls,
        registry: Registry,
        folder: Path | None = None,
        *,
        history: History | None = None,
        catalog: str | None = None,
    ) -> Index:
        """Open the index, made with this history, or begin one; whatever it has is fine where none is told.

        An index without the past is made anew with it. `UsageError` where it has the past and none is wanted.
        """
        where = folder or default_folder(registry)
        is_new = catalog is None and Generations(where).standing() is None
        if history is None or (is_new and history == "full"):
            return cls.open(registry, where, catalog=catalog)
        if is_new:
            return cls.emptied(registry, where, history=history, catalog=catalog)
        index = cls.open(registry, where, catalog=catalog)
        known, is_empty = index.catalog.about().get("history"), index.catalog.position().seq == 0
        if known == history:
            return index
        index.close()
        if history == "none" and not is_empty:
            raise UsageError(
                "the index has the whole past already",
                where=str(where),
                got="--history none",
                mend="leave --history out; to be rid of the past, run `gitreg index --rebuild --history none`",
            )
        return cls.emptied(registry, where, history=history, catalog=catalog)

    def _begin(self, making: Making) -> Generation:
        folder = self._generations.begin()
        self._catalogs.begin(folder)
        return self._opened(folder, making)

    def _opened(self, folder: Path, making: Making) -> Generation:
        return Generation(folder, self._catalogs.place(folder), making, self._engine_name)

    def _known_history(self, *, rewritten: bool) -> History:
        """Tell the history of the catalog that stands; refuse a main that does not descend from it unless `rewritten`.

        One that cannot be read has the past, and stands nowhere.
        """
        place = self._catalogs.before(self.folder, self._generations.standing())
        if place is None or (isinstance(place, Path) and not place.exists()):
            return "full"
        try:
            with closing(Catalog.open(place, Making(self.registry.uid))) as catalog:
                history: History = "none" if catalog.about().get("history") == "none" else "full"
                position, is_only_behind = catalog.position(), self._is_only_behind(catalog)
        except GitregError:
            return "full"
        tip = self.registry.repo.tip()
        if not rewritten and is_only_behind:
            raise behind_error(self.registry.repo, position)
        if not rewritten and tip is not None:
            new_commits(self.registry.repo, tip, position.commit)
        return history

    def _is_only_behind(self, catalog: Catalog) -> bool:
        return self._catalogs.may_be_ahead and is_behind(self.registry.repo, catalog)

    def refuse_behind(self) -> None:
        """Refuse, by `BehindError`, to judge main by a repository that is behind the catalog which hosts share."""
        if self._is_only_behind(self.catalog):
            raise behind_error(self.registry.repo, self.catalog.position())

    def _begun(self, making: Making) -> Generation | None:
        """Open the generation that another process began in the same way and did not finish, if it is of use."""
        folder = self._generations.building()
        if folder is None or not self._catalogs.is_building(folder):
            return None
        try:
            found = self._opened(folder, making)
        except GitregError:
            return None
        if self._is_of_use(found.catalog, making):
            return found
        found.close()
        return None

    def _is_of_use(self, catalog: Catalog, making: Making) -> bool:
        try:
            about, tip = catalog.about(), self.registry.repo.tip()
            if tip is not None:
                self.registry.repo.first_parents(tip, catalog.position().commit or None)
        except GitregError:  # it is damaged, or main was rewritten
            return False
        return (about.get("history"), about.get("parser")) == (making.history, making.parser)

    def generation(self) -> Generation:
        """Give what is answered from now."""
        held = self._held
        if held is None or not (self._is_in_making or self._is_current(held)):
            with self._swapping:
                held = self._held
                if held is None or not self._is_current(held):
                    held = self._open_current()
        if self._left:
            self._let_go(before=time.monotonic())
        return held

    def _is_current(self, held: Generation) -> bool:
        return self._generations.stamp() in (self._stamp, None) and held.is_there

    def _open_current(self) -> Generation:
        """Open what is current; it may be replaced, and removed, at any moment."""
        for _ in range(_TRIES):
            folder, stamp = self._generations.current(), self._generations.stamp()
            if self._generations.named_current() != folder:
                continue
            try:
                opened = self._opened(folder, self._as_found())
            except GitregError:
                if self._generations.stamp() == stamp:
                    raise
                continue
            if self._generations.stamp() == stamp and opened.is_held:
                self._hold(opened, stamp)
                return opened
            opened.close()
        raise ConflictError(
            "the index is made anew again and again, too fast to be opened",
            where=str(self.folder),
            mend="let the processes that make it anew end; then try again",
        )

    def _as_found(self) -> Making:
        return Making(self.registry.uid, "full", parser_name())

    def _hold(self, opened: Generation, stamp: Stamp | None) -> None:
        if self._held is not None:
            self._left.append((time.monotonic() + _GRACE, self._held))
        self._held, self._stamp = opened, stamp

    def _let_go(self, *, before: float) -> None:
        """Close the generations that nobody reads any more."""
        with self._swapping:
            over = [generation for until, generation in self._left if until <= before]
            self._left = [(until, generation) for until, generation in self._left if until > before]
        for generation in over:
            generation.close()
        if over:
            with suppress(GitregError):  # what nobody uses any more may stay a while
                self._catalogs.sweep()

    @property
    def catalog(self) -> Catalog:
        """The catalog that is answered from now."""
        return self.generation().catalog

    @property
    def engine(self) -> SearchEngine:
        """The search engine that is answered from now."""
        return self.generation().engine

    def is_behind(self) -> bool:
        """Tell whether there is something to catch up with: a commit on main, in the catalog, or another catalog."""
        stands = self.generation()
        return not self._catalogs.is_current(stands.folder) or not self._is_up(stands)

    def _is_up(self, generation: Generation) -> bool:
        return self._has_tip(generation.catalog) and is_filled(generation.catalog, generation.engine)

    def _has_tip(self, catalog: Catalog) -> bool:
        """Tell whether main's tip is applied; a shared catalog may have come further than the repository here."""
        tip = self.registry.repo.tip() or ""
        return tip == catalog.position().commit or (self._is_only_behind(catalog) and catalog.knows(tip))

    def _seems_cut(self, catalog: Catalog) -> bool:
        """Tell whether main stands before where a shared catalog does, though all commits are here."""
        return (
            self._catalogs.may_be_ahead and not self._has_tip(catalog) and catalog.knows(self.registry.repo.tip() or "")
        )

    def pending(self) -> int:
        """Count the commits on main that are not indexed yet."""
        tip, known = self.registry.repo.tip(), self.catalog.position()
        return 0 if tip is None or tip == known.commit else max(0, self.registry.repo.seq(tip) - known.seq)

    def catch_up(self, *, progress: Progress | None = None) -> Report:
        """Bring the index up to main's tip.

        `ConflictError` where another process is at it; `HistoryRewritten`, as an alarm, where main does not descend.
        """
        started = time.perf_counter()
        with self._catching_up:
            if self._is_in_making:
                self._make(progress)
            else:
                with writing(self.folder):
                    self._go_over(progress)
                    self._bring_up(self.generation(), progress)
        position, records, bad = self.reader().totals()
        return Report(position.seq, position.commit, records, bad, time.perf_counter() - started)

    def _make(self, progress: Progress | None) -> None:
        made = self.generation()
        with writing(self.folder, MAKING_LOCK), self._catalogs.making():
            self._refuse_unless_begun(made)
            self._bring_up(made, progress)
            with writing(self.folder, patience=_PATIENCE):
                self._bring_up(made, None)  # what has landed meanwhile
                self._catalogs.put_in_place(made.folder)
                self._generations.put_in_place(made.folder)
        self._stamp = self._generations.stamp()
        self._is_in_making = False

    def _go_over(self, progress: Progress | None) -> None:
        """Go over to the catalog that was made anew on another host, once there is a generation of it here."""
        before = self.generation()
        if self._catalogs.is_current(before.folder):
            return
        with self._generations.apart() as folder, closing(self._opened(folder, self._as_found())) as made:
            try:
                self._bring_up(made, progress)
            except ConflictError:
                if not made.is_as_far_as(before):
                    raise
            self._generations.put_in_place(folder)

    def _refuse_unless_begun(self, made: Generation) -> None:
        """Make sure that another process has not begun anew instead, and removed this one."""
        if not made.is_there or made.folder not in (self._generations.building(), self._generations.named_current()):
            raise ConflictError(
                "another process has begun to make the index anew in another way",
                where=str(self.folder),
                mend="wait for it to end; where that is not what you want, run this again",
            )

    def _bring_up(self, generation: Generation, progress: Progress | None) -> None:
        self._refuse_another_uid(generation.catalog)
        refused: GitregError | None = None
        try:
            with generation.catalog.holding():
                refused = self._follow(generation, progress)
                rank(generation.catalog)
        except ConflictError as error:  # what the other process has written is searched here all the same
            refused = error
        fill(generation.catalog, generation.engine, ranks=False)
        if refused is not None and not self._is_up(generation):
            raise refused

    def _follow(self, generation: Generation, progress: Progress | None) -> HistoryRewritten | None:
        """Apply what is new on main; give the alarm where main does not descend."""
        if self._seems_cut(generation.catalog):
            time.sleep(_FETCHING)
        if self._has_tip(generation.catalog):
            if not self._is_only_behind(generation.catalog):
                end_alarm(generation.catalog)
            return None
        before = self._catalogs.before(generation.folder, self._generations.named_current())
        try:
            Builder(self.registry, generation.catalog, before).follow(progress)
        except HistoryRewritten as error:
            if self._has_all_of(generation.catalog):
                with suppress(GitregError):  # a full disk is told when there is something to store
                    raise_alarm(generation.catalog, self.registry.repo.tip() or "")
            return error
        end_alarm(generation.catalog)
        return None

    def _has_all_of(self, catalog: Catalog) -> bool:
        """Tell whether the repository here has what a catalog was made from: else the others need not hear of it."""
        return not self._catalogs.may_be_ahead or catalog.position().commit in self.registry.repo.handle

    def alarm(self) -> Alarm | None:
        """Tell of a main that was rewritten and is not followed; None where all is well."""
        found = alarm_in(self.catalog.about())
        return found if found is not None and self.is_behind() else None

    def rewriting(self) -> HistoryRewritten | None:
        """Tell, by its error, that main does not descend from the last indexed commit, also where nobody has met it."""
        repo, catalog = self.registry.repo, self.catalog
        known = catalog.position().commit  # before main's tip, which may come to go on from it meanwhile
        tip = repo.tip()
        if tip is None or known in ("", tip) or self._is_only_behind(catalog):
            return None
        return rewritten_error(repo, tip, known) if self._ahead(known, tip) is None else None

    def _ahead(self, known: str, tip: str) -> frozenset[str] | None:
        """Give the commits of main after one, None where main does not descend from it; remembers the last answer."""
        with self._looking_ahead:
            if self._last_ahead[:2] != (known, tip):
                try:
                    commits: frozenset[str] | None = frozenset(new_commits(self.registry.repo, tip, known))
                except HistoryRewritten:
                    commits = None
                self._last_ahead = known, tip, commits
            return self._last_ahead[2]

    def is_to_have(self, since: int | str, position: Position) -> bool:
        """Tell whether main has a seq, or a commit, that an index at a position has yet to come to."""
        repo, tip = self.registry.repo, self.registry.repo.tip()
        if tip is None or self._is_only_behind(self.catalog):
            return False
        if isinstance(since, int):
            return since <= repo.seq(tip)
        return tip != position.commit and since in (self._ahead(position.commit, tip) or ())

    def reader(self, *, is_served: bool = False) -> Reader:
        """Ask it; the reader may be used from any thread. `is_served` is for those over a network."""
        return Reader(self, is_served=is_served)

    def close(self) -> None:
        """Let go of files and threads."""
        self._let_go(before=math.inf)
        if self._held is not None:
            self._held.close()
            self._held = None
        self._catalogs.close()

    def _refuse_another_uid(self, catalog: Catalog) -> None:
        """Ids are derived from the registry's uid, so commits of two uids cannot stand in one index."""
        uid = self.registry.uid
        if uid != catalog.uid:
            raise ForeignIndexError(
                "the registry has another uid than its index: registry.yaml was changed",
                where=catalog.where,
                got=f"registry {uid}",
                expected=f"registry {catalog.uid}",
                mend="put the uid back; where the change was meant, run `gitreg index --rebuild`",
            )


def default_folder(registry: Registry) -> Path:
    """Give the folder that a registry's index has unless another is named."""
    return registry.repo.state_dir / INDEX_FOLDER


__all__ = [
    "BrokenIndexError",
    "Fact",
    "ForeignIndexError",
    "Generation",
    "Index",
    "IndexFormatError",
    "Page",
    "Position",
    "Query",
    "Reader",
    "Report",
    "default_folder",
]
