"""Every engine answers as the reference does, whatever is kept and whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_support import NARROWLY, ReferenceEngine, distance, opened

from gitreg.versions import Range, Version
from gitreg_indexer.conditions import All, Between, Condition, Has, Is, Not, Satisfies, Says, StartsWith, Within
from gitreg_indexer.conditions import Any as AnyOf
from gitreg_indexer.engine import LONGEST_PREFIX, SORTS, Document, Query, SearchEngine
from gitreg_indexer.fields import columns
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.typos import faults_between
from gitreg_indexer.values import seconds_of

ENGINES: Final = ("tantivy", NARROWLY, "whoosh")
LAST: Final = 9
WORDS: Final = ("gpt", "gtp", "mini", "mistral", "mistrals", "misral", "large", "4o", "été", "GPT-4o", "2024", "x" * 70)
TEXTS: Final = (
    *WORDS,
    "",
    " ",
    "Large mini",
    "mini large gpt",
    "mistral, Large",
    "acme/gpt",
    "gpt@1.0.0",
    "https://e.com/a",
    "1.2.0",
    "2.0.0-RC.1",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "true",
    "1",
    "a\\b c",
    "a.*[",
    "\uff27\uff30\uff34",
    "ß SS",
    "0a" * 16,
    "0a" * 16 + "f",
    "sha256:" + "0a" * 20,
    "a sentence that is longer than what is kept whole, and goes on so",
    "A sentence that is longer than what is kept whole, and goes on sO.",
    "v" * 199,
    "V" * 200 + "a",
    "v" * 200 + "b",
    "v" * 260 + " c",
    "v" * 260 + " d",
    "\u2028\x1f|",
)
BEGINNINGS: Final = (
    "",
    "g",
    "V",
    "mi",
    "a.",
    "0A0a",
    "0a" * 13,
    "A sentence THAT is longer than what is kept whole, an",
)
NUMBERS: Final = (
    0.0,
    -0.0,
    1.0,
    1.5,
    -2.0,
    7.0,
    8192.0,
    1e300,
    -1e-300,
    5e-324,
    1767225600.0,
    1767225601.0,
    float("inf"),
)
PATHS: Final = ("a", "a.b", "spec.custom.x/y.z", "metadata.tags", "spec.capabilities.languages", "registry.path")
NUMBERED: Final = ("spec.capabilities.contextLength", "registry.createdAt", "spec.capabilities.supportsVision")
TEXTED: Final = ("spec.provider", "metadata.owner", "kind", "metadata.name")
NAMESPACES: Final = ("acme", "acme/nlp", "globex")
VERSIONS: Final = ("", "1.0.0", "1.2.0", "2.0.0-rc.1")

scalars = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans(), st.text(max_size=6))
numbers = st.one_of(st.sampled_from(NUMBERS), st.floats(allow_nan=False, width=32))
sentences = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


@st.composite
def values(draw: st.DrawFn) -> tuple[tuple[str, Any], ...]:
    """Draw values: any at the free paths, one at those that are sorted by; a moment stands there as a number too."""
    found = draw(st.lists(st.tuples(st.sampled_from(PATHS), scalars), max_size=6))
    for path in (*NUMBERED, *TEXTED):
        if draw(st.booleans()):
            found.append((path, draw(scalars)))
    moments = [(path, seconds_of(value)) for path, value in found if isinstance(value, str)]
    return tuple(found) + tuple((path, seconds) for path, seconds in moments if seconds is not None)


@st.composite
def documents(draw: st.DrawFn, number: int) -> Document:
    name = draw(sentences) or "n"
    tags = draw(sentences)
    heading = f"{name} {tags}"
    version = draw(st.sampled_from(VERSIONS))
    begins = draw(st.integers(1, LAST))
    ends = draw(st.one_of(st.just(FOREVER), st.integers(begins + 1, LAST + 3)))
    return Document(
        id=number,
        kind="Model",
        namespaces=tuple(draw(st.lists(st.sampled_from(NAMESPACES), max_size=2, unique=True))),
        identifiers=tuple(draw(st.lists(st.sampled_from(TEXTS), max_size=2))),
        name=name,
        heading=heading,
        passages=(heading, *draw(st.lists(sentences, max_size=3))),
        rank=draw(st.integers(0, 2**55)) * 100 + number,
        version=version,
        version_key=Version.parse(version).sort_key() if version else "",
        seq_from=begins,
        seq_to=ends,
        values=draw(values()),
    )


@st.composite
def registries(draw: st.DrawFn) -> list[Document]:
    return [draw(documents(number)) for number in range(1, draw(st.integers(0, 9)) + 1)]


paths = st.sampled_from((*PATHS, *NUMBERED, *TEXTED, "nothing", "spec", "spec.custom"))
bounds = st.one_of(st.none(), numbers, st.just(float("nan")))
ranges = st.sampled_from(("^1.0", ">=1.1", "*", "2.0.0-rc.1", "<0", ">=2.0.0-0")).map(Range.parse)
comparisons: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Is, paths, scalars),
    st.builds(
        StartsWith,
        paths,
        st.sampled_from([text for text in (*TEXTS, *BEGINNINGS) if len(text) <= LONGEST_PREFIX]),
    ),
    st.builds(Says, paths, st.one_of(st.sampled_from(TEXTS), sentences)),
    st.builds(Between, paths, bounds, bounds, st.booleans(), st.booleans()),
    st.builds(Satisfies, paths, ranges),
    st.builds(Has, paths),
    st.builds(Within, st.sampled_from(NAMESPACES)),
)


def nested(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(st.builds(All, several), st.builds(AnyOf, several), st.builds(Not, inner))


conditions = st.recursive(comparisons, nested, max_leaves=6)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw free text: words with and without signs, phrases, now and then a whole identifier."""
    piece = st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from(("mistrl", "imstral", "larg", "minni", "mistrall")),
        st.sampled_from(WORDS).map(lambda word: f"-{word}"),
        st.sampled_from(("g*", "mi*", "-larg*", '"large mini"', '-"mini large"', '"gpt"', "*", '"')),
    )
    return " ".join(draw(st.lists(piece, max_size=3))) if draw(st.booleans()) else draw(st.sampled_from(TEXTS))


