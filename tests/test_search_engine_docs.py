"""The page on search engines: its commands run as they are written."""

from __future__ import annotations

from pathlib import Path

from docs_support import run_as_written, steps_of

PAGE = Path(__file__).parent.parent / "docs/search-engines.md"


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    steps = steps_of(PAGE)
    assert len(steps) == 4
    run_as_written(steps, tmp_path, tmp_path)
    (generation,) = (tmp_path / "registry/.git/gitreg/index").glob("3-*")
    assert {each.name for each in generation.iterdir() if each.is_dir()} == {"whoosh"}
