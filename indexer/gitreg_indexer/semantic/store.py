"""The files that keep vectors: they only grow, and one small file says how far they count.

- `position.json` is replaced as a whole, after all that it speaks of has reached the disk. What lies beyond it was
  never said to be there: readers do not see it, the next writer cuts it off. So a kill at any moment leaves the state
  before or the state after.
- The vectors of different texts (`texts-*`: digest, bytes, length) are apart from the ids that have them (`facts-*`).
  A vector may be there before any id has it: what was embedded before a kill is not embedded again.
- Files are named by a mark of their own and never shrink below what counts, so that a reader's maps stay good
  while they are appended to, and while they are given up for others.
- The position comes before all other files and goes before them: files that it does not speak of are a damage where it
  is gone, else what a kill left.
- One process writes at a time: the caller holds the index's lock.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from gitreg.errors import GitregError
from gitreg_indexer.disk import mend_of
from gitreg_indexer.semantic.codes import Bytes, Floats

FORMAT: Final = 1
POSITION_FILE: Final = "position.json"
DIGEST_BYTES: Final = 16
FACTS: Final = "facts"
_PARTS: Final = ("codes", "lengths", "digests", FACTS)
_POSITION: Final = "position"
_CHUNK: Final = 1 << 24
_PATIENCE: Final = 3

Integers = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint64]


class BrokenVectorsError(GitregError):
    """The files are not what was written; they can be made again."""

    code = "broken-vectors"


class Fault(NamedTuple):
    """A file that is not what was written: which part of the vectors it holds, its name, what is wrong with it."""

    part: str
    file: str
    what: str


@dataclass(frozen=True, slots=True)
class Header:
    """How far the files count, and what they are of. `rows` are different texts, `items` ids that have one.

    `checks` are the CRC-32s of what counts of each file.
    """

    embedder: str = ""
    dimensions: int = 0
    instance: str = ""
    seq: int = 0
    rows: int = 0
    items: int = 0
    texts_mark: str = ""
    facts_mark: str = ""
    checks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_PARTS, 0))

    def file(self, part: str) -> str:
        """Name the file of a part."""
        return f"facts-{self.facts_mark}" if part == FACTS else f"texts-{self.texts_mark}.{part}"

    def size(self, part: str) -> int:
        """Tell how many bytes of a part count."""
        widths = {"codes": self.dimensions, "lengths": 4, "digests": DIGEST_BYTES, "facts": 16}
        return widths[part] * (self.items if part == FACTS else self.rows)

    def renewed(self, *, embedder: str | None = None) -> Header:
        """Give a header with no ids; of another embedder, with no texts either."""
        if embedder is None:
            checks = {**self.checks, FACTS: 0}
            return replace(self, instance="", seq=0, items=0, facts_mark=_mark(), checks=checks)
        return Header(embedder=embedder, texts_mark=_mark(), facts_mark=_mark())


@dataclass(frozen=True, slots=True)
class View:
    """What counted at one moment: it stays as it is while the files grow. `ids` ascend; `rows` are those of the ids."""

    header: Header
    codes: Bytes
    lengths: Floats
    digests: Digests
    ids: Integers
    rows: Integers

    def row_of(self, id_: int) -> int | None:
        """Give the row of an id."""
        at = int(np.searchsorted(self.ids, id_))
        return int(self.rows[at]) if at < len(self.ids) and self.ids[at] == id_ else None


class Store:
    """The files of vectors in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def header(self) -> Header:
        """Read how far the files count; an empty header where there are none."""
        with self._explained():
            try:
                raw = (self.folder / POSITION_FILE).read_bytes()
            except FileNotFoundError:
                return Header()
            return _header_in(raw)

    def view(self) -> View:
        """See what counts now."""
        missing = ""
        with self._explained():
            for _ in range(_PATIENCE):
                try:
                    return self._mapped(self.header())
                except FileNotFoundError as error:  # when others take a file's place, the header changes before it goes
                    missing = Path(error.filename).name
        raise self._broken(f"{missing} is not there")

    def _mapped(self, header: Header) -> View:
        texts = (header.rows, header.dimensions)
        codes = self._map(header, "codes", np.dtype(np.int8), texts)
        lengths = self._map(header, "lengths", np.dtype("<f4"), (header.rows,))
        digests = self._map(header, "digests", np.dtype("<u8"), (header.rows, 2))
        pairs = self._map(header, FACTS, np.dtype("<i8"), (header.items, 2))
        ids, rows = _latest(pairs)
        if len(rows) and (rows.min() < 0 or rows.max() >= header.rows):
            raise self._broken(f"{header.file(FACTS)} names vectors that are not there")
        return View(header, codes, lengths, digests, ids, rows)

    def _map(self, header: Header, part: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        if not header.size(part):
            return np.zeros(shape, kind)
        path = self.folder / header.file(part)
        if path.stat().st_size < header.size(part):
            raise self._broken(f"{path.name} has {path.stat().st_size} bytes, and {header.size(part)} were written")
        mapped: npt.NDArray[Any] = np.memmap(path, kind, "r", shape=shape)
        return mapped

    def faults(self) -> list[Fault]:
        """Read all that counts, and tell which files are not what was written.

        Files that are given up for others meanwhile are not there any more: look again where the header has changed.
        """
        with self._explained():
            files = list(self._files())
            if files and not (self.folder / POSITION_FILE).exists():
                return [Fault(_POSITION, POSITION_FILE, "it is missing, and nothing else tells what is in the others")]
        header = self.header()
        told = ((part, self._fault_of(header, part)) for part in _PARTS)
        return [Fault(part, header.file(part), what) for part, what in told if what is not None]

    def _fault_of(self, header: Header, part: str) -> str | None:
        left, check = header.size(part), 0
        if not left:
            return None
        path = self.folder / header.file(part)
        try:
            with path.open("rb") as file:
                while left and (raw := file.read(min(_CHUNK, left))):
                    left, check = left - len(raw), zlib.crc32(raw, check)
        except FileNotFoundError:
            return "it is missing"
        except OSError as error:
            return error.strerror or str(error)
        if left:
            return f"{left} bytes are missing at its end"
        return None if check == header.checks[part] else "its bytes are not those that were written"

    def drop_damaged(self) -> None:
        """Give up what is damaged: what facts have, and the vectors of texts as well where those are.

        The caller holds the lock of who writes.
        """
        try:
            damaged = {fault.part for fault in self.faults()}
            if damaged <= {FACTS}:
                self.keep(self.header().renewed())
                return
        except BrokenVectorsError:
            pass
        self.clear()

    @contextmanager
    def writing(self, header: Header) -> Iterator[Writer]:
        """Append to what counts; what was not kept by the writer's own word is not there."""
        with self._explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / POSITION_FILE).exists():
                _put_header(self.folder, header)
            self._sweep(self.header(), header)
            writer = Writer(self.folder, header)
            try:
                yield writer
            finally:
                writer.close()
            self._sweep(writer.header)

    def keep(self, header: Header) -> None:
        """Replace the position; files that it does not name go."""
        with self._explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            _put_header(self.folder, header)
            self._sweep(header)

    def clear(self) -> None:
        """Remove the files; the position goes first."""
        with self._explained():
            (self.folder / POSITION_FILE).unlink(missing_ok=True)
            self._sweep()

    def _sweep(self, *headers: Header) -> None:
        """Remove what no header names: a kill, or others that took their place, left it behind."""
        named = {header.file(part) for header in headers for part in _PARTS}
        for path in [*self._files(), *self.folder.glob("*.new")]:
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        for pattern in ("texts-*", "facts-*"):
            yield from self.folder.glob(pattern)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unusable(error) from error
        except ValueError as error:
            raise self._broken(str(error)) from error

    def _unusable(self, error: OSError) -> GitregError:
        return GitregError(
            "the vectors of semantic search cannot be used",
            where=str(self.folder),
            got=error.strerror or str(error),
            mend=mend_of(error),
        )

    def _broken(self, got: str) -> BrokenVectorsError:
        return BrokenVectorsError(
            "the vectors of semantic search are broken",
            where=str(self.folder),
            got=got,
            mend="run `gitreg index`: they are made again",
        )


