"""An index without the past answers the present as one with it does, says that it has no past, and can be given it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from cli_support import fine, run
from index_support import (
    Files,
    aliases,
    answers,
    cold,
    commit,
    dataset,
    docs,
    found,
    model,
    of,
    rows,
    said,
)

from gitreg.errors import UsageError
from gitreg.registry import Registry
from gitreg.repository.writing import advance
from gitreg_indexer import Index, Query, Reader
from gitreg_indexer import reader as reader_module
from gitreg_indexer.building import Builder
from gitreg_indexer.catalog import Catalog, History
from gitreg_indexer.moments import NoHistoryError
from gitreg_indexer.verifying import verify

BAD: Final = b"apiVersion: gitreg/v1\nkind: Model\nmetadata:\n  name: [\n"
BEFORE: Final[tuple[Files, ...]] = (
    {**model("a"), **model("b"), **dataset(), **aliases(stable="1.0.0")},
    {**model("a", description="Answers."), "models/acme/bad/1.0.0.yaml": BAD, "models/acme/gone/1.0.0.yaml": BAD},
    {**model("a", "1.1.0"), **dict.fromkeys(model("b")), "models/acme/gone/1.0.0.yaml": None},
    {**model("b", description="Back again.")},
)
AFTER: Final[tuple[Files, ...]] = (
    {**model("a", description="Answers questions."), **model("c")},
    {**dict.fromkeys(model("a", "1.1.0")), **model("bad")},
    {"models/acme/c/1.0.0.yaml": BAD},
)


def filled(where: Path) -> Registry:
    registry = found(where)
    for files in BEFORE:
        commit(registry.repo, files)
    return registry


def without_past(registry: Registry, folder: Path | None = None) -> Index:
    index = Index.emptied(registry, folder, history="none")
    index.catch_up()
    return index


def present(reader: Reader) -> list[Any]:
    """Give all that is said of the present."""
    facts = [reader.resolve(of(ref)) for ref in ("acme/a", "acme/b", "dataset:acme/a", "acme/a@stable", "registry")]
    named = [reader.versions(of("acme/a")), reader.versions(of("acme/b"))]
    return [
        *answers(reader),
        [(fact.doc, fact.etag, fact.seq) for fact in facts],
        [[(fact.doc, fact.etag, fact.seq) for fact in listed] for listed in named],
        reader.aliases(of("acme/a")),
        reader.quarantine(),
        reader.counts(),
        reader.position(),
        reader.totals(),
        reader.manifests("Model"),
    ]


def test_the_present_is_the_same_with_and_without_the_past(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    bare, full = without_past(registry), cold(registry, tmp_path / "full")
    assert present(bare.reader()) == present(full.reader())
    assert bare.catalog.about()["history_from"] == "5"
    for files in AFTER:
        commit(registry.repo, files)
        bare.catch_up()
        full.catch_up()
        assert present(bare.reader()) == present(full.reader())


def test_the_past_that_it_has_is_the_same_too(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    bare = without_past(registry)
    for files in AFTER:
        commit(registry.repo, files)
    bare.catch_up()
    full = cold(registry, tmp_path / "full")
    for seq in range(5, 9):
        assert answers(bare.reader(), at=seq) == answers(full.reader(), at=seq)
        assert bare.reader().counts(at=seq) == full.reader().counts(at=seq)
        assert bare.reader().quarantine(at=seq) == full.reader().quarantine(at=seq)
        assert bare.reader().moment(str(seq)) == full.reader().moment(str(seq))
        assert bare.reader().changes(since=seq) == full.reader().changes(since=seq)


def test_pages_of_histories_and_versions_are_parts_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = filled(tmp_path / "r")
    for files in (*AFTER, {**model("c"), **model("a", "1.2.0"), **model("a", "2.0.0")}):
        commit(registry.repo, files)
    reader = cold(registry, tmp_path / "index").reader()
    read: list[bytes] = []
    real = reader_module._manifest_data

    def count(doc: bytes) -> dict[str, Any]:
        read.append(doc)
        return real(doc)

    monkeypatch.setattr(reader_module, "_manifest_data", count)
    named = [(of(f"acme/{name}@1.0.0"), None) for name in ("a", "b", "c", "bad", "gone")]
    for ref, at in [*named, (of("acme/c@1.0.0"), 7), (of("acme/c@1.0.0"), 6)]:
        whole = reader.history(ref, at=at)
        for offset, limit in ((0, 1), (1, 1), (1, 2), (0, 9), (9, 1)):
            read.clear()
            page = reader.history_page(ref, at=at, offset=offset, limit=limit)
            assert page == (whole[offset : offset + limit], len(whole))
            assert len(read) <= limit + 1
    for at in (None, 5):
        versions = reader.versions(of("acme/a"), at=at)
        for offset, limit in ((0, 0), (0, 1), (1, 1), (0, 9), (9, 1)):
            part = reader.versions_page(of("acme/a"), at=at, offset=offset, limit=limit)
            assert part == (versions[offset : offset + limit], len(versions))
    assert reader.versions_page(of("acme/nowhere")) == ((), 0)


UNREADABLE: Final = {
    "broken": {"models/acme/v/1.0.0.yaml": BAD},
    "another record's": {"models/acme/v/1.0.0.yaml": model("other")["models/acme/other/1.0.0.yaml"]},
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_read_changes_no_field(tmp_path: Path, case: str) -> None:
    registry = found(tmp_path / "r")
    steps: list[Files] = [
        {**model("v", description="Versioned thing.")},
        UNREADABLE[case],
        {"models/acme/v/1.0.0.yaml": BAD + b"\n"},
        {**model("v", description="Versioned thing.", owner="ml")},
        UNREADABLE[case],
        {"models/acme/v/1.0.0.yaml": None},
    ]
    for step in steps:
        commit(registry.repo, step)
    reader = cold(registry, tmp_path / "index").reader()
    told = reader.history(of("acme/v@1.0.0"))
    changes = [[each["change"] for each in item["changes"]] for item in reader.changes(since=1)[0]]
    assert [stage["change"] for stage in reversed(told)] == [word for (word,) in changes]
    assert [stage["change"] for stage in told] == [
        *("removed", "quarantined", "changed", "quarantined", "quarantined", "added"),
    ]
    assert [stage["fields"] for stage in told[1:5]] == [
        [],
        [{"path": "metadata.owner", "before": None, "after": "ml"}],
        [],
        [],
    ]
    described = reader.history(of("acme/v@1.0.0"), field="metadata.description")
    assert [(stage["seq"], stage["fields"][0]["after"]) for stage in described] == [(7, None), (2, "Versioned thing.")]
    assert [entry.as_data() for entry in registry.history("acme/v@1.0.0")] == told
    assert registry.history("acme/v@1.0.0", at=told[1]["commit"])[0].as_data() == told[1]


def test_what_it_has_not_is_an_error_and_never_an_empty_answer(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    reader = without_past(registry).reader()
    asked: tuple[Callable[[], object], ...] = (
        lambda: reader.history(of("acme/a@1.0.0")),
        lambda: reader.history(of("acme/a@1.0.0"), field="spec.pricing"),
        lambda: reader.moment("4"),
        lambda: reader.moment("main~1"),
        lambda: reader.changes(since=3),
    )
    for ask in asked:
        with pytest.raises(NoHistoryError) as caught:
            ask()
        assert "gitreg index --history full" in caught.value.mend
    assert reader.changes(since=4)[0][0]["seq"] == 5


def test_given_the_past_it_is_as_one_that_always_had_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = filled(tmp_path / "r")
    index = without_past(registry)
    read: list[str] = []
    real = Builder.__init__.__globals__["read_file"]

    def count(repo: Any, uid: str, standing: Any) -> Any:
        read.append(standing.path)
        return real(repo, uid, standing)

    monkeypatch.setattr("gitreg_indexer.building.read_file", count)
    filled_in = Index.having(registry, history="full")
    assert index.reader().position().seq == 5  # what is there is answered from until then
    filled_in.catch_up()
    assert set(read) == {
        *("models/acme/a/1.0.0.yaml", "models/acme/b/1.0.0.yaml"),  # as they were before
        *("models/acme/bad/1.0.0.yaml", "models/acme/gone/1.0.0.yaml"),  # what cannot be read is read again
    }
    assert said(filled_in) == said(index) == said(cold(registry, tmp_path / "full"))
    assert index.reader().history(of("acme/a@1.0.0"))
    assert verify(registry).is_clean


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        (None, None, "full"),
        (None, "full", "full"),
        (None, "none", "none"),
        ("full", None, "full"),
        ("full", "full", "full"),
        ("none", None, "none"),
        ("none", "none", "none"),
        ("none", "full", "full"),
    ],
)
def test_an_index_has_the_history_that_is_asked_for(
    tmp_path: Path, before: History | None, asked: History | None, after: History
) -> None:
    registry = filled(tmp_path / "r")
    if before is not None:
        Index.emptied(registry, history=before).catch_up()
    index = Index.having(registry, history=asked)
    index.catch_up()
    index.close()
    assert Index.open(registry).catalog.about()["history"] == after
    assert Index.open(registry).reader().position().seq == 5
    Index.emptied(registry).catch_up()
    assert Index.open(registry).catalog.about()["history"] == after


def test_an_index_that_was_opened_and_never_filled_may_leave_the_past_out(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    Index.open(registry).close()
    Index.having(registry, history="none").catch_up()
    assert Index.open(registry).catalog.about()["history"] == "none"


def test_the_past_is_not_thrown_away_by_the_way(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    index = cold(registry, tmp_path / "index")
    before = said(index)
    with pytest.raises(UsageError) as caught:
        Index.having(registry, tmp_path / "index", history="none")
    assert "gitreg index --rebuild --history none" in caught.value.mend
    assert said(index) == before


def killed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Begin an index without the past, and end when some files are taken; give the facts that are stored by then."""
    monkeypatch.setattr("gitreg_indexer.building.PART", 2)
    real = Catalog.writing
    turns = iter(range(100))

    def stop(catalog: Catalog) -> Any:
        if next(turns) == 3:
            raise KeyboardInterrupt
        return real(catalog)

    with closing(Index.emptied(registry, history="none")) as begun:
        with monkeypatch.context() as patch:
            patch.setattr(Catalog, "writing", stop)
            with pytest.raises(KeyboardInterrupt):
                begun.catch_up()
        facts, _ = rows(begun)
    assert facts
    return facts


