"""Ask a remote from time to time how far its branch is: one fetch a round, however many watch.

- The last round is written down beside the repository: when it began, how often in a row it failed, what stands in the
  way. Who is due by it and gets the lock fetches; everybody else reads what came of it.
- A failure doubles the wait, up to ten minutes. A quarter of each wait is chance, so that machines do not ask in step.
- A hint asks for a round that begins after it came. Many hints are one round.
- A kill at any moment leaves a lock that the system lets go of, and a round that is made again.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson

from gitreg.repository.fetching import PATIENCE, Moved, Remote
from gitreg.repository.git import GitRepository, explained
from gitreg.repository.writing import RefMoved
from gitreg_indexer.news import Fault, Faults, Remark, Tell, fault_of
from gitreg_indexer.triggers import Bell

EVERY: Final = 60.0
LONGEST: Final = 600.0
JITTER: Final = 0.25
GAP: Final = 0.5
"""Seconds between the beginnings of two rounds that hints asked for."""
PLACE: Final = "remote"
_HELD: Final = 0.2
_MOST_DOUBLINGS: Final = 20
_MOST_AHEAD: Final = 86_400.0
"""How far, in seconds, the clock of another process may be ahead."""


@dataclass(frozen=True, slots=True)
class Round:
    """The last round of a remote: when it began (seconds since 1970), failures in a row, what stands in the way.

    One that is not done is being made by who holds the lock, or was cut off.
    """

    began: float = 0.0
    failures: int = 0
    fault: Fault | None = None
    is_done: bool = True

    def as_bytes(self) -> bytes:
        """Write it down."""
        return orjson.dumps(self)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Round:
        """Read what was written down; what cannot be read is no round."""
        try:
            data = orjson.loads(raw)
            began = float(data["began"])
            if not 0 <= began <= time.time() + _MOST_AHEAD:
                return cls()
            return cls(began, int(data["failures"]), _fault_in(data["fault"]), bool(data["is_done"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()


def _fault_in(data: Any) -> Fault | None:
    if data is None:
        return None
    return Fault(str(data["says"]), str(data["mend"]), str(data["text"]), str(data.get("code", "")))


def rounds_of(repo: GitRepository) -> dict[str, Round]:
    """Give the last round of each remote that the repository has, by its name."""
    known, rounds = set(repo.handle.remotes.names()), dict[str, Round]()
    for file in _folder(repo).glob("*.json"):
        name = unquote(file.stem.rpartition("-")[0])
        with suppress(OSError):  # it is gone just now
            last = Round.from_bytes(file.read_bytes())
            if name in known and last.began > rounds.get(name, Round()).began:
                rounds[name] = last
    return dict(sorted(rounds.items()))


def _folder(repo: GitRepository) -> Path:
    return repo.state_dir / "remotes"


def due_at(last: Round, *, every: float, spread: float = 1.0, wanted: float | None = None) -> float:
    """Tell when the next round is due: after a wait that failures double and chance spreads, or soon for a hint.

    One that was cut off is due again.
    """
    if not last.is_done:
        return last.began + GAP
    wait = min(every * 2.0 ** min(last.failures, _MOST_DOUBLINGS), max(every, LONGEST)) * spread
    at = last.began + wait
    if wanted is not None and wanted > last.began:
        return min(at, max(wanted, last.began + GAP))
    return at


class Poller:
    """Follows a remote, together with every other process that follows it for the same repository."""

    def __init__(
        self,
        remote: Remote,
        *,
        every: float,
        faults: Faults,
        tell: Tell,
        ring: Callable[[], None],
        ended: threading.Event,
        patience: float = PATIENCE,
    ) -> None:
        self._remote = remote
        self._every = every
        self._faults = faults
        self._tell = tell
        self._ring = ring
        self._ended = ended
        self._patience = patience
        self._bell = Bell()
        self._wanted: float | None = None
        self._spread = (0.0, 1.0)
        known = f"{quote(remote.name, safe='')}-{zlib.crc32(remote.mirror.encode()):08x}"
        self._folder = _folder(remote.repo)
        self._file = self._folder / f"{known}.json"
        self._lock = self._folder / f"{known}.lock"

    def poke(self) -> None:
        """Ask for a round that begins after now."""
        self._wanted = time.time()
        self._bell.ring()

    def wake(self) -> None:
        """Have the thread see that it is the end."""
        self._bell.ring()

    def run(self) -> None:
        """Make rounds until the end."""
        pause = 0.0
        while not self._ended.is_set():
            self._bell.heard(pause)
            if self._ended.is_set():
                return
            try:
                pause = self.turn()
            except Exception as error:  # noqa: BLE001 - watching goes on whatever happens here
                self._faults.note(PLACE, fault_of(error))
                pause = self._every

    def turn(self) -> float:
        """Make a round if one is due and nobody else makes it; give the seconds until the next look."""
        last = self._last()
        wait = self._wait(last)
        if wait > 0:
            self._faults.note(PLACE, last.fault)
            return wait
        with self._locked() as is_mine:
            if not is_mine:
                return _HELD
            last = self._last()
            if self._wait(last) <= 0:
                self._make_round(last)
        return self._wait(self._last())

    def _make_round(self, last: Round) -> None:
        began = time.time()
        self._write(Round(began, last.failures, last.fault, is_done=False))
        failures, fault = 0, None
        try:
            self._remote.fetch(patience=self._patience, ended=self._ended)
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            failures, fault = last.failures + 1, fault_of(error)
        else:
            fault = self._follow()
        if not self._ended.is_set():
            self._write(Round(began, failures, fault))
            self._faults.note(PLACE, fault)

    def _follow(self) -> Fault | None:
        try:
            moved = self._remote.follow()
        except RefMoved:  # somebody else moved it just now: the next round sees where that leads
            return None
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            return fault_of(error)
        if moved is not None:
            self._ring()
            self._tell_left(moved)
        return None

    def _tell_left(self, moved: Moved) -> None:
        if moved.left:
            more = f" and {len(moved.left) - 1} more" if len(moved.left) > 1 else ""
            self._tell(Remark(f"left as they were in the work tree: {moved.left[0]}{more}"))

    def _wait(self, last: Round) -> float:
        if self._spread[0] != last.began:
            chance = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
            self._spread = (last.began, chance)
        return due_at(last, every=self._every, spread=self._spread[1], wanted=self._wanted) - time.time()

    def _last(self) -> Round:
        try:
            last = Round.from_bytes(self._file.read_bytes())
        except OSError:
            return Round()
        return Round() if last.began > time.time() + 1 else last  # the clock was put back

    def _write(self, last: Round) -> None:
        with explained("the round of fetching cannot be written down", where=self._file):
            fresh = self._file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
            fresh.write_bytes(last.as_bytes())
            fresh.replace(self._file)

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the lock of this remote's rounds; gives False where another holds it."""
        with explained("the round of fetching cannot be locked", where=self._lock):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing alone would leave it to a child that was forked meanwhile
            os.close(descriptor)
