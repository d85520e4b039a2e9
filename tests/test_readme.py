"""The tour of the README runs as it is written, top to bottom, and prints what it says it prints."""

from __future__ import annotations

from pathlib import Path

from demo_support import demo_at
from docs_support import run_as_written, steps_of

README = Path(__file__).parent.parent / "README.md"


def test_the_tour_runs_as_written(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo-registry")
    tour = steps_of(README)
    assert len(tour) >= 10
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n", encoding="utf-8")
    run_as_written(tour, tmp_path / "demo-registry", tmp_path)
