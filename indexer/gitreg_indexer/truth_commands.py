"""The commands that tell the truth of an index: `gitreg index status`, `verify`, `accept-rewrite`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from gitreg.cli.options import (
    JsonOption,
    RepoOption,
    open_registry,
    print_json,
    print_text,
    progress,
    remark,
)
from gitreg.errors import Exit, GitregError, RepositoryError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg_indexer.generations import Generations
from gitreg_indexer.index import Index, default_folder
from gitreg_indexer.index_status import IndexStatus, asked_at, status_of
from gitreg_indexer.options import CatalogOption, IndexOption
from gitreg_indexer.reading import fill_vectors
from gitreg_indexer.rewrites import Rewrite, accept_rewrite
from gitreg_indexer.semantic import FOLDER
from gitreg_indexer.verifying import Step, Verdict, verify

_UNITS: Final = ("B", "KB", "MB", "GB", "TB")
_THOUSAND: Final = 1000
_LOOKED_AT: Final = ("commits", "objects", "facts", "documents")
_WHERE_THERE_ARE_ANY: Final = ("vectors",)


def status_command(
    repo: RepoOption = None, folder: IndexOption = None, catalog: CatalogOption = None, as_json: JsonOption = False
) -> None:
    """Tell where the index stands, what it holds, who writes it, and what stands in its way.

    \b
    Example:
      gitreg index status --repo my-registry
    """
    status = status_of(open_registry(repo), folder, catalog=catalog)
    if as_json:
        print_json(status.as_data())
    else:
        print_text("\n".join(_lines(status)))


def verify_command(
    repo: RepoOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make anew what is wrong, put it in place, and verify again.")
    ] = False,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make everything that the index answers anew from Git, compare it, and name what differs.

    Looks at Git's objects, the catalog, the search index and the vectors of semantic search; serving goes on meanwhile.
    It takes as long as making the index, and as much room beside it. Exit codes: 0 nothing is wrong, 1 something is,
    2 it could not be verified.

    \b
    Example:
      gitreg index verify --repo my-registry --repair
    """

    def stage(label: str, total: int | None) -> AbstractContextManager[Step]:
        return progress(label, total=total, silent=as_json)

    registry = _registry(repo, folder)
    verdict = verify(registry, folder, catalog=catalog, repair=repair, stage=stage)
    if verdict.mended:
        _fill_vectors(registry, folder, quiet=as_json)
    if as_json:
        print_json(verdict.as_data())
    else:
        _print_verdict(verdict)
    if not verdict.is_clean:
        raise typer.Exit(Exit.FAULTS)


def accept_command(
    repo: RepoOption = None, folder: IndexOption = None, catalog: CatalogOption = None, as_json: JsonOption = False
) -> None:
    """Follow a main that was rewritten: make the index anew from it, and put it in place.

    Until then, and without it, the index stays at the last good state. What main has lost is told.

    \b
    Example:
      gitreg index accept-rewrite --repo my-registry
    """
    registry = open_registry(repo)
    with progress("indexing", silent=as_json) as step:
        rewrite, report = accept_rewrite(registry, folder, catalog=catalog, progress=step)
    if as_json:
        print_json({**rewrite.as_data(), "report": report.as_data()})
        return
    print_text("\n".join(_told(rewrite)))
    print_text(f"{report.records} records at commit {report.commit[:12]} (seq {report.seq}), in {report.seconds:.2f} s")


def _fill_vectors(registry: Registry, folder: Path | None, *, quiet: bool) -> None:
    """Make the vectors again that were given up, or are of the catalog before, as far as that can be done now."""
    if ((folder or default_folder(registry)) / FOLDER).is_dir():
        with suppress(GitregError), closing(Index.open(registry, folder)) as index:  # what is left is told by verifying
            fill_vectors(index, quiet=quiet)


def _registry(repo: Path | None, folder: Path | None) -> Registry:
    """Open the registry, also where its own record cannot be read but an index is there: that is to be told."""
    try:
        return open_registry(repo)
    except RepositoryError:
        registry = Registry(GitRepository.open((repo or Path()).absolute()))
        if Generations(folder or default_folder(registry)).standing() is None:
            raise
        return registry


