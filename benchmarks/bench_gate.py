"""Measure the gate: one file in registries of several sizes, 10,000 files at once, many small commits in a row.

- A one-file change is a whole process (`gitreg validate --base --head`), so it pays for Python and imports too; the
  baseline is `gitreg --version`, and `git diff --raw` of the same two commits.
- What the gate looks up (who mentions what) is made once per clone and kept beside the repository; the time of that is
  told by itself, and the runs that are measured find it there.
- Memory is Linux's `VmHWM` of the process.
- `--sizes 10000 1000000` chooses the registries; making the largest takes minutes and 3 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.generated import SIZES, dataset, generate, model, model_name, namespace_record, space
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import write_commit
from gitreg_validators import validate

RUNS: Final = 7
MANY: Final = 10_000
COMMITS: Final = 300
_WHO: Final = Signature("Example Author", "author@example.com", datetime(2026, 1, 1, tzinfo=UTC))


def committed(repo: GitRepository, parent: str, files: dict[str, bytes]) -> str:
    """Write a commit that no branch names."""
    return write_commit(repo, parent=parent, changes=files, author=_WHO, committer=_WHO, message="change")


def process(*words: str) -> tuple[float, int, int]:
    """Run gitreg in a process of its own: seconds, peak memory in MB, exit code."""
    code = (
        "import sys; from gitreg.cli import main; code = main(sys.argv[1:])\n"
        "line = [l for l in open('/proc/self/status') if l.startswith('VmHWM')]\n"
        "sys.stderr.write('PEAK ' + line[0].split()[1])\n"
        "sys.exit(code)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    peak = int(done.stderr.rpartition("PEAK ")[2] or 0) // 1024
    if done.returncode not in (0, 1, 42):
        raise RuntimeError(done.stderr)
    return took, peak, done.returncode


def median(work: Callable[[], float], runs: int = RUNS) -> float:
    """Give the median of some runs."""
    return statistics.median(work() for _ in range(runs))


def seconds(command: Sequence[str]) -> float:
    """Time a command."""
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def one_file(where: Path, entries: int) -> None:
    """Measure changes of one file in a registry of some size."""
    size = SIZES[entries]
    started = time.perf_counter()
    repo = generate(where, size)
    print(f"  {entries:>9,} entries: made in {time.perf_counter() - started:.0f} s", flush=True)
    tip = repo.tip() or ""
    team = space(size.namespaces // 2)
    name, last = model_name(7), f"1.{size.versions - 1}.0"
    changes = {
        "a new name": {f"models/{team}/brand-new/1.0.0.yaml": model(team, "brand-new", "1.0.0")},
        "a new version": {f"models/{team}/{name}/1.{size.versions}.0.yaml": model(team, name, f"1.{size.versions}.0")},
        "a price": {
            f"models/{team}/{name}/{last}.yaml": model(team, name, last, derived=_parent(team)).replace(b"0.8", b"0.9")
        },
    }
    heads = {what: committed(repo, tip, files) for what, files in changes.items()}
    cold, peak, _ = process("validate", "--repo", str(where), "--base", tip, "--head", heads["a new name"])
    print(f"            the lookups, once per clone: {cold:.1f} s, {peak} MB, {_size(where)} MB on disk", flush=True)
    version = median(lambda: process("--version")[0])
    raw = median(lambda: seconds(["git", "-C", str(where), "diff", "--raw", tip, heads["a price"]]))
    print(f"            gitreg --version {version * 1e3:.0f} ms, git diff --raw {raw * 1e3:.0f} ms")
    for what, head in heads.items():
        words = ("validate", "--repo", str(where), "--base", tip, "--head", head)
        took = sorted(process(*words)[0] for _ in range(RUNS))
        _, peak, code = process(*words)
        print(
            f"            {what:<14} whole process p50 {took[RUNS // 2] * 1e3:.0f} ms, worst {took[-1] * 1e3:.0f} ms, "
            f"{peak} MB, exit {code}, {took[RUNS // 2] / version:.1f}x gitreg --version",
            flush=True,
        )


def _parent(team: str) -> str:
    return f"{team}/{model_name(6)}@1.0.0"


def _size(where: Path) -> int:
    return sum(file.stat().st_size for file in (where / "gitreg").glob("lookups*")) // 1_000_000


def many_files(where: Path) -> None:
    """Measure one change of 10,000 new files."""
    repo = generate(where, SIZES[10_000])
    tip = repo.tip() or ""
    files = {"namespaces/bulk.yaml": namespace_record("bulk"), "datasets/bulk/corpus/1.0.0.yaml": dataset("bulk")}
    files |= {f"models/bulk/{model_name(n)}/1.0.0.yaml": model("bulk", model_name(n), "1.0.0") for n in range(2_500)}
    for part in range(3):
        team = f"bulk-{part}"
        files |= {
            f"namespaces/{team}.yaml": namespace_record(team),
            f"datasets/{team}/corpus/1.0.0.yaml": dataset(team),
        }
        files |= {
            f"models/{team}/{model_name(n)}/1.0.0.yaml": model(team, model_name(n), "1.0.0") for n in range(2_500)
        }
    head = committed(repo, tip, dict(list(files.items())[:MANY]))
    process("validate", "--repo", str(where), "--base", tip, "--head", tip)
    took, peak, code = process("validate", "--repo", str(where), "--base", tip, "--head", head, "--bulk")
    print(f"  {MANY:,} files in one change: {took:.1f} s, {peak} MB, exit {code}", flush=True)


def small_commits(where: Path) -> None:
    """Measure many small commits, judged one after the other in one process."""
    repo = generate(where, SIZES[10_000])
    at = repo.tip() or ""
    pairs: list[tuple[str, str]] = []
    for number in range(COMMITS):
        team = space(number % 25)
        name = f"steady-{number:04}"
        new = committed(repo, at, {f"models/{team}/{name}/1.0.0.yaml": model(team, name, "1.0.0")})
        pairs.append((at, new))
        at = new
    validate(where, pairs[0][0], pairs[0][1])
    started = time.perf_counter()
    outcomes = {validate(where, base, head).outcome for base, head in pairs}
    took = time.perf_counter() - started
    raw = time.perf_counter()
    for base, head in pairs:
        list(repo.diff(base, head))
    bare = time.perf_counter() - raw
    print(
        f"  {COMMITS} small commits in one process: {COMMITS / took:.0f}/s ({', '.join(sorted(outcomes))}), "
        f"{took / bare:.0f}x comparing the trees alone",
        flush=True,
    )


def main(argv: Sequence[str]) -> None:
    """Run all, or the sizes that are named."""
    parser = argparse.ArgumentParser(description="Measure the gate.")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 1_000_000], choices=sorted(SIZES))
    asked = parser.parse_args(argv)
    os.environ.setdefault("GIT_CONFIG_NOSYSTEM", "1")
    with tempfile.TemporaryDirectory(prefix="gitreg-bench-") as folder:
        top = Path(folder)
        many_files(top / "many.git")
        small_commits(top / "small.git")
        for entries in asked.sizes:
            one_file(top / f"{entries}.git", entries)


if __name__ == "__main__":
    main(sys.argv[1:])
