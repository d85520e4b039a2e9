"""A template is filled in the same way every time, parameters stay data, and every fault is told with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gitreg.kinds import KIND_TYPES, PipelineTemplate
from gitreg.manifests import manifest_from_data, read_manifest, to_data
from gitreg.refs import Ref
from gitreg.templates import Fault, Move, Rendering, compose, instantiate, move_to, render

ANY: dict[str, Any] = {"schema": True}


def made(
    body: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    name: str = "mine",
    **more: Any,
) -> PipelineTemplate:
    data = {
        "apiVersion": "gitreg/v1",
        "kind": "PipelineTemplate",
        "metadata": {"namespace": "acme", "name": name, "version": "1.0.0"},
        "spec": {"body": body, "parameters": parameters or {}, **more},
    }
    manifest = manifest_from_data(data).manifest
    assert isinstance(manifest, PipelineTemplate)
    return manifest


def fetching(*templates: PipelineTemplate) -> Any:
    by_name = {template.address.name: template for template in templates}

    def fetch(ref: Ref) -> PipelineTemplate | None:
        return by_name.get(ref.name)

    return fetch


def filled(body: Mapping[str, Any], parameters: Mapping[str, Any], *, declared: Any = None) -> Rendering:
    blanks = declared if declared is not None else dict.fromkeys(parameters, ANY)
    return render(made(body, blanks), parameters, fetching())


def value_of(text: str, **parameters: Any) -> Any:
    rendering = filled({"x": text}, parameters)
    assert rendering.spec is not None, rendering.faults
    return rendering.spec["x"]


def fault_of(text: str, **parameters: Any) -> str:
    rendering = filled({"x": text}, parameters)
    assert rendering.spec is None
    assert [fault.field for fault in rendering.faults] == ["spec.body.x"]
    assert rendering.faults[0].mend
    return rendering.faults[0].says


# Filling in


def test_the_example_becomes_a_pipeline() -> None:
    template = read_manifest(KIND_TYPES["PipelineTemplate"].example.encode()).manifest
    assert isinstance(template, PipelineTemplate)
    rendering = render(template, {"model": "acme/nlp/summarizer@^1"}, fetching())
    assert rendering.faults == ()
    assert rendering.spec is not None
    assert rendering.spec["dag"]["nodes"][0]["model"] == "acme/nlp/summarizer@^1"
    assert rendering.spec["execution"]["timeout"] == 30000
    metadata = {"namespace": "acme", "name": "made", "version": "1.0.0"}
    pipeline = {"apiVersion": "gitreg/v1", "kind": "Pipeline", "metadata": metadata, "spec": rendering.spec}
    assert manifest_from_data(pipeline).findings == ()


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "a", "", [1, "b"], {"a": {"b": []}}, "{{ b }}"], ids=repr)
def test_a_text_that_is_one_expression_gives_the_value_itself(value: Any) -> None:
    found = value_of("{{ a }}", a=value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("given", "stands"),
    [(1e3, "1000"), (-0.0, "0"), (1.5, "1.5"), (1e300, "1e+300"), ([2.0, {"a": 3.0}], '[2, {"a": 3}]'), (True, "true")],
)
def test_a_whole_number_stands_without_a_fraction(given: Any, stands: str) -> None:
    """JSON Schema calls `1e3` an integer, and a pipeline's integers have no fraction."""
    assert json.dumps(value_of("{{ x }}", x=given)) == stands


def test_within_a_text_a_number_stands_as_it_was_given() -> None:
    assert value_of("v{{ x }}", x=1.0) == "v1.0"