class Writer:
    """Appends vectors and ids, and says what counts."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._folder = folder
        self.header = header
        self._tails: dict[str, _Tail] = {}
        self._rows = header.rows
        self._items = header.items

    def put_rows(self, digests: bytes, codes: Bytes, lengths: Floats) -> int:
        """Append the vectors of texts; give the first one's row."""
        first = self._rows
        if not self.header.rows and not self._rows:
            self.header = replace(self.header, dimensions=codes.shape[1])
        for part, raw in (("digests", digests), ("codes", codes.tobytes()), ("lengths", _le(lengths, "<f4"))):
            self._tail(part).write(raw)
        self._rows += len(codes)
        return first

    def put_items(self, pairs: Integers) -> None:
        """Append ids with their rows."""
        if len(pairs):
            self._tail(FACTS).write(_le(pairs, "<i8"))
            self._items += len(pairs)

    def keep_rows(self) -> None:
        """Let the vectors count that were put, and no id more than before."""
        self._keep(replace(self.header, rows=self._rows), "codes", "lengths", "digests")

    def keep(self, *, instance: str, seq: int) -> None:
        """Let everything count that was put, up to a seq of a catalog."""
        self._keep(replace(self.header, rows=self._rows, items=self._items, instance=instance, seq=seq), *_PARTS)

    def _keep(self, header: Header, *parts: str) -> None:
        written = {part: self._tails[part] for part in parts if part in self._tails}
        for tail in written.values():
            tail.settle()
        checks = {**header.checks, **{part: tail.check for part, tail in written.items()}}
        self.header = replace(header, checks=checks)
        _put_header(self._folder, self.header)

    def close(self) -> None:
        """Let go of files."""
        for tail in self._tails.values():
            tail.close()

    def _tail(self, part: str) -> _Tail:
        if part not in self._tails:
            path = self._folder / self.header.file(part)
            self._tails[part] = _Tail(path, self.header.size(part), self.header.checks[part])
        return self._tails[part]


