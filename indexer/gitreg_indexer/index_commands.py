"""`gitreg index`: bring the index up to date; with a word behind it, what else there is to do with it.

- Without a word it brings the index up to date. Options that stand before a word would be lost, so they are refused.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gitreg.cli.options import JsonOption, RepoOption
from gitreg.errors import UsageError
from gitreg_indexer.commands import index as bring_up
from gitreg_indexer.options import CatalogOption, IndexOption
from gitreg_indexer.watch_command import watch

app = typer.Typer(name="index", invoke_without_command=True, subcommand_metavar="[COMMAND]")
app.command("watch")(watch)


@app.callback()
def index(
    context: typer.Context,
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
    if context.invoked_subcommand is None:
        bring_up(repo=repo, rebuild=rebuild, folder=folder, catalog=catalog, as_json=as_json)
    else:
        _refuse_options_before(context, context.invoked_subcommand)


def _refuse_options_before(context: Any, word: str) -> None:
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name)
        if source is not None and source.name == "COMMANDLINE":
            option = parameter.opts[0]
            raise UsageError(
                f"{option} stands before {word!r}, where it would be lost",
                mend=f"write it behind: `gitreg index {word} {option} ...`",
            )
