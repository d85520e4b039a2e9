"""Text made safe to write and measured: cleaned, escaped, cut to a width in px, addresses that may be followed.

- What XML 1.0 cannot hold, and what turns the direction of writing around, becomes U+FFFD; white space, one space.
- Widths are those of Helvetica and its likenesses (Arial, Liberation Sans), in thousandths of the size, and some slack;
  texts in boxes are held to them, for other fonts are wider.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

ELLIPSIS: Final = "\u2026"
_SPACES: Final = re.compile("[\t\n\v\f\r \u0085\u2028\u2029]+")
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_KEPT_IN_ADDRESSES: Final = "!#$%&()*+,-./:=?@[]_~"
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_SLACK: Final = 1.04
_WIDTHS: Final[dict[str, int]] = {
    letter: width
    for width, letters in {
        191: "'",
        222: "ijl",
        260: "|",
        278: " !,./:;I[\\]ft",
        333: "()-`r",
        334: "{}",
        355: '"',
        389: "*",
        469: "^",
        500: "Jckvxyzs",
        556: "#$0123456789?L_abdeghnopqu",
        584: "+<=>~",
        611: "FTZ",
        667: "&ABEKPSVXY",
        722: "CDHNRUw",
        778: "GOQ",
        833: "Mm",
        889: "%",
        944: "W",
        1000: "\u2026\u2014",
        1015: "@",
    }.items()
    for letter in letters
}


def clean(text: str) -> str:
    """Give the text as one line that any of the languages can hold."""
    return _UNFIT.sub("\ufffd", _SPACES.sub(" ", text)).strip()


def escape(text: str) -> str:
    """Give the cleaned text as XML writes it, in an element or in quotes."""
    return clean(text).translate(_XML)


def address(href: str | None) -> str | None:
    """Give an address as a link may have it: http, https or relative to the picture; None for any other."""
    if not href or href != clean(href) or href.startswith(("//", "/\\", "\\")):
        return None
    scheme = _SCHEME.match(href)
    if scheme is not None and scheme[1].lower() not in {"http", "https"}:
        return None
    return quote(href, safe=_KEPT_IN_ADDRESSES)


def width_of(text: str, size: float) -> float:
    """Measure a line in px at a size in px."""
    return sum(_WIDTHS.get(letter) or _width_beyond(letter) for letter in text) * size * _SLACK / 1000


def held(width: float) -> str:
    """Give the attributes that hold a text to the width that it was measured with, whatever font it is shown in."""
    return f'textLength="{number(width / _SLACK)}" lengthAdjust="spacingAndGlyphs"' if width else ""


def _width_beyond(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 1000 if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0xFFFF else 667


def cut(text: str, size: float, most: float) -> str:
    """Give the text, its middle replaced by an ellipsis where it is wider than `most` px."""
    if width_of(text, size) <= most:
        return text
    room = most - width_of(ELLIPSIS, size)
    head = _fitting(text, size, room * 0.55)
    tail = _fitting(text[::-1], size, room - width_of(text[:head], size))
    return text[:head].rstrip() + ELLIPSIS + text[len(text) - tail :].lstrip()


def _fitting(letters: Sequence[str], size: float, room: float) -> int:
    """Count the letters from the start that fit into the room."""
    for n, letter in enumerate(letters):
        room -= width_of(letter, size)
        if room < 0:
            return n
    return len(letters)


def number(value: float) -> str:
    """Write a coordinate: at most one decimal."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")
