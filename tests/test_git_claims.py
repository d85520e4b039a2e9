"""A writer that is killed while it holds Git's lock of a ref leaves nothing in the next one's way; other locks stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.errors import ConflictError
from gitreg.repository import claims, writing
from gitreg.repository.claims import FOLDER, claimed
from gitreg.repository.git import GitRepository
from gitreg.repository.writing import advance

MAIN = "refs/heads/main"

DYING = """
import os, signal, sys
from pathlib import Path
from pygit2.transaction import ReferenceTransaction
from gitreg.repository.git import GitRepository
from gitreg.repository.writing import advance

repo = GitRepository.open(sys.argv[1])

def die(transaction, name, new, **_):
    if sys.argv[4] == "written":
        Path(repo.git_dir, name + ".lock").write_text(f"{new}\\n")
    os.kill(os.getpid(), signal.SIGKILL)

ReferenceTransaction.set_target = die
advance(repo, new=sys.argv[2], old=sys.argv[3] or None, message="m")
"""


@pytest.fixture
def two(repo: GitRepository, commit_to: Callable[..., str]) -> tuple[str, str]:
    """Two commits, the first of which is the branch's."""
    first = commit_to(repo, {"a": b"1"})
    second = commit_to(repo, {"a": b"2"})
    repo.handle.references[MAIN].set_target(first)
    return first, second


def die(repo: GitRepository, new: str, old: str, at: str) -> Path:
    """Have a process die with the lock of main in its hands; gives the lock that it leaves."""
    dead = subprocess.run([sys.executable, "-c", DYING, str(repo.git_dir), new, old, at], timeout=60, check=False)
    assert dead.returncode == -signal.SIGKILL
    lock = repo.git_dir / f"{MAIN}.lock"
    assert lock.exists()
    return lock


def claim_file(repo: GitRepository) -> Path:
    (file,) = (repo.state_dir / FOLDER).iterdir()
    return file


