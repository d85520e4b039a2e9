"""`gitreg fmt`: write manifests in their canonical form.

- A file takes its new text whole, keeps its mode, and is not touched when the text is the same; a symlink stays one.
- A manifest that cannot be read is told of, and the others are formatted all the same.
- The schema line leads from the place where the manifest belongs in a registry, wherever it stands now.
"""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from gitreg.cli.files import (
    STDIN,
    UNREADABLE,
    UNWRITABLE,
    Found,
    find_manifests,
    read_files,
    unwritable_finding,
)
from gitreg.cli.options import JsonOption, QuietOption, print_json, print_line, print_text
from gitreg.cli.output import coloured_explanation, print_bytes, remark_block
from gitreg.errors import Exit, Finding, Rejected, UsageError
from gitreg.manifests import format_manifest


@dataclass(slots=True)
class Outcome:
    """What became of the files. `broken` tells whether a file could not be read or written at all."""

    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    findings: list[Finding] = field(default_factory=list)
    diffs: list[str] = field(default_factory=list)
    broken: bool = False

    def exit_code(self, *, is_dry: bool) -> Exit:
        """Say how the command ends."""
        if self.broken:
            return Exit.COULD_NOT_RUN
        return Exit.FAULTS if self.findings or (is_dry and self.changed) else Exit.FINE


def fmt(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE", help="Manifests; a folder for all below it; - for stdin.", show_default="the current folder"
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; list what would change, and exit 1 if anything would.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="As --check, and print the differences.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write manifests in their canonical form, in place; comments are kept.

    With - the manifest is read from stdin and written to stdout. Exits 1 where a manifest cannot be read; the
    others are formatted all the same.

    \b
    Examples:
      gitreg fmt
      gitreg fmt --check models/acme
      gitreg fmt - < model.yaml
    """
    names = files or ["."]
    is_dry = check or diff
    if STDIN in names and not is_dry:
        _filter(names)
        return
    outcome = format_files(find_manifests(names), is_dry=is_dry)
    if as_json:
        print_json(_as_data(outcome, is_dry=is_dry))
    else:
        _print_outcome(outcome, is_dry=is_dry, diff=diff, quiet=quiet)
    raise typer.Exit(outcome.exit_code(is_dry=is_dry))


def _filter(names: Sequence[str]) -> None:
    """Format stdin to stdout."""
    if len(names) > 1:
        raise UsageError("- stands alone", got=" ".join(names), mend="format stdin and files in two calls")
    contents = read_files([Found("<stdin>", None)])
    findings = [*contents.unreadable, *contents.oversized]
    for one, raw in contents.files:
        formatted, found = format_manifest(raw, path=one.origin)
        findings.extend(found)
        if formatted is not None:
            print_bytes(formatted)
    if findings:
        raise _unformatted(findings)


def _unformatted(findings: Sequence[Finding]) -> Rejected:
    slugs = [finding.slug for finding in findings]
    unread, unwritten = slugs.count(UNREADABLE), slugs.count(UNWRITABLE)
    parts = (
        _counted(len(slugs) - unread - unwritten, "fault", "in manifests"),
        _counted(unread, "file", "that cannot be read"),
        _counted(unwritten, "file", "that cannot be written"),
    )
    said = f"{' and '.join(part for part in parts if part)}: left as they are"
    return Rejected(said, findings, mend="mend that, and format again")


def _counted(count: int, noun: str, what: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)} {what}" if count else ""


def format_files(found: Sequence[Found], *, is_dry: bool) -> Outcome:
    """Format the files in place, or only find out what would change."""
    outcome = Outcome()
    contents = read_files(found)
    outcome.findings.extend((*contents.unreadable, *contents.oversized))
    outcome.broken = bool(contents.unreadable)
    for one, raw in contents.files:
        formatted, findings = format_manifest(raw, path=one.origin)
        outcome.findings.extend(findings)
        if formatted is None:
            continue
        if formatted == raw:
            outcome.unchanged += 1
            continue
        outcome.diffs.append(_diff(one.origin, raw, formatted))
        if is_dry or one.path is None or _written(one, one.path, formatted, outcome):
            outcome.changed.append(one.origin)
    return outcome


def _written(one: Found, path: Path, formatted: bytes, outcome: Outcome) -> bool:
    try:
        replace_file(path, formatted)
    except OSError as error:
        outcome.findings.append(unwritable_finding(one.origin, error))
        outcome.broken = True
        return False
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Give a file new content, whole or not at all, keeping its mode; a symlink's target is what is replaced."""
    target = Path(os.path.realpath(path))
    mode = stat.S_IMODE(target.stat().st_mode)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(mode)
        fresh.replace(target)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def _diff(origin: str, before: bytes, after: bytes) -> str:
    lines = difflib.unified_diff(
        before.decode("utf-8").splitlines(),
        after.decode("utf-8").splitlines(),
        f"{origin} as it is",
        f"{origin} as it would be",
        lineterm="",
    )
    return "\n".join(lines)


def _as_data(outcome: Outcome, *, is_dry: bool) -> dict[str, object]:
    return {
        "changed": outcome.changed,
        "unchanged": outcome.unchanged,
        "written": not is_dry,
        "findings": [finding.as_data() for finding in outcome.findings],
    }


def _print_outcome(outcome: Outcome, *, is_dry: bool, diff: bool, quiet: bool) -> None:
    if diff:
        for text in outcome.diffs:
            print_text(text)
    elif not quiet:
        for origin in outcome.changed:
            print_line(f"would format {origin}" if is_dry else f"formatted {origin}")
        if not outcome.changed:
            print_line(f"{outcome.unchanged} in canonical form")
    if outcome.findings:
        remark_block(coloured_explanation(_unformatted(outcome.findings)))
