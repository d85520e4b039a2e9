"""The change feed: NDJSON, a line for each commit of main with what it did to records.

- A segment ends after the commit that makes it full, and is then never written again; the last one is open.
- Where segments end depends on the history alone: following it commit by commit gives the same segments.
- A line is written as its changes come; a commit of a million changes is not held.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import orjson

from gitreg_indexer.publishing.layout import SEGMENT_CHANGES, SEGMENT_COMMITS, Stated, segment_key, segment_path
from gitreg_indexer.publishing.names import DIGEST
from gitreg_indexer.publishing.states import Event, Told

Store = Callable[[Event], Stated | None]
"""Stores the record that began and gives what it is; None where one ended."""


class Stream(Protocol):
    """A file that is written piece by piece, and gets its name when its digest is known."""

    def write(self, data: bytes) -> None:
        """Add to it."""

    def finish(self, path_of: Callable[[str], str]) -> Stated:
        """Put it in place, at the path for its digest."""


@dataclass
class _Open:
    """The segment that is being written."""

    stream: Stream
    first: int
    commits: int = 0
    changes: int = 0

    @property
    def is_full(self) -> bool:
        return self.commits >= SEGMENT_COMMITS or self.changes >= SEGMENT_CHANGES


class Feed:
    """Writes the feed's segments; `ended` is told of each that was put in place, with its key."""

    def __init__(self, new_stream: Callable[[], Stream], ended: Callable[[str, Stated], None]) -> None:
        self._new_stream = new_stream
        self._ended = ended
        self._open: _Open | None = None
        self._last = 0

    @property
    def is_open(self) -> bool:
        """Tell whether the last segment goes on with the next commit."""
        return self._open is not None

    def go_on(self, raw: bytes) -> None:
        """Go on with the feed's last segment, which is open."""
        lines = [orjson.loads(line) for line in raw.splitlines()]
        changes = sum(len(line["changes"]) for line in lines)
        self._open = _Open(self._new_stream(), lines[0]["seq"], len(lines), changes)
        self._open.stream.write(raw)
        self._last = lines[-1]["seq"]

    def follow(self, told: Iterable[Told], events: Iterable[Event], store: Store) -> None:
        """Write commits and what they did; `store` is asked for each record that began or ended."""
        both: Iterator[Told | Event] = heapq.merge(told, events, key=_moment)
        for _, found in groupby(both, key=lambda each: each.seq):
            self._follow(found, store)

    def _follow(self, found: Iterator[Told | Event], store: Store) -> None:
        first = next(found)
        if isinstance(first, Told):
            self._tell(first, _changes(_events(found), store))
            return
        store(first)  # the index knows nothing of that commit but what began with it
        for event in _events(found):
            store(event)

    def close(self) -> None:
        """Put the open segment in place."""
        if self._open is not None:
            self._end(self._open)

    def _tell(self, told: Told, changes: Iterator[bytes]) -> None:
        segment = self._open = self._open or _Open(self._new_stream(), told.seq)
        head = orjson.dumps({**told._asdict(), "changes": []})
        segment.stream.write(head.removesuffix(b"]}"))
        separator = b""
        for change in changes:
            segment.stream.write(separator + change)
            segment.changes += 1
            separator = b","
        segment.stream.write(b"]}\n")
        segment.commits += 1
        self._last = told.seq
        if segment.is_full:
            self._end(segment)

    def _end(self, segment: _Open) -> None:
        first, last = segment.first, self._last
        stated = segment.stream.finish(lambda digest: segment_path(first, last, digest))
        self._ended(segment_key(first, last), stated)
        self._open = None


def _moment(each: Told | Event) -> tuple[int, str]:
    return each.seq, each.path if isinstance(each, Event) else ""


def _events(found: Iterable[Told | Event]) -> Iterator[Event]:
    return (each for each in found if isinstance(each, Event))


def _changes(events: Iterator[Event], store: Store) -> Iterator[bytes]:
    """Tell what became of each record: what ended and began at one path under one ref has changed."""
    for _, found in groupby(events, key=lambda event: event.path):
        told: dict[str, list[Event]] = {}
        for event in found:
            told.setdefault(event.ref, []).append(event)
        for ref, stages in told.items():
            now = stages[-1]
            word = "removed" if now.doc is None else "changed" if len(stages) > 1 else "added"
            stated = store(now)
            digest, size = (DIGEST + stated.sha256, stated.size) if stated else (None, None)
            yield orjson.dumps({"change": word, "ref": ref, "path": now.path, "digest": digest, "size": size})
