"""What the commands on templates share: their arguments, the template that is asked for, and how faults are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import typer

from gitreg.cli.settings import read_mapping, settings_of
from gitreg.errors import Finding, Rejected, UsageError
from gitreg.kinds import Manifest, Pipeline, PipelineTemplate
from gitreg.refs import Ref
from gitreg.templates import Fault
from gitreg_indexer.registry_at import RegistryAt
from gitreg_indexer.template_checks import landing_faults

KIND: Final = "PipelineTemplate"
OF_THE_TEMPLATE: Final = ("GR-037", "template-instance")
_OF_THE_GRAPH: Final = ("GR-034", "pipeline-dag")

TemplateArgument = Annotated[
    str,
    typer.Argument(
        metavar="REF", help="[template:]namespace/name[@version|range|alias] of a template.", show_default=False
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Give a parameter, like model=acme/chat@^1; wins over those of --params."
    ),
]
ParamsOption = Annotated[
    str | None,
    typer.Option("--params", metavar="FILE", help="Give parameters in a file, YAML or JSON; - for stdin."),
]


def template_ref_of(text: str) -> Ref:
    """Read what must name a template; `UsageError` where it names something else."""
    ref = Ref.parse(text, kind=KIND)
    if ref.kind == KIND:
        return ref
    raise UsageError(
        f"{ref} is no template",
        got=text,
        expected="[template:]namespace/name[@version|range|alias]",
        mend="name a template, like `template:acme/rag@^1`; `gitreg list template` shows what there is",
    )


def template_in(standing: RegistryAt, ref: Ref) -> PipelineTemplate:
    """Give the template that a ref means; `NotFoundError` says what there is instead."""
    found = standing.manifest(ref)
    assert isinstance(found, PipelineTemplate)  # noqa: S101 - the ref is a template's
    return found


def parameters_of(put: Sequence[str] | None, source: str | None) -> dict[str, Any]:
    """Read the parameters that a command line gives; what is set wins over what the file says."""
    told = settings_of(put or (), word="NAME", example="model=acme/chat@^1")
    return {**(read_mapping(source) if source is not None else {}), **told}


def refusal(says: str, ref: str, faults: Iterable[Fault], rule: tuple[str, str] = OF_THE_TEMPLATE) -> Rejected:
    """Make the error that tells all faults of a template, of its parameters or of what it gives."""
    findings = [Finding(*rule, fault.says, fault.mend, ref=ref, field=fault.field) for fault in faults]
    count = len(findings)
    said = f"{says}: {count} fault{'s' * (count != 1)}"
    mend = f"mend that, and try again; `gitreg template show {ref}` tells its parameters"
    return Rejected(said, findings, mend=mend)


def must_run(pipeline: Manifest, template: str) -> None:
    """Refuse a pipeline that a template gives and that cannot be run, as the gate would."""
    faults = tuple(landing_faults(pipeline)) if isinstance(pipeline, Pipeline) else ()
    if faults:
        raise refusal("the template gives no pipeline that can be run", template, faults, _OF_THE_GRAPH)
