"""What the tests of faults share: processes that are killed at some moment, disks that are full, readers that compare.

- A moment is either a line of the indexer's code, counted from the start, or a time; both are drawn from a seed that
  is printed, so that a failure can be had again.
- Each moment is met on a copy of the same registry, and each copy must end as one that nothing was done to.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from index_support import aliases, commit, found, indexed, model, of, refs, said

from gitreg.registry import Registry
from gitreg_indexer import Index, Query, Reader
from gitreg_indexer.verifying import verify

Work = Literal["build", "catch up", "rebuild", "build without the past"]
WORK: Final[tuple[Work, ...]] = ("build", "catch up", "rebuild", "build without the past")
COMMITS: Final = 24
BEFORE: Final = 12
"""How many commits are indexed before the work begins, where it is to catch up."""
BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"

# Small parts and early helpers, so that a small history has many moments of every sort.
WORKER: Final = """
import os, signal, sys
from gitreg_indexer import building, index, parsing
from gitreg.registry import Registry
parsing.ENOUGH, building.PART, building.BATCH = 20, 7, 30
where, work, line = sys.argv[1], sys.argv[2], int(sys.argv[3])
package = os.path.dirname(building.__file__)
count = 0

def trace(frame, event, _):
    global count
    if not frame.f_code.co_filename.startswith(package):
        return None
    count += 1
    if count == line:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace

registry = Registry.open(where)
print("open", flush=True)
if line >= 0:
    sys.settrace(trace)
if work == "rebuild":
    made = index.Index.emptied(registry)
elif work == "build without the past":
    made = index.Index.having(registry, history="none")
else:
    made = index.Index.open(registry)
