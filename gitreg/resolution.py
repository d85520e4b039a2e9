"""Which version a selector means, given the versions that there are.

- `latest` is the highest version that is neither a prerelease nor retired; it is computed, never stored.
- A range means its highest version that is not retired; only where all of them are, the highest retired one.
- No selector means `latest`, or, where nothing qualifies for that, the highest version there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gitreg.refs import LATEST
from gitreg.versions import Range, Version

ENDED: Final = ("retired", "archived")
"""The statuses of a version that has reached its end."""

IsRetired = Callable[[Version], bool]


def choose(
    selector: Version | Range | str | None,
    versions: Sequence[Version],
    aliases: Mapping[str, str],
    is_retired: IsRetired,
) -> Version | None:
    """Choose among `versions` (highest first); None where the selector means none of them."""
    if isinstance(selector, Version):
        return next((version for version in versions if version == selector), None)
    if isinstance(selector, Range):
        allowed = [version for version in versions if selector.allows(version)]
        return next((version for version in allowed if not is_retired(version)), allowed[0] if allowed else None)
    latest = next((v for v in versions if not v.is_prerelease and not is_retired(v)), None)
    if selector is None:
        return latest or (versions[0] if versions else None)
    if selector == LATEST:
        return latest
    named = aliases.get(selector)
    return next((version for version in versions if str(version) == named), None)


def why_nothing(selector: Version | Range | str | None, versions: Sequence[Version], aliases: Mapping[str, str]) -> str:
    """Say why a selector means nothing, naming what there is."""
    if not versions:
        return "it has no versions"
    shown = ", ".join(str(version) for version in versions[:8]) + (", ..." if len(versions) > 8 else "")
    if isinstance(selector, Version):
        return f"it has no version {selector}; there are {shown}"
    if isinstance(selector, Range):
        return f"no version satisfies {selector}; there are {shown}"
    if selector == LATEST:
        return f"every version is a prerelease or retired: {shown}"
    known = ", ".join(sorted(aliases)) or "none"
    return f"it has no alias {selector!r}; its aliases: {known}; its versions: {shown}"
