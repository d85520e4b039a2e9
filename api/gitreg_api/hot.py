"""The fast lane: answers sent as bytes that are ready, in front of FastAPI.

- It makes the answer to GET on `/api/v1/<collection>/<ref>` without a query string itself, and hands everything else
  on, errors too. What FastAPI then answers with an `ETag` (lists, searches, pages), it keeps for who asks the same.
- What it sends is the `Answer` that FastAPI's route would send; it is kept under the raw path and query for as long as
  the index stands where it stood. A request with `min_seq` is never answered from what was kept, nor is one with `at`:
  a tag may move while the index stands still.
- What is kept is bounded by number and by bytes; the oldest goes first.
- HEAD is the GET without its body, on every path.
"""

from __future__ import annotations

from functools import partial
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitreg_api.answers import KEEP, Answer
from gitreg_api.paths import COLLECTIONS, ROOT, read_path
from gitreg_api.records import answer_record
from gitreg_api.source import Source
from gitreg_indexer import Position

MAX_ANSWERS: Final = 20_000
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_QUERY: Final = 2048
_PREFIX: Final = f"{ROOT}/"


class FastLane:
    """An ASGI application that answers for records and hands the rest to another."""

    def __init__(
        self, app: ASGIApp, source: Source, *, max_answers: int = MAX_ANSWERS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._app = app
        self._source = source
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._position = Position(0, "")
        self._answers: dict[bytes, Answer] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once where that can be, else hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self({**scope, "method": "GET"}, receive, _without_body(send))
        elif (answer := self._ready_answer(scope)) is not None:
            await answer.send(scope["headers"], send)
        else:
            await self._app(self._watched(scope), receive, send)

    def _ready_answer(self, scope: Scope) -> Answer | None:
        asked = _asked(scope)
        if asked is None:
            return None
        try:
            position = self._source.recent()
            if position is not self._position:
                self._forget(position)
            found = self._answers.get(asked)
            if found is not None or scope["query_string"]:
                return found
            return self._make(asked, scope["path"])
        except Exception:  # noqa: BLE001 - it will happen again in FastAPI's lane, which knows how to say it
            return None

    def _watched(self, scope: Scope) -> Scope:
        """Ask to be shown the answer, if it may be kept."""
        asked = _asked(scope)
        return scope if asked is None else {**scope, KEEP: partial(self._keep, asked)}

    def _make(self, raw_path: bytes, path: str) -> Answer | None:
        if not path.startswith(_PREFIX):
            return None
        collection, slash, rest = path[len(_PREFIX) :].partition("/")
        place = COLLECTIONS.get(collection)
        if place is None or not slash:
            return None
        asked = read_path(place, rest)
        if asked.part is not None:
            return None
        answer = answer_record(self._source, asked.ref)
        self._keep(raw_path, answer)
        return answer

    def _keep(self, asked: bytes, answer: Answer) -> None:
        """Keep an answer, unless the index has moved while it was made."""
        if self._source.recent() is not self._position or not answer.is_of(self._position):
            return
        replaced = self._answers.pop(asked, None)
        self._answers[asked] = answer
        self._bytes += _weight(asked, answer) - (_weight(asked, replaced) if replaced else 0)
        while len(self._answers) > self._max_answers or self._bytes > self._max_bytes:
            oldest = next(iter(self._answers))
            self._bytes -= _weight(oldest, self._answers.pop(oldest))

    def _forget(self, position: Position) -> None:
        self._position = position
        self._answers = {}
        self._bytes = 0


def _asked(scope: Scope) -> bytes | None:
    """Give what a GET asks for, path and query; None for what may not be answered from what was kept."""
    path: bytes | None = scope.get("raw_path")
    query: bytes = scope["query_string"]
    if scope["method"] != "GET" or path is None or len(query) > MAX_QUERY or b"min_seq" in unquote_to_bytes(query):
        return None
    return path + b"?" + query if query else path


def _weight(path: bytes, answer: Answer) -> int:
    return len(path) + len(answer.body) + 2048


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
