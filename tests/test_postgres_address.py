"""The address of a catalog is read as PostgreSQL's own programs read it, and no message shows its password."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from cli_support import process, run
from hypothesis import given
from hypothesis import strategies as st
from index_support import found

from gitreg.errors import GitregError, UsageError
from gitreg_indexer import Index
from gitreg_indexer.postgres_address import Address

SECRET: Final = "geheim-7f3a"  # noqa: S105 - a password that must not be shown


GOOD: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "plain",
        "postgresql://ann@db.example/reg",
        {"user": "ann", "host": "db.example", "port": 5432, "database": "reg"},
    ),
    ("short scheme", "postgres://ann@db/reg", {"host": "db", "database": "reg"}),
    ("port and password", "postgresql://ann:a%40b@db:6543/reg", {"port": 6543, "password": "a@b"}),
    ("a password as it is", "postgresql://ann:a/b?c=d@db/reg", {"host": "db", "password": "a/b?c=d"}),
    ("IPv6", "postgresql://ann@[::1]/reg", {"host": "::1"}),
    ("Unix socket", "postgresql://ann@/reg?host=/run/postgresql", {"host": "/run/postgresql"}),
    ("no host", "postgresql://ann@/reg", {"host": "localhost"}),
    ("TLS", "postgresql://ann@db/reg?sslmode=require", {"ssl_mode": "require"}),
    ("a schema", "postgresql://ann@db/reg?schema=staging", {"schema": "staging"}),
)
BAD: Final = (
    ("no address", "registry", "cannot be read"),
    ("another database", f"mysql://ann:{SECRET}@db/reg", "cannot be read"),
    ("no database", f"postgresql://ann:{SECRET}@db", "names no database"),
    ("a port that is none", f"postgresql://ann:{SECRET}@db:http/reg", "cannot be read"),
    ("an @ in the password", f"postgresql://ann:{SECRET}@{SECRET}@db/reg", "cannot be read"),
    ("a password as an option", f"postgresql://ann@db/reg?password={SECRET}", "the option 'password'"),
    ("an option twice", "postgresql://ann@db/reg?schema=a&schema=b", "the option 'schema'"),
    ("an unknown sslmode", "postgresql://ann@db/reg?sslmode=always", "no sslmode 'always'"),
    ("a schema that is none", "postgresql://ann@db/reg?schema=A%22;", "cannot be called"),
)


@pytest.mark.parametrize(("text", "parts"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_an_address_is_read(text: str, parts: dict[str, Any]) -> None:
    address = Address.parse(text)
    assert {name: getattr(address, name) for name in parts} == parts


@pytest.mark.parametrize(("text", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_address_is_told_without_repeating_it(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert says in caught.value.says
    assert SECRET not in caught.value.explain()


def test_what_is_left_out_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "ben")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    address = Address.parse("postgresql://db/reg")
    assert (address.user, address.password) == ("ben", SECRET)
    stated = Address.parse("postgresql://ann:other@db/reg")
    assert (stated.user, stated.password) == ("ann", "other")


@given(st.text(min_size=6, alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_password_is_in_nothing_that_is_shown(password: str) -> None:
    secret = f"<{password}>"
    address = Address.parse(f"postgresql://ann:{quote(secret, safe='')}@db/reg")
    assert address.how()["password"] == secret
    assert secret not in repr(address)
    assert address.shown() == "postgresql://ann@db/reg"


@pytest.mark.parametrize(
    ("mode", "context"),
    [("disable", False), ("prefer", None), ("require", True)],
)
def test_tls_without_certificates_is_left_to_the_driver(mode: str, context: object) -> None:
    assert Address.parse(f"postgresql://ann@db/reg?sslmode={mode}").how()["ssl_context"] is context


@pytest.mark.parametrize(("mode", "names"), [("verify-ca", False), ("verify-full", True)])
def test_tls_with_certificates_is_checked(mode: str, names: bool) -> None:
    context = Address.parse(f"postgresql://ann@db/reg?sslmode={mode}").how()["ssl_context"]
    assert context.check_hostname is names
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    address = Address.parse(f"postgresql://ann:{SECRET}@db/reg?sslmode=verify-full&sslrootcert={tmp_path}/none.pem")
    with pytest.raises(UsageError, match="cannot be read") as caught:
        address.how()
    assert SECRET not in caught.value.explain()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@pytest.mark.parametrize(
    "words",
    [
        ("index",),
        ("index", "--rebuild"),
        ("search", "x"),
        ("list",),
        ("get", "acme/a"),
        ("resolve", "acme/a"),
        ("history", "acme/a"),
        ("serve", "--port", "0"),
    ],
    ids=" ".join,
)
def test_a_server_that_does_not_answer_is_told_by_each_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    found(tmp_path / "r")
    address = f"postgresql://ann:{SECRET}@127.0.0.1:{closed_port()}/reg"
    done = run(*words, "--repo", tmp_path / "r", "--catalog", address)
    assert done.code == 2
    assert "the server of the catalog cannot be reached" in done.err
    assert "Connection refused" in done.err
    assert SECRET not in done.out + done.err


def test_the_address_may_stand_in_the_environment(tmp_path: Path) -> None:
    found(tmp_path / "r")
    address = f"postgresql://ann:{SECRET}@127.0.0.1:{closed_port()}/reg"
    done = process("search", "x", "--repo", tmp_path / "r", "--json", GITREG_CATALOG=address)
    assert done.returncode == 2
    assert b"cannot be reached" in done.stdout
    helped = process("search", "--help", GITREG_CATALOG=address)
    assert b"GITREG_CATALOG" in helped.stdout
    assert SECRET.encode() not in done.stdout + done.stderr + helped.stdout


def test_without_the_driver_it_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = found(tmp_path / "r")
    for name in [name for name in sys.modules if name.startswith(("pg8000", "gitreg_indexer.catalog"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(GitregError, match="needs 'pg8000'") as caught:
        Index.open(registry, catalog="postgresql://ann@db/reg")
    assert "pip install 'llm-gitreg[postgres]'" in caught.value.mend
