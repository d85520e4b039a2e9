"""Numbers that stand for the order of records, so that no search has to compare texts.

- A record's rank is a whole number from 1 to 2^62 - 1; ranks are ordered as the texts of `documents.order_of` are.
- A new record gets a rank between its neighbours'. Where there is no room left, those around it are spread anew, as few
  as will do; where many come at once, all are (online list labelling; Bender, Cole, Demaine, Farach-Colton, Zito 2002).
- What has been moved is noted with the seq at which it was, so that search documents can follow.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import sqlalchemy as sa

from gitreg_indexer.documents import order_of
from gitreg_indexer.tables import LISTED, facts, in_parts, orders

BITS: Final = 62
TOP: Final = 2**BITS
_STEP: Final = 2**20
"""How far from a neighbour of its own name a new version is put: the next ones will come on the same side."""
_MANY: Final = 1_000
_GROWTH: Final = 1.3
"""How much emptier than its half a span of ranks must be to take one more (the T of the paper)."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A record in the order: its text, and the path that its facts stand at."""

    key: str
    path: str


def rank_new(db: sa.Connection, *, since: int, seq: int) -> None:
    """Give ranks to the records that came after a seq; `seq` is where the catalog stands."""
    records = _records_since(db, since)
    few = _different(records, _MANY + 1)
    if len(few) > _MANY and len(few) > _counted(db) // 4:
        _spread_all(db, chain(few.items(), records), seq)
        return
    found = few | dict(records)
    for record in _without_known(db, [Ordered(key, found[key]) for key in sorted(found)]):
        _insert(db, record, seq)


def _different(records: Iterator[tuple[str, str]], count: int) -> dict[str, str]:
    """Take records until they are so many different ones, or there are no more."""
    found: dict[str, str] = {}
    for key, path in records:
        found[key] = path
        if len(found) == count:
            break
    return found


def ranks_of(db: sa.Connection, keys: Iterable[str]) -> dict[str, int]:
    """Give the ranks of some records."""
    return dict(tuple(row) for row in in_parts(db, sa.select(orders.c.key, orders.c.rank).where(_AMONG), keys))


def paths_moved_since(db: sa.Connection, seq: int) -> list[str]:
    """List the paths of the records whose rank was given or changed after a seq."""
    return [path for (path,) in db.execute(sa.select(orders.c.path).where(orders.c.moved > seq))]


_AMONG: Final = orders.c.key.in_(LISTED)


def _counted(db: sa.Connection) -> int:
    return int(db.execute(sa.select(sa.func.count()).select_from(orders)).scalar_one())


def _records_since(db: sa.Connection, seq: int) -> Iterator[tuple[str, str]]:
    """Give the text and the path of each record that came after a seq, some of them several times."""
    columns = (facts.c.namespace, facts.c.name, facts.c.version_key, facts.c.kind, facts.c.ref, facts.c.path)
    query = sa.select(*columns).where(facts.c.seq_from > seq).execution_options(yield_per=1000)
    for namespace, name, version_key, kind, ref, path in db.execute(query):
        yield order_of(namespace, name, version_key, kind, ref), path


def _without_known(db: sa.Connection, records: Sequence[Ordered]) -> list[Ordered]:
    known = {key for (key,) in in_parts(db, sa.select(orders.c.key).where(_AMONG), (each.key for each in records))}
    return [record for record in records if record.key not in known]


