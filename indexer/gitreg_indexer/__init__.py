"""The index: Git history folded into a catalog and a search index that can be deleted and rebuilt.

Names are loaded when they are first used: a command that looks at one record needs neither SQLAlchemy nor tantivy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gitreg_indexer.catalog import BrokenIndexError, Fact, ForeignIndexError, IndexFormatError, Position
    from gitreg_indexer.engine import SORTS, Query
    from gitreg_indexer.index import Index, Report, default_folder
    from gitreg_indexer.reader import Page, Reader

__all__ = [
    "SORTS",
    "BrokenIndexError",
    "Fact",
    "ForeignIndexError",
    "Index",
    "IndexFormatError",
    "Page",
    "Position",
    "Query",
    "Reader",
    "Report",
    "default_folder",
]

_HOMES: Final = {
    **dict.fromkeys(("BrokenIndexError", "Fact", "ForeignIndexError", "IndexFormatError", "Position"), "catalog"),
    **dict.fromkeys(("SORTS", "Query"), "engine"),
    **dict.fromkeys(("Index", "Report", "default_folder"), "index"),
    **dict.fromkeys(("Page", "Reader"), "reader"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
