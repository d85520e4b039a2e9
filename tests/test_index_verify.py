"""Verifying finds and names whatever is not as Git says, and nothing else; mending makes it so again."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from damage_support import put
from index_support import (
    OTHER_UID,
    Files,
    aliases,
    cold,
    commit,
    dataset,
    found,
    indexed,
    model,
    said,
)

from gitreg.errors import ConflictError, GitregError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg.repository.writing import advance
from gitreg_indexer import ForeignIndexError, Index, Query
from gitreg_indexer.catalog import Catalog, Making
from gitreg_indexer.damage import MOST, Damage
from gitreg_indexer.engine import Document
from gitreg_indexer.lock import MAKING_LOCK, writing
from gitreg_indexer.verifying import Verdict, verify

BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
A: Final = "models/acme/a/1.0.0.yaml"
NEEDS: Final = {"dependencies": [{"ref": "acme/a@^1"}, {"ref": "dataset:acme/a", "required": False}]}
HISTORY: Final[tuple[Files, ...]] = (
    {**model("a"), **model("b", spec=NEEDS), **dataset(), **aliases(stable="1.0.0")},
    {**model("a", description="Answers questions."), "models/acme/bad/1.0.0.yaml": BAD, "README.md": b"# Read me\n"},
    {**model("c", spec=NEEDS, labels={"criticality": "low"}), **dict.fromkeys(model("b"))},
    {**model("a", "1.1.0"), "docs/more/notes.md": b"Notes.\n"},
)
COLD: Final[dict[str | None, Any]] = {}
"""What new indexes say, by the commit that they are of."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with its index; to be copied."""
    registry, index = indexed(tmp_path_factory.mktemp("template"), *HISTORY)
    index.close()
    return registry.repo.git_dir


@pytest.fixture
def built(template: Path, tmp_path: Path) -> tuple[Registry, Index]:
    """An index with records that were added, changed, removed and quarantined."""
    registry = Registry.open(shutil.copytree(template, tmp_path / "registry.git"))
    return registry, Index.open(registry)


def catalog_of(index: Index) -> Path:
    return index.generation().folder / "catalog.sqlite3"


def closed(index: Index) -> Path:
    """Close an index, and give the folder of its generation."""
    folder = index.generation().folder
    index.close()
    return folder


