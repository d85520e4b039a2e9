"""A typed manifest out as canonical YAML, and edits that keep what people wrote beside it.

- One value has one canonical text: keys in the schema's order, free maps sorted, block style, one final newline.
- `read(write(m)) == m`, for every manifest.
- Comments and single blank lines of a text are re-attached to the field that they stood at, so formatting and editing
  lose nothing that a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import yaml
from pydantic import BaseModel, JsonValue

from gitreg.errors import Finding, UsageError
from gitreg.kinds import Manifest
from gitreg.manifests._subset import ODD_BREAK, Parsed, comments_of, locate, parse_subset, resolve_plain
from gitreg.manifests.reader import Reading, manifest_from_data, read_manifest, split_path
from gitreg.refs import KINDS, Address

SCHEMA_FOLDER: Final = ".gitreg/schemas/v1"
_ANY_JSON: Final[Any] = JsonValue
_PLAIN: Final = frozenset({str, int, float, bool})
_YAML_1_1_BOOLEANS: Final = frozenset({"y", "Y", "n", "N"})
_SCHEMA_MARK: Final = "# yaml-language-server:"


class _CanonicalDumper(yaml.CSafeDumper):
    """Block style, authors' key order, no folding, quotes wherever YAML 1.1 and 1.2 might disagree."""


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style_of(text))


def _style_of(text: str) -> str | None:
    if ODD_BREAK.search(text):
        return '"'
    if "\n" in text:
        reads_well = not text[0].isspace() and not text.endswith("\n\n") and " \n" not in text
        return "|" if reads_well else '"'
    try:
        return None if type(resolve_plain(text)) is str and text not in _YAML_1_1_BOOLEANS else "'"
    except ValueError:
        return "'"


_CanonicalDumper.add_representer(str, _represent_text)


