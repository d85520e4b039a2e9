"""Whatever is committed, in whatever order: the index says what Git says, however and whenever it was made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import (
    EXECUTABLE,
    QUERIES,
    SYMLINK,
    File,
    Files,
    aliases,
    answers,
    cold,
    commit,
    dataset,
    docs,
    found,
    manifest,
    model,
    of,
    refs,
    registry_yaml,
    rows,
    said,
    without_end,
)

from gitreg.errors import NotFoundError, Rejected, RepositoryError
from gitreg.refs import KINDS, Address, Ref, addresses_at
from gitreg.registry import Registry
from gitreg_indexer import SORTS, Index, Query, Reader

pytestmark = pytest.mark.usefixtures("each_catalog")
laws = settings(
    max_examples=tries(5, 20), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

MODELS: Final = (("acme", "a"), ("acme/nlp", "a"), ("acme/nlp", "b-long"), ("acme-x", "a"))
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0-rc.1", "10.0.0")
WANTED: Final = ("acme/a@^1", "acme/nlp/a", "acme/nlp/b-long@stable", "dataset:acme/a@1.0.0")
JUNK: Final = (b"", b"kind: [", b"\xff\xfe", b"apiVersion: gitreg/v1\nkind: Model\n", b"a: 1\na: 2\n")

descriptions = st.sampled_from([None, "Answers support questions.", "Support for NLP.", "Größe über Ω"])
tags = st.sampled_from([[], ["chat"], ["chat", "support"]])
statuses = st.sampled_from(["active", "deprecated", "retired"])
specs = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.sampled_from(["openai", "mistral"]),
        "lifecycle": statuses.map(lambda status: {"status": status}),
        "capabilities": st.sampled_from([4096, 8192]).map(lambda length: {"contextLength": length}),
        "pricing": st.sampled_from([0, 0.5, 2]).map(
            lambda price: {"currency": "USD", "perMillionTokens": {"input": price}}
        ),
        "dependencies": st.lists(st.sampled_from(WANTED).map(lambda ref: {"ref": ref}), max_size=2),
        "derivedFrom": st.lists(st.sampled_from(WANTED).map(lambda ref: {"ref": ref}), max_size=2),
    },
)
about: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"tags": tags}, optional={"description": descriptions.filter(bool)}
)


@st.composite
def models(draw: st.DrawFn) -> dict[str, bytes]:
    namespace, name = draw(st.sampled_from(MODELS))
    version = draw(st.sampled_from(VERSIONS))
    return model(name, version, namespace=namespace, spec=draw(specs), **draw(about))


def _role(name: str, kind: str) -> dict[str, bytes]:
    spec: dict[str, Any] = {"permissions": ["registry:read"]}
    if kind == "RoleBinding":
        spec = {"role": "reader", "subjects": ["nlp-team"]}
    return {f"access/{name}.yaml": manifest(kind, {"name": name}, spec)}


def _namespace(name: str) -> dict[str, bytes]:
    return {f"namespaces/{name}.yaml": manifest("Namespace", {"name": name}, {"owners": ["author@example.com"]})}


named = st.fixed_dictionaries({}, optional={name: st.sampled_from(VERSIONS) for name in ("stable", "production")})
records = st.one_of(
    models(),
    models(),
    models(),
    st.tuples(st.sampled_from(VERSIONS), about).map(lambda drawn: dataset("a", drawn[0], **drawn[1])),
    named.map(lambda chosen: aliases("a", of="Model", **chosen)),
    named.map(lambda chosen: aliases("a", of="Dataset", **chosen)),
    st.sampled_from(["Role", "RoleBinding"]).map(lambda kind: _role("reader", kind)),
    st.sampled_from(["acme", "acme/nlp"]).map(_namespace),
    st.sampled_from(["A registry.", "Another description."]).map(
        lambda text: {"registry.yaml": registry_yaml(description=text)}
    ),
)
RECORD_PATHS: Final = tuple(
    sorted(
        {f"models/{namespace}/{name}/{version}.yaml" for namespace, name in MODELS for version in VERSIONS}
        | {f"datasets/acme/a/{version}.yaml" for version in VERSIONS}
        | {f"{folder}/acme/a/aliases.yaml" for folder in ("models", "datasets")}
        | {"access/reader.yaml", "namespaces/acme.yaml", "namespaces/acme/nlp.yaml"}
    )
)
ODD_PATHS: Final = (
    "README.md",
    ".github/workflow.yaml",
    "models/acme/a/notes.yaml",
    "models/acme/a/1.0.yaml",
    "models/acme/a/1.0.0.yml",
    "models/ACME/a/1.0.0.yaml",
    "models/a.yaml",
    "models/acme/\udcff/1.0.0.yaml",
    "models/acme/\\xff/1.0.0.yaml",
    "models/acme/a b/1.0.0.yaml",
)
removals = st.sampled_from(RECORD_PATHS + ODD_PATHS).map(lambda path: {path: None})
junk = st.tuples(st.sampled_from(RECORD_PATHS + ODD_PATHS + ("registry.yaml",)), st.sampled_from(JUNK)).map(
    lambda drawn: {drawn[0]: drawn[1]}
)
misplaced = st.tuples(st.sampled_from(RECORD_PATHS + ODD_PATHS), models()).map(
    lambda drawn: {drawn[0]: next(iter(drawn[1].values()))}
)
modes = st.tuples(records, st.sampled_from([EXECUTABLE, SYMLINK])).map(
    lambda drawn: {path: File(raw, drawn[1]) for path, raw in drawn[0].items() if path != "registry.yaml"}
)
folders = st.sampled_from(RECORD_PATHS).map(lambda path: {f"{path}/inner.yaml": b"x"})


def _joined(parts: list[dict[str, File | bytes | None]]) -> Files:
    return {path: wanted for part in parts for path, wanted in part.items()}


def _histories(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Files]]:
    change = st.lists(st.one_of(*kinds), min_size=1, max_size=4).map(_joined)
    return st.lists(change, min_size=1, max_size=7)


histories = _histories(records, records, records, removals, junk, misplaced, modes, folders)
tidy_histories = _histories(records, records, records, removals, junk)


@contextmanager
def _registry() -> Iterator[tuple[Registry, Callable[[], Path]]]:
    with tempfile.TemporaryDirectory() as where:
        registry = found(Path(where) / "registry.git")
        numbers = iter(range(10_000))
        yield registry, lambda: Path(where) / f"index-{next(numbers)}"


def _follow(index: Index) -> bool:
    """Catch up; where the tip's registry.yaml cannot be read, that is refused, and the last good state stays."""
    before = index.reader().position()
    if index.registry.snapshot().settings is not None:
        index.catch_up()
        return True
    with pytest.raises(RepositoryError, match="not a registry"):
        index.catch_up()
    assert index.reader().position() == before
    return False


