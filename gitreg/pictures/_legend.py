"""What the lines of a picture look like, and the legend that says what its colours and lines mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gitreg.pictures._colours import CALM, PLAIN, Line, Shades, kind_class, line_class, line_colours
from gitreg.pictures._picture import Arrow, Box, Picture
from gitreg.pictures._text import clean, cut, escape, number, width_of

MOST_COLOURED: Final = 8
_ROW: Final = 18.0


@dataclass(frozen=True, slots=True)
class Lines:
    """How arrows are drawn: whether labels stand beside the arrows, and the colours of each label's line."""

    are_written: bool
    colours: dict[str, Line]


def lines_of(arrows: Sequence[Arrow]) -> Lines:
    """Tell labels by colour; where there are too many, or about one for each arrow, write them beside the arrows."""
    labels = sorted({clean(arrow.label) for arrow in arrows})
    is_crowded = len(labels) > MOST_COLOURED
    if is_crowded or (len(labels) > 1 and len(labels) * 2 > len(arrows)):
        return Lines(True, dict.fromkeys(labels, CALM))
    return Lines(False, line_colours(labels))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the legend: the drawing of a sample 22 px wide and 10 px high, and the words."""

    sample: str
    words: str

    @property
    def width(self) -> float:
        """Measure it in px, with the room that follows."""
        return 28 + width_of(self.words, 10) + 16


def entries_of(picture: Picture, boxes: Iterable[Box], kinds: dict[str, Shades], lines: Lines) -> list[Entry]:
    """Give the entries: the kinds, the lines, and what else stands out in this picture."""
    boxes = list(boxes)
    entries = [
        Entry(
            f'<g class="{kind_class(tints)}"><rect class="b" x=".5" width="20" height="10" rx="3"/></g>', _words(kind)
        )
        for kind, tints in kinds.items()
        if kind
    ]
    if any(box.is_root for box in boxes):
        entries.append(Entry('<rect class="o" x="1" width="20" height="10" rx="3"/>', "asked for"))
    if any(box.is_faded for box in boxes):
        rect = f'<g class="{kind_class(PLAIN)}"><rect class="b f" x=".5" width="20" height="10" rx="3"/></g>'
        entries.append(Entry(rect, "retired or not found"))
    return entries + _line_entries(picture, lines)


def _line_entries(picture: Picture, lines: Lines) -> list[Entry]:
    styles = {(clean(arrow.label), arrow.is_dashed) for arrow in picture.arrows}
    if lines.are_written:
        dashes = {is_dashed for _, is_dashed in styles}
        styles = {("", True)} if True in dashes else set()
    entries = []
    for label, is_dashed in sorted(styles):
        words = ", ".join(part for part in (label, clean(picture.dashed) if is_dashed else "") if part)
        if words:
            entries.append(Entry(_line(lines.colours.get(label, CALM), is_dashed), _words(words)))
    return entries


def _line(colours: Line, is_dashed: bool) -> str:
    dashes = " d" if is_dashed else ""
    paths = f'<path class="a{dashes}" d="M0 5H17"/><path class="p" d="M22 5l-6 -3v6z"/>'
    return f'<g class="{line_class(colours)}">{paths}</g>'


def _words(text: str) -> str:
    return cut(clean(text), 10, 200)


def legend(entries: Sequence[Entry], x: float, y: float, right: float) -> tuple[str, float]:
    """Draw the entries in rows from a place on, and give the height where they end."""
    parts = []
    start = x
    for entry in entries:
        if x > start and x + entry.width > right:
            x, y = start, y + _ROW
        words = f'<text x="28" y="9">{escape(entry.words)}</text>'
        parts.append(f'<g transform="translate({number(x)} {number(y)})">{entry.sample}{words}</g>')
        x += entry.width
    return "".join(parts), y + (_ROW if entries else 0)