def _lines(status: IndexStatus) -> Iterable[str]:
    if status.generation is None:
        yield f"no index yet in {status.folder}; `gitreg index` makes one"
    else:
        yield from _lines_of_state(status)
    if status.catalog is not None:
        yield f"catalog      {status.catalog}"
    if status.rebuild is not None:
        made = status.rebuild
        at_work = f"by process {made.by}" if made.by else "by nobody now; `gitreg index --rebuild` goes on"
        left = f", {made.behind} commits to go" if made.behind is not None else ""
        yield f"rebuild      {made.generation} at seq {made.seq}{left}, {at_work}"
    if status.writer is not None:
        yield f"written by   process {status.writer}"
    if status.alarm is not None:
        alarm = status.alarm
        yield f"ALARM        main was rewritten: it went from {alarm.commit[:12]} (seq {alarm.seq}) to {alarm.tip[:12]}"
        yield "             find out who did it and put the branch back; or run `gitreg index accept-rewrite`"
    for name, last in status.remotes.items():
        yield f"remote       {name}, asked last at {asked_at(last)}"
        if last.fault is not None:
            yield _labelled("ALARM" if last.fault.code == HistoryRewritten.code else "TROUBLE", last.fault.text)
    if status.trouble is not None:
        yield _labelled("TROUBLE", status.trouble.explain())
    for unreadable in status.quarantined:
        yield from (f"quarantined: {finding.explain()}" for finding in unreadable.findings)


def _labelled(label: str, text: str) -> str:
    return f"{label:<13}" + text.replace("\n", "\n" + " " * 13)


def _lines_of_state(status: IndexStatus) -> Iterable[str]:
    place = status.position
    behind = {None: "", 0: ", up to date"}.get(status.behind, f", {status.behind} commits behind main")
    if status.is_clone_behind:
        behind = ", which main of this clone has not come to yet: fetch it"
    yield f"commit       {place.commit[:12] or '-'} (seq {place.seq}){behind}"
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in status.records.items())
    yield f"records      {sum(status.records.values()):,}" + (f": {kinds}" if kinds else "")
    yield f"quarantined  {len(status.quarantined):,}"
    if status.history is not None:
        yield f"history      {status.history}" + (
            f", from seq {status.history_from}" if status.history == "none" else ""
        )
    yield f"search       {'-' if status.search_seq is None else f'seq {status.search_seq}'}"
    sizes = ", ".join(f"{part} {_bytes(size)}" for part, size in status.size.items() if size)
    yield f"on disk      {_bytes(sum(status.size.values()))}" + (f": {sizes}" if sizes else "")
    yield f"generation   {status.generation} in {status.folder}"


def _bytes(size: float) -> str:
    for unit in _UNITS:
        if size < _THOUSAND or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _THOUSAND
    raise AssertionError


def _print_verdict(verdict: Verdict) -> None:
    for damage in verdict.mended:
        print_text(f"mended: {damage.explain()}")
    for damage in verdict.damages:
        print_text(damage.explain())
    if verdict.unlisted:
        remark(f"and {verdict.unlisted} more that are not listed")
    names = (*_LOOKED_AT, *(name for name in _WHERE_THERE_ARE_ANY if name in verdict.checked))
    looked = ", ".join(f"{verdict.checked.get(name, 0):,} {name}" for name in names)
    count = len(verdict.damages) + verdict.unlisted
    said = {0: "nothing is wrong", 1: "one thing is wrong"}.get(count, f"{count:,} things are wrong")
    print_text(f"{said} at commit {verdict.commit[:12] or '-'} (seq {verdict.seq}); looked at {looked}")


def _told(rewrite: Rewrite) -> Iterable[str]:
    before, common = rewrite.before, rewrite.common
    yield f"main was at {before.commit[:12]} (seq {before.seq})"
    yield f"both have   {common.commit[:12] or 'nothing'} (seq {common.seq})"
    yield f"given up: {rewrite.dropped} commits; new: {rewrite.added} commits"
    for commit in rewrite.listed:
        subject = commit.message.partition("\n")[0]
        yield f"    {commit.commit[:12]}  {commit.time}  {commit.author}  {subject}"
