"""What is known of a record: its document, its versions, its history, its aliases, and what a ref means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gitreg.errors import UsageError
from gitreg.refs import KINDS, Ref
from gitreg_api.answers import Answer, answer_data, answer_fact, answer_page, hold_of
from gitreg_api.parameters import PageAsking
from gitreg_api.paths import Asked, Part, href_of
from gitreg_api.search import HistoryAsking
from gitreg_api.source import Source
from gitreg_indexer import Position, Reader
from gitreg_indexer.names import aliases_of, versions_page_of
from gitreg_indexer.searching import field_of


def answer_path(source: Source, asked: Asked, asking: HistoryAsking) -> Answer:
    """Answer what a path below a collection asks for."""
    if asked.part is None:
        return answer_record(source, asked.ref, asking.at)
    return _PARTS[asked.part](source, asked.ref, asking)


def answer_record(source: Source, ref: Ref, when: str | None = None) -> Answer:
    """Answer with the stored document of the record that a ref means, or meant at a moment."""
    fact, position = source.answering(lambda reader, at: reader.resolve(ref, at=at), when)
    return answer_fact(fact, position, hold_of(when))


def answer_versions(source: Source, ref: Ref, asking: PageAsking) -> Answer:
    """Answer with the versions of a name, highest first."""
    refuse_selector(ref, "versions")
    offset, limit = asking.offset, asking.limit
    (page, total), position = source.answering(
        lambda reader, at: versions_page_of(reader, ref, at=at, offset=offset, limit=limit), asking.at
    )
    beside = {"total": total, "limit": limit, "offset": offset}
    return answer_page((fact.doc for fact in page), beside, position, hold_of(asking.at))


def answer_history(source: Source, ref: Ref, asking: HistoryAsking) -> Answer:
    """Answer with the commits that touched a record, or a field of it, newest first."""

    offset, limit = asking.offset, asking.limit

    def told(reader: Reader, at: int | None) -> tuple[list[dict[str, Any]], int]:
        if not asking.field:
            return reader.history_page(ref, at=at, offset=offset, limit=limit)
        found = reader.history(ref, at=at, field=field_of(reader, ref.kind, asking.field, at=at))
        return found[offset : offset + limit], len(found)

    (page, total), position = source.answering(told, asking.at)
    return _answer_part(page, total, position, asking)


def answer_aliases(source: Source, ref: Ref, asking: PageAsking) -> Answer:
    """Answer with the aliases of a name, and the version that `latest` means."""
    refuse_selector(ref, "aliases")
    (aliases, latest), position = source.answering(lambda reader, at: aliases_of(reader, ref, at=at), asking.at)
    return answer_data({"aliases": aliases, "latest": latest}, position, hold_of(asking.at))


def answer_resolve(source: Source, text: str, when: str | None) -> Answer:
    """Answer with the one record that a ref means, without its document."""
    ref = Ref.parse(text)
    fact, position = source.answering(lambda reader, at: reader.resolve(ref, at=at), when)
    known = fact.data()["registry"]
    return answer_data(
        {
            "ref": fact.ref,
            "kind": fact.kind,
            "namespace": ref.namespace or None,
            "name": ref.name,
            "version": fact.version or None,
            "status": fact.status,
            "id": known["id"],
            "path": fact.path,
            "blob": fact.blob,
            "href": href_of(fact.kind, fact.ref),
        },
        position,
        hold_of(when),
    )


def answer_quarantine(source: Source, asking: PageAsking) -> Answer:
    """Answer with the files that stand in the registry and cannot be read as records."""
    found, position = source.answering(lambda reader, at: reader.quarantine(at=at), asking.at)
    return answer_items(found, position, asking)


def answer_items(items: list[dict[str, Any]], position: Position, asking: PageAsking) -> Answer:
    """Answer with one page of things that are not stored documents."""
    page = items[asking.offset : asking.offset + asking.limit]
    return _answer_part(page, len(items), position, asking)


def _answer_part(page: list[dict[str, Any]], total: int, position: Position, asking: PageAsking) -> Answer:
    data = {"items": page, "total": total, "limit": asking.limit, "offset": asking.offset}
    return answer_data(data, position, hold_of(asking.at))


def refuse_selector(ref: Ref, part: Part) -> None:
    """Refuse a ref that selects a version, where a part is about a name."""
    if ref.selector is not None:
        raise UsageError(
            f"/{part} is about a name, and {str(ref)!r} selects one version of it",
            got=ref,
            expected=f"{KINDS[ref.kind].word}:{ref.namespace}/{ref.name}",
            mend=f"cut the part from '@' on: {href_of(ref.kind, ref.place)}/{part}",
        )


_PARTS: Final[dict[Part, Callable[[Source, Ref, HistoryAsking], Answer]]] = {
    "versions": answer_versions,
    "history": answer_history,
    "aliases": answer_aliases,
}
