"""Starts the server: the index is brought up to date, a socket is bound, uvicorn runs the application on it.

- What cannot work (no registry, another registry's index, a port in use) ends the start with an error that says so.
- SIGTERM and SIGINT end it cleanly, after the requests at hand: exit code 0.
- Workers are processes of one socket; each reads its settings from `$GITREG_SERVE`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from gitreg.cli.listening import BACKLOG, listen, url_of
from gitreg.cli.output import progress, remark, remark_block
from gitreg.errors import ConflictError, GitregError, UsageError
from gitreg.registry import Registry
from gitreg.repository.fetching import Remote
from gitreg_api.app import create_app
from gitreg_api.following import Triggers
from gitreg_indexer import Index
from gitreg_indexer.options import check_remote_options
from gitreg_indexer.polling import EVERY
from gitreg_indexer.receiving import read_secret

SETTINGS_VARIABLE: Final = "GITREG_SERVE"
_GRACE: Final = 10
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve: `repo` and `index` are folders, `catalog` a database, `cors` the origins whose pages may read."""

    repo: str
    host: str = "127.0.0.1"
    port: int = 8420
    workers: int = 1
    index: str | None = None
    catalog: str | None = None
    follow: bool = True
    access_log: bool = False
    cors: tuple[str, ...] = ()
    remote: str | None = None
    every: float | None = None
    webhook_secret_file: str | None = None

    def as_text(self) -> str:
        """Write them for a worker's environment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Settings:
        """Read what `as_text` wrote."""
        data = json.loads(text)
        return cls(**{**data, "cors": tuple(data["cors"])})

    def triggers(self) -> Triggers:
        """Give what has the index follow; `UsageError` where the secret cannot be read."""
        secret = read_secret(Path(self.webhook_secret_file)) if self.webhook_secret_file else None
        return Triggers(self.remote, self.every or EVERY, secret)


def run(settings: Settings, *, announce: Announce | None = None) -> None:
    """Serve until a signal ends it; `announce` gets the URL when it listens."""
    prepare_index(settings)
    listener = listen(settings.host, settings.port)
    say = announce or _announce
    url = url_of(listener)
    with _exported(settings):
        if settings.workers > 1:
            _run_workers(settings, listener, lambda: say(url))
        else:
            _run_alone(settings, listener, lambda: say(url))


def worker_app() -> ASGIApp:
    """Make the application of one worker, from the environment; uvicorn calls it."""
    settings = Settings.from_text(os.environ[SETTINGS_VARIABLE])
    return create_app(
        settings.repo,
        index_folder=Path(settings.index) if settings.index else None,
        catalog=settings.catalog,
        follow=settings.follow,
        triggers=settings.triggers(),
        cors=settings.cors,
    )


def prepare_index(settings: Settings) -> None:
    """Bring the index up to date before anything is served; where there is a state to serve already, only try to."""
    registry = Registry.open(settings.repo)
    check_triggers(registry, settings)
    index = Index.open(registry, Path(settings.index) if settings.index else None, catalog=settings.catalog)
    has_state = index.reader().position().seq > 0
    try:
        if not has_state or (settings.follow and index.is_behind()):
            _catch_up(index)
    except ConflictError as error:
        remark(f"{error.says}; serving what it has so far")
    except GitregError as error:
        if not has_state:
            raise
        remark_block(f"{error.explain()}\nserving the last good state")
    finally:
        index.close()


def check_triggers(registry: Registry, settings: Settings) -> None:
    """Refuse triggers that cannot work before anything is served."""
    if not settings.follow and (settings.remote or settings.webhook_secret_file):
        raise UsageError(
            "--no-follow serves the index as it is, so nothing can have it look",
            got="--remote or --webhook-secret-file beside --no-follow",
            mend="leave one of them out",
        )
    check_remote_options(settings.remote, settings.every)
    settings.triggers()
    if settings.remote:
        Remote.open(registry.repo, settings.remote)


def _announce(url: str) -> None:
    remark(f"serving at {url} (Ctrl-C ends it)")


def _catch_up(index: Index) -> None:
    with progress("indexing") as advance:
        index.catch_up(progress=advance)


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        "gitreg_api.serve:worker_app",
        factory=True,
        workers=settings.workers,
        backlog=BACKLOG,
        access_log=settings.access_log,
        log_config=_log_config(),
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )


def _log_config() -> dict[str, Any]:
    """Log to stderr: warnings and errors, and requests where they are asked for."""
    plain = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    handler = {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}
    levels = {"uvicorn": "WARNING", "uvicorn.access": "INFO", "gitreg_api": "WARNING"}
    loggers = {name: {"handlers": ["stderr"], "level": level, "propagate": False} for name, level in levels.items()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": plain},
        "handlers": {"stderr": handler},
        "loggers": loggers,
    }


class _Server(uvicorn.Server):
    """A server that says when it is up."""

    def __init__(self, config: uvicorn.Config, is_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._is_up = is_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        self._is_up()


def _run_alone(settings: Settings, listener: socket.socket, is_up: Callable[[], None]) -> None:
    server = _Server(_config(settings), is_up)

    def end(_signal: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it has ended; by then it has been obeyed
    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_workers(settings: Settings, listener: socket.socket, is_up: Callable[[], None]) -> None:
    supervisor = Multiprocess(_config(settings), sockets=[listener])
    is_up()
    supervisor.run()
    ended = [process.process.exitcode for process in supervisor.processes]
    failed = [code for code in ended if code not in (None, 0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL)]
    if failed:
        raise GitregError(
            "a worker could not start", got=f"exit code {failed[0]}", mend="its own message above says why"
        )


@contextmanager
def _exported(settings: Settings) -> Iterator[None]:
    os.environ[SETTINGS_VARIABLE] = settings.as_text()
    try:
        yield
    finally:
        del os.environ[SETTINGS_VARIABLE]
