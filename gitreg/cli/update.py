"""`gitreg update`: change fields of a landed record."""

from __future__ import annotations

from typing import Annotated

import typer

from gitreg.cli.options import (
    ApproveOption,
    ApproverOption,
    AuthorOption,
    JsonOption,
    MessageOption,
    QuietOption,
    RefArgument,
    RepoOption,
    author_of,
    open_registry,
)
from gitreg.cli.receipts import checked_approvers, known_rules, print_receipt
from gitreg.cli.settings import settings_of
from gitreg.errors import UsageError


def update(
    ref: RefArgument,
    put: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set a field, like spec.lifecycle.status=deprecated."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--unset", metavar="PATH", help="Remove a field, like metadata.docs[0].")
    ] = None,
    repo: RepoOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change fields of a record in place, keeping its comments.

    VALUE is read as in a manifest: a number, true, false, null, a flow list [a, b] or mapping {k: v}, JSON, or
    else text as it stands. To give text that looks like one of these, quote it within: --set 'metadata.labels.v="1.0"'.
    Fields that are frozen in a landed version are refused; register a new version instead.

    \b
    Examples:
      gitreg update acme/summarizer@1.0.0 --set spec.lifecycle.status=deprecated
      gitreg update acme/summarizer --set 'metadata.tags=[nlp, english]' --unset metadata.docs
    """
    if not put and not remove:
        raise UsageError("there is nothing to change", mend="give --set PATH=VALUE or --unset PATH")
    receipt = open_registry(repo).update(
        ref,
        put=settings_of(put or ()),
        remove=remove or (),
        author=author_of(author),
        message=message,
        approve=known_rules(approve),
        approvers=checked_approvers(approver),
    )
    print_receipt(receipt, as_json=as_json, quiet=quiet)
