"""What holds of the comparison of any two schemas: a validator that is not ours never contradicts it.

- The schemas are small and tangled: every keyword that is decided, and some that are not, over a few names and bounds.
- The instances are all of a small domain, and what the comparison itself brings up as a witness.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import pytest
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft202012Validator
from referencing import Registry

from gitreg.compatibility import covers
from gitreg.compatibility._documents import Budget, read_document
from gitreg.compatibility._instances import judge
from gitreg.compatibility._meets import meet
from gitreg.compatibility._witnesses import witnesses

LAW: Final = settings(
    max_examples=tries(50, 500),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

SCALARS: Final = (None, True, False, -1, 0, 0.5, 1, 1.0, 2, 3, 4.5, 6, "", "a", "b", "ab", "aaa", "2026-01-31")
FEW: Final = (None, 0, 1.5, 2, "", "ab")
LISTS: Final = tuple([list(items) for size in range(4) for items in product((0, 1, "a"), repeat=size)])
OBJECTS: Final = tuple(
    {name: value for name, value in zip(("a", "b", "zz"), values, strict=True) if value != "absent"}
    for values in product((*FEW, "absent"), (0, "a", [], "absent"), (1, "absent"))
)
DOMAIN: Final[tuple[Any, ...]] = (*SCALARS, *LISTS, *OBJECTS, [[0]], [{"a": 0}], {"a": {"a": 0}}, {"a": {"a": "a"}})

names = st.sampled_from(["a", "b"])
counts = st.integers(0, 3)
limits = st.sampled_from([-1, 0, 0.5, 1, 2, 3, 6])
values = st.sampled_from([None, True, 0, 1, 1.0, 2, 0.5, "a", "ab", [], [0], {}, {"a": 0}])
types = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
patterns = st.sampled_from(["^a", "b$", "^[a-z]{2}$", "", "^(a|b)+$"])
SCALAR_WORDS: Final[dict[str, SearchStrategy[Any]]] = {
    "type": st.one_of(types, st.lists(types, min_size=1, max_size=3, unique=True)),
    "enum": st.lists(values, max_size=4),
    "const": values,
    "minimum": limits,
    "maximum": limits,
    "exclusiveMinimum": limits,
    "exclusiveMaximum": limits,
    "multipleOf": st.sampled_from([1, 2, 3, 0.5, 6]),
    "minLength": counts,
    "maxLength": counts,
    "pattern": patterns,
    "format": st.sampled_from(["date", "email"]),
    "minItems": counts,
    "maxItems": counts,
    "uniqueItems": st.booleans(),
    "minProperties": counts,
    "maxProperties": counts,
    "required": st.lists(names, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(names, st.lists(names, max_size=2), max_size=1),
    "$ref": st.sampled_from(["#", "#/$defs/d", "#/properties/a", "other.json"]),
    "title": st.just("words"),
}


def nested_words(inner: SearchStrategy[Any]) -> dict[str, SearchStrategy[Any]]:
    several = st.lists(inner, min_size=1, max_size=2)
    return {
        "items": inner,
        "prefixItems": several,
        "contains": inner,
        "properties": st.dictionaries(names, inner, max_size=2),
        "patternProperties": st.dictionaries(patterns, inner, max_size=1),
        "additionalProperties": inner,
        "propertyNames": inner,
        "dependentSchemas": st.dictionaries(names, inner, max_size=1),
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "unevaluatedProperties": inner,
    }


def schemas_of(words: dict[str, SearchStrategy[Any]], most: int) -> SearchStrategy[Any]:
    chosen = st.lists(st.sampled_from(sorted(words)), max_size=most, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: words[key] for key in keys}))


leaves = st.one_of(st.booleans(), schemas_of(SCALAR_WORDS, 3))
inners = st.recursive(leaves, lambda inner: schemas_of({**SCALAR_WORDS, **nested_words(inner)}, 3), max_leaves=4)
schemas = st.one_of(
    inners,
    st.builds(lambda outer, d: {**outer, "$defs": {"d": d}} if isinstance(outer, dict) else outer, inners, inners),
)


def accepts(schema: Any, instance: Any) -> bool | None:
    """Ask the `jsonschema` package; None where it cannot say: references without end, or out of the document."""
    return is_valid(Draft202012Validator(schema, registry=Registry()), instance)


def is_valid(validator: Draft202012Validator, instance: Any) -> bool | None:
    try:
        return validator.is_valid(instance)
    except (RecursionError, LookupError):
        return None
    except Exception as error:  # noqa: BLE001 - the package wraps what it cannot resolve in a private class
        assert "ref" in type(error).__name__.casefold() or "Unresolvable" in repr(type(error).__mro__)  # noqa: PT017
        return None


def counterexamples(wide: Any, narrow: Any) -> list[Any]:
    of_wide, of_narrow = (Draft202012Validator(schema, registry=Registry()) for schema in (wide, narrow))
    return [x for x in DOMAIN if is_valid(of_narrow, x) is True and is_valid(of_wide, x) is False]


def witness_of(wide: Any, narrow: Any) -> Any:
    """Give the instance that a `no` rests on."""
    start, against = read_document(wide).start, meet([read_document(narrow).start])
    found = (x for levels in (0, 1, 2, 3, 6) for x in witnesses(start, against, Budget(20_000), levels))
    return next(found)


def check(wide: Any, narrow: Any) -> str:
    answer = covers(wide, narrow)
    if answer.is_yes:
        assert counterexamples(wide, narrow) == []
    if answer.is_no:
        witness = witness_of(wide, narrow)
        assert accepts(narrow, witness) is not False
        assert accepts(wide, witness) is not True
        assert answer.why.startswith("#")
    return answer.verdict


@LAW
@given(schemas, schemas)
def test_a_validator_never_contradicts(wide: Any, narrow: Any) -> None:
    check(wide, narrow)


@LAW
@given(schemas, schemas)
def test_a_conjunction_is_covered_by_its_parts(one: Any, other: Any) -> None:
    whole = {"allOf": [one, other]}
    for part in (one, other):
        if "$ref" not in str(part):
            assert not covers(part, whole).is_no


@LAW
@given(schemas, st.data())
def test_a_schema_against_itself_with_one_word_changed(schema: Any, data: st.DataObject) -> None:
    if isinstance(schema, dict):
        more = data.draw(schemas_of({**SCALAR_WORDS, **nested_words(leaves)}, 1))
        changed = {**schema, **more}
        if "$ref" not in str(schema) and "if" not in more and not set(more) & set(schema):
            check(schema, changed)
        check(changed, schema)


@LAW
@given(schemas)
def test_every_schema_covers_itself_and_true_covers_every_schema(schema: Any) -> None:
    assert covers(schema, schema).is_yes
    assert covers(True, schema).is_yes
    assert covers({}, schema).is_yes
    assert not covers(schema, False).is_no


@LAW
@given(schemas)
def test_a_single_instance_is_judged_as_a_validator_judges_it(schema: Any) -> None:
    start = read_document(schema).start
    for instance in DOMAIN[::7]:
        try:
            answer = judge(start, instance, Budget(20_000))
        except Exception as error:  # noqa: BLE001 - only one may come
            assert type(error).__name__ == "Undecided"  # noqa: PT017
            continue
        if answer.verdict != "unknown":
            assert accepts(schema, instance) is not (not answer.is_yes)


ANY_JSON: Final[SearchStrategy[Any]] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(sorted({**SCALAR_WORDS, **nested_words(st.none())})), inner, max_size=3),
    ),
    max_leaves=8,
)


@LAW
@given(ANY_JSON, schemas)
def test_what_is_no_schema_is_answered_too(odd: Any, schema: Any) -> None:
    for answer in (covers(odd, schema), covers(schema, odd)):
        assert answer.verdict in ("yes", "no", "unknown")
        assert answer.is_yes or answer.why


@pytest.mark.parametrize("seed", range(3))
def test_most_of_the_common_changes_are_decided(seed: int) -> None:
    """Objects of typed properties, of which one word changes: nearly all of registered schemas are such."""
    base = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer", "minimum": seed}}}
    changes: list[dict[str, Any]] = [
        {"required": ["a"]},
        {"additionalProperties": False},
        {"properties": {"a": {"type": "string"}}},
        {"properties": {"a": {"type": ["string", "null"]}, "b": {"type": "integer"}}},
        {"minProperties": 1},
        {"properties": {"a": {"enum": ["x"]}, "b": {"type": "integer", "minimum": seed + 1}}},
    ]
    for change in changes:
        verdicts = {covers(base, {**base, **change}).verdict, covers({**base, **change}, base).verdict}
        assert verdicts == {"yes", "no"}, change
