"""Say in one short line what changed, for the message of the import's commit.

- Whatever a catalogue holds, a line stays a line: what does not print is escaped, what is long is cut.
- Where two long values begin alike, the shared beginning is left out, so that the difference is seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gitreg.importers.litellm.catalogue import Json
from gitreg.manifests import FieldChange, differences

_FIELDS: Final = 4
_LONGEST_VALUE: Final = 40
_LONGEST_PATH: Final = 80
_LONGEST_SENTENCE: Final = 160
_BEFORE_DIFFERENCE: Final = 10
_CUT: Final = "..."
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/@+-]+")
_FIRST: Final = ("spec.pricing.", "spec.lifecycle.")
_LAST: Final = "spec.custom."


def one_line(text: str) -> str:
    """Escape line breaks, control characters and all else that does not print."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def changes_in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say which fields of a manifest's data changed: prices first, what is only kept last."""
    return _listed([_in_words(change) for change in sorted(differences(before, after), key=_rank)])


def changelog_in_line(changelog: str) -> str:
    """Give a changelog, which has a change on each line, as one line."""
    return _listed([_cut(one_line(line), _LONGEST_SENTENCE) for line in changelog.split("\n")])


def _listed(changes: Sequence[str]) -> str:
    more = len(changes) - _FIELDS
    return ", ".join(changes[:_FIELDS]) + (f" and {more} more" if more > 0 else "")


def _rank(change: FieldChange) -> int:
    if change.path.startswith(_LAST):
        return len(_FIRST) + 1
    return next((n for n, block in enumerate(_FIRST) if change.path.startswith(block)), len(_FIRST))


def _in_words(change: FieldChange) -> str:
    path = change.path.removeprefix("spec.").removeprefix("metadata.")
    before, after = _shown(change.before), _shown(change.after)
    start = 0
    if max(len(before), len(after)) > _LONGEST_VALUE:
        start = max(0, _shared(before, after) - _BEFORE_DIFFERENCE)
    values = (_cut((_CUT if start else "") + text[start:], _LONGEST_VALUE) for text in (before, after))
    return f"{_cut(_word(path), _LONGEST_PATH)} {' -> '.join(values)}"


def _shared(one: str, other: str) -> int:
    """Count the characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (char, against) in pairs if char != against), min(len(one), len(other)))


def _shown(value: Json) -> str:
    if value is None:
        return "none"
    return _word(value) if isinstance(value, str) else one_line(_json(value))


def _word(text: str) -> str:
    """Give a plain word as it stands, and any other text in quotes, so that it cannot pass for two."""
    return text if _PLAIN.fullmatch(text) else one_line(_json(text))


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT
