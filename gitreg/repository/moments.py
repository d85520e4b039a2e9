"""Moments of a registry's past, as people name them: a seq, a day, a time, a commit, a tag or branch.

- A text is read in one way everywhere, in this order: up to nine digits are a seq where main has come so far, and over
  HTTP it is waited for; a day or a time is one; hexadecimal digits are the beginning of a commit's id; all else is a
  name that Git knows.
- A time means the last commit that main had then, a day the last one that it had when the day ended (UTC). Clocks may
  go back: of the commits that are not later, the highest on main counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from gitreg.errors import NotFoundError

if TYPE_CHECKING:
    from gitreg.repository.git import GitRepository

EXPECTED: Final = "a seq, a commit, a tag or branch, a day like 2026-06-30, or a time like 2026-06-30T12:00:00Z"
_SEQ: Final = re.compile(r"[0-9]{1,9}")
_OID: Final = re.compile(r"[0-9a-f]{7,64}")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_WHOLE: Final = (40, 64)
_DAY: Final = len("2026-06-30")
_SECONDS_OF_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Moment:
    """What a text may mean, before anybody has looked.

    `seq` is a position on main. `until` is a time, in whole seconds since 1970: what had landed by then. `is_oid` tells
    that it may be the beginning of a commit's id. Where it is none of them, it may still be a name.
    """

    text: str
    seq: int | None = None
    until: int | None = None
    is_oid: bool = False

    @property
    def is_seq(self) -> bool:
        """Tell whether it is taken for a seq first; the beginning of an id may be all digits, and comes after it."""
        return self.seq is not None

    @property
    def is_commit(self) -> bool:
        """Tell whether it is a commit's whole id, which means the same for ever."""
        return self.is_oid and len(self.text) in _WHOLE


def read_moment(text: str) -> Moment:
    """Read what a text may mean."""
    bare = text.strip()
    seconds = seconds_of(bare)
    until = None if seconds is None else int(seconds // 1) + (_SECONDS_OF_DAY - 1 if len(bare) == _DAY else 0)
    return Moment(
        text=bare,
        seq=int(bare) if _SEQ.fullmatch(bare) else None,
        until=until,
        is_oid=bool(_OID.fullmatch(bare)),
    )


def seconds_of(text: str) -> float | None:
    """Read a day (its beginning, UTC) or an RFC 3339 moment as seconds since 1970; None where it is neither."""
    if not _TIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def commit_of(repo: GitRepository, text: str) -> str:
    """Find the commit that a text means: on main where it is a seq or a time, anywhere where it is a name."""
    moment = read_moment(text)
    found = None
    if moment.seq is not None:
        found = _at_seq(repo, moment.seq)
    elif moment.until is not None:
        found = _at_time(repo, moment.until)
    if found is None and (moment.is_oid or (moment.seq is None and moment.until is None)):
        found = repo.resolve(moment.text)
    if found is None:
        raise no_such_moment(text)
    return found


def position_of(repo: GitRepository, text: str) -> tuple[int, str]:
    """Find the seq and the commit that a text means on main; `NotFoundError` where it means a commit elsewhere."""
    oid = commit_of(repo, text)
    seq = repo.seq(oid)
    if _at_seq(repo, seq) != oid:
        raise not_on_main(text, oid)
    return seq, oid


def not_on_main(text: str, oid: str) -> NotFoundError:
    """Say that a text means a commit which main never stood at."""
    return NotFoundError(
        f"{text!r} is the commit {oid[:12]}, which is not on main's own line of commits",
        got=text,
        mend="name the merge that brought it to main; or run `gitreg index` if it has just landed",
    )


def no_such_moment(text: str) -> NotFoundError:
    """Say that main never had what a text means."""
    return NotFoundError(
        f"main had no commit that {text!r} means",
        got=text,
        expected=EXPECTED,
        mend="`gitreg changes` lists the commits; run `gitreg index` if it has just landed",
    )


def _at_seq(repo: GitRepository, seq: int) -> str | None:
    tip = repo.tip()
    back = repo.seq(tip) - seq if tip else -1
    return next(islice(repo.first_parents_back(tip), back, None), None) if tip and back >= 0 and seq > 0 else None


def _at_time(repo: GitRepository, until: int) -> str | None:
    tip = repo.tip()
    if tip is None:
        return None
    back = repo.first_parents_back(tip)
    return next((oid for oid in back if int(repo.commit(oid).committer.when.timestamp()) <= until), None)
