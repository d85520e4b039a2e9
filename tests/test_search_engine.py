"""What every search engine does: the conformance suite. A further engine is one more line in `ENGINES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitreg.errors import GitregError, UsageError
from gitreg_indexer.engine import SORTS, Document, Found, Query, SearchEngine, folded, open_engine, words_of
from gitreg_indexer.layout import FOREVER

ENGINES: Final = ("tantivy",)

Opening = Callable[[], SearchEngine]


@pytest.fixture(params=ENGINES)
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    """Open the engine over one and the same folder, as often as wanted."""
    return lambda: open_engine(str(request.param), tmp_path / "engine")


@pytest.fixture
def engine(opening: Opening) -> Iterator[SearchEngine]:
    opened = opening()
    yield opened
    opened.close()


def document(number: int, name: str = "", **more: Any) -> Document:
    """Make a document that holds from its number on; its words and its place in the order come from its name."""
    name = name or f"n{number:04}"
    heading = f"{name} {' '.join(more.get('tags', ()))}"
    stated: dict[str, Any] = {
        "kind": "Model",
        "namespaces": ("acme",),
        "provider": "openai",
        "type": "completion",
        "status": "active",
        "tags": (),
        "identifiers": (f"acme/{name}", f"model:acme/{name}"),
        "heading": heading,
        "order": f"acme/{name}\x01{number:04}",
        "version": "1.0.0",
        "version_key": "111010~",
        "seq_from": number,
        "seq_to": FOREVER,
        "created": number,
        **more,
    }
    stated["text"] = f"{stated['heading']} {more.get('text', '')}"
    return Document(id=number, name=name, **stated)


def ended(found: Document, seq: int) -> Document:
    return replace(found, seq_to=seq, is_live=False)


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
    filled(engine, replace(document(1, "a"), text="a after"), seq=5)
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
KEYS: Final[dict[str, Callable[[Document], Any]]] = {
    "version": lambda found: found.version_key or None,
    "updatedAt": lambda found: found.seq_from,
    "createdAt": lambda found: found.created,
    "contextLength": lambda found: found.context_length,
    "inputPrice": lambda found: found.input_price,
}


def ordered(documents: list[Document], sort: str) -> list[int]:
    """Order documents as the law has it: by value, absent last, ties in the unique order."""
    name = sort.removeprefix("-")
    is_reversed = sort != name
    if name not in KEYS:
        return [found.id for found in sorted(documents, key=lambda found: found.order, reverse=is_reversed)]
    values = sorted({value for found in documents if (value := KEYS[name](found)) is not None}, reverse=is_reversed)
    places = {value: place for place, value in enumerate(values)}
    last = len(places)
    return [f.id for f in sorted(documents, key=lambda f: (places.get(KEYS[name](f), last), f.order))]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn, st.integers(min_value=1, max_value=5))
def test_every_sort_is_a_total_order_that_paging_keeps(
    engine: SearchEngine, made: list[dict[str, Any]], size: int
) -> None:
    documents = [document(number, **fields) for number, fields in enumerate(made, start=1)]
    engine.clear()
    engine.apply(documents, instance="one", seq=20)
    for name in SORTS:
        for sort in (name, f"-{name}"):
            wanted = ordered(documents, sort)
            pages = [engine.search(Query(sort=sort), offset=n, limit=size) for n in range(0, len(documents) + 1, size)]
            assert [id_ for page in pages for id_ in page.ids] == wanted
            assert {page.total for page in pages} == {len(documents)}


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
