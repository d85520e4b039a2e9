"""What the tests of pages share: commands on a page are run as they are written, and print what the page says.

- `...` on a page stands for anything on its line, alone on a line for any lines; commit ids are compared as ids only.
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
from preloaded import preloaded

_BLOCK = re.compile(r"(<!-- not run:[^\n]*-->\n)?```console\n(.*?)```", re.DOTALL)
_COMMIT_ID = re.compile(r"\b[0-9a-f]{12,40}\b")
_MARK = "\x1eend of answer\x1e"


def steps_of(page: Path) -> list[tuple[str, str]]:
    """Give each command of a page, here-documents included, and what it is said to print."""
    return list(_steps(page.read_text(encoding="utf-8")))


def _steps(text: str) -> Iterator[tuple[str, str]]:
    for skipped, block in _BLOCK.findall(text):
        if skipped:
            continue
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, _, rest = step.partition("\n")
            if "<<'END'" in first:
                document, _, rest = rest.partition("END\n")
                first = f"{first}\n{document}END"
            yield first, rest


def run_as_written(steps: list[tuple[str, str]], cwd: Path, home: Path) -> None:
    """Run the commands of a page in one shell, and compare what each prints."""
    script = "exec 2>&1\n" + "".join(f"{command}\nprintf '{_MARK}'\n" for command, _ in steps)
    env = {**os.environ, "HOME": str(home), "COLUMNS": "200"}
    for name in ("GITREG_REPO", "GIT_CONFIG_GLOBAL"):
        env.pop(name, None)
    with preloaded(env) as folder:
        env["PATH"] = os.pathsep.join([str(folder), str(Path(sys.executable).parent), env["PATH"]])
        ran = subprocess.run(["bash", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    answers = ran.stdout.split(_MARK)
    assert len(answers) == len(steps) + 1, ran.stderr
    for (command, said), answer in zip(steps, answers, strict=False):
        printed = "\n".join(_COMMIT_ID.sub("ID", line.rstrip()) for line in answer.rstrip().split("\n"))
        if not re.fullmatch(_pattern_of(said), printed, re.DOTALL):
            pytest.fail(f"$ {command}\n{printed}\n--- the page says ---\n{said}")


def _pattern_of(said: str) -> str:
    lines = (_COMMIT_ID.sub("ID", line.rstrip()) for line in said.rstrip().split("\n"))
    return "\n".join(".*" if line == "..." else "[^\n]*".join(map(re.escape, line.split("..."))) for line in lines)
