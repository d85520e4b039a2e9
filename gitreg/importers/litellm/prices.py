"""Turn the price keys of a row into a pricing block.

- litellm's prices are US dollars for one token; ours are for a million. The decimal digits are shifted, so
  nothing is rounded; where 64-bit floats cannot hold the result exactly, the original is kept as well.
- A key is a base (`input_cost_per_token`) with endings: a threshold (`_above_200k_tokens`) and a service
  level (`_flex`, `_priority`, `_batches`). The bases are the two tables below; a key that they do not
  explain is not a price to us, and stays where it was.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

CURRENCY: Final = "USD"
_LARGEST_EXACT: Final = 2**53 - 1

TOKEN_PRICES: Final[dict[str, str]] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cacheRead",
    "cache_creation_input_token_cost": "cacheWrite",
    "cache_creation_input_token_cost_above_1hr": "cacheWriteLong",
    "output_cost_per_reasoning_token": "reasoning",
    "citation_cost_per_token": "citation",
    "input_cost_per_audio_token": "audioInput",
    "output_cost_per_audio_token": "audioOutput",
    "cache_read_input_audio_token_cost": "audioCacheRead",
    "cache_creation_input_audio_token_cost": "audioCacheWrite",
    "input_cost_per_image_token": "imageInput",
    "output_cost_per_image_token": "imageOutput",
    "output_cost_per_video_token": "videoOutput",
    "input_cost_per_token_cache_hit": "cacheRead",  # an older word; the newer one wins
}
# base -> (unit, direction, detail, how many of the unit the price is for)
UNIT_PRICES: Final[dict[str, tuple[str, str | None, str | None, int]]] = {
    "input_cost_per_request": ("request", "input", None, 1),
    "input_cost_per_query": ("query", "input", None, 1),
    "input_cost_per_image": ("image", "input", None, 1),
    "output_cost_per_image": ("image", "output", None, 1),
    "input_cost_per_pixel": ("pixel", "input", None, 1),
    "output_cost_per_pixel": ("pixel", "output", None, 1),
    "input_cost_per_second": ("second", "input", None, 1),
    "output_cost_per_second": ("second", "output", None, 1),
    "output_cost_per_second_1080p": ("second", "output", "1080p", 1),
    "input_cost_per_character": ("character", "input", None, 1),
    "output_cost_per_character": ("character", "output", None, 1),
    "input_cost_per_audio_per_second": ("audio-second", "input", None, 1),
    "input_cost_per_video_per_second": ("video-second", "input", None, 1),
    "output_cost_per_video_per_second": ("video-second", "output", None, 1),
    "input_cost_per_video_per_second_above_8s_interval": ("video-second", "input", "interval above 8 s", 1),
    "input_cost_per_video_per_second_above_15s_interval": ("video-second", "input", "interval above 15 s", 1),
    "ocr_cost_per_page": ("page", None, "ocr", 1),
    "ocr_cost_per_credit": ("credit", None, "ocr", 1),
    "annotation_cost_per_page": ("page", None, "annotation", 1),
    "code_interpreter_cost_per_session": ("session", None, "code interpreter", 1),
    "file_search_cost_per_1k_calls": ("request", None, "file search", 1000),
    "file_search_cost_per_gb_per_day": ("gigabyte-day", None, "file search", 1),
    "vector_store_cost_per_gb_per_day": ("gigabyte-day", None, "vector store", 1),
}
SEARCH_SIZES: Final = ("search_context_size_low", "search_context_size_medium", "search_context_size_high")
SERVICES: Final[dict[str, str]] = {"_batches": "batch", "_flex": "flex", "_priority": "priority"}
_SERVICE: Final = re.compile("|".join(f"{ending}\\Z" for ending in SERVICES))
_THRESHOLD: Final = re.compile(r"_above_([1-9]\d{0,8})k_tokens\Z")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a price belongs: a field of a tier, or a price of a unit."""

    service: str
    above: int
    up_to: int | None
    field: str | None
    unit: tuple[str, str | None, str | None] | None = None


