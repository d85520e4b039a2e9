"""Verifies an index: everything that can be answered from it is made anew from Git and compared; and mends it.

- What is made anew is a generation of its own, beside the one that serves. Nothing is written to what is checked, and
  serving goes on.
- Git's objects are checked first. Where a file of Git's is damaged, what the index knows of it is taken as it stands;
  where a commit or a folder is, what came later cannot be compared, and that is told.
- Mending puts what was made anew in place, with a search index of its own; of the vectors it gives up what is damaged,
  for who fills them next. What Git has lost cannot be mended here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gitreg.errors import GitregError, RepositoryError, UsageError
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository, HistoryRewritten
from gitreg_indexer.alarms import raise_alarm
from gitreg_indexer.building import Builder, parser_name
from gitreg_indexer.catalog import (
    BrokenIndexError,
    Catalog,
    ForeignIndexError,
    History,
    IndexFormatError,
    Making,
    Position,
    about_in,
    number_of,
    position_in,
)
from gitreg_indexer.catalog_truth import Pair, check_catalog, commit_before, open_standing, seq_of, uid_in
from gitreg_indexer.catalogs import Catalogs, catalogs_of
from gitreg_indexer.damage import Damage, Ledger, shown
from gitreg_indexer.descent import behind_error, is_behind
from gitreg_indexer.engine import chosen_engine, open_engine
from gitreg_indexer.filling import fill
from gitreg_indexer.generations import Generations, Use
from gitreg_indexer.git_truth import GitTruth, check_git, check_pack_indexes
from gitreg_indexer.index import default_folder
from gitreg_indexer.layout import CATALOG_FILE, CURRENT_FILE
from gitreg_indexer.lock import MAKING_LOCK, holder_of, writing
from gitreg_indexer.nearness import VECTORS_LOCK
from gitreg_indexer.ranks import rank_new
from gitreg_indexer.salvage import Salvage
from gitreg_indexer.search_truth import REFILL, check_search
from gitreg_indexer.semantic import FOLDER
from gitreg_indexer.store import Store
from gitreg_indexer.vector_truth import GIVE_UP, check_vectors, drop_damaged

Step = Callable[[int], None]
Stage = Callable[[str, int | None], AbstractContextManager[Step]]
"""Shows that a stage of the work, of so many steps, is under way; gives what counts the steps."""
PATIENCE: Final = 60.0
_TRIES: Final = 40
_PAUSE: Final = 0.25
_OID: Final = re.compile(r"[0-9a-f]{40}")
_NOWHERE: Final = Position(0, "")


@contextmanager
def unseen(_label: str, _total: int | None) -> Iterator[Step]:
    """Show nothing."""
    yield lambda _steps: None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying an index. `mended` are the damages that a repair has mended; `checked` counts."""

    commit: str
    seq: int
    generation: str
    damages: tuple[Damage, ...]
    unlisted: int = 0
    mended: tuple[Damage, ...] = ()
    checked: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.damages

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "clean": self.is_clean,
            "commit": self.commit,
            "seq": self.seq,
            "generation": self.generation,
            "checked": self.checked,
            "faults": [damage.as_data() for damage in self.damages],
            "unlisted": self.unlisted,
            "mended": [damage.as_data() for damage in self.mended],
        }


def verify(
    registry: Registry,
    folder: Path | None = None,
    *,
    engine: str | None = None,
    catalog: str | None = None,
    repair: bool = False,
    stage: Stage = unseen,
) -> Verdict:
    """Verify the index in a folder, and mend what can be mended where that is wanted.

    `catalog` is the address of the database that holds the catalog, where that is shared. What is wrong is told, not
    raised; an error says why nothing could be verified.
    """
    where = folder or default_folder(registry)
    if repair and catalog is not None:
        raise UsageError(
            "a catalog that hosts share is not mended, but made anew",
            got="--repair beside --catalog",
            mend="run `gitreg index --rebuild`: the old one is answered from until the new one is complete",
        )
    engine = engine or chosen_engine()
    with closing(catalogs_of(registry.uid if catalog else "", catalog)) as catalogs:
        if not repair:
            return _Verifier(registry, where, engine, stage, catalogs, repair=False).verdict()
        Generations(where).must_stand()
        with writing(where, MAKING_LOCK):
            return _Verifier(registry, where, engine, stage, catalogs, repair=True).repaired()


