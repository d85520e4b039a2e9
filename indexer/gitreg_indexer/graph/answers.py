"""What is answered about the graph, as JSON data: the same for the command line and the API."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeVar, cast

from gitreg.errors import NotFoundError, Rejected, UsageError
from gitreg.refs import Ref, kind_named
from gitreg_indexer.catalog import Position
from gitreg_indexer.graph.between import difference, difference_of
from gitreg_indexer.graph.data import difference_data, edge_data, line_data, times_of
from gitreg_indexer.graph.leftovers import PART, dangling, orphans
from gitreg_indexer.graph.lineage import DIRECTIONS, FOLLOWED, MOST_NODES, RELATIONS, Asked, Direction, Lineage, trace
from gitreg_indexer.graph.state import READINGS, Reading, name_of
from gitreg_indexer.graph.ways import Ways, closed_by, ways_between
from gitreg_indexer.reader import GraphAt, Reader

MOST_OF_CURSOR: Final = 1_000
"""Characters of a cursor."""
MOST_PARTS: Final = 25
"""Parts of the registry that are gone through for one page of what hangs loose."""
_T = TypeVar("_T", bound=str)


def asked_of(
    *,
    direction: str = "both",
    depth: int | None = None,
    relations: Sequence[str] = (),
    kinds: Sequence[str] = (),
    reading: str = "resolved",
    limit: int = MOST_NODES,
) -> Asked:
    """Read how lineage is to be followed; `UsageError` names what is meant by a word that is none."""
    return Asked(
        direction=cast("Direction", checked(direction, DIRECTIONS, "direction")),
        depth=depth,
        relations=[checked(each, RELATIONS, "relation") for each in relations] or FOLLOWED,
        kinds=[kind_named(each).kind for each in kinds],
        reading=cast("Reading", checked(reading, READINGS, "reading")),
        limit=limit,
    )


def checked(word: str, known: Collection[str], what: str) -> str:
    """Give a word that is one of those known; `UsageError` with the nearest otherwise."""
    if word in known:
        return word
    near = get_close_matches(word.replace("-", "_"), known, n=1)
    raise UsageError(
        f"{word!r} is no {what}",
        got=word,
        expected=", ".join(known),
        mend=f"did you mean {near[0]}?" if near else f"use one of these {what}s",
    )


@contextmanager
def graph_at(reader: Reader, when: str | None) -> Iterator[GraphAt]:
    """See the graph as of a moment as people name it, or now."""
    with reader.graph(at=None if when is None else reader.moment(when).seq) as graph:
        yield graph


@contextmanager
def lineage_at(reader: Reader, ref: str, asked: Asked, when: str | None) -> Iterator[tuple[GraphAt, Lineage]]:
    """Trace the lineage of what a ref means."""
    with graph_at(reader, when) as graph:
        yield graph, trace(graph.state, graph.resolve(Ref.parse(ref)).ref, asked)


class Joined(NamedTuple):
    """How two records are joined: which is upstream, the ways down from it, and what the answer is of."""

    first: str
    last: str
    direction: str | None
    ways: Ways
    position: Position
    statuses: Mapping[str, str | None]
    """Of each record on the ways, its status."""


@contextmanager
def ways_at(
    reader: Reader, source: str, target: str, asked: Asked, most: int | None, when: str | None
) -> Iterator[tuple[GraphAt, Joined]]:
    """Find the ways from one record to another, downstream; where there is none, upstream."""
    with graph_at(reader, when) as graph:
        one, other = (graph.resolve(Ref.parse(text)).ref for text in (source, target))
        down = ways_between(graph.state, one, other, asked, most=most)
        if down.ways:
            yield graph, Joined(one, other, "down", down, graph.position, _statuses(graph, down, (one, other)))
            return
        up = ways_between(graph.state, other, one, asked, most=most)
        statuses = _statuses(graph, up, (one, other))
        yield graph, Joined(one, other, "up" if up.ways else None, up, graph.position, statuses)


def _statuses(graph: GraphAt, ways: Ways, ends: tuple[str, str]) -> dict[str, str | None]:
    refs = {*ends, *(ref for way in ways.ways for ref in way)}
    graph.state.read_names(map(name_of, refs))
    standing = {ref: graph.state.standing(ref) for ref in sorted(refs)}
    return {ref: known.status if known else None for ref, known in standing.items()}


def path_data(
    reader: Reader, source: str, target: str, asked: Asked, *, most: int | None = None, when: str | None = None
) -> dict[str, Any]:
    """Tell the ways from one record to another; with direction `up` each is told from the last record to the first."""
    with ways_at(reader, source, target, asked, most, when) as (graph, joined):
        turn = -1 if joined.direction == "up" else 1
        times = times_of(graph.state.db, {line.edge.since for line in joined.ways.lines})
        return {
            "from": joined.first,
            "to": joined.last,
            "direction": joined.direction,
            "paths": [list(way[::turn]) for way in joined.ways.ways],
            "edges": [line_data(graph.state, line, times) for line in joined.ways.lines],
            "isCut": joined.ways.is_cut,
            **_of(joined.position),
        }


def loose_data(
    reader: Reader, asked: Asked, *, limit: int, cursor: str | None = None, when: str | None = None
) -> dict[str, Any]:
    """Tell what hangs loose, some at a time: orphans first, then references that lead nowhere.

    There may be fewer than `limit`, even none, and more to come: `cursor` is null after the last.
    """
    seq, stage, place = (None, "records", "") if cursor is None else _read_cursor(cursor)
    said = _with_all(asked)
    with graph_at(reader, when if seq is None else str(seq)) as graph:
        found: list[dict[str, Any]] = []
        loose: list[dict[str, Any]] = []
        for _ in range(MOST_PARTS):
            left = limit - len(found) - len(loose)
            if stage == "end" or left <= 0:
                break
            fresh = graph.then(graph.position.seq)  # what was read for one part is not kept for the next
            if stage == "records":
                part = orphans(fresh.state, asked, after=place, size=min(PART, left))
                found += [{"ref": each.ref, "kind": each.kind, "status": each.status} for each in part.orphans]
                stage, place = ("records", part.cursor) if part.cursor else ("references", "0")
            else:
                part = dangling(fresh.state, said, after=int(place), size=min(PART, left))
                loose += [edge_data(edge) for edge in part.dangling]
                stage, place = ("references", part.cursor) if part.cursor else ("end", "")
        following = None if stage == "end" else f"{graph.position.seq}:{stage}:{place}"
        return {"orphans": found, "dangling": loose, "cursor": following, **_of(graph.position)}


def _with_all(asked: Asked) -> Asked:
    """Have every relation in, where none is named: what is said is said, though walks pass it by."""
    return replace(asked, relations=RELATIONS) if asked.relations is FOLLOWED else asked


def seq_of_cursor(cursor: str) -> int:
    """Tell which position a cursor goes on as of."""
    return _read_cursor(cursor)[0]


def _read_cursor(cursor: str) -> tuple[int, str, str]:
    seq, _, rest = cursor.partition(":")
    stage, _, place = rest.partition(":")
    is_right = (stage == "records" and place.isprintable()) or (stage == "references" and _is_number(place, 18))
    if not (_is_number(seq, 9) and len(cursor) < MOST_OF_CURSOR and is_right):
        raise UsageError(
            "this is no cursor", got=cursor[:100], expected="the cursor of an earlier answer", mend="begin without one"
        )
    return int(seq), stage, place


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most


def check_data(reader: Reader, source: str, target: str, *, when: str | None = None) -> dict[str, Any]:
    """Tell whether a record may need what a ref admits, or would close a circle by it."""
    record, wanted = Ref.parse(source), Ref.parse(target)
    with graph_at(reader, when) as graph:
        here = source_ref(graph, record)
        circle = closed_by(graph.state, here, wanted)
        return {
            "from": here,
            "to": str(wanted),
            "closesCircle": circle is not None,
            "circle": list(circle or ()),
            **_of(graph.position),
        }


def source_ref(graph: GraphAt, record: Ref) -> str:
    """Give the record that a ref means; one with an exact version need not stand yet."""
    try:
        return graph.resolve(record).ref
    except NotFoundError:
        address = record.address(str(record.selector) if record.selector is not None else None)
        if record.selector is None or isinstance(record.selector, str) or str(record.selector) != record.written:
            raise
        return address.ref


def diff_data(
    reader: Reader, before: str, after: str | None, asked: Asked, *, ref: str | None = None
) -> dict[str, Any]:
    """Tell what differs in the graph, or in the lineage of a record, between two moments."""
    first = reader.moment(before)
    last = reader.position() if after is None else reader.moment(after)
    with reader.graph(at=last.seq) as new:
        old = new.then(first.seq)
        if ref is None:
            found = difference(old.state, new.state, first.seq, last.seq, _with_all(asked))
        else:
            found = difference_of(old.state, new.state, *_lineages(old, new, ref, asked))
        return difference_data(found, old.position, new.position)


def _lineages(old: GraphAt, new: GraphAt, ref: str, asked: Asked) -> tuple[Lineage | None, Lineage | None]:
    """Trace the lineage of a record at two moments, at one of which it must stand; `UsageError` where one is cut."""
    before = _lineage_or_none(old, ref, asked)
    try:
        after = trace(new.state, new.resolve(Ref.parse(ref)).ref, asked)
    except (NotFoundError, Rejected):
        if before is None:
            raise
        after = None
    if any(each is not None and each.is_cut for each in (before, after)):
        raise UsageError(
            f"the lineage of {ref} has more than {asked.limit:,} records, too many to compare",
            got=ref,
            mend="name relations, or compare the whole graph",
        )
    return before, after


def _lineage_or_none(graph: GraphAt, ref: str, asked: Asked) -> Lineage | None:
    try:
        return trace(graph.state, graph.resolve(Ref.parse(ref)).ref, asked)
    except (NotFoundError, Rejected):
        return None


def _of(position: Position) -> dict[str, Any]:
    return {"commit": position.commit, "seq": position.seq}
