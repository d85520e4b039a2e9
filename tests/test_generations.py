"""Generations: one is answered from, another is made beside it; what is current is always whole, and nothing stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from index_support import cold, commit, found, indexed, model, of, refs, said, searched

from gitreg.errors import ConflictError, GitregError
from gitreg.registry import Registry
from gitreg.repository.writing import advance
from gitreg_indexer import Index, Query, layout
from gitreg_indexer import generations as generations_module
from gitreg_indexer.catalog import History
from gitreg_indexer.generations import Generations, Use
from gitreg_indexer.layout import CATALOG_FILE
from gitreg_indexer.lock import MAKING_LOCK, WRITER_LOCK, holder_of, writing

USING: Final = """
import sys
from pathlib import Path
from gitreg_indexer.generations import Use
use = Use(Path(sys.argv[1]))
print(use.is_held, flush=True)
sys.stdin.read()
"""


def using(folder: Path) -> subprocess.Popen[str]:
    """Have another process hold a generation."""
    process = subprocess.Popen(
        [sys.executable, "-c", USING, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def filled(folder: Path, *names: str) -> Generations:
    """Make folders that look like generations."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / CATALOG_FILE).touch()
    return Generations(folder)


def names_in(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir() if place.is_dir())


# Which one is current


def test_the_first_one_is_named_when_it_is_asked_for(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "index")
    assert (generations.stamp(), generations.named_current(), generations.standing()) == (None, None, None)
    assert generations.current() == tmp_path / "index" / "3-1"
    assert generations.current().is_dir()
    assert generations.named_current() == generations.standing() == generations.current()
    assert (tmp_path / "index" / "current-3").read_text() == "3-1\n"


@pytest.mark.parametrize(
    "garbage", [b"", b"\n", b"3-", b"3-x", b"../3-1", b"9-1", b"\xff\xfe", b"3-1 3-2", b"x" * 100_000]
)
def test_where_current_is_garbage_the_newest_complete_one_is_current(tmp_path: Path, garbage: bytes) -> None:
    generations = filled(tmp_path, "3-1", "3-9", "3-10", "3-11", "3-12", "1-99", "4-99")
    (tmp_path / "current-3").write_bytes(garbage)
    (tmp_path / "building-3").write_text("3-12\n")
    (tmp_path / "3-11" / "unfinished").touch()
    assert generations.named_current() is None
    assert generations.standing() == tmp_path / "3-10"
    assert (tmp_path / "current-3").read_bytes() == garbage
    assert generations.current() == generations.named_current() == tmp_path / "3-10"


