"""What is drawn: boxes, arrows between them, and what is written around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitreg.errors import UsageError


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `id` is its own in the picture, `title` the first line, `lines` the smaller ones, `kind` the colour.

    A root is what was asked for and stands out. What is faded is retired or could not be found.
    """

    id: str
    title: str
    lines: tuple[str, ...] = ()
    kind: str = ""
    href: str | None = None
    is_root: bool = False
    is_faded: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow between the ids of two boxes; an end that is no box of the picture is drawn as a faded one."""

    source: str
    target: str
    label: str = ""
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its title, its boxes (each id once), its arrows, a caption below, what a dashed arrow means."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    caption: str = ""
    dashed: str = "dashed"

    def __post_init__(self) -> None:
        if len({box.id for box in self.boxes}) < len(self.boxes):
            raise ValueError("two boxes of a picture have the same id")


def boxes_of(picture: Picture) -> list[Box]:
    """Give the boxes in the order of their ids, with a faded one for each end of an arrow that has none."""
    known = {box.id for box in picture.boxes}
    ends = {end for arrow in picture.arrows for end in (arrow.source, arrow.target)}
    missing = [Box(end, end, is_faded=True) for end in ends - known]
    return sorted([*picture.boxes, *missing], key=lambda box: box.id)


def arrows_of(picture: Picture) -> list[Arrow]:
    """Give the arrows in order, each once."""
    return sorted(set(picture.arrows), key=lambda arrow: (arrow.source, arrow.target, arrow.label, arrow.is_dashed))


def numbers_of(boxes: Sequence[Box]) -> dict[str, int]:
    """Give each id the place of its box."""
    return {box.id: n for n, box in enumerate(boxes)}


def too_large(got: str, expected: str) -> UsageError:
    """Make the error of a picture that nobody could read."""
    return UsageError(
        "the graph is too large to be drawn",
        got=got,
        expected=expected,
        mend="ask for less of it (a smaller depth, one relation), or take it as Mermaid, DOT or JSON",
    )
