"""What the tests of semantic search share: an embedder that counts, and all that a store of vectors says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gitreg.errors import GitregError
from gitreg_indexer.semantic.embedders import Floats, HashedEmbedder
from gitreg_indexer.semantic.search import Passing
from gitreg_indexer.semantic.vectors import Vectors

TEXTS: Final = ("gpt-4o-mini\nmodel openai chat", "claude-sonnet\nmodel anthropic chat", "whisper\nmodel openai audio")


class Counting:
    """A hashed embedder that remembers what it was asked for, and fails when it is told to."""

    def __init__(self, dimensions: int = 32, *, name: str | None = None, fails_after: int | None = None) -> None:
        self._hashed = HashedEmbedder(dimensions)
        self.dimensions = dimensions
        self.name = name or self._hashed.name
        self.asked: list[str] = []
        self.fails_after = fails_after

    def embed(self, texts: Sequence[str]) -> Floats:
        if self.fails_after is not None and len(self.asked) + len(texts) > self.fails_after:
            raise GitregError("the server is gone", mend="wait")
        self.asked += texts
        return self._hashed.embed(texts)


def filled(vectors: Vectors, texts: Sequence[str] = TEXTS, *, seq: int = 1, instance: str = "one") -> Vectors:
    vectors.apply(enumerate(texts, start=1), instance=instance, seq=seq)
    return vectors


def passing(ids: Iterable[int]) -> Passing:
    """Let some ids pass; the order of equals is that in which they are named."""
    listed = list(ids)

    def among(asked: Sequence[int]) -> list[int]:
        wanted = set(asked)
        return [id_ for id_ in listed if id_ in wanted]

    return Passing(len(listed), among, lambda: listed)


def said(vectors: Vectors) -> list[tuple[int, bytes]]:
    """Give everything there is: ids with their vectors."""
    return [(near.id, _bytes_of(vectors, near.id)) for near in sorted(vectors.near_text("gpt").best(10_000))]


def _bytes_of(vectors: Vectors, id_: int) -> bytes:
    row = vectors.row(id_)
    assert row is not None
    return row.tobytes()


def asked_of(vectors: Vectors) -> list[str]:
    """Give the texts that were embedded."""
    assert isinstance(vectors.embedder, Counting)
    return vectors.embedder.asked
