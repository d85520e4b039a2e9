"""What every search engine does: the conformance suite. A further engine is one more line in `ENGINES`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from damage_support import put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_support import NARROWLY, ReferenceEngine, document, opened

from gitreg.errors import GitregError, UsageError
from gitreg.versions import Range
from gitreg_indexer.conditions import All, Between, Condition, Has, Is, Not, Satisfies, Says, StartsWith, Within, any_of
from gitreg_indexer.conditions import Any as AnyOf
from gitreg_indexer.engine import (
    SORTS,
    TAGS,
    Document,
    Facet,
    Found,
    Query,
    SearchEngine,
    folded,
    is_shown,
    label_of,
    open_engine,
    words_of,
)
from gitreg_indexer.fields import columns
from gitreg_indexer.tantivy_engine import TantivyEngine
from gitreg_indexer.values import seconds_of, values_of

ENGINES: Final = ("tantivy", NARROWLY, "whoosh")

Opening = Callable[[], SearchEngine]


@pytest.fixture(params=ENGINES)
def opening(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opening:
    """Open the engine over one and the same folder, as often as wanted."""
    return lambda: opened(str(request.param), tmp_path / "engine", monkeypatch)


@pytest.fixture
def engine(opening: Opening) -> Iterator[SearchEngine]:
    made = opening()
    yield made
    made.close()


def ended(found: Document, seq: int) -> Document:
    return replace(found, seq_to=seq)


def filled(engine: SearchEngine, *documents: Document, seq: int | None = None) -> SearchEngine:
    engine.apply(documents, instance="one", seq=seq or max(found.seq_from for found in documents))
    return engine


def ids(engine: SearchEngine, query: Query | None = None, **more: Any) -> list[int]:
    return list(engine.search(query or Query(), offset=0, limit=1000, **more).ids)


def test_a_new_engine_is_empty_and_says_so(engine: SearchEngine) -> None:
    assert engine.position() == ("", 0)
    assert engine.search(Query(), offset=0, limit=10) == Found(0, (), "", 0)
    assert engine.search(Query("a", sort="-version"), offset=10, limit=0) == Found(0, (), "", 0)


def test_what_is_put_is_found_with_its_position(engine: SearchEngine) -> None:
    filled(engine, document(1), document(2), seq=7)
    assert engine.position() == ("one", 7)
    assert engine.search(Query(), offset=0, limit=10) == Found(2, (1, 2), "one", 7)


def test_nothing_put_still_moves_the_position(engine: SearchEngine) -> None:
    filled(engine, document(1))
    engine.apply((), instance="one", seq=9)
    assert engine.search(Query(), offset=0, limit=10) == Found(1, (1,), "one", 9)


def test_putting_twice_is_as_putting_once(engine: SearchEngine) -> None:
    for _ in range(3):
        filled(engine, document(1, "a"), document(2, "b"))
    assert ids(engine) == [1, 2]


def test_a_document_takes_the_place_of_the_one_with_its_id(engine: SearchEngine) -> None:
    filled(engine, document(1, "a", text="before"), document(2, "b"))
    filled(engine, document(1, "a", text="after"), seq=5)
    assert ids(engine, Query("before")) == []
    assert ids(engine, Query("after")) == [1]
    assert ids(engine) == [1, 2]


def test_a_failure_half_way_leaves_everything_as_it_was(engine: SearchEngine) -> None:
    filled(engine, document(1, "a"))

    def failing() -> Iterator[Document]:
        yield ended(document(1, "a"), 2)
        yield document(2, "b")
        raise RuntimeError("the catalog is gone")

    with pytest.raises(RuntimeError, match="the catalog is gone"):
        engine.apply(failing(), instance="one", seq=2)
    assert engine.position() == ("one", 1)
    assert ids(engine) == [1]
    filled(engine, ended(document(1, "a"), 2), document(2, "b"))
    assert ids(engine) == [2]


def test_clearing_forgets_everything_for_good(engine: SearchEngine, opening: Opening) -> None:
    filled(engine, document(1))
    engine.clear()
    assert engine.position() == ("", 0)
    assert ids(engine) == []
    assert opening().position() == ("", 0)
    engine.apply([document(2)], instance="two", seq=3)
    assert engine.search(Query(), offset=0, limit=10) == Found(1, (2,), "two", 3)


def test_what_was_put_is_there_after_opening_again(engine: SearchEngine, opening: Opening) -> None:
    filled(engine, document(1))
    engine.close()
    assert opening().search(Query(), offset=0, limit=10) == Found(1, (1,), "one", 1)


def test_another_opening_sees_it_after_a_refresh(engine: SearchEngine, opening: Opening) -> None:
    other = opening()
    filled(engine, document(1))
    other.refresh()
    assert ids(other) == [1]


def test_two_openings_may_write_one_after_the_other(engine: SearchEngine, opening: Opening) -> None:
    other = opening()
    filled(engine, document(1))
    filled(other, ended(document(1), 2), document(2))
    filled(engine, document(3))
    assert ids(engine) == [2, 3]
    other.refresh()
    assert ids(other) == [2, 3]


def test_ended_documents_are_found_only_in_their_time(engine: SearchEngine) -> None:
    filled(engine, ended(document(1, "a"), 3), document(3, "b"), ended(document(4, "c"), 5), seq=6)
    assert ids(engine) == [3]
    assert [ids(engine, at=seq) for seq in range(7)] == [[], [1], [1], [3], [3, 4], [3], [3]]


FILTERED: Final[tuple[tuple[str, Query, list[int]], ...]] = (
    ("all", Query(), [1, 2, 3, 4]),
    ("kind", Query(kind="Dataset"), [4]),
    ("namespace with all below it", Query(namespace="acme"), [1, 2]),
    ("namespace, not its siblings", Query(namespace="acme/nlp"), [2]),
    ("namespace, not what it begins with", Query(namespace="ac"), []),
    ("any provider", Query(provider=("mistral", "cohere")), [2, 3]),
    ("any type", Query(type=("embedding", "nothing")), [3]),
    ("any status", Query(status=("retired", "active")), [1, 4]),
    ("all tags", Query(tag=("chat", "eu")), [1]),
    ("one tag", Query(tag=("chat",)), [1, 2]),
    ("filters together", Query(provider=("openai", "mistral"), tag=("chat",), namespace="acme/nlp"), [2]),
    ("text and filters", Query("n0002", tag=("eu",)), []),
    ("no such kind", Query(kind="nothing"), []),
    ("half characters", Query(namespace="\udcff"), []),
)


@pytest.mark.parametrize(("query", "wanted"), [case[1:] for case in FILTERED], ids=[case[0] for case in FILTERED])
def test_filters_must_all_hold(engine: SearchEngine, query: Query, wanted: list[int]) -> None:
    filled(
        engine,
        document(1, tags=("chat", "eu")),
        document(2, namespaces=("acme", "acme/nlp"), provider="mistral", status="deprecated", tags=("chat",)),
        document(3, namespaces=("acme-x",), provider="cohere", type="embedding", status=None),
        document(4, kind="Dataset", namespaces=("globex",), provider=None, type=None),
    )
    assert ids(engine, query) == wanted


def test_relevance_comes_in_tiers(engine: SearchEngine) -> None:
    filled(
        engine,
        document(1, "z-text", text="gpt"),
        document(2, "z-heading", tags=("gpt",)),
        document(3, "a-gpt"),
        document(4, "gpt"),
        document(5, "y", identifiers=("GPT",)),
        document(6, "x", identifiers=("gpt",)),
        document(7, "b-gpt"),
    )
    assert ids(engine, Query("gpt")) == [6, 5, 4, 3, 7, 2, 1]
    assert ids(engine, Query("GPT")) == [5, 6, 4, 3, 7, 2, 1]
    assert ids(engine, Query("gpt", sort="-relevance")) == [1, 2, 3, 7, 4, 5, 6]
    assert engine.search(Query("gpt"), offset=2, limit=3) == Found(7, (4, 3, 7), "one", 7)


def test_every_word_must_be_found(engine: SearchEngine) -> None:
    filled(engine, document(1, text="large language model"), document(2, text="large model"))
    assert ids(engine, Query("language LARGE")) == [1]
    assert ids(engine, Query("large model")) == [1, 2]
    assert ids(engine, Query("large vision")) == []
    assert ids(engine, Query("mod")) == []
    assert ids(engine, Query(" ".join(f"w{number}" for number in range(40)) + " large")) == []


def test_values_that_nobody_stated_come_last_either_way(engine: SearchEngine) -> None:
    filled(
        engine,
        document(1, "d", context_length=None, input_price=None, version_key=""),
        document(2, "c", context_length=10, input_price=0.0, version_key="111010~"),
        document(3, "b", context_length=20, input_price=2.5, version_key="112010~"),
        document(4, "a", context_length=None, input_price=None, version_key=""),
    )
    for sort in ("contextLength", "inputPrice", "version"):
        assert ids(engine, Query(sort=sort)) == [2, 3, 4, 1]
        assert ids(engine, Query(sort=f"-{sort}")) == [3, 2, 4, 1]


def test_an_unknown_sort_is_refused_with_the_nearest(engine: SearchEngine) -> None:
    with pytest.raises(UsageError) as caught:
        engine.search(Query(sort="-updateAt"), offset=0, limit=1)
    assert "did you mean 'updatedAt'?" in caught.value.mend


@pytest.mark.parametrize("number", [0, 1, 10**9, 10**15])
def test_offset_and_limit_may_be_of_any_size(engine: SearchEngine, number: int) -> None:
    filled(engine, *(document(n) for n in range(1, 6)))
    for query in (Query(), Query("n0003"), Query(sort="-updatedAt"), Query(sort="inputPrice")):
        total = len(ids(engine, query))
        assert engine.search(query, offset=number, limit=3).total == total
        assert engine.search(query, offset=0, limit=number).total == total
    assert engine.search(Query(), offset=3, limit=10**15).ids == (4, 5)


drawn = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "a b", "b"]),
            "context_length": st.sampled_from([None, 1, 2]),
            "input_price": st.sampled_from([None, 0.0, 0.5]),
            "version_key": st.sampled_from(["", "111010~", "112010~"]),
            "created": st.sampled_from([1, 2]),
            "seq_from": st.sampled_from([1, 2]),
        }
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn, st.integers(min_value=1, max_value=5))
def test_every_sort_is_a_total_order_that_paging_keeps(
    engine: SearchEngine, made: list[dict[str, Any]], size: int
) -> None:
    documents = [document(number, **fields) for number, fields in enumerate(made, start=1)]
    reference = ReferenceEngine()
    for each in (engine, reference):
        each.clear()
        each.apply(documents, instance="one", seq=20)
    for name in (*SORTS, "metadata.name"):
        for sort in (name, f"-{name}"):
            wanted = ids(reference, Query(sort=sort))
            pages = [engine.search(Query(sort=sort), offset=n, limit=size) for n in range(0, len(documents) + 1, size)]
            assert [id_ for page in pages for id_ in page.ids] == wanted
            assert {page.total for page in pages} == {len(documents)}


WORDED: Final[tuple[tuple[str, str, list[int]], ...]] = (
    ("a phrase stands in order", '"large language model"', [1]),
    ("a phrase does not go on from one passage into the next", '"model answers"', []),
    ("the words of a phrase alone are more", "large language model", [1, 2]),
    ("a phrase of one word is a word", '"answers"', [1]),
    ("a prefix", "ans*", [1, 3]),
    ("a prefix and a word", "ans* vision", [3]),
    ("an excluded word", "model -vision", [1, 2]),
    ("an excluded phrase", '-"large language" model', [2, 3]),
    ("an excluded prefix", "model -langu*", [3]),
    ("nothing but excluded", "-model", [4]),
    ("signs only", '"" - *', []),
    ("a star alone", "*", [1, 2, 3, 4]),
    ("a star beside a word", "* vision", [3]),
)


@pytest.mark.parametrize(("text", "wanted"), [case[1:] for case in WORDED], ids=[case[0] for case in WORDED])
def test_free_text_has_phrases_prefixes_and_exclusions(engine: SearchEngine, text: str, wanted: list[int]) -> None:
    filled(
        engine,
        document(1, text=("A large language model", "answers questions")),
        document(2, text=("A model for a large body of language",)),
        document(3, text=("A vision model", "that answered, once")),
        document(4),
    )
    assert ids(engine, Query(text, sort="name")) == wanted


def test_a_phrase_ranks_as_its_words_do(engine: SearchEngine) -> None:
    filled(engine, document(1, "z", text="gpt mini"), document(2, "y-gpt-mini"), document(3, "x", text="mini gpt"))
    assert ids(engine, Query('"gpt mini"')) == [2, 1]


def test_a_phrase_stands_as_it_is_in_a_name_of_just_its_words_too(engine: SearchEngine) -> None:
    filled(engine, document(1, "ticket-classifier"), document(2, "x", text="a classifier ticket"))
    assert ids(engine, Query('"classifier ticket"')) == [2]
    assert ids(engine, Query('"ticket classifier"')) == [1]
    assert ids(engine, Query("classifier ticket")) == [1, 2]


def meant(engine: SearchEngine, text: str, **more: Any) -> tuple[list[int], tuple[tuple[str, str], ...]]:
    found = engine.search(Query(text), offset=0, limit=100, **more)
    return list(found.ids), found.meant


def test_a_misspelt_word_is_taken_for_near_ones_only_where_nothing_matches(engine: SearchEngine) -> None:
    filled(
        engine,
        document(1, "a", text="summarizer"),
        document(2, "b", text="summariser mistral"),
        document(3, "c", text="mistral 2024"),
    )
    assert meant(engine, "mistral") == ([2, 3], ())
    assert meant(engine, "mitsral") == ([2, 3], (("mitsral", "mistral"),))
    assert meant(engine, "imstral") == ([2, 3], (("imstral", "mistral"),))
    assert meant(engine, "nistral") == ([], ())
    assert meant(engine, "sumarizer") == ([1, 2], (("sumarizer", "summarizer"), ("sumarizer", "summariser")))
    assert meant(engine, "sumariser") == ([2, 1], (("sumariser", "summariser"), ("sumariser", "summarizer")))
    assert meant(engine, "sumarizer mistral") == ([2], (("sumarizer", "summarizer"), ("sumarizer", "summariser")))
    assert meant(engine, "summarizer mistral") == ([], ())
    assert meant(engine, '"mitsral x" mitsral') == ([], ())
    assert meant(engine, "2023") == ([], ())
    assert meant(engine, "mistral2") == ([], ())


def test_more_words_than_anybody_misspells_are_not_corrected(engine: SearchEngine) -> None:
    right = ("mistral", "summarizer", "classifier", "embedding", "retrieval", "assistant")
    wrong = ("mitsral", "sumarizer", "clasifier", "embeding", "retreival", "asistant")
    filled(engine, document(1, "a", text=" ".join(right)))
    assert meant(engine, " ".join(wrong[:5])) == ([1], tuple(zip(wrong[:5], right, strict=False)))
    assert meant(engine, " ".join(wrong[:5] + right)) == ([1], tuple(zip(wrong[:5], right, strict=False)))
    assert meant(engine, " ".join(wrong)) == ([], ())


def test_a_word_that_the_filters_shut_out_is_not_misspelt(engine: SearchEngine) -> None:
    filled(engine, document(1, "a", text="mistral"), document(2, "b", text="mistrals", tags=("eu",)))
    assert engine.search(Query("mistral", tag=("eu",)), offset=0, limit=9) == Found(0, (), "one", 2)
    found = engine.search(Query("mistrall", tag=("eu",)), offset=0, limit=9)
    assert (found.ids, found.meant) == ((2,), (("mistrall", "mistrals"),))


def test_words_of_what_ended_are_not_meant(engine: SearchEngine) -> None:
    filled(engine, ended(document(1, "a", text="mistral"), 3), document(3, "b", text="mistrals"), seq=4)
    assert meant(engine, "mistrat") == ([], ())
    assert meant(engine, "mistrat", at=2) == ([1], (("mistrat", "mistral"),))
    assert meant(engine, "mistralz") == ([3], (("mistralz", "mistrals"),))


def said(*values: tuple[str, Any]) -> tuple[tuple[str, Any], ...]:
    return values


RELEASED: Final = (("release", "2026-03-01"), ("release", seconds_of("2026-03-01")))
CONDITIONS: Final[tuple[tuple[str, Condition, list[int]], ...]] = (
    ("equality is to the letter", Is("metadata.name", "GPT-4o"), [1]),
    ("equality in another case", Is("metadata.name", "gpt-4o"), []),
    ("a text is no number", Is("size", "7"), []),
    ("a number by value", Is("size", 7), [1]),
    ("a truth value", Is("ok", True), [1]),
    ("a truth value is no number", Is("ok", 1.0), []),
    ("a text is no truth value", Is("ok", "true"), [3]),
    ("any item of a list", Is("langs", "de"), [1]),
    ("one of several", any_of("langs", ("de", "fr")), [1, 2]),
    ("a long text", Is("note", "x" * 300 + "y"), [2]),
    ("a long text, another end", Is("note", "x" * 300 + "z"), []),
    ("a prefix in any case", StartsWith("metadata.name", "gpt"), [1, 2]),
    ("a prefix with blanks", StartsWith("title", "the LARGE"), [1]),
    ("a prefix with signs", StartsWith("title", "a.*+?["), [2]),
    ("the empty prefix", StartsWith("title", ""), [1, 2]),
    ("a prefix of a long text", StartsWith("note", "X" * 200), [2]),
    ("says the whole", Says("title", "THE large one"), [1]),
    ("says a word", Says("title", "large"), [1]),
    ("says all words, of one item", Says("lines", "red blue"), [2]),
    ("says words of two items", Says("lines", "red green"), []),
    ("an address is said whole", Says("url", "HTTPS://Example.com/a"), [1]),
    ("a word of an address", Says("url", "example"), [1]),
    ("a path is said whole, in any case", Says("registry.path", "models/ACME/gpt-4o/1.4.0.yaml"), [1]),
    ("a path has no words", Says("registry.path", "acme"), []),
    ("a path of one word", Says("registry.path", "models"), []),
    ("a path begins", StartsWith("registry.path", "Models/acme/"), [1]),
    ("a range", Between("size", 5, 7), [1]),
    ("a range without its end", Between("size", 5, 7, includes_high=False), []),
    ("at least", Between("size", low=-1.5), [1, 2]),
    ("at most", Between("size", high=-1.5, includes_high=False), [3]),
    ("zero is zero", Between("size", -0.0, 0.0), [2]),
    ("an empty range", Between("size", 7, 5), []),
    ("a day as a time", Between("release", seconds_of("2026-02-28"), seconds_of("2026-03-01T00:00:00Z")), [2]),
    ("a range of versions", Satisfies("metadata.version", Range.parse("^1.2")), [1]),
    ("a range with prereleases", Satisfies("metadata.version", Range.parse(">=2.0.0-rc.1 <2.0.0")), [2]),
    ("something is stated", Has("size"), [1, 2, 3]),
    ("something is stated below", Has("spec"), [1]),
    ("not what only begins so", Has("spe"), []),
    ("within a namespace", Within("acme/nlp"), [2]),
    ("not", Not(Is("langs", "de")), [2, 3]),
    ("not what nobody states", Not(Between("nothing", 0, 1)), [1, 2, 3]),
    ("not not", Not(Not(Is("langs", "de"))), [1]),
    ("all of nothing", All(()), [1, 2, 3]),
    ("any of nothing", AnyOf(()), []),
    ("not any of nothing", Not(AnyOf(())), [1, 2, 3]),
    ("any with a not", AnyOf((Is("langs", "de"), Not(Has("title")))), [1, 3]),
    ("all with a not", All((Has("title"), Not(Is("langs", "de")))), [2]),
    ("half characters", Is("title", "\udcff"), []),
)


@pytest.fixture
def stated(engine: SearchEngine) -> SearchEngine:
    """Three documents that state all sorts of things."""
    first = said(
        ("size", 7.0),
        ("ok", True),
        ("langs", "de"),
        ("langs", "en"),
        ("title", "The Large one"),
        ("url", "https://example.com/A"),
        ("metadata.version", "1.4.0"),
        ("spec.provider", "x"),
        ("lines", "red"),
        ("registry.path", "models/acme/gpt-4o/1.4.0.yaml"),
    )
    second = said(
        ("size", 0.0),
        ("ok", False),
        ("langs", "fr"),
        ("title", "a.*+?[]() b"),
        ("note", "x" * 300 + "y"),
        ("lines", "red blue"),
        ("lines", "green one"),
        ("metadata.version", "2.0.0-rc.2"),
        *((path, value) for path, value in RELEASED if value is not None),
    )
    third = said(("size", -2.0), ("ok", "true"), ("metadata.version", "not one"))
    bare = {"provider": None, "type": None, "status": None, "created": None}
    return filled(
        engine,
        document(1, "GPT-4o", values=first, **bare),
        document(2, "gpt-5", values=second, namespaces=("acme", "acme/nlp"), **bare),
        document(3, "other", values=third, **bare),
    )


@pytest.mark.parametrize(("where", "wanted"), [case[1:] for case in CONDITIONS], ids=[case[0] for case in CONDITIONS])
def test_conditions_hold_for_what_is_stated(stated: SearchEngine, where: Condition, wanted: list[int]) -> None:
    assert ids(stated, Query(where=where)) == wanted


def test_a_condition_may_be_wide_and_deep(stated: SearchEngine) -> None:
    wide = AnyOf(tuple(Is("size", float(number)) for number in range(200)))
    assert ids(stated, Query(where=wide)) == [1, 2]
    deep: Condition = Is("size", 7.0)
    for number in range(100):
        deep = All(
            (
                Has("size"),
                any_of("langs", ("de", "en")),
                AnyOf((deep, All((Is("size", 1000.0 + number), Is("title", str(number)))))),
            )
        )
    assert ids(stated, Query(where=deep)) == [1]


def test_a_beginning_that_is_too_long_is_refused(stated: SearchEngine) -> None:
    assert ids(stated, Query(where=StartsWith("note", "x" * 200))) == [2]
    with pytest.raises(UsageError, match="too long"):
        ids(stated, Query(where=StartsWith("note", "x" * 201)))


def test_a_condition_that_is_nested_beyond_reason_is_refused(stated: SearchEngine) -> None:
    deep: Condition = Is("size", 7.0)
    for _ in range(5000):
        deep = Not(deep)
    with pytest.raises(UsageError, match="nested too deeply"):
        ids(stated, Query(where=deep))


def test_ranges_of_many_numbers(engine: SearchEngine) -> None:
    sizes = [(-1.5) ** n if n % 3 else float(n) for n in range(1, 90)]
    filled(engine, *(document(n, values=(("size", size),)) for n, size in enumerate(sizes, start=1)))
    for low, high in ((-10.0, 100.0), (None, 0.0), (27.0, None), (3.0, 3.0), (0.1, 0.2), (-1e9, 1e9)):
        least, most = float("-inf") if low is None else low, float("inf") if high is None else high
        wanted = [number for number, size in enumerate(sizes, start=1) if least <= size <= most]
        assert ids(engine, Query(where=Between("size", low, high))) == wanted
        wanted = [number for number in range(1, 90) if least <= number <= most]
        assert ids(engine, Query(where=Between("registry.createdAt", low, high))) == wanted


def test_a_few_numbers_beside_what_is_rare(engine: SearchEngine) -> None:
    filled(engine, *(document(n, context_length=float(n % 3), tags=("x",) if n == 4 else ()) for n in range(1, 30)))
    filled(engine, document(40, context_length=None, tags=("x",)))
    filled(engine, document(41, context_length=True, tags=("x",)))
    where = Between("spec.capabilities.contextLength", 0.5, 9.0)
    assert ids(engine, Query(tag=("x",), where=where)) == [4]
    assert ids(engine, Query(tag=("x",), where=Not(where))) == [40, 41]


def test_ids_restrict_what_is_found(engine: SearchEngine) -> None:
    filled(engine, *(document(n, tags=("chat",)) for n in range(1, 6)))
    assert ids(engine, Query(ids=(4, 2, 99))) == [2, 4]
    assert ids(engine, Query("chat", ids=(5,))) == [5]
    assert ids(engine, Query(ids=())) == []


def counts(engine: SearchEngine, path: str, query: Query | None = None, **more: Any) -> dict[str, int]:
    (facet,) = engine.search(query or Query(), offset=0, limit=0, facets=(path,), **more).facets
    assert facet.path == path
    assert list(facet.counts) == sorted(facet.counts, key=lambda item: (-item[1], item[0]))
    return dict(facet.counts)


def test_facets_count_the_values_of_what_is_found(stated: SearchEngine) -> None:
    assert counts(stated, "langs") == {"de": 1, "en": 1, "fr": 1}
    assert counts(stated, "size") == {"7": 1, "0": 1, "-2": 1}
    assert counts(stated, "ok") == {"true": 2, "false": 1}
    assert counts(stated, "kind") == {"Model": 3}
    assert counts(stated, "metadata.name") == {"GPT-4o": 1, "gpt-5": 1, "other": 1}
    assert counts(stated, "release") == {"2026-03-01": 1}
    assert counts(stated, "note") == {}
    assert counts(stated, "lines", Query(where=Is("size", 0))) == {"red blue": 1, "green one": 1}
    assert counts(stated, "kind", Query("nothing")) == {}


def test_facets_are_of_the_time_that_is_asked_about(engine: SearchEngine) -> None:
    filled(engine, ended(document(1, "a", tags=("eu",)), 3), document(2, "b", tags=("eu", "us")), document(3, "a"))
    assert counts(engine, TAGS) == {"eu": 1, "us": 1}
    assert counts(engine, TAGS, at=2) == {"eu": 2, "us": 1}
    assert counts(engine, TAGS, at=0) == {}
    filled(engine, document(4, "c", tags=("us",)))
    assert counts(engine, TAGS) == {"us": 2, "eu": 1}


def test_facets_show_the_most_frequent_hundred(engine: SearchEngine) -> None:
    filled(engine, *(document(n, tags=(f"t{n % 150:03}", f"t{n % 7:03}")) for n in range(1, 301)))
    shown = counts(engine, TAGS)
    assert len(shown) == 100
    assert list(shown)[:8] == ["t000", "t001", "t002", "t003", "t004", "t005", "t006", "t007"]
    assert min(shown.values()) == 2


def test_many_large_facets_are_counted_together(tmp_path: Path) -> None:
    engine, number = open_engine("tantivy", tmp_path), 17_000
    paths = ("metadata.owner", "spec.displayName", "spec.title", "spec.license")
    stated = [tuple((path, f"v{n:05}") for path in paths) for n in range(number)]
    filled(engine, *(document(n + 1, values=values) for n, values in enumerate(stated)))
    asked = engine.search(Query(type=("completion",)), offset=0, limit=1, facets=(*paths, "kind"))
    for facet in asked.facets[:-1]:
        assert facet.counts == tuple((f"v{n:05}", 1) for n in range(100))
    assert asked.facets[-1].counts == (("Model", number),)
    assert engine.search(Query(), offset=0, limit=1, facets=paths).facets == asked.facets[:-1]
    engine.close()


def test_what_is_most_frequent_is_found_where_not_all_values_are_listed(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitreg_indexer.tantivy_view._LISTED", 120)
    filled(engine, *(document(n, values=(("a", f"v{min(n, 190):03}"),)) for n in range(1, 200)))
    shown = counts(engine, "a")
    assert list(shown.items())[:3] == [("v190", 10), ("v001", 1), ("v002", 1)]
    assert len(shown) == 100


def test_an_answer_is_of_one_state_while_documents_come(engine: SearchEngine) -> None:
    filled(engine, document(1))
    torn: list[Found] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            found = engine.search(Query(), offset=0, limit=100, facets=("kind",))
            if not found.total == found.seq == len(found.ids) == dict(found.facets[0].counts)["Model"]:
                torn.append(found)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for each in asking:
        each.start()
    for number in range(2, 12):
        filled(engine, document(number))
    stop.set()
    for each in asking:
        each.join()
    assert torn == []


def test_a_folder_that_sorts_by_other_paths_counts_as_empty(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(opening(), document(1))
    for module in ("tantivy_engine", "whoosh_engine", "terms"):
        monkeypatch.setattr(f"gitreg_indexer.{module}.columns", lambda: {**columns(), "spec.new": "number"})
    engine = opening()
    assert engine.position() == ("", 0)
    assert engine.search(Query(), offset=0, limit=10, facets=("kind",)) == Found(0, (), "", 0, (Facet("kind", ()),))
    engine.refresh()
    engine.clear()
    filled(engine, document(2, values=(("spec.new", 1.0),)))
    assert ids(engine) == [2]


def files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size > 200)


def test_the_digests_of_what_is_kept_are_given_back(opening: Opening, engine: SearchEngine) -> None:
    assert (engine.count(), engine.digests([1]), engine.digests([])) == (0, {}, {})
    largest = 2**62 - 1
    filled(engine, *(document(number, digest=largest - number) for number in (1, 2, 3)))
    assert engine.count() == 3
    assert engine.digests([3, 1, 9]) == {1: largest - 1, 3: largest - 3}
    filled(engine, ended(document(2, digest=5), 4), seq=4)
    filled(engine, document(10, digest=0))
    for reader in (engine, opening()):
        assert reader.count() == 4
        assert reader.digests([1, 2, 3, 10]) == {1: largest - 1, 2: 5, 3: largest - 3, 10: 0}
    engine.clear()
    assert (engine.count(), engine.digests([1, 2])) == (0, {})


def test_a_whole_index_has_no_faults(engine: SearchEngine) -> None:
    assert engine.faults() == []
    filled(engine, *(document(n) for n in range(1, 30)))
    filled(engine, document(30))
    assert engine.faults() == []


def test_a_flipped_byte_is_found_and_its_file_named(opening: Opening, tmp_path: Path) -> None:
    engine = opening()
    filled(engine, *(document(n, tags=("chat",)) for n in range(1, 100)))
    engine.close()
    damaged = 0
    for file in files_of(tmp_path / "engine"):
        raw = file.read_bytes()
        if file.suffix == ".json":
            continue
        put(raw[:100] + bytes([raw[100] ^ 1]) + raw[101:], file)
        faults = engine.faults()
        assert len(faults) == 1
        assert file.name in faults[0]
        put(raw, file)
        damaged += 1
    assert damaged
    assert opening().faults() == []


def test_a_flipped_letter_in_a_listed_name_is_found(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    filled(engine, document(1))
    assert engine.faults() == []
    listed = tmp_path / ".managed.json"
    raw = listed.read_bytes()
    for at in (at for at in range(len(raw)) if chr(raw[at]).isalnum()):
        put(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], listed)
        assert engine.faults() != [], at


def test_a_flipped_letter_of_each_line_in_the_list_of_segments_is_found(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    filled(engine, *(document(n) for n in range(1, 10)))
    filled(engine, ended(document(2, digest=5), 4), seq=4)
    assert engine.faults() == []
    listed = tmp_path / "meta.json"
    lines = listed.read_text().splitlines()
    assert any("num_deleted_docs" in line for line in lines)
    for line in {line for line in lines if '"' in line}:
        at = line.index('"') + 1
        flipped = f"{line[:at]}{chr(ord(line[at]) ^ 0x20)}{line[at + 1 :]}"
        listed.write_text("\n".join(lines).replace(line, flipped, 1))
        assert engine.faults() != [], flipped


def test_a_file_that_is_cut_or_gone_is_named(opening: Opening, tmp_path: Path) -> None:
    engine = opening()
    filled(engine, *(document(n) for n in range(1, 100)))
    file = next(file for file in files_of(tmp_path / "engine") if file.suffix != ".json")
    raw = file.read_bytes()
    put(raw[:-5], file)
    assert any(file.name in fault for fault in engine.faults())
    file.unlink()
    assert any(file.name in fault for fault in engine.faults())


def test_what_is_broken_is_told_and_can_be_cleared(opening: Opening, tmp_path: Path) -> None:
    filled(opening(), document(1))
    for file in files_of(tmp_path / "engine"):
        put(b"This is no index at all. " * 400, file)
    engine = opening()
    with pytest.raises(GitregError) as caught:
        engine.position()
    assert "gitreg index --rebuild" in caught.value.mend
    assert str(tmp_path) in str(caught.value.where)
    assert engine.faults()
    engine.clear()
    filled(engine, document(2))
    assert ids(engine) == [2]
    assert engine.faults() == []


def test_facets_show_short_texts_and_long_words() -> None:
    for value in ("x" * 256, "word " * 12, "", 7.0, True):
        assert is_shown(value)
    for value in ("x" * 257, "word " * 13):
        assert not is_shown(value)


def test_numbers_are_shown_as_json_writes_them() -> None:
    shown = [label_of(value) for value in (8192.0, 0.5, -3.0, 1e300, True, False, "8192.0", 0.1 + 0.2, -0.0)]
    assert shown == ["8192", "0.5", "-3", "1e+300", "true", "false", "8192.0", "0.30000000000000004", "0"]


def test_what_stands_in_a_document_is_what_engines_take(engine: SearchEngine) -> None:
    data = {"spec": {"size": 7, "when": "2026-01-01", "ok": True, "list": [{"a": "x"}, {"a": "y"}]}}
    filled(engine, document(1, values=tuple(values_of(data))))
    for where in (Is("spec.size", 7), Has("spec.list"), Is("spec.list.a", "y"), Between("spec.when", 1.7e9)):
        assert ids(engine, Query(where=where)) == [1]


def test_words_are_runs_of_letters_digits_and_marks() -> None:
    assert words_of("GPT-4o, gpt_4o: v1.2!") == ["gpt", "4o", "v1", "2"]
    assert words_of("Größe GRÖSSE") == ["grösse"]
    assert words_of("ΟΔΟΣ οδος") == ["οδοσ"]
    assert words_of("e\u0301te\u0301 \u00e9t\u00e9 ﬁne") == ["été", "fine"]
    assert words_of("हिन्दी 日本語") == ["हिन्दी", "日本語"]
    assert words_of("... !?") == []
    assert words_of("x" * 1000) == ["x" * 64]
    assert folded("ÉTÉ") == folded("e\u0301te\u0301")


def test_an_unknown_engine_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(GitregError) as caught:
        open_engine("elastic", tmp_path)
    assert "tantivy" in str(caught.value.expected)


def priced(number: int, *prices: Any) -> Document:
    return document(number, values=tuple((PRICE, price) for price in prices))


PRICE: Final = "spec.pricing.perMillionTokens.input"


MANY: Final = tuple(100.0 + number for number in range(70))
"""More numbers than are asked for by name."""


def test_a_truth_among_numbers_is_sorted_as_one_and_lies_in_no_range(engine: SearchEngine) -> None:
    filled(engine, *(priced(number, price) for number, price in enumerate(MANY, start=1)), priced(80, True))
    assert list(engine.search(Query(sort=PRICE), offset=0, limit=2).ids) == [80, 1]
    assert ids(engine, Query(where=Between(PRICE, high=101.5))) == [1, 2]
    assert ids(engine, Query(where=Between(PRICE, low=0.5, high=1.5))) == []


def test_a_range_of_numbers_is_told_of_zero_whatever_its_sign(engine: SearchEngine) -> None:
    few = priced(1, -0.0), priced(2, 0.0), priced(3, 1.0), priced(4, -1.0)
    filled(engine, *few, *(priced(number, price) for number, price in enumerate(MANY, start=5)))
    assert ids(engine, Query(where=Between(PRICE, low=0.0, high=9.0))) == [1, 2, 3]
    assert ids(engine, Query(where=Between(PRICE, high=-0.0))) == [1, 2, 4]
    assert ids(engine, Query(where=Between(PRICE, low=0.0, high=9.0, includes_low=False))) == [3]
    assert ids(engine, Query(sort=PRICE))[:4] == [4, 1, 2, 3]


def test_relevance_turned_around_turns_the_tiers_and_not_what_is_equal(engine: SearchEngine) -> None:
    filled(engine, document(1, "zeta", text="hidden word"), document(2, "alpha", text="hidden thing"))
    assert ids(engine, Query("hidden", sort="-relevance")) == [2, 1]


@pytest.mark.parametrize(
    ("between", "found"),
    [
        (Between(PRICE, low=104.0, includes_high=False), 66),
        (Between(PRICE, low=104.0, includes_low=False), 65),
        (Between(PRICE, high=104.0, includes_low=False), 5),
        (Between(PRICE, high=104.0, includes_high=False), 4),
        (Between(PRICE, includes_low=False, includes_high=False), 70),
        (All((Between(PRICE, low=104.0), Between(PRICE, high=106.0, includes_high=False))), 2),
        (All((Between(PRICE, low=104.0), Between(PRICE, low=104.0, includes_low=False))), 65),
        (All((Between(PRICE, low=float("nan")), Between(PRICE, low=104.0))), 0),
        (All((Between(PRICE, low=107.0), Between(PRICE, high=106.0))), 0),
    ],
    ids=str,
)
def test_a_range_of_many_numbers_has_its_ends_or_not(engine: SearchEngine, between: Condition, found: int) -> None:
    filled(engine, *(priced(number, price) for number, price in enumerate(MANY, start=1)), document(90))
    assert engine.search(Query(where=between), offset=0, limit=1).total == found


def test_a_name_with_a_version_is_found_though_no_passage_has_it(engine: SearchEngine) -> None:
    filled(engine, document(1, "zeta"), document(2, "zeta-two"))
    for sort in (None, "name", "-updatedAt"):
        assert ids(engine, Query("zeta@1.0.0", sort=sort)) == [1]
