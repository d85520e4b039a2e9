"""The commands that tell of a name and of what happened: `history`, `blame`, `versions`, `aliases`, `changes`.

- They answer from the index, now or as of a moment, and through Git where no index can be kept.
- An index that was made without the past tells no history: that is read through Git, with a remark.
"""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any

import typer

from gitreg.cli.options import (
    JsonOption,
    RepoOption,
    open_registry,
    print_json,
    print_line,
    print_table,
    print_text,
    remark,
)
from gitreg.errors import NotFoundError, UsageError
from gitreg.refs import KINDS, LATEST, Ref
from gitreg.registry import Registry
from gitreg_indexer import through_git
from gitreg_indexer.catalog import Position
from gitreg_indexer.commands import line_of, short
from gitreg_indexer.fields import find, resolve, without_positions
from gitreg_indexer.moments import SINCE, NoHistoryError, SinceGoneError, read_since
from gitreg_indexer.names import aliases_of, versions_of
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption, RefArgument
from gitreg_indexer.reader import Reader, next_of, of_field
from gitreg_indexer.reading import open_current, reader_or_none
from gitreg_indexer.searching import field_of, path_of

MOST_CHANGES = 10_000


def history(
    ref: RefArgument,
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="PATH", help="Only what changed this field, like spec.pricing or status."),
    ] = None,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which commits touched a record, newest first, and what each changed.

    \b
    Examples:
      gitreg history acme/nlp/summarizer@1.2.0
      gitreg history acme/nlp/summarizer@1.2.0 --field spec.pricing
    """
    if field is not None and not _without_places(field):
        raise _no_field(field)
    registry, parsed = open_registry(repo), Ref.parse(ref)
    stages = _history(registry, parsed, field, at, reader_or_none(registry, folder, quiet=as_json, catalog=catalog))
    if as_json:
        print_json(stages)
        return
    for stage in stages:
        print_text(_headline(stage))
        print_text(f"    {stage['change']}: {_subject(stage)}")
        if stage["change"] == "changed" or field is not None:
            for found in stage["fields"]:
                print_text(f"    {found['path']}: {short(found['before'])} -> {short(found['after'])}")
    if not stages:
        remark(f"no commit {'ever' if at is None else 'until then'} stated {field!r} of {ref}")


def blame(
    ref: RefArgument,
    path: Annotated[str, typer.Argument(metavar="FIELD", help="A field, like spec.lifecycle.status or provider.")],
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which commit gave a field of a record its present value.

    A field goes by the names that filters know. Of a list it is told when what stands in it changed, at any place.

    \b
    Examples:
      gitreg blame acme/summarizer@1.0.0 spec.lifecycle.status
      gitreg blame acme/summarizer@1.0.0 inputPrice
    """
    registry, parsed = open_registry(repo), Ref.parse(ref)
    field = _without_places(path)
    if not field:
        raise _no_field(path)
    stages = _history(registry, parsed, field, None, reader_or_none(registry, folder, quiet=as_json, catalog=catalog))
    if not stages:
        stated = resolve(field).path
        raise NotFoundError(
            f"no commit ever stated `{stated}` of {ref}",
            got=path,
            mend="`gitreg get` shows the fields that it has; what stands under `registry` no file states",
        )
    stage = stages[0]
    if as_json:
        print_json(stage)
        return
    print_line(f"{stage['commit']} (seq {stage['seq']}) {stage['time']} {stage['author']}")
    print_line(f"    {_subject(stage)}")


