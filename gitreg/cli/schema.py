"""`gitreg schema`: JSON Schemas and examples of the kinds, for people, editors and other languages."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel

from gitreg.cli.options import JsonOption, print_json, print_line, print_table
from gitreg.cli.output import print_bytes
from gitreg.errors import UsageError
from gitreg.kinds import KIND_TYPES, Manifest
from gitreg.kinds.schema import json_schema, schema_names
from gitreg.manifests import manifest_from_data, read_manifest, schema_line, to_data, write_manifest
from gitreg.refs import KINDS

_SUFFIX: Final = ".schema.json"


def schema(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="A kind: model, dataset, policy, ...", show_default=False)
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print a manifest of that kind instead.")] = False,
    minimal: Annotated[
        bool, typer.Option("--minimal", help="Print the example cut down to the fields that must be there.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the kinds.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write all schemas into a folder.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema (draft 2020-12) or an example of a kind.

    \b
    Examples:
      gitreg schema model > model.schema.json
      gitreg schema model --example
      gitreg schema model --minimal > model.yaml
      gitreg schema --list
    """
    if (kind is not None) + list_ + (write is not None) != 1:
        raise UsageError("one thing is wanted", expected="KIND, --list or --write DIR", mend="give exactly one of them")
    if example and minimal:
        raise UsageError(
            "--example and --minimal do not go together",
            expected="--example for all that can be said, --minimal for what must be",
            mend="give one of the two",
        )
    if list_:
        _list_kinds(as_json=as_json)
    elif write is not None:
        _write_all(write, as_json=as_json)
    elif kind is not None:
        name = _kind_named(kind)
        if minimal:
            _print_example(name, minimal_example_of(name), as_json=as_json)
        elif example:
            _print_example(name, example_of(name), as_json=as_json)
        else:
            print_bytes(schema_bytes(name))


def _print_example(kind: str, raw: bytes, *, as_json: bool) -> None:
    if as_json:
        print_json({"kind": kind, "example": raw.decode()})
    else:
        print_bytes(raw)


def schema_bytes(kind: str) -> bytes:
    """Give a kind's JSON Schema as its file holds it."""
    return (json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n").encode()


def example_of(kind: str) -> bytes:
    """Give an example manifest of a kind, with the schema line of the place where it would stand."""
    manifest = _example(kind)
    text = type(manifest).example
    return (schema_line(manifest.address) + text).encode()


def minimal_example_of(kind: str) -> bytes:
    """Give the example of a kind with nothing in it but the fields that every manifest of the kind must have."""
    manifest = manifest_from_data(_required(_example(kind))).manifest
    assert manifest is not None, "what is required is enough"  # noqa: S101 - held by a test of every kind
    return write_manifest(manifest)


def _example(kind: str) -> Manifest:
    if kind not in KIND_TYPES:
        raise UsageError(
            f"there is no example of a {kind}: it is a fact, and not written by hand",
            got=kind,
            expected=", ".join(KINDS[name].word for name in KIND_TYPES),
            mend=f"look at `gitreg schema {_words()[kind]}`",
        )
    manifest = read_manifest(KIND_TYPES[kind].example.encode()).manifest
    assert manifest is not None, "each kind's example is a manifest of it"  # noqa: S101 - held by the kinds' own tests
    return manifest


def _required(value: Any) -> Any:
    """Give a value as plain data, every part of it with its required fields only."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        return {field.alias or name: _required(getattr(value, name)) for name, field in fields if field.is_required()}
    if isinstance(value, tuple):
        return [_required(item) for item in value]
    return to_data(value)


def _words() -> dict[str, str]:
    """Give each kind of record or fact and its word."""
    return {kind: name.removesuffix(_SUFFIX) for kind, name in schema_names().items()}


def _kind_named(text: str) -> str:
    folded = text.casefold()
    words = _words()
    for kind, word in words.items():
        folder = KINDS[kind].folder if kind in KINDS else ""
        if folded in (kind.casefold(), word, folder or word):
            return kind
    near = get_close_matches(folded, words.values(), n=1)
    raise UsageError(
        f"there is no kind {text!r}",
        got=text,
        expected=", ".join(words.values()),
        mend=f"did you mean {near[0]!r}?" if near else "`gitreg schema --list` lists the kinds",
    )


def _list_kinds(*, as_json: bool) -> None:
    rows = [
        {"kind": kind, "word": word, "folder": KINDS[kind].folder if kind in KINDS else None, "file": word + _SUFFIX}
        for kind, word in _words().items()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("word", "kind", "folder"), ((row["word"], row["kind"], row["folder"]) for row in rows))


def _write_all(folder: Path, *, as_json: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, name in schema_names().items():
            (folder / name).write_bytes(schema_bytes(kind))
    except OSError as error:
        raise UsageError(
            "the schemas cannot be written there",
            where=str(folder),
            got=error.strerror or str(error),
            mend="name a folder that you may write to",
        ) from error
    written = [str(folder / name) for name in schema_names().values()]
    if as_json:
        print_json({"written": written})
    else:
        for path in written:
            print_line(path)
