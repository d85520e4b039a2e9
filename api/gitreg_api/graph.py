"""Answers about the graph: lineage, the ways between records, what hangs loose, what differs, what closes a circle.

- They are those of the command line, made by the same functions; each is of one commit and names it.
- Boxes of pictures lead to the records' own addresses here, as of the moment that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import orjson

from gitreg.errors import UsageError
from gitreg_api.answers import Answer, Hold, answer_of, hold_of, hold_of_both
from gitreg_api.drawn import answer_picture, answer_text, check_drawable
from gitreg_api.graph_asking import (
    TEXTUAL,
    CheckAsking,
    DiffAsking,
    ImpactAsking,
    LineageAsking,
    OrphansAsking,
    PathAsking,
    kinds_of,
)
from gitreg_api.paths import href_of
from gitreg_api.source import Source
from gitreg_indexer import Position, Reader
from gitreg_indexer.graph.analysis import Analysis
from gitreg_indexer.graph.answers import (
    Joined,
    asked_of,
    check_data,
    checked,
    diff_data,
    lineage_at,
    loose_data,
    path_data,
    seq_of_cursor,
    ways_at,
)
from gitreg_indexer.graph.data import lineage_data
from gitreg_indexer.graph.drawing import Link, picture_of, picture_of_ways
from gitreg_indexer.graph.impact_data import analyse, analysis_data, summary_of
from gitreg_indexer.graph.lineage import kind_of
from gitreg_indexer.graph.tree import tree_of, ways_text

MOST_IMPACTED: Final = 10_000
"""Consumers in one answer, and steps of one plan."""


def answer_lineage(source: Source, ref: str, asking: LineageAsking) -> Answer:
    """Answer with the lineage of what a ref means, as a LineageGraph, a picture or text."""
    form, asked = checked(asking.format, TEXTUAL, "format"), asking.asked()
    check_drawable(asked.limit, form)
    hold = hold_of(asking.at)

    def ask(reader: Reader, when: str | None) -> tuple[Answer, Position]:
        with lineage_at(reader, ref, asked, when) as (graph, found):
            position = graph.position
            if form == "json":
                data = lineage_data(graph.state, found, asked, position)
                return answer_of(orjson.dumps(data), position, hold=hold), position
            if form == "text":
                return answer_text(tree_of(found), position, hold), position
            picture = picture_of(found, position, links_of(when))
        return answer_picture(picture, form, position, hold), position

    return source.told(ask, asking.at)[0]


def answer_ways(source: Source, asking: PathAsking) -> Answer:
    """Answer with the ways from one record to another."""
    form, asked, hold = checked(asking.format, TEXTUAL, "format"), asking.asked(), hold_of(asking.at)
    most = asking.limit if asking.all else None

    def ask(reader: Reader, when: str | None) -> tuple[Answer, Position]:
        if form == "json":
            return _with_position(path_data(reader, asking.from_, asking.to, asked, most=most, when=when), hold)
        with ways_at(reader, asking.from_, asking.to, asked, most, when) as (_, joined):
            position = joined.position
        if form == "text":
            return answer_text(_ways_lines(joined), position, hold), position
        return answer_picture(picture_of_ways(joined, links_of(when)), form, position, hold), position

    return source.told(ask, asking.at)[0]


def _ways_lines(joined: Joined) -> Iterator[str]:
    if joined.direction is None:
        yield f"no way leads from {joined.first} to {joined.last}, or back"
    yield from ways_text(joined.ways)


def answer_orphans(source: Source, asking: OrphansAsking) -> Answer:
    """Answer with records that nothing comes after, and references that lead nowhere; some at a time."""
    asked, cursor = asked_of(relations=asking.relation, kinds=kinds_of(asking.kind)), asking.cursor
    begun = None if cursor is None else str(seq_of_cursor(cursor))
    if begun is not None and asking.at is not None:
        _check_same(begun, source.reader.moment(asking.at))
    hold = hold_of(asking.at or begun)

    def ask(reader: Reader, when: str | None) -> tuple[Answer, Position]:
        return _with_position(loose_data(reader, asked, limit=asking.limit, cursor=cursor, when=when), hold)

    return source.told(ask, begun or asking.at)[0]


def _check_same(begun: str, meant: Position) -> None:
    if str(meant.seq) != begun:
        raise UsageError(
            f"the cursor goes on as of seq {begun}, and `at` means seq {meant.seq}",
            got=meant.seq,
            expected=begun,
            mend="leave `at` out, or begin without the cursor",
        )


def answer_diff(source: Source, asking: DiffAsking) -> Answer:
    """Answer with what differs in the graph, or in the lineage of a record, between two moments."""
    asked, hold = asked_of(relations=asking.relation), hold_of_both(asking.from_, asking.to)

    def ask(reader: Reader, when: str | None) -> tuple[Answer, Position]:
        data = diff_data(reader, asking.from_, when, asked, ref=asking.ref)
        position = Position(data["to"]["seq"], data["to"]["commit"])
        return answer_of(orjson.dumps(data), position, hold=hold), position

    return source.told(ask, asking.to)[0]


def answer_check(source: Source, asking: CheckAsking) -> Answer:
    """Answer whether a record may need what a ref admits, or would close a circle by it."""
    hold = hold_of(asking.at)

    def ask(reader: Reader, when: str | None) -> tuple[Answer, Position]:
        return _with_position(check_data(reader, asking.from_, asking.to, when=when), hold)

    return source.told(ask, asking.at)[0]


def answer_impact(source: Source, ref: str, asking: ImpactAsking) -> Answer:
    """Answer with who is affected by a change of what a ref means, and with `plan` how they move on.

    The gravest come first; the summary counts all, though at most `MOST_IMPACTED` are listed (`isCut`).
    """
    hold = hold_of(asking.at)

    def ask(reader: Reader, when: str | None) -> tuple[Answer, Position]:
        at = None if when is None else int(when)
        found = analyse(
            reader,
            ref,
            change=asking.change,
            to=asking.to,
            depth=asking.depth,
            at=at,
            plan=asking.plan,
            most=MOST_IMPACTED,
        )
        _check_steps(found)
        listed = analysis_data(replace(found, impacted=found.impacted[:MOST_IMPACTED]))
        is_cut = len(found.impacted) > MOST_IMPACTED
        return _with_position({**listed, "summary": summary_of(found), "isCut": is_cut}, hold)

    return source.told(ask, asking.at)[0]


def _check_steps(found: Analysis) -> None:
    if len(found.steps or ()) > MOST_IMPACTED:
        raise UsageError(
            f"the plan has {len(found.steps or ()):,} steps, too many for one answer",
            got=found.target,
            expected=f"at most {MOST_IMPACTED:,}",
            mend="leave `plan` out, or run `gitreg impact --plan` beside the registry",
        )


def _with_position(data: dict[str, Any], hold: Hold) -> tuple[Answer, Position]:
    position = Position(data["seq"], data["commit"])
    return answer_of(orjson.dumps(data), position, hold=hold), position


def links_of(when: str | None) -> Link:
    """Let boxes lead to the records of this server, as of a seq where one is asked of."""
    suffix = "" if when is None else f"?at={when}"
    return lambda ref: f"{href_of(kind_of(ref), ref)}{suffix}"
