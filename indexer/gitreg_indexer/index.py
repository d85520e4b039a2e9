"""The index of one registry: brought up to a commit, deleted, rebuilt, and asked.

- It follows main's first parents; each commit is applied whole or not at all, and twice is the same as once.
- It can be deleted at any time: what is rebuilt from Git alone gives the same answers.
- The catalog goes first, the search engine after it; a search answer says which commit it is of.
- A main that no longer descends from the last indexed commit is an alarm, and is not followed.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import sqlalchemy as sa

from gitreg.errors import Finding, GitregError, NotFoundError, Rejected, Severity
from gitreg.kinds import Manifest
from gitreg.manifests import MAX_BYTES, Reading, differences, read_manifest
from gitreg.refs import KINDS, Ref, is_version
from gitreg.registry import Registry, timestamp
from gitreg.repository.git import Commit, Entry, EntryChange, GitRepository, HistoryRewritten, encode_path
from gitreg.repository.snapshot import nearest
from gitreg.resolution import ENDED, choose, why_nothing
from gitreg.versions import Range, Version
from gitreg_indexer.catalog import (
    BrokenIndexError,
    Catalog,
    Fact,
    ForeignIndexError,
    IndexFormatError,
    Position,
    commits,
    fact_of,
    facts,
    instance_in,
    position_in,
    quarantine,
    select_facts,
)
from gitreg_indexer.documents import document_of
from gitreg_indexer.engine import Document, Query, SearchEngine, open_engine
from gitreg_indexer.facts import Birth, CommitFacts, Folded, fold_commit
from gitreg_indexer.layout import CATALOG_FILE, FOREVER, INDEX_FOLDER
from gitreg_indexer.lock import writing

Progress = Callable[[int], None]
"""Counts commits as they are folded."""
BATCH_FACTS: Final = 2_000
DEFAULT_ENGINE: Final = "tantivy"


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


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results, all of them as of one commit."""

    items: tuple[Fact, ...]
    total: int
    offset: int
    limit: int
    position: Position


