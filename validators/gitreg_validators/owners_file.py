"""GitHub's CODEOWNERS, made from the owners of namespaces and the administrators.

- The last pattern that matches decides alone, so deeper namespaces come last and name the owners above them too.
- Only what GitHub knows is written: emails, `@users` and `@org/teams`; whoever else owns something stands in a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from gitreg.kinds import Namespace
from gitreg.refs import KINDS, Shape
from gitreg.repository.snapshot import Snapshot
from gitreg_validators.rights import administrators_of, owners_of

PLACE: Final = ".github/CODEOWNERS"
SETTINGS: Final = (
    "/registry.yaml",
    "/access/",
    "/waivers/",
    "/hooks/",
    "/.github/",
    "/.gitreg/",
    "/.gitattributes",
    "/.pre-commit-config.yaml",
)
HOLDERS: Final = tuple(sorted({place.folder for place in KINDS.values() if place.shape in (Shape.VERSION, Shape.NAME)}))
"""The folders that hold namespaces."""
_KNOWN: Final = re.compile(r"@[\w.-]+(?:/[\w.-]+)?|[^\s@#]+@[^\s@#]+")
HEAD: Final = "# Made by `gitreg codeowners` from namespaces/ and access/; changes by hand are lost.\n"


def codeowners_of(state: Snapshot, today: date) -> str:
    """Give the text of CODEOWNERS for a state, as bindings hold on a day."""
    blocks = ["".join(_block("the registry", SETTINGS, administrators_of(state, today)))]
    for namespace in sorted(_namespaces(state), key=lambda name: (name.count("/"), name)):
        patterns = [
            f"/namespaces/{namespace}.yaml",
            f"/namespaces/{namespace}/",
            *(f"/{folder}/{namespace}/" for folder in HOLDERS),
        ]
        blocks.append("".join(_block(namespace, patterns, owners_of(state, namespace))))
    return "\n".join([HEAD, *(block for block in blocks if block)])


def _namespaces(state: Snapshot) -> Iterator[str]:
    for entry in state.walk("namespaces"):
        record = state.record_at(entry.path) if entry.is_plain else None
        if record is not None and isinstance(record.manifest, Namespace):
            yield record.manifest.metadata.name


def _block(title: str, patterns: Sequence[str], owners: Sequence[str]) -> Iterator[str]:
    known = [owner for owner in owners if _KNOWN.fullmatch(owner)]
    if not owners:
        return
    yield f"# {title}\n"
    yield from (f"# {owner} is nobody that GitHub knows\n" for owner in owners if owner not in known)
    if known:
        yield from (f"{_escaped(pattern)} {' '.join(known)}\n" for pattern in patterns)


def _escaped(pattern: str) -> str:
    """Escape what a pattern would take for more than itself."""
    return re.sub(r"([\\ #!*?\[\]])", r"\\\1", pattern)
