"""A main that was rewritten, over HTTP: who waits for a write is not given what was before, and all others are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pygit2
import pytest
from api_support import PROBLEM, Api, api_on
from cli_support import fine, run
from index_support import commit, indexed, model, rewritten
from watch_support import round_of, upstream

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import Index
from gitreg_indexer.rewrites import accept_rewrite

C = "/api/v1/models/acme/c"
OTHER = "/api/v1/models/acme/other"


def served(tmp_path: Path) -> tuple[Registry, Index, Api]:
    """Serve a registry of four commits, which nobody follows."""
    registry, index = indexed(tmp_path, model("a"), model("b"), model("c"))
    return registry, index, api_on(registry, patience=0.05)


def until_seq(registry: Registry, seq: int) -> str:
    """Commit to main until it has come to a seq, as writes that are acknowledged with it."""
    repo = registry.repo
    tip = repo.tip() or ""
    while (here := repo.seq(tip)) < seq:
        tip = commit(repo, model(f"more{here}"))
    return tip


# A write that was acknowledged


@pytest.mark.parametrize("is_met", [False, True], ids=["that nobody has met yet", "that the index has met"])
def test_a_write_after_a_rewriting_is_not_answered_with_what_was_before(tmp_path: Path, is_met: bool) -> None:
    registry, index, api = served(tmp_path)
    before, _ = rewritten(registry)
    until_seq(registry, 4)
    if is_met:
        with pytest.raises(HistoryRewritten):
            index.catch_up()
    for asked in (f"{C}?min_seq=4", f"{C}?min_seq=2", "/api/v1/models?min_seq=4", "/api/v1/changes?min_seq=4"):
        answer = api.get(asked)
        assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
        problem = answer.json()
        assert problem["type"] == "urn:gitreg:problem:history-rewritten"
        assert "main was rewritten" in problem["detail"]
        assert "gitreg index accept-rewrite" in problem["mend"]
        assert before[:12] in problem["got"]
    for asked in (C, f"{C}?at=4", "/api/v1/models?at=4", "/api/v1/changes?since=3", f"{C}?min_seq="):
        assert api.get(asked).status_code == 200


def test_a_commit_that_lands_while_main_is_looked_at_is_no_rewriting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index, api = served(tmp_path)
    real, landed = GitRepository.tip, list[str]()

    def tip(repo: GitRepository) -> str | None:
        found = real(repo)
        if not landed:
            landed.append("begun")
            landed.append(commit(registry.repo, model("d")))
            index.catch_up()
        return found

    monkeypatch.setattr(GitRepository, "tip", tip)
    assert index.rewriting() is None
    assert len(landed) == 2
    assert api.get(f"{C}?min_seq=5").headers["x-gitreg-commit"] == landed[1]


def test_main_is_walked_once_for_all_who_wait_for_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, index, api = served(tmp_path)
    tip = until_seq(registry, 9)
    walked, real = list[str](), GitRepository.first_parents

    def count(repo: GitRepository, after: str, known: str | None = None) -> Any:
        walked.append(after)
        return real(repo, after, known)

    monkeypatch.setattr(GitRepository, "first_parents", count)
    for asked in (f"{C}?min_seq=4", f"{C}?min_seq=2", f"/api/v1/changes?since={tip}", f"{C}?min_seq=4"):
        api.get(asked)
    assert walked == [tip]
    index.catch_up()


def test_a_write_is_seen_once_the_rewriting_is_accepted_or_undone(tmp_path: Path) -> None:
    registry, _, api = served(tmp_path)
    before, now = rewritten(registry)
    assert api.get(f"{C}?min_seq=3").status_code == 503
    advance(registry.repo, new=before, old=now, message="put it back")
    assert api.get(f"{C}?min_seq=4").status_code == 200
    advance(registry.repo, new=now, old=before, message="rewrite")
    assert api.get(f"{OTHER}?min_seq=3").status_code == 503
    accept_rewrite(registry)
    assert api.get(f"{OTHER}?min_seq=3").headers["x-gitreg-commit"] == now
    assert api.get(f"{C}?min_seq=3").status_code == 404


def test_what_a_rewritten_main_cannot_come_to_is_not_waited_for(tmp_path: Path) -> None:
    registry, _, _ = served(tmp_path)
    api = api_on(registry, patience=10.0)
    rewritten(registry)
    for asked in (f"{C}?min_seq=9", f"{C}?at=9"):
        assert api.get(asked).json()["type"] == "urn:gitreg:problem:history-rewritten"


def test_commits_that_are_not_indexed_yet_are_no_rewriting(tmp_path: Path) -> None:
    registry, _, api = served(tmp_path)
    commit(registry.repo, model("d"))
    assert api.get(f"{C}?min_seq=4").status_code == 200
    late = api.get(f"{C}?min_seq=5").json()
    assert (late["type"], late["expected"]) == ("urn:gitreg:problem:not-ready", "seq 5")


def test_a_branch_that_cannot_be_read_hides_no_good_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, api = served(tmp_path)

    def unreadable() -> str:
        raise GitregError("the branch cannot be read", mend="look at the disk")

    monkeypatch.setattr(api.index.registry.repo, "tip", unreadable)
    assert api.get(f"{C}?min_seq=4").status_code == 200


# Who follows the feed of changes


def feed(api: Api, since: int | str) -> tuple[int, dict[str, Any]]:
    answer = api.get(f"/api/v1/changes?since={since}")
    return answer.status_code, answer.json()


@pytest.mark.parametrize("more", [0, 4], ids=["a main that is shorter now", "a main that is longer now"])
def test_a_follower_is_told_of_a_rewriting_and_can_begin_anew(tmp_path: Path, more: int) -> None:
    registry, _, api = served(tmp_path)
    _, last = feed(api, 0)
    place = last["nextCommit"]
    rewritten(registry)
    new = until_seq(registry, 3 + more)
    assert feed(api, place) == (200, {**last, "items": []})
    assert (feed(api, new)[0], feed(api, new)[1]["type"]) == (503, "urn:gitreg:problem:history-rewritten")
    accept_rewrite(registry)
    status, problem = feed(api, place)
    assert (status, problem["type"], problem["got"]) == (410, "urn:gitreg:problem:since-gone", place)
    assert "main was rewritten: begin anew, since 0" in problem["mend"]
    _, anew = feed(api, 0)
    assert ([item["seq"] for item in anew["items"]], anew["nextCommit"]) == ([*range(1, 4 + more)], new)
    common = last["items"][1]["commit"]
    assert feed(api, common)[1]["items"] == anew["items"][2:]


def test_a_place_that_a_remote_may_still_bring_is_waited_for_until_it_was_asked(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    round_of(both)
    api = api_on(both.near, patience=0.05)
    new = both.land("one")
    for since in (new, 3):
        assert (feed(api, since)[0], feed(api, since)[1]["type"]) == (503, "urn:gitreg:problem:not-ready")
    round_of(both)
    api.index.catch_up()
    assert (feed(api, new)[0], feed(api, 3)[0], feed(api, 4)[0]) == (200, 200, 503)
    round_of(both)
    status, told = feed(api, 4)
    assert (status, told["expected"]) == (410, "at most 3")
    both.land("two")
    assert feed(api, 4)[0] == 503  # another server may have told of it by now


def test_a_remote_that_cannot_be_asked_tells_nothing_of_a_place(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    round_of(both)
    api = api_on(both.near, patience=0.05)
    assert feed(api, 3)[0] == 503
    both.far_dir.rename(tmp_path / "away")
    round_of(both)
    assert feed(api, 3)[0] == 503


def test_the_command_line_tells_a_follower_the_same(tmp_path: Path) -> None:
    registry, _, api = served(tmp_path)
    words = ("changes", "--repo", registry.repo.git_dir, "--json", "--since")
    place = feed(api, 0)[1]["nextCommit"]
    assert fine(*words, place).json["items"] == []
    _, now = rewritten(registry)
    assert fine(*words, place).json["items"] == []
    alarm = run(*words, now)
    assert (alarm.code, alarm.error["code"]) == (2, "history-rewritten")
    accept_rewrite(registry)
    for since in (place, "4"):
        gone = run(*words, since)
        assert (gone.code, gone.error["code"]) == (2, "since-gone")
        assert "begin anew, since 0" in gone.error["mend"]
    assert "a commit's whole id" in run(*words, "main").error["expected"]


# Main by its name


def test_main_by_its_name_is_the_rewriting_until_it_is_accepted(tmp_path: Path) -> None:
    registry, index, api = served(tmp_path)
    words = ("list", "--repo", registry.repo.git_dir, "--json", "--at")
    _, now = rewritten(registry)
    repo = registry.repo
    repo.handle.references.create("refs/tags/v1", now)
    aside = commit_aside(registry)
    for at in ("main", "v1", now, "main~0"):
        refused = run(*words, at)
        assert (refused.code, refused.error["code"]) == (2, "history-rewritten")
        assert f"{at!r} is the commit {now[:12]}" in refused.error["says"]
        assert "main was rewritten since the index was made" in refused.error["says"]
        assert "gitreg index accept-rewrite" in refused.error["mend"]
    assert "not on main's own line" in run(*words, aside).error["says"]
    assert index.alarm() is not None
    for at in ("main", "v1", now):
        answer = api.get(f"/api/v1/models?at={at}")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:gitreg:problem:history-rewritten")
        assert "gitreg index accept-rewrite" in answer.json()["mend"]
    assert api.get(f"/api/v1/models?at={aside}").status_code == 404
    accept_rewrite(registry)
    assert fine(*words, "main").json["commit"] == api.get("/api/v1/models?at=main").json()["commit"] == now


def test_main_by_its_name_is_no_rewriting_where_it_only_went_on(tmp_path: Path) -> None:
    registry, _, api = served(tmp_path)
    commit(registry.repo, model("d"))
    assert api.get("/api/v1/models?at=main").status_code == 404


def commit_aside(registry: Registry) -> str:
    """Commit beside main: a child of the root that no branch has."""
    repo = registry.repo
    root = next(repo.first_parents(repo.tip() or ""))
    who = pygit2.Signature("Example Author", "author@example.com", 1_700_000_000, 0)
    tree = pygit2.Oid(hex=repo.commit(root).tree)
    return str(repo.handle.create_commit(None, who, who, "aside", tree, [pygit2.Oid(hex=root)]))
