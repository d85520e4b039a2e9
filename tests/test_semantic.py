"""Semantic search: what is compared, the default embedder, walking under a filter, time travel, what it finds."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from index_support import aliases, cold, commit, dataset, indexed, model
from semantic_support import filled, passing

from gitreg.errors import GitregError, UsageError
from gitreg_indexer import Index, Query
from gitreg_indexer.semantic import check_mode, open_vectors, search, text_of, why_none
from gitreg_indexer.semantic.codes import cosines, quantise
from gitreg_indexer.semantic.embedders import Floats, HashedEmbedder, configured
from gitreg_indexer.semantic.search import Passing, hybrid_page, semantic_ids, semantic_page, similar_ids
from gitreg_indexer.semantic.vectors import Vectors

ROOT: Final = Path(__file__).resolve().parent.parent
REAL: Final = ROOT.parent / "shared" / "data" / "litellm" / "model_prices_and_context_window.json"


# What of a record is compared


DATA: Final[dict[str, Any]] = {
    "apiVersion": "gitreg/v1",
    "kind": "Model",
    "metadata": {
        "namespace": "acme/nlp",
        "name": "ticket-summarizer",
        "version": "1.2.0",
        "description": "Summarises  tickets\nin three sentences.",
        "tags": ["support"],
        "externalIds": {"litellm": "acme/sum"},
    },
    "spec": {
        "provider": "huggingface",
        "type": "completion",
        "category": ["general"],
        "checksum": {"of": "artifact", "digest": "3f5a"},
        "capabilities": {
            "contextLength": 32768,
            "supportsVision": True,
            "supportsBatching": False,
            "languages": ["de"],
        },
    },
    "registry": {"id": "x", "createdAt": "2025-01-01T00:00:00Z"},
}


def test_a_text_says_what_a_record_is_called_is_can_do_and_what_is_said_of_it() -> None:
    assert text_of(DATA) == (
        "ticket-summarizer\nmodel huggingface completion general support acme/sum vision de\n"
        "Summarises tickets in three sentences."
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"version": "2.0.0"}, id="another version"),
        pytest.param({"namespace": "other"}, id="another namespace"),
        pytest.param({"owner": "somebody"}, id="another owner"),
    ],
)
def test_what_says_the_same_has_the_same_text(change: dict[str, str]) -> None:
    assert text_of({**DATA, "metadata": {**DATA["metadata"], **change}}) == text_of(DATA)


def test_a_category_or_a_title_that_is_one_text_counts_too() -> None:
    text = text_of(
        {"kind": "PolicyLink", "metadata": {"name": "p"}, "spec": {"title": "No secrets", "category": "pii"}}
    )
    assert text == "p\npolicy link No secrets pii"


def test_a_text_is_bounded_and_long_tags_leave_room_for_the_description() -> None:
    tags = [f"tag-{number:050}" for number in range(64)]
    text = text_of({**DATA, "metadata": {**DATA["metadata"], "tags": tags, "description": "word " * 3_000}})
    assert len(text) == 2_000
    assert text.endswith("word word word w")
    assert text_of({"kind": "Model"}) == "model"


# The default embedder


def test_hashed_vectors_are_the_same_bits_on_every_machine_and_run() -> None:
    """Where this fails, vectors have changed: the embedder needs another name, so that they are made again."""
    code = (
        "from hashlib import sha256\n"
        "from gitreg_indexer.semantic.embedders import Floats, HashedEmbedder\n"
        "texts = ['gpt-4o-mini\\nmodel openai', 'Größe 模型 x', '', 'a b ' * 900]\n"
        "made = HashedEmbedder()\n"
        "print(made.name, sha256(made.embed(texts).astype('<f4').tobytes()).hexdigest()[:32])\n"
    )
    for seed in ("0", "1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
        assert done.stdout.split() == ["hashed-1:256", "0392701fd69dd05ca86d5b2e398feab4"]


def test_hashed_vectors_have_length_one_or_say_nothing() -> None:
    made = HashedEmbedder(64).embed(["one two", "--- ...", "", "模型"])
    assert made.shape == (4, 64)
    assert made.dtype == np.float32
    np.testing.assert_allclose((made * made).sum(axis=1), [1, 0, 0, 1], atol=1e-6)
    assert HashedEmbedder(64).embed([]).shape == (0, 64)


def test_a_text_has_the_same_vector_whatever_stands_beside_it() -> None:
    embedder = HashedEmbedder()
    texts = [f"model number-{number}" for number in range(2_500)]
    assert (embedder.embed(texts)[[3, 1_500, 2_499]] == embedder.embed([texts[3], texts[1_500], texts[2_499]])).all()


@pytest.mark.parametrize(
    ("asked", "near", "far"),
    [
        pytest.param("sumarizer", "summarizer", "translator", id="a letter left out"),
        pytest.param("summarising", "summarizer", "translator", id="another form of the word"),
        pytest.param("mini gpt 4o", "gpt-4o-mini", "gpt-3.5-turbo", id="another order"),
        pytest.param("gpt4o mini", "gpt-4o-mini", "claude-haiku", id="written together"),
        pytest.param("模型", "语言模型", "数据集", id="a word inside a run of characters"),
    ],
)
def test_shared_words_and_parts_of_words_bring_texts_near(asked: str, near: str, far: str) -> None:
    vectors = HashedEmbedder().embed([asked, near, far])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.05


def test_a_title_weighs_more_than_what_follows() -> None:
    asked, titled, told = HashedEmbedder().embed(
        ["whisper", "whisper\nfor sounds of all kinds", "sounds\nlike a whisper"]
    )
    assert asked @ titled > asked @ told


@pytest.mark.parametrize("dimensions", [0, 15, 4_097])
def test_an_odd_dimension_is_refused(dimensions: int) -> None:
    with pytest.raises(UsageError, match=f"cannot have {dimensions} dimensions"):
        HashedEmbedder(dimensions)


# What is configured


def test_the_default_needs_no_configuration() -> None:
    assert configured({}).name == "hashed-1:256"
    assert configured({"GITREG_EMBEDDER": "hashed"}).dimensions == 256


def test_an_unknown_embedder_is_told_with_the_nearest() -> None:
    with pytest.raises(GitregError, match="there is no embedder 'hashd'") as caught:
        configured({"GITREG_EMBEDDER": "hashd"})
    assert caught.value.expected == "hashed, openai"
    assert caught.value.mend == "did you mean 'hashed'?"


def test_semantic_search_can_be_switched_off(tmp_path: Path) -> None:
    assert open_vectors(tmp_path, {"GITREG_EMBEDDER": "none"}) is None
    assert "switched off" in why_none({"GITREG_EMBEDDER": "none"}).says
    assert open_vectors(tmp_path, {}) is not None


def test_without_its_libraries_it_is_off_unless_somebody_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitreg_indexer.semantic.find_spec", lambda _: None)
    assert open_vectors(tmp_path, {}) is None
    assert "llm-gitreg[semantic]" in why_none({}).mend
    with pytest.raises(GitregError, match="is not installed") as caught:
        open_vectors(tmp_path, {"GITREG_EMBEDDER": "hashed"})
    assert "llm-gitreg[semantic]" in caught.value.mend


def test_who_does_not_search_by_meaning_does_not_load_numpy() -> None:
    code = "import sys, gitreg_indexer.semantic; print('numpy' in sys.modules, 'urllib3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_mode_is_one_of_three() -> None:
    assert [check_mode(mode) for mode in ("lexical", "semantic", "hybrid")] == ["lexical", "semantic", "hybrid"]
    with pytest.raises(UsageError, match="no mode 'semantics'") as caught:
        check_mode("semantics")
    assert caught.value.mend == "did you mean 'semantic'?"


# Products


@pytest.mark.parametrize("dimensions", [1, 3, 256, 1_040, 1_041, 1_536, 4_097])
def test_products_are_exact_even_where_everything_is_as_large_as_can_be(dimensions: int) -> None:
    codes, inverse = quantise(np.ones((3, dimensions)) * [[1.0], [-2.0], [0.5]])
    assert abs(codes[0].astype(int) @ codes[1].astype(int)) <= 2**24
    np.testing.assert_allclose(cosines(codes, inverse, codes[0]), [1, -1, 1], atol=1e-6)


def test_rows_that_say_nothing_are_near_to_nothing() -> None:
    codes, inverse = quantise(np.array([[0.0, 0.0], [1e-300, 0.0], [3.0, 4.0]]))
    assert inverse.tolist()[:2] == [0, 0]
    assert cosines(codes, inverse, codes[2]).tolist()[:2] == [0, 0]
    assert cosines(codes, inverse, codes[0]).tolist() == [0, 0, 0]


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, inverse = quantise(np.random.default_rng(1).normal(size=(1_000, 24)))
    whole = cosines(codes, inverse, codes[7])
    for block in (1, 24, 100, 24 * 999, 24 * 1_000):
        monkeypatch.setattr("gitreg_indexer.semantic.codes._BLOCK", block)
        assert (cosines(codes, inverse, codes[7]) == whole).all()


# Walking under a filter


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vectors:
    """Two hundred facts of forty texts; steps are small, and everything that passes is walked to."""
    monkeypatch.setattr(search, "STEPS", (3, 10, 50))
    monkeypatch.setattr(search, "FEW", -1)
    vectors = Vectors(tmp_path / "semantic", HashedEmbedder(32))
    return filled(vectors, [f"name-{number % 40} of group {number % 7}" for number in range(200)])


def row_of(vectors: Vectors, id_: int) -> Floats:
    row = vectors.row(id_)
    assert row is not None
    return row


def test_a_deeper_page_goes_on_where_the_one_before_ended(many: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    third = passing(id_ for id_ in range(1, 201) if id_ % 3 == 0)
    whole, ranking = semantic_ids(many, row_of(many, 5), third, 1_000), many.near(row_of(many, 5))
    assert sorted(whole) == [id_ for id_ in range(1, 201) if id_ % 3 == 0]
    for wanted in range(70):
        assert semantic_ids(many, row_of(many, 5), third, wanted) == whole[:wanted]
        assert semantic_page(ranking, third, offset=wanted, limit=3) == (whole[wanted : wanted + 3], 66)
    monkeypatch.setattr(search, "FEW", 66)
    assert semantic_ids(many, row_of(many, 5), third, 1_000) == whole, "scored directly, it is the same order"


def test_no_more_is_asked_than_is_wanted(many: Vectors) -> None:
    asked: list[int] = []

    def among(ids: Sequence[int]) -> Sequence[int]:
        asked.extend(ids)
        return sorted(ids)

    assert len(semantic_ids(many, row_of(many, 5), Passing(200, among, list), 2)) == 2
    assert len(asked) < 40
    semantic_ids(many, row_of(many, 5), Passing(200, among, list), 12)
    assert semantic_ids(many, row_of(many, 5), Passing(200, lambda _: [], list), 1_000) == []


def test_nothing_is_asked_of_the_engine_twice(many: Vectors) -> None:
    asked: list[int] = []

    def among(ids: Sequence[int]) -> Sequence[int]:
        asked.extend(ids)
        return []

    assert semantic_ids(many, row_of(many, 5), Passing(200, among, list), 5) == []
    assert sorted(asked) == list(range(1, 201))


@pytest.mark.parametrize("few", [-1, 10_000], ids=["walked to", "scored directly"])
def test_nothing_that_does_not_pass_is_given(many: Vectors, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(search, "FEW", few)
    everything = passing(range(1, 201))
    assert semantic_ids(many, row_of(many, 5), passing([]), 10) == []
    assert semantic_ids(many, row_of(many, 5), passing([9_999]), 10) == []
    assert semantic_ids(many, np.zeros(32), everything, 10) == []
    assert semantic_ids(many, row_of(many, 5), everything, -1) == []
    assert semantic_page(many.near_text("..."), everything, offset=0, limit=5) == ([], 0)


def test_similar_facts_leave_out_what_the_filters_leave_out(many: Vectors) -> None:
    others = passing(id_ for id_ in range(1, 201) if id_ % 40 != 5)
    found = similar_ids(many, 5, others, 6)
    assert len(found) == 6
    assert all(id_ % 40 != 5 for id_ in found)
    assert similar_ids(many, 5, passing(range(1, 201)), 1) == [5]
    assert similar_ids(many, 9_999, others, 5) == []


def test_a_semantic_search_ends_somewhere(many: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "DEEPEST", 10)
    ranking, everything = many.near_text("name-3"), passing(range(1, 201))
    assert semantic_page(ranking, passing([4, 5]), offset=0, limit=99)[1] == 2
    page, total = semantic_page(ranking, everything, offset=8, limit=5)
    assert (len(page), total) == (2, 10)
    assert semantic_page(ranking, everything, offset=10**9, limit=5) == ([], 10)


def test_a_hybrid_search_brings_a_fixed_depth_of_both_orders_into_one(
    many: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FUSED", 20)
    ranking, everything = many.near_text("name-3"), passing(range(1, 201))
    near = semantic_ids(many, HashedEmbedder(32).embed(["name-3"])[0], everything, 20)
    lexical = [id_ for id_ in range(1, 201) if id_ not in near]
    whole, total = hybrid_page(ranking, everything, lexical, offset=0, limit=999)
    assert total == 40
    assert whole == [id_ for pair in zip(lexical, near, strict=False) for id_ in pair], "words first among equals"
    pages = [hybrid_page(ranking, everything, lexical, offset=start, limit=7) for start in range(0, 49, 7)]
    assert [id_ for page, _ in pages for id_ in page] == whole
    assert {found for _, found in pages} == {40}
    assert hybrid_page(ranking, everything, near, offset=0, limit=99) == (near, 20)
    assert hybrid_page(many.near_text("..."), everything, [7, 8], offset=0, limit=9) == ([7, 8], 2)


# Time travel over a real index


def _texts(index: Index) -> dict[int, str]:
    """Give all facts of an index, of all times."""
    reader = index.reader()
    moments = range(1, reader.position().seq + 1)
    return {
        fact.id: text_of(fact.data()) for seq in moments for fact in reader.search(Query(), limit=1_000, at=seq).items
    }


def _answers(index: Index, folder: Path) -> list[list[str]]:
    """Ask an index by nearness as of every moment, with and without a filter; give refs."""
    vectors = Vectors(folder, HashedEmbedder())
    vectors.apply(_texts(index).items(), instance=index.catalog.instance, seq=index.catalog.position().seq)
    reader = index.reader()
    answers = []
    for seq in range(1, reader.position().seq + 1):
        for query in (Query(), Query(kind="Model"), Query(tag=("chat",))):
            refs = {fact.id: fact.ref for fact in reader.search(query, limit=1_000, at=seq).items}
            found, total = semantic_page(vectors.near_text("suport asistant"), passing(refs), offset=0, limit=1_000)
            assert len(found) == total == len(refs)
            answers.append([refs[id_] for id_ in found])
    return answers


def test_every_moment_is_answered_as_an_index_made_at_once_answers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEPS", (1, 3, 7))
    monkeypatch.setattr(search, "FEW", -1)
    registry, grown = indexed(tmp_path, model("support-assistant", tags=["chat"]), dataset("tickets"))
    for files in (
        {**model("support-assistant", "2.0.0", tags=["chat"]), **model("assistant-b"), **model("assistant-a")},
        {**aliases("support-assistant", stable="2.0.0"), **model("assistant-c", tags=["chat"])},
        {
            **model("support-assistant", description="Now with a description."),
            "models/acme/assistant-b/1.0.0.yaml": None,
        },
        model("supporter", tags=["chat"], description="Supports the support."),
    ):
        commit(registry.repo, files)
        grown.catch_up()
    made_at_once = cold(registry, tmp_path / "cold")
    answers = _answers(grown, tmp_path / "one")
    assert answers == _answers(made_at_once, tmp_path / "two")
    assert answers[-2][0] == "model:acme/support-assistant@2.0.0", "the newest of equals comes first"
    grown.close()
    made_at_once.close()


# What it finds


def _listed() -> list[str]:
    bench = import_module("benchmarks.bench_semantic")
    texts: list[str] = bench.catalogue_texts(REAL) if REAL.exists() else list(bench.texts(2_000))
    return texts


def test_misspelt_and_reordered_names_find_their_model_among_the_first_ten(tmp_path: Path) -> None:
    listed = _listed()
    vectors = Vectors(tmp_path / "semantic", HashedEmbedder())
    vectors.apply(enumerate(listed), instance="one", seq=1)
    recall = import_module("benchmarks.bench_semantic").recall(vectors, listed, 200)
    assert recall > 0.95


# What the docs say


def test_the_example_of_the_docs_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITREG_EMBEDDER", raising=False)
    ((block),) = re.findall(r"```pycon\n(.*?)```", (ROOT / "docs" / "semantic.md").read_text("utf-8"), re.DOTALL)
    example = doctest.DocTestParser().get_doctest(block, {}, "semantic.md", None, None)
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(0, 6)


def test_the_embedder_of_the_docs_embeds(tmp_path: Path) -> None:
    ((block),) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "semantic.md").read_text("utf-8"), re.DOTALL)
    made: dict[str, Any] = {"np": np}
    exec(block, made)  # noqa: S102 - it is our own
    vectors = Vectors(tmp_path, made["constant"]({}))
    vectors.apply([(1, "a"), (2, "b")], instance="one", seq=1)
    assert [near.id for near in vectors.near_text("c").best(1)] == [1, 2]
