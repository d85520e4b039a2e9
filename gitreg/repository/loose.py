"""Reads loose objects, those that are a file each, without libgit2.

- libgit2 up to 1.9 never returns from one whose compressed data ends too early (libgit2 issue 7342), and writes beyond
  its memory for one that says it is shorter than it is (7177): a damaged file must be an error that names it.
- What is read is hashed. What is not there is left to libgit2.
"""

from __future__ import annotations

import time
import zlib
from contextlib import suppress
from hashlib import sha1
from pathlib import Path
from typing import Final

from pygit2.enums import ObjectType

_KINDS: Final = {
    b"commit": ObjectType.COMMIT,
    b"tree": ObjectType.TREE,
    b"blob": ObjectType.BLOB,
    b"tag": ObjectType.TAG,
}
_HEAD: Final = 64
"""More bytes than the kind and the size take."""
_HEAD_PACKED: Final = 512
"""More bytes of a file than hold those."""
_FRESH: Final = 0.5
"""Seconds for which it is remembered which folders there are: packed repositories have none."""


class LooseObjects:
    """The loose objects of one repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: frozenset[str] = frozenset()
        self._good_until = 0.0

    def read(self, oid: str) -> tuple[ObjectType, bytes] | None:
        """Read an object; None where it is no loose one, and `ValueError` where it is damaged."""
        raw = self._raw(oid)
        if raw is None:
            return None
        kind, size, unpacker, start = _opened(raw)
        data = _unpacked(unpacker, start, size)
        if not unpacker.eof or unpacker.unused_data or len(data) != size:
            raise ValueError(f"the data does not end where it should: {size} bytes, the header says")
        found = sha1(b"%s %d\0%s" % (kind, size, data), usedforsecurity=False).hexdigest()
        if found != oid:
            raise ValueError(f"the object's bytes hash to {found}")
        return _KINDS[kind], data

    def header(self, oid: str) -> tuple[ObjectType, int] | None:
        """Read the kind and the size of an object, without its bytes."""
        raw = self._raw(oid, _HEAD_PACKED)
        if raw is None:
            return None
        kind, size, _, _ = _opened(raw)
        return _KINDS[kind], size

    def _raw(self, oid: str, most: int = -1) -> bytes | None:
        now = time.monotonic()
        if now > self._good_until:
            self._folders = frozenset(found.name for found in self._listed() if len(found.name) == 2)
            self._good_until = now + _FRESH
        if oid[:2] not in self._folders:
            return None
        try:
            with (self._folder / oid[:2] / oid[2:]).open("rb") as file:
                return file.read(most)
        except FileNotFoundError:
            return None

    def _listed(self) -> list[Path]:
        with suppress(OSError):
            return list(self._folder.iterdir())
        return []


def _opened(raw: bytes) -> tuple[bytes, int, zlib._Decompress, bytes]:
    """Read the header; give what follows it as well, and what unpacks the rest."""
    unpacker = zlib.decompressobj()
    try:
        start = unpacker.decompress(raw, _HEAD)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    head, end, rest = start.partition(b"\0")
    kind, _, size = head.partition(b" ")
    if not end or kind not in _KINDS or not size.isdigit():
        raise ValueError("the object's header is damaged")
    return kind, int(size), unpacker, rest


def _unpacked(unpacker: zlib._Decompress, start: bytes, size: int) -> bytes:
    """Unpack the rest, and one byte more than there should be: it must not be there, and the checksum is read."""
    try:
        return start + unpacker.decompress(unpacker.unconsumed_tail, max(size - len(start), 0) + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
