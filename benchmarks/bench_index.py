"""Measure how fast the index is built and kept up, and how fast manifests are read: `python -m benchmarks.bench_index`.

- Times are of one machine. The ratios are to bare parsers on the same manifests, and of the index to reading alone.
- Memory is the peak of a process of its own that builds the index, beside one that only opens it. It is Linux's
  `VmHWM`: what `getrusage` tells of a new process begins with the size of the one that started it.
- A commit is found when a reader beside the writer finds it; the writer then still lets the search index's merges end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Final

import yaml

from gitreg.kinds import Model
from gitreg.manifests import read_manifest
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import advance, write_commit
from gitreg_indexer import Index, Query

RECORDS: Final = 3_000
COMMITS: Final = 1_000
CATCH_UPS: Final = 30
_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
_REGISTRY: Final = b"""\
apiVersion: gitreg/v1
kind: Registry
metadata:
  name: benchmark
spec:
  uid: 5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10
"""


def manifests(count: int) -> Iterator[tuple[str, bytes]]:
    """Make models like the one that the documentation shows, as path and bytes."""
    for number in range(count):
        name = f"summarizer-{number:05}"
        yield f"models/acme/nlp/{name}/1.2.0.yaml", Model.example.replace("summarizer", name).encode()


def committed(registry: Registry, files: dict[str, bytes], number: int) -> None:
    """Land files as one commit, without the gate."""
    who = Signature("Example Author", "author@example.com", _START + timedelta(seconds=number))
    tip = registry.repo.tip()
    new = write_commit(registry.repo, parent=tip, changes=files, author=who, committer=who, message=f"{number}")
    advance(registry.repo, new=new, old=tip, message="benchmark")


def registry_with(where: Path, *commits: dict[str, bytes]) -> Registry:
    """Make a registry of some commits."""
    registry = Registry(GitRepository.create(where, bare=True))
    for number, files in enumerate(({"registry.yaml": _REGISTRY}, *commits)):
        committed(registry, files, number)
    return registry


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def reading(records: int) -> float:
    """Print how fast manifests are read, beside bare parsers, and give the seconds for all of them."""
    raws = [raw for _, raw in manifests(records)]
    texts = [raw.decode() for raw in raws]
    works: list[tuple[str, Callable[[], object]]] = [
        ("yaml.parse, libyaml, events only", lambda: [list(yaml.parse(text, yaml.CSafeLoader)) for text in texts]),
        ("yaml.load, libyaml", lambda: [yaml.load(text, yaml.CSafeLoader) for text in texts]),
        ("gitreg.manifests.read_manifest", lambda: [read_manifest(raw) for raw in raws]),
    ]
    times = [min(seconds(work) for _ in range(3)) for _, work in works]
    size = sum(map(len, raws)) / 1e6
    print(f"reading {records} manifests ({size:.1f} MB)       {'a second':>10} {'MB/s':>7}  to load  to events")
    for (what, _), taken in zip(works, times, strict=True):
        shares = f"{taken / times[1]:7.2f}x {taken / times[0]:8.2f}x"
        print(f"  {what:38} {records / taken:10,.0f} {size / taken:7.1f} {shares}")
    return times[-1]


def building(folder: Path, records: int, commits: int, read: float) -> None:
    """Print how long cold builds take, and what they need of memory."""
    wide = registry_with(folder / "wide", dict(manifests(records)))
    deep = registry_with(folder / "deep", *({path: raw} for path, raw in manifests(commits)))
    for what, registry, count in (("one commit", wide, records), (f"{commits} commits", deep, commits)):
        taken = min(seconds(Index.emptied(registry).catch_up) for _ in range(3))
        share = taken / (read * count / records)
        rate = f"{taken:7.2f} s {count / taken:8,.0f}/s"
        print(f"cold build, {count} records in {what:13} {rate} {share:6.1f}x reading alone")
    peak, base = _peak(wide, "catch_up"), _peak(wide, "is_behind")
    print(f"memory at its peak, {records} records            {peak:7.0f} MB, of which {base:.0f} MB without any record")


def _peak(registry: Registry, method: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(registry.repo.git_dir), method], capture_output=True, check=True, text=True
    )
    return float(done.stdout)


_CHILD: Final = """
import re, sys
from pathlib import Path
from gitreg.registry import Registry
from gitreg_indexer import Index
getattr(Index.emptied(Registry.open(sys.argv[1])), sys.argv[2])()
print(int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


def keeping_up(folder: Path, records: int) -> None:
    """Print how long it takes from a commit until it is found."""
    registry = registry_with(folder / "kept", dict(manifests(records)))
    index = Index.open(registry)
    index.catch_up()
    reader = index.reader()
    found: list[float] = []
    whole: list[float] = []
    for number, (path, raw) in enumerate(manifests(CATCH_UPS)):
        committed(registry, {path: raw.replace(b"three sentences", b"round%d" % number)}, number + 2)
        started = time.perf_counter()
        writer = Thread(target=index.catch_up)
        writer.start()
        while not reader.search(Query(f"round{number}")).total:
            time.sleep(0.002)
        found.append((time.perf_counter() - started) * 1000)
        writer.join()
        whole.append((time.perf_counter() - started) * 1000)
    for what, times in (("is found", found), ("leaves the writer free", whole)):
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(f"a one-record commit at {records} until it {what:23} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")
    print(f"  the disk: one fsync of a small file {_fsync(folder):.1f} ms")


def _fsync(folder: Path) -> float:
    def write() -> None:
        with (folder / "probe").open("wb", buffering=0) as file:
            file.write(b"probe")
            os.fsync(file.fileno())

    return statistics.median(seconds(write) for _ in range(20)) * 1000


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS, metavar="N", help="records of the wide build")
    parser.add_argument("--commits", type=int, default=COMMITS, metavar="N", help="commits of the deep build")
    options = parser.parse_args(words)
    read = reading(options.records)
    with tempfile.TemporaryDirectory() as folder:
        building(Path(folder), options.records, options.commits, read)
        keeping_up(Path(folder), options.records)


if __name__ == "__main__":
    main()