class Index:
    """The index of a registry in a folder."""

    def __init__(self, registry: Registry, folder: Path, catalog: Catalog, engine: SearchEngine) -> None:
        self.registry = registry
        self.folder = folder
        self.catalog = catalog
        self.engine = engine
        self._catching_up = threading.Lock()

    @classmethod
    def open(cls, registry: Registry, folder: Path | None = None, *, engine: str = DEFAULT_ENGINE) -> Index:
        """Open a registry's index, empty where there is none yet; refuses one that is not this registry's."""
        where = folder or default_folder(registry)
        try:
            where.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GitregError(
                "the index's folder cannot be made",
                where=str(where),
                got=error.strerror or str(error),
                mend="name another folder with --index",
            ) from error
        catalog = Catalog.open(where / CATALOG_FILE, uid=registry.uid)
        return cls(registry, where, catalog, open_engine(engine, where / engine))

    @classmethod
    def emptied(cls, registry: Registry, folder: Path | None = None, *, engine: str = DEFAULT_ENGINE) -> Index:
        """Open the index after deleting what it held; a broken one, or another registry's, too."""
        where = folder or default_folder(registry)
        with writing(where):
            try:
                remove_index(where, engine)
            except OSError as error:
                raise GitregError(
                    "the index cannot be deleted",
                    where=str(where),
                    got=error.strerror or str(error),
                    mend="delete the folder, or name another one with --index",
                ) from error
        return cls.open(registry, where, engine=engine)

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
        with self._catching_up, writing(self.folder):
            self._refuse_another_uid()
            try:
                self._follow(progress)
            except HistoryRewritten:
                self._fill_engine()
                raise
            self._fill_engine()
        position = self.catalog.position()
        records, bad = self._counts()
        return Report(position.seq, position.commit, records, bad, time.perf_counter() - started)

    def reader(self) -> Reader:
        """Ask it; the reader may be used from any thread."""
        return Reader(self)

    def close(self) -> None:
        """Let go of files and threads."""
        self.engine.close()
        self.catalog.close()

    def _refuse_another_uid(self) -> None:
        """Ids are derived from the registry's uid, so commits of two uids cannot stand in one index."""
        uid = self.registry.uid
        if uid != self.catalog.uid:
            raise ForeignIndexError(
                "the registry has another uid than its index: registry.yaml was changed",
                where=self.catalog.where,
                got=f"registry {uid}",
                expected=f"registry {self.catalog.uid}",
                mend="put the uid back; where the change was meant, run `gitreg index --rebuild`",
            )

    def _follow(self, progress: Progress | None) -> None:
        repo = self.registry.repo
        position = self.catalog.position()
        tip = repo.tip()
        if tip is None or tip == position.commit:
            return
        oids = list(_new_commits(repo, tip, position.commit))
        batch: list[Folded] = []
        weight = 0
        for folded in self._fold(oids, position):
            batch.append(folded)
            weight += 1 + len(folded.opened) + len(folded.closed)
            if weight >= BATCH_FACTS:
                self.catalog.apply(batch)
                batch, weight = [], 0
            if progress:
                progress(1)
        if batch:
            self.catalog.apply(batch)

    def _fold(self, oids: Iterable[str], position: Position) -> Iterator[Folded]:
        repo, uid = self.registry.repo, self.registry.uid
        births: dict[str, Birth] = {}
        previous: str | None = position.commit or None
        for seq, oid in enumerate(oids, start=position.seq + 1):
            commit = repo.commit(oid)
            changes = [_storable(change) for change in repo.diff(previous, oid)]
            known = _Births(self.catalog, births, changes)
            folded = fold_commit(
                _commit_facts(seq, commit),
                changes,
                uid=uid,
                read=lambda entry: _read(repo, entry),
                birth_of=known.get,
            )
            births.update(folded.born)
            previous = oid
            yield folded

    def _fill_engine(self) -> None:
        """Bring the search engine up to the catalog: facts that began or ended since its own position."""
        try:
            self.engine.refresh()
            instance, seq = self.engine.position()
        except GitregError:  # what cannot be read is made again
            instance, seq = "", 0
        position = self.catalog.position()
        if instance != self.catalog.instance or seq > position.seq:
            self.engine.clear()
            seq = 0
        elif seq == position.seq:
            return
        self.engine.apply(self._documents_since(seq), instance=self.catalog.instance, seq=position.seq)

    def _documents_since(self, seq: int) -> Iterator[Document]:
        began = facts.c.seq_from > seq
        ended = sa.and_(facts.c.seq_to > seq, facts.c.seq_to < FOREVER)
        query = sa.select(*_COLUMNS, facts.c.version_key).where(sa.or_(began, ended)).order_by(facts.c.id)
        with self.catalog.reading() as db:
            for row in db.execution_options(yield_per=1000).execute(query):
                yield document_of(fact_of(row[:-1]), row[-1])

    def _counts(self) -> tuple[int, int]:
        with self.catalog.reading() as db:
            live = sa.select(sa.func.count()).where(facts.c.seq_to == FOREVER)
            bad = sa.select(sa.func.count()).where(quarantine.c.seq_to == FOREVER)
            return int(db.execute(live).scalar_one()), int(db.execute(bad).scalar_one())


_COLUMNS: Final = tuple(select_facts().selected_columns)


class _Births:
    """When the paths of one commit's changes were first seen: asked of the catalog once, and only for old paths."""

    def __init__(self, catalog: Catalog, recent: Mapping[str, Birth], changes: list[EntryChange]) -> None:
        self._recent = recent
        asked = [change.path for change in changes if change.path not in recent]
        self._stored = catalog.births_of(asked) if any(change.old for change in changes) or asked else {}

    def get(self, path: str) -> Birth | None:
        return self._recent.get(path) or self._stored.get(path)


def _new_commits(repo: GitRepository, tip: str, known: str) -> Iterable[str]:
    try:
        return repo.first_parents(tip, known or None)
    except HistoryRewritten as error:
        raise HistoryRewritten(
            "main was rewritten: it no longer descends from the last indexed commit",
            where=repo.branch,
            got=f"{tip[:12]}, which does not descend from {known[:12]}",
            mend="find out who did it and put the branch back; to follow it all the same, run `gitreg index --rebuild`",
        ) from error


def _commit_facts(seq: int, commit: Commit) -> CommitFacts:
    author, message = str(commit.author), commit.message.rstrip("\n")
    return CommitFacts(seq, commit.oid, timestamp(commit.committer.when), _unicode(author), _unicode(message))


