"""Every format of a report says all of it, and nothing that a manifest says breaks out of it.

- The page `docs/report-formats.md` shows one report in each format, word for word; `"..."` in it stands for anything.
- What reads a format is played by a parser of its own: GitHub's runner, an XML parser, a Markdown parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from report_support import ERROR, FROZEN, OURS, REFS, REVIEW, WAIVED, WARNING, commands, rendered, report_of, run_of

from gitreg.errors import Finding, Severity
from gitreg.validation import Rule
from gitreg_validators.reports import (
    FORMATS,
    MARKER,
    write_github,
    write_junit,
    write_markdown,
    write_sarif,
    write_text,
)
from gitreg_validators.reports.sarif import uri_of

PAGE = Path(__file__).resolve().parents[1] / "docs/report-formats.md"
EXAMPLE = report_of(ERROR, REVIEW, WARNING, WAIVED)


# The page


def example(name: str) -> str:
    found = re.search(
        rf"<!-- example: {name} -->\n(`{{3,}})\w+\n(.*?)^\1$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found, name
    return found[2]


PAGE_REPORTS: dict[str, Callable[[], str]] = {
    "text": lambda: write_text(EXAMPLE),
    "github": lambda: write_github(EXAMPLE),
    "markdown": lambda: write_markdown(EXAMPLE),
    "junit": lambda: write_junit(EXAMPLE, [FROZEN, REFS]),
    "sarif": lambda: write_sarif(report_of(ERROR), [FROZEN]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_shows_a_report_word_for_word(name: str) -> None:
    pattern = "\n".join(".*".join(map(re.escape, line.split('"..."'))) for line in example(name).split("\n"))
    written = PAGE_REPORTS[name]()
    assert re.fullmatch(pattern, written), written


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_a_report_of_nothing(name: str) -> None:
    written = FORMATS[name](report_of())
    assert written.endswith("\n")
    assert written.encode("utf-8")


# Text


def lines_of(*findings: Finding) -> list[str]:
    return write_text(report_of(*findings)).split("\n")


def test_text_goes_by_file_and_tells_errors_first_in_each() -> None:
    early, late = replace(WARNING, path="a.yaml", line=1), replace(ERROR, path="a.yaml", line=30)
    text = write_text(report_of(replace(ERROR, path="b.yaml"), early, late))
    places = re.findall(r"^([ab]\.yaml:\d+)", text, re.MULTILINE)
    assert places == ["a.yaml:30", "a.yaml:1", "b.yaml:9"]


@pytest.mark.parametrize(
    ("source", "column", "under"),
    [
        pytest.param("  type: embedding", 9, "e", id="plain"),
        pytest.param("\ttype: x", 7, ": x"[1:], id="after a tab"),
        pytest.param("\x1b[31m: x", 8, "x", id="after an escape"),
        pytest.param("k: " + "a" * 500 + "Z" + "b" * 500, 504, "Z", id="in a long line"),
        pytest.param("short", 40, "", id="after the end"),
    ],
)
def test_the_caret_stands_below_its_column(source: str, column: int, under: str) -> None:
    lines = lines_of(replace(ERROR, source=source, column=column))
    assert lines[2].strip() == "^"
    assert lines[1][len(lines[2]) - 1 :].startswith(under)
    assert len(lines[1]) < 200


def test_the_caret_minds_wide_characters() -> None:
    lines = lines_of(replace(ERROR, source="名: x", column=4))
    assert len(lines[2]) == len(lines[1]) + 1


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        pytest.param(
            [], "nothing found; 12 records, 43 rules, 0.08 s\npasses: nothing stands against it", id="nothing"
        ),
        pytest.param(
            [ERROR], "1 error; 12 records, 43 rules, 0.08 s\nfails: mend what is marked error,", id="an error"
        ),
        pytest.param([ERROR, ERROR, WARNING], "2 errors, 1 warning; 12 records,", id="errors and a warning"),
        pytest.param([REVIEW], "1 for a human to decide; 12 records, 43 rules, 0.08 s\nwaits: a human", id="a review"),
        pytest.param([WAIVED], "1 waived; 12 records, 43 rules, 0.08 s\npasses:", id="a waived one"),
    ],
)
def test_the_sum_says_how_many_and_what_next(findings: list[Finding], said: str) -> None:
    assert said in write_text(report_of(*findings))


def test_a_decision_that_was_taken_is_counted_as_one() -> None:
    assert "1 decided by a human;" in write_text(report_of(REVIEW, approved=["GR-012"]))


def test_above_a_hundred_the_heaviest_are_told_and_the_rest_summed_per_rule() -> None:
    many = [replace(WARNING, path=f"a/{n:03}.yaml") for n in range(120)]
    text = write_text(report_of(*many, ERROR))
    assert "models/acme/chat/1.0.0.yaml:9:9: error GR-011" in text
    assert text.count(": warning GR-032") == 99
    assert "and 21 more findings; --format json has them all\n    21 GR-032 bounded-range\n" in text


def test_no_line_of_text_is_a_command_of_a_ci_runner() -> None:
    hostile = replace(ERROR, path="::stop-commands::x", says="##[add-mask]x", mend="\n::set-output name=a::b")
    assert commands(write_text(report_of(hostile))) == []


# GitHub


@pytest.mark.parametrize(
    ("finding", "name", "title"),
    [
        pytest.param(ERROR, "error", "GR-011 version-immutable", id="error"),
        pytest.param(REVIEW, "warning", "GR-012 duplicate-artifact (a human decides)", id="review"),
        pytest.param(WARNING, "warning", "GR-032 bounded-range", id="warning"),
        pytest.param(WAIVED, "notice", "GR-019 derived-fields (waived)", id="waived"),
    ],
)
def test_a_finding_annotates_its_line(finding: Finding, name: str, title: str) -> None:
    [first] = [found for found in commands(write_github(report_of(finding))) if "file" in found.properties]
    assert (first.name, first.properties["title"]) == (name, title)
    assert first.properties["file"] == finding.path
    assert first.properties["line"] == str(finding.line or 1)
    assert first.data.endswith(f"{finding.says}\nmend: {finding.mend}")


def test_a_finding_of_no_file_annotates_none() -> None:
    first = commands(write_github(report_of(replace(ERROR, path=None, line=None, column=None))))[0]
    assert first.properties == {"title": "GR-011 version-immutable"}


def test_what_looks_escaped_is_read_back_as_it_was() -> None:
    odd = replace(ERROR, path="a%2Cb,c:d%0A.yaml", says="100% and %0A")
    first = commands(write_github(report_of(odd)))[0]
    assert first.properties["file"] == odd.path
    assert odd.says in first.data


def test_the_heaviest_come_first_and_the_sum_before_what_is_waived() -> None:
    found = commands(write_github(report_of(WAIVED, WARNING, REVIEW, ERROR)))
    assert [command.name for command in found] == ["error", "warning", "warning", "notice", "notice"]
    assert found[3].data.startswith("1 error, 1 for a human to decide, 1 warning, 1 waived; fails:")


def test_what_github_will_not_show_is_summed_in_a_group() -> None:
    log = write_github(report_of(*[ERROR] * 11))
    assert "::group::GitHub shows 10 annotations of a kind; 11 findings by rule\n  11 GR-011" in log
    assert "::group::" not in write_github(report_of(*[ERROR] * 10))


@pytest.mark.parametrize(
    "says", ["\n::set-output name=a::b", "%0A::add-mask::x", "\r\n::stop-commands::x", "##[group]x"]
)
def test_a_manifest_starts_no_command(says: str) -> None:
    found = commands(write_github(report_of(replace(ERROR, says=says, mend=says, path=says, field=says, slug=says))))
    assert [command.name for command in found] == ["error", "notice"]
    assert set(found[0].properties) == {"file", "line", "col", "title"}


# JUnit


def suite_of(*findings: Finding, rules: Collection[Rule] = (FROZEN, REFS)) -> ET.Element:
    suite = ET.fromstring(write_junit(report_of(*findings), rules)).find("testsuite")  # noqa: S314 - our own XML
    assert suite is not None
    return suite


def test_junit_has_a_case_for_each_rule_and_file_and_for_each_rule_without_findings() -> None:
    suite = suite_of(ERROR, replace(ERROR, line=10), replace(ERROR, path="b.yaml"), REVIEW, WARNING, WAIVED)
    cases = [(case.get("name"), case.get("classname")) for case in suite]
    assert cases == [
        ("GR-030 ref-exists", "gitreg"),
        ("GR-011 version-immutable", "b.yaml"),
        ("GR-011 version-immutable", "models/acme/chat/1.0.0.yaml"),
        ("GR-012 duplicate-artifact", "models/acme/nlp/copy/1.0.0.yaml"),
        ("GR-019 derived-fields", "models/acme/old/0.1.0.yaml"),
        ("GR-032 bounded-range", "pipelines/acme/triage/1.0.0.yaml"),
    ]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "3", "0", "1"]


@pytest.mark.parametrize(
    ("findings", "tag", "kind"),
    [
        pytest.param([ERROR], "failure", "error", id="error"),
        pytest.param([REVIEW], "failure", "review", id="review"),
        pytest.param([WARNING], "system-out", None, id="warning"),
        pytest.param([WAIVED], "skipped", None, id="waived"),
        pytest.param([replace(ERROR, severity=Severity.WARNING), ERROR], "failure", "error", id="error and warning"),
    ],
)
def test_a_case_ends_as_its_heaviest_finding_weighs(findings: list[Finding], tag: str, kind: str | None) -> None:
    case = suite_of(*findings, rules=())[0]
    assert (case[0].tag, case[0].get("type")) == (tag, kind)
    assert case.get("line") == str(findings[0].line or 1)
    told = "".join(case.itertext()) + "".join(part.get("message", "") for part in case)
    assert all(finding.says in told for finding in findings)


def test_a_waived_finding_beside_a_warning_skips_nothing() -> None:
    case = suite_of(WARNING, replace(WARNING, line=20, waived=True), rules=())[0]
    assert [part.tag for part in case] == ["system-out"]


# SARIF


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        pytest.param(ERROR, "error", id="error"),
        pytest.param(REVIEW, "warning", id="review"),
        pytest.param(WARNING, "warning", id="warning"),
        pytest.param(WAIVED, "note", id="waived"),
    ],
)
def test_a_result_has_the_level_of_its_finding_and_keeps_its_severity(finding: Finding, level: str) -> None:
    result = run_of(finding)["results"][0]
    assert result["level"] == level
    assert result["properties"]["gitreg"]["severity"] == finding.severity.value
    assert ("suppressions" in result) == finding.waived
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == (finding.line or 1)


def test_a_result_points_at_its_rule() -> None:
    run = run_of(WARNING, ERROR, rules=[REFS, FROZEN])
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["GR-011", "GR-030", "GR-032"]
    assert [rule["name"] for rule in rules] == ["VersionImmutable", "RefExists", "BoundedRange"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def prints_of(*findings: Finding) -> list[str]:
    return [result["partialFingerprints"]["gitregFinding/v1"] for result in run_of(*findings)["results"]]


def test_a_fingerprint_minds_what_is_said_and_not_the_line() -> None:
    [mine] = prints_of(ERROR)
    assert prints_of(replace(ERROR, line=99, column=1, source="x", mend="y", waived=True)) == [mine]
    for other in ({"rule": "GR-012"}, {"path": "x"}, {"field": "x"}, {"says": "x"}):
        assert prints_of(replace(ERROR, **other)) != [mine]  # type: ignore[arg-type] # all are text


def test_the_same_finding_twice_has_two_fingerprints() -> None:
    assert len(set(prints_of(ERROR, replace(ERROR, line=20)))) == 2


def test_a_finding_of_no_file_is_put_on_the_registrys_own() -> None:
    place = run_of(replace(ERROR, path=None, line=None, column=3))["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "registry.yaml"
    assert place["region"] == {"startLine": 1}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        pytest.param("models/a/1.0.0.yaml", "models/a/1.0.0.yaml", id="plain"),
        pytest.param("models/ü %.yaml", "models/%C3%BC%20%25.yaml", id="unicode"),
        pytest.param("a:b#c?d.yaml", "a%3Ab%23c%3Fd.yaml", id="marks that a URI has for itself"),
        pytest.param("not-utf8-\udcff.yaml", "not-utf8-%FF.yaml", id="bytes that are no text"),
        pytest.param("//host/x", "host/x", id="never of another host"),
    ],
)
def test_a_path_is_a_relative_uri(path: str, uri: str) -> None:
    assert uri_of(path) == uri


def test_results_above_githubs_limit_are_left_out_and_told() -> None:
    run = run_of(*(replace(WARNING, line=n) for n in range(1, 5_002)), ERROR)
    assert len(run["results"]) == 5_000
    assert run["results"][0]["level"] == "error"
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "2 findings above GitHub's 5,000 are left out: 2 GR-032 bounded-range."


def test_a_message_has_no_links() -> None:
    text = run_of(replace(ERROR, says="[click](https://example.com)"))["results"][0]["message"]["text"]
    assert "](" not in text


# Markdown


def test_a_comment_starts_with_its_marker() -> None:
    assert write_markdown(EXAMPLE).split("\n")[0] == MARKER == "<!-- gitreg: validate -->"


def test_a_comment_is_the_same_however_long_the_gate_took() -> None:
    assert write_markdown(EXAMPLE) == write_markdown(replace(EXAMPLE, seconds=9))


def test_a_comment_says_who_must_decide() -> None:
    assert "<br>to decide: an owner of `acme/nlp`" in write_markdown(report_of(REVIEW))
    assert "<br>to decide: whoever administers the registry" in write_markdown(report_of(replace(REVIEW, path=None)))


def test_long_lists_are_folded() -> None:
    body = write_markdown(report_of(*(replace(ERROR, line=n) for n in range(50))))
    before, _, after = body.partition("<details><summary>30 more</summary>")
    assert before.count("- line ") == 20
    assert after.count("- line ") == 30


@pytest.mark.parametrize("finding", [ERROR, REVIEW, WARNING, WAIVED], ids=["error", "review", "warning", "waived"])
def test_a_comment_stays_below_githubs_limit_and_counts_what_it_leaves_out(finding: Finding) -> None:
    many = [replace(finding, path=f"models/acme/m{n}/{'x' * 200}.yaml", says="`x` " * 400) for n in range(1_000)]
    body = write_markdown(report_of(*many))
    assert len(body) < 60_000
    left = sum(int(number.replace(",", "")) for number in re.findall(r"^and ([\d,]+) more$", body, re.MULTILINE))
    assert left + body.count("\n- ") == 1_000
    assert rendered(body).tags <= OURS


@pytest.mark.parametrize(
    ("says", "written"),
    [
        pytest.param("plain words, and 12 of them.", "plain words, and 12 of them.", id="prose"),
        pytest.param("run `gitreg fmt` (or not)", "run `gitreg fmt` (or not)", id="code stays code"),
        pytest.param("ask @team", "ask `@team`", id="a mention"),
        pytest.param("see #123, GH-7", "see `#123`, `GH-7`", id="references"),
        pytest.param("<b>x", "`<b>x`", id="a tag"),
        pytest.param("a | b", "a `|` b", id="a cell"),
        pytest.param("deadbeef1", "`deadbeef1`", id="a commit"),
        pytest.param("https://a.example www.b.example", "`https://a.example www.b.example`", id="links"),
        pytest.param("x ``` y", "x ```` ``` ```` y", id="a fence"),
        pytest.param("a\u202eb\u200bc", r"`a\u202eb\u200bc`", id="bidirectional and zero-width"),
        pytest.param("`a`/b", "`a/b`", id="code beside code"),
        pytest.param("one\n## two", r"`one\n##` two", id="a line end"),
    ],
)
def test_only_plain_words_are_prose(says: str, written: str) -> None:
    assert f"version-immutable `spec.type`: {written}<br>mend:" in write_markdown(report_of(replace(ERROR, says=says)))
