"""The strict YAML subset: bytes in, plain JSON data out, or every fault with its place.

- UTF-8, one document, at most 64 KiB and 20 levels deep; no anchors, aliases, tags, merge keys, duplicate keys or
  directives; keys are strings; numbers are finite and read the same everywhere.
- Plain scalars mean what YAML 1.2's core schema says (`no` is a string); where YAML 1.1 would read a number
  differently (`012`, `0x1f`, `1_000`), the value must be quoted.
- libyaml's event parser keeps no recursion and expands nothing, so a bomb costs no more than its bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import yaml

from gitreg.errors import Finding

MAX_BYTES: Final = 65_536
MAX_DEPTH: Final = 20
MAX_INTEGER: Final = 9_007_199_254_740_991
_SOURCE_WIDTH: Final = 160

_CONSTANTS: Final[dict[str, Any]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMERIC_START: Final = frozenset("0123456789-+.")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE: Final = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_AMBIGUOUS: Final = re.compile(r"[-+]?(0[0-9_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?)\Z")

ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")

_Path = tuple[str | int, ...]


@dataclass(slots=True)
class Parsed:
    """What a text holds: the data, if it is whole, the faults, and the events for finding places again."""

    text: str
    data: Any = None
    findings: list[Finding] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def is_single(self) -> bool:
        """Tell whether one document was read to its end, so that its data can be looked at, whatever faults it has."""
        kinds = [type(event) for event in self.events]
        return kinds.count(yaml.DocumentStartEvent) == 1 and kinds[-1] is yaml.StreamEndEvent


def parse_subset(raw: bytes) -> Parsed:
    """Read bytes as the strict subset; every fault that can be told apart is reported, none is raised."""
    if len(raw) > MAX_BYTES:
        says = f"the file has {len(raw):,} bytes, and a manifest has at most {MAX_BYTES:,}"
        return Parsed("", findings=[_fault(says, "keep data out of manifests: link to it", 1, 1, None)])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Parsed("", findings=[_broken_text(raw, error)])
    parsed = Parsed(text)
    if text.startswith("\ufeff"):
        mend = "save the file as UTF-8 without a byte order mark"
        parsed.findings.append(fault_at(text, 0, 0, "the file begins with a byte order mark", mend))
        return parsed
    parsed.findings.extend(_odd_breaks(text))
    if parsed.findings:
        return parsed
    try:
        parsed.events.extend(_events(text))
    except yaml.YAMLError as error:
        parsed.findings.append(_syntax_fault(text, error))
        return parsed
    _Builder(parsed).build()
    return parsed


def _events(text: str) -> Iterator[Any]:
    """Give the events until it is too deep: libyaml's time grows with the square of the depth."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        yield event
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_DEPTH:
                return
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def resolve_plain(text: str) -> Any:
    """Give a plain scalar's value in YAML 1.2's core schema; `ValueError` for what must be quoted or is not finite."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC_START:
        return text
    if _INTEGER.match(text):
        value = int(text) if len(text) <= 20 else MAX_INTEGER + 1
        if abs(value) > MAX_INTEGER:
            raise ValueError("the integer is beyond 2^53 - 1, which not every reader keeps exactly")
        return value
    if _AMBIGUOUS.match(text):
        raise ValueError("YAML 1.1 and 1.2 read this number differently")
    if _NOT_FINITE.match(text):
        raise ValueError("the number is not finite")
    if _FLOAT.match(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError("the number is not finite")
        return number
    return text


class _Builder:
    """Folds events into data, on a stack of its own; collects faults as it goes."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.stack: list[Any] = []
        self.keys: list[str | None] = []
        self.documents = 0
        self.root: Any = None

    def build(self) -> None:
        for event in self.parsed.events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._open({}, event)
            elif kind is yaml.SequenceStartEvent:
                self._open([], event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.stack.pop()
                self.keys.pop()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._document(event)
        if not self.documents:
            self._fault(
                None,
                "the file is empty",
                "write a manifest into it; `gitreg schema KIND --example` prints one",
            )
        self.parsed.data = self.root

    def _scalar(self, event: Any) -> None:
        value = event.value
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        elif event.implicit[0]:
            try:
                value = resolve_plain(value)
            except ValueError as error:
                self._fault(event, f"{event.value!r}: {error}", f"quote it if it is text: '{event.value}'")
        self._put(value, event)

    def _open(self, container: Any, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        self._put(container, event)
        self.stack.append(container)
        self.keys.append(None)
        if len(self.stack) == MAX_DEPTH + 1:
            self._fault(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it, or link to it")

    def _put(self, value: Any, event: Any) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        if type(top) is list:
            top.append(value)
            return
        key = self.keys[-1]
        if key is None:
            self.keys[-1] = self._key(value, top, event)
        else:
            top[key] = value
            self.keys[-1] = None

    def _key(self, value: Any, mapping: dict[str, Any], event: Any) -> str:
        if type(value) is not str:
            if type(event) is yaml.ScalarEvent:
                self._fault(event, f"the key {event.value!r} is not a string", f"quote it: '{event.value}'")
            else:
                self._fault(event, "a list or mapping cannot be a key", "write a key of letters before the ':'")
            return f"\0{id(event)}"
        if value == "<<" and event.implicit[0]:
            self._fault(event, "merge keys (<<) are not allowed", "write the fields out")
        elif value in mapping:
            self._fault(event, f"the key {value!r} stands here twice", "keep one of the two")
        return value

    def _alias(self, event: Any) -> None:
        self._fault(event, f"aliases (*{event.anchor}) are not allowed", "write the value out")
        self._put(None if not self.stack or self._wants_value() else f"\0{id(event)}", event)

    def _wants_value(self) -> bool:
        return type(self.stack[-1]) is list or self.keys[-1] is not None

    def _decorated(self, event: Any) -> None:
        if event.anchor is not None:
            self._fault(event, f"anchors (&{event.anchor}) are not allowed", "write the value out where it is used")
        if event.tag is not None:
            self._fault(event, f"tags ({event.tag}) are not allowed", "remove the tag; quote the value if it is text")

    def _document(self, event: Any) -> None:
        self.documents += 1
        if event.version or event.tags:
            self._fault(event, "directives (%) are not allowed", "remove the line that begins with %")
        if self.documents == 2:
            self._fault(event, "a second document begins here", "one file holds one manifest: move it to its own file")

    def _fault(self, event: Any, says: str, mend: str) -> None:
        line, column = (event.start_mark.line, event.start_mark.column) if event is not None else (0, 0)
        self.parsed.findings.append(fault_at(self.parsed.text, line, column, says, mend))


def locate(parsed: Parsed) -> dict[_Path, tuple[Any, Any]]:
    """Find each value's place: its path -> (event of its key or itself, event of its value)."""
    places: dict[_Path, tuple[Any, Any]] = {}
    path: list[str | int] = []
    frames: list[list[Any]] = []  # [is a mapping, key event or None, next index]
    for event in parsed.events:
        kind = type(event)
        if kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            frames.pop()
            if path:
                path.pop()
            continue
        if kind not in (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent, yaml.AliasEvent):
            continue
        if frames and frames[-1][0] and frames[-1][1] is None and kind is yaml.ScalarEvent:
            frames[-1][1] = event
            continue
        key_event = _enter(frames, path, event)
        places.setdefault(tuple(path), (key_event, event))
        if kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            frames.append([kind is yaml.MappingStartEvent, None, 0])
        elif path:
            path.pop()
    return places


def _enter(frames: list[list[Any]], path: list[str | int], event: Any) -> Any:
    if not frames:
        return event
    is_mapping, key_event, index = frames[-1]
    if is_mapping:
        path.append(key_event.value if key_event is not None else "?")
        frames[-1][1] = None
        return key_event or event
    path.append(index)
    frames[-1][2] = index + 1
    return event


@lru_cache(maxsize=8)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n"))


def fault_at(text: str, line: int, column: int, says: str, mend: str, rule: tuple[str, str] | None = None) -> Finding:
    """Make a finding at a place in the text, or at its end; line and column count from 0 here."""
    lines = _lines(text)
    if line >= len(lines):
        line, column = len(lines) - 1, len(lines[-1])
    source = lines[line].rstrip("\r")[:_SOURCE_WIDTH] if text else None
    return _fault(says, mend, line + 1, column + 1, source, rule)


def _fault(
    says: str, mend: str, line: int, column: int, source: str | None, rule: tuple[str, str] | None = None
) -> Finding:
    code, slug = rule or ("GR-001", "yaml-subset")
    if source is not None:
        source = "".join(char if char.isprintable() else " " for char in source)
    return Finding(rule=code, slug=slug, says=says, mend=mend, line=line, column=column, source=source)


def _broken_text(raw: bytes, error: UnicodeDecodeError) -> Finding:
    before = raw[: error.start]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    source = raw.split(b"\n")[line - 1].decode("utf-8", "replace")[:_SOURCE_WIDTH]
    says = f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
    return _fault(says, "save the file as UTF-8", line, column, source)


def _odd_breaks(text: str) -> Iterator[Finding]:
    """Find the first of each character that ends a line for some readers and not for others."""
    first = {found[0]: found for found in reversed(list(ODD_BREAK.finditer(text)))}
    for found in sorted(first.values(), key=lambda found: found.start()):
        line, column = _position(text, found.start())
        code = f"U+{ord(found[0]):04X}"
        says = f"the character {code} ends a line for some readers of YAML and not for others"
        escape = "\\r" if found[0] == "\r" else f"\\u{ord(found[0]):04x}"
        yield fault_at(text, line, column, says, f'end lines with U+000A; within "quotes" write {escape}')


def _position(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1)


def _syntax_fault(text: str, error: yaml.YAMLError) -> Finding:
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a reader error: a character that YAML does not allow
        bytes_before = text.encode()[: getattr(error, "position", 0)]
        line, column = _position(text, len(bytes_before.decode("utf-8", "ignore")))
        says = f"not YAML: {getattr(error, 'reason', error)}"
        return fault_at(text, line, column, says, "remove the control character")
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    context = getattr(error, "context", None)
    says = f"not YAML: {problem}" + (f" ({context})" if context else "")
    return fault_at(text, mark.line, mark.column, says, _syntax_mend(text, mark, problem))


def _syntax_mend(text: str, mark: Any, problem: str) -> str:
    lines = _lines(text)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1]:
        return "indent with spaces, not tabs"
    if "mapping values" in problem:
        return "quote the text that has a ': ' in it, or mend the indentation"
    return "mend the syntax at this place; a text with special characters wants quotes"


def comments_of(parsed: Parsed) -> Iterator[tuple[int, int, str]]:
    """Find the comments and blank lines of a text that parsed: (line, column, text from '#'; blank lines are '')."""
    lines = parsed.text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    covered = _scalar_spans(parsed)
    for number, line in enumerate(lines):
        spans = covered.get(number, ())
        if any(start <= 0 and end >= len(line) and multi for start, end, multi in spans):
            continue
        if not line.strip():
            yield number, 0, ""
            continue
        column = _comment_column(line, spans)
        if column is not None:
            yield number, column, line[column:].rstrip()


def _comment_column(line: str, spans: tuple[tuple[int, int, bool], ...]) -> int | None:
    at = line.find("#")
    while at != -1:
        inside = any(start <= at < end for start, end, _ in spans)
        if not inside and (at == 0 or line[at - 1] in " \t"):
            return at
        at = line.find("#", at + 1)
    return None


def _scalar_spans(parsed: Parsed) -> dict[int, tuple[tuple[int, int, bool], ...]]:
    spans: dict[int, tuple[tuple[int, int, bool], ...]] = {}
    lines = parsed.text.split("\n")
    scalars: list[Any] = [event for event in parsed.events if type(event) is yaml.ScalarEvent]
    for event in scalars:
        start, end = event.start_mark, event.end_mark
        if start.line == end.line:
            spans[start.line] = (*spans.get(start.line, ()), (start.column, end.column, False))
            continue
        last = end.line if end.column else end.line - 1
        if event.style in ("|", ">") and "+" not in lines[start.line][start.column :].split("#")[0]:
            while not lines[last].strip():  # blank lines below a block are no part of it, unless it keeps them
                last -= 1
        for number in range(start.line, last + 1):
            first = start.column if number == start.line else 0
            until = end.column if number == end.line and end.column else len(lines[number])
            if number == start.line and event.style in ("|", ">"):
                until = first + _header_width(lines[number][first:])
            multi = number > start.line
            spans[number] = (*spans.get(number, ()), (first, max(until, 1) if multi else until, multi))
    return spans


def _header_width(text: str) -> int:
    width = 1
    while width < len(text) and text[width] in "+-0123456789":
        width += 1
    return width
