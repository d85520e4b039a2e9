"""The commands that read many things: `index`, `search`, `list`, `history`.

- They answer from the index, and bring it up to main's tip first where they may write it.
- Where no index can be kept (a read-only disk), records are read through Git; search then says that it cannot.
"""

from __future__ import annotations

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
    progress,
    remark,
)
from gitreg.errors import Finding, Severity
from gitreg.refs import Ref, kind_named
from gitreg.registry import Registry
from gitreg_indexer.engine import SORTS, Query
from gitreg_indexer.index import Fact, Index, Page
from gitreg_indexer.options import CatalogOption, IndexOption, RefArgument
from gitreg_indexer.reading import open_current, reader_or_none

MAX_LIMIT = 1_000_000


def index(
    repo: RepoOption = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Delete the index and make it again from Git.")] = False,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the index up to main's tip.

    \b
    Example:
      gitreg index --repo my-registry
    """
    registry = open_registry(repo)
    make = Index.emptied if rebuild else Index.open
    made = make(registry, folder, catalog=catalog)
    with progress("indexing", total=made.pending(), silent=as_json) as step:
        report = made.catch_up(progress=step)
    bad = made.reader().quarantine()
    made.close()
    if as_json:
        print_json(report.as_data())
        return
    print_text(
        f"{report.records} records at commit {report.commit[:12] or '-'} (seq {report.seq}), "
        f"{report.quarantined} quarantined, in {report.seconds:.2f} s"
    )
    for entry in bad:
        for found in entry["findings"]:
            finding = Finding(**{**found, "severity": Severity(found["severity"])})
            print_text(f"quarantined: {finding.explain()}")


def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="A kind, like `model` or `pipelines`.")] = None,
    repo: RepoOption = None,
    namespace: Annotated[str | None, typer.Option("--namespace", metavar="NS", help="With all below it.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, max=MAX_LIMIT, help="Records at most.")] = MAX_LIMIT,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Records to skip.")] = 0,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """List records by namespace, name and newest version.

    \b
    Example:
      gitreg list model --namespace acme
    """
    registry = open_registry(repo)
    wanted = kind_named(kind).kind if kind else None
    reader = reader_or_none(registry, folder, quiet=as_json, catalog=catalog)
    if reader is None:
        _list_from_git(registry, wanted, namespace, offset=offset, limit=limit, as_json=as_json)
        return
    page = reader.search(Query(kind=wanted, namespace=namespace, sort="name"), offset=offset, limit=limit)
    _print_page(page, as_json=as_json)


def search(
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]", help="Words; all must be found.")] = None,
    repo: RepoOption = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="K", help="A kind, like `model`.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", metavar="NS", help="With all below it.")] = None,
    provider: Annotated[list[str] | None, typer.Option("--provider", metavar="P", help="Any of these.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", metavar="T", help="Any of these.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="T", help="All of these.")] = None,
    status: Annotated[list[str] | None, typer.Option("--status", metavar="S", help="Any of these.")] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="F", help=f"{', '.join(SORTS)}; '-' in front for the reverse."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, max=1000, help="Results at most.")] = 20,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Results to skip.")] = 0,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find records by words, identifiers and filters.

    An exact name, ref, id or identifier of another catalogue comes first; then records with all words in the name,
    in the heading (tags, provider), anywhere.

    \b
    Example:
      gitreg search summarizer --type completion --sort -updatedAt
    """
    query = Query(
        text=" ".join(text) if text else None,
        kind=kind_named(kind).kind if kind else None,
        namespace=namespace,
        provider=tuple(provider or ()),
        type=tuple(type_ or ()),
        status=tuple(status or ()),
        tag=tuple(tag or ()),
        sort=sort,
    )
    query.check()
    current = open_current(open_registry(repo), folder, quiet=as_json, catalog=catalog)
    page = current.reader().search(query, offset=offset, limit=limit)
    current.close()
    _print_page(page, as_json=as_json)


def history(
    ref: RefArgument,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which commits touched a record, newest first, and what each changed.

    \b
    Example:
      gitreg history acme/nlp/summarizer@1.2.0
    """
    registry = open_registry(repo)
    parsed = Ref.parse(ref)
    reader = reader_or_none(registry, folder, quiet=as_json, catalog=catalog)
    stages = reader.history(parsed) if reader else [entry.as_data() for entry in registry.history(ref)]
    if as_json:
        print_json(stages)
        return
    for stage in stages:
        subject = stage["message"].splitlines()[0] if stage["message"] else ""
        print_text(f"{stage['time']}  {stage['commit'][:12]}  seq {stage['seq']}  {stage['author']}")
        print_text(f"    {stage['change']}: {subject}")
        if stage["change"] == "changed":
            for field in stage["fields"]:
                print_text(f"    {field['path']}: {_short(field['before'])} -> {_short(field['after'])}")


def _list_from_git(
    registry: Registry, kind: str | None, namespace: str | None, *, offset: int, limit: int, as_json: bool
) -> None:
    snapshot = registry.snapshot()
    records = [snapshot.record(address) for address in snapshot.addresses(kind, namespace)]
    found = sorted(filter(None, records), key=lambda record: record.address.path)
    page = [registry.describe(record) for record in found[offset : offset + limit]]
    if as_json:
        seq = registry.repo.seq(snapshot.commit) if snapshot.commit else 0
        whole = {"total": len(found), "limit": limit, "offset": offset, "commit": snapshot.commit, "seq": seq}
        print_json({"items": page, **whole})
    else:
        rows = [(data["registry"]["ref"], _status(data), _description(data)) for data in page]
        print_table(("ref", "status", "description"), rows)


def _status(data: dict[str, Any]) -> str:
    return str(data["spec"].get("lifecycle", {}).get("status", ""))


def _print_page(page: Page, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "items": [fact.data() for fact in page.items],
                "total": page.total,
                "limit": page.limit,
                "offset": page.offset,
                "commit": page.position.commit,
                "seq": page.position.seq,
            }
        )
        return
    print_table(("ref", "status", "description"), [_line(fact) for fact in page.items])
    if page.offset + len(page.items) < page.total:
        remark(f"{len(page.items)} of {page.total}; --offset {page.offset + len(page.items)} shows more")


def _line(fact: Fact) -> tuple[str, str, str]:
    return fact.ref, fact.status or "", _description(fact.data())


def _description(data: dict[str, Any]) -> str:
    text = data["metadata"].get("description", "")
    return _short(text.splitlines()[0] if text else "")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 100 else f"{text[:97]}..."