def _spread_all(db: sa.Connection, fresh: Iterator[tuple[str, str]], seq: int) -> None:
    """Spread all ranks anew, the new records' among them; the database sorts, so that memory does not grow."""
    _GATHERED.create(db, checkfirst=True)
    db.execute(_GATHERED.delete())
    while part := [{"key": key, "path": path} for key, path in islice(fresh, 10_000)]:
        db.execute(_GATHERED.insert(), part)
    standing = sa.select(orders.c.key, orders.c.path)
    db.execute(_GATHERED.insert().from_select(["key", "path"], standing))
    db.execute(orders.delete())
    each = sa.select(_GATHERED.c.key, sa.func.min(_GATHERED.c.path).label("path")).group_by(_GATHERED.c.key).subquery()
    count = int(db.execute(sa.select(sa.func.count()).select_from(each)).scalar_one())
    place = sa.func.row_number().over(order_by=each.c.key)
    step, rest = divmod(TOP, count + 1)
    rank = place * step + place * rest // (count + 1)  # place * TOP / (count + 1), within 64 bits
    ranked = sa.select(each.c.key, each.c.path, rank, sa.literal(seq))
    db.execute(orders.insert().from_select(["key", "path", "rank", "moved"], ranked))
    _GATHERED.drop(db)


_GATHERED: Final = sa.Table(
    "gathered",
    sa.MetaData(),
    sa.Column("key", orders.c.key.type, nullable=False),
    sa.Column("path", orders.c.path.type, nullable=False),
    prefixes=["TEMPORARY"],
)


def _store(db: sa.Connection, records: Sequence[Ordered], ranks: Iterable[int], seq: int) -> None:
    rows: list[dict[str, Any]] = []
    for record, rank in zip(records, ranks, strict=True):
        rows.append({"key": record.key, "path": record.path, "rank": rank, "moved": seq})
        if len(rows) == 10_000:
            db.execute(orders.insert(), rows)
            rows = []
    if rows:
        db.execute(orders.insert(), rows)


def _evenly(low: int, high: int, count: int) -> list[int]:
    """Spread some ranks evenly between two that are not to be given."""
    return [low + (high - low) * (number + 1) // (count + 1) for number in range(count)]


def _insert(db: sa.Connection, record: Ordered, seq: int) -> None:
    below = db.execute(_BELOW, {"key": record.key}).first()
    above = db.execute(_ABOVE, {"key": record.key}).first()
    low, high = (below.rank if below else 0), (above.rank if above else TOP)
    if high - low < 2:
        _make_room(db, record, low, seq)
        return
    _store(db, [record], [_between(record.key, below, above, low, high)], seq)


_BELOW: Final = (
    sa.select(orders.c.key, orders.c.rank)
    .where(orders.c.key < sa.bindparam("key"))
    .order_by(orders.c.key.desc())
    .limit(1)
)
_ABOVE: Final = (
    sa.select(orders.c.key, orders.c.rank).where(orders.c.key > sa.bindparam("key")).order_by(orders.c.key).limit(1)
)


def _between(key: str, below: Any, above: Any, low: int, high: int) -> int:
    """Choose a rank: beside a neighbour of the same name, else in the middle."""
    half = (high - low) // 2
    near = min(half, _STEP)
    name = key.partition("\x01")[0]
    if above is not None and above.key.partition("\x01")[0] == name:
        return int(high - near)
    if below is not None and below.key.partition("\x01")[0] == name:
        return int(low + near)
    return int(low + half)


def _make_room(db: sa.Connection, record: Ordered, beside: int, seq: int) -> None:
    """Spread the smallest span around a rank anew that is empty enough, the new record among them."""
    for bits in range(2, BITS + 1):
        low = (beside >> bits) << bits
        high = low + 2**bits
        there = _within(db, low, high)
        if len(there) + 1 <= min(2**bits - 1, int((2 / _GROWTH) ** bits)) or bits == BITS:
            keys = [each.key for each in there]
            there.insert(bisect_left(keys, record.key), record)
            db.execute(orders.delete().where(orders.c.rank >= low, orders.c.rank < high))
            _store(db, there, _evenly(max(low - 1, 0), high, len(there)), seq)
            return


def _within(db: sa.Connection, low: int, high: int) -> list[Ordered]:
    query = sa.select(orders.c.key, orders.c.path).where(orders.c.rank >= low, orders.c.rank < high)
    return [Ordered(key, path) for key, path in db.execute(query.order_by(orders.c.rank))]
