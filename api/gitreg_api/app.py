"""Puts the application together: FastAPI with its routes, the fast lane in front, the follower behind.

- Nothing is loaded from anywhere: there are no documentation pages that fetch scripts.
- The application writes nothing but its index, and opens no network but to a remote that it was told to follow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg.repository.fetching import Remote
from gitreg_api import openapi
from gitreg_api.answers import Reply, answer_of
from gitreg_api.cors import AllowOrigins
from gitreg_api.following import LOG, Follower, Triggers
from gitreg_api.hot import FastLane
from gitreg_api.problems import explain_errors
from gitreg_api.routes import add_routes
from gitreg_api.source import PATIENCE, Source
from gitreg_api.status import Status
from gitreg_indexer import Index, Position
from gitreg_indexer.receiving import ROOT as WEBHOOKS
from gitreg_indexer.receiving import Receiver

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    registry: Path | str | Index,
    *,
    index_folder: Path | None = None,
    catalog: str | None = None,
    follow: bool = True,
    triggers: Triggers = Triggers(),  # noqa: B008 - a frozen value
    cors: Collection[str] = (),
    patience: float = PATIENCE,
) -> ASGIApp:
    """Make the application that serves a registry, by its path or its opened index.

    `follow` keeps the index up to date while the application runs, and `triggers` says what else has it look; `cors`
    names the origins whose pages may read; `patience` is how many seconds `min_seq` waits.
    """
    index = (
        registry if isinstance(registry, Index) else Index.open(Registry.open(registry), index_folder, catalog=catalog)
    )
    source = Source(index, patience=patience)
    follower = _follower(index, triggers) if follow else None
    app: ASGIApp = FastLane(slow_lane(source, follower), source)
    if follower is not None and triggers.webhook_secret is not None:
        app = _with_webhooks(app, follower, triggers.webhook_secret)
    return AllowOrigins(app, cors) if cors else app


def slow_lane(source: Source, follower: Follower | None = None) -> FastAPI:
    """Make the FastAPI application, which answers everything by itself."""
    app = _bare_app(_lifespan(follower))
    add_routes(app, source, Status(source, follower))
    described = _Described(app, source)
    app.add_api_route("/openapi.json", described.answer, include_in_schema=False, response_model=None)
    explain_errors(app, lambda: _position(source))
    return app


def described_app() -> FastAPI:
    """Make an application that can be described and cannot answer: for writing `openapi.json`."""
    app = _bare_app(None)
    nowhere = cast("Source", None)
    add_routes(app, nowhere, Status(nowhere, None))
    return app


def _follower(index: Index, triggers: Triggers) -> Follower:
    remote = Remote.open(index.registry.repo, triggers.remote) if triggers.remote else None
    return Follower(index, remote=remote, every=triggers.every)


def _with_webhooks(app: ASGIApp, follower: Follower, secret: bytes) -> ASGIApp:
    """Put the paths of the webhooks before an application; a hint pokes the follower."""
    receiver = Receiver(secret, follower.followed, poke=follower.poke, say=LOG.warning)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_hook = scope["type"] == "http" and scope["path"].startswith(WEBHOOKS)
        await (receiver if is_hook else app)(scope, receive, send)

    return answer


def _bare_app(lifespan: Lifespan | None) -> FastAPI:
    return FastAPI(
        title="gitreg",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=cast("Any", lifespan),
    )


def _lifespan(follower: Follower | None) -> Lifespan | None:
    if follower is None:
        return None

    @asynccontextmanager
    async def following(_app: FastAPI) -> AsyncIterator[None]:
        follower.start()
        try:
            yield
        finally:
            await run_in_threadpool(follower.stop)

    return following


class _Described:
    """Answers with the description of an application, made once."""

    def __init__(self, app: FastAPI, source: Source) -> None:
        self._source = source
        self._body = cache(lambda: openapi.written(openapi.document(app)))

    async def answer(self) -> Response:
        """Answer with it."""
        return Reply(answer_of(await run_in_threadpool(self._body), self._source.now()))


def _position(source: Source) -> Position | None:
    try:
        position = source.now()
    except GitregError:
        return None
    return position if position.seq else None
