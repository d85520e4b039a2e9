"""The edges of the graph as the catalog keeps them: what each record says of others, and from when until when.

- An edge goes on while its record says the same in the same field, whatever else changes in it; so its interval tells
  since when one record speaks of another.
- What an edge means depends on the versions that there are, and is worked out when it is asked (`graph`).
- Edges are looked up by numbers made of the refs, which take a third of the room; the refs beside them decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final

import sqlalchemy as sa

from gitreg.kinds.references import is_upstream
from gitreg_indexer.facts import Link, Opened
from gitreg_indexer.layout import FOREVER
from gitreg_indexer.tables import LISTED, edges, in_parts, insert_rows


def edge_key(ref: str) -> int:
    """Give the number by which edges of a ref are looked up: 63 bits of its BLAKE2b digest."""
    return int.from_bytes(blake2b(ref.encode(), digest_size=8).digest(), "big") >> 1


def draw(db: sa.Connection, seq: int, ended: Iterable[str], opened: Sequence[Opened]) -> None:
    """End the edges of records that ended at a seq, and begin those of records that began, but for what goes on."""
    before = _standing(db, set(ended))
    after = {(record.ref, link) for record in opened for link in record.links}
    over = [{"edge": id_, "until": seq} for key, id_ in before.items() if key not in after]
    if over:
        db.execute(_END, over)
    new = [_row(record, link) for record in opened for link in record.links if (record.ref, link) not in before]
    if new:
        insert_rows(db, edges, new)


def erase(db: sa.Connection, refs: Iterable[str]) -> None:
    """Remove all edges of records."""
    ids = _standing(db, set(refs)).values()
    for id_ in ids:
        db.execute(edges.delete().where(edges.c.id == id_))


def _standing(db: sa.Connection, refs: set[str]) -> dict[tuple[str, Link], int]:
    found: dict[tuple[str, Link], int] = {}
    for id_, source, *link in in_parts(db, _STANDING, sorted(map(edge_key, refs))):
        if source in refs:
            found[source, Link(*link)] = id_
    return found


def _row(record: Opened, link: Link) -> dict[str, Any]:
    return {
        "source_key": edge_key(record.ref),
        "target_key": edge_key(link.target),
        "source": record.ref,
        **link._asdict(),
        "upstream": is_upstream(link.relation, link.field),
        "seq_from": record.seq,  # without the past, records of many commits are put together
        "seq_to": FOREVER,
    }


_STANDING: Final = sa.select(
    edges.c.id,
    edges.c.source,
    edges.c.field,
    edges.c.relation,
    edges.c.target,
    edges.c.selector,
    edges.c.required,
).where(edges.c.source_key.in_(LISTED), edges.c.seq_to == FOREVER)
_END: Final = edges.update().where(edges.c.id == sa.bindparam("edge")).values(seq_to=sa.bindparam("until"))
