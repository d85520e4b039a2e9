"""Moments of the registry's past, as people name them: a seq, a commit, a tag, a day, a time.

- What a text means is read by the core (`gitreg.repository.moments`); here it is looked up among the indexed commits.
- Who asks over a network names a commit; a revision, which may walk all of history (`main~1000000`), is for those at
  the repository. What is named beside main is not there for them: ids of other branches are not told.
- What has not been indexed, or was not kept, is an error that says so, never an empty past.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from gitreg.errors import GitregError, UsageError
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg.repository.moments import EXPECTED, no_such_moment, not_on_main, read_moment
from gitreg_indexer.alarms import Alarm, alarm_in
from gitreg_indexer.catalog import Position, about_in, number_of, position_of
from gitreg_indexer.tables import commits

SINCE: Final = "a commit's whole id, or a seq, the position of a commit on main; 0 for the beginning"
_SEQ: Final = re.compile(r"[0-9]{1,39}")
_LONGEST_NAME: Final = 200
_SEARCHES: Final = re.compile(r"[:{\s\x00-\x1f]")
"""What makes a revision search messages, reflogs or trees: whoever asks over a network must not set that going."""
_RECKONS: Final = re.compile(r"[~^\\]|@\{|\.\.|^@$")
"""What makes a revision reckon from another commit."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = int((datetime(1, 1, 2, tzinfo=UTC) - _EPOCH).total_seconds())
_LATEST: Final = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds())


class NoHistoryError(GitregError):
    """The index was made without the past that is asked for."""

    code = "no-history"


class SinceGoneError(GitregError):
    """Main does not have what changes are asked since: it was rewritten, or has not come to it. As of a position."""

    code = "since-gone"

    def __init__(self, since: int | str, position: Position) -> None:
        is_seq = isinstance(since, int)
        super().__init__(
            f"main has not come to {named_since(since)}" if is_seq else f"main does not have {named_since(since)}",
            got=since,
            expected=f"at most {position.seq}" if is_seq else "a commit of main",
            mend="where an earlier answer or a receipt named it, main was rewritten: begin anew, since 0",
        )
        self.position = position


def named_since(since: int | str) -> str:
    """Name what changes are asked since."""
    return f"seq {since}" if isinstance(since, int) else f"commit {since[:12]}"


def read_since(text: str) -> int | str:
    """Read what changes are asked since: a seq, or a commit's whole id; `ValueError` for anything else."""
    if _SEQ.fullmatch(text):
        return int(text)
    if read_moment(text).is_commit:
        return text
    raise ValueError(SINCE)


def moment_in(db: sa.Connection, when: str, repo: GitRepository, *, names_only: bool = False) -> Position:
    """Find the position that is meant; `UsageError` for what cannot be one, `NotFoundError` for what main never had.

    With `names_only`, of what Git knows only branches and tags by their names, as those over a network may ask.
    """
    found = _found(db, when, repo, _named_only if names_only else _named)
    if found is None:
        raise no_such_moment(when)
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


_Naming = Callable[[sa.Connection, str, GitRepository], Position | None]


def _found(db: sa.Connection, when: str, repo: GitRepository, named: _Naming) -> Position | None:
    moment = read_moment(when)
    if moment.seq is not None:
        found = _one(db, commits.c.seq == moment.seq)
        if found is not None or not moment.is_oid:
            return found
    if moment.until is not None:
        return _at_time(db, moment.until)
    if moment.is_oid:
        listed = _several(db, moment.text)
        if len(listed) > 1:
            raise UsageError(
                f"{moment.text!r} is the beginning of several commits",
                got=moment.text,
                expected=" or ".join(position.commit[:16] for position in listed),
                mend="give more of its digits",
            )
        if listed:
            return listed[0]
    if len(moment.text) > _LONGEST_NAME or _SEARCHES.search(moment.text):
        raise _no_moment(moment.text[:_LONGEST_NAME], mend="name a commit by its id, a tag or a branch")
    return named(db, moment.text, repo)


def _one(db: sa.Connection, *where: sa.ColumnElement[bool]) -> Position | None:
    row = db.execute(sa.select(commits.c.seq, commits.c.oid).where(*where)).first()
    return Position(row.seq, row.oid) if row else None


def _several(db: sa.Connection, start: str) -> list[Position]:
    query = sa.select(commits.c.seq, commits.c.oid).where(commits.c.oid >= start, commits.c.oid < f"{start}g")
    return [Position(row.seq, row.oid) for row in db.execute(query.order_by(commits.c.oid).limit(3))]


def _at_time(db: sa.Connection, until: int) -> Position | None:
    """Find the last commit that main had at a time; clocks may go back, so the highest seq of those before it."""
    time = _EPOCH + timedelta(seconds=min(max(until, _EARLIEST), _LATEST))
    text = time.replace(tzinfo=None).isoformat() + "Z"
    query = sa.select(commits.c.seq, commits.c.oid).where(commits.c.time <= text).order_by(commits.c.seq.desc())
    row = db.execute(query.limit(1)).first()
    return Position(row.seq, row.oid) if row else None


def _named(db: sa.Connection, text: str, repo: GitRepository) -> Position | None:
    try:
        oid = repo.resolve(text)
    except GitregError as error:
        raise _no_moment(text, mend=error.mend) from error
    found = _one(db, commits.c.oid == oid)
    if found is None:
        alarm = _alarm(db)
        if alarm is not None and oid in repo.first_parents_back(alarm.tip):
            raise _rewritten_to(text, oid, repo)
        raise not_on_main(text, oid)
    return found


def _named_only(db: sa.Connection, text: str, repo: GitRepository) -> Position | None:
    if _RECKONS.search(text):
        raise _no_moment(text, mend="name a commit by its seq or its id (`git rev-parse` tells it), a tag or a branch")
    oid = repo.named(text) or (text if read_moment(text).is_commit else None)
    if oid is None:
        raise _no_moment(text, mend="see what there is with `git log --oneline` and `git tag`")
    found, alarm = _one(db, commits.c.oid == oid), _alarm(db)
    if found is None and alarm is not None and oid == alarm.tip:
        raise _rewritten_to(text, oid, repo)
    return found


def _alarm(db: sa.Connection) -> Alarm | None:
    """Give the alarm of a main that does not descend from where the index stands."""
    about = about_in(db)
    alarm = alarm_in(about)
    return alarm if alarm is not None and alarm.commit == position_of(about).commit else None


def _rewritten_to(text: str, oid: str, repo: GitRepository) -> HistoryRewritten:
    return HistoryRewritten(
        f"{text!r} is the commit {oid[:12]}, and the index has not got it: main was rewritten since the index was made",
        where=repo.branch,
        got=text,
        expected="a moment of main as the index has it",
        mend="find out who did it and put the branch back; to follow it all the same, "
        "run `gitreg index accept-rewrite`",
    )


def _no_moment(text: str, *, mend: str) -> UsageError:
    return UsageError(f"{text!r} is no moment of this registry", got=text, expected=EXPECTED, mend=mend)
