"""An index that is watched sees what lands, tells what stands in the way, and goes on whatever happens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from index_support import commit, found, model
from watch_support import Heard, git, until, upstream

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg.repository.fetching import Remote
from gitreg.repository.git import GitRepository
from gitreg_indexer import Index, watching
from gitreg_indexer.news import CaughtUp
from gitreg_indexer.watching import Watcher

NEVER = 1e6


@contextmanager
def running(watcher: Watcher) -> Iterator[Watcher]:
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()
        assert not watcher.is_running


def stands_at(index: Index, tip: str) -> Callable[[], bool]:
    return lambda: index.reader().position().commit == tip


@pytest.fixture
def events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing looked at unasked, so that what is seen was triggered."""
    monkeypatch.setattr(watching, "QUICK", NEVER)
    monkeypatch.setattr(watching, "SAFETY", NEVER)


def heard_of(watcher: Watcher) -> None:
    """Wait until file events come in."""
    until(lambda: watcher._events is not None and watcher._events.are_heard, "file events")


def _bare(folder: Path) -> Registry:
    return found(folder / "registry.git")


def _work_tree(folder: Path) -> Registry:
    return found(folder / "registry", bare=False)


def _linked(folder: Path) -> Registry:
    made = found(folder / "registry.git")
    git(made.repo.git_dir, "worktree", "add", "--quiet", "-b", "mine", str(folder / "tree"), "main")
    return Registry(GitRepository.open(folder / "tree"))


def _nested(folder: Path) -> Registry:
    made = found(folder / "registry.git")
    git(made.repo.git_dir, "branch", "-m", "main", "team/a/live")
    git(made.repo.git_dir, "config", "gitreg.branch", "team/a/live")
    return Registry(GitRepository.open(made.repo.git_dir))


@pytest.mark.usefixtures("events_only")
@pytest.mark.parametrize("make", [_bare, _work_tree, _linked, _nested], ids=lambda make: make.__name__.strip("_"))
def test_a_local_commit_is_seen_by_its_files(tmp_path: Path, make: Callable[[Path], Registry]) -> None:
    registry = make(tmp_path)
    index = Index.open(registry, tmp_path / "index")
    heard = Heard()
    with running(Watcher(index, tell=heard)) as watcher:
        heard_of(watcher)
        for name in ("one", "two"):
            until(stands_at(index, commit(registry.repo, model(name))), name)
        git(registry.repo.git_dir, "pack-refs", "--all", "--prune")
        until(stands_at(index, commit(registry.repo, model("three"))), "a ref after packing")
        assert watcher.fault is None
    assert [news.report.records for news in heard.of(CaughtUp)][-1] == 4
    assert heard.remarks == []


