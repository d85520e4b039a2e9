"""What holds of every rendering: it is the same each time, and parameters are never read as templates."""

from __future__ import annotations

import json
from typing import Any, Final

from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gitreg.kinds import PipelineTemplate
from gitreg.manifests import manifest_from_data
from gitreg.templates import render

LAW: Final = settings(max_examples=tries(60, 500), deadline=None, derandomize=True, database=None)
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
@given(evil, data, data)
def test_any_text_is_filled_in_or_refused_and_each_time_alike(text: str, a: Any, b: Any) -> None:
    template = template_of({"x": text, "y": [text]})
    first = render(template, {"a": a, "b": b}, lambda _: None)
    assert render(template, {"a": a, "b": b}, lambda _: None) == first
    assert (first.spec is None) is bool(first.faults)
    assert all(fault.field and fault.says and fault.mend for fault in first.faults)
