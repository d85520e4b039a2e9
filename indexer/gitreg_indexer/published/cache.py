"""What was read of a published registry, kept under `$XDG_CACHE_HOME/gitreg/published`.

- Records are kept for ever, by digest; pages and names until nobody asked for a month; `index.json` with its ETag.
- What is kept is checked like what is served: a byte that changed on the disk is a file that is not there.
- A cache that cannot be written is none; nothing else depends on it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from gitreg_indexer.publishing.layout import Stated

MONTH: Final = 30 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Kept:
    """`index.json` as it was when it was last known to be served."""

    raw: bytes
    etag: str | None
    fetched: str


class Cache:
    """The cache of one URL."""

    def __init__(self, root: Path, url: str) -> None:
        self._url = url
        self._records = root / "records"
        self._own = root / sha256(url.encode()).hexdigest()[:32]
        self._works = True

    @classmethod
    def of_user(cls, url: str) -> Cache | None:
        """Give the user's cache; None where the user has no place for one."""
        named = os.environ.get("XDG_CACHE_HOME", "")
        if named.startswith("/"):  # others are to be ignored, the specification says
            return cls(Path(named) / "gitreg" / "published", url)
        try:
            return cls(Path.home() / ".cache" / "gitreg" / "published", url)
        except RuntimeError:
            return None

    def entry(self) -> Kept | None:
        """Give `index.json` as it was kept."""
        try:
            head, _, raw = (self._own / "entry").read_bytes().partition(b"\n")
            about = orjson.loads(head)
            return _kept(about, raw) if about["sha256"] == sha256(raw).hexdigest() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_entry(self, raw: bytes, etag: str | None) -> None:
        """Keep `index.json`; where it is another one than before, forget what was not used for long."""
        before = self.entry()
        fetched = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        about = {"url": self._url, "etag": etag, "fetched": fetched, "sha256": sha256(raw).hexdigest()}
        self._write(self._own / "entry", orjson.dumps(about) + b"\n" + raw)
        if before is not None and before.raw != raw:
            self._forget(time.time() - MONTH)

    def get(self, path: str, stated: Stated) -> bytes | None:
        """Give a file that was kept; None where it was not, or is not what it must be."""
        file = self._file(path, stated)
        try:
            raw = file.read_bytes()
        except OSError:
            return None
        if Stated.of(raw) != stated:
            return None
        with suppress(OSError):
            os.utime(file)
        return raw

    def put(self, path: str, stated: Stated, data: bytes) -> None:
        """Keep a file."""
        self._write(self._file(path, stated), data)

    def _file(self, path: str, stated: Stated) -> Path:
        root = self._records if path.startswith("records/") else self._own / "lists"
        return root / stated.sha256[:2] / stated.sha256[2:]

    def _write(self, file: Path, data: bytes) -> None:
        if not self._works:
            return
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.write_bytes(data)
            draft.replace(file)
        except OSError:
            self._works = False
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def _forget(self, before: float) -> None:
        with suppress(OSError):
            for file in (self._own / "lists").glob("*/*"):
                if file.stat().st_mtime < before:
                    file.unlink(missing_ok=True)


def _kept(about: dict[str, Any], raw: bytes) -> Kept:
    etag = about["etag"]
    return Kept(raw, etag if isinstance(etag, str) else None, str(about["fetched"]))
