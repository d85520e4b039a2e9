"""`gitreg version`: ask about versions and ranges, one at a time or many through a pipe.

- A thin caller of `gitreg.versions`: versions and ranges are read as npm reads them.
- `satisfies` exits 0 for true and for false; a text that cannot be read is a UsageError.
- In a batch every line that is not blank gets exactly one line of answer, flushed at once; a bad line gets an
  `error`, never a traceback, and the next line is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

import orjson
import typer

from gitreg.errors import NotFoundError, UsageError
from gitreg.versions import Range, TextError, Version, satisfies

app = typer.Typer(name="version", help="Ask about versions and ranges.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Loose = Annotated[bool, typer.Option("--loose", help="Forgive what npm's loose mode forgives.")]
IncludePrerelease = Annotated[bool, typer.Option("--include-prerelease", help="Let prereleases satisfy any range.")]

_T = TypeVar("_T")
_KEYS = {"version": str, "range": str, "includePrerelease": bool, "loose": bool}
_KINDS = {str: "a string", bool: "true or false"}


@app.command("satisfies")
def satisfies_command(
    version: Annotated[str | None, typer.Argument(show_default=False)] = None,
    range_: Annotated[str | None, typer.Argument(metavar="RANGE", show_default=False)] = None,
    include_prerelease: IncludePrerelease = False,
    loose: Loose = False,
    as_json: Json = False,
    batch: Annotated[bool, typer.Option("--batch", help="Read JSON lines from stdin.")] = False,
) -> None:
    """Tell whether VERSION is in RANGE, as npm does: prints true or false.

    With --batch, reads lines {"version", "range", "includePrerelease"?, "loose"?} from stdin and answers
    each with {"satisfies": bool} or {"error": text}. Blank lines are skipped. The flags count for lines that
    do not set them.
    """
    if batch:
        _refuse_words_with_batch(version, range_)
        for line in typer.get_binary_stream("stdin"):
            if line.strip():
                flags = {"includePrerelease": include_prerelease, "loose": loose}
                typer.echo(json.dumps(answer(line, flags)))
        return
    if version is None or range_ is None:
        raise UsageError(
            "VERSION and RANGE are both needed",
            where="gitreg version satisfies",
            expected="VERSION RANGE, or --batch",
            mend="run `gitreg version satisfies 1.2.3 '^1.0.0'`",
        )
    said = _read(lambda: satisfies(version, range_, include_prerelease=include_prerelease, loose=loose))
    typer.echo(json.dumps({"satisfies": said}) if as_json else json.dumps(said))


@app.command()
def compare(a: str, b: str, loose: Loose = False, as_json: Json = False) -> None:
    """Print -1, 0 or 1: A is below, equal to or above B."""
    one, two = _read_versions([a, b], loose=loose)
    order = (one > two) - (one < two)
    typer.echo(json.dumps({"compare": order}) if as_json else str(order))


@app.command()
def best(
    range_: Annotated[str, typer.Argument(metavar="RANGE")],
    versions: list[str],
    include_prerelease: IncludePrerelease = False,
    loose: Loose = False,
    as_json: Json = False,
) -> None:
    """Print the highest of the versions that RANGE allows."""
    wanted = _read(lambda: Range.parse(range_, include_prerelease=include_prerelease, loose=loose))
    found = wanted.best(_read_versions(versions, loose=loose))
    if found is None:
        raise NotFoundError(
            f"none of {len(versions)} versions satisfies {range_!r}",
            where="gitreg version best",
            mend="widen RANGE, or add --include-prerelease if a prerelease will do",
        )
    typer.echo(json.dumps({"best": str(found)}) if as_json else str(found))


@app.command()
def sort(versions: list[str], loose: Loose = False, as_json: Json = False) -> None:
    """Print the versions from the lowest to the highest."""
    ordered = [str(version) for version in sorted(_read_versions(versions, loose=loose))]
    typer.echo(json.dumps(ordered) if as_json else "\n".join(ordered))


def answer(line: bytes, flags: dict[str, bool]) -> dict[str, Any]:
    """Answer one line of a batch; `flags` are those that the line does not set."""
    try:
        question = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        return {"error": f"not a line of JSON: {fault}"}
    for wrong in _faults_of(question):
        return {"error": wrong}
    asked = flags | question
    try:
        said = satisfies(
            asked["version"],
            asked["range"],
            include_prerelease=asked["includePrerelease"],
            loose=asked["loose"],
        )
    except TextError as fault:
        return {"error": str(fault)}
    return {"satisfies": said}


def _faults_of(question: object) -> Iterator[str]:
    """Find what is wrong with the shape of a question."""
    if not isinstance(question, dict):
        yield f"not an object: got {type(question).__name__}"
        return
    for key in ("version", "range"):
        if key not in question:
            yield f"{key!r} is missing"
    for key, value in question.items():
        if key not in _KEYS:
            yield f"{key!r} is not known: use {', '.join(_KEYS)}"
        elif not isinstance(value, _KEYS[key]):
            yield f"{key!r} must be {_KINDS[_KEYS[key]]}: got {type(value).__name__}"


def _refuse_words_with_batch(*words: str | None) -> None:
    given = [word for word in words if word is not None]
    if given:
        raise UsageError(
            "--batch reads versions and ranges from stdin only",
            where="gitreg version satisfies",
            got=" ".join(given),
            expected="no VERSION and no RANGE",
            mend="drop --batch, or drop the words",
        )


def _read_versions(texts: list[str], *, loose: bool) -> list[Version]:
    return _read(lambda: [Version.parse_npm(text, loose=loose) for text in texts])


def _read(read: Callable[[], _T]) -> _T:
    """Read the call's own words; what cannot be read is a UsageError."""
    try:
        return read()
    except TextError as fault:
        raise UsageError(
            f"{fault.text!r} is not a {fault.what}: {fault.why}",
            where=fault.what.upper(),
            got=repr(fault.text),
            expected=f"a {fault.what} that npm can read",
            mend=fault.mend,
        ) from fault
