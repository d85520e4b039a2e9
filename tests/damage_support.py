"""Damages files as they are found damaged on a disk: other content at the same place."""

from __future__ import annotations

from pathlib import Path


def put(content: bytes, file: Path) -> None:
    """Put content at a file's place, as a file of its own.

    What is written into the file itself cuts it first. tantivy maps files and reads them in a thread of its own, which
    may still be at work when its index is closed; reading a mapped file behind its end is a bus error, which ends the
    process.
    """
    file.unlink()
    file.write_bytes(content)
