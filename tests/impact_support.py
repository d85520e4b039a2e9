"""What the tests of impact share: records that refer to each other, their index, and what an analysis says in short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from gate_support import model, namespace, path_of, versioned
from index_support import commit, found

from gitreg_indexer.graph.analysis import Analysis
from gitreg_indexer.graph.impact_data import analyse, analysis_data
from gitreg_indexer.index import Index

Files = Mapping[str, bytes | None]
ACME: Files = {"namespaces/acme.yaml": namespace("acme")}


def needing(name: str, *refs: str, version: str = "1.0.0", **more: Any) -> dict[str, bytes]:
    """Give a model that depends on others; one that ends in `?` it can do without."""
    needs = [{"ref": ref.rstrip("?"), **({"required": False} if ref.endswith("?") else {})} for ref in refs]
    spec: dict[str, Any] = {**({"dependencies": needs} if needs else {}), **more}
    return {path_of(name, version): model(name, version, **spec)}


def suite(name: str, target: str) -> dict[str, bytes]:
    case = {"id": "a", "name": "A", "type": "functional", "priority": "high", "input": 1}
    return {f"suites/acme/{name}/1.0.0.yaml": versioned("TestSuite", name, target=target, cases=[case])}


def chain_of(length: int) -> dict[str, bytes]:
    """Give models of which each needs the one before; the first is `m0`."""
    links = {f"models/acme/m{n}/1.0.0.yaml": needing(f"m{n}", f"acme/m{n - 1}@^1") for n in range(1, length)}
    return {path_of("m0"): model("m0"), **{path: raw for files in links.values() for path, raw in files.items()}}


class World:
    """A registry with its index, in which each test has a corner: a namespace of its own that it knows as `acme`."""

    def __init__(self, folder: Path) -> None:
        self.registry = found(folder / "registry.git")
        self.index = Index.open(self.registry, folder / "index")
        self._corners = 0

    def corner(self, *files: Files) -> Corner:
        self._corners += 1
        made = Corner(self, f"w{self._corners:03}")
        made.land(ACME, *files)
        return made


@dataclass(frozen=True)
class Corner:
    """A part of a registry that is all that a test sees."""

    world: World
    name: str

    def land(self, *files: Files) -> None:
        """Land files past the gate."""
        own = self.name.encode()
        each = {path: raw and raw.replace(b"acme", own) for some in files for path, raw in some.items()}
        commit(self.world.registry.repo, {path.replace("acme", self.name): raw for path, raw in each.items()})

    def analyse(self, ref: str, *, to: str | None = None, **more: Any) -> Analysis:
        """Analyse as things are now; names are not given back."""
        self.world.index.catch_up()
        there = to and to.replace("acme", self.name)
        return analyse(self.world.index.reader(), ref.replace("acme", self.name), to=there, **more)

    def told(self, ref: str, **more: Any) -> Any:
        """Give the answer as JSON data."""
        return orjson.loads(orjson.dumps(analysis_data(self.analyse(ref, **more))).replace(self.name.encode(), b"acme"))

    def impacts(self, ref: str, **more: Any) -> list[tuple[str, str, int]]:
        """Give who is affected, how, and how far away."""
        return [(each["ref"], each["impact"], each["distance"]) for each in self.told(ref, **more)["impacted"]]

    def steps(self, ref: str, **more: Any) -> list[tuple[str, str, str | None, str | None]]:
        """Give the plan: what to do, with whom, to what it leads, as which version."""
        plan = self.told(ref, plan=True, **more)["plan"]
        return [(step["action"], step["ref"], step["to"], step["newVersion"]) for step in plan]


def short(ref: str, impact: str | None, distance: int = 1) -> list[tuple[str, str, int]]:
    """Give what `impacts` says of one record; nothing where there is no impact."""
    return [] if impact is None else [(ref, impact, distance)]