def test_what_is_filled_in_is_a_copy() -> None:
    parameters = {"a": {"b": [1]}}
    rendering = filled({"x": "{{ a }}", "y": "{{ a }}"}, parameters)
    assert rendering.spec is not None
    rendering.spec["x"]["b"].append(2)
    assert rendering.spec["y"] == parameters["a"] == {"b": [1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("to {{ s }}!", "to Ab!", id="text"),
        pytest.param(" {{ s }}", " Ab", id="blank-before"),
        pytest.param("{{ s }}{{ n }}", "Ab7", id="two-expressions"),
        pytest.param("{{ s }}\n", "Ab\n", id="final-newline-kept"),
        pytest.param("{{- n -}}", 7, id="dashes"),
        pytest.param("is {{ yes }}, {{ nothing }}, {{ half }}", "is true, null, 0.5", id="scalars-as-json"),
        pytest.param("{{ deep.list[1].name }}", "x", id="path"),
        pytest.param("{{ deep['list'][0] }}", 1, id="items"),
        pytest.param("{{ s | lower }}", "ab", id="lower"),
        pytest.param("{{ s | upper }}", "AB", id="upper"),
        pytest.param("{{ n | string }}", "7", id="string"),
        pytest.param("{{ '12' | int }}", 12, id="int"),
        pytest.param("{{ deep.gone | default('d') }}", "d", id="default"),
        pytest.param("{{ deep.gone | default(n) }}", 7, id="default-of-a-name"),
        pytest.param("{{ deep.gone.further[0] | default('d') }}", "d", id="default-of-a-missing-way"),
        pytest.param("{{ nothing | default('d', true) }}", "d", id="default-of-nothing"),
        pytest.param("a\r\nb\rc\n\r{{ n }}\r\n", "a\r\nb\rc\n\r7\r\n", id="carriage-returns-kept"),
        pytest.param("{{ deep.gone | default('\r\n') }}", "\r\n", id="carriage-returns-of-a-constant"),
        pytest.param("{{\r\n n\r}}", 7, id="carriage-returns-as-blanks"),
        pytest.param("\x0b\r\x0c{{ n }}", "\x0b\r\x0c7", id="carriage-returns-beside-other-blanks"),
        pytest.param("{# note #}{{ n }}", "7", id="comment-beside-an-expression"),
        pytest.param("{{ deep | tojson }}", '{"list": [1, {"name": "x"}]}', id="tojson"),
        pytest.param("a {{ '{{' }} b", "a {{ b", id="braces"),
        pytest.param("{% raw %}".replace("%", "#").replace("{# raw #}", "{# note #}x"), "x", id="comment"),
    ],
)
def test_an_expression_is_filled_in(text: str, expected: Any) -> None:
    deep = {"list": [1, {"name": "x"}]}
    assert value_of(text, s="Ab", n=7, yes=True, nothing=None, half=0.5, deep=deep) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("{% if s %}{% endif %}", "'if' is not allowed", id="if"),
        pytest.param("{% for a in s %}{% endfor %}", "'for' is not allowed", id="for"),
        pytest.param("{% set a = 1 %}", "'assign' is not allowed", id="set"),
        pytest.param("{% include 'a' %}", "'include' is not allowed", id="include"),
        pytest.param("{% macro m() %}{% endmacro %}", "'macro' is not allowed", id="macro"),
        pytest.param("{{ 'a' * 10**9 }}", "'mul' is not allowed", id="repetition"),
        pytest.param("{{ n ** 9 }}", "'pow' is not allowed", id="power"),
        pytest.param("{{ n + 1 }}", "'add' is not allowed", id="sum"),
        pytest.param("{{ range(9) }}", "'call' is not allowed", id="call"),
        pytest.param("{{ s.upper() }}", "'call' is not allowed", id="method"),
        pytest.param("{{ [n] }}", "'list' is not allowed", id="list"),
        pytest.param("{{ n if n else s }}", "'condexpr' is not allowed", id="condition"),
        pytest.param("{{ s[0:1] }}", "'slice' is not allowed", id="slice"),
        pytest.param("{{ s is defined }}", "", id="test"),
        pytest.param("{{ range }}", "no parameter 'range'", id="global"),
        pytest.param("{{ m }}", "no parameter 'm'", id="unknown-name"),
        pytest.param("{{ deap }}", "did you mean 'deep'?", id="misspelt-name"),
        pytest.param("{{ gone | default('d') }}", "no parameter 'gone'", id="unknown-name-with-a-default"),
        pytest.param("{{ deep.gone }}", "gone", id="missing-item"),
        pytest.param("a {{ deep.gone }}", "gone", id="missing-item-in-text"),
        pytest.param("{{ deep.items }}", "items", id="a-mapping's-method"),
        pytest.param("{{ s.upper }}", "upper", id="a-text's-method"),
        pytest.param("{{ s.__class__ }}", "'__class__' is not allowed", id="underscores"),
        pytest.param("{{ s['__class__'] }}", "__class__", id="underscores-by-item"),
        pytest.param("{{ s | attr('__class__') }}", "attr", id="attr"),
        pytest.param("{{ s | center(99999999) }}", "center", id="another-filter"),
        pytest.param("{{ s | default(default_value=1) }}", "plain arguments", id="keyword"),
        pytest.param("{{ s | default(1, 2, 3) }}", "'default' takes at most 2 arguments, not 3", id="arguments"),
        pytest.param("{{ n | int(3) }}", "the filter 'int' takes no arguments, not 1", id="an-argument-to-none"),
        pytest.param("{{ deep['x'].y }}", "'dict object' has no attribute 'x'", id="item-of-a-missing-item"),
        pytest.param("a {{ deep.x[0].y }}", "'dict object' has no attribute 'x'", id="missing-way-in-text"),
        pytest.param("{{ n | upper }}", "a text is expected", id="filter-of-another-type"),
        pytest.param("{{ s | int }}", "an integer is expected", id="no-integer"),
        pytest.param("a {{ deep }}", "cannot stand within a text", id="mapping-in-text"),
        pytest.param("{{ s", "", id="unclosed"),
        pytest.param("{{ }}", "", id="empty"),
        pytest.param("{{" + "(" * 3000 + "n" + ")" * 3000 + "}}", "nested too deep", id="parentheses"),
        pytest.param("{{ n" + " | string" * 500 + " }}", "at most 200 pieces", id="filters-without-end"),
        pytest.param("{{ n }}" + "x" * 9000, "at most 8192 characters", id="long"),
    ],
)
def test_what_is_not_plain_filling_in_is_refused(text: str, says: str) -> None:
    assert says in fault_of(text, s="Ab", n=7, deep={"a": 1})


