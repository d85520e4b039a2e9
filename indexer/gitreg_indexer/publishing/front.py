"""`index.json`, the one file that changes in its place: what is published, and where its three lists begin.

- It is read strictly: what is absent or of the wrong type makes it no entry at all.
- The paths in it are for people; a reader makes paths of digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from gitreg_indexer.publishing.layout import FORMAT, LINKS, TREES, Stated, page_path


@dataclass(frozen=True, slots=True)
class Front:
    """The entry to a published registry. `roots` are the first pages of the lists, by name."""

    uid: str
    name: str
    commit: str
    seq: int
    time: str
    kinds: dict[str, int]
    names: int
    commits: int
    files: int
    is_open: bool
    roots: dict[str, Stated]

    @property
    def records(self) -> int:
        """Count the records that hold."""
        return sum(self.kinds.values())

    def written(self) -> bytes:
        """Give it as a file."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "registry": {"uid": self.uid, "name": self.name},
            "commit": self.commit,
            "seq": self.seq,
            "time": self.time,
            "counts": {
                "records": self.records,
                "names": self.names,
                "commits": self.commits,
                "files": self.files,
                "kinds": {word: self.kinds[word] for word in sorted(self.kinds) if self.kinds[word]},
            },
            **{tree: _root(tree, self.roots[tree]) for tree in TREES},
            "links": LINKS,
        }
        data["changes"]["open"] = self.is_open
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, raw: bytes) -> Front:
        """Read it; ValueError says what is wrong with it."""
        data = orjson.loads(raw)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        registry, counts, changes = (_part(data, name, dict) for name in ("registry", "counts", "changes"))
        kinds = _part(counts, "kinds", dict)
        return cls(
            uid=_part(registry, "uid", str),
            name=_part(registry, "name", str),
            commit=_part(data, "commit", str),
            seq=_part(data, "seq", int),
            time=_part(data, "time", str),
            kinds={word: _part(kinds, word, int) for word in kinds},
            names=_part(counts, "names", int),
            commits=_part(counts, "commits", int),
            files=_part(counts, "files", int),
            is_open=_part(changes, "open", bool),
            roots={tree: Stated.read(data.get(tree)) for tree in TREES},
        )


def _root(tree: str, stated: Stated) -> dict[str, Any]:
    return {"path": page_path(tree, stated.sha256), "sha256": stated.sha256, "size": stated.size}


def _part(data: dict[str, Any], name: str, kind: type) -> Any:
    found = data.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise ValueError(f"its {name!r} is {found!r}, not {kind.__name__}")
    return found