@laws
@given(histories, st.lists(st.booleans(), min_size=7, max_size=7))
def test_an_index_is_the_same_however_it_came_about(steps: list[Files], pauses: list[bool]) -> None:
    with _registry() as (registry, folder):
        growing, leaping = cold(registry, folder()), cold(registry, folder())
        for step, pause in zip(steps, pauses, strict=False):
            commit(registry.repo, step)
            if not _follow(growing):
                continue
            fresh = cold(registry, folder())
            assert said(growing) == said(fresh)
            fresh.close()
            if pause:
                leaping.catch_up()
        if _follow(leaping):
            assert said(leaping) == said(growing)
            assert said(Index.open(registry, growing.folder)) == said(growing)


@laws
@given(histories)
def test_catching_up_twice_changes_nothing(steps: list[Files]) -> None:
    with _registry() as (registry, folder):
        index = cold(registry, folder())
        for step in steps:
            commit(registry.repo, step)
            if _follow(index):
                before = said(index)
                index.catch_up()
                assert said(index) == before


@laws
@given(histories)
def test_the_past_is_told_as_a_cold_index_of_it_tells_it(steps: list[Files]) -> None:
    with _registry() as (registry, folder):
        then: dict[int, tuple[list[Any], list[Any], Any]] = {}
        for step in ({}, *steps):
            commit(registry.repo, step)
            if registry.snapshot().settings is not None:
                reader = cold(registry, folder()).reader()
                then[reader.position().seq] = answers(reader), _told(reader), reader.position()
        if registry.snapshot().settings is None:
            return
        now = cold(registry, folder()).reader()
        for seq, (pages, told, position) in then.items():
            assert answers(now, at=seq) == pages
            assert _told(now, at=seq) == told
            assert now.search(Query(), at=seq).position == position


