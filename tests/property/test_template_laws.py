"""What holds of every rendering: it is the same each time, parameters are data, and what is made passes every check."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from effort import tries
from gate_support import BASE, Case, judge, new_registry, path_of, versioned
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gitreg.kinds import Pipeline, PipelineTemplate
from gitreg.manifests import is_same, manifest_from_data, read_manifest, sameness, to_data, write_manifest
from gitreg.repository.snapshot import Snapshot
from gitreg.templates import compose, instance_faults, instantiate, move_to, render, standing_faults
from gitreg_validators.pipelines import RULES

LAW: Final = settings(max_examples=tries(60, 500), deadline=None, derandomize=True, database=None)
GATED: Final = settings(LAW, max_examples=tries(12, 200))
PIECES: Final = (
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    " ",
    "a",
    "b",
    ".",
    "|",
    "lower",
    "'",
    "(",
    ")",
    "[",
    "0",
    "]",
    "*",
    "9",
)

evil = st.one_of(
    st.text(max_size=20),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.sampled_from(
        ["{{ 7 * 7 }}", "{{ b }}", "{% for x in b %}{% endfor %}", "{{ self.__init__ }}", "{{ 'a' * 10**9 }}"]
    ),
)
scalars: SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), evil)
data: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(evil, inner, max_size=3)),
    max_leaves=6,
)


def template_of(body: dict[str, Any]) -> PipelineTemplate:
    metadata = {"namespace": "acme", "name": "mine", "version": "1.0.0"}
    spec = {"body": body, "parameters": {"a": {"schema": True}, "b": {"schema": True}}}
    whole = {"apiVersion": "gitreg/v1", "kind": "PipelineTemplate", "metadata": metadata, "spec": spec}
    manifest = manifest_from_data(whole).manifest
    assert isinstance(manifest, PipelineTemplate)
    return manifest


@LAW
@given(data, evil)
def test_parameters_stay_what_they_are(value: Any, text: str) -> None:
    body = {"x": "{{ a }}", "y": ["{{ b }}", "<{{ b }}>"], "z": {"w": "{{ a | tojson }}"}}
    rendering = render(template_of(body), {"a": value, "b": text}, lambda _: None)
    assert rendering.faults == ()
    assert rendering.spec is not None
    assert json.dumps(rendering.spec["x"]) == json.dumps(value)
    assert rendering.spec["y"] == [text, f"<{text}>"]
    assert json.loads(rendering.spec["z"]["w"]) == value


@LAW
@given(st.text(st.sampled_from("\r\n\t \x0b\x0c\x1c\u2028a"), max_size=8), st.text("\r\n\x0b", max_size=4))
def test_what_stands_beside_an_expression_stays_as_it_is(text: str, value: str) -> None:
    rendering = render(template_of({"x": f"{text}{{{{ b }}}}{text}."}), {"a": 1, "b": value}, lambda _: None)
    assert rendering.spec == {"x": f"{text}{value}{text}."}, rendering.faults


@LAW
@given(evil, data, data)
def test_any_text_is_filled_in_or_refused_and_each_time_alike(text: str, a: Any, b: Any) -> None:
    template = template_of({"x": text, "y": [text]})
    first = render(template, {"a": a, "b": b}, lambda _: None)
    assert render(template, {"a": a, "b": b}, lambda _: None) == first
    assert (first.spec is None) is bool(first.faults)
    assert all(fault.field and fault.says and fault.mend for fault in first.faults)


# Edges

near_ones = st.sampled_from([None, False, True, 0, 1, 1.0, -0.0, "", "1", "dict", 2**53, float(2**53), 2**53 + 1])
near: SearchStrategy[Any] = st.recursive(
    near_ones,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=3,
)


@LAW
@given(st.lists(near, max_size=6))
def test_values_are_looked_up_as_they_are_compared(values: list[Any]) -> None:
    for one, other in product(values, values):
        assert (sameness(one) == sameness(other)) is is_same(one, other)


@LAW
@given(st.lists(near, max_size=4), st.lists(near, max_size=6))
def test_each_edge_is_added_once(under: list[Any], over: list[Any]) -> None:
    base, own = template_of({"dag": {"edges": under}}), template_of({"dag": {"edges": over}})
    own = own.model_copy(update={"spec": own.spec.model_copy(update={"extends": "template:acme/base@1.0.0"})})
    expected = list(under)
    for edge in over:
        if not any(is_same(edge, other) for other in expected):
            expected.append(edge)
    base = base.model_copy(update={"metadata": base.metadata.model_copy(update={"name": "base"})})
    assert repr(compose(own, lambda _: base).body["dag"]["edges"]) == repr(expected)


# Instances

WHO: Final = {"namespace": "acme", "name": "made", "version": "1.0.0"}
BLANKS: Final[dict[str, Any]] = {"a": {"schema": True}, "b": {"schema": {"type": "string"}, "default": "{{ a }}"}}
BASE_BODY: Final[dict[str, Any]] = {
    "dag": {"nodes": [{"id": "one", "type": "model", "model": "acme/chat@^1", "parameters": {"x": "{{ a }}"}}]},
    "inputSchema": True,
    "outputSchema": True,
}
MORE_BODY: Final[dict[str, Any]] = {
    "dag": {
        "nodes": [{"id": "two", "type": "transform", "language": "sql", "logic": "select 1 -- {{ b | tojson }}"}],
        "edges": [{"from": {"node": "one", "port": "out"}, "to": {"node": "two", "port": "in"}}],
    },
    "dependencies": [{"ref": "config:acme/defaults@^1"}],
}
FILES: Final = {
    path_of("base", folder="templates"): versioned("PipelineTemplate", "base", parameters=BLANKS, body=BASE_BODY),
    path_of("mine", folder="templates"): versioned(
        "PipelineTemplate", "mine", extends="template:acme/base@1.0.0", body=MORE_BODY
    ),
}
TEMPLATES: Final = {
    found.address.name: found
    for found in (read_manifest(raw).manifest for raw in FILES.values())
    if isinstance(found, PipelineTemplate)
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    where: Path = tmp_path_factory.mktemp("laws")
    return new_registry(where, {**BASE, **FILES}).snapshot()


def test_the_templates_of_the_laws_are_sound() -> None:
    assert [standing_faults(each, lambda ref: TEMPLATES.get(ref.name)) for each in TEMPLATES.values()] == [(), ()]


@LAW
@given(data, st.none() | evil)
def test_what_is_made_is_what_its_template_gives_however_it_is_written(value: Any, text: str | None) -> None:
    parameters = {"a": value, **({} if text is None else {"b": text})}
    made = instantiate(TEMPLATES["mine"], parameters, lambda ref: TEMPLATES.get(ref.name), WHO)
    assert made == instantiate(TEMPLATES["mine"], parameters, lambda ref: TEMPLATES.get(ref.name), WHO)
    assert made.pipeline is not None, made.faults
    assert to_data(made.pipeline)["spec"]["template"] == {"ref": "template:acme/mine@1.0.0", "parameters": parameters}
    again = read_manifest(write_manifest(made.pipeline)).manifest
    for pipeline in (made.pipeline, again):
        if pipeline is not None:  # a manifest may not hold every text
            assert pipeline == made.pipeline
            assert list(instance_faults(pipeline, lambda ref: TEMPLATES.get(ref.name))) == []
            assert move_to(pipeline, TEMPLATES["mine"], lambda ref: TEMPLATES.get(ref.name)).fields == ()


@GATED
@given(value=data, text=evil)
def test_what_is_made_passes_the_gate(base: Snapshot, value: Any, text: str) -> None:
    made = instantiate(TEMPLATES["mine"], {"a": value, "b": text}, lambda ref: TEMPLATES.get(ref.name), WHO)
    assert made.pipeline is not None, made.faults
    raw = write_manifest(made.pipeline)
    if read_manifest(raw).manifest is not None:
        assert judge(base, Case("", {path_of("made", folder="pipelines"): raw}), RULES) == []


@LAW
@given(data, data)
def test_an_instance_whose_parameters_were_changed_by_hand_is_found(value: Any, other: Any) -> None:
    made, another = (
        instantiate(TEMPLATES["mine"], {"a": each}, lambda ref: TEMPLATES.get(ref.name), WHO) for each in (value, other)
    )
    assert made.pipeline is not None
    assert another.pipeline is not None
    stated = to_data(another.pipeline)["spec"]["template"]
    spec = {**to_data(made.pipeline)["spec"], "template": stated}
    forged = manifest_from_data({**to_data(made.pipeline), "spec": spec}).manifest
    assert isinstance(forged, Pipeline)
    found = list(instance_faults(forged, lambda ref: TEMPLATES.get(ref.name)))
    assert bool(found) is (json.dumps(value, sort_keys=True) != json.dumps(other, sort_keys=True))
