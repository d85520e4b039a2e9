"""The three answers that there are to a question about schemas, and how several make one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Cover:
    """Whether what is asked holds, and why: a path within the schema and words. `yes` and `no` are certain."""

    verdict: Literal["yes", "no", "unknown"]
    why: str

    @property
    def is_yes(self) -> bool:
        """Tell whether it certainly holds."""
        return self.verdict == "yes"

    @property
    def is_no(self) -> bool:
        """Tell whether it certainly does not hold."""
        return self.verdict == "no"


YES: Final = Cover("yes", "")


def no(path: str, words: str) -> Cover:
    """Refuse, at a place."""
    return Cover("no", f"{path}: {words}")


def unknown(path: str, words: str) -> Cover:
    """Leave it open, at a place."""
    return Cover("unknown", f"{path}: {words}")


def every(answers: Iterable[Cover]) -> Cover:
    """Answer whether all hold: the first no, or else the first unknown."""
    open_one = YES
    for answer in answers:
        if answer.is_no:
            return answer
        if open_one.is_yes:
            open_one = answer
    return open_one


def some(answers: Iterable[Cover], otherwise: Cover) -> Cover:
    """Answer whether any holds; `otherwise` is said where none does."""
    open_one = otherwise
    for answer in answers:
        if answer.is_yes:
            return answer
        if answer.verdict == "unknown" and open_one.is_no:
            open_one = answer
    return open_one


def opposite(answer: Cover, path: str, words: str) -> Cover:
    """Answer whether it does not hold."""
    if answer.is_yes:
        return no(path, words)
    return YES if answer.is_no else answer
