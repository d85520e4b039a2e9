"""A moment means the position that main had then, however it is named; what cannot be told is an error that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pygit2
import pytest
from index_support import commit, found, indexed, model

from gitreg.errors import NotFoundError, UsageError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg.repository.writing import advance
from gitreg_indexer import Index
from gitreg_indexer.moments import NoHistoryError

# Commits come seven minutes after each other; seq 1 is of 2025-01-02T03:11:05Z.
TIMES: Final = {1: "2025-01-02T03:11:05Z", 2: "2025-01-02T03:18:05Z", 3: "2025-01-02T03:25:05Z"}


@pytest.fixture
def indexed_three(tmp_path: Path) -> tuple[Registry, Index]:
    """Three commits, the second of them tagged."""
    registry, index = indexed(tmp_path, model("a"), model("b"))
    repo = registry.repo
    repo.handle.references.create("refs/tags/v2", repo.resolve("main~1"))
    return registry, index


def seq_at(index: Index, when: str) -> int:
    return index.reader().moment(when).seq


@pytest.mark.parametrize(
    ("when", "seq"),
    [
        ("1", 1),
        ("3", 3),
        (" 2 ", 2),
        ("002", 2),
        ("main", 3),
        ("HEAD", 3),
        ("main~2", 1),
        ("v2", 2),
        ("refs/tags/v2", 2),
        ("2025-01-02", 3),
        ("2025-06-30", 3),
        ("2025-01-02T03:18:05Z", 2),
        ("2025-01-02t03:18:05z", 2),
        ("2025-01-02T03:18:04Z", 1),
        ("2025-01-02T03:18:05.999Z", 2),
        ("2025-01-02T04:18:05+01:00", 2),
        ("2025-01-01T22:18:06-05:00", 2),
        ("2999-12-31T23:59:59Z", 3),
    ],
)
def test_a_moment_means_a_position(indexed_three: tuple[Registry, Index], when: str, seq: int) -> None:
    registry, index = indexed_three
    position = index.reader().moment(when)
    assert (position.seq, position.commit) == (seq, registry.repo.resolve(f"main~{3 - seq}"))


def test_a_commit_is_named_by_any_clear_beginning_of_it(indexed_three: tuple[Registry, Index]) -> None:
    registry, index = indexed_three
    for seq in (1, 2, 3):
        oid = registry.repo.resolve(f"main~{3 - seq}")
        assert [seq_at(index, oid[:length]) for length in (7, 8, 39, 40)] == [seq] * 4


def test_times_are_those_of_the_commits(indexed_three: tuple[Registry, Index]) -> None:
    _, index = indexed_three
    told, _ = index.reader().changes()
    assert {change["seq"]: change["time"] for change in told} == TIMES


def test_where_clocks_went_back_the_last_commit_that_main_had_by_then_counts(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    repo = registry.repo
    tip = repo.tip() or ""
    who = pygit2.Signature("A", "a@example.com", 1_735_787_464, 0)  # a second before the founding
    late = str(repo.handle.create_commit(None, who, who, "late", repo.commit(tip).tree, [tip]))
    advance(repo, new=late, old=tip, message="late")
    index.catch_up()
    assert seq_at(index, TIMES[1]) == 3
    assert seq_at(index, "2025-01-02T03:11:04Z") == 3
    with pytest.raises(NotFoundError):
        seq_at(index, "2025-01-02T03:11:03Z")


@pytest.mark.parametrize("when", ["0", "4", "2024-12-31", "1970-01-01T00:00:00Z", "2025-01-02T03:11:04Z"])
def test_a_moment_that_main_never_had_is_told(indexed_three: tuple[Registry, Index], when: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        seq_at(indexed_three[1], when)
    assert caught.value.got == when
    assert "gitreg" in caught.value.mend


@pytest.mark.parametrize(
    "when",
    [
        "",
        " ",
        "yesterday",
        "-1",
        "1.5",
        "v3",
        "2025-13-01",
        "2025-01-02T25:00:00Z",
        "0000000",
        "\x00",
        "main~9",
        "@{1}x",
    ],
)
def test_what_is_no_moment_is_told_with_what_would_be(indexed_three: tuple[Registry, Index], when: str) -> None:
    with pytest.raises((UsageError, NotFoundError)) as caught:
        seq_at(indexed_three[1], when)
    assert caught.value.mend
    assert "a seq, a commit, a tag" in str(caught.value.expected)


def test_a_commit_that_is_not_on_main_is_told(indexed_three: tuple[Registry, Index]) -> None:
    registry, index = indexed_three
    repo = registry.repo
    tip = repo.tip() or ""
    aside = commit(repo, model("aside"))
    advance(repo, new=tip, old=aside, message="back")
    repo.handle.references.create("refs/heads/aside", aside)
    for when in ("aside", aside):
        with pytest.raises(NotFoundError, match="not on main's own line"):
            seq_at(index, when)


def test_a_commit_that_is_not_indexed_yet_is_told(indexed_three: tuple[Registry, Index]) -> None:
    registry, index = indexed_three
    new = commit(registry.repo, model("c"))
    for when in ("main", new, new[:12]):
        with pytest.raises(NotFoundError, match="not on main's own line"):
            seq_at(index, when)
    with pytest.raises(NotFoundError):
        seq_at(index, "4")
    assert seq_at(index, "2999-01-01") == 3
    index.catch_up()
    assert seq_at(index, "main") == 4


def test_two_commits_that_begin_alike_must_be_told_apart(
    indexed_three: tuple[Registry, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, index = indexed_three
    with index.catalog.writing() as written:
        for seq in (1, 2):
            written.db.exec_driver_sql("UPDATE commits SET oid = ? WHERE seq = ?", ("abcdef0" + str(seq) * 33, seq))
    with pytest.raises(UsageError, match="several commits") as caught:
        seq_at(index, "abcdef0")
    assert "abcdef0111111111 or abcdef0222222222" in str(caught.value.expected)
    assert seq_at(index, "abcdef02") == 2


def test_a_number_of_seven_digits_that_no_seq_has_is_the_beginning_of_a_commit(
    indexed_three: tuple[Registry, Index],
) -> None:
    _, index = indexed_three
    with index.catalog.writing() as written:
        written.db.exec_driver_sql("UPDATE commits SET oid = ? WHERE seq = 2", ("1234567" + "a" * 33,))
    assert seq_at(index, "1234567") == 2


def test_before_the_past_that_was_kept_there_is_no_answer(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    commit(registry.repo, model("a"))
    index = Index.emptied(registry, history="none")
    index.catch_up()
    commit(registry.repo, model("b"))
    index.catch_up()
    assert [seq_at(index, when) for when in ("2", "3", "main", TIMES[2])] == [2, 3, 3, 2]
    for when in ("1", TIMES[1], registry.repo.resolve("main~2")):
        with pytest.raises(NoHistoryError) as caught:
            seq_at(index, when)
        assert "gitreg index --history full" in caught.value.mend


def test_nothing_indexed_has_no_moments(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    index = Index.open(registry)
    for when in ("1", "main", "2999-01-01"):
        with pytest.raises(NotFoundError):
            seq_at(index, when)
    assert isinstance(registry.repo, GitRepository)


def test_what_commits_did_is_told_in_parts_of_whole_commits(
    indexed_three: tuple[Registry, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = indexed_three[1].reader()
    whole, _ = reader.changes()
    assert [item["seq"] for item in whole] == [1, 2, 3]
    monkeypatch.setattr("gitreg_indexer.reader.MOST_TOLD", 1)
    parts = [reader.changes(since=since)[0] for since in (0, 1, 2, 3)]
    assert [[item["seq"] for item in part] for part in parts] == [[1], [2], [3], []]
    assert [item for part in parts for item in part] == whole
