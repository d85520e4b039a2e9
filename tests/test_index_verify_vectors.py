"""Verifying looks at the vectors of semantic search where there are any, names what is wrong, and has it made again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from cli_support import fine, run
from embeddings_server import Fault, embeddings_server
from index_support import Files, commit, found, indexed, model
from semantic_support import Counting

from gitreg.errors import ConflictError
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg_indexer import Index, nearness
from gitreg_indexer.damage import Damage
from gitreg_indexer.lock import writing
from gitreg_indexer.nearness import VECTORS_LOCK
from gitreg_indexer.searching import Asked
from gitreg_indexer.searching import run as search
from gitreg_indexer.semantic.store import Store
from gitreg_indexer.semantic.vectors import Vectors
from gitreg_indexer.verifying import Verdict, verify

HISTORY: Final[tuple[Files, ...]] = (
    {**model("sorter", description="Sorts tickets."), **model("router", description="Routes tickets.")},
    {**model("sorter", description="Sorts support tickets."), **model("speech")},
    {**model("writer"), **dict.fromkeys(model("speech"))},
)
HARMED_BY_PART: Final = ("texts-*.codes", "texts-*.lengths", "texts-*.digests", "facts-*", "position.json")


def embeds(patch: pytest.MonkeyPatch) -> Counting:
    """Have texts embedded by what counts them."""
    made = Counting()
    patch.setattr("gitreg_indexer.semantic.embedders.configured", lambda _variables: made)
    return made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with its index and vectors; to be copied."""
    registry, index = indexed(tmp_path_factory.mktemp("template"), *HISTORY)
    with pytest.MonkeyPatch.context() as patch:
        embeds(patch)
        nearness.catch_up(index)
    index.close()
    return registry.repo.git_dir


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return embeds(monkeypatch)


@pytest.fixture
def built(template: Path, tmp_path: Path, embedder: Counting) -> tuple[Registry, Index]:
    registry = Registry.open(shutil.copytree(template, tmp_path / "registry.git"))
    return registry, Index.open(registry)


def semantic(index: Index) -> Path:
    return index.folder / "semantic"


def nearest(index: Index) -> list[list[tuple[str, float]]]:
    """Give all that searching by nearness says, now and as of each commit."""
    reader = index.reader()
    asked = [Asked(text="tiket", mode="semantic", at=str(seq)) for seq in range(1, 5)]
    pages = [[(fact.ref, 0.0) for fact in search(reader, each).page.items] for each in asked]
    like, _ = reader.similar(Ref.parse("acme/sorter"))
    return [*pages, [(fact.ref, score) for fact, score in like]]


def the_one(verdict: Verdict) -> Damage:
    (damage,) = verdict.damages
    return damage


def run_over(index: Index, *facts: tuple[int, str]) -> None:
    """Put facts beside those that are there, at the same place of the same catalog."""
    vectors = Vectors(semantic(index), Counting())
    instance, seq, _ = vectors.position()
    vectors.apply(facts, instance=instance, seq=seq)


def _flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    file.write_bytes(raw)


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


# What is sound


def test_sound_vectors_are_clean_and_counted(built: tuple[Registry, Index]) -> None:
    registry, _ = built
    verdict = verify(registry)
    assert (verdict.is_clean, verdict.checked["vectors"]) == (True, 6)
    assert verify(registry, repair=True).as_data() == verdict.as_data()


def test_where_there_are_none_none_are_counted(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, *HISTORY)
    verdict = verify(registry)
    assert (verdict.is_clean, "vectors" in verdict.checked) == (True, False)
    assert verify(registry, repair=True).is_clean
    assert not semantic(index).exists()
    assert "vectors" not in fine("index", "verify", "--repo", registry.repo.git_dir).out


