"""Measure the read API against a bare ASGI application under the same uvicorn: `python benchmarks/bench_http.py`.

- Two processes at a time: one server (uvicorn, uvloop, httptools, one worker), one client (64 connections unless it
  says otherwise, one request at a time on each, no pipelining). The bare application sends as many bytes as a record.
- Each case runs in every round, in turn with the others, so that a slow moment of the machine hits all of them; the
  best round counts. Times are figures of one machine, ratios travel better.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import Any, cast

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from gitreg.cli.listening import listen
from gitreg.refs import Ref
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from gitreg_api.app import create_app
from gitreg_indexer import Index

CONNECTIONS = 64
SECONDS = 2.0
ROUNDS = 3
NAMES = 300
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")
_NAMESPACE = b"""\
apiVersion: gitreg/v1
kind: Namespace
metadata:
  name: acme
spec:
  owners: ["@acme/nlp"]
"""
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima")


@dataclass(frozen=True)
class Case:
    """One thing to measure: paths that are asked in turn, with more headers where it needs them."""

    what: str
    paths: tuple[str, ...]
    is_bare: bool = False
    headers: str = ""
    status: int = 200
    connections: int = CONNECTIONS


@dataclass
class Result:
    """What came of a case; times in seconds."""

    per_second: float = 0.0
    times: list[float] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, requests: Iterator[bytes], status: int, result: Result, until: float) -> None:
        self._requests = requests
        self._status = b"HTTP/1.1 %d " % status
        self._result = result
        self._until = until
        self._buffer = b""
        self._expected = 0
        self._asked_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first time."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer; ask again when it is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._expected:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            if not self._buffer.startswith(self._status):
                self.done.set_exception(RuntimeError(f"a wrong answer: {self._buffer[:300]!r}"))
                self._transport.close()
                return
            length = _LENGTH.search(self._buffer, 0, head + 2)
            self._expected = head + 4 + (int(length.group(1)) if length else 0)
        if len(self._buffer) < self._expected:
            return
        now = time.perf_counter()
        self._result.times.append(now - self._asked_at)
        self._buffer, self._expected = b"", 0
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell that it is over."""
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        self._transport.write(next(self._requests))


async def measure(port: int, case: Case, seconds: float) -> Result:
    """Ask for some seconds, over all connections at once."""
    requests = cycle([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{case.headers}\r\n".encode() for path in case.paths])
    result = Result()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    until = started + seconds
    made = [
        await loop.create_connection(lambda: Client(requests, case.status, result, until), "127.0.0.1", port)
        for _ in range(case.connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(client.done for _, client in made)), seconds + 30)
    result.per_second = len(result.times) / (time.perf_counter() - started)
    return result


def bare_app(size: int) -> ASGIApp:
    """Make the least application that sends a body of a size."""
    body = b"x" * size
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % size)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


def serve(words: Sequence[str]) -> None:
    """Be the server: `bare SIZE` or `registry DIR`; prints the port, and ends with a signal."""
    app = bare_app(int(words[1])) if words[0] == "bare" else create_app(words[1])
    lifespan: Any = "off" if words[0] == "bare" else "on"
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="error",
        server_header=False,
        lifespan=lifespan,
        loop="uvloop",
        http="httptools",
    )
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def server(*words: str) -> Iterator[int]:
    """Run a server in a process of its own; gives its port."""
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout:
            process.stdout.close()


def make_registry(folder: Path, names: int) -> Registry:
    """Make a registry of models that differ, each with several versions, and its index."""
    author = Signature.parse("Bench <bench@example.com>", when=datetime.now(UTC))
    registry = Registry.init(folder, name="bench", author=author)
    drafts = [Draft(_NAMESPACE, "namespace")]
    for number in range(names):
        drafts += [Draft(_manifest(number, version), f"{number}/{version}") for version in VERSIONS]
    registry.register(drafts, author=author, approve=["GR-041"], bulk=True)  # names so alike are asked about
    index = Index.open(registry)
    index.catch_up()
    index.close()
    return registry


