"""One report in several formats: what `gitreg validate --output FORMAT=FILE` writes beside what it prints.

- What is asked for is read before anything is judged; a wrong word costs no run.
- A file is written whole, over what stood there; one that cannot be written does not keep the others from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gitreg.cli.output import json_bytes
from gitreg.errors import GitregError, UsageError
from gitreg.validation import Report
from gitreg_validators.reports import FORMATS

JSON: Final = "json"
NAMES: Final = (JSON, *FORMATS)


@dataclass(frozen=True, slots=True)
class Output:
    """A file that takes the report in a format."""

    form: str
    path: Path


def read_outputs(words: Iterable[str]) -> tuple[Output, ...]:
    """Read `FORMAT=FILE` of the command line."""
    return tuple(map(_read, words))


def _read(word: str) -> Output:
    form, equals, name = word.partition("=")
    if not equals or not name or "\0" in name or form not in NAMES:
        raise UsageError(
            f"--output {word!r} names no format and file",
            got=repr(word),
            expected=f"FORMAT=FILE; formats are {', '.join(NAMES)}",
            mend="write it as in `--output sarif=report.sarif`",
        )
    return Output(form, Path(name))


def render(report: Report, form: str) -> bytes:
    """Write a report in a format."""
    if form == JSON:
        return json_bytes(report.as_data())
    return FORMATS[form](report).encode("utf-8", "backslashreplace")


def write_outputs(report: Report, outputs: Sequence[Output]) -> None:
    """Write the report into each file; `GitregError` tells of those that could not be written."""
    failed: list[tuple[Output, OSError]] = []
    for output in outputs:
        try:
            output.path.write_bytes(render(report, output.form))
        except OSError as error:
            failed.append((output, error))
    if failed:
        raise GitregError(
            "the report could not be written",
            where=", ".join(str(output.path) for output, _ in failed),
            got="; ".join(dict.fromkeys(error.strerror or str(error) for _, error in failed)),
            mend="name files in a folder that is there and may be written to",
        )
