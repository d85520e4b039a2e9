"""The feed of changes: what commits did after a place on main, and whether a place that the index has not got may come.

- Waited for is what main has already, and what a remote may still bring. All else is `SinceGoneError` at once: main was
  rewritten, and whoever follows it must begin anew.
- A remote tells nothing of a place until it was asked after that place was first asked for here: until then another
  server that follows it may have told of the place, and this one is only behind.
"""

from __future__ import annotations

import time
from typing import Final

from anyio import to_thread
from starlette.responses import Response

from gitreg_api.answers import Answer, Reply, answer_data
from gitreg_api.search import ChangesAsking
from gitreg_api.source import Source
from gitreg_indexer import Position
from gitreg_indexer.moments import SinceGoneError, named_since
from gitreg_indexer.polling import Round, rounds_of
from gitreg_indexer.reader import next_of

_MOST: Final = 1000
"""Places that are remembered."""
_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_FORGOTTEN: Final = 600.0
"""Seconds after which a place that nobody asked for any more is one that was never asked for."""
_FOLLOWED: Final = 2 * 86_400.0
"""Seconds after which a remote that was not asked any more counts as one that nobody follows."""


class Feed:
    """Answers who follows main, and remembers which places were asked for that the index has not got."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._missed: dict[int | str, tuple[float, float]] = {}
        """When a place was asked for first and last, in seconds since 1970."""

    async def answer(self, asked: ChangesAsking) -> Response:
        """Answer with what the commits after a seq or a commit did to records, and the place to go on from."""
        source = self._source
        source.ready()
        until, pause = source.deadline(), _PAUSE
        await source.reach(asked, until)
        while True:
            try:
                answer = await to_thread.run_sync(self._answer, asked)
            except SinceGoneError as error:
                await source.refuse_rewritten(error.position)
                first = self._first_missed(asked.since)
                if not await to_thread.run_sync(self._may_come, asked.since, error.position, first):
                    self._missed.pop(asked.since, None)
                    raise
                await source.pause(error.position.seq, named_since(asked.since), until, pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._missed.pop(asked.since, None)
                return Reply(answer)

    def _answer(self, asked: ChangesAsking) -> Answer:
        items, position = self._source.reader.changes(since=asked.since, limit=asked.limit)
        following = next_of(items, position)
        return answer_data({"items": items, "next": following.seq, "nextCommit": following.commit}, position)

    def _may_come(self, since: int | str, position: Position, first: float) -> bool:
        index = self._source.index
        if index.is_to_have(since, position):
            return True
        followed = [last for last in rounds_of(index.registry.repo).values() if last.began > time.time() - _FOLLOWED]
        return not all(_has_told(last, first) for last in followed)

    def _first_missed(self, since: int | str) -> float:
        """Tell when a place was asked for first, in seconds since 1970; what is asked again is remembered longest."""
        now = time.time()
        first, last = self._missed.pop(since, (now, now))
        first = first if now - last < _FORGOTTEN else now
        self._missed[since] = first, now
        while len(self._missed) > _MOST:
            self._missed.pop(next(iter(self._missed)), None)
        return first


def _has_told(last: Round, when: float) -> bool:
    """Tell whether a remote has told all that it had at a time, and main here has it."""
    return last.is_done and last.fault is None and last.began > when
