"""Measure the index at a million entries over ten thousand commits: `python -m benchmarks.bench_scale`.

- The registry is generated; the cold build, the first page of every kind of search now and as of the past, gets by
  version, range and alias, and a commit made while the index is served are measured on it.
- Searches go through the whole reader, stored documents included, and stand beside raw tantivy.
- Memory is Linux's `VmHWM` of the building process and of those that help it; files that are mapped count in it.
- `--entries 100000 --commits 1000` for a shorter run; `--keep DIR` keeps what was made for the next one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.bench_search import milliseconds
from benchmarks.histories import entry, make, manifest
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.repository.git import Signature
from gitreg.repository.writing import advance, write_commit
from gitreg_indexer import Index, Query, Reader
from gitreg_indexer.filters import parse_filter
from gitreg_indexer.plans import plan
from gitreg_indexer.tantivy_engine import TantivyEngine
from gitreg_indexer.tantivy_view import View

ENTRIES: Final = 1_000_000
COMMITS: Final = 10_000
VISIBLE: Final = 25
ASKED: Final = 40
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """A search to measure; `filter` is its filter as text."""

    what: str
    query: Query
    facets: tuple[str, ...] = ()
    filter: str = ""

    def path(self, seq: int) -> str:
        """Give where it is asked over HTTP, of an index that has come as far as a seq."""
        query = self.query
        words: list[tuple[str, str]] = [("min_seq", str(seq))]
        singles = (("q", query.text), ("namespace", query.namespace), ("sort", query.sort), ("filter", self.filter))
        words += [(name, value) for name, value in singles if value]
        for name, values in (("provider", query.provider), ("tag", query.tag), ("status", query.status)):
            words += [(name, value) for value in values]
        words += [("facets", facet) for facet in self.facets]
        return f"/api/v1/search?{urlencode(words)}"


def searches() -> Iterator[Asked]:
    """Give the searches of the budget."""
    number = 123_456
    one = entry(number)
    yield Asked("one word, in many names", Query("summarizer"))
    yield Asked("one word, in descriptions", Query("customers"))
    yield Asked("three words", Query("llama summarizer support"))
    yield Asked("words and filters", Query("support", provider=("openai",), tag=("chat",), status=("active",)))
    for text in (
        'provider = "anthropic" AND capabilities.contextLength > 8000 AND (type = "completion" OR tags : "chat")',
        "inputPrice > 0.3 AND inputPrice <= 2.5",
        'version : "^2.0" AND provider = "openai"',
        'name : "qwen*"',
        'createdAt > "2024-06-01" AND NOT status = "experimental"',
    ):
        yield Asked(text, Query(where=parse_filter(text)), (), text)
    yield Asked("a word, with three facets", Query("reranker"), ("spec.provider", "spec.type", "metadata.tags"))
    yield Asked("all of a namespace, three facets", Query(namespace="team-042"), ("spec.provider", "spec.type"))
    yield Asked("all, by update", Query(sort="-updatedAt"))
    yield Asked("all, by price", Query(sort="inputPrice"))
    yield Asked("a word, by context length", Query("classifier", sort="-contextLength"))
    yield Asked("exact identifier", Query(one.ref))
    yield Asked("a phrase", Query('"low latency" legal'))
    yield Asked("nothing matches, typo", Query("sumarizer"))


_BUILD: Final = """
import json, re, sys, time
from pathlib import Path
from threading import Event, Thread
from gitreg.registry import Registry
from gitreg_indexer import Index

def peak(pid):
    try:
        return int(re.search("VmHWM:\\\\s+([0-9]+)", Path(f"/proc/{pid}/status").read_text())[1]) // 1024
    except (OSError, TypeError):
        return 0

helpers, done = {}, Event()

def watch():
    while not done.wait(0.5):
        for child in Path("/proc/self/task").glob("*/children"):
            for pid in child.read_text().split():
                helpers[pid] = max(helpers.get(pid, 0), peak(pid))

