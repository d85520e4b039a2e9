"""The index of one registry: brought up to a commit, made anew beside the one that serves, and asked.

- It follows main's first parents; each commit is applied whole or not at all, and twice is the same as once.
- It can be deleted at any time: what is rebuilt from Git alone gives the same answers.
- The catalog goes first, the search engine after it; a search answer says which commit it is of.
- A main that no longer descends from the last indexed commit is an alarm, and is not followed until it is accepted.
- Made anew, it is answered from once it is complete; until then the old one is, and is kept up to date.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gitreg.errors import GitregError
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
from gitreg_indexer.engine import Query, SearchEngine, open_engine
from gitreg_indexer.filling import fill
from gitreg_indexer.generations import Generations, Stamp, Use
from gitreg_indexer.layout import CATALOG_FILE, INDEX_FOLDER
from gitreg_indexer.lock import writing
from gitreg_indexer.reader import Page, Reader

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

    def __init__(self, folder: Path, making: Making, engine: str) -> None:
        self.folder = folder
        self._use = Use(folder)
        try:
            self.catalog = Catalog.open(folder / CATALOG_FILE, making)
            self.engine: SearchEngine = open_engine(engine, folder / engine)
        except BaseException:
            self._use.end()
            raise

    def close(self) -> None:
        """Let go of files and threads."""
        self.engine.close()
        self.catalog.close()
        self._use.end()


class Index:
    """The index of a registry in a folder."""

    def __init__(self, registry: Registry, folder: Path, *, engine: str = DEFAULT_ENGINE) -> None:
        self.registry = registry
        self.folder = folder
        self._engine_name = engine
        self._generations = Generations(folder)
        self._swapping = threading.Lock()
        self._catching_up = threading.Lock()
        self._stamp: Stamp | None = None
        self._held: Generation | None = None
        self._is_in_making = False

    @classmethod
    def open(cls, registry: Registry, folder: Path | None = None, *, engine: str = DEFAULT_ENGINE) -> Index:
        """Open a registry's index, empty where there is none yet; refuses one that is not this registry's."""
        index = cls(registry, folder or default_folder(registry), engine=engine)
        index._generations.current()
        index.generation()
        return index

    @classmethod
    def emptied(
        cls,
        registry: Registry,
        folder: Path | None = None,
        *,
        engine: str = DEFAULT_ENGINE,
        history: History | None = None,
    ) -> Index:
        """Begin the index anew, beside the one that stands; or go on with what was begun and is sound.

        What comes of it takes the other's place when it has caught up for the first time. `history` is that of the
        one that stands unless it is told.
        """
        index = cls(registry, folder or default_folder(registry), engine=engine)
        with writing(index.folder, _MAKING_LOCK):
            making = Making(registry.uid, history or index._history_of_current(), parser_name())
            index._held = index._begun(making) or Generation(index._generations.begin(), making, engine)
        index._is_in_making = True
        return index

    def _history_of_current(self) -> History:
        if self._generations.stamp() is None:
            return "full"
        with suppress(GitregError):
            return "none" if self.generation().catalog.about().get("history") == "none" else "full"
        return "full"

    def _begun(self, making: Making) -> Generation | None:
        """Open the generation that another process began in the same way and did not finish."""
        folder = self._generations.building()
        if folder is None:
            return None
        try:
            found = Generation(folder, making, self._engine_name)
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
                making = Making(self.registry.uid, "full", parser_name())
                opened = Generation(self._generations.current(), making, self._engine_name)
                self._held, before = opened, self._held
                self._stamp = self._generations.stamp()
                if before is not None:
                    before.close()
            return self._held

    @property
    def catalog(self) -> Catalog:
        """The catalog that is answered from now."""
        return self.generation().catalog

    @property
    def engine(self) -> SearchEngine:
        """The search engine that is answered from now."""
        return self.generation().engine

    def is_behind(self) -> bool:
        """Tell whether main has moved since the last indexed commit."""
        return (self.registry.repo.tip() or "") != self.catalog.position().commit

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
                    self._bring_up(self.generation(), progress)
        position, records, bad = self.reader().totals()
        return Report(position.seq, position.commit, records, bad, time.perf_counter() - started)

    def _make(self, progress: Progress | None) -> None:
        made = self.generation()
        with writing(self.folder, _MAKING_LOCK):
            self._bring_up(made, progress)
            with writing(self.folder):
                self._bring_up(made, None)  # what has landed meanwhile
                self._generations.put_in_place(made.folder)
        self._stamp = self._generations.stamp()
        self._is_in_making = False

    def _bring_up(self, generation: Generation, progress: Progress | None) -> None:
        self._refuse_another_uid(generation.catalog)
        builder = Builder(self.registry, generation.catalog, self._catalog_before(generation))
        try:
            builder.follow(progress)
        except HistoryRewritten:
            fill(generation.catalog, generation.engine)
            raise
        fill(generation.catalog, generation.engine)

    def _catalog_before(self, generation: Generation) -> Path | None:
        """Name the catalog whose manifests need not be read again."""
        before = self._generations.named_current()
        return before / CATALOG_FILE if before is not None and before != generation.folder else None

    def reader(self) -> Reader:
        """Ask it; the reader may be used from any thread."""
        return Reader(self)

    def close(self) -> None:
        """Let go of files and threads."""
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
