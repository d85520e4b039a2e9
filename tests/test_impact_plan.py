"""The plan by which consumers move on: what is edited in whom, in which order, as which version, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from gate_support import aliases, config, dataset, manifest, model, path_of, pipeline, versioned
from hypothesis import given
from hypothesis import strategies as st
from impact_support import World, needing, suite

from gitreg.errors import UsageError
from gitreg.versions import Version
from gitreg_indexer import reader
from gitreg_indexer.graph import impact_data
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.impact import Impact, Tie
from gitreg_indexer.graph.migration import in_order, next_version

V = "model:acme/b@1.1.0"
A = "model:acme/a@1.0.0"
B: Mapping[str, bytes] = {
    path_of("b"): model("b"),
    path_of("b", "1.1.0"): model("b", "1.1.0"),
    path_of("b", "2.0.0"): model("b", "2.0.0"),
}
NAMED = {**B, "models/acme/b/aliases.yaml": aliases("b", good="1.1.0")}
LAST = {path_of("b"): model("b"), path_of("b", "1.1.0"): model("b", "1.1.0")}
OTHER = {path_of("c", "3.0.1"): model("c", "3.0.1"), "models/acme/c/aliases.yaml": aliases("c", good="3.0.1")}
RETIRED = {path_of("old"): model("old", lifecycle={"status": "retired"})}
RC = {path_of("b", "2.0.0-rc.1"): model("b", "2.0.0-rc.1"), path_of("b", "1.1.0"): model("b", "1.1.0")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("plan"))
    yield made
    made.index.close()


@pytest.mark.parametrize(
    ("versions", "ref", "more", "expected"),
    [
        pytest.param(B, "acme/b@1.1.0", {}, ("edit", "model:acme/b@2.0.0", "2.0.0"), id="exact-stays-exact"),
        pytest.param(B, "acme/b@^1", {}, ("edit", "model:acme/b@^2.0", "2.0.0"), id="caret-stays-caret"),
        pytest.param(B, "acme/b@~1.1.0", {}, ("edit", "model:acme/b@~2.0", "2.0.0"), id="tilde-stays-tilde"),
        pytest.param(
            B, "acme/b@>=1.0.0 <2.0.0", {}, ("edit", "model:acme/b@^2.0", "2.0.0"), id="bounds-become-a-caret"
        ),
        pytest.param(
            B, "acme/b@^1 || ^0.9", {}, ("edit", "model:acme/b@^2.0", "2.0.0"), id="alternatives-become-a-caret"
        ),
        pytest.param(NAMED, "acme/b@good", {}, ("none", None, None), id="an-alias-stays"),
        pytest.param(B, "acme/b", {}, ("none", None, None), id="means-another-already"),
        pytest.param(B, "acme/b@1.1.0?", {}, ("none", None, None), id="it-can-do-without"),
        pytest.param(B, "acme/b@^1", {"change": "retire"}, ("none", None, None), id="it-moves-on-by-itself"),
        pytest.param(B, "acme/b@^1.1", {"change": "retire"}, ("edit", "model:acme/b@^2.0", "2.0.0"), id="it-does-not"),
        pytest.param(B, "acme/b@^1", {"change": "deprecate"}, ("none", None, None), id="deprecated-goes-on-to-work"),
        pytest.param(B, "acme/b@^1", {"to": "1.0.0"}, ("edit", "model:acme/b@1.0.0", "2.0.0"), id="back-needs-a-pin"),
        pytest.param(LAST, "acme/b", {}, ("decide", None, None), id="no-selector-cannot-go-back"),
        pytest.param(LAST, "acme/b@latest", {}, ("decide", None, None), id="latest-cannot-go-back"),
        pytest.param(LAST, "acme/b", {"change": "retire"}, ("none", None, None), id="no-selector-goes-back-by-itself"),
        pytest.param(RC, "acme/b@^1", {}, ("decide", None, None), id="a-prerelease-is-not-moved-to-unasked"),
        pytest.param(
            RC, "acme/b@^1", {"to": "2.0.0-rc.1"}, ("edit", "model:acme/b@^2.0.0-rc.1", "2.0.0"), id="but-where-named"
        ),
        pytest.param(
            {**B, **OTHER},
            "acme/b@^1",
            {"to": "acme/c@3.0.1"},
            ("edit", "model:acme/c@^3.0", "1.0.1"),
            id="another-name",
        ),
        pytest.param(
            {**LAST, **OTHER},
            "acme/b",
            {"to": "acme/c"},
            ("edit", "model:acme/c", "1.0.1"),
            id="another-without-selector",
        ),
        pytest.param(
            {**LAST, **OTHER},
            "acme/b@latest",
            {"to": "acme/c"},
            ("edit", "model:acme/c@latest", "1.0.1"),
            id="its-latest",
        ),
        pytest.param(
            {**NAMED, **OTHER},
            "acme/b@good",
            {"to": "acme/c@3"},
            ("edit", "model:acme/c@good", "1.0.1"),
            id="its-alias",
        ),
        pytest.param(
            {**NAMED, **OTHER, "models/acme/c/aliases.yaml": aliases("c")},
            *("acme/b@good", {"to": "acme/c@3.0.1"}, ("decide", None, None)),
            id="it-has-no-such-alias",
        ),
    ],
)
def test_a_new_constraint_keeps_the_style_of_the_old_one(
    world: World, versions: Mapping[str, bytes], ref: str, more: Any, expected: tuple[str, str | None, str | None]
) -> None:
    steps = world.corner(versions, needing("a", ref)).steps(V, **more)
    assert [(action, to, new) for action, who, to, new in steps if who == A] == [expected]


def test_an_alias_is_moved_once_for_all_who_ask_for_it(world: World) -> None:
    here = world.corner(NAMED, needing("a", "acme/b@good"), needing("c", "acme/b@good"))
    assert here.steps(V) == [
        ("edit", "aliases:model/acme/b", "model:acme/b@2.0.0", None),
        ("none", A, None, None),
        ("none", "model:acme/c@1.0.0", None, None),
    ]


def test_an_alias_that_no_record_asks_for_is_for_people_to_move(world: World) -> None:
    named = {"pipelines/acme/p/aliases.yaml": aliases("p", of="Pipeline", live="1.0.0", old="0.9.0")}
    here = world.corner(NAMED, using("p", "acme/b@1.1.0"), named)
    assert here.steps(V) == [
        ("edit", P, "model:acme/b@2.0.0", "1.0.1"),
        ("decide", "aliases:model/acme/b", "model:acme/b@2.0.0", None),
        ("decide", "aliases:pipeline/acme/p", "pipeline:acme/p@1.0.1", None),
    ]
    assert not any(ref.startswith("aliases:") for _, ref, _, _ in here.steps(V, change="deprecate"))


@pytest.mark.parametrize(
    ("lifecycle", "to"),
    [
        pytest.param({"status": "deprecated", "successor": "acme/c@^3"}, "model:acme/c@3.0.1", id="the-successor"),
        pytest.param({"successor": "acme/gone@^3"}, "model:acme/b@2.0.0", id="a-successor-that-is-not-there"),
        pytest.param({"successor": "acme/old@1.0.0"}, "model:acme/b@2.0.0", id="a-successor-that-is-retired"),
        pytest.param({"successor": "acme/b@1.1.0"}, "model:acme/b@2.0.0", id="itself"),
        pytest.param({"successor": "acme/a@1.0.0"}, "model:acme/b@2.0.0", id="a-successor-that-breaks-with-it"),
        pytest.param({}, "model:acme/b@2.0.0", id="the-highest-other"),
    ],
)
def test_consumers_move_to_what_is_stated_else_to_the_highest(world: World, lifecycle: Any, to: str) -> None:
    files = {**B, **OTHER, **RETIRED, path_of("b", "1.1.0"): model("b", "1.1.0", lifecycle=lifecycle)}
    assert world.corner(files, needing("a", "acme/b@1.1.0")).told(V, plan=True)["to"] == to


def test_where_there_is_nothing_to_move_to_a_person_decides(world: World) -> None:
    files = {
        path_of("b", "1.1.0"): model("b", "1.1.0"),
        path_of("b", "2.0.0"): model("b", "2.0.0", lifecycle={"status": "retired"}),
    }
    here = world.corner(files, needing("a", "acme/b@1.1.0"), needing("c", "acme/a@^1"))
    assert here.steps(V) == [("decide", A, None, None), ("decide", "model:acme/c@1.0.0", None, None)]
    assert (
        here.told(V, plan=True)["plan"][0]["why"]
        == "there is no version to move to yet: release one, or name another record"
    )


def test_what_breaks_with_the_target_does_not_take_its_place(world: World) -> None:
    files = {**LAST, **needing("b", "acme/b@1.1.0", version="2.0.0"), **needing("a", "acme/b@1.1.0")}
    here = world.corner(files)
    assert here.told(V, plan=True)["to"] == "model:acme/b@1.0.0"
    with pytest.raises(UsageError, match="it breaks with it"):
        here.told(V, plan=True, to="2.0.0")


OWN = {**B, **needing("b", "acme/b@1.1.0", version="1.0.5"), **needing("a", "acme/b@1.0.5")}
LAST_OWN = {path: raw for path, raw in OWN.items() if path != path_of("b", "2.0.0")}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="breaking"),
        pytest.param({"change": "retire"}, id="retire"),
        pytest.param({"to": "1.0.0"}, id="back"),
        pytest.param({"to": "1.0.0", "change": "retire"}, id="back-from-what-goes"),
    ],
)
def test_nobody_moves_to_what_breaks_though_it_is_later(world: World, more: Any) -> None:
    here = world.corner(OWN)
    later, edit = here.told(V, plan=True, **more)["plan"]
    assert (later["action"], later["ref"]) == ("none", "model:acme/b@1.0.5")
    assert later["why"] == "model:acme/b@2.0.0 does not break: move on to that"
    assert (edit["action"], edit["ref"], edit["to"]) == ("edit", A, "model:acme/b@2.0.0")
    first, second = world.corner(LAST_OWN).told(V, plan=True, **more)["plan"]
    assert (first["action"], first["to"]) == ("decide", "model:acme/b@1.0.0")
    assert first["why"] == f"it narrows a dependency, which breaks, and {V}, which is to be left, is released"
    assert (second["action"], second["why"]) == ("decide", "model:acme/b@1.0.5 is not decided on")


def test_who_falls_back_to_what_breaks_is_moved(world: World) -> None:
    here = world.corner(OWN, needing("r", "acme/b@^1"))
    plan = here.told(V, plan=True, change="retire")["plan"]
    told = [(step["action"], step["ref"], step["to"]) for step in plan]
    assert told == [
        ("none", "model:acme/b@1.0.5", None),
        ("edit", A, "model:acme/b@2.0.0"),
        ("edit", "model:acme/r@1.0.0", "model:acme/b@^2.0"),
    ]
    assert plan[2]["why"] == f"it resolves to model:acme/b@1.0.5 once {V} is retired"


def test_what_moves_on_by_itself_is_told_though_it_comes_round_to_itself(world: World) -> None:
    files = [needing("b", "dataset:acme/d@1.0.0"), using("p", "acme/b@^1", writes=["dataset:acme/d@1.0.0"])]
    here = world.corner(B, {"datasets/acme/d/1.0.0.yaml": dataset("d")}, *files)
    (step,) = [step for step in here.told(V, plan=True, change="retire")["plan"] if step["ref"] == P]
    assert (step["action"], step["satisfiedBy"]) == ("none", "model:acme/b@1.0.0")
    assert step["why"] == "it moves on to model:acme/b@1.0.0 by itself"


def test_who_may_be_locked_to_what_breaks_is_told_what_is_left(world: World) -> None:
    here = world.corner(LAST, needing("b", "acme/b@1.1.0", version="0.9.0"), needing("a", "acme/b@>=0.9.0"))
    (step,) = [step for step in here.told(V, plan=True, change="retire")["plan"] if step["ref"] == A]
    assert (step["action"], step["satisfiedBy"]) == ("none", "model:acme/b@1.0.0")
    assert step["why"].startswith("it resolves to model:acme/b@1.0.0; what was locked to model:acme/b@0.9.0")


def test_what_is_deprecated_only_takes_the_place_of_what_came_before(world: World) -> None:
    steps = world.corner(OWN).told(V, plan=True, change="deprecate")["plan"]
    assert steps[0]["why"] == f"{V} has taken its place, and does not break"


def test_what_is_at_its_end_is_not_moved_to(world: World) -> None:
    files = {**B, path_of("b", "1.2.0"): model("b", "1.2.0", lifecycle={"status": "retired"})}
    here = world.corner(files, needing("a", "acme/b@1.1.0"))
    with pytest.raises(UsageError, match="it is retired") as refused:
        here.told(V, to="1.2.0")
    assert (refused.value.got, refused.value.expected) == ("1.2.0", "another Model that is alive")
    assert "name another version" in (refused.value.mend or "")


NODES = {"id": "a", "type": "model"}


def using(name: str, ref: str, version: str = "1.0.0", **spec: Any) -> dict[str, bytes]:
    """Give a pipeline that calls a model: a change of that narrows nothing for those who depend on the pipeline."""
    dag = {"nodes": [{**NODES, "model": ref}]}
    return {f"pipelines/acme/{name}/{version}.yaml": pipeline(name, version, **{"dag": dag, **spec})}


P = "pipeline:acme/p@1.0.0"


def test_what_is_not_bound_by_a_dependency_goes_up_by_a_patch(world: World) -> None:
    here = world.corner(B, using("p", "acme/b@^1"), using("q", "acme/b@1.1.0", "1.0.0-rc.1"))
    assert here.steps(V) == [
        ("edit", P, "model:acme/b@^2.0", "1.0.1"),
        ("edit", "pipeline:acme/q@1.0.0-rc.1", "model:acme/b@2.0.0", "1.0.0-rc.2"),
    ]


def test_consumers_that_hold_on_to_what_was_edited_have_a_step_too(world: World) -> None:
    files = [
        using("p", "acme/b@^1"),
        needing("pinned", "pipeline:acme/p@1.0.0"),
        needing("ranged", "pipeline:acme/p@^1"),
        needing("last", "acme/pinned@^1"),
        needing("idle", "acme/ranged@1.0.0"),
    ]
    assert world.corner(B, *files).steps(V) == [
        ("edit", P, "model:acme/b@^2.0", "1.0.1"),
        ("edit", "model:acme/pinned@1.0.0", "pipeline:acme/p@1.0.1", "2.0.0"),
        ("edit", "model:acme/last@1.0.0", "model:acme/pinned@^2.0", "2.0.0"),
        ("none", "model:acme/ranged@1.0.0", None, None),
        ("none", "model:acme/idle@1.0.0", None, None),
    ]


def test_several_references_of_one_record_are_edited_as_one_version(world: World) -> None:
    files = [using("p", "acme/b@^1"), using("q", "acme/b@1.1.0", dependencies=[{"ref": "pipeline:acme/p@1.0.0"}])]
    assert world.corner(B, *files).steps(V) == [
        ("edit", P, "model:acme/b@^2.0", "1.0.1"),
        ("edit", "pipeline:acme/q@1.0.0", "model:acme/b@2.0.0", "2.0.0"),
        ("edit", "pipeline:acme/q@1.0.0", "pipeline:acme/p@1.0.1", "2.0.0"),
    ]


def test_a_dependency_is_not_narrowed_behind_a_release_that_breaks_too(world: World) -> None:
    files = [needing("a", "acme/b@1.1.0"), needing("a", "acme/b@^1.1", version="2.0.0"), needing("c", "acme/a@^1")]
    assert world.corner(B, *files).steps(V) == [
        ("decide", A, "model:acme/b@2.0.0", None),
        ("edit", "model:acme/a@2.0.0", "model:acme/b@^2.0", "3.0.0"),
        ("decide", "model:acme/c@1.0.0", None, None),
    ]


def test_where_a_later_release_does_not_break_consumers_move_to_that(world: World) -> None:
    files = [needing("a", "acme/b@1.1.0"), needing("a", version="2.0.0"), needing("c", "acme/a@^1")]
    assert world.corner(B, *files).steps(V) == [
        ("none", A, None, None),
        ("edit", "model:acme/c@1.0.0", "model:acme/a@^2.0", "2.0.0"),
    ]


def test_a_later_release_at_its_end_is_not_moved_to(world: World) -> None:
    ended = needing("a", version="2.0.0", lifecycle={"status": "retired"})
    here = world.corner(B, needing("a", "acme/b@1.1.0"), ended, needing("c", "acme/a@1.0.0"))
    first, second = here.told(V, plan=True)["plan"]
    assert (first["action"], second["action"]) == ("decide", "decide")
    assert "and model:acme/a@2.0.0, which is retired, is released" in first["why"]


ARCHIVED = {"status": "archived"}
PINNED = needing("x", "pipeline:acme/p@1.0.0")
RANGED = needing("x", "pipeline:acme/p@^1")
LIVE = {"pipelines/acme/p/aliases.yaml": aliases("p", of="Pipeline", production="1.0.0")}


@pytest.mark.parametrize(
    ("status", "others", "expected"),
    [
        pytest.param("active", {}, "edit", id="in-use"),
        pytest.param("deprecated", {}, "edit", id="deprecated"),
        pytest.param("archived", {}, "none", id="ended"),
        pytest.param("active", using("p", "acme/b@^2", "1.4.0"), "none", id="superseded"),
        pytest.param("active", using("p", "acme/b@^1", "1.4.0"), "none", id="superseded-by-what-breaks-too"),
        pytest.param("active", using("p", "acme/b@^2", "2.0.0"), "edit", id="beside-another-major"),
        pytest.param("active", using("p", "acme/b@^2", "1.4.0-rc.1"), "edit", id="beside-a-prerelease"),
        pytest.param("active", using("p", "acme/b@^2", "1.4.0", lifecycle=ARCHIVED), "edit", id="beside-an-archived"),
        pytest.param("active", {**using("p", "acme/b@^1", "1.4.0"), **PINNED}, "edit", id="that-breaks-too-but-pinned"),
        pytest.param("active", {**using("p", "acme/b@^1", "1.4.0"), **LIVE}, "edit", id="that-breaks-too-but-live"),
        pytest.param("active", {**using("p", "acme/b@^1", "1.4.0"), **RANGED}, "none", id="that-breaks-and-admitted"),
        pytest.param("active", {**using("p", "acme/b@^2", "1.4.0"), **PINNED}, "none", id="superseded-though-pinned"),
        pytest.param("active", {**using("p", "acme/b@^2", "1.4.0"), **LIVE}, "none", id="superseded-though-live"),
    ],
)
def test_only_versions_in_use_are_moved(world: World, status: str, others: Any, expected: str) -> None:
    steps = world.corner(B, using("p", "acme/b@1.1.0", lifecycle={"status": status}), others).steps(V)
    assert [action for action, ref, _, _ in steps if ref == P] == [expected]


def test_a_later_prerelease_takes_the_place_of_a_prerelease(world: World) -> None:
    files = [using("p", "acme/b@^1", "1.0.0-rc.1"), using("p", "acme/b@^2", "1.0.0-rc.2")]
    assert [action for action, *_ in world.corner(B, *files).steps(V)] == ["none"]


def test_who_holds_on_to_what_was_superseded_moves_to_what_took_its_place(world: World) -> None:
    here = world.corner(B, using("p", "acme/b@^1"), using("p", "acme/b@^2", "1.4.0"), PINNED, LIVE)
    assert here.steps(V) == [
        ("none", P, None, None),
        ("edit", "model:acme/x@1.0.0", "pipeline:acme/p@1.4.0", "2.0.0"),
        ("decide", "aliases:pipeline/acme/p", "pipeline:acme/p@1.4.0", None),
    ]


X = "model:acme/x@1.0.0"
DATA = "dataset:acme/d@1.0.0"
CODE: dict[str, Any] = {"dag": {"nodes": [{"id": "x", "type": "transform", "language": "sql", "logic": "select 1"}]}}
LINK: dict[str, Any] = {"selector": {"kinds": ["Model"]}, "policies": ["policy:acme/y@1.0.0"]}
POLICY: dict[str, Any] = {
    "title": "Y",
    "severity": "high",
    "rule": {"language": "conditions", "allOf": [{"field": "spec.license", "operator": "exists"}]},
}


@pytest.mark.parametrize(
    ("target", "files", "expected"),
    [
        pytest.param(
            V,
            {**B, path_of("a"): model("a", derivedFrom=[{"ref": "acme/b@1.1.0", "method": "fine-tuning"}])},
            [("decide", A, None, None)],
            id="what-was-made-from-it-is-made-again",
        ),
        pytest.param(
            V,
            {
                **B,
                path_of("a"): model(
                    "a",
                    derivedFrom=[{"ref": "acme/b@1.1.0", "method": "fine-tuning"}],
                    dependencies=[{"ref": "acme/b@^1"}],
                ),
            },
            [("decide", A, "model:acme/b@^2.0", None), ("decide", A, None, None)],
            id="half-an-edit-is-none",
        ),
        pytest.param(
            "template:acme/t@1.0.0",
            {
                "templates/acme/t/1.0.0.yaml": versioned("PipelineTemplate", "t", body=CODE),
                "templates/acme/t/2.0.0.yaml": versioned("PipelineTemplate", "t", "2.0.0", body=CODE),
                "templates/acme/u/1.0.0.yaml": versioned(
                    "PipelineTemplate", "u", extends="template:acme/t@1.0.0", body={}
                ),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, template={"ref": "template:acme/t@1.0.0"}),
            },
            [("decide", P, None, None), ("edit", "template:acme/u@1.0.0", "template:acme/t@2.0.0", "1.0.1")],
            id="a-rendered-pipeline-is-rendered-again",
        ),
        pytest.param(
            DATA,
            {
                "datasets/acme/d/1.0.0.yaml": dataset("d"),
                "datasets/acme/d/2.0.0.yaml": dataset("d", "2.0.0"),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, reads=[DATA], writes=["dataset:acme/e@1.0.0"]),
                "datasets/acme/e/1.0.0.yaml": dataset("e"),
                **needing("x", "dataset:acme/e@1.0.0"),
            },
            [
                ("edit", P, "dataset:acme/d@2.0.0", "1.0.1"),
                ("decide", "dataset:acme/e@1.0.0", None, None),
                ("decide", "model:acme/x@1.0.0", None, None),
            ],
            id="what-a-pipeline-has-written-is-written-again",
        ),
        pytest.param(
            P,
            {
                "datasets/acme/e/1.0.0.yaml": dataset("e"),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, writes=["dataset:acme/e@1.0.0"]),
                "pipelines/acme/p/2.0.0.yaml": pipeline("p", "2.0.0", **CODE, writes=["dataset:acme/e@1.0.0"]),
            },
            [("decide", "dataset:acme/e@1.0.0", None, None)],
            id="though-another-version-writes-it-too",
        ),
        pytest.param(
            P,
            {
                "datasets/acme/e/1.0.0.yaml": dataset("e"),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, writes=["dataset:acme/e@1.0.0"]),
                "pipelines/acme/p/2.0.0.yaml": pipeline("p", "2.0.0", **CODE),
            },
            [("decide", "dataset:acme/e@1.0.0", None, None)],
            id="what-nothing-writes-any-more-is-for-a-person",
        ),
        pytest.param(
            "config:acme/defaults@1.0.0",
            {
                path_of(): model(),
                path_of("other"): model("other"),
                "configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/chat", "acme/other"]),
                "configs/acme/defaults/2.0.0.yaml": config(version="2.0.0", appliesTo=["acme/chat"]),
            },
            [("none", "model:acme/chat@1.0.0", None, None), ("decide", "model:acme/other@1.0.0", None, None)],
            id="settings-that-the-next-version-has-too",
        ),
        pytest.param(
            V,
            {
                **B,
                **needing("x"),
                "configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/x"], dependencies=[{"ref": "acme/b@^1"}]),
            },
            [("edit", "config:acme/defaults@1.0.0", "model:acme/b@^2.0", "2.0.0"), ("none", X, None, None)],
            id="settings-that-are-edited-go-on",
        ),
        pytest.param(
            V,
            {
                **B,
                **needing("x"),
                "configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/x"], dependencies=[{"ref": "acme/b@^1"}]),
                "configs/acme/defaults/1.4.0.yaml": config(version="1.4.0"),
            },
            [("none", "config:acme/defaults@1.0.0", None, None), ("decide", X, None, None)],
            id="settings-that-a-later-version-has-no-more",
        ),
        pytest.param(
            "policy:acme/y@1.0.0",
            {
                "policies/acme/y/1.0.0.yaml": versioned("Policy", "y", **POLICY),
                "policies/acme/y/1.1.0.yaml": versioned("Policy", "y", "1.1.0", **POLICY),
                "policy-links/acme/l.yaml": manifest("PolicyLink", {"namespace": "acme", "name": "l"}, LINK),
            },
            [("edit", "policy-link:acme/l", "policy:acme/y@1.1.0", None)],
            id="what-has-no-versions-is-edited-in-place",
        ),
        pytest.param(
            V, {**B, **suite("s", "acme/b@^1")}, [("none", "suite:acme/s@1.0.0", None, None)], id="a-suite-stays"
        ),
    ],
)
def test_what_is_done_goes_by_the_relation(world: World, target: str, files: Any, expected: Any) -> None:
    here = world.corner(files)
    assert here.steps(target) == expected
    assert [bad for bad in world.index.reader().quarantine() if here.name in bad["path"]] == []


def link(policy: str, *exempt: str) -> dict[str, bytes]:
    """Give a link to a policy with versions 1.0.0, 1.1.0 and 2.0.0, and exemptions from some of these."""
    told = {"record": "acme/a", "reason": "R", "approvedBy": "a@acme.example", "approvedAt": "2026-03-02"}
    each = [{"id": f"e{n}", "policy": ref, "expiresAt": "2026-12-31", **told} for n, ref in enumerate(exempt)]
    spec = {"selector": {"kinds": ["Model"]}, "policies": [policy], "exceptions": each}
    versions = {f"policies/acme/y/{v}.yaml": versioned("Policy", "y", v, **POLICY) for v in ("1.0.0", "1.1.0", "2.0.0")}
    return {**versions, "policy-links/acme/l.yaml": manifest("PolicyLink", {"namespace": "acme", "name": "l"}, spec)}


@pytest.mark.parametrize(
    ("policy", "exempt", "action", "to"),
    [
        pytest.param("policy:acme/y@^1", "policy:acme/y@^1", "edit", "policy:acme/y@^2.0", id="a-range"),
        pytest.param("policy:acme/y@1.1.0", "policy:acme/y@1.1.0", "edit", "policy:acme/y@2.0.0", id="pinned"),
        pytest.param("policy:acme/y@^1", "policy:acme/y@>=1.0.0", "none", None, id="it-covers-the-new-one-as-well"),
        pytest.param("policy:acme/y@^1", "policy:acme/y", "none", None, id="it-covers-all-of-them"),
        pytest.param("policy:acme/y@>=1.0.0", "policy:acme/y@^1", "none", None, id="the-policy-stays"),
    ],
)
def test_an_exemption_goes_along_with_its_policy(
    world: World, policy: str, exempt: str, action: str, to: str | None
) -> None:
    here = world.corner(link(policy, exempt), {path_of("a"): model("a")})
    steps = here.told("policy:acme/y@1.1.0", plan=True)["plan"]
    assert [(step["action"], step["to"]) for step in steps if step["field"].startswith("spec.exceptions")] == [
        (action, to)
    ]
    assert [bad for bad in world.index.reader().quarantine() if here.name in bad["path"]] == []


def test_a_reference_that_admits_several_of_what_changes_has_one_step(world: World) -> None:
    files = [using("p", "acme/b@1.1.0"), using("p", "acme/b@1.1.0", "1.1.0"), needing("x", "pipeline:acme/p@^1")]
    here = world.corner(B, *files, needing("y", "pipeline:acme/p@1.0.0"))
    assert [step for step in here.steps(V) if step[1] == "model:acme/x@1.0.0"] == [
        ("none", "model:acme/x@1.0.0", None, None)
    ]


def test_who_may_be_locked_is_told_what_it_resolves_to(world: World) -> None:
    (step,) = world.corner(B, needing("a", "acme/b")).told(V, plan=True)["plan"]
    assert step["satisfiedBy"] == "model:acme/b@2.0.0"
    assert "locked anew" in step["why"]


def test_depth_bounds_the_plan(world: World) -> None:
    here = world.corner(B, using("p", "acme/b@^1"), needing("pinned", "pipeline:acme/p@1.0.0"))
    assert [ref for _, ref, _, _ in here.steps(V, depth=1)] == [P]


def test_consumers_in_a_circle_are_planned_once_each(world: World) -> None:
    files = [needing("r0", "acme/r1@1.0.0", "acme/b@1.1.0"), needing("r1", "acme/r0@1.0.0")]
    plan = world.corner(B, *files).told(V, plan=True)["plan"]
    r0, r1 = "model:acme/r0@1.0.0", "model:acme/r1@1.0.0"
    assert [(step["action"], step["ref"], step["to"], step["why"]) for step in plan] == [
        ("decide", r0, None, f"{r1} is in a circle, or hangs on one: move what is in that at once"),
        (
            "decide",
            r0,
            "model:acme/b@2.0.0",
            "one new version for all edits, once it is decided on spec.dependencies[0].ref",
        ),
        ("decide", r1, None, f"{r0} is not decided on"),
    ]


def test_what_is_further_away_than_the_plan_goes_is_not_said_to_stay(world: World) -> None:
    files = [needing("a", "acme/b@1.1.0", "acme/z@1.0.0"), needing("z", "acme/y@1.0.0"), needing("y", "acme/b@1.1.0")]
    plan = world.corner(B, *files).told(V, plan=True, depth=1)["plan"]
    told = {(step["ref"], step["field"]): (step["action"], step["why"]) for step in plan}
    assert told[A, "spec.dependencies[0].ref"][0] == "edit"
    assert told[A, "spec.dependencies[1].ref"] == ("none", "model:acme/z@1.0.0 is further away than was asked for")


def test_who_hangs_on_a_circle_comes_after_it() -> None:
    def tie(provider: str, consumer: str) -> Tie:
        edge = Edge(consumer, "f", "depends_on", provider, "", True, 1)
        return Tie(provider, consumer, edge, "breaking", None)

    into = {"a": [tie("r1", "a")], "r1": [tie("r2", "r1"), tie("far", "r1")], "r2": [tie("r1", "r2")]}
    assert list(in_order("0", into)) == ["r1", "a", "r2"]


def test_what_does_not_break_closes_no_circle() -> None:
    def tie(provider: str, consumer: str, impact: Impact = "breaking") -> Tie:
        edge = Edge(consumer, "f", "depends_on", provider, "", True, 1)
        return Tie(provider, consumer, edge, impact, None)

    into = {
        "a": [tie("r1", "a")],
        "r1": [tie("r2", "r1")],
        "r2": [tie("r3", "r2")],
        "r3": [tie("0", "r3"), tie("r1", "r3", "unknown")],
    }
    assert list(in_order("0", into)) == ["r3", "r2", "r1", "a"]


def test_who_may_be_locked_to_what_breaks_is_not_moved(world: World) -> None:
    named = {"pipelines/acme/p/aliases.yaml": aliases("p", of="Pipeline", live="1.0.0")}
    here = world.corner(B, using("p", "acme/b"), using("p", "acme/b@^2", "1.4.0"), named, PINNED)
    assert here.steps(V) == [("none", P, None, None), ("none", "model:acme/x@1.0.0", None, None)]


@pytest.mark.parametrize(
    ("own", "taken", "is_breaking", "expected"),
    [
        pytest.param("1.0.0", [], False, "1.0.1", id="a-patch"),
        pytest.param("1.0.0", ["1.0.1", "1.0.2"], False, "1.0.3", id="the-first-free"),
        pytest.param("1.2.3", [], True, "2.0.0", id="a-break"),
        pytest.param("0.2.3", [], True, "0.3.0", id="a-break-before-1"),
        pytest.param("1.2.3", ["2.0.0"], True, "3.0.0", id="the-first-free-break"),
        pytest.param("1.0.0-rc.1", [], False, "1.0.0-rc.2", id="a-prerelease"),
        pytest.param("1.0.0-rc.1", ["1.0.0-rc.2"], True, "1.0.0-rc.3", id="a-prerelease-may-break"),
        pytest.param("1.0.0-beta", [], False, "1.0.0-beta.1", id="a-prerelease-without-a-number"),
    ],
)
def test_the_next_version_is_the_first_free_one(own: str, taken: list[str], is_breaking: bool, expected: str) -> None:
    known = {Version.parse(text) for text in taken}
    assert str(next_version(Version.parse(own), known, is_breaking=is_breaking)) == expected


pairs = st.tuples(st.integers(0, 12), st.integers(0, 12))


@given(st.lists(pairs.filter(lambda pair: pair[0] < pair[1]), max_size=40))
def test_consumers_come_after_all_that_they_depend_on(drawn: list[tuple[int, int]]) -> None:
    into: dict[str, list[Tie]] = {}
    for provider, consumer in drawn:
        edge = Edge(str(consumer), "f", "depends_on", str(provider), "", True, 1)
        into.setdefault(edge.source, []).append(Tie(str(provider), edge.source, edge, "breaking", None))
    roots = {tie.provider for ties in into.values() for tie in ties} - set(into)
    into |= {root: [] for root in roots}
    order = list(in_order("0", into))
    assert sorted(order) == sorted(into)
    assert all(order.index(str(a)) < order.index(str(b)) for a, b in drawn if a)


@given(st.lists(pairs, max_size=40))
def test_what_runs_in_circles_is_put_in_order_all_the_same(drawn: list[tuple[int, int]]) -> None:
    into: dict[str, list[Tie]] = {str(n): [] for n in range(13)}
    for provider, consumer in drawn:
        edge = Edge(str(consumer), "f", "depends_on", str(provider), "", True, 1)
        into[edge.source].append(Tie(str(provider), edge.source, edge, "breaking", None))
    assert sorted(in_order("0", into)) == sorted(into)


def test_what_takes_the_place_of_a_version_is_looked_up_once_a_line(world: World) -> None:
    files = [
        using("p", "acme/b@^1", version) for version in ("0.1.0", "0.1.1", "0.2.0", "1.0.0", "1.2.0", "2.0.0-rc.1")
    ]
    more = [using("p", "acme/b@^2", "2.0.0-rc.2"), using("p", "acme/b@^2", "0.1.2")]
    steps = world.corner(B, *files, *more).steps(V)
    edited = {ref.partition("@")[2] for action, ref, _, _ in steps if action == "edit"}
    assert edited == {"0.2.0", "1.2.0"}
    assert len(steps) == len(files)


def test_what_is_asked_of_an_alias_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world.corner(NAMED, *(needing(f"a{n}", "acme/b@good") for n in range(5)))
    read = reader._aliases
    asked: list[str] = []

    def counted(db: Any, ref: Any, at: Any) -> dict[str, str]:
        asked.append(ref.name)
        return read(db, ref, at)

    monkeypatch.setattr(reader, "_aliases", counted)
    here.told(V, plan=True)
    assert asked.count("b") == 1


def test_too_many_are_not_planned_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world.corner(B, needing("a", "acme/b@1.1.0"), needing("c", "acme/b@1.1.0"))
    monkeypatch.setattr(impact_data, "planned", lambda *_: pytest.fail("it was planned"))
    with pytest.raises(UsageError, match="2 records are affected, too many for one plan"):
        here.analyse(V, plan=True, most=1)
