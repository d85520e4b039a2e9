"""What the tests of publishing share: folders as bytes, a check of everything that is listed, a web server."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from gitreg_indexer import Index
from gitreg_indexer.publishing.writing import Report, publish

SELECTORS: Final = ("", "@latest", "@1.0.0", "@1.1.0", "@^1", "@>=2", "@>=2.0.0-0", "@^7", "@stable", "@production")


def published(index: Index, where: Path, **more: Any) -> Report:
    """Publish an index's state."""
    return publish(index.catalog, where, **more)


def files_in(where: Path) -> dict[str, bytes]:
    """Give what is published in a folder: every file but the publisher's own."""
    return {
        path: (where / path).read_bytes()
        for path in sorted(str(file.relative_to(where)) for file in where.rglob("*") if file.is_file())
        if not path.startswith(".gitreg/")
    }


def json_in(raw: bytes) -> Any:
    return json.loads(raw)


def lines_in(raw: bytes) -> list[Any]:
    return [json.loads(line) for line in raw.splitlines()]


@dataclass
class Listing:
    """All that `index.json` leads to, read with nothing but the documented layout."""

    files: dict[str, bytes]
    entry: dict[str, Any]
    paths: set[str] = field(default_factory=lambda: {"index.json"})
    names: dict[str, list[Any]] = field(default_factory=dict)
    commits: list[Any] = field(default_factory=list)
    snapshot: list[bytes] = field(default_factory=list)

    def read(self, path: str, digest: str, size: int) -> bytes:
        """Read a file, which must be what its parent says."""
        raw = self.files[path]
        assert (sha256(raw).hexdigest(), len(raw)) == (digest, size), path
        self.paths.add(path)
        return raw

    def walk(self, tree: str) -> Iterator[tuple[str, str, int]]:
        """Give the entries of a list."""
        root = self.entry[tree]
        assert root["path"] == f"pages/{tree}/{root['sha256']}.json"
        yield from self._walk(tree, root["sha256"], root["size"])

    def _walk(self, tree: str, digest: str, size: int) -> Iterator[tuple[str, str, int]]:
        page = json_in(self.read(f"pages/{tree}/{digest}.json", digest, size))
        for key, inner, length in page["entries"]:
            if page["level"]:
                yield from self._walk(tree, inner, length)
            else:
                yield key, inner, length


def listed(where: Path) -> Listing:
    """Read everything that is published in a folder, and hold each digest and each size."""
    files = files_in(where)
    found = Listing(files, json_in(files["index.json"]))
    for key, digest, size in found.walk("names"):
        word, namespace, name = key.split(" ")
        place = name if word == "namespace" else f"{namespace}/{name}".lstrip("/")
        lines = lines_in(found.read(f"names/{word}/{place}.{digest}.ndjson", digest, size))
        found.names[key] = lines
        for line in lines:
            record_of(found, line)
    for key, digest, size in found.walk("changes"):
        last, first = key.split(" ")
        lines = lines_in(found.read(f"changes/{first}-{last}.{digest}.ndjson", digest, size))
        assert [lines[0]["seq"], lines[-1]["seq"]] == [int(first), int(last)]
        found.commits += lines
        for change in (change for line in lines for change in line["changes"] if change["digest"]):
            record_of(found, change)
    for _, digest, size in found.walk("snapshot"):
        raw = gzip.decompress(found.read(f"snapshot/{digest}.ndjson.gz", digest, size))
        found.snapshot += raw.splitlines()
    return found


def record_of(found: Listing, line: dict[str, Any]) -> bytes:
    """Read the record that a line names."""
    algorithm, _, digest = line["digest"].partition(":")
    assert algorithm == "sha256"
    return found.read(f"records/sha256/{digest[:2]}/{digest[2:]}.json", digest, line["size"])


def holds_nothing_else(where: Path) -> Listing:
    """Hold that everything is listed that is there, and counted."""
    found = listed(where)
    assert set(found.files) == found.paths
    assert found.entry["counts"]["files"] == len(found.paths)
    assert found.entry["counts"]["names"] == len(found.names)
    assert found.entry["counts"]["records"] == len(found.snapshot)
    return found


# A web server


@dataclass
class Asked:
    """A request, and how it was answered."""

    path: str
    status: int
    headers: dict[str, str]


@dataclass
class Web:
    """A folder on a web server. `spoil` may change what is sent: given a path, it gives status, headers and body."""

    url: str
    asked: list[Asked]
    spoil: dict[str, Callable[[BaseHTTPRequestHandler], bool]]
    connections: int = 0

    def paths(self, status: int | None = None) -> list[str]:
        """List the paths that were asked for, with one status or any."""
        return [asked.path for asked in self.asked if status in (None, asked.status)]

    def forget(self) -> None:
        """Forget what was asked so far."""
        self.asked.clear()


@contextmanager
def served(where: Path, *, etags: bool = True, port: int = 0) -> Iterator[Web]:
    """Serve a folder as a CDN does: strong ETags, 304, nothing else."""
    web = Web("", [], {})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            wrong = web.spoil.get(path)
            if wrong is not None:
                web.asked.append(Asked(path, 0, dict(self.headers)))
                if wrong(self):
                    return
                web.asked.pop()
            file = where / path
            if not file.is_file():
                self.answer(404, b"", path=path)
                return
            raw = file.read_bytes()
            etag = f'"{sha256(raw).hexdigest()}"'
            if etags and self.headers.get("If-None-Match") == etag:
                self.answer(304, b"", path=path, ETag=etag)
            else:
                self.answer(200, raw, path=path, **({"ETag": etag} if etags else {}))

        def answer(self, status: int, body: bytes, *, path: str, **headers: str) -> None:
            web.asked.append(Asked(path, status, dict(self.headers)))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def setup(self) -> None:
            web.connections += 1
            super().setup()

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sends(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    """Answer with something else."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        return True

    return answer
