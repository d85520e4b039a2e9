"""Every benchmark can be found and started by `make bench`; how fast things are is not asserted anywhere."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
NAMES = [module.name for module in pkgutil.iter_modules([str(FOLDER)]) if module.name.startswith("bench_")]


def test_there_are_benchmarks() -> None:
    assert {"bench_register", "bench_http", "bench_search", "bench_index", "bench_import"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_can_be_started_with_a_list_of_words(name: str) -> None:
    main = importlib.import_module(f"benchmarks.{name}").main
    inspect.signature(main).bind([])


def test_the_version_benchmark_measures_against_its_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("benchmarks.bench_versions").main([])
    first, *others = capsys.readouterr().out.splitlines()
    assert "baseline" in first
    assert first.endswith("1.0x")
    assert len(others) >= 5


def test_the_registry_that_is_served_is_one_that_the_gate_accepts(tmp_path: Path) -> None:
    bench = importlib.import_module("benchmarks.bench_http")
    registry = bench.make_registry(tmp_path / "registry", 3)
    records = registry.snapshot().addresses("Model")
    assert len(list(records)) == 3 * len(bench.VERSIONS)