def _unicode(text: str) -> str:
    """Give a text that can be stored: an odd encoding may leave half characters in a commit's words."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _storable(change: EntryChange) -> EntryChange:
    """Give a change whose path can be stored: bytes that are not UTF-8 as `\\xff`, and so a backslash as two."""
    if change.path.isascii() and "\\" not in change.path:
        return change
    raw = encode_path(change.path).replace(b"\\", b"\\\\")
    return replace(change, path=raw.decode("utf-8", "backslashreplace"))


def _read(repo: GitRepository, entry: Entry) -> Reading:
    if not entry.is_plain:
        return Reading(None)
    if repo.blob_size(entry.oid) > MAX_BYTES:
        return read_manifest(b" " * (MAX_BYTES + 1))
    return read_manifest(repo.read_blob(entry.oid))


def default_folder(registry: Registry) -> Path:
    """Give the folder that a registry's index has unless another is named."""
    return registry.repo.state_dir / INDEX_FOLDER


def remove_index(folder: Path, engine: str = DEFAULT_ENGINE) -> None:
    """Remove an index's files; the lock file stays."""
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{CATALOG_FILE}{suffix}").unlink(missing_ok=True)
    if (folder / engine).exists():
        shutil.rmtree(folder / engine)


class Reader:
    """Answers from the index; every call sees one whole state."""

    def __init__(self, index: Index) -> None:
        self._catalog = index.catalog
        self._engine = index.engine

    def position(self) -> Position:
        """Tell which commit answers are of."""
        return self._catalog.position()

    def fact(self, ref: Ref, version: str | None = None, *, at: int | None = None) -> Fact | None:
        """Give one record by its exact address."""
        with self._catalog.reading() as db:
            return _fact(db, ref, version, at)

    def resolve(self, ref: Ref, *, at: int | None = None) -> Fact:
        """Find the record that a ref means.

        `NotFoundError` says what there is instead; `Rejected` says what is wrong with a file that stands there and
        cannot be read.
        """
        with self._catalog.reading() as db:
            try:
                return self._resolve(db, ref, at)
            except NotFoundError:
                _refuse_unreadable(db, ref, at)
                raise

    def _resolve(self, db: sa.Connection, ref: Ref, at: int | None) -> Fact:
        if not KINDS[ref.kind].is_versioned:
            found = _fact(db, ref, None, at)
            if found is None:
                raise NotFoundError(f"there is no {ref.place}", got=str(ref), mend="`gitreg list` shows what there is")
            return found
        if isinstance(ref.selector, Version):
            found = _fact(db, ref, str(ref.selector), at)
            if found is not None:
                return found
        return self._choose(db, ref, at)

    def _choose(self, db: sa.Connection, ref: Ref, at: int | None) -> Fact:
        retired = _retired(db, ref, at)
        if not retired:
            raise self._unknown_name(db, ref)
        aliases = _aliases(db, ref, at) if isinstance(ref.selector, str) else {}
        chosen = choose(ref.selector, tuple(retired), aliases, lambda version: retired[version])
        found = _fact(db, ref, str(chosen), at) if chosen else None
        if found is None:
            raise NotFoundError(
                f"{ref} means nothing: {why_nothing(ref.selector, tuple(retired), aliases)}",
                got=str(ref),
                mend="ask for one of those",
            )
        return found

    def _unknown_name(self, db: sa.Connection, ref: Ref) -> NotFoundError:
        query = (
            sa.select(facts.c.name)
            .where(facts.c.kind == ref.kind, facts.c.namespace == ref.namespace, facts.c.seq_to == FOREVER)
            .distinct()
            .limit(5000)
        )
        near = nearest(ref.name, [name for (name,) in db.execute(query)])
        hint = f"did you mean {ref.namespace}/{near}? " if near else ""
        word = KINDS[ref.kind].word
        return NotFoundError(
            f"there is no {ref.place}", got=str(ref), mend=f"{hint}`gitreg list {word}` shows what there is"
        )

    def versions(self, ref: Ref, *, at: int | None = None) -> tuple[Fact, ...]:
        """List the versions of a name, highest first."""
        query = select_facts(*_of_name(ref), at=at).order_by(facts.c.version_key.desc())
        with self._catalog.reading() as db:
            return tuple(fact_of(row) for row in db.execute(query))

    def aliases(self, ref: Ref, *, at: int | None = None) -> dict[str, str]:
        """Give the aliases of a name and the version that each names; `latest` is computed and not among them."""
        with self._catalog.reading() as db:
            return _aliases(db, ref, at)

    def history(self, ref: Ref) -> list[dict[str, Any]]:
        """Tell which commits touched a record, newest first, and which fields each changed."""
        with self._catalog.reading() as db:
            stages = list(_stages(db, self._path_in_history(db, ref)))
            if not stages:
                raise self._unknown_name(db, ref)
            return stages

    def _path_in_history(self, db: sa.Connection, ref: Ref) -> str:
        version = ref.selector
        if isinstance(version, Version) or not KINDS[ref.kind].is_versioned:
            return ref.address(str(version) if version else None).path
        try:
            return self._resolve(db, ref, None).path
        except NotFoundError:
            _refuse_unreadable(db, ref, None)
            raise

    def search(self, query: Query, *, offset: int = 0, limit: int = 20, at: int | None = None) -> Page:
        """Find records; items come in the query's order, all as of one commit.

        What is not in the search engine yet is not in the answer, nor is its commit: the page says how far it comes.
        """
        page = self._search(query, offset, limit, at)
        if page is None:
            self._engine.refresh()
            page = self._search(query, offset, limit, at, is_last=True)
        return page or Page((), 0, offset, limit, Position(0, ""))

    def _search(self, query: Query, offset: int, limit: int, at: int | None, *, is_last: bool = False) -> Page | None:
        """Search once; None where the engine shows another catalog's documents, or may have newer ones to show."""
        found = self._engine.search(query, offset=offset, limit=limit, at=at)
        with self._catalog.reading() as db:
            position = position_in(db)
            if found.instance != instance_in(db) or (found.seq < position.seq and not is_last):
                return None
            items = _facts_of(db, found.ids)
            seq = found.seq if at is None else min(at, found.seq)
            oid = position.commit if seq == position.seq else _oid_of(db, seq)
            return Page(items, found.total, offset, limit, Position(seq, oid))

    def quarantine(self) -> list[dict[str, Any]]:
        """List the files that stand in the registry and cannot be read, with what is wrong with each."""
        query = (
            sa.select(quarantine.c.path, quarantine.c.blob, quarantine.c.seq_from, quarantine.c.findings)
            .where(quarantine.c.seq_to == FOREVER)
            .order_by(quarantine.c.path)
        )
        with self._catalog.reading() as db:
            return [
                {"path": path, "blob": blob, "seq": seq, "findings": orjson.loads(findings)}
                for path, blob, seq, findings in db.execute(query)
            ]

    def counts(self) -> dict[str, int]:
        """Count the records of each kind."""
        query = (
            sa.select(facts.c.kind, sa.func.count())
            .where(facts.c.seq_to == FOREVER)
            .group_by(facts.c.kind)
            .order_by(facts.c.kind)
        )
        with self._catalog.reading() as db:
            return dict(db.execute(query).all())

    def refresh(self) -> None:
        """See what another process has written."""
        self._engine.refresh()


