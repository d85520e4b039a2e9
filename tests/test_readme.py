"""The tour of the README runs as it is written, top to bottom, and prints what it says it prints.

- `...` in the README stands for anything on its line; commit ids are compared as ids only, since the sample may change.
- A block under a `<!-- not run: ... -->` comment is left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import fine

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(<!-- not run:[^\n]*-->\n)?```console\n(.*?)```", re.DOTALL)
COMMIT_ID = re.compile(r"\b[0-9a-f]{12,40}\b")
MARK = "\x1eend of answer\x1e"


def steps() -> Iterator[tuple[str, str]]:
    """Give each command of the tour, here-documents included, and what it is said to print."""
    for skipped, block in BLOCK.findall(README.read_text(encoding="utf-8")):
        if skipped:
            continue
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, _, rest = step.partition("\n")
            if "<<'END'" in first:
                document, _, rest = rest.partition("END\n")
                first = f"{first}\n{document}END"
            yield first, rest


def pattern_of(said: str) -> str:
    lines = (COMMIT_ID.sub("ID", line.rstrip()) for line in said.rstrip().split("\n"))
    return "\n".join(".*".join(map(re.escape, line.split("..."))) for line in lines)


def test_the_tour_runs_as_written(tmp_path: Path) -> None:
    fine("demo", tmp_path / "demo-registry", "--no-serve")
    tour = list(steps())
    assert len(tour) >= 10
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n", encoding="utf-8")
    script = "exec 2>&1\n" + "".join(f"{command}\nprintf '{MARK}'\n" for command, _ in tour)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "HOME": str(tmp_path), "PATH": path, "COLUMNS": "200"}
    for name in ("GITREG_REPO", "GIT_CONFIG_GLOBAL"):
        env.pop(name, None)
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path / "demo-registry", env=env, capture_output=True, text=True, timeout=120
    )
    answers = ran.stdout.split(MARK)
    assert len(answers) == len(tour) + 1, ran.stderr
    for (command, said), answer in zip(tour, answers, strict=False):
        printed = "\n".join(COMMIT_ID.sub("ID", line.rstrip()) for line in answer.rstrip().split("\n"))
        if not re.fullmatch(pattern_of(said), printed):
            pytest.fail(f"$ {command}\n{printed}\n--- the README says ---\n{said}")
