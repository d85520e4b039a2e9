"""The snapshot: every record that holds, as gzipped NDJSON in parts of some hundred names each.

- A line is a record's bytes as they are served; its SHA-256 is the digest by which lists and the feed name it.
- Records come in the order of names, versions highest first, aliases behind the versions of their name.
- Where a part ends depends on the name there alone, so a change makes one part anew. The same records give the same
  bytes: no time, no file name, one level of compression.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gitreg_indexer.publishing.feed import Stream
from gitreg_indexer.publishing.layout import Key, Stated, ends_part, part_path
from gitreg_indexer.publishing.pages import Load, find, last, last_before, walk
from gitreg_indexer.publishing.states import Name

_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Gzip with no flags, no time and an unknown system (RFC 1952)."""
_LEVEL: Final = 6


class Parts:
    """Writes parts of the snapshot."""

    def __init__(self, new_stream: Callable[[], Stream]) -> None:
        self._new_stream = new_stream
        self._open: _Gzip | None = None
        self._last = ""

    def add(self, name: Name) -> tuple[str, Stated] | None:
        """Add the next name; gives the part that ends with it, under its key."""
        if self._open is None:
            self._open = _Gzip(self._new_stream())
        for record in name.records:
            self._open.write(record.doc)
        self._last = name.key.text
        return self.close() if ends_part(self._last) else None

    def close(self) -> tuple[str, Stated] | None:
        """End the part that is open; gives it under its key."""
        if self._open is None:
            return None
        stated, self._open = self._open.finish(), None
        return self._last, stated


class _Gzip:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._size = 0
        stream.write(_HEAD)

    def write(self, doc: bytes) -> None:
        line = doc + b"\n"
        self._crc = zlib.crc32(line, self._crc)
        self._size += len(line)
        self._stream.write(self._deflate.compress(line))

    def finish(self) -> Stated:
        self._stream.write(self._deflate.flush() + struct.pack("<LL", self._crc, self._size & 0xFFFFFFFF))
        return self._stream.finish(part_path)


def renewed_parts(
    root: Stated,
    touched: Iterable[Key],
    load: Load,
    names_after: Callable[[Key | None], Iterator[Name]],
    new_stream: Callable[[], Stream],
) -> dict[str, Stated | None]:
    """Write the parts anew in which something was touched; gives what changes in the list of parts.

    Names are read from the start of such a part until a part ends where one has ended before.
    """
    edits: dict[str, Stated | None] = {}
    done: str | None = ""
    for key in touched:
        if done is None:
            break
        if key.text > done:
            start = _start_of(root, key.text, load)
            done = _renew(root, key.text, start, load, names_after(_key_of(start)), Parts(new_stream), edits)
    return edits


def _start_of(root: Stated, key: str, load: Load) -> str | None:
    """Give the key after which the part begins where a key belongs; None for the very first."""
    newest = last(root, load)
    return last_before(root, min(key, newest.key) if newest else key, load)


def _key_of(text: str | None) -> Key | None:
    return Key(*text.split(" ")) if text is not None else None


def _renew(
    root: Stated,
    key: str,
    start: str | None,
    load: Load,
    names: Iterator[Name],
    parts: Parts,
    edits: dict[str, Stated | None],
) -> str | None:
    """Write parts until one ends, behind a key, where one has ended before; gives that end, None for the last."""
    written: dict[str, Stated] = {}
    end: str | None = None
    for name in names:
        ended = parts.add(name)
        if ended is not None:
            written[ended[0]] = ended[1]
            if ended[0] >= key and find(root, ended[0], load) is not None:
                end = ended[0]
                break
    rest = parts.close()
    if rest is not None:
        written[rest[0]] = rest[1]
    for entry in walk(root, load, start or ""):
        if end is not None and entry.key > end:
            break
        if entry.key != start:
            edits[entry.key] = None
    edits.update(written)
    return end
