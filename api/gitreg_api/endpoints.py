"""How a route is put on the application, and how its answer is made beside the event loop.

- Every route refuses parameters that it does not take.
- What may take long has a few threads of its own; more of it waits, so that all else finds a thread.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from gitreg_api.answers import Answer, Reply
from gitreg_api.parameters import Waiting, only
from gitreg_api.source import Source

Endpoint = Callable[..., Any]
GRAPHS_AT_ONCE: Final = 2
"""Questions to the graph that are answered at once."""
DRAWN_AT_ONCE: Final = 1
"""SVGs that are made at once, beside them: the layout of a large one takes seconds. More threads would only take the
processor from the others."""


def add_route(app: FastAPI, path: str, endpoint: Endpoint, asking: type[BaseModel] | None, **about: Any) -> None:
    """Put a route on an application."""
    app.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        dependencies=[Depends(only(asking))],
        response_class=Response,
        response_model=None,
        **about,
    )


async def answer_in_thread(make: Callable[[], Answer]) -> Reply:
    """Make an answer in a thread."""
    return Reply(await run_in_threadpool(make))


async def answer_of_graph(source: Source, asked: Waiting, make: Callable[[], Answer]) -> Reply:
    """Make an answer about the graph in one of the threads for it, once the index has come as far as is asked."""
    await source.reach(asked)
    limiter = _for_drawing() if getattr(asked, "format", None) == "svg" else _for_graphs()
    return Reply(await to_thread.run_sync(make, limiter=limiter))


@cache
def _for_graphs() -> CapacityLimiter:
    return CapacityLimiter(GRAPHS_AT_ONCE)


@cache
def _for_drawing() -> CapacityLimiter:
    return CapacityLimiter(DRAWN_AT_ONCE)
