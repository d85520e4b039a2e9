"""A picture as a Graphviz digraph.

- Nodes are n0, n1, ...; texts stand in quotes: backslashes and quotes escaped, ampersands as entities, since Graphviz
  reads `\\N`, `\\"` and `&lt;` in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gitreg.pictures._colours import CALM, kind_shades, line_colours
from gitreg.pictures._picture import Box, Picture, arrows_of, boxes_of, numbers_of
from gitreg.pictures._text import address, clean

_ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;"})


def dot(picture: Picture) -> str:
    """Write the picture as a Graphviz digraph, from left to right."""
    boxes = boxes_of(picture)
    lines = [
        f"graph [rankdir=LR, labelloc=t, label={_lines((picture.title, picture.caption))}, {_FONT}];",
        f'node [shape=box, style="rounded,filled", fontsize=11, {_FONT}];',
        f"edge [fontsize=9, {_FONT}];",
        *_nodes(boxes),
        *_edges(picture, numbers_of(boxes)),
    ]
    return "\n".join(["digraph {", *(f"    {line}" for line in lines), "}"]) + "\n"


_FONT: Final = 'fontname="Helvetica"'


def _quoted(text: str) -> str:
    return f'"{clean(text).translate(_ESCAPED)}"'


def _lines(texts: Iterable[str]) -> str:
    return '"' + "\\n".join(clean(text).translate(_ESCAPED) for text in texts if clean(text)) + '"'


def _nodes(boxes: Sequence[Box]) -> Iterator[str]:
    tints = kind_shades(clean(box.kind) for box in boxes)
    for n, box in enumerate(boxes):
        small = " \u00b7 ".join(text for text in (box.kind, *box.lines[:1]) if clean(text))
        ground, line, ink = tints[clean(box.kind)][0]
        parts = [
            f"label={_lines((box.title, small, *box.lines[1:]))}",
            f'fillcolor="{ground}", color="{line}", fontcolor="{ink}"',
            "penwidth=3" if box.is_root else "",
            'style="rounded,filled,dashed"' if box.is_faded else "",
            f"tooltip={_quoted(box.title)}",
            f"URL={_quoted(address(box.href) or '')}" if address(box.href) else "",
        ]
        yield f"n{n} [{', '.join(part for part in parts if part)}];"


def _edges(picture: Picture, numbers: dict[str, int]) -> Iterator[str]:
    arrows = arrows_of(picture)
    colours = line_colours(clean(arrow.label) for arrow in arrows)
    for arrow in arrows:
        colour = colours.get(clean(arrow.label), CALM)[0]
        label = f", label={_quoted(arrow.label)}" if clean(arrow.label) else ""
        dashes = ", style=dashed" if arrow.is_dashed else ""
        yield f'n{numbers[arrow.source]} -> n{numbers[arrow.target]} [color="{colour}"{label}{dashes}];'
