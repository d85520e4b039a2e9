"""What of a fact is searched: identifiers exactly, names, tags and descriptions as words, and numbers to sort by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import repeat
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
        values=_values(data, fact.status),
        digest=digest_of(fact.etag, fact.kind, fact.ref, fact.status, version_key, (fact.seq, fact.seq_to, rank)),
    )


def digest_of(etag: str, kind: str, ref: str, status: str | None, version_key: str, held: tuple[int, int, int]) -> int:
    """Give the digest of what a document is made of, below 2^62; `held` is when it holds from, until, and its rank."""
    raw = repr((etag, kind, ref, status, version_key, *held)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "big") >> 2


def order_of(namespace: str, name: str, version_key: str, kind: str, ref: str) -> str:
    """Give the text by which records are ordered: by namespace, name and newest version; unique at any one time.

    The name is as the catalog has it (`facts.name_column`). Aliases come after what they are of.
    """
    bare = name.partition("/")[2] if kind == "Aliases" else name
    return f"{namespace}/{bare}\x01{_descending(version_key)}\x01{kind}\x01{ref}"


def _values(data: dict[str, Any], status: str | None) -> tuple[tuple[str, Scalar], ...]:
    found = values_of(data)
    if status is not None and "status" not in data["spec"].get("lifecycle", {}):
        found.append((STATUS, status))  # what holds although nobody stated it
    return tuple(found)


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


def _words(data: dict[str, Any]) -> list[str]:
    """Give every text of a document, keys of free maps included; digests and derived fields are left out."""
    found: list[str] = []
    _add_words(data, found)
    return found


def _add_words(value: dict[str, Any] | list[Any], found: list[str]) -> None:
    pairs: Iterable[tuple[str | None, Any]] = value.items() if isinstance(value, dict) else zip(repeat(None), value)
    for key, inner in pairs:
        kind = inner.__class__
        if key in NOT_SEARCHED:
            continue
        if kind is str:
            found.append(inner)
        elif kind is dict or kind is list:
            _add_words(inner, found)
        elif key is not None and (kind is bool or kind is int or kind is float):
            found.append(key)


def _descending(version_key: str) -> str:
    """Turn a sort key of printable ASCII around, so that ascending order puts the newest version first."""
    return "".join(chr(0x9E - ord(char)) for char in version_key + " ")
