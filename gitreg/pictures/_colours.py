"""The colours of kinds and relations, each for a light and for a dark ground, and the style sheet made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

Tints = tuple[str, str, str]
"""Of a box: ground, line, small text."""
Shades = tuple[Tints, Tints]
"""Tints for a light and for a dark ground."""
Line = tuple[str, str]
"""The colour of a line on a light and on a dark ground."""

PLAIN: Final[Shades] = (("#f1f3f5", "#7d8793", "#4d5660"), ("#22272e", "#8b96a5", "#bcc5cf"))
KINDS: Final[dict[str, Shades]] = {
    "Model": (("#e8f0fe", "#3b6fd4", "#1f4fa8"), ("#17263f", "#6d9bf0", "#a8c7fa")),
    "Dataset": (("#e6f4ea", "#2e8b57", "#1c6b3f"), ("#14301f", "#5fbf8a", "#9fe0bd")),
    "Pipeline": (("#f1eafd", "#8250df", "#6333b8"), ("#2a1d45", "#a98bee", "#d0bcff")),
    "PipelineTemplate": (("#fce9f3", "#c0397f", "#952660"), ("#3a1629", "#e580b3", "#f5bcd8")),
    "Config": (("#fdf3dc", "#b7860b", "#7d5a00"), ("#35290c", "#d9ab3f", "#f3d58a")),
    "TestSuite": (("#e0f5f5", "#17858b", "#0b6266"), ("#0f2f31", "#4dbcc2", "#9be3e6")),
    "Policy": (("#fdebea", "#cf3e36", "#a3261f"), ("#3c1815", "#ef857d", "#f8bdb8")),
}
_OTHER_KINDS: Final[tuple[Shades, ...]] = (
    (("#fdeede", "#c8641b", "#93430a"), ("#3a2210", "#ea9a5c", "#f7c9a4")),
    (("#eef5dc", "#6b8e23", "#4a6512"), ("#242f0f", "#a3c456", "#cfe59b")),
    (("#e9ebfb", "#5561c9", "#3a449c"), ("#1f2347", "#929cf0", "#c3c9fa")),
    (("#efe7e2", "#8d6450", "#684536"), ("#30241e", "#c39a86", "#e2c6b8")),
)
RELATIONS: Final[dict[str, Line]] = {
    "depends_on": ("#7d8793", "#8b96a5"),
    "derived_from": ("#3b6fd4", "#6d9bf0"),
    "transforms": ("#2e8b57", "#5fbf8a"),
    "validates": ("#d0661b", "#ea9a5c"),
    "configures": ("#b08a00", "#d9b93f"),
    "replaces": ("#c0397f", "#e580b3"),
    "uses": ("#8250df", "#a98bee"),
}
_OTHER_RELATIONS: Final[tuple[Line, ...]] = (
    ("#17858b", "#4dbcc2"),
    ("#cf3e36", "#ef857d"),
    ("#6b8e23", "#a3c456"),
    ("#8d6450", "#c39a86"),
)
CALM: Final = RELATIONS["depends_on"]
_LIGHT: Final = ("#ffffff", "#1f2328", "#59636e")
_DARK: Final = ("#0d1117", "#e6edf3", "#9198a1")
FONT: Final = 'Helvetica,Arial,"Liberation Sans",sans-serif'


def kind_shades(kinds: Iterable[str]) -> dict[str, Shades]:
    """Give each kind its shades: the known ones always theirs, others what is free, mostly the same again."""
    wanted = sorted(set(kinds))
    spare = [*_OTHER_KINDS, *(tints for kind, tints in KINDS.items() if kind not in wanted)]
    given = {kind: KINDS[kind] for kind in wanted if kind in KINDS}
    for kind in wanted:
        if kind and kind not in KINDS:
            start = crc32(kind.encode("utf-8", "replace")) % len(_OTHER_KINDS)
            turned = [*spare[start:], *spare[:start]]
            given[kind] = next((tints for tints in turned if tints not in given.values()), spare[start])
    return {kind: given.get(kind, PLAIN) for kind in wanted}


def kind_class(shades: Shades) -> str:
    """Name the class of boxes in these shades, the same in every picture."""
    return f"k{shades[0][0][1:]}"


def line_class(colours: Line) -> str:
    """Name the class of lines in these colours, the same in every picture."""
    return f"r{colours[0][1:]}"


def line_colours(labels: Iterable[str]) -> dict[str, Line]:
    """Give each label a light and a dark colour, its own as long as there are enough."""
    labels = sorted(set(labels))
    if len(labels) == 1:
        return dict.fromkeys(labels, CALM)
    free = [colour for name, colour in RELATIONS.items() if name not in labels and colour != CALM]
    spare = [*_OTHER_RELATIONS, *free]
    unknown = [label for label in labels if label not in RELATIONS and label]
    given = {label: spare[n % len(spare)] for n, label in enumerate(unknown)}
    return {label: RELATIONS.get(label) or given.get(label, CALM) for label in labels}


def style_sheet(kinds: Iterable[Shades], lines: Iterable[Line]) -> str:
    """Write the style sheet: a class for the shades of each kind, one for each line; dark where this is preferred."""
    kinds, lines = sorted(set(kinds)), sorted(set(lines))
    return (
        f".gitreg{{font-family:{FONT};font-size:10px}}"
        ".gitreg .t{font-size:12px}.gitreg .h{font-size:16px;font-weight:bold}.gitreg .n{font-weight:bold}"
        ".gitreg .a{fill:none;stroke-width:1.3;stroke-opacity:.8}.gitreg .d{stroke-dasharray:5 3}"
        ".gitreg .l{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}"
        ".gitreg .w:hover .a{stroke-width:3;stroke-opacity:1}.gitreg a:hover .t{text-decoration:underline}"
        ".gitreg .f{stroke-dasharray:4 3;fill-opacity:.35}.gitreg .q{opacity:.7}"
        ".gitreg .o{fill:none;stroke-width:2.5}"
        + _ground_rules(*_LIGHT)
        + _colour_rules(kinds, lines, 0)
        + "@media (prefers-color-scheme:dark){"
        + _ground_rules(*_DARK)
        + _colour_rules(kinds, lines, 1)
        + "}"
    )


def _ground_rules(ground: str, ink: str, muted: str) -> str:
    return (
        f".gitreg .g{{fill:{ground}}}.gitreg text{{fill:{muted}}}.gitreg .t,.gitreg .h{{fill:{ink}}}"
        f".gitreg .o{{stroke:{ink}}}.gitreg .l{{stroke:{ground}}}"
    )


def _colour_rules(kinds: Iterable[Shades], lines: Iterable[Line], shade: int) -> str:
    rules = []
    for tints in kinds:
        ground, line, ink = tints[shade]
        name = f".gitreg .{kind_class(tints)}"
        rules.append(f"{name} .b{{fill:{ground};stroke:{line}}}{name} .s{{fill:{line}}}{name} .n{{fill:{ink}}}")
    for colours in lines:
        name = f".gitreg .{line_class(colours)}"
        rules.append(f"{name} .a{{stroke:{colours[shade]}}}{name} .p{{fill:{colours[shade]}}}")
    return "".join(rules)
