"""SARIF reports pass Microsoft's validator, with its own rules and those of GitHub code scanning.

- Skipped when the npm package is not installed under build/sarif; `make test-sarif` installs it.
- One warning is known and true: gitreg has no public page, so the tool names no `informationUri`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitreg.errors import Finding, Severity
from gitreg.validation import Report
from gitreg_validators.reports import write_sarif

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "build/sarif/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
RULES = "Sarif;Ghas"

if not sys.platform.startswith("linux") or not TOOL.is_file():
    pytest.skip("Microsoft's SARIF validator is not installed: run `make test-sarif`", allow_module_level=True)

NO_PUBLIC_PAGE = ("SARIF2005", "Warning_ProvideToolnformationUri")
FINDING = Finding(
    "GR-011",
    "version-immutable",
    "spec.type of a landed version is frozen: 'a' became 'b'",
    "register the change as a new version",
    path="models/acme/chat/1.0.0.yaml",
    ref="acme/chat@1.0.0",
    line=7,
    column=3,
    field="spec.type",
    source="  type: b",
)
ODD_PATHS = (
    "models/acme/na\u00efve model/1.0.0.yaml",
    "models/\u6a21\u578b/\U0001f600/1.0.0.yaml",
    "models/a b/%41#?&=+;,$!'()*[]{}|^~`\"<>.yaml",
    "a:b.yaml",
    "models\\windows\\1.0.0.yaml",
    "models/new\nline/tab\t.yaml",
    "models/\u202eevil/1.0.0.yaml",
    "models/not-utf8-\udcff/1.0.0.yaml",
    "  spaces  /  .yaml",
)
ODD_WORDS = (
    "braces {0} {{1}} {name}",
    "a link [click](https://example.com) and [another](1)",
    "control \x00\x1b[31m\x7f and \ud800 and \ufffe",
    "bidi \u202e and zero \u200b width",
    "line\nbreaks\r\n\u2028",
    "",
    "no full stop",
    "x" * 100_000,
)


def report_of(findings: Iterable[Finding], outcome: str = "fail") -> Report:
    assert outcome in ("pass", "fail", "review")
    return Report(outcome, "a" * 40, "b" * 40, tuple(findings), 12, 43, 0.5)  # type: ignore[arg-type] # just asserted


def hundreds() -> list[Finding]:
    severities = list(Severity)
    return [
        replace(
            FINDING,
            path=ODD_PATHS[n % len(ODD_PATHS)],
            says=ODD_WORDS[n % len(ODD_WORDS)],
            mend=ODD_WORDS[(n + 3) % len(ODD_WORDS)],
            field=ODD_WORDS[(n + 5) % len(ODD_WORDS)],
            severity=severities[n % 3],
            line=None if n % 7 == 0 else n,
            column=None if n % 5 == 0 else n,
            waived=n % 11 == 0,
        )
        for n in range(1, 400)
    ]


REPORTS = {
    "nothing found": report_of((), "pass"),
    "one finding": report_of([FINDING]),
    "hundreds with odd paths and words": report_of(hundreds()),
    "a waived one": report_of([replace(FINDING, waived=True)], "pass"),
    "for a human to decide": report_of([replace(FINDING, severity=Severity.REVIEW)], "review"),
    "neither file nor line": report_of([replace(FINDING, path=None, ref=None, line=None, column=None)]),
    "a rule that is not installed": report_of([replace(FINDING, rule="AC-001", slug="house-rule")]),
    "the same finding twice": report_of([FINDING, FINDING]),
    "more than GitHub keeps": report_of(replace(FINDING, line=n) for n in range(1, 5_200)),
    "no commits": replace(report_of([FINDING]), base=None, head=None),
}


def complaints(log: str, folder: Path) -> list[tuple[str, str, str]]:
    """Give what the validator says: level, rule and message."""
    source, answer = folder / "report.sarif", folder / "answer.sarif"
    source.write_text(log, encoding="utf-8")
    command = [str(TOOL), "validate", str(source), "-o", str(answer), "--log", "ForceOverwrite", "--rule-kind", RULES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    run: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8-sig"))["runs"][0]
    notes = run["invocations"][0].get("toolConfigurationNotifications", [])
    assert run["invocations"][0]["executionSuccessful"], notes
    return [
        (found.get("level", "warning"), found["ruleId"], found["message"]["id"]) for found in run.get("results", [])
    ]


def test_the_validator_finds_what_github_would_refuse(tmp_path: Path) -> None:
    log = json.loads(write_sarif(report_of([FINDING])))
    del log["runs"][0]["results"][0]["locations"]
    assert "error" in {level for level, _, _ in complaints(json.dumps(log), tmp_path)}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_passes(name: str, tmp_path: Path) -> None:
    found = complaints(write_sarif(REPORTS[name]), tmp_path)
    assert found == [("warning", *NO_PUBLIC_PAGE)]
