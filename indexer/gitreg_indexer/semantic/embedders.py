"""What an embedder is: it gives texts vectors, so that texts that are alike lie near each other.

- Embedders are found through the entry-point group `gitreg.embedders`, each a function from the environment's
  variables to an embedder; `GITREG_EMBEDDER` names the one to use.
- An embedder's name says all that its vectors depend on: vectors of another name are made again.
- The default needs no download and gives the same bits on every machine: it reckons with whole numbers, and what is
  rounded at the end (one root, one division) is rounded the same everywhere.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import entry_points
from itertools import islice
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from gitreg.errors import GitregError, UsageError
from gitreg_indexer.engine import words_of

GROUP: Final = "gitreg.embedders"
VARIABLE: Final = "GITREG_EMBEDDER"
DEFAULT: Final = "hashed"

Floats = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Gives each text a vector."""

    @property
    def name(self) -> str:
        """Identify the model and its dimension."""
        raise NotImplementedError

    @property
    def dimensions(self) -> int:
        """Tell how many numbers a vector has."""
        raise NotImplementedError

    def embed(self, texts: Sequence[str]) -> Floats:
        """Give the vectors of texts as rows of length 1; a row of zeros where a text says nothing.

        A text's first line is what something is called, the rest tells of it. `GitregError` where it cannot be done.
        """
        raise NotImplementedError


@runtime_checkable
class Hasty(Protocol):
    """An embedder that may be slow, and can be asked by somebody who does not wait long."""

    def embed_at_once(self, text: str) -> Floats:
        """Give the vector of one text as a row, soon; `GitregError` where it does not come."""
        raise NotImplementedError


Making = Callable[[Mapping[str, str]], Embedder]
"""What an entry point of the group names."""


def configured(environ: Mapping[str, str] | None = None) -> Embedder:
    """Make the embedder that the environment names, or the default."""
    variables = os.environ if environ is None else environ
    name = variables.get(VARIABLE) or DEFAULT
    for entry in entry_points(group=GROUP, name=name):
        make: Making = entry.load()
        return make(variables)
    known = sorted({entry.name for entry in entry_points(group=GROUP)})
    near = get_close_matches(name, known, n=1)
    raise GitregError(
        f"there is no embedder {name!r}",
        where=f"${VARIABLE}",
        got=name,
        expected=", ".join(known),
        mend=f"did you mean {near[0]!r}?" if near else "name one that is installed",
    )


class HashedEmbedder:
    """Finds shared words and shared parts of words, and knows nothing of what they mean.

    Each different word of a text counts as itself and as its runs of three letters (of two as well, where it is not
    ASCII), so a misspelt or inflected word still shares most of what it is. Each of these is hashed to one of the
    dimensions and a sign. The title's words count eightfold before the square root is taken. Two texts about the same
    thing in other words are not near each other: that takes a trained model.
    """

    def __init__(self, dimensions: int = 256) -> None:
        if not _FEWEST <= dimensions <= _MOST:
            raise UsageError(
                f"a hashed vector cannot have {dimensions} dimensions",
                got=dimensions,
                expected=f"{_FEWEST} to {_MOST}",
                mend="256 is a good choice",
            )
        self.dimensions: Final = dimensions
        self.name: Final = f"hashed-1:{dimensions}"

    def embed(self, texts: Sequence[str]) -> Floats:
        """Give the vectors of texts as rows of length 1; zeros where a text has no words."""
        made = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), _TOGETHER):
            whole = self._sums([_weights(text) for text in texts[start : start + _TOGETHER]])
            squares = (whole * whole).sum(axis=1, keepdims=True)
            made[start : start + len(whole)] = whole / np.sqrt(np.maximum(squares, 1))
        return made

    def _sums(self, weighed: Sequence[Mapping[str, int]]) -> npt.NDArray[np.int64]:
        """Add up the features of some texts: whole numbers, which give the same in any order."""
        numbers: dict[str, int] = {}
        words = np.array([numbers.setdefault(word, len(numbers)) for weights in weighed for word in weights], np.intp)
        sums = np.zeros(len(weighed) * self.dimensions)
        if numbers:
            places, values, sizes = zip(*(_features(word, self.dimensions) for word in numbers), strict=True)
            counts = np.array([weight for weights in weighed for weight in weights.values()], np.float64)
            texts = np.repeat(np.arange(len(weighed)), [len(weights) for weights in weighed])
            each = np.array(sizes)[words]
            chosen = _runs((np.cumsum(sizes) - sizes)[words], each)
            at = np.concatenate(places)[chosen] + np.repeat(texts * self.dimensions, each)
            sums += np.bincount(at, np.concatenate(values)[chosen] * np.repeat(counts, each), minlength=len(sums))
        return sums.astype(np.int64).reshape(len(weighed), self.dimensions)


_FEWEST: Final = 16
_MOST: Final = 4_096
_MOST_WORDS: Final = 4_000
_TITLE: Final = 8
_HIGHEST: Final = 64
_ROOTS: Final = tuple(math.isqrt(64 * count) for count in range(_HIGHEST + 1))
_FINENESS: Final = 64
_TOGETHER: Final = 1_024
_SEED: Final = b"gitreg-hashed-1"


def _weights(text: str) -> dict[str, int]:
    """Weigh the different words of a text: by the root of how often they count, in eighths."""
    counts: dict[str, int] = {}
    for number, line in enumerate(text.split("\n")):
        for word in words_of(line):
            counts[word] = counts.get(word, 0) + (1 if number else _TITLE)
    return {word: _ROOTS[min(count, _HIGHEST)] for word, count in islice(counts.items(), _MOST_WORDS)}


@lru_cache(maxsize=1 << 16)
def _features(word: str, dimensions: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], int]:
    """Give where a word's features fall, what each counts, and how many they are.

    Together the parts of a word count twice what the word itself does, be they few or many.
    """
    edged = f"<{word}>"
    lengths = (3,) if word.isascii() else (2, 3)
    parts = [edged[at : at + size] for size in lengths for at in range(len(edged) - size + 1)]
    each = round(_FINENESS / math.sqrt(len(parts)))
    counted = [(f"={word}", _FINENESS // 2), *((f"-{part}", each) for part in parts)]
    falls = [_fall(feature, dimensions) for feature, _ in counted]
    values = [sign * count for (_, sign), (_, count) in zip(falls, counted, strict=True)]
    return np.array([place for place, _ in falls], np.intp), np.array(values, np.float64), len(falls)


def _fall(feature: str, dimensions: int) -> tuple[int, int]:
    """Hash a feature to a dimension and a sign."""
    raw = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8, person=_SEED).digest()
    number = int.from_bytes(raw, "little")
    return (number & 0xFFFFFFFFFFFF) % dimensions, 1 if number >> 63 else -1


def _runs(starts: npt.NDArray[np.intp], sizes: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Give the numbers from each start on, as many as its size, one run after the other."""
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1])


def hashed(environ: Mapping[str, str]) -> Embedder:  # noqa: ARG001 - every embedder is made from the environment
    """Make the default embedder."""
    return HashedEmbedder()
