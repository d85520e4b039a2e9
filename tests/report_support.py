"""What the tests of reports share: findings of every weight, and what reads the formats: a runner, a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt

from gitreg.errors import Finding, Severity
from gitreg.validation import Report, Rule, outcome_of
from gitreg_validators.reports import write_sarif


def nothing(change: object) -> Collection[Any]:
    """Find changes of frozen fields of a landed version."""
    return ()


FROZEN = Rule("GR-011", "version-immutable", Severity.ERROR, nothing, is_fixed=True)
REFS = Rule("GR-030", "ref-exists", Severity.ERROR, nothing)
ERROR = Finding(
    "GR-011",
    "version-immutable",
    "'completion' became 'embedding', and spec.type of a landed version is frozen",
    "register the change as a new version",
    path="models/acme/chat/1.0.0.yaml",
    ref="acme/chat@1.0.0",
    line=9,
    column=9,
    field="spec.type",
    source="  type: embedding",
)
REVIEW = Finding(
    "GR-012",
    "duplicate-artifact",
    "the same artifact (0123456789ab...) is registered already: models/acme/chat/1.0.0.yaml",
    "use the record that is there, or have somebody approve the second name",
    severity=Severity.REVIEW,
    path="models/acme/nlp/copy/1.0.0.yaml",
    line=12,
    field="spec.checksum.digest",
)
WARNING = Finding(
    "GR-032",
    "bounded-range",
    "the range '*' bounds no major version",
    "bound it, like ^1.0.0",
    severity=Severity.WARNING,
    path="pipelines/acme/triage/1.0.0.yaml",
    line=14,
    column=11,
)
WAIVED = Finding(
    "GR-019", "derived-fields", "createdAt is told by Git", "remove it", path="models/acme/old/0.1.0.yaml", waived=True
)


def report_of(*findings: Finding, approved: Collection[str] = ()) -> Report:
    return Report(outcome_of(findings, approved), "a" * 40, "b" * 40, findings, records=12, rules=43, seconds=0.0849)


def run_of(*findings: Finding, rules: Collection[Rule] = (FROZEN,)) -> Any:
    return json.loads(write_sarif(report_of(*findings), rules))["runs"][0]


@dataclass(frozen=True)
class Command:
    name: str
    properties: dict[str, str]
    data: str


def commands(log: str) -> list[Command]:
    """Read a log as GitHub's runner does: `::` at the start of a line, else `##[` anywhere in it."""
    return [found for line in re.split(r"\r\n|\r|\n", log) if (found := _command(line))]


def _command(line: str) -> Command | None:
    text = line.lstrip()
    if text.startswith("::") and "::" in text[2:]:
        head, _, data = text[2:].partition("::")
        name, _, rest = head.partition(" ")
        pairs = [pair.partition("=") for pair in rest.split(",") if pair]
        return Command(name, {key: _unescaped(value) for key, _, value in pairs}, _unescaped(data))
    if "##[" in line:
        return Command("legacy", {}, line)
    return None


def _unescaped(text: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


class Tags(HTMLParser):
    """Gathers what a browser would make of a comment: the tags, and the text outside code."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.code = 0
        self.outside = ""
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.code += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self.code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        if self.code:
            self.inside += data
        else:
            self.outside += data


OURS = {"h3", "h4", "p", "ul", "li", "strong", "code", "br", "details", "summary", "sub"}
LIVE = re.compile(r"[@#<>|\[\]*_~\\`/&]|GH-|www\.|://|[0-9a-f]{7}")


def rendered(body: str) -> Tags:
    """Render a comment as GitHub would."""
    parser = Tags()
    parser.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(body))
    parser.close()
    return parser
