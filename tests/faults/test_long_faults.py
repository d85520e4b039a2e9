"""The long version of the tests of faults: `make test-faults`, some twenty minutes.

What is drawn comes from one seed, which is told where something fails; `GITREG_SEED=... make test-faults` has it again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from damage_support import put
from effort import IS_THOROUGH
from fault_support import (
    WORK,
    Work,
    history,
    is_consistent,
    kill_at,
    moments,
    read_while_written,
    template,
    with_index,
)
from index_support import cold, commit, docs, found, model, said

from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg_indexer import Index, Query, nearness
from gitreg_indexer.verifying import Verdict, verify

if not IS_THOROUGH:
    pytest.skip("this takes long: run `make test-faults`", allow_module_level=True)

SEED: Final = int(os.environ.get("GITREG_SEED") or random.SystemRandom().randrange(10**9))
MOMENTS: Final = 50
FLIPS: Final = 300


@pytest.fixture(autouse=True)
def _seed() -> None:
    print(f"GITREG_SEED={SEED}")  # noqa: T201 - shown where something fails


@pytest.fixture(scope="module")
def above(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


def told(verdict: Verdict) -> str:
    return "\n".join(damage.explain() for damage in verdict.damages)


# Killed


@pytest.mark.parametrize("work", WORK)
def test_a_process_that_is_killed_at_any_moment_leaves_an_index_that_goes_on(
    above: Path, tmp_path: Path, work: Work
) -> None:
    made = template(work, above)
    for number, moment in enumerate(moments(made, SEED, MOMENTS)):
        print(f"{work}: {moment}")  # noqa: T201 - as above
        kill_at(made, moment, tmp_path / str(number))


def test_a_watcher_that_is_killed_again_and_again_is_followed_by_one_that_goes_on(tmp_path: Path) -> None:
    registry = found(tmp_path / "r.git")
    history(registry, 0, 2)
    with_index(registry)
    draw = random.Random(SEED)  # noqa: S311 - had again by its seed
    words = [sys.executable, "-m", "gitreg", "index", "watch", "--repo", str(registry.repo.git_dir)]
    for number in range(2, MOMENTS + 2):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as watcher:
            assert watcher.stderr is not None
            assert "watching" in watcher.stderr.readline()
            history(registry, number, number + 1)
            time.sleep(draw.uniform(0, 0.3))
            watcher.send_signal(signal.SIGKILL)
        with closing(Index.open(registry)) as index:
            is_consistent(index.reader())
            if number % 5 == 0:
                index.catch_up()
                verdict = verify(registry)
                assert verdict.is_clean, told(verdict)
    with closing(Index.open(registry)) as index:
        index.catch_up()
        assert said(index) == said(cold(registry, tmp_path / "cold"))
    assert verify(registry).is_clean


# Out of room


@contextmanager
def disk(where: Path, size: str) -> Iterator[Path]:
    """Mount a disk of a size; skip where that is not allowed."""
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill_up(folder: Path, room: int) -> Path:
    """Leave so many bytes of room."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as sink, suppress(OSError):
        while True:
            sink.write(bytes(4096))
    os.truncate(ballast, max(ballast.stat().st_size - room, 0))
    return ballast


@pytest.mark.parametrize("anew", [False, True], ids=["catching up", "made anew"])
@pytest.mark.parametrize("room", [0, 8_192, 65_536, 150_000, 300_000, 600_000])
def test_a_full_disk_is_told_the_last_good_state_is_served_and_it_goes_on(
    tmp_path: Path, room: int, anew: bool
) -> None:
    registry = found(tmp_path / "r.git")
    history(registry, 0, 6)
    with disk(tmp_path / "disk", "4m") as where:
        folder = where / "index"
        index = cold(registry, folder)
        before = docs(index.reader().search(Query(), limit=1000))
        files = {path: raw for one in range(150) for path, raw in model(f"n{one}", description="x" * 2_000).items()}
        commit(registry.repo, files)
        ballast = fill_up(where, room)
        words = [sys.executable, "-m", "gitreg", "index", "--repo", str(registry.repo.git_dir), "--index", str(folder)]
        full = subprocess.run([*words, *(["--rebuild"] if anew else [])], capture_output=True, text=True)
        assert full.returncode == 2, full.stderr
        assert "free some space" in full.stderr or "No space left" in full.stderr
        assert "Traceback" not in full.stderr
        assert docs(index.reader().search(Query(), limit=1000)) == before
        with closing(Index.open(registry, folder)) as other:
            assert docs(other.reader().search(Query(), limit=1000)) == before
        ballast.unlink()
        done = subprocess.run([*words, *(["--rebuild"] if anew else [])], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert said(index) == said(cold(registry, tmp_path / "cold"))
        verdict = verify(registry, folder)
        assert verdict.is_clean, told(verdict)
        index.close()


# Read while it is written


def test_readers_during_a_thousand_commits_see_no_error_and_no_torn_answer(tmp_path: Path) -> None:
    read_while_written(tmp_path, commits=1_000)


# Damaged


@pytest.fixture
def packed(tmp_path: Path) -> Registry:
    """An index of a repository in one pack."""
    registry = found(tmp_path / "r.git")
    history(registry, 0, 10)
    with_index(registry)
    subprocess.run(["git", "-C", str(registry.repo.git_dir), "gc", "-q", "--prune=now"], check=True)
    return Registry(GitRepository.open(registry.repo.git_dir))


def flips(file: Path, count: int) -> Iterator[tuple[int, int]]:
    """Flip bits of a file one by one, each put back afterwards; gives the place and the bit."""
    whole = file.read_bytes()
    file.chmod(0o644)
    draw = random.Random(f"{SEED} {file.name}")  # noqa: S311 - had again by its seed
    for at in draw.sample(range(len(whole)), min(count, len(whole))):
        bit = draw.randrange(8)
        print(f"{file}: byte {at}, bit {bit}")  # noqa: T201 - as above
        put(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :], file)
        yield at, bit
    put(whole, file)


