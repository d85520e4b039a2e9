"""The commands that read many things: `search`, `list`.

- They answer from the index, and bring it up to main's tip first where they may write it.
- Where no index can be kept (a read-only disk), records are read through Git; searching then says that it cannot.
- Both take the same filters, facets, moments and cursors, as the API's lists do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
import typer

from gitreg.cli.options import (
    JsonOption,
    RepoOption,
    open_registry,
    print_json,
    print_table,
    print_text,
    remark,
)
from gitreg.cli.output import is_terminal, shown
from gitreg.refs import Ref, kind_named
from gitreg.registry import Registry
from gitreg_indexer import through_git
from gitreg_indexer.engine import SORTS
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption, RefArgument, words_of
from gitreg_indexer.reader import LEXICAL, Reader
from gitreg_indexer.reading import fill_vectors, not_ready, open_current, reader_or_none
from gitreg_indexer.searching import Asked, Result, parsed_filter, run
from gitreg_indexer.semantic import MODES, check_mode

MAX_LIMIT = 1_000_000

FilterOption = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="EXPR",
        help="What records must state, like 'contextLength > 8000 AND type = \"completion\"'.",
    ),
]
FacetsOption = Annotated[
    list[str] | None,
    typer.Option("--facets", metavar="F,..", help="Count the values of these fields over all that is found."),
]
SortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="F", help=f"{', '.join(SORTS)} or a field; '-' in front for the reverse."),
]
ModeOption = Annotated[
    str,
    typer.Option(
        "--mode", metavar="MODE", help=f"{', '.join(MODES)}: by words, by nearness (typos, parts of words), or both."
    ),
]
CursorOption = Annotated[
    str | None,
    typer.Option("--cursor", metavar="C", help="Go on where the page before ended, as of the same commit."),
]


def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="A kind, like `model` or `pipelines`.")] = None,
    repo: RepoOption = None,
    namespace: Annotated[str | None, typer.Option("--namespace", metavar="NS", help="With all below it.")] = None,
    filter_: FilterOption = None,
    facets: FacetsOption = None,
    sort: SortOption = None,
    at: AtOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, max=MAX_LIMIT, help="Records at most.")] = MAX_LIMIT,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Records to skip.")] = 0,
    cursor: CursorOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """List records by the text namespace/name and newest version, or as they are sorted.

    \b
    Examples:
      gitreg list model --namespace acme
      gitreg list model --filter 'inputPrice < 1 AND NOT status = "retired"' --sort inputPrice
      gitreg list --at 2026-06-30 --facets kind
    """
    registry = open_registry(repo)
    asked = Asked(
        kind=kind_named(kind).kind if kind else None,
        namespace=namespace,
        filter=filter_,
        facets=words_of(facets),
        sort=sort or "name",
        at=at,
        limit=limit,
        offset=offset,
        cursor=cursor,
    )
    reader = reader_or_none(registry, folder, quiet=as_json, catalog=catalog)
    if reader is not None:
        _print_result(_run_when_ready(reader, asked), asked, as_json=as_json)
        return
    given = {"--filter": filter_, "--facets": facets, "--sort": sort, "--cursor": cursor}
    through_git.refuse([name for name, value in given.items() if value])
    _list_from_git(registry, asked, as_json=as_json)


def search(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]",
            help='Words that must all be found, "phrases", prefix*; -words that must not come after --.',
        ),
    ] = None,
    repo: RepoOption = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="K", help="A kind, like `model`.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", metavar="NS", help="With all below it.")] = None,
    provider: Annotated[list[str] | None, typer.Option("--provider", metavar="P", help="Any of these.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", metavar="T", help="Any of these.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="T", help="All of these.")] = None,
    status: Annotated[list[str] | None, typer.Option("--status", metavar="S", help="Any of these.")] = None,
    filter_: FilterOption = None,
    facets: FacetsOption = None,
    sort: SortOption = None,
    at: AtOption = None,
    mode: ModeOption = LEXICAL,
    highlight: Annotated[bool, typer.Option("--highlight", help="Show where the words stand.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, max=1000, help="Results at most.")] = 20,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Results to skip.")] = 0,
    cursor: CursorOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find records by words, identifiers and filters, now or as of a moment of the past.

    An exact name, ref, id or identifier of another catalogue comes first; then records with all words in the name,
    in the heading (tags, provider), anywhere. Where nothing is found, near words are taken for misspelt ones.

    \b
    Examples:
      gitreg search summarizer --type completion --sort -updatedAt
      gitreg search --filter 'provider = "anthropic" AND contextLength >= 100000' --facets type,tags
      gitreg search 'gpt*' --at 2026-06-30 --highlight
      gitreg search "gpt4o mni" --mode hybrid
    """
    asked = Asked(
        text=" ".join(text) if text else None,
        kind=kind_named(kind).kind if kind else None,
        namespace=namespace,
        provider=tuple(provider or ()),
        type=tuple(type_ or ()),
        status=tuple(status or ()),
        tag=tuple(tag or ()),
        filter=filter_,
        facets=words_of(facets),
        sort=sort,
        at=at,
        mode=check_mode(mode),
        limit=limit,
        offset=offset,
        cursor=cursor,
        highlight=highlight,
    )
    current = open_current(open_registry(repo), folder, quiet=as_json, catalog=catalog)
    if asked.mode != LEXICAL:
        fill_vectors(current, quiet=as_json)
    result = _run_when_ready(current.reader(), asked)
    current.close()
    _print_result(result, asked, as_json=as_json)


