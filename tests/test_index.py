"""An index comes up to a commit whole or not at all, whatever happens to it, and says what is wrong with it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from cli_support import fine, run
from damage_support import put
from effort import tries
from index_support import (
    EXECUTABLE,
    OTHER_UID,
    SYMLINK,
    File,
    Files,
    aliases,
    cold,
    commit,
    dataset,
    found,
    indexed,
    model,
    of,
    refs,
    registry_yaml,
    said,
    searched,
)

from gitreg.errors import ConflictError, GitregError, NotFoundError, Rejected, RepositoryError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import BrokenIndexError, ForeignIndexError, Index, IndexFormatError, Query, catalog, default_folder
from gitreg_indexer.catalog import Catalog, Making, Writing, position_in
from gitreg_indexer.lock import MAKING_LOCK, writing
from gitreg_indexer.tantivy_engine import TantivyEngine
from gitreg_indexer.tantivy_view import View

pytestmark = pytest.mark.usefixtures("each_catalog")
BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
CATCH_UP: Final = """
import sys
from gitreg.registry import Registry
from gitreg_indexer import Index
index = Index.open(Registry.open(sys.argv[1]))
print("open", flush=True)
index.catch_up()
"""
HOLD: Final = """
import sys
from pathlib import Path
from gitreg_indexer.lock import MAKING_LOCK, writing
with writing(Path(sys.argv[1]), *sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
"""


def script(text: str, *words: object) -> subprocess.Popen[str]:
    """Run a Python script in another process."""
    command = [sys.executable, "-c", text, *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)
    assert process.returncode == 0


def is_as_cold(index: Index, folder: Path) -> bool:
    return said(index) == said(cold(index.registry, folder))


# Coming up to a commit


def test_a_cold_build_serves_what_main_holds(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, {**model("a"), **model("b"), **dataset()}, model("a", "1.1.0"))
    report = Index.open(registry, tmp_path / "cold").catch_up()
    assert (report.seq, report.commit, report.records, report.quarantined) == (3, registry.repo.tip(), 5, 0)
    assert set(report.as_data()) == {"seq", "commit", "records", "quarantined", "seconds"}
    assert index.reader().counts() == {"Dataset": 1, "Model": 3, "Registry": 1}
    assert is_as_cold(index, tmp_path / "again")


def test_catching_up_follows_commit_by_commit(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path)
    for number in range(5):
        commit(registry.repo, model(f"m{number}"))
        assert (index.is_behind(), index.pending()) == (True, 1)
        assert index.catch_up().seq == number + 2
        assert (index.is_behind(), index.pending()) == (False, 0)
    assert is_as_cold(index, tmp_path / "cold")


def test_progress_counts_the_commits(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    for number in range(4):
        commit(registry.repo, model(f"m{number}"))
    steps: list[int] = []
    Index.open(registry).catch_up(progress=steps.append)
    assert sum(steps) == 5


def test_a_merge_is_one_commit_of_main(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    repo = registry.repo
    base = repo.tip() or ""
    side = commit(repo, model("b"))
    advance(repo, new=base, old=side, message="back to the base")
    ours = commit(repo, model("c"))
    who = repo.handle[ours].author
    tree = repo.handle.merge_commits(ours, side).write_tree(repo.handle)
    merged = str(repo.handle.create_commit(None, who, who, "merge", tree, [ours, side]))
    advance(repo, new=merged, old=ours, message="merge")
    assert index.catch_up().seq == 4
    assert index.reader().history(of("acme/b@1.0.0"))[0]["commit"] == merged
    assert is_as_cold(index, tmp_path / "cold")


def test_a_repository_without_commits_is_no_registry_yet(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not a registry"):
        Index.open(Registry(GitRepository.create(tmp_path / "r")))


@pytest.mark.parametrize("bare", [True, False])
def test_bare_repositories_and_work_trees_index_alike(tmp_path: Path, bare: bool) -> None:
    registry = found(tmp_path / "a place?with #odd% characters" / "r", bare=bare)
    commit(registry.repo, model())
    index = cold(registry, default_folder(registry))
    assert searched(index, "acme/a") == ["model:acme/a@1.0.0"]
    assert default_folder(registry).is_dir()
    assert index.folder.is_relative_to(registry.repo.git_dir)


# What cannot be read


def test_a_bad_manifest_is_quarantined_and_the_rest_is_served(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, {**model("good"), "models/acme/bad/1.0.0.yaml": BAD})
    reader = index.reader()
    (entry,) = reader.quarantine()
    assert (entry["path"], entry["seq"]) == ("models/acme/bad/1.0.0.yaml", 2)
    finding = entry["findings"][0]
    assert finding["path"] == entry["path"]
    assert all(finding[part] for part in ("line", "says", "mend"))
    assert searched(index, kind="Model") == ["model:acme/good@1.0.0"]
    for asked in ("acme/bad@1.0.0", "acme/bad", "acme/bad@^1"):
        with pytest.raises(Rejected, match="cannot be read") as refused:
            reader.resolve(of(asked))
        assert refused.value.findings[0].line
    with pytest.raises(NotFoundError):
        reader.resolve(of("acme/ba"))
    assert [stage["change"] for stage in reader.history(of("acme/bad@1.0.0"))] == ["quarantined"]
    commit(registry.repo, model("bad"))
    assert index.catch_up().quarantined == 0
    assert reader.quarantine() == []
    assert reader.resolve(of("acme/bad@1.0.0")).seq == 3
    assert [stage["change"] for stage in reader.history(of("acme/bad@1.0.0"))] == ["changed", "quarantined"]
    assert (
        reader.resolve(of("acme/bad@1.0.0")).data()["registry"]["createdAt"]
        < reader.history(of("acme/bad@1.0.0"))[0]["time"]
    )


ODD: Final[tuple[tuple[str, Files, str], ...]] = (
    ("a symlink", {"models/acme/a/1.0.0.yaml": File(b"../b", SYMLINK)}, "mode"),
    ("an executable", {"models/acme/a/1.0.0.yaml": File(next(iter(model().values())), EXECUTABLE)}, "mode"),
    ("somebody else's manifest", {"models/acme/a/1.0.0.yaml": next(iter(model("b").values()))}, "says that it is"),
    ("a name that no record can have", {"models/acme/a/notes.yaml": next(iter(model().values()))}, "says that it is"),
    ("a path that is not UTF-8", {"models/acme/\udcff/1.0.0.yaml": b"kind: 1"}, ""),
    ("an empty file", {"models/acme/a/1.0.0.yaml": b""}, ""),
    ("not UTF-8", {"models/acme/a/1.0.0.yaml": b"\xff\xfe\x00"}, ""),
    ("a huge file", {"models/acme/a/1.0.0.yaml": b"# " + b"x" * 10_000_000}, ""),
)


@pytest.mark.parametrize(("files", "says"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_what_is_not_a_record_is_told_and_stops_nothing(tmp_path: Path, files: Files, says: str) -> None:
    registry, index = indexed(tmp_path, files)
    (entry,) = index.reader().quarantine()
    assert entry["path"].encode()
    assert says in entry["findings"][0]["says"]
    commit(registry.repo, {**model("b"), **dict.fromkeys(files)})
    assert index.catch_up().quarantined == 0
    assert searched(index, kind="Model") == ["model:acme/b@1.0.0"]
    assert is_as_cold(index, tmp_path / "cold")


def test_paths_that_look_alike_are_kept_apart(tmp_path: Path) -> None:
    raw, spelt = "models/acme/\udcff/1.0.0.yaml", "models/acme/\\xff/1.0.0.yaml"
    registry, index = indexed(tmp_path, {raw: b"1", spelt: b"2"})
    assert len(index.reader().quarantine()) == 2
    commit(registry.repo, {raw: None})
    index.catch_up()
    assert [entry["blob"] for entry in index.reader().quarantine()] == ["d8263ee9860594d2806b0dfd1bfd17528b0ba2a4"]


def test_commits_in_odd_encodings_are_indexed(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    repo = registry.repo
    tip = repo.tip() or ""
    raw = (
        f"tree {repo.commit(tip).tree}\nparent {tip}\nauthor \\ud800 <a@example.com> 1 +0000\n"
        f"committer C <c@example.com> 1 +0000\nencoding unicode_escape\n\nHalf a \\ud800 and \\x00 nothing\n"
    )
    odd = str(repo.handle.write(1, raw.encode()))
    advance(repo, new=odd, old=tip, message="odd")
    commit(repo, model("b"))
    assert index.catch_up().seq == 4
    assert is_as_cold(index, tmp_path / "cold")


def test_a_broken_registry_yaml_keeps_the_last_good_state(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    before = said(index)
    commit(registry.repo, {"registry.yaml": b"kind: [", **model("b")})
    with pytest.raises(RepositoryError, match="not a registry"):
        index.catch_up()
    assert said(index) == before
    commit(registry.repo, {"registry.yaml": registry_yaml()})
    assert index.catch_up().seq == 4
    assert is_as_cold(index, tmp_path / "cold")


def test_a_changed_uid_is_not_followed(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    before = said(index)
    commit(registry.repo, {"registry.yaml": registry_yaml(OTHER_UID)})
    with pytest.raises(ForeignIndexError) as caught:
        index.catch_up()
    assert "gitreg index --rebuild" in caught.value.mend
    assert said(index) == before
    rebuilt = Index.emptied(registry)
    rebuilt.catch_up()
    assert is_as_cold(rebuilt, tmp_path / "cold")


# Crashes


def test_a_crash_inside_a_batch_applies_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, index = indexed(tmp_path, model())
    before = said(index)
    for number in range(5):
        commit(registry.repo, model(f"m{number}"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        real = catalog._row
        calls = iter(range(100))
        patch.setattr("gitreg_indexer.catalog._row", lambda opened: crash() if next(calls) == 3 else real(opened))
        with pytest.raises(KeyboardInterrupt):
            index.catch_up()
    assert said(index) == before
    index.catch_up()
    assert is_as_cold(index, tmp_path / "cold")


def test_a_crash_between_catalog_and_engine_is_mended_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = indexed(tmp_path, model())
    commit(registry.repo, model("b"))
    with monkeypatch.context() as patch:
        patch.setattr(TantivyEngine, "apply", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            index.catch_up()
    page = index.reader().search(Query(kind="Model"))
    assert (refs(page), page.position.seq) == (["model:acme/a@1.0.0"], 2)
    assert index.reader().position().seq == 3
    assert page.position.commit == registry.repo.resolve("main~1")
    index.catch_up()
    assert is_as_cold(index, tmp_path / "cold")


def test_a_crash_while_the_catalog_is_laid_out_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = found(tmp_path / "r")
    with monkeypatch.context() as patch:
        patch.setattr("gitreg_indexer.catalog.uuid.uuid4", lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            Index.open(registry)
    assert Index.open(registry).catch_up().seq == 1


@pytest.mark.own_catalog
def test_a_process_that_is_killed_leaves_a_sound_index(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    commits = tries(80, 150)
    for number in range(commits):
        files = {**model(f"m{number % 40}", f"1.{number}.0"), **model(f"m{number % 7}", description=f"Round {number}.")}
        commit(registry.repo, files)
    draw = random.Random(5)  # noqa: S311 - the same moments every time
    for _ in range(tries(4, 30)):
        child = script(CATCH_UP, registry.repo.git_dir)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(draw.uniform(0, 0.35))
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=60)
        reader = Index.open(registry).reader()
        page, position = reader.search(Query(), limit=1000), reader.position()
        assert page.position.seq <= position.seq
        assert page.total == len(page.items)
        if position.seq > commits * 2 / 3:
            commit(registry.repo, model("more", f"{position.seq}.0.{draw.randrange(1_000_000)}"))
    index = Index.open(registry)
    index.catch_up()
    assert is_as_cold(index, tmp_path / "cold")


# What is wrong with an index, and its mend


@pytest.mark.own_catalog
def test_the_index_of_another_registry_is_refused(tmp_path: Path) -> None:
    _, index = indexed(tmp_path / "one", model())
    other = found(tmp_path / "other", uid=OTHER_UID)
    with pytest.raises(ForeignIndexError) as caught:
        Index.open(other, index.folder)
    assert OTHER_UID in str(caught.value.expected)
    assert "--index" in caught.value.mend
    assert "gitreg index --rebuild" in caught.value.mend
    taken = Index.emptied(other, index.folder)
    taken.catch_up()
    assert is_as_cold(taken, tmp_path / "cold")


@pytest.mark.own_catalog
def test_an_index_of_another_format_is_refused(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    folder = index.generation().folder
    index.close()
    with sqlite3.connect(folder / "catalog.sqlite3") as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    db.close()
    with pytest.raises(IndexFormatError) as caught:
        Index.open(registry)
    assert caught.value.mend == "run `gitreg index --rebuild`"
    assert Index.emptied(registry).catch_up().seq == 2


def mended(registry: Registry) -> Index:
    """Open an index that was harmed: it mends itself, or says that a rebuild does, and then that does."""
    told: GitregError | None = None
    try:
        index = Index.open(registry)
        index.catch_up()
        said(index)
    except GitregError as error:
        told = error
        index = Index.emptied(registry)
        index.catch_up()
    assert told is None or ("gitreg index --rebuild" in told.mend and told.where)
    return index


def _garbage(file: Path) -> None:
    put(b"This is no index at all. " * 400, file)


def _half(file: Path) -> None:
    put(file.read_bytes()[: file.stat().st_size // 2], file)


@pytest.mark.own_catalog
@pytest.mark.parametrize("harm", [_garbage, _half])
@pytest.mark.parametrize(
    "what", ["catalog.sqlite3", "meta.json", ".managed.json", "*.store", "*.term", "*.fast", "*.idx"]
)
def test_a_damaged_file_is_told_with_the_mend_or_mended(
    tmp_path: Path, harm: Callable[[Path], None], what: str
) -> None:
    registry, index = indexed(tmp_path, {**model(), **model("b")}, aliases(stable="1.0.0"))
    folder = index.generation().folder
    index.close()
    (file, *_) = [*folder.glob(what), *(folder / "tantivy").glob(what)]
    for extra in ("-wal", "-shm"):
        Path(f"{file}{extra}").unlink(missing_ok=True)
    harm(file)
    assert is_as_cold(mended(registry), tmp_path / "cold")


@pytest.mark.parametrize(
    "pattern", ["*", "*.store", "*.term", "*.fast", "*.idx", "*.pos", "meta.json", ".managed.json"]
)
def test_missing_search_files_are_told_with_the_mend_or_made_again(tmp_path: Path, pattern: str) -> None:
    registry, index = indexed(tmp_path, model(), model("b"))
    folder = index.generation().folder
    index.close()
    for file in (folder / "tantivy").glob(pattern):
        file.unlink()
    assert is_as_cold(mended(registry), tmp_path / "cold")


def test_a_deleted_search_folder_is_filled_again_from_the_catalog(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model(), model("b"))
    before = said(index)
    shutil.rmtree(index.generation().folder / "tantivy")
    assert Index.open(registry).reader().search(Query()).position.seq == 0
    index.catch_up()
    assert said(index) == before
    assert said(Index.open(registry)) == before


@pytest.mark.own_catalog
def test_a_deleted_catalog_is_made_again_with_its_search_index(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model(), model("b"))
    folder = index.generation().folder
    index.close()
    for file in folder.glob("catalog.sqlite3*"):
        file.unlink()
    again = Index.open(registry)
    assert again.reader().search(Query()).total == 0
    again.catch_up()
    assert is_as_cold(again, tmp_path / "cold")


def test_a_rebuild_by_another_process_is_followed(tmp_path: Path) -> None:
    registry, serving = indexed(tmp_path, model())
    before = said(serving)
    rebuilt = Index.emptied(Registry.open(registry.repo.git_dir))
    assert said(serving) == before
    rebuilt.catch_up()
    assert said(serving) == before
    assert serving.generation().folder == rebuilt.generation().folder
    commit(registry.repo, model("b"))
    rebuilt.catch_up()
    assert said(serving) == said(rebuilt)
    commit(registry.repo, model("c"))
    serving.catch_up()
    assert said(serving) == said(rebuilt)
    assert is_as_cold(Index.open(registry), tmp_path / "cold")


def test_a_rewritten_main_is_an_alarm_and_the_last_good_state_stays(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    before = said(index)
    repo = registry.repo
    tip = repo.tip()
    advance(repo, new=repo.resolve("main~1"), old=tip, message="rewrite")
    commit(repo, model("c"))
    for _ in range(2):
        with pytest.raises(HistoryRewritten) as caught:
            index.catch_up()
        assert "gitreg index accept-rewrite" in caught.value.mend
    assert said(index) == before
    assert said(Index.open(registry)) == before
    with pytest.raises(HistoryRewritten) as caught:
        Index.emptied(registry)
    assert "gitreg index accept-rewrite" in caught.value.mend
    assert said(Index.open(registry)) == before
    rebuilt = Index.emptied(registry, rewritten=True)
    rebuilt.catch_up()
    assert searched(rebuilt, kind="Model") == ["model:acme/a@1.0.0", "model:acme/c@1.0.0"]


@pytest.mark.own_catalog
@pytest.mark.parametrize("how", ["--rebuild", "--history"])
def test_no_command_follows_a_rewritten_main_by_the_way(tmp_path: Path, how: str) -> None:
    registry = found(tmp_path / "registry.git")
    commit(registry.repo, model("a"))
    repo, where = registry.repo, ("--repo", registry.repo.git_dir, "--json")
    fine("index", *where, *(("--history", "none") if how == "--history" else ()))
    advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="rewrite")
    commit(repo, model("b"))
    refused = run("index", *where, *(("--history", "full") if how == "--history" else ("--rebuild",)))
    assert (refused.code, refused.error["code"]) == (2, "history-rewritten")
    assert searched(Index.open(registry), kind="Model") == ["model:acme/a@1.0.0"]
    catalog = Index.open(registry).generation().folder / "catalog.sqlite3"
    catalog.write_bytes(b"no database" * 1000)
    fine("index", *where, "--rebuild")
    assert searched(Index.open(registry), kind="Model") == ["model:acme/b@1.0.0"]


def test_a_rewritten_main_does_not_keep_search_behind_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = indexed(tmp_path, model("a"))
    commit(registry.repo, model("b"))
    with monkeypatch.context() as patch:
        patch.setattr("gitreg_indexer.index.fill", lambda *_, **__: None)
        index.catch_up()
    repo = registry.repo
    advance(repo, new=repo.resolve("main~2"), old=repo.tip(), message="rewrite")
    commit(repo, model("c"))
    with pytest.raises(HistoryRewritten):
        index.catch_up()
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0", "model:acme/b@1.0.0"]


# Folders and disks


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    (tmp_path / "file").touch()
    with pytest.raises(GitregError) as caught:
        Index.open(registry, tmp_path / "file" / "index")
    assert "--index" in caught.value.mend


@pytest.mark.own_catalog
@pytest.mark.parametrize(
    ("says", "mend"),
    [
        ("attempt to write a readonly database", "make the folder writable"),
        ("unable to open database file", "make the folder writable"),
        ("database or disk is full", "free some space"),
        ("disk I/O error", "free some space"),
        ("database is locked", "wait for the other process"),
        ("database disk image is malformed", "gitreg index --rebuild"),
    ],
)
def test_what_the_database_says_is_told_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, mend: str
) -> None:
    registry, index = indexed(tmp_path, model())
    before = said(index)
    commit(registry.repo, model("b"))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError(says)

    with monkeypatch.context() as patch:
        patch.setattr(Writing, "put", fail)
        with pytest.raises(BrokenIndexError) as caught:
            index.catch_up()
    assert mend in caught.value.mend
    assert said(index) == before


@pytest.mark.parametrize(
    ("says", "mend"),
    [
        ("Read-only file system (os error 30)", "make the folder writable"),
        ("Permission denied (os error 13)", "make the folder writable"),
        ("No space left on device (os error 28)", "free some space"),
        ("Data corrupted", "gitreg index --rebuild"),
    ],
)
def test_what_the_search_engine_says_is_told_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, mend: str
) -> None:
    registry, index = indexed(tmp_path, model())
    commit(registry.repo, model("b"))

    def fail(*_: object, **__: object) -> None:
        raise ValueError(says)

    with monkeypatch.context() as patch:
        patch.setattr(View, "search", fail)
        with pytest.raises(GitregError) as caught:
            index.reader().search(Query())
    assert mend in caught.value.mend
    index.catch_up()
    assert is_as_cold(index, tmp_path / "cold")


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, index = indexed(tmp_path, model())

    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    commit(registry.repo, model("b"))
    with monkeypatch.context() as patch:
        patch.setattr("gitreg_indexer.lock.os.open", refuse)
        with pytest.raises(GitregError) as caught:
            index.catch_up()
    assert caught.value.got == "Read-only file system"
    assert "--index" in caught.value.mend
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0"]


def test_an_index_that_cannot_be_deleted_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, _ = indexed(tmp_path, model())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(GitregError) as caught:
            Index.emptied(registry)
    assert caught.value.got == "Permission denied"


# Several processes and threads


def test_of_two_writers_one_works_and_the_other_is_told_who(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    commit(registry.repo, model("b"))
    holder = script(HOLD, index.folder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ConflictError, match=f"process {holder.pid} is writing"):
        index.catch_up()
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0"]
    ended(holder)
    assert index.catch_up().seq == 3


def test_of_two_that_make_it_anew_one_works_and_the_other_is_told_who(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    begun = Index.emptied(registry)
    holder = script(HOLD, index.folder, MAKING_LOCK)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    for ask in (lambda: Index.emptied(registry), begun.catch_up):
        with pytest.raises(ConflictError, match=f"process {holder.pid} is writing"):
            ask()
    commit(registry.repo, model("b"))
    assert index.catch_up().seq == 3
    ended(holder)
    assert begun.catch_up().seq == 3


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    holder = script(HOLD, tmp_path)
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=60)
    with writing(tmp_path):
        assert (tmp_path / "writer.lock").read_text() == f"{os.getpid()}\n"


def test_writers_that_take_turns_leave_one_sound_index(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    for number in range(tries(2, 10)):
        commit(registry.repo, model(f"b{number}"))
        ended(script(CATCH_UP, registry.repo.git_dir))
        commit(registry.repo, {**model(f"c{number}"), **model(f"b{number}", description="Changed.")})
        index.catch_up()
    assert is_as_cold(index, tmp_path / "cold")


@pytest.mark.own_catalog
def test_processes_that_open_a_new_index_at_once_all_open_it(tmp_path: Path) -> None:
    uid = found(tmp_path / "r").uid
    for number in range(5):
        file = tmp_path / f"{number}.sqlite3"
        with ThreadPoolExecutor(8) as pool:
            instances = {opened.instance for opened in pool.map(lambda _: Catalog.open(file, Making(uid)), range(8))}  # noqa: B023
        assert len(instances) == 1


@pytest.mark.own_catalog
def test_a_reader_of_another_process_sees_a_commit_once_it_is_indexed(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    reader = index.reader()
    for number in range(tries(2, 10)):
        commit(registry.repo, model(f"b{number}"))
        ended(script(CATCH_UP, registry.repo.git_dir))
        page = reader.search(Query(f"b{number}"))
        assert refs(page) == [f"model:acme/b{number}@1.0.0"]
        assert page.position == reader.position()
        assert page.position.commit == registry.repo.tip()
        assert reader.resolve(of(f"acme/b{number}")).seq == page.position.seq


def test_what_one_reading_sees_does_not_move(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    commit(registry.repo, model("b"))
    with index.catalog.reading() as db:
        before = position_in(db)
        index.catch_up()
        assert position_in(db) == before
    assert index.reader().position().seq == before.seq + 1


def test_readers_never_see_a_torn_state(tmp_path: Path) -> None:
    """At commit n, `a` has one version only, `n.0.0`, whose description is the word `turn<n>`, and so has `b`."""
    rounds = tries(15, 100)
    registry, index = indexed(tmp_path, _turn(2))
    over = threading.Event()

    def read(number: int) -> int:
        reader = index.reader()
        count = 0
        while not over.is_set():
            count += 1
            page = reader.search(Query(kind="Model", sort=("name", "-updatedAt", "contextLength")[number % 3]))
            wanted = [f"model:acme/{name}@{page.position.seq}.0.0" for name in ("a", "b")]
            assert refs(page) == wanted
            assert page.total == 2
            assert {fact.seq for fact in page.items} == {page.position.seq}
            low = reader.position().seq
            fact = reader.resolve(of(("acme/a", "acme/a@latest", "acme/a@*", "acme/a@stable")[number % 4]))
            assert low <= fact.seq <= reader.position().seq
            assert fact.version == f"{fact.seq}.0.0"
            (version,) = reader.versions(of("acme/b"))
            assert version.version == f"{version.seq}.0.0"
            time.sleep(0.01)
        return count

    with ThreadPoolExecutor(4) as pool:
        readings = [pool.submit(read, number) for number in range(4)]
        try:
            for seq in range(3, rounds + 3):
                gone = {path: None for path in _turn(seq - 1) if "aliases" not in path}
                commit(registry.repo, {**gone, **_turn(seq)})
                index.catch_up()
                assert not any(reading.done() for reading in readings), [r.result() for r in readings if r.done()]
        finally:
            over.set()
        assert all(reading.result() > 3 for reading in readings)


def _turn(seq: int) -> dict[str, bytes]:
    version = f"{seq}.0.0"
    made = {path: raw for name in ("a", "b") for path, raw in model(name, version, description=f"turn{seq}").items()}
    return {**made, **aliases(stable=version)}


@pytest.mark.own_catalog
def test_an_index_leaves_no_lock_behind_for_other_processes(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model())
    commit(registry.repo, model("b"))
    ended(script(CATCH_UP, registry.repo.git_dir))
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0", "model:acme/b@1.0.0"]


def test_the_past_is_counted_by_the_catalog_where_the_search_engine_has_not_come_so_far(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model(), model("b"), dict.fromkeys(model()))
    reader = index.reader()
    told = [reader.counts(at=at) for at in range(1, 5)]
    assert [counts.get("Model", 0) for counts in told] == [0, 1, 2, 1]
    index.generation().engine.clear()
    assert [reader.counts(at=at) for at in range(1, 5)] == told
