"""One writer at a time: an advisory lock on a file beside the index, let go by the system when the process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitreg.errors import ConflictError, GitregError


@contextmanager
def writing(folder: Path, name: str = "writer.lock") -> Iterator[None]:
    """Hold the index for writing; `ConflictError` says which process holds it already."""
    file = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise GitregError(
            "the index's folder cannot be written",
            where=str(folder),
            got=error.strerror or str(error),
            mend="make the folder writable, or name another one with --index",
        ) from error
    try:
        _take(descriptor, file)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise ConflictError(
            f"process {holder} is writing this index",
            where=str(file),
            mend="wait for it to end; its work is yours too",
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
