#!/usr/bin/env python3
"""Use the installed wheel as a new user would: no checkout in sight, every step through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def gitreg(*words: str, cwd: Path) -> Any:
    """Run a command and give what it printed as JSON, or as text where it is not JSON."""
    ran = subprocess.run([sys.executable, "-m", "gitreg", *words], cwd=cwd, check=True, capture_output=True, text=True)
    try:
        return json.loads(ran.stdout)
    except ValueError:
        return ran.stdout


def expect(what: str, *, holds: bool) -> None:
    """Stop with the name of what does not hold."""
    if not holds:
        sys.exit(f"the wheel does not work: {what}")


def main() -> None:
    """Make a registry, put a record in and find it again; build the demo."""
    with tempfile.TemporaryDirectory(prefix="gitreg wheel ") as folder:
        where = Path(folder)
        author = ("--author", "Example Author <author@example.com>")
        expect("--version", holds="gitreg" in gitreg("--version", cwd=where))
        gitreg("init", "registry", *author, cwd=where)
        (where / "policy.yaml").write_text(gitreg("schema", "policy", "--example", cwd=where))
        landed = gitreg("register", "policy.yaml", "--repo", "registry", *author, "--json", cwd=where)
        expect("register", holds=landed["records"][0]["status"] == "registered")
        found = gitreg("search", "licence", "--repo", "registry", "--json", cwd=where)
        expect("search", holds=found["total"] == 1)
        gitreg("demo", "demo", "--no-serve", cwd=where)
        expect("demo", holds=gitreg("search", "--repo", "demo", "--kind", "model", "--json", cwd=where)["total"] > 20)
    print("the wheel works")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
