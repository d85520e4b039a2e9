"""Measure search at 100,000 generated entries against raw tantivy queries: `python -m benchmarks.bench_search`.

- The entries are search documents like those of real models (57 values, 45 passages), put into the engine directly.
- `raw` asks the same tantivy index in the same run for the same terms, those that are live included: the best 20 by
  score and the count, in an order that a rebuild may change. What is over it is the price of a lasting order.
- As of a past commit, the same is asked of an index of as many documents, ten states of each record, and compared with
  the present of that index.
- `--copies K` makes a K-th of the entries, and of each K documents that differ in id, rank and time only, so that ten
  million can be made. It leaves out the past.
- Names, tags and descriptions are drawn from word lists with a fixed seed: what is measured is the same every time.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tantivy import FieldType, Occur
from tantivy import Query as Raw

from gitreg.versions import Range, Version
from gitreg_indexer.conditions import All, Between, Is, Not, Satisfies, StartsWith
from gitreg_indexer.conditions import Any as AnyOf
from gitreg_indexer.engine import Document, Query, SearchEngine, open_engine
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tantivy_engine import Laid, TantivyEngine
from gitreg_indexer.tantivy_queries import TERM, TEXT
from gitreg_indexer.tantivy_view import View
from gitreg_indexer.terms import LIVE, RANKS, key_of, rank_terms
from gitreg_indexer.values import values_of

ENTRIES: Final = 100_000
ROUNDS: Final = 60
STATES: Final = 10
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
CONTEXT: Final = "spec.capabilities.contextLength"
PRICE: Final = "spec.pricing.perMillionTokens.input"
FACETS: Final = ("spec.provider", "spec.type", "metadata.tags")


def entries(count: int, *, states: int = 1, seed: int = 7) -> Iterator[Document]:
    """Make believable entries, the same for the same seed; with several states, all but each record's last have ended.

    The first states of all records come first, as commits would bring them.
    """
    draw = random.Random(seed)
    records = max(count // states, 1)
    for number in range(1, count + 1):
        state, record = divmod(number - 1, records)
        ends = FOREVER if state >= states - 1 else 1 + (number - 1 + records) // 10
        yield _entry(draw, number, record, 1 + (number - 1) // 10, ends)


def _entry(draw: random.Random, number: int, record: int, begins: int, ends: int) -> Document:
    same = random.Random(record)
    field, task, family = same.choice(FIELDS), same.choice(TASKS), same.choice(FAMILIES)
    namespace = f"{same.choice(('acme', 'globex', 'initech'))}/{field}/team-{same.randrange(40)}"
    name = f"{family}-{task}-{same.randrange(1, 400)}b-{record // 4}"
    version = Version.parse(f"{same.randrange(4)}.{same.randrange(9)}.{record % 4}")
    data = _manifest(draw, number, namespace, name, str(version), field)
    metadata, spec = data["metadata"], data["spec"]
    heading = " ".join((name, namespace, *metadata["tags"], spec["provider"], spec["type"]))
    ref = f"model:{namespace}/{name}@{version}"
    return Document(
        id=number,
        kind="Model",
        namespaces=(namespace.split("/")[0], namespace.rpartition("/")[0], namespace),
        identifiers=(f"{namespace}/{name}", ref, ref.partition(":")[2], f"model:{namespace}/{name}"),
        name=name,
        heading=heading,
        passages=(heading, *_texts(spec), *_texts(metadata)),
        rank=same.getrandbits(60),
        version=str(version),
        version_key=version.sort_key(),
        seq_from=begins,
        seq_to=ends,
        values=tuple(values_of(data)),
    )


def _manifest(draw: random.Random, number: int, space: str, name: str, version: str, field: str) -> dict[str, Any]:
    digest = sha256(str(number).encode()).hexdigest()
    moment = f"20{draw.randrange(20, 26)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T{draw.randrange(24):02}"
    return {
        "apiVersion": "gitreg/v1",
        "kind": "Model",
        "metadata": {
            "namespace": space,
            "name": name,
            "version": version,
            "description": " ".join(draw.sample(PHRASES, 2)).format(field=field),
            "tags": draw.sample(TAGS, 3),
            "owner": f"{field}-{draw.randrange(40)}@example.com",
        },
        "spec": {
            "provider": draw.choice(PROVIDERS),
            "type": draw.choice(TYPES),
            "category": ["general"],
            "checksum": {"of": "artifact", "algorithm": "sha256", "digest": digest},
            "artifactUri": f"https://models.example.com/{space}/{name}/{version}/model.safetensors",
            "license": draw.choice(("apache-2.0", "mit", "proprietary", "llama3.1")),
            "parameters": draw.choice((1e9, 7e9, 8e9, 70e9)),
            "quantization": draw.choice(("int4", "int8", "fp16")),
            "capabilities": {
                "contextLength": draw.choice((4096, 8192, 32_768, 131_072)),
                "maxOutputTokens": draw.choice((1024, 2048, 4096)),
                "supportsStreaming": True,
                "supportsTools": draw.random() < 0.5,
                "supportsVision": False,
                "languages": ["en", "de", "fr"],
                "modalities": ["text"],
            },
            "dependencies": [{"ref": f"dataset:{space}/corpus@^1.0", "purpose": "training data"}],
            "derivedFrom": [{"ref": f"{space}/{name}@1.0.0", "method": "fine-tuning"}],
            "endpoints": [{"name": "main", "url": f"https://api.example.com/{space}", "region": "eu-west-1"}],
            "lifecycle": {"status": draw.choice(STATUSES), "stage": "production"},
            "pricing": {
                "currency": "USD",
                "effectiveDate": "2026-01-01",
                "perMillionTokens": {
                    "input": draw.choice((0.1, 0.25, 0.5, 1.0, 2.5)),
                    "output": draw.choice((0.2, 5.0)),
                },
            },
            "evaluation": {"mmlu": round(draw.random(), 3), "hellaswag": round(draw.random(), 3)},
            "custom": {"acme/nlp": {"costCentre": f"cc-{draw.randrange(100)}", "tier": draw.randrange(5), "ok": True}},
        },
        "registry": {
            "id": digest[:32],
            "commit": sha256(str(number // 10).encode()).hexdigest()[:40],
            "seq": 1 + number // 10,
            "createdAt": f"{moment}:{draw.randrange(60):02}:{draw.randrange(60):02}Z",
            "updatedAt": "2026-02-03T10:00:00Z",
            "registeredBy": f"Author {draw.randrange(500)} <author@example.com>",
            "digest": digest,
        },
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("digest", "algorithm"):
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing to measure, and the raw work that stands for the least that any engine must do."""

    what: str
    query: Query
    raw: Callable[[View], object]
    facets: tuple[str, ...] = ()
    at: int | None = None
    page: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured, in milliseconds, beside its raw work (the median)."""

    what: str
    found: int
    p50: float
    p95: float
    raw: float

    def __str__(self) -> str:
        return (
            f"{self.what:34} {self.found:8} {self.p50:8.2f} {self.p95:8.2f} {self.raw:8.2f} {self.p50 / self.raw:7.2f}x"
        )


def milliseconds(
    work: Callable[[], object], clock: Callable[[], float] = time.perf_counter, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Give the median and the 95th percentile of the times of one call."""
    times: list[float] = []
    work()
    for _ in range(rounds):
        started = clock()
        work()
        times.append((clock() - started) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def term(field: str, value: str) -> Callable[[View], Any]:
    """Ask raw for one term."""
    return lambda view: Raw.term_query(view.schema, field, value, "basic")


def value(path: str, text: str) -> Callable[[View], Any]:
    """Ask raw for a text at a path."""
    return term(TERM, f"={key_of(path)}{text}")


def ranged(path: str, low: float | None, high: float | None) -> Callable[[View], Any]:
    """Ask raw for a range of a column's numbers, the way that tantivy offers it."""
    return lambda view: Raw.range_query(view.schema, view.columns[path], FieldType.Float, low, high)


def best(*parts: Callable[[View], Any], but: Callable[[View], Any] | None = None) -> Callable[[View], object]:
    """Have raw find the best 20 live ones by score, and count them."""

    def work(view: View) -> object:
        asked = [(Occur.Must, part(view)) for part in (term(TERM, LIVE), *parts)]
        if but is not None:
            asked.append((Occur.MustNot, but(view)))
        return view.searcher.search(Raw.boolean_query(asked), 20, True)

    return work


def counted(paths: Sequence[str], *parts: Callable[[View], Any]) -> Callable[[View], object]:
    """Have raw do that, and aggregate."""
    found = best(*parts)

    def work(view: View) -> object:
        asked = Raw.boolean_query([(Occur.Must, part(view)) for part in (term(TERM, LIVE), *parts)])
        wanted = {path: {"terms": {"field": view.counted[path], "size": 100}} for path in paths}
        return found(view), view.searcher.aggregate(asked, wanted)

    return work


def questions(last: Document) -> list[Asked]:
    """List what is measured, with its raw work."""
    ref = last.identifiers[1]
    word = term(TEXT, "summarizer")
    three = ("llama", "summarizer", "support")
    openai, chat = value("spec.provider", "openai"), value("metadata.tags", "chat")
    active, acme = value("spec.lifecycle.status", "active"), term(TERM, "/acme")
    long = Between(CONTEXT, low=8000.0, includes_low=False)
    both = All(
        (Is("spec.provider", "openai"), long, AnyOf((Is("spec.type", "completion"), Is("metadata.tags", "chat"))))
    )
    vision = value("spec.type", "vision")

    def fuzzy(text: str, distance: int) -> Callable[[View], Any]:
        return lambda view: Raw.fuzzy_term_query(view.schema, TEXT, text, distance)

    def prefixed(field: str, pattern: str) -> Callable[[View], Any]:
        return lambda view: Raw.regex_query(view.schema, field, pattern)

    def one_of(path: str, wanted: Range) -> Callable[[View], Any]:
        start = f"={key_of(path)}"

        def make(view: View) -> Any:
            known = view.remembered((path, "raw"), lambda: view.starting(start))
            return Raw.term_set_query(
                view.schema, TERM, [t for t in known if wanted.allows(Version.parse(t[len(start) :]))]
            )

        return make

    def phrase(view: View) -> Any:
        return Raw.phrase_query(view.schema, TEXT, ["three", "sentences"])

    caret = Range.parse("^2.1")
    return [
        Asked("one word, in many names", Query("summarizer"), best(word)),
        Asked("one word, in descriptions", Query("customers"), best(term(TEXT, "customers"))),
        Asked("three words", Query(" ".join(three)), best(*(term(TEXT, each) for each in three))),
        Asked(
            "text and filters",
            Query("support", provider=("openai",), tag=("chat",), status=("active",)),
            best(term(TEXT, "support"), openai, chat, active),
        ),
        Asked("filters only", Query(kind="Model", namespace="acme", provider=("openai",)), best(acme, openai)),
        Asked("a filter with AND, OR, >", Query(where=both), best(openai, ranged(CONTEXT, 8000, None))),
        Asked("NOT", Query("summarizer", where=Not(Is("spec.provider", "openai"))), best(word, but=openai)),
        Asked("a range of numbers, 3 of 4", Query(where=long), best(ranged(CONTEXT, 8000, None))),
        Asked(
            "a range of numbers, 1 of 1,000",
            Query(where=_mmlu()),
            best(value("spec.custom.acme/nlp.costCentre", "cc-7")),
        ),
        Asked("a range of times, 1 year", Query(where=_year()), best(ranged("registry.createdAt", *_year_bounds()))),
        Asked(
            "a range of versions",
            Query(where=Satisfies("metadata.version", caret)),
            best(one_of("metadata.version", caret)),
        ),
        Asked(
            "a prefix of a name",
            Query(where=StartsWith("metadata.name", "llama-sum")),
            best(prefixed(TERM, f"={key_of('metadata.name')}llama-sum.*")),
        ),
        Asked("a prefix of a word", Query("summar*"), best(prefixed(TEXT, "summar.*"))),
        Asked("a phrase", Query('"three sentences"'), best(phrase)),
        Asked("a misspelt word", Query("sumarizer"), best(fuzzy("sumarizer", 2))),
        Asked("facets of one in five", Query(type=("vision",)), counted(FACETS, vision), FACETS),
        Asked("facets of one word", Query("summarizer"), counted(FACETS, word), FACETS),
        Asked("facets of everything", Query(), counted(FACETS), FACETS),
        Asked("everything, by name", Query(), best()),
        Asked("everything, by update", Query(sort="-updatedAt"), best()),
        Asked("everything, by price", Query(sort="inputPrice"), best()),
        Asked("everything, by version", Query(sort="-version"), best()),
        Asked("everything, by provider", Query(sort="spec.provider"), best()),
        Asked("one word, by version", Query("summarizer", sort="-version"), best(word)),
        Asked("one word, by time of birth", Query("summarizer", sort="-createdAt"), best(word)),
        Asked("one word, by price, page 3", Query("summarizer", sort="inputPrice"), best(word), page=2),
        Asked("an exact identifier", Query(ref), best(term(TEXT, ref.rpartition("-")[2].partition("@")[0]))),
        Asked("nothing matches", Query("zyzzyva"), best(term(TEXT, "zyzzyva"))),
    ]


def _mmlu() -> Between:
    return Between("spec.evaluation.mmlu", 0.5, 0.501, includes_high=False)


def _year_bounds() -> tuple[float, float]:
    return 1704067200.0, 1735689600.0


def _year() -> Between:
    return Between("registry.createdAt", *_year_bounds(), includes_high=False)


def as_of(count: int) -> list[Asked]:
    """List what is asked of the middle of a history, beside the same of the present."""
    at = count // 20
    now: list[tuple[str, Query, tuple[str, ...]]] = [
        ("one word", Query("summarizer"), ()),
        ("three words", Query("llama summarizer support"), ()),
        ("filters only", Query(kind="Model", namespace="acme", provider=("openai",)), ()),
        ("a range of numbers", Query(where=Between(CONTEXT, low=8000.0)), ()),
        ("everything, by name", Query(), ()),
        ("everything, by price", Query(sort="inputPrice"), ()),
        ("facets of one word", Query("summarizer"), FACETS),
    ]

    def present(query: Query, facets: tuple[str, ...]) -> Callable[[View], object]:
        return lambda view: view.search(query, offset=0, limit=20, at=None, facets=facets)

    return [Asked(f"as of: {what}", query, present(query, facets), facets, at) for what, query, facets in now]


def run(count: int, folder: Path, clock: Callable[[], float] = time.perf_counter, *, copies: int = 1) -> Iterator[Row]:
    """Fill engines and measure every question."""
    engine, last = filled(count, 1, folder / "live", copies)
    yield from (measure(engine, asked, clock) for asked in questions(last))
    _one_more(engine, last)
    engine.close()
    if copies > 1:
        return
    engine, _ = filled(count, STATES, folder / "history")
    yield from (measure(engine, asked, clock) for asked in as_of(count))
    engine.close()


def copied(made: Iterable[Document], copies: int) -> Iterator[tuple[Any, ...]]:
    """Lay documents out, and give each several times over, with other ids, ranks and times."""
    draw = random.Random(1)
    prepare = TantivyEngine.preparer()
    laid = [Laid(*prepare(document)) for document in made]
    last = laid[-1].seq_from
    for copy in range(copies):
        for one in laid:
            rank = draw.getrandbits(60)
            terms = f"{one.terms.rsplit(' ', len(RANKS))[0]} {rank_terms(rank)}"
            yield one._replace(
                id=one.id + copy * len(laid), rank=rank, seq_from=one.seq_from + copy * last, terms=terms
            )


def filled(count: int, states: int, folder: Path, copies: int = 1) -> tuple[TantivyEngine, Document]:
    """Open a filled engine, filling it where the folder does not hold it already; and give its last entry."""
    engine = open_engine("tantivy", folder)
    assert isinstance(engine, TantivyEngine)
    newest = 1 + (count - 1) // 10
    if engine.position() != ("benchmark", newest):
        engine.clear()
        started, cpu = time.perf_counter(), time.process_time()
        made = entries(count // copies, states=states)
        engine.apply(copied(made, copies) if copies > 1 else made, instance="benchmark", seq=newest)
        took, used = time.perf_counter() - started, time.process_time() - cpu
        since = time.process_time()
        sample = sum(1 for _ in entries(min(count, 2000), states=states))
        making = (time.process_time() - since) / sample * count
        print(
            f"{count} documents, {states} states each: {took:.0f} s, {used:.0f} s of processor time, making them is "
            f"{making:.0f} s; {_size(folder):.0f} MB, {shown(engine).searcher.num_segments} segments",
            flush=True,
        )
    (last,) = (each for each in entries(1, states=1))
    return engine, last


def _one_more(engine: SearchEngine, last: Document) -> None:
    """Measure one commit of one document until it is found."""
    times = []
    instance, seq = engine.position()
    for number in range(20):
        more = replace(last, id=10**9 + number, rank=number, seq_from=seq + 1 + number)
        started = time.perf_counter()
        engine.apply([more], instance=instance, seq=seq)
        times.append((time.perf_counter() - started) * 1000)
    shown = statistics.quantiles(times, n=20)
    print(f"one document more, until `apply` is back: p50 {shown[9]:.0f} ms, p95 {shown[18]:.0f} ms")


def measure(engine: TantivyEngine, asked: Asked, clock: Callable[[], float] = time.perf_counter) -> Row:
    """Measure one question beside its raw work."""

    def work() -> Any:
        return engine.search(asked.query, offset=asked.page * 20, limit=20, at=asked.at, facets=asked.facets)

    view = shown(engine)
    found = work()
    ours = milliseconds(work, clock)
    raw, _ = milliseconds(lambda: asked.raw(view), clock)
    return Row(asked.what, found.total, *ours, raw)


def shown(engine: TantivyEngine) -> View:
    """Give the state that an engine shows."""
    assert engine.view is not None
    return engine.view


def _size(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N", help="entries to generate")
    parser.add_argument("--copies", type=int, default=1, metavar="K", help="how many documents are alike")
    parser.add_argument("--folder", type=Path, help="where to keep the indexes for another run; else they are removed")
    parser.add_argument(
        "--processor-time", action="store_true", help="leave out the time that others had the processor"
    )
    options = parser.parse_args(words)
    clock = time.thread_time if options.processor_time else time.perf_counter
    with tempfile.TemporaryDirectory() as temporary:
        rows = run(options.entries, options.folder or Path(temporary), clock, copies=options.copies)
        print(f"{'query (ms)':34} {'found':>8} {'p50':>8} {'p95':>8} {'raw':>8} {'to raw':>8}")
        for row in rows:
            print(row, flush=True)


if __name__ == "__main__":
    main()
