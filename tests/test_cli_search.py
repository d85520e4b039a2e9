"""The reading commands: filters, facets, cursors and moments of the past, for people and as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from api_support import small_registry
from cli_support import Run, fine, git, run

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg_indexer import Index, Reader, glance
from gitreg_indexer.index import Index as OpenedIndex
from gitreg_indexer.index import default_folder
from gitreg_indexer.lock import writing

CHAT = "acme/nlp/chat"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small registry, six commits an hour apart, indexed, with a tag at the fourth."""
    registry = small_registry(tmp_path_factory.mktemp("cli") / "registry")
    git(registry.repo.workdir or registry.repo.git_dir, "tag", "v4", "main~2")
    index = Index.open(registry)
    index.catch_up()
    index.close()
    return registry.repo.workdir or registry.repo.git_dir


@pytest.fixture
def gone(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same registry, where no index can be kept."""

    def refuse(*_: object, **__: object) -> None:
        raise GitregError("the index cannot be used", got="read-only", mend="name another folder with --index")

    monkeypatch.setattr(OpenedIndex, "open", refuse)
    monkeypatch.setattr("gitreg_indexer.glance.glance", lambda *_: None)
    return repo


@pytest.fixture
def forgetful(tmp_path: Path) -> Path:
    """The same registry, with an index that holds no past."""
    registry = small_registry(tmp_path / "registry")
    index = Index.emptied(registry, history="none")
    index.catch_up()
    index.close()
    return registry.repo.workdir or registry.repo.git_dir


def refs(done: Run) -> list[str]:
    return [item["registry"]["ref"].removeprefix("model:acme/nlp/") for item in done.json["items"]]


def lines(done: Run) -> list[list[str]]:
    return [line.split("\t") for line in done.out.splitlines()]


# Searching and listing


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param(
            ["search", "--filter", "version : ^1 AND name = chat"], ["chat@1.1.0", "chat@1.0.0"], id="a filter"
        ),
        pytest.param(["search", "talked"], ["chat@1.0.0"], id="a word"),
        pytest.param(["search", "talk*", "--sort", "version"], ["chat@1.0.0", "chat@2.0.0"], id="a prefix"),
        pytest.param(["search", "--", "chat", "-support", "-rc", "-aliases"], ["chat@2.0.0"], id="excluded words"),
        pytest.param(["search", '"support fast"'], ["chat@1.1.0"], id="a phrase"),
        pytest.param(["search", "talks", "--at", "3"], ["chat@1.0.0"], id="a search of the past"),
        pytest.param(["search", "--kind", "model", "--at", "2"], [], id="before there was anything"),
        pytest.param(["list", "model", "--filter", "status != active"], ["chat@1.0.0"], id="a filtered list"),
        pytest.param(["list", "model", "--at", "v4", "--sort", "-version", "--limit", "1"], ["chat@2.0.0"], id="a tag"),
    ],
)
def test_what_is_asked_is_found(repo: Path, words: list[str], found: list[str]) -> None:
    got = refs(fine(words[0], "--repo", repo, "--json", *words[1:]))
    assert [ref for ref in got if "aliases" not in ref] == found


def test_the_page_says_what_it_is_of(repo: Path) -> None:
    told = fine("search", "chat", "--at", "4", "--limit", "1", "--repo", repo, "--json").json
    assert list(told) == ["items", "total", "limit", "offset", "cursor", "commit", "seq"]
    assert (told["total"], told["seq"]) == (3, 4)
    assert told["commit"] == git(repo, "rev-parse", "v4").strip()
    asked = ["talked", "--facets", "type,tags", "--facets", "status", "--highlight", "--repo", str(repo), "--json"]
    told = fine("search", *asked).json
    assert list(told["facets"]) == ["type", "tags", "status"]
    assert told["facets"]["tags"] == [{"value": "support", "count": 1}]
    assert told["highlights"]["model:acme/nlp/chat@1.0.0"][0]["spans"] == [[0, 6]]


def test_people_see_facets_highlights_and_what_was_meant(repo: Path) -> None:
    done = fine("search", "tallked", "--facets", "type,tags", "--highlight", "--repo", repo)
    assert lines(done) == [
        ["model:acme/nlp/chat@1.0.0", "deprecated", "Talked."],
        [""],
        ["model:acme/nlp/chat@1.0.0"],
        ["    metadata.description: [Talked]."],
        [""],
        ["type", "completion", "1"],
        ["tags", "support", "1"],
    ]
    assert done.err == "nothing says 'tallked': searched for 'talked'\n"


HINT = "nothing found; --mode hybrid finds what is near too: typos, parts of words\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["search", "chatgpt4"], HINT, id="words"),
        pytest.param(["search", "chatgpt4", "--sort", "name"], "nothing found\n", id="sorted words"),
        pytest.param(["search", "--filter", "name = zz"], "nothing found\n", id="a filter"),
        pytest.param(["list", "model", "--filter", "name = zz"], "nothing found\n", id="a list"),
        pytest.param(["list", "model", "--offset", "9"], "nothing after --offset 9: 5 in all\n", id="beyond the last"),
        pytest.param(["similar", CHAT, "--filter", "name = zz"], "nothing found\n", id="similar"),
        pytest.param(
            ["history", f"{CHAT}@1.0.0", "--field", "inputPrice"],
            f"no commit ever stated 'inputPrice' of {CHAT}@1.0.0\n",
            id="a field that was never stated",
        ),
        pytest.param(
            ["history", f"{CHAT}@1.0.0", "--field", "inputPrice", "--at", "5"],
            f"no commit until then stated 'inputPrice' of {CHAT}@1.0.0\n",
            id="a field that was not stated by then",
        ),
        pytest.param(["changes", "--since", "6"], "nothing came after seq 6\n", id="changes"),
        pytest.param(["list", "model", "--limit", "0"], "", id="what was not asked for"),
    ],
)
def test_an_empty_answer_says_so(repo: Path, words: list[str], said: str) -> None:
    done = fine(*words, "--repo", repo)
    assert (done.out, done.err) == ("", said)
    as_json = fine(*words, "--repo", repo, "--json")
    assert as_json.err == ""


def test_an_empty_list_through_git_says_so(gone: Path) -> None:
    assert fine("list", "dataset", "--repo", gone).err.endswith("nothing found\n")
    assert fine("list", "dataset", "--repo", gone, "--json").err.count("nothing") == 0


def test_a_cursor_walks_all_pages(repo: Path) -> None:
    whole = refs(fine("list", "--repo", repo, "--json"))
    walked: list[str] = []
    more: list[str] = []
    while True:
        told = fine("list", "--limit", "3", *more, "--repo", repo, "--json")
        walked += refs(told)
        if told.json["cursor"] is None:
            break
        more = ["--cursor", told.json["cursor"]]
    assert walked == whole
    shown = fine("list", "--limit", "3", "--repo", repo)
    assert f"--cursor {fine('list', '--limit', '3', '--repo', repo, '--json').json['cursor']}" in shown.err
    assert shown.err.startswith(f"3 of {len(whole)}")


def test_a_fault_of_a_filter_is_shown_under_its_column(repo: Path) -> None:
    for command in ("search", "list"):
        refused = run(command, "--filter", "name = chat AND provdier = openai", "--repo", repo, "--json")
        assert refused.code == 2
        line, caret = refused.err.splitlines()[1:3]
        assert line[caret.index("^") :].startswith("provdier")
        assert "did you mean 'provider'?" in refused.err
        assert refused.error["faults"][0]["column"] == 17


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param(["search", "--sort", "tags"], 2, "cannot be sorted by", id="a sort by several values"),
        pytest.param(["search", "--facets", "provdier"], 2, "no field 'provdier'", id="a facet that is no field"),
        pytest.param(["search", "--cursor", "x"], 2, "not a cursor", id="a cursor that is none"),
        pytest.param(["search", "--at", "9"], 1, "main had no commit", id="a seq that has not come"),
        pytest.param(["search", "--at", "never"], 2, "no moment", id="a word"),
        pytest.param(["list", "--at", "2024-01-01"], 1, "main had no commit", id="a day before all"),
        pytest.param(["get", CHAT, "--at", "2"], 1, "there is no model", id="before it was registered"),
        pytest.param(["get", CHAT, "--at", ""], 2, "no moment", id="an empty moment"),
        pytest.param(["versions", f"{CHAT}@1.0.0"], 2, "selects one version", id="versions of a version"),
        pytest.param(["aliases", "role:reader"], 2, "a role has no aliases", id="aliases of what has no versions"),
        pytest.param(["versions", "acme/nlp/chta"], 1, "there is no model", id="versions of a misspelt name"),
        pytest.param(["aliases", "acme/nlp/chta"], 1, "there is no model", id="aliases of a misspelt name"),
        pytest.param(["history", CHAT, "--field", "statsu"], 2, "no field 'statsu'", id="a field that is none"),
        pytest.param(["history", CHAT, "--field", "dag"], 2, "no model has a field 'dag'", id="another kind's field"),
        pytest.param(["history", CHAT, "--at", "2"], 1, "there is no model", id="a history before it began"),
        pytest.param(["changes", "--since", "7"], 2, "has not come to seq 7", id="changes since what has not come"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_mend(repo: Path, words: list[str], code: int, says: str) -> None:
    refused = run(*words, "--repo", repo, "--json")
    assert (refused.code, "bug" in refused.err) == (code, False)
    assert says in refused.error["says"]
    assert refused.error["mend"]


def test_words_that_are_no_text_are_no_bug(repo: Path) -> None:
    odd = os.fsdecode(b"a\xff")
    for words in (
        ["search", odd],
        ["search", "--filter", f"name = {odd}"],
        ["get", CHAT, "--at", odd],
        ["search", "--cursor", odd],
    ):
        done = run(*words, "--repo", repo)
        assert "bug" not in done.err, words


# One record, now and then


def test_a_record_is_shown_as_it_was(repo: Path) -> None:
    def description(*words: str) -> str | None:
        told = fine("get", *words, "--repo", repo, "--json").json
        description: str | None = told["metadata"].get("description")
        return description

    assert description(f"{CHAT}@1.0.0") == "Talked."
    assert description(f"{CHAT}@1.0.0", "--at", "5") == "Talks."
    versions = {at: fine("get", CHAT, "--at", at, "--repo", repo).out for at in ("3", "v4", "main", "2025-01-02")}
    assert [
        f"version: {version}" in versions[at] for at, version in (("3", "1.0.0"), ("v4", "2.0.0"), ("main", "2.0.0"))
    ]
    assert versions["main"] == versions["2025-01-02"] == fine("get", CHAT, "--repo", repo).out


def test_what_a_ref_meant_is_told_with_the_commit(repo: Path) -> None:
    told = fine("resolve", CHAT, "--at", "3", "--repo", repo, "--json").json
    assert (told["ref"], told["seq"]) == ("model:acme/nlp/chat@1.0.0", 3)
    assert told["commit"] == git(repo, "rev-parse", "main~3").strip()
    assert fine("resolve", f"{CHAT}@production", "--at", "5", "--repo", repo).out == "model:acme/nlp/chat@1.1.0\n"
    assert run("resolve", f"{CHAT}@production", "--at", "4", "--repo", repo).code == 1


def test_the_present_is_still_a_look_at_the_index(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, look = [], glance.glance

    def noted(*words: Any) -> Any:
        seen.append(words)
        return look(*words)

    monkeypatch.setattr(glance, "glance", noted)
    with patch("gitreg_indexer.reading.reader_or_none", side_effect=AssertionError("loaded the rest")):
        fine("get", CHAT, "--repo", repo)
    assert len(seen) == 1
    fine("get", CHAT, "--at", "6", "--repo", repo)
    assert len(seen) == 1


# A name


def test_the_versions_of_a_name_are_listed_as_they_were(repo: Path) -> None:
    told = fine("versions", CHAT, "--repo", repo, "--json")
    assert refs(told) == ["chat@3.0.0-rc.1", "chat@2.0.0", "chat@1.1.0", "chat@1.0.0"]
    assert {key: told.json[key] for key in ("total", "seq")} == {"total": 4, "seq": 6}
    assert refs(fine("versions", CHAT, "--at", "3", "--repo", repo, "--json")) == ["chat@1.0.0"]
    assert lines(fine("versions", CHAT, "--at", "4", "--repo", repo)) == [
        ["model:acme/nlp/chat@2.0.0", "active", "Talks.", "2025-01-02T06:04:05Z"],
        ["model:acme/nlp/chat@1.1.0", "active", "", "2025-01-02T06:04:05Z"],
        ["model:acme/nlp/chat@1.0.0", "active", "Talks.", "2025-01-02T05:04:05Z"],
    ]


def test_the_aliases_of_a_name_are_told_as_they_were(repo: Path) -> None:
    told = fine("aliases", CHAT, "--repo", repo, "--json").json
    assert (told["aliases"], told["latest"]) == ({"production": "1.1.0", "stable": "2.0.0"}, "2.0.0")
    assert lines(fine("aliases", CHAT, "--repo", repo)) == [
        ["production", "1.1.0"],
        ["stable", "2.0.0"],
        ["latest", "2.0.0"],
    ]
    then = fine("aliases", CHAT, "--at", "3", "--repo", repo, "--json").json
    assert (then["aliases"], then["latest"], then["seq"]) == ({}, "1.0.0", 3)


# What happened


def test_the_history_of_a_field_is_dated(repo: Path) -> None:
    told = fine("history", f"{CHAT}@1.0.0", "--field", "status", "--repo", repo, "--json").json
    assert [(stage["seq"], stage["change"], stage["fields"]) for stage in told] == [
        (6, "changed", [{"path": "spec.lifecycle.status", "before": "active", "after": "deprecated"}]),
        (3, "added", [{"path": "spec.lifecycle.status", "before": None, "after": "active"}]),
    ]
    assert list(told[0]) == ["seq", "commit", "time", "author", "message", "change", "fields"]
    shown = fine("history", f"{CHAT}@1.0.0", "--field", "status", "--repo", repo).out.splitlines()
    assert shown[0].startswith("2025-01-02T08:04:05Z")
    assert [line for line in shown if "->" in line] == [
        "    spec.lifecycle.status: active -> deprecated",
        "    spec.lifecycle.status: null -> active",
    ]


def test_a_history_ends_at_the_moment_that_is_asked_of(repo: Path) -> None:
    told = fine("history", f"{CHAT}@1.0.0", "--at", "5", "--repo", repo, "--json").json
    assert [stage["seq"] for stage in told] == [3]
    newest = fine("history", CHAT, "--at", "3", "--repo", repo, "--json").json
    assert newest == told


def test_changes_are_told_oldest_first(repo: Path) -> None:
    told = fine("changes", "--since", "3", "--limit", "2", "--repo", repo, "--json").json
    assert list(told) == ["items", "next", "nextCommit", "commit", "seq"]
    assert told["nextCommit"] == told["items"][-1]["commit"]
    since = told["items"][0]["commit"]
    assert (
        fine("changes", "--since", since, "--limit", "1", "--repo", repo, "--json").json["items"] == told["items"][1:]
    )
    assert ([item["seq"] for item in told["items"]], told["next"], told["seq"]) == ([4, 5], 5, 6)
    done = fine("changes", "--since", "3", "--limit", "2", "--repo", repo)
    assert "    added: model:acme/nlp/chat@1.1.0" in done.out.splitlines()
    assert "--since 5 goes on" in done.err
    end = fine("changes", "--since", "6", "--repo", repo, "--json").json
    assert (end["items"], end["next"]) == ([], 6)


# Without an index, or without its past


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["get", f"{CHAT}@production"], id="get"),
        pytest.param(["get", f"{CHAT}@1.0.0", "--at", "5"], id="get, then"),
        pytest.param(["resolve", CHAT, "--at", "3"], id="resolve, then"),
        pytest.param(["versions", CHAT], id="versions"),
        pytest.param(["versions", CHAT, "--at", "4"], id="versions, then"),
        pytest.param(["aliases", CHAT], id="aliases"),
        pytest.param(["aliases", CHAT, "--at", "v4"], id="aliases, then"),
        pytest.param(["history", f"{CHAT}@1.0.0"], id="history"),
        pytest.param(
            ["history", f"{CHAT}@1.0.0", "--at", "5", "--field", "description"], id="history of a field, then"
        ),
        pytest.param(["history", CHAT, "--at", "3"], id="history of the newest, then"),
        pytest.param(["list", "model", "--at", "4"], id="list, then"),
    ],
)
def test_git_answers_where_no_index_can_be_kept(gone: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    through_git = fine(*words, "--repo", gone, "--json")
    assert "reading through Git" in through_git.err
    monkeypatch.undo()
    indexed = fine(*words, "--repo", gone, "--json").json
    told = through_git.json
    if words[0] == "list":
        told["items"].sort(key=lambda item: item["registry"]["ref"])
        indexed["items"].sort(key=lambda item: item["registry"]["ref"])
    assert told == indexed


@pytest.mark.parametrize("option", ["--filter", "--facets", "--sort", "--cursor"])
def test_what_takes_an_index_is_refused_without_one(gone: Path, option: str) -> None:
    refused = run("list", "model", option, "name", "--repo", gone, "--json")
    assert refused.code == 2
    assert option in refused.error["says"]
    assert "--index" in refused.error["mend"]


def test_a_moment_beside_main_is_refused_by_git_too(gone: Path) -> None:
    git(gone, "branch", "-f", "aside", "main")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    aside = git(gone, *who, "commit-tree", "main^{tree}", "-p", "main~1", "-m", "aside").strip()
    refused = run("get", CHAT, "--at", aside, "--repo", gone)
    assert refused.code == 1
    assert "not on main's own line" in refused.err


def test_an_index_without_the_past_tells_the_history_through_git(forgetful: Path, repo: Path) -> None:
    for more in ([], ["--field", "status"]):
        asked = ["history", f"{CHAT}@1.0.0", *more, "--json"]
        told = fine(*asked, "--repo", forgetful)
        assert "the index was made without the past" in told.err
        assert told.json == fine(*asked, "--repo", repo).json


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["get", CHAT, "--at", "5"], id="get"),
        pytest.param(["search", "chat", "--at", "5"], id="search"),
        pytest.param(["list", "--at", "2025-01-02T07:30:00Z"], id="list"),
        pytest.param(["versions", CHAT, "--at", "v4"], id="versions"),
        pytest.param(["history", CHAT, "--at", "5"], id="history"),
        pytest.param(["changes"], id="changes"),
    ],
)
def test_an_index_without_the_past_says_that_it_has_none(forgetful: Path, words: list[str]) -> None:
    if "v4" in words:
        git(forgetful, "tag", "v4", "main~2")
    refused = run(*words, "--repo", forgetful, "--json")
    assert (refused.code, refused.error["code"]) == (2, "no-history")
    assert "gitreg index --history full" in refused.error["mend"]
    assert fine("get", CHAT, "--at", "6", "--repo", forgetful, "--json").json["metadata"]["version"] == "2.0.0"


@pytest.mark.parametrize("namespace", ["Acme", "acme/", "/acme", "acme nlp", "a/b/c/d", ""])
def test_what_is_no_namespace_is_refused(repo: Path, gone: Path, namespace: str) -> None:
    for words in (["list", "--namespace", namespace], ["search", "chat", "--namespace", namespace]):
        refused = run(*words, "--repo", repo, "--json")
        assert (refused.code, refused.error["code"]) == (2, "usage")
        assert "is not a namespace" in refused.error["says"]
        assert "lower case" in refused.error["mend"]
        assert run(*words, "--repo", gone).code == 2


@pytest.mark.parametrize("since", ["7", "99999999999999999999999"])
def test_a_seq_that_the_feed_has_not_come_to_is_told(repo: Path, since: str) -> None:
    refused = run("changes", "--since", since, "--repo", repo, "--json")
    assert (refused.code, refused.error["expected"]) == (2, "at most 6")


# Before anything is indexed, and where nothing more can be


@pytest.fixture
def unindexed(tmp_path: Path) -> Path:
    """The same registry, without an index."""
    registry = small_registry(tmp_path / "registry")
    return registry.repo.workdir or registry.repo.git_dir


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["search"], id="search"),
        pytest.param(["changes"], id="changes"),
        pytest.param(["list", "--index"], id="list"),
        pytest.param(["list", "--at", "3", "--index"], id="list, then"),
        pytest.param(["get", CHAT, "--index"], id="get"),
        pytest.param(["versions", CHAT, "--index"], id="versions"),
    ],
)
def test_nothing_indexed_yet_is_not_answered_as_nothing_there(unindexed: Path, words: list[str]) -> None:
    folder = default_folder(Registry.open(unindexed))
    asked = [*words, folder] if words[-1] == "--index" else words
    with writing(folder):
        refused = run(*asked, "--repo", unindexed, "--json")
    assert (refused.code, refused.error["code"]) == (2, "not-ready")
    assert f"process {os.getpid()} is writing this index" in refused.error["says"]
    assert "gitreg index status" in refused.error["mend"]
    assert fine(*asked, "--repo", unindexed, "--json").out


def test_git_answers_while_another_process_makes_the_first_index(unindexed: Path) -> None:
    for words in (["get", CHAT], ["versions", CHAT, "--at", "4"], ["list", "model"]):
        with writing(default_folder(Registry.open(unindexed))):
            done = fine(*words, "--repo", unindexed, "--json")
        assert "reading through Git, which is slower: nothing has been indexed yet" in done.err
        assert "chat" in done.out


def test_what_the_search_engine_does_not_have_yet_is_not_answered_as_nothing_there(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "_search", lambda *_, **__: None)
    for words in (["search", "chat"], ["search", "chat", "--at", "4"], ["list"]):
        refused = run(*words, "--repo", repo, "--json")
        assert (refused.code, refused.error["code"]) == (2, "not-ready")


@pytest.mark.parametrize(
    "words", [["search", "chat"], ["get", CHAT, "--index"], ["list", "--index"], ["changes"], ["versions", CHAT]]
)
def test_where_the_index_cannot_be_written_the_last_good_state_answers(
    unindexed: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    folder = default_folder(Registry.open(unindexed))
    asked = [*words, folder] if words[-1] == "--index" else words
    before = fine(*asked, "--repo", unindexed, "--json").json
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    new = git(unindexed, *who, "commit-tree", "main^{tree}", "-p", "main", "-m", "more").strip()
    git(unindexed, "update-ref", "refs/heads/main", new)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gitreg_indexer.lock.os.open", refuse)
        done = fine(*asked, "--repo", unindexed, "--json")
    assert done.json == before
    assert done.err.startswith("answering from the last good state: the index's folder cannot be written")


# Between two moments


def test_a_diff_takes_any_two_moments(repo: Path) -> None:
    whole = fine("diff", "main~3", "main", "--repo", repo, "--json").json
    assert whole["summary"]["added"] > 0
    for base, head in (("3", "6"), ("2025-01-02T05:30:00Z", "2025-01-02"), ("3", "main")):
        assert fine("diff", base, head, "--repo", repo, "--json").json == whole
    assert fine("diff", "v4", "4", "--repo", repo).out == "no record differs\n"


@pytest.mark.parametrize(
    ("base", "code", "says"),
    [
        pytest.param("9", 1, "main had no commit that '9' means", id="a seq that has not come"),
        pytest.param("0", 1, "main had no commit that '0' means", id="a seq before the first"),
        pytest.param("2024-01-01", 1, "main had no commit", id="a day before all"),
        pytest.param("nowhere", 2, "nothing in the repository answers", id="a name that nothing has"),
    ],
)
def test_a_diff_of_what_main_never_had_is_refused(repo: Path, base: str, code: int, says: str) -> None:
    refused = run("diff", base, "main", "--repo", repo, "--json")
    assert refused.code == code
    assert says in refused.error["says"]
