"""Imports run one way, and the core costs nobody what only a service needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("sqlalchemy", "tantivy", "fastapi", "uvicorn", "starlette", "httpx", "rich", "typer", "click", "jsonschema")


def test_the_contracts_of_import_linter_are_kept() -> None:
    words = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    done = subprocess.run([*words, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    "module",
    ["gitreg.kinds", "gitreg.manifests", "gitreg.registry", "gitreg.validation", "gitreg.repository.snapshot"],
)
def test_the_core_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "gitreg" in loaded
    assert not loaded & set(HEAVY)
    assert not loaded & {"gitreg_validators", "gitreg_indexer", "gitreg_api"}


def test_versions_import_nothing_but_the_standard_library() -> None:
    code = "import sys, gitreg.versions; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name not in sys.stdlib_module_names}
    assert "pydantic" not in ours
    assert "pygit2" not in ours