def test_what_no_longer_stands_when_the_first_build_goes_on_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tip may move between a build that was killed and the one that goes on."""
    registry = filled(tmp_path / "r")
    facts = killed(registry, monkeypatch)
    gone = {row[6]: None for row in facts[:-1] if row[6] != "registry.yaml"}
    commit(registry.repo, {**gone, **model("new")})
    index = without_past(registry)
    assert present_or_not(index) == present_or_not(cold(registry, tmp_path / "full"))
    assert verify(registry).is_clean


def test_what_was_taken_before_main_was_rewritten_is_not_taken_for_what_stands_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same path may stand from the same seq, and yet say something else."""
    registry = found(tmp_path / "r")
    files = {**model("a"), **model("b"), **model("c"), **model("d")}
    commit(registry.repo, files)
    killed(registry, monkeypatch)
    repo = registry.repo
    advance(repo, new=repo.resolve("main~1"), old=repo.tip(), message="rewrite")
    commit(repo, {path: raw.replace(b"completion", b"chat") for path, raw in files.items()})
    index = without_past(registry)
    assert present_or_not(index) == present_or_not(cold(registry, tmp_path / "full"))
    assert verify(registry).is_clean


def present_or_not(index: Index) -> tuple[Any, ...]:
    reader = index.reader()
    return docs(reader.search(Query(), limit=100)), reader.counts(), reader.quarantine(), reader.position()


