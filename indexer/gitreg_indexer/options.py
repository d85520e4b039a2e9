"""Options that the reading commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

IndexOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="The index's folder; inside the Git folder unless named."),
]
RefArgument = Annotated[
    str,
    typer.Argument(metavar="REF", help="[kind:]namespace/name[@version|range|alias]; a model where no kind is named."),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="URL", help="Read what `gitreg publish` wrote: a URL, or a folder. Needs no Git."),
]
