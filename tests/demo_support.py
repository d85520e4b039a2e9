"""The demo registry for tests that only need one: made once in a process, and copied to wherever it is wanted."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cli_support import fine


def demo_at(folder: Path) -> Path:
    """Give a folder that `gitreg demo --no-serve` laid down."""
    shutil.copytree(_made_once(), folder, symlinks=True)
    return folder


@cache
def _made_once() -> Path:
    above = Path(mkdtemp(prefix="gitreg-demo-"))
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    fine("demo", above / "demo", "--no-serve")
    return above / "demo"
