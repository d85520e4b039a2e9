"""The index: Git history folded into a catalog and a search index that can be deleted and rebuilt."""

from gitreg_indexer.catalog import BrokenIndexError, Fact, ForeignIndexError, IndexFormatError, Position
from gitreg_indexer.engine import SORTS, Query
from gitreg_indexer.index import Index, Page, Reader, Report, default_folder

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
