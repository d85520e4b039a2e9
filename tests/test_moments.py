"""A moment is named in one way everywhere, and means the same to Git and to the index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from index_support import commit, found, indexed, model, registry_yaml

from gitreg.errors import GitregError, NotFoundError, UsageError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.moments import Moment, commit_of, position_of, read_moment
from gitreg.repository.writing import advance, write_commit
from gitreg_indexer import Index, Position
from gitreg_indexer.moments import NoHistoryError

Made = tuple[Registry, Index, list[str]]
START: Final = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
"""The commits of `index_support` come seven minutes apart from here on."""


def time_of(seq: int) -> datetime:
    return START + timedelta(minutes=7 * seq)


def commit_at(repo: GitRepository, when: datetime, number: int) -> str:
    """Commit to the tip at a time of any clock."""
    who, tip = Signature("Example Author", "author@example.com", when), repo.tip()
    files = {"registry.yaml": registry_yaml(description=f"Step {number}.")}
    new = write_commit(repo, parent=tip, changes=files, author=who, committer=who, message="step")
    advance(repo, new=new, old=tip, message="step")
    return new


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Five commits, a tag at the third, a branch called `2`, a tag called like a day, a commit beside main."""
    registry, index = indexed(tmp_path_factory.mktemp("made"), *(model(version=f"{n}.0.0") for n in range(1, 5)))
    repo = registry.repo
    oids = list(repo.first_parents(repo.tip() or ""))
    who = Signature("Example Author", "author@example.com", START)
    aside = write_commit(repo, parent=oids[0], changes={"a": b"a"}, author=who, committer=who, message="aside")
    refs = {"tags/v3": oids[2], "tags/2025-01-02": oids[0], "heads/2": oids[3], "heads/aside": aside}
    for name, oid in refs.items():
        repo.handle.references.create(f"refs/{name}", oid)
    return registry, index, oids


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("42", Moment("42", seq=42), id="a seq"),
        pytest.param(" 42 ", Moment("42", seq=42), id="blanks around it"),
        pytest.param("1234567", Moment("1234567", seq=1234567, is_oid=True), id="a seq or an id"),
        pytest.param("2026-06-30", Moment("2026-06-30", until=1782863999), id="a day, at its end"),
        pytest.param("2026-06-30T12:00:00Z", Moment("2026-06-30T12:00:00Z", until=1782820800), id="a time"),
        pytest.param("2026-06-30t14:00:00.9+02:00", Moment("2026-06-30t14:00:00.9+02:00", until=1782820800), id="zone"),
        pytest.param("2026-02-30", Moment("2026-02-30"), id="no day of the calendar"),
        pytest.param("2026-06-30T12:00:00", Moment("2026-06-30T12:00:00"), id="a time without a zone"),
        pytest.param("abcdef0", Moment("abcdef0", is_oid=True), id="the beginning of an id"),
        pytest.param("abcdef", Moment("abcdef"), id="too short for an id"),
        pytest.param("main~1", Moment("main~1"), id="a revision"),
        pytest.param("", Moment(""), id="nothing"),
    ],
)
def test_a_text_is_read_in_one_way(text: str, moment: Moment) -> None:
    assert read_moment(text) == moment


def test_only_a_whole_id_means_the_same_for_ever() -> None:
    assert read_moment("a" * 40).is_commit
    assert not read_moment("a" * 39).is_commit
    assert read_moment("42").is_seq
    assert read_moment("1000001").is_seq
    assert read_moment("999999999").is_seq
    assert not read_moment("1234567890").is_seq


@pytest.mark.parametrize(
    ("text", "seq"),
    [
        pytest.param("1", 1, id="the first seq"),
        pytest.param("5", 5, id="the last seq"),
        pytest.param("2", 2, id="a seq wins over a branch of that name"),
        pytest.param("refs/heads/2", 4, id="the branch by its whole name"),
        pytest.param("main", 5, id="a branch"),
        pytest.param("main~2", 3, id="a revision"),
        pytest.param("v3", 3, id="a tag"),
        pytest.param("2025-01-02", 5, id="a day wins over a tag of that name"),
        pytest.param("9999-12-31", 5, id="the last day that can be written"),
        pytest.param("9999-12-31T23:59:59-23:59", 5, id="a time after all days"),
        pytest.param(time_of(3).isoformat(), 3, id="the very second of a commit"),
        pytest.param((time_of(3) - timedelta(seconds=1)).isoformat(), 2, id="the second before"),
        pytest.param((time_of(3) + timedelta(hours=0.1)).astimezone().isoformat(), 3, id="a time between two"),
    ],
)
def test_git_and_the_index_mean_the_same_commit(made: Made, text: str, seq: int) -> None:
    registry, index, oids = made
    assert index.reader().moment(text) == Position(seq, oids[seq - 1])
    assert commit_of(registry.repo, text) == oids[seq - 1]
    assert position_of(registry.repo, text) == (seq, oids[seq - 1])


