"""Read litellm's catalogue: strict JSON, one object, each key once.

- The file is read whole or refused whole, with every fault that can be told apart and its line and column.
- What an entry means is not decided here: an entry may be anything that JSON can say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

from gitreg.errors import Finding, Rejected

Json: TypeAlias = Any
"""Whatever JSON can say."""
MAX_BYTES: Final = 20_000_000
_LONGEST_INTEGER: Final = 100
_SOURCE_WIDTH: Final = 120
_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The entries of one file, in its order."""

    entries: dict[str, Any]

    @property
    def as_of(self) -> date | None:
        """The day on which the file says that it was made (`last_updated`); None where it does not say."""
        said = self.entries.get("last_updated")
        return read_day(said[:10]) if isinstance(said, str) else None


def read_day(text: str) -> date | None:
    """Read `2026-11-30`, and nothing else."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_catalogue(raw: bytes, *, origin: str = "the catalogue") -> Catalogue:
    """Read the bytes of a catalogue; `Rejected` with every fault, and its place, where they are not one."""
    text, findings = _decode(raw)
    entries: dict[str, Any] = {}
    if not findings:
        entries, findings = _read_entries(text)
    if findings:
        raise Rejected(
            f"{origin} was not imported: it is not a catalogue of litellm",
            [finding.at(path=origin) for finding in findings],
            mend="mend the file, or fetch it again; nothing was changed",
        )
    return Catalogue(entries)


def _decode(raw: bytes) -> tuple[str, list[Finding]]:
    if len(raw) > MAX_BYTES:
        says = f"the file has {len(raw):,} bytes, and a catalogue has at most {MAX_BYTES:,}"
        return "", [_fault("", 0, says, "import the catalogue itself; litellm's has about 1.5 MB")]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        says = f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
        return "", [_fault(before, len(before), says, "save the file as UTF-8")]
    if text.startswith("\ufeff"):
        return "", [_fault(text, 0, "the file begins with a byte order mark", "save it as UTF-8 without one")]
    return text, []


@dataclass(slots=True)
class _Faults:
    """Collects what JSON allows and a catalogue may not say: (pattern, which match, says, mend)."""

    found: list[tuple[str, int, str, str]] = field(default_factory=list)

    def decoder(self) -> json.JSONDecoder:
        return json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._integer,
        )

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    says = f"the key {key!r} stands twice in one object"
                    self.found.append((_as_key(key), 1, says, "keep one of the two"))
                seen.add(key)
        return row

    def _constant(self, word: str) -> None:
        self.found.append((re.escape(word), 0, f"{word} is not JSON", "write a number, or leave the key out"))

    def _float(self, text: str) -> float:
        number = float(text)
        if math.isinf(number):
            says = f"the number {text[:40]} is too large"
            self.found.append((re.escape(text), 0, says, "write a number that a 64-bit float holds"))
        return number

    def _integer(self, text: str) -> int:
        if len(text) > _LONGEST_INTEGER:
            says = f"an integer of {len(text):,} digits"
            self.found.append((re.escape(text[:40]), 0, says, f"write one of at most {_LONGEST_INTEGER} digits"))
            return 0
        return int(text)


def _as_key(key: str) -> str:
    return re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:"


def _read_entries(text: str) -> tuple[dict[str, Any], list[Finding]]:
    entries: dict[str, Any] = {}
    starts: dict[str, int] = {}
    findings: list[Finding] = []
    faults = _Faults()
    try:
        for key, start, end, value in _walk(text, faults.decoder()):
            if key in entries:
                line = text.count("\n", 0, starts[key]) + 1
                says = f"the key {key!r} stands twice, first on line {line}"
                findings.append(_fault(text, start, says, "keep one of the two"))
            findings.extend(_placed(text, start, end, faults, key, value))
            entries[key], starts[key] = value, start
    except json.JSONDecodeError as error:
        says, mend = _syntax(error)
        findings.append(_fault(text, error.pos, says, mend))
    except RecursionError:
        findings.append(_fault(text, 0, "the file is nested too deeply", "flatten it: an entry is a plain object"))
    return entries, findings


def _syntax(error: json.JSONDecodeError) -> tuple[str, str]:
    if error.msg == _NOT_AN_OBJECT:
        return error.msg, 'a catalogue is `{"model": {...}, ...}`'
    return f"not JSON: {error.msg}", "mend the syntax at this place; a truncated download ends like this too"


_NOT_AN_OBJECT: Final = "the file is not a JSON object"


def _walk(text: str, decoder: json.JSONDecoder) -> Iterator[tuple[str, int, int, Any]]:
    """Go through the outermost object: (key, where the entry starts, where it ends, value)."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise json.JSONDecodeError(_NOT_AN_OBJECT, text, at)
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("a key in double quotes is expected", text, at)
        start = at
        key, at = decoder.raw_decode(text, at)
        at = _expect(text, at, ":")
        value, at = decoder.raw_decode(text, at)
        yield key, start, at, value
        at = _skip(text, at)
        if text[at : at + 1] != "}":
            at = _expect(text, at, ",")
            if text[at : at + 1] == "}":
                raise json.JSONDecodeError("a comma before the closing brace", text, at)
    if _skip(text, at + 1) != len(text):
        raise json.JSONDecodeError("something follows the closing brace", text, _skip(text, at + 1))


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"{mark!r} is expected", text, at)
    return _skip(text, at + 1)


def _placed(text: str, start: int, end: int, faults: _Faults, key: str, value: Json) -> Iterator[Finding]:
    """Find the places of the faults of one entry, and forget them."""
    for pattern, which, says, mend in faults.found:
        matches = [found.start() for found in re.finditer(pattern, text[start:end])][: which + 1]
        yield _fault(text, start + (matches[-1] if matches else 0), f"{key!r}: {says}", mend)
    faults.found.clear()
    try:
        json.dumps([key, value], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        mend = "write whole characters: \\ud800 to \\udfff mean something only in pairs"
        yield _fault(text, start, f"{key!r}: a text holds half of a surrogate pair", mend)


def _fault(text: str, offset: int, says: str, mend: str) -> Finding:
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    source = text[start : end if end >= 0 else len(text)][:_SOURCE_WIDTH]
    return Finding(
        rule="import",
        slug="catalogue",
        says=says,
        mend=mend,
        line=text.count("\n", 0, offset) + 1,
        column=offset - start + 1,
        source="".join(char if char.isprintable() else " " for char in source) or None,
    )
