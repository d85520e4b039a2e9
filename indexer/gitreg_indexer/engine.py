"""What a search engine is: it takes documents, keeps them, and orders the ids that match a query.

- Engines are found through the entry-point group `gitreg.search`; all pass one conformance suite.
- An engine holds nothing that the catalog does not: losing it costs a refill.
- What a word is, and when two identifiers are the same, is said here, for all engines: `words_of` and `folded`.
- Order is total and the same after a rebuild: relevance comes in tiers, ties go by `Document.rank`, which stands for
  the text `namespace/name` and the newest version.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol, get_args

from gitreg.errors import GitregError, UsageError
from gitreg.kinds import PipelineLifecycle, VersionLifecycle
from gitreg.kinds.model import ModelType
from gitreg_indexer.conditions import All, Condition, Is, Within, any_of
from gitreg_indexer.fields import CUSTOM, Field, columns, find, name_of, nearest

GROUP: Final = "gitreg.search"
DEFAULT_ENGINE: Final = "tantivy"
PLAIN_ENGINE: Final = "whoosh"
"""The engine that runs where nothing compiled can be installed."""
VARIABLE: Final = "GITREG_SEARCH_ENGINE"
"""The variable of the environment that names another engine."""
TYPES: Final[tuple[str, ...]] = get_args(ModelType)
STATUSES: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(
        word
        for lifecycle in (VersionLifecycle, PipelineLifecycle)
        for word in get_args(lifecycle.model_fields["status"].annotation)
    )
)
SORTS: Final = ("relevance", "name", "version", "updatedAt", "createdAt", "contextLength", "inputPrice")
"""What to sort by, at first; any name of any sortable field is one more (`fields.columns`)."""
_MOST_NAMED: Final = 5
PATH_OF_SORT: Final = {
    "createdAt": "registry.createdAt",
    "contextLength": "spec.capabilities.contextLength",
    "inputPrice": "spec.pricing.perMillionTokens.input",
}
PROVIDER: Final = "spec.provider"
TYPE: Final = "spec.type"
STATUS: Final = "spec.lifecycle.status"
TAGS: Final = "metadata.tags"
KIND: Final = "kind"
LONGEST_KEPT: Final = 256
"""The longest text that is kept whole, in characters: a longer one is equal to itself, and has a beginning."""
LONGEST_PREFIX: Final = 200
"""The longest beginning that can be asked for, and how much of a text counts in sorting, in characters."""
MOST_COUNTED: Final = 100
"""How many values a facet shows."""

Scalar = str | float | bool


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: all filters must hold; several values of provider, type or status mean any of them.

    `text` is free text: words that must all be found, `"phrases"`, `-words` that must not, `prefix*`. `namespace` means
    the namespace and all below it. `where` is a filter. `sort` is one of `SORTS` or a name of a sortable field, with
    `-` in front for the reverse; without it, relevance where there is text, else name. `ids` restricts the result to
    some documents.
    """

    text: str | None = None
    kind: str | None = None
    namespace: str | None = None
    provider: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    where: Condition | None = None
    sort: str | None = None
    ids: tuple[int, ...] | None = None

    def condition(self) -> Condition:
        """Give all that must hold beside the text, as one condition."""
        asked: list[Condition] = []
        if self.kind:
            asked.append(Is(KIND, self.kind))
        if self.namespace:
            asked.append(Within(self.namespace))
        for path, values in ((PROVIDER, self.provider), (TYPE, self.type), (STATUS, self.status)):
            if values:
                asked.append(any_of(path, values))
        asked.extend(Is(TAGS, tag) for tag in self.tag)
        if self.where is not None:
            asked.append(self.where)
        return All(tuple(asked))

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
        """Give what to sort by and whether it is reversed; `UsageError` for what cannot be sorted by.

        It is `relevance`, `name`, `version`, `updatedAt`, or a canonical path.
        """
        name = self.sort or ("relevance" if self.text and self.text.strip() else "name")
        bare = name.removeprefix("-")
        field_ = None if bare in SORTS else find(bare)
        path = field_.path if field_ else PATH_OF_SORT.get(bare, bare)
        if bare not in SORTS and path not in columns():
            raise UsageError(
                f"results cannot be sorted by {name_of(bare)!r}{_why_unsorted(field_)}",
                got=name,
                expected=f"{', '.join(SORTS)}, or another field that is sortable",
                mend=_sorted_instead(bare, field_),
            )
        return path, name.startswith("-")


