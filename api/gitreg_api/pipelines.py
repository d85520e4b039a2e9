"""Answers about pipelines: their graph, their lock, their matrix."""

from __future__ import annotations

from typing import Any, Final

import orjson

from gitreg.errors import UsageError
from gitreg.pipelines.locking import write_lock
from gitreg.pipelines.picture import picture_of
from gitreg.refs import Ref
from gitreg_api.answers import Answer, answer_of, hold_of
from gitreg_api.drawn import answer_picture
from gitreg_api.graph import links_of
from gitreg_api.graph_asking import PICTURES, FormAsking, MatrixAsking
from gitreg_api.parameters import Asking
from gitreg_api.records import refuse_selector
from gitreg_api.source import Source
from gitreg_indexer import Reader
from gitreg_indexer.graph.answers import checked
from gitreg_indexer.names import versions_page_of
from gitreg_indexer.pipelines import dag_of, indexed, lock_in, matrix_of

MOST_VERSIONS: Final = 1000
"""Versions of a pipeline in one matrix."""


def answer_dag(source: Source, ref: Ref, asking: FormAsking) -> Answer:
    """Answer with the graph of a pipeline: stages, what flows and whether it fits, the order; or with its picture."""
    form, hold = checked(asking.format, PICTURES, "format"), hold_of(asking.at)

    def ask(reader: Reader, at: int | None) -> dict[str, Any]:
        return dag_of(reader, ref, at)

    data, position = source.answering(ask, asking.at)
    if form == "json":
        return answer_of(orjson.dumps(data), position, hold=hold)
    when = None if asking.at is None else str(position.seq)
    return answer_picture(picture_of(data, links_of(when)), form, position, hold)


def answer_lock(source: Source, ref: Ref, asking: Asking) -> Answer:
    """Answer with the lock of a pipeline, byte for byte the file that `gitreg pipeline lock` writes."""
    lock, position = source.answering(lambda reader, at: lock_in(indexed(reader, at), ref), asking.at)
    return answer_of(write_lock(lock), position, hold=hold_of(asking.at))


def answer_matrix(source: Source, ref: Ref, asking: MatrixAsking) -> Answer:
    """Answer with which versions of its models each version of a pipeline goes together with."""
    refuse_selector(ref, "matrix")

    def ask(reader: Reader, at: int | None) -> dict[str, Any]:
        _, total = versions_page_of(reader, ref, at=at, limit=0)
        if total > MOST_VERSIONS:
            raise UsageError(
                f"{ref.place} has {total:,} versions, too many for one matrix over HTTP",
                got=total,
                expected=f"at most {MOST_VERSIONS:,}",
                mend=f"run `gitreg pipeline matrix {ref.place}` beside the registry",
            )
        return matrix_of(reader, ref, at, model=asking.model)

    data, position = source.answering(ask, asking.at)
    return answer_of(orjson.dumps(data), position, hold=hold_of(asking.at))
