"""The fields that filters, facets and sorting know: canonical paths with their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Column = Literal["number", "text"]

_COLUMNS: Final[dict[str, Column]] = {
    "registry.createdAt": "number",
    "spec.capabilities.contextLength": "number",
    "spec.pricing.perMillionTokens.input": "number",
}


def columns() -> Mapping[str, Column]:
    """Give the canonical paths that results can be sorted by; at most one value stands at each in any record."""
    return _COLUMNS
