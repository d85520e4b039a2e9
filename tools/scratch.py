#!/usr/bin/env python
"""Print the folder for the files of tests: in memory, where there is room, since on a disk they mostly wait for it.

- Files in memory behave as others do; only an fsync takes no time. `make test-thorough` uses the disk.
- A TMPDIR that is set is kept, and so is the usual folder where memory cannot be had or no program may run from it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder below it is pytest's own
ROOM: Final = 1_000_000_000


def scratch() -> Path:
    """Give the folder."""
    usual = Path(tempfile.gettempdir())
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return usual
    seen = os.statvfs(MEMORY)
    has_room = seen.f_bavail * seen.f_frsize > ROOM
    return MEMORY if has_room and not seen.f_flag & getattr(os, "ST_NOEXEC", 0) else usual


if __name__ == "__main__":
    sys.stdout.write(f"{scratch()}\n")
