"""Circles are those that anybody would find who looks from everywhere to everywhere, and the gate tells each new one.

- The state is made of manifests in memory, so that ten thousand registries can be judged in some seconds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

import pytest
from effort import tries

from gitreg.errors import NotFoundError
from gitreg.graph import Graph
from gitreg.kinds import Manifest, Model
from gitreg.kinds._base import Dependency, VersionLifecycle
from gitreg.manifests import manifest_from_data, read_manifest
from gitreg.refs import Address, Ref
from gitreg.repository.snapshot import Record, Snapshot
from gitreg.resolution import choose
from gitreg.validation import Change, Fault, Subject
from gitreg.versions import Range, Version
from gitreg_validators.circles import check_acyclic

REGISTRIES: Final = tries(10_000, 100_000)
NAMES: Final = ("a", "b", "c", "d")
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0")
SELECTORS: Final = (
    *("1.0.0", "1.1.0", "2.0.0", "^1", "^1", "^2", ">=1.1.0 <3.0.0", "<2", "*", "^9", "3.0.0"),
    *("", "latest", "good"),
)
Key = tuple[str, str]


@dataclass
class Drawn:
    """A registry: what each version of each name needs, in refs; which are retired; what `good` names."""

    needs: dict[Key, tuple[Key, ...]]
    retired: set[Key] = field(default_factory=set)
    good: dict[str, str] = field(default_factory=dict)


def draw(rng: random.Random, most: int = 6) -> Drawn:
    keys = rng.sample([(name, version) for name in NAMES for version in VERSIONS], rng.randint(1, most))
    found = Drawn({key: refs(rng) for key in keys})
    found.retired = {key for key in keys if rng.random() < 0.15}
    found.good = {name: rng.choice(VERSIONS) for name in NAMES if rng.random() < 0.4}
    return found


def refs(rng: random.Random) -> tuple[Key, ...]:
    return tuple((rng.choice(NAMES), rng.choice(SELECTORS)) for _ in range(rng.choice((0, 1, 1, 1, 2))))


# The state in memory


def _model() -> Model:
    manifest = read_manifest(Model.example.encode()).manifest
    assert isinstance(manifest, Model)
    return manifest.model_copy(update={"spec": manifest.spec.model_copy(update={"derived_from": ()})})


EXAMPLE: Final = _model()


@cache
def need(name: str, selector: str) -> Dependency:
    return Dependency(ref=f"acme/{name}{'@' + selector if selector else ''}")


@cache
def lifecycle(status: str) -> VersionLifecycle:
    return VersionLifecycle.model_validate({"status": status})


@cache
def about(name: str, version: str) -> Any:
    return EXAMPLE.metadata.model_copy(update={"namespace": "acme", "name": name, "version": version})


@cache
def spec_of(needs: tuple[Key, ...], status: str) -> Any:
    wanted = tuple(need(*one) for one in needs)
    return EXAMPLE.spec.model_copy(update={"dependencies": wanted, "lifecycle": lifecycle(status)})


@cache
def model_of(key: Key, needs: tuple[Key, ...], status: str) -> Manifest:
    return EXAMPLE.model_copy(update={"metadata": about(*key), "spec": spec_of(needs, status)})


@cache
def aliases_of(name: str, version: str) -> Manifest:
    data = {"apiVersion": "gitreg/v1", "kind": "Aliases", "metadata": {"namespace": "acme", "name": name}}
    found = manifest_from_data({**data, "spec": {"of": "Model", "aliases": {"good": version}}}).manifest
    assert found is not None
    return found


class Held(Snapshot):
    """A state of manifests that are held in memory."""

    def __init__(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._resolved = {}
        self._versions = {}
        made = [
            model_of(key, needs, "retired" if key in drawn.retired else "active") for key, needs in drawn.needs.items()
        ]
        made += [aliases_of(name, version) for name, version in drawn.good.items()]
        self.held = {one.address.path: Record(one.address, one, b"", "") for one in made}

    def record_at(self, path: str) -> Record | None:
        return self.held.get(path)

    def entry(self, path: str) -> Any:
        return self.held.get(path)

    def versions(self, kind: str, namespace: str, name: str) -> tuple[Version, ...]:
        place = f"{kind}:{namespace}/{name}"
        if place not in self._versions:
            found = (parsed(version) for one, version in self._drawn.needs if one == name)
            self._versions[place] = tuple(sorted(found, reverse=True))
        return self._versions[place]

    def _unknown_name(self, ref: Ref) -> NotFoundError:
        return NotFoundError(f"there is no {ref}", mend="-")

    def mentioning(self, words: Iterable[str]) -> tuple[str, ...]:
        wanted = {word.partition("/")[2] for word in words}
        return tuple(path_of(key) for key, needs in self._drawn.needs.items() if wanted & {name for name, _ in needs})


@cache
def path_of(key: Key) -> str:
    return Address("Model", "acme", *key).path


# The oracle


@cache
def parsed(version: str) -> Version:
    return Version.parse(version)


@cache
def read(selector: str) -> Version | Range | str | None:
    return Ref.parse(f"acme/a@{selector}").selector if selector else None


def satisfying(drawn: Drawn, name: str, selector: str) -> list[Key]:
    """Find all that a ref may come to mean: a circle through any of them is one."""
    known = sorted((parsed(version) for one, version in drawn.needs if one == name), reverse=True)
    wanted = read(selector)
    if isinstance(wanted, str):
        named = {"good": drawn.good[name]} if name in drawn.good else {}
        chosen = choose(wanted, known, named, lambda version: (name, str(version)) in drawn.retired)
        return [(name, str(chosen))] if chosen else []
    fits = [v for v in known if wanted is None or (wanted.allows(v) if isinstance(wanted, Range) else v == wanted)]
    return [(name, str(version)) for version in fits]


Edges = Mapping[Key, set[Key]]


def edges_of(drawn: Drawn) -> Edges:
    return {key: {to for ref in needs for to in satisfying(drawn, *ref)} for key, needs in drawn.needs.items()}


def reaching(edges: Edges) -> dict[Key, set[Key]]:
    """Tell what can be reached from where, in one step or more (Warshall, 1962)."""
    found = {key: set(targets) for key, targets in edges.items()}
    for middle in edges:
        for key in edges:
            if middle in found[key]:
                found[key] |= found[middle]
    return found


def circles_in(drawn: Drawn) -> set[frozenset[Key]]:
    """Find the parts in which everything reaches everything, itself included."""
    reach = reaching(edges_of(drawn))
    return {frozenset(other for other in reach[key] if key in reach[other]) for key in reach if key in reach[key]}


# What is held


def change_of(before: Drawn | None, after: Drawn) -> Change:
    base, head = Held(before or Drawn({})), Held(after)
    change = Change(base, head, is_state=before is None)
    found = []
    for path, record in sorted(head.held.items()):
        earlier = base.held.get(path)
        if earlier is None or earlier.manifest != record.manifest:
            was = earlier.manifest if earlier else None
            found.append(Subject(path, record.manifest, head, change, earlier is None, was))
    change.__dict__["subjects"] = tuple(found)
    return change


def check_way(fault: Fault, edges: Edges) -> frozenset[Key]:
    """Hold that the way that a fault tells is a circle of edges; give what is on it."""
    refs = fault.says.removeprefix("it needs itself: ").split(" -> ")
    way = [(ref.partition("/")[2].partition("@")[0], ref.partition("@")[2]) for ref in refs]
    assert way[0] == way[-1]
    assert len(set(way)) == len(way) - 1
    assert path_of(way[0]) == fault.path
    assert all(after in edges[before] for before, after in pairwise(way))
    return frozenset(way)


def test_circles_are_exact_in_ten_thousand_registries() -> None:
    rng, met = random.Random(20), Counter[str]()  # noqa: S311 - the same every time
    for _ in range(REGISTRIES):
        drawn = draw(rng)
        expected = circles_in(drawn)
        state = Held(drawn)
        parts = list(Graph(state).circles(sorted(state.held)))
        assert len(parts) == len(set(parts))
        assert set(parts) == {frozenset(map(path_of, part)) for part in expected}
        faults = list(check_acyclic(change_of(None, drawn)))
        edges = edges_of(drawn)
        on_ways = [check_way(fault, edges) for fault in faults]
        assert {next(part for part in expected if way <= part) for way in on_ways} == expected
        assert len(faults) == len(expected)
        assert sorted(fault.path or "" for fault in faults) == sorted(min(map(path_of, part)) for part in expected)
        met.update(["none" if not expected else "one" if len(expected) == 1 else "many"])
        met.update("loop" if len(part) == 1 else "long" if len(part) > 3 else "short" for part in expected)
        met.update(["twice"] if any(len(set(n)) < len(n) for n in drawn.needs.values()) else [])
    assert min(met[word] for word in ("none", "one", "many", "loop", "short", "long", "twice")) > REGISTRIES // 200, met


def changed(rng: random.Random, before: Drawn) -> Drawn:
    """Add some, change what some need, retire some, move some aliases: nothing goes, nothing comes back to life."""
    more = draw(rng, 3)
    after = Drawn({**before.needs}, set(before.retired), {**before.good})
    for key, needs in more.needs.items():
        if key not in after.needs or rng.random() < 0.7:
            after.needs[key] = needs
    after.retired |= {key for key in more.retired if key in more.needs}
    after.retired |= {key for key in before.needs if rng.random() < 0.1}
    after.good |= {name: version for name, version in more.good.items() if rng.random() < 0.5}
    return after


def test_a_change_is_refused_where_it_closes_a_circle_and_only_there() -> None:
    rng, met = random.Random(21), Counter[bool]()  # noqa: S311 - the same every time
    while met.total() < REGISTRIES // 2:
        before = draw(rng, 4)
        if circles_in(before):
            continue
        after = changed(rng, before)
        faults = list(check_acyclic(change_of(before, after)))
        assert bool(faults) == bool(circles_in(after)), (before, after)
        for fault in faults:
            check_way(fault, edges_of(after))
        met.update([bool(faults)])
    assert min(met.values()) > REGISTRIES // 20, met


@pytest.mark.parametrize("is_closed", [False, True], ids=["a chain", "a circle"])
def test_ten_thousand_records_in_a_row_do_not_overflow(is_closed: bool) -> None:
    count = 10_000
    needs = {(f"n{n}", "1.0.0"): ((f"n{n + 1}", "1.0.0"),) for n in range(count - 1)}
    state = Held(Drawn({**needs, (f"n{count - 1}", "1.0.0"): (("n0", "1.0.0"),) if is_closed else ()}))
    state._versions = {f"Model:acme/n{n}": (parsed("1.0.0"),) for n in range(count)}
    paths = list(state.held)
    graph = Graph(state)
    parts = list(graph.circles([paths[count // 2], *paths]))
    assert parts == ([frozenset(paths)] if is_closed else [])
    if is_closed:
        assert len(graph.circle_through(paths[7], parts[0])) == count + 1
