"""Bytes in, a typed manifest out, or everything that is wrong with them.

- A manifest is made whole or not at all; every fault has file, line, column, field path, what was expected and,
  where a key or word is nearly right, the nearest right one.
- Whatever the bytes are, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

import orjson
from pydantic import BaseModel, ValidationError

from gitreg.errors import Finding
from gitreg.kinds import API_VERSION, KIND_TYPES, Manifest, data_path, part_at
from gitreg.manifests._plain import parse_plain
from gitreg.manifests._subset import Parsed, fault_at, locate, parse_subset, resolve_plain

SCHEMA_RULE: Final = ("GR-003", "schema")
_DERIVED: Final = frozenset(
    {
        "id",
        "uid",
        "createdAt",
        "updatedAt",
        "registeredAt",
        "registeredBy",
        "complianceStatus",
        "ref",
        "commit",
        "seq",
        "path",
        "blob",
        "registry",
    }
)
_RULES_BY_FIELD: Final[dict[tuple[str | int, ...], tuple[str, str]]] = {
    ("metadata", "version"): ("GR-010", "semver"),
    ("metadata", "name"): ("GR-005", "name-grammar"),
    ("metadata", "namespace"): ("GR-005", "name-grammar"),
    ("spec", "checksum", "digest"): ("GR-060", "checksum-strength"),
}
_VERSION_MEND: Final = "write major.minor.patch, like 1.0.0 or 2.1.0-rc.1, with no leading zeros and no build metadata"
_MENDS_BY_FIELD: Final[dict[tuple[str | int, ...], str]] = {
    ("metadata", "version"): _VERSION_MEND,
    (
        "metadata",
        "name",
    ): "use lower-case letters, digits, '.', '_' and '-', at most 64, beginning and ending with a letter or digit",
    ("metadata", "namespace"): "use one to three lower-case names with '/' between them, like acme/nlp",
    (
        "spec",
        "checksum",
        "digest",
    ): "write the SHA-256 as 64 lower-case hexadecimal digits; `sha256sum FILE` prints it",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading one file: a manifest, or the findings that say why there is none."""

    manifest: Manifest | None
    findings: tuple[Finding, ...] = ()


def read_manifest(raw: bytes, *, path: str | None = None) -> Reading:
    """Read one manifest. `path` is only named in findings; whether it fits the manifest is `path-identity`'s matter."""
    if (found := _plainly_written(raw)) is not None:
        return Reading(found)
    parsed = parse_subset(raw)
    if not parsed.findings:
        manifest, findings = _validate(parsed)
        return Reading(manifest, _placed(findings, path))
    return Reading(None, _placed([*parsed.findings, *_further(parsed)], path))


def _plainly_written(raw: bytes) -> Manifest | None:
    """Read a sound manifest that is written as gitreg writes it; None for all else, which is looked at as a whole."""
    data = parse_plain(raw)
    kind = KIND_TYPES.get(str(data.get("kind"))) if data is not None else None
    if kind is None:
        return None
    try:
        return _manifest_of(kind, data)
    except (ValidationError, orjson.JSONEncodeError):
        return None


def _further(parsed: Parsed) -> list[Finding]:
    """Find what else is wrong with a text outside the subset, in the lines of which nothing has been said yet."""
    if not parsed.is_single or not isinstance(parsed.data, dict):
        return []
    told = {finding.line for finding in parsed.findings}
    return [finding for finding in _validate(parsed)[1] if finding.line not in told and "\0" not in finding.says]


