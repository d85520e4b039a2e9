"""What the shortcut for plainly written manifests gives is what the whole parser gives."""

from __future__ import annotations

from typing import Any

import pytest
from effort import tries
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitreg.kinds import KIND_TYPES
from gitreg.manifests import _plain, dump_yaml, format_manifest, read_manifest
from gitreg.manifests._plain import parse_plain
from gitreg.manifests._subset import MAX_BYTES, parse_subset

LAW = settings(max_examples=tries(120, 1_500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
EXAMPLES = [(format_manifest(kind.example.encode())[0] or b"") for kind in KIND_TYPES.values()]
PIECES = [
    *("- ", "  ", " ", ":", ": ", "\n", "#", " #", "'", '"', "[]", "{}", "null", "~", "true", "1", "1.5", "-", "?"),
    *("|", ">", "&a ", "*a", "!t ", "\t", "---\n", "...\n", "a: b\n", "  - x\n", "- x\n", "- a: b\n", "0x1f", "1e5"),
    *(".", "=", "<<: ", "@", "%", "key:\n", "    deeper: 1\n", ".5", "<", "+1", "^", "yes", "Null: 1\n", "01", "''"),
    *(
        "null: 1\n",
        "-\n",
        "- - x\n",
        "a:b",
        "a: b: c\n",
        "\r\n",
        "\x85",
        "é",
        "1_000",
        "0o7",
        ".inf",
        "12345678901234567",
    ),
]


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, types and order of keys included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def agrees(raw: bytes) -> bool:
    """Tell whether the shortcut took a text; if so, it must have read what the whole parser reads."""
    found = parse_plain(raw)
    if found is None:
        return False
    whole = parse_subset(raw)
    assert not whole.findings, raw
    assert is_same(found, whole.data), raw
    return True


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from(EXAMPLES)).decode()
    lines = text.splitlines(keepends=True)
    start = draw(st.integers(0, len(lines) - 1))
    text = "".join(lines[start : start + draw(st.integers(1, 25))])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 0, 1, 2, 5]))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + cut :]
    return text.encode()


@LAW
@given(mangled())
@example(b"a:\n- b\nc: d\n")
@example(b"a: b\n  c: d\n")
@example(b"a:\n\n  b: c\n")
@example(b"a: b\n# c\n  d\n")
@example(b"a:\n# c\n  d: e\n")
@example(b"a:\n- b: c\n  d: e\n- f: g\n")
def test_mangled_manifests_are_read_alike_or_left_to_the_whole_parser(raw: bytes) -> None:
    agrees(raw)


plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**54), 2**54), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
trees = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=9), inner, max_size=4)),
    max_leaves=20,
)


@LAW
@given(st.dictionaries(st.text(max_size=9), trees, max_size=5))
def test_whatever_is_dumped_is_read_alike_or_left_to_the_whole_parser(data: dict[str, Any]) -> None:
    agrees(dump_yaml(data).encode())


def test_manifests_as_gitreg_writes_them_are_taken() -> None:
    taken = [raw for raw in EXAMPLES if agrees(raw)]
    assert len(taken) >= len(EXAMPLES) - 1  # one has a block scalar
    for raw in taken:
        assert read_manifest(raw).manifest is not None


def test_what_is_remembered_of_lines_is_shared_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plain, "_MOST_KNOWN", 4)  # forgotten and read anew on the way
    raw = b"a: []\nb: {}\nc:\n- []\n- {}\nd: 1\n"
    expected = {"a": [], "b": {}, "c": [[], {}], "d": 1}
    for _ in range(3):
        found = parse_plain(raw)
        assert found == expected
        found["a"].append(1)
        found["b"]["x"] = 1
        found["c"][0].append(1)
        found["c"][1]["x"] = 1


def test_what_is_too_large_or_too_deep_is_left_to_the_whole_parser() -> None:
    assert parse_plain(b"a: " + b"b" * MAX_BYTES + b"\n") is None
    deep = "".join(f"{'  ' * depth}k:\n" for depth in range(30)).encode()
    assert parse_plain(deep) is None
    assert parse_subset(deep).findings


def test_a_faulty_manifest_is_told_of_with_its_place_although_it_is_plainly_written() -> None:
    model = next(raw for raw in EXAMPLES if b"kind: Model\n" in raw)
    raw = model.replace(b"kind: Model\n", b"kind: Model\nextra: 1\n")
    (finding, *_) = read_manifest(raw).findings
    assert finding.line is not None
    assert "extra" in finding.says
