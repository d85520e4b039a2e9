"""What the litellm importer makes of a row, of a faulty file, and of a file that has changed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from gitreg.errors import Rejected
from gitreg.importers.litellm import (
    ImportReport,
    Skipped,
    Wanted,
    import_catalogue,
    importer,
    key_of,
    map_row,
    name_of,
    provider_of,
    read_catalogue,
)
from gitreg.importers.litellm.mapping import NO_SUCCESSOR
from gitreg.importers.litellm.wording import changelog_in_line, changes_in_words
from gitreg.kinds import Model
from gitreg.manifests import edit_manifest, manifest_from_data
from gitreg.refs import Address, Ref
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature

SMALL = Path(__file__).parent / "data" / "litellm" / "small.json"
AUTHOR = Signature("Ada", "ada@example.com", datetime(2031, 1, 1, tzinfo=UTC))


def wanted(row: dict[str, Any], key: str = "some-model", as_of: date | None = None) -> Wanted:
    found = map_row(key, {"litellm_provider": "openai", "mode": "chat", **row}, as_of=as_of)
    assert isinstance(found, Wanted), found
    assert manifest_from_data(found.data).findings == ()
    return found


def spec(row: dict[str, Any], **about: Any) -> dict[str, Any]:
    found: dict[str, Any] = wanted(row, **about).data["spec"]
    return found


def kept(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec(row)["custom"]["litellm"]
    return found


# ---- Names

NAMES = {
    "a provider's own segment is left out": ("azure", "azure/gpt-9", "gpt-9"),
    "a bare key is its name": ("openai", "gpt-9", "gpt-9"),
    "the segment stays where keys are usually bare": ("openai", "openai/gpt-9", "openai--gpt-9"),
    "a slash is two dashes": ("openrouter", "openrouter/acme/m-1", "acme--m-1"),
    "fireworks' long prefix is left out": ("fireworks-ai", "fireworks_ai/accounts/fireworks/models/m", "m"),
    "fireworks' short form keeps its segment": ("fireworks-ai", "fireworks_ai/m", "fireworks-ai--m"),
    "bedrock's version reads back": ("bedrock", "us.acme.m-v1:0", "us.acme.m-v1-0"),
    "a region of bedrock": ("bedrock", "bedrock/eu-west-1/acme.m", "eu-west-1--acme.m"),
    "a dated vertex name reads back": ("vertex-ai", "vertex_ai/claude-x@20310101", "claude-x-20310101"),
    "a fine-tuned name reads back": ("openai", "ft:gpt-9", "ft-gpt-9"),
    "cloudflare's at sign is left out": ("cloudflare", "cloudflare/@cf/acme/m", "cf--acme--m"),
    "a size of ollama reads back": ("ollama", "ollama/m2:7b", "m2-7b"),
    "a reserved name keeps its segment": ("tavily", "tavily/search", "tavily--search"),
}


@pytest.mark.parametrize(("provider", "key", "name"), NAMES.values(), ids=NAMES)
def test_a_plain_name_reads_back_as_its_key(provider: str, key: str, name: str) -> None:
    assert name_of(provider, key) == name
    assert key_of(provider, name) == key


SUFFIXED = {
    "capitals": ("deepinfra", "deepinfra/Acme/M-7B", "acme--m-7b"),
    "a foreign mark": ("openrouter", "openrouter/acme/m:free", "acme--m-free"),
    "two dashes of its own": ("openai", "a--b", "a--b"),
    "a reserved name": ("openai", "aliases", "openai--aliases"),
    "a device of Windows": ("anthropic", "con.x", "con.x"),
    "a lock": ("openai", "m.lock", "m.lock"),
    "an end like a suffix": ("openai", "m-x012abc", "m-x012abc"),
    "nothing that a name may hold": ("openai", "///", "openai"),
    "a bare twin": ("deepseek", "deepseek-chat", "deepseek-chat"),
}


@pytest.mark.parametrize(("provider", "key", "stem"), SUFFIXED.values(), ids=SUFFIXED)
def test_a_name_that_would_not_read_back_gets_a_suffix_of_the_key(provider: str, key: str, stem: str) -> None:
    name = name_of(provider, key)
    digest = hashlib.sha256(key.encode()).hexdigest()[:6]
    assert name in (f"{stem}-x{digest}", f"{stem.removeprefix(provider + '--')}-x{digest}")
    assert key_of(provider, name) is None


def test_an_over_long_name_is_cut_and_gets_a_suffix() -> None:
    name = name_of("openai", "m" * 80)
    assert len(name) == 64
    assert name.startswith("mmmm")
    assert name != name_of("openai", "m" * 81)


PROVIDERS = {
    "black_forest_labs": "black-forest-labs",
    "vertex_ai-anthropic_models": "vertex-ai",
    "vertex_ai-embedding-models": "vertex-ai",
    "fireworks_ai-embedding-models": "fireworks-ai",
    "text-completion-openai": "openai",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "azure_text": "azure",
    "azure_ai": "azure-ai",
}


@pytest.mark.parametrize(("raw", "slug"), PROVIDERS.items())
def test_flavours_merge_into_their_provider(raw: str, slug: str) -> None:
    assert provider_of(raw) == slug


# ---- What a row becomes


def test_the_small_catalogue_maps_as_written_down() -> None:
    catalogue = read_catalogue(SMALL.read_bytes())
    found = map_row("acme-large", catalogue.entries["acme-large"], as_of=catalogue.as_of)
    assert isinstance(found, Wanted)
    data = found.data
    checksum = data["spec"].pop("checksum")
    assert checksum["of"] == "source-record"
    assert data["metadata"] == {
        "namespace": "openai",
        "name": "acme-large",
        "version": "1.0.0",
        "externalIds": {"litellm": "acme-large"},
    }
    assert data["spec"] == {
        "provider": "openai",
        "type": "completion",
        "capabilities": {
            "contextLength": 128000,
            "maxOutputTokens": 16000,
            "modalities": ["text", "image"],
            "inputModalities": ["text", "image"],
            "outputModalities": ["text"],
            "supportsFunctions": True,
            "supportsVision": False,
            "features": ["web-search"],
        },
        "lifecycle": {"deprecationDate": "2031-05-01"},
        "pricing": {
            "currency": "USD",
            "perMillionTokens": {"input": 2.5, "output": 10, "cacheRead": 1.25},
            "tiers": [
                {"aboveInputTokens": 200000, "perMillionTokens": {"output": 15}},
                {"service": "batch", "perMillionTokens": {"input": 1.25}},
            ],
            "units": [
                {"unit": "query", "price": 0.02, "detail": "web search, high context"},
                {"unit": "query", "price": 0.01, "detail": "web search, low context"},
            ],
            "source": "https://acme.example/prices",
        },
        "custom": {
            "litellm": {
                "mode": "chat",
                "supports_reasoning": False,
                "supported_endpoints": ["/v1/chat/completions"],
                "rpm": 500,
            }
        },
    }
    assert found.warnings == ()


CAPABILITIES = {
    "limits": ({"max_input_tokens": 9, "max_output_tokens": 3}, {"contextLength": 9, "maxOutputTokens": 3}),
    "max_tokens that repeats the output": ({"max_output_tokens": 3, "max_tokens": 3}, {"maxOutputTokens": 3}),
    "max_tokens that repeats the input": ({"max_input_tokens": 9, "max_tokens": 9}, {"contextLength": 9}),
    "max_tokens alone, of a chat": ({"max_tokens": 3}, {"maxOutputTokens": 3}),
    "max_tokens alone, of a reader": ({"mode": "rerank", "max_tokens": 3}, {"contextLength": 3}),
    "max_tokens beside another input": (
        {"max_input_tokens": 9, "max_tokens": 3},
        {"contextLength": 9, "maxOutputTokens": 3},
    ),
    "vectors": ({"mode": "embedding", "output_vector_size": 7}, {"embeddingDimensions": 7}),
    "streaming": ({"supports_native_streaming": True}, {"supportsStreaming": True}),
    "a feature nobody has heard of": ({"supports_time_travel": True}, {"features": ["time-travel"]}),
}


@pytest.mark.parametrize(("row", "capabilities"), CAPABILITIES.values(), ids=CAPABILITIES)
def test_capabilities(row: dict[str, Any], capabilities: dict[str, Any]) -> None:
    assert spec(row)["capabilities"] == capabilities


PRICES = {
    "a priority tier above a threshold": (
        {"input_cost_per_token_above_272k_tokens_priority": 1e-05},
        {
            "tiers": [
                {"service": "priority", "aboveInputTokens": 272000, "perMillionTokens": {"input": 10}},
            ]
        },
    ),
    "an hour in the cache": (
        {"cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05},
        {"tiers": [{"aboveInputTokens": 200000, "perMillionTokens": {"cacheWriteLong": 12}}]},
    ),
    "ranges of tokens": (
        {
            "tiered_pricing": [
                {"range": [0, 32000.0], "input_cost_per_token": 1e-06},
                {"range": [32000.0, 128000], "input_cost_per_token": 2e-06},
            ]
        },
        {
            "tiers": [
                {"upToInputTokens": 32000, "perMillionTokens": {"input": 1}},
                {"aboveInputTokens": 32000, "upToInputTokens": 128000, "perMillionTokens": {"input": 2}},
            ]
        },
    ),
    "ranges of results": (
        {"tiered_pricing": [{"max_results_range": [0, 25], "input_cost_per_query": 0.005}]},
        {"units": [{"unit": "query", "direction": "input", "price": 0.005, "detail": "0 to 25 results"}]},
    ),
    "an older word for the cache": (
        {"input_cost_per_token_cache_hit": 1e-07},
        {"perMillionTokens": {"cacheRead": 0.1}},
    ),
    "pages": (
        {"ocr_cost_per_page": 0.001},
        {"units": [{"unit": "page", "price": 0.001, "detail": "ocr"}]},
    ),
    "a thousand calls": (
        {"file_search_cost_per_1k_calls": 2.5},
        {"units": [{"unit": "request", "price": 0.0025, "detail": "file search"}]},
    ),
    "free": ({"input_cost_per_token": 0.0}, {"perMillionTokens": {"input": 0}}),
    "digits that a naive product would spoil": (
        {"input_cost_per_token": 2.9e-07, "output_cost_per_token": 1.1e-06},
        {"perMillionTokens": {"input": 0.29, "output": 1.1}},
    ),
}


@pytest.mark.parametrize(("row", "pricing"), PRICES.values(), ids=PRICES)
def test_prices(row: dict[str, Any], pricing: dict[str, Any]) -> None:
    found = spec(row)
    assert found["pricing"] == {"currency": "USD", **pricing}
    assert set(found["custom"]["litellm"]) == {"mode"}


def test_a_price_that_no_float_holds_for_a_million_is_kept_as_well() -> None:
    found = spec({"input_cost_per_token": 0.00010200000000000001})
    assert found["pricing"]["perMillionTokens"] == {"input": 102.00000000000001}
    assert "input_cost_per_token" not in found["custom"]["litellm"]
    assert kept({"input_cost_per_token": 4.8155933100699105e-06})["input_cost_per_token"]


@pytest.mark.parametrize(
    ("as_of", "lifecycle"),
    [
        (None, {"deprecationDate": "2030-01-31"}),
        (date(2030, 1, 30), {"deprecationDate": "2030-01-31"}),
        (
            date(2030, 1, 31),
            {"status": "deprecated", "reason": NO_SUCCESSOR, "deprecationDate": "2030-01-31"},
        ),
    ],
)
def test_whether_a_deprecation_has_come_is_judged_by_the_files_own_day(
    as_of: date | None, lifecycle: dict[str, str]
) -> None:
    assert spec({"deprecation_date": "2030-01-31"}, as_of=as_of)["lifecycle"] == lifecycle


def test_a_source_without_prices_becomes_a_link() -> None:
    found = wanted({"source": "https://acme.example/m"})
    assert found.data["metadata"]["docs"] == [{"title": "Source of litellm's row", "url": "https://acme.example/m"}]
    assert "source" not in found.data["spec"]["custom"]["litellm"]


def test_notes_describe_and_are_kept() -> None:
    found = wanted({"metadata": {"notes": "A model of clay."}})
    assert found.data["metadata"]["description"] == "A model of clay."
    assert found.data["spec"]["custom"]["litellm"]["metadata"] == {"notes": "A model of clay."}


def test_a_flavour_is_kept_where_the_slug_does_not_tell_it() -> None:
    assert kept({"litellm_provider": "azure_text"})["litellm_provider"] == "azure_text"
    assert "litellm_provider" not in kept({"litellm_provider": "azure_ai"})


# ---- The checksum


def digest(row: dict[str, Any]) -> str:
    found: str = spec(row)["checksum"]["digest"]
    return found


def test_the_checksum_is_of_the_canonical_record() -> None:
    record: dict[str, Any] = {"key": "some-model", "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 9}
    assert digest({"max_input_tokens": 9.0}) == hashlib.sha256(rfc8785.dumps(record)).hexdigest()


MUTABLE = {
    "a price": {"input_cost_per_token": 1e-06},
    "a date": {"deprecation_date": "2031-01-01"},
    "a source": {"source": "https://acme.example"},
    "notes": {"metadata": {"notes": "new"}},
    "rate limits": {"rpm": 5, "tpm": 7},
    "endpoints": {"supported_endpoints": ["/v1/responses"]},
    "an ability that it lacks": {"supports_reasoning": False},
    "an unknown key": {"colour": "red"},
    "a legacy copy": {"max_tokens": 9},
}


@pytest.mark.parametrize("row", MUTABLE.values(), ids=MUTABLE)
def test_what_may_change_in_place_does_not_count(row: dict[str, Any]) -> None:
    assert digest({"max_input_tokens": 9, **row}) == digest({"max_input_tokens": 9})


FROZEN = {
    "a limit": {"max_input_tokens": 10},
    "a mode": {"mode": "responses"},
    "a flavour": {"litellm_provider": "text-completion-openai"},
    "an ability": {"supports_reasoning": True},
    "a modality": {"supported_modalities": ["text"]},
}


@pytest.mark.parametrize("row", FROZEN.values(), ids=FROZEN)
def test_what_is_frozen_counts(row: dict[str, Any]) -> None:
    assert digest({"max_input_tokens": 9, **row}) != digest({"max_input_tokens": 9})


# ---- Faults of a row

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a whole float": ({"max_input_tokens": 128000.0}, "written as the float 128000.0; taken for 128000"),
    "half a token": ({"max_input_tokens": 0.5}, "`max_input_tokens` is 0.5, not a positive whole number"),
    "no tokens": ({"max_output_tokens": 0}, "is 0, not a positive whole number"),
    "tokens as text": ({"max_tokens": "9"}, "is '9', not a positive whole number"),
    "too many tokens": ({"max_tokens": 10**30}, "not a positive whole number"),
    "a truth as text": ({"supports_vision": "true"}, "is 'true', not true or false"),
    "a negative price": ({"input_cost_per_token": -1e-06}, "is -1e-06, not a price"),
    "a price as text": ({"input_cost_per_token": "1e-6"}, "is '1e-6', not a price"),
    "a price that is true": ({"input_cost_per_token": True}, "is True, not a price"),
    "a misspelt price": ({"input_cost_per_tokens": 1e-06}, "did you mean `input_cost_per_token`?"),
    "an unknown price": ({"cost_of_moonlight": 1}, "looks like a price"),
    "a misspelt key": ({"max_input_token": 9}, "did you mean `max_input_tokens`?"),
    "a day that is none": ({"deprecation_date": "2031-02-30"}, "is '2031-02-30', not a day like 2026-11-30"),
    "a day in words": ({"deprecation_date": "soon"}, "is 'soon', not a day"),
    "a source that is prose": ({"source": "ask them"}, "is 'ask them', not an https address"),
    "a foreign modality": ({"supported_modalities": ["text", "smell"]}, "names 'smell'"),
    "modalities as text": ({"supported_modalities": "text"}, "not a list of words"),
    "tiers without ranges": ({"tiered_pricing": [{"input_cost_per_token": 1}]}, "with the range"),
    "a range backwards": (
        {"tiered_pricing": [{"range": [9, 1], "input_cost_per_token": 1}]},
        "with the range",
    ),
    "odd search prices": ({"search_context_cost_per_query": {"huge": 1}}, "by size of the search context"),
    "two prices for one thing": (
        {"cache_read_input_token_cost": 1e-06, "input_cost_per_token_cache_hit": 2e-06},
        "another key gives the same price otherwise",
    ),
    "a limit that contradicts": (
        {"max_input_tokens": 9, "max_output_tokens": 5, "max_tokens": 7},
        "is 7, and neither limit is",
    ),
    "an integer beyond 2^53": ({"shoe_size": 2**60}, "holds an integer beyond 2^53 - 1"),
}


@pytest.mark.parametrize(("row", "says"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_said_and_the_value_kept(row: dict[str, Any], says: str) -> None:
    found = wanted(row)
    assert any(says in warning for warning in found.warnings), found.warnings
    if "taken for" not in says:
        (key, value) = list(row.items())[-1]
        remains = found.data["spec"]["custom"]["litellm"][key]
        assert remains == (str(value) if isinstance(value, int) and value > 2**53 else value)


SKIPPED: dict[str, tuple[str, Any, str]] = {
    "the sample": ("sample_spec", {"mode": "chat"}, "explains the fields"),
    "a text": ("anything", "2030-01-01", "not a model: text, not an object"),
    "a list": ("anything", [], "not a model: a list"),
    "no provider": ("m", {"mode": "chat"}, "no litellm_provider"),
    "a provider that is no text": ("m", {"mode": "chat", "litellm_provider": 7}, "is a number, not text"),
    "a provider that is no slug": ("m", {"mode": "chat", "litellm_provider": "ä b"}, "makes no namespace"),
    "a price class": ("m", {"litellm_provider": "x", "input_cost_per_token": 1}, "a price class, not a model"),
    "no mode": ("m", {"litellm_provider": "x", "max_tokens": 5}, "no mode, and nothing else"),
    "an unknown mode": ("m", {"litellm_provider": "x", "mode": "smell"}, "mode 'smell' is not one"),
    "a mode that is no text": ("m", {"litellm_provider": "x", "mode": []}, "mode '[]' is not one"),
    "a key of two lines": ("a\nb", {"litellm_provider": "x", "mode": "chat"}, "printable characters"),
    "a long key": ("k" * 257, {"litellm_provider": "x", "mode": "chat"}, "printable characters"),
    "a deep row": (
        "m",
        {"litellm_provider": "x", "mode": "chat", "a": json.loads("[" * 40 + "]" * 40)},
        "nested deeper",
    ),
}


@pytest.mark.parametrize(("key", "value", "reason"), SKIPPED.values(), ids=SKIPPED)
def test_what_is_no_model_is_skipped_with_the_reason(key: str, value: Any, reason: str) -> None:
    found = map_row(key, value)
    assert isinstance(found, Skipped)
    assert reason in found.reason


EVIDENCE: dict[str, tuple[dict[str, Any], str]] = {
    "the flavour": ({"litellm_provider": "acme-embedding-models", "max_tokens": 5}, "embedding"),
    "the endpoints": ({"supported_endpoints": ["/v1/images/generations", "/v1/batch"]}, "image-generation"),
    "a size of vectors": ({"output_vector_size": 5}, "embedding"),
    "calling functions": ({"supports_function_calling": True}, "completion"),
}


@pytest.mark.parametrize(("row", "kind"), EVIDENCE.values(), ids=EVIDENCE)
def test_a_row_without_a_mode_is_what_the_rest_of_it_agrees_on(row: dict[str, Any], kind: str) -> None:
    found = map_row("m", {"litellm_provider": "openai", **row})
    assert isinstance(found, Wanted)
    assert found.data["spec"]["type"] == kind
    assert found.warnings[0].startswith(f"no `mode`; taken for {kind!r}")


def test_a_row_without_a_mode_whose_evidence_disagrees_is_skipped() -> None:
    row = {"litellm_provider": "openai", "output_vector_size": 5, "supports_function_calling": True}
    assert isinstance(map_row("m", row), Skipped)


# ---- Faults of a file

BROKEN: dict[str, tuple[bytes, int | None, int | None, str]] = {
    "an empty file": (b"", 1, 1, "not a JSON object"),
    "a list": (b"[]", 1, 1, "the file is not a JSON object"),
    "cut short": (b'{"a": {"b": 1}', 1, 15, "',' is expected"),
    "a comma too many": (b'{"a": 1,\n}', 2, 1, "a comma before the closing brace"),
    "something behind": (b"{}\n{}", 2, 1, "something follows"),
    "a key twice": (b'{"a": {},\n "b": {},\n "a": {}}', 3, 2, "'a' stands twice, first on line 1"),
    "a field twice": (b'{"a": {"b": 1,\n  "b": 2}}', 2, 3, "'b' stands twice in one object"),
    "NaN": (b'{"a": {"b":\n NaN}}', 2, 2, "NaN is not JSON"),
    "infinity": (b'{"a": {"b": 1e999}}', 1, 13, "1e999 is too large"),
    "a bomb of digits": (b'{"a": ' + b"9" * 9000 + b"}", 1, 7, "an integer of 9,000 digits"),
    "broken UTF-8": (b'{\n"a": "\xff"}', 2, 7, "byte 0xff at offset 8 is not UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 1, 1, "byte order mark"),
    "half a surrogate pair": (b'{"a": {"b": "\\ud800"}}', 1, 2, "half of a surrogate pair"),
    "deep nesting": (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 1, 1, "nested too deeply"),
    "too large": (b" " * 20_000_001, 1, 1, "at most 20,000,000"),
}


@pytest.mark.parametrize(("raw", "line", "column", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_with_its_place(raw: bytes, line: int, column: int, says: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_catalogue(raw, origin="prices.json")
    (finding,) = caught.value.findings
    assert says in finding.says
    assert (finding.path, finding.line, finding.column) == ("prices.json", line, column)
    assert finding.mend


def test_every_fault_of_a_file_is_told_at_once() -> None:
    with pytest.raises(Rejected) as caught:
        read_catalogue(b'{"a": NaN, "b": {"c": 1, "c": 2},\n "a": 1e999}')
    assert len(caught.value.findings) == 4


# ---- Into a registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.init(tmp_path / "a registry", name="x", author=AUTHOR)


def run(registry: Registry, entries: dict[str, Any]) -> ImportReport:
    raw = json.dumps(entries).encode()
    return import_catalogue(registry, raw, author=AUTHOR, origin="folder/prices.json")


def model(registry: Registry, ref: str) -> Model:
    record = registry.snapshot().record(registry.resolve(ref))
    assert record is not None
    assert isinstance(record.manifest, Model)
    return record.manifest


def entries_of(**fields: Any) -> dict[str, Any]:
    return {"m": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 1000, **fields}}


def tip_message(registry: Registry) -> str:
    tip = registry.repo.tip()
    assert tip is not None
    return registry.repo.commit(tip).message


def test_the_small_catalogue_lands_as_one_commit_and_twice_is_the_same_as_once(registry: Registry) -> None:
    before = registry.repo.tip()
    report = importer.run(registry, SMALL.read_bytes(), author=AUTHOR, origin="folder/prices.json").as_data()
    assert (report["read"], report["registered"], report["updated"], report["unchanged"]) == (9, 5, 0, 0)
    assert [each["key"] for each in report["skipped"]] == [
        "sample_spec",
        "fallback_generalizations",
        "acme_price_class",
        "last_updated",
    ]
    tip = registry.repo.tip()
    assert report["commit"] == tip
    assert tip is not None
    assert registry.repo.commit(tip).parents == (before,)
    assert tip_message(registry).startswith("Import litellm catalogue: 5 registered\n\n- registered model:openai/")
    again = importer.run(registry, SMALL.read_bytes(), author=AUTHOR, origin="x").as_data()
    assert (again["registered"], again["unchanged"], again["commit"]) == (0, 5, None)
    assert registry.repo.tip() == tip


def test_new_namespaces_are_founded_with_the_author_as_owner(registry: Registry) -> None:
    run(registry, entries_of())
    record = registry.snapshot().record(Address("Namespace", "openai", "openai"))
    assert record is not None
    assert b"ada@example.com" in record.raw


def test_a_new_price_updates_in_place(registry: Registry) -> None:
    run(registry, entries_of(input_cost_per_token=1e-06))
    report = run(registry, entries_of(input_cost_per_token=2e-06))
    assert (report.registered, report.updated) == (0, 1)
    pricing = model(registry, "openai/m@1.0.0").spec.pricing
    assert pricing is not None
    assert pricing.per_million_tokens is not None
    assert pricing.per_million_tokens.input == 2


BUMPS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "a longer context": ({}, {"max_input_tokens": 2000}, "1.1.0", "contextLength 1000 -> 2000"),
    "a shorter context": ({}, {"max_input_tokens": 500}, "2.0.0", "contextLength 1000 -> 500"),
    "a limit gone": ({}, {"max_input_tokens": None}, "2.0.0", "contextLength 1000 -> not stated"),
    "a feature added": ({}, {"supports_web_search": True}, "1.1.0", "features +web-search"),
    "a feature gone": ({"supports_web_search": True}, {}, "2.0.0", "features -web-search"),
    "vision gone": (
        {"supports_vision": True},
        {"supports_vision": False},
        "2.0.0",
        "supportsVision true -> false",
    ),
    "vision denied": ({}, {"supports_vision": False}, "1.0.1", "supportsVision not stated -> false"),
    "another type": ({}, {"mode": "embedding"}, "2.0.0", "type completion -> embedding"),
    "another mode of the type": ({}, {"mode": "responses"}, "1.0.1", "litellm's mode chat -> responses"),
    "a flavour": (
        {},
        {"litellm_provider": "text-completion-openai"},
        "1.0.1",
        "litellm's provider not stated -> text-completion-openai",
    ),
}


@pytest.mark.parametrize(("old", "new", "version", "words"), BUMPS.values(), ids=BUMPS)
def test_a_frozen_change_is_a_new_version(
    registry: Registry, old: dict[str, Any], new: dict[str, Any], version: str, words: str
) -> None:
    run(registry, entries_of(**old))
    report = run(registry, entries_of(**new))
    assert (report.registered, report.updated) == (1, 0)
    landed = model(registry, "openai/m@*")
    assert landed.metadata.version == version
    release = landed.spec.release
    assert release is not None
    assert (release.changelog, release.previous_version) == (words, "1.0.0")
    assert release.breaking_changes is (version == "2.0.0")


def test_a_row_that_is_again_what_it_was_is_a_version_of_its_own(registry: Registry) -> None:
    for size in (1000, 2000, 1000):
        run(registry, entries_of(max_input_tokens=size))
    assert [str(version) for version in registry.snapshot().versions("Model", "openai", "m")] == [
        "2.0.0",
        "1.1.0",
        "1.0.0",
    ]
    assert "Gitreg-Approved: GR-012" in tip_message(registry)


def edit(registry: Registry, ref: str, put: dict[str, Any], comment: bytes = b"") -> None:
    record = registry.snapshot().record(registry.resolve(ref))
    assert record is not None
    raw, _ = edit_manifest(record.raw, put=put)
    assert raw is not None
    registry.register([Draft(raw + comment, "by hand")], author=AUTHOR, message="Edit by hand")


BY_HAND = {
    "metadata.tags": ["favourite"],
    "metadata.description": "Ours.",
    "metadata.owner": "team-a",
    "metadata.labels": {"tier": "gold"},
    "metadata.externalIds": {"litellm": "m", "other": "x-1"},
    "metadata.docs": [{"title": "Handbook", "url": "https://acme.example/m"}],
    "spec.custom": {"litellm": {"mode": "chat"}, "acme": {"costCentre": "4711"}},
    "spec.lifecycle": {"status": "deprecated", "reason": "We moved on.", "retirementDate": "2032-01-01"},
}


@pytest.mark.parametrize(
    "change", [{"input_cost_per_token": 2e-06}, {"max_input_tokens": 2000}], ids=["in place", "new version"]
)
def test_what_people_wrote_survives(registry: Registry, change: dict[str, Any]) -> None:
    run(registry, entries_of(input_cost_per_token=1e-06))
    edit(registry, "openai/m", BY_HAND, b"# a comment\n")
    same = run(registry, entries_of(input_cost_per_token=1e-06))
    assert (same.unchanged, same.commit) == (1, None)
    run(registry, entries_of(**{"input_cost_per_token": 1e-06, "metadata": {"notes": "Theirs."}, **change}))
    versions = registry.snapshot().versions("Model", "openai", "m")
    landed = model(registry, f"openai/m@{versions[0]}")
    assert landed.metadata.tags == ("favourite",)
    assert landed.metadata.description == "Ours."
    assert landed.metadata.owner == "team-a"
    assert landed.metadata.labels == {"tier": "gold"}
    assert landed.metadata.external_ids == {"litellm": "m", "other": "x-1"}
    assert [link.title for link in landed.metadata.docs] == ["Handbook"]
    assert landed.spec.custom["acme"] == {"costCentre": "4711"}
    assert landed.spec.lifecycle.status == "deprecated"
    record = registry.snapshot().record(Address("Model", "openai", "m", "1.0.0"))
    assert record is not None
    assert b"# a comment" in record.raw


def test_an_effective_date_holds_for_the_prices_that_it_was_given_for(registry: Registry) -> None:
    run(registry, entries_of(input_cost_per_token=1e-06))
    edit(registry, "openai/m", {"spec.pricing.effectiveDate": "2031-01-01"})
    assert run(registry, entries_of(input_cost_per_token=1e-06)).unchanged == 1
    run(registry, entries_of(input_cost_per_token=2e-06))
    pricing = model(registry, "openai/m").spec.pricing
    assert pricing is not None
    assert pricing.effective_date is None


def test_a_row_that_vanished_is_left_alone_and_named(registry: Registry) -> None:
    run(registry, {**entries_of(), "n": {"litellm_provider": "openai", "mode": "chat"}})
    report = run(registry, entries_of())
    assert report.as_data()["gone"] == [{"key": "n", "ref": "model:openai/n@1.0.0"}]
    assert registry.resolve("openai/n") == Ref.parse("openai/n").address("1.0.0")


def test_a_name_that_somebody_else_registered_is_not_touched(registry: Registry) -> None:
    run(registry, entries_of())
    edit(registry, "openai/m", {"metadata.externalIds": {}})
    report = run(registry, entries_of(input_cost_per_token=1e-06))
    assert report.updated == 0
    assert "was registered by somebody else; add `metadata.externalIds.litellm: m`" in report.skipped[0].reason


def test_a_broken_file_changes_nothing(registry: Registry) -> None:
    tip = registry.repo.tip()
    with pytest.raises(Rejected):
        import_catalogue(registry, b'{"m": NaN}', author=AUTHOR)
    assert registry.repo.tip() == tip


def test_a_row_too_large_for_a_manifest_is_skipped_and_the_rest_lands(registry: Registry) -> None:
    big = {"litellm_provider": "openai", "mode": "chat", "poem": "la " * 40_000}
    report = run(registry, {"big": big, **entries_of()})
    assert (report.registered, report.skipped[0].key) == (1, "big")
    assert "at most 65,536" in report.skipped[0].reason


def test_a_long_list_of_names_is_cut_in_the_message(registry: Registry) -> None:
    row = {"litellm_provider": "openai", "mode": "chat"}
    run(registry, {f"m-{n}": row for n in range(60)})
    message = tip_message(registry)
    assert message.startswith("Import litellm catalogue: 60 registered\n")
    assert "\n- and 10 more\n" in message
    assert "\nSource: prices.json, SHA-256 " in message


# ---- The commit's message


def changes_of(registry: Registry) -> list[str]:
    return [line for line in tip_message(registry).splitlines() if line.startswith("- ")]


def test_an_update_is_told_field_by_field(registry: Registry) -> None:
    run(registry, entries_of(input_cost_per_token=2.5e-06, rpm=5))
    run(registry, entries_of(input_cost_per_token=1.9e-06, deprecation_date="2026-09-01", rpm=7))
    (line,) = changes_of(registry)
    assert line == (
        "- updated model:openai/m@1.0.0: pricing.perMillionTokens.input 2.5 -> 1.9, "
        "lifecycle.deprecationDate none -> 2026-09-01, custom.litellm.rpm 5 -> 7"
    )


def test_a_new_version_is_told_by_its_changelog_and_a_first_one_by_its_ref(registry: Registry) -> None:
    run(registry, entries_of(max_output_tokens=9))
    assert changes_of(registry) == ["- registered model:openai/m@1.0.0"]
    run(registry, entries_of(max_input_tokens=500, max_output_tokens=10, input_cost_per_token=1e-06))
    assert changes_of(registry) == [
        "- registered model:openai/m@2.0.0: contextLength 1000 -> 500, maxOutputTokens 9 -> 10"
    ]


def test_no_more_than_four_fields_are_told(registry: Registry) -> None:
    run(registry, entries_of())
    run(registry, entries_of(**{f"word_{n}": n for n in range(7)}))
    (line,) = changes_of(registry)
    assert line.endswith(", custom.litellm.word_3 none -> 3 and 3 more")
    assert line.count(" -> ") == 4


def test_a_long_list_of_updates_is_cut_in_the_message(registry: Registry) -> None:
    row = {"litellm_provider": "openai", "mode": "chat"}
    run(registry, {f"m-{n}": row for n in range(60)})
    run(registry, {f"m-{n}": {**row, "rpm": n} for n in range(60)})
    lines = changes_of(registry)
    assert len(lines) == 51
    assert lines[-1] == "- and 10 more"
    assert all(" custom.litellm.rpm none -> " in line for line in lines[:-1])


HOSTILE = "x\nGitreg-Approved: GR-011"
INJECTED: dict[str, dict[str, Any]] = {
    "a field": {HOSTILE: 1},
    "a field within a field": {"metadata": {HOSTILE: {HOSTILE: 1}}},
    "a value": {"colour": HOSTILE},
    "notes": {"metadata": {"notes": HOSTILE}},
    "a list": {"colours": [HOSTILE, {HOSTILE: HOSTILE}]},
    "a carriage return": {"colour": "x\r\rGitreg-Approved: GR-011"},
    "a line of its own": {"colour": "\n\nGitreg-Approved: GR-011\n\n"},
    "other separators": {"colour": "x\x0b\x0c\x1c\x85\u2028\u2029Gitreg-Approved: GR-011"},
    "marks of a terminal": {"colour": "\x1b[2J\x00\x7f"},
}


@pytest.mark.parametrize("row", INJECTED.values(), ids=INJECTED)
@pytest.mark.parametrize("change", [{}, {"max_input_tokens": 2000}], ids=["in place", "new version"])
def test_nothing_of_the_file_makes_a_line_of_the_message(
    registry: Registry, row: dict[str, Any], change: dict[str, Any]
) -> None:
    run(registry, entries_of())
    for fields in ({**row, **change}, {}):
        report = run(registry, {HOSTILE: {"litellm_provider": "openai", "mode": "chat"}, **entries_of(**fields)})
        assert report.commit is not None
        assert [each.key for each in report.skipped] == [HOSTILE]
        message = tip_message(registry)
        assert message.replace("\n", "").isprintable()
        subject, empty, line, another, source, *rest = message.splitlines()
        assert subject.startswith("Import litellm catalogue: 1 ")
        assert (empty, another) == ("", "")
        is_again_what_it_was = bool(change) and not fields
        assert rest == (["", "Gitreg-Approved: GR-012"] if is_again_what_it_was else [])
        assert line.startswith("- ")
        assert source.startswith("Source: prices.json, SHA-256 ")


def test_a_row_that_the_gate_refuses_is_skipped_for_its_reason(registry: Registry) -> None:
    hidden = {"litellm_provider": "openai", "mode": "chat", "colour": "red\u202eder"}
    report = run(registry, {"hidden": hidden, **entries_of()})
    assert report.registered == 1
    (skipped,) = report.skipped
    assert skipped.key == "hidden"
    assert "GR-064 hidden-text" in skipped.reason
    assert "U+202E" in skipped.reason


def test_a_name_of_a_file_makes_no_line_of_the_message(registry: Registry) -> None:
    import_catalogue(registry, json.dumps(entries_of()).encode(), author=AUTHOR, origin=f"folder/{HOSTILE}")
    assert "\nSource: x\\nGitreg-Approved: GR-011, SHA-256 " in tip_message(registry)


def test_a_kept_line_break_makes_no_line_of_the_changelog_in_the_message(registry: Registry) -> None:
    run(registry, entries_of())
    edit(registry, "openai/m", {"spec.custom": {"litellm": {"mode": HOSTILE}}})
    run(registry, entries_of(mode="responses"))
    assert changes_of(registry) == [
        "- registered model:openai/m@1.0.1: litellm's mode x, Gitreg-Approved: GR-011 -> responses"
    ]


WORDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing": ({}, {}, ""),
    "a truth": ({"spec": {"a": False}}, {"spec": {"a": True}}, "a false -> true"),
    "a field that went": ({"metadata": {"owner": "team-a"}}, {"metadata": {}}, "owner team-a -> none"),
    "a text of several words": (
        {"metadata": {"description": "Old."}},
        {"metadata": {"description": "New, b 1 -> 2"}},
        'description Old. -> "New, b 1 -> 2"',
    ),
    "a list": (
        {"spec": {"a": ["x"]}},
        {"spec": {"a": ["x", {"c": 1, "b": None}]}},
        'a ["x"] -> ["x",{"b":null,"c":1}]',
    ),
    "a long value": ({}, {"spec": {"a": "y" * 99}}, f"a none -> {'y' * 37}..."),
    "long values that begin alike": (
        {"spec": {"a": "y" * 99 + "1"}},
        {"spec": {"a": "y" * 99 + "2"}},
        "a ...yyyyyyyyyy1 -> ...yyyyyyyyyy2",
    ),
    "a long path": ({}, {"spec": {"k" * 99: 1}}, f"{'k' * 77}... none -> 1"),
    "an odd path": ({}, {"spec": {"a b": 1}}, '"a b" none -> 1'),
    "the order": (
        {},
        {"metadata": {"a": 1}, "spec": {"custom": {"b": 1}, "lifecycle": {"c": 1}, "pricing": {"d": 1}}},
        "pricing.d none -> 1, lifecycle.c none -> 1, a none -> 1, custom.b none -> 1",
    ),
}


@pytest.mark.parametrize(("before", "after", "words"), WORDS.values(), ids=WORDS)
def test_changes_in_words(before: dict[str, Any], after: dict[str, Any], words: str) -> None:
    assert changes_in_words(before, after) == words


def test_a_changelog_in_a_line_is_bounded() -> None:
    assert changelog_in_line("a\nb\nc\nd\ne") == "a, b, c, d and 1 more"
    assert changelog_in_line("a\rb\x1b") == "a\\rb\\x1b"
    assert len(changelog_in_line("a" * 999)) == 160
