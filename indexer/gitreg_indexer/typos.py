"""Words that a misspelt word may have been meant for.

- Near is: one letter left out, put in, put in place of another, or two neighbours that changed places; words of eight
  letters or more may have two such faults. Words of one or two letters are taken as they are.
- Digits are never misspelt: `70b` is not near to `7b`, for what a number tells apart is not the same model.
- The first letter is right, or changed places with the second: nobody has to look through all words that there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SHORTEST: Final = 3
_LONG: Final = 8


def faults_allowed(word: str) -> int:
    """Tell how many faults a word may have."""
    if len(word) < _SHORTEST or word.isdigit():
        return 0
    return 2 if len(word) >= _LONG else 1


def beginnings(word: str) -> tuple[str, ...]:
    """Give the beginnings of the words that it may have been meant for."""
    swapped = word[1::-1]
    return (word[0],) if swapped[0] == word[0] else (word[0], swapped)


def near_words(word: str, known: Iterable[str]) -> dict[str, int]:
    """Give the words near to a word, each with its faults, the nearest first, then in the order of letters."""
    most = faults_allowed(word)
    starts = beginnings(word) if most else ()
    low, high, digits = len(word) - most, len(word) + most, _digits(word)
    found: dict[str, int] = {}
    for other in known:
        if low <= len(other) <= high and other.startswith(starts) and other != word and _digits(other) == digits:
            faults = faults_between(word, other, most)
            if faults <= most:
                found[other] = faults
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def _digits(word: str) -> str:
    return "" if word.isalpha() else "".join(filter(str.isdigit, word))


def faults_between(one: str, two: str, most: int) -> int:
    """Count the faults that lead from one word to another; more than `most` are not counted to the end."""
    one, two = _without_common_ends(one, two)
    if not one or not two:
        return len(one) + len(two)
    before: list[int] = []
    row = list(range(len(two) + 1))
    for at, letter in enumerate(one, start=1):
        older, before, row = before, row, [at]
        for to, other in enumerate(two, start=1):
            cost = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == two[to - 2] and one[at - 2] == other:
                cost = min(cost, older[to - 2] + 1)
            row.append(cost)
        if min(row) > most and min(before) > most:
            return most + 1
    return row[-1]


def _without_common_ends(one: str, two: str) -> tuple[str, str]:
    start = 0
    shorter = min(len(one), len(two))
    while start < shorter and one[start] == two[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == two[-1 - end]:
        end += 1
    return one[start : len(one) - end], two[start : len(two) - end]
