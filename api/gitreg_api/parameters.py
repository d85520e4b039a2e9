"""What routes take: how the words of a query are read, what all reads take, and the refusal of what none takes.

- A parameter without a value is the same as none; an unknown one is refused, since a typo would widen the question.
- What is expected of a parameter is said in one place: `EXPECTED`, or `Unfit` where routes differ in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticUseDefault

from gitreg.errors import UsageError
from gitreg.repository.moments import EXPECTED as MOMENTS
from gitreg.repository.moments import read_moment
from gitreg_indexer.moments import SINCE, read_since
from gitreg_indexer.texts import LONGEST

MAX_LIMIT: Final = 1000
MAX_OFFSET: Final = 1_000_000
MAX_TEXT: Final = LONGEST
MAX_WHEN: Final = 200
REFS: Final = "[kind:]namespace/name[@selector]"
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}")

EXPECTED: Final = {
    "limit": f"a whole number from 1 to {MAX_LIMIT}",
    "offset": f"a whole number from 0 to {MAX_OFFSET}",
    "min_seq": "a whole number, the seq of a commit",
    "q": f"at most {MAX_TEXT} characters",
    "at": MOMENTS,
    "since": SINCE,
    "highlight": "true or false",
    "all": "true or false",
    "plan": "true or false",
    "ref": REFS,
    "from": f"{REFS}; of /graph/diff {MOMENTS}",
    "to": f"{REFS}; of /graph/diff {MOMENTS}",
    "model": REFS,
    "cursor": "the cursor of an earlier answer",
}


class Unfit(ValueError):  # noqa: N818 - it is what the value is
    """A value that a parameter does not take; `expected` says which it takes."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


def _given(value: Any) -> Any:
    """Take a parameter without a value as one that is not there."""
    if value == "" or value is None:
        raise PydanticUseDefault
    return value


def _each_given(value: Any) -> Any:
    return [item for item in value if item != ""] if isinstance(value, list) else value


def _each_listed(value: Any) -> Any:
    """Take `a,b` for the same as `a` and `b`."""
    if not isinstance(value, list):
        return value
    return [part.strip() for item in value for part in str(item).split(",") if part.strip()]


def _flag(value: Any) -> Any:
    given = _given(value)
    if isinstance(given, str):
        if given not in _FLAGS:
            raise ValueError("neither true nor false")
        return _FLAGS[given]
    return given


_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def _whole(value: Any) -> Any:
    given = _given(value)
    if isinstance(given, str) and not _WHOLE_NUMBER.fullmatch(given):
        raise ValueError("not a whole number")
    return given


def _since(value: Any) -> Any:
    given = _given(value)
    return read_since(given) if isinstance(given, str) else given


def between(low: int, high: int) -> BeforeValidator:
    """Take a whole number in a range that is this parameter's own."""

    def within(value: Any) -> Any:
        try:
            given = _whole(value)
            number = int(given)
        except ValueError as error:
            raise Unfit(f"a whole number from {low} to {high}") from error
        if not low <= number <= high:
            raise Unfit(f"a whole number from {low} to {high}")
        return number

    return BeforeValidator(within)


_LOST_PLUS: Final = re.compile(r"([0-9-]{10}[Tt][0-9:.]+) ([0-9]{2}:[0-9]{2})")


def _zoned(value: Any) -> Any:
    """Take a blank in front of a time's zone for the `+` that it was: an unescaped one comes as a blank."""
    found = _LOST_PLUS.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}+{found[2]}" if found else value


Text = Annotated[str | None, BeforeValidator(_given)]
When = Annotated[str | None, BeforeValidator(_given), BeforeValidator(_zoned)]
"""A moment of the past; no name of one has a blank in it."""
GivenWhen = Annotated[str, BeforeValidator(_zoned)]
"""A moment that must be given."""
Word = Annotated[str, BeforeValidator(_given)]
"""Text that is never missing: there is a default."""
Words = Annotated[list[str], BeforeValidator(_each_given)]
Names = Annotated[list[str], BeforeValidator(_each_listed)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]
Since = Annotated[
    Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")],
    BeforeValidator(_since),
]
WholeOrNone = Annotated[int | None, BeforeValidator(_whole)]


class Waiting(BaseModel):
    """What everything takes that is answered from the index."""

    min_seq: WholeOrNone = Field(
        None,
        ge=0,
        description="Wait until the index has reached this seq, so that a write that was acknowledged with it is "
        "seen; 503 with Retry-After when it takes longer than five seconds, and at once while main is rewritten and "
        "the index stands on what it was before.",
        examples=[42],
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        return self.min_seq


class Asking(Waiting):
    """What every read of records takes."""

    at: When = Field(
        None,
        max_length=MAX_WHEN,
        description="Answer as of this moment: a seq, a commit (its whole id or the beginning), a tag or branch, a day "
        "(at its end, UTC) or an RFC 3339 time. The answer is byte for byte what an index of that commit gives. A seq "
        "that is not indexed yet is waited for like `min_seq`.",
        examples=["2026-06-30", "42", "v1.0", "2026-06-30T12:00:00Z"],
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        moment = read_moment(self.at) if self.at is not None else None
        return max(self.min_seq or 0, (moment.seq or 0) if moment and moment.is_seq else 0) or None


class PageAsking(Asking):
    """What every read of several things takes."""

    limit: Whole = Field(20, ge=1, le=MAX_LIMIT, description="How many items to give at most.")
    offset: Whole = Field(0, ge=0, le=MAX_OFFSET, description="How many items to skip.")


@dataclass(frozen=True, slots=True)
class Only:
    """Refuses parameters that a route does not take, and ones given twice that it takes once."""

    known: tuple[str, ...]
    repeatable: frozenset[str]

    async def __call__(self, request: Request) -> None:
        """Look at the names of a request's parameters."""
        check_names([name for name, _ in request.query_params.multi_items()], self.known, self.repeatable)


def only(asking: type[BaseModel] | None = None) -> Only:
    """Take the parameters of a model, and no others."""
    fields = asking.model_fields if asking else {}
    repeatable = frozenset(name for name, field in fields.items() if field.annotation == list[str])
    return Only(tuple(field.alias or name for name, field in fields.items()), repeatable)


def check_names(names: list[str], known: Collection[str], repeatable: Collection[str]) -> None:
    """Refuse parameter names that are unknown or given too often, with the nearest known one."""
    for name in names:
        if name not in known:
            near = get_close_matches(name.casefold(), known, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            takes = f"this path takes {', '.join(known)}" if known else "this path takes none"
            raise UsageError(
                f"there is no parameter `{name}`",
                got=name,
                expected=", ".join(known) or None,
                mend=f"{hint}{takes}",
            )
        if name not in repeatable and names.count(name) > 1:
            raise UsageError(
                f"the parameter `{name}` is given {names.count(name)} times, and one is meant",
                got=name,
                mend=f"give it once; {', '.join(sorted(repeatable)) or 'none here'} may be repeated",
            )
