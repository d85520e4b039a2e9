"""Search documents for tests, and an engine in plain Python that says what every engine must answer.

The reference keeps a list and looks at every document; it has no terms, no tiers of queries and no columns. What a
condition means is said by `filters.evaluation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from gitreg_indexer.engine import (
    LONGEST_PREFIX,
    MOST_COUNTED,
    Document,
    Facet,
    Found,
    Query,
    SearchEngine,
    all_words_of,
    folded,
    is_shown,
    label_of,
    open_engine,
    words_of,
)
from gitreg_indexer.fields import columns
from gitreg_indexer.filters.evaluation import holds
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.plans import MOST_MISSPELT
from gitreg_indexer.texts import TextQuery, parse_text
from gitreg_indexer.values import seconds_of

PATHS: Final = {
    "provider": "spec.provider",
    "type": "spec.type",
    "status": "spec.lifecycle.status",
    "tags": "metadata.tags",
    "created": "registry.createdAt",
    "context_length": "spec.capabilities.contextLength",
    "input_price": "spec.pricing.perMillionTokens.input",
}


NARROWLY: Final = "tantivy, narrowly"


def opened(name: str, folder: Path, patch: pytest.MonkeyPatch) -> SearchEngine:
    """Open an engine; `NARROWLY` is tantivy that treats a few documents as if they were a great many."""
    if name != NARROWLY:
        return open_engine(name, folder)
    for constant, value in {"_SMALL": 0, "_LOOKED_AT": 1, "_WIDER": 2, "_SHARE": 1, "_SPARE": 0}.items():
        patch.setattr(f"gitreg_indexer.tantivy_pages.{constant}", value)
    patch.setattr("gitreg_indexer.tantivy_queries._MUCH_LIVE", 0)
    for constant, value in {"_RECENT": 1, "_RANGED": 0, "_PROBED": 0}.items():
        patch.setattr(f"gitreg_indexer.tantivy_pages.{constant}", value)
    patch.setattr("gitreg_indexer.tantivy_view._SEVERAL", 1_000_000)
    patch.setattr("gitreg_indexer.tantivy_pages._GONE_THROUGH", 3)
    for module in ("terms", "tantivy_view"):
        patch.setattr(f"gitreg_indexer.{module}.FEW", 3)
    return open_engine("tantivy", folder)


def document(number: int, name: str = "", **more: Any) -> Document:
    """Make a document that holds from its number on; its words and its rank come from its name."""
    name = name or f"n{number:04}"
    stated = {"provider": "openai", "type": "completion", "status": "active", "created": float(number), **more}
    texts = stated.pop("text", "")
    values = [("kind", stated.get("kind", "Model")), ("metadata.name", name), *stated.pop("values", ())]
    for field, path in PATHS.items():
        value = stated.pop(field, None)
        items = value if isinstance(value, tuple) else (value,)
        stated_here = [item for item in items if item is not None]
        values += [(path, float(item) if type(item) is int else item) for item in stated_here]
    heading = f"{name} {' '.join(more.get('tags', ()))}"
    fields: dict[str, Any] = {
        "kind": "Model",
        "namespaces": ("acme",),
        "identifiers": (f"acme/{name}", f"model:acme/{name}"),
        "heading": heading,
        "passages": (heading, *((texts,) if isinstance(texts, str) else texts)),
        "rank": rank_of(name, number),
        "version": "1.0.0",
        "version_key": "111010~",
        "seq_from": number,
        "seq_to": FOREVER,
        "values": tuple(values),
        **stated,
    }
    return Document(id=number, name=name, **fields)


def rank_of(name: str, number: int) -> int:
    """Give a number that orders by the beginning of a name, then by another number below 1,000."""
    return int.from_bytes(name.encode()[:6].ljust(6, b"\0")) * 1000 + number


class ReferenceEngine:
    """Documents in a list."""

    def __init__(self) -> None:
        self._kept: dict[int, Document] = {}
        self._position = ("", 0)

    def position(self) -> tuple[str, int]:
        return self._position

    def apply(self, documents: Iterable[Document], *, instance: str, seq: int) -> None:
        self._kept |= {document.id: document for document in documents}
        self._position = (instance, seq)

    def clear(self) -> None:
        self._kept, self._position = {}, ("", 0)

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        pass

    def faults(self) -> list[str]:
        return []

    def count(self) -> int:
        return len(self._kept)

    def digests(self, ids: Sequence[int]) -> dict[int, int]:
        return {id_: self._kept[id_].digest for id_ in ids if id_ in self._kept}

    def search(
        self, query: Query, *, offset: int, limit: int, at: int | None = None, facets: Sequence[str] = ()
    ) -> Found:
        text = parse_text(query.text or "")
        holding = [one for one in self._kept.values() if holds_at(one, at)]
        allowed = [one for one in holding if passes(one, query) and not is_excluded(one, text)]
        tiers, meant = tiers_of(text, allowed, holding)
        found = ordered(tiers, query)
        page = found[max(offset, 0) : max(offset, 0) + max(limit, 0)]
        counted = tuple(facet_of(path, found) for path in facets)
        return Found(len(found), tuple(one.id for one in page), *self._position, counted, meant)


def holds_at(one: Document, at: int | None) -> bool:
    return one.seq_to == FOREVER if at is None else one.seq_from <= at < one.seq_to


def passes(one: Document, query: Query) -> bool:
    return holds(query.condition(), one.values, one.namespaces) and (query.ids is None or one.id in query.ids)


def is_excluded(one: Document, text: TextQuery) -> bool:
    words = {word for passage in one.passages for word in all_words_of(passage)}
    return (
        any(word in words for word in text.excluded_words)
        or any(word.startswith(prefix) for prefix in text.excluded_prefixes for word in words)
        or any(stands_in(phrase, one) for phrase in text.excluded_phrases)
    )


def stands_in(phrase: tuple[str, ...], one: Document) -> bool:
    for passage in one.passages:
        words = all_words_of(passage)
        if any(tuple(words[n : n + len(phrase)]) == phrase for n in range(len(words))):
            return True
    return False


Tiers = list[list[Document]]


def tiers_of(
    text: TextQuery, allowed: list[Document], holding: list[Document]
) -> tuple[Tiers, tuple[tuple[str, str], ...]]:
    if not text.asks and not text.plain:
        return [allowed], ()
    steps = [*surely(text), *(worded(text, {}) if text.asks else [])]
    tiers = fall(allowed, steps)
    if any(tiers) or not text.words:
        return tiers, ()
    right = words_in(holding)
    if sum(word not in right for word in text.words) > MOST_MISSPELT:
        return tiers, ()
    near = {word: {} if word in right else near_to(word, words_in(allowed)) for word in text.words}
    nearest = {word: [o for o in found if found[o] == min(found.values())] for word, found in near.items()}
    steps = [*worded(text, nearest), *worded(text, {word: list(found) for word, found in near.items()})]
    tiers = fall(allowed, steps)
    return tiers, tuple((word, other) for word, found in near.items() for other in found) if any(tiers) else ()


Step = Callable[[Document], bool]


def fall(documents: list[Document], steps: list[Step]) -> Tiers:
    tiers: Tiers = [[] for _ in steps]
    for one in documents:
        for number, step in enumerate(steps):
            if step(one):
                tiers[number].append(one)
                break
    return tiers


def surely(text: TextQuery) -> list[Step]:
    plain = text.plain
    if not plain:
        return []
    case, words = folded(plain), words_of(plain)
    return [
        lambda one: plain in one.identifiers,
        lambda one: case in map(folded, one.identifiers),
        lambda one: case == folded(one.name) or bool(one.version and case == folded(f"{one.name}@{one.version}")),
        lambda one: (
            bool(words)
            and set(words) == set(words_of(one.name))
            and all(stands_in(phrase, one) for phrase in text.phrases)
        ),
    ]


def worded(text: TextQuery, instead: dict[str, list[str]]) -> list[Step]:
    """Ask for all words in the name, in the heading, anywhere; some words may stand for others."""
    phrased = [word for phrase in text.phrases for word in phrase]

    def stands(one: Document, texts: tuple[str, ...]) -> bool:
        words = {word for each in texts for word in all_words_of(each)}
        return (
            all(any(other in words for other in instead.get(word) or [word]) for word in text.words)
            and all(word in words for word in phrased)
            and all(any(word.startswith(prefix) for word in words) for prefix in text.prefixes)
            and all(stands_in(phrase, one) for phrase in text.phrases)
        )

    return [
        lambda one: stands(one, (one.name,)),
        lambda one: stands(one, (one.heading,)),
        lambda one: stands(one, one.passages),
    ]


def words_in(documents: list[Document]) -> set[str]:
    return {word for one in documents for passage in one.passages for word in all_words_of(passage)}


def near_to(word: str, known: set[str]) -> dict[str, int]:
    most = 0 if len(word) < 3 else 1 if len(word) < 8 else 2
    starts = (word[0], word[1:2] + word[0])
    alike = [other for other in known if other.startswith(starts) and digits_of(other) == digits_of(word)]
    faults = {other: distance(word, other) for other in alike}
    return dict(sorted(((o, n) for o, n in faults.items() if 0 < n <= most), key=lambda item: (item[1], item[0])))


def digits_of(word: str) -> list[str]:
    return [letter for letter in word if letter.isdigit()]


def distance(one: str, two: str) -> int:
    """Count letters left out, put in, replaced, and neighbours swapped, by the textbook."""
    rows = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for a in range(len(one) + 1):
        for b in range(len(two) + 1):
            if not a or not b:
                rows[a][b] = a + b
                continue
            changed = one[a - 1] != two[b - 1]
            rows[a][b] = min(rows[a - 1][b] + 1, rows[a][b - 1] + 1, rows[a - 1][b - 1] + changed)
            if a > 1 and b > 1 and one[a - 1] == two[b - 2] and one[a - 2] == two[b - 1]:
                rows[a][b] = min(rows[a][b], rows[a - 2][b - 2] + 1)
    return rows[-1][-1]


def ordered(tiers: Tiers, query: Query) -> list[Document]:
    """Order as the law has it: tiers or values, what has none last, ties by rank."""
    name, is_reversed = query.order()
    text = parse_text(query.text or "")
    if name == "relevance" and (text.asks or text.plain):
        return [one for tier in (tiers[::-1] if is_reversed else tiers) for one in sorted(tier, key=lambda o: o.rank)]
    found = [one for tier in tiers for one in tier]
    if name in ("relevance", "name"):
        return sorted(found, key=lambda one: one.rank, reverse=is_reversed)
    values = sorted({value for one in found if (value := sorted_by(one, name)) is not None}, reverse=is_reversed)
    places = {value: place for place, value in enumerate(values)}
    return sorted(found, key=lambda one: (places.get(sorted_by(one, name), len(places)), one.rank))


def sorted_by(one: Document, name: str) -> Any:
    if name in ("version", "updatedAt"):
        return one.version_key or None if name == "version" else one.seq_from
    is_text = columns()[name] == "text"
    for path, value in one.values:
        if path == name and isinstance(value, str) == is_text:
            return value[:LONGEST_PREFIX] if isinstance(value, str) else float(value)
    return None


def facet_of(path: str, found: list[Document]) -> Facet:
    counts = Counter(label for one in found for label in labels_of(path, one))
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Facet(path, tuple(listed[:MOST_COUNTED]))


def labels_of(path: str, one: Document) -> set[str]:
    values = [value for known, value in one.values if known == path]
    moments = {seconds_of(value) for value in values if isinstance(value, str)}
    shown = [value for value in values if isinstance(value, (str, bool)) or value not in moments]
    return {label_of(value) for value in shown if is_shown(value)}
