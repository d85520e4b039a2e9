"""What tests on PostgreSQL share: a place in a database for each folder, and the tests of the catalog run there too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from postgres_server import ADDRESS

from gitreg.registry import Registry
from gitreg_indexer import Index, default_folder

_MOST_OPEN: Final = 12
"""Indexes that stay connected; those before them connect again when they are asked."""
_opened: list[Index] = []
_used: set[str] = set()


def server_address() -> str:
    """Give the address of the database that tests may write to; without one, the test is skipped."""
    address = os.environ.get(ADDRESS)
    if not address:
        pytest.skip("no PostgreSQL to test with: run `make test-postgres`")
    return address


def place_for(folder: Path) -> str:
    """Give the address of the catalogs that belong to a folder: each folder has its own."""
    schema = f"t{blake2b(str(folder).encode(), digest_size=6).hexdigest()}"
    _used.add(schema)
    return f"{server_address()}?schema={schema}"


def kept(index: Index) -> Index:
    """Note an index, to be closed after the test."""
    _opened.append(index)
    for earlier in _opened[-2 * _MOST_OPEN : -_MOST_OPEN]:
        earlier.close()
    return index


def close_all() -> None:
    """Close the indexes that a test has opened."""
    while _opened:
        _opened.pop().close()


def drop_all() -> None:
    """Drop what the tests have made in the database."""
    if not _used:
        return
    engine = sa.create_engine(server_address().replace("postgresql:", "postgresql+pg8000:"), poolclass=sa.NullPool)
    for used in sorted(_used):
        with engine.begin() as db:
            names = db.execute(sa.text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :s)"), {"s": used})
            for (name,) in names.all():
                db.execute(sa.schema.DropSchema(name, cascade=True))
    _used.clear()


@contextmanager
def on_postgres(one_place: str | None = None) -> Iterator[None]:
    """Have every index that is opened keep its catalog in PostgreSQL: each folder's apart, or all at one place."""
    make = {"open": Index.open.__func__, "emptied": Index.emptied.__func__}  # type: ignore[attr-defined]  # of methods

    def made(name: str) -> Any:
        def opened(cls: type[Index], /, registry: Registry, folder: Path | None = None, **more: Any) -> Index:
            place = more.pop("catalog", None) or one_place or place_for(folder or default_folder(registry))
            index: Index = make[name](cls, registry, folder, catalog=place, **more)
            return kept(index)

        return classmethod(opened)

    with patch.object(Index, "open", made("open")), patch.object(Index, "emptied", made("emptied")):
        try:
            yield
        finally:
            close_all()
            if one_place is None:
                drop_all()
