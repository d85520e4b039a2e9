"""New names: none looks like another's, and reserved prefixes are kept for those who reserved them."""

from __future__ import annotations

import pytest
from gate_support import (
    BASE,
    Case,
    change_of,
    config,
    dataset,
    expect,
    found_by,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    registry_yaml,
    rules_with,
)

from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators.names import MOST_COMPARED, RULES, _one_off

OTHER = "other@example.com"
LANDED = {
    **BASE,
    "namespaces/other.yaml": namespace("other", OTHER),
    "namespaces/shared.yaml": namespace("shared", OTHER, "Author@Example.com"),
    "namespaces/other/open.yaml": namespace("other/open", OTHER, "author@example.com"),
    path_of("gpt-4o", namespace="other"): model("gpt-4o", namespace="other"),
    path_of("llama-2-7b", namespace="other"): model("llama-2-7b", namespace="other"),
    path_of("summarizer", namespace="other"): model("summarizer", namespace="other"),
    path_of("mini", namespace="other"): model("mini", namespace="other"),
    path_of("plain", namespace="wild"): model("plain", namespace="wild"),
    path_of("both-s", namespace="shared"): model("both-s", namespace="shared"),
    path_of("tick-ets", namespace="other", folder="datasets"): dataset("tick-ets", namespace="other"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("names"), LANDED).snapshot()


def new(name: str, space: str = "acme", version: str = "1.0.0") -> dict[str, bytes | None]:
    return {path_of(name, version, space): model(name, version, space)}


def link(name: str, space: str) -> bytes:
    return manifest(
        "PolicyLink", {"namespace": space, "name": name}, {"selector": {}, "policies": ["policy:acme/p@^1"]}
    )


FOLDS = [
    Case("a name like no other", new("brand-new")),
    Case("the very same name elsewhere", new("gpt-4o")),
    Case(
        "it differs in a separator", new("gpt_4o"), "differs from other/gpt-4o only in '-', '_' or '.'", "metadata.name"
    ),
    Case("it has no separator", new("gpt4o"), "that is owned by other@example.com", "metadata.name"),
    Case("it has more separators", new("g.pt-4o"), "other/gpt-4o", "metadata.name"),
    Case("nobody owns the new name's namespace", new("gpt4o", "nobody"), "other/gpt-4o", "metadata.name"),
    Case("nobody owns the other's namespace", new("pla-in")),
    Case("somebody owns both", new("boths")),
    Case("the other is in the same namespace", new("ch-at")),
    Case("the same owner below", new("gpt4o", "other/deep")),
    Case("an owner above owns both", new("gpt4o", "other/open")),
    Case("of another kind", new("tickets")),
    Case(
        "a dataset like another's",
        {path_of("tickets", folder="datasets"): dataset("tickets")},
        "acme/tickets differs from other/tick-ets",
        "metadata.name",
    ),
    Case(
        "of another kind, beside a new name of that kind",
        {path_of("gpt4o", folder="datasets"): dataset("gpt4o"), **new("brand-new")},
    ),
    Case("a config, which has versions too", {path_of("gpt4o", folder="configs"): config("gpt4o")}),
    Case("a further version of a name that has landed", new("gpt4o", version="1.0.1"), over={**new("gpt4o")}),
    Case(
        "two versions of one new name are told of once",
        {**new("gpt4o"), **new("gpt4o", version="1.1.0")},
        "differs from other/gpt-4o",
        "metadata.name",
    ),
    Case(
        "the namespace is founded with it, by the other's owner",
        {**new("gpt4o", "fresh"), "namespaces/fresh.yaml": namespace("fresh", OTHER)},
    ),
    Case(
        "the namespace is founded with it, by somebody else",
        {**new("gpt4o", "fresh"), "namespaces/fresh.yaml": namespace("fresh")},
        "other/gpt-4o",
        "metadata.name",
    ),
    Case(
        "the base's owners count, not those that the change puts",
        {**new("gpt4o"), "namespaces/acme.yaml": namespace("acme", OTHER)},
        "other/gpt-4o",
        "metadata.name",
    ),
    Case(
        "what is no version of something has no such name",
        {
            "policy-links/other/bee-hive.yaml": link("bee-hive", "other"),
            "policy-links/acme/beehive.yaml": link("beehive", "acme"),
        },
    ),
]


@pytest.mark.parametrize("case", FOLDS, ids=lambda case: case.name)
def test_names_that_look_alike(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-040"))


def test_two_new_names_of_one_change_are_compared(base: Snapshot) -> None:
    files = {
        "namespaces/one.yaml": namespace("one", "one@example.com"),
        "namespaces/two.yaml": namespace("two", "two@example.com"),
        **new("bee-hive", "one"),
        **new("beehive", "two"),
    }
    found = found_by(base, files, rules_with(RULES, "GR-040"))
    assert sorted(finding.ref or "" for finding in found) == ["model:one/bee-hive@1.0.0", "model:two/beehive@1.0.0"]


def test_a_state_by_itself_is_asked_for_folds_and_prefixes_only(base: Snapshot) -> None:
    state = change_of(base, {**new("gpt4o"), **new("gpt-4k"), **new("summarizes")}).head
    found = {(finding.rule, finding.ref) for finding in check(Change.state(state), RULES)}
    assert found == {("GR-040", "model:acme/gpt4o@1.0.0"), ("GR-040", "model:other/gpt-4o@1.0.0")}


NEAR = [
    Case("far from all", new("translator")),
    Case("the very same", new("summarizer")),
    Case("a character replaced", new("summariser"), "is one keystroke from other/summarizer", "metadata.name"),
    Case("a character left out", new("sumarizer"), "owned by other@example.com", "metadata.name"),
    Case("a character put in", new("summarizers"), "other/summarizer", "metadata.name"),
    Case("one put in at the beginning", new("asummarizer"), "other/summarizer", "metadata.name"),
    Case("two neighbours swapped", new("sumamrizer"), "other/summarizer", "metadata.name"),
    Case("two at the end swapped", new("summarizre"), "other/summarizer", "metadata.name"),
    Case("a digit where there was none", new("summarizer2"), "other/summarizer", "metadata.name"),
    Case("two edits off", new("sumariser")),
    Case("too short", new("mina")),
    Case("five for four", new("minis")),
    Case("four for five", new("lain"), over={"namespaces/wild.yaml": namespace("wild", OTHER)}),
    Case(
        "as short as it may be",
        new("plaid"),
        "wild/plain",
        "metadata.name",
        over={"namespaces/wild.yaml": namespace("wild", OTHER)},
    ),
    Case("nobody owns the other", new("plaid")),
    Case("another number of a family", new("llama-3-7b")),
    Case("a longer number of a family", new("llama-2-70b")),
    Case("a number within a number", new("llama-2-7.1b"), None),
    Case("a family's letter", new("llama-2-7c"), "other/llama-2-7b", "metadata.name"),
    Case("GR-040 tells of it already", new("summa-rizer")),
    Case("of the same owner", new("summariser", "other/deep")),
    Case("of another kind", {path_of("summariser", folder="configs"): config("summariser")}),
    Case("a name that has landed", new("summariser", version="1.0.1"), over={**new("summariser")}),
]


@pytest.mark.parametrize("case", NEAR, ids=lambda case: case.name)
def test_names_that_are_a_slip_apart(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-041"))


def test_a_slip_is_one_edit() -> None:
    near = _one_off("abcde")
    assert {"bcde", "abcd", "xabcde", "abcdex", "abxcde", "abxde", "bacde", "abced", "abcd_", "ab.cde"} <= near
    assert "abcde" not in near
    assert not near & {"abc", "abcdexy", "edcba", "abdec"}
    assert len(near) == 5 + 4 + 5 * 38 + (6 * 39 - 5)


@pytest.mark.parametrize(
    ("most", "is_bulk", "says"),
    [
        pytest.param(2, False, ["is one keystroke from"], id="as many as are compared"),
        pytest.param(1, False, ["2 new names are too many"], id="more than are compared"),
        pytest.param(1, True, [], id="more than are compared in a bulk change"),
    ],
)
def test_a_change_of_many_names(
    base: Snapshot, monkeypatch: pytest.MonkeyPatch, most: int, is_bulk: bool, says: list[str]
) -> None:
    monkeypatch.setattr("gitreg_validators.names.MOST_COMPARED", most)
    files = {**new("first"), **new("summarizes")}
    found = found_by(base, files, rules_with(RULES, "GR-041"), is_bulk=is_bulk)
    assert len(found) == len(says)
    assert all(piece in finding.says for piece, finding in zip(says, found, strict=True))


def test_most_changes_are_compared_whole() -> None:
    assert MOST_COMPARED == 200


def prefixed(base: Snapshot) -> dict[str, bytes]:
    prefixes = {"Openai-": ["openai", "acme/openai"], "claude_": ["anthropic"]}
    return {"registry.yaml": registry_yaml(base, spec__gate__reservedPrefixes=prefixes)}


PREFIXES = [
    Case("no prefix", new("gpt-5")),
    Case("a prefix", new("openai-gpt"), "reserved for openai, acme/openai, and this model is in acme", "metadata.name"),
    Case("another separator", new("claude.3"), "begin with 'claude-' are reserved for anthropic", "metadata.name"),
    Case("in the middle", new("my-openai-gpt")),
    Case("in its namespace", new("openai-gpt", "openai")),
    Case("below its namespace", new("openai-gpt", "openai/labs/two")),
    Case("in a deeper namespace that is listed", new("openai-gpt", "acme/openai")),
    Case("beside a deeper namespace that is listed", new("openai-gpt", "acme/other"), "acme/other", "metadata.name"),
    Case("in the other's namespace", new("claude-3", "openai"), "claude-", "metadata.name"),
    Case("a further version", new("openai-gpt", version="1.0.1"), over={**new("openai-gpt")}),
]


@pytest.mark.parametrize("case", PREFIXES, ids=lambda case: case.name)
def test_reserved_prefixes(base: Snapshot, case: Case) -> None:
    over = {**(case.over or {}), **prefixed(base)}
    expect(base, Case(case.name, case.files, case.says, case.field, over), rules_with(RULES, "GR-042"))


def test_without_reserved_prefixes_all_names_are_free(base: Snapshot) -> None:
    expect(base, Case("free", new("openai-gpt")), rules_with(RULES, "GR-042"))
