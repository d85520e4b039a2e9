"""What the tests of the command line share: running it in this process or another, and what a registry is like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gitreg.cli import main

AUTHOR = "Example Author <author@example.com>"


@dataclass(frozen=True)
class Run:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return self.json["error"]


def run(*words: str | Path, stdin: bytes = b"", encoding: str = "utf-8") -> Run:
    """Call gitreg in this process."""
    streams = [TextIOWrapper(BytesIO(data), encoding=encoding) for data in (stdin, b"", b"")]
    source, out, err = streams
    with patch.object(sys, "stdin", source), redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in words])
    return Run(code, _text_of(out), _text_of(err))


def _text_of(stream: TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, BytesIO)
    return buffer.getvalue().decode("utf-8")


def fine(*words: str | Path, stdin: bytes = b"") -> Run:
    """Call gitreg, which must end well."""
    done = run(*words, stdin=stdin)
    assert done.code == 0, done.err
    return done


def process(*words: str | Path, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Call gitreg in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gitreg", *map(str, words)],
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **env},
        timeout=60,
    )


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout


def state_of(folder: Path) -> tuple[str, str]:
    """Give what must not change when a call is refused: the tip, and the work tree against it."""
    return git(folder, "rev-parse", "main"), git(folder, "status", "--porcelain", "--ignored")


def new_registry(folder: Path, *words: str) -> Path:
    fine("init", folder, "--author", AUTHOR, *words)
    return folder


def namespace(name: str = "acme") -> str:
    return (
        f"apiVersion: gitreg/v1\nkind: Namespace\nmetadata:\n  name: {name}\nspec:\n  owners:\n  - author@example.com\n"
    )


def model(version: str = "1.0.0", *, name: str = "chat", more: str = "", digest: str = "") -> str:
    """Give a model's manifest; `more` is put below its metadata."""
    digest = digest or sha256(f"{name} {version}".encode()).hexdigest()
    return (
        "apiVersion: gitreg/v1\nkind: Model\nmetadata:\n"
        f"  namespace: acme\n  name: {name}\n  version: {version}\n{more}"
        "spec:\n  provider: openai\n  type: completion\n  checksum:\n    of: artifact\n"
        f"    digest: {digest}\n"
    )


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, with the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def registered(folder: Path, *texts: str) -> None:
    """Register manifests given as text."""
    for text in texts:
        fine("register", "-", "--repo", folder, "--author", AUTHOR, stdin=text.encode())
