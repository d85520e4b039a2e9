"""What a proposal says of itself, in Markdown that no manifest can steer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gitreg.errors import Finding, Severity
from gitreg.forges.forge import MARKER, Check
from gitreg.registry import Landed

MOST_LINES: Final = 100
_OUTCOMES: Final = {
    "pass": "The gate passes it.",
    "fail": "The gate refuses it.",
    "review": "It waits for a human to decide.",
}


def render_body(body: str, records: Sequence[Landed], findings: Sequence[Finding]) -> str:
    """Write the text of a proposal: what its author says, what it does, what the gate found when it was opened."""
    changed = [record for record in records if record.status != "unchanged"]
    said = [f"- {record.status} {quoted(record.ref)}" for record in changed]
    parts = [body.strip(), *_section("Records", said)]
    standing = [finding for finding in findings if not finding.waived]
    waits = sorted({finding.rule for finding in standing if finding.severity is not Severity.WARNING})
    if waits:
        parts += _section("For a human to decide", [f"- {rule}" for rule in waits])
    parts += _section("Findings", [_line(finding) for finding in standing])
    return "\n\n".join(part for part in parts if part) + "\n"


def render_check(check: Check) -> str:
    """Write the comment that says what a check came to."""
    lines = [f"<!-- {MARKER} -->", f"**gitreg**: {_OUTCOMES[check.outcome]}", ""]
    if check.errors:
        lines.append(f"- errors: {check.errors}; `gitreg proposals check` shows them")
    if check.waits:
        lines.append(f"- for a human to decide: {', '.join(check.waits)}")
    lines += [f"- head {check.head}", f"- on {check.base}"]
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return [f"### {title}", "\n".join([*lines[:MOST_LINES], *more])]


def _line(finding: Finding) -> str:
    place = quoted(finding.ref or finding.path or "-")
    return f"- {finding.severity.value} {finding.rule} {finding.slug}: {place} {quoted(finding.says)}"


def quoted(text: str) -> str:
    """Quote text as code: one line, and no backtick can end it."""
    plain = " ".join(text.replace("`", "'").split())
    return f"`{plain[:300]}`"
