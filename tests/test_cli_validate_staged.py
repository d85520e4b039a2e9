"""`gitreg validate --staged`: what is staged is judged on HEAD, whatever the work tree has beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_support import AUTHOR, fine, git, run
from gate_support import model, namespace, path_of

from gitreg.errors import RepositoryError
from gitreg.repository.git import GitRepository
from gitreg_validators.gate import staged_changes

CHAT = path_of()
FROZEN = model(type="embedding")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a registry with a work tree: one namespace, one model."""
    where = tmp_path / "registry"
    fine("init", where, "--name", "acme", "--author", AUTHOR)
    git(where, "config", "user.name", "Example Author")
    git(where, "config", "user.email", "author@example.com")
    put(where, "namespaces/acme.yaml", namespace("acme"))
    put(where, CHAT, model())
    git(where, "add", "--all")
    git(where, "commit", "--quiet", "--message", "chat")
    return where


def put(where: Path, path: str, raw: bytes) -> None:
    (where / path).parent.mkdir(parents=True, exist_ok=True)
    (where / path).write_bytes(raw)


def rules_of(where: Path, code: int) -> set[str]:
    done = run("validate", "--staged", "--repo", where, "--json")
    assert done.code == code, done.out + done.err
    return {finding["rule"] for finding in done.json["findings"]}


def test_nothing_is_staged(checkout: Path) -> None:
    assert rules_of(checkout, 0) == set()


def test_a_good_record_is_staged(checkout: Path) -> None:
    put(checkout, path_of(version="1.1.0"), model(version="1.1.0"))
    git(checkout, "add", "--all")
    done = run("validate", "--staged", "--repo", checkout, "--json")
    assert (done.code, done.json["outcome"]) == (0, "pass")


def test_a_landed_record_is_taken_out_of_the_index_alone(checkout: Path) -> None:
    git(checkout, "rm", "--quiet", "--cached", CHAT)
    assert (checkout / CHAT).is_file()
    assert "GR-018" in rules_of(checkout, 1)


def test_a_staged_edit_is_judged_though_the_file_is_as_before(checkout: Path) -> None:
    put(checkout, CHAT, FROZEN)
    git(checkout, "add", CHAT)
    put(checkout, CHAT, model())
    assert "GR-011" in rules_of(checkout, 1)


def test_what_is_not_staged_is_not_judged(checkout: Path) -> None:
    put(checkout, CHAT, FROZEN)
    put(checkout, path_of("new"), b"nonsense: [")
    assert rules_of(checkout, 0) == set()


def test_what_is_staged_after_the_repository_was_opened_is_seen(checkout: Path) -> None:
    repo = GitRepository.open(checkout)
    assert staged_changes(repo) == {}
    put(checkout, CHAT, FROZEN)
    git(checkout, "add", CHAT)
    assert set(staged_changes(repo)) == {CHAT}


def test_modes_are_as_they_are_staged(checkout: Path) -> None:
    git(checkout, "update-index", "--chmod=+x", CHAT)
    (checkout / "registry.yaml").unlink()
    (checkout / "registry.yaml").symlink_to(CHAT)
    (checkout / "é.txt").write_bytes(b"")
    git(checkout, "add", "registry.yaml", "é.txt")
    git(checkout, "rm", "--quiet", "--cached", "namespaces/acme.yaml")
    found = staged_changes(GitRepository.open(checkout))
    assert {path: entry and oct(entry.mode) for path, entry in found.items()} == {
        CHAT: "0o100755",
        "namespaces/acme.yaml": None,
        "registry.yaml": "0o120000",
        "é.txt": "0o100644",
    }


def test_before_the_first_commit_the_whole_index_is_judged(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "--orphan", "fresh")
    assert rules_of(checkout, 0) == set()
    put(checkout, path_of("new"), b"nonsense: [")
    git(checkout, "add", "--all")
    assert rules_of(checkout, 1)


def test_a_merge_that_is_not_finished_is_told(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "-b", "other")
    put(checkout, CHAT, FROZEN)
    git(checkout, "commit", "--quiet", "--all", "--message", "one")
    git(checkout, "checkout", "--quiet", "main")
    put(checkout, CHAT, model(type="chat"))
    git(checkout, "commit", "--quiet", "--all", "--message", "another")
    assert subprocess.run(["git", "-C", checkout, "merge", "other"], capture_output=True).returncode == 1
    done = run("validate", "--staged", "--repo", checkout, "--json")
    assert done.code == 2
    assert done.error["got"] == f"unmerged: {CHAT}"
    assert "git merge --abort" in done.error["mend"]


def test_a_commit_of_some_files_is_judged_by_the_index_that_git_makes_for_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = checkout / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\nprintf %s "$GIT_INDEX_FILE" > .git/named\ncp "$GIT_INDEX_FILE" .git/kept\nexit 1\n')
    hook.chmod(0o755)
    put(checkout, CHAT, FROZEN)
    assert subprocess.run(["git", "-C", checkout, "commit", "-m", "x", CHAT], capture_output=True).returncode == 1
    named = (checkout / ".git/named").read_text()
    assert Path(named).name != "index"
    assert rules_of(checkout, 0) == set()
    (checkout / ".git/kept").replace(checkout / named)
    monkeypatch.setenv("GIT_INDEX_FILE", named)
    assert "GR-011" in rules_of(checkout, 1)


def test_the_index_of_another_repository_is_left(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    assert rules_of(checkout, 0) == set()


@pytest.mark.parametrize(
    "words", [("--base", "HEAD"), ("--head", "HEAD"), ("--push",), ("--base", "HEAD", "--push")], ids=" ".join
)
def test_it_stands_alone(checkout: Path, words: tuple[str, ...]) -> None:
    done = run("validate", "--staged", *words, "--repo", checkout, "--json")
    assert done.code == 2
    given = [word for word in words if word.startswith("--")]
    assert done.error["got"] == ", ".join(["--staged", *given])
    assert done.error["mend"] == f"leave out --staged, or {' and '.join(given)}"


def test_a_bare_repository_has_nothing_staged(checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(checkout), "bare.git")
    with pytest.raises(RepositoryError, match="bare"):
        staged_changes(GitRepository.open(tmp_path / "bare.git"))
    assert run("validate", "--staged", "--repo", tmp_path / "bare.git").code == 2


def test_an_index_that_cannot_be_read_is_told(checkout: Path) -> None:
    (checkout / ".git/index").write_bytes(b"nonsense")
    done = run("validate", "--staged", "--repo", checkout, "--json")
    assert done.code == 2
    assert done.error["says"] == "the index cannot be read"
