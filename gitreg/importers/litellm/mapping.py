"""Map one row of the catalogue to the manifest data that it asks for, and say what is wrong with it.

- A key of a row is mapped, or kept verbatim under `spec.custom.litellm`; none is lost. Where mapping loses
  something (a mode that shares its type with others, a list with words that we do not know) the key is kept
  as well.
- A value of the wrong type is kept, said, and not guessed at; only a float that is a whole number is taken
  for the integer that it is.
- The checksum covers the row's key and what of the row is mapped to frozen fields: `litellm_provider`,
  `mode`, the token limits (`max_input_tokens`, `max_output_tokens`, and `max_tokens` where it stands in for
  one of them), `output_vector_size`, `supported_modalities` and `supported_output_modalities` (as sorted
  sets), and every `supports_...` that is mapped. Prices, dates, sources, notes and all that is only kept do
  not count, so a change of those updates a version in place.
- `as_of` is the day that the file gives for itself; nothing here asks the clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, get_args

import rfc8785

from gitreg.importers.litellm.catalogue import Json, read_day
from gitreg.importers.litellm.names import flavour_of, name_of, provider_of
from gitreg.importers.litellm.prices import (
    SEARCH_SIZES,
    TOKEN_PRICES,
    UNIT_PRICES,
    Prices,
    Slot,
    scaled,
    slot_of,
)
from gitreg.kinds import API_VERSION
from gitreg.kinds.model import Capabilities

CATALOGUE: Final = "litellm"
FIRST_VERSION: Final = "1.0.0"
DOCS_TITLE: Final = "Source of litellm's row"
NOT_MODELS: Final[dict[str, str]] = {
    "sample_spec": "not a model: it explains the fields of the catalogue",
    "fallback_generalizations": "not a model: it holds rules for names that the catalogue does not list",
    "last_updated": "not a model: it says when the catalogue was made",
}
TYPES: Final[dict[str, str]] = {
    "chat": "completion",
    "completion": "completion",
    "responses": "completion",
    "embedding": "embedding",
    "image_generation": "image-generation",
    "image_edit": "image-edit",
    "audio_transcription": "audio-transcription",
    "audio_speech": "speech",
    "video_generation": "video-generation",
    "moderation": "moderation",
    "rerank": "rerank",
    "realtime": "realtime",
    "search": "search",
    "ocr": "ocr",
    "vector_store": "vector-store",
}
_WRITERS: Final = frozenset({"completion", "realtime"})
_TYPES_BY_FLAVOUR: Final = {
    "embedding": "embedding",
    "text-completion": "completion",
    "language": "completion",
    "image": "image-generation",
    "video": "video-generation",
}
_TYPES_BY_ENDPOINT: Final = {
    "/v1/chat/completions": "completion",
    "/v1/completions": "completion",
    "/v1/responses": "completion",
    "/v1/messages": "completion",
    "/v1/embeddings": "embedding",
    "/v1/images/generations": "image-generation",
    "/v1/images/edits": "image-edit",
    "/v1/audio/transcriptions": "audio-transcription",
    "/v1/audio/speech": "speech",
    "/v1/moderations": "moderation",
    "/v1/realtime": "realtime",
    "/v1/rerank": "rerank",
    "/v1/ocr": "ocr",
}
# Limits and sizes that are one positive integer; `max_tokens` has rules of its own.
_SIZES: Final = {
    "max_input_tokens": "contextLength",
    "max_output_tokens": "maxOutputTokens",
    "output_vector_size": "embeddingDimensions",
}
_ABILITIES: Final = {
    "supports_function_calling": "supportsFunctions",
    "supports_vision": "supportsVision",
    "supports_native_streaming": "supportsStreaming",
}
_MODALITIES: Final = {
    "supported_modalities": "inputModalities",
    "supported_output_modalities": "outputModalities",
}
_KNOWN_MODALITIES: Final = {
    "inputModalities": get_args(get_args(Capabilities.model_fields["input_modalities"].annotation)[0]),
    "outputModalities": get_args(get_args(Capabilities.model_fields["output_modalities"].annotation)[0]),
    "modalities": get_args(get_args(Capabilities.model_fields["modalities"].annotation)[0]),
}
_FEATURE: Final = re.compile(r"supports_(?P<slug>[a-z0-9]+(_[a-z0-9]+)*)\Z")
_URL: Final = re.compile(r"https://[^\s/?#][^\s]*\Z")
_PRICE_LIKE: Final = re.compile(r"cost|price|pricing|fee(_|\Z)")
# Keys that are kept and need no word said about them.
_KEPT: Final = frozenset(
    {
        "audio_transcription_config",
        "bedrock_converse_supports_strict_tools",
        "bedrock_output_config_effort_ceiling",
        "comment",
        "computer_use_input_cost_per_1k_tokens",
        "computer_use_output_cost_per_1k_tokens",
        "gemini_audio_only_live",
        "gemini_native_audio",
        "input_dbu_cost_per_token",
        "output_dbu_cost_per_token",
        "metadata",
        "prompt_cache_min_tokens",
        "provider_specific_entry",
        "regional_processing_uplift_multiplier_eu",
        "regional_processing_uplift_multiplier_us",
        "rpm",
        "supported_endpoints",
        "supported_regions",
        "tpm",
        "use_openai_responses_path",
        "uses_embed_content",
        "web_search_billing_unit",
    }
)
_MAPPED: Final = frozenset(
    {*_SIZES, *_MODALITIES, *TOKEN_PRICES, *UNIT_PRICES, "max_tokens", "mode", "litellm_provider", "source"}
    | {"deprecation_date", "tiered_pricing", "search_context_cost_per_query"}
)
_DEEPEST: Final = 12
_LARGEST: Final = 2**53 - 1
_LONGEST_KEY: Final = 256
_LONGEST_URL: Final = 2048
_LONGEST_TEXT: Final = 16_384


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a row asks for: a manifest's data at the first version, and what was said about the row."""

    key: str
    data: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that makes no manifest, and why."""

    key: str
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Row:
    """A row being worked off: `kept` shrinks as keys are mapped, `counted` grows into the digested record."""

    key: str
    kept: dict[str, Any]
    counted: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def count(self, key: str, value: Json) -> Json:
        """Map a key to a frozen field."""
        self.counted[key] = value
        self.kept.pop(key, None)
        return value

    def say(self, key: str, what: str) -> None:
        """Say what is wrong with the value of a key."""
        self.said.append(f"`{key}` {what}; kept under custom.litellm")

    def wrong(self, key: str, value: Json, expected: str) -> None:
        """Say that a value is not what was expected."""
        shown = repr(value)
        self.say(key, f"is {shown if len(shown) <= 60 else shown[:57] + '...'}, not {expected}")


def map_row(key: str, value: Json, *, as_of: date | None = None) -> Wanted | Skipped:
    """Map one entry of the catalogue; whatever the entry is, nothing is raised."""
    if reason := _reason_to_skip(key, value):
        return Skipped(key, reason)
    row = Row(key, dict(value))
    provider = provider_of(value["litellm_provider"])
    if provider is None:
        return Skipped(key, f"litellm_provider {value['litellm_provider']!r} makes no namespace")
    kind = _type_of(row, value)
    if kind is None:
        return Skipped(key, _why_no_type(value), tuple(row.said))
    row.count("litellm_provider", value["litellm_provider"])
    if provider.replace("-", "_") != value["litellm_provider"]:
        row.kept["litellm_provider"] = value["litellm_provider"]
    spec = _spec(row, provider, kind, as_of)
    metadata = {
        "namespace": provider,
        "name": name_of(provider, key),
        "version": FIRST_VERSION,
        **_description(value),
        **_docs(row),
        "externalIds": {CATALOGUE: key},
    }
    _say_unknown(row)
    if row.kept:
        spec["custom"] = {CATALOGUE: {name: _storable(row, name, kept) for name, kept in row.kept.items()}}
    data = {"apiVersion": API_VERSION, "kind": "Model", "metadata": metadata, "spec": spec}
    return Wanted(key, data, tuple(row.said))


def _reason_to_skip(key: str, value: Json) -> str | None:
    if key in NOT_MODELS:
        return NOT_MODELS[key]
    if not isinstance(value, dict):
        return f"not a model: {_word(value)}, not an object"
    if _is_deeper(value, _DEEPEST):
        return f"nested deeper than {_DEEPEST} levels, which no manifest can keep"
    if not key.strip() or len(key) > _LONGEST_KEY or not key.isprintable():
        return f"the key is not 1 to {_LONGEST_KEY} printable characters, and no record could be found by it"
    if "litellm_provider" not in value:
        return "no litellm_provider, so it has no namespace"
    if not isinstance(value["litellm_provider"], str):
        return f"litellm_provider is {_word(value['litellm_provider'])}, not text"
    if "mode" not in value and all(_is_price(name) for name in value if name != "litellm_provider"):
        return "a price class, not a model: it has prices, and no mode, limit or ability"
    return None


def _is_price(key: str) -> bool:
    return slot_of(key) is not None


def _is_deeper(value: Json, levels: int) -> bool:
    """Tell whether lists and objects are nested deeper than so many levels."""
    layer = [value]
    for _ in range(levels):
        layer = [
            each
            for holder in layer
            if isinstance(holder, (dict, list))
            for each in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return any(isinstance(each, (dict, list)) for each in layer)


def _word(value: Json) -> str:
    words = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return words.get(type(value), "a number")


def _spec(row: Row, provider: str, kind: str, as_of: date | None) -> dict[str, Any]:
    capabilities = {**_sizes(row, kind), **_modalities(row), **_abilities(row)}
    pricing = _pricing(row)
    lifecycle = _lifecycle(row, as_of)
    digest = hashlib.sha256(rfc8785.dumps({"key": row.key, **row.counted})).hexdigest()
    return {
        "provider": provider,
        "type": kind,
        "checksum": {"of": "source-record", "digest": digest},
        **({"capabilities": capabilities} if capabilities else {}),
        **({"lifecycle": lifecycle} if lifecycle else {}),
        **({"pricing": pricing} if pricing else {}),
    }


# ---- What it is for


def _type_of(row: Row, value: dict[str, Any]) -> str | None:
    """Give the type that the mode says, or, without one, that everything else in the row agrees on."""
    mode = value.get("mode")
    if mode is not None:
        kind = TYPES.get(mode) if isinstance(mode, str) else None
        if kind is None:
            return None
        row.count("mode", mode)
        if list(TYPES.values()).count(kind) > 1:
            row.kept["mode"] = mode
        return kind
    evidence = _evidence(value)
    if len(set(evidence.values())) != 1:
        return None
    (kind,) = set(evidence.values())
    row.said.append(f"no `mode`; taken for {kind!r}, as its {' and '.join(sorted(evidence))} says")
    return kind


def _evidence(value: dict[str, Any]) -> dict[str, str]:
    """Collect what a row without a mode says of its type: (the key that says it, the type)."""
    found: dict[str, str] = {}
    flavour = flavour_of(value["litellm_provider"])
    if flavour in _TYPES_BY_FLAVOUR:
        found["litellm_provider"] = _TYPES_BY_FLAVOUR[flavour]
    endpoints = value.get("supported_endpoints")
    paths = [path for path in endpoints if path != "/v1/batch"] if isinstance(endpoints, list) else []
    kinds = {_TYPES_BY_ENDPOINT.get(str(path), "") for path in paths}
    if len(kinds) == 1 and "" not in kinds:
        found["supported_endpoints"] = kinds.pop()
    if _whole(value.get("output_vector_size")):
        found["output_vector_size"] = "embedding"
    if value.get("supports_function_calling") is True:
        found["supports_function_calling"] = "completion"
    return found


def _why_no_type(value: dict[str, Any]) -> str:
    if value.get("mode") is not None:
        return f"mode {str(value['mode'])[:60]!r} is not one that this importer knows: {', '.join(TYPES)}"
    return "no mode, and nothing else in the row says what it is for"


# ---- What it can do


def _whole(value: Json) -> int | None:
    """Give a positive integer, also one that is written as a float; None for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= _LARGEST:
        return None
    return int(value) if value == int(value) else None


