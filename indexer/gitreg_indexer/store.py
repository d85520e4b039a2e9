"""Where a catalog is kept: a file of SQLite, or a schema of PostgreSQL.

- A store knows how to begin transactions, who may write, and what its database's errors mean; what is asked and stored
  is the catalog's own, and the same for all.
- One reading sees one state. Only who holds the store writes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, Protocol

import sqlalchemy as sa

from gitreg.errors import GitregError

ANEW: Final = "run `gitreg index --rebuild`: the index can always be made again from Git"


class Store(Protocol):
    """The database of one catalog. `where` names it in messages, without a password."""

    where: str
    engine: sa.Engine
    """Gives connections that read."""

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction that writes; it is stored whole at its end, or not at all."""
        raise NotImplementedError

    def laying_out(self) -> AbstractContextManager[sa.Connection]:
        """Begin the transaction in which tables are made; where several processes do, the others wait."""
        raise NotImplementedError

    def holding(self) -> AbstractContextManager[None]:
        """Be the only one who writes; `ConflictError` says who does already."""
        raise NotImplementedError

    def explain(self, error: Exception) -> GitregError:
        """Say what an error of the database means, and the mend."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of connections and files."""


class BrokenIndexError(GitregError):
    """The index cannot be read or written."""

    code = "broken-index"
