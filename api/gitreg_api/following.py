"""Keeps the index up to date while it is served, in a thread of its own.

- It looks every `EVERY` seconds, give or take, whether the branch moved, and catches up where it did.
- Where several processes serve one index, the one that holds the index's lock writes; the others only look.
- Nothing that goes wrong ends it or the serving: the fault is logged once and told by `/readyz` until it is over.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final

from gitreg.errors import ConflictError, GitregError
from gitreg_indexer import Index

EVERY: Final = 0.2
_JITTER: Final = 0.25
_JOIN_TIMEOUT: Final = 10.0
_LOG = logging.getLogger("gitreg_api")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the index is not being brought up to date."""

    says: str
    mend: str


class Follower:
    """Follows a registry's branch with its index."""

    def __init__(self, index: Index, *, every: float = EVERY) -> None:
        self._index = index
        self._every = every
        self._end = Event()
        self._thread: Thread | None = None
        self.fault: Fault | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it follows."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to follow."""
        self._end.clear()
        self._thread = Thread(target=self._run, name="gitreg-follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, when the commit at hand is done."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(_JOIN_TIMEOUT)

    def look(self) -> None:
        """Catch up where the branch has moved; whatever goes wrong is noted, never raised."""
        try:
            if self._index.is_behind():
                self._index.catch_up()
            self._note(None)
        except ConflictError:
            self._note(None)
        except GitregError as error:
            self._note(Fault(error.says, error.mend), error.explain())
        except Exception as error:  # noqa: BLE001 - serving goes on whatever happens here
            mend = "the server's log says more; tell its operator"
            self._note(Fault(f"an unforeseen error ({type(error).__name__})", mend), repr(error))

    def _run(self) -> None:
        while not self._end.wait(self._every * random.uniform(1 - _JITTER, 1 + _JITTER)):  # noqa: S311 - not a secret
            self.look()

    def _note(self, fault: Fault | None, text: str = "") -> None:
        if fault == self.fault:
            return
        self.fault = fault
        if fault is None:
            _LOG.warning("the index follows the registry again")
        else:
            _LOG.error("the index cannot follow the registry; the last good state is served\n%s", text)
