"""What a commit costs follows the commit: nothing that is asked on the way looks through a table that grows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from index_support import Files, aliases, commit, indexed, model

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
