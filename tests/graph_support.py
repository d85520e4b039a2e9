"""What the tests of the graph share: small registries of records that refer to each other, and a lineage worked out
from them naively: every edge is looked at again and again, and nothing is remembered.

- A record is drawn as what it says (`Said`), and written as a manifest; the oracle reads what was drawn.
- Only what a selector means is asked of the core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from hypothesis import strategies as st
from index_support import UID, Files, aliases, manifest

from gitreg.refs import KINDS, read_selector
from gitreg.resolution import choose
from gitreg.versions import Range, Version
from gitreg_indexer import reader as reader_module
from gitreg_indexer.catalog import Catalog, History, Making
from gitreg_indexer.graph.lineage import FOLLOWED, Asked, Direction, Lineage
from gitreg_indexer.graph.state import Reading, State

DIGEST: Final = "3f5a1c7d9e2b4860a1f3c5d7e9b2846050f1e3d5c7b9a8642013579bdf02468a"
CHECKSUM: Final = {"of": "artifact", "algorithm": "sha256", "digest": DIGEST}
BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0")
SELECTORS: Final = (
    *("", "^1", "^1", "1.0.0", "1.1.0", "2.0.0", ">=1.0.0 <3.0.0", "^9", ">=2.0.0-0", "latest", "stable", "gone"),
)
NAMED: Final = (
    *(("Model", "a"), ("Model", "b"), ("Dataset", "a"), ("Dataset", "d"), ("Config", "c")),
    *(("Pipeline", "p"), ("TestSuite", "s"), ("PipelineTemplate", "t")),
)


class Slot(NamedTuple):
    """A field that holds refs: its relation, its path, and what may stand there."""

    relation: str
    path: str
    is_upstream: bool = True
    is_about_all: bool = False
    kinds: tuple[str, ...] = ("Model", "Dataset", "Config", "Pipeline", "TestSuite", "PipelineTemplate")
    has_selector: bool = True


_NEEDS: Final = Slot("depends_on", "spec.dependencies[{}].ref")
_NEXT: Final = Slot("replaces", "spec.lifecycle.successor", is_upstream=False)
SLOTS: Final[Mapping[str, Mapping[str, Slot]]] = {
    "Model": {"dependencies": _NEEDS, "derivedFrom": Slot("derived_from", "spec.derivedFrom[{}].ref"), "next": _NEXT},
    "Dataset": {"sources": Slot("derived_from", "spec.sources[{}].ref"), "dependencies": _NEEDS, "next": _NEXT},
    "Config": {
        "appliesTo": Slot("configures", "spec.appliesTo[{}]", False, True, has_selector=False),
        "dependencies": _NEEDS,
    },
    "Pipeline": {
        "models": Slot("uses", "spec.dag.nodes[{}].model", kinds=("Model",)),
        "reads": Slot("transforms", "spec.reads[{}]", kinds=("Dataset",)),
        "writes": Slot("transforms", "spec.writes[{}]", False, kinds=("Dataset",)),
        "dependencies": _NEEDS,
    },
    "TestSuite": {"target": Slot("validates", "spec.target", kinds=("Model", "Pipeline"))},
    "PipelineTemplate": {"includes": Slot("depends_on", "spec.includes[{}]", kinds=("PipelineTemplate",))},
}
ONE: Final = ("next", "target")
"""The slots that hold one ref."""


class Mention(NamedTuple):
    """A ref: a kind, a name, a selector as it is written."""

    kind: str
    name: str
    selector: str

    @property
    def text(self) -> str:
        """Give the ref."""
        return f"{KINDS[self.kind].word}:acme/{self.name}{'@' + self.selector if self.selector else ''}"


@dataclass(frozen=True)
class Said:
    """What a record says."""

    kind: str
    name: str
    version: str
    status: str = "active"
    slots: Mapping[str, tuple[Mention, ...]] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        """Give its ref."""
        return Mention(self.kind, self.name, self.version).text

    @property
    def path(self) -> str:
        """Give its path."""
        return f"{KINDS[self.kind].folder}/acme/{self.name}/{self.version}.yaml"

    def raw(self) -> bytes:
        """Give its manifest."""
        spec = _spec(self.kind, {slot: [mention.text for mention in held] for slot, held in self.slots.items()})
        spec.setdefault("lifecycle", {})["status"] = self.status
        return manifest(self.kind, {"namespace": "acme", "name": self.name, "version": self.version}, spec)


def _spec(kind: str, texts: Mapping[str, list[str]]) -> dict[str, Any]:
    in_refs = {name: [{"ref": text} for text in held] for name, held in texts.items()}
    spec: dict[str, Any] = {key: in_refs[key] for key in ("dependencies", "derivedFrom", "sources") if key in in_refs}
    spec |= {key: list(texts[key]) for key in ("appliesTo", "reads", "writes", "includes") if key in texts}
    if texts.get("next"):
        spec["lifecycle"] = {"successor": texts["next"][0]}
    match kind:
        case "Model":
            spec |= {"provider": "openai", "type": "completion", "checksum": CHECKSUM}
        case "Dataset":
            spec |= {"format": "jsonl", "checksum": CHECKSUM}
        case "Config":
            spec["value"] = {}
        case "PipelineTemplate":
            spec["body"] = {}
        case "TestSuite":
            case = {"id": "a", "name": "A", "type": "functional", "priority": "high", "input": 1}
            spec |= {"cases": [case], "target": texts["target"][0]}
        case "Pipeline":
            nodes = [{"id": f"n{n}", "type": "model", "model": text} for n, text in enumerate(texts.get("models", []))]
            code = {"id": "c", "type": "transform", "language": "sql", "logic": "SELECT 1"}
            spec |= {"dag": {"nodes": nodes or [code]}, "inputSchema": True, "outputSchema": True}
    return spec


Records = Mapping[str, Said]
"""What stands, by path."""
Aliases = Mapping[tuple[str, str], Mapping[str, str]]
"""The aliases of names, by kind and name."""


@dataclass(frozen=True)
class World:
    """A registry as it stands."""

    records: Records
    aliases: Aliases

    @cached_property
    def resolved(self) -> list[Told]:
        """Every edge to what it resolves to."""
        return told_edges(self, "resolved")

    @cached_property
    def admitted(self) -> list[Told]:
        """Every edge to all that it admits."""
        return told_edges(self, "admitted")

    def then(self, change: Change) -> World:
        """Give what stands after a change."""
        records = {**self.records, **{one.path: one for one in change.added}}
        lost = {*change.broken, *change.removed} - {one.path for one in change.added}
        return World({k: v for k, v in records.items() if k not in lost}, {**self.aliases, **change.aliases})


@dataclass(frozen=True)
class Change:
    """What a commit does."""

    added: tuple[Said, ...]
    removed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    aliases: Aliases = field(default_factory=dict)

    def files(self) -> Files:
        """Give the files of the commit."""
        files: dict[str, Any] = dict.fromkeys(self.removed)
        files |= dict.fromkeys(self.broken, BAD)
        for (kind, name), named in self.aliases.items():
            files |= aliases(name, of=kind, **named)
        return files | {one.path: one.raw() for one in self.added}


# Drawn


@st.composite
def mentions(draw: st.DrawFn, slot: Slot) -> Mention:
    kind, name = draw(st.sampled_from([named for named in NAMED if named[0] in slot.kinds]))
    return Mention(kind, name, draw(st.sampled_from(SELECTORS)) if slot.has_selector else "")


@st.composite
def said(draw: st.DrawFn) -> Said:
    kind, name = draw(st.sampled_from(NAMED))
    slots = {
        key: tuple(draw(st.lists(mentions(slot), min_size=key == "target", max_size=1 if key in ONE else 2)))
        for key, slot in SLOTS[kind].items()
    }
    ended = "archived" if kind == "Pipeline" else "retired"
    status = draw(st.sampled_from(["active", "active", "active", "deprecated", ended]))
    return Said(kind, name, draw(st.sampled_from(VERSIONS)), status, slots)


_NAMED_ALIASES: Final = st.dictionaries(
    st.sampled_from([named for named in NAMED if named[0] in ("Model", "Dataset")]),
    st.dictionaries(st.just("stable"), st.sampled_from(VERSIONS)),
    max_size=2,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    found = draw(st.lists(said(), min_size=1, max_size=14))
    return World({one.path: one for one in found}, draw(_NAMED_ALIASES))


_PATHS: Final = tuple(Said(*named, version).path for named in NAMED for version in VERSIONS[:2])
changes: Final = st.builds(
    Change,
    st.lists(said(), max_size=5, unique_by=lambda one: one.path).map(tuple),
    st.lists(st.sampled_from(_PATHS), max_size=3).map(tuple),
    st.lists(st.sampled_from(_PATHS), max_size=1).map(tuple),
    _NAMED_ALIASES,
)
histories: Final = st.lists(changes, min_size=1, max_size=5)


# The catalog


def catalog_at(file: Path, history: History = "full") -> closing[Catalog]:
    """Open a catalog by itself, without a search index."""
    return closing(Catalog.open(file, Making(UID, history)))


def state_in(db: sa.Connection, at: int | None = None) -> State:
    """Give the graph as it stands in a catalog."""
    return State(db, at, lambda ref: reader_module._aliases(db, ref, at))


# The oracle


class Told(NamedTuple):
    """An edge in one of its readings: who refers, where and how, to what; the two ends as data flows."""

    source: str
    field: str
    target: str
    relation: str
    is_missing: bool
    upstream: str
    downstream: str


def told_edges(world: World, reading: Reading) -> list[Told]:
    """Work out every edge of a registry."""
    found = []
    for one in world.records.values():
        for key, held in one.slots.items():
            slot = SLOTS[one.kind][key]
            for n, mention in enumerate(held):
                reached = satisfying(world, mention) if slot.is_about_all or reading == "admitted" else []
                if not slot.is_about_all and reading == "resolved":
                    reached = meant(world, mention)
                for target in reached or [mention.text]:
                    ends = (target, one.ref) if slot.is_upstream else (one.ref, target)
                    found.append(Told(one.ref, slot.path.format(n), target, slot.relation, not reached, *ends))
    return found


def _standing(world: World, mention: Mention) -> dict[Version, Said]:
    """Give the versions of a name, highest first."""
    of_name = [one for one in world.records.values() if (one.kind, one.name) == mention[:2]]
    return dict(sorted(((Version.parse(one.version), one) for one in of_name), key=lambda pair: pair[0], reverse=True))


def meant(world: World, mention: Mention) -> list[str]:
    """Resolve a ref."""
    known = _standing(world, mention)
    named = world.aliases.get(mention[:2], {})
    selector = read_selector(mention.selector, mention.text) if mention.selector else None
    chosen = choose(selector, list(known), named, lambda version: known[version].status in ("retired", "archived"))
    return [known[chosen].ref] if chosen else []


def satisfying(world: World, mention: Mention) -> list[str]:
    """Find all that satisfies a ref."""
    known = _standing(world, mention)
    selector = read_selector(mention.selector, mention.text) if mention.selector else None
    if selector is None:
        return [one.ref for one in known.values()]
    if isinstance(selector, Range):
        return [one.ref for version, one in known.items() if selector.allows(version)]
    return meant(world, mention)


class Expected(NamedTuple):
    """A lineage as it should be: nodes as (ref, kind, status, distance, missing) and edges, each sorted."""

    nodes: list[tuple[str, str, str | None, int, bool]]
    lines: list[tuple[str, str, str, str, bool]]


def expected_lineage(world: World, root: str, asked: Asked) -> Expected:
    """Follow every edge, a step at a time, until nothing new is found."""
    told = world.resolved if asked.reading == "resolved" else world.admitted
    edges = [edge for edge in told if edge.relation in asked.relations]
    words = {place.word: kind for kind, place in KINDS.items()}
    distances, lines = {root: 0}, set()
    for sign, direction in ((-1, "up"), (1, "down")):
        if asked.direction not in (direction, "both"):
            continue
        reached = {root: 0}
        for step in range(1, 1 + (100 if asked.depth is None else asked.depth)):
            for edge in edges:
                here, there = (edge.downstream, edge.upstream) if sign < 0 else (edge.upstream, edge.downstream)
                is_from = reached.get(here) == step - 1 and not (here == edge.target and edge.is_missing)
                if is_from and (not asked.kinds or words[there.partition(":")[0]] in asked.kinds):
                    lines.add(edge[:5])
                    reached.setdefault(there, step)
        for ref, distance in reached.items():
            if ref not in distances or distance < abs(distances[ref]):
                distances[ref] = sign * distance
    by_ref = {one.ref: one for one in world.records.values()}
    nodes = [
        (ref, words[ref.partition(":")[0]], by_ref[ref].status if ref in by_ref else None, distance, ref not in by_ref)
        for ref, distance in distances.items()
    ]
    return Expected(sorted(nodes), sorted(lines))


def as_expected(lineage: Lineage) -> Expected:
    """Give what was told in the form of what should be."""
    nodes = sorted((node.ref, node.kind, node.status, node.distance, node.is_missing) for node in lineage.nodes)
    lines = [(line.source, line.edge.field, line.target, line.edge.relation, line.is_missing) for line in lineage.lines]
    return Expected(nodes, sorted(lines))


def ways_to_ask(relations: Iterable[str] = FOLLOWED) -> list[Asked]:
    """Ask in both directions and readings."""
    directions: tuple[Direction, ...] = ("up", "down", "both")
    readings: tuple[Reading, ...] = ("resolved", "admitted")
    listed = tuple(relations)
    return [Asked(one, relations=listed, reading=reading) for one in directions for reading in readings]
