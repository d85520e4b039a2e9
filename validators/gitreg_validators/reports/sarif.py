"""A report as SARIF 2.1.0, as GitHub code scanning takes it.

- One run; every rule that was run is described, whether it found something or not.
- An error is an error, a review and a warning are warnings (`properties.gitreg.severity` tells them apart), a waived
  finding is a note with an accepted suppression, since GitHub shows suppressed results as open.
- A finding of no file is put on `registry.yaml`, one of no line on the first: GitHub drops results without a place.
- Fingerprints are of rule, file, field and words, not of lines: a finding stays the same one when lines move.
- No `informationUri` and no `helpUri`: gitreg has no public page to name. The help texts stand in the file itself.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

import orjson

from gitreg.errors import Finding, Severity
from gitreg.validation import Report, Rule
from gitreg_validators.reports._words import (
    Weight,
    counted,
    heaviest_first,
    known_rules,
    says_of,
    sum_by_rule,
    tamed,
    weight_of,
)

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS: Final = 5_000
"""GitHub keeps the 5,000 weightiest results of a run and refuses a file with more than 25,000."""
MOST_TEXT: Final = 4_000
"""Characters of a message: GitHub refuses a file above 10 MB, compressed."""
ROOT: Final = "%SRCROOT%"
NO_FILE: Final = "registry.yaml"
LEVELS: Final[dict[Weight, str]] = {"error": "error", "review": "warning", "warning": "warning", "waived": "note"}
MEANINGS: Final = {
    Severity.ERROR: "What breaks it is refused.",
    Severity.REVIEW: "What breaks it waits until a human has decided.",
    Severity.WARNING: "What breaks it is told and may pass.",
}
_WORDS: Final = re.compile(r"[^A-Za-z0-9]+")


def write_sarif(report: Report, rules: Iterable[Rule] | None = None) -> str:
    """Write a report as SARIF; `rules` are those that were run, the installed ones unless given."""
    ranked = heaviest_first(report.findings)
    known = known_rules(rules, ranked)
    release = version("llm-gitreg")
    driver = {"name": "gitreg", "fullName": f"gitreg {release}", "version": release, "semanticVersion": release}
    slugs = {finding.rule: finding.slug for finding in ranked}
    descriptors = [_descriptor(code, rule, slugs.get(code, code)) for code, rule in known.items()]
    run: dict[str, Any] = {
        "tool": {"driver": {**driver, "rules": descriptors}},
        "automationDetails": {"id": "gitreg/validate/"},
        "invocations": [_invocation(report, ranked[MOST_RESULTS:])],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the registry repo."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(ranked[:MOST_RESULTS], list(known))),
        "properties": {"gitreg": {"outcome": report.outcome, "base": report.base, "head": report.head}},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return orjson.dumps(log, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _descriptor(code: str, rule: Rule | None, slug: str) -> dict[str, Any]:
    severity = rule.severity if rule else Severity.ERROR
    words = tamed(rule.slug if rule else slug)
    summary = tamed(rule.summary if rule and rule.summary else f"{words.replace('-', ' ').capitalize()}.")
    fixed = " The registry's settings cannot change its weight." if rule and rule.is_fixed else ""
    about = f"{summary} {MEANINGS[severity]}{fixed}"
    level = LEVELS[severity.value]
    return {
        "id": code,
        "name": _pascal(words),
        "shortDescription": {"text": summary},
        "fullDescription": {"text": about},
        "help": {"text": about, "markdown": f"**{code} {words}**: {about}"},
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["gitreg", severity.value],
            "precision": "very-high",
            "problem.severity": level,
        },
    }


def _pascal(slug: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in _WORDS.split(slug)) or "Rule"


def _invocation(report: Report, dropped: Sequence[Finding]) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": True, "exitCode": int(report.exit_code)}
    if dropped:
        text = f"{counted(len(dropped), 'finding')} above GitHub's {MOST_RESULTS:,} are left out: "
        note = {"level": "warning", "message": {"text": f"{text}{', '.join(sum_by_rule(dropped))}."}}
        invocation["toolExecutionNotifications"] = [note]
    return invocation


def _results(findings: Sequence[Finding], codes: list[str]) -> Iterator[dict[str, Any]]:
    index = {code: position for position, code in enumerate(codes)}
    seen: Counter[str] = Counter()
    for finding in findings:
        print_ = _fingerprint(finding)
        seen[print_] += 1
        result = {
            "ruleId": finding.rule,
            "ruleIndex": index[finding.rule],
            "level": LEVELS[weight_of(finding)],
            "message": {"text": _message(finding)},
            "locations": [{"physicalLocation": _location(finding)}],
            "partialFingerprints": {"gitregFinding/v1": f"{print_}:{seen[print_]}"},
            "properties": {"gitreg": _details(finding)},
        }
        if finding.waived:
            why = "A waiver in the registry's waivers/ covers it."
            result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
        yield result


def _message(finding: Finding) -> str:
    """Say what is wrong and the mend; `[words](target)` would become a link in a SARIF message, so it is parted."""
    return f"{says_of(finding, MOST_TEXT)}\nMend: {tamed(finding.mend, MOST_TEXT)}".replace("](", "] (")


def _location(finding: Finding) -> dict[str, Any]:
    region = {"startLine": max(1, finding.line or 1)}
    if finding.path is not None and finding.line is not None and finding.column is not None:
        region["startColumn"] = max(1, finding.column)
    return {"artifactLocation": {"uri": uri_of(finding.path or NO_FILE), "uriBaseId": ROOT}, "region": region}


def uri_of(path: str) -> str:
    """Write a path as a relative URI; a file name that is not UTF-8 keeps its bytes."""
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "backslashreplace")
    return quote(raw.lstrip(b"/"), safe="/") or NO_FILE


def _fingerprint(finding: Finding) -> str:
    parts = (finding.rule, finding.path or "", finding.field or "", finding.says)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _details(finding: Finding) -> dict[str, str]:
    told = {"severity": finding.severity.value, "ref": finding.ref, "field": finding.field}
    return {name: tamed(value, MOST_TEXT) for name, value in told.items() if value is not None}
