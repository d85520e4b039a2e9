"""The page of the index: its commands run as they are written, and its words, keys and bounds are those of the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from demo_support import demo_at
from docs_support import run_as_written, steps_of

from gitreg.cli.tree import load_command
from gitreg_indexer.building import BATCH
from gitreg_indexer.damage import MOST, Damage
from gitreg_indexer.index import _PATIENCE, Report
from gitreg_indexer.index_status import IndexStatus
from gitreg_indexer.layout import BUILDING_FILE, CATALOG_FILE, CURRENT_FILE, FORMAT
from gitreg_indexer.lock import MAKING_LOCK, WRITER_LOCK
from gitreg_indexer.nearness import VECTORS_LOCK
from gitreg_indexer.rewrites import LISTED
from gitreg_indexer.semantic import FOLDER

PAGE = Path(__file__).parent.parent / "docs/index.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo-registry")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n", encoding="utf-8")
    steps = steps_of(PAGE)
    assert len(steps) >= 20
    run_as_written(steps, tmp_path / "demo-registry", tmp_path)


def test_it_names_the_files_that_there_are() -> None:
    for name in (CURRENT_FILE, BUILDING_FILE, FOLDER, WRITER_LOCK, MAKING_LOCK, VECTORS_LOCK):
        assert f"`{name}`" in TEXT, name
    assert f"`{FORMAT}-1/{CATALOG_FILE}`" in TEXT


def test_it_names_the_keys_and_bounds_that_there_are() -> None:
    table = TEXT.partition("The keys are always all there.")[2].partition("## Verify")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert set(IndexStatus("", "").as_data()) - {"format"} <= named
    assert ", ".join(f'"{name}"' for name in Report(0, "", 0, 0, 0).as_data()) in TEXT
    assert ", ".join(f'"{field.name}"' for field in fields(Damage)) in TEXT
    assert (f"{BATCH:,} changes" in TEXT, f"Up to {MOST:,}" in TEXT, f"newest {LISTED} commits" in TEXT) == (True,) * 3
    assert ("up to a minute" in TEXT, _PATIENCE) == (True, 60)


def test_every_command_of_it_has_its_exit_codes() -> None:
    table = TEXT.partition("## Exit codes")[2]
    for word in ("", *load_command("index").commands):
        assert f"| `{f'gitreg index {word}'.strip()}` |" in table
