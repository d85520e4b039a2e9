"""Instances that one side accepts and the other refuses: found by trying those that stand at the limits of either.

- What is given has been judged: the narrow side certainly accepts it, the wide one certainly does not.
- Finding none proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

from gitreg.compatibility._documents import Budget, Place
from gitreg.compatibility._instances import FORMAT_SAMPLES, judge
from gitreg.compatibility._meets import (
    Meet,
    facts_of,
    items_at,
    meet,
    most,
    named,
    required,
    whole_bounds,
)
from gitreg.compatibility._patterns import matches

_MOST_CASES: Final = 12
_MOST_CHOICES: Final = 24
_LONGEST: Final = 10_000
_MOST_ITEMS: Final = 24
_SAMPLES: Final = 3
_LETTERS: Final = ("a", "0", "A")
_TEXTS: Final = (
    "",
    "a",
    "0",
    "A",
    "a-b",
    "a b",
    "1.0.0",
    "-",
    "/a",
    "a@example.com",
    "https://a.example/b",
    "2026-01-31",
)
_OTHER_NAMES: Final = ("zz", "a", "0")


def witnesses(wide: Place, narrow: Meet, budget: Budget, levels: int) -> Iterator[Any]:
    """Find instances, nested so many levels at most, that `narrow` accepts and `wide` refuses."""
    for instance in _candidates([wide], narrow, budget, levels):
        if _accepts(narrow, instance, budget) and judge(wide, instance, budget).is_no:
            yield instance


def _accepts(narrow: Meet, instance: Any, budget: Budget) -> bool:
    return all(judge(place, instance, budget).is_yes for place in narrow.places)


def _accepted(narrow: Meet, budget: Budget, levels: int) -> Iterator[Any]:
    """Find instances that `narrow` accepts."""
    for instance in _candidates([], narrow, budget, levels):
        if _accepts(narrow, instance, budget):
            yield instance


def _candidates(wide: list[Place], narrow: Meet, budget: Budget, levels: int) -> Iterator[Any]:
    """Give instances that are worth a try, those of the narrow side's own words first."""
    if levels < 0:
        return
    near = _spread(wide)
    for case in islice(_cases(narrow), _MOST_CASES):
        budget.spend()
        parts = [part for part in case.parts if isinstance(part.value, dict)]
        yield from _stated(parts)
        yield from _stated(near)
        yield from chain(*_by_atom(near, case, budget, levels))


def _cases(narrow: Meet, choices: int = _MOST_CHOICES) -> Iterator[Meet]:
    cases = list(narrow.cases()) if choices else []
    if not cases:
        yield narrow
    for case in cases:
        yield from _cases(case, choices - 1)


def _spread(places: Iterable[Place]) -> list[Place]:
    """Give all schemas of the wide side that speak of the same instance, whichever way: they hint at its limits."""
    waiting, found = list(places), {}
    while waiting:
        place = waiting.pop(0)
        if place.key in found or not isinstance(place.value, dict):
            continue
        found[place.key] = place
        if "$ref" in place.keywords:
            target = place.target()
            waiting.extend([target] if target else [])
        for keyword in ("allOf", "anyOf", "oneOf"):
            waiting.extend(place.each(keyword))
        waiting.extend(place.at(keyword) for keyword in ("if", "then", "else", "not") if keyword in place.keywords)
    return list(found.values())


def _stated(parts: Iterable[Place]) -> Iterator[Any]:
    for part in parts:
        yield from part.keywords.get("enum", ())
        yield from (part.value[word] for word in ("const", "default") if word in part.value)
        examples = part.value.get("examples")
        yield from examples if isinstance(examples, list) else ()


def _by_atom(near: list[Place], narrow: Meet, budget: Budget, levels: int) -> Iterator[Iterable[Any]]:
    facts = facts_of(narrow, budget)
    hints = [*narrow.parts, *near]
    if "null" in facts.atoms:
        yield [None]
    if "boolean" in facts.atoms:
        yield [True, False]
    if facts.atoms & {"integer", "fraction"}:
        yield _numbers(hints, *whole_bounds(facts.low, facts.high))
    if "string" in facts.atoms:
        yield _texts(hints)
    if "array" in facts.atoms:
        yield _arrays(near, narrow, budget, levels)
    if "object" in facts.atoms:
        yield _objects(near, narrow, budget, levels)


def _numbers(hints: list[Place], down: float, up: float) -> Iterator[Any]:
    words = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
    limits = {part.keywords[word] for part in hints for word in words if word in part.keywords}
    for limit in sorted({0, 1, *limits, *(bound for bound in (down, up) if math.isfinite(bound))}):
        yield from (limit, limit - 1, limit + 1, 2 * limit, -limit, limit + 0.5, limit - 0.5)


