"""Semantic search: facts near to a text or to another fact, beside the search by words.

- It needs numpy and urllib3 (`llm-gitreg[semantic]`); whoever does not use it neither needs nor loads them.
- It stands beside the search engine and knows nothing of it: `search.Passing` is where they meet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gitreg.errors import GitregError, UsageError
from gitreg_indexer.semantic.fusion import fuse
from gitreg_indexer.semantic.texts import asked_text, text_of

if TYPE_CHECKING:
    from gitreg_indexer.semantic.vectors import Vectors

__all__ = [
    "FOLDER",
    "MODES",
    "OFF",
    "EmbedderAwayError",
    "asked_text",
    "check_mode",
    "fuse",
    "is_installed",
    "open_vectors",
    "text_of",
    "why_none",
]

FOLDER: Final = "semantic"
"""What the folder of vectors is called, beside the catalog."""
MODES: Final = ("lexical", "semantic", "hybrid")
OFF: Final = "none"
_CHOICE: Final = "GITREG_EMBEDDER"
_INSTALL: Final = "pip install 'llm-gitreg[semantic]'"


class EmbedderAwayError(GitregError):
    """The embedder did not answer lately and is left alone for a moment; `wait` is for how many seconds."""

    code = "not-ready"
    wait = 1


def open_vectors(folder: Path, environ: Mapping[str, str] | None = None) -> Vectors | None:
    """Open the vectors in a folder; None where semantic search is switched off, or not installed and not asked for."""
    variables = os.environ if environ is None else environ
    choice = variables.get(_CHOICE, "")
    if choice == OFF or (not choice and not is_installed()):
        return None
    if not is_installed():
        raise GitregError(
            "semantic search is not installed",
            where=f"${_CHOICE}",
            got=choice,
            mend=f"run `{_INSTALL}`, or unset ${_CHOICE}",
        )
    from gitreg_indexer.semantic.embedders import configured
    from gitreg_indexer.semantic.vectors import Vectors

    return Vectors(folder, configured(variables))


def why_none(environ: Mapping[str, str] | None = None) -> UsageError:
    """Say why there are no vectors, to who asks for a mode that needs them."""
    variables = os.environ if environ is None else environ
    if variables.get(_CHOICE) == OFF:
        return UsageError(
            "semantic search is switched off",
            where=f"${_CHOICE}",
            got=OFF,
            mend=f"unset ${_CHOICE} and run `gitreg index`, or search by words",
        )
    return UsageError("semantic search is not installed", mend=f"run `{_INSTALL}`, or search by words")


def check_mode(mode: str) -> str:
    """Give a mode of search back; `UsageError` for one that there is not."""
    if mode in MODES:
        return mode
    near = get_close_matches(mode, MODES, n=1)
    raise UsageError(
        f"there is no mode {mode!r} of search",
        got=mode,
        expected=", ".join(MODES),
        mend=f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(MODES)}",
    )


def is_installed() -> bool:
    """Tell whether what vectors need is installed."""
    return find_spec("numpy") is not None
