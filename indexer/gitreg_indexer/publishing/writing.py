"""Publish a registry: make all files of the index's state, or, over what was published before, those that differ.

- What is published is one state of the index. The same commit gives the same bytes, whatever was published before.
- Where the folder holds an earlier commit of the same history, the cost follows what has changed since.
- Records of the past stay: the feed names them. They are written once, by digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from gitreg.errors import GitregError
from gitreg_indexer.catalog import Catalog, Position, position_in
from gitreg_indexer.publishing.errors import DamagedError
from gitreg_indexer.publishing.feed import Feed
from gitreg_indexer.publishing.folder import Folder
from gitreg_indexer.publishing.front import Front
from gitreg_indexer.publishing.layout import (
    Key,
    Stated,
    name_path,
    page_path,
    part_path,
    record_path,
    segment_path,
    segment_span,
)
from gitreg_indexer.publishing.names import name_file
from gitreg_indexer.publishing.pages import Builder, Edited, Entry, Page, edit, last
from gitreg_indexer.publishing.snapshot import Parts, renewed_parts
from gitreg_indexer.publishing.states import (
    Event,
    Name,
    commit_at,
    counts_of,
    events_after,
    growth_after,
    keys_touched,
    name_at,
    names_after,
    registry_document,
    told_after,
)

Progress = Callable[[int], None]
"""Counts records as they are gone through."""


@dataclass(frozen=True, slots=True)
class Report:
    """What publishing came to. `unchanged` counts files that stayed as they were; `seconds` is wall time."""

    seq: int
    commit: str
    records: int
    written: int
    unchanged: int
    removed: int
    bytes: int
    seconds: float

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "seq": self.seq,
            "commit": self.commit,
            "records": self.records,
            "written": self.written,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
        }


def publish(
    catalog: Catalog,
    root: Path,
    *,
    whole: bool = False,
    keep: float = 0,
    progress: Progress = lambda _: None,
) -> Report:
    """Publish a catalog's state into a folder.

    `whole` compares every file instead of trusting what was published before; files that are listed no more stay for
    `keep` seconds. `UsageError` where the folder holds something else.
    """
    started = time.perf_counter()
    with catalog.reading() as db:
        position = position_in(db)
        if not position.commit:
            raise GitregError(
                "there is nothing to publish: nothing is indexed yet",
                where=catalog.where,
                mend="register something, or run `gitreg index`",
            )
        with Folder.claimed(root, catalog.uid, keep=keep) as folder:
            front = _published(_Publishing(db, folder, catalog.uid, position, progress), whole=whole)
        return Report(
            seq=position.seq,
            commit=position.commit,
            records=front.records,
            written=folder.written,
            unchanged=front.files - folder.written,
            removed=folder.removed,
            bytes=folder.bytes,
            seconds=time.perf_counter() - started,
        )


def _published(work: _Publishing, *, whole: bool) -> Front:
    """Publish the change since what the folder holds, or everything where that cannot be; gives the new entry."""
    is_sound = work.folder.recover()
    before = work.before() if is_sound and not whole else None
    if before is not None:
        try:
            return work.change(before)
        except DamagedError:  # everything is compared then, and what is damaged is written anew
            work.folder.take_back()
    return work.everything()


class _Publishing:
    """One run over one state."""

    def __init__(self, db: sa.Connection, folder: Folder, uid: str, position: Position, progress: Progress) -> None:
        self.folder = folder
        self._db = db
        self._uid = uid
        self._position = position
        self._progress = progress
        self._records = 0

    def before(self) -> Front | None:
        """Give what the folder holds, if it is of an earlier commit of this history."""
        front = self.folder.front()
        if front is None or not 0 < front.seq <= self._position.seq:
            return None
        known = commit_at(self._db, front.seq)
        return front if known is not None and known.commit == front.commit else None

    def everything(self) -> Front:
        """Publish everything."""
        self.folder.begin(whole=True)
        self._records = 0
        segments = Builder(self._put_page("changes"))
        feed = Feed(self.folder.stream, lambda key, stated: segments.add(Entry.of(key, stated)))
        feed.follow(told_after(self._db, -1), events_after(self._db, -1), self._store)
        is_open = feed.is_open
        feed.close()
        count, names, parts = self._build_names()
        roots = {"names": names, "changes": segments.close(), "snapshot": parts}
        return self._finish(roots, is_open=is_open, kinds=counts_of(self._db), names=count, files=1)

    def _build_names(self) -> tuple[int, Stated, Stated]:
        names, listed = Builder(self._put_page("names")), Builder(self._put_page("snapshot"))
        parts = Parts(self.folder.stream)
        count = 0
        for name in names_after(self._db):
            names.add(Entry.of(name.key.text, self._put_name(name)))
            ended = parts.add(name)
            if ended is not None:
                listed.add(Entry.of(*ended))
            count += 1
            self._progress(len(name.records))
        rest = parts.close()
        if rest is not None:
            listed.add(Entry.of(*rest))
        return count, names.close(), listed.close()

    def change(self, before: Front) -> Front:
        """Publish what has changed since an earlier commit of this history."""
        if before.seq == self._position.seq:
            self.folder.clear()
            return before
        self.folder.begin(whole=False)
        feed, is_open = self._go_on(before)
        touched = keys_touched(self._db, before.seq)
        names, grown = self._change_names(before.roots["names"], touched)
        roots = {"names": names, "changes": feed, "snapshot": self._change_parts(before.roots["snapshot"], touched)}
        growth = growth_after(self._db, before.seq)
        kinds = {word: before.kinds.get(word, 0) + growth.get(word, 0) for word in {*before.kinds, *growth}}
        return self._finish(roots, is_open=is_open, kinds=kinds, names=before.names + grown, files=before.files)

    def _go_on(self, before: Front) -> tuple[Stated, bool]:
        """Go on with the feed; gives its root, and whether its last segment is open."""
        edits: dict[str, Stated | None] = {}
        feed = Feed(self.folder.stream, edits.__setitem__)
        newest = last(before.roots["changes"], self._load_page("changes")) if before.is_open else None
        if newest is not None:
            path = segment_path(*segment_span(newest.key), newest.sha256)
            feed.go_on(self.folder.read(path, newest.stated))
            edits[newest.key] = None
        feed.follow(told_after(self._db, before.seq), events_after(self._db, before.seq), self._store)
        is_open = feed.is_open
        feed.close()
        return self._edit("changes", before.roots["changes"], edits).root, is_open

    def _change_names(self, root: Stated, touched: list[Key]) -> tuple[Stated, int]:
        edits: dict[str, Stated | None] = {}
        for key in touched:
            name = name_at(self._db, key)
            edits[key.text] = self._put_name(name) if name is not None else None
        done = self._edit("names", root, edits, {key.text: key for key in touched})
        return done.root, done.grown

    def _change_parts(self, root: Stated, touched: list[Key]) -> Stated:
        load = self._load_page("snapshot")
        edits = renewed_parts(root, touched, load, lambda key: names_after(self._db, key), self.folder.stream)
        return self._edit("snapshot", root, edits).root

    def _edit(
        self, tree: str, root: Stated, edits: dict[str, Stated | None], keys: dict[str, Key] | None = None
    ) -> Edited:
        """Edit one of the lists, and drop the files and pages that it lists no more."""
        done = edit(root, edits, self._load_page(tree), self._put_page(tree))
        for entry in done.replaced.values():
            self.folder.drop(_path_in(tree, entry, keys or {}))
        for stated in done.dropped:
            self.folder.drop(page_path(tree, stated.sha256))
        return done

    def _store(self, event: Event) -> Stated | None:
        """Put the record that began in place; gives what it is."""
        if event.doc is None:
            return None
        stated = Stated.of(event.doc)
        self.folder.put(record_path(stated.sha256), event.doc)
        self._records += 1
        self._progress(1)
        return stated

    def _put_name(self, name: Name) -> Stated:
        raw = name_file(name)
        stated = Stated.of(raw)
        self.folder.put(name_path(name.key, stated.sha256), raw)
        return stated

    def _put_page(self, tree: str) -> Callable[[bytes], Stated]:
        def put(raw: bytes) -> Stated:
            stated = Stated.of(raw)
            self.folder.put(page_path(tree, stated.sha256), raw)
            return stated

        return put

    def _load_page(self, tree: str) -> Callable[[Stated], Page]:
        def load(stated: Stated) -> Page:
            path = page_path(tree, stated.sha256)
            raw = self.folder.read(path, stated)
            try:
                return Page.read(raw)
            except ValueError as error:
                raise self.folder.damaged(path, got=str(error), expected="a page") from error

        return load

    def _finish(
        self, roots: dict[str, Stated], *, is_open: bool, kinds: dict[str, int], names: int, files: int
    ) -> Front:
        """Put `index.json` in place, which makes all the rest count; gives what it says."""
        told = commit_at(self._db, self._position.seq)
        front = Front(
            uid=self._uid,
            name=_name_in(registry_document(self._db)),
            commit=self._position.commit,
            seq=self._position.seq,
            time=told.time if told else "",
            kinds=kinds,
            names=names,
            commits=self._position.seq,
            files=files + self._records + self.folder.grown(),
            is_open=is_open,
            roots=roots,
        )
        self.folder.swap(front.written())
        return front


def _name_in(doc: bytes | None) -> str:
    """Give the name that a registry's record says; none where the record cannot be read."""
    return str(orjson.loads(doc)["metadata"]["name"]) if doc else ""


def _path_in(tree: str, entry: Entry, keys: dict[str, Key]) -> str:
    if tree == "names":
        return name_path(keys[entry.key], entry.sha256)
    if tree == "changes":
        return segment_path(*segment_span(entry.key), entry.sha256)
    return part_path(entry.sha256)
