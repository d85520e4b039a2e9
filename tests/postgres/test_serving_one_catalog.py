"""API processes on one catalog: both follow, one takes over where the other is killed, PostgreSQL may be restarted."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from index_support import commit, found, model
from postgres_server import Server

from gitreg.registry import Registry


@dataclass
class Served:
    """A server that runs."""

    url: str
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def version_at(self, seq: int) -> str:
        """Ask for a record as soon as a commit is served."""
        until = time.monotonic() + 60
        while True:
            answer = httpx.get(f"{self.url}/api/v1/models/acme/a?min_seq={seq}", timeout=30)
            if answer.status_code == 200 or time.monotonic() > until:
                assert answer.status_code == 200, answer.text
                return str(answer.json()["metadata"]["version"])

    def found_at(self, seq: int) -> set[str]:
        """Search for all models once the search has come to a commit."""
        until = time.monotonic() + 60
        while True:
            answer = httpx.get(f"{self.url}/api/v1/search?kind=Model&limit=500", timeout=30)
            assert answer.status_code == 200, answer.text
            if answer.json()["seq"] >= seq or time.monotonic() > until:
                assert answer.json()["seq"] >= seq, answer.text
                return {item["registry"]["ref"] for item in answer.json()["items"]}
            time.sleep(0.02)


@contextmanager
def served(registry: Registry, folder: Path, address: str) -> Iterator[Served]:
    """Serve a registry in a process of its own; end it by its own pid."""
    words = ["serve", "--repo", str(registry.repo.git_dir), "--index", str(folder), "--catalog", address, "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gitreg", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line)
            if url := re.search(r"at (http://\S+)", line):
                break
        else:
            raise AssertionError(f"it never said its URL: {said}")
        reading = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
        reading.start()
        yield Served(url.group(1), process, said)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, said
            reading.join(30)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        process.stdout.close()


def turned(registry: Registry, turn: int) -> int:
    """Commit a turn: `a` has one more version; give the commit's seq."""
    commit(registry.repo, {**model("a", f"{turn}.0.0"), **model(f"m{turn}")})
    return registry.repo.seq(registry.repo.tip() or "")


def all_of(turns: int) -> set[str]:
    own = {f"model:acme/a@{turn}.0.0" for turn in range(turns + 1)}
    return own | {f"model:acme/m{turn}@1.0.0" for turn in range(turns + 1)}


def test_two_servers_on_one_catalog_follow_every_commit(tmp_path: Path, database: str) -> None:
    address = f"{database}?schema=serving"
    registry = found(tmp_path / "r")
    turned(registry, 0)
    with served(registry, tmp_path / "1", address) as one, served(registry, tmp_path / "2", address) as two:
        for turn in range(1, 16):
            seq = turned(registry, turn)
            for each in (one, two):
                assert each.version_at(seq) == f"{turn}.0.0"
        for each in (one, two):
            assert each.found_at(seq) == all_of(15)
            ready = httpx.get(f"{each.url}/readyz").json()
            assert (ready["behind"], ready["following"]["fault"]) == (False, None)
    for each in (one, two):
        assert "Traceback" not in "".join(each.said)
        assert "ERROR" not in "".join(each.said)


def test_where_one_server_is_killed_the_other_goes_on(tmp_path: Path, database: str) -> None:
    address = f"{database}?schema=killing"
    registry = found(tmp_path / "r")
    turned(registry, 0)
    turn = 0
    with ExitStack() as running:
        alive = running.enter_context(served(registry, tmp_path / "0", address))
        for number in range(1, 5):
            beside = running.enter_context(served(registry, tmp_path / f"{number}", address))
            for _ in range(3):
                turn += 1
                seq = turned(registry, turn)
            alive.process.kill()  # it may be writing just now, or the other one is
            assert beside.version_at(seq) == f"{turn}.0.0"
            assert beside.found_at(seq) == all_of(turn)
            assert "Traceback" not in "".join(beside.said)
            alive = beside


def test_servers_outlive_a_restart_of_postgresql(tmp_path: Path, server: Server) -> None:
    address = f"{server.address()}?schema=restarting"
    registry = found(tmp_path / "r")
    turned(registry, 0)
    over = threading.Event()

    def ask(url: str) -> set[int]:
        codes = set()
        with httpx.Client(base_url=url, timeout=60) as client:
            while not over.is_set():
                codes.add(client.get("/api/v1/models/acme/a").status_code)
        return codes

    seen: list[set[int]] = []
    with served(registry, tmp_path / "1", address) as one, served(registry, tmp_path / "2", address) as two:
        asking = [threading.Thread(target=lambda url=each.url: seen.append(ask(url))) for each in (one, two)]
        for thread in asking:
            thread.start()
        try:
            for turn in range(1, 7):
                seq = turned(registry, turn)
                if turn % 2:
                    server.restart()
                for each in (one, two):
                    assert each.version_at(seq) == f"{turn}.0.0"
                    assert each.found_at(seq) == all_of(turn)
        finally:
            over.set()
            for thread in asking:
                thread.join()
    assert all(codes <= {200, 503} for codes in seen), seen
    for each in (one, two):
        said = "".join(each.said)
        assert "Traceback" not in said
        assert server.password not in said
