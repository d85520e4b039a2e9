"""What an index is like: where it stands, what it holds, who writes it, what stands in its way, what it takes on disk.

- It is looked at and nothing is changed: no index is made, none is brought up to date.
- What cannot be told because the index is damaged is absent, and `trouble` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import Finding, GitregError
from gitreg.registry import Registry, timestamp
from gitreg.repository.git import HistoryRewritten
from gitreg_indexer.alarms import Alarm, alarm_in
from gitreg_indexer.catalog import QUARANTINED, Making, Position, about_in, findings_in, live_in, number_of, position_in
from gitreg_indexer.catalog_truth import open_standing
from gitreg_indexer.catalogs import Catalogs, catalogs_of
from gitreg_indexer.descent import is_behind
from gitreg_indexer.engine import chosen_engine, engines, open_engine
from gitreg_indexer.generations import Generations
from gitreg_indexer.index import default_folder
from gitreg_indexer.layout import CATALOG_FILE, FOREVER, FORMAT
from gitreg_indexer.lock import MAKING_LOCK, holder_of
from gitreg_indexer.polling import Round, rounds_of
from gitreg_indexer.semantic import FOLDER
from gitreg_indexer.tables import quarantine

CATALOG: Final = "catalog"
SEARCH: Final = "search"
VECTORS: Final = "vectors"
BUILDING: Final = "rebuild"
LEFT: Final = "left"
"""The parts that are told of what lies on disk; `left` is what nothing needs any more and somebody still reads."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that stands in the registry and cannot be read."""

    path: str
    seq: int
    blob: str
    findings: tuple[Finding, ...]

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        listed = [finding.as_data() for finding in self.findings]
        return {"path": self.path, "seq": self.seq, "blob": self.blob, "findings": listed}


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A generation in the making: how far it is, how many commits it has to go, and who is at it, if anybody is."""

    generation: str
    seq: int
    behind: int | None
    by: int | None


@dataclass(slots=True)
class IndexStatus:
    """The state of an index; without a generation there is none yet. `catalog` is the database that is shared.

    `is_clone_behind`: the repository here has yet to fetch what that was made from. `remotes` are the last rounds of
    the remotes that main here follows.
    """

    folder: str
    engine: str
    catalog: str | None = None
    generation: str | None = None
    position: Position = field(default=Position(0, ""))
    behind: int | None = None
    records: dict[str, int] = field(default_factory=dict)
    quarantined: list[Unreadable] = field(default_factory=list)
    history: str | None = None
    history_from: int | None = None
    search_seq: int | None = None
    size: dict[str, int] = field(default_factory=dict)
    writer: int | None = None
    alarm: Alarm | None = None
    remotes: dict[str, Round] = field(default_factory=dict)
    rebuild: Rebuild | None = None
    trouble: GitregError | None = None
    is_clone_behind: bool = False

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "folder": self.folder,
            "catalog": self.catalog,
            "format": FORMAT,
            "generation": self.generation,
            "commit": self.position.commit,
            "seq": self.position.seq,
            "behind": self.behind,
            "records": self.records,
            "quarantined": [found.as_data() for found in self.quarantined],
            "history": {"kind": self.history, "from": self.history_from},
            "search": {"engine": self.engine, "seq": self.search_seq},
            "size": {**self.size, "total": sum(self.size.values())},
            "writer": self.writer,
            "alarm": self.alarm.as_data() if self.alarm else None,
            "remotes": [_remote(name, last) for name, last in self.remotes.items()],
            "rebuild": asdict(self.rebuild) if self.rebuild else None,
            "trouble": self.trouble.as_data() if self.trouble else None,
        }


def _remote(name: str, last: Round) -> dict[str, Any]:
    fault = last.fault
    told = None if fault is None else {"code": fault.code, "says": fault.says, "mend": fault.mend}
    return {"name": name, "asked": asked_at(last), "failures": last.failures, "fault": told}


def asked_at(last: Round) -> str:
    """Tell when a remote was asked last."""
    return timestamp(datetime.fromtimestamp(last.began, UTC))


def status_of(registry: Registry, folder: Path | None = None, *, catalog: str | None = None) -> IndexStatus:
    """Look at the index in a folder, and at the database that holds its catalog where that is shared."""
    where = folder or default_folder(registry)
    generations = Generations(where)
    current = generations.standing()
    with closing(catalogs_of(registry.uid if catalog else "", catalog)) as catalogs:
        status = IndexStatus(str(where), chosen_engine(), catalogs.where, writer=_process(where))
        if current is not None:
            status.generation = current.name
            try:
                _look(status, current, registry, catalogs)
            except GitregError as error:
                status.trouble = error
        status.rebuild = _rebuild(generations, registry, catalogs)
    status.size = dict(_sizes(generations, current))
    status.remotes = rounds_of(registry.repo)
    _compare(status, registry)
    return status


def _look(status: IndexStatus, current: Path, registry: Registry, catalogs: Catalogs) -> None:
    with closing(open_standing(catalogs.standing(current), Making(registry.uid))) as catalog:
        with catalog.reading() as db:
            about, status.position = about_in(db), position_in(db)
            live = live_in(db)
            live.pop(QUARANTINED, None)
            status.records = {kind: count for kind, count in live.items() if count}
            status.quarantined = list(_unreadable(db))
        status.alarm = alarm_in(about)
        status.is_clone_behind = catalogs.may_be_ahead and is_behind(registry.repo, catalog)
        status.history, status.history_from = about["history"], number_of(about, "history_from", 1)
    engine_folder = current / status.engine
    if engine_folder.is_dir():
        with closing(open_engine(status.engine, engine_folder)) as engine:
            status.search_seq = engine.position()[1]


def _unreadable(db: sa.Connection) -> Iterator[Unreadable]:
    table = quarantine.c
    query = sa.select(table.path, table.seq_from, table.blob, table.findings).where(table.seq_to == FOREVER)
    for path, seq, blob, raw in db.execute(query.order_by(table.path)):
        yield Unreadable(str(path), seq, blob, findings_in(raw, path))


def _compare(status: IndexStatus, registry: Registry) -> None:
    """Tell how far the index is behind main, and whether main was rewritten."""
    tip, position = registry.repo.tip(), status.position
    if tip is None or status.trouble is not None:
        return
    if status.is_clone_behind:
        status.behind = 0
        return
    try:
        status.behind = sum(1 for _ in registry.repo.first_parents(tip, position.commit or None))
        status.alarm = None
    except HistoryRewritten:
        known = status.alarm
        is_known = known is not None and (known.commit, known.tip) == (position.commit, tip)
        status.alarm = known if is_known else Alarm(position.seq, position.commit, tip, "")


def _rebuild(generations: Generations, registry: Registry, catalogs: Catalogs) -> Rebuild | None:
    folder = generations.building()
    if folder is None or not catalogs.is_building(folder):
        return None
    seq, behind = 0, None
    with suppress(GitregError):
        with closing(open_standing(catalogs.place(folder), Making(registry.uid))) as catalog:
            position = catalog.position()
        seq, tip = position.seq, registry.repo.tip()
        if tip is not None:
            behind = sum(1 for _ in registry.repo.first_parents(tip, position.commit or None))
    return Rebuild(folder.name, seq, behind, _process(generations.folder, MAKING_LOCK))


def _process(folder: Path, *lock: str) -> int | None:
    holder = holder_of(folder, *lock)
    return int(holder) if holder is not None and holder.isdigit() else None


def _sizes(generations: Generations, current: Path | None) -> Counter[str]:
    """Count the bytes of each part on disk."""
    sizes: Counter[str] = Counter({CATALOG: 0, SEARCH: 0, VECTORS: 0, BUILDING: 0, LEFT: 0})
    building, searching = generations.building(), frozenset(engines())
    for found in _inside(generations.folder):
        if found == current:
            for part in _inside(found):
                if part.suffix != ".lock":
                    sizes[SEARCH if part.name in searching else _part(part.name)] += _size_of(part)
        elif found.name == FOLDER:
            sizes[VECTORS] += _size_of(found)
        elif found.is_dir():
            sizes[BUILDING if found == building else LEFT] += _size_of(found)
    return sizes


def _part(name: str) -> str:
    return CATALOG if name.startswith(CATALOG_FILE) else name.partition(".")[0]


def _size_of(place: Path) -> int:
    if place.is_dir():
        return sum(_size_of(inner) for inner in _inside(place))
    with suppress(OSError):
        return place.stat().st_size
    return 0


def _inside(folder: Path) -> list[Path]:
    """List what is in a folder; nothing where it is none, or is gone just now."""
    with suppress(OSError):
        return list(folder.iterdir())
    return []