if __name__ == "__main__":
    Thread(target=watch, daemon=True).start()
    index = Index.emptied(Registry.open(sys.argv[1]), Path(sys.argv[2]))
    started = time.perf_counter()
    report = index.catch_up()
    done.set()
    print(json.dumps({"seconds": time.perf_counter() - started, "records": report.records, "seq": report.seq,
                      "peak": peak("self"), "helpers": sorted(helpers.values())}))
"""


def build(where: Path, folder: Path) -> dict[str, Any]:
    """Build the index in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(where), str(folder)], check=True, text=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def size(folder: Path) -> float:
    """Give the megabytes that a folder or a file takes."""
    files = folder.rglob("*") if folder.is_dir() else [folder]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def print_build(what: str, made: dict[str, Any]) -> None:
    """Print what a build came to."""
    rate = made["records"] / made["seconds"]
    helpers = " + ".join(str(peak) for peak in made["helpers"]) or "none"
    print(
        f"{what:34} {made['seconds']:7.1f} s {rate:9,.0f}/s  peak {made['peak']} MB, helpers {helpers} MB", flush=True
    )


def print_searches(index: Index, past: int) -> None:
    """Print a row for each search: now, beside raw tantivy, and as of the past.

    Raw is the same question asked of tantivy by itself: the best 20 by score and the count, facets by an aggregation.
    """
    reader = index.reader()
    engine = index.engine
    assert isinstance(engine, TantivyEngine)
    view = engine.view
    assert view is not None
    title = "search, first 20 and the count (ms)"
    print(f"{title:60} {'found':>8} {'p50':>7} {'p95':>7} {'raw':>7} {'to raw':>7} {'as of':>7}")
    for asked in searches():
        page = reader.search(asked.query, facets=asked.facets)
        p50, p95 = milliseconds(lambda asked=asked: reader.search(asked.query, facets=asked.facets))  # type: ignore[misc]
        then, _ = milliseconds(lambda asked=asked: reader.search(asked.query, facets=asked.facets, at=past))  # type: ignore[misc]
        raw, _ = milliseconds(lambda asked=asked: ask_raw(view, asked))  # type: ignore[misc]
        row = f"{asked.what[:60]:60} {page.total:8} {p50:7.2f} {p95:7.2f} {raw:7.2f} {p50 / raw:6.2f}x"
        print(f"{row} {then / p50:6.2f}x", flush=True)


def ask_raw(view: View, asked: Asked) -> object:
    """Have tantivy find the best 20 and the count, and the facets."""
    made = plan(asked.query, None, view)
    query = view.pages.matching((*made.filters, made.anything)).query()
    if query is None:
        return None
    found = view.searcher.search(query, 20, True)
    if not asked.facets:
        return found
    wanted = {path: {"terms": {"field": view.counted[path], "size": 100}} for path in asked.facets}
    return found, view.searcher.aggregate(query, wanted)


def print_http(where: Path, at: Path) -> None:
    """Print how long searches take over HTTP that nobody has asked before, one at a time, on one connection."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "gitreg", "serve", "--repo", str(where), "--index", str(at), "--no-follow"]
    with subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL) as server:
        try:
            asking = _connected(port)
            every: list[float] = []
            for asked in searches():
                times: list[float] = []
                for seq in range(1, 1 + ASKED):  # another each time: no answer is kept from before
                    started = time.perf_counter()
                    asking.request("GET", asked.path(seq))
                    answer = asking.getresponse()
                    body = answer.read()
                    times.append((time.perf_counter() - started) * 1000)
                    if answer.status != OK:
                        raise RuntimeError(body.decode())
                every += times
                p95 = statistics.quantiles(times, n=20)[-1]
                print(f"{asked.what[:60]:60} {statistics.median(times):7.2f} {p95:7.2f}", flush=True)
            print(f"{'all of them':60} {statistics.median(every):7.2f} {statistics.quantiles(every, n=20)[-1]:7.2f}")
        finally:
            server.terminate()


def free_port() -> int:
    """Give a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _connected(port: int) -> HTTPConnection:
    """Wait for a server."""
    until = time.monotonic() + 60
    while True:
        asking = HTTPConnection("127.0.0.1", port)
        try:
            asking.request("GET", "/readyz")
            asking.getresponse().read()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return asking


