"""What the tests of the API share: a small registry, calls without a network, and what every answer must carry."""

from __future__ import annotations

import asyncio
import atexit
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx
from starlette.types import ASGIApp

from gitreg.manifests import dump_yaml
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from gitreg_api.app import create_app
from gitreg_indexer import Index

T = TypeVar("T")

UID: Final = UUID("5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10")
START: Final = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
CHAT: Final = "/api/v1/models/acme/nlp/chat"
PROBLEM: Final = "application/problem+json"


def manifest(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> bytes:
    return dump_yaml({"apiVersion": "gitreg/v1", "kind": kind, "metadata": metadata, "spec": spec}).encode()


def namespace(name: str) -> bytes:
    return manifest("Namespace", {"name": name}, {"owners": ["author@example.com"]})


def model(name: str, version: str, *, status: str = "active", **more: Any) -> bytes:
    checksum = {"of": "artifact", "digest": blake2b(f"{name} {version}".encode(), digest_size=32).hexdigest()}
    lifecycle = {"status": status, **({"reason": "It is old."} if status == "deprecated" else {})}
    spec = {"provider": "openai", "type": "completion", "checksum": checksum, "lifecycle": lifecycle}
    metadata = {"namespace": "acme/nlp", "name": name, "version": version}
    return manifest("Model", {**metadata, **more}, spec)


def aliases(name: str, **named: str) -> bytes:
    metadata = {"namespace": "acme/nlp", "name": name}
    return manifest("Aliases", metadata, {"of": "Model", "aliases": named})


def role(name: str) -> bytes:
    return manifest("Role", {"name": name}, {"permissions": ["registry:read"]})


def binding(name: str) -> bytes:
    return manifest("RoleBinding", {"name": name}, {"role": "reader", "subjects": ["svc:ci"]})


def commit(registry: Registry, number: int, *raws: bytes) -> int:
    """Land manifests as one commit; give its seq."""
    when = START + timedelta(hours=number)
    author = Signature.parse("Example Author <author@example.com>", when=when)
    receipt = registry.register([Draft(raw, f"file {n}") for n, raw in enumerate(raws)], author=author, when=when)
    assert receipt.seq is not None
    return receipt.seq


def small_registry(folder: Path) -> Registry:
    """Give a registry of six commits: a model with four versions and two aliases, others beside it."""
    shutil.copytree(_made_once(), folder)
    return Registry.open(folder)


@cache
def _made_once() -> Path:
    """Make the small registry, once for all tests of this process."""
    above = Path(mkdtemp(prefix="gitreg-api-"))
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    author = Signature.parse("Example Author <author@example.com>", when=START)
    registry = Registry.init(above / "registry", name="example", author=author, when=START, uid=UID)
    commit(registry, 1, namespace("acme"), namespace("acme/nlp"), role("reader"), binding("everyone-reads"))
    commit(registry, 2, model("chat", "1.0.0", description="Talks.", tags=["support"]), model("embed", "1.0.0"))
    commit(registry, 3, model("chat", "1.1.0", tags=["support", "fast"]), model("chat", "2.0.0", description="Talks."))
    commit(registry, 4, model("chat", "3.0.0-rc.1"), aliases("chat", production="1.1.0", stable="2.0.0"))
    commit(registry, 5, model("chat", "1.0.0", status="deprecated", description="Talked.", tags=["support"]))
    return above / "registry"


@dataclass(frozen=True)
class Api:
    """An application on a registry, called without a network."""

    registry: Registry
    index: Index
    app: ASGIApp

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return ask(self.app, method, path, **more)


def api_on(registry: Registry, folder: Path | None = None, **settings: Any) -> Api:
    """Open and fill a registry's index, and make its application."""
    index = Index.open(registry, folder)
    index.catch_up()
    return Api(registry, index, create_app(index, **{"follow": False, **settings}))


def ask(app: ASGIApp, method: str, path: str, **more: Any) -> httpx.Response:
    """Call an application once."""

    async def once(client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(method, path, **more)

    return talk(app, once)


def ask_all(app: ASGIApp, paths: Iterable[str]) -> list[httpx.Response]:
    """Call an application for several paths, one after the other."""

    async def several(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get(path) for path in paths]

    return talk(app, several)


def talk(app: ASGIApp, say: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Give a client of an application to a coroutine, and run it."""

    async def run() -> T:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry.test") as client:
            return await say(client)

    return asyncio.run(run())


def raw(response: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Give all of an answer, to compare."""
    return response.status_code, response.headers.raw, response.content


def refs(response: httpx.Response) -> Sequence[str]:
    """Give the refs of a page's items."""
    return [item["registry"]["ref"] for item in response.json()["items"]]


def digest(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()
