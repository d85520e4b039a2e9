"""Answers from the index, now or as it stood at an earlier commit; every call sees one whole state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from gitreg.errors import NotFoundError, Rejected
from gitreg.manifests import differences
from gitreg.refs import KINDS, Ref, is_version
from gitreg.repository.snapshot import nearest
from gitreg.resolution import ENDED, choose, why_nothing
from gitreg.versions import Range, Version
from gitreg_indexer.catalog import (
    AT,
    FACT_COLUMNS,
    NOW,
    QUARANTINED,
    Fact,
    Position,
    about_in,
    fact_of,
    findings_in,
    live_in,
    number_of,
    position_in,
    position_of,
)
from gitreg_indexer.conditions import All, Condition, Is, Not
from gitreg_indexer.custom_fields import custom_fields
from gitreg_indexer.engine import KIND, Facet, Found, Query
from gitreg_indexer.fields import NO_CUSTOM_FIELDS, CustomFields, without_positions
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.moments import NoHistoryError, SinceGoneError, moment_in
from gitreg_indexer.tables import LISTED, Prepared, commits, facts, in_parts, quarantine

if TYPE_CHECKING:
    from gitreg_indexer.graph.state import State
    from gitreg_indexer.index import Generation, Index
    from gitreg_indexer.nearness import Nearness

LEXICAL: Final = "lexical"
"""The mode of search that looks for words; the others look for what is near (`semantic.MODES`)."""
_REMEMBERED: Final = 64
"""Commits of which the custom fields are remembered."""
MOST_TOLD: Final = 10_000
"""After how many changes an answer with what commits did ends, at the end of a commit."""
MOST_SERVED: Final = 300_000
"""References and records that one question to the graph may read where the reader serves others."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results, all of them as of one commit. `meant` are words that were taken for misspelt ones."""

    items: tuple[Fact, ...]
    total: int
    offset: int
    limit: int
    position: Position
    facets: tuple[Facet, ...] = ()
    meant: tuple[tuple[str, str], ...] = ()


class GraphAt(NamedTuple):
    """The graph as of one moment, and what a ref means then."""

    state: State
    position: Position
    resolve: Callable[[Ref], Fact]

    def then(self, at: int) -> GraphAt:
        """See the graph as it stood at another seq, in the same state of the catalog."""
        return _graph_in(self.state.db, at, self.state.most)


