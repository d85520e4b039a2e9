"""What the tests of the server share: `gitreg serve` in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    """A server that runs, and how it ended."""

    url: str
    process: subprocess.Popen[str]
    said: list[str]
    code: int | None = None


@contextmanager
def served(*words: str | Path) -> Iterator[Served]:
    """Run gitreg in a process of its own until it has said its URL; end it by its own pid."""
    command = [sys.executable, "-m", "gitreg", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said: list[str] = []
    try:
        running = Served(_url(process, said), process, said)
        yield running
        process.send_signal(signal.SIGTERM)
        said.append(process.stdout.read())
        running.code = process.wait(20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)
        process.stdout.close()


def _url(process: subprocess.Popen[str], said: list[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"at (http://\S+)", line):
            return found.group(1)
    raise AssertionError(f"it never said its URL: {said}")
