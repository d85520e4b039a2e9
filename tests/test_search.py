"""Searching a registry: what comes first, what is found at all, and what filters and sorts mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from index_support import aliases, commit, dataset, indexed, model, refs, searched

from gitreg.errors import UsageError
from gitreg.registry import Registry
from gitreg_indexer import Index, Query, Reader
from gitreg_indexer.filters import parse_filter

Made = tuple[Registry, Index]

KEYS: Final = (
    "1024-x-1024/50-steps/bedrock/amazon.nova-canvas-v1:0",
    "azure/gpt-4o",
    "Azure/GPT-4o",
    "gpt-4o",
    "together_ai/meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
    "claude-3-5-sonnet@20240620",
    "größe/模型",
)


def names(index: Index, text: str | None = None, **more: Any) -> list[str]:
    return [ref.partition(":")[2].rpartition("@")[0] for ref in searched(index, text, **more)]


@pytest.fixture(scope="module")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Five models that have to do with `gpt`, each in another way, and one that has not."""
    files = {
        **model("gpt", namespace="zeta"),
        **model("gpt-mini", namespace="acme"),
        **model("mini", namespace="acme", tags=["gpt"]),
        **model("nano", namespace="acme", description="Smaller than GPT, they say."),
        **model("other", namespace="acme", externalIds={"litellm": "GPT"}),
        **model("unrelated", namespace="acme"),
    }
    return indexed(tmp_path_factory.mktemp("tiers"), files)[1]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """A model for each of `KEYS`, and decoys that speak of all of them."""
    files: dict[str, bytes] = {}
    for number, key in enumerate(KEYS):
        files |= model(f"m{number}", namespace="zeta", externalIds={"litellm": key})
        files |= model(f"decoy{number}", namespace="acme", description=f"Not {key} but near {key}.")
    return indexed(tmp_path_factory.mktemp("keyed"), files)[1]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Models that differ in all that can be filtered and sorted by."""

    def priced(price: float) -> dict[str, Any]:
        return {"currency": "USD", "perMillionTokens": {"input": price}}

    first = {
        **model("a", spec={"provider": "openai", "capabilities": {"contextLength": 8192}}, tags=["chat", "eu"]),
        **model("b", spec={"provider": "mistral", "type": "embedding", "pricing": priced(2)}, tags=["chat"]),
        **model("c", spec={"lifecycle": {"status": "deprecated"}, "pricing": priced(0.5)}, namespace="acme/nlp"),
    }
    second = {
        **model("d", spec={"lifecycle": {"status": "retired"}, "pricing": priced(0)}, namespace="acme-x"),
        **model("a", "1.10.0", spec={"capabilities": {"contextLength": 4096}}),
        **dataset("corpus"),
    }
    return indexed(tmp_path_factory.mktemp("wide"), first, second, aliases(stable="1.0.0"))[1]


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Models that leave to their schema what it has a default for, but for one."""
    models = {
        **model("bare"),
        **model("noted", spec={"release": {"changelog": "New."}}),
        **model("said", spec={"release": {"breakingChanges": False}}),
    }
    return indexed(tmp_path_factory.mktemp("silent"), models)[1]


def test_the_surer_a_match_the_earlier_it_comes(tiers: Index) -> None:
    assert names(tiers, "GPT") == ["acme/other", "zeta/gpt", "acme/gpt-mini", "acme/mini", "acme/nano"]
    assert names(tiers, "gpt")[:2] == ["acme/other", "zeta/gpt"]


def test_the_reverse_of_relevance_puts_the_surest_last(tiers: Index) -> None:
    assert names(tiers, "gpt", sort="-relevance")[-2:] == ["zeta/gpt", "acme/other"]


def test_totals_count_every_tier_wherever_the_page_lies(tiers: Index) -> None:
    everything = names(tiers, "gpt")
    for offset in range(7):
        for limit in range(7):
            page = tiers.reader().search(Query("gpt"), offset=offset, limit=limit)
            assert page.total == 5
            assert [ref.partition(":")[2].rpartition("@")[0] for ref in refs(page)] == everything[offset:][:limit]


