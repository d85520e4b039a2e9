"""`gitreg index watch` as a process: what it prints, how it ends, and that it can be killed at any time."""

from __future__ import annotations

import hmac
import json
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from cli_support import fine, run
from effort import tries
from index_support import commit, found, model, said
from watch_support import Watching, git, until, upstream, watching

from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg_indexer import Index

NEVER = "86400"
SECRET = b"nobody guesses this"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_a_line_a_catch_up_and_ends_cleanly(tmp_path: Path, number: int) -> None:
    registry = found(tmp_path / "registry.git")
    first = registry.repo.tip() or ""
    with watching(registry.repo.git_dir) as watch:
        line = watch.at(first)
        assert set(line) >= {"seq", "commit", "records", "quarantined", "seconds"}
        assert (line["seq"], line["records"]) == (1, 1)
        assert watch.at(commit(registry.repo, model("one")))["seq"] == 2
        assert watch.end(number) == 0
    assert watch.err == f"watching refs/heads/main of {registry.repo.git_dir}\n"
    assert [each["seq"] for each in watch.lines] == [1, 2]


ANOTHER_THREAD = """
import runpy, signal, sys, threading, time

def end_it():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        time.sleep(0.01)
    time.sleep(0.5)  # until it waits
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=end_it, daemon=True).start()
sys.argv = ["gitreg", *sys.argv[1:]]
runpy.run_module("gitreg", run_name="__main__")
"""


def test_a_signal_that_does_not_interrupt_its_wait_ends_it_too(tmp_path: Path) -> None:
    """Python notes a signal at once but acts on it in its main thread, which may have begun to wait just then."""
    registry = found(tmp_path / "registry.git")
    command = [sys.executable, "-c", ANOTHER_THREAD, "index", "watch", "--repo", str(registry.repo.git_dir)]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def test_it_is_ended_between_two_commits_of_a_long_catching_up(tmp_path: Path) -> None:
    registry = found(tmp_path / "registry.git")
    for n in range(30):
        commit(registry.repo, model(f"m{n}"))
    with watching(registry.repo.git_dir) as watch:
        assert watch.end() == 0
        assert "Traceback" not in watch.err
    with watching(registry.repo.git_dir) as watch:
        watch.at(registry.repo.tip() or "")
        assert watch.end() == 0
    assert said(Index.open(registry)) == said(_cold(registry, tmp_path))


def _cold(registry: Registry, tmp_path: Path) -> Index:
    made = Index.open(registry, tmp_path / "cold")
    made.catch_up()
    return made