def test_a_commit_is_meant_by_its_id_or_the_beginning_of_it(made: Made) -> None:
    registry, index, oids = made
    for seq, oid in enumerate(oids, start=1):
        for text in (oid, oid[:12], oid[:7]):
            assert index.reader().moment(text) == Position(seq, oid)
            assert commit_of(registry.repo, text) == oid


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        pytest.param("0", NotFoundError, "main had no commit that '0' means", id="before the first"),
        pytest.param("6", NotFoundError, "main had no commit that '6' means", id="after the last"),
        pytest.param("2024-12-31", NotFoundError, "main had no commit", id="a day before all"),
        pytest.param("0999-01-01", NotFoundError, "main had no commit", id="a year of three digits"),
        pytest.param("0001-01-01T00:00:00+23:59", NotFoundError, "main had no commit", id="a time before all days"),
        pytest.param("no-such-thing", GitregError, "no-such-thing", id="a name that nothing has"),
        pytest.param("2026-02-30", GitregError, "2026-02-30", id="no day of the calendar"),
        pytest.param("", GitregError, "''", id="nothing"),
        pytest.param("a\x00b", GitregError, "", id="a NUL"),
        pytest.param("\udcff", GitregError, "", id="half a character"),
        pytest.param("v" * 5000, GitregError, "", id="a very long name"),
    ],
)
def test_what_main_never_had_is_said(made: Made, text: str, error: type[GitregError], says: str) -> None:
    registry, index, _ = made
    for ask in (index.reader().moment, lambda when: position_of(registry.repo, when)):
        with pytest.raises(error) as refused:
            ask(text)
        assert says in refused.value.says
        assert refused.value.mend


def test_a_commit_beside_main_is_a_state_and_no_moment(made: Made) -> None:
    registry, index, _ = made
    aside = registry.repo.resolve("aside")
    assert commit_of(registry.repo, "aside") == aside
    for ask in (index.reader().moment, lambda when: position_of(registry.repo, when)):
        with pytest.raises(NotFoundError, match="not on main's own line of commits"):
            ask("aside")


@pytest.mark.parametrize("text", [":/Found", "main:models", "main@{1}", "main^{/Found}", "main main"])
def test_a_moment_sets_no_search_going(made: Made, text: str) -> None:
    _, index, _ = made
    with pytest.raises(UsageError, match="no moment of this registry"):
        index.reader().moment(text)


def test_where_clocks_go_back_the_highest_on_main_counts(tmp_path: Path) -> None:
    registry = found(tmp_path / "registry.git")
    for number, day in enumerate((10, 20, 15, 30), start=2):
        commit_at(registry.repo, datetime(2026, 3, day, 12, tzinfo=UTC), number)
    index = Index.open(registry)
    index.catch_up()
    for day, seq in ((9, 1), (10, 2), (14, 2), (15, 4), (16, 4), (20, 4), (29, 4), (30, 5)):
        text = f"2026-03-{day:02}"
        assert index.reader().moment(text).seq == position_of(registry.repo, text)[0] == seq


def test_a_repository_without_commits_had_no_moment(repo: GitRepository) -> None:
    for text in ("1", "2026-06-30"):
        with pytest.raises(NotFoundError, match="main had no commit"):
            commit_of(repo, text)


def test_what_an_index_without_the_past_does_not_hold_is_not_taken_for_nothing(tmp_path: Path) -> None:
    registry = found(tmp_path / "registry.git")
    for number in range(1, 4):
        commit(registry.repo, model(version=f"{number}.0.0"))
    index = Index.emptied(registry, history="none")
    index.catch_up()
    assert index.reader().moment("4").seq == 4
    for text in ("3", "2025-01-02T03:20:00Z", "main~1"):
        with pytest.raises(NoHistoryError, match="holds nothing before seq 4") as refused:
            index.reader().moment(text)
        assert "--history full" in refused.value.mend
