"""The folder of a published registry: files are put in place so that a reader finds a whole state at any moment.

- A file is written beside its place and moved there; `index.json` comes last, and makes all others count. Only where
  nothing was published before are files written in their places: nobody can know of them.
- What a change writes (`+`), drops (`-`) and lists again though it waits to go (`!`) is written down first, in
  `.gitreg/journal`. Where a run was killed, the next one takes back what it wrote, or, if `index.json` had been moved
  (`=`, its digest), ends what it had begun.
- Files that nothing lists any more go after `index.json` has been replaced, at once or after a time.
- One process publishes into a folder at a time. A folder that holds something else, or another registry, is refused.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final

import orjson

from gitreg.errors import ConflictError, GitregError, UsageError
from gitreg_indexer.publishing.errors import DamagedError
from gitreg_indexer.publishing.front import Front
from gitreg_indexer.publishing.layout import ENTRY, FOLDERS, FORMAT, Stated

OWN: Final = ".gitreg"
"""The publisher's own folder; it need not be served."""
_MARK: Final = f"{OWN}/registry.json"
_JOURNAL: Final = f"{OWN}/journal"
_RETIRED: Final = f"{OWN}/retired.json"
_DRAFTS: Final = f"{OWN}/drafts"
_WHOLE: Final = b"whole\n"
_FEW: Final = 64
"""Up to so many files are flushed one by one; of more, the system flushes all at once."""


