"""What cannot be read off a tree in time: who mentions a word, who has a name, what was once removed.

- A small database beside the repository that can be deleted and made again. It follows commits by comparing trees, so
  that keeping up costs what has changed.
- Mentions and names only propose: every blob that ever stood at a followed tree adds to them and nothing is taken away,
  so whoever asks reads the manifests that are named. Losing or doubting the file costs a rebuild, never a wrong answer.
- Removals are facts: they are read off each commit of the first-parent history once, with their position in it.
- Where nothing can be written the database lives in memory.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from gitreg.errors import GitregError
from gitreg.manifests import MAX_BYTES
from gitreg.manifests._subset import parse_subset
from gitreg.refs import KINDS, addresses_at
from gitreg.repository.git import Entry, GitRepository

_Answer = TypeVar("_Answer")
FILE_NAME: Final = "lookups-1.sqlite3"
_FOLDERS: Final = tuple(sorted({f"{place.folder}/" for place in KINDS.values() if place.folder}))
_VERSIONED: Final = frozenset(place.folder for place in KINDS.values() if place.is_versioned)
_DIGEST: Final = re.compile(rb"\b[0-9a-f]{64}\b")
_PLACE: Final = re.compile(rb"(?<![a-z0-9._/-])(?:[a-z0-9][a-z0-9._-]*/){1,4}[a-z0-9][a-z0-9._-]*")
_CUSTOM_KEY: Final = re.compile(rb"""custom["']?\s*:|\?\s+["']?custom\b""")
_CUSTOM: Final = re.compile(rb"^( *)custom:(?: *\{\})? *(?:\n|\Z)", re.MULTILINE)
_LINE: Final = re.compile(
    r"""( *)([A-Za-z0-9_][A-Za-z0-9._/-]*):(?:[ ]+([A-Za-z0-9.+-][^#'"\[\]{}\n]*|'(?:[^'\n]|'')*'|"[^"\n]*"))?[ ]*"""
)
_PLACES_KEPT: Final = 16
_STREAMED_ABOVE: Final = 5_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS words (word INTEGER, file INTEGER, PRIMARY KEY (word, file)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (folder TEXT, name TEXT, namespace TEXT, fold TEXT NOT NULL,
  PRIMARY KEY (folder, name, namespace)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_by_fold ON names (folder, fold);
CREATE TABLE IF NOT EXISTS places (tree TEXT PRIMARY KEY, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS chain (seq INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS removals (path TEXT, seq INTEGER, oid TEXT NOT NULL, PRIMARY KEY (path, seq)) WITHOUT ROWID;
"""


def fold(name: str) -> str:
    """Fold a name to what the eye keeps of it: no case, no `-`, `_` or `.`."""
    return name.casefold().replace("-", "").replace("_", "").replace(".", "")


def custom_word(key: str, value: object = None) -> str:
    """Give the word for a key of somebody's own fields, or for the key with a scalar value."""
    return f"custom:{key}" if value is None else f"custom:{key}={_scalar(str(value))}"


def words_in(raw: bytes) -> set[str]:
    """Find the words of a manifest that are looked up: digests, places (`acme/chat`), keys and values under `custom`.

    Too many are found rather than too few: prose may look like a place.
    """
    custom = _custom_words(raw) if b"\\" not in raw else None
    if custom is None:
        return _words_parsed(raw)
    return _plain_words(raw).union(custom)


def _plain_words(raw: bytes) -> set[str]:
    """Find digests and places; of `model/acme/chat`, as aliases are referred to, `acme/chat` too."""
    found = {word.decode() for pattern in (_DIGEST, _PLACE) for word in pattern.findall(raw)}
    return found | {word.partition("/")[2] for word in found if word.count("/") > 1}


def _custom_words(raw: bytes) -> Iterable[str] | None:
    """Find keys and values below `custom:`; None where they are not written one by one in plain lines."""
    keys = _CUSTOM_KEY.findall(raw)
    if not keys:
        return ()
    found = _CUSTOM.search(raw)
    if found is None or len(keys) > 1:
        return None
    margin = len(found[1])
    words: set[str] = set()
    above = 0
    for line in raw[found.end() :].decode("utf-8", "replace").split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent <= margin:
            break
        pair = _LINE.fullmatch(line) if line.strip() else None
        if line.strip() and (pair is None or indent > above > 0):
            return None
        if pair is not None:
            above = indent if pair[3] is not None else 0  # below a value stands nothing but the rest of it
            words.update((custom_word(pair[2]), custom_word(pair[2], _unquoted(pair[3] or ""))))
    return words


def _unquoted(text: str) -> str:
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    return text[1:-1] if text[:1] == '"' else text


def _words_parsed(raw: bytes) -> set[str]:
    """Find the words of a text whose strings may be written in escapes: of what it says, not of how."""
    found: set[str] = set()
    for key, text in _texts(parse_subset(raw).data):
        plain = text.encode("utf-8", "replace")
        found |= _plain_words(plain)
        if key is not None:
            found.update((custom_word(key), custom_word(key, text)))
    return found


def _texts(data: object) -> Iterator[tuple[str | None, str]]:
    """Give each scalar with the key that it stands under, and each key."""
    left: list[tuple[str | None, object]] = [(None, data)]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            yield from ((name, "") for name in value)
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((key, item) for item in value)
        elif value is not None:
            yield key, str(value)


def _scalar(text: str) -> str:
    """Give a scalar as one text however it is written: numbers by their value."""
    bare = text.strip()
    with suppress(ValueError):
        return repr(float(bare) + 0.0)
    return bare.casefold()


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


class Lookups:
    """Finds paths by what stands in them, names by how they look, and what history removed."""

    def __init__(self, repo: GitRepository) -> None:
        self._repo = repo
        self._file = repo.state_dir / FILE_NAME
        self._lock = threading.Lock()
        self._db = self._open()
        self._tree: str | None = None

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
        db = sqlite3.connect(where, timeout=30, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA)
        return db

    def _ask(self, tree: str, ask: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Ask the database as it knows a tree; a spoilt one is replaced by one in memory."""
        with self._lock:
            try:
                self._follow(tree)
                return ask(self._db)
            except sqlite3.Error:
                self._start_anew(tree)
                return ask(self._db)

    def _start_anew(self, tree: str) -> None:
        self._db.close()
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
        self._db, self._tree = self._connect(":memory:"), None
        self._follow(tree)

    def mentioning(self, tree: str, words: Collection[str]) -> tuple[str, ...]:
        """Find the paths whose manifest may have one of these words in it, at a tree or at another time."""
        numbers = sorted({_number(word) for word in words})
        sql = "SELECT path FROM words JOIN files ON id = file WHERE word IN ({})"
        return tuple(sorted({path for (path,) in self._ask(tree, lambda db: _rows(db, sql, (), numbers))}))

    def named(self, tree: str, folder: str, names: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Find (namespace, name) of the names of a kind's folder that are spelt like one of these."""
        return self._names(tree, folder, "name", names)

    def folded(self, tree: str, folder: str, folds: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Find (namespace, name) of the names of a kind's folder that fold to one of these."""
        return self._names(tree, folder, "fold", folds)

    def _names(self, tree: str, folder: str, column: str, wanted: Collection[str]) -> tuple[tuple[str, str], ...]:
        sql = f"SELECT namespace, name FROM names WHERE folder = ? AND {column} IN ({{}})"  # noqa: S608 - our column
        asked = sorted(set(wanted))
        return tuple(sorted(set(self._ask(tree, lambda db: _rows(db, sql, (folder,), asked)))))

    def removed(self, commit: str, path: str) -> tuple[str, ...]:
        """Find the blobs that stood at a path and that a commit of the first-parent history removed, newest first."""
        sql = "SELECT oid FROM removals WHERE path = ? AND seq <= ? ORDER BY seq DESC"

        def ask(db: sqlite3.Connection) -> tuple[str, ...]:
            return tuple(oid for (oid,) in db.execute(sql, (path, self._follow_chain(commit))))

        return self._ask(self._repo.commit(commit).tree, ask)

    # Following

    def _follow(self, tree: str) -> None:
        if self._tree == tree:
            return
        if self._db.execute("SELECT 1 FROM places WHERE tree = ?", (tree,)).fetchone() is None:
            with self._writing():
                known = self._db.execute("SELECT tree FROM places ORDER BY used DESC LIMIT 1").fetchone()
                self._take_in(list(self._new_entries(known[0] if known else None, tree)))
                used = "SELECT coalesce(max(used), 0) + 1 FROM places"
                self._db.execute(f"INSERT OR REPLACE INTO places VALUES (?, ({used}))", (tree,))  # noqa: S608
                kept = "SELECT tree FROM places ORDER BY used DESC LIMIT ?"
                self._db.execute(f"DELETE FROM places WHERE tree NOT IN ({kept})", (_PLACES_KEPT,))  # noqa: S608
        self._tree = tree

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _new_entries(self, known: str | None, tree: str) -> Iterator[Entry]:
        try:
            changes = list(self._repo.diff(known, tree))
        except GitregError:
            if known is None:
                raise
            changes = list(self._repo.diff(None, tree))
        for change in changes:
            if change.new is not None and change.new.is_plain and change.path.startswith(_FOLDERS):
                yield change.new

    def _take_in(self, entries: Sequence[Entry]) -> None:
        names = {found for entry in entries for found in _name_at(entry.path)}
        self._db.executemany("INSERT OR IGNORE INTO names VALUES (?, ?, ?, ?)", sorted(names))
        blobs: dict[str, list[str]] = {}
        for entry in entries:
            blobs.setdefault(entry.oid, []).append(entry.path)
        for oid, raw in self._contents(blobs):
            numbers = [_number(word) for word in words_in(raw)]
            for path in blobs[oid] if numbers else ():
                file = self._file_of(path)
                self._db.executemany("INSERT OR IGNORE INTO words VALUES (?, ?)", [(n, file) for n in numbers])

    def _file_of(self, path: str) -> int:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        made = self._db.execute("INSERT OR IGNORE INTO files (path) VALUES (?)", (shown,))
        if made.rowcount == 1 and made.lastrowid is not None:
            return made.lastrowid
        return int(self._db.execute("SELECT id FROM files WHERE path = ?", (shown,)).fetchone()[0])

    def _contents(self, blobs: Collection[str]) -> Iterator[tuple[str, bytes]]:
        if len(blobs) > _STREAMED_ABOVE:
            yield from _streamed(self._repo, blobs)
            return
        for oid in blobs:
            if self._repo.blob_size(oid) <= MAX_BYTES:
                yield oid, self._repo.read_blob(oid)

    def _follow_chain(self, commit: str) -> int:
        """Read the removals of the commits that are not known yet, and give the commit's position."""
        known = self._position(commit)
        if known is not None:
            return known
        with self._writing():
            passed: list[str] = []
            at: str | None = commit
            base = None
            while at is not None and base is None:
                passed.append(at)
                at = next(iter(self._repo.commit(at).parents), None)
                base = self._position(at) if at is not None else 0
            seq = base or 0
            self._db.execute("DELETE FROM removals WHERE seq > ?", (seq,))
            self._db.execute("DELETE FROM chain WHERE seq > ?", (seq,))
            for oid in reversed(passed):
                seq += 1
                self._db.execute("INSERT INTO chain VALUES (?, ?)", (seq, oid))
                self._db.executemany("INSERT OR IGNORE INTO removals VALUES (?, ?, ?)", self._removals_of(at, oid, seq))
                at = oid
            return seq

    def _position(self, commit: str) -> int | None:
        row = self._db.execute("SELECT seq FROM chain WHERE oid = ?", (commit,)).fetchone()
        return int(row[0]) if row else None

    def _removals_of(self, parent: str | None, commit: str, seq: int) -> Iterator[tuple[str, int, str]]:
        if parent is None:
            return
        for change in self._repo.diff(parent, commit):
            if change.old is not None and change.new is None and addresses_at(change.path):
                yield change.path, seq, change.old.oid


def _rows(db: sqlite3.Connection, sql: str, fixed: tuple[str, ...], asked: Sequence[str | int]) -> list[Any]:
    """Ask about many values, some at a time."""
    found: list[Any] = []
    for n in range(0, len(asked), 500):
        some = asked[n : n + 500]
        found.extend(db.execute(sql.format(",".join("?" * len(some))), (*fixed, *some)))
    return found


def _name_at(path: str) -> Iterable[tuple[str, str, str, str]]:
    folder = path.partition("/")[0]
    if folder in _VERSIONED and not path.endswith("/aliases.yaml"):
        for address in addresses_at(path):
            yield folder, address.name, address.namespace, fold(address.name)


def _streamed(repo: GitRepository, blobs: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Read many blobs in the order in which they lie in the packs: a quarter of the time of any other order."""
    command = ["git", "cat-file", "--batch", "--batch-all-objects", "--unordered", "--buffer"]
    wanted = set(blobs)
    with subprocess.Popen(
        command, cwd=repo.git_dir, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        source = process.stdout
        assert source is not None, "stdout is a pipe"  # noqa: S101
        while head := source.readline():
            oid, kind, size = head.decode("ascii", "replace").split()
            length = int(size)
            if kind == "blob" and length <= MAX_BYTES and oid in wanted:
                wanted.discard(oid)
                yield oid, source.read(length)
            else:
                _skip(source, length)
            source.read(1)
    for oid in wanted:  # what git could not give: objects of an alternate, a broken pack
        if repo.blob_size(oid) <= MAX_BYTES:
            yield oid, repo.read_blob(oid)


def _skip(source: object, length: int) -> None:
    while length > 0:
        length -= len(source.read(min(length, 1 << 20)))  # type: ignore[attr-defined]
