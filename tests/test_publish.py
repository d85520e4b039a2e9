"""A registry is published as static files that lead to one another by digest, and kept up by what has changed."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import sqlalchemy as sa
from cli_support import fine, run
from effort import tries
from index_support import (
    OTHER_UID,
    aliases,
    cold,
    commit,
    dataset,
    found,
    indexed,
    manifest,
    model,
    of,
    registry_yaml,
)
from publish_support import files_in, holds_nothing_else, listed, published

from gitreg.errors import ConflictError, GitregError, UsageError
from gitreg.repository.writing import advance
from gitreg_indexer import Index
from gitreg_indexer.catalog import Catalog, Making
from gitreg_indexer.publishing import feed, layout, states
from gitreg_indexer.publishing.folder import Folder
from gitreg_indexer.tables import facts

ROLE: Final = {"access/reader.yaml": manifest("Role", {"name": "reader"}, {"permissions": ["registry:read"]})}
NAMESPACE: Final = {
    "namespaces/acme/nlp.yaml": manifest("Namespace", {"name": "acme/nlp"}, {"owners": ["author@example.com"]})
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut lists so often that a few names fill several levels of pages, parts and segments."""
    monkeypatch.setattr(layout, "PAGE_BITS", 1)
    monkeypatch.setattr(layout, "PART_BITS", 1)
    monkeypatch.setattr(feed, "SEGMENT_COMMITS", 3)


def models(count: int, version: str = "1.0.0") -> dict[str, bytes]:
    """Give some models as files."""
    return {path: raw for number in range(count) for path, raw in model(f"m{number}", version).items()}


def moved_on(index: Index, *commits: Any) -> None:
    """Land commits, and index them."""
    for files in commits:
        commit(index.registry.repo, files)
    index.catch_up()


def is_as_fresh(index: Index, where: Path, fresh: Path) -> bool:
    """Tell whether a folder holds, byte for byte, what a new one would."""
    published(index, fresh)
    return files_in(where) == files_in(fresh)


# What is published


def test_everything_there_is_leads_back_to_index_json(tmp_path: Path, small: None) -> None:
    steps = [models(40), {path: raw for n in range(20) for path, raw in dataset(f"d{n}").items()}, models(3, "1.1.0")]
    _, index = indexed(tmp_path, *steps, ROLE, NAMESPACE, aliases("m1", stable="1.0.0"), {"README.md": b"x"})
    report = published(index, tmp_path / "out")
    there = holds_nothing_else(tmp_path / "out")
    assert report.written == len(there.files)
    assert report.bytes == sum(map(len, there.files.values()))
    assert len([path for path in there.paths if path.startswith("pages/names/")]) > 10
    assert len([path for path in there.paths if path.startswith("snapshot/")]) > 10
    assert len([path for path in there.paths if path.startswith("changes/")]) == 3


def test_index_json_says_what_of_which_commit(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, {**model("a"), **ROLE}, model("a", "1.1.0"))
    published(index, tmp_path / "out")
    entry = listed(tmp_path / "out").entry
    assert entry["format"] == "gitreg-published/1"
    assert entry["registry"] == {"uid": registry.uid, "name": "example"}
    assert (entry["seq"], entry["commit"]) == (3, registry.repo.tip())
    assert entry["time"] == "2025-01-02T03:25:05Z"
    assert entry["counts"]["kinds"] == {"model": 2, "registry": 1, "role": 1}
    assert entry["counts"]["records"] == 4
    assert entry["counts"]["commits"] == 3


def test_a_record_is_the_bytes_that_the_api_sends(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, {**model("a"), **ROLE, **aliases("a", stable="1.0.0")})
    published(index, tmp_path / "out")
    there = listed(tmp_path / "out")
    refs = ("registry", "acme/a", "role:reader", "aliases:model/acme/a")
    docs = {index.reader().resolve(of(ref)).doc for ref in refs}
    assert set(there.snapshot) == docs
    assert docs == {raw for path, raw in there.files.items() if path.startswith("records/")}


