"""What the API answers from: an index, its reader, and where both stand.

- An answer and the position that it names are always of one state: whoever asks is asked again when the index moved.
- The position is remembered for `MEMORY` seconds, so that the fast lane does not ask for it on every request.
  Within one process it never goes back, and `reach` (`?min_seq=`) looks at the real one before it waits.
- A seq names a commit of main as it is. Where main was rewritten and the index stands on what it was before, who waits
  for a seq is told so; all others are answered from the last good state.
- Nothing indexed yet is never the same as nothing there: it is `NotReady`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

from anyio import to_thread

from gitreg.errors import GitregError, NotFoundError, Rejected
from gitreg.repository.git import HistoryRewritten
from gitreg_api.parameters import Waiting
from gitreg_indexer import Index, Position, Reader

MEMORY: Final = 0.005
PATIENCE: Final = 5.0
_ATTEMPTS: Final = 100
_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.05

T = TypeVar("T")


class NotReady(GitregError):  # noqa: N818 - it is what it is
    """There is no index to answer from, or it has not come far enough; trying again helps."""

    code = "not-ready"


class Absent(NotFoundError):  # noqa: N818 - it is what it is
    """Nothing answers to that name, as of a position."""

    def __init__(self, error: NotFoundError, position: Position) -> None:
        super().__init__(error.says, mend=error.mend, where=error.where, got=error.got, expected=error.expected)
        self.position = position


class Unreadable(Rejected):
    """What is asked for stands in the registry and cannot be read, as of a position."""

    def __init__(self, error: Rejected, position: Position) -> None:
        super().__init__(error.says, error.findings, mend=error.mend)
        self.position = position


class Source:
    """An index that is read from many threads."""

    def __init__(self, index: Index, *, patience: float = PATIENCE) -> None:
        self.index = index
        self.reader: Reader = index.reader(is_served=True)
        self._patience = patience
        self._lock = Lock()
        self._position = Position(0, "")
        self._good_until = 0.0

    def now(self) -> Position:
        """Look where the index stands."""
        with self._lock:
            position = self.reader.position()
            if position != self._position:
                self._position = position
            self._good_until = time.monotonic() + MEMORY
            return self._position

    def recent(self) -> Position:
        """Tell where the index stood at most `MEMORY` seconds ago."""
        if time.monotonic() < self._good_until:
            return self._position
        return self.now()

    def answering(self, ask: Callable[[Reader, int | None], T], at: str | None = None) -> tuple[T, Position]:
        """Ask the reader of the present, or of a moment, and give the answer with the position that it is of.

        `ask` gets the reader, and the seq to ask it of: None for the present.
        """
        for _ in range(_ATTEMPTS):
            before = self._meant(at)  # remembered or not: what it was, and still is afterwards, it was all the time
            try:
                found = ask(self.reader, None if at is None else before.seq)
            except (NotFoundError, Rejected) as error:
                if self._is_still(before, at):
                    raise as_of(error, before) from error
                continue
            if self._is_still(before, at):
                return found, before
        raise _never_still()

    def told(
        self, ask: Callable[[Reader, str | None], tuple[T, Position]], at: str | None = None
    ) -> tuple[T, Position]:
        """Ask for what tells itself which position it is of, all in one state of the index, however long it takes.

        `ask` gets the reader, and the moment to ask it of: None for the present.
        """
        for _ in range(_ATTEMPTS):
            before = self._meant(at)
            try:
                found, position = ask(self.reader, None if at is None else str(before.seq))
            except (NotFoundError, Rejected) as error:
                if self._is_still(before, at):
                    raise as_of(error, before) from error
                continue
            if at is None or position == before:
                return found, position
        raise _never_still()

    def _meant(self, at: str | None) -> Position:
        here = self.ready()
        return here if at is None else self.reader.moment(at)

    def _is_still(self, position: Position, at: str | None) -> bool:
        """Tell whether a position is what it was: the present, or the same commit at its seq."""
        return (self.now() if at is None else self.reader.moment(str(position.seq))) == position

    def deadline(self) -> float:
        """Give the moment until which a request may wait."""
        return time.monotonic() + self._patience

    async def reach(self, asked: Waiting, until: float | None = None) -> None:
        """Wait until the index has come as far as is asked; `NotReady` when it takes longer than is bearable.

        `HistoryRewritten` at once where it stands on what main was before, and would wait, or was asked for a write.
        """
        seq = asked.seq_needed()
        if seq is None:
            return
        until = self.deadline() if until is None else until
        here, pause = self.now(), _FIRST_PAUSE
        if asked.min_seq or here.seq < seq:
            await self.refuse_rewritten(here)
        while here.seq < seq and (here := self.now()).seq < seq:
            await self.pause(here.seq, f"seq {seq}", until, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def refuse_rewritten(self, here: Position) -> None:
        """Raise the alarm where main does not descend from where the index stands, which was at `here` just now."""
        if self._is_tip(here):
            return
        alarm = await to_thread.run_sync(self._alarm)
        if alarm is not None:
            raise alarm

    def _is_tip(self, here: Position) -> bool:
        try:
            return self.index.registry.repo.tip() == here.commit
        except GitregError:
            return False

    def _alarm(self) -> HistoryRewritten | None:
        try:
            return self.index.rewriting()
        except GitregError:  # what main is cannot be told now; there is a last good state
            return None

    async def pause(self, here: int, wanted: str, until: float, seconds: float = _FIRST_PAUSE) -> None:
        """Wait a little for a seq or a commit to come; `NotReady` where the time is up."""
        if time.monotonic() + seconds > until:
            raise NotReady(
                f"the index stands at seq {here}, and {wanted} did not come within {self._patience:g} s",
                got=here,
                expected=wanted,
                mend="try again in a moment; if it stays so, look at /readyz",
            )
        await asyncio.sleep(seconds)

    def ready(self) -> Position:
        """Tell where the index stood a moment ago; `NotReady` where it has not begun."""
        position = self.recent()
        if position.seq == 0:
            position = self.now()
        if position.seq == 0:
            raise NotReady("nothing has been indexed yet", mend="try again in a moment, or run `gitreg index`")
        return position


def _never_still() -> NotReady:
    return NotReady("the index moved on every time it was asked", mend="try again in a moment")


def as_of(error: NotFoundError | Rejected, position: Position) -> Absent | Unreadable:
    """Say what is not there, or cannot be read, with the position that this is said of."""
    return Unreadable(error, position) if isinstance(error, Rejected) else Absent(error, position)
