"""Make registries with long histories for benchmarks: a million varied entries over thousands of commits.

- Entries are varied: eight providers, five types, nine fields of work, prices and limits of a dozen values, and the
  versions of a name come over time. Some of them are repriced later, so that the past differs from the present.
- It is written by `git fast-import` into one pack, the same for the same numbers.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from benchmarks.generated import REGISTRY, dataset, namespace_record
from gitreg.repository.git import GitRepository

FAMILIES: Final = ("llama", "mistral", "qwen", "gemma", "phi", "falcon", "granite", "nova", "command", "deepseek")
TASKS: Final = ("summarizer", "classifier", "translator", "reranker", "embedder", "extractor", "router", "assistant")
FIELDS: Final = ("support", "legal", "finance", "medical", "retail", "logistics", "energy", "travel", "gaming")
TAGS: Final = ("chat", "code", "vision", "batch", "internal", "gpu", "eu", "us", "experimental", "certified", "rag")
PROVIDERS: Final = ("openai", "anthropic", "mistral", "huggingface", "bedrock", "azure", "vertex-ai", "cohere")
TYPES: Final = ("completion", "embedding", "rerank", "vision", "moderation")
CONTEXTS: Final = (4096, 8192, 16_384, 32_768, 131_072, 200_000, 1_000_000)
PRICES: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.5, 0.8, 1.0, 1.25, 2.5, 3.0, 5.0, 10.0, 15.0)
PHRASES: Final = (
    "Answers customers in {field} in three sentences.",
    "Fine-tuned on {field} tickets, reviewed by people every quarter.",
    "Finds the passages that matter for {field} questions.",
    "Keeps the tone of the {field} desk and refuses what it must not say.",
    "Distilled from a larger model for low latency in {field} pipelines.",
)
VERSIONS: Final = 4
_BLOCK: Final = 100
"""Entries in a row that stand in one namespace, as one change registers them."""
_FIRST: Final = 1_704_067_200
_STEP: Final = 3_600


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one model of a generated registry."""

    namespace: str
    name: str
    version: str
    provider: str
    price: float

    @property
    def ref(self) -> str:
        """The ref that names it."""
        return f"{self.namespace}/{self.name}@{self.version}"

    @property
    def path(self) -> str:
        """The path of its file."""
        return f"models/{self.namespace}/{self.name}/{self.version}.yaml"


def entry(number: int) -> Entry:
    """Give an entry by its number; four in a row have one name."""
    draw = random.Random(number // VERSIONS)
    task, family = draw.choice(TASKS), draw.choice(FAMILIES)
    block = number // _BLOCK
    team, field = block * 7919 % 500, FIELDS[block // 500 % len(FIELDS)]
    name = f"{family}-{task}-{draw.randrange(1, 400)}b-{number // VERSIONS}"
    own = random.Random(-number)
    major = 1 + number % VERSIONS // 2
    return Entry(f"team-{team:03}/{field}", name, f"{major}.{number % 2}.0", draw.choice(PROVIDERS), own.choice(PRICES))


def manifest(number: int, price: float | None = None) -> bytes:
    """Write an entry's manifest, with another price where one is given."""
    one = entry(number)
    draw = random.Random(f"{number}")
    field = one.namespace.rpartition("/")[2]
    description = " ".join(draw.sample(PHRASES, 2)).format(field=field)
    tags = "".join(f"  - {tag}\n" for tag in sorted(draw.sample(TAGS, 3)))
    return f"""\
apiVersion: gitreg/v1
kind: Model
metadata:
  namespace: {one.namespace}
  name: {one.name}
  version: {one.version}
  description: {description}
  tags:
{tags}  owner: {one.namespace.partition("/")[0]}@example.com
spec:
  provider: {one.provider}
  type: {draw.choice(TYPES)}
  checksum:
    of: artifact
    digest: {sha256(one.ref.encode()).hexdigest()}
  artifactUri: https://models.example.com/{one.namespace}/{one.name}/{one.version}/model.safetensors
  license: {draw.choice(("apache-2.0", "mit", "proprietary", "llama3"))}
  capabilities:
    contextLength: {draw.choice(CONTEXTS)}
    maxOutputTokens: {draw.choice((1024, 2048, 4096, 8192))}
    supportsStreaming: {draw.choice(("true", "false"))}
    languages:
    - en
    modalities:
    - text
  dependencies:
  - ref: dataset:{one.namespace}/corpus@^1.0
    purpose: training data
  lifecycle:
    status: {draw.choice(("active", "active", "active", "experimental"))}
  pricing:
    currency: USD
    effectiveDate: '2026-01-01'
    perMillionTokens:
      input: {one.price if price is None else price}
      output: {draw.choice(PRICES)}
""".encode()


def make(where: Path, entries: int, commits: int, *, repriced: int = 10) -> GitRepository:
    """Make a bare registry: `entries` models over `commits` commits, every `repriced`th commit reprices old ones."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(where)], check=True)
    command = ["git", "-C", str(where), "fast-import", "--quiet", "--depth=0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        _stream(process.stdin, entries, commits, repriced)
        process.stdin.close()
        if process.wait() != 0:
            raise RuntimeError("git fast-import failed")
    return GitRepository.open(where)


def _stream(sink: IO[bytes], entries: int, commits: int, repriced: int) -> None:
    _commit(sink, 0, [("registry.yaml", REGISTRY)])
    each = -(-entries // commits)
    seen: set[str] = set()
    for number in range(commits):
        first = number * each
        files = list(_added(range(first, min(first + each, entries)), seen))
        if repriced and number and number % repriced == 0:
            old = random.Random(number).sample(range(first), min(first, 20))
            files += [(entry(n).path, manifest(n, PRICES[number % len(PRICES)] + 0.01)) for n in old]
        _commit(sink, number + 1, files)


def _added(numbers: range, seen: set[str]) -> Iterator[tuple[str, bytes]]:
    for number in numbers:
        one = entry(number)
        for where in (one.namespace.partition("/")[0], one.namespace):
            if where not in seen:
                seen.add(where)
                yield f"namespaces/{where}.yaml", namespace_record(where)
        if one.namespace not in seen or f"{one.namespace}!" not in seen:
            seen.add(f"{one.namespace}!")
            yield f"datasets/{one.namespace}/corpus/1.0.0.yaml", dataset(one.namespace)
        yield one.path, manifest(number)


def _commit(sink: IO[bytes], number: int, files: list[tuple[str, bytes]]) -> None:
    when = _FIRST + number * _STEP
    who = b"Author %d <author%d@example.com> %d +0000" % (number % 9, number % 9, when)
    text = b"Change %d" % number
    sink.write(b"commit refs/heads/main\ncommitter %s\ndata %d\n%s\n" % (who, len(text), text))
    sink.writelines(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(raw), raw) for path, raw in files)
