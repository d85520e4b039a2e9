"""What the tests of the actions share: a runner that does the steps of a composite action, and a GitHub to talk to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
ACTIONS: Final = ROOT / "actions"
_HOLE: Final = re.compile(r"\$\{\{ (inputs|steps)\.([\w.-]+) \}\}")


def loaded(path: Path) -> Any:
    """Read YAML as GitHub does: every scalar is text, and `on` is a key."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes only text, lists, maps


@dataclass
class Ran:
    """How an action ended."""

    code: int
    out: str
    summary: str
    outputs: dict[str, str]


def run_action(name: str, workspace: Path, given: Mapping[str, str], **env: str) -> Ran:
    """Do the `run` steps of an action in a workspace; each has what GitHub would give it, and nothing else."""
    action = loaded(ACTIONS / name / "action.yml")
    assert given.keys() <= action["inputs"].keys()
    inputs = {key: given.get(key, one.get("default", "")) for key, one in action["inputs"].items()}
    temp = workspace.parent / "runner-temp"
    temp.mkdir(exist_ok=True)
    summary, out, code = temp / "summary.md", "", 0
    outputs: dict[str, str] = {}
    summary.write_text("")
    for step in action["runs"]["steps"]:
        if "run" not in step or code:
            continue
        output = temp / "output"
        output.write_text("")
        known = {"inputs": inputs, "steps": outputs}
        around = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "RUNNER_TEMP": str(temp),
            "GITHUB_ACTION_PATH": str(ACTIONS / name),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **env,
            **{key: filled(value, known) for key, value in step.get("env", {}).items()},
        }
        command = [step["shell"], "-e", "-c", step["run"]]
        done = subprocess.run(command, cwd=workspace, env=around, capture_output=True, text=True, timeout=120)
        out, code = f"{out}{done.stdout}{done.stderr}", done.returncode
        outputs |= {f"{step['id']}.outputs.{key}": value for key, value in told(output) if "id" in step}
    results = {key: filled(one["value"], {"steps": outputs}) for key, one in action.get("outputs", {}).items()}
    return Ran(code, out, summary.read_text(encoding="utf-8"), results)


def filled(text: str, known: Mapping[str, Mapping[str, str]]) -> str:
    """Put in what the expressions of an action stand for."""
    return _HOLE.sub(lambda found: known[found[1]].get(found[2], ""), text)


def told(output: Path) -> Iterator[tuple[str, str]]:
    """Read what a step wrote to GITHUB_OUTPUT."""
    lines = iter(output.read_text(encoding="utf-8").split("\n"))
    for line in lines:
        key, mark, end = line.partition("<<")
        if mark:
            value: list[str] = []
            for each in lines:
                if each == end:
                    break
                value.append(each)
            yield key, "\n".join(value)
        elif line:
            name, _, text = line.partition("=")
            yield name, text


@dataclass
class GitHub:
    """As much of GitHub as the actions ask for."""

    url: str = ""
    token: str = "a-token"  # noqa: S105 - of nobody
    me: str = "github-actions[bot]"
    page: int = 2
    comments: list[dict[str, Any]] = field(default_factory=list)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[int, bool]] = field(default_factory=list)
    """Answers to writes that go wrong: a status, and whether the write was done all the same."""

    def say(self, body: str, login: str | None = None) -> dict[str, Any]:
        number = len(self.comments) + 1
        made = {"id": number, "body": body, "user": {"login": login or self.me}, "html_url": f"https://x/{number}"}
        self.comments.append(made)
        return made

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "POST" and path.endswith("/issues/7/comments"):
            return 201, self.say(body["body"])
        if method == "PATCH" and "/issues/comments/" in path:
            found = self.comments[int(path.rpartition("/")[2]) - 1]
            found["body"] = body["body"]
            return 200, found
        lists = {"/issues/7/comments": self.comments, "/pulls/7/reviews": self.reviews}
        for end, items in lists.items():
            if path.endswith(end):
                return 200, items
        if path.endswith("/pulls") and "/commits/" in path:
            return 200, list(self.pulls.values())
        number = path.rpartition("/pulls/")[2]
        return (200, self.pulls[int(number)]) if number.isdigit() and int(number) in self.pulls else (404, {})

    def env(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.url, "GITREG_PAUSE": "0", "no_proxy": "*"}


class _Handler(BaseHTTPRequestHandler):
    hub: GitHub

    def do_GET(self) -> None:
        self.reply("GET")

    def do_POST(self) -> None:
        self.reply("POST")

    def do_PATCH(self) -> None:
        self.reply("PATCH")

    def reply(self, method: str) -> None:
        hub, asked = self.hub, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.calls.append((method, asked.path))
        if self.headers["Authorization"] != f"Bearer {hub.token}":
            return self.send(401, {})
        fails, is_done = hub.failures.pop(0) if method != "GET" and hub.failures else (0, True)
        status, data = hub.answer(method, asked.path, json.loads(raw or b"null")) if is_done else (0, None)
        if fails:
            return self.send(fails, {})
        if not isinstance(data, list):
            return self.send(status, data)
        number = int(parse_qs(asked.query)["page"][0])
        more = f'<{hub.url}{asked.path}?page={number + 1}>; rel="next"' if len(data) > number * hub.page else ""
        return self.send(status, data[(number - 1) * hub.page : number * hub.page], more)

    def send(self, status: int, data: Any, links: str = "") -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        if links:
            self.send_header("Link", links)
        if status == 307:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so there
        """Say nothing."""


@contextmanager
def serving(hub: GitHub) -> Iterator[GitHub]:
    """Answer as GitHub does, at an address of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
