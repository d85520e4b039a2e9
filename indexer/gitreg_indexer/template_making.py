"""`gitreg template instantiate`: make a pipeline from a template, and register it, propose it or write it.

- It is made of what stands where it lands: where somebody else lands first, it is made anew.
- The manifest carries the exact version of the template that was asked for, and the parameters that were given.
- The same call twice makes nothing new: what stands and is this, frozen field for frozen field, is left as it stands,
  whatever was edited since. A name that has versions already gets another one only by its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gitreg.cli.files import STDIN, printable_name, write_output
from gitreg.cli.landing import Landing, land
from gitreg.cli.options import (
    ApproveOption,
    ApproverOption,
    AuthorOption,
    JsonOption,
    MessageOption,
    QuietOption,
    RepoOption,
    open_registry,
    print_json,
    print_line,
    remark,
)
from gitreg.cli.output import print_bytes
from gitreg.cli.proposals import ForgeOption
from gitreg.errors import ConflictError, Rejected, UsageError
from gitreg.kinds import Manifest, Pipeline, PipelineTemplate, mutable_paths
from gitreg.manifests import is_same, manifest_from_data, read_manifest, to_data, without, write_manifest
from gitreg.refs import Address, Ref
from gitreg.registry import Registry
from gitreg.repository.snapshot import Snapshot
from gitreg.templates import instantiate
from gitreg.versions import Version
from gitreg_indexer.catalog import Position
from gitreg_indexer.registry_at import GitAt
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

FIRST: Final = "1.0.0"
_SHOWN: Final = 8


def instantiate_command(
    ref: TemplateArgument,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=f"What the pipeline is called, namespace/name[@version]; {FIRST} where it has no version yet.",
            show_default=False,
        ),
    ],
    put: SetOption = None,
    params: ParamsOption = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What the pipeline is, for people.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="WHO", help="The person or team to ask.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="T", help="A word to find it by; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Only write the manifest, to a new file; - for stdout."),
    ] = None,
    proposing: Annotated[
        bool, typer.Option("--propose", help="Put it forward as a proposal instead of registering it.")
    ] = False,
    title: Annotated[
        str | None, typer.Option("--title", "-t", metavar="TEXT", help="The proposal's title; without it one is made.")
    ] = None,
    repo: RepoOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    forge: ForgeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a pipeline from a template: registered at once, proposed, or only written.

    REF may be a range, an alias or a name alone; the manifest names the exact version that this means, and the
    parameters, so that the gate and `gitreg template check` can compare it. VALUE is read as in a manifest.

    \b
    Examples:
      gitreg template instantiate acme/nlp/one-model acme/nlp/digest --set model=acme/nlp/summarizer@^1
      gitreg template instantiate acme/nlp/one-model@^1 acme/nlp/digest@1.1.0 --params digest.yaml --propose
    """
    way = {"--propose": proposing, "--output": output is not None}
    asked, called, parameters = template_ref_of(ref), _pipeline_ref(name), parameters_of(put, params)
    idle = {"--title": title, "--message": message, "--approve": approve, "--approver": approver, "--author": author}
    _refuse_idle_options(way, {**idle, "--forge": forge})
    registry = open_registry(repo)
    stated = {"description": description, "owner": owner, "tags": tag}

    def make(state: Snapshot) -> Made:
        return _made(registry, state, asked, called, parameters, {key: value for key, value in stated.items() if value})

    made = make(registry.snapshot())
    if output is not None:
        _write(made, output, as_json=as_json, quiet=quiet)
        return
    said = (title or None) if proposing else message
    landing = Landing(proposing, None, forge, said, author, approve, approver, quiet, as_json)
    land(registry, lambda state: make(state).raw, made.title, landing)


@dataclass(frozen=True, slots=True)
class Made:
    """A pipeline that was made from a template, and its file."""

    pipeline: Manifest
    template: str
    raw: bytes

    @property
    def ref(self) -> str:
        """Give its ref."""
        return self.pipeline.address.ref

    @property
    def title(self) -> str:
        """Say what landing it does."""
        return f"Add {self.ref}, made from {self.template}"


def _pipeline_ref(text: str) -> Ref:
    ref = Ref.parse(text, kind="Pipeline")
    if ref.kind == "Pipeline" and (ref.selector is None or isinstance(ref.selector, Version)):
        return ref
    raise UsageError(
        f"{text!r} cannot name a new pipeline",
        got=text,
        expected="namespace/name or namespace/name@version",
        mend="write it like `acme/nlp/digest@1.1.0`",
    )