@dataclass(slots=True)
class _Look:
    """What one look at an index came to.

    `catalog` is absent where there is none to compare with; `anew` is what was made from Git, up to `seq`. It is whole
    unless Git cannot be read that far.
    """

    generation: Path
    place: Path | Store | None
    uid: str = ""
    history: History = "full"
    begins: int = 0
    position: Position = field(default=_NOWHERE)
    catalog: Catalog | None = None
    anew: Catalog | None = None
    seq: int = 0
    is_whole: bool = False
    foreign: ForeignIndexError | None = None
    rewritten_to: str | None = None
    in_git: Ledger = field(default_factory=Ledger)
    in_catalog: Ledger = field(default_factory=Ledger)
    in_search: Ledger = field(default_factory=Ledger)
    in_vectors: Ledger = field(default_factory=Ledger)
    checked: dict[str, int] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Name the place of the catalog."""
        if self.place is None:
            return "the database"
        return str(self.place) if isinstance(self.place, Path) else self.place.where

    @property
    def sound(self) -> Catalog | None:
        """The catalog, where nothing is wrong with it."""
        return None if self.in_catalog else self.catalog

    def verdict(self) -> Verdict:
        """Say what was found."""
        ledgers = (self.in_git, self.in_catalog, self.in_search, self.in_vectors)
        damages = tuple(damage for ledger in ledgers for damage in ledger.listed)
        unlisted = sum(ledger.unlisted for ledger in ledgers)
        where = self.position
        return Verdict(where.commit, where.seq, self.generation.name, damages, unlisted, checked=self.checked)


@dataclass(frozen=True, slots=True)
class _Source:
    """A registry whose uid is known, whatever its tip says."""

    repo: GitRepository
    uid: str


class _Verifier:
    """Verifies one index."""

    def __init__(
        self, registry: Registry, folder: Path, engine: str, stage: Stage, catalogs: Catalogs, *, repair: bool
    ) -> None:
        self._registry = registry
        self._catalogs = catalogs
        self._repo = GitRepository.open(registry.repo.git_dir)  # one that has read nothing yet
        self._folder = folder
        self._engine = engine
        self._stage = stage
        self._repair = repair
        self._generations = Generations(folder)

    def verdict(self) -> Verdict:
        """Look, and say what was found."""
        with self._looked() as (look, _):
            return look.verdict()

    def repaired(self) -> Verdict:
        """Look, mend, and look again."""
        with self._looked() as (look, place):
            first = look.verdict()
            if look.foreign is not None:
                raise look.foreign
            is_mended = bool(look.in_catalog or look.in_search) and self._mend(look, place)
            if not (self._drop_vectors(look) or is_mended):
                return first
        self._generations.sweep()
        self._repair = False
        second = self.verdict()
        left = set(second.damages)
        return replace(second, mended=tuple(damage for damage in first.damages if damage not in left))

    # Looking

    @contextmanager
    def _looked(self) -> Iterator[tuple[_Look, Path]]:
        current = self._generations.must_stand()
        with ExitStack() as stack:
            place = stack.enter_context(self._generations.apart())
            stack.callback(Use(current).end)
            look = _Look(current, self._catalogs.standing(current))
            self._look(look, place, stack)
            yield look, place

    def _look(self, look: _Look, place: Path, stack: ExitStack) -> None:
        unreadable = check_pack_indexes(self._repo)
        if unreadable:
            look.in_git.add_all(unreadable)
            look.checked.update(commits=0, objects=0)
            return
        named = self._generations.named_current()
        if named is None or not named.is_dir():
            where = str(self._folder / CURRENT_FILE)
            look.in_catalog.add(Damage(where, "it does not name the generation that is answered from"))
        self._open(look, stack)
        if look.foreign is not None:
            return
        truth = self._check_git(look)
        self._choose_seq(look, truth)
        if look.catalog is not None or self._repair:
            self._make_anew(look, truth, place, stack)
        if look.catalog is not None and look.anew is not None:
            self._compare(look, look.catalog, look.anew)
        look.in_search.add_all(self._check_search(look))
        look.in_vectors.add_all(self._check_vectors(look))

    def _open(self, look: _Look, stack: ExitStack) -> None:
        """Open the catalog, and read what it says of itself; what refuses that and is no damage is an error."""
        look.uid = self._uid(look.place)
        try:
            catalog = open_standing(look.place, Making(look.uid))
            stack.callback(catalog.close)
            about, look.position = catalog.about(), catalog.position()
            look.begins = number_of(about, "history_from")
            look.history = "none" if about["history"] == "none" and look.begins else "full"
        except ForeignIndexError as error:
            look.foreign = error
            where, got, expected = look.where, shown(error.got), shown(error.expected)
            look.in_catalog.add(Damage(where, error.says, got, expected, error.mend))
        except (BrokenIndexError, IndexFormatError) as error:
            look.in_catalog.add(Damage.of(error, where=look.where))
        else:
            if look.position.seq > 0:
                look.catalog = catalog
            else:
                look.in_catalog.add(Damage(look.where, "nothing is indexed", mend="run `gitreg index`"))

    def _uid(self, place: Path | Store | None) -> str:
        """Give the registry's uid: as its tip says, or where that cannot be read, as the catalog does."""
        try:
            return self._registry.uid
        except RepositoryError:
            found = uid_in(place) if isinstance(place, Path) else None
            if found is None:
                raise
            return found

    # Git

    def _check_git(self, look: _Look) -> GitTruth:
        """Check Git up to the commit that the catalog stands at, or up to main's tip where that is not known."""
        tip, until = self._repo.tip(), look.position.commit
        if tip is None:
            raise RepositoryError(
                "the registry has no commit", where=str(self._repo.git_dir), mend="make one with `gitreg init`"
            )
        catalog = look.catalog
        if catalog is None:
            until = tip
        elif not self._has(until) and seq_of(catalog, until) != look.position.seq:
            what = "the commit that the index stands at is none of the repository's"
            look.in_catalog.add(Damage(f"{look.where}: meta", what, shown(until)))
            until = tip
        else:
            if self._catalogs.may_be_ahead and is_behind(self._repo, catalog):
                raise behind_error(self._repo, look.position)
            self._check_descent(look, until, tip)
        with self._stage("checking Git", look.position.seq or None) as step:
            truth = check_git(self._repo, until, before=lambda oid: commit_before(catalog, oid), progress=step)
        look.in_git.add_all((*truth.files, *truth.damages.values()))
        look.checked.update(commits=len(truth.chain), objects=truth.objects)
        return truth

    def _has(self, oid: str) -> bool:
        try:
            return _OID.fullmatch(oid) is not None and bool(self._repo.commit(oid))
        except RepositoryError:
            return False

    def _check_descent(self, look: _Look, commit: str, tip: str) -> None:
        try:
            self._repo.first_parents(tip, commit)
        except HistoryRewritten:
            what = "main was rewritten: it no longer descends from the commit that the index stands at"
            mend = "find out who did it and put the branch back; to follow it, run `gitreg index accept-rewrite`"
            look.in_git.add(Damage(self._repo.branch, what, tip, f"{commit} among its first parents", mend))
            look.rewritten_to = tip
        except RepositoryError as error:
            look.in_git.add(Damage.of(error, where=self._repo.branch, mend=error.mend))

    def _choose_seq(self, look: _Look, truth: GitTruth) -> None:
        """Choose up to where the catalog can be made anew, and say so where that is not all."""
        chain, claimed = truth.chain, look.position.seq
        seq = len(chain)
        if look.catalog is not None and chain.oid(seq) != look.position.commit:
            seq = min(claimed, seq)
        elif look.catalog is not None and claimed != seq and truth.broken_at is None:
            look.in_catalog.add(Damage(f"{look.where}: meta", "seq is another", shown(claimed), shown(seq)))
        look.is_whole = truth.broken_at is None
        if truth.broken_at is not None:
            seq = truth.broken_at - 1
            what = f"what is later than seq {seq} cannot be compared, since Git cannot be read there"
            look.in_git.add(Damage(look.where, what, mend="mend Git first: what is damaged in it is told above"))
        look.seq = seq

    # Making anew

    def _make_anew(self, look: _Look, truth: GitTruth, place: Path, stack: ExitStack) -> None:
        """Make the catalog from Git, as far as Git can be read."""
        begins = look.begins if 0 < look.begins <= len(truth.chain) else len(truth.chain)
        if look.seq == 0 or (look.history == "none" and look.seq < begins):
            return
        look.anew = Catalog.open(place / CATALOG_FILE, Making(look.uid, look.history, parser_name()))
        stack.callback(look.anew.close)
        builder = Builder(_Source(self._repo, look.uid), look.anew, Salvage(truth, look.catalog))
        with self._stage("reading Git anew", look.seq) as step:
            if look.history == "none":
                builder.follow(step, until=truth.chain.oid(begins))
            builder.follow(step, until=truth.chain.oid(look.seq))
        _rank(look.anew)

    def _compare(self, look: _Look, catalog: Catalog, anew: Catalog) -> None:
        """Compare the catalog, in one state of it, with what was made anew."""
        try:
            self._settle(catalog)
            with catalog.reading() as got:
                self._compare_in(look, got, anew)
        except GitregError as error:
            look.in_catalog.add(Damage.of(error, where=look.where))

    def _compare_in(self, look: _Look, got: sa.Connection, anew: Catalog) -> None:
        position, about = position_in(got), about_in(got)
        if number_of(about, "ranked") != position.seq:
            where, ranked = f"{look.where}: meta", shown(about.get("ranked"))
            look.in_catalog.add(Damage(where, "ranked is another", ranked, str(position.seq)))
        if look.is_whole and position.seq > look.position.seq:
            self._go_on(look, anew, position)
        with anew.reading() as expected, self._stage("comparing the catalog", None) as step:
            pair = Pair(look.where, got, expected, look.seq, self._last(look, position))
            look.checked.update(check_catalog(pair, look.in_catalog, progress=step))

    @staticmethod
    def _last(look: _Look, position: Position) -> int:
        return look.seq if look.is_whole else max(look.seq, position.seq)

    def _settle(self, catalog: Catalog) -> None:
        """Wait for who has applied commits and has not ranked what they brought."""
        for _ in range(_TRIES):
            about = catalog.about()
            is_idle = not self._catalogs.may_be_ahead and holder_of(self._folder) is None
            if about.get("ranked") == about.get("seq") or is_idle:
                return
            time.sleep(_PAUSE)

    def _go_on(self, look: _Look, anew: Catalog, position: Position) -> None:
        """Bring what was made anew up to where the catalog has come meanwhile."""
        Builder(_Source(self._repo, look.uid), anew).follow(None, until=position.commit)
        _rank(anew)
        look.seq, look.position = position.seq, position

    # Search

    def _check_search(self, look: _Look) -> Iterator[Damage]:
        folder = look.generation / self._engine
        if not folder.is_dir():
            yield Damage(str(folder), "there is no search index", mend=REFILL)
            return
        try:
            engine = open_engine(self._engine, folder)
        except GitregError as error:
            yield Damage.of(error, where=str(folder), mend=REFILL)
            return
        with closing(engine), self._stage("comparing the search index", None) as step:
            yield from check_search(
                engine,
                folder,
                look.sound,
                is_writing=lambda: holder_of(self._folder) is not None,
                checked=look.checked,
                progress=step,
            )

    # Vectors

    def _check_vectors(self, look: _Look) -> Iterator[Damage]:
        folder = self._folder / FOLDER
        is_shared = self._catalogs.where is not None  # then nothing is mended here
        mend = f"remove the folder {folder}, then run `gitreg index`: it is made again" if is_shared else GIVE_UP
        with self._stage("comparing the vectors", None) as step:
            yield from check_vectors(folder, look.sound, mend=mend, checked=look.checked, progress=step)

    # Mending

    def _mend(self, look: _Look, place: Path) -> bool:
        """Put what was made anew in place; where Git cannot be read, only fill the search index again."""
        if look.anew is None or not look.is_whole:
            return self._refill(look)
        with closing(open_engine(self._engine, place / self._engine)) as engine:
            with self._stage("filling the search index", None):
                fill(look.anew, engine)
            with writing(self._folder, patience=PATIENCE):
                self._catch_up(look, look.anew)
                fill(look.anew, engine)
                self._generations.put_in_place(place)
        return True

    def _catch_up(self, look: _Look, anew: Catalog) -> None:
        """Go to where the catalog stands by now: answers never go back. Where it has none, go to main's tip."""
        until = look.position.commit
        if look.catalog is not None:
            with suppress(GitregError):
                until = look.catalog.position().commit
        with suppress(HistoryRewritten):
            Builder(_Source(self._repo, look.uid), anew).follow(None, until=until if self._has(until) else None)
        if look.rewritten_to is not None:
            raise_alarm(anew, look.rewritten_to)

    def _refill(self, look: _Look) -> bool:
        if look.sound is None:
            return False
        with (
            writing(self._folder, patience=PATIENCE),
            closing(open_engine(self._engine, look.generation / self._engine)) as engine,
        ):
            engine.clear()
            fill(look.sound, engine)
        return True

    def _drop_vectors(self, look: _Look) -> bool:
        if not look.in_vectors:
            return False
        with writing(self._folder, VECTORS_LOCK, patience=PATIENCE):
            drop_damaged(self._folder / FOLDER)
        return True


def _rank(anew: Catalog) -> None:
    about = anew.about()
    seq = number_of(about, "seq")
    with anew.writing() as written:
        rank_new(written.db, since=number_of(about, "ranked"), seq=seq)
        written.note(ranked=str(seq))
