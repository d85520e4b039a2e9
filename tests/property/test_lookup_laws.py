"""Whatever is looked up is among a manifest's words, in whatever style of YAML it is written."""

from __future__ import annotations

from typing import Any, Final

import yaml
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitreg.kinds import Manifest
from gitreg.kinds.references import references_of
from gitreg.manifests import manifest_from_data, read_manifest, to_data, write_manifest
from gitreg.repository.lookups import custom_word, words_in

UNKIND: Final = st.sampled_from(
    [
        *("no", "True", "null", "~", "1", "-1", "-0", "012", "1_000", "1e3", ".5", "5.", "nan", "2026-01-01", "---"),
        *(
            "- a",
            "a: b",
            "a:",
            "? a",
            "# a",
            "a # b",
            "a#b",
            "[a",
            "{a}",
            "a,b",
            "*a",
            "&a",
            "!t",
            "|",
            ">-",
            "@a",
            "%a",
        ),
        *(
            "'",
            '"',
            "''",
            "it's",
            "'quoted'",
            '"quoted"',
            "\\n",
            " a",
            "a ",
            "a\tb",
            "a\nb",
            "a\n\nb\n",
            "\n",
            "a\n# b",
        ),
        *(
            "custom:",
            "custom: {}",
            "  custom:\n    a: b",
            "custom",
            "ä",
            "日本語",
            "\u00a0a",
            "x" * 60,
            "a b " * 30,
            "",
        ),
    ]
)
TEXTS: Final = st.one_of(UNKIND, st.text(max_size=12), st.text("ab:#- \n'\"|>?{[", max_size=12))
LEAVES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53 - 1), 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
JSON: Final[st.SearchStrategy[Any]] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
NAMES: Final = st.sampled_from(["a", "a-b", "a.b", "a_b", "10", "no", "model", "custom", "z" * 64])
PLACES: Final = st.lists(NAMES, min_size=2, max_size=4).map("/".join)
SELECTORS: Final = st.sampled_from(["", "@1.0.0", "@^1", "@>=2.0.0 <3.0.0", "@* || 1.x", "@stable"])
WORDS: Final = st.sampled_from(["", "model:", "dataset:", "Model:"])
REFS: Final = st.one_of(
    st.builds("{}{}{}".format, WORDS, PLACES, SELECTORS),
    st.builds("aliases:{}/{}".format, st.sampled_from(["model", "dataset"]), PLACES),
    st.builds("policy-link:{}".format, PLACES),
)
CUSTOM: Final = st.dictionaries(
    st.sampled_from(["acme", "acme/nlp", "no", "10"]), st.dictionaries(TEXTS, JSON, max_size=4)
)
STYLES: Final = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([False, True, None]),
        "width": st.sampled_from([20, 80, 10_000]),
        "indent": st.sampled_from([2, 4]),
        "allow_unicode": st.booleans(),
        "sort_keys": st.booleans(),
        "line_break": st.sampled_from(["\n", "\r\n"]),
    }
)


class _Styled(yaml.CSafeDumper):
    """Writes texts in one style, whichever is asked for."""

    text_style: str | None = None

    def ignore_aliases(self, data: Any) -> bool:
        return data is not self


def _represent_text(dumper: _Styled, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=dumper.text_style)


_Styled.add_representer(str, _represent_text)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    spec = {
        "provider": "openai",
        "type": "completion",
        "checksum": {"of": "artifact", "digest": f"{draw(st.integers(0, 2**256 - 1)):064x}"},
        "dependencies": [{"ref": ref} for ref in draw(st.lists(REFS, max_size=3))],
        "custom": draw(CUSTOM),
    }
    metadata = {"namespace": "acme", "name": "chat", "version": "1.0.0", "description": draw(TEXTS.filter(bool))}
    reading = manifest_from_data({"apiVersion": "gitreg/v1", "kind": "Model", "metadata": metadata, "spec": spec})
    assert reading.manifest is not None, reading.findings
    return reading.manifest


def looked_up(manifest: Manifest) -> set[str]:
    """Give the words by which a manifest must be found."""
    spec: Any = manifest.spec
    words = {f"{reference.ref.namespace}/{reference.ref.name}" for reference in references_of(manifest)}
    words.add(spec.checksum.digest)
    left: list[tuple[str, Any]] = [("", dict(spec.custom))]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            words |= {custom_word(name) for name in value}
            left.extend(value.items())
        elif isinstance(value, (list, tuple)):
            left.extend((key, item) for item in value)
        elif value is not None:
            words.add(custom_word(key, value))
    return words


@settings(
    max_examples=tries(80, 800),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(manifests(), STYLES, st.sampled_from([None, "'", '"', "|", ">"]))
def test_what_is_looked_up_is_found_in_whatever_style_it_is_written(
    manifest: Manifest, style: dict[str, Any], text_style: str | None
) -> None:
    words = looked_up(manifest)
    assert words - words_in(write_manifest(manifest)) == set()
    dumper = type("_ThisStyle", (_Styled,), {"text_style": text_style})
    raw = str(yaml.dump(to_data(manifest), Dumper=dumper, **style)).encode("utf-8", "replace")
    if read_manifest(raw).manifest == manifest:
        assert words - words_in(raw) == set()
