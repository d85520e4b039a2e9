"""Measure publishing: all of a registry, one commit of it, and what readers wait: `python -m benchmarks.bench_publish`.

- Raw is writing the same bytes to as many files in as many folders, by the plainest means, flushed alike: with one
  `sync` for everything, with an `fsync` a file for a commit.
- A commit is one new version of one model; bringing the index up to it is not counted. It is measured at two sizes,
  since its cost must follow the commit and not the registry.
- Memory is the peak of a process of its own, Linux's `VmHWM`; the catalog's pages that are mapped into it count too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench_index import committed
from benchmarks.generated import SIZES, Size, generate, model, model_name, space
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg_indexer import Index
from gitreg_indexer.published.reader import Published
from gitreg_indexer.publishing.writing import publish

ENTRIES: Final = 10_000
SMALL: Final = Size(10, 25, 4)
COMMITS: Final = 20
ASKED: Final = 300
_PEAK: Final = """
import re, sys
from pathlib import Path
from gitreg_indexer.catalog import Catalog
from gitreg_indexer.publishing.writing import publish
catalog = Catalog.open(Path(sys.argv[1]), uid=sys.argv[2])
publish(catalog, Path(sys.argv[3]))
print(re.search("VmHWM:\\\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


@dataclass(frozen=True)
class Written:
    """Files by path, as publishing left them."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, where: Path, paths: Iterable[str] | None = None) -> Written:
        """Read what stands in a folder."""
        chosen = paths or (str(path.relative_to(where)) for path in where.rglob("*") if path.is_file())
        return cls({path: (where / path).read_bytes() for path in sorted(chosen) if not path.startswith(".gitreg/")})

    def write(self, where: Path, *, each: bool) -> None:
        """Write them again; flushed one by one, or all at the end."""
        made: set[str] = set()
        for path, raw in self.files.items():
            target = f"{where}/{path}"
            holder = target.rpartition("/")[0]
            if holder not in made:
                os.makedirs(holder, exist_ok=True)  # noqa: PTH103
                made.add(holder)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(descriptor, raw)
            if each:
                os.fsync(descriptor)
            os.close(descriptor)
        if not each:
            os.sync()

    def bytes(self) -> int:
        """Count their bytes."""
        return sum(map(len, self.files.values()))


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def indexed(where: Path, size: Size) -> Index:
    """Make a registry of some size, and its index."""
    index = Index.open(Registry(generate(where, size)))
    index.catch_up()
    return index


def everything(index: Index, where: Path) -> Path:
    """Print how long publishing everything takes, beside writing the same bytes raw."""
    times, raws = [], []
    for number in range(3):
        out = where / f"out-{number}"
        times.append(seconds(partial(publish, index.catalog, out)))
        files = Written.of(out)
        raws.append(seconds(partial(files.write, where / f"raw-{number}", each=False)))
    taken, base, records = min(times), min(raws), index.reader().counts()
    count = sum(records.values())
    print(f"publishing {count:,} records: {len(files.files):,} files, {files.bytes() / 1e6:.1f} MB")
    print(f"  everything                  {taken:7.2f} s {count / taken:9,.0f} records/s {taken / base:6.2f}x raw")
    print(f"  the same bytes, raw         {base:7.2f} s {count / base:9,.0f} records/s   1.00x")
    again = min(seconds(lambda: publish(index.catalog, where / "out-0", whole=True)) for _ in range(2))
    print(f"  every file compared again   {again:7.2f} s {count / again:9,.0f} records/s {again / base:6.2f}x raw")
    print(f"  nothing has changed         {seconds(lambda: publish(index.catalog, where / 'out-0')) * 1000:7.2f} ms")
    return where / "out-0"


def memory(index: Index, where: Path) -> None:
    """Print what publishing everything needs of memory."""
    words = [sys.executable, "-c", _PEAK, index.catalog.where, index.catalog.uid, str(where / "peak")]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    print(f"  memory at its peak          {int(done.stdout) / 1024:7.0f} MB")


def one_commit(index: Index, out: Path, where: Path, count: int) -> None:
    """Print how long publishing one commit takes, beside writing what it wrote raw."""
    times, raws, written, sizes = [], [], [], []
    for number in range(COMMITS):
        name, version = model_name(number % 20), f"3.{number}.0"
        path = f"models/{space(number % 5)}/{name}/{version}.yaml"
        committed(index.registry, {path: model(space(number % 5), name, version)}, number + 2)
        index.catch_up()
        before = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
        times.append(seconds(lambda: publish(index.catalog, out)) * 1000)
        after = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
        files = Written.of(out, {*(after - before), "index.json"})
        raws.append(seconds(partial(files.write, where / f"raw-{number}", each=True)) * 1000)
        written.append(len(files.files))
        sizes.append(files.bytes())
    p50, p95, base = statistics.median(times), statistics.quantiles(times, n=20)[-1], statistics.median(raws)
    what = f"{statistics.median(written):.0f} files, {statistics.median(sizes) / 1e3:.0f} kB"
    print(f"one commit at {count:9,} records  p50 {p50:6.1f} ms  p95 {p95:6.1f} ms  {p50 / base:5.2f}x raw ({what})")


def reading(out: Path) -> None:
    """Print what a reader waits for one record."""
    at = Published.at(str(out))
    refs = [Ref.parse(f"{space(n % 10)}/{model_name(n % 25)}@^1") for n in range(ASKED)]
    times = [seconds(partial(at.ask, ref)) * 1000 for ref in refs]
    print(f"asking for a range, from a folder, in process  p50 {statistics.median(times):6.2f} ms")
    words = [sys.executable, "-m", "gitreg"]
    command = [*words, "resolve", str(refs[0]), "--from", str(out)]
    whole, least = (_fastest(run) * 1000 for run in (command, [*words, "--version"]))
    print(f"gitreg resolve --from, whole process           {whole:6.0f} ms  {whole / least:5.2f}x gitreg --version")


def _fastest(command: Sequence[str]) -> float:
    return min(seconds(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(5))


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, choices=sorted(SIZES), help="the registry's size")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        small = indexed(where / "small.git", SMALL)
        publish(small.catalog, where / "small")
        one_commit(small, where / "small", where / "small-raw", SMALL.entries)
        index = indexed(where / "large.git", SIZES[options.entries])
        out = everything(index, where / "large")
        memory(index, where)
        one_commit(index, out, where / "large-raw", options.entries)
        reading(out)


if __name__ == "__main__":
    main()
