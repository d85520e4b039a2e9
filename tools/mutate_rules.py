#!/usr/bin/env python
"""Break every rule of the gate in every way that changes a decision, and see whether a test fails.

- A mutant is one edit of one rule module: a condition negated, a comparison or an `and` swapped, a finding not given,
  an answer replaced by none. `tests/rules/test_<module>.py` and the pages of the module's rules have to notice; of a
  module without rules of its own, the tests that `HELPERS` names.
- Each mutant is judged in a forked process, so the edit is never on disk and the next one starts clean.
- A mutant that takes ten times as long as the module's tests do, and 15 seconds, hangs and counts as noticed.
- What survives is listed; a survivor that changes nothing that can be told is listed in `tools/equivalent_mutants.txt`
  (a line each, as this tool prints it) with its reason behind a `#`. Any other survivor is a failure.
"""

from __future__ import annotations

import argparse
import ast
import copy
import io
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
MODULES: Final = ROOT / "validators" / "gitreg_validators"
EQUIVALENT: Final = ROOT / "tools" / "equivalent_mutants.txt"
HELPERS: Final = {
    "data_paths": ("rules/test_policies.py", "rules/test_custom.py"),
    "owners_file": ("test_cli_codeowners.py", "rules/test_governance.py"),
    "patterns": ("rules/test_policies.py", "rules/test_custom.py"),
    "rights": ("rules/test_ownership.py", "rules/test_governance.py", "rules/test_names.py", "rules/test_quotas.py"),
}
"""Modules that have no rules and that rules are made with, and the tests that have to notice when they break."""
SECONDS: Final = 120
"""What the tests of an unbroken module may take."""
LEAST_SECONDS: Final = 15
_SWAPS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """One edit: where, what it is called, and the module's tree with it."""

    module: str
    function: str
    says: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Name it without line numbers, so that it is known again after other lines have moved."""
        return f"{self.module}.{self.function}: {self.says}"


def judged_modules() -> list[str]:
    """Find the modules that have rules, and those that they are made with."""
    found = (path for path in MODULES.glob("*.py") if path.stem[0] != "_" and "\nRULES" in path.read_text("utf-8"))
    return sorted([*(path.stem for path in found), *HELPERS])


def mutants_of(module: str) -> Iterator[Mutant]:
    """Make every mutant of a module; those that read the same are numbered."""
    seen: Counter[str] = Counter()
    for mutant in _all_mutants_of(module):
        seen[mutant.name] += 1
        count = seen[mutant.name]
        yield replace(mutant, says=f"{mutant.says}, number {count}") if count > 1 else mutant


def _all_mutants_of(module: str) -> Iterator[Mutant]:
    tree = _tree_of(module)
    for number, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.FunctionDef):
            continue
        for inner in range(sum(1 for _ in ast.walk(node))):
            yield from _mutants_at(module, tree, number, inner)


def _tree_of(module: str) -> ast.Module:
    return ast.parse((MODULES / f"{module}.py").read_text("utf-8"))


def _mutants_at(module: str, tree: ast.Module, number: int, inner: int) -> Iterator[Mutant]:
    for way in range(3):
        fresh = copy.deepcopy(tree)
        function = list(ast.walk(fresh))[number]
        assert isinstance(function, ast.FunctionDef)  # noqa: S101 - the caller looked
        node = list(ast.walk(function))[inner]
        before = ast.unparse(node) if isinstance(node, (ast.expr, ast.stmt, ast.comprehension)) else ""
        says = _edit(node, way)
        if says is None:
            return
        shown = " ".join(before.split())
        yield Mutant(module, function.name, f"{says} in `{shown[:110]}`", ast.fix_missing_locations(fresh))


def _edit(node: ast.AST, way: int) -> str | None:
    """Change a node in place, in one of several ways; None where there is no such way."""
    match node:
        case ast.If() | ast.IfExp() | ast.While() if way == 0:
            node.test = ast.UnaryOp(ast.Not(), node.test)
            return "the condition is negated"
        case ast.comprehension() if node.ifs and way == 0:
            node.ifs = []
            return "the condition is dropped"
        case ast.Compare() if way < len(node.ops) and type(node.ops[way]) in _SWAPS:
            node.ops[way] = _SWAPS[type(node.ops[way])]()
            return f"comparison {way + 1} is swapped"
        case ast.BoolOp() if way == 0:
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            return "and and or are swapped"
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()) if way == 0:
            node.value = ast.Constant(None)
            return "nothing is found"
        case ast.Return(value=ast.expr()) if way == 0 and not _is_none(node.value):
            node.value = ast.Constant(None)
            return "None is returned"
    return None


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def survives(mutant: Mutant, seconds: float) -> bool:
    """Run the module's tests against a mutant, in a process of its own that may take so long."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _run_tests(mutant)
        finally:
            os._exit(code)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False  # it hangs: somebody would notice


