"""What `gitreg index` and its words say of an index that is not there, is none, or is damaged: clearly, with a mend."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from cli_support import Run, fine, run
from index_support import Files, commit, found, model

from gitreg.cli.tree import load_command

HISTORY: Final[Files] = {**model("a"), "models/acme/bad/1.0.0.yaml": b"x: ["}
WORDS: Final = ("", "status", "verify", "accept-rewrite", "watch")
SHARED: Final = ("repo", "folder", "catalog", "as_json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with an index, to be copied."""
    registry = found(tmp_path_factory.mktemp("made") / "registry.git")
    commit(registry.repo, HISTORY)
    fine("index", "--repo", registry.repo.git_dir)
    return registry.repo.git_dir


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "registry.git")
    return tmp_path / "registry.git"


def catalog_of(repo: Path) -> Path:
    return repo / "gitreg/index/3-1/catalog.sqlite3"


def call(repo: Path, word: str, *more: str | Path) -> Run:
    done = run("index", *filter(None, [word]), "--repo", repo, *more)
    assert "this is a bug" not in done.err
    return done


def refused(done: Run, says: str, mend: str) -> None:
    """Make sure that a call could not run, and said why."""
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(says)
    assert mend in done.err.partition("  mend: ")[2]


def test_all_of_them_take_the_same_options_alike() -> None:
    group: Any = load_command("index")
    commands = {word: group if word == "" else group.commands[word] for word in WORDS}
    for name in SHARED:
        options = [next(option for option in command.params if option.name == name) for command in commands.values()]
        told = {(tuple(option.opts), option.envvar, option.metavar, option.help) for option in options}
        assert len(told) == 1, name


# No index


def test_where_there_is_none_that_is_told_and_none_is_made(repo: Path) -> None:
    folder = repo / "gitreg/index"
    shutil.rmtree(folder)
    for word, more in (("verify", ()), ("verify", ("--repair",)), ("accept-rewrite", ())):
        refused(call(repo, word, *more), "there is no index yet", "run `gitreg index`")
    assert "no index yet" in fine("index", "status", "--repo", repo).out
    assert not folder.exists()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_what_cannot_be_a_folder_is_refused(repo: Path, tmp_path: Path, word: str, place: str) -> None:
    (tmp_path / "file").write_text("Mine.")
    refused(call(repo, word, "--index", tmp_path / place), "the index's folder cannot be", "--index")
    if word in ("", "verify"):
        more = "--rebuild" if word == "" else "--repair"
        refused(call(repo, word, more, "--index", tmp_path / place), "the index's folder cannot be", "--index")
    assert (tmp_path / "file").read_text() == "Mine."


def test_a_folder_that_is_no_index_is_told_and_becomes_one_beside_what_is_in_it(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "2026-06").mkdir(parents=True)
    (other / "2026-06/notes.md").write_text("Mine.")
    for word in ("verify", "accept-rewrite"):
        refused(call(repo, word, "--index", other), "there is no index yet", "name another folder with --index")
    assert "no index yet" in fine("index", "status", "--repo", repo, "--index", other).out
    assert [path.name for path in other.iterdir()] == ["2026-06"]
    for more in ((), ("--rebuild",)):
        fine("index", "--repo", repo, "--index", other, *more)
        assert "nothing is wrong" in fine("index", "verify", "--repo", repo, "--index", other).out
    assert (other / "2026-06/notes.md").read_text() == "Mine."


def test_the_index_of_another_registry_is_refused(repo: Path, tmp_path: Path) -> None:
    other = found(tmp_path / "other.git", uid="00000000-9a0e-4b2e-8f43-2c7b1e6a9d10").repo.git_dir
    folder = repo / "gitreg/index"
    for word in ("", "accept-rewrite", "watch"):
        refused(call(other, word, "--index", folder), "this is the index of another registry", "--index")
    refused(call(other, "verify", "--repair", "--index", folder), "this is the index of another registry", "--index")
    assert call(other, "verify", "--index", folder).code == 1
    assert "TROUBLE" in fine("index", "status", "--repo", other, "--index", folder).out


