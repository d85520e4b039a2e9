"""`gitreg index status` tells the state of an index without changing it; a rewritten main is told until accepted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from api_support import Api
from cli_support import fine, run
from index_support import OTHER_UID, commit, found, indexed, model, refs, rewritten, said, searched
from watch_support import git, round_of, upstream

from gitreg.errors import ConflictError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_api.app import create_app
from gitreg_indexer import Index, Query
from gitreg_indexer.index_status import status_of
from gitreg_indexer.lock import MAKING_LOCK, WRITER_LOCK, writing
from gitreg_indexer.rewrites import NotRewrittenError, accept_rewrite, rewrite_of

BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
HOLD: Final = """
import sys
from pathlib import Path
from gitreg_indexer.lock import writing
with writing(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""
KEYS: Final = {
    *("folder", "format", "generation", "commit", "seq", "behind", "records", "quarantined", "history", "search"),
    *("size", "writer", "alarm", "rebuild", "trouble", "catalog", "remotes"),
}


def status_data(registry: Registry, *words: str | Path) -> Any:
    return fine("index", "status", "--repo", registry.repo.git_dir, "--json", *words).json


def status_text(registry: Registry) -> str:
    return fine("index", "status", "--repo", registry.repo.git_dir).out


@contextmanager
def held(folder: Path, lock: str) -> Iterator[int]:
    """Have another process hold a lock; gives its number."""
    words = [sys.executable, "-c", HOLD, str(folder), lock]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.send_signal(signal.SIGKILL)


# The state


def test_a_current_index_is_told_in_full(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, {**model("a"), **model("b")}, {"models/acme/bad/1.0.0.yaml": BAD})
    data = status_data(registry)
    assert set(data) == KEYS
    size = data.pop("size")
    assert size["total"] == sum(size[part] for part in size if part != "total")
    assert size["catalog"] == sum(file.stat().st_size for file in index.generation().folder.glob("catalog.sqlite3*"))
    assert size["search"] > 1000
    (bad,) = data.pop("quarantined")
    assert (bad["path"], bad["seq"]) == ("models/acme/bad/1.0.0.yaml", 3)
    assert bad["findings"][0]["line"]
    assert data == {
        "folder": str(index.folder),
        "format": "3",
        "generation": "3-1",
        "commit": registry.repo.tip(),
        "seq": 3,
        "behind": 0,
        "records": {"Model": 2, "Registry": 1},
        "history": {"kind": "full", "from": 1},
        "search": {"engine": "tantivy", "seq": 3},
        "writer": None,
        "alarm": None,
        "remotes": [],
        "rebuild": None,
        "trouble": None,
        "catalog": None,
    }
    text = status_text(registry)
    for part in (
        "(seq 3), up to date",
        "3: 2 Model, 1 Registry",
        "quarantined  1",
        "full",
        "3-1 in",
        "catalog",
        "bad/1.0.0",
    ):
        assert part in text


def test_commits_that_are_not_indexed_are_counted(tmp_path: Path) -> None:
    registry, _ = indexed(tmp_path, model("a"))
    for number in range(3):
        commit(registry.repo, model(f"b{number}"))
    assert (status_data(registry)["behind"], status_data(registry)["seq"]) == (3, 2)
    assert "3 commits behind main" in status_text(registry)
    assert Index.open(registry).reader().position().seq == 2


def test_where_there_is_no_index_none_is_made(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    data = status_data(registry)
    assert set(data) == KEYS
    assert (data["generation"], data["seq"], data["commit"], data["behind"]) == (None, 0, "", 1)
    assert "gitreg index" in status_text(registry)
    assert not (registry.repo.git_dir / "gitreg" / "index").exists()


def test_looking_changes_nothing(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    commit(registry.repo, model("b"))
    before = said(index)
    index.close()
    files = {file: file.read_bytes() for file in index.folder.rglob("*") if file.is_file()}
    status_data(registry)
    kept = {file: raw for file, raw in files.items() if file.suffix != ".lock"}
    assert {file: file.read_bytes() for file in kept} == kept
    assert said(Index.open(registry)) == before


def test_who_writes_it_is_told_while_it_does(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    assert (index.folder / WRITER_LOCK).read_text() == f"{os.getpid()}\n"
    assert status_data(registry)["writer"] is None
    with held(index.folder, WRITER_LOCK) as process:
        assert status_data(registry)["writer"] == process
        assert f"process {process}" in status_text(registry)
    assert status_data(registry)["writer"] is None


def test_a_rebuild_in_the_making_is_told_with_how_far_it_is(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, *(model(f"a{number}") for number in range(4)))
    made = Index.emptied(registry)
    assert status_data(registry)["rebuild"] == {"generation": "3-2", "seq": 0, "behind": 5, "by": None}
    assert "by nobody now" in status_text(registry)
    made._bring_up(made.generation(), None)
    commit(registry.repo, model("later"))
    with held(index.folder, MAKING_LOCK) as process:
        data = status_data(registry)
        assert data["rebuild"] == {"generation": "3-2", "seq": 5, "behind": 1, "by": process}
        assert data["size"]["rebuild"] > 1000
        assert f"3-2 at seq 5, 1 commits to go, by process {process}" in status_text(registry)
    made.catch_up()
    assert status_data(registry)["rebuild"] is None


def test_what_somebody_still_reads_counts_as_left(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    with index.catalog.reading():
        Index.emptied(registry).catch_up()
    assert status_data(registry)["size"]["left"] > 1000


def test_a_damaged_index_is_told_and_the_rest_all_the_same(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    file = index.generation().folder / "catalog.sqlite3"
    index.close()
    file.write_bytes(b"no database" * 1000)
    with held(index.folder, WRITER_LOCK) as process:
        data = status_data(registry)
        assert data["trouble"]["code"] == "broken-index"
        assert data["trouble"]["mend"]
        assert (data["generation"], data["writer"], data["behind"]) == ("3-1", process, None)
    assert "TROUBLE" in status_text(registry)


def test_the_index_of_another_registry_is_trouble(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model("a"))
    other = found(tmp_path / "other", uid=OTHER_UID)
    assert status_data(other, "--index", index.folder)["trouble"]["code"] == "foreign-index"


# A rewritten main


def test_a_rewritten_main_is_told_before_and_after_it_was_met(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"), model("c"))
    before, now = rewritten(registry)
    alarm = {"from": before, "fromSeq": 4, "to": now, "seen": None}
    assert (status_data(registry)["alarm"], status_data(registry)["behind"]) == (alarm, None)
    assert index.alarm() is None
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            index.catch_up()
    kept = index.alarm()
    assert kept is not None
    assert kept.as_data() == {**alarm, "seen": kept.seen}
    assert status_data(registry)["alarm"] == kept.as_data()
    other = Index.open(Registry.open(registry.repo.git_dir))
    assert other.alarm() == kept
    text = status_text(registry)
    assert f"ALARM        main was rewritten: it went from {before[:12]} (seq 4) to {now[:12]}" in text
    assert "gitreg index accept-rewrite" in text


def test_an_alarm_is_over_when_main_is_put_back(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"), model("c"))
    before, now = rewritten(registry)
    with pytest.raises(HistoryRewritten):
        index.catch_up()
    advance(registry.repo, new=before, old=now, message="put it back")
    assert (index.alarm(), status_data(registry)["alarm"]) == (None, None)
    commit(registry.repo, model("d"))
    assert status_data(registry)["alarm"] is None
    index.catch_up()
    assert (index.alarm(), index.catalog.about()["alarm"]) == (None, "")


def test_an_alarm_tells_the_newest_place_that_main_went_to(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"), model("c"))
    rewritten(registry)
    with pytest.raises(HistoryRewritten):
        index.catch_up()
    newer = commit(registry.repo, model("more"))
    with pytest.raises(HistoryRewritten):
        index.catch_up()
    alarm = index.alarm()
    assert alarm is not None
    assert alarm.tip == newer


def test_readyz_tells_the_alarm_whether_or_not_main_is_followed(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"), model("c"))
    before, now = rewritten(registry)
    with pytest.raises(HistoryRewritten):
        index.catch_up()
    serving = Index.open(registry)
    api = Api(registry, serving, create_app(serving, follow=False))
    ready = api.get("/readyz")
    assert ready.status_code == 200
    alarm = ready.json()["alarm"]
    assert (alarm["from"], alarm["fromSeq"], alarm["to"]) == (before, 4, now)
    assert "gitreg index accept-rewrite" in alarm["mend"]
    assert api.get("/api/v1/models/acme/c").status_code == 200
    accept_rewrite(registry)
    assert api.get("/readyz").json()["alarm"] is None
    assert api.get("/api/v1/models/acme/c").status_code == 404
    assert api.get("/api/v1/models/acme/other").status_code == 200


def test_a_main_that_was_rewritten_at_the_remote_is_told_until_it_is_over(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    good = both.land("one")
    round_of(both)
    (told,) = status_data(both.near)["remotes"]
    assert (told["name"], told["failures"], told["fault"]) == ("origin", 0, None)
    assert f"remote       origin, asked last at {told['asked']}" in status_text(both.near)
    both.rewrite()
    round_of(both)
    (told,) = status_data(both.near)["remotes"]
    assert told["fault"]["code"] == "history-rewritten"
    assert "main of origin was rewritten" in told["fault"]["says"]
    assert "gitreg index accept-rewrite" in told["fault"]["mend"]
    text = status_text(both.near)
    assert "ALARM        main of origin was rewritten: it no longer descends from main here\n" in text
    assert "gitreg index accept-rewrite" in text
    git(both.far_dir, "update-ref", "refs/heads/main", good)
    round_of(both)
    assert status_data(both.near)["remotes"][0]["fault"] is None
    assert "ALARM" not in status_text(both.near)


def test_a_remote_that_is_gone_is_trouble_and_one_that_nobody_has_is_not_told(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    both.far_dir.rename(tmp_path / "away")
    round_of(both)
    (told,) = status_data(both.near)["remotes"]
    assert (told["failures"], told["fault"]["code"]) == (1, "fetch-failed")
    assert "TROUBLE      origin cannot be fetched from" in status_text(both.near)
    git(both.near_dir, "remote", "remove", "origin")
    assert status_data(both.near)["remotes"] == []


def test_what_is_given_up_is_told_and_the_new_main_is_followed(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"), model("c"))
    before, now = rewritten(registry)
    common = registry.repo.resolve("main~1")
    data = fine("index", "accept-rewrite", "--repo", registry.repo.git_dir, "--json").json
    report = data.pop("report")
    assert (report["seq"], report["commit"], report["records"]) == (3, now, 3)
    listed = data.pop("commits")
    assert [(one["seq"], one["commit"]) for one in listed] == [
        (4, before),
        (3, registry.repo.commit(before).parents[0]),
    ]
    assert set(listed[0]) == {"seq", "commit", "time", "author", "message"}
    assert data == {
        "before": {"seq": 4, "commit": before},
        "now": {"seq": 3, "commit": now},
        "common": {"seq": 2, "commit": common},
        "dropped": 2,
        "added": 1,
    }
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0", "model:acme/other@1.0.0"]
    assert status_data(registry)["alarm"] is None
    commit(registry.repo, model("next"))
    assert index.catch_up().seq == 4


def test_what_is_given_up_is_told_to_people(tmp_path: Path) -> None:
    registry, _ = indexed(tmp_path, model("a"), model("b"))
    before, _ = rewritten(registry, back=1)
    text = fine("index", "accept-rewrite", "--repo", registry.repo.git_dir).out
    for part in (
        f"main was at {before[:12]} (seq 3)",
        "given up: 1 commits; new: 1 commits",
        f"    {before[:12]}  2025-",
    ):
        assert part in text


@pytest.mark.parametrize("how", ["up to date", "behind"])
def test_what_was_not_rewritten_is_not_accepted(tmp_path: Path, how: str) -> None:
    registry, _ = indexed(tmp_path, model("a"))
    if how == "behind":
        commit(registry.repo, model("b"))
    refused = run("index", "accept-rewrite", "--repo", registry.repo.git_dir, "--json")
    assert (refused.code, refused.error["code"]) == (2, "not-rewritten")
    assert "not rewritten" in refused.error["says"]
    assert "gitreg index" in refused.error["mend"]
    assert Index.open(registry).generation().folder.name == "3-1"


def test_a_main_without_anything_in_common_can_be_accepted(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    repo = registry.repo
    old = repo.tip() or ""
    tree = repo.commit(old).tree
    who = repo.handle[old].author
    anew = str(repo.handle.create_commit(None, who, who, "begin anew", tree, []))
    advance(repo, new=anew, old=old, message="begin anew")
    rewrite = rewrite_of(repo, index.catalog)
    assert (rewrite.common.seq, rewrite.dropped, rewrite.added) == (0, 2, 1)
    accept_rewrite(registry)
    assert index.reader().position().commit == anew


def test_a_main_that_was_cut_short_can_be_accepted(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    repo = registry.repo
    advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="cut")
    rewrite, report = accept_rewrite(registry)
    assert (rewrite.dropped, rewrite.added, report.seq) == (1, 0, 2)
    assert refs(index.reader().search(Query(kind="Model"))) == ["model:acme/a@1.0.0"]


def test_accepting_serves_the_old_state_until_the_new_one_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    before = said(index)
    rewritten(registry, back=1)
    seen: list[Any] = []

    def stop(*_: object) -> None:
        seen.append(said(index))
        raise KeyboardInterrupt

    monkeypatch.setattr("gitreg_indexer.index.Generations.put_in_place", stop)
    with pytest.raises(KeyboardInterrupt):
        accept_rewrite(registry)
    monkeypatch.undo()
    assert seen == [before]
    assert said(index) == before
    accept_rewrite(registry)
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0", "model:acme/other@1.0.0"]


def test_accepting_is_one_at_a_time(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    rewritten(registry, back=1)
    with writing(index.folder, MAKING_LOCK), pytest.raises(ConflictError):
        accept_rewrite(registry)
    accept_rewrite(registry)
    with closing(Index.open(registry)) as opened, pytest.raises(NotRewrittenError):
        rewrite_of(registry.repo, opened.catalog)
    assert status_of(registry).behind == 0


# Verifying, by command


def test_verify_tells_by_its_exit_code_and_json(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    where = registry.repo.git_dir
    clean = fine("index", "verify", "--repo", where)
    assert "nothing is wrong at commit" in clean.out
    assert fine("index", "verify", "--repo", where, "--json").json["clean"] is True
    with index.catalog.writing() as written:
        written.db.exec_driver_sql("UPDATE facts SET status = 'retired' WHERE ref LIKE '%/a@%'")
    faulty = run("index", "verify", "--repo", where)
    assert (faulty.code, faulty.err) == (1, "")
    assert (
        "status is another\n    got: retired\n    expected: active\n    mend: run `gitreg index verify --repair`"
        in faulty.out
    )
    assert "one thing is wrong" in faulty.out
    data = run("index", "verify", "--repo", where, "--json")
    assert (data.code, data.json["clean"], len(data.json["faults"])) == (1, False, 1)
    mended = fine("index", "verify", "--repo", where, "--repair")
    assert mended.out.startswith("mended: ")
    assert fine("index", "verify", "--repo", where, "--json").json["clean"] is True
    shutil.rmtree(index.folder)
    absent = run("index", "verify", "--repo", where, "--json")
    assert (absent.code, absent.error["mend"][:18]) == (2, "run `gitreg index`")


def test_options_before_the_word_are_refused(tmp_path: Path) -> None:
    registry, _ = indexed(tmp_path, model("a"))
    for word in ("status", "verify", "accept-rewrite"):
        refused = run("index", "--repo", registry.repo.git_dir, word)
        assert refused.code == 2
        assert f"gitreg index {word} --repo" in refused.err