SORTED: Final = (*SORTS, *NUMBERED, *TEXTED)
queries = st.builds(
    Query,
    text=st.one_of(st.none(), texts()),
    namespace=st.sampled_from((None, None, "acme")),
    tag=st.sampled_from(((), (), ("gpt",))),
    where=st.one_of(st.none(), conditions),
    sort=st.one_of(st.none(), st.sampled_from([sign + name for name in SORTED for sign in ("", "-")])),
    ids=st.one_of(st.none(), st.none(), st.lists(st.integers(1, 10), max_size=6).map(tuple)),
)
moments = st.one_of(st.none(), st.integers(0, LAST + 4))


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    folder: Path = tmp_path_factory.mktemp("engine")
    with pytest.MonkeyPatch.context() as patch:
        made = opened(str(request.param), folder / "engine", patch)
        yield made
        made.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(registries(), st.lists(st.tuples(queries, moments), min_size=1, max_size=8), st.data())
def test_an_engine_answers_as_the_reference_does(
    engine: SearchEngine, kept: list[Document], asked: list[tuple[Query, int | None]], data: st.DataObject
) -> None:
    assert set(NUMBERED) | set(TEXTED) <= set(columns())
    reference = ReferenceEngine()
    engine.clear()
    cut = data.draw(st.integers(0, len(kept)), label="documents in a first commit")
    for each in (engine, reference):
        each.apply(kept[:cut], instance="one", seq=LAST)
        each.apply(kept[cut:], instance="one", seq=LAST)
    for query, at in asked:
        offset = data.draw(st.integers(0, 4), label="offset")
        limit = data.draw(st.integers(0, 5), label="limit")
        facets = data.draw(st.lists(paths, max_size=2, unique=True), label="facets")
        told = engine.search(query, offset=offset, limit=limit, at=at, facets=facets)
        assert told == reference.search(query, offset=offset, limit=limit, at=at, facets=facets)


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_faults_are_counted_as_by_the_textbook(one: str, two: str) -> None:
    for most in (1, 2):
        assert min(faults_between(one, two, most), most + 1) == min(distance(one, two), most + 1)
