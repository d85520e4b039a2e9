"""How a published registry is laid out: the paths of its files, the keys of its lists, and where lists are cut.

- Every file but `index.json` carries its SHA-256 in its path or name, so what a path holds never changes.
- A path is made of a key, digests and numbers that were checked; no path is ever taken from a file.
- The order of keys is that of their text and that of (word, namespace, name) alike: a blank sorts before all else.
- Where a list is cut depends on the key there and on nothing else: the same registry gives the same files, however
  it came about, and a change moves no cut but its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

from gitreg.refs import KINDS, Ref

FORMAT: Final = "gitreg-published/1"
ENTRY: Final = "index.json"
FOLDERS: Final = ("changes", "names", "pages", "records", "snapshot")
"""The folders of a published registry; nothing else in them stays."""
TREES: Final = ("names", "changes", "snapshot")
PAGE_BITS: Final = 7
"""A page lists 2^7 entries on average."""
PART_BITS: Final = 8
"""A part of the snapshot holds 2^8 names on average."""
SEGMENT_COMMITS: Final = 256
SEGMENT_CHANGES: Final = 4096
"""A segment of the feed ends after the commit that brings it to so many commits, or to so many changes."""
LINKS: Final = {
    "record": "records/sha256/{first two digits}/{other digits}.json",
    "name": "names/{kind}/{namespace}/{name}.{sha256}.ndjson",
    "page": "pages/{names, changes or snapshot}/{sha256}.json",
    "segment": "changes/{first seq}-{last seq}.{sha256}.ndjson",
    "part": "snapshot/{sha256}.ndjson.gz",
}
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_WORDS: Final = {kind: place.word for kind, place in KINDS.items()}
_NAMESPACE: Final = _WORDS["Namespace"]


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file must be, as its parent says."""

    sha256: str
    size: int

    def __str__(self) -> str:
        return f"{self.size} bytes, sha256:{self.sha256}"

    @classmethod
    def of(cls, data: bytes) -> Stated:
        """State what some bytes are."""
        return cls(sha256(data).hexdigest(), len(data))

    @classmethod
    def read(cls, found: Any) -> Stated:
        """Take a statement out of JSON data; ValueError where it is none."""
        if not isinstance(found, dict):
            raise ValueError(f"{found!r} is not a file's digest and size")  # noqa: TRY004 - as of any wrong text
        return cls.checked(found.get("sha256"), found.get("size"))

    @classmethod
    def checked(cls, digest: Any, size: Any) -> Stated:
        """Make a statement of a digest and a size; ValueError where they are none."""
        if not isinstance(digest, str) or not _DIGEST.match(digest):
            raise ValueError(f"{digest!r} is not a SHA-256 in hex")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"{size!r} is not a size")
        return cls(digest, size)


class Key(NamedTuple):
    """A name under which versions stand, or a record without versions."""

    word: str
    namespace: str
    name: str

    @property
    def text(self) -> str:
        """Give it as lists have it."""
        return " ".join(self)

    @classmethod
    def of(cls, ref: Ref) -> Key:
        """Give the key of what a ref names; aliases stand with the name that they belong to."""
        return cls(_WORDS[ref.of if ref.kind == "Aliases" and ref.of else ref.kind], ref.namespace, ref.name)

    @classmethod
    def of_columns(cls, kind: str, namespace: str, name: str) -> Key:
        """Give the key of a fact, from the catalog's columns."""
        if kind == "Aliases":
            kind, _, name = name.partition("/")
        return cls(_WORDS[kind], namespace, name)


def name_path(key: Key, digest: str) -> str:
    """Give the path of a name's file."""
    place = key.name if key.word == _NAMESPACE or not key.namespace else f"{key.namespace}/{key.name}"
    return f"names/{key.word}/{place}.{digest}.ndjson"


def record_path(digest: str) -> str:
    """Give the path of a record."""
    return f"records/sha256/{digest[:2]}/{digest[2:]}.json"


def page_path(tree: str, digest: str) -> str:
    """Give the path of a page of one of the lists."""
    return f"pages/{tree}/{digest}.json"


def segment_path(first: int, last: int, digest: str) -> str:
    """Give the path of a segment of the feed."""
    return f"changes/{seq_text(first)}-{seq_text(last)}.{digest}.ndjson"


def segment_key(first: int, last: int) -> str:
    """Give the key of a segment; segments sort by their last commit, so the one that holds a seq is found by it."""
    return f"{seq_text(last)} {seq_text(first)}"


def segment_span(key: str) -> tuple[int, int]:
    """Read the first and the last seq off a segment's key; ValueError where it is none."""
    last, _, first = key.partition(" ")
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError(f"{key!r} is not the key of a segment")
    return int(first), int(last)


def seq_text(seq: int) -> str:
    """Give a seq so that texts sort as numbers do."""
    return f"{seq:012}"


def part_path(digest: str) -> str:
    """Give the path of a part of the snapshot."""
    return f"snapshot/{digest}.ndjson.gz"


def ends_page(key: str, level: int) -> bool:
    """Tell whether a page of a level ends with a key."""
    return _is_cut(key, PAGE_BITS * (level + 1))


def ends_part(key: str) -> bool:
    """Tell whether a part of the snapshot ends with a key."""
    return _is_cut(key, PART_BITS)


def _is_cut(key: str, bits: int) -> bool:
    """Tell whether a key's digest ends with so many zero bits."""
    return int.from_bytes(sha256(key.encode()).digest(), "big") & ((1 << bits) - 1) == 0
