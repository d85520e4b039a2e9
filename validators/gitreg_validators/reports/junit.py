"""A report as JUnit XML: one suite, one case for each rule and file with findings, one for each rule without.

- An error or a review is a failure of its type; a warning is told in `system-out`; what is only waived is skipped.
- Characters that XML 1.0 does not have are escaped as a terminal would show them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from gitreg.errors import Finding
from gitreg.validation import Report, Rule
from gitreg_validators.reports._words import counted, heaviest_first, known_rules, says_of, tamed, weight_of

SUITE: Final = "gitreg"
MOST_TEXT: Final = 4_000


def write_junit(report: Report, rules: Iterable[Rule] | None = None) -> str:
    """Write a report as JUnit XML; `rules` are those that were run, the installed ones unless given."""
    cases: dict[tuple[str, str], list[Finding]] = {}
    for finding in heaviest_first(report.findings):
        cases.setdefault((finding.rule, finding.path or ""), []).append(finding)
    broken = {finding.rule for finding in report.findings}
    suite = ET.Element("testsuite", name=SUITE)
    for code, rule in known_rules(rules, report.findings).items():
        if rule is not None and code not in broken:
            ET.SubElement(suite, "testcase", classname=SUITE, name=f"{code} {rule.slug}", time="0")
    for _, findings in sorted(cases.items()):
        suite.append(_case(findings))
    for name, value in _totals(suite, report.seconds).items():
        suite.set(name, value)
    suites = ET.Element("testsuites", {"name": SUITE, **_totals(suite, report.seconds)})
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _totals(suite: ET.Element, seconds: float) -> dict[str, str]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: sum(1 for _ in suite.iter(kind)) for name, kind in kinds.items()}
    return {name: str(number) for name, number in {"tests": len(suite), **counts}.items()} | {"time": f"{seconds:.3f}"}


def _case(findings: list[Finding]) -> ET.Element:
    """Make the case of one rule and file, from its findings, the heaviest first."""
    first = findings[0]
    file = {} if first.path is None else {"file": tamed(first.path), "line": str(first.line or 1)}
    case = ET.Element(
        "testcase",
        {"classname": tamed(first.path or SUITE), "name": tamed(f"{first.rule} {first.slug}"), "time": "0", **file},
    )
    failing = [finding for finding in findings if weight_of(finding) in ("error", "review")]
    quiet = [finding for finding in findings if finding not in failing]
    if failing:
        failure = ET.SubElement(case, "failure", type=weight_of(first), message=_message(failing))
        failure.text = _told(failing)
    elif all(finding.waived for finding in findings):
        ET.SubElement(case, "skipped", message=f"waived: {_message(findings)}")
    if quiet:
        ET.SubElement(case, "system-out").text = _told(quiet)
    return case


def _message(findings: list[Finding]) -> str:
    more = f" (and {counted(len(findings) - 1, 'more finding')})" if len(findings) > 1 else ""
    return says_of(findings[0], MOST_TEXT) + more


def _told(findings: list[Finding]) -> str:
    """Tell findings in lines: place, weight, what is wrong, the mend."""
    return "\n".join(
        f"{tamed(finding.place())}: {weight_of(finding)}: {says_of(finding, MOST_TEXT)}\n"
        f"    mend: {tamed(finding.mend, MOST_TEXT)}"
        for finding in findings
    )
