"""What is looked up beside the tree: who mentions a word, who has a name, what was removed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gate_support import BASE, commit, model, new_registry, path_of

from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg.repository.lookups import FILE_NAME, Lookups, custom_word, fold, words_in
from gitreg.repository.writing import write_commit

PLACE = "acme/chat"
DIGEST = "ab" * 32
CUSTOM = {custom_word("acme"), custom_word("cost"), custom_word("cost", "4711")}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b"ref: acme/chat@^1\n", {PLACE}, id="plain"),
        pytest.param(b"ref: 'acme/chat'\nother: \"acme/eu/chat@>=1 <2\"\n", {PLACE, "acme/eu/chat"}, id="quoted"),
        pytest.param(b"refs: [acme/chat, {a: model:acme/a/b/c@1.0.0}]\n", {PLACE, "acme/a/b/c"}, id="flow"),
        pytest.param(b'ref: "acme\\x2fchat"\n', {PLACE}, id="escaped"),
        pytest.param(b"ref: aliases:model/acme/chat\n", {PLACE}, id="aliases"),
        pytest.param(b"ref: aliases:model/a/b/c/chat\n", {"a/b/c/chat"}, id="aliases-far-down"),
        pytest.param(b"digest: %s\n" % DIGEST.encode(), {DIGEST}, id="a-digest"),
        pytest.param(b"custom:\n  acme:\n    cost: '4711'\n", CUSTOM, id="custom"),
        pytest.param(b"custom:\n    acme:\n        cost: 4711.0 # euros\n", CUSTOM, id="custom-with-a-comment"),
        pytest.param(b'custom: {acme: {cost: "4711"}}\n', CUSTOM, id="custom-in-flow"),
        pytest.param(b"custom:\r\n  acme:\r\n    cost: 4711\r\n", CUSTOM, id="custom-of-another-system"),
        pytest.param(b"'custom':\n  acme:\n    cost: 4711\n", CUSTOM, id="custom-quoted"),
        pytest.param(b"? custom\n: acme:\n    cost: 4711\n", CUSTOM, id="custom-explicitly"),
        pytest.param(b"a: {custom: {acme: {cost: 4711}}}\nb:\n  custom:\n    x: 1\n", CUSTOM, id="custom-twice"),
        pytest.param(b"custom:\n  a:\n  - {cost: 1}\n  acme:\n    cost: 4711\n", CUSTOM, id="custom-after-a-list"),
        pytest.param(b"custom:\n  acme:\n    cost:\n    - 4711\n", CUSTOM, id="custom-in-a-list"),
        pytest.param(
            b"custom:\n  acme:\n    cost: long\n      text\n", {custom_word("cost", "long text")}, id="folded"
        ),
        pytest.param(b"custom:\n  acme:\n    note: 'a # b' # c\n", {custom_word("note", "a # b")}, id="a-hash"),
        pytest.param(b"custom:\n  acme:\n    note: 'it''s'\n", {custom_word("note", "it's")}, id="a-quote"),
        pytest.param("custom:\n  acme:\n    größe: 1\n".encode(), {custom_word("größe", 1)}, id="another-alphabet"),
        pytest.param(b"custom:\n  acme:\n    on: True\n", {custom_word("on", True)}, id="a-truth-value"),
        pytest.param(b"custom: {}\n", set(), id="nothing"),
        pytest.param(b"custom:", set(), id="nothing-at-all"),
    ],
)
def test_the_words_of_a_text(raw: bytes, words: set[str]) -> None:
    assert words - words_in(raw) == set()


def test_what_stands_beside_custom_is_not_taken_for_it() -> None:
    found = words_in(b"spec:\n  custom:\n    acme:\n      cost: 1\n\n  # a comment\n  license: mit\n")
    assert {word for word in found if word.startswith("custom:")} == {
        *(custom_word(key) for key in ("acme", "cost")),
        *(custom_word("acme", ""), custom_word("cost", 1)),
    }
    assert words_in(b"not: a place\nnor: /acme/chat or ./acme or ACME\n") == set()


@pytest.mark.parametrize(
    ("one", "other"), [(1, "1.0"), (True, "true"), ("Mit", "MIT"), (" a ", "a"), (0, "-0"), ("1e3", 1000)]
)
def test_a_value_is_one_word_however_it_is_written(one: object, other: object) -> None:
    assert custom_word("a", one) == custom_word("a", other)


@pytest.mark.parametrize(("one", "other"), [(1, 2), ("'a'", "a"), ("", "0"), ("a", "b")])
def test_other_values_are_other_words(one: object, other: object) -> None:
    assert custom_word("a", one) != custom_word("a", other) != custom_word("a")


def test_a_name_folds_to_what_the_eye_keeps() -> None:
    assert fold("GPT-4_o.mini") == fold("gpt4omini") == "gpt4omini"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return new_registry(tmp_path, BASE)


def needing(name: str, ref: str) -> bytes:
    return model(name, dependencies=[{"ref": ref}])


def tree_of(registry: Registry) -> str:
    tree = registry.snapshot().tree
    assert tree
    return tree


def test_mentions_are_followed_forward_and_back(registry: Registry) -> None:
    before = tree_of(registry)
    after = commit(registry, {path_of("new"): needing("new", "acme/chat@^1"), "docs/a.yaml": b"a: acme/chat\n"})
    lookups = Lookups(registry.repo)
    assert after.tree
    assert lookups.mentioning(before, ["acme/chat"]) == ()
    assert lookups.mentioning(after.tree, ["acme/chat", "acme/no"]) == (path_of("new"),)
    assert lookups.mentioning(after.tree, []) == ()
    assert set(lookups.mentioning(before, ["acme/chat"])) <= {path_of("new")}  # proposed; whoever asks looks
    assert Lookups(registry.repo).mentioning(after.tree, ["acme/chat"]) == (path_of("new"),)


def test_mentions_of_commits_that_went_apart(registry: Registry) -> None:
    repo, tip = registry.repo, registry.repo.tip()
    trees: list[str] = []
    for name in "ab":
        changes = {path_of(name): needing(name, f"acme/{name}{name}@^1")}
        who = repo.commit(tip or "").author
        oid = write_commit(repo, parent=tip, changes=changes, author=who, committer=who, message=name)
        trees.append(repo.commit(oid).tree)
    lookups = Lookups(repo)
    for tree, name in [*zip(trees, "ab", strict=True), *zip(trees, "ab", strict=True)]:
        assert path_of(name) in lookups.mentioning(tree, [f"acme/{name}{name}"])


def test_more_words_than_fit_in_one_question(registry: Registry) -> None:
    commit(registry, {path_of("new"): needing("new", "acme/chat@^1")})
    words = [f"acme/n{n}" for n in range(1200)]
    lookups = Lookups(registry.repo)
    assert lookups.mentioning(tree_of(registry), [*words, "acme/chat"]) == (path_of("new"),)
    names = [*(f"n{n}" for n in range(1200)), "new"]
    assert lookups.named(tree_of(registry), "models", names) == (("acme", "new"),)


def test_names_are_found_by_spelling_and_by_fold(registry: Registry) -> None:
    files = {path_of("c-hat"): model("c-hat"), path_of("chat", namespace="other"): model(namespace="other")}
    commit(registry, files)
    lookups, tree = Lookups(registry.repo), tree_of(registry)
    assert lookups.named(tree, "models", ["chat"]) == (("acme", "chat"), ("other", "chat"))
    assert lookups.named(tree, "datasets", ["chat"]) == ()
    assert lookups.folded(tree, "models", ["chat"]) == (("acme", "c-hat"), ("acme", "chat"), ("other", "chat"))
    assert lookups.folded(tree, "models", ["c-hat"]) == ()
    assert lookups.named(tree, "configs", ["defaults"]) == (("acme", "defaults"),)


def test_removals_are_known_from_when_they_were_made(registry: Registry) -> None:
    commits: list[str] = []
    for raw in (model("gone"), None, model("gone", license="mit"), None):
        landed = commit(registry, {path_of("gone"): raw})
        assert landed.commit
        commits.append(landed.commit)
    lookups = Lookups(registry.repo)
    for _ in range(2):
        assert [len(lookups.removed(oid, path_of("gone"))) for oid in commits] == [0, 1, 1, 2]
    newest, oldest = lookups.removed(commits[-1], path_of("gone"))
    assert registry.repo.read_blob(newest) == model("gone", license="mit")
    assert registry.repo.read_blob(oldest) == model("gone")
    assert lookups.removed(commits[-1], path_of()) == ()


def test_removals_of_histories_that_went_apart(registry: Registry) -> None:
    repo, tip = registry.repo, registry.repo.tip()
    who = repo.commit(tip or "").author
    sides: list[str] = []
    for path in (path_of(), path_of(version="1.1.0")):
        oid = write_commit(repo, parent=tip, changes={path: None}, author=who, committer=who, message="side")
        sides.append(oid)
    lookups = Lookups(repo)
    for _ in range(2):
        assert [len(lookups.removed(side, path_of())) for side in sides] == [1, 0]
        assert [len(lookups.removed(side, path_of(version="1.1.0"))) for side in sides] == [0, 1]


def ask_all(lookups: Lookups, registry: Registry) -> tuple[object, ...]:
    tip = registry.repo.tip()
    assert tip
    return (
        lookups.mentioning(tree_of(registry), ["acme/chat"]),
        lookups.named(tree_of(registry), "models", ["chat"]),
        lookups.removed(tip, path_of("gone")) != (),
    )


ANSWERS = ((path_of("new"),), (("acme", "chat"),), True)


@pytest.fixture
def told(registry: Registry) -> Registry:
    commit(registry, {path_of("new"): needing("new", "acme/chat@^1"), path_of("gone"): model("gone")})
    commit(registry, {path_of("gone"): None})
    return registry


def test_a_spoilt_file_costs_no_answer(told: Registry) -> None:
    file = told.repo.state_dir / FILE_NAME
    assert ask_all(Lookups(told.repo), told) == ANSWERS
    for path in file.parent.glob(f"{FILE_NAME}-*"):
        path.unlink()
    file.write_bytes(b"not a database" * 1000)
    assert ask_all(Lookups(told.repo), told) == ANSWERS


def test_a_file_that_is_spoilt_within_costs_no_answer(told: Registry) -> None:
    file = told.repo.state_dir / FILE_NAME
    first = Lookups(told.repo)
    assert ask_all(first, told) == ANSWERS
    first._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    first._db.close()
    raw = file.read_bytes()
    file.write_bytes(raw[:4096] + b"\x55" * (len(raw) - 4096))
    assert ask_all(Lookups(told.repo), told) == ANSWERS


def test_a_table_that_is_lost_while_it_is_asked_costs_no_answer(told: Registry) -> None:
    lookups = Lookups(told.repo)
    assert ask_all(lookups, told) == ANSWERS
    lookups._db.execute("DROP TABLE words")
    assert ask_all(lookups, told) == ANSWERS


def test_where_nothing_can_be_written_it_is_kept_in_memory(told: Registry) -> None:
    folder = told.repo.state_dir
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"a file stands here")
    assert ask_all(Lookups(GitRepository.open(told.repo.git_dir)), told) == ANSWERS


ASKING = """
import sys
from gitreg.repository.git import GitRepository
from gitreg.repository.lookups import Lookups
repo = GitRepository.open(sys.argv[1])
tip = repo.tip()
found = Lookups(repo)
print(found.mentioning(repo.commit(tip).tree, ["acme/chat"]), found.removed(tip, sys.argv[2]) != ())
"""


def test_two_processes_may_ask_at_once(told: Registry) -> None:
    command = [sys.executable, "-c", ASKING, str(told.repo.git_dir), path_of("gone")]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=60)[0].strip() for process in asking]
    assert answers == [f"{ANSWERS[0]} True"] * 2
    assert ask_all(Lookups(told.repo), told) == ANSWERS
