"""The commands that ask the graph: `lineage`, `path`, `orphans`, `graph diff`, `graph check`.

- They answer from the index, now or as of a moment, and bring it up to main's tip first where they may write it.
- A picture is text, too: Mermaid, DOT, or an SVG that gitreg draws itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_line, print_table, remark
from gitreg.cli.output import print_bytes, shown
from gitreg.errors import UsageError
from gitreg.pictures import DRAWINGS, Picture
from gitreg_indexer.graph.answers import (
    asked_of,
    check_data,
    diff_data,
    lineage_at,
    loose_data,
    path_data,
    ways_at,
)
from gitreg_indexer.graph.data import lineage_data
from gitreg_indexer.graph.drawing import Link, api_link, no_link, picture_of, picture_of_ways
from gitreg_indexer.graph.lineage import FOLLOWED, MOST_NODES
from gitreg_indexer.graph.tree import tree_of, ways_text
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption, RefArgument, words_of
from gitreg_indexer.reader import Reader
from gitreg_indexer.reading import open_current

app = typer.Typer(name="graph", help="Ask the whole graph: what differs, what may be joined.", no_args_is_help=True)
FORMATS: Final = ("text", "json", *DRAWINGS)

DepthOption = Annotated[
    int | None, typer.Option("--depth", metavar="N", min=1, help="References away at most; all without it.")
]
RelationOption = Annotated[
    list[str] | None,
    typer.Option("--relation", metavar="R,..", help=f"Follow only these: {', '.join(FOLLOWED)}, replaces."),
]
KindOption = Annotated[list[str] | None, typer.Option("--kind", metavar="K,..", help="Enter only records of these.")]
ReadingOption = Annotated[
    str,
    typer.Option(
        "--reading", metavar="R", help="resolved: what a range means, its best version; admitted: all that satisfy it."
    ),
]
FormatOption = Annotated[str, typer.Option("--format", metavar="F", help=f"{', '.join(FORMATS)}.")]
LinksOption = Annotated[
    str | None,
    typer.Option("--links", metavar="URL", help="Let boxes of a picture lead to the records of the server there."),
]


def lineage(
    ref: RefArgument,
    direction: Annotated[str, typer.Option("--direction", metavar="D", help="up, down or both.")] = "both",
    depth: DepthOption = None,
    relation: RelationOption = None,
    kind: KindOption = None,
    reading: ReadingOption = "resolved",
    at: AtOption = None,
    format_: FormatOption = "text",
    links: LinksOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Records at most.")] = MOST_NODES,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a record comes from and what comes from it, to any depth.

    Upstream is what it was derived from, what it needs, reads and is configured by; downstream what is made of it.

    \b
    Examples:
      gitreg lineage acme/nlp/summarizer
      gitreg lineage dataset:acme/tickets-raw --direction down --format svg > tickets.svg
      gitreg lineage acme/nlp/summarizer@1.0.0 --at 2026-06-30 --relation derived_from
    """
    form = _format(format_, as_json=as_json)
    asked = asked_of(
        direction=direction, depth=depth, relations=_words(relation), kinds=_words(kind), reading=reading, limit=limit
    )
    reader = _reader(repo, folder, catalog, quiet=as_json)
    with lineage_at(reader, ref, asked, at) as (graph, found):
        if form == "json":
            print_json(lineage_data(graph.state, found, asked, graph.position))
        elif form == "text":
            for line in tree_of(found):
                print_line(line)
        else:
            _print_picture(picture_of(found, graph.position, _link(links)), form)
    if found.is_cut and form != "json":
        remark(f"there is more than --limit {limit}: name another one, or a --depth")