def _fact(db: sa.Connection, ref: Ref, version: str | None, at: int | None) -> Fact | None:
    path = ref.address(version).path
    row = db.execute(select_facts(facts.c.path == path, facts.c.kind == ref.kind, at=at)).first()
    return fact_of(row) if row else None


def _retired(db: sa.Connection, ref: Ref, at: int | None) -> dict[Version, bool]:
    """Tell of each version of a name, highest first, whether it is retired."""
    query = select_facts(*_of_name(ref), at=at).with_only_columns(facts.c.version, facts.c.status)
    rows = db.execute(query.order_by(facts.c.version_key.desc()))
    return {Version.parse(version): status in ENDED for version, status in rows}


def _aliases(db: sa.Connection, ref: Ref, at: int | None) -> dict[str, str]:
    found = _fact(db, Ref("Aliases", ref.namespace, ref.name, of=ref.kind), None, at)
    return dict(found.data()["spec"]["aliases"]) if found else {}


def _facts_of(db: sa.Connection, ids: Sequence[int]) -> tuple[Fact, ...]:
    listed: dict[int, Fact] = {}
    for start in range(0, len(ids), 500):
        chosen = sa.select(*_COLUMNS).where(facts.c.id.in_(ids[start : start + 500]))
        listed.update({row[0]: fact_of(row) for row in db.execute(chosen)})
    return tuple(listed[id_] for id_ in ids)


