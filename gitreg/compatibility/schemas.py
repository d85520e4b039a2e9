"""Whether one JSON Schema (draft 2020-12) accepts all that another accepts.

- `yes` is proved, by going down both schemas at once. `no` is shown by an instance that one accepts and the other
  refuses, whether or not formats are asserted. Whatever is neither is `unknown`, and says what was not decided.
- Annotations say nothing. `$ref` is followed within its document; nothing is ever fetched.
- Work is bounded: a schema that is too large, too deep or too tangled gives `unknown`.
- Not decided, unless both sides say the same: one pattern or format against another, `contains`, `propertyNames`,
  `unevaluated*`, `$dynamicRef`.
"""

from __future__ import annotations

from typing import Any, Final

from gitreg.compatibility._cover import YES, Cover
from gitreg.compatibility._documents import Budget, Place, Undecided, read_document
from gitreg.compatibility._instances import judge
from gitreg.compatibility._meets import meet
from gitreg.compatibility._proof import Proof
from gitreg.compatibility._witnesses import witnesses
from gitreg.manifests.difference import is_same

__all__ = ["Cover", "covers"]

_STEPS: Final = 20_000
_LONGEST_SHOWN: Final = 120
_LEVELS: Final = (0, 1, 2, 3, 6)


def covers(wide: Any, narrow: Any) -> Cover:
    """Answer whether `wide` accepts every instance that `narrow` accepts; both are JSON Schemas as plain data."""
    try:
        wide_place, narrow_place = read_document(wide).start, read_document(narrow).start
    except Undecided as why:
        return Cover("unknown", str(why) if str(why).startswith("#") else f"#: {why}")
    if is_same(wide, narrow):
        return YES
    gap = _gap(wide_place, narrow_place)
    return _refuted(wide_place, narrow_place) or Cover("unknown", gap) if gap else YES


def _gap(wide: Place, narrow: Place) -> str | None:
    try:
        return Proof(Budget(_STEPS)).gap(wide, meet([narrow]))
    except Undecided as why:
        return f"#: {why}"
    except RecursionError:
        return "#: the schemas lead too deep to be compared"


def _refuted(wide: Place, narrow: Place) -> Cover | None:
    budget = Budget(_STEPS)
    try:
        found = (witness for levels in _LEVELS for witness in witnesses(wide, meet([narrow]), budget, levels))
        witness = next(found, _NONE)
        if witness is _NONE:
            return None
        return Cover("no", f"{judge(wide, witness, Budget(_STEPS)).why}; shown by {_shown(witness)}")
    except (Undecided, RecursionError):
        return None


_NONE: Final = object()


def _shown(witness: Any) -> str:
    text = repr(witness)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
