"""Following a remote: forward only, never through somebody's work, never with a password in a message."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pygit2
import pytest
from index_support import commit, found, model
from watch_support import git, until, upstream

from gitreg.errors import UsageError
from gitreg.repository.fetching import FetchFailed, Moved, Remote, WorkTreeBusy, without_credentials
from gitreg.repository.git import GitRepository, HistoryRewritten


def followed(remote: Remote) -> Moved | None:
    remote.fetch()
    return remote.follow()


def test_the_branch_comes_forward_to_the_remotes(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    remote = Remote.open(both.near.repo, "origin")
    old = both.near.repo.tip()
    assert followed(remote) is None
    both.land("second")
    new = both.land("third")
    assert followed(remote) == Moved(old, new)
    assert both.near.repo.tip() == new
    assert followed(remote) is None
    assert git(both.near_dir, "fsck", "--strict") == ""


def test_nothing_but_the_branch_and_its_mirror_is_touched(tmp_path: Path) -> None:
    """A mirror's own settings would take every ref, by force, and remove the rest."""
    both = upstream(tmp_path)
    git(both.near_dir, "config", "fetch.prune", "true")
    git(both.near_dir, "update-ref", "refs/heads/mine", "HEAD")
    git(both.far_dir, "branch", "theirs", "main")
    git(both.far_dir, "tag", "v1", "main")
    tip = both.land("second")
    followed(Remote.open(both.near.repo, "origin"))
    refs = git(both.near_dir, "for-each-ref", "--format=%(refname)").splitlines()
    assert refs == ["refs/gitreg/remotes/origin/heads/main", "refs/heads/main", "refs/heads/mine"]
    assert both.near.repo.tip() == tip
    assert not (both.near_dir / "FETCH_HEAD").exists()


def test_a_rewritten_remote_is_an_alarm_until_it_is_put_back(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    remote = Remote.open(both.near.repo, "origin")
    good = both.land("second")
    followed(remote)
    both.rewrite()
    for _ in range(2):
        with pytest.raises(HistoryRewritten, match="main of origin was rewritten") as caught:
            followed(remote)
        assert "gitreg index accept-rewrite" in caught.value.mend
        assert both.near.repo.tip() == good
    git(both.far_dir, "update-ref", "refs/heads/main", good)
    assert followed(remote) is None
    new = both.land("third")
    assert followed(remote) == Moved(good, new)


def test_what_the_alarm_says_to_run_is_what_follows_the_rewrite(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    remote = Remote.open(both.near.repo, "origin")
    both.land("second")
    followed(remote)
    new = both.rewrite()
    with pytest.raises(HistoryRewritten) as caught:
        followed(remote)
    command = caught.value.mend.split("`")[1]
    git(both.near_dir, *command.split()[1:])
    assert both.near.repo.tip() == new
    assert followed(remote) is None


def test_a_merge_that_makes_main_a_side_line_is_an_alarm(tmp_path: Path) -> None:
    """The index follows first parents: main must stay the first one."""
    both = upstream(tmp_path)
    remote = Remote.open(both.near.repo, "origin")
    both.land("second")
    followed(remote)
    tip = both.far.repo.tip() or ""
    other = git(both.far_dir, "commit-tree", f"{tip}^{{tree}}", "-p", f"{tip}~1", "-m", "a side line")
    merge = git(both.far_dir, "commit-tree", f"{tip}^{{tree}}", "-p", other, "-p", tip, "-m", "main merged into it")
    git(both.far_dir, "update-ref", "refs/heads/main", merge)
    with pytest.raises(HistoryRewritten):
        followed(remote)
    assert both.near.repo.tip() == tip


def test_commits_that_the_remote_has_not_got_yet_are_no_alarm(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    mine = commit(both.near.repo, model("mine"))
    remote = Remote.open(both.near.repo, "origin")
    assert followed(remote) is None
    assert both.near.repo.tip() == mine
    both.land("theirs")
    with pytest.raises(HistoryRewritten):
        followed(remote)
    assert both.near.repo.tip() == mine


def test_a_branch_that_is_not_born_yet_begins_where_the_remote_stands(tmp_path: Path) -> None:
    far = found(tmp_path / "far.git")
    near = GitRepository.create(tmp_path / "near.git", bare=True)
    git(near.git_dir, "remote", "add", "origin", str(far.repo.git_dir))
    assert followed(Remote.open(near, "origin")) == Moved(None, far.repo.tip() or "")


def test_the_branch_that_is_tracked_is_the_one_that_is_fetched(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    git(both.far_dir, "branch", "-m", "main", "trunk")
    git(both.near_dir, "config", "branch.main.remote", "origin")
    git(both.near_dir, "config", "branch.main.merge", "refs/heads/trunk")
    remote = Remote.open(both.near.repo, "origin")
    assert (remote.source, remote.mirror) == ("refs/heads/trunk", "refs/gitreg/remotes/origin/heads/trunk")
    far = GitRepository.open(both.far_dir)
    new = commit(far, model("second"))
    moved = followed(remote)
    assert moved is not None
    assert moved.new == new


class TestCheckedOut:
    """A work tree that has the branch checked out."""

    def test_its_files_come_along(self, tmp_path: Path) -> None:
        both = upstream(tmp_path, "--no-hardlinks")
        new = both.land("second")
        moved = followed(Remote.open(both.near.repo, "origin"))
        assert moved is not None
        assert (moved.new, moved.left) == (new, ())
        assert (tmp_path / "near/models/acme/second/1.0.0.yaml").is_file()
        assert git(tmp_path / "near", "status", "--porcelain") == ""

    @pytest.mark.parametrize("staged", [False, True], ids=["edited", "staged"])
    def test_edits_keep_it_where_it_is(self, tmp_path: Path, staged: bool) -> None:
        both = upstream(tmp_path, "--no-hardlinks")
        remote = Remote.open(both.near.repo, "origin")
        tree, old = tmp_path / "near", both.near.repo.tip()
        (tree / "registry.yaml").write_text("mine\n", encoding="utf-8")
        if staged:
            git(tree, "add", ".")
        assert followed(remote) is None  # nothing to do is no trouble
        both.land("second")
        with pytest.raises(WorkTreeBusy, match="checked out") as caught:
            followed(remote)
        assert "registry.yaml" in str(caught.value.got)
        assert both.near.repo.tip() == old
        assert (tree / "registry.yaml").read_text(encoding="utf-8") == "mine\n"
        assert not (tree / "models/acme/second").exists()
        git(tree, "stash")
        assert followed(remote) is not None

    def test_a_file_in_the_way_that_git_does_not_track_is_left_and_named(self, tmp_path: Path) -> None:
        both = upstream(tmp_path, "--no-hardlinks")
        path = "models/acme/second/1.0.0.yaml"
        both.land("second")
        mine = tmp_path / "near" / path
        mine.parent.mkdir(parents=True)
        mine.write_text("mine\n", encoding="utf-8")
        moved = followed(Remote.open(both.near.repo, "origin"))
        assert moved is not None
        assert moved.left == (path,)
        assert mine.read_text(encoding="utf-8") == "mine\n"

    @pytest.mark.parametrize("mark", ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"])
    def test_a_merge_under_way_keeps_it_where_it_is(self, tmp_path: Path, mark: str) -> None:
        both = upstream(tmp_path, "--no-hardlinks")
        both.land("second")
        (both.near_dir / mark).write_text(f"{both.near.repo.tip()}\n", encoding="utf-8")
        with pytest.raises(WorkTreeBusy, match="somebody is at work"):
            followed(Remote.open(both.near.repo, "origin"))

    def test_a_rebase_under_way_keeps_it_where_it_is(self, tmp_path: Path) -> None:
        """Meanwhile HEAD names no branch."""
        both = upstream(tmp_path, "--no-hardlinks")
        tree, old = tmp_path / "near", both.near.repo.tip()
        both.land("second")
        git(tree, "-c", "sequence.editor=sed -i 1ibreak", "rebase", "--interactive", "--root", "--quiet")
        assert pygit2.Repository(str(tree)).head_is_detached
        with pytest.raises(WorkTreeBusy) as caught:
            followed(Remote.open(both.near.repo, "origin"))
        assert "a rebase is under way" in str(caught.value.got)
        assert both.near.repo.tip() == old

    def test_a_linked_work_tree_counts(self, tmp_path: Path) -> None:
        both = upstream(tmp_path, "--bare")
        git(both.near_dir, "worktree", "add", "--quiet", str(tmp_path / "tree"), "main")
        (tmp_path / "tree/registry.yaml").write_text("mine\n", encoding="utf-8")
        both.land("second")
        remote = Remote.open(both.near.repo, "origin")
        with pytest.raises(WorkTreeBusy):
            followed(remote)
        git(tmp_path / "tree", "checkout", "registry.yaml")
        assert followed(remote) is not None
        assert (tmp_path / "tree/models/acme/second/1.0.0.yaml").is_file()

    def test_edits_on_another_branch_are_in_nobodys_way(self, tmp_path: Path) -> None:
        both = upstream(tmp_path, "--no-hardlinks")
        tree = tmp_path / "near"
        git(tree, "checkout", "--quiet", "-b", "mine")
        (tree / "registry.yaml").write_text("mine\n", encoding="utf-8")
        new = both.land("second")
        moved = followed(Remote.open(both.near.repo, "origin"))
        assert moved is not None
        assert (both.near.repo.tip(), moved.left) == (new, ())
        assert (tree / "registry.yaml").read_text(encoding="utf-8") == "mine\n"

    def test_a_registry_on_the_tracking_branch_leaves_the_work_tree_alone(self, tmp_path: Path) -> None:
        both = upstream(tmp_path, "--no-hardlinks")
        tree, old = tmp_path / "near", git(tmp_path / "near", "rev-parse", "main")
        git(tree, "config", "gitreg.branch", "refs/remotes/origin/main")
        (tree / "registry.yaml").write_text("mine\n", encoding="utf-8")
        new = both.land("second")
        repo = GitRepository.open(tree)
        remote = Remote.open(repo, "origin")
        assert remote.source == "refs/heads/main"
        assert followed(remote) is not None
        assert (repo.tip(), git(tree, "rev-parse", "main")) == (new, old)


KILLED = """
import os, signal, sys
from gitreg.repository import fetching
from gitreg.repository.git import GitRepository

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

fetching.follow = die
remote = fetching.Remote.open(GitRepository.open(sys.argv[1]), "origin")
remote.fetch()
remote.follow()
"""


def test_a_work_tree_comes_along_though_its_follower_was_killed_on_the_way(tmp_path: Path) -> None:
    both = upstream(tmp_path, "--no-hardlinks")
    tree = tmp_path / "near"
    new = both.land("second")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tree)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert git(tree, "rev-parse", "main") == new
    assert git(tree, "status", "--porcelain") != ""
    remote = Remote.open(GitRepository.open(tree), "origin")
    assert followed(remote) is None
    assert git(tree, "status", "--porcelain") == ""
    both.land("third")
    assert followed(remote) is not None
    assert git(tree, "status", "--porcelain") == ""


def test_the_lock_of_a_killed_fetch_is_cleared_away_once_no_fetch_can_have_it(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    new = both.land("second")
    remote = Remote.open(both.near.repo, "origin")
    lock = both.near_dir / f"{remote.mirror}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    with pytest.raises(FetchFailed) as caught:
        remote.fetch(patience=60)
    assert str(lock) in str(caught.value.got)
    os.utime(lock, (1, 1))
    assert followed(remote) is not None
    assert both.near.repo.tip() == new
    assert not lock.exists()


def test_a_remote_that_is_not_configured_is_named_with_those_that_are(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    for name in ("orign", "--upload-pack=touch x", str(both.far_dir), ""):
        with pytest.raises(UsageError) as caught:
            Remote.open(both.near.repo, name)
        assert caught.value.expected == "origin"


@pytest.mark.parametrize("what", ["no remote", "no branch"])
def test_what_cannot_be_fetched_is_said(tmp_path: Path, what: str) -> None:
    both = upstream(tmp_path)
    remote = Remote.open(both.near.repo, "origin")
    if what == "no remote":
        both.far_dir.rename(tmp_path / "gone")
    else:
        git(both.far_dir, "branch", "-m", "main", "trunk")
    with pytest.raises(FetchFailed, match="origin cannot be fetched from"):
        remote.fetch()


@pytest.fixture
def mute() -> socket.socket:
    """A server that takes calls and never answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def test_a_remote_that_does_not_answer_is_given_up(tmp_path: Path, mute: socket.socket) -> None:
    both = upstream(tmp_path)
    with mute:
        git(both.near_dir, "config", "remote.origin.url", f"git://127.0.0.1:{mute.getsockname()[1]}/far.git")
        remote = Remote.open(both.near.repo, "origin")
        with pytest.raises(FetchFailed, match=r"did not answer within 0\.3 s"):
            remote.fetch(patience=0.3)
        ended, caught = threading.Event(), list[FetchFailed]()

        def fetch() -> None:
            with pytest.raises(FetchFailed) as error:
                remote.fetch(ended=ended)
            caught.append(error.value)

        thread = threading.Thread(target=fetch)
        thread.start()
        mute.accept()[0].close()  # that of the first fetch
        kept = mute.accept()[0]
        ended.set()
        thread.join()
        kept.close()
    assert "was ended" in caught[0].says
    assert not list(both.near_dir.rglob("*.lock"))
    git(both.near_dir, "config", "remote.origin.url", str(both.far_dir))
    until(lambda: followed(remote) is None)


def test_no_message_has_a_password_in_it(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://someone:hunter2@127.0.0.1:{taken.getsockname()[1]}/far.git?private_token=hunter2"
        git(both.near_dir, "config", "remote.origin.url", url)
        with pytest.raises(FetchFailed) as caught:
            Remote.open(both.near.repo, "origin").fetch()
    assert "127.0.0.1" in str(caught.value.got)
    assert "hunter2" not in caught.value.explain()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("at 'https://u:p@h/a.git/': no", "at 'https://h/a.git/': no", id="user and password"),
        pytest.param("https://token@h:1/a", "https://h:1/a", id="token"),
        pytest.param("https://h/a?private_token=x", "https://h/a", id="query"),
        pytest.param("ssh://git@h/a and git@h:a", "ssh://h/a and git@h:a", id="ssh"),
        pytest.param("https://u:it's@h/a.git", "https://h/a.git", id="a quote in a password"),
        pytest.param("https://u:p%40@h/a@b", "https://h/a@b", id="later at sign"),
        pytest.param("nothing of the kind", "nothing of the kind", id="no url"),
    ],
)
def test_urls_lose_what_is_secret(text: str, left: str) -> None:
    assert without_credentials(text) == left
