"""What a state of the index remembers: as much as fits, whatever is asked, and by any number of threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from search_support import document

from gitreg.versions import Range
from gitreg_indexer.conditions import Satisfies, StartsWith
from gitreg_indexer.engine import MOST_COUNTED, Query
from gitreg_indexer.memory import HEAVIEST, MOST_BYTES, Memory, weight_of
from gitreg_indexer.tantivy_engine import TantivyEngine
from gitreg_indexer.tantivy_view import View
from gitreg_indexer.terms import AnyPrefixed, AnyTerm, WordPrefixed


def never() -> Any:
    raise AssertionError("it is remembered")


def test_what_was_made_once_is_given_again() -> None:
    memory = Memory()
    assert memory.get("small", lambda: None) is None
    assert memory.get("small", never) is None


def test_what_is_remembered_is_bounded_by_its_weight() -> None:
    memory = Memory()
    for number in range(2_000):
        key = AnyPrefixed((f"{number:04}" + "x" * 196,))
        memory.get(key, object)
        assert memory.weight <= MOST_BYTES
    assert 10 < len(memory) < 100


def test_what_is_too_heavy_is_made_anew_and_drives_nothing_out() -> None:
    memory = Memory()
    memory.get("small", lambda: 1)
    many = AnyTerm(tuple(f"term{number}" for number in range(100_000)))
    assert weight_of(many) > HEAVIEST
    assert memory.get(many, lambda: 2) == 2
    assert memory.get(many, lambda: 3) == 3
    assert memory.get("small", never) == 1


def test_an_automaton_weighs_more_than_its_text() -> None:
    assert weight_of(WordPrefixed("a" * 64)) > 400_000 > weight_of(AnyTerm(("a" * 64,)))


def test_threads_that_drive_out_what_others_have_are_given_theirs() -> None:
    memory, wrong = Memory(), list[BaseException]()

    def ask(start: int) -> None:
        try:
            for number in range(start, start + 300):
                assert memory.get(AnyPrefixed(("x" * 200, str(number % 40))), lambda: "made") == "made"
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            wrong.append(error)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_view_that_is_asked_for_many_beginnings_stays_small(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path / "engine")
    engine.apply([document(1)], instance="one", seq=1)
    for number in range(60):
        where = StartsWith("spec.provider", f"{number:04}" + "x" * 196)
        assert engine.search(Query(where=where), offset=0, limit=1).total == 0
    assert engine._view is not None
    assert engine._view._memory.weight <= MOST_BYTES
    assert len(engine._view._memory) < 60
    engine.close()


def test_versions_are_read_once_for_all_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TantivyEngine(tmp_path / "engine")
    stated = (document(n, values=(("metadata.version", f"1.{n}.0"),)) for n in range(1, 6))
    engine.apply(stated, instance="one", seq=5)
    listed: list[str] = []
    listing = View.starting

    def counted(view: View, prefix: str) -> list[str]:
        listed.append(prefix)
        return listing(view, prefix)

    monkeypatch.setattr(View, "starting", counted)
    for number in range(1, 6):
        where = Satisfies("metadata.version", Range.parse(f">1.{number}"))
        assert engine.search(Query(where=where), offset=0, limit=1).total == 5 - number
    assert len(listed) == 2  # texts that folding changes stand apart
    engine.close()


def test_of_the_values_of_all_that_is_live_only_those_shown_are_remembered(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path / "engine")
    engine.apply((document(n, values=(("a", f"v{n}"),)) for n in range(1, 301)), instance="one", seq=300)
    (told,) = engine.search(Query(), offset=0, limit=1, facets=("a",)).facets
    assert engine._view is not None
    assert engine._view.remembered(("facet", "a"), never) is told
    assert len(told.counts) == MOST_COUNTED
    engine.close()
