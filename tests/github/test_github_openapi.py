"""No request to GitHub violates GitHub's own description of its API.

- Whatever the forge sends in a whole life of proposals is sent to prism too, byte for byte; prism holds it against the
  OpenAPI description that GitHub publishes (npm `@octokit/openapi`) and answers a violation with an error.
- The forge itself talks to the model of the other tests, so that its answers make sense.
- Skipped when the packages are not installed: run `make test-github`.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from cli_support import git
from forge_support import OWNER, content, founded, landed, model, path_of, put_forward
from github_model import NAME, TOKEN, URL, GitHubModel, serving
from github_model import OWNER as ORG

from gitreg.forges import Queue
from gitreg.forges.calls import Api, Patience
from gitreg.forges.choosing import Hosted
from gitreg.forges.forge import STATES
from gitreg.forges.github import GitHubForge
from gitreg.forges.queue import Verdict
from gitreg.registry import Registry
from gitreg.repository.snapshot import Footprint
from gitreg.validation import Circumstances

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "build/github/node_modules"
PRISM = MODULES / ".bin/prism"
DESCRIPTION = MODULES / "@octokit/openapi/generated/api.github.com.json"
SECONDS = 120

if not PRISM.exists() or not DESCRIPTION.exists():
    pytest.skip("prism and GitHub's description are not installed: run `make test-github`", allow_module_level=True)

EXPECTED = {
    "GET /user",
    "GET /repos/{}/git/ref/heads%2Fmain",
    "GET /repos/{}/git/commits/{sha}",
    "GET /repos/{}/compare/{sha}...{sha}",
    "GET /repos/{}/pulls",
    "GET /repos/{}/pulls/1",
    "GET /repos/{}/pulls/1/reviews",
    "GET /repos/{}/issues/1/comments",
    "POST /repos/{}/git/trees",
    "POST /repos/{}/git/commits",
    "POST /repos/{}/git/refs",
    "POST /repos/{}/pulls",
    "POST /repos/{}/pulls/1/reviews",
    "POST /repos/{}/issues/1/comments",
    "PATCH /repos/{}/issues/comments/1000",
    "PATCH /repos/{}/git/refs/heads%2Fmain",
    "PATCH /repos/{}/pulls/2",
}


@pytest.fixture(scope="module")
def prism() -> Iterator[str]:
    """Start prism on a free port; it is ended by its process id."""
    command = [str(PRISM), "mock", "--errors", "-h", "127.0.0.1", "-p", "0", str(DESCRIPTION)]
    with tempfile.TemporaryFile("w+b") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield _listening(process, log)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()


def _listening(process: subprocess.Popen[bytes], log: Any) -> str:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends and process.poll() is None:
        log.seek(0)
        found = re.search(rb"Prism is listening on (http://127\.0\.0\.1:\d+)", log.read())
        if found:
            return found[1].decode()
        time.sleep(0.2)
    log.seek(0)
    pytest.fail(f"prism does not listen: {log.read()[-2000:]!r}")


class Recorder:
    """Sends each request to prism as well, and keeps what prism has against it."""

    def __init__(self, prism: str, api: Api) -> None:
        self._prism = prism
        self._api = api
        self._send = api._session.request
        self.seen: set[str] = set()
        self.violations: list[str] = []
        api._session.request = self

    def __call__(self, method: str, url: str, **words: Any) -> Any:
        answer = self._send(method, url, **words)
        prepared = answer.request
        path = prepared.url.removeprefix(self._api.base_url)
        headers = {name: value for name, value in prepared.headers.items() if name.lower() != "host"}
        told = requests.request(method, f"{self._prism}{path}", data=prepared.body, headers=headers, timeout=60)
        name = f"{method} {path.partition('?')[0].replace(f'{ORG}/{NAME}', '{}')}"
        self.seen.add(re.sub(r"[0-9a-f]{40}", "{sha}", name))
        self.violations += [f"{name} {prepared.body!r}: {said}" for said in _held_against(told)]
        return answer


def _held_against(told: requests.Response) -> list[str]:
    """Give what prism has against a request; some of GitHub's own examples of answers violate its description."""
    if told.status_code < 400 and "sl-violations" not in told.headers:
        return []
    found = json.loads(told.headers.get("sl-violations", "[]"))
    of_answers = [each for each in found if each["location"][0] == "response"]
    of_requests = [str(each) for each in found if each["location"][0] != "response"]
    return of_requests if of_answers or of_requests else [f"{told.status_code} {told.text[:1000]}"]


