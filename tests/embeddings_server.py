"""A small server that speaks OpenAI's `/v1/embeddings`, for tests: it listens on 127.0.0.1 and fails on demand.

- Its vectors depend on the text alone: `vector_of` says which.
- A fault is for the next call; when there are none left, calls are answered well.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32


@dataclass(frozen=True)
class Fault:
    """What happens to one call: a status, a wait before the answer, a body of its own, or another good answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hangs: float = 0.0
    hangs_up: bool = False
    change: Callable[[dict[str, Any]], Any] | None = None


@dataclass(frozen=True)
class Call:
    """A call that came."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class EmbeddingsServer:
    """What the server is told, and what it was asked."""

    dimensions: int = 8
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def vector_of(self, text: str) -> list[float]:
        """Give a text's vector: not of length 1, as not every server's are."""
        return [(crc32(f"{place} {text}".encode()) % 2001 - 1000) / 250 for place in range(self.dimensions)]

    def asked(self) -> list[list[str]]:
        """Give the texts of each call."""
        return [call.body["input"] for call in self.calls]

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a good answer, last things first: a client must go by the index."""
        data = [
            {"object": "embedding", "index": index, "embedding": self.vector_of(text)}
            for index, text in enumerate(body["input"])
        ]
        return {"object": "list", "data": data[::-1], "model": body["model"], "usage": {"total_tokens": 1}}


@contextmanager
def embeddings_server(**about: Any) -> Iterator[EmbeddingsServer]:
    """Run the server while the context lasts."""
    state = EmbeddingsServer(**about)
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.calls.append(Call(self.path, body, dict(self.headers)))
            fault = state.faults.pop(0) if state.faults else Fault()
            if fault.hangs:
                stopping.wait(fault.hangs)
            if fault.hangs_up:
                self.close_connection = True
                return
            self._send(fault, body)

        def _send(self, fault: Fault, body: dict[str, Any]) -> None:
            raw = fault.body
            if raw is None:
                answer: Any = state.answer(body) if fault.status == 200 else {"error": {"message": "a fault"}}
                raw = json.dumps(fault.change(answer) if fault.change else answer).encode()
            try:
                self.send_response(fault.status)
                for name, value in {"Content-Length": str(len(raw)), **fault.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)
            except OSError:  # the client did not wait
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
