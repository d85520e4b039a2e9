"""Values as a command line gives them: `--set PATH=VALUE`, and a file of them.

- A value means what it would mean in a manifest: `1.5` is a number, `true` a truth value, `[a, b]` a list; what is
  none of these is text, whole, with its colons and hashes.
- A file is a mapping in the strict subset of YAML, or in JSON; every fault of it is told with its line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from gitreg.cli.options import read_input
from gitreg.errors import Rejected, UsageError
from gitreg.manifests import MAX_BYTES, MAX_DEPTH
from gitreg.manifests._subset import parse_subset, resolve_plain

_MARKED: Final = ("[", "{", '"', "'")


def read_mapping(name: str) -> dict[str, Any]:
    """Read a file, or stdin for `-`, as a mapping; `Rejected` with its faults, `UsageError` where it is none."""
    raw = read_input(name, limit=MAX_BYTES)
    origin = "<stdin>" if name == "-" else name
    parsed = parse_subset(raw)
    data = parsed.data
    if parsed.findings and raw.strip():
        data = _json_of(raw)
        if data is None:
            findings = [finding.at(path=origin) for finding in parsed.findings]
            raise Rejected("the parameters cannot be read", findings, mend="mend the file, and try again")
    if isinstance(data, dict):
        return data
    raise UsageError(
        "the file holds no mapping",
        where=origin,
        got="nothing" if data is None else type(data).__name__,
        expected="a mapping of names to values, as YAML or JSON",
        mend="write it like `model: acme/chat@^1`, a line for each",
    )


def _json_of(raw: bytes) -> dict[str, Any] | None:
    """Read what is JSON and no YAML of the subset, like a text with tabs; None for all else."""
    try:
        data = json.loads(raw, object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and _is_shallow(data) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _is_shallow(data: Any) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [item for items in inner for item in items if isinstance(item, (dict, list))]
    return not level


def settings_of(
    texts: Sequence[str], *, word: str = "PATH", example: str = "spec.lifecycle.status=deprecated"
) -> dict[str, Any]:
    """Read `PATH=VALUE` texts; a path may be given once. `word` is what the path is called, `example` one of them."""
    settings: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise UsageError(
                f"{text!r} does not say what to set",
                got=text,
                expected=f"{word}=VALUE",
                mend=f"write it like --set {example}",
            )
        if path in settings:
            raise UsageError(f"{path!r} is set twice", got=text, mend="keep one of the two")
        settings[path] = value_of(value, path)
    return settings


def value_of(text: str, path: str) -> Any:
    """Read a value as a manifest would; what is neither marked nor a plain constant or number is text."""
    if text.startswith(_MARKED):
        return _marked_value(text, path)
    if not text:
        return text
    try:
        return resolve_plain(text)
    except ValueError:  # YAML 1.1 and 1.2 disagree about it, so it is not a number that somebody meant
        return text


def _marked_value(text: str, path: str) -> Any:
    parsed = parse_subset(text.encode("utf-8", "surrogateescape"))
    if not parsed.findings:
        return parsed.data
    finding = parsed.findings[0]
    raise UsageError(
        f"the value of {path!r} begins with {text[0]!r}, and cannot be read: {finding.says}",
        where=f"--set, column {finding.column}",
        got=text,
        mend=f"{finding.mend}; if it is text, quote it as a whole, within the shell's quotes",
    )
