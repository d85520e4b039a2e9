"""A proof that one schema accepts all that others accept together; what is not proven is open, not refuted.

- The proof goes down both schemas at once. A question that is met again within itself, at least one level further
  down in the instance, is taken as answered: instances are finite, so that is an induction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any, Final

from gitreg.compatibility._documents import ASSERTIONS, Budget, Place, atoms_of
from gitreg.compatibility._instances import is_listed, judge
from gitreg.compatibility._meets import (
    Facts,
    Meet,
    facts_of,
    is_void,
    items_at,
    least,
    meet,
    most,
    most_items,
    most_properties,
    named,
    required,
    whole_bounds,
)
from gitreg.compatibility._patterns import matches
from gitreg.manifests.difference import is_same

Gap = str | None
"""Where and why a proof does not close; None where it does."""
_ALONE: Final = ASSERTIONS - {
    *("additionalProperties", "contains", "else", "if", "items", "maxContains", "minContains", "then"),
    *("unevaluatedItems", "unevaluatedProperties"),
}
"""Keywords that mean the same whatever stands beside them."""
_REFERENCES: Final = ("$dynamicRef", "$ref")
_NUMBERS: Final = frozenset({"integer", "fraction"})


class Proof:
    """One proof, and what it takes as answered while it goes on."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._assumed: set[tuple[tuple[int, str], frozenset[tuple[int, str]]]] = set()

    def gap(self, wide: Place, narrow: Meet) -> Gap:
        """Say what keeps `wide` from certainly accepting all that `narrow` accepts."""
        with self._budget:
            if wide.value is not False and not ASSERTIONS & wide.keywords.keys():
                return None
            facts = facts_of(narrow, self._budget)
            if facts.is_void or any(_is_same_schema(wide, part) for part in narrow.parts):
                return None
            if facts.values is not None:
                answers = (judge(wide, value, self._budget) for value in facts.values)
                return next((answer.why for answer in answers if not answer.is_yes), None)
            if wide.value is False:
                return f"{wide.path}: nothing is accepted here"
            found = self._first_gap(wide, narrow, facts)
            return self._by_cases(wide, narrow, facts, found) if found else None

    def _by_cases(self, wide: Place, narrow: Meet, facts: Facts, found: str) -> Gap:
        """Split the narrow side by its choices, then by type, and prove each case."""
        cases = list(narrow.cases())
        if not cases and len(facts.atoms) > 1:
            cases = [narrow.of_type(atom) for atom in sorted(facts.atoms)]
        return found if not cases or any(self.gap(wide, case) for case in cases) else None

    def _first_gap(self, wide: Place, narrow: Meet, facts: Facts) -> Gap:
        for keyword in sorted(ASSERTIONS & wide.keywords.keys()):
            if keyword in _ALONE and any(_is_same_keyword(wide, part, keyword) for part in narrow.parts):
                continue
            atoms, check = _CHECKS.get(keyword, (None, _never))
            if atoms is None or atoms & facts.atoms:
                found = check(self, wide, narrow, facts)
                if found:
                    return found if found.startswith("#") else f"{wide.path}/{keyword}: {found}"
        return None

    def _below(self, wide: Place, narrow: Iterable[Place]) -> Gap:
        """Prove a question about what an instance holds."""
        places = tuple(narrow)
        key = wide.key, frozenset(place.key for place in places)
        if key in self._assumed:
            return None
        self._assumed.add(key)
        found = self.gap(wide, meet(places))
        self._assumed.discard(key)
        return found

    # Any type

    def check_type(self, wide: Place, _: Meet, facts: Facts) -> Gap:
        """Prove the types."""
        beyond = facts.atoms - atoms_of(wide.keywords["type"])
        return f"{', '.join(sorted(beyond))} is accepted by the narrow one" if beyond else None

    def check_ref(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove where a reference leads."""
        target = wide.target()
        return self.gap(target, narrow) if target else f"{wide.keywords['$ref']!r} is not followed"

    def check_all_of(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove each of several schemas."""
        return _first(self.gap(part, narrow) for part in wide.each("allOf"))

    def check_any_of(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove one of several schemas."""
        gaps = (self.gap(part, narrow) for part in wide.each("anyOf"))
        return None if any(gap is None for gap in gaps) else "not seen that one of them accepts it all"

    def check_one_of(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove exactly one of several schemas."""
        parts = list(wide.each("oneOf"))
        for n, part in enumerate(parts):
            if self.gap(part, narrow) is None and all(self._is_apart(other, narrow) for other in _others(parts, n)):
                return None
        return "not seen that exactly one of them accepts it all"

    def _is_apart(self, place: Place, narrow: Meet) -> bool:
        return is_void(narrow.narrowed(place), self._budget)

    def check_not(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove that nothing refused is accepted."""
        return None if self._is_apart(wide.at("not"), narrow) else "not seen that nothing of it is refused"

    def check_if(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove both ways of a condition."""
        condition = wide.at("if")
        found = self.gap(wide.at("then"), narrow.narrowed(condition)) if "then" in wide.keywords else None
        if found or "else" not in wide.keywords or self.gap(condition, narrow) is None:
            return found
        return self.gap(wide.at("else"), narrow)

    # Numbers

    def check_low(self, wide: Place, _: Meet, facts: Facts) -> Gap:
        """Prove the lower bound."""
        wanted = _stricter(wide.keywords.get("minimum"), wide.keywords.get("exclusiveMinimum"), max)
        low = facts.low if "fraction" in facts.atoms else (whole_bounds(facts.low, facts.high)[0], False)
        holds = low[0] > wanted[0] or (low[0] == wanted[0] and (low[1] or not wanted[1]))
        return None if holds else f"the narrow one accepts {_from(low[0])}"

    def check_high(self, wide: Place, _: Meet, facts: Facts) -> Gap:
        """Prove the upper bound."""
        wanted = _stricter(wide.keywords.get("maximum"), wide.keywords.get("exclusiveMaximum"), min)
        high = facts.high if "fraction" in facts.atoms else (whole_bounds(facts.low, facts.high)[1], False)
        holds = high[0] < wanted[0] or (high[0] == wanted[0] and (high[1] or not wanted[1]))
        return None if holds else f"the narrow one accepts {_up_to(high[0])}"

    def check_multiple_of(self, wide: Place, narrow: Meet, facts: Facts) -> Gap:
        """Prove the step of numbers."""
        step = wide.keywords["multipleOf"]
        steps = [part.keywords["multipleOf"] for part in narrow.parts if "multipleOf" in part.keywords]
        known = [*steps, *([1] if "fraction" not in facts.atoms else [])]
        fits = any(_is_whole(step) and _is_whole(other) and other % step == 0 for other in known)
        return None if fits or step in steps else "not seen that it divides all that the narrow one accepts"

    # Texts

    def check_min_length(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the least length."""
        shortest = most(narrow, "minLength")
        return None if shortest >= wide.keywords["minLength"] else f"the narrow one accepts {shortest} characters"

    def check_max_length(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the greatest length."""
        longest = least(narrow, "maxLength")
        return None if longest <= wide.keywords["maxLength"] else f"the narrow one accepts {_many(longest)} characters"

    def check_pattern(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the pattern."""
        pattern = wide.keywords["pattern"]
        known = any(part.keywords.get("pattern") == pattern for part in narrow.parts)
        return None if known or pattern == "" else "patterns are only compared word by word"

    # Arrays

    def check_min_items(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the least number of items."""
        fewest = most(narrow, "minItems")
        return None if fewest >= wide.keywords["minItems"] else f"the narrow one accepts {fewest} items"

    def check_max_items(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the greatest number of items."""
        longest = most_items(narrow)
        return None if longest <= wide.keywords["maxItems"] else f"the narrow one accepts {_many(longest)} items"

    def check_unique_items(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove that no item repeats."""
        unique = any(part.keywords.get("uniqueItems") is True for part in narrow.parts)
        fine = unique or not wide.keywords["uniqueItems"] or most_items(narrow) <= 1
        return None if fine else "the narrow one lets items repeat"

    def check_prefix_items(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the first items."""
        longest = most_items(narrow)
        places = [(n, place) for n, place in enumerate(wide.each("prefixItems")) if n < longest]
        return _first(self._below(place, items_at(narrow, n)) for n, place in places)

    def check_items(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the items behind the first."""
        first = len(wide.keywords.get("prefixItems", []))
        beyond = max((len(part.keywords.get("prefixItems", [])) for part in narrow.parts), default=0)
        indices = [n for n in range(first, max(beyond, first) + 1) if n < most_items(narrow)]
        return _first(self._below(wide.at("items"), items_at(narrow, n)) for n in indices)

    def check_contains(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove what arrays contain."""
        words = ("contains", "minContains", "maxContains")
        known = any(all(_is_same_keyword(wide, part, word) for word in words) for part in narrow.parts)
        is_idle = wide.keywords.get("minContains") == 0 and "maxContains" not in wide.keywords
        return None if known or is_idle else "it is not decided what arrays contain"

    # Objects

    def check_required(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the required properties."""
        missing = sorted(set(wide.keywords["required"]) - required(narrow))
        return f"the narrow one does not require {missing[0]!r}" if missing else None

    def check_min_properties(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the least number of properties."""
        fewest = max(most(narrow, "minProperties"), len(required(narrow)))
        return None if fewest >= wide.keywords["minProperties"] else f"the narrow one accepts {fewest} properties"

    def check_max_properties(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the greatest number of properties."""
        largest = most_properties(narrow)
        return (
            None if largest <= wide.keywords["maxProperties"] else f"the narrow one accepts {_many(largest)} properties"
        )

    def check_properties(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the listed properties."""
        places = [(name, wide.at("properties", name)) for name in wide.keywords["properties"]]
        return _first(self._below_name(place, narrow, name) for name, place in places)

    def _below_name(self, wide: Place, narrow: Meet, name: str) -> Gap:
        self._budget.spend(len(narrow.parts))
        return self._below(wide, named(narrow, name))

    def check_pattern_properties(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the properties whose names match."""
        return _first(gap for pattern in wide.keywords["patternProperties"] for gap in self._of(pattern, wide, narrow))

    def _of(self, pattern: str, wide: Place, narrow: Meet) -> Iterator[Gap]:
        place, names = wide.at("patternProperties", pattern), _names(narrow)
        self._budget.spend(len(names))
        for name in names:
            if matches(pattern, name) is not False:
                yield self._below_name(place, narrow, name)
        yield from self._unnamed(place, [_choices_matching(part, pattern) for part in narrow.parts])

    def check_additional_properties(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the other properties."""
        return _first(self._additional(wide, narrow))

    def _additional(self, wide: Place, narrow: Meet) -> Iterator[Gap]:
        place = wide.at("additionalProperties")
        for name in _names(narrow):
            self._budget.spend(len(wide.keywords.get("patternProperties", ())))
            if not is_listed(wide, name):
                yield self._below_name(place, narrow, name)
        known = wide.keywords.get("patternProperties", {})
        yield from self._unnamed(place, [_choices(part, known) for part in narrow.parts])

    def _unnamed(self, wide: Place, choices: list[list[Place | None]]) -> Iterator[Gap]:
        """Prove a question about properties that no `properties` of the narrow side lists."""
        for chosen in product(*choices):
            yield self._below(wide, (place for place in chosen if place is not None))

    def check_dependent_required(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove the properties that come together."""
        sure = required(narrow)
        for name, wanted in wide.keywords["dependentRequired"].items():
            if not set(wanted) <= sure and not is_void(meet(named(narrow, name)), self._budget):
                return f"not seen that {name!r} comes with them"
        return None

    def check_dependent_schemas(self, wide: Place, narrow: Meet, _: Facts) -> Gap:
        """Prove what the presence of a property demands."""
        names = [name for name in wide.keywords["dependentSchemas"] if not self._is_absent(name, narrow)]
        return _first(self.gap(wide.at("dependentSchemas", name), narrow) for name in names)

    def _is_absent(self, name: str, narrow: Meet) -> bool:
        return is_void(meet(named(narrow, name)), self._budget)


def _never(_: Proof, __: Place, ___: Meet, ____: Facts) -> Gap:
    return "it is not decided what this keyword refuses"


def _nothing(_: Proof, __: Place, ___: Meet, ____: Facts) -> Gap:
    return None


def _from(low: float) -> str:
    return "numbers without a lower bound" if math.isinf(low) else f"from {low} on"


def _up_to(high: float) -> str:
    return "numbers without an upper bound" if math.isinf(high) else f"up to {high}"


def _many(count: float) -> str:
    return "any number of" if math.isinf(count) else str(count)


def _first(gaps: Iterable[Gap]) -> Gap:
    return next((gap for gap in gaps if gap), None)


def _others(parts: list[Place], n: int) -> list[Place]:
    return [part for other, part in enumerate(parts) if other != n]


def _is_whole(number: float) -> bool:
    return number == math.floor(number)


def _stricter(closed: float | None, opened: float | None, pick: Callable[..., float]) -> tuple[float, bool]:
    """Give the stricter of an inclusive and an exclusive bound, and whether it is exclusive."""
    if closed is None or opened is None:
        return (opened, True) if closed is None and opened is not None else (closed or 0, False)
    return (opened, True) if pick(closed, opened) == opened else (closed, False)


def _names(narrow: Meet) -> list[str]:
    return sorted({name for part in narrow.parts for name in part.keywords.get("properties", {})})


def _rest(part: Place) -> Place | None:
    return part.at("additionalProperties") if "additionalProperties" in part.keywords else None


def _choices(part: Place, known: Iterable[str]) -> list[Place | None]:
    """Give the schemas of which an unlisted property keeps at least one, if it matches none of the known patterns."""
    patterns = [pattern for pattern in part.keywords.get("patternProperties", {}) if pattern not in known]
    return [*(part.at("patternProperties", pattern) for pattern in patterns), _rest(part)]


def _choices_matching(part: Place, pattern: str) -> list[Place | None]:
    """Give the schemas of which an unlisted property that matches a pattern keeps at least one."""
    if pattern in part.keywords.get("patternProperties", {}):
        return [part.at("patternProperties", pattern)]
    return _choices(part, ())


def _is_same_schema(one: Place, other: Place) -> bool:
    return one.key == other.key or (is_same(one.value, other.value) and _mean_the_same(one, other, one.value))


def _is_same_keyword(one: Place, other: Place, keyword: str) -> bool:
    if (keyword in one.keywords) is not (keyword in other.keywords):
        return False
    mine, theirs = one.keywords.get(keyword), other.keywords.get(keyword)
    return is_same(mine, theirs) and _mean_the_same(one, other, {keyword: mine})


def _mean_the_same(one: Place, other: Place, value: Any) -> bool:
    """Tell whether the same words say the same at two places: references do only within one document."""
    within_one = one.document is other.document and one.document.has_one_base
    return not _refers(value, _REFERENCES[:1] if within_one else _REFERENCES)


def _refers(value: Any, words: tuple[str, ...]) -> bool:
    if isinstance(value, dict):
        return any(word in value for word in words) or any(_refers(item, words) for item in value.values())
    return isinstance(value, list) and any(_refers(item, words) for item in value)


_STRING, _ARRAY, _OBJECT = frozenset({"string"}), frozenset({"array"}), frozenset({"object"})
_Check = Callable[[Proof, Place, Meet, Facts], Gap]
_CHECKS: Final[dict[str, tuple[frozenset[str] | None, _Check]]] = {
    "$ref": (None, Proof.check_ref),
    "additionalProperties": (_OBJECT, Proof.check_additional_properties),
    "allOf": (None, Proof.check_all_of),
    "anyOf": (None, Proof.check_any_of),
    "contains": (_ARRAY, Proof.check_contains),
    "dependentRequired": (_OBJECT, Proof.check_dependent_required),
    "dependentSchemas": (_OBJECT, Proof.check_dependent_schemas),
    "else": (None, _nothing),
    "exclusiveMaximum": (_NUMBERS, Proof.check_high),
    "exclusiveMinimum": (_NUMBERS, Proof.check_low),
    "format": (_STRING, _never),
    "if": (None, Proof.check_if),
    "items": (_ARRAY, Proof.check_items),
    "maxContains": (None, _nothing),
    "maxItems": (_ARRAY, Proof.check_max_items),
    "maxLength": (_STRING, Proof.check_max_length),
    "maxProperties": (_OBJECT, Proof.check_max_properties),
    "maximum": (_NUMBERS, Proof.check_high),
    "minContains": (None, _nothing),
    "minItems": (_ARRAY, Proof.check_min_items),
    "minLength": (_STRING, Proof.check_min_length),
    "minProperties": (_OBJECT, Proof.check_min_properties),
    "minimum": (_NUMBERS, Proof.check_low),
    "multipleOf": (_NUMBERS, Proof.check_multiple_of),
    "not": (None, Proof.check_not),
    "oneOf": (None, Proof.check_one_of),
    "pattern": (_STRING, Proof.check_pattern),
    "patternProperties": (_OBJECT, Proof.check_pattern_properties),
    "prefixItems": (_ARRAY, Proof.check_prefix_items),
    "properties": (_OBJECT, Proof.check_properties),
    "propertyNames": (_OBJECT, _never),
    "required": (_OBJECT, Proof.check_required),
    "then": (None, _nothing),
    "type": (None, Proof.check_type),
    "unevaluatedItems": (_ARRAY, _never),
    "unevaluatedProperties": (_OBJECT, _never),
    "uniqueItems": (_ARRAY, Proof.check_unique_items),
}
"""The proof of each keyword, and the types that the keyword speaks of; None where it speaks of all."""
