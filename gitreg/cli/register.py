"""`gitreg register`: put manifests into the registry.

- All files land as one commit, or none does; every fault of every file is told.
- A file that stands below one of the registry's record folders must stand in its own place; any other is a draft,
  also where it lies in the work tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gitreg.cli.files import find_manifests, read_files, record_place_in, refuse_unread
from gitreg.cli.options import (
    ApproveOption,
    ApproverOption,
    AuthorOption,
    JsonOption,
    MessageOption,
    QuietOption,
    RepoOption,
    author_of,
    open_registry,
)
from gitreg.cli.receipts import checked_approvers, known_rules, print_receipt
from gitreg.registry import Draft


def register(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Manifests; a folder for all below it; - for stdin.", show_default=False),
    ],
    repo: RepoOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put manifests into the registry: one commit, or nothing.

    A manifest is read strictly and checked against the registry as it stands. Content that is there already is
    `unchanged`. Exits 1 where a manifest is refused, 42 where only a human's decision is missing: see --approve.

    \b
    Examples:
      gitreg register model.yaml --repo acme-registry
      gitreg register namespaces models -m "Register the chat models"
      gitreg register - --json < model.yaml
    """
    registry = open_registry(repo)
    receipt = registry.register(
        read_drafts(files, registry.repo.workdir),
        author=author_of(author),
        message=message,
        approve=known_rules(approve),
        approvers=checked_approvers(approver),
    )
    print_receipt(receipt, as_json=as_json, quiet=quiet)


def read_drafts(names: Sequence[str], top: Path | None) -> list[Draft]:
    """Read the named files as drafts; `top` is the registry's work tree, if it has one."""
    contents = read_files(find_manifests(names))
    refuse_unread(contents, "nothing was registered")
    return [
        Draft(raw, one.origin, record_place_in(top, one.path) if top and one.path else None)
        for one, raw in contents.files
    ]
