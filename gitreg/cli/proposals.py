"""`gitreg proposals`: list, show, check, approve, merge and close what was proposed.

- `check` exits as the gate does: 0 passes, 1 fails, 42 waits for a human. `merge` refuses with the same codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
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
    print_table,
    print_text,
    remark,
)
from gitreg.cli.output import remark_block, shown
from gitreg.cli.receipts import known_rules
from gitreg.errors import Finding
from gitreg.forges import Check, ForgeName, Proposal, Queue, open_forge
from gitreg.validation.report import EXITS

app = typer.Typer(name="proposals", help="List, check, approve and merge what was proposed.", no_args_is_help=True)

ForgeOption = Annotated[
    ForgeName | None,
    typer.Option(
        "--forge",
        show_default="github where origin is on GitHub, else local",
        help="Where proposals are kept: pull requests on GitHub, or branches and notes in Git.",
    ),
]
NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=10**9, show_default=False)]


class Shown(StrEnum):
    """Which proposals a list shows."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    ALL = "all"


@app.command("list")
def list_(
    repo: RepoOption = None,
    state: Annotated[Shown, typer.Option("--state", help="Only those.")] = Shown.OPEN,
    forge: ForgeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the proposals, the newest first."""
    registry = open_registry(repo)
    wanted = {Shown.OPEN: "open", Shown.MERGED: "merged", Shown.CLOSED: "closed"}.get(state)
    found = open_forge(registry, forge).proposals(wanted)  # type: ignore[arg-type] # the words are those of State
    if as_json:
        print_json({"proposals": [proposal.as_row() for proposal in found]})
        return
    rows = [(p.number, p.state, p.title, p.author, p.updated_at) for p in found]
    print_table(("number", "state", "title", "author", "updated"), rows)


@app.command("show")
def show(
    number: NumberArgument, repo: RepoOption = None, forge: ForgeOption = None, as_json: JsonOption = False
) -> None:
    """Show a proposal: who, what, where it stands, who approved it, what the last check said."""
    registry = open_registry(repo)
    proposal = open_forge(registry, forge).get(number)
    if as_json:
        print_json(proposal.as_data())
    else:
        _print_proposal(proposal)


@app.command("check")
def check(
    number: NumberArgument, repo: RepoOption = None, forge: ForgeOption = None, as_json: JsonOption = False
) -> None:
    """Ask the gate about a proposal as it would land on main now.

    Exits 0 where it passes, 1 where it fails, 42 where a human must decide.
    """
    registry = open_registry(repo)
    checked = Queue(registry, open_forge(registry, forge)).check(number)
    if as_json:
        said = checked.as_check().as_data()
        print_json({"number": number, **said, "findings": [finding.as_data() for finding in checked.findings]})
    else:
        print_findings(checked.findings)
        print_line(_sentence(checked.as_check(), number))
    if checked.outcome != "pass":
        raise typer.Exit(EXITS[checked.outcome])


@app.command("approve")
def approve(
    number: NumberArgument,
    repo: RepoOption = None,
    who: Annotated[
        str | None, typer.Option("--as", metavar='"NAME <EMAIL>"', help="Who approves; without it Git's user.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="RULE", help="A rule that is decided; without it all that wait. May be repeated."
        ),
    ] = None,
    forge: ForgeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal as it is now; where its branch moves on, the approval is void."""
    registry = open_registry(repo)
    rules = known_rules(rule) or None
    proposal = Queue(registry, open_forge(registry, forge)).approve(number, author_of(who), rules)
    if as_json:
        print_json(proposal.as_data())
        return
    given = [approval for approval in proposal.approvals if approval.head == proposal.head][-1:]
    decided = ", ".join(given[0].rules or ()) if given else ""
    print_line(f"approved proposal {number} at {proposal.head}" + (f", deciding {decided}" if decided else ""))


@app.command("merge")
def merge(
    number: NumberArgument,
    repo: RepoOption = None,
    author: AuthorOption = None,
    forge: ForgeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Land a proposal on main: checked against exactly what it lands on.

    Exits 1 where the gate refuses it, 42 where an approval is missing; then nothing has changed.
    """
    registry = open_registry(repo)
    by = registry.signature(author_of(author))
    landed = Queue(registry, open_forge(registry, forge)).merge(number, by)
    if as_json:
        print_json(
            {
                "number": number,
                "state": "merged",
                "commit": landed.merged.commit,
                "head": landed.proposal.head,
                "rechecked": not landed.is_fast,
                "left": [*landed.merged.left],
            }
        )
        return
    for path in landed.merged.left:
        remark(f"{path}: left as it is, for it has edits that are not committed")
    if not quiet:
        print_line(f"merged proposal {number} as {landed.merged.commit}")


@app.command("close")
def close(
    number: NumberArgument, repo: RepoOption = None, forge: ForgeOption = None, as_json: JsonOption = False
) -> None:
    """Close a proposal without landing it."""
    registry = open_registry(repo)
    opened = open_forge(registry, forge)
    proposal = opened.close(opened.get(number))
    if as_json:
        print_json(proposal.as_data())
    else:
        print_line(f"closed proposal {number}")


def print_findings(findings: Iterable[Finding]) -> None:
    """Tell findings on stderr."""
    for finding in findings:
        remark_block("\n".join(shown(line) for line in finding.explain().split("\n")))


def _print_proposal(proposal: Proposal) -> None:
    print_line(f"proposal {proposal.number}: {proposal.title}")
    lines = {
        "state": proposal.state if proposal.merge is None else f"{proposal.state} as {proposal.merge}",
        "author": proposal.author,
        "branch": proposal.branch,
        "head": proposal.head,
        "base": proposal.base,
        "opened": proposal.created_at,
        "updated": proposal.updated_at,
        "url": proposal.url,
        "check": _sentence(proposal.check, proposal.number) if proposal.check else "not checked",
    }
    for name, value in lines.items():
        if value is not None:
            print_line(f"  {name}: {value}")
    for approval in proposal.approvals:
        of = ", ".join(approval.rules) if approval.rules else "all" if approval.rules is None else "no rule"
        void = " (void: the branch has moved since)" if approval.head != proposal.head else ""
        print_line(f"  approved: {approval.by}, {approval.at}, {of}{void}")
    if proposal.body.strip():
        print_line()
        print_text(proposal.body.rstrip("\n"))


def _sentence(check: Check, number: int) -> str:
    if check.outcome == "pass":
        return f"proposal {number} passes on {check.base}"
    if check.outcome == "review":
        return f"proposal {number} waits for a human to decide {', '.join(check.waits)}"
    return f"proposal {number} fails on {check.base}: {check.errors} error{'s' * (check.errors != 1)}"