def test_a_name_lists_its_versions_highest_first_and_its_aliases_last(tmp_path: Path) -> None:
    retired = model("a", "1.2.0", spec={"lifecycle": {"status": "retired"}})
    landed = {**model("a", "1.10.0"), **model("a", "1.9.0"), **retired, **model("a", "2.0.0-rc.1")}
    _, index = indexed(tmp_path, {**landed, **aliases("a", stable="1.9.0")}, ROLE)
    published(index, tmp_path / "out")
    there = listed(tmp_path / "out")
    lines = there.names["model acme a"]
    assert [line.get("version") for line in lines] == ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.2.0", None]
    assert [line.get("status") for line in lines] == ["active", "active", "active", "retired", None]
    assert lines[-1]["ref"] == "aliases:model/acme/a"
    assert lines[-1]["aliases"] == {"stable": "1.9.0"}
    fact = index.reader().resolve(of("acme/a@1.9.0"))
    known = fact.data()["registry"]
    assert lines[2] | {"digest": "", "size": 0} == {
        "ref": "model:acme/a@1.9.0",
        "version": "1.9.0",
        "status": "active",
        "digest": "",
        "size": 0,
        "blob": fact.blob,
        "createdAt": known["createdAt"],
        "updatedAt": known["updatedAt"],
    }
    assert [line["version"] for line in there.names["role  reader"]] == [None]


def test_aliases_of_a_name_without_versions_are_listed_too(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, aliases("a", stable="1.0.0"), aliases("a", of="Dataset", stable="1.0.0"))
    published(index, tmp_path / "out")
    names = listed(tmp_path / "out").names
    assert set(names) == {"dataset acme a", "model acme a", "registry  registry"}


def test_the_feed_tells_what_each_commit_did(tmp_path: Path) -> None:
    registry, index = indexed(
        tmp_path,
        {**model("a"), **ROLE},
        {"README.md": b"nothing of the registry"},
        {**model("a", description="better"), "access/reader.yaml": None},
        {"models/acme/a/1.0.0.yaml": b"broken: ["},
    )
    published(index, tmp_path / "out")
    commits = listed(tmp_path / "out").commits
    told = [[(change["change"], change["ref"], change["digest"] is None) for change in c["changes"]] for c in commits]
    assert told == [
        [("added", "registry", False)],
        [("added", "role:reader", False), ("added", "model:acme/a@1.0.0", False)],
        [],
        [("removed", "role:reader", True), ("changed", "model:acme/a@1.0.0", False)],
        [("removed", "model:acme/a@1.0.0", True)],
    ]
    assert commits[1]["changes"][1]["path"] == "models/acme/a/1.0.0.yaml"
    assert [c["seq"] for c in commits] == [1, 2, 3, 4, 5]
    assert commits[-1]["commit"] == registry.repo.tip()
    assert commits[2]["author"] == "Author 0 <author0@example.com>"
    assert commits[2]["message"] == "change"
    assert commits[2]["time"] == "2025-01-02T03:25:05Z"


def test_a_path_that_becomes_another_record_is_told_as_both(tmp_path: Path) -> None:
    binding = manifest("RoleBinding", {"name": "reader"}, {"role": "reader", "subjects": ["nlp-team"]})
    _, index = indexed(tmp_path, ROLE, {"access/reader.yaml": binding})
    published(index, tmp_path / "out")
    changes = listed(tmp_path / "out").commits[-1]["changes"]
    assert [(c["change"], c["ref"]) for c in changes] == [("removed", "role:reader"), ("added", "role-binding:reader")]


def test_a_segment_ends_when_it_has_enough_commits_or_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "SEGMENT_COMMITS", 3)
    monkeypatch.setattr(feed, "SEGMENT_CHANGES", 4)
    _, index = indexed(tmp_path, model("a"), model("b"), models(5), model("c"), model("d"))
    published(index, tmp_path / "out")
    spans = [path[8:33] for path in files_in(tmp_path / "out") if path.startswith("changes/")]
    assert spans == ["000000000001-000000000003", "000000000004-000000000004", "000000000005-000000000006"]
    moved_on(index, model("e"), model("f"))
    published(index, tmp_path / "out")
    assert is_as_fresh(index, tmp_path / "out", tmp_path / "fresh")


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, *({**model(f"m{n}"), **aliases(f"m{n}", stable="1.0.0")} for n in range(9)))
    published(index, tmp_path / "one")
    time.sleep(0.01)
    published(cold(registry, tmp_path / "cold"), tmp_path / "two")
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")


def test_a_damaged_manifest_is_not_published(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, {**model("a"), "models/acme/b/1.0.0.yaml": b"broken: ["})
    published(index, tmp_path / "out")
    assert set(holds_nothing_else(tmp_path / "out").names) == {"model acme a", "registry  registry"}


