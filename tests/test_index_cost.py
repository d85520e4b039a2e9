"""What a commit costs follows the commit: nothing that is asked on the way looks through a table that grows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from index_support import Files, aliases, commit, indexed, model, searched

from gitreg_indexer import filling, ranks
from gitreg_indexer.tables import facts

SMALL: Final = ("meta", "counts")
"""Tables that do not grow with the registry."""


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(model("new"), id="a new name"),
        pytest.param(model("m3", "2.0.0"), id="a new version"),
        pytest.param(model("m3", description="Other words."), id="a change"),
        pytest.param(dict.fromkeys(model("m3")), id="a removal"),
        pytest.param({"models/acme/bad/1.0.0.yaml": b"kind: [\n"}, id="a file that cannot be read"),
        pytest.param(aliases("m3", stable="1.0.0"), id="an alias"),
    ],
)
def test_a_commit_is_indexed_without_looking_through_a_table(tmp_path: Path, files: Files) -> None:
    many = {path: raw for n in range(40) for path, raw in model(f"m{n}").items()}
    registry, index = indexed(tmp_path, many)
    commit(registry.repo, files)
    asked: dict[str, Any] = {}

    def note(_db: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        asked.setdefault(statement, given[0] if many else given)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        index.catch_up()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    planned = 0
    with index.catalog.reading() as db:
        for statement, given in asked.items():
            if re.match(r"\s*(SELECT|UPDATE|DELETE)\b", statement):
                planned += 1
                for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given):
                    scanned = re.match(r"SCAN (\w+)", row[3])
                    assert scanned is None or scanned[1] in SMALL, statement
    assert planned > 5
    index.close()


def test_where_all_ranks_are_spread_anew_documents_are_made_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_PART", 10)
    monkeypatch.setattr(ranks, "_MANY", 20)
    registry, index = indexed(tmp_path, model("a"))
    position = index.catalog.position().seq
    commit(registry.repo, {path: raw for n in range(60) for path, raw in model(f"m{n}").items()})
    commit(registry.repo, {**model("m7", description="Other words."), **model("z")})
    index.catch_up()
    with index.catalog.reading() as db:
        assert len(ranks.paths_moved_since(db, position)) == 63
        parts = [[row[0] for row, _, _ in part] for part in filling._standing_since(db, position)]
        ids = sorted(number for (number,) in db.execute(sa.select(facts.c.id)))
    assert max(map(len, parts)) == 10
    assert sorted(number for part in parts for number in part) == ids
    assert len(searched(index, kind="Model")) == 62
    index.close()
