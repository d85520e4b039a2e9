"""A picture as SVG: one text that stands for itself, without scripts, fonts or anything from elsewhere.

- It is XML whatever the texts are; links lead to http, https or relative addresses only.
- A class on the root keeps its style sheet from touching a page that it is put into; there are no ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gitreg.pictures._colours import CALM, PLAIN, Shades, kind_class, kind_shades, line_class, style_sheet
from gitreg.pictures._layout import Edge, Layout, Place, Point, Route, laid_out
from gitreg.pictures._legend import Lines, entries_of, legend, lines_of
from gitreg.pictures._picture import Arrow, Box, Picture, arrows_of, boxes_of, numbers_of, too_large
from gitreg.pictures._text import address, clean, cut, escape, held, number, width_of

MOST_BOXES: Final = 2000
"""Boxes that are drawn."""
MOST_ARROWS: Final = 5000
"""Arrows that are drawn."""
_MOST_TEXT: Final = 228
_MOST_LABEL: Final = 110.0
_MOST_IN_ROW: Final = 170.0
_LEFT, _RIGHT = 12.0, 10.0
_MARGIN: Final = 20.0
_LEAST_WIDTH: Final = 480.0


def svg(picture: Picture) -> str:
    """Draw the picture as SVG, from left to right; raise UsageError if it is larger than anybody could read."""
    boxes, arrows = boxes_of(picture), arrows_of(picture)
    _check_size(len(boxes), len(arrows))
    lines = lines_of(arrows)
    numbers = numbers_of(boxes)
    faces = [_face(box) for box in boxes]
    edges = _edges(arrows, numbers, lines)
    layout = laid_out([(face.width, face.height) for face in faces], edges)
    kinds = kind_shades(clean(box.kind) for box in boxes)
    width = max(_LEAST_WIDTH, layout.width + 2 * _MARGIN)
    head, top = _head(picture, boxes, kinds, lines, width)
    body = [
        f'<g transform="translate({number(_MARGIN)} {number(top)})">',
        *_arrows(arrows, boxes, numbers, layout, lines),
        *_boxes(boxes, faces, kinds, layout),
        "</g>",
    ]
    foot, height = _foot(picture, top + layout.height + _MARGIN, width)
    return "".join(
        [
            _opening(number(width), number(height)),
            f"<title>{escape(picture.title)}</title><desc>{_description(picture, boxes, arrows)}</desc>",
            f"<style>{style_sheet([*kinds.values(), PLAIN], [*lines.colours.values(), CALM])}</style>",
            '<rect class="g" width="100%" height="100%"/>\n',
            "\n".join([head, *body, foot]),
            "</svg>\n",
        ]
    )


def _opening(width: str, height: str) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="gitreg" role="img" {size}>'


def _check_size(boxes: int, arrows: int) -> None:
    if boxes > MOST_BOXES or arrows > MOST_ARROWS:
        raise too_large(f"{boxes} boxes and {arrows} arrows", f"at most {MOST_BOXES} boxes and {MOST_ARROWS} arrows")


@dataclass(frozen=True, slots=True)
class _Face:
    """What is written in a box, and the room that it takes: the title, the kind, the first small line, the others."""

    title: str
    kind: str
    rows: tuple[str, ...]
    width: float
    height: float


def _face(box: Box) -> _Face:
    title = cut(clean(box.title), 12, _MOST_TEXT)
    kind = cut(clean(box.kind), 10, _MOST_TEXT / 2)
    first = width_of(kind, 10.8) + 6 if kind else 0.0
    lines = [line for line in map(clean, box.lines) if line] or ([""] if kind else [])
    whole = " \u00b7 ".join(lines)
    if first + width_of(whole, 10) <= max(_MOST_IN_ROW, width_of(title, 12)):
        lines = [whole] if lines else []
    rows = [cut(line, 10, _MOST_TEXT - (0 if n else first)) for n, line in enumerate(lines)]
    indents = [first, *[0.0] * len(rows)]
    widths = [indent + width_of(row, 10) for indent, row in zip(indents, rows, strict=False)]
    width = max([60.0, width_of(title, 12), *widths]) + _LEFT + _RIGHT
    return _Face(title, kind, tuple(rows), width, 22.0 + 12 * len(rows))


def _edges(arrows: Sequence[Arrow], numbers: dict[str, int], lines: Lines) -> list[Edge]:
    styles = sorted({(clean(arrow.label), arrow.is_dashed) for arrow in arrows})
    style_of = {style: n for n, style in enumerate(styles)}
    return [
        Edge(
            numbers[arrow.source],
            numbers[arrow.target],
            style_of[clean(arrow.label), arrow.is_dashed],
            _label_room(arrow) if lines.are_written else 0.0,
        )
        for arrow in arrows
    ]


def _label_room(arrow: Arrow) -> float:
    return width_of(_label(arrow), 10) + 14 if _label(arrow) else 0.0


def _label(arrow: Arrow) -> str:
    return cut(clean(arrow.label), 10, _MOST_LABEL)


def _description(picture: Picture, boxes: Sequence[Box], arrows: Sequence[Arrow]) -> str:
    counts = f"A graph drawn from left to right. Boxes: {len(boxes)}, arrows: {len(arrows)}."
    return escape(f"{counts} {picture.caption}")


def _head(
    picture: Picture, boxes: Sequence[Box], kinds: dict[str, Shades], lines: Lines, width: float
) -> tuple[str, float]:
    """Draw title and legend, and give the height where they end."""
    title = cut(clean(picture.title), 17.5, width - 2 * _MARGIN)
    held_to = held(width_of(title, 17.5))
    text = f'<text class="h" x="{number(_MARGIN)}" y="30" {held_to}>{escape(title)}</text>'
    rows, end = legend(entries_of(picture, boxes, kinds, lines), _MARGIN, 44.0, width - _MARGIN)
    return text + rows, end + 16


def _foot(picture: Picture, y: float, width: float) -> tuple[str, float]:
    caption = cut(clean(picture.caption), 10, width - 2 * _MARGIN)
    if not caption:
        return "", y
    line = f'<text x="{number(_MARGIN)}" y="{number(y + 4)}" {held(width_of(caption, 10))}>{escape(caption)}</text>'
    return line, y + _MARGIN


def _boxes(boxes: Sequence[Box], faces: Sequence[_Face], kinds: dict[str, Shades], layout: Layout) -> list[str]:
    return [
        _linked(box, _box(box, face, kind_class(kinds[clean(box.kind)]), layout.places[n]))
        for n, (box, face) in enumerate(zip(boxes, faces, strict=True))
    ]


def _linked(box: Box, drawn: str) -> str:
    href = address(box.href)
    return drawn if href is None else f'<a href="{escape(href)}">{drawn}</a>'


def _box(box: Box, face: _Face, kind: str, place: Place) -> str:
    x, y, width, height = (number(value) for value in (place.x, place.y, place.width, place.height))
    faded = " f" if box.is_faded else ""
    frame = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="5"'
    parts = [
        f'<g class="{kind}{" q" if box.is_faded else ""}"><title>{_tooltip(box)}</title>',
        f'<rect class="g" {frame}/><rect class="b{faded}" {frame}/>',
        f'<rect class="s" x="{x}" y="{number(place.y + 5)}" width="4" height="{number(place.height - 10)}"/>',
        f'<rect class="o" {frame}/>' if box.is_root else "",
        _texts(face, place),
        "</g>",
    ]
    return "".join(parts)


def _tooltip(box: Box) -> str:
    lines = [clean(text) for text in (box.title, box.kind, *box.lines) if clean(text)]
    return "\n".join(escape(line) for line in lines)


def _texts(face: _Face, place: Place) -> str:
    x = number(place.x + _LEFT)
    y = place.y + (place.height - 22 - 12 * len(face.rows)) / 2 + 15
    parts = [f'<text class="t" x="{x}" y="{number(y)}" {held(width_of(face.title, 12))}>{escape(face.title)}</text>']
    for n, row in enumerate(face.rows):
        kind = f'<tspan class="n">{escape(face.kind)}</tspan>' if face.kind and not n else ""
        words = f'<tspan dx="5">{escape(row)}</tspan>' if kind and row else escape(row)
        width = width_of(row, 10) + (width_of(face.kind, 10.8) + (5 if row else 0) if kind else 0)
        parts.append(f'<text x="{x}" y="{number(y + 13 + 12 * n)}" {held(width)}>{kind}{words}</text>')
    return "".join(parts)


def _arrows(
    arrows: Sequence[Arrow], boxes: Sequence[Box], numbers: dict[str, int], layout: Layout, lines: Lines
) -> list[str]:
    drawn = []
    for n, arrow in enumerate(arrows):
        ends = [clean(boxes[numbers[end]].title) for end in (arrow.source, arrow.target)]
        words = " \u2192 ".join(ends) + (f": {clean(arrow.label)}" if clean(arrow.label) else "")
        dashes = " d" if arrow.is_dashed else ""
        is_loop = arrow.source == arrow.target
        line, head = _loop(layout.routes[n]) if is_loop else _way(layout.routes[n])
        drawn.append(
            f'<g class="w {line_class(lines.colours[clean(arrow.label)])}"><title>{escape(words)}</title>'
            f'<path class="a{dashes}" d="{line}"/><path class="p" d="{head}"/>'
            f"{_written(arrow, layout.routes[n], is_loop) if lines.are_written else ''}</g>"
        )
    return drawn


def _written(arrow: Arrow, route: Route, is_loop: bool) -> str:
    """Write the label left of where the arrow meets its right-hand box; that of a loop below its end."""
    x, y = route.points[-1]
    x, y, anchor = (x, y + 3, "start") if is_loop else (x - 10, y, "end")
    label = escape(_label(arrow))
    return f'<text class="l" x="{number(x)}" y="{number(y - 3)}" text-anchor="{anchor}">{label}</text>' if label else ""


def _way(route: Route) -> tuple[str, str]:
    """Give the path of the line, which ends inside its arrow head, and the path of the head."""
    points = list(route.points)
    tip = points[0 if route.is_turned else -1]
    points[0 if route.is_turned else -1] = (tip[0] + (5 if route.is_turned else -5), tip[1])
    parts = [f"M{_pair(points[0])}"]
    for one, two in pairwise(points):
        if one[1] != two[1]:
            middle = (one[0] + two[0]) / 2
            parts.append(f"C{_pair((middle, one[1]))} {_pair((middle, two[1]))} {_pair(two)}")
        elif parts[-1].startswith("H"):
            parts[-1] = f"H{number(two[0])}"
        elif one[0] != two[0]:
            parts.append(f"H{number(two[0])}")
    return "".join(parts), _arrow_head(tip, route.is_turned)


def _loop(route: Route) -> tuple[str, str]:
    start, end, _ = route.points
    out = start[0] + 26
    line = f"M{_pair(start)}C{_pair((out, start[1] - 6))} {_pair((out, end[1] + 6))} {_pair((end[0] + 5, end[1]))}"
    return line, _arrow_head(end, True)


def _arrow_head(tip: Point, is_to_the_left: bool) -> str:
    back = 7 if is_to_the_left else -7
    return f"M{_pair(tip)}l{back} -3.5v7z"


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"