def _manifest(number: int, version: str) -> bytes:
    words = " ".join(_WORDS[(number * step) % len(_WORDS)] for step in (1, 3, 5, 7))
    return (
        "apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  namespace: acme\n"
        f"  name: model-{number}\n  version: {version}\n"
        f"  description: A model for {words}, version {version} of number {number}.\n"
        f"  tags: [{_WORDS[number % 12]}, {_WORDS[number // 12 % 12]}-{number % 7}]\n"
        "spec:\n  provider: openai\n  type: completion\n  checksum:\n    of: artifact\n"
        f"    digest: {sha256(f'{number}@{version}'.encode()).hexdigest()}\n"
        f"  capabilities:\n    contextLength: {1024 * (1 + number % 200)}\n"
        f"  license: Apache-2.0\n  custom:\n    acme:\n      notes: {'padding ' * 60}\n"
    ).encode()


def cases(names: int, etag: str) -> list[Case]:
    """List what is measured; the first is what the others are compared with."""
    numbers = range(names)
    refs = tuple(f"/api/v1/models/acme/model-{n}" for n in numbers)
    anew = tuple(f"/api/v1/search?q={word}&min_seq=1" for word in _WORDS)
    filtered = tuple(f"/api/v1/models?q={word}+golf&type=completion&min_seq=1" for word in _WORDS)
    return [
        Case("bare ASGI application", ("/",), is_bare=True),
        Case("get by ref, newest version", refs),
        Case("get by exact version", tuple(f"{ref}@1.1.0" for ref in refs)),
        Case("get by range (@^1)", tuple(f"{ref}@%5E1" for ref in refs)),
        Case("get by ref, 304", refs[:1], headers=f"If-None-Match: {etag}\r\n", status=304),
        Case("get by ref through FastAPI", tuple(f"{ref}?min_seq=1" for ref in refs)),
        Case("list of 20, asked again", ("/api/v1/models?limit=20",)),
        Case("list of 20, made anew", ("/api/v1/models?limit=20&min_seq=1",)),
        Case("search, one word, asked again", tuple(f"/api/v1/search?q={word}" for word in _WORDS)),
        Case("search, one word, made anew", anew),
        Case("search, made anew, one connection", anew, connections=1),
        Case("two words and a filter, made anew", filtered),
    ]


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds."""

    what: str
    per_second: float
    p50: float
    p95: float
    ratio: float


def run(*, names: int = NAMES, seconds: float = SECONDS, rounds: int = ROUNDS) -> list[Row]:
    """Measure everything; the ratio is that of requests a second to the bare application's."""
    with tempfile.TemporaryDirectory() as folder:
        registry = make_registry(Path(folder) / "registry", names)
        index = Index.open(registry)
        fact = index.reader().resolve(Ref.parse("acme/model-0"))
        index.close()
        with server("bare", str(len(fact.doc))) as bare, server("registry", str(registry.repo.workdir)) as api:
            listed = cases(names, f'"{fact.etag}"')
            best = {case.what: Result() for case in listed}
            for number in range(rounds + 1):
                for case in listed:
                    port = bare if case.is_bare else api
                    result = uvloop.run(measure(port, case, seconds if number else seconds / 4))
                    if number and result.per_second > best[case.what].per_second:
                        best[case.what] = result
    peer = best[listed[0].what].per_second
    return [_row(case.what, best[case.what], peer) for case in listed]


def _row(what: str, result: Result, peer: float) -> Row:
    cuts = quantiles(result.times, n=20)
    return Row(what, result.per_second, cuts[9] * 1000, cuts[18] * 1000, result.per_second / peer)


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    print(f"{'HTTP, one worker, 64 connections':34} {'requests/s':>10} {'p50 ms':>8} {'p95 ms':>8} {'to bare':>8}")
    for row in rows:
        print(f"{row.what:34} {row.per_second:10.0f} {row.p50:8.2f} {row.p95:8.2f} {row.ratio:8.3f}")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print; `--serve` is the server's own way in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=NAMES, help="models, each with four versions")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds for each case in each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.serve:
        serve(chosen.serve)
        return
    show(run(names=chosen.names, seconds=chosen.seconds, rounds=chosen.rounds))


if __name__ == "__main__":
    main()
