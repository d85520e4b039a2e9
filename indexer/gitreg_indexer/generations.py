"""The generations of an index: one is answered from, another may be made beside it and then put in its place.

- What is current changes by one atomic rename: readers see the old generation or the new one, whole.
- A generation that was left half made by a process that ended is gone on with, not begun again.
- What is not needed any more is removed, unless a process still has it open.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gitreg.errors import GitregError
from gitreg_indexer.layout import BUILDING_FILE, CATALOG_FILE, CURRENT_FILE, FORMAT, named_in

_USE_FILE: Final = "in-use.lock"
_FIRST: Final = f"{FORMAT}-1"
_OLD_PARTS: Final = (CATALOG_FILE, f"{CATALOG_FILE}-wal", f"{CATALOG_FILE}-shm", "tantivy")
"""What the first format kept directly in the folder."""

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
        """Give the folder of the generation that is answered from, naming a first one where there is none."""
        with telling_of(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            name = named_in(self.folder / CURRENT_FILE)
            if name is None or not (self.folder / name).is_dir():
                name = name or self._unused(_FIRST)
                (self.folder / name).mkdir(exist_ok=True)
                self._write(CURRENT_FILE, name)
        return self.folder / name

    def _unused(self, name: str) -> str:
        return name if named_in(self.folder / BUILDING_FILE) != name else self._next()

    def named_current(self) -> Path | None:
        """Give the folder of the generation that is answered from, if there is one."""
        name = named_in(self.folder / CURRENT_FILE)
        return self.folder / name if name is not None else None

    def building(self) -> Path | None:
        """Give the folder of the generation that is being made."""
        name = named_in(self.folder / BUILDING_FILE)
        return self.folder / name if name is not None and (self.folder / name).is_dir() else None

    def begin(self) -> Path:
        """Begin another generation beside the current one; the caller holds the index for writing."""
        with telling_of(self.folder):
            self.forget_building()
            made = self.another()
            self._write(BUILDING_FILE, made.name)
        return made

    def another(self) -> Path:
        """Make the folder of another generation."""
        with telling_of(self.folder):
            made = self.folder / self._next()
            made.mkdir()
        return made

    def forget_building(self) -> None:
        """Remove the generation that is being made."""
        left = self.building()
        (self.folder / BUILDING_FILE).unlink(missing_ok=True)
        if left is not None:
            shutil.rmtree(left, ignore_errors=True)

    def put_in_place(self, made: Path) -> None:
        """Have a generation answered from, and remove those before it that nobody has open."""
        with telling_of(self.folder):
            self._write(CURRENT_FILE, made.name)
            if self.building() == made:
                (self.folder / BUILDING_FILE).unlink(missing_ok=True)
            self.sweep()

    def sweep(self) -> None:
        """Remove what is neither current nor in the making, unless a process has it open."""
        keep = {named_in(self.folder / CURRENT_FILE), named_in(self.folder / BUILDING_FILE)}
        for found in self.folder.iterdir():
            if found.name in _OLD_PARTS:
                shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink(missing_ok=True)
            elif found.is_dir() and found.name not in keep and _is_generation(found.name) and _is_unused(found):
                shutil.rmtree(found, ignore_errors=True)

    def _next(self) -> str:
        numbers = [0]
        for found in self.folder.iterdir():
            number = found.name.removeprefix(f"{FORMAT}-")
            if number.isdigit():
                numbers.append(int(number))
        return f"{FORMAT}-{max(numbers) + 1}"

    def _write(self, file: str, name: str) -> None:
        temporary = self.folder / f".{file}-{os.getpid()}"
        with temporary.open("w", encoding="ascii") as sink:
            sink.write(f"{name}\n")
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(self.folder / file)


class Use:
    """Says that a process has a generation open, until it is let go; the system lets go when the process ends."""

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError):  # a read-only disk: nobody removes anything there either
            self._descriptor = os.open(folder / _USE_FILE, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def end(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_unused(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _USE_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_generation(name: str) -> bool:
    form, dash, number = name.partition("-")
    return bool(dash) and form.isdigit() and number.isdigit()


@contextmanager
def telling_of(folder: Path) -> Iterator[None]:
    """Say of a folder that it cannot be written."""
    try:
        yield
    except OSError as error:
        raise GitregError(
            "the index's folder cannot be written",
            where=str(folder),
            got=error.strerror or str(error),
            mend="make the folder writable, or name another one with --index",
        ) from error
