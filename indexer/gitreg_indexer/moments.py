"""Moments of the registry's past, as people name them: a seq, a commit, a tag, a day, a time.

- Each means a position on main: for a time, the last commit that main had then; for a day, at its end (UTC).
- What has not been indexed, or was not kept, is an error that says so, never an empty past.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from gitreg.errors import GitregError, NotFoundError, UsageError
from gitreg.repository.git import GitRepository
from gitreg_indexer.catalog import Position, about_in, commits, number_of
from gitreg_indexer.values import seconds_of

EXPECTED: Final = "a seq, a commit, a tag or branch, a day like 2026-06-30, or a time like 2026-06-30T12:00:00Z"
_SEQ: Final = re.compile(r"[0-9]{1,9}")
_OID: Final = re.compile(r"[0-9a-f]{7,64}")
_DAY: Final = 10


class NoHistoryError(GitregError):
    """The index was made without the past that is asked for."""

    code = "no-history"


def moment_in(db: sa.Connection, when: str, repo: GitRepository) -> Position:
    """Find the position that is meant; `UsageError` for what cannot be one, `NotFoundError` for what main never had."""
    text = when.strip()
    found = _found(db, text, repo)
    if found is None:
        raise NotFoundError(
            f"main had no commit that {when!r} means",
            got=when,
            expected=EXPECTED,
            mend="`gitreg changes` lists the commits; run `gitreg index` if it has just landed",
        )
    about = about_in(db)
    begins = number_of(about, "history_from", 1)
    if found.seq < begins:
        raise NoHistoryError(
            f"the index holds nothing before seq {begins}, and {when!r} is seq {found.seq}",
            got=found.seq,
            expected=f"seq {begins} or later",
            mend="run `gitreg index --history full` to have the whole past",
        )
    return found


def _found(db: sa.Connection, text: str, repo: GitRepository) -> Position | None:
    if _SEQ.fullmatch(text):
        found = _one(db, commits.c.seq == int(text))
        if found is not None or not _OID.fullmatch(text):
            return found
    seconds = seconds_of(text)
    if seconds is not None:
        return _at_time(db, seconds + (86_399 if len(text) == _DAY else 0))
    if _OID.fullmatch(text):
        listed = _several(db, text)
        if len(listed) > 1:
            raise UsageError(
                f"{text!r} is the beginning of several commits",
                got=text,
                expected=" or ".join(position.commit[:16] for position in listed),
                mend="give more of its digits",
            )
        if listed:
            return listed[0]
    return _named(db, text, repo)


def _one(db: sa.Connection, *where: sa.ColumnElement[bool]) -> Position | None:
    row = db.execute(sa.select(commits.c.seq, commits.c.oid).where(*where)).first()
    return Position(row.seq, row.oid) if row else None


def _several(db: sa.Connection, start: str) -> list[Position]:
    query = sa.select(commits.c.seq, commits.c.oid).where(commits.c.oid >= start, commits.c.oid < f"{start}g")
    return [Position(row.seq, row.oid) for row in db.execute(query.limit(3))]


def _at_time(db: sa.Connection, seconds: float) -> Position | None:
    """Find the last commit that main had at a time; clocks may go back, so the highest seq of those before it."""
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = sa.select(commits.c.seq, commits.c.oid).where(commits.c.time <= text).order_by(commits.c.seq.desc())
    row = db.execute(query.limit(1)).first()
    return Position(row.seq, row.oid) if row else None


def _named(db: sa.Connection, text: str, repo: GitRepository) -> Position | None:
    try:
        oid = repo.resolve(text)
    except GitregError as error:
        raise UsageError(
            f"{text!r} is no moment of this registry", got=text, expected=EXPECTED, mend=error.mend
        ) from error
    found = _one(db, commits.c.oid == oid)
    if found is None:
        raise NotFoundError(
            f"{text!r} is the commit {oid[:12]}, which is not on main's own line of commits",
            got=text,
            mend="name the merge that brought it to main; or run `gitreg index` if it has just landed",
        )
    return found
