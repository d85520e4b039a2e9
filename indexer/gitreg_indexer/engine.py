"""What a search engine is: it takes documents, keeps them, and orders the ids that match a query.

- Engines are found through the entry-point group `gitreg.search`; all pass one conformance suite.
- An engine holds nothing that the catalog does not: losing it costs a refill.
- Order is total and the same after a rebuild: relevance comes in tiers, ties go by namespace, name and newest version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from gitreg.errors import GitregError, UsageError

GROUP: Final = "gitreg.search"
SORTS: Final = ("relevance", "name", "version", "updatedAt", "createdAt", "contextLength", "inputPrice")


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: all filters must hold; several values of provider, type or status mean any of them.

    `namespace` means the namespace and all below it. `sort` is one of `SORTS`, with `-` in front for the reverse;
    without it, relevance where there is text, else name.
    """

    text: str | None = None
    kind: str | None = None
    namespace: str | None = None
    provider: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    sort: str | None = None

    def order(self) -> tuple[str, bool]:
        """Give the field to sort by and whether it is reversed; `UsageError` for an unknown one."""
        name = self.sort or ("relevance" if self.text and self.text.strip() else "name")
        bare = name.removeprefix("-")
        if bare not in SORTS:
            near = get_close_matches(bare, SORTS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                f"results cannot be sorted by {bare!r}",
                got=name,
                expected=", ".join(SORTS),
                mend=f"{hint}put '-' in front for the reverse order",
            )
        return bare, name.startswith("-")


@dataclass(frozen=True, slots=True)
class Document:
    """What an engine keeps of a fact. Texts are searched as words; `exact` holds lower-case identifiers."""

    id: int
    kind: str
    namespaces: tuple[str, ...]
    provider: str | None
    type: str | None
    status: str | None
    tags: tuple[str, ...]
    exact: tuple[str, ...]
    name: str
    heading: str
    text: str
    order: str
    version_key: str
    seq_from: int
    seq_to: int
    created: int
    context_length: int | None = None
    input_price: float | None = None
    is_live: bool = field(default=True)


class SearchEngine(Protocol):
    """An engine over one folder."""

    def position(self) -> tuple[str, int]:
        """Tell which catalog (instance id) it was filled from, and up to which seq; ("", 0) when empty."""

    def apply(self, documents: Iterable[Document], *, instance: str, seq: int) -> None:
        """Put documents, each in place of the one with its id, and move to `seq`, all or nothing."""

    def clear(self) -> None:
        """Forget everything."""

    def search(self, query: Query, *, offset: int, limit: int, at: int | None = None) -> tuple[int, Sequence[int], int]:
        """Give the number of matches, the ids of one page, and the seq that the answer is of."""

    def refresh(self) -> None:
        """See what another process has written."""

    def close(self) -> None:
        """Let go of files."""


def open_engine(name: str, folder: Path) -> SearchEngine:
    """Open the engine that is installed under a name."""
    for entry in entry_points(group=GROUP, name=name):
        engine: SearchEngine = entry.load()(folder)
        return engine
    known = ", ".join(sorted(entry.name for entry in entry_points(group=GROUP)))
    raise GitregError(
        f"there is no search engine {name!r}", got=name, expected=known, mend="name one that is installed"
    )
