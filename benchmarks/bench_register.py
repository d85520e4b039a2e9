"""How fast a registration lands, one at a time and durable, against a raw pygit2 commit of the same file.

Both write one new file into the same tree of a bare repository, with fsync, and move the branch.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from gitreg.kinds import Model
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature

COUNT = 300


def manifest(number: int) -> bytes:
    """Make the manifest of one model, without references to others."""
    text = Model.example.replace("name: summarizer", f"name: model-{number:05}")
    head, _, rest = text.partition("  derivedFrom:")
    tail = rest.partition("  release:")[2]
    text = f"{head}  release:{tail}"
    return text.replace("3f5a1c7d9e2b", f"{number:012x}").encode()


def timed(times: int, call: Callable[[int], object]) -> list[float]:
    """Time a call, in milliseconds."""
    took = []
    for number in range(times):
        started = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - started) * 1000)
    return took


def put(repo: pygit2.Repository, tree: pygit2.Tree | None, parts: list[str], blob: pygit2.Oid) -> pygit2.Oid:
    """Write the trees that put a blob at a path."""
    builder = repo.TreeBuilder() if tree is None else repo.TreeBuilder(tree)
    head, *rest = parts
    if not rest:
        builder.insert(head, blob, FileMode.BLOB)
        return builder.write()
    inner = tree[head] if tree is not None and head in tree else None
    builder.insert(head, put(repo, inner if isinstance(inner, pygit2.Tree) else None, rest, blob), FileMode.TREE)
    return builder.write()


def raw_commit(repo: pygit2.Repository, number: int) -> None:
    """Commit one file as plain pygit2 does it, in the same depth of folders."""
    branch = repo.references["refs/heads/main"]
    tip = branch.peel(pygit2.Commit)
    path = ["models", "acme", "nlp", f"model-{number:05}", "1.2.0.yaml"]
    tree = put(repo, tip.tree, path, repo.create_blob(manifest(number)))
    who = pygit2.Signature("Example Author", "author@example.com")
    branch.set_target(repo.create_commit(None, who, who, f"Register {number}\n", tree, [tip.id]))


def main(_argv: Sequence[str] = ()) -> None:
    """Measure, and print milliseconds and ratios."""
    author = Signature("Example Author", "author@example.com", datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        plain = Registry.init(Path(folder) / "raw", name="bench", author=author, bare=True)
        raw = timed(COUNT, lambda number: raw_commit(plain.repo.handle, number))
        registry = Registry.init(Path(folder) / "gitreg", name="bench", author=author, bare=True)
        ours = timed(COUNT, lambda number: registry.register([Draft(manifest(number), "bench")], author=author))
    print(f"{'':24}{'p50 ms':>10}{'p95 ms':>10}")
    for label, took in (("raw pygit2, durable", raw), ("gitreg register", ours)):
        cuts = statistics.quantiles(took, n=20)
        print(f"{label:24}{statistics.median(took):10.2f}{cuts[18]:10.2f}")
    print(f"ratio of medians: {statistics.median(ours) / statistics.median(raw):.2f}x")


if __name__ == "__main__":
    main()
