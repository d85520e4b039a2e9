"""Webhooks over HTTP: a push has the follower look, anything else is answered and does nothing."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from api_support import ask

from gitreg.errors import UsageError
from gitreg_indexer import receiving
from gitreg_indexer.receiving import MAX_BODIES, Message, Receiver, read_secret

SECRET = b"nobody guesses this"
PUSH = json.dumps({"ref": "refs/heads/main"}).encode()


@dataclass
class Post:
    """A receiver, how often it poked, and what it said."""

    pokes: int = 0
    said: list[str] = field(default_factory=list)
    max_body: int = 1000

    def __post_init__(self) -> None:
        self.app: Any = Receiver(
            SECRET, "refs/heads/main", poke=self._poke, say=self.said.append, max_body=self.max_body
        )

    def _poke(self) -> None:
        self.pokes += 1

    def send(self, path: str = "/webhooks/github", *, method: str = "POST", **more: Any) -> httpx.Response:
        return ask(self.app, method, path, **more)


def signed(body: bytes, event: str = "push") -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": f"sha256={hmac.new(SECRET, body, 'sha256').hexdigest()}",
        "Content-Type": "application/json",
    }


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_push_from_github_pokes(post: Post) -> None:
    answer = post.send(content=PUSH, headers=signed(PUSH))
    assert (answer.status_code, answer.json(), post.pokes) == (202, {"status": "looking"}, 1)


def test_a_push_from_gitlab_pokes(post: Post) -> None:
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET.decode()}
    answer = post.send("/webhooks/gitlab", content=PUSH, headers=headers)
    assert (answer.status_code, answer.json(), post.pokes) == (202, {"status": "looking"}, 1)


def test_a_secret_need_not_be_ascii() -> None:
    poked: list[int] = []
    secret = "schlüssel".encode()
    app: Any = Receiver(secret, "refs/heads/main", poke=lambda: poked.append(1), say=lambda _: None)
    headers = [(b"X-Gitlab-Event", b"Push Hook"), (b"X-Gitlab-Token", secret)]
    assert ask(app, "POST", "/webhooks/gitlab", content=PUSH, headers=headers).status_code == 202
    assert poked == [1]


@pytest.mark.parametrize(
    ("body", "event"),
    [
        pytest.param(PUSH, "ping", id="ping"),
        pytest.param(b'{"ref": "refs/heads/proposals/1"}', "push", id="another branch"),
        pytest.param(b"{}", "push", id="no ref"),
    ],
)
def test_what_does_not_matter_is_taken_and_ignored(post: Post, body: bytes, event: str) -> None:
    answer = post.send(content=body, headers=signed(body, event))
    assert (answer.status_code, answer.json()["status"], post.pokes) == (202, "ignored", 0)
    assert post.said == []


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param({"content": PUSH}, 401, id="no signature"),
        pytest.param({"content": PUSH + b" ", "headers": signed(PUSH)}, 403, id="wrong signature"),
        pytest.param({"content": b" " * 1001, "headers": signed(b" " * 1001)}, 413, id="huge"),
        pytest.param({"path": "/webhooks/gitlab", "content": PUSH, "headers": signed(PUSH)}, 401, id="other forge"),
        pytest.param({"path": "/webhooks/bitbucket", "content": PUSH, "headers": signed(PUSH)}, 404, id="no forge"),
        pytest.param({"path": "/", "content": PUSH, "headers": signed(PUSH)}, 404, id="elsewhere"),
        pytest.param({"method": "GET"}, 405, id="a browser"),
    ],
)
def test_what_is_refused_is_a_problem_and_pokes_nobody(post: Post, asked: dict[str, Any], status: int) -> None:
    answer = post.send(**asked)
    assert (answer.status_code, post.pokes) == (status, 0)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert {"type", "title", "status", "detail", "instance", "mend"} == set(answer.json())
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)
    assert SECRET.decode() not in answer.text


def test_a_body_of_unsaid_length_is_bounded_too(post: Post) -> None:
    sent: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for n in range(100):
            sent.append(n)
            yield b" " * 100

    answer = post.send(content=chunks(), headers=signed(b" " * 10_000))
    assert (answer.status_code, post.pokes) == (413, 0)


def test_what_shows_no_proof_is_refused_before_its_body_is_read() -> None:
    post = Post()
    answers, scope = _one_request({"x-github-event": "push"})

    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    asyncio.run(post.app(scope, receive, answers))
    assert answers.status == 401


def test_a_body_that_does_not_come_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PATIENCE", 0.01)
    post = Post()
    answers, scope = _one_request(signed(PUSH))

    async def receive() -> Message:
        await asyncio.sleep(3600)
        raise AssertionError

    asyncio.run(post.app(scope, receive, answers))
    assert (answers.status, post.pokes) == (408, 0)


def test_bodies_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post()

    async def run() -> list[int | None]:
        enough = asyncio.Event()
        requests = [_one_request(signed(PUSH)) for _ in range(MAX_BODIES + 1)]

        async def receive() -> Message:
            await enough.wait()
            return {"type": "http.request", "body": PUSH, "more_body": False}

        slow = [asyncio.create_task(post.app(scope, receive, answers)) for answers, scope in requests[:-1]]
        await asyncio.sleep(0)
        answers, scope = requests[-1]
        await post.app(scope, receive, answers)
        enough.set()
        await asyncio.gather(*slow)
        return [answer.status for answer, _ in requests]

    assert asyncio.run(run()) == [*[202] * MAX_BODIES, 503]
    assert post.send(content=PUSH, headers=signed(PUSH)).status_code == 202


def test_refusals_are_told_once_a_minute_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("gitreg_indexer.receiving.time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    post = Post()
    for now[0] in (1.0, 2.0, 3.0, 70.0):
        post.send(content=PUSH + b" ", headers=signed(PUSH))
    first, second = post.said
    assert "X-Hub-Signature-256 is not of this secret" in first
    assert "(3 refused since the last such line)" in second


class _Answers:
    def __init__(self) -> None:
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        self.status = message.get("status", self.status)


def _one_request(headers: dict[str, str]) -> tuple[_Answers, dict[str, Any]]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return _Answers(), {"type": "http", "method": "POST", "path": "/webhooks/github", "headers": raw}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_the_line_end_is_no_part_of_the_secret(tmp_path: Path, end: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" a secret " + end)
    assert read_secret(file) == b" a secret "


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "no secret", id="empty"),
        pytest.param(b" \n", "no secret", id="blank"),
        pytest.param(b"one\ntwo\n", "no secret", id="two lines"),
        pytest.param(b"x" * 100_000, "no secret", id="no secret but a file"),
        pytest.param(None, "cannot be read", id="no file"),
    ],
)
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        read_secret(file)
    assert "openssl rand" in caught.value.mend
