"""Long lists as pages: an ordered map from keys to files that is looked up in a few small steps and edited in place.

- A page ends with a key that says so by its digest (`layout.ends_page`), so a list has one form, however it came
  about; editing it writes the pages on the way to what changed, and no other.
- Level 0 lists files; each level above lists the pages below it, each under its last key. The root is the first
  level that has one page.
- Pages are named by their digest; they are read and written through functions that are given.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson

from gitreg_indexer.publishing.errors import DamagedError
from gitreg_indexer.publishing.layout import Stated, ends_page

Load = Callable[[Stated], "Page"]
Put = Callable[[bytes], Stated]
MAX_LEVEL: Final = 16
"""No list is so long that it has pages of a higher level."""


class Entry(NamedTuple):
    """A file, or a page, under its key."""

    key: str
    sha256: str
    size: int

    @property
    def stated(self) -> Stated:
        """Give what the file must be."""
        return Stated(self.sha256, self.size)

    @classmethod
    def of(cls, key: str, stated: Stated) -> Entry:
        """Put a file under a key."""
        return cls(key, stated.sha256, stated.size)


@dataclass(frozen=True)
class Page:
    """Some entries in the order of their keys."""

    level: int
    entries: tuple[Entry, ...]

    @cached_property
    def keys(self) -> list[str]:
        """Give the keys, in order."""
        return [entry.key for entry in self.entries]

    def written(self) -> bytes:
        """Give the page as a file."""
        entries = [tuple(entry) for entry in self.entries]
        return orjson.dumps({"level": self.level, "entries": entries}, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, raw: bytes) -> Page:
        """Read a page; ValueError where it is none."""
        data = orjson.loads(raw)
        entries = data.get("entries") if isinstance(data, dict) else None
        if not isinstance(entries, list) or not isinstance(data.get("level"), int):
            raise ValueError("it is not a page")  # noqa: TRY004 - as of any wrong text
        if not 0 <= data["level"] <= MAX_LEVEL:
            raise ValueError(f"there is no level {data['level']}")
        page = cls(data["level"], tuple(_entry(found) for found in entries))
        if page.level > 0 and not page.entries:
            raise ValueError("it lists nothing")
        if any(left >= right for left, right in zip(page.keys, page.keys[1:], strict=False)):
            raise ValueError("its keys are not in order")
        return page


def _entry(found: Any) -> Entry:
    if not isinstance(found, list) or len(found) != 3 or not isinstance(found[0], str):
        raise ValueError(f"{found!r} is not an entry")
    return Entry.of(found[0], Stated.checked(found[1], found[2]))


class Builder:
    """Makes a list of entries that come in the order of their keys."""

    def __init__(self, put: Put, level: int = 0) -> None:
        self._put = put
        self._level = level
        self._open: list[Entry] = []
        self._first: Entry | None = None
        self._above: Builder | None = None

    def add(self, entry: Entry) -> None:
        """Add the next entry."""
        self._open.append(entry)
        if ends_page(entry.key, self._level):
            self._end_page()

    def close(self) -> Stated:
        """End the list; gives its root."""
        if self._open or self._first is None:
            self._end_page()
        if self._above is not None:
            return self._above.close()
        assert self._first is not None  # noqa: S101 - a page has ended just now, or before
        return self._first.stated

    def _end_page(self) -> None:
        entries, self._open = tuple(self._open), []
        stated = self._put(Page(self._level, entries).written())
        page = Entry.of(entries[-1].key if entries else "", stated)
        if self._first is None:
            self._first = page
            return
        if self._above is None:
            self._above = Builder(self._put, self._level + 1)
            self._above.add(self._first)
        self._above.add(page)


def find(root: Stated, key: str, load: Load) -> Entry | None:
    """Find what stands under a key."""
    found = first_from(root, key, load)
    return found if found is not None and found.key == key else None


def first_from(root: Stated, key: str, load: Load) -> Entry | None:
    """Find the first entry that does not come before a key."""
    return next(walk(root, load, key), None)


def walk(root: Stated, load: Load, start: str = "") -> Iterator[Entry]:
    """Give the entries in order, from the first that does not come before `start`."""
    yield from _walk(load(root), load, start)


def _walk(page: Page, load: Load, start: str) -> Iterator[Entry]:
    for entry in page.entries[bisect_left(page.keys, start) :]:
        if page.level == 0:
            yield entry
        else:
            yield from _walk(below(page, entry, load), load, start)


def below(page: Page, entry: Entry, load: Load) -> Page:
    """Load a page that another one lists; `DamagedError` where it is not of the level below."""
    child = load(entry.stated)
    if child.level != page.level - 1 or not child.entries or child.keys[-1] != entry.key:
        raise DamagedError(
            "a page does not belong where it is listed",
            where=f"the page with sha256:{entry.sha256}",
            got=f"level {child.level}, up to {child.keys[-1:]}",
            expected=f"level {page.level - 1}, up to {entry.key!r}",
            mend="run `gitreg publish --whole` where it is published",
        )
    return child


def last_before(root: Stated, key: str, load: Load) -> str | None:
    """Give the last key that comes before another."""
    page, best = load(root), None
    while True:
        place = bisect_left(page.keys, key)
        if place > 0:
            best = page.keys[place - 1]
        if page.level == 0 or place == len(page.entries):
            return best
        page = below(page, page.entries[place], load)


def last(root: Stated, load: Load) -> Entry | None:
    """Give the last entry."""
    page = load(root)
    while page.level > 0:
        page = below(page, page.entries[-1], load)
    return page.entries[-1] if page.entries else None


@dataclass
class Edited:
    """What editing came to: the new root, the entries that went or were replaced, pages that are listed no more."""

    root: Stated
    replaced: dict[str, Entry] = field(default_factory=dict)
    dropped: set[Stated] = field(default_factory=set)
    grown: int = 0
    """By how many entries the list became longer."""


def edit(root: Stated, edits: Mapping[str, Stated | None], load: Load, put: Put) -> Edited:
    """Put files under keys, and take away those whose file is None; what is not there is taken away already."""
    return _Editing(root, load, put).run(edits)


class _Editing:
    def __init__(self, root: Stated, load: Load, put: Put) -> None:
        self._load = load
        self._put = put
        self._top = load(root)
        self._root = Entry.of(self._top.keys[-1] if self._top.entries else "", root)
        self._loaded: dict[Stated, Page] = {root: self._top}
        self._written: dict[Stated, bytes] = {}
        self.done = Edited(root)

    def run(self, edits: Mapping[str, Stated | None]) -> Edited:
        changes = {key: Entry.of(key, stated) if stated else None for key, stated in edits.items()}
        if not changes:
            return self.done
        for level in range(self._top.level + 1):
            changes = self._edit_level(level, changes)
        self.done.root = self._settle([entry for _, entry in sorted(changes.items()) if entry is not None])
        self._collapse()
        for stated, raw in self._written.items():
            if stated not in self.done.dropped:
                self._put(raw)
        self.done.dropped -= self._written.keys()
        return self.done

    def _edit_level(self, level: int, changes: Mapping[str, Entry | None]) -> dict[str, Entry | None]:
        """Edit the pages of one level; gives what changes in the level above."""
        pending = deque(sorted(changes.items()))
        above: dict[str, Entry | None] = {}
        while pending:
            gone, entries = self._rewritten(level, pending)
            above.update(dict.fromkeys(gone))
            for page in _cut(entries, level):
                above[page.keys[-1]] = Entry.of(page.keys[-1], self._write(page.written()))
        return above

    def _rewritten(self, level: int, pending: deque[tuple[str, Entry | None]]) -> tuple[list[str], list[Entry]]:
        """Take the pages from the one where the next change falls up to a cut; gives their keys and new entries."""
        gone: list[str] = []
        entries: list[Entry] = []
        for page, is_last in self._pages(level, pending[0][0]):
            gone.append(page.key)
            self.done.dropped.add(page.stated)
            entries += self._merged(self._page(page.stated), pending, None if is_last else page.key)
            if not entries or ends_page(entries[-1].key, level):
                break
        return gone, entries

    def _merged(self, page: Page, pending: deque[tuple[str, Entry | None]], until: str | None) -> list[Entry]:
        merged = {entry.key: entry for entry in page.entries}
        while pending and (until is None or pending[0][0] <= until):
            key, entry = pending.popleft()
            old = merged.pop(key, None)
            if entry is not None:
                merged[key] = entry
            if page.level == 0:
                self.done.grown += (entry is not None) - (old is not None)
                if old is not None:
                    self.done.replaced[key] = old
        return [merged[key] for key in sorted(merged)]

    def _pages(self, level: int, start: str) -> Iterator[tuple[Entry, bool]]:
        """Give the pages of a level from the one where a key belongs; and of each, whether it is the level's last."""
        if level == self._top.level:
            yield self._root, True
        else:
            yield from self._under(self._top, level, start, is_last=True)

    def _under(self, page: Page, level: int, start: str, *, is_last: bool) -> Iterator[tuple[Entry, bool]]:
        end = len(page.entries) - 1
        for place in range(min(bisect_left(page.keys, start), end), end + 1):
            entry, ends = page.entries[place], is_last and place == end
            if page.level == level + 1:
                yield entry, ends
            else:
                yield from self._under(self._page(entry.stated), level, start, is_last=ends)

    def _settle(self, top: list[Entry]) -> Stated:
        """Give the root of what is left of the highest level: its one page, or what is built above several."""
        if len(top) == 1:
            return top[0].stated
        builder = Builder(self._write, self._top.level + 1 if top else 0)
        for entry in top:
            builder.add(entry)
        return builder.close()

    def _collapse(self) -> None:
        """Go down from a root that lists one page only."""
        page = self._page(self.done.root)
        while page.level > 0 and len(page.entries) == 1:
            if self._written.pop(self.done.root, None) is None:
                self.done.dropped.add(self.done.root)
            self.done.root = page.entries[0].stated
            page = self._page(self.done.root)

    def _page(self, stated: Stated) -> Page:
        if stated in self._written:
            return Page.read(self._written[stated])
        if stated not in self._loaded:
            self._loaded[stated] = self._load(stated)
        return self._loaded[stated]

    def _write(self, raw: bytes) -> Stated:
        """Make a page; it is put in place when it is known to stay."""
        stated = Stated.of(raw)
        self._written[stated] = raw
        return stated


def _cut(entries: Iterable[Entry], level: int) -> Iterator[Page]:
    page: list[Entry] = []
    for entry in entries:
        page.append(entry)
        if ends_page(entry.key, level):
            yield Page(level, tuple(page))
            page = []
    if page:
        yield Page(level, tuple(page))
