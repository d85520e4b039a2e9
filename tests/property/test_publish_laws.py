"""Whatever is committed, and whenever it is published: the files are those of a first publication of that commit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest
from effort import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_support import Files, aliases, commit, dataset, found, manifest, model, of, registry_yaml
from publish_support import SELECTORS, files_in, holds_nothing_else, listed, published

from gitreg.errors import NotFoundError, Rejected
from gitreg.refs import KINDS
from gitreg_indexer import Index
from gitreg_indexer.published.node import Node
from gitreg_indexer.published.reader import Published
from gitreg_indexer.publishing import feed, folder, layout
from gitreg_indexer.publishing.layout import Stated
from gitreg_indexer.publishing.pages import Builder, Entry, Page, edit, find, last, last_before, walk

laws = settings(
    max_examples=tries(6, 40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
NAMES: Final = (("acme", "a"), ("acme", "b"), ("acme/nlp", "a"), ("acme-x", "a"), ("b", "c"), ("b", "d"), ("z", "z"))
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0-rc.1", "10.0.0")

places = st.sampled_from(NAMES)
versions = st.sampled_from(VERSIONS)
statuses = st.sampled_from(["active", "deprecated", "retired"])


@st.composite
def models(draw: st.DrawFn) -> Files:
    namespace, name = draw(places)
    spec = {"lifecycle": {"status": draw(statuses)}}
    return model(name, draw(versions), namespace=namespace, spec=spec)


@st.composite
def aliased(draw: st.DrawFn) -> Files:
    namespace, name = draw(places)
    named = draw(st.dictionaries(st.sampled_from(["stable", "production"]), versions, min_size=1))
    return aliases(name, namespace=namespace, of=draw(st.sampled_from(["Model", "Dataset"])), **named)


def access(kind: str) -> Files:
    spec: dict[str, Any] = {"permissions": ["registry:read"]}
    if kind == "RoleBinding":
        spec = {"role": "reader", "subjects": ["nlp-team"]}
    return {"access/reader.yaml": manifest(kind, {"name": "reader"}, spec)}


def namespace_named(name: str) -> Files:
    return {f"namespaces/{name}.yaml": manifest("Namespace", {"name": name}, {"owners": ["author@example.com"]})}


PATHS: Final = tuple(
    sorted(
        {f"models/{namespace}/{name}/{version}.yaml" for namespace, name in NAMES for version in VERSIONS}
        | {
            f"{folder}/{namespace}/{name}/aliases.yaml"
            for folder in ("models", "datasets")
            for namespace, name in NAMES
        }
        | {"access/reader.yaml", "namespaces/acme.yaml", "namespaces/acme/nlp.yaml", "README.md"}
    )
)
records = st.one_of(
    models(),
    models(),
    models(),
    aliased(),
    st.builds(lambda version: dataset("a", version), versions),
    st.sampled_from(["Role", "RoleBinding"]).map(access),
    st.sampled_from(["acme", "acme/nlp"]).map(namespace_named),
    st.sampled_from(["One.", "Another."]).map(lambda text: {"registry.yaml": registry_yaml(description=text)}),
)
removals = st.sampled_from(PATHS).map(lambda path: {path: None})
junk = st.sampled_from(PATHS).map(lambda path: {path: b"broken: ["})
emptied = st.just(dict.fromkeys(PATHS))


def _joined(parts: list[Files]) -> Files:
    return {path: wanted for part in parts for path, wanted in part.items()}


def steps(size: int) -> st.SearchStrategy[Files]:
    return st.lists(st.one_of(records, records, records, removals, junk), min_size=1, max_size=size).map(_joined)


histories = st.lists(st.one_of(steps(4), steps(12), emptied), min_size=1, max_size=6)


@contextmanager
def _published() -> Iterator[tuple[Index, Path]]:
    """Give the index of a new registry and a folder; lists are cut so often that few names fill many pages."""
    with (
        tempfile.TemporaryDirectory() as where,
        patch.object(layout, "PAGE_BITS", 1),
        patch.object(layout, "PART_BITS", 1),
        patch.object(feed, "SEGMENT_COMMITS", 2),
        patch.object(feed, "SEGMENT_CHANGES", 9),
    ):
        index = Index.open(found(Path(where) / "registry.git"))
        index.catch_up()
        yield index, Path(where)
        index.close()


def _moved_on(index: Index, step: Files) -> None:
    commit(index.registry.repo, step)
    index.catch_up()


@laws
@given(histories, st.lists(st.booleans(), min_size=6, max_size=6))
def test_what_is_published_is_the_same_however_it_came_about(history: list[Files], pauses: list[bool]) -> None:
    with _published() as (index, where):
        published(index, where / "out")
        published(index, where / "kept", keep=600)
        for number, (step, pause) in enumerate(zip(history, pauses, strict=False)):
            _moved_on(index, step)
            if pause:
                continue
            published(index, where / "out")
            published(index, where / "kept", keep=600)
            published(index, where / str(number))
            fresh = files_in(where / str(number))
            assert files_in(where / "out") == fresh
            assert fresh.items() <= files_in(where / "kept").items()
            holds_nothing_else(where / "out")
        published(index, where / "kept", keep=0)
        published(index, where / "out")
        assert files_in(where / "kept") == files_in(where / "out")


@laws
@given(histories)
def test_what_is_published_says_what_the_index_says(history: list[Files]) -> None:
    with _published() as (index, where):
        for step in history:
            _moved_on(index, step)
            published(index, where / "out")
        reader, at = index.reader(), Published.at(str(where / "out"))
        there = listed(where / "out")
        assert there.entry["counts"]["kinds"] == {
            KINDS[kind].word: count for kind, count in sorted(reader.counts().items(), key=lambda pair: pair[0])
        }
        for text in _asked():
            with suppress(Rejected):  # of a file that cannot be read nothing is published
                assert _meant(at.ask, text) == _meant(reader.resolve, text)


def _asked() -> Iterator[str]:
    for namespace, name in NAMES:
        yield from (f"{namespace}/{name}{selector}" for selector in SELECTORS)
        yield f"aliases:model/{namespace}/{name}"
    yield from ("registry", "role:reader", "role-binding:reader", "namespace:acme", "dataset:acme/a@^1")


def _meant(answering: Any, text: str) -> bytes | str:
    """Give the record that a ref means, or what is said where it means none."""
    try:
        return bytes(answering(of(text)).doc)
    except NotFoundError as error:
        return error.says


@laws
@given(histories, st.integers(min_value=0, max_value=5))
def test_a_node_that_follows_knows_what_one_that_starts_anew_knows(history: list[Files], start: int) -> None:
    with _published() as (index, where):
        published(index, where / "out")
        at = Published.at(str(where / "out"))
        node = Node.start(at)
        for number, step in enumerate(history):
            _moved_on(index, step)
            published(index, where / "out")
            if number >= start:
                node.follow(at)
        node.follow(at)
        fresh = Node.start(Published.at(str(where / "out")))
        assert list(node.list()) == list(fresh.list())
        assert [node.get(of(ref)) for ref in node.list()] == [fresh.get(of(ref)) for ref in fresh.list()]
        assert len(list(node.list())) == sum(index.reader().counts().values())


class KilledError(BaseException):
    """The process is no more."""


def dead(publisher: folder.Folder) -> None:
    """Tidy nothing up; the system closes what was open."""
    for stream in publisher._streams:
        stream.close()


@laws
@given(histories, st.integers(min_value=1, max_value=60))
def test_a_killed_run_leaves_no_trace_in_the_next(history: list[Files], moment: int) -> None:

    with _published() as (index, where):
        out = where / "out"
        published(index, out)
        for step in history:
            _moved_on(index, step)
            calls = iter(range(moment - 1))
            real = folder._write_all

            def write(*words: Any, calls: Iterator[int] = calls, real: Any = real) -> None:
                if next(calls, None) is None:
                    raise KilledError
                real(*words)

            with patch.object(folder, "_write_all", write), patch.object(folder.Folder, "_give_up", dead):
                try:
                    published(index, out)
                except KilledError:
                    listed(out)
        published(index, out)
        published(index, where / "fresh")
        assert files_in(out) == files_in(where / "fresh")
        holds_nothing_else(out)


# Lists as pages

keys = st.text("abc", min_size=1, max_size=3)
entries = st.dictionaries(keys, st.integers(min_value=0, max_value=3), max_size=40)
edits = st.lists(st.dictionaries(keys, st.none() | st.integers(min_value=0, max_value=3), max_size=12), max_size=5)


class Shelf:
    """Pages in memory."""

    def __init__(self) -> None:
        self.pages: dict[Stated, bytes] = {}

    def put(self, raw: bytes) -> Stated:
        stated = Stated.of(raw)
        self.pages[stated] = raw
        return stated

    def load(self, stated: Stated) -> Page:
        return Page.read(self.pages[stated])

    def built(self, wanted: Mapping[str, int]) -> Stated:
        builder = Builder(self.put)
        for key in sorted(wanted):
            builder.add(Entry.of(key, _file(wanted[key])))
        return builder.close()


def _file(number: int) -> Stated:
    return Stated(sha256(bytes([number])).hexdigest(), number)


@settings(max_examples=tries(80, 800), deadline=None)
@given(entries, edits)
def test_an_edited_list_is_the_list_that_would_be_built(start: dict[str, int], rounds: list[dict[str, Any]]) -> None:
    with patch.object(layout, "PAGE_BITS", 1):
        edited, now = Shelf(), dict(start)
        root = edited.built(start)
        for changes in rounds:
            before = dict(now)
            for key, number in changes.items():
                now.pop(key, None)
                now |= {} if number is None else {key: number}
            wanted = {key: _file(number) if number is not None else None for key, number in changes.items()}
            done = edit(root, wanted, edited.load, edited.put)
            for stated in done.dropped:
                del edited.pages[stated]
            fresh = Shelf()
            root = done.root
            assert root == fresh.built(now)
            assert edited.pages == fresh.pages
            assert done.grown == len(now) - len(before)
            assert {key: entry.stated for key, entry in done.replaced.items()} == {
                key: _file(before[key]) for key in changes if key in before
            }


@settings(max_examples=tries(80, 400), deadline=None)
@given(entries, keys)
def test_a_list_is_looked_up_as_a_sorted_map_is(wanted: dict[str, int], key: str) -> None:
    with patch.object(layout, "PAGE_BITS", 1):
        files = Shelf()
        root = files.built(wanted)
        held = find(root, key, files.load)
        assert (held.stated if held else None) == (_file(wanted[key]) if key in wanted else None)
        assert [entry.key for entry in walk(root, files.load, key)] == sorted(k for k in wanted if k >= key)
        assert last_before(root, key, files.load) == max((k for k in wanted if k < key), default=None)
        newest = last(root, files.load)
        assert (newest.key if newest else None) == max(wanted, default=None)


def test_an_edit_reads_and_writes_the_way_to_what_it_changes_and_no_more() -> None:
    files = Shelf()
    root = files.built({f"{number:06}": 1 for number in range(20_000)})
    read: list[Stated] = []
    written: list[bytes] = []

    def load(stated: Stated) -> Page:
        read.append(stated)
        return files.load(stated)

    def put(raw: bytes) -> Stated:
        written.append(raw)
        return files.put(raw)

    done = edit(root, {"010000": _file(2)}, load, put)
    assert len(files.pages) > 100
    assert len(read) == len(written) == len(done.dropped) == files.load(done.root).level + 1


def test_pages_are_cut_about_where_they_should_be() -> None:
    files = Shelf()
    files.built({f"model acme assistant-{number:06}": 1 for number in range(50_000)})
    leaves = [page for page in map(Page.read, files.pages.values()) if page.level == 0]
    assert 50_000 / len(leaves) == pytest.approx(2**layout.PAGE_BITS, rel=0.2)
