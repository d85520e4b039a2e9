"""gitreg as a process: what only a real one can show."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import AUTHOR, namespace, new_registry, process, state_of, written


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return new_registry(tmp_path / "registry")


def test_a_registry_can_be_made_and_written(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    made = process("init", folder, "--author", AUTHOR, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["name"] == "with-a-space"
    written(tmp_path, "ns.yaml", namespace())
    done = process("register", "../ns.yaml", "--author", AUTHOR, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seq"] == 2


@pytest.mark.parametrize("words", [["--help"], ["schema", "model"], ["nosuch"], ["init", "--help"]])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_terminal_will_do(words: list[str], encoding: str) -> None:
    done = process(*words, PYTHONIOENCODING=encoding, LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == (2 if words == ["nosuch"] else 0)
    assert b"Traceback" not in done.stderr
    assert b"bug" not in done.stderr


def test_a_file_name_that_is_no_text_is_told(registry: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.yaml")
    done = process("register", name, "--repo", registry, "--author", AUTHOR, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["findings"][0]["path"] == "\\xff.yaml"
    assert b"\\xff.yaml" in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "gitreg", "schema", "model"], stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", [["schema", "--list"], ["schema", "model"], ["--help"], ["fmt", "--check", "x"]])
def test_output_that_cannot_be_written_is_an_error(tmp_path: Path, words: list[str]) -> None:
    written(tmp_path, "x/ns.yaml", namespace())
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gitreg", *words], stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, timeout=60
        )
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
    assert b"mend: free some space" in done.stderr
    assert b"Traceback" not in done.stderr


def test_closed_streams_are_no_bug() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m gitreg schema --list >&-', sys.executable], stderr=subprocess.PIPE, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_stdin_is_told(registry: Path) -> None:
    script = 'exec "$0" -m gitreg register - --repo "$1" --author "$2" <&-'
    done = subprocess.run(["sh", "-c", script, sys.executable, registry, AUTHOR], capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"<stdin>: error GR-001 unreadable: stdin is closed" in done.stderr


def _no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_disk_without_room_changes_nothing(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "ns.yaml", namespace())
    before = state_of(registry)
    done = subprocess.run(
        [sys.executable, "-m", "gitreg", "register", file, "--repo", registry, "--author", AUTHOR],
        capture_output=True,
        preexec_fn=_no_room,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
    )
    assert done.returncode == 2
    assert b"could not be written; nothing has changed" in done.stderr
    assert b"mend: " in done.stderr
    assert state_of(registry) == before


def test_a_read_only_disk_changes_nothing(registry: Path, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    file = written(tmp_path, "ns.yaml", namespace())
    script = (
        'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; '
        '"$0" -m gitreg register "$2" --repo "$1" --author "$3"'
    )
    before = state_of(registry)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, sys.executable, registry, file, AUTHOR],
        capture_output=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
    )
    if done.returncode in (1, 99) and b"gitreg" not in done.stderr.replace(str(registry).encode(), b""):
        pytest.skip(f"mounting is not allowed here: {done.stderr.decode()}")
    assert done.returncode == 2, done.stderr
    assert b"Read-only file system" in done.stderr
    assert b"mend: mount the file system read-write" in done.stderr
    assert state_of(registry) == before
