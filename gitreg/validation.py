"""The gate's frame: what a rule is, where rules come from, and how their findings are gathered.

- A rule is a function from a change to findings; it never prints, writes or stops early. All findings are gathered,
  in a fixed order.
- Rules are found through the entry-point group `gitreg.validators`, the same door that plugins use.
- How much a rule weighs is decided by the base's `registry.yaml`, never by the change under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import entry_points
from typing import Final

from gitreg.errors import Finding, Severity
from gitreg.manifests import point_at
from gitreg.repository.snapshot import Overlay, RecordChange, Snapshot, changes_between

GROUP: Final = "gitreg.validators"


@dataclass(frozen=True)
class Change:
    """What is under test: the state before, the state after, and the records that differ."""

    base: Snapshot
    head: Snapshot

    @cached_property
    def records(self) -> tuple[RecordChange, ...]:
        """The records that differ, by path."""
        return tuple(changes_between(self.base, self.head))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate. `is_fixed` rules keep their severity whatever the registry says."""

    code: str
    slug: str
    severity: Severity
    check: Callable[[Change], Iterable[Finding]]
    is_fixed: bool = False

    def finding(self, says: str, mend: str, *, field: str | None = None, path: str | None = None) -> Finding:
        """Make a finding of this rule."""
        return Finding(self.code, self.slug, says, mend, severity=self.severity, field=field, path=path)


@cache
def load_rules() -> tuple[Rule, ...]:
    """Load every rule that is installed, by code."""
    found: list[Rule] = []
    for entry in entry_points(group=GROUP):
        found.extend(entry.load())
    return tuple(sorted(found, key=lambda rule: rule.code))


def check(change: Change, rules: Iterable[Rule] | None = None) -> list[Finding]:
    """Run the rules over a change; give all findings, by path, rule and field, each weighed as the base demands."""
    overrides = change.base.settings.spec.gate.severities if change.base.settings else {}
    found: list[Finding] = []
    for rule in load_rules() if rules is None else rules:
        weight = rule.severity.value if rule.is_fixed else overrides.get(rule.code, rule.severity.value)
        if weight != "off":
            found.extend(_placed(change, finding) for finding in _weighed(rule, rule.check(change), Severity(weight)))
    return sorted(found, key=lambda f: (f.path or "", f.rule, f.line or 0, f.field or "", f.says))


def _weighed(rule: Rule, findings: Iterable[Finding], weight: Severity) -> Iterator[Finding]:
    for finding in findings:
        lowered = finding.severity is not rule.severity
        yield finding if lowered else replace(finding, severity=weight)


def _placed(change: Change, finding: Finding) -> Finding:
    """Give a finding the line and column of its field, read from the text under test."""
    if finding.line is not None or finding.field is None or finding.path is None:
        return finding
    found = change.head.read(finding.path)
    return point_at(finding, found[1]) if found else finding


def unreadable(change: Change) -> Iterator[Finding]:
    """Give what the reader found in the changed files: the faults of the text and of the schema."""
    for record in change.records:
        if record.after is not None:
            yield from (finding.at(path=record.path) for finding in record.after.findings)


__all__ = ["Change", "Finding", "Overlay", "Rule", "Severity", "check", "load_rules", "unreadable"]
