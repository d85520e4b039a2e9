"""Measure the graph at a million records and two million references: `python -m benchmarks.bench_graph`.

- Two shapes, each of records with four versions a name that refer by caret ranges: `drawn` as registries are (twelve
  layers, each name made of one of the layer before and of a popular one), and `random`, where each record refers to
  any two earlier names, which is the worst: ten steps lead to a thousand others.
- `raw` walks as far over bare pairs of numbers in SQLite with one recursive query, nothing resolved, nothing told.
- One model has ten thousand consumers. The graph is drawn with a fixed seed: it is the same every time.
"""

from __future__ import annotations

import argparse
import gc
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import orjson

from gitreg.kinds.references import Relation
from gitreg.refs import Ref
from gitreg.versions import Version
from gitreg_indexer.catalog import Catalog, Making, Position
from gitreg_indexer.facts import CommitFacts, Folded, Link, Opened
from gitreg_indexer.graph.analysis import Analysis
from gitreg_indexer.graph.data import lineage_data
from gitreg_indexer.graph.impact import impacted_by, ties_from
from gitreg_indexer.graph.impact_data import analysis_data
from gitreg_indexer.graph.lineage import Asked, trace
from gitreg_indexer.graph.state import State, name_of
from gitreg_indexer.graph.ways import closed_by

VERSIONS: Final = 4
PER_COMMIT: Final = 100
LAYERS: Final = 12
ROUNDS: Final = 200
CONSUMERS: Final = 10_000
KINDS: Final = (("Dataset", "dataset", "datasets"), ("Model", "model", "models"), ("Pipeline", "pipeline", "pipelines"))
UP: Final = Asked(direction="up", depth=10)
DOWN: Final = Asked(direction="down", depth=10)


