"""Who is affected by a change, how gravely, and by which way: named cases, and what the answer says of them in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from gate_support import aliases, config, dataset, manifest, model, path_of, pipeline, versioned
from impact_support import World, chain_of, needing, short, suite

from gitreg.errors import NotFoundError, UsageError
from gitreg_indexer.graph import impact_data
from gitreg_indexer.graph.asking import Edge
from gitreg_indexer.graph.impact import MOST_TOLD, Impact, Tie, impacted_by, judge, severity_of
from gitreg_indexer.graph.impact_data import analyse, analysis_data
from gitreg_indexer.graph.state import State

V = "model:acme/b@1.1.0"
B: Mapping[str, bytes] = {
    path_of("b"): model("b"),
    path_of("b", "1.1.0"): model("b", "1.1.0"),
    path_of("b", "2.0.0"): model("b", "2.0.0"),
    "models/acme/b/aliases.yaml": aliases("b", good="1.1.0", old="1.0.0"),
}
ONLY = {path_of("b", "1.1.0"): model("b", "1.1.0")}
ENDED = {path_of("b"): model("b", lifecycle={"status": "retired"}), **ONLY}
BETA = {path_of("b", "1.1.0"): model("b", "1.1.0"), path_of("b", "1.2.0-rc.1"): model("b", "1.2.0-rc.1")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, each_catalog: str) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("impact"))
    yield made
    made.index.close()


@pytest.mark.parametrize(
    ("versions", "ref", "breaking", "retire"),
    [
        pytest.param(B, "acme/b@1.1.0", "breaking", "breaking", id="pinned"),
        pytest.param(B, "acme/b@1.0.0", None, None, id="pinned-to-another"),
        pytest.param(B, "acme/b@^1", "breaking", "non-breaking", id="a-range-that-means-it"),
        pytest.param(B, "acme/b@^1.1", "breaking", "breaking", id="a-range-that-means-it-and-has-no-other"),
        pytest.param(B, "acme/b@>=1.0.0 <3.0.0", "unknown", "non-breaking", id="a-range-that-means-another"),
        pytest.param(B, "acme/b@^2", None, None, id="a-range-without-it"),
        pytest.param(B, "acme/b@^9", None, None, id="a-range-of-nothing"),
        pytest.param(B, "acme/b@good", "breaking", "breaking", id="an-alias-that-names-it"),
        pytest.param(B, "acme/b@old", None, None, id="an-alias-that-names-another"),
        pytest.param(B, "acme/b@bad", None, None, id="an-alias-that-is-not-there"),
        pytest.param(B, "acme/b@latest", None, None, id="latest-is-another"),
        pytest.param(B, "acme/b", "unknown", "non-breaking", id="no-selector-means-another"),
        pytest.param(ENDED, "acme/b@latest", "breaking", "breaking", id="latest-and-no-other-is-alive"),
        pytest.param(ENDED, "acme/b@^1", "breaking", "breaking", id="a-range-whose-others-are-retired"),
        pytest.param(ENDED, "acme/b", "breaking", "breaking", id="no-selector-and-no-other-is-alive"),
        pytest.param(BETA, "acme/b", "breaking", "non-breaking", id="no-selector-moves-on-to-a-prerelease"),
        pytest.param(BETA, "acme/b@latest", "breaking", "breaking", id="latest-does-not"),
        pytest.param(ONLY, "acme/b@*", "breaking", "breaking", id="any-and-there-is-one"),
        pytest.param(B, "acme/b@1.1.0?", "non-breaking", "non-breaking", id="pinned-but-it-can-do-without"),
        pytest.param(B, "acme/b@>=1.0.0?", "non-breaking", "non-breaking", id="means-another-and-it-can-do-without"),
        pytest.param(B, "dataset:acme/b@1.1.0", None, None, id="another-kind"),
    ],
)
def test_what_a_change_does_to_who_depends(
    world: World, versions: Mapping[str, bytes], ref: str, breaking: str | None, retire: str | None
) -> None:
    here = world.corner(versions, needing("a", ref))
    assert here.impacts(V) == short("model:acme/a@1.0.0", breaking)
    assert here.impacts(V, change="retire") == short("model:acme/a@1.0.0", retire)
    assert here.impacts(V, change="deprecate") == short("model:acme/a@1.0.0", breaking and "non-breaking")


DATA = "dataset:acme/d@1.0.0"
PIPE = "pipeline:acme/p@1.0.0"
CODE: dict[str, Any] = {"dag": {"nodes": [{"id": "x", "type": "transform", "language": "sql", "logic": "select 1"}]}}
RULE: dict[str, Any] = {
    "title": "Y",
    "severity": "high",
    "message": "M",
    "enforcement": "warn",
    "category": "licensing",
    "rule": {"language": "conditions", "allOf": [{"field": "spec.license", "operator": "exists"}]},
}


def linked(**spec: Any) -> bytes:
    return manifest("PolicyLink", {"namespace": "acme", "name": "l"}, {"policies": ["policy:acme/y@^1"], **spec})


@pytest.mark.parametrize(
    ("target", "files", "consumer", "breaking", "retire"),
    [
        pytest.param(
            V,
            {**B, path_of("a"): model("a", derivedFrom=[{"ref": "acme/b@1.1.0", "method": "fine-tuning"}])},
            "model:acme/a@1.0.0",
            *("breaking", "breaking"),
            id="derived-from",
        ),
        pytest.param(
            "model:acme/chat@1.0.0",
            {path_of(): model(), "pipelines/acme/p/1.0.0.yaml": pipeline()},
            PIPE,
            *("breaking", "breaking"),
            id="used-by-a-stage",
        ),
        pytest.param(
            DATA,
            {"datasets/acme/d/1.0.0.yaml": dataset("d"), "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, reads=[DATA])},
            PIPE,
            *("breaking", "breaking"),
            id="read",
        ),
        pytest.param(
            PIPE,
            {
                "datasets/acme/d/1.0.0.yaml": dataset("d"),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, writes=[DATA]),
            },
            DATA,
            *("breaking", "breaking"),
            id="written",
        ),
        pytest.param(
            PIPE,
            {
                "datasets/acme/d/1.0.0.yaml": dataset("d"),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, writes=[DATA]),
                "pipelines/acme/p/1.1.0.yaml": pipeline(version="1.1.0", **CODE, writes=[DATA]),
            },
            DATA,
            *("breaking", "non-breaking"),
            id="written-by-another-version-too",
        ),
        pytest.param(
            PIPE,
            {
                "datasets/acme/d/1.0.0.yaml": dataset("d"),
                "datasets/acme/d/1.1.0.yaml": dataset("d", "1.1.0"),
                "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, writes=["dataset:acme/d@^1"]),
            },
            DATA,
            *("unknown", "non-breaking"),
            id="written-once-perhaps",
        ),
        pytest.param(
            "config:acme/defaults@1.0.0",
            {"configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/chat"]), path_of(): model()},
            "model:acme/chat@1.0.0",
            *("breaking", "breaking"),
            id="configured",
        ),
        pytest.param(
            "config:acme/defaults@1.0.0",
            {
                "configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/chat"]),
                "configs/acme/defaults/1.1.0.yaml": config(version="1.1.0", appliesTo=["acme/chat"]),
                path_of(): model(),
            },
            "model:acme/chat@1.0.0",
            *("breaking", "non-breaking"),
            id="configured-by-another-version-too",
        ),
        pytest.param(
            "model:acme/chat@1.0.0",
            {path_of(): model(), **suite("s", "acme/chat@^1")},
            "suite:acme/s@1.0.0",
            *("non-breaking", "non-breaking"),
            id="tested",
        ),
        pytest.param(
            "model:acme/chat@1.0.0",
            {path_of(): model(), "policy-links/acme/l.yaml": linked(selector={"refs": ["acme/chat@1.0.0"]})},
            "policy-link:acme/l",
            *("non-breaking", "non-breaking"),
            id="selected-by-a-policy-link",
        ),
        pytest.param(
            "policy:acme/y@1.0.0",
            {
                "policies/acme/y/1.0.0.yaml": versioned("Policy", "y", **RULE),
                "policy-links/acme/l.yaml": linked(selector={"kinds": ["Model"]}),
            },
            "policy-link:acme/l",
            *("breaking", "breaking"),
            id="a-policy-that-is-linked",
        ),
        pytest.param(
            "model:acme/chat@1.0.0",
            {
                path_of(): model(),
                "configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/chat"]),
                path_of("old"): model("old", lifecycle={"status": "retired", "successor": "acme/chat@1.0.0"}),
            },
            "",
            *(None, None),
            id="what-it-replaces-and-its-settings-are-no-consumers",
        ),
    ],
)
def test_what_a_change_does_by_relation(
    world: World,
    target: str,
    files: Mapping[str, bytes],
    consumer: str,
    breaking: str | None,
    retire: str | None,
) -> None:
    here = world.corner(files)
    for change, impact in (("breaking", breaking), ("retire", retire), ("deprecate", breaking and "non-breaking")):
        found = here.impacts(target, change=change)
        assert [each for each in found if consumer in ("", each[0])] == short(consumer, impact)
    assert [bad for bad in world.index.reader().quarantine() if here.name in bad["path"]] == []


def test_what_moves_on_by_itself_says_to_what(world: World) -> None:
    here = world.corner(B, needing("a", "acme/b@^1"))
    (found,) = here.told(V, change="retire")["impacted"]
    assert (found["resolvesTo"], found["movesTo"]) == (V, "model:acme/b@1.0.0")


@pytest.mark.parametrize(
    ("ref", "impact"),
    [
        pytest.param("acme/b@^1", "breaking", id="a-range"),
        pytest.param("acme/b@*", "breaking", id="any"),
        pytest.param("acme/b@latest", "breaking", id="latest"),
        pytest.param("acme/b", "breaking", id="no-selector"),
        pytest.param("acme/b@^1?", "non-breaking", id="it-can-do-without"),
        pytest.param("acme/b@<1.0.5 || ^1.1", "non-breaking", id="a-range-that-falls-back-to-another"),
        pytest.param("acme/b@^0.9 || >=1.0.5 <1.0.6", "breaking", id="a-range-without-the-target"),
    ],
)
def test_what_a_range_falls_back_to_may_break_as_well(world: World, ref: str, impact: str) -> None:
    files = {path_of("b"): model("b"), **ONLY, **needing("b", "acme/b@1.1.0", version="1.0.5")}
    here = world.corner(files, needing("a", ref))
    (found,) = [each for each in here.told(V, change="retire")["impacted"] if each["ref"] == "model:acme/a@1.0.0"]
    assert found["impact"] == impact
    if impact == "breaking" and found["resolvesTo"] == V:
        assert (found["movesTo"], found["distance"]) == ("model:acme/b@1.0.5", 2)


def test_what_a_pipeline_writes_once_the_newest_is_retired(world: World) -> None:
    files = {
        "datasets/acme/d/1.0.0.yaml": dataset("d"),
        "datasets/acme/d/1.1.0.yaml": dataset("d", "1.1.0"),
        "pipelines/acme/p/1.0.0.yaml": pipeline(**CODE, reads=["dataset:acme/d@1.1.0"], writes=["dataset:acme/d@^1"]),
    }
    assert world.corner(files).impacts("dataset:acme/d@1.1.0", change="retire") == [
        (PIPE, "breaking", 1),
        (DATA, "breaking", 2),
    ]


def test_the_weakest_link_of_a_way_counts(world: World) -> None:
    files = [
        needing("a", "acme/b@1.1.0"),  # breaks
        needing("a2", "acme/a@^1?"),  # can do without what breaks
        needing("a3", "acme/a2@1.0.0"),
        needing("c", "acme/b"),  # perhaps
        needing("c2", "acme/c@1.0.0"),
        needing("d", "acme/a@^1"),
    ]
    assert world.corner(B, *files).impacts(V) == [
        ("model:acme/a@1.0.0", "breaking", 1),
        ("model:acme/d@1.0.0", "breaking", 2),
        ("model:acme/c@1.0.0", "unknown", 1),
        ("model:acme/c2@1.0.0", "unknown", 2),
        ("model:acme/a2@1.0.0", "non-breaking", 2),
        ("model:acme/a3@1.0.0", "non-breaking", 3),
    ]


def test_the_gravest_of_several_ways_counts_though_it_is_longer(world: World) -> None:
    files = [needing("a", "acme/b@1.1.0"), needing("z", "acme/a@^1", "acme/b@^1?"), needing("y", "acme/z@^1")]
    found = world.corner(B, *files).told(V)["impacted"]
    told = {each["ref"]: (each["impact"], each["path"][1:-1], each["field"]) for each in found}
    assert told["model:acme/z@1.0.0"] == ("breaking", ["model:acme/a@1.0.0"], "spec.dependencies[0].ref")
    assert told["model:acme/y@1.0.0"][0] == "breaking"


def test_of_equally_short_ways_the_lesser_is_told(world: World) -> None:
    files = [needing("c", "acme/b@1.1.0"), needing("a", "acme/b@1.1.0"), needing("z", "acme/c@^1", "acme/a@^1")]
    found = {each["ref"]: each["path"] for each in world.corner(B, *files).told(V)["impacted"]}
    assert found["model:acme/z@1.0.0"] == [V, "model:acme/a@1.0.0", "model:acme/z@1.0.0"]


def test_depth_bounds_the_ways_and_so_the_impact(world: World) -> None:
    files = [needing("a", "acme/b@1.1.0"), needing("z", "acme/a@^1", "acme/b@^1?"), needing("y", "acme/z@^1")]
    here = world.corner(B, *files)
    assert here.impacts(V, depth=1) == [
        ("model:acme/a@1.0.0", "breaking", 1),
        ("model:acme/z@1.0.0", "non-breaking", 1),
    ]
    assert [each[0] for each in here.impacts(V, depth=2)] == [
        "model:acme/a@1.0.0",
        "model:acme/z@1.0.0",
        "model:acme/y@1.0.0",
    ]
    assert here.impacts(V, depth=3)[2] == ("model:acme/y@1.0.0", "breaking", 3)
    assert here.impacts(V, depth=2, plan=True) == here.impacts(V, depth=2)


def test_a_circle_ends_and_no_record_consumes_itself(world: World) -> None:
    ring = [needing(f"r{n}", f"acme/r{(n + 1) % 4}@^1", "acme/r0") for n in range(4)]
    found = world.corner(*ring).impacts("acme/r0")
    assert found == [(f"model:acme/r{n}@1.0.0", "breaking", 1) for n in (1, 2, 3)]


def test_other_versions_of_the_same_name_can_be_consumers(world: World) -> None:
    files = {
        path_of("b"): model("b"),
        path_of("b", "2.0.0"): model("b", "2.0.0", derivedFrom=[{"ref": "acme/b@1.0.0"}]),
    }
    assert world.corner(files).impacts("acme/b@1.0.0") == [("model:acme/b@2.0.0", "breaking", 1)]


def test_a_long_way_is_told_without_its_middle(world: World) -> None:
    length = MOST_TOLD + 30
    found = world.corner(chain_of(length)).told("acme/m0")["impacted"]
    last = found[-1]
    assert (len(found), last["distance"], len(last["path"])) == (length - 1, length - 1, MOST_TOLD)
    half = MOST_TOLD // 2
    assert last["path"][:half] == [f"model:acme/m{n}@1.0.0" for n in range(half)]
    assert last["path"][half:] == [f"model:acme/m{n}@1.0.0" for n in range(length - half, length)]


@pytest.mark.parametrize(
    ("status", "stated", "severity"),
    [
        pytest.param("active", "critical", "critical", id="stated"),
        pytest.param("retired", "high", "high", id="stated-though-retired"),
        pytest.param("active", None, "medium", id="active"),
        pytest.param(None, None, "medium", id="without-a-status"),
        *(pytest.param(each, None, "low", id=each) for each in ("draft", "paused", "experimental", "deprecated")),
        *(pytest.param(each, None, "low", id=each) for each in ("retired", "archived")),
    ],
)
def test_severity_is_as_stated_else_by_status(status: str | None, stated: str | None, severity: str) -> None:
    assert severity_of(status, stated) == severity


def labelled(name: str, *refs: str, **labels: str) -> dict[str, bytes]:
    return needing(name, *refs, labels=labels)


def test_the_summary_counts_and_says_what_to_do(world: World) -> None:
    other = {"namespaces/beta.yaml": manifest("Namespace", {"name": "beta"}, {"owners": ["author@example.com"]})}
    shop = {path_of("shop", namespace="beta"): model("shop", namespace="beta", dependencies=[{"ref": "acme/a@^1"}])}
    files = [
        labelled("a", "acme/b@1.1.0", criticality="critical"),
        labelled("c", "acme/b@good", environment="production"),
        labelled("d", "acme/b", criticality="Critical"),
        labelled("e", "acme/b@^1?", criticality="critical"),
    ]
    found = world.corner(B, *files, other, shop).told(V)
    assert [(each["ref"], each["severity"]) for each in found["impacted"]] == [
        ("model:acme/a@1.0.0", "critical"),
        ("model:acme/c@1.0.0", "high"),
        ("model:beta/shop@1.0.0", "medium"),
        ("model:acme/d@1.0.0", "critical"),
        ("model:acme/e@1.0.0", "critical"),
    ]
    summary = found["summary"]
    assert summary.pop("actions") == [
        "release the change as 3.0.0 instead: of these only model:acme/d@1.0.0 would get that too",
        "move the alias good to model:acme/b@2.0.0 first",
        "pin model:acme/a@1.0.0 to model:acme/b@2.0.0",
        "1 critical consumer breaks: talk to the owners of acme before",
        "1 may be locked to what changes, though they resolve to another version now: check their locks",
    ]
    assert summary == {
        "total": 5,
        "breaking": 3,
        "unknown": 1,
        "nonBreaking": 1,
        "critical": 2,
        "byKind": {"Model": 5},
        "bySeverity": {"critical": 3, "high": 1, "medium": 1, "low": 0},
        "blastRadius": {"records": 4, "direct": 3, "names": 4, "namespaces": 2, "kinds": 1, "depth": 2},
        "depth": 2,
    }


RCS = {path_of("b", f"1.0.0-rc.{n}"): model("b", f"1.0.0-rc.{n}") for n in (1, 2)}
SET = "config:acme/defaults@1.0.0"


@pytest.mark.parametrize(
    ("target", "files", "says"),
    [
        pytest.param(
            V, {**B, **needing("a", "acme/b@^1")}, "as 3.0.0 instead: none of these takes that", id="a-caret-does-not"
        ),
        pytest.param(V, {**ONLY, **needing("a", "acme/b@>=1.0.0")}, "as 2.0.0 instead would help nobody", id="bounds"),
        pytest.param(V, {**ONLY, **needing("a", "acme/b@*")}, "as 2.0.0 instead would help nobody", id="any"),
        pytest.param(V, {**ONLY, **needing("a", "acme/b")}, "as 2.0.0 instead would help nobody", id="no-selector"),
        pytest.param(V, {**ONLY, **needing("a", "acme/b@latest")}, "as 2.0.0 instead would help nobody", id="latest"),
        pytest.param(
            V,
            {**ONLY, **needing("a", "acme/b@latest"), **needing("c", "acme/b@^1")},
            "as 2.0.0 instead: of these only model:acme/a@1.0.0 would get that too",
            id="some-do",
        ),
        pytest.param(
            V,
            {**ONLY, **needing("a", "acme/b@^1", "acme/b@>=1.1.0")},
            "as 2.0.0 instead would help nobody: model:acme/a@1.0.0 would get that too",
            id="one-of-two-references-does",
        ),
        pytest.param(
            "model:acme/b@1.0.0-rc.2",
            {**RCS, **needing("a", "acme/b@^1.0.0-rc.1")},
            "as 1.0.0 instead would help nobody",
            id="what-follows-a-prerelease-is-in-its-range",
        ),
        pytest.param(
            SET,
            {"configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/chat"]), path_of(): model()},
            "as 2.0.0 instead would help nobody: model:acme/chat@1.0.0 would get that too",
            id="settings-name-whom-they-are-for",
        ),
    ],
)
def test_a_later_release_helps_who_does_not_take_it(
    world: World, target: str, files: Mapping[str, bytes], says: str
) -> None:
    actions = world.corner(files).told(target)["summary"]["actions"]
    assert says in actions[0]


SETTINGS = {
    path_of(): model(),
    "configs/acme/defaults/1.0.0.yaml": config(appliesTo=["acme/chat"]),
    "configs/acme/defaults/2.0.0.yaml": config(version="2.0.0", appliesTo=["acme/chat"]),
}
MADE = [{"ref": "acme/b@1.1.0", "method": "fine-tuning"}]
T = "model:acme/b@2.0.0"


@pytest.mark.parametrize(
    ("target", "files", "says"),
    [
        pytest.param(
            V,
            {path_of("b"): model("b"), **ONLY, **needing("a", "acme/b@latest")},
            ["decide on 1 direct consumer: a plan says why"],
            id="latest-is-no-alias-to-move",
        ),
        pytest.param(
            V,
            {**B, **needing("a", "acme/b@good"), **needing("c", "acme/b@^1")},
            [f"move the alias good to {T} first", f"move 1 direct consumer to {T}: a plan says how"],
            id="an-alias-and-a-range",
        ),
        pytest.param(
            V,
            {**ONLY, **needing("a", "acme/b@1.1.0"), **needing("c", "acme/b@^1")},
            ["find something that 2 direct consumers can move to: there is nothing yet"],
            id="nothing-to-move-to",
        ),
        pytest.param(SET, SETTINGS, ["1 direct consumer needs no edit: a plan says why"], id="settings-that-go-on"),
        pytest.param(
            V,
            {**B, path_of("a"): model("a", derivedFrom=MADE)},
            [f"make model:acme/a@1.0.0 again from {T}", f"the alias good names {V}, for which"],
            id="what-was-made-from-it",
        ),
        pytest.param(
            V,
            {**B, path_of("a"): model("a", derivedFrom=MADE), path_of("a", "2.0.0"): model("a", "2.0.0")},
            ["1 direct consumer needs no edit: a plan says why", f"the alias good names {V}, for which"],
            id="what-was-made-anew-already",
        ),
    ],
)
def test_what_is_recommended_is_what_the_plan_does(
    world: World, target: str, files: Mapping[str, bytes], says: list[str]
) -> None:
    here = world.corner(files)
    actions = here.told(target)["summary"]["actions"]
    assert here.told(target, plan=True)["summary"]["actions"] == actions
    assert [action.startswith(said) for action, said in zip(actions[1:], says, strict=True)] == [True] * len(says)


def trained(version: str, *refs: str) -> dict[str, bytes]:
    """Give a version of what is trained on what a pipeline writes that runs on it, and on what else it needs."""
    return needing("b", "dataset:acme/d@1.0.0", *refs, version=version)


LOOP: Mapping[str, bytes] = {
    **trained("1.0.0"),
    **trained("1.1.0"),
    "datasets/acme/d/1.0.0.yaml": dataset("d"),
    "pipelines/acme/p/1.0.0.yaml": pipeline(
        dag={"nodes": [{"id": "x", "type": "model", "model": "acme/b@^1"}]}, writes=[DATA]
    ),
    "models/acme/b/aliases.yaml": aliases("b", stable="1.0.0"),
    **needing("a", "acme/b@stable"),
}


@pytest.mark.parametrize(
    ("change", "last", "moved"),
    [
        pytest.param("breaking", {}, [], id="nothing-to-move-to"),
        pytest.param("breaking", {path_of("b", "2.0.0"): model("b", "2.0.0")}, [T], id="something-to-move-to"),
        pytest.param("retire", {path_of("b", "2.0.0"): model("b", "2.0.0")}, [], id="what-is-not-left-keeps-it"),
    ],
)
def test_an_alias_of_another_version_is_not_taken_for_one_of_the_target(
    world: World, change: str, last: Mapping[str, bytes], moved: list[str]
) -> None:
    here = world.corner(LOOP, last)
    told = here.told(V, change=change, plan=True)
    edited = [step["to"] for step in told["plan"] if step["ref"].startswith("aliases:") and step["action"] == "edit"]
    assert edited == moved
    assert not [action for action in told["summary"]["actions"] if "alias" in action]


def test_for_very_many_a_plan_says_what_is_to_be_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impact_data, "_FEW", 0)
    actions = world.corner(ONLY, B, needing("a", "acme/b@^1")).told(V)["summary"]["actions"]
    assert actions[1] == "a plan says how 1 direct consumer can move"


def test_what_a_plan_would_do_is_not_guessed_from_a_part_of_it(world: World) -> None:
    here = world.corner(B, needing("a", "acme/b@1.1.0"), needing("c", "acme/a@1.0.0"))
    assert here.told(V, depth=1)["summary"]["actions"][1] == "a plan says how 1 direct consumer can move"
    assert here.told(V, depth=3)["summary"]["actions"][1] == f"pin model:acme/a@1.0.0 to {T}"


def test_an_answer_has_its_shape(world: World) -> None:
    here = world.corner(B, needing("a", "acme/b@^1"))
    told = here.told("acme/b@^1", change="retire", plan=True)
    assert list(told) == ["target", "change", "commit", "seq", "impacted", "summary", "to", "plan"]
    assert (told["target"], told["change"], told["to"]) == (V, "retire", "model:acme/b@2.0.0")
    assert told["impacted"] == [
        {
            "ref": "model:acme/a@1.0.0",
            "kind": "Model",
            "distance": 1,
            "impact": "non-breaking",
            "severity": "medium",
            "path": [V, "model:acme/a@1.0.0"],
            "relation": "depends_on",
            "field": "spec.dependencies[0].ref",
            "constraint": "model:acme/b@^1",
            "resolvesTo": V,
            "movesTo": "model:acme/b@1.0.0",
        }
    ]
    assert list(told["plan"][0]) == [
        *("ref", "field", "constraint", "action", "to", "satisfiedBy", "newVersion", "why")
    ]
    assert told["commit"] == world.registry.repo.tip()
    asked = f"{here.name}/b@^1"
    same = orjson.dumps(analysis_data(analyse(world.index.reader(), asked, change="retire", plan=True)))
    assert orjson.loads(same.replace(here.name.encode(), b"acme")) == told


def test_what_nobody_needs_may_change(world: World) -> None:
    here = world.corner(B)
    summary = here.told("acme/b@2.0.0")["summary"]
    assert (summary["total"], summary["depth"]) == (0, 0)
    fine = "in a way that could break: go ahead"
    assert summary["actions"] == [f"nothing refers to model:acme/b@2.0.0 {fine}"]
    assert here.told(V, change="deprecate")["summary"]["actions"] == [f"nothing refers to {V} {fine}"]


@pytest.mark.parametrize("change", ["breaking", "retire"])
def test_what_an_alias_names_does_not_go_ahead_though_no_record_needs_it(world: World, change: str) -> None:
    (action,) = world.corner(B).told(V, change=change)["summary"]["actions"]
    assert action.startswith(f"the alias good names {V}, for which people and deployments may ask")


def test_the_past_is_judged_as_it_stood(world: World) -> None:
    here = world.corner(ONLY, needing("a", "acme/b@^1"))
    before = here.analyse(V).position.seq
    then = here.analyse(V, change="retire", plan=True)
    here.land(B, needing("c", "acme/a@^1"), {path_of("b", "1.2.0"): model("b", "1.2.0")})
    assert here.impacts(V) == [("model:acme/a@1.0.0", "unknown", 1), ("model:acme/c@1.0.0", "unknown", 2)]
    assert here.analyse(V, change="retire", plan=True, at=before) == then


@pytest.mark.parametrize(
    ("ref", "more", "error"),
    [
        pytest.param("acme/nothing", {}, NotFoundError, id="no-such-name"),
        pytest.param("acme/b@9.9.9", {}, NotFoundError, id="no-such-version"),
        pytest.param("acme/b@", {}, UsageError, id="an-empty-selector"),
        pytest.param("../../etc", {}, UsageError, id="no-ref"),
        pytest.param("", {}, UsageError, id="nothing"),
        pytest.param("acme/b", {"change": "explode"}, UsageError, id="no-such-change"),
        pytest.param("acme/b", {"depth": 0}, UsageError, id="no-depth"),
        pytest.param("acme/b", {"depth": -1}, UsageError, id="a-depth-below-0"),
        pytest.param("acme/b@1.1.0", {"to": "1.1.0"}, UsageError, id="to-itself"),
        pytest.param("acme/b@1.1.0", {"to": "9.9.9"}, NotFoundError, id="to-what-is-not-there"),
        pytest.param("acme/b@1.1.0", {"to": ""}, UsageError, id="to-nothing"),
        pytest.param("acme/b@1.1.0", {"to": "dataset:acme/d@1.0.0"}, UsageError, id="to-another-kind"),
        pytest.param("acme/b@1.1.0", {"to": "(^1"}, UsageError, id="to-what-is-no-version"),
        pytest.param("namespace:acme", {"to": "namespace:acme"}, UsageError, id="to-what-has-no-versions"),
    ],
)
def test_bad_words_are_refused(world: World, ref: str, more: dict[str, Any], error: type[Exception]) -> None:
    here = world.corner(B, {"datasets/acme/d/1.0.0.yaml": dataset("d")})
    with pytest.raises(error):
        here.analyse(ref, plan=True, **more)


def test_judging_needs_nothing_but_the_reference() -> None:
    edge = Edge("model:acme/a@1.0.0", "spec.dependencies[0].ref", "depends_on", "model:acme/b", "^1", True, 1)
    assert judge("breaking", edge, V, V, None) == "breaking"
    assert judge("retire", edge, V, V, "model:acme/b@1.0.0") == "non-breaking"
    assert judge("breaking", edge._replace(required=False), V, V, None) == "non-breaking"


def test_a_chain_of_any_length_is_walked_in_memory(world: World) -> None:
    def tie(n: int) -> Tie:
        edge = Edge(f"model:acme/m{n + 1}@1.0.0", "f", "depends_on", f"model:acme/m{n}", "", True, 1)
        impact: Impact = "breaking"
        return Tie(f"model:acme/m{n}@1.0.0", edge.source, edge, impact, None)

    world.index.catch_up()
    with world.index.reader().graph() as (state, _, _):
        assert isinstance(state, State)
        found = impacted_by(state, {tie(n).provider: [tie(n)] for n in range(5000)}, "model:acme/m0@1.0.0")
    assert (len(found), found[-1].distance) == (5000, 5000)