class Reader:
    """Answers from the index. `at` is a seq: what the registry said then; without it, what it says now.

    `is_served` is for those over a network: moments are named by seq, id, time, branch or tag, and not by what Git
    would have to walk for; a query's text is embedded at once or not at all; and one question to the graph reads only
    so much of it.
    """

    def __init__(self, index: Index, *, is_served: bool = False) -> None:
        self._index = index
        self._is_served = is_served
        self._custom_fields: dict[str, CustomFields] = {}

    @cached_property
    def _nearness(self) -> Nearness:
        from gitreg_indexer.nearness import Nearness  # few ask for it

        return Nearness(self._index, is_hasty=self._is_served)

    def _generation(self) -> Generation:
        return self._index.generation()

    def position(self) -> Position:
        """Tell which commit answers are of."""
        return self._generation().catalog.position()

    def moment(self, when: str) -> Position:
        """Find the position that a seq, a commit, a tag, a day or a time means."""
        with self._generation().catalog.reading() as db:
            return moment_in(db, when, self._index.registry.repo, names_only=self._is_served)

    def totals(self) -> tuple[Position, int, int]:
        """Tell which commit answers are of, how many records stand, and how many files that cannot be read."""
        with self._generation().catalog.reading() as db:
            live = live_in(db)
            bad = live.pop(QUARANTINED, 0)
            return position_in(db), sum(live.values()), bad

    def fact(self, ref: Ref, version: str | None = None, *, at: int | None = None) -> Fact | None:
        """Give one record by its exact address."""
        with self._generation().catalog.reading() as db:
            return _fact(db, ref, version, at)

    def resolve(self, ref: Ref, *, at: int | None = None) -> Fact:
        """Find the record that a ref means.

        `NotFoundError` says what there is instead; `Rejected` says what is wrong with a file that stands there and
        cannot be read.
        """
        with self._generation().catalog.reading() as db:
            return _resolve_readable(db, ref, at)

    def versions(self, ref: Ref, *, at: int | None = None) -> tuple[Fact, ...]:
        """List the versions of a name, highest first."""
        with self._generation().catalog.reading() as db:
            return tuple(fact_of(row) for row in db.execute(_VERSIONS[at is None], {**_of_name(ref), "at": at}))

    def versions_page(
        self, ref: Ref, *, at: int | None = None, offset: int = 0, limit: int = 20
    ) -> tuple[tuple[Fact, ...], int]:
        """Give some of the versions of a name, highest first, and how many there are."""
        asked = {**_of_name(ref), "at": at}
        with self._generation().catalog.reading() as db:
            rows = db.execute(_VERSIONS[at is None].offset(offset).limit(limit), asked)
            return tuple(fact_of(row) for row in rows), db.execute(_COUNT_VERSIONS[at is None], asked).scalar_one()

    def aliases(self, ref: Ref, *, at: int | None = None) -> dict[str, str]:
        """Give the aliases of a name and the version that each names; `latest` is computed and not among them."""
        with self._generation().catalog.reading() as db:
            return _aliases(db, ref, at)

    def history(self, ref: Ref, *, at: int | None = None, field: str | None = None) -> list[dict[str, Any]]:
        """Tell which commits touched a record, newest first, and which fields each changed.

        With `field`, a canonical path, only the commits that changed it or what is below it, and only those changes.
        `NoHistoryError` where the index was made without the past.
        """
        stages, _ = self._history(ref, at, slice(None))
        return stages if field is None else of_field(field, stages)

    def history_page(
        self, ref: Ref, *, at: int | None = None, offset: int = 0, limit: int = 20
    ) -> tuple[list[dict[str, Any]], int]:
        """Give some of the commits that touched a record, as `history` does, and how many there are."""
        return self._history(ref, at, slice(offset, offset + limit))

    def _history(self, ref: Ref, at: int | None, part: slice) -> tuple[list[dict[str, Any]], int]:
        with self._generation().catalog.reading() as db:
            if about_in(db).get("history") == "none":
                raise NoHistoryError(
                    "the index was made without the past, so it cannot tell the history of a record",
                    got=str(ref),
                    mend="run `gitreg index --history full` to have the whole past",
                )
            stages, total = _stages(db, _path_in_history(db, ref, at), FOREVER if at is None else at, part)
            if not total:
                raise _unknown_name(db, ref, at)
        return stages, total

    def search(
        self,
        query: Query,
        *,
        mode: str = LEXICAL,
        offset: int = 0,
        limit: int = 20,
        at: int | None = None,
        facets: Sequence[str] = (),
    ) -> Page:
        """Find records; items come in the query's order, or by nearness to its text, all as of one commit.

        What is not in the search engine yet is not in the answer, nor is its commit: the page says how far it comes.
        """

        def find(generation: Generation) -> Found:
            if mode == LEXICAL:
                return generation.engine.search(query, offset=offset, limit=limit, at=at, facets=facets)
            return self._nearness.search(generation, query, mode, offset=offset, limit=limit, at=at, facets=facets)

        page = self._search(find, offset, limit, at)
        if page is None:
            self.refresh()
            page = self._search(find, offset, limit, at, is_last=True)
        return page or Page((), 0, offset, limit, Position(0, ""))

    def _search(
        self, find: Callable[[Generation], Found], offset: int, limit: int, at: int | None, *, is_last: bool = False
    ) -> Page | None:
        """Search once; None where the engine shows another catalog's documents, or may have newer ones to show."""
        generation = self._generation()
        found = find(generation)
        with generation.catalog.reading() as db:
            about = about_in(db)
            position = position_of(about)
            if found.instance != about.get("instance", "") or (found.seq < position.seq and not is_last):
                return None
            items = _facts_of(db, found.ids)
            seq = found.seq if at is None else min(at, found.seq)
            oid = position.commit if seq == position.seq else _oid_of(db, seq)
            return Page(items, found.total, offset, limit, Position(seq, oid), found.facets, found.meant)

    def similar(
        self, ref: Ref, *, where: Condition | None = None, limit: int = 10, at: int | None = None
    ) -> tuple[tuple[tuple[Fact, float], ...], Position]:
        """Find the records of the same kind that are most like one, each with how much, one version of each name.

        Other versions of its own name are left out. `where` is a filter.
        """
        generation = self._generation()
        reached = self._nearness.seq(generation)
        seq = reached if at is None else min(at, reached)
        with generation.catalog.reading() as db:
            one = _resolve(db, ref, seq)
            query = Query(kind=one.kind, where=_of_other_names(one, where))
            found: dict[str, tuple[Fact, float]] = {}
            like = self._nearness.like(generation, one.id, query, seq)
            while len(found) < limit and (part := list(islice(like, limit))):
                for fact, near in zip(_facts_of(db, [near.id for near in part]), part, strict=True):
                    found.setdefault(fact.ref.rpartition("@")[0] or fact.ref, (fact, near.score))
            return tuple(found.values())[:limit], Position(seq, _oid_of(db, seq))

    def quarantine(self, *, at: int | None = None) -> list[dict[str, Any]]:
        """List the files that stand in the registry and cannot be read, with what is wrong with each."""
        query = (
            sa.select(quarantine.c.path, quarantine.c.blob, quarantine.c.seq_from, quarantine.c.findings)
            .where(_bad_holds(at))
            .order_by(quarantine.c.path)
        )
        with self._generation().catalog.reading() as db:
            return [
                {
                    "path": path,
                    "blob": blob,
                    "seq": seq,
                    "findings": [told.as_data() for told in findings_in(raw, path)],
                }
                for path, blob, seq, raw in db.execute(query)
            ]

    def counts(self, *, at: int | None = None) -> dict[str, int]:
        """Count the records of each kind.

        Those of the past are counted by the search engine, where it has come so far: the catalog has to look at every
        record for it.
        """
        if at is not None:
            page = self.search(Query(), limit=0, at=at, facets=(KIND,))
            if page.position.seq == at:
                return dict(sorted(page.facets[0].counts))
        with self._generation().catalog.reading() as db:
            if at is not None:
                return dict(db.execute(_COUNTS_AT, {"at": at}).all())
            return {kind: live for kind, live in live_in(db).items() if kind != QUARANTINED and live}

    def changes(self, *, since: int | str = 0, limit: int = 100) -> tuple[list[dict[str, Any]], Position]:
        """Tell what each commit after a place did to records, the oldest first, and how far the index has come.

        The place is a seq, or a commit by its whole id; `SinceGoneError` where the index has no such commit.

        Each is `{"seq", "commit", "time", "author", "message", "changes": [{"change", "kind", "ref", "path"}]}`, where
        change is added, changed, removed, or quarantined (the file cannot be read). There are fewer commits than
        `limit` where these together did more than `MOST_TOLD`; of each that is told, all is told.
        """
        with self._generation().catalog.reading() as db:
            about = about_in(db)
            position, begins = position_of(about), number_of(about, "history_from", 1)
            seq = since if isinstance(since, int) else _seq_of(db, since)
            if seq is None or seq > position.seq:
                raise SinceGoneError(since, position)
            if seq < begins - 1:
                raise NoHistoryError(
                    f"the index holds no changes before seq {begins}",
                    got=f"since seq {seq}",
                    expected=f"seq {begins - 1} or later",
                    mend="run `gitreg index --history full` to have the whole past",
                )
            last = _last_told(db, seq, min(seq + limit, position.seq))
            told = _changes(db, seq, last)
            known = _commits(db, list(range(seq + 1, last + 1)))
            return [{"seq": seq, **known[seq], "changes": told.get(seq, [])} for seq in sorted(known)], position

    def manifests(self, kind: str, *, at: int | None = None) -> list[dict[str, Any]]:
        """Give the documents of all records of a kind; for kinds of which there are few."""
        with self._generation().catalog.reading() as db:
            query = sa.select(*FACT_COLUMNS).where(facts.c.kind == kind, NOW if at is None else AT)
            rows = db.execute(query.order_by(facts.c.path), {} if at is None else {"at": at})
            return [fact_of(row).data() for row in rows]

    def custom_fields(self, position: Position) -> CustomFields:
        """Give the custom fields as the MetadataSchema records of a commit type them."""
        known = self._custom_fields.get(position.commit)
        if known is None:
            known = (
                custom_fields(self.manifests("MetadataSchema", at=position.seq)) if position.seq else NO_CUSTOM_FIELDS
            )
            if len(self._custom_fields) >= _REMEMBERED:
                self._custom_fields.clear()
            self._custom_fields[position.commit] = known
        return known

    @contextmanager
    def graph(self, *, at: int | None = None) -> Iterator[GraphAt]:
        """See the graph of records, now or as it stood at a seq; all that is asked of it is of one state."""
        with self._generation().catalog.reading() as db:
            yield _graph_in(db, at, MOST_SERVED if self._is_served else None)

    def refresh(self) -> None:
        """See what another process has written."""
        self._generation().engine.refresh()