# A damaged one


def _garbage(file: Path) -> None:
    file.write_bytes(b"garbage " * 1_000)


def _cut(file: Path) -> None:
    os.truncate(file, 20_000)


@pytest.mark.parametrize("harm", [_garbage, _cut])
def test_a_catalog_that_cannot_be_read_is_told_and_made_again(repo: Path, harm: Callable[[Path], None]) -> None:
    harm(catalog_of(repo))
    for word in ("", "accept-rewrite", "watch"):
        refused(call(repo, word), "the index cannot be used", "gitreg index --rebuild")
    status = fine("index", "status", "--repo", repo).out
    assert "TROUBLE      the catalog cannot be read" in status
    assert "gitreg index verify --repair" in status
    told = call(repo, "verify")
    assert (told.code, "the catalog cannot be read" in told.out) == (1, True)
    fine("index", "--rebuild", "--repo", repo)
    assert "nothing is wrong" in fine("index", "verify", "--repo", repo).out


def test_a_folder_that_may_only_be_read_is_told(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so SQLite is made to say what it says to others."""

    class Refusing(sqlite3.Connection):
        def execute(self, *_: Any) -> sqlite3.Cursor:
            raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("gitreg_indexer.catalog_truth._read_only", lambda _: Refusing(":memory:"))
    status = fine("index", "status", "--repo", repo, "--json").json
    assert status["trouble"]["mend"].startswith("make the folder writable")
    refused(call(repo, "verify"), "the catalog cannot be read", "make the folder writable")


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"")], ids=["removed", "emptied"])
def test_a_catalog_that_is_gone_is_made_again_by_indexing(repo: Path, harm: Callable[[Path], None]) -> None:
    harm(catalog_of(repo))
    assert "TROUBLE" in fine("index", "status", "--repo", repo).out
    assert call(repo, "verify").code == 1
    refused(call(repo, "accept-rewrite"), "nothing is indexed yet", "run `gitreg index`")
    assert "2 records" in fine("index", "--repo", repo).out
    assert "nothing is wrong" in fine("index", "verify", "--repo", repo).out


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE quarantine SET findings = 'x'",
        "UPDATE quarantine SET findings = '5'",
        "UPDATE quarantine SET findings = '[{}]'",
        "UPDATE counts SET live = 'x'",
        "UPDATE counts SET kind = x'ff' WHERE kind = 'Model'",
    ],
)
def test_what_is_damaged_within_a_catalog_is_told_and_made_again(repo: Path, harm: str) -> None:
    with closing(sqlite3.connect(catalog_of(repo))) as db:
        db.execute(harm)
        db.commit()
    refused(call(repo, ""), "", "gitreg index --rebuild")
    assert "TROUBLE" in fine("index", "status", "--repo", repo).out
    assert fine("index", "status", "--repo", repo, "--json").json["trouble"]["code"] == "broken-index"
    assert call(repo, "verify").code == 1
    fine("index", "--rebuild", "--repo", repo)
    assert "nothing is wrong" in fine("index", "verify", "--repo", repo).out


def test_a_file_in_the_place_of_a_generation_is_told_and_made_again(repo: Path) -> None:
    generation = catalog_of(repo).parent
    shutil.rmtree(generation)
    generation.write_text("x")
    done = call(repo, "")
    refused(done, "the index's folder cannot be written", "remove what stands in its place")
    assert f"where: {generation}" in done.err
    assert "TROUBLE" in fine("index", "status", "--repo", repo).out
    assert call(repo, "verify").code == 1
    fine("index", "verify", "--repair", "--repo", repo)


def test_a_file_in_the_place_of_the_vectors_is_told(repo: Path) -> None:
    folder = repo / "gitreg/index/semantic"
    shutil.rmtree(folder)
    folder.write_text("x")
    assert "remove what stands in its place" in fine("index", "--repo", repo).err
    told = call(repo, "verify")
    assert (told.code, "remove what stands in its place" in told.out) == (1, True)
    refused(call(repo, "verify", "--repair"), "the vectors of semantic search cannot be used", "remove what stands")
