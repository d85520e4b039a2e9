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

from gitreg.refs import KINDS
from gitreg_indexer.edges import edge_key
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tables import rows_of


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
    return any(True for _ in rows_of(db, query, {"keys": _listed(db, [name]), **_moment(at)}))


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
        keys, texts = _listed(db, sorted(asked)), orjson.dumps(sorted(relations)).decode()
        query = _wanted_query(db.dialect.name, is_now=at is None)
        rows = rows_of(db, query, {"keys": keys, "relations": texts, **_moment(at)})
        yield from (Wanted(*row) for row in rows if row[0] in asked)


@cache
def _wanted_query(dialect: str, *, is_now: bool) -> str:
    texts = "json_each(:relations)" if dialect == "sqlite" else "json_array_elements_text(CAST(:relations AS json))"
    return (  # all words are our own
        "SELECT target, selector, min(source), max(source) FROM edges "  # noqa: S608
        f"WHERE upstream = true AND target_key {_one_of(dialect)} AND {_holds('', is_now=is_now)} "
        f"AND relation IN (SELECT value FROM {texts}{'' if dialect == 'sqlite' else ' AS asked(value)'}) "
        "GROUP BY target, selector"
    )


def _edges(db: sa.Connection, where: str, asked: set[str], at: int | None) -> Iterator[Edge]:
    if not asked:
        return
    query = _edge_query(db.dialect.name, where, is_now=at is None)
    found = rows_of(db, query, {"keys": _listed(db, sorted(asked)), **_moment(at)})
    for source, field, relation, target, selector, required, since in found:
        yield Edge(source, field, relation, target, selector, bool(required), since)


def _listed(db: sa.Connection, refs: Iterable[str]) -> str:
    """Write the numbers of refs as one text, as the database reads lists."""
    keys = ",".join(str(edge_key(text)) for text in refs)
    return f"[{keys}]" if db.dialect.name == "sqlite" else f"{{{keys}}}"


def named(db: sa.Connection, places: Sequence[tuple[str, str, str]], at: int | None) -> Iterator[tuple[int, str]]:
    """Give the records that stand under names, each name (kind, namespace, name) as the catalog stores it.

    For the number of a name that has any: all its records in one text, as `packed` writes each, between `BREAK`s.
    """
    if places:
        asked = {"places": orjson.dumps(places).decode(), **_moment(at)}
        rows = rows_of(db, _name_query(db.dialect.name, is_now=at is None), asked)
        yield from ((number, text) for number, text in rows if text is not None)


BREAK: Final = "/"
_INNER: Final = "|"
"""What stands between records, and between what is said of one: in no version, status or severity."""


def packed(version: str, status: str | None, severity: str | None) -> str:
    """Write a record of a name; the version is empty where the kind has none."""
    return f"{version}{_INNER}{status or ''}{_INNER}{severity or ''}"


def unpacked(text: str) -> tuple[str, str | None, str | None]:
    """Read what `packed` has written."""
    version, _, rest = text.partition(_INNER)
    status, _, severity = rest.partition(_INNER)
    return version, status or None, severity or None


KIND_OF_WORD: Final = {address.word: kind for kind, address in KINDS.items()}
"""Kinds by the word that a ref begins with."""


@cache
def _edge_query(dialect: str, where: str, *, is_now: bool) -> str:
    return (  # all words are our own
        "SELECT source, field, relation, target, selector, required, seq_from FROM edges "  # noqa: S608
        f"WHERE {where} {_one_of(dialect)} AND {_holds('', is_now=is_now)}"
    )


def _one_of(dialect: str) -> str:
    return "IN (SELECT value FROM json_each(:keys))" if dialect == "sqlite" else "= ANY(CAST(:keys AS BIGINT[]))"


@cache
def _name_query(dialect: str, *, is_now: bool) -> str:
    if dialect == "sqlite":
        asked, number, joined = "json_each(:places) AS asked", "asked.key", "group_concat"
        parts = [f"json_extract(asked.value, '$[{n}]')" for n in range(3)]
    else:
        asked, number = (
            "json_array_elements(CAST(:places AS json)) WITH ORDINALITY AS asked(value, nth)",
            "asked.nth - 1",
        )
        joined = "string_agg"
        parts = [f"""(asked.value->>{n}) COLLATE "C" """ for n in range(3)]
    same = " AND ".join(
        f"facts.{name} = {part}" for name, part in zip(("kind", "namespace", "name"), parts, strict=True)
    )
    text = f" || '{_INNER}' || ".join(("version", "coalesce(status, '')", "coalesce(severity, '')"))
    return (  # all words are our own
        f"SELECT {number}, (SELECT {joined}({text}, '{BREAK}') FROM facts "  # noqa: S608
        f"WHERE {same} AND {_holds('facts.', is_now=is_now)}) FROM {asked}"
    )


def _holds(table: str, *, is_now: bool) -> str:
    return f"{table}seq_to = {FOREVER}" if is_now else f"{table}seq_from <= :at AND {table}seq_to > :at"


def _moment(at: int | None) -> dict[str, int]:
    return {} if at is None else {"at": at}
