"""The generations of an index: one is answered from, another may be made beside it and then put in its place.

- What is current changes by one atomic rename: readers see the old generation or the new one, whole.
- A generation that was left half made by a process that ended is gone on with, not begun again.
- What is not needed any more is removed, unless a process still has it open. What another format has here is another
  version's, which may serve from it: it is removed when it was not written for a week either.
- Where nothing says which one is current (the file is gone, or garbage, or names one that is gone), the newest complete
  one is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gitreg.errors import GitregError
from gitreg_indexer.disk import unreadable, unwritable
from gitreg_indexer.layout import BUILDING_FILE, CATALOG_FILE, CURRENT_FILE, FORMAT, named_in

_USE_FILE: Final = "in-use.lock"
_UNFINISHED_FILE: Final = "unfinished"
"""Marks a generation that is no answer to anything until it was put in place."""
_OLD_PARTS: Final = (CATALOG_FILE, f"{CATALOG_FILE}-wal", f"{CATALOG_FILE}-shm", "tantivy")
"""What the first format kept directly in the folder."""
_LEFT_ALONE: Final = 7 * 24 * 3600.0
"""For how long, in seconds, a generation of another format stays after it was last written."""

Stamp = tuple[int, int]
"""What of a file's metadata changes when another file takes its place."""


