"""Lays down the demo registry, and says what to try with it.

- Two runs give the same commit ids: authors, times and the registry's uid are fixed.
- It is made beside its place and moved there whole, so that an interrupted run leaves no half of it.
- A folder that holds it already is used again, with whatever has been added to it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Final

from gitreg.errors import GitregError, RepositoryError
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from gitreg_api.demo import Step, steps
from gitreg_indexer import Index, nearness

NAME: Final = "northwind"
UID: Final = uuid.UUID("6a1f9c1e-52d0-5d0b-9a53-2f6f2b7c8e10")
_MODEL: Final = "northwind/support/ticket-classifier"


def demo_registry(folder: Path) -> Registry:
    """Give the demo registry in a folder, laid down where it is not there yet."""
    where = folder.absolute()
    if where.is_dir() and any(where.iterdir()):
        return _used_again(where)
    if where.exists() and not where.is_dir():
        raise _taken(where, "a file")
    _lay_down(where)
    return Registry.open(where)


def index_demo(registry: Registry) -> int:
    """Index the demo registry; gives the number of its records."""
    index = Index.open(registry)
    try:
        records = index.catch_up().records
        nearness.catch_up(index)
        return records
    finally:
        index.close()


def tour(folder: Path, url: str | None) -> str:
    """Say what to try, over HTTP where it is served at a URL, and with gitreg."""
    repo = shlex.quote(str(folder.absolute()))
    lines = [] if url is None else [f"The registry {NAME} is served at {url}", "", "Over HTTP:", *_curls(url), ""]
    lines += [
        "With gitreg:",
        f"  export GITREG_REPO={repo}",
        "  gitreg list model",
        f"  gitreg get {_MODEL}@^1 --json",
        f"  gitreg resolve {_MODEL}@production",
        f"  gitreg history {_MODEL}@1.0.0",
        "  gitreg search ticket --sort -updatedAt",
        f"  git -C {repo} log --oneline",
    ]
    if url is None:
        lines.append("  gitreg serve")
    return "\n".join(lines)


def _curls(url: str) -> list[str]:
    paths = (
        f"/api/v1/models/{_MODEL}",
        f"/api/v1/models/{_MODEL}@%5E1",
        f"/api/v1/models/{_MODEL}@production",
        f"/api/v1/models/{_MODEL}/history",
        "/api/v1/search?q=ticket&kind=pipeline",
        "/api/v1/models?provider=anthropic&sort=-updatedAt",
    )
    return [f"  curl -s '{url}{path}'" for path in paths]


def _used_again(where: Path) -> Registry:
    try:
        registry = Registry.open(where)
    except RepositoryError as error:
        raise _taken(where, "other files") from error
    workdir = registry.repo.workdir
    if workdir is None or Path(workdir).resolve() != where.resolve() or registry.uid != str(UID):
        raise _taken(where, "another registry" if workdir else "a bare repository")
    return registry


def _taken(where: Path, what: str) -> GitregError:
    return GitregError(
        "the demo needs a folder of its own",
        where=str(where),
        got=what,
        expected="a new or empty folder, or one that the demo made",
        mend="name another one: `gitreg demo DIR`",
    )


def _lay_down(where: Path) -> None:
    beside = where.with_name(f".{where.name}.{os.getpid()}.new")
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        _make(beside)
        beside.rename(where)
    except OSError as error:
        raise GitregError(
            "the demo cannot be laid down",
            where=str(where),
            got=error.strerror or str(error),
            mend="name a folder that can be written: `gitreg demo DIR`",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _make(where: Path) -> None:
    registry: Registry | None = None
    for step in steps():
        if registry is None:
            founded = step.when - timedelta(hours=1)
            author = Signature.parse(step.author, when=founded)
            registry = Registry.init(where, name=NAME, author=author, when=founded, uid=UID)
        _apply(registry, step)


def _apply(registry: Registry, step: Step) -> None:
    drafts = [Draft(raw, path) for path, raw in step.files.items()]
    author = Signature.parse(step.author, when=step.when)
    registry.register(drafts, author=author, message=step.message, when=step.when, approve=step.approved)
