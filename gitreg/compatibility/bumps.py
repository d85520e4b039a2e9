"""Which version a change deserves, as semantic versioning has it.

- Breaking deserves a major bump, compatible a minor one, cosmetic a patch; no difference deserves none.
- While the major is 0, each is one step smaller: breaking deserves minor, and all else a patch, which is what `^0.2.3`
  lets through.
- A prerelease promises nothing yet: whatever follows it is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from gitreg.compatibility._impacts import Difference, Impact
from gitreg.versions import Version

Bump = Literal["major", "minor", "patch", "none"]
_SIZES: Final[tuple[Bump, ...]] = ("none", "patch", "minor", "major")
_DESERVED: Final[dict[Impact, Bump]] = {
    Impact.BREAKING: "major",
    Impact.COMPATIBLE: "minor",
    Impact.COSMETIC: "patch",
}
_DESERVED_BEFORE_1: Final[dict[Impact, Bump]] = {
    Impact.BREAKING: "minor",
    Impact.COMPATIBLE: "patch",
    Impact.COSMETIC: "patch",
}


def deserved(previous: Version, differences: Iterable[Difference]) -> Bump:
    """Give the smallest bump that tells consumers the truth about the differences."""
    table = _DESERVED if previous.major else _DESERVED_BEFORE_1
    return max((table[difference.impact] for difference in differences), key=_SIZES.index, default="none")


def step_between(previous: Version, following: Version) -> Bump:
    """Give the part that goes up from one version to a later one; none where it is not later."""
    if following <= previous:
        return "none"
    if following.major > previous.major:
        return "major"
    return "minor" if following.minor > previous.minor else "patch"


def is_enough(previous: Version, next: Version, bump: Bump) -> bool:  # noqa: A002 - reads as what it is
    """Tell whether going from one version to the next is at least a bump; a prerelease may go anywhere up."""
    if bump == "none":
        return next >= previous
    if previous.is_prerelease:
        return next > previous
    return _SIZES.index(step_between(previous, next)) >= _SIZES.index(bump)


def next_version(previous: Version, bump: Bump) -> Version:
    """Give the lowest release that a bump leads to; a prerelease goes to its own release first, as in npm."""
    return previous if bump == "none" else previous.bump(bump)