def test_where_nothing_stands_a_new_one_takes_no_others_place(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-3")
    (tmp_path / "building-3").write_text("3-3\n")
    assert generations.current() == tmp_path / "3-4"


def test_where_the_current_one_is_gone_the_newest_complete_one_is_current(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1", "3-2")
    (tmp_path / "current-3").write_text("3-7\n")
    assert generations.standing() == tmp_path / "3-2"
    assert generations.current() == generations.named_current() == tmp_path / "3-2"


def test_a_current_one_that_is_gone_is_made_again_where_no_other_is_complete(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1")
    (tmp_path / "3-1" / "unfinished").touch()
    (tmp_path / "current-3").write_text("3-7\n")
    assert generations.current() == tmp_path / "3-7"
    assert (tmp_path / "3-7").is_dir()


# Making another


def test_another_one_is_begun_beside_it_and_put_in_place(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1")
    assert generations.current().name == "3-1"
    made = generations.begin()
    assert (made.name, generations.building(), generations.current().name) == ("3-2", made, "3-1")
    stamp = generations.stamp()
    generations.put_in_place(made)
    assert (generations.current(), generations.building()) == (made, None)
    assert generations.stamp() != stamp
    assert names_in(tmp_path) == ["3-2"]
    assert not (tmp_path / "building-3").exists()


def test_beginning_again_removes_what_was_begun(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1")
    generations.current()
    generations.begin()
    assert generations.begin().name == "3-2"
    assert names_in(tmp_path) == ["3-1", "3-2"]


def test_what_is_in_place_is_not_in_the_making_any_more(tmp_path: Path) -> None:
    """A process that ends between the two steps of putting one in place leaves it named twice."""
    generations = filled(tmp_path, "3-1")
    generations.current()
    made = generations.begin()
    (tmp_path / "current-3").write_text(f"{made.name}\n")
    assert generations.building() is None
    assert generations.begin().name == "3-3"
    assert (generations.current(), made.is_dir()) == (made, True)


def test_one_apart_is_nobodys_until_it_is_put_in_place(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1")
    generations.current()
    with generations.apart() as one, generations.apart() as other:
        assert (one.name, other.name) == ("3-2", "3-3")
        generations.sweep()
        assert names_in(tmp_path) == ["3-1", "3-2", "3-3"]
        generations.put_in_place(other)
    assert (generations.current(), names_in(tmp_path)) == (other, ["3-3"])


def test_one_apart_is_removed_whatever_happens(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1")
    with pytest.raises(KeyboardInterrupt), generations.apart():
        raise KeyboardInterrupt
    assert names_in(tmp_path) == ["3-1"]


# Removing


def test_what_nobody_needs_is_removed_and_nothing_else(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1", "3-2", "3-3", "1-5", "tantivy", "other", "3-x")
    for file in ("catalog.sqlite3", "catalog.sqlite3-wal", "writer.lock"):
        (tmp_path / file).touch()
    (tmp_path / "current-3").write_text("3-2\n")
    (tmp_path / "building-3").write_text("3-3\n")
    generations.sweep()
    assert sorted(place.name for place in tmp_path.iterdir()) == [
        *("1-5", "3-2", "3-3", "3-x", "building-3", "current-3", "other", "writer.lock"),
    ]


def test_a_folder_of_somebody_elses_is_not_taken_for_a_generation(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1")
    for name in ("2025-12", "3-7"):
        (tmp_path / name).mkdir()
    (tmp_path / "2025-12/notes.md").write_text("Mine.")
    (tmp_path / "1-1").write_text("Mine, too.")
    (tmp_path / "current-3").write_text("3-1\n")
    generations.sweep()
    assert sorted(place.name for place in tmp_path.iterdir()) == ["1-1", "2025-12", "3-1", "current-3"]
    assert (tmp_path / "2025-12/notes.md").exists()


def test_another_formats_generation_stays_until_nobody_has_written_or_used_it_for_long(tmp_path: Path) -> None:
    generations = filled(tmp_path, "1-5", "1-6", "3-1", "4-1")
    generations.current()
    for name, day in (("1-5", 8), ("1-6", 8), ("4-1", 6)):
        for place in (tmp_path / name / CATALOG_FILE, tmp_path / name):
            os.utime(place, (time.time() - day * 24 * 3600,) * 2)
    process = using(tmp_path / "1-6")
    for place in (*(tmp_path / "1-6").iterdir(), tmp_path / "1-6"):
        os.utime(place, (0, 0))
    generations.sweep()
    assert names_in(tmp_path) == ["1-6", "3-1", "4-1"]
    process.communicate()


def test_versions_of_two_formats_use_one_folder_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_the_next(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(layout, "FORMAT", "4")
        for name, value in (("FORMAT", "4"), ("CURRENT_FILE", "current-4"), ("BUILDING_FILE", "building-4")):
            patch.setattr(generations_module, name, value)

    older = filled(tmp_path, "3-1")
    assert older.current().name == "3-1"
    stamp = older.stamp()
    with monkeypatch.context() as patch:
        as_the_next(patch)
        newer = Generations(tmp_path)
        assert newer.current().name == "4-1"
        newer.put_in_place(newer.begin())
    assert (older.current().name, older.stamp()) == ("3-1", stamp)
    older.put_in_place(older.begin())
    assert names_in(tmp_path) == ["3-2", "4-2"]
    with monkeypatch.context() as patch:
        as_the_next(patch)
        assert Generations(tmp_path).current().name == "4-2"


def test_what_a_process_has_open_stays_until_it_ends(tmp_path: Path) -> None:
    generations = filled(tmp_path, "3-1", "3-2")
    (tmp_path / "current-3").write_text("3-2\n")
    process = using(tmp_path / "3-1")
    generations.sweep()
    assert names_in(tmp_path) == ["3-1", "3-2"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    generations.sweep()
    assert names_in(tmp_path) == ["3-2"]


def test_who_uses_one_knows_that_it_was_removed(tmp_path: Path) -> None:
    filled(tmp_path, "3-1")
    use = Use(tmp_path / "3-1")
    assert use.is_held
    shutil.rmtree(tmp_path / "3-1")
    assert not use.is_held
    use.end()
    assert not Use(tmp_path / "3-1").is_held


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    generations = filled(tmp_path, "3-1")
    asked = {
        "mkdir": (generations.current, generations.begin, generations.apart().__enter__),
        "replace": (generations.current, generations.begin),
    }
    for name, calls in asked.items():
        for call in calls:
            with monkeypatch.context() as patch:
                patch.setattr(Path, name, refuse)
                with pytest.raises(GitregError) as caught:
                    call()
                assert caught.value.got == "No space left on device"
                assert caught.value.mend.startswith("free some space")


# Locks


def test_a_lock_tells_who_holds_it_and_only_then(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    with writing(tmp_path):
        assert holder_of(tmp_path) == str(os.getpid())
        assert holder_of(tmp_path, MAKING_LOCK) is None
        with pytest.raises(ConflictError, match=f"process {os.getpid()}"), writing(tmp_path):
            pass
    assert (tmp_path / WRITER_LOCK).read_text() == f"{os.getpid()}\n"
    assert holder_of(tmp_path) is None


def test_who_has_patience_waits_for_a_lock(tmp_path: Path) -> None:
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with writing(tmp_path):
            inside.set()
            over.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.1, over.set).start()
    with writing(tmp_path, patience=30):
        assert over.is_set()
    thread.join()


def test_a_lock_holds_though_nothing_can_be_written_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gitreg_indexer.lock.os.pwrite", refuse)
    with writing(tmp_path), pytest.raises(ConflictError, match="process unknown"), writing(tmp_path):
        pass


# An index over generations


def test_an_index_made_anew_takes_the_others_place_and_leaves_nothing(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    before = said(index)
    index.close()
    made = Index.emptied(registry)
    assert made.generation().folder.name == "3-2"
    made.catch_up()
    assert names_in(index.folder) == ["3-2"]
    assert said(made) == said(Index.open(registry)) == before


@pytest.mark.parametrize("history", [None, "full", "none"])
def test_making_anew_removes_the_one_before_whatever_was_asked_of_it(tmp_path: Path, history: str | None) -> None:
    registry, index = indexed(tmp_path, model("a"))
    index.close()
    Index.emptied(registry, history=history).catch_up()  # type: ignore[arg-type]  # one of its words
    assert names_in(index.folder) == ["3-2"]


def test_a_server_answers_from_the_old_one_and_then_from_the_new(tmp_path: Path) -> None:
    registry, serving = indexed(tmp_path, model("a"))
    reader = serving.reader()
    made = Index.emptied(registry)
    assert refs(reader.search(Query(kind="Model"))) == ["model:acme/a@1.0.0"]
    commit(registry.repo, model("b"))
    serving.catch_up()
    assert reader.position().seq == 3
    made.catch_up()
    assert serving.generation().folder == made.generation().folder
    assert refs(reader.search(Query(kind="Model"))) == ["model:acme/a@1.0.0", "model:acme/b@1.0.0"]
    assert names_in(serving.folder) == ["3-1", "3-2"]  # who has just been asked may still be reading
    serving.close()
    Generations(serving.folder).sweep()
    assert names_in(serving.folder) == ["3-2"]


def test_what_is_read_while_another_takes_its_place_is_read_to_its_end(tmp_path: Path) -> None:
    registry, serving = indexed(tmp_path, model("a"))
    generation = serving.generation()
    with generation.catalog.reading():
        for number in range(3):
            commit(registry.repo, model(f"b{number}"))
            Index.emptied(registry).catch_up()
            assert serving.reader().position().seq == number + 3
    with generation.catalog.reading():
        assert generation.engine.search(Query(), offset=0, limit=10).total == 2


def test_of_those_that_serve_no_longer_only_the_recent_stay_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, serving = indexed(tmp_path, model("a"))
    monkeypatch.setattr("gitreg_indexer.index._GRACE", 0.0)
    for number in range(2, 5):
        made = Index.emptied(registry)
        made.catch_up()
        made.close()
        for _ in range(2):
            assert serving.generation().folder.name == f"3-{number}"
        Generations(serving.folder).sweep()
        assert names_in(serving.folder) == [f"3-{number}"]


def test_the_rebuild_of_a_process_that_ended_is_gone_on_with(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    begun = Index.emptied(registry)
    assert begun.generation().folder.name == "3-2"
    begun.close()
    again = Index.emptied(registry)
    assert again.generation().folder.name == "3-2"
    again.catch_up()
    assert said(Index.open(registry)) == said(cold(registry, tmp_path / "cold"))
    assert index.generation().folder.name == "3-2"


@pytest.mark.parametrize("harm", ["another history", "garbage", "a rewritten main"])
def test_a_rebuild_that_is_of_no_use_is_begun_again(tmp_path: Path, harm: str) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    begun = Index.emptied(registry)
    folder = begun.generation().folder
    begun._bring_up(begun.generation(), None)
    begun.close()
    (folder / "mark").touch()
    if harm == "garbage":
        (folder / CATALOG_FILE).write_bytes(b"no database" * 1000)
    if harm == "a rewritten main":
        repo = registry.repo
        advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="rewrite")
        commit(repo, model("c"))
    history: History | None = "none" if harm == "another history" else None
    again = Index.emptied(registry, history=history, rewritten=harm == "a rewritten main")
    assert not (again.generation().folder / "mark").exists()
    again.catch_up()
    assert said(Index.open(registry))[1:] == said(cold(registry, tmp_path / "cold"))[1:]
    assert index.generation().folder == again.generation().folder


def test_a_rebuild_that_another_process_begins_anew_is_given_up(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    one = Index.emptied(registry)
    other = Index.emptied(registry, history="none")
    with pytest.raises(ConflictError, match="another way"):
        one.catch_up()
    other.catch_up()
    assert index.catalog.about()["history"] == "none"
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0"]


def test_a_rebuild_that_another_process_has_put_in_place_is_done(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    one, other = Index.emptied(registry), Index.emptied(registry)
    assert one.catch_up().seq == 2
    commit(registry.repo, model("b"))
    assert other.catch_up().seq == 3
    assert index.reader().position().seq == 3
    assert index.generation().folder.name == "3-2"


def _remove_all(index: Index) -> None:
    shutil.rmtree(index.folder)


def _remove_generation(index: Index) -> None:
    shutil.rmtree(index.generation().folder)


def _remove_catalog(index: Index) -> None:
    for file in index.generation().folder.glob(f"{CATALOG_FILE}*"):
        file.unlink()


@pytest.mark.parametrize("remove", [_remove_all, _remove_generation, _remove_catalog])
def test_an_index_that_is_removed_under_a_server_is_made_again(tmp_path: Path, remove: Callable[[Index], None]) -> None:
    registry, serving = indexed(tmp_path, model("a"))
    remove(serving)
    assert serving.reader().position().seq == 0
    assert serving.is_behind()
    serving.catch_up()
    other = Index.open(Registry.open(registry.repo.git_dir))
    assert said(serving) == said(other) == said(cold(registry, tmp_path / "cold"))
    assert other.generation().folder == serving.generation().folder


@pytest.mark.parametrize("harm", ["garbage", "nothing"])
def test_a_server_keeps_serving_where_current_is_lost(tmp_path: Path, harm: str) -> None:
    registry, serving = indexed(tmp_path, model("a"))
    Index.emptied(registry).catch_up()
    before = said(serving)
    file = serving.folder / "current-3"
    file.unlink()
    if harm == "garbage":
        file.write_bytes(b"garbage")
    assert said(serving) == before
    assert said(Index.open(registry)) == before
    assert file.read_text() == "3-2\n"
    commit(registry.repo, model("b"))
    serving.catch_up()
    assert Index.open(registry).reader().resolve(of("acme/b")).seq == 3


def test_the_first_format_is_left_alone_until_there_is_another_to_serve(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    index = Index.open(registry)
    old = index.folder / "catalog.sqlite3"
    old.write_bytes(b"the first format")
    index.catch_up()
    assert old.exists()
    Index.emptied(registry).catch_up()
    assert not old.exists()


def test_readers_see_no_error_while_generations_take_turns(tmp_path: Path) -> None:
    registry, serving = indexed(tmp_path, model("a"))
    over = threading.Event()
    errors: list[BaseException] = []
    counts = [0, 0, 0]

    def read(number: int) -> None:
        reader = serving.reader() if number else Index.open(Registry.open(registry.repo.git_dir)).reader()
        last = 0
        try:
            while not over.is_set():
                page = reader.search(Query(kind="Model"))
                assert page.total == page.position.seq - 1
                assert page.position.seq >= last
                last = reader.position().seq
                assert reader.resolve(of("acme/a")).seq == 2
                counts[number] += 1
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(6):
            commit(registry.repo, model(f"b{number}"))
            Index.emptied(registry).catch_up()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert all(counts)
