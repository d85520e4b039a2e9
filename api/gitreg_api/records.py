"""What is known of a record: its document, its versions, its history, its aliases, and what a ref means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from gitreg.errors import NotFoundError, UsageError
from gitreg.refs import KINDS, LATEST, Ref
from gitreg_api.answers import Answer, answer_data, answer_fact, answer_of, answer_page
from gitreg_api.paths import Asked, Part, href_of
from gitreg_api.search import PageAsking
from gitreg_api.source import Source
from gitreg_indexer import Fact, Position, Reader


def answer_path(source: Source, asked: Asked, paging: PageAsking) -> Answer:
    """Answer what a path below a collection asks for."""
    if asked.part is None:
        return answer_record(source, asked.ref)
    return _PARTS[asked.part](source, asked.ref, paging)


def answer_record(source: Source, ref: Ref) -> Answer:
    """Answer with the stored document of the record that a ref means."""
    fact, position = source.answering(lambda reader: reader.resolve(ref))
    return answer_fact(fact, position)


def answer_versions(source: Source, ref: Ref, paging: PageAsking) -> Answer:
    """Answer with the versions of a name, highest first."""
    _refuse_selector(ref, "versions")
    found, position = source.answering(lambda reader: _versions(reader, ref))
    page = found[paging.offset : paging.offset + paging.limit]
    return answer_page(
        (fact.doc for fact in page), position, total=len(found), limit=paging.limit, offset=paging.offset
    )


def answer_history(source: Source, ref: Ref, paging: PageAsking) -> Answer:
    """Answer with the commits that touched a record, newest first."""
    found, position = source.answering(lambda reader: reader.history(ref))
    return answer_items(found, position, paging)


def answer_aliases(source: Source, ref: Ref, _paging: PageAsking) -> Answer:
    """Answer with the aliases of a name, and the version that `latest` means."""
    _refuse_selector(ref, "aliases")
    (aliases, latest), position = source.answering(lambda reader: _aliases(reader, ref))
    return answer_data({"aliases": aliases, "latest": latest}, position)


def answer_resolve(source: Source, text: str) -> Answer:
    """Answer with the one record that a ref means, without its document."""
    ref = Ref.parse(text)
    fact, position = source.answering(lambda reader: reader.resolve(ref))
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
    )


def answer_quarantine(source: Source, paging: PageAsking) -> Answer:
    """Answer with the files that stand in the registry and cannot be read as records."""
    found, position = source.answering(lambda reader: reader.quarantine())
    return answer_items(found, position, paging)


def answer_items(items: list[dict[str, Any]], position: Position, paging: PageAsking) -> Answer:
    """Answer with one page of things that are not stored documents."""
    page = items[paging.offset : paging.offset + paging.limit]
    data = {"items": page, "total": len(items), "limit": paging.limit, "offset": paging.offset}
    return answer_of(orjson.dumps({**data, "commit": position.commit, "seq": position.seq}), position)


def _versions(reader: Reader, ref: Ref) -> tuple[Fact, ...]:
    found = reader.versions(ref)
    if not found:
        reader.resolve(ref)
    return found


def _aliases(reader: Reader, ref: Ref) -> tuple[dict[str, str], str | None]:
    _versions(reader, ref)
    try:
        latest = reader.resolve(replace(ref, selector=LATEST)).version
    except NotFoundError:
        latest = None
    return dict(sorted(reader.aliases(ref).items())), latest


def _refuse_selector(ref: Ref, part: Part) -> None:
    if ref.selector is not None:
        raise UsageError(
            f"/{part} is about a name, and {str(ref)!r} selects one version of it",
            got=ref,
            expected=f"{KINDS[ref.kind].word}:{ref.namespace}/{ref.name}",
            mend=f"cut the part from '@' on: {href_of(ref.kind, ref.place)}/{part}",
        )


_PARTS: Final[dict[Part, Callable[[Source, Ref, PageAsking], Answer]]] = {
    "versions": answer_versions,
    "history": answer_history,
    "aliases": answer_aliases,
}
