"""One writer at a time: an advisory lock on a file beside the index, let go by the system when the process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gitreg.errors import ConflictError
from gitreg_indexer.disk import unwritable

WRITER_LOCK: Final = "writer.lock"
MAKING_LOCK: Final = "rebuild.lock"
_GLANCE: Final = 0.02
"""How long, in seconds, `holder_of` may be in the way of who wants the lock; and how long to wait between two tries."""


@contextmanager
def writing(folder: Path, name: str = WRITER_LOCK, *, patience: float = _GLANCE) -> Iterator[None]:
    """Hold the index for writing; `ConflictError` says which process holds it already.

    `patience` is for how many seconds to wait for another one to let go of it.
    """
    file = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        _take(descriptor, file, patience)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing alone would leave it to a child that was forked meanwhile
        os.close(descriptor)


def holder_of(folder: Path, name: str = WRITER_LOCK) -> str | None:
    """Tell which process holds the index for writing now, by its number; None where none does."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _named(descriptor)
    finally:
        os.close(descriptor)
    return None


def _take(descriptor: int, file: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() >= until:
                raise ConflictError(
                    f"process {_named(descriptor)} is writing this index",
                    where=str(file),
                    mend="wait for it to end; its work is yours too",
                ) from error
            time.sleep(min(_GLANCE / 4, patience))
        else:
            break
    with suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _named(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