def test_names_come_in_the_order_of_their_bytes_from_any_database() -> None:
    """The catalog may stand in PostgreSQL, which orders texts as a language does."""
    for url, expected in (("postgresql://", 'facts.name COLLATE "C"'), ("sqlite://", "facts.name")):
        dialect = sa.make_url(url).get_dialect()()
        database: Any = SimpleNamespace(dialect=dialect)
        assert str(states._bytewise(database, facts.c.name).compile(dialect=dialect)) == expected


# What changes later


def test_a_commit_writes_only_what_it_changes(tmp_path: Path, small: None) -> None:
    _, index = indexed(tmp_path, models(60))
    published(index, tmp_path / "out")
    before = files_in(tmp_path / "out")
    moved_on(index, model("m7", "1.1.0"))
    report = published(index, tmp_path / "out")
    after = files_in(tmp_path / "out")
    new = set(after) - set(before)
    assert report.written == len(new) + 1
    assert report.bytes == sum(len(after[path]) for path in {*new, "index.json"})
    assert report.removed == len(set(before) - set(after))
    assert report.unchanged == len(after) - report.written
    assert len(new) < 40 < len(after)
    assert [path.split("/")[0] for path in new if not path.startswith("pages/")].count("records") == 1
    assert is_as_fresh(index, tmp_path / "out", tmp_path / "fresh")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(model("m3", "1.1.0"), id="a version"),
        pytest.param(model("m3", description="better"), id="a change of a version"),
        pytest.param(model("z"), id="a name behind all"),
        pytest.param(model("a", namespace="aaa"), id="a name before all"),
        pytest.param(aliases("m3", stable="1.0.0"), id="aliases"),
        pytest.param({"models/acme/m3/1.0.0.yaml": None}, id="no version of a name any more"),
        pytest.param({"models/acme/m3/1.0.0.yaml": b"broken: ["}, id="a damaged version"),
        pytest.param({"models": None}, id="no models any more"),
        pytest.param({"README.md": b"x"}, id="nothing"),
        pytest.param(NAMESPACE, id="another kind"),
        pytest.param({"registry.yaml": registry_yaml(description="Another.")}, id="the registry's own record"),
    ],
)
def test_what_has_changed_is_published_as_if_anew(tmp_path: Path, small: None, step: Any) -> None:
    _, index = indexed(tmp_path, models(12), ROLE)
    published(index, tmp_path / "out")
    if "models" in step:
        step = dict.fromkeys(models(12))
    moved_on(index, step)
    published(index, tmp_path / "out")
    assert is_as_fresh(index, tmp_path / "out", tmp_path / "fresh")
    holds_nothing_else(tmp_path / "out")


def test_publishing_again_changes_nothing(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model("a"))
    published(index, tmp_path / "out")
    before = {path: (tmp_path / "out" / path).stat().st_mtime_ns for path in files_in(tmp_path / "out")}
    for whole in (False, True):
        report = published(index, tmp_path / "out", whole=whole)
        assert (report.written, report.removed, report.bytes) == (0, 0, 0)
        assert report.unchanged == len(before)
    assert {path: (tmp_path / "out" / path).stat().st_mtime_ns for path in before} == before


def test_index_json_grows_younger_by_a_second_at_least(tmp_path: Path) -> None:
    """Servers make ETags of the time in seconds and the size."""
    _, index = indexed(tmp_path)
    stamps = []
    for number in range(4):
        moved_on(index, model(f"m{number}"))
        published(index, tmp_path / "out")
        stamps.append((tmp_path / "out" / "index.json").stat().st_mtime)
    assert all(later - earlier >= 1 for earlier, later in pairwise(stamps))


def test_records_of_the_past_stay(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model("a"))
    published(index, tmp_path / "out")
    before = {path for path in files_in(tmp_path / "out") if path.startswith("records/")}
    moved_on(index, {"models/acme/a/1.0.0.yaml": None})
    published(index, tmp_path / "out")
    assert before <= set(files_in(tmp_path / "out"))


def test_files_that_are_not_listed_any_more_stay_for_a_while_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, index = indexed(tmp_path, model("a"))
    where = tmp_path / "out"
    published(index, where, keep=60)
    first = files_in(where)
    moved_on(index, model("a", "1.1.0"))
    assert published(index, where, keep=60).removed == 0
    assert set(first) <= set(files_in(where))
    moved_on(index, {"models/acme/a/1.1.0.yaml": None})  # the name's file is again the first one
    published(index, where, keep=60)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert published(index, where, keep=60).removed > 0
    assert is_as_fresh(index, where, tmp_path / "fresh")
    assert not (where / ".gitreg" / "retired.json").exists()


