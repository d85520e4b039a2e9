"""The index killed, out of room, and read while it is written: a short version of `make test-faults`."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from effort import tries
from fault_support import WORK, Work, history, kill_at, moments, read_while_written, template
from index_support import cold, commit, docs, found, model, said

from gitreg_indexer import Index, Query
from gitreg_indexer.verifying import verify


@pytest.fixture(scope="module")
def above(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.mark.parametrize("work", ["catch up", "rebuild"])
def test_a_process_that_is_killed_leaves_an_index_that_goes_on(above: Path, tmp_path: Path, work: Work) -> None:
    made = template(work, above)
    for number, moment in enumerate(moments(made, seed=1 + WORK.index(work), count=tries(1, 10))):
        kill_at(made, moment, tmp_path / str(number))


@pytest.mark.parametrize("anew", [False, True], ids=["catching up", "made anew"])
def test_where_no_file_may_grow_it_is_told_and_the_last_good_state_served(tmp_path: Path, anew: bool) -> None:
    registry = found(tmp_path / "r.git")
    history(registry, 0, 3)
    index = cold(registry, tmp_path / "index")
    before = docs(index.reader().search(Query(), limit=1000))
    files = {path: raw for one in range(60) for path, raw in model(f"n{one}", description="x" * 2_000).items()}
    commit(registry.repo, files)
    words = ["index", "--repo", str(registry.repo.git_dir), "--index", str(index.folder)]
    command = [sys.executable, "-m", "gitreg", *words, *(["--rebuild"] if anew else [])]

    def run(most: int) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

        return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=120)

    full = run(100_000)
    assert full.returncode == 2, full.stderr
    assert "mend:" in full.stderr
    assert "Traceback" not in full.stderr
    assert docs(index.reader().search(Query(), limit=1000)) == before
    with closing(Index.open(registry, index.folder)) as other:
        assert docs(other.reader().search(Query(), limit=1000)) == before
    done = run(resource.RLIM_INFINITY)
    assert done.returncode == 0, done.stderr
    assert said(index) == said(cold(registry, tmp_path / "cold"))
    verdict = verify(registry, index.folder)
    assert verdict.is_clean, "\n".join(damage.explain() for damage in verdict.damages)
    index.close()


def test_readers_see_no_error_and_no_torn_answer(tmp_path: Path) -> None:
    read_while_written(tmp_path, commits=tries(25, 200))