@cache
def slot_of(key: str) -> tuple[Slot, int] | None:
    """Find the slot that a key prices, and how many units its price is for; None for no price of ours."""
    base, service = key, "standard"
    if ending := _SERVICE.search(base):
        base, service = base[: ending.start()], SERVICES[ending[0]]
    above = 0
    if threshold := _THRESHOLD.search(base):
        base, above = base[: threshold.start()], int(threshold[1]) * 1000
    if base in TOKEN_PRICES:
        return Slot(service, above, None, TOKEN_PRICES[base]), 1
    if base in UNIT_PRICES and service == "standard":
        unit, direction, detail, count = UNIT_PRICES[base]
        return Slot(service, above, None, None, (unit, direction, detail)), count
    return None


def scaled(price: float, *, million: bool, count: int = 1) -> tuple[int | float, bool] | None:
    """Give a price for a million, or for one of `count`, and whether that is exact; None for no price."""
    is_number = isinstance(price, (int, float)) and not isinstance(price, bool)
    if not is_number or price < 0 or not math.isfinite(price):
        return None
    try:
        exact = Decimal(repr(price)).scaleb(6 if million else 0) / count
        number = shortest(exact)
    except (ArithmeticError, OverflowError):
        return None
    return (number, Decimal(repr(number)) == exact) if math.isfinite(number) else None


def shortest(exact: Decimal) -> int | float:
    """Give a decimal as the shortest number: an integer when it is whole."""
    if exact == exact.to_integral_value() and exact <= _LARGEST_EXACT:
        return int(exact)
    return float(exact)


@dataclass(slots=True)
class Prices:
    """Collects the prices of one row."""

    slots: dict[Slot, int | float]

    def put(self, slot: Slot, price: float) -> bool:
        """Put a price into its slot; false when another price is there."""
        return self.slots.setdefault(slot, price) == price

    def block(self) -> dict[str, Any]:
        """Give the pricing block, without its source; empty where nothing has a price."""
        tiers: dict[tuple[str, int, int | None], dict[str, Any]] = {}
        units: list[tuple[Slot, int | float]] = []
        for slot, price in self.slots.items():
            if slot.field is None:
                units.append((slot, price))
            else:
                tiers.setdefault((slot.service, slot.above, slot.up_to), {})[slot.field] = price
        base = tiers.pop(("standard", 0, None), None)
        found = {
            "perMillionTokens": base,
            "tiers": [_tier(*at, tiers[at]) for at in sorted(tiers, key=_tier_order)],
            "units": [_unit(slot, price) for slot, price in sorted(units, key=_unit_order)],
        }
        stated = {name: value for name, value in found.items() if value}
        return {"currency": CURRENCY, **stated} if stated else {}


_SERVICE_ORDER: Final = ("standard", "batch", "flex", "priority")


def _tier_order(at: tuple[str, int, int | None]) -> tuple[int, int, int]:
    return _SERVICE_ORDER.index(at[0]), at[1], at[2] or _LARGEST_EXACT


def _unit_order(item: tuple[Slot, int | float]) -> tuple[str, str, str, int]:
    unit, direction, detail = item[0].unit or ("", None, None)
    return unit, direction or "", detail or "", item[0].above


def _tier(service: str, above: int, up_to: int | None, prices: dict[str, Any]) -> dict[str, Any]:
    tier: dict[str, Any] = {} if service == "standard" else {"service": service}
    if above:
        tier["aboveInputTokens"] = above
    if up_to is not None:
        tier["upToInputTokens"] = up_to
    return {**tier, "perMillionTokens": prices}


def _unit(slot: Slot, price: float) -> dict[str, Any]:
    unit, direction, detail = slot.unit or ("", None, None)
    found = {
        "unit": unit,
        "direction": direction,
        "price": price,
        "aboveInputTokens": slot.above or None,
        "detail": detail,
    }
    return {name: value for name, value in found.items() if value is not None}
