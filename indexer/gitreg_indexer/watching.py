"""Keeps an index up to main, in threads of its own, until it is told to stop.

- What triggers it (a file event, a fetch, a webhook) is a hint to look; looking is the truth, and is also done unasked.
- Where several processes watch one index, the one that holds the index's lock writes; the others go on looking.
- Nothing that goes wrong ends it: the fault is told once, met with growing patience, and told again when it is over.
- A main that was rewritten is such a fault: it stays until the index was told to accept it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from gitreg.errors import ConflictError
from gitreg.repository.fetching import Remote
from gitreg_indexer.index import Index, Progress
from gitreg_indexer.news import CaughtUp, Fault, Faults, News, Tell, Waiting, fault_of
from gitreg_indexer.polling import EVERY, Poller
from gitreg_indexer.triggers import Bell, FileEvents

QUICK: Final = 0.2
"""Seconds between looks where no file events come in, and while another process writes the index."""
SAFETY: Final = 1.0
"""Seconds between looks beside file events, since those may be lost."""
LONGEST: Final = 30.0
"""Seconds at most between two tries of what went wrong."""
JOIN_TIMEOUT: Final = 10.0
PLACE: Final = "index"
_JITTER: Final = 0.25

CatchUp = Callable[[Progress], Any]


class Ended(Exception):  # noqa: N818 - it is no error
    """Catching up was ended between two commits; what was applied stays, whole."""


def silent(news: News) -> None:
    """Tell nobody."""


class Watcher:
    """Watches a registry's branch, and a remote where it is given one, for an index.

    `every` is how many seconds lie between two fetches. `catch_up` stands in for the index's own, for who shows how
    far it is.
    """

    def __init__(
        self,
        index: Index,
        *,
        tell: Tell = silent,
        remote: Remote | None = None,
        every: float = EVERY,
        catch_up: CatchUp | None = None,
    ) -> None:
        self._index = index
        self._tell = tell
        self._catch_up: CatchUp = catch_up or (lambda step: index.catch_up(progress=step))
        self._bell = Bell()
        self._ended = threading.Event()
        self._faults = Faults(tell)
        self._remote = remote
        self._every = every
        self._poller: Poller | None = None
        self._events: FileEvents | None = None
        self._threads: list[threading.Thread] = []
        self._patience = QUICK
        self._try_at = 0.0
        self._waits_for: str | None = None

    @property
    def fault(self) -> Fault | None:
        """Say what stands in the way now, if anything does."""
        return self._faults.current

    @property
    def followed(self) -> str:
        """Name the ref whose pushes matter: the branch here, or that of the remote which is followed."""
        return self._remote.source if self._remote else self._index.registry.repo.branch

    @property
    def is_running(self) -> bool:
        """Tell whether it watches."""
        return any(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begin to watch."""
        self._ended.clear()
        self._events = FileEvents(self._index.registry.repo, self._bell, self._ended, self._tell)
        if self._remote is not None:
            self._poller = Poller(
                self._remote,
                every=self._every,
                faults=self._faults,
                tell=self._tell,
                ring=self._bell.ring,
                ended=self._ended,
            )
        runs = [self._run, self._events.run, *([self._poller.run] if self._poller else [])]
        self._threads = [threading.Thread(target=run, name="gitreg-watcher", daemon=True) for run in runs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, when the commit at hand is done."""
        self._ended.set()
        self._bell.ring()
        if self._poller is not None:
            self._poller.wake()
        until = time.monotonic() + JOIN_TIMEOUT
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def poke(self) -> None:
        """Have it look now: at the remote, where there is one."""
        if self._poller is not None:
            self._poller.poke()
        else:
            self._bell.ring()

    def look(self) -> None:
        """Catch up where the branch has moved; whatever goes wrong is noted, never raised."""
        waits_for = None
        try:
            if self._index.is_behind():
                self._tell(CaughtUp(self._catch_up(self._step)))
            self._note(None)
        except Ended:
            pass
        except ConflictError as error:
            waits_for = error.says
            self._note(None)
        except Exception as error:  # noqa: BLE001 - watching goes on whatever happens here
            self._note(fault_of(error))
        if waits_for is not None and waits_for != self._waits_for:
            self._tell(Waiting(waits_for))
        self._waits_for = waits_for

    def _run(self) -> None:
        rang = True
        while not self._ended.is_set():
            if rang or self._has_reason():
                self.look()
            rang = self._bell.heard(self._pause())

    def _has_reason(self) -> bool:
        """Tell whether to look though nothing rang: not at what went wrong a moment ago and has not changed."""
        if not self._faults_here() or time.monotonic() >= self._try_at:
            return True
        with suppress(Exception):
            return not self._index.is_behind()  # somebody else has mended it
        return False

    def _pause(self) -> float:
        is_heard = self._events is not None and self._events.are_heard
        pause = SAFETY if is_heard and self._waits_for is None else QUICK
        return pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret

    def _faults_here(self) -> bool:
        return self._faults.at(PLACE) is not None

    def _note(self, fault: Fault | None) -> None:
        self._patience = QUICK if fault is None else min(self._patience * 2, LONGEST)
        self._try_at = time.monotonic() + self._patience
        self._faults.note(PLACE, fault)

    def _step(self, _commits: int) -> None:
        if self._ended.is_set():
            raise Ended
