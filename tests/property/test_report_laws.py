"""Whatever a manifest says, it stays text in every format of a report."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from report_support import FROZEN, LIVE, OURS, commands, rendered, report_of, run_of

from gitreg.cli.output import shown
from gitreg.errors import Finding, Severity
from gitreg_validators.reports import MARKER, write_github, write_junit, write_markdown, write_text
from gitreg_validators.reports._words import tamed

# fmt: off
PARTS = st.sampled_from([
    "\n", "\r\n", "::error::", "%0A::", "##[group]", "]]>", "-->", "</code>", "</details>", "<b>", "&lt;",
    "@a", "#1", "](http:", "`", "``", "|", "{0}", "\\", "**", "~~~", "(", ")", ".", "/", " ", "word",
    "\x1b[2J", "\x00", "\ufffe", "\udcff", "\u202e",
])
# fmt: on
WORDS = st.lists(st.one_of(PARTS, st.text(st.characters(), max_size=6)), max_size=8).map("".join)
FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from(["GR-011", "GR-012"]),
    slug=st.just("a-slug"),
    says=WORDS,
    mend=WORDS,
    severity=st.sampled_from(Severity),
    path=st.none() | WORDS,
    ref=st.none() | WORDS,
    line=st.none() | st.integers(1, 99),
    column=st.none() | st.integers(1, 99),
    field=st.none() | WORDS,
    source=st.none() | WORDS,
    waived=st.booleans(),
)
LISTS = st.lists(FINDINGS, max_size=4)


@given(LISTS)
def test_text_has_no_line_that_a_manifest_wrote(findings: list[Finding]) -> None:
    text = write_text(report_of(*findings))
    assert all(line == shown(line) for line in text.split("\n"))
    assert commands(text) == []
    assert text.count("\n    mend: ") == len(findings)


@given(LISTS)
def test_github_gets_one_command_for_each_finding(findings: list[Finding]) -> None:
    log = write_github(report_of(*findings))
    assert log.encode("utf-8")
    found = commands(log)
    assert len(found) == len(findings) + 1 == log.count("\n")
    assert {command.name for command in found} <= {"error", "warning", "notice"}
    assert all(set(command.properties) <= {"file", "line", "col", "title"} for command in found)
    files = [tamed(finding.path) for finding in findings if finding.path is not None]
    assert sorted(command.properties["file"] for command in found if "file" in command.properties) == sorted(files)
    told = [command.data for command in found]
    for finding in findings:
        assert any(text.endswith(f"{tamed(finding.says)}\nmend: {tamed(finding.mend)}") for text in told)


@given(LISTS)
def test_junit_is_xml_that_keeps_what_was_said(findings: list[Finding]) -> None:
    root = ET.fromstring(write_junit(report_of(*findings), [FROZEN]).encode("utf-8"))  # noqa: S314 - our own XML
    assert {part.tag for part in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "skipped", "system-out",
    }  # fmt: skip
    told = "".join(root.itertext())
    assert all(tamed(finding.says) in told and tamed(finding.mend) in told for finding in findings)


@given(LISTS)
def test_sarif_is_json_that_keeps_what_was_said(findings: list[Finding]) -> None:
    results = run_of(*findings)["results"]
    messages = sorted(result["message"]["text"] for result in results)
    field = {id(f): f"{tamed(f.field)}: " if f.field else "" for f in findings}
    expected = sorted(f"{field[id(f)]}{tamed(f.says)}\nMend: {tamed(f.mend)}".replace("](", "] (") for f in findings)
    assert messages == expected
    for result in results:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?!/)(?:[\w.~/-]|%[0-9A-F]{2})+", uri, re.ASCII)
        assert unquote_to_bytes(uri)


@given(LISTS)
def test_a_comment_has_no_tag_link_or_mention_that_a_manifest_wrote(findings: list[Finding]) -> None:
    body = write_markdown(report_of(*findings))
    assert body.encode("utf-8")
    page = rendered(body)
    assert page.tags <= OURS
    assert page.attributes == []
    assert not LIVE.search(page.outside.replace(MARKER, ""))
    assert sum("<br>mend: " in line for line in body.split("\n")) == len(findings)
