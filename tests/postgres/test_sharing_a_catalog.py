"""Hosts that share a catalog: one writes, all answer the same; what ends or is made anew stops nobody for long."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from index_support import OTHER_UID, cold, commit, found, indexed, model, of, said, searched
from postgres_server import Server
from postgres_support import kept

from gitreg.errors import ConflictError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import BrokenIndexError, Index, Query, catalogs_postgres
from gitreg_indexer.alarms import alarm_in
from gitreg_indexer.catalog import position_in
from gitreg_indexer.postgres_address import Address

HOLD: Final = """
import sys
from pathlib import Path
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import Index
index = Index.open(Registry.open(sys.argv[1]), Path(sys.argv[2]), catalog=sys.argv[3])
with index.catalog.holding():
    print("held", flush=True)
    sys.stdin.read()
"""
HALF_A_COMMIT: Final = """
import sys
from pathlib import Path
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import Index
from gitreg_indexer.tables import facts
index = Index.open(Registry.open(sys.argv[1]), Path(sys.argv[2]), catalog=sys.argv[3])
with index.catalog.holding(), index.catalog.writing() as written:
    written.move(99, "f" * 40)
    written.db.execute(facts.delete())
    print("half", flush=True)
    sys.stdin.read()
"""
CATCH_UP: Final = """
import sys
from pathlib import Path
from gitreg.errors import ConflictError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import Index
index = Index.open(Registry.open(sys.argv[1]), Path(sys.argv[2]), catalog=sys.argv[3])
print("open", flush=True)
while index.is_behind():
    try:
        index.catch_up()
    except ConflictError:
        pass
