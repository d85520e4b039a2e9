"""A directed graph drawn as text: an SVG picture, a Mermaid flowchart, a Graphviz digraph.

- Values in, text out: nothing is read, nothing is remembered.
- The same picture gives the same text, in whatever order its boxes and arrows are told.
- No text of a picture is ever more than text: not markup, not a statement of the other language, not a script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gitreg.pictures._dot import dot as dot
from gitreg.pictures._mermaid import mermaid as mermaid
from gitreg.pictures._picture import Arrow as Arrow
from gitreg.pictures._picture import Box as Box
from gitreg.pictures._picture import Picture as Picture
from gitreg.pictures._svg import svg as svg

__all__ = ["DRAWINGS", "Arrow", "Box", "Picture", "dot", "mermaid", "svg"]

DRAWINGS: Final[Mapping[str, Callable[[Picture], str]]] = {"mermaid": mermaid, "dot": dot, "svg": svg}
"""What draws a picture, by the form that people name."""