def _why_unsorted(field_: Field | None) -> str:
    if field_ is None:
        return ", which no field goes by"
    if field_.path.startswith(f"{CUSTOM}."):
        return ": fields of a namespace's own have no order, filters compare them only"
    if field_.type in ("part", "map"):
        return ", which has fields of its own"
    return ", of which a record may have several" if field_.several else ", which has no order"


def _sorted_instead(name: str, field_: Field | None) -> str:
    """Name a field to sort by instead: the nearest, or those of a block."""
    if field_ is None:
        near = get_close_matches(name, SORTS, n=1) or [nearest(name) or ""]
        meant = find(near[0])
        if near[0] in SORTS or (meant is not None and meant.path in columns()):
            return f"did you mean {near[0]!r}?"
    else:
        below = [name_of(path) for path in columns() if path.startswith(f"{field_.path}.")]
        if below:
            return f"sort by a field of it: {', '.join(below[:_MOST_NAMED])}"
    return "sort by one like `name`, `updatedAt` or `provider`; docs/query-language.md says which fields are sortable"


@dataclass(frozen=True, slots=True)
class Document:
    """What an engine keeps of a fact.

    - `identifiers` are those that mean one record or one name of one namespace, as written; `name` alone may be many's.
    - `passages` are the record's texts, each on its own: a phrase does not go on from one into the next. The words of
      `name` are among those of `heading`, and these among those of the passages.
    - `rank` is unique among the documents that hold at any one time, and below 2^62.
    - An id keeps its `seq_from` for ever.
    - `values` are (canonical path, value): every text, number and truth value of the record, as `values.values_of`
      gives them; numbers (`float`, times included) and texts may stand at one path. At a path that can be sorted by
      (`fields.columns`) stands at most one text, and at most one number or truth value.
    - `digest`, below 2^62, is of all that it was made of; an engine gives it back (`SearchEngine.digests`).
    """

    id: int
    kind: str
    namespaces: tuple[str, ...]
    identifiers: tuple[str, ...]
    name: str
    heading: str
    passages: tuple[str, ...]
    rank: int
    version: str
    version_key: str
    seq_from: int
    seq_to: int
    values: tuple[tuple[str, Scalar], ...] = field(default=())
    digest: int = 0


@dataclass(frozen=True, slots=True)
class Facet:
    """How often each value of a path stands in what was found: the most frequent first, ties by value."""

    path: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: how many match, one page of ids, and the catalog and seq that the answer is of.

    `meant` are the words that were taken for words of the text that nothing has (typos): (asked, taken).
    """

    total: int
    ids: tuple[int, ...]
    instance: str
    seq: int
    facets: tuple[Facet, ...] = ()
    meant: tuple[tuple[str, str], ...] = ()


class SearchEngine(Protocol):
    """An engine over one folder.

    A class may have a static method `preparer() -> Callable[[Document], Prepared]`: the part of taking a document in
    that other processes can do. `apply` is then given what comes of it in place of documents.
    """

    def position(self) -> tuple[str, int]:
        """Tell which catalog (instance id) it was filled from, and up to which seq; ("", 0) when empty."""
        raise NotImplementedError

    def apply(self, documents: Iterable[Document], *, instance: str, seq: int) -> None:
        """Put documents, each in place of the one with its id, and move to `seq`, all or nothing."""

    def clear(self) -> None:
        """Forget everything."""

    def search(
        self, query: Query, *, offset: int, limit: int, at: int | None = None, facets: Sequence[str] = ()
    ) -> Found:
        """Find documents that hold now, or held at a seq; offset and limit may be of any size.

        `facets` are canonical paths whose values are counted over all that was found.
        """
        raise NotImplementedError

    def faults(self) -> list[str]:
        """Read all its files and name those that are damaged, as far as the engine can tell."""
        raise NotImplementedError

    def count(self) -> int:
        """Count the documents that it keeps, whenever they hold."""
        raise NotImplementedError

    def digests(self, ids: Sequence[int]) -> dict[int, int]:
        """Give the digests of documents by id; what it does not keep is absent."""
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
    return list(dict.fromkeys(all_words_of(text)))


def all_words_of(text: str) -> list[str]:
    """Split a text into its words, in their order and as often as they come."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
        if len(text) <= _LONGEST_WORD:
            return found
    else:
        found = "".join(char if _is_in_word(char) else " " for char in folded(text)).split()
    return [word[:_LONGEST_WORD] for word in found]


