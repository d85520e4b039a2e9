"""Filters: what records must state, as people write it (AIP-160), read into conditions that every engine answers.

- Reading knows the fields of all kinds and their types, and the custom fields that are handed to it; it does no I/O.
- The same text and custom fields give the same condition, or an error that names every fault and its place.
"""

from __future__ import annotations

from gitreg_indexer.conditions import Condition
from gitreg_indexer.fields import NO_CUSTOM_FIELDS, CustomFields
from gitreg_indexer.filters.evaluation import holds
from gitreg_indexer.filters.faults import Fault, FilterError
from gitreg_indexer.filters.meaning import condition_of
from gitreg_indexer.filters.writing import write

__all__ = ["Fault", "FilterError", "format_filter", "holds", "parse_filter"]


def parse_filter(text: str, custom: CustomFields = NO_CUSTOM_FIELDS) -> Condition:
    """Read a filter; `FilterError` where it cannot be understood. An empty one asks for nothing and always holds."""
    from gitreg_indexer.filters.syntax import read  # with it comes the parser, which only a filter needs

    node, faults = read(text)
    return condition_of(node, faults, text, custom)


def format_filter(condition: Condition, custom: CustomFields = NO_CUSTOM_FIELDS) -> str:
    """Write a condition as a filter in its one plain form; reading it with the same custom fields gives it back.

    It may be longer than what was read, since ranges are spelt out and texts quoted; even longer than a filter may be.
    """
    return write(condition, custom)
