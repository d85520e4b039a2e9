"""What a search engine is: it takes documents, keeps them, and orders the ids that match a query.

- Engines are found through the entry-point group `gitreg.search`; all pass one conformance suite.
- An engine holds nothing that the catalog does not: losing it costs a refill.
- What a word is, and when two identifiers are the same, is said here, for all engines: `words_of` and `folded`.
- Order is total and the same after a rebuild: relevance comes in tiers, ties go by namespace, name and newest version.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, get_args

from gitreg.errors import GitregError, UsageError
from gitreg.kinds import PipelineLifecycle, VersionLifecycle
from gitreg.kinds.model import ModelType

GROUP: Final = "gitreg.search"
TYPES: Final[tuple[str, ...]] = get_args(ModelType)
STATUSES: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(
        word
        for lifecycle in (VersionLifecycle, PipelineLifecycle)
        for word in get_args(lifecycle.model_fields["status"].annotation)
    )
)
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

    def check(self) -> Query:
        """Give the query back; `UsageError` for a type, a status or a sort that no record can have."""
        self.order()
        for name, words, known in (("type", self.type, TYPES), ("status", self.status, STATUSES)):
            for word in words:
                if word not in known:
                    near = get_close_matches(word, known, n=1)
                    raise UsageError(
                        f"no record can have the {name} {word!r}",
                        got=word,
                        expected=", ".join(known),
                        mend=f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(known)}",
                    )
        return self

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
    """What an engine keeps of a fact. Texts are searched as words.

    `identifiers` are those that mean one record or one name of one namespace, as written; `name` alone may be many's.
    An id keeps its `seq_from` for ever; `order` is unique among the documents that hold at any one time; the words of
    `name` are among those of `heading`, and these among those of `text`.
    """

    id: int
    kind: str
    namespaces: tuple[str, ...]
    provider: str | None
    type: str | None
    status: str | None
    tags: tuple[str, ...]
    identifiers: tuple[str, ...]
    name: str
    heading: str
    text: str
    order: str
    version: str
    version_key: str
    seq_from: int
    seq_to: int
    created: int
    context_length: int | None = None
    input_price: float | None = None
    is_live: bool = field(default=True)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: how many match, one page of ids, and the catalog and seq that the answer is of."""

    total: int
    ids: tuple[int, ...]
    instance: str
    seq: int


class SearchEngine(Protocol):
    """An engine over one folder."""

    def position(self) -> tuple[str, int]:
        """Tell which catalog (instance id) it was filled from, and up to which seq; ("", 0) when empty."""
        raise NotImplementedError

    def apply(self, documents: Iterable[Document], *, instance: str, seq: int) -> None:
        """Put documents, each in place of the one with its id, and move to `seq`, all or nothing."""

    def clear(self) -> None:
        """Forget everything."""

    def search(self, query: Query, *, offset: int, limit: int, at: int | None = None) -> Found:
        """Find documents that are live, or that held at a seq; offset and limit may be of any size."""
        raise NotImplementedError

    def refresh(self) -> None:
        """See what another process has written."""

    def close(self) -> None:
        """Let go of files."""


def folded(text: str) -> str:
    """Give a text as it is compared: without case, and without differences of Unicode form."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text.casefold())


def words_of(text: str) -> list[str]:
    """Split a text into its different words: runs of letters, digits and marks, folded; very long ones are cut."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        found = "".join(char if _is_in_word(char) else " " for char in folded(text)).split()
    return list(dict.fromkeys(word[:_LONGEST_WORD] for word in found))


def _is_in_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char).startswith("M")


_ASCII_WORD: Final = re.compile(r"[0-9a-z]+")
_LONGEST_WORD: Final = 64


def open_engine(name: str, folder: Path) -> SearchEngine:
    """Open the engine that is installed under a name."""
    for entry in entry_points(group=GROUP, name=name):
        engine: SearchEngine = entry.load()(folder)
        return engine
    known = ", ".join(sorted(entry.name for entry in entry_points(group=GROUP)))
    raise GitregError(
        f"there is no search engine {name!r}", got=name, expected=known, mend="name one that is installed"
    )