# By commands


def test_the_command_keeps_fills_in_and_refuses(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    where = str(registry.repo.git_dir)
    fine("index", "--repo", where, "--history", "none")
    status = fine("index", "status", "--repo", where, "--json").json
    assert status["history"] == {"kind": "none", "from": 5}
    assert "from seq 5" in fine("index", "status", "--repo", where).out
    through_git = fine("history", "acme/a@1.0.0", "--repo", where, "--json")
    assert "the index was made without the past" in through_git.err
    refused = run("get", "acme/a", "--at", "1", "--repo", where, "--json")
    assert (refused.code, refused.error["code"]) == (2, "no-history")
    assert "gitreg index --history full" in refused.error["mend"]
    fine("index", "--repo", where, "--history", "full")
    assert fine("history", "acme/a@1.0.0", "--repo", where, "--json").json == through_git.json
    assert fine("index", "status", "--repo", where, "--json").json["history"] == {"kind": "full", "from": 1}
    assert len(fine("history", "acme/a@1.0.0", "--repo", where, "--json").json) == 2
    refused = run("index", "--repo", where, "--history", "none", "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert "--rebuild --history none" in refused.error["mend"]
    fine("index", "--repo", where, "--rebuild", "--history", "none")
    assert fine("index", "status", "--repo", where, "--json").json["history"]["kind"] == "none"
    assert run("index", "--repo", where, "--history", "some").code == 2


def test_a_folder_of_its_own_has_a_history_of_its_own(tmp_path: Path) -> None:
    registry = filled(tmp_path / "r")
    where = str(registry.repo.git_dir)
    fine("index", "--repo", where)
    fine("index", "--repo", where, "--index", tmp_path / "bare", "--history", "none")
    assert Index.open(registry).catalog.about()["history"] == "full"
    assert Index.open(registry, tmp_path / "bare").catalog.about()["history"] == "none"
    shutil.rmtree(tmp_path / "bare")
