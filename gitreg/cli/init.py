"""`gitreg init`: make a registry."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from gitreg.cli.options import AuthorOption, JsonOption, author_of, print_json, print_text
from gitreg.registry import Registry


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The registry's name; without it the folder's.")
    ] = None,
    author: AuthorOption = None,
    bare: Annotated[bool, typer.Option("--bare", help="Make a bare repository, for a server.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a registry in a new or empty folder: a Git repository with one commit.

    \b
    Example:
      gitreg init acme-registry --name acme
    """
    registry = Registry.init(folder.absolute(), name=name, author=author_of(author), bare=bare)
    made = {
        "path": str(registry.repo.workdir or registry.repo.git_dir),
        "name": registry.settings.metadata.name,
        "uid": registry.uid,
        "commit": registry.repo.tip(),
        "branch": registry.repo.branch.removeprefix("refs/heads/"),
    }
    if as_json:
        print_json(made)
        return
    print_text(f"made the registry {made['name']} in {made['path']}\n\n{_next_steps(folder, bare=bare)}")


def _next_steps(folder: Path, *, bare: bool) -> str:
    where = shlex.quote(str(folder))
    elsewhere = os.environ.get("GITREG_REPO")
    is_elsewhere = elsewhere and os.path.realpath(elsewhere) != os.path.realpath(folder) and not bare
    return "\n".join(
        [
            "next:",
            *([] if bare else [f"  cd {where}"]),
            *([f"  unset GITREG_REPO    # it names another registry: {elsewhere}"] if is_elsewhere else []),
            "  gitreg schema model --minimal > summarizer.yaml    # what must be said; --example shows what can be",
            f"  gitreg register summarizer.yaml{f' --repo {where}' if bare else ''}",
        ]
    )