def path(
    source: Annotated[str, typer.Argument(metavar="FROM", help="[kind:]namespace/name[@selector]")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same.")],
    every: Annotated[bool, typer.Option("--all", help="All ways, the shortest first, and not only one.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="Ways at most.")] = 100,
    relation: RelationOption = None,
    kind: KindOption = None,
    reading: ReadingOption = "resolved",
    at: AtOption = None,
    format_: FormatOption = "text",
    links: LinksOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the way from one record to another: how a dataset became part of a model.

    The way goes downstream, from what comes first to what is made of it; where there is none, upstream.

    \b
    Example:
      gitreg path dataset:acme/tickets-raw acme/nlp/summarizer
    """
    form = _format(format_, as_json=as_json)
    asked = asked_of(relations=_words(relation), kinds=_words(kind), reading=reading)
    most = limit if every else None
    reader = _reader(repo, folder, catalog, quiet=as_json)
    if form == "json":
        print_json(path_data(reader, source, target, asked, most=most, when=at))
        return
    with ways_at(reader, source, target, asked, most, at) as (_, joined):
        if form == "text":
            if joined.direction is None:
                remark(f"no way leads from {joined.first} to {joined.last}, or back")
            for line in ways_text(joined.ways):
                print_line(line)
        else:
            _print_picture(picture_of_ways(joined, _link(links)), form)


def orphans(
    kind: KindOption = None,
    relation: RelationOption = None,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what hangs loose: records that nothing comes after, and references that lead nowhere.

    Looked at are models, datasets, configs, templates and policies, which are there to be used; --kind names others.

    \b
    Example:
      gitreg orphans --kind dataset
    """
    asked = asked_of(relations=_words(relation), kinds=_words(kind))
    reader = _reader(repo, folder, catalog, quiet=as_json)
    page = loose_data(reader, asked, limit=PAGE, when=at)
    found = {**page, "cursor": None}
    while page["cursor"]:
        page = loose_data(reader, asked, limit=PAGE, cursor=page["cursor"])
        found["orphans"] += page["orphans"]
        found["dangling"] += page["dangling"]
    if as_json:
        print_json({name: value for name, value in found.items() if name != "cursor"})
        return
    rows = [("orphan", each["ref"], each["status"], None) for each in found["orphans"]]
    rows += [("dangling", each["ref"], each["field"], each["constraint"]) for each in found["dangling"]]
    print_table(("what", "ref", "status or field", "leads to"), rows)
    if not rows:
        remark("nothing hangs loose")


PAGE: Final = 10_000


@app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(metavar="WHEN1", help="A seq, commit, tag, day or time.")],
    after: Annotated[str | None, typer.Argument(metavar="[WHEN2]", help="The same; now without it.")] = None,
    ref: Annotated[
        str | None, typer.Option("--ref", metavar="REF", help="Compare only the lineage of this record.")
    ] = None,
    relation: RelationOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what differs in the graph between two moments: records, references, and what references resolve to.

    \b
    Examples:
      gitreg graph diff 2026-06-01 2026-06-30
      gitreg graph diff v1.0 --ref acme/nlp/summarizer
    """
    asked = asked_of(relations=_words(relation))
    found = diff_data(_reader(repo, folder, catalog, quiet=as_json), before, after, asked, ref=ref)
    if as_json:
        print_json(found)
        return
    one, other = found["from"]["root"], found["to"]["root"]
    if one and other and one != other:
        remark(f"{ref} meant {one}, and then {other}: their lineages are compared")
    for sign, kind in _SIGNS.items():
        for each in found["records"][kind]:
            print_line(f"{sign} {each}")
    for sign, kind in _SIGNS.items():
        for edge in found["references"][kind]:
            print_line(f"{sign} {_sentence(edge)}")
    for edge in found["references"]["moved"]:
        print_line(f"~ {_sentence(edge)}: {edge['before'] or 'nothing'} -> {edge['after'] or 'nothing'}")


_SIGNS: Final = {"+": "added", "-": "removed", ">": "entered", "<": "left"}


def _sentence(edge: dict[str, Any]) -> str:
    return f"{edge['ref']} {edge['relation']} {edge['constraint']}" + ("" if edge["required"] else " (not required)")


@app.command("check")
def check(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The record that is to refer; it need not stand yet.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="What it is to need, as a ref with a range or version.")],
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell whether a record may need another without closing a circle. Exits 1 where it would close one.

    \b
    Example:
      gitreg graph check acme/nlp/summarizer@1.3.0 acme/nlp/base@^2
    """
    found = check_data(_reader(repo, folder, catalog, quiet=as_json), source, target, when=at)
    if as_json:
        print_json(found)
    elif found["closesCircle"]:
        print_line(f"it would need itself: {' -> '.join(found['circle'])}")
    else:
        print_line(f"{found['from']} may need {found['to']}: no circle")
    if found["closesCircle"]:
        raise typer.Exit(1)


def _reader(repo: Path | None, folder: Path | None, catalog: str | None, *, quiet: bool) -> Reader:
    return open_current(open_registry(repo), folder, quiet=quiet, catalog=catalog).reader()


def _words(given: list[str] | None) -> tuple[str, ...]:
    """Read words that an option was given; `UsageError` where it was given none."""
    words = words_of(given)
    if given and not words:
        raise UsageError(
            "an option that takes words was given none", got=", ".join(given), mend="name one, or leave it out"
        )
    return words


def _format(name: str, *, as_json: bool) -> str:
    if name not in FORMATS:
        raise UsageError(f"{name!r} is no format", got=name, expected=", ".join(FORMATS), mend="use one of these")
    if as_json and name not in ("text", "json"):
        raise UsageError(f"--json and --format {name} exclude each other", mend="leave one of them out")
    return "json" if as_json else name


def _link(base: str | None) -> Link:
    if base is None:
        return no_link
    if not base.startswith(("http://", "https://")):
        raise UsageError(
            "--links takes the address of a server",
            got=shown(base),
            expected="http://... or https://...",
            mend="give one",
        )
    return api_link(base.rstrip("/"))


def _print_picture(picture: Picture, form: str) -> None:
    print_bytes(DRAWINGS[form](picture).encode())
