"""Receives webhooks over HTTP: an ASGI application of two paths, `/webhooks/github` and `/webhooks/gitlab`.

- A webhook is a hint: a push to the branch that is followed has whoever follows it look now, and that is all.
- What shows no proof is refused before its body is read; a body is bounded in size and time, and so are bodies at once.
- Refusals are told, at most one a minute, with how many there were.
- Every answer is JSON and says what became of the webhook; problems are said as the API says them (RFC 9457).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

import orjson

from gitreg.errors import UsageError
from gitreg_indexer.webhooks import Forge, Refused, lacks_proof, verify

ROOT: Final = "/webhooks/"
MAX_BODY: Final = 25 * 1024 * 1024
"""Bytes of a body; GitHub sends no more."""
MAX_BODIES: Final = 4
PATIENCE: Final = 10.0
"""Seconds that a body may take to come in."""
_SAY_EVERY: Final = 60.0
_LONGEST_SECRET: Final = 64 * 1024
_NAMES: Final = {Forge.GITHUB: "GitHub", Forge.GITLAB: "GitLab"}
_TITLES: Final = {
    401: "The webhook shows no secret",
    403: "The webhook does not know the secret",
    404: "There is no such webhook",
    405: "Webhooks are sent by POST",
    408: "The webhook took too long",
    413: "The webhook is too large",
    503: "Too many webhooks at once",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Unreceived(Exception):  # noqa: N818 - it is what happened
    """The webhook is answered with a problem."""

    def __init__(self, status: int, detail: str, mend: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.mend = mend


class Receiver:
    """Answers webhooks, and pokes whoever follows the ref that they hint at."""

    def __init__(
        self,
        secret: bytes,
        ref: str,
        *,
        poke: Callable[[], None],
        say: Callable[[str], None],
        max_body: int = MAX_BODY,
    ) -> None:
        self._secret = secret
        self._ref = ref
        self._poke = poke
        self._say = say
        self._max_body = max_body
        self._reading = 0
        self._refused = 0
        self._say_again_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            status, data = 202, await self._take(scope, receive)
        except Unreceived as problem:
            status, data = problem.status, _problem(problem, scope["path"])
        await _answer(send, status, data)

    async def _take(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        forge = _asked_forge(scope)
        headers = {_text(name).lower(): _text(value) for name, value in scope["headers"]}
        if lacks_proof(headers, forge):
            raise self._refuse(scope, Refused(401, f"it is not signed as {_NAMES[forge]} does"))
        body = await self._body(headers, receive)
        hint = verify(headers, body, self._secret, forge=forge, now=time.time())
        if isinstance(hint, Refused):
            raise self._refuse(scope, hint)
        if not hint.is_push_to(self._ref):
            return {"status": "ignored", "why": f"it is no push to {self._ref}"}
        self._poke()
        return {"status": "looking"}

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        said = headers.get("content-length", "")
        if said.isascii() and said.isdigit() and int(said[:20]) > self._max_body:
            raise self._too_large()
        if self._reading >= MAX_BODIES:
            raise Unreceived(503, "too many webhooks are being received", "it is polled for as well; send it later")
        self._reading += 1
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._read(receive)
        except TimeoutError:
            raise Unreceived(408, f"the body did not come in within {PATIENCE:g} s", "send it again") from None
        finally:
            self._reading -= 1

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Unreceived(408, "the sender went away", "send it again")
            body += message.get("body", b"")
            if len(body) > self._max_body:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> Unreceived:
        return Unreceived(413, f"the body is larger than {self._max_body} bytes", "have only pushes sent")

    def _refuse(self, scope: Scope, refused: Refused) -> Unreceived:
        """Make the problem, and tell of it unless one was told of a moment ago."""
        self._refused += 1
        now = time.monotonic()
        if now >= self._say_again_at:
            who = (scope.get("client") or ("?",))[0]
            count = f" ({self._refused} refused since the last such line)" if self._refused > 1 else ""
            self._say(f"refused a webhook from {who}: {refused.says}{count}")
            self._refused, self._say_again_at = 0, now + _SAY_EVERY
        return Unreceived(refused.status, refused.says, "give the forge's webhook the secret of the secret file")


def read_secret(file: Path) -> bytes:
    """Read a secret from a file, without the line end; `UsageError` where there is none."""
    try:
        with file.open("rb") as source:
            raw = source.read(_LONGEST_SECRET + 1)
    except OSError as error:
        raise UsageError(
            "the secret of the webhooks cannot be read",
            where=str(file),
            got=error.strerror or str(error),
            mend="name a file that holds it: `openssl rand -hex 32 > FILE` makes one",
        ) from error
    secret = raw.rstrip(b"\r\n")
    if not secret.strip() or len(raw) > _LONGEST_SECRET or b"\n" in secret:
        raise UsageError(
            "this is no secret for webhooks",
            where=str(file),
            got="nothing" if not secret.strip() else "more than one line",
            expected="one line that nobody can guess",
            mend="make one with `openssl rand -hex 32`, and give it to the forge's webhook too",
        )
    return secret


def _text(raw: bytes) -> str:
    """Give a header's bytes as text, losing nothing."""
    return raw.decode("utf-8", "surrogateescape")


def _asked_forge(scope: Scope) -> Forge:
    name = str(scope["path"]).removeprefix(ROOT)
    known = {forge.value for forge in Forge}
    if name not in known or not str(scope["path"]).startswith(ROOT):
        paths = " and ".join(f"{ROOT}{each}" for each in sorted(known))
        raise Unreceived(404, f"there is no {scope['path']}", f"send to {paths}")
    if scope["method"] != "POST":
        raise Unreceived(405, "this is where a forge sends webhooks", "use POST")
    return Forge(name)


def _problem(problem: Unreceived, instance: str) -> dict[str, Any]:
    return {
        "type": "urn:gitreg:problem:webhook",
        "title": _TITLES[problem.status],
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "mend": problem.mend,
    }


async def _answer(send: Send, status: int, data: dict[str, Any]) -> None:
    body = orjson.dumps(data)
    media = b"application/json" if status < 400 else b"application/problem+json"
    headers = [
        (b"content-type", media),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
