"""What the graph asks of the catalog: edges by either end, and which versions of names stand; many at once.

- One statement for any number of keys, which are handed over as one JSON text, so none is prepared twice.
- Versions are read off an index that holds all that is asked, never off the rows with the documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import orjson
import sqlalchemy as sa

from gitreg.refs import KINDS, Ref
from gitreg_indexer.edges import edge_key
from gitreg_indexer.facts import name_column
from gitreg_indexer.layout import FOREVER

_TOGETHER: Final = 1_000
"""Rows that are taken from the database at a time: who has enough takes no more."""


class Edge(NamedTuple):
    """One reference as it stands: who refers, in which field and relation, to which name, to which versions of it."""

    source: str
    field: str
    relation: str
    target: str
    """A name: a ref without selector."""
    selector: str
    """As it is written; empty where there is none."""
    required: bool
    since: int
    """The seq from which the record says so."""

    @property
    def wanted(self) -> str:
        """Give what is referred to, as a ref."""
        return f"{self.target}@{self.selector}" if self.selector else self.target


Named = tuple[str, str, str, str, str | None, str | None]
"""A record of a name: kind, namespace, name, version (empty where the kind has none), status and severity."""


def edges_out_of(
    db: sa.Connection, refs: Iterable[str], at: int | None, *, upstream: bool | None = None
) -> Iterator[Edge]:
    """Give what records say of others: of all, or only of those that come before them (`upstream`), or after."""
    asked = set(refs)
    where = "source_key" if upstream is None else f"upstream = {'true' if upstream else 'false'} AND source_key"
    return (edge for edge in _edges(db, where, asked, at) if edge.source in asked)


def edges_into(db: sa.Connection, names: Iterable[str], at: int | None, *, upstream: bool) -> Iterator[Edge]:
    """Give what is said of names, whichever of their versions is meant, by those that they come before, or after."""
    asked, where = set(names), f"upstream = {'true' if upstream else 'false'} AND target_key"
    return (edge for edge in _edges(db, where, asked, at) if edge.target in asked)


def is_spoken_of(db: sa.Connection, name: str, at: int | None) -> bool:
    """Tell whether a record that comes after a name may refer to it."""
    query = _edge_query(db.dialect.name, "upstream = true AND target_key", is_now=at is None)
    return db.execute(query, {"keys": _listed(db, [name]), **_moment(at)}).first() is not None


class Wanted(NamedTuple):
    """What is asked of a name, and by whom: the first and the last who ask for it, one where only one does."""

    target: str
    selector: str
    first: str
    last: str


def wanted_of(db: sa.Connection, names: Iterable[str], relations: Iterable[str], at: int | None) -> Iterator[Wanted]:
    """Give what those that come after names ask of them, each selector once, however many ask for it."""
    asked = set(names)
    if asked:
        listed = {"keys": _listed(db, sorted(asked)), "relations": sorted(relations), **_moment(at)}
        rows = db.execute(_wanted_query(db.dialect.name, is_now=at is None), listed)
        yield from (Wanted(*row) for row in rows if row[0] in asked)


@cache
def _wanted_query(dialect: str, *, is_now: bool) -> sa.TextClause:
    return sa.text(  # all words are our own
        "SELECT target, selector, min(source), max(source) FROM edges "  # noqa: S608
        f"WHERE upstream = true AND target_key {_one_of(dialect)} AND {_holds('', is_now=is_now)} "
        "AND relation IN :relations GROUP BY target, selector"
    ).bindparams(sa.bindparam("relations", expanding=True))


def _edges(db: sa.Connection, where: str, asked: set[str], at: int | None) -> Iterator[Edge]:
    if not asked:
        return
    query = _edge_query(db.dialect.name, where, is_now=at is None)
    found = db.execute(query, {"keys": _listed(db, sorted(asked)), **_moment(at)})
    for part in found.partitions(_TOGETHER):
        for source, field, relation, target, selector, required, since in part:
            yield Edge(source, field, relation, target, selector, bool(required), since)


def _listed(db: sa.Connection, refs: Iterable[str]) -> str:
    """Write the numbers of refs as one text, as the database reads lists."""
    keys = ",".join(str(edge_key(text)) for text in refs)
    return f"[{keys}]" if db.dialect.name == "sqlite" else f"{{{keys}}}"


def named(db: sa.Connection, places: Sequence[tuple[str, str, str]], at: int | None) -> Iterator[Named]:
    """Give the records that stand under names: each name is (kind, namespace, name) as the catalog stores it."""
    if places:
        asked = {"places": orjson.dumps(places).decode(), **_moment(at)}
        found = db.execute(_name_query(db.dialect.name, is_now=at is None), asked)
        for part in found.partitions(_TOGETHER):
            yield from map(tuple, part)


def standings(db: sa.Connection, refs: Sequence[str], at: int | None) -> Iterator[tuple[str, str | None, str | None]]:
    """Give the status and the severity of those of some records that stand, each with its ref."""
    if refs:
        asked = {"places": f"[{','.join(map(_place, refs))}]", **_moment(at)}
        for number, status, severity in db.execute(_standing_query(db.dialect.name, is_now=at is None), asked).all():
            yield refs[number], status, severity


KIND_OF_WORD: Final = {address.word: kind for kind, address in KINDS.items()}
"""Kinds by the word that a ref begins with."""


def _place(ref: str) -> str:
    """Give kind, namespace, name and version of a record as the catalog stores them, as a JSON text.

    Nothing in a ref needs an escape there, and texts are spared by the garbage collector.
    """
    word, _, rest = ref.partition(":")
    name, is_versioned, version = rest.partition("@")
    if is_versioned:
        namespace, _, bare = name.rpartition("/")
        return f'["{KIND_OF_WORD[word]}","{namespace}","{bare}","{version}"]'
    address = Ref.parse(ref).address()
    return f'["{address.kind}","{address.namespace}","{name_column(address)}",""]'


@cache
def _standing_query(dialect: str, *, is_now: bool) -> sa.TextClause:
    columns = ("kind", "namespace", "name", "version")
    if dialect == "sqlite":
        asked, number = "json_each(:places) AS asked CROSS JOIN facts", "asked.key"
        parts = [f"json_extract(asked.value, '$[{n}]')" for n in range(4)]
    else:
        asked = "json_array_elements(CAST(:places AS json)) WITH ORDINALITY AS asked(value, nth) CROSS JOIN facts"
        number = "asked.nth - 1"
        parts = [f"""(asked.value->>{n}) COLLATE "C" """ for n in range(4)]
    same = " AND ".join(f"facts.{name} = {part}" for name, part in zip(columns, parts, strict=True))
    return sa.text(  # as below
        f"SELECT {number}, facts.status, facts.severity FROM {asked} "  # noqa: S608
        f"WHERE {same} AND {_holds('facts.', is_now=is_now)}"
    )


@cache
def _edge_query(dialect: str, where: str, *, is_now: bool) -> sa.TextClause:
    return sa.text(  # all words are our own
        "SELECT source, field, relation, target, selector, required, seq_from FROM edges "  # noqa: S608
        f"WHERE {where} {_one_of(dialect)} AND {_holds('', is_now=is_now)}"
    )


def _one_of(dialect: str) -> str:
    return "IN (SELECT value FROM json_each(:keys))" if dialect == "sqlite" else "= ANY(CAST(:keys AS BIGINT[]))"


@cache
def _name_query(dialect: str, *, is_now: bool) -> sa.TextClause:
    if dialect == "sqlite":
        asked = "json_each(:places) AS asked CROSS JOIN facts"  # in this order, which SQLite then keeps to
        parts = [f"json_extract(asked.value, '$[{n}]')" for n in range(3)]
    else:
        asked = "json_array_elements(CAST(:places AS json)) AS asked(value) CROSS JOIN facts"
        parts = [f"""(asked.value->>{n}) COLLATE "C" """ for n in range(3)]
    same = " AND ".join(
        f"facts.{name} = {part}" for name, part in zip(("kind", "namespace", "name"), parts, strict=True)
    )
    return sa.text(  # as above
        "SELECT facts.kind, facts.namespace, facts.name, facts.version, facts.status, facts.severity "  # noqa: S608
        f"FROM {asked} WHERE {same} AND {_holds('facts.', is_now=is_now)}"
    )


def _holds(table: str, *, is_now: bool) -> str:
    return f"{table}seq_to = {FOREVER}" if is_now else f"{table}seq_from <= :at AND {table}seq_to > :at"


def _moment(at: int | None) -> dict[str, int]:
    return {} if at is None else {"at": at}