@pytest.mark.usefixtures("events_only")
def test_a_commit_that_lands_in_packed_refs_is_seen(tmp_path: Path) -> None:
    """No file of the branch's own is written: git moves it in `packed-refs`, as a fetch of many refs may."""
    registry = _bare(tmp_path)
    index = Index.open(registry)
    old = registry.repo.tip() or ""
    new = commit(registry.repo, model("one"))
    git_dir = registry.repo.git_dir
    git(git_dir, "update-ref", "refs/heads/main", old)
    git(git_dir, "pack-refs", "--all", "--prune")
    with running(Watcher(index)) as watcher:
        heard_of(watcher)
        until(stands_at(index, old), "the first commit")
        packed = git_dir / "packed-refs"
        fresh = git_dir / "packed-refs.new"
        fresh.write_text(packed.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        fresh.replace(packed)
        until(stands_at(index, new), "the commit in packed-refs")


@pytest.mark.parametrize("how", ["not installed", "broken"])
def test_without_file_events_it_looks_by_itself_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    class Broken:
        @staticmethod
        def watch(*_: object, **__: object) -> Iterator[Any]:
            raise OSError("no more watches")
            yield

    monkeypatch.setitem(sys.modules, "watchfiles", None if how == "not installed" else Broken)
    registry = _bare(tmp_path)
    index = Index.open(registry)
    heard = Heard()
    with running(Watcher(index, tell=heard)):
        for name in ("one", "two"):
            until(stands_at(index, commit(registry.repo, model(name))), name)
    (said,) = heard.remarks
    assert "five times a second" in said
    assert ("llm-gitreg[watch]" if how == "not installed" else "no more watches") in said


def test_events_that_are_lost_are_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = _bare(tmp_path)
    index = Index.open(registry)
    with running(Watcher(index)) as watcher:
        heard_of(watcher)
        assert watcher._events is not None
        monkeypatch.setattr(watcher._events, "_names", frozenset())  # whatever happens is not heard of
        until(stands_at(index, commit(registry.repo, model("one"))), "the commit")


def test_what_a_remote_has_is_seen(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    index = Index.open(both.near)
    with running(Watcher(index, remote=Remote.open(both.near.repo, "origin"), every=0.1)):
        for name in ("one", "two"):
            until(stands_at(index, both.land(name)), name)


def test_a_poke_is_a_look_at_the_remote(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    index = Index.open(both.near)
    with running(Watcher(index, remote=Remote.open(both.near.repo, "origin"), every=NEVER)) as watcher:
        until(lambda: list(both.near_dir.glob("gitreg/remotes/*.json")), "the first round")
        for name in ("one", "two"):
            new = both.land(name)
            watcher.poke()
            until(stands_at(index, new), name)


def test_it_catches_up_with_what_landed_while_nobody_watched(tmp_path: Path) -> None:
    registry = _bare(tmp_path)
    index = Index.open(registry)
    for name in ("one", "two"):
        new = commit(registry.repo, model(name))
        with running(Watcher(index)):
            until(stands_at(index, new), name)


class Misbehaving:
    """An index that fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.behind = True

    def is_behind(self) -> bool:
        return self.behind

    def catch_up(self, *, progress: object) -> str:  # noqa: ARG002
        if self.error is not None:
            raise self.error
        self.behind = False
        return "a report"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(GitregError("the disk is full", mend="free some space"), id="one that explains itself"),
        pytest.param(ZeroDivisionError("a secret"), id="one that nobody foresaw"),
        pytest.param(OSError(28, "No space left on device"), id="one of the system"),
    ],
)
def test_what_goes_wrong_is_told_once_and_once_more_when_it_is_over(error: Exception) -> None:
    index: Any = Misbehaving()
    heard = Heard()
    watcher = Watcher(index, tell=heard)
    index.error = error
    for _ in range(3):
        watcher.look()
    assert heard.sorts == ["Trouble"]
    assert watcher.fault is not None
    assert "secret" not in watcher.fault.says
    index.error = GitregError("something else", mend="mend that")
    watcher.look()
    index.error = None
    watcher.look()
    assert heard.sorts == ["Trouble", "Trouble", "CaughtUp", "Over"]
    assert watcher.fault is None


def test_what_went_wrong_is_tried_again_by_itself_with_growing_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("gitreg_indexer.watching.time", SimpleNamespace(monotonic=lambda: now[0]))
    index: Any = Misbehaving()
    index.error = GitregError("the disk is full", mend="free some space")
    watcher = Watcher(index)
    tries = []
    watcher.look()
    for _ in range(3000):
        now[0] += 0.1
        if watcher._has_reason():
            tries.append(now[0])
            watcher.look()
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[-1] <= watching.LONGEST + 0.2
    index.behind = False  # somebody else has mended it
    assert watcher._has_reason()


def test_a_rewritten_main_stays_an_alarm_until_it_is_put_back(tmp_path: Path) -> None:
    registry = _bare(tmp_path)
    good = commit(registry.repo, model("one"))
    index = Index.open(registry)
    heard = Heard()
    with running(Watcher(index, tell=heard)):
        until(stands_at(index, good), "the good state")
        git(registry.repo.git_dir, "update-ref", "refs/heads/main", f"{good}~1")
        until(lambda: heard.troubles, "the alarm")
        bad = commit(registry.repo, model("other"))
        assert stands_at(index, good)()
        assert bad != good
        git(registry.repo.git_dir, "update-ref", "refs/heads/main", good)
        until(lambda: heard.sorts[-1] == "Over", "the end of the alarm")
        until(stands_at(index, commit(registry.repo, model("two"))), "what came after it")
    assert len(heard.troubles) == 1
    assert "main was rewritten" in heard.troubles[0]


def test_a_rewrite_that_another_process_accepts_is_over(tmp_path: Path) -> None:
    registry = _bare(tmp_path)
    good = commit(registry.repo, model("one"))
    index = Index.open(registry)
    heard = Heard()
    with running(Watcher(index, tell=heard)):
        until(stands_at(index, good), "the good state")
        git(registry.repo.git_dir, "update-ref", "refs/heads/main", f"{good}~1")
        until(lambda: heard.troubles, "the alarm")
        accepted = Index.emptied(registry, rewritten=True)
        accepted.catch_up()
        accepted.close()
        until(lambda: heard.sorts[-1] == "Over", "the end of the alarm")


HOLDER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from gitreg_indexer.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_an_index_that_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    registry = _bare(tmp_path)
    index = Index.open(registry)
    heard = Heard()
    command = [sys.executable, "-c", HOLDER, str(index.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with running(Watcher(index, tell=heard)) as watcher:
            until(lambda: heard.sorts, "the waiting")
            new = commit(registry.repo, model("one"))
            assert heard.sorts == ["Waiting"]
            assert f"process {holder.pid} is writing this index" in heard.news[0].says  # type: ignore[union-attr]
            assert watcher.fault is None
            holder.kill()
            until(stands_at(index, new), "the commit")
        assert heard.sorts.count("Waiting") == 1


def test_it_can_be_ended_in_the_middle_of_catching_up(tmp_path: Path) -> None:
    registry = _bare(tmp_path)
    for n in range(20):
        commit(registry.repo, model(f"m{n}"))
    index = Index.open(registry)
    heard = Heard()
    watcher = Watcher(index, tell=heard)
    watcher._ended.set()
    watcher.look()
    assert heard.news == []
    assert index.is_behind()
    with running(Watcher(index, tell=heard)):
        until(stands_at(index, registry.repo.tip() or ""), "the rest")
    assert [news.report.records for news in heard.of(CaughtUp)] == [21]
