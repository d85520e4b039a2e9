"""Where an artifact's checksum stands already: a small table beside the repository that can be made again.

- It follows the branch by comparing trees, so keeping up costs what has changed.
- It only ever proposes: every word of a manifest that looks like a SHA-256 is in it, and whoever asks reads the
  manifests it names. Losing or doubting it costs a rebuild, never a wrong answer. Where nothing can be written it
  lives in memory.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from gitreg.errors import GitregError
from gitreg.manifests import MAX_BYTES
from gitreg.repository.git import EntryChange, GitRepository

_DIGEST: Final = re.compile(rb"\b[0-9a-f]{64}\b")
_FOLDERS: Final = ("models/", "datasets/")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS words (path TEXT, digest TEXT, PRIMARY KEY (path, digest)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS words_by_digest ON words (digest);
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), oid TEXT NOT NULL);
"""


class DigestIndex:
    """Finds records by the SHA-256 of their artifact."""

    def __init__(self, repo: GitRepository) -> None:
        self._repo = repo
        self._file = repo.state_dir / "digests.sqlite3"
        self._lock = threading.Lock()
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return self._connect(str(self._file))
        except (OSError, sqlite3.DatabaseError):
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
            return self._connect(":memory:")

    @staticmethod
    def _connect(where: str) -> sqlite3.Connection:
        db = sqlite3.connect(where, timeout=5, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA)
        return db

    def paths(self, commit: str, digest: str) -> tuple[str, ...]:
        """Find the paths whose manifest has this digest in it, somewhere, at a commit."""
        with self._lock:
            try:
                return self._paths(commit, digest)
            except sqlite3.Error:
                self._db.close()
                self._db = self._connect(":memory:")
                return self._paths(commit, digest)

    def _paths(self, commit: str, digest: str) -> tuple[str, ...]:
        """Follow the commit and look, in one transaction: another process may follow another commit meanwhile."""
        self._db.execute("BEGIN" if self._place() == commit else "BEGIN IMMEDIATE")
        try:
            self._follow(commit)
            rows = self._db.execute("SELECT path FROM words WHERE digest = ? ORDER BY path", (digest,)).fetchall()
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return tuple(path for (path,) in rows)

    def _place(self) -> str | None:
        row = self._db.execute("SELECT oid FROM place").fetchone()
        return row[0] if row else None

    def _follow(self, commit: str) -> None:
        known = self._place()
        if known == commit:
            return
        for change in self._changes(known, commit):
            self._apply(change)
        self._db.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (commit,))

    def _changes(self, known: str | None, commit: str) -> Iterator[EntryChange]:
        try:
            yield from self._repo.diff(known, commit)
        except GitregError:
            if known is None:
                raise
            self._db.execute("DELETE FROM words")
            yield from self._repo.diff(None, commit)

    def _apply(self, change: EntryChange) -> None:
        if not change.path.startswith(_FOLDERS):
            return
        self._db.execute("DELETE FROM words WHERE path = ?", (change.path,))
        entry = change.new
        if entry is None or not entry.is_plain or self._repo.blob_size(entry.oid) > MAX_BYTES:
            return
        found = {word.decode() for word in _DIGEST.findall(self._repo.read_blob(entry.oid))}
        self._db.executemany("INSERT INTO words VALUES (?, ?)", ((change.path, word) for word in found))
