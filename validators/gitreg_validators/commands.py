"""`gitreg validate`, `gitreg diff` and `gitreg rules`: the gate on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gitreg.cli.files import place_in
from gitreg.cli.options import JsonOption, QuietOption, RepoOption, print_json, print_table, print_text
from gitreg.cli.output import print_bytes
from gitreg.cli.receipts import known_rules
from gitreg.errors import Finding, GitregError, RepositoryError, UsageError
from gitreg.repository.git import GitRepository
from gitreg.validation import Circumstances, Report, Rule, load_rules, outcome_of
from gitreg_validators.diffing import diff_between
from gitreg_validators.gate import Gate
from gitreg_validators.outputs import read_outputs, render, write_outputs
from gitreg_validators.reports.diffs import write_diff_markdown, write_diff_text

NOTHING: Final = "0" * 40
"""What Git's hooks say for a commit that there is not."""


class Format(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"
    MARKDOWN = "markdown"


def validate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Report these files and folders only.", show_default=False),
    ] = None,
    repo: RepoOption = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="REV", help="What the change would land on; without it the whole state is judged."
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="REV", help="The change; without it the work tree, or main of a bare repository."
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How the report is written.")] = Format.TEXT,
    author: Annotated[
        str | None,
        typer.Option("--author", metavar="WHO", help="Whose change it is; without it the newest commit's author."),
    ] = None,
    approver: Annotated[
        list[str] | None,
        typer.Option(
            "--approver", metavar="WHO", help="Who approved it: a person, @team or svc:name; may be repeated."
        ),
    ] = None,
    approve: Annotated[
        list[str] | None,
        typer.Option("--approve", metavar="RULE", help="A rule whose human decision was taken; may be repeated."),
    ] = None,
    bulk: Annotated[bool, typer.Option("--bulk", help="The change is meant to touch many namespaces.")] = False,
    push: Annotated[
        bool, typer.Option("--push", help="HEAD is to become main's tip itself: judge each commit on the way.")
    ] = False,
    staged: Annotated[
        bool, typer.Option("--staged", help="Judge what is staged as it would land on HEAD, whatever the files say.")
    ] = False,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="FORMAT=FILE", help="Write the report there too; may be repeated."),
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a change, or a whole registry, by all rules.

    All findings are told at once. Exits 0 where it passes, 1 where it fails, 42 where a human must decide,
    2 where it could not be judged. Rules and settings come from the base, never from the change.

    \b
    Examples:
      gitreg validate
      gitreg validate models/acme --json
      gitreg validate --staged
      gitreg validate --base origin/main --head HEAD --format github --output junit=report.xml
      gitreg validate --repo registry.git --base main --head pull/7 --author dev@acme.example
    """
    around = Circumstances(
        author=author,
        approvers=tuple(approver or ()),
        approved=known_rules(approve),
        is_bulk=bulk,
    )
    outputs = read_outputs(output or ())
    gate = Gate.open((repo or Path()).absolute())
    if staged:
        _check_alone(base=base, head=head, push=push)
        report = gate.validate_staged(around=around)
    else:
        report = _judged(gate, base, head, around, push=push)
    only = [_place(gate, path) for path in paths or ()]
    told = _restricted(report, only, around)
    write_outputs(told, outputs)
    _print(told, Format.JSON if as_json else form, quiet=quiet)


def _check_alone(**given: str | bool | None) -> None:
    others = [f"--{name}" for name, value in given.items() if value]
    if others:
        raise UsageError(
            "--staged judges the index on HEAD, and nothing else",
            got=", ".join(["--staged", *others]),
            mend=f"leave out --staged, or {' and '.join(others)}",
        )


def _judged(gate: Gate, base: str | None, head: str | None, around: Circumstances, *, push: bool) -> Report:
    if base is None and push:
        raise UsageError("--push wants to know what main was", mend="give --base, and --head for what main becomes")
    if base == NOTHING and not push:
        raise UsageError(
            "a base of zeros is what a hook says of a branch that is not born yet",
            got=base,
            mend="leave --base out to judge a whole state, or say --push where a hook calls",
        )
    first = None if base == NOTHING else base
    report = gate.validate(first, head, around=around, is_push=push and first is not None)
    if first is None and report.records == 0:
        raise _no_registry(gate)
    return report


def _no_registry(gate: Gate) -> RepositoryError:
    return RepositoryError(
        "there is nothing to judge: no file here is a record of a registry",
        where=str(gate.repo.workdir or gate.repo.git_dir),
        expected="registry.yaml, and records in models/ and the other folders",
        mend="name the right repository with --repo, or make one with `gitreg init`",
    )


def _place(gate: Gate, path: str) -> str:
    """Give a path of the command line as the repository has it."""
    top = gate.repo.workdir
    if top is None:
        return path.strip("/")
    place = place_in(top, Path(path))
    if place is None:
        raise UsageError(
            "this path is not in the registry's work tree",
            got=path,
            where=str(top),
            mend="name files and folders of the registry",
        )
    return place


def _restricted(report: Report, only: Sequence[str], around: Circumstances) -> Report:
    if not only or "." in only:
        return report
    found = tuple(finding for finding in report.findings if _is_below(finding, only))
    return replace(report, findings=found, outcome=outcome_of(found, around.approved))


def _is_below(finding: Finding, only: Iterable[str]) -> bool:
    """Tell whether a finding is asked for; one that has no path is about the change as a whole, and always told."""
    path = finding.path
    return path is None or any(path == each or path.startswith(f"{each}/") for each in only)


def _print(report: Report, form: Format, *, quiet: bool) -> None:
    if not quiet or report.outcome != "pass" or form is not Format.TEXT:
        print_bytes(render(report, form.value))
    raise typer.Exit(report.exit_code)


class DiffFormat(StrEnum):
    """How a diff is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE", help="The state before: a commit, tag or branch, or a seq, day or time of main."
        ),
    ],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The state after, named in the same ways.")],
    repo: RepoOption = None,
    form: Annotated[DiffFormat, typer.Option("--format", help="How the diff is written.")] = DiffFormat.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Tell what differs between two states, in the registry's terms.

    Which records are new, changed, deprecated; field by field what breaks, what is compatible, what only reads
    differently; the version that the change deserves; who uses it, by which way; which aliases move. The two states are
    compared as they stand.

    \b
    Examples:
      gitreg diff main~1 main
      gitreg diff 2026-06-30 2026-07-31
      gitreg diff origin/main HEAD --format markdown
    """
    found = diff_between(GitRepository.open((repo or Path()).absolute()), base, head)
    if as_json or form is DiffFormat.JSON:
        print_json(found.as_data())
    else:
        write = write_diff_markdown if form is DiffFormat.MARKDOWN else write_diff_text
        print_bytes(write(found).encode("utf-8", "backslashreplace"))


def rules(
    code: Annotated[str | None, typer.Argument(metavar="[GR-nnn]", help="One rule.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules of the gate, or print the page of one: what, why, a failing and a mended example.

    \b
    Examples:
      gitreg rules
      gitreg rules GR-011
    """
    by_code = {key: list(some) for key, some in groupby(load_rules(), key=lambda rule: rule.code)}
    if code is None:
        listed = [_as_data(some) for some in by_code.values()]
        if as_json:
            print_json(listed)
        else:
            rows = [(each["code"], each["slug"], each["weight"], each["checks"][0]) for each in listed]
            print_table(("code", "slug", "severity", "checks"), rows)
        return
    asked = by_code.get(code.upper())
    if asked is None:
        mend = "`gitreg rules` lists them"
        raise UsageError(f"there is no rule {code!r}", got=code, expected=", ".join(by_code), mend=mend)
    page = page_of(asked[0].code)
    if as_json:
        print_json({**_as_data(asked), "page": page})
    else:
        print_text(page.rstrip("\n") if page else "\n".join(_as_data(asked)["checks"]))


def _as_data(some: Sequence[Rule]) -> dict[str, Any]:
    first = some[0]
    weight = first.severity.value + (", fixed" if first.is_fixed else "")
    return {
        "code": first.code,
        "slug": first.slug,
        "severity": first.severity.value,
        "fixed": first.is_fixed,
        "weight": weight,
        "checks": [rule.summary for rule in some],
    }


def page_of(code: str) -> str | None:
    """Give the page of a rule, which is package data in a wheel; None for a plugin's rule."""
    page = _pages() / f"{code}.md"
    return page.read_text("utf-8") if page.is_file() else None


def _pages() -> Traversable:
    packaged = resources.files("gitreg_validators") / "pages"
    if packaged.is_dir():
        return packaged
    beside = Path(__file__).resolve().parents[2] / "docs" / "rules"
    if beside.is_dir():
        return beside
    raise GitregError("the pages of the rules are not installed", mend="install llm-gitreg again")
