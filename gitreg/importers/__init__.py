"""Importers: catalogues of models that others keep, turned into manifests.

- An importer is found through the entry-point group `gitreg.importers`; the entry's name is the word on the
  command line (`gitreg import NAME FILE`), the entry's object keeps the protocol `Importer` below.
- It is deterministic: the same bytes give the same manifests, on every day and on every machine.
- It lands everything in one commit or nothing. Run again on the same bytes it changes nothing.
- Each entry of the source ends in exactly one of registered, updated, unchanged and skipped, and those add
  up to what was read. A fault in the source is said, never guessed away, and never a traceback.
- It sets only what it owns; what people wrote into landed records survives.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gitreg.registry import Registry
    from gitreg.repository.git import Signature


class Report(Protocol):
    """What an importer answers with."""

    def as_data(self) -> dict[str, Any]:
        """Give `{"read", "registered", "updated", "unchanged", "skipped": [{"key", "reason"}], "commit"}`."""
        ...


class Importer(Protocol):
    """What the entry point of an importer names."""

    @property
    def name(self) -> str:
        """The word for it on the command line."""
        ...

    @property
    def help(self) -> str:
        """One sentence: what it reads and what comes of it."""
        ...

    def run(
        self, registry: Registry, raw: bytes, *, author: Signature, when: datetime | None = None, origin: str
    ) -> Report:
        """Import the bytes of a source; `origin` is what messages call it."""
        ...
