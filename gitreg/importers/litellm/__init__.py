"""Import litellm's catalogue of models and prices (`model_prices_and_context_window.json`).

- `catalogue` reads the file, `names` names its rows, `prices` and `mapping` turn a row into a manifest's
  data, `merging` brings that together with what has landed, `wording` says in a line what changed: all
  without I/O. `importing` is the thin rim that reads and writes Git.
- What maps to what, and what counts in the checksum, stands in `mapping`; for readers, in
  docs/importers/litellm.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gitreg.importers.litellm.catalogue import Catalogue, read_catalogue
from gitreg.importers.litellm.importing import ImportReport, import_catalogue, plan
from gitreg.importers.litellm.mapping import Skipped, Wanted, map_row
from gitreg.importers.litellm.names import key_of, name_of, provider_of

if TYPE_CHECKING:
    from gitreg.importers import Importer
    from gitreg.registry import Registry
    from gitreg.repository.git import Signature

__all__ = [
    "Catalogue",
    "ImportReport",
    "Skipped",
    "Wanted",
    "import_catalogue",
    "importer",
    "key_of",
    "map_row",
    "name_of",
    "plan",
    "provider_of",
    "read_catalogue",
]


@dataclass(frozen=True, slots=True)
class LitellmImporter:
    """The importer of litellm's catalogue, as its entry point names it."""

    name: str = "litellm"
    help: str = "Register the models of litellm's model_prices_and_context_window.json, with their prices."

    def run(
        self, registry: Registry, raw: bytes, *, author: Signature, when: datetime | None = None, origin: str
    ) -> ImportReport:
        """Import the bytes of a catalogue."""
        return import_catalogue(registry, raw, author=author, when=when, origin=origin)


importer: Final[Importer] = LitellmImporter()
