"""The alarm of a rewritten main, kept in the catalog so that every process tells it until it is over.

- It is over when main descends from the last indexed commit again, or when the rewriting was accepted: then another
  generation is answered from, which knows of no alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gitreg.registry import timestamp
from gitreg_indexer.catalog import Catalog

_KEY: Final = "alarm"
_NONE: Final = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Main was rewritten: it went from a commit, the last one that is indexed, to one that does not descend from it.

    `seen` is the time at which it was first met; empty where nobody has tried to follow it yet.
    """

    seq: int
    commit: str
    tip: str
    seen: str

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {"from": self.commit, "fromSeq": self.seq, "to": self.tip, "seen": self.seen or None}


def alarm_in(about: Mapping[str, str]) -> Alarm | None:
    """Read the alarm off what a catalog says of itself."""
    try:
        data = orjson.loads(about.get(_KEY) or "null")
        return None if data is None else Alarm(**data)
    except (orjson.JSONDecodeError, TypeError):
        return None


def raise_alarm(catalog: Catalog, tip: str) -> None:
    """Store that main was found at a commit which does not descend from the last indexed one."""
    known, position = alarm_in(catalog.about()), catalog.position()
    if known is not None and (known.commit, known.tip) == (position.commit, tip):
        return
    alarm = Alarm(position.seq, position.commit, tip, timestamp(datetime.now(UTC)))
    _note(catalog, orjson.dumps(asdict(alarm)).decode())


def end_alarm(catalog: Catalog) -> None:
    """Store that main descends from the last indexed commit."""
    if catalog.about().get(_KEY):
        _note(catalog, _NONE)


def _note(catalog: Catalog, text: str) -> None:
    with catalog.writing() as written:
        written.note(**{_KEY: text})
