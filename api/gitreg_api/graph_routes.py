"""The routes of the graph: lineage, impact, ways, loose ends, differences, circles; and the parts of pipelines.

- All are answered in threads of their own kind, a few at once: a long question holds up no other read.
- Annotations are values here, not texts: FastAPI reads them.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel
from starlette.responses import Response

from gitreg.refs import KindAddress, Ref
from gitreg_api import openapi
from gitreg_api.answers import Answer
from gitreg_api.endpoints import Endpoint, add_route, answer_of_graph
from gitreg_api.graph import (
    answer_check,
    answer_diff,
    answer_impact,
    answer_lineage,
    answer_orphans,
    answer_ways,
)
from gitreg_api.graph_asking import (
    TEXTUAL,
    CheckAsking,
    DiffAsking,
    FormAsking,
    ImpactAsking,
    LineageAsking,
    MatrixAsking,
    OrphansAsking,
    PathAsking,
)
from gitreg_api.parameters import Asking
from gitreg_api.paths import ROOT, Part, read_path
from gitreg_api.pipelines import answer_dag, answer_lock, answer_matrix
from gitreg_api.records import answer_record
from gitreg_api.source import Source

PIPELINE_PARTS: Final[tuple[Part, ...]] = ("dag", "lock", "matrix")
_REF: Final = Path(
    description="`[kind:]namespace/name[@selector]`; a model where it names no kind. Slashes may stand as they are or "
    "as %2F.",
    examples=["acme/nlp/summarizer", "dataset:acme/tickets-raw@1.0.0"],
)


def add_graph_routes(app: FastAPI, source: Source) -> None:
    """Put the routes of the graph on an application."""

    async def lineage(ref: Annotated[str, _REF], asked: Annotated[LineageAsking, Query()]) -> Response:
        return await answer_of_graph(source, asked, lambda: answer_lineage(source, ref, asked))

    async def impact(ref: Annotated[str, _REF], asked: Annotated[ImpactAsking, Query()]) -> Response:
        return await answer_of_graph(source, asked, lambda: answer_impact(source, ref, asked))

    async def ways(asked: Annotated[PathAsking, Query()]) -> Response:
        return await answer_of_graph(source, asked, lambda: answer_ways(source, asked))

    async def orphans(asked: Annotated[OrphansAsking, Query()]) -> Response:
        return await answer_of_graph(source, asked, lambda: answer_orphans(source, asked))

    async def diff(asked: Annotated[DiffAsking, Query()]) -> Response:
        return await answer_of_graph(source, asked, lambda: answer_diff(source, asked))

    async def check(asked: Annotated[CheckAsking, Query()]) -> Response:
        return await answer_of_graph(source, asked, lambda: answer_check(source, asked))

    said = "Follow what a record comes from and what comes from it"
    _add(app, "lineage/{ref:path}", lineage, LineageAsking, "getLineage", said, "LineageGraph", TEXTUAL)
    said = "Tell who is affected by a change of a record, and how they move on"
    _add(app, "impact/{ref:path}", impact, ImpactAsking, "getImpact", said, "ImpactAnalysis")
    said = "Find the ways from one record to another"
    _add(app, "graph/path", ways, PathAsking, "findWays", said, "Ways", TEXTUAL)
    said = "List records that nothing comes after, and references that lead nowhere"
    _add(app, "graph/orphans", orphans, OrphansAsking, "listOrphans", said, "LooseEnds")
    said = "Tell what differs in the graph between two moments"
    _add(app, "graph/diff", diff, DiffAsking, "compareGraph", said, "GraphDifference")
    said = "Tell whether a reference would close a circle"
    _add(app, "graph/check", check, CheckAsking, "checkReference", said, "CircleCheck")


def _add(
    app: FastAPI,
    path: str,
    endpoint: Endpoint,
    asking: type[BaseModel],
    operation: str,
    said: str,
    schema: str,
    forms: tuple[str, ...] = (),
) -> None:
    about = openapi.about(operation, said, schema, "graph", forms=forms)
    add_route(app, f"{ROOT}/{path}", endpoint, asking, **about)


def get_pipeline_part(
    source: Source, place: KindAddress, part: Part, described: Any
) -> tuple[Endpoint, type[BaseModel]]:
    """Make the endpoint of a part that only pipelines have, and tell what it takes."""

    async def get_dag(ref: Annotated[str, described], asked: Annotated[FormAsking, Query()]) -> Response:
        return await answer(ref, asked, lambda pipeline: answer_dag(source, pipeline, asked))

    async def get_lock(ref: Annotated[str, described], asked: Annotated[Asking, Query()]) -> Response:
        return await answer(ref, asked, lambda pipeline: answer_lock(source, pipeline, asked))

    async def get_matrix(ref: Annotated[str, described], asked: Annotated[MatrixAsking, Query()]) -> Response:
        return await answer(ref, asked, lambda pipeline: answer_matrix(source, pipeline, asked))

    async def answer(ref: str, asked: Asking, make: Callable[[Ref], Answer]) -> Response:
        wanted = read_path(place, f"{ref}/{part}")
        if wanted.part is None:
            return await answer_of_graph(source, asked, lambda: answer_record(source, wanted.ref, asked.at))
        return await answer_of_graph(source, asked, lambda: make(wanted.ref))

    endpoints: dict[Part, tuple[Endpoint, type[BaseModel]]] = {
        "dag": (get_dag, FormAsking),
        "lock": (get_lock, Asking),
        "matrix": (get_matrix, MatrixAsking),
    }
    return endpoints[part]
