"""`gitreg import`: take in another catalogue's entries.

- Importers are found through the entry-point group `gitreg.importers`, and imported when they are asked for; a
  plugin cannot take the name of one of ours.
- Every entry of the source is registered, updated, unchanged or skipped with a reason; the answer adds up.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gitreg.cli.options import (
    AuthorOption,
    JsonOption,
    QuietOption,
    RepoOption,
    author_of,
    open_registry,
    print_json,
    print_line,
    print_table,
    read_input,
    remark,
)
from gitreg.cli.output import is_terminal
from gitreg.cli.tree import DISTRIBUTION, distribution_of, load_entry
from gitreg.errors import UsageError

if TYPE_CHECKING:
    from gitreg.importers import Importer
    from gitreg.registry import Registry
    from gitreg.repository.git import Signature

GROUP: Final = "gitreg.importers"
SHOWN: Final = 10
_PLURALS: Final = {"warning": "warnings"}


def import_(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The importer; --list names them.", show_default=False)
    ] = None,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="What to import; - for stdin.", show_default=False)
    ] = None,
    repo: RepoOption = None,
    author: AuthorOption = None,
    list_: Annotated[bool, typer.Option("--list", help="List the importers.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help=f"Print every reason; without it the first {SHOWN} of each sort.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take in another catalogue's entries, as one commit.

    Run again on the same file it changes nothing; on an edited one it makes new versions or updates.

    \b
    Examples:
      gitreg import litellm model_prices_and_context_window.json
      gitreg import --list
    """
    if list_:
        _list_importers(as_json=as_json)
        return
    if name is None or file is None:
        raise UsageError("NAME and FILE are both needed", mend="give both, or --list to see the importers")
    importer = importer_named(name)
    registry = open_registry(repo)
    raw = read_input(file)
    origin = "<stdin>" if file == "-" else file
    if not (quiet or as_json) and is_terminal(sys.stderr):
        remark(f"importing {origin} ...")
    report = importer.run(registry, raw, author=_writer(registry, author), origin=origin)
    if as_json:
        print_json(report.as_data())
    elif not quiet:
        _print_report(report.as_data(), limit=None if verbose else SHOWN)


def _writer(registry: Registry, author: str | None) -> Signature:
    return registry.signature(author_of(author))


def entries() -> dict[str, metadata.EntryPoint]:
    """Find the importers that are installed, ours before the plugins', by name."""
    found: dict[str, metadata.EntryPoint] = {}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: (not _is_ours(entry), entry.name)):
        found.setdefault(entry.name, entry)
    return found


def _is_ours(entry: metadata.EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == DISTRIBUTION


def importer_named(name: str) -> Importer:
    """Import an importer; `UsageError` where there is none of that name."""
    known = entries()
    if name not in known:
        raise UsageError(
            f"there is no importer {name!r}",
            got=name,
            expected=", ".join(known) or "no importers are installed",
            mend="`gitreg import --list` says what each reads",
        )
    importer: Importer = load_entry(known[name], "importer")
    return importer


def _list_importers(*, as_json: bool) -> None:
    rows = [
        {"name": name, "help": importer_named(name).help, "distribution": distribution_of(entry)}
        for name, entry in entries().items()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("name", "help", "distribution"), (tuple(row.values()) for row in rows))


def _print_report(data: dict[str, Any], *, limit: int | None) -> None:
    skipped = data["skipped"]
    counts = ", ".join(f"{data[word]:,} {word}" for word in ("registered", "updated", "unchanged"))
    print_line(f"read {data['read']:,}: {counts}, {len(skipped):,} skipped")
    _print_reasons("skipped", [(each["key"], each["reason"]) for each in skipped], limit)
    _print_reasons("warning", [(each["key"], each["says"]) for each in data.get("warnings", ())], limit)
    _print_reasons("gone", [(each["key"], each["ref"]) for each in data.get("gone", ())], limit)
    print_line(f"commit {data['commit']}" if data["commit"] else "nothing has changed")


def _print_reasons(word: str, reasons: list[tuple[str, str]], limit: int | None) -> None:
    for key, reason in reasons[:limit]:
        print_line(f"  {word} {key}: {reason}")
    if limit is not None and len(reasons) > limit:
        more = len(reasons) - limit
        print_line(f"  and {more:,} more {_PLURALS.get(word, word) if more > 1 else word}; -v prints all")