def next_of(items: Sequence[dict[str, Any]], position: Position) -> Position:
    """Give the place to ask for changes since next: the last commit that was told, or where the index stands."""
    return Position(items[-1]["seq"], items[-1]["commit"]) if items else position


def _graph_in(db: sa.Connection, at: int | None, most: int | None) -> GraphAt:
    from gitreg_indexer.graph.state import State  # few ask for it

    seq = position_in(db).seq if at is None else at
    aliases = cache(lambda ref: _aliases(db, ref, at))  # many references of one question ask for the same
    state = State(db, at, aliases, most)
    return GraphAt(state, Position(seq, _oid_of(db, seq)), lambda ref: _resolve_readable(db, ref, at))


def _now_and_at(query: sa.Select[Any]) -> dict[bool, sa.Select[Any]]:
    """Give a query of facts as it is asked of the present (True) and of the past (False), made once."""
    return {True: query.where(NOW), False: query.where(AT)}


def _prepared(query: sa.Select[Any]) -> dict[bool, Prepared]:
    return {is_now: Prepared(asked) for is_now, asked in _now_and_at(query).items()}


_NAMED: Final = (
    facts.c.kind == sa.bindparam("kind"),
    facts.c.namespace == sa.bindparam("namespace"),
    facts.c.name == sa.bindparam("name"),
)
_BY_PATH: Final = _prepared(
    sa.select(*FACT_COLUMNS).where(facts.c.path == sa.bindparam("path"), facts.c.kind == sa.bindparam("kind"))
)
_VERSIONS: Final = _now_and_at(sa.select(*FACT_COLUMNS).where(*_NAMED).order_by(facts.c.version_key.desc()))
_COUNT_VERSIONS: Final = _now_and_at(sa.select(sa.func.count()).select_from(facts).where(*_NAMED))
_STATUSES: Final = _prepared(
    sa.select(facts.c.version, facts.c.status).where(*_NAMED).order_by(facts.c.version_key.desc())
)
_NAMES: Final = _now_and_at(sa.select(facts.c.name).where(*_NAMED[:2]).distinct().order_by(facts.c.name).limit(5000))
_COUNTS_AT: Final = sa.select(facts.c.kind, sa.func.count()).where(AT).group_by(facts.c.kind).order_by(facts.c.kind)
_BY_IDS: Final = Prepared(sa.select(*FACT_COLUMNS).where(facts.c.id.in_(LISTED)))


