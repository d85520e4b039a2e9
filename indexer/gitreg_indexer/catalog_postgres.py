"""The catalog in a schema of PostgreSQL, which processes of several machines share.

- Who writes holds an advisory lock, on the very connection that it writes through: when the connection ends, so do the
  lock and the transaction, and another process can go on.
- Readers see one state per transaction (REPEATABLE READ, READ ONLY). Each connection of theirs says, by a shared
  advisory lock, that the schema is in use; a schema that nobody uses can be dropped.
- No message holds a password.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import Any, Final

import sqlalchemy as sa
from pg8000.exceptions import DatabaseError, InterfaceError
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gitreg.errors import ConflictError, GitregError
from gitreg_indexer.postgres_address import Address
from gitreg_indexer.postgres_connection import Connection
from gitreg_indexer.store import ANEW, BrokenIndexError

_SETTINGS: Final = {
    "client_encoding": "UTF8",
    "lock_timeout": "30s",
    "tcp_keepalives_idle": "30",  # a machine that vanished must not keep its locks for hours
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_READING: Final = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "statement_timeout": "60s",
}
_WRITING: Final = {"default_transaction_isolation": "read committed", "statement_timeout": "0"}
_NAME_LENGTH: Final = 63
_WITHOUT_STATE: Final = "-"

_HOLDER: Final = sa.text(
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid = CAST(:high AS bigint) AND l.objid = CAST(:low AS bigint)"
)


class PostgresStore:
    """A schema of a PostgreSQL database."""

    def __init__(self, address: Address, schema: str) -> None:
        self.where = f"{address.shown()}, schema {schema}"
        self.schema = schema
        self._address = address
        self.engine = connecting(address, schema=schema, only_reads=True)
        self._writes = connecting(address, schema=schema, only_reads=False)
        self._turn = threading.RLock()
        self._held: sa.Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Begin a transaction that writes, as the only one who does."""
        with self.holding():
            db = self._held
            if db is None or db.invalidated:  # it would connect again, without the lock
                raise self.explain(InterfaceError("the connection was lost"))
            with db.begin():
                yield db

    @contextmanager
    def laying_out(self) -> Iterator[sa.Connection]:
        """Begin the transaction in which tables are made; others wait."""
        with self._writes.begin() as db:
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(key_of("lay out", self.schema))))
            yield db

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Be the only one who writes; `ConflictError` says who does already."""
        with self._turn:
            if self._held is not None:
                yield
                return
            with locked(self._writes, key_of("write", self.schema), "is writing this catalog", self.where) as db:
                self._held = db
                try:
                    yield
                finally:
                    self._held = None

    def explain(self, error: Exception) -> GitregError:
        """Say what an error of PostgreSQL or of the connection means, and the mend."""
        return explained(error, self._address, self.where)

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()
        self._writes.dispose()


def connecting(address: Address, *, schema: str, only_reads: bool) -> sa.Engine:
    """Make what gives connections; those that read tell that the schema is in use."""
    settings = {**_SETTINGS, **(_READING if only_reads else _WRITING), "search_path": schema}
    in_use = f"SELECT pg_advisory_lock_shared({key_of('use', schema)})"

    def connect() -> Connection:
        how = address.how()
        try:
            made = Connection(only_reads=only_reads, application_name=_own_name(), startup_params=settings, **how)
        except OSError as error:  # TLS, which pg8000 leaves as it is
            raise InterfaceError(f"communication error: {error.strerror or error}") from error
        try:
            _refuse_other_encoding(made, address)
            if only_reads:
                made.execute_simple(in_use)
        except BaseException:
            made.close()
            raise
        return made

    engine = sa.create_engine("postgresql+pg8000://", creator=connect, pool_use_lifo=True)
    event.listen(engine, "checkin", _mark)
    event.listen(engine, "checkout", _refuse_closed)
    event.listen(engine, "close", _release)
    return engine


def _mark(_connection: Any, record: Any) -> None:
    record.info["used"] = True


def _refuse_closed(connection: Connection, record: Any, _proxy: Any) -> None:
    """Have the pool connect again where the server was restarted."""
    if record.info.pop("used", False) and not connection.is_open():
        raise sa.exc.InvalidatePoolError


def _release(connection: Connection, _record: Any) -> None:
    """Let go of locks now: the server finds out later that a connection was closed."""
    with suppress(DatabaseError, InterfaceError, OSError):
        connection.execute_simple("SELECT pg_advisory_unlock_all()")


def _refuse_other_encoding(connection: Connection, address: Address) -> None:
    encoding = connection.parameter_statuses.get("server_encoding")
    if encoding != "UTF8":
        raise BrokenIndexError(
            "the database cannot hold all texts of a registry",
            where=address.shown(),
            got=f"encoding {encoding}",
            expected="encoding UTF8",
            mend=f"make another one: `createdb --encoding UTF8 --template template0 {address.database}`",
        )


@contextmanager
def locked(engine: sa.Engine, key: int, does: str, where: str) -> Iterator[sa.Connection]:
    """Hold an advisory lock as long as the connection that is given lives; `ConflictError` says who holds it."""
    with engine.connect() as db:
        if not db.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar():
            raise ConflictError(
                f"{_holder(db, key)} {does}", where=where, mend="wait for it to end; its work is yours too"
            )
        db.commit()
        try:
            yield db
        finally:
            _unlock(db, key)


def _unlock(db: sa.Connection, key: int) -> None:
    try:
        db.rollback()
        if not db.invalidated:
            db.execute(sa.select(sa.func.pg_advisory_unlock(key)))
            db.commit()
    except DBAPIError:
        db.invalidate()  # what ends the connection lets go of the lock as well


def _holder(db: sa.Connection, key: int) -> str:
    unsigned = key % 2**64
    row = db.execute(_HOLDER, {"high": unsigned >> 32, "low": unsigned % 2**32}).first()
    mark, _, name = (row.application_name or "").partition(" ") if row else ("", "", "")
    pid, at, host = name.partition("@")
    return f"process {pid} on {host}" if mark == "gitreg" and at else "another process"


def _own_name() -> str:
    """Name this process, for whoever finds it holding a lock."""
    host = socket.gethostname().encode("ascii", "replace").decode()
    return f"gitreg {os.getpid()}@{host}"[:_NAME_LENGTH]


def key_of(*words: str) -> int:
    """Give the number of an advisory lock: what is different has different ones, as far as 64 bits go."""
    return int.from_bytes(blake2b("\0".join(("gitreg", *words)).encode(), digest_size=8).digest(), "big", signed=True)


def explained(error: Exception, address: Address, where: str) -> GitregError:
    """Say what an error of PostgreSQL or of the connection means, and the mend."""
    state, text = _state_of(error)
    for states, says, mend in _MEANINGS:
        if state.startswith(states):
            names = {"user": address.user, "database": address.database}
            return BrokenIndexError(says.format(**names), where=where, got=text, mend=mend.format(**names))
    return BrokenIndexError("the index cannot be used", where=where, got=text, mend=ANEW)


def _state_of(error: Exception) -> tuple[str, str]:
    """Give what PostgreSQL says and its five-letter code; a connection that failed has none."""
    if isinstance(error, PoolTimeout):
        return "53300", "all connections of this process are in use"
    cause = getattr(error, "orig", None) or error
    told = cause.args[0] if cause.args else ""
    if isinstance(told, dict):
        return str(told.get("C", _WITHOUT_STATE)), str(told.get("M", ""))
    lower = cause.__cause__
    reason = getattr(lower, "strerror", None) or (str(lower) if lower else "")
    text = str(told).partition(" (timeout is")[0]
    return _WITHOUT_STATE, f"{text}: {reason}" if reason else text


_MEANINGS: Final[tuple[tuple[tuple[str, ...], str, str], ...]] = (
    (
        (_WITHOUT_STATE, "08", "57P01", "57P02", "57P03"),
        "the server of the catalog cannot be reached",
        "see that it runs and that the address is right (host, port, sslmode); then try again",
    ),
    (
        ("28",),
        "the server of the catalog does not let {user} in",
        "see that it exists, may connect from here (pg_hba.conf), and has the password of the address or $PGPASSWORD",
    ),
    (("3D000",), "there is no such database", "make it: `createdb --encoding UTF8 {database}`"),
    (
        ("42501",),
        "the user of the catalog may not do that",
        "let it make schemas: `GRANT CREATE ON DATABASE {database} TO {user}`; or name the user who made the catalog",
    ),
    (("53100", "58030"), "the disk of the catalog's server is full", "free some space there; then run `gitreg index`"),
    (("53300",), "the catalog's server has no connection left", "raise its max_connections, or run fewer processes"),
    (("53", "54"), "the catalog's server has run out of something", "see its log; then try again"),
    (
        ("25006",),
        "the catalog's server takes no changes",
        "name the primary server, not a standby; or serve with --no-follow",
    ),
    (("55P03", "57014"), "the catalog's server took too long", "see what keeps it busy; then try again"),
    (("40",), "another process changed the catalog at the same time", "try again"),
    (
        ("3F000", "42P01"),
        "the catalog was made anew, and this one has been removed",
        "try again: the new one is found by itself",
    ),
)
