"""Reads the files that commits brought: here, or in processes beside this one, in the order that they were asked for.

- What comes of a file depends on its bytes and on what is known of its path, never on where or when it is read.
- Processes are started when there is enough to read; they end with this one, or when their pipe is closed.
- One that dies is an error that says so; nothing is left out.
- While much is read, Python's cycle collector runs between batches: what a batch makes goes away without it, and to
  look through it again and again took a third of the time.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any, Final, Generic, TypeVar

from gitreg.errors import GitregError
from gitreg.manifests import MAX_BYTES, Reading, read_manifest
from gitreg.repository.git import Entry, GitRepository
from gitreg_indexer.facts import Opened, Quarantined, Standing, outcome_of

ENOUGH: Final = 3_000
"""Files that are read here before others are asked to help: starting them takes as long as reading some hundred."""
_AHEAD: Final = 3
"""Batches that wait at each process, so that none is idle."""
_COLLECT_EVERY: Final = 50_000
"""Files after which cycles are looked for."""

Outcome = Opened | Quarantined
T = TypeVar("T")
R = TypeVar("R")


def read_file(repo: GitRepository, uid: str, standing: Standing) -> Outcome:
    """Read one file, and say what it is."""
    return outcome_of(standing, _reading(repo, standing.entry), uid=uid)


def _reading(repo: GitRepository, entry: Entry) -> Reading:
    if not entry.is_plain:
        return Reading(None)
    if repo.blob_size(entry.oid) > MAX_BYTES:
        return read_manifest(b" " * (MAX_BYTES + 1))
    return read_manifest(repo.read_blob(entry.oid))


class Crew(Generic[T, R]):
    """Does batches of work in order: `here` at first, then by processes that run the same `task` of this module."""

    def __init__(self, task: str, here: Callable[[T], R], start: Sequence[Any], *, size: int | None = None) -> None:
        self._task = task
        self._here = here
        self._start = (task, *start)
        self._size = os.cpu_count() or 1 if size is None else size
        self._done = 0
        self._members: list[_Member] = []
        self._pace = _Pace()

    def map(self, batches: Iterable[tuple[Any, Sequence[T]]]) -> Iterator[tuple[Any, list[R]]]:
        """Give for each (label, items) the label and what came of the items, in the same order."""
        waiting: deque[tuple[Any, int]] = deque()
        turn = 0
        try:
            for label, items in batches:
                if not self._members and (self._size < 2 or self._done < ENOUGH or not self._called_in()):
                    self._done += len(items)
                    yield label, [self._here(item) for item in items]
                    continue
                self._pace.step(len(items))
                self._members[turn].send(list(items))
                waiting.append((label, turn))
                turn = (turn + 1) % len(self._members)
                if len(waiting) > _AHEAD * len(self._members):
                    yield self._next(waiting)
            while waiting:
                yield self._next(waiting)
        finally:
            self.end()

    def _next(self, waiting: deque[tuple[Any, int]]) -> tuple[Any, list[R]]:
        label, member = waiting.popleft()
        return label, self._members[member].receive()

    def _called_in(self) -> bool:
        """Start the processes; where that cannot be, the work is done here."""
        try:
            for _ in range(self._size):
                self._members.append(_Member(self._start))
            self._pace.begin()
        except OSError:
            self.end()
            self._size = 0
        return bool(self._members)

    def end(self) -> None:
        """Let the processes go."""
        self._pace.end()
        for member in self._members:
            member.end()
        self._members = []


class _Pace:
    """Has the cycle collector run between batches only, from `begin` to `end`."""

    def __init__(self) -> None:
        self._since = 0
        self._was_enabled = False

    def begin(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def step(self, items: int) -> None:
        self._since += items
        if self._since >= _COLLECT_EVERY:
            self._since = 0
            gc.collect()

    def end(self) -> None:
        if self._was_enabled:
            gc.enable()
        self._was_enabled = False


class _Member:
    """One process; a thread takes what it has done, so that it never waits for who is giving it more to do."""

    def __init__(self, start: Sequence[Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gitreg_indexer.parsing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._done: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = Thread(target=self._take, daemon=True)
        self._thread.start()
        self.send(start)

    def _take(self) -> None:
        source = self._process.stdout
        while source is not None:
            try:
                raw = _read(source)
            except Exception:  # noqa: BLE001 - closed, or no sense or no room: nothing more comes, whatever it is
                raw = None
            self._done.put(raw)
            if raw is None:
                return

    def send(self, what: Any) -> None:
        """Give it something to do."""
        try:
            if self._process.stdin is not None:
                _write(self._process.stdin, pickle.dumps(what, protocol=5))
        except OSError as error:
            raise self._ended() from error

    def receive(self) -> Any:
        """Wait for what came of the next thing that it was given."""
        raw = self._done.get()
        if raw is None:
            raise self._ended()
        try:
            found = pickle.loads(raw)  # noqa: S301 - written by our own process
        except Exception as error:
            raise self._ended(f"something that makes no sense ({type(error).__name__})") from error
        if isinstance(found, BaseException):
            raise found
        return found

    def _ended(self, sent: str | None = None) -> GitregError:
        """Explain that nothing more comes, since it is no more, or has sent what makes no sense."""
        self._process.kill()
        return GitregError(
            "a process that reads manifests for the index has ended",
            got=sent or f"exit code {self._process.wait()}",
            mend="look whether the machine has run out of memory; then run `gitreg index` again: it goes on from there",
        )

    def end(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _write(sink: IO[bytes], raw: bytes) -> None:
    sink.write(len(raw).to_bytes(8, "big"))
    sink.write(raw)
    sink.flush()


def _read(source: IO[bytes]) -> bytes | None:
    head = source.read(8)
    if len(head) < 8:
        return None
    raw = source.read(int.from_bytes(head, "big"))
    return raw if len(raw) == int.from_bytes(head, "big") else None


def _reader_of_files(git_dir: str, uid: str) -> Callable[[Any], Any]:
    repo = GitRepository.open(Path(git_dir))
    return lambda standing: read_file(repo, uid, standing)


def _maker_of_documents(engine: str) -> Callable[[Any], Any]:
    return import_module("gitreg_indexer.filling").maker_of_documents(engine)  # type: ignore[no-any-return]  # as it says


TASKS: Final[dict[str, Callable[..., Callable[[Any], Any]]]] = {
    "read": _reader_of_files,
    "documents": _maker_of_documents,
}


def _sendable(error: Exception) -> Exception:
    """Give an error that arrives whole in the other process."""
    try:
        pickle.loads(pickle.dumps(error, protocol=5))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever it is that cannot be sent
        return GitregError(
            "a process that reads manifests for the index has failed",
            got=repr(error),
            mend="run it again; where it stays so, report it as a bug of gitreg",
        )
    return error


def main() -> None:
    """Work for another process: take batches from standard input and give what came of them to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    first = _read(source)
    if first is None:
        return
    task, *start = pickle.loads(first)  # noqa: S301 - written by the process that started this one
    work: Callable[[Any], Any] | None = None
    gc.freeze()
    pace = _Pace()
    pace.begin()
    while (raw := _read(source)) is not None:
        try:
            work = work or TASKS[task](*start)
            done: Any = [work(item) for item in pickle.loads(raw)]  # noqa: S301 - as above
        except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
            done = _sendable(error)
        try:
            _write(sink, pickle.dumps(done, protocol=5))
        except BrokenPipeError:  # who asked is gone: there is nobody to tell
            os._exit(1)
        pace.step(len(done) if isinstance(done, list) else 1)
        done = None


if __name__ == "__main__":
    main()
