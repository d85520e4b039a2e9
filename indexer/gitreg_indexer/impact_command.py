"""`gitreg impact`: who is affected by a change of a record, and how they move on.

- Looking costs nothing and works at any moment of the past; `--write` is for the present alone.
- What is written is what the plan says, once the gate lets it pass: a proposal, or files in a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gitreg.cli.options import (
    AuthorOption,
    JsonOption,
    RepoOption,
    author_of,
    open_registry,
    print_json,
    print_line,
    print_table,
)
from gitreg.cli.proposals import ForgeOption, print_findings
from gitreg.errors import UsageError
from gitreg.forges import Proposed, open_forge, propose
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from gitreg_indexer.graph.analysis import Analysis
from gitreg_indexer.graph.applying import body_of, check_drafts, drafts_of, title_of, write_drafts
from gitreg_indexer.graph.impact import CHANGES
from gitreg_indexer.graph.impact_data import analyse, analysis_data
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption, RefArgument
from gitreg_indexer.reading import open_current

DEEPEST = 1_000_000


def impact(
    ref: RefArgument,
    change: Annotated[
        str, typer.Option("--change", metavar="CHANGE", help=f"What is to be done: {', '.join(CHANGES)}.")
    ] = "breaking",
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="What consumers move to: a version, or another record's ref."),
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", metavar="N", min=1, max=DEEPEST, help="References away at most.")
    ] = None,
    at: AtOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Plan how the consumers move on.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Make the plan's manifests: a proposal, or files with --output.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Write the manifests below this folder.")
    ] = None,
    propose_: Annotated[bool, typer.Option("--propose", help="Put them forward as one proposal.")] = False,
    guide: Annotated[
        str | None,
        typer.Option(
            "--guide",
            metavar="URL",
            help="The migration guide that new breaking versions name; else what they move to names.",
        ),
    ] = None,
    author: AuthorOption = None,
    forge: ForgeOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell who is affected if one version breaks, is deprecated or is retired; plan how they move on.

    An impact is breaking, unknown (the version is allowed, and another one is chosen now) or non-breaking. Severity is
    that of the consumer: its label `criticality`, else `environment`, else its status.

    \b
    Examples:
      gitreg impact acme/nlp/summarizer@1.2.0
      gitreg impact acme/nlp/summarizer@1.2.0 --change retire --plan --to 2.0.0
      gitreg impact acme/nlp/summarizer@1.2.0 --to 2.0.0 --write --author "Example Author <author@example.com>"
    """
    _check_words(at, write=write, output=output, is_proposed=propose_)
    registry = open_registry(repo)
    current = open_current(registry, folder, quiet=as_json, catalog=catalog)
    reader = current.reader()
    moment = None if at is None else reader.moment(at).seq
    found = analyse(reader, ref, change=change, to=to, depth=depth, at=moment, plan=plan or write)
    current.close()
    written: dict[str, Any] = {}
    if write:
        drafts = drafts_of(registry.snapshot(found.position.commit), found, guide)
        who = author_of(author)
        written = _write(registry, drafts, output, who) if output else _propose(registry, forge, found, drafts, who)
    if as_json:
        print_json({**analysis_data(found), **({"written": written} if write else {})})
        return
    _print_analysis(found)
    if write:
        _print_written(written)


def _check_words(at: str | None, *, write: bool, output: Path | None, is_proposed: bool) -> None:
    """Refuse options that do not go together."""
    if at is not None and write:
        raise UsageError(
            "--at and --write exclude each other: only the present can be changed",
            got=f"--at {at}",
            mend="leave out --at, or ask for the plan of then with --plan",
        )
    if output is not None and is_proposed:
        raise UsageError("--output and --propose exclude each other", mend="leave one of them out")
    if (output is not None or is_proposed) and not write:
        raise UsageError("there is nothing to write without --write", mend="add --write, or leave out where to")


def _write(registry: Registry, drafts: tuple[Draft, ...], output: Path, who: Signature | None) -> dict[str, Any]:
    if not drafts:
        return _NOTHING
    findings = check_drafts(registry, drafts, str(who) if who else None)
    paths = write_drafts(output, drafts)
    print_findings(finding for finding in findings if not finding.waived)
    return {"status": "written", "files": [str(path) for path in paths]}


def _propose(
    registry: Registry, forge: Any, found: Analysis, drafts: tuple[Draft, ...], who: Signature | None
) -> dict[str, Any]:
    if not drafts:
        return _NOTHING
    done = propose(
        registry,
        open_forge(registry, forge),
        drafts,
        title=title_of(found, drafts),
        body=body_of(found),
        author=who,
    )
    print_findings(done.findings)
    return _proposed_data(done)


_NOTHING: dict[str, Any] = {"status": "nothing"}


def _proposed_data(done: Proposed) -> dict[str, Any]:
    return {
        "status": "proposed" if done.is_new else "unchanged",
        "proposal": done.proposal.as_data() if done.proposal else None,
        "records": [record.as_data() for record in done.records],
        "waits": [*done.checked.waits] if done.checked else [],
    }


def _print_analysis(found: Analysis) -> None:
    data = analysis_data(found)
    rows = [
        (each["impact"], each["severity"], each["distance"], each["ref"], f"{each['relation']} {each['constraint']}")
        for each in data["impacted"]
    ]
    if rows:
        print_table(("impact", "severity", "distance", "ref", "through"), rows)
        print_line()
    _print_summary(found, data["summary"])
    if found.steps is not None:
        _print_plan(found)


def _print_summary(found: Analysis, summary: dict[str, Any]) -> None:
    counts = f"{summary['breaking']} breaking, {summary['unknown']} unknown, {summary['nonBreaking']} non-breaking"
    print_line(f"{found.change} {found.target}: {summary['total']} affected, {counts}; {summary['critical']} critical")
    radius = summary["blastRadius"]
    records, namespaces = _counted(radius["records"], "record"), _counted(radius["namespaces"], "namespace")
    names, ways = _counted(radius["names"], "name"), _counted(radius["depth"], "reference")
    print_line(f"blast radius: {records} ({radius['direct']} direct) of {names} in {namespaces}, up to {ways} away")
    for action in summary["actions"]:
        print_line(f"- {action}")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _print_plan(found: Analysis) -> None:
    print_line()
    print_line(f"plan: move to {found.destination}" if found.destination else "plan: there is nothing to move to")
    rows = [(s.action, s.ref, s.field, s.to, s.new_version, s.why) for s in found.steps or ()]
    if rows:
        print_table(("action", "ref", "field", "to", "new version", "why"), rows)


def _print_written(written: dict[str, Any]) -> None:
    print_line()
    if written["status"] == "nothing":
        print_line("nothing to write: the plan has no edits")
    for path in written.get("files", ()):
        print_line(f"wrote {path}")
    proposal = written.get("proposal")
    if proposal:
        print_line(f"proposal {proposal['number']}: {proposal['title']}")
        if written["waits"]:
            print_line(f"waits for a human: {', '.join(written['waits'])}")
    elif written["status"] == "unchanged":
        print_line("unchanged: all of it stands on main")
