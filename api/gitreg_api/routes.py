"""The routes: what FastAPI documents and answers, each the shortest way from parameters to an `Answer`.

- A record of now or of a seq is answered on the event loop (it takes microseconds); what else is asked, in a thread.
- A search by nearness waits for an embedder, which may be slow: it has a few threads of its own.
- Every route waits first until the index has come as far as is asked, and refuses parameters that it does not take.
- Annotations are values here, not texts: FastAPI reads them, and the routes are made in loops.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Path, Query
from pydantic import BaseModel
from starlette.responses import Response

from gitreg.refs import KindAddress, Shape
from gitreg.repository.moments import read_moment
from gitreg_api import openapi
from gitreg_api.answers import Answer, Reply
from gitreg_api.endpoints import Endpoint, add_route, answer_in_thread
from gitreg_api.feed import Feed
from gitreg_api.graph_asking import PICTURES
from gitreg_api.graph_routes import PIPELINE_PARTS, add_graph_routes, get_pipeline_part
from gitreg_api.parameters import Asking, PageAsking
from gitreg_api.paths import COLLECTIONS, ROOT, Asked, Part, parts_of, read_path
from gitreg_api.records import answer_path, answer_quarantine, answer_resolve
from gitreg_api.search import (
    ChangesAsking,
    HistoryAsking,
    HomeAsking,
    ListAsking,
    ResolveAsking,
    SearchAsking,
    SimilarAsking,
    answer_search,
    answer_similar,
    asked_of,
)
from gitreg_api.source import Source
from gitreg_api.status import Status, answer_health
from gitreg_indexer import Position
from gitreg_indexer.reader import LEXICAL

Answering = Callable[[], tuple[Answer, Position, Position]]
"""Answers, and tells what the answer is of and what it should be of."""
NEAR_AT_ONCE: Final = 2
"""Searches by nearness that go on at once; more wait, so that all others find a thread."""
_PART_TITLES: Final[dict[Part, str]] = {
    "versions": "List the versions of {a}, highest first",
    "history": "Tell which commits touched {a}, newest first",
    "aliases": "Give the aliases of {a}, and what `latest` means",
    "similar": "Find what is most like {a}, one version of each other name",
    "dag": "Give the graph of {a}: its stages, what flows and whether it fits, order and critical path",
    "lock": "Lock {a}: every record that it needs, at any depth, as one exact version",
    "matrix": "Tell which versions of its models each version of {a} goes together with",
}
_PART_SCHEMAS: Final[dict[Part, str]] = {
    "versions": "{kind}Page",
    "history": "History",
    "aliases": "AliasesOf",
    "similar": "{kind}Similar",
    "dag": "PipelineDag",
    "lock": "PipelineLock",
    "matrix": "PipelineMatrix",
}
_REF_EXAMPLES: Final = {
    Shape.VERSION: ("acme/nlp/summarizer", "acme/nlp/summarizer@^2", "acme/nlp/summarizer@production"),
    Shape.NAME: ("acme/nlp/pii",),
    Shape.NAMESPACE: ("acme/nlp",),
    Shape.FLAT: ("publisher",),
    Shape.ALIASES: ("model/acme/nlp/summarizer",),
    Shape.SINGLE: ("registry",),
}


def add_routes(app: FastAPI, source: Source, status: Status) -> None:
    """Put every route on an application."""
    _add_own_routes(app, source, status)
    _add_search(app, source)
    add_graph_routes(app, source)
    for name, place in COLLECTIONS.items():
        _add_collection(app, source, name, place)


def _add_own_routes(app: FastAPI, source: Source, status: Status) -> None:
    async def root(asked: Annotated[Asking, Query()]) -> Response:
        await source.reach(asked)
        return await answer_in_thread(lambda: status.answer_root(asked.at))

    async def home() -> Response:
        return await answer_in_thread(status.answer_home)

    async def health() -> Response:
        return Reply(answer_health())

    async def ready() -> Response:
        return await answer_in_thread(status.answer_ready)

    titled = openapi.about
    add_route(app, ROOT, root, Asking, **titled("getOverview", "Say what there is", "Overview", "registry"))
    up, can = "Say that the process is up", "Say whether it can answer"
    add_route(app, "/healthz", health, None, **titled("getHealth", up, "Health", "service"))
    add_route(app, "/readyz", ready, None, **titled("getReady", can, "Ready", "service"))
    add_route(app, "/", home, HomeAsking, include_in_schema=False)


def _add_search(app: FastAPI, source: Source) -> None:
    async def search(asked: Annotated[SearchAsking, Query()]) -> Response:
        return await _answer_list(source, asked, None)

    async def resolve(asked: Annotated[ResolveAsking, Query()]) -> Response:
        await source.reach(asked)
        return await answer_in_thread(lambda: answer_resolve(source, asked.ref, asked.at))

    async def quarantine(asked: Annotated[PageAsking, Query()]) -> Response:
        await source.reach(asked)
        return await answer_in_thread(lambda: answer_quarantine(source, asked))

    async def changes(asked: Annotated[ChangesAsking, Query()]) -> Response:
        return await feed.answer(asked)

    feed, titled, own = Feed(source), openapi.about, partial(add_route, app)
    told = "Tell what each commit after a seq or a commit did to records, oldest first"
    title = "List the files that cannot be read as records, with what is wrong"
    own(f"{ROOT}/search", search, SearchAsking, **titled("search", "Search all kinds", "RecordPage", "registry"))
    own(f"{ROOT}/resolve", resolve, ResolveAsking, **titled("resolve", "Resolve a ref", "Resolved", "registry"))
    own(f"{ROOT}/quarantine", quarantine, PageAsking, **titled("listQuarantine", title, "Quarantine", "registry"))
    own(f"{ROOT}/changes", changes, ChangesAsking, **titled("listChanges", told, "Changes", "registry"))


def _add_collection(app: FastAPI, source: Source, name: str, place: KindAddress) -> None:
    """Add a collection: the list, the parts of a record (first, since they are longer paths), the record."""
    path, kind = f"{ROOT}/{name}", place.kind
    described = Path(description=_described(place), examples=list(_REF_EXAMPLES[place.shape]))

    async def list_records(asked: Annotated[ListAsking, Query()]) -> Response:
        return await _answer_list(source, asked, kind)

    async def get_record(ref: Annotated[str, described], asked: Annotated[Asking, Query()]) -> Response:
        await source.reach(asked)
        wanted, then = read_path(place, ref), HistoryAsking(at=asked.at)
        if asked.at is None or read_moment(asked.at).is_seq:
            return Reply(answer_path(source, wanted, then))
        return await answer_in_thread(lambda: answer_path(source, wanted, then))

    add_route(app, path, list_records, ListAsking, **openapi.about(f"list{kind}", f"List {name}", f"{kind}Page", name))
    for part in parts_of(place):
        about = openapi.about(
            f"get{kind}{part.capitalize()}",
            _PART_TITLES[part].format(a=_with_article(place.word)),
            _PART_SCHEMAS[part].format(kind=kind),
            name,
            forms=PICTURES if part == "dag" else (),
        )
        add_route(app, f"{path}/{{ref:path}}/{part}", *_get_part(source, place, part, described), **about)
    about = openapi.about(f"get{kind}", f"Get {_with_article(place.word)}", f"{kind}Record", name)
    add_route(app, f"{path}/{{ref:path}}", get_record, Asking, **about)


def _get_part(source: Source, place: KindAddress, part: Part, described: Any) -> tuple[Endpoint, type[BaseModel]]:
    async def get_part(ref: Annotated[str, described], asked: Annotated[PageAsking, Query()]) -> Response:
        return await _answer_part(source, read_path(place, f"{ref}/{part}"), HistoryAsking(**asked.model_dump()))

    async def get_history(ref: Annotated[str, described], asked: Annotated[HistoryAsking, Query()]) -> Response:
        return await _answer_part(source, read_path(place, f"{ref}/{part}"), asked)

    async def get_similar(ref: Annotated[str, described], asked: Annotated[SimilarAsking, Query()]) -> Response:
        wanted = read_path(place, f"{ref}/{part}")
        if wanted.part is None:
            return await _answer_part(source, wanted, HistoryAsking(at=asked.at, min_seq=asked.min_seq))
        return await _answer_when_reached(source, asked, lambda: answer_similar(source.reader, wanted.ref, asked))

    if part in PIPELINE_PARTS:
        return get_pipeline_part(source, place, part, described)
    if part == "history":
        return get_history, HistoryAsking
    if part == "similar":
        return get_similar, SimilarAsking
    get_part.__name__ = f"get_{part}"
    return get_part, PageAsking


async def _answer_part(source: Source, wanted: Asked, asked: HistoryAsking) -> Response:
    await source.reach(asked)
    return await answer_in_thread(lambda: answer_path(source, wanted, asked))


async def _answer_list(source: Source, asked: ListAsking, kind: str | None) -> Response:
    wanted = asked_of(asked, kind)
    limiter = None if wanted.mode == LEXICAL else _for_nearness()
    return await _answer_when_reached(source, asked, lambda: answer_search(source.reader, wanted), limiter)


@cache
def _for_nearness() -> CapacityLimiter:
    return CapacityLimiter(NEAR_AT_ONCE)


async def _answer_when_reached(
    source: Source, asked: Asking, ask: Answering, limiter: CapacityLimiter | None = None
) -> Response:
    """Answer a search; its engine may be a moment behind the catalog, so it is asked until it has caught up.

    Of the present it must have come to `min_seq`; of the past, to the moment that is asked of.
    """
    source.ready()
    until = source.deadline()
    await source.reach(asked, until)
    is_of_now = asked.at is None and getattr(asked, "cursor", None) is None
    while True:
        answer, here, meant = await to_thread.run_sync(ask, limiter=limiter)
        needed = (asked.min_seq or 1) if is_of_now else meant.seq
        if here.seq >= needed:
            return Reply(answer)
        await source.pause(here.seq, f"seq {needed}", until)


def _described(place: KindAddress) -> str:
    if place.is_versioned:
        return (
            "`namespace/name`, the newest version, or `namespace/name@selector` with a version, an npm-style range "
            "(percent-encoded where it must be) or an alias. Slashes may stand as they are or as %2F."
        )
    return f"What the kind is addressed by: {place.shape.value}."


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
