"""These tests need a PostgreSQL; `make test-postgres` starts one. Some start one of their own, to stop it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import Server, programs, running
from postgres_support import close_all, drop_all, on_postgres, place_for, server_address


@pytest.fixture(autouse=True, scope="session")
def _address() -> str:
    return server_address()


@pytest.fixture(scope="session")
def server(_address: str) -> Iterator[Server]:
    """A server that tests may stop, change and start."""
    found = programs()
    if found is None:
        pytest.skip("the programs of PostgreSQL are not installed here")
    with running(found) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def _swept(_address: str) -> Iterator[None]:
    yield
    drop_all()


@pytest.fixture
def place(tmp_path: Path) -> str:
    """The address of catalogs that are the test's own."""
    return place_for(tmp_path)


@pytest.fixture
def shared(place: str) -> Iterator[str]:
    """The same, and every index that the test opens has its catalog there."""
    with on_postgres(place):
        yield place
        close_all()