def _oid_of(db: sa.Connection, seq: int) -> str:
    return str(db.execute(sa.select(commits.c.oid).where(commits.c.seq == seq)).scalar() or "")


def _refuse_unreadable(db: sa.Connection, ref: Ref, at: int | None) -> None:
    """Raise `Rejected` where what a ref names stands in the registry and cannot be read."""
    rows = [row for row in db.execute(_quarantined(ref, at)) if _might_mean(ref, row[0])]
    if rows:
        told = [Finding(**{**f, "severity": Severity(f["severity"])}) for _, raw in rows for f in orjson.loads(raw)]
        listed = ", ".join(path for path, _ in rows)
        raise Rejected(
            f"{ref} stands in the registry and cannot be read: {listed}",
            told,
            mend="mend the file by a pull request; `gitreg history` of the exact version tells who changed it",
        )


def _might_mean(ref: Ref, path: str) -> bool:
    stem = path.rpartition("/")[2].removesuffix(".yaml")
    return not isinstance(ref.selector, Range) or (is_version(stem) and ref.selector.allows(Version.parse(stem)))


def _quarantined(ref: Ref, at: int | None) -> sa.Select[Any]:
    """Select the unreadable files that a ref names: one path, or all directly in the folder of a name."""
    path = quarantine.c.path
    address = ref.address(str(ref.selector) if isinstance(ref.selector, Version) else "0.0.0")
    if isinstance(ref.selector, Version) or not KINDS[ref.kind].is_versioned:
        here = path == address.path
    else:
        folder = f"{address.folder}/"
        inside = sa.func.substr(path, 1, len(folder)) == folder
        here = inside & ~sa.func.substr(path, len(folder) + 1).contains("/")
    holds = quarantine.c.seq_to == FOREVER
    if at is not None:
        holds = (quarantine.c.seq_from <= at) & (quarantine.c.seq_to > at)
    return sa.select(path, quarantine.c.findings).where(holds, here).order_by(path).limit(20)


def _of_name(ref: Ref) -> tuple[Any, ...]:
    return (facts.c.kind == ref.kind, facts.c.namespace == ref.namespace, facts.c.name == ref.name)


def _stages(db: sa.Connection, path: str) -> Iterator[dict[str, Any]]:
    """Tell a path's stages newest first: each fact or quarantine that began, and each end that nothing followed."""
    rows = [
        (seq_from, seq_to, _manifest_data(doc))
        for seq_from, seq_to, doc in db.execute(
            sa.select(facts.c.seq_from, facts.c.seq_to, facts.c.doc).where(facts.c.path == path)
        )
    ]
    rows += [
        (seq_from, seq_to, {})
        for seq_from, seq_to in db.execute(
            sa.select(quarantine.c.seq_from, quarantine.c.seq_to).where(quarantine.c.path == path)
        )
    ]
    rows.sort(key=lambda row: row[0])
    told: list[tuple[int, str, Any, Any]] = []
    before: Any = {}
    ended_at = 0
    for seq_from, seq_to, data in rows:
        if ended_at and ended_at != seq_from:
            told.append((ended_at, "removed", before, {}))
            before = {}
        told.append((seq_from, "changed" if ended_at == seq_from else "added", before, data))
        before, ended_at = data, seq_to
    if ended_at and ended_at != FOREVER:
        told.append((ended_at, "removed", before, {}))
    known = _commits(db, [seq for seq, _, _, _ in told])
    for seq, change, old, new in reversed(told):
        fields = [found.as_data() for found in differences(old, new)]
        yield {"seq": seq, **known[seq], "change": change, "fields": fields}


def _manifest_data(doc: bytes) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(doc)
    data.pop("registry", None)
    return data


def _commits(db: sa.Connection, seqs: list[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for start in range(0, len(seqs), 500):
        query = sa.select(commits).where(commits.c.seq.in_(seqs[start : start + 500]))
        for seq, oid, moment, author, message in db.execute(query):
            found[seq] = {"commit": oid, "time": moment, "author": author, "message": message}
    return found


__all__ = [
    "BrokenIndexError",
    "Fact",
    "ForeignIndexError",
    "Index",
    "IndexFormatError",
    "Manifest",
    "Page",
    "Position",
    "Query",
    "Reader",
    "Report",
    "default_folder",
]
