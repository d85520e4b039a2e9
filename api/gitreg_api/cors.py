"""Lets pages of other origins read, where the operator says so; off unless asked for.

- What a registry holds may be a company's own: without `--cors`, no page of another origin sees it through a visitor.
- With named origins every answer varies by `Origin`, those without one too, so that no cache hands on the wrong one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitreg_api.answers import Header

ANYBODY: Final = "*"
_EXPOSED: Final[Header] = (b"access-control-expose-headers", b"ETag, X-Gitreg-Commit, X-Gitreg-Seq, Retry-After")
_PREFLIGHT: Final[list[Header]] = [
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"If-None-Match"),
    (b"access-control-max-age", b"86400"),
]


class AllowOrigins:
    """An ASGI application that adds what browsers want to see before they show an answer to another origin."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.rstrip("/").encode() for origin in origins)
        self._anybody = ANYBODY.encode() in self._origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or add the headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        more = self._allowed(asked.get(b"origin"))
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            await send({"type": "http.response.start", "status": 204, "headers": [*more, *_PREFLIGHT]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, send_allowed)

    def _allowed(self, origin: bytes | None) -> list[Header]:
        if self._anybody:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED]
        vary = (b"vary", b"Origin")
        if origin is None or origin not in self._origins:
            return [vary]
        return [(b"access-control-allow-origin", origin), _EXPOSED, vary]