def _told(reader: Reader, *, at: int | None = None) -> list[Any]:
    """Tell each record, each name's versions and aliases, and what some selectors mean."""
    told: list[Any] = []
    for path in RECORD_PATHS:
        for address in addresses_at(path):
            ref = Ref(address.kind, address.namespace, address.name, of=address.of)
            fact = reader.fact(ref, address.version, at=at)
            told.append(without_end([fact]) if fact else None)
    for place in PLACES:
        told += [without_end(reader.versions(of(place), at=at)), reader.aliases(of(place), at=at)]
        told += [_meant(reader, f"{place}{selector}", at=at) for selector in SELECTORS]
    return told


PLACES: Final = (*(f"model:{namespace}/{name}" for namespace, name in MODELS), "dataset:acme/a", "config:acme/none")
SELECTORS: Final = ("", "@latest", "@1.0.0", "@1.1.0", "@^1", "@>=2", "@>=2.0.0-0", "@^7", "@stable", "@production")


def _meant(reader: Reader, text: str, *, at: int | None = None) -> bytes | str:
    try:
        return reader.resolve(of(text), at=at).doc
    except (NotFoundError, Rejected) as error:
        return error.says


@laws
@given(tidy_histories)
def test_the_index_answers_as_git_does(steps: list[Files]) -> None:
    with _registry() as (registry, folder):
        for step in steps:
            commit(registry.repo, step)
        if registry.snapshot().settings is None:
            return
        reader = cold(registry, folder()).reader()
        readable = {address.ref for address in registry.list() if registry.snapshot().record(address)}
        assert set(refs(reader.search(Query(), limit=1000))) == readable
        for ref in readable:
            said_by_git = registry.describe(registry.get(ref))
            assert reader.resolve(of(ref)).data() == said_by_git
            assert reader.history(of(ref)) == [entry.as_data() for entry in registry.history(ref)]
        bad = {entry["path"].rpartition("/")[0] for entry in reader.quarantine()}
        for place in PLACES:
            _compare_name(registry, reader, place, has_bad=of(place).address("0.0.0").folder in bad)


def _compare_name(registry: Registry, reader: Reader, place: str, *, has_bad: bool) -> None:
    """Compare what is said of a name; Git lists versions that cannot be read, and the index only those that can."""
    ref = of(place)
    assert reader.aliases(ref) == registry.snapshot().aliases(ref.kind, ref.namespace, ref.name)
    if has_bad:
        return
    listed = registry.snapshot().versions(ref.kind, ref.namespace, ref.name)
    assert [fact.version for fact in reader.versions(ref)] == [str(version) for version in listed]
    for selector in SELECTORS:
        assert _meant_by_index(reader, place + selector) == _meant_by_git(registry, place + selector)


def _meant_by_index(reader: Reader, text: str) -> tuple[str, ...]:
    try:
        return (reader.resolve(of(text)).ref,)
    except NotFoundError as error:
        return error.says, error.mend


def _meant_by_git(registry: Registry, text: str) -> tuple[str, ...]:
    try:
        return (registry.resolve(text).ref,)
    except NotFoundError as error:
        return error.says, error.mend


