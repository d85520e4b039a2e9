"""Errors as RFC 9457 problem documents: what is wrong, what was got and expected, and the mend.

- One place turns every error into a problem; routes only raise.
- An error of the asker's (4xx) says everything. A breakage (5xx) keeps places and values to the server's log.
- A problem is never stored by a cache, and names the commit that it speaks of where there is one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from gitreg.errors import GitregError, NotFoundError, Rejected, UsageError
from gitreg.repository.git import HistoryRewritten
from gitreg_api.answers import Answer, Header, Reply, momentary, position_headers
from gitreg_api.parameters import EXPECTED, Unfit
from gitreg_api.paths import nearest_path
from gitreg_api.source import Absent, NotReady, Unreadable
from gitreg_indexer import Position
from gitreg_indexer.filters import FilterError
from gitreg_indexer.moments import NoHistoryError, SinceGoneError
from gitreg_indexer.nearness import VectorsNotReadyError
from gitreg_indexer.semantic import EmbedderAwayError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER: Final = 1
"""For how many seconds who is told 503 should wait, unless it is known."""
_LOG = logging.getLogger("gitreg_api")
_STATUS: Final[tuple[tuple[type[GitregError], int], ...]] = (
    (UsageError, 400),
    (NotFoundError, 404),
    (NoHistoryError, 404),
    (SinceGoneError, 410),
    (Rejected, 422),
    (GitregError, 503),
)
_WAITING: Final = (NotReady, VectorsNotReadyError, EmbedderAwayError, HistoryRewritten)
"""What is over some time, and trying again helps with: it says everything, and is nothing for the log."""
_TITLES: Final = {
    "usage": "The request's own words are wrong",
    "not-found": "Nothing answers to that name",
    "rejected": "The record stands in the registry and cannot be read",
    "not-ready": "The index is not ready to answer",
    "history-rewritten": "Main was rewritten, and the index stands on what it was before",
    "since-gone": "Main does not have the commit to go on from, or not any more",
    "no-history": "The index does not hold that past",
    "method-not-allowed": "This API only reads",
    "internal": "Something broke in here",
}

PositionOf = Callable[[], Position | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a problem document says. `more` are members of their own that some sorts have.

    `wait` is for how many seconds to wait before trying again, where that helps.
    """

    status: int
    code: str
    detail: str
    mend: str
    got: object = None
    expected: object = None
    more: Mapping[str, Any] = field(default_factory=dict)
    wait: int = RETRY_AFTER

    def as_data(self, instance: str) -> dict[str, Any]:
        """Give it as JSON data; absent parts are left out."""
        data: dict[str, Any] = {
            "type": f"urn:gitreg:problem:{self.code}",
            "title": _TITLES.get(self.code, "The registry could not be read"),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "mend": self.mend,
        }
        for name in ("got", "expected"):
            value = getattr(self, name)
            if value is not None:
                data[name] = str(value)
        return {**data, **self.more}


def problem_of(error: GitregError) -> Problem:
    """Say a gitreg error as a problem."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, _WAITING):
        return Problem(status, error.code, error.says, error.mend)
    wait = error.wait if isinstance(error, EmbedderAwayError) else RETRY_AFTER
    return Problem(status, error.code, error.says, error.mend, error.got, error.expected, _more_of(error), wait)


def _more_of(error: GitregError) -> dict[str, Any]:
    if isinstance(error, Rejected):
        return {"findings": [finding.as_data() for finding in error.findings]}
    if isinstance(error, FilterError):
        return {"line": error.line, "column": error.column, "faults": error.as_data()["faults"]}
    return {}


def problem_of_parameters(error: RequestValidationError) -> Problem:
    """Say the first parameter that is wrong as a problem."""
    first = error.errors()[0]
    name = str(first["loc"][-1])
    unfit = first.get("ctx", {}).get("error")
    expected = unfit.expected if isinstance(unfit, Unfit) else EXPECTED.get(name)
    if first["type"] == "missing":
        return Problem(400, "usage", f"the parameter `{name}` is missing", f"add ?{name}=", None, expected)
    return Problem(
        400,
        "usage",
        f"the parameter `{name}` is {first['input']!r}, and that will not do",
        f"give {expected}" if expected else "see /openapi.json for what it takes",
        first["input"],
        expected,
    )


def problem_of_http(error: HTTPException, path: str) -> Problem:
    """Say that a path or a method leads nowhere."""
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        mend = "use GET or HEAD; records change through `gitreg register` or a pull request"
        return Problem(405, "method-not-allowed", "this path cannot be written to", mend)
    if error.status_code == HTTPStatus.NOT_FOUND:
        near = nearest_path(path)
        hint = f"did you mean {near}? " if near else ""
        return Problem(404, "not-found", f"there is no {path}", f"{hint}/api/v1 lists what there is", path)
    return Problem(error.status_code, "usage", str(error.detail), "see /openapi.json for what this API takes")


def answer_problem(problem: Problem, scope: Scope, position: Position | None, more: tuple[Header, ...] = ()) -> Answer:
    """Make the answer that carries a problem."""
    headers = [*(position_headers(position) if position else ()), *more]
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"%d" % problem.wait))
    body = orjson.dumps(problem.as_data(_instance(scope)))
    return momentary(body, status=problem.status, content_type=MEDIA_TYPE.encode(), more=headers)


def explain_errors(app: FastAPI, position_of: PositionOf) -> None:
    """Have every error that leaves a route answered with a problem document."""

    async def gitreg_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, GitregError)  # noqa: S101 - registered for it
        problem = problem_of(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, _WAITING):
            _LOG.error("%s %s: %s", request.method, _instance(request.scope), error.explain())
        position = error.position if isinstance(error, (Absent, Unreadable)) else position_of()
        return Reply(answer_problem(problem, request.scope, position))

    async def wrong_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        return Reply(answer_problem(problem_of_parameters(error), request.scope, position_of()))

    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        more: tuple[Header, ...] = ((b"allow", b"GET, HEAD"),) if error.status_code == 405 else ()
        problem = problem_of_http(error, request.scope["path"])
        return Reply(answer_problem(problem, request.scope, position_of(), more))

    async def breakage(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the server logs the error
        mend = "try again in a moment; the server's log says what happened"
        problem = Problem(500, "internal", "an unforeseen error", mend)
        return Reply(answer_problem(problem, request.scope, None))

    app.add_exception_handler(GitregError, gitreg_error)
    app.add_exception_handler(RequestValidationError, wrong_parameters)
    app.add_exception_handler(HTTPException, no_route)
    app.add_exception_handler(Exception, breakage)


def _instance(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("ascii", "replace")
