"""What of a fact is searched: identifiers exactly, names, tags and descriptions as words, and numbers to sort by."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from gitreg_indexer.catalog import Fact
from gitreg_indexer.engine import STATUS, Document, Scalar
from gitreg_indexer.texts import NOT_SEARCHED
from gitreg_indexer.values import values_of


def document_of(fact: Fact, version_key: str, rank: int) -> Document:
    """Make the search document of a fact."""
    data = fact.data()
    metadata, spec, known = data["metadata"], data["spec"], data["registry"]
    namespace = metadata.get("namespace", "") or (metadata["name"] if fact.kind == "Namespace" else "")
    name = metadata.get("name", "")
    heading = " ".join(_heading(metadata, spec))
    return Document(
        id=fact.id,
        kind=fact.kind,
        namespaces=tuple(_with_parents(namespace)),
        identifiers=tuple(sorted(set(_identifiers(fact, namespace, name, metadata, known)))),
        name=name,
        heading=heading,
        passages=(heading, *_words(data)),
        rank=rank,
        version=fact.version,
        version_key=version_key,
        seq_from=fact.seq,
        seq_to=fact.seq_to,
        values=tuple(_values(data, fact.status)),
        digest=digest_of(fact.etag, fact.kind, fact.ref, fact.status, version_key, (fact.seq, fact.seq_to, rank)),
    )


def digest_of(etag: str, kind: str, ref: str, status: str | None, version_key: str, held: tuple[int, int, int]) -> int:
    """Give the digest of what a document is made of, below 2^62; `held` is when it holds from, until, and its rank."""
    raw = repr((etag, kind, ref, status, version_key, *held)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "big") >> 2


def order_of(namespace: str, name: str, version_key: str, kind: str, ref: str) -> str:
    """Give the text by which records are ordered: by namespace, name and newest version; unique at any one time."""
    return f"{namespace}/{name}\x01{_descending(version_key)}\x01{kind}\x01{ref}"


def _values(data: dict[str, Any], status: str | None) -> Iterator[tuple[str, Scalar]]:
    yield from values_of(data)
    if status is not None and "status" not in data["spec"].get("lifecycle", {}):
        yield STATUS, status  # what holds although nobody stated it


def _with_parents(namespace: str) -> Iterator[str]:
    parts = namespace.split("/") if namespace else []
    for length in range(1, len(parts) + 1):
        yield "/".join(parts[:length])


def _identifiers(
    fact: Fact, namespace: str, name: str, metadata: dict[str, Any], known: dict[str, Any]
) -> Iterator[str]:
    if namespace and fact.kind != "Namespace":
        yield f"{namespace}/{name}"
    yield from (fact.ref, fact.ref.partition(":")[2] or fact.ref, known["id"])
    if fact.version:
        yield fact.ref.rpartition("@")[0]
    yield from metadata.get("externalIds", {}).values()


def _heading(metadata: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    yield metadata.get("name", "")
    yield metadata.get("namespace", "")
    yield from metadata.get("tags", ())
    yield from metadata.get("externalIds", {}).values()
    for key in ("provider", "type", "title", "displayName"):
        if isinstance(spec.get(key), str):
            yield spec[key]
    category = spec.get("category", ())
    yield from ([category] if isinstance(category, str) else category)


def _words(value: Any) -> Iterator[str]:
    """Give every text of a document, keys of free maps included; digests and derived fields are left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in NOT_SEARCHED:
                if isinstance(inner, (bool, int, float)):
                    yield key
                yield from _words(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)


def _descending(version_key: str) -> str:
    """Turn a sort key of printable ASCII around, so that ascending order puts the newest version first."""
    return "".join(chr(0x9E - ord(char)) for char in version_key + " ")
