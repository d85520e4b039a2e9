"""The store of vectors: what is put, what is made again, and what becomes of it when files or processes fail."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from effort import tries
from semantic_support import TEXTS, Counting, asked_of, filled, said

from gitreg.errors import GitregError
from gitreg_indexer.semantic import store
from gitreg_indexer.semantic.embedders import HashedEmbedder
from gitreg_indexer.semantic.store import BrokenVectorsError, Store
from gitreg_indexer.semantic.vectors import Position, Vectors

Opening = Callable[..., Vectors]


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    """Open the vectors over one and the same folder, as often as wanted."""

    def open_again(embedder: Any = None) -> Vectors:
        return Vectors(tmp_path / "semantic", embedder or Counting())

    return open_again


# The store


def test_new_vectors_are_empty_and_say_so(opening: Opening) -> None:
    vectors = opening()
    assert vectors.position() == ("", 0, "hashed-1:32")
    assert vectors.nearest(np.ones(32), 10) == []
    assert vectors.near_text("gpt").best(5) == []
    assert (vectors.row(1), vectors.near_fact(1)) == (None, None)
    assert vectors.verify() == []
    assert asked_of(vectors) == []


def test_what_is_put_is_found_again_after_opening(opening: Opening) -> None:
    filled(opening(), seq=7)
    vectors = opening()
    assert vectors.position() == Position("one", 7, "hashed-1:32")
    best = vectors.near_text("gpt 4o mini").best(1)
    assert [near.id for near in best] == [1]
    assert best[0].score > 0.8
    assert vectors.verify(enumerate(TEXTS, start=1)) == []


def test_a_vector_is_nearest_to_itself(opening: Opening) -> None:
    vectors = filled(opening())
    for id_ in (1, 2, 3):
        row = vectors.row(id_)
        assert row is not None
        (found, score), *_ = vectors.nearest(row, 1)
        assert found == id_
        assert score == pytest.approx(1, abs=1e-5)


def test_equal_texts_are_embedded_once_and_stay_equal(opening: Opening) -> None:
    vectors = opening()
    vectors.apply([(1, "a b"), (2, "c d"), (3, "a b")], instance="one", seq=1)
    vectors.apply([(4, "a b"), (5, "c d")], instance="one", seq=2)
    assert asked_of(vectors) == ["a b", "c d"]
    assert [near.id for near in vectors.near_text("a b").best(1)] == [1, 3, 4], "equals come with the last one"


def test_putting_twice_is_as_putting_once_and_costs_nothing(opening: Opening) -> None:
    vectors = filled(opening())
    size = sum(path.stat().st_size for path in Store(_folder(vectors)).folder.glob("*-*"))
    for _ in range(3):
        filled(vectors)
    assert sum(path.stat().st_size for path in Store(_folder(vectors)).folder.glob("*-*")) == size
    assert len(asked_of(vectors)) == 3


def _folder(vectors: Vectors) -> Path:
    return vectors._store.folder


def test_nothing_put_still_moves_the_position(opening: Opening) -> None:
    vectors = filled(opening())
    vectors.apply((), instance="one", seq=9)
    assert opening().position() == ("one", 9, "hashed-1:32")
    assert len(said(vectors)) == 3


def test_ids_may_come_in_any_order_and_the_last_text_counts(opening: Opening) -> None:
    vectors = opening()
    vectors.apply([(9, "nine"), (3, "three"), (9, "another"), (5, "five")], instance="one", seq=1)
    vectors.apply([(4, "four"), (3, "new three")], instance="one", seq=2)
    expected = {3: "new three", 4: "four", 5: "five", 9: "another"}
    assert vectors.verify(expected.items()) == []
    assert [near.id for near in sorted(vectors.near_text("three").best(99))] == [3, 4, 5, 9]
    assert opening().verify(expected.items()) == []


def test_a_failure_half_way_leaves_facts_as_they_were_and_keeps_what_was_embedded(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitreg_indexer.semantic.vectors.BATCH", 2)
    filled(opening())
    before = said(opening())
    embedder = Counting(fails_after=2)
    many = [(id_, f"text {id_}") for id_ in range(4, 10)]
    with pytest.raises(GitregError, match="the server is gone"):
        opening(embedder).apply(many, instance="one", seq=2)
    assert opening().position().seq == 1
    assert said(opening()) == before
    again = Counting()
    opening(again).apply(many, instance="one", seq=2)
    assert again.asked == [f"text {id_}" for id_ in range(6, 10)], "what was embedded is not embedded again"
    assert opening().verify([*enumerate(TEXTS, start=1), *many]) == []


def test_a_failing_source_leaves_everything_as_it_was(opening: Opening) -> None:
    vectors = filled(opening())

    def failing() -> Iterator[tuple[int, str]]:
        yield 4, "four"
        raise RuntimeError("the catalog is gone")

    with pytest.raises(RuntimeError, match="the catalog is gone"):
        vectors.apply(failing(), instance="one", seq=2)
    assert (vectors.position().seq, len(said(vectors))) == (1, 3)


def test_a_known_catalog_goes_on_where_it_was(opening: Opening) -> None:
    vectors = opening()
    assert vectors.known(instance="one", seq=5) == 0
    filled(vectors, seq=5)
    assert vectors.known(instance="one", seq=5) == 5
    assert vectors.known(instance="one", seq=8) == 5


@pytest.mark.parametrize(
    ("instance", "seq"), [pytest.param("two", 9, id="another catalog"), pytest.param("one", 3, id="a shorter history")]
)
def test_facts_of_another_catalog_are_given_up_and_their_texts_kept(opening: Opening, instance: str, seq: int) -> None:
    filled(opening(), seq=5)
    vectors = opening()
    assert vectors.known(instance=instance, seq=seq) == 0
    assert vectors.near_text("gpt").best(9) == []
    vectors.apply([(70, TEXTS[1]), (71, "new")], instance=instance, seq=seq)
    assert asked_of(vectors) == ["new"]
    assert [near.id for near in sorted(vectors.near_text("claude").best(9))] == [70, 71]
    assert vectors.verify([(70, TEXTS[1]), (71, "new")]) == []


def test_facts_of_another_catalog_are_given_up_by_applying_alone(opening: Opening) -> None:
    filled(opening(), seq=5)
    vectors = filled(opening(), ["x"], seq=2, instance="two")
    assert vectors.position() == ("two", 2, "hashed-1:32")
    assert [near.id for near in vectors.near_text("x").best(9)] == [1]


@pytest.mark.parametrize(
    "other",
    [pytest.param(Counting(48), id="another dimension"), pytest.param(Counting(name="other:32"), id="another name")],
)
def test_vectors_of_another_embedder_are_made_again(opening: Opening, other: Counting) -> None:
    filled(opening(), seq=5)
    vectors = opening(other)
    assert vectors.position().embedder == "hashed-1:32"
    with pytest.raises(GitregError, match="made by another embedder") as caught:
        vectors.near_text("gpt")
    assert (caught.value.got, caught.value.expected) == ("hashed-1:32", other.name)
    assert vectors.known(instance="one", seq=5) == 0
    filled(vectors, seq=5)
    assert other.asked == list(TEXTS)
    assert vectors.position() == ("one", 5, other.name)
    assert [near.id for near in vectors.near_text("gpt 4o mini").best(1)] == [1]
    assert len(list(_folder(vectors).iterdir())) == 5, "the old files are gone"


def test_an_embedder_that_changes_its_dimension_under_one_name_is_told(opening: Opening) -> None:
    filled(opening())
    with pytest.raises(GitregError, match="another dimension") as caught:
        opening(Counting(64, name="hashed-1:32")).apply([(9, "nine")], instance="one", seq=2)
    assert (caught.value.got, caught.value.expected) == (64, 32)
    assert "remove the folder `semantic`" in caught.value.mend
    with pytest.raises(GitregError, match="another dimension"):
        opening().nearest(np.ones(31), 5)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(np.full((1, 32), np.nan), id="not finite"),
        pytest.param(np.ones((2, 32)), id="too many rows"),
        pytest.param(np.ones(32), id="no rows"),
        pytest.param(np.ones((1, 32), np.int64), id="no floating-point numbers"),
        pytest.param(np.ones((1, 0)), id="rows of nothing"),
        pytest.param([["a"]], id="no numbers"),
    ],
)
def test_what_is_no_vector_is_refused(opening: Opening, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Counting()
    monkeypatch.setattr(embedder, "embed", lambda _: made)
    vectors = opening(embedder)
    with pytest.raises(GitregError, match="what are no vectors"):
        vectors.apply([(1, "a")], instance="one", seq=1)
    assert vectors.position().seq == 0


def test_what_was_asked_is_embedded_once(opening: Opening) -> None:
    vectors = filled(opening())
    for text in ("gpt mini", "  gpt\n mini ", "gpt mini"):
        vectors.near_text(text)
    assert asked_of(vectors)[3:] == ["gpt mini"]


def test_a_question_without_words_is_near_to_nothing(opening: Opening) -> None:
    assert filled(opening()).near_text("... !").best(10) == []


def test_clearing_forgets_everything_for_good(opening: Opening) -> None:
    vectors = filled(opening())
    vectors.clear()
    assert vectors.position() == ("", 0, "hashed-1:32")
    assert list(_folder(vectors).iterdir()) == []
    assert said(opening()) == []
    filled(vectors)
    assert len(asked_of(vectors)) == 6


def test_another_process_is_seen_after_refreshing_and_not_before(opening: Opening) -> None:
    reader, writer = filled(opening()), opening()
    before = said(reader)
    writer.apply([(4, "four")], instance="one", seq=2)
    assert said(reader) == before
    assert reader.position().seq == 1
    reader.refresh()
    assert reader.position().seq == 2
    assert len(said(reader)) == 4


def test_a_reader_keeps_what_it_sees_while_everything_is_made_anew(opening: Opening) -> None:
    reader = filled(opening())
    before = said(reader)
    opening().clear()
    filled(opening(Counting(64)), ["other"])
    assert said(reader) == before
    reader.refresh()
    assert reader.position().embedder == "hashed-1:64"


def test_answers_agree_with_their_position_while_facts_are_put(opening: Opening) -> None:
    reader, writer = opening(), opening()
    faults: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                reader.refresh()
                found = reader.near_text("text")
                if len(found) != 3 * found.position.seq:
                    faults.append((len(found), found.position))
            except GitregError as error:
                faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for seq in range(1, 40):
        writer.apply([(seq * 3 + n, f"text {seq * n % 20}") for n in range(3)], instance="one", seq=seq)
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_texts_of_another_folder_are_adopted(opening: Opening, tmp_path: Path) -> None:
    old = filled(Vectors(tmp_path / "old", Counting()))
    vectors = opening()
    assert vectors.adopt(_folder(old)) == 3
    assert vectors.position() == ("", 0, "hashed-1:32")
    vectors.apply([(50, TEXTS[2]), (51, "new")], instance="two", seq=4)
    assert asked_of(vectors) == ["new"]
    assert vectors.verify([(50, TEXTS[2]), (51, "new")]) == []
    assert vectors.adopt(_folder(old)) == 4, "what has vectors of its own adopts none"


@pytest.mark.parametrize("spoil", ["absent", "broken", "another embedder"])
def test_what_is_of_no_use_is_not_adopted(opening: Opening, tmp_path: Path, spoil: str) -> None:
    old = tmp_path / "old"
    if spoil != "absent":
        filled(Vectors(old, Counting(name="other" if spoil == "another embedder" else None)))
    if spoil == "broken":
        (old / "position.json").write_bytes(b"{}")
    assert opening().adopt(old) == 0
    assert said(filled(opening()))


# Faults of files


def _spoiled(opening: Opening, pattern: str, spoil: Callable[[Path], object]) -> Path:
    folder = _folder(filled(opening(), seq=3))
    (path,) = folder.glob(pattern)
    spoil(path)
    return folder


def _shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


FILES: Final = ("texts-*.codes", "texts-*.lengths", "texts-*.digests", "facts-*")


@pytest.mark.parametrize("pattern", FILES)
@pytest.mark.parametrize("spoil", [_shorten, Path.unlink], ids=["shortened", "removed"])
def test_a_file_that_lost_its_end_is_told_and_made_again(
    opening: Opening, pattern: str, spoil: Callable[[Path], object]
) -> None:
    _spoiled(opening, pattern, spoil)
    with pytest.raises(BrokenVectorsError, match="are broken") as caught:
        opening().near_text("gpt")
    assert "`gitreg index`" in caught.value.mend
    assert pattern.partition("*")[0] in str(caught.value.got)
    _mended(opening)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"{}", b'{"check":"x","says":{"format":1}}', b'{"check":1,"says":[]}'], ids=repr
)
def test_a_position_that_was_not_written_is_told_and_made_again(opening: Opening, raw: bytes) -> None:
    _spoiled(opening, "position.json", lambda path: path.write_bytes(raw))
    with pytest.raises(BrokenVectorsError, match="are broken"):
        opening().position()
    _mended(opening)


def test_a_position_of_another_format_is_made_again(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "FORMAT", 2)
        filled(opening())
    with pytest.raises(BrokenVectorsError, match="are broken"):
        opening().position()
    _mended(opening)


@pytest.mark.parametrize("pattern", [*FILES, "position.json"])
def test_a_flipped_bit_is_found_and_named(opening: Opening, pattern: str) -> None:
    folder = _spoiled(opening, pattern, _flip)
    if pattern == "position.json":
        with pytest.raises(BrokenVectorsError, match="are broken"):
            opening().verify()
    else:
        (fault,) = opening().verify()
        assert fault.startswith(next(folder.glob(pattern)).name)


def test_files_without_a_position_are_told_and_made_again(opening: Opening) -> None:
    _spoiled(opening, "position.json", Path.unlink)
    (fault,) = opening().verify()
    assert fault.startswith("position.json: it is missing")
    _mended(opening)


def test_the_position_comes_before_all_other_files(opening: Opening) -> None:
    vectors = opening(Counting(fails_after=0))
    with pytest.raises(GitregError, match="the server is gone"):
        filled(vectors)
    assert [path.name for path in _folder(vectors).iterdir()] == ["position.json"]
    assert (vectors.position(), vectors.verify()) == (("", 0, "hashed-1:32"), [])


@pytest.mark.parametrize("pattern", ["facts-*", "texts-*.codes", "position.json"])
def test_what_is_damaged_is_given_up_and_no_more(opening: Opening, pattern: str) -> None:
    _spoiled(opening, pattern, _flip)
    vectors = opening()
    vectors._store.drop_damaged()
    assert vectors.verify() == []
    filled(vectors, seq=3)
    assert vectors.verify(enumerate(TEXTS, start=1)) == []
    assert asked_of(vectors) == ([] if pattern == "facts-*" else list(TEXTS))


def _mended(opening: Opening) -> None:
    vectors = opening()
    assert vectors.known(instance="one", seq=3) == 0
    filled(vectors, seq=3)
    assert vectors.verify(enumerate(TEXTS, start=1)) == []


def test_facts_without_a_vector_or_with_another_texts_are_named(opening: Opening) -> None:
    vectors = filled(opening())
    assert vectors.verify([(1, TEXTS[0]), (2, "x"), (9, "y")]) == [
        "fact 2: the vector is that of another text",
        "fact 9: the vector is missing",
    ]
    assert len(vectors.verify((id_, "x") for id_ in range(1_000))) == 100


@pytest.mark.parametrize("pattern", FILES)
def test_a_half_written_end_is_not_seen_and_cut_off(opening: Opening, pattern: str) -> None:
    _spoiled(opening, pattern, lambda path: path.write_bytes(path.read_bytes() + b"half a row"))
    vectors = opening()
    before = said(vectors)
    assert len(before) == 3
    assert vectors.verify() == []
    vectors.apply([(4, "four")], instance="one", seq=4)
    assert said(opening())[:3] == before
    header = vectors._store.header()
    assert all((_folder(vectors) / header.file(part)).stat().st_size == header.size(part) for part in header.checks)
    assert opening().verify([*enumerate(TEXTS, start=1), (4, "four")]) == []


class Killed(BaseException):
    """Stands for a kill: nothing that comes after it is done."""


def _killed_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    """Let nothing reach the disk from the n-th flush, fsync or rename on."""
    left = iter(range(moment))

    def until(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            if next(left, None) is None:
                raise Killed
            return real(*words, **more)

        return call

    monkeypatch.setattr(os, "fsync", until(os.fsync))
    monkeypatch.setattr(Path, "replace", until(Path.replace))
    monkeypatch.setattr(Path, "unlink", until(Path.unlink))


@pytest.mark.parametrize("is_other", [False, True], ids=["the same embedder", "another embedder"])
def test_a_stop_at_any_moment_leaves_the_state_before_or_after(
    opening: Opening, monkeypatch: pytest.MonkeyPatch, is_other: bool
) -> None:
    monkeypatch.setattr("gitreg_indexer.semantic.vectors.BATCH", 2)
    monkeypatch.setattr("gitreg_indexer.semantic.vectors.KEPT_EVERY", 2)
    later = [*enumerate(TEXTS, start=1), *((id_, f"text {id_ // 2}") for id_ in range(4, 12))]
    wanted = Counting(48) if is_other else Counting()
    for moment in range(200):
        opening().clear()
        filled(opening())
        before = said(opening())
        with monkeypatch.context() as patch:
            _killed_at(patch, moment)
            try:
                opening(wanted).apply(later, instance="one", seq=2)
            except Killed:
                was_killed = True
            else:
                was_killed = False
        found = opening(wanted)
        seq = found.known(instance="one", seq=2)
        assert seq in ((0, 2) if is_other else (1, 2))
        if seq == 1:
            assert said(found) == before
        found.apply(later, instance="one", seq=2)
        assert found.verify(later) == []
        assert len(list(_folder(found).iterdir())) == 5
        if not was_killed:
            break
    assert not was_killed
    assert moment > 10


KILLING: Final = """
import sys
from pathlib import Path
from gitreg_indexer.semantic import vectors
from gitreg_indexer.semantic.embedders import HashedEmbedder
vectors.BATCH = vectors.KEPT_EVERY = 8
opened = vectors.Vectors(Path(sys.argv[1]), HashedEmbedder(32))
start = opened.known(instance="one", seq=10_000)
print("ready", flush=True)
for seq in range(start + 1, 10_000):
    opened.apply([(id_, f"text {id_ % 50} {id_}") for id_ in range(seq * 10, seq * 10 + 10)], instance="one", seq=seq)
"""


def test_a_killed_process_leaves_whole_facts(tmp_path: Path) -> None:
    draw = random.Random(3)  # noqa: S311 - moments to kill at
    folder = tmp_path / "semantic"
    last = 0
    for _ in range(tries(3, 30)):
        with subprocess.Popen([sys.executable, "-c", KILLING, str(folder)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(draw.random() / 8)
            process.send_signal(signal.SIGKILL)
        vectors = Vectors(folder, HashedEmbedder(32))
        seq = vectors.position().seq
        assert seq >= last
        expected = [(id_, f"text {id_ % 50} {id_}") for id_ in range(10, seq * 10 + 10)]
        assert vectors.verify(expected) == []
        assert len(vectors.near_text("text").best(10**6)) == len(expected)
        last = seq
    assert last > 0


def test_a_full_disk_is_told_and_the_last_state_stays(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(opening())
    before = said(opening())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(GitregError, match="cannot be used") as caught:
            opening().apply([(4, "four")], instance="one", seq=2)
    assert "free some space" in caught.value.mend
    assert said(opening()) == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GitregError, match="cannot be used") as caught:
        filled(Vectors(tmp_path / "file" / "semantic", Counting()))
    assert "--index" in caught.value.mend
