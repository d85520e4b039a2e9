"""Files read by several processes come back in order and as they would from one; what goes wrong there is told here."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from index_support import cold, commit, found, model, said

from gitreg.errors import GitregError, RepositoryError, UsageError
from gitreg.registry import Registry
from gitreg_indexer import Index, building, parsing
from gitreg_indexer.parsing import Crew, _Member

BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
TASKS: Final = """
import os, pickle, sys, time
from gitreg.errors import RepositoryError
from gitreg_indexer import parsing

class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)

def fail(word):
    if word == "gitreg":
        raise RepositoryError("it is damaged", where="here", got="this", mend="do that")
    if word == "value":
        raise ValueError("a value")
    if word == "odd":
        raise Odd(1, 2)
    if word == "end":
        os._exit(7)
    if word == "slow":
        time.sleep(0.05)
    return word, os.getpid()

parsing.TASKS["echo"] = lambda: fail
parsing.TASKS["refuse"] = lambda: (_ for _ in ()).throw(RepositoryError("no repository", mend="make one"))
parsing.main()
"""


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Have the processes know the tasks of these tests; gives the processes that were started."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(command: Sequence[str], **named: Any) -> subprocess.Popen[bytes]:
        process = real([command[0], "-c", TASKS], **named)
        started.append(process)
        return process

    monkeypatch.setattr("gitreg_indexer.parsing.subprocess.Popen", start)
    monkeypatch.setattr("gitreg_indexer.parsing.ENOUGH", 0)
    yield started
    assert all(process.poll() is not None for process in started)


def here(word: str) -> tuple[str, int]:
    return word, os.getpid()


def crew(size: int = 2, task: str = "echo") -> Crew[str, tuple[str, int]]:
    return Crew(task, here, (), size=size)


def words(labels: int, each: int = 3) -> list[tuple[int, list[str]]]:
    return [(label, [f"{label}.{number}" for number in range(label % (each + 1))]) for label in range(labels)]


def only_words(done: list[tuple[Any, list[tuple[str, int]]]]) -> list[tuple[Any, list[str]]]:
    return [(label, [word for word, _ in items]) for label, items in done]


def test_what_is_done_comes_in_the_order_in_which_it_was_asked_for(tasks: list[Any]) -> None:
    batches = words(40)
    batches[5] = (5, ["slow"])
    done = list(crew(3).map(batches))
    assert only_words(done) == batches
    processes = {process for _, items in done for _, process in items}
    assert processes == {process.pid for process in tasks}
    assert len(processes) == 3


def test_one_process_does_it_all_here(tasks: list[Any]) -> None:
    batches = words(20)
    done = list(crew(1).map(batches))
    assert only_words(done) == batches
    assert {process for _, items in done for _, process in items} == {os.getpid()}
    assert tasks == []


def test_others_are_asked_once_there_is_enough(tasks: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg_indexer.parsing.ENOUGH", 4)
    done = list(crew().map((label, ["a", "b"]) for label in range(6)))
    assert [process == os.getpid() for _, items in done for _, process in items] == [True] * 4 + [False] * 8
    assert len(tasks) == 2


def test_cycles_are_looked_for_by_what_was_read_and_as_before_afterwards(
    tasks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitreg_indexer.parsing._COLLECT_EVERY", 10)
    collected: list[int] = []
    monkeypatch.setattr("gitreg_indexer.parsing.gc.collect", lambda: collected.append(1))
    running = crew().map((label, ["a", "b"]) for label in range(20))
    next(running)
    assert not gc.isenabled()
    list(running)
    assert gc.isenabled()
    assert len(collected) == 4


def test_nothing_to_do_starts_nobody(tasks: list[Any]) -> None:
    assert list(crew().map([])) == []
    assert tasks == []


def test_work_is_given_out_ahead_but_not_without_end(tasks: list[Any]) -> None:
    asked: list[int] = []

    def batches() -> Iterator[tuple[int, list[str]]]:
        for label in range(100):
            asked.append(label)
            yield label, ["a"]

    done = crew(2).map(batches())
    next(done)
    assert 2 <= len(asked) <= 2 * 3 + 2
    assert len(list(done)) == 99


@pytest.mark.parametrize(
    ("word", "error", "says"),
    [
        ("gitreg", RepositoryError, "it is damaged"),
        ("value", ValueError, "a value"),
        ("odd", GitregError, "has failed"),
    ],
)
def test_an_error_is_raised_where_the_work_was_asked_for(
    tasks: list[Any], word: str, error: type[Exception], says: str
) -> None:
    done = crew().map([(0, ["a"]), (1, ["b", word]), (2, ["c"])])
    assert next(done)[0] == 0
    with pytest.raises(error, match=says) as caught:
        list(done)
    if isinstance(caught.value, RepositoryError):
        assert (caught.value.where, caught.value.got, caught.value.mend) == ("here", "this", "do that")


def test_an_error_before_the_first_piece_of_work_is_raised_too(tasks: list[Any]) -> None:
    with pytest.raises(RepositoryError, match="no repository"):
        list(crew(task="refuse").map(words(3)))


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_a_process_that_ends_is_an_error_that_says_so(tasks: list[Any], end: str) -> None:
    done = crew(2).map([(0, ["a"]), (1, ["b"]), *((label, ["slow"]) for label in range(2, 30)), (30, ["end"])])
    assert next(done)[0] == 0
    if end == "killed":
        for process in tasks:
            process.send_signal(signal.SIGKILL)
    with pytest.raises(GitregError, match="has ended") as caught:
        list(done)
    assert caught.value.got == ("exit code 7" if end == "by itself" else "exit code -9")
    assert "gitreg index" in caught.value.mend


def test_who_asks_no_further_lets_them_go(tasks: list[Any]) -> None:
    done: Any = crew().map((label, ["slow"]) for label in range(1_000))
    next(done)
    done.close()
    assert len(tasks) == 2


def test_an_error_in_what_is_to_be_done_lets_them_go(tasks: list[Any]) -> None:
    def batches() -> Iterator[tuple[int, list[str]]]:
        yield from words(4)
        raise UsageError("no more", mend="none")

    with pytest.raises(UsageError):
        list(crew().map(batches()))
    assert len(tasks) == 2


def test_where_no_process_can_be_started_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("gitreg_indexer.parsing.ENOUGH", 0)
    monkeypatch.setattr("gitreg_indexer.parsing.subprocess.Popen", refuse)
    batches = words(6)
    assert only_words(list(crew().map(batches))) == batches


def test_a_large_piece_of_work_goes_both_ways(tasks: list[Any]) -> None:
    """More than a pipe holds, given while what was done before waits to be taken."""
    batches = [(label, [str(label) * 300_000]) for label in range(8)]
    assert only_words(list(crew().map(batches))) == batches


# With real files


def filled(where: Path) -> Registry:
    registry = found(where)
    for number in range(4):
        files = {path: raw for one in range(30) for path, raw in model(f"m{one}", f"1.{number}.0").items()}
        commit(
            registry.repo, {**files, f"models/acme/bad{number}/1.0.0.yaml": BAD, f"models/acme/m1/{number}.yaml": b"x"}
        )
    return registry


def test_several_processes_make_the_same_index_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = filled(tmp_path / "r")
    alone = said(cold(registry, tmp_path / "alone"))
    started: list[_Member] = []
    real = _Member.__init__

    def start(member: _Member, *words: Any) -> None:
        started.append(member)
        real(member, *words)

    monkeypatch.setattr(_Member, "__init__", start)
    monkeypatch.setattr(parsing, "ENOUGH", 10)
    monkeypatch.setattr(building, "PART", 7)
    monkeypatch.setattr("gitreg_indexer.parsing.os.cpu_count", lambda: 3)
    assert said(cold(registry, tmp_path / "together")) == alone
    assert len(started) == 3


def test_an_index_whose_helpers_are_killed_goes_on_from_the_last_whole_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = filled(tmp_path / "r")
    killed: list[int] = []
    real: Callable[..., Any] = _Member.receive

    def receive(member: _Member) -> Any:
        if len(killed) == 3:
            member._process.kill()
        killed.append(1)
        return real(member)

    index = Index.open(registry)
    with monkeypatch.context() as patch:
        patch.setattr(_Member, "receive", receive)
        patch.setattr(parsing, "ENOUGH", 10)
        patch.setattr(building, "PART", 7)
        patch.setattr(building, "BATCH", 10)
        with pytest.raises(GitregError, match="has ended"):
            index.catch_up()
    assert 0 < index.reader().position().seq < 5
    index.catch_up()
    assert said(index) == said(cold(registry, tmp_path / "cold"))


def test_helpers_end_quietly_when_who_asked_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from gitreg_indexer import parsing\n"
        "parsing.ENOUGH = 0\n"
        f"crew = parsing.Crew('read', None, ({str(found(tmp_path / 'r').repo.git_dir)!r}, 'uid'), size=2)\n"
        "done = crew.map((n, []) for n in range(1000))\n"
        "next(done)\n"
        "print(*(member._process.pid for member in crew._members), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL
    helpers = [int(word) for word in ran.stdout.split()]
    assert len(helpers) == 2
    until = time.monotonic() + 30
    while any(_is_running(helper) for helper in helpers) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(_is_running(helper) for helper in helpers)
    assert ran.stderr == ""


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return sys.platform != "linux"


@pytest.mark.parametrize(
    "sent",
    [(1 << 62).to_bytes(8, "big"), "é1234567".encode(), (5).to_bytes(8, "big") + b"aaaaa", b"abc"],
    ids=["no memory for it", "no length", "no pickle", "cut off"],
)
def test_a_process_that_sends_nonsense_is_told_of_and_nobody_waits(
    tasks: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    code = f"import os, time; os.write(1, {sent!r}); os.close(1); time.sleep(600)"
    monkeypatch.setattr(f"{__name__}.TASKS", code)
    with pytest.raises(GitregError, match="has ended") as caught:
        list(crew().map(words(40)))
    assert caught.value.got == (
        "something that makes no sense (UnpicklingError)" if b"aaaaa" in sent else "exit code -9"
    )
