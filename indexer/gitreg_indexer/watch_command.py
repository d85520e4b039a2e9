"""`gitreg index watch`: keep the index up to main until a signal ends it.

- A line on stdout a catch-up; whatever stands in the way is told on stderr, once, and once more when it is over.
- SIGTERM and SIGINT end it cleanly, between two commits: exit code 0. A second signal ends it at once.
- What cannot work from the start (no registry, no such remote, no secret, a port in use) is an error before anything
  is watched.
"""

from __future__ import annotations

import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Annotated, Final, TypeAlias

import orjson
import typer

from gitreg.cli.listening import BACKLOG, listen, url_of
from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_line, progress, remark
from gitreg.cli.output import print_bytes, remark_block, shown
from gitreg.errors import GitregError, UsageError
from gitreg.repository.fetching import Remote
from gitreg_indexer.index import Index, Progress, Report
from gitreg_indexer.news import CaughtUp, News, Over, Remark, Tell, Trouble, Waiting
from gitreg_indexer.options import (
    CatalogOption,
    EveryOption,
    IndexOption,
    RemoteOption,
    SecretOption,
    check_remote_options,
)
from gitreg_indexer.polling import EVERY
from gitreg_indexer.receiving import ROOT, Receiver, read_secret
from gitreg_indexer.watching import Watcher

_ADDRESS: Final = re.compile(r"(?:(?P<host>[^\[\]:]+|\[[0-9a-fA-F:.%]+\]):)?(?P<port>\d{1,5})")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SERVER_GRACE: Final = 2
_WAKES: Final = 0.5
"""Seconds after which a wait is begun anew."""

Said: TypeAlias = "SimpleQueue[News | None]"

WebhookOption = Annotated[
    str | None,
    typer.Option(
        "--webhook",
        metavar="[HOST:]PORT",
        help="Listen here for a forge's webhooks; on 127.0.0.1 unless a host is named.",
    ),
]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where webhooks are listened for, and the secret that they must know."""

    listener: socket.socket
    secret: bytes


def watch(
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    remote: RemoteOption = None,
    every: EveryOption = None,
    webhook: WebhookOption = None,
    secret_file: SecretOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the index up to main until it is ended (Ctrl-C, SIGTERM).

    Sees commits that land in the repository itself at once. With --remote it fetches from there every so often and
    brings main forward to it; with --webhook a push to the forge has it look at once.

    \b
    Example:
      gitreg index watch --repo acme-registry.git --remote origin --every 60
    """
    check_remote_options(remote, every)
    registry = open_registry(repo)
    followed = Remote.open(registry.repo, remote) if remote else None
    hook = _open_webhook(webhook, secret_file)
    said: Said = SimpleQueue()
    index = Index.open(registry, folder, catalog=catalog)
    try:
        watcher = Watcher(
            index,
            tell=said.put,
            remote=followed,
            every=every or EVERY,
            catch_up=_with_progress(index, silent=as_json),
        )
        listening = _listening(hook, watcher, said.put) if hook else nullcontext()
        with _ended_by_signals(said), listening:
            remark(f"watching {registry.repo.branch} of {registry.repo.workdir or registry.repo.git_dir}")
            _watch(watcher, said, as_json=as_json)
    finally:
        index.close()


def _watch(watcher: Watcher, said: Said, *, as_json: bool) -> None:
    """Print what is told until somebody says that it is the end."""
    sys.stderr.flush()
    watcher.start()
    try:
        while (news := _next(said)) is not None:
            _print(news, as_json=as_json)
    finally:
        watcher.stop()
    while not said.empty():
        news_left = said.get()
        if news_left is not None:
            _print(news_left, as_json=as_json)


def _next(said: Said) -> News | None:
    """Wait for what is told next.

    Wakes up from time to time: a signal that comes just before the wait begins does not end the wait, and Python calls
    the handler only once it is over.
    """
    while True:
        with suppress(Empty):
            return said.get(timeout=_WAKES)


def _print(news: News, *, as_json: bool) -> None:
    match news:
        case CaughtUp(report):
            _print_report(report, as_json=as_json)
        case Trouble(fault):
            remark_block("\n".join(shown(line) for line in fault.text.split("\n")))
        case Over(fault):
            remark(f"over: {fault.says}")
        case Waiting(says):
            remark(f"{says}; looking on")
        case Remark(says):
            remark(says)
    sys.stdout.flush()
    sys.stderr.flush()


def _print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_bytes(orjson.dumps(report.as_data(), option=orjson.OPT_APPEND_NEWLINE))
        return
    print_line(
        f"seq {report.seq} at commit {report.commit[:12]}: {report.records} records, "
        f"{report.quarantined} quarantined, in {report.seconds:.2f} s"
    )


def _with_progress(index: Index, *, silent: bool) -> Callable[[Progress], Report]:
    """Show how far the first catching up is, which may be long; the ones after it are short."""
    is_first = True

    def catch_up(step: Progress) -> Report:
        nonlocal is_first
        silently = silent or not is_first
        is_first = False
        with progress("indexing", total=None if silently else index.pending(), silent=silently) as show:

            def count(commits: int) -> None:
                show(commits)
                step(commits)

            return index.catch_up(progress=count)

    return catch_up


@contextmanager
def _ended_by_signals(said: Said) -> Iterator[None]:
    """Have the first signal say that it is the end; after it, signals do what they did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(_number: int, _frame: FrameType | None) -> None:
        restore()
        said.put(None)

    for number in _SIGNALS:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()


def _open_webhook(address: str | None, secret_file: Path | None) -> Webhook | None:
    """Bind the socket and read the secret; `UsageError` where one is named without the other."""
    if address is None and secret_file is None:
        return None
    if address is None or secret_file is None:
        absent = "--webhook" if address is None else "--webhook-secret-file"
        raise UsageError(
            "--webhook and --webhook-secret-file go together: without a secret anybody could send",
            got=f"no {absent}",
            mend="give both: `--webhook 127.0.0.1:9000 --webhook-secret-file FILE`",
        )
    host, port = _read_address(address)
    secret = read_secret(secret_file)
    return Webhook(listen(host, port, option="--webhook", any_port="--webhook HOST:0"), secret)


def _read_address(text: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise UsageError(
            f"{text!r} is no address to listen on",
            got=repr(text),
            expected="PORT or HOST:PORT, such as 9000 or 127.0.0.1:9000 or [::1]:9000",
            mend="correct --webhook",
        )
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])


@contextmanager
def _listening(hook: Webhook, watcher: Watcher, tell: Tell) -> Iterator[None]:
    """Receive webhooks, in a thread of its own, as long as the block lasts."""
    try:
        import uvicorn  # an extra
    except ModuleNotFoundError as error:
        hook.listener.close()
        raise GitregError(
            "listening for webhooks needs uvicorn, which is not installed",
            got=str(error),
            mend="install it: `pip install 'llm-gitreg[watch]'`",
        ) from error
    receiver = Receiver(hook.secret, watcher.followed, poke=watcher.poke, say=lambda text: tell(Remark(text)))
    server = uvicorn.Server(
        uvicorn.Config(
            receiver,
            backlog=BACKLOG,
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=_SERVER_GRACE,
        )
    )
    thread = threading.Thread(target=lambda: server.run(sockets=[hook.listener]), name="gitreg-webhooks", daemon=True)
    url = url_of(hook.listener)
    thread.start()
    remark(f"webhooks at {url}{ROOT}github and {url}{ROOT}gitlab")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_SERVER_GRACE + 3)
        hook.listener.close()
