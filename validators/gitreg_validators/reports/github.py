"""A report as GitHub workflow commands: one for each finding, at its line, and one for the sum.

- GitHub shows ten annotations of each kind for a step, so the heaviest come first, and the sum is the first notice;
  its log has them all.
- A review is a warning whose title says that a human decides; a waived finding is a notice.
- One finding is one line that starts with its own command: nothing in a manifest can start another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gitreg.errors import Finding
from gitreg.validation import Report
from gitreg_validators.reports._words import Weight, advise, heaviest_first, sum_by_rule, tamed, weigh, weight_of

COMMANDS: Final[dict[Weight, str]] = {"error": "error", "review": "warning", "warning": "warning", "waived": "notice"}
TITLES: Final[dict[Weight, str]] = {"error": "", "review": " (a human decides)", "warning": "", "waived": " (waived)"}
MOST_ANNOTATIONS: Final = 10
MOST_TEXT: Final = 4_000
DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def write_github(report: Report) -> str:
    """Write a report as workflow commands."""
    ranked = heaviest_first(report.findings)
    first = [finding for finding in ranked if not finding.waived]
    total = f"::notice title=gitreg validate::{_data(f'{weigh(report)}; {advise(report)}')}"
    lines = [*map(_command, first), *_overflow(ranked), total, *map(_command, ranked[len(first) :])]
    return "\n".join(lines) + "\n"


def _command(finding: Finding) -> str:
    weight = weight_of(finding)
    place = {"file": finding.path, "line": finding.line, "col": finding.column}
    if finding.path is None:
        place = {}
    elif finding.line is None:
        place = {"file": finding.path, "line": 1}
    properties = {**place, "title": f"{finding.rule} {finding.slug}{TITLES[weight]}"}
    words = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    return f"::{COMMANDS[weight]} {words}::{_data(_message(finding))}"


def _message(finding: Finding) -> str:
    """Say what is wrong and the mend, each on a line of its own."""
    field = f"{tamed(finding.field, MOST_TEXT)}: " if finding.field else ""
    return f"{field}{tamed(finding.says, MOST_TEXT)}\nmend: {tamed(finding.mend, MOST_TEXT)}"


def _overflow(findings: list[Finding]) -> Iterator[str]:
    """Count all findings per rule where GitHub will not show them all."""
    kinds = Counter(COMMANDS[weight_of(finding)] for finding in findings)
    if max(kinds.values(), default=0) > MOST_ANNOTATIONS:
        yield f"::group::GitHub shows {MOST_ANNOTATIONS} annotations of a kind; {len(findings):,} findings by rule"
        yield from (f"  {line}" for line in sum_by_rule(findings))
        yield "::endgroup::"


def _data(text: str) -> str:
    return text.translate(DATA)


def _property(text: str) -> str:
    return tamed(text).translate(PROPERTY)