@contextmanager
def recorded(hub: GitHubModel, clone: Registry, prism: str) -> Iterator[tuple[GitHubForge, Recorder]]:
    api = Api(hub.url, TOKEN, Patience())
    recorder = Recorder(prism, api)
    yield GitHubForge(clone.repo, api, Hosted("github.com", ORG, NAME)), recorder


def test_no_request_violates_githubs_description(tmp_path: Path, prism: str) -> None:
    upstream = founded(tmp_path / "github.git")
    subprocess.run(["git", "clone", "--quiet", str(tmp_path / "github.git"), str(tmp_path / "clone")], check=True)
    git(tmp_path / "clone", "config", "remote.origin.url", URL)
    git(tmp_path / "clone", "config", f"url.{tmp_path / 'github.git'}.insteadOf", URL)
    clone = Registry.open(tmp_path / "clone")
    with serving(GitHubModel(tmp_path / "github.git")) as hub, recorded(hub, clone, prism) as (forge, recorder):
        put_forward(clone, forge, {path_of("new"): model("new"), path_of("draft"): None}, "Add one, remove one")
        again = put_forward(clone, forge, {path_of("other"): model("other")}, "Add another")
        hub._post_ref({}, {}, {"ref": "refs/heads/left-behind", "sha": hub.tip("main")})
        queue = Queue(clone, forge, gate=passing)
        queue.check(1)
        landed(Registry.open(tmp_path / "github.git"), {path_of("far", space="beta"): model("far", space="beta")})
        queue.check(1)
        hub.pulls[1]["user"] = "author"
        hub.login = "owner"
        with recorded(hub, clone, prism) as (other, more):
            other.approve(other.get(1), None, ("GR-012",))
        assert more.violations == []
        move_in_between(hub)
        queue.merge(1, OWNER)
        forge.close(again)
        for state in (*STATES, None):
            forge.proposals(state)
        leave_a_branch(hub, clone, forge)
    assert recorder.violations == []
    assert EXPECTED - recorder.seen - more.seen == set()
    assert content(Registry.open(upstream.repo.git_dir), path_of("new")) == model("new")


def passing(base: str, head: str, circumstances: Circumstances) -> Verdict:
    """Let everything pass: what is tested here are requests."""
    return Verdict((), Footprint(subtrees={""}))


def move_in_between(hub: GitHubModel) -> None:
    """Let main move just before the merge's last call, once."""
    right = hub._patch_ref

    def patch(at: dict[str, str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        hub._patch_ref = right  # type: ignore[method-assign] # a fault of one call
        files = {path_of("near", space="beta"): model("near", space="beta")}
        landed(Registry.open(hub.repo.path), files)
        return right(at, query, body)

    hub._patch_ref = patch  # type: ignore[method-assign] # as above


def leave_a_branch(hub: GitHubModel, clone: Registry, forge: GitHubForge) -> None:
    """Open what an earlier try has made a branch for already."""
    files = {path_of("late"): model("late")}
    number = put_forward(clone, forge, files, "Add a late one").number
    hub.pulls[number]["state"] = "closed"
    assert put_forward(clone, forge, files, "Add a late one").number != number


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "pulls", {"title": "T", "head": "branch"}),
        ("PATCH", "git/refs/heads%2Fmain", {"force": False}),
        ("POST", "git/trees", {"tree": [{"path": "a", "mode": "100640", "type": "blob", "content": ""}]}),
        ("POST", "pulls/1/reviews", {"event": "APPROVED"}),
        ("GET", "pulls?state=merged", None),
        ("POST", "issues/1/comments", {"text": "T"}),
    ],
    ids=["no base", "no sha", "a mode that there is not", "an event that there is not", "a state", "no body"],
)
def test_prism_would_tell_of_a_violation(prism: str, method: str, path: str, body: Any) -> None:
    told = requests.request(
        method,
        f"{prism}/repos/{ORG}/{NAME}/{path}",
        data=None if body is None else json.dumps(body),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        timeout=60,
    )
    assert told.status_code == 422, told.text