@pytest.mark.parametrize("key", KEYS)
def test_another_catalogues_key_comes_first_in_any_case(keyed: Index, key: str) -> None:
    number = KEYS.index(key)
    assert names(keyed, key)[0] == f"zeta/m{number}"
    folded_alike = {f"zeta/m{n}" for n, other in enumerate(KEYS) if other.casefold() == key.casefold()}
    assert names(keyed, key.upper())[0] in folded_alike
    assert names(keyed, f"  {key} ")[0] == f"zeta/m{number}"


@pytest.mark.parametrize(
    "form", ["name", "place", "ref", "ref without kind", "ref without version", "id", "upper case"]
)
def test_an_exact_identifier_comes_first(tmp_path: Path, form: str) -> None:
    decoys = {
        path: raw
        for number in range(3)
        for path, raw in model(f"decoy{number}", description="Like model acme/a 1.0.0, model:acme/a@1.0.0.").items()
    }
    _, index = indexed(tmp_path, {**model("a", tags=["x"]), **decoys})
    known = index.reader().search(Query("model:acme/a@1.0.0")).items[0].data()["registry"]
    text = {
        "name": "a",
        "place": "acme/a",
        "ref": "model:acme/a@1.0.0",
        "ref without kind": "acme/a@1.0.0",
        "ref without version": "model:acme/a",
        "id": known["id"],
        "upper case": "ACME/A@1.0.0",
    }[form]
    assert searched(index, text)[0] == "model:acme/a@1.0.0"


def test_the_newest_version_of_a_name_comes_first(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, {**model("a", "1.9.0"), **model("a", "1.10.0"), **model("a", "2.0.0-rc.1")})
    assert searched(index, "acme/a") == ["model:acme/a@2.0.0-rc.1", "model:acme/a@1.10.0", "model:acme/a@1.9.0"]


@pytest.mark.parametrize(
    "text",
    ["tickets", "TICKETS", "summarises tickets", "chat-tag", "costs", "4711", "Quarterly", "übergröße", "ÜBERGRÖSSE"],
)
def test_words_are_found_wherever_they_stand(tmp_path: Path, text: str) -> None:
    described = "Summarises support tickets, Übergröße!"
    custom = {"acme": {"costCentre": "4711", "review": {"note": ["Quarterly", 3]}, "costs": 5}}
    _, index = indexed(tmp_path, {**model(description=described, tags=["chat-tag"], spec={"custom": custom})})
    assert searched(index, text) == ["model:acme/a@1.0.0"]


def test_all_words_are_required(tmp_path: Path) -> None:
    _, index = indexed(
        tmp_path, {**model("a", description="red green"), **model("b", description="red"), **model("c", tags=["green"])}
    )
    assert names(index, "red") == ["acme/a", "acme/b"]
    assert names(index, "green red") == ["acme/a"]
    assert names(index, "red blue") == []


def test_words_of_other_scripts_are_found(tmp_path: Path) -> None:
    texts = ["हिन्दी में उत्तर", "日本語 モデル", "ΟΔΟΣ ΑΘΗΝΑ", "привет мир", "caf\u00e9 ﬁne", "العَرَبِيَّة لغة"]
    files = [model(f"m{number}", description=text) for number, text in enumerate(texts)]
    _, index = indexed(tmp_path, {path: raw for file in files for path, raw in file.items()})
    for number, text in enumerate(texts):
        assert names(index, text) == [f"acme/m{number}"]
    assert names(index, "οδος") == ["acme/m2"]
    assert names(index, "cafe\u0301 fine") == ["acme/m4"]


@pytest.mark.parametrize("text", ["!?", "...", "@", "-", "'\"", "\\", "a AND", "(b", "**", "name:a", "\x00", "\udcff"])
def test_no_text_breaks_a_search(tiers: Index, text: str) -> None:
    page = tiers.reader().search(Query(text))
    assert page.total == len(page.items) == 0


@pytest.mark.parametrize("text", [None, "", "   ", "\n\t", '""', "*", " * "])
def test_an_empty_text_finds_everything_by_name(tiers: Index, text: str | None) -> None:
    assert searched(tiers, text) == searched(tiers)
    assert len(searched(tiers, text)) == 7


def test_a_very_long_query_is_answered(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(1400))
    _, index = indexed(tmp_path, model(description=words[:10_000]))
    assert len(words) > 10_000
    assert names(index, words[:10_000]) == ["acme/a"]
    assert names(index, f"{words[:9_900]} other") == []
    assert names(index, "x" * 10_000) == []
    assert names(index, "?" * 100_000) == []