def test_a_text_of_every_blank_is_refused() -> None:
    assert "every kind of blank" in fault_of("".join(filter(str.isspace, map(chr, range(0x3001)))) + "{{ n }}", n=7)


def test_a_key_is_no_template() -> None:
    rendering = filled({"{{ a }}": 1}, {"a": "b"})
    assert [fault.field for fault in rendering.faults] == ["spec.body"]


def test_what_is_filled_in_is_bounded() -> None:
    long = "x" * 60_000
    rendering = filled({f"k{n}": "{{ a }}" for n in range(50)}, {"a": [long]})
    assert len(rendering.faults) == 1
    assert "longer than" in rendering.faults[0].says
    assert filled({"x": "{{ a }}"}, {"a": "x" * 300_000}).faults[0].field == "parameters"


def test_all_faults_are_told() -> None:
    rendering = filled({"x": "{{ a }}", "y": ["{{ b }}", {"z": "{% if %}"}]}, {})
    assert [fault.field for fault in rendering.faults] == ["spec.body.x", "spec.body.y[0]", "spec.body.y[1].z"]


# Parameters


@pytest.mark.parametrize(
    ("declared", "given", "faults"),
    [
        pytest.param({"a": ANY}, {}, [("parameters.a", "missing")], id="missing"),
        pytest.param({}, {"a": 1}, [("parameters.a", "no parameter 'a'")], id="unknown"),
        pytest.param({"a": {"schema": {"type": "string"}}}, {"a": 1}, [("parameters.a", "not of type")], id="type"),
        pytest.param(
            {"a": {"schema": {"properties": {"b": {"minimum": 3}}}}},
            {"a": {"b": 1}},
            [("parameters.a.b", "less than the minimum")],
            id="within",
        ),
        pytest.param(
            {"a": {"schema": {"type": "string"}, "default": 5}},
            {},
            [("spec.parameters.a.default", "not of type")],
            id="default",
        ),
        pytest.param(
            {"a": {"schema": {"type": "sting"}}},
            {"a": 1},
            [("spec.parameters.a.schema", "no JSON Schema")],
            id="schema",
        ),
        pytest.param(
            {"a": {"schema": {"$ref": "https://example.com/s.json"}}},
            {"a": 1},
            [("spec.parameters.a.schema", "cannot be applied")],
            id="reference-out",
        ),
        pytest.param(
            {"a": {"schema": {"$ref": "#"}}},
            {"a": 1},
            [("spec.parameters.a.schema", "cannot be applied")],
            id="reference-to-itself",
        ),
        pytest.param(
            {"a": {"schema": {"pattern": "("}}},
            {"a": "x"},
            [("spec.parameters.a.schema", "no JSON Schema")],
            id="pattern-that-is-none",
        ),
        pytest.param({"a": ANY}, {"a": [float("inf")]}, [("parameters.a", "not finite, or too large")], id="infinite"),
        pytest.param({"a": ANY}, {"a": {1}}, [("parameters.a", "is not JSON")], id="no-JSON"),
        pytest.param(
            {"a": ANY, "b": ANY, "c": ANY},
            {"a": float("nan"), "b": 1, "c": float("-inf"), "d": 1},
            [("parameters.d", "no parameter"), ("parameters.a", "not finite"), ("parameters.c", "not finite")],
            id="several-numbers-that-are-none",
        ),
        pytest.param(
            {"a": ANY, "b": ANY},
            {"a": "x" * 140_000, "b": "x" * 140_000},
            [("parameters", "longer than 262144 characters")],
            id="long-together",
        ),
        pytest.param({"self": ANY}, {"self": 1}, [("spec.parameters.self", "cannot be the name")], id="reserved"),
        pytest.param(
            {"a": ANY, "b": ANY},
            {"c": 1},
            [("parameters.c", "no parameter"), ("parameters.a", "missing"), ("parameters.b", "missing")],
            id="several",
        ),
    ],
)
def test_parameters_are_checked(declared: Any, given: Any, faults: list[tuple[str, str]]) -> None:
    rendering = filled({"x": 1}, given, declared=declared)
    assert rendering.spec is None
    assert [fault.field for fault in rendering.faults] == [field for field, _ in faults]
    assert all(says in fault.says for fault, (_, says) in zip(rendering.faults, faults, strict=True))


