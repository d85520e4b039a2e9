"""What the operating system says of an index's files, told with the mend."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from gitreg.errors import GitregError

_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_TAKEN: Final = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


def mend_of(error: OSError) -> str:
    """Say what mends a file or a folder that cannot be written."""
    if error.errno in _FULL:
        return "free some space on that disk, then run `gitreg index`"
    if error.errno in _TAKEN:
        return "remove what stands in its place, or name another folder with --index"
    return "make the folder writable, or name another one with --index"


def unwritable(folder: Path, error: OSError) -> GitregError:
    """Say that an index's folder cannot be written, and what stands in its place where something does."""
    at = error.filename2 or error.filename
    return GitregError(
        "the index's folder cannot be written",
        where=os.fsdecode(at) if error.errno in _TAKEN and isinstance(at, (str, bytes)) else str(folder),
        got=error.strerror or str(error),
        mend=mend_of(error),
    )


def unreadable(folder: Path, error: OSError) -> GitregError:
    """Say that an index's folder cannot be read."""
    return GitregError(
        "the index's folder cannot be read",
        where=str(folder),
        got=error.strerror or str(error),
        expected="a folder that `gitreg index` has made, or no such path",
        mend="name the index's folder with --index",
    )
