"""A published registry, read: from `index.json` by digests to the record that a ref means.

- Every file is checked against what its parent says of it; a wrong byte is an error that names the file, never half an
  answer.
- An answer is of one state: where files of an older state are gone, the reader begins anew with the newest.
- `index.json` is asked for anew each time, with its ETag; all else is named by digest and asked for once.
- Paths are made of the ref that was asked and of digests; no path is taken from what is served.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson

from gitreg.errors import NotFoundError
from gitreg.refs import Ref
from gitreg_indexer.published.cache import Cache, Kept
from gitreg_indexer.published.lines import Line, Told, chosen_line, no_such, read_commit, read_line
from gitreg_indexer.published.origins import AbsentError, Origin, UnreachableError, origin_at
from gitreg_indexer.publishing.errors import DamagedError
from gitreg_indexer.publishing.front import Front
from gitreg_indexer.publishing.layout import (
    ENTRY,
    Key,
    Stated,
    name_path,
    page_path,
    part_path,
    record_path,
    segment_path,
    segment_span,
    seq_text,
)
from gitreg_indexer.publishing.pages import Page, find, walk

MAX_ENTRY: Final = 1 << 20
MAX_RECORD: Final = 16 << 20
MAX_PAGE: Final = 16 << 20
MAX_NAME: Final = 256 << 20
MAX_FILE: Final = 2 << 30
"""Bytes that a segment or a part may have."""
ROUNDS: Final = 5
"""How often a reader begins anew while somebody publishes."""

T = TypeVar("T")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it is served, and the commit that the answer is of."""

    doc: bytes
    commit: str
    seq: int


