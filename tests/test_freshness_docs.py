"""The page on freshness names commands and options that there are, and answers that are given."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from gitreg.cli.tree import load_command
from gitreg_indexer.receiving import MAX_BODIES, MAX_BODY, PATIENCE, ROOT
from gitreg_indexer.webhooks import TOLERANCE, Forge

PAGE = (Path(__file__).parent.parent / "docs/freshness.md").read_text(encoding="utf-8")


def test_its_commands_take_the_options_that_it_gives_them() -> None:
    lines = re.findall(r"(?:^\$ |^ExecStart=\S+/)gitreg (.*)$", PAGE, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        name, below, *words = shlex.split(line)
        command = load_command(name).commands[below]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
    serve = {option for parameter in load_command("serve").params for option in parameter.opts}
    assert {"--remote", "--every", "--webhook-secret-file"} <= serve


def test_its_paths_and_bounds_are_those_of_the_code() -> None:
    assert all(f"{ROOT}{forge.value}" in PAGE for forge in Forge)
    assert f"over {MAX_BODY // 1024 // 1024} MiB" in PAGE
    assert f"over {PATIENCE:g} s" in PAGE
    assert (MAX_BODIES, TOLERANCE) == (4, 300)
    assert "more than four at once" in PAGE
    assert "five minutes of tolerance" in PAGE
