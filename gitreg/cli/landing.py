"""Where a manifest goes that a command has made: onto main, into a proposal, or only into a file.

- What is made is made of the state that it lands on: where somebody else lands first, it is made anew.
- What is there already is `unchanged`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from gitreg.cli.files import write_output
from gitreg.cli.options import author_of, print_json, print_line
from gitreg.cli.propose import print_proposed
from gitreg.cli.receipts import checked_approvers, known_rules, print_receipt
from gitreg.errors import ConflictError, UsageError
from gitreg.forges import ForgeName, open_forge, propose
from gitreg.forges.forge import LONGEST_TITLE
from gitreg.manifests import read_manifest, to_data
from gitreg.registry import ATTEMPTS, Draft, Receipt, Registry
from gitreg.repository.snapshot import Snapshot
from gitreg.repository.writing import RefMoved

Make = Callable[[Snapshot], bytes]
"""Makes the text of a manifest of what stands at a commit."""


ProposeOption = Annotated[
    bool, typer.Option("--propose", help="Put it forward as a proposal, titled with the message, and land nothing.")
]
OutputOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Only write the manifest to a file; - for stdout."),
]


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a manifest goes and who answers for it, as the options say."""

    propose: bool
    output: str | None
    forge: ForgeName | None
    message: str | None
    author: str | None
    approve: list[str] | None
    approver: list[str] | None
    quiet: bool
    as_json: bool


def land(registry: Registry, make: Make, what: str, landing: Landing) -> None:
    """Write, propose or register what is made; `what` says in a line what that does."""
    _refuse_together(landing)
    message = what if landing.message is None else landing.message
    if landing.output is not None:
        _write(make(registry.snapshot()), landing.output, landing)
    elif landing.propose:
        _propose(registry, make, message, landing)
    else:
        receipt = _register(registry, make, message, landing)
        print_receipt(receipt, as_json=landing.as_json, quiet=landing.quiet)


def _refuse_together(landing: Landing) -> None:
    if landing.output is not None and landing.propose:
        raise UsageError("--output and --propose exclude each other", mend="leave one of them out")
    decided = "--approve" if landing.approve else "--approver" if landing.approver else None
    if decided and (landing.output is not None or landing.propose):
        raise UsageError(f"{decided} is for what lands, and this does not", mend="leave it out, or let it land")
    signed = "--message" if landing.message is not None else "--author" if landing.author is not None else None
    if signed and landing.output is not None:
        raise UsageError(
            f"--output and {signed} exclude each other: a file has no commit", mend="leave one of them out"
        )
    if landing.forge is not None and not landing.propose:
        raise UsageError("--forge is for --propose, and this proposes nothing", mend="leave it out, or add --propose")


def _write(raw: bytes, output: str, landing: Landing) -> None:
    if output == "-" and landing.as_json:
        print_json(to_data(read_manifest(raw).manifest))
        return
    write_output(output, raw)
    if output == "-":
        return
    if landing.as_json:
        print_json({"status": "written", "file": output})
    elif not landing.quiet:
        print_line(f"written to {output}")


def _propose(registry: Registry, make: Make, message: str, landing: Landing) -> None:
    title, body = _title_and_body(message)
    forge = open_forge(registry, landing.forge)
    drafts = [_draft(make(registry.snapshot(forge.tip())))]
    proposed = propose(registry, forge, drafts, title=title, body=body, author=author_of(landing.author))
    print_proposed(proposed, as_json=landing.as_json, quiet=landing.quiet)


def _title_and_body(message: str) -> tuple[str, str]:
    """Take a message apart; `UsageError` where its first line is no title of a proposal."""
    first, _, body = message.strip().partition("\n")
    title = first.strip()
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        raise UsageError(
            "the first line of --message is the title of the proposal, and this is none",
            got=repr(title[: LONGEST_TITLE + 20]),
            expected=f"1 to {LONGEST_TITLE} printable characters",
            mend="say with --message, in one line, what this does",
        )
    return title, body


def _register(registry: Registry, make: Make, message: str, landing: Landing) -> Receipt:
    """Land what is made on main's tip; made anew where somebody else lands first."""
    author, approve = author_of(landing.author), known_rules(landing.approve)
    approvers = checked_approvers(landing.approver)
    for _ in range(ATTEMPTS):
        base = registry.snapshot()
        try:
            return registry.register(
                [_draft(make(base))],
                author=author,
                message=message,
                approve=approve,
                approvers=approvers,
                onto=base.commit,
            )
        except RefMoved:
            continue
    raise ConflictError(
        f"the branch moved {ATTEMPTS} times while this was being landed", mend="try again in a quieter moment"
    )


def _draft(raw: bytes) -> Draft:
    return Draft(raw, "the new manifest")
