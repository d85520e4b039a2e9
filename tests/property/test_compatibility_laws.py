"""What holds of any two manifests of one kind: they can be compared, and the comparison is empty only of the same."""

from __future__ import annotations

from typing import Any, Final

from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitreg.compatibility import Impact, compare, deserved, is_enough, next_version
from gitreg.kinds import KIND_TYPES, Manifest
from gitreg.manifests import manifest_from_data, read_manifest, to_data
from gitreg.versions import Version

LAW: Final = settings(
    max_examples=tries(80, 600),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
VALUES: Final[list[Any]] = [
    *(None, True, False, 0, 1, 2, 0.5, "", "a", "b", "1.0.0", "^1", "acme/x@^1", "acme/x", "dataset:acme/y@2.0.0-a"),
    *("block", "report", "active", "none", "{}", "{0}", "{{ a }}", [], {}, ["a"], {"a": 1}, {"type": "string"}, [1, 2]),
    *({"schema": True}, {"a": {"schema": {"type": "integer"}}}, {"a": {"schema": False, "default": 0}}, {"a": None}),
    {"pattern": "("},
]
EXAMPLES: Final = {kind: to_data(read_manifest(KIND_TYPES[kind].example.encode()).manifest) for kind in KIND_TYPES}


def mutated(data: Any, draw: st.DrawFn, values: Any, depth: int = 0) -> Any:
    """Change something somewhere in plain data: exchange, remove, repeat or reorder."""
    inside = isinstance(data, (dict, list)) and data and (depth < 2 or draw(st.integers(0, 3)))
    if not inside:
        return draw(values)
    if isinstance(data, list):
        n = draw(st.integers(0, len(data) - 1))
        way = draw(st.sampled_from(["change", "remove", "repeat", "reverse"]))
        if way == "change":
            return [mutated(item, draw, values, depth + 1) if n == m else item for m, item in enumerate(data)]
        return {"remove": data[:n] + data[n + 1 :], "repeat": [*data, data[n]], "reverse": data[::-1]}[way]
    key = draw(st.sampled_from(sorted(data)))
    if depth > 1 and draw(st.integers(0, 4)) == 0:
        return {name: item for name, item in data.items() if name != key}
    return {**data, key: mutated(data[key], draw, values, depth + 1)}


@st.composite
def relatives(draw: st.DrawFn) -> tuple[Manifest, Manifest]:
    """Give two valid manifests of one kind that differ here and there."""
    kind = draw(st.sampled_from(sorted(KIND_TYPES)))
    example = EXAMPLES[kind]
    pool = st.sampled_from(VALUES)
    found: list[Manifest] = []
    for _ in range(2):
        data = example
        for _ in range(draw(st.integers(0, 6))):
            changed = mutated(data, draw, pool)
            data = changed if manifest_from_data(changed).manifest is not None else data
        manifest = manifest_from_data(data).manifest
        assert manifest is not None
        found.append(manifest)
    return found[0], found[1]


@LAW
@given(relatives())
def test_any_two_manifests_of_a_kind_are_compared(pair: tuple[Manifest, Manifest]) -> None:
    before, after = pair
    differences = compare(before, after)
    for difference in differences:
        assert isinstance(difference.impact, Impact)
        assert difference.path
        assert difference.says
    assert compare(before, after) == differences
    assert compare(before, before) == compare(after, after) == ()


@LAW
@given(relatives())
def test_what_differs_one_way_differs_the_other(pair: tuple[Manifest, Manifest]) -> None:
    before, after = pair
    assert bool(compare(before, after)) is bool(compare(after, before))


@LAW
@given(relatives(), st.sampled_from(["0.1.0", "1.0.0", "1.2.3-rc.1", "3.2.1"]))
def test_what_is_deserved_is_enough(pair: tuple[Manifest, Manifest], text: str) -> None:
    previous = Version.parse(text)
    bump = deserved(previous, compare(*pair))
    assert is_enough(previous, next_version(previous, bump), bump)