def similar(
    ref: RefArgument,
    filter_: FilterOption = None,
    at: AtOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Records at most.")] = 10,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the records most like one: of its kind, one version of each other name, the most like first.

    \b
    Example:
      gitreg similar acme/nlp/summarizer --filter 'status = "active"'
    """
    asked = Ref.parse(ref)
    current = open_current(open_registry(repo), folder, quiet=as_json, catalog=catalog)
    fill_vectors(current, quiet=as_json)
    reader = current.reader()
    moment = reader.position() if at is None else reader.moment(at)
    where = parsed_filter(reader, filter_, moment)
    found, position = reader.similar(asked, where=where, limit=limit, at=None if at is None else moment.seq)
    current.close()
    items = [fact.data() for fact, _ in found]
    if as_json:
        scores = {fact.ref: score for fact, score in found}
        print_json({"items": items, "scores": scores, "commit": position.commit, "seq": position.seq})
        return
    rows = [(*line_of(data, fact.status), f"{score:.2f}") for data, (fact, score) in zip(items, found, strict=True)]
    print_table(("ref", "status", "description", "likeness"), rows)
    if not rows:
        remark("nothing found")


def _list_from_git(registry: Registry, asked: Asked, *, as_json: bool) -> None:
    position = through_git.position(registry, asked.at)
    found = through_git.listed(registry, asked.kind, asked.namespace, position)
    page = found[asked.offset : asked.offset + asked.limit]
    if as_json:
        whole = {"total": len(found), "limit": asked.limit, "offset": asked.offset, "cursor": None}
        print_json({"items": page, **whole, "commit": position.commit, "seq": position.seq})
    else:
        stated = ((data, data["spec"].get("lifecycle", {}).get("status")) for data in page)
        print_table(("ref", "status", "description"), [line_of(*each) for each in stated])
        if not page and asked.limit:
            remark(_nothing(asked, len(found)))


def _run_when_ready(reader: Reader, asked: Asked) -> Result:
    """Answer one page; `NotReadyError` where the search engine has not come to what is asked of."""
    result = run(reader, asked)
    needed = min(1, result.position.seq) if asked.is_of_now else result.position.seq
    if result.page.position.seq < needed:
        raise not_ready()
    return result


def _print_result(result: Result, asked: Asked, *, as_json: bool) -> None:
    page = result.page
    items = [fact.data() for fact in page.items]
    if as_json:
        position = {"commit": page.position.commit, "seq": page.position.seq}
        print_json({"items": items, **result.beside_items(), **position})
        return
    lines = [line_of(data, fact.status) for data, fact in zip(items, page.items, strict=True)]
    print_table(("ref", "status", "description"), lines)
    for fact, fragments in zip(page.items, result.highlights or (), strict=False):
        _print_fragments(fact.ref, fragments)
    if result.facets:
        rows = [(name, value, count) for name, facet in result.facets for value, count in facet.counts]
        print_text("")
        print_table(("facet", "value", "records"), rows)
    for word, taken in page.meant:
        remark(f"nothing says {word!r}: searched for {taken!r}")
    if not items and asked.limit:
        remark(_nothing(asked, page.total))
    if result.cursor is not None:
        remark(f"{page.offset + len(items)} of {page.total}; for more, the same with --cursor {result.cursor}")


def _nothing(asked: Asked, total: int) -> str:
    """Say that there is nothing to show, and what else may find something."""
    if total:
        return f"nothing after --offset {asked.offset}: {total} in all"
    if asked.text and asked.mode == LEXICAL and not asked.sort:
        return "nothing found; --mode hybrid finds what is near too: typos, parts of words"
    return "nothing found"


def _print_fragments(ref: str, fragments: Sequence[dict[str, Any]]) -> None:
    if fragments:
        print_text(f"\n{ref}")
    for fragment in fragments:
        sys.stdout.write(f"    {shown(fragment['path'])}: {_marked(fragment['text'], fragment['spans'])}\n")


def _marked(text: str, spans: Sequence[Sequence[int]]) -> str:
    """Mark parts of a text: in bold on a terminal, in brackets elsewhere."""
    is_bold = is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")
    parts, last = [], 0
    for start, end in spans:
        part = shown(text[start:end])
        parts += [shown(text[last:start]), typer.style(part, bold=True) if is_bold else f"[{part}]"]
        last = end
    return "".join(parts) + shown(text[last:])


def line_of(data: dict[str, Any], status: str | None) -> tuple[str, str, str]:
    """Give a record as a line of a table: its ref, its status, the beginning of its description."""
    text = data["metadata"].get("description", "")
    return data["registry"]["ref"], status or "", short(text.splitlines()[0] if text else "")


def short(value: Any) -> str:
    """Give a value as one line that is not too long."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


_WIDEST = 100
