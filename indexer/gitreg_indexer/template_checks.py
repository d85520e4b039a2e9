"""What can be told of templates and their instances against what stands: faults, and versions to move to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gitreg.kinds import Pipeline, PipelineTemplate, status_of
from gitreg.pipelines.soundness import spec_faults
from gitreg.refs import Ref
from gitreg.resolution import ENDED
from gitreg.templates import (
    Fault,
    Fetch,
    Move,
    instance_faults,
    instantiate,
    move_to,
    standing_faults,
    template_ref,
)
from gitreg.versions import Range, Version

FINE: Final = "fine"
FAULTY: Final = "faulty"
OF_NO_TEMPLATE: Final = "no-template"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one record. `template` is what it was made from, or for a template itself.

    `newer` is what moving to the newest version of the template within its major would mean; None where there is none.
    """

    ref: str
    template: str | None
    faults: tuple[Fault, ...] = ()
    newer: Move | None = None

    @property
    def status(self) -> str:
        """Tell in a word what came of it."""
        if self.faults:
            return FAULTY
        return FINE if self.template is not None else OF_NO_TEMPLATE

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "ref": self.ref,
            "template": self.template,
            "status": self.status,
            "faults": faults_data(self.faults),
            "newer": _move_data(self.newer) if self.newer else None,
        }


def faults_data(faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    """Give faults as JSON data."""
    return [{"field": fault.field, "says": fault.says, "mend": fault.mend} for fault in faults]


def _move_data(move: Move) -> dict[str, Any]:
    fields = [{"path": path, "before": before, "after": after} for path, before, after in move.fields]
    return {"ref": move.ref, "faults": faults_data(move.faults), "fields": fields}


def check_pipeline(pipeline: Pipeline, fetch: Fetch) -> Checked:
    """Compare a pipeline with what the template that it names gives, and look for a newer version of that."""
    ref, named = pipeline.address.ref, template_ref(pipeline)
    if named is None:
        return Checked(ref, None)
    faults = tuple(instance_faults(pipeline, fetch)) or tuple(_absence(named, fetch))
    return Checked(ref, str(named), faults, _newer(pipeline, named, fetch))


def _absence(named: Ref, fetch: Fetch) -> Iterator[Fault]:
    if fetch(named) is None:
        mend = "name a template and a version that are registered, or take spec.template away"
        yield Fault("spec.template.ref", f"there is no {named}", mend)


def _newer(pipeline: Pipeline, named: Ref, fetch: Fetch) -> Move | None:
    version = named.selector
    if named.kind != "PipelineTemplate" or not isinstance(version, Version):
        return None
    allowed = f"^{version}"
    best = fetch(Ref(named.kind, named.namespace, named.name, Range.parse(allowed), written=allowed))
    if best is None or status_of(best) in ENDED or Version.parse(best.metadata.version) <= version:
        return None
    return move_to(pipeline, best, fetch)


def check_template(template: PipelineTemplate, fetch: Fetch) -> Checked:
    """Find what can be told of a template without parameters; with them where it has a default for each."""
    ref = template.address.ref
    faults = standing_faults(template, fetch)
    if faults:
        return Checked(ref, ref, faults)
    made = instantiate(template, {}, fetch)
    told = tuple(fault for fault in made.faults if not fault.field.startswith("parameters"))
    return Checked(ref, ref, (*told, *(landing_faults(made.pipeline) if made.pipeline else ())))


def landing_faults(pipeline: Pipeline) -> Iterator[Fault]:
    """Find what keeps a pipeline that a template gives from being run, and so from landing: what GR-034 asks."""
    for fault in spec_faults(pipeline.spec):
        yield Fault(fault.field, f"what the template gives cannot be run: {fault.says}", fault.mend)
