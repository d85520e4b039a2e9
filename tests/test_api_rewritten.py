"""A main that was rewritten, over HTTP: who waits for a write is not given what was before, and all others are."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_support import PROBLEM, Api, api_on
from index_support import commit, indexed, model, rewritten

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
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
