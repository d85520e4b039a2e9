"""A report as the body of one comment, which is edited in place: it is found again by its hidden first line.

- Words and numbers of a finding are prose; everything else of it is in code spans, where Markdown, HTML, mentions,
  references and links are only text. A code span is fenced by more backticks than it has in it.
- Errors and decisions are open, warnings and waived findings folded; so is what is above `MOST_OPEN` of a section.
- The body stays below GitHub's limit; findings that do not fit are counted. No times: the same findings, the same body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gitreg.errors import Finding
from gitreg.refs import addresses_at
from gitreg.validation import Report
from gitreg_validators.reports._words import (
    WEIGHTS,
    Weight,
    advise,
    by_file,
    heaviest_first,
    looked_at,
    tamed,
    weigh,
    weight_of,
)

MARKER: Final = "<!-- gitreg: validate -->"
MOST_OPEN: Final = 20
MOST_BODY: Final = 60_000
MOST_TEXT: Final = 600
MOST_PATH: Final = 300
TITLES: Final[dict[Weight, str]] = {
    "error": "Errors",
    "review": "For a human to decide",
    "warning": "Warnings",
    "waived": "Waived",
}
FOLDED: Final = ("warning", "waived")
SIGNS: Final = {"pass": "\N{WHITE HEAVY CHECK MARK}", "fail": "\N{CROSS MARK}", "review": "\N{RAISED HAND}"}
_FRAME: Final = 2_000
"""Characters kept for what is not a finding: headlines, folds and sums."""

_PIECE: Final = re.compile(r"`[^`]+`|[^\s`]+|\s+|`+")
_PROSE: Final = re.compile(r"[(\"']{0,2}(?:[A-Za-z]+(?:['-][A-Za-z]+)*|[0-9]{1,6})[.,;:?)\"']{0,3}|[(.,;:)]|-")


def write_markdown(report: Report) -> str:
    """Write a report as the body of a comment."""
    parts = [MARKER, f"### {SIGNS[report.outcome]} gitreg {prose(advise(report))}"]
    parts.append(f"{weigh(report)}; {looked_at(report)}")
    room = MOST_BODY - _FRAME
    ranked = heaviest_first(report.findings)
    for weight in WEIGHTS:
        findings = [finding for finding in ranked if weight_of(finding) == weight]
        if findings:
            section, room = _section(weight, findings, room)
            parts.append(section)
    if report.head:
        parts.append(f"<sub>{_span(report.base)}...{_span(report.head)}</sub>")
    return "\n\n".join(parts) + "\n"


def _span(commit: str | None) -> str:
    return code((commit or "nothing")[:12])


def _section(weight: Weight, findings: Sequence[Finding], room: int) -> tuple[str, int]:
    """Write the findings of one weight, as many as there is room for; give the text and the room that is left."""
    title = f"{TITLES[weight]} ({len(findings):,})"
    if weight in FOLDED:
        listed, room = _list(findings, room)
        return _fold(title, listed), room
    listed, room = _list(findings[:MOST_OPEN], room)
    parts = [f"#### {title}", listed]
    if len(findings) > MOST_OPEN:
        more, room = _list(findings[MOST_OPEN:], room)
        parts.append(_fold(f"{len(findings) - MOST_OPEN:,} more", more))
    return "\n\n".join(parts), room


def _fold(title: str, listed: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{listed}\n\n</details>"


def _list(findings: Sequence[Finding], room: int) -> tuple[str, int]:
    """List findings by file until the room is full, then say how many are left; give the room that is left."""
    groups: list[str] = []
    told = 0
    for path, some in by_file(findings).items():
        lines = ["**the whole change**" if path is None else f"**{code(tamed(path, MOST_PATH))}**"]
        room -= len(lines[0]) + 2
        for finding in some:
            item = _item(finding)
            room -= len(item) + 1
            if room < 0:
                break
            lines.append(item)
            told += 1
        if len(lines) > 1:
            groups.append("\n".join(lines))
        if room < 0:
            groups.append(f"and {len(findings) - told:,} more")
            break
    return "\n\n".join(groups), room


def _item(finding: Finding) -> str:
    """Write a finding as one item of a list, in one line."""
    line = "" if finding.line is None else f"line {finding.line}: "
    field = f" {code(tamed(finding.field, MOST_PATH))}" if finding.field else ""
    rule = f"{code(tamed(finding.rule))} {prose(finding.slug)}"
    item = f"- {line}{rule}{field}: {prose(finding.says)}<br>mend: {prose(finding.mend)}"
    return f"{item}<br>to decide: {_who(finding)}" if weight_of(finding) == "review" else item


def _who(finding: Finding) -> str:
    """Say who must decide: the owners of the record's namespace, or who keeps the registry."""
    found = addresses_at(finding.path) if finding.path else ()
    namespace = found[0].namespace if found else None
    return f"an owner of {code(tamed(namespace))}" if namespace else "whoever administers the registry"


def prose(text: str, most: int = MOST_TEXT) -> str:
    """Write text as Markdown that is only text: plain words as they are, all else in code spans."""
    runs: list[tuple[bool, str]] = []
    for piece in _PIECE.findall(tamed(text, most)):
        for is_code, run in _runs_of(piece):
            inner = run
            if is_code and len(runs) > 1 and runs[-1][1].isspace() and runs[-2][0]:
                inner = runs.pop()[1] + inner
            if is_code and runs and runs[-1][0]:
                inner = runs.pop()[1] + inner
            runs.append((is_code, inner))
    return "".join(code(run) if is_code else run for is_code, run in runs)


def _runs_of(piece: str) -> Iterator[tuple[bool, str]]:
    """Part a piece of text without spaces into code and the punctuation around it."""
    if piece.isspace() or _PROSE.fullmatch(piece):
        yield False, piece
    elif piece[0] == "`":
        yield True, piece[1:-1] if piece.strip("`") else piece
    else:
        word = piece.rstrip(".,;:")
        if word.endswith(")") and "(" not in word[1:]:
            word = word[:-1]
        core = word.removeprefix("(")
        parts = ((False, word[: len(word) - len(core)]), (True, core), (False, piece[len(word) :]))
        yield from (part for part in parts if part[1])


def code(text: str) -> str:
    """Write text of one line as a code span."""
    fence = "`" * (max(map(len, re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else "`(empty)`"
