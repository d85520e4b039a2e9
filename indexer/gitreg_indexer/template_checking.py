"""`gitreg template check`: is a pipeline what its template gives, and can a template give any.

- A file is judged against what stands, and against the templates among the files that are named with it.
- That there is a newer version of a template is no fault: it is remarked, with what moving there would change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gitreg.cli.files import find_manifests, read_files, refuse_unread
from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_line, remark
from gitreg.errors import Exit, Finding, NotFoundError, Rejected, UsageError
from gitreg.kinds import Manifest, Pipeline, PipelineTemplate
from gitreg.manifests import read_manifest
from gitreg.refs import Ref
from gitreg.templates import Fetch, Move
from gitreg.versions import Version
from gitreg_indexer.commands import short
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption
from gitreg_indexer.registry_at import RegistryAt, open_at
from gitreg_indexer.template_checks import Checked, check_pipeline, check_template

_ENDINGS: Final = (".yaml", ".yml")
_SHOWN: Final = 10


def check(
    things: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF|FILE",
            help="Pipelines, templates (template:acme/rag), or manifests on disk; - for stdin. All instances without.",
            show_default=False,
        ),
    ] = None,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare pipelines with what their templates give, and find what is wrong with templates.

    A template is checked with every pipeline that stands and names this version of it, or any version where REF names
    none. What ends in .yaml, or is a file or folder that there is, is read from disk. Exits 1 where there is a fault.

    \b
    Examples:
      gitreg template check
      gitreg template check acme/nlp/digest@1.0.0 template:acme/nlp/one-model --json
      gitreg template check drafts/digest.yaml
    """
    names = list(dict.fromkeys(things or ()))
    files = [name for name in names if _is_file(name)]
    refs = [_asked_ref(name) for name in names if not _is_file(name)]
    drafts = read_manifests(files) if files else []
    standing = open_at(open_registry(repo), at, folder, quiet=as_json, catalog=catalog)
    found = _without_repeats(checked(standing, drafts, refs, is_all=not names))
    if as_json:
        position = {"commit": standing.position.commit, "seq": standing.position.seq}
        print_json({"checked": [each.as_data() for each in found], **position})
    else:
        _print_checked(found)
    if any(each.faults for each in found):
        raise typer.Exit(Exit.FAULTS)


def checked(
    standing: RegistryAt, drafts: Sequence[Manifest], refs: Sequence[Ref], *, is_all: bool = False
) -> Iterator[Checked]:
    """Check drafts, what refs mean, and with `is_all` every pipeline that stands and names a template."""
    fetch = fetching(standing, drafts)
    for draft in drafts:
        yield from _checked(draft, fetch)
    for ref in refs:
        yield from _checked(_standing_manifest(standing, ref), standing.template)
        if ref.kind == "PipelineTemplate":
            version = ref.selector if isinstance(ref.selector, Version) else _version_of(standing, ref)
            for pipeline in standing.instances_of(ref, version):
                yield check_pipeline(pipeline, standing.template)
    for pipeline in standing.instances() if is_all else ():
        yield check_pipeline(pipeline, standing.template)


def _standing_manifest(standing: RegistryAt, ref: Ref) -> Manifest:
    try:
        return standing.manifest(ref)
    except NotFoundError as error:
        if ref.kind == "Pipeline" and standing.versions(replace(ref, kind="PipelineTemplate")):
            error.mend = f"for the template of that name write `template:{ref.namespace}/{ref.name}`"
        raise


def fetching(standing: RegistryAt, drafts: Sequence[Manifest]) -> Fetch:
    """Give the fetching of templates that finds exact versions among drafts before those that stand."""
    own = {draft.address.ref: draft for draft in drafts if isinstance(draft, PipelineTemplate)}

    def fetch(ref: Ref) -> PipelineTemplate | None:
        return own.get(str(ref)) or standing.template(ref)

    return fetch


def _version_of(standing: RegistryAt, ref: Ref) -> Version | None:
    """Give the version whose instances are meant: None, which is any, where the ref selects none."""
    if ref.selector is None:
        return None
    found = standing.template(ref)
    return Version.parse(found.metadata.version) if found else None


def _checked(manifest: Manifest, fetch: Fetch) -> Iterator[Checked]:
    if isinstance(manifest, Pipeline):
        yield check_pipeline(manifest, fetch)
    elif isinstance(manifest, PipelineTemplate):
        yield check_template(manifest, fetch)


def _without_repeats(found: Iterator[Checked]) -> list[Checked]:
    first: dict[str, Checked] = {}
    for each in found:
        first.setdefault(each.ref, each)
    return list(first.values())


def _is_file(name: str) -> bool:
    if name == "-" or name.endswith(_ENDINGS):
        return True
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long, a NUL: whatever it is, it is no file
        return False


def _asked_ref(text: str) -> Ref:
    ref = Ref.parse(text, kind="Pipeline")
    if ref.kind in ("Pipeline", "PipelineTemplate"):
        return ref
    raise UsageError(
        f"{ref} is neither a pipeline nor a template",
        got=text,
        expected="a pipeline, a template or a file",
        mend="name one, like `acme/nlp/digest@1.0.0` or `template:acme/nlp/one-model`",
    )


def read_manifests(names: Sequence[str]) -> list[Manifest]:
    """Read the pipelines and templates among files; `Rejected` with every fault of any of them."""
    contents = read_files(find_manifests(names))
    refuse_unread(contents, "nothing was checked")
    manifests: list[Manifest] = []
    findings: list[Finding] = []
    for one, raw in contents.files:
        reading = read_manifest(raw, path=one.origin)
        findings.extend(reading.findings)
        manifests.extend([reading.manifest] if isinstance(reading.manifest, (Pipeline, PipelineTemplate)) else [])
    if findings:
        count = len(findings)
        raise Rejected(
            f"nothing was checked: {count} error{'s' * (count != 1)}", findings, mend="mend them, and try again"
        )
    if not manifests:
        raise UsageError(
            "there is neither a pipeline nor a template among the files",
            got=", ".join(names),
            mend="name a file that holds one; `gitreg validate` judges all kinds",
        )
    return manifests


def _print_checked(found: Sequence[Checked]) -> None:
    if not found:
        remark("no pipeline stands that was made from a template")
    for each in found:
        source = f", made from {each.template}" if each.template not in (None, each.ref) else ""
        print_line(f"{each.status} {each.ref}{source}")
        for fault in each.faults:
            print_line(f"    {fault.field}: {fault.says}")
            print_line(f"        mend: {fault.mend}")
        if each.newer is not None:
            for line in _told(each.ref, each.newer):
                remark(line)


def _told(ref: str, move: Move) -> Iterator[str]:
    """Say what moving to a newer version of the template would mean."""
    if move.faults:
        yield f"{ref}: {move.ref} is newer, and gives nothing for these parameters:"
        yield from (f"    {fault.field}: {fault.says}" for fault in move.faults[:_SHOWN])
        return
    count = len(move.fields)
    yield f"{ref}: {move.ref} is newer; moving changes {count or 'no'} field{'s' * (count != 1)}"
    yield from (f"    {path}: {_value(before)} -> {_value(after)}" for path, before, after in move.fields[:_SHOWN])
    if count > _SHOWN:
        yield f"    and {count - _SHOWN} more; --json has them all"


def _value(value: Any) -> str:
    return "not stated" if value is None else short(value)
