"""What is wrong with a filter: each fault with its place, all that could be found at once.

- A place is `filter:LINE:COLUMN`, both from 1, in characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gitreg.errors import UsageError

MOST_SHOWN: Final = 10
_WIDEST: Final = 100
_LONGEST_SHOWN: Final = 60
_LONGEST_TOLD: Final = 400


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a filter; `at` is the offset of the character where it shows. Its texts can all be encoded."""

    at: int
    says: str
    mend: str
    got: str | None = None
    expected: str | None = None

    def __post_init__(self) -> None:
        for name in ("says", "mend", "got"):
            text = getattr(self, name)
            if text is not None:
                told = text if len(text) <= _LONGEST_TOLD else f"{text[: _LONGEST_TOLD - 1]}…"
                object.__setattr__(self, name, told.encode("utf-8", "backslashreplace").decode("utf-8"))


def shown(text: str) -> str:
    """Give a piece of a filter in quotes, cut where it is long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…")


class FilterError(UsageError):
    """A filter cannot be understood; carries the filter and every fault, in the order of their places."""

    def __init__(self, text: str, faults: Iterable[Fault]) -> None:
        found = tuple(sorted(faults, key=lambda fault: fault.at))
        only = found[0] if len(found) == 1 else None
        told = [f"{_place(text, fault.at)}: {fault.says}" for fault in found[:MOST_SHOWN]]
        if len(found) > MOST_SHOWN:
            told.append(f"and {len(found) - MOST_SHOWN} more")
        super().__init__(
            "; ".join(told),
            mend="; ".join(dict.fromkeys(fault.mend for fault in found[:MOST_SHOWN])),
            got=only.got if only else None,
            expected=only.expected if only else None,
        )
        self.text = text
        self.faults = found

    @property
    def line(self) -> int:
        """The line of the first fault, from 1."""
        return _line_and_column(self.text, self.faults[0].at)[0]

    @property
    def column(self) -> int:
        """The column of the first fault, from 1."""
        return _line_and_column(self.text, self.faults[0].at)[1]

    def as_data(self) -> dict[str, Any]:
        """Give the error as JSON data, each fault with its place."""
        return {**super().as_data(), "faults": [_fault_data(self.text, fault) for fault in self.faults]}

    def explain(self) -> str:
        """Give the error as text for a terminal: each fault, the place in its line, and the mend."""
        lines = [line for fault in self.faults[:MOST_SHOWN] for line in _explained(self.text, fault)]
        if len(self.faults) > MOST_SHOWN:
            lines.append(f"and {len(self.faults) - MOST_SHOWN} more faults; --json has them all")
        return "\n".join(lines)


def _fault_data(text: str, fault: Fault) -> dict[str, Any]:
    line, column = _line_and_column(text, fault.at)
    data: dict[str, Any] = {"line": line, "column": column, "says": fault.says, "mend": fault.mend}
    for name in ("got", "expected"):
        value = getattr(fault, name)
        if value is not None:
            data[name] = value
    return data


def _explained(text: str, fault: Fault) -> Iterator[str]:
    line, column = _line_and_column(text, fault.at)
    yield f"{_place(text, fault.at)}: {fault.says}; {fault.mend}"
    source = text.split("\n")[line - 1]
    start = max(column - 1 - _WIDEST // 2, 0) if len(source) > _WIDEST else 0
    head = f"    {line} | {'…' if start else ''}"
    shown = "".join(char if char.isprintable() else " " for char in source[start : start + _WIDEST])
    yield f"{head}{shown}{'…' if start + _WIDEST < len(source) else ''}"
    yield " " * (len(head) + column - 1 - start) + "^"
    for name in ("got", "expected"):
        value = getattr(fault, name)
        if value is not None:
            yield f"  {name}: {value if value.isprintable() else repr(value)}"


def _place(text: str, at: int) -> str:
    line, column = _line_and_column(text, at)
    return f"filter:{line}:{column}"


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
