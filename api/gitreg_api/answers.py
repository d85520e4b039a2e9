"""Answers as they go over the wire: whole bodies with their headers, made once and sent as often as asked.

- Every answer says what it answers from: `X-Gitreg-Commit`, `X-Gitreg-Seq`.
- How long an answer may be stored depends on what its moment was named by: `Hold`.
- The `ETag` is strong and names the body's bytes; who holds them gets a 304 with the same headers and no body.
- Stored documents are joined as bytes; they are never parsed to be sent.
- Both lanes, the fast one and FastAPI's, send the same `Answer`, so they cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gitreg.repository.moments import read_moment
from gitreg_indexer import Fact, Position

Header = tuple[bytes, bytes]

CACHE_CONTROL: Final = b"public, max-age=1, stale-while-revalidate=30"
FOR_AN_HOUR: Final = b"public, max-age=3600"
FOR_EVER: Final = b"public, max-age=31536000, immutable"
NEVER_STORE: Final = b"no-store"
JSON: Final = b"application/json"
KEEP: Final = "gitreg.keep"
"""Where in an ASGI scope stands the function that is shown the answer."""
_NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
_ENTITY_TAG: Final = re.compile(rb'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Hold:
    """How long an answer holds: for caches, and whether the fast lane may keep it while the index stands still."""

    cache_control: bytes
    is_kept: bool = False


OF_NOW: Final = Hold(CACHE_CONTROL, is_kept=True)
OF_ONE_COMMIT: Final = Hold(FOR_EVER)
OF_A_SEQ: Final = Hold(FOR_AN_HOUR)
OF_A_NAME: Final = Hold(CACHE_CONTROL)
"""What is named may be another answer at any time, though the index stands still."""


def hold_of(at: str | None) -> Hold:
    """Tell how long an answer of a moment holds.

    For ever where a commit's whole id names it. For an hour where a seq does: after a rewritten main was accepted, it
    is another commit. Days, times, tags and branches may come to mean another commit at any time.
    """
    if at is None:
        return OF_NOW
    moment = read_moment(at)
    if moment.is_commit:
        return OF_ONE_COMMIT
    return OF_A_SEQ if moment.is_seq else OF_A_NAME


def hold_of_both(first: str, second: str | None) -> Hold:
    """Tell how long an answer of two moments holds: as long as the one that holds shorter."""
    return min(hold_of(first), hold_of(second), key=_BY_LENGTH.index)


_BY_LENGTH: Final = (OF_A_NAME, OF_NOW, OF_A_SEQ, OF_ONE_COMMIT)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `brief` are the headers of the 304 that stands for it, none where it has no `ETag`.

    `is_kept` tells whether the fast lane may give it again while the index stands still.
    """

    status: int
    headers: Sequence[Header]
    body: bytes
    etag: bytes | None = None
    brief: Sequence[Header] = ()
    is_kept: bool = True

    def is_of(self, position: Position) -> bool:
        """Tell whether it answers from a position."""
        return (b"x-gitreg-seq", b"%d" % position.seq) in self.headers

    async def send(self, asked: Iterable[Header], send: Send) -> None:
        """Send it, or the 304 in its place where the request's headers hold its `ETag`."""
        if self.etag is not None and _holds(asked, self.etag):
            await send({"type": "http.response.start", "status": 304, "headers": self.brief})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class Reply(Response):
    """An `Answer` as FastAPI's routes hand it back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(status_code=answer.status)
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the answer as it is, after showing it to who may want to keep it."""
        keep: Callable[[Answer], None] | None = scope.get(KEEP)
        if keep is not None and self.answer.etag is not None and self.answer.is_kept:
            keep(self.answer)
        await self.answer.send(scope["headers"], send)


def answer_of(
    body: bytes,
    position: Position,
    *,
    etag: str | None = None,
    hold: Hold = OF_NOW,
    content_type: bytes = JSON,
    more: Sequence[Header] = (),
) -> Answer:
    """Make the answer that carries a body; `etag` is the body's digest where it is known already."""
    quoted = b'"%s"' % (etag or digest(body)).encode()
    brief = [(b"etag", quoted), (b"cache-control", hold.cache_control), *position_headers(position), _NOSNIFF, *more]
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *brief]
    return Answer(200, headers, body, quoted, brief, hold.is_kept)


def answer_fact(fact: Fact, position: Position, hold: Hold = OF_NOW) -> Answer:
    """Answer with a stored document."""
    return answer_of(fact.doc, position, etag=fact.etag, hold=hold)


def answer_data(data: dict[str, Any], position: Position, hold: Hold = OF_NOW) -> Answer:
    """Answer with data, and the position that it is of at its end."""
    body = orjson.dumps({**data, "commit": position.commit, "seq": position.seq})
    return answer_of(body, position, hold=hold)


def answer_page(docs: Iterable[bytes], beside: dict[str, Any], position: Position, hold: Hold = OF_NOW) -> Answer:
    """Answer with one page of stored documents, and what is said beside them, the position at its end."""
    tail = {**beside, "commit": position.commit, "seq": position.seq}
    body = b'{"items":[' + b",".join(docs) + b"]," + orjson.dumps(tail)[1:]
    return answer_of(body, position, hold=hold)


def momentary(body: bytes, *, status: int = 200, content_type: bytes = JSON, more: Sequence[Header] = ()) -> Answer:
    """Make an answer that holds for this moment only: nobody may store it, and it has no `ETag`."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", NEVER_STORE),
        _NOSNIFF,
        *more,
    ]
    return Answer(status, headers, body)


def position_headers(position: Position) -> list[Header]:
    """Say which commit an answer is of."""
    return [(b"x-gitreg-commit", position.commit.encode()), (b"x-gitreg-seq", b"%d" % position.seq)]


def digest(body: bytes) -> str:
    """Name a body by its bytes: 128 bits of BLAKE2b, as the index does."""
    return blake2b(body, digest_size=16).hexdigest()


def is_held(if_none_match: bytes, etag: bytes) -> bool:
    """Compare an `If-None-Match` with an `ETag`, weakly, as RFC 9110 wants it."""
    if if_none_match in (etag, b"*"):
        return True
    return etag in _ENTITY_TAG.findall(if_none_match)


def _holds(asked: Iterable[Header], etag: bytes) -> bool:
    return any(name == b"if-none-match" and is_held(value.strip(), etag) for name, value in asked)
