"""One look at an index that stands at main's tip, without loading what the rest of the index needs.

- For `gitreg get` and `gitreg resolve`: SQLAlchemy, the search engine and the kinds take longer to import than the
  answer takes to find.
- It answers or says nothing: an index that is absent, behind, of another format or unreadable, and a ref that means
  nothing, are the reader's matter.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

from gitreg.errors import GitregError
from gitreg.refs import KINDS, Ref
from gitreg.repository.git import GitRepository
from gitreg.resolution import ENDED, choose
from gitreg.versions import Version
from gitreg_indexer.layout import CATALOG_FILE, CURRENT_FILE, FOREVER, FORMAT, INDEX_FOLDER, named_in

_META: Final = "SELECT key, value FROM meta"
_DOC: Final = "SELECT doc FROM facts WHERE path = ? AND kind = ? AND seq_to = ?"
_VERSIONS: Final = (
    "SELECT version, status FROM facts WHERE kind = ? AND namespace = ? AND name = ? AND seq_to = ? "
    "ORDER BY version_key DESC"
)


class Seen(NamedTuple):
    """A stored answer, and the position that it is of."""

    doc: bytes
    commit: str
    seq: int


def glance(repo: GitRepository, ref: Ref) -> Seen | None:
    """Give the stored answer to a ref; None where it takes more than a look."""
    folder = repo.state_dir / INDEX_FOLDER
    name = named_in(folder / CURRENT_FILE)
    file = folder / name / CATALOG_FILE if name else None
    if file is None or not file.is_file():
        return None
    try:
        with closing(_connect(file)) as db:
            return _seen(db, repo, ref)
    except (sqlite3.Error, ValueError, KeyError, TypeError, GitregError):  # damaged: the reader says how
        return None


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=1)


def _seen(db: sqlite3.Connection, repo: GitRepository, ref: Ref) -> Seen | None:
    db.execute("BEGIN")
    known = dict(db.execute(_META).fetchall())
    if known.get("format") != FORMAT or known.get("commit") != repo.tip():
        return None
    doc = _answer(db, ref)
    if doc is not None:
        orjson.loads(doc)
    return Seen(doc, known["commit"], int(known["seq"])) if doc is not None else None


def _answer(db: sqlite3.Connection, ref: Ref) -> bytes | None:
    if not KINDS[ref.kind].is_versioned:
        return _document(db, ref, None)
    if isinstance(ref.selector, Version):
        return _document(db, ref, str(ref.selector))
    rows = db.execute(_VERSIONS, (ref.kind, ref.namespace, ref.name, FOREVER))
    ended = {Version.parse(version): status in ENDED for version, status in rows}
    chosen = choose(ref.selector, tuple(ended), _aliases(db, ref), ended.__getitem__)
    return _document(db, ref, str(chosen)) if chosen else None


def _document(db: sqlite3.Connection, ref: Ref, version: str | None) -> bytes | None:
    row = db.execute(_DOC, (ref.address(version).path, ref.kind, FOREVER)).fetchone()
    return bytes(row[0]) if row else None


def _aliases(db: sqlite3.Connection, ref: Ref) -> dict[str, str]:
    if not isinstance(ref.selector, str):
        return {}
    found = _document(db, Ref("Aliases", ref.namespace, ref.name, of=ref.kind), None)
    return dict(orjson.loads(found)["spec"]["aliases"]) if found else {}
