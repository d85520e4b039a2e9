"""Pipelines that can be run as they are drawn, and that are what their template gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from gate_support import BASE, Case, expect, judge, new_registry, path_of, pipeline, rules_with, versioned

from gitreg.kinds import KIND_TYPES
from gitreg.manifests import read_manifest
from gitreg.repository.snapshot import Snapshot
from gitreg_validators.pipelines import RULES

PATH = path_of("p", folder="pipelines")
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("pipelines"), BASE).snapshot()


def node(name: str, takes: Mapping[str, Any] | None = None, gives: Mapping[str, Any] | None = None, **more: Any) -> Any:
    ports = {key: dict(value) for key, value in (("inputs", takes), ("outputs", gives)) if value is not None}
    return {"id": name, **ports, "type": "model", "model": "acme/chat@^1", **more}


def edge(way: str, **more: Any) -> Any:
    """Make an edge of `a.out>b.in`."""
    ends = [dict(zip(("node", "port"), end.split("."), strict=True)) for end in way.split(">")]
    return {"from": ends[0], "to": ends[1], **more}


def nodes(names: str) -> list[Any]:
    return [node(name) for name in names]


def dag(nodes: list[Any], *edges: Any, **spec: Any) -> bytes:
    whole = {"nodes": nodes, "edges": [edge(e) if isinstance(e, str) else e for e in edges]}
    return pipeline(**json.loads(json.dumps({"dag": whole, **spec})))  # nothing is shared, so YAML has no anchors


def drawn(name: str, raw: bytes, says: str | None = None, field: str | None = None) -> Case:
    return Case(name, {PATH: raw}, says, f"spec.{field}" if field else None)


AB = [node("a", gives={"out": TEXT}), node("b", {"in": TEXT, "more": TEXT})]
EDGES = [
    drawn("one node", dag(nodes("a"))),
    drawn("two nodes and an edge", dag(AB, "a.out>b.in")),
    drawn("nodes that declare no ports", dag(nodes("ab"), "a.any>b.thing")),
    drawn("one output into two inputs", dag(AB, "a.out>b.in", "a.out>b.more")),
    drawn(
        "ports in the other direction only",
        dag([node("a", {"x": TEXT}), node("b", gives={"y": TEXT})], "a.any>b.thing"),
    ),
    drawn("an id twice", dag([*AB, node("a")], "a.out>b.in"), "two nodes are called 'a'", "dag.nodes[2].id"),
    drawn("no such source", dag(AB, "a.out>b.in", "c.out>b.more"), "there is no node 'c'", "dag.edges[1].from.node"),
    drawn("no such target", dag(AB, "a.out>b.in", "a.out>c.in"), "there is no node 'c'", "dag.edges[1].to.node"),
    drawn(
        "no such output",
        dag(AB, "a.outt>b.in"),
        "the node 'a' has no output 'outt'; it has out",
        "dag.edges[0].from.port",
    ),
    drawn(
        "no such input",
        dag(AB, "a.out>b.zzz"),
        "the node 'b' has no input 'zzz'; it has in, more",
        "dag.edges[0].to.port",
    ),
    drawn(
        "the ports of the other direction",
        dag([node("a", {"in": TEXT}, {"out": TEXT}), node("b")], "a.in>b.x"),
        "the node 'a' has no output 'in'; it has out",
        "dag.edges[0].from.port",
    ),
    drawn(
        "an input that is fed twice",
        dag([*AB, node("c")], "a.out>b.in", "c.x>b.in", "c.x>b.more"),
        "the input b.in is fed by a.out and by c.x",
        "dag.edges[1].to",
    ),
    drawn("an edge twice", dag(AB, "a.out>b.in", "a.out>b.in"), "is fed by a.out and by a.out", "dag.edges[1].to"),
]
FLOWS = [
    drawn("a diamond", dag(nodes("abcd"), "a.o>b.i", "a.o>c.i", "b.o>d.i", "c.o>d.j")),
    drawn("two sources", dag(nodes("abc"), "a.o>c.i", "b.o>c.j")),
    drawn("a node that feeds itself", dag(nodes("a"), "a.o>a.i"), "in a circle: a -> a", "dag.edges[0]"),
    drawn("a circle of two", dag(nodes("ab"), "a.o>b.i", "b.o>a.i"), "a circle: a -> b -> a", "dag.edges[1]"),
    drawn(
        "a circle behind and before other nodes",
        dag(nodes("abcde"), "a.o>c.i", "c.o>d.i", "d.o>b.i", "b.o>c.j", "d.o>e.i"),
        "a circle: b -> c -> d -> b",
        "dag.edges[2]",
    ),
    drawn("a node alone", dag(nodes("abc"), "a.o>b.i"), "between 'c' and the rest", "dag.nodes[2]"),
    drawn("the first one alone", dag(nodes("abc"), "b.o>c.i"), "between 'a' and the rest", "dag.nodes[0]"),
    drawn("two alone", dag(nodes("ab")), "nothing flows between 'b' and the rest", "dag.nodes[1]"),
    drawn(
        "two groups",
        dag(nodes("abcde"), "a.o>c.i", "c.o>e.i", "d.o>b.i"),
        "nothing flows between 'b', 'd' and the rest",
        "dag.nodes[1]",
    ),
    drawn(
        "an edge into nowhere connects nothing", dag(nodes("ab"), "a.o>x.i", "x.o>b.i"), "between 'b'", "dag.nodes[1]"
    ),
    drawn(
        "a node alone in a circle",
        dag(nodes("abc"), "a.o>b.i", "c.o>c.i"),
        "nothing flows between 'c' and the rest",
        "dag.nodes[2]",
    ),
]


def fed(takes: Any, gives: Any, **more: Any) -> bytes:
    return dag([node("a", gives={"out": gives}), node("b", {"in": takes})], edge("a.out>b.in", **more))


UNFIT = "a.out may give what b.in does not take"
SCHEMAS = [
    drawn("the same schema", fed(TEXT, TEXT)),
    drawn("a wider input", fed({"type": ["string", "number"]}, TEXT)),
    drawn("an input of anything", fed(True, NUMBER)),
    drawn("what cannot be decided", fed({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^ab"})),
    drawn("another type", fed(NUMBER, TEXT), UNFIT, "dag.edges[0]"),
    drawn("a narrower input", fed(TEXT, {"type": ["string", "number"]}), UNFIT, "dag.edges[0]"),
    drawn("anything into something", fed(TEXT, True), UNFIT, "dag.edges[0]"),
    drawn("with a transform", fed(NUMBER, TEXT, transform={"type": "map", "logic": "len"})),
    drawn("an output that is not declared", dag([node("a"), node("b", {"in": NUMBER})], "a.out>b.in")),
    drawn("an input that is not declared", dag([node("a", gives={"out": TEXT}), node("b")], "a.out>b.in")),
]


def resources(name: str, whole: Any, part: Any, says: str | None = None, field: str | None = None) -> Case:
    put = {} if whole is None else {"resources": whole}
    asked = node("a") if part is None else node("a", resources=part)
    return drawn(name, dag([asked], **put), says, field)


def gpu(count: int, memory: str | None = None) -> dict[str, Any]:
    return {"gpu": {"type": "h100", "count": count, **({} if memory is None else {"memory": memory})}}


PART = "dag.nodes[0].resources"
RESOURCES = [
    resources("nothing stated", None, None),
    resources("of the node alone", None, {"cpu": "4", "memory": "8Gi", "storage": "1T"}),
    resources("all of it", {"cpu": "0.5", "memory": "1Gi"}, {"cpu": "500m", "memory": "1024Mi"}),
    resources("less", {"cpu": "2", "memory": "1Gi"}, {"cpu": "1999m", "memory": "1G"}),
    resources("an amount that the whole does not state", {"cpu": "2"}, {"memory": "8Gi"}),
    resources(
        "a little more CPU",
        {"cpu": "0.5"},
        {"cpu": "501m"},
        "asks for cpu 501m, and the whole pipeline has 0.5",
        f"{PART}.cpu",
    ),
    resources("a byte more", {"memory": "1Ki"}, {"memory": "1025"}, "asks for memory 1025, and", f"{PART}.memory"),
    resources("a larger unit", {"memory": "1G"}, {"memory": "1Gi"}, "asks for memory 1Gi", f"{PART}.memory"),
    resources("a fraction", {"memory": "1.5Gi"}, {"memory": "1537Mi"}, "asks for memory 1537Mi", f"{PART}.memory"),
    resources("a fraction that fits", {"memory": "1.5Gi"}, {"memory": "1536Mi"}),
    resources("thousands", {"storage": "2k"}, {"storage": "2Ki"}, "asks for storage 2Ki", f"{PART}.storage"),
    resources(
        "exactly, beyond what floats hold",
        {"memory": "1E"},
        {"memory": "1000000000000000001"},
        "asks",
        f"{PART}.memory",
    ),
    resources("exabytes", {"memory": "1E"}, {"memory": "1Ei"}, "asks for memory 1Ei", f"{PART}.memory"),
    resources("accelerators", gpu(2), gpu(2, "80Gi")),
    resources(
        "more accelerators", gpu(2), gpu(3), "asks for gpu.count 3, and the whole pipeline has 2", f"{PART}.gpu.count"
    ),
    resources("larger ones", gpu(2, "40Gi"), gpu(1, "80Gi"), "asks for gpu.memory 80Gi", f"{PART}.gpu.memory"),
    resources("no CPU", {"cpu": "0"}, None, "cpu is 0, which is nothing", "resources.cpu"),
    resources("no CPU in millis", None, {"cpu": "0m"}, "cpu is 0m, which is nothing", f"{PART}.cpu"),
    resources("no memory", None, {"memory": "0Gi"}, "memory is 0Gi, which is nothing", f"{PART}.memory"),
    resources("no storage", {"storage": "0.0"}, None, "storage is 0.0, which is nothing", "resources.storage"),
    resources("accelerators without memory", gpu(1, "0"), None, "gpu.memory is 0", "resources.gpu.memory"),
]


def retry(name: str, says: str | None = None, field: str | None = None, **put: Any) -> Case:
    place = f"dag.nodes[0].retry.{field}" if field else None
    return drawn(name, dag([node("a", retry={"maxAttempts": 3, **put})]), says, place)


def timed(name: str, whole: int | None, part: int | None, says: str | None = None) -> Case:
    put = {} if whole is None else {"execution": {"timeout": whole}}
    asked = node("a") if part is None else node("a", timeout=part)
    return drawn(name, dag([asked], **put), says, "dag.nodes[0].timeout" if says else None)


TIMING = [
    retry("as it comes"),
    retry("the first delay is the longest", initialDelay=500, maxDelay=500),
    retry(
        "a first delay that is too long",
        "the first delay is 501 ms, and the longest 500 ms",
        "initialDelay",
        initialDelay=501,
        maxDelay=500,
    ),
    retry(
        "a first delay beyond the default",
        "the first delay is 60001 ms, and the longest 60000",
        "initialDelay",
        initialDelay=60_001,
    ),
    retry(
        "a longest below the default", "the first delay is 1000 ms, and the longest 999 ms", "maxDelay", maxDelay=999
    ),
    retry("at once", initialDelay=0),
    retry("at once, always", backoff="constant", initialDelay=0),
    retry("growing from something", backoff="linear", initialDelay=1),
    retry(
        "growing from nothing",
        "the delay is to grow (linear), and from 0 ms it never does",
        "backoff",
        backoff="linear",
        initialDelay=0,
    ),
    retry("doubling nothing", "is to grow (exponential)", "backoff", backoff="exponential", initialDelay=0),
    drawn(
        "of the whole run",
        dag(nodes("a"), execution={"retry": {"maxAttempts": 2, "initialDelay": 9, "maxDelay": 8}}),
        "the first delay is 9 ms",
        "execution.retry.initialDelay",
    ),
    timed("no time", None, None),
    timed("of the node alone", None, 5000),
    timed("of the run alone", 5000, None),
    timed("as long as the run", 5000, 5000),
    timed("longer than the run", 5000, 5001, "the node 'a' may take 5001 ms, and the whole run 5000 ms"),
    timed("nothing for the run", 0, 1, "may take 1 ms, and the whole run 0 ms"),
]


@pytest.mark.parametrize("case", [*EDGES, *FLOWS, *SCHEMAS, *RESOURCES, *TIMING], ids=lambda case: case.name)
def test_a_pipeline_can_be_run_as_it_is_drawn(base: Snapshot, case: Case) -> None:
    assert read_manifest(case.files[PATH] or b"").manifest
    expect(base, case, rules_with(RULES, "GR-034"))


def says(base: Snapshot, raw: bytes, code: str = "GR-034") -> list[str]:
    return [finding.says for finding in judge(base, Case("", {PATH: raw}), rules_with(RULES, code))]


def test_every_circle_is_told_but_for_those_through_the_same_nodes(base: Snapshot) -> None:
    raw = dag(
        nodes("abcdef"),
        "a.o>b.i",
        "b.o>a.i",
        "b.o>c.i",
        "c.o>d.i",
        "d.o>c.j",
        "d.o>d.k",
        "e.o>f.i",
        "f.o>e.i",
        "d.o>e.j",
    )
    assert says(base, raw) == [
        f"data flows in a circle: {way}" for way in ("a -> b -> a", "c -> d -> c", "e -> f -> e")
    ]


def test_a_long_line_and_many_nodes_are_no_matter(base: Snapshot) -> None:
    many = [node(f"n{n}") for n in range(200)]
    line = [f"n{n}.o>n{n + 1}.i" for n in range(199)]
    assert says(base, dag(many, *line)) == []
    assert len(says(base, dag(many, *line, "n199.o>n0.i"))) == 1
    assert len(says(base, dag(many))) == 199


def test_the_mend_names_what_was_meant(base: Snapshot) -> None:
    def mends(raw: bytes) -> list[str]:
        return [finding.mend for finding in judge(base, Case("", {PATH: raw}), rules_with(RULES, "GR-034"))]

    long = [node("redact", gives={"text": TEXT}), node("answer", {"text": TEXT})]
    assert mends(dag(long, "redact.text>answer.text", "redct.text>answer.text"))[0] == "did you mean 'redact'?"
    assert mends(dag(long, "redact.texts>answer.text"))[0] == "did you mean 'text'?"
    assert mends(dag(long, "redact.xyz>answer.text"))[0] == "name one of its outputs"
    assert mends(dag(long, "redact.text>answer.text", "x.text>answer.text"))[0] == "name a node of this pipeline"


# templates

TEMPLATE = path_of("one", folder="templates")
BODY: dict[str, Any] = {
    "dag": {"nodes": [{"id": "a", "type": "model", "model": "{{ model }}"}]},
    "inputSchema": True,
    "outputSchema": True,
    "execution": {"timeout": "{{ timeoutMs }}", "concurrency": 1},
}
PARAMETERS = {
    "model": {"schema": {"type": "string"}},
    "timeoutMs": {"schema": {"type": "integer"}, "default": 5000},
}


def template(name: str = "one", body: Mapping[str, Any] = BODY, **spec: Any) -> bytes:
    return versioned("PipelineTemplate", name, **{"parameters": PARAMETERS, "body": dict(body), **spec})


def instance(ref: str = "template:acme/one@1.0.0", timeout: int = 5000, given: Any = None, **spec: Any) -> bytes:
    parameters = {"model": "acme/chat@^1"} if given is None else given
    put = {"template": {"ref": ref, "parameters": parameters}, "execution": {"timeout": timeout}}
    return pipeline(**json.loads(json.dumps({"dag": {"nodes": [node("a")]}, **put, **spec})))


def made(name: str, raw: bytes, says: str | None = None, field: str | None = None, **over: bytes) -> Case:
    landed = {path_of(each, folder="templates"): text for each, text in {"one": template(), **over}.items()}
    return Case(name, {PATH: raw}, says, f"spec.{field}" if field else None, over=landed)


GIVES = "template:acme/one@1.0.0 gives"
NEEDS = [{"ref": "config:acme/defaults@^1"}]
INSTANCES = [
    made("what it gives", instance()),
    made("no template", dag([node("a")], execution={"timeout": 1})),
    made("another time that is asked for", instance(timeout=7, given={"model": "acme/chat@^1", "timeoutMs": 7})),
    made("a default that is written", instance(execution={"timeout": 5000, "priority": "normal"})),
    made("the kind goes without saying", instance("acme/one@1.0.0")),
    made(
        "what is its own",
        instance(release={"changelog": "New."}, lifecycle={"status": "paused"}, custom={"acme": {"a": 1}}),
    ),
    made("a dependency of its own", instance(dependencies=NEEDS)),
    made(
        "one of its dependencies",
        instance(dependencies=[{"ref": "acme/chat@^1"}, *NEEDS]),
        one=template(body={**BODY, "dependencies": NEEDS}),
    ),
    made(
        "none of its dependencies",
        instance(dependencies=[{"ref": "acme/chat@^1"}]),
        f"{GIVES} the dependency config:acme/defaults@^1",
        "dependencies",
        one=template(body={**BODY, "dependencies": NEEDS}),
    ),
    made("another time", instance(timeout=6000), f"spec.execution.timeout is 6000; {GIVES} 5000", "execution.timeout"),
    made(
        "a time more",
        instance(execution={"timeout": 5000, "retry": {"maxAttempts": 2}}),
        f"; {GIVES} not stated",
        "execution.retry",
    ),
    made("a time less", instance(execution={"concurrency": 2}), "execution.timeout is not stated", "execution.timeout"),
    made(
        "another number",
        instance(execution={"timeout": 5000, "concurrency": 2}),
        f"is 2; {GIVES} 1",
        "execution.concurrency",
    ),
    made("another schema", instance(inputSchema=False), f"spec.inputSchema is False; {GIVES} True", "inputSchema"),
    made(
        "another node",
        instance(dag={"nodes": [node("b")]}),
        f"spec.dag.nodes[0].id is 'b'; {GIVES} 'a'",
        "dag.nodes[0].id",
    ),
    made(
        "a node more",
        instance(dag={"nodes": nodes("ab"), "edges": [edge("a.o>b.i")]}),
        "spec.dag.nodes is [{",
        "dag.nodes",
    ),
    made("what is more than it gives", instance(resources={"cpu": "2"}), "spec.resources is {'cpu': '2'", "resources"),
    made("a range", instance("template:acme/one@^1"), "is not an exact version of a template", "template.ref"),
    made("an alias", instance("template:acme/one@stable"), "is not an exact version", "template.ref"),
    made("no version", instance("template:acme/one"), "is not an exact version", "template.ref"),
    made(
        "another kind",
        instance("model:acme/chat@1.0.0"),
        "model:acme/chat@1.0.0 is not an exact version",
        "template.ref",
    ),
    made("no such template is ref-exists' matter", instance("template:acme/two@1.0.0")),
    made("an unreadable one is not judged", instance(), one=b"a: 1\n"),
    made(
        "a parameter that there is not",
        instance(given={"model": "acme/chat@^1", "tmo": 1}),
        "no parameter 'tmo'",
        "template.parameters.tmo",
    ),
    made(
        "a parameter that is missing",
        instance(given={}),
        "the parameter 'model' is missing",
        "template.parameters.model",
    ),
    made(
        "a parameter of another type", instance(given={"model": 1}), "cannot be rendered", "template.parameters.model"
    ),
    made(
        "a broken template",
        instance(),
        "cannot be rendered",
        "template.ref",
        one=template(body={**BODY, "inputSchema": "{{ x }}"}),
    ),
    made(
        "what is no pipeline",
        instance(),
        "gives no pipeline for these parameters: spec.inputSchema",
        "template",
        one=template(body={**BODY, "inputSchema": "x"}),
    ),
    made(
        "a template that extends another",
        instance("template:acme/more@1.0.0"),
        more=template("more", {"execution": {"concurrency": 1}}, extends="template:acme/one@1.0.0"),
    ),
    made(
        "a template that extends nothing that there is",
        instance("template:acme/more@1.0.0"),
        "cannot be rendered: there is no",
        "template.ref",
        more=template("more", {"execution": {"concurrency": 1}}, extends="template:acme/none@1.0.0"),
    ),
]


@pytest.mark.parametrize("case", INSTANCES, ids=lambda case: case.name)
def test_an_instance_is_what_its_template_gives(base: Snapshot, case: Case) -> None:
    assert read_manifest(case.files[PATH] or b"").manifest
    expect(base, case, rules_with(RULES, "GR-037"))


def test_every_field_that_differs_is_told(base: Snapshot) -> None:
    raw = instance(timeout=1, inputSchema=False, dag={"nodes": [node("b", timeout=5)]})
    found = judge(base, Case("", {PATH: raw}, over={TEMPLATE: template()}), rules_with(RULES, "GR-037"))
    assert sorted(finding.field or "" for finding in found) == [
        "spec.dag.nodes[0].id",
        "spec.dag.nodes[0].timeout",
        "spec.execution.timeout",
        "spec.inputSchema",
    ]
    raw = instance(given={"a": 1, "b": 2})
    found = judge(base, Case("", {PATH: raw}, over={TEMPLATE: template()}), rules_with(RULES, "GR-037"))
    assert len(found) == 3


@pytest.mark.parametrize("length", [78, 79])
def test_long_values_are_shortened(base: Snapshot, length: int) -> None:
    raw = instance(dag={"nodes": [node("a", description="x" * length)]})
    (found,) = judge(base, Case("", {PATH: raw}, over={TEMPLATE: template()}), rules_with(RULES, "GR-037"))
    assert ("..." in found.says) is (length == 79)
    assert (repr("x" * length) in found.says) is (length == 78)


def bodied(name: str, text: Any, says: str | None = None, field: str = "x", **spec: Any) -> Case:
    return Case(name, {TEMPLATE: template(body={"x": text}, **spec)}, says, f"spec.body.{field}" if says else None)


def extending(given: str, says: str) -> Case:
    return Case(f"extending {given}", {TEMPLATE: template(extends=given)}, says, "spec.extends")


UNDECLARED = "it can never be rendered: there is no parameter 'model'"
BODIES = [
    Case("its parameters", {TEMPLATE: template()}),
    bodied("items and filters", "{{ model | default('a') | upper }} {{ timeoutMs }}"),
    bodied("no expression", "call(me)"),
    bodied("a name that is not declared", "{{ model }}", UNDECLARED, parameters={}),
    bodied("a name that may be extended", "{{ model }}", parameters={}, extends="template:acme/base@1.0.0"),
    bodied("a name that may be included", "{{ model }}", parameters={}, includes=["template:acme/base@1.0.0"]),
    extending("acme/base@^1", "template:acme/base@^1 is not an exact version of a template"),
    extending("template:acme/base@stable", "template:acme/base@stable is not an exact version"),
    extending("acme/base@latest", "template:acme/base@latest is not an exact version"),
    extending("acme/base", "template:acme/base is not an exact version"),
    extending("model:acme/base@1.0.0", "model:acme/base@1.0.0 is no template"),
    Case(
        "including a range",
        {TEMPLATE: template(includes=["acme/base@1.0.0", "acme/base@1"])},
        "template:acme/base@1 is not an exact version",
        "spec.includes[1]",
    ),
    bodied("a call", "{{ model() }}", "'call' is not allowed", extends="template:acme/base@1.0.0"),
    bodied("a statement", "{% if model %}a{% endif %}", "'if' is not allowed"),
    bodied("a filter that there is not", "{{ model | pprint }}", "pprint"),
    bodied("a hidden attribute", "{{ model.__class__ }}", "the attribute '__class__' is not allowed"),
    bodied("no end", "{{ model", "it can never be rendered: "),
    bodied("within a list", [{"y": "{{ modle }}"}], "did you mean 'model'?", "x[0].y"),
    bodied("a key", {"{{ model }}": 1}, "the key '{{ model }}' is a template"),
    Case(
        "a name that cannot be",
        {TEMPLATE: template(parameters={**PARAMETERS, "self": {"schema": True}})},
        "'self' cannot be the name of a parameter",
        "spec.parameters.self",
    ),
    Case(
        "landed before",
        {TEMPLATE: template(body={"x": "{{ no }}"}, lifecycle={"status": "retired"})},
        over={TEMPLATE: template(body={"x": "{{ no }}"})},
    ),
]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_a_template_can_be_rendered(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-037"))


def test_a_landed_difference_is_not_held_against_an_edit(base: Snapshot) -> None:
    before, after = instance(timeout=1), instance(timeout=1, custom={"acme": {"a": 1}})
    case = Case("", {PATH: after}, over={TEMPLATE: template(), PATH: before})
    assert judge(base, case, RULES) == []


def test_examples_and_other_kinds_have_no_findings(base: Snapshot) -> None:
    examples = {
        "pipelines/acme/nlp/ticket-digest/1.0.0.yaml": KIND_TYPES["Pipeline"].example.encode(),
        "templates/acme/nlp/one-model/1.0.0.yaml": KIND_TYPES["PipelineTemplate"].example.encode(),
        "models/acme/nlp/summarizer/1.2.0.yaml": KIND_TYPES["Model"].example.encode(),
    }
    assert judge(base, Case("examples", examples), RULES) == []


def test_what_executes_a_manifest_runs_in_a_process_of_its_own() -> None:
    assert {rule.name for rule in RULES if rule.runs_apart} == {"check_schemas_fit", "check_instance", "check_body"}
