"""Fixtures of the tests that need a PostgreSQL, which `make test-postgres` starts; without one they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import Server, programs, running
from postgres_support import close_all, drop_all, on_postgres, place_for, server_address


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The address of the database that tests may write to."""
    yield server_address()
    drop_all()


@pytest.fixture(scope="session")
def server(database: str) -> Iterator[Server]:
    """A server of their own, which tests may stop, change and start."""
    found = programs()
    if found is None:
        pytest.skip("the programs of PostgreSQL are not installed here")
    with running(found) as made:
        yield made


@pytest.fixture
def shared(database: str, tmp_path: Path) -> Iterator[str]:
    """The address of catalogs that are the test's own; every index that it opens has its catalog there."""
    place = place_for(tmp_path)
    with on_postgres(place):
        yield place
        close_all()
