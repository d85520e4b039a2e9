"""Claims on refs: what lets the next writer clear away the lock that a killed one has left.

- Git's lock of a ref is a file; a writer that is killed leaves it, and git waits for somebody to remove it by hand.
- So whoever moves a ref first takes a claim on it: a lock of the system's (flock), which ends with its process. Once
  Git's lock is taken too, the claim says which file that is.
- Who gets a claim that still says so knows that its writer is dead, and removes that very lock: the same inode, and in
  it nothing or the commit that was to be written. A lock of git's, or of anything else, is not touched.
- A writer may be killed between taking the lock and writing down which it is. It has said before that it is about to;
  a lock that has come within two seconds of that and has stayed empty for another is its own: git's are empty for
  some microseconds only.
- A claim of another machine, or from before this one was started, says nothing here: its flock may not reach so far.
- Claims help and are not needed: where they cannot be had (a folder that may not be written), refs move without.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gitreg.repository.git import GitRepository

FOLDER: Final = "claims"
_LONGEST: Final = 512
_INTENDS: Final = "intends"
_TICK: Final = 50_000_000
_SOON: Final = 2_000_000_000
_EMPTY: Final = 1_000_000_000
"""In nanoseconds: how far before and after what was said a lock has come, and for how long it has been empty."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Linux's name for the time since the machine was started; elsewhere its host's name has to do."""


class Claim:
    """The claim on a ref, held or (without a descriptor) done without."""

    def __init__(self, lock: Path, descriptor: int | None) -> None:
        self._lock = lock
        self._descriptor = descriptor
        self._is_said = False

    def intends(self) -> None:
        """Write down that the lock is about to be taken; where there is one, what was said of it stays."""
        if self._descriptor is not None and not self._lock.exists():
            with suppress(OSError):
                self._write(f"{_machine()} {_INTENDS} {time.time_ns()}")

    def says(self, new: str | None) -> None:
        """Write down that the lock is ours, and what it is to hold; call it as soon as it is taken."""
        if self._descriptor is not None:
            with suppress(OSError):
                seen = self._lock.stat()
                self._write(f"{_machine()} {seen.st_dev} {seen.st_ino} {seen.st_mtime_ns} {new or '-'}")

    def _write(self, line: str) -> None:
        """Put a line in place of what was said, in one step: whenever it is killed, one of the two stands there."""
        if self._descriptor is not None:
            os.pwrite(self._descriptor, f"{line:{_LONGEST - 1}}\n".encode(), 0)
            self._is_said = True

    def clear(self) -> None:
        """Take back what was said, if anything was: the lock is no longer ours."""
        if self._descriptor is not None and self._is_said:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)

    def sweep(self) -> None:
        """Remove the lock that a killed writer has left, as its claim tells; a claim that does not fit stays."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            said = os.pread(self._descriptor, _LONGEST, 0)
            if said and (_is_left(self._lock, said) or _is_intended(self._lock, said)):
                self._lock.unlink()
                os.ftruncate(self._descriptor, 0)


@contextmanager
def claimed(repo: GitRepository, ref: str) -> Iterator[Claim | None]:
    """Hold the claim on a ref; None while another gitreg process holds it.

    Gives a claim that does nothing where none can be had.
    """
    lock = repo.git_dir / f"{ref}.lock"
    descriptor = _open(repo.state_dir / FOLDER / quote(ref, safe=""))
    if descriptor is None:
        yield Claim(lock, None)
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        except OSError:  # a file system that has no such locks
            yield Claim(lock, None)
            return
        claim = Claim(lock, descriptor)
        claim.sweep()
        try:
            yield claim
        finally:
            claim.clear()
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing alone would leave it to a child that was forked meanwhile
    finally:
        os.close(descriptor)


def _open(file: Path) -> int | None:
    for _ in range(2):
        try:
            return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
    return None


@cache
def _machine() -> str:
    """Name this machine since it was started."""
    with suppress(OSError):
        return _BOOT_ID.read_text("ascii").strip()
    return quote(socket.gethostname(), safe="") or "-"


def _is_intended(lock: Path, said: bytes) -> bool:
    """Tell whether a lock file is what a claim was about to take, its writer having been killed before it said more."""
    try:
        machine, word, since = said.decode().split()
        seen = lock.stat()
    except (OSError, ValueError):
        return False
    return (machine, word) == (_machine(), _INTENDS) and since.isdigit() and _has_stayed_empty(seen, int(since))


def _has_stayed_empty(seen: os.stat_result, since: int) -> bool:
    """Tell whether a lock was touched soon after a time, in nanoseconds, and has been empty for long since then."""
    touched = seen.st_mtime_ns - since  # files' times lag behind by a tick of the system
    return not seen.st_size and -_TICK <= touched <= _SOON and time.time_ns() - seen.st_mtime_ns >= _EMPTY


def _is_left(lock: Path, said: bytes) -> bool:
    """Tell whether a lock file is the one that a claim speaks of, with nothing in it but what was to be written."""
    try:
        machine, device, inode, changed, new = said.decode().split()
        if machine != _machine():
            return False
        with lock.open("rb") as file:
            seen = os.fstat(file.fileno())
            content = file.read(_LONGEST)
        if (seen.st_dev, seen.st_ino) != (int(device), int(inode)):
            return False
        if content:
            return content == f"{new}\n".encode()
        return seen.st_mtime_ns == int(changed) or _has_stayed_empty(seen, int(changed))
    except (OSError, ValueError):
        return False
