"""What an index with a shared catalog is like, whether it is true, and how hosts accept a main that was rewritten."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from index_support import cold, commit, indexed, model, said, searched

from gitreg.errors import UsageError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg.repository.writing import advance
from gitreg_indexer import Index, nearness
from gitreg_indexer.descent import BehindError
from gitreg_indexer.index_status import status_of
from gitreg_indexer.postgres_address import Address
from gitreg_indexer.rewrites import accept_rewrite
from gitreg_indexer.tables import facts
from gitreg_indexer.verifying import verify


def test_the_status_is_told_of_the_shared_catalog(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    status = status_of(registry, catalog=shared)
    assert (status.position.seq, status.behind, status.trouble) == (3, 0, None)
    assert status.records == {"Model": 2, "Registry": 1}
    assert status.catalog == Address.parse(shared).shown()
    assert status.as_data()["catalog"] == status.catalog
    assert status_of(registry, tmp_path / "elsewhere", catalog=shared).generation is None
    assert index.catalog.position().seq == 3


def test_a_shared_catalog_is_verified_and_what_is_wrong_is_named(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"), model("a", description="Changed."))
    verdict = verify(registry, catalog=shared)
    assert verdict.is_clean, [damage.explain() for damage in verdict.damages]
    assert verdict.checked["facts"] == 4
    before = said(index)
    with index.catalog.holding(), index.catalog.writing() as written:
        written.db.execute(facts.update().where(facts.c.ref == "model:acme/b@1.0.0").values(status="retired"))
    damaged = verify(registry, catalog=shared)
    assert not damaged.is_clean
    assert any("models/acme/b/1.0.0.yaml" in damage.explain() for damage in damaged.damages)
    with pytest.raises(UsageError, match="made anew"):
        verify(registry, catalog=shared, repair=True)
    rebuilt = type(index).emptied(registry)
    rebuilt.catch_up()
    assert verify(registry, catalog=shared).is_clean
    assert said(rebuilt) == before


def test_the_vectors_beside_a_shared_catalog_are_verified_and_made_again_by_hand(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    nearness.catch_up(index)
    assert verify(registry, catalog=shared).checked["vectors"] == 3
    folder = index.folder / "semantic"
    (file,) = folder.glob("*.codes")
    file.write_bytes(bytes(file.stat().st_size))
    (damage,) = verify(registry, catalog=shared).damages
    assert damage.where == str(file)
    assert damage.mend == f"remove the folder {folder}, then run `gitreg index`: it is made again"
    shutil.rmtree(folder)
    nearness.catch_up(index)
    assert verify(registry, catalog=shared).checked["vectors"] == 3


def test_a_rewritten_main_is_accepted_once_for_all_hosts(tmp_path: Path, shared: str) -> None:
    registry, first = indexed(tmp_path, model("a"), model("b"))
    second = cold(registry, tmp_path / "second")
    repo = registry.repo
    advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="rewrite")
    commit(repo, model("c"))
    with pytest.raises(HistoryRewritten):
        first.catch_up()
    rewrite, report = accept_rewrite(registry, catalog=shared)
    assert (rewrite.dropped, rewrite.added, report.seq) == (1, 1, 3)
    for index in (first, second):
        index.catch_up()
        assert searched(index, kind="Model") == ["model:acme/a@1.0.0", "model:acme/c@1.0.0"]
        assert index.alarm() is None
    assert said(first) == said(second)


@pytest.mark.parametrize("is_fetched", [False, True], ids=["nothing fetched", "fetched, and main not moved"])
def test_a_clone_that_is_behind_judges_nobody(tmp_path: Path, shared: str, is_fetched: bool) -> None:
    registry, index = indexed(tmp_path, model("a"))
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", "--no-local", registry.repo.git_dir, clone], check=True)
    behind = Registry.open(clone)
    folder = cold(behind, tmp_path / "behind").folder
    commit(registry.repo, model("b"))
    index.catch_up()
    before = said(index)
    if is_fetched:
        where = "refs/gitreg/remotes/origin/heads/main"
        subprocess.run(["git", "-C", clone, "fetch", "--quiet", "origin", f"main:{where}"], check=True)
    status = status_of(behind, folder, catalog=shared)
    assert (status.alarm, status.behind, status.is_clone_behind) == (None, 0, True)
    for judge in (verify, accept_rewrite, Index.emptied):
        with pytest.raises(BehindError, match="this clone is behind") as caught:
            judge(behind, folder, catalog=shared)
        assert "fetch main" in caught.value.mend
    assert said(index) == before
    assert not status_of(registry, catalog=shared).is_clone_behind


def test_a_main_that_was_cut_short_is_told_and_can_be_accepted(tmp_path: Path, shared: str) -> None:
    registry, index = indexed(tmp_path, model("a"), model("b"))
    repo = registry.repo
    advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="cut")
    alarm = status_of(registry, catalog=shared).alarm
    assert alarm is not None
    assert alarm.tip == repo.tip()
    assert not verify(registry, catalog=shared).is_clean
    rewrite, report = accept_rewrite(registry, catalog=shared)
    assert (rewrite.dropped, rewrite.added, report.seq) == (1, 0, 2)
    index.catch_up()
    assert searched(index, kind="Model") == ["model:acme/a@1.0.0"]
