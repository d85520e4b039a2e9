"""The page on the past: its commands run as they are written, and its bounds are those of the code."""

from __future__ import annotations

from pathlib import Path

from demo_support import demo_at
from docs_support import run_as_written, steps_of

from gitreg_api.answers import FOR_AN_HOUR, FOR_EVER

PAGE = Path(__file__).parent.parent / "docs/time-travel.md"


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo-registry")
    steps = steps_of(PAGE)
    assert len(steps) >= 8
    run_as_written(steps, tmp_path / "demo-registry", tmp_path)


def test_it_says_how_long_answers_hold() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"`{FOR_EVER.decode()}`" in text
    assert f"`{FOR_AN_HOUR.decode()}`" in text