class Generations:
    """The generations in an index's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self) -> Stamp | None:
        """Tell which `current` file stands there; None where none does."""
        try:
            found = (self.folder / CURRENT_FILE).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def current(self) -> Path:
        """Give the folder of the generation that is answered from, naming one where there is none."""
        with telling_of(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            name = named_in(self.folder / CURRENT_FILE)
            if name is None or not (self.folder / name).is_dir():
                name = self._newest() or name or self._next()
                self._write(CURRENT_FILE, name)
                (self.folder / name).mkdir(exist_ok=True)
        return self.folder / name

    def _newest(self) -> str | None:
        """Name the newest generation that may be answered from."""
        making = named_in(self.folder / BUILDING_FILE)
        for number in sorted(self._numbers(), reverse=True):
            name = f"{FORMAT}-{number}"
            found = self.folder / name
            if name != making and (found / CATALOG_FILE).is_file() and not (found / _UNFINISHED_FILE).exists():
                return name
        return None

    def named_current(self) -> Path | None:
        """Give the folder of the generation that is answered from, if there is one."""
        name = named_in(self.folder / CURRENT_FILE)
        return self.folder / name if name is not None else None

    def standing(self) -> Path | None:
        """Give the folder of the generation that is, or would be, answered from, naming none; None where none is.

        `GitregError` where there can be none: something else stands in the folder's place, or it cannot be read.
        """
        try:
            name = named_in(self.folder / CURRENT_FILE)
            if name is None or not (self.folder / name).is_dir():
                name = self._newest() or name
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self.folder, error) from error
        return self.folder / name if name is not None else None

    def must_stand(self) -> Path:
        """Give the folder of the generation that is, or would be, answered from; `GitregError` where none is."""
        standing = self.standing()
        if standing is None:
            raise GitregError(
                "there is no index yet",
                where=str(self.folder),
                mend="run `gitreg index`; name another folder with --index if it is elsewhere",
            )
        return standing

    def building(self) -> Path | None:
        """Give the folder of the generation that is being made; None where it is in place already."""
        name = named_in(self.folder / BUILDING_FILE)
        if name is None or name == named_in(self.folder / CURRENT_FILE) or not (self.folder / name).is_dir():
            return None
        return self.folder / name

    def begin(self) -> Path:
        """Begin another generation beside the current one; the caller holds the lock of those who do."""
        with telling_of(self.folder):
            self.forget_building()
            name = self._next()
            self._write(BUILDING_FILE, name)
            (self.folder / name).mkdir()
        return self.folder / name

    def forget_building(self) -> None:
        """Remove the generation that is being made."""
        left = self.building()
        (self.folder / BUILDING_FILE).unlink(missing_ok=True)
        if left is not None:
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def apart(self) -> Iterator[Path]:
        """Lend a folder for a generation that nobody else knows of; it is removed unless it was put in place."""
        with telling_of(self.folder):
            made, use = self._new_apart()
        try:
            yield made
        finally:
            use.end()
            if named_in(self.folder / CURRENT_FILE) != made.name:
                shutil.rmtree(made, ignore_errors=True)

    def _new_apart(self) -> tuple[Path, Use]:
        """Make the folder; who sweeps may take it away before it is in use."""
        while True:
            made = self.folder / self._next()
            with suppress(FileExistsError, FileNotFoundError):
                made.mkdir()
                (made / _UNFINISHED_FILE).touch()
                use = Use(made)
                if use.is_held:
                    return made, use
                use.end()

    def put_in_place(self, made: Path) -> None:
        """Have a generation answered from, and remove those before it that nobody has open."""
        with telling_of(self.folder):
            (made / _UNFINISHED_FILE).unlink(missing_ok=True)
            self._write(CURRENT_FILE, made.name)
            if named_in(self.folder / BUILDING_FILE) == made.name:
                (self.folder / BUILDING_FILE).unlink(missing_ok=True)
            self.sweep()

    def sweep(self) -> None:
        """Remove what is neither current nor in the making, unless a process has it open."""
        keep = {named_in(self.folder / CURRENT_FILE), named_in(self.folder / BUILDING_FILE)}
        for found in self.folder.iterdir():
            if found.name in _OLD_PARTS:
                shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink(missing_ok=True)
            elif found.name not in keep and self._may_go(found):
                _remove_unused(found)

    def _may_go(self, found: Path) -> bool:
        if not _is_generation(found):
            return False
        return found.name.startswith(f"{FORMAT}-") or _last_written(found) < time.time() - _LEFT_ALONE

    def _numbers(self) -> list[int]:
        numbers = (found.name.removeprefix(f"{FORMAT}-") for found in self.folder.iterdir())
        return [int(number) for number in numbers if number.isdigit()]

    def _next(self) -> str:
        return f"{FORMAT}-{max(self._numbers(), default=0) + 1}"

    def _write(self, file: str, name: str) -> None:
        temporary = self.folder / f".{file}-{os.getpid()}-{threading.get_ident()}"
        with temporary.open("w", encoding="ascii") as sink:
            sink.write(f"{name}\n")
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(self.folder / file)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Use:
    """Says that a process has a generation open, until it is let go; the system lets go when the process ends."""

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        self._is_locked = True
        try:
            self._descriptor = os.open(folder / _USE_FILE, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:  # a read-only disk, where nobody removes anything; or it is being removed just now
            self._is_locked = self._descriptor is None and folder.is_dir()

    @property
    def is_held(self) -> bool:
        """Tell whether the generation stays while it is in use: it was not on its way out when that began."""
        return self._is_locked and (self._descriptor is None or os.fstat(self._descriptor).st_nlink > 0)

    def __del__(self) -> None:
        self.end()

    def end(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _remove_unused(folder: Path) -> None:
    """Remove a generation while nobody can begin to use it; leave one that is in use."""
    try:
        descriptor = os.open(folder / _USE_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _is_generation(folder: Path) -> bool:
    """Tell a generation, of any format, from a folder of somebody else's that is called alike (`2026-06`)."""
    form, dash, number = folder.name.partition("-")
    if not (dash and form.isdigit() and number.isdigit() and folder.is_dir()):
        return False
    with suppress(OSError):
        names = {found.name for found in folder.iterdir()}
        return not names or not names.isdisjoint((_USE_FILE, _UNFINISHED_FILE, CATALOG_FILE))
    return False


def _last_written(folder: Path) -> float:
    """Tell when something directly in a folder was last written."""
    times = [folder.stat().st_mtime]
    for file in folder.iterdir():
        with suppress(OSError):
            times.append(file.stat().st_mtime)
    return max(times)


@contextmanager
def telling_of(folder: Path) -> Iterator[None]:
    """Say of a folder that it cannot be written."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error
