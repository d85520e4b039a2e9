"""Which catalog each generation of an index is of: a file in its own folder, or one that several hosts share.

- A generation's folder always holds the search engine; here is said where the catalog is that it is filled from.
- A shared catalog that was made anew somewhere else is another catalog: a host goes over to it with a generation of its
  own, once that is filled.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from gitreg_indexer.layout import CATALOG_FILE
from gitreg_indexer.store import Store


class Catalogs(Protocol):
    """The catalogs of one registry.

    `may_be_ahead`: a catalog may know commits that the repository here does not. `where` names the database that hosts
    share.
    """

    may_be_ahead: bool
    where: str | None

    def place(self, folder: Path) -> Path | Store:
        """Give the place of the catalog that a generation is of."""
        raise NotImplementedError

    def standing(self, folder: Path) -> Path | Store | None:
        """Give the place of the catalog that is answered from, making nothing; `folder` is the generation served."""
        raise NotImplementedError

    def before(self, folder: Path, current: Path | None) -> Path | Store | None:
        """Give the place of the catalog that stands while a generation is made; `current` is the generation served."""
        raise NotImplementedError

    def is_current(self, folder: Path) -> bool:
        """Tell whether a generation is of the catalog that is answered from."""
        raise NotImplementedError

    def is_building(self, folder: Path) -> bool:
        """Tell whether a generation is of the catalog that is being made."""
        raise NotImplementedError

    def making(self) -> AbstractContextManager[object]:
        """Be the only one who makes a catalog anew; `ConflictError` says who does already."""
        raise NotImplementedError

    def begin(self, folder: Path) -> None:
        """Begin another catalog, which a generation in the making is of."""

    def put_in_place(self, folder: Path) -> None:
        """Have the catalog of a generation answered from."""

    def sweep(self) -> None:
        """Remove the catalogs that are neither answered from nor in the making, unless somebody reads them."""

    def close(self) -> None:
        """Let go of connections."""


class OwnCatalogs:
    """Catalogs in the folders of their generations: what is said of a folder is said of its catalog."""

    may_be_ahead = False
    where: str | None = None

    def place(self, folder: Path) -> Path:
        """Give the file in the folder."""
        return folder / CATALOG_FILE

    standing = place

    def before(self, folder: Path, current: Path | None) -> Path | None:
        """Give the file in the folder that is served."""
        return current / CATALOG_FILE if current is not None and current != folder else None

    def is_current(self, folder: Path) -> bool:  # noqa: ARG002
        """Say yes: each folder has a catalog of its own."""
        return True

    is_building = is_current

    def making(self) -> AbstractContextManager[object]:
        """Leave it to the lock on the folder."""
        return nullcontext()

    def begin(self, folder: Path) -> None:
        """Leave it to the folder."""

    put_in_place = begin

    def sweep(self) -> None:
        """Leave it to the folder."""

    close = sweep


def catalogs_of(uid: str, address: str | None) -> Catalogs:
    """Give the catalogs of a registry: in the database at an address, or in the index's folder."""
    if address is None:
        return OwnCatalogs()
    from gitreg_indexer.postgres_address import Address, driver_is_missing

    database = Address.parse(address)
    try:
        from gitreg_indexer.catalogs_postgres import SharedCatalogs
    except ModuleNotFoundError as error:
        raise driver_is_missing(error) from error
    return SharedCatalogs(database, uid)