def _of_name(ref: Ref) -> dict[str, str]:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _fact(db: sa.Connection, ref: Ref, version: str | None, at: int | None) -> Fact | None:
    asked = {"path": ref.address(version).path, "kind": ref.kind, "at": at}
    row = next(_BY_PATH[at is None].rows(db, asked), None)
    return fact_of(row) if row else None


def _resolve(db: sa.Connection, ref: Ref, at: int | None) -> Fact:
    if not KINDS[ref.kind].is_versioned:
        found = _fact(db, ref, None, at)
        if found is None:
            raise NotFoundError(f"there is no {ref.place}", got=str(ref), mend="`gitreg list` shows what there is")
        return found
    if isinstance(ref.selector, Version):
        found = _fact(db, ref, str(ref.selector), at)
        if found is not None:
            return found
    return _choose(db, ref, at)


def _resolve_readable(db: sa.Connection, ref: Ref, at: int | None) -> Fact:
    try:
        return _resolve(db, ref, at)
    except NotFoundError:
        _refuse_unreadable(db, ref, at)
        raise


def _choose(db: sa.Connection, ref: Ref, at: int | None) -> Fact:
    retired = _retired(db, ref, at)
    if not retired:
        raise _unknown_name(db, ref, at)
    aliases = _aliases(db, ref, at) if isinstance(ref.selector, str) else {}
    chosen = choose(ref.selector, tuple(retired), aliases, lambda version: retired[version])
    found = _fact(db, ref, str(chosen), at) if chosen else None
    if found is None:
        raise NotFoundError(
            f"{ref} means nothing: {why_nothing(ref.selector, tuple(retired), aliases)}",
            got=str(ref),
            mend="ask for one of those",
        )
    return found