def to_data(value: Any) -> Any:
    """Give a manifest, or a part of one, as plain JSON data in canonical order; what nobody stated is left out.

    Null says no more than nothing does, but where any JSON may stand: there it is a value.
    """
    if value is None or value.__class__ in _PLAIN:
        return value
    if isinstance(value, BaseModel):
        return _stated(value)
    if isinstance(value, dict):
        return {key: to_data(value[key]) for key in sorted(value)}
    if isinstance(value, (tuple, list)):
        return [to_data(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _stated(value: BaseModel) -> dict[str, Any]:
    stated, held = value.model_fields_set, value.__dict__
    found = {}
    for name, written, may_be_null in _fields_of(value.__class__):
        if name in stated:
            inner = held[name]
            if inner.__class__ in _PLAIN:
                found[written] = inner
            elif inner is not None or may_be_null:
                found[written] = to_data(inner)
    return found


@cache
def _fields_of(kind: type[BaseModel]) -> tuple[tuple[str, str, bool], ...]:
    """Give the fields of a model: the name, how it is written in files, and whether null says something there."""
    return tuple(
        (name, field.alias or name, field.annotation is _ANY_JSON) for name, field in kind.model_fields.items()
    )


def schema_line(address: Address) -> str:
    """Give the comment that tells editors which JSON Schema the file keeps, relative to the file's own place."""
    up = "../" * address.path.count("/")
    return f"{_SCHEMA_MARK} $schema={up}{SCHEMA_FOLDER}/{KINDS[address.kind].word}.schema.json\n"


def write_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as canonical YAML, with the editor's schema line first."""
    return (schema_line(manifest.address) + dump_yaml(to_data(manifest))).encode()


def dump_yaml(data: Any) -> str:
    """Write plain data as YAML in the canonical style, keys in the order given."""
    text: str = yaml.dump(
        data,
        Dumper=_CanonicalDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1_000_000,
    )
    return text


def format_manifest(raw: bytes, *, path: str | None = None) -> tuple[bytes | None, tuple[Finding, ...]]:
    """Give the canonical text of a manifest with its comments kept; None and the findings where it cannot be read."""
    reading = read_manifest(raw, path=path)
    if reading.manifest is None:
        return None, reading.findings
    return _rewrite(reading.manifest, parse_subset(raw)), ()


def edit_manifest(
    raw: bytes, *, put: Mapping[str, Any], remove: Iterable[str] = (), path: str | None = None
) -> tuple[bytes | None, Reading]:
    """Put and remove fields by dotted path (`spec.lifecycle.status`), keeping comments; the result is read again.

    A step that is a number addresses an item of a list, which must exist or be the next one.
    """
    reading = read_manifest(raw, path=path)
    if reading.manifest is None:
        return None, reading
    parsed = parse_subset(raw)
    data = parsed.data
    for dotted in remove:
        _remove(data, _steps(dotted), dotted)
    for dotted, value in put.items():
        _put(data, _steps(dotted), value, dotted)
    edited = manifest_from_data(data)
    if edited.manifest is None:
        return None, Reading(None, tuple(finding.at(path=path) for finding in edited.findings))
    rewritten = _rewrite(edited.manifest, parsed)
    again = read_manifest(rewritten, path=path)
    return (rewritten if again.manifest else None), again


def _steps(dotted: str) -> tuple[str, ...]:
    steps = split_path(dotted)
    if not steps:
        raise UsageError("the field's path is empty", got=dotted, mend="name a field, like `metadata.description`")
    return steps


def _descend(data: Any, steps: tuple[str, ...], dotted: str, *, create: bool) -> Any:
    here = data
    for step in steps:
        if isinstance(here, dict):
            here = here.setdefault(step, {}) if create else here.get(step)
        elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            here = None
        if here is None:
            raise UsageError(
                f"the manifest has no field `{dotted}`: it ends at {step!r}",
                got=dotted,
                mend="look at `gitreg get REF` for the fields that it has",
            )
    return here


def _put(data: Any, steps: tuple[str, ...], value: Any, dotted: str) -> None:
    holder = _descend(data, steps[:-1], dotted, create=True)
    last = steps[-1]
    if isinstance(holder, dict):
        holder[last] = value
    elif isinstance(holder, list) and last.isdigit() and int(last) <= len(holder):
        holder[int(last) : int(last) + 1] = [value]
    else:
        raise UsageError(
            f"`{dotted}` cannot be set: what holds it is neither a mapping nor a list with that place",
            got=dotted,
            mend="set the field that holds it as a whole",
        )


def _remove(data: Any, steps: tuple[str, ...], dotted: str) -> None:
    holder = _descend(data, steps[:-1], dotted, create=False)
    last = steps[-1]
    if isinstance(holder, dict) and last in holder:
        del holder[last]
    elif isinstance(holder, list) and last.isdigit() and int(last) < len(holder):
        del holder[int(last)]
    else:
        raise UsageError(
            f"the manifest has no field `{dotted}`",
            got=dotted,
            mend="look at `gitreg get REF` for the fields that it has",
        )


_Path = tuple[str | int, ...]
_END: Final[_Path] = ("\0end",)


def _rewrite(manifest: Manifest, source: Parsed) -> bytes:
    canonical = write_manifest(manifest)
    notes = _notes_of(source)
    if not notes:
        return canonical
    return _with_notes(canonical, notes)


def _notes_of(source: Parsed) -> list[tuple[_Path, bool, str]]:
    """Tie each comment and blank line to a field: (path, whether it trails the field's line, text)."""
    at_line, ending_line = _paths_by_line(source)
    lines = sorted(at_line)
    notes: list[tuple[_Path, bool, str]] = []
    for line, column, text in comments_of(source):
        if text.startswith(_SCHEMA_MARK):
            continue
        trails = column > 0 and bool(source.text.split("\n")[line][:column].strip())
        if trails and line in ending_line:
            notes.append((ending_line[line], True, text))
            continue
        following = next((number for number in lines if number > line), None)
        notes.append((at_line[following] if following is not None else _END, False, text))
    return _without_idle_blanks(notes)


def _without_idle_blanks(notes: list[tuple[_Path, bool, str]]) -> list[tuple[_Path, bool, str]]:
    kept: list[tuple[_Path, bool, str]] = []
    for note in notes:
        path, trails, text = note
        is_first = path == ("apiVersion",) and not any(kept_path == path for kept_path, _, _ in kept)
        if not trails and text == "" and (is_first or path == _END):
            continue
        kept.append(note)
    return kept


def _paths_by_line(parsed: Parsed) -> tuple[dict[int, _Path], dict[int, _Path]]:
    """Tie lines to fields: to the outermost that begins there, and to the last that begins or has its end there."""
    first: dict[int, _Path] = {}
    last: dict[int, _Path] = {}
    for path, (key_event, event) in sorted(locate(parsed).items(), key=lambda item: len(item[0])):
        if path:
            first.setdefault(int(key_event.start_mark.line), path)
            last[int(key_event.start_mark.line)] = path
            if type(event) is yaml.ScalarEvent and event.style not in ("|", ">"):
                last.setdefault(int(event.end_mark.line), path)  # type: ignore[union-attr] # libyaml marks every event
    return first, last


def _with_notes(canonical: bytes, notes: list[tuple[_Path, bool, str]]) -> bytes:
    parsed = parse_subset(canonical)
    lines = parsed.text.split("\n")[:-1]
    places = locate(parsed)
    before: dict[int, list[str]] = {}
    after: dict[int, str] = {}
    for path, trails, text in notes:
        line = _line_of(path, places, len(lines))
        if trails and line not in after and line < len(lines) and _takes_trailing(path, places, line, lines[line]):
            after[line] = text
        elif text or before.get(line, [None])[-1] != "":  # two blank lines are one
            before.setdefault(line, []).append(text)
    return _interleave(lines, before, after).encode()


def _line_of(path: _Path, places: dict[Any, Any], end: int) -> int:
    if path == _END:
        return end
    while path and path not in places:
        path = path[:-1]
    event: Any = places[path][0] if path else None
    return end if event is None else int(event.start_mark.line)


def _takes_trailing(path: _Path, places: dict[Any, Any], line: int, text: str) -> bool:
    """Tell whether a comment may stand behind a field: behind a value on one line, or a key with its value below."""
    event: Any = places.get(path, (None, None))[1]
    if event is None:
        return False
    begins, is_scalar, ends = event.start_mark.line, type(event) is yaml.ScalarEvent, event.end_mark.line
    return bool(begins == ends == line if is_scalar else begins != line or text.endswith(("{}", "[]")))


def _interleave(lines: list[str], before: dict[int, list[str]], after: dict[int, str]) -> str:
    out: list[str] = []
    for number, line in enumerate([*lines, None]):
        indent = "" if line is None else line[: len(line) - len(line.lstrip(" "))]
        out.extend(f"{indent}{text}" if text else "" for text in before.get(number, ()))
        if line is not None:
            out.append(f"{line} {after[number]}" if number in after else line)
    return "\n".join(out) + "\n"
