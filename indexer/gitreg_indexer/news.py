"""What watching tells: that the index caught up, what stands in the way, and when that is over.

- News are values; who watches gives a function that takes them, from any thread.
- What stands in the way is told once, and once more when it is over, however often it is met.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitreg.errors import GitregError

if TYPE_CHECKING:
    from gitreg_indexer.index import Report


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the index is not being brought up to date; `text` says it at length, and two are the same without it.

    `code` names its sort, as the error's that it was.
    """

    says: str
    mend: str
    text: str = ""
    code: str = ""

    def is_as(self, other: Fault | None) -> bool:
        """Tell whether it is the same fault, met again."""
        return other is not None and (self.says, self.mend) == (other.says, other.mend)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The index was brought up to main's tip."""

    report: Report


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something stands in the way now; the last good state stays."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Over:
    """What stood in the way is gone."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another process is writing the index; this one goes on looking."""

    says: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth knowing that stands in nobody's way."""

    says: str


News = CaughtUp | Trouble | Over | Waiting | Remark
Tell = Callable[[News], None]


def fault_of(error: Exception) -> Fault:
    """Say an error as a fault; what nobody foresaw is named, and its words are kept to the text."""
    if isinstance(error, GitregError):
        return Fault(error.says, error.mend, error.explain(), error.code)
    says, mend = f"an unforeseen error ({type(error).__name__})", "the log says more; tell whoever runs this"
    return Fault(says, mend, f"{says}: {error!r}\n  mend: {mend}")


class Faults:
    """What stands in the way now, by the place where it stands."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._standing: dict[str, Fault] = {}
        self._lock = threading.Lock()

    @property
    def current(self) -> Fault | None:
        """Give one of those that stand in the way; None where nothing does."""
        with self._lock:
            return next(iter(self._standing.values()), None)

    def at(self, place: str) -> Fault | None:
        """Give what stands in the way at a place."""
        with self._lock:
            return self._standing.get(place)

    def note(self, place: str, fault: Fault | None) -> None:
        """Take in what stands in the way at a place, or that nothing does any more."""
        with self._lock:
            known = self._standing.pop(place, None)
            if fault is not None:
                self._standing[place] = fault
        if fault is not None and not fault.is_as(known):
            self._tell(Trouble(fault))
        elif fault is None and known is not None:
            self._tell(Over(known))