def test_a_very_long_word_is_found_by_its_beginning(tmp_path: Path) -> None:
    word = "abcdefghij" * 20
    _, index = indexed(tmp_path, model(description=f"See {word}."))
    assert names(index, word) == ["acme/a"]


FILTERS: Final[tuple[tuple[str, dict[str, Any], list[str]], ...]] = (
    (
        "a namespace and all below it",
        {"namespace": "acme", "kind": "Model"},
        ["acme/a", "acme/a", "acme/b", "acme/nlp/c"],
    ),
    ("a namespace below", {"namespace": "acme/nlp"}, ["acme/nlp/c"]),
    ("a sibling whose name begins alike", {"namespace": "acme-x"}, ["acme-x/d"]),
    ("a part of a namespace's name", {"namespace": "acm"}, []),
    ("any provider", {"provider": ("mistral", "cohere")}, ["acme/b"]),
    ("any type", {"type": ("embedding", "rerank")}, ["acme/b"]),
    ("any status", {"status": ("deprecated", "retired")}, ["acme-x/d", "acme/nlp/c"]),
    ("one tag", {"tag": ("chat",)}, ["acme/a", "acme/b"]),
    ("all tags", {"tag": ("chat", "eu")}, ["acme/a"]),
    ("a kind", {"kind": "Dataset"}, ["acme/corpus"]),
    ("filters together", {"tag": ("chat",), "provider": ("openai",), "type": ("completion",)}, ["acme/a"]),
    ("a provider that nobody has", {"provider": ("nobody",)}, []),
)


@pytest.mark.parametrize(("more", "wanted"), [case[1:] for case in FILTERS], ids=[case[0] for case in FILTERS])
def test_filters_hold_with_and_without_text(wide: Index, more: dict[str, Any], wanted: list[str]) -> None:
    assert names(wide, **more) == wanted
    assert set(names(wide, "acme", **more)) == {name for name in wanted if name.startswith("acme")}


SORTED: Final = (
    ("name", ["acme-x/d", "acme/a", "acme/a", "acme/b", "acme/nlp/c"]),
    ("-name", ["acme/nlp/c", "acme/b", "acme/a", "acme/a", "acme-x/d"]),
    ("updatedAt", ["acme/a", "acme/b", "acme/nlp/c", "acme-x/d", "acme/a"]),
    ("-updatedAt", ["acme-x/d", "acme/a", "acme/a", "acme/b", "acme/nlp/c"]),
    ("-createdAt", ["acme-x/d", "acme/a", "acme/a", "acme/b", "acme/nlp/c"]),
    ("version", ["acme-x/d", "acme/a", "acme/b", "acme/nlp/c", "acme/a"]),
    ("-version", ["acme/a", "acme-x/d", "acme/a", "acme/b", "acme/nlp/c"]),
    ("contextLength", ["acme/a", "acme/a", "acme-x/d", "acme/b", "acme/nlp/c"]),
    ("-contextLength", ["acme/a", "acme/a", "acme-x/d", "acme/b", "acme/nlp/c"]),
    ("inputPrice", ["acme-x/d", "acme/nlp/c", "acme/b", "acme/a", "acme/a"]),
    ("-inputPrice", ["acme/b", "acme/nlp/c", "acme-x/d", "acme/a", "acme/a"]),
)


@pytest.mark.parametrize(("sort", "wanted"), SORTED)
def test_sorting_keeps_what_is_absent_for_the_end(wide: Index, sort: str, wanted: list[str]) -> None:
    assert names(wide, kind="Model", sort=sort) == wanted


def test_records_without_a_version_come_last_by_version(wide: Index) -> None:
    for sort in ("version", "-version"):
        assert set(searched(wide, sort=sort)[-2:]) == {"registry", "aliases:model/acme/a"}


def test_aliases_of_two_kinds_stand_apart(tmp_path: Path) -> None:
    _, index = indexed(tmp_path, aliases(stable="1.0.0"), aliases(of="Dataset", stable="1.0.0"))
    reader = index.reader()
    one_by_one = [refs(reader.search(Query(kind="Aliases"), offset=n, limit=1))[0] for n in range(2)]
    assert one_by_one == ["aliases:dataset/acme/a", "aliases:model/acme/a"]


