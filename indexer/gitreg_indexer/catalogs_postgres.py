"""The catalogs of one registry in a PostgreSQL database: each is a schema, and one row says which is answered from.

- The row is of a registry and a format, so that registries share a database, and versions of gitreg too.
- What is answered from changes by that row alone, in one transaction: readers see the old catalog or the new, whole.
- A schema's name is never used again. One that is not needed any more is dropped as soon as nobody reads it, at the
  latest when the catalog is made anew once more.
- A generation's folder holds the name of the schema that it is of.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gitreg_indexer.catalog_postgres import PostgresStore, connecting, explained, key_of, locked
from gitreg_indexer.generations import telling_of
from gitreg_indexer.layout import FORMAT
from gitreg_indexer.postgres_address import Address

_SCHEMA_FILE: Final = "schema"
_SCHEMAS: Final = sa.table("pg_namespace", sa.column("nspname", sa.Text))


class SharedCatalogs:
    """The catalogs of a registry in a database; hosts may fetch the registry at different times."""

    may_be_ahead = True

    def __init__(self, address: Address, uid: str) -> None:
        self._address = address
        self.where: str | None = address.shown()
        self._uid = uid
        self._start = f"{address.schema}_{uuid.UUID(uid).hex}_"
        self._table = _table(address.schema)
        self._mine = sa.and_(self._table.c.uid == uid, self._table.c.format == FORMAT)
        self._engine = connecting(address, schema=address.schema, only_reads=False)
        self._is_laid_out = False

    def place(self, folder: Path) -> PostgresStore:
        """Give the schema that the folder names; where it names none that is there, the one that is answered from."""
        named = _named_in(folder)
        with self._reading() as db:
            row = self._row(db)
            known = next((name for name in (named, row.current if row else None) if _is_there(db, name)), None)
        if known is None:
            with self._changing() as db:
                known = self._current(db)
        if known != named:
            _name_in(folder, known)
        return PostgresStore(self._address, known)

    def standing(self, folder: Path) -> PostgresStore | None:  # noqa: ARG002
        """Give the schema that is answered from, making none."""
        with self._explained(), self._engine.connect() as db:
            row = self._row(db) if self._has_table(db) else None
        return PostgresStore(self._address, row.current) if row is not None and row.is_there else None

    def before(self, folder: Path, current: Path | None) -> PostgresStore | None:  # noqa: ARG002
        """Give the schema that is answered from, where the folder is of another one."""
        with self._reading() as db:
            row = self._row(db)
        if row is None or row.current == _named_in(folder):
            return None
        return PostgresStore(self._address, row.current)

    def is_current(self, folder: Path) -> bool:
        """Tell whether the folder is of the schema that is answered from."""
        with self._reading() as db:
            row = self._row(db)
        return row is not None and row.is_there and row.current == _named_in(folder)

    def is_building(self, folder: Path) -> bool:
        """Tell whether the folder is of the schema that is being made."""
        named = _named_in(folder)
        with self._reading() as db:
            row = self._row(db)
            return row is not None and row.building is not None and row.building == named and _is_there(db, named)

    def making(self) -> AbstractContextManager[object]:
        """Be the only one who makes the registry's catalog anew."""
        return self._holding(key_of("make", self._start))

    def begin(self, folder: Path) -> None:
        """Make an empty schema, which the folder is of."""
        with self._changing() as db:
            self._current(db)
            made = self._made(db)
            db.execute(self._table.update().where(self._mine).values(building=made))
        _name_in(folder, made)
        self.sweep()

    def put_in_place(self, folder: Path) -> None:
        """Have the folder's schema answered from; drop what nobody needs any more."""
        with self._changing() as db:
            self._current(db)
            db.execute(self._table.update().where(self._mine).values(current=_named_in(folder), building=None))
        self.sweep()

    def sweep(self) -> None:
        """Drop the schemas that are neither answered from nor in the making, unless somebody reads them."""
        with self._changing() as db:
            row = self._row(db)
            keep = (row.current, row.building) if row else ()
            found = db.execute(
                sa.select(_SCHEMAS.c.nspname).where(_SCHEMAS.c.nspname.startswith(self._start, autoescape=True))
            ).all()
        for (name,) in found:
            if name not in keep:
                self._drop(name)

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def _drop(self, schema: str) -> None:
        with self._changing() as db:
            if db.execute(sa.select(sa.func.pg_try_advisory_xact_lock(key_of("use", schema)))).scalar():
                db.execute(sa.schema.DropSchema(schema, cascade=True, if_exists=True))

    def _current(self, db: sa.Connection) -> str:
        """Give the name of the schema that is answered from, making an empty one where there is none."""
        row = self._row(db)
        if row is not None and row.is_there:
            return str(row.current)
        if row is None:
            db.execute(self._table.insert().values(uid=self._uid, format=FORMAT, current="", last=0))
        made = self._made(db)
        db.execute(self._table.update().where(self._mine).values(current=made))
        return made

    def _made(self, db: sa.Connection) -> str:
        number = db.execute(sa.select(self._table.c.last).where(self._mine)).scalar_one() + 1
        schema = f"{self._start}{FORMAT}_{number}"
        db.execute(self._table.update().where(self._mine).values(last=number))
        db.execute(sa.schema.CreateSchema(schema))
        return schema

    def _row(self, db: sa.Connection) -> Any:
        is_there = sa.exists().where(_SCHEMAS.c.nspname == self._table.c.current).label("is_there")
        return db.execute(sa.select(self._table.c.current, self._table.c.building, is_there).where(self._mine)).first()

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        """Begin a transaction; of those who change something here, the others wait."""
        with self._explained(), self._engine.begin() as db:
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(key_of("change", self._address.schema))))
            if not self._has_table(db):
                db.execute(sa.schema.CreateSchema(self._address.schema, if_not_exists=True))
                self._table.create(db)
            yield db
        self._is_laid_out = True

    def _has_table(self, db: sa.Connection) -> bool:
        if not self._is_laid_out:
            self._is_laid_out = sa.inspect(db).has_table(self._table.name, schema=self._table.schema)
        return self._is_laid_out

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._explained(), self._engine.connect() as db:
            if not self._has_table(db):
                with self._changing():
                    pass
            yield db

    @contextmanager
    def _holding(self, key: int) -> Iterator[None]:
        with self._explained(), locked(self._engine, key, "is making this catalog anew", self._address.shown()):
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            self._is_laid_out = False
            raise explained(error, self._address, self._address.shown()) from error


def _table(schema: str) -> sa.Table:
    return sa.Table(
        "catalogs",
        sa.MetaData(schema=schema),
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("format", sa.Text, primary_key=True),
        sa.Column("current", sa.Text, nullable=False),
        sa.Column("building", sa.Text),
        sa.Column("last", sa.BigInteger, nullable=False),
    )


def _is_there(db: sa.Connection, schema: str | None) -> bool:
    named = sa.select(sa.func.count()).select_from(_SCHEMAS).where(_SCHEMAS.c.nspname == schema)
    return schema is not None and bool(db.execute(named).scalar())


def _named_in(folder: Path) -> str | None:
    try:
        return (folder / _SCHEMA_FILE).read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _name_in(folder: Path, schema: str) -> None:
    temporary = folder / f".{_SCHEMA_FILE}-{os.getpid()}"
    with telling_of(folder):
        temporary.write_text(f"{schema}\n", "ascii")
        temporary.replace(folder / _SCHEMA_FILE)
