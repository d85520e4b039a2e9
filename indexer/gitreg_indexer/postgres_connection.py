"""Connections to PostgreSQL that prepare each statement once and seldom wait for the server.

- pg8000 speaks the protocol. What is sent before waiting is decided here: a transaction's beginning goes with its first
  statement, many rows go at once, and the end of a transaction that only read is not waited for.
- Results come in binary where all their types are known here, so that documents are not sent as hexadecimal text.
- Whether the server has closed a connection is seen without asking the server.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pg8000.converters import make_params
from pg8000.core import EXECUTE_MSG, NULL_BYTE, SYNC_MSG, Context, H_pack, i_pack, i_unpack
from pg8000.dbapi import Connection as PlainConnection
from pg8000.dbapi import Cursor as PlainCursor
from pg8000.dbapi import convert_paramstyle
from pg8000.exceptions import DatabaseError, InterfaceError

CONNECT_TIMEOUT: Final = 10.0
_KNOWN: Final = 256
"""Statements that stay prepared on a connection."""
_AT_ONCE: Final = 500
"""Rows sent before answers are read: the answers to so many fit into the system's buffers, so nobody waits for ever."""
_IDLE: Final = b"I"
_NULL: Final = i_pack(-1)
_LASTING: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "FETCH")
_KEEP_ALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


_BEGIN: Final = b"Q\0\0\0\x0abegin\0"
_COMMIT: Final = b"Q\0\0\0\x0bcommit\0"


def _whole_number(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True)


_BINARY: Final[dict[int, Callable[[bytes], Any]]] = {
    16: any,  # bool
    17: bytes,  # bytea
    19: bytes.decode,  # name
    20: _whole_number,  # int8
    21: _whole_number,  # int2
    23: _whole_number,  # int4
    25: bytes.decode,  # text
    1043: bytes.decode,  # varchar
}
"""What turns a value's binary form into Python's, by the type's number (`pg_type.oid`)."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A prepared statement; `is_binary` tells in which form its results come."""

    name: bytes
    text: str
    columns: Any
    readers: Sequence[Callable[[Any], Any]]
    is_binary: bool


class _Results(Context):  # type: ignore[misc]  # pg8000 has no types
    """What comes back of a prepared statement."""

    def __init__(self, statement: _Statement) -> None:
        super().__init__(statement.text, columns=statement.columns, input_funcs=statement.readers)
        self.is_binary = statement.is_binary


