"""The lines of a name's file, read; and which of them a ref means.

- A line is taken only if its ref is the one that its version says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gitreg.errors import NotFoundError
from gitreg.refs import KINDS, Ref, is_version
from gitreg.resolution import ENDED, choose, why_nothing
from gitreg.versions import Version
from gitreg_indexer.publishing.layout import Stated

DIGEST: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Line:
    """A version, an aliases record or a record without versions, and where it is. `aliases` is None but for aliases."""

    ref: str
    version: str | None
    status: str | None
    aliases: dict[str, str] | None
    stated: Stated


def read_line(raw: bytes) -> Line:
    """Read a line; ValueError says what is wrong with it."""
    data = orjson.loads(raw)
    if not isinstance(data, dict) or not isinstance(data.get("ref"), str):
        raise ValueError("it is not the line of a record")  # noqa: TRY004 - as of any wrong text
    aliases, version = data.get("aliases"), _text_or_none(data.get("version"))
    if version is not None and not is_version(version):
        raise ValueError(f"{version!r} is not a version")
    if aliases is not None and not isinstance(aliases, dict):
        raise ValueError(f"{aliases!r} are no aliases")
    return Line(
        ref=data["ref"],
        version=version,
        status=_text_or_none(data.get("status")),
        aliases={str(name): str(version) for name, version in aliases.items()} if aliases is not None else None,
        stated=stated_in(data),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit did to a record. `stated` is what it is since then; None where it was removed."""

    change: str
    ref: str
    path: str
    stated: Stated | None


@dataclass(frozen=True, slots=True)
class Told:
    """A commit as the feed tells it."""

    seq: int
    commit: str
    time: str
    author: str
    message: str
    changes: tuple[Change, ...]


def read_commit(raw: bytes) -> Told:
    """Read a line of the feed; ValueError says what is wrong with it."""
    data = orjson.loads(raw)
    if not isinstance(data, dict) or not isinstance(data.get("seq"), int):
        raise ValueError("it is not the line of a commit")  # noqa: TRY004 - as of any wrong text
    changes = data.get("changes")
    if not isinstance(changes, list):
        raise ValueError(f"{changes!r} are no changes")  # noqa: TRY004
    commit, time, author, message = (_text(data, name) for name in ("commit", "time", "author", "message"))
    return Told(data["seq"], commit, time, author, message, tuple(_change(found) for found in changes))


def _change(data: Any) -> Change:
    if not isinstance(data, dict):
        raise ValueError(f"{data!r} is no change")  # noqa: TRY004
    word = _text(data, "change")
    stated = None if word == "removed" else stated_in(data)
    return Change(word, _text(data, "ref"), _text(data, "path"), stated)


def _text(data: dict[str, Any], name: str) -> str:
    found = data.get(name)
    if not isinstance(found, str):
        raise ValueError(f"its {name!r} is {found!r}, not a text")  # noqa: TRY004
    return found


def stated_in(data: dict[str, Any]) -> Stated:
    """Read what a record must be: `digest` and `size`; ValueError where they are none."""
    digest = data.get("digest")
    if not isinstance(digest, str) or not digest.startswith(DIGEST):
        raise ValueError(f"{digest!r} is not a digest")
    return Stated.checked(digest.removeprefix(DIGEST), data.get("size"))


def _text_or_none(found: Any) -> str | None:
    return found if isinstance(found, str) else None


def chosen_line(ref: Ref, lines: Sequence[Line]) -> Line:
    """Choose the line that a ref means; `NotFoundError` says what there is instead."""
    if not KINDS[ref.kind].is_versioned:
        found = next((line for line in lines if line.ref == ref.place), None)
        if found is None:
            raise no_such(ref)
        return found
    versions = {
        Version.parse(line.version): line
        for line in lines
        if line.version is not None and line.ref == ref.address(line.version).ref
    }
    if not versions:
        raise no_such(ref)
    ordered = tuple(sorted(versions, reverse=True))
    aliases = next((line.aliases for line in lines if line.aliases is not None), {})
    chosen = choose(ref.selector, ordered, aliases, lambda version: versions[version].status in ENDED)
    if chosen is None:
        raise NotFoundError(
            f"{ref} means nothing: {why_nothing(ref.selector, ordered, aliases)}",
            got=str(ref),
            mend="ask for one of those",
        )
    return versions[chosen]


def no_such(ref: Ref, *, where: str | None = None, hint: str = "check the name") -> NotFoundError:
    """Say that nothing stands under a name."""
    return NotFoundError(f"there is no {ref.place}", where=where, got=str(ref), mend=hint)
