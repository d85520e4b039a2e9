"""`gitreg pipeline`: show a pipeline's graph, its order, its lock and its matrix; begin new lines of it.

- What reads answers from the index, as of one commit, and through Git where no index can be kept.
- A ref without a kind means a pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gitreg.cli.files import write_output
from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_line, read_input, remark
from gitreg.cli.output import print_bytes
from gitreg.cli.pipeline_lines import NameArgument, RefArgument, branch, clone, rollback
from gitreg.errors import Exit, UsageError
from gitreg.pictures import DRAWINGS
from gitreg.pipelines.locking import MOST_BYTES, Lock, read_lock, write_lock
from gitreg.pipelines.names import pipeline_name, pipeline_ref
from gitreg.pipelines.picture import picture_of
from gitreg.refs import Ref
from gitreg_indexer.options import AtOption, CatalogOption, IndexOption
from gitreg_indexer.pipeline_text import (
    check_lines,
    dag_lines,
    lock_lines,
    lock_remarks,
    matrix_lines,
    order_lines,
)
from gitreg_indexer.pipelines import check_data, checked_in, dag_in, lock_in, matrix_in
from gitreg_indexer.registry_at import RegistryAt, open_at

app = typer.Typer(
    name="pipeline", help="Show, lock and compare pipelines, and begin new lines of them.", no_args_is_help=True
)


class Form(StrEnum):
    """The forms in which a pipeline is shown."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


FormOption = Annotated[Form, typer.Option("--format", help="The form of the answer.")]


@app.command("show")
def show(
    ref: RefArgument,
    form: FormOption = Form.TEXT,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a pipeline's graph: stages, what flows and whether it fits, the order, times and resources.

    A schema that is not proved to fit is not known to; a transform on the way, or a stage that declares no ports,
    leaves it open.

    \b
    Examples:
      gitreg pipeline show acme/nlp/triage@production
      gitreg pipeline show acme/nlp/triage --format svg > triage.svg
      gitreg pipeline show acme/nlp/triage --at 2026-06-30 --json
    """
    if as_json and form in DRAWINGS:
        raise UsageError(f"--json and --format {form.value} exclude each other", mend="leave one of them out")
    data = dag_in(_state(at, repo, folder, catalog, quiet=as_json), pipeline_ref(ref))
    if as_json or form is Form.JSON:
        print_json(data)
    elif form is Form.TEXT:
        _print_all(dag_lines(data))
    else:
        print_bytes(DRAWINGS[form](picture_of(data)).encode())


@app.command("order")
def order(
    ref: RefArgument,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell in which order a pipeline's stages run, which of them side by side, the critical path and the loads.

    The path is by worst-case time, each try of a stage at its timeout with the delays between; where a stage states no
    timeout, by the number of stages.

    \b
    Example:
      gitreg pipeline order acme/nlp/triage
    """
    data = dag_in(_state(at, repo, folder, catalog, quiet=as_json), pipeline_ref(ref))
    if as_json:
        print_json({key: data[key] for key in ("ref", "order", "stuck", "criticalPath", "resources", "commit", "seq")})
    else:
        _print_all(order_lines(data))


@app.command("lock")
def lock(
    ref: RefArgument,
    at: AtOption = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the lock to a file; stdout without it.")
    ] = None,
    check: Annotated[
        str | None, typer.Option("--check", metavar="FILE", help="Tell whether a lock still holds; - for stdin.")
    ] = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lock a pipeline: every record that it needs, at any depth, as one exact version with its digests.

    The same commit gives the same bytes. With --check, exits 1 where content that may never change is another, a
    version is gone, retired or not what is wanted; what a fresh lock would mean instead is told, and is no fault.

    \b
    Examples:
      gitreg pipeline lock acme/nlp/triage@1.2.3 --output triage.lock.json
      gitreg pipeline lock acme/nlp/triage@1.2.3 --check triage.lock.json
    """
    if output is not None and check is not None:
        raise UsageError("--output and --check exclude each other", mend="check first, then lock again")
    asked, state = pipeline_ref(ref), _state(at, repo, folder, catalog, quiet=as_json)
    if check is not None:
        _check(state, asked, check, as_json=as_json)
        return
    made = lock_in(state, asked)
    for line in lock_remarks(made):
        remark(line)
    if output in (None, "-"):
        print_bytes(write_lock(made))
        return
    write_output(output or "-", write_lock(made))
    if as_json:
        print_json({"file": output, "pipeline": made.pipeline, "records": len(made.records), **_at(made)})
    else:
        _print_all(lock_lines(made))


@app.command("matrix")
def matrix(
    ref: NameArgument,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Only this model, like acme/nlp/summarizer.")
    ] = None,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which versions of its models each version of a pipeline goes together with.

    `admits` is every version that the constraint allows, `means` the one that it is resolved to.

    \b
    Example:
      gitreg pipeline matrix acme/nlp/triage --model acme/nlp/summarizer
    """
    named = pipeline_name(ref, "matrix")
    data = matrix_in(_state(at, repo, folder, catalog, quiet=as_json), named, model)
    if as_json:
        print_json(data)
    else:
        _print_all(matrix_lines(data))


app.command("clone")(clone)
app.command("branch")(branch)
app.command("rollback")(rollback)


def _state(when: str | None, repo: Path | None, folder: Path | None, catalog: str | None, *, quiet: bool) -> RegistryAt:
    return open_at(open_registry(repo), when, folder, quiet=quiet, catalog=catalog)


def _check(state: RegistryAt, asked: Ref, name: str, *, as_json: bool) -> None:
    known = read_lock(read_input(name, limit=MOST_BYTES), name)
    if Ref.parse(known.pipeline).place != asked.place:
        raise UsageError(
            f"this is the lock of {known.pipeline}",
            where=name,
            got=str(asked),
            expected=known.pipeline,
            mend="name the pipeline that it is of",
        )
    found = checked_in(state, asked, known)
    if as_json:
        print_json(check_data(state, known, found))
    else:
        _print_all(check_lines(known, found))
    if not found.holds:
        raise typer.Exit(Exit.FAULTS)


def _at(made: Lock) -> dict[str, object]:
    return {"commit": made.commit, "seq": made.seq}


def _print_all(lines: Iterable[str]) -> None:
    for line in lines:
        print_line(line)