def run(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def the_one(verdict: Verdict) -> Damage:
    (damage,) = verdict.damages
    return damage


def told(verdict: Verdict) -> str:
    return "\n".join(damage.explain() for damage in verdict.damages)


def mended(registry: Registry, tmp_path: Path) -> Verdict:
    """Repair an index: it is clean then, and says what a cold one says."""
    verdict = verify(registry, repair=True)
    assert verdict.is_clean, told(verdict)
    assert verdict.mended
    assert verify(registry).is_clean
    assert said(Index.open(registry)) == cold_says(registry, tmp_path / "cold")
    return verdict


def cold_says(registry: Registry, folder: Path) -> Any:
    """Tell what a new index says; the first that is made of a commit speaks for all."""
    tip = registry.repo.tip()
    if tip not in COLD:
        COLD[tip] = said(cold(registry, folder))
    return COLD[tip]


# What is sound


def test_a_sound_index_is_clean_and_counted(built: tuple[Registry, Index]) -> None:
    registry, index = built
    before = sorted(index.folder.iterdir())
    verdict = verify(registry)
    assert verdict.is_clean
    assert (verdict.commit, verdict.seq, verdict.generation) == (registry.repo.tip(), 5, "3-1")
    counts = {"commits": 5, "facts": 8, "quarantine": 1, "births": 8, "edges": 4, "orders": 7, "documents": 8}
    assert {name: verdict.checked[name] for name in counts} == counts
    assert verdict.checked["objects"] > 20
    assert set(verdict.as_data()) == {
        *("clean", "commit", "seq", "generation", "checked", "faults", "unlisted", "mended"),
    }
    assert sorted(index.folder.iterdir()) == before
    assert verify(registry, repair=True).as_data() == verdict.as_data()


def test_an_index_is_clean_however_it_came_about(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path)
    for files in HISTORY:
        commit(registry.repo, files)
        index.catch_up()
        assert verify(registry).is_clean
    anew = Index.emptied(registry)
    anew.catch_up()
    assert verify(registry).is_clean
    assert verify(registry).generation == "3-2"


def test_an_index_that_is_behind_is_clean_as_of_where_it_stands(built: tuple[Registry, Index]) -> None:
    registry, _ = built
    commit(registry.repo, model("later"))
    verdict = verify(registry)
    assert (verdict.is_clean, verdict.seq) == (True, 5)


def test_what_is_committed_while_it_is_verified_is_no_fault(
    built: tuple[Registry, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = built
    real = verify.__globals__["check_catalog"]

    def meanwhile(*words: Any, **named: Any) -> Any:
        commit(registry.repo, {**model("later"), **dict.fromkeys(model("c"))})
        index.catch_up()
        return real(*words, **named)

    monkeypatch.setattr("gitreg_indexer.verifying._Verifier._settle", lambda *_: meanwhile_before())
    turns = iter(range(1))

    def meanwhile_before() -> None:
        for _ in turns:
            commit(registry.repo, {**model("before"), **dict.fromkeys(model("a", "1.1.0"))})
            index.catch_up()

    monkeypatch.setattr("gitreg_indexer.verifying.check_catalog", meanwhile)
    verdict = verify(registry)
    assert verdict.is_clean, told(verdict)
    assert verdict.seq == 6


def test_there_must_be_an_index(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    with pytest.raises(GitregError, match="no index yet") as caught:
        verify(registry)
    assert "gitreg index" in caught.value.mend
    assert not (tmp_path / "r" / "gitreg" / "index").exists()


# What is wrong with the catalog

RANK: Final = "orders: model:acme/c@1.0.0"
BIRTH: Final = "births: models/acme/c/"
A_BIRTH_TOO_MANY: Final = "INSERT INTO births SELECT 'models/x', 1, created_at, registered_by FROM births LIMIT 1"
A_FACT_TOO_MANY: Final = """
INSERT INTO facts SELECT 99, kind, namespace, name, version, version_key, ref, path, blob, status, severity,
seq_from, seq_to, etag, doc FROM facts WHERE ref LIKE '%/c@%'
"""
AN_EDGE_TOO_MANY: Final = """
INSERT INTO edges SELECT 99, source_key, target_key, source, 'spec.x', relation, target, selector, required, upstream,
seq_from, seq_to FROM edges WHERE source LIKE '%/c@%' LIMIT 1
"""
EDGES: Final = "edges: model:acme/c@1.0.0 spec.dependencies["
HARMS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("a status", "UPDATE facts SET status = 'retired' WHERE ref LIKE '%/c@%'", "models/acme/c/1.0.0.yaml", "status"),
    ("a document", "UPDATE facts SET doc = replace(doc, 'openai', 'openbi') WHERE ref LIKE '%/c@%'", "acme/c/", "doc"),
    ("a document's field", "UPDATE facts SET doc = CAST(replace(doc, 'openai', 'openbi') AS BLOB)", A, "spec.provider"),
    ("a digest", "UPDATE facts SET etag = 'x' WHERE seq_to < 9 AND path LIKE '%/b/%'", "models/acme/b/", "etag"),
    ("a blob", "UPDATE facts SET blob = replace(blob, 'a', 'b') WHERE ref LIKE '%/c@%'", "models/acme/c/", "blob"),
    ("an end in the past", "UPDATE facts SET seq_to = 5 WHERE seq_to = 4", "models/acme/b/1.0.0.yaml", "seq_to"),
    ("an end", "UPDATE facts SET seq_to = seq_to + 1 WHERE ref LIKE '%/c@%'", "models/acme/c/", "seq_to"),
    ("a kind", "UPDATE facts SET kind = 'Config' WHERE kind = 'Dataset'", "datasets/acme/a/", "kind"),
    ("a sort key", "UPDATE facts SET version_key = '' WHERE ref LIKE '%@1.1.0'", "a/1.1.0.yaml", "version_key"),
    ("a number that is a text", "UPDATE facts SET seq_to = 'x' WHERE ref LIKE '%/c@%'", "models/acme/c/", "seq_to"),
    ("a text that is none", "UPDATE facts SET ref = CAST(x'ff' AS TEXT) WHERE ref LIKE '%/c@%'", "acme/c/", "ref"),
    ("a lost fact", "DELETE FROM facts WHERE seq_to < 9 AND path LIKE '%/b/%'", "models/acme/b/", "missing"),
    ("a lost quarantine", "DELETE FROM quarantine", "models/acme/bad/1.0.0.yaml", "missing"),
    ("findings", "UPDATE quarantine SET findings = '[]'", "models/acme/bad/1.0.0.yaml", "findings"),
    (
        "a birth",
        "UPDATE births SET created_at = '2000' WHERE path LIKE '%/c/%'",
        BIRTH,
        "created_at",
    ),
    ("a lost birth", "DELETE FROM births WHERE path LIKE '%/c/%'", BIRTH, "missing"),
    ("an author", "UPDATE commits SET author = 'Nobody' WHERE seq = 3", "commits: seq 3", "author"),
    ("a lost commit", "DELETE FROM commits WHERE seq = 3", "commits: seq 3", "missing"),
    ("a count", "UPDATE counts SET live = live + 1 WHERE kind = 'Model'", "counts: Model", "count"),
    ("the count of what is unreadable", "UPDATE counts SET live = 0 WHERE kind = ''", "cannot be read", "count"),
    ("a rank", "UPDATE orders SET rank = 1 WHERE path LIKE '%/c/%'", RANK, "rank"),
    ("a lost rank", "DELETE FROM orders WHERE path LIKE '%/c/%'", RANK, "missing"),
    (
        "the path of a rank",
        "UPDATE orders SET path = 'x' WHERE path LIKE '%/c/%'",
        RANK,
        "path",
    ),
    (
        "when a rank moved",
        "UPDATE orders SET moved = 77 WHERE path LIKE '%/c/%'",
        RANK,
        "moved",
    ),
    ("how far ranks go", "UPDATE meta SET value = '9' WHERE key = 'ranked'", "meta", "ranked"),
    ("the seq", "UPDATE meta SET value = '4' WHERE key = 'seq'", "meta", "seq"),
    ("a seq that is none", "UPDATE meta SET value = 'x' WHERE key = 'seq'", "catalog.sqlite3", "cannot be read"),
    ("a commit that is none", "UPDATE meta SET value = 'x' WHERE key = 'commit'", "meta", "commit"),
    ("another commit", "UPDATE meta SET value = replace(value, 'a', 'b') WHERE key = 'commit'", "meta", "commit"),
    ("the parser", "UPDATE meta SET value = 'x' WHERE key = 'parser'", "meta", "another version of gitreg"),
    ("the format", "UPDATE meta SET value = '1' WHERE key = 'format'", "catalog.sqlite3", "another version of gitreg"),
    ("the history", "UPDATE meta SET value = 'x' WHERE key = 'history'", "catalog.sqlite3", "cannot be read"),
    ("a history that it has not", "UPDATE meta SET value = 'none' WHERE key = 'history'", "meta", "history"),
    ("the instance", "UPDATE meta SET value = '' WHERE key = 'instance'", "catalog.sqlite3", "cannot be read"),
    ("another instance", "UPDATE meta SET value = 'x' WHERE key = 'instance'", "tantivy", "another catalog"),
    ("all that it says of itself", "DELETE FROM meta", "catalog.sqlite3", "another version of gitreg"),
    ("a lost index", "DROP INDEX facts_by_end", "catalog.sqlite3", "facts_by_end"),
    ("a lost table", "DROP TABLE births", "catalog.sqlite3", "births"),
    ("no table at all", "DROP TABLE meta", "catalog.sqlite3", "empty"),
    ("a birth too many", A_BIRTH_TOO_MANY, "births: models/x", "does not"),
    ("a severity", "UPDATE facts SET severity = 'high' WHERE ref LIKE '%/c@%'", "models/acme/c/", "severity"),
    ("a lost edge", "DELETE FROM edges WHERE source LIKE '%/c@%'", EDGES, "missing"),
    ("a lost edge of the past", "DELETE FROM edges WHERE seq_to < 9", "edges: model:acme/b@1.0.0", "missing"),
    ("an edge's selector", "UPDATE edges SET selector = '^2' WHERE selector <> ''", EDGES, "selector"),
    ("an edge's target", "UPDATE edges SET target = 'model:acme/x' WHERE source LIKE '%/c@%'", EDGES, "target"),
    ("the number of an edge's source", "UPDATE edges SET source_key = source_key + 1", EDGES, "source_key"),
    ("the number of an edge's target", "UPDATE edges SET target_key = target_key + 1", EDGES, "target_key"),
    ("whether an edge is required", "UPDATE edges SET required = 1 - required", EDGES, "required"),
    ("which way an edge goes", "UPDATE edges SET upstream = 0", EDGES, "upstream"),
    ("an edge's relation", "UPDATE edges SET relation = 'uses'", EDGES, "relation"),
    ("the end of an edge", "UPDATE edges SET seq_to = 5 WHERE source LIKE '%/c@%'", EDGES, "seq_to"),
    ("the beginning of an edge", "UPDATE edges SET seq_from = 3 WHERE source LIKE '%/c@%'", EDGES, "missing"),
    ("whose an edge is", "UPDATE edges SET source = 'model:acme/x@1.0.0' WHERE source LIKE '%/c@%'", EDGES, "missing"),
    ("an edge too many", AN_EDGE_TOO_MANY, "edges: model:acme/c@1.0.0 spec.x", "does not"),
    ("a fact too many", A_FACT_TOO_MANY, "models/acme/c/1.0.0.yaml", "does not"),
)


@pytest.mark.parametrize(("harm", "where", "what"), [case[1:] for case in HARMS], ids=[case[0] for case in HARMS])
def test_what_is_wrong_with_the_catalog_is_named_and_mended(
    built: tuple[Registry, Index], tmp_path: Path, harm: str, where: str, what: str
) -> None:
    registry, index = built
    run(closed(index) / "catalog.sqlite3", harm)
    verdict = verify(registry)
    assert not verdict.is_clean
    assert any(where in damage.where and what in f"{damage.what} {damage.where}" for damage in verdict.damages), told(
        verdict
    )
    assert all(damage.mend for damage in verdict.damages)
    assert mended(registry, tmp_path).generation == "3-2"


def test_a_flipped_bit_of_the_catalog_is_found_or_changes_no_answer(built: tuple[Registry, Index]) -> None:
    """What is flipped in room that SQLite does not use changes nothing; whatever else is, is found and mended."""
    registry, index = built
    whole = said(index)
    file = closed(index) / "catalog.sqlite3"
    raw = file.read_bytes()
    draw = random.Random(11)  # noqa: S311 - the same places every time
    used = [at for at, byte in enumerate(raw) if byte]
    silent = 0
    for at in draw.sample(used, 40):
        put(raw[:at] + bytes([raw[at] ^ 1 << draw.randrange(8)]) + raw[at + 1 :], file)
        verdict = verify(registry)
        if verdict.is_clean:
            silent += 1
            with closing(Index.open(registry)) as opened:
                assert said(opened) == whole
        assert all(str(file.parent) in damage.where for damage in verdict.damages)
        for beside in ("-wal", "-shm"):
            Path(f"{file}{beside}").unlink(missing_ok=True)
    assert silent < 20


def _zeroed(file: Path) -> None:
    put(bytes(file.stat().st_size), file)


def _cut(file: Path) -> None:
    put(file.read_bytes()[: file.stat().st_size // 2], file)


def _emptied(file: Path) -> None:
    put(b"", file)


def _flipped(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0x40
    put(bytes(raw), file)


@pytest.mark.parametrize("harm", [_zeroed, _cut, _emptied, Path.unlink])
def test_a_catalog_that_is_gone_is_told_and_made_again(
    built: tuple[Registry, Index], tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    registry, index = built
    file = closed(index) / "catalog.sqlite3"
    harm(file)
    damage = the_one(verify(registry))
    assert damage.where.startswith(str(file))
    mended(registry, tmp_path)


# What is wrong with the search index


@pytest.mark.parametrize("harm", [_zeroed, _cut, _emptied, Path.unlink, _flipped])
@pytest.mark.parametrize("pattern", ["*.store", "*.term", "*.fast", "*.idx", "*.pos", "meta.json"])
def test_a_damaged_search_index_is_named_and_filled_again(
    built: tuple[Registry, Index], tmp_path: Path, harm: Callable[[Path], None], pattern: str
) -> None:
    registry, index = built
    (file, *_) = sorted((closed(index) / "tantivy").glob(pattern))
    harm(file)
    verdict = verify(registry)
    assert not verdict.is_clean
    assert all("tantivy" in damage.where for damage in verdict.damages)
    assert "gitreg index verify --repair" in verdict.damages[0].mend
    assert file.name in told(verdict) or file.name == "meta.json"
    mended(registry, tmp_path)


def test_documents_that_are_not_the_catalogs_are_named(built: tuple[Registry, Index], tmp_path: Path) -> None:
    registry, index = built
    engine = index.engine
    instance, seq = engine.position()
    with index.catalog.reading() as db:
        listed = dict(tuple(row) for row in db.exec_driver_sql("SELECT ref, id FROM facts WHERE seq_to > 1000"))
    (kept,) = engine.search(Query(ids=(listed["model:acme/c@1.0.0"],)), offset=0, limit=1).ids

    def document(id_: int, digest: int) -> Document:
        return Document(id_, "Model", (), (), "", "", (), 5, "", "", 1, 2**62, (), digest)

    right = engine.digests([kept])[kept]
    engine.apply([document(kept, right + 1), document(99, 1)], instance=instance, seq=seq)
    index.close()
    changed, extra = verify(registry).damages
    assert "models/acme/c/1.0.0.yaml" in changed.where
    assert (changed.got, changed.expected) == (f"{right + 1:x}", f"{right:x}")
    assert (extra.what, extra.got, extra.expected) == ("the number of documents is another", "9", "8")
    mended(registry, tmp_path)


def test_a_rank_that_the_search_index_does_not_have_is_named(built: tuple[Registry, Index], tmp_path: Path) -> None:
    registry, index = built
    run(closed(index) / "catalog.sqlite3", "UPDATE orders SET rank = rank + 1 WHERE path LIKE '%/c/%'")
    damage = the_one(verify(registry))
    assert "the document of models/acme/c/1.0.0.yaml" in damage.where
    mended(registry, tmp_path)


def test_a_search_index_that_is_behind_its_catalog_is_told(
    built: tuple[Registry, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = built
    commit(registry.repo, model("later"))
    with monkeypatch.context() as patch:
        patch.setattr(type(index.engine), "apply", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            index.catch_up()
    damage = the_one(verify(registry))
    assert (damage.got, damage.expected) == ("seq 5", "seq 6")
    index.catch_up()
    assert verify(registry).is_clean


# What is wrong with Git


def git(registry: Registry, *words: str) -> str:
    where = str(registry.repo.git_dir)
    return subprocess.run(["git", "-C", where, *words], capture_output=True, text=True, check=True).stdout.strip()


def object_of(registry: Registry, name: str) -> tuple[str, Path]:
    oid = git(registry, "rev-parse", name)
    return oid, registry.repo.git_dir / "objects" / oid[:2] / oid[2:]


@pytest.mark.parametrize("harm", [_flipped, _cut, _emptied, Path.unlink])
@pytest.mark.parametrize(
    ("name", "place"),
    [
        (f"main~3:{A}", f"the file {A} in commit"),
        ("main:README.md", "the file README.md in commit"),
        ("main:docs/more", "the folder /docs/more/ in commit"),
        ("main:models/acme/c", "the folder /models/acme/c/ in commit"),
        ("main~1:", "the folder / in commit"),
        ("main~2", "the first parent of"),
        ("main", "where the index stands"),
        ("main~4", "the first parent of"),
    ],
    ids=["a record", "another file", "a folder", "a name", "a root", "a commit", "the tip", "the first"],
)
def test_a_damaged_git_object_is_named_with_who_needs_it(
    built: tuple[Registry, Index], harm: Callable[[Path], None], name: str, place: str
) -> None:
    registry, index = built
    before = said(index)
    oid, file = object_of(registry, name)
    file.chmod(0o644)
    harm(file)
    verdict = verify(Registry(GitRepository.open(registry.repo.git_dir)))
    first = verdict.damages[0]
    assert oid in first.where
    assert place in first.where
    assert (str(file) in first.where) == file.exists()
    assert "git fsck" in first.mend
    assert len(verdict.damages) == (1 if ":" in name and "." in name else 2)
    again = verify(registry, repair=True)
    assert again.damages == verdict.damages
    assert said(index) == before


def test_packs_are_checked_as_files_and_their_objects_are_named(built: tuple[Registry, Index]) -> None:
    registry, index = built
    index.close()
    git(registry, "gc", "-q", "--prune=now")
    assert verify(registry).is_clean
    oid, _ = object_of(registry, f"main:{A}")
    listed = git(
        registry, "verify-pack", "-v", *(str(file) for file in registry.repo.git_dir.glob("objects/pack/*.idx"))
    )
    (line,) = [line for line in listed.splitlines() if line.startswith(oid)]
    _, _, _, size, start, *_ = line.split()
    (pack,) = registry.repo.git_dir.glob("objects/pack/*.pack")
    raw = pack.read_bytes()
    at = int(start) + int(size) // 2
    pack.chmod(0o644)
    pack.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    verdict = verify(Registry(GitRepository.open(registry.repo.git_dir)))
    assert verdict.damages[0].where == str(pack)
    assert any(oid in damage.where and A in damage.where for damage in verdict.damages), told(verdict)
    pack.write_bytes(raw[:5] + b"x" + raw[6:])
    assert the_one(verify(Registry(GitRepository.open(registry.repo.git_dir)))).where == str(pack)


def test_a_damaged_index_of_a_pack_is_told_and_nothing_is_read_through_it(built: tuple[Registry, Index]) -> None:
    registry, index = built
    index.close()
    git(registry, "gc", "-q", "--prune=now")
    (file,) = registry.repo.git_dir.glob("objects/pack/*.idx")
    file.chmod(0o644)
    _flipped(file)
    verdict = verify(registry)
    assert verdict.damages[0].where == str(file)
    assert "git index-pack" in verdict.damages[0].mend
    assert verdict.checked["objects"] == 0


def test_what_git_has_lost_is_taken_from_the_index(built: tuple[Registry, Index], tmp_path: Path) -> None:
    registry, index = built
    before = said(index)
    run(closed(index) / "catalog.sqlite3", "UPDATE facts SET status = 'retired' WHERE ref LIKE '%/c@%'")
    for name in (f"main~2:{A}", "main:models/acme/bad/1.0.0.yaml"):
        object_of(registry, name)[1].unlink()
    verdict = verify(registry, repair=True)
    assert sorted(damage.what for damage in verdict.damages) == ["an object is missing from the repository"] * 2
    assert [damage.what for damage in verdict.mended] == ["status is another"]
    assert said(Index.open(registry)) == before


def test_what_git_and_the_index_have_both_lost_stands_as_unreadable(built: tuple[Registry, Index]) -> None:
    registry, index = built
    run(closed(index) / "catalog.sqlite3", "UPDATE facts SET status = 'retired' WHERE ref LIKE '%/c@%'")
    oid, file = object_of(registry, "main:models/acme/c/1.0.0.yaml")
    file.unlink()
    assert not verify(registry, repair=True).is_clean
    listed = {entry["path"]: entry for entry in Index.open(registry).reader().quarantine()}
    assert oid in listed["models/acme/c/1.0.0.yaml"]["findings"][0]["says"]


def test_search_is_filled_again_where_git_cannot_be_read(built: tuple[Registry, Index]) -> None:
    registry, index = built
    before = said(index)
    folder = closed(index)
    object_of(registry, "main~2")[1].unlink()
    _flipped(next((folder / "tantivy").glob("*.term")))
    verdict = verify(registry, repair=True)
    assert [damage.where for damage in verdict.mended] == [str(folder / "tantivy")]
    assert all("tantivy" not in damage.where for damage in verdict.damages)
    assert said(Index.open(registry)) == before


def test_a_registry_whose_own_record_is_damaged_is_verified_all_the_same(built: tuple[Registry, Index]) -> None:
    registry, _ = built
    oid, file = object_of(registry, "main:registry.yaml")
    file.chmod(0o644)
    _flipped(file)
    verdict = verify(Registry(GitRepository.open(registry.repo.git_dir)))
    assert oid in the_one(verdict).where


# Around it


@pytest.mark.parametrize("names", [b"\xff\x00garbage", b"3-7\n"], ids=["garbage", "one that is gone"])
def test_a_current_file_that_names_none_is_told_and_mended(
    built: tuple[Registry, Index], tmp_path: Path, names: bytes
) -> None:
    registry, index = built
    index.close()
    (index.folder / "current-3").write_bytes(names)
    damage = the_one(verify(registry))
    assert damage.where == str(index.folder / "current-3")
    mended(registry, tmp_path)


def test_the_index_of_another_registry_is_told_and_not_taken(built: tuple[Registry, Index], tmp_path: Path) -> None:
    _, index = built
    other = found(tmp_path / "other", uid=OTHER_UID)
    damage = the_one(verify(other, index.folder))
    assert (damage.expected, damage.got) == (f"registry {OTHER_UID}", f"registry {index.catalog.uid}")
    with pytest.raises(ForeignIndexError):
        verify(other, index.folder, repair=True)
    assert verify(built[0]).is_clean


def test_a_rewritten_main_is_told_and_no_reason_to_follow_it(built: tuple[Registry, Index]) -> None:
    registry, index = built
    before = said(index)
    repo = registry.repo
    advance(repo, new=repo.resolve("main~2"), old=repo.tip(), message="rewrite")
    commit(repo, model("other"))
    damage = the_one(verify(registry))
    assert "gitreg index accept-rewrite" in damage.mend
    run(catalog_of(index), "UPDATE counts SET live = 7")
    verdict = verify(registry, repair=True)
    assert verdict.damages == (damage,)
    assert verdict.mended
    assert said(Index.open(registry)) == before
    assert Index.open(registry).alarm() is not None


def test_mending_serves_on_and_never_goes_back(
    built: tuple[Registry, Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = built
    run(catalog_of(index), "UPDATE counts SET live = 7 WHERE kind = 'Model'")
    seen: list[int] = []
    real = verify.__globals__["fill"]

    def slowly(*words: Any) -> None:
        commit(registry.repo, model("later", f"1.{len(seen)}.0"))
        if not seen:
            index.catch_up()
        seen.append(index.reader().search(Query(), limit=100).total)
        real(*words)

    monkeypatch.setattr("gitreg_indexer.verifying.fill", slowly)
    verdict = verify(registry, repair=True)
    assert (verdict.is_clean, verdict.seq) == (True, 6)
    assert seen == [7, 7]
    assert index.reader().search(Query(), limit=100).position.seq == 6
    index.catch_up()
    assert said(index) == cold_says(registry, tmp_path / "cold")


def test_mending_and_making_anew_are_one_at_a_time(built: tuple[Registry, Index]) -> None:
    registry, index = built
    with writing(index.folder, MAKING_LOCK), pytest.raises(ConflictError, match=f"process {os.getpid()}"):
        verify(registry, repair=True)
    assert verify(registry).is_clean


def test_what_a_process_that_was_killed_left_is_removed(built: tuple[Registry, Index], tmp_path: Path) -> None:
    registry, index = built
    left = index.folder / "3-7"
    left.mkdir()
    (left / "unfinished").touch()
    Catalog.open(left / "catalog.sqlite3", Making(registry.uid)).close()
    run(catalog_of(index), "UPDATE counts SET live = 7")
    mended(registry, tmp_path)
    assert not left.exists()


def test_very_many_faults_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, index = indexed(tmp_path, *HISTORY)
    run(catalog_of(index), "UPDATE facts SET status = 'x', etag = 'y'")
    monkeypatch.setattr("gitreg_indexer.damage.MOST", 3)
    assert MOST > 3
    verdict = verify(registry)
    assert (len(verdict.damages), verdict.unlisted) == (3, 13)


def test_an_index_without_the_past_is_verified_and_mended(tmp_path: Path) -> None:
    registry = found(tmp_path / "r")
    for files in HISTORY:
        commit(registry.repo, files)
    Index.emptied(registry, history="none").catch_up()
    commit(registry.repo, {**model("d"), **dict.fromkeys(model("c"))})
    index = Index.open(registry)
    index.catch_up()
    assert verify(registry).is_clean
    before = said(index)
    for harm in ("UPDATE facts SET status = 'retired' WHERE ref LIKE '%/a@%'", "DELETE FROM commits WHERE seq = 2"):
        run(catalog_of(index), harm)
        assert not verify(registry).is_clean
        assert verify(registry, repair=True).is_clean
        assert said(index) == before


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        ("SET value = 2 WHERE key = 'history_from'", "SET value = 5 WHERE key = 'history_from'"),
        ("SET value = 99 WHERE key = 'history_from'", "SET value = 5 WHERE key = 'history_from'"),
        ("SET value = 'full' WHERE key = 'history'", "SET value = 'none' WHERE key = 'history'"),
    ],
)
def test_a_past_that_the_index_has_not_is_told(tmp_path: Path, harm: str, mend: str) -> None:
    registry = found(tmp_path / "r")
    for files in HISTORY:
        commit(registry.repo, files)
    index = Index.emptied(registry, history="none")
    index.catch_up()
    run(catalog_of(index), f"UPDATE meta {harm}")
    assert not verify(registry).is_clean
    run(catalog_of(index), f"UPDATE meta {mend}")
    assert verify(registry).is_clean


def test_damages_are_json_data_of_one_shape(built: tuple[Registry, Index]) -> None:
    registry, index = built
    run(catalog_of(index), "UPDATE facts SET status = 'retired' WHERE ref LIKE '%/c@%'")
    (fault,) = verify(registry).as_data()["faults"]
    assert fault == {
        "where": f"{catalog_of(index)}: facts: models/acme/c/1.0.0.yaml from seq 4",
        "what": "status is another",
        "got": "retired",
        "expected": "active",
        "mend": "run `gitreg index verify --repair`: what is wrong is made again from Git",
    }
