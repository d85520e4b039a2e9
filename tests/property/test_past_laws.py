"""Whatever is committed: over HTTP the past is what an index of then says, and pages go on while the index moves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from api_support import ask_all
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import Files, aliases, cold, commit, found, model, registry_yaml

from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.repository.moments import commit_of
from gitreg_api.app import create_app
from gitreg_indexer import nearness
from gitreg_indexer.searching import Asked, run

laws = settings(
    max_examples=tries(5, 20), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

NAMES: Final = (("acme", "a"), ("acme/nlp", "a"), ("acme", "support-bot"))
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0-rc.1")
READS: Final = (
    "/api/v1",
    "/api/v1/models",
    "/api/v1/models?limit=2&sort=-updatedAt",
    "/api/v1/models?limit=2&sort=inputPrice&facets=provider,status,tags,kind",
    "/api/v1/models?q=support&highlight=true&limit=1",
    "/api/v1/models?q=suport",
    "/api/v1/models?q=sup*%20-chat",
    "/api/v1/models?filter=inputPrice%20%3C%201%20OR%20NOT%20has(pricing)",
    "/api/v1/models?filter=version%20:%20%5E1%20AND%20tags%20:%20chat",
    "/api/v1/models?filter=registry.createdAt%20%3E%202025-01-02T03:20:00Z",
    "/api/v1/search?status=deprecated&status=retired&facets=version",
    "/api/v1/search?namespace=acme&sort=-name",
    "/api/v1/aliases",
    "/api/v1/quarantine",
    *(f"/api/v1/resolve?ref=acme/a{selector}" for selector in ("", "@1.0.0", "@%5E1", "@production", "@latest")),
    *(
        f"/api/v1/models/{namespace}/{name}{part}"
        for namespace, name in NAMES
        for part in ("", "@1.0.0", "@%5E1", "@production", "/versions", "/aliases", "/history", "@1.0.0/history")
    ),
    "/api/v1/models/acme/a@1.0.0/history?field=pricing",
    "/api/v1/models/acme/a@1.0.0/history?field=status",
    "/api/v1/models?q=suport%20bot&mode=semantic&limit=2&facets=name,provider",
    "/api/v1/search?q=suport%20nlp&mode=hybrid&limit=3",
    "/api/v1/models/acme/a/similar",
)

specs = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.sampled_from(["openai", "mistral"]),
        "lifecycle": st.sampled_from(["active", "deprecated", "retired"]).map(lambda status: {"status": status}),
        "pricing": st.sampled_from([0, 0.5, 2]).map(
            lambda price: {"currency": "USD", "perMillionTokens": {"input": price}}
        ),
    },
)
about: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"tags": st.sampled_from([[], ["chat"], ["chat", "support"]])},
    optional={"description": st.sampled_from(["Answers support questions.", "Support for NLP."])},
)


@st.composite
def models(draw: st.DrawFn) -> Files:
    namespace, name = draw(st.sampled_from(NAMES))
    return model(name, draw(st.sampled_from(VERSIONS)), namespace=namespace, spec=draw(specs), **draw(about))


PATHS: Final = tuple(f"models/{namespace}/{name}/{version}.yaml" for namespace, name in NAMES for version in VERSIONS)
changes: st.SearchStrategy[Files] = st.one_of(
    models(),
    models(),
    models(),
    st.fixed_dictionaries({}, optional={"production": st.sampled_from(VERSIONS)}).map(lambda named: aliases(**named)),
    st.sampled_from(PATHS).map(lambda path: {path: None}),
    st.sampled_from(PATHS).map(lambda path: {path: b"kind: ["}),
    st.sampled_from(["A registry.", "Another."]).map(lambda text: {"registry.yaml": registry_yaml(description=text)}),
)
steps = st.lists(changes, min_size=1, max_size=3).map(
    lambda parts: {p: raw for part in parts for p, raw in part.items()}
)
histories = st.lists(steps, min_size=1, max_size=5)


@contextmanager
def _registry() -> Iterator[tuple[Registry, Iterator[Path]]]:
    with tempfile.TemporaryDirectory() as where:
        yield found(Path(where) / "registry.git"), (Path(where) / f"index-{number}" for number in range(100))


@laws
@given(histories)
def test_over_http_the_past_is_byte_for_byte_what_an_index_of_then_says(history: list[Files]) -> None:
    with _registry() as (registry, folders):
        then: dict[int, list[tuple[int, bytes]]] = {}
        for step in ({}, *history):
            commit(registry.repo, step)
            index = cold(registry, next(folders))
            nearness.catch_up(index)
            seq = index.reader().position().seq
            app = create_app(index, follow=False)
            then[seq] = [(answer.status_code, answer.content) for answer in ask_all(app, READS)]
            index.close()
        now = cold(registry, next(folders))
        nearness.catch_up(now)
        app = create_app(now, follow=False)
        for seq, told in then.items():
            answers = ask_all(app, [f"{path}{'&' if '?' in path else '?'}at={seq}" for path in READS])
            assert [(answer.status_code, answer.content) for answer in answers] == told
            named = {answer.headers["x-gitreg-commit"] for answer in answers}
            assert named == {commit_of(registry.repo, str(seq))}
        now.close()


@laws
@given(
    histories,
    st.lists(steps, min_size=1, max_size=5),
    st.integers(min_value=1, max_value=4),
    st.sampled_from(
        [
            Asked(),
            Asked(sort="-updatedAt"),
            Asked(text="support", sort="relevance"),
            Asked(kind="Model", filter="NOT inputPrice > 1", sort="-inputPrice"),
        ]
    ),
)
def test_pages_walk_the_state_of_the_first_whatever_lands(
    history: list[Files], landing: list[Files], size: int, asked: Asked
) -> None:
    with _registry() as (registry, folders):
        for step in history:
            commit(registry.repo, step)
        index = cold(registry, next(folders))
        reader = index.reader()
        whole = run(reader, replace(asked, limit=1000)).page
        result = run(reader, replace(asked, limit=size))
        walked = list(result.page.items)
        further = iter(landing)
        while result.cursor is not None:
            commit(registry.repo, next(further, {}))
            index.catch_up()
            result = run(reader, replace(asked, limit=size, cursor=result.cursor))
            assert (result.page.total, result.page.position) == (whole.total, whole.position)
            walked += result.page.items
        assert [(fact.ref, fact.doc) for fact in walked] == [(fact.ref, fact.doc) for fact in whole.items]
        index.close()


@laws
@given(histories, st.integers(min_value=1, max_value=3), st.integers(min_value=1, max_value=6))
def test_the_feed_and_the_histories_tell_the_same(history: list[Files], size: int, most: int) -> None:
    """Each record's history is what the feed says of its path, newest first, however little is told at once."""
    with _registry() as (registry, folders), pytest.MonkeyPatch.context() as patch:
        patch.setattr("gitreg_indexer.reader.MOST_TOLD", most)
        for step in history:
            commit(registry.repo, step)
        index = cold(registry, next(folders))
        reader = index.reader()
        told: list[dict[str, Any]] = []
        since = 0
        while items := reader.changes(since=since, limit=size)[0]:
            assert len(items) == 1 or sum(len(item["changes"]) for item in items) <= most
            told += items
            since = items[-1]["seq"]
        assert [item["seq"] for item in told] == list(range(1, reader.position().seq + 1))
        by_path: dict[str, list[int]] = {}
        for item in told:
            for change in item["changes"]:
                by_path.setdefault(change["path"], []).append(item["seq"])
        for namespace, name in NAMES:
            for version in VERSIONS:
                path = f"models/{namespace}/{name}/{version}.yaml"
                if path in by_path:
                    stages = reader.history(Ref.parse(f"{namespace}/{name}@{version}"))
                    assert [stage["seq"] for stage in reversed(stages)] == by_path[path]
        index.close()