def test_every_flipped_bit_of_the_catalog_is_found_or_changes_no_answer(packed: Registry) -> None:
    index = Index.open(packed)
    whole, folder = said(index), index.generation().folder
    index.close()
    file = folder / "catalog.sqlite3"
    found_some = 0
    for _ in flips(file, FLIPS):
        verdict = verify(packed)
        if verdict.is_clean:
            with closing(Index.open(packed)) as opened:
                assert said(opened) == whole
        else:
            found_some += 1
            assert all(str(folder) in damage.where for damage in verdict.damages), told(verdict)
        for beside in ("-wal", "-shm"):
            Path(f"{file}{beside}").unlink(missing_ok=True)
    assert found_some > 10


def test_every_flipped_bit_of_the_search_index_is_found(packed: Registry) -> None:
    index = Index.open(packed)
    folder = index.generation().folder / "tantivy"
    index.close()
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    for file in sorted(kept):
        for at, _ in flips(file, FLIPS // len(kept)):
            verdict = verify(packed)
            assert not verdict.is_clean, (file, at)
            assert all("tantivy" in damage.where for damage in verdict.damages), told(verdict)
            for other, raw in kept.items():
                if other != file:
                    put(raw, other)


def test_every_flipped_bit_of_the_vectors_is_found(packed: Registry) -> None:
    with closing(Index.open(packed)) as index:
        nearness.catch_up(index)
        folder = index.folder / "semantic"
    files = sorted(folder.iterdir())
    for file in files:
        for at, _ in flips(file, FLIPS // 2 // len(files)):
            verdict = verify(packed)
            assert not verdict.is_clean, (file, at)
            assert all(str(folder) in damage.where for damage in verdict.damages), told(verdict)
    assert verify(packed).checked["vectors"] > 0


@pytest.mark.parametrize("pattern", ["*.pack", "*.idx"])
def test_every_flipped_bit_of_a_pack_is_found(packed: Registry, pattern: str) -> None:
    (file,) = (packed.repo.git_dir / "objects" / "pack").glob(pattern)
    for at, _ in flips(file, FLIPS):
        verdict = verify(Registry(GitRepository.open(packed.repo.git_dir)))
        assert str(file) in verdict.damages[0].where, at


def test_every_damaged_file_is_mended_or_told_with_what_mends_it(packed: Registry, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # noqa: S311 - had again by its seed
    whole = said(cold(packed, tmp_path / "cold"))
    for number in range(40):
        with closing(Index.open(packed)) as index:
            folder = index.generation().folder
        files = [
            file for file in folder.rglob("*") if file.is_file() and file.stat().st_size and ".lock" not in file.name
        ]
        file = draw.choice(sorted(files))
        raw = bytearray(file.read_bytes())
        harm = draw.choice(("cut", "zeroed", "removed", "overwritten"))
        print(f"{number}: {file} {harm}")  # noqa: T201 - as above
        at, length = draw.randrange(len(raw)), draw.randrange(1, 4096)
        if harm == "cut":
            put(bytes(raw[:at]), file)
        elif harm == "removed":
            file.unlink()
        else:
            raw[at : at + length] = bytes(length) if harm == "zeroed" else draw.randbytes(length)
            put(bytes(raw[: file.stat().st_size]), file)
        verdict = verify(packed, repair=True)
        assert verdict.is_clean, told(verdict)
        with closing(Index.open(packed)) as index:
            index.catch_up()
            assert said(index) == whole


def test_an_index_that_is_removed_while_it_is_served_is_made_again(packed: Registry, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # noqa: S311 - had again by its seed
    serving = Index.open(packed)
    whole = said(serving)
    for _ in range(20):
        harm = draw.choice(("folder", "generation", "catalog", "current", "search"))
        print(harm)  # noqa: T201 - as above
        generation = serving.generation().folder
        if harm == "folder":
            shutil.rmtree(serving.folder)
        elif harm == "generation":
            shutil.rmtree(generation)
        elif harm == "current":
            (serving.folder / "current-3").write_bytes(draw.randbytes(20))
        elif harm == "search":
            shutil.rmtree(generation / "tantivy")
        else:
            for file in generation.glob("catalog.sqlite3*"):
                file.unlink()
        with suppress(GitregError):
            serving.reader().search(Query())
        serving.catch_up()
        assert said(serving) == whole
        with closing(Index.open(packed)) as other:
            assert said(other) == whole
        verdict = verify(packed)
        assert verdict.is_clean, told(verdict)
