"""What PostgreSQL refuses is told in gitreg's words, with the mend, and never with the password."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pg8000
import pytest
from index_support import found
from postgres_server import DATABASE, USER, Server

from gitreg.errors import GitregError
from gitreg_indexer import BrokenIndexError, Index
from gitreg_indexer.catalog_postgres import PostgresStore, explained
from gitreg_indexer.postgres_address import Address

pytestmark = pytest.mark.usefixtures("database")
SECRET: Final = "geheim-7f3a"  # noqa: S105 - a password that must not be shown


@pytest.fixture(scope="module")
def prepared(server: Server) -> Server:
    server.tell(DATABASE, f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'")
    server.tell(DATABASE, f"CREATE ROLE crowded LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 0")
    server.create_database("latin", "ENCODING LATIN1 TEMPLATE template0")
    server.create_database("frozen")
    server.tell("frozen", "ALTER DATABASE frozen SET default_transaction_read_only = on")
    return server


def refused(tmp_path: Path, address: str) -> GitregError:
    with pytest.raises(BrokenIndexError) as caught:
        Index.open(found(tmp_path / "r"), catalog=address)
    text = caught.value.explain()
    assert SECRET not in text
    assert "Traceback" not in text
    return caught.value


REFUSED: Final = (
    ("a wrong password", "guarded", f"{SECRET}x", DATABASE, "does not let guarded in", "$PGPASSWORD"),
    ("no such user", "nobody-here", SECRET, DATABASE, "does not let nobody-here in", "the user exists|it exists"),
    ("no such database", USER, None, "elsewhere", "there is no such database", "createdb --encoding UTF8 elsewhere"),
    ("no right to make schemas", "guarded", SECRET, DATABASE, "may not do that", f"ON DATABASE {DATABASE} TO guarded"),
    ("too many connections", "crowded", SECRET, DATABASE, "no connection left", "max_connections"),
    ("another encoding", USER, None, "latin", "cannot hold all texts", "createdb --encoding UTF8"),
    ("a server that only reads", USER, None, "frozen", "takes no changes", "primary"),
)


@pytest.mark.parametrize(
    ("user", "password", "name", "says", "mend"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_the_server_refuses_is_told_with_the_mend(
    tmp_path: Path, prepared: Server, user: str, password: str | None, name: str, says: str, mend: str
) -> None:
    error = refused(tmp_path, prepared.address(name, user=user, password=password))
    assert says in error.says
    assert any(part in error.mend for part in mend.split("|"))
    assert f"postgresql://{user}@127.0.0.1:{prepared.port}/{name}" in (error.where or "")


def test_a_missing_password_is_told(tmp_path: Path, prepared: Server) -> None:
    error = refused(tmp_path, f"postgresql://guarded@127.0.0.1:{prepared.port}/{DATABASE}")
    assert "does not let guarded in" in error.says
    assert "password" in error.mend


def test_tls_that_the_server_does_not_have_is_told(tmp_path: Path, prepared: Server) -> None:
    error = refused(tmp_path, f"{prepared.address()}?sslmode=require")
    assert "cannot be reached" in error.says
    assert "SSL" in str(error.got)


def test_a_host_that_is_none_is_told(tmp_path: Path) -> None:
    error = refused(tmp_path, f"postgresql://ann:{SECRET}@nowhere.invalid/reg")
    assert "cannot be reached" in error.says


@pytest.mark.parametrize(
    ("state", "says", "mend"),
    [
        ("53100", "disk of the catalog's server is full", "free some space"),
        ("53200", "run out of something", "see its log"),
        ("57P01", "cannot be reached", "see that it runs"),
        ("57P03", "cannot be reached", "see that it runs"),
        ("57014", "took too long", "try again"),
        ("55P03", "took too long", "try again"),
        ("40001", "at the same time", "try again"),
        ("42P01", "made anew", "found by itself"),
        ("XX001", "cannot be used", "gitreg index --rebuild"),
    ],
)
def test_what_the_server_says_is_told_with_the_mend(state: str, says: str, mend: str) -> None:
    error = pg8000.DatabaseError({"S": "ERROR", "C": state, "M": "words of the server"})
    told = explained(error, Address.parse(f"postgresql://ann:{SECRET}@db/reg"), "postgresql://ann@db/reg")
    assert says in told.says
    assert mend in told.mend
    assert (told.got, told.where) == ("words of the server", "postgresql://ann@db/reg")


def test_a_statement_that_takes_too_long_is_ended(prepared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"default_transaction_read_only": "on", "statement_timeout": "50ms"}
    monkeypatch.setattr("gitreg_indexer.catalog_postgres._READING", settings)
    store = PostgresStore(Address.parse(prepared.address()), "public")
    try:
        with store.engine.connect() as db, pytest.raises(Exception, match="statement timeout") as caught:
            db.exec_driver_sql("SELECT pg_sleep(20)")
        assert "took too long" in store.explain(caught.value).says
    finally:
        store.close()
