"""The gate: every rule over a change, all findings at once, in a fixed order.

- How much a rule weighs is decided by the base's `registry.yaml`, never by the change under test.
- A rule that raises, hangs or crashes is a finding of that rule, as heavy as an error: a gate that cannot look does not
  open. A `GitregError` (an object that cannot be read) ends the whole run: then nothing is known.
- Cost follows the change.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gitreg.errors import Finding, GitregError, Severity
from gitreg.manifests import point_all
from gitreg.validation.apart import PATIENCE, Answer, Broken, run, run_apart
from gitreg.validation.change import Change
from gitreg.validation.report import Report, outcome_of
from gitreg.validation.rules import Fault, Rule, load_rules
from gitreg.validation.waivers import waive

CONFLICT: Final = ("GR-000", "merge-conflict")


def validate(change: Change, rules: Iterable[Rule] | None = None, *, patience: float = PATIENCE) -> Report:
    """Run the gate; `GitregError` where it could not look at all."""
    started = time.monotonic()
    chosen = tuple(load_rules() if rules is None else rules)
    findings = check(change, chosen, patience=patience)
    return Report(
        outcome=outcome_of(findings, change.circumstances.approved),
        base=change.base.commit,
        head=change.head_commit,
        findings=tuple(findings),
        records=len(change.records),
        rules=len({rule.code for rule in chosen}),
        seconds=time.monotonic() - started,
        footprint=change.head.footprint,
    )


def check(change: Change, rules: Iterable[Rule] | None = None, *, patience: float = PATIENCE) -> list[Finding]:
    """Give all findings, by path, rule, line and field: weighed as the base demands, placed, waived ones marked."""
    chosen = load_rules() if rules is None else tuple(rules)
    weighed = {rule: _weight(rule, change) for rule in chosen if rule.on_state or not change.is_state}
    asked = {rule: weight for rule, weight in weighed.items() if weight is not None}
    found = list(_conflicts(change))
    for rule, answer in _answers(list(asked), change, patience):
        found.extend(_findings(rule, answer, asked[rule]))
    fixed = frozenset(rule.code for rule in chosen if rule.is_fixed) | {CONFLICT[0]}
    marked = waive(_placed(change, found), change.law, change.circumstances.today, fixed)
    return sorted(marked, key=lambda f: (f.path or "", f.rule, f.line or 0, f.field or "", f.says))


def _weight(rule: Rule, change: Change) -> Severity | None:
    """Give what a rule weighs here; None where the registry has switched it off."""
    said = rule.severity.value if rule.is_fixed else change.gate.severities.get(rule.code, rule.severity.value)
    return None if said == "off" else Severity(said)


def _answers(rules: Sequence[Rule], change: Change, patience: float) -> Iterator[tuple[Rule, Answer]]:
    for rule in rules:
        if not rule.runs_apart:
            yield rule, run(rule, change)
    apart = [rule for rule in rules if rule.runs_apart and (rule.concerns is None or rule.concerns(change))]
    if apart and change.files:
        _ = change.subjects  # read once, here, and not in each child
        yield from run_apart(apart, change, patience)


def _findings(rule: Rule, answer: Answer, weight: Severity) -> Iterator[Finding]:
    if isinstance(answer, GitregError):
        raise answer
    if isinstance(answer, Broken):
        mend = "report it to whoever keeps the rule; `severities` in registry.yaml can switch it off meanwhile"
        yield Finding(rule.code, rule.slug, f"the rule could not decide: {answer.why}", mend)
        return
    for fault in answer:
        if isinstance(fault, Fault):
            yield _finding(rule, fault, weight)
        else:
            mend = "a rule gives gitreg.validation.Fault"
            yield Finding(rule.code, rule.slug, f"the rule gave {type(fault).__name__} for a fault", mend)


def _finding(rule: Rule, fault: Fault, weight: Severity) -> Finding:
    return Finding(
        rule.code,
        rule.slug,
        fault.says,
        fault.mend,
        severity=fault.severity or weight,
        path=fault.path,
        ref=fault.ref,
        line=fault.line,
        column=fault.column,
        field=fault.field,
    )


def _conflicts(change: Change) -> Iterator[Finding]:
    for path in change.conflicts:
        says = "the base and this change both changed it since they parted, and not in the same way"
        yield Finding(
            *CONFLICT, says, "bring the change up to date with main, and decide which lines are meant", path=path
        )


def _placed(change: Change, findings: Iterable[Finding]) -> list[Finding]:
    """Give findings the line and column of their fields, read from the text under test or from what it removes."""
    by_path: dict[str | None, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    placed: list[Finding] = []
    for path, some in by_path.items():
        found = (
            (change.head.read(path) or change.base.read(path))
            if path and any(f.field or f.line for f in some)
            else None
        )
        placed.extend(point_all(some, found[1]) if found else some)
    return placed