class Connection(PlainConnection):  # type: ignore[misc]  # pg8000 has no types
    """A connection; `only_reads` where nobody needs to know whether the end of a transaction was reached."""

    def __init__(self, user: str, *, only_reads: bool, **how: Any) -> None:
        self._statements: dict[str, _Statement] = {}
        self._only_reads = only_reads
        self._owed = 0
        super().__init__(user, timeout=CONNECT_TIMEOUT, **how)
        self._usock.settimeout(None)  # statements may take long
        if self._usock.family != socket.AF_UNIX:
            self._usock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for name, seconds in _KEEP_ALIVE:
                if hasattr(socket, name):
                    self._usock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)

    def cursor(self) -> Cursor:
        """Give a cursor."""
        return Cursor(self)

    def is_open(self) -> bool:
        """Tell whether the server still keeps the connection, as far as that has come through."""
        try:
            self.settle()
        except (DatabaseError, InterfaceError, OSError):
            return False
        waiting = select.poll()
        waiting.register(self._usock, select.POLLIN)
        return not waiting.poll(0)  # an idle server says something only when it ends

    def settle(self) -> None:
        """Read the answers that were not waited for."""
        while self._owed:
            self._owed -= 1
            self.handle_messages(Context(None))

    def commit(self) -> None:
        """End the transaction."""
        if not self._in_transaction:
            return
        if not self._only_reads:
            self.execute_simple("commit")
            return
        self._transaction_status = _IDLE
        with suppress(InterfaceError):  # all that was asked has been answered; whoever asks next finds out
            self._send(_COMMIT)
            self._owed += 1

    def rollback(self) -> None:
        """End the transaction; what only read has nothing to undo."""
        if self._only_reads:
            self.commit()
        elif self._in_transaction:
            self.execute_simple("rollback")

    def close(self) -> None:
        """Close it; that the other end did so first is no fault."""
        with suppress(InterfaceError, OSError):
            super().close()

    def prepared(self, operation: str) -> _Statement:
        """Give the prepared statement of an operation."""
        known = self._statements.get(operation)
        if known is None:
            self.settle()
            if len(self._statements) >= _KNOWN:
                oldest = self._statements.pop(next(iter(self._statements)))
                self.close_prepared_statement(oldest.name)
            known = self._statements[operation] = self._prepare(operation)
        return known

    def _prepare(self, operation: str) -> _Statement:
        text, _ = convert_paramstyle("format", operation, ())
        name, columns, readers = self.prepare_statement(text, ())
        types = [column["type_oid"] for column in columns or ()]
        if all(number in _BINARY for number in types):
            return _Statement(name, text, columns, [_BINARY[number] for number in types], is_binary=True)
        return _Statement(name, text, columns, readers, is_binary=False)

    def run(self, statement: _Statement, rows: Iterable[Sequence[Any]]) -> _Results:
        """Run a statement with each of some rows of parameters, beginning a transaction where none is under way."""
        begins = not self._in_transaction
        messages = bytearray(_BEGIN if begins else b"")
        for row in rows:
            self._bind(messages, statement, row)
        messages += SYNC_MSG
        self._send(messages)
        self.settle()
        if begins:
            self.handle_messages(Context("begin"))
        results = _Results(statement)
        self.handle_messages(results)
        return results

    def _bind(self, messages: bytearray, statement: _Statement, row: Sequence[Any]) -> None:
        values = make_params(self.py_types, row)
        body = bytearray(NULL_BYTE + statement.name + b"\0\0" + H_pack(len(values)))
        for value in values:
            if value is None:
                body += _NULL
            else:
                raw = value.encode()
                body += i_pack(len(raw)) + raw
        body += b"\0\1\0\1" if statement.is_binary else b"\0\0"
        messages += b"B" + i_pack(len(body) + 4) + body + EXECUTE_MSG

    def _send(self, messages: bytes | bytearray) -> None:
        if self._sock is None:
            raise InterfaceError("connection is closed")
        try:
            self._sock.write(messages)
            self._sock.flush()
        except OSError as error:
            raise InterfaceError("network error") from error

    def handle_DATA_ROW(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
        """Take one row of a result."""
        if not getattr(context, "is_binary", False):
            super().handle_DATA_ROW(data, context)
            return
        row: list[Any] = []
        at = 2
        for read in context.input_funcs:
            (length,) = i_unpack(data, at)
            at += 4
            if length < 0:
                row.append(None)
            else:
                row.append(read(data[at : at + length]))
                at += length
        context.rows.append(row)


class Cursor(PlainCursor):  # type: ignore[misc]  # pg8000 has no types
    """A cursor whose statements stay prepared."""

    _c: Connection

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> None:
        """Run a statement; what asks and what changes rows stays prepared."""
        if stream is None and operation.startswith(_LASTING):
            self._take(self._c.run(self._c.prepared(operation), [args]))
        else:
            self._c.settle()
            super().execute(operation, args, stream)

    def executemany(self, operation: str, param_sets: Iterable[Sequence[Any]]) -> None:
        """Run a statement with each of many rows of parameters."""
        statement = self._c.prepared(operation)
        done = 0
        for rows in _parts(param_sets):
            results = self._c.run(statement, rows)
            done += max(0, results.row_count)
            self._take(results)
        if self._context is not None:
            self._context.row_count = done

    def _take(self, results: _Results) -> None:
        self._context = results
        self._row_iter = None if results.rows is None else iter(results.rows)
        self._input_oids = ()


def _parts(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    remaining = iter(rows)
    while part := list(islice(remaining, _AT_ONCE)):
        yield part