def records(names: int, *, is_random: bool, seed: int = 11) -> Iterator[Opened]:
    """Draw the records of a registry, each after those that it refers to."""
    draw = random.Random(seed)
    hub = names // 8
    number = 0
    for name in range(names):
        drawn = _drawn_links(draw, name, names)
        for minor in range(VERSIONS):
            number += 1
            links = _random_links(draw, name) if is_random else drawn
            if hub < name <= hub + CONSUMERS // VERSIONS:
                links = (*links[:1], _link("uses", "spec.dag.nodes[9].model", hub, is_random=is_random))
            yield _record(name, minor, 1 + (number - 1) // PER_COMMIT, links, is_random=is_random)


def _random_links(draw: random.Random, name: int) -> tuple[Link, ...]:
    count = 2 if name > 1 else 0
    fields = (f"spec.dependencies[{n}].ref" for n in range(count))
    return tuple(_link("depends_on", field, draw.randrange(name), is_random=True) for field in fields)


def _drawn_links(draw: random.Random, name: int, names: int) -> tuple[Link, ...]:
    """Refer as a record of its layer does: to one of the layer before, and to a popular one by Zipf's law."""
    size = -(-names // LAYERS)
    begins = name // size * size
    if begins == 0:
        return ()
    popular = min(int(draw.paretovariate(0.9)) * 7, begins - 1)
    near = begins - size + draw.randrange(size)
    relations: tuple[tuple[Relation, str, int], ...] = (
        ("derived_from", "spec.derivedFrom[0].ref", popular),
        ("depends_on", "spec.dependencies[0].ref", near),
    )
    return tuple(_link(relation, field, other, is_random=False) for relation, field, other in relations)


def _kind(name: int, *, is_random: bool) -> tuple[str, str, str]:
    return KINDS[1] if is_random else KINDS[name % 3]


def _place(name: int) -> str:
    return f"acme/team-{name % 97}/record-{name}"


def _name(name: int, *, is_random: bool) -> str:
    return f"{_kind(name, is_random=is_random)[1]}:{_place(name)}"


def _link(relation: Relation, field: str, name: int, *, is_random: bool) -> Link:
    return Link(field, relation, _name(name, is_random=is_random), "^1.0", required=True)


def _record(name: int, minor: int, seq: int, links: tuple[Link, ...], *, is_random: bool) -> Opened:
    kind, word, folder = _kind(name, is_random=is_random)
    namespace, _, bare = _place(name).rpartition("/")
    version = Version.parse(f"1.{minor}.0")
    return Opened(
        kind=kind,
        namespace=namespace,
        name=bare,
        version=str(version),
        version_key=version.sort_key(),
        ref=f"{word}:{namespace}/{bare}@{version}",
        path=f"{folder}/{namespace}/{bare}/{version}.yaml",
        blob=f"{name:040x}",
        seq=seq,
        status="active",
        severity=None,
        etag=f"{name:032x}",
        doc=b"x" * 1_200,
        links=links,
    )


def build(file: Path, names: int, *, is_random: bool) -> tuple[Catalog, float]:
    """Put the records into a catalog, commit by commit; give the time it took."""
    catalog = Catalog.open(file, Making("00000000-0000-4000-8000-000000000000"))
    drawn = records(names, is_random=is_random)
    started = time.perf_counter()
    while part := list(islice(drawn, PER_COMMIT * 50)):
        with catalog.writing() as written:
            for seq, together in groupby(part, key=lambda record: record.seq):
                written.begin(_commit(seq))
                written.put(seq, Folded((), tuple(together), (), ()))
            written.move(seq, f"{seq:040x}")
    return catalog, time.perf_counter() - started


def _commit(seq: int) -> CommitFacts:
    return CommitFacts(seq, f"{seq:040x}", f"2025-01-01T00:00:{seq % 60:02}Z", "Example", "Add")


Work = Callable[[str], int]


def measure(what: str, work: Work, asked: Sequence[str], raw: Work | None = None) -> None:
    """Print the times of one sort of question, and of the raw work beside it."""
    times, found, raws = [], [], []
    for ref in asked:
        started = time.perf_counter()
        found.append(work(ref))
        times.append((time.perf_counter() - started) * 1000)
        if raw is not None:
            started = time.perf_counter()
            raw(ref)
            raws.append((time.perf_counter() - started) * 1000)
    middle = statistics.median(times)
    beside = f"{statistics.median(raws):8.2f} {middle / statistics.median(raws):6.1f}x" if raws else ""
    p95 = statistics.quantiles(times, n=20)[-1]
    row = f"{what:44} {statistics.median(found):8.0f} {max(found):8} {middle:8.2f} {p95:8.2f}"
    print(row, beside, flush=True)


class Raw:
    """Bare pairs of numbers, each reference resolved beforehand, in a table of its own in memory."""

    def __init__(self, names: int, *, is_random: bool) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute(
            "CREATE TABLE pairs (source INTEGER, target INTEGER, PRIMARY KEY (source, target)) WITHOUT ROWID"
        )
        self._numbers: dict[str, int] = {}
        self._db.executemany("INSERT OR IGNORE INTO pairs VALUES (?, ?)", self._pairs(names, is_random=is_random))

    def _pairs(self, names: int, *, is_random: bool) -> Iterator[tuple[int, int]]:
        for number, record in enumerate(records(names, is_random=is_random)):
            self._numbers[record.ref] = number
            for link in record.links:
                yield number, self._numbers[f"{link.target}@1.{VERSIONS - 1}.0"]

    def walk(self, ref: str) -> int:
        """Count what ten steps lead to."""
        query = (
            "WITH RECURSIVE found(node, depth) AS (VALUES (?, 0) UNION SELECT target, depth + 1 FROM found "
            "JOIN pairs ON source = node WHERE depth < 10) SELECT count(DISTINCT node) FROM found"
        )
        return int(self._db.execute(query, (self._numbers[ref],)).fetchone()[0])


def ask(catalog: Catalog, names: int, *, is_random: bool, raw: Raw | None) -> None:
    """Ask all sorts of questions of one catalog."""
    draw = random.Random(5)
    refs = [_record(draw.randrange(names // 2, names), 3, 0, (), is_random=is_random).ref for _ in range(ROUNDS)]
    early = [_record(draw.randrange(names // 2), 3, 0, (), is_random=is_random).ref for _ in range(ROUNDS)]
    last = catalog.position().seq

    def traced(asked: Asked, at: int | None, *, is_told: bool) -> Callable[[str], int]:
        def work(ref: str) -> int:
            with catalog.reading() as db:
                state = State(db, at, lambda _: {})
                found = trace(state, ref, asked)
                if is_told:
                    orjson.dumps(lineage_data(state, found, asked, Position(last, "")))
                return len(found.nodes)

        return work

    hub = _record(names // 8, VERSIONS - 1, 0, (), is_random=is_random).ref

    def impacted(_: str) -> int:
        with catalog.reading() as db:
            state = State(db, None, lambda _: {})
            state.read_names([name_of(hub)])
            found = impacted_by(state, ties_from(state, hub, "breaking", 1), hub, 1)
            orjson.dumps(analysis_data(Analysis(hub, "breaking", Position(last, ""), found, None)))
        return len(found)

    def checked(ref: str) -> int:
        other = Ref.parse(refs[draw.randrange(ROUNDS)].replace("@1.3.0", "@^1.0"))
        with catalog.reading() as db:
            return len(closed_by(State(db, None, lambda _: {}), ref, other) or ())

    print(f"{'':44} {'found':>8} {'most':>8} {'p50 ms':>8} {'p95 ms':>8} {'raw':>8}")
    measure("upstream, 10 deep (warming up)", traced(UP, None, is_told=False), refs)
    measure("upstream, 10 deep", traced(UP, None, is_told=False), refs, raw.walk if raw else None)
    measure("the same, as JSON", traced(UP, None, is_told=True), refs)
    measure("the same, as of the middle of the past", traced(UP, last // 2, is_told=False), early)
    measure("downstream, 10 deep", traced(DOWN, None, is_told=False), refs)
    measure("impact on ten thousand consumers, as JSON", impacted, refs[:40])
    measure("would a reference close a circle", checked, refs)
    _measure_adding(catalog, refs, is_random=is_random)


def _measure_adding(catalog: Catalog, refs: Sequence[str], *, is_random: bool) -> None:
    added = iter(range(10**9, 2 * 10**9))

    def add(ref: str) -> int:
        new = _record(next(added), 0, 0, (), is_random=is_random)
        wanted = Ref.parse(ref.replace("@1.3.0", "@^1.0"))
        with catalog.writing() as written:
            if closed_by(State(written.db, None, lambda _: {}), new.ref, wanted):
                return 0
            seq = written.position().seq + 1
            link = Link("spec.dependencies[0].ref", "depends_on", wanted.place, "^1.0", required=True)
            written.begin(_commit(seq))
            written.put(seq, Folded((), (new._replace(seq=seq, links=(link,)),), (), ()))
            written.move(seq, f"{seq:040x}")
        return 1

    measure("add a record with a reference, checked", add, refs)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure."""
    options = argparse.ArgumentParser()
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path, help="Where the catalogs are kept; those that are there are used.")
    options.add_argument("--no-raw", action="store_true")
    given = options.parse_args(argv)
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for shape in ("drawn", "random"):
            file, is_random = folder / f"{shape}.sqlite3", shape == "random"
            names = given.records // VERSIONS
            if file.exists():
                catalog, took = Catalog.open(file, Making("00000000-0000-4000-8000-000000000000")), 0.0
            else:
                catalog, took = build(file, names, is_random=is_random)
            print(f"\n{shape}: {given.records:,} records in {took:.0f} s, {file.stat().st_size / 1e6:.0f} MB")
            raw = None if given.no_raw else Raw(names, is_random=is_random)
            gc.freeze()  # the million refs that raw keeps are no part of what is measured
            ask(catalog, names, is_random=is_random, raw=raw)
            catalog.close()


if __name__ == "__main__":
    main()