def test_a_misspelt_parameter_is_answered_with_the_nearest() -> None:
    rendering = filled({}, {"modle": 1}, declared={"model": ANY})
    assert rendering.faults[0].mend == "did you mean 'model'?"


def test_a_default_is_filled_in_and_is_data() -> None:
    assert filled({"x": "{{ a }}"}, {}, declared={"a": {"schema": True, "default": "{{ 1 }}"}}).spec == {"x": "{{ 1 }}"}
    declared = {"a": {"schema": True, "default": "d"}}
    assert filled({"x": "{{ a }}"}, {"a": "g"}, declared=declared).spec == {"x": "g"}


# Inheritance and composition


def stage(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "model", "model": "acme/m@^1", **more}


def edge(one: str, other: str) -> dict[str, Any]:
    return {"from": {"node": one, "port": "out"}, "to": {"node": other, "port": "in"}}


def test_a_template_extends_another() -> None:
    base = made(
        {
            "dag": {"nodes": [stage("a", timeout="{{ t }}"), stage("b")], "edges": [edge("a", "b")]},
            "execution": {"timeout": 1, "priority": "low"},
            "list": [1, 2],
        },
        {"t": {"schema": True, "default": 5}, "u": {"schema": {"type": "string"}, "default": "x"}},
        name="base",
    )
    own = made(
        {
            "dag": {
                "nodes": [stage("c"), stage("a", description="{{ u }}")],
                "edges": [edge("a", "b"), edge("b", "c")],
            },
            "execution": {"timeout": 2},
            "list": [3],
        },
        {"u": {"schema": {"type": "integer"}, "default": 7}},
        extends="template:acme/base@1.0.0",
    )
    assert render(own, {"t": 9}, fetching(base)) == Rendering(
        {
            "dag": {
                "nodes": [stage("a", timeout=9, description=7), stage("b"), stage("c")],
                "edges": [edge("a", "b"), edge("b", "c")],
            },
            "execution": {"timeout": 2, "priority": "low"},
            "list": [3],
        }
    )


