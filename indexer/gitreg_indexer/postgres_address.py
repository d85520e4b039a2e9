"""What `--catalog` names: a database on a PostgreSQL server, and how to connect to it.

- A password is never part of a message: what is shown of an address is made from its other parts.
- What the address leaves out comes from PostgreSQL's own variables: `PGUSER`, `PGPASSWORD`.
"""

from __future__ import annotations

import getpass
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import GitregError, UsageError

FORM: Final = "postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full]"
DEFAULT_SCHEMA: Final = "gitreg"
_PORT: Final = 5432
_SCHEMES: Final = ("postgresql", "postgres", "postgresql+pg8000")
_OPTIONS: Final = ("host", "schema", "sslmode", "sslrootcert")
_SSL_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,15}")


@dataclass(frozen=True, slots=True)
class Address:
    """A database; `host` is a name, or the folder of a Unix socket. Names of schemas begin with `schema`."""

    user: str
    host: str
    port: int
    database: str
    password: str | None = field(default=None, repr=False)
    schema: str = DEFAULT_SCHEMA
    ssl_mode: str = "prefer"
    ssl_root: str | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; `UsageError`, which does not repeat it, where it is none."""
        url = _url(text)
        options = _options(url.query)
        return cls(
            user=url.username or os.environ.get("PGUSER") or getpass.getuser(),
            host=url.host or options.get("host", "localhost"),
            port=url.port or _PORT,
            database=_database(url),
            password=url.password or os.environ.get("PGPASSWORD") or None,
            schema=_schema(options.get("schema", DEFAULT_SCHEMA)),
            ssl_mode=_ssl_mode(options.get("sslmode", "prefer")),
            ssl_root=options.get("sslrootcert"),
        )

    def shown(self) -> str:
        """Say which it is, without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORT else f":{self.port}"
        if self.host.startswith("/"):
            return f"postgresql://{self.user}@{port}/{self.database}?host={self.host}"
        return f"postgresql://{self.user}@{host}{port}/{self.database}"

    def how(self) -> dict[str, Any]:
        """Give what pg8000 connects with."""
        place: dict[str, Any] = {"host": self.host, "port": self.port, "ssl_context": self._tls()}
        if self.host.startswith("/"):
            place = {"unix_sock": f"{self.host.rstrip('/')}/.s.PGSQL.{self.port}", "ssl_context": False}
        return {"user": self.user, "password": self.password or "", "database": self.database, **place}

    def _tls(self) -> ssl.SSLContext | bool | None:
        if self.ssl_mode in ("disable", "prefer", "require"):
            return {"disable": False, "prefer": None, "require": True}[self.ssl_mode]
        try:
            context = ssl.create_default_context(cafile=self.ssl_root)
        except OSError as error:
            raise UsageError(
                "the certificates that `sslrootcert` names cannot be read",
                where=self.ssl_root,
                got=error.strerror or str(error),
                mend="name a file of certificates (PEM) that may be read",
            ) from error
        context.check_hostname = self.ssl_mode == "verify-full"
        return context


def _url(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
        is_known = url.drivername in _SCHEMES and not _is_torn(url)
    except (sa.exc.ArgumentError, ValueError):
        is_known = False
    if not is_known:
        raise UsageError(
            "the catalog's address cannot be read",  # it is not repeated: it may hold a password
            expected=FORM,
            mend="write special characters of user and password as %XX; without --catalog, it is kept in a file",
        )
    return url


def _is_torn(url: sa.URL) -> bool:
    """Tell whether a special character of the password was taken for its end, so that parts of it stand elsewhere."""
    return "@" in f"{url.host}{url.database}{dict(url.query)}"


def _options(query: Mapping[str, Any]) -> dict[str, str]:
    for name, value in query.items():
        if name not in _OPTIONS or not isinstance(value, str):
            raise UsageError(
                f"the catalog's address cannot have the option {name!r}",
                got=name,
                expected=", ".join(_OPTIONS),
                mend="leave it out; a password stands after the user (USER:PASSWORD@HOST) or in $PGPASSWORD",
            )
    return dict(query)


def _database(url: sa.URL) -> str:
    if not url.database:
        raise UsageError("the catalog's address names no database", expected=FORM, mend="name one after the host")
    return url.database


def _schema(name: str) -> str:
    if not _SCHEMA.fullmatch(name):
        raise UsageError(
            f"a schema cannot be called {name!r}",
            got=name,
            expected="a lower-case letter, then up to 15 letters, digits and underscores",
            mend="leave it out, or give it such a name",
        )
    return name


def _ssl_mode(name: str) -> str:
    if name not in _SSL_MODES:
        raise UsageError(
            f"there is no sslmode {name!r}", got=name, expected=", ".join(_SSL_MODES), mend="use one of those"
        )
    return name


def driver_is_missing(error: ModuleNotFoundError) -> GitregError:
    """Say that the driver has to be installed."""
    return GitregError(
        f"a catalog on PostgreSQL needs {(error.name or '').partition('.')[0]!r}, which is not installed",
        mend="install it: `pip install 'llm-gitreg[postgres]'`",
    )
