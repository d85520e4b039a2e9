"""`gitreg propose`: put manifests forward as a proposal, for others to decide on.

- What is wrong is told before anything is made; what a human must decide does not stand in the way.
- Main and the work tree stay as they are.
"""

from __future__ import annotations

from typing import Annotated

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
)
from gitreg.cli.proposals import ForgeOption, print_findings
from gitreg.cli.register import read_drafts
from gitreg.forges import Proposed, open_forge
from gitreg.forges import propose as open_proposal


def propose(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Manifests; a folder for all below it; - for stdin.", show_default=False),
    ],
    title: Annotated[
        str, typer.Option("--title", "-t", metavar="TEXT", help="What it does, in a line.", show_default=False)
    ],
    repo: RepoOption = None,
    body: Annotated[str, typer.Option("--body", metavar="TEXT", help="Why, for whoever decides.")] = "",
    branch: Annotated[
        str | None, typer.Option("--branch", metavar="NAME", help="The branch's name; without it one is made.")
    ] = None,
    author: AuthorOption = None,
    forge: ForgeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put manifests forward as a proposal: checked, committed on a branch, open for others to decide.

    On GitHub that is a pull request; elsewhere a branch and a note in the Git repository. Content that stands on main
    already, or is proposed already, is `unchanged`. Exits 1 where a manifest is refused, and nothing is made.

    \b
    Examples:
      gitreg propose model.yaml --title "Add acme/chat 1.0.0"
      gitreg propose drafts -t "Add the chat models" --forge local
    """
    registry = open_registry(repo)
    drafts = read_drafts(files, registry.repo.workdir)
    proposed = open_proposal(
        registry,
        open_forge(registry, forge),
        drafts,
        title=title,
        body=body,
        branch=branch,
        author=author_of(author),
    )
    print_proposed(proposed, as_json=as_json, quiet=quiet)


def print_proposed(proposed: Proposed, *, as_json: bool, quiet: bool) -> None:
    """Tell what became of a proposal: as JSON, or as lines with the findings before them."""
    proposal, checked = proposed.proposal, proposed.checked
    status = "proposed" if proposed.is_new else "unchanged"
    waits = [*checked.waits] if checked else []
    if as_json:
        print_json(
            {
                "status": status,
                "proposal": proposal.as_data() if proposal else None,
                "records": [record.as_data() for record in proposed.records],
                "waits": waits,
                "findings": [finding.as_data() for finding in proposed.findings],
            }
        )
        return
    print_findings(proposed.findings)
    if quiet:
        return
    if proposal is None:
        print_line("unchanged: all of it stands on main")
    elif not proposed.is_new:
        print_line(f"unchanged: proposal {proposal.number} has just this, on {proposal.branch}")
    else:
        print_line(f"proposal {proposal.number}: {proposal.title}")
        print_line(proposal.url or f"branch {proposal.branch} at {proposal.head}")
        if waits:
            print_line(f"waits for a human: {', '.join(waits)}")
