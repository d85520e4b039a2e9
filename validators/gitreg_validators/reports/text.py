"""A report for a terminal: each finding with its source line and a caret, then the sum, then what to do.

- Files in order; within a file, errors first.
- At most `MOST_SHOWN` findings are told, the heaviest; the rest are summed per rule.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Final

from gitreg.errors import MOST_SHOWN, Finding
from gitreg.validation import Report
from gitreg_validators.reports._words import (
    DOTS,
    advise,
    by_file,
    counted,
    heaviest_first,
    looked_at,
    sum_by_rule,
    tamed,
    weigh,
)

MOST_TEXT: Final = 2_000
SOURCE_WIDTH: Final = 160


def write_text(report: Report) -> str:
    """Write a report as lines for a terminal."""
    ranked = heaviest_first(report.findings)
    told, rest = ranked[:MOST_SHOWN], ranked[MOST_SHOWN:]
    blocks = ["\n".join(map(_block, group)) for group in by_file(told).values()]
    if rest:
        more = f"and {counted(len(rest), 'more finding')}; --format json has them all"
        blocks.append("\n".join([more, *(f"    {line}" for line in sum_by_rule(rest))]))
    blocks.append(f"{weigh(report)}; {looked_at(report)}, {report.seconds:.2f} s\n{advise(report)}")
    return "\n\n".join(blocks) + "\n"


def _block(finding: Finding) -> str:
    """Explain a finding, every part of it tamed, with a part of the source line that fits and the caret below it."""
    source, before, column = finding.source, None, finding.column
    if source is not None:
        source, before = _window(source, (column or 1) - 1)
    safe = replace(
        finding,
        path=_place(finding.path),
        ref=_place(finding.ref),
        field=None if finding.field is None else tamed(finding.field, MOST_TEXT),
        says=tamed(finding.says, MOST_TEXT),
        mend=tamed(finding.mend, MOST_TEXT),
        source=source,
    )
    lines = safe.explain().split("\n")
    if before is not None and column is not None and finding.line is not None:
        lines[2] = " " * (len(f"    {finding.line} | ") + _cells(before)) + "^"
    return "\n".join(lines)


def _place(path: str | None) -> str | None:
    """Show a path so that its line cannot be a command of a CI runner, which starts with `::`."""
    if path is None:
        return None
    safe = tamed(path, MOST_TEXT)
    return f"./{safe}" if safe.lstrip().startswith("::") else safe


def _window(source: str, at: int) -> tuple[str, str]:
    """Give the part of a line around a place, fit to be shown, and what stands before that place."""
    start = max(0, at - SOURCE_WIDTH // 2) if len(source) > SOURCE_WIDTH else 0
    end = start + SOURCE_WIDTH
    ahead = DOTS if start else ""
    behind = DOTS if end < len(source) else ""
    return ahead + tamed(source[start:end]) + behind, ahead + tamed(source[start:at])


def _cells(text: str) -> int:
    """Count the columns that text takes on a terminal."""
    return sum(0 if unicodedata.combining(char) else _width(char) for char in text)


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
