"""The index of one registry: brought up to a commit, made anew beside the one that serves, and asked.

- It follows main's first parents; each commit is applied whole or not at all, and twice is the same as once.
- It can be deleted at any time: what is rebuilt from Git alone gives the same answers.
- The catalog goes first, the search engine after it; a search answer says which commit it is of.
- A main that no longer descends from the last indexed commit is an alarm, and is not followed until it is accepted.
- Made anew, it is answered from once it is complete; until then the old one is, and is kept up to date.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gitreg.errors import ConflictError, GitregError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
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
from gitreg_indexer.engine import Query, SearchEngine, open_engine
from gitreg_indexer.filling import fill, is_filled, rank
from gitreg_indexer.generations import Generations, Stamp, Use
from gitreg_indexer.layout import INDEX_FOLDER
from gitreg_indexer.lock import writing
from gitreg_indexer.reader import Page, Reader
from gitreg_indexer.store import Store

Progress = Callable[[int], None]
"""Counts commits as they are folded."""
DEFAULT_ENGINE: Final = "tantivy"
_MAKING_LOCK: Final = "rebuild.lock"


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
        with ExitStack() as begun:
            begun.callback(self._use.end)
            self.catalog = Catalog.open(place, making)
            begun.callback(self.catalog.close)
            self.engine: SearchEngine = open_engine(engine, folder / engine)
            begun.pop_all()

    def is_as_far_as(self, other: Generation) -> bool:
        """Tell whether all that another one answers from is found in this one too."""
        return is_filled(self.catalog, self.engine) and self.catalog.position().seq >= other.catalog.position().seq

    def close(self) -> None:
        """Let go of files and threads."""
        self.engine.close()
        self.catalog.close()
        self._use.end()


class Index:
    """The index of a registry: a folder, and the database that holds the catalog where that is shared."""

    def __init__(
        self, registry: Registry, folder: Path, *, engine: str = DEFAULT_ENGINE, catalog: str | None = None
    ) -> None:
        self.registry = registry
        self.folder = folder
        self._engine_name = engine
        self._catalogs = catalogs_of(registry.uid, catalog)
        self._generations = Generations(folder)
        self._swapping = threading.Lock()
        self._catching_up = threading.Lock()
        self._stamp: Stamp | None = None
        self._held: Generation | None = None
        self._is_in_making = False

    @classmethod
    def open(
        cls,
        registry: Registry,
        folder: Path | None = None,
        *,
        engine: str = DEFAULT_ENGINE,
        catalog: str | None = None,
    ) -> Index:
        """Open a registry's index, empty where there is none yet; refuses one that is not this registry's.

        `catalog` is the address of the database that holds the catalog; without it, the folder does.
        """
        index = cls(registry, folder or default_folder(registry), engine=engine, catalog=catalog)
        with ExitStack() as begun:
            begun.callback(index.close)
            index._generations.current()
            index.generation()
            begun.pop_all()
        return index

    @classmethod
    def emptied(
        cls,
        registry: Registry,
        folder: Path | None = None,
        *,
        engine: str = DEFAULT_ENGINE,
        history: History | None = None,
        catalog: str | None = None,
    ) -> Index:
        """Begin the index anew, beside the one that stands; or go on with what was begun and is sound.

        What comes of it takes the other's place when it has caught up for the first time. `history` is that of the
        one that stands unless it is told.
        """
        index = cls(registry, folder or default_folder(registry), engine=engine, catalog=catalog)
        with ExitStack() as begun:
            begun.callback(index.close)
            with writing(index.folder, _MAKING_LOCK), index._catalogs.making():
                making = Making(registry.uid, history or index._history_of_current(), parser_name())
                index._held = index._begun(making) or index._begin(making)
            begun.pop_all()
        index._is_in_making = True
        return index

    def _begin(self, making: Making) -> Generation:
        folder = self._generations.begin()
        self._catalogs.begin(folder)
        return self._opened(folder, making)

    def _opened(self, folder: Path, making: Making) -> Generation:
        return Generation(folder, self._catalogs.place(folder), making, self._engine_name)

    def _history_of_current(self) -> History:
        place = self._catalogs.before(self.folder, self._generations.named_current())
        if place is None:
            return "full"
        with suppress(GitregError), closing(Catalog.open(place, Making(self.registry.uid))) as standing:
            return "none" if standing.about().get("history") == "none" else "full"
        return "full"

    def _begun(self, making: Making) -> Generation | None:
        """Open the generation that another process began in the same way and did not finish."""
        folder = self._generations.building()
        if folder is None or not self._catalogs.is_building(folder):
            return None
        try:
            found = self._opened(folder, making)
        except GitregError:
            return None
        about = found.catalog.about()
        if (about.get("history"), about.get("parser")) == (making.history, making.parser):
            return found
        found.close()
        return None

    def generation(self) -> Generation:
        """Give what is answered from now."""
        held = self._held
        if held is not None and (self._is_in_making or self._generations.stamp() in (self._stamp, None)):
            return held
        with self._swapping:
            stamp = self._generations.stamp()
            if self._held is None or stamp != self._stamp:
                opened = self._opened(self._generations.current(), self._as_found())
                self._held, before = opened, self._held
                self._stamp = self._generations.stamp()
                if before is not None:
                    before.close()
            return self._held

    def _as_found(self) -> Making:
        return Making(self.registry.uid, "full", parser_name())

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
        is_at_tip = (self.registry.repo.tip() or "") == generation.catalog.position().commit
        return is_at_tip and is_filled(generation.catalog, generation.engine)

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
        with writing(self.folder, _MAKING_LOCK), self._catalogs.making():
            self._bring_up(made, progress)
            with writing(self.folder):
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
        folder = self._generations.another()
        try:
            with closing(self._opened(folder, self._as_found())) as made:
                try:
                    self._bring_up(made, progress)
                except ConflictError:
                    if not made.is_as_far_as(before):
                        raise
                self._generations.put_in_place(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.generation()
        self._catalogs.sweep()

    def _bring_up(self, generation: Generation, progress: Progress | None) -> None:
        self._refuse_another_uid(generation.catalog)
        before = self._catalogs.before(generation.folder, self._generations.named_current())
        refused: GitregError | None = None
        try:
            with generation.catalog.holding():
                try:
                    Builder(self.registry, generation.catalog, before).follow(progress)
                except HistoryRewritten as error:
                    refused = error
                rank(generation.catalog)
        except ConflictError as error:  # what the other process has written is searched here all the same
            refused = error
        fill(generation.catalog, generation.engine)
        if refused is not None and not self._is_up(generation):
            raise refused

    def reader(self) -> Reader:
        """Ask it; the reader may be used from any thread."""
        return Reader(self)

    def close(self) -> None:
        """Let go of files and threads."""
        self._catalogs.close()
        if self._held is not None:
            self._held.close()
            self._held = None

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