@pytest.mark.parametrize("at", ["locked", "written"])
def test_the_lock_of_a_killed_writer_is_cleared_away(repo: GitRepository, two: tuple[str, str], at: str) -> None:
    first, second = two
    lock = die(repo, second, first, at)
    advance(repo, new=second, old=first, message="m")
    assert repo.tip() == second
    assert not lock.exists()
    assert claim_file(repo).read_bytes() == b""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lock: lock.write_text("0" * 40 + "\n"), id="another content"),
        pytest.param(lambda lock: (lock.unlink(), lock.with_suffix(".x").touch(), lock.touch()), id="another file"),
        pytest.param(lambda lock: os.utime(lock, ns=(1, 1)), id="touched since"),
    ],
)
def test_a_lock_that_is_not_the_dead_ones_stays(
    repo: GitRepository, two: tuple[str, str], change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    lock = die(repo, second, first, "locked")
    change(lock)
    monkeypatch.setattr(writing, "LOCK_PATIENCE", 0.05)
    with pytest.raises(ConflictError) as caught:
        advance(repo, new=second, old=first, message="m")
    assert f"rm {lock}" in caught.value.mend
    assert (repo.tip(), lock.exists()) == (first, True)


@pytest.mark.parametrize("said", [b"", b"what is this", b"1 2 3", b"\xff" * 300])
def test_a_claim_that_says_nothing_of_use_is_no_leave_to_remove_a_lock(
    repo: GitRepository, two: tuple[str, str], said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    lock = die(repo, second, first, "locked")
    claim_file(repo).write_bytes(said)
    monkeypatch.setattr(writing, "LOCK_PATIENCE", 0.05)
    with pytest.raises(ConflictError):
        advance(repo, new=second, old=first, message="m")
    assert lock.exists()


def test_a_claim_of_another_machine_is_no_leave_and_is_kept(
    repo: GitRepository, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    lock = die(repo, second, first, "locked")
    said = claim_file(repo).read_bytes()
    monkeypatch.setattr(claims, "_machine", lambda: "another")
    monkeypatch.setattr(writing, "LOCK_PATIENCE", 0.05)
    with pytest.raises(ConflictError):
        advance(repo, new=second, old=first, message="m")
    assert lock.exists()
    assert claim_file(repo).read_bytes() == said
    monkeypatch.undo()
    advance(repo, new=second, old=first, message="m")
    assert repo.tip() == second


def test_a_child_that_was_forked_meanwhile_holds_no_claim(repo: GitRepository, two: tuple[str, str]) -> None:
    first, second = two
    until, over = os.pipe()
    with claimed(repo, MAIN) as claim:
        assert claim is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking where there are threads, from 3.12 on
            child = os.fork()
        if not child:
            os.close(over)
            os.read(until, 1)
            os._exit(0)
    try:
        with claimed(repo, MAIN) as again:
            assert again is not None
        advance(repo, new=second, old=first, message="m")
    finally:
        os.close(over)
        os.close(until)
        os.waitpid(child, 0)


def test_a_claim_that_another_holds_is_waited_for(
    repo: GitRepository, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    monkeypatch.setattr(writing, "LOCK_PATIENCE", 0.05)
    with claimed(repo, MAIN) as claim:
        assert claim is not None
        with pytest.raises(ConflictError, match="another gitreg process is moving the branch") as caught:
            advance(repo, new=second, old=first, message="m")
        assert "rm " not in caught.value.mend
    advance(repo, new=second, old=first, message="m")
    assert repo.tip() == second


def test_where_no_claim_can_be_had_refs_move_without(repo: GitRepository, two: tuple[str, str]) -> None:
    first, second = two
    (repo.state_dir / FOLDER / "x").mkdir(parents=True, exist_ok=True)
    for file in (repo.state_dir / FOLDER).iterdir():
        file.unlink() if file.is_file() else file.rmdir()
    (repo.state_dir / FOLDER).rmdir()
    (repo.state_dir / FOLDER).write_bytes(b"a file is in the way")
    advance(repo, new=second, old=first, message="m")
    assert repo.tip() == second


@pytest.mark.parametrize("after", ["lock_ref", "pwrite"])
def test_who_is_killed_before_it_says_which_lock_is_its_own_is_swept_up_after(
    repo: GitRepository, two: tuple[str, str], after: str
) -> None:
    first, second = two
    place = "ReferenceTransaction.lock_ref" if after == "lock_ref" else "os.pwrite"
    code = f"""
import os, signal, sys
from pygit2.transaction import ReferenceTransaction
from gitreg.repository.git import GitRepository
from gitreg.repository.writing import advance

real, calls = {place}, []

def die(*words):
    real(*words)
    calls.append(words)
    if len(calls) == {1 if after == "lock_ref" else 2}:
        os.kill(os.getpid(), signal.SIGKILL)

{place} = die
advance(GitRepository.open(sys.argv[1]), new=sys.argv[2], old=sys.argv[3], message="m")
"""
    dead = subprocess.run([sys.executable, "-c", code, str(repo.git_dir), second, first], timeout=60, check=False)
    assert dead.returncode == -signal.SIGKILL
    assert (repo.git_dir / f"{MAIN}.lock").exists()
    advance(repo, new=second, old=first, message="m")
    assert repo.tip() == second


def test_an_empty_lock_that_came_long_after_is_not_swept_up(
    repo: GitRepository, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    monkeypatch.setattr(writing, "LOCK_PATIENCE", 1.5)
    with claimed(repo, MAIN) as claim:
        assert claim is not None
        claim.intends()
        said = claim_file(repo).read_bytes()
    machine, word, since = said.decode().split()
    lock = repo.git_dir / f"{MAIN}.lock"
    lock.touch()
    claim_file(repo).write_text(f"{machine} {word} {int(since) - 3_000_000_000}\n")
    with pytest.raises(ConflictError, match="holds the lock"):
        advance(repo, new=second, old=first, message="m")
    assert lock.exists()
