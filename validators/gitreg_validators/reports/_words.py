"""What every format says alike: the order of findings, the sum, the outcome, and text that only shows itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from gitreg.cli.output import shown
from gitreg.errors import Finding
from gitreg.validation import Report, Rule, load_rules

Weight: TypeAlias = Literal["error", "review", "warning", "waived"]
WEIGHTS: Final[tuple[Weight, ...]] = ("error", "review", "warning", "waived")
DOTS: Final = "..."


def weight_of(finding: Finding) -> Weight:
    """Say what a finding weighs in this report; a waived one weighs nothing."""
    return "waived" if finding.waived else finding.severity.value


def heaviest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Order findings: errors, decisions, warnings, waived ones; each by place."""
    return sorted(
        findings, key=lambda f: (WEIGHTS.index(weight_of(f)), f.path or "", f.line or 0, f.column or 0, f.rule)
    )


def by_file(findings: Iterable[Finding]) -> dict[str | None, list[Finding]]:
    """Group findings by file, files in order, the findings of each in the order given."""
    groups: dict[str | None, list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: f.path or ""):
        groups.setdefault(finding.path, []).append(finding)
    return groups


def sum_by_rule(findings: Iterable[Finding]) -> list[str]:
    """Count findings per rule: `3 GR-011 version-immutable`."""
    counted = Counter((finding.rule, finding.slug) for finding in findings)
    return [f"{number} {code} {tamed(slug)}" for (code, slug), number in sorted(counted.items())]


def counted(number: int, noun: str) -> str:
    """Say a number of things: `1 error`, `2 errors`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def weigh(report: Report) -> str:
    """Say how many findings of each weight there are: `2 errors, 1 for a human to decide`."""
    number = Counter(map(weight_of, report.findings))
    decision = "decided by a human" if report.outcome == "pass" else "for a human to decide"
    parts = {
        "error": counted(number["error"], "error"),
        "review": f"{number['review']:,} {decision}",
        "warning": counted(number["warning"], "warning"),
        "waived": f"{number['waived']:,} waived",
    }
    return ", ".join(parts[weight] for weight in WEIGHTS if number[weight]) or "nothing found"


def looked_at(report: Report) -> str:
    """Say how much was looked at: `12 records, 43 rules`."""
    return f"{counted(report.records, 'record')}, {counted(report.rules, 'rule')}"


def advise(report: Report) -> str:
    """Say the outcome and what to do next."""
    if report.outcome == "pass":
        return "passes: nothing stands against it"
    if report.outcome == "fail":
        return "fails: mend what is marked error, then validate again"
    codes = sorted({finding.rule for finding in report.findings if weight_of(finding) == "review"})
    return f"waits: a human must decide on {', '.join(codes)}; `--approve CODE` tells that it was decided"


def known_rules(rules: Iterable[Rule] | None, findings: Sequence[Finding]) -> dict[str, Rule | None]:
    """Give the rules by code, those that only findings know as None; a code that several rules share is one."""
    known: dict[str, Rule | None] = {}
    for rule in load_rules() if rules is None else rules:
        known.setdefault(rule.code, rule)
    for finding in findings:
        known.setdefault(finding.rule, None)
    return dict(sorted(known.items()))


def tamed(text: str, most: int | None = None) -> str:
    """Make text of one line that neither a terminal nor a CI log obeys; longer text than `most` is cut.

    `##[` starts a command of GitHub's and Azure's runners wherever it stands in a line.
    """
    whole = shown(text if most is None else text[: most + 1]).replace("##[", r"#\x23[")
    if most is None or len(whole) <= most:
        return whole
    return whole[: most - len(DOTS)] + DOTS


def says_of(finding: Finding, most: int | None = None) -> str:
    """Give what is wrong, with the field in front."""
    says = tamed(finding.says, most)
    return f"{tamed(finding.field, most)}: {says}" if finding.field else says
