"""What a report looks like: one pure function per format, from a report to text.

- Each text ends with a line end and is UTF-8 throughout: bytes that are no text are shown escaped.
- What a manifest says stays text: it cannot steer a terminal or a CI log, end an element, open a tag or ping a person.
- The same report gives the same text. JSON is not here: it is `Report.as_data()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gitreg.validation import Report
from gitreg_validators.reports.github import write_github
from gitreg_validators.reports.junit import write_junit
from gitreg_validators.reports.markdown import MARKER, write_markdown
from gitreg_validators.reports.sarif import write_sarif
from gitreg_validators.reports.text import write_text

FORMATS: Final[Mapping[str, Callable[[Report], str]]] = MappingProxyType(
    {
        "text": write_text,
        "sarif": write_sarif,
        "junit": write_junit,
        "github": write_github,
        "markdown": write_markdown,
    }
)
"""The formats by name, as `--format` takes them."""

__all__ = ["FORMATS", "MARKER", "write_github", "write_junit", "write_markdown", "write_sarif", "write_text"]
