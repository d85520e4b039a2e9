"""Measure search at 100,000 generated entries against raw tantivy queries: `python -m benchmarks.bench_search`.

- The entries are search documents, put into the engine directly; raw queries ask the same tantivy index in the same
  run, with a limit of 20 and a count: `raw` is the least that answers in any order (by score or a number), `ordered`
  the same terms in the order of the answer. What is over `ordered` is the engine's; what lies between is the order's.
- Names, tags and descriptions are drawn from word lists with a fixed seed: what is measured is the same every time.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tantivy

from gitreg.versions import Version
from gitreg_indexer.documents import _descending
from gitreg_indexer.engine import Document, Query
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tantivy_engine import TantivyEngine

ENTRIES: Final = 100_000
ROUNDS: Final = 60
FAMILIES: Final = ("llama", "mistral", "qwen", "gemma", "phi", "falcon", "granite", "nova", "command", "deepseek")
TASKS: Final = ("summarizer", "classifier", "translator", "reranker", "embedder", "extractor", "router", "assistant")
FIELDS: Final = ("support", "legal", "finance", "medical", "retail", "logistics", "energy", "travel", "gaming")
TAGS: Final = ("chat", "code", "vision", "batch", "internal", "gpu", "eu", "us", "experimental", "certified", "rag")
PROVIDERS: Final = ("openai", "anthropic", "mistral", "huggingface", "bedrock", "azure", "vertex-ai", "cohere")
TYPES: Final = ("completion", "embedding", "rerank", "vision", "moderation")
STATUSES: Final = ("active", "active", "active", "active", "experimental", "deprecated", "retired")
PHRASES: Final = (
    "Answers customers in {field} in three sentences.",
    "Fine-tuned on {field} tickets, reviewed by people every quarter.",
    "Finds the passages that matter for {field} questions.",
    "Keeps the tone of the {field} desk and refuses what it must not say.",
    "Distilled from a larger model for low latency in {field} pipelines.",
)


def entries(count: int, seed: int = 7) -> Iterator[Document]:
    """Make believable entries, the same for the same seed."""
    draw = random.Random(seed)
    for number in range(1, count + 1):
        field, task, family = draw.choice(FIELDS), draw.choice(TASKS), draw.choice(FAMILIES)
        namespace = f"{draw.choice(('acme', 'globex', 'initech'))}/{field}/team-{draw.randrange(40)}"
        name = f"{family}-{task}-{draw.randrange(1, 400)}b-{number // 4}"
        version = Version.parse(f"{draw.randrange(4)}.{draw.randrange(9)}.{number % 4}")
        tags = tuple(draw.sample(TAGS, 3))
        provider, kind_of_model = draw.choice(PROVIDERS), draw.choice(TYPES)
        heading = " ".join((name, namespace, *tags, provider, kind_of_model))
        description = " ".join(draw.sample(PHRASES, 2)).format(field=field)
        key = version.sort_key()
        ref = f"model:{namespace}/{name}@{version}"
        yield Document(
            id=number,
            kind="Model",
            namespaces=(namespace.split("/")[0], namespace.rpartition("/")[0], namespace),
            provider=provider,
            type=kind_of_model,
            status=draw.choice(STATUSES),
            tags=tags,
            identifiers=(f"{namespace}/{name}", ref, ref.partition(":")[2]),
            name=name,
            heading=heading,
            text=f"{heading} {description} Trained in {draw.randrange(2019, 2027)}.",
            order=f"{namespace}/{name}\x01{_descending(key)}\x01Model\x01{ref}",
            version=str(version),
            version_key=key,
            seq_from=1 + number // 10,
            seq_to=FOREVER,
            created=20_250_101_000_000 + number,
            context_length=draw.choice((None, 4096, 8192, 32_768, 131_072)),
            input_price=draw.choice((None, 0.1, 0.25, 0.5, 1.0, 2.5)),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured, in milliseconds, beside its raw queries (their medians)."""

    what: str
    found: int
    p50: float
    p95: float
    raw: float
    ordered: float

    def __str__(self) -> str:
        times = f"{self.p50:8.3f} {self.p95:8.3f} {self.raw:8.3f} {self.ordered:8.3f}"
        return f"{self.what:28} {self.found:7} {times} {self.p50 / self.raw:7.2f}x {self.p50 / self.ordered:7.2f}x"


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Give the median and the 95th percentile of the times of one call."""
    times: list[float] = []
    work()
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def _queries(last: Document) -> list[tuple[str, Query, Callable[[tantivy.Schema], Any], str | None]]:
    """Pair what is asked with the raw query that stands for the least that any engine must do."""
    ref = last.identifiers[1]

    def term(field: str, value: str) -> Callable[[tantivy.Schema], Any]:
        return lambda schema: tantivy.Query.term_query(schema, field, value, "basic")

    def all_of(*terms: tuple[str, str]) -> Callable[[tantivy.Schema], Any]:
        return lambda schema: tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, term(field, value)(schema)) for field, value in terms]
        )

    three = ("llama", "summarizer", "support")
    return [
        ("term, in many names", Query("summarizer"), term("text", "summarizer"), None),
        ("term, in descriptions only", Query("customers"), term("text", "customers"), None),
        ("three words", Query(" ".join(three)), all_of(*(("text", word) for word in three)), None),
        (
            "text and filters",
            Query("support", provider=("openai",), tag=("chat",), status=("active",)),
            all_of(("text", "support"), ("provider", "openai"), ("tag", "chat"), ("status", "active")),
            None,
        ),
        (
            "filters only, by name",
            Query(kind="Model", namespace="acme", provider=("openai",)),
            all_of(("kind", "Model"), ("namespace", "acme"), ("provider", "openai")),
            "order",
        ),
        ("everything, by updatedAt", Query(sort="-updatedAt"), term("kind", "Model"), "seq_from"),
        ("everything, by inputPrice", Query(sort="inputPrice"), term("kind", "Model"), "input_price"),
        ("term, by version", Query("summarizer", sort="-version"), term("text", "summarizer"), "version_key"),
        ("exact identifier", Query(ref), term("exact", f"={ref}"), None),
        ("nothing matches", Query("zyzzyva"), term("text", "zyzzyva"), None),
    ]


def run(count: int) -> list[Row]:
    """Fill an engine and measure every query."""
    with tempfile.TemporaryDirectory() as folder:
        engine = TantivyEngine(Path(folder) / "tantivy")
        listed = list(entries(count))
        started = time.perf_counter()
        engine.apply(listed, instance="benchmark", seq=count)
        print(f"{count} entries, filled in {time.perf_counter() - started:.1f} s, {_size(Path(folder)):.0f} MB on disk")
        rows = [_measure(engine, *asked) for asked in _queries(listed[-1])]
        engine.close()
    return rows


def _measure(
    engine: TantivyEngine, what: str, query: Query, raw: Callable[[tantivy.Schema], Any], by: str | None
) -> Row:
    index, schema = engine._index, engine._schema  # noqa: SLF001 - the raw query must ask the very same index
    asked = raw(schema)
    found = engine.search(query, offset=0, limit=20)
    ours = milliseconds(lambda: engine.search(query, offset=0, limit=20))
    raw_p50, _ = milliseconds(lambda: index.searcher().search(asked, 20, True, by))
    ordered, _ = milliseconds(lambda: index.searcher().search(asked, 20, True, "order", 0, tantivy.Order.Asc))
    return Row(what, found.total, *ours, raw_p50, ordered)


def _size(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N", help="entries to generate")
    options = parser.parse_args(words)
    rows = run(options.entries)
    print(
        f"{'query (ms)':28} {'found':>7} {'p50':>8} {'p95':>8} {'raw':>8} {'ordered':>8} {'to raw':>8} {'to order':>8}"
    )
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
