"""What docs/publish.md shows runs as it is written, and the layout that it tells of is the one there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import fine
from publish_support import files_in
from test_readme import MARK, pattern_of

from gitreg.cli import main

PAGE = (Path(__file__).parent.parent / "docs" / "publish.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("docs") / "demo"
    fine("demo", where, "--no-serve")
    return where


def test_the_commands_print_what_the_page_says(demo: Path) -> None:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    steps = [step.partition("\n") for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(steps) >= 4
    script = "exec 2>&1\n" + "".join(f"{command}\nprintf '{MARK}'\n" for command, _, _ in steps)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    env.pop("GITREG_REPO", None)
    ran = subprocess.run(["bash", "-c", script], cwd=demo, env=env, capture_output=True, text=True, timeout=120)
    for (command, _, said), answer in zip(steps, ran.stdout.split(MARK), strict=False):
        assert re.fullmatch(pattern_of(said), answer.rstrip()), command


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