@pytest.mark.parametrize("query", [Query(), Query("acme"), Query(sort="-updatedAt"), Query(sort="inputPrice")])
@pytest.mark.parametrize(("offset", "limit"), [(0, 0), (5, 0), (1000, 10), (10**12, 10), (0, 10**12)])
def test_pages_may_lie_anywhere(wide: Index, query: Query, offset: int, limit: int) -> None:
    whole = wide.reader().search(query, limit=1000)
    page = wide.reader().search(query, offset=offset, limit=limit)
    assert page.total == whole.total
    assert refs(page) == refs(whole)[offset:][:limit]
    assert (page.offset, page.limit, page.position) == (offset, limit, whole.position)


@pytest.mark.parametrize(("sort", "near"), [("updatedat", "updatedAt"), ("-prices", "inputPrice"), ("nmae", "name")])
def test_an_unknown_sort_is_refused_with_the_nearest(wide: Index, sort: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        wide.reader().search(Query(sort=sort))
    assert f"did you mean {near!r}?" in caught.value.mend or near in str(caught.value.expected)
    assert caught.value.got == sort


def test_a_search_as_of_the_past_sees_the_past(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path, model(description="red"), model(description="blue"))
    commit(registry.repo, {"models/acme/a/1.0.0.yaml": None})
    index.catch_up()

    def found(text: str, at: int) -> int:
        page = index.reader().search(Query(text), at=at)
        assert page.position.seq == min(at, 4)
        return page.total

    assert [found("red", at) for at in range(6)] == [0, 0, 1, 0, 0, 0]
    assert [found("blue", at) for at in range(6)] == [0, 0, 0, 1, 0, 0]
    assert index.reader().search(Query(), at=2).position.commit == registry.repo.resolve("main~2")
    assert index.reader().search(Query(), at=0).position.commit == ""


def test_an_index_of_nothing_answers_with_nothing(tmp_path: Path) -> None:
    registry, index = indexed(tmp_path)
    never = Index.open(registry, tmp_path / "never").reader()
    for reader, seq in ((never, 0), (index.reader(), 1)):
        assert isinstance(reader, Reader)
        page = reader.search(Query("zebra"))
        assert (page.total, page.items, page.position.seq) == (0, (), seq)


@pytest.mark.parametrize(
    ("query", "says", "mend"),
    [
        pytest.param(Query(type=("completions",)), "no record can have the type", "'completion'", id="type"),
        pytest.param(Query(type=("chat",)), "no record can have the type", "embedding", id="another catalogue's type"),
        pytest.param(Query(status=("depricated",)), "no record can have the status", "'deprecated'", id="status"),
        pytest.param(Query(sort="nam"), "cannot be sorted", "'name'", id="sort"),
    ],
)
def test_a_word_that_no_record_can_have_is_refused_with_the_nearest(query: Query, says: str, mend: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        query.check()
    assert mend in refused.value.mend


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("status = active", ["acme/bare", "acme/noted", "acme/said"]),
        ("has(status)", ["acme/bare", "acme/noted", "acme/said"]),
        ("has(lifecycle)", ["acme/bare", "acme/noted", "acme/said"]),
        ("has(release)", ["acme/noted", "acme/said"]),
        ("release.breakingChanges = false", ["acme/said"]),
        ("has(breakingChanges)", ["acme/said"]),
    ],
)
def test_of_what_is_not_stated_only_the_status_counts(silent: Index, filter_: str, found: list[str]) -> None:
    assert names(silent, where=parse_filter(filter_)) == found


def test_every_status_and_type_of_the_kinds_may_be_asked_for() -> None:
    assert Query(type=("ocr", "vector-store"), status=("active", "archived", "retired", "draft")).check()


def test_the_words_of_a_name_find_that_name_before_longer_ones(tmp_path: Path) -> None:
    names = ("a-gpt-4o-mini-preview", "gpt-4o", "gpt-4o-mini", "gpt-4o-mini-tts")
    _, index = indexed(tmp_path, {path: raw for name in names for path, raw in model(name).items()})
    assert searched(index, text="gpt 4o mini")[0] == "model:acme/gpt-4o-mini@1.0.0"
    assert searched(index, text="GPT 4o")[0] == "model:acme/gpt-4o@1.0.0"
