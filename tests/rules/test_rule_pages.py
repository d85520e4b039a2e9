"""Every rule has a page whose examples are true: the failing one is found by the rule, the mended one is not.

A page has fenced blocks whose info string says what to do with them:
`yaml base PATH` (landed before), `yaml removed PATH` (landed before, and removed since), `yaml failing PATH`,
`yaml mended PATH`, and `text failing` or `text mended` with lines `remove PATH`, `author WHO`, `approver WHO`,
`today DAY`, `mode PATH 120000`, `signed KEY`, `unsigned COMMIT`, `rewritten COMMIT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from gate_support import BASE, commit, found_by, new_registry

from gitreg.repository.git import Entry
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Signing, load_rules
from gitreg_validators import RULES

PAGES = Path(__file__).parents[2] / "docs" / "rules"
CODES = sorted({rule.code for rule in RULES})
_BLOCK = re.compile(r"^```(\w+) (base|removed|failing|mended)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One side of a page: files, and circumstances."""

    files: dict[str, bytes | None] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)


def examples_of(page: str) -> dict[str, Example]:
    found = {side: Example() for side in ("base", "removed", "failing", "mended")}
    for language, side, path, text in _BLOCK.findall(page):
        example = found[side]
        if language == "text" and not path:
            for line in text.splitlines():
                _obey(example, *line.split(" ", 1))
        else:
            example.files[path] = text.encode()
    return found


def _obey(example: Example, word: str, rest: str) -> None:
    match word:
        case "remove":
            example.files[rest] = None
        case "author":
            example.said["author"] = rest
        case "approver":
            example.said["approvers"] = (*example.said.get("approvers", ()), rest)
        case "today":
            example.said["today"] = date.fromisoformat(rest)
        case "mode":
            path, mode = rest.split()
            example.modes[path] = int(mode, 8)
        case "signed":
            example.said["signings"] = (*example.said.get("signings", ()), Signing("0" * 40, rest))
        case "unsigned":
            example.said["signings"] = (*example.said.get("signings", ()), Signing(rest, None))
        case "rewritten":
            example.said["descends"] = False
        case _:
            raise AssertionError(f"a page says {word!r}")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("pages"), BASE).snapshot()


@pytest.mark.parametrize("code", CODES)
def test_the_examples_of_a_page_are_true(tmp_path: Path, code: str) -> None:
    page = (PAGES / f"{code}.md").read_text("utf-8")
    examples = examples_of(page)
    gone = examples["removed"].files
    registry = new_registry(tmp_path, {**BASE, **examples["base"].files, **gone})
    state = commit(registry, dict.fromkeys(gone)) if gone else registry.snapshot()
    failing = _rules_found(state, examples["failing"])
    mended = _rules_found(state, examples["mended"])
    assert code in failing, failing
    assert code not in mended, mended


def _rules_found(state: Snapshot, example: Example) -> set[str]:
    entries: dict[str, Entry | None] = {}
    for path, mode in example.modes.items():
        landed = state.entry(path)
        raw = example.files.pop(path, None)
        assert landed or raw
        oid = landed.oid if landed else str(state.repo.handle.create_blob(raw or b""))
        entries[path] = Entry(path, oid, mode)
    assert example.files or entries, "the page has no example of this side"
    return {finding.rule for finding in found_by(state, example.files, None, entries, **example.said)}


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_why_and_how(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text("utf-8")
    (rule, *_) = [rule for rule in RULES if rule.code == code]
    first = page.splitlines()[0]
    assert first == f"# {code} {rule.slug}"
    for heading in ("## What", "## Why", "## Failing", "## Mended"):
        assert f"\n{heading}\n" in page
    weight = f"Severity: {rule.severity.value}" + (", fixed" if rule.is_fixed else "")
    assert f"\n{weight}\n" in page


def test_no_page_is_of_a_rule_that_is_not_there() -> None:
    assert {path.stem for path in PAGES.glob("GR-*.md")} == set(CODES)


def test_every_rule_is_loaded() -> None:
    assert set(load_rules()) >= set(RULES)
