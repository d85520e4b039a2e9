"""`gitreg pipeline clone`, `branch` and `rollback`: new lines of pipelines, landed, proposed or only written."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gitreg.cli.landing import Landing, OutputOption, ProposeOption, land
from gitreg.cli.options import (
    ApproveOption,
    ApproverOption,
    AuthorOption,
    JsonOption,
    MessageOption,
    QuietOption,
    RepoOption,
    open_registry,
)
from gitreg.cli.proposals import ForgeOption
from gitreg.errors import NotFoundError, UsageError
from gitreg.kinds import Aliases, Pipeline
from gitreg.pipelines.lines import Find, Source, branched, check_url, cloned, moved_alias, prerelease_of, rolled_back
from gitreg.pipelines.names import new_address, pipeline_name, pipeline_ref
from gitreg.refs import Address, Ref, is_version
from gitreg.repository.snapshot import Snapshot


class Bump(StrEnum):
    """Which part of a version goes up."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


RefArgument = Annotated[
    str, typer.Argument(metavar="REF", help="[pipeline:]namespace/name[@selector]", show_default=False)
]
NameArgument = Annotated[str, typer.Argument(metavar="REF", help="[pipeline:]namespace/name", show_default=False)]
BumpOption = Annotated[
    Bump | None, typer.Option("--bump", help="Which part of the version goes up; the patch without it.")
]


def clone(
    ref: RefArgument,
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="Who the copy is: namespace/name[@version].", show_default=False)
    ],
    version: Annotated[
        str | None, typer.Option("--version", metavar="V", help="The copy's version; 1.0.0 without it.")
    ] = None,
    repo: RepoOption = None,
    propose: ProposeOption = False,
    output: OutputOption = None,
    forge: ForgeOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy a pipeline to another name, as a draft that says what it was cloned from.

    Comments are kept; aliases and external ids are not copied.

    \b
    Examples:
      gitreg pipeline clone acme/nlp/triage@^1 acme/sales/triage
      gitreg pipeline clone acme/nlp/triage acme/sales/triage --output triage.yaml
    """
    if version is not None and "@" in new:
        raise UsageError("the version is given twice", got=f"{new} --version {version}", mend="keep one of the two")
    target = new_address(new if version is None else f"{new}@{version}", "1.0.0")
    asked = pipeline_ref(ref)

    def make(state: Snapshot) -> bytes:
        return cloned(_source(state, asked), target, _find_in(state))

    landing = Landing(propose, output, forge, message, author, approve, approver, quiet, as_json)
    land(open_registry(repo), make, f"Clone {asked} as {target.ref}", landing)


def branch(
    ref: RefArgument,
    prerelease: Annotated[
        str | None, typer.Option("--prerelease", metavar="ID", help="Begin a prerelease line, like beta: 1.2.5-beta.0.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NEW", help="Begin it under another name: [namespace/]name.")
    ] = None,
    bump: BumpOption = None,
    repo: RepoOption = None,
    propose: ProposeOption = False,
    output: OutputOption = None,
    forge: ForgeOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Begin a new line of a pipeline: a prerelease of its next version, or the same version under another name.

    \b
    Examples:
      gitreg pipeline branch acme/nlp/triage --prerelease beta --bump minor
      gitreg pipeline branch acme/nlp/triage@1.2.4 --name triage-de
    """
    if prerelease is None and name is None:
        raise UsageError(
            "a branch has a name or a prerelease of its own", mend="give --prerelease ID, --name NEW, or both"
        )
    if bump is not None and prerelease is None:
        raise UsageError(
            "--bump is for --prerelease: under another name the version stays", mend="leave it out, or add --prerelease"
        )
    asked = pipeline_ref(ref)
    holder = _holder(asked, name)

    def make(state: Snapshot) -> bytes:
        source = _source(state, asked)
        if prerelease is not None:
            return prerelease_of(source, (bump or Bump.PATCH).value, prerelease, holder, _find_in(state))
        target = Address("Pipeline", holder.namespace, holder.name, source.pipeline.metadata.version)
        return branched(source, target, _find_in(state))

    landing = Landing(propose, output, forge, message, author, approve, approver, quiet, as_json)
    line = " ".join(word for word in (name, prerelease) if word)
    land(open_registry(repo), make, f"Branch {asked}: {line}", landing)


