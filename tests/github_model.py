"""A small model of GitHub for tests: the calls that gitreg makes, over a real bare repository, with faults on demand.

- It keeps GitHub's rules that matter here: refs move by fast-forward unless forced, a branch has one open pull
  request, a pull request is merged when its head is on the base branch.
- A fault is for the next calls that match it: a status, an answer that comes too late, or is lost after the work was
  done.
"""
# ruff: noqa: ARG002 - every handler takes the same words

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pygit2

OWNER, NAME = "acme", "registry"
URL = f"https://github.com/{OWNER}/{NAME}.git"
TOKEN = "secret-token-value"  # noqa: S105 - it opens nothing
WHEN = "2026-01-02T03:04:05Z"
PER_PAGE = 30

Answer = tuple[int, Any]


@dataclass
class Fault:
    """What happens to the next `times` calls of a method and a path: `status`, a wait, or a lost answer."""

    method: str
    path: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "a fault"
    answer: Any = None
    hangs: float = 0.0
    loses_answer: bool = False
    before: Callable[[], None] | None = None
    times: int = 1


@dataclass(frozen=True)
class Call:
    """A call that came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


class GitHubModel:
    """The state: a repository, pull requests, reviews, comments."""

    def __init__(self, folder: Path) -> None:
        self.repo = pygit2.Repository(str(folder))
        self.pulls: dict[int, dict[str, Any]] = {}
        self.reviews: dict[int, list[dict[str, Any]]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.login = "author"
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.url = ""
        self.is_protected = False
        self.lock = threading.RLock()

    # What people do beside gitreg

    def review(self, number: int, login: str, state: str = "APPROVED", **words: Any) -> None:
        """Let somebody review a pull request's head as it is now."""
        head = self.tip(self.pulls[number]["branch"])
        review = {
            "id": 80 + len(self.reviews[number]),
            "user": {"login": login, "type": "User"},
            "author_association": "MEMBER",
            "state": state,
            "commit_id": head,
            "body": "",
            "submitted_at": WHEN,
            **words,
        }
        self.reviews[number].append(review)

    def tip(self, branch: str) -> str:
        return str(self.repo.references[f"refs/heads/{branch}"].target)

    # Calls

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Answer a call."""
        for verb, pattern, handle in self._routes():
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                with self.lock:
                    self._see_merges()
                    status, said = handle(found.groupdict(), query, body)
                    self._see_merges()
                    return status, said
        return 404, {"message": f"Not Found: {method} {path}"}

    def _routes(self) -> Iterator[tuple[str, str, Callable[[dict[str, str], dict[str, str], Any], Answer]]]:
        top = f"/repos/{OWNER}/{NAME}"
        yield "GET", "/user", lambda _, __, ___: (200, {"login": self.login, "type": "User"})
        yield "GET", f"{top}/git/ref/heads/(?P<branch>.+)", self._get_ref
        yield "POST", f"{top}/git/refs", self._post_ref
        yield "PATCH", f"{top}/git/refs/heads/(?P<branch>.+)", self._patch_ref
        yield "POST", f"{top}/git/trees", self._post_tree
        yield "GET", f"{top}/git/commits/(?P<sha>[0-9a-f]+)", self._get_commit
        yield "POST", f"{top}/git/commits", self._post_commit
        yield "GET", f"{top}/compare/(?P<base>[^.]+)\\.\\.\\.(?P<head>.+)", self._compare
        yield "GET", f"{top}/pulls", self._list_pulls
        yield "POST", f"{top}/pulls", self._post_pull
        yield "GET", f"{top}/pulls/(?P<n>\\d+)", self._get_pull
        yield "PATCH", f"{top}/pulls/(?P<n>\\d+)", self._patch_pull
        yield "GET", f"{top}/pulls/(?P<n>\\d+)/reviews", lambda at, _, __: (200, self.reviews[int(at["n"])])
        yield "POST", f"{top}/pulls/(?P<n>\\d+)/reviews", self._post_review
        yield "GET", f"{top}/issues/(?P<n>\\d+)/comments", lambda at, _, __: (200, self.comments[int(at["n"])])
        yield "POST", f"{top}/issues/(?P<n>\\d+)/comments", self._post_comment
        yield "PATCH", f"{top}/issues/comments/(?P<n>\\d+)", self._patch_comment

    def _get_ref(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        name = f"refs/heads/{at['branch']}"
        found = self.repo.references.get(name)
        if found is None:
            return 404, {"message": "Not Found"}
        return 200, {"ref": name, "object": {"type": "commit", "sha": str(found.target)}}

    def _post_ref(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if self.repo.references.get(body["ref"]) is not None:
            return 422, {"message": "Reference already exists"}
        self.repo.references.create(body["ref"], pygit2.Oid(hex=body["sha"]))
        return 201, {"ref": body["ref"], "object": {"type": "commit", "sha": body["sha"]}}

    def _patch_ref(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        name = f"refs/heads/{at['branch']}"
        old, new = str(self.repo.references[name].target), body["sha"]
        if self.is_protected:
            return 422, {"message": 'Required status check "gate" is expected.'}
        if not body.get("force") and old != new and not self.repo.descendant_of(new, old):
            return 422, {"message": "Update is not a fast forward"}
        self.repo.references[name].set_target(pygit2.Oid(hex=new))
        return 200, {"ref": name, "object": {"type": "commit", "sha": new}}

    def _post_tree(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        index = pygit2.Index()
        index.read_tree(self.repo[body["base_tree"]].peel(pygit2.Tree))
        for entry in body["tree"]:
            if entry.get("sha", "") is None:
                index.remove(entry["path"])
                continue
            sha = entry.get("sha") or self.repo.create_blob(entry["content"].encode())
            oid = sha if isinstance(sha, pygit2.Oid) else pygit2.Oid(hex=sha)
            if oid not in self.repo.odb:
                return 422, {"message": f"tree.sha {oid} is not a valid blob"}
            index.add(pygit2.IndexEntry(entry["path"], oid, pygit2.enums.FileMode(int(entry["mode"], 8))))
        return 201, {"sha": str(index.write_tree(self.repo))}

    def _get_commit(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        commit = self.repo[at["sha"]].peel(pygit2.Commit)
        return 200, {"sha": at["sha"], "tree": {"sha": str(commit.tree_id)}}

    def _post_commit(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        def who(said: dict[str, str]) -> pygit2.Signature:
            seconds = int(time.mktime(time.strptime(said["date"][:19], "%Y-%m-%dT%H:%M:%S")))
            return pygit2.Signature(said["name"], said["email"], seconds, 0)

        author, committer = who(body["author"]), who(body["committer"])
        parents = [pygit2.Oid(hex=parent) for parent in body["parents"]]
        tree = pygit2.Oid(hex=body["tree"])
        oid = self.repo.create_commit(None, author, committer, body["message"], tree, parents)
        return 201, {"sha": str(oid), "tree": {"sha": body["tree"]}}

    def _compare(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        base, head = at["base"], at["head"]
        if base == head:
            status = "identical"
        elif self.repo.descendant_of(head, base):
            status = "ahead"
        else:
            status = "behind" if self.repo.descendant_of(base, head) else "diverged"
        return 200, {"status": status}

    def _list_pulls(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        state, head = query.get("state", "open"), query.get("head")
        found = [self._pull(n) for n in sorted(self.pulls, reverse=True)]
        found = [pull for pull in found if state in ("all", pull["state"])]
        if head:
            found = [pull for pull in found if f"{OWNER}:{pull['head']['ref']}" == head]
        return 200, found

    def _post_pull(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if any(pull["branch"] == body["head"] and pull["state"] == "open" for pull in self.pulls.values()):
            return 422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]}
        number = 1 + len(self.pulls)
        self.pulls[number] = {
            "title": body["title"],
            "body": body["body"],
            "branch": body["head"],
            "base": body["base"],
            "base_sha": self.tip(body["base"]),
            "state": "open",
            "merged_at": None,
            "merge": None,
        }
        self.reviews[number], self.comments[number] = [], []
        return 201, self._pull(number)

    def _pull(self, number: int) -> dict[str, Any]:
        pull = self.pulls[number]
        head = pull.get("head") or self.tip(pull["branch"])
        ref = f"refs/pull/{number}/head"
        if pull.get("seen") != head:
            self.repo.references.create(ref, pygit2.Oid(hex=head), force=True)
            pull["seen"] = head
        return {
            "number": number,
            "title": pull["title"],
            "body": pull["body"],
            "user": {"login": pull.get("user", self.login), "type": "User"},
            "state": pull["state"],
            "merged_at": pull["merged_at"],
            "merge_commit_sha": pull["merge"],
            "head": {"ref": pull["branch"], "sha": head},
            "base": {"ref": pull["base"], "sha": pull["base_sha"]},
            "created_at": WHEN,
            "updated_at": WHEN,
            "html_url": f"https://github.com/{OWNER}/{NAME}/pull/{number}",
        }

    def _get_pull(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        number = int(at["n"])
        return (200, self._pull(number)) if number in self.pulls else (404, {"message": "Not Found"})

    def _patch_pull(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        self.pulls[int(at["n"])].update(body)
        return 200, self._pull(int(at["n"]))

    def _post_review(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        number = int(at["n"])
        if self.login == self._pull(number)["user"]["login"]:
            return 422, {"message": "Unprocessable Entity", "errors": ["Can not approve your own pull request"]}
        self.review(number, self.login, body=body["body"], commit_id=body["commit_id"])
        return 200, self.reviews[number][-1]

    def _post_comment(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        number = int(at["n"])
        ident = 1000 + sum(map(len, self.comments.values()))
        self.comments[number].append({"id": ident, "body": body["body"], "user": {"login": self.login, "type": "User"}})
        return 201, self.comments[number][-1]

    def _patch_comment(self, at: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        for comment in (each for some in self.comments.values() for each in some):
            if comment["id"] == int(at["n"]):
                comment["body"] = body["body"]
                return 200, comment
        return 404, {"message": "Not Found"}

    def _see_merges(self) -> None:
        main = self.tip("main")
        for number, pull in self.pulls.items():
            if pull["state"] == "open" and self.repo.references.get(f"refs/heads/{pull['branch']}") is not None:
                head = self.tip(pull["branch"])
                if head == main or self.repo.descendant_of(main, head):
                    pull.update(state="closed", merged_at=WHEN, merge=main, head=head)
                    self._pull(number)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):  # whoever asked did not wait
            self.close_connection = True

    def _serve(self) -> None:
        model = self.server.model
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        model.calls.append(Call(self.command, path, query, body, headers))
        fault = self._fault(path)
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.status is not None:
            said = {"message": fault.message} if fault.answer is None else fault.answer
            self._send(fault.status, said, fault.headers)
            return
        if headers.get("authorization") != f"token {TOKEN}":
            self._send(401, {"message": "Bad credentials"}, {})
            return
        status, said = model.answer(self.command, path, query, body)
        if fault is not None and fault.hangs:
            time.sleep(fault.hangs)
        if fault is not None and fault.loses_answer:
            self.close_connection = True
            self.connection.close()
            return
        self._send_page(status, said, path, query) if isinstance(said, list) else self._send(status, said, {})

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the names are http.server's

    def _fault(self, path: str) -> Fault | None:
        for fault in self.server.model.faults:
            if fault.times > 0 and fault.method == self.command and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def _send_page(self, status: int, items: list[Any], path: str, query: dict[str, str]) -> None:
        page, size = int(query.get("page", "1")), int(query.get("per_page", str(PER_PAGE)))
        headers = {}
        if page * size < len(items):
            words = "&".join(f"{name}={value}" for name, value in {**query, "page": str(page + 1)}.items())
            headers["Link"] = f'<{self.server.model.url}{path}?{words}>; rel="next"'
        self._send(status, items[(page - 1) * size : page * size], headers)

    def _send(self, status: int, data: Any, headers: dict[str, str]) -> None:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: GitHubModel) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that a fault closed."""


@contextmanager
def serving(model: GitHubModel) -> Iterator[GitHubModel]:
    """Serve a model on a port of its own."""
    server = _Server(model)
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