def is_shown(value: Scalar) -> bool:
    """Tell whether facets show a value: texts of more than 64 characters are shown only where they are one word."""
    return not isinstance(value, str) or len(value) <= _LONGEST_SENTENCE or is_one_word(value)


def is_one_word(text: str) -> bool:
    """Tell whether a text has no blanks, and may be kept whole."""
    return len(text) <= LONGEST_KEPT and len(text.split(None, 1)) == 1


def label_of(value: Scalar) -> str:
    """Give a value as facets show it: a text as it is, all else as JSON writes it, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(float(value))


def _is_in_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char).startswith("M")


_ASCII_WORD: Final = re.compile(r"[0-9a-z]+")
_LONGEST_SENTENCE: Final = 64
_LONGEST_WORD: Final = 64
_EXACT: Final = 2.0**53


def unusable(folder: Path, error: BaseException) -> GitregError:
    """Explain why an engine cannot use its folder, and what mends that."""
    text = str(error) or type(error).__name__
    mend = "run `gitreg index --rebuild`: the index can always be made again from Git"
    if "Read-only" in text or "Permission" in text:
        mend = "make the folder writable, or name another one with --index"
    elif "No space" in text:
        mend = "free some space on that disk, then run `gitreg index`"
    return GitregError("the search index cannot be used", where=str(folder), got=text, mend=mend)


def chosen_engine(environ: Mapping[str, str] | None = None) -> str:
    """Name the engine that searches: `GITREG_SEARCH_ENGINE`, else tantivy, or whoosh where only that is installed.

    `UsageError` where that cannot be used here.
    """
    named = (os.environ if environ is None else environ).get(VARIABLE, "")
    if named:
        _made_by(named)
        return named
    return PLAIN_ENGINE if find_spec(DEFAULT_ENGINE) is None and find_spec(PLAIN_ENGINE) else DEFAULT_ENGINE


def open_engine(name: str, folder: Path) -> SearchEngine:
    """Open the engine that goes by a name; `UsageError` where there is none, or what it needs is not installed."""
    return _made_by(name)(folder)


def engines() -> list[str]:
    """List the names of the engines that gitreg knows, whether or not what they need is installed."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


_INSTALLED: Final = {
    DEFAULT_ENGINE: f"run `pip install tantivy`, or where that has no wheel `pip install 'llm-gitreg[{PLAIN_ENGINE}]'`",
    PLAIN_ENGINE: f"run `pip install 'llm-gitreg[{PLAIN_ENGINE}]'`",
}


def _made_by(name: str) -> Callable[[Path], SearchEngine]:
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise UsageError(
            f"there is no search engine {name!r}",
            got=name,
            expected=", ".join(engines()),
            mend=f"name one of these in {VARIABLE}, or leave that out",
        )
    try:
        made: Callable[[Path], SearchEngine] = known[name].load()
    except ImportError as error:
        raise UsageError(
            f"what the search engine {name!r} needs is not installed",
            got=str(error),
            mend=f"{_INSTALLED.get(name, 'install it')}, or name another engine in {VARIABLE}",
        ) from error
    return made
