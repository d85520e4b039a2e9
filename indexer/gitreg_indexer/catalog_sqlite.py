"""The catalog in a file of SQLite, with a write-ahead log: readers go on while one process writes.

- Who may write is settled outside, by the lock on the index's folder.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from gitreg.errors import GitregError
from gitreg_indexer.store import ANEW, BrokenIndexError

_WRITES: Final = "gitreg_writes"
_PATIENCE: Final = 30.0


class SqliteStore:
    """A file of SQLite."""

    def __init__(self, file: Path) -> None:
        self.where = str(file)
        url = sa.URL.create("sqlite", database=str(file))
        self.engine = sa.create_engine(url, connect_args={"timeout": _PATIENCE, "check_same_thread": False})
        self._writes = self.engine.execution_options(**{_WRITES: True})
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Begin a transaction that writes."""
        with self._writes.begin() as db:
            yield db

    laying_out = begin

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Do nothing: who holds the folder of the file writes."""
        yield

    def explain(self, error: Exception) -> GitregError:
        """Say what an error of SQLite means, and the mend."""
        text = str(getattr(error, "orig", error))
        return BrokenIndexError("the index cannot be used", where=self.where, got=text, mend=mend_of(text, ANEW))

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()


def mend_of(text: str, otherwise: str) -> str:
    """Say what mends that a file of SQLite cannot be used; `otherwise` is for a file that is damaged."""
    if "readonly" in text or "unable to open" in text:
        return "make the folder writable, or name another one with --index"
    if "disk is full" in text or "disk I/O" in text:
        return "free some space on that disk, then run `gitreg index`"
    return "wait for the other process, or end it; then try again" if "locked" in text else otherwise


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins transactions where it likes; `_begin` does it here
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    for pragma in (
        "synchronous = NORMAL",
        "cache_size = -65536",
        "mmap_size = 268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Have the file keep a write-ahead log; SQLite does not wait by itself where another process does so just now."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    """Begin a transaction in truth: readers see one state, and a writer never finds its state outdated."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
