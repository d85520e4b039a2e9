"""`gitreg index`: bring the index up to date; with a word behind it, what else there is to do with it.

- Without a word it brings the index up to date. Options that stand before a word would be lost, so they are refused.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_text, progress
from gitreg.errors import Finding, Severity, UsageError
from gitreg.registry import Registry
from gitreg_indexer.catalog import History
from gitreg_indexer.index import Index
from gitreg_indexer.options import IndexOption
from gitreg_indexer.reading import fill_vectors
from gitreg_indexer.truth_commands import accept_command, status_command, verify_command
from gitreg_indexer.watch_command import watch

app = typer.Typer(name="index", invoke_without_command=True, subcommand_metavar="[COMMAND]")
app.command("watch")(watch)
app.command("status")(status_command)
app.command("verify")(verify_command)
app.command("accept-rewrite")(accept_command)

HistoryOption = Annotated[
    History | None,
    typer.Option(
        "--history", help="Keep the whole past, or only what stands now and what comes; as it was unless told."
    ),
]


@app.callback()
def index(
    context: typer.Context,
    repo: RepoOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index anew from Git, beside the one that serves until then.")
    ] = False,
    history: HistoryOption = None,
    folder: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the index up to main's tip.

    With --history full, an index that was made without the past gets it; what it has read is not read again.

    \b
    Example:
      gitreg index --repo my-registry
    """
    if context.invoked_subcommand is None:
        _bring_up(open_registry(repo), folder, rebuild=rebuild, history=history, as_json=as_json)
    else:
        _refuse_options_before(context, context.invoked_subcommand)


def _bring_up(
    registry: Registry, folder: Path | None, *, rebuild: bool, history: History | None, as_json: bool
) -> None:
    opened = Index.emptied(registry, folder, history=history) if rebuild else Index.having(registry, folder, history)
    with closing(opened) as made:
        with progress("indexing", total=made.pending(), silent=as_json) as step:
            report = made.catch_up(progress=step)
        fill_vectors(made, quiet=as_json)
        bad = made.reader().quarantine()
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


def _refuse_options_before(context: Any, word: str) -> None:
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name)
        if source is not None and source.name == "COMMANDLINE":
            option = parameter.opts[0]
            raise UsageError(
                f"{option} stands before {word!r}, where it would be lost",
                mend=f"write it behind: `gitreg index {word} {option} ...`",
            )
