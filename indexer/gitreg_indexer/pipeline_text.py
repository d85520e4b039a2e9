"""What `gitreg pipeline` prints for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gitreg.errors import Severity
from gitreg.pipelines.lock_check import LockCheck
from gitreg.pipelines.locking import Lock
from gitreg.resolution import ENDED

_FITS: Final = {"fits": "fits", "does-not": "does not fit", "unknown": "not known to fit"}


def dag_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Tell of a pipeline's graph: its stages, its flows, its order, what it takes at the worst."""
    yield f"{data['ref']}: {_FITS[data['verdict']]}"
    yield from (f"  {why}" for why in data["why"])
    yield ""
    yield from aligned(["stage", "type", "takes", "gives", "model", "means"], map(_stage, data["stages"]))
    yield ""
    yield from aligned(["flow", "verdict", "why"], _flows(data))
    yield ""
    yield from order_lines(data)


def order_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Tell in which order the stages run, and the longest way through them."""
    for n, batch in enumerate(data["order"], 1):
        yield f"{n}. {', '.join(batch)}"
    if data["stuck"]:
        yield f"never: {', '.join(data['stuck'])} (on a circle, or behind one)"
    yield from _path_lines(data["criticalPath"])
    yield from _load_lines(data["resources"])


def _stage(stage: Mapping[str, Any]) -> list[str]:
    means = (stage["means"] or "nothing").rpartition("@")[2] if stage["model"] else ""
    ports = (", ".join(stage["inputs"]), ", ".join(stage["outputs"]))
    return [stage["id"], stage["type"], *ports, stage["model"] or "", means]


def _flows(data: Mapping[str, Any]) -> Iterator[list[str]]:
    for end in data["inputs"]:
        yield [f"input -> {_end(end)}", *_judged(end)]
    for flow in data["flows"]:
        one, other = (f"{end['node']}.{end['port']}" for end in (flow["from"], flow["to"]))
        yield [f"{one} -> {other}", *_judged(flow)]
    for end in data["outputs"]:
        yield [f"{_end(end)} -> output", *_judged(end)]


def _end(end: Mapping[str, Any]) -> str:
    return end["node"] if end["port"] is None else f"{end['node']}.{end['port']}"


def _judged(one: Mapping[str, Any]) -> list[str]:
    return [_FITS[one["verdict"]], one["why"] or ("as a property" if one.get("readsAs") == "property" else "")]


def _path_lines(path: Mapping[str, Any]) -> Iterator[str]:
    way = " -> ".join(path["stages"]) or "nothing"
    allowed = "" if path["timeout"] is None else f"; a run may take {path['timeout']:,} ms"
    if path["by"] == "time":
        yield f"critical path: {way}: {path['milliseconds']:,} ms at the worst{allowed}"
    else:
        yield f"critical path: {way}, by the number of stages{allowed}"
        yield f"no time: {', '.join(path['unstated'])} state no timeout"


def _load_lines(load: Mapping[str, Any]) -> Iterator[str]:
    for what, peak in load["peak"].items():
        largest = load["largest"][what]
        yield (
            f"{what}: {peak['amount']} side by side ({', '.join(peak['stages'])}), "
            f"{largest['amount']} for the largest stage ({largest['stage']})"
        )


def matrix_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Tell, model by model, what each version of a pipeline means and admits of it."""
    if not data["models"]:
        yield f"no version of {data['pipeline']} refers to a model"
    for n, model in enumerate(data["models"]):
        yield from [""] if n else []
        yield model["model"]
        yield from _model_lines(model)


def _model_lines(model: Mapping[str, Any]) -> Iterator[str]:
    admitted = {version for row in model["rows"] for cell in row["references"] for version in cell["admits"]}
    shown = [each for each in model["versions"] if each["version"] in admitted]
    columns = ["pipeline", "wants", *(_column(each) for each in shown)]
    rows = ([row["version"], _wants(row), *(_mark(row, each["version"]) for each in shown)] for row in model["rows"])
    yield from aligned(columns, rows)
    left = len(model["versions"]) - len(shown)
    if left:
        yield f"and {left} version{'s' * (left != 1)} that none of them admits"


def _column(version: Mapping[str, Any]) -> str:
    is_plain = version["status"] in (None, "active")
    return str(version["version"]) if is_plain else f"{version['version']} ({version['status']})"


def _wants(row: Mapping[str, Any]) -> str:
    return ", ".join(cell["wants"].partition("@")[2] or "any" for cell in row["references"])


def _mark(row: Mapping[str, Any], version: str) -> str:
    cells = row["references"]
    if any(cell["means"] == version for cell in cells):
        return "means"
    return "admits" if any(version in cell["admits"] for cell in cells) else "-"


def lock_lines(lock: Lock) -> Iterator[str]:
    """Tell what was locked, in a line, and what of it one should know of."""
    yield f"locked {lock.pipeline} at commit {lock.commit[:12]} (seq {lock.seq}): {len(lock.records)} records"


def lock_remarks(lock: Lock) -> Iterator[str]:
    """Tell what of a lock one should know of: what was not found, and what is on its way out."""
    for each in lock.references:
        if each.means is None:
            yield f"{each.wants} was not found; {each.by} can do without it ({each.field})"
    for pin in lock.records:
        if pin.status in ("deprecated", *ENDED):
            yield f"{pin.ref} is {pin.status}"
    for each in lock.references:
        if each.beside:
            yield f"{each.wants} means {each.means}, and others mean {', '.join(each.beside)} ({each.by}, {each.field})"


def check_lines(lock: Lock, found: LockCheck) -> Iterator[str]:
    """Tell what became of a lock."""
    for finding in found.findings:
        yield from finding.explain().split("\n")
    for drift in found.drifts:
        yield f"a fresh lock differs: {drift.by} {drift.field}: {drift.wants}"
        yield f"    {drift.locked or 'nothing'} -> {drift.fresh or 'nothing'}"
    errors = sum(finding.severity is Severity.ERROR for finding in found.findings)
    faults = f"{errors} error{'s' * (errors != 1)}"
    yield f"{lock.pipeline}: {'the lock holds' if found.holds else f'the lock does not hold: {faults}'}"


def aligned(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lay rows out under their columns, the same on a terminal and in a pipe."""
    cells = [list(columns), *map(list, rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
