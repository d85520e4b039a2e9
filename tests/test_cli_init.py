"""`gitreg init` makes a whole registry or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import AUTHOR, git, run


@pytest.mark.parametrize("bare", [False, True], ids=["work tree", "bare"])
def test_a_registry_is_made_and_told_of(tmp_path: Path, bare: bool) -> None:
    folder = tmp_path / "my registry"
    made = run("init", folder, "--name", "acme", "--author", AUTHOR, "--json", *(["--bare"] if bare else []))
    assert made.code == 0
    assert made.err == ""
    assert made.json["name"] == "acme"
    assert made.json["branch"] == "main"
    assert Path(made.json["path"]) == folder
    assert made.json["commit"] == git(folder, "rev-parse", "main").strip()
    assert made.json["uid"] in git(folder, "show", "main:registry.yaml")
    if not bare:
        assert git(folder, "status", "--porcelain") == ""


def test_the_name_comes_from_the_folder(tmp_path: Path) -> None:
    made = run("init", tmp_path / "My Models", "--author", AUTHOR, "--json")
    assert made.json["name"] == "my-models"


def test_people_are_told_what_to_do_next(tmp_path: Path) -> None:
    made = run("init", tmp_path / "a b", "--author", AUTHOR)
    assert made.code == 0
    assert f"cd '{tmp_path / 'a b'}'" in made.out
    assert "gitreg schema model --minimal > summarizer.yaml" in made.out
    assert "gitreg register summarizer.yaml" in made.out
    assert "GITREG_REPO" not in made.out


def test_an_environment_that_names_another_registry_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_REPO", str(tmp_path / "other"))
    made = run("init", tmp_path / "mine", "--author", AUTHOR)
    assert "unset GITREG_REPO" in made.out
    assert str(tmp_path / "other") in made.out


@pytest.mark.parametrize("there", [False, True], ids=["new folder", "empty folder"])
def test_without_an_author_nothing_is_left_behind(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "registry"
    if there:
        folder.mkdir()
    refused = run("init", folder)
    assert refused.code == 2
    assert "author of the commit is not known" in refused.err
    assert "--author" in refused.err
    assert folder.exists() == there
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])
    assert run("init", folder, "--author", AUTHOR).code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--name", "Not A Name"], "'Not A Name' cannot be a registry's name", id="name"),
        pytest.param(["--author", "nobody"], "'nobody' is not a name and an email", id="author"),
    ],
)
def test_wrong_words_make_nothing(tmp_path: Path, words: list[str], says: str) -> None:
    refused = run("init", tmp_path / "registry", *words)
    assert refused.code == 2
    assert says in refused.err
    assert not (tmp_path / "registry").exists()


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    refused = run("init", tmp_path, "--author", AUTHOR, "--json")
    assert refused.code == 2
    assert refused.error["code"] == "repository"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
