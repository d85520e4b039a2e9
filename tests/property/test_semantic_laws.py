"""Laws of semantic search: exact products, orders that no numbering and no batching can change, time travel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from effort import tries
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from semantic_support import passing

from gitreg_indexer.semantic import search
from gitreg_indexer.semantic.codes import cosines, quantise
from gitreg_indexer.semantic.embedders import HashedEmbedder
from gitreg_indexer.semantic.fusion import fuse
from gitreg_indexer.semantic.search import hybrid_page, semantic_page
from gitreg_indexer.semantic.vectors import Vectors

DIMENSIONS: Final = 16
WORDS: Final = ("gpt", "gtp", "mini", "claude", "chat", "audio")

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=12), max_size=4)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


# Products


@settings(max_examples=tries(80, 500))
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 1_300)),
        elements=st.floats(-4, 4, width=32),
        fill=st.floats(-4, 4, width=32),
    )
)
def test_products_are_those_of_whole_numbers(vectors: npt.NDArray[np.float32]) -> None:
    codes, inverse = quantise(vectors)
    exact = [[sum(int(a) * int(b) for a, b in zip(one, other, strict=True)) for one in codes] for other in codes]
    for number, asked in enumerate(codes):
        squares = exact[number][number]
        length = np.float32(1 / math.sqrt(squares)) if squares else np.float32(0)
        expected = [np.float32(np.float32(exact[number][k]) * inverse[k]) * length for k in range(len(codes))]
        assert cosines(codes, inverse, asked).tolist() == [float(score) for score in expected]


@given(arrays.arrays(np.float32, (3, 40), elements=st.floats(-2, 2, width=32)), st.integers(-20, 20))
def test_how_long_a_vector_is_makes_no_difference(vectors: npt.NDArray[np.float32], exponent: int) -> None:
    codes, inverse = quantise(vectors.astype(np.float64) + 1e-3)
    stretched, again = quantise((vectors.astype(np.float64) + 1e-3) * 2.0**exponent)
    assert (codes == stretched).all()
    assert (inverse == again).all()


@given(arrays.arrays(np.float64, (4, 64), elements=st.floats(-1, 1)))
def test_cosines_are_nearly_those_of_the_vectors(vectors: npt.NDArray[np.float64]) -> None:
    vectors[:, 0] += 2
    lengths = np.sqrt((vectors * vectors).sum(axis=1))
    true = vectors @ vectors[0] / lengths / lengths[0]
    codes, inverse = quantise(vectors)
    np.testing.assert_allclose(cosines(codes, inverse, codes[0]), true, atol=0.02)


# Fusion


@given(rankings)
def test_a_fusion_holds_everything_once(given_rankings: list[list[int]]) -> None:
    assert sorted(fuse(given_rankings)) == sorted({id_ for ranking in given_rankings for id_ in ranking})


@given(rankings, st.permutations(range(21)))
@example([[1], [2]], list(range(21)))
def test_how_things_are_numbered_makes_no_difference(given_rankings: list[list[int]], names: list[int]) -> None:
    renamed = [[names[id_] for id_ in ranking] for ranking in given_rankings]
    assert fuse(renamed) == [names[id_] for id_ in fuse(given_rankings)]


@given(st.lists(st.integers(), unique=True), st.integers(0, 100))
def test_one_order_fuses_to_itself_and_so_do_equal_ones(ranking: list[int], k: int) -> None:
    assert fuse([ranking], k) == ranking
    assert fuse([ranking, ranking, ranking], k) == ranking
    assert fuse([[], ranking], k) == ranking


@given(rankings)
def test_what_is_ahead_in_every_order_is_ahead_in_the_fusion(given_rankings: list[list[int]]) -> None:
    fused = fuse(given_rankings)

    def rank(ranking: list[int], id_: int) -> float:
        return ranking.index(id_) if id_ in ranking else math.inf

    for one in fused:
        for other in fused:
            if one != other and all(rank(each, one) <= rank(each, other) for each in given_rankings):
                assert fused.index(one) < fused.index(other)


# What is put


@settings(max_examples=tries(20, 100), deadline=None)
@given(
    st.dictionaries(st.integers(1, 60), texts, max_size=25),
    st.lists(st.integers(0, 25), max_size=4),
    st.integers(1, 5),
)
def test_batches_make_no_difference(items: dict[int, str], cuts: list[int], batch: int) -> None:
    listed = list(items.items())
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        whole = Vectors(Path(folder) / "whole", HashedEmbedder(DIMENSIONS))
        whole.apply(listed, instance="one", seq=1)
        patch.setattr("gitreg_indexer.semantic.vectors.BATCH", batch)
        parts = Vectors(Path(folder) / "parts", HashedEmbedder(DIMENSIONS))
        bounds = [0, *sorted(cuts), len(listed)]
        for seq, (start, stop) in enumerate(pairwise(bounds), start=1):
            parts.apply(listed[start:stop], instance="one", seq=seq)
        assert parts.near_text("gpt mini").best(99) == whole.near_text("gpt mini").best(99)
        assert parts.verify(listed) == []


@settings(max_examples=tries(30, 150), deadline=None)
@given(st.lists(texts, min_size=1, max_size=30), texts)
def test_the_best_are_all_that_score_so_high(listed: list[str], asked: str) -> None:
    with TemporaryDirectory() as folder:
        vectors = Vectors(Path(folder), HashedEmbedder(DIMENSIONS))
        vectors.apply(enumerate(listed), instance="one", seq=1)
        ranking = vectors.near_text(asked)
        everything = ranking.best(len(listed))
        scores = [near.score for near in everything]
        assert sorted(near.id for near in everything) == list(range(len(listed)))
        assert scores == sorted(scores, reverse=True)
        for count in range(len(listed) + 2):
            best = ranking.best(count)
            assert best == everything[: len(best)]
            assert len(best) >= min(count, len(listed))
            if 0 < len(best) < len(listed):
                assert best[-1].score > everything[len(best)].score
                assert best[count - 1].score == best[-1].score
        assert ranking.of([near.id for near in everything]) == everything


# Time travel


@dataclass(frozen=True)
class Told:
    """A fact of a made history: what it is called, what it says, and the seqs over which it holds."""

    name: str
    text: str
    seq_from: int
    seq_to: int


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    """Make facts whose names are unique among those that hold at any one time; many say the same."""
    made = []
    for number in range(draw(st.integers(1, 12))):
        seq = 1
        while seq < 6 and draw(st.booleans()):
            stop = draw(st.integers(seq + 1, 7))
            made.append(Told(f"name-{number:02}", draw(texts), seq, stop))
            seq = stop + draw(st.integers(0, 1))
    return made


def _numbered(history: Sequence[Told], ids: Sequence[int]) -> dict[int, Told]:
    return dict(zip(ids, history, strict=False))


def _answers(folder: Path, facts: dict[int, Told], asked: str, at: int) -> list[list[str]]:
    """Answer a question as of a seq, as a search engine and these vectors would; give names."""
    vectors = Vectors(folder, HashedEmbedder(DIMENSIONS))
    vectors.apply([(id_, told.text) for id_, told in facts.items()], instance="one", seq=7)

    holding = [id_ for id_, told in facts.items() if told.seq_from <= at < told.seq_to]
    passed = passing(sorted(holding, key=lambda id_: facts[id_].name))
    ranking = vectors.near_text(asked)
    lexical = [id_ for id_ in passed.everything() if "mini" in facts[id_].text]
    orders = []
    for page in (
        partial(semantic_page, ranking, passed),
        partial(hybrid_page, ranking, passed, lexical),
    ):
        whole, total = page(offset=0, limit=99)
        assert total == len(whole)
        assert [page(offset=start, limit=1)[0] for start in range(total)] == [[id_] for id_ in whole]
        orders.append([facts[id_].name for id_ in whole])
    return orders


@settings(max_examples=tries(30, 300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    histories(),
    st.data(),
    texts,
    st.integers(1, 7),
    st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True).map(sorted),
)
def test_an_index_that_grew_and_one_made_at_once_answer_every_moment_alike(
    history: list[Told], data: st.DataObject, asked: str, at: int, steps: list[int]
) -> None:
    """They number their facts differently, and one that was made at that moment knows nothing of what came later."""
    ids = data.draw(st.lists(st.integers(1, 10_000), unique=True, min_size=len(history), max_size=len(history)))
    then = [told for told in history if told.seq_from <= at]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        direct = _answers(Path(folder) / "direct", _numbered(history, range(1, len(history) + 1)), asked, at)
        patch.setattr(search, "STEPS", tuple(steps))
        patch.setattr(search, "FEW", -1)
        grown = _answers(Path(folder) / "grown", _numbered(history, range(1, len(history) + 1)), asked, at)
        assert grown == direct
        assert _answers(Path(folder) / "renumbered", _numbered(history, ids), asked, at) == grown
        assert _answers(Path(folder) / "then", _numbered(then, ids), asked, at) == grown
