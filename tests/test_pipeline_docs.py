"""The page on pipelines: its commands run as they are written, and its words are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from demo_support import demo_at
from docs_support import run_as_written, steps_of
from pipeline_support import pipeline, stage

import gitreg.pipelines.lock_check as lock_check
from gitreg.pipelines import dag_data

PAGE = Path(__file__).parent.parent / "docs/pipelines.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo-registry")
    steps = steps_of(PAGE)
    assert len(steps) >= 15
    run_as_written(steps, tmp_path / "demo-registry", tmp_path)


def test_it_names_every_finding_of_a_lock() -> None:
    named = set(re.findall(r"`([a-z-]+)`", TEXT.partition("| finding |")[2].partition("\n\n")[0]))
    code = Path(lock_check.__file__).read_text(encoding="utf-8")
    assert named == {*re.findall(r'_(?:error|warning)\("([a-z-]+)"', code), "moved", "origin"}


def test_it_names_every_key_of_a_stage() -> None:
    data = dag_data(pipeline([stage("a")]))
    told = set(re.findall(r"`(\w+)`", TEXT.partition("## As data")[2]))
    assert {*data["stages"][0], *data["criticalPath"], *data["resources"]} <= told
