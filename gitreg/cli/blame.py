"""`gitreg blame`: which commit gave a field its value."""

from __future__ import annotations

from typing import Annotated

import typer

from gitreg.cli.options import JsonOption, RefArgument, RepoOption, open_registry, print_json, print_line


def blame(
    ref: RefArgument,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A field, like spec.lifecycle.status.")],
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which commit gave a field of a record its present value.

    \b
    Example:
      gitreg blame acme/summarizer@1.0.0 spec.lifecycle.status
    """
    entry = open_registry(repo).blame(ref, path)
    data = entry.as_data()
    if as_json:
        print_json(data)
        return
    subject = entry.commit.message.split("\n")[0]
    print_line(f"{data['commit']} (seq {data['seq']}) {data['time']} {data['author']}")
    print_line(f"    {subject}")
