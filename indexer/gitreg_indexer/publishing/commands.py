"""The command `gitreg publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_text, progress
from gitreg_indexer.options import CatalogOption, IndexOption
from gitreg_indexer.publishing.writing import publish as publish_into
from gitreg_indexer.reading import open_current

MAX_KEEP = 31 * 24 * 60 * 60


def publish(
    root: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder, or one that this registry was published to.")
    ],
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    keep: Annotated[
        int,
        typer.Option(
            "--keep",
            metavar="SECONDS",
            min=0,
            max=MAX_KEEP,
            help="How long files that are listed no more stay for readers of an earlier state.",
        ),
    ] = 0,
    whole: Annotated[
        bool, typer.Option("--whole", help="Compare every file, and mend what is not as it must be.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish the registry as static files, for any web server.

    Over what was published before, only what has changed is written. A reader sees the state before or the state
    after, whatever happens: `index.json` comes last. `gitreg get REF --from URL` reads it.

    \b
    Examples:
      gitreg publish public --repo my-registry
      gitreg publish /srv/www/registry --keep 600
    """
    index = open_current(open_registry(repo), folder, quiet=as_json, catalog=catalog)
    try:
        with progress("publishing", silent=as_json) as step:
            report = publish_into(index.catalog, root, whole=whole, keep=keep, progress=step)
    finally:
        index.close()
    if as_json:
        print_json(report.as_data())
        return
    print_text(
        f"{report.records} records at commit {report.commit[:12]} (seq {report.seq}): {report.written} files written "
        f"({report.bytes:,} bytes), {report.unchanged} unchanged, {report.removed} removed, in {report.seconds:.2f} s"
    )