def test_the_embedder_is_not_asked(
    built: tuple[Registry, Index], embedder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = built
    asked = list(embedder.asked)
    monkeypatch.setenv("GITREG_EMBEDDER", "none")
    assert verify(registry).checked["vectors"] == 6
    _flip(next(semantic(index).glob("*.codes")))
    assert verify(registry, repair=True).mended
    assert embedder.asked == asked


def test_vectors_that_are_behind_are_clean_as_of_where_they_stand(built: tuple[Registry, Index]) -> None:
    registry, index = built
    commit(registry.repo, model("later"))
    index.catch_up()
    verdict = verify(registry)
    assert (verdict.is_clean, verdict.checked["vectors"], verdict.checked["facts"]) == (True, 6, 7)


def test_vectors_of_the_catalog_before_are_clean_until_they_are_filled(built: tuple[Registry, Index]) -> None:
    registry, index = built
    with closing(Index.emptied(registry)) as made:
        made.catch_up()
    verdict = verify(registry)
    assert (verdict.is_clean, "vectors" in verdict.checked) == (True, False)
    nearness.catch_up(index)
    assert verify(registry).checked["vectors"] == 6


def test_vectors_that_are_given_up_while_they_are_read_are_no_fault(
    built: tuple[Registry, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = built
    real = Store.header
    turns = iter(range(4))

    def header(store: Store) -> Any:
        told = real(store)
        if next(turns, None) is not None:
            store.keep(told.renewed())
        return told

    monkeypatch.setattr(Store, "header", header)
    assert verify(registry).is_clean
    nearness.catch_up(index)
    assert verify(registry).checked["vectors"] == 6


# What is wrong


@pytest.mark.parametrize("harm", [_flip, _cut, _empty, Path.unlink])
@pytest.mark.parametrize("pattern", HARMED_BY_PART)
def test_a_damaged_file_is_named_and_made_again(
    built: tuple[Registry, Index], embedder: Counting, pattern: str, harm: Callable[[Path], None]
) -> None:
    registry, index = built
    before, asked = nearest(index), len(embedder.asked)
    (file,) = semantic(index).glob(pattern)
    harm(file)
    damage = the_one(verify(registry))
    assert str(file) in damage.where or file.name in str(damage.got)
    assert "gitreg index verify --repair" in damage.mend
    verdict = verify(registry, repair=True)
    assert (verdict.is_clean, verdict.mended, verdict.generation) == (True, (damage,), "3-1")
    nearness.catch_up(index)
    assert verify(registry).checked["vectors"] == 6
    embedded = len(embedder.asked) - asked
    assert nearest(index) == before
    assert embedded == (0 if pattern == "facts-*" else 6)


@pytest.mark.parametrize(
    ("facts", "where", "what", "seen"),
    [
        pytest.param([(3, "x")], "models/acme/sorter/1.0.0.yaml from seq 2 (id 3)", "another text", None, id="another"),
        pytest.param([(99, "x")], "facts-", "does not have", ("7", "6"), id="one too many"),
    ],
)
def test_a_vector_that_is_not_the_facts_is_named_and_made_again(
    built: tuple[Registry, Index],
    embedder: Counting,
    facts: list[tuple[int, str]],
    where: str,
    what: str,
    seen: tuple[str, str] | None,
) -> None:
    registry, index = built
    before = nearest(index)
    run_over(index, *facts)
    asked = len(embedder.asked)
    damage = the_one(verify(registry))
    assert where in damage.where
    assert what in damage.what
    assert (damage.got, damage.expected) == (seen or (None, None))
    assert verify(registry, repair=True).mended == (damage,)
    nearness.catch_up(index)
    assert len(embedder.asked) == asked
    assert nearest(index) == before


def test_facts_without_a_vector_are_named(built: tuple[Registry, Index]) -> None:
    registry, index = built
    instance, seq, _ = Vectors(semantic(index), Counting()).position()
    store = Store(semantic(index))
    store.keep(store.header().renewed())
    Vectors(semantic(index), Counting()).apply([(1, "x")], instance=instance, seq=seq)
    told = [(damage.what, damage.where.partition(": ")[2]) for damage in verify(registry).damages]
    assert told[0][0] == "the vector is that of another text"
    assert told[1:] == [
        ("the vector is missing", "models/acme/router/1.0.0.yaml from seq 2 (id 2)"),
        ("the vector is missing", "models/acme/sorter/1.0.0.yaml from seq 2 (id 3)"),
        ("the vector is missing", "models/acme/sorter/1.0.0.yaml from seq 3 (id 4)"),
        ("the vector is missing", "models/acme/speech/1.0.0.yaml from seq 3 (id 5)"),
        ("the vector is missing", "models/acme/writer/1.0.0.yaml from seq 4 (id 6)"),
    ]


def test_vectors_of_a_commit_that_the_catalog_does_not_have_are_told(built: tuple[Registry, Index]) -> None:
    registry, index = built
    vectors = Vectors(semantic(index), Counting())
    vectors.apply([], instance=vectors.position().instance, seq=9)
    damage = the_one(verify(registry))
    assert (damage.got, damage.expected) == ("seq 9", "seq 4 at most")
    assert verify(registry, repair=True).mended == (damage,)


def test_beside_a_damaged_catalog_only_files_are_looked_at(built: tuple[Registry, Index]) -> None:
    registry, index = built
    run_over(index, (3, "x"))
    with index.catalog.writing() as written:
        written.db.exec_driver_sql("UPDATE facts SET status = 'retired' WHERE ref LIKE '%/router@%'")
    _flip(next(semantic(index).glob("*.lengths")))
    assert [Path(damage.where.partition(": ")[0]).suffix for damage in verify(registry).damages] == [
        ".sqlite3",
        ".lengths",
    ]
    verdict = verify(registry, repair=True)
    assert (verdict.is_clean, len(verdict.mended), verdict.generation) == (True, 2, "3-2")
    nearness.catch_up(index)
    assert verify(registry).checked["vectors"] == 6


def test_mending_waits_for_who_fills_them(built: tuple[Registry, Index], monkeypatch: pytest.MonkeyPatch) -> None:
    registry, index = built
    monkeypatch.setattr("gitreg_indexer.verifying.PATIENCE", 0.05)
    _flip(next(semantic(index).glob("*.codes")))
    with writing(index.folder, VECTORS_LOCK), pytest.raises(ConflictError, match=f"process {os.getpid()}"):
        verify(registry, repair=True)
    assert verify(registry, repair=True).mended


# As commands


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    registry = found(tmp_path / "registry.git")
    for files in HISTORY:
        commit(registry.repo, files)
    fine("index", "--repo", registry.repo.git_dir)
    return registry.repo.git_dir


def test_the_command_has_them_made_again_at_once(repo: Path) -> None:
    folder = repo / "gitreg/index/semantic"
    assert "6 vectors" in fine("index", "verify", "--repo", repo).out
    _flip(next(folder.glob("*.codes")))
    told = run("index", "verify", "--repo", repo)
    assert told.code == 1
    assert "one thing is wrong" in told.out
    mended = fine("index", "verify", "--repair", "--repo", repo, "--json").json
    assert (mended["clean"], mended["faults"], len(mended["mended"])) == (True, [], 1)
    assert fine("index", "verify", "--repo", repo, "--json").json["checked"]["vectors"] == 6


def test_what_the_embedder_cannot_make_again_is_told_and_left(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embeddings_server() as server:
        for name, value in (("EMBEDDER", "openai"), ("EMBEDDINGS_URL", server.url), ("EMBEDDINGS_MODEL", "small")):
            monkeypatch.setenv(f"GITREG_{name}", value)
        fine("index", "--repo", repo)
        _cut(next((repo / "gitreg/index/semantic").glob("*.codes")))
        server.faults = [Fault(status=401)]
        mended = fine("index", "verify", "--repair", "--repo", repo)
        assert "semantic search is not up to date" in mended.err
        assert "nothing is wrong" in mended.out
        assert fine("index", "--repo", repo).err == ""
        assert "6 vectors" in fine("index", "verify", "--repo", repo).out


@pytest.mark.parametrize("harm", [_cut, _empty, Path.unlink])
@pytest.mark.parametrize("pattern", HARMED_BY_PART)
def test_what_cannot_be_read_is_made_again_by_whoever_fills_them(
    repo: Path, pattern: str, harm: Callable[[Path], None]
) -> None:
    (file,) = (repo / "gitreg/index/semantic").glob(pattern)
    harm(file)
    assert fine("index", "--repo", repo).err == ""
    assert "6 vectors" in fine("index", "verify", "--repo", repo).out


def test_their_size_is_told_apart(repo: Path) -> None:
    sizes = fine("index", "status", "--repo", repo, "--json").json["size"]
    files = list((repo / "gitreg/index/semantic").iterdir())
    assert sizes["vectors"] == sum(file.stat().st_size for file in files) > 0
    assert sizes["left"] == 0
