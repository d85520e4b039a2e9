"""Vectors as bytes: quantised so that their products are whole numbers, the same on every machine.

- A vector is stretched so that its largest number becomes `_reach`, and rounded to int8. What is compared is the
  angle, so nothing else of its length is kept than 1 / length of the rounded vector.
- Products are added up in float32 by the machine's BLAS, in whatever order it likes: every partial sum is a whole
  number up to 2**24, which float32 holds exactly. `_reach` is chosen by the dimension so that this is certain.
- What follows is one multiplication a vector, which IEEE 754 rounds the same everywhere. So equal vectors have equal
  scores, and scores have one order.
- Memory is bounded: a block of rows is turned into float32 at a time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]

_EXACT: Final = 2**24
_BLOCK: Final = 2**18
"""Numbers in a block: 1 MB of float32, which a core's cache holds; smaller and larger ones were slower."""


def quantise(vectors: npt.NDArray[np.floating]) -> tuple[Bytes, Floats]:
    """Give rows as bytes, and 1 / length of each; 0 for a row of zeros."""
    rows = np.asarray(vectors, np.float64)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    is_said = largest > np.finfo(np.float32).tiny
    codes = np.zeros(rows.shape, np.int8)
    stretch = _reach(rows.shape[1]) / largest[is_said]
    codes[is_said] = np.rint(rows[is_said] * stretch[:, None])
    whole = codes.astype(np.int64)
    squares = (whole * whole).sum(axis=1)
    inverse = np.zeros(len(rows), np.float32)
    inverse[is_said] = 1 / np.sqrt(squares[is_said])
    return codes, inverse


def cosines(codes: Bytes, inverse: Floats, asked: Bytes) -> Floats:
    """Give the cosine of the angle between each row and one vector in bytes; 0 where either is zeros."""
    count, dimensions = codes.shape
    height = max(1, _BLOCK // max(dimensions, 1))
    block = np.empty((min(height, count), dimensions), np.float32)
    wanted = asked.astype(np.float32)
    found = np.empty(count, np.float32)
    for start in range(0, count, height):
        stop = min(start + height, count)
        part = block[: stop - start]
        np.copyto(part, codes[start:stop])
        np.dot(part, wanted, out=found[start:stop])
    found *= inverse
    whole = asked.astype(np.int64)
    length = math.sqrt(int(whole @ whole))
    found *= np.float32(1 / length if length else 0)
    return found


def _reach(dimensions: int) -> int:
    """Give the largest whole number r up to 127 with dimensions * r * r <= 2**24."""
    return min(127, math.isqrt(_EXACT // max(dimensions, 1)))
