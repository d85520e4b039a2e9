"""Measure versions and ranges against a bare tuple comparison: `python benchmarks/bench_versions.py`.

Prints the best of five runs; times are figures of one machine, ratios travel better.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Sequence
from typing import TypedDict

from gitreg.versions import Range, Version, _read_range


class Row(TypedDict):
    """One thing measured."""

    what: str
    nanoseconds: float
    ratio: float


def nanoseconds(work: Callable[[], object], number: int) -> float:
    """Give the time of one call, in nanoseconds: the best of five runs."""
    return min(timeit.repeat(work, number=number, repeat=5)) / number * 1e9


def run() -> list[Row]:
    """Measure everything; the ratio is to the comparison of two tuples of three numbers."""
    low, mid, high = (1, 2, 0), (1, 4, 2), (2, 0, 0)
    version, prerelease = Version.parse("1.4.2"), Version.parse("1.2.0-rc.1")
    one, three = Range.parse("^1.2.0"), Range.parse("<1 || ^3.0.0 || ^1.2.0-rc.1")
    works: list[tuple[str, Callable[[], object], int]] = [
        ("baseline: low <= tuple < high", lambda: low <= mid < high, 200_000),
        ("allows, one set", lambda: one.allows(version), 200_000),
        ("allows, three sets, prerelease", lambda: three.allows(prerelease), 200_000),
        ("Version.parse", lambda: Version.parse("1.4.2-rc.1"), 20_000),
        ("Version.sort_key", version.sort_key, 50_000),
        ("Range.parse, remembered", lambda: Range.parse("^1.2.0"), 50_000),
        ("Range.parse, anew", lambda: _read_range.__wrapped__("^1.2.0", False, False), 2_000),
        (
            "Range.parse, anew, three sets",
            lambda: _read_range.__wrapped__("<1 || ^3.0.0 || >=1.2.0 <2", False, False),
            2_000,
        ),
    ]
    times = [(what, nanoseconds(work, number)) for what, work, number in works]
    return [Row(what=what, nanoseconds=time, ratio=time / times[0][1]) for what, time in times]


def main(_argv: Sequence[str] = ()) -> None:
    """Measure, and print nanoseconds and ratios."""
    for row in run():
        print(f"{row['what']:32} {row['nanoseconds']:10.0f} ns {row['ratio']:8.1f}x")


if __name__ == "__main__":
    main()