def test_a_template_includes_the_stages_of_others_before_its_own() -> None:
    one = made({"dag": {"nodes": [stage("a")]}, "execution": {"timeout": 1}}, {"p": ANY}, name="one")
    two = made({"dag": {"nodes": [stage("b", timeout="{{ p }}")], "edges": [edge("a", "b")]}}, {"p": ANY}, name="two")
    own = made(
        {"dag": {"nodes": [stage("c")], "edges": [edge("b", "c")]}}, includes=["acme/one@1.0.0", "acme/two@1.0.0"]
    )
    rendering = render(own, {"p": 4}, fetching(one, two))
    assert rendering == Rendering(
        {"dag": {"nodes": [stage("a"), stage("b", timeout=4), stage("c")], "edges": [edge("a", "b"), edge("b", "c")]}}
    )


def test_each_parameter_tells_where_it_is_from() -> None:
    ground = made({}, {"a": ANY, "b": ANY}, name="ground")
    base = made({}, {"b": ANY, "c": ANY}, name="base", extends="acme/ground@1.0.0")
    part = made({}, {"c": ANY, "d": ANY}, name="part")
    own = made({}, {"d": ANY, "e": ANY}, extends="acme/base@1.0.0", includes=["template:acme/part@1.0.0"])
    whole = compose(own, fetching(ground, base, part))
    assert whole.faults == ()
    told = {name: (each.source, each.way) for name, each in whole.declared.items()}
    assert told == {
        "a": ("template:acme/ground@1.0.0", "extended"),
        "b": ("template:acme/base@1.0.0", "extended"),
        "c": ("template:acme/base@1.0.0", "extended"),
        "d": ("template:acme/mine@1.0.0", "own"),
        "e": ("template:acme/mine@1.0.0", "own"),
    }
    assert [(each.by, each.way, each.ref) for each in whole.taken] == [
        ("template:acme/mine@1.0.0", "extended", "template:acme/base@1.0.0"),
        ("template:acme/base@1.0.0", "extended", "template:acme/ground@1.0.0"),
        ("template:acme/mine@1.0.0", "included", "template:acme/part@1.0.0"),
    ]


def test_a_parameter_of_what_is_included_is_told_as_such() -> None:
    part = made({"dag": {"nodes": [stage("a")]}}, {"p": ANY}, name="part", extends="acme/base@1.0.0")
    whole = compose(made({}, includes=["acme/part@1.0.0"]), fetching(part, made({}, {"q": ANY}, name="base")))
    told = {name: (each.source, each.way) for name, each in whole.declared.items()}
    part_ref, base_ref = "template:acme/part@1.0.0", "template:acme/base@1.0.0"
    assert told == {"p": (part_ref, "included"), "q": (base_ref, "included")}
    assert whole.stages == [stage("a")]


def test_what_is_included_by_two_ways_is_there_once() -> None:
    low = made({"dag": {"nodes": [stage("a")], "edges": [edge("a", "a")]}}, name="low")
    one = made({}, name="one", includes=["acme/low@1.0.0"])
    two = made({}, name="two", includes=["acme/low@1.0.0"])
    rendering = render(made({}, includes=["acme/one@1.0.0", "acme/two@1.0.0"]), {}, fetching(low, one, two))
    assert rendering.spec == {"dag": {"nodes": [stage("a")], "edges": [edge("a", "a")]}}


