"""Options that the reading commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

IndexOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="The index's folder; inside the Git folder unless named."),
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
