"""Run every benchmark, one after the other, and print what each found: `make bench`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run the benchmarks that are named, or all."""
    here = Path(__file__).parent
    known = sorted(module.name for module in pkgutil.iter_modules([str(here)]) if module.name.startswith("bench_"))
    for name in known:
        if not names or name.removeprefix("bench_") in names:
            print(f"\n== {name.removeprefix('bench_')}", flush=True)
            importlib.import_module(f"benchmarks.{name}").main([])


if __name__ == "__main__":
    main(sys.argv[1:])
