"""What can be wrong with a published registry."""

from __future__ import annotations

from gitreg.errors import GitregError


class DamagedError(GitregError):
    """A published file is not what its parent says."""

    code = "damaged-publication"