def _size(row: Row, key: str) -> int | None:
    value = row.kept.get(key)
    if value is None:
        return None
    size = _whole(value)
    if size is None:
        row.wrong(key, value, "a positive whole number")
    elif isinstance(value, float):
        row.said.append(f"`{key}` is written as the float {value!r}; taken for {size}")
    return size


def _sizes(row: Row, kind: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for key, name in _SIZES.items():
        size = _size(row, key)
        if size is not None:
            sizes[name] = row.count(key, size)
    legacy = _size(row, "max_tokens")
    if legacy is not None:
        _fold_legacy(row, kind, sizes, legacy)
    return sizes


def _fold_legacy(row: Row, kind: str, sizes: dict[str, int], legacy: int) -> None:
    """Read `max_tokens`, which litellm sets to the limit of the output or, without one, of the input."""
    read, written = sizes.get("contextLength"), sizes.get("maxOutputTokens")
    if legacy == (read if written is None else written):
        del row.kept["max_tokens"]
    elif written is not None:
        row.say("max_tokens", f"is {legacy}, and neither limit is")
    elif read is not None or kind in _WRITERS:
        sizes["maxOutputTokens"] = row.count("max_tokens", legacy)
    else:
        sizes["contextLength"] = row.count("max_tokens", legacy)


def _modalities(row: Row) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, name in _MODALITIES.items():
        value = row.kept.get(key)
        if value is None:
            continue
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            row.wrong(key, value, "a list of words")
            continue
        known = [word for word in _KNOWN_MODALITIES[name] if word in value]
        foreign = sorted(set(value) - set(known))
        row.count(key, sorted(set(value)))
        if foreign or not known:
            row.kept[key] = value
        if foreign:
            row.say(key, f"names {', '.join(map(repr, foreign))[:80]}, which is no modality here")
        if known:
            found[name] = known
    either = {word for words in found.values() for word in words}
    union = [word for word in _KNOWN_MODALITIES["modalities"] if word in either]
    return {"modalities": union, **found} if union else {}


def _abilities(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    features: list[str] = []
    for key, value in sorted(row.kept.items()):
        feature = _FEATURE.match(key)
        if value is None or feature is None:
            continue
        if not isinstance(value, bool):
            row.wrong(key, value, "true or false")
        elif key in _ABILITIES:
            found[_ABILITIES[key]] = row.count(key, value)
        elif value and len(feature["slug"]) <= 64:
            features.append(feature["slug"].replace("_", "-"))
            row.count(key, value)
    return {**found, "features": sorted(features)} if features else found


# ---- What it costs


def _pricing(row: Row) -> dict[str, Any]:
    prices = Prices({})
    for key in sorted(row.kept, key=lambda key: (key.startswith("input_cost_per_token_cache_hit"), key)):
        target = slot_of(key)
        if target is not None and row.kept[key] is not None:
            slot, count = target
            _price(row, key, row.kept[key], slot, prices, count)
    for key, read in _PRICE_SHAPES.items():
        value = row.kept.get(key)
        if value is not None and not read(value, prices):
            row.wrong(key, value, _SHAPE_WORDS[key])
        elif value is not None:
            del row.kept[key]
    block = prices.block()
    source = row.kept.get("source")
    if block and isinstance(source, str) and _is_url(source):
        block["source"] = row.kept.pop("source")
    return block


def _price(row: Row, key: str, value: Json, slot: Slot, prices: Prices, count: int) -> None:
    priced = scaled(value, million=slot.field is not None, count=count)
    if priced is None:
        row.wrong(key, value, "a price: a number from 0 up")
        return
    number, is_exact = priced
    if not prices.put(slot, number):
        row.say(key, f"is {value!r}, and another key gives the same price otherwise")
    elif is_exact:
        del row.kept[key]


def _search_context(value: Json, prices: Prices) -> bool:
    """Map the prices of web searches by size of their context; false when they are not that."""
    if not isinstance(value, dict) or not value or not set(value) <= set(SEARCH_SIZES):
        return False
    details = {size: f"web search, {size.rpartition('_')[2]} context" for size in value}
    slots = {size: Slot("standard", 0, None, None, ("query", None, details[size])) for size in value}
    return _put_all([(slots[size], price) for size, price in value.items()], prices)


def _tiered(value: Json, prices: Prices) -> bool:
    """Map prices by range of input tokens or of results; false when they are not that."""
    if not isinstance(value, list) or not value:
        return False
    wanted: list[tuple[Slot, Any]] = []
    for tier in value:
        found = _tier_slots(tier) if isinstance(tier, dict) else None
        if not found:
            return False
        wanted.extend(found)
    return _put_all(wanted, prices)


def _tier_slots(tier: dict[str, Any]) -> list[tuple[Slot, Any]] | None:
    bounds = _range(tier.get("range", tier.get("max_results_range")))
    keys = [key for key in tier if key not in ("range", "max_results_range")]
    if bounds is None or len(keys) != len(tier) - 1:
        return None
    if "range" in tier:
        if bounds[0] >= bounds[1] or not all(key in TOKEN_PRICES for key in keys):
            return None
        return [(Slot("standard", bounds[0], bounds[1], TOKEN_PRICES[key]), tier[key]) for key in keys]
    if keys != ["input_cost_per_query"]:
        return None
    detail = f"{bounds[0]} to {bounds[1]} results"
    return [(Slot("standard", 0, None, None, ("query", "input", detail)), tier[keys[0]])]


def _range(value: Json) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = (0 if value[0] == 0 else _whole(value[0])), _whole(value[1])
    return None if low is None or high is None else (low, high)


def _put_all(wanted: list[tuple[Slot, Any]], prices: Prices) -> bool:
    """Put prices into their slots, all or none."""
    trial = Prices(dict(prices.slots))
    for slot, value in wanted:
        priced = scaled(value, million=slot.field is not None)
        if priced is None or not priced[1] or not trial.put(slot, priced[0]):
            return False
    prices.slots.update(trial.slots)
    return True


_PRICE_SHAPES: Final[dict[str, Callable[[Any, Prices], bool]]] = {
    "search_context_cost_per_query": _search_context,
    "tiered_pricing": _tiered,
}
_SHAPE_WORDS: Final = {
    "search_context_cost_per_query": "prices by size of the search context",
    "tiered_pricing": "a list of prices with the range that each holds for",
}


# ---- Where it stands, and where it is described


NO_SUCCESSOR: Final = "The litellm catalogue gives the day of its deprecation and names no successor."


def _lifecycle(row: Row, as_of: date | None) -> dict[str, Any]:
    """Read the day from which the model is deprecated; whether it has come, the file's own day says."""
    said = row.kept.get("deprecation_date")
    if said is None:
        return {}
    day = read_day(said) if isinstance(said, str) else None
    if day is None:
        row.wrong("deprecation_date", said, "a day like 2026-11-30")
        return {}
    del row.kept["deprecation_date"]
    begun = {"status": "deprecated", "reason": NO_SUCCESSOR} if as_of is not None and day <= as_of else {}
    return {**begun, "deprecationDate": day.isoformat()}


def _description(value: dict[str, Any]) -> dict[str, str]:
    about = value.get("metadata")
    notes = about.get("notes") if isinstance(about, dict) else None
    if not isinstance(notes, str) or not notes.strip() or len(notes) > _LONGEST_TEXT:
        return {}
    return {"description": notes}


def _docs(row: Row) -> dict[str, Any]:
    source = row.kept.get("source")
    if source is None:
        return {}
    if not isinstance(source, str) or not _is_url(source):
        row.wrong("source", source, "an https address")
        return {}
    del row.kept["source"]
    return {"docs": [{"title": DOCS_TITLE, "url": source}]}


def _is_url(text: str) -> bool:
    return len(text) <= _LONGEST_URL and _URL.match(text) is not None


# ---- What remains


def _say_unknown(row: Row) -> None:
    for key in row.kept:
        if key in _KEPT or key in _MAPPED or _FEATURE.match(key) or slot_of(key):
            continue
        near = _near(key)
        hint = f" (did you mean `{near}`?)" if near else ""
        if _PRICE_LIKE.search(key):
            row.say(key[:80], f"looks like a price, and is not one that this importer knows{hint}")
        elif near:
            row.say(key[:80], f"is not a key that this importer knows{hint}")


@cache
def _near(key: str) -> str | None:
    found = get_close_matches(key[:100], sorted(_MAPPED | _KEPT | set(_ABILITIES)), n=1, cutoff=0.85)
    return found[0] if found else None


def _storable(row: Row, key: str, value: Json) -> Json:
    """Give a kept value as a manifest can hold it: an integer beyond 2^53 becomes text, and that is said."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        row.say(key[:80], "holds an integer beyond 2^53 - 1; written as text")
        return str(value)
    if isinstance(value, dict):
        return {name: _storable(row, key, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_storable(row, key, each) for each in value]
    return value
