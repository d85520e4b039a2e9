"""What a commit does to the edges of the graph: when each begins and ends, and that nothing else happens to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from index_support import (
    UID,
    Files,
    aliases,
    cold,
    commit,
    edge_rows,
    found,
    indexed,
    manifest,
    model,
)

from gitreg.kinds.references import is_upstream
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg_indexer import Index, building, parsing
from gitreg_indexer.building import Builder
from gitreg_indexer.catalog import Catalog, History, Making
from gitreg_indexer.edges import draw, edge_key
from gitreg_indexer.facts import Folded, Link, Opened, Standing, etag_of
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tables import edges
from gitreg_indexer.verifying import verify

pytestmark = pytest.mark.usefixtures("each_catalog")

BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
A: Final = "models/acme/a/1.0.0.yaml"


def needing(*refs: str | Mapping[str, Any], name: str = "a", version: str = "1.0.0", **more: Any) -> dict[str, bytes]:
    wanted = [{"ref": ref} if isinstance(ref, str) else dict(ref) for ref in refs]
    spec = {"dependencies": wanted, **more.pop("spec", {})}
    return model(name, version, spec=spec, **more)


def catalog_at(file: Path) -> closing[Catalog]:
    """Open a catalog by itself."""
    return closing(Catalog.open(file, Making(UID)))


def intervals(catalog: Catalog) -> list[str]:
    """Give the edges as lines: who, the position and what it says there, from when, until when."""
    with catalog.reading() as db:
        rows = list(db.execute(sa.select(edges)))
    return sorted(
        f"{row.source.partition('/')[2]} {row.field.removeprefix('spec.').removesuffix('.ref')} "
        f"{row.target.partition('/')[2]}{'@' + row.selector if row.selector else ''}{'' if row.required else '?'} "
        f"{row.seq_from}-{'' if row.seq_to == FOREVER else row.seq_to}"
        for row in rows
    )


CHANGES = [
    pytest.param([needing("acme/b@^1")], ["a@1.0.0 dependencies[0] b@^1 2-"], id="it-begins-with-its-record"),
    pytest.param([needing("acme/b")], ["a@1.0.0 dependencies[0] b 2-"], id="without-a-selector"),
    pytest.param(
        [needing("acme/b@^1"), needing("acme/b@^2")],
        ["a@1.0.0 dependencies[0] b@^1 2-3", "a@1.0.0 dependencies[0] b@^2 3-"],
        id="another-range-is-another-edge",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing("acme/b@^2"), needing("acme/b@^1"), needing("acme/b@^1", description="A.")],
        [
            "a@1.0.0 dependencies[0] b@^1 2-3",
            "a@1.0.0 dependencies[0] b@^1 4-",
            "a@1.0.0 dependencies[0] b@^2 3-4",
        ],
        id="what-it-said-before-it-says-again",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing("acme/b@^1", description="A."), needing("acme/b@^1", description="B.")],
        ["a@1.0.0 dependencies[0] b@^1 2-"],
        id="it-goes-on-while-its-record-says-so",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing({"ref": "acme/b@^1", "purpose": "P."})],
        ["a@1.0.0 dependencies[0] b@^1 2-"],
        id="what-stands-beside-a-ref-is-no-part-of-it",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing("model:acme/b@^1")],
        ["a@1.0.0 dependencies[0] b@^1 2-"],
        id="the-same-ref-in-other-words",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing("acme/b@1.x")],
        ["a@1.0.0 dependencies[0] b@1.x 3-", "a@1.0.0 dependencies[0] b@^1 2-3"],
        id="a-range-is-as-it-is-written",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing({"ref": "acme/b@^1", "required": False})],
        ["a@1.0.0 dependencies[0] b@^1 2-3", "a@1.0.0 dependencies[0] b@^1? 3-"],
        id="no-longer-required",
    ),
    pytest.param(
        [needing("acme/b@^1"), dict.fromkeys(needing())],
        ["a@1.0.0 dependencies[0] b@^1 2-3"],
        id="it-ends-with-its-record",
    ),
    pytest.param(
        [needing("acme/b@^1"), dict.fromkeys(needing()), {}, needing("acme/b@^1")],
        ["a@1.0.0 dependencies[0] b@^1 2-3", "a@1.0.0 dependencies[0] b@^1 5-"],
        id="removed-and-added-again",
    ),
    pytest.param(
        [needing("acme/b@^1"), {A: BAD}, needing("acme/b@^1")],
        ["a@1.0.0 dependencies[0] b@^1 2-3", "a@1.0.0 dependencies[0] b@^1 4-"],
        id="what-cannot-be-read-says-nothing",
    ),
    pytest.param(
        [{A: BAD}, needing("acme/b@^1")], ["a@1.0.0 dependencies[0] b@^1 3-"], id="readable-for-the-first-time"
    ),
    pytest.param(
        [needing("acme/b@^1", "acme/c@^1"), needing("acme/c@^1", "acme/b@^1")],
        [
            "a@1.0.0 dependencies[0] b@^1 2-3",
            "a@1.0.0 dependencies[0] c@^1 3-",
            "a@1.0.0 dependencies[1] b@^1 3-",
            "a@1.0.0 dependencies[1] c@^1 2-3",
        ],
        id="another-position-is-another-edge",
    ),
    pytest.param(
        [needing("acme/b@^1", "acme/b@^1"), needing("acme/b@^1")],
        ["a@1.0.0 dependencies[0] b@^1 2-", "a@1.0.0 dependencies[1] b@^1 2-3"],
        id="the-same-twice-and-once",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing("acme/b@^1", "acme/c@^1")],
        ["a@1.0.0 dependencies[0] b@^1 2-", "a@1.0.0 dependencies[1] c@^1 3-"],
        id="one-more",
    ),
    pytest.param(
        [needing("acme/b@^1"), needing("acme/b@^1", version="1.1.0")],
        ["a@1.0.0 dependencies[0] b@^1 2-", "a@1.1.0 dependencies[0] b@^1 3-"],
        id="another-version-has-its-own",
    ),
    pytest.param(
        [needing("acme/b@^1"), {**model("b", "1.1.0"), **aliases("b", good="1.1.0")}, dict.fromkeys(model("b"))],
        ["a@1.0.0 dependencies[0] b@^1 2-"],
        id="what-it-leads-to-may-come-and-go",
    ),
    pytest.param(
        [needing("acme/b@^1"), {**dict.fromkeys(needing()), **needing("acme/b@^1", name="c")}],
        ["a@1.0.0 dependencies[0] b@^1 2-3", "c@1.0.0 dependencies[0] b@^1 3-"],
        id="moved-to-another-name",
    ),
    pytest.param(
        [needing("acme/b@^1"), {A: BAD, **needing("acme/b@^1", name="c")}, needing("acme/b@^1", name="a")],
        [
            "a@1.0.0 dependencies[0] b@^1 2-3",
            "a@1.0.0 dependencies[0] b@^1 4-",
            "c@1.0.0 dependencies[0] b@^1 3-",
        ],
        id="what-others-say-stays",
    ),
]


@pytest.mark.parametrize(("steps", "expected"), CHANGES)
def test_what_commits_do_to_edges(tmp_path: Path, steps: Sequence[Files], expected: list[str]) -> None:
    registry = found(tmp_path / "r")
    with catalog_at(tmp_path / "grown") as grown, catalog_at(tmp_path / "fresh") as fresh:
        for step in steps:
            commit(registry.repo, step)
            Builder(registry, grown).follow(None)
        assert intervals(grown) == expected
        Builder(registry, fresh).follow(None)
        assert intervals(fresh) == expected


def test_an_edge_tells_all_of_a_reference(tmp_path: Path) -> None:
    spec = {"dag": {"nodes": [{"id": "m", "type": "model", "model": "acme/m@^1"}]}, "inputSchema": True}
    spec |= {"outputSchema": True, "reads": ["acme/in"], "writes": ["acme/out@1.0.0"]}
    metadata = {"namespace": "acme", "name": "p", "version": "1.0.0"}
    _, index = indexed(tmp_path, {"pipelines/acme/p/1.0.0.yaml": manifest("Pipeline", metadata, spec)})
    source = "pipeline:acme/p@1.0.0"
    listed = (
        ("spec.dag.nodes[0].model", "uses", "model:acme/m", "^1"),
        ("spec.reads[0]", "transforms", "dataset:acme/in", ""),
        ("spec.writes[0]", "transforms", "dataset:acme/out", "1.0.0"),
    )
    assert sorted(edge_rows(index), key=lambda row: row[3]) == [
        (
            *(edge_key(source), edge_key(target), source, field, relation, target, selector),
            *(True, is_upstream(relation, field), 2, FOREVER),
        )
        for field, relation, target, selector in listed
    ]


def test_keys_are_numbers_that_every_database_can_hold_and_never_change() -> None:
    assert edge_key("model:acme/a@1.0.0") == 2_634_546_673_439_607_124
    assert all(0 <= edge_key(str(n)) < 2**63 for n in range(1000))
    assert len({edge_key(str(n)) for n in range(1000)}) == 1000


# However the catalog came about


PAST: Final[tuple[Files, ...]] = (
    {**needing("acme/b@^1"), **model("b"), **needing("acme/a@^1", name="c")},
    {**needing("acme/b@^1", description="A."), **needing("acme/a@^1", "acme/b@^1", name="d")},
    {**needing("acme/a@^2", name="c"), "models/acme/bad/1.0.0.yaml": BAD},
    {**dict.fromkeys(needing(name="d")), **needing("acme/c@^1", name="bad")},
    {**needing("acme/a@^1", name="d"), **needing(name="e")},
)


def filled(where: Path) -> Registry:
    registry = found(where)
    for files in PAST:
        commit(registry.repo, files)
    return registry


def made(registry: Registry, folder: Path, history: History | None = None) -> Index:
    index = Index.emptied(registry, folder, history=history)
    index.catch_up()
    return index


def test_edges_are_the_same_when_the_catalog_is_made_anew_with_what_another_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = filled(tmp_path / "r")
    with closing(cold(registry, tmp_path / "index")) as first:
        expected = edge_rows(first)
    read: list[str] = []
    real = parsing.read_file

    def count(repo: GitRepository, uid: str, standing: Standing) -> Any:
        read.append(standing.path)
        return real(repo, uid, standing)

    monkeypatch.setattr(building, "read_file", count)
    with closing(made(registry, tmp_path / "index")) as again:
        assert edge_rows(again) == expected
    assert read == ["models/acme/bad/1.0.0.yaml"]


def test_without_the_past_each_edge_begins_with_its_record_and_the_past_can_be_filled_in(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    with closing(cold(registry, tmp_path / "full")) as full, closing(made(registry, tmp_path / "i", "none")) as bare:
        assert intervals(bare.catalog) == [
            "a@1.0.0 dependencies[0] b@^1 3-",  # it has stood so from 3; the edge is older
            "bad@1.0.0 dependencies[0] c@^1 5-",
            "c@1.0.0 dependencies[0] a@^2 4-",
            "d@1.0.0 dependencies[0] a@^1 6-",
        ]
        present = [row for row in edge_rows(full) if row[-1] == FOREVER]
        assert [row[:-2] for row in edge_rows(bare)] == [row[:-2] for row in present]
        bare.close()
        with closing(Index.having(registry, tmp_path / "i", history="full")) as whole:
            whole.catch_up()
            assert edge_rows(whole) == edge_rows(full)


@pytest.mark.parametrize("history", ["full", "none"])
@pytest.mark.parametrize("turn", [2, 4])
def test_a_process_that_dies_on_the_way_leaves_edges_that_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each_catalog: str, history: History, turn: int
) -> None:
    monkeypatch.setattr("gitreg_indexer.building.PART", 2)
    monkeypatch.setattr("gitreg_indexer.building.BATCH", 1)
    registry = filled(tmp_path / "r")
    real, turns = Catalog.writing, iter(range(100))

    def stop(catalog: Catalog) -> Any:
        if next(turns) == turn:
            raise KeyboardInterrupt
        return real(catalog)

    with closing(Index.emptied(registry, tmp_path / "i", history=history)) as begun, monkeypatch.context() as patch:
        patch.setattr(Catalog, "writing", stop)
        with pytest.raises(KeyboardInterrupt):
            begun.catch_up()
        gone = {**dict.fromkeys(needing()), **dict.fromkeys(needing(name="d"))}
        commit(registry.repo, {**gone, **needing("acme/b@^3", name="c")})
    with (
        closing(made(registry, tmp_path / "i", history)) as index,
        closing(made(registry, tmp_path / "cold", history)) as fresh,
    ):
        assert edge_rows(index) == edge_rows(fresh)
        if each_catalog == "sqlite":
            assert verify(registry, tmp_path / "i").is_clean


# By hand


def record(name: str, *links: Link, seq: int = 1) -> Opened:
    doc, ref = b"{}", f"model:acme/{name}@1.0.0"
    path = f"models/acme/{name}/1.0.0.yaml"
    return Opened(
        *("Model", "acme", name, "1.0.0", "1", ref, path, "0" * 40, seq, "active", None, etag_of(doc), doc), links
    )


def link(target: str, field: str = "spec.dependencies[0].ref") -> Link:
    return Link(field, "depends_on", f"model:acme/{target}", "^1", True)


def test_records_whose_keys_are_the_same_keep_their_own_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are digests; should two ever be one, the refs beside them decide."""
    monkeypatch.setattr("gitreg_indexer.edges.edge_key", lambda _: 7)
    with catalog_at(tmp_path / "catalog.sqlite3") as catalog:
        with catalog.writing() as written:
            written.put(1, Folded((), (record("a", link("b")), record("c", link("b"))), (), ()))
            draw(written.db, 2, ["model:acme/a@1.0.0"], [])
        with catalog.reading() as db:
            ends = {row.source: row.seq_to for row in db.execute(sa.select(edges))}
    assert ends == {"model:acme/a@1.0.0": 2, "model:acme/c@1.0.0": FOREVER}