def test_a_rewritten_history_is_published_whole(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    published(index, tmp_path / "out")
    base = registry.repo.first_parents(registry.repo.tip() or "", None)
    advance(registry.repo, new=list(base)[1], old=registry.repo.tip(), message="back")
    commit(registry.repo, model("c"), "instead")
    published(cold(registry, tmp_path / "cold"), tmp_path / "out")
    published(cold(registry, tmp_path / "colder"), tmp_path / "fresh")
    assert files_in(tmp_path / "out") == files_in(tmp_path / "fresh")


def test_a_later_state_of_the_same_history_gives_way_to_the_index(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model("a"))
    stale = tmp_path / "stale"
    shutil.copytree(index.generation().folder, stale)
    moved_on(index, model("b"))
    published(index, tmp_path / "out")
    behind = Catalog.open(stale / "catalog.sqlite3", Making(registry.uid))
    from gitreg_indexer.publishing.writing import publish

    publish(behind, tmp_path / "out")
    assert listed(tmp_path / "out").entry["seq"] == 2
    behind.close()


# What is wrong


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    _, index = indexed(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(UsageError, match="something else") as told:
        published(index, tmp_path / "out")
    assert told.value.got == "letter.txt"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("content", [b"{}", b"<html>", b'{"format":"gitreg-published/1"}', b"[]", b"\xff"])
def test_a_folder_with_another_index_json_is_refused(tmp_path: Path, content: bytes) -> None:
    _, index = indexed(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.json").write_bytes(content)
    with pytest.raises(UsageError, match="something else"):
        published(index, tmp_path / "out")
    assert list(files_in(tmp_path / "out").values()) == [content]


def test_another_registrys_folder_is_refused(tmp_path: Path) -> None:
    _, index = indexed(tmp_path / "one")
    other = cold(found(tmp_path / "two", uid=OTHER_UID), tmp_path / "index")
    published(other, tmp_path / "out")
    before = files_in(tmp_path / "out")
    for name in ("index.json", ".gitreg/registry.json"):  # either of them tells
        with pytest.raises(UsageError, match="another registry") as told:
            published(index, tmp_path / "out")
        assert OTHER_UID in str(told.value.got)
        (tmp_path / "out" / name).unlink()
    assert {**before, **files_in(tmp_path / "out")} == before


def test_a_file_is_refused(tmp_path: Path) -> None:
    _, index = indexed(tmp_path)
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UsageError, match="that is a file"):
        published(index, tmp_path / "out")


def test_two_cannot_publish_into_one_folder(tmp_path: Path) -> None:
    _, index = indexed(tmp_path)
    with Folder.claimed(tmp_path / "out", index.catalog.uid), pytest.raises(ConflictError, match="another process"):
        published(index, tmp_path / "out")
    published(index, tmp_path / "out")


def test_nothing_indexed_is_nothing_to_publish(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    with pytest.raises(GitregError, match="nothing is indexed"):
        published(Index.open(registry), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_beside_what_is_published_are_left_alone(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model("a"))
    published(index, tmp_path / "out")
    (tmp_path / "out" / "CNAME").write_text("registry.example.com", encoding="utf-8")
    published(index, tmp_path / "out", whole=True)
    assert (tmp_path / "out" / "CNAME").exists()


LISTS: Final = ("pages/names", "pages/changes", "pages/snapshot")


@pytest.mark.parametrize("prefix", [*LISTS, "records/", "names/model", "changes/", "snapshot/"])
@pytest.mark.parametrize("damage", ["a byte", "gone", "half"])
def test_what_is_damaged_is_mended_when_everything_is_compared(tmp_path: Path, prefix: str, damage: str) -> None:
    _, index = indexed(tmp_path, models(5))
    where = tmp_path / "out"
    published(index, where)
    before = files_in(where)
    spoil(where, next(path for path in before if path.startswith(prefix)), damage)
    assert published(index, where, whole=True).written == 1
    assert files_in(where) == before


@pytest.mark.parametrize("prefix", [*LISTS, "changes/"])
def test_what_is_damaged_is_noticed_where_publishing_goes_on_from_it(tmp_path: Path, prefix: str) -> None:
    _, index = indexed(tmp_path, models(5))
    where = tmp_path / "out"
    published(index, where)
    spoil(where, next(path for path in files_in(where) if path.startswith(prefix)), "a byte")
    moved_on(index, model("m9"))
    published(index, where)
    assert is_as_fresh(index, where, tmp_path / "fresh")


@pytest.mark.parametrize("content", [b"", b"{", b'{"format":"gitreg-published/0"}'])
def test_a_damaged_index_json_is_written_anew(tmp_path: Path, content: bytes) -> None:
    _, index = indexed(tmp_path, model("a"))
    published(index, tmp_path / "out")
    (tmp_path / "out" / "index.json").write_bytes(content)
    published(index, tmp_path / "out")
    assert is_as_fresh(index, tmp_path / "out", tmp_path / "fresh")


def spoil(where: Path, path: str, damage: str) -> None:
    raw = (where / path).read_bytes()
    if damage == "gone":
        (where / path).unlink()
    elif damage == "half":
        (where / path).write_bytes(raw[: len(raw) // 2])
    else:
        (where / path).write_bytes(bytes([raw[0] ^ 1]) + raw[1:])


# What is cut short


class KilledError(BaseException):
    """The process is no more."""


CLOSE: Final = os.close
"""Is done all the same: the system closes what a killed process held."""
CALLS: Final = ("open", "write", "replace", "unlink", "close", "fsync", "makedirs")


def killed_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have a call of the system end everything, none if it is 0; gives the calls that there were."""
    calls: list[str] = []

    def ending(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            calls.append(name)
            if real is CLOSE:
                with suppress(OSError):
                    real(*words, **more)
            if len(calls) == moment:
                raise KilledError
            return real(*words, **more) if real is not CLOSE else None

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, ending(name, getattr(os, name)))
    monkeypatch.setattr(Folder, "_give_up", dead)
    return calls


def dead(publisher: Folder) -> None:
    """Tidy nothing up; the system closes what was open."""
    for stream in publisher._streams:
        stream.close()


def moments(index: Index, before: Path | None, work: Path, **more: Any) -> Iterator[Path]:
    """Publish over a folder again and again, first to the end, then killed at some call; gives what was left."""

    def left_at(moment: int) -> list[str]:
        shutil.rmtree(work, ignore_errors=True)
        if before is not None:
            shutil.copytree(before, work)
        with pytest.MonkeyPatch.context() as patch:
            calls = killed_at(moment, patch)
            with suppress(KilledError):
                published(index, work, **more)
        return calls

    calls = left_at(0)
    yield work
    assert len(calls) > 20
    for moment in picked(calls):
        assert left_at(moment)[:moment] == calls[:moment]
        yield work


def picked(calls: list[str]) -> list[int]:
    """Pick the moments to be killed at: each, or the first and some more calls of every sort."""
    of_a_sort = ([n for n, call in enumerate(calls, start=1) if call == name] for name in CALLS)
    return sorted(moment for each in of_a_sort for moment in each[:: tries(4, 1)])


@pytest.mark.parametrize("whole", [False, True])
def test_whenever_it_is_killed_readers_see_a_whole_state_and_the_next_run_tidies_up(
    tmp_path: Path, whole: bool
) -> None:
    _, index = indexed(tmp_path, model("a"), model("b"))
    published(index, tmp_path / "before")
    moved_on(index, model("a", "1.1.0"))
    published(index, tmp_path / "after")
    seqs = set()
    for left in moments(index, tmp_path / "before", tmp_path / "work", whole=whole):
        seqs.add(listed(left).entry["seq"])
        published(index, left)
        assert files_in(left) == files_in(tmp_path / "after")
        assert sorted(path.name for path in (left / ".gitreg").iterdir()) == ["lock", "registry.json"]
    assert seqs == {3, 4}


def test_what_was_killed_at_first_is_published_after_all(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model("a"))
    published(index, tmp_path / "after")
    for left in moments(index, None, tmp_path / "work"):
        if (left / "index.json").exists():
            listed(left)
        published(index, left)
        assert files_in(left) == files_in(tmp_path / "after")


def test_what_a_killed_run_wrote_goes_even_if_another_commit_follows(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, model("a"), model("b"))
    published(index, tmp_path / "before")
    moved_on(index, model("a", "1.1.0"))
    lefts = tmp_path / "lefts"
    count = 0
    for left in moments(index, tmp_path / "before", tmp_path / "work"):
        shutil.copytree(left, lefts / str(count))
        count += 1
    moved_on(index, model("a", "1.2.0"))
    published(index, tmp_path / "after")
    for number in range(count):
        published(index, lefts / str(number))
        assert files_in(lefts / str(number)) == files_in(tmp_path / "after")


def test_what_is_listed_again_stays_though_the_run_that_lists_it_was_killed(tmp_path: Path) -> None:
    """The name's file, the page and the part are the first ones again, which wait to be removed."""
    _, index = indexed(tmp_path, model("a"))
    published(index, tmp_path / "before", keep=60)
    moved_on(index, model("a", "1.1.0"))
    published(index, tmp_path / "before", keep=60)
    moved_on(index, {"models/acme/a/1.1.0.yaml": None})
    for left in moments(index, tmp_path / "before", tmp_path / "work", keep=60):
        with pytest.MonkeyPatch.context() as patch:
            later = time.time() + 61
            patch.setattr(time, "time", lambda later=later: later)
            published(index, left, keep=60)
            listed(left)
            patch.setattr(time, "time", lambda later=later: later + 61)
            published(index, left, keep=60)
        holds_nothing_else(left)


PUBLISH: Final = """
import sys
from pathlib import Path
from gitreg_indexer.catalog import Catalog, Making
from gitreg_indexer.publishing.writing import publish
catalog = Catalog.open(Path(sys.argv[1]) / "catalog.sqlite3", Making(sys.argv[2]))
print("ready", flush=True)
publish(catalog, Path(sys.argv[3]), whole=sys.argv[4] == "whole")
"""


@pytest.mark.parametrize("whole", ["whole", "part"])
def test_kill_9_leaves_a_whole_state(tmp_path: Path, whole: str) -> None:
    _, index = indexed(tmp_path, models(30))
    where = tmp_path / "out"
    published(index, where)
    for number in range(tries(3, 12)):
        moved_on(index, models(30, f"2.{number}.0"))
        words = [str(index.generation().folder), index.catalog.uid, str(where), whole]
        process = subprocess.Popen([sys.executable, "-c", PUBLISH, *words], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.02 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        listed(where)
    published(index, where)
    assert is_as_fresh(index, where, tmp_path / "fresh")


def test_a_full_disk_is_told_and_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, index = indexed(tmp_path, model("a"))
    where = tmp_path / "out"
    published(index, where)
    before = files_in(where)
    moved_on(index, model("b"))
    count = 0

    def full(descriptor: int, data: bytes) -> int:
        nonlocal count
        count += 1
        if count > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(GitregError, match="cannot be written") as told:
            published(index, where)
    assert told.value.got == "No space left on device"
    assert files_in(where) == before
    published(index, where)
    assert is_as_fresh(index, where, tmp_path / "fresh")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    _, index = indexed(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(GitregError, match="cannot be written") as told:
        published(index, tmp_path / "file" / "out")
    assert told.value.got == "Not a directory"


# The command


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    indexed(tmp_path, model("a"))
    return tmp_path / "registry.git"


def test_the_command_reports_what_it_did(registry: Path, tmp_path: Path) -> None:
    done = fine("publish", tmp_path / "out", "--repo", registry, "--json").json
    assert set(done) == {"seq", "commit", "records", "written", "unchanged", "removed", "bytes", "seconds"}
    assert (done["seq"], done["records"], done["unchanged"], done["removed"]) == (2, 2, 0, 0)
    again = fine("publish", tmp_path / "out", "--repo", registry).out
    assert again.startswith(f"2 records at commit {done['commit'][:12]} (seq 2): 0 files written (0 bytes), ")


def test_the_command_brings_the_index_up_to_main_first(registry: Path, tmp_path: Path) -> None:
    fine("publish", tmp_path / "out", "--repo", registry)
    commit(found_at(registry), model("b"))
    assert fine("publish", tmp_path / "out", "--repo", registry, "--json").json["seq"] == 3
    assert set(holds_nothing_else(tmp_path / "out").names) == {"model acme a", "model acme b", "registry  registry"}


def found_at(where: Path) -> Any:
    from gitreg.repository.git import GitRepository

    return GitRepository.open(where)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param((), "Missing argument 'DIR'", id="no folder"),
        pytest.param(("{root}/registry.git",), "something else", id="the registry itself"),
        pytest.param(("{root}/out", "--keep", "-1"), "--keep", id="a time before now"),
        pytest.param(("{root}/out", "--repo", "{root}"), "", id="no registry"),
    ],
)
def test_bad_calls_are_refused(registry: Path, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    more = [word.format(root=tmp_path) for word in words]
    more += [] if "--repo" in more else ["--repo", str(registry)]
    done = run("publish", *more, "--json")
    assert done.code == 2
    assert says in done.error["says"]
    assert "bug" not in done.error["says"]
    assert not (tmp_path / "out").exists()
