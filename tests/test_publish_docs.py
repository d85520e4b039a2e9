"""What docs/publish.md shows runs as it is written, and the layout that it tells of is the one there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_support import fine
from demo_support import demo_at
from docs_support import run_as_written, steps_of
from publish_support import files_in

from gitreg.cli import main

FILE = Path(__file__).parent.parent / "docs" / "publish.md"
PAGE = FILE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_at(tmp_path_factory.mktemp("docs") / "demo")


def test_the_commands_print_what_the_page_says(demo: Path, tmp_path: Path) -> None:
    steps = steps_of(FILE)
    assert len(steps) >= 4
    run_as_written(steps, demo, tmp_path)


def test_the_python_example_runs(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo)
    assert main(["publish", "public"]) == 0
    capsys.readouterr()
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/publish.md", "exec"), {})  # noqa: S102 - the page's own
    seq, commit, count = capsys.readouterr().out.split()
    assert (seq, len(commit)) == ("46", 40)
    assert int(count) > 3


def test_the_table_tells_of_every_folder(demo: Path, tmp_path: Path) -> None:
    fine("publish", tmp_path / "out", "--repo", demo)
    folders = {path.split("/")[0] for path in files_in(tmp_path / "out")}
    table = PAGE.partition("## What is there")[2].partition("\n\n`index.json`")[0]
    assert {re.match(r"\| `([a-z.]+)", line)[1] for line in table.splitlines() if line.startswith("| `")} == folders  # type: ignore[index]