def _run_tests(mutant: Mutant) -> int:
    import pytest

    module = import_module(f"gitreg_validators.{mutant.module}")
    _rewrite(module, compile(mutant.tree, str(MODULES / f"{mutant.module}.py"), "exec"))
    for name in [*_users_of(mutant.module), ""]:
        path = MODULES / f"{name or '__init__'}.py"
        user = import_module(f"gitreg_validators.{name}".rstrip("."))
        _rewrite(user, compile(path.read_text("utf-8"), str(path), "exec"))
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return int(
            pytest.main(
                ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *_tests(module)]
            )
        )


def _users_of(module: str) -> list[str]:
    """Give the modules made with a helper, directly or not; what is made with another one stands behind it."""
    direct = [
        path.stem
        for path in sorted(MODULES.glob("*.py"))
        if f"from gitreg_validators.{module} import" in path.read_text("utf-8")
    ]
    return [*direct, *(name for user in direct for name in _users_of(user))] if module in HELPERS else []


def _tests(module: ModuleType) -> list[str]:
    name = module.__name__.rpartition(".")[2]
    files = [ROOT / "tests" / test for test in HELPERS.get(name, (f"rules/test_{name}.py",))]
    codes = sorted({rule.code for rule in getattr(module, "RULES", ())})
    pages = [f"{ROOT}/tests/rules/test_rule_pages.py::test_the_examples_of_a_page_are_true[{code}]" for code in codes]
    return [*(str(file) for file in files if file.is_file()), *pages]


def _rewrite(module: ModuleType, code: Any) -> None:
    exec(code, module.__dict__)  # noqa: S102 - our own source, with one edit


def main() -> int:
    """Judge the mutants of all rule modules, or of those that are named."""
    parser = argparse.ArgumentParser(description="Break every rule, and see whether a test fails.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="modules; all without one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    os.chdir(ROOT)
    for warmed in ("pytest", "hypothesis", "gate_support", "gitreg.registry", "gitreg_validators"):
        import_module(warmed)
    known = {line.split("  #")[0].strip() for line in _lines(EQUIVALENT)}
    unexplained = 0
    for module in asked.modules or judged_modules():
        began = time.monotonic()
        if not survives(Mutant(module, "", "nothing is changed", _tree_of(module)), SECONDS):
            sys.stdout.write(f"{module}: its tests fail, or are not there, so no mutant tells anything\n")
            unexplained += 1
            continue
        seconds = max(LEAST_SECONDS, 10 * (time.monotonic() - began))
        mutants = list(mutants_of(module))
        alive = list(_alive(mutants, asked.jobs, seconds))
        new = [mutant for mutant in alive if mutant.name not in known]
        unexplained += len(new)
        explained = f", {len(alive) - len(new)} known to change nothing" if len(alive) > len(new) else ""
        sys.stdout.write(f"{module}: {len(mutants)} mutants, {len(mutants) - len(alive)} noticed{explained}\n")
        sys.stdout.writelines(f"  survives: {mutant.name}\n" for mutant in new)
        sys.stdout.flush()
    return 1 if unexplained else 0


def _alive(mutants: list[Mutant], jobs: int, seconds: float) -> Iterator[Mutant]:
    """Judge mutants side by side, and tell on a terminal how far it is."""
    with ThreadPoolExecutor(jobs) as pool:
        judged = pool.map(survives, mutants, [seconds] * len(mutants))
        for number, (mutant, lives) in enumerate(zip(mutants, judged, strict=True), 1):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{mutant.module}: {number} of {len(mutants)}" + "\n" * (number == len(mutants)))
                sys.stderr.flush()
            if lives:
                yield mutant


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