def test_it_can_be_killed_at_any_moment(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    chance = random.Random(4)  # noqa: S311 - not a secret
    for n in range(tries(4, 20)):
        for m in range(3):
            both.land(f"m{n}-{m}")
        with watching(both.near_dir, "--remote", "origin", "--every", "0.1") as watch:
            if n % 2:
                until(lambda: watch.lines, "a line")
            else:
                time.sleep(chance.uniform(0, 0.2))
            watch.process.kill()
    new = both.land("last")
    with watching(both.near_dir, "--remote", "origin", "--every", "0.1") as watch:
        watch.at(new)
        assert watch.end() == 0
    assert said(Index.open(both.near)) == said(_cold(both.near, tmp_path))
    assert git(both.near_dir, "fsck", "--strict") == ""


def test_a_remote_that_is_gone_and_comes_back_is_told_of_twice(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    away = tmp_path / "away"
    with watching(both.near_dir, "--remote", "origin", "--every", "0.1") as watch:
        watch.at(both.land("one"))
        both.far_dir.rename(away)
        watch.says("origin cannot be fetched from")
        away.rename(both.far_dir)
        watch.says("over: origin cannot be fetched from")
        watch.at(both.land("two"))
        assert watch.end() == 0
    assert watch.err.count("mend:") == 1


def test_a_rewritten_remote_leaves_the_last_good_state(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    with watching(both.near_dir, "--remote", "origin", "--every", "0.1") as watch:
        good = both.land("one")
        watch.at(good)
        both.rewrite()
        watch.says("main of origin was rewritten")
        assert (both.near.repo.tip(), watch.lines[-1]["commit"]) == (good, good)
        git(both.far_dir, "update-ref", "refs/heads/main", good)
        watch.says("over: main of origin was rewritten")
        watch.at(both.land("two"))
        assert watch.end() == 0


def test_two_that_watch_one_repository_fetch_once_a_round(tmp_path: Path) -> None:
    """Each has an index of its own, and both see what one of them has fetched."""
    both = upstream(tmp_path)
    count = both.count_fetches(tmp_path)
    new = both.land("one")
    words = ("--remote", "origin", "--every", NEVER, "--index")
    with (
        watching(both.near_dir, *words, tmp_path / "a") as first,
        watching(both.near_dir, *words, tmp_path / "b") as second,
    ):
        assert first.at(new)["seq"] == second.at(new)["seq"] == 3
        mine = commit(both.near.repo, model("mine"))
        assert first.at(mine)["seq"] == second.at(mine)["seq"] == 4
        assert (first.end(), second.end()) == (0, 0)
    assert count() == 1


def test_two_that_watch_one_index_both_go_on(tmp_path: Path) -> None:
    registry = found(tmp_path / "registry.git")
    with watching(registry.repo.git_dir) as first, watching(registry.repo.git_dir) as second:
        for n in range(10):
            new = commit(registry.repo, model(f"m{n}"))
            until(lambda: new in {each["commit"] for each in [*first.lines, *second.lines]}, new)  # noqa: B023
        first.process.kill()
        second.at(commit(registry.repo, model("last")))
        assert second.end() == 0
    assert "Traceback" not in first.err + second.err
    assert said(Index.open(registry)) == said(_cold(registry, tmp_path))


def test_a_full_disk_is_told_of_and_over_when_there_is_room(tmp_path: Path) -> None:
    registry = found(tmp_path / "registry.git")
    with watching(registry.repo.git_dir) as watch:
        watch.at(registry.repo.tip() or "")
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        # a file that may not grow is refused as on a full disk
        resource.prlimit(watch.process.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        new = commit(registry.repo, model("one"))
        watch.says("mend:")
        resource.prlimit(watch.process.pid, resource.RLIMIT_FSIZE, unlimited)
        watch.at(new)
        watch.says("over: ")
        assert watch.end() == 0
    assert said(Index.open(registry)) == said(_cold(registry, tmp_path))


def _hook_of(watch: Watching) -> str:
    found_url = re.search(r"webhooks at (http://\S+/github)", watch.err)
    assert found_url is not None
    return found_url.group(1)


def test_a_webhook_has_it_look_now(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    words = ("--remote", "origin", "--every", NEVER, "--webhook", "0", "--webhook-secret-file", secret)
    push = json.dumps({"ref": "refs/heads/main"}).encode()
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={hmac.digest(SECRET, push, 'sha256').hex()}"}
    with watching(both.near_dir, *words) as watch:
        watch.at(both.near.repo.tip() or "")
        until(lambda: list(both.near_dir.glob("gitreg/remotes/*.json")), "the first round")
        new = both.land("one")
        assert httpx.post(_hook_of(watch), content=push + b" ", headers=headers).status_code == 403
        watch.says("refused a webhook from 127.0.0.1: the X-Hub-Signature-256 is not of this secret")
        assert both.near.repo.tip() != new
        assert httpx.post(_hook_of(watch), content=push, headers=headers).json() == {"status": "looking"}
        watch.at(new)
        assert watch.end() == 0
    assert SECRET.decode() not in watch.err


@pytest.mark.parametrize(
    ("words", "says", "mend"),
    [
        pytest.param(["--remote", "orign"], "has no remote 'orign'", "git remote", id="no such remote"),
        pytest.param(["--every", "5"], "there is no --remote", "--remote origin", id="a pace for nothing"),
        pytest.param(["--remote", "origin", "--every", "0"], "--every", "--help", id="no pace"),
        pytest.param(["--webhook", "9000"], "go together", "--webhook-secret-file FILE", id="no secret"),
        pytest.param(["--webhook-secret-file", "s"], "go together", "--webhook 127.0.0.1", id="a secret for nothing"),
        pytest.param(["--webhook", "x:y", "--webhook-secret-file", "s"], "no address", "--webhook", id="no address"),
        pytest.param(["--webhook", ":70000", "--webhook-secret-file", "s"], "no address", "--webhook", id="no port"),
        pytest.param(["--webhook", "0", "--webhook-secret-file", "nowhere"], "cannot be read", "openssl", id="no file"),
        pytest.param(["--webhook", "0", "--webhook-secret-file", "empty"], "no secret", "openssl", id="empty secret"),
        pytest.param(
            ["--webhook", "192.0.2.1:0", "--webhook-secret-file", "s"], "cannot listen", "--webhook", id="not ours"
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str, mend: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s").write_text("secret\n", encoding="utf-8")
    Path("empty").write_text("\n", encoding="utf-8")
    found(tmp_path / "registry.git")
    done = run("index", "watch", "--repo", "registry.git", *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert mend in done.err.partition("mend:")[2]


def test_a_port_in_use_is_said_in_the_commands_own_words(tmp_path: Path) -> None:
    found(tmp_path / "registry.git")
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        words = ("--webhook", address, "--webhook-secret-file", secret)
        done = run("index", "watch", "--repo", tmp_path / "registry.git", *words)
    assert done.code == 2
    assert "is in use" in done.err
    assert "--webhook HOST:0" in done.err


class TestTheGroup:
    """`gitreg index` is a command, and has commands behind it."""

    def test_without_a_word_it_brings_the_index_up_to_date(self, tmp_path: Path) -> None:
        registry = found(tmp_path / "registry.git")
        report = fine("index", "--repo", registry.repo.git_dir, "--json").json
        assert (report["seq"], report["records"]) == (1, 1)
        commit(registry.repo, model("one"))
        rebuilt = fine("index", "--rebuild", "--json", "--repo", registry.repo.git_dir).json
        assert (rebuilt["seq"], rebuilt["records"]) == (2, 2)
        assert "2 records" in fine("index", "--repo", registry.repo.git_dir).out

    @pytest.mark.parametrize("option", ["--repo", "--index", "--rebuild", "--json"])
    def test_options_before_a_word_are_refused_not_lost(self, tmp_path: Path, option: str) -> None:
        values = [tmp_path] if option in ("--repo", "--index") else []
        done = run("index", option, *values, "watch")
        assert done.code == 2
        assert f"{option} stands before 'watch'" in done.err
        assert f"`gitreg index watch {option} ...`" in done.err

    def test_the_environment_may_name_the_registry(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITREG_REPO", str(tmp_path / "nowhere"))
        done = run("index", "watch")
        assert "nowhere" in done.err
        assert "stands before" not in done.err

    def test_a_word_that_is_none_is_refused(self) -> None:
        done = run("index", "wach")
        assert done.code == 2
        assert "wach" in done.err


def test_the_registry_that_is_watched_may_be_a_linked_work_tree(tmp_path: Path) -> None:
    registry = found(tmp_path / "registry.git")
    git(registry.repo.git_dir, "worktree", "add", "--quiet", "-b", "mine", str(tmp_path / "tree"), "main")
    linked = GitRepository.open(tmp_path / "tree")
    with watching(tmp_path / "tree") as watch:
        watch.at(registry.repo.tip() or "")
        watch.at(commit(linked, model("one")))
        assert watch.end() == 0
