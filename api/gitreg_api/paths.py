"""Where records stand in the API: one collection per kind, and what a path below it asks for.

- `/api/v1/<collection>/<ref>` is the record; `/versions`, `/history`, `/aliases` and `/similar` behind a whole ref are
  its parts, and of a pipeline `/dag`, `/lock` and `/matrix`.
- A part wins over a name: `models/acme/nlp/history` is the history of `acme/nlp`. A record that is itself called
  `history` is reached with a selector (`models/acme/nlp/history@latest`) or through `/api/v1/resolve`.
- No I/O here.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

from gitreg.errors import NotFoundError, UsageError
from gitreg.links import COLLECTION_OF
from gitreg.links import COLLECTIONS as COLLECTIONS
from gitreg.links import ROOT as ROOT
from gitreg.links import href_of as href_of
from gitreg.refs import KINDS, KindAddress, Ref, Shape, kind_named

Part = Literal["versions", "history", "aliases", "similar", "dag", "lock", "matrix"]
_OF_VERSIONS: Final[tuple[Part, ...]] = ("versions", "history", "aliases", "similar")
_OF_PIPELINES: Final[tuple[Part, ...]] = ("dag", "lock", "matrix")
OWN_PATHS: Final = ("search", "resolve", "quarantine", "changes", "lineage", "impact", "graph")
"""What stands beside the collections."""

_SLASHES: Final = {
    Shape.VERSION: 1,
    Shape.NAME: 1,
    Shape.NAMESPACE: 0,
    Shape.FLAT: 0,
    Shape.ALIASES: 2,
    Shape.SINGLE: 0,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a path asks for: a record, or a part of what is known of it."""

    ref: Ref
    part: Part | None = None


def parts_of(place: KindAddress) -> tuple[Part, ...]:
    """Give the parts that records of a kind have."""
    if place.kind == "Pipeline":
        return _OF_VERSIONS + _OF_PIPELINES
    return _OF_VERSIONS if place.is_versioned else ("history",)


def read_path(place: KindAddress, rest: str) -> Asked:
    """Read what follows a collection's name; `UsageError` where it is not a ref of that kind."""
    head, _, last = rest.rpartition("/")
    for part in parts_of(place):
        if last == part and head and head.count("/") >= _SLASHES[place.shape]:
            return Asked(read_ref(place, head), part)
    return Asked(read_ref(place, rest))


def read_ref(place: KindAddress, text: str) -> Ref:
    """Read a ref that stands in a collection's path, so without its kind."""
    if not text:
        raise NotFoundError(
            "nothing stands behind the slash",
            mend=f"list the collection at {ROOT}/{COLLECTION_OF[place.kind]}, without the slash",
        )
    word, colon, body = text.partition(":")
    if colon and word in {address.word for address in KINDS.values()}:
        raise UsageError(
            f"{text!r} names a kind, and the path has named it already",
            got=text,
            expected="namespace/name[@selector]",
            mend=f"ask for {ROOT}/{COLLECTION_OF[kind_named(word).kind]}/{body}",
        )
    if place.shape is Shape.SINGLE:
        return _the_one(place, text)
    return Ref.parse(f"{place.word}:{text}")


def _the_one(place: KindAddress, text: str) -> Ref:
    if text == place.word:
        return Ref.parse(place.word)
    there = f"{ROOT}/{COLLECTION_OF[place.kind]}/{place.word}"
    raise NotFoundError(f"there is no {place.word} {text!r}", got=text, mend=f"there is one: {there}")


def read_kind(word: str) -> str:
    """Read a kind by its name, its word or its collection; `UsageError` with the nearest otherwise."""
    place = COLLECTIONS.get(word)
    return (place or kind_named(word)).kind


def nearest_path(path: str) -> str | None:
    """Guess what somebody meant by a path that leads nowhere: the collection with the nearest name."""
    rest = path.removeprefix(f"{ROOT}/") if path.startswith(f"{ROOT}/") else path.lstrip("/")
    first, _, tail = rest.partition("/")
    known = {**{name: name for name in (*COLLECTIONS, *OWN_PATHS)}}
    known.update({address.word: name for name, address in COLLECTIONS.items()})
    near = get_close_matches(first.casefold(), known, n=1, cutoff=0.7)
    if not near:
        return None
    meant = f"{ROOT}/{known[near[0]]}" + (f"/{tail}" if tail else "")
    return None if meant == path else meant
