"""A checkout follows the branch, and nothing that a person made in it is ever lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.repository import worktree
from gitreg.repository.git import GitRepository
from gitreg.repository.worktree import follow

Committing = Callable[..., str]
Moving = Callable[..., tuple[str, ...]]


def git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(where), *words], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def status(where: Path) -> list[str]:
    """Tell what differs, `XY path` each: X is staged, Y is in the file."""
    return [row for row in git(where, "-c", "core.quotePath=off", "status", "--porcelain").split("\n") if row]


@pytest.fixture
def checkout(tmp_path: Path, commit_to: Committing) -> GitRepository:
    """A clean checkout of two files."""
    made = GitRepository.create(tmp_path / "w")
    commit_to(made, {"a.yaml": b"old\n", "d/b.yaml": b"old\n"})
    git(tmp_path / "w", "reset", "-q", "--hard")
    return made


@pytest.fixture
def move(commit_to: Committing) -> Moving:
    """Commit, then follow: `move(repo, changes)` gives the paths that were left."""

    def commit_and_follow(repo: GitRepository, changes: dict[str, bytes | None]) -> tuple[str, ...]:
        old = repo.tip()
        return follow(repo, old=old, new=commit_to(repo, changes))

    return commit_and_follow


@pytest.fixture
def top(checkout: GitRepository) -> Path:
    assert checkout.workdir is not None
    return checkout.workdir


class TestACleanCheckout:
    def test_stays_clean(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        changes = {"a.yaml": b"new\n", "n/e/w.yaml": b"x", "ünï cöde/ñ.yaml": b"y", "d/b.yaml": None}
        assert move(checkout, changes) == ()
        assert status(top) == []
        assert (top / "a.yaml").read_bytes() == b"new\n"
        assert (top / "ünï cöde/ñ.yaml").read_bytes() == b"y"
        assert not (top / "d").exists()
        assert not list(top.rglob("*.new"))
        assert {path.name for path in (top / ".git").glob("index*")} == {"index"}

    def test_may_have_been_empty(self, tmp_path: Path, move: Moving) -> None:
        made = GitRepository.create(tmp_path / "w")
        assert move(made, {"a/b": b"1"}) == ()
        assert status(tmp_path / "w") == []
        assert (tmp_path / "w/a/b").read_bytes() == b"1"

    def test_may_turn_a_file_into_a_folder_and_back(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        assert move(checkout, {"a.yaml": None, "a.yaml/x/y": b"1"}) == ()
        assert status(top) == []
        assert move(checkout, {"a.yaml/x/y": None, "a.yaml": b"2"}) == ()
        assert status(top) == []
        assert (top / "a.yaml").read_bytes() == b"2"

    @pytest.mark.parametrize("setting", ["true", "input"])
    def test_may_convert_line_endings(self, checkout: GitRepository, top: Path, move: Moving, setting: str) -> None:
        git(top, "config", "core.autocrlf", setting)
        git(top, "rm", "-q", "-r", "--cached", ".")
        git(top, "reset", "-q", "--hard")
        ends = b"\r\n" if setting == "true" else b"\n"
        assert (top / "a.yaml").read_bytes() == b"old" + ends
        assert move(checkout, {"a.yaml": b"new\n", "c.yaml": b"1\n2\n", "d/b.yaml": None}) == ()
        assert status(top) == []
        assert (top / "a.yaml").read_bytes() == b"new" + ends
        assert (top / "c.yaml").read_bytes() == b"1" + ends + b"2" + ends

    def test_takes_over_executables_and_symlinks_too(self, checkout: GitRepository, top: Path, tmp_path: Path) -> None:
        git(tmp_path, "clone", "-q", str(top), "other")
        other = tmp_path / "other"
        (other / "run").write_text("#!/bin/sh\n")
        (other / "run").chmod(0o755)
        (other / "link").symlink_to("a.yaml")
        (other / "a.yaml").unlink()
        (other / "a.yaml").symlink_to("d/b.yaml")
        git(other, "add", ".")
        git(other, "-c", "user.name=E", "-c", "user.email=e@example.com", "commit", "-qm", "odd")
        old = checkout.tip()
        git(top, "fetch", "-q", "--update-head-ok", str(other), "main:main")
        new = checkout.tip()
        assert new is not None
        assert follow(checkout, old=old, new=new) == ()
        assert status(top) == []
        assert (top / "link").is_symlink()
        assert (top / "run").stat().st_mode & 0o111

    def test_is_followed_twice_as_once(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        old = checkout.tip()
        move(checkout, {"a.yaml": b"new\n", "d/b.yaml": None})
        new = checkout.tip()
        assert new is not None
        assert follow(checkout, old=old, new=new) == ()
        assert status(top) == []

    def test_leaves_files_outside_the_change_alone(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "mine.txt").write_text("m")
        (top / "d/b.yaml").write_text("edited\n")
        assert move(checkout, {"a.yaml": b"new\n"}) == ()
        assert status(top) == [" M d/b.yaml", "?? mine.txt"]


class TestWhatAPersonMade:
    def test_an_edit_stays_and_is_still_an_edit(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "a.yaml").write_text("mine\n")
        assert move(checkout, {"a.yaml": b"new\n", "c.yaml": b"c"}) == ("a.yaml",)
        assert (top / "a.yaml").read_text() == "mine\n"
        assert status(top) == [" M a.yaml"]

    def test_an_edit_of_line_endings_only_stays(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "a.yaml").write_bytes(b"old\r\n")
        assert move(checkout, {"a.yaml": b"new\n"}) == ("a.yaml",)
        assert (top / "a.yaml").read_bytes() == b"old\r\n"

    def test_an_untracked_file_in_the_way_stays(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "c.yaml").write_text("mine\n")
        assert move(checkout, {"c.yaml": b"new\n"}) == ("c.yaml",)
        assert (top / "c.yaml").read_text() == "mine\n"
        assert status(top) == [" M c.yaml"]

    def test_an_untracked_file_that_is_the_new_one_is_taken_in(
        self, checkout: GitRepository, top: Path, move: Moving
    ) -> None:
        (top / "c.yaml").write_text("new\n")
        assert move(checkout, {"c.yaml": b"new\n"}) == ()
        assert status(top) == []

    def test_an_edited_file_survives_its_removal(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "d/b.yaml").write_text("mine\n")
        assert move(checkout, {"d/b.yaml": None}) == ("d/b.yaml",)
        assert status(top) == ["?? d/"]

    def test_a_deletion_stays_a_deletion(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "a.yaml").unlink()
        assert move(checkout, {"a.yaml": b"new\n"}) == ("a.yaml",)
        assert status(top) == [" D a.yaml"]

    def test_staged_content_stays_staged(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "a.yaml").write_text("staged\n")
        git(top, "add", "a.yaml")
        assert move(checkout, {"a.yaml": b"new\n", "d/b.yaml": b"new\n"}) == ("a.yaml",)
        assert git(top, "show", ":a.yaml") == "staged"
        assert (top / "a.yaml").read_text() == "staged\n"
        assert status(top) == ["M  a.yaml"]

    def test_a_person_who_committed_the_very_change_is_clean(
        self, checkout: GitRepository, top: Path, move: Moving
    ) -> None:
        (top / "a.yaml").write_text("new\n")
        git(top, "add", "a.yaml")
        assert move(checkout, {"a.yaml": b"new\n"}) == ()
        assert status(top) == []

    def test_a_folder_where_a_file_should_be_stays(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / "c.yaml").mkdir()
        (top / "c.yaml/mine").write_text("m")
        assert move(checkout, {"c.yaml": b"1"}) == ("c.yaml",)
        assert (top / "c.yaml/mine").read_text() == "m"

    def test_nothing_is_written_or_removed_through_a_symlink(
        self, checkout: GitRepository, top: Path, tmp_path: Path, move: Moving
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "b.yaml").write_text("old\n")
        (top / "d/b.yaml").unlink()
        (top / "d").rmdir()
        (top / "d").symlink_to(outside)
        (top / "e").symlink_to(outside)
        assert move(checkout, {"d/b.yaml": b"new\n", "e/c.yaml": b"1"}) == ("d/b.yaml", "e/c.yaml")
        assert move(checkout, {"d/b.yaml": None}) == ("d/b.yaml",)
        assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("b.yaml", "old\n")]

    def test_a_merge_conflict_is_left_to_the_person(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        blob = git(top, "rev-parse", "HEAD:a.yaml")
        rows = "".join(f"100644 {blob} {stage}\ta.yaml\n" for stage in (1, 2, 3))
        git(top, "rm", "-q", "--cached", "a.yaml")
        subprocess.run(["git", "-C", str(top), "update-index", "--index-info"], input=rows.encode(), check=True)
        assert move(checkout, {"a.yaml": b"new\n"}) == ("a.yaml",)
        assert status(top) == ["UU a.yaml"]


class TestWhereTheBranchIsCheckedOut:
    def test_a_linked_worktree_follows_and_another_branch_does_not(
        self, checkout: GitRepository, top: Path, tmp_path: Path, move: Moving
    ) -> None:
        git(top, "checkout", "-q", "-b", "side")
        git(top, "worktree", "add", "-q", str(tmp_path / "linked"), "main")
        assert move(checkout, {"a.yaml": b"new\n"}) == ()
        assert status(top) == status(tmp_path / "linked") == []
        assert (top / "a.yaml").read_text() == "old\n"
        assert (tmp_path / "linked/a.yaml").read_text() == "new\n"

    def test_it_follows_also_when_opened_through_a_linked_worktree(
        self, top: Path, tmp_path: Path, move: Moving
    ) -> None:
        git(top, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
        assert move(GitRepository.open(tmp_path / "linked"), {"a.yaml": b"new\n"}) == ()
        assert status(top) == status(tmp_path / "linked") == []
        assert (top / "a.yaml").read_text() == "new\n"

    def test_a_worktree_on_a_bare_repository_follows(self, repo: GitRepository, tmp_path: Path, move: Moving) -> None:
        assert move(repo, {"a": b"1"}) == ()
        git(repo.git_dir, "worktree", "add", "-q", str(tmp_path / "linked"), "main")
        assert move(repo, {"a": b"2"}) == ()
        assert status(tmp_path / "linked") == []

    def test_a_worktree_that_is_gone_is_no_trouble(
        self, checkout: GitRepository, top: Path, tmp_path: Path, move: Moving
    ) -> None:
        git(top, "checkout", "-q", "--detach")
        git(top, "worktree", "add", "-q", str(tmp_path / "linked"), "main")
        (tmp_path / "linked").rename(tmp_path / "elsewhere")
        assert move(checkout, {"a.yaml": b"new\n"}) == ()

    def test_a_held_index_leaves_all_for_later(
        self, checkout: GitRepository, top: Path, move: Moving, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worktree, "INDEX_PATIENCE", 0.05)
        (top / ".git/index.lock").touch()
        assert move(checkout, {"a.yaml": b"new\n", "c": b"1"}) == ("a.yaml", "c")
        assert (top / "a.yaml").read_text() == "old\n"
        assert (top / ".git/index.lock").exists()

    def test_an_unreadable_index_leaves_all_for_later(self, checkout: GitRepository, top: Path, move: Moving) -> None:
        (top / ".git/index").write_bytes(b"garbage")
        assert move(checkout, {"a.yaml": b"new\n"}) == ("a.yaml",)
        assert (top / ".git/index").read_bytes() == b"garbage"
        assert {path.name for path in (top / ".git").glob("index*")} == {"index"}

    def test_a_hostile_path_is_never_written(self, checkout: GitRepository, top: Path) -> None:
        blob = git(top, "rev-parse", "HEAD:a.yaml")
        old = checkout.tip()
        handle = checkout.handle
        inner = handle.odb.write(2, b"100644 evil\0" + bytes.fromhex(blob))
        outer = handle.odb.write(2, b"".join(b"40000 %s\0%s" % (n, inner.raw) for n in (b"..", b".GIT")))
        who = b"E <e@example.com> 1 +0000"
        text = b"tree %s\nauthor %s\ncommitter %s\n\nm\n" % (str(outer).encode(), who, who)
        new = str(handle.odb.write(1, text))
        left = follow(checkout, old=old, new=new)
        assert {"../evil", ".GIT/evil"} <= set(left)
        assert not (top.parent / "evil").exists()
        assert not (top / ".git/evil").exists()
        assert not (top / ".GIT").exists()
