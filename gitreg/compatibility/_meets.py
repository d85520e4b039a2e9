"""What several schemas accept together: laid flat, and summed up in facts.

- A meet never refuses more than its schemas do: what is not understood is left out. So what holds of all that a meet
  accepts holds of all that its schemas accept, and a void meet means that they have nothing in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gitreg.compatibility._documents import ALL_ATOMS, Budget, Place, atoms_of
from gitreg.compatibility._instances import is_listed, item_at, judge
from gitreg.compatibility._patterns import matches

_MOST_COUNTED: Final = 16
_VOID_LEVELS: Final = 2

Choice = tuple[tuple[Place, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Meet:
    """Schemas that must all accept. `places` are as given; `parts` are those and all that they must keep too."""

    places: tuple[Place, ...]
    parts: tuple[Place, ...]
    refuses_all: bool
    taken: frozenset[tuple[tuple[int, str], str]] = frozenset()
    only: frozenset[str] = ALL_ATOMS

    def narrowed(self, *more: Place, taken: tuple[tuple[int, str], str] | None = None) -> Meet:
        """Add schemas, and mark a choice as made."""
        parts, refuses_all = _laid_flat((*self.parts, *more))
        made = self.taken | {taken} if taken else self.taken
        return Meet((*self.places, *more), parts, self.refuses_all or refuses_all, made, self.only)

    def of_type(self, atom: str) -> Meet:
        """Keep the instances of one type."""
        return Meet(self.places, self.parts, self.refuses_all, self.taken, frozenset({atom}))

    def cases(self) -> Iterator[Meet]:
        """Split by the first choice that is not made yet; nothing where there is none."""
        for part in self.parts:
            for keyword in ("anyOf", "oneOf", "if"):
                if keyword in part.keywords and (part.key, keyword) not in self.taken:
                    for branch in _branches(part, keyword):
                        yield self.narrowed(*branch, taken=(part.key, keyword))
                    return


def meet(places: Iterable[Place]) -> Meet:
    """Put schemas together."""
    given = tuple(places)
    return Meet(given, *_laid_flat(given))


def _laid_flat(places: Iterable[Place]) -> tuple[tuple[Place, ...], bool]:
    waiting, parts, refuses_all = list(places), {}, False
    while waiting:
        place = waiting.pop(0)
        if place.key in parts:
            continue
        parts[place.key] = place
        refuses_all = refuses_all or place.value is False
        if "$ref" in place.keywords:
            target = place.target()
            waiting.extend([target] if target else [])
        waiting.extend(place.each("allOf"))
    return tuple(place for place in parts.values() if isinstance(place.value, dict)), refuses_all


def _branches(part: Place, keyword: str) -> Choice:
    if keyword != "if":
        return tuple((branch,) for branch in part.each(keyword))
    then, otherwise = (part.at(word) if word in part.keywords else None for word in ("then", "else"))
    return ((part.at("if"), *([then] if then else [])), (otherwise,) if otherwise else ())


# Facts


@dataclass(frozen=True, slots=True)
class Facts:
    """What is certain of every instance of a meet: its types, bounds, and all its values where they are few."""

    atoms: frozenset[str]
    values: tuple[Any, ...] | None
    low: tuple[float, bool]
    high: tuple[float, bool]

    @property
    def is_void(self) -> bool:
        """Tell whether there is no such instance."""
        return not self.atoms or self.values == ()


def facts_of(given: Meet, budget: Budget, levels: int = _VOID_LEVELS) -> Facts:
    """Sum up a meet."""
    budget.spend(len(given.parts))
    low, high = _low(given), _high(given)
    atoms = given.only if not given.refuses_all else frozenset()
    for part in given.parts:
        atoms &= atoms_of(part.keywords["type"]) if "type" in part.keywords else ALL_ATOMS
    atoms = frozenset(atom for atom in atoms if not _lacks(atom, given, low, high, budget, levels))
    return Facts(atoms, _values(given, atoms, low, high, budget), low, high)


def is_void(given: Meet, budget: Budget, levels: int = _VOID_LEVELS) -> bool:
    """Tell whether a meet certainly accepts nothing; false where that is not seen."""
    with budget:
        if facts_of(given, budget, levels).is_void:
            return True
        cases = list(given.cases())
        return bool(cases) and levels > 0 and all(is_void(case, budget, levels - 1) for case in cases)


def most(given: Meet, keyword: str, otherwise: float = 0) -> float:
    """Give the highest value of a keyword."""
    return max((part.keywords[keyword] for part in given.parts if keyword in part.keywords), default=otherwise)


def least(given: Meet, keyword: str, otherwise: float = math.inf) -> float:
    """Give the lowest value of a keyword."""
    return min((part.keywords[keyword] for part in given.parts if keyword in part.keywords), default=otherwise)


def whole_bounds(low: tuple[float, bool], high: tuple[float, bool]) -> tuple[float, float]:
    """Give the least and the greatest integer between bounds."""
    down = low[0] if math.isinf(low[0]) else math.floor(low[0]) + 1 if low[1] else math.ceil(low[0])
    up = high[0] if math.isinf(high[0]) else math.ceil(high[0]) - 1 if high[1] else math.floor(high[0])
    return down, up


def _low(given: Meet) -> tuple[float, bool]:
    return max((most(given, "minimum", -math.inf), False), (most(given, "exclusiveMinimum", -math.inf), True))


def _high(given: Meet) -> tuple[float, bool]:
    closed, opened = least(given, "maximum"), least(given, "exclusiveMaximum")
    return (opened, True) if opened <= closed else (closed, False)


def _lacks(
    atom: str, given: Meet, low: tuple[float, bool], high: tuple[float, bool], budget: Budget, levels: int
) -> bool:
    """Tell whether no instance of a type can be accepted."""
    match atom:
        case "integer":
            down, up = whole_bounds(low, high)
            return down > up
        case "fraction":
            steps = [part.keywords["multipleOf"] for part in given.parts if "multipleOf" in part.keywords]
            return low[0] >= high[0] or any(step == math.floor(step) for step in steps)
        case "string":
            return most(given, "minLength") > least(given, "maxLength")
        case "array":
            return _lacks_arrays(given, budget, levels)
        case "object":
            return _lacks_objects(given, budget, levels)
        case _:
            return False


def _lacks_arrays(given: Meet, budget: Budget, levels: int) -> bool:
    few = int(min(most(given, "minItems"), _MOST_COUNTED))
    if few > most_items(given):
        return True
    return levels > 0 and any(is_void(meet(items_at(given, n)), budget, levels - 1) for n in range(few))


def _lacks_objects(given: Meet, budget: Budget, levels: int) -> bool:
    names = required(given)
    if max(len(names), most(given, "minProperties")) > most_properties(given):
        return True
    return levels > 0 and any(is_void(meet(named(given, name)), budget, levels - 1) for name in sorted(names))


def _values(
    given: Meet, atoms: frozenset[str], low: tuple[float, bool], high: tuple[float, bool], budget: Budget
) -> tuple[Any, ...] | None:
    candidates = _candidates(given, atoms, low, high)
    if candidates is None:
        return None
    kept = [value for value in candidates if not any(judge(part, value, budget).is_no for part in given.parts)]
    return tuple(kept)


def _candidates(
    given: Meet, atoms: frozenset[str], low: tuple[float, bool], high: tuple[float, bool]
) -> list[Any] | None:
    for part in given.parts:
        if "const" in part.keywords:
            return [part.keywords["const"]]
    for part in given.parts:
        if "enum" in part.keywords:
            return list(part.keywords["enum"])
    if atoms <= {"null", "boolean"}:
        return [*([None] if "null" in atoms else []), *([True, False] if "boolean" in atoms else [])]
    down, up = whole_bounds(low, high)
    if atoms == {"integer"} and up - down < _MOST_COUNTED:
        return list(range(int(down), int(up) + 1))
    return None


# Arrays and objects


def most_items(given: Meet) -> float:
    """Give the greatest length of an array; `items: false` ends it behind its prefix."""
    ends = [len(part.keywords.get("prefixItems", [])) for part in given.parts if part.keywords.get("items") is False]
    return min([least(given, "maxItems"), *ends])


def items_at(given: Meet, index: int) -> tuple[Place, ...]:
    """Give the schemas that an item must keep."""
    found = (item_at(part, index) for part in given.parts)
    return tuple(place for place in found if place is not None)


def required(given: Meet) -> frozenset[str]:
    """Give the properties that every object has."""
    return frozenset(name for part in given.parts for name in part.keywords.get("required", ()))


def most_properties(given: Meet) -> float:
    """Give the greatest number of properties of an object; a closed one has no more than it lists."""
    closed = [
        len(part.keywords.get("properties", {}))
        for part in given.parts
        if part.keywords.get("additionalProperties") is False and not part.keywords.get("patternProperties")
    ]
    return min([least(given, "maxProperties"), *closed])


def named(given: Meet, name: str) -> tuple[Place, ...]:
    """Give the schemas that a property must keep, as far as it is certain that they speak of it."""
    return tuple(place for part in given.parts for place in _named(part, name))


def _named(part: Place, name: str) -> Iterator[Place]:
    if name in part.keywords.get("properties", {}):
        yield part.at("properties", name)
    for pattern in part.keywords.get("patternProperties", {}):
        if matches(pattern, name):
            yield part.at("patternProperties", pattern)
    if "additionalProperties" in part.keywords and is_listed(part, name) is False:
        yield part.at("additionalProperties")