def versions(
    ref: RefArgument,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of a name, highest first, now or as of a moment of the past.

    \b
    Examples:
      gitreg versions acme/nlp/summarizer
      gitreg versions acme/nlp/summarizer --at 2026-06-30
    """
    registry, name = open_registry(repo), _name(ref, "versions")
    reader = reader_or_none(registry, folder, quiet=as_json, catalog=catalog)
    position = _position(registry, reader, at)
    if reader is None:
        items = through_git.versions(registry, name, position)
        rows = [(data["spec"].get("lifecycle", {}).get("status"), data) for data in items]
    else:
        found = versions_of(reader, name, at=_seq(at, position))
        items = [fact.data() for fact in found]
        rows = [(fact.status, data) for fact, data in zip(found, items, strict=True)]
    if as_json:
        print_json({"items": items, "total": len(items), "commit": position.commit, "seq": position.seq})
        return
    columns = ("ref", "status", "description", "since")
    print_table(columns, [(*line_of(data, status), data["registry"]["createdAt"]) for status, data in rows])


def aliases(
    ref: RefArgument,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the aliases of a name and the version that each means, now or as of a moment of the past.

    `latest` is computed: the highest version that is neither a prerelease nor retired.

    \b
    Examples:
      gitreg aliases acme/nlp/summarizer
      gitreg aliases acme/nlp/summarizer --at v1.0
    """
    registry, name = open_registry(repo), _name(ref, "aliases")
    reader = reader_or_none(registry, folder, quiet=as_json, catalog=catalog)
    position = _position(registry, reader, at)
    if reader is None:
        named, latest = through_git.aliases(registry, name, position)
    else:
        named, latest = aliases_of(reader, name, at=_seq(at, position))
    if as_json:
        print_json({"aliases": named, "latest": latest, "commit": position.commit, "seq": position.seq})
        return
    print_table(("alias", "version"), [*named.items(), *([(LATEST, latest)] if latest else [])])
    if not named and not latest:
        remark(f"{name.place} has no alias, and no version that `{LATEST}` could mean")


def changes(
    since: Annotated[
        str, typer.Option("--since", metavar="S", help="Tell what came after this: a commit's whole id, or a seq.")
    ] = "0",
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_CHANGES, help="Commits at most.")] = 100,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what each commit after a seq or a commit did to records, oldest first.

    Whoever follows the registry asks again with the `nextCommit` of the answer before: after main was rewritten, a seq
    may be another commit.

    \b
    Examples:
      gitreg changes --since 42
      gitreg changes --since 427e4d0744210fa2ff1a2d9bf9bb8b0aa6fc2a9c --json
    """
    place = _since(since)
    with closing(open_current(open_registry(repo), folder, quiet=as_json, catalog=catalog)) as current:
        try:
            items, position = current.reader().changes(since=place, limit=limit)
        except SinceGoneError as error:
            raise current.rewriting() or _gone(error) from None
    following = next_of(items, position)
    if as_json:
        names = {"next": following.seq, "nextCommit": following.commit}
        print_json({"items": items, **names, "commit": position.commit, "seq": position.seq})
        return
    for item in items:
        print_text(_headline(item))
        print_text(f"    {_subject(item)}")
        for change in item["changes"]:
            print_text(f"    {change['change']}: {change['ref'] or change['path']}")
    if not items:
        remark(f"nothing came after {f'seq {place}' if isinstance(place, int) else place}")
    if following.seq < position.seq:
        remark(f"seq {following.seq} of {position.seq}; --since {following.seq} goes on")


def _gone(error: SinceGoneError) -> SinceGoneError:
    error.mend = f"fetch main and ask again, for this clone may only be behind; {error.mend}"
    return error


def _since(text: str) -> int | str:
    try:
        return read_since(text)
    except ValueError as error:
        raise UsageError(
            f"changes cannot be asked since {text!r}",
            got=f"--since {text}",
            expected=SINCE,
            mend="ask with the `next` or the `nextCommit` of an earlier answer, or with what a receipt names",
        ) from error


def _history(
    registry: Registry, ref: Ref, field: str | None, at: str | None, reader: Reader | None
) -> list[dict[str, Any]]:
    position = _position(registry, reader, at)
    if reader is not None:
        seq = _seq(at, position)
        try:
            return reader.history(ref, at=seq, field=field_of(reader, ref.kind, field, at=seq) if field else None)
        except NoHistoryError as error:
            remark(f"{error.says}; reading it through Git, which is slower")
    stages = through_git.history(registry, ref, position)
    return stages if field is None else of_field(path_of(ref.kind, field), stages)


def _no_field(given: str) -> UsageError:
    return UsageError(
        "no field is named",
        got=repr(given),
        expected="a field, like spec.lifecycle.status",
        mend="name one; `gitreg get` shows the fields that a record has",
    )


def _without_places(path: str) -> str:
    """Give a way to a field without positions in lists: `endpoints[0].url`, `endpoints.0.url` are `endpoints.url`."""
    field = without_positions(path)
    return field if find(field) else ".".join(part for part in field.split(".") if not part.isdecimal())


def _position(registry: Registry, reader: Reader | None, at: str | None) -> Position:
    if reader is None:
        return through_git.position(registry, at)
    return reader.position() if at is None else reader.moment(at)


def _seq(at: str | None, position: Position) -> int | None:
    """Give the seq to ask the reader of: None for the present."""
    return None if at is None else position.seq


def _name(ref: str, word: str) -> Ref:
    """Read what must be a name of versions, without a selector."""
    parsed = Ref.parse(ref)
    place = KINDS[parsed.kind]
    if not place.is_versioned:
        raise UsageError(
            f"a {place.word} has no {word}: there is one record of each name",
            got=ref,
            expected="the name of something that has versions, like acme/nlp/summarizer",
            mend=f"`gitreg get {parsed}` shows the record",
        )
    if parsed.selector is not None:
        raise UsageError(
            f"{word} are about a name, and {ref!r} selects one version of it",
            got=ref,
            expected=parsed.place,
            mend=f"cut it from '@' on: `gitreg {word} {parsed.place}`",
        )
    return parsed


def _headline(stage: dict[str, Any]) -> str:
    return f"{stage['time']}  {stage['commit'][:12]}  seq {stage['seq']}  {stage['author']}"


def _subject(stage: dict[str, Any]) -> str:
    return stage["message"].splitlines()[0] if stage["message"] else ""