class Published:
    """A published registry at a URL or in a folder."""

    def __init__(self, origin: Origin, cache: Cache | None = None, *, tell: Tell = lambda _: None) -> None:
        self._origin = origin
        self._cache = cache
        self._tell = tell
        self._front: Front | None = None
        self._is_offline = False

    @classmethod
    def at(cls, url: str, *, tell: Tell = lambda _: None) -> Published:
        """Open what is published at a URL or in a folder; `tell` is called with remarks."""
        origin = origin_at(url)
        cache = Cache.of_user(origin.where) if origin.is_remote else None
        return cls(origin, cache, tell=tell)

    def close(self) -> None:
        """Let go of connections."""
        self._origin.close()

    # What is asked

    def front(self) -> Front:
        """Tell what is published now; it is asked for once, until somebody publishes in between."""
        if self._front is None:
            self._front = self._current()
        return self._front

    def refresh(self) -> Front:
        """Ask again what is published now."""
        self._front = None
        return self.front()

    def ask(self, ref: Ref) -> Found:
        """Find the record that a ref means; `NotFoundError` says what there is instead."""
        return self.steadily(lambda front: self._ask(front, ref))

    def lines(self, front: Front, key: Key) -> tuple[Line, ...]:
        """Give what stands under a name: its versions, highest first, and its aliases; nothing where it is unknown."""
        entry = find(front.roots["names"], key.text, self._load("names"))
        if entry is None:
            return ()
        path = name_path(key, entry.sha256)
        raw = self.read(path, entry.stated, limit=MAX_NAME)
        return tuple(self._parsed(path, read_line, line) for line in raw.splitlines())

    def record(self, stated: Stated) -> bytes:
        """Give a record by its digest."""
        return self.read(record_path(stated.sha256), stated, limit=MAX_RECORD)

    def snapshot(self, front: Front) -> Iterator[bytes]:
        """Give every record that holds, in the order of names."""
        for entry in walk(front.roots["snapshot"], self._load("snapshot")):
            path = part_path(entry.sha256)
            raw = self.read(path, entry.stated, limit=MAX_FILE, keep=False)
            yield from self._unpacked(path, raw)

    def changes(self, front: Front, since: int = 0) -> Iterator[Told]:
        """Give the commits after a seq, each with what it changed."""
        for entry in walk(front.roots["changes"], self._load("changes"), seq_text(since + 1)):
            first, last = self._parsed(page_path("changes", front.roots["changes"].sha256), segment_span, entry.key)
            path = segment_path(first, last, entry.sha256)
            for line in self.read(path, entry.stated, limit=MAX_FILE, keep=False).splitlines():
                told = self._parsed(path, read_commit, line)
                if told.seq > since:
                    yield told

    def steadily(self, work: Callable[[Front], T]) -> T:
        """Do something that reads several files, anew where somebody has published in between."""
        front = self.front()
        for _ in range(ROUNDS):
            try:
                return work(front)
            except (AbsentError, DamagedError) as error:
                newer = self._newer(front)
                if newer is None:
                    raise self._missing(error) from error
                front = newer
        return work(front)

    # How it is found

    def _ask(self, front: Front, ref: Ref) -> Found:
        lines = self.lines(front, Key.of(ref))
        if not lines:
            raise self._unknown(front, ref)
        line = chosen_line(ref, lines)
        doc, path = self.record(line.stated), record_path(line.stated.sha256)
        told = self._parsed(path, _ref_in, doc)
        if told != line.ref:
            raise self._damaged(path, got=told, expected=line.ref)
        return Found(doc, front.commit, front.seq)

    def _unknown(self, front: Front, ref: Ref) -> NotFoundError:
        from difflib import get_close_matches

        word, namespace, name = Key.of(ref)
        prefix = f"{word} {namespace} "
        known: list[str] = []
        for entry in walk(front.roots["names"], self._load("names"), prefix):
            if not entry.key.startswith(prefix) or len(known) == 5000:
                break
            known.append(entry.key.removeprefix(prefix))
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {f'{namespace}/' if namespace else ''}{near[0]}? " if near and near[0] != name else ""
        hint += f"check the name; what is published there is of commit {front.commit[:12]} (seq {front.seq})"
        return no_such(ref, where=self._origin.where, hint=hint)

    def read(self, path: str, stated: Stated, *, limit: int, keep: bool = True) -> bytes:
        """Read a file that must be as stated: from the cache, or from where it is served."""
        if stated.size > limit:
            raise self._damaged(path, got=f"{stated.size} bytes", expected=f"at most {limit} bytes")
        cache = self._cache if keep else None
        kept = cache.get(path, stated) if cache else None
        if kept is not None:
            return kept
        raw = self._served(path, stated)
        if cache:
            cache.put(path, stated, raw)
        return raw

    def _served(self, path: str, stated: Stated) -> bytes:
        if self._is_offline:
            raise UnreachableError(
                "the server cannot be reached, and the copy that is kept does not have this",
                where=self._origin.place(path),
                mend="try again when the server can be reached",
            )
        found = b""
        for anew in (False, True):  # a cache on the way may have kept half a file
            found = self._origin.fetch(path, stated.size, anew=anew).body or b""
            if Stated.of(found) == stated:
                return found
        got = str(Stated.of(found)) if len(found) <= stated.size else f"more than {stated.size} bytes"
        raise self._damaged(path, got=got, expected=str(stated))

    def _load(self, tree: str) -> Callable[[Stated], Page]:
        def load(stated: Stated) -> Page:
            path = page_path(tree, stated.sha256)
            return self._parsed(path, Page.read, self.read(path, stated, limit=MAX_PAGE))

        return load

    def _unpacked(self, path: str, raw: bytes) -> Iterator[bytes]:
        """Give the lines of a part, a bounded piece at a time."""
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        rest = b""
        try:
            while raw or not inflate.eof:
                rest += inflate.decompress(raw, 1 << 20)
                raw = inflate.unconsumed_tail
                *lines, rest = rest.split(b"\n")
                yield from lines
                if len(rest) > MAX_RECORD or (not raw and not inflate.eof):
                    raise self._damaged(path, got="a part that does not end", expected="records as lines, gzipped")
        except zlib.error as error:
            raise self._damaged(path, got=str(error), expected="gzip") from error

    # The entry

    def _current(self) -> Front:
        kept, front = self._kept()
        try:
            return self._fetched(kept)
        except UnreachableError as error:
            if kept is None or front is None:
                raise
            self._is_offline = True
            self._tell(
                f"{self._origin.where} cannot be reached ({error.got}): "
                f"answering from the copy of {kept.fetched}, commit {front.commit[:12]} (seq {front.seq})"
            )
            return front

    def _kept(self) -> tuple[Kept, Front] | tuple[None, None]:
        """Give the copy of `index.json` that is kept, if this version of gitreg can read it."""
        kept = self._cache.entry() if self._cache else None
        if kept is None:
            return None, None
        try:
            return kept, Front.read(kept.raw)
        except ValueError:
            return None, None

    def _fetched(self, kept: Kept | None, *, anew: bool = False) -> Front:
        try:
            fetched = self._origin.fetch(ENTRY, MAX_ENTRY, etag=kept.etag if kept and not anew else None, anew=anew)
        except AbsentError as error:
            raise NotFoundError(
                "no registry is published there",
                where=self._origin.place(ENTRY),
                mend="check the URL: it is the folder that `gitreg publish` wrote",
            ) from error
        self._is_offline = False
        raw, etag = fetched.body or b"", fetched.etag
        if fetched.body is None and kept is not None:
            raw, etag = kept.raw, kept.etag
        if len(raw) > MAX_ENTRY:
            raise self._damaged(ENTRY, got=f"more than {MAX_ENTRY} bytes", expected=f"at most {MAX_ENTRY} bytes")
        front = self._parsed(ENTRY, Front.read, raw)
        if self._cache:
            self._cache.keep_entry(raw, etag)
        return front

    def _newer(self, front: Front) -> Front | None:
        """Give what is published now, if that is something else."""
        if self._is_offline:
            return None
        newer = self._fetched(None, anew=True)
        self._front = newer
        return newer if newer != front else None

    # What is wrong

    def _parsed(self, path: str, read: Callable[[Any], T], raw: Any) -> T:
        try:
            return read(raw)
        except ValueError as error:
            raise self._damaged(path, got=str(error), expected="a file that `gitreg publish` wrote") from error

    def _damaged(self, path: str, *, got: str, expected: str) -> DamagedError:
        return DamagedError(
            "a published file is not what it must be",
            where=self._origin.place(path),
            got=got,
            expected=expected,
            mend="clear the caches in front of the server; then run `gitreg publish --whole` where it is published",
        )

    def _missing(self, error: AbsentError | DamagedError) -> AbsentError | DamagedError:
        if isinstance(error, DamagedError):
            return error
        return DamagedError(
            "a published file is not there",
            where=error.where,
            got="nothing",
            mend="wait for the copy to the server to end; else run `gitreg publish --whole` where it is published",
        )


def _ref_in(doc: bytes) -> str:
    """Read the ref off a record; ValueError where it is none."""
    data = orjson.loads(doc)
    try:
        return str(data["registry"]["ref"])
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("it is not a record") from error
