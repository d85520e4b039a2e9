"""The page on impact: its commands run as they are written, and what it says of labels is what the code does."""

from __future__ import annotations

from pathlib import Path

from demo_support import demo_at
from docs_support import run_as_written, steps_of

from gitreg_indexer.facts import SEVERITIES, severity_of
from gitreg_indexer.graph.impact import CHANGES, MOST_TOLD

PAGE = Path(__file__).parent.parent / "docs/impact.md"


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo-registry")
    steps = steps_of(PAGE)
    assert len(steps) >= 6
    run_as_written(steps, tmp_path / "demo-registry", tmp_path)


def test_it_names_the_changes_and_the_bound() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{change}`: " in text for change in CHANGES)
    assert f"Of a way of more than {MOST_TOLD} records" in text


def test_its_labels_mean_what_it_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"| {', '.join(f'`{each}`' for each in SEVERITIES)} | the same |" in text
    for values, severity in (
        (("production", "prod"), "high"),
        (("staging",), "medium"),
        (("development", "dev", "test"), "low"),
    ):
        assert f"| {', '.join(f'`{each}`' for each in values)} | `{severity}` |" in text
        assert {severity_of({"environment": each}) for each in values} == {severity}
