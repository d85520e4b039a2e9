"""What the tests of watching share: remotes made by hand, `gitreg index watch` as a process, and waiting for things."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from index_support import commit, found, model

from gitreg.registry import Registry
from gitreg.repository.fetching import Remote
from gitreg.repository.git import GitRepository
from gitreg_indexer.news import CaughtUp, Faults, News, Over, Remark, Trouble, Waiting
from gitreg_indexer.polling import Poller

DEADLINE: Final = 90.0
"""Seconds after which what is waited for counts as not coming; nothing is slow enough to need them."""


def until(is_so: Callable[[], Any], what: str | Callable[[], str] = "it") -> Any:
    """Wait for something to become true, and give it; `what` says what did not come, as it then is."""
    ends = time.monotonic() + DEADLINE
    while time.monotonic() < ends:
        seen = is_so()
        if seen:
            return seen
        time.sleep(0.01)
    raise AssertionError(f"{what if isinstance(what, str) else what()} did not come")


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Example Author", "-c", "user.email=author@example.com")
    done = subprocess.run(["git", "-C", str(folder), *who, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Upstream:
    """A registry that others follow, and a mirror of it that is served from."""

    far: Registry
    near: Registry

    @property
    def far_dir(self) -> Path:
        return self.far.repo.git_dir

    @property
    def near_dir(self) -> Path:
        return self.near.repo.git_dir

    def land(self, name: str) -> str:
        """Commit a model far away."""
        return commit(self.far.repo, model(name))

    def rewrite(self, name: str = "other") -> str:
        """Replace the last commit far away by another one."""
        tip = self.far.repo.tip() or ""
        git(self.far_dir, "update-ref", "refs/heads/main", f"{tip}~1")
        return commit(self.far.repo, model(name))

    def count_fetches(self, folder: Path) -> Callable[[], int]:
        """Have each fetch leave a line; gives what counts them."""
        log, script = folder / "fetches.log", folder / "upload-pack.sh"
        script.write_text(f'#!/bin/sh\necho fetch >> "{log}"\nexec git-upload-pack "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        git(self.near_dir, "config", "remote.origin.uploadpack", str(script))
        return lambda: log.read_text(encoding="utf-8").count("fetch") if log.exists() else 0


def upstream(folder: Path, *words: str) -> Upstream:
    """Make a registry with a model, and a clone of it; `words` say how it is cloned, as a mirror unless they do."""
    far = found(folder / "far.git")
    commit(far.repo, model("first"))
    near = folder / "near"
    git(folder, "clone", "--quiet", *(words or ("--mirror",)), str(far.repo.git_dir), str(near))
    return Upstream(far, Registry(GitRepository.open(near)))


@dataclass
class Heard:
    """Keeps what is told."""

    news: list[News] = field(default_factory=list)

    def __call__(self, news: News) -> None:
        self.news.append(news)

    def of(self, *sorts: type[News]) -> list[Any]:
        return [each for each in self.news if isinstance(each, sorts)]

    @property
    def troubles(self) -> list[str]:
        return [each.fault.says for each in self.of(Trouble)]

    @property
    def sorts(self) -> list[str]:
        """Name the news without the remarks, in order."""
        return [type(each).__name__ for each in self.of(CaughtUp, Trouble, Over, Waiting)]

    @property
    def remarks(self) -> list[str]:
        return [each.says for each in self.of(Remark)]


def round_of(both: Upstream) -> None:
    """Ask the remote once, as whoever watches does."""
    tell, remote = Heard(), Remote.open(both.near.repo, "origin")
    ended = threading.Event()
    Poller(remote, every=0, faults=Faults(tell), tell=tell, ring=lambda: None, ended=ended, patience=60.0).turn()


@dataclass
class Watching:
    """`gitreg index watch` in a process of its own, and what it has said so far."""

    process: subprocess.Popen[bytes]
    lines: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def err(self) -> str:
        return "".join(self.said)

    def at(self, tip: str) -> dict[str, Any]:
        """Wait until it has caught up to a commit; give the line that said so."""

        def line() -> dict[str, Any] | None:
            assert self.process.poll() is None or self.lines, self.err
            return next((each for each in self.lines if each["commit"] == tip), None)

        found_line: dict[str, Any] = until(line, lambda: f"{tip} among {self.lines}, {self.err}")
        return found_line

    def says(self, words: str) -> None:
        """Wait until it has said something on stderr."""
        until(lambda: words in self.err, lambda: f"{words!r} in {self.err!r}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by its own pid, and give its exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # has it print where its threads are
            self.process.wait(DEADLINE)
            raise AssertionError(f"{signal.Signals(number).name} does not end it: {self.err}") from None


@contextmanager
def watching(repo: Path, *words: str | Path) -> Iterator[Watching]:
    """Run `gitreg index watch --json` until the block ends."""
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "gitreg",
        "index",
        "watch",
        "--repo",
        str(repo),
        "--json",
        *map(str, words),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))
    running = Watching(process)
    readers = [
        threading.Thread(target=_read, args=(process.stdout, lambda text: running.lines.append(json.loads(text)))),
        threading.Thread(target=_read, args=(process.stderr, running.said.append)),
    ]
    for reader in readers:
        reader.start()
    try:
        running.says("watching ")
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE)
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def _read(stream: Any, take: Callable[[str], object]) -> None:
    for line in stream:
        take(line.decode())
