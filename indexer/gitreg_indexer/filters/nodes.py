"""The shape of a filter, as it was written: comparisons and what joins them, with their places.

- A place is the offset of a character in the filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Operator = Literal["=", "!=", "<", "<=", ">", ">=", ":"]


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it was written: its text without quotes and escapes.

    `is_open` tells that a bare star ends it (which `text` leaves out); `has_star_inside`, that one stands elsewhere.
    """

    text: str
    at: int
    is_quoted: bool = False
    is_open: bool = False
    has_star_inside: bool = False
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a field, as it was written."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a value, or with each of a list."""

    name: Name
    operator: Operator
    operator_at: int
    values: tuple[Written, ...]
    is_list: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function called."""

    name: Name
    arguments: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Bare:
    """A word that is compared with nothing."""

    name: Name


@dataclass(frozen=True, slots=True)
class Negation:
    """Something that must not hold."""

    of: Node


@dataclass(frozen=True, slots=True)
class Group:
    """Several that must all hold, or one of them."""

    kind: Literal["all", "any"]
    parts: tuple[Node, ...]


Node: TypeAlias = Comparison | Call | Bare | Negation | Group
