"""Regular expressions that manifests carry: what is wrong with one that cannot be asked."""

from __future__ import annotations

import re
from typing import Any


def fault_of_pattern(pattern: Any) -> str | None:
    """Say what is wrong with a regular expression; None where nothing is."""
    if not isinstance(pattern, str):
        return "it is not a text"
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None