def _unknown_name(db: sa.Connection, ref: Ref, at: int | None) -> NotFoundError:
    asked = {"kind": ref.kind, "namespace": ref.namespace, "at": at}
    near = nearest(ref.name, [name for (name,) in db.execute(_NAMES[at is None], asked)])
    hint = f"did you mean {ref.namespace}/{near}? " if near else ""
    word = KINDS[ref.kind].word
    return NotFoundError(
        f"there is no {ref.place}", got=str(ref), mend=f"{hint}`gitreg list {word}` shows what there is"
    )


def _path_in_history(db: sa.Connection, ref: Ref, at: int | None) -> str:
    version = ref.selector
    if isinstance(version, Version) or not KINDS[ref.kind].is_versioned:
        return ref.address(str(version) if version else None).path
    try:
        return _resolve(db, ref, at).path
    except NotFoundError:
        _refuse_unreadable(db, ref, at)
        raise


def _retired(db: sa.Connection, ref: Ref, at: int | None) -> dict[Version, bool]:
    """Tell of each version of a name, highest first, whether it is retired."""
    rows = _STATUSES[at is None].rows(db, {**_of_name(ref), "at": at})
    return {Version.parse(version): status in ENDED for version, status in rows}


def _aliases(db: sa.Connection, ref: Ref, at: int | None) -> dict[str, str]:
    found = _fact(db, Ref("Aliases", ref.namespace, ref.name, of=ref.kind), None, at)
    return dict(found.data()["spec"]["aliases"]) if found else {}


def _of_other_names(one: Fact, where: Condition | None) -> Condition:
    metadata = one.data()["metadata"]
    name = [Is("metadata.name", metadata["name"])]
    name += [Is("metadata.namespace", metadata["namespace"])] if "namespace" in metadata else []
    other = Not(All(tuple(name)))
    return other if where is None else All((other, where))


def _facts_of(db: sa.Connection, ids: Sequence[int]) -> tuple[Fact, ...]:
    listed = {row[0]: fact_of(row) for row in _BY_IDS.rows_in(db, ids)}
    return tuple(listed[id_] for id_ in ids)


def _seq_of(db: sa.Connection, oid: str) -> int | None:
    found: int | None = db.execute(sa.select(commits.c.seq).where(commits.c.oid == oid)).scalar()
    return found


def _oid_of(db: sa.Connection, seq: int) -> str:
    return str(db.execute(sa.select(commits.c.oid).where(commits.c.seq == seq)).scalar() or "")


def _bad_holds(at: int | None) -> sa.ColumnElement[bool]:
    if at is None:
        return quarantine.c.seq_to == FOREVER
    return sa.and_(quarantine.c.seq_from <= at, quarantine.c.seq_to > at)


def _refuse_unreadable(db: sa.Connection, ref: Ref, at: int | None) -> None:
    """Raise `Rejected` where what a ref names stands in the registry and cannot be read."""
    rows = [row for row in db.execute(_quarantined(ref, at)) if _might_mean(ref, row[0])]
    if rows:
        told = [finding for path, raw in rows for finding in findings_in(raw, path)]
        listed = ", ".join(path for path, _ in rows)
        raise Rejected(
            f"{ref} stands in the registry and cannot be read: {listed}",
            told,
            mend="mend the file by a pull request; `gitreg history` of the exact version tells who changed it",
        )


