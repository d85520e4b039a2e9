"""The shape of a pipeline: what flows and whether it fits, the order, the times and the loads."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from pipeline_support import NUMBER, TEXT, edge, pipeline, pipeline_data, stage

from gitreg.kinds import KIND_TYPES, Pipeline
from gitreg.kinds._base import RetryPolicy
from gitreg.manifests import manifest_from_data, read_manifest
from gitreg.pipelines import dag_data, shape_of
from gitreg.pipelines.flows import circles, nodes_of, parts, schemas_fit
from gitreg.pipelines.order import longest_way, run_order
from gitreg.pipelines.quantities import read_quantity, write_quantity
from gitreg.pipelines.timing import delays

ODD: dict[str, Any] = {"type": "object", "propertyNames": {"pattern": "^a"}}
ODDER: dict[str, Any] = {"type": "object", "propertyNames": {"pattern": "^ab"}}
AB = [stage("a", {"x": TEXT}, {"out": TEXT}), stage("b", {"in": TEXT}, {"y": TEXT})]


# what flows


@pytest.mark.parametrize(
    ("stages", "way", "verdict", "why"),
    [
        pytest.param(AB, "a.out>b.in", "fits", None, id="the same schema"),
        pytest.param([AB[0], stage("b", {"in": NUMBER})], "a.out>b.in", "does-not", "#", id="another type"),
        pytest.param(AB, edge("a.out>b.in", transform={"type": "map", "logic": "x"}), "unknown", "map", id="transform"),
        pytest.param([AB[0], stage("b")], "a.out>b.in", "unknown", "'b' declares no inputs", id="no declared inputs"),
        pytest.param([stage("a"), AB[1]], "a.out>b.in", "unknown", "'a' declares no outputs", id="no declared outputs"),
        pytest.param(AB, "a.out>b.zz", "does-not", "'b' has no input 'zz'", id="another port than those declared"),
        pytest.param(AB, "a.in>b.in", "does-not", "'a' has no output 'in'", id="a port of the other direction"),
        pytest.param(AB, "c.out>b.in", "does-not", "there is no stage 'c'", id="no such stage"),
        pytest.param(
            [stage("a", gives={"out": ODDER}), stage("b", {"in": ODD})],
            "a.out>b.in",
            "unknown",
            "#",
            id="schemas that are not decided",
        ),
    ],
)
def test_each_flow_is_judged(stages: list[Any], way: Any, verdict: str, why: str | None) -> None:
    flow = shape_of(pipeline(stages, way)).flows[0]
    assert flow.fit.verdict == verdict
    assert (why or "") in flow.fit.why
    assert bool(flow.fit.why) == (why is not None)


NESTED: dict[str, Any] = {"type": "array", "items": {"$ref": "#"}}
EMPTIES: dict[str, Any] = {"type": "array", "items": {"type": "array", "maxItems": 0}}


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


LISTED: dict[str, Any] = {"type": "array", "items": obj("x", x={"type": "array", "maxItems": 0})}


@pytest.mark.parametrize(
    ("takes", "whole", "verdict", "reads_as"),
    [
        pytest.param({"x": TEXT}, TEXT, "fits", "whole", id="the whole input"),
        pytest.param({"x": TEXT}, NUMBER, "does-not", None, id="another type"),
        pytest.param({"x": TEXT}, True, "does-not", None, id="anything may come"),
        pytest.param({"x": True}, True, "fits", "whole", id="anything is taken"),
        pytest.param({"x": TEXT}, obj("x", x=TEXT), "fits", "property", id="the property of its name"),
        pytest.param({"x": TEXT}, obj(x=TEXT), "unknown", None, id="a property that may be left out"),
        pytest.param({"x": TEXT}, obj("x", x=NUMBER), "does-not", None, id="a property of another type"),
        pytest.param({"x": TEXT}, obj("y", y=TEXT), "does-not", None, id="a property of another name"),
        pytest.param({"x": {"$ref": "#/$defs/t"}}, obj("x", x=TEXT), "unknown", None, id="a port that refers"),
        pytest.param({"x": NESTED}, obj("x", x=LISTED), "unknown", None, id="a port that refers to its own whole"),
        pytest.param({"x": {"anyOf": [NESTED]}}, obj("x", x=LISTED), "unknown", None, id="the same in a list"),
        pytest.param({"x": TEXT}, {"properties": {"x": TEXT}}, "unknown", None, id="an input that may be no object"),
        pytest.param({"x": TEXT, "y": TEXT}, obj("x", "y", x=TEXT, y=TEXT), "fits", "property", id="two properties"),
    ],
)
def test_the_input_is_what_the_open_inputs_take(
    takes: dict[str, Any], whole: Any, verdict: str, reads_as: str | None
) -> None:
    shape = shape_of(pipeline([stage("a", takes, {"out": True})], inputSchema=whole))
    assert [(end.port, end.fit.verdict, end.reads_as) for end in shape.inputs] == [
        (port, verdict, reads_as) for port in takes
    ]
    assert shape.verdict == verdict
    assert bool(list(shape.reasons())) == (verdict != "fits")


def gives(name: str, **ports: Any) -> Any:
    return stage(name, {"in": True}, ports)


@pytest.mark.parametrize(
    ("stages", "whole", "verdict"),
    [
        pytest.param([gives("a", x=TEXT)], TEXT, "fits", id="the whole output"),
        pytest.param([gives("a", x=TEXT)], NUMBER, "does-not", id="another type"),
        pytest.param([gives("a", x=TEXT)], obj("x", x=TEXT), "fits", id="the property of its name"),
        pytest.param([gives("a", x=TEXT)], obj("x", "y", x=TEXT, y=TEXT), "unknown", id="a property is lacking"),
        pytest.param([gives("a", x=TEXT, y=TEXT)], obj("x", "y", x=TEXT, y=TEXT), "fits", id="both properties"),
        pytest.param([gives("a", x=TEXT, y=NUMBER)], TEXT, "unknown", id="one that may be left aside"),
        pytest.param([gives("a", x=TEXT, y=TEXT)], NUMBER, "does-not", id="none of two"),
        pytest.param([gives("a", x=TEXT), gives("b", x=TEXT)], obj("x", x=TEXT), "unknown", id="one name twice"),
        pytest.param([gives("a", x=TEXT), gives("b", x=TEXT)], TEXT, "fits", id="either of two"),
        pytest.param([gives("a", x=EMPTIES)], obj("x", x=NESTED), "unknown", id="a property that refers to the whole"),
        pytest.param([gives("a", x={})], {"properties": {"x": {"$ref": "#"}}}, "fits", id="anything as the whole"),
        pytest.param([stage("a", {"in": True})], TEXT, "unknown", id="no declared outputs"),
    ],
)
def test_the_output_is_what_the_open_outputs_give(stages: list[Any], whole: Any, verdict: str) -> None:
    shape = shape_of(pipeline(stages, outputSchema=whole))
    assert (shape.outputs_fit.verdict, shape.verdict) == (verdict, verdict)
    assert bool(list(shape.reasons())) == (verdict != "fits")


def test_the_reasons_name_what_does_not_fit_and_nothing_else() -> None:
    stages = [
        stage("a", {"x": TEXT, "y": TEXT}, {"out": TEXT, "more": NUMBER}),
        stage("b", {"in": TEXT, "n": TEXT}, {"z": TEXT, "w": NUMBER}),
        stage("c"),
    ]
    whole = {"type": "object", "properties": {"x": TEXT, "y": NUMBER}, "required": ["x", "y"]}
    shape = shape_of(
        pipeline(stages, "a.out>b.in", "a.more>b.n", "c.o>c.i", inputSchema=whole, outputSchema={"type": "string"})
    )
    assert [reason.partition(": ")[0] for reason in shape.reasons()] == [
        "on a circle or behind one, and never run",
        "a.more -> b.n",
        "c.o -> c.i",
        "input -> a.y",
        "b.w -> output",
        "output",
    ]
    assert next(shape.reasons()).endswith(": c")
    fine = shape_of(pipeline([stage("a", {"x": TEXT}, {"y": TEXT})], inputSchema=TEXT, outputSchema=TEXT))
    assert list(fine.reasons()) == []


def test_what_is_fed_and_what_feeds_is_no_end() -> None:
    shape = shape_of(pipeline(AB, "a.out>b.in"))
    assert [(end.node, end.port) for end in (*shape.inputs, *shape.outputs)] == [("a", "x"), ("b", "y")]


def test_a_stage_in_the_middle_that_declares_nothing_is_no_end() -> None:
    shape = shape_of(pipeline([AB[0], stage("m"), AB[1]], "a.out>m.i", "m.o>b.in"))
    assert [(end.node, end.port) for end in (*shape.inputs, *shape.outputs)] == [("a", "x"), ("b", "y")]
    assert [flow.fit.verdict for flow in shape.flows] == ["unknown", "unknown"]


# the order


ORDERS = [
    pytest.param("a", [], [["a"]], [], id="one"),
    pytest.param("abcd", ["a>b", "a>c", "b>d", "c>d"], [["a"], ["b", "c"], ["d"]], [], id="a diamond"),
    pytest.param("dcba", ["a>b"], [["d", "c", "a"], ["b"]], [], id="the order of the manifest within a batch"),
    pytest.param("abc", ["a>c", "b>c", "a>b"], [["a"], ["b"], ["c"]], [], id="a shortcut"),
    pytest.param("ab", ["a>b", "a>b"], [["a"], ["b"]], [], id="two edges between the same stages"),
    pytest.param("ab", ["a>b", "b>a"], [], ["a", "b"], id="a circle"),
    pytest.param("abcd", ["a>b", "b>c", "c>b", "c>d"], [["a"]], ["b", "c", "d"], id="behind a circle"),
    pytest.param("a", ["a>a"], [], ["a"], id="a stage that feeds itself"),
]


@pytest.mark.parametrize(("names", "ways", "batches", "stuck"), ORDERS)
def test_stages_run_as_early_as_they_can(names: str, ways: list[str], batches: Any, stuck: Any) -> None:
    edges = [f"{way[0]}.o{n}>{way[2]}.i{n}" for n, way in enumerate(ways)]
    data = dag_data(pipeline([stage(name) for name in names], *edges))
    assert (data["order"], data["stuck"]) == (batches, stuck)
    assert (data["verdict"] == "does-not") == bool(stuck)
    assert any("circle" in why for why in data["why"]) == bool(stuck)


def test_edges_to_stages_that_are_not_there_order_nothing() -> None:
    shape = shape_of(pipeline([stage("a"), stage("b")], "a.o>b.i", "b.o>x.i", "x.o>a.i"))
    assert (shape.order.batches, shape.order.stuck, shape.verdict) == ((("a",), ("b",)), (), "does-not")


@pytest.mark.parametrize("way", ["a.out>x.in", "x.out>b.in", "a.zz>b.in", "a.out>b.zz"])
def test_there_is_nothing_to_compare_where_a_port_is_not_declared(way: str) -> None:
    made = pipeline(AB, way)
    assert schemas_fit(made.spec.dag.edges[0], nodes_of(made.spec.dag)) is None


def test_a_chain_of_ten_thousand_stages_is_no_matter() -> None:
    names = [f"n{n}" for n in range(10_000)]
    ways = list(pairwise(names))
    order = run_order(names, ways)
    assert order.batches == tuple((name,) for name in names)
    assert longest_way(order, ways, dict.fromkeys(names, 1)) == (tuple(names), 10_000)
    assert list(circles(ways)) == []
    assert [len(part) for part in parts(names, ways)] == [10_000]
    assert [len(circle) for circle in circles([*ways, (names[-1], names[0])])] == [10_000]


def test_many_circles_are_no_matter() -> None:
    names = [f"n{n:05}" for n in range(10_000)]
    loops = [(name, name) for name in names]
    assert list(circles(loops)) == [[name] for name in names]
    down = ["a", *reversed(names)]
    assert list(circles([("a", "a"), *loops, *pairwise(down)])) == [["a"], *([name] for name in names)]
    assert list(circles([*loops, *pairwise(down), (names[-1], "a")]))[:2] == [["a", names[-1]], [names[0]]]
    there_and_back = [way for one, other in pairwise(names) for way in ((one, other), (other, one))]
    assert len(list(circles(there_and_back))) == 5_000


def test_a_long_pipeline_has_a_shape() -> None:
    stages = [stage(f"n{n}", {"i": TEXT}, {"o": TEXT}) for n in range(1_000)]
    shape = shape_of(pipeline(stages, *(f"n{n}.o>n{n + 1}.i" for n in range(999)), inputSchema=TEXT))
    assert (shape.verdict, len(shape.order.batches), len(shape.path.stages)) == ("fits", 1_000, 1_000)


# times


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        pytest.param({"max_attempts": 1}, [], id="one try"),
        pytest.param({"max_attempts": 3}, [1000, 2000], id="the defaults"),
        pytest.param({"max_attempts": 4, "backoff": "constant", "initial_delay": 5}, [5, 5, 5], id="constant"),
        pytest.param({"max_attempts": 4, "backoff": "linear", "initial_delay": 5}, [5, 10, 15], id="linear"),
        pytest.param({"max_attempts": 5, "backoff": "exponential", "initial_delay": 5}, [5, 10, 20, 40], id="doubled"),
        pytest.param({"max_attempts": 4, "initial_delay": 5, "max_delay": 12}, [5, 10, 12], id="up to the longest"),
        pytest.param({"max_attempts": 3, "initial_delay": 0}, [0, 0], id="no delay"),
        pytest.param({"max_attempts": 2, "initial_delay": 9, "max_delay": 4}, [4], id="a first beyond the longest"),
    ],
)
def test_delays_grow_as_the_policy_says(retry: dict[str, Any], waits: list[int]) -> None:
    assert delays(RetryPolicy(**retry)) == waits


def test_a_hundred_tries_are_counted_exactly() -> None:
    retry = {"maxAttempts": 100, "initialDelay": 1, "maxDelay": 2**29}
    data = dag_data(pipeline([stage("a", timeout=7, retry=retry)]))
    assert data["criticalPath"]["milliseconds"] == 700 + (2**30 - 1) + 69 * 2**29


DIAMOND = ["a.o>b.i", "a.o>c.i", "b.o>d.i", "c.o>d.j"]


@pytest.mark.parametrize(
    ("times", "by", "way", "total"),
    [
        pytest.param((1, 5, 6, 1), "time", "acd", 8, id="the longer of two"),
        pytest.param((1, 6, 5, 1), "time", "abd", 8, id="the other one"),
        pytest.param((1, 5, 5, 1), "time", "abd", 7, id="of equals the first"),
        pytest.param((0, 0, 0, 0), "time", "a", 0, id="no time at all"),
        pytest.param((1, 5, None, 1), "stages", "abd", None, id="one states none"),
        pytest.param((None,) * 4, "stages", "abd", None, id="none states any"),
    ],
)
def test_the_critical_path_is_by_time_where_all_of_it_is_stated(
    times: tuple[int | None, ...], by: str, way: str, total: int | None
) -> None:
    stated = zip("abcd", times, strict=True)
    stages = [{**stage(name), **({} if time is None else {"timeout": time})} for name, time in stated]
    path = dag_data(pipeline(stages, *DIAMOND, execution={"timeout": 9}))["criticalPath"]
    unstated = [name for name, time in zip("abcd", times, strict=True) if time is None]
    assert path == {"by": by, "stages": list(way), "milliseconds": total, "unstated": unstated, "timeout": 9}


def test_retries_count_for_the_worst_case() -> None:
    often = stage("b", timeout=2, retry={"maxAttempts": 3, "backoff": "constant", "initialDelay": 1})
    stages = [stage("a", timeout=1), often, stage("c", timeout=7), stage("d", timeout=1)]
    path = dag_data(pipeline(stages, *DIAMOND))["criticalPath"]
    assert (path["stages"], path["milliseconds"]) == (["a", "b", "d"], 1 + 8 + 1)


# loads


@pytest.mark.parametrize(
    ("what", "text", "amount", "written"),
    [
        pytest.param("cpu", "2", Fraction(2), "2", id="cores"),
        pytest.param("cpu", "500m", Fraction(1, 2), "500m", id="half a core"),
        pytest.param("cpu", "0.1", Fraction(1, 10), "100m", id="a tenth of a core"),
        pytest.param("cpu", "2000m", Fraction(2), "2", id="whole cores in thousandths"),
        pytest.param("memory", "4Gi", Fraction(4 * 2**30), "4Gi", id="gibibytes"),
        pytest.param("memory", "1.5Gi", Fraction(3 * 2**29), "1536Mi", id="a fraction of one"),
        pytest.param("memory", "1G", Fraction(10**9), "1G", id="gigabytes"),
        pytest.param("memory", "1048576", Fraction(2**20), "1Mi", id="bytes"),
        pytest.param("memory", "1T", Fraction(10**12), "1T", id="terabytes, which are whole kibibytes too"),
        pytest.param("memory", "1000Ki", Fraction(1024000), "1000Ki", id="kibibytes, which are whole kilobytes too"),
        pytest.param("storage", "0.5", Fraction(1, 2), "500m", id="half a byte"),
        pytest.param("memory", "128974848", Fraction(123 * 2**20), "123Mi", id="Kubernetes' manual: bytes"),
        pytest.param("memory", "129e6", Fraction(129 * 10**6), "129M", id="Kubernetes' manual: an exponent"),
        pytest.param("memory", "129M", Fraction(129 * 10**6), "129M", id="Kubernetes' manual: megabytes"),
        pytest.param("memory", "128974848000m", Fraction(123 * 2**20), "123Mi", id="Kubernetes' manual: thousandths"),
        pytest.param("memory", "123Mi", Fraction(123 * 2**20), "123Mi", id="Kubernetes' manual: mebibytes"),
        pytest.param("cpu", "100n", Fraction(1, 10**7), "100n", id="billionths of a core"),
        pytest.param("cpu", "5u", Fraction(5, 10**6), "5u", id="millionths of a core"),
        pytest.param("cpu", "0.5n", Fraction(1, 2 * 10**9), "0.5n", id="less than a billionth"),
        pytest.param("cpu", "1500u", Fraction(3, 2000), "1500u", id="a thousandth and a half"),
        pytest.param("cpu", ".5", Fraction(1, 2), "500m", id="no digit before the point"),
        pytest.param("cpu", "5.", Fraction(5), "5", id="no digit after the point"),
        pytest.param("cpu", "1E-3", Fraction(1, 1000), "1m", id="an exponent below nothing"),
        pytest.param("memory", "1.5e+3", Fraction(1500), "1500", id="an exponent with its sign"),
        pytest.param("memory", "1E", Fraction(10**18), "1E", id="exabytes"),
        pytest.param("memory", "1E1", Fraction(10), "10", id="an exponent in capitals"),
        pytest.param("memory", "1e99", Fraction(10**99), f"{10**99 // 2**60}Ei", id="the largest exponent"),
        pytest.param("cpu", "1e-99", Fraction(1, 10**99), "0." + "0" * 89 + "1n", id="the smallest exponent"),
        pytest.param("storage", "0", Fraction(0), "0", id="nothing"),
        pytest.param("memory", "1" * 6000, Fraction((10**6000 - 1) // 9), "1" * 6000, id="more digits than int reads"),
        pytest.param("gpu:t4", "1024", Fraction(1024), "1024", id="a count"),
    ],
)
def test_quantities_are_read_and_written_exactly(what: str, text: str, amount: Fraction, written: str) -> None:
    assert read_quantity(text) == amount
    assert write_quantity(what, amount) == written
    assert read_quantity(written) == amount


QUANTITIES = (
    *("129e6", "128974848000m", "100n", "5u", ".5", "5.", "1E", "1E9", "1e+9", "1e-9", "2", "0.25", "1.5Gi"),
    *("3k", "1Ki", "1Mi", "1Ti", "1Pi", "1Ei", "1M", "1G", "1T", "1P"),
)
NO_QUANTITIES = ("", ".", "m", "-1", "+1", "1 Gi", "1gi", "1K", "1GiB", "1e", "1e1.5", "1e100", "1em", "\u00b2", "1\n")


@pytest.mark.parametrize("text", QUANTITIES)
@pytest.mark.parametrize("what", ["cpu", "memory", "storage"])
def test_what_kubernetes_takes_is_taken(what: str, text: str) -> None:
    assert load([stage("a", resources={what: text})])["peak"][what]["amount"]


@pytest.mark.parametrize("text", NO_QUANTITIES)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    (finding,) = manifest_from_data(pipeline_data([stage("a")], resources={"cpu": text})).findings
    assert finding.field == "spec.resources.cpu"
    assert "expected a quantity as Kubernetes writes it, like 500m, 1.5, 4Gi or 129e6" in finding.says


def load(stages: list[Any], *edges: str) -> Any:
    return dag_data(pipeline(stages, *edges))["resources"]


def test_what_runs_side_by_side_is_summed() -> None:
    def needs(name: str, **resources: Any) -> Any:
        return stage(name, resources=resources)

    gpu = {"type": "t4", "count": 2, "memory": "16Gi"}
    found = load(
        [
            needs("a", cpu="3", memory="1Gi"),
            needs("b", cpu="500m", memory="2Gi", gpu=gpu),
            needs("c", cpu="1.5", memory="512Mi", gpu={"type": "h100", "count": 1}),
            stage("d"),
        ],
        *DIAMOND,
    )
    assert found["peak"] == {
        "cpu": {"amount": "3", "stages": ["a"]},
        "gpu:h100": {"amount": "1", "stages": ["b", "c"]},
        "gpu:t4": {"amount": "2", "stages": ["b", "c"]},
        "memory": {"amount": "2560Mi", "stages": ["b", "c"]},
    }
    assert found["largest"] == {
        "cpu": {"amount": "3", "stage": "a"},
        "gpu:h100": {"amount": "1", "stage": "c"},
        "gpu:t4": {"amount": "2", "stage": "b"},
        "memory": {"amount": "2Gi", "stage": "b"},
    }
    assert found["unstated"] == ["d"]


def test_of_equals_the_first_is_told() -> None:
    found = load([stage(name, resources={"cpu": "1"}) for name in "ab"], "a.o>b.i")
    assert (found["peak"]["cpu"]["stages"], found["largest"]["cpu"]["stage"]) == (["a"], "a")


def test_nothing_is_made_up_where_nothing_is_stated() -> None:
    assert load([stage("a")]) == {"stated": None, "peak": {}, "largest": {}, "unstated": ["a"]}


# the data


def test_the_data_has_the_same_keys_whatever_is_stated() -> None:
    full = read_manifest(KIND_TYPES["Pipeline"].example.encode()).manifest
    assert isinstance(full, Pipeline)
    one, other = dag_data(full), dag_data(pipeline([stage("a")]), {"a": "model:acme/chat@1.0.0"})
    assert list(one) == list(other)
    assert list(one["stages"][0]) == list(other["stages"][0])
    assert other["stages"][0]["means"] == "model:acme/chat@1.0.0"
    assert one["verdict"] == "fits"


def test_flows_and_ends_as_data() -> None:
    move = {"type": "map", "logic": "x"}
    data = dag_data(pipeline([*AB, stage("c")], "a.out>b.in", edge("b.y>c.z", transform=move), inputSchema=TEXT))
    assert data["flows"] == [
        {
            "from": {"node": "a", "port": "out"},
            "to": {"node": "b", "port": "in"},
            "transform": None,
            "verdict": "fits",
            "why": None,
        },
        {
            "from": {"node": "b", "port": "y"},
            "to": {"node": "c", "port": "z"},
            "transform": move,
            "verdict": "unknown",
            "why": "what the transform on the way (map) gives is not known",
        },
    ]
    assert data["inputs"] == [{"node": "a", "port": "x", "readsAs": "whole", "verdict": "fits", "why": None}]
    why = "the stage 'c' declares no outputs"
    assert data["outputs"] == [{"node": "c", "port": None, "readsAs": None, "verdict": "unknown", "why": why}]
    assert data["why"] == ["b.y -> c.z: what the transform on the way (map) gives is not known", f"c -> output: {why}"]


def test_two_stages_of_one_id_are_one() -> None:
    data = dag_data(pipeline([stage("a"), stage("a", timeout=1)]))
    assert ([each["id"] for each in data["stages"]], data["order"]) == (["a"], [["a"]])
