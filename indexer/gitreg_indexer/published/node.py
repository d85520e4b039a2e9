"""A node: a registry in memory, made from a snapshot, which answers without Git, index or server and follows the feed.

- It starts from the snapshot, and from then on reads only what commits changed.
- It answers as the index does: `get`, what a selector means, and lists by kind and namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from gitreg.errors import ConflictError, GitregError
from gitreg.refs import Ref
from gitreg.versions import Version
from gitreg_indexer.published.lines import Change, Line, chosen_line
from gitreg_indexer.published.reader import Found, Published
from gitreg_indexer.publishing.errors import DamagedError
from gitreg_indexer.publishing.front import Front
from gitreg_indexer.publishing.layout import Key, Stated


class Node:
    """The records of a published registry as of one commit."""

    def __init__(self, commit: str, seq: int) -> None:
        self.commit = commit
        self.seq = seq
        self._names: dict[Key, dict[str, tuple[Line, bytes]]] = {}

    @classmethod
    def start(cls, published: Published) -> Node:
        """Start from the snapshot."""
        return published.steadily(lambda front: cls._loaded(published, front))

    @classmethod
    def _loaded(cls, published: Published, front: Front) -> Node:
        node = cls(front.commit, front.seq)
        for doc in published.snapshot(front):
            node._put(doc)
        return node

    def follow(self, published: Published) -> int:
        """Come up to what is published now; gives how many commits that were.

        `ConflictError` where that is another history: the node must then be started anew.
        """
        published.refresh()
        return published.steadily(lambda front: self._follow(published, front))

    def _follow(self, published: Published, front: Front) -> int:
        before = self.seq
        commits = published.changes(front, before - 1)
        known = next(commits, None)
        if known is None or (known.seq, known.commit) != (self.seq, self.commit):
            raise ConflictError(
                "what is published is not of the history that this node follows",
                got=f"commit {front.commit[:12]} (seq {front.seq})",
                expected=f"a descendant of {self.commit[:12]} (seq {self.seq})",
                mend="start a new node from the snapshot",
            )
        for told in commits:
            self._apply(published, told.changes)
            self.commit, self.seq = told.commit, told.seq
        return self.seq - before

    def get(self, ref: Ref) -> Found:
        """Find the record that a ref means; `NotFoundError` says what there is instead."""
        under = self._names.get(Key.of(ref), {})
        line = chosen_line(ref, [line for line, _ in under.values()])
        return Found(under[line.ref][1], self.commit, self.seq)

    def list(self, kind: str | None = None, namespace: str | None = None) -> Iterator[str]:
        """List refs in the order of names, of one kind, of one namespace with all below it."""
        for key in sorted(self._names):
            if namespace is not None and not f"{key.namespace}/".startswith(f"{namespace}/"):
                continue
            for line, _ in sorted(self._names[key].values(), key=_rank, reverse=True):
                if kind in (None, Ref.parse(line.ref).kind):
                    yield line.ref

    def _apply(self, published: Published, changes: Sequence[Change]) -> None:
        """Do what a commit did, whole or not at all: its records are fetched first."""
        docs = [published.record(change.stated) for change in changes if change.stated]
        for change in changes:
            if change.stated is None:
                self._drop(change.ref)
        for doc in docs:
            self._put(doc)

    def _put(self, doc: bytes) -> None:
        try:
            line = _line_of(doc)
        except (ValueError, TypeError, KeyError, AttributeError, GitregError) as error:
            raise DamagedError(
                "a published record is none",
                where=f"the record with sha256:{Stated.of(doc).sha256}",
                got=f"{type(error).__name__}: {error}",
                mend="run `gitreg publish --whole` where it is published",
            ) from error
        self._names.setdefault(Key.of(Ref.parse(line.ref)), {})[line.ref] = (line, doc)

    def _drop(self, ref: str) -> None:
        key = Key.of(Ref.parse(ref))
        under = self._names.get(key, {})
        under.pop(ref, None)
        if not under:
            self._names.pop(key, None)


def _line_of(doc: bytes) -> Line:
    """Make the line that a name's file has for a record."""
    data = orjson.loads(doc)
    spec = data["spec"]
    ref = Ref.parse(data["registry"]["ref"])
    version = str(ref.selector) if isinstance(ref.selector, Version) else None
    status = (spec.get("lifecycle") or {}).get("status")
    aliases = dict(spec["aliases"]) if ref.kind == "Aliases" else None
    return Line(ref.address(version).ref, version, status, aliases, Stated.of(doc))


def _rank(held: tuple[Line, bytes]) -> str:
    """Order what stands under a name: by version, aliases before all."""
    version = held[0].version
    return Version.parse(version).sort_key() if version else ""