class Folder:
    """A folder that is held for publishing into it. Counts what it wrote and removed."""

    def __init__(self, root: Path, *, keep: float) -> None:
        self.root = root
        self.written = 0
        self.removed = 0
        self.bytes = 0
        self.put_paths: set[str] = set()
        """What was put in this run, but for records."""
        self.dropped: set[str] = set()
        self._keep = keep
        self._is_new = False
        self._is_whole = False
        self._count = 0
        self._relisted: set[str] = set()
        self._streams: set[_Stream] = set()
        self._kept: set[bytes] | None = None
        self._journal: int | None = None
        self._draft = 0
        self._folders: set[str] = set()

    @classmethod
    @contextmanager
    def claimed(cls, root: Path, uid: str, *, keep: float = 0) -> Iterator[Folder]:
        """Hold a folder for publishing a registry into it; files that are not needed stay for `keep` seconds."""
        with _explained(root):
            _refuse_another(root, uid)
            (root / OWN).mkdir(parents=True, exist_ok=True)
            folder = cls(root, keep=keep)
            lock = os.open(root / OWN / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(lock, root)
                folder._mark(uid)
                with folder._left_as_it_was():
                    yield folder
            finally:
                os.close(lock)

    @contextmanager
    def _left_as_it_was(self) -> Iterator[None]:
        """Take back what was begun if that fails."""
        try:
            yield
            self._end()
        except BaseException:
            with suppress(OSError):
                self._give_up()
            raise

    def _mark(self, uid: str) -> None:
        _refuse_another(self.root, uid)  # again: somebody else may have come first
        if not (self.root / _MARK).exists():
            self._write(_MARK, orjson.dumps({"format": FORMAT, "uid": uid}, option=orjson.OPT_APPEND_NEWLINE))
            self.written = self.bytes = 0
        self._end()
        self._is_new = not any((self.root / name).exists() for name in (ENTRY, *FOLDERS))

    # What stands there

    def front(self) -> Front | None:
        """Give what `index.json` says; None where there is none that can be gone on from."""
        try:
            return Front.read((self.root / ENTRY).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def read(self, path: str, stated: Stated) -> bytes:
        """Read a published file; `DamagedError` where it is not what it must be."""
        try:
            raw = (self.root / path).read_bytes()
        except FileNotFoundError:
            raise self.damaged(path, got="nothing", expected=str(stated)) from None
        found = Stated.of(raw)
        if found != stated:
            raise self.damaged(path, got=str(found), expected=str(stated))
        return raw

    def damaged(self, path: str, *, got: str, expected: str) -> DamagedError:
        """Say that a published file is not what it must be."""
        return DamagedError(
            "a published file is not what its parent says",
            where=str(self.root / path),
            got=got,
            expected=expected,
            mend="run `gitreg publish --whole`, which writes everything that is not as it must be",
        )

    # A run

    def recover(self) -> bool:
        """Take back, or end, what a killed run has begun; False where that takes publishing everything."""
        try:
            lines = (self.root / _JOURNAL).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return True
        if lines[:1] == [_WHOLE]:
            return False
        whole = [line.decode().rstrip("\n") for line in lines if line.endswith(b"\n")]
        is_done = f"={self._digest_of(ENTRY)}" in whole
        if is_done:
            self._relisted.update(line[1:] for line in whole if line.startswith("!"))
        sign = "-" if is_done else "+"
        self._retire((line[1:] for line in whole if line.startswith(sign)), keep=self._keep if is_done else 0)
        (self.root / _JOURNAL).unlink()
        return True

    def _digest_of(self, path: str) -> str:
        try:
            return sha256((self.root / path).read_bytes()).hexdigest()
        except FileNotFoundError:
            return ""

    def take_back(self) -> None:
        """Undo what this run has done so far, for it to begin anew."""
        self._give_up()
        self.put_paths, self.dropped, self._relisted, self._streams = set(), set(), set(), set()
        self.written = self.removed = self.bytes = 0

    def grown(self) -> int:
        """Tell by how many files, records aside, the published ones became more in this run."""
        return self._count + len(self.put_paths - self.dropped) - len(self.dropped - self.put_paths)

    def begin(self, *, whole: bool) -> None:
        """Begin to change the folder; `whole` means that all files will be put, and what was not put goes."""
        self._journal = os.open(self.root / _JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        self._is_whole = whole
        if whole:
            os.write(self._journal, _WHOLE)
            self._kept = None if self._is_new else set()
        else:
            self._is_new = False

    def put(self, path: str, data: bytes) -> None:
        """Put a file in place, unless it is there already."""
        self._note(path)
        there = self._there(path, len(data))
        if there == data:
            self._relisted.add(path)
            return
        if there is None:
            self._announce(path)
        self._write(path, data)

    def stream(self) -> _Stream:
        """Begin a file whose name is not known yet."""
        stream = _Stream(self)
        self._streams.add(stream)
        return stream

    def drop(self, path: str) -> None:
        """Mark a file as one that is listed no more."""
        self.dropped.add(path)

    def swap(self, entry: bytes) -> None:
        """Put `index.json` in place: from now on the new state counts. Then clear away what was dropped."""
        gone = sorted(self.dropped - self.put_paths)
        self._flush()
        journal = self._begun_journal()
        if self._kept is None:
            again = (path for path in self._retired() if self._is_listed(path))
            lines = (*(f"-{path}\n" for path in gone), *(f"!{path}\n" for path in again))
            os.write(journal, "".join(lines).encode())
        os.write(journal, f"={sha256(entry).hexdigest()}\n".encode())
        os.fsync(journal)
        if self._there(ENTRY, len(entry)) != entry:
            self._write(ENTRY, entry, after=self._mtime(ENTRY))
            _flush_folder(self.root)
        self._retire(self._orphans() if self._kept is not None else gone, keep=self._keep)
        (self.root / _JOURNAL).unlink()
        os.close(journal)
        self._journal = None

    def clear(self) -> None:
        """Remove what was kept for readers of an earlier state and is due."""
        self._retire((), keep=self._keep)

    def _end(self) -> None:
        shutil.rmtree(self.root / _DRAFTS, ignore_errors=True)
        self._draft = 0

    def _give_up(self) -> None:
        """Leave the folder as it was found, as far as that is quickly done; the next run does the rest."""
        for stream in self._streams:
            stream.close()
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
            self.recover()
        self._end()

    # Writing

    def _begun_journal(self) -> int:
        if self._journal is None:
            raise RuntimeError("nothing was begun")
        return self._journal

    def _note(self, path: str) -> None:
        if self._kept is not None:
            self._kept.add(_short(path))
        if path.startswith("records/"):
            return
        if self._is_whole:
            self._count += 1
        else:
            self.put_paths.add(path)

    def _announce(self, path: str) -> None:
        if not self._is_whole:
            os.write(self._begun_journal(), f"+{path}\n".encode())

    def _there(self, path: str, size: int) -> bytes | None:
        """Give what stands at a path, up to a byte more than a size; None where nothing does."""
        if self._is_new:
            return None
        try:
            with open(f"{self.root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - a million times
                return file.read(size + 1)
        except FileNotFoundError:
            return None

    def _write(self, path: str, data: bytes, *, after: float | None = None) -> None:
        """Write a file, beside its place first unless nobody can read it there yet; `after` is for `index.json`."""
        is_entry = after is not None
        draft = self._made(path) if self._is_new and not is_entry else self.new_draft()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _write_all(descriptor, data)
            if after:
                moment = max(time.time(), after + 1)
                os.utime(descriptor, (moment, moment))
            if is_entry or self.flushes_each:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.move(draft, path, len(data))

    @property
    def flushes_each(self) -> bool:
        """Tell whether each file is flushed to the disk when it is written, or all of them at the end."""
        return not self._is_whole and self.written < _FEW

    def new_draft(self) -> str:
        """Give a path to write to before the file is moved to its place."""
        if self._draft == 0:
            os.makedirs(f"{self.root}/{_DRAFTS}", exist_ok=True)  # noqa: PTH103
        self._draft += 1
        return f"{self.root}/{_DRAFTS}/{self._draft}"

    def place(self, draft: str, path: str, size: int) -> None:
        """Move a draft to its place, unless the same is there already."""
        self._note(path)
        target = f"{self.root}/{path}"
        if not self._is_new and _is_same(draft, target):
            os.unlink(draft)  # noqa: PTH108
            self._relisted.add(path)
            return
        if not os.path.exists(target):  # noqa: PTH110
            self._announce(path)
        self.move(draft, path, size)

    def move(self, draft: str, path: str, size: int) -> None:
        """Move a draft to its place, if it is not there."""
        target = self._made(path)
        if draft != target:
            os.replace(draft, target)  # noqa: PTH105
        self.written += 1
        self.bytes += size

    def _made(self, path: str) -> str:
        """Give the place of a path, with the folders above it made."""
        target = f"{self.root}/{path}"
        holder = target.rpartition("/")[0]
        if holder not in self._folders:
            os.makedirs(holder, exist_ok=True)  # noqa: PTH103
            self._folders.add(holder)
        return target

    def _flush(self) -> None:
        """Have what was written on the disk before `index.json` tells of it."""
        if self._is_whole or self.written > _FEW:
            os.sync()

    def _mtime(self, path: str) -> float:
        """Give when a file was written; 0 where there is none.

        Servers make an ETag of the time in seconds and the size, so `index.json` is each time a second younger.
        """
        try:
            return (self.root / path).stat().st_mtime
        except FileNotFoundError:
            return 0

    # Removing

    def _orphans(self) -> Iterator[str]:
        """Give the files that are there and were not put."""
        start = len(f"{self.root}/")
        for name in FOLDERS:
            for holder, _, files in os.walk(f"{self.root}/{name}"):
                for file in files:
                    path = f"{holder}/{file}"[start:]
                    if not self._is_listed(path):
                        yield path

    def _is_listed(self, path: str) -> bool:
        listed = path in self.put_paths or path in self._relisted
        return listed or (self._kept is not None and _short(path) in self._kept)

    def _retire(self, paths: Iterable[str], *, keep: float) -> None:
        """Remove files that nothing lists, now or when they are due; those that are listed again stay."""
        now = time.time()
        waiting = {path: since for path, since in self._retired().items() if not self._is_listed(path)}
        for path in paths:
            if keep:
                waiting.setdefault(path, now)
            else:
                self._remove(path)
        due = [path for path, since in waiting.items() if since + self._keep <= now]
        for path in due:
            self._remove(path)
            del waiting[path]
        self._remember(waiting)

    def _retired(self) -> dict[str, float]:
        try:
            found = orjson.loads((self.root / _RETIRED).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {path: float(since) for path, since in found.items()} if isinstance(found, dict) else {}

    def _remember(self, waiting: dict[str, float]) -> None:
        if waiting:
            draft = Path(self.new_draft())
            with draft.open("wb") as file:
                file.write(orjson.dumps(waiting, option=orjson.OPT_APPEND_NEWLINE))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.root / _RETIRED)
            _flush_folder(self.root / OWN)
        else:
            (self.root / _RETIRED).unlink(missing_ok=True)

    def _remove(self, path: str) -> None:
        if not path.startswith(tuple(f"{name}/" for name in FOLDERS)) or ".." in path.split("/"):
            return
        try:
            os.unlink(f"{self.root}/{path}")  # noqa: PTH108
        except FileNotFoundError:
            return
        self.removed += 1
        holder = Path(path).parent
        while holder.parts:
            try:
                (self.root / holder).rmdir()
            except OSError:
                return
            self._folders.discard(f"{self.root}/{holder}")
            holder = holder.parent


class _Stream:
    """A file that is written piece by piece, and gets its name when its digest is known."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._draft = folder.new_draft()
        self._file = open(self._draft, "wb")  # noqa: PTH123, SIM115 - `finish` closes it
        self._digest = sha256()
        self._size = 0

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def write(self, data: bytes) -> None:
        """Add to it."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def finish(self, path_of: Callable[[str], str]) -> Stated:
        """Put it in place, at the path for its digest."""
        self._file.flush()
        if self._folder.flushes_each:
            os.fsync(self._file.fileno())
        self.close()
        stated = Stated(self._digest.hexdigest(), self._size)
        self._folder.place(self._draft, path_of(stated.sha256), stated.size)
        return stated


def _short(path: str) -> bytes:
    """Give a path in few bytes."""
    return blake2b(os.fsencode(path), digest_size=12).digest()


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_same(left: str, right: str) -> bool:
    try:
        with open(left, "rb") as one, open(right, "rb") as other:  # noqa: PTH123
            while True:
                piece = one.read(1 << 20)
                if piece != other.read(1 << 20):
                    return False
                if not piece:
                    return True
    except FileNotFoundError:
        return False


def _refuse_another(root: Path, uid: str) -> None:
    """Refuse a folder that holds something else than this registry, published."""
    if not root.exists():
        return
    if not root.is_dir():
        raise UsageError("that is a file", where=str(root), expected="a folder", mend="name a new or empty folder")
    known = {found for found in (_uid_of(root / _MARK), _uid_of(root / ENTRY)) if found}
    strange = sorted(known - {uid})
    if strange:
        raise UsageError(
            "another registry is published in that folder",
            where=str(root),
            got=f"registry {strange[0]}",
            expected=f"registry {uid}",
            mend="name another folder; to replace what is there, empty the folder first",
        )
    others = sorted(entry.name for entry in root.iterdir() if entry.name != OWN)
    if not known and others:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise UsageError(
            "the folder holds something else than a published registry",
            where=str(root),
            got=shown,
            expected=f"a new or empty folder, or one whose {ENTRY} gitreg wrote",
            mend="name a new or empty folder",
        )


def _uid_of(file: Path) -> str | None:
    """Read whose published registry a file tells of; None where it tells of none."""
    try:
        data = orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or not str(data.get("format", "")).startswith("gitreg-published/"):
        return None
    registry = data.get("registry", data)
    uid = registry.get("uid") if isinstance(registry, dict) else None
    return uid if isinstance(uid, str) else None


def _lock(descriptor: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConflictError(
            "another process is publishing into that folder",
            where=str(root),
            mend="wait for it to end; what it publishes is as good",
        ) from error


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else str(root)
        raise GitregError(
            "the folder cannot be written",
            where=name,
            got=error.strerror or str(error),
            mend="make room, or make the folder writable, then publish again; readers see the last whole state",
        ) from error
