"""What came of validating: the outcome, every finding, and how much was looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gitreg.errors import Exit, Finding, Severity
from gitreg.repository.snapshot import Footprint

Outcome = Literal["pass", "fail", "review"]
EXITS: Final[dict[str, Exit]] = {"pass": Exit.FINE, "fail": Exit.FAULTS, "review": Exit.REVIEW}


@dataclass(frozen=True, slots=True)
class Report:
    """The gate's answer. `base` and `head` are commits; None for nothing, or for files that are not committed."""

    outcome: Outcome
    base: str | None
    head: str | None
    findings: tuple[Finding, ...]
    records: int
    """Records that the change touches."""
    rules: int
    """Rules that were run, by code."""
    seconds: float
    footprint: Footprint = field(default_factory=Footprint, repr=False, compare=False)
    """What was looked at in the base and in the merged state."""

    @property
    def exit_code(self) -> Exit:
        """Give the exit code that says the outcome."""
        return EXITS[self.outcome]

    def as_data(self) -> dict[str, Any]:
        """Give the report as JSON data."""
        return {
            "outcome": self.outcome,
            "base": self.base,
            "head": self.head,
            "findings": [finding.as_data() for finding in self.findings],
            "checked": {"records": self.records, "rules": self.rules},
            "seconds": round(self.seconds, 3),
        }


def outcome_of(findings: Iterable[Finding], approved: Collection[str] = ()) -> Outcome:
    """Say what findings come to: waived ones and reviews that were decided do not count."""
    weights = {finding.severity for finding in findings if not finding.waived and not _is_decided(finding, approved)}
    if Severity.ERROR in weights:
        return "fail"
    return "review" if Severity.REVIEW in weights else "pass"


def _is_decided(finding: Finding, approved: Collection[str]) -> bool:
    return finding.severity is Severity.REVIEW and finding.rule in approved