@laws
@given(histories)
def test_the_index_tells_the_history_of_removed_and_broken_records_too(steps: list[Files]) -> None:
    with _registry() as (registry, folder):
        for step in steps:
            commit(registry.repo, step)
        if registry.snapshot().settings is None:
            return
        index = cold(registry, folder())
        reader = index.reader()
        for path in RECORD_PATHS:
            (address, *_) = addresses_at(path)
            if not KINDS[address.kind].is_versioned:
                continue
            touched: list[tuple[int, str]] = []
            tip = registry.repo.tip() or ""
            for at, change in registry.repo.path_history(path, tip):
                was, now = (entry is not None and not entry.is_tree for entry in (change.old, change.new))
                if was or now:
                    word = "changed" if was and now else "added" if now else "removed"
                    if change.new is not None and now and not _is_record(registry, at.oid, address):
                        word = "quarantined"
                    touched.append((registry.repo.seq(at.oid), word))
            stages: list[Any] = []
            with suppress(NotFoundError):
                stages = reader.history(of(address.ref))
                assert stages == [entry.as_data() for entry in registry.history(address.ref)]
            assert [(stage["seq"], stage["change"]) for stage in stages] == touched


def _is_record(registry: Registry, commit: str, address: Address) -> bool:
    return registry.snapshot(commit).record(address) is not None


@laws
@given(histories, st.integers(min_value=1, max_value=4))
def test_paging_walks_every_result_once_in_one_order(steps: list[Files], size: int) -> None:
    with _registry() as (registry, folder):
        for step in steps:
            commit(registry.repo, step)
        if registry.snapshot().settings is None:
            return
        reader = cold(registry, folder()).reader()
        for query in QUERIES:
            whole = reader.search(query, limit=1000)
            assert whole.total == len(whole.items) == len({fact.id for fact in whole.items})
            walked: list[str] = []
            for offset in range(0, whole.total + size, size):
                page = reader.search(query, offset=offset, limit=size)
                assert page.total == whole.total
                walked += refs(page)
            assert walked == refs(whole)


@laws
@given(histories)
def test_every_sort_finds_the_same_and_its_reverse_runs_backwards(steps: list[Files]) -> None:
    with _registry() as (registry, folder):
        for step in steps:
            commit(registry.repo, step)
        if registry.snapshot().settings is None:
            return
        reader = cold(registry, folder()).reader()
        unsorted = set(refs(reader.search(Query(), limit=1000)))
        for name in SORTS:
            up, down = (reader.search(Query(sort=f"{sign}{name}"), limit=1000).items for sign in ("", "-"))
            assert {fact.ref for fact in up} == {fact.ref for fact in down} == unsorted
            if name in VALUES:
                rising, falling = ([VALUES[name](fact.data()) for fact in items] for items in (up, down))
                stated = sorted(value for value in rising if value is not None)
                absent = [None] * (len(rising) - len(stated))
                assert rising == [*stated, *absent]
                assert falling == [*reversed(stated), *absent]


VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    "updatedAt": lambda data: data["registry"]["seq"],
    "createdAt": lambda data: data["registry"]["createdAt"],
    "contextLength": lambda data: data["spec"].get("capabilities", {}).get("contextLength"),
    "inputPrice": lambda data: data["spec"].get("pricing", {}).get("perMillionTokens", {}).get("input"),
}


def test_the_universe_has_records_of_many_kinds() -> None:
    """Hold that these laws are about something: each drawn kind can be read, and its paths are records' paths."""
    samples = {**model(), **dataset(), **aliases(stable="1.0.0"), **_role("reader", "Role"), **_namespace("acme/nlp")}
    samples |= _role("writer", "RoleBinding")
    with _registry() as (registry, folder):
        commit(registry.repo, samples)
        index = cold(registry, folder())
        assert rows(index)[1] == []
        assert set(index.reader().counts()) == {
            *("Registry", "Model", "Dataset", "Aliases", "Role", "RoleBinding", "Namespace"),
        }
        assert set(samples) - {"access/writer.yaml"} <= {*RECORD_PATHS, "registry.yaml"}
        assert docs(index.reader().search(Query()))[1] == len(samples) + 1
