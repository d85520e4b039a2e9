"""The graph of the registry at one moment, read off the catalog one breadth at a time.

- An edge has two readings: what it resolves to (the best version there is), and what it admits (every version that
  satisfies it). What is about all versions of a name, like settings, resolves to all that it admits.
- What was read is remembered, so that each name and each record is asked for once; a state is for one question.
- Nothing recurses: chains and circles of any length are walked with lists.
- Where `most` says so, no more than so much is read for one question, whatever it leads through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Final, Literal, NamedTuple, TypeVar

import sqlalchemy as sa

from gitreg.errors import UsageError
from gitreg.kinds.references import is_about_all
from gitreg.refs import Address, Ref, read_selector
from gitreg.resolution import ENDED, choose
from gitreg.versions import Range, Version
from gitreg_indexer.facts import name_column
from gitreg_indexer.graph.asking import BREAK, Edge, edges_into, edges_out_of, named, packed, unpacked

Reading = Literal["resolved", "admitted"]
READINGS: Final[tuple[Reading, ...]] = ("resolved", "admitted")
Aliases = Callable[[Ref], Mapping[str, str]]
Selector = Version | Range | str | None
_T = TypeVar("_T")
LOOKS: Final = 10
"""References that may be looked at for one that is read or kept."""


class Standing(NamedTuple):
    """What the graph knows of a record that stands."""

    status: str | None
    severity: str | None


class _Name(NamedTuple):
    """The records of a name: by version, highest first; or the only one, where the kind has no versions."""

    records: str
    """All of them in one text, as they were read (`asking.named`)."""
    versions: Mapping[Version, Standing]
    only: Standing | None


class State:
    """The graph as it stands at a seq, or now.

    `aliases` gives the aliases of a name then; `most` is how many references and records may be read, all without it.
    """

    def __init__(self, db: sa.Connection, at: int | None, aliases: Aliases, most: int | None = None) -> None:
        self.db = db
        self.at = at
        self.most = most
        self._cost = 0.0
        self._aliases = aliases
        self._out: dict[tuple[str, bool], tuple[Edge, ...]] = {}
        self._into: dict[tuple[str, bool], tuple[Edge, ...]] = {}
        self._names: dict[str, _Name] = {}
        self._meant: dict[tuple[str, str], str | None] = {}
        self._admitted: dict[tuple[str, str], tuple[str, ...]] = {}
        self._among: dict[tuple[str, str], frozenset[str]] = {}

    def read_out(self, refs: Iterable[str], *, upstream: bool) -> None:
        """Read what records say of those that come before them (`upstream`), or after, with the names of these."""
        asked = {ref for ref in refs if (ref, upstream) not in self._out}
        edges = self.counted(edges_out_of(self.db, asked, self.at, upstream=upstream))
        found = _grouped(edges, lambda edge: edge.source)
        self._out.update({(ref, upstream): tuple(found.get(ref, ())) for ref in asked})
        self.read_names(edge.target for edges in found.values() for edge in edges)

    def read_into(self, names: Iterable[str], *, upstream: bool) -> None:
        """Read what is said of names by records that they come before, or after, for all of them at once."""
        asked = {name for name in names if (name, upstream) not in self._into}
        edges = self.counted(edges_into(self.db, asked, self.at, upstream=upstream))
        found = _grouped(edges, lambda edge: edge.target)
        self._into.update({(name, upstream): tuple(found.get(name, ())) for name in asked})
        self.read_names(asked)

    def read_names(self, names: Iterable[str]) -> None:
        """Read which records stand under names, for all of them at once."""
        asked = list(dict.fromkeys(name for name in names if name not in self._names))
        self._names.update(dict.fromkeys(asked, _name("")))
        for number, records in named(self.db, [_place_of(name) for name in asked], self.at):
            self._spend(1 + records.count(BREAK) / LOOKS)
            self._names[asked[number]] = _name(records)

    def counted(self, rows: Iterable[_T]) -> Iterable[_T]:
        """Hand on what is read or kept; `UsageError` where it becomes too much."""
        return rows if self.most is None else self._spending(1, rows)

    def looked_at(self, edges: Iterable[_T]) -> Iterable[_T]:
        """Hand on what is only looked at, of which there may be more; `UsageError` as for what is kept."""
        return edges if self.most is None else self._spending(1 / LOOKS, edges)

    def _spending(self, weight: float, rows: Iterable[_T]) -> Iterator[_T]:
        for row in rows:
            self._spend(weight)
            yield row

    def _spend(self, cost: float) -> None:
        self._cost += cost
        if self.most is not None and self._cost > self.most:
            raise UsageError(
                f"this leads through more than {self.most:,} references and records, too many for one question",
                mend="ask for fewer steps, or of another record; the command line has no such bound",
            )

    def suppose(self, ref: str) -> None:
        """Take a record for standing that may not stand yet; to be said before anything is asked of its name."""
        name, _, version = ref.partition("@")
        known = self._name(name)
        if version and _version(version) not in known.versions:
            self._names[name] = _name(BREAK.join(filter(None, (known.records, packed(version, None, None)))))

    def out(self, ref: str, *, upstream: bool) -> tuple[Edge, ...]:
        """Give what a record says of those that come before it (`upstream`), or after."""
        if (ref, upstream) not in self._out:
            self.read_out([ref], upstream=upstream)
        return self._out[ref, upstream]

    def into(self, name: str, *, upstream: bool) -> tuple[Edge, ...]:
        """Give what is said of a name by records that it comes before (`upstream`), or after."""
        if (name, upstream) not in self._into:
            self.read_into([name], upstream=upstream)
        return self._into[name, upstream]

    def standing(self, ref: str) -> Standing | None:
        """Tell what is known of a record; None where it does not stand."""
        name, _, version = ref.partition("@")
        known = self._name(name)
        return known.versions.get(_version(version)) if version else known.only

    def versions(self, name: str) -> Mapping[Version, Standing]:
        """Give the versions of a name, highest first."""
        return self._name(name).versions

    def _name(self, name: str) -> _Name:
        if name not in self._names:
            self.read_names([name])
        return self._names[name]

    def targets(self, edge: Edge, reading: Reading) -> tuple[str, ...]:
        """Give the records that an edge leads to in a reading; none where there are none."""
        if reading == "admitted" or is_about_all(edge.relation, edge.field):
            return self.admitted(edge)
        meant = self.meant(edge)
        return () if meant is None else (meant,)

    def meant(self, edge: Edge) -> str | None:
        """Give the record that an edge resolves to; None where there is none."""
        key = edge.target, edge.selector
        if key not in self._meant:
            self._meant[key] = self._chosen(*key)
        return self._meant[key]

    def admitted(self, edge: Edge) -> tuple[str, ...]:
        """Give every record that satisfies an edge, the highest version first."""
        key = edge.target, edge.selector
        if key not in self._admitted:
            self._admitted[key] = tuple(self._satisfying(*key))
        return self._admitted[key]

    def leads_to(self, edge: Edge, ref: str, reading: Reading) -> bool:
        """Tell whether an edge leads to a record in a reading."""
        if reading == "admitted" or is_about_all(edge.relation, edge.field):
            key = edge.target, edge.selector
            if key not in self._among:
                self._among[key] = frozenset(self.admitted(edge))
            return ref in self._among[key]
        return self.meant(edge) == ref

    def _chosen(self, name: str, written: str) -> str | None:
        known = self._name(name)
        if known.only is not None:
            return name
        chosen: Version | str | None = _best(known.records, written)
        if chosen is None:
            selector = selector_of(written)
            chosen = self.choose(name, selector, known.versions) if isinstance(selector, str) else None
        return None if chosen is None else f"{name}@{chosen}"

    def aliases(self, name: str) -> Mapping[str, str]:
        """Give the aliases of a name that are stored, and the version that each names."""
        return self._aliases(Ref.parse(name))

    def choose(self, name: str, selector: Selector, versions: Mapping[Version, Standing]) -> Version | None:
        """Choose among versions of a name, highest first, as a ref with a selector would."""
        aliases = self.aliases(name) if isinstance(selector, str) and versions else {}
        return _chosen_of(selector, versions, aliases)

    def _satisfying(self, name: str, written: str) -> Iterator[str]:
        known, selector = self._name(name), selector_of(written)
        if known.only is not None:
            yield name
        elif isinstance(selector, str):
            chosen = self.choose(name, selector, known.versions)
            yield from [] if chosen is None else [f"{name}@{chosen}"]
        else:
            yield from (f"{name}@{version}" for version in _satisfying(known.records, written))


@lru_cache(maxsize=65536)
def selector_of(written: str) -> Selector:
    """Read a selector as edges carry it; None where it is empty."""
    return read_selector(written, written) if written else None


@lru_cache(maxsize=65536)
def _version(text: str) -> Version:
    return Version.parse(text)


def name_of(ref: str) -> str:
    """Give the name that a record is a version of; of a record without versions its ref."""
    return ref.partition("@")[0]


@lru_cache(maxsize=65536)
def _place_of(name: str) -> tuple[str, str, str]:
    ref = Ref.parse(name)
    return ref.kind, ref.namespace, name_column(Address(ref.kind, ref.namespace, ref.name, None, ref.of))


@lru_cache(maxsize=16384)
def _name(records: str) -> _Name:
    """Put the records of a name in order; many names have the same, and share what was made of them."""
    parts = map(unpacked, records.split(BREAK) if records else ())
    read = {version: Standing(status, severity) for version, status, severity in parts}
    if "" in read:
        return _Name(records, {}, read[""])
    versions = sorted(((_version(text), standing) for text, standing in read.items()), reverse=True, key=_FIRST)
    return _Name(records, dict(versions), None)


_FIRST: Final = itemgetter(0)


@lru_cache(maxsize=65536)
def _best(records: str, written: str) -> str | None:
    """Choose among records as a selector would; None where there is nothing to choose, or an alias is to say what."""
    selector = selector_of(written)
    chosen = None if isinstance(selector, str) else _chosen_of(selector, _name(records).versions, {})
    return None if chosen is None else str(chosen)


def _chosen_of(selector: Selector, versions: Mapping[Version, Standing], aliases: Mapping[str, str]) -> Version | None:
    return choose(selector, tuple(versions), aliases, lambda version: versions[version].status in ENDED)


@lru_cache(maxsize=65536)
def _satisfying(records: str, written: str) -> tuple[Version, ...]:
    """Give the versions that satisfy a selector that is no alias, the highest first."""
    selector, versions = selector_of(written), _name(records).versions
    if isinstance(selector, Range):
        return tuple(version for version in versions if selector.allows(version))
    return tuple(version for version in versions if selector in (None, version))


def _grouped(edges: Iterable[Edge], end: Callable[[Edge], str]) -> dict[str, list[Edge]]:
    found: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[end(edge)].append(edge)
    return found
