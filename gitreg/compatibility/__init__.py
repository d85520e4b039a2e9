"""What a change means to those who use a record: whether it breaks them, and which version it deserves."""

from gitreg.compatibility.bumps import Bump, deserved, is_enough, next_version, step_between
from gitreg.compatibility.changes import Difference, Impact, compare
from gitreg.compatibility.schemas import Cover, covers

__all__ = [
    "Bump",
    "Cover",
    "Difference",
    "Impact",
    "compare",
    "covers",
    "deserved",
    "is_enough",
    "next_version",
    "step_between",
]
