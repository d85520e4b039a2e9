"""What has a served index look: the repository's files, a remote, webhooks; and only webhooks that know the secret."""

from __future__ import annotations

import hmac
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import CHAT, PROBLEM, api_on, commit, model, small_registry
from serving_support import served
from watch_support import git, until

from gitreg.cli import main
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg_api.following import Follower, Triggers
from gitreg_indexer import Index, watching

SECRET = b"nobody guesses this"
PUSH = json.dumps({"ref": "refs/heads/main"}).encode()
HEADERS = {
    "X-GitHub-Event": "push",
    "X-Hub-Signature-256": f"sha256={hmac.digest(SECRET, PUSH, 'sha256').hex()}",
}


def test_a_commit_is_followed_by_the_repositorys_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUICK", 1e6)
    monkeypatch.setattr(watching, "SAFETY", 1e6)
    registry = small_registry(tmp_path / "registry")
    index = Index.open(registry)
    follower = Follower(index)
    follower.start()
    try:
        until(lambda: follower._events is not None and follower._events.are_heard, "file events")
        seq = commit(registry, 7, model("more", "1.0.0"))
        until(lambda: index.reader().position().seq == seq, "the commit")
        assert (follower.is_running, follower.fault) == (True, None)
    finally:
        follower.stop()
    assert not follower.is_running


def test_webhooks_are_there_only_with_a_secret(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    without = api_on(registry)
    assert without.ask("POST", "/webhooks/github", content=PUSH, headers=HEADERS).status_code in (404, 405)
    unfollowed = api_on(registry, triggers=Triggers(webhook_secret=SECRET))
    assert unfollowed.ask("POST", "/webhooks/github", content=PUSH, headers=HEADERS).status_code in (404, 405)
    with_secret = api_on(registry, follow=True, triggers=Triggers(webhook_secret=SECRET))
    assert with_secret.ask("POST", "/webhooks/github", content=PUSH, headers=HEADERS).json() == {"status": "looking"}
    assert with_secret.get(CHAT).status_code == 200


def test_a_webhook_that_is_refused_is_a_problem_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = api_on(
        small_registry(tmp_path / "registry"), follow=True, cors=["*"], triggers=Triggers(webhook_secret=SECRET)
    )
    with caplog.at_level(logging.WARNING):
        answer = api.ask("POST", "/webhooks/github", content=PUSH + b" ", headers=HEADERS)
    assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)
    assert "refused a webhook" in caplog.text
    assert SECRET.decode() not in caplog.text + answer.text
    assert SECRET.decode() not in repr(Triggers(webhook_secret=SECRET))


def _mirror_of(registry: Registry, folder: Path) -> Path:
    git(folder, "clone", "--quiet", "--mirror", str(registry.repo.git_dir), str(folder / "mirror.git"))
    return folder / "mirror.git"


def _reaches(url: str, seq: int) -> bool:
    """Ask until an answer is of a commit; the server itself waits five seconds each time."""
    return httpx.get(f"{url}{CHAT}?min_seq={seq}", timeout=30).status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_webhook_has_a_served_mirror_fetch_now(tmp_path: Path, workers: str) -> None:
    registry = small_registry(tmp_path / "registry")
    mirror = _mirror_of(registry, tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    words: tuple[Any, ...] = ("--remote", "origin", "--every", "86400", "--webhook-secret-file", secret)
    with served("serve", "--repo", mirror, "--port", "0", "--workers", workers, *words) as running:
        until(lambda: list(mirror.glob("gitreg/remotes/*.json")), "the first round")
        seq = commit(registry, 7, model("chat", "2.1.0"))
        assert httpx.get(f"{running.url}/readyz").json()["following"] == {"on": True, "fault": None}
        answer = httpx.post(f"{running.url}/webhooks/github", content=PUSH, headers=HEADERS)
        assert (answer.status_code, answer.json()) == (202, {"status": "looking"})
        until(lambda: _reaches(running.url, seq), "the commit")
        assert httpx.get(f"{running.url}{CHAT}").json()["metadata"]["version"] == "2.1.0"
    assert running.code == 0
    assert "Traceback" not in "".join(running.said)


def test_a_remote_that_was_rewritten_is_told_by_ready_while_the_good_state_is_served(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    mirror = _mirror_of(registry, tmp_path)
    git(tmp_path / "registry", "reset", "--quiet", "--hard", "HEAD~1")
    commit(Registry(GitRepository.open(tmp_path / "registry")), 9, model("other", "1.0.0"))
    with served("serve", "--repo", mirror, "--port", "0", "--remote", "origin", "--every", "0.1") as running:

        def fault() -> Any:
            return httpx.get(f"{running.url}/readyz").json()["following"]["fault"]

        assert "main of origin was rewritten" in until(fault, "the alarm")["says"]
        assert httpx.get(f"{running.url}{CHAT}").headers["x-gitreg-seq"] == "6"
    assert running.code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--remote", "orign"], "has no remote 'orign'", id="no such remote"),
        pytest.param(["--every", "9"], "there is no --remote", id="a pace for nothing"),
        pytest.param(["--webhook-secret-file", "nowhere"], "cannot be read", id="no secret"),
        pytest.param(["--webhook-secret-file", "empty"], "no secret for webhooks", id="an empty secret"),
        pytest.param(["--no-follow", "--webhook-secret-file", "s"], "--no-follow", id="a webhook for nothing"),
        pytest.param(["--no-follow", "--remote", "origin"], "--no-follow", id="a remote for nothing"),
    ],
)
def test_triggers_that_cannot_work_are_refused_before_anything_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    registry = small_registry(tmp_path / "registry")
    git(registry.repo.git_dir, "remote", "add", "origin", "nowhere")
    monkeypatch.chdir(tmp_path)
    Path("s").write_bytes(SECRET)
    Path("empty").write_bytes(b"\n")
    assert main(["serve", "--repo", "registry", "--port", "0", *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "mend:" in said
