"""Options that the reading commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from gitreg.errors import UsageError

MIN_EVERY: Final = 0.1

IndexOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="The index's folder; inside the Git folder unless named."),
]
CatalogOption = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        metavar="URL",
        envvar="GITREG_CATALOG",
        help="A PostgreSQL database that holds the catalog, for hosts that share it: postgresql://USER@HOST/DATABASE.",
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="WHEN",
        help="As of a seq, commit, tag, day (2026-06-30, at its end) or time; the present without it.",
    ),
]
RefArgument = Annotated[
    str,
    typer.Argument(metavar="REF", help="[kind:]namespace/name[@version|range|alias]; a model where no kind is named."),
]
RemoteOption = Annotated[
    str | None,
    typer.Option("--remote", metavar="NAME", help="Fetch main from this remote, such as origin, and follow it."),
]
EveryOption = Annotated[
    float | None,
    typer.Option(
        "--every",
        metavar="SECONDS",
        min=MIN_EVERY,
        max=86_400,
        show_default="60",
        help="How long to wait between two fetches, give or take a quarter.",
    ),
]
SecretOption = Annotated[
    Path | None,
    typer.Option(
        "--webhook-secret-file", metavar="FILE", help="The file with the secret that the forge's webhook was given."
    ),
]

FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="URL", help="Read what `gitreg publish` wrote: a URL, or a folder. Needs no Git."),
]


def words_of(given: Sequence[str] | None) -> tuple[str, ...]:
    """Read words that are separated by commas, repeated, or both."""
    return tuple(word.strip() for each in given or () for word in each.split(",") if word.strip())


def check_remote_options(remote: str | None, every: float | None) -> None:
    """Refuse a pace without a remote that it could be for."""
    if every is not None and remote is None:
        raise UsageError(
            "--every is how often a remote is fetched from, and there is no --remote",
            got=f"--every {every:g}",
            mend="add `--remote origin`, or leave --every out: local commits are seen at once",
        )