"""


@contextmanager
def script(text: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Run a Python script in another process, and wait until it says something."""
    command = [sys.executable, "-c", text, *map(str, words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def schemas(place: str) -> list[str]:
    """List the schemas of a place that hold catalogs."""
    address = Address.parse(place)
    engine = sa.create_engine(f"postgresql+pg8000://{address.user}@{address.host}:{address.port}/{address.database}")
    try:
        with engine.connect() as db:
            named = sa.text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :start) ORDER BY nspname")
            return [name for (name,) in db.execute(named, {"start": f"{address.schema}_"})]
    finally:
        engine.dispose()


# One writes, all answer


def test_hosts_answer_the_same_from_one_catalog(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, {**model("a"), **model("b")}, model("a", "1.1.0"))
    second = Index.open(registry, tmp_path / "second")
    assert second.is_behind()
    second.catch_up()
    assert said(second) == said(first)
    for number in range(4):
        commit(registry.repo, model(f"m{number}"))
        writer, other = (first, second) if number % 2 else (second, first)
        writer.catch_up()
        assert other.is_behind()
        other.catch_up()
        assert not other.is_behind()
        assert said(first) == said(second)
    assert len(schemas(shared)) == 1


def test_who_may_not_write_searches_what_the_other_wrote(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, model("a"))
    commit(registry.repo, model("b"))
    first.catch_up()
    with script(HOLD, registry.repo.git_dir, tmp_path / "holder", shared) as holder:
        second = Index.open(registry, tmp_path / "second")
        assert second.catch_up().seq == 3
        assert said(second) == said(first)
        commit(registry.repo, model("c"))
        with pytest.raises(ConflictError) as caught:
            second.catch_up()
        assert f"process {holder.pid} on {socket.gethostname()} is writing" in caught.value.says
        assert "geheim" not in caught.value.explain()
        assert searched(second, kind="Model") == ["model:acme/a@1.0.0", "model:acme/b@1.0.0"]
        holder.communicate("", timeout=60)
    assert second.catch_up().seq == 4


def test_a_writer_that_is_killed_leaves_no_lock_and_no_half_commit(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"))
    before = said(index)
    with script(HALF_A_COMMIT, registry.repo.git_dir, tmp_path / "other", shared) as writer:
        commit(registry.repo, model("b"))
        with pytest.raises(ConflictError):
            index.catch_up()
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(60)
    assert said(index) == before
    for _ in range(1000):
        try:
            index.catch_up()
            break
        except ConflictError:  # the server has not noticed yet
            threading.Event().wait(0.01)
    assert index.reader().position().seq == 3
    assert rows_as_cold(index, tmp_path)


def rows_as_cold(index: Index, where: Path) -> bool:
    """Tell whether an index says what one says that was made from nothing, with SQLite."""
    fresh = Index(index.registry, where / "cold")
    fresh.catch_up()
    try:
        return bool(said(fresh) == said(index))
    finally:
        fresh.close()


def test_processes_that_follow_at_once_leave_one_sound_catalog(tmp_path: Path, shared: str) -> None:
    registry = found(tmp_path / "r")
    for number in range(60):
        commit(registry.repo, {**model(f"m{number % 20}", f"1.{number}.0"), **model(f"m{number % 7}")})
    words = (registry.repo.git_dir, shared)
    with (
        script(CATCH_UP, words[0], tmp_path / "one", words[1]) as one,
        script(CATCH_UP, words[0], tmp_path / "two", words[1]) as two,
    ):
        for number in range(10):
            commit(registry.repo, model(f"late{number}"))
        for process in (one, two):
            process.communicate(timeout=120)
            assert process.returncode == 0
    assert len(schemas(shared)) == 1
    for name in ("one", "two"):
        index = cold(registry, tmp_path / name)
        assert rows_as_cold(index, tmp_path)


def test_processes_that_open_a_new_catalog_at_once_all_open_it(tmp_path: Path, shared: str) -> None:
    registry = found(tmp_path / "r")

    def opened(number: int) -> str:
        return Index.open(Registry.open(registry.repo.git_dir), tmp_path / f"{number}").catalog.instance

    with ThreadPoolExecutor(8) as pool:
        instances = set(pool.map(opened, range(8)))
    assert len(instances) == 1
    assert len(schemas(shared)) == 1


def test_a_host_that_is_new_asks_the_catalog_and_not_git(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, model("a"))
    second = Index.open(registry, tmp_path / "second")
    steps: list[int] = []
    second.catch_up(progress=steps.append)
    assert steps == []
    assert said(second) == said(first)


def test_a_host_whose_repository_is_behind_raises_no_alarm(tmp_path: Path, shared: str) -> None:
    registry, ahead = indexed(tmp_path, model("a"))
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", registry.repo.git_dir, clone], check=True)
    behind = Index.open(Registry.open(clone), tmp_path / "behind")
    behind.catch_up()
    commit(registry.repo, model("b"))
    ahead.catch_up()
    assert behind.is_behind()
    assert behind.catch_up().seq == 3
    assert not behind.is_behind()
    assert behind.alarm() is None
    assert said(behind) == said(ahead)
    subprocess.run(["git", "-C", clone, "fetch", "--quiet", "origin", "main:main"], check=True)
    commit(behind.registry.repo, model("c"))
    assert behind.catch_up().seq == 4
    assert not ahead.is_behind() or ahead.catch_up().seq == 4
    assert said(ahead) == said(behind)


def test_a_main_that_was_rewritten_is_an_alarm_on_every_host(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, model("a"), model("b"))
    second = cold(registry, tmp_path / "second")
    before, repo = said(first), registry.repo
    advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="rewrite")
    commit(repo, model("c"))
    for index in (first, second):
        with pytest.raises(HistoryRewritten):
            index.catch_up()
        assert index.alarm() is not None
        assert said(index) == before


def test_a_main_that_was_cut_short_is_an_alarm(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, model("a"), model("b"))
    second = cold(registry, tmp_path / "second")
    before, repo = said(first), registry.repo
    tip = repo.tip() or ""
    advance(repo, new=repo.resolve("main~1"), old=tip, message="cut")
    for index in (first, second):
        assert index.is_behind()
        with pytest.raises(HistoryRewritten):
            index.catch_up()
        assert index.alarm() is not None
        assert said(index) == before
    advance(repo, new=tip, old=repo.tip(), message="as it was")
    first.catch_up()
    assert alarm_in(second.catalog.about()) is None


def test_what_was_fetched_and_is_not_on_main_yet_is_no_alarm(tmp_path: Path, shared: str) -> None:
    registry, ahead = indexed(tmp_path, model("a"))
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", registry.repo.git_dir, clone], check=True)
    behind = cold(Registry.open(clone), tmp_path / "behind")
    commit(registry.repo, model("b"))
    ahead.catch_up()
    where = "refs/gitreg/remotes/origin/heads/main"
    subprocess.run(["git", "-C", clone, "fetch", "--quiet", "origin", f"main:{where}"], check=True)
    assert behind.catch_up().seq == 3
    assert behind.alarm() is None


def test_a_repository_of_another_past_alarms_nobody_else(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, model("a"), model("b"))
    before, repo = said(first), registry.repo
    tip = repo.tip() or ""
    advance(repo, new=repo.resolve("main~1"), old=tip, message="as it was before")
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", "--no-local", repo.git_dir, clone], check=True)
    advance(repo, new=tip, old=repo.tip(), message="as it is")
    other = Index.open(Registry.open(clone), tmp_path / "other")
    commit(other.registry.repo, model("c"))
    with pytest.raises(HistoryRewritten):
        other.catch_up()
    assert first.alarm() is None
    assert not first.is_behind()
    assert said(first) == said(other) == before


# Made anew


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generations that another one has taken the place of are closed at once."""
    monkeypatch.setattr("gitreg_indexer.index._GRACE", 0.0)


@pytest.mark.usefixtures("no_grace")
def test_a_rebuild_is_followed_by_the_others_and_the_old_one_goes(tmp_path: Path, shared: str) -> None:
    registry, serving = indexed(tmp_path, model("a"), model("b"))
    before = said(serving)
    rebuilt = Index.emptied(registry, tmp_path / "second")
    assert said(serving) == before
    commit(registry.repo, model("c"))
    serving.catch_up()
    during = said(serving)
    rebuilt.catch_up()
    assert said(rebuilt) == during
    assert said(serving) == during
    assert len(schemas(shared)) == 2
    commit(registry.repo, model("d"))
    assert serving.is_behind()
    serving.catch_up()
    rebuilt.catch_up()
    assert said(serving) == said(rebuilt)
    assert len(schemas(shared)) == 1  # the last one that left it dropped it
    assert rows_as_cold(serving, tmp_path)


def test_readers_answer_while_the_catalog_is_made_anew(tmp_path: Path, shared: str) -> None:
    registry, serving = indexed(tmp_path, model("a"), model("b"))
    over = threading.Event()

    def read() -> int:
        reader, count = serving.reader(), 0
        while not over.is_set():
            page = reader.search(Query(kind="Model"))
            assert page.position.seq >= 3
            assert page.total == page.position.seq - 1
            assert reader.resolve(of("acme/a")).version == "1.0.0"
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        readings = [pool.submit(read) for _ in range(2)]
        try:
            for number in range(3):
                Index.emptied(registry, tmp_path / f"host{number}").catch_up()
                commit(registry.repo, model(f"m{number}"))
                serving.catch_up()
        finally:
            over.set()
        assert all(reading.result() > 0 for reading in readings)
    assert searched(serving, "m2", kind="Model") == ["model:acme/m2@1.0.0"]


def test_what_was_half_made_is_gone_on_with_where_it_was_begun(tmp_path: Path, shared: str) -> None:
    registry, _ = indexed(tmp_path, model("a"))
    begun = Index.emptied(registry, tmp_path / "second")
    instance = begun.catalog.instance
    begun.close()
    again = Index.emptied(registry, tmp_path / "second")
    assert again.catalog.instance == instance
    again.close()
    elsewhere = Index.emptied(registry, tmp_path / "third")
    assert elsewhere.catalog.instance != instance
    elsewhere.catch_up()
    assert Index.emptied(registry, tmp_path / "second").catalog.instance not in (instance, elsewhere.catalog.instance)


def test_of_two_who_make_it_anew_one_works_and_the_other_is_told_who(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"))
    with index._catalogs.making(), pytest.raises(ConflictError) as caught:
        Index.emptied(registry, tmp_path / "second")
    assert f"process {os.getpid()} on {socket.gethostname()} is making this catalog anew" in caught.value.says
    assert Index.emptied(registry, tmp_path / "second").catch_up().seq == 2


def test_a_rebuild_without_the_past_stays_without_it_on_another_host(tmp_path: Path, shared: str) -> None:
    registry, _ = indexed(tmp_path, model("a"), model("a", description="Changed."))
    Index.emptied(registry, tmp_path / "second", history="none").catch_up()
    third = Index.emptied(registry, tmp_path / "third")
    assert third.catalog.about()["history"] == "none"


# Other registries, other versions, what is removed by hand


def test_registries_share_a_database_and_stay_apart(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path / "1", model("a"))
    other = found(tmp_path / "2", uid=OTHER_UID)
    commit(other.repo, model("z"))
    beside = cold(other, tmp_path / "2" / "index")
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0"]
    assert searched(beside, kind="Model") == ["model:acme/z@1.0.0"]
    Index.emptied(registry).catch_up()
    assert searched(beside, kind="Model") == ["model:acme/z@1.0.0"]
    assert len(schemas(shared)) == 3


def test_another_version_of_gitreg_keeps_a_catalog_of_its_own(
    tmp_path: Path, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = indexed(tmp_path, model("a"))
    before = said(index)
    with monkeypatch.context() as patch:
        patch.setattr(catalogs_postgres, "FORMAT", "99")
        newer = cold(registry, tmp_path / "newer")
        assert said(newer) == before
        assert len(schemas(shared)) == 2
        Index.emptied(registry, tmp_path / "newest").catch_up()
    assert said(index) == before
    index.close()
    with monkeypatch.context() as patch:
        patch.setattr(catalogs_postgres, "FORMAT", "99")
        newer.close()
        Index.emptied(registry, tmp_path / "newest").catch_up()
        assert all(name.rpartition("_")[0].endswith("_99") for name in schemas(shared))
    assert cold(registry, tmp_path / "older").catch_up().seq == 2


def test_what_is_dropped_by_hand_is_made_again_from_git(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"))
    before = said(index)
    index.close()
    address = Address.parse(shared)
    engine = sa.create_engine(f"postgresql+pg8000://{address.user}@{address.host}:{address.port}/{address.database}")
    for name in (*schemas(shared), address.schema):
        with engine.begin() as db:
            db.execute(sa.schema.DropSchema(name, cascade=True))
    engine.dispose()
    again = Index.open(registry, index.folder)
    assert again.is_behind()
    again.catch_up()
    assert said(again) == before


def test_what_is_dropped_under_a_running_process_is_made_again(tmp_path: Path, shared: str) -> None:
    _, index = indexed(tmp_path, model("a"))
    before = said(index)
    address = Address.parse(shared)
    engine = sa.create_engine(f"postgresql+pg8000://{address.user}@{address.host}:{address.port}/{address.database}")
    for name in schemas(shared):
        with engine.begin() as db:
            db.execute(sa.schema.DropSchema(name, cascade=True))
    engine.dispose()
    with pytest.raises(BrokenIndexError, match="made anew"):
        index.reader().position()
    assert index.is_behind()
    index.catch_up()
    assert said(index) == before


# The server goes away


def test_a_server_that_was_restarted_is_found_again(tmp_path: Path, server: Server) -> None:
    registry = found(tmp_path / "r")
    commit(registry.repo, model("a"))
    with closing(kept(Index.open(registry, catalog=f"{server.address()}?schema=restarted"))) as index:
        index.catch_up()
        before = said(index)
        server.restart()
        assert said(index) == before
        commit(registry.repo, model("b"))
        assert index.catch_up().seq == 3
        server.stop()
        try:
            with pytest.raises(BrokenIndexError, match="cannot be reached"):
                index.reader().position()
            with pytest.raises(BrokenIndexError, match="cannot be reached"):
                index.is_behind()
        finally:
            server.start()
        commit(registry.repo, model("c"))
        assert index.is_behind()
        assert index.catch_up().seq == 4


def test_a_server_that_ends_amid_a_transaction_leaves_none_of_it(tmp_path: Path, server: Server) -> None:
    registry = found(tmp_path / "r")
    commit(registry.repo, model("a"))
    with closing(kept(Index.open(registry, catalog=f"{server.address()}?schema=amid"))) as index:
        index.catch_up()
        before = said(index)

        def lose_it_amid_a_transaction() -> None:
            with index.catalog.holding(), index.catalog.writing() as written:
                written.move(99, "f" * 40)
                server.restart()
                position_in(written.db)

        def lose_it_between_transactions() -> None:
            with index.catalog.holding():
                server.restart()
                with index.catalog.writing() as written:
                    written.move(99, "f" * 40)

        for lose in (lose_it_amid_a_transaction, lose_it_between_transactions):
            with pytest.raises(BrokenIndexError, match="cannot be reached"):
                lose()
            assert said(index) == before
        commit(registry.repo, model("b"))
        assert index.catch_up().seq == 3
