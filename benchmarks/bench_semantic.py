"""Measure semantic search: what embedding costs, how long the nearest take, what misspelt names find.

- `nearest` is compared with a bare numpy product of the same vectors in float32, in the same run, which knows nothing
  of ids, of equals, or of which a thousand are the best. Both are said at the median and the 95th percentile.
- Recall is counted over misspelt, reordered names: how often one of the first ten has the name that was meant. With
  `--catalogue` the names are those of litellm's catalogue, else generated ones.
"""

from __future__ import annotations

import argparse
import random
import resource
import string
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.bench_search import milliseconds
from gitreg.importers.litellm import Wanted, map_row, read_catalogue
from gitreg_indexer.engine import words_of
from gitreg_indexer.semantic import text_of
from gitreg_indexer.semantic.embedders import HashedEmbedder
from gitreg_indexer.semantic.vectors import Vectors

ENTRIES: Final = 100_000
ROUNDS: Final = 60
QUESTIONS: Final = 500
FAMILIES: Final = ("llama", "mistral", "qwen", "gemma", "phi", "falcon", "granite", "nova", "command", "deepseek")
TASKS: Final = ("summarizer", "classifier", "translator", "reranker", "embedder", "extractor", "router", "assistant")
FIELDS: Final = ("support", "legal", "finance", "medical", "retail", "logistics", "energy", "travel", "gaming")
TAGS: Final = ("chat", "code", "vision", "batch", "internal", "gpu", "eu", "us", "experimental", "certified", "rag")
PROVIDERS: Final = ("openai", "anthropic", "mistral", "huggingface", "bedrock", "azure", "vertex-ai", "cohere")
TYPES: Final = ("completion", "embedding", "rerank", "vision", "moderation")
PHRASES: Final = (
    "Answers customers in {field} in three sentences.",
    "Fine-tuned on {field} tickets, reviewed by people every quarter.",
    "Finds the passages that matter for {field} questions.",
    "Keeps the tone of the {field} desk and refuses what it must not say.",
    "Distilled from a larger model for low latency in {field} pipelines.",
)


def texts(count: int, seed: int = 7) -> Iterator[str]:
    """Make the texts of believable records, no two alike, the same for the same seed."""
    draw = random.Random(seed)
    for number in range(count):
        field, task, family = draw.choice(FIELDS), draw.choice(TASKS), draw.choice(FAMILIES)
        name = f"{family}-{task}-{draw.randrange(1, 400)}b-{number}"
        labels = " ".join(("model", draw.choice(PROVIDERS), draw.choice(TYPES), *draw.sample(TAGS, 3)))
        yield f"{name}\n{labels}\n{' '.join(draw.sample(PHRASES, 2)).format(field=field)}"


def catalogue_texts(path: Path) -> list[str]:
    """Give the texts of the models of litellm's catalogue."""
    catalogue = read_catalogue(path.read_bytes())
    rows = (map_row(key, value, as_of=catalogue.as_of) for key, value in catalogue.entries.items())
    return [text_of(row.data) for row in rows if isinstance(row, Wanted)]


def misspelt(names: Iterable[str], count: int, seed: int = 5) -> Iterator[tuple[str, frozenset[str]]]:
    """Draw names that have a longer word, misspell one word, put them in another order; give the right words too."""
    draw = random.Random(seed)
    worded = [words for words in map(words_of, names) if any(map(_is_long, words))]
    for _ in range(count):
        words = list(draw.choice(worded))
        right = frozenset(words)
        at = draw.choice([number for number, word in enumerate(words) if _is_long(word)])
        words[at] = _misspelt(draw, words[at])
        draw.shuffle(words)
        yield " ".join(words), right


def _is_long(word: str) -> bool:
    return len(word) >= 4 and word.isalpha()


def _misspelt(draw: random.Random, word: str) -> str:
    """Swap two letters, leave one out, exchange one, or double one."""
    at = draw.randrange(len(word) - 1)
    before, here, after = word[:at], word[at], word[at + 1 :]
    swapped = before + after[0] + here + after[1:]
    exchanged = before + draw.choice(string.ascii_lowercase) + after
    return draw.choice((swapped, before + after, exchanged, before + here + here + after))


def recall(vectors: Vectors, listed: Sequence[str], count: int = QUESTIONS) -> float:
    """Tell how often one of the first ten has the name that was meant; the facts' ids are places in the list."""
    names = [text.split("\n", 1)[0] for text in listed]
    hits = 0
    for question, right in misspelt(names, count):
        best = vectors.near_text(question).best(10)[:10]
        hits += any(right == frozenset(words_of(names[near.id])) for near in best)
    return hits / count


def run(listed: list[str]) -> None:
    """Embed the texts, measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        vectors = Vectors(Path(folder) / "semantic", HashedEmbedder())
        started = time.perf_counter(), time.process_time()
        vectors.apply(enumerate(listed), instance="benchmark", seq=1)
        wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
        size = sum(file.stat().st_size for file in (Path(folder) / "semantic").iterdir())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{len(listed)} records: {wall:.1f} s ({cpu:.1f} s of CPU), {len(listed) / cpu:.0f}/s of CPU")
        print(f"{size / 1e6:.1f} MB on disk, {peak:.0f} MB at most in memory, the texts included")
        _print_times(vectors, listed[len(listed) // 2])
        print(f"recall@10 over {QUESTIONS} misspelt, reordered names: {recall(vectors, listed):.3f}")


def _print_times(vectors: Vectors, text: str) -> None:
    asked = HashedEmbedder().embed([text])[0]
    ours = milliseconds(lambda: vectors.nearest(asked, 1_000), rounds=ROUNDS)
    rows = np.array([vectors.row(id_) for id_ in range(len(vectors.near(asked)))], np.float32)
    raw = milliseconds(lambda: rows @ asked, rounds=ROUNDS)
    print(f"{'(ms)':34} {'p50':>8} {'p95':>8} {'to bare':>8}")
    print(f"{'bare float32 product':34} {raw[0]:8.2f} {raw[1]:8.2f} {1:7.2f}x")
    print(f"{'nearest 1,000, with ids, in order':34} {ours[0]:8.2f} {ours[1]:8.2f} {ours[0] / raw[0]:7.2f}x")


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N", help="records to generate")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="litellm's catalogue, instead of generated ones")
    options = parser.parse_args(words)
    run(catalogue_texts(options.catalogue) if options.catalogue else list(texts(options.entries)))


if __name__ == "__main__":
    main()
