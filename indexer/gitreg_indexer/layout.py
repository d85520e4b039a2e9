"""What the index's files are called and what their fixed values mean.

- An index's folder holds generations: folders of a catalog and its search indexes. One is current; another may be in
  the making beside it. Their names begin with the format that they have.
- Each format has files of its own that name them, so that versions of gitreg may use one folder side by side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FORMAT: Final = "3"
"""The format of the catalog and what lies beside it; another one is made again from Git."""
INDEX_FOLDER: Final = "index"
CATALOG_FILE: Final = "catalog.sqlite3"
CURRENT_FILE: Final = f"current-{FORMAT}"
"""Holds the name of the generation that is answered from."""
BUILDING_FILE: Final = f"building-{FORMAT}"
"""Holds the name of the generation that is being made."""
FOREVER: Final = 2**62
"""The end of a fact that still holds."""


def named_in(file: Path) -> str | None:
    """Read which generation a file names; None where there is none, or none of this format."""
    try:
        name = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    number = name.removeprefix(f"{FORMAT}-")
    return name if number != name and number.isdigit() else None
