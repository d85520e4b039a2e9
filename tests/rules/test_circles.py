"""The graph has no circle, and ancestry goes one way."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    aliases,
    change_of,
    dataset,
    expect,
    found_by,
    judge,
    model,
    new_registry,
    path_of,
    pipeline,
    unreadable,
    versioned,
)

from gitreg.graph import Graph
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators import circles
from gitreg_validators.circles import RULES

A, B, C = path_of("a"), path_of("b"), path_of("c")
B2 = path_of("b", "2.0.0")
P = "pipelines/acme/p/1.0.0.yaml"
B_ALIASES = "models/acme/b/aliases.yaml"
DEPENDENCY = "spec.dependencies[0].ref"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("circles"), BASE).snapshot()


def needing(name: str, *refs: str, version: str = "1.0.0", status: str = "active") -> bytes:
    lifecycle: dict[str, Any] = {} if status == "active" else {"lifecycle": {"status": status}}
    return model(name, version, dependencies=[{"ref": ref} for ref in refs], **lifecycle)


def of(*refs: str) -> list[dict[str, str]]:
    return [{"ref": ref} for ref in refs]


def template(name: str, **spec: Any) -> bytes:
    return versioned("PipelineTemplate", name, body={}, **spec)


TEMPLATES = "templates/acme"
RETIRED_B = {B2: needing("b", version="2.0.0", status="retired")}
CIRCLES = [
    Case("nothing needs anything", {A: model("a")}),
    Case("a chain", {A: needing("a", "acme/b@^1"), B: needing("b", "acme/c@^1"), C: model("c")}),
    Case("two ways to one", {A: needing("a", "acme/b@^1", "acme/c@^1"), B: needing("b", "acme/c@^1"), C: model("c")}),
    Case("another version of itself", {B2: needing("b", "acme/b@^1", version="2.0.0"), B: model("b")}),
    Case("a range past the circle", {A: needing("a", "acme/b@^2"), B: needing("b", "acme/a@^1")},
         over={B2: model("b", "2.0.0")}),
    Case("a successor is not needed", {A: model("a", lifecycle={"successor": "acme/b@^1"}),
         B: needing("b", "acme/a@^1")}),
    Case("an alias past the circle", {A: needing("a", "acme/b@good"), B: needing("b", "acme/a@^1"),
         B2: model("b", "2.0.0"), B_ALIASES: aliases("b", good="2.0.0")}),
    Case("an unreadable link", {A: needing("a", "acme/b@^1"), B: b"dependencies: [acme/a"}),
    Case("an old circle is not this change's", {C: needing("c", "acme/a@^1")},
         over={A: needing("a", "acme/b@^1"), B: needing("b", "acme/a@^1")}),
    Case("an old circle with more to say", {A: model("a", dependencies=[{"ref": "acme/b@^1"}], description="A.")},
         over={A: needing("a", "acme/b@^1"), B: needing("b", "acme/a@^1")}),
    Case("an old circle with a successor", {A: model("a", dependencies=of("acme/b@^1"), lifecycle={
         "successor": "acme/chat@1.0.0"})}, over={A: needing("a", "acme/b@^1"), B: needing("b", "acme/a@^1")}),
    Case("a pipeline reads what it writes", {P: pipeline(reads=["acme/d@^1"], writes=["acme/d@^1"]),
         "datasets/acme/d/1.0.0.yaml": dataset("d", dependencies=of("pipeline:acme/p@^1"))}),
    Case("an alias of nothing", {B_ALIASES: aliases("b", bad="9.0.0")}, over={A: needing("a", "acme/b@bad")}),
    Case("an alias stays at an old circle", {B_ALIASES: aliases("b", bad="1.0.0", good="2.0.0")},
         over={A: needing("a", "acme/b@bad"), B: needing("b", "acme/a@^1"), B2: model("b", "2.0.0"),
               B_ALIASES: aliases("b", bad="1.0.0")}),
    Case("the latest ends, and another one is there", RETIRED_B,
         over={A: needing("a", "acme/b@latest"), B: model("b"), B2: model("b", "2.0.0")}),
    Case("the only one ends", {B: model("b", lifecycle={"status": "retired"})}, over={B: model("b")}),
    Case("ended long ago", {B2: model("b", "2.0.0", lifecycle={"status": "retired"}, description="B.")},
         over={A: needing("a", "acme/b@latest"), B: needing("b", "acme/a@^1"), **RETIRED_B}),
    Case("itself", {A: needing("a", "acme/a@1.0.0")}, "needs itself: model:acme/a@1.0.0 -> model:acme/a@1.0.0",
         DEPENDENCY),
    Case("itself in a range", {A: needing("a", "acme/chat@^1", "acme/a@^1")}, "needs itself",
         "spec.dependencies[1].ref"),
    Case("itself without a selector", {A: needing("a", "acme/a")}, "needs itself", DEPENDENCY),
    Case("two", {A: needing("a", "acme/b@^1"), B: needing("b", "acme/a@^1")},
         "model:acme/a@1.0.0 -> model:acme/b@1.0.0 -> model:acme/a@1.0.0", DEPENDENCY),
    Case("closed by the last of three", {C: needing("c", "acme/a@^1")},
         "model:acme/c@1.0.0 -> model:acme/a@1.0.0 -> model:acme/b@1.0.0 -> model:acme/c@1.0.0", DEPENDENCY,
         over={A: needing("a", "acme/b@^1"), B: needing("b", "acme/c@^1")}),
    Case("through the lower of two versions", {A: needing("a", "acme/b"), B2: model("b", "2.0.0"),
         B: needing("b", "acme/a@^1")}, "model:acme/a@1.0.0 -> model:acme/b@1.0.0", DEPENDENCY),
    Case("by a new version in an old range", {path_of("b", "1.1.0"): needing("b", "acme/a@^1", version="1.1.0")},
         "model:acme/b@1.1.0 -> model:acme/a@1.0.0 -> model:acme/b@1.1.0", DEPENDENCY,
         over={A: needing("a", "acme/b@^1"), B: model("b")}),
    Case("an edit that needs more", {A: needing("a", "acme/b@^1")}, "needs itself", DEPENDENCY,
         over={A: needing("a", "acme/chat@^1"), B: needing("b", "acme/a@^1")}),
    Case("a mended link", {B: needing("b", "acme/a@^1")}, "needs itself", DEPENDENCY,
         over={A: needing("a", "acme/b@^1"), B: b"a: ["}),
    Case("an alias that moves", {B_ALIASES: aliases("b", good="1.0.0")},
         "model:acme/b@1.0.0 -> model:acme/a@1.0.0 -> model:acme/b@1.0.0", DEPENDENCY,
         over={A: needing("a", "acme/b@good"), B: needing("b", "acme/a@^1"), B2: model("b", "2.0.0"),
               B_ALIASES: aliases("b", good="2.0.0")}),
    Case("a new alias", {B_ALIASES: aliases("b", good="1.0.0")}, "needs itself", DEPENDENCY,
         over={A: needing("a", "acme/b@good"), B: needing("b", "acme/a@^1")}),
    Case("what is latest once another ends", RETIRED_B, "model:acme/b@1.0.0 -> model:acme/a@1.0.0", DEPENDENCY,
         over={A: needing("a", "acme/b@latest"), B: needing("b", "acme/a@^1"), B2: needing("b", version="2.0.0")}),
    Case("parents", {A: model("a", derivedFrom=of("acme/b@1.0.0")),
         B: model("b", derivedFrom=of("acme/a@1.0.0"))}, "needs itself", "spec.derivedFrom[0].ref"),
    Case("datasets", {"datasets/acme/a/1.0.0.yaml": dataset("a", sources=[{"ref": "dataset:acme/b@1.0.0"}]),
         "datasets/acme/b/1.0.0.yaml": dataset("b", sources=[{"ref": "dataset:acme/a@1.0.0"}])},
         "dataset:acme/a@1.0.0 -> dataset:acme/b@1.0.0", "spec.sources[0].ref"),
    Case("templates", {f"{TEMPLATES}/a/1.0.0.yaml": template("a", extends="template:acme/b@^1"),
         f"{TEMPLATES}/b/1.0.0.yaml": template("b", includes=["template:acme/a@^1"])},
         "template:acme/a@1.0.0 -> template:acme/b@1.0.0", "spec.extends"),
    Case("a model that needs its pipeline", {A: needing("a", "pipeline:acme/p@^1"), "pipelines/acme/p/1.0.0.yaml":
         pipeline(dag={"nodes": [{"id": "a", "type": "model", "model": "acme/a@^1"}]})},
         "model:acme/a@1.0.0 -> pipeline:acme/p@1.0.0", DEPENDENCY),
]  # fmt: skip

LINEAGE = [
    Case("of another", {A: model("a", derivedFrom=of("acme/chat@1.0.0"))}),
    Case("of an earlier version", {path_of("a", "1.0.1"): model("a", "1.0.1", derivedFrom=of("acme/a@1.0.0"))}),
    Case("of its prerelease", {A: model("a", derivedFrom=of("acme/a@1.0.0-rc.1"))}),
    Case("of its namesake elsewhere", {A: model("a", derivedFrom=of("other/a@1.0.0"))}),
    Case("of another one's range", {A: model("a", derivedFrom=of("acme/chat@^1"))}),
    Case("needs a later one", {A: needing("a", "acme/a@2.0.0")}),
    Case("no version", {B_ALIASES: aliases("b")}),
    Case("landed so", {A: model("a", derivedFrom=of("acme/a@^1"), description="A.")},
         over={A: model("a", derivedFrom=of("acme/a@^1"))}),
    Case("of itself", {A: model("a", derivedFrom=of("acme/a@1.0.0"))}, "it is derived from itself",
         "spec.derivedFrom[0].ref"),
    Case("of a later version", {A: model("a", derivedFrom=of("acme/chat@1.0.0", "acme/a@1.0.1"))},
         "from model:acme/a@1.0.1, which is a later version", "spec.derivedFrom[1].ref"),
    Case("a prerelease of its release", {path_of("a", "1.0.0-rc.1"): model("a", "1.0.0-rc.1",
         derivedFrom=of("acme/a@1.0.0"))}, "a later version", "spec.derivedFrom[0].ref"),
    Case("of its own range", {A: model("a", derivedFrom=of("acme/a@<1"))}, "may mean model:acme/a@1.0.0 itself",
         "spec.derivedFrom[0].ref"),
    Case("of its own name", {A: model("a", derivedFrom=of("acme/a"))}, "model:acme/a may mean model:acme/a@1.0.0",
         "spec.derivedFrom[0].ref"),
    Case("of its own alias", {A: model("a", derivedFrom=of("acme/a@stable"))}, "itself",
         "spec.derivedFrom[0].ref"),
    Case("a model of a dataset", {A: model("a", derivedFrom=of("dataset:acme/tickets@1.0.0"))},
         "a Model is derived from another one, and dataset:acme/tickets@1.0.0 is a Dataset", "spec.derivedFrom[0].ref"),
    Case("a pipeline of datasets", {P: pipeline(reads=["acme/tickets@^1", "dataset:acme/n"], writes=["acme/x@1.0.0"])}),
    Case("a pipeline that reads a model", {P: pipeline(reads=["acme/tickets@^1", "model:acme/chat@^1"])},
         "reads and writes datasets, and model:acme/chat@^1 is a Model", "spec.reads[1]"),
    Case("a pipeline that writes a config", {P: pipeline(writes=["config:acme/defaults@1.0.0"])},
         "config:acme/defaults@1.0.0 is a Config", "spec.writes[0]"),
    Case("a dataset of a model", {"datasets/acme/a/1.0.0.yaml": dataset("a", sources=[{"ref": "model:acme/a@1.0.0"}])},
         "a Dataset is derived from another one", "spec.sources[0].ref"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "case"),
    [
        pytest.param(function, case, id=f"{function} {case.name}")
        for function, cases in (("check_acyclic", CIRCLES), ("check_lineage", LINEAGE))
        for case in cases
    ],
)
def test_circles(base: Snapshot, function: str, case: Case) -> None:
    expect(base, case, [rule for rule in RULES if rule.name == function])


def test_the_cases_can_be_read() -> None:
    assert unreadable([*CIRCLES, *LINEAGE]) == ["an unreadable link"]


def ring(count: int) -> dict[str, bytes]:
    return {path_of(f"r{n}"): needing(f"r{n}", f"acme/r{(n + 1) % count}@^1") for n in range(count)}


def test_a_long_circle_is_shown_in_short_and_found_once(base: Snapshot) -> None:
    (seven,) = found_by(base, ring(7), RULES[:1])
    shown = [f"model:acme/r{n % 7}@1.0.0" for n in range(8)]
    assert seven.says == f"it needs itself: {' -> '.join(shown)}"
    (twelve,) = found_by(base, ring(12), RULES[:1])
    shown = [*(f"model:acme/r{n}@1.0.0" for n in range(7)), "... (5 more)", "model:acme/r0@1.0.0"]
    assert twelve.says == f"it needs itself: {' -> '.join(shown)}"
    assert (twelve.path, twelve.ref) == (path_of("r0"), "model:acme/r0@1.0.0")


def test_each_circle_is_told(base: Snapshot) -> None:
    files = {A: needing("a", "acme/b@^1"), B: needing("b", "acme/a@^1"), C: needing("c", "acme/c@^1")}
    assert [finding.path for finding in found_by(base, files, RULES[:1])] == [A, C]
    over = {A: needing("a", "acme/b@^1"), B: needing("b", "acme/a@^1")}
    assert [
        finding.path
        for finding in judge(base, Case("", {C: needing("c", "acme/c@^1", "acme/a@^1")}, over=over), RULES[:1])
    ] == [C]


def test_what_is_too_large_to_look_at_is_not_let_through(base: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circles, "Graph", partial(Graph, limit=3))
    assert [finding.path for finding in found_by(base, ring(3), RULES[:1])] == [path_of("r0")]
    (found,) = found_by(base, ring(4), RULES[:1])
    assert (found.path, found.severity.value) == (path_of("r0"), "error")
    assert "too large a part of the registry" in found.says
    assert judge(base, Case("", {A: needing("a", "acme/r0@^1")}, over=ring(4)), RULES[:1]) == []


def test_a_whole_state_is_judged_too(base: Snapshot) -> None:
    assert check(Change.state(base), RULES) == []
    files = {A: model("a", derivedFrom=of("acme/a@1.0.0")), **ring(2), C: needing("c", "acme/r0@^1")}
    found = check(Change.state(change_of(base, files).head), RULES)
    assert [(finding.rule, finding.path) for finding in found] == [
        ("GR-033", A),
        ("GR-036", A),
        ("GR-033", path_of("r0")),
    ]
