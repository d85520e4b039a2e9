"""`gitreg diff` tells what differs in the registry's terms: what breaks, which version it deserves, who uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from cli_support import run
from gate_support import BASE, aliases, commit, model, new_registry, path_of, pipeline
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.registry import Registry
from gitreg_validators.diffing import Diff, diff_between
from gitreg_validators.reports.diffs import write_diff_markdown, write_diff_text

WIDE: dict[str, Any] = {"capabilities": {"contextLength": 8000}}
NARROW: dict[str, Any] = {"capabilities": {"contextLength": 4000}}
START: Mapping[str, bytes] = {
    **BASE,
    path_of("talk"): model("talk", **WIDE),
    path_of("child"): model("child", derivedFrom=[{"ref": "acme/talk@1.0.0"}]),
    "pipelines/acme/p/1.0.0.yaml": pipeline(dag={"nodes": [{"id": "a", "type": "model", "model": "acme/child@^1"}]}),
}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return new_registry(tmp_path, START)


def differing(registry: Registry, files: Mapping[str, bytes | None]) -> Diff:
    base = str(registry.repo.tip())
    commit(registry, files)
    return diff_between(registry.repo, base, "main")


def only(diff: Diff) -> dict[str, Any]:
    (record,) = diff.as_data()["records"]
    return dict(record)


def test_nothing_differs(registry: Registry) -> None:
    diff = diff_between(registry.repo, "main", "main")
    assert (diff.records, diff.aliases, diff.others) == ((), (), ())
    assert write_diff_text(diff) == "no record differs\n"


def test_a_new_version_is_compared_with_the_release_before_it(registry: Registry) -> None:
    record = only(differing(registry, {path_of("talk", "1.1.0"): model("talk", "1.1.0", **NARROW)}))
    assert (record["ref"], record["change"], record["impact"]) == ("model:acme/talk@1.1.0", "added", "breaking")
    assert record["comparedWith"] == "model:acme/talk@1.0.0"
    assert record["bump"] == {"deserved": "major", "given": "minor", "version": "2.0.0"}
    (narrower, *_) = record["differences"]
    assert (narrower["path"], narrower["before"], narrower["after"]) == ("spec.capabilities.contextLength", 8000, 4000)


@pytest.mark.parametrize(
    ("spec", "bump"),
    [
        pytest.param({"capabilities": {"contextLength": 9000}}, "minor", id="compatible"),
        pytest.param(NARROW, "major", id="breaking"),
    ],
)
def test_the_version_that_it_deserves(registry: Registry, spec: dict[str, Any], bump: str) -> None:
    record = only(differing(registry, {path_of("talk", "2.0.0"): model("talk", "2.0.0", **spec)}))
    assert (record["bump"]["deserved"], record["bump"]["given"]) == (bump, "major")


def test_a_first_version_is_compared_with_nothing(registry: Registry) -> None:
    record = only(differing(registry, {path_of("new"): model("new")}))
    assert (record["comparedWith"], record["differences"], record["bump"], record["impact"]) == (None, [], None, None)


@pytest.mark.parametrize(("status", "change"), [("deprecated", "deprecated"), ("retired", "retired")])
def test_who_ends_a_version_sees_its_consumers_with_the_ways_to_them(
    registry: Registry, status: str, change: str
) -> None:
    record = only(differing(registry, {path_of("talk"): model("talk", **WIDE, lifecycle={"status": status})}))
    assert record["change"] == change
    ways = {tuple(consumer["path"]): (consumer["distance"], consumer["relation"]) for consumer in record["consumers"]}
    talk, child = "model:acme/talk@1.0.0", "model:acme/child@1.0.0"
    assert ways == {
        (talk, child): (1, "derived_from"),
        (talk, child, "pipeline:acme/p@1.0.0"): (2, "uses"),
    }


def test_words_are_cosmetic_and_ask_for_no_consumers(registry: Registry) -> None:
    record = only(differing(registry, {path_of("talk"): model("talk", **WIDE, description="New words.")}))
    assert (record["change"], record["impact"], record["consumers"]) == ("changed", "cosmetic", [])


def test_what_is_removed_is_told_with_who_loses_it(registry: Registry) -> None:
    record = only(differing(registry, {path_of("child"): None}))
    assert (record["change"], [user["ref"] for user in record["consumers"]]) == ("removed", ["pipeline:acme/p@1.0.0"])


def test_a_file_that_cannot_be_read_is_told(registry: Registry) -> None:
    record = only(differing(registry, {path_of("new"): b"a: ["}))
    assert (record["change"], record["path"]) == ("unreadable", path_of("new"))
    assert record["findings"]


def test_aliases_that_move_and_what_that_means(registry: Registry) -> None:
    over = {path_of("talk", "2.0.0"): model("talk", "2.0.0", **NARROW)}
    commit(registry, {**over, "models/acme/talk/aliases.yaml": aliases("talk", live="1.0.0", old="1.0.0")})
    diff = differing(registry, {"models/acme/talk/aliases.yaml": aliases("talk", live="2.0.0", next="2.0.0")})
    moves = {move["alias"]: (move["from"], move["to"], move["impact"]) for move in diff.as_data()["aliases"]}
    assert moves == {
        "live": ("1.0.0", "2.0.0", "breaking"),
        "next": (None, "2.0.0", None),
        "old": ("1.0.0", None, "breaking"),
    }


def test_other_files_are_named(registry: Registry) -> None:
    assert differing(registry, {"README.md": b"# New\n"}).others == ("README.md",)


def test_the_way_back_is_told_too(registry: Registry) -> None:
    tip = str(registry.repo.tip())
    commit(registry, {path_of("new"): model("new")})
    (record,) = diff_between(registry.repo, "main", tip).records
    assert (record.change, record.ref) == ("removed", "model:acme/new@1.0.0")


def test_the_command_prints_each_format(registry: Registry) -> None:
    base = str(registry.repo.tip())
    commit(registry, {path_of("talk", "1.1.0"): model("talk", "1.1.0", **NARROW)})
    words = ("diff", base, "main", "--repo", registry.repo.git_dir)
    text = run(*words).out
    assert "+ added model:acme/talk@1.1.0 (breaking), against model:acme/talk@1.0.0\n" in text
    assert "    breaking   spec.capabilities.contextLength: 8000 -> 4000 (" in text
    assert "    deserves a major version (2.0.0); this is a minor one\n" in text
    assert run(*words, "--json").json == run(*words, "--format", "json").json
    assert run(*words, "--format", "markdown").out.startswith("<!-- gitreg: diff -->\n")


def test_a_revision_that_is_not_there_is_told(registry: Registry) -> None:
    done = run("diff", "nosuch", "main", "--repo", registry.repo.git_dir, "--json")
    assert (done.code, done.error["code"]) == (2, "repository")


def test_the_markdown_draws_who_uses_what(registry: Registry) -> None:
    files = {path_of("talk"): model("talk", **WIDE, lifecycle={"status": "deprecated"})}
    body = write_diff_markdown(differing(registry, files))
    graph = body.partition("```mermaid\n")[2].partition("```")[0].splitlines()
    assert graph[0] == "flowchart LR"
    assert '  n0["model:acme/talk@1.0.0"]' in graph
    assert "  n1 -->|derived_from| n0" in graph
    assert "  n2 -->|uses| n1" in graph
    assert "  class n0 deprecated" in graph


_CODE_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
"""As CommonMark 6.1 has it: it ends with as many backticks as it began with."""


@given(words=st.text(max_size=60))
@example(words="<`")
@example(words="``<`@")
def test_no_words_of_a_manifest_break_out_of_the_markdown(words: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    from gitreg.compatibility import Difference, Impact
    from gitreg_validators.diffing import RecordDiff

    difference = Difference("metadata.description", Impact.COSMETIC, words, words, words)
    record = RecordDiff("model:acme/a@1.0.0", "Model", "p", "changed", None, (difference,), None, (), True)
    diff = Diff("0" * 40, "1" * 40, (record,), (), ())
    body = write_diff_markdown(diff)
    (line,) = [line for line in body.splitlines() if line.startswith("- cosmetic")]
    outside = _CODE_SPAN.sub("", line)
    assert "<" not in outside
    assert "@" not in outside
    assert all(char.isprintable() or char == "\n" for char in write_diff_text(diff))


def test_many_records_are_folded_and_the_body_stays_below_the_limit(registry: Registry) -> None:
    files = {path_of(f"m{n}"): model(f"m{n}", description="x" * 200) for n in range(900)}
    commit(registry, files)
    ended = {path: raw.replace(b"spec:", b"spec:\n  lifecycle:\n    status: deprecated") for path, raw in files.items()}
    body = write_diff_markdown(differing(registry, ended))
    assert len(body) < 65_536
    assert " more records" in body
