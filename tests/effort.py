"""How hard the laws and the kills try: usually enough to meet a plain mistake, much more under `make test-thorough`.

- Whatever is done again and again, on other data or at other moments, asks here how often. What must hold is the same.
"""

from __future__ import annotations

import os
from typing import Final

IS_THOROUGH: Final = os.environ.get("GITREG_TEST_THOROUGH") == "1"


def tries(usually: int, thoroughly: int) -> int:
    """Give how often something is tried."""
    return thoroughly if IS_THOROUGH else usually
