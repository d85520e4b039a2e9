"""The edited manifests of a migration plan: the text of each consumer, with its comments, as its next version.

- Only what the plan says is edited; beside it, the version goes up and the release says why.
- What a pipeline fills into its template goes along with what the template made of it.
- The gate judges all of it at once, before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitreg.compatibility import step_between
from gitreg.errors import ConflictError, Finding, Rejected, UsageError
from gitreg.forges.forge import LONGEST_TITLE
from gitreg.forges.queue import refusing
from gitreg.forges.rendering import MOST_LINES, quoted
from gitreg.manifests import edit_manifest, split_path, to_data
from gitreg.refs import Address, Ref
from gitreg.registry import Draft, Registry
from gitreg.repository.snapshot import Overlay, Record, Snapshot
from gitreg.validation import Change, Circumstances, check
from gitreg.versions import Version
from gitreg_indexer.graph.analysis import Analysis
from gitreg_indexer.graph.moving import Step


def drafts_of(snapshot: Snapshot, found: Analysis, guide: str | None = None) -> tuple[Draft, ...]:
    """Make the manifests that a plan asks for, from those that stand; `Rejected` where one would not be readable.

    `guide` is the URL of the migration guide for versions that break; without it that of what is moved to.
    """
    by_ref: dict[str, list[Step]] = {}
    for step in found.steps or ():
        if step.action == "edit":
            by_ref.setdefault(step.ref, []).append(step)
    guide = guide or _guide_of(snapshot, found.destination)
    return tuple(_draft(snapshot, ref, steps, guide) for ref, steps in by_ref.items())


def _guide_of(snapshot: Snapshot, ref: str | None) -> str | None:
    """Give the migration guide that a record names; None where it names none."""
    record = snapshot.record(_address_of(ref)) if ref else None
    guide = to_data(record.manifest)["spec"].get("release", {}).get("migrationGuide") if record else None
    return guide if isinstance(guide, str) else None


def _draft(snapshot: Snapshot, ref: str, steps: Sequence[Step], guide: str | None) -> Draft:
    address = _address_of(ref)
    record = snapshot.record(address)
    if record is None:
        raise ConflictError(f"{ref} has gone since the plan was made", where=address.path, mend="make the plan anew")
    new = steps[0].new_version
    own = address if new is None else Address(address.kind, address.namespace, address.name, new)
    edited, reading = edit_manifest(record.raw, put=_edits(record, steps, new, guide), path=own.path)
    if edited is None:
        findings = [finding.at(path=own.path, ref=own.ref) for finding in reading.findings]
        raise Rejected(f"{own.ref} would not be readable", findings, mend=f"edit {address.path} by hand")
    return Draft(edited, own.path)


def _address_of(ref: str) -> Address:
    parsed = Ref.parse(ref)
    return parsed.address(str(parsed.selector) if isinstance(parsed.selector, Version) else None)


def _edits(record: Record, steps: Sequence[Step], new: str | None, guide: str | None) -> dict[str, Any]:
    """Give the fields to put, by path."""
    data = to_data(record.manifest)
    put: dict[str, Any] = {}
    for step in steps:
        before = _value_at(data, step.field)
        put[step.field] = after = _spelled(before, step.to or "")
        put.update(dict.fromkeys(_filled_in(data, before), after))
    if new is not None:
        put["metadata.version"] = new
        if "release" in type(record.manifest.spec).model_fields:
            put["spec.release"] = _release(record.address.version or "", new, steps, guide)
    return put


def _release(old: str, new: str, steps: Iterable[Step], guide: str | None) -> dict[str, Any]:
    """Say what is new in a version, and that it breaks where it does."""
    moves = dict.fromkeys(f"from {step.constraint} to {step.to}" for step in steps)
    told: dict[str, Any] = {"changelog": f"Moves {', '.join(moves)}.", "previousVersion": old}
    step = step_between(Version.parse(old), Version.parse(new))
    if step == "major" or (step == "minor" and new.startswith("0.")):
        told |= {"breakingChanges": True, **({"migrationGuide": guide} if guide else {})}
    return told


def _value_at(data: Any, dotted: str) -> str:
    here = data
    for step in split_path(dotted):
        here = here[int(step)] if isinstance(here, list) else here[step]
    return str(here)


def _spelled(before: str, to: str) -> str:
    """Write a ref as the one before it was written: with the kind or without; an alias names a version alone."""
    word, _, rest = to.partition(":")
    if "/" not in before:
        return rest.partition("@")[2]
    return to if before.startswith(f"{word}:") else rest


def _filled_in(data: Mapping[str, Any], text: str) -> Iterator[str]:
    """Find the parameters of a template that a text was filled in from."""
    template = data["spec"].get("template")
    for name, value in template.get("parameters", {}).items() if isinstance(template, dict) else ():
        if value == text:
            yield f"spec.template.parameters.{name}"


def check_drafts(registry: Registry, drafts: Sequence[Draft], author: str | None) -> tuple[Finding, ...]:
    """Ask the gate about drafts as they would land on main now: give what does not stand in the way, or `Rejected`."""
    base = registry.snapshot()
    files = {draft.origin: draft.raw for draft in drafts}
    findings = tuple(check(Change(base, Overlay(base, files), Circumstances(author=author))))
    errors = refusing(findings)
    if errors:
        raise Rejected(
            f"nothing was written: the gate refuses the plan, with {len(errors)} error{'s' * (len(errors) != 1)}",
            errors,
            mend="see what the plan meets there; change what stands in its way, or move those records by hand",
        )
    return findings


def write_drafts(folder: Path, drafts: Sequence[Draft]) -> tuple[Path, ...]:
    """Write drafts below a folder, at the paths that they have in a registry: all, or none where one cannot be.

    No other file there is changed.
    """
    files = {folder / draft.origin: draft.raw for draft in drafts}
    new: list[Path] = []
    try:
        for path, raw in files.items():
            if path.exists() and path.read_bytes() != raw:
                raise UsageError(
                    "there is another file in the way", where=str(path), mend="name an empty folder with --output"
                )
        for path, raw in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            new += [] if path.exists() else [path]
            path.write_bytes(raw)
    except OSError as error:
        for path in new:
            with suppress(OSError):  # the first fault is told
                path.unlink()
        raise UsageError(
            "the files cannot be written",
            where=str(error.filename or folder),
            got=error.strerror or str(error),
            mend="name a folder that can be written with --output",
        ) from error
    return tuple(files)


def title_of(found: Analysis, drafts: Sequence[Draft]) -> str:
    """Give a line for a proposal that carries a plan out."""
    records = f"{len(drafts)} record{'s' * (len(drafts) != 1)}"
    whole = f"Move {records} from {found.target} to {found.destination}"
    return whole if len(whole) <= LONGEST_TITLE else f"Move {records} to another version"


def body_of(found: Analysis) -> str:
    """Give a plan as a Markdown table, in which no text can steer."""
    steps = [step for step in found.steps or () if step.action != "none"]
    idle = len(found.steps or ()) - len(steps)
    rows = [_row(step) for step in steps[:MOST_LINES]]
    more = [f"and {len(steps) - MOST_LINES} more steps"] if len(steps) > MOST_LINES else []
    more += [f"{idle} reference{'s' * (idle != 1)} need{'s' * (idle == 1)} nothing"] if idle else []
    head = f"How consumers move from {quoted(found.target)} to {quoted(str(found.destination))}, first things first:"
    table = ["| record | field | says | then | as |", "| --- | --- | --- | --- | --- |", *rows]
    return "\n\n".join([head, "\n".join(table), *more])


def _row(step: Step) -> str:
    then = quoted(step.to) if step.to and step.action == "edit" else f"to be decided: {quoted(step.why)}"
    cells = (quoted(step.ref), quoted(step.field), quoted(step.constraint), then, step.new_version or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
