"""The demo organisation's history: what each of its commits adds or changes, in order.

- A step is a folder under `demo_history/`: `commit.yaml` says who, when and why; every other file stands at
  its path in the registry repo, whole.
- Nothing here touches Git or the clock: the steps are the same on every day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import yaml

_COMMIT: Final = "commit.yaml"


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: its author as `Name <address>`, its time, its message, and whole files by path.

    `approved` are codes of rules whose human decision was taken.
    """

    author: str
    when: datetime
    message: str
    files: dict[str, bytes]
    approved: tuple[str, ...] = ()


def steps() -> Iterator[Step]:
    """Give the commits of the demo organisation, oldest first."""
    history = files("gitreg_api") / "demo_history"
    for folder in sorted(history.iterdir(), key=lambda entry: entry.name):
        if folder.is_dir():
            yield _read_step(folder)


def _read_step(folder: Traversable) -> Step:
    about = yaml.safe_load((folder / _COMMIT).read_text(encoding="utf-8"))
    content = {path: raw for path, raw in _files_below(folder, "") if path != _COMMIT}
    when = datetime.fromisoformat(about["date"])
    approved = tuple(about.get("approved", ()))
    return Step(about["author"], when, about["message"].rstrip("\n"), content, approved)


def _files_below(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _files_below(entry, f"{path}/")
        else:
            yield path, entry.read_bytes()
