"""A picture as a Mermaid flowchart.

- Boxes are n0, n1, ...; texts stand in quotes with whatever could end or change them as `#code;`, Mermaid's own way.
- No line ends in a semicolon and no text has a bare colon: Mermaid, looking for styles, would take codes apart there.
- GitHub and others draw at most 500 arrows and 50,000 letters, unless their own configuration says otherwise.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from gitreg.pictures._colours import kind_shades
from gitreg.pictures._picture import Box, Picture, arrows_of, boxes_of, numbers_of
from gitreg.pictures._text import address, clean

_UNSAFE: Final = re.compile(
    r"[^\w ./+,()-]"  # what has a meaning somewhere, of the language or of Markdown
    r"|(?<!\w)_|_(?!\w)"  # emphasis
    r"|[.+)-](?=\s|$)"  # lists
    r"|\bd(?=irection\b)"  # a line with `direction TB` is a statement, wherever in it that stands
)
_JOINED: Final = re.compile(
    r"\\(?=[nN])"  # a break
    r"|\$(?=\$)"  # a formula
    r"|:(?=fa-)"  # an icon
    "|\ufb02(?=\u00b0)|\u00b6(?=\u00df)"  # what Mermaid itself writes for codes between two steps
)
"""What Mermaid looks for after it has read the codes, so that only a word joiner (U+2060) keeps it text."""


def mermaid(picture: Picture) -> str:
    """Write the picture as a Mermaid flowchart, from left to right."""
    boxes = boxes_of(picture)
    title = " \u00b7 ".join(part for part in (clean(picture.title), clean(picture.caption)) if part)
    head = ["---", f"title: {_yaml(title)}", "---"] if title else []
    lines = [*_boxes(boxes), *_arrows(picture, numbers_of(boxes)), *_classes(boxes), *_links(boxes)]
    return "\n".join([*head, "flowchart LR", *(f"    {line}" for line in lines)]) + "\n"


def _quoted(text: str) -> str:
    apart = _JOINED.sub(lambda match: f"{match[0]}\u2060", clean(text))
    return _UNSAFE.sub(lambda match: f"#{ord(match[0])};", apart)


def _yaml(text: str) -> str:
    """Write a text as YAML and JSON both do, with nothing in it that Mermaid looks for before it reads YAML."""
    plain = json.dumps(text, ensure_ascii=False)
    return '"' + re.sub("[<>&%#{}`]", lambda match: f"\\u{ord(match[0]):04x}", plain[1:-1]) + '"'


def _boxes(boxes: Sequence[Box]) -> Iterator[str]:
    for n, box in enumerate(boxes):
        small = " \u00b7 ".join(_quoted(text) for text in (box.kind, *box.lines[:1]) if clean(text))
        rows = [_quoted(box.title) or " ", small, *(_quoted(line) for line in box.lines[1:])]
        yield f'n{n}["{"<br/>".join(row for row in rows if row)}"]'


def _arrows(picture: Picture, numbers: dict[str, int]) -> Iterator[str]:
    for arrow in arrows_of(picture):
        line = "-.->" if arrow.is_dashed else "-->"
        label = f'|"{_quoted(arrow.label)}"|' if clean(arrow.label) else ""
        yield f"n{numbers[arrow.source]} {line}{label} n{numbers[arrow.target]}"


def _classes(boxes: Sequence[Box]) -> Iterator[str]:
    groups: dict[str, list[int]] = defaultdict(list)
    for n, box in enumerate(boxes):
        groups[clean(box.kind)].append(n)
    tints = kind_shades(groups)
    for k, kind in enumerate(sorted(groups)):
        ground, line, ink = tints[kind][0]
        yield f"classDef k{k} fill:{ground},stroke:{line},color:{ink}"
        yield f"class {_listed(groups[kind])} k{k}"
    for name, style, chosen in (
        ("root", "stroke-width:4px", [n for n, box in enumerate(boxes) if box.is_root]),
        ("faded", "stroke-dasharray:4 3,opacity:0.7", [n for n, box in enumerate(boxes) if box.is_faded]),
    ):
        if chosen:
            yield f"classDef {name} {style}"
            yield f"class {_listed(chosen)} {name}"


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(f"n{n}" for n in numbers)


def _links(boxes: Sequence[Box]) -> Iterator[str]:
    for n, box in enumerate(boxes):
        href = address(box.href)
        if href is not None:
            yield f'click n{n} href "{href}"'
