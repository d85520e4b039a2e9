"""What a filter asks of a record, as values: a tree that every search engine answers alike.

- A path is a canonical path of the stored document without list positions (`spec.capabilities.contextLength`,
  `metadata.tags`, `spec.custom.acme/nlp.costCentre`, `registry.createdAt`); in a list any item may hold.
- A comparison with a path at which nothing is stated does not hold; its negation does.
- Numbers, texts and truth values are never the same, and each condition asks for one sort: what else stands at the path
  does not fit. Times are numbers: seconds since 1970, UTC.
- `filters.evaluation.holds` says exactly what each means; every engine answers as it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from gitreg.versions import Range

WHOLE: Final = frozenset(
    f"registry.{name}" for name in ("id", "ref", "path", "blob", "commit", "createdAt", "updatedAt")
)
"""Paths whose texts nobody looks for by their words: what they say is said elsewhere, or is one thing."""


@dataclass(frozen=True, slots=True)
class Is:
    """The value at the path is this one: text to the letter, numbers by value."""

    path: str
    value: str | float | bool


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The whole text at the path starts with this one, both folded (`engine.folded`): `qwen` fits `Qwen2-72B`."""

    path: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Says:
    """The text at the path is this one, both folded, or has all its words (`engine.words_of`), in any order.

    In a list one text has them all. A text without words (`--`) is only the same as itself, and so is every text at a
    path of `WHOLE`.
    """

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Between:
    """The number at the path lies between two, of which either may be absent; one and the same number does both."""

    path: str
    low: float | None = None
    high: float | None = None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True, slots=True)
class Satisfies:
    """The text at the path is a version (semver, `Version.parse`), and the range allows it."""

    path: str
    range: Range


@dataclass(frozen=True, slots=True)
class Has:
    """Something is stated at the path or below it (`path.`): an empty list or map states nothing."""

    path: str


@dataclass(frozen=True, slots=True)
class Within:
    """The record stands in the namespace or below it; the Namespace record of that name does too."""

    namespace: str


@dataclass(frozen=True, slots=True)
class All:
    """All of them hold; true of everything where there is none."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of them holds at least; true of nothing where there is none."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    condition: Condition


Condition: TypeAlias = Is | StartsWith | Says | Between | Satisfies | Has | Within | All | Any | Not


def any_of(path: str, values: Iterable[str]) -> Condition:
    """Ask for one of several texts at a path."""
    made = tuple(Is(path, value) for value in values)
    return made[0] if len(made) == 1 else Any(made)
