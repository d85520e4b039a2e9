"""gitreg reads versions and ranges as npm's `semver` does: both are asked the same, at random and by hand.

- A question is a JSON object with `op`, its operands and `options` as npm takes them; see `oracle.cjs`.
- Skipped when npm's package is not installed under build/npm.
- Left different, and so not asked: numbers of a prerelease above 2**53 - 2, which npm keeps as text (with
  leading zeros in loose mode) and compares as floats; bounds of 22 digits in loose mode, which npm drops.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitreg.versions import Range, TextError, Version, satisfies

Question = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "build/npm/node_modules/semver"
INSTALL = "npm install --prefix build/npm semver"

if not PACKAGE.is_dir():
    pytest.skip(f"npm's semver is not installed: run `{INSTALL}`", allow_module_level=True)

OPTIONS: tuple[dict[str, bool], ...] = (
    {},
    {"includePrerelease": True},
    {"loose": True},
    {"includePrerelease": True, "loose": True},
)

ODD: dict[str, list[str]] = json.loads(Path(__file__).with_name("odd_cases.json").read_text(encoding="utf-8"))
LONG_RANGES = (
    " " * 300 + "1.2.3",
    "1.2.3 " * 200,
    "1.2.3 || " * 200 + "2",
    "1" * 300,
    *(f"1.2.x-{'a' * n}" for n in (250, 251, 252)),
    *(f"1.2.x-{'1' * n}" for n in (256, 257, 258)),
    *(f"^1.2.3-{'a' * n}" for n in (250, 251)),
    *(f"1.2.3+{'a' * n}" for n in (250, 251, 600)),
)


class Maker:
    """Makes texts at random, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - test data

    def noise(self) -> str:
        return "".join(self.random.choice(ODD["tokens"]) for _ in range(self.random.randint(1, 9)))

    def version(self) -> str:
        numbers = ".".join(self.random.choice("0001123") for _ in range(3))
        tail = ["", "", "", "", "-0", "-a", "-a.1", "-1", "-a.b", "-0.0"]
        return numbers + self.random.choice(tail)

    def partial(self) -> str:
        first, second = self.random.choice("0012"), self.random.choice("0012")
        short = [first, f"{first}.{second}", "*", "x", f"{first}.x", f"{first}.{second}.x"]
        return self.version() if self.random.random() < 0.6 else self.random.choice(short)

    def simple(self) -> str:
        return self.random.choice(["", "", "^", "~", "~>", ">", ">=", "<", "<=", "=", ">= ", "< "]) + self.partial()

    def set(self) -> str:
        if self.random.random() < 0.15:
            return f"{self.partial()} - {self.partial()}"
        return " ".join(self.simple() for _ in range(self.random.choice([1, 1, 2, 2, 3])))

    def range(self) -> str:
        return self.random.choice([" || ", "||", " ||"]).join(
            self.set() for _ in range(self.random.choice([1, 1, 1, 2, 3]))
        )

    def options(self) -> dict[str, bool]:
        return self.random.choice(OPTIONS)


def _format(make: Maker) -> Question:
    return {"op": "range", "range": make.random.choice([make.noise, make.range])()}


def _satisfies(make: Maker) -> Question:
    version = make.noise() if make.random.random() < 0.05 else make.version()
    return {"op": "satisfies", "version": version, "range": make.range()}


def _pair(op: str) -> Callable[[Maker], Question]:
    return lambda make: {"op": op, "a": make.range(), "b": make.range()}


def _extreme(op: str) -> Callable[[Maker], Question]:
    return lambda make: {"op": op, "versions": [make.version() for _ in range(8)], "range": make.range()}


MAKERS: dict[str, Callable[[Maker], Question]] = {
    "range": _format,
    "satisfies": _satisfies,
    "intersects": _pair("intersects"),
    "subset": _pair("subset"),
    "max": _extreme("max"),
    "min": _extreme("min"),
    "version": lambda make: {"op": "version", "version": make.noise()},
    "compare": lambda make: {"op": "compare", "a": make.version(), "b": make.version()},
}


def questions(op: str, count: int, seed: int) -> Iterator[Question]:
    make = Maker(seed)
    for _ in range(count):
        yield MAKERS[op](make) | {"options": make.options()}


def odd_questions() -> Iterator[Question]:
    for options in OPTIONS:
        for text in [*ODD["ranges"], *LONG_RANGES]:
            yield {"op": "range", "range": text, "options": options}
        for text in ODD["versions"]:
            yield {"op": "version", "version": text, "options": options}


def ask_npm(asked: list[Question]) -> list[Any]:
    """Give npm's answers, in order."""
    command = ["node", str(Path(__file__).with_name("oracle.cjs")), str(PACKAGE)]
    lines = "\n".join(map(json.dumps, asked))
    told = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in told.splitlines()]


def ask_gitreg(question: Question) -> object:
    """Give gitreg's answer, in npm's form."""
    options = question["options"]
    loose: bool = options.get("loose", False)
    free: bool = options.get("includePrerelease", False)

    def read_range(key: str) -> Range:
        return Range.parse(question[key], include_prerelease=free, loose=loose)

    def read_version(key: str) -> Version:
        return Version.parse_npm(question[key], loose=loose)

    def extreme() -> str | None:
        versions = [Version.parse_npm(text, loose=loose) for text in question["versions"]]
        wanted = read_range("range")
        found = wanted.best(versions) if question["op"] == "max" else wanted.worst(versions)
        return None if found is None else str(found)

    def version() -> list[Any]:
        parsed = read_version("version")
        return [str(parsed).partition("+")[0], list(parsed.prerelease), list(parsed.build)]

    answers: dict[str, Callable[[], Any]] = {
        "range": lambda: str(read_range("range")),
        "satisfies": lambda: satisfies(question["version"], question["range"], include_prerelease=free, loose=loose),
        "intersects": lambda: read_range("a").intersects(read_range("b")),
        "subset": lambda: read_range("a").is_subset(read_range("b")),
        "max": extreme,
        "min": extreme,
        "version": version,
        "compare": lambda: (read_version("a") > read_version("b")) - (read_version("a") < read_version("b")),
    }
    try:
        return answers[question["op"]]()
    except TextError:
        return "invalid"


def differences(asked: list[Question]) -> list[str]:
    pairs = zip(asked, ask_npm(asked), strict=True)
    return [f"{question}: npm says {said!r}" for question, said in pairs if ask_gitreg(question) != said]


@pytest.mark.parametrize("op", [pytest.param(op, id=op) for op in MAKERS])
@pytest.mark.parametrize("seed", [1, 2])
def test_gitreg_answers_as_npm_does(op: str, seed: int) -> None:
    found = differences(list(questions(op, 10_000, seed)))
    assert not found, "\n".join(found[:20])


def test_gitreg_answers_as_npm_does_where_it_is_odd() -> None:
    found = differences(list(odd_questions()))
    assert not found, "\n".join(found[:20])
