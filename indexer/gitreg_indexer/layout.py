"""What the index's files are called and what their fixed values mean."""

from __future__ import annotations

from typing import Final

FORMAT: Final = "1"
"""The format of the catalog; another one is made again from Git."""
INDEX_FOLDER: Final = "index"
CATALOG_FILE: Final = "catalog.sqlite3"
FOREVER: Final = 2**62
"""The end of a fact that still holds."""