class _Tail:
    """The end of a file, with the check of all before it; what lies beyond is cut off first."""

    def __init__(self, path: Path, length: int, check: int) -> None:
        self.check = check
        self._file: IO[bytes] = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        end = self._file.seek(0, os.SEEK_END)
        if end < length:
            self._file.close()
            raise ValueError(f"{path.name} has {end} bytes, and {length} were written")
        self._file.truncate(length)
        self._file.seek(length)

    def write(self, raw: bytes) -> None:
        self._file.write(raw)
        self.check = zlib.crc32(raw, self.check)

    def settle(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _latest(pairs: Integers) -> tuple[Integers, Integers]:
    """Give ids, ascending, and the row that each was given last."""
    ids = np.ascontiguousarray(pairs[:, 0], np.int64)
    rows = np.ascontiguousarray(pairs[:, 1], np.int64)
    if len(ids) < 2 or bool((ids[1:] > ids[:-1]).all()):
        return ids, rows
    order = np.argsort(ids, kind="stable")
    ids, rows = ids[order], rows[order]
    is_last = np.append(ids[1:] != ids[:-1], True)
    return ids[is_last], rows[is_last]


def _le(numbers: npt.NDArray[Any], kind: str) -> bytes:
    """Give numbers as bytes in the order that files have on every machine."""
    return numbers.astype(kind, copy=False).tobytes()


def _mark() -> str:
    return secrets.token_hex(6)


def _put_header(folder: Path, header: Header) -> None:
    body = orjson.dumps({"format": FORMAT, **asdict(header)}, option=orjson.OPT_SORT_KEYS)
    new = folder / f"{POSITION_FILE}.new"
    with new.open("wb") as file:
        file.write(orjson.dumps({"check": _check(body), "says": orjson.Fragment(body)}))
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / POSITION_FILE)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header_in(raw: bytes) -> Header:
    """Read a header; ValueError where it is not what was written."""
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{POSITION_FILE} cannot be read: {error}") from error
    says = dict(data["says"]) if isinstance(data, dict) and isinstance(data.get("says"), dict) else {}
    if not says or data.get("check") != _check(orjson.dumps(says, option=orjson.OPT_SORT_KEYS)):
        raise ValueError(f"{POSITION_FILE} is not what was written")
    if says.pop("format", None) != FORMAT:
        raise ValueError(f"{POSITION_FILE} is of another format")
    return Header(**says)


def _check(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()