def rollback(
    ref: NameArgument,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="The version to go back to.", show_default=False)],
    alias: Annotated[
        str | None, typer.Option("--alias", metavar="NAME", help="Move this alias back, and make no new version.")
    ] = None,
    bump: BumpOption = None,
    guide: Annotated[
        str | None,
        typer.Option("--migration-guide", metavar="URL", help="How to move to it; the gate asks where it breaks."),
    ] = None,
    repo: RepoOption = None,
    propose: ProposeOption = False,
    output: OutputOption = None,
    forge: ForgeOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go back to an earlier version of a pipeline, as a new commit: by a new version that says the same, or an alias.

    Where the versions since broke what the earlier one promised, going back breaks too: the gate asks for --bump major
    and --migration-guide.

    \b
    Examples:
      gitreg pipeline rollback acme/nlp/triage --to 1.2.3
      gitreg pipeline rollback acme/nlp/triage --to 1.2.3 --alias production
    """
    if not is_version(to):
        raise UsageError(f"{to!r} is no version", got=to, expected="one version, like 1.2.3", mend="name one")
    if guide is not None:
        check_url(guide)
    idle = "--migration-guide" if guide is not None else "--bump" if bump is not None else None
    if alias is not None and idle:
        raise UsageError(f"{idle} is for a new version, and --alias makes none", mend="leave one of them out")
    named = pipeline_name(ref, "rollback")
    old = Ref.parse(f"{named.place}@{to}")

    def make(state: Snapshot) -> bytes:
        source = _source(state, old)
        if alias is not None:
            return _alias_moved(state, named, alias, to)
        versions = state.versions("Pipeline", named.namespace, named.name)
        return rolled_back(source, versions, _find_in(state), bump.value if bump else None, guide)

    landing = Landing(propose, output, forge, message, author, approve, approver, quiet, as_json)
    what = f"Roll back {named.place} to {to}" if alias is None else f"Move {alias} of {named.place} back to {to}"
    land(open_registry(repo), make, what, landing)


def _holder(asked: Ref, name: str | None) -> Address:
    """Give the name that a branch goes by; without a namespace in it, beside the pipeline itself."""
    if name is None:
        return asked.address()
    bare, at, _ = name.partition("@")
    if at:
        raise UsageError(
            f"a branch goes by a name, and {name!r} selects one version of it",
            got=f"--name {name}",
            mend=f"cut it from '@' on: `--name {bare}`; the version is that of REF",
        )
    return pipeline_ref(name if "/" in name else f"{asked.namespace}/{name}").address()


def _source(state: Snapshot, ref: Ref) -> Source:
    address = state.resolve(ref)
    source = _find_in(state)(address)
    if source is None:
        raise NotFoundError(
            f"{address.ref} stands in the registry and cannot be read",
            where=address.path,
            got=str(ref),
            mend="mend the file by a pull request; `gitreg validate --all` tells what is wrong with it",
        )
    return source


def _find_in(state: Snapshot) -> Find:
    def find(address: Address) -> Source | None:
        record, found = state.record(address), state.read(address.path)
        if record is None or found is None or not isinstance(record.manifest, Pipeline):
            return None
        return Source(record.manifest, found[1])

    return find


def _alias_moved(state: Snapshot, named: Ref, alias: str, version: str) -> bytes:
    address = Address("Aliases", named.namespace, named.name, of="Pipeline")
    record, found = state.record(address), state.read(address.path)
    if record is None or found is None or not isinstance(record.manifest, Aliases):
        raise NotFoundError(
            f"{named.place} has no aliases", got=alias, where=address.path, mend="register a file of aliases first"
        )
    return moved_alias(record.manifest, found[1], alias, version)
