"""What commands share: their options, the registry that they work on, and what they read and print.

- `--repo` is a folder in or of a registry repo; without it `$GITREG_REPO`, else the current folder.
- Who opens no registry does not pay for Git: `open_registry` and `author_of` import it when they are called.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gitreg.cli.output import print_json, print_line, print_table, print_text, progress, remark
from gitreg.errors import UsageError

if TYPE_CHECKING:
    from gitreg.registry import Registry
    from gitreg.repository.git import Signature

__all__ = [
    "ApproveOption",
    "ApproverOption",
    "AuthorOption",
    "JsonOption",
    "MessageOption",
    "QuietOption",
    "RefArgument",
    "RepoOption",
    "author_of",
    "open_registry",
    "print_json",
    "print_line",
    "print_table",
    "print_text",
    "progress",
    "read_input",
    "read_stdin",
    "remark",
]

MAX_INPUT: Final = 256 * 1024 * 1024

RepoOption = Annotated[
    Path | None,
    typer.Option(
        "--repo",
        metavar="DIR",
        envvar="GITREG_REPO",
        show_default="the current folder",
        help="The registry repo, or a folder inside its work tree.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, errors included.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AuthorOption = Annotated[
    str | None,
    typer.Option("--author", metavar='"NAME <EMAIL>"', help="The commit's author; without it Git's user."),
]
MessageOption = Annotated[
    str | None,
    typer.Option("--message", "-m", metavar="TEXT", help="The commit's message; without it one is made."),
]
ApproveOption = Annotated[
    list[str] | None,
    typer.Option("--approve", metavar="RULE", help="A rule whose human decision was taken; may be repeated."),
]
ApproverOption = Annotated[
    list[str] | None,
    typer.Option(
        "--approver",
        metavar="WHO",
        help="Who agreed beside the author: name@example.com, @team or svc:name; may be repeated.",
    ),
]
RefArgument = Annotated[str, typer.Argument(metavar="REF", help="[kind:]namespace/name[@selector]")]


def open_registry(repo: Path | None = None) -> Registry:
    """Open the registry that `--repo` names, or the one that the current folder lies in."""
    from gitreg.registry import Registry

    return Registry.open((repo or Path()).absolute())


def author_of(text: str | None) -> Signature | None:
    """Read what `--author` says; None where it says nothing."""
    from gitreg.repository.git import Signature

    return None if text is None else Signature.parse(text, when=datetime.now(UTC))


def read_input(name: str, *, limit: int = MAX_INPUT) -> bytes:
    """Read the file that an argument names, or stdin for `-`; `UsageError` where it cannot be read."""
    try:
        if name == "-":
            raw = read_stdin(limit + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(name, error) from error
    except ValueError as error:  # a NUL in the name, a closed stdin
        raise UsageError(str(error), where=repr(name), mend="name a file, or - for stdin") from error
    if len(raw) > limit:
        raise UsageError(
            "the input is too large",
            where=name,
            got=f"more than {limit:,} bytes",
            mend="check that this is the file you meant",
        )
    return raw


def read_stdin(limit: int) -> bytes:
    """Read stdin up to a limit; ValueError where the process was started without one."""
    if sys.stdin is None:
        raise ValueError("stdin is closed")
    return sys.stdin.buffer.read(limit)


def _unreadable(name: str, error: OSError) -> UsageError:
    mends: dict[type[OSError], str] = {
        FileNotFoundError: "check the path; paths are relative to the current folder",
        IsADirectoryError: "name a file in it",
        PermissionError: "give the user that runs gitreg the right to read it",
    }
    return UsageError(
        "the file cannot be read",
        where=name,
        got=error.strerror or str(error),
        mend=mends.get(type(error), "check the file and its disk"),
    )
