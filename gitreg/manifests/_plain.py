"""Reads manifests as gitreg writes them, line by line: a shortcut in front of the whole parser, and nothing else.

- What it gives is what the whole parser gives; whatever it is not sure of it leaves to that one, faults too.
- It knows block mappings and lists, scalars that end on their line, and comments that have a line of their own at the
  left edge; no flow collections but empty ones, no block scalars, no escapes, nothing but ASCII.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gitreg.manifests._subset import MAX_BYTES, MAX_DEPTH, resolve_plain

_LINE: Final = re.compile(
    r"""(\ *)                                            # indentation
    (-\ )?                                               # a list's item
    (?:([A-Za-z][A-Za-z0-9_./-]*):(?:\ |$))?             # a key
    (?:
      (?P<plain>[A-Za-z0-9/^.~<=+]
          (?:[^\x00-\x20:\#\x7f]|:(?=[^\s])|(?<![\s])\#|\ (?=[^\s\#]))*)
      | '(?P<single>(?:[\x20-\x26\x28-\x7e]|'')*)'
      | "(?P<double>[\x20\x21\x23-\x5b\x5d-\x7e]*)"
      | (?P<empty>\[\]|\{\})
    )?$""",
    re.VERBOSE,
)
_NO_KEYS: Final = frozenset({"true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL"})
_NOTHING: Final = object()
_MOST_KNOWN: Final = 20_000

_Line = tuple[int, bool, str | None, Any]
"""A line's indentation, whether it is a list's item, its key and its value: None and `_NOTHING` where it has none."""

_known: dict[str, _Line] = {}
"""Lines that were read before: most manifests say `kind: Model`."""


def parse_plain(raw: bytes) -> Any:
    """Give the data of a manifest that is plainly written; None where the whole parser has to look."""
    if len(raw) > MAX_BYTES or not raw.isascii() or not raw.endswith(b"\n"):
        return None
    lines = raw.decode("ascii").split("\n")
    lines.pop()
    reader = _Lines()
    try:
        reader.take_all(lines)
    except ValueError:
        return None
    return reader.root or None


class _Lines:
    """Takes line by line; `ValueError` where it is not sure."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        # open collections from the outside in: the indentation of their entries, and they themselves
        self._stack: list[tuple[int, Any]] = [(0, self.root)]
        # a key whose value has not come yet: its indentation, where it stands, and it
        self._waiting: tuple[int, dict[str, Any], str] | None = None

    def take_all(self, lines: list[str]) -> None:
        known = _known
        for line in lines:
            if line[:1] == "#":
                continue
            indent, is_item, key, value = known.get(line) or _read_line(line)
            column, here = self._stack[-1]
            if self._waiting is not None or indent != column or (here.__class__ is list) is not is_item:
                here = self._collection(indent, is_item=is_item)
            if value.__class__ is list or value.__class__ is dict:
                value = value.copy()  # what is remembered stays empty
            if is_item:
                if key is None:
                    if value is _NOTHING:
                        raise ValueError(line)
                    here.append(value)
                    continue
                indent += 2
                inner: dict[str, Any] = {}
                here.append(inner)
                self._open(indent, inner)
                here = inner
            if key is None or key in here:
                raise ValueError(line)
            if value is _NOTHING:
                here[key] = None
                self._waiting = indent, here, key
            else:
                here[key] = value

    def _collection(self, indent: int, *, is_item: bool) -> Any:
        """Find the open collection that a line stands in, opening the one that begins with it."""
        stack = self._stack
        if not (self._waiting and self._begins(self._waiting, indent, is_item=is_item)) and indent > stack[-1][0]:
            raise ValueError(indent)
        self._waiting = None
        while indent < stack[-1][0]:
            stack.pop()
        if not is_item and type(stack[-1][1]) is list and len(stack) > 1 and stack[-2][0] == indent:
            stack.pop()  # a list may stand at the column of the key that it belongs to
        column, here = stack[-1]
        if indent != column or (type(here) is list) is not is_item:
            raise ValueError(indent)
        return here

    def _begins(self, waiting: tuple[int, dict[str, Any], str], indent: int, *, is_item: bool) -> bool:
        at, mapping, key = waiting
        if indent < at or (indent == at and not is_item):
            return False  # the key holds nothing
        mapping[key] = [] if is_item else {}
        self._open(indent, mapping[key])
        return True

    def _open(self, indent: int, collection: Any) -> None:
        self._stack.append((indent, collection))
        if len(self._stack) > MAX_DEPTH:
            raise ValueError(indent)


def _read_line(line: str) -> _Line:
    """Read a line and remember it; `ValueError` where it is none that is plainly written."""
    found = _LINE.match(line)
    if found is None:
        raise ValueError(line)
    spaces, dash, key, *texts = found.groups()
    if key in _NO_KEYS:
        raise ValueError(line)
    read = len(spaces), bool(dash), key, _value(*texts)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    if len(line) < 200:
        _known[line] = read
    return read


def _value(plain: str | None, single: str | None, double: str | None, empty: str | None) -> Any:
    """Give the value that a line ends with; `_NOTHING` where there is none, `ValueError` where it must be quoted."""
    if plain is not None:
        return resolve_plain(plain)
    if single is not None:
        return single.replace("''", "'")
    if double is not None:
        return double
    if empty is not None:
        return [] if empty == "[]" else {}
    return _NOTHING