def manifest_from_data(data: Any) -> Reading:
    """Make a manifest of plain JSON data; findings have field paths and no lines."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KIND_TYPES:
        return Reading(None, (_kind_fault(Parsed(""), data),))
    try:
        return Reading(_manifest_of(KIND_TYPES[kind], data))
    except ValidationError as error:
        return Reading(None, tuple(_explain_all(Parsed(""), {}, KIND_TYPES[kind], error)))
    except orjson.JSONEncodeError as error:
        mend = "give text, numbers, true, false, null, lists and mappings with text as keys"
        return Reading(None, (fault_at("", 0, 0, f"the data is not JSON: {error}", mend, SCHEMA_RULE),))


def point_at(finding: Finding, raw: bytes) -> Finding:
    """Give a finding the line, column and source of its field in a text; of the nearest field above, if it has none."""
    return point_all((finding,), raw)[0]


def point_all(findings: Iterable[Finding], raw: bytes) -> list[Finding]:
    """Point several findings at their places in one text, which is parsed once."""
    parsed = parse_subset(raw)
    places = {} if parsed.findings else locate(parsed)
    return [_pointed(finding, parsed, places) for finding in findings]


def _pointed(finding: Finding, parsed: Parsed, places: dict[Any, Any]) -> Finding:
    if finding.line is not None:
        pointed = fault_at(parsed.text, finding.line - 1, 0, finding.says, finding.mend)
        return replace(finding, source=pointed.source)
    if parsed.findings or not finding.field:
        return finding
    steps = tuple(int(step) if step.isdigit() else step for step in split_path(finding.field))
    line, column = _place(places, steps, prefers_key=False)
    pointed = fault_at(parsed.text, line, column, finding.says, finding.mend)
    return replace(finding, line=pointed.line, column=pointed.column, source=pointed.source)


def split_path(dotted: str) -> tuple[str, ...]:
    """Split `spec.endpoints[0].url` or `spec.endpoints.0.url` into its steps."""
    return tuple(step for step in dotted.replace("[", ".").replace("]", "").split(".") if step)


def _placed(findings: Iterable[Finding], path: str | None) -> tuple[Finding, ...]:
    return tuple(finding.at(path=path) for finding in findings)


def _validate(parsed: Parsed) -> tuple[Manifest | None, list[Finding]]:
    data = parsed.data
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KIND_TYPES:
        meant = _near(kind, KIND_TYPES, fold=True) if isinstance(kind, str) else None
        further = _validate(replace(parsed, data={**data, "kind": meant}))[1] if meant else []
        return None, [_kind_fault(parsed, data), *further]
    try:
        return _manifest_of(KIND_TYPES[kind], data), []
    except ValidationError as error:
        faults = _explain_all(parsed, locate(parsed), KIND_TYPES[kind], error)
        return None, sorted(faults, key=lambda finding: (finding.line or 0, finding.column or 0))
    except orjson.JSONEncodeError as error:
        mend = "write the text without lone surrogates (\\ud800 to \\udfff)"
        return None, [fault_at(parsed.text, 0, 0, f"the text cannot be encoded: {error}", mend)]


def _manifest_of(kind: type[Manifest], data: Any) -> Manifest:
    """Make a manifest of data whose keys are spelt as in files (`contextLength`), never as in Python."""
    return kind.model_validate_json(orjson.dumps(data), by_alias=True, by_name=False)


def _kind_fault(parsed: Parsed, data: Any) -> Finding:
    expected = ", ".join(KIND_TYPES)
    if not isinstance(data, dict):
        says = f"a manifest is a mapping with apiVersion, kind, metadata and spec, not {_type_word(data)}"
        mend = "begin with `apiVersion: gitreg/v1`; `gitreg schema KIND --example` prints a whole one"
        return fault_at(parsed.text, 0, 0, says, mend, SCHEMA_RULE)
    place = locate(parsed).get(("kind",)) if parsed.events else None
    line, column = (place[1].start_mark.line, place[1].start_mark.column) if place else (0, 0)
    kind = data.get("kind")
    if kind is None:
        near = _near("kind", data)
        mend = f"did you mean `kind` for {near!r}?" if near else f"add `kind: Model`, or one of: {expected}"
        return fault_at(parsed.text, 0, 0, "`kind` is missing", mend, SCHEMA_RULE)
    near = _near(str(kind), KIND_TYPES, fold=True)
    says = f"kind {kind!r} is not one that this registry knows; expected one of {expected}"
    mend = f"did you mean {near!r}?" if near else f"write one of: {expected}"
    return fault_at(parsed.text, line, column, says, mend, SCHEMA_RULE)


def _near(word: str, known: Iterable[str], *, fold: bool = False) -> str | None:
    words = {(known_word.casefold() if fold else known_word): known_word for known_word in map(str, known)}
    found = get_close_matches(word.casefold() if fold else word, list(words), n=1, cutoff=0.6)
    return words[found[0]] if found else None


def _explain_all(
    parsed: Parsed, places: dict[Any, Any], kind: type[BaseModel], error: ValidationError
) -> list[Finding]:
    """Explain each fault once: what pydantic says of a value for every type of a union is one fault."""
    grouped: dict[Any, list[Any]] = {}
    for fault in error.errors(include_url=False):
        loc = tuple(fault["loc"])
        grouped.setdefault((data_path(kind, loc), "[key]" in loc), []).append(fault)
    return [
        _explain(parsed, places, kind, path, faults)
        for (path, _), faults in grouped.items()
        if faults[0]["type"] != "too_short" or not faults[0]["ctx"]["actual_length"] < len(faults[0]["input"])
    ]


def _explain(
    parsed: Parsed, places: dict[Any, Any], kind: type[BaseModel], path: tuple[str | int, ...], faults: list[Any]
) -> Finding:
    fault = faults[0]
    problem = fault["type"]
    if problem in ("union_tag_invalid", "union_tag_not_found"):
        path = (*path, fault["ctx"]["discriminator"].strip("'"))
    field = _field_text(path)
    rule = SCHEMA_RULE if problem == "missing" else _RULES_BY_FIELD.get(path, SCHEMA_RULE)
    says, mend = _wording(kind, path, faults, getattr(places.get(path, (None, None))[1], "value", None))
    if problem == "extra_forbidden" and len(path) <= 2 and path[-1] in _DERIVED:
        rule = ("GR-019", "derived-fields")
        says = f"`{field}` is derived from Git and never written by hand"
        mend = f"remove `{path[-1]}`; answers carry it under `registry`"
    line, column = _place(places, path, prefers_key=problem == "extra_forbidden" or "[key]" in fault["loc"])
    finding = fault_at(parsed.text, line, column, says, mend, rule)
    return replace(
        finding,
        line=finding.line if parsed.text else None,
        column=finding.column if parsed.text else None,
        field=field or None,
    )


def _field_text(loc: tuple[str | int, ...]) -> str:
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text


def _place(places: dict[Any, Any], loc: tuple[str | int, ...], *, prefers_key: bool) -> tuple[int, int]:
    while loc and loc not in places:
        loc, prefers_key = loc[:-1], True
    key_event, value_event = places.get(loc, (None, None))
    event = key_event if prefers_key else value_event
    return (event.start_mark.line, event.start_mark.column) if event is not None else (0, 0)


def _wording(
    kind: type[BaseModel], path: tuple[str | int, ...], faults: list[Any], written: str | None
) -> tuple[str, str]:
    fault = faults[0]
    problem, got, loc = fault["type"], fault["input"], tuple(fault["loc"])
    leaf = path[-1] if path else "the manifest"
    if path[:1] == ("apiVersion",) and problem != "missing":
        return f"apiVersion is {got!r}; expected {API_VERSION!r}", f"write `apiVersion: {API_VERSION}`"
    if problem == "extra_forbidden":
        return _unknown_key(kind, loc, str(leaf))
    if problem in ("missing", "union_tag_not_found"):
        return f"`{leaf}` is missing{_in(path)}", _missing_mend(kind, loc, str(leaf))
    if problem == "union_tag_invalid":
        got = fault["ctx"]["tag"]
    elif "[key]" in loc:
        got = leaf
    expected = _expected_of_all(faults)
    says = f"got {_shown(got)}; expected {expected}"
    if path in _MENDS_BY_FIELD:
        return says, _MENDS_BY_FIELD[path]
    return says, _value_mend(fault, got, expected, written)


def _in(path: tuple[str | int, ...]) -> str:
    return f" in `{_field_text(path[:-1])}`" if len(path) > 1 else ""


def _unknown_key(kind: type[BaseModel], loc: tuple[str | int, ...], leaf: str) -> tuple[str, str]:
    part = part_at(kind, loc[:-1])
    known = _keys_of(part)
    near = _near(leaf, known) or _near(leaf, known, fold=True)
    where = f"; it knows {', '.join(known)}" if known else ""
    if near:
        return f"unknown key {leaf!r}", f"did you mean {near!r}?"
    for block in ("metadata", "spec"):
        if leaf in _keys_of(part_at(kind, (block,))):
            return f"unknown key {leaf!r}", f"did you mean `{block}.{leaf}`?"
    return (
        f"unknown key {leaf!r}{where}",
        "remove it, or put fields of your own under `spec.custom.<namespace>`",
    )


def _keys_of(part: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in part.model_fields.items()] if part else []


def _missing_mend(kind: type[BaseModel], loc: tuple[str | int, ...], leaf: str) -> str:
    part = part_at(kind, loc[:-1])
    for name, field in part.model_fields.items() if part else ():
        if leaf in (name, field.alias) and field.description:
            return f"add `{leaf}`: {field.description}"
    return f"add `{leaf}`"


def _expected(fault: Any) -> str:
    problem, context = fault["type"], fault.get("ctx", {})
    match problem:
        case "literal_error" | "enum":
            return f"one of {context.get('expected')}"
        case "string_pattern_mismatch":
            return f"text that matches {context.get('pattern')}"
        case "value_error":
            return str(context.get("error", fault["msg"]))
        case "too_short":
            return f"a list of at least {context.get('min_length')}"
        case "string_too_short":
            return f"text of at least {_characters(context.get('min_length'))}"
        case "string_too_long":
            return f"text of at most {_characters(context.get('max_length'))}"
        case "greater_than_equal":
            return f"at least {context.get('ge')}"
        case "less_than_equal":
            return f"at most {context.get('le')}"
        case "union_tag_invalid":
            return f"one of {context.get('expected_tags')}"
        case _:
            return _TYPE_WORDS.get(
                problem, str(fault["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
            )


def _characters(count: Any) -> str:
    return f"{count} character{'s' * (count != 1)}"


_TYPE_WORDS: Final = {
    "string_type": "text",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "date_type": "a date like 2026-11-30",
    "date_parsing": "a date like 2026-11-30",
    "date_from_datetime_parsing": "a date like 2026-11-30",
    "date_from_datetime_inexact": "a date like 2026-11-30, without a time",
    "datetime_type": "a time like 2026-11-30T12:00:00Z",
    "timezone_aware": "a time with its zone, like 2026-11-30T12:00:00Z",
}


def _expected_of_all(faults: list[Any]) -> str:
    """Say what was expected by every type of a union; an integer is a number, and goes without saying."""
    telling = [fault for fault in faults if len(faults) == 1 or fault["type"] != "int_type"]
    return " or ".join(dict.fromkeys(_expected(fault) for fault in telling))


def _value_mend(fault: Any, got: Any, expected: str, written: str | None) -> str:
    problem = fault["type"]
    if problem == "string_type" and isinstance(got, (int, float, bool)):
        return f"quote it: '{written or _yaml_word(got)}'"
    if isinstance(got, str) and _is_quoted(got, problem):
        return "write it without quotes"
    if problem in ("literal_error", "enum", "union_tag_invalid") and isinstance(got, str):
        options = [word.strip("' ") for word in expected.removeprefix("one of ").replace(" or ", ",").split(",")]
        near = _near(got, options, fold=True)
        return f"did you mean {near!r}?" if near else f"write one of: {', '.join(options)}"
    if problem in ("tuple_type", "list_type"):
        return "write each item on a line of its own that begins with '- '"
    return f"write {expected}"


def _is_quoted(text: str, problem: str) -> bool:
    """Tell whether a text would be what was expected if it had no quotes."""
    wanted: dict[str, tuple[type, ...]] = {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}
    try:
        return type(resolve_plain(text)) in wanted.get(problem, ())
    except ValueError:
        return False


def _yaml_word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return _type_word(value)
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _type_word(value: Any) -> str:
    if value is None:
        return "nothing"
    words = {dict: "a mapping", list: "a list", tuple: "a list", str: "text", bool: "true or false"}
    return words.get(type(value), "a number")
