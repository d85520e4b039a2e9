"""Options that the reading commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
RefArgument = Annotated[
    str,
    typer.Argument(metavar="REF", help="[kind:]namespace/name[@version|range|alias]; a model where no kind is named."),
]