made.catch_up()
sys.settrace(None)
print(count, flush=True)
"""


@dataclass(frozen=True)
class Moment:
    """When a process is killed: at a line, or after some seconds."""

    line: int = -1
    seconds: float | None = None


def history(registry: Registry, first: int, last: int) -> None:
    """Commit records that come, change, go and cannot be read."""
    for number in range(first, last):
        files: dict[str, bytes | None] = {
            **model(f"m{number % 9}", f"1.{number}.0"),
            **model("a", description=f"Turn {number}.", spec={"dependencies": [{"ref": f"acme/m{number % 2}@^1"}]}),
            **aliases(f"m{number % 9}", stable=f"1.{number}.0"),
            f"models/acme/bad/{number}.0.0.yaml": BAD if number % 3 else None,
        }
        if number >= 9:
            files |= dict.fromkeys(model(f"m{(number - 5) % 9}", f"1.{number - 5}.0"))
        commit(registry.repo, files)


@dataclass(frozen=True)
class Template:
    """A registry in which some work is to be done, how long it takes while its lines are counted, and its result."""

    folder: Path
    work: Work
    lines: int
    seconds: float
    result: Any


@cache
def template(work: Work, above: Path) -> Template:
    """Make the registry for some work, and do the work undisturbed on a copy."""
    folder = above / work.replace(" ", "-")
    registry = found(folder / "r.git")
    history(registry, 0, BEFORE)
    if work in ("catch up", "rebuild"):
        with_index(registry)
    history(registry, BEFORE, COMMITS)
    if work == "rebuild":
        with_index(registry)
    copy = above / f"{folder.name}-done"
    shutil.copytree(folder, copy)
    with started(copy / "r.git", work, Moment(line=0)) as process:
        began = time.monotonic()
        counted, _ = process.communicate()
    seconds = time.monotonic() - began
    assert process.returncode == 0
    return Template(folder, work, int(counted), seconds, state_of(Registry.open(copy / "r.git")))


def with_index(registry: Registry) -> None:
    index = Index.open(registry)
    index.catch_up()
    index.close()


def state_of(registry: Registry) -> Any:
    index = Index.open(registry)
    try:
        return said(index)
    finally:
        index.close()


def started(where: Path, work: Work, moment: Moment) -> subprocess.Popen[str]:
    """Start the work in another process; it is about to begin when this returns."""
    words = [sys.executable, "-c", WORKER, str(where), work, str(moment.line)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def moments(made: Template, seed: int, count: int) -> Iterator[Moment]:
    """Draw moments, by line and by time in turns; an even seed begins by line."""
    draw = random.Random(seed)  # noqa: S311 - the same every time
    for number in range(count):
        if (seed + number) % 2:
            yield Moment(seconds=draw.uniform(0, made.seconds))
        else:
            yield Moment(line=draw.randrange(1, made.lines))


def kill_at(made: Template, moment: Moment, where: Path) -> None:
    """Do the work on a copy, kill it at a moment, and hold that nothing is lost, at once and after the next start."""
    shutil.copytree(made.folder, where)
    repo = where / "r.git"
    with started(repo, made.work, moment) as process:
        if moment.seconds is not None:
            time.sleep(moment.seconds)
            process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0)
    registry = Registry.open(repo)
    index = Index.open(registry)
    is_consistent(index.reader())
    if made.work == "rebuild":
        assert said(index) == made.result
    index.close()
    with started(repo, made.work, Moment()) as process:
        process.communicate()
    assert process.returncode == 0
    verdict = verify(registry)
    assert verdict.is_clean, "\n".join(damage.explain() for damage in verdict.damages)
    assert state_of(registry) == made.result
    generations = [place for place in (registry.repo.state_dir / "index").iterdir() if place.is_dir()]
    assert len(generations) == 1
    shutil.rmtree(where)


def is_consistent(reader: Reader) -> None:
    """Hold that what a reader says is of one state, however far it has come."""
    position = reader.position()
    page = reader.search(Query(kind="Model"), limit=1000)
    assert page.position.seq <= position.seq
    assert page.total == len(page.items)
    assert all(fact.seq <= position.seq for fact in page.items)
    if position.seq > 1 and reader.counts():
        assert reader.resolve(of("acme/a")).data()["metadata"]["description"] == f"Turn {position.seq - 2}."


# Readers that compare while there is writing


def turn(seq: int) -> dict[str, bytes]:
    """Give the files of a turn: at seq n there are two names with the one version n.0.0, and an alias that means it."""
    version = f"{seq}.0.0"
    made = {path: raw for name in ("a", "b") for path, raw in model(name, version, description=f"turn{seq}").items()}
    return {**made, **aliases(stable=version)}


def next_turn(registry: Registry, seq: int) -> None:
    gone = {path: None for path in turn(seq - 1) if "aliases" not in path}
    commit(registry.repo, {**gone, **turn(seq)})


def compare_once(reader: Reader, draw: random.Random) -> None:
    """Ask in several ways, of now and of the past, and hold that content and position agree."""
    sort = draw.choice(("name", "-updatedAt", "contextLength"))
    page = reader.search(Query(kind="Model", sort=sort))
    assert refs(page) == [f"model:acme/{name}@{page.position.seq}.0.0" for name in ("a", "b")]
    assert page.total == 2
    assert {fact.seq for fact in page.items} == {page.position.seq}
    (version,) = reader.versions(of("acme/b"))
    assert version.version == f"{version.seq}.0.0"
    low = reader.position()
    fact = reader.resolve(of(draw.choice(("acme/a", "acme/a@latest", "acme/a@*", "acme/a@stable"))))
    high = reader.position()
    assert low.seq <= fact.seq <= high.seq
    assert fact.version == f"{fact.seq}.0.0"
    assert fact.data()["registry"]["seq"] == fact.seq
    at = draw.randint(2, page.position.seq)
    past = reader.search(Query(kind="Model"), at=at)
    assert refs(past) == [f"model:acme/{name}@{at}.0.0" for name in ("a", "b")]
    assert past.position.seq == at
    assert reader.resolve(of("acme/b"), at=at).version == f"{at}.0.0"
    assert reader.moment(past.position.commit).seq == at
    assert reader.counts(at=at) == {"Aliases": 1, "Model": 2, "Registry": 1}


READER: Final = """
import random, sys, time
sys.path.insert(0, sys.argv[1])
from fault_support import compare_once
from gitreg.registry import Registry
from gitreg_indexer import Index
index = Index.open(Registry.open(sys.argv[2]))
reader, draw, last, count = index.reader(), random.Random(int(sys.argv[3])), int(sys.argv[4]), 0
print("open", flush=True)
while reader.position().seq < last:
    compare_once(reader, draw)
    count += 1
    time.sleep(0.01)
compare_once(reader, draw)
print(count + 1, flush=True)
"""


def reading(registry: Registry, seed: int, last: int) -> subprocess.Popen[str]:
    """Have another process read and compare until the index has come to a seq."""
    words = [str(Path(__file__).parent), str(registry.repo.git_dir), str(seed), str(last)]
    process = subprocess.Popen([sys.executable, "-c", READER, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def read_while_written(where: Path, *, commits: int) -> None:
    """Commit and index, while two threads and two processes ask; each answer is of the commit that it names."""
    registry, index = indexed(where, turn(2))
    last = commits + 2
    processes = [reading(registry, seed, last) for seed in range(2)]
    over = threading.Event()
    errors: list[BaseException] = []
    counts = [0, 0]

    def read(number: int) -> None:
        draw, reader = random.Random(number), index.reader()  # noqa: S311 - the same every time
        try:
            while not over.is_set():
                compare_once(reader, draw)
                counts[number] += 1
                time.sleep(0.01)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for seq in range(3, last + 1):
            next_turn(registry, seq)
            index.catch_up()
            assert not errors, errors
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for process in processes:
        said_last, _ = process.communicate()
        assert process.returncode == 0
        assert int(said_last) > 1
    assert all(counts)
    assert verify(registry).is_clean