def _texts(hints: list[Place]) -> Iterator[str]:
    yield from _TEXTS
    yield from (FORMAT_SAMPLES[name] for part in hints if (name := part.keywords.get("format")) in FORMAT_SAMPLES)
    sizes = {int(part.keywords[word]) for part in hints for word in ("minLength", "maxLength") if word in part.keywords}
    near = {size + step for size in sizes for step in (-1, 0, 1)}
    if any("pattern" in part.keywords for part in hints):
        near |= {2, 3, 4, 5, 6, 8, 16, 32, 64}
    for size in sorted(size for size in near if 0 <= size <= _LONGEST):
        yield from (letter * size for letter in _LETTERS)


# Arrays


def _arrays(near: list[Place], narrow: Meet, budget: Budget, levels: int) -> Iterator[list[Any]]:
    sizes = _sizes([*narrow.parts, *near], ("minItems", "maxItems", "minContains", "maxContains"), _MOST_ITEMS)
    prefixes = {len(part.keywords.get("prefixItems", [])) for part in [*narrow.parts, *near]}
    fewest = int(most(narrow, "minItems"))
    for size in sorted({*sizes, *(n + 1 for n in prefixes), fewest, 0, 1, 2}):
        if not fewest <= size <= _MOST_ITEMS:
            continue
        base = [list(islice(_accepted(meet(items_at(narrow, n)), budget, levels - 1), size + 1)) for n in range(size)]
        if all(base):
            yield [samples[0] for samples in base]
            yield [samples[n % len(samples)] for n, samples in enumerate(base)]
            yield from _with_other_items(near, narrow, [samples[0] for samples in base], budget, levels)


def _with_other_items(
    near: list[Place], narrow: Meet, base: list[Any], budget: Budget, levels: int
) -> Iterator[list[Any]]:
    for n in range(len(base)):
        for place in items_at(meet(near), n):
            for item in islice(witnesses(place, meet(items_at(narrow, n)), budget, levels - 1), _SAMPLES):
                yield [*base[:n], item, *base[n + 1 :]]


def _sizes(hints: list[Place], words: tuple[str, ...], top: int) -> set[int]:
    limits = {int(part.keywords[word]) for part in hints for word in words if word in part.keywords}
    return {limit + step for limit in limits for step in (-1, 0, 1) if 0 <= limit + step <= top}


# Objects


def _objects(near: list[Place], narrow: Meet, budget: Budget, levels: int) -> Iterator[dict[str, Any]]:
    base: dict[str, Any] = {}
    for name in sorted(required(narrow)):
        sample = next(_accepted(meet(named(narrow, name)), budget, levels - 1), _NONE)
        if sample is _NONE:
            return
        base[name] = sample
    yield base
    names = _names([*narrow.parts, *near])
    for name in names:
        yield from _with_other_value(near, narrow, base, name, budget, levels)
    yield from _larger(near, narrow, base, names, budget, levels)


_NONE: Final = object()


def _with_other_value(
    near: list[Place], narrow: Meet, base: dict[str, Any], name: str, budget: Budget, levels: int
) -> Iterator[dict[str, Any]]:
    budget.spend(len(near) + len(narrow.parts))
    inner = meet(named(narrow, name))
    for place in named(meet(near), name):
        for value in islice(witnesses(place, inner, budget, levels - 1), _SAMPLES):
            yield {**base, name: value}
    for value in islice(_accepted(inner, budget, levels - 1), _SAMPLES):
        yield {**base, name: value}


def _larger(
    near: list[Place], narrow: Meet, base: dict[str, Any], names: list[str], budget: Budget, levels: int
) -> Iterator[dict[str, Any]]:
    """Add one property after another, to reach the limits on their number."""
    sizes = _sizes([*narrow.parts, *near], ("minProperties", "maxProperties"), _MOST_ITEMS)
    grown = dict(base)
    for name in [*names, *(f"zz{n}" for n in range(max(sizes, default=0)))]:
        budget.spend(len(narrow.parts))
        value = next(_accepted(meet(named(narrow, name)), budget, levels - 1), _NONE)
        if name not in grown and value is not _NONE:
            grown = {**grown, name: value}
            yield grown


def _names(hints: list[Place]) -> list[str]:
    listed = {
        name for part in hints for word in ("properties", "dependentRequired") for name in part.keywords.get(word, {})
    }
    wanted = {name for part in hints for name in part.keywords.get("required", ())}
    patterns = {pattern for part in hints for pattern in part.keywords.get("patternProperties", {})}
    fitting = {text for pattern in patterns for text in _TEXTS if matches(pattern, text)}
    return [*sorted(listed | wanted), *sorted(fitting)[:4], *_OTHER_NAMES]
