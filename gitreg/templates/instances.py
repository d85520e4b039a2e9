"""A pipeline made from a template, and what it says otherwise than its template gives.

- An instance carries its template's exact version and the parameters that were given. What it says for itself
  (`OWN`) is no matter of the template's, and it may need more than the template says.
- The gate's rule GR-037 and `gitreg template check` ask the same function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gitreg.errors import Finding
from gitreg.kinds import Manifest, Pipeline, PipelineTemplate
from gitreg.manifests import is_same, manifest_from_data, sameness, to_data
from gitreg.refs import Ref
from gitreg.templates.composing import Fetch
from gitreg.templates.faults import Fault
from gitreg.templates.rendering import render
from gitreg.versions import Version

OWN: Final = ("template", "release", "lifecycle", "custom")
"""What an instance says for itself, whatever its template says."""
_OTHERWISE: Final = "give other parameters, or take another version of the template"
_NOBODY: Final = {"namespace": "of", "name": "nobody", "version": "0.0.0"}


@dataclass(frozen=True, slots=True)
class Instance:
    """What came of making a pipeline from a template: the pipeline, or the faults that kept it from coming."""

    pipeline: Pipeline | None
    faults: tuple[Fault, ...] = ()


def instantiate(
    template: PipelineTemplate,
    parameters: Mapping[str, Any],
    fetch: Fetch,
    metadata: Mapping[str, Any] | None = None,
) -> Instance:
    """Make a pipeline of this metadata (anybody's, where there is none) that carries its template and parameters."""
    rendering = render(template, parameters, fetch)
    if rendering.spec is None:
        return Instance(None, rendering.faults)
    stated = {"ref": template.address.ref, "parameters": dict(parameters)}
    data = {
        "apiVersion": "gitreg/v1",
        "kind": "Pipeline",
        "metadata": dict(metadata or _NOBODY),
        "spec": {**rendering.spec, "template": stated},
    }
    reading = manifest_from_data(data)
    if isinstance(reading.manifest, Pipeline):
        return Instance(reading.manifest)
    return Instance(None, tuple(map(_reading_fault, reading.findings)))


def _reading_fault(finding: Finding) -> Fault:
    """Tell whose fault it is: that of the words of the call, or of what the template gives for its parameters."""
    field = finding.field or ""
    if not field.startswith("spec") or field.startswith("spec.template"):
        return Fault(field, finding.says, finding.mend)
    return Fault(field, f"what the template gives is no pipeline: {finding.says}", _OTHERWISE)


def template_ref(pipeline: Pipeline) -> Ref | None:
    """Give the template that a pipeline says it was made from; None where it names none."""
    stated = pipeline.spec.template
    return None if stated is None else Ref.parse(stated.ref, kind="PipelineTemplate")


def instance_faults(pipeline: Pipeline, fetch: Fetch) -> Iterator[Fault]:
    """Find where a pipeline is not what the template that it names gives for its parameters.

    One that names no template has none; nor has one that names a template that there is not, which is for others to
    tell.
    """
    ref, stated = template_ref(pipeline), pipeline.spec.template
    if ref is None or stated is None:
        return
    if ref.kind != "PipelineTemplate" or not isinstance(ref.selector, Version):
        says = f"{ref} is not an exact version of a template, so what it gives may change"
        yield Fault("spec.template.ref", says, "name one, like `template:acme/rag@1.0.0`")
        return
    template = fetch(ref)
    if template is None:
        return
    rendering = render(template, stated.parameters, fetch)
    for fault in rendering.faults:
        inner = fault.field if fault.field.startswith("parameters") else "ref"
        yield Fault(f"spec.template.{inner}", f"{ref} cannot be rendered: {fault.says}", fault.mend)
    if rendering.spec is not None:
        yield from _spec_faults(pipeline, ref, rendering.spec)


def _spec_faults(pipeline: Pipeline, ref: Ref, rendered: dict[str, Any]) -> Iterator[Fault]:
    reading = manifest_from_data({**to_data(pipeline), "spec": rendered})
    for finding in reading.findings:
        says = f"{ref} gives no pipeline for these parameters: {finding.field}: {finding.says}"
        yield Fault("spec.template", says, _OTHERWISE)
    if not isinstance(reading.manifest, Pipeline):
        return
    given, written = _plain(reading.manifest), _plain(pipeline)
    stated = set(map(sameness, written["dependencies"]))
    for needed in given.pop("dependencies"):
        if sameness(needed) not in stated:
            says = f"{ref} gives the dependency {needed['ref']}, and it is not among these"
            yield Fault("spec.dependencies", says, "take in what the template needs; more may stand beside it")
    for path, before, after in _differing(given, {key: written[key] for key in given}, "spec"):
        says = f"{path} is {_shown(after)}; {ref} gives {_shown(before)}"
        yield Fault(path, says, "take what the template gives, change the parameters, or take spec.template away")


@dataclass(frozen=True, slots=True)
class Move:
    """What moving an instance to another version of its template would mean: its faults, or the fields that change."""

    ref: str
    faults: tuple[Fault, ...]
    fields: tuple[tuple[str, Any, Any], ...]


def move_to(pipeline: Pipeline, template: PipelineTemplate, fetch: Fetch) -> Move:
    """Find what another version of the template gives otherwise, for the parameters that a pipeline carries.

    Fields are (path, what the pipeline says, what it would say), defaults filled in; its own dependencies stay.
    """
    stated = pipeline.spec.template
    made = instantiate(template, stated.parameters if stated else {}, fetch)
    if made.pipeline is None:
        return Move(template.address.ref, made.faults, ())
    here, there = _plain(pipeline), _plain(made.pipeline)
    needs = here["dependencies"]
    known = set(map(sameness, needs))
    there["dependencies"] = [*needs, *(new for new in there["dependencies"] if sameness(new) not in known)]
    return Move(template.address.ref, (), tuple(_differing(here, there, "spec")))


def _plain(manifest: Manifest) -> dict[str, Any]:
    """Give the spec as plain data, defaults filled in, without what an instance says for itself."""
    data = manifest.spec.model_dump(mode="json", by_alias=True)
    return {key: value for key, value in data.items() if key not in OWN}


def _differing(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Find the fields in which two pieces of plain data differ, as deep as they are alike."""
    if is_same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _differing(before.get(key), after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for n, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differing(one, other, f"{path}[{n}]")
    else:
        yield path, before, after


def _shown(value: Any) -> str:
    if value is None:
        return "not stated"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