def _might_mean(ref: Ref, path: str) -> bool:
    stem = path.rpartition("/")[2].removesuffix(".yaml")
    return not isinstance(ref.selector, Range) or (is_version(stem) and ref.selector.allows(Version.parse(stem)))


def _quarantined(ref: Ref, at: int | None) -> sa.Select[Any]:
    """Select the unreadable files that a ref names: one path, or all directly in the folder of a name."""
    path = quarantine.c.path
    address = ref.address(str(ref.selector) if isinstance(ref.selector, Version) else "0.0.0")
    if isinstance(ref.selector, Version) or not KINDS[ref.kind].is_versioned:
        here = path == address.path
    else:
        folder = f"{address.folder}/"
        inside = sa.func.substr(path, 1, len(folder)) == folder
        here = inside & ~sa.func.substr(path, len(folder) + 1).contains("/")
    return sa.select(path, quarantine.c.findings).where(_bad_holds(at), here).order_by(path).limit(20)


def of_field(field: str, stages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give of a history only the changes of a field and of what is below it."""
    told = []
    for stage in stages:
        kept = [found for found in stage["fields"] if _concerns(found, field)]
        if kept:
            told.append({**stage, "fields": kept})
    return told


def _concerns(found: dict[str, Any], field: str) -> bool:
    """Tell whether a change is one of a field: of itself, of what is below it, or of its part in a list."""
    path = without_positions(found["path"])
    if path == field or path.startswith(f"{field}."):
        return True
    if not field.startswith(f"{path}."):
        return False
    inner = field[len(path) + 1 :].split(".")
    return list(_inside(found["before"], inner)) != list(_inside(found["after"], inner))


def _inside(value: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, names)
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from _inside(value[names[0]], names[1:])


def _last_told(db: sa.Connection, since: int, last: int) -> int:
    """Tell up to which seq one answer goes: commits that together did no more than is told at once, or one that did."""
    full = db.execute(_FULL, {"since": since, "last": last, "most": MOST_TOLD}).scalar()
    return last if full is None else max(since + 1, full - 1)


def _changes(db: sa.Connection, since: int, last: int) -> dict[int, list[dict[str, Any]]]:
    """Tell by seq what became of each path, sorted by path."""
    began: dict[tuple[int, str], tuple[str | None, str | None] | None] = {}
    ended: dict[tuple[int, str], tuple[str | None, str | None]] = {}
    asked = {"since": since, "last": last}
    for seq_from, seq_to, path, kind, ref in db.execute(_TOUCHED, asked):
        if since < seq_from <= last:
            began[seq_from, path] = kind, ref
        if since < seq_to <= last:
            ended[seq_to, path] = kind, ref
    for seq_from, seq_to, path in db.execute(_TOUCHED_BAD, asked):
        if since < seq_from <= last:
            began[seq_from, path] = None
        if since < seq_to <= last:
            ended.setdefault((seq_to, path), (None, None))
    told: dict[int, list[dict[str, Any]]] = {}
    for place in sorted({*began, *ended}):
        told.setdefault(place[0], []).append(_change(place, began, ended))
    return told


def _change(
    place: tuple[int, str],
    began: dict[tuple[int, str], tuple[str | None, str | None] | None],
    ended: dict[tuple[int, str], tuple[str | None, str | None]],
) -> dict[str, Any]:
    stands = began.get(place)
    kind, ref = stands or ended.get(place, (None, None))
    if place not in began:
        change = "removed"
    elif stands is None:
        change = "quarantined"
    else:
        change = "changed" if place in ended else "added"
    return {"change": change, "kind": kind, "ref": ref, "path": place[1]}


def _touched(table: sa.Table, *columns: sa.Column[Any]) -> sa.Select[Any]:
    since: sa.BindParameter[int] = sa.bindparam("since")
    last: sa.BindParameter[int] = sa.bindparam("last")
    began = sa.and_(table.c.seq_from > since, table.c.seq_from <= last)
    ended = sa.and_(table.c.seq_to > since, table.c.seq_to <= last)
    return sa.select(table.c.seq_from, table.c.seq_to, table.c.path, *columns).where(sa.or_(began, ended))


def _full() -> sa.Select[Any]:
    """Ask for the seq of what comes after the most that is told at once."""
    since: sa.BindParameter[int] = sa.bindparam("since")
    last: sa.BindParameter[int] = sa.bindparam("last")
    columns = (facts.c.seq_from, facts.c.seq_to, quarantine.c.seq_from, quarantine.c.seq_to)
    each = sa.union_all(*(sa.select(at.label("seq")).where(at > since, at <= last) for at in columns)).subquery()
    return sa.select(each.c.seq).order_by(each.c.seq).limit(1).offset(sa.bindparam("most"))


_FULL: Final = _full()
_TOUCHED: Final = _touched(facts, facts.c.kind, facts.c.ref)
_TOUCHED_BAD: Final = _touched(quarantine)


def _stages(db: sa.Connection, path: str, until: int, part: slice) -> tuple[list[dict[str, Any]], int]:
    """Tell some of a path's stages newest first, and how many there are.

    A stage is each fact or quarantine that began, and each end that nothing followed. An unreadable file changes no
    field: what comes after it is compared with what stood before it.
    """
    told = _stages_of(_spans(db, path, until), until)
    told.reverse()
    page = told[part]
    known = _commits(db, [stage.seq for stage in page])
    docs = _manifests_of(db, {id_ for stage in page for id_ in (stage.old, stage.new) if id_ is not None})
    stages = [
        {
            "seq": stage.seq,
            **known[stage.seq],
            "change": stage.change,
            "fields": [found.as_data() for found in differences(docs.get(stage.old, {}), docs.get(stage.new, {}))],
        }
        for stage in page
    ]
    return stages, len(told)


class _Stage(NamedTuple):
    """What a commit did to a path; `old` and `new` are ids of facts, None where nothing that can be read stood."""

    seq: int
    change: str
    old: int | None
    new: int | None


def _spans(db: sa.Connection, path: str, until: int) -> list[tuple[int, int, int | None]]:
    """Give from when until when each fact (by its id) and each unreadable file stood at a path, the oldest first."""
    read = sa.select(facts.c.seq_from, facts.c.seq_to, facts.c.id)
    told = db.execute(read.where(facts.c.path == path, facts.c.seq_from <= until))
    spans: list[tuple[int, int, int | None]] = [(begins, ends, id_) for begins, ends, id_ in told]
    bad = sa.select(quarantine.c.seq_from, quarantine.c.seq_to)
    unreadable = db.execute(bad.where(quarantine.c.path == path, quarantine.c.seq_from <= until))
    spans += [(begins, ends, None) for begins, ends in unreadable]
    spans.sort(key=lambda span: span[0])
    return spans


def _stages_of(spans: Iterable[tuple[int, int, int | None]], until: int) -> list[_Stage]:
    told: list[_Stage] = []
    before: int | None = None
    ended_at = 0
    for seq_from, seq_to, id_ in spans:
        if ended_at and ended_at != seq_from:
            told.append(_Stage(ended_at, "removed", before, None))
            before = None
        if id_ is None:
            told.append(_Stage(seq_from, "quarantined", None, None))
        else:
            told.append(_Stage(seq_from, "changed" if ended_at == seq_from else "added", before, id_))
            before = id_
        ended_at = seq_to if seq_to <= until else FOREVER
    if ended_at and ended_at != FOREVER:
        told.append(_Stage(ended_at, "removed", before, None))
    return told


def _manifests_of(db: sa.Connection, ids: Iterable[int]) -> dict[int | None, dict[str, Any]]:
    rows = in_parts(db, sa.select(facts.c.id, facts.c.doc).where(facts.c.id.in_(LISTED)), ids)
    return {id_: _manifest_data(doc) for id_, doc in rows}


def _manifest_data(doc: bytes) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(doc)
    data.pop("registry", None)
    return data


def _commits(db: sa.Connection, seqs: Sequence[int]) -> dict[int, dict[str, str]]:
    rows = in_parts(db, sa.select(commits).where(commits.c.seq.in_(LISTED)), seqs)
    return {
        seq: {"commit": oid, "time": moment, "author": author, "message": message}
        for seq, oid, moment, author, message in rows
    }