@pytest.mark.parametrize(
    ("own", "others", "field", "says"),
    [
        pytest.param({"extends": "acme/gone@1.0.0"}, [], "spec.extends", "there is no", id="missing-base"),
        pytest.param({"includes": ["acme/gone@1.0.0"]}, [], "spec.includes[0]", "there is no", id="missing-include"),
        pytest.param({"extends": "model:acme/x@1"}, [], "spec.extends", "is no template", id="no-template"),
        pytest.param(
            {"extends": "acme/one@^1"}, [{"name": "one"}], "spec.extends", "is not an exact version", id="a-range"
        ),
        pytest.param({"includes": ["acme/one"]}, [{"name": "one"}], "spec.includes[0]", "may change", id="no-version"),
        pytest.param(
            {"extends": "acme/one@1.0.0"},
            [{"name": "one", "extends": "acme/two@1"}, {"name": "two"}],
            "spec.extends",
            "in template:acme/one@1.0.0: template:acme/two@1 is not an exact version",
            id="a-range-further-down",
        ),
        pytest.param({"extends": "acme/mine@1.0.0"}, [], "spec.extends", "leads back to itself", id="itself"),
        pytest.param(
            {"extends": "acme/one@1.0.0"},
            [{"name": "one", "includes": ["acme/two@1.0.0"]}, {"name": "two", "extends": "acme/one@1.0.0"}],
            "spec.extends",
            "template:acme/one@1.0.0 -> template:acme/two@1.0.0 -> template:acme/one@1.0.0",
            id="circle",
        ),
        pytest.param(
            {"includes": ["acme/one@1.0.0"], "parameters": {"p": {"schema": False}}},
            [{"name": "one", "parameters": {"p": ANY}}],
            "spec.parameters.p",
            "schemas differ",
            id="parameters-disagree",
        ),
        pytest.param(
            {"includes": ["acme/one@1.0.0", "acme/two@1.0.0"]},
            [{"name": "one", "parameters": {"p": ANY}}, {"name": "two", "parameters": {"p": {"schema": {}}}}],
            "spec.includes[1]",
            "schemas differ",
            id="includes-disagree",
        ),
        pytest.param(
            {"includes": ["acme/one@1.0.0", "acme/two@1.0.0"]},
            [
                {"name": "one", "body": {"dag": {"nodes": [stage("a")]}}},
                {"name": "two", "body": {"dag": {"nodes": [stage("a", timeout=1)]}}},
            ],
            "spec.includes[1]",
            "two stages are called 'a'",
            id="stages-clash",
        ),
    ],
)
def test_what_cannot_be_composed_is_told(own: Any, others: list[Any], field: str, says: str) -> None:
    template = made(**{"body": {}, **own})
    rendering = render(template, {}, fetching(template, *(made(**{"body": {}, **other}) for other in others)))
    assert rendering.spec is None
    told = [fault for fault in rendering.faults if not fault.field.startswith("parameters.")]
    assert [fault.field for fault in told] == [field]
    assert says in told[0].says
    assert told[0].mend


def test_a_stage_that_was_changed_on_one_way_only_is_told_with_the_templates_it_is_from() -> None:
    low = made({"dag": {"nodes": [stage("a"), stage("b")]}}, name="low")
    one = made({"dag": {"nodes": [stage("a", timeout=1)]}}, name="one", extends="acme/low@1.0.0")
    two = made({}, name="two", extends="acme/low@1.0.0")
    whole = compose(made({}, includes=["acme/one@1.0.0", "acme/two@1.0.0"]), fetching(low, one, two))
    assert [(fault.field, fault.says) for fault in whole.faults] == [("spec.includes[1]", "two stages are called 'a'")]
    assert whole.faults[0].mend.endswith(
        "one is from template:acme/low@1.0.0 and template:acme/one@1.0.0, the other from template:acme/low@1.0.0"
    )
    again = compose(made({}, extends="acme/one@1.0.0", includes=["acme/one@1.0.0"]), fetching(low, one))
    assert again.faults == ()


def test_a_template_is_made_of_so_many_others_at_most() -> None:
    """Each includes the next one twice: without a bound there are two to the power of their number."""
    chain = [made({}, name=f"t{n}", includes=[f"acme/t{n + 1}@1.0.0"] * 2) for n in range(30)]
    rendering = render(chain[0], {}, fetching(*chain))
    assert any("more than 32 templates" in fault.says for fault in rendering.faults)


def test_thousands_of_edges_are_each_looked_up_and_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> bool:
        raise AssertionError("each edge is compared with each")

    monkeypatch.setattr("gitreg.templates.composing.is_same", refuse)
    base = made({"dag": {"edges": [edge(f"n{n}", f"n{n + 1}") for n in range(2000)]}}, name="base")
    own = made({"dag": {"edges": [edge(f"n{n}", f"n{n + 1}") for n in range(1000, 4000)]}}, extends="acme/base@1.0.0")
    assert len(compose(own, fetching(base)).body["dag"]["edges"]) == 4000


