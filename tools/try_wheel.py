#!/usr/bin/env python3
"""Use the installed wheel as a new user would: no checkout in sight, every step through the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any, Final

START_WITHIN: Final = 60.0
"""Seconds that the server may take to say where it serves."""


def gitreg(*words: str, cwd: Path) -> Any:
    """Run a command and give what it printed as JSON, or as text where it is not JSON."""
    ran = subprocess.run([sys.executable, "-m", "gitreg", *words], cwd=cwd, check=True, capture_output=True, text=True)
    try:
        return json.loads(ran.stdout)
    except ValueError:
        return ran.stdout


def expect(what: str, *, holds: bool) -> None:
    """Stop with the name of what does not hold."""
    if not holds:
        sys.exit(f"the wheel does not work: {what}")


@contextmanager
def serving(repo: str, cwd: Path) -> Iterator[str]:
    """Serve a registry on a free port for a while; gives the URL that the server prints."""
    words = [sys.executable, "-m", "gitreg", "serve", "--repo", repo, "--port", "0"]
    with subprocess.Popen(words, cwd=cwd, stderr=subprocess.PIPE, text=True) as server:
        deadline = Timer(START_WITHIN, server.kill)
        deadline.start()
        try:
            yield _url_said_by(server)
        finally:
            deadline.cancel()
            server.terminate()


def _url_said_by(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None  # noqa: S101 - it is a pipe
    said = ""
    for line in server.stderr:
        said += line
        found = re.search(r"http://\S+", line)
        if found:
            return found[0]
    sys.exit(f"the wheel does not work: serve\n{said}")


def get(url: str) -> str:
    """Give the body of an answer."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the server that was started here
        body: bytes = answer.read()
    return body.decode()


def main() -> None:
    """Make a registry, put a record in and find it again; build the demo and serve it."""
    with tempfile.TemporaryDirectory(prefix="gitreg wheel ") as folder:
        where = Path(folder)
        author = ("--author", "Example Author <author@example.com>")
        expect("--version", holds="gitreg" in gitreg("--version", cwd=where))
        gitreg("init", "registry", *author, cwd=where)
        (where / "policy.yaml").write_text(gitreg("schema", "policy", "--example", cwd=where))
        landed = gitreg("register", "policy.yaml", "--repo", "registry", *author, "--json", cwd=where)
        expect("register", holds=landed["records"][0]["status"] == "registered")
        found = gitreg("search", "licence", "--repo", "registry", "--json", cwd=where)
        expect("search", holds=found["total"] == 1)
        gitreg("demo", "demo", "--no-serve", cwd=where)
        expect("demo", holds=gitreg("search", "--repo", "demo", "--kind", "model", "--json", cwd=where)["total"] > 20)
        with serving("demo", where) as url:
            expect("the page", holds="<html" in get(f"{url}/").lower())
            expect("openapi.json", holds="paths" in json.loads(get(f"{url}/openapi.json")))
            expect("the API", holds=len(json.loads(get(f"{url}/api/v1/models?limit=1"))["items"]) == 1)
    print("the wheel works")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
