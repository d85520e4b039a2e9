"""Conditions joined, in their simplest form: groups flat, nothing asked twice, no negation of a negation.

- Joining changes no meaning; it only lets a condition that was written out be read back as the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitreg_indexer.conditions import All, Any, Condition, Not


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Join conditions that must all hold, in their simplest form."""
    parts = tuple(_simplest(conditions, All))
    return parts[0] if len(parts) == 1 else All(parts)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Join conditions of which one must hold, in their simplest form."""
    parts = tuple(_simplest(conditions, Any))
    return parts[0] if len(parts) == 1 else Any(parts)


def negation_of(condition: Condition) -> Condition:
    """Turn a condition around, in its simplest form."""
    return condition.condition if isinstance(condition, Not) else Not(condition)


def _simplest(conditions: Iterable[Condition], kind: type[All] | type[Any]) -> Iterator[Condition]:
    flat = (part for each in conditions for part in (each.conditions if isinstance(each, kind) else (each,)))
    return iter({repr(part): part for part in flat}.values())  # by repr, for to Python 1.0 and True are the same
