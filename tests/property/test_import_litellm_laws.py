"""Laws of the litellm importer: names are stable and apart, prices are exact, nothing is lost, nothing is raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Rejected
from gitreg.importers.litellm import (
    Skipped,
    Wanted,
    key_of,
    map_row,
    name_of,
    provider_of,
    read_catalogue,
)
from gitreg.importers.litellm.prices import TOKEN_PRICES, UNIT_PRICES, scaled, slot_of
from gitreg.manifests import manifest_from_data, read_manifest, write_manifest
from gitreg.refs import is_name

providers = st.sampled_from(
    ["openai", "bedrock", "vertex-ai", "azure", "fireworks-ai", "deepinfra", "cloudflare", "ollama", "x"]
)
words = st.sampled_from(
    [
        "a",
        "b",
        "A",
        "v1:0",
        "v1-0",
        "v1",
        "1-x-1",
        "gemini",
        "@cf",
        "cf",
        "ft:",
        "ft",
        "20310101",
        "@20310101",
        "openai",
        "bedrock",
        "bedrock_mantle",
        "vertex_ai",
        "vertex-ai",
        "fireworks_ai",
        "accounts",
        "fireworks",
        "models",
        "search",
        "aliases",
        "con",
        "claude",
        "7b",
        ":7b",
        "x012abc",
        "*",
        "",
        "é",
    ]
)
keys = st.lists(st.tuples(words, st.sampled_from(["/", "-", ":", "--", "_", ".", "@", ""])), min_size=1).map(
    lambda pieces: "".join(word + mark for word, mark in pieces)
)
any_keys = keys | st.text(min_size=1, max_size=90)
numbers = st.integers(-10, 10**20) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=12)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
price_keys = st.builds(
    lambda base, threshold, service: base + threshold + service,
    st.sampled_from([*TOKEN_PRICES, *UNIT_PRICES]),
    st.sampled_from(["", "_above_128k_tokens", "_above_200k_tokens"]),
    st.sampled_from(["", "_flex", "_priority", "_batches"]),
)
row_keys = (
    st.sampled_from(
        [
            "max_tokens",
            "max_input_tokens",
            "max_output_tokens",
            "output_vector_size",
            "deprecation_date",
            "source",
            "supported_modalities",
            "supported_output_modalities",
            "tiered_pricing",
            "metadata",
            "rpm",
            "supports_vision",
            "supports_x",
            "supports_",
            "search_context_cost_per_query",
            "supported_endpoints",
        ]
    )
    | price_keys
    | st.text(max_size=12)
)
modalities = st.lists(st.sampled_from(["text", "image", "code", "audio"]))
rows = st.builds(
    lambda provider, mode, rest: {**rest, "litellm_provider": provider, **({"mode": mode} if mode else {})},
    st.sampled_from(["openai", "vertex_ai-language-models", "bedrock_converse"]),
    st.sampled_from([None, "chat", "embedding", "responses", "ocr"]),
    st.dictionaries(row_keys, values | modalities | st.just("https://acme.example/a"), max_size=9),
)


@given(providers, any_keys)
def test_a_name_is_valid_and_stable(provider: str, key: str) -> None:
    name = name_of(provider, key)
    assert is_name(name)
    assert name == name_of(provider, key)
    assert name not in {"versions", "history", "aliases", "resolve", "search"}
    assert key_of(provider, name) in (key, None)


@given(providers, st.sets(any_keys, min_size=2, max_size=20))
def test_no_two_keys_share_a_name(provider: str, some: set[str]) -> None:
    assert len({name_of(provider, key) for key in some}) == len(some)


@given(st.text(max_size=30) | st.from_regex(r"[a-z_]{1,9}-[a-z]{1,9}_models", fullmatch=True))
def test_a_provider_is_a_slug_or_nothing(raw: str) -> None:
    slug = provider_of(raw)
    assert slug is None or is_name(slug)


@given(st.floats(min_value=0, max_value=1e200) | st.integers(0, 10**15))
def test_a_price_is_shifted_exactly_or_said_not_to_be(price: float) -> None:
    found = scaled(price, million=True)
    assert found is not None
    number, is_exact = found
    assert is_exact == (Decimal(repr(number)) == Decimal(repr(price)).scaleb(6))
    assert isinstance(number, int) == (number == int(number) and number <= 2**53 - 1)


@given(st.decimals(min_value=0, max_value=10, places=12))
def test_a_price_as_catalogues_write_them_is_exact(price: Decimal) -> None:
    found = scaled(float(price), million=True)
    assert found is not None
    assert found[1]
    assert Decimal(repr(found[0])) == price * 10**6


@given(any_keys, rows)
def test_whatever_a_row_holds_it_lands_whole_or_is_skipped(key: str, row: dict[str, Any]) -> None:
    found = map_row(key, row)
    if isinstance(found, Skipped):
        assert found.reason
        return
    made = manifest_from_data(found.data)
    assert made.findings == ()
    assert made.manifest is not None
    assert read_manifest(write_manifest(made.manifest)).manifest == made.manifest


@given(any_keys, rows)
def test_every_key_of_a_row_is_mapped_or_kept(key: str, row: dict[str, Any]) -> None:
    found = map_row(key, row)
    if isinstance(found, Wanted):
        assert_nothing_is_lost(row, found)


def assert_nothing_is_lost(row: dict[str, Any], found: Wanted) -> None:
    """Check that what is not kept can be read off the manifest."""
    spec = found.data["spec"]
    kept = spec.get("custom", {}).get("litellm", {})
    for key in set(row) - set(kept):
        price = slot_of(key)
        if price is not None:
            assert _price_at(spec["pricing"], price[0], row[key], price[1]), (key, row[key])
        elif key.startswith("supports_"):
            assert _ability_at(spec["capabilities"], key) is row[key], (key, row[key])
        else:
            assert READS[key](found.data, row[key]), (key, row[key])


def _ability_at(capabilities: dict[str, Any], key: str) -> Any:
    if key in FLAGS:
        return capabilities[FLAGS[key]]
    return key.removeprefix("supports_").replace("_", "-") in capabilities["features"]


def _has_link(data: dict[str, Any], url: Any) -> bool:
    links = [link["url"] for link in data["metadata"].get("docs", ())]
    return url in [data["spec"].get("pricing", {}).get("source"), *links]


def _has_tiers(data: dict[str, Any], tiers: Any) -> bool:
    pricing = data["spec"]["pricing"]
    return len(pricing.get("tiers", ())) + len(pricing.get("units", ())) >= len(tiers)


def _has_searches(data: dict[str, Any], prices: Any) -> bool:
    found = {unit.get("detail"): unit["price"] for unit in data["spec"]["pricing"]["units"]}
    return all(found[f"web search, {size[20:]} context"] == price for size, price in prices.items())


def _has_words(name: str) -> Callable[[dict[str, Any], Any], bool]:
    return lambda data, words: set(data["spec"]["capabilities"][name]) == set(words)


def _has_size(data: dict[str, Any], size: Any) -> bool:
    return size in data["spec"]["capabilities"].values()


FLAGS = {
    "supports_function_calling": "supportsFunctions",
    "supports_vision": "supportsVision",
    "supports_native_streaming": "supportsStreaming",
}
READS: dict[str, Callable[[dict[str, Any], Any], bool]] = {
    "max_input_tokens": _has_size,
    "max_output_tokens": _has_size,
    "max_tokens": _has_size,
    "output_vector_size": _has_size,
    "supported_modalities": _has_words("inputModalities"),
    "supported_output_modalities": _has_words("outputModalities"),
    "source": _has_link,
    "deprecation_date": lambda data, day: data["spec"]["lifecycle"]["deprecationDate"] == day,
    "tiered_pricing": _has_tiers,
    "search_context_cost_per_query": _has_searches,
    "litellm_provider": lambda data, raw: data["spec"]["provider"].replace("-", "_") == raw,
    "mode": lambda data, mode: data["spec"]["type"].replace("-", "_") == mode.replace("audio_speech", "speech"),
}


def _price_at(pricing: dict[str, Any], slot: Any, price: Any, count: int) -> bool:
    expected = Decimal(repr(price)).scaleb(6) if slot.field else Decimal(repr(price)) / count
    if slot.field is None:
        unit = (*slot.unit, slot.above)
        found = [
            each["price"]
            for each in pricing["units"]
            if (each["unit"], each.get("direction"), each.get("detail"), each.get("aboveInputTokens", 0)) == unit
        ]
    else:
        base = {"perMillionTokens": pricing.get("perMillionTokens", {})}
        found = [
            tier["perMillionTokens"].get(slot.field)
            for tier in [base, *pricing.get("tiers", ())]
            if tier.get("service", "standard") == slot.service
            and tier.get("aboveInputTokens", 0) == slot.above
            and tier.get("upToInputTokens") is None
        ]
    return [Decimal(repr(each)) for each in found if each is not None] == [expected]


@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_file_holds_it_is_read_or_refused(raw: bytes) -> None:
    try:
        entries = read_catalogue(raw).entries
    except Rejected:
        return
    assert entries == json.loads(raw)
