"""A remote is asked once a round, however many follow it; failures slow it down, hints hurry it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch_support import Heard, Upstream, git, until, upstream

from gitreg.repository.fetching import Remote
from gitreg.repository.git import GitRepository
from gitreg_indexer import polling
from gitreg_indexer.news import Fault, Faults
from gitreg_indexer.polling import GAP, LONGEST, Poller, Round, due_at

HOUR = 3600.0
FAULTS = st.builds(Fault, st.text(), st.text(), st.text())


def poller(both: Upstream, heard: Heard | None = None, *, every: float = HOUR) -> Poller:
    """Make a poller with a repository object of its own, as another process has."""
    tell = heard or Heard()
    remote = Remote.open(GitRepository.open(both.near_dir), "origin")
    return Poller(
        remote, every=every, faults=Faults(tell), tell=tell, ring=lambda: None, ended=threading.Event(), patience=60.0
    )


def round_file(both: Upstream) -> Path:
    (file,) = (both.near_dir / "gitreg/remotes").glob("*.json")
    return file


def last_round(both: Upstream) -> Round:
    return Round.from_bytes(round_file(both).read_bytes())


def age(both: Upstream, seconds: float) -> None:
    """Have the last round have been earlier."""
    last = last_round(both)
    round_file(both).write_bytes(Round(last.began - seconds, last.failures, last.fault).as_bytes())


def all_at_once(pollers: list[Poller]) -> None:
    """Let each take its turn, together."""
    start = threading.Barrier(len(pollers))

    def turn(each: Poller) -> None:
        start.wait()
        each.turn()

    threads = [threading.Thread(target=turn, args=(each,)) for each in pollers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@given(
    failures=st.integers(0, 10_000),
    every=st.floats(0.1, 86_400),
    spread=st.floats(0.75, 1.25),
    began=st.floats(0, 2e9),
)
def test_failures_lengthen_the_wait_up_to_a_bound(failures: int, every: float, spread: float, began: float) -> None:
    waits = [due_at(Round(began, n), every=every, spread=spread) - began for n in (0, failures, failures + 1)]
    assert waits == sorted(waits)
    assert waits[-1] <= max(every, LONGEST) * spread + 1e-3
    assert abs(waits[0] - every * spread) < 1e-3


@given(began=st.floats(0, 2e9), after=st.floats(0.001, 1e6), failures=st.integers(0, 50))
def test_a_hint_is_followed_at_once_but_for_the_gap(began: float, after: float, failures: int) -> None:
    wanted = began + after
    at = due_at(Round(began, failures), every=HOUR, wanted=wanted)
    assert at <= max(wanted, began + GAP) + 1e-3
    assert at >= min(began + GAP, due_at(Round(began, failures), every=HOUR)) - 1e-3


def test_a_hint_that_a_round_has_answered_is_done_with() -> None:
    last = Round(1000.0)
    assert due_at(last, every=HOUR, wanted=999.0) == due_at(last, every=HOUR)


@given(st.builds(Round, st.floats(0, 1.7e9), st.integers(0, 100), st.none() | FAULTS, st.booleans()))
def test_a_round_is_read_as_it_was_written(last: Round) -> None:
    assert Round.from_bytes(last.as_bytes()) == last


NO_ROUNDS = [b"", b"{", b"[]", b"null", b'{"began": "x"}', b'{"began":1,"failures":0,"fault":3}']
NO_ROUNDS += [b'{"began":%s,"failures":0,"fault":null,"is_done":true}' % began for began in (b"1e300", b"-1", b"9e9")]


@pytest.mark.parametrize("raw", NO_ROUNDS)
def test_what_is_no_round_is_none(raw: bytes) -> None:
    assert Round.from_bytes(raw) == Round()


def test_many_who_follow_one_remote_fetch_once_a_round(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    count = both.count_fetches(tmp_path)
    pollers = [poller(both) for _ in range(6)]
    new = both.land("second")
    all_at_once(pollers)
    assert (count(), both.near.repo.tip()) == (1, new)
    all_at_once(pollers)
    assert count() == 1
    for round_number in (2, 3):
        age(both, 2 * HOUR)
        all_at_once(pollers)
        assert count() == round_number


def test_a_hint_makes_a_round_of_its_own_and_many_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = upstream(tmp_path)
    count = both.count_fetches(tmp_path)
    monkeypatch.setattr(polling, "GAP", 0.0)
    pollers = [poller(both) for _ in range(3)]
    all_at_once(pollers)
    new = both.land("second")
    for each in pollers:
        for _ in range(50):
            each.poke()
    all_at_once(pollers)
    assert (count(), both.near.repo.tip()) == (2, new)
    all_at_once(pollers)
    assert count() == 2


def test_a_remote_that_is_gone_is_told_of_once_and_asked_less_and_less(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    heard = [Heard(), Heard()]
    pollers = [poller(both, each) for each in heard]
    away = tmp_path / "away"
    both.far_dir.rename(away)
    for failures in (1, 2, 3):
        for each in pollers:
            each.turn()
        assert last_round(both).failures == failures
        age(both, 2 * HOUR)
    wait = due_at(Round(0.0, 3), every=1.0)
    assert wait == 8.0
    assert [each.sorts for each in heard] == [["Trouble"], ["Trouble"]]
    assert heard[0].troubles == ["origin cannot be fetched from"]
    away.rename(both.far_dir)
    new = both.land("second")
    age(both, 2 * HOUR)
    for each in [*pollers, *pollers]:
        each.turn()
    assert [each.sorts for each in heard] == [["Trouble", "Over"]] * 2
    assert (last_round(both).failures, both.near.repo.tip()) == (0, new)


def test_a_rewritten_remote_is_told_of_and_asked_no_less(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    heard = Heard()
    each = poller(both, heard)
    both.land("second")
    each.turn()
    good = both.near.repo.tip()
    both.rewrite()
    for _ in range(3):
        age(both, 2 * HOUR)
        each.turn()
    assert heard.troubles == ["main of origin was rewritten: it no longer descends from main here"]
    assert (last_round(both).failures, both.near.repo.tip()) == (0, good)
    git(both.far_dir, "update-ref", "refs/heads/main", good or "")
    age(both, 2 * HOUR)
    each.turn()
    assert heard.sorts == ["Trouble", "Over"]


def test_files_that_were_left_are_told_of(tmp_path: Path) -> None:
    both = upstream(tmp_path, "--no-hardlinks")
    heard = Heard()
    both.land("second")
    mine = tmp_path / "near/models/acme/second/1.0.0.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n", encoding="utf-8")
    poller(both, heard).turn()
    assert heard.remarks == ["left as they were in the work tree: models/acme/second/1.0.0.yaml"]


def test_a_clock_that_was_put_back_does_not_stop_the_rounds(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    each = poller(both)
    each.turn()
    age(both, -1000 * HOUR)
    new = both.land("second")
    each.turn()
    assert both.near.repo.tip() == new


def test_the_thread_goes_on_after_whatever_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = upstream(tmp_path)
    heard = Heard()
    each = poller(both, heard, every=0.1)
    (both.near_dir / "gitreg").mkdir(exist_ok=True)
    (both.near_dir / "gitreg/remotes").write_text("a file where the folder should be", encoding="utf-8")
    thread = threading.Thread(target=each.run)
    thread.start()
    try:
        until(lambda: heard.troubles, "the trouble")
        assert heard.troubles == ["the round of fetching cannot be locked"]
        (both.near_dir / "gitreg/remotes").unlink()
        until(lambda: "Over" in heard.sorts, "its end")
    finally:
        each._ended.set()
        each.wake()
        thread.join()


def test_a_round_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    """What a kill leaves: a round that began, and a lock that nobody holds."""
    both = upstream(tmp_path)
    new = both.land("second")
    each = poller(both)
    each._folder.mkdir(parents=True)
    each._lock.touch()
    each._write(Round(time.time() - 2 * GAP, is_done=False))
    each.turn()
    assert both.near.repo.tip() == new
    assert last_round(both).is_done


def test_a_round_that_is_being_made_is_left_to_who_makes_it(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    count = both.count_fetches(tmp_path)
    maker, other = poller(both), poller(both)
    other._folder.mkdir(parents=True)
    with maker._locked() as is_mine:
        assert is_mine
        maker._write(Round(time.time() - 2 * GAP, is_done=False))
        assert 0 < other.turn() < 1
    assert count() == 0


def test_a_round_that_is_ended_is_not_done(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    each = poller(both)
    each._ended.set()
    each.turn()
    assert not last_round(both).is_done
    heard = Heard()
    poller(both, heard).turn()
    assert heard.news == []


def test_what_is_written_down_has_no_password_in_it(tmp_path: Path) -> None:
    both = upstream(tmp_path)
    git(both.near_dir, "config", "remote.origin.url", "http://someone:hunter2@127.0.0.1:1/far.git")
    poller(both).turn()
    written = json.loads(round_file(both).read_bytes())
    assert written["failures"] == 1
    assert "hunter2" not in json.dumps(written)