def print_gets(reader: Reader, entries: int) -> None:
    """Print how long it takes to get a record by version, range and newest: the first time, and again."""
    numbers = random.Random(3).sample(range(entries), 200)
    for what, form in (
        ("exact version", "{0.ref}"),
        ("range", "{0.namespace}/{0.name}@^1"),
        ("newest", "{0.namespace}/{0.name}"),
    ):
        refs = [Ref.parse(form.format(entry(number))) for number in numbers]
        for turn in ("first", "again"):
            times = []
            for ref in refs:
                started = time.perf_counter()
                reader.resolve(ref)
                times.append((time.perf_counter() - started) * 1000)
            p95 = statistics.quantiles(times, n=20)[-1]
            print(f"get by {what:14} {turn} p50 {statistics.median(times):6.3f} ms  p95 {p95:6.3f} ms", flush=True)


def print_visible(registry: Registry, index: Index, entries: int) -> None:
    """Print how long it takes until a commit of one file is found by a reader beside the writer."""
    reader = index.reader()
    found: list[float] = []
    when = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(VISIBLE):
        word = f"round{os.getpid()}x{number}"
        files = {
            entry(number * 7).path: manifest(number * 7).replace(b"description: ", f"description: {word} ".encode())
        }
        who = Signature("Example Author", "author@example.com", when + timedelta(minutes=number))
        tip = registry.repo.tip()
        new = write_commit(registry.repo, parent=tip, changes=files, author=who, committer=who, message="one file")
        advance(registry.repo, new=new, old=tip, message="benchmark")
        started = time.perf_counter()
        writer = Thread(target=index.catch_up)
        writer.start()
        while not reader.search(Query(word)).total:
            time.sleep(0.001)
        found.append((time.perf_counter() - started) * 1000)
        writer.join()
    print(
        f"a commit of one file until it is found: p50 {statistics.median(found):.0f} ms, "
        f"p95 {statistics.quantiles(found, n=20)[-1]:.0f} ms, longest {max(found):.0f} ms ({entries} entries)"
    )


def run(folder: Path, entries: int, commits: int) -> None:
    """Make what is needed, and measure."""
    where = folder / f"registry-{entries}-{commits}.git"
    if not where.exists():
        started = time.perf_counter()
        make(where, entries, commits)
        print(f"{entries} entries in {commits} commits made in {time.perf_counter() - started:.0f} s", flush=True)
    registry = Registry.open(where)
    at = folder / f"index-{entries}-{commits}"
    if not at.exists():
        print_build("cold build, full history", build(where, at))
        print_build("made anew, files read before", build(where, at))
    index = Index.open(registry, at)
    index.catch_up()
    held = index.generation().folder
    parts = ", ".join(f"{part.name} {size(part):,.0f} MB" for part in sorted(held.iterdir()))
    print(f"on disk: {parts}; the repository itself {size(where):,.0f} MB", flush=True)
    print_gets(index.reader(), entries)
    print_searches(index, commits // 2)
    print_visible(registry, index, entries)
    index.close()
    print(f"{'search over HTTP, made anew (ms)':60} {'p50':>7} {'p95':>7}")
    print_http(where, at)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N")
    parser.add_argument("--commits", type=int, default=COMMITS, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a folder for what is made, kept and used again")
    options = parser.parse_args(words)
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        run(options.keep, options.entries, options.commits)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options.entries, options.commits)


if __name__ == "__main__":
    main()
