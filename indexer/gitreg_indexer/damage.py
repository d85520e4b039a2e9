"""What is wrong with an index or with the Git objects that it is made from, as values.

- A damage says where, what, what was got and what was expected, and the mend.
- There may be as many as there are records: those beyond `MOST` are counted and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from gitreg.errors import GitregError

MOST: Final = 1_000
_LONGEST: Final = 200
REPAIR: Final = "run `gitreg index verify --repair`: what is wrong is made again from Git"


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as Git says; `got` and `expected` are absent where there is nothing to show."""

    where: str
    what: str
    got: str | None = None
    expected: str | None = None
    mend: str = REPAIR

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data; always the same five keys."""
        return asdict(self)

    def explain(self) -> str:
        """Give it as text for a terminal."""
        lines = [f"{self.where}: {self.what}"]
        lines += [f"    {name}: {text}" for name in ("got", "expected") if (text := getattr(self, name)) is not None]
        return "\n".join([*lines, f"    mend: {self.mend}"])

    @classmethod
    def of(cls, error: GitregError, *, where: str, mend: str = REPAIR) -> Damage:
        """Say an error as a damage."""
        got, expected = (None if value is None else shown(value) for value in (error.got, error.expected))
        return cls(error.where or where, error.says, got, expected, mend)


class Ledger:
    """The damages that were found, in the order in which they were."""

    def __init__(self) -> None:
        self.listed: list[Damage] = []
        self.unlisted = 0

    def __len__(self) -> int:
        return len(self.listed) + self.unlisted

    def add(self, damage: Damage) -> None:
        """Write one down, or count it where there are very many."""
        if len(self.listed) < MOST:
            self.listed.append(damage)
        else:
            self.unlisted += 1

    def add_all(self, damages: Iterable[Damage]) -> None:
        """Write several down."""
        for damage in damages:
            self.add(damage)


def shown(value: object) -> str:
    """Give a value as a damage shows it: short, on one line, bytes by what can be read of them."""
    if isinstance(value, (bytes, memoryview)):
        value = bytes(value).decode("utf-8", "backslashreplace")
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