def _refuse_idle_options(way: Mapping[str, bool], given: Mapping[str, object]) -> None:
    """Refuse options that would say nothing, going by what is done with the pipeline."""
    chosen = [option for option, is_chosen in way.items() if is_chosen]
    if len(chosen) > 1:
        raise UsageError("--propose and --output exclude each other", mend="leave one of them out")
    means = {
        (): ("--message", "--approve", "--approver", "--author"),
        ("--propose",): ("--title", "--author", "--forge"),
        ("--output",): (),
    }[tuple(chosen)]
    for option, value in given.items():
        if value and option not in means:
            does = f"with {chosen[0]}" if chosen else "without --propose"
            raise UsageError(f"{option} says nothing {does}", got=option, mend=f"leave {option} out")


def _made(
    registry: Registry,
    state: Snapshot,
    asked: Ref,
    called: Ref,
    parameters: Mapping[str, Any],
    stated: Mapping[str, Any],
) -> Made:
    commit = state.commit or ""
    standing = GitAt(registry, Position(registry.repo.seq(commit) if commit else 0, commit))
    template = template_in(standing, asked)
    who = {"namespace": called.namespace, "name": called.name, "version": str(called.selector or FIRST)}
    made = instantiate(template, parameters, standing.template, {**who, **stated})
    if made.pipeline is None:
        raise refusal("no pipeline was made", template.address.ref, made.faults)
    pipeline, known = made.pipeline, standing.versions(called)
    asked_for = known if called.selector is None else [version for version in known if version == called.selector]
    for one in (_with_version(pipeline, version) for version in asked_for):
        raw = _standing_raw(state, one)
        if raw is not None:
            return _made_of(raw, one.address, template)
    if known and called.selector is None:
        raise _taken(called, known)
    return _made_of(write_manifest(pipeline), pipeline.address, template)


def _made_of(raw: bytes, address: Address, template: PipelineTemplate) -> Made:
    reading = read_manifest(raw, path=address.path)
    if reading.manifest is None:
        mend = "give other parameters, or take another version of the template"
        raise Rejected("what was made cannot be a manifest", reading.findings, mend=mend)
    return Made(reading.manifest, template.address.ref, raw)


def _standing_raw(state: Snapshot, pipeline: Pipeline) -> bytes | None:
    """Give the file of a version that stands, if it is this pipeline but for what may be edited."""
    record, paths = state.record(pipeline.address), mutable_paths("Pipeline")
    if record is None:  # a file that cannot be read is not the same
        return None
    return record.raw if is_same(*(without(to_data(each), paths) for each in (record.manifest, pipeline))) else None


def _taken(called: Ref, known: Sequence[Version]) -> UsageError:
    shown = ", ".join(map(str, known[:_SHOWN])) + (", ..." if len(known) > _SHOWN else "")
    following = known[0].bump("minor")
    return UsageError(
        f"{called.place} has versions already, and none of them is this: {shown}",
        got=str(called),
        expected="namespace/name@version",
        mend=f"name the version; the next one would be {called.namespace}/{called.name}@{following}",
    )


def _with_version(pipeline: Pipeline, version: Version) -> Pipeline:
    data = to_data(pipeline)
    found = manifest_from_data({**data, "metadata": {**data["metadata"], "version": str(version)}}).manifest
    assert isinstance(found, Pipeline)  # noqa: S101 - a version that stands is one
    return found


def _write(made: Made, output: Path, *, as_json: bool, quiet: bool) -> None:
    must_run(made.pipeline, made.template)
    if str(output) == STDIN:
        if as_json:
            print_json(to_data(made.pipeline))
        else:
            print_bytes(made.raw)
        return
    status = _written(output, made.raw)
    file = printable_name(str(output))
    if as_json:
        print_json({"status": status, "ref": made.ref, "template": made.template, "file": file})
    elif not quiet:
        tell = print_line if _is_file(output) else remark  # what is written to /dev/stdout stays a manifest
        tell(f"{status} {file}: {made.ref}, made from {made.template}")


def _written(output: Path, raw: bytes) -> str:
    """Write a new file, whole or not at all; one that is there already must be empty or hold just this."""
    there = _beginning(output, len(raw) + 1) if _is_file(output) else b""
    if there == raw:
        return "unchanged"
    if there != b"":
        raise ConflictError(
            "there is another file already",
            where=printable_name(str(output)),
            mend="name a new file, or remove this one",
        )
    write_output(str(output), raw)
    return "written"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, a NUL: whoever writes it will say so
        return False


def _beginning(path: Path, count: int) -> bytes | None:
    """Give the first bytes of a file; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return None