@pytest.mark.parametrize("body", [{"dag": 5}, {"dag": {"nodes": 5, "edges": {}}}, {"dag": {"nodes": ["x", {"id": 1}]}}])
def test_a_body_of_another_shape_is_merged_too(body: Any) -> None:
    base = made({"dag": {"nodes": [stage("a")], "edges": [edge("a", "b")]}}, name="base")
    odd = made(body, name="odd")
    for template in (
        made(body, extends="acme/base@1.0.0"),
        made({}, extends="acme/odd@1.0.0", includes=["acme/base@1.0.0"]),
    ):
        assert render(template, {}, fetching(base, odd)).spec is not None


def test_a_template_itself_is_not_changed() -> None:
    template = made({"x": ["{{ a }}"], "dag": {"nodes": [stage("a")]}}, {"a": ANY})
    before = to_data(template)
    render(template, {"a": [1]}, fetching())
    assert to_data(template) == before


# Instances

BODY: dict[str, Any] = {"dag": {"nodes": [stage("a", timeout="{{ t }}")]}, "inputSchema": True, "outputSchema": True}
WHO = {"namespace": "acme", "name": "made", "version": "1.0.0"}


def timed(**more: Any) -> PipelineTemplate:
    return made(BODY, {"t": {"schema": {"type": ["integer", "string"]}}}, **more)


def test_an_instance_carries_the_exact_version_and_what_was_given() -> None:
    found = instantiate(timed(), {"t": 5}, fetching(), WHO)
    assert found.faults == ()
    assert found.pipeline is not None
    data = to_data(found.pipeline)
    assert data["metadata"] == WHO
    assert data["spec"]["template"] == {"ref": "template:acme/mine@1.0.0", "parameters": {"t": 5}}
    assert data["spec"]["dag"]["nodes"] == [{"id": "a", "timeout": 5, "type": "model", "model": "acme/m@^1"}]


def test_a_template_cannot_say_what_an_instance_says_of_its_template() -> None:
    template = made({**BODY, "dag": {"nodes": [stage("a")]}, "template": {"ref": "acme/other@1.0.0"}})
    found = instantiate(template, {}, fetching())
    assert found.pipeline is not None
    assert to_data(found.pipeline)["spec"]["template"] == {"ref": "template:acme/mine@1.0.0", "parameters": {}}


@pytest.mark.parametrize(
    ("given", "who", "field", "is_the_templates"),
    [
        pytest.param({}, WHO, "parameters.t", False, id="a-parameter"),
        pytest.param({"t": "soon"}, WHO, "spec.dag.nodes[0].timeout", True, id="what-comes-of-a-parameter"),
        pytest.param({"t": 5}, {**WHO, "owner": "two\nlines"}, "metadata.owner", False, id="metadata"),
        pytest.param({"t": 5}, {**WHO, "owner": "half \ud800"}, "", False, id="no-text"),
    ],
)
def test_what_keeps_an_instance_from_being_made_is_told(
    given: Any, who: Any, field: str, is_the_templates: bool
) -> None:
    found = instantiate(timed(), given, fetching(), who)
    assert found.pipeline is None
    assert [fault.field for fault in found.faults] == [field]
    assert found.faults[0].says.startswith("what the template gives is no pipeline") is is_the_templates
    assert found.faults[0].mend


def test_a_move_tells_what_would_change_or_what_is_wrong() -> None:
    pipeline = instantiate(timed(), {"t": 5}, fetching(), WHO).pipeline
    assert pipeline is not None
    later = made({**BODY, "dag": {"nodes": [stage("a", timeout=7)]}}, {"t": ANY}, name="later")
    assert move_to(pipeline, later, fetching()) == Move(
        "template:acme/later@1.0.0", (), (("spec.dag.nodes[0].timeout", 5, 7),)
    )
    other = made(BODY, {"t": ANY, "u": ANY}, name="other")
    missing = Fault("parameters.u", "the parameter 'u' is missing", "give a value for 'u'")
    assert move_to(pipeline, other, fetching()) == Move("template:acme/other@1.0.0", (missing,), ())
