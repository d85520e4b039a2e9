"""`gitreg template`: show a template, fill it in, make a pipeline from it, check what was made from it.

- What is filled in is printed as it would stand in a manifest: the same template and parameters, the same bytes.
- Templates are filled in within this process, whose user asked for it; `gitreg.templates.render` says what bounds that.
"""

from __future__ import annotations

import sys
from typing import Any

import typer

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_line, print_text, remark
from gitreg.cli.output import is_terminal, print_bytes, print_table
from gitreg.errors import Exit
from gitreg.kinds import PipelineTemplate
from gitreg.manifests import dump_yaml, to_data
from gitreg.templates import Composition, compose, instantiate, standing_faults
from gitreg_indexer.commands import short
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption
from gitreg_indexer.registry_at import open_at
from gitreg_indexer.template_checking import check
from gitreg_indexer.template_checks import faults_data
from gitreg_indexer.template_making import instantiate_command
from gitreg_indexer.template_options import (
    ParamsOption,
    SetOption,
    TemplateArgument,
    must_run,
    parameters_of,
    refusal,
    template_in,
    template_ref_of,
)

app = typer.Typer(
    name="template", help="Show, fill in, instantiate and check pipeline templates.", no_args_is_help=True
)


@app.command("show")
def show(
    ref: TemplateArgument,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a template with all that it extends and includes: parameters and where each is from, stages, faults.

    Exits 1 where it has faults that no parameters can mend.

    \b
    Example:
      gitreg template show acme/nlp/one-model
    """
    asked = template_ref_of(ref)
    standing = open_at(open_registry(repo), at, folder, quiet=as_json, catalog=catalog)
    template = template_in(standing, asked)
    faults = standing_faults(template, standing.template)
    data = described(template, compose(template, standing.template))
    if as_json:
        position = {"commit": standing.position.commit, "seq": standing.position.seq}
        print_json({**data, "faults": faults_data(faults), **position})
    else:
        _print_template(data)
        for fault in faults:
            remark(f"fault: {fault.field}: {fault.says}; {fault.mend}")
    if faults:
        raise typer.Exit(Exit.FAULTS)


def described(template: PipelineTemplate, whole: Composition) -> dict[str, Any]:
    """Give what somebody who wants to use a template has to know, as JSON data."""
    taken = [{"by": each.by, "way": each.way, "ref": each.ref} for each in whole.taken]
    return {
        "ref": template.address.ref,
        "description": template.metadata.description,
        "status": template.spec.lifecycle.status,
        "madeOf": taken,
        "parameters": [_parameter(name, whole) for name in sorted(whole.declared)],
        "stages": [_stage(stage) for stage in whole.stages],
    }


def _parameter(name: str, whole: Composition) -> dict[str, Any]:
    declared = whole.declared[name]
    parameter = declared.parameter
    return {
        "name": name,
        "required": parameter.default is None,
        "schema": to_data(parameter.value_schema),
        "default": to_data(parameter.default),
        "description": parameter.description,
        "from": declared.source,
        "way": declared.way,
    }


def _stage(stage: Any) -> dict[str, Any]:
    told = stage if isinstance(stage, dict) else {}
    return {"id": told.get("id"), "type": told.get("type"), "model": told.get("model")}


def _print_template(data: dict[str, Any]) -> None:
    print_line(f"{data['ref']}  {data['status']}")
    if data["description"]:
        print_text(data["description"])
    for each in data["madeOf"]:
        verb = "extends" if each["way"] == "extended" else "includes"
        print_line(f"{each['by']} {verb} {each['ref']}")
    if data["parameters"]:
        print_line("parameters")
        print_table(("name", "type", "default", "from", "description"), map(_parameter_row, data["parameters"]))
    if data["stages"]:
        print_line("stages")
        print_table(("id", "type", "model"), ((each["id"], each["type"], each["model"]) for each in data["stages"]))


def _parameter_row(told: dict[str, Any]) -> tuple[object, ...]:
    default = "required" if told["required"] else short(told["default"])
    source = "own" if told["way"] == "own" else told["from"]
    return told["name"], _type_of(told["schema"]), default, source, told["description"]


def _type_of(schema: Any) -> str:
    """Say in a word what a schema takes; the schema itself where no word says it."""
    if isinstance(schema, dict) and isinstance(schema.get("type"), str):
        more = "..." if len(schema) > 1 else ""
        return f"{schema['type']}{more}"
    return "any" if schema is True or schema == {} else short(schema)


@app.command("render")
def render(
    ref: TemplateArgument,
    put: SetOption = None,
    params: ParamsOption = None,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the pipeline's spec that a template gives for some parameters, as it would stand in a manifest.

    VALUE is read as in a manifest: a number, true, false, null, a list [a, b] or mapping {k: v}, JSON, or else text.
    Exits 1 with every fault of the parameters and of the template where it gives none, or none that can be run.

    \b
    Examples:
      gitreg template render acme/nlp/one-model --set model=acme/nlp/summarizer@^1 --set timeoutMs=5000
      gitreg template render acme/nlp/one-model@^1 --params parameters.yaml --at 2026-06-30 --json
    """
    asked, parameters = template_ref_of(ref), parameters_of(put, params)
    standing = open_at(open_registry(repo), at, folder, quiet=as_json, catalog=catalog)
    template = template_in(standing, asked)
    made = instantiate(template, parameters, standing.template)
    if made.pipeline is None:
        raise refusal("the template gives no pipeline", template.address.ref, made.faults)
    must_run(made.pipeline, template.address.ref)
    spec = to_data(made.pipeline)["spec"]
    del spec["template"]
    if as_json:
        print_json(spec)
    elif is_terminal(sys.stdout):
        print_text(dump_yaml(spec).rstrip("\n"))
    else:
        print_bytes(dump_yaml(spec).encode())


app.command("instantiate")(instantiate_command)
app.command("check")(check)
