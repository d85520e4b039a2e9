"""A search as people ask it: fields by name, facets, moments, and pages that go on while the index moves."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from index_support import Files, commit, dataset, indexed, manifest, model

from gitreg.errors import GitregError, NotFoundError, UsageError
from gitreg.registry import Registry
from gitreg_indexer import Index, Reader
from gitreg_indexer.fields import CUSTOM, NO_CUSTOM_FIELDS, known_fields
from gitreg_indexer.filters import FilterError
from gitreg_indexer.searching import MOST_FACETS, Asked, Result, field_of, run

PRICES: Final = {"a": 3.0, "b": 1.0, "c": 2.0}


def priced(name: str, price: float, **more: Any) -> dict[str, bytes]:
    pricing = {"currency": "USD", "perMillionTokens": {"input": price}}
    return model(name, spec={"pricing": pricing, "capabilities": {"contextLength": int(price * 1000)}}, **more)


def schema(version: str, type_: str) -> dict[str, bytes]:
    """Give a MetadataSchema that types one custom field."""
    inner = {"type": "object", "properties": {"costCentre": {"type": type_}}}
    metadata = {"namespace": "acme", "name": "billing", "version": version}
    raw = manifest("MetadataSchema", metadata, {"appliesTo": list(known_fields()[CUSTOM].kinds), "schema": inner})
    return {f"metadata-schemas/acme/billing/{version}.yaml": raw}


def found(result: Result) -> list[str]:
    return [fact.ref.removeprefix("model:acme/") for fact in result.page.items]


def pages(reader: Reader, asked: Asked) -> Iterator[Result]:
    """Walk all pages by their cursors."""
    while True:
        result = run(reader, asked)
        yield result
        if result.cursor is None:
            return
        asked = replace(asked, cursor=result.cursor, offset=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, Index]:
    first = {**priced("a", 3.0, tags=["chat"]), **priced("b", 1.0, tags=["chat", "fast"]), **dataset("corpus")}
    second = priced("c", 2.0, description="Answers support tickets.")
    return indexed(tmp_path_factory.mktemp("made"), first, second)


@pytest.fixture
def reader(made: tuple[Registry, Index]) -> Reader:
    return made[1].reader()


A, B, C = "a@1.0.0", "b@1.0.0", "c@1.0.0"


@pytest.mark.parametrize(
    ("asked", "refs"),
    [
        pytest.param(Asked(kind="Model"), [A, B, C], id="a kind"),
        pytest.param(Asked(filter="inputPrice < 3"), [B, C], id="a filter by a short name"),
        pytest.param(Asked(filter="spec.pricing.perMillionTokens.input < 3"), [B, C], id="a filter by path"),
        pytest.param(Asked(kind="Model", filter="  "), [A, B, C], id="a blank filter"),
        pytest.param(Asked(text="support", filter="inputPrice < 2"), [], id="text and a filter that do not meet"),
        pytest.param(Asked(kind="Model", sort="inputPrice"), [B, C, A], id="a sort by a short name"),
        pytest.param(Asked(kind="Model", sort="-pricing.perMillionTokens.input"), [A, C, B], id="without its head"),
        pytest.param(Asked(kind="Model", sort="-spec.capabilities.contextLength"), [A, C, B], id="a sort by path"),
        pytest.param(Asked(kind="Model", sort="-capabilities.contextLength", at="2"), [A, B], id="as of a seq"),
        pytest.param(Asked(kind="Model", at="main"), [A, B, C], id="as of a branch"),
        pytest.param(Asked(kind="Model", at="2025-01-02"), [A, B, C], id="as of a day"),
    ],
)
def test_what_is_asked_is_found(reader: Reader, asked: Asked, refs: list[str]) -> None:
    assert found(run(reader, asked)) == refs


@pytest.mark.parametrize(
    ("asked", "error", "says", "mend"),
    [
        pytest.param(Asked(filter="inptPrice < 3"), FilterError, "no field 'inptPrice'", "'inputPrice'", id="a filter"),
        pytest.param(Asked(filter="inputPrice <"), FilterError, "filter:1:", "", id="half a filter"),
        pytest.param(Asked(sort="nmae"), UsageError, "sorted by 'nmae'", "'name'", id="a sort that is no field"),
        pytest.param(Asked(sort="-tags"), UsageError, "sorted by", "", id="a sort by what has several values"),
        pytest.param(Asked(status=("actve",)), UsageError, "'actve'", "'active'", id="a status that none has"),
        pytest.param(Asked(facets=("provder",)), UsageError, "no field 'provder'", "'provider'", id="a facet"),
        pytest.param(Asked(facets=("pricing",)), UsageError, "fields of its own", "pricing.<field>", id="a part"),
        pytest.param(Asked(facets=("labels",)), UsageError, "fields of its own", "labels.<field>", id="a map"),
        pytest.param(
            Asked(facets=tuple(f"labels.l{n}" for n in range(MOST_FACETS + 1))), UsageError, "at once", "", id="many"
        ),
        pytest.param(Asked(facets=("kind", "id")), UsageError, "'id' is another one", "`provider`", id="an id"),
        pytest.param(Asked(facets=("registry.blob",)), UsageError, "another one", "`provider`", id="a blob"),
        pytest.param(
            Asked(text="x" * 1001), UsageError, "has 1001 characters", "words that tell most", id="a long text"
        ),
        pytest.param(
            Asked(text="*", mode="semantic"), UsageError, "there is none", "give a text", id="near to nothing"
        ),
        pytest.param(Asked(at="99"), NotFoundError, "'99'", "gitreg changes", id="a seq that has not come"),
        pytest.param(Asked(at="2024-01-01"), NotFoundError, "'2024-01-01'", "", id="a day before all"),
        pytest.param(Asked(at="nowhere"), UsageError, "no moment", "", id="a name that nothing has"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_mend(
    reader: Reader, asked: Asked, error: type[GitregError], says: str, mend: str
) -> None:
    with pytest.raises(error) as refused:
        run(reader, asked)
    assert says in refused.value.says
    assert mend in refused.value.mend


def test_facets_count_over_all_that_is_found_by_the_names_they_were_asked_by(reader: Reader) -> None:
    asked = Asked(kind="Model", facets=("provider", "metadata.tags", "tags", "license"), limit=1)
    beside = run(reader, asked).beside_items()
    assert beside["total"] == 3
    assert beside["facets"] == {
        "provider": [{"value": "openai", "count": 3}],
        "metadata.tags": [{"value": "chat", "count": 2}, {"value": "fast", "count": 1}],
        "tags": [{"value": "chat", "count": 2}, {"value": "fast", "count": 1}],
        "license": [],
    }
    past = run(reader, replace(asked, at="2", filter="NOT tags : fast")).beside_items()
    assert past["facets"]["tags"] == [{"value": "chat", "count": 1}]
    assert (past["total"], past["cursor"]) == (1, None)


def test_highlights_come_by_item_and_only_where_they_are_asked_for(reader: Reader) -> None:
    asked = Asked(text="support", highlight=True)
    assert run(reader, asked).beside_items()["highlights"] == {
        "model:acme/c@1.0.0": [{"path": "metadata.description", "text": "Answers support tickets.", "spans": [[8, 15]]}]
    }
    assert "highlights" not in run(reader, replace(asked, highlight=False)).beside_items()


def test_words_that_nothing_has_are_told_with_what_they_were_taken_for(reader: Reader) -> None:
    result = run(reader, Asked(text="suport", highlight=True))
    assert found(result) == [C]
    assert result.beside_items()["meant"] == [{"asked": "suport", "taken": "support"}]
    (fragments,) = result.highlights or ()
    assert fragments[0]["spans"] == [[8, 15]]
    assert "meant" not in run(reader, Asked(text="support")).beside_items()


def test_custom_fields_have_the_types_of_the_moment_that_is_asked_of(tmp_path: Path) -> None:
    costs = model("a", spec={"custom": {"acme": {"costCentre": 7}}})
    _, index = indexed(tmp_path, costs, schema("1.0.0", "string"), schema("2.0.0", "integer"))
    reader = index.reader()
    asked = Asked(filter="custom.acme.costCentre > 5")
    assert found(run(reader, asked)) == [A]
    with pytest.raises(FilterError, match="no order"):
        run(reader, replace(asked, at="3"))
    assert found(run(reader, replace(asked, at="2"))) == [A]
    assert run(reader, Asked(kind="Model", facets=("custom.acme.costCentre",))).facets is not None


def test_a_schema_that_lands_while_a_search_runs_types_what_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, index = indexed(tmp_path, model("a", spec={"custom": {"acme": {"costCentre": 7}}}))
    reader, search = index.reader(), Reader.search

    def moved_on(self: Reader, *words: Any, **more: Any) -> Any:
        monkeypatch.setattr(Reader, "search", search)
        commit(registry.repo, schema("1.0.0", "string"))
        index.catch_up()
        return search(self, *words, **more)

    monkeypatch.setattr(Reader, "search", moved_on)
    with pytest.raises(FilterError, match="no order"):
        run(reader, Asked(filter="custom.acme.costCentre > 5"))


def test_custom_fields_are_read_once_for_each_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, index = indexed(tmp_path, schema("1.0.0", "string"), model())
    reader, read = index.reader(), Reader.manifests
    asked: list[int | None] = []

    def counted(self: Reader, kind: str, *, at: int | None = None) -> Any:
        asked.append(at)
        return read(self, kind, at=at)

    monkeypatch.setattr(Reader, "manifests", counted)
    for moment in (None, "2", None, "2", "3"):
        run(reader, Asked(filter="provider = openai", at=moment))
    assert asked == [3, 2]


def test_an_index_with_nothing_in_it_finds_nothing(tmp_path: Path) -> None:
    registry, _ = indexed(tmp_path / "made")
    empty = Index.open(registry, tmp_path / "empty").reader()
    result = run(empty, Asked(filter="provider = openai", facets=("type",)))
    assert (result.page.total, result.cursor, result.page.position.seq) == (0, None, 0)
    assert empty.custom_fields(result.position) == NO_CUSTOM_FIELDS


# Pages


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(Asked(), id="everything by name"),
        pytest.param(Asked(sort="-updatedAt"), id="newest first"),
        pytest.param(Asked(text="acme"), id="by relevance"),
        pytest.param(Asked(kind="Model", filter="inputPrice > 0", sort="inputPrice"), id="a filter, by price"),
    ],
)
def test_pages_go_on_where_they_ended_whatever_lands_meanwhile(tmp_path: Path, asked: Asked, size: int) -> None:
    first = {**priced("a", 3.0), **priced("b", 1.0), **priced("c", 2.0), **dataset("corpus"), **dataset("z")}
    registry, index = indexed(tmp_path, first)
    reader = index.reader()
    whole = run(reader, replace(asked, limit=1000)).page
    walked: list[str] = []
    landing: list[Files] = [priced("a", 9.0), priced("b", 0.5), {"models/acme/c/1.0.0.yaml": None}, priced("aa", 1.5)]
    for number, result in enumerate(pages(reader, replace(asked, limit=size))):
        walked += [fact.ref for fact in result.page.items]
        assert (result.page.total, result.page.position) == (whole.total, whole.position)
        commit(registry.repo, landing[number % 4])
        index.catch_up()
    assert walked == [fact.ref for fact in whole.items]
    assert run(reader, asked).page.position.seq > whole.position.seq


def test_the_last_page_and_a_page_of_nothing_have_no_cursor(reader: Reader) -> None:
    assert run(reader, Asked(kind="Model", limit=3)).cursor is None
    assert run(reader, Asked(kind="Model", limit=0)).cursor is None
    assert run(reader, Asked(kind="Model", offset=7)).cursor is None
    assert run(reader, Asked(kind="Model", limit=1, offset=2)).cursor is None


def test_how_many_and_what_is_told_beside_them_may_differ_from_page_to_page(reader: Reader) -> None:
    asked = Asked(kind="Model", limit=1)
    following = replace(asked, cursor=run(reader, asked).cursor, limit=2, facets=("provider",), highlight=True)
    result = run(reader, following)
    assert found(result) == [B, C]
    assert result.page.offset == 1
    assert result.facets is not None


def test_a_cursor_is_the_same_however_its_moment_was_named(reader: Reader) -> None:
    asked = Asked(kind="Model", limit=1)
    named = {run(reader, replace(asked, at=at)).cursor for at in (None, "3", "main", "2025-01-02")}
    assert len(named) == 1


def changed(cursor: str, **parts: Any) -> str:
    """Give a cursor in which a part was changed."""
    told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for place, value in parts.items():
        told[("seq", "commit", "offset", "digest").index(place)] = value
    return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("other", "says"),
    [
        pytest.param({"text": "acme"}, "of another query", id="a text"),
        pytest.param({"kind": "Dataset"}, "of another query", id="a kind"),
        pytest.param({"filter": "inputPrice < 9"}, "of another query", id="a filter"),
        pytest.param({"sort": "-name"}, "of another query", id="a sort"),
        pytest.param({"provider": ("openai",)}, "of another query", id="a provider"),
        pytest.param({"offset": 2}, "both say where the page begins", id="an offset"),
        pytest.param({"at": "2"}, "another moment", id="another moment"),
        pytest.param({"at": "99"}, "'99'", id="a moment that has not come"),
    ],
)
def test_a_cursor_is_of_one_query(reader: Reader, other: dict[str, Any], says: str) -> None:
    asked = Asked(kind="Model", limit=1)
    following = replace(asked, cursor=run(reader, asked).cursor)
    assert found(run(reader, replace(following, at="3"))) == [B]
    assert found(run(reader, replace(following, at="main"))) == [B]
    with pytest.raises(GitregError) as refused:
        run(reader, replace(following, **other))
    assert says in refused.value.says
    assert refused.value.mend


def test_the_order_in_which_filters_are_repeated_is_no_other_query(reader: Reader) -> None:
    asked = Asked(type=("completion", "embedding"), limit=1)
    turned = Asked(type=("embedding", "completion"), limit=1, cursor=run(reader, asked).cursor)
    assert found(run(reader, turned)) == [B]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: "", id="nothing"),
        pytest.param(lambda _: "x", id="a letter"),
        pytest.param(lambda cursor: cursor[:-8], id="cut off"),
        pytest.param(lambda cursor: cursor[4:], id="cut in front"),
        pytest.param(lambda cursor: cursor + "AAAA", id="longer"),
        pytest.param(lambda cursor: "ä" + cursor, id="not ASCII"),
        pytest.param(lambda _: "e30", id="another JSON"),
        pytest.param(lambda _: "A" * 10_000, id="very long"),
        pytest.param(lambda cursor: changed(cursor, offset=0), id="another offset"),
        pytest.param(lambda cursor: changed(cursor, offset=-1), id="a negative offset"),
        pytest.param(lambda cursor: changed(cursor, offset=1.5), id="an offset with a fraction"),
        pytest.param(lambda cursor: changed(cursor, offset=True), id="an offset that is a truth value"),
        pytest.param(lambda cursor: changed(cursor, seq=2), id="another seq"),
        pytest.param(lambda cursor: changed(cursor, seq=10**30), id="a seq beyond all numbers"),
        pytest.param(lambda cursor: changed(cursor, seq=10**9), id="a seq that none is"),
        pytest.param(lambda cursor: changed(cursor, offset=2**63), id="an offset beyond all numbers"),
        pytest.param(lambda cursor: changed(cursor, commit="0" * 40), id="another commit"),
        pytest.param(lambda cursor: changed(cursor, digest=""), id="no digest"),
    ],
)
def test_a_damaged_cursor_is_refused(reader: Reader, damage: Any) -> None:
    asked = Asked(kind="Model", limit=1)
    cursor = run(reader, asked).cursor
    assert cursor is not None
    with pytest.raises(UsageError, match="cursor") as refused:
        run(reader, replace(asked, cursor=damage(cursor)))
    assert refused.value.mend


@pytest.mark.parametrize("commits", [1, 2])
def test_a_cursor_of_a_past_that_is_no_more_is_refused(reader: Reader, tmp_path: Path, commits: int) -> None:
    """A registry with the same uid and another history is what a rewritten main looks like."""
    asked = Asked(kind="Model", limit=1)
    cursor = run(reader, asked).cursor
    _, other = indexed(tmp_path, *[{**priced("x", 1.0), **priced("y", n + 1.0)} for n in range(commits)])
    with pytest.raises(UsageError, match="main was rewritten") as refused:
        run(other.reader(), replace(asked, cursor=cursor))
    assert "without the cursor" in refused.value.mend


def test_how_far_the_index_must_have_come_is_told_by_the_words(reader: Reader) -> None:
    asked = Asked(kind="Model", limit=1)
    assert asked.seq_needed() is None
    assert replace(asked, at="42").seq_needed() == 42
    assert replace(asked, at="2026-06-30").seq_needed() is None
    assert replace(asked, cursor=run(reader, asked).cursor).seq_needed() == 3


def test_only_a_whole_id_or_a_cursor_is_of_one_commit_for_ever(reader: Reader) -> None:
    asked = Asked(kind="Model", limit=1)
    assert replace(asked, at="a" * 40).is_of_one_commit
    assert replace(asked, cursor=run(reader, asked).cursor).is_of_one_commit
    for at in (None, "3", "main", "abcdef0", "2026-06-30"):
        assert not replace(asked, at=at).is_of_one_commit


# Fields of a history


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("status", "spec.lifecycle.status", id="a short name"),
        pytest.param("pricing", "spec.pricing", id="a part"),
        pytest.param("spec.pricing.perMillionTokens", "spec.pricing.perMillionTokens", id="a path"),
        pytest.param("custom.acme.costCentre", "spec.custom.acme.costCentre", id="a custom field"),
        pytest.param("labels.tier", "metadata.labels.tier", id="a key of a map"),
    ],
)
def test_a_field_of_a_history_goes_by_its_names(reader: Reader, name: str, path: str) -> None:
    assert field_of(reader, "Model", name) == path


def test_a_field_that_the_kind_has_not_is_refused(reader: Reader) -> None:
    with pytest.raises(UsageError, match="no model has a field 'dag'"):
        field_of(reader, "Model", "dag")
    with pytest.raises(UsageError, match="no field 'pricng'"):
        field_of(reader, "Model", "pricng")
