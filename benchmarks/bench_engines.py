"""Compare the search engines with each other: filling, size, and the first page: `python -m benchmarks.bench_engines`.

The same documents, asked the same questions, in one process, one after the other.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench_scale import searches, size
from benchmarks.bench_search import milliseconds
from benchmarks.histories import make
from gitreg.registry import Registry
from gitreg_indexer import Index

SIZES: Final = (1_000, 10_000)
ENGINES: Final = ("tantivy", "whoosh")


def run(folder: Path, entries: int) -> None:
    """Make a registry of a size, index it with each engine, and print what each takes."""
    where = folder / f"{entries}.git"
    make(where, entries, max(entries // 100, 1))
    taken: dict[str, list[float]] = {}
    for engine in ENGINES:
        index = Index.open(Registry.open(where), folder / f"{engine}-{entries}", engine=engine)
        started = time.perf_counter()
        index.catch_up()
        seconds = time.perf_counter() - started
        reader = index.reader()
        taken[engine] = []
        for asked in searches():
            p50, _ = milliseconds(partial(reader.search, asked.query, facets=asked.facets))
            taken[engine].append(p50)
        held = size(index.generation().folder / engine)
        print(f"{engine:8} {entries:7} entries: indexed in {seconds:.1f} s, search {held:.0f} MB", flush=True)
        index.close()
    for asked, first, second in zip(searches(), *(taken[engine] for engine in ENGINES), strict=True):
        print(f"{asked.what[:60]:60} {first:8.2f} ms {second:8.2f} ms {second / first:6.1f}x", flush=True)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=list(SIZES), metavar="N")
    options = parser.parse_args(words)
    for entries in options.entries:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder), entries)


if __name__ == "__main__":
    main()
