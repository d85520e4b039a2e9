"""What can go wrong, said so that somebody can mend it.

- A fault in the input is a `Finding`: a value, collected, never raised one by one.
- A breakage (no repository, a full disk, a lost race) is a `GitregError`, raised once and explained once, by the
  handler at the top of the CLI or the API.
- Both say what, where, what was got and expected, and the mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any, Final

MOST_SHOWN: Final = 100
"""Findings that a text shows; JSON has them all."""


class Exit(IntEnum):
    """The exit codes of every command."""

    FINE = 0
    FAULTS = 1
    COULD_NOT_RUN = 2
    REVIEW = 42


class Severity(StrEnum):
    """How much a finding weighs: an error refuses, a review waits for a human, a warning only speaks."""

    ERROR = "error"
    REVIEW = "review"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one manifest: the rule that it breaks, the place, what is wrong and how to mend it.

    `line` and `column` count from 1. `field` is a dotted path into the manifest (`spec.endpoints[0].url`).
    `source` is the line of text that the place points at. `waived` tells that somebody may do it all the same.
    """

    rule: str
    slug: str
    says: str
    mend: str
    severity: Severity = Severity.ERROR
    path: str | None = None
    ref: str | None = None
    line: int | None = None
    column: int | None = None
    field: str | None = None
    source: str | None = None
    waived: bool = False

    def at(self, *, path: str | None = None, ref: str | None = None) -> Finding:
        """Give the same finding with the file and the record that it is about."""
        return replace(self, path=path or self.path, ref=ref or self.ref)

    def place(self) -> str:
        """Say where: `path:line:column`, as far as it is known."""
        parts = [self.path or self.ref or "-", self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)

    def as_data(self) -> dict[str, Any]:
        """Give the finding as JSON data."""
        data = asdict(self)
        data["severity"] = self.severity.value
        return data

    def explain(self) -> str:
        """Give the finding as text for a terminal: place, field, what is wrong, the source line, the mend."""
        field = f" {self.field}:" if self.field else ""
        weight = f"{self.severity.value}, waived:" if self.waived else self.severity.value
        lines = [f"{self.place()}: {weight} {self.rule} {self.slug}:{field} {self.says}"]
        if self.source is not None and self.line is not None:
            lines.append(f"    {self.line} | {self.source}")
            if self.column is not None:
                lines.append(" " * (len(f"    {self.line} | ") + self.column - 1) + "^")
        lines.append(f"    mend: {self.mend}")
        return "\n".join(lines)


def _one_line(value: object) -> str:
    text = str(value)
    return text if "\n" not in text and "\r" not in text else repr(text)


class GitregError(Exception):
    """Something could not be done; says what, where, got, expected and the mend."""

    exit_code: Exit = Exit.COULD_NOT_RUN
    code: str = "could-not-run"

    def __init__(
        self,
        says: str,
        *,
        mend: str,
        where: str | None = None,
        got: object = None,
        expected: object = None,
    ) -> None:
        super().__init__(says)
        self.says = says
        self.mend = mend
        self.where = where
        self.got = got
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a process hand the error to another one."""
        return _made_again, (type(self), self.args, self.__dict__)

    def as_data(self) -> dict[str, Any]:
        """Give the error as JSON data; absent parts are left out."""
        data: dict[str, Any] = {"code": self.code, "says": self.says, "mend": self.mend}
        for name in ("where", "got", "expected"):
            value = getattr(self, name)
            if value is not None:
                data[name] = str(value)
        return data

    def explain(self) -> str:
        """Give the error as text for a terminal."""
        lines = [self.says]
        for name in ("where", "got", "expected"):
            value = getattr(self, name)
            if value is not None:
                lines.append(f"  {name}: {_one_line(value)}")
        lines.append(f"  mend: {self.mend}")
        return "\n".join(lines)


def _made_again(kind: type[GitregError], args: tuple[Any, ...], parts: dict[str, Any]) -> GitregError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(parts)
    return error


class UsageError(GitregError):
    """The call's own words are wrong."""

    code = "usage"


class NotFoundError(GitregError):
    """Nothing answers to that name."""

    exit_code = Exit.FAULTS
    code = "not-found"


class ConflictError(GitregError):
    """Somebody else's write came first and the retries ran out, or a lock is held."""

    code = "conflict"


class RepositoryError(GitregError):
    """The Git repository is absent, unreadable or not what was asked for."""

    code = "repository"


class Rejected(GitregError):  # noqa: N818 - the field's word for a refused change
    """A change was refused; carries every finding, and nothing was written."""

    code = "rejected"

    def __init__(self, says: str, findings: Sequence[Finding], *, mend: str) -> None:
        super().__init__(says, mend=mend)
        self.findings = tuple(findings)
        blocked = any(finding.severity is Severity.ERROR for finding in self.findings)
        self.exit_code = Exit.FAULTS if blocked else Exit.REVIEW

    def as_data(self) -> dict[str, Any]:
        """Give the refusal as JSON data, findings included."""
        return {**super().as_data(), "findings": [finding.as_data() for finding in self.findings]}

    def explain(self) -> str:
        """Give the refusal as text: each finding, up to a screenful of them, then the sum."""
        shown = [finding.explain() for finding in self.findings[:MOST_SHOWN]]
        if len(self.findings) > MOST_SHOWN:
            shown.append(f"and {len(self.findings) - MOST_SHOWN} more findings; --json has them all")
        return "\n".join([*shown, super().explain()])
